/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Distributions against their closed forms; the seeds are fixed, so that a verdict never changes. */
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N 200000

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/* Mean and variance of draw() lie within 5 standard errors; kurtosis: the fourth central moment over variance^2. */
static void check_moments(double (*draw)(struct em_random *r, double p), double p, double mean, double variance,
                          double kurtosis)
{
	struct em_random r;
	double sum = 0, squares = 0, d;

	em_random_seed(&r, 7, (uint64_t)(p * 1000));
	for (int i = 0; i < N; i++) {
		d = draw(&r, p) - mean;
		sum += d;
		squares += d * d;
	}
	assert_near(sum / N, 0, 5 * sqrt(variance / N));
	assert_near(squares / N / variance, 1, 5 * sqrt((kurtosis - 1) / N));
}

static double uniform(struct em_random *r, double p)
{
	(void)p;
	return em_random_uniform(r);
}

static double normal(struct em_random *r, double p)
{
	(void)p;
	return em_random_normal(r);
}

static double poisson(struct em_random *r, double p)
{
	return em_random_poisson(r, p);
}

static double logarithm(struct em_random *r, double p)
{
	return log(em_random_log_between(r, 1 / p, p)) / log(p);
}

static void test_moments(void **state)
{
	const double means[] = {0.01, 0.5, 3, 11.9, 12, 13, 47.5, 1000, 1e6, 9e8};

	(void)state;
	check_moments(uniform, 0, 0.5, 1. / 12, 1.8);
	check_moments(normal, 0, 0, 1, 3);
	check_moments(logarithm, 100, 0, 1. / 3, 1.8);
	for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++)
		check_moments(poisson, means[i], means[i], means[i], 3 + 1 / means[i]);
}

/* Pearson's chi^2 of counts against expected shares, in units of its standard deviation from its mean. */
static double chi2(const double *count, const double *share, size_t n)
{
	double sum = 0, cells = 0;

	for (size_t k = 0; k < n; k++)
		if (share[k] * N >= 5) {
			double d = count[k] - share[k] * N;

			sum += d * d / (share[k] * N);
			cells++;
		}
	return (sum - (cells - 1)) / sqrt(2 * (cells - 1));
}

/* Every probability, on both sides of the change of method. */
static void test_poisson(void **state)
{
	const double means[] = {0.7, 4, 11.99, 12, 12.01, 20, 60};

	(void)state;
	for (size_t i = 0; i < sizeof(means) / sizeof(means[0]); i++) {
		double count[200] = {0}, share[200], log_p = -means[i];
		struct em_random r;

		for (int k = 0; k < 200; k++) {
			share[k] = exp(log_p);
			log_p += log(means[i] / (k + 1));
		}
		em_random_seed(&r, 11, i);
		for (int k = 0; k < N; k++) {
			uint32_t v = em_random_poisson(&r, means[i]);

			assert_true(v < 200);
			count[v]++;
		}
		assert_true(fabs(chi2(count, share, 200)) < 4);
	}
}

static void test_below(void **state)
{
	struct em_random r;
	double count[7] = {0}, share[7];

	(void)state;
	em_random_seed(&r, 3, 0);
	for (int i = 0; i < N; i++)
		count[em_random_below(&r, 7)]++;
	for (int i = 0; i < 7; i++)
		share[i] = 1. / 7;
	assert_true(fabs(chi2(count, share, 7)) < 4);
	assert_int_equal(em_random_below(&r, 1), 0);
}

/* xoshiro256++'s own first numbers from the state 1, 2, 3, 4 (the authors' implementation). */
static void test_reference(void **state)
{
	struct em_random r = {{1, 2, 3, 4}};
	const uint64_t want[] = {41943041, 58720359, 3588806011781223, 3591011842654386};

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_true(em_random_bits(&r) == want[i]);
}

static void test_streams(void **state)
{
	struct em_random a, b, c;

	(void)state;
	em_random_seed(&a, 5, 9);
	em_random_seed(&b, 5, 9);
	for (int i = 0; i < 100; i++)
		assert_true(em_random_bits(&a) == em_random_bits(&b));
	em_random_seed(&b, 9, 5);
	em_random_seed(&c, 5, 10);
	for (int i = 0; i < 100; i++) {
		uint64_t x = em_random_bits(&a), y = em_random_bits(&b), z = em_random_bits(&c);

		assert_true(x != y && y != z && x != z);
	}
	b = em_random_split(&a);
	assert_true(em_random_bits(&a) != em_random_bits(&b));
}

static void test_nothing(void **state)
{
	struct em_random r;

	(void)state;
	em_random_seed(&r, 0, 0);
	assert_int_equal(em_random_poisson(&r, 0), 0);
	assert_int_equal(em_random_poisson(&r, -3), 0);
	assert_int_equal(em_random_poisson(&r, NAN), 0);
	assert_true(em_random_poisson(&r, INFINITY) > 999000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_moments), cmocka_unit_test(test_poisson), cmocka_unit_test(test_below),
	        cmocka_unit_test(test_reference), cmocka_unit_test(test_streams), cmocka_unit_test(test_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
