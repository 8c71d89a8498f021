/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 0.15F /* loss of contrast that a reference frame may have at a place, next to the best */
#define HALF 0.5F

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
		for (size_t c = k; c < 2 * spots * n; c += n)
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

	for (size_t c = k; c < 2 * spots * n; c += n)
		sum += p->psi[c] * p->psi[c];
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
