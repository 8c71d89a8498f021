/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much of a region is ordered, and how the disorder in it hangs together, from a map of the order (em_area_grid)
 * and the region's weights (em_area_weigh).  Values that are not finite are neither ordered nor disordered.
 */
#ifndef EM_CRYSTAL_CLUSTER_H
#define EM_CRYSTAL_CLUSTER_H

#include "base/error.h"
#include "crystal/area.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The weighted area, in cells, where map[rows][cols] exceeds the threshold, and (known, NULL allowed) that where it is
 * finite at all: above / known does not go in steps of one sample.  Between samples the map is taken to be linear on
 * triangles: each cell is eight of them, that meet in the sample and end half way to its neighbours and at the mean of
 * four; a neighbour that is missing or not finite is extrapolated from the opposite one.  Exact for linear maps (where
 * the region covers only part of a cell: as if it covered it evenly).
 */
double em_area_above(const float *map, const float *weight, size_t rows, size_t cols, double threshold, double *known);

struct em_cluster {
	double area;    /* weights added up: in cells */
	size_t samples; /* at least 1 */
	bool spans;
};

struct em_clusters {
	struct em_cluster *cluster; /* from the largest area to the smallest; owned */
	size_t count;
	double region; /* the weights of all samples that could belong to one, in cells; 0: none could */
};

/*
 * The connected clusters of samples below the threshold: neighbours in a row or column are connected.  A sample belongs
 * to the region when it has at least half of the largest weight there, so that a strip of the vacuum, of which a little
 * of each cell lies in the film, connects nothing.
 *
 * A cluster spans when it reaches from one face of the region to the other.  The faces lie across the line `across` (px
 * of the map's frame) at its ends, or where the region ends before them; NULL: the region's first and last row.  A
 * cluster reaches a face where the cell of one of its samples does.
 *
 * EM_ERROR_USAGE for a line of no length; EM_ERROR_MEMORY.
 */
int em_clusters_find(struct em_clusters *found, const float *map, const float *weight, const struct em_area_grid *grid,
                     double threshold, const struct em_line *across, struct em_error *err);
void em_clusters_release(struct em_clusters *c);

/* The largest one's share of the region, 0 to 1; NaN for a region of no samples. */
double em_clusters_largest(const struct em_clusters *c);
/* Does any of them span? */
bool em_clusters_span(const struct em_clusters *c);

#endif
