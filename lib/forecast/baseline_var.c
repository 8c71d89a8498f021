/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The strongest of the usual baselines: a vector autoregression of the low-rank scores on the window's, by ridge
 * regression, one step learned and as many taken as are asked for (Luetkepohl, New Introduction to Multiple Time Series
 * Analysis (2005), ch. 2).  What is learned is the change in a step, so that the penalty is on leaving the last scores.
 */
#include "forecast/forecast.h"
#include "forecast/ridge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FOLDS 16

/* The last scores, newest first, behind a 1. */
struct run {
	double *row, *next; /* [1 + window * rank] */
	bool begun;
};

static size_t features_of(const struct em_forecast *f)
{
	return 1 + f->window * f->lowrank.basis.rank;
}

static void shift_in(double *row, const double *score, size_t window, size_t rank)
{
	memmove(row + 1 + rank, row + 1, (window - 1) * rank * sizeof(*row));
	memcpy(row + 1, score, rank * sizeof(*row));
}

static void step(const struct em_forecast *f, const double *row, double *score)
{
	const double *w = f->own;
	size_t rank = f->lowrank.basis.rank, features = features_of(f);

	memcpy(score, row + 1, rank * sizeof(*score));
	for (size_t i = 0; i < features; i++)
		for (size_t k = 0; k < rank; k++)
			score[k] += row[i] * w[i * rank + k];
}

/* Rows without gaps, and what follows. */
static void add_track(struct em_ridge *r, size_t group, const struct em_forecast_track *t, size_t window, size_t rank,
                      double *row, double *change)
{
	size_t whole = 0;

	row[0] = 1;
	for (size_t i = 0; i < t->count; i++) {
		if (!isfinite(t->variance[i])) {
			whole = 0;
			continue;
		}
		for (size_t k = 0; k < rank; k++)
			change[k] = t->score[i * rank + k] - row[1 + k];
		if (whole >= window)
			em_ridge_add(r, group, row, change, t->variance[i]);
		shift_in(row, t->score + i * rank, window, rank);
		whole++;
	}
}

static int learn(struct em_forecast *f, const struct em_forecast_track *tracks, size_t count,
                 const struct em_forecast_settings *set, struct em_error *err)
{
	size_t rank = f->lowrank.basis.rank, features = features_of(f);
	/* a series alone is foretold from its own halves */
	size_t groups = count < 2 ? 2 : count < FOLDS ? count : FOLDS;
	double *w = calloc(features * rank, sizeof(*w)), *row = calloc(features + rank, sizeof(*row));
	struct em_ridge r = {0};
	int status = w && row ? em_ridge_init(&r, features, rank, groups, err)
	                      : em_error_memory(err, features * rank * sizeof(*w));

	(void)set;
	for (size_t s = 0; s < count && !status; s++) {
		struct em_forecast_track half = tracks[s];

		half.count = count < 2 ? half.count / 2 : half.count;
		add_track(&r, s % groups, &half, f->window, rank, row, row + features);
		if (count < 2) {
			half.score += half.count * rank;
			half.variance += half.count;
			half.count = tracks[s].count - half.count;
			add_track(&r, 1, &half, f->window, rank, row, row + features);
		}
	}
	if (!status)
		em_ridge_solve(&r, w, NULL);
	em_ridge_release(&r);
	free(row);
	if (status)
		free(w);
	else
		f->own = w;
	return status;
}

static int begin(const struct em_forecast *f, void **out, struct em_error *err)
{
	struct run *r = calloc(1, sizeof(*r));
	size_t features = features_of(f);

	if (!r)
		return em_error_memory(err, sizeof(*r));
	r->row = calloc(2 * features + f->lowrank.basis.rank, sizeof(double));
	if (!r->row) {
		free(r);
		return em_error_memory(err, 2 * features * sizeof(double));
	}
	r->next = r->row + features;
	r->row[0] = 1;
	*out = r;
	return 0;
}

static void end(void *run)
{
	free(((struct run *)run)->row);
	free(run);
}

/* What is missing is what was foretold. */
static void push(const struct em_forecast *f, void *run, const struct em_forecast_view *view)
{
	struct run *r = run;
	size_t rank = f->lowrank.basis.rank;
	double *score = r->next + features_of(f);

	if (view->missing)
		step(f, r->row, score);
	else
		memcpy(score, view->score, rank * sizeof(*score));
	for (size_t k = r->begun ? f->window - 1 : 0; k < f->window; k++)
		shift_in(r->row, score, f->window, rank);
	r->begun = true;
}

static int predict(const struct em_forecast *f, void *run, size_t steps, double scale, double *spectrum, double *spread,
                   struct em_error *err)
{
	struct run *r = run;
	size_t rank = f->lowrank.basis.rank, features = features_of(f);
	double *score = r->next + features;

	(void)spread;
	(void)err;
	memcpy(r->next, r->row, features * sizeof(*r->next));
	memcpy(score, r->row + 1, rank * sizeof(*score));
	for (size_t i = 0; i < steps; i++) {
		step(f, r->next, score);
		shift_in(r->next, score, f->window, rank);
	}
	for (size_t k = 0; k < rank; k++)
		score[k] *= scale;
	em_lowrank_reconstruct(&f->lowrank, score, spectrum);
	return 0;
}

static int print(const struct em_forecast *f, struct em_forecast_file *file, struct em_error *err)
{
	(void)err;
	em_forecast_file_add(file, "var.weight", f->own, features_of(f), f->lowrank.basis.rank);
	return 0;
}

static int parse(struct em_forecast *f, const struct em_safetensors *file, struct em_error *err)
{
	size_t rank = f->lowrank.basis.rank, features = features_of(f);
	double *w = malloc(features * rank * sizeof(*w));

	if (!w)
		return em_error_memory(err, features * rank * sizeof(*w));
	if (em_forecast_file_get(file, "var.weight", w, features, rank, err)) {
		free(w);
		return -1;
	}
	f->own = w;
	return 0;
}

const struct em_forecast_method em_forecast_var = {.name = "var",
                                                   .about = "ridge vector autoregression of the low-rank scores",
                                                   .learn = learn,
                                                   .release = free,
                                                   .print = print,
                                                   .parse = parse,
                                                   .begin = begin,
                                                   .push = push,
                                                   .predict = predict,
                                                   .end = end};
