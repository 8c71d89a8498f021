/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/forecast.h"

#include "base/text.h"
#include "eels/align.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORGET 0.05 /* of the noise's gain, a spectrum */

static const struct em_forecast_method *const methods[] = {
    &em_forecast_lowrank,     &em_forecast_dmd,  &em_forecast_lstm, &em_forecast_eelstm,
    &em_forecast_persistence, &em_forecast_mean, &em_forecast_holt, &em_forecast_var};

const struct em_forecast_method *em_forecast_method_at(size_t i)
{
	return i < sizeof(methods) / sizeof(methods[0]) ? methods[i] : NULL;
}

const struct em_forecast_method *em_forecast_method_find(const char *name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(methods[i]->name, name))
			return methods[i];
	return NULL;
}

int em_forecast_methods_parse(const char *names, const struct em_forecast_method **method, size_t most, size_t *count,
                              struct em_error *err)
{
	struct em_text known = {0};
	const struct em_forecast_method *m;

	*count = 0;
	for (size_t i = 0; (m = em_forecast_method_at(i)); i++) {
		em_text_printf(&known, " %s", m->name);
		if (!names && *count < most)
			method[(*count)++] = m;
	}
	while (names && *names) {
		size_t n = strcspn(names, ",");
		char name[32] = "";

		memcpy(name, names, n < sizeof(name) - 1 ? n : sizeof(name) - 1);
		m = em_forecast_method_find(name);
		if (!m || *count == most) {
			if (m)
				em_error_set(err, EM_ERROR_USAGE, "--method: more than %zu", most);
			else
				em_error_set(err, EM_ERROR_USAGE, "--method: no model is called '%.30s':%s", name,
				             em_text_get(&known));
			em_text_release(&known);
			return -1;
		}
		method[(*count)++] = m;
		names += n + (names[n] == ',');
	}
	em_text_release(&known);
	return 0;
}

size_t em_forecast_kept(size_t series)
{
	return series > 1 ? (series + EM_FORECAST_KEPT - 1) / EM_FORECAST_KEPT : 0;
}

void em_forecast_release(struct em_forecast *f)
{
	if (f->method && f->method->release && f->own)
		f->method->release(f->own);
	em_lowrank_release(&f->lowrank);
	free(f->provenance);
	*f = (struct em_forecast){0};
}

/* ---- along a series ---- */

int em_forecast_begin(struct em_forecast_run *run, const struct em_forecast *f, struct em_error *err)
{
	*run = (struct em_forecast_run){.f = f, .gain = 1};
	if (em_observation_init(&run->seen, &f->lowrank, err))
		return -1;
	run->work = calloc(f->lowrank.basis.rank + (2 + f->lowrank.basis.rank) * f->lowrank.energy.channels,
	                   sizeof(*run->work));
	if (!run->work) {
		em_observation_release(&run->seen);
		return em_error_memory(err, 2 * f->lowrank.energy.channels * sizeof(*run->work));
	}
	em_trend_begin(&run->shift, &f->shift);
	if (!f->method->begin(f, &run->own, err))
		return 0;
	run->own = NULL;
	em_forecast_end(run);
	return -1;
}

int em_forecast_adapt(struct em_forecast_run *run, struct em_error *err)
{
	em_novelty_free(run->novelty);
	run->novelty = em_novelty_new(&run->f->lowrank, err);
	if (!run->novelty)
		return -1;
	return run->f->method->adapt ? run->f->method->adapt(run->own, err) : 0;
}

void em_forecast_end(struct em_forecast_run *run)
{
	em_novelty_free(run->novelty);
	if (run->own)
		run->f->method->end(run->own);
	em_observation_release(&run->seen);
	free(run->work);
	*run = (struct em_forecast_run){0};
}

void em_forecast_push(struct em_forecast_run *run, const float *frame)
{
	const struct em_forecast *f = run->f;
	struct em_observation *o = &run->seen;
	struct em_forecast_view view = {.missing = true, .score = run->work, .aligned = o->aligned};

	em_lowrank_observe(&f->lowrank, frame, o);
	run->count++;
	if (!o->missing && o->level > 0) {
		if (!run->known++) {
			run->scale = o->level;
			run->gain = o->gain;
		}
		run->gain += FORGET * (o->gain - run->gain);
		for (size_t k = 0; k < f->lowrank.basis.rank; k++)
			run->work[k] = o->score[k] / run->scale;
		view.missing = false;
		view.variance = o->variance / run->scale / run->scale;
		view.scale = run->scale;
	}
	if (run->novelty)
		em_novelty_push(run->novelty, view.missing ? NULL : o);
	em_trend_push(&run->shift, view.missing ? NAN : o->shift, f->shift_noise);
	if (run->known)
		f->method->push(f, run->own, &view);
}

/* Variance by counts and gain at any step: straight between the horizons that were measured. */
static double excess_at(const struct em_forecast *f, size_t steps)
{
	size_t i = 0;

	if (!f->horizons)
		return 1;
	while (i + 1 < f->horizons && f->horizon[i + 1] <= steps)
		i++;
	if (steps <= f->horizon[i])
		return f->excess[i];
	if (i + 1 == f->horizons) /* a random walk's growth */
		return f->excess[i] * (double)steps / (double)f->horizon[i];
	return f->excess[i] + (f->excess[i + 1] - f->excess[i]) * (double)(steps - f->horizon[i]) /
	                          (double)(f->horizon[i + 1] - f->horizon[i]);
}

/* Where the shift is: the spectrum, and from its spreads or else by its counts its variance. */
static void put(struct em_forecast_run *run, size_t steps, double shift, struct em_prediction *p)
{
	const struct em_forecast *f = run->f;
	size_t n = p->channels, rank = f->lowrank.basis.rank;
	double *aligned = run->work + rank, *spread = aligned + n,
	       share = (double)rank / fmax((double)f->lowrank.basis.spectra, 1);
	bool more = run->novelty && em_novelty_forecast(run->novelty, steps, aligned, spread + rank * n);

	em_shift_curve(aligned, n, shift, p->spectrum);
	p->spreads = f->method->has_interval ? rank + more : 0;
	memset(p->variance, 0, n * sizeof(*p->variance));
	for (size_t k = 0; k < p->spreads; k++) {
		double *there = p->spread + k * n;

		em_shift_curve(spread + k * n, n, shift, there);
		for (size_t i = 0; i < n; i++)
			p->variance[i] += there[i] * there[i];
	}
	for (size_t i = 0; i < n; i++) {
		p->noise[i] = run->gain * fmax(p->spectrum[i], 0);
		if (!p->spreads)
			p->variance[i] = excess_at(f, steps) * p->noise[i];
		p->basis[i] = share * p->noise[i] + f->lowrank.unknown[i] * p->spectrum[i] * p->spectrum[i];
		p->variance[i] += p->basis[i];
	}
	p->shift = shift;
	p->shift_variance = 0;
}

int em_forecast_predict_at(struct em_forecast_run *run, size_t steps, double shift, struct em_prediction *p,
                           struct em_error *err)
{
	const struct em_forecast *f = run->f;
	double *aligned = run->work + f->lowrank.basis.rank;

	if (p->channels != f->lowrank.energy.channels)
		return em_error_set(err, EM_ERROR_USAGE, "a forecast of %zu channels, not %zu", p->channels,
		                    f->lowrank.energy.channels);
	if (run->count < f->window || !run->known)
		return em_error_set(err, EM_ERROR_DATA, "%zu spectra so far: the model needs %zu, with counts",
		                    run->count, f->window);
	if (f->method->predict(f, run->own, steps, run->scale, aligned, aligned + p->channels, err))
		return -1;
	put(run, steps, shift, p);
	return 0;
}

int em_forecast_predict(struct em_forecast_run *run, size_t steps, struct em_prediction *p, struct em_error *err)
{
	size_t n = p->channels;
	double shift = 0, variance = 0, reach = (double)run->f->lowrank.reach, *spread = p->spread;

	if (reach > 0)
		em_trend_forecast(&run->shift, steps, &shift, &variance);
	shift = fmax(-reach, fmin(reach, shift));
	if (em_forecast_predict_at(run, steps, run->f->lowrank.whole ? round(shift) : shift, p, err))
		return -1;
	p->shift_variance = variance;
	/* drift is one more way in which channels err together */
	spread += p->spreads * n;
	for (size_t i = 0; i < n; i++) {
		spread[i] = i > 0 && i + 1 < n ? sqrt(variance) * (p->spectrum[i + 1] - p->spectrum[i - 1]) / 2 : 0;
		p->variance[i] += spread[i] * spread[i];
	}
	p->spreads += p->spreads ? 1 : 0;
	return 0;
}

int em_prediction_init(struct em_prediction *p, const struct em_forecast *f, struct em_error *err)
{
	size_t channels = f->lowrank.energy.channels;

	*p = (struct em_prediction){.channels = channels, .f = f};
	p->spectrum = calloc(channels + 1, sizeof(double));
	p->variance = calloc(channels + 1, sizeof(double));
	p->noise = calloc(channels + 1, sizeof(double));
	p->basis = calloc(channels + 1, sizeof(double));
	p->spread = calloc((f->lowrank.basis.rank + 2) * channels, sizeof(double));
	if (p->basis && p->spectrum && p->variance && p->noise && p->spread)
		return 0;
	em_prediction_release(p);
	return em_error_memory(err, (f->lowrank.basis.rank + 4) * channels * sizeof(double));
}

void em_prediction_release(struct em_prediction *p)
{
	free(p->spectrum);
	free(p->variance);
	free(p->noise);
	free(p->basis);
	free(p->spread);
	*p = (struct em_prediction){0};
}
