/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PKWARE's APPNOTE.TXT 6.3: sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14-16 and 4.5.3 (ZIP64). */
#include "io/zip.h"

#include "io/inflate.h"

#include <stdlib.h>
#include <string.h>

enum {
	END_BYTES = 22,
	END64_BYTES = 56,
	LOCATOR_BYTES = 20,
	ENTRY_BYTES = 46,
	LOCAL_BYTES = 30,
	MAX_COMMENT = 65535,
	ENCRYPTED = 1,
	STORED = 0,
	DEFLATED = 8,
	EXTRA_ZIP64 = 1
};

#define MAX_RATIO 1032 /* of deflate: 258 bytes from two bits */

struct directory {
	uint64_t at, bytes, entries;
};

static uint64_t le(const unsigned char *p, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static int damaged(struct em_error *err, const char *what)
{
	return em_error_set(err, EM_ERROR_DATA, "ZIP: %s: the file is cut or damaged", what);
}

static bool lies_within(struct em_blob blob, uint64_t at, uint64_t n)
{
	return at <= blob.size && n <= blob.size - at;
}

/* The end record is the last thing in the file but for a comment of its own. */
static const unsigned char *find_end(struct em_blob blob)
{
	size_t most = blob.size < END_BYTES + MAX_COMMENT ? blob.size : END_BYTES + MAX_COMMENT;

	for (size_t n = END_BYTES; n <= most; n++) {
		const unsigned char *p = blob.data + blob.size - n;

		if (!memcmp(p, "PK\5\6", 4) && le(p + 20, 2) == n - END_BYTES)
			return p;
	}
	return NULL;
}

static int find_directory(struct em_blob blob, struct directory *d, struct em_error *err)
{
	const unsigned char *end = find_end(blob), *locator, *end64;
	uint64_t at;

	if (!end)
		return damaged(err, "its directory is missing");
	*d = (struct directory){le(end + 16, 4), le(end + 12, 4), le(end + 10, 2)};
	if (end - blob.data >= LOCATOR_BYTES && !memcmp(end - LOCATOR_BYTES, "PK\6\7", 4)) {
		locator = end - LOCATOR_BYTES;
		at = le(locator + 8, 8);
		if (!lies_within(blob, at, END64_BYTES) || memcmp(blob.data + at, "PK\6\6", 4))
			return damaged(err, "its ZIP64 directory is missing");
		end64 = blob.data + at;
		*d = (struct directory){le(end64 + 48, 8), le(end64 + 40, 8), le(end64 + 32, 8)};
	}
	if (!lies_within(blob, d->at, d->bytes) || d->entries > d->bytes / ENTRY_BYTES)
		return damaged(err, "its directory lies outside");
	return 0;
}

/* Sizes of 2^32 - 1 stand for 8-byte ones in an extra field, in this order, only those that are needed. */
static bool read_zip64(const unsigned char *extra, size_t n, uint64_t *bytes, uint64_t *packed, uint64_t *local)
{
	uint64_t *const wanted[] = {bytes, packed, local};

	while (n >= 4) {
		size_t len = (size_t)le(extra + 2, 2);
		const unsigned char *p = extra + 4;

		if (len > n - 4)
			return false;
		if (le(extra, 2) == EXTRA_ZIP64) {
			for (int i = 0; i < 3; i++) {
				if (*wanted[i] != UINT32_MAX)
					continue;
				if ((size_t)(extra + 4 + len - p) < 8)
					return false;
				*wanted[i] = le(p, 8);
				p += 8;
			}
			return true;
		}
		extra += 4 + len;
		n -= 4 + len;
	}
	return *bytes != UINT32_MAX && *packed != UINT32_MAX && *local != UINT32_MAX;
}

/* The central entry of `n` bytes at p; its data by way of the local header. */
static int read_entry(struct em_blob blob, const unsigned char *p, struct em_zip_member *m, struct em_error *err)
{
	uint64_t packed = le(p + 20, 4), bytes = le(p + 24, 4), local = le(p + 42, 4), at;
	size_t name = (size_t)le(p + 28, 2), extra = (size_t)le(p + 30, 2);
	unsigned flags = (unsigned)le(p + 8, 2), method = (unsigned)le(p + 10, 2);

	if (flags & ENCRYPTED)
		return em_error_set(err, EM_ERROR_DATA, "ZIP: a member is encrypted");
	if (method != STORED && method != DEFLATED)
		return em_error_set(err, EM_ERROR_DATA, "ZIP: compression method %u is not supported", method);
	if (!read_zip64(p + ENTRY_BYTES + name, extra, &bytes, &packed, &local))
		return damaged(err, "a member's sizes are missing");
	if (!lies_within(blob, local, LOCAL_BYTES) || memcmp(blob.data + local, "PK\3\4", 4))
		return damaged(err, "a member is not where the directory says");
	at = local + LOCAL_BYTES + le(blob.data + local + 26, 2) + le(blob.data + local + 28, 2);
	if (!lies_within(blob, at, packed))
		return damaged(err, "a member lies outside");
	if (method == STORED ? bytes != packed : bytes / MAX_RATIO > packed)
		return damaged(err, "a member claims more than its bytes can hold");
	*m = (struct em_zip_member){
		.name = (const char *)p + ENTRY_BYTES,
		.name_length = name,
		.deflated = method == DEFLATED,
		.crc = (uint32_t)le(p + 16, 4),
		.packed_bytes = (size_t)packed,
		.bytes = (size_t)bytes,
		.packed = blob.data + at,
	};
	return 0;
}

static int read_entries(struct em_blob blob, const struct directory *d, struct em_zip *zip, struct em_error *err)
{
	const unsigned char *p = blob.data + d->at, *end = p + d->bytes;
	uint64_t sum = 0;

	for (; zip->count < d->entries; zip->count++) {
		size_t n;

		if (end - p < ENTRY_BYTES || memcmp(p, "PK\1\2", 4))
			return damaged(err, "its directory is too short");
		n = (size_t)(ENTRY_BYTES + le(p + 28, 2) + le(p + 30, 2) + le(p + 32, 2));
		if ((size_t)(end - p) < n)
			return damaged(err, "its directory is too short");
		if (read_entry(blob, p, &zip->member[zip->count], err))
			return -1;
		sum += zip->member[zip->count].packed_bytes;
		if (sum > blob.size)
			return damaged(err, "members overlap");
		p += n;
	}
	return 0;
}

int em_zip_open(struct em_blob blob, struct em_zip *zip, struct em_error *err)
{
	struct em_zip fresh = {0};
	struct directory d = {0};

	if (find_directory(blob, &d, err))
		return -1;
	fresh.member = calloc(d.entries ? d.entries : 1, sizeof(*fresh.member));
	if (!fresh.member)
		return em_error_memory(err, d.entries * sizeof(*fresh.member));
	if (read_entries(blob, &d, &fresh, err)) {
		em_zip_release(&fresh);
		return -1;
	}
	*zip = fresh;
	return 0;
}

void em_zip_release(struct em_zip *zip)
{
	free(zip->member);
	memset(zip, 0, sizeof(*zip));
}

const struct em_zip_member *em_zip_find(const struct em_zip *zip, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < zip->count; i++)
		if (zip->member[i].name_length == n && !memcmp(zip->member[i].name, name, n))
			return &zip->member[i];
	return NULL;
}

int em_zip_read(const struct em_zip_member *m, struct em_blob *bytes, unsigned char **owned, struct em_error *err)
{
	struct em_blob fresh = {m->packed, m->bytes};
	unsigned char *unpacked = NULL;

	if (m->deflated) {
		unpacked = malloc(m->bytes ? m->bytes : 1);
		if (!unpacked)
			return em_error_memory(err, m->bytes);
		if (em_inflate(m->packed, m->packed_bytes, unpacked, m->bytes, EM_INFLATE_RAW, err)) {
			free(unpacked);
			return -1;
		}
		fresh.data = unpacked;
	}
	/* A stored movie is used where it lies: its first frame does not wait until all of it has been read. */
	if ((m->deflated || m->bytes <= EM_ZIP_CHECKED_BYTES) &&
	    em_inflate_crc32(fresh.data, fresh.size) != m->crc) {
		free(unpacked);
		return em_error_set(err, EM_ERROR_DATA, "a checksum is wrong: the file is damaged");
	}
	*bytes = fresh;
	*owned = unpacked;
	return 0;
}
