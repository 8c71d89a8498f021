/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors' slopes against differences. */
#include "forecast/descriptor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define N 1900

static const struct em_energy axis = {N, 435, 0.1};

static double bell(double x, double width)
{
	return exp(-x * x / (2 * width * width));
}

/* A power law, two white lines on a double step, and O K. */
static void draw(double *y, double shift)
{
	for (size_t i = 0; i < N; i++) {
		double ev = em_energy_at(&axis, (double)i) - shift;

		y[i] = 1e4 * pow(ev / 450, -3) + 3000 * bell(ev - 459, 0.9) + 4000 * bell(ev - 464.5, 1.1) +
		       400 * (1 + erf(ev - 459)) + 200 * (1 + erf(ev - 464.5)) + 900 * (1 + erf((ev - 531) / 2));
	}
}

static void slopes_are_differences(void **state)
{
	struct em_descriptors *d = em_descriptors_new(&axis, NULL, false, NULL);
	double y[N], value[3], moved[3], step[] = {20, 90, 140, 900, 960, 1300};
	double *slope = malloc(3 * N * sizeof(*slope));

	(void)state;
	assert_non_null(d);
	assert_non_null(slope);
	assert_int_equal(em_descriptors_count(d), 3);
	draw(y, 0);
	em_descriptors_measure(d, 0, 3, y, value, slope);
	for (size_t s = 0; s < sizeof(step) / sizeof(*step); s++) {
		size_t at = (size_t)step[s];
		double h = 64; /* single precision inside: not too little */

		y[at] += h;
		em_descriptors_measure(d, 0, 3, y, moved, NULL);
		y[at] -= h;
		for (size_t k = 0; k < 3; k++)
			assert_true(fabs(moved[k] - value[k] - h * slope[k * N + at]) <
			            0.02 * fabs(h * slope[k * N + at]) + 2e-6 * fabs(value[k]));
	}
	/* brighter by a part: areas go with it, ratios do not */
	for (size_t k = 0; k < 3; k++) {
		double sum = 0;

		for (size_t i = 0; i < N; i++)
			sum += slope[k * N + i] * y[i];
		assert_true(fabs(sum - (k ? value[k] : 0)) < 2e-3 * fabs(value[k]));
	}
	free(slope);
	em_descriptors_free(d);
}

/* Of lines that are split, which no fit describes exactly: Gaussians are fitted, these have another shape. */
static void splitting_slopes_are_differences(void **state)
{
	struct em_descriptors *d = em_descriptors_new(&axis, "Ti-L23", true, NULL);
	double y[N], value, moved[2], *slope = malloc(N * sizeof(*slope)), most = 0;
	const size_t at[] = {90, 217, 225, 231, 239, 247, 275, 290, 320};

	(void)state;
	assert_non_null(d);
	assert_non_null(slope);
	assert_string_equal(em_descriptors_name(d, 1), "t2g/eg");
	for (size_t i = 0; i < N; i++) {
		double ev = em_energy_at(&axis, (double)i);

		y[i] = 1e5 * pow(ev / 450, -3) + 4e4 / (1 + pow((ev - 457.8) / 0.3, 2)) + 5e4 * bell(ev - 459.9, 0.7) +
		       3e4 * bell(ev - 463.2, 0.9) + 4e4 / cosh((ev - 465.3) / 0.8) + 4000 * (1 + erf(ev - 459)) +
		       2000 * (1 + erf(ev - 464.5));
	}
	em_descriptors_measure(d, 1, 1, y, &value, slope);
	assert_true(fabs(value - 2.1) < 0.1);
	for (size_t i = 0; i < N; i++)
		most = fmax(most, fabs(slope[i]));
	for (size_t s = 0; s < sizeof(at) / sizeof(*at); s++) {
		double h = 100;

		for (int side = 0; side < 2; side++) {
			y[at[s]] += side ? -2 * h : h;
			em_descriptors_measure(d, 1, 1, y, &moved[side], NULL);
		}
		y[at[s]] += h;
		assert_true(fabs((moved[0] - moved[1]) / (2 * h) - slope[at[s]]) <
		            0.03 * fabs(slope[at[s]]) + 1e-3 * most);
	}
	free(slope);
	em_descriptors_free(d);
}

/* As the spectrum moves by parts of a channel, the ratio does not jump. */
static void ratio_moves_smoothly(void **state)
{
	struct em_descriptors *d = em_descriptors_new(&axis, NULL, false, NULL);
	double y[N], first = NAN, value;

	(void)state;
	assert_non_null(d);
	for (int k = 0; k <= 20; k++) {
		draw(y, 0.01 * k);
		em_descriptors_measure(d, 0, 1, y, &value, NULL);
		first = k ? first : value;
		assert_true(fabs(value - first) < 2e-3 * first);
	}
	em_descriptors_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(slopes_are_differences),
	                                   cmocka_unit_test(splitting_slopes_are_differences),
	                                   cmocka_unit_test(ratio_moves_smoothly)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
