/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/cluster.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- the area above a threshold ---- */

/* The part of a triangle where the linear function with values a, b, c at its corners exceeds 0. */
static double part_above(double a, double b, double c)
{
	double positive, lone, p, q;
	int above = (a > 0) + (b > 0) + (c > 0);

	if (above == 0 || above == 3)
		return above ? 1 : 0;
	/* One corner is alone on its side: what it cuts off is a triangle similar in two sides. */
	if ((a > 0) == (above == 1) && (b > 0) != (above == 1) && (c > 0) != (above == 1))
		lone = a, p = b, q = c;
	else if ((b > 0) == (above == 1) && (a > 0) != (above == 1))
		lone = b, p = a, q = c;
	else
		lone = c, p = a, q = b;
	positive = lone / (lone - p) * (lone / (lone - q));
	return above == 1 ? positive : 1 - positive;
}

struct field {
	const float *map;
	size_t rows, cols;
	double threshold;
};

/* The value at (j + dj, i + di), over the threshold; NaN where there is none. */
static double value(const struct field *f, size_t j, size_t i, int dj, int di)
{
	double v;

	if ((dj < 0 && !j) || (di < 0 && !i) || (dj > 0 && j + 1 == f->rows) || (di > 0 && i + 1 == f->cols))
		return NAN;
	v = (double)f->map[(j + (size_t)dj) * f->cols + i + (size_t)di];
	return isfinite(v) ? v - f->threshold : NAN;
}

/* What stands beside `here` where nothing does: extrapolated from the opposite side. */
static double beside(double v, double here, double opposite)
{
	return !isnan(v) ? v : isnan(opposite) ? here : 2 * here - opposite;
}

/* The part of a cell's quarter that is above: of two triangles.  Most quarters are on one side, and need none. */
static double quarter_above(double here, double y, double x, double corner)
{
	double middle = (here + y + x + corner) / 4;

	if ((here > 0) == (y > 0) && (here > 0) == (x > 0) && (here > 0) == (corner > 0))
		return here > 0;
	return (part_above(here, (here + y) / 2, middle) + part_above(here, (here + x) / 2, middle)) / 2;
}

/* The part of a cell that is above, quarter by quarter. */
static double cell_above(const struct field *f, size_t j, size_t i, double here)
{
	const double up = value(f, j, i, -1, 0), down = value(f, j, i, 1, 0);
	const double left = value(f, j, i, 0, -1), right = value(f, j, i, 0, 1);
	const double side_y[2] = {beside(up, here, down), beside(down, here, up)};
	const double side_x[2] = {beside(left, here, right), beside(right, here, left)};
	double sum = 0;

	for (int q = 0; q < 4; q++) {
		double y = side_y[q / 2], x = side_x[q % 2], corner = value(f, j, i, q / 2 * 2 - 1, q % 2 * 2 - 1);

		sum += quarter_above(here, y, x, isnan(corner) ? y + x - here : corner);
	}
	return sum / 4;
}

/* How many more of three samples in a column are above than not; NaN is neither. */
static int column_side(const struct field *f, size_t j, size_t i)
{
	const float *at = f->map + j * f->cols + i;
	int side = 0;

	for (const float *v = at - f->cols; v <= at + f->cols; v += f->cols)
		side += ((double)*v > f->threshold) - ((double)*v <= f->threshold);
	return side;
}

double em_area_above(const float *map, const float *weight, size_t rows, size_t cols, double threshold, double *known)
{
	const struct field f = {map, rows, cols, threshold};
	double above = 0, all = 0;

	for (size_t j = 0; j < rows; j++) {
		int side[3] = {0, 0,
		               0}; /* of the columns around: a cell in the middle of nine alike needs no triangles */

		for (size_t i = 0; i < cols; i++) {
			double w = (double)weight[j * cols + i], here = value(&f, j, i, 0, 0);

			side[0] = side[1];
			side[1] = side[2];
			side[2] = j && j + 1 < rows && i + 1 < cols ? column_side(&f, j, i + 1) : 0;
			if (!(w > 0) || isnan(here))
				continue;
			all += w;
			above += w * (abs(side[0] + side[1] + side[2]) == 9 ? here > 0 : cell_above(&f, j, i, here));
		}
	}
	if (known)
		*known = all;
	return above;
}

/* ---- clusters ---- */

/* The root of a tree; the path to it is halved on the way (Tarjan and van Leeuwen, J. ACM 31 (1984) 245). */
static size_t find_root(size_t *parent, size_t i)
{
	while (parent[i] != i)
		i = parent[i] = parent[parent[i]];
	return i;
}

/* The smaller index becomes the root: a cluster is its first sample. */
static void join(size_t *parent, size_t i, size_t k)
{
	size_t a = find_root(parent, i), b = find_root(parent, k);

	if (a < b)
		parent[b] = a;
	else
		parent[a] = b;
}

#define NONE SIZE_MAX

/* parent[i]: NONE for a sample of no cluster. */
static void connect(size_t *parent, const float *map, const float *weight, const struct em_area_grid *g, double least,
                    double threshold)
{
	for (size_t j = 0; j < g->rows; j++)
		for (size_t i = 0; i < g->cols; i++) {
			size_t k = j * g->cols + i;

			parent[k] =
			    (double)weight[k] >= least && (double)map[k] < threshold && isfinite(map[k]) ? k : NONE;
			if (parent[k] == NONE)
				continue;
			if (i && parent[k - 1] != NONE)
				join(parent, k, k - 1);
			if (j && parent[k - g->cols] != NONE)
				join(parent, k, k - g->cols);
		}
}

/* Distances along a direction: t = y uy + x ux - start, and half of what a cell reaches in it. */
struct direction {
	double uy, ux, start; /* y and x in samples */
	double half;
	double near, far; /* the faces */
};

static double along(const struct direction *d, size_t j, size_t i)
{
	return (double)j * d->uy + (double)i * d->ux - d->start;
}

static void extend(double *first, double *last, double t)
{
	*first = t < *first ? t : *first;
	*last = t > *last ? t : *last;
}

/* The faces: at the line's ends, or where the region ends before them. */
static int find_faces(struct direction *d, const float *weight, const struct em_area_grid *g, double least,
                      const struct em_line *line, struct em_error *err)
{
	double cy = (double)g->height / (double)g->rows, cx = (double)g->width / (double)g->cols;
	double dy = line ? line->y1 - line->y0 : 1, dx = line ? line->x1 - line->x0 : 0, length = hypot(dy, dx);
	double first = INFINITY, last = -INFINITY;

	if (!(length > 0) || !isfinite(length))
		return em_error_set(err, EM_ERROR_USAGE, "the line across the region has no length");
	*d = (struct direction){.uy = dy / length * cy, .ux = dx / length * cx};
	d->start = line ? (line->y0 * dy + line->x0 * dx) / length : 0;
	d->half = (fabs(d->uy) + fabs(d->ux)) / 2 * (1 + 1e-9);
	for (size_t j = 0; j < g->rows; j++, weight += g->cols) { /* a row's ends reach as far as all of it */
		size_t begin = 0, end = g->cols;

		while (begin < end && !((double)weight[begin] >= least))
			begin++;
		while (begin < end && !((double)weight[end - 1] >= least))
			end--;
		if (begin == end)
			continue;
		extend(&first, &last, along(d, j, begin));
		extend(&first, &last, along(d, j, end - 1));
	}
	d->near = line ? fmax(first, 0) : first;
	d->far = line ? fmin(last, length) : last;
	return 0;
}

struct reach {
	struct em_cluster cluster;
	double first, last;
};

static int compare_clusters(const void *a, const void *b)
{
	const struct em_cluster *p = a, *q = b;

	return (p->area < q->area) - (p->area > q->area);
}

/* Roots come before their samples, so one pass numbers and adds up. */
static int collect(struct em_clusters *c, const size_t *parent, size_t *number, const float *weight,
                   const struct direction *d, const struct em_area_grid *g, struct em_error *err)
{
	size_t n = g->rows * g->cols, count = 0;
	struct reach *reach;

	for (size_t k = 0; k < n; k++)
		count += parent[k] == k;
	reach = calloc(count + 1, sizeof(*reach));
	c->cluster = malloc((count + 1) * sizeof(*c->cluster));
	if (!reach || !c->cluster) {
		free(reach);
		return em_error_memory(err, count * sizeof(*reach));
	}
	for (size_t k = 0; k < n; k++) {
		struct reach *r;

		if (parent[k] == NONE)
			continue;
		if (parent[k] == k) {
			number[k] = c->count++;
			reach[number[k]] = (struct reach){.first = INFINITY, .last = -INFINITY};
		}
		number[k] = number[parent[k]];
		r = &reach[number[k]];
		extend(&r->first, &r->last, along(d, k / g->cols, k % g->cols));
		r->cluster.samples++;
		r->cluster.area += (double)weight[k];
	}
	for (size_t i = 0; i < c->count; i++) {
		reach[i].cluster.spans = reach[i].first - d->half <= d->near && reach[i].last + d->half >= d->far;
		c->cluster[i] = reach[i].cluster;
	}
	free(reach);
	qsort(c->cluster, c->count, sizeof(*c->cluster), compare_clusters);
	return 0;
}

int em_clusters_find(struct em_clusters *found, const float *map, const float *weight, const struct em_area_grid *grid,
                     double threshold, const struct em_line *across, struct em_error *err)
{
	size_t n = grid->rows * grid->cols, *parent;
	struct em_clusters c = {0};
	struct direction d = {0};
	double most = 0, least;
	int status;

	for (size_t k = 0; k < n; k++)
		most = (double)weight[k] > most ? (double)weight[k] : most;
	least = most > 0 ? most / 2 : INFINITY;
	for (size_t k = 0; k < n; k++)
		c.region += (double)weight[k] >= least && isfinite(map[k]) ? (double)weight[k] : 0;
	if (find_faces(&d, weight, grid, least, across, err))
		return -1;
	parent = n <= SIZE_MAX / 2 / sizeof(*parent) ? malloc(2 * (n + 1) * sizeof(*parent)) : NULL;
	if (!parent)
		return em_error_memory(err, 2 * n * sizeof(*parent));
	connect(parent, map, weight, grid, least, threshold);
	for (size_t k = 0; k < n; k++)
		if (parent[k] != NONE)
			parent[k] = find_root(parent, k);
	status = collect(&c, parent, parent + n, weight, &d, grid, err);
	free(parent);
	if (status)
		em_clusters_release(&c);
	else
		*found = c;
	return status;
}

void em_clusters_release(struct em_clusters *c)
{
	free(c->cluster);
	memset(c, 0, sizeof(*c));
}

double em_clusters_largest(const struct em_clusters *c)
{
	if (!(c->region > 0))
		return NAN;
	return c->count ? c->cluster[0].area / c->region : 0;
}

bool em_clusters_span(const struct em_clusters *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->cluster[i].spans)
			return true;
	return false;
}
