/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/control.h"

#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct em_control_info table[EM_CONTROLS] = {
    [EM_STAGE_X] = {"stage.x", EM_DIMENSION_LENGTH, NULL, "um", 200e-9, "specimen under the beam, along the rod"},
    [EM_STAGE_Y] = {"stage.y", EM_DIMENSION_LENGTH, NULL, "um", 200e-9, "across the rod"},
    [EM_STAGE_Z] = {"stage.z", EM_DIMENSION_LENGTH, NULL, "um", 500e-9, "height"},
    [EM_STAGE_A] = {"stage.a", EM_DIMENSION_ANGLE, NULL, "deg", 1e-3, "tilt about the rod"},
    [EM_STAGE_B] = {"stage.b", EM_DIMENSION_ANGLE, NULL, "deg", 3e-3, "tilt across it, within the holder"},
    [EM_MODE] = {"mode", EM_DIMENSION_CHOICE, "tem stem", "", 0, "broad beam or scanned probe"},
    [EM_PROJECTION] = {"projection", EM_DIMENSION_CHOICE, "imaging diffraction", "", 0, "what the camera sees"},
    [EM_MAGNIFICATION] = {"mag", EM_DIMENSION_NONE, NULL, "", 0.02, "magnification"},
    [EM_CAMERA_LENGTH] = {"camera_length", EM_DIMENSION_LENGTH, NULL, "mm", 1e-3, "in diffraction"},
    [EM_DEFOCUS] = {"defocus", EM_DIMENSION_LENGTH, NULL, "nm", 1e-9, "below 0: underfocus"},
    [EM_IMAGE_SHIFT_X] = {"image_shift.x", EM_DIMENSION_LENGTH, NULL, "nm", 1e-9, "image against the camera"},
    [EM_IMAGE_SHIFT_Y] = {"image_shift.y", EM_DIMENSION_LENGTH, NULL, "nm", 1e-9, "image against the camera"},
    [EM_BEAM_SHIFT_X] = {"beam_shift.x", EM_DIMENSION_LENGTH, NULL, "nm", 1e-9, "beam against the specimen"},
    [EM_BEAM_SHIFT_Y] = {"beam_shift.y", EM_DIMENSION_LENGTH, NULL, "nm", 1e-9, "beam against the specimen"},
    [EM_BEAM_TILT_X] = {"beam_tilt.x", EM_DIMENSION_ANGLE, NULL, "mrad", 1e-6, "of the incident beam"},
    [EM_BEAM_TILT_Y] = {"beam_tilt.y", EM_DIMENSION_ANGLE, NULL, "mrad", 1e-6, "of the incident beam"},
    [EM_DIFFRACTION_SHIFT_X] = {"diffraction_shift.x", EM_DIMENSION_ANGLE, NULL, "mrad", 1e-6, "of the pattern"},
    [EM_DIFFRACTION_SHIFT_Y] = {"diffraction_shift.y", EM_DIMENSION_ANGLE, NULL, "mrad", 1e-6, "of the pattern"},
    [EM_STIGMATOR_X] = {"stigmator.x", EM_DIMENSION_NONE, NULL, "", 1e-4, "of the objective, -1 to 1"},
    [EM_STIGMATOR_Y] = {"stigmator.y", EM_DIMENSION_NONE, NULL, "", 1e-4, "of the objective, -1 to 1"},
    [EM_SPOT_SIZE] = {"spot", EM_DIMENSION_NONE, NULL, "", 0, "index of the spot size"},
    [EM_INTENSITY] = {"intensity", EM_DIMENSION_NONE, NULL, "", 1e-4, "of the condensers, 0 to 1"},
    [EM_CONVERGENCE] = {"convergence", EM_DIMENSION_ANGLE, NULL, "mrad", 1e-5, "half angle of the probe"},
    [EM_SCAN_ROTATION] = {"scan.rotation", EM_DIMENSION_ANGLE, NULL, "deg", 2e-3, "of the scan on the specimen"},
    [EM_VOLTAGE] = {"voltage", EM_DIMENSION_VOLTAGE, NULL, "kV", 1, "that accelerates the beam"},
    [EM_BEAM_CURRENT] = {"beam.current", EM_DIMENSION_CURRENT, NULL, "pA", 1e-12, "on the specimen"},
    [EM_BLANKED] = {"beam.blanked", EM_DIMENSION_SWITCH, NULL, "", 0, "no beam on the specimen"},
    [EM_SCREEN_DOWN] = {"screen.down", EM_DIMENSION_SWITCH, NULL, "", 0, "the screen stands before the camera"},
    [EM_VALVES_OPEN] = {"valves.open", EM_DIMENSION_SWITCH, NULL, "", 0, "of the column"},
    [EM_ENERGY_OFFSET] = {"energy.offset", EM_DIMENSION_ENERGY, NULL, "eV", 0.01, "of the spectrometer's channel 0"},
    [EM_DISPERSION] = {"energy.dispersion", EM_DIMENSION_ENERGY, NULL, "eV", 1e-6, "a channel"},
    [EM_STAGE_DRIVE] = {"stage.drive", EM_DIMENSION_CHOICE, "motor piezo", "", 0, "what moves the stage in x and y"},
};

/* ---- units ---- */

struct unit {
	const char *name;
	enum em_dimension dimension;
	double si;
};

#define DEGREE (3.14159265358979323846 / 180)

/* Lengths are base/units.h's. */
static const struct unit units[] = {
    {"deg", EM_DIMENSION_ANGLE, DEGREE}, {"\u00b0", EM_DIMENSION_ANGLE, DEGREE},
    {"rad", EM_DIMENSION_ANGLE, 1},      {"mrad", EM_DIMENSION_ANGLE, 1e-3},
    {"urad", EM_DIMENSION_ANGLE, 1e-6},  {"V", EM_DIMENSION_VOLTAGE, 1},
    {"kV", EM_DIMENSION_VOLTAGE, 1e3},   {"A", EM_DIMENSION_CURRENT, 1},
    {"uA", EM_DIMENSION_CURRENT, 1e-6},  {"nA", EM_DIMENSION_CURRENT, 1e-9},
    {"pA", EM_DIMENSION_CURRENT, 1e-12}, {"eV", EM_DIMENSION_ENERGY, 1},
    {"keV", EM_DIMENSION_ENERGY, 1e3},   {"meV", EM_DIMENSION_ENERGY, 1e-3},
    {"k", EM_DIMENSION_NONE, 1e3},       {"kx", EM_DIMENSION_NONE, 1e3},
    {"x", EM_DIMENSION_NONE, 1},         {"M", EM_DIMENSION_NONE, 1e6},
};

static bool unit_of(enum em_dimension d, const char *name, double *si)
{
	if (d == EM_DIMENSION_NONE && !*name) {
		*si = 1;
		return true;
	}
	if (d == EM_DIMENSION_LENGTH)
		return em_units_length_in_m(name, si) == 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (units[i].dimension == d && !strcmp(units[i].name, name)) {
			*si = units[i].si;
			return true;
		}
	return false;
}

/* ---- names ---- */

const struct em_control_info *em_control_info(enum em_control c)
{
	return &table[c];
}

int em_control_find(const char *name, size_t n)
{
	for (int i = 0; i < EM_CONTROLS; i++)
		if (strlen(table[i].name) == n && !strncmp(table[i].name, name, n))
			return i;
	return -1;
}

void em_controls_set(struct em_controls *c, enum em_control which, double value)
{
	c->known[which] = true;
	c->value[which] = value;
}

/* ---- values as text ---- */

/* The word's place among the choices, -1 for none. */
static int choice_of(const char *choices, const char *word)
{
	size_t n = strlen(word);
	int i = 0;

	for (const char *at = choices; *at; i++) {
		size_t len = strcspn(at, " ");

		if (len == n && !strncmp(at, word, n))
			return i;
		at += len + (at[len] ? 1 : 0);
	}
	return -1;
}

static int parse_word(const struct em_control_info *info, const char *text, double *value, struct em_error *err)
{
	static const char switches[] = "off on no yes false true 0 1";
	int i = choice_of(info->dimension == EM_DIMENSION_SWITCH ? switches : info->choices, text);

	if (i < 0)
		return em_error_set(err, EM_ERROR_USAGE, "%s=%.60s: it is one of: %s", info->name, text,
		                    info->dimension == EM_DIMENSION_SWITCH ? "off on" : info->choices);
	*value = info->dimension == EM_DIMENSION_SWITCH ? i % 2 : i;
	return 0;
}

static int parse_number(const struct em_control_info *info, const char *text, double *value, struct em_error *err)
{
	char *end;
	double v = strtod(text, &end), si;

	/* hexadecimal is a slip of the pen: 0x10um is not 16 um */
	if (end == text || !isfinite(v) || strcspn(text, "xX") < (size_t)(end - text))
		return em_error_set(err, EM_ERROR_USAGE, "%s=%.60s: it is a number", info->name, text);
	if (*end == ',')
		return em_error_set(err, EM_ERROR_USAGE,
		                    "%s=%.60s: a decimal point is a point, and nothing stands between thousands",
		                    info->name, text);
	end += strspn(end, " ");
	if (v == 0 && !*end)
		si = 1; /* the same in all units */
	else if (!unit_of(info->dimension, end, &si))
		return em_error_set(err, EM_ERROR_USAGE,
		                    *end ? "%s=%.60s: there is no such unit for it: write %g%s"
		                         : "%s=%.60s: of what? write %g%s",
		                    info->name, text, v, info->unit);
	if (!isfinite(v * si))
		return em_error_set(err, EM_ERROR_USAGE, "%s=%.60s: so great is nothing", info->name, text);
	*value = v * si;
	return 0;
}

int em_control_parse(const char *text, enum em_control *which, double *value, bool *relative, struct em_error *err)
{
	size_t n = strcspn(text, "=");
	bool sum = n > 0 && text[n] && (text[n - 1] == '+' || text[n - 1] == '-');
	const struct em_control_info *info;
	double v = 0;
	int c;

	if (!text[n])
		return em_error_set(err, EM_ERROR_USAGE, "'%.60s': write CONTROL=VALUE, as in stage.x=12.5um", text);
	c = em_control_find(text, sum ? n - 1 : n);
	if (c < 0)
		return em_error_set(err, EM_ERROR_USAGE, "there is no control '%.*s': emctl get lists them",
		                    (int)(n < 60 ? n : 60), text);
	info = &table[c];
	if (info->dimension == EM_DIMENSION_SWITCH || info->dimension == EM_DIMENSION_CHOICE) {
		if (sum)
			return em_error_set(err, EM_ERROR_USAGE, "%s: it cannot be changed by an amount", info->name);
		if (parse_word(info, text + n + 1, &v, err))
			return -1;
	} else if (parse_number(info, text + n + 1, &v, err)) {
		return -1;
	}
	*which = (enum em_control)c;
	*value = sum && text[n - 1] == '-' ? -v : v;
	*relative = sum;
	return 0;
}

/* The shortest digits that parse_number turns into this double again; false where there are none in this unit. */
static bool find_digits(double value, double si, char digits[40])
{
	for (int precision = 6; precision <= 17; precision++) {
		snprintf(digits, 40, "%.*g", precision, value / si);
		if (strtod(digits, NULL) * si == value)
			return true;
	}
	return false;
}

/* The unit of the dimension that is 1, in which there are digits for every number. */
static const char *plain_unit(enum em_dimension d)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (units[i].dimension == d && units[i].si == 1)
			return units[i].name;
	return d == EM_DIMENSION_LENGTH ? "m" : "";
}

/* Not every double is a number of micrometres. */
static void print_number(struct em_text *t, const struct em_control_info *info, double value, double si)
{
	const char *unit = info->unit;
	char digits[40];

	if (!find_digits(value, si, digits) && isfinite(value)) {
		find_digits(value, 1, digits);
		unit = plain_unit(info->dimension);
	}
	em_text_append(t, digits);
	em_text_append(t, unit);
}

static void print_choice(struct em_text *t, const char *choices, double value)
{
	int left = (int)value;

	while (left-- > 0 && strchr(choices, ' '))
		choices = strchr(choices, ' ') + 1;
	em_text_append_bytes(t, choices, strcspn(choices, " "));
}

static void print(struct em_text *t, enum em_control c, double value, int digits)
{
	const struct em_control_info *info = &table[c];
	double si = 1;

	if (info->dimension == EM_DIMENSION_CHOICE) {
		print_choice(t, info->choices, value);
	} else if (info->dimension == EM_DIMENSION_SWITCH) {
		em_text_append(t, value != 0 ? "on" : "off");
	} else {
		unit_of(info->dimension, info->unit, &si);
		if (digits)
			em_text_printf(t, "%.*g%s", digits, value / si + 0.0, info->unit); /* no -0 */
		else
			print_number(t, info, value, si);
	}
}

void em_control_print(struct em_text *t, enum em_control c, double value)
{
	print(t, c, value, 0);
}

void em_control_print_about(struct em_text *t, enum em_control c, double value, int digits)
{
	print(t, c, value, digits);
}

int em_control_refuse(const char *who, enum em_control c, double value, double lo, double hi, struct em_error *err)
{
	struct em_text t = {0};

	em_text_printf(&t, "%s: %s: ", who, em_control_info(c)->name);
	em_control_print_about(&t, c, value, 6);
	em_text_append(&t, " is not between ");
	em_control_print_about(&t, c, lo, 6);
	em_text_append(&t, " and ");
	em_control_print_about(&t, c, hi, 6);
	em_error_set(err, EM_ERROR_REFUSED, "%s", em_text_get(&t));
	em_text_release(&t);
	return -1;
}

/* ---- JSON ---- */

#define MEMBER 64

/* "stage.x_um" */
static const char *member_of(const struct em_control_info *info, char *name)
{
	snprintf(name, MEMBER, "%s%s%s", info->name, *info->unit ? "_" : "", info->unit);
	return name;
}

void em_controls_put_json(struct em_text *t, const struct em_controls *c)
{
	em_text_append(t, "{");
	for (int i = 0; i < EM_CONTROLS; i++) {
		const struct em_control_info *info = &table[i];
		struct em_text word = {0};
		char name[MEMBER];
		double si = 1;

		if (!c->known[i])
			continue;
		em_json_put_name(t, member_of(info, name));
		switch (info->dimension) {
		case EM_DIMENSION_SWITCH: em_json_put_bool(t, c->value[i] != 0); break;
		case EM_DIMENSION_CHOICE:
			em_control_print(&word, (enum em_control)i, c->value[i]);
			em_json_put_string(t, em_text_get(&word));
			em_text_release(&word);
			break;
		default:
			unit_of(info->dimension, info->unit, &si);
			em_json_put_number(t, c->value[i] / si + 0.0); /* no -0 */
		}
	}
	em_text_append(t, "}");
}

void em_controls_get_json(struct em_controls *c, const struct em_json *object)
{
	*c = (struct em_controls){0};
	for (int i = 0; i < EM_CONTROLS; i++) {
		const struct em_control_info *info = &table[i];
		char name[MEMBER];
		const struct em_json *node = em_json_get(object, member_of(info, name));
		double v = 0, si = 1;
		bool known;

		switch (info->dimension) {
		case EM_DIMENSION_SWITCH:
			known = node != NULL;
			v = em_json_is_true(node);
			break;
		case EM_DIMENSION_CHOICE:
			known = em_json_string(node) && choice_of(info->choices, em_json_string(node)) >= 0;
			v = known ? choice_of(info->choices, em_json_string(node)) : 0;
			break;
		default:
			known = em_json_number(node, &v);
			unit_of(info->dimension, info->unit, &si);
			v *= si;
		}
		if (known)
			em_controls_set(c, (enum em_control)i, v);
	}
}
