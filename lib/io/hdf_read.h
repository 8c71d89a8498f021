/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arrays out of an HDF5 file: in one piece, or in chunks that may be shuffled and compressed by deflate. */
#ifndef EM_IO_HDF_READ_H
#define EM_IO_HDF_READ_H

#include "io/hdf.h"

#define EM_HDF_MAX_FILTERS 8

enum em_hdf_layout {
	EM_HDF_WHOLE,       /* what.data, or nothing written yet where that is NULL */
	EM_HDF_TREE,        /* chunks in a B-tree, version 1 */
	EM_HDF_SINGLE,      /* one chunk */
	EM_HDF_IN_ORDER,    /* chunks one behind the other */
	EM_HDF_FIXED_ARRAY, /* a table of chunks */
};

struct em_hdf_dataset {
	const struct em_hdf_file *file;
	uint64_t object;                /* its header */
	struct em_hdf_value what;       /* type and shape */
	enum em_hdf_layout layout;
	uint64_t address;               /* of the chunks' index, or of the chunks */
	uint64_t stored;                /* bytes of a single chunk */
	uint32_t mask;                  /* of a single chunk: bit i: filter i was left out */
	size_t chunk[EM_MAX_NDIM], chunk_bytes;
	unsigned filter[EM_HDF_MAX_FILTERS], filters;
	const unsigned char *fill;      /* an element; NULL: zeros */
};

/*
 * d is filled in from the node's header.  EM_ERROR_DATA where it is no data set, or kept in a way that we cannot read;
 * the message names what.
 */
int em_hdf_dataset_open(const struct em_hdf_tree *tree, const struct em_hdf_node *node, struct em_hdf_dataset *d,
                        struct em_error *err);

struct em_hdf_chunk {
	uint64_t address, bytes; /* in the file; EM_HDF_NOWHERE: not written, all fill */
	uint32_t mask;           /* bit i: filter i was left out */
};

/* The chunk whose first element is at `place`; nothing of it has been looked at. */
int em_hdf_chunk_find(const struct em_hdf_dataset *d, const size_t *place, struct em_hdf_chunk *c,
                      struct em_error *err);

/* Chunks that were unpacked, for whoever reads frame after frame of one file; may be used from several threads. */
struct em_hdf_cache;
struct em_hdf_cache *em_hdf_cache_new(struct em_error *err);
void em_hdf_cache_free(struct em_hdf_cache *cache);

/* The box of `count` elements from `start` on, in C order, em_hdf_type_size bytes each.  No cache: NULL. */
int em_hdf_dataset_read(const struct em_hdf_dataset *d, const size_t *start, const size_t *count, void *out,
                        struct em_hdf_cache *cache, struct em_error *err);
/*
 * The same as an array of numbers: dimension k of it is dimension order[k] of the file, those not named have a count
 * of 1.  Its axes are the caller's to set.  A shape that the file's bytes cannot hold is refused,
 * and one of no elements.
 */
int em_hdf_dataset_read_array(const struct em_hdf_dataset *d, const size_t *start, const size_t *count,
                              const int *order, int ndim, struct em_hdf_cache *cache, struct em_array *a,
                              struct em_error *err);
/* Element 0 of a data set of texts, appended.  False where the node is NULL or none. */
bool em_hdf_dataset_text(const struct em_hdf_tree *tree, const struct em_hdf_node *node, struct em_text *out);
/* Up to n elements from the first on as numbers; how many there were. */
size_t em_hdf_dataset_numbers(const struct em_hdf_tree *tree, const struct em_hdf_node *node, double *v, size_t n);

#endif
