/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inner parts of eelstm.c, shared with eelstm_init.c, eelstm_part.c, eelstm_train.c and eelstm_file.c. */
#ifndef EM_FORECAST_EELSTM_PARTS_H
#define EM_FORECAST_EELSTM_PARTS_H

#include "base/json.h"
#include "base/random.h"
#include "forecast/eelstm.h"
#include "forecast/lstm.h"

#define EM_EELSTM_ROWS 25 /* windows that one thread works on at once: a batch is split into parts of at most these */
#define EM_EELSTM_TENSORS (3 * EM_EELSTM_MAX_LAYERS + 2)

/* Weights lie in one array, each tensor at a place of its own, so that Adam and files need not know what they are. */
struct em_eelstm_tensor {
	char name[48];
	size_t at, rows, columns; /* rows 1: a bias, of one dimension */
	bool turned;              /* kept as its transpose as well */
};

struct em_eelstm {
	struct em_eelstm_options options;
	size_t channels;
	struct em_eelstm_tensor tensor[EM_EELSTM_TENSORS];
	size_t tensors, size;  /* size: elements of value, turned, m, v, best */
	float *value, *turned; /* turned: for tensors that are */
	float *m, *v;          /* Adam's; NULL before training */
	float *best;           /* with restore_best: those of the lowest validation loss; NULL before */
	float *least, *range;  /* [channels] */
	uint64_t step;         /* batches done */
	bool resumes;
	struct em_eelstm_progress progress;
	struct em_json *header; /* of the file that it came from; NULL: none */
};

enum { EM_EELSTM_KERNEL, EM_EELSTM_RECURRENT, EM_EELSTM_BIAS }; /* layer l: tensor[3 l + ...] */

static inline const struct em_eelstm_tensor *em_eelstm_layer(const struct em_eelstm *net, size_t layer, int which)
{
	return &net->tensor[3 * layer + (size_t)which];
}

/* The dense layer's kernel, and behind it its bias. */
static inline const struct em_eelstm_tensor *em_eelstm_dense(const struct em_eelstm *net)
{
	return &net->tensor[3 * net->options.layers];
}

/* EM_ERROR_USAGE. */
int em_eelstm_check_options(const struct em_eelstm_options *o, size_t channels, struct em_error *err);
/* Weights 0, the identity as scale; options are right. */
struct em_eelstm *em_eelstm_alloc(const struct em_eelstm_options *options, size_t channels, struct em_error *err);
int em_eelstm_draw(struct em_eelstm *net, struct em_error *err); /* the weights at first */
/* Rows [first, first + count) of a tensor are copied into its transpose. */
void em_eelstm_turn(struct em_eelstm *net, const struct em_eelstm_tensor *t, size_t first, size_t count);
void em_eelstm_turn_all(struct em_eelstm *net);

/* A frame of counts becomes what the network sees; -1: NaN or infinite. */
int em_eelstm_scale(const struct em_eelstm *net, const float *frame, float *out);

/* Some windows of a batch and all that one thread needs to work on them.  A zeroed one holds nothing. */
struct em_eelstm_part {
	size_t rows, room; /* room: for this many rows there is memory */
	bool training;
	struct em_lstm *layer[EM_EELSTM_MAX_LAYERS];
	void *workspace[EM_EELSTM_MAX_LAYERS];
	size_t workspace_size[EM_EELSTM_MAX_LAYERS];
	float *source;                       /* [window][rows][channels], scaled */
	float *result[EM_EELSTM_MAX_LAYERS]; /* [window][rows][units] */
	float *kept[EM_EELSTM_MAX_LAYERS];   /* the same after dropout; NULL: no dropout */
	float *mask[EM_EELSTM_MAX_LAYERS];   /* its factors */
	float *out;                          /* [rows][channels], scaled; in training then its gradient */
	float *flow[2], *source_gradient;    /* gradients of results; of the source, which nobody wants */
	float *gradient;                     /* [size], of the weights */
};

/* For this many rows; what was there is let go or kept as it fits. */
int em_eelstm_part_set(struct em_eelstm_part *p, const struct em_eelstm *net, size_t rows, bool training,
                       struct em_error *err);
void em_eelstm_part_release(struct em_eelstm_part *p);
/* From source to out; dropout by *random, NULL: none. */
int em_eelstm_forward(struct em_eelstm_part *p, const struct em_eelstm *net, struct em_random *random,
                      struct em_error *err);
/* From the gradient in out to that of the weights; after forward. */
int em_eelstm_backward(struct em_eelstm_part *p, const struct em_eelstm *net, struct em_error *err);

#endif
