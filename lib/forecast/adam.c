/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/adam.h"

#include <math.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#define LANES 4

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

struct em_adam em_adam_at(double rate, double beta1, double beta2, double epsilon, bool torch, uint64_t t)
{
	double shrunk = sqrt(1 - pow(beta2, (double)t));

	return (struct em_adam){.beta1 = (float)beta1,
	                        .beta2 = (float)beta2,
	                        .rate = (float)(rate * shrunk / (1 - pow(beta1, (double)t))),
	                        .epsilon = (float)(torch ? epsilon * shrunk : epsilon),
	                        .rest1 = (float)(1 - beta1),
	                        .rest2 = (float)(1 - beta2)};
}

/* The library's sqrtf sets errno, which keeps compilers from making vectors of it. */
static lanes root(lanes v)
{
#ifdef __SSE2__
	return (lanes)_mm_sqrt_ps((__m128)v);
#else
	for (int i = 0; i < LANES; i++)
		v[i] = sqrtf(v[i]);
	return v;
#endif
}

static inline lanes load(const float *from)
{
	lanes v;

	memcpy(&v, from, sizeof(v));
	return v;
}

static inline void store(float *to, lanes v)
{
	memcpy(to, &v, sizeof(v));
}

/* One vector; *g becomes the step. */
static inline void step(const struct em_adam *a, lanes *g, lanes *m, lanes *v)
{
	*m = a->beta1 * *m + a->rest1 * *g;
	*v = a->beta2 * *v + a->rest2 * *g * *g;
	*g = a->rate * *m / (root(*v) + a->epsilon);
}

/* The last few, through a vector that is not full. */
static void step_rest(const struct em_adam *adam, const struct em_adam_weights *w, size_t i, size_t n)
{
	lanes g = {0}, m = {0}, v = {0};

	for (size_t k = 0; k < n; k++) {
		for (size_t p = 0; p < w->parts; p++)
			g[k] += w->part[p][w->at + i + k];
		m[k] = w->m[i + k];
		v[k] = w->v[i + k];
	}
	step(adam, &g, &m, &v);
	for (size_t k = 0; k < n; k++) {
		w->m[i + k] = m[k];
		w->v[i + k] = v[k];
		w->value[i + k] -= g[k];
	}
}

void em_adam_step(const struct em_adam *adam, const struct em_adam_weights *w, size_t n)
{
	size_t i = 0;

	for (; i + LANES <= n; i += LANES) {
		lanes g = load(w->part[0] + w->at + i), m = load(w->m + i), v = load(w->v + i);

		for (size_t p = 1; p < w->parts; p++)
			g += load(w->part[p] + w->at + i);
		step(adam, &g, &m, &v);
		store(w->m + i, m);
		store(w->v + i, v);
		store(w->value + i, load(w->value + i) - g);
	}
	if (i < n)
		step_rest(adam, w, i, n - i);
}
