/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Forecasts of a few numbers that change together, as the scores of a series of spectra do.  Each number has its bank
 * of trends, which knows the series at hand alone.  What other series did in such a place is learned from these: for
 * each of some horizons, a ridge regression of what the banks' forecast lacks on the levels and slopes of all numbers
 * and on that forecast.  Its strength is what foretells best each series from all others, and 0 where that helps
 * nothing; its errors there are the forecast's covariance.
 */
#ifndef EM_FORECAST_DYNAMICS_H
#define EM_FORECAST_DYNAMICS_H

#include "base/error.h"
#include "forecast/trend.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_DYNAMICS_HORIZONS 12
#define EM_DYNAMICS_LEAST 3 /* series from which the regression is learned */

/* One series' numbers. */
struct em_track {
	size_t count;
	const double *value;    /* [count][rank] */
	const double *variance; /* [count]: of the noise of each of them; NaN: missing */
};

struct em_dynamics {
	size_t rank, features;
	struct em_trend_prior *prior; /* [rank] */
	size_t horizons;
	size_t horizon[EM_DYNAMICS_HORIZONS];
	bool learned;       /* a regression is there */
	double *weight;     /* [horizons][features][rank] */
	double *covariance; /* [horizons][rank][rank]: of errors, without the noise of what was measured */
	double *widen;      /* [horizons]: how much wider than Gauss's the errors' 90 % are */
};
void em_dynamics_release(struct em_dynamics *d);

/*
 * Horizons up to `furthest`, as far as the series allow.  probe[probes][rank]: the sums of numbers whose intervals
 * count (spectra's channels); none: the numbers.  EM_ERROR_DATA: no series of 4 numbers that are not missing.
 */
int em_dynamics_learn(struct em_dynamics *d, size_t rank, const struct em_track *tracks, size_t count, size_t furthest,
                      const double *probe, size_t probes, struct em_error *err);
/* Of these sizes, all zero. */
int em_dynamics_alloc(struct em_dynamics *d, size_t rank, struct em_error *err);

/* A series as it comes. */
struct em_dynamics_run {
	const struct em_dynamics *d; /* borrowed */
	struct em_trend *trend;      /* [rank] */
	double *work;
	struct em_dynamics_adaptation *adaptation; /* NULL: none */
};
int em_dynamics_begin(struct em_dynamics_run *r, const struct em_dynamics *d, struct em_error *err);
/*
 * From here on the run learns from its own forecasts.  The banks forget which members were good some 50 numbers ago, so
 * that the noise of level and slope follows.  With a memory of some 20, of each horizon's regression only the share is
 * taken that would have been best, and standard deviations are multiplied by what errors were to what was expected.
 */
int em_dynamics_adapt(struct em_dynamics_run *r, struct em_error *err);
void em_dynamics_end(struct em_dynamics_run *r);
void em_dynamics_push(struct em_dynamics_run *r, const double *value, double variance);
/* mean[rank]; covariance[rank][rank] of the numbers without noise, NULL: not wanted. */
void em_dynamics_forecast(const struct em_dynamics_run *r, size_t steps, double *mean, double *covariance);
/* At horizon number h alone, without adaptation: the banks' mean[rank] and variance[rank], and what the regression
 * adds: more[rank]. */
void em_dynamics_parts(const struct em_dynamics_run *r, size_t h, double *mean, double *variance, double *more);
/* The banks' forecast alone, and what the regression goes by: row[features].  For em_dynamics_learn. */
void em_dynamics_row(const struct em_dynamics_run *r, size_t steps, double *row, double *mean, double *variance);

/* ---- dynamics_adapt.c's, for dynamics.c ---- */

void em_dynamics_adaptation_free(struct em_dynamics_adaptation *a); /* NULL allowed */
/* A number came (NULL: missing), before the banks see it. */
void em_dynamics_adaptation_push(struct em_dynamics_adaptation *a, const double *value, double variance);
/* The banks have seen it: forecasts to be compared later. */
void em_dynamics_adaptation_note(struct em_dynamics_adaptation *a, const struct em_dynamics_run *r);
/* At horizon number h; of NULL as learned. */
struct em_dynamics_take {
	double share; /* of the regression: 1 as learned */
	double scale; /* of standard deviations: 1 */
};
struct em_dynamics_take em_dynamics_adaptation_get(const struct em_dynamics_adaptation *a, size_t h);

#endif
