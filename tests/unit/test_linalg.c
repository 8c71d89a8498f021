/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The distributions and eigenvectors against closed forms. */
#include "base/linalg.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.12g, expected %.12g within %g", got, want, within);
}

/* Of a whole shape n the tail is Poisson's: exp(-x) times the sum of x^k / k! over k < n. */
static void test_gamma_tail(void **state)
{
	(void)state;
	for (double x = 0; x <= 60; x += 1.5) {
		double term = exp(-x), sum = 0;

		for (int n = 1; n <= 12; n++) {
			sum += term;
			term *= x / n;
			assert_near(em_gamma_tail(x, n) / sum, 1, 1e-12);
		}
	}
	assert_near(em_gamma_tail(0.7, 0.5), erfc(sqrt(0.7)), 1e-14); /* half of chi squared of one degree */
}

static void test_gamma_point(void **state)
{
	(void)state;
	for (int i = 1; i < 30; i++)
		assert_near(em_gamma_point(exp(-i), 1), i, 1e-9 * i);
	for (double shape = 0.3; shape < 2e4; shape *= 2.5)
		for (double p = 1e-10; p < 0.9; p *= 7)
			assert_near(em_gamma_tail(em_gamma_point(p, shape), shape) / p, 1, 1e-6);
}

/* The second difference of n points with fixed ends: values 4 sin^2(k pi / (2 n + 2)), vectors sin(k pi i / (n + 1)).
 */
static void test_symmetric_eigen(void **state)
{
	enum { N = 40 };
	double a[N * N] = {0}, value[N], bad[4] = {1, 0, NAN, 1};
	struct em_error err;

	(void)state;
	for (int i = 0; i < N; i++) {
		a[i * N + i] = 2;
		if (i)
			a[i * N + i - 1] = -1;
		for (int j = i + 1; j < N; j++)
			a[i * N + j] = 99; /* not read */
	}
	assert_int_equal(em_symmetric_eigen(a, N, value, NULL), 0);
	for (int k = 0; k < N; k++) {
		double mode = M_PI * (N - k) / (N + 1), sign = a[k * N] > 0 ? 1 : -1;

		assert_near(value[k], 4 * pow(sin(mode / 2), 2), 1e-12);
		for (int i = 0; i < N; i++)
			assert_near(sign * a[k * N + i], sqrt(2.0 / (N + 1)) * sin(mode * (i + 1)), 1e-11);
	}
	assert_int_equal(em_symmetric_eigen(bad, 2, value, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
}

/* Hilbert's matrix of order 5: its inverse is whole, and known. */
static void test_cholesky_solve(void **state)
{
	enum { N = 5 };
	static const double third[N] = {1050, -18900, 79380, -117600, 56700};
	double a[N * N], x[N] = {0, 0, 1, 0, 0};

	(void)state;
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			a[i * N + j] = 1.0 / (i + j + 1);
	assert_int_equal(em_cholesky_factor(a, N, NULL), 0);
	em_cholesky_solve(a, N, x);
	for (int i = 0; i < N; i++)
		assert_near(x[i] / third[i], 1, 1e-9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_gamma_tail), cmocka_unit_test(test_gamma_point),
	                                   cmocka_unit_test(test_symmetric_eigen),
	                                   cmocka_unit_test(test_cholesky_solve)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
