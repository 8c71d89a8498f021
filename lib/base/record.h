/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The record: the JSON object that goes with each sample.  Kept as the text of its top-level members in their order,
 * so that members nobody touched pass byte for byte, whatever they hold; a tool sets its own member whole.
 */
#ifndef EM_BASE_RECORD_H
#define EM_BASE_RECORD_H

#include "base/array.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

struct em_record_member {
	char *name;  /* decoded, owned */
	char *value; /* the JSON text, NUL-terminated, owned */
};

struct em_record {
	struct em_record_member *member;
	size_t count, capacity;
};

/* A zeroed struct is an empty record. */
void em_record_release(struct em_record *r);
int em_record_copy(struct em_record *dst, const struct em_record *src, struct em_error *err);

#define EM_RECORD_MAX_MEMBERS 4096 /* members are looked for one by one: a hostile million would take hours */

/* Parse one JSON object (r is overwritten); a byte order mark before it is passed over.  EM_ERROR_DATA: not an object,
 * not JSON, a member twice, more than EM_RECORD_MAX_MEMBERS. */
int em_record_parse(struct em_record *r, const char *text, size_t len, struct em_error *err);
/* Append {"a":1,...} without a newline. */
void em_record_print(const struct em_record *r, struct em_text *out);

/* The JSON text of a member, NULL where there is none.  Borrowed until the record changes. */
const char *em_record_get(const struct em_record *r, const char *name);
/* Add or replace.  `json` is the text of one JSON value, trusted to be so (it comes from em_json_put_*). */
int em_record_set(struct em_record *r, const char *name, const char *json, struct em_error *err);
/* The same from a text being built; a text that failed is EM_ERROR_MEMORY. */
int em_record_set_text(struct em_record *r, const char *name, const struct em_text *json, struct em_error *err);
int em_record_set_string(struct em_record *r, const char *name, const char *value, struct em_error *err);
/* The same, but a member that is new becomes the first. */
int em_record_set_first(struct em_record *r, const char *name, const char *json, struct em_error *err);
void em_record_remove(struct em_record *r, const char *name);

/*
 * The parsed tree of one member, or NULL: absent (err->kind stays EM_ERROR_NONE; pass err zeroed) or out of memory.
 * The caller frees it with em_json_free.
 */
struct em_json *em_record_tree(const struct em_record *r, const char *name);

/* One scalar by path, "chip.row" (top-level member first).  False, output untouched, where absent or another type. */
bool em_record_number(const struct em_record *r, const char *path, double *v);
/* The string is copied (cut to n - 1 bytes). */
bool em_record_string(const struct em_record *r, const char *path, char *buf, size_t n);

/* Members "image" {"shape","dtype"} and "axes" from an array, as the stream has them; and axes back into an array.
 * em_record_get_axes leaves axes alone that the record does not describe or whose count differs from ndim. */
int em_record_set_image(struct em_record *r, const struct em_array *a, struct em_error *err);
void em_record_get_axes(const struct em_record *r, struct em_array *a);
/* [{"name":..,"size":..,"scale":..,"offset":..,"units":..},...] */
void em_record_put_axes(struct em_text *out, const struct em_array *a);

/* Append {"tool":..,"version":..,"argv":[..]} to member "provenance" (made when missing). */
int em_record_add_provenance(struct em_record *r, const char *entry_json, struct em_error *err);

#endif
