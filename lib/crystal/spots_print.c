/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record's member "bragg": written and read back. */
#include "crystal/spots.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* ---- writing ---- */

static void put(struct em_text *t, const char *name, const char *unit, double v)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s%s", name, *unit ? "_" : "", unit);
	em_json_put_name(t, full);
	em_json_put_number(t, v);
}

static void put_value(struct em_text *t, const char *name, const char *unit, struct em_lattice_value v)
{
	char with_u[64];

	put(t, name, unit, v.value);
	snprintf(with_u, sizeof(with_u), "%s%s%s_u", name, *unit ? "_" : "", unit);
	put(t, with_u, "", v.sigma);
}

static void put_lattice(struct em_text *t, const struct em_lattice *lattice, const double scale[2], const char *units)
{
	struct em_lattice_cell c = em_lattice_cell(lattice, scale);

	em_json_put_name(t, "lattice");
	em_text_append(t, "{");
	if (!lattice->row) {
		put_value(t, "a", units, c.a);
		put_value(t, "b", units, c.b);
		put_value(t, "gamma", "deg", c.gamma);
		put_value(t, "angle", "deg", c.angle);
	}
	put_value(t, "d_a", units, c.d_a);
	if (!lattice->row)
		put_value(t, "d_b", units, c.d_b);
	em_json_put_name(t, "a_star");
	em_json_put_numbers(t, lattice->a, 2);
	em_json_put_name(t, "b_star");
	em_json_put_numbers(t, lattice->b, 2);
	em_text_append(t, "}");
}

static void put_spot(struct em_text *t, const struct em_spots_spot *s, bool indexed, const double scale[2],
                     const char *units)
{
	double y = s->y / scale[0], x = s->x / scale[1];

	em_json_put_comma(t);
	em_text_append(t, "{");
	put(t, "y", "", s->y);
	put(t, "x", "", s->x);
	put(t, "d", units, 1 / hypot(y, x));
	put(t, "angle_deg", "", 180 / PI * atan2(y, x));
	put(t, "snr", "", s->snr);
	if (indexed) {
		put(t, "h", "", s->h);
		put(t, "k", "", s->k);
	}
	em_text_append(t, "}");
}

void em_spots_print(const struct em_spots *spots, const double scale[2], const char *units, struct em_text *out)
{
	em_text_append(out, "{\"phases\":[");
	for (size_t i = 0; i < spots->count; i++) {
		const struct em_spots_phase *p = &spots->phase[i];

		em_json_put_comma(out);
		em_text_append(out, "{");
		em_json_put_name(out, "name");
		em_json_put_string(out, p->name);
		if (p->indexed)
			put_lattice(out, &p->lattice, scale, units);
		em_json_put_name(out, "spots");
		em_text_append(out, "[");
		for (size_t k = 0; k < p->count; k++)
			put_spot(out, &p->spot[k], p->indexed, scale, units);
		em_text_append(out, "]}");
	}
	em_text_append(out, "]}");
}

/* ---- reading ---- */

/* A whole number of at most EM_LATTICE_ORDER, or 0. */
static int read_index(const struct em_json *node)
{
	double v;

	if (!em_json_number(node, &v) || !(fabs(v) <= EM_LATTICE_ORDER) || floor(v) < v)
		return 0;
	return (int)v;
}

static int read_spot(struct em_spots_phase *p, const struct em_json *node, struct em_error *err)
{
	struct em_spots_spot s = {.snr = NAN};

	if (!em_json_number(em_json_get(node, "y"), &s.y) || !em_json_number(em_json_get(node, "x"), &s.x) ||
	    !(fabs(s.y) < 0.5 && fabs(s.x) < 0.5) || !(hypot(s.y, s.x) > 0))
		return em_error_set(err, EM_ERROR_DATA,
		                    "%s: spot %zu: y and x are cycles a pixel, below 0.5 and not both 0", p->name,
		                    p->count + 1);
	if (p->count == EM_SPOTS_MOST)
		return em_error_set(err, EM_ERROR_DATA, "%s: more than %d spots", p->name, EM_SPOTS_MOST);
	em_json_number(em_json_get(node, "snr"), &s.snr);
	s.h = read_index(em_json_get(node, "h"));
	s.k = read_index(em_json_get(node, "k"));
	p->spot[p->count++] = s;
	return 0;
}

static void read_lattice(struct em_spots_phase *p, const struct em_json *node)
{
	struct em_lattice *l = &p->lattice;
	double a = 0, b = 0;

	if (em_json_numbers(em_json_get(node, "a_star"), l->a, 2) != 2 ||
	    em_json_numbers(em_json_get(node, "b_star"), l->b, 2) != 2)
		return;
	a = hypot(l->a[0], l->a[1]);
	b = hypot(l->b[0], l->b[1]);
	l->row = !(b > 0);
	p->indexed = a > 0 && a < 1 && b < 1 && (l->row || fabs(l->a[0] * l->b[1] - l->a[1] * l->b[0]) > 1e-6 * a * b);
}

static int read_phase(struct em_spots *out, const struct em_json *node, struct em_error *err)
{
	const char *name = em_json_string(em_json_get(node, "name"));
	struct em_spots_phase *p = &out->phase[out->count];

	if (out->count == EM_SPOTS_PHASES)
		return em_error_set(err, EM_ERROR_DATA, "more than %d phases", EM_SPOTS_PHASES);
	if (!name || !em_spots_name_is_fit(name))
		return em_error_set(err, EM_ERROR_DATA,
		                    "phase %zu: a name of 1 to %d letters, digits, '-' or '_' is needed",
		                    out->count + 1, EM_SPOTS_NAME - 1);
	for (size_t i = 0; i < out->count; i++)
		if (!strcmp(out->phase[i].name, name))
			return em_error_set(err, EM_ERROR_DATA, "two phases are called '%s'", name);
	*p = (struct em_spots_phase){0};
	memcpy(p->name, name, strlen(name));
	read_lattice(p, em_json_get(node, "lattice"));
	for (const struct em_json *s = em_json_first(em_json_get(node, "spots")); s; s = em_json_next(s))
		if (read_spot(p, s, err))
			return -1;
	if (!p->count)
		return em_error_set(err, EM_ERROR_DATA, "%s: no spots", p->name);
	out->count++;
	return 0;
}

int em_spots_read(struct em_spots *out, const struct em_json *tree, struct em_error *err)
{
	const struct em_json *phases = em_json_get(tree, "phases");
	const size_t before = out->count;

	if (!em_json_is_array(phases) || !em_json_size(phases))
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "no spots: expected {\"phases\":[{\"name\":..,\"spots\":[{\"y\":..,\"x\":..}]}]}, as in "
		    "the member \"bragg\" of a record");
	for (const struct em_json *p = em_json_first(phases); p; p = em_json_next(p))
		if (read_phase(out, p, err)) {
			out->count = before;
			return -1;
		}
	return 0;
}
