/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/marks.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIGHTER 0.35  /* of the way to white */
#define NAME_MOST 14  /* texts: longer names are cut */
#define ROW 1.6       /* texts from name to name */

static struct em_rgb lighter(struct em_rgb c)
{
	return (struct em_rgb){(unsigned char)lround(c.r + LIGHTER * (255 - c.r)),
	                       (unsigned char)lround(c.g + LIGHTER * (255 - c.g)),
	                       (unsigned char)lround(c.b + LIGHTER * (255 - c.b))};
}

/* ---- reading ---- */

static bool read_spot(const struct em_json *node, struct em_mark *spot)
{
	if (!em_json_number(em_json_get(node, "y"), &spot->y) || !em_json_number(em_json_get(node, "x"), &spot->x))
		return false;
	if (!(fabs(spot->y) <= 0.5 && fabs(spot->x) <= 0.5 && hypot(spot->y, spot->x) > 0))
		return false;
	spot->d_nm = 0;
	em_json_number(em_json_get(node, "d_nm"), &spot->d_nm);
	if (!(spot->d_nm > 0 && spot->d_nm < 1e6))
		spot->d_nm = 0;
	return true;
}

static void read_phase(struct em_marks *spots, const struct em_json *node)
{
	const char *name = em_json_string(em_json_get(node, "name"));
	size_t k = spots->phases++;

	snprintf(spots->phase[k].name, sizeof(spots->phase[k].name), "%s", name ? name : "spots");
	spots->phase[k].color = lighter(em_color_class(k));
	for (const struct em_json *s = em_json_first(em_json_get(node, "spots")); s; s = em_json_next(s)) {
		struct em_mark spot = {.phase = k};

		if (!read_spot(s, &spot))
			continue;
		spots->phase[k].spots++;
		if (spots->n < EM_SPOTS_MAX)
			spots->v[spots->n++] = spot;
	}
}

int em_marks_read(struct em_marks *spots, const struct em_record *record, struct em_error *err)
{
	struct em_json *tree = em_record_tree(record, "bragg");
	struct em_marks made = {0};

	if (tree && !(made.v = calloc(EM_SPOTS_MAX, sizeof(*made.v)))) {
		em_json_free(tree);
		return em_error_memory(err, EM_SPOTS_MAX * sizeof(*made.v));
	}
	for (const struct em_json *p = em_json_first(em_json_get(tree, "phases")); p; p = em_json_next(p))
		if (made.phases < EM_SPOTS_PHASES_MAX)
			read_phase(&made, p);
	em_json_free(tree);
	*spots = made;
	return 0;
}

void em_marks_release(struct em_marks *spots)
{
	free(spots->v);
	memset(spots, 0, sizeof(*spots));
}

double em_marks_farthest(const struct em_marks *spots)
{
	double farthest = 0;

	for (size_t i = 0; i < spots->n; i++)
		farthest = fmax(farthest, hypot(spots->v[i].y, spots->v[i].x));
	return farthest;
}

void em_marks_frequency_axis(struct em_axis *f, const struct em_axis *axis, size_t n)
{
	char units[24];

	if (em_axis_is_calibrated(axis)) {
		snprintf(units, sizeof(units), "1/%s", axis->units);
		em_axis_set(f, "k", 1 / (fabs(axis->scale) * (double)n), 0, units);
	} else {
		em_axis_set(f, "k", 1 / (double)n, 0, "px⁻¹");
	}
}

/* Three digits, those that are 0 too. */
void em_mark_label(const struct em_mark *spot, char *buf, size_t n)
{
	double v = spot->d_nm > 0 ? spot->d_nm : hypot(spot->y, spot->x);
	int digits = v > 0 ? 2 - (int)floor(log10(v * (1 + 1e-9))) : 0;

	snprintf(buf, n, "%.*f %s", digits > 0 ? digits : 0, v, spot->d_nm > 0 ? "nm" : "px⁻¹");
}

/* ---- marks ---- */

struct marks {
	const struct em_marks_view *view;
	double radius;
	struct em_box *label; /* one a spot; w 0: none */
};

static void place_of(const struct em_marks_view *v, const struct em_mark *s, int sign, double *y, double *x)
{
	*y = v->middle[0] + sign * s->y * v->per_cycle[0];
	*x = v->middle[1] + sign * s->x * v->per_cycle[1];
}

/* Circles as large as the text, but smaller where spots lie close together. */
static double radius_of(const struct em_marks_view *v)
{
	double radius = 0.75 * v->text;

	for (size_t i = 0; i < v->spots->n; i++)
		for (size_t k = i; k < v->spots->n; k++)
			for (int sign = -1; sign <= 1; sign += 2) {
				double y, x, other_y, other_x, distance;

				place_of(v, &v->spots->v[i], 1, &y, &x);
				place_of(v, &v->spots->v[k], sign, &other_y, &other_x);
				distance = hypot(y - other_y, x - other_x);
				/* of two phases they may lie over each other, as the phases do */
				if (distance > 0 && v->spots->v[i].phase == v->spots->v[k].phase)
					radius = fmin(radius, 0.45 * distance);
			}
	return fmax(radius, 0.25 * v->text);
}

static bool overlap(struct em_box a, struct em_box b)
{
	return a.w > 0 && b.w > 0 && a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

static bool touches_circle(struct em_box b, double y, double x, double radius)
{
	double dy = fmax(fmax(b.y - y, y - b.y - b.h), 0), dx = fmax(fmax(b.x - x, x - b.x - b.w), 0);

	return hypot(dy, dx) < radius;
}

static bool is_free(const struct marks *m, struct em_box b)
{
	const struct em_box *p = &m->view->picture;

	if (b.x < p->x || b.y < p->y || b.x + b.w > p->x + p->w || b.y + b.h > p->y + p->h ||
	    overlap(b, m->view->taken))
		return false;
	for (size_t i = 0; i < m->view->spots->n; i++)
		for (int sign = -1; sign <= 1; sign += 2) {
			double y, x;

			place_of(m->view, &m->view->spots->v[i], sign, &y, &x);
			if (touches_circle(b, y, x, m->radius + 0.1 * m->view->text))
				return false;
		}
	for (size_t i = 0; i < m->view->spots->n; i++)
		if (overlap(b, m->label[i]))
			return false;
	return true;
}

/* Outward from the middle first, then more and more to the sides; at the spot that the record has, then at the other
 * of the pair. */
static bool find_place(const struct marks *m, const struct em_mark *s, double w, double h, struct em_box *box)
{
	static const double turn[] = {0, 0.5, -0.5, 1, -1, 1.6, -1.6, 2.3, -2.3, 3.14};
	double t = m->view->text;

	for (size_t i = 0; i < 2 * sizeof(turn) / sizeof(turn[0]); i++) {
		int sign = i % 2 ? -1 : 1;
		double angle = atan2(sign * s->y, sign * s->x) + turn[i / 2], y, x, reach;
		double cy = sin(angle), cx = cos(angle);

		place_of(m->view, s, sign, &y, &x);
		/* from the circle to the near edge of a box about the end of this ray */
		reach = m->radius + 0.25 * t + fmin(w / 2 / fmax(fabs(cx), 1e-9), h / 2 / fmax(fabs(cy), 1e-9));
		*box = (struct em_box){x + reach * cx - w / 2, y + reach * cy - h / 2, w, h};
		if (is_free(m, *box))
			return true;
	}
	return false;
}

static void draw_circles(const struct marks *m, struct em_canvas *c)
{
	const struct em_marks_view *v = m->view;
	double line = fmax(1.5, v->text / 9);

	for (int front = 0; front < 2; front++)
		for (size_t i = 0; i < v->spots->n; i++)
			for (int sign = -1; sign <= 1; sign += 2) {
				const struct em_mark *s = &v->spots->v[i];
				double y, x;

				/* a dark rim, so that the circle is seen on bright ground too */
				place_of(v, s, sign, &y, &x);
				em_canvas_circle(c, x, y, m->radius, front ? line : 2.2 * line,
				                 front ? v->spots->phase[s->phase].color : EM_RGB_BLACK);
			}
}

static void draw_label(struct marks *m, struct em_canvas *c, size_t i)
{
	const struct em_mark *s = &m->view->spots->v[i];
	double t = m->view->text, pad = 0.2 * t;
	struct em_box box;
	char label[40];

	em_mark_label(s, label, sizeof(label));
	if (!find_place(m, s, em_canvas_measure(c, t, false, label) + 2 * pad, EM_CANVAS_CAP * t + 2 * pad, &box))
		return;
	m->label[i] = box;
	em_canvas_fill(c, box, EM_RGB_BLACK, 0.6);
	em_canvas_text(c, box.x + pad, box.y + box.h - pad, 0, t, false, m->view->spots->phase[s->phase].color, label);
}

int em_marks_draw(const struct em_marks_view *view, struct em_canvas *c, struct em_error *err)
{
	struct marks m = {.view = view};

	if (!view->spots->n)
		return 0;
	m.label = calloc(view->spots->n, sizeof(*m.label));
	if (!m.label)
		return em_error_memory(err, view->spots->n * sizeof(*m.label));
	m.radius = radius_of(view);
	em_canvas_clip(c, view->picture);
	draw_circles(&m, c);
	for (size_t i = 0; i < view->spots->n; i++)
		draw_label(&m, c, i);
	em_canvas_unclip(c);
	free(m.label);
	return 0;
}

void em_marks_legend_measure(const struct em_marks *spots, struct em_canvas *c, double text, double *w, double *h)
{
	*w = *h = 0;
	for (size_t k = 0; k < spots->phases; k++) {
		*w = fmax(*w, fmin(em_canvas_measure(c, text, false, spots->phase[k].name), NAME_MOST * text));
		*h += round(ROW * text);
	}
	*w = *w > 0 ? ceil(*w + 1.9 * text) : 0;
}

void em_marks_legend_draw(const struct em_marks *spots, struct em_canvas *c, struct em_box box, double text)
{
	char name[80];

	for (size_t k = 0; box.w > 0 && k < spots->phases; k++) {
		double y = box.y + ((double)k + 0.5) * round(ROW * text), line = fmax(1.5, text / 9);

		em_canvas_shorten(c, text, false, spots->phase[k].name, box.w - 1.8 * text, name, sizeof(name));
		em_canvas_circle(c, box.x + 0.7 * text, y, 0.5 * text, 1.5 * line, spots->phase[k].color);
		em_canvas_text(c, box.x + 1.8 * text, y + EM_CANVAS_CAP * text / 2, 0, text, false, EM_RGB_TEXT, name);
	}
}
