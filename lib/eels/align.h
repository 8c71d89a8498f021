/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Spectra shifted against each other: by how much, and back.  Where each spectrum may keep an axis of its own, take a
 * shift off its em_energy.offset: that costs nothing.  em_shift_spectrum is for those that must share one.
 */
#ifndef EM_EELS_ALIGN_H
#define EM_EELS_ALIGN_H

#include "base/error.h"
#include "eels/energy.h"

#include <stddef.h>

struct em_shift {
	double channels; /* a spectrum lies so far above the reference: em_shift_spectrum by -channels aligns it */
	double error;    /* standard error, channels */
};

/*
 * out(i) = in(i - channels): what `in` shows moves up the axis, by a fraction too, and back by the opposite.  out is
 * not in.  Keys's cubic convolution (IEEE Trans. Acoust. Speech Signal Process. 29 (1981) 1153): counts in all, their
 * mean and the widths of lines stay as they are; what lies beyond the axis becomes `fill`.  Its price is in the noise:
 * half a channel takes its variance to 0.64 of what it was, a quarter to 0.82, and neighbours are correlated; it
 * reaches below zero by up to 7 % beside a line of one channel.  A whole number of channels moves the values as they
 * are.
 */
void em_shift_spectrum(const float *in, size_t n, double channels, float fill, float *out);

/* The same of a curve without noise, which beyond its ends is what it is there.  NaN spreads to where it is needed. */
void em_shift_curve(const double *in, size_t n, double channels, double *out);

/* The channels that all of these shifts of n channels leave filled with values; count is 0 where there is none.  Shifts
 * that are not finite are not counted. */
struct em_energy_span em_shift_common(const double *channels, size_t count, size_t n);

/* ---- by the zero loss ---- */

/* The channel that stands for 0 eV: the first at or above it, but for rounding. */
double em_align_zero_channel(const struct em_energy *e);
/* em_zeroloss_find in each of spectra[count][channels]: shift from em_align_zero_channel.  Where a
 * spectrum has no zero loss both are NaN; returns how many these are. */
size_t em_align_zeroloss(const float *spectra, size_t count, const struct em_energy *e, int threads,
                         struct em_shift *shift);

/* ---- by what a window shows ---- */

struct em_align;

/*
 * The reference, float[e->channels], is copied; best is a mean of many, as its noise is not known to the fit.  Shifts
 * up to max_ev either way are looked for, where the window leaves room on the axis.
 * EM_ERROR_USAGE: a window off the axis, or too narrow (less than 8 channels) after that; EM_ERROR_DATA: a reference
 * that is not finite there.
 */
struct em_align *em_align_new(const float *reference, const struct em_energy *e, const struct em_energy_window *window,
                              double max_ev, struct em_error *err);
void em_align_free(struct em_align *a); /* NULL allowed */

/*
 * The shift s, with a scale and an offset, that makes a + b reference(E - s) closest to the spectrum in the window: the
 * whole channel with the highest normalised cross-correlation, then least squares with Poisson weights.  The error is
 * from the scatter about the fit.  From many threads at once.
 * EM_ERROR_DATA: not finite or constant there, or a window with nothing sharp enough: the best is not less than
 * max_ev away, or the fit leaves it open.
 */
int em_align_measure(const struct em_align *a, const float *spectrum, struct em_shift *shift, struct em_error *err);

/*
 * All of spectra[count][channels], against their own mean, aligned and taken again until no shift changes by more than
 * 0.002 channels (ten times at most); then less the first's, which is 0.  Spectra that cannot be placed get NaN and
 * their number is in *lost (NULL allowed).
 * EM_ERROR_DATA where this is so of the first, or of more than half.
 */
int em_align_series(const float *spectra, size_t count, const struct em_energy *e,
                    const struct em_energy_window *window, double max_ev, int threads, struct em_shift *shift,
                    size_t *lost, struct em_error *err);

#endif
