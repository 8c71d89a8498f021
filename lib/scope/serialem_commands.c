/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SerialEM's commands, those that an instrument of ours can follow. */
#include "scope/serialem_parts.h"

#include "scope/scope_parts.h"

#include <stdio.h>
#include <string.h>

#define UM 1e-6
#define DEGREE (3.14159265358979323846 / 180)
#define NORMAL_EXIT (-123456) /* how a script ends that was told to */
#define ROLLED 5              /* buffers that a new image pushes on */
#define BINNING_MAX 64
#define NONE EM_CONTROLS
#define REPORTS (sizeof(reports) / sizeof(*reports))
#define SETTINGS (sizeof(settings) / sizeof(*settings))

/* ---- reports of controls ---- */

static const struct em_serialem_report reports[] = {
    {EM_SEM_REPORT_STAGE_XYZ, {EM_STAGE_X, EM_STAGE_Y, EM_STAGE_Z}, UM, 3},
    {EM_SEM_REPORT_TILT_ANGLE, {EM_STAGE_A, NONE, NONE}, DEGREE, 1},
    {EM_SEM_REPORT_STAGE_B, {EM_STAGE_B, NONE, NONE}, DEGREE, 1},
    {EM_SEM_REPORT_CAMERA_LENGTH, {EM_CAMERA_LENGTH, NONE, NONE}, 1, 1},
    {EM_SEM_REPORT_DEFOCUS, {EM_DEFOCUS, NONE, NONE}, UM, 1},
    {EM_SEM_REPORT_PERCENT_C2, {EM_INTENSITY, NONE, NONE}, 0.01, 1},
    {EM_SEM_REPORT_SPOT_SIZE, {EM_SPOT_SIZE, NONE, NONE}, 1, 1},
    {EM_SEM_REPORT_IMAGE_SHIFT, {EM_IMAGE_SHIFT_X, EM_IMAGE_SHIFT_Y, NONE}, UM, 6},
    {EM_SEM_REPORT_BEAM_SHIFT, {EM_BEAM_SHIFT_X, EM_BEAM_SHIFT_Y, NONE}, UM, 2},
    {EM_SEM_REPORT_SCREEN, {EM_SCREEN_DOWN, NONE, NONE}, 1, 1},
    {EM_SEM_REPORT_SCREEN_CURRENT, {EM_BEAM_CURRENT, NONE, NONE}, 1e-9, 1},
    {EM_SEM_REPORT_HIGH_VOLTAGE, {EM_VOLTAGE, NONE, NONE}, 1e3, 1},
    {EM_SEM_REPORT_VALVE, {EM_VALVES_OPEN, NONE, NONE}, 1, 1},
};

const struct em_serialem_report *em_serialem_report_at(size_t i)
{
	return i < REPORTS ? &reports[i] : NULL;
}

static int run_report(struct em_serialem *s, const struct em_serialem_report *p, struct em_serialem_reports *r,
                      struct em_error *err)
{
	struct em_controls want = {0}, got = {0};

	for (int i = 0; i < 3 && p->control[i] != NONE; i++)
		want.known[p->control[i]] = true;
	if (em_scope_get(s->scope, &want, &got, err))
		return -1;
	for (int i = 0; i < 3 && p->control[i] != NONE; i++)
		r->number[i] = got.value[p->control[i]] / p->unit;
	r->count = p->count;
	return 0;
}

/* And is it a low magnification (nobody tells), and which mode: 0 TEM, 2 STEM. */
static int report_mag(struct em_serialem *s, struct em_serialem_reports *r, struct em_error *err)
{
	struct em_controls want = {.known = {[EM_MAGNIFICATION] = true}}, got = {0};

	want.known[EM_MODE] = s->cap.readable.known[EM_MODE];
	if (em_scope_get(s->scope, &want, &got, err))
		return -1;
	r->number[0] = got.value[EM_MAGNIFICATION];
	r->number[2] = got.known[EM_MODE] && got.value[EM_MODE] == 1 ? 2 : 0;
	r->count = 3;
	return 0;
}

/* ---- settings ---- */

static const struct em_serialem_setting settings[] = {
    {EM_SEM_TILT_TO, {EM_STAGE_A, NONE, NONE}, DEGREE, 1, false},
    {EM_SEM_TILT_BY, {EM_STAGE_A, NONE, NONE}, DEGREE, 1, true},
    {EM_SEM_SET_STAGE_B, {EM_STAGE_B, NONE, NONE}, DEGREE, 1, false},
    {EM_SEM_MOVE_STAGE, {EM_STAGE_X, EM_STAGE_Y, EM_STAGE_Z}, UM, 2, true},
    {EM_SEM_MOVE_STAGE_TO, {EM_STAGE_X, EM_STAGE_Y, EM_STAGE_Z}, UM, 2, false},
    {EM_SEM_CHANGE_FOCUS, {EM_DEFOCUS, NONE, NONE}, UM, 1, true},
    {EM_SEM_SET_DEFOCUS, {EM_DEFOCUS, NONE, NONE}, UM, 1, false},
    {EM_SEM_SET_MAG, {EM_MAGNIFICATION, NONE, NONE}, 1, 1, false},
    {EM_SEM_SET_SPOT_SIZE, {EM_SPOT_SIZE, NONE, NONE}, 1, 1, false},
    {EM_SEM_SET_BEAM_SHIFT, {EM_BEAM_SHIFT_X, EM_BEAM_SHIFT_Y, NONE}, UM, 2, false},
    {EM_SEM_SET_IMAGE_SHIFT, {EM_IMAGE_SHIFT_X, EM_IMAGE_SHIFT_Y, NONE}, UM, 2, false},
    {EM_SEM_SET_PERCENT_C2, {EM_INTENSITY, NONE, NONE}, 0.01, 1, false},
    {EM_SEM_SET_VALVE, {EM_VALVES_OPEN, NONE, NONE}, 1, 1, false},
    {EM_SEM_SET_BEAM_BLANK, {EM_BLANKED, NONE, NONE}, 1, 1, false},
};

const struct em_serialem_setting *em_serialem_setting_at(size_t i)
{
	return i < SETTINGS ? &settings[i] : NULL;
}

static int read_setting(const struct em_serialem_setting *p, const struct em_serialem_items *items,
                        struct em_controls *want, struct em_error *err)
{
	for (int i = 0; i < 3 && p->control[i] != NONE; i++) {
		bool there = i + 1 < items->count && *items->text[i + 1];

		if (!there && i < p->needed)
			return em_error_set(err, EM_ERROR_USAGE, "the command needs %d numbers", p->needed);
		if (there)
			em_controls_set(want, p->control[i], items->number[i + 1] * p->unit);
		if (there && em_control_info(p->control[i])->dimension == EM_DIMENSION_SWITCH)
			want->value[p->control[i]] = items->number[i + 1] != 0;
	}
	return 0;
}

static int run_setting(struct em_serialem *s, const struct em_serialem_setting *p,
                       const struct em_serialem_items *items, struct em_serialem_reports *r, struct em_error *err)
{
	struct em_controls want = {0}, none = {0}, got;

	if (read_setting(p, items, &want, err) || (p->relative ? em_scope_move_by(s->scope, &none, &want, &got, err)
	                                                       : em_scope_move(s->scope, &want, &got, err)))
		return -1;
	if (p->command == EM_SEM_SET_IMAGE_SHIFT)
		r->count = 1; /* 0: it was not too much */
	return 0;
}

static int set_screen(struct em_serialem *s, bool down, struct em_error *err)
{
	struct em_controls want = {0}, got;

	em_controls_set(&want, EM_SCREEN_DOWN, down);
	return em_scope_move(s->scope, &want, &got, err);
}

/* ---- pictures ---- */

static int capture(struct em_serialem *s, struct em_error *err)
{
	struct em_scope_shot shot;

	if (em_scope_expose(s->scope, &s->exposure, &shot, err))
		return -1;
	if (!shot.done)
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "a dry run takes no pictures");
	em_array_release(&s->buffer[ROLLED - 1]);
	memmove(&s->buffer[1], &s->buffer[0], (ROLLED - 1) * sizeof(s->buffer[0]));
	s->buffer[0] = shot.got.data;
	shot.got.data = (struct em_array){0};
	em_scope_shot_release(&shot);
	return 0;
}

/* "R" 0.5: of any of the kinds of pictures, which are one here. */
static int set_exposure(struct em_serialem *s, int command, const struct em_serialem_items *items, struct em_error *err)
{
	double v = items->count > 2 ? items->number[2] : 0;

	if (command == EM_SEM_SET_EXPOSURE ? !(v > 0 && v <= 3600) : !(v >= 1 && v <= BINNING_MAX))
		return em_error_set(err, EM_ERROR_USAGE, "that is no exposure and no binning");
	if (command == EM_SEM_SET_EXPOSURE)
		s->exposure.seconds = v;
	else
		s->exposure.binning = (size_t)v;
	return 0;
}

/* ---- all of them ---- */

static int run_other(struct em_serialem *s, int command, const struct em_serialem_items *items,
                     struct em_serialem_reports *r, struct em_error *err)
{
	switch (command) {
	case EM_SEM_VIEW:
	case EM_SEM_FOCUS:
	case EM_SEM_TRIAL:
	case EM_SEM_RECORD:
	case EM_SEM_PREVIEW:
	case EM_SEM_SEARCH: return capture(s, err);
	case EM_SEM_REPORT_MAG: return report_mag(s, r, err);
	case EM_SEM_SCREEN_UP: return set_screen(s, false, err);
	case EM_SEM_SCREEN_DOWN: return set_screen(s, true, err);
	case EM_SEM_REPORT_STAGE_BUSY: r->count = 1; return 0; /* 0: moves are over when they are answered */
	case EM_SEM_REPORT_DIRECTORY: /* as scripts expect one; nothing is ever written there */
		r->count = 1;
		r->text = "C:\\data";
		return 0;
	case EM_SEM_SET_EXPOSURE:
	case EM_SEM_SET_BINNING: return set_exposure(s, command, items, err);
	case EM_SEM_EXIT: r->error = NORMAL_EXIT; return 0;
	case EM_SEM_NO_MESSAGE_BOX:
	case EM_SEM_ECHO: return 0;
	default:
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "command %d is none of those that are served here",
		                    command);
	}
}

static int run(struct em_serialem *s, int command, const struct em_serialem_items *items, struct em_serialem_reports *r,
               struct em_error *err)
{
	for (size_t i = 0; i < REPORTS; i++)
		if ((int)reports[i].command == command)
			return run_report(s, &reports[i], r, err);
	for (size_t i = 0; i < SETTINGS; i++)
		if ((int)settings[i].command == command)
			return run_setting(s, &settings[i], items, r, err);
	return run_other(s, command, items, r, err);
}

void em_serialem_run(struct em_serialem *s, int command, const struct em_serialem_items *items,
                     struct em_serialem_reports *r)
{
	struct em_error why = {0};

	*r = (struct em_serialem_reports){0};
	if (!run(s, command, items, r, &why))
		return;
	snprintf(s->message, sizeof(s->message), "%s", why.text);
	*r = (struct em_serialem_reports){.count = 1, .text = s->message, .error = 1};
}
