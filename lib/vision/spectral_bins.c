/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The power spectrum's components.  The steps from the pooled power Q(b) to components:
 *
 *   - white noise has the same power everywhere; its level N(b) is read from the outermost ring (median over the
 *     sectors: a lattice's own spots there do not count as noise), and each bin gets the gain Q / (Q + 3 N) of a
 *     Wiener filter.  Bins are damped, not cut: a chip of noise alone keeps a flat spectrum;
 *   - shares of the sum: gain and offset of the detector fall out;
 *   - cube root, then unit length.  The square root would make the Euclidean distance Hellinger's, which a few strong
 *     spots rule; the logarithm gives the empty bins as much say as the spots.  The cube root lies between.
 */
#include "vision/spectral_pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Eight running sums, in float: a row is at most EM_SPECTRAL_TILE values around 1. */
static float dot(const float *a, const float *b, size_t n)
{
	float s[8] = {0};
	size_t i;

	for (i = 0; i + 8 <= n; i += 8)
		for (size_t k = 0; k < 8; k++)
			s[k] += a[i + k] * b[i + k];
	for (; i < n; i++)
		s[0] += a[i] * b[i];
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/* The tile at v, less its mean under the window (which would leak into the lowest frequencies), times the window. */
static void apply_window(const struct em_spectral_pool *p, const float *v, size_t stride, float *in)
{
	double sum = 0;
	float mean;

	for (size_t y = 0; y < p->height; y++)
		sum += (double)p->window_y[y] * (double)dot(v + y * stride, p->window_x, p->width);
	mean = (float)(sum / p->window_sum);
	for (size_t y = 0; y < p->height; y++) {
		const float *row = v + y * stride;
		float *out = in + y * p->fft_width, wy = p->window_y[y];

		for (size_t x = 0; x < p->width; x++)
			out[x] = (row[x] - mean) * (wy * p->window_x[x]);
		memset(out + p->width, 0, (p->fft_width - p->width) * sizeof(*out));
	}
	memset(in + p->height * p->fft_width, 0, (p->fft_height - p->height) * p->fft_width * sizeof(*in));
}

/* How many half-overlapping windows cover n pixels, and where the i-th begins. */
static size_t windows(size_t n, size_t window)
{
	return n <= window ? 1 : 1 + (n - window + window / 2 - 1) / (window / 2);
}

static size_t window_at(size_t i, size_t n, size_t window)
{
	size_t count = windows(n, window);

	return count == 1 ? 0 : i * (n - window) / (count - 1);
}

/* bins[] += the pooled power of all windows. */
static int add_windows(const struct em_spectral_pool *p, const float *v, size_t height, size_t width,
                       double bins[EM_SPECTRAL_BINS], struct em_error *err)
{
	float *in = em_fft_alloc(p->fft_height * p->fft_width, err);
	float *out = in == NULL ? NULL : em_fft_alloc(2 * p->fft_height * (p->fft_width / 2 + 1), err);
	size_t ny = windows(height, p->height), nx = windows(width, p->width);

	for (size_t k = 0; k < ny * nx && out != NULL; k++) {
		size_t y = window_at(k / nx, height, p->height), x = window_at(k % nx, width, p->width);

		apply_window(p, v + y * width + x, width, in);
		em_fft_forward(p->plan, in, out);
		em_fft_power(out, p->fft_height, p->fft_width, out); /* in place: it writes behind its reads */
		em_spectral_pool_add(p, out, bins);
	}
	em_fft_free(in);
	em_fft_free(out);
	return out == NULL ? -1 : 0;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Noise power a coefficient. */
static double noise_level(const struct em_spectral_pool *p, const double bins[EM_SPECTRAL_BINS])
{
	const size_t first = (EM_SPECTRAL_RINGS - 1) * EM_SPECTRAL_SECTORS;
	double level[EM_SPECTRAL_SECTORS];
	size_t n = 0;

	for (size_t b = first; b < EM_SPECTRAL_BINS; b++)
		if (p->area[b] > 0)
			level[n++] = bins[b] / p->area[b];
	if (n == 0)
		return 0;
	qsort(level, n, sizeof(level[0]), compare);
	return (level[(n - 1) / 2] + level[n / 2]) / 2;
}

/* The components; returns the signal. */
static double describe(const struct em_spectral_pool *p, const double bins[EM_SPECTRAL_BINS],
                       float out[EM_SPECTRAL_BINS])
{
	double noise = noise_level(p, bins), sum = 0, square = 0, power = 0, area = 0, q[EM_SPECTRAL_BINS];

	for (size_t b = 0; b < EM_SPECTRAL_BINS; b++) {
		q[b] = bins[b] > 0 ? bins[b] * bins[b] / (bins[b] + EM_SPECTRAL_NOISE * noise * p->area[b]) : 0;
		sum += q[b];
		power += bins[b];
		area += p->area[b];
	}
	for (size_t b = 0; b < EM_SPECTRAL_BINS; b++) {
		q[b] = sum > 0 ? cbrt(q[b] / sum) : 0;
		square += q[b] * q[b];
	}
	for (size_t b = 0; b < EM_SPECTRAL_BINS; b++)
		out[b] = square > 0 ? (float)(q[b] / sqrt(square)) : 0;
	return power > 0 ? fmax(0, 1 - noise * area / power) : 0;
}

int em_spectral_components(struct em_spectral_cache *cache, const float *v, size_t height, size_t width,
                           float out[EM_SPECTRAL_BINS], double *signal, struct em_error *err)
{
	size_t h = height < EM_SPECTRAL_TILE ? height : EM_SPECTRAL_TILE;
	size_t w = width < EM_SPECTRAL_TILE ? width : EM_SPECTRAL_TILE;
	const struct em_spectral_pool *p = em_spectral_pool_take(cache, h, w, err);
	double bins[EM_SPECTRAL_BINS] = {0}, share;

	if (p == NULL)
		return -1;
	if (add_windows(p, v, height, width, bins, err)) {
		em_spectral_pool_give(cache, p);
		return -1;
	}
	share = describe(p, bins, out);
	if (signal != NULL)
		*signal = share;
	em_spectral_pool_give(cache, p);
	return 0;
}
