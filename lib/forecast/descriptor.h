/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers by which a reaction is followed, of one spectrum without noise or with: for each edge its net counts (named
 * as the edge, "O-K"), and of edges with two white lines their ratio ("L3/L2" or "M5/M4") and the crystal-field
 * splitting of the first ("t2g/eg", eV).  With several such edges the latter have the element before them: "Ti-L3/L2".
 */
#ifndef EM_FORECAST_DESCRIPTOR_H
#define EM_FORECAST_DESCRIPTOR_H

#include "base/error.h"
#include "eels/energy.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_DESCRIPTORS 12

struct em_descriptors;

/*
 * edges as em_edges_parse has them; "none": none; NULL: those of "Ti-L23,O-K" that the axis has room for.  splitting:
 * take it too, which costs a fit of each spectrum.  EM_ERROR_USAGE, EM_ERROR_DATA: em_edges_parse's and
 * em_edges_place's.
 */
struct em_descriptors *em_descriptors_new(const struct em_energy *e, const char *edges, bool splitting,
                                          struct em_error *err);
void em_descriptors_free(struct em_descriptors *d);          /* NULL allowed */
size_t em_descriptors_count(const struct em_descriptors *d); /* 0 of NULL; at most EM_DESCRIPTORS */
const char *em_descriptors_name(const struct em_descriptors *d, size_t i);
/* -1 where there is none of that name. */
int em_descriptors_find(const struct em_descriptors *d, const char *name);

/*
 * `count` of them from the first-th on: value[count], NaN where the spectrum[channels], in counts, does not show it;
 * slope[count][channels] (NULL: not wanted): how each changes with each channel, to first order and with the lines'
 * windows where they are; of one that is not told, nothing of use.  From many threads at once.
 */
void em_descriptors_measure(const struct em_descriptors *d, size_t first, size_t count, const double *spectrum,
                            double *value, double *slope);

#endif
