/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/scale.h"

#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 10^e exactly as a decimal literal would give it: pow(10, -5) need not. */
static double power_of_ten(int e)
{
	char s[16];

	snprintf(s, sizeof(s), "1e%d", e);
	return strtod(s, NULL);
}

static double nice_step(int index)
{
	static const double digit[3] = {1, 2, 5};
	int e = index >= 0 ? index / 3 : -((2 - index) / 3);

	return digit[index - 3 * e] * power_of_ten(e);
}

/* Index i of the greatest nice_step(i) <= x.  Relative slack: 0.3 / 0.1 must count as 3. */
static int nice_index(double x)
{
	int i = 3 * (int)floor(log10(x)) - 1;

	while (nice_step(i + 1) <= x * (1 + 1e-9))
		i++;
	return i;
}

/* Far from the ends of double, so that no step under- or overflows. */
static int is_sane(double x)
{
	return x >= 1e-290 && x <= 1e290;
}

double em_scale_nice_floor(double x)
{
	return is_sane(x) ? nice_step(nice_index(x)) : 0;
}

double em_scale_nice_ceil(double x)
{
	int i;

	if (!is_sane(x))
		return 0;
	i = nice_index(x);
	return nice_step(nice_step(i) >= x * (1 - 1e-9) ? i : i + 1);
}

static void label_number(char *buf, size_t n, double v, int decimals)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%.*f", decimals, fabs(v));
	/* no "-0.0": the sign belongs to what is shown */
	snprintf(buf, n, "%s%s", v < 0 && strpbrk(digits, "123456789") ? "\xe2\x88\x92" : "", digits);
}

/* A power of ten to take out of the labels: none for 0.001 .. 99999, else a multiple of three. */
static int common_exponent(double largest)
{
	int e;

	if (!(largest > 0) || (largest < 1e5 && largest >= 1e-3))
		return 0;
	e = (int)floor(log10(largest) + 1e-9);
	return e >= 0 ? e / 3 * 3 : -((2 - e) / 3) * 3;
}

static void label_ticks(struct em_ticks *t)
{
	double unit;
	int decimals = 0;

	t->exponent = common_exponent(fmax(fabs(t->at[0]), fabs(t->at[t->n - 1])));
	unit = power_of_ten(t->exponent);
	while (decimals < 12 && t->step / unit * power_of_ten(decimals) < 1 - 1e-9)
		decimals++;
	for (size_t i = 0; i < t->n; i++)
		label_number(t->label[i], sizeof(t->label[i]), t->at[i] / unit, decimals);
}

void em_scale_ticks(struct em_ticks *t, double lo, double hi, size_t most)
{
	double first, last;
	int i;

	memset(t, 0, sizeof(*t));
	/* Steps finer than double can tell apart at this offset would give equal ticks. */
	if (!(hi > lo) || !is_sane(hi - lo) || (hi - lo) < 1e-12 * fmax(fabs(lo), fabs(hi)))
		return;
	most = most < 2 ? 2 : most > EM_TICKS_MAX ? EM_TICKS_MAX : most;
	for (i = nice_index((hi - lo) / (double)most);; i++) {
		t->step = nice_step(i);
		first = ceil(lo / t->step - 1e-9);
		last = floor(hi / t->step + 1e-9);
		if (last - first + 1 <= (double)most)
			break;
	}
	for (double k = first; k <= last && t->n < EM_TICKS_MAX; k++)
		t->at[t->n++] = fmin(fmax(k * t->step, lo), hi);
	if (t->n)
		label_ticks(t);
}

void em_scale_power(char *buf, size_t n, int exponent)
{
	static const char *const superscript[10] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
	char digits[16];
	size_t used;

	buf[0] = '\0';
	if (!exponent)
		return;
	snprintf(digits, sizeof(digits), "%d", abs(exponent));
	used = (size_t)snprintf(buf, n, "×10%s", exponent < 0 ? "⁻" : "");
	for (const char *d = digits; *d && used < n; d++)
		used += (size_t)snprintf(buf + used, n - used, "%s", superscript[*d - '0']);
}

double em_scale_time(double longest, const char **units)
{
	*units = longest >= 6 * 3600 ? "h" : longest >= 300 ? "min" : "s";
	return longest >= 6 * 3600 ? 3600 : longest >= 300 ? 60 : 1;
}

struct unit {
	const char *label;
	double si;    /* in m, 1/m or rad */
	double least; /* written in this unit from this many of it on */
};

/* From the greatest unit down; the last takes what is left. */
static const struct unit lengths[] = {{"m", 1, 1},      {"mm", 1e-3, 1}, {"µm", 1e-6, 1},
                                      {"nm", 1e-9, 1},  {"Å", 1e-10, 1}, {"pm", 1e-12, 0}, {0}};
static const struct unit reciprocals[] = {{"Å⁻¹", 1e10, 10}, {"nm⁻¹", 1e9, 0.1}, {"µm⁻¹", 1e6, 0}, {0}};
static const struct unit angles[] = {{"rad", 1, 1}, {"mrad", 1e-3, 1}, {"µrad", 1e-6, 0}, {0}};

/* "1/nm", "nm^-1", "nm⁻¹": how many 1/m. */
static int parse_reciprocal(const char *text, double *per_metre)
{
	static const char *const power[] = {"^-1", "⁻¹", "-1"};
	char unit[16];
	double metres;
	size_t n = strlen(text);

	if (!strncmp(text, "1/", 2)) {
		snprintf(unit, sizeof(unit), "%s", text + 2);
	} else {
		snprintf(unit, sizeof(unit), "%s", text);
		for (size_t i = 0; i < sizeof(power) / sizeof(power[0]); i++) {
			size_t tail = strlen(power[i]);

			if (n > tail && n < sizeof(unit) && !strcmp(text + n - tail, power[i])) {
				unit[n - tail] = '\0';
				break;
			}
		}
		if (strlen(unit) == n)
			return -1;
	}
	if (em_units_length_in_m(unit, &metres))
		return -1;
	*per_metre = 1 / metres;
	return 0;
}

static const struct unit *find_family(const char *units, double *si)
{
	if (!em_units_length_in_m(units, si))
		return lengths;
	if (!parse_reciprocal(units, si))
		return reciprocals;
	for (const struct unit *u = angles; u->label; u++)
		if (!strcmp(u->label, units) || (u->least <= 0 && !strcmp(units, "urad"))) {
			*si = u->si;
			return angles;
		}
	return NULL;
}

/* The greatest unit of the family in which `si` reaches its least number; the smallest where none does. */
static const struct unit *suitable_unit(const struct unit *u, double si)
{
	while (u[1].label && si < u->least * u->si * (1 - 1e-9))
		u++;
	return u;
}

void em_scale_bar_choose(struct em_scale_bar *bar, const struct em_axis *axis, size_t size, double share)
{
	double room = share * (double)size, length, si;
	const struct unit *shown;

	if (!em_axis_is_calibrated(axis) || em_scale_nice_floor(room * fabs(axis->scale)) <= 0) {
		bar->pixels = fmax(em_scale_nice_floor(room), 1);
		snprintf(bar->label, sizeof(bar->label), "%.9g px", bar->pixels);
		return;
	}
	length = em_scale_nice_floor(room * fabs(axis->scale));
	bar->pixels = length / fabs(axis->scale);
	shown = find_family(axis->units, &si);
	if (!shown) {
		snprintf(bar->label, sizeof(bar->label), "%.9g %s", length, axis->units);
		return;
	}
	shown = suitable_unit(shown, length * si);
	snprintf(bar->label, sizeof(bar->label), "%.9g %s", length * si / shown->si, shown->label);
}
