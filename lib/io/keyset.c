/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/keyset.h"

#include <stdlib.h>
#include <string.h>

int em_keyset_init(struct em_keyset *set, struct em_error *err)
{
	struct em_keyset fresh = {0};

	fresh.young = calloc(EM_KEYSET_SLOTS, sizeof(uint64_t));
	fresh.old = calloc(EM_KEYSET_SLOTS, sizeof(uint64_t));
	if (!fresh.young || !fresh.old) {
		em_keyset_release(&fresh);
		return em_error_memory(err, EM_KEYSET_SLOTS * sizeof(uint64_t));
	}
	*set = fresh;
	return 0;
}

void em_keyset_release(struct em_keyset *set)
{
	free(set->young);
	free(set->old);
	memset(set, 0, sizeof(*set));
}

/* FNV-1a, then the finaliser of MurmurHash3 so that all bits depend on all bytes; never 0. */
static uint64_t fingerprint(const char *key)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3;
	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd;
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
	h ^= h >> 33;
	return h ? h : 1;
}

/* The slot that holds h, or the free one where it belongs. */
static uint64_t *slot(uint64_t *table, uint64_t h)
{
	size_t i = (size_t)h & (EM_KEYSET_SLOTS - 1);

	while (table[i] && table[i] != h)
		i = (i + 1) & (EM_KEYSET_SLOTS - 1);
	return &table[i];
}

bool em_keyset_add(struct em_keyset *set, const char *key)
{
	uint64_t h = fingerprint(key);
	uint64_t *place;

	if (*slot(set->old, h) || *slot(set->young, h))
		return false;
	if (set->count == EM_KEYSET_WINDOW) {
		uint64_t *forgotten = set->old;

		set->old = set->young;
		set->young = forgotten;
		memset(set->young, 0, EM_KEYSET_SLOTS * sizeof(uint64_t));
		set->count = 0;
	}
	place = slot(set->young, h);
	*place = h;
	set->count++;
	return true;
}
