/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	double metres;
} lengths[] = {
	{"pm", 1e-12},       {"A", 1e-10},           {"\xc3\x85", 1e-10},  {"\xe2\x84\xab", 1e-10},
	{"Angstrom", 1e-10}, {"angstrom", 1e-10},    {"nm", 1e-9},         {"um", 1e-6},
	{"\xc2\xb5m", 1e-6}, {"\xce\xbcm", 1e-6},    {"mm", 1e-3},         {"m", 1},
};

/* The metres in the unit name[0..n), or 0. */
static double find_unit(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		if (strlen(lengths[i].name) == n && !memcmp(lengths[i].name, name, n))
			return lengths[i].metres;
	return 0;
}

int em_units_length_in_m(const char *unit, double *metres)
{
	double found = find_unit(unit, strlen(unit));

	if (!(found > 0))
		return -1;
	*metres = found;
	return 0;
}

double em_units_wavelength_m(double volts)
{
	const double m = 9.1093837015e-31, e = 1.602176634e-19, c = 299792458, h = 6.62607015e-34;

	return h / sqrt(2 * m * e * volts * (1 + e * volts / (2 * m * c * c)));
}

void em_units_axis_to_nm(struct em_axis *axis)
{
	bool reciprocal = !strncmp(axis->units, "1/", 2);
	double metres, factor, scale, offset;

	if (em_units_length_in_m(axis->units + (reciprocal ? 2 : 0), &metres))
		return;
	factor = reciprocal ? 1e-9 / metres : metres / 1e-9;
	scale = axis->scale * factor;
	offset = axis->offset * factor;
	if (isfinite(scale) && scale != 0 && isfinite(offset))
		em_axis_set(axis, axis->name, scale, offset, reciprocal ? "1/nm" : "nm");
}

void em_units_spell(const char *from, char *to, size_t n)
{
	static const struct {
		const char *theirs, *ours;
	} same[] = {
		{"um", "\xc2\xb5m"},     {"\xce\xbcm", "\xc2\xb5m"},
		{"1/um", "1/\xc2\xb5m"}, {"1/\xce\xbcm", "1/\xc2\xb5m"},
	};
	size_t len;

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (!strcmp(from, same[i].theirs))
			from = same[i].ours;
	len = strlen(from);
	if (len >= n)
		for (len = n - 1; len && ((unsigned char)from[len] & 0xc0) == 0x80;)
			len--;
	memcpy(to, from, len);
	to[len] = '\0';
}

bool em_units_is_energy(const char *unit)
{
	return !strcmp(unit, "eV") || !strcmp(unit, "keV") || !strcmp(unit, "meV");
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " ");
}

/*
 * A number and its unit, if it has one, up to `end`: NULL where it is none.  strtod would take "0x10", "inf" and
 * "nan", and see the x of "34x35" as part of "0x35": only digits, point, sign and exponent may reach it.
 */
static const char *scan_number(const char *s, double *value)
{
	char buf[32], *rest;
	size_t n = strspn(s, "0123456789.+-eE");

	if (!n || n >= sizeof(buf))
		return NULL;
	memcpy(buf, s, n);
	buf[n] = '\0';
	*value = strtod(buf, &rest);
	return rest == buf ? NULL : s + (rest - buf);
}

static const char *scan_length(const char *s, struct em_length *length, bool *has_unit)
{
	size_t n;

	s = scan_number(skip_blanks(s), &length->value);
	if (!s)
		return NULL;
	s = skip_blanks(s);
	n = strcspn(s, " x0123456789"); /* "px" holds the x that stands between width and height */
	length->unit_m = 0;
	*has_unit = true;
	if (!strncmp(s, "px", 2))
		return skip_blanks(s + 2);
	*has_unit = n > 0;
	if (!n)
		return s;
	length->unit_m = find_unit(s, n);
	return length->unit_m > 0 ? skip_blanks(s + n) : NULL;
}

static int check_length(const struct em_length *length, const char *text, struct em_error *err)
{
	if (!(length->value > 0) || !isfinite(length->value))
		return em_error_set(err, EM_ERROR_USAGE, "\"%.60s\" is not a length greater than 0", text);
	if (!(length->unit_m > 0) && (floor(length->value) != length->value || length->value > 1e9))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "\"%.60s\" is not a whole number of pixels; a length has its unit: 2.5nm", text);
	return 0;
}

static int not_understood(const char *text, const char *forms, struct em_error *err)
{
	return em_error_set(err, EM_ERROR_USAGE, "cannot read \"%.60s\": write %s; units are px, pm, A, nm, um, mm, m",
	                    text, forms);
}

int em_units_parse_length(const char *text, struct em_length *length, struct em_error *err)
{
	struct em_length l;
	bool has_unit;
	const char *s = scan_length(text, &l, &has_unit);

	if (!s || *s)
		return not_understood(text, "95 or 2.5nm", err);
	if (check_length(&l, text, err))
		return -1;
	*length = l;
	return 0;
}

int em_units_parse_extent(const char *text, struct em_length *width, struct em_length *height, struct em_error *err)
{
	struct em_length w, h;
	bool w_unit, h_unit;
	const char *s = scan_length(text, &w, &w_unit);

	if (s && *s == 'x') {
		s = scan_length(s + 1, &h, &h_unit);
		if (!w_unit)
			w.unit_m = s ? h.unit_m : 0;
	} else
		h = w;
	if (!s || *s)
		return not_understood(text, "95, 34x35 (width x height) or 2.5nm", err);
	if (check_length(&w, text, err) || check_length(&h, text, err))
		return -1;
	*width = w;
	*height = h;
	return 0;
}
