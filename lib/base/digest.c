/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/digest.h"

#include <nettle/sha2.h>
#include <stdint.h>
#include <stdlib.h>

struct em_digest {
	struct sha256_ctx sha;
};

/* Ends the digest (nettle starts a new one by itself) and spells it out. */
static void end_hex(struct sha256_ctx *sha, char out[EM_DIGEST_HEX])
{
	static const char digit[] = "0123456789abcdef";
	uint8_t raw[SHA256_DIGEST_SIZE];

	sha256_digest(sha, sizeof(raw), raw);
	for (size_t i = 0; i < sizeof(raw); i++) {
		out[2 * i] = digit[raw[i] >> 4];
		out[2 * i + 1] = digit[raw[i] & 15];
	}
	out[2 * sizeof(raw)] = '\0';
}

void em_digest_sha256_hex(const void *bytes, size_t n, char out[EM_DIGEST_HEX])
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	if (n > 0)
		sha256_update(&sha, n, bytes);
	end_hex(&sha, out);
}

struct em_digest *em_digest_new(struct em_error *err)
{
	struct em_digest *digest = malloc(sizeof(*digest));

	if (digest == NULL) {
		em_error_memory(err, sizeof(*digest));
		return NULL;
	}
	sha256_init(&digest->sha);
	return digest;
}

void em_digest_add(struct em_digest *digest, const void *bytes, size_t n)
{
	if (n > 0)
		sha256_update(&digest->sha, n, bytes);
}

void em_digest_hex(struct em_digest *digest, char out[EM_DIGEST_HEX])
{
	end_hex(&digest->sha, out);
}

void em_digest_free(struct em_digest *digest)
{
	free(digest);
}
