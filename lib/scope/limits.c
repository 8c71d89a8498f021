/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is refused before the wire. */
#include "scope/scope_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void em_scope_limits_init(struct em_scope_limits *l)
{
	for (int c = 0; c < EM_CONTROLS; c++)
		l->lo[c] = l->hi[c] = NAN;
	l->clear_z = NAN;
}

/* ---- the file ---- */

/* "900um", of this control. */
static int parse_value(enum em_control c, const char *text, double *value, struct em_error *err)
{
	char assignment[160];
	enum em_control which;
	bool relative;
	int n = snprintf(assignment, sizeof(assignment), "%s=%s", em_control_info(c)->name, text);

	if (n < 0 || (size_t)n >= sizeof(assignment))
		return em_error_set(err, EM_ERROR_DATA, "%s: a value that long is none", em_control_info(c)->name);
	return em_control_parse(assignment, &which, value, &relative, err);
}

int em_scope_limits_add(struct em_scope_limits *l, const char *name, const char *lo_text, const char *hi_text,
                        struct em_error *err)
{
	int c = em_control_find(name, strlen(name));
	double lo, hi;

	if (c < 0)
		return em_error_set(err, EM_ERROR_USAGE, "there is no control '%.60s' to limit", name);
	if (parse_value((enum em_control)c, lo_text, &lo, err) || parse_value((enum em_control)c, hi_text, &hi, err))
		return -1;
	if (lo > hi)
		return em_error_set(err, EM_ERROR_USAGE, "%s: the lower limit comes first", name);
	/* fmax and fmin pass over NAN */
	l->lo[c] = fmax(l->lo[c], lo);
	l->hi[c] = fmin(l->hi[c], hi);
	return 0;
}

static int read_limit(struct em_scope_limits *l, const struct em_json *node, struct em_error *err)
{
	const struct em_json *lo = em_json_first(node), *hi = em_json_next(lo);

	if (!em_json_is_array(node) || em_json_size(node) != 2 || !em_json_string(lo) || !em_json_string(hi))
		return em_error_set(err, EM_ERROR_DATA, "%s: a limit is two texts, with units: [\"-1um\",\"1um\"]",
		                    em_json_name(node));
	return em_scope_limits_add(l, em_json_name(node), em_json_string(lo), em_json_string(hi), err);
}

static int read_clear(struct em_scope_limits *l, const char *text, struct em_error *err)
{
	double z;

	if (parse_value(EM_STAGE_Z, text, &z, err))
		return -1;
	l->clear_z = fmin(l->clear_z, fabs(z));
	return 0;
}

static int read_member(struct em_scope_limits *l, const struct em_json *node, struct em_error *err)
{
	if (!strcmp(em_json_name(node), "limits") && em_json_is_object(node)) {
		for (const struct em_json *n = em_json_first(node); n; n = em_json_next(n))
			if (read_limit(l, n, err))
				return -1;
		return 0;
	}
	if (!strcmp(em_json_name(node), "clear_z") && em_json_string(node))
		return read_clear(l, em_json_string(node), err);
	return em_error_set(err, EM_ERROR_DATA,
	                    "'%.60s' is not understood: there are \"limits\":{...} and \"clear_z\":\"20um\"",
	                    em_json_name(node));
}

int em_scope_limits_read(struct em_scope_limits *l, const char *path, struct em_error *err)
{
	struct em_json *root = em_json_parse_file(path, err);
	struct em_scope_limits fresh = *l;
	int status = root ? 0 : -1;

	if (root && !em_json_is_object(root))
		status = em_error_set(err, EM_ERROR_DATA, "it is no JSON object");
	for (const struct em_json *n = em_json_first(root); n && !status; n = em_json_next(n))
		status = read_member(&fresh, n, err);
	if (status && root) {
		if (err)
			err->kind = EM_ERROR_DATA;
		em_error_prefix(err, "limits '%.200s': ", path);
	}
	em_json_free(root);
	if (!status)
		*l = fresh;
	return status;
}

/* ---- the check ---- */

static int need_limits(struct em_scope *s, struct em_error *err)
{
	double lo[EM_CONTROLS], hi[EM_CONTROLS];

	if (s->has_limits)
		return 0;
	for (int c = 0; c < EM_CONTROLS; c++)
		lo[c] = hi[c] = NAN;
	if (s->driver->limits && s->driver->limits(s->self, em_scope_deadline(s, 1), lo, hi, err))
		return -1;
	memcpy(s->lo, lo, sizeof(lo));
	memcpy(s->hi, hi, sizeof(hi));
	s->has_limits = true;
	return 0;
}

static int refuse(const struct em_scope *s, enum em_control c, double value, double limit, const char *whose,
                  struct em_error *err)
{
	struct em_text t = {0};

	em_control_print_about(&t, c, value, 6);
	em_text_append(&t, " is past ");
	em_text_append(&t, whose);
	em_control_print_about(&t, c, limit, 6);
	em_error_set(err, EM_ERROR_REFUSED, "%s: %s=%s; nothing was moved", s->label, em_control_info(c)->name,
	             em_text_get(&t));
	em_text_release(&t);
	return -1;
}

/* What was rounded on its way to a limit is not past it. */
static int check_limit(const struct em_scope *s, enum em_control c, double v, double lo, double hi, const char *whose,
                       struct em_error *err)
{
	if (v < lo - 1e-9 * fabs(lo))
		return refuse(s, c, v, lo, whose, err);
	if (v > hi + 1e-9 * fabs(hi))
		return refuse(s, c, v, hi, whose, err);
	return 0;
}

/* What no instrument has; a driver would round it, or take a logarithm. */
static const char *nonsense(enum em_control c, double v)
{
	if ((c == EM_MAGNIFICATION || c == EM_CAMERA_LENGTH) && !(v > 0))
		return "is above 0";
	if (c == EM_SPOT_SIZE && !(v >= 0 && v == floor(v)))
		return "is a whole number, 0 or more";
	if (c == EM_DISPERSION && v == 0)
		return "is not 0";
	return NULL;
}

int em_scope_check(struct em_scope *s, const struct em_controls *want, struct em_error *err)
{
	const struct em_scope_limits *soft = &s->set.limits;

	if (em_scope_need_controls(s, want, err))
		return -1;
	for (int i = 0; i < EM_CONTROLS; i++) {
		enum em_control c = (enum em_control)i;
		const char *name = em_control_info(c)->name;

		if (!want->known[i])
			continue;
		if (!isfinite(want->value[i]))
			return em_error_set(err, EM_ERROR_REFUSED, "%s: %s is to be no number; nothing was moved",
			                    s->label, name);
		if (nonsense(c, want->value[i]))
			return em_error_set(err, EM_ERROR_REFUSED, "%s: %s %s, not %g; nothing was moved", s->label,
			                    name, nonsense(c, want->value[i]), want->value[i]);
		if (!s->writable.known[i])
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: %s cannot be set", s->label, name);
		if (check_limit(s, c, want->value[i], soft->lo[i], soft->hi[i], "the limit of ", err) ||
		    ((em_scope_is_axis(i) || s->set.dry_run) && need_limits(s, err)) ||
		    (s->has_limits &&
		     check_limit(s, c, want->value[i], s->lo[i], s->hi[i], "the instrument's limit of ", err)))
			return -1;
	}
	return 0;
}

int em_scope_limits(struct em_scope *s, double *lo, double *hi, struct em_error *err)
{
	em_scope_begin(s);
	if (need_limits(s, err))
		return -1;
	for (int c = 0; c < EM_CONTROLS; c++) {
		lo[c] = fmax(s->lo[c], s->set.limits.lo[c]);
		hi[c] = fmin(s->hi[c], s->set.limits.hi[c]);
	}
	return 0;
}
