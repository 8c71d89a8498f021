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
 * A spike is a local maximum that stands out by `threshold`, and of which less than a fifth is left beside it, by
 * two standard deviations (of the weakest, below ten or so, noise hides that): on one channel or two, against the
 * median of the eight channels around; or where there are four neighbours or more, on three as well (15 %), against the
 * median of these spectra, scaled to what it has around (the eight around it in a map, the three before and after in a
 * series).  So no line of two channels or more at half maximum is touched in a single spectrum (a Gaussian; others have
 * longer feet), and with neighbours none of 2.5, even if they do not have it.  Where they have a line there, however
 * sharp, a spike stands at least twice as high.  And the zero loss (em_zeroloss_find, within 20 eV of 0) is not touched
 * within three widths.  Spikes there, and wider ones, stay.
 *
 * The noise is the greater of two: 1.48 medians of second differences around, and that of counts in units of the
 * smallest step between channels (by Anscombe's square roots).
 *
 * In the first channel or the last, where nothing is known of one side, the other side's foot decides; without
 * neighbours they are taken for spikes by themselves alone.
 *
 * The spikes' channels then are interpolated between those beside them, or are what the neighbours say.  Values that
 * are not finite are no spikes and stay.  Nothing is changed where it fails.
 */
int em_spikes_remove(float *spectra, size_t rows, size_t cols, const struct em_energy *e,
                     const struct em_spikes_options *options, struct em_spikes *found, struct em_error *err);
void em_spikes_release(struct em_spikes *found);

#endif
