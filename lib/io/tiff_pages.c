/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tiff_pages.h"

#include <stdlib.h>
#include <string.h>

enum { TAG_NEW_SUBFILE = 254, TAG_SUBFILE = 255 };

struct chain {
	struct em_blob blob;
	bool big_endian, big;
	uint64_t unread; /* bytes of directories that may still come: overlapping ones would take forever */
};

/* n bytes at `at`, which the caller has checked to be there. */
static uint64_t get(const struct chain *c, uint64_t at, int n)
{
	const unsigned char *p = c->blob.data + at;
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v = v << 8 | p[c->big_endian ? i : n - 1 - i];
	return v;
}

static bool has(const struct chain *c, uint64_t at, uint64_t n)
{
	return at <= c->blob.size && n <= c->blob.size - at;
}

static int read_header(struct chain *c, uint64_t *first, struct em_error *err)
{
	const unsigned char *p = c->blob.data;

	if (c->blob.size < 8)
		return em_error_set(err, EM_ERROR_DATA, "TIFF: the file is cut within its header");
	c->big_endian = p[0] == 'M';
	c->big = get(c, 2, 2) == 43;
	if (!c->big) {
		*first = get(c, 4, 4);
	} else {
		if (c->blob.size < 16 || get(c, 4, 2) != 8)
			return em_error_set(err, EM_ERROR_DATA, "TIFF: not a valid BigTIFF header");
		*first = get(c, 8, 8);
	}
	if (!*first)
		return em_error_set(err, EM_ERROR_DATA, "TIFF: the file holds no picture");
	return 0;
}

/* Bits 0 (reduced resolution) and 2 (mask) of NewSubfileType; value 2 of the old SubfileType. */
static bool entry_says_reduced(const struct chain *c, uint64_t entry)
{
	uint64_t tag = get(c, entry, 2), type = get(c, entry + 2, 2), value_at = entry + (c->big ? 12 : 8);
	uint64_t value = get(c, value_at, type == 3 ? 2 : 4);

	return (tag == TAG_NEW_SUBFILE && (value & 5)) || (tag == TAG_SUBFILE && value == 2);
}

static int read_directory(struct chain *c, uint64_t at, bool *reduced, uint64_t *next, struct em_error *err)
{
	uint64_t count_bytes = c->big ? 8 : 2, entry_bytes = c->big ? 20 : 12, next_bytes = c->big ? 8 : 4, entries;

	if (!has(c, at, count_bytes))
		goto cut;
	entries = get(c, at, (int)count_bytes);
	at += count_bytes;
	if (entries > c->blob.size / entry_bytes || !has(c, at, entries * entry_bytes + next_bytes))
		goto cut;
	if (entries * entry_bytes > c->unread)
		return em_error_set(err, EM_ERROR_DATA, "TIFF: directories overlap: the file is damaged or hostile");
	c->unread -= entries * entry_bytes;
	*reduced = false;
	for (uint64_t i = 0; i < entries; i++)
		*reduced = *reduced || entry_says_reduced(c, at + i * entry_bytes);
	*next = get(c, at + entries * entry_bytes, (int)next_bytes);
	return 0;
cut:
	return em_error_set(err, EM_ERROR_DATA, "TIFF: a directory lies outside the file: the file is cut or damaged");
}

static int push(struct em_tiff_pages *pages, size_t *capacity, uint64_t offset, struct em_error *err)
{
	if (pages->count == EM_TIFF_MAX_PAGES)
		return em_error_set(err, EM_ERROR_DATA, "TIFF: more than %u pages", EM_TIFF_MAX_PAGES);
	if (pages->count == *capacity) {
		size_t n = *capacity ? 2 * *capacity : 4;
		uint64_t *grown = realloc(pages->offset, n * sizeof(*grown));

		if (!grown)
			return em_error_memory(err, n * sizeof(*grown));
		pages->offset = grown;
		*capacity = n;
	}
	pages->offset[pages->count++] = offset;
	return 0;
}

/* Brent's cycle finding: remember one directory, at steps 1, 2, 4, 8 ...; to meet it again is to go in a circle. */
static int walk(struct chain *c, uint64_t first, struct em_tiff_pages *pages, struct em_error *err)
{
	uint64_t remembered = 0, steps = 0, power = 1;
	size_t capacity = 0;

	for (uint64_t at = first, next = 0; at; at = next) {
		bool reduced = false;

		if (at == remembered)
			return em_error_set(err, EM_ERROR_DATA, "TIFF: the chain of pages runs in a circle");
		if (++steps == power) {
			remembered = at;
			power *= 2;
		}
		if (steps > 4 * (uint64_t)EM_TIFF_MAX_PAGES)
			return em_error_set(err, EM_ERROR_DATA, "TIFF: too many directories");
		if (read_directory(c, at, &reduced, &next, err))
			return -1;
		if (!reduced && push(pages, &capacity, at, err))
			return -1;
	}
	return pages->count ? 0 : push(pages, &capacity, first, err);
}

int em_tiff_pages_find(struct em_blob blob, struct em_tiff_pages *pages, struct em_error *err)
{
	struct chain c = {.blob = blob, .unread = 4 * (uint64_t)blob.size};
	struct em_tiff_pages found = {0};
	uint64_t first;

	if (read_header(&c, &first, err))
		return -1;
	found.big_endian = c.big_endian;
	found.big = c.big;
	if (walk(&c, first, &found, err)) {
		em_tiff_pages_release(&found);
		return -1;
	}
	*pages = found;
	return 0;
}

void em_tiff_pages_release(struct em_tiff_pages *pages)
{
	free(pages->offset);
	memset(pages, 0, sizeof(*pages));
}
