/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is in an HDF5 file, as a flat tree of groups and data sets, and what is written to them.  Values are looked at
 * where they lie in the file when they are asked for; arrays are for hdf_read.h.
 */
#ifndef EM_IO_HDF_H
#define EM_IO_HDF_H

#include "base/array.h"
#include "base/text.h"
#include "io/hdf_file.h"

#define EM_HDF_MAX_DEPTH 64
#define EM_HDF_MAX_NODES ((size_t)1 << 18)
#define EM_HDF_MAX_TEXT ((size_t)16 << 20) /* longer texts are not metadata */

struct em_hdf_node {
	const char *name; /* name_len bytes, not terminated; "" of the root */
	size_t name_len;
	uint64_t address; /* of the object's header */
	uint32_t end;     /* the first node that is no more inside this one: i + 1 for a data set */
	uint8_t depth;    /* 0 for the root */
	bool is_group;
};


/* All attributes of an object that can be understood. */
struct em_hdf_attributes {
	struct em_hdf_value *value;
	size_t count, capacity;
};

/* Depth first, as the groups list their members; node[0] is the root.  Valid as long as the file's bytes. */
struct em_hdf_tree {
	struct em_hdf_file file;
	struct em_hdf_node *node;
	size_t count, capacity;
	/* for the search of attributes */
	const struct em_hdf_node *kept_of;
	struct em_hdf_attributes kept;
	size_t steps;
};

/* Links within the file that are not hard ones are passed over. */
int em_hdf_tree_read(struct em_hdf_tree *tree, struct em_blob blob, struct em_error *err);
void em_hdf_tree_release(struct em_hdf_tree *tree);

/* The first member of a group, and the next in the same group; NULL at the end or where `group` is none or NULL. */
const struct em_hdf_node *em_hdf_tree_first(const struct em_hdf_tree *tree, const struct em_hdf_node *group);
const struct em_hdf_node *em_hdf_tree_next(const struct em_hdf_tree *tree, const struct em_hdf_node *group,
                                           const struct em_hdf_node *member);
/* The node at "Data/Image" from a group on, or from the root on where the path begins with '/'; NULL where absent. */
const struct em_hdf_node *em_hdf_tree_find(const struct em_hdf_tree *tree, const struct em_hdf_node *group,
                                           const char *path);
bool em_hdf_node_is(const struct em_hdf_node *node, const char *name);
/* Append "/Data/Image" of a node. */
void em_hdf_tree_put_path(const struct em_hdf_tree *tree, const struct em_hdf_node *node, struct em_text *out);

/* ---- types and values ---- */

enum em_hdf_kind {
	EM_HDF_NUMBERS,
	EM_HDF_TEXT,           /* of a fixed length, shorter ones end with a NUL */
	EM_HDF_TEXT_ELSEWHERE, /* of any length, in the global heap */
	EM_HDF_OTHER,          /* nothing that we read */
};

struct em_hdf_type {
	enum em_hdf_kind kind;
	enum em_dtype dtype; /* of numbers: what they become */
	size_t size, part;   /* bytes an element in the file, and of what an order of bytes turns */
	bool big, is_half, is_bool;
};

/* Bytes an element that was read: of a number, in our type; of anything else as it lies in the file. */
size_t em_hdf_type_size(const struct em_hdf_type *type);

/* n elements of some shape; data points into the file. */
struct em_hdf_value {
	const char *name; /* of an attribute */
	size_t name_len;
	struct em_hdf_type type;
	int ndim;
	size_t shape[EM_MAX_NDIM], count;
	bool resizable;
	const unsigned char *data;
};

/* From messages; -1 for what is malformed.  What is only unknown becomes EM_HDF_OTHER. */
int em_hdf_type_parse(const struct em_hdf_file *f, const unsigned char *p, size_t n, struct em_hdf_type *type);
int em_hdf_shape_parse(const struct em_hdf_file *f, const unsigned char *p, size_t n, struct em_hdf_value *value);

/* Element i as a number or text (up to a NUL, appended); false, nothing changed, where it is none. */
bool em_hdf_value_number(const struct em_hdf_value *value, size_t i, double *v);
bool em_hdf_value_text(const struct em_hdf_file *f, const struct em_hdf_value *value, size_t i, struct em_text *out);

/* *steps counts what was looked at, of several reads together: more than EM_HDF_MAX_STEPS are refused. */
int em_hdf_attributes_read(const struct em_hdf_file *f, uint64_t address, struct em_hdf_attributes *list,
                           size_t *steps, struct em_error *err);
void em_hdf_attributes_release(struct em_hdf_attributes *list);
/*
 * By name, of a node that may be NULL: false, nothing changed, where there is none of that name and kind.  The node's
 * attributes are kept until another's are asked for: so not from several threads.  All reads of a tree share one count
 * of steps, and find nothing once em_hdf_tree_is_exhausted.
 */
bool em_hdf_attribute_number(struct em_hdf_tree *tree, const struct em_hdf_node *node, const char *name, double *v);
bool em_hdf_attribute_text(struct em_hdf_tree *tree, const struct em_hdf_node *node, const char *name,
                           struct em_text *out);
/* More work of the same kind: the steps of EM_HDF_MAX_STEPS are about 100 ns each. */
void em_hdf_tree_spend(struct em_hdf_tree *tree, size_t steps);
bool em_hdf_tree_is_exhausted(const struct em_hdf_tree *tree);

#endif
