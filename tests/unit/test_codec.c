/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table, the claims, grey from colour; PNG and JPEG.  TIFF, NPY and NPZ have files of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include <jpeglib.h>
#include <zlib.h>

static void the_table_finds_formats(void **state)
{
	static const char *const words[][2] = {{"tif", "tiff"}, {"TIFF", "tiff"}, {"png", "png"}, {"JPG", "jpeg"},
	                                       {"jpeg", "jpeg"}, {"Npy", "npy"},  {"npz", "npz"}};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct em_codec *c = em_codec_of_extension(words[i][0]);

		assert_non_null(c);
		assert_string_equal(c->name, words[i][1]);
	}
	assert_null(em_codec_of_extension(""));
	assert_null(em_codec_of_extension("ti"));
	assert_null(em_codec_of_extension("tif tiff"));
	assert_null(em_codec_of_extension("json"));
	while (em_codec_at(n))
		n++;
	assert_true(n >= 5);
	assert_null(em_codec_at(n + 1));
}

static void foreign_bytes_are_not_recognised(void **state)
{
	static const char *const foreign[] = {"", "I", "II", "hello world", "%PDF-1.4", "GIF89a",
	                                      "\x89PNG\r\n", "PK\3\4"};
	struct em_error err = {0};
	struct em_array a;

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		struct em_blob blob = {(const unsigned char *)foreign[i], strlen(foreign[i])};

		assert_null(em_codec_detect(blob.data, blob.size));
		assert_int_equal(em_codec_decode(blob, &a, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
	}
	assert_non_null(strstr(err.text, "tiff"));
}

static void claims_beyond_the_bytes_are_refused(void **state)
{
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_codec_check_claim(EM_U8, 1024, 1024, 0, &err), 0);
	assert_int_equal(em_codec_check_claim(EM_U8, 1024, 1025, 0, &err), -1);
	assert_int_equal(em_codec_check_claim(EM_U16, 2000, 1000, 2000, &err), 0);
	assert_int_equal(em_codec_check_claim(EM_F64, 1000000000, 1000000000, 100, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_codec_check_claim(EM_F64, SIZE_MAX, SIZE_MAX, SIZE_MAX, &err), -1);
	assert_int_equal(em_codec_check_claim(EM_U8, 0, 5, 100, &err), -1);
	assert_non_null(strstr(err.text, "5 x 0"));
}

/* Y = 0.299 R + 0.587 G + 0.114 B, in 14 bits: never more than one from the exact value, exact for neutral pixels. */
static void gray_is_bt601(void **state)
{
	unsigned char rgb[4] = {0}, g;
	unsigned short rgb16[3], g16;

	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		memset(rgb, (int)v, sizeof(rgb));
		em_rgb_to_gray_u8(rgb, 4, 1, &g);
		assert_int_equal(g, v);
	}
	for (unsigned v = 0; v < 65536; v++) {
		rgb16[0] = rgb16[1] = rgb16[2] = (unsigned short)v;
		em_rgb_to_gray_u16(rgb16, 3, 1, &g16);
		assert_int_equal(g16, v);
	}
	em_rgb_to_gray_u8((const unsigned char[]){255, 0, 0, 0, 255, 0, 0, 0, 255}, 3, 1, &g);
	assert_int_equal(g, 76);
	em_rgb_to_gray_u8((const unsigned char[]){0, 255, 0}, 3, 1, &g);
	assert_int_equal(g, 150);
	em_rgb_to_gray_u8((const unsigned char[]){0, 0, 255}, 3, 1, &g);
	assert_int_equal(g, 29);
}

/* ---- PNG ---- */

static void put_be32(unsigned char *p, unsigned long v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (24 - 8 * i));
}

static void put_chunk(struct em_text *t, const char *name, const void *data, size_t n)
{
	unsigned char word[4];
	unsigned long crc = crc32(crc32(0, (const unsigned char *)name, 4), data, (unsigned)n);

	put_be32(word, (unsigned long)n);
	em_text_append_bytes(t, word, 4);
	em_text_append_bytes(t, name, 4);
	em_text_append_bytes(t, data, n);
	put_be32(word, n ? crc : crc32(0, (const unsigned char *)name, 4));
	em_text_append_bytes(t, word, 4);
}

/* raw: the rows of the picture (or of the seven passes), each with its filter byte. */
static void make_png(struct em_text *t, unsigned long width, unsigned long height, unsigned bits, unsigned color,
                     bool interlaced, const void *palette, size_t palette_bytes, const void *raw, size_t n)
{
	unsigned char head[13] = {0}, packed[4096];
	uLongf packed_bytes = sizeof(packed);

	put_be32(head, width);
	put_be32(head + 4, height);
	head[8] = (unsigned char)bits;
	head[9] = (unsigned char)color;
	head[12] = interlaced;
	em_text_clear(t);
	em_text_append_bytes(t, "\x89PNG\r\n\x1a\n", 8);
	put_chunk(t, "IHDR", head, sizeof(head));
	if (palette)
		put_chunk(t, "PLTE", palette, palette_bytes);
	assert_int_equal(compress(packed, &packed_bytes, raw, n), Z_OK);
	put_chunk(t, "IDAT", packed, packed_bytes);
	put_chunk(t, "IEND", "", 0);
}

static void expect_u8(const struct em_text *t, size_t height, size_t width, const unsigned char *pixels)
{
	struct em_array want;

	em_array_alloc_image(&want, EM_U8, height, width, NULL);
	memcpy(want.data, pixels, height * width);
	expect_frames(t->s, t->len, &want, 1);
	em_array_release(&want);
}

static void png_comes_back_as_written(void **state)
{
	static const size_t sizes[][2] = {{1, 1}, {7, 5}, {64, 3}, {33, 65}};

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		struct em_array a = picture(i % 2 ? EM_U16 : EM_U8, sizes[i / 2][0], sizes[i / 2][1], (unsigned)i);
		struct em_text t = {0}, again = {0};

		assert_int_equal(em_codec_of_extension("png")->encode(&a, &t, NULL), 0);
		expect_frames(t.s, t.len, &a, 1);
		assert_int_equal(em_codec_of_extension("png")->encode(&a, &again, NULL), 0);
		assert_int_equal(t.len, again.len);
		assert_memory_equal(t.s, again.s, t.len);
		em_text_release(&t);
		em_text_release(&again);
		em_array_release(&a);
	}
}

static void png_refuses_to_hold_other_types(void **state)
{
	struct em_array a = picture(EM_F32, 2, 2, 1), line;
	struct em_text t = {0};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_codec_of_extension("png")->encode(&a, &t, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	em_array_alloc(&line, EM_U8, 1, (const size_t[]){4}, NULL);
	assert_int_equal(em_codec_of_extension("png")->encode(&line, &t, &err), -1);
	assert_int_equal(t.len, 0);
	em_array_release(&line);
	em_array_release(&a);
}

static void png_of_every_kind_becomes_gray(void **state)
{
	struct em_text t = {0};

	(void)state;
	make_png(&t, 9, 1, 1, 0, false, NULL, 0, "\0\xa5\x80", 3); /* 1010 0101 1 */
	expect_u8(&t, 1, 9, (const unsigned char[]){255, 0, 255, 0, 0, 255, 0, 255, 255});
	make_png(&t, 4, 1, 2, 0, false, NULL, 0, "\0\x1b", 2); /* 0 1 2 3 */
	expect_u8(&t, 1, 4, (const unsigned char[]){0, 85, 170, 255});
	make_png(&t, 2, 2, 4, 0, false, NULL, 0, "\0\x0f\0\x37", 4);
	expect_u8(&t, 2, 2, (const unsigned char[]){0, 255, 51, 119});
	make_png(&t, 2, 1, 8, 3, false, "\xff\0\0\0\0\xff", 6, "\0\1\0", 3); /* blue, red */
	expect_u8(&t, 1, 2, (const unsigned char[]){29, 76});
	make_png(&t, 2, 1, 8, 2, false, NULL, 0, "\0\0\xff\0\x40\x40\x40", 7); /* green, grey */
	expect_u8(&t, 1, 2, (const unsigned char[]){150, 64});
	make_png(&t, 2, 1, 8, 6, false, NULL, 0, "\0\0\xff\0\x11\x40\x40\x40\x22", 9); /* alpha is no light */
	expect_u8(&t, 1, 2, (const unsigned char[]){150, 64});
	make_png(&t, 2, 1, 8, 4, false, NULL, 0, "\0\x07\x11\x09\x22", 5);
	expect_u8(&t, 1, 2, (const unsigned char[]){7, 9});
	/* Adam7 of 3 x 3: pass 1 has (0,0), pass 4 (2,0), pass 5 row 2, pass 6 column 1 of even rows, pass 7 row 1. */
	make_png(&t, 3, 3, 8, 0, true, NULL, 0, "\0\1" "\0\3" "\0\7\x9" "\0\2\0\x8" "\0\4\5\6", 15);
	expect_u8(&t, 3, 3, (const unsigned char[]){1, 2, 3, 4, 5, 6, 7, 8, 9});
	em_text_release(&t);
}

static void png_damage_is_seen(void **state)
{
	struct em_array a = picture(EM_U16, 6, 7, 3);
	struct em_text t = {0};

	(void)state;
	assert_int_equal(em_codec_of_extension("png")->encode(&a, &t, NULL), 0);
	assert_int_equal(cut_everywhere(t.s, t.len), t.len);
	flip_everywhere(t.s, t.len);
	t.s[60] ^= 1; /* in the pixels: the checksum knows */
	expect_refused(t.s, t.len, "PNG");
	make_png(&t, 1000000000, 1000000000, 16, 0, false, NULL, 0, "\0", 1);
	expect_refused(t.s, t.len, "claims 1000000000 x 1000000000");
	make_png(&t, 0, 7, 8, 0, false, NULL, 0, "\0", 1);
	expect_refused(t.s, t.len, "0 x 7");
	make_png(&t, 5, 5, 8, 0, false, NULL, 0, "\0\1\2\3\4\5", 6); /* one row of five */
	expect_refused(t.s, t.len, "PNG");
	em_text_release(&t);
	em_array_release(&a);
}

/* ---- JPEG ---- */

/* An owned JPEG of height x width pixels: components 1 (grey), 3 (RGB to YCbCr) or 4 (CMYK). */
static unsigned long make_jpeg(unsigned char **out, unsigned width, unsigned height, int components, bool progressive)
{
	struct jpeg_compress_struct c = {0};
	struct jpeg_error_mgr manager;
	unsigned long n = 0;
	unsigned char row[4 * 64];
	JSAMPROW rows[1] = {row};

	c.err = jpeg_std_error(&manager);
	jpeg_create_compress(&c);
	*out = NULL;
	jpeg_mem_dest(&c, out, &n);
	c.image_width = width;
	c.image_height = height;
	c.input_components = components;
	c.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
	jpeg_set_defaults(&c);
	jpeg_set_quality(&c, 100, TRUE);
	if (progressive)
		jpeg_simple_progression(&c);
	jpeg_start_compress(&c, TRUE);
	for (unsigned y = 0; y < height; y++) {
		for (unsigned x = 0; x < width * (unsigned)components; x++)
			row[x] = (unsigned char)(4 * y + 2 * (x / (unsigned)components));
		jpeg_write_scanlines(&c, rows, 1);
	}
	jpeg_finish_compress(&c);
	jpeg_destroy_compress(&c);
	return n;
}

/* A ramp at quality 100 survives within a level or two, grey or neutral colour, sequential or progressive. */
static void jpeg_gives_the_ramp(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		unsigned char *bytes;
		unsigned long n = make_jpeg(&bytes, 40, 24, i % 2 ? 3 : 1, i / 2);
		struct em_error err = {0};
		struct frames f;

		if (frames_read(bytes, n, &f, &err))
			fail_msg("%s", err.text);
		assert_int_equal(f.count, 1);
		assert_int_equal(f.a[0].dtype, EM_U8);
		assert_int_equal(f.a[0].shape[0], 24);
		assert_int_equal(f.a[0].shape[1], 40);
		for (size_t k = 0; k < 24 * 40; k++) {
			int want = (int)(4 * (k / 40) + 2 * (k % 40)), got = ((unsigned char *)f.a[0].data)[k];

			assert_in_range(got - want + 10, 8, 12);
		}
		frames_release(&f);
		free(bytes);
	}
}

/* libjpeg would fill the rest with grey and call it a warning. */
static void jpeg_cut_anywhere_is_an_error(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		unsigned char *bytes;
		unsigned long n = make_jpeg(&bytes, 24, 16, 3, i);

		assert_int_equal(cut_everywhere(bytes, n), n);
		flip_everywhere(bytes, n);
		free(bytes);
	}
}

static void jpeg_that_we_do_not_read_says_so(void **state)
{
	unsigned char *bytes;
	unsigned long n = make_jpeg(&bytes, 16, 16, 4, false), at = 0;

	(void)state;
	expect_refused(bytes, n, "CMYK");
	free(bytes);
	n = make_jpeg(&bytes, 16, 16, 1, false);
	while (bytes[at] != 0xff || bytes[at + 1] != 0xc0)
		at++;
	memset(bytes + at + 5, 0xff, 4); /* 65535 x 65535 from some hundred bytes */
	expect_refused(bytes, n, "JPEG");
	memset(bytes + at + 5, 0, 4);
	expect_refused(bytes, n, "JPEG");
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_finds_formats),
		cmocka_unit_test(foreign_bytes_are_not_recognised),
		cmocka_unit_test(claims_beyond_the_bytes_are_refused),
		cmocka_unit_test(gray_is_bt601),
		cmocka_unit_test(png_comes_back_as_written),
		cmocka_unit_test(png_refuses_to_hold_other_types),
		cmocka_unit_test(png_of_every_kind_becomes_gray),
		cmocka_unit_test(png_damage_is_seen),
		cmocka_unit_test(jpeg_gives_the_ramp),
		cmocka_unit_test(jpeg_cut_anywhere_is_an_error),
		cmocka_unit_test(jpeg_that_we_do_not_read_says_so),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
