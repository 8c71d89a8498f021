/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forecasts as spectra come in: samples in, the same samples with forecasts out. */
#ifndef EM_FORECAST_LIVE_H
#define EM_FORECAST_LIVE_H

#include "forecast/alert.h"
#include "forecast/descriptor.h"
#include "forecast/forecast.h"
#include "io/stream.h"

#include <stdbool.h>
#include <stddef.h>

struct em_live_options {
	size_t steps;      /* ahead */
	const char *until; /* a condition, or NULL: as far as it takes, at most 1000 steps */
	const char *alert; /* a condition with its steps, or NULL */
	const char *edges; /* for descriptors; NULL: the usual */
	bool splitting;    /* as a descriptor, too */
	bool path;         /* all steps, not the last alone */
	bool noise;        /* intervals of what will be measured */
	bool adapt;        /* em_forecast_adapt */
	double level;      /* of intervals, 0 to 1 */
};

struct em_live;

/* f and what options point at are borrowed.  EM_ERROR_USAGE: conditions and edges that cannot be. */
struct em_live *em_live_new(const struct em_forecast *f, const struct em_live_options *options, struct em_error *err);
void em_live_free(struct em_live *l); /* NULL allowed */

/*
 * A sample of one spectrum goes on with its series, or begins another (em_series_name); one of rows is a whole series.
 * Its record gets "forecast" (null as long as the model's window is not full) and "event" where an alert's condition is
 * foretold for the first time in the series; arrays "forecast", "forecast-low" and "forecast-high", float32, [channels]
 * or, with path, [steps][channels].  EM_ERROR_DATA: em_series_read's, another energy axis than the model's, rows that
 * are shorter than its window.
 */
int em_live_take(struct em_live *l, struct em_sample *s, struct em_error *err);
/* Was there a forecast, in any series? */
bool em_live_forecast(const struct em_live *l);
/* Was there an event, in any series? */
bool em_live_event(const struct em_live *l);

#endif
