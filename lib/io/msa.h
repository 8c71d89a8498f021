/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EMSA/MAS spectra in parts.  The format: R.F. Egerton, C.E. Fiori, J.A. Hunt, M.S. Isaacson, E.J. Kirkland and
 * N.J. Zaluzec, "EMSA/MAS standard file format for spectral data exchange", EMSA Bulletin 21 (1991) 35; now ISO 22029.
 */
#ifndef EM_IO_MSA_H
#define EM_IO_MSA_H

#include "io/codec.h"
#include "io/lines.h"

/* A number of the header that the record knows as well. */
struct em_msa_field {
	const char *name, *unit; /* as in the keyword: "BEAMKV   -kV" */
	size_t offset;           /* of the number in struct em_meta */
	double factor;           /* what the file's number is multiplied by to be the record's */
};

/* The i-th, NULL past the end. */
const struct em_msa_field *em_msa_field_at(size_t i);

extern const struct em_codec_writer em_msa_writer;

struct em_msa_numbers {
	double *v, *unit; /* owned; and the unit of each one's last digit */
	size_t n, room;
};

/* Any case. */
bool em_msa_is_word(struct em_span s, const char *word);
/*
 * A finite number at the beginning of s: how many bytes it takes (0: there is none), and what one more in its last
 * digit would add.  Fortran's D is an exponent too, and some write a blank before the exponent ("2.0 E-06").
 */
size_t em_msa_scan_number(struct em_span s, bool blank_exponent, double *v, double *unit);
/* The numbers of a line, with blanks, commas or semicolons between them; -1 where something else is there, or more. */
int em_msa_scan_line(struct em_span line, int most, double *v, double *unit);
int em_msa_keep_number(struct em_msa_numbers *to, double v, double unit, struct em_error *err);

/* What the file's unit is in `own`, one of those of the fields; 0 where it is unknown or not of that kind. */
double em_msa_unit_ratio(struct em_span unit, const char *own);

/* Does the text begin with lines of '#' and say in one of them that it is an EMSA file? */
bool em_msa_is_header(struct em_span text);
/* Is it nothing but pairs of numbers, many, the first of them increasing?  Where the text is not the whole file, the
 * line that is cut at its end does not count. */
bool em_msa_is_two_columns(struct em_span text, bool whole);

#endif
