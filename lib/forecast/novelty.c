/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/novelty.h"

#include "forecast/trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST 8  /* spectra that say what has been there from the beginning */
#define LAST 64  /* spectra that are searched */
#define LEAST 12 /* of them, before anything is found */
#define TURNS 40 /* of the power method */

struct em_novelty {
	const struct em_lowrank *lr;
	size_t channels, count, rows; /* spectra; those not missing and past the first */
	size_t first;                 /* of FIRST so far */
	double *base;                 /* [channels]: what was left of the first ones */
	double *row;       /* [LAST][channels]: of the last ones less that, weighted; oldest at rows % LAST */
	size_t when[LAST]; /* their numbers in time */
	double product[LAST][LAST];
	bool found;
	double *shape; /* [channels]: unit length where weighted */
	double noise;  /* variance of a weighted channel */
};

struct em_novelty *em_novelty_new(const struct em_lowrank *lr, struct em_error *err)
{
	size_t n = lr->energy.channels;
	struct em_novelty *v = calloc(1, sizeof(*v));

	if (v && !(v->base = calloc((LAST + 2) * n, sizeof(*v->base)))) {
		free(v);
		v = NULL;
	}
	if (!v) {
		em_error_memory(err, (LAST + 2) * n * sizeof(double));
		return NULL;
	}
	v->lr = lr;
	v->channels = n;
	v->shape = v->base + n;
	v->row = v->shape + n;
	return v;
}

void em_novelty_free(struct em_novelty *v)
{
	if (v)
		free(v->base);
	free(v);
}

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* What the basis leaves, weighted. */
static void leave(const struct em_novelty *v, const struct em_observation *o, double *out)
{
	const struct em_basis *b = &v->lr->basis;
	double *model = o->work;

	em_lowrank_reconstruct(v->lr, o->score, model);
	for (size_t i = 0; i < v->channels; i++)
		out[i] = b->weight[i] * ((double)o->aligned[i] - model[i]);
}

static void add_row(struct em_novelty *v, const struct em_observation *o)
{
	size_t at = v->rows % LAST, filled;
	double *row = v->row + at * v->channels;

	leave(v, o, row);
	if (v->first < FIRST) {
		v->first++;
		for (size_t i = 0; i < v->channels; i++)
			v->base[i] += row[i] / FIRST;
		return;
	}
	for (size_t i = 0; i < v->channels; i++)
		row[i] -= v->base[i];
	v->when[at] = v->count;
	v->rows++;
	filled = v->rows < LAST ? v->rows : LAST;
	for (size_t k = 0; k < filled; k++)
		v->product[at][k] = v->product[k][at] = dot(row, v->row + k * v->channels, v->channels);
}

/* The greatest eigenvalue of the rows' products about their mean, and its vector. */
static double greatest(const struct em_novelty *v, size_t n, double *vector, double *trace)
{
	double c[LAST][LAST], mean[LAST] = {0}, all = 0, value = 0;

	for (size_t a = 0; a < n; a++) {
		for (size_t b = 0; b < n; b++)
			mean[a] += v->product[a][b] / (double)n;
		all += mean[a] / (double)n;
		vector[a] = 1 / sqrt((double)n) * (a % 2 ? 1 : -1) + (double)a / (double)n;
	}
	*trace = 0;
	for (size_t a = 0; a < n; a++) {
		for (size_t b = 0; b < n; b++)
			c[a][b] = v->product[a][b] - mean[a] - mean[b] + all;
		*trace += c[a][a];
	}
	for (int k = 0; k < TURNS; k++) {
		double next[LAST] = {0};

		for (size_t a = 0; a < n; a++)
			for (size_t b = 0; b < n; b++)
				next[a] += c[a][b] * vector[b];
		value = sqrt(dot(next, next, n));
		for (size_t a = 0; a < n && value > 0; a++)
			vector[a] = next[a] / value;
	}
	return value;
}

/* A singular value beyond eq. 11 of Gavish & Donoho (basis.h), with the noise that the others have. */
static void search(struct em_novelty *v)
{
	size_t n = v->rows < LAST ? v->rows : LAST;
	double vector[LAST], trace, value, ratio = (double)n / (double)v->channels, edge, size;

	if (n < LEAST)
		return;
	value = greatest(v, n, vector, &trace);
	v->noise = (trace - value) / (double)(n - 2) / (double)v->channels;
	edge = 2 * (ratio + 1) + 8 * ratio / (ratio + 1 + sqrt(ratio * ratio + 14 * ratio + 1));
	if (!(value > edge * v->noise * (double)v->channels))
		return; /* what was found before stays */
	memset(v->shape, 0, v->channels * sizeof(*v->shape));
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < v->channels; i++)
			v->shape[i] += vector[k] * v->row[k * v->channels + i];
	size = sqrt(dot(v->shape, v->shape, v->channels));
	for (size_t i = 0; i < v->channels; i++)
		v->shape[i] /= size;
	v->found = true;
}

void em_novelty_push(struct em_novelty *v, const struct em_observation *o)
{
	if (o) {
		add_row(v, o);
		search(v);
	}
	v->count++;
}

bool em_novelty_forecast(const struct em_novelty *v, size_t steps, double *spectrum, double *spread)
{
	const double *weight = v->lr->basis.weight;
	size_t n = v->rows < LAST ? v->rows : LAST, oldest = v->rows - n, now;
	struct em_trend_prior prior;
	struct em_trend t;
	double square = 0, mean, variance;

	if (!v->found)
		return false;
	for (size_t k = 0; k < n; k++)
		square += pow(dot(v->shape, v->row + k * v->channels, v->channels), 2) / (double)n;
	em_trend_prior_init(&prior, 0, square + v->noise, 0, square / (double)n, v->noise);
	em_trend_begin(&t, &prior);
	now = v->when[oldest % LAST];
	for (size_t k = oldest; k < v->rows; k++) {
		for (; now < v->when[k % LAST]; now++)
			em_trend_push(&t, NAN, NAN);
		em_trend_push(&t, dot(v->shape, v->row + k % LAST * v->channels, v->channels), v->noise);
		now++;
	}
	em_trend_forecast(&t, steps + v->count - now, &mean, &variance);
	for (size_t i = 0; i < v->channels; i++) {
		double shape = weight[i] > 0 ? v->shape[i] / weight[i] : 0;

		spectrum[i] += mean * shape;
		spread[i] = sqrt(variance) * shape;
	}
	return true;
}
