/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/overlay.h"

#include "plot/legend.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Along one axis: which pixels of the output row or column i of the grid takes, begin <= px < end. */
struct strip {
	double begin, end; /* first in px of the picture */
};

struct grid {
	size_t rows, cols;
	struct strip *row, *col; /* owned */
	uint16_t *class;         /* rows * cols: class + 1, 0 where no chip is; owned */
};

static void grid_release(struct grid *g)
{
	free(g->row);
	free(g->col);
	free(g->class);
}

static void widen(struct strip *s, double begin, double size)
{
	if (s->end <= s->begin)
		*s = (struct strip){begin, begin + size};
	s->begin = fmin(s->begin, begin);
	s->end = fmax(s->end, begin + size);
}

/* Neighbours that overlap meet half way; then picture pixels become output pixels, shared edges staying shared. */
static void settle(struct strip *s, size_t n, size_t src, size_t out)
{
	struct strip *last = NULL;

	for (size_t i = 0; i < n; i++) {
		if (s[i].end <= s[i].begin)
			continue;
		if (last && last->end > s[i].begin && last->begin < s[i].begin)
			last->end = s[i].begin = (last->end + s[i].begin) / 2;
		last = &s[i];
	}
	for (size_t i = 0; i < n; i++) {
		s[i].begin = fmin(fmax(round(s[i].begin * (double)out / (double)src), 0), (double)out);
		s[i].end = fmin(fmax(round(s[i].end * (double)out / (double)src), 0), (double)out);
	}
}

static int grid_init(struct grid *g, const struct em_overlay *o, const struct em_pixels *px, struct em_error *err)
{
	memset(g, 0, sizeof(*g));
	for (size_t i = 0; i < o->n; i++) {
		g->rows = o->chips[i].row >= g->rows ? o->chips[i].row + 1 : g->rows;
		g->cols = o->chips[i].col >= g->cols ? o->chips[i].col + 1 : g->cols;
	}
	if (g->rows * g->cols > EM_OVERLAY_CELLS) /* each is at most 2^24 */
		return em_error_set(err, EM_ERROR_DATA,
		                    "a grid of %zu x %zu chips is too large to draw", g->rows, g->cols);
	g->row = calloc(g->rows + 1, sizeof(*g->row));
	g->col = calloc(g->cols + 1, sizeof(*g->col));
	g->class = calloc(g->rows * g->cols + 1, sizeof(*g->class));
	if (!g->row || !g->col || !g->class) {
		grid_release(g);
		return em_error_memory(err, g->rows * g->cols * sizeof(*g->class));
	}
	for (size_t i = 0; i < o->n; i++) {
		const struct em_chip *chip = &o->chips[i];

		widen(&g->row[chip->row], chip->y, chip->h);
		widen(&g->col[chip->col], chip->x, chip->w);
		g->class[chip->row * g->cols + chip->col] = (uint16_t)(chip->class + 1);
	}
	settle(g->row, g->rows, o->src_h, px->h);
	settle(g->col, g->cols, o->src_w, px->w);
	return 0;
}

static struct em_rgb unpack(uint32_t v)
{
	return (struct em_rgb){(unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v};
}

static uint32_t pack(struct em_rgb c)
{
	return 0xff000000U | (uint32_t)c.r << 16 | (uint32_t)c.g << 8 | c.b;
}

/* The tint of grey pixels by their value: a chip has many pixels and few greys. */
static void tint_table(uint32_t table[256], struct em_rgb color, double alpha)
{
	for (int i = 0; i < 256; i++) {
		unsigned char v = (unsigned char)i;

		table[i] = pack(em_legend_tint((struct em_rgb){v, v, v}, color, alpha));
	}
}

/* Diagonal stripes for chips that belong to no class: a fifth of the way is stripe. */
static void paint_chip(struct em_pixels *px, struct strip y, struct strip x, const struct em_class *class,
                       double alpha, size_t line)
{
	uint32_t plain[256], stripe[256];
	size_t period = 5 * line;

	tint_table(plain, class->color, class->unknown ? alpha / 2 : alpha);
	tint_table(stripe, (struct em_rgb){200, 200, 200}, 0.6);
	for (size_t i = (size_t)y.begin; i < (size_t)y.end; i++)
		for (size_t k = (size_t)x.begin; k < (size_t)x.end; k++) {
			uint32_t *p = &px->argb[i * px->w + k];
			bool striped = class->unknown && (i + k) % period < line;

			*p = (striped ? stripe : plain)[unpack(*p).g];
		}
}

static void fill(struct em_pixels *px, double y0, double y1, double x0, double x1, struct em_rgb color)
{
	for (size_t i = (size_t)y0; i < (size_t)y1; i++)
		for (size_t k = (size_t)x0; k < (size_t)x1; k++)
			px->argb[i * px->w + k] = pack(color);
}

static uint16_t class_at(const struct grid *g, size_t row, size_t col)
{
	return row < g->rows && col < g->cols ? g->class[row * g->cols + col] : 0; /* row - 1 of row 0 wraps */
}

/* The sides of one chip on which another class (or nothing) lies; and corners that only touch diagonally, or the
 * outline of a region would break there. */
static void outline(struct em_pixels *px, const struct grid *g, size_t row, size_t col, struct em_rgb color,
                    size_t line)
{
	uint16_t me = class_at(g, row, col);
	struct strip y = g->row[row], x = g->col[col];
	double t = fmin((double)line, floor(fmin(y.end - y.begin, x.end - x.begin) / 4));

	if (class_at(g, row - 1, col) != me)
		fill(px, y.begin, y.begin + t, x.begin, x.end, color);
	if (class_at(g, row + 1, col) != me)
		fill(px, y.end - t, y.end, x.begin, x.end, color);
	if (class_at(g, row, col - 1) != me)
		fill(px, y.begin, y.end, x.begin, x.begin + t, color);
	if (class_at(g, row, col + 1) != me)
		fill(px, y.begin, y.end, x.end - t, x.end, color);
	if (class_at(g, row - 1, col - 1) != me)
		fill(px, y.begin, y.begin + t, x.begin, x.begin + t, color);
	if (class_at(g, row - 1, col + 1) != me)
		fill(px, y.begin, y.begin + t, x.end - t, x.end, color);
	if (class_at(g, row + 1, col - 1) != me)
		fill(px, y.end - t, y.end, x.begin, x.begin + t, color);
	if (class_at(g, row + 1, col + 1) != me)
		fill(px, y.end - t, y.end, x.end - t, x.end, color);
}

int em_overlay_paint(struct em_pixels *pixels, const struct em_overlay *o, struct em_error *err)
{
	size_t line = o->line ? o->line : 1;
	struct grid g;

	if (grid_init(&g, o, pixels, err))
		return -1;
	for (size_t i = 0; i < o->n; i++) {
		const struct em_chip *chip = &o->chips[i];

		paint_chip(pixels, g.row[chip->row], g.col[chip->col], &o->classes->v[chip->class], o->alpha * chip->p,
		           line);
	}
	for (size_t i = 0; i < o->n; i++) {
		const struct em_chip *chip = &o->chips[i];

		outline(pixels, &g, chip->row, chip->col, o->classes->v[chip->class].color, line);
	}
	grid_release(&g);
	return 0;
}
