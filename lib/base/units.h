/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lengths as people write them and as axes name them.  Inside, a length is in metres; pixels are a unit of their own
 * that only a calibrated axis turns into metres.
 */
#ifndef EM_BASE_UNITS_H
#define EM_BASE_UNITS_H

#include "base/array.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Metres in one `unit`: pm, A (also Angstrom, \u00c5 and the Angstrom sign), nm, um (also with the micro sign or the
 * Greek letter), mm, m.  -1, *metres untouched, for anything else: no length, or none that we know. */
int em_units_length_in_m(const char *unit, double *metres);

/* A file's unit as our axes spell it, to[0..n) at most: "um", and the Greek letter, become the micro sign as in the SI
 * brochure, likewise their reciprocals; anything else stays as it is.  No character is cut in two. */
void em_units_spell(const char *from, char *to, size_t n);
/* eV, keV, meV: the unit of a spectrum's axis. */
bool em_units_is_energy(const char *unit);

/* De Broglie's wavelength, in metres, of electrons that `volts` have accelerated, relativistic: h / sqrt(2 m e U (1 + e
 * U / 2 m c^2)) (Reimer and Kohl, Transmission Electron Microscopy, 5th ed., eq. 2.12; CODATA 2018). */
double em_units_wavelength_m(double volts);

/* A length becomes nm and the reciprocal of one, "1/um", 1/nm; any other unit stays.  Not where that would make the
 * scale 0 or infinite. */
void em_units_axis_to_nm(struct em_axis *axis);

struct em_length {
	double value;  /* > 0, finite */
	double unit_m; /* metres in the unit of `value`; 0: pixels */
};

/* "95", "95px", "2.5nm", "2.5 nm".  EM_ERROR_USAGE for what is no length, not above 0, or no whole number of pixels. */
int em_units_parse_length(const char *text, struct em_length *length, struct em_error *err);
/* "95" (a square), "34x35", "40x30um", "40um x 30um": width first, as everybody writes it; a unit after the height
 * alone holds for both. */
int em_units_parse_extent(const char *text, struct em_length *width, struct em_length *height, struct em_error *err);

#endif
