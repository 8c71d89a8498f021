/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SerialEM's commands, those that an instrument of ours can follow. */
#include "scope/serialem.h"

#include "scope/scope_parts.h"

#include <stdio.h>
#include <string.h>

#define UM 1e-6
#define DEGREE (3.14159265358979323846 / 180)
#define NORMAL_EXIT (-123456) /* how a script ends that was told to */
#define ROLLED 5              /* buffers that a new image pushes on */
#define NONE EM_CONTROLS

/* By their places in SerialEM's list of commands. */
enum command {
	CMD_EXIT = 8,
	CMD_NO_MESSAGE_BOX = 43,
	CMD_TILT_TO = 65,
	CMD_TILT_BY = 66,
	CMD_SET_STAGE_B = 67,
	CMD_VIEW = 69,
	CMD_FOCUS = 71,
	CMD_TRIAL = 73,
	CMD_RECORD = 75,
	CMD_PREVIEW = 77,
	CMD_SEARCH = 79,
	CMD_REPORT_DIRECTORY = 171,
	CMD_CHANGE_FOCUS = 199,
	CMD_SET_DEFOCUS = 200,
	CMD_SET_MAG = 212,
	CMD_SET_SPOT_SIZE = 219,
	CMD_SCREEN_UP = 224,
	CMD_SCREEN_DOWN = 225,
	CMD_REPORT_SCREEN = 226,
	CMD_REPORT_SCREEN_CURRENT = 227,
	CMD_SET_BEAM_SHIFT = 241,
	CMD_REPORT_BEAM_SHIFT = 245,
	CMD_SET_IMAGE_SHIFT = 247,
	CMD_REPORT_IMAGE_SHIFT = 249,
	CMD_MOVE_STAGE = 285,
	CMD_MOVE_STAGE_TO = 286,
	CMD_REPORT_STAGE_XYZ = 293,
	CMD_REPORT_TILT_ANGLE = 294,
	CMD_REPORT_STAGE_BUSY = 295,
	CMD_REPORT_STAGE_B = 296,
	CMD_REPORT_MAG = 297,
	CMD_REPORT_CAMERA_LENGTH = 299,
	CMD_REPORT_DEFOCUS = 300,
	CMD_REPORT_PERCENT_C2 = 303,
	CMD_REPORT_SPOT_SIZE = 308,
	CMD_ECHO = 349,
	CMD_SET_PERCENT_C2 = 396,
	CMD_REPORT_HIGH_VOLTAGE = 412,
	CMD_REPORT_VALVE = 454,
	CMD_SET_VALVE = 455,
	CMD_SET_BEAM_BLANK = 459,
};

/* ---- reports of controls ---- */

static const struct report {
	enum command command;
	enum em_control control[3];
	double unit;
	int count; /* of the numbers that SerialEM reports: those behind the controls are 0 */
} reports[] = {
    {CMD_REPORT_STAGE_XYZ, {EM_STAGE_X, EM_STAGE_Y, EM_STAGE_Z}, UM, 3},
    {CMD_REPORT_TILT_ANGLE, {EM_STAGE_A, NONE, NONE}, DEGREE, 1},
    {CMD_REPORT_STAGE_B, {EM_STAGE_B, NONE, NONE}, DEGREE, 1},
    {CMD_REPORT_CAMERA_LENGTH, {EM_CAMERA_LENGTH, NONE, NONE}, 1, 1},
    {CMD_REPORT_DEFOCUS, {EM_DEFOCUS, NONE, NONE}, UM, 1},
    {CMD_REPORT_PERCENT_C2, {EM_INTENSITY, NONE, NONE}, 0.01, 1},
    {CMD_REPORT_SPOT_SIZE, {EM_SPOT_SIZE, NONE, NONE}, 1, 1},
    {CMD_REPORT_IMAGE_SHIFT, {EM_IMAGE_SHIFT_X, EM_IMAGE_SHIFT_Y, NONE}, UM, 6},
    {CMD_REPORT_BEAM_SHIFT, {EM_BEAM_SHIFT_X, EM_BEAM_SHIFT_Y, NONE}, UM, 2},
    {CMD_REPORT_SCREEN, {EM_SCREEN_DOWN, NONE, NONE}, 1, 1},
    {CMD_REPORT_SCREEN_CURRENT, {EM_BEAM_CURRENT, NONE, NONE}, 1e-9, 1},
    {CMD_REPORT_HIGH_VOLTAGE, {EM_VOLTAGE, NONE, NONE}, 1e3, 1},
    {CMD_REPORT_VALVE, {EM_VALVES_OPEN, NONE, NONE}, 1, 1},
};

static int run_report(struct em_serialem *s, const struct report *p, struct em_serialem_reports *r,
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

static const struct setting {
	enum command command;
	enum em_control control[3];
	double unit;
	int needed; /* items; those behind them may be left out, and stay then */
	bool relative;
} settings[] = {
    {CMD_TILT_TO, {EM_STAGE_A, NONE, NONE}, DEGREE, 1, false},
    {CMD_TILT_BY, {EM_STAGE_A, NONE, NONE}, DEGREE, 1, true},
    {CMD_SET_STAGE_B, {EM_STAGE_B, NONE, NONE}, DEGREE, 1, false},
    {CMD_MOVE_STAGE, {EM_STAGE_X, EM_STAGE_Y, EM_STAGE_Z}, UM, 2, true},
    {CMD_MOVE_STAGE_TO, {EM_STAGE_X, EM_STAGE_Y, EM_STAGE_Z}, UM, 2, false},
    {CMD_CHANGE_FOCUS, {EM_DEFOCUS, NONE, NONE}, UM, 1, true},
    {CMD_SET_DEFOCUS, {EM_DEFOCUS, NONE, NONE}, UM, 1, false},
    {CMD_SET_MAG, {EM_MAGNIFICATION, NONE, NONE}, 1, 1, false},
    {CMD_SET_SPOT_SIZE, {EM_SPOT_SIZE, NONE, NONE}, 1, 1, false},
    {CMD_SET_BEAM_SHIFT, {EM_BEAM_SHIFT_X, EM_BEAM_SHIFT_Y, NONE}, UM, 2, false},
    {CMD_SET_IMAGE_SHIFT, {EM_IMAGE_SHIFT_X, EM_IMAGE_SHIFT_Y, NONE}, UM, 2, false},
    {CMD_SET_PERCENT_C2, {EM_INTENSITY, NONE, NONE}, 0.01, 1, false},
    {CMD_SET_VALVE, {EM_VALVES_OPEN, NONE, NONE}, 1, 1, false},
    {CMD_SET_BEAM_BLANK, {EM_BLANKED, NONE, NONE}, 1, 1, false},
};

static int read_setting(const struct setting *p, const struct em_serialem_items *items, struct em_controls *want,
                        struct em_error *err)
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

static int run_setting(struct em_serialem *s, const struct setting *p, const struct em_serialem_items *items,
                       struct em_serialem_reports *r, struct em_error *err)
{
	struct em_controls want = {0}, now = {0}, got;

	if (read_setting(p, items, &want, err) || (p->relative && em_scope_get(s->scope, &want, &now, err)))
		return -1;
	for (int i = 0; i < EM_CONTROLS && p->relative; i++)
		want.value[i] += now.known[i] ? now.value[i] : 0;
	if (em_scope_move(s->scope, &want, &got, err))
		return -1;
	if (p->command == CMD_SET_IMAGE_SHIFT)
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
	const struct em_exposure e = {0};
	struct em_scope_shot shot;

	if (em_scope_expose(s->scope, &e, &shot, err))
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

/* ---- all of them ---- */

static int run_other(struct em_serialem *s, int command, struct em_serialem_reports *r, struct em_error *err)
{
	switch (command) {
	case CMD_VIEW:
	case CMD_FOCUS:
	case CMD_TRIAL:
	case CMD_RECORD:
	case CMD_PREVIEW:
	case CMD_SEARCH: return capture(s, err);
	case CMD_REPORT_MAG: return report_mag(s, r, err);
	case CMD_SCREEN_UP: return set_screen(s, false, err);
	case CMD_SCREEN_DOWN: return set_screen(s, true, err);
	case CMD_REPORT_STAGE_BUSY: r->count = 1; return 0; /* 0: moves are over when they are answered */
	case CMD_REPORT_DIRECTORY:                          /* as scripts expect one; nothing is ever written there */
		r->count = 1;
		r->text = "C:\\data";
		return 0;
	case CMD_EXIT: r->error = NORMAL_EXIT; return 0;
	case CMD_NO_MESSAGE_BOX:
	case CMD_ECHO: return 0;
	default:
		return em_error_set(err, EM_ERROR_UNSUPPORTED, "command %d is none of those that are served here",
		                    command);
	}
}

static int run(struct em_serialem *s, int command, const struct em_serialem_items *items, struct em_serialem_reports *r,
               struct em_error *err)
{
	for (size_t i = 0; i < sizeof(reports) / sizeof(*reports); i++)
		if ((int)reports[i].command == command)
			return run_report(s, &reports[i], r, err);
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
		if ((int)settings[i].command == command)
			return run_setting(s, &settings[i], items, r, err);
	return run_other(s, command, r, err);
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
