/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/eelstm_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- memory ---- */

/* All but the gradient, whose size does not depend on the rows. */
static void release_rows(struct em_eelstm_part *p)
{
	for (size_t l = 0; l < EM_EELSTM_MAX_LAYERS; l++) {
		em_lstm_free(p->layer[l]);
		free(p->workspace[l]);
		free(p->result[l]);
		free(p->kept[l]);
		free(p->mask[l]);
	}
	free(p->source);
	free(p->out);
	free(p->flow[0]);
	free(p->flow[1]);
	free(p->source_gradient);
	*p = (struct em_eelstm_part){.gradient = p->gradient};
}

void em_eelstm_part_release(struct em_eelstm_part *p)
{
	release_rows(p);
	free(p->gradient);
	*p = (struct em_eelstm_part){0};
}

static int alloc(float **memory, size_t count, struct em_error *err)
{
	*memory = em_lstm_alloc(count, sizeof(**memory), err);
	return *memory ? 0 : -1;
}

/* What runs a layer for these rows. */
static int make_layer(struct em_eelstm_part *p, const struct em_eelstm *net, size_t l, struct em_error *err)
{
	const struct em_eelstm_options *o = &net->options;
	const struct em_lstm_size size = {p->rows, o->window, l ? o->units : net->channels, o->units};
	size_t bytes;

	em_lstm_free(p->layer[l]);
	p->layer[l] = em_lstm_new(&size, p->training, err);
	if (!p->layer[l])
		return -1;
	bytes = em_lstm_workspace(p->layer[l]);
	if (bytes <= p->workspace_size[l])
		return 0;
	free(p->workspace[l]);
	p->workspace[l] = em_lstm_alloc(1, bytes, err);
	p->workspace_size[l] = bytes;
	return p->workspace[l] ? 0 : -1;
}

static int make_room(struct em_eelstm_part *p, const struct em_eelstm *net, struct em_error *err)
{
	const struct em_eelstm_options *o = &net->options;
	size_t source = o->window * p->room * net->channels, result = o->window * p->room * o->units;

	for (size_t l = 0; l < o->layers; l++)
		if (alloc(&p->result[l], result, err) ||
		    (p->training && o->dropout > 0 &&
		     (alloc(&p->kept[l], result, err) || alloc(&p->mask[l], result, err))))
			return -1;
	if (alloc(&p->source, source, err) || alloc(&p->out, p->room * net->channels, err))
		return -1;
	return p->training && (alloc(&p->flow[0], result, err) || alloc(&p->flow[1], result, err) ||
	                       alloc(&p->source_gradient, source, err) ||
	                       (!p->gradient && alloc(&p->gradient, net->size, err)))
	           ? -1
	           : 0;
}

int em_eelstm_part_set(struct em_eelstm_part *p, const struct em_eelstm *net, size_t rows, bool training,
                       struct em_error *err)
{
	int status = 0;

	if (p->rows == rows && p->training == training)
		return 0;
	if (rows > p->room || training != p->training) {
		release_rows(p);
		p->room = rows;
		p->training = training;
		status = make_room(p, net, err);
	}
	p->rows = rows;
	for (size_t l = 0; l < net->options.layers && !status; l++)
		status = make_layer(p, net, l, err);
	if (status)
		em_eelstm_part_release(p);
	return status;
}

/* ---- forward ---- */

static struct em_lstm_weights weights_of(const struct em_eelstm *net, size_t l)
{
	size_t kernel = em_eelstm_layer(net, l, EM_EELSTM_KERNEL)->at,
	       recurrent = em_eelstm_layer(net, l, EM_EELSTM_RECURRENT)->at;

	return (struct em_lstm_weights){.kernel = net->value + kernel,
	                                .recurrent = net->value + recurrent,
	                                .bias = net->value + em_eelstm_layer(net, l, EM_EELSTM_BIAS)->at,
	                                .kernel_turned = net->turned + kernel,
	                                .recurrent_turned = net->turned + recurrent};
}

/* Elements of a layer's result before those that go on: of the last layer's only the last step does. */
static size_t skipped(const struct em_eelstm_part *p, const struct em_eelstm *net, size_t l)
{
	return l + 1 < net->options.layers ? 0 : (net->options.window - 1) * p->rows * net->options.units;
}

/* What goes on behind layer l. */
static const float *passed(const struct em_eelstm_part *p, size_t l, bool dropout)
{
	return dropout ? p->kept[l] : p->result[l];
}

/* Each is lost with that probability; what is left grows, so that the mean stays. */
static void drop(const struct em_eelstm_part *p, const struct em_eelstm *net, size_t l, struct em_random *random)
{
	const float left = (float)(1 / (1 - net->options.dropout));

	for (size_t i = skipped(p, net, l), n = net->options.window * p->rows * net->options.units; i < n; i++) {
		p->mask[l][i] = em_random_chance(random, net->options.dropout) ? 0 : left;
		p->kept[l][i] = p->result[l][i] * p->mask[l][i];
	}
}

static int run_dense(struct em_eelstm_part *p, const struct em_eelstm *net, const float *last, struct em_error *err)
{
	const struct em_eelstm_tensor *kernel = em_eelstm_dense(net);
	const struct em_lstm_product product = {.m = p->rows, .n = net->channels, .k = net->options.units, .keep = 1};

	for (size_t r = 0; r < p->rows; r++)
		memcpy(p->out + r * net->channels, net->value + kernel[1].at, net->channels * sizeof(*p->out));
	return em_lstm_multiply(&product, last, net->value + kernel->at, p->out, err);
}

int em_eelstm_forward(struct em_eelstm_part *p, const struct em_eelstm *net, struct em_random *random,
                      struct em_error *err)
{
	const float *source = p->source;
	bool dropout = random && p->kept[0];
	size_t last = net->options.layers - 1;

	for (size_t l = 0; l <= last; l++) {
		const struct em_lstm_weights w = weights_of(net, l);

		if (em_lstm_forward(p->layer[l], &w, source, p->result[l], p->workspace[l], err))
			return -1;
		if (dropout)
			drop(p, net, l, random);
		source = passed(p, l, dropout);
	}
	return run_dense(p, net, source + skipped(p, net, last), err);
}

/* ---- backward ---- */

static int run_dense_backward(struct em_eelstm_part *p, const struct em_eelstm *net, const float *last, float *flow,
                              struct em_error *err)
{
	const struct em_eelstm_tensor *kernel = em_eelstm_dense(net);
	size_t units = net->options.units, channels = net->channels;
	const struct em_lstm_product of_kernel = {.m = units, .n = channels, .k = p->rows, .a_turned = true},
	                             of_last = {.m = p->rows, .n = units, .k = channels, .b_turned = true};
	float *bias = p->gradient + kernel[1].at;

	memset(bias, 0, channels * sizeof(*bias));
	for (size_t r = 0; r < p->rows; r++)
		for (size_t c = 0; c < channels; c++)
			bias[c] += p->out[r * channels + c];
	return em_lstm_multiply(&of_kernel, last, p->out, p->gradient + kernel->at, err) ||
	               em_lstm_multiply(&of_last, p->out, net->value + kernel->at, flow, err)
	           ? -1
	           : 0;
}

static int run_layer_backward(struct em_eelstm_part *p, const struct em_eelstm *net, size_t l, const float *flow,
                              float *source_gradient, struct em_error *err)
{
	const struct em_lstm_weights w = weights_of(net, l);
	const struct em_lstm_gradient g = {p->gradient + em_eelstm_layer(net, l, EM_EELSTM_KERNEL)->at,
	                                   p->gradient + em_eelstm_layer(net, l, EM_EELSTM_RECURRENT)->at,
	                                   p->gradient + em_eelstm_layer(net, l, EM_EELSTM_BIAS)->at};

	return em_lstm_backward(p->layer[l], &w, l ? passed(p, l - 1, p->kept[0] != NULL) : p->source, p->result[l],
	                        flow, p->workspace[l], &g, source_gradient, err);
}

int em_eelstm_backward(struct em_eelstm_part *p, const struct em_eelstm *net, struct em_error *err)
{
	size_t last = net->options.layers - 1, count = net->options.window * p->rows * net->options.units,
	       skip = skipped(p, net, last);
	float *flow = p->flow[0], *next = p->flow[1];

	memset(flow, 0, skip * sizeof(*flow));
	if (run_dense_backward(p, net, passed(p, last, p->kept[0] != NULL) + skip, flow + skip, err))
		return -1;
	for (size_t l = last + 1; l-- > 0;) {
		float *then = flow;

		for (size_t i = skipped(p, net, l); p->mask[l] && i < count; i++)
			flow[i] *= p->mask[l][i];
		if (run_layer_backward(p, net, l, flow, l ? next : p->source_gradient, err))
			return -1;
		flow = next;
		next = then;
	}
	return 0;
}
