/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/live.h"

#include "base/text.h"
#include "forecast/evaluate.h"
#include "forecast/series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNTIL_MOST 1000

struct em_live {
	struct em_live_options o;
	const struct em_forecast *f;
	struct em_descriptors *d;
	struct em_condition until, alert;
	struct em_forecast_run run;
	struct em_prediction p;
	bool begun;
	bool alerted; /* in this series */
	bool event;   /* in any */
	bool made;    /* a forecast, in any */
	char name[EM_KEY_MAX];
	struct em_series_clock clock; /* of this series */
	double width, *work;
};

static void put(struct em_text *out, const char *name, double v)
{
	em_json_put_name(out, name);
	em_json_put_number(out, v);
}

static void put_interval(const struct em_live *l, struct em_text *out, double value, double deviation)
{
	put(out, "value", value);
	put(out, "low", value - l->width * deviation);
	put(out, "high", value + l->width * deviation);
}

static int put_met(struct em_live *l, struct em_text *out, const char *kind, const struct em_condition *c,
                   const struct em_condition_met *met)
{
	em_text_append(out, "{");
	em_json_put_name(out, kind);
	em_json_put_string(out, c->text);
	em_json_put_name(out, "steps");
	if (met->step)
		em_json_put_number(out, (double)met->step);
	else
		em_text_append(out, "null");
	put_interval(l, out, met->value, met->deviation);
	em_text_append(out, "}");
	return 0;
}

/* p is the forecast `steps` ahead. */
static void put_forecast(struct em_live *l, size_t steps, struct em_text *out)
{
	struct em_description found[EM_DESCRIPTORS];

	em_text_append(out, "{");
	em_json_put_name(out, "model");
	em_json_put_string(out, l->f->method->name);
	put(out, "frame", (double)(l->run.count - 1));
	put(out, "steps", (double)steps);
	put(out, "level", l->o.level);
	put(out, "shift_ev", l->p.shift * l->f->lowrank.energy.scale);
	put(out, "gain", l->run.gain);
	em_json_put_name(out, "descriptors");
	em_text_append(out, "{");
	em_prediction_describe(&l->p, l->d, 0, em_descriptors_count(l->d), found, l->work);
	for (size_t k = 0; k < em_descriptors_count(l->d); k++) {
		double noise = l->o.noise ? found[k].noise : 0;

		em_json_put_name(out, em_descriptors_name(l->d, k));
		em_text_append(out, "{");
		put_interval(l, out, found[k].value, hypot(found[k].deviation, noise));
		em_text_append(out, "}");
	}
	em_text_append(out, "}");
}

/* Forecast and interval of one step into rows of three arrays. */
static void store(const struct em_live *l, size_t row, struct em_array a[3])
{
	size_t n = l->p.channels;

	for (size_t i = 0; i < n; i++) {
		double v = l->p.spectrum[i], d = l->width * sqrt(l->p.variance[i] + (l->o.noise ? l->p.noise[i] : 0));

		((float *)a[0].data)[row * n + i] = (float)v;
		((float *)a[1].data)[row * n + i] = (float)(v - d);
		((float *)a[2].data)[row * n + i] = (float)(v + d);
	}
}

static int add_arrays(struct em_live *l, size_t steps, struct em_sample *s, struct em_error *err)
{
	static const char *const names[3] = {"forecast", "forecast-low", "forecast-high"};
	const size_t rows = l->o.path ? steps : 1, shape[2] = {rows, l->p.channels};
	struct em_array a[3] = {{0}};
	int status = 0;

	for (int k = 0; k < 3 && !status; k++)
		status = l->o.path ? em_array_alloc(&a[k], EM_F32, 2, shape, err)
		                   : em_array_alloc(&a[k], EM_F32, 1, shape + 1, err);
	for (size_t k = 1; k <= rows && !status; k++) {
		status = em_forecast_predict(&l->run, l->o.path ? k : steps, &l->p, err);
		if (!status)
			store(l, k - 1, a);
	}
	for (int k = 0; k < 3; k++) {
		status = status ? status : em_sample_set_array(s, names[k], &a[k], err);
		em_array_release(&a[k]);
	}
	return status;
}

/* The alert's event, once a series. */
static int look_out(struct em_live *l, struct em_sample *s, struct em_error *err)
{
	struct em_condition_met met;
	struct em_text out = {0};
	int status;

	if (!l->o.alert || l->alerted)
		return 0;
	if (em_condition_search(&l->alert, l->d, &l->run, l->alert.within, &l->p, &met, err))
		return -1;
	if (!met.step)
		return 0;
	l->alerted = l->event = true;
	put_met(l, &out, "alert", &l->alert, &met);
	status = em_record_set_text(&s->record, "event", &out, err);
	em_text_release(&out);
	return status;
}

static int forecast_sample(struct em_live *l, struct em_sample *s, struct em_error *err)
{
	struct em_condition_met met = {0};
	struct em_text out = {0};
	size_t steps = l->o.steps;
	int status = look_out(l, s, err);

	if (!status && l->o.until) {
		size_t most = l->until.within ? l->until.within : UNTIL_MOST;

		status = em_condition_search(&l->until, l->d, &l->run, most, &l->p, &met, err);
		steps = met.step ? met.step : most;
	}
	status = status || add_arrays(l, steps, s, err);
	if (!status) {
		l->made = true;
		put_forecast(l, steps, &out);
		if (l->o.until) {
			em_json_put_name(&out, "until");
			put_met(l, &out, "condition", &l->until, &met);
		}
		em_text_append(&out, "}");
		status = em_record_set_text(&s->record, "forecast", &out, err);
	}
	em_text_release(&out);
	return status ? -1 : 0;
}

/* Another series begins where the name changes, and with each sample that holds a whole one. */
static int begin_series(struct em_live *l, const char *name, size_t rows, struct em_error *err)
{
	if (l->begun && rows == 1 && !strcmp(name, l->name))
		return 0;
	if (l->begun)
		em_forecast_end(&l->run);
	l->begun = l->alerted = false;
	l->clock = (struct em_series_clock){0};
	snprintf(l->name, sizeof(l->name), "%s", name);
	if (em_forecast_begin(&l->run, l->f, err))
		return -1;
	l->begun = true;
	return l->o.adapt ? em_forecast_adapt(&l->run, err) : 0;
}

/* Time goes on where a spectrum did not come. */
static int push_absent(struct em_live *l, const struct em_sample *s, struct em_error *err)
{
	size_t absent;

	if (em_series_absent(&l->clock, s, &absent, err))
		return -1;
	while (absent--)
		em_forecast_push(&l->run, NULL);
	return 0;
}

int em_live_take(struct em_live *l, struct em_sample *s, struct em_error *err)
{
	struct em_energy e;
	char name[EM_KEY_MAX];
	float *frames = NULL;
	size_t rows = 0;
	int status = em_series_read(s, &e, &frames, &rows, err);

	if (!status) {
		em_series_name(s, rows, name, sizeof(name));
		status = em_series_same_axis(&l->f->lowrank.energy, &e, err) || begin_series(l, name, rows, err) ||
		         (rows == 1 && push_absent(l, s, err));
	}
	for (size_t i = 0; i < rows && !status; i++)
		em_forecast_push(&l->run, frames + i * e.channels);
	free(frames);
	if (status)
		return -1;
	if (rows > 1 && rows < l->f->window)
		return em_error_set(err, EM_ERROR_DATA, "%zu spectra are shorter than the model's window of %zu", rows,
		                    l->f->window);
	if (l->run.count < l->f->window || !l->run.known)
		return em_record_set(&s->record, "forecast", "null", err);
	return forecast_sample(l, s, err);
}

static int prepare(struct em_live *l, struct em_error *err)
{
	const struct em_live_options *o = &l->o;

	l->d = em_descriptors_new(&l->f->lowrank.energy, o->edges, o->splitting, err);
	if (!l->d)
		return -1;
	l->work = calloc(em_descriptors_count(l->d) + 1, l->f->lowrank.energy.channels * sizeof(*l->work));
	if (!l->work)
		return em_error_memory(err, l->f->lowrank.energy.channels * sizeof(*l->work));
	if ((o->until && em_condition_parse(&l->until, o->until, l->d, err)) ||
	    (o->alert && em_condition_parse(&l->alert, o->alert, l->d, err)))
		return -1;
	if (o->alert && !l->alert.within)
		return em_error_set(err, EM_ERROR_USAGE, "alert '%.80s': within how many steps? Add 'within N'",
		                    o->alert);
	l->width = em_evaluate_width(o->level);
	return em_prediction_init(&l->p, l->f, err);
}

struct em_live *em_live_new(const struct em_forecast *f, const struct em_live_options *options, struct em_error *err)
{
	struct em_live *l = calloc(1, sizeof(*l));

	if (!l) {
		em_error_memory(err, sizeof(*l));
		return NULL;
	}
	l->o = *options;
	l->f = f;
	if (prepare(l, err)) {
		em_live_free(l);
		return NULL;
	}
	return l;
}

void em_live_free(struct em_live *l)
{
	if (!l)
		return;
	if (l->begun)
		em_forecast_end(&l->run);
	em_prediction_release(&l->p);
	em_descriptors_free(l->d);
	free(l->work);
	free(l);
}

bool em_live_forecast(const struct em_live *l)
{
	return l->made;
}

bool em_live_event(const struct em_live *l)
{
	return l->event;
}
