/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/align.h"

#include "base/fit.h"
#include "base/parallel.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_CHANNELS 8
#define SETTLED 0.002 /* channels */
#define ROUNDS 10
#define MARGIN 2 /* channels that the interpolation of the reference takes on either side */

enum { SHIFT, SCALE, OFFSET, PARAMS };

struct em_align {
	struct em_energy_span window; /* of the spectrum */
	size_t most;                  /* whole channels either way; the reference goes so far and MARGIN beyond it */
	double *reference, *slope;    /* from channel window.first - most - MARGIN */
};

static size_t reference_count(const struct em_align *a)
{
	return a->window.count + 2 * (a->most + MARGIN);
}

/* The window less what a shift would carry off the axis. */
static int fit_window(struct em_align *a, const struct em_energy *e, const struct em_energy_window *window,
                      double max_ev, struct em_error *err)
{
	struct em_energy_span s;
	double most = ceil(max_ev / e->scale);
	size_t room, end;

	if (em_energy_span(e, window, &s, err))
		return -1;
	if (!(max_ev > 0) || !(most + MARGIN < (double)e->channels / 2))
		return em_error_set(err, EM_ERROR_USAGE, "shifts of up to %.6g eV: not on an axis of %.6g eV", max_ev,
		                    e->scale * (double)e->channels);
	room = (size_t)most + MARGIN;
	end = s.first + s.count;
	if (s.first < room)
		s.first = room;
	if (end > e->channels - room)
		end = e->channels - room;
	if (end < s.first + LEAST_CHANNELS)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "the window %.9g-%.9g eV leaves less than %d channels, %.6g eV from either end",
		                    window->from, window->to, LEAST_CHANNELS, max_ev);
	a->window = (struct em_energy_span){s.first, end - s.first};
	a->most = (size_t)most;
	return 0;
}

static int take_reference(struct em_align *a, const float *reference, struct em_error *err)
{
	const size_t n = reference_count(a);
	const float *from = reference + (a->window.first - a->most - MARGIN);

	a->reference = malloc(n * sizeof(*a->reference));
	a->slope = malloc(n * sizeof(*a->slope));
	if (!a->reference || !a->slope)
		return em_error_memory(err, n * sizeof(*a->reference));
	for (size_t i = 0; i < n; i++) {
		a->reference[i] = from[i];
		if (!isfinite(from[i]))
			return em_error_set(err, EM_ERROR_DATA, "the reference is not finite in the window");
	}
	for (size_t i = 0; i < n; i++)
		a->slope[i] = i > 0 && i + 1 < n ? (a->reference[i + 1] - a->reference[i - 1]) / 2 : 0;
	return 0;
}

struct em_align *em_align_new(const float *reference, const struct em_energy *e, const struct em_energy_window *window,
                              double max_ev, struct em_error *err)
{
	struct em_align *a = calloc(1, sizeof(*a));

	if (!a) {
		em_error_memory(err, sizeof(*a));
		return NULL;
	}
	if (fit_window(a, e, window, max_ev, err) || take_reference(a, reference, err)) {
		em_align_free(a);
		return NULL;
	}
	return a;
}

void em_align_free(struct em_align *a)
{
	if (!a)
		return;
	free(a->reference);
	free(a->slope);
	free(a);
}

/* ---- the whole channel ---- */

/* Pearson's coefficient of the spectrum and the reference moved up by `lag`. */
static double correlation(const struct em_align *a, const float *y, ptrdiff_t lag)
{
	const double *r = a->reference + ((ptrdiff_t)(a->most + MARGIN) - lag);
	const size_t n = a->window.count;
	double my = 0, mr = 0, yy = 0, rr = 0, yr = 0;

	for (size_t i = 0; i < n; i++) {
		my += y[i];
		mr += r[i];
	}
	my /= (double)n;
	mr /= (double)n;
	for (size_t i = 0; i < n; i++) {
		yy += (y[i] - my) * (y[i] - my);
		rr += (r[i] - mr) * (r[i] - mr);
		yr += (y[i] - my) * (r[i] - mr);
	}
	return yy > 0 && rr > 0 ? yr / sqrt(yy * rr) : -INFINITY;
}

static ptrdiff_t best_lag(const struct em_align *a, const float *y)
{
	ptrdiff_t best = 0, most = (ptrdiff_t)a->most;
	double highest = -INFINITY;

	for (ptrdiff_t lag = -most; lag <= most; lag++) {
		double c = correlation(a, y, lag);

		if (c > highest) {
			highest = c;
			best = lag;
		}
	}
	return best;
}

/* ---- the fraction ---- */

struct matching {
	const struct em_align *a;
	const float *y; /* of the window */
	double *weight; /* one over the standard error */
};

/* The reference and its slope at a fraction of a channel: a cubic with the slopes of central differences (Catmull and
 * Rom), which is what em_shift_spectrum does. */
static double reference_at(const struct em_align *a, double at, double *slope)
{
	size_t i = (size_t)at;
	double f = at - (double)i, y0 = a->reference[i], y1 = a->reference[i + 1], m0 = a->slope[i],
	       m1 = a->slope[i + 1];
	double c2 = 3 * (y1 - y0) - 2 * m0 - m1, c3 = m0 + m1 - 2 * (y1 - y0);

	*slope = m0 + f * (2 * c2 + f * 3 * c3);
	return y0 + f * (m0 + f * (c2 + f * c3));
}

static void residuals(void *ctx, const double *p, double *r)
{
	const struct matching *m = ctx;
	const struct em_align *a = m->a;
	double slope, start = (double)(a->most + MARGIN) - p[SHIFT];
	const bool inside = fabs(p[SHIFT]) <= (double)a->most + 0.5; /* else NaN turns the fit back */

	for (size_t i = 0; i < a->window.count; i++)
		r[i] = inside ? m->weight[i] *
		                    (p[SCALE] * reference_at(a, start + (double)i, &slope) + p[OFFSET] - m->y[i])
		              : NAN;
}

static void slopes(void *ctx, const double *p, double *j)
{
	const struct matching *m = ctx;
	const struct em_align *a = m->a;
	double slope, start = (double)(a->most + MARGIN) - p[SHIFT];

	for (size_t i = 0; i < a->window.count; i++, j += PARAMS) {
		j[SCALE] = m->weight[i] * reference_at(a, start + (double)i, &slope);
		j[SHIFT] = -m->weight[i] * p[SCALE] * slope;
		j[OFFSET] = m->weight[i];
	}
}

/* Poisson's, of a mean over a few channels: a channel's own count would weigh its noise. */
static void weigh(const struct em_align *a, const float *y, double *weight)
{
	const size_t n = a->window.count;

	for (size_t i = 0; i < n; i++) {
		size_t first = i < 2 ? 0 : i - 2, end = i + 3 < n ? i + 3 : n;
		double sum = 0;

		for (size_t k = first; k < end; k++)
			sum += y[k];
		weight[i] = 1 / sqrt(fmax(sum / (double)(end - first), 1));
	}
}

static int refine(const struct em_align *a, const float *y, double *weight, struct em_shift *shift,
                  struct em_error *err)
{
	struct matching m = {a, y, weight};
	struct em_fit fit = {a->window.count, PARAMS, residuals, slopes, &m, 0};
	double p[PARAMS] = {(double)best_lag(a, y), 1, 0}, covariance[PARAMS * PARAMS], chi2, error;

	weigh(a, y, weight);
	if (em_fit_run(&fit, p, covariance, &chi2, err))
		return em_error_prefix(err, "no shift: ");
	error = sqrt(covariance[SHIFT * PARAMS + SHIFT] * chi2 / (double)(fit.points - PARAMS));
	if (fabs(p[SHIFT]) >= (double)a->most || !(error < (double)a->most / 2) || !(p[SCALE] > 0))
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "no shift: %.3g +- %.3g channels, which is not well within %zu (a window with something "
		    "sharp in it?)",
		    p[SHIFT], error, a->most);
	*shift = (struct em_shift){p[SHIFT], error};
	return 0;
}

int em_align_measure(const struct em_align *a, const float *spectrum, struct em_shift *shift, struct em_error *err)
{
	const float *y = spectrum + a->window.first;
	double *weight;
	size_t same = 0;
	int status;

	for (size_t i = 0; i < a->window.count; i++) {
		if (!isfinite(y[i]))
			return em_error_set(err, EM_ERROR_DATA, "no shift: the spectrum is not finite in the window");
		same += y[i] == y[0];
	}
	if (same == a->window.count)
		return em_error_set(err, EM_ERROR_DATA, "no shift: the spectrum is constant in the window");
	weight = malloc(a->window.count * sizeof(*weight));
	if (!weight)
		return em_error_memory(err, a->window.count * sizeof(*weight));
	status = refine(a, y, weight, shift, err);
	free(weight);
	return status;
}

/* ---- a series ---- */

struct series {
	const float *spectra;
	size_t count, channels;
	const struct em_align *align;
	struct em_shift *shift;
	float *mean, *moved;
	double *sum;
};

static void measure_one(void *ctx, size_t i)
{
	const struct series *s = ctx;

	if (em_align_measure(s->align, s->spectra + i * s->channels, &s->shift[i], NULL))
		s->shift[i] = (struct em_shift){NAN, NAN};
}

static bool is_whole(const float *y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(y[i]))
			return false;
	return true;
}

/* Of those that are placed and have all their values, each where its shift says; what goes off the axis counts with its
 * last value. */
static void take_mean(struct series *s)
{
	const size_t n = s->channels;
	size_t used = 0;

	memset(s->sum, 0, n * sizeof(*s->sum));
	for (size_t i = 0; i < s->count; i++) {
		const float *y = s->spectra + i * n;
		double by = s->shift[i].channels;
		struct em_energy_span inside = {0, n};

		if (!isfinite(by) || !is_whole(y, n))
			continue;
		by = -by;
		em_shift_spectrum(y, n, by, 0, s->moved);
		inside = em_shift_common(&by, 1, n);
		for (size_t k = 0; k < n && inside.count; k++)
			s->sum[k] += k < inside.first                   ? s->moved[inside.first]
			             : k >= inside.first + inside.count ? s->moved[inside.first + inside.count - 1]
			                                                : s->moved[k];
		used++;
	}
	for (size_t k = 0; k < n; k++)
		s->mean[k] = used ? (float)(s->sum[k] / (double)used) : 0;
}

/* The greatest change of a shift against the first's; lost ones are counted. */
static double change(const struct series *s, const double *before, size_t *lost)
{
	double most = 0;

	*lost = 0;
	for (size_t i = 0; i < s->count; i++) {
		double now = s->shift[i].channels - s->shift[0].channels, then = before[i] - before[0];

		*lost += isfinite(s->shift[i].channels) ? 0 : 1;
		most = fmax(most, fabs(now - then)); /* without NaN */
	}
	return most;
}

static int settle(struct series *s, const struct em_energy *e, const struct em_energy_window *window, double max_ev,
                  int threads, double *before, size_t *lost, struct em_error *err)
{
	for (int round = 0; round < ROUNDS; round++) {
		struct em_align *a;

		take_mean(s);
		a = em_align_new(s->mean, e, window, max_ev, err);
		if (!a)
			return -1;
		s->align = a;
		for (size_t i = 0; i < s->count; i++)
			before[i] = s->shift[i].channels;
		em_parallel_for(threads, s->count, measure_one, s);
		em_align_free(a);
		if (change(s, before, lost) < SETTLED && round > 0)
			break;
	}
	if (!isfinite(s->shift[0].channels) || 2 * *lost > s->count)
		return em_error_set(err, EM_ERROR_DATA, "%zu of %zu spectra cannot be aligned by %.9g-%.9g eV%s", *lost,
		                    s->count, window->from, window->to,
		                    isfinite(s->shift[0].channels) ? "" : ", the first among them");
	return 0;
}

int em_align_series(const float *spectra, size_t count, const struct em_energy *e,
                    const struct em_energy_window *window, double max_ev, int threads, struct em_shift *shift,
                    size_t *lost, struct em_error *err)
{
	const size_t n = e->channels;
	struct series s = {.spectra = spectra, .count = count, .channels = n};
	double *before = malloc((count + n) * sizeof(*before));
	size_t missing = 0;
	int status = -1;

	if (!count) {
		free(before);
		return em_error_set(err, EM_ERROR_DATA, "no spectra to align");
	}
	s.shift = calloc(count, sizeof(*s.shift));
	s.mean = malloc(2 * n * sizeof(*s.mean));
	if (!before || !s.shift || !s.mean) {
		em_error_memory(err, (count + n) * sizeof(*before));
	} else {
		s.moved = s.mean + n;
		s.sum = before + count;
		status = settle(&s, e, window, max_ev, threads, before, &missing, err);
	}
	for (size_t i = 0; status == 0 && i < count; i++)
		shift[i] = (struct em_shift){s.shift[i].channels - s.shift[0].channels, s.shift[i].error};
	if (status == 0 && lost)
		*lost = missing;
	free(before);
	free(s.shift);
	free(s.mean);
	return status;
}
