/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts that programs leave beside their pictures, a name and a value a line.  Nothing is copied. */
#ifndef EM_IO_LINES_H
#define EM_IO_LINES_H

#include "base/text.h"
#include "io/file.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a text, not terminated. */
struct em_span {
	const char *s;
	size_t n;
};

/* Cut blanks, tabs and line ends at both ends. */
struct em_span em_span_trim(struct em_span span);
bool em_span_is(struct em_span span, const char *text);
bool em_span_begins(struct em_span span, const char *text);
/* The text up to the first of the `separators`, trimmed, and what follows it; false, untouched, where there is none. */
bool em_span_split(struct em_span span, const char *separators, struct em_span *before, struct em_span *after);
/* A decimal number at the front, and in *rest (may be NULL) what follows, trimmed.  False, untouched, for anything
 * else, also for "nan" and "0x10". */
bool em_span_number(struct em_span span, double *v, struct em_span *rest);
/* Up to n finite numbers with blanks between; how many there were before anything else. */
size_t em_span_numbers(struct em_span span, double *v, size_t n);
/* Append it as UTF-8; what is not UTF-8 is taken for Latin-1. */
void em_span_decode(struct em_span span, struct em_text *out);
/* Append it as a JSON string, up to a NUL. */
void em_span_put_json(struct em_span span, struct em_text *json);

/* The next line of what is left in *rest, trimmed; false at the end.  A line ends in \n, \r or both. */
bool em_span_next_line(struct em_span *rest, struct em_span *line);

#endif
