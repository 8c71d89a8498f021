/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Net counts, and when there are none. */
#include "background_help.h"
#include "eels/integrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct em_energy_window before_o = {490, 527}, o_signal = {532, 549};

static void measure(const struct em_energy_window *background, const struct em_energy_window *signal, double gain,
                    const float *y, struct em_net *net)
{
	const struct em_net_options o = {.background = {EM_BACKGROUND_LINEAR, gain}};
	struct em_net_plan *p = em_net_plan_new(&help_axis, background, signal, &o, NULL);

	assert_non_null(p);
	em_net_measure(p, y, net);
	em_net_plan_free(p);
}

static void has_no_number(const struct em_net *net, unsigned flag, const char *says)
{
	char text[300];

	assert_true(net->flags & flag);
	assert_true(net->flags & EM_NET_FATAL);
	assert_true(isnan(net->counts) && isnan(net->error));
	em_net_explain(net, "Ti-L23", text, sizeof(text));
	if (strncmp(text, "Ti-L23: ", 8) || !strstr(text, says))
		fail_msg("%s", text);
}

static void a_step_on_a_power_law(void **state)
{
	double expected[CHANNELS], total = 0;
	char text[300];
	float y[CHANNELS];
	struct em_net net;

	(void)state;
	help_expect(expected, 1e6, 3, 0.3);
	help_round(y, expected);
	measure(&help_fit, &help_signal, 0, y, &net);
	assert_int_equal(net.flags, 0);
	for (size_t i = 212; i < 312; i++)
		total += expected[i];
	assert_true(fabs(net.total / total - 1) < 1e-7);
	assert_true(fabs(net.counts / help_net(1e6, 3, 0.3) - 1) < 1e-6);
	assert_true(fabs(net.total - net.below - net.counts) < 1e-6 * net.counts);
	/* with a gain of 1: the window's own counts, and the background's */
	measure(&help_fit, &help_signal, 1, y, &net);
	assert_true(fabs(net.error - hypot(sqrt(total), net.below_error)) < 1e-6 * net.error);
	assert_true(net.below_error > sqrt(total));
	assert_string_equal(
	    strncmp(em_net_explain(&net, "X", text, sizeof(text)), "X: 2.42881e+07 +- ", 18) ? text : "", "");
}

/* Thick TiO2: what is before O K is the tail of Ti L, and rises. */
static void the_tail_of_another_edge_leaves_no_number(void **state)
{
	double expected[CHANNELS];
	struct em_random random;
	float y[CHANNELS];
	struct em_net net;

	(void)state;
	help_expect(expected, 1e4, 4, 0);
	for (size_t i = 212; i < CHANNELS; i++) /* plural scattering makes the edge broad */
		expected[i] += 8000 * (1 - exp(-((double)i - 212) / 150)) + ((i > 363) ? 500 : 0);
	em_random_seed(&random, 4, 0);
	help_count(y, expected, 1, &random);
	measure(&before_o, &o_signal, 1, y, &net);
	assert_true(net.background.r < 0);
	has_no_number(&net, EM_NET_EXPONENT, "exponent before it is -");
	assert_true(isfinite(net.total) && isfinite(net.below)); /* which tell why */
	measure(&before_o, &o_signal, 0, y, &net);
	has_no_number(&net, EM_NET_EXPONENT, "exponent before it is -");
	/* nor does a misfit excuse it, though the residual's gain makes every exponent possible */
	for (size_t i = 280; i < 354; i++)
		y[i] += (float)(2000 * pow(((double)i - 317) / 37, 2));
	measure(&before_o, &o_signal, 0, y, &net);
	assert_true(net.flags & EM_NET_MISFIT && net.background.r < 0);
	assert_true(net.background.r + 3 * sqrt(net.background.covariance[2]) > 0);
	has_no_number(&net, EM_NET_EXPONENT, "exponent before it is -");
	/* the edge before it has its number */
	measure(&help_fit, &help_signal, 1, y, &net);
	assert_int_equal(net.flags, 0);
}

static void exponents_out_of_bounds_by_noise_alone(void **state)
{
	double expected[CHANNELS];
	size_t below = 0;
	float y[CHANNELS];
	struct em_net net;

	(void)state;
	help_expect(expected, 0.5, 3, 0);
	for (uint64_t k = 0; k < 1000; k++) {
		struct em_random random;
		em_random_seed(&random, 5, k);
		help_count(y, expected, 1, &random);
		measure(&help_fit, &help_signal, 1, y, &net);
		below += net.background.r < 0;
		assert_int_equal(net.flags & EM_NET_EXPONENT, 0);
	}
	assert_true(below > 100); /* r is 3 +- 4 here */
	help_expect(expected, 1e6, 9, 0.3);
	help_round(y, expected);
	measure(&help_fit, &help_signal, 1, y, &net);
	has_no_number(&net, EM_NET_EXPONENT, "exponent before it is 9");
}

static void a_background_above_the_spectrum(void **state)
{
	double expected[CHANNELS];
	float y[CHANNELS];
	struct em_net net;

	(void)state;
	help_expect(expected, 1e4, 3, -0.3);
	help_round(y, expected);
	measure(&help_fit, &help_signal, 1, y, &net);
	has_no_number(&net, EM_NET_NEGATIVE, "runs above");
	for (size_t i = 212; i < CHANNELS; i++)
		y[i] = -y[i];
	measure(&help_fit, &help_signal, 1, y, &net);
	has_no_number(&net, EM_NET_EMPTY, "runs above");
}

static void what_is_no_spectrum(void **state)
{
	double expected[CHANNELS];
	float y[CHANNELS];
	struct em_net net;

	(void)state;
	help_expect(expected, 1e4, 3, 0.3);
	help_round(y, expected);
	y[250] = NAN;
	measure(&help_fit, &help_signal, 1, y, &net);
	has_no_number(&net, EM_NET_NOT_FINITE, "NaN");
	assert_true(isnan(net.total) && isfinite(net.below));
	y[250] = 0;
	y[150] = INFINITY;
	measure(&help_fit, &help_signal, 1, y, &net);
	has_no_number(&net, EM_NET_NO_BACKGROUND, "NaN");
	for (size_t i = 0; i < CHANNELS; i++)
		y[i] = 0;
	measure(&help_fit, &help_signal, 1, y, &net);
	has_no_number(&net, EM_NET_NO_BACKGROUND, "not above 0");
	for (size_t i = 0; i < CHANNELS; i++)
		y[i] = 3;
	measure(&help_fit, &help_signal, 1, y, &net);
	has_no_number(&net, EM_NET_NO_BACKGROUND, "constant");
	for (size_t i = 0; i < CHANNELS; i++)
		y[i] = -(float)i;
	measure(&help_fit, &help_signal, 1, y, &net);
	has_no_number(&net, EM_NET_NO_BACKGROUND, "not above 0");
}

/* A bend is a warning: the number stays.  Of an unknown gain it shows beside the steps from channel to channel. */
static void a_bend_is_a_warning(void **state)
{
	double expected[CHANNELS];
	struct em_random random;
	char text[300];
	float y[CHANNELS];
	struct em_net net;

	(void)state;
	help_expect(expected, 2e5, 3, 0.5);
	for (size_t i = 100; i < CHANNELS; i++)
		expected[i] += 4e4 * exp(-((double)i - 100) / 20);
	em_random_seed(&random, 6, 0);
	help_count(y, expected, 1, &random);
	for (int gain = 0; gain < 2; gain++) {
		measure(&help_fit, &help_signal, gain, y, &net);
		assert_int_equal(net.flags, EM_NET_MISFIT);
		assert_true(isfinite(net.counts));
		assert_non_null(strstr(em_net_explain(&net, "Ti-L23", text, sizeof(text)), "bends"));
	}
	/* noise of a gain alone is no bend */
	help_expect(expected, 2e5, 3, 0.5);
	help_count(y, expected, 25, &random);
	measure(&help_fit, &help_signal, 0, y, &net);
	assert_int_equal(net.flags, 0);
}

static void ratios(void **state)
{
	const struct em_net a = {.counts = 300, .error = 10}, b = {.counts = 900, .error = 40},
	                    none = {.flags = EM_NET_EXPONENT, .counts = NAN, .error = NAN},
	                    bent = {.flags = EM_NET_MISFIT, .counts = 900, .error = 40},
	                    weak = {.counts = 100, .error = 40}, less = {.counts = -20, .error = 10};
	double ratio, error;

	(void)state;
	assert_true(em_net_ratio(&a, &b, &ratio, &error));
	assert_true(fabs(ratio - 1. / 3) < 1e-12);
	assert_true(fabs(error / ratio - hypot(10. / 300, 40. / 900)) < 1e-12);
	assert_true(em_net_ratio(&a, &bent, &ratio, &error));
	assert_true(em_net_ratio(&less, &b, &ratio, &error) && ratio < 0);
	assert_false(em_net_ratio(&none, &b, &ratio, &error));
	assert_true(isnan(ratio) && isnan(error));
	assert_false(em_net_ratio(&a, &none, &ratio, &error));
	assert_false(em_net_ratio(&a, &weak, &ratio, &error));
	assert_false(em_net_ratio(&a, &less, &ratio, &error));
}

static void plans_that_cannot_be(void **state)
{
	const struct em_net_options o = {.background = {EM_BACKGROUND_LINEAR, 1}};
	const struct em_energy_window beyond = {500, 600}, none = {456, 456}, through_zero = {-2, 5}, low_fit = {5, 15};
	const struct em_energy low = {100, -10, 0.5};
	struct em_error err = {0};

	(void)state;
	assert_null(em_net_plan_new(&help_axis, &help_fit, &beyond, &o, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_null(em_net_plan_new(&help_axis, &beyond, &help_signal, &o, &err));
	assert_null(em_net_plan_new(&help_axis, &help_fit, &none, &o, &err));
	assert_null(em_net_plan_new(&low, &low_fit, &through_zero, &o, &err));
	em_net_plan_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_step_on_a_power_law),
	    cmocka_unit_test(the_tail_of_another_edge_leaves_no_number),
	    cmocka_unit_test(exponents_out_of_bounds_by_noise_alone),
	    cmocka_unit_test(a_background_above_the_spectrum),
	    cmocka_unit_test(what_is_no_spectrum),
	    cmocka_unit_test(a_bend_is_a_warning),
	    cmocka_unit_test(ratios),
	    cmocka_unit_test(plans_that_cannot_be),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
