/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/small_model.h"

#include "vision/model.h"
#include "vision/small.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGES   8    /* at most */
#define CHANNELS 4096 /* at most: beyond, it is no small network */
#define WINOGRAD 16   /* pixels a side from which on it is worth the milliseconds its weights take at first */
#define NAME     64

/* Tells its files from others'; what the weights do is in the names of train-encoder. */
static const struct em_model_family family = {.name = "em-small", .landmark = "coarse.weight"};

bool em_small_recognise(const struct em_safetensors *file)
{
	return em_safetensors_find(file, "stem.weight") && em_safetensors_find(file, family.landmark);
}

struct build {
	struct em_small_model *m;
	struct em_weights *w;
	struct em_error *err;
};

/* A convolution and its bias, "stage1.0"; padded so that a stride of 1 keeps the size.  The result's number, or -1. */
static int convolve(const struct build *b, const char *name, int source, size_t source_channels, size_t stride, int add)
{
	struct em_convolution c = {.stride = stride, .groups = 1, .relu = true, .add = add};
	char weights[NAME], bias[NAME];
	const struct em_tensor *t;
	float *v, *offsets = NULL;
	int result = -1;

	snprintf(weights, sizeof(weights), "%.40s.weight", name);
	snprintf(bias, sizeof(bias), "%.40s.bias", name);
	t = em_weights_find(b->w, weights);
	if (!t || t->ndim != 4 || !t->count || t->shape[2] != t->shape[3] || t->shape[2] % 2 == 0 ||
	    t->shape[1] != source_channels || (add && t->shape[0] != source_channels) || t->shape[0] > CHANNELS ||
	    t->shape[2] > EM_SMALL_SIDE)
		return em_error_set(b->err, EM_ERROR_DATA, "safetensors: '%s' %s", weights,
		                    t ? "is of no shape that fits em-small" : "is not there");
	c.channels = t->shape[0];
	c.window = t->shape[2];
	c.pad = c.window / 2;
	c.direct = em_network_edge(b->m->network, source) < WINOGRAD;
	v = em_weights_read(b->w, weights, 4, t->shape, b->err);
	if (v)
		offsets = em_weights_read(b->w, bias, 1, &c.channels, b->err);
	c.weights = v;
	c.bias = offsets;
	if (offsets)
		result = em_network_convolution(b->m->network, source, &c);
	free(v);
	free(offsets);
	return result;
}

/* Stage i: a convolution, then residual ones, relu(x + conv(x)), as many as there are. */
static int add_stage(const struct build *b, size_t i, int source, size_t *channels)
{
	char name[NAME];
	size_t block = 0, next;

	/* The stem has a stride of 4; the first stage keeps the size, the others halve it. */
	for (;; block++) {
		snprintf(name, sizeof(name), "stage%zu.%zu", i, block);
		next = em_weights_channels(b->w, name);
		if (!next && block)
			return source;
		source = convolve(b, name, source, *channels, block == 0 && i > 0 ? 2 : 1, block ? source : 0);
		if (source < 0)
			return -1;
		*channels = next;
	}
}

/* All that convolves, and the mean of each stage, side by side.  How many numbers that is, or -1. */
static long add_stages(const struct build *b, int *joined)
{
	size_t channels = em_weights_channels(b->w, "stem"), n = 0, columns = 0;
	int pooled[STAGES], x = em_network_pictures(b->m->network, 1, 1, EM_SMALL_SIDE, EM_SMALL_SIDE);
	char name[NAME];

	for (x = convolve(b, "stem", x, 1, 4, 0); x >= 0; n++) {
		snprintf(name, sizeof(name), "stage%zu.0", n);
		if (n == STAGES || !em_weights_channels(b->w, name))
			break;
		x = add_stage(b, n, x, &channels);
		if (x >= 0)
			pooled[n] = em_network_mean(b->m->network, x);
		columns += channels;
	}
	if (x < 0)
		return -1;
	if (!n)
		return em_error_set(b->err, EM_ERROR_DATA, "safetensors: 'stage0.0.weight' is not there");
	*joined = em_network_join(b->m->network, pooled, n);
	return (long)columns;
}

/* A linear map "fine": its weights [*out][in] and bias [*out], for the caller to free, and *out. */
static int read_map(const struct build *b, const char *name, size_t in, size_t *out, float **weights, float **bias)
{
	char full[NAME];
	const struct em_tensor *t;

	snprintf(full, sizeof(full), "%.40s.weight", name);
	t = em_weights_find(b->w, full);
	*out = t && t->ndim == 2 ? t->shape[0] : 1;
	*weights = em_weights_read(b->w, full, 2, (size_t[]){*out, in}, b->err);
	snprintf(full, sizeof(full), "%.40s.bias", name);
	*bias = *weights ? em_weights_read(b->w, full, 1, out, b->err) : NULL;
	if (*bias)
		return 0;
	free(*weights);
	*weights = NULL;
	return -1;
}

/* Rows of `in` and EM_SMALL_MOMENTS numbers: the former behind those in `of_pooled`, the latter turned, as one column
 * after the other is added. */
static void split(const float *weights, size_t in, size_t rows, size_t first, size_t columns, float *of_pooled,
                  float *of_moments)
{
	for (size_t i = 0; i < rows; i++) {
		const float *row = weights + i * (in + EM_SMALL_MOMENTS);

		memcpy(of_pooled + (first + i) * in, row, in * sizeof(*row));
		for (size_t k = 0; k < EM_SMALL_MOMENTS; k++)
			of_moments[k * columns + first + i] = row[in + k];
	}
}

/* Fine and coarse are one product of the network; what the moments add to it comes from outside. */
static int add_products(const struct build *b, int joined, size_t in)
{
	struct em_small_model *m = b->m;
	float *fine, *coarse = NULL, *bias = NULL, *more = NULL, *weights = NULL, *offsets = NULL;
	size_t n = 0;
	int status = read_map(b, "fine", in + EM_SMALL_MOMENTS, &m->fine, &fine, &bias);

	if (!status)
		status = read_map(b, "coarse", in + EM_SMALL_MOMENTS, &m->coarse, &coarse, &more);
	if (!status) {
		n = m->fine + m->coarse;
		weights = malloc(n * in * sizeof(*weights));
		offsets = malloc(n * sizeof(*offsets));
		m->of_moments = malloc(n * EM_SMALL_MOMENTS * sizeof(*m->of_moments));
		if (!weights || !offsets || !m->of_moments)
			status = em_error_memory(b->err, n * in * sizeof(*weights));
	}
	if (!status) {
		split(fine, in, m->fine, 0, n, weights, m->of_moments);
		split(coarse, in, m->coarse, m->fine, n, weights, m->of_moments);
		memcpy(offsets, bias, m->fine * sizeof(*offsets));
		memcpy(offsets + m->fine, more, m->coarse * sizeof(*offsets));
		joined = em_network_product(m->network, joined,
		                            &(struct em_product){.columns = n, .weights = weights, .bias = offsets});
		status = em_network_finish(m->network, joined, b->err);
	}
	free(fine);
	free(coarse);
	free(bias);
	free(more);
	free(weights);
	free(offsets);
	return status;
}

static int read_waves(const struct build *b)
{
	struct em_small_model *m = b->m;
	float *rows;

	if (read_map(b, "waves", EM_SPECTRAL_BINS, &m->waves, &rows, &m->bias))
		return -1;
	m->of_spectrum = malloc(EM_SPECTRAL_BINS * m->waves * sizeof(*m->of_spectrum));
	for (size_t i = 0; i < m->waves && m->of_spectrum; i++)
		for (size_t k = 0; k < EM_SPECTRAL_BINS; k++)
			m->of_spectrum[k * m->waves + i] = rows[i * EM_SPECTRAL_BINS + k];
	free(rows);
	return m->of_spectrum ? 0 : em_error_memory(b->err, EM_SPECTRAL_BINS * m->waves * sizeof(*m->of_spectrum));
}

/* n numbers from 0 to `most`, with commas between. */
static int read_numbers(const struct em_safetensors *file, const char *name, size_t n, double most, float *v,
                        struct em_error *err)
{
	const char *text = em_safetensors_metadata(file, name), *at = text ? text : "";
	size_t i = 0;

	for (; i < n && *at; i++) {
		char *end;
		double x = strtod(at, &end);

		if (end == at || !(x >= 0 && x <= most) || (i + 1 < n && *end != ','))
			break;
		v[i] = (float)x;
		at = end + (i + 1 < n);
	}
	if (i < n || *at)
		return em_error_set(err, EM_ERROR_DATA,
		                    "safetensors: \"%s\" in the metadata: expected %zu numbers from 0 to %g", name,
		                    n, most);
	return 0;
}

static int build(const struct build *b)
{
	int joined = 0;
	long columns = add_stages(b, &joined);

	return columns < 0 || add_products(b, joined, (size_t)columns) || read_waves(b) ||
	               read_numbers(b->w->file, "parts", 4, 100, b->m->part, b->err) ||
	               read_numbers(b->w->file, "floor", 1, 1, &b->m->floor, b->err) ||
	               em_weights_check_used(b->w, "", b->err)
	           ? -1
	           : 0;
}

int em_small_model_init(struct em_small_model *m, const struct em_safetensors *file, struct em_error *err)
{
	struct em_weights w = {0};
	const struct build b = {m, &w, err};
	int status = -1;

	*m = (struct em_small_model){0};
	m->network = em_network_new(EM_PRECISION_FP32, err);
	if (m->network && !em_weights_init(&w, file, &family, err))
		status = !w.prefix[0] ? build(&b)
		                      : em_error_set(err, EM_ERROR_DATA, "safetensors: another tensor is called '%s%s'",
		                                     w.prefix, family.landmark);
	em_weights_release(&w);
	if (status)
		em_small_model_release(m);
	return status;
}

void em_small_model_release(struct em_small_model *m)
{
	em_network_free(m->network);
	free(m->of_moments);
	free(m->of_spectrum);
	free(m->bias);
	*m = (struct em_small_model){0};
}

void em_small_add_product(const float *x, size_t k, const float *weights, size_t n, float *restrict out)
{
	for (size_t i = 0; i < k; i++) {
		const float *w = weights + i * n;
		float v = x[i];

		for (size_t j = 0; j < n; j++)
			out[j] += v * w[j];
	}
}
