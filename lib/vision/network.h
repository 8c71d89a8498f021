/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A neural network for inference: built once, for one shape of input, from its layers; run by any number of threads,
 * each on its own input.  Weights lie as oneDNN wants them, results stay in the layout of the step that made them, and
 * those that are no longer needed make room for others.
 *
 * Building: each function adds a step and returns a number for its result, which later steps take.  Failure is sticky,
 * as in em_text: after one failed the others do nothing, and em_network_finish says why.  All weights are float32 in C
 * order, copied before the function returns.
 */
#ifndef EM_VISION_NETWORK_H
#define EM_VISION_NETWORK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum em_precision { EM_PRECISION_AUTO, EM_PRECISION_FP32, EM_PRECISION_BF16, EM_PRECISION_INT8 };

const char *em_precision_name(enum em_precision precision); /* "fp32" */

struct em_network;

bool em_network_can(enum em_precision precision);           /* has this processor the instructions? */
/* AUTO: bfloat16 where the processor has matrix units for it (AMX); with vector instructions alone float32 is faster,
 * but bfloat16 can be asked for.  INT8 is float32 but where a convolution says `whole`.  NULL: EM_ERROR_MEMORY;
 * EM_ERROR_USAGE where this processor has no instructions for what was asked for. */
struct em_network *em_network_new(enum em_precision precision, struct em_error *err);
void em_network_free(struct em_network *network);                         /* NULL allowed */
enum em_precision em_network_precision(const struct em_network *network); /* not AUTO */

/* ---- pictures: {batch, channels, height, width} ---- */

int em_network_pictures(struct em_network *n, size_t batch, size_t channels, size_t height, size_t width);
size_t em_network_edge(const struct em_network *n, int result); /* height of a result */

struct em_convolution {
	size_t channels, window, stride, pad, groups;
	const float *weights; /* [channels][source channels / groups][window][window] */
	const float *bias;    /* [channels] */
	bool relu;            /* at last */
	int add;              /* a result added before that, 0 for none: the source, or one that nobody may use again */
	bool direct;          /* not Winograd's way, whose weights take milliseconds to arrange at first */
	/* int8: the source's values become whole numbers from 0 to 255; each channel's weights -127 to 127, the largest
	 * being 127, with a factor */
	bool whole;
};
int em_network_convolution(struct em_network *n, int source, const struct em_convolution *c);
int em_network_max_pool(struct em_network *n, int source, size_t window, size_t stride, size_t pad);
int em_network_mean(struct em_network *n, int source); /* over height and width: rows {batch, channels} */

/* ---- rows: {rows, columns} ---- */

int em_network_rows(struct em_network *n, size_t rows, size_t columns);
/* A copy of these rows each time the network runs. */
int em_network_constant(struct em_network *n, size_t rows, size_t columns, const float *values);
/* Room that parts are written into. */
int em_network_room(struct em_network *n, size_t rows, size_t columns);
/* Some of the columns of some rows, as they lie. */
int em_network_part(struct em_network *n, int source, size_t row, size_t rows, size_t column, size_t columns);

/* Rows side by side, such as the means of several stages: {rows, all their columns}. */
int em_network_join(struct em_network *n, const int *sources, size_t count);

struct em_product {
	size_t columns;
	const float *weights; /* [columns][source columns], as PyTorch has them */
	const float *bias;    /* [columns] */
	bool gelu;            /* x (1 + erf(x / sqrt(2))) / 2 */
	int add;              /* to this result, in place, 0 for none: the product's number is its number then */
};
int em_network_product(struct em_network *n, int source, const struct em_product *p);
/* softmax(Q K^T) V of one head, Q, K and V being parts: into the part `result`. */
void em_network_attend(struct em_network *n, int q, int k, int v, int result);
/* Each row to mean 0 and variance 1: (v - mean) / sqrt(variance + epsilon). */
int em_network_normalise(struct em_network *n, int source, float epsilon);
int em_network_mean_rows(struct em_network *n, int source); /* of all rows: one row */

/* ---- the end, and running it ---- */

/* `result` (rows) is what the network gives.  Once, after all steps; 0, or -1 with why building failed:
 * EM_ERROR_MEMORY; EM_ERROR_USAGE: this processor cannot; EM_ERROR_DATA: shapes that do not fit. */
int em_network_finish(struct em_network *n, int result, struct em_error *err);
size_t em_network_dim(const struct em_network *n); /* columns of the result */

/* What one thread needs to run it.  Taken, its input filled, run, its result read, given back: the network keeps as
 * many as were in use at a time.  NULL: EM_ERROR_MEMORY. */
struct em_workspace;
struct em_workspace *em_network_take(const struct em_network *n, struct em_error *err);
void em_network_give(const struct em_network *n, struct em_workspace *w);
float *em_workspace_input(const struct em_workspace *w); /* of the shape of em_network_pictures or em_network_rows */
/* The result's elements, until w is run again or given back; NULL with *err set. */
const float *em_workspace_run(struct em_workspace *w, struct em_error *err);

#endif
