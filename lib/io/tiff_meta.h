/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tags of a TIFF say beyond its pixels.  Two kinds: programs that describe all pages in the first one (ImageJ,
 * OME, DigitalMicrograph), which is read once, and microscopes that describe each picture in its own page.
 */
#ifndef EM_IO_TIFF_META_H
#define EM_IO_TIFF_META_H

#include "io/tiff_tags.h"

/* What the first page says of all. */
struct em_tiff_series {
	size_t height, width; /* of the pages that it is about */
	struct em_axis y, x;
	struct em_meta_place dim[3]; /* of the stack, slowest first; `index` is not used */
	int ndims;                   /* 0: it does not say */
	struct em_meta meta;
	bool one_page; /* that page is the only one, and all that it says is here */
};

/* `frames`: how many pictures there are.  Cannot fail: what cannot be understood is not there. */
void em_tiff_series_find(const struct em_tiff_directory *first, size_t frames, struct em_tiff_series *s);
/* Many pictures lie behind the first page's directory: take over what it says of itself, too. */
void em_tiff_series_add_page(struct em_tiff_series *s, const struct em_tiff_directory *page);
/*
 * Axes and metadata of picture `frame`, whose directory is `page`.  A resolution for printers (72 dpi) is no
 * calibration: X/YResolution count only where a program of microscopes is known to have written them.
 */
void em_tiff_put_meta(const struct em_tiff_series *s, const struct em_tiff_directory *page, size_t frame,
                      struct em_array *a, struct em_meta *meta);

/*
 * All tags of a page but those that only tell where its pixels are, as one JSON object: by name where it has one, by
 * number else; texts of known structure and binary blocks as objects "FEI", "Zeiss", "TVIPS", "SIS", "JEOL", "OME",
 * "Gatan".
 */
void em_tiff_put_tags(const struct em_tiff_directory *page, struct em_text *json);

#endif
