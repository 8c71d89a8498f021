/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/msa.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX 64 /* characters */
#define LINES_MIN 8   /* of a text of two columns, to be taken for a spectrum */

bool em_msa_is_word(struct em_span s, const char *word)
{
	return s.n == strlen(word) && !strncasecmp(s.s, word, s.n);
}

size_t em_msa_scan_number(struct em_span s, bool blank_exponent, double *v, double *unit)
{
	char buf[NUMBER_MAX], *rest, *exponent, *point;
	size_t n = 0, used = 0;
	long decimals = 0, power = 0;

	while (used < s.n && n + 1 < sizeof(buf)) {
		char c = s.s[used];

		if (c == 'd' || c == 'D')
			c = 'e';
		if (c == ' ' && blank_exponent && n && used + 1 < s.n && (s.s[used + 1] | 32) == 'e') {
			used++;
			continue;
		}
		if (!c || !strchr("0123456789+-.eE", c))
			break;
		buf[n++] = c;
		used++;
	}
	buf[n] = '\0';
	*v = strtod(buf, &rest);
	if (rest == buf || *rest || !isfinite(*v))
		return 0;
	exponent = strpbrk(buf, "eE");
	point = strchr(buf, '.');
	if (exponent)
		power = strtol(exponent + 1, NULL, 10);
	if (point)
		decimals = (long)((exponent ? exponent : rest) - point - 1);
	*unit = pow(10, (double)(power - decimals));
	return used;
}

int em_msa_keep_number(struct em_msa_numbers *to, double v, double unit, struct em_error *err)
{
	if (to->n == to->room) {
		size_t room = to->room ? 2 * to->room : 1024;
		double *grown = realloc(to->v, room * sizeof(*grown));

		if (grown)
			to->v = grown;
		grown = grown ? realloc(to->unit, room * sizeof(*grown)) : NULL;
		if (!grown)
			return em_error_memory(err, room * sizeof(*grown));
		to->unit = grown;
		to->room = room;
	}
	to->v[to->n] = v;
	to->unit[to->n++] = unit;
	return 0;
}

static bool is_separator(char c)
{
	return c && strchr(" \t\r\n,;", c);
}

int em_msa_scan_line(struct em_span line, int most, double *v, double *unit)
{
	int n = 0;

	for (;;) {
		size_t used;

		while (line.n && is_separator(line.s[0])) {
			line.s++;
			line.n--;
		}
		if (!line.n)
			return n;
		if (n == most || !(used = em_msa_scan_number(line, false, &v[n], &unit[n])))
			return -1;
		n++;
		line.s += used;
		line.n -= used;
		if (line.n && !is_separator(line.s[0]))
			return -1;
	}
}

bool em_msa_is_header(struct em_span text)
{
	struct em_span line;

	if (text.n >= 3 && !memcmp(text.s, "\xef\xbb\xbf", 3))
		text = (struct em_span){text.s + 3, text.n - 3};
	while (em_span_next_line(&text, &line) && (!line.n || line.s[0] == '#')) {
		struct em_span rest = em_span_trim((struct em_span){line.s + 1, line.n ? line.n - 1 : 0});

		if (rest.n < 6 || strncasecmp(rest.s, "FORMAT", 6))
			continue;
		for (size_t i = 6; i + 4 <= rest.n; i++)
			if (!strncasecmp(rest.s + i, "EMSA", 4))
				return true;
	}
	return false;
}

bool em_msa_is_two_columns(struct em_span text, bool whole)
{
	double v[2], unit[2], last = -INFINITY;
	struct em_span line;
	size_t lines = 0;

	while (em_span_next_line(&text, &line)) {
		bool ended = text.s[-1] == '\n' || text.s[-1] == '\r';

		if (!line.n)
			continue;
		if (!ended && !whole)
			break;
		if (em_msa_scan_line(line, 2, v, unit) != 2 || !(v[0] > last))
			return false;
		last = v[0];
		lines++;
	}
	return lines >= LINES_MIN;
}

double em_msa_unit_ratio(struct em_span unit, const char *own)
{
	static const struct {
		const char *name;
		int kind;
		double si;
	} units[] = {
		{"kV", 'V', 1e3}, {"keV", 'V', 1e3},   {"V", 'V', 1},    {"nA", 'A', 1e-9}, {"pA", 'A', 1e-12},
		{"uA", 'A', 1e-6}, {"mR", 'r', 1e-3},  {"mrad", 'r', 1e-3}, {"rad", 'r', 1}, {"ms", 's', 1e-3},
		{"us", 's', 1e-6}, {"s", 's', 1},      {"dg", 'd', 1},   {"deg", 'd', 1},   {"nm", 'm', 1e-9},
		{"um", 'm', 1e-6}, {"mm", 'm', 1e-3},  {"cm", 'm', 1e-2},
	};
	size_t n = sizeof(units) / sizeof(units[0]), theirs = n, ours = n;

	for (size_t i = 0; i < n; i++) {
		if (em_msa_is_word(unit, units[i].name))
			theirs = i;
		if (!strcmp(own, units[i].name))
			ours = i;
	}
	return theirs < n && ours < n && units[theirs].kind == units[ours].kind ? units[theirs].si / units[ours].si : 0;
}
