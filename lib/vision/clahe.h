/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994) in the variant, and to the
 * bit, of OpenCV's createCLAHE: published chips were made with it, and a classifier sees every grey level.
 */
#ifndef EM_VISION_CLAHE_H
#define EM_VISION_CLAHE_H

#include "base/array.h"
#include "base/error.h"

#include <stddef.h>

/*
 * *dst = a new image of src's type, shape and axes.  src is 2-D, uint8 or uint16 (all 65536 levels, as OpenCV does).
 *
 * Where tiles_y divides the height and tiles_x the width, the image is cut into tiles_y x tiles_x tiles; else it is
 * first extended, below by tiles_y - height % tiles_y and at the right by tiles_x - width % tiles_x (so by one whole
 * tiles_x or tiles_y on a side that does divide), mirrored without repeating the edge.  The histogram of each tile is
 * cut at max(1, clip * tile area / levels) counts and what was cut off is spread evenly; a clip of 0 cuts nothing.
 * The tiles' equalising curves are interpolated bilinearly between tile centres, in float32.
 *
 * EM_ERROR_USAGE: another type or dimension, a clip that is negative or NaN, no tiles or too many of them (the curves
 * would take more than a gigabyte).  EM_ERROR_DATA: an empty image, or tiles of 2^31 pixels or more.
 */
int em_clahe_apply(const struct em_array *src, double clip, size_t tiles_x, size_t tiles_y, int threads,
                   struct em_array *dst, struct em_error *err);

#endif
