/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256 (FIPS 180-4) of bytes, whole or piece by piece, as 64 lower-case hexadecimal digits. */
#ifndef EM_BASE_DIGEST_H
#define EM_BASE_DIGEST_H

#include "base/error.h"

#include <stddef.h>

#define EM_DIGEST_HEX 65 /* 64 digits and the end of the string */

/* The digest of n bytes; `bytes` may be NULL when n is 0. */
void em_digest_sha256_hex(const void *bytes, size_t n, char out[EM_DIGEST_HEX]);

/* The same in pieces: new, add any number of times, hex once (it starts a new digest), free. */
struct em_digest;
struct em_digest *em_digest_new(struct em_error *err);
void em_digest_add(struct em_digest *digest, const void *bytes, size_t n);
void em_digest_hex(struct em_digest *digest, char out[EM_DIGEST_HEX]);
void em_digest_free(struct em_digest *digest); /* NULL allowed */

#endif
