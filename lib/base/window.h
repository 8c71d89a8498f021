/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of an array, and coarser ones.  Axes are carried along: the same place keeps its coordinate. */
#ifndef EM_BASE_WINDOW_H
#define EM_BASE_WINDOW_H

#include "base/array.h"

/* dst = src[begin[k] .. begin[k] + size[k]) along every axis k.  EM_ERROR_DATA where that is empty or leaves src. */
int em_array_crop(struct em_array *dst, const struct em_array *src, const size_t *begin, const size_t *size,
                  struct em_error *err);

/*
 * dst = sums over blocks of factor[k] elements along every axis k (1: as it is); what does not fill a block at the end
 * is left out, as detectors do.  An axis's first coordinate becomes the middle of its first block.  Integers become the
 * first of uint16, int32, float64 that holds the largest possible sum (uint8 and uint16 only go to uint16); float32
 * and float64 stay, summed in double.  EM_ERROR_DATA for complex numbers, a factor of 0 or one above the size.
 */
int em_array_bin(struct em_array *dst, const struct em_array *src, const size_t *factor, struct em_error *err);

#endif
