/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a classified picture amounts to: counts, areas and connected regions of its classes, on the grid of its chips.
 *
 * A chip stands for its cell: its box, as far as it lies in the picture; where it overlaps a neighbour's they meet half
 * way.  So no pixel counts twice and none is lost: within the grid cells are of the stride's size, at its edges they
 * reach to the edge, whether chips overlap, are shifted inwards or padded.  Where a neighbour is missing (it failed, or
 * somebody left it out) the median overlap of the others stands in.
 *
 * Two chips are connected when their rows or columns differ by one (4-connectivity) and their labels are equal.
 * Positions: pixel centres are whole numbers, as in "to_stage":{"centre_px"}; stage micrometres follow from
 * stage = (x_um, y_um) + um_per_px (p - centre_px).
 */
#ifndef EM_VISION_REGION_H
#define EM_VISION_REGION_H

#include "base/error.h"
#include "base/text.h"
#include "io/stream.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_NO_CELL ((size_t)-1)

struct em_cell {
	size_t label; /* a class, or the number of classes for "unknown" */
	double p;
	bool placed;         /* row, col and box are known */
	double row, col;     /* whole numbers */
	double y, x, h, w;   /* box, as far as it lies in the picture, px */
	double area;         /* of the cell, px; set by em_region_map_link, like the next two */
	double mid_y, mid_x; /* the middle of the cell, px */
	double nm2_per_px;   /* area of a pixel; 0: not calibrated */
	bool staged;         /* the next two are known */
	double um_per_px[4]; /* [[a,b],[c,d]]: (dx,dy) px to (dX,dY) um */
	double x_um, y_um;   /* where the middle of the box lies on the stage */
	size_t neighbour[4]; /* up, left, right, down; EM_NO_CELL; set by em_region_map_link */
	size_t region;       /* set by em_region_map_print */
};

/* The chips of one picture, in the order they came.  A zeroed struct is an empty map. */
struct em_region_map {
	char *picture; /* owned; NULL while empty */
	struct em_cell *cells;
	size_t count, capacity;
	size_t failed;     /* samples without a class */
	double rows, cols; /* as the records say; 0: not known */
	double height, width;
	double step_y, step_x; /* median steps between neighbours; a chip's size where there are none */
};

void em_region_map_release(struct em_region_map *map);
/* Does the sample belong to another picture than the map's? */
bool em_region_map_is_other(const struct em_region_map *map, const struct em_sample *s);
/* Append a sample's chip; in an empty map also the picture's name.  Place, calibration and stage come from the record.
 */
int em_region_map_add(struct em_region_map *map, const struct em_sample *s, size_t label, double p,
                      struct em_error *err);
/* Count a sample that has no class. */
int em_region_map_add_failed(struct em_region_map *map, const struct em_sample *s, struct em_error *err);

/* Find neighbours and areas.  EM_ERROR_DATA where two chips have one place. */
int em_region_map_link(struct em_region_map *map, struct em_error *err);

/*
 * Append one JSON object (no newline) with the statistics of a linked map; name[k] are the nclasses names, label
 * nclasses is "unknown".  Regions come by class, then from large to small.
 */
int em_region_map_print(struct em_region_map *map, const char *const *name, size_t nclasses, struct em_text *out,
                        struct em_error *err);

/*
 * Regularise the labels of a linked map by iterated conditional modes (Besag, J. R. Stat. Soc. B 48 (1986) 259) of a
 * Potts field: sweep by sweep in the order of the cells, each takes the class k of the least
 *     -ln probability[i][k] + beta * (number of its neighbours of another class)
 * until nothing changes, at most 50 sweeps.  Cells that are not placed and cells labelled nclasses ("unknown") stay
 * and do not count as neighbours.  Labels and p are replaced: p is then the conditional probability of the label
 * given the chip and its neighbours' labels.
 */
int em_region_map_smooth(struct em_region_map *map, const double *probability, size_t nclasses, double beta,
                         struct em_error *err);

#endif
