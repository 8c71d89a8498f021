/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Spikes (X-rays and cosmic rays on the detector) out of spectra: one channel to three, far above what is around. */
#ifndef EM_EELS_SPIKES_H
#define EM_EELS_SPIKES_H

#include "base/error.h"
#include "eels/energy.h"

#include <stddef.h>

#define EM_SPIKE_CHANNELS 3

struct em_spike {
	size_t spectrum, first, count;  /* channels first ... first + count - 1 of spectrum row * cols + col */
	double excess;                  /* counts taken away */
	float value[EM_SPIKE_CHANNELS]; /* that stand there instead */
};

struct em_spikes {
	struct em_spike *at; /* owned; in the order of spectra and channels */
	size_t count;
};

struct em_spikes_options {
	double threshold; /* standard deviations of the noise around; 0: 8 */
	int threads;      /* 0: 1 */
};

/*
 * In spectra[rows][cols][channels]: a single spectrum is 1 x 1, a time series count x 1.
 *
 * A spike stands `threshold` above the noise, and falls to less than 15 % of its height beside it: on one channel or
 * two against the median of the spectrum around it, on up to three against the median of the eight spectra around it
 * (of a series, the three before and after), scaled to it, where there are four or more.  A line of a Gaussian's full
 * width at half maximum of two channels or more falls more slowly, so none is touched, whether or not its neighbours
 * have it; nor is the zero loss (em_zeroloss_find) within three widths, however narrow: a spike there stays, and so
 * does one that is wider.  The noise is the greater of that of second differences around (1.48 median) and what counts
 * of the spectrum's smallest step have.
 *
 * The spikes' channels then are interpolated between those beside them, or are what the neighbours say.  Values that
 * are not finite are no spikes and stay.  Nothing is changed where it fails.
 */
int em_spikes_remove(float *spectra, size_t rows, size_t cols, const struct em_energy *e,
                     const struct em_spikes_options *options, struct em_spikes *found, struct em_error *err);
void em_spikes_release(struct em_spikes *found);

#endif
