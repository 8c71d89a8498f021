/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/units.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void units_of_length(void **state)
{
	static const struct {
		const char *unit;
		double metres;
	} known[] = {
		{"m", 1},         {"mm", 1e-3},  {"um", 1e-6},      {"\u00b5m", 1e-6},   {"\u03bcm", 1e-6},
		{"nm", 1e-9},     {"A", 1e-10},  {"\u00c5", 1e-10}, {"\u212b", 1e-10},   {"Angstrom", 1e-10},
		{"pm", 1e-12},
	};
	static const char *const unknown[] = {"", "px", "1/nm", "eV", "n", "nmm", "NM", "s", "\u00b5"};
	double m;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		assert_int_equal(em_units_length_in_m(known[i].unit, &m), 0);
		assert_true(m == known[i].metres);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		m = 42;
		assert_int_equal(em_units_length_in_m(unknown[i], &m), -1);
		assert_true(m == 42);
	}
}

static void units_are_spelled_one_way(void **state)
{
	static const struct {
		const char *theirs, *ours;
	} pairs[] = {
		{"um", "\u00b5m"},         {"\u03bcm", "\u00b5m"}, {"\u00b5m", "\u00b5m"}, {"1/um", "1/\u00b5m"},
		{"1/\u03bcm", "1/\u00b5m"}, {"nm", "nm"},         {"1/nm", "1/nm"},       {"eV", "eV"},
		{"", ""},                 {"umm", "umm"},
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		em_units_spell(pairs[i].theirs, text, sizeof(text));
		assert_string_equal(text, pairs[i].ours);
	}
	em_units_spell("abcd\u00b5m", text, 6); /* the sign is of two bytes */
	assert_string_equal(text, "abcd");
}

static void energies(void **state)
{
	(void)state;
	assert_true(em_units_is_energy("eV"));
	assert_true(em_units_is_energy("keV"));
	assert_true(em_units_is_energy("meV"));
	assert_false(em_units_is_energy("nm"));
	assert_false(em_units_is_energy("ev"));
	assert_false(em_units_is_energy(""));
}

static void lengths(void **state)
{
	static const struct {
		const char *text;
		double value, unit_m;
	} good[] = {
		{"95", 95, 0},         {"95px", 95, 0},        {"95 px", 95, 0},     {"2.5nm", 2.5, 1e-9},
		{"2.5 nm", 2.5, 1e-9}, {"1e-3um", 1e-3, 1e-6}, {"3\u00b5m", 3, 1e-6}, {".5m", .5, 1}, {" 7 ", 7, 0},
	};
	static const char *const bad[] = {
		"",     "x",    "nm",    "0",     "-3",     "0nm",  "1.5", "1.5px", "95p",  "2eV",    "1e",
		"3 4",  "3nm4", "34x35", "--2nm", "2..5nm", "0x10", "nan", "inf",   "1e10", "1e999m", "2 lightyears",
		"11111111111111111111111111111111111111111111111111111111111nm",
	};
	struct em_length l;
	struct em_error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (em_units_parse_length(good[i].text, &l, &err))
			fail_msg("%s: %s", good[i].text, err.text);
		assert_true(l.value == good[i].value);
		assert_true(l.unit_m == good[i].unit_m);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		l = (struct em_length){42, 43};
		err.kind = EM_ERROR_NONE;
		if (!em_units_parse_length(bad[i], &l, &err))
			fail_msg("\"%s\" was taken for %g", bad[i], l.value);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		assert_true(l.value == 42 && l.unit_m == 43);
	}
}

static void extents(void **state)
{
	static const struct {
		const char *text;
		double w, wu, h, hu;
	} good[] = {
		{"95", 95, 0, 95, 0},
		{"34x35", 34, 0, 35, 0},
		{"34 x 35", 34, 0, 35, 0},
		{"34pxx35px", 34, 0, 35, 0},
		{"1x0035", 1, 0, 35, 0},
		{"2.5nm", 2.5, 1e-9, 2.5, 1e-9},
		{"2.5x3nm", 2.5, 1e-9, 3, 1e-9},
		{"40um x 30um", 40, 1e-6, 30, 1e-6},
		{"40umx300nm", 40, 1e-6, 300, 1e-9},
		{"64pxx3nm", 64, 0, 3, 1e-9},
		{"3nmx64", 3, 1e-9, 64, 0},
	};
	static const char *const bad[] = {
		"34x", "x35", "34x35x36", "34x0", "0x35", "1.5x2", "34*35", "34x-5", "3x4lightyears",
	};
	struct em_length w, h;
	struct em_error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		if (em_units_parse_extent(good[i].text, &w, &h, &err))
			fail_msg("%s: %s", good[i].text, err.text);
		if (w.value != good[i].w || w.unit_m != good[i].wu || h.value != good[i].h || h.unit_m != good[i].hu)
			fail_msg("%s is %g (%g) x %g (%g)", good[i].text, w.value, w.unit_m, h.value, h.unit_m);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		w.value = h.value = 42;
		if (!em_units_parse_extent(bad[i], &w, &h, &err))
			fail_msg("\"%s\" was taken for %g x %g", bad[i], w.value, h.value);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		assert_true(w.value == 42 && h.value == 42);
	}
}

static void wavelengths_of_electrons(void **state)
{
	/* pm, to the digits that textbooks have */
	static const double known[][2] = {
		{80e3, 4.176}, {100e3, 3.701}, {120e3, 3.349}, {200e3, 2.508}, {300e3, 1.969},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		assert_true(fabs(em_units_wavelength_m(known[i][0]) * 1e12 - known[i][1]) < 0.0005);
}

static void axes_in_nm(void **state)
{
	static const struct {
		const char *units;
		double factor;
		const char *become;
	} cases[] = {
		{"nm", 1, "nm"},        {"um", 1e3, "nm"},     {"\u00b5m", 1e3, "nm"},      {"A", 0.1, "nm"},
		{"m", 1e9, "nm"},       {"1/nm", 1, "1/nm"},   {"1/\u00c5", 10, "1/nm"},    {"1/m", 1e-9, "1/nm"},
		{"1/um", 1e-3, "1/nm"}, {"", 1, ""},           {"eV", 1, "eV"},             {"s", 1, "s"},
		{"1/s", 1, "1/s"},      {"mrad", 1, "mrad"},   {"1/", 1, "1/"},
	};
	struct em_axis axis;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		em_axis_set(&axis, "x", 0.5, -3, cases[i].units);
		em_units_axis_to_nm(&axis);
		assert_string_equal(axis.name, "x");
		assert_string_equal(axis.units, cases[i].become);
		assert_true(fabs(axis.scale - 0.5 * cases[i].factor) <= 1e-15 * fabs(axis.scale));
		assert_true(fabs(axis.offset + 3 * cases[i].factor) <= 1e-15 * fabs(axis.offset));
	}
	em_axis_set(&axis, "x", 1e300, 0, "m");
	em_units_axis_to_nm(&axis);
	assert_true(axis.scale == 1e300);
	assert_string_equal(axis.units, "m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_of_length), cmocka_unit_test(units_are_spelled_one_way),
		cmocka_unit_test(axes_in_nm), cmocka_unit_test(wavelengths_of_electrons), cmocka_unit_test(energies),
		cmocka_unit_test(lengths),
		cmocka_unit_test(extents),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
