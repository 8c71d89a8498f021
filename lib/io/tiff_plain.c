/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stream's image member, written without a library: always the same 192 bytes in front of the pixels.
 *
 *       0  "II" 42, offset of the directory (8)
 *       8  number of entries (13), 13 x 12 bytes, offset of the next directory (0)
 *     170  six zero bytes
 *     176  XResolution 1/1, YResolution 1/1: baseline readers want them; unit "none", the record has the real scale
 *     192  rows
 */
#include "io/tiff_plain.h"

#include <stdint.h>
#include <string.h>

/* Rows go out, and come in, as they lie in memory; so do NPY's. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian machine needs byte swaps in lib/io");

enum { ENTRIES = 13, DIRECTORY = 8, RESOLUTION = 176, SHORT = 3, LONG = 4, RATIONAL = 5 };

static void put16(unsigned char *p, unsigned v)
{
	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
}

static void put32(unsigned char *p, size_t v)
{
	put16(p, (unsigned)(v & 0xffff));
	put16(p + 2, (unsigned)(v >> 16 & 0xffff));
}

static size_t get32(const unsigned char *p)
{
	return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

/* TIFF's SampleFormat; 0 for a type that our member does not hold. */
static unsigned sample_format(enum em_dtype dtype)
{
	switch (dtype) {
	case EM_U8:
	case EM_U16: return 1;
	case EM_I16:
	case EM_I32: return 2;
	case EM_F32: return 3;
	default: return 0;
	}
}

size_t em_tiff_plain_size(enum em_dtype dtype, size_t height, size_t width)
{
	size_t bytes;

	if (!sample_format(dtype) || !height || !width || height > UINT32_MAX || width > UINT32_MAX)
		return 0;
	if (em_array_measure(dtype, 2, (const size_t[]){height, width}, &bytes))
		return 0;
	return bytes <= UINT32_MAX - EM_TIFF_PLAIN_HEADER ? EM_TIFF_PLAIN_HEADER + bytes : 0;
}

static unsigned char *put_entry(unsigned char *p, unsigned tag, unsigned type, size_t value)
{
	put16(p, tag);
	put16(p + 2, type);
	put32(p + 4, 1);
	put32(p + 8, value);
	return p + 12;
}

void em_tiff_plain_header(unsigned char *out, enum em_dtype dtype, size_t height, size_t width)
{
	size_t item = em_dtype_size(dtype);
	unsigned char *p = out + DIRECTORY + 2;

	memset(out, 0, EM_TIFF_PLAIN_HEADER);
	memcpy(out, "II*", 3);
	put32(out + 4, DIRECTORY);
	put16(out + DIRECTORY, ENTRIES);
	p = put_entry(p, 256, LONG, width);
	p = put_entry(p, 257, LONG, height);
	p = put_entry(p, 258, SHORT, 8 * item);
	p = put_entry(p, 259, SHORT, 1); /* not compressed */
	p = put_entry(p, 262, SHORT, 1); /* black is zero */
	p = put_entry(p, 273, LONG, EM_TIFF_PLAIN_HEADER);
	p = put_entry(p, 277, SHORT, 1);
	p = put_entry(p, 278, LONG, height);
	p = put_entry(p, 279, LONG, height * width * item);
	p = put_entry(p, 282, RATIONAL, RESOLUTION);
	p = put_entry(p, 283, RATIONAL, RESOLUTION + 8);
	p = put_entry(p, 296, SHORT, 1);
	put_entry(p, 339, SHORT, sample_format(dtype));
	for (int i = 0; i < 4; i++)
		put32(out + RESOLUTION + 4 * i, 1);
}

/* Rather than parse, write the header that such a file would have, and compare. */
bool em_tiff_plain_match(struct em_blob blob, enum em_dtype *dtype, size_t *height, size_t *width)
{
	static const enum em_dtype types[] = {EM_U8, EM_U16, EM_F32, EM_I16, EM_I32};
	unsigned char want[EM_TIFF_PLAIN_HEADER];

	if (blob.size <= EM_TIFF_PLAIN_HEADER || blob.data[DIRECTORY] != ENTRIES)
		return false;
	*width = get32(blob.data + DIRECTORY + 2 + 8);
	*height = get32(blob.data + DIRECTORY + 2 + 12 + 8);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (em_tiff_plain_size(types[i], *height, *width) != blob.size)
			continue;
		em_tiff_plain_header(want, types[i], *height, *width);
		if (!memcmp(want, blob.data, sizeof(want))) {
			*dtype = types[i];
			return true;
		}
	}
	return false;
}

int em_tiff_plain_encode(const struct em_array *a, struct em_text *out, struct em_error *err)
{
	unsigned char header[EM_TIFF_PLAIN_HEADER];

	if (a->ndim != 2)
		return em_error_set(err, EM_ERROR_USAGE, "a TIFF holds 2-D images, not %d-D arrays: write NPY",
		                    a->ndim);
	if (!em_tiff_plain_size(a->dtype, a->shape[0], a->shape[1]))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "a TIFF here holds up to 4 GiB of uint8, uint16, int16, int32 or float32, not "
		                    "%zu x %zu of %s: write NPY",
		                    a->shape[1], a->shape[0], em_dtype_name(a->dtype));
	em_tiff_plain_header(header, a->dtype, a->shape[0], a->shape[1]);
	em_text_append_bytes(out, header, sizeof(header));
	em_text_append_bytes(out, a->data, em_array_bytes(a));
	return em_text_check(out, err);
}
