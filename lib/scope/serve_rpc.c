/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON-RPC 2.0 in netstrings as a server: what reads and sets.  serve_rpc_acquire.c has pictures and spectra. */
#include "scope/serve_rpc.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define REQUEST_MAX 65536
#define STAGE_AXES 5

/* ---- controls ---- */

/* What can be read of a group. */
static int read_group(struct em_serve_rpc *s, enum em_rpc_group group, struct em_controls *got, struct em_error *err)
{
	struct em_controls want = {0};

	for (int c = 0; c < EM_CONTROLS; c++) {
		const struct em_rpc_wire *w = em_rpc_wire((enum em_control)c);

		want.known[c] = w->name && w->group == group && s->cap.readable.known[c];
	}
	*got = (struct em_controls){0};
	return em_scope_get(s->scope, &want, got, err);
}

static int no_numbers(enum em_rpc_group group, struct em_error *err)
{
	return em_error_set(err, EM_ERROR_USAGE, "%s takes an object of numbers", em_rpc_method(group)->set);
}

/* A number; null is none, and anything else would seem done. */
static int read_number(enum em_rpc_group group, const struct em_json *node, enum em_control c, struct em_controls *want,
                       struct em_error *err)
{
	double v;

	if (em_json_number(node, &v))
		em_controls_set(want, c, v * em_rpc_wire(c)->si);
	else if (em_json_string(node) || em_json_is_bool(node) || em_json_is_object(node) || em_json_is_array(node))
		return no_numbers(group, err);
	return 0;
}

static int read_params(enum em_rpc_group group, const struct em_json *values, struct em_controls *want,
                       struct em_error *err)
{
	if (!em_json_is_object(values))
		return no_numbers(group, err);
	for (int c = 0; c < EM_CONTROLS; c++) {
		const struct em_rpc_wire *w = em_rpc_wire((enum em_control)c);

		if (w->name && w->group == group &&
		    read_number(group, em_json_get(values, w->name), (enum em_control)c, want, err))
			return -1;
	}
	return 0;
}

static bool is_of_group(enum em_rpc_group group, const char *name)
{
	for (int c = 0; c < EM_CONTROLS; c++) {
		const struct em_rpc_wire *w = em_rpc_wire((enum em_control)c);

		if (w->name && w->group == group && !strcmp(w->name, name))
			return true;
	}
	return false;
}

/* An object within the parameters has no members but those of its group. */
static int read_group_params(enum em_rpc_group group, const struct em_json *values, struct em_controls *want,
                             struct em_error *err)
{
	if (read_params(group, values, want, err))
		return -1;
	for (const struct em_json *node = em_json_first(values); node; node = em_json_next(node))
		if (!is_of_group(group, em_json_name(node)))
			return em_error_set(err, EM_ERROR_USAGE, "%s has no '%.40s'", em_rpc_method(group)->set,
			                    em_json_name(node));
	return 0;
}

static int move(struct em_serve_rpc *s, const struct em_controls *want, bool relative, struct em_error *err)
{
	struct em_controls none = {0}, got;

	for (int c = 0; c < EM_CONTROLS; c++)
		if (want->known[c])
			return relative ? em_scope_move_by(s->scope, &none, want, &got, err)
			                : em_scope_move(s->scope, want, &got, err);
	return 0;
}

void em_serve_rpc_put(struct em_text *t, enum em_rpc_group group, const struct em_controls *c)
{
	em_text_append(t, "{");
	for (int i = 0; i < EM_CONTROLS; i++) {
		const struct em_rpc_wire *w = em_rpc_wire((enum em_control)i);

		if (!w->name || w->group != group || !c->known[i])
			continue;
		em_json_put_name(t, w->name);
		em_json_put_number(t, c->value[i] / w->si);
	}
	em_text_append(t, "}");
}

static void put_stage(struct em_text *t, const struct em_controls *c)
{
	double v[STAGE_AXES];

	for (int i = 0; i < STAGE_AXES; i++)
		v[i] = c->known[EM_STAGE_X + i]
		           ? c->value[EM_STAGE_X + i] / em_rpc_wire((enum em_control)(EM_STAGE_X + i))->si
		           : NAN;
	em_json_put_numbers(t, v, STAGE_AXES);
}

/* ---- the stage ---- */

static int is_ready(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	(void)params, (void)err;
	em_text_append(t, "{\"ready\":true,\"error\":null,\"sample\":");
	em_json_put_string(t, *s->cap.id ? s->cap.id : s->cap.family);
	em_text_append(t, "}");
	return 0;
}

static int get_stage(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	struct em_controls got;

	(void)params;
	if (read_group(s, EM_RPC_STAGE, &got, err))
		return -1;
	put_stage(t, &got);
	return 0;
}

/* A list has the axes in their order. */
static int read_positions(const struct em_json *node, struct em_controls *want, struct em_error *err)
{
	int c = EM_STAGE_X;

	if (!em_json_is_array(node))
		return read_group_params(EM_RPC_STAGE, node, want, err);
	if (em_json_size(node) > STAGE_AXES)
		return em_error_set(err, EM_ERROR_USAGE, "a stage has %d axes at most", STAGE_AXES);
	for (node = em_json_first(node); node; node = em_json_next(node), c++)
		if (read_number(EM_RPC_STAGE, node, (enum em_control)c, want, err))
			return -1;
	return 0;
}

static int read_relative(const struct em_json *params, bool *relative, struct em_error *err)
{
	const struct em_json *node = em_json_get(params, "relative");

	if (node && !em_json_is_bool(node))
		return em_error_set(err, EM_ERROR_USAGE, "relative is true or false");
	if (node)
		*relative = em_json_is_true(node);
	return 0;
}

static int set_stage(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	bool relative = true;
	struct em_controls want = {0}, now;

	if (read_relative(params, &relative, err) ||
	    read_positions(em_json_get(params, "stage_positions"), &want, err) || move(s, &want, relative, err) ||
	    read_group(s, EM_RPC_STAGE, &now, err))
		return -1;
	em_text_append(t, "{\"new_stage\":");
	put_stage(t, &now);
	em_text_printf(t, ",\"relative\":%s}", relative ? "true" : "false");
	return 0;
}

/* What the wire tells is the same on both sides of 0: the nearer one. */
static int get_limits(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	double lo[EM_CONTROLS], hi[EM_CONTROLS];

	(void)params;
	if (em_scope_limits(s->scope, lo, hi, err))
		return -1;
	em_text_append(t, "{");
	for (int c = EM_STAGE_X; c <= EM_STAGE_B; c++) {
		em_json_put_name(t, em_rpc_wire((enum em_control)c)->name);
		em_json_put_number(t, fmin(fabs(lo[c]), fabs(hi[c])) / em_rpc_wire((enum em_control)c)->si);
	}
	em_text_append(t, "}");
	return 0;
}

/* ---- the beam and its optics ---- */

static int get_beam(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	struct em_controls got;

	(void)params;
	if (read_group(s, EM_RPC_BEAM, &got, err))
		return -1;
	em_serve_rpc_put(t, EM_RPC_BEAM, &got);
	return 0;
}

static int set_beam(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	bool relative = false;
	struct em_controls want = {0};

	if (read_relative(params, &relative, err) ||
	    read_group_params(EM_RPC_BEAM, em_json_get(params, "beam_settings"), &want, err) ||
	    move(s, &want, relative, err))
		return -1;
	em_text_append(t, "{\"new_beam\":");
	if (get_beam(s, NULL, t, err))
		return -1;
	em_text_printf(t, ",\"relative\":%s}", relative ? "true" : "false");
	return 0;
}

static int get_diffraction(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                           struct em_error *err)
{
	struct em_controls got;

	(void)params;
	if (read_group(s, EM_RPC_DIFFRACTION, &got, err))
		return -1;
	em_serve_rpc_put(t, EM_RPC_DIFFRACTION, &got);
	return 0;
}

static int set_diffraction(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                           struct em_error *err)
{
	struct em_controls want = {0};

	if (read_params(EM_RPC_DIFFRACTION, params, &want, err) || move(s, &want, false, err))
		return -1;
	return get_diffraction(s, NULL, t, err);
}

static int put_magnification(struct em_serve_rpc *s, const struct em_serve_rpc_detector *d, struct em_text *t,
                             struct em_error *err)
{
	struct em_controls got;

	if (read_group(s, EM_RPC_MAGNIFICATION, &got, err))
		return -1;
	em_text_append(t, "{\"magnification\":");
	em_json_put_number(t, got.known[EM_MAGNIFICATION] ? got.value[EM_MAGNIFICATION] : NAN);
	em_text_append(t, ",\"field_of_view_um\":");
	em_json_put_number(t, em_serve_rpc_field(s, d) * 1e6);
	em_text_append(t, "}");
	return 0;
}

static int get_magnification(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                             struct em_error *err)
{
	const struct em_serve_rpc_detector *d = em_serve_rpc_find(s, em_json_get(params, "device"), err);

	return d ? put_magnification(s, d, t, err) : -1;
}

static int set_magnification(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t,
                             struct em_error *err)
{
	const struct em_serve_rpc_detector *d = em_serve_rpc_find(s, em_json_get(params, "device"), err);
	struct em_controls want = {0};

	if (!d || read_params(EM_RPC_MAGNIFICATION, params, &want, err) || move(s, &want, false, err))
		return -1;
	return put_magnification(s, d, t, err);
}

/* ---- modes ---- */

static int mode_of(struct em_serve_rpc *s, const char **mode, struct em_error *err)
{
	struct em_controls got;

	if (read_group(s, EM_RPC_MODE, &got, err))
		return -1;
	*mode = s->spectra ? "EELS" : got.known[EM_PROJECTION] && got.value[EM_PROJECTION] == 1 ? "DIFF" : "IMG";
	return 0;
}

static int get_mode(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	const char *mode;

	(void)params;
	if (mode_of(s, &mode, err))
		return -1;
	em_text_printf(t, "{\"mode\":\"%s\"}", mode);
	return 0;
}

/* Spectra are of whatever the beam is on: the mode is only what a client likes to read again. */
static int set_mode(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	const char *mode = em_json_string(em_json_get(params, "mode")), *now;
	struct em_controls want = {0};

	if (!mode || (strcmp(mode, "IMG") && strcmp(mode, "DIFF") && strcmp(mode, "EELS")))
		return em_error_set(err, EM_ERROR_USAGE, "mode is one of IMG, DIFF, EELS");
	s->spectra = false;
	if (strcmp(mode, "EELS")) {
		if (mode_of(s, &now, err))
			return -1;
		if (strcmp(mode, now))
			em_controls_set(&want, EM_PROJECTION, !strcmp(mode, "DIFF"));
	}
	if (move(s, &want, false, err))
		return -1;
	s->spectra = !strcmp(mode, "EELS");
	return get_mode(s, NULL, t, err);
}

/* ---- all of it ---- */

static int get_state(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err)
{
	struct em_controls all;
	const char *mode;

	if (em_scope_get(s->scope, NULL, &all, err) || mode_of(s, &mode, err))
		return -1;
	em_text_append(t, "{\"stage\":");
	em_serve_rpc_put(t, EM_RPC_STAGE, &all);
	em_text_append(t, ",\"beam\":");
	em_serve_rpc_put(t, EM_RPC_BEAM, &all);
	em_text_append(t, ",\"diffraction\":");
	em_serve_rpc_put(t, EM_RPC_DIFFRACTION, &all);
	em_text_printf(t, ",\"status\":\"Idle\",\"mode\":\"%s\",\"sample\":{\"registered\":true,\"name\":", mode);
	em_json_put_string(t, *s->cap.id ? s->cap.id : s->cap.family);
	em_text_append(t, "},\"stage_limits\":");
	if (get_limits(s, params, t, err))
		return -1;
	em_text_append(t, ",\"detectors\":");
	em_serve_rpc_put_detectors(s, t);
	em_text_append(t, "}");
	return 0;
}

/* ---- requests ---- */

static const struct method {
	const char *name;
	int (*run)(struct em_serve_rpc *s, const struct em_json *params, struct em_text *t, struct em_error *err);
	const char *params; /* that it takes: another one is a slip of the pen, and may have meant "relative" */
} methods[] = {
    {"is_ready", is_ready, ""},
    {"get_stage", get_stage, ""},
    {"set_stage", set_stage, " stage_positions relative "},
    {"get_stage_limits", get_limits, ""},
    {"get_beam", get_beam, ""},
    {"set_beam", set_beam, " beam_settings relative "},
    {"get_magnification", get_magnification, " device "},
    {"set_magnification", set_magnification, " magnification device "},
    {"get_mode", get_mode, ""},
    {"set_mode", set_mode, " mode "},
    {"get_diffraction_settings", get_diffraction, ""},
    {"set_diffraction_settings", set_diffraction, " camera_length_mm "},
    {"get_microscope_state", get_state, ""},
    {"get_detectors", em_serve_rpc_detectors, ""},
    {"device_settings", em_serve_rpc_settings, " device size exposure dwell_us magnification "},
    {"get_resolution", em_serve_rpc_get_resolution, " device "},
    {"set_resolution", em_serve_rpc_set_resolution, " resolution_px device "},
    {"acquire_image", em_serve_rpc_image, " device "},
    {"acquire_spectrum", em_serve_rpc_spectrum, " ev_min ev_max n_channels "},
};

int em_serve_rpc_set_magnification(struct em_serve_rpc *s, const struct em_json *params, struct em_error *err)
{
	struct em_controls want = {0};

	return read_params(EM_RPC_MAGNIFICATION, params, &want, err) || move(s, &want, false, err) ? -1 : 0;
}

static int check_params(const struct method *m, const struct em_json *params, struct em_error *err)
{
	char name[64];

	if (params && !em_json_is_object(params))
		return em_error_set(err, EM_ERROR_USAGE, "%s takes parameters by name", m->name);
	for (const struct em_json *p = em_json_first(params); p; p = em_json_next(p)) {
		int n = snprintf(name, sizeof(name), " %s ", em_json_name(p));

		if (n < 0 || (size_t)n >= sizeof(name) || strchr(em_json_name(p), ' ') || !strstr(m->params, name))
			return em_error_set(err, EM_ERROR_USAGE, "%s takes no parameter '%.40s'; it takes:%s", m->name,
			                    em_json_name(p), *m->params ? m->params : " none");
	}
	return 0;
}

static void put_error(struct em_text *t, int code, const struct em_error *why)
{
	em_text_printf(t, "\"error\":{\"code\":%d,\"message\":", code);
	em_json_put_string(t, why->text);
	em_text_append(t, ",\"data\":{\"kind\":");
	em_json_put_string(t, em_scope_error_name(why->kind));
	em_text_append(t, "}}");
}

static void run(struct em_serve_rpc *s, const struct em_json *request, struct em_text *t)
{
	const char *name = em_json_string(em_json_get(request, "method"));
	const struct em_json *params = em_json_get(request, "params");
	struct em_text result = {0};
	struct em_error why = {0};
	size_t i = 0, n = sizeof(methods) / sizeof(*methods);

	while (name && i < n && strcmp(methods[i].name, name))
		i++;
	if (!name || i == n) {
		em_error_set(&why, EM_ERROR_UNSUPPORTED, "there is no method '%.60s'", name ? name : "");
		put_error(t, name ? -32601 : -32600, &why);
	} else if (check_params(&methods[i], params, &why) || methods[i].run(s, params, &result, &why) ||
	           em_text_check(&result, &why)) {
		put_error(t, why.kind == EM_ERROR_USAGE ? -32602 : -32000, &why);
	} else {
		em_text_append(t, "\"result\":");
		em_text_append_bytes(t, result.s, result.len);
	}
	em_text_release(&result);
}

/* A number or a text, as it came. */
static void put_id(struct em_text *t, const struct em_json *id)
{
	double v;

	em_text_append(t, "{\"jsonrpc\":\"2.0\",\"id\":");
	if (em_json_string(id))
		em_json_put_string(t, em_json_string(id));
	else if (em_json_number(id, &v) && isfinite(v))
		em_text_printf(t, "%.17g", v);
	else
		em_text_append(t, "null");
	em_text_append(t, ",");
}

void em_serve_rpc_answer(struct em_serve_rpc *s, const char *json, size_t n, struct em_text *out)
{
	struct em_error why = {0};
	struct em_json *request = em_json_parse(json, n, &why);
	struct em_text t = {0};

	put_id(&t, em_json_get(request, "id"));
	if (request)
		run(s, request, &t);
	else
		put_error(&t, -32700, &why);
	em_text_append(&t, "}");
	em_netstring_append(out, &t);
	em_text_release(&t);
	em_json_free(request);
}

static int answer(void *ctx, const char *in, size_t n, size_t *used, struct em_text *out)
{
	size_t begin, len;
	int rc = em_netstring_parse(in, n, REQUEST_MAX, &begin, &len, NULL);

	if (rc > 0) {
		em_serve_rpc_answer(ctx, in + begin, len, out);
		*used = begin + len + 1;
	}
	return rc;
}

int em_serve_rpc(struct em_scope *scope, const struct em_serve_settings *settings, struct em_error *err)
{
	static const struct em_serve_wire wire = {.answer = answer};
	struct em_serve_rpc s;

	if (em_serve_rpc_init(&s, scope, err))
		return -1;
	return em_serve_sockets(&wire, &s, settings, err);
}

const struct em_server_kind em_server_rpc = {
    .name = "rpc",
    .purpose = "netstring JSON-RPC 2.0, for clients of digital twins",
    .port = EM_RPC_PORT,
    .run = em_serve_rpc,
};
