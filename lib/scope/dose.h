/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The dose meter: what the specimen has received where, on disk, so that the exposures of several commands add up.
 *
 * It is a list of fields, rectangles in the stage's x and y, each with the electrons a square metre that were spread
 * over it; of a spectrum or a diffraction pattern a point where the stage stood.  The dose of a place is the sum over
 * the fields that it lies in.  Not known to it are the beam beyond the field, tilt, shifts of the image and whether it
 * is still the same specimen: after a change of the specimen it is reset.
 *
 * The list does not grow without end: edges lie on a grid of 1/256 to 1/128 of the field, outwards, so that exposures
 * of one place, whose readings differ by noise, are one field; and where there are EM_DOSE_FIELDS, those of a size of
 * which there are the most become squares side by side, each with the greatest dose that any place of it had.  Both
 * make of a dose more than it was, never less.  The journal has each exposure as it was.
 *
 * The file is written anew and takes the place of the old one at once (rename): who is killed leaves the one or the
 * other, and after a power cut a file that is not whole is known to be so.  It is read once, as whoever has it open
 * holds the instrument's lock.
 */
#ifndef EM_SCOPE_DOSE_H
#define EM_SCOPE_DOSE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_DOSE_FIELDS 1024

struct em_dose_field {
	double x0, y0, x1, y1; /* m */
	double dose;           /* m^-2 */
};

struct em_dose_meter {
	char *path; /* owned; NULL: none is kept, what is added is forgotten */
	bool read, written;
	struct em_dose_field field[EM_DOSE_FIELDS];
	size_t count, last; /* last: that was added to last */
};

/* path NULL: none.  Nothing is read or made before it has to be. */
int em_dose_open(struct em_dose_meter *m, const char *path, struct em_error *err);
void em_dose_close(struct em_dose_meter *m);
/* More dose on this field.  EM_ERROR_DATA: a file that is none, or a field or dose out of all bounds; EM_ERROR_IO. */
int em_dose_add(struct em_dose_meter *m, const struct em_dose_field *field, struct em_error *err);
/* The field that was added to last has received that much more, or less. */
int em_dose_correct(struct em_dose_meter *m, double more, struct em_error *err);
/* The greatest dose that any place of the field has (field->dose is not read). */
int em_dose_most(struct em_dose_meter *m, const struct em_dose_field *field, double *most, struct em_error *err);
int em_dose_reset(struct em_dose_meter *m, struct em_error *err);

/* The same of a list. */
double em_dose_most_of(const struct em_dose_field *fields, size_t n);

/* ---- inside: dose_room.c, dose_file.c ---- */

/* Of EM_DOSE_FIELDS at most half. */
int em_dose_make_room(struct em_dose_field *field, size_t *count, struct em_error *err);
/* What of f lies in the window, false: nothing. */
bool em_dose_clip(struct em_dose_field *f, const struct em_dose_field *window);

/* A rectangle of numbers, nearer than 10 m. */
bool em_dose_is_sane(const struct em_dose_field *f);
/* A line that says how many fields, and a line each.  No file: none. */
int em_dose_file_read(const char *path, struct em_dose_field *field, size_t *count, struct em_error *err);
int em_dose_file_write(const char *path, const struct em_dose_field *field, size_t count, struct em_error *err);
void em_dose_file_sync(const char *path); /* onto the disk, if that can be */

#endif
