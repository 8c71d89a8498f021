/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For the tests of EMD and HSPY: data sets of counts, and what a codec says of a frame. */
#ifndef EM_TESTS_EMD_HELP_H
#define EM_TESTS_EMD_HELP_H

#include "codec_help.h"

#include "bytes_help.h"

#include "hdf_help.h"

static inline uint64_t put_u16(struct em_text *file, int ndim, const size_t *shape, size_t n)
{
	struct em_text type = make_type((struct kind){0, false, false, 2});
	struct em_text messages = begin_dataset(&type, ndim, shape), bytes = {0};
	uint64_t at;

	for (size_t i = 0; i < n; i++)
		put(&bytes, i, 2, false);
	at = put_dataset(file, &messages, bytes.s, bytes.len);
	em_text_release(&bytes);
	return at;
}

static inline void check_place(const struct em_text *file, size_t frame, const char *want)
{
	struct em_blob blob = {(const unsigned char *)file->s, file->len};
	const struct em_codec *codec = em_codec_of_extension("emd");
	struct em_place place;
	size_t frames;
	void *opened;
	char buf[160];

	assert_int_equal(codec->open(&(struct em_file){.blob = blob}, &opened, &frames, NULL), 0);
	codec->locate(opened, frame, &place);
	snprintf(buf, sizeof(buf), "%zu/%zu %zu/%zu %s", place.set, place.sets, place.index, place.count, place.name);
	codec->close(opened);
	assert_string_equal(buf, want);
}

static inline void check_tags(const struct em_text *file, const char *want)
{
	struct em_blob blob = {(const unsigned char *)file->s, file->len};
	const struct em_codec *codec = em_codec_of_extension("hspy");
	struct em_text json = {0};
	size_t frames;
	void *opened;

	assert_int_equal(codec->open(&(struct em_file){.blob = blob}, &opened, &frames, NULL), 0);
	assert_int_equal(codec->tags(opened, 0, &json, NULL), 0);
	codec->close(opened);
	assert_string_equal(em_text_get(&json), want);
	em_text_release(&json);
}

#endif
