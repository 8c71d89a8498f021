/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Colour PNG for figures; micrographs go through the codec table. */
#ifndef EM_IO_PNG_H
#define EM_IO_PNG_H

#include "base/error.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

/* Append the 8-bit RGB PNG of h x w pixels 0x..RRGGBB whose rows begin `stride` pixels apart.  Packed for speed: a
 * micrograph's noise does not compress, whatever the effort. */
int em_png_encode_rgb(const uint32_t *pixels, size_t h, size_t w, size_t stride, struct em_text *out,
                      struct em_error *err);

#endif
