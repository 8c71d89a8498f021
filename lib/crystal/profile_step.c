/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/profile.h"

#include "base/fit.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_BINS 8
#define VERY_STRONG 10 /* of Bayes's criterion */
#define SQRT2 1.41421356237309504880
#define PI 3.14159265358979323846

/* The parameters, in this order; the last is the square of the width, whose slope does not vanish where it does. */
enum { BEFORE, AFTER, POSITION, SQUARE, PARAMS };

struct points {
	double *t, *y, *w, *spread; /* distance, mean, square root of the weight, variance of the distances */
	size_t n;
	double hidden; /* step^2 / 12, what the bins do not show */
	bool sharp;    /* the width is 0, not a parameter */
};

/* Of the bell at a point; NaN turns the fit back. */
static double sigma_of(const struct points *d, const double *p, size_t i)
{
	return sqrt(d->sharp ? d->hidden : d->spread[i] + p[SQUARE]);
}

/* The share of `after` at a point. */
static double rise(const struct points *d, const double *p, double s, size_t i)
{
	return (1 + erf((d->t[i] - p[POSITION]) / (SQRT2 * s))) / 2;
}

static void residuals(void *ctx, const double *p, double *r)
{
	const struct points *d = ctx;

	for (size_t i = 0; i < d->n; i++)
		r[i] = d->w[i] * (p[BEFORE] + (p[AFTER] - p[BEFORE]) * rise(d, p, sigma_of(d, p, i), i) - d->y[i]);
}

static void slopes(void *ctx, const double *p, double *j)
{
	const struct points *d = ctx;
	size_t params = d->sharp ? SQUARE : PARAMS;

	for (size_t i = 0; i < d->n; i++) {
		double s = sigma_of(d, p, i), z = (d->t[i] - p[POSITION]) / s, up = rise(d, p, s, i),
		       *row = j + i * params;
		double bell = (p[AFTER] - p[BEFORE]) * exp(-z * z / 2) / (sqrt(2 * PI) * s);

		row[BEFORE] = d->w[i] * (1 - up);
		row[AFTER] = d->w[i] * up;
		row[POSITION] = -d->w[i] * bell;
		if (!d->sharp)
			row[SQUARE] = -d->w[i] * bell * z / (2 * s);
	}
}

/* ---- where to begin ---- */

struct sums {
	double w, wy, wyy;
};

static void add(struct sums *s, const struct points *d, size_t i, double sign)
{
	double w = sign * d->w[i] * d->w[i];

	s->w += w;
	s->wy += w * d->y[i];
	s->wyy += w * d->y[i] * d->y[i];
}

static double scatter(const struct sums *s)
{
	return s->w > 0 ? fmax(s->wyy - s->wy * s->wy / s->w, 0) : 0;
}

/* The best two levels with a sudden change between two points; returns the scatter about one level for all. */
static double split(const struct points *d, double *p)
{
	struct sums left = {0}, right = {0};
	double least = INFINITY, all;

	for (size_t i = 0; i < d->n; i++)
		add(&right, d, i, 1);
	all = scatter(&right);
	for (size_t i = 0; i + 1 < d->n; i++) {
		add(&left, d, i, 1);
		add(&right, d, i, -1);
		if (scatter(&left) + scatter(&right) < least) {
			least = scatter(&left) + scatter(&right);
			p[BEFORE] = left.wy / left.w;
			p[AFTER] = right.wy / right.w;
			p[POSITION] = (d->t[i] + d->t[i + 1]) / 2;
		}
	}
	return all;
}

/* ---- the fit ---- */

struct best {
	double p[PARAMS], covariance[PARAMS * PARAMS], chi2;
	size_t params; /* 0: none found */
};

static int try_from(struct points *d, const double *start, double square, bool sharp, struct best *best,
                    struct em_error *err)
{
	struct em_fit fit = {d->n, sharp ? SQUARE : PARAMS, residuals, slopes, d, 0};
	struct best b = {.params = fit.params};
	struct em_error why = {0};

	d->sharp = sharp;
	memcpy(b.p, start, sizeof(b.p));
	b.p[SQUARE] = square;
	if (em_fit_run(&fit, b.p, b.covariance, &b.chi2, &why))
		return why.kind == EM_ERROR_MEMORY ? em_error_set(err, why.kind, "%s", why.text) : 0;
	if (!best->params || b.chi2 < best->chi2)
		*best = b;
	return 0;
}

/* From a narrow and from a wide step; where the bins do not show the width, without it. */
static int search(struct points *d, const double *start, double step, struct best *best, struct em_error *err)
{
	double wide = (d->t[d->n - 1] - d->t[0]) / 6, spread = 0;

	if (try_from(d, start, step * step, false, best, err) || try_from(d, start, wide * wide, false, best, err))
		return -1;
	for (size_t i = 0; i < d->n; i++)
		spread += d->spread[i] / (double)d->n;
	if (best->params && best->p[SQUARE] > 0 && best->p[SQUARE] + spread > d->hidden)
		return 0;
	best->params = 0;
	return try_from(d, start, 0, true, best, err);
}

/* The variance of a sample of weight 1 about its bin's mean; where a bin has one sample, by the error it was given. */
static double pooled_variance(const struct em_profile *profile)
{
	double squares = 0, freedom = 0;

	for (size_t i = 0; i < profile->count; i++) {
		const struct em_profile_bin *b = &profile->bin[i];

		if (b->samples && isfinite(b->error)) {
			double n = b->samples > 1 ? (double)(b->samples - 1) : 1;

			squares += b->error * b->error * b->weight * n;
			freedom += n;
		}
	}
	return squares / freedom;
}

static void give(struct em_step *out, const struct best *b, double per_freedom, const struct em_profile *profile)
{
	double e[PARAMS] = {0}, square = b->params == PARAMS ? b->p[SQUARE] : 0;

	for (size_t k = 0; k < b->params; k++)
		e[k] = sqrt(per_freedom * b->covariance[k * b->params + k]);
	*out = (struct em_step){.position = b->p[POSITION],
	                        .position_error = e[POSITION],
	                        .before = b->p[BEFORE],
	                        .before_error = e[BEFORE],
	                        .after = b->p[AFTER],
	                        .after_error = e[AFTER],
	                        .chi2 = per_freedom / pooled_variance(profile)};
	if (square > 0) {
		out->width = sqrt(square);
		/* d sqrt(q) = dq / (2 sqrt(q)), as long as q is well above its error; then what q's upper bound says */
		out->width_error = e[SQUARE] < square ? e[SQUARE] / (2 * out->width) : sqrt(e[SQUARE]);
	} else
		out->width_error = profile->step / sqrt(12);
}

static int fit_points(struct points *d, const struct em_profile *profile, struct em_step *step, struct em_error *err)
{
	double start[PARAMS] = {0}, all = split(d, start), n = (double)d->n, gain, freedom;
	struct best best = {0};

	if (search(d, start, profile->step, &best, err))
		return -1;
	freedom = n - (double)best.params;
	gain = best.params ? n * log(all / best.chi2) - (double)(best.params - 1) * log(n) : 0;
	if (!(gain > VERY_STRONG))
		return em_error_set(err, EM_ERROR_DATA, "the profile shows no step");
	if (best.p[POSITION] < d->t[0] || best.p[POSITION] > d->t[d->n - 1])
		return em_error_set(err, EM_ERROR_DATA,
		                    "the middle of the profile's step lies beyond it: make the line longer");
	give(step, &best, best.chi2 / freedom, profile);
	return 0;
}

int em_profile_fit_step(const struct em_profile *profile, struct em_step *step, struct em_error *err)
{
	struct points d = {.hidden = profile->step * profile->step / 12};
	int status;

	d.t = malloc(4 * (profile->count + 1) * sizeof(*d.t));
	if (!d.t)
		return em_error_memory(err, 4 * profile->count * sizeof(*d.t));
	d.y = d.t + profile->count + 1;
	d.w = d.y + profile->count + 1;
	d.spread = d.w + profile->count + 1;
	for (size_t i = 0; i < profile->count; i++)
		if (profile->bin[i].samples) {
			d.t[d.n] = profile->bin[i].distance;
			d.y[d.n] = profile->bin[i].mean;
			d.spread[d.n] = profile->bin[i].spread;
			d.w[d.n++] = sqrt(profile->bin[i].weight);
		}
	if (d.n < LEAST_BINS)
		status = em_error_set(err, EM_ERROR_DATA, "a step needs a profile of %d bins or more, not %zu",
		                      LEAST_BINS, d.n);
	else
		status = fit_points(&d, profile, step, err);
	free(d.t);
	return status;
}
