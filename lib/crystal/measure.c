/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/measure.h"

#include "crystal/cluster.h"

#include <math.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;

static size_t points(const struct em_measure_view *v)
{
	return v->grid.rows * v->grid.cols;
}

static void set_unknown(struct em_measure *m)
{
	const struct em_lattice_value nothing = {NAN, NAN};

	*m = (struct em_measure){.fraction = nothing,
	                         .ordered = NAN,
	                         .power = nothing,
	                         .largest = NAN,
	                         .yy = nothing,
	                         .xx = nothing,
	                         .xy = nothing,
	                         .rotation = nothing};
}

/* ---- sums over the region ---- */

/* The weights of all points, and of those where the map is known. */
static double weigh(const struct em_measure_view *v, const float *map, double *known)
{
	double all = 0;

	*known = 0;
	for (size_t k = 0; k < points(v); k++) {
		all += (double)v->weight[k];
		if (!isnan(map[k]))
			*known += (double)v->weight[k];
	}
	return all;
}

static double mean_of(const struct em_measure_view *v, const float *map, double known)
{
	double sum = 0;

	for (size_t k = 0; k < points(v); k++)
		if (!isnan(map[k]))
			sum += (double)v->weight[k] * (double)map[k];
	return sum / known;
}

/*
 * Points of the map on an edge of blocks that share little noise with their neighbours: twice the blur.  What they
 * still share is missing from the squares of their sums, which hold BLOCKS of the variance of all: that is the mean of
 * the noise's spectrum M^2, 1 in the middle, over the blocks' own, sinc^2 in either direction.
 */
#define BLOCKS 0.632
#define PLANE 3
static size_t block(const struct em_measure_view *v, int direction)
{
	double step = direction == 0 ? (double)v->grid.height / (double)v->grid.rows
	                             : (double)v->grid.width / (double)v->grid.cols;

	return (size_t)fmax(1, ceil(2 * em_order_plan_blur(v->plan) / step));
}

/* The weighted sum of a map over the block at (j, i), and the weights' own. */
static double block_sum(const struct em_measure_view *v, const float *map, size_t j, size_t i, double *weight)
{
	size_t high = block(v, 0), wide = block(v, 1);
	double sum = 0;

	*weight = 0;
	for (size_t y = j; y < j + high && y < v->grid.rows; y++)
		for (size_t x = i; x < i + wide && x < v->grid.cols; x++) {
			size_t k = y * v->grid.cols + x;

			if (isnan(map[k]))
				continue;
			sum += (double)v->weight[k] * (double)map[k];
			*weight += (double)v->weight[k];
		}
	return sum;
}

/*
 * The standard deviation of the mean of a map of mean 0, neighbours not being independent: from sums over blocks.  The
 * plane that was fitted has taken its three numbers out of them: of a few blocks little is left, and at the most the
 * variance is made four times what is seen.
 */
static double scatter_of(const struct em_measure_view *v, const float *map, double known)
{
	size_t high = block(v, 0), wide = block(v, 1);
	double square = 0, weights = 0, n;

	for (size_t j = 0; j < v->grid.rows; j += high)
		for (size_t i = 0; i < v->grid.cols; i += wide) {
			double w, sum = block_sum(v, map, j, i, &w);

			square += sum * sum;
			weights += w * w;
		}
	n = known * known / weights;
	return sqrt(square / BLOCKS * n / fmax(n - PLANE, n / 4)) / known;
}

/* ---- the fraction ---- */

/* What part of the region is neither in order nor not. */
static double border_of(const struct em_measure_view *v, const float *map, double known)
{
	double sum = 0;

	for (size_t k = 0; k < points(v); k++)
		if (map[k] > 0.25F && map[k] < 0.75F)
			sum += (double)v->weight[k];
	return sum / known;
}

static int measure_order(const struct em_measure_view *v, const struct em_order_frame *f, struct em_measure *m,
                         float *map, struct em_order_plane *planes, struct em_error *err)
{
	float *across = malloc(points(v) * sizeof(*across));
	double known, all, noise;

	if (!across)
		return em_error_memory(err, points(v) * sizeof(*across));
	if (em_reference_fit(v->reference, v->plan, f, v->phase, v->weight, planes, err) ||
	    em_reference_order(v->reference, v->plan, f, v->phase, planes, map, across, err)) {
		free(across);
		return -1;
	}
	all = weigh(v, map, &known);
	if (known > 0) {
		m->seen = known / all;
		m->fraction.value = mean_of(v, map, known);
		noise = scatter_of(v, across, known);
		m->fraction.sigma = hypot(noise, EM_MEASURE_BORDER * border_of(v, map, known));
	}
	free(across);
	return 0;
}

/* Of the amplitude: the area above the threshold, and how it changes when noise moves that. */
static void measure_amplitude(const struct em_measure_view *v, const struct em_order_frame *f, struct em_measure *m,
                              float *map)
{
	const struct em_order_map *own = &f->map[v->phase];
	const double typical = v->reference->phase[v->phase].typical;
	double known, all, noise, low, high;

	em_reference_amplitude(v->reference, v->plan, f, v->phase, map);
	all = weigh(v, map, &known);
	if (!(known > 0))
		return;
	m->seen = known / all;
	noise = sqrt(fmax(0, mean_of(v, own->noise2, known)) / 2) / typical;
	low = em_area_above(map, v->weight, v->grid.rows, v->grid.cols, EM_ORDER_THRESHOLD - noise, NULL);
	high = em_area_above(map, v->weight, v->grid.rows, v->grid.cols, EM_ORDER_THRESHOLD + noise, NULL);
	m->fraction.value = em_area_above(map, v->weight, v->grid.rows, v->grid.cols, EM_ORDER_THRESHOLD, NULL) / known;
	m->fraction.sigma = (low - high) / 2 / known;
}

/* ---- power ---- */

/*
 * The variance of c^2 is, over spots with n of noise each, 2 |psi|^2 n + n^2.  Points share the first, whose spectrum
 * is M^2, over blur^2 / CROSS, and the second, of spectrum M^2 * M^2, over blur^2.
 */
#define CROSS 0.5415 /* the integral of M^2: pi (3/8 - 2/pi^2); that of M^4 is its square to a part in a thousand */

static void measure_power(const struct em_measure_view *v, const struct em_order_frame *f, const float *map,
                          struct em_measure *m)
{
	const struct em_order_map *own = &f->map[v->phase];
	const struct em_reference_phase *ref = &v->reference->phase[v->phase];
	double now = 0, then = 0, scatter = 0, blur = em_order_plan_blur(v->plan);
	double cell = (double)v->grid.height * (double)v->grid.width / (double)points(v);
	double spots = (double)em_order_plan_phase(v->plan, v->phase)->count, shared = fmax(1, blur * blur / cell);

	for (size_t k = 0; k < points(v); k++) {
		double w = (double)v->weight[k], n2 = (double)own->noise2[k], c2 = (double)own->contrast2[k];

		if (isnan(map[k]))
			continue;
		now += w * c2;
		then += w * (double)ref->contrast2[k];
		scatter += w * w * (2 * fmax(0, c2) * n2 / CROSS + n2 * n2) * shared / spots;
	}
	if (!(then > 0))
		return;
	m->power.value = now / then;
	m->power.sigma = sqrt(scatter) / then;
}

/* ---- strain ---- */

/*
 * A lattice displaced by u(r), e_ij = du_i/dr_j, has g' = g - e^T g.  So each spot gives two equations for e, one for
 * each j, and both have the same matrix sum g g^T.
 */
static void measure_strain(const struct em_order_phase *p, const struct em_order_plane *planes, struct em_measure *m)
{
	double a[2][3] = {{0}}, b[2][2] = {{0}}, e[2][2], u[2][2];

	for (size_t s = 0; s < p->count; s++)
		for (int j = 0; j < 2; j++) {
			const struct em_spot *g = &p->spot[s];
			double sigma = planes[s].slope_u[j] / (2 * PI), w = sigma > 0 ? 1 / (sigma * sigma) : 0;
			double turn = -planes[s].slope[j] / (2 * PI);

			a[j][0] += w * g->y * g->y;
			a[j][1] += w * g->y * g->x;
			a[j][2] += w * g->x * g->x;
			b[j][0] += w * g->y * turn;
			b[j][1] += w * g->x * turn;
		}
	for (int j = 0; j < 2; j++) {
		double det = a[j][0] * a[j][2] - a[j][1] * a[j][1];

		if (!(det > 1e-6 * a[j][0] * a[j][2]))
			return;
		e[0][j] = (a[j][2] * b[j][0] - a[j][1] * b[j][1]) / det;
		e[1][j] = (a[j][0] * b[j][1] - a[j][1] * b[j][0]) / det;
		u[0][j] = sqrt(a[j][2] / det);
		u[1][j] = sqrt(a[j][0] / det);
	}
	m->strained = true;
	m->yy = (struct em_lattice_value){e[0][0], u[0][0]};
	m->xx = (struct em_lattice_value){e[1][1], u[1][1]};
	m->xy = (struct em_lattice_value){(e[0][1] + e[1][0]) / 2, hypot(u[0][1], u[1][0]) / 2};
	m->rotation = (struct em_lattice_value){90 / PI * (e[0][1] - e[1][0]), 90 / PI * hypot(u[0][1], u[1][0])};
}

int em_measure_frame(const struct em_measure_view *v, const struct em_order_frame *f, struct em_measure *m, float *map,
                     struct em_error *err)
{
	struct em_order_plane planes[EM_ORDER_SPOTS];
	struct em_clusters clusters = {0};
	double known;

	set_unknown(m);
	if (v->single)
		measure_amplitude(v, f, m, map);
	else if (measure_order(v, f, m, map, planes, err))
		return -1;
	if (!(m->seen > 0))
		return 0;
	m->ordered = em_area_above(map, v->weight, v->grid.rows, v->grid.cols, EM_ORDER_THRESHOLD, &known);
	m->ordered /= known;
	measure_power(v, f, map, m);
	if (!v->single)
		measure_strain(em_order_plan_phase(v->plan, v->phase), planes, m);
	if (em_clusters_find(&clusters, map, v->weight, &v->grid, EM_ORDER_THRESHOLD, v->across, err))
		return -1;
	m->largest = em_clusters_largest(&clusters);
	m->spans = em_clusters_span(&clusters);
	em_clusters_release(&clusters);
	return 0;
}
