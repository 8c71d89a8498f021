/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which keys has a stream shown?  A set of 64-bit fingerprints in fixed memory (4 MiB), whatever the length of the
 * stream: two generations of a hash table; when the younger is half full the older is forgotten.  So a key that comes
 * back is found if it was among the last EM_KEYSET_WINDOW keys, and among up to twice as many with luck.  A false
 * alarm has a chance of one in 10^13 a key.
 */
#ifndef EM_IO_KEYSET_H
#define EM_IO_KEYSET_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EM_KEYSET_SLOTS ((size_t)1 << 18)
#define EM_KEYSET_WINDOW (EM_KEYSET_SLOTS / 2)

struct em_keyset {
	uint64_t *young, *old; /* EM_KEYSET_SLOTS fingerprints each; 0 is a free slot */
	size_t count;          /* in young */
};

int em_keyset_init(struct em_keyset *set, struct em_error *err);
void em_keyset_release(struct em_keyset *set);
/* Add a key; false if it was there. */
bool em_keyset_add(struct em_keyset *set, const char *key);

#endif
