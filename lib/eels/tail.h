/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tail of an edge as the background of the next: where two edges are close (O K behind Ti L), what is before the
 * second is no power law but the first.  For spectra of single scattering (em_deconvolve_run), from which the
 * background of the first edge is taken off; the tail has the shape of the hydrogenic cross section, and the counts of
 * a window between the two.
 */
#ifndef EM_EELS_TAIL_H
#define EM_EELS_TAIL_H

#include "base/error.h"
#include "eels/energy.h"
#include "eels/sigma.h"

struct em_tail;

struct em_tail_net {
	double counts, error; /* of the signal's window over the tail */
	double below;         /* the tail there */
	double atoms;         /* of the first edge as its tail has it: counts a barn; against its own window, a check */
};

/*
 * between: where only the first edge is, best from behind its white lines (25 eV after the onset) to some eV before the
 * second's onset; longer is better, as the fine structure of the first averages out.  signal: of the second edge,
 * above `between`.  EM_ERROR_USAGE: as em_energy_span and em_sigma_partial have it, a window below the first edge's
 * onset, or a signal that begins before `between` ends.
 */
struct em_tail *em_tail_new(const struct em_energy *e, const struct em_sigma_edge *first,
                            const struct em_sigma_beam *beam, const struct em_energy_window *between,
                            const struct em_energy_window *signal, struct em_error *err);
void em_tail_free(struct em_tail *t); /* NULL allowed */

/*
 * variance[channels] of the counts; errors are as of independent channels (of a deconvolved spectrum they are not
 * quite).  What the shape of the tail is off by is not in them: 20 % of `below` may be (em_sigma_uncertainty) where
 * `between` is short.  Counts that are not finite give NaN.  From many threads at once.
 */
void em_tail_measure(const struct em_tail *t, const float *spectrum, const float *variance, struct em_tail_net *net);

#endif
