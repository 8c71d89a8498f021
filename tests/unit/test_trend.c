/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bank of trends, the ridge regression and the dynamics of several numbers. */
#include "base/random.h"
#include "forecast/dynamics.h"
#include "forecast/ridge.h"
#include "forecast/trend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- one number ---- */

static void forecast(const double *x, size_t n, double variance, double slopes, size_t steps, double *mean, double *var)
{
	struct em_trend_prior p;
	struct em_trend t;

	em_trend_prior_init(&p, x[0], 100, 0, slopes, variance);
	em_trend_begin(&t, &p);
	for (size_t i = 0; i < n; i++)
		em_trend_push(&t, x[i], variance);
	em_trend_forecast(&t, steps, mean, var);
}

/* A line goes on; a slope that fades by 0.95 a step is one of the members, so its end is known: closed form. */
static void laws_that_the_bank_holds(void **state)
{
	double line[60], fading[60], mean, variance;

	(void)state;
	for (int i = 0; i < 60; i++) {
		line[i] = 5 + 0.7 * i;
		fading[i] = 1 - pow(0.95, i);
	}
	forecast(line, 60, 1e-6, 100, 30, &mean, &variance);
	assert_true(fabs(mean - (5 + 0.7 * 89)) < 0.02);
	forecast(fading, 60, 1e-8, 100, 30, &mean, &variance);
	assert_true(fabs(mean - (1 - pow(0.95, 89))) < 1e-3);
	assert_true(variance > 0 && variance < 1e-3);
}

static void gaps_let_time_pass(void **state)
{
	double line[60], mean, variance, wide;

	(void)state;
	for (int i = 0; i < 60; i++)
		line[i] = i > 20 && i < 40 ? NAN : 2.0 * i;
	forecast(line, 60, 1e-4, 100, 10, &mean, &variance);
	assert_true(fabs(mean - 2 * 69) < 0.1);
	forecast(line, 39, 1e-4, 100, 1, &mean, &wide); /* amid the gap */
	assert_true(fabs(mean - 2 * 39) < 0.5);
	forecast(line, 21, 1e-4, 100, 1, &mean, &variance);
	assert_true(wide > variance);
}

/* A random walk of great steps is one of the members, and no other is like it: closed form, and the 90 % interval holds
 * 90 % (four standard errors). */
static void intervals_of_a_walk(void **state)
{
	struct em_random r;
	size_t inside = 0, all = 0;

	(void)state;
	em_random_seed(&r, 5, 0);
	for (int k = 0; k < 500; k++) {
		double x = 0, seen[40], mean, variance;

		for (int i = 0; i < 40; i++) {
			x += i ? sqrt(1000) * em_random_normal(&r) : 0;
			seen[i] = x + em_random_normal(&r);
		}
		for (int i = 0; i < 5; i++)
			x += sqrt(1000) * em_random_normal(&r);
		forecast(seen, 40, 1, 1e-6, 5, &mean, &variance);
		inside += fabs(x - mean) < 1.645 * sqrt(variance);
		all++;
		/* the steady state of that member: p = p' / (p' + 1), p' = p + 1000, then five steps of 1000 */
		assert_true(fabs(variance / (0.999 + 5000) - 1) < 0.01);
	}
	assert_true(fabs((double)inside / (double)all - 0.9) < 4 * sqrt(0.09 / 500));
}

/* ---- ridge ---- */

/* y = 2 - 3 a with a little noise; b is nothing.  Groups agree, so the weights are those of least squares. */
static void ridge_finds_a_line(void **state)
{
	struct em_ridge r;
	struct em_random random;
	double w[3], errors;

	(void)state;
	em_random_seed(&random, 1, 0);
	assert_int_equal(em_ridge_init(&r, 3, 1, 4, NULL), 0);
	for (int i = 0; i < 400; i++) {
		double row[3] = {1, em_random_normal(&random), em_random_normal(&random)},
		       y = 2 - 3 * row[1] + 0.1 * em_random_normal(&random);

		em_ridge_add(&r, (size_t)i % 4, row, &y, 0.005);
	}
	em_ridge_solve(&r, w, &errors);
	assert_true(fabs(w[0] - 2) < 0.03 && fabs(w[1] + 3) < 0.03 && fabs(w[2]) < 0.03);
	assert_true(fabs(errors - (0.01 - 0.005)) < 0.0015); /* the noise told is off */
	em_ridge_release(&r);
}

/* Each group's line is another's opposite: nothing helps, so nothing is added. */
static void ridge_knows_when_it_does_not_help(void **state)
{
	struct em_ridge r;
	struct em_random random;
	double w[2];

	(void)state;
	em_random_seed(&random, 2, 0);
	assert_int_equal(em_ridge_init(&r, 2, 1, 2, NULL), 0);
	for (int i = 0; i < 200; i++) {
		double row[2] = {1, em_random_normal(&random)}, y = (i % 2 ? 1 : -1) * row[1];

		em_ridge_add(&r, (size_t)i % 2, row, &y, 0);
	}
	em_ridge_solve(&r, w, NULL);
	assert_true(w[0] == 0 && w[1] == 0);
	em_ridge_release(&r);
}

/* ---- dynamics ---- */

#define TRACKS 16
#define LENGTH 100
#define NOISE 1e-4

/* Two numbers of one logistic reaction, which no trend of one number foretells. */
static void make_track(double *value, double *variance, struct em_random *r)
{
	double middle = em_random_between(r, 20, 80), rate = em_random_between(r, 0.08, 0.16);

	for (int i = 0; i < LENGTH; i++) {
		double x = 1 / (1 + exp(-rate * (i - middle)));

		value[2 * i] = x + sqrt(NOISE) * em_random_normal(r);
		value[2 * i + 1] = x * (1 - x) + sqrt(NOISE) * em_random_normal(r);
		variance[i] = NOISE;
	}
}

static void learn(struct em_dynamics *d, size_t count, double *value, double *variance)
{
	struct em_track t[TRACKS];
	struct em_random r;

	em_random_seed(&r, 8, 0);
	for (size_t s = 0; s < count; s++) {
		make_track(value + 2 * LENGTH * s, variance + LENGTH * s, &r);
		t[s] = (struct em_track){LENGTH, value + 2 * LENGTH * s, variance + LENGTH * s};
	}
	assert_int_equal(em_dynamics_learn(d, 2, t, count, 20, NULL, 0, NULL), 0);
}

/* Mean squared error of x 20 steps on, over new tracks; and the share within 90 % intervals. */
static double judge(const struct em_dynamics *d, bool banks_alone, double *inside)
{
	struct em_random r;
	double value[2 * LENGTH], variance[LENGTH], sum = 0, n = 0;

	em_random_seed(&r, 9, 0);
	*inside = 0;
	for (int s = 0; s < 40; s++) {
		struct em_dynamics_run run;

		make_track(value, variance, &r);
		assert_int_equal(em_dynamics_begin(&run, d, NULL), 0);
		for (int i = 0; i + 20 < LENGTH; i++) {
			double mean[2], c[4], row[64], e;

			em_dynamics_push(&run, value + 2 * i, variance[i]);
			if (i < 10)
				continue;
			em_dynamics_forecast(&run, 20, mean, c);
			if (banks_alone)
				em_dynamics_row(&run, 20, row, mean, c);
			e = value[2 * (i + 20)] - mean[0];
			sum += e * e;
			*inside += fabs(e) < 1.645 * sqrt(c[0] + NOISE);
			n++;
		}
		em_dynamics_end(&run);
	}
	*inside /= n;
	return sum / n;
}

static void other_series_help(void **state)
{
	static double value[TRACKS * 2 * LENGTH], variance[TRACKS * LENGTH];
	struct em_dynamics d;
	double inside, other;

	(void)state;
	learn(&d, TRACKS, value, variance);
	assert_true(d.learned);
	assert_int_equal(d.horizon[d.horizons - 1], 20);
	assert_true(judge(&d, false, &inside) < 0.7 * judge(&d, true, &other));
	assert_true(fabs(inside - 0.9) < 0.05);
	em_dynamics_release(&d);
	learn(&d, 1, value, variance); /* from one alone nothing is learned of others */
	assert_false(d.learned);
	assert_true(judge(&d, false, &inside) == judge(&d, true, &other));
	em_dynamics_release(&d);
}

/* Errors of x 9 steps on from `from` on, and how many of them are within 90 % intervals. */
static double follow(const struct em_dynamics *d, bool back, bool adapt, int from, double *inside)
{
	struct em_random r;
	double value[2 * LENGTH], variance[LENGTH], sum = 0, n = 0;

	em_random_seed(&r, 19, 0);
	*inside = 0;
	for (int s = 0; s < 40; s++) {
		struct em_dynamics_run run;

		make_track(value, variance, &r);
		for (int i = LENGTH / 2; i < LENGTH && back; i++) { /* the reaction is undone */
			value[2 * i] = value[2 * (LENGTH - 1 - i)] + sqrt(NOISE) * em_random_normal(&r);
			value[2 * i + 1] = value[2 * (LENGTH - 1 - i) + 1] + sqrt(NOISE) * em_random_normal(&r);
		}
		assert_int_equal(em_dynamics_begin(&run, d, NULL), 0);
		if (adapt)
			assert_int_equal(em_dynamics_adapt(&run, NULL), 0);
		for (int i = 0; i + 9 < LENGTH; i++) {
			double mean[2], c[4], e;

			em_dynamics_push(&run, i % 17 == 16 ? NULL : value + 2 * i, variance[i]);
			if (i < from)
				continue;
			em_dynamics_forecast(&run, 9, mean, c);
			e = value[2 * (i + 9)] - mean[0];
			sum += e * e;
			*inside += fabs(e) < 1.645 * sqrt(c[0] + NOISE);
			n++;
		}
		em_dynamics_end(&run);
	}
	*inside /= n;
	return sum / n;
}

/* A law that no other series has: who learns from the own errors errs less, and knows better how much.  Where the law
 * is that of the others, it costs little. */
static void a_law_that_changes(void **state)
{
	static double value[TRACKS * 2 * LENGTH], variance[TRACKS * LENGTH];
	struct em_dynamics d;
	double inside, adapted, own, other;

	(void)state;
	learn(&d, TRACKS, value, variance);
	other = follow(&d, true, false, LENGTH / 2 + 20, &inside);
	own = follow(&d, true, true, LENGTH / 2 + 20, &adapted);
	assert_true(own < 0.85 * other);
	assert_true(fabs(adapted - 0.9) < fabs(inside - 0.9));
	other = follow(&d, false, false, 10, &inside);
	own = follow(&d, false, true, 10, &adapted);
	assert_true(own < 1.3 * other);
	assert_true(fabs(adapted - 0.9) < 0.05);
	em_dynamics_release(&d);
}

static void too_short(void **state)
{
	double value[6] = {0}, variance[3] = {1, 1, 1};
	const struct em_track t = {3, value, variance};
	struct em_dynamics d;
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_dynamics_learn(&d, 2, &t, 1, 9, NULL, 0, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(laws_that_the_bank_holds),
	                                   cmocka_unit_test(gaps_let_time_pass),
	                                   cmocka_unit_test(intervals_of_a_walk),
	                                   cmocka_unit_test(ridge_finds_a_line),
	                                   cmocka_unit_test(ridge_knows_when_it_does_not_help),
	                                   cmocka_unit_test(other_series_help),
	                                   cmocka_unit_test(a_law_that_changes),
	                                   cmocka_unit_test(too_short)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
