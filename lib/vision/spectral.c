/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A training-free description of texture.
 *
 * Power spectrum: under a Hann window, in rings whose width grows with frequency (fractions of Nyquist's, so that chips
 * of all sizes have the same components) and in sectors of direction, which tell lattices apart that are only turned.
 * Images beyond EM_SPECTRAL_TILE pixels a side are averaged over half-overlapping tiles (Welch, IEEE Trans. Audio
 * Electroacoust. 15 (1967) 70).  spectral_bins.c says how pooled
 * power becomes components.
 *
 * Moments: brightness and contrast, and how both vary over the chip, as fractions of the type's range.  A standard
 * deviation is at most half the range, so it counts twice.
 */
#include "vision/spectral_pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRID 4   /* tiles a side for the moments */

struct spectral {
	struct em_encoder encoder; /* first: the encoder is this */
	struct em_spectral_cache *cache;
};

/* One image on its way. */
struct work {
	struct em_array pixels;
	double mean, unit;
	double sd;          /* in pixel values */
	double sds, sd_sds; /* over the grid: mean and sd of the sd ... */
	double sd_means;    /* ... and sd of the mean */
};

/* Sums of v - mean and its square over a row's part; two running sums of each, as one waits for its last addition. */
static void add_row(const float *v, size_t n, double mean, double sum[2])
{
	double s[2] = {0}, q[2] = {0};
	size_t i;

	for (i = 0; i + 2 <= n; i += 2)
		for (size_t k = 0; k < 2; k++) {
			double d = (double)v[i + k] - mean;

			s[k] += d;
			q[k] += d * d;
		}
	if (i < n) {
		double d = (double)v[i] - mean;

		s[0] += d;
		q[0] += d * d;
	}
	sum[0] += s[0] + s[1];
	sum[1] += q[0] + q[1];
}

static double sd_from(double sum, double square, double n)
{
	double var = square / n - sum / n * (sum / n);

	return var > 0 ? sqrt(var) : 0;
}

static void measure(struct work *w)
{
	size_t height = w->pixels.shape[0], width = w->pixels.shape[1];
	size_t ny = height < GRID ? height : GRID, nx = width < GRID ? width : GRID;
	double tiles = (double)(ny * nx), all[2] = {0}, means[2] = {0}, sds[2] = {0};
	const float *v = w->pixels.data;

	for (size_t j = 0; j < ny; j++)
		for (size_t i = 0; i < nx; i++) {
			size_t x0 = i * width / nx, x1 = (i + 1) * width / nx;
			size_t y0 = j * height / ny, y1 = (j + 1) * height / ny;
			double sum[2] = {0}, n = (double)(x1 - x0) * (double)(y1 - y0), sd;

			for (size_t y = y0; y < y1; y++)
				add_row(v + y * width + x0, x1 - x0, w->mean, sum);
			sd = sd_from(sum[0], sum[1], n);
			all[0] += sum[0];
			all[1] += sum[1];
			means[0] += sum[0] / n;
			means[1] += sum[0] / n * (sum[0] / n);
			sds[0] += sd;
			sds[1] += sd * sd;
		}
	w->sd = sd_from(all[0], all[1], (double)height * (double)width);
	w->sds = sds[0] / tiles;
	w->sd_sds = sd_from(sds[0], sds[1], tiles);
	w->sd_means = sd_from(means[0], means[1], tiles);
}

/* Differences below float32's resolution of the values are rounding, not texture. */
static bool is_flat(const struct work *w)
{
	return !(w->sd > 1e-6 * fabs(w->mean)) || w->sd < 1e-30;
}

/* To mean 0 and sd 1, in place: no later step can overflow, whatever the type and range. */
static void standardise(struct work *w)
{
	size_t n = em_array_count(&w->pixels);
	double gain = 1 / w->sd;
	float *v = w->pixels.data;

	for (size_t i = 0; i < n; i++)
		v[i] = (float)(((double)v[i] - w->mean) * gain);
}

/* asinh: as it is for fractions, logarithmic for floats that count electrons. */
static void moments(const struct work *w, float out[EM_SPECTRAL_MOMENTS])
{
	out[0] = (float)asinh(w->mean * w->unit);
	out[1] = (float)(2 * asinh(w->sd * w->unit));
	out[2] = (float)(2 * asinh(w->sds * w->unit));
	out[3] = (float)(2 * asinh(w->sd_sds * w->unit));
	out[4] = (float)(2 * asinh(w->sd_means * w->unit));
}

static int encode(const struct em_encoder *encoder, const struct em_array *image, float *out, struct em_error *err)
{
	const struct spectral *s = (const struct spectral *)(const void *)encoder;
	struct work w = {0};
	int status = 0;

	if (em_encoder_load(image, &w.pixels, &w.mean, &w.unit, err) < 0)
		return -1;
	measure(&w);
	if (is_flat(&w)) {
		memset(out, 0, EM_SPECTRAL_BINS * sizeof(*out));
	} else {
		standardise(&w);
		status = em_spectral_components(s->cache, w.pixels.data, w.pixels.shape[0], w.pixels.shape[1], out,
		                                NULL, err);
	}
	if (status == 0)
		moments(&w, out + EM_SPECTRAL_BINS);
	em_array_release(&w.pixels);
	return status;
}

static void release(struct em_encoder *encoder)
{
	struct spectral *s = (struct spectral *)(void *)encoder;

	em_spectral_cache_free(s->cache);
	free(s);
}

/* Everything that changes the numbers: change it here too, and the name's number, when the method changes. */
static void set_digest(struct em_encoder *e)
{
	char text[256];

	snprintf(text, sizeof(text),
	         "spectral-1 window=hann tile=%d rings=%d sectors=%d lowest=%g noise=%g root=3 "
	         "moments=mean,2sd,2mean(sd),2sd(sd),2sd(mean) grid=%d gaps=mean",
	         EM_SPECTRAL_TILE, EM_SPECTRAL_RINGS, EM_SPECTRAL_SECTORS, EM_SPECTRAL_LOWEST, EM_SPECTRAL_NOISE, GRID);
	em_digest_sha256_hex(text, strlen(text), e->digest);
}

struct em_encoder *em_spectral_new(enum em_precision precision, struct em_error *err)
{
	struct spectral *s = calloc(1, sizeof(*s));

	(void)precision;
	if (s == NULL) {
		em_error_memory(err, sizeof(*s));
		return NULL;
	}
	s->cache = em_spectral_cache_new(err);
	if (s->cache == NULL) {
		free(s);
		return NULL;
	}
	s->encoder = (struct em_encoder){
		.name = "spectral-1", .dim = EM_SPECTRAL_DIM, .batch = 1, .encode = encode, .free = release};
	set_digest(&s->encoder);
	return &s->encoder;
}
