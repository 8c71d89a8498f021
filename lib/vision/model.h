/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Networks that others have trained, recognised by the names and shapes of their tensors: which there are, and how each
 * becomes a struct em_network.  One line of the table in model.c and one .c a family.
 */
#ifndef EM_VISION_MODEL_H
#define EM_VISION_MODEL_H

#include "io/safetensors.h"
#include "vision/network.h"

#include <stdbool.h>
#include <stddef.h>

/* A file of weights from which a model takes tensor by tensor; in the end all have to be accounted for. */
struct em_weights {
	const struct em_safetensors *file; /* the caller's */
	char prefix[64];                   /* before every name: "", "backbone."; tensors without it are not ours */
	bool *used;                        /* [tensors]; owned */
};

struct em_model_family;
/* EM_ERROR_DATA where the family's landmark is not there; EM_ERROR_MEMORY. */
int em_weights_init(struct em_weights *w, const struct em_safetensors *file, const struct em_model_family *family,
                    struct em_error *err);
void em_weights_release(struct em_weights *w);
/* NULL where there is none of that name; else it counts as used. */
const struct em_tensor *em_weights_find(struct em_weights *w, const char *name);
/* Channels that leave the convolution of this name, "layer1.0.conv1"; 0 where there is none. */
size_t em_weights_channels(struct em_weights *w, const char *convolution);
/* Its elements, for the caller to free.  EM_ERROR_DATA: it is not there, not of this shape, or no weights. */
float *em_weights_read(struct em_weights *w, const char *name, int ndim, const size_t *shape, struct em_error *err);
/* EM_ERROR_DATA, with its name, where a tensor was not used: the network is another than we took it for.  Those that
 * begin with one of `idle` (each ended by a NUL, all by another) have nothing to do with the result. */
int em_weights_check_used(const struct em_weights *w, const char *idle, struct em_error *err);

struct em_model_request {
	size_t batch;      /* pictures at a time; of the families without `batches` 1 */
	size_t size;       /* edge of the input in pixels */
	const char *layer; /* one of the family's `layers` */
};

struct em_model_family {
	const char *name, *landmark; /* "ResNet"; the end of a tensor's name that tells it */
	const char *layers;          /* "avgpool layer1 layer2": what `layer` may be, the default first */
	bool batches;                /* does it get faster with several pictures at a time? */
	/* Adds the layers.  Its input is em_network_pictures {batch, 3, size, size}, or where *patch is set to more
	 * than 0 em_network_rows: the picture's squares of *patch pixels, each [3][patch][patch].  The result's number,
	 * or -1 with *err set: EM_ERROR_DATA, EM_ERROR_USAGE, EM_ERROR_MEMORY.  The network's own sticky failures come
	 * later, with em_network_finish. */
	int (*build)(struct em_network *n, struct em_weights *w, const struct em_model_request *request, size_t *patch,
	             struct em_error *err);
};

/* By its tensors; NULL: none that is known. */
const struct em_model_family *em_model_recognise(const struct em_safetensors *file);

extern const struct em_model_family em_model_resnet, em_model_vit;

#endif
