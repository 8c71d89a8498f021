/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Adam of Kingma and Ba (ICLR 2015, arXiv:1412.6980):
 *
 *     m <- b1 m + (1 - b1) g    v <- b2 v + (1 - b2) g^2    w <- w - rate / (1 - b1^t) m / (sqrt(v / (1 - b2^t)) + eps)
 *
 * as in its Algorithm 1 and in PyTorch; or in the form at the end of its section 2, Keras's: w <- w -
 * rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps).
 */
#ifndef EM_FORECAST_ADAM_H
#define EM_FORECAST_ADAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct em_adam {
	float beta1, beta2;  /* b1, b2 */
	float rate, epsilon; /* of w <- w - rate m / (sqrt(v) + epsilon) at this t */
	float rest1, rest2;  /* 1 - b1, 1 - b2 */
};

/* What the t-th step (from 1) takes; `torch`: in the first form. */
struct em_adam em_adam_at(double rate, double beta1, double beta2, double epsilon, bool torch, uint64_t t);

/* One step of n weights, in one thread; the gradient is the sum of part[parts][n], each at the same place. */
struct em_adam_weights {
	float *value, *m, *v;
	const float *const *part;
	size_t parts, at; /* where in each part these weights begin */
};
void em_adam_step(const struct em_adam *adam, const struct em_adam_weights *w, size_t n);

#endif
