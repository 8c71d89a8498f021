/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A layer of long short-term memory (Hochreiter and Schmidhuber, Neural Comput. 9 (1997) 1735; with a forget gate: Gers
 * et al., Neural Comput. 12 (2000) 2451), forward and backward (oneDNN inside), for fixed sizes:
 *
 *     i, f, o = sigmoid(x K + h R + b)    g = tanh(x K + h R + b)    c <- f c + i g    h <- o tanh(c)
 *
 * from h = c = 0.  x is [steps][rows][inputs], h [steps][rows][units]; K is [inputs][4][units], R [units][4][units], b
 * [4][units]; gates in the order i, f, g, o.  float32, C order.  Work stays in the calling thread.
 */
#ifndef EM_FORECAST_LSTM_H
#define EM_FORECAST_LSTM_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct em_lstm_size {
	size_t rows, steps, inputs, units;
};

struct em_lstm_weights {
	const float *kernel, *recurrent, *bias;
	const float *kernel_turned, *recurrent_turned; /* [4][units][inputs], [4][units][units]: for backward alone; the
	                                                * first only decides the source's gradient */
};

struct em_lstm_gradient {
	float *kernel, *recurrent, *bias; /* of the shapes of the weights */
};

struct em_lstm;

/* Read by any number of threads.  NULL: EM_ERROR_MEMORY; EM_ERROR_USAGE where this oneDNN cannot do it. */
struct em_lstm *em_lstm_new(const struct em_lstm_size *size, bool training, struct em_error *err);
void em_lstm_free(struct em_lstm *l); /* NULL allowed */

/* Bytes that a run wants, from em_lstm_alloc; backward finds there what forward left. */
size_t em_lstm_workspace(const struct em_lstm *l);
int em_lstm_forward(const struct em_lstm *l, const struct em_lstm_weights *w, const float *source, float *result,
                    void *workspace, struct em_error *err);
/* From d loss / d result to those of the weights, which are overwritten, and of the source. */
int em_lstm_backward(const struct em_lstm *l, const struct em_lstm_weights *w, const float *source, const float *result,
                     const float *result_gradient, void *workspace, const struct em_lstm_gradient *gradient,
                     float *source_gradient, struct em_error *err);

/* c[m][n] = a[m][k] b[k][n] + keep c, with keep 0 or 1; a is stored turned, [k][m], or b, [n][k], where that is said.
 */
struct em_lstm_product {
	size_t m, n, k;
	bool a_turned, b_turned;
	float keep;
};
int em_lstm_multiply(const struct em_lstm_product *p, const float *a, const float *b, float *c, struct em_error *err);

/* Zeroed memory that starts where vectors like it to, for free().  NULL: EM_ERROR_MEMORY. */
void *em_lstm_alloc(size_t count, size_t size, struct em_error *err);

#endif
