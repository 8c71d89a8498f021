/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ResNet (He et al., CVPR 2016, 770) of any depth with torchvision's and timm's names: 18 and 34 of basic blocks, 50,
 * 101 and 152 of bottlenecks with the stride in their 3 x 3 convolution, and their wide and grouped relatives.  How
 * many blocks and channels there are is what the tensors say.  Batch normalisation has no statistics to take here: it
 * is a scale and an offset of each channel, and goes into the convolution before it.
 */
#include "vision/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGES 4
#define EPSILON 1e-5f /* of the batch normalisation, as PyTorch has it */
#define NAME 96

struct build {
	struct em_network *n;
	struct em_weights *w;
	struct em_error *err;
};

/* weights[c][...] *= gain / sqrt(variance + epsilon), bias = offset - mean * that. */
static int fold(const struct build *b, const char *norm, size_t channels, float *weights, size_t each, float *bias)
{
	static const char *const part[4] = {"weight", "bias", "running_mean", "running_var"};
	float *v[4] = {0};
	char name[NAME];
	int status = 0;

	for (int i = 0; i < 4 && !status; i++) {
		snprintf(name, sizeof(name), "%.80s.%s", norm, part[i]);
		v[i] = em_weights_read(b->w, name, 1, &channels, b->err);
		status = v[i] ? 0 : -1;
	}
	for (size_t c = 0; c < channels && !status; c++) {
		float scale = v[0][c] / sqrtf(v[3][c] + EPSILON);

		for (size_t i = 0; i < each; i++)
			weights[c * each + i] *= scale;
		bias[c] = v[1][c] - v[2][c] * scale;
		if (!isfinite(scale) || !isfinite(bias[c]))
			status = em_error_set(b->err, EM_ERROR_DATA,
			                      "safetensors: %s: a variance that is none (channel %zu)", norm, c);
	}
	for (int i = 0; i < 4; i++)
		free(v[i]);
	return status;
}

/* A convolution and its normalisation.  The result's number, or -1. */
static int convolve(const struct build *b, int source, const char *conv, const char *norm, size_t source_channels,
                    size_t stride, bool relu, int add)
{
	struct em_convolution c = {.stride = stride, .relu = relu, .add = add};
	const struct em_tensor *t;
	char name[NAME];
	float *weights, *bias;
	size_t each;
	int result = -1;

	snprintf(name, sizeof(name), "%.80s.weight", conv);
	t = em_weights_find(b->w, name);
	if (!t || t->ndim != 4 || !t->count || t->shape[2] != t->shape[3] || source_channels % t->shape[1])
		return em_error_set(b->err, EM_ERROR_DATA, "safetensors: '%s' %s", name,
		                    t ? "is of no shape that fits a ResNet" : "is not there");
	c.channels = t->shape[0];
	c.window = t->shape[2];
	c.pad = c.window / 2;
	c.groups = source_channels / t->shape[1];
	each = t->count / c.channels;
	weights = em_weights_read(b->w, name, 4, t->shape, b->err);
	bias = weights ? malloc(c.channels * sizeof(*bias)) : NULL;
	if (weights && !bias)
		em_error_memory(b->err, c.channels * sizeof(*bias));
	c.weights = weights;
	c.bias = bias;
	if (bias && !fold(b, norm, c.channels, weights, each, bias))
		result = em_network_convolution(b->n, source, &c);
	free(weights);
	free(bias);
	return result;
}

/* The shortcut first: it is what the last convolution's result is added to. */
static int add_block(const struct build *b, int source, const char *block, size_t *channels, size_t stride)
{
	char conv[4][NAME], norm[4][NAME];
	size_t in = *channels, last;
	int shortcut = source, result = source;

	for (int i = 0; i < 4; i++) {
		snprintf(conv[i], NAME, i < 3 ? "%.60s.conv%d" : "%.60s.downsample.0", block, i + 1);
		snprintf(norm[i], NAME, i < 3 ? "%.60s.bn%d" : "%.60s.downsample.1", block, i + 1);
	}
	last = em_weights_channels(b->w, conv[2]) ? 2 : 1;
	if (em_weights_channels(b->w, conv[3]))
		shortcut = convolve(b, source, conv[3], norm[3], in, stride, false, 0);
	for (size_t i = 0; i <= last && result >= 0 && shortcut >= 0; i++) {
		bool strided = i == (last == 2 ? 1 : 0);

		result =
		    convolve(b, result, conv[i], norm[i], in, strided ? stride : 1, true, i == last ? shortcut : 0);
		in = em_weights_channels(b->w, conv[i]);
	}
	*channels = in;
	return shortcut < 0 ? -1 : result;
}

static int add_stage(const struct build *b, int source, int stage, size_t *channels)
{
	char name[NAME];

	for (int i = 0; source >= 0; i++) {
		snprintf(name, sizeof(name), "layer%d.%d.conv1", stage, i);
		if (!em_weights_channels(b->w, name))
			return i ? source
			         : em_error_set(b->err, EM_ERROR_DATA, "safetensors: '%s.weight' is not there", name);
		snprintf(name, sizeof(name), "layer%d.%d", stage, i);
		source = add_block(b, source, name, channels, stage > 1 && i == 0 ? 2 : 1);
	}
	return -1;
}

static int add_classes(const struct build *b, int source, size_t channels)
{
	const struct em_tensor *t = em_weights_find(b->w, "fc.weight");
	size_t shape[2] = {t ? t->shape[0] : 0, channels};
	struct em_product p = {.columns = shape[0]};
	float *weights = em_weights_read(b->w, "fc.weight", 2, shape, b->err);
	float *bias = weights ? em_weights_read(b->w, "fc.bias", 1, shape, b->err) : NULL;
	int result = -1;

	p.weights = weights;
	p.bias = bias;
	if (bias)
		result = em_network_product(b->n, source, &p);
	free(weights);
	free(bias);
	return result;
}

/* The stages up to the one that `layer` names; all for the last ones. */
static int stages_for(const char *layer)
{
	return !strncmp(layer, "layer", 5) ? layer[5] - '0' : STAGES;
}

static int build(struct em_network *n, struct em_weights *w, const struct em_model_request *r, size_t *patch,
                 struct em_error *err)
{
	static const char *const idle[STAGES + 1] = {"fc.\0", "fc.\0layer2.\0layer3.\0layer4.\0",
	                                             "fc.\0layer3.\0layer4.\0", "fc.\0layer4.\0", "fc.\0"};
	const struct build b = {n, w, err};
	int stages = stages_for(r->layer), result = em_network_pictures(n, r->batch, 3, r->size, r->size);
	size_t channels = em_weights_channels(b.w, "conv1");

	*patch = 0;
	result = convolve(&b, result, "conv1", "bn1", 3, 2, true, 0);
	if (result >= 0)
		result = em_network_max_pool(n, result, 3, 2, 1);
	for (int stage = 1; stage <= stages && result >= 0; stage++)
		result = add_stage(&b, result, stage, &channels);
	if (result >= 0)
		result = em_network_mean(n, result);
	if (result >= 0 && !strcmp(r->layer, "fc"))
		result = add_classes(&b, result, channels);
	return result < 0 || em_weights_check_used(w, idle[stages], err) ? -1 : result;
}

const struct em_model_family em_model_resnet = {
    .name = "ResNet",
    .landmark = "layer1.0.conv1.weight",
    .layers = "avgpool layer1 layer2 layer3 layer4 fc",
    .batches = true,
    .build = build,
};
