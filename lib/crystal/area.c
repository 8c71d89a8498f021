/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/area_parts.h"

#include "base/json.h"
#include "base/units.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FAR 1e9 /* px: nothing lies beyond */

static void release_area(struct em_area *area)
{
	for (size_t i = 0; i < area->rings; i++)
		free(area->ring[i].corner);
	free(area->ring);
	free(area->name);
}

void em_areas_release(struct em_areas *set)
{
	for (size_t i = 0; i < set->count; i++)
		release_area(&set->area[i]);
	free(set->area);
	memset(set, 0, sizeof(*set));
}

static int check_name(const char *name, struct em_error *err)
{
	size_t n = strlen(name);
	bool fit = n && n <= EM_AREA_NAME_MAX && em_utf8_is_valid(name, n);

	for (size_t i = 0; i < n; i++)
		fit = fit && (unsigned char)name[i] >= 0x20 && name[i] != 0x7f;
	if (!fit)
		return em_error_set(err, EM_ERROR_DATA,
		                    "the name of a region must be 1 to %d bytes of UTF-8 without control characters",
		                    EM_AREA_NAME_MAX);
	return 0;
}

int em_areas_find(struct em_areas *set, const char *name, size_t *k, struct em_error *err)
{
	struct em_area fresh = {0}, *grown;
	size_t capacity = set->capacity ? 2 * set->capacity : 8;

	for (*k = 0; *k < set->count; ++*k)
		if (!strcmp(set->area[*k].name, name))
			return 0;
	if (check_name(name, err))
		return -1;
	if (set->count == EM_AREAS_MAX)
		return em_error_set(err, EM_ERROR_DATA, "more than %d regions", EM_AREAS_MAX);
	if (set->count == set->capacity) {
		grown = realloc(set->area, capacity * sizeof(*grown));
		if (!grown)
			return em_error_memory(err, capacity * sizeof(*grown));
		set->area = grown;
		set->capacity = capacity;
	}
	fresh.name = malloc(strlen(name) + 1);
	if (!fresh.name)
		return em_error_memory(err, strlen(name) + 1);
	strcpy(fresh.name, name);
	set->area[set->count++] = fresh;
	return 0;
}

/* ---- polygons ---- */

static int check_corners(const double (*c)[2], size_t n, struct em_error *err)
{
	size_t other = 1;
	bool wide = false;

	if (n < 3 || n > EM_AREA_CORNERS_MAX)
		return em_error_set(err, EM_ERROR_DATA, "a polygon has 3 to %d corners, not %zu", EM_AREA_CORNERS_MAX,
		                    n);
	for (size_t i = 0; i < n; i++)
		if (!(fabs(c[i][0]) <= FAR && fabs(c[i][1]) <= FAR))
			return em_error_set(err, EM_ERROR_DATA, "corner %zu, (%.6g, %.6g), is nowhere near a picture",
			                    i + 1, c[i][0], c[i][1]);
	while (other < n && c[other][0] == c[0][0] && c[other][1] == c[0][1])
		other++;
	for (size_t i = other + 1; i < n; i++)
		wide = wide ||
		       (c[i][0] - c[0][0]) * (c[other][1] - c[0][1]) != (c[i][1] - c[0][1]) * (c[other][0] - c[0][0]);
	if (!wide)
		return em_error_set(err, EM_ERROR_DATA, "the corners lie on a line: nothing is inside");
	return 0;
}

int em_area_add_ring(struct em_area *area, const double (*corner)[2], size_t n, struct em_error *err)
{
	size_t capacity = area->capacity ? 2 * area->capacity : 1;
	struct em_ring ring = {.corners = n}, *grown;

	if (check_corners(corner, n, err))
		return -1;
	if (area->rings == area->capacity) {
		grown = realloc(area->ring, capacity * sizeof(*grown));
		if (!grown)
			return em_error_memory(err, capacity * sizeof(*grown));
		area->ring = grown;
		area->capacity = capacity;
	}
	ring.corner = malloc(n * sizeof(*ring.corner));
	if (!ring.corner)
		return em_error_memory(err, n * sizeof(*ring.corner));
	memcpy(ring.corner, corner, n * sizeof(*ring.corner));
	area->ring[area->rings++] = ring;
	return 0;
}

void em_area_box(double x, double y, double w, double h, double corner[4][2])
{
	double x0 = x - 0.5, y0 = y - 0.5, x1 = x0 + w, y1 = y0 + h;
	const double box[4][2] = {{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}};

	memcpy(corner, box, sizeof(box));
}

/* ---- four numbers with units ---- */

struct measure {
	double value, metres; /* metres in the unit; 0: px; -1: none was given */
};

/* "2.5nm" in s[0..n).  strtod would take "inf" and "0x10": only what a number is made of may reach it. */
static bool read_measure(const char *s, size_t n, struct measure *m)
{
	char buf[48], *unit;
	size_t digits;

	while (n && *s == ' ')
		s++, n--;
	while (n && s[n - 1] == ' ')
		n--;
	if (!n || n >= sizeof(buf))
		return false;
	memcpy(buf, s, n);
	buf[n] = '\0';
	digits = strspn(buf, "0123456789.+-eE");
	m->value = strtod(buf, &unit);
	if (unit == buf || unit > buf + digits || !isfinite(m->value))
		return false;
	unit += strspn(unit, " ");
	m->metres = !*unit ? -1 : 0;
	return !*unit || !strcmp(unit, "px") || !em_units_length_in_m(unit, &m->metres);
}

/* A unit after the last number alone holds for all four. */
static bool read_measures(const char *s, struct measure m[4])
{
	bool bare = true;

	for (size_t i = 0; i < 4; i++) {
		size_t n = strcspn(s, ",");

		if (!read_measure(s, n, &m[i]) || (s[n] == ',') != (i < 3))
			return false;
		bare = bare && (i == 3 || m[i].metres < 0);
		s += n + (i < 3);
	}
	for (size_t i = 0; i < 4; i++)
		if (m[i].metres < 0)
			m[i].metres = bare ? fmax(m[3].metres, 0) : 0;
	return true;
}

/* Along an axis; `place`: a position, which knows of the axis's offset, not a length. */
static int to_px(const struct measure *m, const struct em_axis *axis, bool place, double *px, struct em_error *err)
{
	double unit;

	*px = m->value;
	if (m->metres > 0) {
		if (!axis || !em_axis_is_calibrated(axis) || em_units_length_in_m(axis->units, &unit))
			return em_error_set(err, EM_ERROR_USAGE,
			                    "the picture says no size of its pixels: give it in px");
		*px = (m->value * m->metres / unit - (place ? axis->offset : 0)) / axis->scale;
		if (!place)
			*px = fabs(*px);
	}
	if (!(fabs(*px) <= FAR))
		return em_error_set(err, EM_ERROR_USAGE, "%.6g is nowhere near a picture", m->value);
	return 0;
}

/* x, y, then either a size or another place. */
static int read_four(const char *text, const struct em_axis *axes, bool size, double v[4], struct em_error *err)
{
	struct measure m[4];

	if (!read_measures(text, m))
		return em_error_set(err, EM_ERROR_USAGE, "write %s; units are px, pm, A, nm, um, mm, m",
		                    size ? "NAME=X,Y,WIDTH,HEIGHT" : "X0,Y0,X1,Y1");
	if (size && !(m[2].value > 0 && m[3].value > 0))
		return em_error_set(err, EM_ERROR_USAGE, "width and height must be greater than 0");
	for (size_t i = 0; i < 4; i++)
		if (to_px(&m[i], axes ? &axes[i % 2 ? 0 : 1] : NULL, i < 2 || !size, &v[i], err))
			return -1;
	return 0;
}

int em_areas_add_rectangle(struct em_areas *set, const char *text, const struct em_axis *axes, struct em_error *err)
{
	size_t n = strcspn(text, "="), k, before = set->count;
	char name[EM_AREA_NAME_MAX + 2] = "";
	double v[4], corner[4][2];
	int status = -1;

	memcpy(name, text, n < sizeof(name) - 1 ? n : sizeof(name) - 1);
	if (!read_four(text[n] ? text + n + 1 : "", axes, true, v, err))
		status = em_areas_find(set, name, &k, err);
	if (!status && k < before)
		status = em_error_set(err, EM_ERROR_USAGE, "there is a region of this name already: take another");
	if (!status) {
		em_area_box(v[0], v[1], v[2], v[3], corner);
		status = em_area_add_ring(&set->area[k], (const double(*)[2])corner, 4, err);
		if (status)
			release_area(&set->area[--set->count]);
	}
	if (status && err && err->kind == EM_ERROR_DATA)
		err->kind = EM_ERROR_USAGE;
	return status ? em_error_prefix(err, "region \"%.100s\": ", text) : 0;
}

int em_line_parse(struct em_line *line, const char *text, const struct em_axis *axes, struct em_error *err)
{
	double v[4];
	int status = read_four(text, axes, false, v, err);

	if (!status && v[0] == v[2] && v[1] == v[3])
		status = em_error_set(err, EM_ERROR_USAGE, "its two ends are one point");
	if (status)
		return em_error_prefix(err, "line \"%.100s\": ", text);
	*line = (struct em_line){v[0], v[1], v[2], v[3]};
	return 0;
}
