/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SerialEM's "NAME.mrc.mdoc": lines `key = value`, first those of the whole file, then a section a picture that begins
 * "[ZValue = 3]".  The keys and their units are those of SerialEM's help, "About Formats".
 */
#ifndef EM_IO_MDOC_H
#define EM_IO_MDOC_H

#include "io/lines.h"
#include "io/meta.h"

struct em_mdoc_section {
	size_t z;
	struct em_span text;
};

struct em_mdoc {
	struct em_span head;             /* what is before the sections, */
	struct em_meta known;            /* what it says of all pictures, */
	double pixel_nm;                 /* and of their pixels; NAN */
	struct em_mdoc_section *section; /* owned; by z */
	size_t count;
};

/* Keeps pointing into the text. */
int em_mdoc_read(struct em_mdoc *m, struct em_blob text, struct em_error *err);
void em_mdoc_release(struct em_mdoc *m);
/* What is known of picture z; members of `meta` of which nothing is said stay.  *pixel_nm likewise.  A zeroed m says
 * nothing. */
void em_mdoc_put_meta(const struct em_mdoc *m, size_t z, struct em_meta *meta, double *pixel_nm);
/* {"titles":[..],"file":{"key":"value",..},"section":{..}}: values as they are spelled. */
void em_mdoc_put_json(const struct em_mdoc *m, size_t z, struct em_text *json);

#endif
