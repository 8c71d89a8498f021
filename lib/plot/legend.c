/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/legend.h"

#include <math.h>
#include <stdio.h>

#define SWATCH 1.1  /* in texts */
#define SPACE 0.5   /* between swatch and name */
#define COLUMN 1.1  /* between columns */
#define KEY_ROWS 2.4  /* the opacity key, in rows */
#define KEY_STEPS 5

static unsigned char tint_channel(unsigned char pixel, unsigned char color, double alpha)
{
	double tint = color * (0.6 + 0.4 * pixel / 255);

	return (unsigned char)lround((1 - alpha) * pixel + alpha * tint);
}

struct em_rgb em_legend_tint(struct em_rgb pixel, struct em_rgb color, double alpha)
{
	return (struct em_rgb){tint_channel(pixel.r, color.r, alpha), tint_channel(pixel.g, color.g, alpha),
	                       tint_channel(pixel.b, color.b, alpha)};
}

static void entry_text(const struct em_classes *classes, size_t i, char count[24], char percent[16])
{
	snprintf(count, 24, "%zu", classes->v[i].chips);
	em_class_percent(percent, 16, em_class_share(classes, i, true));
}

static void measure_columns(struct em_legend *l, struct em_canvas *c, double most_name)
{
	char count[24], percent[16];

	l->name_w = em_canvas_measure(c, l->text, false, "class");
	l->count_w = em_canvas_measure(c, l->text, false, "chips");
	l->percent_w = em_canvas_measure(c, l->text, false, "area");
	for (size_t i = 0; i < l->classes->n; i++) {
		entry_text(l->classes, i, count, percent);
		l->name_w = fmax(l->name_w, em_canvas_measure(c, l->text, false, l->classes->v[i].name));
		l->count_w = fmax(l->count_w, em_canvas_measure(c, l->text, false, count));
		l->percent_w = fmax(l->percent_w, em_canvas_measure(c, l->text, false, percent));
	}
	l->name_w = fmin(l->name_w, most_name);
}

static double entry_width(const struct em_legend *l)
{
	return (SWATCH + SPACE + 2 * COLUMN) * l->text + l->name_w + l->count_w + l->percent_w;
}

static double key_width(const struct em_legend *l)
{
	return KEY_STEPS * round(fmin(entry_width(l), 12 * l->text) / KEY_STEPS);
}

/* Beside the last column where that leaves the page as it is, else below. */
static void place_key(struct em_legend *l, double picture_w)
{
	double high = ceil(KEY_ROWS * l->row);

	if (l->side == EM_PLOT_BELOW && l->w + 2 * l->text + key_width(l) <= picture_w) {
		l->key_x = l->w + 2 * l->text;
		l->key_y = 0;
		l->w = ceil(l->key_x + key_width(l));
		l->h = fmax(l->h, high);
	} else {
		l->key_x = 0;
		l->key_y = l->h + round(0.5 * l->row);
		l->h += high + round(0.5 * l->row);
	}
}

static size_t up_to(size_t a, size_t b)
{
	return (a + b - 1) / b;
}

void em_legend_measure(struct em_legend *l, struct em_canvas *c, double picture_w, double picture_h)
{
	double rows;

	l->text = em_page_text(picture_w, picture_h);
	l->row = round(1.6 * l->text);
	l->columns = 1;
	l->w = l->h = 0;
	if (l->side == EM_PLOT_NONE)
		return;
	measure_columns(l, c, 16 * l->text);
	l->w = ceil(entry_width(l));
	if (l->side == EM_PLOT_BELOW) {
		double fit = floor((picture_w + 2 * l->text) / (l->w + 2 * l->text));

		l->columns = fit < 1 ? 1 : fit > (double)l->classes->n ? l->classes->n : (size_t)fit;
		/* four entries in rows of three would leave the last column empty: two columns of two */
		l->columns = up_to(l->classes->n, up_to(l->classes->n, l->columns));
		l->w += (double)(l->columns - 1) * (l->w + 2 * l->text);
	}
	rows = (double)up_to(l->classes->n, l->columns) + 1;
	l->h = ceil(rows * l->row);
	if (l->probability)
		place_key(l, picture_w);
}

/* Three diagonals x + y = 1/2, 1, 3/2 of the edge, cut to the box. */
static void draw_hatch(struct em_canvas *c, struct em_box box, struct em_rgb color)
{
	em_canvas_fill(c, box, color, 0.35);
	for (int k = 1; k <= 3; k++) {
		double near = fmax(k / 2.0 - 1, 0), far = fmin(k / 2.0, 1);
		double line[4] = {box.x + near * box.w, box.y + far * box.h, box.x + far * box.w, box.y + near * box.h};

		em_canvas_polyline(c, line, 2, box.w / 9, color);
	}
}

static void draw_swatch(struct em_canvas *c, struct em_box box, const struct em_class *class)
{
	if (class->unknown)
		draw_hatch(c, box, class->color);
	else
		em_canvas_fill(c, box, class->color, 1);
	em_canvas_frame(c, box, fmax(1, round(box.w / 18)), EM_RGB_TEXT);
}

/* One line of three columns; y is the base line. */
static void draw_line(const struct em_legend *l, struct em_canvas *c, double x, double y, struct em_rgb color,
                      const char *const words[3])
{
	char name[256];

	x += (SWATCH + SPACE) * l->text;
	em_canvas_shorten(c, l->text, false, words[0], l->name_w, name, sizeof(name));
	em_canvas_text(c, x, y, 0, l->text, false, color, name);
	x += l->name_w + COLUMN * l->text + l->count_w;
	em_canvas_text(c, x, y, 1, l->text, false, color, words[1]);
	x += COLUMN * l->text + l->percent_w;
	em_canvas_text(c, x, y, 1, l->text, false, color, words[2]);
}

/* Five shades of the first class over a mid grey: what probability does to a colour. */
static void draw_key(const struct em_legend *l, struct em_canvas *c, double x, double y)
{
	double step = key_width(l) / KEY_STEPS, h = round(SWATCH * l->text);
	struct em_rgb pixel = {150, 150, 150}, color = l->classes->v[0].color;
	double base = y + EM_CANVAS_CAP * l->text;

	em_canvas_text(c, x, base, 0, l->text, false, EM_RGB_FAINT, "probability");
	y += round(1.35 * l->text);
	for (int i = 0; i < KEY_STEPS; i++) {
		struct em_box box = {x + i * step, y, step, h};

		em_canvas_fill(c, box, em_legend_tint(pixel, color, l->alpha * i / (KEY_STEPS - 1)), 1);
	}
	em_canvas_frame(c, (struct em_box){x, y, KEY_STEPS * step, h}, fmax(1, round(l->text / 18)), EM_RGB_TEXT);
	base = y + h + 0.35 * l->text + EM_CANVAS_CAP * l->text;
	em_canvas_text(c, x, base, 0, l->text, false, EM_RGB_TEXT, "0");
	em_canvas_text(c, x + KEY_STEPS * step, base, 1, l->text, false, EM_RGB_TEXT, "1");
}

void em_legend_draw(const struct em_legend *l, struct em_canvas *c, struct em_box box)
{
	static const char *const head[3] = {"class", "chips", "area"};
	size_t per_column = up_to(l->classes->n, l->columns);
	double cap = EM_CANVAS_CAP * l->text, size = round(SWATCH * l->text);

	if (l->side == EM_PLOT_NONE)
		return;
	for (size_t i = 0; i < l->classes->n; i++) {
		double x = box.x + (double)(i / per_column) * (entry_width(l) + 2 * l->text);
		double top = box.y + (double)(i % per_column + 1) * l->row;
		char count[24], percent[16];
		const char *const words[3] = {l->classes->v[i].name, count, percent};

		if (i % per_column == 0)
			draw_line(l, c, x, box.y + cap, EM_RGB_FAINT, head);
		entry_text(l->classes, i, count, percent);
		draw_swatch(c, (struct em_box){round(x), round(top), size, size}, &l->classes->v[i]);
		draw_line(l, c, x, round(top) + (size + cap) / 2, EM_RGB_TEXT, words);
	}
	if (l->probability)
		draw_key(l, c, round(box.x + l->key_x), round(box.y + l->key_y));
}
