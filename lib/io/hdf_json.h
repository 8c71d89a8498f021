/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A part of an HDF5 file as JSON: what codecs give for `tags`. */
#ifndef EM_IO_HDF_JSON_H
#define EM_IO_HDF_JSON_H

#include "io/hdf.h"

/*
 * Append a node: a group is an object of its attributes and members, a data set its value, or an object of its
 * attributes and the value as "data".  Arrays of more than EM_TAGS_ARRAY elements, and what we cannot read, are
 * {"array":type,"size":elements}.
 */
int em_hdf_json_put(const struct em_hdf_tree *tree, const struct em_hdf_node *node, struct em_text *out,
                    struct em_error *err);

#endif
