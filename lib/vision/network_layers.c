/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/network_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- pictures ---- */

static int add_input(struct em_network *n, int ndim, const size_t shape[4])
{
	int t = em_network_add_plain(n, EM_NUMBER_F32, ndim, shape);

	n->input = t;
	return t;
}

int em_network_pictures(struct em_network *n, size_t batch, size_t channels, size_t height, size_t width)
{
	return add_input(n, 4, (size_t[4]){batch, channels, height, width});
}

size_t em_network_edge(const struct em_network *n, int result)
{
	return n->tensor[result].shape[2];
}

static struct em_window window_over(const struct em_network *n, int source, size_t channels, size_t window,
                                    size_t stride, size_t pad)
{
	const size_t *shape = n->tensor[source].shape;

	return (struct em_window){.batch = shape[0],
	                          .source_channels = shape[1],
	                          .source_height = shape[2],
	                          .source_width = shape[3],
	                          .channels = channels,
	                          .window = window,
	                          .stride = stride,
	                          .pad = pad,
	                          .groups = 1};
}

static bool fits(const struct em_window *w)
{
	return w->window > 0 && w->stride > 0 && w->source_height + 2 * w->pad >= w->window &&
	       w->source_width + 2 * w->pad >= w->window;
}

/* The shape of the result of a window that moves over a picture. */
static void slide(const struct em_window *w, size_t shape[4])
{
	shape[0] = w->batch;
	shape[1] = w->channels;
	shape[2] = (w->source_height + 2 * w->pad - w->window) / w->stride + 1;
	shape[3] = (w->source_width + 2 * w->pad - w->window) / w->stride + 1;
}

static int add_filters(struct em_network *n, const struct em_window *w, const float *weights,
                       const struct em_layout *wanted)
{
	size_t k = w->window, in = w->source_channels / w->groups;
	size_t dense[4] = {w->channels, in, k, k}, grouped[5] = {w->groups, w->channels / w->groups, in, k, k};

	return em_network_add_weights(
	    n, weights, em_layout_new(EM_NUMBER_F32, w->groups > 1 ? 5 : 4, w->groups > 1 ? grouped : dense, NULL),
	    wanted);
}

/* What a convolution computes with. */
struct constants {
	int weights, bias, factor;
};

static struct constants add_constants(struct em_network *n, const struct em_window *w, const float *weights,
                                      const float *bias, const struct em_primitive *p)
{
	struct constants c = {.weights = add_filters(n, w, weights, em_primitive_layout(p, EM_ROLE_WEIGHTS))};

	c.bias = em_network_add_weights(n, bias, em_layout_new(EM_NUMBER_F32, 1, &w->channels, NULL),
	                                em_primitive_layout(p, EM_ROLE_BIAS));
	return c;
}

/* Each channel's weights as whole numbers, the largest 127, and the factor that makes them what they were; the bias is
 * added before it multiplies. */
static struct constants add_whole_constants(struct em_network *n, const struct em_window *w, const float *weights,
                                            const float *bias, const struct em_primitive *p)
{
	size_t k = w->source_channels / w->groups * w->window * w->window;
	float *whole = malloc(w->channels * (k + 2) * sizeof(*whole)), *offset, *factor;
	struct em_layout *factors = em_layout_new(EM_NUMBER_F32, 4, (size_t[4]){1, w->channels, 1, 1}, NULL);
	struct constants c = {0};

	if (!whole) {
		em_layout_free(factors);
		em_network_fail(n, EM_ERROR_MEMORY, "out of memory for weights");
		return c;
	}
	offset = whole + w->channels * k;
	factor = offset + w->channels;
	for (size_t i = 0; i < w->channels; i++) {
		float most = 0;

		for (size_t j = 0; j < k; j++)
			most = fmaxf(most, fabsf(weights[i * k + j]));
		factor[i] = most > 0 ? most / 127 : 1;
		offset[i] = bias[i] / factor[i];
		for (size_t j = 0; j < k; j++)
			whole[i * k + j] = weights[i * k + j] / factor[i];
	}
	c = add_constants(n, w, whole, offset, p);
	c.factor = em_network_add_weights(n, factor, factors ? em_layout_copy(factors) : NULL, factors);
	em_layout_free(factors);
	free(whole);
	return c;
}

/* Where a convolution writes: over what it adds to, which cannot be what it reads. */
static int result_of(struct em_network *n, int source, int add, const struct em_layout *made, const size_t shape[4])
{
	if (!add)
		return em_network_add_tensor(n, em_layout_copy(made), shape);
	return add == source ? em_network_copy(n, source, made) : em_network_arrange(n, add, made);
}

int em_network_convolution(struct em_network *n, int source, const struct em_convolution *c)
{
	struct em_finish finish = {c->add != 0, c->relu ? EM_ACTIVATION_RELU : EM_ACTIVATION_NONE,
	                           c->whole ? c->channels : 0};
	struct constants constants;
	struct em_window w;
	struct em_primitive *p;
	const struct em_layout *made;
	size_t shape[4];
	int result;

	if (n->failed)
		return 0;
	w = window_over(n, source, c->channels, c->window, c->stride, c->pad);
	w.groups = c->groups;
	w.direct = c->direct;
	if (!fits(&w) || w.source_channels % w.groups || w.channels % w.groups)
		return em_network_fail(n, EM_ERROR_DATA, "a convolution does not fit its input");
	slide(&w, shape);
	if (c->add && memcmp(shape, n->tensor[c->add].shape, sizeof(shape)) != 0)
		return em_network_fail(n, EM_ERROR_DATA, "two results of different shapes are to be added");
	p = em_primitive_convolution(n->engine, c->whole ? EM_NUMBER_U8 : n->number, &w,
	                             c->add ? n->tensor[c->add].layout : NULL, finish, &n->error);
	if (!p) {
		n->failed = true;
		return 0;
	}
	made = em_primitive_layout(p, EM_ROLE_RESULT);
	result = result_of(n, source, c->add, made, shape);
	source = em_network_arrange(n, source, em_primitive_layout(p, EM_ROLE_SOURCE));
	constants = (c->whole ? add_whole_constants : add_constants)(n, &w, c->weights, c->bias, p);
	em_network_add_step(n, p, source, constants.weights, constants.bias, result);
	if (n->failed)
		return 0;
	n->step[n->steps - 1].tensor[EM_ROLE_FACTOR] = constants.factor;
	return result;
}

/* Pools take numbers as the other layers do: the input's are made so first. */
static int converted(struct em_network *n, int source)
{
	struct em_layout *plain =
	    source == n->input ? em_layout_new(n->number, 4, n->tensor[source].shape, NULL) : NULL;

	if (source == n->input && !plain)
		return em_network_fail(n, EM_ERROR_MEMORY, "out of memory for a network");
	if (plain)
		source = em_network_arrange(n, source, plain);
	em_layout_free(plain);
	return source;
}

int em_network_max_pool(struct em_network *n, int source, size_t window, size_t stride, size_t pad)
{
	struct em_primitive *p;
	struct em_window w;
	size_t shape[4];
	int result;

	if (n->failed)
		return 0;
	w = window_over(n, source, n->tensor[source].shape[1], window, stride, pad);
	if (!fits(&w))
		return em_network_fail(n, EM_ERROR_DATA, "a pooling window does not fit its input");
	slide(&w, shape);
	source = converted(n, source);
	p = n->failed ? NULL : em_primitive_pool(n->engine, n->number, &w, n->tensor[source].layout, false, &n->error);
	result = p ? em_network_add_tensor(n, em_layout_copy(em_primitive_layout(p, EM_ROLE_RESULT)), shape) : 0;
	em_network_add_step(n, p, source, 0, 0, result);
	return result;
}

int em_network_mean(struct em_network *n, int source)
{
	struct em_primitive *p;
	struct em_window w;
	size_t rows[4] = {0}, pixels[4];
	int result;

	if (n->failed)
		return 0;
	w = window_over(n, source, n->tensor[source].shape[1], 1, 1, 0);
	source = converted(n, source);
	p = n->failed ? NULL : em_primitive_pool(n->engine, n->number, &w, n->tensor[source].layout, true, &n->error);
	pixels[0] = w.batch;
	pixels[1] = w.channels;
	pixels[2] = pixels[3] = 1;
	result = p ? em_network_add_tensor(n, em_layout_copy(em_primitive_layout(p, EM_ROLE_RESULT)), pixels) : 0;
	em_network_add_step(n, p, source, 0, 0, result);
	if (n->failed)
		return 0;
	rows[0] = w.batch;
	rows[1] = w.channels;
	/* {batch, channels, 1, 1} in C order are rows: one tensor under two names. */
	source = em_network_add_plain(n, n->number, 4, pixels);
	em_network_add_step(
	    n, em_primitive_reorder(n->engine, n->tensor[result].layout, n->tensor[source].layout, &n->error), result,
	    0, 0, source);
	result = em_network_add_plain(n, n->number, 2, rows);
	if (result) {
		n->tensor[result].parent = source;
		n->tensor[result].offset = 0;
	}
	return n->failed ? 0 : result;
}

/* ---- rows ---- */

int em_network_rows(struct em_network *n, size_t rows, size_t columns)
{
	size_t shape[4] = {rows, columns};
	struct em_layout *layout = em_layout_new(n->number, 2, shape, NULL);
	int input = add_input(n, 2, shape), result;

	if (!layout)
		return em_network_fail(n, EM_ERROR_MEMORY, "out of memory for a network");
	result = em_network_arrange(n, input, layout);
	em_layout_free(layout);
	return result;
}

int em_network_constant(struct em_network *n, size_t rows, size_t columns, const float *values)
{
	size_t shape[4] = {rows, columns};
	int result = em_network_add_plain(n, n->number, 2, shape), source;

	if (!result)
		return 0;
	source =
	    em_network_add_weights(n, values, em_layout_new(EM_NUMBER_F32, 2, shape, NULL), n->tensor[result].layout);
	if (source)
		em_network_add_step(
		    n, em_primitive_reorder(n->engine, n->tensor[source].layout, n->tensor[result].layout, &n->error),
		    source, 0, 0, result);
	return n->failed ? 0 : result;
}

int em_network_room(struct em_network *n, size_t rows, size_t columns)
{
	return em_network_add_plain(n, n->number, 2, (size_t[4]){rows, columns});
}

int em_network_part(struct em_network *n, int source, size_t row, size_t rows, size_t column, size_t columns)
{
	struct tensor *of;
	size_t width, shape[4] = {rows, columns}, strides[2];
	int result;

	if (n->failed)
		return 0;
	of = &n->tensor[source];
	width = of->shape[1];
	if (of->parent || row + rows > of->shape[0] || column + columns > width)
		return em_network_fail(n, EM_ERROR_DATA, "a part lies outside of its rows");
	strides[0] = width;
	strides[1] = 1;
	result = em_network_add_tensor(n, em_layout_new(n->number, 2, shape, strides), shape);
	if (result) {
		n->tensor[result].parent = source;
		n->tensor[result].offset = (row * width + column) * (n->number == EM_NUMBER_BF16 ? 2 : sizeof(float));
	}
	return result;
}

int em_network_join(struct em_network *n, const int *sources, size_t count)
{
	size_t rows = n->failed ? 0 : n->tensor[sources[0]].shape[0], columns = 0, at = 0;
	int result, part;

	for (size_t i = 0; i < count && !n->failed; i++) {
		columns += n->tensor[sources[i]].shape[1];
		if (n->tensor[sources[i]].shape[0] != rows)
			em_network_fail(n, EM_ERROR_DATA, "different numbers of rows are to be joined");
	}
	result = em_network_room(n, rows, columns);
	for (size_t i = 0; i < count && !n->failed; i++) {
		size_t wide = n->tensor[sources[i]].shape[1];

		part = em_network_part(n, result, 0, rows, at, wide);
		if (part)
			em_network_add_step(n,
			                    em_primitive_reorder(n->engine, n->tensor[sources[i]].layout,
			                                         n->tensor[part].layout, &n->error),
			                    sources[i], 0, 0, part);
		at += wide;
	}
	return n->failed ? 0 : result;
}

static struct em_primitive *product(struct em_network *n, int source, const struct em_layout *weights,
                                    const struct em_layout *bias, int result, struct em_finish finish)
{
	size_t k_n[2] = {n->tensor[source].shape[1], n->tensor[result].shape[1]};

	return em_primitive_product(n->engine, n->tensor[source].layout, weights, bias, n->tensor[result].layout, k_n,
	                            n->number, finish, &n->error);
}

int em_network_product(struct em_network *n, int source, const struct em_product *p)
{
	struct em_finish finish = {p->add != 0, p->gelu ? EM_ACTIVATION_GELU : EM_ACTIVATION_NONE};
	size_t shape[4] = {n->failed ? 0 : n->tensor[source].shape[0], p->columns};
	size_t k_n[2] = {n->failed ? 0 : n->tensor[source].shape[1], p->columns}, turned[2] = {1, k_n[0]};
	int result = p->add ? p->add : em_network_add_plain(n, n->number, 2, shape), weights, bias;
	struct em_layout *vector;
	struct em_primitive *made;

	if (n->failed)
		return 0;
	if (memcmp(shape, n->tensor[result].shape, sizeof(shape)) != 0)
		return em_network_fail(n, EM_ERROR_DATA, "two results of different shapes are to be added");
	vector = em_layout_new(EM_NUMBER_F32, 2, (size_t[2]){1, p->columns}, NULL);
	made = vector ? product(n, source, NULL, vector, result, finish) : NULL;
	if (made) {
		weights = em_network_add_weights(n, p->weights, em_layout_new(EM_NUMBER_F32, 2, k_n, turned),
		                                 em_primitive_layout(made, EM_ROLE_WEIGHTS));
		bias = em_network_add_weights(n, p->bias, em_layout_copy(vector), vector);
		em_network_add_step(n, made, source, weights, bias, result);
	} else {
		n->failed = true;
	}
	em_layout_free(vector);
	return n->failed ? 0 : result;
}

/* The same elements, rows and columns exchanged. */
static int turn(struct em_network *n, int source)
{
	struct tensor of = n->tensor[source];
	int whole = of.parent ? of.parent : source, result;
	size_t shape[4] = {of.shape[1], of.shape[0]}, strides[2] = {1, n->tensor[whole].shape[1]};

	result = em_network_add_tensor(n, em_layout_new(n->number, 2, shape, strides), shape);
	if (result) {
		n->tensor[result].parent = whole;
		n->tensor[result].offset = of.parent ? of.offset : 0;
	}
	return result;
}

/* result = a b, nothing chosen and nothing else done. */
static void multiply(struct em_network *n, int a, int b, int result)
{
	if (!n->failed)
		em_network_add_step(n, product(n, a, n->tensor[b].layout, NULL, result, (struct em_finish){0}), a, b, 0,
		                    result);
}

void em_network_attend(struct em_network *n, int q, int k, int v, int result)
{
	size_t shape[4] = {0};
	int turned, scores;

	if (n->failed)
		return;
	turned = turn(n, k);
	shape[0] = n->tensor[q].shape[0];
	shape[1] = n->tensor[k].shape[0];
	scores = em_network_add_plain(n, n->number, 2, shape);
	multiply(n, q, turned, scores);
	if (!n->failed)
		em_network_add_step(n, em_primitive_softmax(n->engine, n->tensor[scores].layout, &n->error), scores, 0,
		                    0, scores);
	multiply(n, scores, v, result);
}

int em_network_normalise(struct em_network *n, int source, float epsilon)
{
	int result;

	if (n->failed)
		return 0;
	result = em_network_add_tensor(n, em_layout_copy(n->tensor[source].layout), n->tensor[source].shape);
	if (result)
		em_network_add_step(n, em_primitive_normalise(n->engine, n->tensor[source].layout, epsilon, &n->error),
		                    source, 0, 0, result);
	return n->failed ? 0 : result;
}

/* A product with a row of equal weights. */
int em_network_mean_rows(struct em_network *n, int source)
{
	size_t rows = n->failed ? 0 : n->tensor[source].shape[0];
	float *weights = rows ? malloc(rows * sizeof(*weights)) : NULL;
	int mean, result;

	if (!weights)
		return em_network_fail(n, EM_ERROR_MEMORY, "out of memory for weights");
	for (size_t i = 0; i < rows; i++)
		weights[i] = 1 / (float)rows;
	mean = em_network_constant(n, 1, rows, weights);
	result = em_network_room(n, 1, n->tensor[source].shape[1]);
	multiply(n, mean, source, result);
	free(weights);
	return n->failed ? 0 : result;
}
