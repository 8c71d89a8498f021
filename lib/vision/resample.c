/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Which of the old pixels make a new one, and by how much. */
struct taps {
	size_t most;   /* weights kept for each */
	size_t *first; /* [new] */
	size_t *count; /* [new] */
	float *weight; /* [new][most] */
};

static void free_taps(struct taps *t)
{
	free(t->first);
	free(t->count);
	free(t->weight);
}

static void weigh(struct taps *t, size_t i, size_t old, double step)
{
	double reach = step > 1 ? step : 1, centre = ((double)i + 0.5) * step, sum = 0;
	double begin = centre - reach + 0.5, end = centre + reach + 0.5;
	float *w = t->weight + i * t->most;

	t->first[i] = begin > 0 ? (size_t)begin : 0;
	t->count[i] = (end < (double)old ? (size_t)end : old) - t->first[i];
	for (size_t k = 0; k < t->count[i]; k++) {
		double far = fabs((double)(t->first[i] + k) + 0.5 - centre) / reach;

		w[k] = far < 1 ? (float)(1 - far) : 0;
		sum += (double)w[k];
	}
	for (size_t k = 0; k < t->count[i]; k++)
		w[k] = (float)((double)w[k] / sum);
}

static int make_taps(struct taps *t, size_t old, size_t new, struct em_error *err)
{
	double step = (double)old / (double)new;

	t->most = (size_t)(2 * (step > 1 ? step : 1)) + 3;
	t->first = malloc(new * sizeof(*t->first));
	t->count = malloc(new * sizeof(*t->count));
	t->weight = malloc(new * t->most * sizeof(*t->weight));
	if (!t->first || !t->count || !t->weight)
		return em_error_memory(err, new * t->most * sizeof(*t->weight));
	for (size_t i = 0; i < new; i++)
		weigh(t, i, old, step);
	return 0;
}

static void shrink_row(const struct taps *t, const float *from, float *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const float *w = t->weight + i * t->most, *v = from + t->first[i];
		float sum = 0;

		for (size_t k = 0; k < t->count[i]; k++)
			sum += w[k] * v[k];
		to[i] = sum;
	}
}

static void add_rows(const struct taps *t, size_t i, const float *rows, size_t width, float *to)
{
	memset(to, 0, width * sizeof(*to));
	for (size_t k = 0; k < t->count[i]; k++) {
		const float *row = rows + (t->first[i] + k) * width;
		float w = t->weight[i * t->most + k];

		for (size_t x = 0; x < width; x++)
			to[x] += w * row[x];
	}
}

int em_resample(const float *from, size_t height, size_t width, float *to, size_t new_height, size_t new_width,
                struct em_error *err)
{
	struct taps across = {0}, down = {0};
	float *rows = malloc(height * new_width * sizeof(*rows));
	int status = rows ? 0 : em_error_memory(err, height * new_width * sizeof(*rows));

	if (status == 0)
		status = make_taps(&across, width, new_width, err);
	if (status == 0)
		status = make_taps(&down, height, new_height, err);
	for (size_t y = 0; y < height && status == 0; y++)
		shrink_row(&across, from + y * width, rows + y * new_width, new_width);
	for (size_t y = 0; y < new_height && status == 0; y++)
		add_rows(&down, y, rows, new_width, to + y * new_width);
	free_taps(&across);
	free_taps(&down);
	free(rows);
	return status;
}
