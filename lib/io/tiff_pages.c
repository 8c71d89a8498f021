/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tiff_pages.h"

#include <stdlib.h>
#include <string.h>

enum { TAG_NEW_SUBFILE = 254, TAG_SUBFILE = 255 };

struct chain {
	struct em_tiff_view view;
	uint64_t unread; /* bytes of directories that may still come: overlapping ones would take forever */
};

static int read_header(struct em_tiff_view *v, uint64_t *first, struct em_error *err)
{
	if (v->blob.size < 8)
		return em_error_set(err, EM_ERROR_DATA, "TIFF: the file is cut within its header");
	v->big_endian = v->blob.data[0] == 'M';
	v->big = em_tiff_view_get(v, 2, 2) == 43;
	if (!v->big) {
		*first = em_tiff_view_get(v, 4, 4);
	} else {
		if (v->blob.size < 16 || em_tiff_view_get(v, 4, 2) != 8)
			return em_error_set(err, EM_ERROR_DATA, "TIFF: not a valid BigTIFF header");
		*first = em_tiff_view_get(v, 8, 8);
	}
	if (!*first)
		return em_error_set(err, EM_ERROR_DATA, "TIFF: the file holds no picture");
	return 0;
}

/* Bits 0 (reduced resolution) and 2 (mask) of NewSubfileType; value 2 of the old SubfileType. */
static bool entry_says_reduced(const struct em_tiff_view *v, uint64_t entry)
{
	uint64_t tag = em_tiff_view_get(v, entry, 2), type = em_tiff_view_get(v, entry + 2, 2);
	uint64_t value = em_tiff_view_get(v, entry + (v->big ? 12 : 8), type == EM_TIFF_SHORT ? 2 : 4);

	return (tag == TAG_NEW_SUBFILE && (value & 5)) || (tag == TAG_SUBFILE && value == 2);
}

static int read_directory(struct chain *c, uint64_t at, bool *reduced, uint64_t *next, struct em_error *err)
{
	uint64_t entry_bytes = c->view.big ? 20 : 12;
	struct em_tiff_directory d;

	if (!em_tiff_directory_at(&c->view, at, &d))
		return em_error_set(err, EM_ERROR_DATA,
		                    "TIFF: a directory lies outside the file: the file is cut or damaged");
	if (d.entries * entry_bytes > c->unread)
		return em_error_set(err, EM_ERROR_DATA, "TIFF: directories overlap: the file is damaged or hostile");
	c->unread -= d.entries * entry_bytes;
	*reduced = false;
	for (uint64_t i = 0; i < d.entries; i++)
		*reduced = *reduced || entry_says_reduced(&c->view, d.place + i * entry_bytes);
	*next = d.next;
	return 0;
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
	struct chain c = {.view.blob = blob, .unread = 4 * (uint64_t)blob.size};
	struct em_tiff_pages found = {0};
	uint64_t first;

	if (read_header(&c.view, &first, err))
		return -1;
	found.view = c.view;
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
