/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be done to the grey levels of a whole picture before it is cut: in this order, each step if asked for. */
#ifndef EM_VISION_PREPARE_H
#define EM_VISION_PREPARE_H

#include "base/array.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct em_prepare {
	bool percentile; /* to uint8, `lo` percent of the pixels black and all above `hi` percent white */
	double lo, hi;
	bool clahe; /* em_clahe_apply; of a uint16 picture with all its 65536 levels */
	double clip;
	size_t tiles_x, tiles_y;
	bool to_float; /* to float32 by em_prepare_unit_range */
};

/*
 * Replace *image (2-D) by what the steps make of it, at last in a type that an image member can hold; axes kept.
 * Pixels that are not finite count in no percentile; in uint8 they are black.
 * EM_ERROR_DATA: no finite pixel; CLAHE of a type it does not know and no percentiles before it.
 */
int em_prepare_image(struct em_array *image, const struct em_prepare *steps, int threads, struct em_error *err);

/* dst = src as float32 in 0..1: uint8 / 255, uint16 / 65535; every other type from its least finite value to its
 * greatest, 0 throughout where these are equal.  What is not finite stays as it is. */
int em_prepare_unit_range(struct em_array *dst, const struct em_array *src, struct em_error *err);

#endif
