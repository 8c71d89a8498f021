/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4 /* points of the grid that a mask blurs over */
/* Blocks share their noise, whose spectrum is M^2: what the square of the scatter of a sum over many is to that of
 * independent ones. */
#define SHARED 2.79
#define STEPS 4     /* of Newton's method: each squares the error */
#define SMALL 1e-4  /* of a turn, radians over the whole map: it has converged */
#define LEAST 0.15F /* loss of contrast that a reference frame may have at a place, next to the best */
#define HALF 0.5F
#define EXACT 1e-12 /* uncertainty of a slope, at least: 0 says that it is not known */

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
 * noise's standard deviations, from LEAST to HALF; or whatever, where there is nothing but noise.  NaN where none
 * reaches.
 */
static void set_least(float *least, const struct em_order_frame *const *frames, size_t count, size_t phase, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		float most = NAN, noise = 0;

		for (size_t i = 0; i < count; i++) {
			const struct em_order_map *m = &frames[i]->map[phase];

			if (isnan(m->contrast2[k]) || m->contrast2[k] <= most)
				continue;
			most = m->contrast2[k];
			noise = m->noise2[k];
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
		p->there[k] = typical2 > 0 && (single || (double)p->level2[k] >= typical2 / 4);
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

/* exp(i slope x) at n points, `step` px apart, x = 0 at `middle`: the plane's phase is a product of two of these. */
static void set_phasors(float (*out)[2], size_t n, double step, double middle, double slope, double angle)
{
	for (size_t i = 0; i < n; i++) {
		double a = angle + slope * ((double)i * step - middle);

		out[i][0] = (float)cos(a);
		out[i][1] = (float)sin(a);
	}
}

static void multiply(const float a[2], const float b[2], float out[2])
{
	out[0] = a[0] * b[0] - a[1] * b[1];
	out[1] = a[0] * b[1] + a[1] * b[0];
}

/* What one spot of a frame has in common with the reference: z = psi conj psi_ref, weighed. */
struct overlap {
	size_t rows, columns;
	double step[2];     /* px from one point to the next */
	float (*z)[2];      /* [rows][columns] */
	float (*phasor)[2]; /* [rows + columns]: room */
	/* z turned back by a first plane, summed over blocks of BLOCK points a side: what a mask resolves.  There is no
	 * more than that to fit to. */
	size_t block_rows, block_columns;
	float (*block)[2];
};

static void set_overlap(struct overlap *o, const float *psi, const float *ref, const float *weight)
{
	for (size_t k = 0; k < o->rows * o->columns; k++) {
		const float *a = psi + 2 * k, *b = ref + 2 * k;
		bool there = weight[k] > 0 && !isnan(a[0]);

		o->z[k][0] = there ? weight[k] * (a[0] * b[0] + a[1] * b[1]) : 0;
		o->z[k][1] = there ? weight[k] * (a[1] * b[0] - a[0] * b[1]) : 0;
	}
}

/* A first slope, from how z turns from one point to the next; and the middle of what there is.  False: nothing. */
static bool begin_plane(const struct overlap *o, struct em_order_plane *p)
{
	double down[2] = {0, 0}, across[2] = {0, 0}, total = 0;

	*p = (struct em_order_plane){0};
	for (size_t y = 0; y < o->rows; y++)
		for (size_t x = 0; x < o->columns; x++) {
			const float *z = o->z[y * o->columns + x];
			const float *below = y + 1 < o->rows ? z + 2 * o->columns : z;
			const float *right = x + 1 < o->columns ? z + 2 : z;
			double size = (double)(z[0] * z[0] + z[1] * z[1]);

			total += size;
			p->middle[0] += size * (double)y * o->step[0];
			p->middle[1] += size * (double)x * o->step[1];
			down[0] += (double)(below[0] * z[0] + below[1] * z[1]);
			down[1] += (double)(below[1] * z[0] - below[0] * z[1]);
			across[0] += (double)(right[0] * z[0] + right[1] * z[1]);
			across[1] += (double)(right[1] * z[0] - right[0] * z[1]);
		}
	if (!(total > 0))
		return false;
	p->middle[0] /= total;
	p->middle[1] /= total;
	p->slope[0] = atan2(down[1], down[0]) / o->step[0];
	p->slope[1] = atan2(across[1], across[0]) / o->step[1];
	return true;
}

static void set_blocks(struct overlap *o, const struct em_order_plane *p)
{
	float(*down)[2] = o->phasor, (*across)[2] = o->phasor + o->rows;

	set_phasors(down, o->rows, o->step[0], p->middle[0], -p->slope[0], 0);
	set_phasors(across, o->columns, o->step[1], p->middle[1], -p->slope[1], 0);
	memset(o->block, 0, o->block_rows * o->block_columns * sizeof(*o->block));
	for (size_t y = 0; y < o->rows; y++)
		for (size_t x = 0; x < o->columns; x++) {
			float *sum = o->block[y / BLOCK * o->block_columns + x / BLOCK], turn[2], turned[2];

			multiply(down[y], across[x], turn);
			multiply(turn, o->z[y * o->columns + x], turned);
			sum[0] += turned[0];
			sum[1] += turned[1];
		}
}

/* The sums that Newton's method takes, of z turned back by the plane. */
struct sums {
	double z[2], size;
	double first[2];  /* Im z (y, x) */
	double re1[2];    /* Re z (y, x) */
	double second[3]; /* Re z (yy, yx, xx) */
	double spread[2]; /* (Im z)^2 (yy, xx): of the first moments, point by point */
};

static void add_point(struct sums *s, const float z[2], double y, double x)
{
	double re = (double)z[0], im = (double)z[1];

	s->z[0] += re;
	s->z[1] += im;
	s->size += sqrt(re * re + im * im);
	s->first[0] += im * y;
	s->first[1] += im * x;
	s->re1[0] += re * y;
	s->re1[1] += re * x;
	s->second[0] += re * y * y;
	s->second[1] += re * y * x;
	s->second[2] += re * x * x;
	s->spread[0] += im * im * y * y;
	s->spread[1] += im * im * x * x;
}

/* Of the blocks, turned back by what a plane says more than the one that they were made with. */
static struct sums sum_up(const struct overlap *o, const struct em_order_plane *p, const struct em_order_plane *made)
{
	float(*down)[2] = o->phasor, (*across)[2] = o->phasor + o->rows;
	double step[2] = {BLOCK * o->step[0], BLOCK * o->step[1]}, middle[2];
	struct sums s = {0};

	for (int d = 0; d < 2; d++) /* of the first block, px */
		middle[d] = p->middle[d] - (BLOCK - 1) / 2.0 * o->step[d];
	set_phasors(down, o->block_rows, step[0], middle[0], made->slope[0] - p->slope[0], -p->angle);
	set_phasors(across, o->block_columns, step[1], middle[1], made->slope[1] - p->slope[1], 0);
	for (size_t y = 0; y < o->block_rows; y++)
		for (size_t x = 0; x < o->block_columns; x++) {
			const float *z = o->block[y * o->block_columns + x];
			float turn[2], turned[2];

			multiply(down[y], across[x], turn);
			multiply(turn, z, turned);
			add_point(&s, turned, (double)y * step[0] - middle[0], (double)x * step[1] - middle[1]);
		}
	return s;
}

static double coherence_of(const struct sums *s)
{
	return sqrt(s->z[0] * s->z[0] + s->z[1] * s->z[1]) / s->size;
}

/* Towards the plane that makes Re sum z exp(-i theta) the greatest; false: it is not near to one, or there. */
static bool improve(const struct overlap *o, struct em_order_plane *p, const struct sums *s)
{
	/* The slopes' normal equations, with the angle's eliminated. */
	double a = s->second[0] - s->re1[0] * s->re1[0] / s->z[0], b = s->second[1] - s->re1[0] * s->re1[1] / s->z[0];
	double c = s->second[2] - s->re1[1] * s->re1[1] / s->z[0], det = a * c - b * b;
	double y = s->first[0] - s->re1[0] * s->z[1] / s->z[0], x = s->first[1] - s->re1[1] * s->z[1] / s->z[0];
	double dy, dx, turn;

	if (!(s->z[0] > 0 && a > 0 && c > 0 && det > 0))
		return false;
	dy = (c * y - b * x) / det;
	dx = (a * x - b * y) / det;
	turn = (s->z[1] - s->re1[0] * dy - s->re1[1] * dx) / s->z[0];
	p->slope[0] += dy;
	p->slope[1] += dx;
	p->angle += turn;
	return fabs(dy) * (double)o->rows * o->step[0] + fabs(dx) * (double)o->columns * o->step[1] + fabs(turn) >
	       SMALL;
}

/* From a plane with the best angle for its slope to the best plane nearby: where matter without a lattice has its say,
 * a step may lead away, and is not taken. */
static struct em_order_plane refine_plane(const struct overlap *o, const struct em_order_plane *begin,
                                          const struct em_order_plane *made)
{
	struct em_order_plane best = *begin, p = best;
	struct sums s = sum_up(o, &p, made), b = s;

	for (int i = 0; i < STEPS && improve(o, &p, &s); i++) {
		s = sum_up(o, &p, made);
		if (s.z[0] < b.z[0])
			break;
		best = p;
		b = s;
	}
	best.coherence = coherence_of(&b);
	for (int d = 0; d < 2; d++) /* the reference itself is not strained, and known to be so */
		best.slope_u[d] = fmax(sqrt(SHARED * b.spread[d]) / fmax(b.second[2 * d], 1e-30), EXACT);
	return best;
}

static struct em_order_plane fit_plane(struct overlap *o)
{
	struct em_order_plane made, p;
	double level[2] = {0, 0};
	struct sums s;

	if (!begin_plane(o, &made))
		return made;
	set_blocks(o, &made);
	p = made;
	s = sum_up(o, &p, &made);
	for (size_t k = 0; k < o->rows * o->columns; k++)
		for (int c = 0; c < 2; c++)
			level[c] += (double)o->z[k][c];
	/* Where there is little lattice left, chance may turn the first slope: it has to be better than none. */
	if (hypot(level[0], level[1]) > hypot(s.z[0], s.z[1])) {
		made.slope[0] = made.slope[1] = 0;
		set_blocks(o, &made);
		p = made;
		s = sum_up(o, &p, &made);
	}
	p.angle = atan2(s.z[1], s.z[0]);
	return refine_plane(o, &p, &made);
}

int em_reference_fit(const struct em_reference *ref, const struct em_order_plan *plan, const struct em_order_frame *f,
                     size_t phase, const float *weight, struct em_order_plane planes[EM_ORDER_SPOTS],
                     struct em_error *err)
{
	const struct em_order_phase *p = em_order_plan_phase(plan, phase);
	const struct em_map_grid *g = em_order_plan_grid(plan);
	struct overlap o = {.rows = em_map_grid_rows(g), .columns = em_map_grid_columns(g)};
	size_t n = o.rows * o.columns;

	em_map_grid_step(g, o.step);
	o.block_rows = (o.rows + BLOCK - 1) / BLOCK;
	o.block_columns = (o.columns + BLOCK - 1) / BLOCK;
	o.z = malloc((n + o.rows + o.columns + o.block_rows * o.block_columns) * sizeof(*o.z));
	if (!o.z)
		return em_error_memory(err, n * sizeof(*o.z));
	o.phasor = o.z + n;
	o.block = o.phasor + o.rows + o.columns;
	for (size_t s = 0; s < p->count; s++) {
		set_overlap(&o, f->map[phase].psi + 2 * n * s, ref->phase[phase].psi + 2 * n * s, weight);
		planes[s] = fit_plane(&o);
	}
	free(o.z);
	return 0;
}

/* sum[k] += psi exp(-i theta) conj psi_ref of one spot. */
static void add_spot(float (*sum)[2], const struct em_map_grid *g, const float *psi, const float *ref,
                     const struct em_order_plane *p, float (*phasor)[2])
{
	size_t rows = em_map_grid_rows(g), columns = em_map_grid_columns(g);
	float(*down)[2] = phasor, (*across)[2] = phasor + rows;
	double step[2];

	em_map_grid_step(g, step);
	set_phasors(down, rows, step[0], p->middle[0], -p->slope[0], -p->angle);
	set_phasors(across, columns, step[1], p->middle[1], -p->slope[1], 0);
	for (size_t y = 0; y < rows; y++)
		for (size_t x = 0; x < columns; x++) {
			size_t k = y * columns + x;
			const float *a = psi + 2 * k, *b = ref + 2 * k;
			float z[2] = {a[0] * b[0] + a[1] * b[1], a[1] * b[0] - a[0] * b[1]}, turn[2], turned[2];

			multiply(down[y], across[x], turn);
			multiply(turn, z, turned);
			sum[k][0] += turned[0];
			sum[k][1] += turned[1];
		}
}

int em_reference_order(const struct em_reference *ref, const struct em_order_plan *plan, const struct em_order_frame *f,
                       size_t phase, const struct em_order_plane *planes, float *order, float *across,
                       struct em_error *err)
{
	const struct em_map_grid *g = em_order_plan_grid(plan);
	const float *level2 = ref->phase[phase].level2;
	size_t n = points(plan), lines = em_map_grid_rows(g) + em_map_grid_columns(g);
	float(*sum)[2] = calloc(n + lines, sizeof(*sum));

	if (!sum)
		return em_error_memory(err, n * sizeof(*sum));
	for (size_t s = 0; s < em_order_plan_phase(plan, phase)->count; s++)
		add_spot(sum, g, f->map[phase].psi + 2 * n * s, ref->phase[phase].psi + 2 * n * s, &planes[s], sum + n);
	for (size_t k = 0; k < n; k++) {
		order[k] = level2[k] > 0 ? sum[k][0] / level2[k] : NAN;
		if (across)
			across[k] = level2[k] > 0 ? sum[k][1] / level2[k] : NAN;
	}
	free(sum);
	return 0;
}
