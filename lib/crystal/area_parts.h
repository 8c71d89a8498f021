/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of area.h share. */
#ifndef EM_CRYSTAL_AREA_PARTS_H
#define EM_CRYSTAL_AREA_PARTS_H

#include "crystal/area.h"
#include "io/stream.h"

/* The region of this name, added where it is new: its index.  EM_ERROR_DATA: no fit name, too many. */
int em_areas_find(struct em_areas *set, const char *name, size_t *k, struct em_error *err);
/* Add a polygon; corner[n] is copied.  EM_ERROR_DATA: fewer than three, not finite, beyond 1e9, all on a line. */
int em_area_add_ring(struct em_area *area, const double (*corner)[2], size_t n, struct em_error *err);

/* The corners of x, y, w, h, whole pixels reckoned from their edges. */
void em_area_box(double x, double y, double w, double h, double corner[4][2]);

/* Add the class map of a stream to an empty set. */
int em_areas_read_chips(struct em_areas *set, struct em_byte_source source, struct em_error *err);

#endif
