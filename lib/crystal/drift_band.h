/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The low frequencies of a spectrum in blocks, beside a reference.  Between drift.c, drift_band.c and drift_peak.c. */
#ifndef EM_CRYSTAL_DRIFT_BAND_H
#define EM_CRYSTAL_DRIFT_BAND_H

#include "base/error.h"
#include "crystal/spectrum.h"

#include <stdbool.h>
#include <stddef.h>

/* Axis 0 is y, 1 is x.  Block (b, c) has its middle at bins (b width[0], c width[1]); b runs from -reach[0] to
 * reach[0], c from 0 to reach[1]: the other half plane mirrors it.  Blocks lie in arrays [2 reach[0] + 1][reach[1] + 1]
 * and have all their bins: those of c = 0 are folded in from both sides. */
struct em_drift_band {
	size_t size[2];  /* of the frames, px */
	size_t width[2]; /* bins a block: odd, so that it has a middle */
	size_t reach[2]; /* blocks */
	size_t bins[2];  /* the band: rows of bins -bins[0]..bins[0], columns 0..bins[1] */
	size_t blocks;
	float *ramp[2];   /* exp(2 pi i k.at): of rows (re, im); of columns (re, re), then (im, -im) */
	double *tail[2];  /* of a block's power, what the window puts into the block so many further on the axis */
	float *reference; /* [2 bins[0] + 1][bins[1] + 1] (re, im) */
	double *cross;    /* (re, im): sums over a block of F conj(R) exp(2 pi i k.at) */
	double *power;    /* sums of |F|^2 */
	double *own;      /* sums of |R|^2 */
	double *line;     /* room for two rows of blocks, and for what lies beside one */
	struct em_drift_sums *sums; /* [reach[1] + 1] of one row of blocks */
};

int em_drift_band_init(struct em_drift_band *b, size_t height, size_t width, struct em_error *err);
void em_drift_band_release(struct em_drift_band *b); /* a zeroed one may be */

/* Fill cross and power; `only` (or NULL): of blocks for which it is not 0, the others keep what they had. */
void em_drift_band_compare(struct em_drift_band *b, const struct em_spectrum *s, const double at[2],
                           const double *only);
/* reference += share (F exp(2 pi i k.at) - reference); fill own. */
void em_drift_band_learn(struct em_drift_band *b, const struct em_spectrum *s, const double at[2], double share);
/* out = means over 3 x 3 blocks; at the band's edges over fewer. */
void em_drift_band_smooth(const struct em_drift_band *b, const double *in, double *out);

/* out = the power that the window spreads from all blocks but the 3 x 3 around, out of these powers. */
void em_drift_band_spread(const struct em_drift_band *b, const double *in, double *out);

/* The frequency of block row or column i in an array, cycles/px. */
double em_drift_band_frequency(const struct em_drift_band *b, int axis, size_t i);

/* The power of white noise a bin, from frequencies beyond the band: columns from this one on. */
size_t em_drift_band_noise_from(size_t columns);
double em_drift_band_noise(const struct em_spectrum *s);

#endif
