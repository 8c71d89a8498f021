/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the file formats share.  Include after cmocka.h. */
#ifndef EM_TESTS_CODEC_HELP_H
#define EM_TESTS_CODEC_HELP_H

#include "io/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FRAMES 16

/* All frames of a file. */
struct frames {
	struct em_array a[MAX_FRAMES];
	size_t count;
};

static inline void frames_release(struct frames *f)
{
	while (f->count)
		em_array_release(&f->a[--f->count]);
}

/* In memory of exactly its size, so that the sanitizers see a step outside.  0, or -1 with err. */
static inline int frames_read(const void *bytes, size_t n, struct frames *f, struct em_error *err)
{
	unsigned char *copy = malloc(n ? n : 1);
	struct em_blob blob = {copy, n};
	const struct em_codec *codec;
	size_t count = 0;
	void *state;
	int rc = 0;

	memset(f, 0, sizeof(*f));
	memcpy(copy, bytes, n);
	codec = em_codec_detect(copy, n);
	if (!codec || codec->open(&(struct em_file){.blob = blob}, &state, &count, err)) {
		if (!codec)
			em_error_set(err, EM_ERROR_DATA, "not recognised");
		free(copy);
		return -1;
	}
	assert_true(count > 0);
	for (size_t i = 0; i < count && i < MAX_FRAMES && !rc; i++) {
		struct em_meta meta;

		em_meta_init(&meta);
		rc = codec->read(state, i, &f->a[i], &meta, err);
		f->count += !rc;
	}
	codec->close(state);
	if (rc)
		frames_release(f);
	free(copy);
	return rc;
}

static inline bool same_array(const struct em_array *a, const struct em_array *b)
{
	if (a->dtype != b->dtype || a->ndim != b->ndim)
		return false;
	for (int i = 0; i < a->ndim; i++)
		if (a->shape[i] != b->shape[i])
			return false;
	return !memcmp(a->data, b->data, em_array_bytes(a));
}

/* The file decodes to exactly these frames. */
static inline void expect_frames(const void *bytes, size_t n, const struct em_array *want, size_t count)
{
	struct em_error err = {0};
	struct frames f;

	if (frames_read(bytes, n, &f, &err))
		fail_msg("%s", err.text);
	assert_int_equal(f.count, count);
	for (size_t i = 0; i < count; i++)
		assert_true(same_array(&f.a[i], &want[i]));
	frames_release(&f);
}

/* The file is refused, in words that hold `part`. */
static inline void expect_refused(const void *bytes, size_t n, const char *part)
{
	struct em_error err = {0};
	struct frames f;

	if (!frames_read(bytes, n, &f, &err)) {
		frames_release(&f);
		fail_msg("accepted; expected: %s", part);
	}
	assert_int_equal(err.kind, EM_ERROR_DATA);
	if (!strstr(err.text, part))
		fail_msg("message \"%s\" does not hold \"%s\"", err.text, part);
}

/* Cut anywhere, the file is refused or (where only bytes that no pixel needs were lost) still read right. */
static inline size_t cut_everywhere(const void *bytes, size_t n)
{
	struct frames whole, f;
	struct em_error err = {0};
	size_t refused = 0;

	assert_int_equal(frames_read(bytes, n, &whole, &err), 0);
	for (size_t cut = 0; cut < n; cut++) {
		err.kind = EM_ERROR_NONE;
		if (frames_read(bytes, cut, &f, &err)) {
			assert_int_not_equal(err.kind, EM_ERROR_NONE);
			refused++;
			continue;
		}
		if (f.count != whole.count)
			fail_msg("cut at %zu of %zu: %zu frames", cut, n, f.count);
		for (size_t i = 0; i < f.count; i++)
			if (!same_array(&f.a[i], &whole.a[i]))
				fail_msg("cut at %zu of %zu: other pixels", cut, n);
		frames_release(&f);
	}
	frames_release(&whole);
	return refused;
}

/* With any one byte changed the file is read or refused; the sanitizers see to the rest. */
static inline void flip_everywhere(const void *bytes, size_t n)
{
	static const unsigned char masks[] = {0x01, 0x80, 0xff};
	unsigned char *copy = malloc(n);

	for (size_t at = 0; at < n; at++)
		for (size_t k = 0; k < sizeof(masks); k++) {
			struct em_error err = {0};
			struct frames f;

			memcpy(copy, bytes, n);
			copy[at] ^= masks[k];
			if (frames_read(copy, n, &f, &err))
				assert_int_not_equal(err.kind, EM_ERROR_NONE);
			frames_release(&f);
		}
	free(copy);
}

/* A picture of every type with something in every byte: a fixed generator, all bits used. */
static inline void fill(struct em_array *a, unsigned seed)
{
	unsigned char *p = a->data;
	size_t n = em_array_bytes(a);
	unsigned long long x = seed * 2654435761ull + 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		p[i] = (unsigned char)(x >> 56);
	}
	/* Not NaN: floats are whole numbers with a sign. */
	if (a->dtype == EM_F32)
		for (size_t i = 0; i < n / 4; i++)
			((float *)a->data)[i] = (float)((short *)a->data)[2 * i];
	if (a->dtype == EM_F64)
		for (size_t i = 0; i < n / 8; i++)
			((double *)a->data)[i] = (double)((int *)a->data)[2 * i];
}

static inline struct em_array picture(enum em_dtype dtype, size_t height, size_t width, unsigned seed)
{
	struct em_array a;

	assert_int_equal(em_array_alloc_image(&a, dtype, height, width, NULL), 0);
	fill(&a, seed);
	return a;
}

#endif
