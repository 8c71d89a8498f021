/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a model was made of, so that nobody takes it for a judge of that. */
#ifndef EM_FORECAST_ORIGIN_H
#define EM_FORECAST_ORIGIN_H

#include "base/error.h"
#include "base/text.h"
#include "forecast/forecast.h"
#include "forecast/series.h"

/* A JSON object: the tool's own entry (JSON; NULL: none), and the series, each with a number by which it is known. */
void em_origin_put(struct em_text *out, const char *run, const struct em_series_set *set);
/* EM_ERROR_DATA: one of these series is one that the model was made of. */
int em_origin_check(const struct em_forecast *f, const struct em_series_set *set, struct em_error *err);
/* EM_ERROR_DATA: these are not the series that the model was made of, in this order. */
int em_origin_same(const struct em_forecast *f, const struct em_series_set *set, struct em_error *err);

#endif
