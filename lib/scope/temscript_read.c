/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/temscript_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Endpoints; from there on one request for the whole state is less than one for each. */
#define STATE_WORTH 3

static void path_of(char path[80], const char *endpoint)
{
	snprintf(path, 80, "/v1/%s", endpoint);
}

/* ---- one value ---- */

bool em_temscript_value(enum em_control c, const struct em_json *node, double *value)
{
	const struct em_temscript_wire *w = em_temscript_wire(c);
	double v;

	if (w->member)
		node = em_json_get(node, w->member);
	if (w->index >= 0) {
		node = em_json_is_array(node) ? em_json_first(node) : NULL;
		for (int i = 0; i < w->index; i++)
			node = em_json_next(node);
	}
	if (w->words) {
		const char *word = em_json_string(node);

		v = word ? em_temscript_word_find(w->words, word) : -1;
		if (v < 0)
			return false;
	} else if (w->is_switch) {
		if (!em_json_is_bool(node))
			return false;
		v = em_json_is_true(node);
	} else if (!em_json_number(node, &v) || !isfinite(v * w->si)) {
		return false;
	}
	if ((c == EM_MAGNIFICATION || c == EM_CAMERA_LENGTH) && !(v > 0))
		return false; /* how it says that there is none in this mode */
	*value = v * w->si;
	return true;
}

void em_temscript_put_value(struct em_text *t, enum em_control c, double value)
{
	const struct em_temscript_wire *w = em_temscript_wire(c);
	size_t n = 0;

	if (w->words) {
		const char *word = em_temscript_word_at(w->words, (int)value, &n);

		em_text_printf(t, "\"%.*s\"", (int)n, word ? word : "");
	} else if (w->is_switch) {
		em_json_put_bool(t, value != 0);
	} else {
		em_text_printf(t, "%.17g", value / w->si);
	}
}

/* ---- reading ---- */

struct reading {
	struct em_temscript *t;
	double end;
	const struct em_controls *want;
	struct em_controls *got;
	struct em_error why; /* the first that could not be read */
};

static bool is_open(const struct reading *r, int c)
{
	return r->want->known[c] && !r->got->known[c];
}

static void give_up(struct reading *r, const struct em_error *err)
{
	if (r->why.kind == EM_ERROR_NONE)
		r->why = *err;
}

static void take(struct reading *r, enum em_control c, const struct em_json *node)
{
	struct em_error err = {0};
	double v;

	if (em_temscript_value(c, node, &v)) {
		em_controls_set(r->got, c, v);
		return;
	}
	em_error_set(&err, EM_ERROR_DATA, "%s has no value there", em_control_info(c)->name);
	give_up(r, &err);
}

/* -1 only where going on has no sense. */
static int ask(struct reading *r, const char *target, struct em_temscript_answer *a, bool *answered,
               struct em_error *err)
{
	struct em_error why = {0};

	*answered = !em_temscript_get(r->t, target, r->end, a, &why);
	if (*answered)
		return 0;
	if (why.kind == EM_ERROR_UNREACHABLE || why.kind == EM_ERROR_MEMORY)
		return em_error_set(err, why.kind, "%s", why.text);
	give_up(r, &why);
	return 0;
}

static bool says_stem(const struct em_json *mode)
{
	const char *word = em_json_string(mode);

	return word && !strcmp(word, "STEM");
}

static int read_state(struct reading *r, struct em_error *err)
{
	struct em_temscript_answer a;
	const struct em_json *node;
	bool answered, stem;

	if (ask(r, "/v1/state", &a, &answered, err))
		return -1;
	if (!answered)
		return 0;
	stem = says_stem(em_json_get(a.json.tree, "instrument_mode"));
	for (int c = 0; c < EM_CONTROLS; c++) {
		const struct em_temscript_wire *w = em_temscript_wire((enum em_control)c);

		if (!is_open(r, c) || !w->endpoint)
			continue;
		node = em_json_get(a.json.tree, c == EM_MAGNIFICATION && stem ? "stem_magnification"
		                                : w->state                    ? w->state
		                                                              : w->endpoint);
		if (node)
			take(r, (enum em_control)c, node);
	}
	em_temscript_answer_release(&a);
	return 0;
}

/* Of a STEM the magnification is elsewhere. */
static int is_stem(struct reading *r, bool *stem, struct em_error *err)
{
	struct em_temscript_answer a;
	bool answered;

	if (r->got->known[EM_MODE]) {
		*stem = r->got->value[EM_MODE] > 0;
		return 0;
	}
	if (ask(r, "/v1/instrument_mode", &a, &answered, err))
		return -1;
	*stem = answered && says_stem(a.json.tree);
	if (answered)
		em_temscript_answer_release(&a);
	return 0;
}

/* An endpoint's controls, all that are wanted of them. */
static int read_endpoint(struct reading *r, enum em_control first, struct em_error *err)
{
	const char *endpoint = em_temscript_wire(first)->endpoint;
	struct em_temscript_answer a;
	bool answered, stem = false;
	char path[80];

	if (first == EM_MAGNIFICATION && is_stem(r, &stem, err))
		return -1;
	path_of(path, stem ? "stem_magnification" : endpoint);
	if (ask(r, path, &a, &answered, err))
		return -1;
	if (!answered)
		return 0;
	for (int c = first; c < EM_CONTROLS; c++) {
		const char *other = em_temscript_wire((enum em_control)c)->endpoint;

		if (is_open(r, c) && other && !strcmp(other, endpoint))
			take(r, (enum em_control)c, a.json.tree);
	}
	em_temscript_answer_release(&a);
	return 0;
}

/* Is c the first in the table of those at its endpoint that are wanted and not there yet? */
static bool is_first(const struct reading *r, int c)
{
	const char *endpoint = em_temscript_wire((enum em_control)c)->endpoint;

	if (!is_open(r, c) || !endpoint)
		return false;
	for (int k = 0; k < c; k++) {
		const char *other = em_temscript_wire((enum em_control)k)->endpoint;

		if (is_open(r, k) && other && !strcmp(other, endpoint))
			return false;
	}
	return true;
}

/* What version 1 has not. */
static int read_extended(struct reading *r, struct em_error *err)
{
	struct em_temscript_answer a;
	bool answered;
	int there = em_temscript_is_extended(r->t, r->end, err);

	if (there <= 0)
		return there;
	if (ask(r, "/em/v1/controls", &a, &answered, err))
		return -1;
	for (int c = 0; answered && c < EM_CONTROLS; c++) {
		const struct em_json *node = em_json_get(a.json.tree, em_control_info((enum em_control)c)->name);

		if (is_open(r, c) && node)
			take(r, (enum em_control)c, node);
	}
	if (answered)
		em_temscript_answer_release(&a);
	return 0;
}

static int read_all(struct reading *r, struct em_error *err)
{
	int endpoints = 0;
	bool more = false;

	for (int c = 0; c < EM_CONTROLS; c++)
		endpoints += is_first(r, c);
	if (endpoints >= STATE_WORTH && read_state(r, err))
		return -1;
	for (int c = 0; c < EM_CONTROLS; c++) {
		more = more || (is_open(r, c) && !em_temscript_wire((enum em_control)c)->endpoint);
		if (is_first(r, c) && read_endpoint(r, (enum em_control)c, err))
			return -1;
	}
	return more ? read_extended(r, err) : 0;
}

int em_temscript_read(struct em_temscript *t, double end, const struct em_controls *want, struct em_controls *got,
                      struct em_error *err)
{
	struct em_controls read = {0};
	struct reading r = {t, end, want, &read, {0}};
	bool any = false, some = false;

	if (read_all(&r, err))
		return -1;
	for (int c = 0; c < EM_CONTROLS; c++) {
		any = any || want->known[c];
		some = some || read.known[c];
	}
	if (any && !some)
		return em_error_set(err, r.why.kind ? r.why.kind : EM_ERROR_UNSUPPORTED, "%s",
		                    r.why.kind ? r.why.text : "temscript has no such control");
	*got = read;
	return 0;
}
