/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EMI, TIA's description of the SER files beside it: NAME.emi of NAME_1.ser, NAME_2.ser and so on.  Its layout is not
 * published; in it stand XML elements <ObjectInfo>.  The name of the SER that one describes ends shortly before it; the
 * others are of pictures and spectra within the EMI.  Their order tells nothing; not every SER has one.
 */
#ifndef EM_IO_EMI_H
#define EM_IO_EMI_H

#include "base/error.h"
#include "io/file.h"
#include "io/meta.h"
#include "io/xml.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_EMI_MAX_SETS 999 /* NAME_999.ser */

struct em_emi_object;

/* Where the descriptions are: it points into the blob. */
struct em_emi {
	struct em_emi_object *object; /* owned */
	size_t count;
	size_t last; /* the largest number of a SER that is named in it, 0 where none is */
};

bool em_emi_probe(const unsigned char *head, size_t n);
/* EM_ERROR_DATA where there is no description, or one is cut. */
int em_emi_open(struct em_emi *emi, struct em_blob blob, struct em_error *err);
void em_emi_release(struct em_emi *emi);
/* What it says of NAME_number.ser, to be freed; NULL where it says nothing.  EM_ERROR_DATA where that is no XML. */
int em_emi_describe(const struct em_emi *emi, size_t number, struct em_xml **about, struct em_error *err);

/* A camera's picture while the microscope is in diffraction; false where about is NULL. */
bool em_emi_is_pattern(const struct em_xml *about);
/* Conditions and settings whose units are as expected; nothing where about is NULL.  The date is local time. */
void em_emi_put_meta(const struct em_xml *about, struct em_meta *meta);

#endif
