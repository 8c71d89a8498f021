/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two axes of numbers with a plane between them, on which curves are drawn. */
#ifndef EM_PLOT_AXES_H
#define EM_PLOT_AXES_H

#include "plot/canvas.h"
#include "plot/scale.h"

#include <stdbool.h>

struct em_axis_range {
	double lo, hi;        /* the values at the ends; lo < hi after em_axis_range_of */
	bool whole;           /* values between whole numbers mean nothing: no ticks there */
	const char *what;     /* the quantity, "" for none; borrowed */
	const char *units;    /* "" for none; borrowed */
	struct em_ticks ticks; /* filled by em_axes_layout */
};

struct em_axes {
	struct em_axis_range x, y;
	/* filled by em_axes_layout */
	double text, line;    /* size of the text, width of the axes' lines */
	struct em_box plane;  /* all edges whole pixels */
	double width, height; /* of all, from 0, 0: the page */
};

/*
 * Ends for an axis that shows the values lo..hi (finite, |v| <= 1e100): `margin` of their distance beyond either, but
 * not below 0 where no value is; where all values are equal, or too close for digits, as much about them as lets the
 * value be read.
 */
void em_axis_range_of(struct em_axis_range *axis, double lo, double hi, double margin);

/* A plane `width` px wide and 0.6 of that high; `top` px above it are the caller's. */
void em_axes_layout(struct em_axes *axes, struct em_canvas *c, double width, double top);
/* Text size for a plane of this width. */
double em_axes_text(double width);

void em_axes_draw(const struct em_axes *axes, struct em_canvas *c);

/* Where values lie on the page; beyond the plane too, but never more than a few planes away, so that no coordinate
 * overflows. */
double em_axes_x(const struct em_axes *axes, double v);
double em_axes_y(const struct em_axes *axes, double v);

#endif
