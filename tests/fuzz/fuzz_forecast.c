/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a model of eelsforecast: refused with a reason, or one that is printed and read again, and forecasts
 * from spectra that come; whether they are good is not asked.
 */
#include "forecast/live.h"
#include "fuzz_help.h"

#include <math.h>

#define CHANNELS_MOST 1024
#define SPECTRA 12

static int parse(struct em_forecast *f, const void *bytes, size_t n, struct em_error *err)
{
	struct em_safetensors *file = em_safetensors_new((struct em_blob){bytes, n}, err);
	int status = file ? em_forecast_parse(f, file, err) : -1;

	em_safetensors_free(file);
	check(!status || (err->kind == EM_ERROR_DATA && *err->text));
	return status;
}

static void read_again(const struct em_forecast *f)
{
	struct em_forecast again;
	struct em_text text = {0};
	struct em_error err = {0};

	check(!em_forecast_print(f, f->provenance, &text, NULL));
	check(!parse(&again, em_text_get(&text), text.len, &err));
	check(again.method == f->method && again.window == f->window && again.horizons == f->horizons &&
	      again.lowrank.energy.channels == f->lowrank.energy.channels);
	em_forecast_release(&again);
	em_text_release(&text);
}

/* A power law and a step, fewer counts from frame to frame; the fifth is missing. */
static void spectrum(size_t frame, size_t channels, float *counts)
{
	for (size_t i = 0; i < channels; i++)
		counts[i] = frame == 4 ? NAN
		                       : (float)(1e4 * pow(1 + 4 * (double)i / (double)channels, -3) +
		                                 (i > channels / 2 ? 400 - 10 * (double)frame : 0) + (double)(i % 7));
}

static void check_prediction(const struct em_prediction *p)
{
	for (size_t i = 0; i < p->channels; i++)
		check(!(p->variance[i] < 0) && !(p->noise[i] < 0));
}

static void run_along(const struct em_forecast *f, bool adapt)
{
	size_t channels = f->lowrank.energy.channels;
	float *counts = malloc(channels * sizeof(*counts));
	struct em_forecast_run run;
	struct em_prediction p = {0};
	struct em_error err = {0};

	check(counts && !em_forecast_begin(&run, f, NULL) && !em_prediction_init(&p, f, NULL));
	check(!adapt || !em_forecast_adapt(&run, NULL));
	for (size_t t = 0; t < SPECTRA; t++) {
		spectrum(t, channels, counts);
		em_forecast_push(&run, counts);
		if (em_forecast_predict(&run, t % 2 ? 9 : 1, &p, &err))
			check(err.kind != EM_ERROR_NONE);
		else
			check_prediction(&p);
	}
	em_prediction_release(&p);
	em_forecast_end(&run);
	free(counts);
}

/* As a sample of rows, with a condition on it. */
static void run_live(const struct em_forecast *f)
{
	const struct em_live_options o = {
	    .steps = 3, .alert = "change > 0.1 within 5", .level = 0.9, .splitting = true};
	const size_t channels = f->lowrank.energy.channels, shape[2] = {SPECTRA, channels};
	struct em_error err = {0};
	struct em_live *live = em_live_new(f, &o, &err);
	struct em_sample s = {0};
	struct em_array a;

	check(live || err.kind != EM_ERROR_NONE);
	if (!live)
		return;
	check(!em_array_alloc(&a, EM_F32, 2, shape, NULL) && !em_sample_set_key(&s, "one", NULL));
	for (size_t t = 0; t < SPECTRA; t++)
		spectrum(t, channels, (float *)a.data + t * channels);
	em_axis_set(&a.axis[1], "energy", f->lowrank.energy.scale, f->lowrank.energy.offset, "eV");
	check(!em_sample_take_data(&s, &a, NULL));
	if (em_live_take(live, &s, &err))
		check(err.kind != EM_ERROR_NONE && *err.text);
	em_sample_release(&s);
	em_live_free(live);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_forecast f;
	struct em_error err = {0};

	if (parse(&f, data, size, &err))
		return 0;
	if (f.lowrank.energy.channels <= CHANNELS_MOST) {
		read_again(&f);
		run_along(&f, false);
		run_along(&f, true);
		run_live(&f);
	}
	em_forecast_release(&f);
	return 0;
}
