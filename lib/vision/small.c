/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a chip becomes an embedding.
 *
 *   - The values of a part, less their mean, over their standard deviation: gain and offset of the detector fall out.
 *     The two numbers come back as `moments`, in case they matter: they do where Z-contrast tells phases apart.
 *   - The network's stages, each pooled over the part: what there is, not where.  Two linear maps of that: `fine` was
 *     trained to tell any two textures apart, `coarse` to see what is common to all rods, all lattices and so on.
 *   - The power spectrum of the whole chip as the spectral encoder has it, and a linear map of it, `waves`.  A lattice
 *     under noise is seen by all of a chip's pixels together or not at all, which convolutions of a few cannot do.
 *   - For the same reason the network's pieces count less the more of the power of what it sees, at its own size, is
 *     white noise: gate = floor + (1 - floor) signal.
 */
#include "vision/small.h"

#include "vision/resample.h"
#include "vision/small_model.h"
#include "vision/spectral_pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIXELS (EM_SMALL_SIDE * EM_SMALL_SIDE)

struct small {
	struct em_encoder encoder; /* first: the encoder is this */
	struct em_small_model model;
	struct em_spectral_cache *cache;
	char weights[EM_DIGEST_HEX];
};

/* One chip on its way. */
struct work {
	const struct small *s;
	struct em_array image; /* float32, of mean 0 and standard deviation 1, or all 0 */
	double mean, sd;       /* what they were, as a fraction of the type's range */
	float pixels[PIXELS];  /* a part */
	float *sum;            /* [fine + coarse], over the parts */
	double signal;         /* the same: how much of what the network sees is no noise */
	float spectrum[EM_SPECTRAL_BINS];
};

static double sd_about(const float *v, size_t n, double mean)
{
	return sqrt(em_encoder_squares(v, n, mean) / (double)n);
}

/* To mean 0 and standard deviation 1, or all 0 where differences are rounding. */
static void standardise(float *v, size_t n, double mean, double sd)
{
	double gain = sd > 1e-6 * fabs(mean) && sd > 1e-30 ? 1 / sd : 0;

	for (size_t i = 0; i < n; i++)
		v[i] = (float)(((double)v[i] - mean) * gain);
}

static int load(struct work *w, const struct em_array *image, struct em_error *err)
{
	double unit;
	size_t n;

	if (em_encoder_load(image, &w->image, &w->mean, &unit, err) < 0)
		return -1;
	n = em_array_count(&w->image);
	w->sd = sd_about(w->image.data, n, w->mean);
	standardise(w->image.data, n, w->mean, w->sd);
	w->mean *= unit;
	w->sd *= unit;
	return 0;
}

/* ---- one part ---- */

/* As in training, of values that are fractions of the type's range; of others, middling ones for all. */
static void tell_moments(double mean, double sd, float moments[EM_SMALL_MOMENTS])
{
	if (!(mean >= 0 && mean <= 1 && sd <= 0.5)) {
		mean = 0.5;
		sd = 0.1;
	}
	moments[0] = (float)(3 * (mean - 0.5));
	moments[1] = (float)(log(sd + 0.005) + 2.3);
	moments[2] = (float)(4 * sd);
}

static size_t columns(const struct small *s)
{
	return s->model.fine + s->model.coarse;
}

/* What the network says of w->pixels, added to the sum. */
static int look(struct work *w, const float moments[EM_SMALL_MOMENTS], struct em_error *err)
{
	const struct em_small_model *m = &w->s->model;
	struct em_workspace *space = em_network_take(m->network, err);
	const float *result;

	if (!space)
		return -1;
	memcpy(em_workspace_input(space), w->pixels, sizeof(w->pixels));
	result = em_workspace_run(space, err);
	for (size_t i = 0; i < columns(w->s) && result; i++)
		w->sum[i] += result[i];
	em_network_give(m->network, space);
	if (result)
		em_small_add_product(moments, EM_SMALL_MOMENTS, m->of_moments, columns(w->s), w->sum);
	return result ? 0 : -1;
}

/* What is in w->pixels. */
static int describe(struct work *w, struct em_error *err)
{
	float moments[EM_SMALL_MOMENTS];
	double mean = em_encoder_sum(w->pixels, PIXELS) / PIXELS, sd = sd_about(w->pixels, PIXELS, mean), signal;

	standardise(w->pixels, PIXELS, mean, sd);
	if (em_spectral_components(w->s->cache, w->pixels, EM_SMALL_SIDE, EM_SMALL_SIDE, w->spectrum, &signal, err))
		return -1;
	w->signal += signal;
	tell_moments(w->mean + w->sd * mean, w->sd * sd, moments);
	return look(w, moments, err);
}

/* ---- all parts ---- */

static size_t parts(size_t n)
{
	size_t k = (n + EM_SMALL_PART - 1) / EM_SMALL_PART;

	return k < EM_SMALL_PARTS ? k : EM_SMALL_PARTS;
}

/* Rows y0 to y1 and columns x0 to x1 at EM_SMALL_SIDE pixels a side. */
static int bring(const struct em_array *image, size_t y0, size_t y1, size_t x0, size_t x1, float out[PIXELS],
                 struct em_error *err)
{
	size_t width = image->shape[1], h = y1 - y0, w = x1 - x0;
	const float *from = (const float *)image->data + y0 * width + x0;
	float *own;
	int status;

	if (h == EM_SMALL_SIDE && w == EM_SMALL_SIDE) {
		for (size_t y = 0; y < h; y++)
			memcpy(out + y * w, from + y * width, w * sizeof(*out));
		return 0;
	}
	own = malloc(h * w * sizeof(*own));
	if (!own)
		return em_error_memory(err, h * w * sizeof(*own));
	for (size_t y = 0; y < h; y++)
		memcpy(own + y * w, from + y * width, w * sizeof(*own));
	status = em_resample(own, h, w, out, EM_SMALL_SIDE, EM_SMALL_SIDE, err);
	free(own);
	return status;
}

static int describe_all(struct work *w, struct em_error *err)
{
	size_t height = w->image.shape[0], width = w->image.shape[1], ny = parts(height), nx = parts(width);

	for (size_t k = 0; k < ny * nx; k++) {
		size_t j = k / nx, i = k % nx;

		if (bring(&w->image, j * height / ny, (j + 1) * height / ny, i * width / nx, (i + 1) * width / nx,
		          w->pixels, err) ||
		    describe(w, err))
			return -1;
	}
	for (size_t i = 0; i < columns(w->s); i++) {
		w->sum[i] /= (float)(ny * nx);
		if (!isfinite(w->sum[i]))
			return em_error_set(err, EM_ERROR_DATA, "the network makes no finite numbers of this picture");
	}
	w->signal /= (double)(ny * nx);
	if (height == EM_SMALL_SIDE && width == EM_SMALL_SIDE)
		return 0; /* the spectrum of the part is that of the whole */
	return em_spectral_components(w->s->cache, w->image.data, height, width, w->spectrum, NULL, err);
}

/* v[n] *= length / |v|; returns the first behind it. */
static float *to_length(float *v, size_t n, double length)
{
	double square = 0;

	for (size_t i = 0; i < n; i++)
		square += (double)v[i] * (double)v[i];
	for (size_t i = 0; i < n && square > 0; i++)
		v[i] = (float)((double)v[i] * length / sqrt(square));
	return v + n;
}

static void finish(const struct work *w, float *out)
{
	const struct em_small_model *m = &w->s->model;
	double gate = (double)m->floor + (1 - (double)m->floor) * w->signal;
	float *at = out;

	memcpy(out, w->sum, columns(w->s) * sizeof(*out));
	at = to_length(at, m->fine, gate * (double)m->part[0]);
	at = to_length(at, m->coarse, gate * (double)m->part[1]);
	memcpy(at, m->bias, m->waves * sizeof(*at));
	em_small_add_product(w->spectrum, EM_SPECTRAL_BINS, m->of_spectrum, m->waves, at);
	at = to_length(at, m->waves, (double)m->part[2]);
	memcpy(at, w->spectrum, sizeof(w->spectrum));
	to_length(at, EM_SPECTRAL_BINS, (double)m->part[3]);
	to_length(out, w->s->encoder.dim, 1);
}

static int encode(const struct em_encoder *encoder, const struct em_array *image, float *out, struct em_error *err)
{
	struct work w = {.s = (const struct small *)(const void *)encoder};
	int status = load(&w, image, err);

	if (status == 0) {
		w.sum = calloc(columns(w.s), sizeof(*w.sum));
		status = w.sum ? describe_all(&w, err) : em_error_memory(err, columns(w.s) * sizeof(*w.sum));
	}
	if (status == 0)
		finish(&w, out);
	free(w.sum);
	em_array_release(&w.image);
	return status;
}

/* ---- making one ---- */

/* Everything that changes the numbers; but int8, whose are to be compared with float32's (emembed(1)). */
static void set_identity(struct small *s, struct em_blob weights)
{
	char text[256];

	em_digest_sha256_hex(weights.data, weights.size, s->weights);
	snprintf(text, sizeof(text), "em-small-1 weights=%s side=%d part=%d parts=%d filter=triangle tile=%d gaps=mean",
	         s->weights, EM_SMALL_SIDE, EM_SMALL_PART, EM_SMALL_PARTS, EM_SPECTRAL_TILE);
	em_digest_sha256_hex(text, strlen(text), s->encoder.digest);
	s->encoder.name = "em-small-1";
	s->encoder.weights = s->weights;
}

static void release(struct em_encoder *encoder)
{
	struct small *s = (struct small *)(void *)encoder;

	em_spectral_cache_free(s->cache);
	em_small_model_release(&s->model);
	free(s);
}

static int set_up(struct small *s, const struct em_safetensors *file, enum em_precision precision, struct em_error *err)
{
	if (em_small_model_init(&s->model, file, precision, err))
		return -1;
	s->cache = em_spectral_cache_new(err);
	s->encoder.dim = columns(s) + s->model.waves + EM_SPECTRAL_BINS;
	s->encoder.precision = em_precision_name(em_network_precision(s->model.network));
	set_identity(s, em_safetensors_bytes(file));
	return s->cache ? 0 : -1;
}

struct em_encoder *em_small_open(const struct em_safetensors *file, enum em_precision precision, struct em_error *err)
{
	struct small *s = calloc(1, sizeof(*s));

	if (!s) {
		em_error_memory(err, sizeof(*s));
		return NULL;
	}
	s->encoder.encode = encode;
	s->encoder.free = release;
	s->encoder.batch = 1;
	if (!set_up(s, file, precision, err))
		return &s->encoder;
	release(&s->encoder);
	return NULL;
}

extern const unsigned char em_small_weights[], em_small_weights_end[]; /* small_weights.S */

struct em_encoder *em_small_new(enum em_precision precision, struct em_error *err)
{
	struct em_blob bytes = {em_small_weights, (size_t)(em_small_weights_end - em_small_weights)};
	struct em_safetensors *file = em_safetensors_new(bytes, err);
	struct em_encoder *e = file ? em_small_open(file, precision, err) : NULL;

	em_safetensors_free(file);
	return e;
}
