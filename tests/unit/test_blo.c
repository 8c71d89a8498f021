/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blockfiles: the picture of the scan, the patterns and their places, and what is cut or lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include <math.h>

#include "bytes_help.h"

#include "base/json.h"

enum { PICTURE = 256, PATTERNS = 264, STEP = 6 + 4 };

/* A scan of 2 x 3 (width x height) points of patterns of 2 x 2 pixels, pattern k numbered number[k]. */
static void make(struct em_text *t, bool big, const unsigned *number, size_t n)
{
	unsigned char b[PICTURE] = {0};

	memcpy(b, "IMGBLO", 6);
	store(b + 6, 0x0102, 2, big);
	store(b + 8, PICTURE, 4, big);
	store(b + 12, PATTERNS, 4, big);
	store(b + 20, 2, 2, big);
	store(b + 24, 2, 2, big);
	store(b + 26, 3, 2, big);
	store(b + 28, 2500, 2, big);
	store_f64(b + 30, 12.5, big);
	store_f64(b + 38, 10, big);
	store(b + 46, 200000, 4, big);
	store(b + 50, 6226, 2, big);
	store(b + 52, 2000, 4, big);
	store_f64(b + 56, 42339.75, big);
	store_f64(b + 136, 0.98, big);
	memcpy(b + 240, "a\xb5 note", 7);
	em_text_append_bytes(t, b, sizeof(b));
	em_text_append(t, "\1\2\3\4\5\6..");
	for (size_t i = 0; i < n; i++) {
		put(t, 0x55aa, 2, big);
		put(t, number[i], 4, big);
		em_text_append_bytes(t, (unsigned char[]){(unsigned char)number[i], 10, 20, 30}, 4);
	}
}

static const unsigned all[] = {0, 1, 2, 3, 4, 5};

static void picture_and_patterns(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct em_array want[7];
		struct em_text t = {0};

		want[0] = picture(EM_U8, 3, 2, 0);
		memcpy(want[0].data, "\1\2\3\4\5\6", 6);
		for (unsigned i = 0; i < 6; i++) {
			want[1 + i] = picture(EM_U8, 2, 2, 0);
			memcpy(want[1 + i].data, (unsigned char[]){(unsigned char)i, 10, 20, 30}, 4);
		}
		make(&t, big, all, 6);
		expect_frames(t.s, t.len, want, 7);
		em_text_append(&t, "what is behind them");
		expect_frames(t.s, t.len, want, 7);
		for (int i = 0; i < 7; i++)
			em_array_release(&want[i]);
		em_text_release(&t);
	}
}

static void what_the_header_says(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		struct em_text t = {0};
		struct em_record meta;
		struct em_array a;

		make(&t, big, all, 6);
		frame_read(&t, 0, &a, &meta);
		check_axis(&a.axis[0], "y", 10, 0, "nm");
		check_axis(&a.axis[1], "x", 12.5, 0, "nm");
		check_number(&meta, "microscope.beam_kev", 200);
		check_number(&meta, "microscope.camera_length_mm", 200);
		check_text(&meta, "acquisition.date", "2015-12-01T18:00:00");
		em_record_release(&meta);
		em_array_release(&a);
		frame_read(&t, 4, &a, &meta);
		/* 62.26 px/cm at 200 mm and 2.50793 pm: 1 cm / 62.26 / 200 mm / 2.50793 pm */
		check_axis(&a.axis[0], "y", 10 / 62.26 / 200 / 0.00250793405, 0, "1/nm");
		check_axis(&a.axis[1], "x", 10 / 62.26 / 200 / 0.00250793405, 0, "1/nm");
		check_json(&meta, "stack",
		           "[{\"index\":1,\"size\":3,\"scale\":10,\"offset\":0,\"units\":\"nm\"},"
		           "{\"index\":1,\"size\":2,\"scale\":12.5,\"offset\":0,\"units\":\"nm\"}]");
		em_record_release(&meta);
		em_array_release(&a);
		store((unsigned char *)t.s + 46, 0, 4, big); /* without the energy: on the detector */
		frame_read(&t, 1, &a, &meta);
		check_axis(&a.axis[0], "y", 10 / 62.26, 0, "mm");
		em_record_release(&meta);
		em_array_release(&a);
		store((unsigned char *)t.s + 50, 0, 2, big);
		frame_read(&t, 1, &a, &meta);
		check_axis(&a.axis[0], "y", 1, 0, "");
		em_record_release(&meta);
		em_array_release(&a);
		em_text_release(&t);
	}
}

/* A pattern stands where its number says; those that are missing are not made up. */
static void patterns_that_are_missing(void **state)
{
	static const unsigned some[] = {0, 1, 5};
	struct em_text t = {0};
	struct em_record meta;
	struct em_array a;

	(void)state;
	make(&t, false, some, 3);
	frame_read(&t, 3, &a, &meta);
	assert_int_equal(((unsigned char *)a.data)[0], 5);
	check_json(&meta, "stack",
	           "[{\"index\":2,\"size\":3,\"scale\":10,\"offset\":0,\"units\":\"nm\"},"
	           "{\"index\":1,\"size\":2,\"scale\":12.5,\"offset\":0,\"units\":\"nm\"}]");
	em_record_release(&meta);
	em_array_release(&a);
	em_text_release(&t);
}

static void expect_place(const struct em_text *t, size_t frame, const char *want)
{
	const struct em_codec *codec = em_codec_of_extension("blo");
	struct em_file file = {.blob = {(unsigned char *)t->s, t->len}};
	struct em_place p;
	char found[128];
	size_t frames;
	void *s;

	assert_int_equal(codec->open(&file, &s, &frames, NULL), 0);
	codec->locate(s, frame, &p);
	snprintf(found, sizeof(found), "%zu/%zu %zu/%zu %s", p.set, p.sets, p.index, p.count, p.name);
	assert_string_equal(found, want);
	codec->close(s);
}

static void two_data_sets(void **state)
{
	struct em_text t = {0};

	(void)state;
	make(&t, false, all, 6);
	expect_place(&t, 0, "0/2 0/1 virtual bright field");
	expect_place(&t, 3, "1/2 2/6 diffraction");
	em_text_clear(&t);
	make(&t, false, all, 0);
	expect_place(&t, 0, "0/1 0/1 virtual bright field");
	em_text_release(&t);
}

static void tags_of_a_blockfile(void **state)
{
	const struct em_codec *codec = em_codec_of_extension("blo");
	struct em_text t = {0}, json = {0};
	struct em_json *root;
	size_t frames;
	void *s;
	double v;

	(void)state;
	make(&t, true, all, 6);
	assert_int_equal(codec->open(&(struct em_file){.blob = {(unsigned char *)t.s, t.len}}, &s, &frames, NULL), 0);
	assert_int_equal(codec->tags(s, 1, &json, NULL), 0);
	root = em_json_parse(em_text_get(&json), json.len, NULL);
	assert_non_null(root);
	assert_string_equal(em_json_string(em_json_get(root, "Note")), "a\xc2\xb5 note");
	assert_true(em_json_number(em_json_get(root, "Scan_rotation"), &v) && fabs(v - 2500) < 1e-9);
	assert_true(em_json_number(em_json_get(root, "Acquisition_time"), &v) && fabs(v - 42339.75) < 1e-9);
	assert_int_equal(em_json_size(em_json_get(root, "Distortion")), 14);
	em_json_free(root);
	codec->close(s);
	em_text_release(&json);
	em_text_release(&t);
}

/* ---- what is cut or lies ---- */

static void cut_anywhere(void **state)
{
	const struct em_codec *codec = em_codec_of_extension("blo");
	struct em_text t = {0};

	(void)state;
	make(&t, false, all, 6);
	for (size_t cut = 8; cut < t.len; cut++) {
		unsigned char *exact = malloc(cut);
		struct em_file file = {.blob = {exact, cut}};
		struct em_error err = {0};
		size_t frames, whole = cut < PATTERNS ? 0 : (cut - PATTERNS) / STEP;
		void *s;

		memcpy(exact, t.s, cut);
		if (codec->open(&file, &s, &frames, &err)) {
			assert_true(cut < PATTERNS);
			assert_non_null(strstr(err.text, "BLO: the file is cut"));
			free(exact);
			continue;
		}
		assert_true(cut >= PATTERNS);
		assert_int_equal(frames, 1 + whole + ((cut - PATTERNS) % STEP != 0));
		for (size_t i = 0; i < frames; i++) {
			struct em_meta meta;
			struct em_array a;
			int rc;

			em_meta_init(&meta);
			rc = codec->read(s, i, &a, &meta, &err);
			assert_int_equal(rc, i <= whole ? 0 : -1);
			if (!rc)
				em_array_release(&a);
			else
				assert_non_null(strstr(err.text, "the file is cut within pattern"));
		}
		codec->close(s);
		free(exact);
	}
	flip_everywhere(t.s, t.len);
	em_text_release(&t);
}

static void headers_that_lie(void **state)
{
	static const struct {
		size_t at, bytes;
		uint64_t v;
		const char *part;
	} cases[] = {
		{8, 4, 0, "within the picture of the scan"},  {8, 4, 0xffffffff, "within the picture of the scan"},
		{12, 4, 0xffffffff, "before the patterns"},   {12, 4, 1, "before the patterns"},
		{20, 2, 0, "not sensible"},                   {24, 2, 0, "not sensible"},
		{26, 2, 0xffff, "within the picture of the scan"},
		{PATTERNS + 10, 2, 0, "before pattern 1, at byte 274"},
		{PATTERNS + 2, 4, 6, "before pattern 0, at byte 264"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_text t = {0};

		make(&t, false, all, 6);
		store((unsigned char *)t.s + cases[i].at, cases[i].v, cases[i].bytes, false);
		expect_refused(t.s, t.len, cases[i].part);
		em_text_release(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picture_and_patterns),
		cmocka_unit_test(what_the_header_says),
		cmocka_unit_test(patterns_that_are_missing),
		cmocka_unit_test(two_data_sets),
		cmocka_unit_test(tags_of_a_blockfile),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(headers_that_lie),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
