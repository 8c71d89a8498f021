/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/adam.h"

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

static lanes load(const float *from, size_t n)
{
	lanes v = {0};

	memcpy(&v, from, n * sizeof(*from));
	return v;
}

static void store(float *to, lanes v, size_t n)
{
	memcpy(to, &v, n * sizeof(*to));
}

/* n <= LANES weights, from the i-th. */
static inline void step(const struct em_adam *a, const struct em_adam_weights *w, size_t i, size_t n)
{
	lanes g = load(w->part[0] + w->at + i, n), m = load(w->m + i, n), v = load(w->v + i, n);

	for (size_t p = 1; p < w->parts; p++)
		g += load(w->part[p] + w->at + i, n);
	m = a->beta1 * m + a->rest1 * g;
	v = a->beta2 * v + a->rest2 * g * g;
	store(w->m + i, m, n);
	store(w->v + i, v, n);
	store(w->value + i, load(w->value + i, n) - a->rate * m / (root(v) + a->epsilon), n);
}

void em_adam_step(const struct em_adam *adam, const struct em_adam_weights *w, size_t n)
{
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		step(adam, w, i, LANES);
	if (i < n)
		step(adam, w, i, n - i);
}
