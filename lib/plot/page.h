/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where things go on a page, and the marks that figures share: title, scale bar, colour bar. */
#ifndef EM_PLOT_PAGE_H
#define EM_PLOT_PAGE_H

#include "plot/canvas.h"
#include "plot/plot.h"
#include "plot/scale.h"

/*
 * A picture with a title above it and something beside or below it (a legend, a colour bar).  The title's box spans
 * what lies below it; boxes of things that are not there have no size.  All edges are whole pixels, so that pictures
 * are not smeared.  No box touches another nor the edge of the page.
 */
struct em_page {
	double width, height;
	double text; /* size of the text: a fixed share of the figure, so that it is read at any size */
	double gap;  /* between boxes and around them */
	struct em_box title, picture, side;
};

/* Text size for a picture of this size, px. */
double em_page_text(double picture_w, double picture_h);
void em_page_layout(struct em_page *page, double picture_w, double picture_h, bool title, double side_w, double side_h,
                    enum em_plot_side where);

void em_page_title(struct em_canvas *c, const struct em_page *page, const char *title);

/* A white bar on a dark ground in the lower left corner of the picture, `length` px long; left out where the picture
 * is too small for it.  Where it is; no size where it is not. */
struct em_box em_page_scale_bar(struct em_canvas *c, const struct em_page *page, double length, const char *label);

/* A colour bar of the values lo..hi (lo == hi: one colour), with ticks on its right. */
struct em_color_bar {
	double lo, hi;
	enum em_colormap map;
	bool nan;             /* a swatch below the bar says which colour is not a number */
	bool only_nan;        /* there are no values: no bar, only the swatch */
	struct em_ticks ticks; /* filled by em_color_bar_measure */
};

/* The width that the bar with its labels takes beside a picture of height `height` px. */
double em_color_bar_measure(struct em_color_bar *bar, struct em_canvas *c, double text, double height);
/* Fills page->side. */
int em_color_bar_draw(const struct em_color_bar *bar, struct em_canvas *c, const struct em_page *page,
                      struct em_error *err);

#endif
