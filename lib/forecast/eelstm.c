/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/eelstm_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNED 16 /* elements at whose multiples tensors begin */
#define MOST_BATCH 65536
#define MOST_PREDICT ((size_t)1 << 24) /* elements of windows that are worked on at once */

struct em_eelstm_options em_eelstm_defaults(void)
{
	return (struct em_eelstm_options){.layers = 2,
	                                  .units = 256,
	                                  .window = 8,
	                                  .horizon = 9,
	                                  .dropout = 0.05,
	                                  .rate = 1e-5,
	                                  .epsilon = 1e-7,
	                                  .beta1 = 0.9,
	                                  .beta2 = 0.999,
	                                  .batch = 50,
	                                  .epochs = 3000,
	                                  .patience = 150,
	                                  .shuffle = true,
	                                  .seed = 1,
	                                  .threads = 1};
}

static int check_range(const char *what, double v, double lo, double hi, struct em_error *err)
{
	if (v >= lo && v <= hi)
		return 0;
	return em_error_set(err, EM_ERROR_USAGE, "EELSTM: %s: %.9g is not between %.9g and %.9g", what, v, lo, hi);
}

int em_eelstm_check_options(const struct em_eelstm_options *o, size_t channels, struct em_error *err)
{
	const double most = 0x1p53, below_one = 1 - 1e-9;

	return check_range("channels", (double)channels, 1, EM_EELSTM_MAX_CHANNELS, err) ||
	               check_range("layers", (double)o->layers, 1, EM_EELSTM_MAX_LAYERS, err) ||
	               check_range("units", (double)o->units, 1, EM_EELSTM_MAX_UNITS, err) ||
	               check_range("window", (double)o->window, 1, EM_EELSTM_MAX_WINDOW, err) ||
	               check_range("horizon", (double)o->horizon, 1, most, err) ||
	               check_range("dropout", o->dropout, 0, 0.99, err) || check_range("rate", o->rate, 0, 10, err) ||
	               check_range("epsilon", o->epsilon, 1e-30, 1, err) ||
	               check_range("beta1", o->beta1, 0, below_one, err) ||
	               check_range("beta2", o->beta2, 0, below_one, err) ||
	               check_range("batch", (double)o->batch, 1, MOST_BATCH, err) ||
	               check_range("epochs", (double)o->epochs, 0, most, err) ||
	               check_range("patience", (double)o->patience, 0, most, err) ||
	               check_range("threads", o->threads, 1, 1024, err)
	           ? -1
	           : 0;
}

/* ---- making ---- */

static void add_tensor(struct em_eelstm *net, const char *layer, const char *what, size_t rows, size_t columns)
{
	struct em_eelstm_tensor *t = &net->tensor[net->tensors++];

	snprintf(t->name, sizeof(t->name), "%.31s.%.15s", layer, what);
	t->at = net->size;
	t->rows = rows;
	t->columns = columns;
	net->size += (rows * columns + ALIGNED - 1) / ALIGNED * ALIGNED;
}

/* Sizes are bounded: no product overflows. */
static void plan(struct em_eelstm *net)
{
	size_t units = net->options.units;
	char layer[32];

	for (size_t l = 0; l < net->options.layers; l++) {
		snprintf(layer, sizeof(layer), "lstm%zu", l);
		add_tensor(net, layer, "kernel", l ? units : net->channels, 4 * units);
		add_tensor(net, layer, "recurrent", units, 4 * units);
		add_tensor(net, layer, "bias", 1, 4 * units);
		net->tensor[net->tensors - 3].turned = l > 0; /* nobody wants the gradient of the spectra */
		net->tensor[net->tensors - 2].turned = true;
	}
	add_tensor(net, "dense", "kernel", units, net->channels);
	add_tensor(net, "dense", "bias", 1, net->channels);
}

struct em_eelstm *em_eelstm_alloc(const struct em_eelstm_options *options, size_t channels, struct em_error *err)
{
	struct em_eelstm *net = calloc(1, sizeof(*net));

	if (!net) {
		em_error_memory(err, sizeof(*net));
		return NULL;
	}
	net->options = *options;
	net->channels = channels;
	net->progress = (struct em_eelstm_progress){.loss = NAN, .validation = NAN, .best = INFINITY};
	plan(net);
	net->value = em_lstm_alloc(net->size, sizeof(*net->value), err);
	net->turned = net->value ? em_lstm_alloc(net->size, sizeof(*net->turned), err) : NULL;
	net->least = net->turned ? em_lstm_alloc(channels, sizeof(*net->least), err) : NULL;
	net->range = net->least ? em_lstm_alloc(channels, sizeof(*net->range), err) : NULL;
	if (!net->range) {
		em_eelstm_free(net);
		return NULL;
	}
	for (size_t c = 0; c < channels; c++)
		net->range[c] = 1;
	return net;
}

struct em_eelstm *em_eelstm_new(const struct em_eelstm_options *options, size_t channels, struct em_error *err)
{
	struct em_eelstm *net;

	if (em_eelstm_check_options(options, channels, err))
		return NULL;
	net = em_eelstm_alloc(options, channels, err);
	if (net && em_eelstm_draw(net, err)) {
		em_eelstm_free(net);
		return NULL;
	}
	if (net)
		net->resumes = true;
	return net;
}

void em_eelstm_free(struct em_eelstm *net)
{
	if (!net)
		return;
	free(net->value);
	free(net->turned);
	free(net->m);
	free(net->v);
	free(net->best);
	free(net->least);
	free(net->range);
	em_json_free(net->header);
	free(net);
}

void em_eelstm_turn(struct em_eelstm *net, const struct em_eelstm_tensor *t, size_t first, size_t count)
{
	const float *from = net->value + t->at;
	float *to = net->turned + t->at;

	for (size_t c = 0; c < t->columns; c++)
		for (size_t r = first; r < first + count; r++)
			to[c * t->rows + r] = from[r * t->columns + c];
}

void em_eelstm_turn_all(struct em_eelstm *net)
{
	for (size_t i = 0; i < net->tensors; i++)
		if (net->tensor[i].turned)
			em_eelstm_turn(net, &net->tensor[i], 0, net->tensor[i].rows);
}

/* ---- what it is ---- */

const struct em_eelstm_options *em_eelstm_get_options(const struct em_eelstm *net)
{
	return &net->options;
}

size_t em_eelstm_channels(const struct em_eelstm *net)
{
	return net->channels;
}

struct em_eelstm_progress em_eelstm_how_far(const struct em_eelstm *net)
{
	return net->progress;
}

bool em_eelstm_resumes(const struct em_eelstm *net)
{
	return net->resumes;
}

int em_eelstm_set_options(struct em_eelstm *net, const struct em_eelstm_options *options, struct em_error *err)
{
	const struct em_eelstm_options *old = &net->options;

	if (options->layers != old->layers || options->units != old->units || options->window != old->window ||
	    options->horizon != old->horizon)
		return em_error_set(
		    err, EM_ERROR_USAGE,
		    "EELSTM: a network of %zu layers of %zu units, %zu spectra in, the %zuth out, stays so",
		    old->layers, old->units, old->window, old->horizon);
	if (em_eelstm_check_options(options, net->channels, err))
		return -1;
	net->options = *options;
	return 0;
}

/* ---- scale ---- */

int em_eelstm_fit_scale(struct em_eelstm *net, const float *frames, size_t count, struct em_error *err)
{
	if (!count)
		return em_error_set(err, EM_ERROR_DATA, "EELSTM: no spectra to scale by");
	for (size_t i = 0; i < count * net->channels; i++)
		if (!isfinite(frames[i]))
			return em_error_set(err, EM_ERROR_DATA,
			                    "EELSTM: spectrum %zu to scale by has NaN or infinite counts",
			                    i / net->channels);
	for (size_t c = 0; c < net->channels; c++) {
		float least = frames[c], most = frames[c];

		for (size_t i = 1; i < count; i++) {
			float v = frames[i * net->channels + c];

			least = v < least ? v : least;
			most = v > most ? v : most;
		}
		net->least[c] = least;
		net->range[c] = most > least ? most - least : 1;
	}
	return 0;
}

int em_eelstm_scale(const struct em_eelstm *net, const float *frame, float *out)
{
	bool finite = true;

	for (size_t c = 0; c < net->channels; c++) {
		out[c] = (frame[c] - net->least[c]) / net->range[c];
		finite = finite && isfinite(out[c]);
	}
	return finite ? 0 : -1;
}

/* ---- prediction ---- */

/* `rows` windows at once. */
static int predict(struct em_eelstm_part *p, const struct em_eelstm *net, const float *windows, size_t rows, float *out,
                   struct em_error *err)
{
	size_t steps = net->options.window, channels = net->channels;

	if (em_eelstm_part_set(p, net, rows, false, err))
		return -1;
	for (size_t r = 0; r < rows; r++)
		for (size_t t = 0; t < steps; t++)
			if (em_eelstm_scale(net, windows + (r * steps + t) * channels,
			                    p->source + (t * rows + r) * channels))
				return em_error_set(err, EM_ERROR_DATA,
				                    "EELSTM: spectrum %zu of a window has NaN or infinite counts", t);
	if (em_eelstm_forward(p, net, NULL, err))
		return -1;
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < channels; c++)
			out[r * channels + c] = p->out[r * channels + c] * net->range[c] + net->least[c];
	return 0;
}

int em_eelstm_predict(const struct em_eelstm *net, const float *windows, size_t count, float *out, struct em_error *err)
{
	size_t window = net->options.window * net->channels, rows = MOST_PREDICT / window;
	struct em_eelstm_part p = {0};
	int status = 0;

	rows = rows < 1 ? 1 : rows > EM_EELSTM_ROWS ? EM_EELSTM_ROWS : rows;
	for (size_t i = 0, n; i < count && !status; i += n) {
		n = count - i < rows ? count - i : rows;
		status = predict(&p, net, windows + i * window, n, out + i * net->channels, err);
	}
	em_eelstm_part_release(&p);
	return status;
}
