/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A number that the records of a stream have, by its path: "crystal.phases.film.fraction", "crystal.drift_px.0".  Its
 * standard uncertainty, where known, is the sibling named with _u: "crystal.phases.film.fraction_u",
 * "crystal.drift_px_u.0".  The last name's ending says its units: "time_s" is a time in s.
 */
#ifndef EM_PLOT_QUANTITY_H
#define EM_PLOT_QUANTITY_H

#include "base/error.h"
#include "base/record.h"

#define EM_QUANTITY_NAME 128 /* bytes of a name for people */
#define EM_QUANTITY_LARGEST 1e100

struct em_quantity {
	char *path;        /* owned */
	char *label;       /* owned; NULL: named by its path */
	const char *units; /* static; "" for none */
};

/* From PATH or PATH=LABEL, n bytes.  EM_ERROR_USAGE for a path that has empty names, or too many. */
int em_quantity_parse(struct em_quantity *q, const char *text, size_t n, struct em_error *err);
void em_quantity_release(struct em_quantity *q); /* a zeroed struct is empty */

enum em_quantity_found {
	EM_QUANTITY_ABSENT, /* no such member */
	EM_QUANTITY_NULL,   /* a member without a value: null, false */
	EM_QUANTITY_NUMBER,
	EM_QUANTITY_OTHER,  /* a text, a list, an object */
};

/*
 * *v is the value and *u its standard uncertainty; NAN each where there is none, or where it is beyond
 * EM_QUANTITY_LARGEST, and *u also below 0.  At every step the longest name of a member counts that the path goes on
 * with, so that names may have dots in them.
 */
enum em_quantity_found em_quantity_read(const struct em_quantity *q, const struct em_record *r, double *v, double *u);

/* What to call one quantity: its label, or the last two names of its path, or the last one where there are just two:
 * "film fraction", "time", "drift[0]". */
void em_quantity_name(const struct em_quantity *q, char name[EM_QUANTITY_NAME]);
/*
 * What to call n of them side by side: name[i] is the label, or the names of the path that are not common to all, at
 * its begin or its end; with units where these differ.  `what` is the last name where all have the same, else "".
 */
void em_quantity_names(const struct em_quantity *q, size_t n, char (*name)[EM_QUANTITY_NAME],
                       char what[EM_QUANTITY_NAME]);

#endif
