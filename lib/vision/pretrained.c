/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/pretrained.h"

#include "base/text.h"
#include "vision/batch.h"
#include "vision/model.h"
#include "vision/resample.h"
#include "vision/small.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNELS 3
#define PIXELS (4 * 224 * 224) /* of a batch: more hardly make a picture cheaper, and one alone waits for all */
#define MOST 16                /* pictures in a batch */

enum scaling { SCALE_TYPE, SCALE_RANGE, SCALE_STANDARD, SCALINGS };

static const char *const scaling_names[SCALINGS] = {"type", "range", "standard"};

struct pretrained {
	struct em_encoder encoder; /* first: the encoder is this */
	struct em_network *network;
	struct em_batch *batch;
	size_t size, count, patch; /* input edge; pictures in a batch; pixels a side, 0: whole pictures */
	enum scaling scaling;
	float mean[CHANNELS], gain[CHANNELS]; /* gain: 1 / std */
	char layer[32];
	char name[256], weights[EM_DIGEST_HEX];
};

/* ---- a picture into the network's input ---- */

static void scale(const struct pretrained *p, struct em_array *pixels, double mean, double unit)
{
	size_t n = em_array_count(pixels);
	double lo, hi, square = 0, gain = unit, offset = 0;
	float *v = pixels->data;

	if (p->scaling == SCALE_RANGE) {
		em_array_range(pixels, &lo, &hi, NULL);
		offset = lo;
		gain = hi > lo ? 1 / (hi - lo) : 0;
	} else if (p->scaling == SCALE_STANDARD) {
		for (size_t i = 0; i < n; i++)
			square += ((double)v[i] - mean) * ((double)v[i] - mean);
		offset = mean;
		/* Differences below float32's resolution of the values are rounding, not picture. */
		gain = sqrt(square / (double)n) > 1e-6 * fabs(mean) ? 1 / sqrt(square / (double)n) : 0;
	}
	for (size_t i = 0; i < n; i++)
		v[i] = (float)(((double)v[i] - offset) * gain);
}

static void fill_pictures(const struct pretrained *p, const float *v, float *to)
{
	size_t n = p->size * p->size;

	for (size_t c = 0; c < CHANNELS; c++)
		for (size_t i = 0; i < n; i++)
			to[c * n + i] = (v[i] - p->mean[c]) * p->gain[c];
}

static void fill_patches(const struct pretrained *p, const float *v, float *to)
{
	size_t side = p->size / p->patch;

	for (size_t y = 0; y < p->size; y++)
		for (size_t x = 0; x < p->size; x++) {
			size_t at = (y / p->patch * side + x / p->patch) * CHANNELS * p->patch * p->patch +
			            y % p->patch * p->patch + x % p->patch;

			for (size_t c = 0; c < CHANNELS; c++)
				to[at + c * p->patch * p->patch] = (v[y * p->size + x] - p->mean[c]) * p->gain[c];
		}
}

/* Of a batch that is not full the rest is 0, and nobody looks at its results. */
static int run(void *ctx, size_t n, const void *const *in, void *const *out, struct em_error *err)
{
	const struct pretrained *p = ctx;
	struct em_workspace *w = em_network_take(p->network, err);
	const float *result;

	if (!w)
		return -1;
	for (size_t i = 0; i < n; i++) {
		float *to = em_workspace_input(w) + i * CHANNELS * p->size * p->size;

		if (p->patch)
			fill_patches(p, in[i], to);
		else
			fill_pictures(p, in[i], to);
	}
	memset(em_workspace_input(w) + n * CHANNELS * p->size * p->size, 0,
	       (p->count - n) * CHANNELS * p->size * p->size * sizeof(float));
	result = em_workspace_run(w, err);
	for (size_t i = 0; i < n && result; i++)
		memcpy(out[i], result + i * p->encoder.dim, p->encoder.dim * sizeof(*result));
	em_network_give(p->network, w);
	return result ? 0 : -1;
}

static int check_finite(const float *v, size_t n, struct em_error *err)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return em_error_set(err, EM_ERROR_DATA,
			                    "the network makes no finite numbers of this picture: "
			                    "are its values in 0..1? Try --scaling standard");
	return 0;
}

static int encode(const struct em_encoder *encoder, const struct em_array *image, float *out, struct em_error *err)
{
	const struct pretrained *p = (const struct pretrained *)(const void *)encoder;
	struct em_array pixels = {0};
	double mean, unit;
	float *square, *result;
	int status;

	if (em_encoder_load(image, &pixels, &mean, &unit, err) < 0)
		return -1;
	square = malloc(p->size * p->size * sizeof(*square));
	result = malloc(encoder->dim * sizeof(*result));
	status = square && result ? 0 : em_error_memory(err, p->size * p->size * sizeof(*square));
	if (status == 0) {
		scale(p, &pixels, mean, unit);
		status = em_resample(pixels.data, pixels.shape[0], pixels.shape[1], square, p->size, p->size, err);
	}
	if (status == 0)
		status = em_batch_run(p->batch, square, result, err);
	if (status == 0)
		status = check_finite(result, encoder->dim, err);
	if (status == 0)
		memcpy(out, result, encoder->dim * sizeof(*out));
	em_array_release(&pixels);
	free(square);
	free(result);
	return status;
}

/* ---- what the file and the options say ---- */

/* Three numbers, or one for all. */
static int parse_channels(const char *name, const char *text, float v[CHANNELS], struct em_error *err)
{
	const char *at = text;
	size_t n = 0;

	while (*at && n < CHANNELS) {
		char *end;
		double number = strtod(at, &end);

		if (end == at || !isfinite(number))
			break;
		v[n++] = (float)number;
		at = end + strspn(end, ", ");
	}
	if (*at || (n != 1 && n != CHANNELS))
		return em_error_set(err, EM_ERROR_USAGE, "%s '%.60s': expected three numbers, or one", name, text);
	for (size_t c = n; c < CHANNELS; c++)
		v[c] = v[0];
	return 0;
}

static int parse_scaling(const char *text, enum scaling *scaling, struct em_error *err)
{
	for (int s = 0; s < SCALINGS; s++)
		if (!strcmp(text, scaling_names[s])) {
			*scaling = (enum scaling)s;
			return 0;
		}
	return em_error_set(err, EM_ERROR_USAGE, "scaling '%.60s': choose one of: type range standard", text);
}

static int parse_size(const struct em_safetensors *file, size_t asked, size_t *size, struct em_error *err)
{
	const char *text = em_safetensors_metadata(file, "input_size");
	unsigned long v = asked ? asked : text ? strtoul(text, NULL, 10) : 224;

	if (v < 1 || v > EM_PRETRAINED_MAX_SIZE)
		return em_error_set(err, EM_ERROR_USAGE, "an input of '%.20s' pixels: expected 1 to %d",
		                    asked || !text ? "so many" : text, EM_PRETRAINED_MAX_SIZE);
	*size = v;
	return 0;
}

/* Of the words of `known`, which are separated by blanks; the first where none is asked for. */
static int choose_layer(const struct em_model_family *family, const char *asked, char layer[32], struct em_error *err)
{
	size_t wanted = asked ? strlen(asked) : strcspn(family->layers, " ");

	for (const char *c = family->layers; *c;) {
		size_t n = strcspn(c, " ");

		if (n == wanted && n < 32 && !strncmp(c, asked ? asked : c, n)) {
			memcpy(layer, c, n);
			layer[n] = '\0';
			return 0;
		}
		c += n + (c[n] == ' ');
	}
	return em_error_set(err, EM_ERROR_USAGE, "layer '%.60s': a %s has: %s", asked, family->name, family->layers);
}

static const char *say(const struct em_safetensors *file, const char *name, const char *asked, const char *otherwise)
{
	const char *told = asked ? asked : em_safetensors_metadata(file, name);

	return told ? told : otherwise;
}

static int configure(struct pretrained *p, const struct em_safetensors *file, const struct em_model_family *family,
                     const struct em_pretrained_options *o, struct em_error *err)
{
	float std[CHANNELS];

	if (parse_size(file, o->input_size, &p->size, err) ||
	    parse_scaling(say(file, "scaling", o->scaling, "type"), &p->scaling, err) ||
	    parse_channels("mean", say(file, "mean", o->mean, "0.485,0.456,0.406"), p->mean, err) ||
	    parse_channels("std", say(file, "std", o->std, "0.229,0.224,0.225"), std, err) ||
	    choose_layer(family, say(file, "layer", o->layer, NULL), p->layer, err))
		return -1;
	for (size_t c = 0; c < CHANNELS; c++) {
		if (!(std[c] > 0))
			return em_error_set(err, EM_ERROR_USAGE, "std %g: expected more than 0", (double)std[c]);
		p->gain[c] = 1 / std[c];
		if (p->scaling == SCALE_STANDARD) {
			p->mean[c] = 0;
			p->gain[c] = 1;
		}
	}
	return 0;
}

/* ---- making one ---- */

static int build(struct pretrained *p, const struct em_safetensors *file, const struct em_model_family *family,
                 enum em_precision precision, struct em_error *err)
{
	struct em_weights w = {0};
	struct em_model_request request = {1, p->size, p->layer};
	int result = -1;

	p->network = em_network_new(precision, err);
	if (!p->network || em_weights_init(&w, file, family, err))
		return -1;
	if (family->batches)
		request.batch = PIXELS / (p->size * p->size);
	if (request.batch < 1)
		request.batch = 1;
	if (request.batch > MOST)
		request.batch = MOST;
	result = family->build(p->network, &w, &request, &p->patch, err);
	em_weights_release(&w);
	if (result < 0 || em_network_finish(p->network, result, err))
		return -1;
	p->count = request.batch;
	p->encoder.dim = em_network_dim(p->network);
	return 0;
}

/* Everything that changes the numbers. */
static void set_identity(struct pretrained *p, const char *path, struct em_blob bytes)
{
	const char *slash = strrchr(path, '/');
	char text[512];

	em_digest_sha256_hex(bytes.data, bytes.size, p->weights);
	snprintf(text, sizeof(text),
	         "pretrained-1 weights=%s input=%zu scaling=%s mean=%.9g,%.9g,%.9g gain=%.9g,%.9g,%.9g layer=%s "
	         "precision=%s filter=triangle gaps=mean",
	         p->weights, p->size, scaling_names[p->scaling], (double)p->mean[0], (double)p->mean[1],
	         (double)p->mean[2], (double)p->gain[0], (double)p->gain[1], (double)p->gain[2], p->layer,
	         em_precision_name(em_network_precision(p->network)));
	em_digest_sha256_hex(text, strlen(text), p->encoder.digest);
	snprintf(p->name, sizeof(p->name), "%.255s", slash ? slash + 1 : path);
	p->encoder.name = p->name;
	p->encoder.weights = p->weights;
}

static void release(struct em_encoder *encoder)
{
	struct pretrained *p = (struct pretrained *)(void *)encoder;

	em_batch_free(p->batch);
	em_network_free(p->network);
	free(p);
}

static int set_up(struct pretrained *p, const struct em_safetensors *file, const char *path,
                  const struct em_pretrained_options *o, struct em_error *err)
{
	const struct em_model_family *family = em_model_recognise(file);

	if (!family)
		return em_error_set(err, EM_ERROR_DATA,
		                    "safetensors: neither a ResNet, a ViT nor an em-small by its tensors' names");
	if (o->precision == EM_PRECISION_INT8)
		return em_error_set(err, EM_ERROR_USAGE, "int8 is for an em-small: others run in fp32 or bf16");
	if (configure(p, file, family, o, err) || build(p, file, family, o->precision, err))
		return -1;
	p->encoder.batch = p->count;
	p->encoder.precision = em_precision_name(em_network_precision(p->network));
	p->batch = em_batch_new(p->count, o->threads ? o->threads : 1, run, p, err);
	if (!p->batch)
		return -1;
	set_identity(p, path, em_safetensors_bytes(file));
	return 0;
}

static struct em_encoder *open_pretrained(const struct em_safetensors *file, const char *path,
                                          const struct em_pretrained_options *o, struct em_error *err)
{
	struct pretrained *p = calloc(1, sizeof(*p));

	if (!p) {
		em_error_memory(err, sizeof(*p));
		return NULL;
	}
	p->encoder.encode = encode;
	p->encoder.free = release;
	if (!set_up(p, file, path, o, err))
		return &p->encoder;
	release(&p->encoder);
	return NULL;
}

/* Trained as the one that we have already, perhaps on other pictures. */
static struct em_encoder *open_small(const struct em_safetensors *file, const struct em_pretrained_options *o,
                                     struct em_error *err)
{
	if (!o->input_size && !o->scaling && !o->mean && !o->std && !o->layer)
		return em_small_open(file, o->precision, err);
	em_error_set(err, EM_ERROR_USAGE, "an em-small has no choice of input, scaling or layer");
	return NULL;
}

struct em_encoder *em_pretrained_open(const char *path, const struct em_pretrained_options *o, struct em_error *err)
{
	struct em_safetensors *file = em_safetensors_open(path, err);
	struct em_encoder *e = NULL;

	if (file)
		e = em_small_recognise(file) ? open_small(file, o, err) : open_pretrained(file, path, o, err);
	if (file && !e)
		em_error_prefix(err, "%.200s: ", path);
	em_safetensors_free(file);
	return e;
}
