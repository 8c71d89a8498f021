/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The planes of a frame's phases against the reference's, and its order once they are taken off. */
#include "crystal/reference.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4 /* points of the grid that a mask blurs over */
/* Blocks share their noise, whose spectrum is M^2: what the square of the scatter of a sum over many is to that of
 * independent ones. */
#define SHARED 2.79
#define STEPS 4     /* of Newton's method: each squares the error */
#define SMALL 1e-4  /* of a turn, radians over the whole map: it has converged */
#define EXACT 1e-12 /* uncertainty of a slope, at least: 0 says that it is not known */

/* exp(i (slope x + angle)) at n points, `step` px apart, x = 0 at `middle`: the plane's phase is a product of two of
 * these.  out[2][n]: real parts, then imaginary ones. */
static void set_phasors(float *out, size_t n, double step, double middle, double slope, double angle)
{
	const double complex turn = cexp(I * slope * step);
	double complex e = cexp(I * (angle - slope * middle));

	for (size_t i = 0; i < n; i++, e *= turn) {
		out[i] = (float)creal(e);
		out[n + i] = (float)cimag(e);
	}
}

/* What one spot of a frame has in common with the reference: z = psi conj psi_ref, weighed. */
struct overlap {
	size_t rows, columns;
	double step[2]; /* px from one point to the next */
	float *z;       /* [2][rows][columns]: real parts, then imaginary ones */
	float *down;    /* [2][rows] room for phasors, */
	float *across;  /* [2][columns] more, */
	float *line;    /* [2][columns] and for sums over a few rows */
	/* z turned back by a first plane, summed over blocks of BLOCK points a side: what a mask resolves.  There is no
	 * more than that to fit to. */
	size_t block_rows, block_columns;
	float (*block)[2];
};

/* n points of arrays [2][n]; where nothing is known, nothing counts. */
static void set_overlap(float *restrict z, const float *psi, const float *ref, const float *weight, size_t n)
{
	const float *re = psi, *im = psi + n, *ref_re = ref, *ref_im = ref + n;

	for (size_t k = 0; k < n; k++) {
		float a = weight[k] * (re[k] * ref_re[k] + im[k] * ref_im[k]);
		float b = weight[k] * (im[k] * ref_re[k] - re[k] * ref_im[k]);

		z[k] = isnan(a) ? 0 : a;
		z[n + k] = isnan(b) ? 0 : b;
	}
}

/* sum[2][n] += turn z */
static void add_turned(float *restrict sum, const float *re, const float *im, size_t n, float turn_re, float turn_im)
{
	float *restrict sum_im = sum + n;

	for (size_t x = 0; x < n; x++) {
		sum[x] += turn_re * re[x] - turn_im * im[x];
		sum_im[x] += turn_re * im[x] + turn_im * re[x];
	}
}

/* sum = turn z from `begin` on over one block, of lines [2][n] */
static void add_across(float sum[2], const float *turn, const float *z, size_t begin, size_t n)
{
	sum[0] = sum[1] = 0;
	for (size_t x = begin; x < begin + BLOCK && x < n; x++) {
		sum[0] += turn[x] * z[x] - turn[n + x] * z[n + x];
		sum[1] += turn[x] * z[n + x] + turn[n + x] * z[x];
	}
}

/* Of z turned back by the plane's slope. */
static void set_blocks(struct overlap *o, const struct em_order_plane *p)
{
	const size_t rows = o->rows, n = o->columns;
	const float *down = o->down, *across = o->across, *line = o->line, *z = o->z;

	set_phasors(o->down, rows, o->step[0], p->middle[0], -p->slope[0], 0);
	set_phasors(o->across, n, o->step[1], p->middle[1], -p->slope[1], 0);
	for (size_t j = 0; j < o->block_rows; j++) {
		memset(o->line, 0, 2 * n * sizeof(*o->line));
		for (size_t y = BLOCK * j; y < BLOCK * (j + 1) && y < rows; y++)
			add_turned(o->line, z + y * n, z + (rows + y) * n, n, down[y], down[rows + y]);
		for (size_t i = 0; i < o->block_columns; i++)
			add_across(o->block[j * o->block_columns + i], across, line, BLOCK * i, n);
	}
}

static double complex block_of(const float z[2])
{
	return (double)z[0] + I * (double)z[1];
}

/* A first slope, from how blocks made without any turn from one to the next; and the middle of what there is.  False:
 * nothing. */
static bool begin_plane(const struct overlap *o, struct em_order_plane *p)
{
	double complex down = 0, across = 0;
	double total = 0;

	for (size_t y = 0; y < o->block_rows; y++)
		for (size_t x = 0; x < o->block_columns; x++) {
			const float(*at)[2] = (const float(*)[2])o->block + y * o->block_columns + x;
			const double complex z = block_of(*at);
			double size = creal(z * conj(z));

			total += size;
			p->middle[0] += size * (double)y;
			p->middle[1] += size * (double)x;
			if (y + 1 < o->block_rows)
				down += block_of(at[o->block_columns]) * conj(z);
			if (x + 1 < o->block_columns)
				across += block_of(at[1]) * conj(z);
		}
	if (!(total > 0))
		return false;
	p->middle[0] *= BLOCK * o->step[0] / total;
	p->middle[1] *= BLOCK * o->step[1] / total;
	p->slope[0] = carg(down) / (BLOCK * o->step[0]);
	p->slope[1] = carg(across) / (BLOCK * o->step[1]);
	return true;
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
	const float *down = o->down, *across = o->across;
	const size_t rows = o->block_rows, columns = o->block_columns;
	double step[2] = {BLOCK * o->step[0], BLOCK * o->step[1]}, middle[2];
	struct sums s = {0};

	for (int d = 0; d < 2; d++) /* of the first block, px */
		middle[d] = p->middle[d] - (BLOCK - 1) / 2.0 * o->step[d];
	set_phasors(o->down, rows, step[0], middle[0], made->slope[0] - p->slope[0], -p->angle);
	set_phasors(o->across, columns, step[1], middle[1], made->slope[1] - p->slope[1], 0);
	for (size_t y = 0; y < rows; y++)
		for (size_t x = 0; x < columns; x++) {
			const float *z = o->block[y * columns + x];
			float re = down[y] * across[x] - down[rows + y] * across[columns + x];
			float im = down[y] * across[columns + x] + down[rows + y] * across[x];
			const float turned[2] = {re * z[0] - im * z[1], re * z[1] + im * z[0]};

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
	const struct em_order_plane level = {0};
	struct em_order_plane made = level, p;
	struct sums still, s;

	set_blocks(o, &level);
	if (!begin_plane(o, &made))
		return level;
	still = sum_up(o, &level, &level);
	set_blocks(o, &made);
	s = sum_up(o, &made, &made);
	/* Where there is little lattice left, chance may turn the first slope: it has to be better than none. */
	if (hypot(still.z[0], still.z[1]) > hypot(s.z[0], s.z[1])) {
		made.slope[0] = made.slope[1] = 0;
		set_blocks(o, &made);
		s = still;
	}
	p = made;
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
	o.z = malloc(2 * (n + o.rows + 2 * o.columns + o.block_rows * o.block_columns) * sizeof(*o.z));
	if (!o.z)
		return em_error_memory(err, n * sizeof(*o.z));
	o.down = o.z + 2 * n;
	o.across = o.down + 2 * o.rows;
	o.line = o.across + 2 * o.columns;
	o.block = (float(*)[2])(o.line + 2 * o.columns);
	for (size_t s = 0; s < p->count; s++) {
		set_overlap(o.z, f->map[phase].psi + 2 * n * s, ref->phase[phase].psi + 2 * n * s, weight, n);
		planes[s] = fit_plane(&o);
	}
	free(o.z);
	return 0;
}

/* A row of psi exp(-i theta) conj psi_ref of one spot; the spot's arrays are [2][n], the phasors [2][columns]. */
static void add_row(float *restrict re, float *restrict im, const float *psi, const float *ref, size_t n,
                    const float *across, size_t columns, float down_re, float down_im)
{
	for (size_t x = 0; x < columns; x++) {
		float turn_re = down_re * across[x] - down_im * across[columns + x];
		float turn_im = down_re * across[columns + x] + down_im * across[x];
		float z_re = psi[x] * ref[x] + psi[n + x] * ref[n + x];
		float z_im = psi[n + x] * ref[x] - psi[x] * ref[n + x];

		re[x] += turn_re * z_re - turn_im * z_im;
		im[x] += turn_re * z_im + turn_im * z_re;
	}
}

static void add_spot(const struct em_map_grid *g, const float *psi, const float *ref, const struct em_order_plane *p,
                     float *phasors, float *re, float *im)
{
	size_t rows = em_map_grid_rows(g), columns = em_map_grid_columns(g);
	float *down = phasors, *across = phasors + 2 * rows;
	double step[2];

	em_map_grid_step(g, step);
	set_phasors(down, rows, step[0], p->middle[0], -p->slope[0], -p->angle);
	set_phasors(across, columns, step[1], p->middle[1], -p->slope[1], 0);
	for (size_t y = 0, k = 0; y < rows; y++, k += columns)
		add_row(re + k, im + k, psi + k, ref + k, rows * columns, across, columns, down[y], down[rows + y]);
}

int em_reference_order(const struct em_reference *ref, const struct em_order_plan *plan, const struct em_order_frame *f,
                       size_t phase, const struct em_order_plane *planes, float *order, float *across,
                       struct em_error *err)
{
	const struct em_map_grid *g = em_order_plan_grid(plan);
	const struct em_reference_phase *r = &ref->phase[phase];
	size_t rows = em_map_grid_rows(g), columns = em_map_grid_columns(g), n = rows * columns;
	float *phasors = malloc(2 * (rows + columns) * sizeof(*phasors));

	if (!phasors)
		return em_error_memory(err, 2 * (rows + columns) * sizeof(*phasors));
	memset(order, 0, n * sizeof(*order));
	memset(across, 0, n * sizeof(*across));
	for (size_t s = 0; s < em_order_plan_phase(plan, phase)->count; s++)
		add_spot(g, f->map[phase].psi + 2 * n * s, r->psi + 2 * n * s, &planes[s], phasors, order, across);
	for (size_t k = 0; k < n; k++) {
		float by = r->level2[k] > 0 ? 1 / r->level2[k] : NAN;

		order[k] *= by;
		across[k] *= by;
	}
	free(phasors);
	return 0;
}
