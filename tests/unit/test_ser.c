/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SER: images the right way up, spectra, series and scans, in both versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include <math.h>

#include "bytes_help.h"
#include "ser_help.h"

/* The elements as frames, each of its own. */
static void expect_elements(const struct em_text *t, const struct series *s)
{
	struct em_array want[MAX_ELEMENTS];

	for (unsigned i = 0; i < s->valid; i++) {
		want[i] = values_of(s, i);
		if (s->kind == SPECTRA) {
			want[i].ndim = 1;
			want[i].shape[0] = s->width;
		}
	}
	expect_frames(t->s, t->len, want, s->valid);
	for (unsigned i = 0; i < s->valid; i++)
		em_array_release(&want[i]);
}

static void every_type_in_both_versions(void **state)
{
	struct em_text t = {0};

	(void)state;
	for (unsigned type = 1; type <= 10; type++)
		for (int variant = 0; variant < 4; variant++) {
			struct series s = one_image;

			s.type = type;
			s.wide = variant & 1;
			s.kind = variant & 2 ? SPECTRA : IMAGES;
			make(&t, &s);
			expect_elements(&t, &s);
		}
	em_text_release(&t);
}

/* A preview stopped early has room for more than it holds: what is there counts. */
static void series_are_frames_as_far_as_they_go(void **state)
{
	struct em_text t = {0};

	(void)state;
	for (int variant = 0; variant < 8; variant++) {
		struct series s = one_image;

		s.wide = variant & 1;
		s.kind = variant & 2 ? SPECTRA : IMAGES;
		s.tags = variant & 4 ? POSITIONS : TIMES;
		s.total = 200;
		s.valid = 5;
		s.dim[0] = (struct dimension){200, 0, 0, 1e-9, "meters"};
		make(&t, &s);
		expect_elements(&t, &s);
	}
	em_text_release(&t);
}

static void lengths_become_nanometres(void **state)
{
	static const struct {
		double offset, delta;
		uint32_t element;
		double scale, first; /* of x; y has twice the scale */
		const char *units;
	} cases[] = {
		{-2e-9, 1e-11, 0, 0.01, -2, "nm"},   {5e-9, 1e-9, 3, 1, 2, "nm"},
		{-1e9, 4e7, 0, 0.04, -1, "1/nm"}, /* a diffraction pattern, in 1/m */
		{0, 1, 0, 1, 0, ""},                 {0, 0, 0, 1, 0, ""},
		{0, NAN, 0, 1, 0, ""},               {INFINITY, 1e-9, 0, 1, 0, ""},
	};
	struct em_text t = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double twice = *cases[i].units ? 2 : 1;
		struct series s = one_image;
		struct em_record meta;
		struct em_array a;

		s.offset = cases[i].offset;
		s.delta = cases[i].delta;
		s.element = cases[i].element;
		make(&t, &s);
		frame_read(&t, 0, &a, &meta);
		check_axis(&a.axis[1], "x", cases[i].scale, cases[i].first, cases[i].units);
		check_axis(&a.axis[0], "y", twice * cases[i].scale,
		           cases[i].first - (twice - 1) * cases[i].scale * cases[i].element, cases[i].units);
		em_record_release(&meta);
		em_array_release(&a);
	}
	em_text_release(&t);
}

static void tags_tell_when_and_where(void **state)
{
	struct series s = one_image;
	struct em_text t = {0};
	struct em_record meta;
	struct em_array a;
	double v;

	(void)state;
	make(&t, &s);
	frame_read(&t, 0, &a, &meta);
	check_text(&meta, "acquisition.date", "2016-02-21T16:53:06Z");
	assert_false(em_record_number(&meta, "scan.x_nm", &v));
	em_record_release(&meta);
	em_array_release(&a);
	s.tags = POSITIONS;
	s.total = s.valid = 4;
	make(&t, &s);
	frame_read(&t, 3, &a, &meta);
	check_text(&meta, "acquisition.date", "2016-02-21T16:53:09Z");
	check_number(&meta, "scan.x_nm", 3);
	check_number(&meta, "scan.y_nm", -2);
	em_record_release(&meta);
	em_array_release(&a);
	em_text_release(&t);
}

static void frames_know_their_place(void **state)
{
	struct series s = one_image;
	struct em_text t = {0};
	struct em_record meta;
	struct em_array a;

	(void)state;
	s.tags = POSITIONS;
	s.total = s.valid = 6;
	s.dims = 2;
	s.dim[0] = (struct dimension){3, 0, -2e-9, 1e-9, "meters"};
	s.dim[1] = (struct dimension){2, 2, 5e-9, -3e-9, "meters"};
	make(&t, &s);
	frame_read(&t, 4, &a, &meta); /* row 1, column 1 */
	check_json(&meta, "stack", "[{\"index\":1,\"size\":2,\"scale\":-3,\"offset\":11,\"units\":\"nm\"},"
	                           "{\"index\":1,\"size\":3,\"scale\":1,\"offset\":-2,\"units\":\"nm\"}]");
	em_record_release(&meta);
	em_array_release(&a);
	s.valid = 4; /* not complete: an order is all there is */
	make(&t, &s);
	frame_read(&t, 3, &a, &meta);
	check_json(&meta, "stack", "[{\"index\":3,\"size\":4,\"scale\":1,\"offset\":0,\"units\":\"\"}]");
	em_record_release(&meta);
	em_array_release(&a);
	em_text_release(&t);
}

/* ---- spectra ---- */

static const struct series scan = {
	true, SPECTRA, POSITIONS, 6, 6, 3, 5, 1, 100, 0.25, 4, 2,
	{{3, 0, -2e-9, 1e-9, "meters"}, {2, 2, 5e-9, -3e-9, "meters"}},
};

static void a_complete_scan_of_spectra_is_one_array(void **state)
{
	struct em_text t = {0};
	struct em_record meta;
	struct em_array a;

	(void)state;
	make(&t, &scan);
	frame_read(&t, 0, &a, &meta);
	assert_int_equal(a.ndim, 3);
	assert_int_equal(a.dtype, EM_U32);
	assert_int_equal(a.shape[0], 2);
	assert_int_equal(a.shape[1], 3);
	assert_int_equal(a.shape[2], 5);
	for (unsigned i = 0; i < 6; i++) {
		struct em_array want = values_of(&scan, i);

		assert_memory_equal((unsigned char *)a.data + (size_t)20 * i, want.data, 20);
		em_array_release(&want);
	}
	/* Element 2 of y, one past its last, is at 5 nm: rows are at 11 and 8 nm. */
	check_axis(&a.axis[0], "y", -3, 11, "nm");
	check_axis(&a.axis[1], "x", 1, -2, "nm");
	check_axis(&a.axis[2], "energy", 0.25, 99, "eV");
	check_text(&meta, "acquisition.date", "2016-02-21T16:53:06Z");
	em_record_release(&meta);
	em_array_release(&a);
	em_text_release(&t);
}

static void a_line_of_spectra_is_two_dimensional(void **state)
{
	struct series s = scan;
	struct em_text t = {0};
	struct em_record meta;
	struct em_array a;

	(void)state;
	s.dims = 1;
	s.dim[0] = (struct dimension){6, 0, 0, 1, "meters"}; /* metres between points: nobody calibrated it */
	make(&t, &s);
	frame_read(&t, 0, &a, &meta);
	assert_int_equal(a.ndim, 2);
	check_axis(&a.axis[0], "x", 1, 0, "");
	check_axis(&a.axis[1], "energy", 0.25, 99, "eV");
	em_record_release(&meta);
	em_array_release(&a);
	s.dim[0].delta = 1e-9;
	s.dim[0].units = "";
	make(&t, &s);
	frame_read(&t, 0, &a, &meta);
	check_axis(&a.axis[0], "x", 1, 0, "");
	em_record_release(&meta);
	em_array_release(&a);
	s.dim[0].size = 7; /* dimensions that the elements do not fill say nothing */
	make(&t, &s);
	expect_elements(&t, &s);
	em_text_release(&t);
}

static void spectra_of_a_scan_must_be_alike(void **state)
{
	struct series s = scan;
	struct em_text t = {0};

	(void)state;
	make(&t, &s);
	/* The last element's type, before its length and values and tag. */
	store((unsigned char *)t.s + t.len - 24 - 20 - 6, 6, 2, false);
	expect_refused(t.s, t.len, "spectrum 5 of the scan");
	em_text_release(&t);
}

/* ---- hostile ---- */

static void cut_anywhere_is_an_error(void **state)
{
	struct em_text t = {0};

	(void)state;
	for (int variant = 0; variant < 8; variant++) {
		struct series s = variant & 2 ? scan : one_image;

		s.wide = variant & 1;
		s.tags = variant & 4 ? POSITIONS : TIMES;
		if (s.kind == IMAGES) {
			s.total = 4;
			s.valid = 2;
		}
		make(&t, &s);
		assert_int_equal(cut_everywhere(t.s, t.len), t.len);
		flip_everywhere(t.s, t.len);
	}
	em_text_release(&t);
}

static void headers_that_lie_are_refused(void **state)
{
	/* Where things are in the file of one_image: header 26, dimension 24 + 12 + 4, offsets at 70, element at 78. */
	enum { VERSION = 4, KIND = 6, TOTAL = 14, VALID = 18, OFFSETS = 22, DIMS = 26, NAME = 54, FIRST = 70, TAG = 74,
	       TYPE = 118, WIDTH = 120, HEIGHT = 124 };
	static const struct {
		size_t at, size;
		uint64_t value;
		const char *part;
	} cases[] = {
		{VERSION, 2, 0x230, "version 0x230 is not supported"},
		{KIND, 4, 0x4121, "kind 0x4121 are neither"},
		{TOTAL, 4, 0xffffffff, "offsets of its 4294967295 elements"},
		{TOTAL, 4, 0, "1 elements of 0 are there"},
		{VALID, 4, 0, "nothing in it"},
		{VALID, 4, 0xffffffff, "4294967295 elements of 1"},
		{OFFSETS, 4, 0xffffffff, "cut within the offsets"},
		{DIMS, 4, 0xffffffff, "4294967295 dimensions"},
		{NAME, 4, 0xffffffff, "cut within dimension 0"},
		{FIRST, 4, 0xffffffff, "cut before element 0 of 1"},
		{FIRST, 4, 90, "not supported"}, /* within the element: its type is no type */
		{TAG, 4, 0xfffffff0, "cut before the tag"},
		{TYPE, 2, 0, "type 0 are not supported"},
		{TYPE, 2, 11, "type 11 are not supported"},
		{WIDTH, 4, 0, "nothing in it"},
		{WIDTH, 4, 0xffffffff, "4294967295 x 2 values"},
		{HEIGHT, 4, 0xffffffff, "3 x 4294967295 values"},
	};
	struct em_text t = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(&t, &one_image);
		store((unsigned char *)t.s + cases[i].at, cases[i].value, cases[i].size, false);
		expect_refused(t.s, t.len, cases[i].part);
	}
	em_text_release(&t);
}

/* A scan whose elements are all the same bytes could ask for far more memory than the file has: not as one array. */
static void elements_that_overlap_do_not_multiply(void **state)
{
	struct series s = scan;
	struct em_text t = {0};
	size_t offsets;
	struct em_record meta;
	struct em_array a;

	(void)state;
	s.width = 2000;
	s.dims = 1;
	s.total = s.valid = 10000;
	s.dim[0].size = 10000;
	put_start(&t, &s);
	offsets = t.len;
	for (unsigned i = 0; i < 20000; i++)
		put(&t, offsets + 160000 + (i < 10000 ? 0 : 26 + 8000), 8, false);
	put_element(&t, &s, 0);
	put_tag(&t, &s, 0);
	frame_read(&t, 9999, &a, &meta); /* so they are frames */
	assert_int_equal(a.ndim, 1);
	assert_int_equal(a.shape[0], 2000);
	em_record_release(&meta);
	em_array_release(&a);
	em_text_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_in_both_versions),
		cmocka_unit_test(series_are_frames_as_far_as_they_go),
		cmocka_unit_test(lengths_become_nanometres),
		cmocka_unit_test(tags_tell_when_and_where),
		cmocka_unit_test(frames_know_their_place),
		cmocka_unit_test(a_complete_scan_of_spectra_is_one_array),
		cmocka_unit_test(a_line_of_spectra_is_two_dimensional),
		cmocka_unit_test(spectra_of_a_scan_must_be_alike),
		cmocka_unit_test(cut_anywhere_is_an_error),
		cmocka_unit_test(headers_that_lie_are_refused),
		cmocka_unit_test(elements_that_overlap_do_not_multiply),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
