/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a frame says of one phase in one region: how much of it is crystalline, how much the lattice scatters, how the
 * disorder hangs together, how the lattice is strained and turned against the reference.
 */
#ifndef EM_CRYSTAL_MEASURE_H
#define EM_CRYSTAL_MEASURE_H

#include "crystal/area.h"
#include "crystal/lattice.h"
#include "crystal/reference.h"

#include <stdbool.h>

struct em_measure {
	double seen; /* share of the region that the frame shows; 0: the rest is NaN */
	/*
	 * The crystalline share of what is seen: the mean of `order` (reference.h), or of single pictures the area
	 * where the amplitude is above EM_ORDER_THRESHOLD.  Its standard uncertainty holds what noise and amorphous
	 * matter do to it, as seen in the part of the signal that is a quarter of a period out of step with the
	 * lattice, and EM_MEASURE_BORDER for each point of the map that is neither in order nor not.
	 */
	struct em_lattice_value fraction;
	double ordered; /* the area's share above the threshold, from the map: what a picture of it shows */
	struct em_lattice_value power; /* mean c^2 over the reference's: Bragg power, no threshold, noise taken off */
	double largest;                /* the largest disordered cluster, as a share of the region */
	bool spans;                    /* from one face of the region to the other */
	bool strained;                 /* the next four are known: there are spots in two directions */
	struct em_lattice_value yy, xx, xy, rotation; /* of the lattice against the reference's; rotation in degrees,
	                                                 clockwise */
};

#define EM_MEASURE_BORDER 0.019

/* How to look. */
struct em_measure_view {
	const struct em_order_plan *plan;
	const struct em_reference *reference;
	bool single; /* pictures by themselves */
	size_t phase;
	const float *weight;          /* [rows][columns] of the region */
	struct em_area_grid grid;     /* that it belongs to */
	const struct em_line *across; /* of em_clusters_find */
};

/* map[rows][columns] is order, or of single pictures the amplitude: NaN where nothing is seen. */
int em_measure_frame(const struct em_measure_view *v, const struct em_order_frame *f, struct em_measure *m, float *map,
                     struct em_error *err);

#endif
