/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A picture of any size, put together from pieces at the size at which it will be shown: each piece is averaged down
 * as it arrives (exact area weights: a box filter), so that memory follows the output, not the micrograph.  Pieces
 * that overlap are averaged; pixels that are not finite have no weight.
 */
#ifndef EM_PLOT_RASTER_H
#define EM_PLOT_RASTER_H

#include "base/array.h"
#include "plot/color.h"

#include <stdint.h>

#define EM_RASTER_MAX 32767 /* cairo's greatest edge, px */

struct em_raster {
	size_t src_h, src_w; /* of the whole picture */
	size_t h, w;         /* of the output */
	float *sum, *weight; /* h * w each; weight 1 = the output pixel is covered once */
	float *row;          /* scratch: two rows of the output */
};

/* The output size that shows src_h x src_w: `width` pixels wide, or for width 0 as it is, but at most 1600 on its
 * longer edge and, by a whole factor, at least about 640.  EM_ERROR_USAGE when an edge would pass EM_RASTER_MAX. */
int em_raster_fit(size_t src_h, size_t src_w, size_t width, size_t *h, size_t *w, struct em_error *err);

int em_raster_init(struct em_raster *r, size_t src_h, size_t src_w, size_t h, size_t w, struct em_error *err);
void em_raster_release(struct em_raster *r); /* a zeroed struct may be released */

/* Add a 2-D piece whose first pixel lies at (y, x) of the picture; what lies outside the picture is left out. */
int em_raster_add(struct em_raster *r, const struct em_array *piece, ptrdiff_t y, ptrdiff_t x, struct em_error *err);

/* The averages as an h x w float32 image, NaN where nothing finite came. */
int em_raster_mean(const struct em_raster *r, struct em_array *mean, struct em_error *err);

/* Pixels to draw: 0xffRRGGBB, w * h, rows from the top without gaps. */
struct em_pixels {
	size_t h, w;
	uint32_t *argb; /* owned */
};

int em_pixels_init(struct em_pixels *p, size_t h, size_t w, struct em_rgb fill, struct em_error *err);
void em_pixels_release(struct em_pixels *p);
/* 2-D float32 values through a colour map: lo..hi onto its 256 steps (half way where hi <= lo), clamped; `nan` where
 * the value is NaN. */
int em_pixels_from_values(struct em_pixels *p, const struct em_array *values, double lo, double hi,
                          enum em_colormap map, struct em_rgb nan, struct em_error *err);

#endif
