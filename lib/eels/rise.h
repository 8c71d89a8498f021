/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a spectrum rises: whether an edge is where its table has it.  An axis that is off moves the spectrum past the
 * windows, and what they then hold has counts and small errors all the same.
 */
#ifndef EM_EELS_RISE_H
#define EM_EELS_RISE_H

#include "eels/edges.h"
#include "eels/energy.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Where the rise of an edge is looked for: EM_RISE_FAR eV either way of its onset, as far as the axis goes and without
 * the rises of the other edges.  False: it has none that can be told (delayed maxima, onsets below 100 eV), or there
 * is no room.  Sharp are K edges, L23 from K to Cu, M45 from Cs to Yb.
 */
#define EM_RISE_FAR 20.0
bool em_rise_window(const struct em_edge *edge, const struct em_edge *all, size_t count, const struct em_energy *e,
                    struct em_energy_window *within);

/*
 * The steepness of a spectrum y at E is d ln y / d ln E + r, of a straight line through Gaussian-weighted channels (2.8
 * eV full at half maximum, or as many channels): 0 on the background E^-r, 30 where one of 500 eV grows by 10 % within
 * 2 eV.  *ev becomes its first maximum that is half the greatest one within the window or more: L3, not L2; false where
 * none is above EM_RISE_LEAST and five standard errors (each channel's variance is gain times its counts).
 */
#define EM_RISE_LEAST 3.0
bool em_rise_find(const float *spectrum, const struct em_energy *e, const struct em_energy_window *within, double gain,
                  double r, double *ev);

#endif
