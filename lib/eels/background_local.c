/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The background of a pixel with its neighbours' help. */
#include "eels/background_parts.h"

#include <math.h>
#include <stdlib.h>

int em_background_kernel_box(struct em_background_kernel *k, size_t reach, struct em_error *err)
{
	if (reach > EM_BACKGROUND_REACH_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "neighbours up to %zu px: at most %d", reach,
		                    EM_BACKGROUND_REACH_MAX);
	k->reach = reach;
	for (size_t i = 0; i <= reach; i++)
		k->weight[i] = 1;
	return 0;
}

int em_background_kernel_gauss(struct em_background_kernel *k, double sigma, struct em_error *err)
{
	double reach = ceil(3 * sigma);

	if (!(sigma > 0) || !(reach <= EM_BACKGROUND_REACH_MAX))
		return em_error_set(err, EM_ERROR_USAGE, "a Gaussian of %g px: its sigma has to be above 0, at most %g",
		                    sigma, EM_BACKGROUND_REACH_MAX / 3.0);
	k->reach = (size_t)reach;
	for (size_t i = 0; i <= k->reach; i++)
		k->weight[i] = exp(-(double)(i * i) / (2 * sigma * sigma));
	return 0;
}

static size_t distance(size_t a, size_t b)
{
	return a > b ? a - b : b - a;
}

static size_t begin_of(size_t at, size_t reach)
{
	return at > reach ? at - reach : 0;
}

static size_t end_of(size_t at, size_t reach, size_t size)
{
	return size - at > reach ? at + reach + 1 : size;
}

struct average {
	double *sum; /* [count], of weight times counts */
	double weight, squares;
	size_t count;
};

static void add(struct average *a, const float *y, double weight)
{
	if (!isfinite(em_background_total(y, a->count)))
		return;
	a->weight += weight;
	a->squares += weight * weight;
	for (size_t i = 0; i < a->count; i++)
		a->sum[i] += weight * (double)y[i];
}

static const float *window_at(const struct em_background_plan *p, const struct em_background_image *image, size_t row,
                              size_t col)
{
	return image->data + (row * image->cols + col) * image->channels + p->fit.first;
}

/* Into y[count]; returns the share of a single spectrum's variance that is left. */
static double average(const struct em_background_plan *p, const struct em_background_image *image,
                      const struct em_background_kernel *k, size_t row, size_t col, struct average *a, float *y)
{
	for (size_t i = begin_of(row, k->reach); i < end_of(row, k->reach, image->rows); i++)
		for (size_t j = begin_of(col, k->reach); j < end_of(col, k->reach, image->cols); j++)
			add(a, window_at(p, image, i, j), k->weight[distance(i, row)] * k->weight[distance(j, col)]);
	for (size_t i = 0; i < a->count; i++)
		y[i] = (float)(a->sum[i] / a->weight);
	return a->squares / (a->weight * a->weight);
}

/* The pixel's own counts are uncertain by themselves and, to first order, independent of what decides on r. */
static void take_level(const struct em_background_plan *p, double total, struct em_background *b)
{
	struct em_background_moments m = em_background_moments(p->x + p->fit.first, p->fit.count, b->r);

	b->level = total / m.sum;
	b->covariance[1] = m.mean * b->covariance[2];
	b->covariance[0] = b->gain / total + m.mean * b->covariance[1];
}

static int has_pixel(const struct em_background_plan *p, const struct em_background_image *image, size_t row,
                     size_t col)
{
	return image->channels == p->e.channels && row < image->rows && col < image->cols;
}

int em_background_fit_local(const struct em_background_plan *p, const struct em_background_image *image,
                            const struct em_background_kernel *k, size_t row, size_t col, struct em_background *b,
                            struct em_error *err)
{
	struct average a = {.count = p->fit.count};
	double own, share;
	float *y;

	if (!has_pixel(p, image, row, col))
		return em_error_set(err, EM_ERROR_USAGE, "no pixel (%zu, %zu) of %zu channels", row, col,
		                    p->e.channels);
	own = em_background_total(window_at(p, image, row, col), p->fit.count);
	if (!(own > 0) || !isfinite(own)) {
		em_background_fail(b, isfinite(own) ? EM_BACKGROUND_NO_COUNTS : EM_BACKGROUND_NOT_FINITE);
		return 0;
	}
	a.sum = calloc(a.count, sizeof(*a.sum) + sizeof(*y));
	if (!a.sum)
		return em_error_memory(err, a.count * (sizeof(*a.sum) + sizeof(*y)));
	y = (float *)(a.sum + a.count);
	share = average(p, image, k, row, col, &a, y);
	em_background_fit_window(p, y, share, b);
	if (b->state == EM_BACKGROUND_GOOD)
		take_level(p, own, b);
	free(a.sum);
	return 0;
}
