/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a file says beyond its pixels, in the words and units of the record, whatever the format: readers fill it in,
 * writers look things up in it, and one place turns it into JSON and back.  emstream(5) lists the members.
 */
#ifndef EM_IO_META_H
#define EM_IO_META_H

#include "base/record.h"

#define EM_META_TEXT 256

/* One more dimension of a stack: this frame's place along it, how many there are, and the axis. */
struct em_meta_place {
	size_t index, size;
	struct em_axis axis; /* its name is not kept */
};

/* Numbers that are not known are NAN, texts "". */
struct em_meta {
	char title[EM_META_TEXT];
	/* "stage" */
	double x_um, y_um, z_um, a_deg, b_deg;
	/* "microscope" */
	char instrument[EM_META_TEXT], mode[EM_META_TEXT], holder[EM_META_TEXT];
	double beam_kev, magnification, camera_length_mm, defocus_nm, beam_current_na;
	/* "acquisition": angles are semi-angles */
	char date[EM_META_TEXT]; /* ISO 8601 where the file's spelling is unambiguous; Z: UTC */
	char detector[EM_META_TEXT];
	double exposure_s, dwell_s, convergence_mrad, collection_mrad;
	/* "scan": where the beam stood */
	double scan_x_nm, scan_y_nm;
	/* "stack": the slowest dimension first */
	struct em_meta_place stack[EM_MAX_NDIM];
	int nstack;
};

/* Nothing is known. */
void em_meta_init(struct em_meta *m);
/* field (EM_META_TEXT bytes) = bytes[0..n) up to a NUL, blanks at both ends cut, at most what fits, no character cut in
 * two.  Bytes that are not UTF-8 are taken for Latin-1.  An empty text leaves the field as it was. */
void em_meta_set_bytes(char *field, const unsigned char *bytes, size_t n);
void em_meta_set_text(char *field, const char *text);
/* "2016-02-22T18:50:02", with a Z where utc; seconds since 1970, rounded.  Left alone where not from 1970 to 9999. */
void em_meta_set_date(struct em_meta *m, double seconds, bool utc);
/* The same of a date by the calendar with the English name of its month, "Feb", spelled so, and of {hour, minute,
 * second} or NULL: the date alone.  False, left alone, where there is no such day or time. */
bool em_meta_set_calendar(struct em_meta *m, int year, const char *month, int day, const int *clock);
/* One more dimension of the stack, faster than those before; more than EM_MAX_NDIM are dropped. */
void em_meta_push_stack(struct em_meta *m, size_t index, size_t size, const struct em_axis *axis);
/* What `other` knows replaces what m says; the stack is left alone. */
void em_meta_update(struct em_meta *m, const struct em_meta *other);
/* What m says and `other` does not becomes unknown: the metadata of a file of several frames.  The date, that of the
 * first frame, and the stack are left alone. */
void em_meta_keep_common(struct em_meta *m, const struct em_meta *other);

/* Set those members of the record of which something is known. */
int em_meta_put(const struct em_meta *m, struct em_record *r, struct em_error *err);
/* And back; m is overwritten. */
void em_meta_get(struct em_meta *m, const struct em_record *r);

#endif
