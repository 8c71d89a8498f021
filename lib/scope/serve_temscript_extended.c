/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Under our own prefix. */
#include "scope/serve_temscript_parts.h"

#include <stdlib.h>
#include <string.h>

static void put_names(struct em_text *t, const char *name, const struct em_controls *set)
{
	em_json_put_name(t, name);
	em_text_append(t, "[");
	for (int k = 0; k < EM_CONTROLS; k++)
		if (set->known[k]) {
			em_json_put_comma(t);
			em_json_put_string(t, em_control_info((enum em_control)k)->name);
		}
	em_text_append(t, "]");
}

static int get_capabilities(struct em_temscript_call *c)
{
	static const char *const kinds[] = {"camera", "scan", "spectrometer"};
	const struct em_capabilities *cap = &c->site->cap;
	struct em_text *t = c->out;

	em_text_append(t, "{");
	em_json_put_name(t, "family");
	em_json_put_string(t, cap->family);
	em_json_put_name(t, "id");
	em_json_put_string(t, cap->id);
	em_json_put_name(t, "version");
	em_json_put_string(t, cap->version);
	em_json_put_name(t, "can_stop");
	em_json_put_bool(t, cap->can_stop);
	put_names(t, "readable", &cap->readable);
	put_names(t, "writable", &cap->writable);
	em_json_put_name(t, "detectors");
	em_text_append(t, "{");
	for (size_t i = 0; i < cap->detectors; i++) {
		const struct em_detector *d = &cap->detector[i];

		em_json_put_name(t, d->name);
		em_text_printf(t, "{\"kind\":\"%s\",\"width\":%zu,\"height\":%zu,\"pixel_m\":%.17g,\"inserted\":%s}",
		               kinds[d->kind], d->width, d->height, d->pixel_m, d->inserted ? "true" : "false");
	}
	em_text_append(t, "}}");
	return 1;
}

static int get_controls(struct em_temscript_call *c, struct em_error *err)
{
	struct em_controls at;

	if (em_scope_get(c->site->scope, NULL, &at, err))
		return -1;
	em_temscript_put_controls(c->out, &at);
	return 1;
}

static bool read_control(const struct em_control_info *info, const struct em_json *node, double *v)
{
	const char *word = em_json_string(node);

	if (info->dimension == EM_DIMENSION_CHOICE)
		return word && (*v = em_temscript_word_find(info->choices, word)) >= 0;
	if (info->dimension == EM_DIMENSION_SWITCH) {
		*v = em_json_is_true(node);
		return em_json_is_bool(node);
	}
	return em_json_number(node, v);
}

static int put_controls(struct em_temscript_call *c, struct em_error *err)
{
	struct em_controls want = {0}, got;

	if (!em_json_is_object(c->json) || !em_json_first(c->json))
		return em_error_set(err, EM_ERROR_DATA, "an object of controls, as in {\"stage.x\":1e-6}");
	for (const struct em_json *node = em_json_first(c->json); node; node = em_json_next(node)) {
		const char *name = em_json_name(node) ? em_json_name(node) : "";
		int k = em_control_find(name, strlen(name));
		double v;

		if (k < 0 || !read_control(em_control_info((enum em_control)k), node, &v))
			return em_error_set(err, EM_ERROR_DATA, "'%.40s': no control, or no value for it", name);
		em_controls_set(&want, (enum em_control)k, v);
	}
	return em_scope_move(c->site->scope, &want, &got, err) ? -1 : 1;
}

/* A number among the options; 0 where there is none. */
static int option(const struct em_temscript_call *c, const char *name, double most, double *v, struct em_error *err)
{
	const char *s = em_serve_arg(c->q, name);
	char *end;

	*v = s ? strtod(s, &end) : 0;
	if (s && (!*s || *end || !(*v >= 0 && *v <= most)))
		return em_error_set(err, EM_ERROR_DATA, "%s=%.40s: a number up to %g", name, s, most);
	return 0;
}

static int count(const struct em_temscript_call *c, const char *name, double most, size_t *n, struct em_error *err)
{
	double v;

	if (option(c, name, most, &v, err))
		return -1;
	*n = (size_t)v;
	return v == (double)*n ? 0 : em_error_set(err, EM_ERROR_DATA, "%s=%g: a whole number", name, v);
}

static int read_exposure(const struct em_temscript_call *c, struct em_exposure *e, struct em_error *err)
{
	const char *name = em_serve_arg(c->q, "detector");

	if (!name || !em_temscript_find_detector(c->site, name, NULL))
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "there is no detector '%.40s'", name ? name : "");
	*e = (struct em_exposure){0};
	strcpy(e->detector, name);
	return count(c, "width", EM_TEMSCRIPT_SIDE_MAX, &e->width, err) ||
	               count(c, "height", EM_TEMSCRIPT_SIDE_MAX, &e->height, err) ||
	               count(c, "binning", 64, &e->binning, err) || option(c, "seconds", 3600, &e->seconds, err) ||
	               option(c, "dwell", 1, &e->dwell, err)
	           ? -1
	           : 0;
}

static void put_exact_pair(struct em_text *t, const double v[2])
{
	em_text_append(t, "[");
	em_temscript_put_exact(t, v[0]);
	em_text_append(t, ",");
	em_temscript_put_exact(t, v[1]);
	em_text_append(t, "]");
}

static void put_numbers(struct em_text *t, const struct em_acquired *a)
{
	const double numbers[] = {a->offset, a->seconds, a->dose, a->electrons};
	static const char *const names[] = {"offset", "seconds", "dose", "electrons"};

	em_json_put_name(t, "scale");
	put_exact_pair(t, a->scale);
	em_json_put_name(t, "to_stage");
	em_text_append(t, "[");
	put_exact_pair(t, a->to_stage[0]);
	em_text_append(t, ",");
	put_exact_pair(t, a->to_stage[1]);
	em_text_append(t, "]");
	for (size_t i = 0; i < 4; i++) {
		em_json_put_name(t, names[i]);
		em_temscript_put_exact(t, numbers[i]);
	}
	em_text_append(t, "}");
}

/* By its name, as a client may have several at once. */
static int get_expected(struct em_temscript_call *c, struct em_error *err)
{
	struct em_exposure e;
	struct em_acquired a;

	if (read_exposure(c, &e, err) || em_scope_expect(c->site->scope, &e, &a, err))
		return -1;
	em_text_append(c->out, "{");
	em_json_put_name(c->out, e.detector);
	em_text_append(c->out, "{");
	put_numbers(c->out, &a);
	em_text_append(c->out, "}");
	return 1;
}

static int get_acquired(struct em_temscript_call *c, struct em_error *err)
{
	struct em_exposure e;
	struct em_scope_shot shot;

	if (read_exposure(c, &e, err) || em_temscript_expose(c->site, &e, &shot, err))
		return -1;
	em_text_append(c->out, "{");
	em_json_put_name(c->out, e.detector);
	em_temscript_put_image(c->out, &shot.got.data);
	em_json_put_name(c->out, "spectrum");
	em_json_put_bool(c->out, shot.got.data.ndim == 1);
	put_numbers(c->out, &shot.got);
	em_text_append(c->out, "}");
	em_scope_shot_release(&shot);
	return 1;
}

int em_temscript_serve_extended(struct em_temscript_call *c, bool put, struct em_error *err)
{
	if (!strcmp(c->endpoint, "controls"))
		return put ? put_controls(c, err) : get_controls(c, err);
	if (put)
		return 0;
	if (!strcmp(c->endpoint, "version"))
		em_text_append(c->out, "\"1\"");
	else if (!strcmp(c->endpoint, "capabilities"))
		return get_capabilities(c);
	else if (!strcmp(c->endpoint, "acquire"))
		return get_acquired(c, err);
	else if (!strcmp(c->endpoint, "expect"))
		return get_expected(c, err);
	else
		return 0;
	return 1;
}
