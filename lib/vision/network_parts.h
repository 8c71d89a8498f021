/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of a network share: network.c puts tensors and steps together, network_layers.c makes the layers of
 * them, network_run.c runs them. */
#ifndef EM_VISION_NETWORK_PARTS_H
#define EM_VISION_NETWORK_PARTS_H

#include "vision/network.h"
#include "vision/primitive.h"

#include <pthread.h>
#include <stdint.h>

#define ALIGNMENT 64 /* bytes: a line of the cache, a vector of AVX-512 */
#define NOWHERE SIZE_MAX

struct tensor {
	struct em_layout *layout;
	size_t shape[4]; /* pictures; or rows {rows, columns} with the other two 0 */
	void *constant;  /* weights: owned */
	int parent;      /* a part of this tensor, or 0 */
	size_t offset;   /* bytes from the parent's beginning, else in the arena */
	size_t last;     /* the step that uses it last */
};

struct step {
	struct em_primitive *primitive;
	int tensor[EM_ROLES]; /* 0: none */
};

struct em_network {
	struct dnnl_engine *engine;
	enum em_precision precision;
	enum em_number number;
	struct tensor *tensor; /* number 0 is none */
	struct step *step;
	size_t tensors, steps, arena; /* arena: bytes */
	int input, result;
	bool failed;
	struct em_error error;
	pthread_mutex_t lock;
	struct em_workspace *idle;
};

/* Each returns the number of a tensor, 0 after a failure. */
int em_network_fail(struct em_network *n, enum em_error_kind kind, const char *what);
/* Takes over the layout, NULL where there was no memory for it. */
int em_network_add_tensor(struct em_network *n, struct em_layout *layout, const size_t shape[4]);
int em_network_add_plain(struct em_network *n, enum em_number number, int ndim, const size_t shape[4]);
/* The tensor once more, as `wanted`: never itself. */
int em_network_copy(struct em_network *n, int source, const struct em_layout *wanted);
/* The tensor in another layout: itself where it lies so already. */
int em_network_arrange(struct em_network *n, int source, const struct em_layout *wanted);
/* Weights as `wanted`; takes over `have`, the layout of what they come from. */
int em_network_add_weights(struct em_network *n, const float *from, struct em_layout *have,
                           const struct em_layout *wanted);
/* Takes over the primitive, NULL where it could not be made (n->error says why); gives it room to work. */
void em_network_add_step(struct em_network *n, struct em_primitive *p, int source, int weights, int bias, int result);

void *em_network_allocate(size_t bytes);        /* aligned; freed with free */
void em_workspace_free(struct em_workspace *w); /* and those that follow it */

#endif
