/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HDF5 files out, without the library: groups, attributes, one large data set whose bytes are written as they come, and
 * small ones.  After "HDF5 File Format Specification", version 3.0, The HDF Group: superblock and object headers of
 * version 2, which HDF5 1.8 (2008) and later read; nothing is chunked or compressed.
 *
 * A file is made from the leaves to the root: an object is a text, empty at first, to which its attributes and members
 * are appended one by one; when it is complete it gets its place in the file, and its group a link to that place.  The
 * superblock comes last, so a file that was not closed is none.  Failure is sticky, as in a text, and em_hdf_out_close
 * says so.
 */
#ifndef EM_IO_HDF_WRITE_H
#define EM_IO_HDF_WRITE_H

#include "base/array.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define EM_HDF_NAME_MAX 255 /* bytes of a member's name: more are cut */

struct em_hdf_out {
	FILE *f;
	uint64_t bytes;      /* of the large data set */
	struct em_text tail; /* what stands behind it */
	struct {
		size_t begin, at, end; /* in the tail */
		unsigned texts;
	} heap; /* the collection of texts that has room left */
};

/* The file is there already, empty.  out is overwritten. */
int em_hdf_out_open(struct em_hdf_out *out, const char *path, struct em_error *err);
/* More bytes of the large data set: all of them before anything else. */
int em_hdf_out_append(struct em_hdf_out *out, const void *bytes, size_t n, struct em_error *err);
/* Complete the file, whose root group this is; releases both in every case. */
int em_hdf_out_close(struct em_hdf_out *out, struct em_text *root, struct em_error *err);
void em_hdf_out_release(struct em_hdf_out *out);

/* ---- data sets; `object` is empty before ---- */

/* The large data set, of 1 to EM_MAX_NDIM dimensions; complex numbers are pairs "r", "i", as h5py has them. */
void em_hdf_begin_pixels(struct em_text *object, enum em_dtype dtype, int ndim, const size_t *shape);
/* One of n float64. */
void em_hdf_begin_numbers(struct em_hdf_out *out, struct em_text *object, const double *v, size_t n);

/* ---- attributes ---- */

/* A text of any length in UTF-8; the second: unless it is "". */
void em_hdf_put_text(struct em_hdf_out *out, struct em_text *object, const char *name, const char *value);
void em_hdf_put_known(struct em_hdf_out *out, struct em_text *object, const char *name, const char *value);
/* A float64, unless it is not finite. */
void em_hdf_put_number(struct em_text *object, const char *name, double value);
void em_hdf_put_integer(struct em_text *object, const char *name, int64_t value);
void em_hdf_put_bool(struct em_text *object, const char *name, bool value); /* as h5py does: an enumeration */

/* ---- the tree: members go into the file before the group they are in ---- */

/* A data set into the file, and its name into its group; `object` is released.  A slash in a name, which would be a
 * path, becomes '-', and so does the name ".". */
void em_hdf_put_dataset(struct em_hdf_out *out, struct em_text *group, const char *name, struct em_text *object);
/* A group likewise: what has attributes and members, or nothing. */
void em_hdf_put_group(struct em_hdf_out *out, struct em_text *group, const char *name, struct em_text *object);

/* Bob Jenkins's lookup3 (hashlittle, seed 0), which guards the headers. */
uint32_t em_hdf_checksum(const void *bytes, size_t n);

#endif
