/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/serve_temscript_parts.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define BIT(control) (UINT64_C(1) << (control))
#define SPEAKS "2.1.1" /* the version of temscript that this is like */

/* ---- reading ---- */

static bool can_read(const struct em_temscript_site *site, int c)
{
	return site->cap.readable.known[c];
}

/* What can be read of them. */
static int read_of(struct em_temscript_site *site, uint64_t controls, struct em_controls *at, struct em_error *err)
{
	struct em_controls want = {0};

	*at = (struct em_controls){0};
	for (int c = 0; c < EM_CONTROLS; c++)
		want.known[c] = controls & BIT(c) && can_read(site, c);
	if (!memchr(want.known, true, sizeof(want.known)))
		return 0;
	return em_scope_get(site->scope, &want, at, err);
}

/* ---- endpoints that are not one control each ---- */

struct answer {
	struct em_temscript_site *site;
	const struct em_controls *at;
	struct em_text *t;
};

static bool is_stem(const struct em_controls *at)
{
	return at->known[EM_MODE] && at->value[EM_MODE] > 0;
}

static bool is_diffraction(const struct em_controls *at)
{
	return at->known[EM_PROJECTION] && at->value[EM_PROJECTION] > 0;
}

static int put_family(const struct answer *a, struct em_error *err)
{
	(void)err;
	em_json_put_string(a->t, a->site->cap.family);
	return 0;
}

static int put_id(const struct answer *a, struct em_error *err)
{
	(void)err;
	em_json_put_string(a->t, a->site->cap.id);
	return 0;
}

static int put_vacuum(const struct answer *a, struct em_error *err)
{
	bool open = a->at->known[EM_VALVES_OPEN] && a->at->value[EM_VALVES_OPEN] != 0;

	(void)err;
	em_text_printf(a->t, "{\"status\":\"READY\",\"column_valves_open\":%s,\"pvp_running\":false,\"gauges(Pa)\":{}}",
	               open ? "true" : "false");
	return 0;
}

static int put_holder(const struct answer *a, struct em_error *err)
{
	(void)err;
	em_json_put_string(a->t, a->site->cap.writable.known[EM_STAGE_B] ? "DOUBLE_TILT" : "SINGLE_TILT");
	return 0;
}

static int put_status(const struct answer *a, struct em_error *err)
{
	static const char *const words[] = {
	    [EM_AT_REST] = "READY", [EM_MOVING] = "MOVING", [EM_NOT_READY] = "NOT_READY", [EM_AT_LIMIT] = "READY"};
	struct em_scope *s = a->site->scope;
	enum em_motion motion;

	em_scope_begin(s);
	if (s->driver->motion(s->self, em_scope_deadline(s, 1), &motion, err))
		return -1;
	em_json_put_string(a->t, words[motion]);
	return 0;
}

static int put_limits(const struct answer *a, struct em_error *err)
{
	double lo[EM_CONTROLS], hi[EM_CONTROLS];

	if (em_scope_limits(a->site->scope, lo, hi, err))
		return -1;
	em_text_append(a->t, "{");
	for (int c = EM_STAGE_X; c <= EM_STAGE_B; c++) {
		em_json_put_name(a->t, em_temscript_wire((enum em_control)c)->member);
		em_text_append(a->t, "[");
		em_temscript_put_exact(a->t, lo[c]);
		em_text_append(a->t, ",");
		em_temscript_put_exact(a->t, hi[c]);
		em_text_append(a->t, "]");
	}
	em_text_append(a->t, "}");
	return 0;
}

static int put_magnification(const struct answer *a, struct em_error *err)
{
	(void)err;
	em_temscript_put_exact(a->t, is_diffraction(a->at) || is_stem(a->at) ? 0 : a->at->value[EM_MAGNIFICATION]);
	return 0;
}

static int put_length(const struct answer *a, struct em_error *err)
{
	(void)err;
	em_temscript_put_exact(a->t, is_diffraction(a->at) ? a->at->value[EM_CAMERA_LENGTH] : 0);
	return 0;
}

static int put_index(const struct answer *a, struct em_error *err)
{
	bool lengths = is_diffraction(a->at);
	double v = a->at->value[lengths ? EM_CAMERA_LENGTH : EM_MAGNIFICATION];

	(void)err;
	em_text_printf(a->t, "%d", v > 0 ? em_temscript_step_of(lengths, v) : 1);
	return 0;
}

static int put_stem_magnification(const struct answer *a, struct em_error *err)
{
	(void)err;
	em_temscript_put_exact(a->t, a->at->value[EM_MAGNIFICATION]);
	return 0;
}

static int put_sub_mode(const struct answer *a, struct em_error *err)
{
	double mag = a->at->value[EM_MAGNIFICATION];

	(void)err;
	em_json_put_string(a->t, is_diffraction(a->at) ? "D" : mag < 2000 ? "LM" : mag < 3e5 ? "SA" : "MH");
	return 0;
}

static int put_excitation(const struct answer *a, struct em_error *err)
{
	(void)err;
	em_temscript_put_exact(a->t, a->at->value[EM_DEFOCUS]);
	return 0;
}

static int put_illumination(const struct answer *a, struct em_error *err)
{
	(void)err;
	em_json_put_string(a->t, is_stem(a->at) ? "NANOPROBE" : "MICROPROBE");
	return 0;
}

static int put_condenser(const struct answer *a, struct em_error *err)
{
	(void)err;
	em_json_put_string(a->t, is_stem(a->at) ? "PROBE" : "PARALLEL");
	return 0;
}

static int put_stem_available(const struct answer *a, struct em_error *err)
{
	(void)err;
	em_json_put_bool(a->t, a->site->cap.writable.known[EM_MODE]);
	return 0;
}

static int put_state(const struct answer *a, struct em_error *err);

#define MODES (BIT(EM_MODE) | BIT(EM_PROJECTION))
#define SCALES (MODES | BIT(EM_MAGNIFICATION) | BIT(EM_CAMERA_LENGTH))
#define ALL UINT64_MAX

static const struct endpoint {
	const char *name;
	const char *fixed; /* always this */
	int (*put)(const struct answer *a, struct em_error *err);
	uint64_t needs;
} endpoints[] = {
    {"family", NULL, put_family, 0},
    {"microscope_id", NULL, put_id, 0},
    {"version", "\"" SPEAKS "\"", NULL, 0},
    {"vacuum", NULL, put_vacuum, BIT(EM_VALVES_OPEN)},
    {"stage_holder", NULL, put_holder, 0},
    {"stage_status", NULL, put_status, 0},
    {"stage_limits", NULL, put_limits, 0},
    {"indicated_magnification", NULL, put_magnification, SCALES},
    {"indicated_camera_length", NULL, put_length, SCALES},
    {"magnification_index", NULL, put_index, SCALES},
    {"stem_magnification", NULL, put_stem_magnification, SCALES},
    {"projection_sub_mode", NULL, put_sub_mode, SCALES},
    {"projection_mode_string", NULL, put_sub_mode, SCALES},
    {"objective_excitation", NULL, put_excitation, BIT(EM_DEFOCUS)},
    {"illumination_mode", NULL, put_illumination, MODES},
    {"condenser_mode", NULL, put_condenser, MODES},
    {"stem_available", NULL, put_stem_available, 0},
    {"condenser_stigmator", "[0.0,0.0]", NULL, 0},
    {"illuminated_area", "0.0", NULL, 0},
    {"probe_defocus", "0.0", NULL, 0},
    {"dark_field_mode", "\"OFF\"", NULL, 0},
    {"state", NULL, put_state, ALL},
    {"optics_state", NULL, put_state, ALL},
};

static const struct endpoint *find_endpoint(const char *name)
{
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++)
		if (!strcmp(endpoints[i].name, name))
			return &endpoints[i];
	return NULL;
}

/* ---- endpoints that are controls ---- */

static uint64_t controls_at(const char *endpoint)
{
	uint64_t found = 0;

	for (int c = 0; c < EM_CONTROLS; c++) {
		const char *there = em_temscript_wire((enum em_control)c)->endpoint;

		if (there && !strcmp(there, endpoint))
			found |= BIT(c);
	}
	return found;
}

static void put_control(struct em_text *t, const struct em_controls *at, int c)
{
	const struct em_temscript_wire *w = em_temscript_wire((enum em_control)c);
	size_t n = 0;

	if (w->words) {
		const char *word = em_temscript_word_at(w->words, (int)at->value[c], &n);

		em_text_printf(t, "\"%.*s\"", (int)n, word ? word : "");
	} else if (w->is_switch) {
		em_json_put_bool(t, at->value[c] != 0);
	} else if (c == EM_SPOT_SIZE) {
		em_text_printf(t, "%.0f", at->value[c]);
	} else {
		em_temscript_put_exact(t, at->value[c] / w->si);
	}
}

/* A value, a pair of them, or an object of the axes; 0: none of them can be read. */
static int put_controls(struct em_text *t, const struct em_controls *at, const char *endpoint)
{
	uint64_t controls = controls_at(endpoint);
	const struct em_temscript_wire *w = NULL;
	size_t begin = t->len;

	for (int c = 0; c < EM_CONTROLS; c++) {
		if (!(controls & BIT(c)) || !at->known[c])
			continue;
		w = em_temscript_wire((enum em_control)c);
		if (t->len == begin)
			em_text_append(t, w->member ? "{" : w->index >= 0 ? "[" : "");
		if (w->member)
			em_json_put_name(t, w->member);
		else
			em_text_append(t, w->index > 0 ? "," : "");
		put_control(t, at, c);
	}
	if (w)
		em_text_append(t, w->member ? "}" : w->index >= 0 ? "]" : "");
	return w != NULL;
}

/* ---- the state ---- */

static void cut(struct em_text *t, size_t len)
{
	t->len = len;
	if (t->s)
		t->s[len] = '\0';
}

/* Without those that cannot be read. */
static void put_member(const struct answer *a, const char *name, const char *endpoint)
{
	const struct endpoint *e = find_endpoint(endpoint);
	size_t begin = a->t->len;
	int rc = 0;

	em_json_put_name(a->t, name);
	if (e && e->fixed)
		em_text_append(a->t, e->fixed);
	else if (e)
		rc = e->put(a, NULL);
	else
		rc = put_controls(a->t, a->at, endpoint) ? 0 : -1;
	if (rc)
		cut(a->t, begin);
}

static int put_state(const struct answer *a, struct em_error *err)
{
	static const char *const members[] = {"stage_holder",
	                                      "stage_position",
	                                      "image_shift",
	                                      "beam_shift",
	                                      "beam_tilt",
	                                      "projection_sub_mode",
	                                      "projection_mode",
	                                      "projection_mode_string",
	                                      "magnification_index",
	                                      "indicated_camera_length",
	                                      "indicated_magnification",
	                                      "defocus",
	                                      "objective_excitation",
	                                      "intensity",
	                                      "condenser_stigmator",
	                                      "objective_stigmator",
	                                      "diffraction_shift",
	                                      "screen_current",
	                                      "screen_position",
	                                      "spot_size_index",
	                                      "illumination_mode",
	                                      "beam_blanked",
	                                      "stem_available",
	                                      "instrument_mode",
	                                      "condenser_mode",
	                                      "illuminated_area",
	                                      "convergence_angle",
	                                      "probe_defocus"};

	(void)err;
	em_text_append(a->t, "{");
	put_member(a, "family", "family");
	put_member(a, "microscope_id", "microscope_id");
	put_member(a, "temscript_version", "version");
	put_member(a, "voltage(kV)", "voltage");
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		put_member(a, members[i], members[i]);
	if (is_stem(a->at)) {
		put_member(a, "stem_magnification", "stem_magnification");
		put_member(a, "stem_rotation", "stem_rotation");
	}
	em_text_append(a->t, "}");
	return 0;
}

int em_temscript_serve_get(struct em_temscript_call *c, struct em_error *err)
{
	const struct endpoint *e = find_endpoint(c->endpoint);
	uint64_t needs = e ? e->needs : controls_at(c->endpoint);
	struct em_controls at;
	struct answer a = {c->site, &at, c->out};

	if (!e && !needs)
		return 0;
	if (read_of(c->site, needs, &at, err))
		return -1;
	if (e && e->fixed)
		em_text_append(c->out, e->fixed);
	else if (e)
		return e->put(&a, err) ? -1 : 1;
	else if (!put_controls(c->out, &at, c->endpoint))
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: this instrument does not tell it", c->endpoint);
	return 1;
}
