/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unmixing with references and without: the conditions of the optimum, coverage in simulated counts, the truth. */
#include "eels/unmix.h"
#include "base/random.h"
#include "eels/basis.h"
#include "eels/nmf.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.12g, expected %.12g within %g", got, want, within);
}

#define CHANNELS 120
#define COUNT 3

/* Ti4+ like, with four lines; Ti3+ like, with two in between; something else that is smooth. */
static void references(double *r)
{
	static const double at[2][4] = {{30, 38, 60, 69}, {33, 33, 63, 63}};

	for (size_t j = 0; j < CHANNELS; j++) {
		for (size_t k = 0; k < 2; k++) {
			r[k * CHANNELS + j] = 0.2 / (1 + exp(-((double)j - at[k][0]) / 2));
			for (size_t l = 0; l < 4; l++)
				r[k * CHANNELS + j] += exp(-pow(((double)j - at[k][l]) / (2.5 + (double)k), 2));
		}
		r[2 * CHANNELS + j] = 1 / (1 + (double)j / 40);
	}
}

/*
 * Kuhn and Tucker's conditions make an optimum of a convex problem: with g the gradient, g = 0 where the amount is
 * above 0 and g <= 0 where it is 0.
 */
static void the_optimum_has_its_conditions(void **state)
{
	enum { REFS = 8, N = 40 };
	double r[REFS * N], y[N], v[N], x[REFS];
	struct em_random random;
	int zeros = 0;

	(void)state;
	em_random_seed(&random, 2, 0);
	for (int turn = 0; turn < 300; turn++) {
		const struct em_unmix u = {r, REFS, N};
		struct em_unmix_quality q;
		double chi2 = 0;

		for (size_t i = 0; i < REFS * N; i++)
			r[i] = em_random_normal(&random) + (double)(i / N);
		for (size_t j = 0; j < N; j++) {
			y[j] = 10 * em_random_normal(&random) + r[j] + 2 * r[N + j];
			v[j] = em_random_between(&random, 0.5, 2);
		}
		assert_int_equal(em_unmix_fit(&u, y, v, x, NULL, &q, NULL), 0);
		for (size_t k = 0; k < REFS; k++) {
			double g = 0;
			for (size_t j = 0; j < N; j++) {
				double rest = y[j];
				for (size_t l = 0; l < REFS; l++)
					rest -= x[l] * r[l * N + j];
				g += rest * r[k * N + j] / v[j];
				chi2 += k ? 0 : rest * rest / v[j];
			}
			assert_true(x[k] >= 0);
			zeros += x[k] == 0;
			assert_true(x[k] > 0 ? fabs(g) < 1e-7 : g < 1e-7);
		}
		assert_near(q.chi2 / chi2, 1, 1e-9);
	}
	assert_in_range(zeros, 300, 2000);
}

/* At three doses: the mean is the truth, and 1 and 2 standard errors hold what they should; chi2 is its freedom. */
static void amounts_of_counts(void **state)
{
	enum { TURNS = 2000 };
	static const double truth[COUNT] = {0.7, 0.3, 0.5};
	double r[COUNT * CHANNELS], y[CHANNELS], v[CHANNELS], x[COUNT], c[COUNT * COUNT], f[COUNT], e[COUNT];
	const struct em_unmix u = {r, COUNT, CHANNELS};

	(void)state;
	references(r);
	for (double dose = 100; dose < 1e5; dose *= 10) {
		double mean[COUNT] = {0}, spread[COUNT] = {0}, part = 0, chi2 = 0;
		int one[COUNT] = {0}, two[COUNT] = {0};
		struct em_random random;

		em_random_seed(&random, 3, (uint64_t)dose);
		for (int turn = 0; turn < TURNS; turn++) {
			struct em_unmix_quality q;

			for (size_t j = 0; j < CHANNELS; j++) {
				v[j] = 0;
				for (size_t k = 0; k < COUNT; k++)
					v[j] += dose * truth[k] * r[k * CHANNELS + j];
				y[j] = em_random_poisson(&random, v[j]);
			}
			assert_int_equal(em_unmix_fit(&u, y, v, x, c, &q, NULL), 0);
			chi2 += q.chi2 / (double)q.freedom / TURNS;
			for (size_t k = 0; k < COUNT; k++) {
				double off = fabs(x[k] - dose * truth[k]) / sqrt(c[k * COUNT + k]);
				mean[k] += x[k] / dose / TURNS;
				spread[k] += c[k * COUNT + k] / (dose * dose);
				one[k] += off < 1;
				two[k] += off < 2;
			}
			/* fractions of the first two, with their own covariance */
			double sub[4] = {c[0], c[1], c[COUNT], c[COUNT + 1]};
			assert_int_equal(em_unmix_fractions(x, sub, 2, f, e, NULL), 0);
			assert_near(f[0] + f[1], 1, 1e-12);
			assert_near(e[0], e[1], 1e-9);
			part += fabs(f[0] - 0.7) < e[0];
		}
		assert_near(chi2, 1, 0.02);
		assert_near(part / TURNS, 0.683, 0.04);
		for (size_t k = 0; k < COUNT; k++) {
			assert_near(mean[k], truth[k], 4 * sqrt(spread[k]) / TURNS);
			assert_near(one[k] / (double)TURNS, 0.683, 0.04);
			assert_near(two[k] / (double)TURNS, 0.954, 0.02);
		}
	}
}

/* What is missing does not count, and unknown variances are found. */
static void gaps_and_unknown_variance(void **state)
{
	double r[COUNT * CHANNELS], y[CHANNELS], v[CHANNELS], x[COUNT], c[COUNT * COUNT], d[COUNT * COUNT];
	const struct em_unmix u = {r, COUNT, CHANNELS};
	struct em_random random;
	struct em_unmix_quality q;

	(void)state;
	references(r);
	em_random_seed(&random, 4, 0);
	for (size_t j = 0; j < CHANNELS; j++) {
		y[j] = 3 * r[j] + r[2 * CHANNELS + j] + 0.1 * em_random_normal(&random);
		v[j] = 0.01;
	}
	assert_int_equal(em_unmix_fit(&u, y, v, x, c, &q, NULL), 0);
	assert_near(x[0], 3, 4 * sqrt(c[0]));
	assert_near(x[1], 0, 4 * sqrt(c[COUNT + 1]));
	assert_int_equal(em_unmix_fit(&u, y, NULL, x, d, NULL, NULL), 0);
	assert_near(d[0] / c[0], 1, 0.4);
	v[3] = 0;
	v[4] = -1;
	v[5] = NAN;
	y[6] = INFINITY;
	r[2 * CHANNELS + 7] = NAN;
	assert_int_equal(em_unmix_fit(&u, y, v, x, c, &q, NULL), 0);
	assert_int_equal(q.freedom, CHANNELS - 5 - (x[0] > 0) - (x[1] > 0) - (x[2] > 0));
	assert_near(x[0], 3, 4 * sqrt(c[0]));
}

static void what_cannot_be_unmixed(void **state)
{
	double r[COUNT * CHANNELS], y[CHANNELS] = {0}, v[CHANNELS], x[COUNT] = {7, 7, 7}, c[COUNT * COUNT], f[COUNT];
	struct em_unmix u = {r, COUNT, CHANNELS};
	struct em_error err;

	(void)state;
	references(r);
	for (size_t j = 0; j < CHANNELS; j++)
		v[j] = 1;
	assert_int_equal(em_unmix_fit(&u, y, v, x, c, NULL, NULL), 0); /* nothing: amounts of 0 */
	assert_true(x[0] == 0 && x[1] == 0 && x[2] == 0);
	assert_int_equal(em_unmix_fractions(x, c, COUNT, f, f, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	x[0] = 7;
	for (size_t j = 0; j < CHANNELS; j++)
		r[2 * CHANNELS + j] = 2 * r[j] + 3 * r[CHANNELS + j];
	assert_int_equal(em_unmix_fit(&u, y, v, x, c, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, "reference 3"));
	memset(r + CHANNELS, 0, CHANNELS * sizeof(*r));
	assert_int_equal(em_unmix_fit(&u, y, v, x, c, NULL, &err), -1);
	assert_non_null(strstr(err.text, "reference 2"));
	u.channels = COUNT;
	assert_int_equal(em_unmix_fit(&u, y, v, x, c, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	u.count = 0;
	assert_int_equal(em_unmix_fit(&u, y, v, x, c, NULL, &err), -1);
	u.count = EM_UNMIX_REFERENCES_MAX + 1;
	assert_int_equal(em_unmix_fit(&u, y, v, x, c, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_true(x[0] == 7);
}

/* A line of pixels from one to the other, pure at its ends: there the components are unique, and must be the truth. */
static void without_references(void **state)
{
	enum { PIXELS = 150, RANK = 2 };
	double r[COUNT * CHANNELS], total[2] = {0}, scores[PIXELS * RANK];
	float *s = malloc(PIXELS * CHANNELS * sizeof(*s));
	struct em_random random;
	const struct em_basis_settings set = {.rank = RANK};
	struct em_basis b;
	struct em_nmf nmf, again;

	(void)state;
	references(r);
	em_random_seed(&random, 6, 0);
	for (size_t j = 0; j < CHANNELS; j++)
		for (size_t k = 0; k < 2; k++) {
			/* a channel each that the other has not: the only case without a choice */
			if (j < 15 || j > 95)
				r[k * CHANNELS + j] = k == (j > 95);
			total[k] += r[k * CHANNELS + j];
		}
	for (size_t i = 0; i < PIXELS; i++)
		for (size_t j = 0; j < CHANNELS; j++) {
			double t = fmin(fmax(1.5 * (double)i / PIXELS - 0.25, 0), 1);
			s[i * CHANNELS + j] = (float)em_random_poisson(
			    &random, 2e4 * (1 - t) * r[j] / total[0] + 2e4 * t * r[CHANNELS + j] / total[1]);
		}
	assert_int_equal(em_basis_make(&b, s, PIXELS, CHANNELS, &set, NULL), 0);
	for (size_t i = 0; i < PIXELS; i++)
		assert_int_equal(em_basis_project(&b, s + i * CHANNELS, scores + i * RANK, NULL), 0);
	assert_int_equal(em_nmf_run(&nmf, &b, scores, PIXELS, 2, NULL), 0);
	assert_true(nmf.converged && nmf.residual < 0.05);
	size_t swap = nmf.amount[0] < nmf.amount[1];
	for (size_t i = 0; i < PIXELS; i++) {
		double t = fmin(fmax(1.5 * (double)i / PIXELS - 0.25, 0), 1);
		assert_near(nmf.amount[2 * i + swap], 2e4 * (1 - t), 0.04 * 2e4);
		assert_near(nmf.amount[2 * i + 1 - swap], 2e4 * t, 0.04 * 2e4);
	}
	for (size_t k = 0; k < 2; k++) {
		double off = 0, sum = 0;
		for (size_t j = 0; j < CHANNELS; j++) {
			double c = nmf.component[(k ^ swap) * CHANNELS + j];
			assert_true(c >= 0);
			sum += c;
			off += fabs(c - r[k * CHANNELS + j] / total[k]);
		}
		assert_near(sum, 1, 1e-9);
		assert_true(off < 0.06);
	}
	assert_int_equal(em_nmf_run(&again, &b, scores, PIXELS, 2, NULL), 0);
	assert_memory_equal(again.amount, nmf.amount, PIXELS * 2 * sizeof(double));
	em_nmf_release(&again);
	em_nmf_release(&nmf);

	struct em_error err;
	nmf.count = 77;
	assert_int_equal(em_nmf_run(&nmf, &b, scores, PIXELS, 3, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	scores[5] = NAN;
	assert_int_equal(em_nmf_run(&nmf, &b, scores, PIXELS, 2, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	memset(scores, 0, sizeof(scores));
	assert_int_equal(em_nmf_run(&nmf, &b, scores, PIXELS, 2, &err), -1);
	b.centred = true;
	assert_int_equal(em_nmf_run(&nmf, &b, scores, PIXELS, 2, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(nmf.count, 77);
	em_basis_release(&b);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_optimum_has_its_conditions),
	    cmocka_unit_test(amounts_of_counts),
	    cmocka_unit_test(gaps_and_unknown_variance),
	    cmocka_unit_test(what_cannot_be_unmixed),
	    cmocka_unit_test(without_references),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
