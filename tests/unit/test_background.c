/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Power laws fitted to spectra that are known: what is found, and what is said to be uncertain of it. */
#include "background_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const enum em_background_method all[] = {EM_BACKGROUND_TWO_AREA, EM_BACKGROUND_LOG, EM_BACKGROUND_LOG_UNWEIGHTED,
                                                EM_BACKGROUND_LINEAR};
#define ALL (sizeof(all) / sizeof(*all))

static struct em_background_plan *plan_of(enum em_background_method method, double gain, double from, double to)
{
	const struct em_background_options o = {method, gain};
	const struct em_energy_window w = {from, to};
	struct em_error err = {0};
	struct em_background_plan *p = em_background_plan_new(&help_axis, &w, &o, &err);

	if (!p)
		fail_msg("%s", err.text);
	return p;
}

static struct em_background fit(enum em_background_method method, double gain, const float *y)
{
	struct em_background_plan *p = plan_of(method, gain, help_fit.from, help_fit.to);
	struct em_background b;

	em_background_fit(p, y, &b);
	em_background_plan_free(p);
	return b;
}

static void near(double found, double expected, double relative)
{
	if (!(fabs(found - expected) <= relative * fabs(expected)))
		fail_msg("%.12g, not %.12g", found, expected);
}

/* ---- what is found ---- */

static void an_exact_law_is_found(void **state)
{
	static const double r[] = {-2, 0.5, 1, 3, 5, 12};
	double expected[CHANNELS];
	float y[CHANNELS];

	(void)state;
	for (size_t m = 1; m < ALL; m++)
		for (size_t k = 0; k < sizeof(r) / sizeof(*r); k++) {
			/* a gain of 0: as the residual is but float32's rounding, no errors and no bias are allowed for
			 */
			struct em_background_plan *p = plan_of(all[m], 0, 400, 450);
			struct em_background b;
			struct em_energy_span tail = {212, 100};
			double sum = 0, found;
			help_expect(expected, 1e9, r[k], 0);
			help_round(y, expected);
			em_background_fit(p, y, &b);
			near(b.r, r[k], 1e-6);
			near(em_background_amplitude(p, &b), 1e9 / 0.5 * pow(425, r[k]), 1e-5);
			for (size_t i = 212; i < 312; i++)
				sum += expected[i];
			em_background_sum(p, &b, &tail, &found, NULL);
			near(found, sum, 1e-7);
			em_background_plan_free(p);
		}
}

/* Of y_i = 5000 - 9 i + (i^2 mod 17), 200 channels from 400 eV, by HyperSpy 1.7.3; net counts of 460-490 eV. */
static void two_areas_are_hyperspys(void **state)
{
	static const struct {
		struct em_energy_window window;
		double a, r, net;
	} known[] = {{{405, 448}, 249319266.7635615, 1.6882382731010692, -7067.866644192889},
	             {{405, 447.5}, 245322165.4888785, 1.685558892650891, -7146.938935832515},
	             {{410, 499.5}, 1966940243.5446253, 2.0287836876434096, 282.4890364638736},
	             {{400, 430}, 127008411.65555066, 1.5764363391886416, -10369.621468952177}};
	const struct em_energy e = {200, 400, 0.5};
	const struct em_background_options o = {EM_BACKGROUND_TWO_AREA, 1};
	const struct em_energy_span signal = {120, 60};
	double total = 0, below;
	struct em_background b;
	float y[200];

	(void)state;
	for (size_t i = 0; i < 200; i++)
		y[i] = (float)(5000 - 9 * i + i * i % 17);
	for (size_t i = 120; i < 180; i++)
		total += (double)y[i];
	for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++) {
		struct em_background_plan *p = em_background_plan_new(&e, &known[k].window, &o, NULL);
		em_background_fit(p, y, &b);
		near(b.r, known[k].r, 1e-10);
		near(em_background_amplitude(p, &b), known[k].a, 1e-9);
		em_background_sum(p, &b, &signal, &below, NULL);
		near(total - below, known[k].net, 1e-8);
		em_background_plan_free(p);
	}
}

/* Where r is 1 the integral is a logarithm: on either side of that the same to what r changes. */
static void two_areas_do_not_mind_an_exponent_of_one(void **state)
{
	struct em_background_plan *p = plan_of(EM_BACKGROUND_TWO_AREA, 1, 400, 450);
	const struct em_energy_span upper = {150, 50};
	struct em_background b;
	double sum, level = 0;
	float y[CHANNELS];

	(void)state;
	for (int step = -4; step <= 4; step++) {
		for (size_t i = 0; i < CHANNELS; i++) /* halves that stand as sqrt(450 / 400), and a little off */
			y[i] = i < 150 ? (float)(sqrt(450. / 400) * (1 + 2e-6 * step) * 1e6) : 1e6f;
		em_background_fit(p, y, &b);
		assert_true(fabs(b.r - 1) < 3e-4);
		em_background_sum(p, &b, &upper, &sum, NULL);
		near(sum, 50e6, 1e-3); /* by half a channel's energy, and no more */
		if (step > -4)
			near(b.level, level, 3e-6);
		level = b.level;
	}
	em_background_plan_free(p);
}

/* Sums are taken in double and in pieces: however many channels there are and wherever they begin. */
static void no_channel_is_missed(void **state)
{
	double expected[CHANNELS];
	float y[CHANNELS];

	(void)state;
	for (size_t from = 100; from < 104; from++)
		for (size_t n = 4; n < 13; n++) {
			struct em_background_plan *p =
			    plan_of(EM_BACKGROUND_LINEAR, 1, em_energy_at(&help_axis, (double)from),
			            em_energy_at(&help_axis, (double)(from + n)));
			struct em_energy_span own = em_background_window(p);
			struct em_background b;
			double sum;
			help_expect(expected, 1e4, 3, 0);
			help_round(y, expected);
			y[from] *= 1.0625f;
			y[from + n - 1] *= 1.0625f;
			y[from - 1] = y[from + n] = NAN; /* no business of this window */
			em_background_fit(p, y, &b);
			assert_int_equal(b.state, EM_BACKGROUND_GOOD);
			assert_true(own.first == from && own.count == n);
			/* the likelihood's own property: as many counts as there are, at their mean energy */
			em_background_sum(p, &b, &own, &sum, NULL);
			double counts = 0;
			for (size_t i = from; i < from + n; i++)
				counts += (double)y[i];
			near(sum, counts, 1e-5);
			em_background_plan_free(p);
		}
}

static void the_curve_is_what_the_sum_sums(void **state)
{
	const struct em_energy_span tail = {212, 100};
	double expected[CHANNELS], sum, total;
	float y[CHANNELS], curve[100];

	(void)state;
	help_expect(expected, 50, 3, 0.2);
	help_round(y, expected);
	for (size_t m = 0; m < ALL; m++) {
		struct em_background_plan *p = plan_of(all[m], 1, 400, 450);
		struct em_background b;
		em_background_fit(p, y, &b);
		em_background_sum(p, &b, &tail, &sum, NULL);
		em_background_curve(p, &b, &tail, curve);
		total = 0;
		for (size_t i = 0; i < 100; i++)
			total += (double)curve[i];
		near(total, sum, 1e-5);
		em_background_plan_free(p);
	}
}

static void channels_are_sums_of_one(void **state)
{
	const struct em_energy_span tail = {212, 100};
	double expected[CHANNELS], counts[100], error[100], sum, sum_error;
	float y[CHANNELS];

	(void)state;
	help_expect(expected, 50, 3, 0.2);
	help_round(y, expected);
	for (size_t m = 0; m < ALL; m++) {
		struct em_background_plan *p = plan_of(all[m], 1, 400, 450);
		struct em_background b;
		em_background_fit(p, y, &b);
		em_background_channels(p, &b, &tail, counts, error);
		for (size_t i = 0; i < 100; i++) {
			em_background_sum(p, &b, &(struct em_energy_span){212 + i, 1}, &sum, &sum_error);
			near(counts[i], sum, 1e-12);
			near(error[i], sum_error, 1e-12);
		}
		em_background_plan_free(p);
	}
}

/* ---- what is uncertain ---- */

/* ln level, r, ln of the sum over a tail, as a function of the spectrum. */
static void outcome(const struct em_background_plan *p, const float *y, double *to)
{
	const struct em_energy_span tail = {212, 100};
	struct em_background b;

	em_background_fit(p, y, &b);
	em_background_sum(p, &b, &tail, &to[2], NULL);
	to[0] = log(b.level);
	to[1] = b.r;
	to[2] = log(to[2]);
}

/* d outcome / dy_i, by differences. */
static void slopes(const struct em_background_plan *p, float *y, size_t i, double *to)
{
	float kept = y[i];
	double down[3], d;

	y[i] = kept * 1.015625f;
	outcome(p, y, to);
	d = (double)y[i];
	y[i] = kept * 0.984375f;
	outcome(p, y, down);
	d -= (double)y[i];
	y[i] = kept;
	for (size_t k = 0; k < 3; k++)
		to[k] = (to[k] - down[k]) / d;
}

/* Errors are sum_i (d/dy_i)^2 gain y_i: channel by channel. */
static void errors_hold(const struct em_background_plan *p, float *y)
{
	const struct em_energy_span tail = {212, 100}, window = em_background_window(p);
	double sum[4] = {0}, d[3], total, error;
	struct em_background b;

	for (size_t i = window.first; i < window.first + window.count; i++) {
		double variance = 2.5 * (double)y[i];
		slopes(p, y, i, d);
		sum[0] += d[0] * d[0] * variance;
		sum[1] += d[0] * d[1] * variance;
		sum[2] += d[1] * d[1] * variance;
		sum[3] += d[2] * d[2] * variance;
	}
	em_background_fit(p, y, &b);
	near(b.covariance[0], sum[0], 2e-3);
	near(b.covariance[2], sum[2], 2e-3);
	assert_true(fabs(b.covariance[1] - sum[1]) < 2e-3 * sqrt(sum[0] * sum[2]));
	em_background_sum(p, &b, &tail, &total, &error);
	near(error / total, sqrt(sum[3]), 2e-3);
	assert_true(b.gain == 2.5);
}

/* A number that is the background's sum has the sum's error, and its leverage is how the sum changes. */
static void a_sum_has_its_leverage(void **state)
{
	const struct em_energy_span span = {212, 100};
	double expected[CHANNELS], weight[CHANNELS] = {0}, by[2], sum, error, more;
	float y[CHANNELS];
	(void)state;
	help_expect(expected, 1e6, 3, 0.2);
	help_round(y, expected);
	for (size_t k = 0; k < span.count; k++)
		weight[span.first + k] = 1;
	for (size_t m = 0; m < ALL; m++) {
		struct em_background_plan *p = plan_of(all[m], 1, help_fit.from, help_fit.to);
		struct em_background b;
		em_background_fit(p, y, &b);
		em_background_sum(p, &b, &span, &sum, &error); /* its bend is taken off as a whole, not by channels */
		em_background_leverage(p, &b, weight, by);
		near(by[0], sum, 1e-3);
		near(em_background_error(&b, by), error, 2e-3);
		b.r += 1e-5;
		em_background_sum(p, &b, &span, &more, NULL);
		near(by[1], (more - sum) / 1e-5, 2e-3);
		em_background_plan_free(p);
	}
}

static void errors_are_propagated_counts(void **state)
{
	/* a narrow window, and one so wide that the counts are far from its middle */
	static const struct {
		struct em_energy axis;
		struct em_energy_window window;
	} at[] = {{{CHANNELS, 350, 0.5}, {400, 450}}, {{CHANNELS, 20, 1.25}, {60, 280}}};
	float y[CHANNELS];

	(void)state;
	for (size_t k = 0; k < 2; k++)
		for (size_t m = 0; m < ALL; m++) {
			const struct em_background_options o = {all[m], 2.5};
			struct em_background_plan *p = em_background_plan_new(&at[k].axis, &at[k].window, &o, NULL);
			assert_non_null(p);
			for (size_t i = 0; i < CHANNELS; i++)
				y[i] = (float)(1e6 * pow(em_energy_at(&at[k].axis, (double)i) / 425, -3));
			errors_hold(p, y);
			em_background_plan_free(p);
		}
}

/* Every electron tells as 7 counts: the gain that was not told is found in the residual, and the errors follow. */
static void an_unknown_gain_is_that_of_the_residual(void **state)
{
	double expected[CHANNELS], chi2[ALL] = {0}, groups[ALL] = {0}, roughness[ALL] = {0};
	float y[CHANNELS];

	(void)state;
	help_expect(expected, 7e3, 3, 0);
	for (size_t k = 0; k < 400; k++) {
		struct em_random random;
		em_random_seed(&random, 1, k);
		help_count(y, expected, 7, &random);
		for (size_t m = 0; m < ALL; m++) {
			struct em_background unknown = fit(all[m], 0, y), one = fit(all[m], 1, y),
			                     seven = fit(all[m], 7, y);
			near(unknown.gain, fmax(one.chi2, one.chi2_groups), 1e-3);
			near(unknown.covariance[2], one.covariance[2] * unknown.gain, 1e-3);
			near(seven.covariance[2], 7 * one.covariance[2], 1e-3);
			near(one.chi2, 7 * seven.chi2, 1e-3);
			chi2[m] += seven.chi2 / 400;
			groups[m] += seven.chi2_groups / 400;
			roughness[m] += seven.roughness / 400;
		}
	}
	/* 98 degrees of freedom: sqrt(2 / 98 / 400) = 0.7 %; steps share channels, which makes it sqrt(3 / 98 / 400);
	 * of groups of 8 there are 12: 2.2 %.  Two-area is not the least chi2 but near. */
	for (size_t m = 0; m < ALL; m++) {
		near(chi2[m], 1, 0.025);
		near(groups[m], 1, 0.08);
		near(roughness[m], 1, 0.03);
	}
}

/* Each electron lights up its channel and the next ones: steps see a half of the noise, sums all of it. */
static void coupled_channels_are_seen_in_groups(void **state)
{
	double expected[CHANNELS], chi2 = 0, groups = 0, roughness = 0;
	float y[CHANNELS], light[CHANNELS];

	(void)state;
	help_expect(expected, 1e4, 3, 0);
	for (size_t k = 0; k < 400; k++) {
		struct em_random random;
		struct em_background b;
		em_random_seed(&random, 7, k);
		help_count(y, expected, 1, &random);
		for (size_t i = 1; i + 1 < CHANNELS; i++)
			light[i] = 0.25f * y[i - 1] + 0.5f * y[i] + 0.25f * y[i + 1];
		b = fit(EM_BACKGROUND_LINEAR, 1, light);
		chi2 += b.chi2 / 400;
		groups += b.chi2_groups / 400;
		roughness += b.roughness / 400;
	}
	near(chi2, 0.375, 0.05);                          /* 1/4^2 + 1/2^2 + 1/4^2 */
	near(roughness, 0.125, 0.05);                     /* (1 + 1 + 1 + 1) / 4^2 / 2 */
	near(groups, 1 - 2 * (0.125 + 0.0625) / 8, 0.08); /* of 8 channels, whose borders alone are shared */
}

static void a_bend_is_told_from_noise(void **state)
{
	double expected[CHANNELS];
	struct em_random random;
	struct em_background b;
	float y[CHANNELS];

	(void)state;
	em_random_seed(&random, 2, 0);
	help_expect(expected, 1e5, 3, 0);
	for (size_t i = 0; i < CHANNELS; i++) /* the tail of something at the window's begin */
		expected[i] += i < 100 ? 0 : 2e4 * exp(-((double)i - 100) / 20);
	help_count(y, expected, 1, &random);
	b = fit(EM_BACKGROUND_LINEAR, 1, y);
	assert_true(b.chi2 > 20 && b.chi2_groups > b.chi2 && b.roughness < 2);
}

/* ---- where there is none ---- */

static void what_is_no_spectrum(void **state)
{
	double expected[CHANNELS];
	float y[CHANNELS], good[CHANNELS];

	(void)state;
	help_expect(expected, 1000, 3, 0);
	help_round(good, expected);
	for (size_t m = 0; m < ALL; m++) {
		memcpy(y, good, sizeof(y));
		y[120] = NAN;
		struct em_background b = fit(all[m], 1, y);
		assert_int_equal(b.state, EM_BACKGROUND_NOT_FINITE);
		assert_true(isnan(b.r) && isnan(b.level) && isnan(b.covariance[0]) && isnan(b.chi2));
		y[120] = INFINITY;
		assert_int_equal(fit(all[m], 1, y).state, EM_BACKGROUND_NOT_FINITE);
		for (size_t i = 0; i < CHANNELS; i++)
			y[i] = 0;
		assert_int_equal(fit(all[m], 1, y).state, EM_BACKGROUND_NO_COUNTS);
		for (size_t i = 0; i < CHANNELS; i++)
			y[i] = -good[i];
		assert_int_equal(fit(all[m], 1, y).state, EM_BACKGROUND_NO_COUNTS);
		for (size_t i = 0; i < CHANNELS; i++)
			y[i] = 17;
		assert_int_equal(fit(all[m], 1, y).state, EM_BACKGROUND_CONSTANT);
		/* a NaN elsewhere, and single negative channels, do no harm */
		memcpy(y, good, sizeof(y));
		y[99] = y[200] = NAN;
		y[130] = -1;
		b = fit(all[m], 1, y);
		assert_int_equal(b.state, EM_BACKGROUND_GOOD);
		assert_true(fabs(b.r - 3) < 0.5);
	}
	/* all that is not negative is in one channel, or nothing is in a half */
	for (size_t i = 0; i < CHANNELS; i++)
		y[i] = i < 150 ? 100.f + (float)i : -1;
	assert_int_equal(fit(EM_BACKGROUND_TWO_AREA, 1, y).state, EM_BACKGROUND_NO_COUNTS);
	for (size_t i = 0; i < CHANNELS; i++)
		y[i] = i == 100 ? 100 : 0;
	assert_int_equal(fit(EM_BACKGROUND_LINEAR, 1, y).state, EM_BACKGROUND_NO_FIT);
	assert_int_equal(fit(EM_BACKGROUND_LOG, 1, y).state, EM_BACKGROUND_NO_COUNTS);
	/* a mean energy beyond the window, which counts below zero can make */
	for (size_t i = 0; i < CHANNELS; i++)
		y[i] = i < 110 ? 100 : i < 190 ? 1 : -9;
	assert_int_equal(fit(EM_BACKGROUND_LINEAR, 1, y).state, EM_BACKGROUND_NO_FIT);
}

static void plans_that_cannot_be(void **state)
{
	static const struct {
		struct em_energy_window window;
		struct em_background_options options;
	} bad[] = {{{340, 400}, {EM_BACKGROUND_LINEAR, 1}},   {{400, 600}, {EM_BACKGROUND_LINEAR, 1}},
	           {{400, 401.5}, {EM_BACKGROUND_LINEAR, 1}}, {{450, 400}, {EM_BACKGROUND_TWO_AREA, 1}},
	           {{400, 450}, {EM_BACKGROUND_LOG, -1}},     {{400, 450}, {EM_BACKGROUND_LOG, NAN}},
	           {{400, 450}, {EM_BACKGROUND_METHODS, 1}},  {{NAN, 450}, {EM_BACKGROUND_LOG, 1}}};
	const struct em_energy low = {100, -10, 1};
	const struct em_energy_window through_zero = {-2, 20}, above = {1, 20};
	struct em_background_plan *p;
	struct em_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err = (struct em_error){0};
		assert_null(em_background_plan_new(&help_axis, &bad[i].window, &bad[i].options, &err));
		assert_int_equal(err.kind, EM_ERROR_USAGE);
	}
	assert_null(em_background_plan_new(&low, &through_zero, &bad[0].options, &err));
	p = em_background_plan_new(&low, &above, &bad[0].options, &err);
	assert_non_null(p);
	em_background_plan_free(p);
	em_background_plan_free(NULL);
}

static void methods_have_names(void **state)
{
	enum em_background_method found;

	(void)state;
	for (size_t m = 0; m < ALL; m++) {
		assert_int_equal(em_background_method_parse(em_background_method_name(all[m]), &found, NULL), 0);
		assert_int_equal(found, all[m]);
	}
	assert_int_equal(em_background_method_parse("three-area", &found, NULL), -1);
	assert_int_equal(ALL, EM_BACKGROUND_METHODS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_exact_law_is_found),
	    cmocka_unit_test(two_areas_are_hyperspys),
	    cmocka_unit_test(two_areas_do_not_mind_an_exponent_of_one),
	    cmocka_unit_test(no_channel_is_missed),
	    cmocka_unit_test(the_curve_is_what_the_sum_sums),
	    cmocka_unit_test(channels_are_sums_of_one),
	    cmocka_unit_test(a_sum_has_its_leverage),
	    cmocka_unit_test(errors_are_propagated_counts),
	    cmocka_unit_test(an_unknown_gain_is_that_of_the_residual),
	    cmocka_unit_test(coupled_channels_are_seen_in_groups),
	    cmocka_unit_test(a_bend_is_told_from_noise),
	    cmocka_unit_test(what_is_no_spectrum),
	    cmocka_unit_test(plans_that_cannot_be),
	    cmocka_unit_test(methods_have_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
