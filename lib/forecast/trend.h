/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a noisy number is heading: a bank of Kalman filters, each of a level and a slope that fades,
 *
 *     level(t+1) = level(t) + fade slope(t) + noise,  slope(t+1) = fade slope(t) + noise,
 *
 * weighed by how well each has foretold the number so far (Bayesian model averaging).  A slope that fades by a constant
 * factor is a first-order reaction; one that does not fade, zero order; noise lets other laws bend.  Damped trends:
 * Gardner & McKenzie, Manag. Sci. 31 (1985) 1237; the filters: Harvey, Forecasting, Structural Time Series Models and
 * the Kalman Filter (1989), ch. 2-4.
 */
#ifndef EM_FORECAST_TREND_H
#define EM_FORECAST_TREND_H

#include <stdbool.h>
#include <stddef.h>

#define EM_TREND_MEMBERS 20
#define EM_TREND_FEATURES 8 /* levels and slopes of the members whose slope does not fade */

struct em_trend_prior {
	double level, level_variance; /* at the first number */
	double slope, slope_variance;
	double noise; /* the numbers' variance by what is pushed with them: a beam's flicker is no counting */
	double unit;  /* the members' noises are multiples of this variance, that of a typical number's noise */
	double log_weight[EM_TREND_MEMBERS];
};

struct em_trend {
	const struct em_trend_prior *prior; /* borrowed */
	bool begun;
	double level[EM_TREND_MEMBERS], slope[EM_TREND_MEMBERS];
	double p00[EM_TREND_MEMBERS], p01[EM_TREND_MEMBERS], p11[EM_TREND_MEMBERS]; /* their covariance */
	double log_weight[EM_TREND_MEMBERS];
	double forget; /* what a step leaves of what was learned of members: 1, all; less where laws may change */
};

/* Equal weights; the rest as given. */
void em_trend_prior_init(struct em_trend_prior *p, double level, double level_variance, double slope,
                         double slope_variance, double unit);
void em_trend_begin(struct em_trend *t, const struct em_trend_prior *prior);
/* The next number, with the variance of its noise; NaN: it is missing, time goes on. */
void em_trend_push(struct em_trend *t, double value, double variance);
/* What the number without noise will be `steps` later: mean and variance of the mixture. */
void em_trend_forecast(const struct em_trend *t, size_t steps, double *mean, double *variance);
void em_trend_features(const struct em_trend *t, double features[EM_TREND_FEATURES]);
/* Members' weights, sum 1. */
void em_trend_weights(const struct em_trend *t, double weight[EM_TREND_MEMBERS]);

#endif
