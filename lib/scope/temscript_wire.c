/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/temscript.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define NUMBER(name, writable) {name, NULL, NULL, -1, 1, NULL, 0, false, writable}
#define STAGE(axis) {"stage_position", NULL, axis, -1, 1, NULL, 0, false, true}
#define PAIR(name, i) {name, NULL, NULL, i, 1, NULL, 0, false, true}
#define WORDS(name, words, first) {name, NULL, NULL, -1, 1, words, first, false, true}
#define SWITCH(name) {name, NULL, NULL, -1, 1, NULL, 0, true, true}
/* clang-format on */

static const struct em_temscript_wire table[EM_CONTROLS] = {
    [EM_STAGE_X] = STAGE("x"),
    [EM_STAGE_Y] = STAGE("y"),
    [EM_STAGE_Z] = STAGE("z"),
    [EM_STAGE_A] = STAGE("a"),
    [EM_STAGE_B] = STAGE("b"),
    [EM_MODE] = WORDS("instrument_mode", "TEM STEM", 0),
    [EM_PROJECTION] = WORDS("projection_mode", "IMAGING DIFFRACTION", 1),
    [EM_MAGNIFICATION] = NUMBER("indicated_magnification", true), /* stem_magnification in a STEM */
    [EM_CAMERA_LENGTH] = NUMBER("indicated_camera_length", true),
    [EM_DEFOCUS] = NUMBER("defocus", true),
    [EM_IMAGE_SHIFT_X] = PAIR("image_shift", 0),
    [EM_IMAGE_SHIFT_Y] = PAIR("image_shift", 1),
    [EM_BEAM_SHIFT_X] = PAIR("beam_shift", 0),
    [EM_BEAM_SHIFT_Y] = PAIR("beam_shift", 1),
    [EM_BEAM_TILT_X] = PAIR("beam_tilt", 0),
    [EM_BEAM_TILT_Y] = PAIR("beam_tilt", 1),
    [EM_DIFFRACTION_SHIFT_X] = PAIR("diffraction_shift", 0),
    [EM_DIFFRACTION_SHIFT_Y] = PAIR("diffraction_shift", 1),
    [EM_STIGMATOR_X] = PAIR("objective_stigmator", 0),
    [EM_STIGMATOR_Y] = PAIR("objective_stigmator", 1),
    [EM_SPOT_SIZE] = NUMBER("spot_size_index", true),
    [EM_INTENSITY] = NUMBER("intensity", true),
    [EM_CONVERGENCE] = NUMBER("convergence_angle", true),
    [EM_SCAN_ROTATION] = NUMBER("stem_rotation", true),
    [EM_VOLTAGE] = {"voltage", "voltage(kV)", NULL, -1, 1e3, NULL, 0, false, false},
    [EM_BEAM_CURRENT] = NUMBER("screen_current", false),
    [EM_BLANKED] = SWITCH("beam_blanked"),
    [EM_SCREEN_DOWN] = WORDS("screen_position", "UP DOWN", 2),
    [EM_VALVES_OPEN] = SWITCH("column_valves_open"),
    [EM_ENERGY_OFFSET] = {NULL, NULL, NULL, -1, 1, NULL, 0, false, false},
    [EM_DISPERSION] = {NULL, NULL, NULL, -1, 1, NULL, 0, false, false},
    [EM_STAGE_DRIVE] = {NULL, NULL, NULL, -1, 1, "motor piezo", 0, false, false},
};

const struct em_temscript_wire *em_temscript_wire(enum em_control c)
{
	return &table[c];
}

const char *em_temscript_word_at(const char *words, int place, size_t *n)
{
	while (place > 0 && (words = strchr(words, ' ')) != NULL) {
		words++;
		place--;
	}
	if (words && n)
		*n = strcspn(words, " ");
	return place ? NULL : words;
}

int em_temscript_word_find(const char *words, const char *word)
{
	const char *at;
	size_t n;

	for (int i = 0; (at = em_temscript_word_at(words, i, &n)) != NULL; i++)
		if (strlen(word) == n && !memcmp(at, word, n))
			return i;
	return -1;
}

void em_temscript_put_exact(struct em_text *t, double v)
{
	char digits[40];

	for (int precision = 15; isfinite(v) && precision <= 17; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, v);
		if (strtod(digits, NULL) == v)
			break;
	}
	em_text_append(t, isfinite(v) ? digits : "null");
	if (isfinite(v) && !strpbrk(digits, ".e"))
		em_text_append(t, ".0");
}

void em_temscript_put_controls(struct em_text *t, const struct em_controls *c)
{
	em_text_append(t, "{");
	for (int k = 0; k < EM_CONTROLS; k++) {
		const struct em_control_info *info = em_control_info((enum em_control)k);
		struct em_text word = {0};

		if (!c->known[k])
			continue;
		em_json_put_name(t, info->name);
		if (info->dimension == EM_DIMENSION_CHOICE) {
			em_control_print(&word, (enum em_control)k, c->value[k]);
			em_json_put_string(t, em_text_get(&word));
			em_text_release(&word);
		} else if (info->dimension == EM_DIMENSION_SWITCH) {
			em_json_put_bool(t, c->value[k] != 0);
		} else {
			em_temscript_put_exact(t, c->value[k]);
		}
	}
	em_text_append(t, "}");
}
