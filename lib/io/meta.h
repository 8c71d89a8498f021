/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Groups of a file's metadata for the record, {"x_um":..,"y_um":..}, of those members that the file has. */
#ifndef EM_IO_META_H
#define EM_IO_META_H

#include "base/record.h"

/* Append a member to the inside of an object; a value that is not finite is left out. */
void em_meta_put_number(struct em_text *members, const char *name, double v);
/* The text is bytes[0..n) up to a NUL, blanks at both ends cut; one that is empty or not UTF-8 is left out. */
void em_meta_put_bytes(struct em_text *members, const char *name, const unsigned char *bytes, size_t n);
/* "2016-02-22T18:50:02", with a Z where utc; seconds since 1970, rounded.  Left out where not from 1970 to 9999. */
void em_meta_put_date(struct em_text *members, const char *name, double seconds, bool utc);
/* One more dimension of a stack, the slowest first: the frame's place along it, how many there are, and the axis. */
void em_meta_put_stack(struct em_text *list, size_t index, size_t size, const struct em_axis *axis);
/* The member "stack" of the record: [{"index","size","scale","offset","units"},..]; list is released. */
int em_meta_set_stack(struct em_record *meta, struct em_text *list, struct em_error *err);
/* Make the object member `group` of the record, unless nothing was put; members is released in any case. */
int em_meta_set(struct em_record *meta, const char *group, struct em_text *members, struct em_error *err);

#endif
