/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Just enough ZIP to read what numpy.savez writes: stored and deflated members, ZIP64, no encryption, one volume.
 * (libarchive belongs to the stream, and it reads forward only; here a member is wanted by number.)
 */
#ifndef EM_IO_ZIP_H
#define EM_IO_ZIP_H

#include "base/error.h"
#include "io/codec.h"

#include <stdint.h>

struct em_zip_member {
	const char *name; /* in the file, not terminated */
	size_t name_length;
	bool deflated;
	uint32_t crc;
	size_t packed_bytes, bytes;
	const unsigned char *packed;
};

struct em_zip {
	struct em_zip_member *member; /* in the order of the central directory; owned */
	size_t count;
};

/* EM_ERROR_DATA for what is cut, damaged, encrypted, or claims more than its bytes could hold: members may not share
 * bytes, and deflate does not pack better than 1:1032. */
int em_zip_open(struct em_blob blob, struct em_zip *zip, struct em_error *err);
void em_zip_release(struct em_zip *zip);
/* The first member of this name, or NULL. */
const struct em_zip_member *em_zip_find(const struct em_zip *zip, const char *name);
/*
 * All bytes of a member: those in the file where it is stored, else unpacked into *owned for the caller to free (NULL
 * where there is nothing to free).  The checksum is verified but for stored members beyond EM_ZIP_CHECKED_BYTES.
 */
#define EM_ZIP_CHECKED_BYTES ((size_t)64 << 20)
int em_zip_read(const struct em_zip_member *m, struct em_blob *bytes, unsigned char **owned, struct em_error *err);

#endif
