/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of networks share: numbers, a run, convolutions by their definition. */
#ifndef EM_TEST_NETWORK_HELP_H
#define EM_TEST_NETWORK_HELP_H

#include "vision/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/* Numbers in [-1, 1) that look random. */
static inline float noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (float)(*seed >> 8) / 8388608 - 1;
}

static inline float *numbers(size_t n, uint32_t seed)
{
	float *v = malloc(n * sizeof(*v));

	assert_non_null(v);
	for (size_t i = 0; i < n; i++)
		v[i] = noise(&seed);
	return v;
}

/* The result for this input, `count` numbers of it. */
static inline void run(const struct em_network *n, const float *in, size_t size, float *out, size_t count)
{
	struct em_workspace *w = em_network_take(n, NULL);
	const float *result;

	assert_non_null(w);
	memcpy(em_workspace_input(w), in, size * sizeof(*in));
	result = em_workspace_run(w, NULL);
	assert_non_null(result);
	memcpy(out, result, count * sizeof(*out));
	em_network_give(n, w);
}

static inline void finish(struct em_network *n, int result)
{
	struct em_error err = {0};

	if (em_network_finish(n, result, &err))
		fail_msg("%s", err.text);
}

struct shape {
	size_t in, out, side, window, stride, groups;
};

static inline size_t side_of_result(const struct shape *s)
{
	return (s->side + 2 * (s->window / 2) - s->window) / s->stride + 1;
}

/* One pixel of one channel of a convolution whose padding is half its window, by its definition. */
static inline double convolved(const struct shape *s, const float *x, const float *weights, size_t o,
                               size_t row, size_t col)
{
	size_t in = s->in / s->groups, first = o / (s->out / s->groups) * in, k = s->window, pad = k / 2;
	double sum = 0;

	for (size_t c = 0; c < in; c++)
		for (size_t j = 0; j < k; j++)
			for (size_t i = 0; i < k; i++) {
				size_t y = s->stride * row + j, z = s->stride * col + i; /* of the padded picture */

				if (y >= pad && z >= pad && y - pad < s->side && z - pad < s->side)
					sum += (double)weights[((o * in + c) * k + j) * k + i] *
					       (double)x[((first + c) * s->side + y - pad) * s->side + z - pad];
			}
	return sum;
}

static inline struct em_convolution layer_of(const struct shape *s, const float *weights, const float *bias, bool relu)
{
	return (struct em_convolution){s->out, s->window, s->stride, s->window / 2, s->groups, weights, bias, relu, 0};
}

#endif
