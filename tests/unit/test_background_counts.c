/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Simulated spectra of counted electrons whose edge is known: whether net counts are right on average, and whether they
 * lie as often within their stated errors as these claim, at three doses.
 */
#include "background_help.h"
#include "eels/integrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SPECTRA 4000

struct statistics {
	double bias, scatter, stated; /* of the net counts; stated: the mean of the errors given */
	double within1, within2;      /* shares within one and two errors of the truth */
	size_t missing;
};

/* told: the gain that the plan is told, which makes nothing of 0. */
static struct statistics simulate(enum em_background_method method, double gain, double told, double dose, double step)
{
	const struct em_net_options o = {.background = {method, told}, .least_r = -50, .most_r = 50};
	struct em_net_plan *p = em_net_plan_new(&help_axis, &help_fit, &help_signal, &o, NULL);
	double expected[CHANNELS], sum = 0, squares = 0, n = 0, truth = help_net(dose, 3, step);
	struct statistics s = {0};
	float y[CHANNELS];

	assert_non_null(p);
	help_expect(expected, dose, 3, step);
	for (uint64_t k = 0; k < SPECTRA; k++) {
		struct em_random random;
		struct em_net net;
		em_random_seed(&random, (uint64_t)method, k);
		help_count(y, expected, gain, &random);
		em_net_measure(p, y, &net);
		if (net.flags & EM_NET_FATAL) {
			s.missing++;
			continue;
		}
		double off = net.counts - truth;
		sum += off;
		squares += off * off;
		s.stated += net.error;
		s.within1 += fabs(off) < net.error;
		s.within2 += fabs(off) < 2 * net.error;
		n++;
	}
	em_net_plan_free(p);
	s.bias = sum / n;
	s.scatter = sqrt(squares / n - s.bias * s.bias);
	s.stated /= n;
	s.within1 /= n;
	s.within2 /= n;
	return s;
}

/* bias: in the scatter of one spectrum; the mean of 4000 is known to 0.016 of it. */
static void holds(enum em_background_method method, double gain, double dose, double bias)
{
	struct statistics s = simulate(method, gain, gain, dose, 0.3);

	if (!(fabs(s.bias) < bias * s.scatter))
		fail_msg("%s at %g: wrong by %.3f errors on average", em_background_method_name(method), dose,
		         s.bias / s.scatter);
	if (!(fabs(s.stated / s.scatter - 1) < 0.05))
		fail_msg("%s at %g: the error is %.3g, not %.3g", em_background_method_name(method), dose, s.stated,
		         s.scatter);
	/* 4000 spectra tell shares to 0.007 and 0.003 */
	if (!(fabs(s.within1 - 0.6827) < 0.03 && fabs(s.within2 - 0.9545) < 0.015))
		fail_msg("%s at %g: %.3f within one error, %.3f within two", em_background_method_name(method), dose,
		         s.within1, s.within2);
	assert_int_equal(s.missing, 0);
}

static void likelihood_holds_at_any_dose(void **state)
{
	(void)state;
	holds(EM_BACKGROUND_LINEAR, 1, 10000, 0.05);
	holds(EM_BACKGROUND_LINEAR, 1, 100, 0.05);
	holds(EM_BACKGROUND_LINEAR, 1, 5, 0.05);
}

static void logarithms_hold_from_ten_electrons_on(void **state)
{
	(void)state;
	holds(EM_BACKGROUND_LOG, 1, 10000, 0.05);
	holds(EM_BACKGROUND_LOG, 1, 100, 0.05);
	holds(EM_BACKGROUND_LOG, 1, 10, 0.05);
}

/* Without weights the bias of logarithms stays: half an error at ten electrons a channel (the sims' own finding). */
static void unweighted_logarithms_need_many(void **state)
{
	(void)state;
	holds(EM_BACKGROUND_LOG_UNWEIGHTED, 1, 10000, 0.05);
	holds(EM_BACKGROUND_LOG_UNWEIGHTED, 1, 1000, 0.1);
	assert_true(simulate(EM_BACKGROUND_LOG_UNWEIGHTED, 1, 1, 10, 0.3).bias > 20);
}

/* HyperSpy's formula is no exact one: its bias, 0.15 % of the background here, is below the errors but not by far. */
static void two_areas_hold_up_to_their_formula(void **state)
{
	(void)state;
	holds(EM_BACKGROUND_TWO_AREA, 1, 1000, 0.15);
	holds(EM_BACKGROUND_TWO_AREA, 1, 100, 0.12);
	holds(EM_BACKGROUND_TWO_AREA, 1, 10, 0.12);
	assert_true(fabs(simulate(EM_BACKGROUND_TWO_AREA, 1, 1, 1e5, 0.3).bias + 0.0398 * 257.4e3) < 600);
}

static void a_gain_widens_the_errors(void **state)
{
	(void)state;
	holds(EM_BACKGROUND_LINEAR, 12, 1200, 0.05);
	holds(EM_BACKGROUND_LOG, 12, 1200, 0.05);
}

/* The residual tells it, and rather too much than too little: the greater of two estimates, of 98 and of 10 degrees. */
static void an_unknown_gain_keeps_the_errors_honest(void **state)
{
	static const double doses[] = {70, 700, 70000}; /* ten electrons and more */

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct statistics s = simulate(EM_BACKGROUND_LINEAR, 7, 0, doses[i], 0.3);
		assert_true(fabs(s.bias) < 0.05 * s.scatter);
		assert_true(s.stated > s.scatter && s.stated < 1.15 * s.scatter);
		assert_true(s.within1 > 0.68 && s.within1 < 0.76);
		assert_true(s.within2 > 0.945 && s.within2 < 0.98);
	}
}

/* Where there is no edge, net counts are as often below zero as above: none is dropped for that. */
static void nothing_is_nothing_on_average(void **state)
{
	static const double doses[] = {1, 10, 1000};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct statistics s = simulate(EM_BACKGROUND_LINEAR, 1, 1, doses[i], 0);
		assert_true(fabs(s.bias) < 0.06 * s.scatter);
		assert_true(s.missing < SPECTRA / 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(likelihood_holds_at_any_dose),
	    cmocka_unit_test(logarithms_hold_from_ten_electrons_on),
	    cmocka_unit_test(unweighted_logarithms_need_many),
	    cmocka_unit_test(two_areas_hold_up_to_their_formula),
	    cmocka_unit_test(a_gain_widens_the_errors),
	    cmocka_unit_test(an_unknown_gain_keeps_the_errors_honest),
	    cmocka_unit_test(nothing_is_nothing_on_average),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
