/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TIFF out, for ImageJ, Fiji, DigitalMicrograph and the readers in Python. */
#ifndef EM_IO_TIFF_WRITE_H
#define EM_IO_TIFF_WRITE_H

#include "io/codec.h"

#include <stdint.h>

extern const struct em_codec_writer em_tiff_writer;

/*
 * The best approximation p/q of v with p, q < 2^31, by its continued fraction: within 1e-9 of v from 1e-9 to 1e9.
 * False where there is none: v not above 0, or so far from 1 that p or q would be 0.
 */
bool em_tiff_find_rational(double v, uint32_t *p, uint32_t *q);

#endif
