/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the pages of a TIFF are.  libtiff walks the chain of directories anew for each page it is sent to; a movie of
 * 10,000 frames wants them all once.
 */
#ifndef EM_IO_TIFF_PAGES_H
#define EM_IO_TIFF_PAGES_H

#include "io/tiff_tags.h"

#include <stdint.h>

#define EM_TIFF_MAX_PAGES (1u << 20)

struct em_tiff_pages {
	struct em_tiff_view view; /* the file */
	uint64_t *offset;         /* of each page's directory; owned */
	size_t count;
};

/*
 * The full-resolution pages in file order: those whose NewSubfileType marks them as reduced or as a mask are left out
 * (where all are marked so, the first counts).  EM_ERROR_DATA for a chain that is cut, runs in a circle, is empty,
 * overlaps itself or is longer than EM_TIFF_MAX_PAGES.
 */
int em_tiff_pages_find(struct em_blob blob, struct em_tiff_pages *pages, struct em_error *err);
void em_tiff_pages_release(struct em_tiff_pages *pages);

#endif
