/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames whose lattice is known in closed form, and what lib/crystal makes of them. */
#ifndef EM_TEST_CRYSTAL_HELP_H
#define EM_TEST_CRYSTAL_HELP_H

#include "base/random.h"
#include "crystal/order.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spectrum_help.h"

#define TURN 6.283185307179586
#define WAVES 4
#define GLASS 60 /* waves of amorphous matter */

static inline void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/*
 * I(r) = mean (1 + slope (x - middle) / width) (1 + share(r) sum of contrast cos(2 pi g.(r - u(r)) + phase)
 *                                                + (1 - share(r)) matter(r)) + noise,
 * u(r) = shift + e (r - middle), middle = (height / 2, width / 2).  matter: plane waves of any direction and phase, |k|
 * within 15 % of the first |g|, as strong in sum as the lattice.
 */
struct scene {
	size_t height, width;
	double mean, slope;
	double g[WAVES][2]; /* y, x */
	size_t waves;
	double contrast, phase;
	double shift[2], e[2][2];
	double (*share)(double y, double x); /* of the specimen: moved by the shift; NULL: 1 */
	uint64_t seed;                       /* of the noise, and with `glass` of the matter */
	uint64_t glass;                      /* 0: where the lattice is not, there is nothing */
	double noise;                        /* standard deviation of Gaussian noise */
	bool poisson;
};

struct glass {
	double y[GLASS], x[GLASS], phase[GLASS], amplitude;
};

static inline struct glass glass_of(const struct scene *s)
{
	struct glass m = {.amplitude = s->contrast * sqrt((double)s->waves / GLASS)};
	double g = hypot(s->g[0][0], s->g[0][1]);
	struct em_random r;

	em_random_seed(&r, s->glass, 77);
	for (int i = 0; i < GLASS; i++) {
		double k = g * em_random_between(&r, 0.85, 1.15), a = em_random_between(&r, 0, TURN);

		m.y[i] = k * sin(a);
		m.x[i] = k * cos(a);
		m.phase[i] = em_random_between(&r, 0, TURN);
	}
	return m;
}

static inline double brightness(const struct scene *s, const struct glass *m, double y, double x)
{
	double my = (double)s->height / 2, mx = (double)s->width / 2, ry = y - s->shift[0], rx = x - s->shift[1];
	double share = s->share ? s->share(ry, rx) : 1, v = 1;

	for (size_t k = 0; k < s->waves && share > 0; k++) {
		double uy = s->shift[0] + s->e[0][0] * (y - my) + s->e[0][1] * (x - mx);
		double ux = s->shift[1] + s->e[1][0] * (y - my) + s->e[1][1] * (x - mx);

		v += share * s->contrast * cos(TURN * (s->g[k][0] * (y - uy) + s->g[k][1] * (x - ux)) + s->phase);
	}
	for (int i = 0; i < GLASS && share < 1 && s->glass; i++)
		v += (1 - share) * m->amplitude * cos(TURN * (m->y[i] * ry + m->x[i] * rx) + m->phase[i]);
	return v * s->mean * (1 + s->slope * (x - mx) / (double)s->width);
}

static inline struct em_array draw(const struct scene *s)
{
	const struct glass m = glass_of(s);
	struct em_array a;
	struct em_random r;

	em_random_seed(&r, s->seed, 5);
	assert_int_equal(em_array_alloc_image(&a, EM_F32, s->height, s->width, NULL), 0);
	for (size_t i = 0; i < s->height * s->width; i++) {
		double v = brightness(s, &m, (double)(i / s->width), (double)(i % s->width));

		if (s->noise > 0)
			v += s->noise * em_random_normal(&r);
		((float *)a.data)[i] = s->poisson ? (float)em_random_poisson(&r, v) : (float)v;
	}
	return a;
}

/* ---- what the library makes of it ---- */

static inline struct em_order_plan *plan_for(const struct scene *s, double radius)
{
	struct em_order_phase p = {.name = "film", .count = s->waves};
	struct em_order_plan *plan;

	for (size_t k = 0; k < s->waves; k++)
		p.spot[k] = (struct em_spot){.y = s->g[k][0], .x = s->g[k][1]};
	plan = em_order_plan_new(s->height, s->width, &p, 1, radius, NULL, 0, NULL);
	assert_non_null(plan);
	return plan;
}

static inline struct em_order_frame form_array(const struct em_order_plan *plan, const struct em_array *a,
                                               const double drift[2])
{
	struct em_spectrum_plan *transform = em_spectrum_plan_new(a->shape[0], a->shape[1], NULL);
	bool *wanted = calloc(em_spectrum_pieces(a->shape[1]), sizeof(*wanted));
	struct em_spectrum s;
	struct em_order_frame f = {0};

	assert_true(transform && wanted);
	em_order_want(plan, wanted);
	s = spectrum_part(transform, a, wanted);
	free(wanted);
	assert_int_equal(em_order_cut(plan, &s, &f, NULL), 0);
	em_spectrum_release(&s);
	assert_int_equal(em_order_form(plan, drift, &f, NULL), 0);
	em_spectrum_plan_free(transform);
	return f;
}

static inline struct em_order_frame form_scene(const struct em_order_plan *plan, const struct scene *s)
{
	struct em_array a = draw(s);
	struct em_order_frame f = form_array(plan, &a, s->shift);

	em_array_release(&a);
	return f;
}

static inline size_t grid_points(const struct em_order_plan *plan)
{
	return em_map_grid_rows(em_order_plan_grid(plan)) * em_map_grid_columns(em_order_plan_grid(plan));
}

/* Where point k of the grid is, px. */
static inline void grid_place(const struct em_order_plan *plan, size_t k, double *y, double *x)
{
	const struct em_map_grid *g = em_order_plan_grid(plan);
	double step[2];

	em_map_grid_step(g, step);
	*y = (double)(k / em_map_grid_columns(g)) * step[0];
	*x = (double)(k % em_map_grid_columns(g)) * step[1];
}

#endif
