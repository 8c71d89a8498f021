/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A page to draw on, and its bytes as PNG, SVG or PDF.  The unit is the pixel of the PNG; x grows to the right, y down.
 * On paper (SVG, PDF) the page is EM_CANVAS_PAGE_MM wide, or less where it would be too high.  The same calls give the
 * same bytes.
 *
 * Text can be measured at once; drawing is possible after em_canvas_begin.  Drawing calls do not fail one by one:
 * em_canvas_finish reports.  All text is UTF-8; bytes that are not become '?'.
 */
#ifndef EM_PLOT_CANVAS_H
#define EM_PLOT_CANVAS_H

#include "base/error.h"
#include "base/text.h"
#include "plot/color.h"
#include "plot/raster.h"

#include <stdbool.h>

enum em_canvas_format { EM_CANVAS_PNG, EM_CANVAS_SVG, EM_CANVAS_PDF };
#define EM_CANVAS_FORMAT_NAMES "png svg pdf"

#define EM_CANVAS_PAGE_MM 180.0 /* a figure over two columns of a journal */
#define EM_CANVAS_PAGE_HIGH_MM 240.0
#define EM_CANVAS_CAP 0.73      /* height of a capital or digit, as a share of the text size */

struct em_canvas;
struct em_box {
	double x, y, w, h;
};

struct em_canvas *em_canvas_new(enum em_canvas_format format, struct em_error *err);
void em_canvas_free(struct em_canvas *c); /* NULL allowed */

/* Width of one line of text. */
double em_canvas_measure(struct em_canvas *c, double size, bool bold, const char *text);
/* Copy text into buf, cut with "…" so that it is at most `width` wide. */
void em_canvas_shorten(struct em_canvas *c, double size, bool bold, const char *text, double width, char *buf,
                       size_t n);

/* What the page is called and shows, for the file's metadata and for screen readers (SVG title and desc, PDF title and
 * subject).  Before em_canvas_begin. */
int em_canvas_describe(struct em_canvas *c, const char *title, const char *description, struct em_error *err);
/* Make the page, white.  EM_ERROR_USAGE for a size that cannot be. */
int em_canvas_begin(struct em_canvas *c, double width, double height, struct em_error *err);

void em_canvas_fill(struct em_canvas *c, struct em_box box, struct em_rgb color, double alpha);
/* The outline lies inside the box. */
void em_canvas_frame(struct em_canvas *c, struct em_box box, double line, struct em_rgb color);
/* n points x0 y0 x1 y1 ... joined by straight lines. */
void em_canvas_polyline(struct em_canvas *c, const double *xy, size_t n, double line, struct em_rgb color);
/* The area within n points; less than three have none. */
void em_canvas_polygon(struct em_canvas *c, const double *xy, size_t n, struct em_rgb color, double alpha);
/* A circle's line lies half inside, half outside; a disc is filled. */
void em_canvas_circle(struct em_canvas *c, double x, double y, double radius, double line, struct em_rgb color);
void em_canvas_disc(struct em_canvas *c, double x, double y, double radius, struct em_rgb color);
/* align: 0 text begins at x, 0.5 is centred on it, 1 ends there.  y is the base line. */
void em_canvas_text(struct em_canvas *c, double x, double y, double align, double size, bool bold,
                    struct em_rgb color, const char *text);
/* The same, regular, read from the bottom up: the base line is x, and y is where align puts it. */
void em_canvas_text_upward(struct em_canvas *c, double x, double y, double align, double size, struct em_rgb color,
                           const char *text);
/* What is drawn until em_canvas_unclip shows only within the box.  Not nested. */
void em_canvas_clip(struct em_canvas *c, struct em_box box);
void em_canvas_unclip(struct em_canvas *c);
/* Pixels stretched over the box, one to one where sizes agree, never smoothed. */
void em_canvas_image(struct em_canvas *c, struct em_box box, const struct em_pixels *pixels);

/* The whole file, appended to out.  The canvas can only be freed after that. */
int em_canvas_finish(struct em_canvas *c, struct em_text *out, struct em_error *err);

#endif
