/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fit.h"
#include "eels/fine.h"
#include "eels/fine_model.h"

#include <math.h>
#include <stdlib.h>

#define PLAIN 5.0   /* standard errors */
#define DIP 3.0     /* of a dip: one that is none costs little, as the maximum before it is hardly lower */
#define LEAST 5     /* channels of a window */
#define FIRST 0.2   /* of the greatest maximum, for another to be the edge's first */
#define CHANNELS 3. /* smoothed over, unless told */

/*
 * Weights of a span's channels that give its counts (order 0) or their slope (order 1) at a place between channels:
 * those of the line of Gaussian-weighted least squares, which is right for lines up to the span's ends.
 */
struct kernel {
	const struct em_energy_span *s;
	double at, sigma, norm, middle, spread;
	int order;
};

static double gaussian(const struct kernel *k, size_t j)
{
	double x = ((double)j - k->at) / k->sigma;

	return exp(-0.5 * x * x);
}

static struct kernel kernel_at(const struct em_energy_span *s, double sigma, double at, int order)
{
	struct kernel k = {.s = s, .at = at, .sigma = sigma, .order = order};

	for (size_t j = s->first; j < s->first + s->count; j++) {
		double g = gaussian(&k, j);
		k.norm += g;
		k.middle += g * (double)j;
	}
	k.middle /= k.norm;
	for (size_t j = s->first; j < s->first + s->count; j++)
		k.spread += gaussian(&k, j) * pow((double)j - k.middle, 2);
	return k;
}

static double weight(const struct kernel *k, size_t j)
{
	double slope = gaussian(k, j) * ((double)j - k->middle) / k->spread;

	return k->order ? slope : gaussian(k, j) / k->norm + (k->at - k->middle) * slope;
}

static double apply(const struct kernel *k, const double *counts)
{
	double sum = 0;

	for (size_t j = k->s->first; j < k->s->first + k->s->count; j++)
		sum += weight(k, j) * counts[j];
	return sum;
}

/* The standard error of a - factor b. */
static double error_of(const struct kernel *a, double factor, const struct kernel *b, const double *variance)
{
	double sum = 0;

	for (size_t j = a->s->first; j < a->s->first + a->s->count; j++)
		sum += pow(weight(a, j) - factor * weight(b, j), 2) * variance[j];
	return sqrt(sum);
}

/* The channel of [from, to) where counts or slope are greatest. */
static size_t greatest(const struct em_energy_span *s, const double *counts, double sigma, size_t from, size_t to,
                       int order)
{
	double best = -INFINITY;
	size_t at = from;

	for (size_t j = from; j < to; j++) {
		struct kernel k = kernel_at(s, sigma, (double)j, order);
		double y = apply(&k, counts);

		if (y > best) {
			best = y;
			at = j;
		}
	}
	return at;
}

/*
 * The first maximum on the way to the greatest: FIRST of it or more, and followed by a dip, both out of the noise.  The
 * greatest itself where there is none, as of counts that rise on or are too noisy to tell.
 */
static size_t first_top(const struct em_energy_span *s, const double *counts, const double *variance, double sigma,
                        size_t greatest)
{
	struct kernel highest = kernel_at(s, sigma, (double)greatest, 0),
	              best = kernel_at(s, sigma, (double)s->first, 0);
	double least = FIRST * apply(&highest, counts), most = apply(&best, counts);
	size_t at = s->first;

	for (size_t j = s->first + 1; j < greatest; j++) {
		struct kernel k = kernel_at(s, sigma, (double)j, 0);
		double y = apply(&k, counts);

		if (y > most) {
			most = y;
			best = k;
			at = j;
		} else if (most > least && most - y > DIP * error_of(&best, 1, &k, variance) &&
		           most > PLAIN * error_of(&best, 0, &best, variance))
			return at;
	}
	return greatest;
}

/* In channels: the top of the parabola through the greatest slope and its neighbours. */
static struct em_fine_value steepest(const struct em_energy_span *s, const double *counts, const double *variance,
                                     double sigma, size_t end)
{
	size_t j = greatest(s, counts, sigma, s->first, end, 1);
	struct kernel k[3];
	double y[3], bend;

	for (int i = 0; i < 3; i++) {
		k[i] = kernel_at(s, sigma, (double)j - 1 + i, 1);
		y[i] = apply(&k[i], counts);
	}
	bend = y[0] - 2 * y[1] + y[2];
	if (!(bend < 0))
		return (struct em_fine_value){(double)j, INFINITY};
	return (struct em_fine_value){(double)j + 0.5 * (y[0] - y[2]) / bend,
	                              error_of(&k[2], 1, &k[0], variance) / (-2 * bend)};
}

/* In channels: from the top down to where the counts are half; -1 where they never are. */
static int half_way(const struct em_energy_span *s, const double *counts, const double *variance, double sigma,
                    size_t top, struct em_fine_value *half)
{
	struct kernel highest = kernel_at(s, sigma, (double)top, 0), here = highest, slope;
	double level = apply(&highest, counts) / 2, above = 2 * level, y = above;
	size_t j = top;

	while (j > s->first && y >= level) {
		above = y;
		here = kernel_at(s, sigma, (double)--j, 0);
		y = apply(&here, counts);
	}
	if (y >= level)
		return -1;
	half->value = (double)j + (level - y) / (above - y);
	here = kernel_at(s, sigma, half->value, 0);
	slope = kernel_at(s, sigma, half->value, 1);
	half->error = error_of(&here, 0.5, &highest, variance) / fabs(apply(&slope, counts));
	return 0;
}

int em_fine_onset(const struct em_energy *e, const double *counts, const double *variance,
                  const struct em_energy_window *window, double smooth, struct em_fine_onset *onset,
                  struct em_error *err)
{
	struct em_energy_span s;
	double sigma = (smooth > 0 ? smooth / e->scale : CHANNELS) / 2.354820045030949;
	struct em_fine_onset o;
	struct kernel k;
	size_t top;

	if (em_energy_span(e, window, &s, err))
		return -1;
	if (s.count < LEAST)
		return em_error_set(err, EM_ERROR_USAGE, "an onset needs at least %d channels, not %zu", LEAST,
		                    s.count);
	if (em_fine_check(e, counts, variance, &s, err))
		return -1;
	sigma = fmax(sigma, 0.5); /* less than that does not reach the next channel */
	top = greatest(&s, counts, sigma, s.first, s.first + s.count, 0);
	k = kernel_at(&s, sigma, (double)top, 0);
	if (!(apply(&k, counts) > PLAIN * error_of(&k, 0, &k, variance)))
		return em_error_set(err, EM_ERROR_DATA, "no edge in %.9g-%.9g eV: its channels are noise", window->from,
		                    window->to);
	if (half_way(&s, counts, variance, sigma, first_top(&s, counts, variance, sigma, top), &o.half))
		return em_error_set(err, EM_ERROR_DATA,
		                    "no onset in %.9g-%.9g eV: the counts are above half throughout", window->from,
		                    window->to);
	o.steepest = steepest(&s, counts, variance, sigma, top);
	if (!isfinite(o.steepest.error))
		return em_error_set(err, EM_ERROR_DATA, "no onset in %.9g-%.9g eV: the steepest rise is at its end",
		                    window->from, window->to);
	*onset = (struct em_fine_onset){
	    {em_energy_at(e, o.half.value), o.half.error * e->scale},
	    {em_energy_at(e, o.steepest.value), o.steepest.error * e->scale},
	};
	return 0;
}

struct match {
	const double *counts, *variance, *reference;
	size_t first, count, channels;
	long lags; /* either way */
};

/* Keys, IEEE Trans. Acoust. Speech Signal Process. 29 (1981) 1153: through the samples, exact for parabolas. */
static double between(const double *y, double x, double *slope)
{
	double f = floor(x), t = x - f;
	const double *p = y + (size_t)f;
	double a = (p[1] - p[-1]) / 2, b = p[-1] - 2.5 * p[0] + 2 * p[1] - p[2] / 2,
	       c = 1.5 * (p[0] - p[1]) + (p[2] - p[-1]) / 2;

	*slope = a + t * (2 * b + 3 * t * c);
	return p[0] + t * (a + t * (b + t * c));
}

/* p: where the first channel comes to lie (steps end by a part of it: a shift of 0 would have none), and a factor. */
static void residuals(void *ctx, const double *p, double *r)
{
	const struct match *m = ctx;
	double shift = p[0] - (double)m->first, slope;

	for (size_t i = 0; i < m->count; i++) {
		size_t j = m->first + i;

		r[i] = NAN;
		if (fabs(shift) <= (double)m->lags)
			r[i] = (p[1] * between(m->reference, (double)j - shift, &slope) - m->counts[j]) /
			       sqrt(m->variance[j]);
	}
}

static void jacobian(void *ctx, const double *p, double *to)
{
	const struct match *m = ctx;
	double shift = p[0] - (double)m->first, slope;

	for (size_t i = 0; i < m->count; i++) {
		double y = between(m->reference, (double)(m->first + i) - shift, &slope),
		       error = sqrt(m->variance[m->first + i]);

		to[2 * i] = -p[1] * slope / error;
		to[2 * i + 1] = y / error;
	}
}

/* The lag and factor whose reference leaves least. */
static void coarse(const struct match *m, double p[2])
{
	double best = -INFINITY;

	p[0] = p[1] = 0;
	for (long lag = 1 - m->lags; lag < m->lags; lag++) {
		double with = 0, square = 0;

		for (size_t j = m->first; j < m->first + m->count; j++) {
			double r = m->reference[(size_t)((long)j - lag)];
			with += m->counts[j] * r / m->variance[j];
			square += r * r / m->variance[j];
		}
		if (with > 0 && with * with / square > best) {
			best = with * with / square;
			p[0] = (double)lag;
			p[1] = with / square;
		}
	}
}

static int refine(struct match *m, double p[2], double *error, struct em_error *err)
{
	const struct em_fit fit = {m->count, 2, residuals, jacobian, m, 0};
	double c[4], chi2, freedom = (double)m->count - 2;

	coarse(m, p);
	p[0] += (double)m->first;
	if (em_fit_run(&fit, p, c, &chi2, err))
		return em_error_prefix(err, "no shift against the reference: ");
	p[0] -= (double)m->first;
	if (chi2 > freedom + 3 * sqrt(2 * freedom))
		for (size_t i = 0; i < 4; i++)
			c[i] *= chi2 / freedom;
	*error = sqrt(c[0]);
	if (!(p[1] > PLAIN * sqrt(c[3])))
		return em_error_set(err, EM_ERROR_DATA,
		                    "the spectrum holds nothing of the reference: %.3g +- %.3g of it", p[1],
		                    sqrt(c[3]));
	if (!(fabs(p[0]) < (double)m->lags - 1) || !(*error < (double)m->lags))
		return em_error_set(err, EM_ERROR_DATA, "no shift within %ld channels: the best is %.3g +- %.3g",
		                    m->lags - 1, p[0], *error);
	return 0;
}

int em_fine_shift(const struct em_energy *e, const double *counts, const double *variance, const double *reference,
                  const struct em_energy_window *window, double most, struct em_fine_value *shift, struct em_error *err)
{
	struct em_energy_span s;
	double lags = ceil(most / e->scale) + 1, p[2], error = 0;

	if (em_energy_span(e, window, &s, err))
		return -1;
	if (!(most > 0) || s.count < LEAST || !(lags + 2 <= (double)s.first) ||
	    !((double)(s.first + s.count) + lags + 2 <= (double)e->channels))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "a shift of up to %.9g eV of %.9g-%.9g eV does not stay within the axis", most,
		                    window->from, window->to);
	const struct em_energy_span wide = {s.first - (size_t)lags - 2, s.count + 2 * (size_t)lags + 4};
	if (em_fine_check(e, counts, variance, &s, err))
		return -1;
	for (size_t j = wide.first; j < wide.first + wide.count; j++)
		if (!isfinite(reference[j]))
			return em_error_set(err, EM_ERROR_DATA, "the reference is not finite at %.9g eV",
			                    em_energy_at(e, (double)j));
	struct match m = {counts, variance, reference, s.first, s.count, e->channels, (long)lags};
	if (refine(&m, p, &error, err))
		return -1;
	*shift = (struct em_fine_value){p[0] * e->scale, error * e->scale};
	return 0;
}
