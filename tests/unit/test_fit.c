/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fit.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NEAR(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

/* Points x, y with error e. */
struct points {
	size_t n;
	double x[64], y[64], e;
};

static void line(void *ctx, const double *p, double *r)
{
	const struct points *d = ctx;

	for (size_t i = 0; i < d->n; i++)
		r[i] = (p[0] + p[1] * d->x[i] - d->y[i]) / d->e;
}

/* A straight line has closed forms: Press et al., or any book: slope Sxy / Sxx, variances 1 / n + mean^2 / Sxx, .. */
static void test_line(void **state)
{
	struct points d = {.n = 5, .x = {0, 1, 2, 3, 4}, .y = {1.1, 2.9, 5.2, 7.1, 8.7}, .e = 0.5};
	double p[2] = {-30, 100}, c[4], chi2, sxy = 0, sum = 0;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		sxy += (d.x[i] - 2) * (d.y[i] - 5);
	for (size_t i = 0; i < 5; i++)
		sum += pow((5 + sxy / 10 * (d.x[i] - 2) - d.y[i]) / 0.5, 2);
	assert_int_equal(em_fit_run(&(struct em_fit){5, 2, line, NULL, &d, 0}, p, c, &chi2, NULL), 0);
	NEAR(p[1], sxy / 10, 1e-8);
	NEAR(p[0], 5 - 2 * sxy / 10, 1e-8);
	NEAR(c[0], 0.25 * (1. / 5 + 4. / 10), 1e-7);
	NEAR(c[3], 0.25 / 10, 1e-7);
	NEAR(c[1], -0.25 * 2 / 10, 1e-7);
	NEAR(c[2], c[1], 1e-12);
	NEAR(chi2, sum, 1e-8);
}

static void rosenbrock(void *ctx, const double *p, double *r)
{
	(void)ctx;
	r[0] = 10 * (p[1] - p[0] * p[0]);
	r[1] = 1 - p[0];
}

static void rosenbrock_slope(void *ctx, const double *p, double *j)
{
	(void)ctx;
	j[0] = -20 * p[0];
	j[1] = 10;
	j[2] = -1;
	j[3] = 0;
}

/* Its valley is bent; the least value is 0 at (1, 1), the usual start (-1.2, 1).  J^T J is inverted by hand. */
static void test_rosenbrock(void **state)
{
	(void)state;
	for (int k = 0; k < 2; k++) {
		double p[2] = {-1.2, 1}, c[4], chi2;
		struct em_fit fit = {2, 2, rosenbrock, k ? rosenbrock_slope : NULL, NULL, 0};

		assert_int_equal(em_fit_run(&fit, p, c, &chi2, NULL), 0);
		NEAR(p[0], 1, 1e-7);
		NEAR(p[1], 1, 1e-7);
		NEAR(chi2, 0, 1e-12);
		NEAR(c[0], 1, 1e-5);
		NEAR(c[1], 2, 1e-5);
		NEAR(c[3], 4.01, 1e-5);
	}
}

static void decay(void *ctx, const double *p, double *r)
{
	const struct points *d = ctx;

	for (size_t i = 0; i < d->n; i++)
		r[i] = (p[0] * exp(-p[1] * d->x[i]) - d->y[i]) / d->e;
}

static void decay_slope(void *ctx, const double *p, double *j)
{
	const struct points *d = ctx;

	for (size_t i = 0; i < d->n; i++) {
		j[2 * i] = exp(-p[1] * d->x[i]) / d->e;
		j[2 * i + 1] = -p[0] * d->x[i] * exp(-p[1] * d->x[i]) / d->e;
	}
}

/* Of 2000 fits to noisy decays the errors said are the scatter seen, and chi2 is n - 2 on average. */
static void test_errors(void **state)
{
	struct points d = {.n = 64, .e = 0.05};
	struct em_random random;
	double pull[2] = {0, 0}, square[2] = {0, 0}, chi2s = 0;
	const double truth[2] = {2, 0.7};

	(void)state;
	em_random_seed(&random, 3, 0);
	for (size_t run = 0; run < 2000; run++) {
		double p[2] = {1, 1}, c[4], chi2;

		for (size_t i = 0; i < d.n; i++) {
			d.x[i] = 0.1 * (double)i;
			d.y[i] = truth[0] * exp(-truth[1] * d.x[i]) + d.e * em_random_normal(&random);
		}
		assert_int_equal(em_fit_run(&(struct em_fit){64, 2, decay, decay_slope, &d, 0}, p, c, &chi2, NULL), 0);
		for (size_t k = 0; k < 2; k++) {
			double z = (p[k] - truth[k]) / sqrt(c[3 * k]);

			pull[k] += z / 2000;
			square[k] += z * z / 2000;
		}
		chi2s += chi2 / 2000;
	}
	for (size_t k = 0; k < 2; k++) {
		NEAR(pull[k], 0, 0.09);   /* 4 / sqrt(2000) */
		NEAR(square[k], 1, 0.13); /* 4 sqrt(2 / 2000) */
	}
	NEAR(chi2s, 62, 1); /* 4 sqrt(124 / 2000) */
}

static void no_number(void *ctx, const double *p, double *r)
{
	(void)ctx;
	r[0] = r[1] = r[2] = p[0] > 0 ? p[0] : NAN;
}

static void root(void *ctx, const double *p, double *r)
{
	(void)ctx;
	r[0] = sqrt(p[0]) - 0.1;
}

/* The first step from 100 leads to -98, where there is no root: it is taken back. */
static void test_step_back(void **state)
{
	double p = 100;

	(void)state;
	assert_int_equal(em_fit_run(&(struct em_fit){1, 1, root, NULL, NULL, 0}, &p, NULL, NULL, NULL), 0);
	NEAR(p, 0.01, 1e-9);
}

/* Only the sum of the two parameters matters. */
static void twins(void *ctx, const double *p, double *r)
{
	const struct points *d = ctx;

	for (size_t i = 0; i < d->n; i++)
		r[i] = (p[0] + p[1]) * d->x[i] - d->y[i];
}

static void test_refused(void **state)
{
	struct points d = {.n = 3, .x = {1, 2, 3}, .y = {1, 2, 4}, .e = 1};
	struct em_error err = {0};
	double p[2] = {-1, 2}, c[4] = {7, 7, 7, 7}, chi2 = 5;

	(void)state;
	assert_int_equal(em_fit_run(&(struct em_fit){1, 2, line, NULL, &d, 0}, p, c, &chi2, &err), -1);
	assert_non_null(strstr(err.text, "1 points are too few"));
	assert_int_equal(em_fit_run(&(struct em_fit){3, 0, line, NULL, &d, 0}, p, c, &chi2, NULL), -1);
	assert_int_equal(em_fit_run(&(struct em_fit){3, 1, no_number, NULL, &d, 0}, p, c, &chi2, &err), -1);
	assert_non_null(strstr(err.text, "not finite at its start"));
	assert_int_equal(em_fit_run(&(struct em_fit){3, 2, twins, NULL, &d, 0}, p, c, &chi2, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_fit_run(&(struct em_fit){2, 2, rosenbrock, NULL, NULL, 1}, p, c, &chi2, &err), -1);
	assert_non_null(strstr(err.text, "did not converge"));
	assert_int_equal(em_fit_run(&(struct em_fit){SIZE_MAX / 16, 4, line, NULL, &d, 0}, p, c, &chi2, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_MEMORY);
	assert_true(p[0] == -1 && p[1] == 2 && c[0] == 7 && c[3] == 7 && chi2 == 5);
}

/* A start that is the minimum, also where rounding is all that is left of the residuals. */
static void test_already_there(void **state)
{
	struct points d = {.n = 5, .x = {0, 1, 2, 3, 4}, .y = {1.1, 2.9, 5.2, 7.1, 8.7}, .e = 1e-9};
	double p[2] = {1, 1}, q[2], chi2;

	(void)state;
	assert_int_equal(
	    em_fit_run(&(struct em_fit){2, 2, rosenbrock, rosenbrock_slope, NULL, 0}, p, NULL, &chi2, NULL), 0);
	assert_true(p[0] == 1 && p[1] == 1 && chi2 == 0);
	for (size_t i = 0; i < 5; i++)
		d.y[i] = 0.1 + 0.3 * d.x[i] + 1e-16 * (double)(i % 2);
	p[0] = 0.1;
	p[1] = 0.3;
	for (int again = 0; again < 3; again++) {
		memcpy(q, p, sizeof(q));
		assert_int_equal(em_fit_run(&(struct em_fit){5, 2, line, NULL, &d, 0}, p, NULL, &chi2, NULL), 0);
		NEAR(p[0], q[0], 1e-12);
		NEAR(p[1], q[1], 1e-12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_line),      cmocka_unit_test(test_rosenbrock),    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_step_back), cmocka_unit_test(test_already_there), cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
