/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/background.h"

#include "eels/background_parts.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_CHANNELS 4

static const char *const names[EM_BACKGROUND_METHODS] = {"two-area", "log", "log-unweighted", "linear"};

const char *em_background_method_name(enum em_background_method method)
{
	return method < EM_BACKGROUND_METHODS ? names[method] : "";
}

int em_background_method_parse(const char *text, enum em_background_method *method, struct em_error *err)
{
	for (enum em_background_method m = 0; m < EM_BACKGROUND_METHODS; m++)
		if (!strcmp(text, names[m])) {
			*method = m;
			return 0;
		}
	return em_error_set(err, EM_ERROR_USAGE,
	                    "'%.40s' is no way to fit a background: two-area, log, log-unweighted or linear", text);
}

/* ---- the plan ---- */

/* HyperSpy's window: its end is a channel of the axis, its halves have as many channels. */
static void plan_halves(struct em_background_plan *p)
{
	size_t last = p->e.channels - 1;

	if (p->fit.first + p->fit.count > last)
		p->fit.count = last - p->fit.first;
	p->fit.count -= p->fit.count % 2;
}

static void plan_logarithms(struct em_background_plan *p)
{
	size_t first = p->fit.first, n = p->fit.count;
	double begin = em_energy_at(&p->e, (double)first), end = em_energy_at(&p->e, (double)(first + n));

	p->reference = sqrt(begin * end);
	for (size_t i = 0; i < p->e.channels; i++) {
		double energy = em_energy_at(&p->e, (double)i);
		p->x[i] = energy > 0 ? log(energy / p->reference) : NAN;
	}
	p->span = log(end / begin);
	p->end = log(end / p->reference);
	p->middle = log(em_energy_at(&p->e, (double)(first + n / 2)) / p->reference);

	struct em_background_moments flat = em_background_moments(p->x + first, n, 0);
	p->mean = flat.mean;
	p->variance = flat.variance;
}

struct em_background_plan *em_background_plan_new(const struct em_energy *e, const struct em_energy_window *window,
                                                  const struct em_background_options *options, struct em_error *err)
{
	struct em_background_plan plan = {.e = *e, .options = *options}, *p;

	if (options->method >= EM_BACKGROUND_METHODS || !(options->gain >= 0) || !isfinite(options->gain)) {
		em_error_set(err, EM_ERROR_USAGE, "a gain of %g variance a count has no sense", options->gain);
		return NULL;
	}
	if (em_energy_span(e, window, &plan.fit, err))
		return NULL;
	if (!(em_energy_at(e, (double)plan.fit.first) > 0)) {
		em_error_set(err, EM_ERROR_USAGE,
		             "a power law cannot be fitted at %.6g eV: the window has to lie above 0", window->from);
		return NULL;
	}
	if (options->method == EM_BACKGROUND_TWO_AREA)
		plan_halves(&plan);
	if (plan.fit.count < LEAST_CHANNELS) {
		em_error_set(err, EM_ERROR_USAGE,
		             "background window %.9g-%.9g eV: fewer than %d channels (%.6g eV each)", window->from,
		             window->to, LEAST_CHANNELS, e->scale);
		return NULL;
	}
	p = malloc(sizeof(*p));
	plan.x = e->channels <= SIZE_MAX / sizeof(*plan.x) ? malloc(e->channels * sizeof(*plan.x)) : NULL;
	if (!p || !plan.x) {
		em_error_memory(err, (unsigned long long)e->channels * sizeof(*plan.x));
		free(p);
		free(plan.x);
		return NULL;
	}
	*p = plan;
	plan_logarithms(p);
	return p;
}

void em_background_plan_free(struct em_background_plan *p)
{
	if (p)
		free(p->x);
	free(p);
}

double em_background_reference(const struct em_background_plan *p)
{
	return p->reference;
}

struct em_energy_span em_background_window(const struct em_background_plan *p)
{
	return p->fit;
}

/* ---- what the fit says ---- */

struct em_background_moments em_background_moments(const double *x, size_t n, double r)
{
	double s = 0, sx = 0, sxx = 0;

	for (size_t i = 0; i < n; i++) {
		double w = exp(-r * x[i]);
		s += w;
		sx += w * x[i];
		sxx += w * x[i] * x[i];
	}
	return (struct em_background_moments){s, sx / s, sxx / s - sx / s * (sx / s)};
}

double em_background_amplitude(const struct em_background_plan *p, const struct em_background *b)
{
	return exp(log(b->level / p->e.scale) + b->r * log(p->reference));
}

/*
 * What a sum over channels has to be multiplied with: as it bends with r, the errors of r make it too great on average,
 * by half of its second derivative, (mean - m)^2 + variance - v in units of itself where mean and variance of x are
 * those of the channels and m, v those of the fit window, times the variance of r.  Not where other programs' results
 * count.
 */
static double unbend(const struct em_background_plan *p, const struct em_background *b, double mean, double variance)
{
	const double *c = b->covariance;
	double arm = mean - c[1] / c[2];

	if (p->options.method == EM_BACKGROUND_TWO_AREA || p->options.method == EM_BACKGROUND_LOG_UNWEIGHTED ||
	    !(c[2] > 0))
		return 1;
	return exp(-c[2] * (arm * arm + variance - p->variance) / 2);
}

double em_background_error(const struct em_background *b, const double by[2])
{
	const double *c = b->covariance;

	return sqrt(fmax(by[0] * by[0] * c[0] + 2 * by[0] * by[1] * c[1] + by[1] * by[1] * c[2], 0));
}

/* d ln(sum) = d ln(level) - mean dr */
static double error_of_log(const struct em_background *b, double mean)
{
	return em_background_error(b, (const double[2]){1, -mean});
}

void em_background_sum(const struct em_background_plan *p, const struct em_background *b,
                       const struct em_energy_span *span, double *sum, double *error)
{
	struct em_background_moments m = em_background_moments(p->x + span->first, span->count, b->r);

	if (sum)
		*sum = b->level * m.sum * unbend(p, b, m.mean, m.variance);
	if (error)
		*error = b->level * m.sum * error_of_log(b, m.mean);
}

static double channel_at(const struct em_background_plan *p, const struct em_background *b, double x)
{
	return b->level * exp(-b->r * x) * unbend(p, b, x, 0);
}

void em_background_curve(const struct em_background_plan *p, const struct em_background *b,
                         const struct em_energy_span *span, float *counts)
{
	const double *x = p->x + span->first;

	for (size_t i = 0; i < span->count; i++)
		counts[i] = (float)channel_at(p, b, x[i]);
}

void em_background_leverage(const struct em_background_plan *p, const struct em_background *b, const double *weight,
                            double by[2])
{
	by[0] = by[1] = 0;
	for (size_t k = 0; k < p->e.channels; k++) {
		double part = weight[k] == 0 ? 0 : weight[k] * channel_at(p, b, p->x[k]);

		by[0] += part;
		by[1] -= part == 0 ? 0 : part * p->x[k];
	}
}

/* Where the likelihood's derivatives, sum (y - expected) and -sum x (y - expected), are zero: the covariance at a gain
 * of 1 is the inverse of their own. */
void em_background_slopes(const struct em_background_plan *p, const struct em_background *b, double by_level,
                          double by_r, double *slope)
{
	const double *x = p->x + p->fit.first, *c = b->covariance;
	double one = (by_level * c[0] + by_r * c[1]) / b->gain, times_x = (by_level * c[1] + by_r * c[2]) / b->gain;

	for (size_t i = 0; i < p->fit.count; i++)
		slope[p->fit.first + i] += one - times_x * x[i];
}

void em_background_channels(const struct em_background_plan *p, const struct em_background *b,
                            const struct em_energy_span *span, double *counts, double *error)
{
	const double *x = p->x + span->first;

	for (size_t i = 0; i < span->count; i++) {
		counts[i] = channel_at(p, b, x[i]);
		if (error)
			error[i] = b->level * exp(-b->r * x[i]) * error_of_log(b, x[i]);
	}
}
