/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef EM_VISION_RESAMPLE_H
#define EM_VISION_RESAMPLE_H

#include "base/error.h"

#include <stddef.h>

/*
 * The picture at another size, by a triangle as wide as the coarser grid's step: bilinear where it is enlarged,
 * averaged without aliases where it is reduced, pixels being areas and the outermost ones reaching on.  What PyTorch
 * calls bilinear with antialias, and Pillow BILINEAR.  from [height][width], to [new_height][new_width]; all sizes at
 * least 1. EM_ERROR_MEMORY.
 */
int em_resample(const float *from, size_t height, size_t width, float *to, size_t new_height, size_t new_width,
                struct em_error *err);

#endif
