/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Net counts of an edge: what a window holds above the extrapolated background, with their standard error, and whether
 * they mean anything.
 */
#ifndef EM_EELS_INTEGRATE_H
#define EM_EELS_INTEGRATE_H

#include "base/error.h"
#include "eels/background.h"
#include "eels/edges.h"
#include "eels/energy.h"

#include <stdbool.h>
#include <stddef.h>

/* What is wrong with an edge; more than one may be set.  Those in EM_NET_FATAL leave no number. */
enum em_net_flag {
	EM_NET_NO_BACKGROUND = 1, /* no fit: struct em_background says why */
	EM_NET_NOT_FINITE = 2,    /* a NaN or infinity in the signal window */
	EM_NET_EXPONENT = 4,      /* r is outside em_net_options' bounds by more than three of its errors (by noise,
	                             not by misfit): what lies before the edge is, for one, the tail of another */
	EM_NET_NEGATIVE = 8,      /* below zero by more than em_net_options.least errors: the background is above it */
	EM_NET_EMPTY = 16,        /* the signal window itself sums up to less than zero by as much */
	EM_NET_MISFIT = 32, /* chi2 above em_net_options' bound: what is before the edge bends by more than its noise */
};
#define EM_NET_FATAL (EM_NET_NO_BACKGROUND | EM_NET_NOT_FINITE | EM_NET_EXPONENT | EM_NET_NEGATIVE | EM_NET_EMPTY)

/* Zeroed: the defaults. */
struct em_net_options {
	struct em_background_options background;
	double least_r, most_r; /* both 0: 0 and 6 (measured backgrounds have 2 to 6: Egerton, 3rd ed., 4.4) */
	double least;           /* standard errors below zero that are no noise; 0: 3; of maps of thousands rather 5 */
	double most_chi2;       /* over the gain, or where that is not known over the roughness; 0: 10 */
};

struct em_net {
	unsigned flags;
	double counts, error; /* NaN where a flag is fatal */
	double total;         /* sum of the signal window, NaN where it is not finite */
	double below;         /* of it, the background; NaN where there is none */
	double below_error;
	struct em_background background;
};

/* Constant after it was made: any number of threads may use it. */
struct em_net_plan;

/* EM_ERROR_USAGE as em_background_plan_new, or where the signal window is outside the axis or at or below 0 eV. */
struct em_net_plan *em_net_plan_new(const struct em_energy *e, const struct em_energy_window *background,
                                    const struct em_energy_window *signal, const struct em_net_options *options,
                                    struct em_error *err);
void em_net_plan_free(struct em_net_plan *p);
const struct em_background_plan *em_net_plan_background(const struct em_net_plan *p);
struct em_energy_span em_net_plan_signal(const struct em_net_plan *p);

/*
 * Of spectrum[channels]: error^2 = gain |total| + below_error^2, as the two windows share no channel; the gain is
 * that of the background, found or given.
 */
void em_net_measure(const struct em_net_plan *p, const float *spectrum, struct em_net *net);
/* With a background that was found elsewhere by the plan's (em_background_fit_local). */
void em_net_measure_above(const struct em_net_plan *p, const float *spectrum, const struct em_background *b,
                          struct em_net *net);

/* slope[channels]: how the net counts change with those of each channel, 0 where a flag is fatal; with a background by
 * EM_BACKGROUND_LINEAR. */
void em_net_slopes(const struct em_net_plan *p, const struct em_net *net, double *slope);

/* a / b with its error; false, and both NaN, where either has no number or b is not above three of its errors. */
bool em_net_ratio(const struct em_net *a, const struct em_net *b, double *ratio, double *error);

/* One line that says what the flags mean, with the numbers: for a warning.  Returns text. */
char *em_net_explain(const struct em_net *net, const char *edge, char *text, size_t size);

#endif
