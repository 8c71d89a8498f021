/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A contact sheet's pictures, kept at the size at which they are shown, and the sheet. */
#ifndef EM_PLOT_SHEET_H
#define EM_PLOT_SHEET_H

#include "io/stream.h"
#include "plot/canvas.h"
#include "plot/page.h"

struct em_tile {
	size_t number;           /* the caller's */
	struct em_array picture; /* float32, NAN where there is no number */
	size_t src_w;            /* px of what came */
	struct em_axis axis;     /* its x */
	/* the last part of the key; "film 0.84, substrate 0.95", a map's range, or ""; owned */
	char *key, *fractions;
	double time;             /* s; NAN: not known */
	double lo, hi;           /* the ends of its colours, where each has its own */
};

/* A 2-D array made `width` px wide, or for width 0 `edge` on its longer side.  EM_ERROR_DATA for other dimensions. */
int em_tile_init(struct em_tile *tile, const struct em_array *picture, size_t width, size_t edge, struct em_error *err);
/* What its caption says, from "crystal" in the record. */
int em_tile_read(struct em_tile *tile, const struct em_sample *s, struct em_error *err);
void em_tile_release(struct em_tile *tile); /* a zeroed struct is empty */

struct em_sheet {
	const struct em_tile **tile; /* in reading order */
	size_t n;                    /* >= 1 */
	double percentile[2];        /* of the pixels of all pictures: the ends of the colours */
	enum em_colormap map;
	bool own;          /* each picture has its own colours (tile->lo, hi): no colour bar */
	const char *title; /* "" for none */
};

/* Columns for n pictures of h x w px, such that the sheet is rather wide than high and few places are empty. */
size_t em_sheet_columns(size_t n, double h, double w);
/* Decimals with which times in this unit are told apart, and none is far from what is written; 0..4. */
int em_sheet_decimals(const struct em_sheet *sheet, double unit);
int em_sheet_draw(const struct em_sheet *sheet, struct em_canvas *c, struct em_error *err);

#endif
