/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/small_model.h"

#include "vision/model.h"
#include "vision/small.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAGES 8      /* at most */
#define CHANNELS 4096 /* at most: beyond, it is no small network */
#define WINOGRAD 16   /* pixels a side from which on it is worth the milliseconds its weights take at first */
#define NAME 64

/* Tells its files from others'; what the weights do is in the names of train-encoder. */
static const struct em_model_family family = {.name = "em-small", .landmark = "coarse.weight"};

bool em_small_recognise(const struct em_safetensors *file)
{
	return em_safetensors_find(file, "stem.weight") && em_safetensors_find(file, family.landmark);
}

/*
 * The input, the stem's results, each stage's.  In int8 the convolutions but the stem see whole numbers, where 255 is
 * the most that came at that level of synthetic chips: "ranges" in the file.  No step has to convert: a x + b comes in
 * units u when a and b are divided by u, and a is multiplied by the unit of x.
 */
struct level {
	size_t channels;
	float unit;
};

struct build {
	struct em_small_model *m;
	struct em_weights *w;
	struct em_error *err;
	struct level level[STAGES + 2];
	size_t stages;
};

static void scale(float *v, size_t n, float by)
{
	for (size_t i = 0; i < n; i++)
		v[i] *= by;
}

/* A convolution and its bias, "stage1.0", from one level to the next, or within one where it adds; padded so that a
 * stride of 1 keeps the size.  The result's number, or -1. */
static int convolve(struct build *b, const char *name, int source, struct level *from, size_t stride, int add)
{
	struct level *to = from + !add;
	struct em_convolution c = {.stride = stride, .groups = 1, .relu = true, .add = add};
	char weights[NAME], bias[NAME];
	const struct em_tensor *t;
	float *v, *offsets = NULL;
	int result = -1;

	snprintf(weights, sizeof(weights), "%.40s.weight", name);
	snprintf(bias, sizeof(bias), "%.40s.bias", name);
	t = em_weights_find(b->w, weights);
	if (!t || t->ndim != 4 || !t->count || t->shape[2] != t->shape[3] || t->shape[2] % 2 == 0 ||
	    t->shape[1] != from->channels || (add && t->shape[0] != from->channels) || t->shape[0] > CHANNELS ||
	    t->shape[2] > EM_SMALL_SIDE)
		return em_error_set(b->err, EM_ERROR_DATA, "safetensors: '%s' %s", weights,
		                    t ? "is of no shape that fits em-small" : "is not there");
	to->channels = c.channels = t->shape[0];
	c.window = t->shape[2];
	c.pad = c.window / 2;
	c.direct = em_network_edge(b->m->network, source) < WINOGRAD;
	c.whole = em_network_precision(b->m->network) == EM_PRECISION_INT8 && from > b->level;
	v = em_weights_read(b->w, weights, 4, t->shape, b->err);
	if (v)
		offsets = em_weights_read(b->w, bias, 1, &c.channels, b->err);
	c.weights = v;
	c.bias = offsets;
	if (offsets) {
		scale(v, t->count, from->unit / to->unit);
		scale(offsets, c.channels, 1 / to->unit);
		result = em_network_convolution(b->m->network, source, &c);
	}
	free(v);
	free(offsets);
	return result;
}

/* Stage i: a convolution, then residual ones, relu(x + conv(x)), as many as there are. */
static int add_stage(struct build *b, size_t i, int source)
{
	struct level *level = b->level + 1 + i;
	char name[NAME];
	size_t block = 0;

	/* The stem has a stride of 4; the first stage keeps the size, the others halve it. */
	for (;; block++) {
		snprintf(name, sizeof(name), "stage%zu.%zu", i, block);
		if (block && !em_weights_channels(b->w, name))
			return source;
		source = block ? convolve(b, name, source, level + 1, 1, source)
		               : convolve(b, name, source, level, i > 0 ? 2 : 1, 0);
		if (source < 0)
			return -1;
	}
}

/* All that convolves, and the mean of each stage, side by side.  How many numbers that is, or -1. */
static long add_stages(struct build *b, int *joined)
{
	int pooled[STAGES], x = em_network_pictures(b->m->network, 1, 1, EM_SMALL_SIDE, EM_SMALL_SIDE);
	long columns = 0;

	x = convolve(b, "stem", x, b->level, 4, 0);
	for (size_t i = 0; i < b->stages && x >= 0; i++) {
		x = add_stage(b, i, x);
		if (x >= 0)
			pooled[i] = em_network_mean(b->m->network, x);
		columns += (long)b->level[i + 2].channels;
	}
	if (x < 0)
		return -1;
	*joined = em_network_join(b->m->network, pooled, b->stages);
	return columns;
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

/* The columns of each stage's means in its unit. */
static void undo_units(const struct build *b, float *weights, size_t rows)
{
	for (size_t i = 0; i < rows; i++)
		for (const struct level *of = b->level + 2; of < b->level + 2 + b->stages; of++) {
			scale(weights, of->channels, of->unit);
			weights += of->channels;
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
		undo_units(b, weights, n);
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

/* n numbers from `least` to `most`, with commas between. */
static int read_numbers(const struct em_safetensors *file, const char *name, size_t n, double least, double most,
                        float *v, struct em_error *err)
{
	const char *text = em_safetensors_metadata(file, name), *at = text ? text : "";
	size_t i = 0;

	for (; i < n && *at; i++) {
		char *end;
		double x = strtod(at, &end);

		if (end == at || !(x >= least && x <= most) || (i + 1 < n && *end != ','))
			break;
		v[i] = (float)x;
		at = end + (i + 1 < n);
	}
	if (i < n || *at)
		return em_error_set(err, EM_ERROR_DATA,
		                    "safetensors: \"%s\" in the metadata: expected %zu numbers from %g to %g", name, n,
		                    least, most);
	return 0;
}

static int choose_precision(const struct build *b, enum em_precision asked, enum em_precision *precision)
{
	bool ranges = em_safetensors_metadata(b->w->file, "ranges");

	if (asked == EM_PRECISION_AUTO)
		asked = ranges && em_network_can(EM_PRECISION_INT8) ? EM_PRECISION_INT8 : EM_PRECISION_FP32;
	if (asked == EM_PRECISION_BF16)
		return em_error_set(b->err, EM_ERROR_USAGE, "an em-small runs in fp32 or int8");
	if (asked == EM_PRECISION_INT8 && !ranges)
		return em_error_set(b->err, EM_ERROR_USAGE,
		                    "safetensors: no \"ranges\" in the metadata, which int8 needs: use fp32");
	*precision = asked;
	return 0;
}

/* How many stages there are, and the units between them. */
static int set_levels(struct build *b)
{
	float range[STAGES + 1];
	char name[NAME] = "stage0.0";

	while (b->stages < STAGES && em_weights_channels(b->w, name))
		snprintf(name, sizeof(name), "stage%zu.0", ++b->stages);
	if (!b->stages)
		return em_error_set(b->err, EM_ERROR_DATA, "safetensors: 'stage0.0.weight' is not there");
	b->level[0].channels = 1;
	for (size_t i = 0; i < STAGES + 2; i++)
		b->level[i].unit = 1;
	if (em_network_precision(b->m->network) != EM_PRECISION_INT8)
		return 0;
	if (read_numbers(b->w->file, "ranges", b->stages + 1, 1e-3, 1e6, range, b->err))
		return -1;
	for (size_t i = 0; i < b->stages + 1; i++)
		b->level[i + 1].unit = range[i] / 255;
	return 0;
}

static int build(struct build *b, enum em_precision precision)
{
	int joined = 0;
	long columns;

	if (choose_precision(b, precision, &precision))
		return -1;
	b->m->network = em_network_new(precision, b->err);
	if (!b->m->network || set_levels(b))
		return -1;
	columns = add_stages(b, &joined);
	return columns < 0 || add_products(b, joined, (size_t)columns) || read_waves(b) ||
	               read_numbers(b->w->file, "parts", 4, 0, 100, b->m->part, b->err) ||
	               read_numbers(b->w->file, "floor", 1, 0, 1, &b->m->floor, b->err) ||
	               em_weights_check_used(b->w, "", b->err)
	           ? -1
	           : 0;
}

int em_small_model_init(struct em_small_model *m, const struct em_safetensors *file, enum em_precision precision,
                        struct em_error *err)
{
	struct em_weights w = {0};
	struct build b = {.m = m, .w = &w, .err = err};
	int status = -1;

	*m = (struct em_small_model){0};
	if (!em_weights_init(&w, file, &family, err))
		status = !w.prefix[0] ? build(&b, precision)
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
