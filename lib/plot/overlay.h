/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chips of classes painted over the pixels of the micrograph they were cut from. */
#ifndef EM_PLOT_OVERLAY_H
#define EM_PLOT_OVERLAY_H

#include "plot/chips.h"
#include "plot/raster.h"

#define EM_OVERLAY_CELLS ((size_t)1 << 24) /* rows x columns of the grid, at most */

struct em_overlay {
	const struct em_classes *classes; /* arranged */
	const struct em_chip *chips;      /* class: index into classes */
	size_t n;
	size_t src_h, src_w; /* of the picture that the chips' boxes count in, px */
	double alpha;        /* opacity at probability 1 */
	size_t line;         /* width of the outlines of regions, px of the output */
};

/*
 * Tint every chip by its class's colour with opacity alpha * p (em_legend_tint), hatch the unknown, and outline each
 * region of equal class in its full colour.  Chips that overlap their neighbours in the grid share the overlap evenly.
 */
int em_overlay_paint(struct em_pixels *pixels, const struct em_overlay *o, struct em_error *err);

#endif
