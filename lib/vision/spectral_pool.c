/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/spectral_pool.h"

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define RINGS   EM_SPECTRAL_RINGS
#define SECTORS EM_SPECTRAL_SECTORS
#define COLUMNS (SECTORS + 1)
#define KEPT    16 /* sizes; of 512 x 512 pixels each takes 2.6 MB */
#define LEAST   16 /* a chip of a few pixels is padded to this, so that every ring between its frequencies is filled */

static const double PI = 3.14159265358979323846;

struct em_spectral_cache {
	pthread_mutex_t lock;
	struct em_spectral_pool *pool[KEPT];
	unsigned long long clock;
};

/* The next multiple of 4 without prime factors beyond 5: FFTW is fast there. */
static size_t friendly(size_t n)
{
	size_t m = n < LEAST ? LEAST : (n + 3) / 4 * 4;

	for (;; m += 4) {
		size_t rest = m;

		while (rest % 2 == 0)
			rest /= 2;
		while (rest % 3 == 0)
			rest /= 3;
		while (rest % 5 == 0)
			rest /= 5;
		if (rest == 1)
			return m;
	}
}

/* The coefficient at (ky, kx), in cycles a pixel; `copies` of it are in the whole plane. */
static void fill_share(struct em_spectral_share *s, double ky, double kx, double copies)
{
	double radius = 2 * hypot(ky, kx), turn = atan2(ky, kx) / PI, ring, sector, f, g;
	size_t i, j;

	if (turn < 0)
		turn += 1;
	sector = turn * SECTORS;
	ring = (RINGS - 1) * (1 - log(radius) / log(EM_SPECTRAL_LOWEST));
	ring = fmin(fmax(ring, 0), RINGS - 1);
	i = ring >= RINGS - 1 ? RINGS - 2 : (size_t)ring;
	j = (size_t)sector % SECTORS; /* turn may be 1 by rounding */
	f = ring - (double)i;
	g = sector - floor(sector);
	s->bin = (unsigned)(i * COLUMNS + j);
	s->weight[0] = (float)(copies * (1 - f) * (1 - g));
	s->weight[1] = (float)(copies * (1 - f) * g);
	s->weight[2] = (float)(copies * f * (1 - g));
	s->weight[3] = (float)(copies * f * g);
}

/* The mean, and Nyquist's row and column, whose direction is ambiguous (+0.5 is -0.5), count nowhere; the window
 * spreads what lies there over the neighbours. */
static void fill_shares(struct em_spectral_pool *p)
{
	size_t half = p->fft_width / 2 + 1;

	for (size_t y = 0; y < p->fft_height; y++) {
		double ky = (double)y / (double)p->fft_height - (2 * y > p->fft_height ? 1 : 0);

		if (2 * y == p->fft_height)
			continue;
		for (size_t x = y > 0 ? 0 : 1; x + 1 < half; x++) {
			double kx = (double)x / (double)p->fft_width;

			fill_share(&p->share[y * half + x], ky, kx, x > 0 ? 2 : 1);
		}
	}
}

/* Column SECTORS is column 0; then the grid is the bins. */
static void fold(const float grid[RINGS * COLUMNS], double bins[EM_SPECTRAL_BINS])
{
	for (size_t i = 0; i < RINGS; i++)
		for (size_t j = 0; j < SECTORS; j++)
			bins[i * SECTORS + j] += (double)grid[i * COLUMNS + j] +
			                         (j == 0 ? (double)grid[i * COLUMNS + SECTORS] : 0);
}

void em_spectral_pool_add(const struct em_spectral_pool *pool, const float *power, double bins[EM_SPECTRAL_BINS])
{
	float grid[RINGS * COLUMNS] = {0};
	size_t n = pool->fft_height * (pool->fft_width / 2 + 1);

	for (size_t i = 0; i < n; i++) {
		const struct em_spectral_share *s = &pool->share[i];
		float *g = grid + s->bin;

		g[0] += s->weight[0] * power[i];
		g[1] += s->weight[1] * power[i];
		g[COLUMNS] += s->weight[2] * power[i];
		g[COLUMNS + 1] += s->weight[3] * power[i];
	}
	fold(grid, bins);
}

static int fill_area(struct em_spectral_pool *p, struct em_error *err)
{
	size_t n = p->fft_height * (p->fft_width / 2 + 1);
	float *ones = malloc(n * sizeof(*ones));

	if (ones == NULL)
		return em_error_memory(err, n * sizeof(*ones));
	for (size_t i = 0; i < n; i++)
		ones[i] = 1;
	em_spectral_pool_add(p, ones, p->area);
	free(ones);
	return 0;
}

static void pool_free(struct em_spectral_pool *p)
{
	if (p == NULL)
		return;
	em_fft_plan_free(p->plan);
	free(p->window_y);
	free(p->window_x);
	free(p->share);
	free(p);
}

static int pool_fill(struct em_spectral_pool *p, struct em_error *err)
{
	size_t n = p->fft_height * (p->fft_width / 2 + 1);
	double sum_y = 0, sum_x = 0;

	p->plan = em_fft_plan_new(p->fft_height, p->fft_width, err);
	if (p->plan == NULL)
		return -1;
	p->window_y = malloc(p->height * sizeof(*p->window_y));
	p->window_x = malloc(p->width * sizeof(*p->window_x));
	p->share = calloc(n, sizeof(*p->share));
	if (p->window_y == NULL || p->window_x == NULL || p->share == NULL)
		return em_error_memory(err, n * sizeof(*p->share));
	em_fft_hann(p->window_y, p->height);
	em_fft_hann(p->window_x, p->width);
	for (size_t y = 0; y < p->height; y++)
		sum_y += (double)p->window_y[y];
	for (size_t x = 0; x < p->width; x++)
		sum_x += (double)p->window_x[x];
	p->window_sum = sum_y * sum_x;
	fill_shares(p);
	return fill_area(p, err);
}

/* height and width are at most the encoder's tile: no size can overflow. */
static struct em_spectral_pool *pool_new(size_t height, size_t width, struct em_error *err)
{
	struct em_spectral_pool *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		em_error_memory(err, sizeof(*p));
		return NULL;
	}
	p->height = height;
	p->width = width;
	p->fft_height = friendly(height);
	p->fft_width = friendly(width);
	if (pool_fill(p, err) < 0) {
		pool_free(p);
		return NULL;
	}
	return p;
}

struct em_spectral_cache *em_spectral_cache_new(struct em_error *err)
{
	struct em_spectral_cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL) {
		em_error_memory(err, sizeof(*cache));
		return NULL;
	}
	pthread_mutex_init(&cache->lock, NULL);
	return cache;
}

void em_spectral_cache_free(struct em_spectral_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < KEPT; i++)
		pool_free(cache->pool[i]);
	pthread_mutex_destroy(&cache->lock);
	free(cache);
}

static struct em_spectral_pool *find(struct em_spectral_cache *cache, size_t height, size_t width)
{
	for (size_t i = 0; i < KEPT; i++)
		if (cache->pool[i] != NULL && cache->pool[i]->height == height && cache->pool[i]->width == width)
			return cache->pool[i];
	return NULL;
}

/* Into an empty place, or that of the pool unused for longest.  Where all are in use it stays outside and lives for
 * one use. */
static void keep(struct em_spectral_cache *cache, struct em_spectral_pool *pool)
{
	struct em_spectral_pool **place = NULL;

	for (size_t i = 0; i < KEPT; i++) {
		struct em_spectral_pool **p = &cache->pool[i];

		if (*p == NULL) {
			place = p;
			break;
		}
		if ((*p)->users == 0 && (place == NULL || (*p)->stamp < (*place)->stamp))
			place = p;
	}
	if (place == NULL)
		return;
	pool_free(*place);
	*place = pool;
	pool->kept = true;
}

const struct em_spectral_pool *em_spectral_pool_take(struct em_spectral_cache *cache, size_t height, size_t width,
                                                     struct em_error *err)
{
	struct em_spectral_pool *pool;

	pthread_mutex_lock(&cache->lock);
	pool = find(cache, height, width);
	if (pool == NULL) {
		pool = pool_new(height, width, err);
		if (pool != NULL)
			keep(cache, pool);
	}
	if (pool != NULL) {
		pool->users++;
		pool->stamp = ++cache->clock;
	}
	pthread_mutex_unlock(&cache->lock);
	return pool;
}

void em_spectral_pool_give(struct em_spectral_cache *cache, const struct em_spectral_pool *pool)
{
	struct em_spectral_pool *p = (struct em_spectral_pool *)(uintptr_t)pool; /* made by us, writable */

	pthread_mutex_lock(&cache->lock);
	p->users--;
	if (!p->kept)
		pool_free(p);
	pthread_mutex_unlock(&cache->lock);
}
