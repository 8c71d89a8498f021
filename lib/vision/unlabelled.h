/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The embeddings of chips that nobody labelled, set aside to be gone through several times: in a temporary file without
 * a name, so that memory does not grow with them.
 */
#ifndef EM_VISION_UNLABELLED_H
#define EM_VISION_UNLABELLED_H

#include "base/error.h"
#include "vision/support.h"

#include <stddef.h>

struct em_unlabelled;

/* The file will be in folder `dir`; it is made when the first vector comes. */
struct em_unlabelled *em_unlabelled_new(const char *dir, struct em_error *err);
void em_unlabelled_free(struct em_unlabelled *u); /* NULL allowed */

/* Append vector[id->dim].  One that another encoder made than the first is passed over: it cannot be classified with
 * the others either, and whoever tries says so. */
int em_unlabelled_add(struct em_unlabelled *u, const struct em_encoder_id *id, const float *vector,
                      struct em_error *err);
size_t em_unlabelled_count(const struct em_unlabelled *u);
size_t em_unlabelled_dim(const struct em_unlabelled *u); /* 0 while there is none */

/* Go to the first; then vector[dim] after vector in order: 1, 0 at the end, -1. */
int em_unlabelled_rewind(struct em_unlabelled *u, struct em_error *err);
int em_unlabelled_next(struct em_unlabelled *u, float *vector, struct em_error *err);

#endif
