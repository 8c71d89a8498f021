/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges by name, the table of onsets, and where the windows lie. */
#include "eels/edges.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct em_energy core = {2048, 350, 0.25};

static size_t parse(const char *text, struct em_edge *edge)
{
	size_t n = 0;
	struct em_error err = {0};

	if (em_edges_parse(text, edge, &n, &err))
		fail_msg("%s: %s", text, err.text);
	return n;
}

/* ---- the table ---- */

static void onsets_are_the_published_ones(void **state)
{
	static const struct {
		const char *name;
		double onset, first, last;
	} known[] = {{"Ti-L23", 456, 456, 462},    {"Ti-L3", 456, 456, 462},     {"Ti-L2", 462, 456, 462},
	             {"O-K", 532, 532, 532},       {"La-M45", 832, 832, 849},    {"Fe-L23", 708, 708, 721},
	             {"B-K", 188, 188, 188},       {"N-K", 401, 401, 401},       {"C-K", 284, 284, 284},
	             {"Mn-L23", 640, 640, 651},    {"Sr-L23", 1940, 1940, 2007}, {"Al-K", 1560, 1560, 1560},
	             {"Si-L23", 99.2, 99.2, 99.8}, {"Ba-N45", 90, 90, 90},       {"U-M5", 3552, 3552, 3728}};
	struct em_edge e[EM_EDGES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		assert_int_equal(parse(known[i].name, e), 1);
		assert_string_equal(e[0].name, known[i].name);
		assert_true(e[0].onset == known[i].onset && e[0].first == known[i].first && e[0].last == known[i].last);
		assert_true(em_element_z(e[0].element, strlen(e[0].element)) == e[0].z);
	}
}

/* Moseley: each shell's onset grows with the atomic number; and the parts of a shell are in order. */
static void onsets_are_in_order(void **state)
{
	static const enum em_shell up[] = {EM_SHELL_M5, EM_SHELL_M4, EM_SHELL_M3, EM_SHELL_M2,
	                                   EM_SHELL_L3, EM_SHELL_L2, EM_SHELL_L1, EM_SHELL_K};
	size_t known = 0;

	(void)state;
	for (enum em_shell s = 0; s < EM_SHELLS; s++) {
		double before = 0;
		for (unsigned z = 1; z <= 92; z++) {
			double onset = em_edge_onset(z, s);
			if (onset == 0)
				continue;
			assert_true(onset > before && onset > 30 && onset < 4000);
			before = onset;
			known++;
		}
	}
	assert_true(known > 400);
	for (unsigned z = 1; z <= 92; z++) {
		double before = 0;
		for (size_t i = 0; i < sizeof(up) / sizeof(*up); i++) {
			double onset = em_edge_onset(z, up[i]);
			assert_true(onset == 0 || onset >= before);
			before = onset > 0 ? onset : before;
		}
	}
	assert_true(em_edge_onset(0, EM_SHELL_K) == 0 && em_edge_onset(93, EM_SHELL_K) == 0);
	assert_true(em_edge_onset(8, EM_SHELLS) == 0);
	assert_string_equal(em_element_symbol(93), "");
}

/* ---- names ---- */

static void names_as_people_write_them(void **state)
{
	static const char *const ways[] = {"Ti-L23", "Ti-L2,3", "Ti_L23",    "TiL23",
	                                   "Ti L23", "Ti-L",    " Ti-L2,3 ", "TiL2,3"};
	struct em_edge e[EM_EDGES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		assert_int_equal(parse(ways[i], e), 1);
		assert_string_equal(e[0].name, "Ti-L23");
	}
	assert_int_equal(parse("Ti-L2,3,O-K, La-M4,5,Fe-M,Ba_N", e), 5);
	assert_string_equal(e[0].name, "Ti-L23");
	assert_string_equal(e[1].name, "O-K");
	assert_string_equal(e[2].name, "La-M45");
	assert_string_equal(e[3].name, "Fe-M23");
	assert_string_equal(e[4].name, "Ba-N45");
	assert_true(e[2].z == 57 && e[2].shell == EM_SHELL_M45 && e[2].signal.to == 0);
}

static void names_of_nothing(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
	    {"", "no edge"},         {"Ti-L23,", "no edge"},    {"Xx-K", "no edge"},        {"Ti", "L1, L2, L3, L23"},
	    {"Ti-", "L23"},          {"Ti-K", "L23"},           {"O-L23", "there are: K"},  {"Ti-L24", "L23"},
	    {"ti-L23", "no edge"},   {"O-K,O_K", "twice"},      {"H-K", "there are: none"}, {"Ti-L23;O-K", "L23"},
	    {"\xff\xff", "no edge"}, {"Ti-L23,,O-K", "no edge"}};
	char many[EM_EDGES_MAX * 8 + 16] = "";
	struct em_edge e[EM_EDGES_MAX] = {{.z = 5}};
	struct em_error err;
	size_t n = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err = (struct em_error){0};
		assert_int_equal(em_edges_parse(bad[i].text, e, &n, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		if (!strstr(err.text, bad[i].says))
			fail_msg("'%s': %s", bad[i].text, err.text);
		assert_true(n == 7 && e[0].z == 5);
	}
	for (unsigned z = 20; z < 20 + EM_EDGES_MAX / 2; z++) /* Ca to Br */
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "%s-L1,%s-L2,", em_element_symbol(z),
		         em_element_symbol(z));
	strcat(many, "O-K");
	assert_int_equal(em_edges_parse(many, e, &n, &err), -1);
	assert_non_null(strstr(err.text, "more than"));
}

/* ---- windows ---- */

static void windows_by_default(void **state)
{
	struct em_edge e[EM_EDGES_MAX];
	size_t n = parse("O-K,Ti-L23", e);

	(void)state;
	assert_int_equal(em_edges_place(e, n, &core, NULL), 0);
	/* O K: a gap of 5.32 eV; Ti's white lines reach to 462 + 28 */
	assert_true(fabs(e[0].background.from - 490) < 1e-9 && fabs(e[0].background.to - 526.68) < 1e-9);
	assert_true(e[0].signal.from == 532 && e[0].signal.to == 582);
	/* Ti L: 11 % of 456 eV wide, and O is out of its way */
	assert_true(fabs(e[1].background.from - (451.44 - 50.16)) < 1e-9 && fabs(e[1].background.to - 451.44) < 1e-9);
	assert_true(e[1].signal.from == 456 && e[1].signal.to == 506);
}

static void windows_between_neighbours(void **state)
{
	const struct em_energy wide = {2048, 100, 0.5};
	struct em_edge e[EM_EDGES_MAX];
	size_t n = parse("V-L23,O-K,Ti-L3,Ti-L2", e);

	(void)state;
	assert_int_equal(em_edges_place(e, n, &wide, NULL), 0);
	/* 19 eV from V L3 to O K leave but the narrowest background, and a short signal */
	assert_true(fabs(e[1].background.to - e[1].background.from - EM_EDGE_NARROWEST) < 1e-9);
	assert_true(e[0].signal.from == 513 && fabs(e[0].signal.to - 526.68) < 1e-9);
	/* L3 ends where L2 begins; both have the background before L3 */
	assert_true(e[2].signal.from == 456 && e[2].signal.to == 462 && e[3].signal.from == 462);
	assert_memory_equal(&e[2].background, &e[3].background, sizeof(e[2].background));
	assert_true(e[3].background.to < 456);
	/* of low losses a third */
	n = parse("Si-L23", e);
	const struct em_energy low = {1000, 20, 0.5};
	assert_int_equal(em_edges_place(e, n, &low, NULL), 0);
	assert_true(fabs(e[0].signal.to - 99.2 * 4 / 3) < 1e-9);
}

static void windows_keep_to_the_axis_and_to_the_caller(void **state)
{
	const struct em_energy from_440 = {1000, 440, 0.25}, from_445 = {1000, 445, 0.25}, to_480 = {480, 360, 0.25},
	                       to_458 = {392, 360, 0.25};
	struct em_edge e[EM_EDGES_MAX], before;
	struct em_error err = {0};
	size_t n = parse("Ti-L23", e);

	(void)state;
	before = e[0];
	assert_int_equal(em_edges_place(e, n, &from_445, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, "Ti-L23"));
	assert_int_equal(em_edges_place(e, n, &to_458, &err), -1);
	assert_memory_equal(&e[0], &before, sizeof(before));
	assert_int_equal(em_edges_place(e, n, &to_480, NULL), 0);
	assert_true(e[0].signal.to == 480);
	e[0].background = e[0].signal = (struct em_energy_window){0, 0};
	assert_int_equal(em_edges_place(e, n, &from_440, NULL), 0);
	assert_true(e[0].background.from == 440);
	/* what is given stays, and then the axis does not matter */
	e[0].background = (struct em_energy_window){400, 430};
	e[0].signal = (struct em_energy_window){0, 0};
	assert_int_equal(em_edges_place(e, n, &from_445, NULL), 0);
	assert_true(e[0].background.from == 400 && e[0].background.to == 430 && e[0].signal.from == 456);
}

/* ---- warnings ---- */

struct heard {
	size_t count;
	char text[8][256];
};

static void hear(void *ctx, const char *text)
{
	struct heard *h = ctx;

	if (h->count < 8)
		snprintf(h->text[h->count], sizeof(h->text[0]), "%s", text);
	h->count++;
}

static void good_windows_are_passed_in_silence(void **state)
{
	struct em_edge e[EM_EDGES_MAX];
	size_t n = parse("Ti-L3,Ti-L2,O-K,Fe-L23,La-M45", e);
	const struct em_energy wide = {4096, 300, 0.25};
	struct heard h = {0};

	(void)state;
	assert_int_equal(em_edges_place(e, n, &wide, NULL), 0);
	em_edges_check(e, n, hear, &h);
	if (h.count)
		fail_msg("%s", h.text[0]);
}

static void bad_windows_are_told(void **state)
{
	static const struct {
		struct em_energy_window ti_background, ti_signal, o_background, o_signal;
		const char *says;
	} bad[] = {
	    {{400, 450}, {456, 540}, {500, 527}, {532, 580}, "Ti-L23: the signal 456-540 eV holds the edge O-K"},
	    {{400, 450}, {456, 530}, {500, 527}, {528, 580}, "Ti-L23: the signal 456-530 eV overlaps that of O-K"},
	    {{400, 450}, {456, 506}, {440, 527}, {532, 580}, "O-K: the background 440-527 eV holds the edge Ti-L23"},
	    {{400, 450}, {456, 506}, {470, 527}, {532, 580}, "O-K: the background 470-527 eV begins on the tail"},
	    {{400, 460}, {462, 506}, {500, 527}, {532, 580}, "Ti-L23: the background 400-460 eV holds the edge itself"},
	    {{400, 470}, {456, 506}, {500, 527}, {532, 580}, "Ti-L23: the background 400-470 eV and the signal"},
	    {{440, 450}, {456, 506}, {500, 527}, {532, 580}, "Ti-L23: the background is fitted over 10 eV"}};
	struct em_edge e[EM_EDGES_MAX];
	size_t n = parse("Ti-L23,O-K", e);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct heard h = {0};
		e[0].background = bad[i].ti_background;
		e[0].signal = bad[i].ti_signal;
		e[1].background = bad[i].o_background;
		e[1].signal = bad[i].o_signal;
		em_edges_check(e, n, hear, &h);
		assert_int_equal(h.count, 1);
		if (strncmp(h.text[0], bad[i].says, strlen(bad[i].says)))
			fail_msg("%s", h.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(onsets_are_the_published_ones),
	    cmocka_unit_test(onsets_are_in_order),
	    cmocka_unit_test(names_as_people_write_them),
	    cmocka_unit_test(names_of_nothing),
	    cmocka_unit_test(windows_by_default),
	    cmocka_unit_test(windows_between_neighbours),
	    cmocka_unit_test(windows_keep_to_the_axis_and_to_the_caller),
	    cmocka_unit_test(good_windows_are_passed_in_silence),
	    cmocka_unit_test(bad_windows_are_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
