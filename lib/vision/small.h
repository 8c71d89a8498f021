/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * em-small: a small convolutional network beside the power spectrum, trained on emsynth's pictures
 * (scripts/train-encoder; what each piece is for is said in small.c).  A chip of up to EM_SMALL_PART pixels a side is
 * one part; others are cut into as many along a side as make them no larger, but EM_SMALL_PARTS at most.  Each is
 * brought to EM_SMALL_SIDE pixels a side, and the network's descriptions of them are averaged.
 *
 * The embedding has four pieces, which are weighed against each other and then have unit length together: `fine` and
 * `coarse` from the network, `waves` from the spectrum by a learned map, and the spectrum itself.
 */
#ifndef EM_VISION_SMALL_H
#define EM_VISION_SMALL_H

#include "io/safetensors.h"
#include "vision/encoder.h"
#include "vision/network.h"

#include <stdbool.h>

#define EM_SMALL_SIDE 64
#define EM_SMALL_PART 128
#define EM_SMALL_PARTS 4

/* Has it the tensors of train-encoder's files? */
bool em_small_recognise(const struct em_safetensors *file);
/* The file is needed no longer; AUTO as in small_model.h.  EM_ERROR_DATA: what is wrong with it; EM_ERROR_MEMORY;
 * EM_ERROR_USAGE: this processor cannot. */
struct em_encoder *em_small_open(const struct em_safetensors *file, enum em_precision precision, struct em_error *err);

#endif
