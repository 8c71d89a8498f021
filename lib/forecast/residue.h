/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What spectra have again and again that no sum of the model's components is: a part of the detector's pattern, over
 * which they drift, and what a specimen has of its own.  It is little in any channel, below the noise of one spectrum,
 * but it does not become less in sums of channels, as noise does.
 *
 * As random waves along the channels, by their counts: of n channels, waves 2^b .. 2^(b + 1) - 1 have in cosine and
 * sine each the variance power[b].  These are what is left of means over a few spectra, in which counting's noise,
 * without its share in the components, is known and taken off.
 */
#ifndef EM_FORECAST_RESIDUE_H
#define EM_FORECAST_RESIDUE_H

#include "base/error.h"
#include "forecast/lowrank.h"
#include "forecast/series.h"

#include <stddef.h>

#define EM_RESIDUE_BANDS 16 /* the last has all shorter waves, too */

struct em_fft_plan;

struct em_residue {
	size_t channels;
	double power[EM_RESIDUE_BANDS];
	struct em_fft_plan *plan;
};

/* EM_ERROR_MEMORY. */
int em_residue_init(struct em_residue *r, size_t channels, const double power[EM_RESIDUE_BANDS], struct em_error *err);
int em_residue_learn(struct em_residue *r, const struct em_lowrank *lr, const struct em_series *const *series,
                     size_t count, int threads, struct em_error *err);
void em_residue_release(struct em_residue *r); /* of a zeroed one too */

/* The variance that it gives to the sum of factor[channels] times the residue's share of each channel; NaN where memory
 * ran out. */
double em_residue_variance(const struct em_residue *r, const double *factor);

#endif
