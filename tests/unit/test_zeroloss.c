/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The zero-loss peak and the thickness, against peaks that are known. */
#include "eels/thickness.h"
#include "eels/zeroloss.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lowloss_help.h"

#define N 1024

static const struct em_energy AXIS = {N, -40, 0.3};
static const struct low_loss LOW = {1e6, 0, 1.2, 0.8, 22, 3};
static float y[N], peak[N];

static struct em_zeroloss find(const struct em_energy *e)
{
	struct em_zeroloss z;
	struct em_error err = {0};

	if (em_zeroloss_find(y, e, &z, &err))
		fail_msg("%s", err.text);
	return z;
}

static void gaussians_are_found_between_channels(void **state)
{
	(void)state;
	for (double width = 0.3; width < 3; width *= 1.5)
		for (double at = -5; at < -4.6; at += 0.03) {
			struct low_loss l = LOW;
			l.width = width;
			l.at = at;
			make_low_loss(y, &AXIS, &l);
			struct em_zeroloss z = find(&AXIS);
			/* one of a single channel is seen in steps: within a thirtieth of one all the same */
			assert_true(fabs(z.ev - at) < (width < 0.6 ? 0.03 : 0.002) * AXIS.scale);
			assert_true(width < 1 || fabs(z.width - width) < 0.1 * width);
			assert_true(z.saturated == 0);
		}
}

static void its_error_is_that_of_many(void **state)
{
	double first = 0, second = 0, stated = 0;
	const int many = 400;

	(void)state;
	for (int i = 0; i < many; i++) {
		struct low_loss l = LOW;
		l.counts = 20000;
		l.at = 0.1;
		make_low_loss(y, &AXIS, &l);
		count_electrons(y, N, (uint64_t)i);
		struct em_zeroloss z = find(&AXIS);
		double off = z.channel - em_energy_channel(&AXIS, l.at);
		first += off / many;
		second += off * off / many;
		stated += z.error * z.error / many;
	}
	assert_true(fabs(first) < 3 * sqrt(second / many) + 0.002);
	assert_true(sqrt(second / stated) > 0.85 && sqrt(second / stated) < 1.15);
}

static void saturated_ones_are_found_by_their_flanks(void **state)
{
	(void)state;
	for (double at = -0.15; at < 0.16; at += 0.05) {
		struct low_loss l = LOW;
		l.width = 2;
		l.at = at;
		make_low_loss(y, &AXIS, &l);
		for (size_t i = 0; i < N; i++)
			y[i] = fminf(y[i], 25000); /* of 63000 */
		struct em_zeroloss z = find(&AXIS);
		assert_true(z.saturated >= 3);
		assert_true(fabs(z.ev - at) < 0.02 * AXIS.scale);
	}
}

/* Unlike flanks: half a Gaussian of 1 eV and half one of 2 eV; the centroid is 0.34 eV off. */
static void of_unlike_flanks_the_top_counts(void **state)
{
	const struct em_energy e = {N, -20, 0.05};

	(void)state;
	for (size_t i = 0; i < N; i++) {
		double x = em_energy_at(&e, (double)i) / ((em_energy_at(&e, (double)i) < 0 ? 1 : 2) / FWHM_OF_SIGMA);
		y[i] = (float)(1e5 * exp(-x * x / 2));
	}
	assert_true(fabs(find(&e).ev) < 0.2);
}

static void a_plasmon_may_be_higher(void **state)
{
	struct low_loss l = LOW;

	(void)state;
	l.thickness = 3;
	l.width = 2;
	l.plasmon_s = 0.5;
	l.at = 0.2;
	make_low_loss(y, &AXIS, &l);
	count_electrons(y, N, 1);
	assert_true(y[(size_t)round(em_energy_channel(&AXIS, 22.2))] > y[(size_t)round(em_energy_channel(&AXIS, 0.2))]);
	assert_true(fabs(find(&AXIS).ev - 0.2) < 0.02);
}

static void refuse(const char *what)
{
	struct em_zeroloss z = {.channel = 7};
	struct em_error err = {0};

	assert_int_equal(em_zeroloss_find(y, &AXIS, &z, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, what));
	assert_true(z.channel == 7);
}

static void what_is_no_zero_loss(void **state)
{
	struct em_random r;

	(void)state;
	for (size_t i = 0; i < N; i++)
		y[i] = 0;
	refuse("nothing is above 0");
	for (size_t i = 0; i < N; i++)
		y[i] = 100;
	refuse("both sides");
	for (size_t i = 0; i < N; i++)
		y[i] = (float)(1e9 * pow(400 + 0.3 * (double)i, -3)); /* a core loss */
	refuse("both sides");
	for (size_t i = 0; i < N; i++) /* an edge with a white line, which is the highest */
		y[i] = (float)(200 + 3000 * exp(-pow(((double)i - 500) / 4, 2)) + (i > 495 ? 100 : 0));
	refuse("before the first peak");
	em_random_seed(&r, 5, 0);
	for (size_t i = 0; i < N; i++)
		y[i] = (float)(10 * em_random_normal(&r));
	refuse("above the noise");
	make_low_loss(y, &AXIS, &LOW);
	y[10] = NAN;
	refuse("not finite");
}

/* ---- its counts ---- */

static void losses_begin_where_the_counts_are_least(void **state)
{
	struct low_loss l = LOW;

	(void)state;
	l.plasmon = 6;
	l.plasmon_s = 1.2;
	make_low_loss(y, &AXIS, &l);
	struct em_zeroloss z = find(&AXIS);
	double least = INFINITY, at = 0;
	for (double ev = 1; ev < 5; ev += 0.3) {
		double v = y[(size_t)round(em_energy_channel(&AXIS, ev))];
		if (v < least) {
			least = v;
			at = ev;
		}
	}
	assert_true(fabs(em_zeroloss_reach(y, &AXIS, &z) - at) <= 0.61);
	l.plasmon = 22;
	make_low_loss(y, &AXIS, &l);
	z = find(&AXIS);
	assert_true(em_zeroloss_reach(y, &AXIS, &z) <= 5);
}

static void mirrored_it_is_itself(void **state)
{
	struct low_loss l = LOW;

	(void)state;
	l.thickness = 0;
	l.width = 1.5;
	l.at = 0.11;
	make_low_loss(y, &AXIS, &l);
	struct em_zeroloss z = find(&AXIS);
	em_zeroloss_extract(y, &AXIS, &z, EM_ZEROLOSS_MIRROR, 0, peak);
	double sum = 0;
	for (size_t i = 0; i < N; i++) {
		assert_true(fabsf(peak[i] - y[i]) < 0.01F * y[i] + 200);
		sum += peak[i];
	}
	assert_true(fabs(sum / 1e6 - 1) < 0.002);
}

static double thickness(double true_one, enum em_zeroloss_model model, double *error, uint64_t seed, double counts)
{
	struct em_thickness_options o = {.model = model};
	struct low_loss l = LOW;
	struct em_thickness t;

	l.thickness = true_one;
	l.counts = counts;
	l.at = -4.33;
	make_low_loss(y, &AXIS, &l);
	if (seed)
		count_electrons(y, N, seed);
	struct em_zeroloss z = find(&AXIS);
	assert_int_equal(em_thickness_measure(y, &AXIS, &z, &o, &t, NULL), 0);
	*error = t.error;
	return t.ratio;
}

static void thickness_is_poissons_parameter(void **state)
{
	double error;

	(void)state;
	for (double t = 0.1; t < 2; t *= 1.5) {
		assert_true(fabs(thickness(t, EM_ZEROLOSS_CUT, &error, 0, 1e6) - t) < 0.002);
		assert_true(fabs(thickness(t, EM_ZEROLOSS_MIRROR, &error, 0, 1e6) - t) < 0.005);
	}
}

static void its_error_is_what_many_scatter(void **state)
{
	const int many = 300;

	(void)state;
	double first = 0, second = 0, stated = 0, error;
	for (int i = 0; i < many; i++) {
		double t = thickness(0.8, EM_ZEROLOSS_CUT, &error, (uint64_t)i + 1, 5000) - 0.8;
		first += t / many;
		second += t * t / many;
		stated += error * error / many;
	}
	assert_true(fabs(first) < 3 * sqrt(second / many));
	assert_true(sqrt(second / stated) > 0.88 && sqrt(second / stated) < 1.12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gaussians_are_found_between_channels),
	    cmocka_unit_test(its_error_is_that_of_many),
	    cmocka_unit_test(saturated_ones_are_found_by_their_flanks),
	    cmocka_unit_test(of_unlike_flanks_the_top_counts),
	    cmocka_unit_test(a_plasmon_may_be_higher),
	    cmocka_unit_test(what_is_no_zero_loss),
	    cmocka_unit_test(losses_begin_where_the_counts_are_least),
	    cmocka_unit_test(mirrored_it_is_itself),
	    cmocka_unit_test(thickness_is_poissons_parameter),
	    cmocka_unit_test(its_error_is_what_many_scatter),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
