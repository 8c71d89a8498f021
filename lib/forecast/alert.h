/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Conditions on what a spectrum will show: "L3/L2 < 1.2 within 20", "O-K <= 2e5", "change < 1e-4".
 */
#ifndef EM_FORECAST_ALERT_H
#define EM_FORECAST_ALERT_H

#include "base/error.h"
#include "forecast/descriptor.h"
#include "forecast/forecast.h"

#include <stdbool.h>
#include <stddef.h>

struct em_condition {
	const char *text;  /* as it was given; borrowed */
	int descriptor;    /* of the list; -1: the spectrum's change in a step, root mean square by root mean square */
	bool above, equal; /* > or <; or equal */
	double limit;
	size_t within; /* steps; 0: not told */
};

/* EM_ERROR_USAGE, with the names there are: not `NAME < NUMBER [within STEPS]`, with <, <=, > or >=. */
int em_condition_parse(struct em_condition *c, const char *text, const struct em_descriptors *d, struct em_error *err);
/* NaN holds nothing. */
bool em_condition_holds(const struct em_condition *c, double value);

struct em_condition_met {
	size_t step;      /* the first at which the forecast holds it, 1 or more; 0: none up to the last */
	double value;     /* the forecast there, or at the last step */
	double deviation; /* its standard deviation; NaN: the model does not tell */
};
/* Searches the forecasts of 1 .. most steps.  p is left at the step told.  em_forecast_predict's errors. */
int em_condition_search(const struct em_condition *c, const struct em_descriptors *d, struct em_forecast_run *run,
                        size_t most, struct em_prediction *p, struct em_condition_met *met, struct em_error *err);

/* A descriptor of a forecast, by the detector too: what of its gain pattern is not known is the same in all spectra. */
struct em_description {
	double value;
	double deviation; /* standard, of the truth; NaN: not told */
	double noise;     /* what counting one spectrum adds; NaN: not told */
};
/* Of `count` descriptors from the first-th on, out[count]; work[count][channels]. */
void em_prediction_describe(const struct em_prediction *p, const struct em_descriptors *d, size_t first, size_t count,
                            struct em_description *out, double *work);

#endif
