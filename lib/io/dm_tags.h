/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tag tree of a Gatan DigitalMicrograph file, version 3 or 4.  Gatan publishes no specification; the layout here
 * is what public readers agree on, checked on several hundred files:
 *
 *     header  u32 version, u32|u64 length (unreliable: not used), u32 order of values (1: little-endian)
 *     group   u8 sorted, u8 open, u32|u64 n, n entries
 *     entry   u8 20 (group) or 21 (data), u16 length of name, name, in version 4: u64 bytes that follow, then
 *             a group, or "%%%%", u32|u64 k, k integers that say the type, the value
 *
 * Structure is big-endian, 32 bits wide in version 3 and 64 in version 4; values have the order of the header.
 */
#ifndef EM_IO_DM_TAGS_H
#define EM_IO_DM_TAGS_H

#include "base/error.h"
#include "base/text.h"
#include "io/codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EM_DM_MAX_DEPTH 48 /* real files have 12; and as JSON within a record it must stay below EM_JSON_MAX_DEPTH */
#define EM_DM_MAX_TAGS ((size_t)1 << 22) /* more are not metadata but an attack on memory */

enum em_dm_type {
	EM_DM_I16 = 2,
	EM_DM_I32 = 3,
	EM_DM_U16 = 4, /* arrays of these are UTF-16 text */
	EM_DM_U32 = 5,
	EM_DM_F32 = 6,
	EM_DM_F64 = 7,
	EM_DM_BOOL = 8,
	EM_DM_I8 = 9,
	EM_DM_U8 = 10,
	EM_DM_I64 = 11,
	EM_DM_U64 = 12,
	EM_DM_STRUCT = 15,
	EM_DM_STRING = 18, /* bytes; no file that we know has one */
	EM_DM_ARRAY = 20,
};

/* One entry.  Everything points into the file; nothing is copied. */
struct em_dm_tag {
	const char *name; /* name_len bytes, UTF-8 or Latin-1, not terminated; may be empty, need not be unique */
	const unsigned char *data; /* the value's bytes; NULL for a group */
	size_t bytes;
	size_t count;     /* elements: 1 unless an array or a string */
	const unsigned char *info; /* of structs: the fields' types, for em_dm_tag_field */
	uint32_t end;     /* the first tag that is no more inside this one: i + 1 for a value */
	uint32_t index;   /* place in its group, from 0 */
	uint16_t name_len;
	uint8_t depth;    /* 0 for the root */
	uint8_t kind;     /* 0: a group; a simple type; EM_DM_STRUCT, _STRING or _ARRAY */
	uint8_t type;     /* of an element; of a struct's first field */
	uint8_t fields;   /* of a struct or an array of structs; 0 otherwise */
};

/* All tags in the order of the file; tag[0] is the root.  Valid as long as the file's bytes. */
struct em_dm_tree {
	struct em_dm_tag *tag;
	size_t count, capacity;
	unsigned version; /* 3 or 4 */
	bool little;      /* order of the values */
};

bool em_dm_probe(const unsigned char *head, size_t n);
/* Every length is checked against the bytes that are there.  EM_ERROR_DATA names the way to the tag that is wrong:
 * "ImageList.1.ImageData.Data", by its place where it has no name. */
int em_dm_tree_read(struct em_dm_tree *tree, struct em_blob blob, struct em_error *err);
void em_dm_tree_release(struct em_dm_tree *tree);

/* The first child of a group, and the next in the same group; NULL at the end or where `group` is none or NULL. */
const struct em_dm_tag *em_dm_tree_first(const struct em_dm_tree *tree, const struct em_dm_tag *group);
const struct em_dm_tag *em_dm_tree_next(const struct em_dm_tree *tree, const struct em_dm_tag *group,
                                        const struct em_dm_tag *child);
/* The tag at a path of names with dots between, "ImageData.Dimensions", from a group on; NULL where absent. */
const struct em_dm_tag *em_dm_tree_find(const struct em_dm_tree *tree, const struct em_dm_tag *group,
                                        const char *path);

size_t em_dm_type_size(unsigned type); /* bytes; 0 for what is not a simple type */
/* The type of field i < tag->fields of a struct. */
unsigned em_dm_tag_field(const struct em_dm_tree *tree, const struct em_dm_tag *tag, unsigned i);
/* A single number; false, *v untouched, where tag is NULL or none. */
bool em_dm_tag_number(const struct em_dm_tree *tree, const struct em_dm_tag *tag, double *v);
/* Append text as UTF-8, at most EM_DM_MAX_TEXT characters, up to the first NUL; false where tag is NULL or no text. */
#define EM_DM_MAX_TEXT ((size_t)1 << 16)
bool em_dm_tag_text(const struct em_dm_tree *tree, const struct em_dm_tag *tag, struct em_text *out);

/*
 * Append the whole tree as JSON, of ImageList only `image` (codec.h's `tags`).  Groups are objects; entries without a
 * name are TagGroup0.. and Data0.., `image` TagGroup0, so that a path is the same as in HyperSpy's original_metadata
 * whichever image it is.  A name that was there already in its group gets "#" and its place.  Structs are arrays,
 * UTF-16 is text, 64-bit integers have all their digits, NaN and infinities are null.  What goes beyond
 * EM_DM_MAX_JSON bytes is left out, and a last member "..." says so.
 */
#define EM_DM_MAX_JSON ((size_t)8 << 20)
int em_dm_put_json(const struct em_dm_tree *tree, const struct em_dm_tag *image, struct em_text *out,
                   struct em_error *err);

#endif
