/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/dynamics.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void em_dynamics_release(struct em_dynamics *d)
{
	free(d->prior);
	free(d->weight);
	free(d->covariance);
	free(d->widen);
	*d = (struct em_dynamics){0};
}

int em_dynamics_alloc(struct em_dynamics *d, size_t rank, struct em_error *err)
{
	size_t h = EM_DYNAMICS_HORIZONS, features = 1 + rank * (EM_TREND_FEATURES + 1);

	*d = (struct em_dynamics){.rank = rank, .features = features};
	if (rank && rank < 1024) {
		d->prior = calloc(rank, sizeof(*d->prior));
		d->weight = calloc(h * features * rank, sizeof(*d->weight));
		d->covariance = calloc(h * rank * rank, sizeof(*d->covariance));
		d->widen = calloc(h, sizeof(*d->widen));
	}
	if (d->prior && d->weight && d->covariance && d->widen)
		return 0;
	em_dynamics_release(d);
	return em_error_memory(err, h * features * rank * sizeof(double));
}

int em_dynamics_begin(struct em_dynamics_run *r, const struct em_dynamics *d, struct em_error *err)
{
	*r = (struct em_dynamics_run){.d = d};
	r->trend = calloc(d->rank + 1, sizeof(*r->trend));
	r->work = calloc(d->features + 5 * d->rank, sizeof(*r->work));
	if (!r->trend || !r->work) {
		em_dynamics_end(r);
		return em_error_memory(err, d->rank * sizeof(*r->trend));
	}
	for (size_t k = 0; k < d->rank; k++)
		em_trend_begin(&r->trend[k], &d->prior[k]);
	return 0;
}

void em_dynamics_end(struct em_dynamics_run *r)
{
	free(r->trend);
	free(r->work);
	em_dynamics_adaptation_free(r->adaptation);
	*r = (struct em_dynamics_run){0};
}

void em_dynamics_push(struct em_dynamics_run *r, const double *value, double variance)
{
	if (r->adaptation)
		em_dynamics_adaptation_push(r->adaptation, value, variance);
	for (size_t k = 0; k < r->d->rank; k++)
		em_trend_push(&r->trend[k], value ? value[k] : NAN, value ? variance : NAN);
	if (r->adaptation)
		em_dynamics_adaptation_note(r->adaptation, r);
}

void em_dynamics_row(const struct em_dynamics_run *r, size_t steps, double *row, double *mean, double *variance)
{
	size_t rank = r->d->rank;

	row[0] = 1;
	for (size_t k = 0; k < rank; k++) {
		em_trend_features(&r->trend[k], row + 1 + k * EM_TREND_FEATURES);
		em_trend_forecast(&r->trend[k], steps, &mean[k], &variance[k]);
		row[1 + rank * EM_TREND_FEATURES + k] = mean[k];
	}
}

/* mean += share * what the regression at one horizon adds; row is that of this horizon. */
static void correct(const struct em_dynamics *d, size_t h, const double *row, double share, double *mean)
{
	const double *w = d->weight + h * d->features * d->rank;

	for (size_t i = 0; i < d->features; i++)
		for (size_t k = 0; k < d->rank; k++)
			mean[k] += share * row[i] * w[i * d->rank + k];
}

void em_dynamics_parts(const struct em_dynamics_run *r, size_t h, double *mean, double *variance, double *more)
{
	em_dynamics_row(r, r->d->horizon[h], r->work, mean, variance);
	memset(more, 0, r->d->rank * sizeof(*more));
	if (r->d->learned)
		correct(r->d, h, r->work, 1, more);
}

/* horizon[*h] <= steps < horizon[*h + 1], and how far between; beyond the last: at it. */
static double find(const struct em_dynamics *d, size_t steps, size_t *h)
{
	size_t i = 0;

	while (i + 1 < d->horizons && d->horizon[i + 1] <= steps)
		i++;
	*h = i;
	if (i + 1 >= d->horizons || steps <= d->horizon[i])
		return 0;
	return (double)(steps - d->horizon[i]) / (double)(d->horizon[i + 1] - d->horizon[i]);
}

/* What a forecast takes from the horizons around it. */
struct between {
	size_t h;
	double part[2]; /* of horizon h and the next */
	struct em_dynamics_take take[2];
	double widen;
};

static struct between place(const struct em_dynamics_run *r, size_t steps)
{
	const struct em_dynamics *d = r->d;
	struct between b = {.widen = d->horizons ? 0 : 1};
	double f = find(d, steps, &b.h);

	b.part[0] = 1 - f;
	b.part[1] = f;
	for (size_t i = 0; i < 2 && d->horizons && b.part[i] > 0; i++) {
		b.take[i] = em_dynamics_adaptation_get(r->adaptation, b.h + i);
		b.widen += b.part[i] * d->widen[b.h + i] * b.take[i].scale;
	}
	return b;
}

/* As learned at the horizons around; beyond the last it grows as the banks' does. */
static void spread(const struct em_dynamics_run *r, size_t steps, const struct between *b, const double *variance,
                   double *covariance)
{
	const struct em_dynamics *d = r->d;
	size_t n = d->rank;
	double grow = 1;

	if (d->learned && steps > d->horizon[b->h] && !(b->part[1] > 0)) {
		double mean, last, now = 0, then = 0;

		for (size_t k = 0; k < n; k++) {
			em_trend_forecast(&r->trend[k], d->horizon[b->h], &mean, &last);
			now += variance[k];
			then += last;
		}
		grow = then > 0 ? fmax(1, now / then) : 1;
	}
	for (size_t i = 0; i < n * n; i++) {
		const double *c = d->covariance + b->h * n * n + i;
		double own = i % (n + 1) == 0 ? variance[i / (n + 1)] : 0,
		       learned = b->part[0] * c[0] + (b->part[1] > 0 ? b->part[1] * c[n * n] : 0);

		covariance[i] = b->widen * b->widen * (d->learned ? grow * learned : own);
	}
}

/* mean += what the horizons around add to the banks' forecast.  Each horizon's regression goes by its own. */
static void add_parts(const struct em_dynamics_run *r, size_t steps, const struct between *b, double *mean)
{
	const struct em_dynamics *d = r->d;
	size_t n = d->rank;
	double *base = r->work + d->features + n, *other = base + n, *more = other + n;

	for (size_t i = 0; i < 2 && d->learned && steps > 0 && b->part[i] > 0; i++) {
		em_dynamics_parts(r, b->h + i, base, other, more);
		for (size_t k = 0; k < n; k++)
			mean[k] += b->part[i] * b->take[i].share * more[k];
	}
}

void em_dynamics_forecast(const struct em_dynamics_run *r, size_t steps, double *mean, double *covariance)
{
	double *row = r->work, *variance = row + r->d->features;
	const struct between b = place(r, steps);

	em_dynamics_row(r, steps, row, mean, variance);
	add_parts(r, steps, &b, mean);
	if (covariance)
		spread(r, steps, &b, variance, covariance);
}
