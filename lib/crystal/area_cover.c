/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A polygon is cut into slabs at the heights of its corners and of the rows' bounds, so that within a slab its edges
 * are straight from top to bottom; sorted by x, every second one opens an inside and the next one ends it (even-odd).
 * What lies to the right of an edge, with the sign of that, summed over the edges is the area in each cell, exactly.
 * Where edges cross, the slab is halved until the order holds, or it is THIN.
 */
#include "crystal/area.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define THIN (1. / 1024) /* of a row */
#define MANY 64          /* edges on one line: with more the slabs are thicker, so that a tangle takes seconds */
#define CRUMB 1e-9       /* of a cell: what rounding leaves behind */

struct edge {
	double y0, x0, y1, x1; /* y0 < y1 */
};

struct crossing {
	double x;
	const struct edge *edge;
};

struct cover {
	const struct em_area_grid *grid;
	double cell_y, cell_x;  /* px */
	double *part, *full;    /* [rows][cols]: shares of single cells; of every cell from here on to the right */
	struct edge *edge;      /* of one ring */
	struct crossing *cross; /* with one slab */
	double *cut;            /* heights between which no edge ends */
	size_t edges, crosses, cuts;
};

/* Where cell i of an axis begins, as far as it lies in the frame. */
static double bound(size_t i, double cell, size_t frame)
{
	return fmin(fmax(((double)i - 0.5) * cell, -0.5), (double)frame - 0.5);
}

static size_t cell_at(double px, double cell, size_t n)
{
	double i = floor(px / cell + 0.5);

	return i > 0 ? (i < (double)n ? (size_t)i : n) : 0;
}

static double x_at(const struct edge *e, double y)
{
	return e->x0 + (y - e->y0) / (e->y1 - e->y0) * (e->x1 - e->x0);
}

/* The mean of clamp(1 - u, 0, 1) for u from a to b, a <= b: the share of a cell to the right of an edge. */
static double mean_share(double a, double b)
{
	double from = fmin(fmax(a, 0), 1), to = fmin(fmax(b, 0), 1);

	if (b - a < 1e-9)
		return 1 - (from + to) / 2;
	return (fmin(b, 0) - fmin(a, 0) + (to - from) * (1 - (from + to) / 2)) / (b - a);
}

/* What lies to the right of an edge between two heights of one row. */
static void add_edge(struct cover *c, size_t row, const struct edge *e, double top, double bottom, double sign)
{
	const struct em_area_grid *g = c->grid;
	double a = x_at(e, top), b = x_at(e, bottom), lo = fmin(a, b), hi = fmax(a, b);
	double height = sign * (bottom - top) / c->cell_y;
	size_t i = cell_at(lo, c->cell_x, g->cols);

	for (; i < g->cols; i++) {
		double left = bound(i, c->cell_x, g->width), width = bound(i + 1, c->cell_x, g->width) - left;

		if (left >= hi)
			break;
		if (width > 0)
			c->part[row * g->cols + i] +=
			    height * width / c->cell_x * mean_share((lo - left) / width, (hi - left) / width);
	}
	if (i < g->cols)
		c->full[row * g->cols + i] += height;
}

static int compare_crossings(const void *a, const void *b)
{
	const struct crossing *p = a, *q = b;

	return (p->x > q->x) - (p->x < q->x);
}

/* The edges with a slab, from left to right in its middle. */
static void gather(struct cover *c, double top, double bottom)
{
	c->crosses = 0;
	for (size_t i = 0; i < c->edges; i++)
		if (c->edge[i].y0 <= top && c->edge[i].y1 >= bottom)
			c->cross[c->crosses++] = (struct crossing){x_at(&c->edge[i], (top + bottom) / 2), &c->edge[i]};
	qsort(c->cross, c->crosses, sizeof(*c->cross), compare_crossings);
}

/* The same edges at another height, where few have changed places. */
static void sort_again(struct cover *c, double y)
{
	for (size_t i = 0; i < c->crosses; i++) {
		struct crossing here = {x_at(c->cross[i].edge, y), c->cross[i].edge};
		size_t k = i;

		for (; k && c->cross[k - 1].x > here.x; k--)
			c->cross[k] = c->cross[k - 1];
		c->cross[k] = here;
	}
}

/* Is the order of the edges at height y that of the middle? */
static bool in_order(const struct cover *c, double y)
{
	for (size_t i = 1; i < c->crosses; i++)
		if (x_at(c->cross[i - 1].edge, y) > x_at(c->cross[i].edge, y) + 1e-9 * c->cell_x)
			return false;
	return true;
}

static void add_slab(struct cover *c, size_t row, double top, double bottom)
{
	double step = bottom - top, thin;

	if (top < bottom)
		gather(c, top, bottom);
	thin = THIN * c->cell_y * fmax(1, (double)c->crosses / MANY);
	while (top < bottom) {
		double end = fmin(top + step, bottom);

		sort_again(c, (top + end) / 2);
		if (step > thin && !(in_order(c, top) && in_order(c, end))) {
			step /= 2;
			continue;
		}
		for (size_t i = 0; i < c->crosses; i++)
			add_edge(c, row, c->cross[i].edge, top, end, i % 2 ? -1 : 1);
		/* A step too small for the digits of so far a polygon would not end. */
		top = end > top ? end : bottom;
		step *= 2;
	}
}

static int compare_heights(const void *a, const void *b)
{
	const double *p = a, *q = b;

	return (*p > *q) - (*p < *q);
}

/* The edges of a ring that are not level, in the frame, and the heights where they end. */
static void take_ring(struct cover *c, const struct em_ring *ring)
{
	const struct em_area_grid *g = c->grid;

	c->edges = c->cuts = 0;
	for (size_t i = 0; i < ring->corners; i++) {
		const double *p = ring->corner[i], *q = ring->corner[(i + 1) % ring->corners];
		struct edge e = {p[1] + g->shift_y, p[0] + g->shift_x, q[1] + g->shift_y, q[0] + g->shift_x};

		c->cut[c->cuts++] = e.y0;
		if (e.y0 > e.y1)
			e = (struct edge){e.y1, e.x1, e.y0, e.x0};
		if (e.y0 < e.y1)
			c->edge[c->edges++] = e;
	}
	qsort(c->cut, c->cuts, sizeof(*c->cut), compare_heights);
}

static void add_ring(struct cover *c, const struct em_ring *ring)
{
	const struct em_area_grid *g = c->grid;

	take_ring(c, ring);
	for (size_t i = 1; i < c->cuts; i++) {
		double top = fmax(c->cut[i - 1], -0.5), bottom = fmin(c->cut[i], (double)g->height - 0.5);

		for (size_t row = cell_at(top, c->cell_y, g->rows); row < g->rows && top < bottom; row++) {
			double end = fmin(bottom, bound(row + 1, c->cell_y, g->height));

			add_slab(c, row, top, end);
			top = fmax(top, end);
		}
	}
}

/* Sums become shares, in c->part; what of the region lies in cells. */
static double finish(const struct cover *c)
{
	const struct em_area_grid *g = c->grid;
	double sum = 0;

	for (size_t j = 0; j < g->rows; j++) {
		double full = 0;

		for (size_t i = 0; i < g->cols; i++) {
			double width = bound(i + 1, c->cell_x, g->width) - bound(i, c->cell_x, g->width);
			double *share = &c->part[j * g->cols + i];

			full += c->full[j * g->cols + i];
			*share += full * width / c->cell_x;
			*share = *share > CRUMB ? fmin(*share, 1) : 0;
			sum += *share;
		}
	}
	return sum;
}

static int nothing(const struct em_area *area, const struct em_area_grid *g, struct em_error *err)
{
	double lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY};

	for (size_t i = 0; i < area->rings; i++)
		for (size_t n = 0; n < area->ring[i].corners; n++)
			for (size_t d = 0; d < 2; d++) {
				double at = area->ring[i].corner[n][d] + (d ? g->shift_y : g->shift_x);

				lo[d] = fmin(lo[d], at);
				hi[d] = fmax(hi[d], at);
			}
	return em_error_set(
	    err, EM_ERROR_DATA,
	    "region \"%s\" lies outside of the frame of %zu x %zu px, or in the half cell at its end: it "
	    "reaches from x = %.6g to %.6g, y = %.6g to %.6g; move it",
	    area->name, g->width, g->height, lo[0], hi[0], lo[1], hi[1]);
}

static int check_grid(const struct em_areas *set, const struct em_area_grid *g, struct em_error *err)
{
	if (!g->rows || !g->cols || g->rows > g->height || g->cols > g->width || g->rows > SIZE_MAX / 16 / g->cols ||
	    !isfinite(g->shift_y) || !isfinite(g->shift_x))
		return em_error_set(err, EM_ERROR_USAGE, "no map of %zu x %zu samples over a frame of %zu x %zu px",
		                    g->rows, g->cols, g->height, g->width);
	if (set->height > 0 && (set->height != (double)g->height || set->width != (double)g->width))
		return em_error_set(err, EM_ERROR_DATA,
		                    "the class map is of a picture of %.0f x %.0f px, the frames have %zu x %zu",
		                    set->width, set->height, g->width, g->height);
	return 0;
}

int em_area_weigh(const struct em_areas *set, size_t k, const struct em_area_grid *grid, float *weight,
                  struct em_error *err)
{
	const struct em_area *area = &set->area[k];
	struct cover c = {.grid = grid};
	size_t most = 0, bytes;
	int status = -1;

	if (check_grid(set, grid, err))
		return -1;
	c.cell_y = (double)grid->height / (double)grid->rows;
	c.cell_x = (double)grid->width / (double)grid->cols;
	for (size_t i = 0; i < area->rings; i++)
		most = area->ring[i].corners > most ? area->ring[i].corners : most;
	bytes = 2 * grid->rows * grid->cols * sizeof(double);
	c.part = calloc(1, bytes);
	c.edge = malloc((most + 1) * sizeof(*c.edge));
	c.cross = malloc((most + 1) * sizeof(*c.cross));
	c.cut = malloc((most + 1) * sizeof(*c.cut));
	if (!c.part || !c.edge || !c.cross || !c.cut)
		em_error_memory(err, bytes);
	else {
		c.full = c.part + grid->rows * grid->cols;
		for (size_t i = 0; i < area->rings; i++)
			add_ring(&c, &area->ring[i]);
		status = finish(&c) > 0 ? 0 : nothing(area, grid, err);
	}
	for (size_t i = 0; !status && i < grid->rows * grid->cols; i++)
		weight[i] = (float)c.part[i];
	free(c.part);
	free(c.edge);
	free(c.cross);
	free(c.cut);
	return status;
}
