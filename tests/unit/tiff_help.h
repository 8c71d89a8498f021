/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TIFFs made by libtiff's writer.  Include after cmocka.h. */
#ifndef EM_TESTS_TIFF_HELP_H
#define EM_TESTS_TIFF_HELP_H

#include "codec_help.h"

#include <tiffio.h>
#include <unistd.h>

/* How a page is written; zero means one strip, not compressed, black is zero, one sample. */
struct style {
	const char *mode; /* of TIFFOpen: "wl", "wb8", ... */
	uint16_t bits, format, samples, planar, photometric, compression, predictor;
	uint32_t tile, rows_per_strip, subfile;
};

static inline void set_tags(TIFF *t, const struct style *s, uint32_t width, uint32_t height)
{
	TIFFSetField(t, TIFFTAG_SUBFILETYPE, s->subfile);
	TIFFSetField(t, TIFFTAG_IMAGEWIDTH, width);
	TIFFSetField(t, TIFFTAG_IMAGELENGTH, height);
	TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, s->bits);
	TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, s->format ? s->format : SAMPLEFORMAT_UINT);
	TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, s->samples ? s->samples : 1);
	TIFFSetField(t, TIFFTAG_PLANARCONFIG, s->planar ? s->planar : PLANARCONFIG_CONTIG);
	TIFFSetField(t, TIFFTAG_COMPRESSION, s->compression ? s->compression : COMPRESSION_NONE);
	TIFFSetField(t, TIFFTAG_PHOTOMETRIC, s->photometric);
	if (s->predictor)
		TIFFSetField(t, TIFFTAG_PREDICTOR, s->predictor);
	if (s->tile) {
		TIFFSetField(t, TIFFTAG_TILEWIDTH, s->tile);
		TIFFSetField(t, TIFFTAG_TILELENGTH, s->tile);
	} else {
		TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, s->rows_per_strip ? s->rows_per_strip : height);
	}
}

/* `rows`: row_bytes bytes a row (of one plane, which follow each other). */
static inline void put_page(TIFF *t, const struct style *s, uint32_t width, uint32_t height, const void *rows,
                     size_t row_bytes)
{
	uint16_t planes = s->planar == PLANARCONFIG_SEPARATE ? s->samples : 1;
	const unsigned char *from = rows;

	set_tags(t, s, width, height);
	for (uint16_t k = 0; k < planes; k++, from += height * row_bytes) {
		unsigned char row[4096];

		for (uint32_t y = 0; !s->tile && y < height; y++) {
			memcpy(row, from + y * row_bytes, row_bytes); /* libtiff swaps in place */
			assert_int_equal(TIFFWriteScanline(t, row, y, k), 1);
		}
		for (uint32_t y = 0; s->tile && y < height; y += s->tile)
			for (uint32_t x = 0; x < width; x += s->tile) {
				unsigned char tile[64 * 64 * 8] = {0};
				size_t item = row_bytes / width;

				for (uint32_t r = 0; r < s->tile && y + r < height; r++)
					memcpy(tile + r * s->tile * item, from + (y + r) * row_bytes + x * item,
					       (width - x < s->tile ? width - x : s->tile) * item);
				assert_true(TIFFWriteTile(t, tile, x, y, 0, k) > 0);
			}
	}
	assert_int_equal(TIFFWriteDirectory(t), 1);
}

static FILE *scratch;

static inline TIFF *begin(const char *mode)
{
	scratch = tmpfile();
	assert_non_null(scratch);
	return TIFFFdOpen(dup(fileno(scratch)), "test", mode);
}

static inline size_t finish(TIFF *t, unsigned char **bytes)
{
	size_t n;

	TIFFClose(t);
	fseek(scratch, 0, SEEK_END);
	n = (size_t)ftell(scratch);
	rewind(scratch);
	*bytes = malloc(n);
	assert_int_equal(fread(*bytes, 1, n, scratch), n);
	fclose(scratch);
	return n;
}

static inline size_t make(unsigned char **bytes, const struct style *s, uint32_t width, uint32_t height,
                          const void *rows, size_t row_bytes)
{
	TIFF *t = begin(s->mode ? s->mode : "w");

	put_page(t, s, width, height, rows, row_bytes);
	return finish(t, bytes);
}

static inline void expect_pixels(const struct style *s, uint32_t width, uint32_t height, const void *rows,
                                 size_t row_bytes, enum em_dtype dtype, const void *pixels)
{
	unsigned char *bytes;
	size_t n = make(&bytes, s, width, height, rows, row_bytes);
	struct em_array want;

	em_array_alloc_image(&want, dtype, height, width, NULL);
	memcpy(want.data, pixels, em_array_bytes(&want));
	expect_frames(bytes, n, &want, 1);
	em_array_release(&want);
	free(bytes);
}

#endif
