/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The dose meter: what the specimen has received where, on disk, so that the exposures of several commands add up.
 *
 * It is a list of fields, rectangles in the stage's x and y, each with the electrons a square metre that were spread
 * over it; of a spectrum or a diffraction pattern a point where the stage stood.  The dose of a place is the sum over
 * the fields that it lies in.  Not known to it are the beam beyond the field, tilt, shifts of the image and whether it
 * is still the same specimen: after a change of the specimen it is reset.
 */
#ifndef EM_SCOPE_DOSE_H
#define EM_SCOPE_DOSE_H

#include "base/error.h"

#include <stddef.h>

struct em_dose_field {
	double x0, y0, x1, y1; /* m */
	double dose;           /* m^-2 */
};

/* Lines of a fixed length, a field each, appended to and written over in place. */
struct em_dose_meter {
	int fd;
	long last;                /* offset of the line that was written last; -1: none */
	struct em_dose_field now; /* what it says */
};

/* path NULL: none is kept, what is added is forgotten.  EM_ERROR_IO. */
int em_dose_open(struct em_dose_meter *m, const char *path, struct em_error *err);
void em_dose_close(struct em_dose_meter *m);
/* More dose on this field.  Exposures of the same field that follow each other share a line. */
int em_dose_add(struct em_dose_meter *m, const struct em_dose_field *field, struct em_error *err);
/* The field that was added to last has received that much more, or less. */
int em_dose_correct(struct em_dose_meter *m, double more, struct em_error *err);
/* The greatest dose that any place of the field has (field->dose is not read).  EM_ERROR_DATA: a line that is none, but
 * for an incomplete last one. */
int em_dose_most(const struct em_dose_meter *m, const struct em_dose_field *field, double *most, struct em_error *err);
int em_dose_reset(struct em_dose_meter *m, struct em_error *err);

/* The same of a list, which is reordered. */
double em_dose_most_of(struct em_dose_field *fields, size_t n);

#endif
