/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a forecast has to beat, channel by channel: the last spectrum, the mean of the last few, Holt's line. */
#include "forecast/forecast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct run {
	double *level, *slope; /* [channels]; slope: Holt's alone */
	float *ring;           /* [window][channels]: the mean's alone */
	size_t seen;           /* spectra that were not missing */
};

static void end(void *run)
{
	struct run *r = run;

	free(r->level);
	free(r->slope);
	free(r->ring);
	free(r);
}

static int begin_with(const struct em_forecast *f, bool slope, bool ring, void **out, struct em_error *err)
{
	size_t n = f->lowrank.energy.channels;
	struct run *r = calloc(1, sizeof(*r));

	if (!r)
		return em_error_memory(err, sizeof(*r));
	r->level = calloc(n, sizeof(*r->level));
	r->slope = slope ? calloc(n, sizeof(*r->slope)) : NULL;
	r->ring = ring ? calloc(n * f->window, sizeof(*r->ring)) : NULL;
	if (!r->level || (slope && !r->slope) || (ring && !r->ring)) {
		end(r);
		return em_error_memory(err, n * f->window * sizeof(*r->ring));
	}
	*out = r;
	return 0;
}

static int predict(const struct em_forecast *f, void *run, size_t steps, double scale, double *spectrum, double *spread,
                   struct em_error *err)
{
	const struct run *r = run;

	(void)scale;
	(void)spread;
	(void)err;
	for (size_t i = 0; i < f->lowrank.energy.channels; i++)
		spectrum[i] = r->level[i] + (r->slope ? (double)steps * r->slope[i] : 0);
	return 0;
}

/* ---- persistence ---- */

static int begin_last(const struct em_forecast *f, void **run, struct em_error *err)
{
	return begin_with(f, false, false, run, err);
}

static void push_last(const struct em_forecast *f, void *run, const struct em_forecast_view *view)
{
	struct run *r = run;

	for (size_t i = 0; !view->missing && i < f->lowrank.energy.channels; i++)
		r->level[i] = (double)view->aligned[i];
}

const struct em_forecast_method em_forecast_persistence = {.name = "persistence",
                                                           .about = "the last spectrum again",
                                                           .begin = begin_last,
                                                           .push = push_last,
                                                           .predict = predict,
                                                           .end = end};

/* ---- mean ---- */

static int begin_mean(const struct em_forecast *f, void **run, struct em_error *err)
{
	return begin_with(f, false, true, run, err);
}

static void push_mean(const struct em_forecast *f, void *run, const struct em_forecast_view *view)
{
	struct run *r = run;
	size_t n = f->lowrank.energy.channels, filled;

	if (view->missing)
		return;
	memcpy(r->ring + r->seen++ % f->window * n, view->aligned, n * sizeof(*r->ring));
	filled = r->seen < f->window ? r->seen : f->window;
	memset(r->level, 0, n * sizeof(*r->level));
	for (size_t t = 0; t < filled; t++)
		for (size_t i = 0; i < n; i++)
			r->level[i] += (double)r->ring[t * n + i] / (double)filled;
}

const struct em_forecast_method em_forecast_mean = {.name = "mean",
                                                    .about = "the mean of the window's spectra",
                                                    .begin = begin_mean,
                                                    .push = push_mean,
                                                    .predict = predict,
                                                    .end = end};

/* ---- Holt: Gardner & McKenzie, Manag. Sci. 31 (1985) 1237, without damping ---- */

struct holt {
	double level, slope; /* how much of a new spectrum goes into each */
};

#define CHOICES 6
static const double choice[CHOICES] = {0.02, 0.05, 0.1, 0.2, 0.4, 0.8};

static double holt_step(double a, double b, double x, double *level, double *slope)
{
	double expected = *level + *slope, error = x - expected;

	*level = expected + a * error;
	*slope += a * b * error;
	return error;
}

/* Sum of squared one-step errors of one channel. */
static double holt_errors(const struct em_forecast_track *t, size_t channels, size_t channel, double a, double b)
{
	double level = NAN, slope = 0, sum = 0;

	for (size_t i = 0; i < t->count; i++) {
		double x = (double)t->aligned[i * channels + channel], e = 0;

		if (isnan(x))
			level += slope;
		else if (isnan(level))
			level = x;
		else
			e = holt_step(a, b, x, &level, &slope);
		sum += e * e / fmax(level, 1);
	}
	return isfinite(sum) ? sum : 0;
}

static int learn_holt(struct em_forecast *f, const struct em_forecast_track *tracks, size_t count,
                      const struct em_forecast_settings *set, struct em_error *err)
{
	size_t n = f->lowrank.energy.channels, stride = n > 64 ? n / 64 : 1;
	struct holt *h = malloc(sizeof(*h));
	double best = INFINITY;

	(void)set;
	if (!h)
		return em_error_memory(err, sizeof(*h));
	for (int a = 0; a < CHOICES; a++)
		for (int b = 0; b < CHOICES; b++) {
			double sum = 0;

			for (size_t s = 0; s < count; s++)
				for (size_t i = 0; i < n; i += stride)
					sum += holt_errors(&tracks[s], n, i, choice[a], choice[b]);
			if (sum < best) {
				best = sum;
				*h = (struct holt){choice[a], choice[b]};
			}
		}
	f->own = h;
	return 0;
}

static int begin_holt(const struct em_forecast *f, void **run, struct em_error *err)
{
	return begin_with(f, true, false, run, err);
}

static void push_holt(const struct em_forecast *f, void *run, const struct em_forecast_view *view)
{
	const struct holt *h = f->own;
	struct run *r = run;

	for (size_t i = 0; i < f->lowrank.energy.channels; i++)
		if (view->missing)
			r->level[i] += r->slope[i];
		else if (!r->seen)
			r->level[i] = (double)view->aligned[i];
		else
			holt_step(h->level, h->slope, (double)view->aligned[i], &r->level[i], &r->slope[i]);
	r->seen += view->missing ? 0 : 1;
}

static int print_holt(const struct em_forecast *f, struct em_forecast_file *file, struct em_error *err)
{
	(void)err;
	em_forecast_file_add(file, "holt.weight", f->own, 1, 2);
	return 0;
}

static int parse_holt(struct em_forecast *f, const struct em_safetensors *file, struct em_error *err)
{
	struct holt *h = malloc(sizeof(*h));

	if (!h)
		return em_error_memory(err, sizeof(*h));
	if (em_forecast_file_get(file, "holt.weight", (double *)h, 1, 2, err)) {
		free(h);
		return -1;
	}
	f->own = h;
	return 0;
}

const struct em_forecast_method em_forecast_holt = {.name = "holt",
                                                    .about = "a line through each channel, exponentially forgetful",
                                                    .wants_aligned = true,
                                                    .learn = learn_holt,
                                                    .release = free,
                                                    .print = print_holt,
                                                    .parse = parse_holt,
                                                    .begin = begin_holt,
                                                    .push = push_holt,
                                                    .predict = predict,
                                                    .end = end};
