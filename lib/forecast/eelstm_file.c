/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/eelstm_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "em-eelstm 1"
#define NAMED (4 * EM_EELSTM_TENSORS + 2) /* tensors of a file */

/* What stands in the metadata besides notes: whole numbers and others. */
enum { WHOLE, REAL };
struct field {
	const char *name;
	int kind;
	void *at; /* size_t or uint64_t (WHOLE), double (REAL) */
};

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "both are whole numbers of a file");

#define FIELDS 20
static size_t list_fields(struct em_eelstm *net, size_t *channels, struct field f[FIELDS])
{
	struct em_eelstm_options *o = &net->options;
	struct em_eelstm_progress *p = &net->progress;
	const struct field all[] = {{"channels", WHOLE, channels},     {"layers", WHOLE, &o->layers},
	                            {"units", WHOLE, &o->units},       {"window", WHOLE, &o->window},
	                            {"horizon", WHOLE, &o->horizon},   {"dropout", REAL, &o->dropout},
	                            {"rate", REAL, &o->rate},          {"epsilon", REAL, &o->epsilon},
	                            {"beta1", REAL, &o->beta1},        {"beta2", REAL, &o->beta2},
	                            {"batch", WHOLE, &o->batch},       {"epochs", WHOLE, &o->epochs},
	                            {"patience", WHOLE, &o->patience}, {"seed", WHOLE, &o->seed},
	                            {"epoch", WHOLE, &p->epoch},       {"best_epoch", WHOLE, &p->best_epoch},
	                            {"loss", REAL, &p->loss},          {"validation", REAL, &p->validation},
	                            {"best", REAL, &p->best},          {"step", WHOLE, &net->step}};

	memcpy(f, all, sizeof(all));
	return sizeof(all) / sizeof(*all);
}

static const struct flag {
	const char *name;
	size_t at; /* of a bool in the options */
} flags[] = {{"torch_epsilon", offsetof(struct em_eelstm_options, torch_epsilon)},
             {"restore_best", offsetof(struct em_eelstm_options, restore_best)},
             {"shuffle", offsetof(struct em_eelstm_options, shuffle)}};
#define FLAGS (sizeof(flags) / sizeof(*flags))

/* The arrays of a file that have every tensor of the network. */
static const char *const kinds[] = {"", "adam.m.", "adam.v.", "best."};
enum { VALUE, MOMENT, SQUARE, BEST, KINDS };

static float **array_of(struct em_eelstm *net, int kind)
{
	return kind == VALUE ? &net->value : kind == MOMENT ? &net->m : kind == SQUARE ? &net->v : &net->best;
}

/* ---- out ---- */

static bool is_ours(const char *name)
{
	struct em_eelstm none;
	struct field f[FIELDS];
	size_t channels, n = list_fields(&none, &channels, f);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, f[i].name))
			return true;
	for (size_t i = 0; i < FLAGS; i++)
		if (!strcmp(name, flags[i].name))
			return true;
	return !strcmp(name, "format");
}

struct printed {
	char text[FIELDS][32];
	struct em_safetensors_note *note; /* owned */
	size_t notes;
	struct em_tensor_out tensor[NAMED];
	char name[NAMED][64];
	size_t tensors;
};

static void add_note(struct printed *p, const char *name, const char *text)
{
	p->note[p->notes++] = (struct em_safetensors_note){name, text};
}

static void put_fields(struct printed *p, struct em_eelstm *net)
{
	struct field f[FIELDS];
	size_t n = list_fields(net, &net->channels, f);

	add_note(p, "format", FORMAT);
	for (size_t i = 0; i < n; i++) {
		if (f[i].kind == WHOLE)
			snprintf(p->text[i], sizeof(p->text[i]), "%" PRIu64, *(const uint64_t *)f[i].at);
		else
			snprintf(p->text[i], sizeof(p->text[i]), "%.17g", *(const double *)f[i].at);
		add_note(p, f[i].name, p->text[i]);
	}
	for (size_t i = 0; i < FLAGS; i++)
		add_note(p, flags[i].name, *((const char *)&net->options + flags[i].at) ? "1" : "0");
}

static void add_tensor(struct printed *p, const char *kind, const char *name, int ndim, const size_t *shape,
                       const float *values)
{
	struct em_tensor_out *t = &p->tensor[p->tensors];

	snprintf(p->name[p->tensors], sizeof(p->name[0]), "%.10s%.47s", kind, name);
	*t = (struct em_tensor_out){.name = p->name[p->tensors], .ndim = ndim, .values = values};
	memcpy(t->shape, shape, (size_t)ndim * sizeof(*shape));
	p->tensors++;
}

static void add_array(struct printed *p, const struct em_eelstm *net, const char *kind, const float *values)
{
	for (size_t i = 0; i < net->tensors; i++) {
		const struct em_eelstm_tensor *t = &net->tensor[i];
		const size_t shape[2] = {t->rows, t->columns};
		bool bias = t->rows == 1 && strstr(t->name, ".bias");

		add_tensor(p, kind, t->name, bias ? 1 : 2, bias ? &shape[1] : shape, values + t->at);
	}
}

int em_eelstm_print(const struct em_eelstm *net, bool state, const struct em_safetensors_note *notes, size_t note_count,
                    struct em_text *out, struct em_error *err)
{
	struct em_eelstm copy = *net; /* whose fields can be pointed at */
	struct printed *p;
	int status;

	for (size_t i = 0; i < note_count; i++)
		if (is_ours(notes[i].name))
			return em_error_set(err, EM_ERROR_USAGE, "EELSTM: a note may not be called '%.60s'",
			                    notes[i].name);
	p = calloc(1, sizeof(*p));
	if (p)
		p->note = calloc(note_count + FIELDS + FLAGS + 1, sizeof(*p->note));
	if (!p || !p->note) {
		free(p);
		return em_error_memory(err, sizeof(*p));
	}
	put_fields(p, &copy);
	for (size_t i = 0; i < note_count; i++)
		add_note(p, notes[i].name, notes[i].text);
	add_tensor(p, "", "scale.least", 1, &net->channels, net->least);
	add_tensor(p, "", "scale.range", 1, &net->channels, net->range);
	for (int kind = VALUE; kind < (state ? KINDS : MOMENT); kind++)
		if (*array_of(&copy, kind))
			add_array(p, net, kinds[kind], *array_of(&copy, kind));
	status = em_safetensors_print(p->tensor, p->tensors, p->note, p->notes, out, err);
	free(p->note);
	free(p);
	return status;
}

/* ---- in ---- */

static int complain(const char *name, const char *text, struct em_error *err)
{
	return em_error_set(err, EM_ERROR_DATA, "EELSTM model: \"%s\" in the metadata: %s%.40s", name,
	                    text ? "unexpected " : "missing", text ? text : "");
}

static int read_field(const struct em_safetensors *file, const struct field *f, struct em_error *err)
{
	const char *text = em_safetensors_metadata(file, f->name);
	char *end = NULL;

	if (text && f->kind == WHOLE && text[0] >= '0' && text[0] <= '9')
		*(uint64_t *)f->at = strtoull(text, &end, 10);
	else if (text && f->kind == REAL)
		*(double *)f->at = strtod(text, &end);
	return end && end != text && !*end ? 0 : complain(f->name, text, err);
}

/* Into the options and the progress of *net, and *channels. */
static int read_fields(const struct em_safetensors *file, struct em_eelstm *net, size_t *channels, struct em_error *err)
{
	const char *format = em_safetensors_metadata(file, "format");
	struct field f[FIELDS];
	size_t n = list_fields(net, channels, f);

	if (!format || strcmp(format, FORMAT))
		return em_error_set(err, EM_ERROR_DATA,
		                    "this is no model of eelstm: \"format\" in the metadata is not "
		                    "\"" FORMAT "\"");
	for (size_t i = 0; i < n; i++)
		if (read_field(file, &f[i], err))
			return -1;
	for (size_t i = 0; i < FLAGS; i++) {
		const char *text = em_safetensors_metadata(file, flags[i].name);

		if (!text || (strcmp(text, "0") && strcmp(text, "1")))
			return complain(flags[i].name, text, err);
		*((bool *)&net->options + flags[i].at) = text[0] == '1';
	}
	net->options.threads = 1;
	if (net->progress.best_epoch > net->progress.epoch)
		return complain("best_epoch", em_safetensors_metadata(file, "best_epoch"), err);
	if (em_eelstm_check_options(&net->options, *channels, err)) {
		if (err)
			err->kind = EM_ERROR_DATA;
		return em_error_prefix(err, "model: ");
	}
	return 0;
}

/* Its place in the file, of that shape; counts it. */
static const struct em_tensor *find(const struct em_safetensors *file, const char *kind, const char *name, size_t rows,
                                    size_t columns, size_t *used, struct em_error *err)
{
	const struct em_tensor *t;
	char full[64];

	snprintf(full, sizeof(full), "%.10s%.47s", kind, name);
	t = em_safetensors_find(file, full);
	if (!t)
		em_error_set(err, EM_ERROR_DATA, "EELSTM model: '%s' is not there", full);
	else if (t->ndim < 1 || t->ndim > 2 || t->shape[t->ndim - 1] != columns ||
	         (t->ndim == 2 ? t->shape[0] : 1) != rows) {
		em_error_set(err, EM_ERROR_DATA, "EELSTM model: '%s' is not of the shape %zu x %zu", full, rows,
		             columns);
		return NULL;
	}
	*used += t != NULL;
	return t;
}

static int read_tensor(const struct em_safetensors *file, const char *kind, const struct em_eelstm_tensor *t,
                       float *values, size_t *used, struct em_error *err)
{
	const struct em_tensor *from = find(file, kind, t->name, t->rows, t->columns, used, err);

	return from ? em_tensor_load(from, values, err) : -1;
}

static bool has_array(const struct em_safetensors *file, int kind)
{
	char name[64];

	snprintf(name, sizeof(name), "%sdense.bias", kinds[kind]);
	return em_safetensors_find(file, name);
}

static int read_array(const struct em_safetensors *file, struct em_eelstm *net, int kind, size_t *used,
                      struct em_error *err)
{
	float **values = array_of(net, kind);

	if (!*values)
		*values = em_lstm_alloc(net->size, sizeof(**values), err);
	if (!*values)
		return -1;
	for (size_t i = 0; i < net->tensors; i++)
		if (read_tensor(file, kinds[kind], &net->tensor[i], *values + net->tensor[i].at, used, err))
			return -1;
	return 0;
}

static int read_scale(const struct em_safetensors *file, struct em_eelstm *net, size_t *used, struct em_error *err)
{
	const struct em_tensor *least = find(file, "", "scale.least", 1, net->channels, used, err),
	                       *range = least ? find(file, "", "scale.range", 1, net->channels, used, err) : NULL;

	if (!range || em_tensor_load(least, net->least, err) || em_tensor_load(range, net->range, err))
		return -1;
	for (size_t c = 0; c < net->channels; c++)
		if (!(net->range[c] > 0))
			return em_error_set(err, EM_ERROR_DATA,
			                    "EELSTM model: 'scale.range' is not above 0 in channel %zu", c);
	return 0;
}

/* Adam would take the root of a negative number. */
static int check_squares(const struct em_eelstm *net, struct em_error *err)
{
	for (size_t i = 0; net->v && i < net->size; i++)
		if (!(net->v[i] >= 0))
			return em_error_set(err, EM_ERROR_DATA, "EELSTM model: 'adam.v' is below 0");
	return 0;
}

static int read_all(const struct em_safetensors *file, struct em_eelstm *net, struct em_error *err)
{
	size_t used = 0;

	if (read_scale(file, net, &used, err) || read_array(file, net, VALUE, &used, err))
		return -1;
	if (has_array(file, MOMENT) || has_array(file, SQUARE)) {
		if (read_array(file, net, MOMENT, &used, err) || read_array(file, net, SQUARE, &used, err) ||
		    check_squares(net, err))
			return -1;
		net->resumes = true;
	}
	if (has_array(file, BEST) && read_array(file, net, BEST, &used, err))
		return -1;
	if (em_safetensors_at(file, used))
		return em_error_set(err, EM_ERROR_DATA, "EELSTM model: there are tensors that do not belong to it");
	em_eelstm_turn_all(net);
	return 0;
}

static struct em_json *copy_header(const struct em_safetensors *file, struct em_error *err)
{
	struct em_blob bytes = em_safetensors_bytes(file);
	size_t length = 0;

	for (int i = 0; i < 8; i++) /* the reader has checked it */
		length |= (size_t)bytes.data[i] << 8 * i;
	return em_json_parse((const char *)bytes.data + 8, length, err);
}

static size_t count_weights(const struct em_eelstm_options *o, size_t channels)
{
	return 4 * o->units * (channels + o->units + 1) + (o->layers - 1) * 4 * o->units * (2 * o->units + 1) +
	       (o->units + 1) * channels;
}

static struct em_eelstm *load(const struct em_safetensors *file, struct em_error *err)
{
	struct em_eelstm told = {0}, *net;
	size_t channels = 0;

	if (read_fields(file, &told, &channels, err))
		return NULL;
	/* The weights are there, of two bytes each at least, before there is memory for as many. */
	if (count_weights(&told.options, channels) > em_safetensors_bytes(file).size / 2) {
		em_error_set(err, EM_ERROR_DATA, "EELSTM model: the file is shorter than the network in its metadata");
		return NULL;
	}
	net = em_eelstm_alloc(&told.options, channels, err);
	if (!net)
		return NULL;
	net->progress = told.progress;
	net->step = told.step;
	net->header = copy_header(file, err);
	if (!net->header || read_all(file, net, err)) {
		em_eelstm_free(net);
		return NULL;
	}
	return net;
}

struct em_eelstm *em_eelstm_load_bytes(struct em_blob bytes, struct em_error *err)
{
	struct em_safetensors *file = em_safetensors_new(bytes, err);
	struct em_eelstm *net = file ? load(file, err) : NULL;

	em_safetensors_free(file);
	return net;
}

struct em_eelstm *em_eelstm_load(const char *path, struct em_error *err)
{
	struct em_safetensors *file = em_safetensors_open(path, err);
	struct em_eelstm *net = file ? load(file, err) : NULL;

	if (file && !net)
		em_error_prefix(err, "%.200s: ", path);
	em_safetensors_free(file);
	return net;
}

const char *em_eelstm_find_note(const struct em_eelstm *net, const char *name)
{
	return em_json_string(em_json_get(em_json_get(net->header, "__metadata__"), name));
}
