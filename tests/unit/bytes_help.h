/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files put together number by number, in either byte order.  Include after codec_help.h. */
#ifndef EM_TESTS_BYTES_H
#define EM_TESTS_BYTES_H

#include "base/text.h"

#include <stdint.h>
#include <string.h>

static inline void store(unsigned char *to, uint64_t v, size_t size, bool big)
{
	for (size_t i = 0; i < size; i++)
		to[big ? size - 1 - i : i] = (unsigned char)(v >> 8 * i);
}

static inline void store_f32(unsigned char *to, float v, bool big)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	store(to, bits, 4, big);
}

static inline void store_f64(unsigned char *to, double v, bool big)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	store(to, bits, 8, big);
}

static inline void put(struct em_text *t, uint64_t v, size_t size, bool big)
{
	unsigned char bytes[8];

	store(bytes, v, size, big);
	em_text_append_bytes(t, bytes, size);
}

static inline void put_f64(struct em_text *t, double v, bool big)
{
	unsigned char bytes[8];

	store_f64(bytes, v, big);
	em_text_append_bytes(t, bytes, 8);
}

static inline bool is_big_machine(void)
{
	const uint16_t one = 1;
	unsigned char first;

	memcpy(&first, &one, 1);
	return !first;
}

/* Elements as this machine has them, numbers of `part` bytes, in the order asked for. */
static inline void put_numbers(struct em_text *t, const void *numbers, size_t n, size_t part, bool big)
{
	const unsigned char *p = numbers;

	for (size_t i = 0; i < n; i++, p += part) {
		unsigned char swapped[8];

		if (big != is_big_machine()) {
			for (size_t k = 0; k < part; k++)
				swapped[k] = p[part - 1 - k];
			em_text_append_bytes(t, swapped, part);
		} else {
			em_text_append_bytes(t, p, part);
		}
	}
}

/* One frame with what the file says about it. */
static inline void frame_read(const struct em_text *file, size_t frame, struct em_array *a, struct em_record *meta)
{
	struct em_blob blob = {(const unsigned char *)file->s, file->len};
	const struct em_codec *codec = em_codec_detect(blob.data, blob.size);
	struct em_error err = {0};
	size_t frames = 0;
	struct em_meta found;
	void *codec_state = NULL;

	memset(meta, 0, sizeof(*meta));
	if (!codec || codec->open(&(struct em_file){.blob = blob}, &codec_state, &frames, &err))
		fail_msg("%s", codec ? err.text : "not recognised");
	assert_true(frame < frames);
	em_meta_init(&found);
	if (codec->read(codec_state, frame, a, &found, &err) || em_meta_put(&found, meta, &err))
		fail_msg("%s", err.text);
	codec->close(codec_state);
}

static inline void check_axis(const struct em_axis *axis, const char *name, double scale, double offset,
                               const char *units)
{
	assert_string_equal(axis->name, name);
	assert_string_equal(axis->units, units);
	if (!(fabs(axis->scale - scale) <= 1e-6 * fabs(scale) && fabs(axis->offset - offset) <= 1e-6 * fabs(offset)))
		fail_msg("axis %s: scale %.9g, offset %.9g; expected %.9g, %.9g", name, axis->scale, axis->offset,
		         scale, offset);
}

static inline void check_number(const struct em_record *meta, const char *path, double want)
{
	double v;

	if (!em_record_number(meta, path, &v))
		fail_msg("%s is not there", path);
	if (!(fabs(v - want) <= 1e-6 * fabs(want)))
		fail_msg("%s is %.9g; expected %.9g", path, v, want);
}

static inline void check_json(const struct em_record *meta, const char *name, const char *want)
{
	const char *json = em_record_get(meta, name);

	if (!json)
		fail_msg("%s is not there", name);
	assert_string_equal(json, want);
}

static inline void check_text(const struct em_record *meta, const char *path, const char *want)
{
	char text[64];

	if (!em_record_string(meta, path, text, sizeof(text)))
		fail_msg("%s is not there", path);
	assert_string_equal(text, want);
}

#endif
