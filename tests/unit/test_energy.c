/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The energy axis and windows on it. */
#include "eels/energy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct em_array spectrum(size_t channels, double scale, double offset, const char *units)
{
	struct em_array a;

	assert_int_equal(em_array_alloc(&a, EM_F32, 1, &channels, NULL), 0);
	em_axis_set(&a.axis[0], "energy", scale, offset, units);
	return a;
}

static void axes_become_ev(void **state)
{
	static const struct {
		double scale, offset, ev, ev0;
		const char *units;
	} good[] = {{0.25, 350, 0.25, 350, "eV"}, {0.5e-3, 0.35, 0.5, 350, "keV"}, {10, -500, 0.01, -0.5, "meV"}};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct em_array a = spectrum(1024, good[i].scale, good[i].offset, good[i].units);
		struct em_energy e;
		assert_int_equal(em_energy_of_array(&e, &a, NULL), 0);
		assert_int_equal(e.channels, 1024);
		assert_true(fabs(e.scale - good[i].ev) < 1e-12 && fabs(e.offset - good[i].ev0) < 1e-9);
		assert_true(fabs(em_energy_channel(&e, em_energy_at(&e, 17.25)) - 17.25) < 1e-9);
		em_array_release(&a);
	}
}

static void what_is_no_energy_axis(void **state)
{
	static const struct {
		size_t channels;
		double scale, offset;
		const char *units;
	} bad[] = {{1024, 0.25, 350, ""},  {1024, 0.25, 350, "nm"},   {1024, 0, 350, "eV"}, {1024, -0.25, 350, "eV"},
	           {1024, NAN, 350, "eV"}, {1024, 1, INFINITY, "eV"}, {1, 0.25, 350, "eV"}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_array a = spectrum(bad[i].channels, bad[i].scale, bad[i].offset, bad[i].units);
		struct em_energy e = {.channels = 7};
		struct em_error err = {0};
		assert_int_equal(em_energy_of_array(&e, &a, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_int_equal(e.channels, 7);
		assert_int_equal(!!strstr(err.text, "turn the spectra round"), bad[i].scale < 0);
		em_array_release(&a);
	}
}

static void windows_take_the_nearest_channels(void **state)
{
	/* MANIFEST.md's windows: 50 eV are 167 channels of 0.3 eV from 357.5 eV, 273 of 0.183238268 from 312.364007. */
	const struct em_energy hl = {1024, 357.5, 0.3}, core = {2048, 312.364007, 0.183238268};
	const struct em_energy_window ti = {456, 506};
	struct em_energy_span s;

	(void)state;
	assert_int_equal(em_energy_span(&hl, &ti, &s, NULL), 0);
	assert_int_equal(s.first, 328); /* 328.33 */
	assert_int_equal(s.count, 167); /* to 495 */
	assert_int_equal(em_energy_span(&core, &ti, &s, NULL), 0);
	assert_int_equal(s.count, 273);
	const struct em_energy_window all = {357.5, 357.5 + 1024 * 0.3};
	assert_int_equal(em_energy_span(&hl, &all, &s, NULL), 0);
	assert_true(s.first == 0 && s.count == 1024);
}

static void windows_outside_and_empty(void **state)
{
	const struct em_energy e = {1024, 357.5, 0.3};
	const struct em_energy_window bad[] = {{357, 400}, {600, 664.9}, {400, 400.01}, {500, 400}, {NAN, 400}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_energy_span s = {1, 2};
		struct em_error err = {0};
		assert_int_equal(em_energy_span(&e, &bad[i], &s, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		assert_true(s.first == 1 && s.count == 2);
	}
}

static void windows_as_text(void **state)
{
	static const char *const good[] = {"405-448", "405:448", "405-448eV", "405-448 eV"},
	                         *const bad[] = {"",        "405",        "405-", "448-405",
	                                         "405-405", "405-448 nm", "x-y",  "nan-448"};
	struct em_energy_window w;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(em_energy_parse_window(good[i], &w, NULL), 0);
		assert_true(w.from == 405 && w.to == 448);
	}
	assert_int_equal(em_energy_parse_window("-3.5-3.5", &w, NULL), 0);
	assert_true(w.from == -3.5 && w.to == 3.5);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(em_energy_parse_window(bad[i], &w, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(axes_become_ev),
	    cmocka_unit_test(what_is_no_energy_axis),
	    cmocka_unit_test(windows_take_the_nearest_channels),
	    cmocka_unit_test(windows_outside_and_empty),
	    cmocka_unit_test(windows_as_text),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
