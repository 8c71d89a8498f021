/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What may be done to embeddings before distances are taken:
 *
 *   power B     sign(x) |x|^B of every number (Tukey's ladder; Hu, Gripon & Pateux, ICANN 2021), for features with a
 *               long tail, such as a network's after its last ReLU.
 *   whiten A    y = M (x - m), then y / |y|.  m is the mean of the class means, every chip that nobody labelled taken
 *               for one of the class whose supports have the nearest mean: where nine in ten chips are of one class,
 *               their plain mean would be that class' and leave it without a direction.  M = (S / s)^(-A/2), S the
 *               covariance of all chips, labelled or not, shrunk as that of the mahalanobis distance
 *               (vision/prototype.h), s its mean eigenvalue: every principal component is divided by its standard
 *               deviation to the power A.  A = 1 is whitening proper, which makes noise as loud as what tells classes
 *               apart; A = 0 only centres.
 *
 * Numbers are kept rounded to float32, so that a saved transform gives the same bits.
 */
#ifndef EM_VISION_TRANSFORM_H
#define EM_VISION_TRANSFORM_H

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "vision/support.h"
#include "vision/unlabelled.h"

#include <stddef.h>

#define EM_TRANSFORM_MAX_DIM 1024 /* for A > 0: the covariance has dim^2 elements */

/* A zeroed struct leaves vectors as they are. */
struct em_transform {
	size_t dim;
	double power;   /* 0: none */
	double *mean;   /* [dim], owned; NULL: not whitened */
	double *matrix; /* [dim][dim], symmetric, owned; NULL: the identity */
};

void em_transform_release(struct em_transform *t);
/*
 * For power in (0, 1], 0 for none, and whiten in [0, 1], negative for none; the chips are those of the support set and,
 * if not NULL, of `chips`.  EM_ERROR_DATA: more than EM_TRANSFORM_MAX_DIM dimensions, no two chips that differ, or
 * vectors of `chips` that another encoder made.
 */
int em_transform_fit(struct em_transform *t, double power, double whiten, const struct em_support *set,
                     struct em_unlabelled *chips, struct em_error *err);
/* out[dim] from in[dim], which may be the same.  `work` is [2][dim]. */
void em_transform_apply(const struct em_transform *t, const float *in, float *out, double *work);

/* {"power":..,"mean":[..],"matrix":[lower triangle]}, with what there is; and back: EM_ERROR_DATA for what is not. */
void em_transform_print(const struct em_transform *t, struct em_text *out);
int em_transform_parse(struct em_transform *t, const struct em_json *json, size_t dim, struct em_error *err);

#endif
