/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Windowed power spectra of one size pooled into rings and sectors: plan, window and pooling weights, made once a size
 * and kept in a small cache.  Inner part of the encoders.
 */
#ifndef EM_VISION_SPECTRAL_POOL_H
#define EM_VISION_SPECTRAL_POOL_H

#include "base/error.h"
#include "base/fft.h"
#include "vision/encoder.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_SPECTRAL_NOISE 3. /* the noise level's factor in the gain of em_spectral_components */
#define EM_SPECTRAL_BINS  (EM_SPECTRAL_RINGS * EM_SPECTRAL_SECTORS)

/* Where a coefficient goes: bilinearly to four neighbours of a grid of rings x (sectors + 1); the last column is the
 * first once more, 180 degrees on. */
struct em_spectral_share {
	unsigned bin;
	float weight[4]; /* bin, bin + 1, bin + sectors + 1, bin + sectors + 2 */
};

struct em_spectral_pool {
	size_t height, width;         /* of the window */
	size_t fft_height, fft_width; /* zero-padded */
	struct em_fft_plan *plan;
	float *window_y, *window_x;
	double window_sum;               /* over the whole window */
	struct em_spectral_share *share; /* fft_height x (fft_width / 2 + 1) */
	double area[EM_SPECTRAL_BINS];   /* how many coefficients of the whole plane a bin collects */
	/* the cache's */
	size_t users;
	unsigned long long stamp;
	bool kept;
};

struct em_spectral_cache;

struct em_spectral_cache *em_spectral_cache_new(struct em_error *err);
void em_spectral_cache_free(struct em_spectral_cache *cache); /* NULL allowed; nobody uses a pool any more */

/* The pool for windows of height x width pixels, for reading, until it is given back. */
const struct em_spectral_pool *em_spectral_pool_take(struct em_spectral_cache *cache, size_t height, size_t width,
                                                     struct em_error *err);
void em_spectral_pool_give(struct em_spectral_cache *cache, const struct em_spectral_pool *pool);

/* bins[] += the pooled power of F = power[fft_height][fft_width / 2 + 1]. */
void em_spectral_pool_add(const struct em_spectral_pool *pool, const float *power, double bins[EM_SPECTRAL_BINS]);

/*
 * spectral_bins.c: the components of an image of numbers around 1, out of half-overlapping windows of EM_SPECTRAL_TILE
 * pixels a side at most: of unit length together, or all 0 where there is no power.  *signal (NULL: not wanted) is the
 * share of the power that is no white noise, 0 to 1; 0 for no power.
 */
#define EM_SPECTRAL_TILE 512
int em_spectral_components(struct em_spectral_cache *cache, const float *v, size_t height, size_t width,
                           float out[EM_SPECTRAL_BINS], double *signal, struct em_error *err);

#endif
