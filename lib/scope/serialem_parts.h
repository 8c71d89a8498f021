/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside lib/scope: SerialEM's commands, as the server and the client have them. */
#ifndef EM_SCOPE_SERIALEM_PARTS_H
#define EM_SCOPE_SERIALEM_PARTS_H

#include "scope/control.h"
#include "scope/serialem.h"

#include <stdbool.h>

/* By their places in SerialEM's list of commands. */
enum em_serialem_command {
	EM_SEM_EXIT = 8,
	EM_SEM_NO_MESSAGE_BOX = 43,
	EM_SEM_TILT_TO = 65,
	EM_SEM_TILT_BY = 66,
	EM_SEM_SET_STAGE_B = 67,
	EM_SEM_VIEW = 69,
	EM_SEM_FOCUS = 71,
	EM_SEM_TRIAL = 73,
	EM_SEM_RECORD = 75,
	EM_SEM_PREVIEW = 77,
	EM_SEM_SEARCH = 79,
	EM_SEM_REPORT_DIRECTORY = 171,
	EM_SEM_CHANGE_FOCUS = 199,
	EM_SEM_SET_DEFOCUS = 200,
	EM_SEM_SET_MAG = 212,
	EM_SEM_SET_SPOT_SIZE = 219,
	EM_SEM_SCREEN_UP = 224,
	EM_SEM_SCREEN_DOWN = 225,
	EM_SEM_REPORT_SCREEN = 226,
	EM_SEM_REPORT_SCREEN_CURRENT = 227,
	EM_SEM_SET_BEAM_SHIFT = 241,
	EM_SEM_REPORT_BEAM_SHIFT = 245,
	EM_SEM_SET_IMAGE_SHIFT = 247,
	EM_SEM_REPORT_IMAGE_SHIFT = 249,
	EM_SEM_MOVE_STAGE = 285,
	EM_SEM_MOVE_STAGE_TO = 286,
	EM_SEM_REPORT_STAGE_XYZ = 293,
	EM_SEM_REPORT_TILT_ANGLE = 294,
	EM_SEM_REPORT_STAGE_BUSY = 295,
	EM_SEM_REPORT_STAGE_B = 296,
	EM_SEM_REPORT_MAG = 297,
	EM_SEM_REPORT_CAMERA_LENGTH = 299,
	EM_SEM_REPORT_DEFOCUS = 300,
	EM_SEM_REPORT_PERCENT_C2 = 303,
	EM_SEM_REPORT_SPOT_SIZE = 308,
	EM_SEM_ECHO = 349,
	EM_SEM_SET_PERCENT_C2 = 396,
	EM_SEM_REPORT_HIGH_VOLTAGE = 412,
	EM_SEM_SET_EXPOSURE = 419,
	EM_SEM_SET_BINNING = 420,
	EM_SEM_REPORT_VALVE = 454,
	EM_SEM_SET_VALVE = 455,
	EM_SEM_SET_BEAM_BLANK = 459,
};

/* A command that reports controls: numbers in this unit.  EM_CONTROLS: no more of them. */
struct em_serialem_report {
	enum em_serialem_command command;
	enum em_control control[3];
	double unit;
	int count; /* of the numbers that SerialEM reports: those behind the controls are 0 */
};
const struct em_serialem_report *em_serialem_report_at(size_t i); /* NULL past the last */

/* A command that sets controls. */
struct em_serialem_setting {
	enum em_serialem_command command;
	enum em_control control[3];
	double unit;
	int needed; /* items; those behind them may be left out, and stay then */
	bool relative;
};
const struct em_serialem_setting *em_serialem_setting_at(size_t i);

/* Numbers of the wire. */
int32_t em_serialem_get_long(const char *p);
void em_serialem_put_long(struct em_text *t, int32_t v);
void em_serialem_put_double(struct em_text *t, double v);

enum em_serialem_mode { EM_MRC_BYTE = 0, EM_MRC_SHORT = 1, EM_MRC_FLOAT = 2, EM_MRC_USHORT = 6 };

#endif
