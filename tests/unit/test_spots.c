/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests for spots, and what answers them. */
#include "spots_help.h"

static int parse(struct em_spots_request *r, const char *text)
{
	struct em_error err = {0};
	int status = em_spots_request_parse(r, text, &err);

	assert_int_equal(err.kind, status ? EM_ERROR_USAGE : EM_ERROR_NONE);
	if (status)
		assert_non_null(strstr(err.text, "spots"));
	return status;
}

static void test_requests(void **state)
{
	struct em_spots_request r;

	(void)state;
	assert_int_equal(parse(&r, "auto"), 0);
	assert_true(r.kind == EM_SPOTS_AUTO && !*r.name);
	assert_int_equal(parse(&r, "film=auto"), 0);
	assert_true(r.kind == EM_SPOTS_AUTO);
	assert_string_equal(r.name, "film");
	assert_int_equal(parse(&r, "NiO_2-b=d:0.241,0.209"), 0);
	assert_true(r.kind == EM_SPOTS_SPACINGS && r.count == 2);
	assert_near(r.d[0], 0.241, 1e-15);
	assert_near(r.d[1], 0.209, 1e-15);
	assert_int_equal(parse(&r, "d:1,2,3,4,5,6,7,8,9,10,11,12"), 0);
	assert_true(r.count == 12 && r.d[11] > 11.9);
	assert_int_equal(parse(&r, "lattice:0.39,0.4,85.5:10,01,-11,1-1,-2-3"), 0);
	assert_true(r.kind == EM_SPOTS_LATTICE && r.count == 5);
	assert_near(r.known.d_a, 0.39, 1e-15);
	assert_near(r.known.d_b, 0.4, 1e-15);
	assert_near(r.known.gamma_star, 85.5, 1e-12);
	assert_true(r.hk[2][0] == -1 && r.hk[2][1] == 1 && r.hk[3][0] == 1 && r.hk[3][1] == -1 && r.hk[4][0] == -2 &&
	            r.hk[4][1] == -3);
	assert_int_equal(parse(&r, "film=spots/a=b.json"), 0);
	assert_true(r.kind == EM_SPOTS_FILE);
	assert_string_equal(r.path, "spots/a=b.json");
	assert_int_equal(parse(&r, "./a=b.json"), 0);
	assert_true(r.kind == EM_SPOTS_FILE && !*r.name);
	assert_int_equal(parse(&r, "autos"), 0); /* is a file's name */
	assert_int_equal(r.kind, EM_SPOTS_FILE);
}

static void test_refused(void **state)
{
	static const char *const wrong[] = {"",
	                                    "film=",
	                                    "=auto",
	                                    "a b=auto",
	                                    "fi/lm=",
	                                    "d:",
	                                    "d:0",
	                                    "d:-1",
	                                    "d:0.39,",
	                                    "d:,1",
	                                    "d:x",
	                                    "d:0.39;2",
	                                    "d:nan",
	                                    "d:inf",
	                                    "d:1e999",
	                                    "d:1,2,3,4,5,6,7,8,9,10,11,12,13",
	                                    "lattice:",
	                                    "lattice:0.39",
	                                    "lattice:0.39,0.39:10",
	                                    "lattice:0.39,0.39,90",
	                                    "lattice:0.39,0.39,90:",
	                                    "lattice:0.39,0.39,90,1:10",
	                                    "lattice:0.39,0.39,90:1",
	                                    "lattice:0.39,0.39,90:100",
	                                    "lattice:0.39,0.39,90:10,",
	                                    "lattice:0.39,0.39,90:00",
	                                    "lattice:0.39,0.39,90:1x",
	                                    "lattice:0.39,0.39,90:--11",
	                                    "lattice:0.39,0.39,90:10 01",
	                                    "lattice:1,1,90:10,10,10,10,10,10,10,10,10,10,10,10,10",
	                                    "A23456789012345678901234567890123=auto",
	                                    "\303\244=auto"};
	struct em_spots_request r = {.kind = EM_SPOTS_LATTICE, .count = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (!strcmp(wrong[i], "fi/lm="))
			assert_int_equal(parse(&(struct em_spots_request){0}, wrong[i]), 0); /* a path */
		else if (parse(&r, wrong[i]) == 0)
			fail_msg("'%s' is accepted", wrong[i]);
	assert_true(r.kind == EM_SPOTS_LATTICE && r.count == 7); /* left alone */
	assert_true(em_spots_name_is_fit("A234567890123456789012345678901"));
	assert_false(em_spots_name_is_fit("A2345678901234567890123456789012"));
	assert_false(em_spots_name_is_fit(""));
	assert_false(em_spots_name_is_fit("a.b"));
}

/* ---- answers ---- */

static void test_auto(void **state)
{
	struct bench b;
	struct em_spots s;
	struct em_lattice_cell c;
	double d[2];

	(void)state;
	set_up(&b);
	assert_int_equal(find_one(&b, &s, "auto"), 0);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.phase[0].name, "lattice1");
	assert_true(s.phase[0].indexed && s.phase[0].count == 6);
	for (size_t i = 1; i < 6; i++)
		assert_true(s.phase[0].spot[i].snr <= s.phase[0].spot[i - 1].snr);
	c = em_lattice_cell(&s.phase[0].lattice, b.view.scale);
	assert_near(fmin(c.d_a.value, c.d_b.value), 0.32, 1e-4);
	assert_near(fmax(c.d_a.value, c.d_b.value), 0.4, 1e-4);
	assert_near(c.gamma_star.value, 90, 0.05);
	/* a second lattice, stretched by 7 %, that is not in line */
	add_lattice(&b, 0.107, 0.134, 90, 44, 500);
	assert_int_equal(find_one(&b, &s, "auto"), 0);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.phase[1].name, "lattice2");
	for (size_t i = 0; i < 2; i++) { /* evidence is equal: either may be the first */
		c = em_lattice_cell(&s.phase[i].lattice, b.view.scale);
		d[i] = fmax(c.d_a.value, c.d_b.value);
	}
	assert_near(fmax(d[0], d[1]), 0.4, 1e-4);
	assert_near(fmin(d[0], d[1]), 0.04 / 0.107, 1e-4);
	assert_int_equal(find_one(&b, &s, "film=auto"), 0);
	assert_string_equal(s.phase[0].name, "film");
	assert_string_equal(s.phase[1].name, "film2");
}

/* Spots beyond |g| of 0.45 and fainter than a fiftieth of the strongest are not measured. */
static void test_limits(void **state)
{
	struct bench b;
	struct em_spots s;

	(void)state;
	memset(&b, 0, sizeof(b));
	b.peaks.peak = b.peak;
	b.view = (struct em_spots_view){&b.peaks, 300, 300, {1, 1}};
	add_peak(&b, 0, 0.16, 1000);
	add_peak(&b, 0, 0.32, 25);
	add_peak(&b, 0.16, 0.16, 15);
	add_peak(&b, 0.32, 0.32, 900);
	assert_int_equal(find_one(&b, &s, "auto"), 0);
	assert_true(s.count == 1 && s.phase[0].count == 2);
	assert_near(s.phase[0].spot[1].x, 0.32, 1e-12);
}

static void test_spacings(void **state)
{
	struct bench b;
	struct em_spots s;

	(void)state;
	set_up(&b);
	assert_int_equal(find_one(&b, &s, "d:0.4"), 0);
	assert_true(s.count == 1 && s.phase[0].count == 1 && !s.phase[0].indexed);
	assert_string_equal(s.phase[0].name, "spacings");
	assert_near(hypot(s.phase[0].spot[0].y, s.phase[0].spot[0].x), 0.1, 1e-9);
	assert_int_equal(find_one(&b, &s, "film=d:0.385,0.332"), 0); /* 4 % off */
	assert_int_equal(s.phase[0].count, 2);
	assert_string_equal(s.phase[0].name, "film");
	/* the diagonals: 1 / hypot(0.1, 0.125) px */
	assert_int_equal(find_one(&b, &s, "d:0.2499"), 0);
	assert_int_equal(s.phase[0].count, 2);
	assert_int_equal(find_one(&b, &s, "d:0.36"), -1);
	assert_int_equal(s.count, 0);
	/* without a calibration they are pixels */
	b.view.scale[0] = b.view.scale[1] = 1;
	assert_int_equal(find_one(&b, &s, "d:10"), 0);
	assert_int_equal(find_one(&b, &s, "d:0.4"), -1);
}

/* However it lies, each spot gets the index that it was made by, up to the lattice's own symmetry. */
static void test_lattice(void **state)
{
	(void)state;
	for (int degrees = -80; degrees <= 80; degrees += 20) {
		struct bench b;
		struct em_spots s;
		const struct em_spots_phase *p = &s.phase[0];

		memset(&b, 0, sizeof(b));
		b.peaks.peak = b.peak;
		b.view = (struct em_spots_view){&b.peaks, 300, 300, {0.04, 0.04}};
		add_lattice(&b, 0.1, 0.125, 80, degrees, 1000);
		assert_int_equal(find_one(&b, &s, "lattice:0.4,0.32,80:10,01,11"), 0);
		assert_true(s.count == 1 && p->indexed && p->count == 3);
		for (size_t i = 0; i < p->count; i++) {
			const struct em_spots_spot *t = &p->spot[i];

			assert_near(t->y, t->h * p->lattice.a[0] + t->k * p->lattice.b[0], 1e-4);
			assert_near(t->x, t->h * p->lattice.a[1] + t->k * p->lattice.b[1], 1e-4);
			assert_near(hypot(t->y, t->x),
			            t->h && t->k ? sqrt(0.01 + 0.015625 + 0.025 * cos(TURN * 80 / 360))
			            : t->h       ? 0.1
			                         : 0.125,
			            1e-6);
		}
		assert_int_equal(find_one(&b, &s, "lattice:0.55,0.32,80:10"), -1);
		assert_int_equal(find_one(&b, &s, "lattice:0.4,0.32,200:10"), -1);
		assert_int_equal(s.count, 0);
	}
}

static void test_many(void **state)
{
	struct bench b;
	struct em_spots s;
	struct em_error err;
	const char *two[] = {"a=d:0.4", "b=d:0.32"}, *same[] = {"d:0.4", "d:0.32"};
	const char *nine[] = {"a=auto", "b=auto", "c=auto", "d=auto", "e=auto", "f=auto", "g=auto", "h=auto", "i=auto"};

	(void)state;
	set_up(&b);
	assert_int_equal(find(&b, &s, two, 2, &err), 0);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.phase[1].name, "b");
	assert_int_equal(find(&b, &s, same, 2, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, "spacings"));
	assert_int_equal(find(&b, &s, nine, 8, &err), 0);
	assert_int_equal(find(&b, &s, nine, 9, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	add_lattice(&b, 0.107, 0.134, 90, 44, 500);
	assert_int_equal(find_one(&b, &s, "A234567890123456789012345678901=auto"), -1); /* a 2 behind it is too much */
	b.peaks.count = 0;
	assert_int_equal(find(&b, &s, two, 2, &err), 0); /* nothing at all is no error */
	assert_int_equal(s.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_requests), cmocka_unit_test(test_refused),  cmocka_unit_test(test_auto),
	    cmocka_unit_test(test_limits),   cmocka_unit_test(test_spacings), cmocka_unit_test(test_lattice),
	    cmocka_unit_test(test_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
