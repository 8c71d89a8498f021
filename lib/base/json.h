/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading JSON: a value tree (cJSON inside).  Strict where it matters for data that travels: UTF-8 only, no NaN, no
 * trailing bytes, bounded depth and size.  Nodes are borrowed from the tree they were reached from; free the root.
 * A NULL node is "absent": every accessor takes it, so that paths can be chained without checks.
 */
#ifndef EM_BASE_JSON_H
#define EM_BASE_JSON_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_JSON_MAX_BYTES ((size_t)16 << 20) /* longer texts are refused: a record is metadata, not data */
#define EM_JSON_MAX_DEPTH 64                 /* deeper nesting is refused */

struct em_json;

/* Parse text[0..len) as one JSON value with optional blanks around it.  EM_ERROR_DATA says what is wrong. */
struct em_json *em_json_parse(const char *text, size_t len, struct em_error *err);
/* Parse a whole file; EM_ERROR_IO where it cannot be read. */
struct em_json *em_json_parse_file(const char *path, struct em_error *err);
void em_json_free(struct em_json *root);

/* Member of an object: NULL where node is no object or has none of that name. */
const struct em_json *em_json_get(const struct em_json *node, const char *name);
/* The same along a dotted path: "chip.row". */
const struct em_json *em_json_find(const struct em_json *node, const char *path);
/* Children of an array or object, in order: for (n = em_json_first(a); n; n = em_json_next(n)). */
const struct em_json *em_json_first(const struct em_json *node);
const struct em_json *em_json_next(const struct em_json *node);
size_t em_json_size(const struct em_json *node);              /* children; 0 for scalars */
const char *em_json_name(const struct em_json *node);         /* of an object's member; NULL otherwise */

bool em_json_is_object(const struct em_json *node);
bool em_json_is_array(const struct em_json *node);
const char *em_json_string(const struct em_json *node);       /* NULL where it is no string */
bool em_json_number(const struct em_json *node, double *v);   /* false, *v untouched, where it is no number */
bool em_json_is_bool(const struct em_json *node);
bool em_json_is_true(const struct em_json *node);
/* Up to n numbers of an array into v; how many were stored, or 0 where any element is no number. */
size_t em_json_numbers(const struct em_json *node, double *v, size_t n);

/* Is s[0..n) valid UTF-8 (no overlong forms, no surrogates)? */
bool em_utf8_is_valid(const char *s, size_t n);
/* The bytes of the first character of s[0..n), n >= 1; 0 where it is malformed or cut. */
size_t em_utf8_length(const char *s, size_t n);

#endif
