/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An exposure as a sample of the stream. */
#include "scope/scope_parts.h"

#include "io/meta.h"
#include "scope/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double scaled(const struct em_controls *c, enum em_control which, double unit)
{
	return c->known[which] ? c->value[which] / unit + 0.0 : NAN; /* no -0 */
}

#define DEGREE (3.14159265358979323846 / 180)

static void fill_meta(const struct em_scope *s, const struct em_scope_shot *shot, struct em_meta *m)
{
	const struct em_controls *at = &shot->at;
	char name[sizeof(s->cap.family) + sizeof(s->cap.id) + 1];
	const char *stem[] = {"TEM", "STEM"};

	em_meta_init(m);
	m->x_um = scaled(at, EM_STAGE_X, 1e-6);
	m->y_um = scaled(at, EM_STAGE_Y, 1e-6);
	m->z_um = scaled(at, EM_STAGE_Z, 1e-6);
	m->a_deg = scaled(at, EM_STAGE_A, DEGREE);
	m->b_deg = scaled(at, EM_STAGE_B, DEGREE);
	snprintf(name, sizeof(name), "%s%s%s", s->cap.family, *s->cap.family && *s->cap.id ? " " : "", s->cap.id);
	em_meta_set_text(m->instrument, name);
	if (at->known[EM_MODE])
		em_meta_set_text(m->mode, shot->pattern ? "diffraction" : stem[at->value[EM_MODE] != 0]);
	m->beam_kev = scaled(at, EM_VOLTAGE, 1e3);
	m->magnification = shot->pattern ? NAN : scaled(at, EM_MAGNIFICATION, 1);
	m->camera_length_mm = shot->pattern ? scaled(at, EM_CAMERA_LENGTH, 1e-3) : NAN;
	m->defocus_nm = scaled(at, EM_DEFOCUS, 1e-9);
	m->beam_current_na = scaled(at, EM_BEAM_CURRENT, 1e-9);
	m->convergence_mrad = scaled(at, EM_CONVERGENCE, 1e-3);
	em_clock_stamp(m->date, sizeof(m->date));
	em_meta_set_text(m->detector, shot->detector->name);
	if (shot->exposure.dwell > 0)
		m->dwell_s = shot->exposure.dwell;
	if (shot->exposure.seconds > 0)
		m->exposure_s = shot->exposure.seconds;
	else if (shot->got.seconds > 0)
		m->exposure_s = shot->got.seconds;
}

/* nm, 1/nm and eV, where the instrument tells. */
static void set_axes(struct em_scope_shot *shot)
{
	struct em_acquired *a = &shot->got;
	struct em_array *data = &a->data;
	double unit = shot->pattern ? 1e9 : 1e-9;
	const char *units = shot->pattern ? "1/nm" : "nm";

	if (data->ndim == 1) {
		bool known = isfinite(a->scale[1]) && isfinite(a->offset);

		em_axis_set(&data->axis[0], "energy", known ? a->scale[1] : 1, known ? a->offset : 0,
		            known ? "eV" : "");
		return;
	}
	for (int k = 0; k < 2; k++) {
		const char *name = k ? "x" : "y";
		double scale = a->scale[k] / unit;
		/* of a pattern the undiffracted beam, where it is not shifted, is in the middle */
		double offset = shot->pattern ? -scale * 0.5 * (double)(data->shape[k] - 1) : 0;

		if (isfinite(scale) && scale > 0)
			em_axis_set(&data->axis[k], name, scale, offset, units);
		else
			em_axis_set(&data->axis[k], name, 1, 0, "");
	}
}

static int put_to_stage(struct em_record *r, const struct em_scope_shot *shot, struct em_error *err)
{
	const double(*m)[2] = shot->got.to_stage;
	const struct em_array *data = &shot->got.data;
	struct em_text t = {0};
	int status;

	if (data->ndim != 2 || shot->pattern || !isfinite(m[0][0] + m[0][1] + m[1][0] + m[1][1]) ||
	    !shot->at.known[EM_STAGE_X] || !shot->at.known[EM_STAGE_Y])
		return 0;
	em_text_append(&t, "{\"um_per_px\":[");
	for (int k = 0; k < 2; k++) {
		double row[2] = {m[k][0] * 1e6, m[k][1] * 1e6};

		em_json_put_comma(&t);
		em_json_put_numbers(&t, row, 2);
	}
	em_text_append(&t, "],\"centre_px\":");
	double centre[2] = {0.5 * (double)(data->shape[1] - 1), 0.5 * (double)(data->shape[0] - 1)};
	em_json_put_numbers(&t, centre, 2);
	em_text_append(&t, "}");
	status = em_record_set_text(r, "to_stage", &t, err);
	em_text_release(&t);
	return status;
}

static int put_dose(struct em_record *r, const struct em_scope_shot *shot, struct em_error *err)
{
	struct em_text t = {0};
	int status;

	if (!isfinite(shot->dose))
		return 0;
	em_text_append(&t, "{");
	em_json_put_name(&t, "e_per_A2");
	em_json_put_number(&t, shot->dose * 1e-20);
	if (isfinite(shot->place)) {
		em_json_put_name(&t, "place_e_per_A2");
		em_json_put_number(&t, shot->place * 1e-20);
	}
	if (isfinite(shot->got.electrons)) {
		em_json_put_name(&t, "counts_per_electron");
		em_json_put_number(&t, shot->got.electrons);
	}
	em_text_append(&t, "}");
	status = em_record_set_text(r, "dose", &t, err);
	em_text_release(&t);
	return status;
}

/* Everything that could be read, as the instrument was set. */
static int put_controls(struct em_record *r, const struct em_scope *s, const struct em_scope_shot *shot,
                        struct em_error *err)
{
	struct em_text t = {0};
	int status;

	em_text_append(&t, "{");
	em_json_put_name(&t, "url");
	em_json_put_string(&t, s->name);
	em_json_put_name(&t, "controls");
	em_controls_put_json(&t, &shot->at);
	em_text_append(&t, "}");
	status = em_record_set_text(r, "scope", &t, err);
	em_text_release(&t);
	return status;
}

static int make_sample(const struct em_scope *s, struct em_scope_shot *shot, const char *key, struct em_sample *sample,
                       struct em_error *err)
{
	struct em_record *r = &sample->record;
	struct em_meta meta;

	fill_meta(s, shot, &meta);
	set_axes(shot);
	return em_record_set(r, "em", "1", err) || em_sample_set_key(sample, key, err) || em_meta_put(&meta, r, err) ||
	               put_to_stage(r, shot, err) || put_dose(r, shot, err) || put_controls(r, s, shot, err) ||
	               em_sample_take_data(sample, &shot->got.data, err)
	           ? -1
	           : 0;
}

int em_scope_acquire(struct em_scope *s, const struct em_exposure *e, const char *key, struct em_sample *sample,
                     struct em_error *err)
{
	struct em_sample fresh = {0};
	struct em_scope_shot shot;
	int status = 0;

	if (em_key_check(key, err) || em_scope_expose(s, e, &shot, err))
		return -1;
	if (shot.done)
		status = make_sample(s, &shot, key, &fresh, err);
	em_scope_shot_release(&shot);
	if (status)
		em_sample_release(&fresh);
	else
		*sample = fresh;
	return status;
}
