/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/dynamics.h"

#include "forecast/ridge.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FOLDS 16     /* at most: groups of series, each foretold from all others */
#define SKIP 4       /* numbers of a series before its first forecast counts */
#define BEGINNING 15 /* numbers whose line is a series' beginning */
#define BINS 400     /* of errors over their expected size, */
#define BIN 0.02
#define NORMAL_90 1.6448536269514722

static const size_t horizons[EM_DYNAMICS_HORIZONS] = {1, 2, 3, 5, 9, 14, 20, 30, 45, 68, 102, 153};

struct learner {
	struct em_dynamics *d;
	const struct em_track *tracks;
	size_t count, folds;
	struct em_ridge *ridge; /* [horizons] */
	const double *probe;
	size_t probes;
	double *work; /* [features + 2 rank]: a row and what goes with it; then [horizons][BINS] */
};

/* ---- priors ---- */

/* The line through the first numbers of a track: level at the first, and slope.  False: too few. */
static bool beginning(const struct em_track *t, size_t rank, size_t k, double line[2])
{
	double n = 0, x = 0, y = 0, xx = 0, xy = 0, first = -1;

	for (size_t i = 0; i < t->count && n < BEGINNING; i++)
		if (isfinite(t->variance[i])) {
			double at, v = t->value[i * rank + k];

			first = first < 0 ? (double)i : first;
			at = (double)i - first;
			n++;
			x += at;
			y += v;
			xx += at * at;
			xy += at * v;
		}
	if (n < SKIP)
		return false;
	line[1] = (xy - x * y / n) / (xx - x * x / n);
	line[0] = (y - line[1] * x) / n;
	return true;
}

static double mean_noise(const struct learner *l)
{
	double sum = 0, n = 0;

	for (size_t s = 0; s < l->count; s++)
		for (size_t i = 0; i < l->tracks[s].count; i++)
			if (isfinite(l->tracks[s].variance[i])) {
				sum += l->tracks[s].variance[i];
				n++;
			}
	return n > 0 ? sum / n : NAN;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The variance of number k by the one told: from second differences, of which the median of squares is 0.455 of the
 * mean; at least 1. */
static double measure_noise(struct learner *l, size_t k, double *square)
{
	size_t rank = l->d->rank, n = 0;

	for (size_t s = 0; s < l->count; s++)
		for (size_t i = 1; i + 1 < l->tracks[s].count; i++) {
			const double *v = l->tracks[s].value + i * rank + k, *e = l->tracks[s].variance + i;
			double d = v[0] * 2 - v[-(ptrdiff_t)rank] - v[rank], told = e[-1] + 4 * e[0] + e[1];

			if (isfinite(told) && told > 0)
				square[n++] = d * d / told;
		}
	if (!n)
		return 1;
	qsort(square, n, sizeof(*square), by_value);
	return fmax(1, square[n / 2] / 0.4549);
}

static int set_priors(struct learner *l, struct em_error *err)
{
	double told = mean_noise(l), *room;
	size_t all = 1;

	for (size_t s = 0; s < l->count; s++)
		all += l->tracks[s].count;
	room = malloc(all * sizeof(*room));
	if (!room)
		return em_error_memory(err, all * sizeof(*room));
	for (size_t k = 0; k < l->d->rank; k++) {
		double n = 0, sum[2] = {0}, square[2] = {0}, line[2], variance[2];
		/* trends alone have to follow what is not counting; a regression has its pick of them */
		double noise = measure_noise(l, k, room), unit = l->count < EM_DYNAMICS_LEAST ? noise * told : told;

		for (size_t s = 0; s < l->count; s++)
			if (beginning(&l->tracks[s], l->d->rank, k, line)) {
				n++;
				for (int j = 0; j < 2; j++) {
					sum[j] += line[j];
					square[j] += line[j] * line[j];
				}
			}
		if (!(n > 0) || !(unit > 0)) {
			free(room);
			return em_error_set(err, EM_ERROR_DATA,
			                    "no series of %d spectra with counts: too short to learn", SKIP);
		}
		/* twice what was seen, and what one series alone leaves open */
		for (int j = 0; j < 2; j++)
			variance[j] =
			    2 * fmax(0, square[j] / n - sum[j] * sum[j] / n / n) + square[j] / n / n / n + unit;
		em_trend_prior_init(&l->d->prior[k], sum[0] / n, variance[0], sum[1] / n, variance[1], unit);
		l->d->prior[k].noise = noise;
	}
	free(room);
	return 0;
}

/* ---- the regressions ---- */

typedef void visit(struct learner *l, size_t s, size_t h, const struct em_dynamics_run *r, const double *target,
                   double noise);

/* Every forecast of every series whose target was measured. */
static int walk(struct learner *l, visit *see, struct em_error *err)
{
	struct em_dynamics *d = l->d;
	struct em_dynamics_run r;

	for (size_t s = 0; s < l->count; s++) {
		const struct em_track *t = &l->tracks[s];

		if (em_dynamics_begin(&r, d, err))
			return -1;
		for (size_t i = 0, seen = 0; i < t->count; i++) {
			em_dynamics_push(&r, t->value + i * d->rank, t->variance[i]);
			seen += isfinite(t->variance[i]) ? 1 : 0;
			for (size_t h = 0; h < d->horizons && seen >= SKIP; h++) {
				size_t to = i + d->horizon[h];

				if (to < t->count && isfinite(t->variance[to]))
					see(l, s, h, &r, t->value + to * d->rank, t->variance[to]);
			}
		}
		em_dynamics_end(&r);
	}
	return 0;
}

static void sum_up(struct learner *l, size_t s, size_t h, const struct em_dynamics_run *r, const double *target,
                   double noise)
{
	size_t rank = l->d->rank;
	double *row = l->work, *y = row + l->d->features, *variance = y + rank;

	em_dynamics_row(r, l->d->horizon[h], row, y, variance);
	for (size_t k = 0; k < rank; k++)
		y[k] = target[k] - y[k];
	em_ridge_add(&l->ridge[h], s % l->folds, row, y, noise);
}

/* ---- how wide the intervals have to be ---- */

static void compare(struct learner *l, size_t s, size_t h, const struct em_dynamics_run *r, const double *target,
                    double noise)
{
	struct em_dynamics *d = l->d;
	size_t f = d->features, n = d->rank;
	double *row = l->work, *e = row + f, *variance = e + n, *count = variance + n + h * BINS;
	const double *w = l->ridge[h].held + (s % l->folds) * f * n, *c = d->covariance + h * n * n;

	em_dynamics_row(r, d->horizon[h], row, e, variance);
	for (size_t k = 0; k < n; k++) {
		for (size_t i = 0; d->learned && i < f; i++)
			e[k] += row[i] * w[i * n + k];
		e[k] = target[k] - e[k];
	}
	for (size_t p = 0; p < l->probes; p++) {
		const double *q = l->probe + p * n;
		double error = 0, size = 0;

		for (size_t k = 0; k < n; k++) {
			error += q[k] * e[k];
			size += q[k] * q[k] * (noise + (d->learned ? 0 : variance[k]));
			for (size_t j = 0; d->learned && j < n; j++)
				size += q[k] * q[j] * c[k * n + j];
		}
		if (size > 0)
			count[(size_t)fmin(BINS - 1, fabs(error) / sqrt(size) / BIN)]++;
	}
}

static void set_widths(struct learner *l)
{
	for (size_t h = 0; h < l->d->horizons; h++) {
		const double *count = l->work + l->d->features + 2 * l->d->rank + h * BINS;
		double all = 0, below = 0;
		size_t i = 0;

		for (size_t k = 0; k < BINS; k++)
			all += count[k];
		while (i + 1 < BINS && below + count[i] < 0.9 * all)
			below += count[i++];
		l->d->widen[h] = all > 0 ? ((double)i + 0.5) * BIN / NORMAL_90 : 1;
		l->d->widen[h] = fmax(l->d->widen[h], 0.5);
	}
}

/* ---- all ---- */

/* Those that two series or more reach, or any where there is one. */
static void choose_horizons(struct learner *l, size_t furthest)
{
	size_t n = 0, longest = 0, next = 0;

	for (size_t s = 0; s < l->count; s++) {
		size_t c = l->tracks[s].count;

		next = c > longest ? longest : c > next ? c : next;
		longest = c > longest ? c : longest;
	}
	if (l->count == 1)
		next = longest;
	while (n < EM_DYNAMICS_HORIZONS && horizons[n] <= furthest && 2 * SKIP + horizons[n] <= next) {
		l->d->horizon[n] = horizons[n];
		n++;
	}
	l->d->horizons = n;
}

static int allocate(struct learner *l, struct em_error *err)
{
	const struct em_dynamics *d = l->d;

	l->folds = l->count < FOLDS ? l->count : FOLDS;
	l->ridge = calloc(d->horizons + 1, sizeof(*l->ridge));
	l->work = calloc(d->features + 2 * d->rank + d->horizons * BINS, sizeof(*l->work));
	if (!l->ridge || !l->work)
		return em_error_memory(err, d->horizons * BINS * sizeof(*l->work));
	for (size_t h = 0; h < d->horizons; h++)
		if (em_ridge_init(&l->ridge[h], d->features, d->rank, l->folds, err))
			return -1;
	return 0;
}

static int learn(struct learner *l, size_t furthest, struct em_error *err)
{
	struct em_dynamics *d = l->d;

	if (set_priors(l, err))
		return -1;
	choose_horizons(l, furthest);
	if (allocate(l, err))
		return -1;
	d->learned = l->count >= EM_DYNAMICS_LEAST;
	if (d->learned) {
		if (walk(l, sum_up, err))
			return -1;
		for (size_t h = 0; h < d->horizons; h++)
			em_ridge_solve(&l->ridge[h], d->weight + h * d->features * d->rank,
			               d->covariance + h * d->rank * d->rank);
	}
	if (walk(l, compare, err))
		return -1;
	set_widths(l);
	return 0;
}

int em_dynamics_learn(struct em_dynamics *out, size_t rank, const struct em_track *tracks, size_t count,
                      size_t furthest, const double *probe, size_t probes, struct em_error *err)
{
	struct em_dynamics d;
	struct learner l = {.d = &d, .tracks = tracks, .count = count, .probe = probe, .probes = probes};
	double *own = NULL;
	int status;

	if (em_dynamics_alloc(&d, rank, err))
		return -1;
	if (!probes && (own = calloc(rank * rank, sizeof(*own)))) {
		for (size_t k = 0; k < rank; k++)
			own[k * (rank + 1)] = 1;
		l.probe = own;
		l.probes = rank;
	}
	status = learn(&l, furthest, err);
	free(own);
	for (size_t h = 0; l.ridge && h < d.horizons; h++)
		em_ridge_release(&l.ridge[h]);
	free(l.ridge);
	free(l.work);
	if (status)
		em_dynamics_release(&d);
	else
		*out = d;
	return status;
}
