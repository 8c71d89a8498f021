/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges of elements that the compounds of lib/synth have not: C-K, Cu-L, Sr-L, Mo-M. */
#ifndef EM_SCOPE_SIM_LOSS_EDGES_H
#define EM_SCOPE_SIM_LOSS_EDGES_H

#include "scope/sim/world.h"

#define EM_SIM_EDGES 4 /* in this order */

/* atoms[] += those of m, so many m thick, under a square nm. */
void em_sim_edges_count(const struct em_sim_matter *m, double thickness, double atoms[EM_SIM_EDGES]);
/* counts[width] += what `electrons` lose there behind t / lambda.  EM_ERROR_MEMORY. */
int em_sim_edges_add(const struct em_sim_view *v, const double atoms[EM_SIM_EDGES], double thickness, double electrons,
                     double *counts, struct em_error *err);

#endif
