/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Controls of a microscope by name, and their values as people write them: "stage.x=12.5um stage.a=-10deg mag=50000".
 */
#ifndef EM_SCOPE_CONTROL_H
#define EM_SCOPE_CONTROL_H

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

enum em_control {
	/* stage: the place of the specimen that is on the optical axis, and tilts about the rod and across it */
	EM_STAGE_X,
	EM_STAGE_Y,
	EM_STAGE_Z,
	EM_STAGE_A,
	EM_STAGE_B, /* m, rad */
	/* optics */
	EM_MODE,       /* tem, stem */
	EM_PROJECTION, /* imaging, diffraction */
	EM_MAGNIFICATION,
	EM_CAMERA_LENGTH, /* 1, m */
	EM_DEFOCUS,       /* m; underfocus below 0 */
	EM_IMAGE_SHIFT_X,
	EM_IMAGE_SHIFT_Y, /* m */
	EM_BEAM_SHIFT_X,
	EM_BEAM_SHIFT_Y, /* m */
	EM_BEAM_TILT_X,
	EM_BEAM_TILT_Y, /* rad */
	EM_DIFFRACTION_SHIFT_X,
	EM_DIFFRACTION_SHIFT_Y, /* rad */
	EM_STIGMATOR_X,
	EM_STIGMATOR_Y, /* of the objective, -1 to 1 */
	EM_SPOT_SIZE,
	EM_INTENSITY, /* index; 0 to 1 */
	EM_CONVERGENCE,
	EM_SCAN_ROTATION, /* rad */
	EM_VOLTAGE,
	EM_BEAM_CURRENT, /* V, A; read only as a rule */
	EM_BLANKED,
	EM_SCREEN_DOWN,
	EM_VALVES_OPEN, /* off, on */
	/* spectrometer */
	EM_ENERGY_OFFSET,
	EM_DISPERSION, /* eV of channel 0, eV a channel */
	/* motor, piezo: what x and y are moved with; a piezo goes some um about where the motor stands */
	EM_STAGE_DRIVE,
	EM_CONTROLS
};

enum em_dimension {
	EM_DIMENSION_NONE,
	EM_DIMENSION_LENGTH,
	EM_DIMENSION_ANGLE,
	EM_DIMENSION_VOLTAGE,
	EM_DIMENSION_CURRENT,
	EM_DIMENSION_ENERGY, /* eV */
	EM_DIMENSION_SWITCH, /* off 0, on 1 */
	EM_DIMENSION_CHOICE, /* index into choices */
};

struct em_control_info {
	const char *name; /* "stage.x" */
	enum em_dimension dimension;
	const char *choices; /* "tem stem" */
	const char *unit;    /* as it is printed: "um", "deg"; "" for none */
	double tolerance;    /* read back within this of what was set, SI; of `mag` relative */
	const char *help;    /* one line */
};
const struct em_control_info *em_control_info(enum em_control c);
/* -1 where there is none of that name. */
int em_control_find(const char *name, size_t n);

/* Values of some controls. */
struct em_controls {
	bool known[EM_CONTROLS];
	double value[EM_CONTROLS];
};
void em_controls_set(struct em_controls *c, enum em_control which, double value);

/*
 * "stage.x=12.5um", "mag=50k", "beam.blanked=on", "mode=stem", and relative "stage.x+=1um", "stage.a-=2deg", which
 * needs the present value: *relative tells.  A number of a dimension without a unit is refused: 12.5 of what?
 * EM_ERROR_USAGE: no such control, unit or number, not finite.
 */
int em_control_parse(const char *text, enum em_control *which, double *value, bool *relative, struct em_error *err);
/* "12.5um", "-10deg", "on", "stem": such that em_control_parse gives the same double back. */
void em_control_print(struct em_text *t, enum em_control c, double value);
/* The same to so many digits, for people. */
void em_control_print_about(struct em_text *t, enum em_control c, double value, int digits);
/* EM_ERROR_REFUSED: "WHO: defocus: 1e+06nm is not between -100000nm and 100000nm".  Returns -1. */
int em_control_refuse(const char *who, enum em_control c, double value, double lo, double hi, struct em_error *err);

/* JSON for records, replies and the journal: {"stage.x_um":12.5,"stage.a_deg":-10,"mag":50000,"beam.blanked":false,
 * "mode":"stem"}, of those known. */
void em_controls_put_json(struct em_text *t, const struct em_controls *c);
/* And back, what can be understood; *c is overwritten. */
void em_controls_get_json(struct em_controls *c, const struct em_json *object);

#endif
