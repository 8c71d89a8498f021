/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where an edge rises: on spectra whose rises are known. */
#include "eels/rise.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N 1024

static const struct em_energy axis = {N, 400, 0.25};
static const struct em_energy_window near_o = {512, 552};

/* A E^-3 with rises of so much of it, 2 eV wide (of an error function), at places; E at the background's power 3. */
struct step {
	double ev, height;
};

static void make(float *y, double level, const struct step *step, size_t steps)
{
	for (size_t i = 0; i < N; i++) {
		double ev = em_energy_at(&axis, (double)i), rise = 1;

		for (size_t k = 0; k < steps; k++)
			rise += step[k].height / 2 * (1 + erf((ev - step[k].ev) / 2));
		y[i] = (float)(level * pow(ev / 400, -3) * rise);
	}
}

static void a_step_is_where_it_is(void **state)
{
	float y[N];
	double ev;

	(void)state;
	for (double at = 518; at < 546; at += 7) {
		make(y, 1e6, &(struct step){at, 0.2}, 1);
		assert_true(em_rise_find(y, &axis, &near_o, 1, 3, &ev));
		assert_true(fabs(ev - at) <= 0.5);
	}
}

static void nothing_rises_on_a_background(void **state)
{
	float y[N];
	double ev = 7;

	(void)state;
	make(y, 1e9, NULL, 0);
	assert_false(em_rise_find(y, &axis, &near_o, 1, 3, &ev));
	assert_true(ev == 7);
	/* nor where an exponent of less is expected, by less than EM_RISE_LEAST */
	assert_false(em_rise_find(y, &axis, &near_o, 1, 5.9, &ev));
	/* counts that are none, and holes */
	for (size_t i = 0; i < N; i++)
		y[i] = i % 2 ? NAN : 0;
	assert_false(em_rise_find(y, &axis, &near_o, 1, 3, &ev));
}

static void the_first_of_two_lines_counts(void **state)
{
	float y[N];
	double ev;

	(void)state;
	make(y, 1e6, (const struct step[]){{525, 0.3}, {531, 0.5}}, 2);
	assert_true(em_rise_find(y, &axis, &near_o, 1, 3, &ev));
	assert_true(fabs(ev - 525) <= 0.5);
	/* but not a foot before a great one */
	make(y, 1e6, (const struct step[]){{525, 0.05}, {535, 0.5}}, 2);
	assert_true(em_rise_find(y, &axis, &near_o, 1, 3, &ev));
	assert_true(fabs(ev - 535) <= 0.5);
}

/* 430 counts a channel: of 500 spectra of noise none has a rise, of 500 with half as many counts more nearly all. */
static void noise_is_no_rise(void **state)
{
	struct em_random random;
	float y[N];
	double ev;
	int found = 0;

	(void)state;
	em_random_seed(&random, 1, 0);
	for (int k = 0; k < 1000; k++) {
		make(y, 1000, &(struct step){532, 0.5}, k % 2 ? 1 : 0);
		for (size_t i = 0; i < N; i++)
			y[i] = (float)em_random_poisson(&random, (double)y[i]);
		if (!em_rise_find(y, &axis, &near_o, 1, 3, &ev))
			continue;
		assert_true(k % 2 && fabs(ev - 532) < 4);
		found++;
	}
	assert_in_range(found, 450, 500);
}

/* The same axis, twenty times as fine and ten times as coarse. */
static void the_axis_does_not_matter(void **state)
{
	static float y[16 * N];
	const double scale[] = {0.0125, 2.5};
	double ev;

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		const struct em_energy e = {k ? 100 : 16 * N, 400, scale[k]};

		for (size_t i = 0; i < e.channels; i++) {
			double at = em_energy_at(&e, (double)i);
			y[i] = (float)(1e7 * pow(at / 400, -3) * (1 + 0.2 * (1 + erf((at - 530) / 2))));
		}
		assert_true(em_rise_find(y, &e, &near_o, 1, 3, &ev));
		assert_true(fabs(ev - 530) <= fmax(0.5, e.scale));
	}
}

/* ---- where to look ---- */

static void other_edges_are_left_out(void **state)
{
	struct em_edge edge[EM_EDGES_MAX];
	struct em_energy_window w;
	size_t n;

	(void)state;
	assert_int_equal(em_edges_parse("V-L23,O-K,Ti-L23", edge, &n, NULL), 0);
	assert_true(em_rise_window(&edge[1], edge, n, &axis, &w));
	assert_true(w.from == 529 && w.to == 552); /* V L2 is at 521 */
	assert_true(em_rise_window(&edge[0], edge, n, &axis, &w));
	assert_true(w.from == 493 && w.to == 528);
	assert_true(em_rise_window(&edge[2], edge, n, &axis, &w));
	assert_true(w.from == 436 && w.to == 476);
}

static void no_rise_is_expected_where_none_is_sharp(void **state)
{
	static const struct {
		const char *edge;
		bool sharp;
	} cases[] = {{"O-K", true},     {"Fe-L3", true}, {"Cu-L23", true}, {"Zn-L23", false}, {"La-M45", true},
	             {"Sr-M45", false}, {"Li-K", false}, {"Ti-L1", false}, {"Au-M45", false}};
	const struct em_energy whole = {4000, 10, 1};
	struct em_edge edge[EM_EDGES_MAX];
	struct em_energy_window w;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(em_edges_parse(cases[i].edge, edge, &n, NULL), 0);
		if (em_rise_window(edge, edge, n, &whole, &w) != cases[i].sharp)
			fail_msg("%s", cases[i].edge);
	}
	/* off the axis */
	assert_int_equal(em_edges_parse("B-K", edge, &n, NULL), 0);
	assert_false(em_rise_window(edge, edge, n, &axis, &w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_step_is_where_it_is),
	    cmocka_unit_test(nothing_rises_on_a_background),
	    cmocka_unit_test(the_first_of_two_lines_counts),
	    cmocka_unit_test(noise_is_no_rise),
	    cmocka_unit_test(the_axis_does_not_matter),
	    cmocka_unit_test(other_edges_are_left_out),
	    cmocka_unit_test(no_rise_is_expected_where_none_is_sharp),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
