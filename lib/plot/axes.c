/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/axes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TEXT (1 / 40.0) /* of the plane's width */
#define HIGH 0.6        /* of the same */

void em_axis_range_of(struct em_axis_range *axis, double lo, double hi, double margin)
{
	double size = fmax(fabs(lo), fabs(hi)), room = margin * (hi - lo);

	if (hi - lo <= 1e-9 * size || hi - lo < 1e-100) {
		room = size > 1e-90 ? 0.05 * size : 1;
		axis->lo = lo - room;
	} else {
		axis->lo = lo >= 0 ? fmax(lo - room, 0) : lo - room;
	}
	axis->hi = hi + room;
}

double em_axes_text(double width)
{
	return fmax(12, round(TEXT * width));
}

/* The quantity with its units and the power of ten that the ticks are short of: "dose (×10¹⁴ cm⁻²)". */
static void axis_label(const struct em_axis_range *axis, char *buf, size_t n)
{
	char power[40];
	const char *gap;

	em_scale_power(power, sizeof(power), axis->ticks.exponent);
	gap = *power && *axis->units ? " " : "";
	if (*power || *axis->units)
		snprintf(buf, n, "%s%s(%s%s%s)", axis->what, *axis->what ? " " : "", power, gap, axis->units);
	else
		snprintf(buf, n, "%s", axis->what);
}

static void drop_parts(struct em_ticks *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (t->at[i] > floor(t->at[i]))
			continue;
		t->at[n] = t->at[i];
		if (!t->exponent)
			snprintf(t->label[n], sizeof(t->label[n]), "%.0f", t->at[i]);
		else if (n != i)
			memcpy(t->label[n], t->label[i], sizeof(t->label[n]));
		n++;
	}
	t->n = n;
}

void em_axes_layout(struct em_axes *axes, struct em_canvas *c, double width, double top)
{
	double t = em_axes_text(width), gap = round(0.8 * t), labels = 0;
	bool named = *axes->y.what || *axes->y.units;

	axes->text = t;
	axes->line = fmax(1, round(t / 14));
	em_scale_ticks(&axes->x.ticks, axes->x.lo, axes->x.hi, 8);
	em_scale_ticks(&axes->y.ticks, axes->y.lo, axes->y.hi, 7);
	if (axes->x.whole)
		drop_parts(&axes->x.ticks);
	if (axes->y.whole)
		drop_parts(&axes->y.ticks);
	named = named || axes->y.ticks.exponent;
	for (size_t i = 0; i < axes->y.ticks.n; i++)
		labels = fmax(labels, em_canvas_measure(c, t, false, axes->y.ticks.label[i]));
	axes->plane.x = gap + (named ? round(1.7 * t) : 0) + ceil(labels) + round(0.9 * t);
	axes->plane.y = top;
	axes->plane.w = round(width);
	axes->plane.h = round(HIGH * width);
	axes->width = axes->plane.x + axes->plane.w + round(1.6 * t);
	axes->height = top + axes->plane.h + round(3.9 * t) + gap;
}

static double place(double v, double lo, double hi)
{
	return fmin(fmax((v - lo) / (hi - lo), -3), 4);
}

double em_axes_x(const struct em_axes *a, double v)
{
	return a->plane.x + place(v, a->x.lo, a->x.hi) * a->plane.w;
}

double em_axes_y(const struct em_axes *a, double v)
{
	return a->plane.y + (1 - place(v, a->y.lo, a->y.hi)) * a->plane.h;
}

static void draw_x(const struct em_axes *a, struct em_canvas *c, double tick)
{
	double bottom = a->plane.y + a->plane.h, cap = EM_CANVAS_CAP * a->text;
	char label[160], shown[160];

	for (size_t i = 0; i < a->x.ticks.n; i++) {
		double x = round(em_axes_x(a, a->x.ticks.at[i]) - a->line / 2);

		em_canvas_fill(c, (struct em_box){x, bottom, a->line, tick}, EM_RGB_TEXT, 1);
		em_canvas_text(c, x + a->line / 2, bottom + 0.8 * a->text + cap, 0.5, a->text, false, EM_RGB_TEXT,
		               a->x.ticks.label[i]);
	}
	axis_label(&a->x, label, sizeof(label));
	em_canvas_shorten(c, a->text, false, label, a->plane.w, shown, sizeof(shown));
	em_canvas_text(c, a->plane.x + a->plane.w / 2, bottom + 2.6 * a->text + cap, 0.5, a->text, false, EM_RGB_TEXT,
	               shown);
}

static void draw_y(const struct em_axes *a, struct em_canvas *c, double tick)
{
	const struct em_rgb grid = {229, 229, 229};
	double left = a->plane.x, cap = EM_CANVAS_CAP * a->text;
	char label[160], shown[160];

	for (size_t i = 0; i < a->y.ticks.n; i++) {
		double y = round(em_axes_y(a, a->y.ticks.at[i]) - a->line / 2);

		em_canvas_fill(c, (struct em_box){left, y, a->plane.w, a->line}, grid, 1);
		em_canvas_fill(c, (struct em_box){left - tick, y, tick, a->line}, EM_RGB_TEXT, 1);
		em_canvas_text(c, left - 0.75 * a->text, y + a->line / 2 + cap / 2, 1, a->text, false, EM_RGB_TEXT,
		               a->y.ticks.label[i]);
	}
	axis_label(&a->y, label, sizeof(label));
	em_canvas_shorten(c, a->text, false, label, a->plane.h, shown, sizeof(shown));
	em_canvas_text_upward(c, round(0.8 * a->text) + cap, a->plane.y + a->plane.h / 2, 0.5, a->text, EM_RGB_TEXT,
	                      shown);
}

void em_axes_draw(const struct em_axes *a, struct em_canvas *c)
{
	double tick = round(0.35 * a->text), bottom = a->plane.y + a->plane.h;

	draw_y(a, c, tick);
	draw_x(a, c, tick);
	em_canvas_fill(c, (struct em_box){a->plane.x - a->line, a->plane.y, a->line, a->plane.h + a->line}, EM_RGB_TEXT,
	               1);
	em_canvas_fill(c, (struct em_box){a->plane.x - a->line, bottom, a->plane.w + a->line, a->line}, EM_RGB_TEXT, 1);
}
