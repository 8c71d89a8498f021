/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/forecast.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "em-forecast 1"
#define MOST 512 /* tensors and notes */

struct em_forecast_file {
	struct em_tensor_out tensor[MOST];
	struct em_safetensors_note note[MOST];
	size_t tensors, notes;
	bool failed;
};

static char *keep_text(struct em_forecast_file *file, const char *text)
{
	char *own = strdup(text);

	file->failed = file->failed || !own;
	return own ? own : "";
}

void em_forecast_file_add_floats(struct em_forecast_file *file, const char *name, const float *values, int ndim,
                                 const size_t *shape)
{
	struct em_tensor_out *t = &file->tensor[file->tensors];
	size_t count = 1;
	float *own;

	if (file->failed)
		return;
	for (int k = 0; k < ndim; k++)
		count *= shape[k];
	own = malloc(count * sizeof(*own) + 1);
	if (!own || file->tensors == MOST) {
		free(own);
		file->failed = true;
		return;
	}
	memcpy(own, values, count * sizeof(*own));
	*t = (struct em_tensor_out){.name = keep_text(file, name), .ndim = ndim, .values = own};
	memcpy(t->shape, shape, (size_t)ndim * sizeof(*shape));
	file->tensors++;
}

void em_forecast_file_add(struct em_forecast_file *file, const char *name, const double *values, size_t rows,
                          size_t columns)
{
	const size_t shape[2] = {rows, columns};
	float *narrow = malloc(rows * columns * sizeof(*narrow) + 1);

	file->failed = file->failed || !narrow;
	if (file->failed) {
		free(narrow);
		return;
	}
	for (size_t i = 0; i < rows * columns; i++)
		narrow[i] = (float)values[i];
	em_forecast_file_add_floats(file, name, narrow, 2, shape);
	free(narrow);
}

void em_forecast_file_note(struct em_forecast_file *file, const char *name, const char *text)
{
	if (file->notes == MOST)
		file->failed = true;
	else {
		struct em_safetensors_note *n = &file->note[file->notes++];

		n->name = keep_text(file, name);
		n->text = keep_text(file, text);
	}
}

int em_forecast_file_get(const struct em_safetensors *f, const char *name, double *out, size_t rows, size_t columns,
                         struct em_error *err)
{
	const struct em_tensor *t = em_safetensors_find(f, name);
	float *narrow;

	if (!t || t->count != rows * columns)
		return em_error_set(err, EM_ERROR_DATA, "the model has no tensor '%s' of %zu x %zu", name, rows,
		                    columns);
	narrow = malloc(t->count * sizeof(*narrow) + 1);
	if (!narrow)
		return em_error_memory(err, t->count * sizeof(*narrow));
	if (em_tensor_load(t, narrow, err)) {
		free(narrow);
		return -1;
	}
	for (size_t i = 0; i < t->count; i++)
		out[i] = (double)narrow[i];
	free(narrow);
	return 0;
}

/* ---- out ---- */

static void note_number(struct em_forecast_file *file, const char *name, double v)
{
	char text[40];

	snprintf(text, sizeof(text), "%.17g", v);
	em_forecast_file_note(file, name, text);
}

static void put_front(const struct em_forecast *f, struct em_forecast_file *file)
{
	const struct em_lowrank *lr = &f->lowrank;
	const struct em_basis *b = &lr->basis;
	double horizon[EM_FORECAST_HORIZONS];

	em_forecast_file_note(file, "forecast.format", FORMAT);
	em_forecast_file_note(file, "forecast.model", f->method->name);
	note_number(file, "forecast.window", (double)f->window);
	note_number(file, "energy.offset", lr->energy.offset);
	note_number(file, "energy.scale", lr->energy.scale);
	note_number(file, "drift.reach", (double)lr->reach);
	note_number(file, "drift.whole", lr->whole);
	note_number(file, "drift.first", (double)lr->window.first);
	note_number(file, "drift.count", (double)lr->window.count);
	note_number(file, "drift.noise", f->shift_noise);
	note_number(file, "basis.noise", b->noise);
	note_number(file, "basis.spectra", (double)b->spectra);
	em_forecast_file_add(file, "basis.mean", b->mean, 1, b->channels);
	em_forecast_file_add(file, "basis.weight", b->weight, 1, b->channels);
	em_forecast_file_add(file, "basis.component", b->component, b->rank, b->channels);
	em_forecast_file_add(file, "detector.flat", lr->flat, 1, b->channels);
	em_forecast_file_add(file, "detector.veil", lr->doubt.veil, EM_PATTERN_VEILS, b->channels);
	em_forecast_file_add(file, "detector.rest", lr->doubt.rest, 1, b->channels);
	em_forecast_file_add(file, "drift.prior", (const double *)&f->shift, 1, sizeof(f->shift) / sizeof(double));
	for (size_t h = 0; h < f->horizons; h++)
		horizon[h] = (double)f->horizon[h];
	em_forecast_file_add(file, "interval.horizon", horizon, 1, f->horizons);
	em_forecast_file_add(file, "interval.excess", f->excess, 1, f->horizons);
}

struct em_forecast_file *em_forecast_file_new(struct em_error *err)
{
	struct em_forecast_file *file = calloc(1, sizeof(*file));

	if (!file)
		em_error_memory(err, sizeof(*file));
	return file;
}

int em_forecast_file_print(const struct em_forecast_file *file, struct em_text *out, struct em_error *err)
{
	if (file->failed)
		return em_error_set(err, EM_ERROR_MEMORY, "a model's file: out of memory, or too many tensors");
	return em_safetensors_print(file->tensor, file->tensors, file->note, file->notes, out, err);
}

void em_forecast_file_free(struct em_forecast_file *file)
{
	if (!file)
		return;
	for (size_t i = 0; i < file->tensors; i++) {
		free((void *)file->tensor[i].values);
		if (file->tensor[i].name[0])
			free((void *)file->tensor[i].name);
	}
	for (size_t i = 0; i < file->notes; i++) {
		if (file->note[i].name[0])
			free((void *)file->note[i].name);
		if (file->note[i].text[0])
			free((void *)file->note[i].text);
	}
	free(file);
}

int em_forecast_print(const struct em_forecast *f, const char *provenance, struct em_text *out, struct em_error *err)
{
	struct em_forecast_file *file = em_forecast_file_new(err);
	int status;

	if (!file)
		return -1;
	put_front(f, file);
	if (provenance)
		em_forecast_file_note(file, "provenance", provenance);
	status = f->method->print ? f->method->print(f, file, err) : 0;
	if (!status)
		status = em_forecast_file_print(file, out, err);
	em_forecast_file_free(file);
	return status;
}

/* ---- in ---- */

static int number_note(const struct em_safetensors *file, const char *name, double least, double most, double *v,
                       struct em_error *err)
{
	const char *text = em_safetensors_metadata(file, name);
	char *end = NULL;
	double value = text ? strtod(text, &end) : NAN;

	if (!text || end == text || *end || !(value >= least && value <= most))
		return em_error_set(err, EM_ERROR_DATA, "the model's \"%s\" is %.40s", name, text ? text : "missing");
	*v = value;
	return 0;
}

/* The tensors of the basis, whose sizes say what they are. */
static int get_basis(struct em_basis *b, const struct em_safetensors *file, struct em_error *err)
{
	const struct em_tensor *t = em_safetensors_find(file, "basis.component");
	double spectra = 0;

	if (!t || t->ndim != 2 || t->shape[0] < 1 || t->shape[0] > 256 || t->shape[1] < 2)
		return em_error_set(err, EM_ERROR_DATA, "the model has no basis of components x channels");
	*b = (struct em_basis){.rank = t->shape[0], .channels = t->shape[1]};
	b->mean = malloc(b->channels * sizeof(double));
	b->weight = malloc(b->channels * sizeof(double));
	b->component = malloc(t->count * sizeof(double));
	if (!b->mean || !b->weight || !b->component)
		return em_error_memory(err, t->count * sizeof(double));
	if (em_forecast_file_get(file, "basis.mean", b->mean, 1, b->channels, err) ||
	    em_forecast_file_get(file, "basis.weight", b->weight, 1, b->channels, err) ||
	    em_forecast_file_get(file, "basis.component", b->component, b->rank, b->channels, err) ||
	    number_note(file, "basis.noise", 0, HUGE_VAL, &b->noise, err) ||
	    number_note(file, "basis.spectra", 0, 1e15, &spectra, err))
		return -1;
	b->spectra = (size_t)spectra;
	for (size_t i = 0; i < b->channels; i++)
		if (b->weight[i] < 0)
			return em_error_set(err, EM_ERROR_DATA, "a weight of the model's basis is negative");
	return 0;
}

static int get_doubt(struct em_lowrank *lr, const struct em_safetensors *file, struct em_error *err)
{
	size_t n = lr->energy.channels, all = (EM_PATTERN_VEILS + 1) * n;
	double *veil = calloc(all, sizeof(*veil)), *rest = veil + EM_PATTERN_VEILS * n;
	int status;

	if (!veil)
		return em_error_memory(err, all * sizeof(*veil));
	status = em_forecast_file_get(file, "detector.veil", veil, EM_PATTERN_VEILS, n, err) ||
	                 em_forecast_file_get(file, "detector.rest", rest, 1, n, err)
	             ? -1
	             : 0;
	for (size_t i = 0; i < n && !status; i++)
		if (!(rest[i] >= 0 && rest[i] < 1))
			status = em_error_set(err, EM_ERROR_DATA,
			                      "what is not known of the model's gain pattern is no variance");
	if (!status)
		status = em_lowrank_set_doubt(lr, &(struct em_pattern_doubt){veil, rest}, err);
	free(veil);
	return status;
}

static int get_lowrank(struct em_forecast *f, const struct em_safetensors *file, struct em_error *err)
{
	struct em_lowrank_settings set = {0};
	struct em_energy e = {0};
	struct em_basis b = {0};
	double reach = 0, whole = 0, first = 0, count = 0, n = 0;
	int status = get_basis(&b, file, err);

	n = (double)b.channels;
	if (!status && (number_note(file, "energy.offset", -1e9, 1e9, &e.offset, err) ||
	                number_note(file, "energy.scale", 1e-9, 1e9, &e.scale, err) ||
	                number_note(file, "drift.reach", 0, n / 4, &reach, err) ||
	                number_note(file, "drift.whole", 0, 1, &whole, err) ||
	                number_note(file, "drift.first", 0, n - 1, &first, err) ||
	                number_note(file, "drift.count", 1, n - first, &count, err)))
		status = -1;
	e.channels = b.channels;
	if (!status) {
		set.reach = (size_t)reach;
		set.whole = whole > 0;
		status = em_lowrank_init(&f->lowrank, &b, &e, &set, err);
	}
	if (status) {
		em_basis_release(&b);
		return -1;
	}
	f->lowrank.window = (struct em_energy_span){(size_t)first, (size_t)count};
	if (em_forecast_file_get(file, "detector.flat", f->lowrank.flat, 1, e.channels, err))
		return -1;
	for (size_t i = 0; i < e.channels; i++)
		if (!(f->lowrank.flat[i] > 0))
			return em_error_set(err, EM_ERROR_DATA, "the model's gain pattern is not positive");
	return get_doubt(&f->lowrank, file, err);
}

static int get_intervals(struct em_forecast *f, const struct em_safetensors *file, struct em_error *err)
{
	const struct em_tensor *t = em_safetensors_find(file, "interval.horizon");
	double horizon[EM_FORECAST_HORIZONS], last = 0;
	size_t n = t ? t->count : 0;

	if (!t || n > EM_FORECAST_HORIZONS)
		return em_error_set(err, EM_ERROR_DATA, "the model has no horizons of intervals");
	if (em_forecast_file_get(file, "interval.horizon", horizon, 1, n, err) ||
	    em_forecast_file_get(file, "interval.excess", f->excess, 1, n, err))
		return -1;
	for (size_t h = 0; h < n; last = horizon[h++]) {
		if (!(horizon[h] > last && horizon[h] < 1e6) || horizon[h] != floor(horizon[h]))
			return em_error_set(err, EM_ERROR_DATA,
			                    "the model's horizons are no numbers of steps that rise");
		if (!(f->excess[h] >= 0))
			return em_error_set(err, EM_ERROR_DATA, "a variance of the model's intervals is negative");
		f->horizon[h] = (size_t)horizon[h];
	}
	f->horizons = n;
	return 0;
}

static int get_all(struct em_forecast *f, const struct em_safetensors *file, struct em_error *err)
{
	const char *format = em_safetensors_metadata(file, "forecast.format"),
	           *model = em_safetensors_metadata(file, "forecast.model"),
	           *provenance = em_safetensors_metadata(file, "provenance");
	double window = 0;

	if (!format || strcmp(format, FORMAT) || !model)
		return em_error_set(err, EM_ERROR_DATA, "this is no model of eelsforecast train");
	const struct em_forecast_method *method = em_forecast_method_find(model);
	if (!method)
		return em_error_set(err, EM_ERROR_DATA, "a model '%.40s', which this version does not know", model);
	if (get_lowrank(f, file, err) || get_intervals(f, file, err) ||
	    number_note(file, "forecast.window", 1, 1024, &window, err) ||
	    number_note(file, "drift.noise", 1e-12, 1e12, &f->shift_noise, err) ||
	    em_forecast_file_get(file, "drift.prior", (double *)&f->shift, 1, sizeof(f->shift) / sizeof(double), err))
		return -1;
	f->window = (size_t)window;
	if (provenance && !(f->provenance = strdup(provenance)))
		return em_error_memory(err, strlen(provenance));
	f->method = method;
	return method->parse ? method->parse(f, file, err) : 0;
}

int em_forecast_parse(struct em_forecast *out, const struct em_safetensors *file, struct em_error *err)
{
	struct em_forecast f = {0};

	if (get_all(&f, file, err)) {
		em_forecast_release(&f);
		return -1;
	}
	*out = f;
	return 0;
}
