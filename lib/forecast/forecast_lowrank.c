/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our own model: the scores' dynamics (forecast/dynamics.h). */
#include "forecast/forecast.h"

#include "base/linalg.h"
#include "forecast/dynamics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PROBES 128 /* channels whose intervals are measured */

struct run {
	struct em_dynamics_run dynamics;
	double *mean, *covariance; /* [rank], [rank][rank] */
};

static void release(void *own)
{
	em_dynamics_release(own);
	free(own);
}

/* Channels as sums of scores, spread over the axis. */
static double *make_probes(const struct em_lowrank *lr, size_t *count, struct em_error *err)
{
	size_t rank = lr->basis.rank, n = lr->energy.channels, step = n > PROBES ? n / PROBES : 1;
	double *probe = malloc((n / step + 1) * rank * sizeof(*probe));

	if (!probe) {
		em_error_memory(err, (n / step + 1) * rank * sizeof(*probe));
		return NULL;
	}
	*count = n / step;
	for (size_t p = 0; p < *count; p++)
		for (size_t k = 0; k < rank; k++)
			probe[p * rank + k] = lr->shape[k * n + p * step];
	return probe;
}

static int learn(struct em_forecast *f, const struct em_forecast_track *tracks, size_t count,
                 const struct em_forecast_settings *set, struct em_error *err)
{
	struct em_track *t = calloc(count, sizeof(*t));
	struct em_dynamics *d = calloc(1, sizeof(*d));
	size_t probes = 0;
	double *probe = make_probes(&f->lowrank, &probes, err);
	int status = -1;

	if (!t || !d)
		em_error_memory(err, count * sizeof(*t));
	for (size_t s = 0; t && s < count; s++)
		t[s] = (struct em_track){tracks[s].count, tracks[s].score, tracks[s].variance};
	if (t && d && probe)
		status = em_dynamics_learn(d, f->lowrank.basis.rank, t, count, set->furthest, probe, probes, err);
	if (status)
		free(d);
	else
		f->own = d;
	free(t);
	free(probe);
	return status;
}

static int begin(const struct em_forecast *f, void **out, struct em_error *err)
{
	size_t rank = f->lowrank.basis.rank;
	struct run *r = calloc(1, sizeof(*r));

	if (!r)
		return em_error_memory(err, sizeof(*r));
	r->mean = calloc(rank + rank * rank + 1, sizeof(double));
	if (!r->mean || em_dynamics_begin(&r->dynamics, f->own, err)) {
		free(r->mean);
		free(r);
		return em_error_memory(err, rank * rank * sizeof(double));
	}
	r->covariance = r->mean + rank;
	*out = r;
	return 0;
}

static void end(void *run)
{
	struct run *r = run;

	em_dynamics_end(&r->dynamics);
	free(r->mean);
	free(r);
}

static int adapt(void *run, struct em_error *err)
{
	return em_dynamics_adapt(&((struct run *)run)->dynamics, err);
}

static void push(const struct em_forecast *f, void *run, const struct em_forecast_view *view)
{
	struct run *r = run;

	(void)f;
	em_dynamics_push(&r->dynamics, view->missing ? NULL : view->score, view->variance);
}

/* In place, a root of the covariance, one row a direction: rows of its Cholesky factor's transpose.  A covariance that
 * is not quite positive definite keeps its diagonal. */
static void take_root(double *c, size_t rank)
{
	double trace = 0;

	for (size_t k = 0; k < rank; k++)
		trace += c[k * (rank + 1)];
	for (size_t k = 0; k < rank; k++)
		c[k * (rank + 1)] += 1e-9 * trace + 1e-300;
	double diagonal[256];
	for (size_t k = 0; k < rank && k < 256; k++)
		diagonal[k] = sqrt(fmax(c[k * (rank + 1)], 0));
	if (!em_cholesky_factor(c, rank, NULL))
		return;
	memset(c, 0, rank * rank * sizeof(*c));
	for (size_t k = 0; k < rank && k < 256; k++)
		c[k * (rank + 1)] = diagonal[k];
}

void em_forecast_put_scores(const struct em_forecast *f, double scale, double *mean, double *covariance,
                            double *spectrum, double *spread)
{
	size_t rank = f->lowrank.basis.rank, n = f->lowrank.energy.channels;

	for (size_t k = 0; k < rank; k++)
		mean[k] *= scale;
	em_lowrank_reconstruct(&f->lowrank, mean, spectrum);
	take_root(covariance, rank);
	for (size_t j = 0; j < rank; j++) {
		for (size_t k = 0; k < rank; k++)
			mean[k] = scale * covariance[k * rank + j];
		em_lowrank_reconstruct(&f->lowrank, mean, spread + j * n);
	}
}

static int predict(const struct em_forecast *f, void *run, size_t steps, double scale, double *spectrum, double *spread,
                   struct em_error *err)
{
	struct run *r = run;

	(void)err;
	em_dynamics_forecast(&r->dynamics, steps, r->mean, r->covariance);
	em_forecast_put_scores(f, scale, r->mean, r->covariance, spectrum, spread);
	return 0;
}

/* ---- files ---- */

static int print(const struct em_forecast *f, struct em_forecast_file *file, struct em_error *err)
{
	const struct em_dynamics *d = f->own;
	double steps[EM_DYNAMICS_HORIZONS];

	(void)err;
	for (size_t h = 0; h < d->horizons; h++)
		steps[h] = d->learned ? (double)d->horizon[h] : -(double)d->horizon[h];
	em_forecast_file_add(file, "dynamics.horizon", steps, 1, d->horizons);
	em_forecast_file_add(file, "dynamics.prior", (const double *)d->prior, d->rank,
	                     sizeof(*d->prior) / sizeof(double));
	em_forecast_file_add(file, "dynamics.weight", d->weight, d->horizons, d->features * d->rank);
	em_forecast_file_add(file, "dynamics.covariance", d->covariance, d->horizons, d->rank * d->rank);
	em_forecast_file_add(file, "dynamics.widen", d->widen, 1, d->horizons);
	return 0;
}

static int read_horizons(struct em_dynamics *d, const struct em_safetensors *file, struct em_error *err)
{
	const struct em_tensor *t = em_safetensors_find(file, "dynamics.horizon");
	double steps[EM_DYNAMICS_HORIZONS], last = 0;
	size_t n = t ? t->count : 0;

	if (!t || n > EM_DYNAMICS_HORIZONS)
		return em_error_set(err, EM_ERROR_DATA, "the model has no horizons of our kind");
	if (em_forecast_file_get(file, "dynamics.horizon", steps, 1, n, err))
		return -1;
	for (size_t h = 0; h < n; last = fabs(steps[h++])) {
		if (!(fabs(steps[h]) > last && fabs(steps[h]) < 1e6) || (steps[h] > 0) != (steps[0] > 0) ||
		    steps[h] != floor(steps[h]))
			return em_error_set(err, EM_ERROR_DATA,
			                    "the model's horizons are no numbers of steps that rise");
		d->horizon[h] = (size_t)fabs(steps[h]);
	}
	d->learned = n && steps[0] > 0;
	d->horizons = n;
	return 0;
}

static int parse(struct em_forecast *f, const struct em_safetensors *file, struct em_error *err)
{
	size_t rank = f->lowrank.basis.rank;
	struct em_dynamics *d = calloc(1, sizeof(*d));

	if (!d)
		return em_error_memory(err, sizeof(*d));
	if (em_dynamics_alloc(d, rank, err)) {
		free(d);
		return -1;
	}
	if (read_horizons(d, file, err) ||
	    em_forecast_file_get(file, "dynamics.prior", (double *)d->prior, rank, sizeof(*d->prior) / sizeof(double),
	                         err) ||
	    em_forecast_file_get(file, "dynamics.weight", d->weight, d->horizons, d->features * rank, err) ||
	    em_forecast_file_get(file, "dynamics.covariance", d->covariance, d->horizons, rank * rank, err) ||
	    em_forecast_file_get(file, "dynamics.widen", d->widen, 1, d->horizons, err)) {
		release(d);
		return -1;
	}
	f->own = d;
	return 0;
}

const struct em_forecast_method em_forecast_lowrank = {
    .name = "lowrank",
    .about = "trends of the scores in a low-rank basis, corrected by what other series did",
    .has_interval = true,
    .learn = learn,
    .release = release,
    .print = print,
    .parse = parse,
    .begin = begin,
    .adapt = adapt,
    .push = push,
    .predict = predict,
    .end = end};
