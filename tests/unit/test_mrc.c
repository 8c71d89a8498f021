/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MRC: every mode, what is known in the wild, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include <math.h>

#include "bytes_help.h"

struct header {
	unsigned nx, ny, nz, mode;
	float cell[3]; /* Angstrom */
	bool big, no_map;
	const char *type; /* of the extended header */
};

/* The 1024 bytes; `extended` of the extended header will follow them. */
static void put_header(struct em_text *t, const struct header *h, uint32_t extended)
{
	unsigned char b[1024] = {0};
	const uint32_t words[4] = {h->nx, h->ny, h->nz, h->mode};

	for (size_t i = 0; i < 4; i++)
		store(b + 4 * i, words[i], 4, h->big);
	for (size_t i = 0; i < 3; i++) {
		store(b + 28 + 4 * i, words[i], 4, h->big);
		store_f32(b + 40 + 4 * i, h->cell[i], h->big);
		store_f32(b + 52 + 4 * i, 90, h->big);
		store(b + 64 + 4 * i, i + 1, 4, h->big);
	}
	store(b + 92, extended, 4, h->big);
	if (h->type)
		memcpy(b + 104, h->type, 4);
	if (!h->no_map) {
		memcpy(b + 208, "MAP ", 4);
		memcpy(b + 212, h->big ? "\x11\x11" : "DD", 2);
	}
	em_text_append_bytes(t, b, sizeof(b));
}

/* ---- modes ---- */

static const float numbers_f32[6] = {0.5f, -1.5f, 3e38f, -0.0f, 1e-30f, 7};
static const struct {
	unsigned mode;
	enum em_dtype dtype;
	size_t part, parts; /* of a pixel in the file */
	const void *file, *want;
} modes[] = {
	{0, EM_I8, 1, 1, (const int8_t[]){-128, -1, 0, 1, 2, 127}, (const int8_t[]){-128, -1, 0, 1, 2, 127}},
	{1, EM_I16, 2, 1, (const int16_t[]){-32768, -2, 0, 258, 5, 32767},
	 (const int16_t[]){-32768, -2, 0, 258, 5, 32767}},
	{2, EM_F32, 4, 1, numbers_f32, numbers_f32},
	{3, EM_C64, 2, 2, (const int16_t[]){1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -32768},
	 (const float[]){1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -32768}},
	{4, EM_C64, 4, 2, (const float[]){1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, 0.5f},
	 (const float[]){1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, 0.5f}},
	{6, EM_U16, 2, 1, (const uint16_t[]){0, 1, 256, 65535, 3, 4}, (const uint16_t[]){0, 1, 256, 65535, 3, 4}},
	/* Bit patterns of IEEE 754: 1, -2, 65504 the largest, 2^-24 the least, infinity, 0.333251953125. */
	{12, EM_F32, 2, 1, (const uint16_t[]){0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x3555},
	 (const float[]){1, -2, 65504, 0x1p-24f, INFINITY, 0.333251953125f}},
};

static void every_mode_in_both_orders(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		for (int variant = 0; variant < 4; variant++) {
			struct header h = {3, 2, 1, modes[i].mode, .big = variant & 1, .no_map = variant & 2};
			struct em_array want = picture(modes[i].dtype, 2, 3, 0);
			struct em_text t = {0};

			memcpy(want.data, modes[i].want, em_array_bytes(&want));
			put_header(&t, &h, 0);
			put_numbers(&t, modes[i].file, 6 * modes[i].parts, modes[i].part, h.big);
			expect_frames(t.s, t.len, &want, 1);
			em_text_release(&t);
			em_array_release(&want);
		}
}

static void half_bytes_begin_anew_in_each_row(void **state)
{
	struct em_array want = picture(EM_U8, 2, 3, 0);
	struct em_text t = {0};

	(void)state;
	memcpy(want.data, "\1\2\3\17\0\7", 6);
	put_header(&t, &(struct header){3, 2, 1, 101}, 0);
	em_text_append_bytes(&t, "\x21\xf3\x0f\xf7", 4); /* the last half of a row is nobody's */
	expect_frames(t.s, t.len, &want, 1);
	em_text_release(&t);
	em_array_release(&want);
}

static void imod_says_that_bytes_have_no_sign(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags < 2; flags++) {
		struct em_array want = picture(flags & 1 ? EM_I8 : EM_U8, 1, 2, 3);
		struct em_text t = {0};

		put_header(&t, &(struct header){2, 1, 1, 0}, 0);
		store((unsigned char *)t.s + 152, 1146047817, 4, false);
		store((unsigned char *)t.s + 156, flags, 4, false);
		em_text_append_bytes(&t, want.data, 2);
		expect_frames(t.s, t.len, &want, 1);
		em_text_release(&t);
		em_array_release(&want);
	}
}

static void sections_are_frames_after_any_extended_header(void **state)
{
	struct em_array want[3];
	struct em_text t = {0};
	char junk[333];

	(void)state;
	memset(junk, 0x5a, sizeof(junk));
	put_header(&t, &(struct header){4, 3, 3, 6, .type = "SERI"}, sizeof(junk));
	em_text_append_bytes(&t, junk, sizeof(junk));
	for (unsigned i = 0; i < 3; i++) {
		want[i] = picture(EM_U16, 3, 4, i);
		put_numbers(&t, want[i].data, 12, 2, false);
	}
	expect_frames(t.s, t.len, want, 3);
	em_text_append(&t, "what some writers leave behind");
	expect_frames(t.s, t.len, want, 3);
	for (unsigned i = 0; i < 3; i++)
		em_array_release(&want[i]);
	em_text_release(&t);
}

/* ---- what the file says ---- */

static void cells_become_pixel_sizes(void **state)
{
	static const struct {
		float cell[3];
		unsigned order[3];
		double x, y; /* nm; 0: none */
	} cases[] = {
		{{8, 6, 5}, {1, 2, 3}, 0.2, 0.3},      {{8, 6, 5}, {3, 1, 2}, 0.5, 0.2}, /* planes across z and x */
		{{8, 6, 5}, {2, 1, 3}, 0.3, 0.2},      {{8, 6, 5}, {0, 0, 0}, 0.2, 0.3},
		{{8, 6, 5}, {1, 1, 3}, 0.2, 0.3},      {{-40, -20, 0}, {1, 2, 3}, 0, 0},
		{{0, 0, 0}, {1, 2, 3}, 0, 0},          {{NAN, 6, 5}, {1, 2, 3}, 0, 0},
		{{8, INFINITY, 5}, {1, 2, 3}, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct header h = {4, 2, 1, 0, .big = i % 2};
		struct em_text t = {0};
		struct em_record meta;
		struct em_array a;

		memcpy(h.cell, cases[i].cell, sizeof(h.cell));
		put_header(&t, &h, 0);
		for (size_t k = 0; k < 3; k++)
			store((unsigned char *)t.s + 64 + 4 * k, cases[i].order[k], 4, h.big);
		em_text_append(&t, "8 pixels");
		frame_read(&t, 0, &a, &meta);
		check_axis(&a.axis[1], "x", cases[i].x > 0 ? cases[i].x : 1, 0, cases[i].x > 0 ? "nm" : "");
		check_axis(&a.axis[0], "y", cases[i].y > 0 ? cases[i].y : 1, 0, cases[i].y > 0 ? "nm" : "");
		assert_int_equal(meta.count, 0);
		em_record_release(&meta);
		em_array_release(&a);
		em_text_release(&t);
	}
}

/* The planes of a volume have a distance, the pictures of a pile (space group 0) have none. */
static void sections_of_a_volume_have_a_distance(void **state)
{
	(void)state;
	for (unsigned group = 0; group < 2; group++) {
		struct em_text t = {0};
		struct em_record meta;
		struct em_array a;

		put_header(&t, &(struct header){2, 2, 4, 0, {4, 4, 20}}, 0);
		store((unsigned char *)t.s + 88, group, 4, false);
		em_text_append(&t, "sixteen bytes...");
		frame_read(&t, 3, &a, &meta);
		check_json(&meta, "stack",
		           group ? "[{\"index\":3,\"size\":4,\"scale\":0.5,\"offset\":0,\"units\":\"nm\"}]"
		                 : "[{\"index\":3,\"size\":4,\"scale\":1,\"offset\":0,\"units\":\"\"}]");
		em_record_release(&meta);
		em_array_release(&a);
		em_text_release(&t);
	}
}

/* Two sections with a record of 128 bytes each. */
static void make_old_fei(struct em_text *t, bool big, float cell, float pixel)
{
	float v[32] = {-1.5f, 2.5f, 1e-5f, -2e-5f, 3e-6f, 0, 0, -1e-6f, 0.25f, 100, 88, 0, 25000};

	v[11] = pixel;
	em_text_clear(t);
	put_header(t, &(struct header){2, 1, 2, 6, {cell, cell, cell}, big, .type = "FEI1"}, 256);
	put_numbers(t, v, 32, 4, big);
	v[0] = 30;
	put_numbers(t, v, 32, 4, big);
	em_text_append(t, "12345678");
}

static void old_fei_records_are_read(void **state)
{
	struct em_text t = {0};

	(void)state;
	for (int big = 0; big < 2; big++) {
		struct em_record meta;
		struct em_array a;

		make_old_fei(&t, big, 0, 4e-9f);
		frame_read(&t, 1, &a, &meta);
		check_number(&meta, "stage.x_um", 10);
		check_number(&meta, "stage.y_um", -20);
		check_number(&meta, "stage.z_um", 3);
		check_number(&meta, "stage.a_deg", 30);
		check_number(&meta, "stage.b_deg", 2.5);
		check_number(&meta, "microscope.magnification", 25000);
		check_number(&meta, "microscope.defocus_nm", -1000);
		check_number(&meta, "acquisition.exposure_s", 0.25);
		check_axis(&a.axis[0], "y", 4, 0, "nm");
		check_axis(&a.axis[1], "x", 4, 0, "nm");
		em_record_release(&meta);
		em_array_release(&a);
		make_old_fei(&t, big, 60, 4e-9f); /* the cell goes first */
		frame_read(&t, 0, &a, &meta);
		check_axis(&a.axis[1], "x", 3, 0, "nm");
		check_number(&meta, "stage.a_deg", -1.5);
		em_record_release(&meta);
		em_array_release(&a);
		make_old_fei(&t, big, 60, 4); /* pixels of 4 m: this is no such record */
		frame_read(&t, 0, &a, &meta);
		assert_int_equal(meta.count, 1);
		check_json(&meta, "stack", "[{\"index\":0,\"size\":2,\"scale\":1,\"offset\":0,\"units\":\"\"}]");
		em_record_release(&meta);
		em_array_release(&a);
	}
	em_text_release(&t);
}

static void new_fei_records_are_read(void **state)
{
	enum { SIZE = 888 };
	/* All that we read but the magnification, whose bit is not set. */
	const uint32_t bits = 0x7fffffff & ~(1u << 6);
	unsigned char r[SIZE] = {0};
	struct em_text t = {0};
	struct em_record meta;
	struct em_array a;
	double v;

	(void)state;
	store(r, SIZE, 4, false);
	store(r + 4, 2, 4, false);
	store(r + 8, bits, 4, false);
	store_f64(r + 12, 44900.75, false);
	memcpy(r + 20, "Titan", 5);
	store_f64(r + 84, 300000, false);
	store_f64(r + 100, 12.5, false);
	store_f64(r + 108, -3, false);
	store_f64(r + 116, 1e-6, false);
	store_f64(r + 124, -2e-6, false);
	store_f64(r + 132, 3e-6, false);
	store_f64(r + 156, 2e-10, false);
	store_f64(r + 289, 50000, false);
	store(r + 297, 1, 4, false);
	store_f64(r + 301, 0.115, false);
	put_header(&t, &(struct header){2, 1, 1, 6, .type = "FEI2"}, SIZE);
	em_text_append_bytes(&t, r, SIZE);
	em_text_append(&t, "1234");
	frame_read(&t, 0, &a, &meta);
	check_number(&meta, "stage.x_um", 1);
	check_number(&meta, "stage.y_um", -2);
	check_number(&meta, "stage.z_um", 3);
	check_number(&meta, "stage.a_deg", 12.5);
	check_number(&meta, "stage.b_deg", -3);
	check_number(&meta, "microscope.beam_kev", 300);
	check_number(&meta, "microscope.camera_length_mm", 115);
	check_text(&meta, "microscope.instrument", "Titan");
	check_text(&meta, "acquisition.date", "2022-12-05T18:00:00");
	assert_false(em_record_number(&meta, "microscope.magnification", &v));
	check_axis(&a.axis[0], "y", 0.2, 0, "nm");
	em_record_release(&meta);
	em_array_release(&a);
	em_text_release(&t);
}

/* ---- what is an MRC, and what is none ---- */

static void a_wrong_stamp_does_not_turn_the_numbers(void **state)
{
	struct em_array want = picture(EM_U16, 2, 3, 9);

	(void)state;
	for (int big = 0; big < 2; big++) {
		struct em_text t = {0};

		put_header(&t, &(struct header){3, 2, 1, 6, .big = big}, 0);
		memcpy(t.s + 212, big ? "DA" : "\x11\x11", 2);
		put_numbers(&t, want.data, 6, 2, big);
		expect_frames(t.s, t.len, &want, 1);
		em_text_release(&t);
	}
	em_array_release(&want);
}

static bool is_mrc(const void *bytes, size_t n)
{
	const struct em_codec *codec = em_codec_detect(bytes, n);

	return codec && !strcmp(codec->name, "mrc");
}

/* Noise, raw pictures of small numbers, zeros: what has no magic is not taken for MRC because it begins with a few
 * numbers that could be sizes. */
static void other_bytes_are_not_taken_for_mrc(void **state)
{
	struct em_array noise = picture(EM_U8, 64, 64, 1);
	uint32_t small[1024];
	struct em_text t = {0};

	(void)state;
	for (unsigned seed = 0; seed < 20000; seed++) {
		fill(&noise, seed);
		assert_false(is_mrc(noise.data, 4096));
		for (size_t i = 0; i < 1024; i++)
			small[i] = ((const unsigned char *)noise.data)[i] % 8;
		assert_false(is_mrc(small, sizeof(small)));
		small[0] = 64;
		small[1] = 64;
		small[2] = 1;
		small[3] = 2;
		assert_false(is_mrc(small, sizeof(small)));
	}
	memset(small, 0, sizeof(small));
	assert_false(is_mrc(small, sizeof(small)));
	put_header(&t, &(struct header){3, 2, 1, 6, .no_map = true}, 0);
	em_text_append(&t, "twelve bytes");
	assert_true(is_mrc(t.s, t.len));
	em_text_append(&t, "+");
	assert_false(is_mrc(t.s, t.len)); /* without the magic the size must be right */
	em_text_release(&t);
	em_array_release(&noise);
}

/* The same where the file goes on past what is looked at to recognise it. */
static void without_the_magic_the_size_must_be_right(void **state)
{
	struct em_array want = picture(EM_U8, 64, 64, 7);
	struct em_text t = {0};

	(void)state;
	want.dtype = EM_I8;
	put_header(&t, &(struct header){64, 64, 1, 0, .no_map = true}, 0);
	em_text_append_bytes(&t, want.data, 4096);
	expect_frames(t.s, t.len, &want, 1);
	em_text_append(&t, "+");
	expect_refused(t.s, t.len, "the file's size does not fit");
	em_text_release(&t);
	em_array_release(&want);
}

static void cut_anywhere_is_an_error(void **state)
{
	struct em_text t = {0};

	(void)state;
	make_old_fei(&t, false, 60, 4e-9f);
	assert_int_equal(cut_everywhere(t.s, t.len), t.len);
	flip_everywhere(t.s, t.len);
	em_text_clear(&t);
	put_header(&t, &(struct header){3, 2, 2, 12, .big = true, .no_map = true}, 0);
	em_text_append(&t, "twenty-four bytes of it.");
	assert_int_equal(cut_everywhere(t.s, t.len), t.len);
	flip_everywhere(t.s, t.len);
	em_text_release(&t);
}

static void headers_that_lie_are_refused(void **state)
{
	static const struct {
		struct header h;
		uint32_t extended;
		const char *part;
	} cases[] = {
		{{0x7fffffff, 0x7fffffff, 0x7fffffff, 4}, 0, "cannot hold 2147483647 x 2147483647"},
		{{0x7fffffff, 1, 1, 101}, 0, "the file is cut"},
		{{1, 1, 0x7fffffff, 0}, 0, "the file is cut"},
		{{0xffffffff, 1, 1, 2}, 0, "-1 x 1 x 1 pixels is not sensible"},
		{{0, 1, 1, 2}, 0, "not sensible"},
		{{1, 1, 0, 2}, 0, "not sensible"},
		{{2, 2, 1, 7}, 0, "mode 7 is not supported"},
		{{2, 2, 1, 0}, 0xffffffff, "extended header of 4294967295 bytes"},
		{{2, 2, 1, 0}, 17, "extended header of 17 bytes"},
		{{2, 2, 1, 0}, 13, "3 bytes cannot hold 2 x 2 x 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_text t = {0};

		put_header(&t, &cases[i].h, cases[i].extended);
		em_text_append(&t, "sixteen bytes...");
		expect_refused(t.s, t.len, cases[i].part);
		em_text_release(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mode_in_both_orders),
		cmocka_unit_test(half_bytes_begin_anew_in_each_row),
		cmocka_unit_test(imod_says_that_bytes_have_no_sign),
		cmocka_unit_test(sections_are_frames_after_any_extended_header),
		cmocka_unit_test(cells_become_pixel_sizes),
		cmocka_unit_test(sections_of_a_volume_have_a_distance),
		cmocka_unit_test(old_fei_records_are_read),
		cmocka_unit_test(new_fei_records_are_read),
		cmocka_unit_test(a_wrong_stamp_does_not_turn_the_numbers),
		cmocka_unit_test(other_bytes_are_not_taken_for_mrc),
		cmocka_unit_test(without_the_magic_the_size_must_be_right),
		cmocka_unit_test(cut_anywhere_is_an_error),
		cmocka_unit_test(headers_that_lie_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
