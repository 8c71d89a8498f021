/* SPDX-License-Identifier: GPL-3.0-or-later */
/* em-small's weights as what runs: the network up to its pooled results, and the linear maps behind.  Inner part of
 * small.c. */
#ifndef EM_VISION_SMALL_MODEL_H
#define EM_VISION_SMALL_MODEL_H

#include "io/safetensors.h"
#include "vision/network.h"
#include "vision/spectral_pool.h"

#include <stddef.h>

#define EM_SMALL_MOMENTS 3

struct em_small_model {
	struct em_network *network; /* {1, 1, EM_SMALL_SIDE, EM_SMALL_SIDE} to {1, fine + coarse}; float32 */
	size_t fine, coarse, waves; /* numbers in the learned pieces of the embedding */
	float *of_moments;          /* [moments][fine + coarse]: what they add to the network's result */
	float *of_spectrum;         /* [EM_SPECTRAL_BINS][waves] */
	float *bias;                /* [waves] */
	float part[4];              /* weights of fine, coarse, waves, spectrum */
	float floor;                /* of the gate */
};

/* AUTO: INT8 where processor and file have what it takes, else FP32.
 * A zeroed or failed one is released as well.  EM_ERROR_DATA, EM_ERROR_MEMORY, EM_ERROR_USAGE as em_network_new and
 * em_network_finish, and where the file has nothing to make whole numbers with. */
int em_small_model_init(struct em_small_model *m, const struct em_safetensors *file, enum em_precision precision,
                        struct em_error *err);
void em_small_model_release(struct em_small_model *m);

/* out[n] += x[k] weights[k][n], in one order: the bits do not depend on who computes it. */
void em_small_add_product(const float *x, size_t k, const float *weights, size_t n, float *out);

#endif
