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

/* Weighted; all but the first of where the map is known. */
struct totals {
	double all, known;
	double map;     /* the map's own */
	double border;  /* of what is neither in order nor not */
	double noise2;  /* noise over I^2, */
	double now;     /* c^2, */
	double then;    /* that of the reference, */
	double scatter; /* squares: (2 c^2 + noise2 / CROSS) noise2, see measure_power */
};

/*
 * The variance of c^2 is, over spots with n of noise each, 2 |psi|^2 n + n^2.  Points share the first, whose spectrum
 * is M^2, over blur^2 / CROSS, and the second, of spectrum M^2 * M^2, over blur^2.
 */
#define CROSS 0.5415 /* the integral of M^2: pi (3/8 - 2/pi^2); that of M^4 is its square to a part in a thousand */

static struct totals add_up(const struct em_measure_view *v, const struct em_order_frame *f, const float *map)
{
	const float *contrast2 = f->map[v->phase].contrast2, *noise2 = f->map[v->phase].noise2;
	const float *then = v->reference->phase[v->phase].contrast2;
	struct totals t = {0};

	for (size_t k = 0; k < points(v); k++) {
		double w = (double)v->weight[k], c2 = (double)contrast2[k], n2 = (double)noise2[k];

		t.all += w;
		if (!(w > 0) || isnan(map[k]))
			continue;
		t.known += w;
		t.map += w * (double)map[k];
		t.border += map[k] > 0.25F && map[k] < 0.75F ? w : 0;
		t.noise2 += w * n2;
		t.now += w * c2;
		t.then += w * (double)then[k];
		t.scatter += w * w * (2 * (c2 > 0 ? c2 : 0) / CROSS + n2) * n2;
	}
	return t;
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

/* ---- the fraction ---- */

static int measure_order(const struct em_measure_view *v, const struct em_order_frame *f, struct em_measure *m,
                         float *map, struct totals *t, struct em_error *err)
{
	struct em_order_plane planes[EM_ORDER_SPOTS];
	float *across = malloc(points(v) * sizeof(*across));
	int status;

	if (!across)
		return em_error_memory(err, points(v) * sizeof(*across));
	status = em_reference_fit(v->reference, v->plan, f, v->phase, v->weight, planes, err) ||
	         em_reference_order(v->reference, v->plan, f, v->phase, planes, map, across, err);
	if (!status)
		*t = add_up(v, f, map);
	if (!status && t->known > 0) {
		m->fraction.value = t->map / t->known;
		m->fraction.sigma = hypot(scatter_of(v, across, t->known), EM_MEASURE_BORDER * t->border / t->known);
		measure_strain(em_order_plan_phase(v->plan, v->phase), planes, m);
	}
	free(across);
	return status ? -1 : 0;
}

/* Of the amplitude: the area above the threshold, and how it changes when noise moves that. */
static void measure_amplitude(const struct em_measure_view *v, const struct em_order_frame *f, struct em_measure *m,
                              float *map, struct totals *t)
{
	const size_t rows = v->grid.rows, cols = v->grid.cols;
	double noise, low, high;

	em_reference_amplitude(v->reference, v->plan, f, v->phase, map);
	*t = add_up(v, f, map);
	if (!(t->known > 0))
		return;
	noise = sqrt(fmax(0, t->noise2 / t->known) / 2) / v->reference->phase[v->phase].typical;
	low = em_area_above(map, v->weight, rows, cols, EM_ORDER_THRESHOLD - noise, NULL);
	high = em_area_above(map, v->weight, rows, cols, EM_ORDER_THRESHOLD + noise, NULL);
	m->fraction.value = em_area_above(map, v->weight, rows, cols, EM_ORDER_THRESHOLD, NULL) / t->known;
	m->fraction.sigma = (low - high) / 2 / t->known;
}

static void measure_power(const struct em_measure_view *v, const struct totals *t, struct em_measure *m)
{
	double blur = em_order_plan_blur(v->plan);
	double cell = (double)v->grid.height * (double)v->grid.width / (double)points(v);
	double spots = (double)em_order_plan_phase(v->plan, v->phase)->count, shared = fmax(1, blur * blur / cell);

	if (!(t->then > 0))
		return;
	m->power.value = t->now / t->then;
	m->power.sigma = sqrt(t->scatter * shared / spots) / t->then;
}

int em_measure_frame(const struct em_measure_view *v, const struct em_order_frame *f, struct em_measure *m, float *map,
                     struct em_error *err)
{
	struct em_clusters clusters = {0};
	struct totals t;

	set_unknown(m);
	if (v->single)
		measure_amplitude(v, f, m, map, &t);
	else if (measure_order(v, f, m, map, &t, err))
		return -1;
	if (!(t.known > 0))
		return 0;
	m->seen = t.known / t.all;
	m->ordered = em_area_above(map, v->weight, v->grid.rows, v->grid.cols, EM_ORDER_THRESHOLD, NULL) / t.known;
	measure_power(v, &t, m);
	if (em_clusters_find(&clusters, map, v->weight, &v->grid, EM_ORDER_THRESHOLD, v->across, err))
		return -1;
	m->largest = em_clusters_largest(&clusters);
	m->spans = em_clusters_span(&clusters);
	em_clusters_release(&clusters);
	return 0;
}
