/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the likelihood of a step peaks.  Between drift.c and drift_peak.c. */
#ifndef EM_CRYSTAL_DRIFT_PEAK_H
#define EM_CRYSTAL_DRIFT_PEAK_H

#include "base/error.h"
#include "base/fft.h"
#include "crystal/drift_band.h"

#define EM_DRIFT_SIDE 128 /* of the grid that is searched, a block's period long: a pixel or less a point */

struct em_drift_search {
	struct em_fft_plan *plan;
	float *box, *grid;
};

int em_drift_search_init(struct em_drift_search *s, struct em_error *err);
void em_drift_search_release(struct em_drift_search *s); /* a zeroed one may be */

/*
 * L(r) = sum over the whole band of weight cross exp(2 pi i k.r), r the step on top of what the cross power was turned
 * by.  Its top lies nearer to where the two windows coincide, at r = -away: a power that falls off within the band is
 * multiplied by exp(-sum of pull (away + r)^2) on the axes, for |away + r| up to the limit.
 */
struct em_drift_term { /* of a block that counts, and of its mirror */
	size_t row, column;
	double y, x;   /* frequency, radians a pixel */
	double re, im; /* weight cross */
};

struct em_drift_likelihood {
	const struct em_drift_band *band;
	const struct em_drift_term *term; /* most blocks have none */
	size_t terms;
	double pull[2], away[2], limit[2];
};

double em_drift_likelihood(const struct em_drift_likelihood *l, const double r[2]);
/* Newton's way from r to the top nearby, were the window not there; at most a pixel on each axis. */
void em_drift_climb(const struct em_drift_likelihood *l, double r[2]);
/* The top with the prior's middle at `expected`. */
void em_drift_search(struct em_drift_search *s, const struct em_drift_likelihood *l, const double expected[2],
                     double r[2]);

#endif
