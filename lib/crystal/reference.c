/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 4     /* of Newton's method: each squares the error */
#define LEAST 0.15F /* loss of contrast that a reference frame may have at a place, next to the best */
#define HALF  0.5F

static size_t points(const struct em_order_plan *plan)
{
	const struct em_map_grid *g = em_order_plan_grid(plan);

	return em_map_grid_rows(g) * em_map_grid_columns(g);
}

/* ---- the mean ---- */

static int init_phase(struct em_reference_phase *p, size_t n, size_t spots)
{
	p->psi = calloc(2 * n * spots, sizeof(*p->psi));
	p->contrast2 = calloc(n, sizeof(*p->contrast2));
	p->noise2 = calloc(n, sizeof(*p->noise2));
	p->count = calloc(n, sizeof(*p->count));
	p->level2 = calloc(n, sizeof(*p->level2));
	p->there = calloc(n, sizeof(*p->there));
	return p->psi && p->contrast2 && p->noise2 && p->count && p->level2 && p->there ? 0 : -1;
}

static void release_phase(struct em_reference_phase *p)
{
	free(p->psi);
	free(p->contrast2);
	free(p->noise2);
	free(p->count);
	free(p->level2);
	free(p->there);
}

void em_reference_release(struct em_reference *ref)
{
	for (size_t i = 0; i < EM_ORDER_PHASES; i++)
		release_phase(&ref->phase[i]);
	*ref = (struct em_reference){0};
}

/* mean += (v - mean) / count */
static void approach(float *mean, float v, float count)
{
	*mean += (v - *mean) / count;
}

/* Of n points, those where the map's contrast is at least `least`. */
static void add(struct em_reference_phase *p, const struct em_order_map *m, const float *least, size_t n, size_t spots)
{
	for (size_t k = 0; k < n; k++) {
		if (!(m->contrast2[k] >= least[k]))
			continue;
		p->count[k]++;
		approach(&p->contrast2[k], m->contrast2[k], p->count[k]);
		approach(&p->noise2[k], m->noise2[k], p->count[k]);
		for (size_t s = 0; s < spots; s++)
			for (size_t c = 2 * (s * n + k); c < 2 * (s * n + k) + 2; c++)
				approach(&p->psi[c], m->psi[c], p->count[k]);
	}
}

/*
 * What c^2 a frame must have to count: that of (1 - t) times the greatest contrast of any, t as much as three of the
 * noise's standard deviations, from LEAST to HALF; or whatever, where there is nothing but noise.  NaN where none reaches.
 */
static void set_least(float *least, const struct em_order_frame *const *frames, size_t count, size_t phase, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		float most = NAN, noise = 0;

		for (size_t i = 0; i < count; i++)
			if (!(frames[i]->map[phase].contrast2[k] <= most)) {
				most = fmaxf(most, frames[i]->map[phase].contrast2[k]); /* drops NaN */
				noise = frames[i]->map[phase].noise2[k];
			}
		least[k] = isnan(most) ? NAN : -INFINITY;
		if (most > 0) {
			float t = fminf(fmaxf(3 * sqrtf(noise / 2 / most), LEAST), HALF);

			least[k] = (1 - t) * (1 - t) * most;
		}
	}
}

static int compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* The median of what is not below `least`, of n values by size. */
static double median_above(const float *v, size_t n, double least)
{
	size_t first = 0;

	while (first + 1 < n && (double)v[first] < least)
		first++;
	return (double)v[first + (n - first) / 2];
}

/* What a phase has where it is, of squares: see reference.h.  v becomes sorted. */
static double typical_of(float *v, size_t n)
{
	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), compare_floats);
	return median_above(v, n, 0.64 * median_above(v, n, (double)v[(n - 1) * 98 / 100] / 4));
}

/* What of |psi_ref|^2, summed over the spots, is lattice: the mean of several frames holds less noise than one. */
static float power_of(const struct em_reference_phase *p, size_t spots, size_t n, size_t k)
{
	float sum = -p->noise2[k] / p->count[k];

	for (size_t s = 0; s < spots; s++) {
		const float *v = p->psi + 2 * (s * n + k);

		sum += v[0] * v[0] + v[1] * v[1];
	}
	return fmaxf(sum, 0);
}

/* v[n] is room to work in. */
static void set_level(struct em_reference_phase *p, size_t spots, size_t n, bool single, float *v)
{
	double typical2;
	size_t reached = 0;

	for (size_t k = 0; k < n; k++) {
		p->level2[k] = p->count[k] > 0 ? power_of(p, spots, n, k) : NAN;
		if (p->count[k] > 0)
			v[reached++] = p->level2[k];
	}
	typical2 = typical_of(v, reached);
	for (size_t k = 0; k < n; k++) {
		p->there[k] = typical2 > 0 && (double)p->level2[k] >= typical2 / 4;
		if (!isnan(p->level2[k]) && (single || !(p->there[k] > 0)))
			p->level2[k] = (float)typical2;
	}
	p->typical = sqrt(typical2);
}

int em_reference_init(struct em_reference *ref, const struct em_order_plan *plan,
                      const struct em_order_frame *const *frames, size_t n, bool single, struct em_error *err)
{
	size_t size = points(plan);
	float *room = malloc(size * sizeof(*room));
	int status = room ? 0 : -1;

	*ref = (struct em_reference){0};
	for (size_t i = 0; i < em_order_plan_phases(plan) && !status; i++) {
		struct em_reference_phase *p = &ref->phase[i];
		size_t spots = em_order_plan_phase(plan, i)->count;

		status = init_phase(p, size, spots);
		if (status)
			break;
		set_least(room, frames, n, i, size);
		for (size_t k = 0; k < n; k++)
			add(p, &frames[k]->map[i], room, size, spots);
		set_level(p, spots, size, single, room);
	}
	free(room);
	if (!status)
		return 0;
	em_reference_release(ref);
	return em_error_memory(err, size * sizeof(float));
}

/* ---- comparing ---- */

void em_reference_amplitude(const struct em_reference *ref, const struct em_order_plan *plan,
                            const struct em_order_frame *f, size_t phase, float *amplitude)
{
	const float *c2 = f->map[phase].contrast2, *level2 = ref->phase[phase].level2;

	for (size_t k = 0; k < points(plan); k++)
		amplitude[k] = isnan(c2[k]) || !(level2[k] > 0) ? NAN : sqrtf(fmaxf(0, c2[k]) / level2[k]);
}

/* What one spot of a frame has in common with the reference, z = psi conj psi_ref, and where. */
struct overlap {
	const struct em_order_plan *plan;
	size_t rows, columns;
	double step[2]; /* px from one point to the next */
	const float *psi, *ref, *weight;
};

static struct overlap overlap_of(const struct em_reference *ref, const struct em_order_plan *plan,
                                 const struct em_order_frame *f, size_t phase, size_t spot, const float *weight)
{
	const struct em_map_grid *g = em_order_plan_grid(plan);
	struct overlap o = {.plan = plan, .rows = em_map_grid_rows(g), .columns = em_map_grid_columns(g)};
	size_t at = 2 * o.rows * o.columns * spot;

	em_map_grid_step(g, o.step);
	o.psi = f->map[phase].psi + at;
	o.ref = ref->phase[phase].psi + at;
	o.weight = weight;
	return o;
}

/* z at a point, weighed; 0 where either does not reach. */
static void common(const struct overlap *o, size_t k, double z[2])
{
	const float *a = o->psi + 2 * k, *b = o->ref + 2 * k;

	z[0] = z[1] = 0;
	if (isnan(a[0]) || !(o->weight[k] > 0))
		return;
	z[0] = (double)o->weight[k] * ((double)a[0] * (double)b[0] + (double)a[1] * (double)b[1]);
	z[1] = (double)o->weight[k] * ((double)a[1] * (double)b[0] - (double)a[0] * (double)b[1]);
}

static void place(const struct overlap *o, const double middle[2], size_t k, double at[2])
{
	at[0] = (double)(k / o->columns) * o->step[0] - middle[0];
	at[1] = (double)(k % o->columns) * o->step[1] - middle[1];
}

/* A first slope, from how z turns from one point to the next; and the middle of what there is.  False: nothing. */
static bool begin_plane(const struct overlap *o, struct em_order_plane *p)
{
	static const double zero[2] = {0, 0};
	double turn[2][2] = {{0}}, total = 0, at[2];

	*p = (struct em_order_plane){0};
	for (size_t k = 0; k < o->rows * o->columns; k++) {
		double z[2], size;

		common(o, k, z);
		size = hypot(z[0], z[1]);
		place(o, zero, k, at);
		total += size;
		p->middle[0] += size * at[0];
		p->middle[1] += size * at[1];
		for (int d = 0; d < 2; d++) {
			double next[2];

			if (d == 0 ? k / o->columns + 1 == o->rows : k % o->columns + 1 == o->columns)
				continue;
			common(o, k + (d == 0 ? o->columns : 1), next);
			turn[d][0] += next[0] * z[0] + next[1] * z[1];
			turn[d][1] += next[1] * z[0] - next[0] * z[1];
		}
	}
	if (!(total > 0))
		return false;
	for (int d = 0; d < 2; d++) {
		p->middle[d] /= total;
		p->slope[d] = atan2(turn[d][1], turn[d][0]) / o->step[d];
	}
	return true;
}

/* The sums that Newton's method takes: with z turned back by the plane, sum z, its first and second moments. */
struct sums {
	double z[2], size;
	double first[2];    /* Im z (y, x) */
	double second[3];   /* Re z (yy, yx, xx) */
	double re1[2];      /* Re z (y, x) */
	double spread[2];   /* (Im z)^2 (yy, xx): of the first moments, point by point */
};

static struct sums sum_up(const struct overlap *o, const struct em_order_plane *p)
{
	struct sums s = {0};

	for (size_t k = 0; k < o->rows * o->columns; k++) {
		double z[2], at[2], angle, re, im;

		common(o, k, z);
		if (z[0] == 0 && z[1] == 0)
			continue;
		place(o, p->middle, k, at);
		angle = p->angle + p->slope[0] * at[0] + p->slope[1] * at[1];
		re = z[0] * cos(angle) + z[1] * sin(angle);
		im = z[1] * cos(angle) - z[0] * sin(angle);
		s.z[0] += re;
		s.z[1] += im;
		s.size += hypot(z[0], z[1]);
		for (int d = 0; d < 2; d++) {
			s.first[d] += im * at[d];
			s.re1[d] += re * at[d];
			s.spread[d] += im * im * at[d] * at[d];
		}
		s.second[0] += re * at[0] * at[0];
		s.second[1] += re * at[0] * at[1];
		s.second[2] += re * at[1] * at[1];
	}
	return s;
}

/* Towards the plane that makes Re sum z exp(-i theta) the greatest; false: it is not near to one. */
static bool improve(struct em_order_plane *p, const struct sums *s)
{
	/* The slopes' normal equations, with the angle's eliminated. */
	double a = s->second[0] - s->re1[0] * s->re1[0] / s->z[0], b = s->second[1] - s->re1[0] * s->re1[1] / s->z[0];
	double c = s->second[2] - s->re1[1] * s->re1[1] / s->z[0], det = a * c - b * b;
	double y = s->first[0] - s->re1[0] * s->z[1] / s->z[0], x = s->first[1] - s->re1[1] * s->z[1] / s->z[0];
	double dy, dx;

	if (!(s->z[0] > 0 && a > 0 && c > 0 && det > 0))
		return false;
	dy = (c * y - b * x) / det;
	dx = (a * x - b * y) / det;
	p->slope[0] += dy;
	p->slope[1] += dx;
	p->angle += (s->z[1] - s->re1[0] * dy - s->re1[1] * dx) / s->z[0];
	return true;
}

/* Points that share their noise: the grid's over the mask's, whose effective area is (sum M^2)^2 / sum M^4. */
static double shared_points(const struct overlap *o, double radius)
{
	double coefficients = 0.4 * acos(-1.0) * radius * radius * o->step[0] * o->step[1];

	return fmax(1, 1 / coefficients);
}

static struct em_order_plane fit_plane(const struct overlap *o, double radius)
{
	struct em_order_plane p, flat;
	struct sums s;

	if (!begin_plane(o, &p))
		return p;
	flat = p;
	flat.slope[0] = flat.slope[1] = 0;
	s = sum_up(o, &flat);
	flat.angle = atan2(s.z[1], s.z[0]);
	flat.coherence = hypot(s.z[0], s.z[1]) / s.size;
	s = sum_up(o, &p);
	p.angle = atan2(s.z[1], s.z[0]);
	/* Where there is little lattice left, chance may turn the first slope; it has to be better than none. */
	if (hypot(s.z[0], s.z[1]) / s.size < flat.coherence)
		p = flat;
	for (int i = 0; i < STEPS; i++) {
		s = sum_up(o, &p);
		if (!improve(&p, &s))
			break;
	}
	s = sum_up(o, &p);
	p.coherence = hypot(s.z[0], s.z[1]) / s.size;
	if (p.coherence < flat.coherence)
		return flat;
	for (int d = 0; d < 2; d++)
		p.slope_u[d] = sqrt(s.spread[d] * shared_points(o, radius)) / fmax(s.second[2 * d], 1e-30);
	return p;
}

void em_reference_fit(const struct em_reference *ref, const struct em_order_plan *plan, const struct em_order_frame *f,
                      size_t phase, const float *weight, struct em_order_plane planes[EM_ORDER_SPOTS])
{
	const struct em_order_phase *p = em_order_plan_phase(plan, phase);

	for (size_t s = 0; s < p->count; s++) {
		struct overlap o = overlap_of(ref, plan, f, phase, s, weight);

		planes[s] = fit_plane(&o, p->spot[s].radius);
	}
}

void em_reference_order(const struct em_reference *ref, const struct em_order_plan *plan,
                        const struct em_order_frame *f, size_t phase, const struct em_order_plane *planes, float *order,
                        float *across)
{
	size_t n = points(plan), spots = em_order_plan_phase(plan, phase)->count;
	const struct em_map_grid *g = em_order_plan_grid(plan);
	const float *level2 = ref->phase[phase].level2;
	size_t columns = em_map_grid_columns(g);
	double step[2];

	em_map_grid_step(g, step);
	for (size_t k = 0; k < n; k++) {
		double sum[2] = {0, 0}, y = (double)(k / columns) * step[0], x = (double)(k % columns) * step[1];

		for (size_t s = 0; s < spots; s++) {
			const float *a = f->map[phase].psi + 2 * (s * n + k), *b = ref->phase[phase].psi + 2 * (s * n + k);
			const struct em_order_plane *p = &planes[s];
			double angle = p->angle + p->slope[0] * (y - p->middle[0]) + p->slope[1] * (x - p->middle[1]);
			double re = (double)a[0] * (double)b[0] + (double)a[1] * (double)b[1];
			double im = (double)a[1] * (double)b[0] - (double)a[0] * (double)b[1];

			sum[0] += re * cos(angle) + im * sin(angle);
			sum[1] += im * cos(angle) - re * sin(angle);
		}
		order[k] = level2[k] > 0 ? (float)(sum[0] / (double)level2[k]) : NAN;
		if (across)
			across[k] = level2[k] > 0 ? (float)(sum[1] / (double)level2[k]) : NAN;
	}
}
