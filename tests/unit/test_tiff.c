/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One page of every kind.  Pages and faults: test_tiff_pages.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tiff_help.h"

/* ---- the plain image ---- */

static void plain_image_is_192_bytes_and_rows(void **state)
{
	static const enum em_dtype types[] = {EM_U8, EM_U16, EM_I16, EM_I32, EM_F32};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct em_array a = picture(types[i], 5, 9, (unsigned)i);
		struct em_text t = {0};

		assert_int_equal(em_codec_of_extension("tif")->encode(&a, &t, NULL), 0);
		assert_int_equal(t.len, 192 + em_array_bytes(&a));
		assert_int_equal(t.len, em_tiff_plain_size(types[i], 5, 9));
		assert_memory_equal(t.s + 192, a.data, em_array_bytes(&a));
		expect_frames(t.s, t.len, &a, 1);
		t.s[184] = 2; /* another resolution: now it is libtiff that reads it */
		expect_frames(t.s, t.len, &a, 1);
		em_text_release(&t);
		em_array_release(&a);
	}
}

static void plain_image_has_bounds(void **state)
{
	struct em_array a = picture(EM_F64, 2, 2, 1);
	struct em_text t = {0};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_tiff_plain_size(EM_F64, 2, 2), 0);
	assert_int_equal(em_tiff_plain_size(EM_U8, 0, 2), 0);
	assert_int_equal(em_tiff_plain_size(EM_U8, 65536, 65536), 0);
	assert_int_equal(em_tiff_plain_size(EM_U8, SIZE_MAX, SIZE_MAX), 0);
	assert_int_equal(em_tiff_plain_size(EM_U8, 1, UINT32_MAX - 192), UINT32_MAX);
	assert_int_equal(em_codec_of_extension("tif")->encode(&a, &t, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(t.len, 0);
	em_array_release(&a);
}

/* ---- everything libtiff writes ---- */

static void one_of_the_matrix(enum em_dtype dtype, uint16_t format, const char *mode, uint16_t compression,
                              uint16_t predictor, uint32_t tile)
{
	struct em_array a = picture(dtype, 21, 37, (unsigned)dtype);
	size_t item = em_dtype_size(dtype);
	struct style s = {.mode = mode, .bits = (uint16_t)(8 * item), .format = format, .compression = compression,
	                  .photometric = PHOTOMETRIC_MINISBLACK, .predictor = predictor, .tile = tile,
	                  .rows_per_strip = 8};

	expect_pixels(&s, 37, 21, a.data, 37 * item, dtype, a.data);
	em_array_release(&a);
}

/* Big-endian with predictor 3 is left out: libtiff 4.5 writes swapped bytes.  It is made by hand in test_tiff_pages. */
static void every_compression(enum em_dtype dtype, uint16_t format, const char *mode, uint32_t tile)
{
	uint16_t predictor = format == SAMPLEFORMAT_IEEEFP ? PREDICTOR_FLOATINGPOINT : PREDICTOR_HORIZONTAL;

	one_of_the_matrix(dtype, format, mode, COMPRESSION_NONE, 0, tile);
	one_of_the_matrix(dtype, format, mode, COMPRESSION_PACKBITS, 0, tile);
	one_of_the_matrix(dtype, format, mode, COMPRESSION_LZW, 0, tile);
	one_of_the_matrix(dtype, format, mode, COMPRESSION_ADOBE_DEFLATE, 0, tile);
	if (predictor == PREDICTOR_FLOATINGPOINT && mode[1] == 'b')
		return;
	one_of_the_matrix(dtype, format, mode, COMPRESSION_LZW, predictor, tile);
	one_of_the_matrix(dtype, format, mode, COMPRESSION_ADOBE_DEFLATE, predictor, tile);
}

static void every_type_order_layout_and_compression(void **state)
{
	static const struct {
		enum em_dtype dtype;
		uint16_t format;
	} types[] = {{EM_U8, 1}, {EM_U16, 1}, {EM_U32, 1}, {EM_U64, 1}, {EM_I8, 2}, {EM_I16, 2},
	             {EM_I32, 2}, {EM_I64, 2}, {EM_F32, 3}, {EM_F64, 3}};
	static const char *const modes[] = {"wl", "wb", "wl8", "wb8"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		for (size_t m = 0; m < 4; m++) {
			every_compression(types[i].dtype, types[i].format, modes[m], 0);
			every_compression(types[i].dtype, types[i].format, modes[m], 16);
		}
}

static void white_is_zero_is_turned_over(void **state)
{
	struct style s = {.bits = 8, .photometric = PHOTOMETRIC_MINISWHITE};

	(void)state;
	expect_pixels(&s, 3, 1, (const uint8_t[]){0, 7, 255}, 3, EM_U8, (const uint8_t[]){255, 248, 0});
	s.bits = 16;
	expect_pixels(&s, 3, 1, (const uint16_t[]){0, 7, 65535}, 6, EM_U16, (const uint16_t[]){65535, 65528, 0});
	s.bits = 32;
	expect_pixels(&s, 2, 1, (const uint32_t[]){0, 7}, 8, EM_U32, (const uint32_t[]){UINT32_MAX, UINT32_MAX - 7});
	s.format = SAMPLEFORMAT_IEEEFP; /* no greatest value to count from */
	expect_pixels(&s, 2, 1, (const float[]){0.5f, -7}, 8, EM_F32, (const float[]){0.5f, -7});
	s.format = SAMPLEFORMAT_INT;
	s.bits = 16;
	expect_pixels(&s, 2, 1, (const int16_t[]){-5, 7}, 4, EM_I16, (const int16_t[]){-5, 7});
}

static void few_bits_are_stretched_and_twelve_are_counts(void **state)
{
	struct style s = {.bits = 1, .photometric = PHOTOMETRIC_MINISBLACK};

	(void)state;
	expect_pixels(&s, 9, 1, "\xa5\x80", 2, EM_U8, (const uint8_t[]){255, 0, 255, 0, 0, 255, 0, 255, 255});
	s.photometric = PHOTOMETRIC_MINISWHITE;
	s.compression = COMPRESSION_CCITTFAX4;
	expect_pixels(&s, 9, 1, "\xa5\x80", 2, EM_U8, (const uint8_t[]){0, 255, 0, 255, 255, 0, 255, 0, 0});
	s = (struct style){.bits = 2, .photometric = PHOTOMETRIC_MINISBLACK};
	expect_pixels(&s, 4, 1, "\x1b", 1, EM_U8, (const uint8_t[]){0, 85, 170, 255});
	s.bits = 4;
	expect_pixels(&s, 3, 1, "\x0f\x30", 2, EM_U8, (const uint8_t[]){0, 255, 51});
	s.bits = 12;
	expect_pixels(&s, 3, 1, "\xab\xcd\xef\x12\x30", 5, EM_U16, (const uint16_t[]){0xabc, 0xdef, 0x123});
	s.photometric = PHOTOMETRIC_MINISWHITE;
	expect_pixels(&s, 3, 1, "\xab\xcd\xef\x12\x30", 5, EM_U16, (const uint16_t[]){0x543, 0x210, 0xedc});
}

static void half_floats_are_exact(void **state)
{
	struct style s = {.bits = 16, .format = SAMPLEFORMAT_IEEEFP, .photometric = PHOTOMETRIC_MINISBLACK};
	const uint16_t half[] = {0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00, 0x3555, 0x0400};
	const float want[] = {1, -2, 65504, 0x1p-24f, -0.0f, 1e30f * 1e30f, 0.333251953125f, 0x1p-14f};

	(void)state;
	expect_pixels(&s, 8, 1, half, 16, EM_F32, want);
}

static void color_becomes_gray(void **state)
{
	static const uint8_t want[] = {76, 150, 29, 64};
	static const uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 64, 64, 64};
	static const uint8_t rgba[] = {255, 0, 0, 9, 0, 255, 0, 8, 0, 0, 255, 7, 64, 64, 64, 6};
	static const uint8_t planes[] = {255, 0, 0, 64, 0, 255, 0, 64, 0, 0, 255, 64};
	static const uint16_t rgb16[] = {65535, 0, 0, 1000, 1000, 1000}, want16[] = {19596, 1000};
	struct style s = {.bits = 8, .samples = 3, .photometric = PHOTOMETRIC_RGB};

	(void)state;
	expect_pixels(&s, 4, 1, rgb, 12, EM_U8, want);
	s.samples = 4;
	expect_pixels(&s, 4, 1, rgba, 16, EM_U8, want);
	s.samples = 3;
	s.planar = PLANARCONFIG_SEPARATE;
	expect_pixels(&s, 4, 1, planes, 4, EM_U8, want);
	s.tile = 16;
	expect_pixels(&s, 4, 1, planes, 4, EM_U8, want);
	s = (struct style){.mode = "wb", .bits = 16, .samples = 3, .photometric = PHOTOMETRIC_RGB};
	expect_pixels(&s, 2, 1, rgb16, 12, EM_U16, want16);
}

static void palettes_are_looked_up(void **state)
{
	struct style s = {.bits = 8, .photometric = PHOTOMETRIC_PALETTE};
	uint16_t map[3][256] = {{0}};
	unsigned char *bytes;
	struct em_array want;
	TIFF *t = begin("w");
	size_t n;

	(void)state;
	map[0][1] = 65535;
	map[1][2] = 65535;
	map[0][3] = map[1][3] = map[2][3] = 0x4040;
	set_tags(t, &s, 4, 1);
	TIFFSetField(t, TIFFTAG_COLORMAP, map[0], map[1], map[2]);
	put_page(t, &s, 4, 1, "\0\1\2\3", 4);
	n = finish(t, &bytes);
	em_array_alloc_image(&want, EM_U8, 1, 4, NULL);
	memcpy(want.data, (const uint8_t[]){0, 76, 150, 64}, 4);
	expect_frames(bytes, n, &want, 1);
	em_array_release(&want);
	free(bytes);
}

static void what_is_not_supported_says_so(void **state)
{
	static const struct {
		struct style s;
		const char *part;
	} cases[] = {
		{{.bits = 8, .samples = 2, .photometric = PHOTOMETRIC_MINISBLACK}, "2 channels"},
		{{.bits = 8, .samples = 4, .photometric = PHOTOMETRIC_SEPARATED}, "colour space 5"},
		{{.bits = 64, .format = SAMPLEFORMAT_COMPLEXIEEEFP, .photometric = PHOTOMETRIC_MINISBLACK}, "format 6"},
		{{.bits = 32, .samples = 3, .photometric = PHOTOMETRIC_RGB}, "colour of 32 bits"},
	};
	static const unsigned char zeros[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char *bytes;
		size_t n = make(&bytes, &cases[i].s, 2, 1, zeros, 24);

		expect_refused(bytes, n, cases[i].part);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_image_is_192_bytes_and_rows),
		cmocka_unit_test(plain_image_has_bounds),
		cmocka_unit_test(every_type_order_layout_and_compression),
		cmocka_unit_test(white_is_zero_is_turned_over),
		cmocka_unit_test(few_bits_are_stretched_and_twelve_are_counts),
		cmocka_unit_test(half_floats_are_exact),
		cmocka_unit_test(color_becomes_gray),
		cmocka_unit_test(palettes_are_looked_up),
		cmocka_unit_test(what_is_not_supported_says_so),
	};

	TIFFSetWarningHandler(NULL); /* the writer's */
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
