/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Encoders from files of weights: the networks that model.h knows, between a picture and an embedding.
 *
 * A picture is scaled in value, resampled to a square (em_resample), given to three equal channels, and each channel
 * made (v - mean) / std.  Where the options do not say how, the file's __metadata__ may ("input_size", "scaling",
 * "mean", "std", "layer"), else it is 224 pixels, "type", ImageNet's mean and standard deviation, and the family's
 * first layer.
 */
#ifndef EM_VISION_PRETRAINED_H
#define EM_VISION_PRETRAINED_H

#include "base/error.h"
#include "vision/encoder.h"
#include "vision/network.h"

#include <stddef.h>

#define EM_PRETRAINED_MAX_SIZE 1024 /* pixels a side of the network's input */

/* NULL or 0: as the file says. */
struct em_pretrained_options {
	size_t input_size;
	/* "type": by the type's range to 0..1, floating point as it is; "range": the picture's own to 0..1; "standard":
	 * each picture to mean 0 and standard deviation 1, and then mean and std are not applied */
	const char *scaling;
	const char *mean, *std; /* three numbers with commas or blanks between, or one for all */
	const char *layer;
	enum em_precision precision;
	size_t threads; /* how many callers run the network at a time; 0: 1 */
};

/*
 * EM_ERROR_IO, EM_ERROR_DATA: what is wrong with the file; EM_ERROR_USAGE: an option without meaning, a precision that
 * this processor does not have; EM_ERROR_MEMORY.
 * A file as train-encoder writes it becomes an em-small (small.h), which takes the precision only.
 */
struct em_encoder *em_pretrained_open(const char *path, const struct em_pretrained_options *options,
                                      struct em_error *err);

#endif
