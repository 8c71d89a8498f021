/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two edges of known numbers of atoms, the second on the first's tail. */
#include "eels/tail.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

#define N 800

static const struct em_energy AXIS = {N, 420, 0.3};
static const struct em_sigma_beam BEAM = {300, 0.2, 4.12};
static const struct em_energy_window BETWEEN = {481, 528}, SIGNAL = {530.1, 580.2};
static struct em_sigma_edge ti, o;
static float y[N], variance[N];

static int set_up(void **state)
{
	(void)state;
	return em_sigma_edge_set(&ti, 22, "L23", 456, NULL) || em_sigma_edge_set(&o, 8, "K", 530, NULL);
}

static void make(double of_ti, double of_o, double ripple)
{
	for (size_t i = 0; i < N; i++) {
		double ev = em_energy_at(&AXIS, (double)i);

		y[i] = (float)(AXIS.scale * (of_ti * em_sigma_density(&ti, &BEAM, ev) * (1 + ripple * sin(ev / 4)) +
		                             of_o * em_sigma_density(&o, &BEAM, ev)));
		variance[i] = y[i];
	}
}

static struct em_tail_net measure(void)
{
	struct em_tail_net net;
	struct em_error err = {0};
	struct em_tail *t = em_tail_new(&AXIS, &ti, &BEAM, &BETWEEN, &SIGNAL, &err);

	if (!t)
		fail_msg("%s", err.text);
	em_tail_measure(t, y, variance, &net);
	em_tail_free(t);
	return net;
}

static double barns_of_o(void)
{
	const struct em_energy_window from_onset = {530, 580.05}; /* SIGNAL's channels */
	double s;

	assert_int_equal(em_sigma_partial(&o, &BEAM, &from_onset, &s, NULL), 0);
	return s;
}

static void both_come_back(void **state)
{
	(void)state;
	for (double of_o = 0; of_o < 300; of_o += 50) {
		make(100, of_o, 0);
		struct em_tail_net net = measure();
		assert_true(fabs(net.atoms / 100 - 1) < 1e-4);
		assert_true(fabs(net.counts - of_o * barns_of_o()) < 1e-3 * (net.below + net.counts));
	}
}

/* Fine structure of 5 % on the tail: twelve of its waves are averaged. */
static void fine_structure_averages_out(void **state)
{
	(void)state;
	make(100, 200, 0.05);
	struct em_tail_net net = measure();
	assert_true(fabs(net.counts / (200 * barns_of_o()) - 1) < 0.01);
}

static void the_error_is_what_many_scatter(void **state)
{
	double first = 0, second = 0, stated = 0, is;
	const int many = 500;
	struct em_random r;

	(void)state;
	em_random_seed(&r, 4, 0);
	is = 0.5 * barns_of_o();
	for (int k = 0; k < many; k++) {
		make(0.3, 0.5, 0);
		for (size_t i = 0; i < N; i++)
			y[i] = (float)em_random_poisson(&r, y[i]);
		struct em_tail_net net = measure();
		first += (net.counts - is) / many;
		second += (net.counts - is) * (net.counts - is) / many;
		stated += net.error * net.error / many;
	}
	assert_true(fabs(first) < 3 * sqrt(second / many));
	assert_true(fabs(sqrt(second / stated) - 1) < 0.1);
}

static void what_is_no_tail(void **state)
{
	static const struct em_energy_window before = {440, 470}, late = {481, 540}, off = {600, 700};
	struct em_error err = {0};

	(void)state;
	assert_null(em_tail_new(&AXIS, &ti, &BEAM, &before, &SIGNAL, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_null(em_tail_new(&AXIS, &ti, &BEAM, &late, &SIGNAL, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_null(em_tail_new(&AXIS, &ti, &BEAM, &BETWEEN, &off, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	make(1, 1, 0);
	y[300] = NAN; /* 510 eV */
	assert_true(isnan(measure().counts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_come_back),
	    cmocka_unit_test(fine_structure_averages_out),
	    cmocka_unit_test(the_error_is_what_many_scatter),
	    cmocka_unit_test(what_is_no_tail),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, NULL);
}
