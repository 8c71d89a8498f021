/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A component that appears in a series and that no other series had: what the basis leaves of the last spectra is
 * searched for one direction that stands out of the noise (basis.h's threshold).  Once it does, the series' spectra are
 * described by it, too, and its score goes on as a trend (trend.h).  What was left of the first spectra is none: it has
 * been there from the beginning, as the detector's pattern has.
 */
#ifndef EM_FORECAST_NOVELTY_H
#define EM_FORECAST_NOVELTY_H

#include "base/error.h"
#include "forecast/lowrank.h"

#include <stdbool.h>
#include <stddef.h>

struct em_novelty;

/* lr is borrowed. */
struct em_novelty *em_novelty_new(const struct em_lowrank *lr, struct em_error *err);
void em_novelty_free(struct em_novelty *v); /* NULL allowed */
/* The next spectrum of the series, as it was observed; NULL: missing. */
void em_novelty_push(struct em_novelty *v, const struct em_observation *o);
/* spectrum[channels] += its forecast, spread[channels] = its standard deviation times its shape; both without drift.
 * False, and nothing is changed, where none has appeared. */
bool em_novelty_forecast(const struct em_novelty *v, size_t steps, double *spectrum, double *spread);

#endif
