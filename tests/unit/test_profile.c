/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/profile.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 60
#define COLS 80
#define NEAR(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))

static const struct em_area_grid grid = {ROWS, COLS, 4 * ROWS, 5 * COLS, 0, 0}; /* cells of 4 x 5 px */
static float map[ROWS * COLS], weight[ROWS * COLS];

static double y_of(size_t k)
{
	return 4 * (double)(k / COLS);
}

static double x_of(size_t k)
{
	return 5 * (double)(k % COLS);
}

/* Bins down the rows: each sample of 11 columns once, at its own distance. */
static void test_rows(void **state)
{
	const struct em_line down = {200, 2, 200, 202};
	struct em_profile p;

	(void)state;
	for (size_t k = 0; k < ROWS * COLS; k++) {
		map[k] = (float)(k % COLS == 40 ? 12 : 1) + (float)(k / COLS);
		weight[k] = k / COLS == 7 ? 0 : 0.5F;
	}
	assert_int_equal(em_profile_make(&p, map, weight, &grid, &down, 50, 0, NULL), 0);
	assert_int_equal(p.count, 50);
	NEAR(p.step, 4, 1e-12);
	for (size_t i = 0; i < 50; i++) {
		const struct em_profile_bin *b = &p.bin[i];

		NEAR(b->distance, 4. * (double)i + 2, 1e-9);
		if (i == 6) {
			assert_true(b->samples == 0 && b->weight == 0 && isnan(b->mean) && isnan(b->error));
			continue;
		}
		/* ten times 1 and once 12: the mean is 2, the standard deviation sqrt(11) */
		assert_int_equal(b->samples, 11);
		NEAR(b->weight, 5.5, 1e-12);
		NEAR(b->mean, 2 + (double)i + 1, 1e-9);
		NEAR(b->error, 1, 1e-6);
	}
	em_profile_release(&p);
}

/* A linear map has a linear profile along any line, in bins as narrow as one likes; the far end belongs to it. */
static void test_linear(void **state)
{
	struct em_random random;

	(void)state;
	em_random_seed(&random, 2, 0);
	for (int run = 0; run < 50; run++) {
		struct em_line line = {em_random_between(&random, 50, 350), em_random_between(&random, 50, 180),
		                       em_random_between(&random, 50, 350), em_random_between(&random, 50, 180)};
		double length = hypot(line.y1 - line.y0, line.x1 - line.x0);
		double uy = (line.y1 - line.y0) / length, ux = (line.x1 - line.x0) / length;
		struct em_profile p;
		size_t all = 0, truth = 0;

		for (size_t k = 0; k < ROWS * COLS; k++) {
			double t = (y_of(k) - line.y0) * uy + (x_of(k) - line.x0) * ux;
			double side = (y_of(k) - line.y0) * ux - (x_of(k) - line.x0) * uy;

			map[k] = (float)(3 + 0.25 * t);
			truth += t >= 0 && t <= length && fabs(side) <= 30;
		}
		assert_int_equal(em_profile_make(&p, map, NULL, &grid, &line, 60, (size_t)run, NULL), 0);
		for (size_t i = 0; i < p.count; i++) {
			all += p.bin[i].samples;
			assert_true(p.bin[i].distance >= p.step * ((double)i - 1e-9) &&
			            p.bin[i].distance <= p.step * ((double)i + 1 + 1e-9));
			if (p.bin[i].samples)
				NEAR(p.bin[i].mean, 3 + 0.25 * p.bin[i].distance, 1e-4);
		}
		assert_true(all == truth && (!run || p.count == (size_t)run));
		em_profile_release(&p);
	}
}

/* Of noise the standard error said is the scatter of the means. */
static void test_error(void **state)
{
	const struct em_line down = {200, 0, 200, 236};
	struct em_random random;
	double squares = 0, means = 0;

	(void)state;
	em_random_seed(&random, 4, 0);
	for (int run = 0; run < 40; run++) {
		struct em_profile p;

		for (size_t k = 0; k < ROWS * COLS; k++)
			map[k] = (float)(5 + 3 * em_random_normal(&random));
		map[77] = NAN;
		map[78] = INFINITY;
		assert_int_equal(em_profile_make(&p, map, NULL, &grid, &down, 1000, 60, NULL), 0);
		for (size_t i = 0; i < 60; i++) {
			squares += p.bin[i].error * p.bin[i].error * 80 / 9 / 2400;
			means += (p.bin[i].mean - 5) * (p.bin[i].mean - 5) * 80 / 9 / 2400;
		}
		assert_int_equal(p.bin[0].samples, 78);
		em_profile_release(&p);
	}
	NEAR(squares, 1, 0.02); /* 4 sqrt(2 / 80 / 2400) = 0.013, and two samples are missing */
	NEAR(means, 1, 0.116);  /* 4 sqrt(2 / 2400) */
}

/* A step of this width at `at` along a line that is tilted. */
static const struct em_line tilted = {100, 40, 244, 148}; /* 180 px long */

static void make_step(double at, double width, double noise, struct em_random *random, size_t bins,
                      struct em_profile *p)
{
	for (size_t k = 0; k < ROWS * COLS; k++) {
		double t = (y_of(k) - 40) * 0.6 + (x_of(k) - 100) * 0.8 - at;
		double rise = width > 0 ? (1 + erf(t / (width * sqrt(2)))) / 2 : t > 0 ? 1 : 0;

		map[k] = (float)(0.2 + 0.7 * rise + (noise > 0 ? noise * em_random_normal(random) : 0));
	}
	assert_int_equal(em_profile_make(p, map, NULL, &grid, &tilted, 100, bins, NULL), 0);
}

/* Without noise: the parameters themselves, rising and falling. */
static void test_step(void **state)
{
	struct em_profile p;
	struct em_step s;

	(void)state;
	for (int down = 0; down < 2; down++) {
		make_step(83.3, 12, 0, NULL, 0, &p);
		for (size_t i = 0; down && i < p.count; i++)
			p.bin[i].mean = 1 - p.bin[i].mean;
		assert_int_equal(em_profile_fit_step(&p, &s, NULL), 0);
		NEAR(s.position, 83.3, 0.05);
		NEAR(s.width, 12, 0.1);
		NEAR(s.before, down ? 0.8 : 0.2, 1e-3);
		NEAR(s.after, down ? 0.1 : 0.9, 1e-3);
		assert_true(s.position_error > 0 && s.position_error < 0.1 && s.width_error < 0.1);
		em_profile_release(&p);
	}
}

/* Rows along the interface are points, not bins: a step half as wide as they are apart is that wide. */
static void test_narrow(void **state)
{
	const struct em_line down = {200, 0, 200, 236};
	struct em_profile p;
	struct em_step s;

	(void)state;
	for (size_t k = 0; k < ROWS * COLS; k++)
		map[k] = (float)erf((y_of(k) - 121.3) / (2 * sqrt(2)));
	assert_int_equal(em_profile_make(&p, map, NULL, &grid, &down, 100, 0, NULL), 0);
	NEAR(p.bin[20].spread, 0, 1e-12);
	NEAR(p.bin[58].spread, 4, 1e-9); /* the end belongs to the last: two rows */
	assert_int_equal(em_profile_fit_step(&p, &s, NULL), 0);
	NEAR(s.position, 121.3, 0.01);
	NEAR(s.width, 2, 0.01);
	em_profile_release(&p);
}

/* Of 1000 noisy steps the errors said are the scatter seen, the averages are true, and chi2 is 1. */
static void test_step_errors(void **state)
{
	struct em_random random;
	double pull[4] = {0}, square[4] = {0}, chi2 = 0;

	(void)state;
	em_random_seed(&random, 6, 0);
	for (int run = 0; run < 1000; run++) {
		struct em_profile p;
		struct em_step s;

		make_step(90, 15, 0.1, &random, 36, &p);
		assert_int_equal(em_profile_fit_step(&p, &s, NULL), 0);
		double z[4] = {(s.position - 90) / s.position_error, (s.width - 15) / s.width_error,
		               (s.before - 0.2) / s.before_error, (s.after - 0.9) / s.after_error};

		for (int k = 0; k < 4; k++) {
			pull[k] += z[k] / 1000;
			square[k] += z[k] * z[k] / 1000;
		}
		chi2 += s.chi2 / 1000;
		em_profile_release(&p);
	}
	for (int k = 0; k < 4; k++) {
		NEAR(pull[k], 0, 0.2);    /* 4 / sqrt(1000) is 0.13; the width's is skew */
		NEAR(square[k], 1, 0.25); /* of Student's t with 32 degrees of freedom 1.07, 4 sqrt(2 / 1000) = 0.18 */
	}
	NEAR(chi2, 1, 0.1);
}

/* Sharper than the bins: width 0, to within what a bin hides. */
static void test_sharp(void **state)
{
	struct em_profile p;
	struct em_step s;
	struct em_profile_bin bin[8];

	(void)state;
	make_step(77, 0, 0, NULL, 20, &p);
	assert_int_equal(em_profile_fit_step(&p, &s, NULL), 0);
	NEAR(s.position, 77, 1);
	NEAR(s.width, 0, s.width_error);
	assert_true(s.width_error <= p.step / 2);
	em_profile_release(&p);
	for (size_t i = 0; i < 8; i++)
		bin[i] = (struct em_profile_bin){10 * (double)i, i < 3 ? 5 : 2, 0.1, 10, 10};
	assert_int_equal(em_profile_fit_step(&(struct em_profile){bin, 8, 10}, &s, NULL), 0);
	NEAR(s.position, 25, 0.5);
	assert_true(s.width == 0);
	NEAR(s.width_error, 10 / sqrt(12), 1e-9);
	NEAR(s.before, 5, 0.1);
	NEAR(s.after, 2, 0.1);
}

/* Nothing but noise hardly ever shows a step: 1.6 % of 8 bins (of 4000), 0.5 % of 16, 0.1 % of 40. */
static void test_none(void **state)
{
	const size_t counts[3] = {8, 16, 40};
	const int most[3] = {18, 8, 4};
	struct em_random random;

	(void)state;
	em_random_seed(&random, 9, 0);
	for (size_t c = 0; c < 3; c++) {
		int seen = 0;

		for (int run = 0; run < 500; run++) {
			struct em_profile_bin bin[40];
			struct em_step s;
			struct em_error err = {0};

			for (size_t i = 0; i < counts[c]; i++)
				bin[i] = (struct em_profile_bin){(double)i, em_random_normal(&random), 1, 9, 9};
			if (em_profile_fit_step(&(struct em_profile){bin, counts[c], 1}, &s, &err) == 0)
				seen++;
			else
				assert_int_equal(err.kind, EM_ERROR_DATA);
		}
		assert_true(seen <= most[c]);
	}
}

static void test_refused(void **state)
{
	const struct em_line point = {5, 5, 5, 5}, endless = {5, 5, NAN, 5}, away = {500, 5, 600, 5},
	                     good = {0, 0, 90, 0};
	struct em_profile p = {.count = 7};
	struct em_profile_bin bin[9];
	struct em_step s = {.width = 7};
	struct em_error err;

	(void)state;
	assert_int_equal(em_profile_make(&p, map, NULL, &grid, &point, 10, 0, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_profile_make(&p, map, NULL, &grid, &endless, 10, 0, &err), -1);
	assert_int_equal(em_profile_make(&p, map, NULL, &grid, &good, 0, 0, &err), -1);
	assert_int_equal(em_profile_make(&p, map, NULL, &grid, &good, NAN, 0, &err), -1);
	assert_int_equal(em_profile_make(&p, map, NULL, &grid, &good, 10, 65537, &err), -1);
	assert_int_equal(em_profile_make(&p, map, NULL, &grid, &good, 10, SIZE_MAX, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_profile_make(&p, map, NULL, &grid, &away, 10, 0, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(p.count, 7);

	for (size_t i = 0; i < 9; i++)
		bin[i] = (struct em_profile_bin){(double)i, 3, 0, 1, 5};
	assert_int_equal(em_profile_fit_step(&(struct em_profile){bin, 5, 1}, &s, &err), -1);
	assert_non_null(strstr(err.text, "8 bins or more, not 5"));
	assert_int_equal(em_profile_fit_step(&(struct em_profile){bin, 9, 1}, &s, &err), -1);
	assert_string_equal(err.text, "the profile shows no step");
	for (size_t i = 0; i < 9; i++)
		bin[i].mean = erfc((10 - (double)i) / 3);
	assert_int_equal(em_profile_fit_step(&(struct em_profile){bin, 9, 1}, &s, &err), -1);
	assert_non_null(strstr(err.text, "make the line longer"));
	assert_true(s.width == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows), cmocka_unit_test(test_linear),      cmocka_unit_test(test_error),
	    cmocka_unit_test(test_step), cmocka_unit_test(test_step_errors), cmocka_unit_test(test_sharp),
	    cmocka_unit_test(test_none), cmocka_unit_test(test_refused),     cmocka_unit_test(test_narrow),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
