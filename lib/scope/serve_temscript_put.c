/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/serve_temscript_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int no_value(const struct em_temscript_call *c, struct em_error *err)
{
	return em_error_set(err, EM_ERROR_DATA, "%s: not a value for it", c->endpoint);
}

/* Moves, and is there. */
static int move(struct em_temscript_call *c, const struct em_controls *want, struct em_error *err)
{
	struct em_controls got;

	return em_scope_move(c->site->scope, want, &got, err) ? -1 : 1;
}

static int move_one(struct em_temscript_call *c, enum em_control which, double value, struct em_error *err)
{
	struct em_controls want = {0};

	em_controls_set(&want, which, value);
	return move(c, &want, err);
}

/* ---- values ---- */

/* A word, or the number that stands for it there. */
static bool read_word(const struct em_temscript_wire *w, const struct em_json *json, double *v)
{
	const char *word = em_json_string(json);

	if (word) {
		*v = em_temscript_word_find(w->words, word);
		return *v >= 0;
	}
	if (!em_json_number(json, v))
		return false;
	*v -= w->first;
	return *v == floor(*v) && *v >= 0 && *v < 16 && em_temscript_word_at(w->words, (int)*v, NULL);
}

/* What Python takes for true. */
static bool read_switch(const struct em_json *json, double *v)
{
	if (em_json_is_bool(json))
		*v = em_json_is_true(json);
	else if (em_json_number(json, v))
		*v = *v != 0;
	else
		return false;
	return true;
}

static bool read_value(const struct em_temscript_wire *w, const struct em_json *json, double *v)
{
	if (w->words)
		return read_word(w, json, v);
	if (w->is_switch)
		return read_switch(json, v);
	if (!em_json_number(json, v))
		return false;
	*v *= w->si;
	return true;
}

/* ---- endpoints ---- */

static int put_stage(struct em_temscript_call *c, struct em_error *err)
{
	const char *method = em_serve_arg(c->q, "method"), *speed = em_serve_arg(c->q, "speed");
	struct em_controls want = {0};
	double v;
	char *end;

	if (method && *method && strcmp(method, "GO") && strcmp(method, "MOVE"))
		return em_error_set(err, EM_ERROR_DATA, "Unknown movement method");
	if (speed && (!(strtod(speed, &end) > 0) || *end))
		return em_error_set(err, EM_ERROR_DATA, "speed=%.20s: above 0", speed);
	if (!em_json_is_object(c->json))
		return no_value(c, err);
	for (int k = EM_STAGE_X; k <= EM_STAGE_B; k++) {
		const struct em_json *node = em_json_get(c->json, em_temscript_wire((enum em_control)k)->member);

		if (node && !em_json_number(node, &v))
			return no_value(c, err);
		if (node)
			em_controls_set(&want, (enum em_control)k, v);
	}
	return memchr(want.known, true, sizeof(want.known)) ? move(c, &want, err) : 1;
}

static int put_index(struct em_temscript_call *c, struct em_error *err)
{
	struct em_controls want = {.known[EM_PROJECTION] = true}, at;
	bool lengths = false;
	double place, v;

	if (!em_json_number(c->json, &place))
		return no_value(c, err);
	if (c->site->cap.readable.known[EM_PROJECTION]) {
		if (em_scope_get(c->site->scope, &want, &at, err))
			return -1;
		lengths = at.value[EM_PROJECTION] > 0;
	}
	v = em_temscript_step_at(lengths, place);
	if (!(v > 0))
		return em_error_set(err, EM_ERROR_REFUSED, "E_OUT_OF_RANGE: magnification_index %g", place);
	return move_one(c, lengths ? EM_CAMERA_LENGTH : EM_MAGNIFICATION, v, err);
}

static int put_stem_magnification(struct em_temscript_call *c, struct em_error *err)
{
	double v;

	return em_json_number(c->json, &v) ? move_one(c, EM_MAGNIFICATION, v, err) : no_value(c, err);
}

static int put_normalize(struct em_temscript_call *c, struct em_error *err)
{
	static const char modes[] = "SPOTSIZE INTENSITY CONDENSER MINI_CONDENSER OBJECTIVE PROJECTOR "
	                            "OBJECTIVE_CONDENSER OBJECTIVE_PROJECTOR ALL";
	const char *mode = em_json_string(c->json);

	return mode && em_temscript_word_find(modes, mode) >= 0 ? 1 : no_value(c, err);
}

/* What cannot be set may be set to what it is. */
static int put_fixed(struct em_temscript_call *c, struct em_error *err)
{
	struct em_text there = {0};
	struct em_temscript_call get = {.site = c->site, .q = c->q, .endpoint = c->endpoint, .out = &there};
	struct em_json *now = NULL;
	const char *word, *is;
	double v[2], w[2];
	bool same = false;

	if (em_temscript_serve_get(&get, err) == 1)
		now = em_json_parse(em_text_get(&there), there.len, err);
	em_text_release(&there);
	if (!now)
		return -1;
	word = em_json_string(c->json);
	is = em_json_string(now);
	if (word && is)
		same = !strcmp(word, is);
	else if (em_json_number(c->json, &v[0]) && em_json_number(now, &w[0]))
		same = v[0] == w[0];
	else if (em_json_numbers(c->json, v, 2) == 2 && em_json_numbers(now, w, 2) == 2)
		same = v[0] == w[0] && v[1] == w[1];
	em_json_free(now);
	return same ? 1 : em_error_set(err, EM_ERROR_UNSUPPORTED, "%s cannot be changed here", c->endpoint);
}

static const struct {
	const char *name;
	int (*put)(struct em_temscript_call *c, struct em_error *err);
} endpoints[] = {
    {"stage_position", put_stage}, {"magnification_index", put_index}, {"stem_magnification", put_stem_magnification},
    {"normalize", put_normalize},  {"condenser_stigmator", put_fixed}, {"illuminated_area", put_fixed},
    {"probe_defocus", put_fixed},  {"dark_field_mode", put_fixed},     {"illumination_mode", put_fixed},
    {"condenser_mode", put_fixed},
};

/* A value, or a pair of them. */
static int put_controls(struct em_temscript_call *c, struct em_error *err)
{
	struct em_controls want = {0};
	double pair[2], v;
	int found = 0;

	for (int k = 0; k < EM_CONTROLS; k++) {
		const struct em_temscript_wire *w = em_temscript_wire((enum em_control)k);

		if (!w->endpoint || strcmp(w->endpoint, c->endpoint) || !w->writable ||
		    !strncmp(c->endpoint, "indic", 5))
			continue;
		found++;
		if (w->index >= 0 ? em_json_size(c->json) != 2 || em_json_numbers(c->json, pair, 2) != 2
		                  : !read_value(w, c->json, &v))
			return no_value(c, err);
		em_controls_set(&want, (enum em_control)k, w->index >= 0 ? pair[w->index] * w->si : v);
	}
	return found ? move(c, &want, err) : 0;
}

int em_temscript_serve_put(struct em_temscript_call *c, struct em_error *err)
{
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++)
		if (!strcmp(endpoints[i].name, c->endpoint))
			return endpoints[i].put(c, err);
	return put_controls(c, err);
}
