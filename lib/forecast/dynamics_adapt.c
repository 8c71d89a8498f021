/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/dynamics.h"

#include <math.h>
#include <stdlib.h>

#define FORGET 0.95
#define MEMBERS 0.98
#define FAITH 10  /* forecasts that what was learned from other series is worth */
#define LEAST 0.5 /* of standard deviations */
#define MOST 10

/* Of one horizon: forecasts that wait for what they are of, and sums, exponentially forgetful. */
struct horizon {
	size_t steps;
	double *said; /* [steps][3 rank]: the banks' mean, the variance expected, what the regression adds */
	double n, both, square, surprise;
};

struct em_dynamics_adaptation {
	size_t rank, horizons, count;
	struct horizon horizon[EM_DYNAMICS_HORIZONS];
};

void em_dynamics_adaptation_free(struct em_dynamics_adaptation *a)
{
	for (size_t h = 0; a && h < a->horizons; h++)
		free(a->horizon[h].said);
	free(a);
}

int em_dynamics_adapt(struct em_dynamics_run *r, struct em_error *err)
{
	const struct em_dynamics *d = r->d;
	struct em_dynamics_adaptation *a = calloc(1, sizeof(*a));

	if (!a)
		return em_error_memory(err, sizeof(*a));
	a->rank = d->rank;
	for (; a->horizons < d->horizons; a->horizons++) {
		struct horizon *h = &a->horizon[a->horizons];

		h->steps = d->horizon[a->horizons];
		h->said = calloc(h->steps, 3 * d->rank * sizeof(*h->said));
		if (!h->said) {
			em_error_memory(err, 3 * h->steps * d->rank * sizeof(*h->said));
			em_dynamics_adaptation_free(a);
			return -1;
		}
	}
	for (size_t k = 0; k < d->rank; k++)
		r->trend[k].forget = MEMBERS;
	em_dynamics_adaptation_free(r->adaptation);
	r->adaptation = a;
	return 0;
}

/* The share is the least squares' of the banks' errors on what the regression adds, with a faith in 1. */
static struct em_dynamics_take best(const struct horizon *h)
{
	double faith = h->n > 0 ? FAITH * h->square / h->n : 0, all = h->square + faith,
	       scale = sqrt((h->surprise + FAITH) / (h->n + FAITH));

	return (struct em_dynamics_take){all > 0 ? fmax(0, fmin(1, (h->both + faith) / all)) : 1,
	                                 fmax(LEAST, fmin(MOST, scale))};
}

static void compare(struct horizon *h, size_t rank, const double *said, const double *value, double noise)
{
	const double *expected = said + rank, *more = expected + rank;
	double share = best(h).share, both = 0, square = 0, surprise = 0;

	for (size_t k = 0; k < rank; k++) {
		double off = value[k] - said[k], left = off - share * more[k];

		both += off * more[k];
		square += more[k] * more[k];
		surprise += left * left / (expected[k] + noise) / (double)rank;
	}
	h->n = FORGET * h->n + 1;
	h->both = FORGET * h->both + both;
	h->square = FORGET * h->square + square;
	h->surprise = FORGET * h->surprise + surprise;
}

void em_dynamics_adaptation_push(struct em_dynamics_adaptation *a, const double *value, double variance)
{
	for (size_t i = 0; i < a->horizons && value && isfinite(variance) && variance > 0; i++) {
		struct horizon *h = &a->horizon[i];

		if (a->count >= h->steps)
			compare(h, a->rank, h->said + a->count % h->steps * 3 * a->rank, value, variance);
	}
}

void em_dynamics_adaptation_note(struct em_dynamics_adaptation *a, const struct em_dynamics_run *r)
{
	const struct em_dynamics *d = r->d;

	for (size_t i = 0; i < a->horizons; i++) {
		struct horizon *h = &a->horizon[i];
		double *said = h->said + a->count % h->steps * 3 * a->rank, *expected = said + a->rank;

		em_dynamics_parts(r, i, said, expected, said + 2 * a->rank);
		for (size_t k = 0; k < a->rank && d->learned; k++)
			expected[k] = d->covariance[i * a->rank * a->rank + k * (a->rank + 1)];
	}
	a->count++;
}

struct em_dynamics_take em_dynamics_adaptation_get(const struct em_dynamics_adaptation *a, size_t h)
{
	static const struct em_dynamics_take learned = {1, 1};

	return a ? best(&a->horizon[h]) : learned;
}
