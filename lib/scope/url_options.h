/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands behind the "?" of an instrument's URL: "camera=pc2:8087&speed=0.5". */
#ifndef EM_SCOPE_URL_OPTIONS_H
#define EM_SCOPE_URL_OPTIONS_H

#include "base/error.h"

#include <stddef.h>

#define EM_URL_VALUE 256

struct em_url_option {
	const char *name;
	char value[EM_URL_VALUE]; /* "": not given */
};
/* Fills in the values.  EM_ERROR_USAGE: one that is not among them, or is given twice, or is too long. */
int em_url_options_read(struct em_url_option *options, size_t n, const char *text, struct em_error *err);

#endif
