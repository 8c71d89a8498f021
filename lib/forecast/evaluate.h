/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How good forecasts are, on series that the model has not seen.
 *
 * Errors are in units of the noise of one spectrum, which the series itself tells (em_series_noise): 1 is as far from
 * the truth as a measurement.  They are taken where the drift put the spectrum that came (for models foretell the
 * specimen), and again where the model expected the drift.
 *
 * A descriptor's interval (em_prediction_describe) is of the truth or, where that is not known, of what was measured.
 */
#ifndef EM_FORECAST_EVALUATE_H
#define EM_FORECAST_EVALUATE_H

#include "forecast/descriptor.h"
#include "forecast/forecast.h"

#define EM_EVALUATE_HORIZONS 8

struct em_evaluate_settings {
	size_t horizon[EM_EVALUATE_HORIZONS], horizons;
	double level;                             /* of the intervals: 0.9 */
	bool adapt;                               /* em_forecast_adapt */
	const struct em_descriptors *descriptors; /* NULL: none */
};

/* Of one model at one horizon; means over series (and origins) of the roots of mean squares within each. */
struct em_evaluation {
	size_t forecasts, series;
	double truth;      /* error to the spectrum without noise; NaN: not known */
	double truth_rmse; /* the same in counts */
	double seen;       /* error to the measured spectrum; at best 1 */
	double seen_rmse;
	double drifted;      /* to the truth, or else to what was measured, where the drift was expected */
	double covered;      /* share of the truth within its interval; NaN: not known */
	double seen_covered; /* of what was measured, within the interval with noise */
	struct em_evaluation_descriptor {
		double error;   /* root mean square, to the truth or else to what was measured */
		double covered; /* share of that within its interval, with noise where it was measured; NaN: none */
		double series;  /* that it was known in */
	} descriptor[EM_DESCRIPTORS];
};

/* Of a series, forecasts that are made at spectrum `from` (the model's window at least) or later, but before `to`. */
struct em_evaluate_part {
	const struct em_series *series;
	size_t from, to;
};

/* Adds parts, side by side but in their order, to result[settings->horizons].  Zeroed at first; em_evaluate_finish
 * makes means of sums.  Its EM_ERROR_DATA: there was nothing to judge. */
int em_evaluate_add(struct em_evaluation *result, const struct em_forecast *f, const struct em_evaluate_part *part,
                    size_t count, const struct em_evaluate_settings *settings, int threads, struct em_error *err);
int em_evaluate_finish(struct em_evaluation *result, size_t horizons, struct em_error *err);

/* Half the width of a normal number's interval of this level, standard deviations: 1.645 of 0.9. */
double em_evaluate_width(double level);

enum em_evaluate_split {
	EM_EVALUATE_SERIES,    /* each series (or group of them) by a model of all others */
	EM_EVALUATE_FORWARD,   /* a chain of origins: what comes after each by a model of all that came before */
	EM_EVALUATE_PUBLISHED, /* every series by a model that has seen it: leaks */
};

struct em_evaluate_plan {
	enum em_evaluate_split split;
	size_t groups;  /* of series; 0: each by itself */
	size_t origins; /* of the chain, evenly from a third of each series on; 0: 4 */
	const struct em_forecast_method *method[16];
	size_t methods;
	struct em_forecast_settings forecast;
	struct em_evaluate_settings evaluate;
	void (*done)(void *ctx, size_t steps, size_t of); /* models learned so far; may be NULL */
	void *ctx;
};

/* result[methods][EM_EVALUATE_HORIZONS], finished.  EM_ERROR_USAGE: one series (or group) left to learn from none;
 * what learning and evaluating say. */
int em_evaluate_run(struct em_evaluation *result, const struct em_evaluate_plan *plan, const struct em_series_set *set,
                    struct em_error *err);

/* As aligned columns with a line for each model and horizon, `truth` telling what errors are to; and one record of it.
 */
void em_evaluate_print_table(const struct em_evaluation *result, const char *const *names, size_t models,
                             const struct em_evaluate_settings *settings, struct em_text *out);
void em_evaluate_print_record(const struct em_evaluation *result, const char *name, size_t steps,
                              const struct em_evaluate_settings *settings, struct em_text *out);

/* ---- between the files ---- */

/* One part. */
int em_evaluate_judge(struct em_evaluation *result, const struct em_forecast *f, const struct em_evaluate_part *part,
                      const struct em_evaluate_settings *settings, struct em_error *err);

#endif
