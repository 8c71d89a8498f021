/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many pages, threads, and files that are broken on purpose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/tiff_pages.h"
#include "tiff_help.h"

#include <pthread.h>
#include <zlib.h>

/* ---- pages ---- */

#define PAGES 5

static size_t make_pages(unsigned char **bytes, struct em_array pages[PAGES], uint32_t subfile_of_odd, const char *mode)
{
	TIFF *t = begin(mode);

	for (unsigned i = 0; i < PAGES; i++) {
		struct style s = {.bits = 16, .photometric = PHOTOMETRIC_MINISBLACK, .compression = COMPRESSION_LZW,
		                  .subfile = i % 2 ? subfile_of_odd : 0};

		pages[i] = picture(EM_U16, 6 + i, 8, i);
		put_page(t, &s, 8, 6 + i, pages[i].data, 16);
	}
	return finish(t, bytes);
}

static void pages_are_frames_but_thumbnails_are_not(void **state)
{
	static const char *const modes[] = {"wl", "wb", "wl8", "wb8"};

	(void)state;
	for (int i = 0; i < 8; i++) {
		struct em_array pages[PAGES];
		unsigned char *bytes;
		size_t n = make_pages(&bytes, pages, i % 2 ? FILETYPE_REDUCEDIMAGE : FILETYPE_PAGE, modes[i / 2]);

		if (i % 2)
			expect_frames(bytes, n, (struct em_array[]){pages[0], pages[2], pages[4]}, 3);
		else
			expect_frames(bytes, n, pages, PAGES);
		for (int k = 0; k < PAGES; k++)
			em_array_release(&pages[k]);
		free(bytes);
	}
}

/* Each directory begins within the one before it: a small file of many long ones would take hours to look through. */
static void directories_that_overlap_are_refused(void **state)
{
	enum { ENTRIES = 1000, DIRECTORIES = 8, BYTES = 8 + DIRECTORIES * 14 + 2 + ENTRIES * 12 + 4 };
	unsigned char *bytes = calloc(1, BYTES);
	struct em_tiff_pages pages = {.count = 77};
	struct em_error err = {0};

	(void)state;
	memcpy(bytes, "II*\0\10\0\0\0", 8);
	for (size_t i = 0; i < DIRECTORIES; i++) {
		size_t at = 8 + 14 * i, link = at + 2 + ENTRIES * 12, next = i + 1 < DIRECTORIES ? at + 14 : 0;

		bytes[at] = ENTRIES & 255;
		bytes[at + 1] = ENTRIES >> 8;
		bytes[link] = (unsigned char)next;
		bytes[link + 1] = (unsigned char)(next >> 8);
	}
	assert_int_equal(em_tiff_pages_find((struct em_blob){bytes, BYTES}, &pages, &err), -1);
	assert_non_null(strstr(err.text, "overlap"));
	assert_int_equal(pages.count, 77);
	free(bytes);
}

struct reader {
	void *state;
	const struct em_array *pages;
	int failures;
};

static void *read_many(void *arg)
{
	struct reader *r = arg;

	for (int i = 0; i < 200; i++) {
		struct em_array a;
		struct em_meta meta;

		em_meta_init(&meta);
		if (em_codec_of_extension("tif")->read(r->state, (size_t)(i % PAGES), &a, &meta, NULL)) {
			r->failures++;
			continue;
		}
		r->failures += !same_array(&a, &r->pages[i % PAGES]);
		em_array_release(&a);
	}
	return NULL;
}

static void pages_may_be_read_from_many_threads(void **state)
{
	struct em_array pages[PAGES];
	struct reader readers[4];
	pthread_t threads[4];
	unsigned char *bytes;
	size_t n = make_pages(&bytes, pages, 0, "wl"), frames;
	struct em_file file = {.blob = {bytes, n}};
	void *s;

	(void)state;
	assert_int_equal(em_codec_of_extension("tif")->open(&file, &s, &frames, NULL), 0);
	for (int i = 0; i < 4; i++) {
		readers[i] = (struct reader){s, pages, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, read_many, &readers[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(readers[i].failures, 0);
	}
	em_codec_of_extension("tif")->close(s);
	for (int k = 0; k < PAGES; k++)
		em_array_release(&pages[k]);
	free(bytes);
}

/* ---- by hand: classic directories of LONG entries ---- */

static void put_word(struct em_text *t, uint32_t v, int n, bool big)
{
	for (int i = 0; i < n; i++)
		em_text_append_bytes(t, &(unsigned char){(unsigned char)(v >> 8 * (big ? n - 1 - i : i))}, 1);
}

static void put_directory_in_order(struct em_text *t, uint32_t (*entry)[2], uint32_t n, uint32_t next, bool big)
{
	put_word(t, n, 2, big);
	for (uint32_t i = 0; i < n; i++) {
		put_word(t, entry[i][0], 2, big);
		put_word(t, 4, 2, big); /* LONG */
		put_word(t, 1, 4, big);
		put_word(t, entry[i][1], 4, big);
	}
	put_word(t, next, 4, big);
}

static void put_directory(struct em_text *t, uint32_t (*entry)[2], uint32_t n, uint32_t next)
{
	put_directory_in_order(t, entry, n, next, false);
}

/*
 * Adobe's Photoshop TIFF Technical Note 3: the bytes of a row are sorted by significance, most significant first
 * whatever the file's byte order, then each is the difference from the one before.  1.0 = 3f800000, 2.0 = 40000000:
 * 3f 40, 80 00, 00 00, 00 00.
 */
static void floating_predictor_has_one_order(void **state)
{
	static const unsigned char rows[] = {0x3f, 0x01, 0x40, 0x80, 0, 0, 0, 0};
	unsigned char packed[64];
	uLongf n = sizeof(packed);
	struct em_array want;

	(void)state;
	assert_int_equal(compress(packed, &n, rows, sizeof(rows)), Z_OK);
	em_array_alloc_image(&want, EM_F32, 1, 2, NULL);
	memcpy(want.data, (const float[]){1, 2}, 8);
	for (int big = 0; big < 2; big++) {
		uint32_t tags[][2] = {{256, 2}, {257, 1}, {258, 32}, {259, 8}, {262, 1}, {273, 146}, {277, 1}, {278, 1},
		                      {279, (uint32_t)n}, {317, 3}, {339, 3}};
		struct em_text t = {0};

		em_text_append_bytes(&t, big ? "MM\0*" : "II*", 4);
		put_word(&t, 8, 4, big);
		put_directory_in_order(&t, tags, 11, 0, big);
		assert_int_equal(t.len, 146);
		em_text_append_bytes(&t, packed, n);
		expect_frames(t.s, t.len, &want, 1);
		em_text_release(&t);
	}
	em_array_release(&want);
}

static void circles_of_pages_are_refused(void **state)
{
	uint32_t tags[][2] = {{256, 2}, {257, 2}};
	struct em_text t = {0};

	(void)state;
	em_text_append_bytes(&t, "II*\0\10\0\0\0", 8);
	put_directory(&t, tags, 2, 8); /* its own successor */
	expect_refused(t.s, t.len, "circle");
	em_text_clear(&t);
	em_text_append_bytes(&t, "II*\0\10\0\0\0", 8);
	put_directory(&t, tags, 2, 38);
	put_directory(&t, tags, 2, 68);
	put_directory(&t, tags, 2, 38); /* 8 -> 38 -> 68 -> 38 */
	expect_refused(t.s, t.len, "circle");
	em_text_clear(&t);
	em_text_append_bytes(&t, "II*\0\0\0\0\0", 8);
	expect_refused(t.s, t.len, "no picture");
	em_text_release(&t);
}

/* As ImageJ writes stacks of more than 4 GiB, only smaller: 4 x 4 images after one directory. */
static void put_hidden_stack(struct em_text *t, const char text[32], const char *pixels, uint32_t compression)
{
	uint32_t tags[][2] = {{256, 4}, {257, 4}, {258, 8}, {259, compression}, {262, 1}, {270, 0}, {273, 168},
	                      {277, 1}, {278, 4}, {279, 16}};

	em_text_clear(t);
	em_text_append_bytes(t, "II*\0\10\0\0\0", 8);
	put_directory(t, tags, 10, 0);
	/* ASCII, 32 of them, at 136 */
	memcpy(t->s + 8 + 2 + 5 * 12 + 2, (const unsigned char[]){2, 0, 32, 0, 0, 0, 136, 0, 0, 0}, 10);
	while (t->len < 136)
		em_text_append_bytes(t, "", 1);
	em_text_append_bytes(t, text, 32);
	em_text_append(t, pixels);
}

static void images_without_directories_are_frames(void **state)
{
	static const char text[32] = "ImageJ=1.53t\nimages=3\nslices=3\n";
	static char pixels[] = "0123456789abcdefABCDEFGHIJKLMNOPzyxwvutsrqponmlk";
	struct em_array want[3];
	struct em_text t = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		want[i] = (struct em_array){.dtype = EM_U8, .ndim = 2, .shape = {4, 4}, .data = pixels + 16 * i};
	put_hidden_stack(&t, text, pixels, COMPRESSION_NONE);
	expect_frames(t.s, t.len, want, 3);
	for (size_t cut = 1; cut < 32; cut++)
		expect_refused(t.s, t.len - cut, "ImageJ stack of 3 images in one page");
	expect_frames(t.s, t.len - 32, want, 1); /* one image taken out of a stack, with its description */
	for (size_t cut = 33; cut < 48; cut++)
		expect_refused(t.s, t.len - cut, "TIFF");
	flip_everywhere(t.s, t.len);
	em_text_release(&t);
}

/* Nothing says where the second of them would begin. */
static void compressed_images_hide_none(void **state)
{
	static const char text[32] = "ImageJ=1.53t\nimages=2\nslices=2\n";
	struct em_array want = {.dtype = EM_U8, .ndim = 2, .shape = {4, 4}, .data = "aaaaaaaaaaaaaaaa"};
	struct em_text t = {0};

	(void)state;
	put_hidden_stack(&t, text, "\xf1" "a" "01234567890123456789012345678901234567", COMPRESSION_PACKBITS);
	expect_frames(t.s, t.len, &want, 1);
	em_text_release(&t);
}

static void bombs_are_refused(void **state)
{
	uint32_t tags[][2] = {{256, 1000000000}, {257, 1000000000}, {258, 8}, {259, 1}, {262, 1}, {273, 8}, {277, 1},
	                      {278, 1000000000}, {279, 100}};
	uint32_t tiles[][2] = {{256, 16}, {257, 16}, {258, 8}, {259, 5}, {262, 1}, {277, 1}, {322, 4000000000u},
	                       {323, 4000000000u}, {324, 8}, {325, 16}};
	struct em_text t = {0};

	(void)state;
	em_text_append_bytes(&t, "II*\0\10\0\0\0", 8);
	put_directory(&t, tags, 9, 0);
	expect_refused(t.s, t.len, "claims 1000000000 x 1000000000");
	em_text_clear(&t);
	em_text_append_bytes(&t, "II*\0\10\0\0\0", 8);
	put_directory(&t, tiles, 10, 0);
	expect_refused(t.s, t.len, "TIFF");
	tags[0][1] = 0;
	em_text_clear(&t);
	em_text_append_bytes(&t, "II*\0\10\0\0\0", 8);
	put_directory(&t, tags, 9, 0);
	expect_refused(t.s, t.len, "TIFF");
	tags[0][1] = tags[1][1] = tags[7][1] = 4; /* 16 pixels wanted, and a strip that says it has 4e9 */
	tags[3][1] = COMPRESSION_LZW;
	tags[8][1] = 4000000000u;
	em_text_clear(&t);
	em_text_append_bytes(&t, "II*\0\10\0\0\0", 8);
	put_directory(&t, tags, 9, 0);
	expect_refused(t.s, t.len, "longer than the file");
	em_text_release(&t);
}

static void damage_is_seen(void **state)
{
	static const struct style styles[] = {
		{.mode = "wl", .bits = 8, .photometric = 1, .compression = COMPRESSION_LZW, .rows_per_strip = 3},
		{.mode = "wb8", .bits = 8, .photometric = 1, .compression = COMPRESSION_ADOBE_DEFLATE, .tile = 16},
		{.mode = "wb", .bits = 8, .photometric = 0, .compression = COMPRESSION_PACKBITS},
		{.mode = "wl", .bits = 8, .photometric = 1, .compression = COMPRESSION_JPEG, .rows_per_strip = 8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		struct em_array a = picture(EM_U8, 16, 16, (unsigned)i);
		unsigned char *bytes;
		size_t n = make(&bytes, &styles[i], 16, 16, a.data, 16);

		cut_everywhere(bytes, n);
		flip_everywhere(bytes, n);
		free(bytes);
		em_array_release(&a);
	}
}

static void plain_image_cut_anywhere_is_an_error(void **state)
{
	struct em_array a = picture(EM_U16, 4, 5, 1);
	struct em_text t = {0};

	(void)state;
	assert_int_equal(em_codec_of_extension("tif")->encode(&a, &t, NULL), 0);
	assert_int_equal(cut_everywhere(t.s, t.len), t.len);
	flip_everywhere(t.s, t.len);
	em_text_release(&t);
	em_array_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_frames_but_thumbnails_are_not),
		cmocka_unit_test(directories_that_overlap_are_refused),
		cmocka_unit_test(pages_may_be_read_from_many_threads),
		cmocka_unit_test(floating_predictor_has_one_order),
		cmocka_unit_test(circles_of_pages_are_refused),
		cmocka_unit_test(images_without_directories_are_frames),
		cmocka_unit_test(compressed_images_hide_none),
		cmocka_unit_test(bombs_are_refused),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(plain_image_cut_anywhere_is_an_error),
	};

	TIFFSetWarningHandler(NULL); /* the writer's */
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
