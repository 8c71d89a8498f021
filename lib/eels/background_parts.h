/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the background share; not for others. */
#ifndef EM_EELS_BACKGROUND_PARTS_H
#define EM_EELS_BACKGROUND_PARTS_H

#include "eels/background.h"

struct em_background_plan {
	struct em_energy e;
	struct em_energy_span fit;
	struct em_background_options options;
	double reference;
	double *x;             /* [e.channels], owned: ln (E / reference); NaN at and below 0 eV */
	double span;           /* two-area: ln (E2 / E1) of the window's limits, and those below */
	double end, middle;    /* ln (E / reference) of its end and middle */
	double mean, variance; /* linear: of x over the window, where r is 0 */
};

/* Over channels: sum exp(-r x), and the mean and variance of x with that as the weight. */
struct em_background_moments {
	double sum, mean, variance;
};

struct em_background_moments em_background_moments(const double *x, size_t n, double r);
/* In double, in an order that a processor can do several of at a time; not finite where a value is not. */
double em_background_total(const float *y, size_t n);

/* Of the window's channels alone, y[p->fit.count], whose variance is `share` of what their counts give: 1, or of an
 * average of n spectra 1 / n. */
void em_background_fit_window(const struct em_background_plan *p, const float *y, double share,
                              struct em_background *b);
void em_background_fail(struct em_background *b, enum em_background_state state);

#endif
