/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where HDF5 files keep what does not fit beside the rest: names, strings, and the members of large groups. */
#ifndef EM_IO_HDF_HEAP_H
#define EM_IO_HDF_HEAP_H

#include "io/hdf_file.h"

#define EM_HDF_MAX_STEPS ((size_t)1 << 22) /* of any walk: more is a loop, or an attack */

/* The name at `offset` of a group's local heap, *n bytes and a NUL; NULL where there is none, or
 * one of 4096 bytes or more. */
const char *em_hdf_local_name(const struct em_hdf_file *f, uint64_t heap, uint64_t offset, size_t *n);
/* An object of a collection of the global heap; NULL where it is not there. */
const unsigned char *em_hdf_global_object(const struct em_hdf_file *f, uint64_t collection, unsigned index, size_t *n);

/*
 * What groups and objects of many members keep in a fractal heap: each object that the B-tree (version 2) there lists,
 * whose records have the heap's ID at id_at.  A `take` that does not return 0 ends the walk.  *steps counts them all,
 * of several such walks together.
 */
int em_hdf_dense_each(const struct em_hdf_file *f, uint64_t heap, uint64_t tree, size_t id_at,
                      int (*take)(void *closure, const unsigned char *object, size_t n), void *closure,
                      size_t *steps, struct em_error *err);

#endif
