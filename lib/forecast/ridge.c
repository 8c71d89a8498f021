/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/ridge.h"

#include "base/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STRENGTHS 8
static const double strengths[STRENGTHS] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10};

struct em_ridge_sums {
	double *xx, *xy, *yy; /* [features][features], the lower triangle; [features][targets]; [targets][targets] */
	double n, noise;      /* rows; the sum of their noise */
};

static size_t sums_size(const struct em_ridge *r)
{
	return r->features * r->features + r->features * r->targets + r->targets * r->targets;
}

static struct em_ridge_sums sums_at(const struct em_ridge *r, double *memory)
{
	size_t f = r->features;

	return (struct em_ridge_sums){memory, memory + f * f, memory + f * f + f * r->targets, 0, 0};
}

int em_ridge_init(struct em_ridge *r, size_t features, size_t targets, size_t groups, struct em_error *err)
{
	size_t f = features, size = f * targets, each;

	*r = (struct em_ridge){.features = f, .targets = targets, .groups = groups};
	each = sums_size(r);
	r->sums = calloc(groups + 1, sizeof(*r->sums));
	r->memory = calloc((groups + 1) * each, sizeof(double));   /* the last one: all groups */
	r->held = calloc((2 * groups + 1) * size, sizeof(double)); /* the best, then those on trial */
	r->work = calloc(f * f + f + size + targets * (targets + 1), sizeof(double));
	if (!r->sums || !r->memory || !r->held || !r->work) {
		em_ridge_release(r);
		return em_error_memory(err, (groups + 1) * each * sizeof(double));
	}
	for (size_t g = 0; g <= groups; g++)
		r->sums[g] = sums_at(r, r->memory + g * each);
	return 0;
}

void em_ridge_release(struct em_ridge *r)
{
	free(r->sums);
	free(r->memory);
	free(r->held);
	free(r->work);
	*r = (struct em_ridge){0};
}

void em_ridge_add(struct em_ridge *r, size_t group, const double *row, const double *y, double noise)
{
	struct em_ridge_sums *s = &r->sums[group];

	for (size_t i = 0; i < r->features; i++) {
		for (size_t j = 0; j <= i; j++)
			s->xx[i * r->features + j] += row[i] * row[j];
		for (size_t k = 0; k < r->targets; k++)
			s->xy[i * r->targets + k] += row[i] * y[k];
	}
	for (size_t k = 0; k < r->targets; k++)
		for (size_t j = 0; j < r->targets; j++)
			s->yy[k * r->targets + j] += y[k] * y[j];
	s->n++;
	s->noise += noise;
}

/* all += sign * group */
static void shift_sums(struct em_ridge *r, size_t group, double sign)
{
	struct em_ridge_sums *all = &r->sums[r->groups], *s = &r->sums[group];
	size_t size = sums_size(r);

	for (size_t i = 0; i < size; i++)
		all->xx[i] += sign * s->xx[i];
	all->n += sign * s->n;
	all->noise += sign * s->noise;
}

/* weight[features][targets] at one strength from the sums of all; -1 where it cannot be solved. */
static int solve(struct em_ridge *r, double strength, double *weight)
{
	const struct em_ridge_sums *s = &r->sums[r->groups];
	size_t f = r->features;
	double *a = r->work, *x = a + f * f;

	memcpy(a, s->xx, f * f * sizeof(*a));
	for (size_t i = 1; i < f; i++) {
		double square = s->xx[i * (f + 1)], mean = s->xx[i * f] / s->n;

		/* the second term: features that are the same in all rows */
		a[i * (f + 1)] += strength * fmax(square - s->n * mean * mean, 0) + 1e-9 * square + 1e-300;
	}
	if (em_cholesky_factor(a, f, NULL))
		return -1;
	for (size_t k = 0; k < r->targets; k++) {
		for (size_t i = 0; i < f; i++)
			x[i] = s->xy[i * r->targets + k];
		em_cholesky_whiten(a, f, x);
		for (size_t i = f; i-- > 0;) {
			for (size_t j = i + 1; j < f; j++)
				x[i] -= a[j * f + i] * x[j];
			x[i] /= a[i * (f + 1)];
			weight[i * r->targets + k] = x[i];
		}
	}
	return 0;
}

/* out[targets][targets] += (y - x w)^T (y - x w) of one group. */
static void add_errors(const struct em_ridge *r, size_t group, const double *w, double *out)
{
	const struct em_ridge_sums *s = &r->sums[group];
	size_t f = r->features, n = r->targets;

	for (size_t k = 0; k < n; k++)
		for (size_t j = 0; j < n; j++) {
			double e = s->yy[k * n + j];

			for (size_t i = 0; i < f; i++) {
				double xw = 0;

				for (size_t m = 0; m < f; m++)
					xw += s->xx[i > m ? i * f + m : m * f + i] * w[m * n + j];
				e += w[i * n + k] * (xw - s->xy[i * n + j]) - s->xy[i * n + k] * w[i * n + j];
			}
			out[k * n + j] += e;
		}
}

/* All groups, each foretold from the others, at one strength: trial[groups + 1][features][targets], the last from all;
 * errors[targets][targets]. */
static int try_strength(struct em_ridge *r, double strength, double *trial, double *errors)
{
	size_t size = r->features * r->targets;

	memset(errors, 0, r->targets * r->targets * sizeof(*errors));
	if (solve(r, strength, trial + r->groups * size))
		return -1;
	for (size_t g = 0; g < r->groups; g++) {
		int status;

		shift_sums(r, g, -1);
		status = solve(r, strength, trial + g * size);
		shift_sums(r, g, 1);
		if (status)
			return -1;
		add_errors(r, g, trial + g * size, errors);
	}
	return 0;
}

static void take(struct em_ridge *r, const double *trial, size_t target, double *weight)
{
	size_t n = r->targets, size = r->features * n;

	for (size_t i = target; i < size; i += n) {
		weight[i] = trial[r->groups * size + i];
		for (size_t g = 0; g < r->groups; g++)
			r->held[g * size + i] = trial[g * size + i];
	}
}

static void take_errors(struct em_ridge *r, double *errors)
{
	const struct em_ridge_sums *all = &r->sums[r->groups];
	size_t n = r->targets;
	double rows = fmax(all->n, 1), noise = all->noise / rows;

	memset(errors, 0, n * n * sizeof(*errors));
	for (size_t g = 0; g < r->groups; g++)
		add_errors(r, g, r->held + g * r->features * n, errors);
	for (size_t i = 0; i < n * n; i++)
		errors[i] = errors[i] / rows;
	for (size_t k = 0; k < n; k++)
		errors[k * (n + 1)] = fmax(errors[k * (n + 1)] - noise, 0.1 * noise);
}

void em_ridge_solve(struct em_ridge *r, double *weight, double *errors)
{
	size_t n = r->targets, size = r->features * n;
	struct em_ridge_sums *all = &r->sums[r->groups];
	double *trial = r->held + r->groups * size, *now = r->work + r->features * (r->features + 1) + size,
	       *best = now + n * n;

	memset(all->xx, 0, sums_size(r) * sizeof(double));
	all->n = all->noise = 0;
	memset(weight, 0, size * sizeof(*weight));
	memset(r->held, 0, r->groups * size * sizeof(*r->held));
	for (size_t g = 0; g < r->groups; g++)
		shift_sums(r, g, 1);
	for (size_t k = 0; k < n; k++)
		best[k] = all->yy[k * (n + 1)];
	for (int i = 0; i < STRENGTHS && r->groups > 1 && all->n > 2 * (double)r->features; i++) {
		if (try_strength(r, strengths[i], trial, now))
			continue;
		for (size_t k = 0; k < n; k++)
			if (now[k * (n + 1)] < best[k]) {
				best[k] = now[k * (n + 1)];
				take(r, trial, k, weight);
			}
	}
	if (errors)
		take_errors(r, errors);
}
