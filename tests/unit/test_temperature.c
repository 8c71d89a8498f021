/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/temperature.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEAR(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static uint64_t seed = 1;

static double uniform(void) /* splitmix64 */
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.;
}

static double normal(void)
{
	double r = sqrt(-2 * log(uniform()));

	return r * cos(6.283185307179586 * uniform());
}

/* Two Gaussians of sd `sd`, `apart` sd from each other, with known prototypes: posterior softmax(-d^2 / 2 sd^2). */
static void draw(double *e, size_t class, double apart, double sd)
{
	double x = sd * (normal() + (class ? apart : 0));

	e[0] = x * x;
	e[1] = (x - sd * apart) * (x - sd * apart);
}

static void test_gaussians(void **state)
{
	enum { N = 4000 };
	double *e = calloc(2 * N, sizeof(*e)), t;
	size_t *label = calloc(N, sizeof(*label));

	(void)state;
	seed = 5;
	for (size_t i = 0; i < N; i++)
		draw(e + 2 * i, label[i] = i % 2, 2, 1);
	t = em_temperature_fit(e, label, N, 2, 0, 1);
	NEAR(t, 2, 0.15); /* 2.4 standard errors: d ln T has sd 0.031 here */
	NEAR(em_temperature_fit(e, label, N, 2, 0, 0), t, 0.01);
	NEAR(em_temperature_of_margins(e, label, N, 2), 2, 0.15);
	free(e);
	free(label);
}

/* e = 0 and 1 throughout: the best p is Laplace's and Platt's (N+1)/(N+2), or (N+u)/(N+2u) for u unseen of each. */
static void test_separable(void **state)
{
	double e[20];
	size_t label[10];

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		label[i] = i % 2;
		e[2 * i] = (double)(i % 2);
		e[2 * i + 1] = 1 - (double)(i % 2);
	}
	NEAR(em_temperature_fit(e, label, 10, 2, 0, 1), 1 / log(11), 1e-6);
	NEAR(em_temperature_fit(e, label, 10, 2, 0, 0.5), 1 / log(21), 1e-6);
	/* The same p, of which 1/11 + 1/11 comes without distances: T is less, 10/11 q + 1/22 = 11/12. */
	NEAR(em_temperature_fit(e, label, 10, 2, 1. / 11, 1), 1 / log(1 / (1 / (11. / 12 - 1. / 22) * 10 / 11 - 1)),
	     1e-6);
	assert_true(em_temperature_fit(e, label, 10, 2, 0, 0) < 0.03); /* nothing holds plain maximum likelihood */
	memset(e, 0, sizeof(e)); /* nothing to tell apart */
	NEAR(em_temperature_fit(e, label, 10, 2, 0, 1), 1, 0);
}

static void test_margins(void **state)
{
	/* Class 0: margins 1 and 3, mean 2; class 1: 4 and 4; nothing of class 2.  c^2 = (1/4 + 1/4) / 2 degrees of
	 * freedom, T = 1/4 / 2 * sqrt(2 * 4). */
	const double e[12] = {0, 1, 9, 5, 8, 9, 4, 0, 9, 9, 1, 5};
	const double wrong[6] = {1, 0, 9, 9, 0, 9};
	const size_t label[4] = {0, 0, 1, 1};

	(void)state;
	NEAR(em_temperature_of_margins(e, label, 4, 3), 0.125 * sqrt(8), 1e-12);
	assert_true(isinf(em_temperature_of_margins(wrong, label, 2, 3)));     /* on average nearer to class 1 */
	assert_true(isinf(em_temperature_of_margins(e, label + 1, 2, 3)));     /* one judgement a class */
	assert_true(isinf(em_temperature_of_margins(e, label, 0, 3)));
}

/* Chips of two Gaussians, labels thrown away: margins 4 a x have m = 4 a^2 and s^2 = 16 a^2, so that T = 2. */
static void test_chips(void **state)
{
	enum { N = 8000 };
	double *e = calloc(3 * N, sizeof(*e)), pair[2], t = 0;

	(void)state;
	seed = 9;
	for (size_t i = 0; i < N; i++)
		draw(e + 2 * i, i % 2, 4, 1);
	assert_int_equal(em_temperature_of_chips(e, N, 2, &t, NULL), 0);
	NEAR(t, 2, 0.15);
	/* Half the chips between classes 0 and 1 with T = 2, half between 1 and 2 with T = 8: 4 on average of ln T. */
	for (size_t i = 0; i < N; i++) {
		draw(pair, i / 2 % 2, 4, i % 2 ? 2 : 1);
		e[3 * i + (i % 2 ? 1 : 0)] = pair[0];
		e[3 * i + (i % 2 ? 2 : 1)] = pair[1];
		e[3 * i + (i % 2 ? 0 : 2)] = 1000;
	}
	assert_int_equal(em_temperature_of_chips(e, N, 3, &t, NULL), 0);
	NEAR(t, 4, 0.3);
	/* One heap of margins, of sd 1 about 0: no sign of two classes, a margin of 1 is little. */
	for (size_t i = 0; i < N; i++) {
		e[2 * i] = 5 + normal() / 2;
		e[2 * i + 1] = 10 - e[2 * i];
	}
	assert_int_equal(em_temperature_of_chips(e, N, 2, &t, NULL), 0);
	assert_true(t > 1.5); /* p < 0.66 */
	t = 7;
	assert_int_equal(em_temperature_of_chips(e, EM_TEMPERATURE_CHIPS - 1, 2, &t, NULL), 0);
	NEAR(t, 7, 0);
	memset(e, 0, 2 * N * sizeof(*e));
	assert_int_equal(em_temperature_of_chips(e, N, 2, &t, NULL), 0);
	NEAR(t, 7, 0);
	free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gaussians),
		cmocka_unit_test(test_separable),
		cmocka_unit_test(test_margins),
		cmocka_unit_test(test_chips),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
