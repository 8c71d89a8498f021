/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The zero-loss peak of a low-loss spectrum: where it is, and which counts belong to it.  Spectra are counts a channel,
 * float[e->channels].
 */
#ifndef EM_EELS_ZEROLOSS_H
#define EM_EELS_ZEROLOSS_H

#include "base/error.h"
#include "eels/energy.h"

#include <stddef.h>

struct em_zeroloss {
	double channel;   /* of its top, with a fraction */
	double error;     /* standard error, channels, from counting statistics at one count an electron */
	double ev;        /* on the axis as it is: what em_energy.offset is too great by */
	double height;    /* counts in its highest channel */
	double width;     /* full width at half maximum, eV */
	size_t saturated; /* channels of a flat top, which are left out; 0: none */
};

/*
 * The first peak from the left that has a fifth of the spectrum's highest value and falls by 30 % after it (a plasmon
 * of a thick specimen may be higher): ln counts is a parabola about the top of a peak, fitted to the channels above
 * half of it with the counts as weights (var ln n = 1/n); above a fifth where the top is flat.  Where these are fewer
 * than three it is those beside the highest, and where one of them has no counts the centroid.  Of a peak with unlike
 * flanks it is the top that counts.
 *
 * EM_ERROR_DATA: not finite, nothing above the noise, a peak that the axis cuts, or no zero loss: more than a twentieth
 * of its height well before it (nothing loses less than nothing; an edge stands on its background).
 */
int em_zeroloss_find(const float *spectrum, const struct em_energy *e, struct em_zeroloss *z, struct em_error *err);

/*
 * Where the losses begin: how far (eV) above the peak the spectrum, smoothed over three channels, is least before it
 * rises by more than noise again; at most 5 eV, and that where it only falls.
 */
double em_zeroloss_reach(const float *spectrum, const struct em_energy *e, const struct em_zeroloss *z);

enum em_zeroloss_model {
	EM_ZEROLOSS_CUT,    /* what is within `reach` eV of the top */
	EM_ZEROLOSS_MIRROR, /* what is before the top, and the same turned about it: a symmetric peak with its tails */
};

/* The counts of the peak, zero elsewhere; peak is not spectrum.  reach: eV, > 0; not used by EM_ZEROLOSS_MIRROR. */
void em_zeroloss_extract(const float *spectrum, const struct em_energy *e, const struct em_zeroloss *z,
                         enum em_zeroloss_model model, double reach, float *peak);

#endif
