/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of an HDF5 file: where it begins, how wide its addresses are, and the objects (groups, data sets) as lists
 * of header messages.  After "HDF5 File Format Specification", version 3.0, The HDF Group.  Why not the library: it
 * crashes on damaged files, tells where a chunk lies in a time that grows with their number, and wants a file.
 *
 * Nothing is copied: whatever is found points into the file, and only bytes that are there are ever handed out.
 */
#ifndef EM_IO_HDF_FILE_H
#define EM_IO_HDF_FILE_H

#include "base/error.h"
#include "io/file.h"

#include <stdbool.h>
#include <stdint.h>

#define EM_HDF_NOWHERE UINT64_MAX /* the address of what was never written */

struct em_hdf_file {
	struct em_blob blob;      /* from the signature on */
	unsigned offset, length;  /* bytes of an address and of a size: 4 or 8 */
	uint64_t root;            /* object header of the root group */
};

/* Is there the signature at 0, 512, 1024 or 2048 of head[0..n)?  *at: where. */
bool em_hdf_find_signature(const unsigned char *head, size_t n, size_t *at);
int em_hdf_file_open(struct em_hdf_file *f, struct em_blob blob, struct em_error *err);

/* n bytes at an address; NULL where not all of them are in the file. */
const unsigned char *em_hdf_at(const struct em_hdf_file *f, uint64_t address, uint64_t n);
/* A little-endian number of n <= 8 bytes; one of all ones stays EM_HDF_NOWHERE in an address. */
uint64_t em_hdf_number(const unsigned char *p, size_t n);
uint64_t em_hdf_address(const struct em_hdf_file *f, const unsigned char *p);
int em_hdf_refuse(struct em_error *err, const char *what, uint64_t address);

/* What we read of the kinds of messages. */
enum em_hdf_message_type {
	EM_HDF_DATASPACE = 1,
	EM_HDF_LINK_INFO = 2,
	EM_HDF_DATATYPE = 3,
	EM_HDF_FILL_OLD = 4,
	EM_HDF_FILL = 5,
	EM_HDF_LINK = 6,
	EM_HDF_LAYOUT = 8,
	EM_HDF_FILTERS = 11,
	EM_HDF_ATTRIBUTE = 12,
	EM_HDF_CONTINUATION = 16,
	EM_HDF_SYMBOL_TABLE = 17,
	EM_HDF_ATTRIBUTE_INFO = 21,
};

struct em_hdf_message {
	unsigned type;
	bool shared; /* lies elsewhere: data is a reference to it */
	const unsigned char *data;
	size_t bytes;
};

/* All messages of an object, in no order that means anything. */
struct em_hdf_object {
	struct em_hdf_message *message;
	size_t count, capacity;
};

int em_hdf_object_read(const struct em_hdf_file *f, uint64_t address, struct em_hdf_object *o, struct em_error *err);
void em_hdf_object_release(struct em_hdf_object *o);
/* The first of this type; NULL: none. */
const struct em_hdf_message *em_hdf_object_find(const struct em_hdf_object *o, unsigned type);

#endif
