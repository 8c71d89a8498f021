/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A growing string, and JSON written into it.  Failure is sticky: after an allocation fails everything appended is
 * dropped and em_text_check says so once, at the end.  A zeroed struct is an empty text.
 */
#ifndef EM_BASE_TEXT_H
#define EM_BASE_TEXT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct em_text {
	char *s; /* owned; NUL-terminated, or NULL while empty */
	size_t len, capacity;
	bool failed;
};

void em_text_release(struct em_text *t);
void em_text_clear(struct em_text *t); /* empty, memory kept, failure forgotten */
void em_text_append(struct em_text *t, const char *s);
void em_text_append_bytes(struct em_text *t, const void *bytes, size_t n);
void em_text_printf(struct em_text *t, const char *fmt, ...) EM_PRINTF(2, 3);
/* "" instead of NULL while empty. */
const char *em_text_get(const struct em_text *t);
/* 0, or -1 with EM_ERROR_MEMORY when something was dropped. */
int em_text_check(const struct em_text *t, struct em_error *err);

/* JSON values.  Numbers are %.9g; JSON has no NaN and no infinities: they become null. */
void em_json_put_number(struct em_text *t, double v);
/* Quotes, backslash and controls escaped.  What is not UTF-8 (a file's name, a text that was cut) becomes U+FFFD: one
 * such byte would make the whole stream unreadable. */
void em_json_put_string(struct em_text *t, const char *s);
void em_json_put_bool(struct em_text *t, bool v);
/* `"name":` with a comma before it unless the text ends in '{' or '[' or is empty. */
void em_json_put_name(struct em_text *t, const char *name);
/* A comma, unless the text ends in '{' or '[' or is empty: before each element of an array. */
void em_json_put_comma(struct em_text *t);
/* [a,b,...] */
void em_json_put_numbers(struct em_text *t, const double *v, size_t n);

#endif
