/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/report.h"

#include "scope/scope_parts.h"

#include <math.h>
#include <string.h>

int em_scope_report_select(const char *name, struct em_controls *want, struct em_controls *need, struct em_error *err)
{
	size_t n = strlen(name), found = 0;

	for (int i = 0; i < EM_CONTROLS; i++) {
		const char *full = em_control_info((enum em_control)i)->name;

		if (strncmp(full, name, n) || (full[n] && full[n] != '.'))
			continue;
		want->known[i] = true;
		need->known[i] |= !full[n];
		found++;
	}
	return found ? 0 : em_error_set(err, EM_ERROR_USAGE, "there is no control '%.60s': emctl get lists them", name);
}

void em_scope_report_controls(const struct em_controls *c, bool json, struct em_text *out)
{
	if (json) {
		em_controls_put_json(out, c);
		em_text_append(out, "\n");
		return;
	}
	for (int i = 0; i < EM_CONTROLS; i++) {
		if (!c->known[i])
			continue;
		em_text_printf(out, "%s=", em_control_info((enum em_control)i)->name);
		em_control_print_about(out, (enum em_control)i, c->value[i], 9);
		em_text_append(out, "\n");
	}
}

static const char *const motion_name[] = {"rest", "moving", "not ready", "at a limiter"};

static void put_string(struct em_text *t, const char *name, const char *value)
{
	em_json_put_name(t, name);
	em_json_put_string(t, value);
}

int em_scope_report_status(struct em_scope *s, bool json, struct em_text *out, struct em_error *err)
{
	enum em_motion motion = EM_AT_REST;
	struct em_controls got = {0};

	if (em_scope_get(s, NULL, &got, err) ||
	    (s->driver->motion && s->driver->motion(s->self, em_scope_deadline(s, 1), &motion, err)))
		return -1;
	if (!json) {
		em_text_printf(out, "scope %s: %s %s %s, stage %s\n", s->name, s->cap.family, s->cap.id, s->cap.version,
		               motion == EM_AT_REST ? "at rest" : motion_name[motion]);
		em_scope_report_controls(&got, false, out);
		return 0;
	}
	em_text_append(out, "{");
	put_string(out, "scope", s->name);
	put_string(out, "family", s->cap.family);
	put_string(out, "id", s->cap.id);
	put_string(out, "version", s->cap.version);
	put_string(out, "motion", motion_name[motion]);
	em_json_put_name(out, "controls");
	em_controls_put_json(out, &got);
	em_text_append(out, "}\n");
	return 0;
}

/* ---- limits ---- */

static void put_value(struct em_text *t, enum em_control c, double v)
{
	struct em_text one = {0};

	em_control_print_about(&one, c, v, 9);
	em_json_put_string(t, em_text_get(&one));
	em_text_release(&one);
}

/* That a switch is on or off is no limit. */
static bool has_range(enum em_control c, double lo, double hi)
{
	enum em_dimension d = em_control_info(c)->dimension;

	return isfinite(lo + hi) && d != EM_DIMENSION_SWITCH && d != EM_DIMENSION_CHOICE;
}

static void put_limits_json(struct em_text *out, const double *lo, const double *hi, double clear_z)
{
	em_text_append(out, "{\"limits\":{");
	for (int i = 0; i < EM_CONTROLS; i++) {
		if (!has_range((enum em_control)i, lo[i], hi[i]))
			continue;
		em_json_put_name(out, em_control_info((enum em_control)i)->name);
		em_text_append(out, "[");
		put_value(out, (enum em_control)i, lo[i]);
		em_text_append(out, ",");
		put_value(out, (enum em_control)i, hi[i]);
		em_text_append(out, "]");
	}
	em_text_append(out, "}");
	if (isfinite(clear_z)) {
		em_json_put_name(out, "clear_z");
		put_value(out, EM_STAGE_Z, clear_z);
	}
	em_text_append(out, "}\n");
}

int em_scope_report_limits(struct em_scope *s, double clear_z, bool json, struct em_text *out, struct em_error *err)
{
	double lo[EM_CONTROLS], hi[EM_CONTROLS];

	if (em_scope_limits(s, lo, hi, err))
		return -1;
	if (json) {
		put_limits_json(out, lo, hi, clear_z);
		return 0;
	}
	for (int i = 0; i < EM_CONTROLS; i++) {
		if (!has_range((enum em_control)i, lo[i], hi[i]))
			continue;
		em_text_printf(out, "%s ", em_control_info((enum em_control)i)->name);
		em_control_print_about(out, (enum em_control)i, lo[i], 9);
		em_text_append(out, " ");
		em_control_print_about(out, (enum em_control)i, hi[i], 9);
		em_text_append(out, "\n");
	}
	return 0;
}

/* ---- what it offers ---- */

static void put_control(struct em_text *t, const struct em_capabilities *cap, int i)
{
	const struct em_control_info *info = em_control_info((enum em_control)i);

	em_json_put_comma(t);
	em_text_append(t, "{");
	put_string(t, "name", info->name);
	if (*info->unit)
		put_string(t, "unit", info->unit);
	if (info->choices)
		put_string(t, "choices", info->choices);
	em_json_put_name(t, "read");
	em_json_put_bool(t, cap->readable.known[i]);
	em_json_put_name(t, "write");
	em_json_put_bool(t, cap->writable.known[i]);
	put_string(t, "is", info->help);
	em_text_append(t, "}");
}

static void put_detector(struct em_text *t, const struct em_detector *d)
{
	static const char *const kind[] = {"camera", "scan", "spectrometer"};
	const double size[] = {(double)d->width, (double)d->height};

	em_json_put_comma(t);
	em_text_append(t, "{");
	put_string(t, "name", d->name);
	put_string(t, "kind", kind[d->kind]);
	em_json_put_name(t, "size");
	em_json_put_numbers(t, size, 2);
	em_json_put_name(t, "inserted");
	em_json_put_bool(t, d->inserted);
	if (d->pixel_m > 0) {
		em_json_put_name(t, "pixel_um");
		em_json_put_number(t, d->pixel_m * 1e6);
	}
	em_text_append(t, "}");
}

int em_scope_report_peer(struct em_scope *s, struct em_text *out, struct em_error *err)
{
	struct em_capabilities cap;

	if (em_scope_capabilities(s, &cap, err))
		return -1;
	em_text_append(out, "{");
	put_string(out, "scope", s->name);
	put_string(out, "driver", s->driver->name);
	put_string(out, "family", cap.family);
	put_string(out, "id", cap.id);
	put_string(out, "version", cap.version);
	em_json_put_name(out, "can_stop");
	em_json_put_bool(out, cap.can_stop);
	em_json_put_name(out, "controls");
	em_text_append(out, "[");
	for (int i = 0; i < EM_CONTROLS; i++)
		if (cap.readable.known[i] || cap.writable.known[i])
			put_control(out, &cap, i);
	em_text_append(out, "]");
	em_json_put_name(out, "detectors");
	em_text_append(out, "[");
	for (size_t i = 0; i < cap.detectors; i++)
		put_detector(out, &cap.detector[i]);
	em_text_append(out, "]}\n");
	return 0;
}

int em_scope_report_dose(struct em_scope *s, struct em_text *out, struct em_error *err)
{
	static const double point = 1e-12;
	struct em_controls at = {0};
	double most, field[4];

	em_scope_begin(s);
	if (em_scope_read_stage(s, &at, err))
		return -1;
	if (!at.known[EM_STAGE_X] || !at.known[EM_STAGE_Y])
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: where the stage is cannot be read", s->label);
	field[0] = at.value[EM_STAGE_X];
	field[1] = at.value[EM_STAGE_Y];
	field[2] = field[0] + point;
	field[3] = field[1] + point;
	if (em_scope_dose(s, field, &most, err))
		return -1;
	em_text_printf(out, "%.6g e/A^2\n", most * 1e-20);
	return 0;
}
