/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The legend of classes: swatch, name, number of chips, share of the area; and what the opacity means. */
#ifndef EM_PLOT_LEGEND_H
#define EM_PLOT_LEGEND_H

#include "plot/chips.h"
#include "plot/page.h"

struct em_legend {
	const struct em_classes *classes; /* arranged */
	enum em_plot_side side;
	double alpha;        /* opacity at probability 1 */
	bool probability;    /* are there probabilities to explain? */
	/* filled by em_legend_measure */
	double w, h;
	double text, row;                  /* text size and distance of base lines */
	double name_w, count_w, percent_w; /* widths of the columns */
	double key_x, key_y;               /* of the key to the opacity, within the legend */
	size_t columns;                    /* below the picture: how many entries side by side */
};

/* The room that the legend takes beside or below a picture of that size. */
void em_legend_measure(struct em_legend *legend, struct em_canvas *c, double picture_w, double picture_h);
void em_legend_draw(const struct em_legend *legend, struct em_canvas *c, struct em_box box);

/* The colour of a chip of class colour `color` and opacity alpha over one grey pixel: the colour itself follows the
 * pixel's brightness in part, so that the lattice stays visible below it. */
struct em_rgb em_legend_tint(struct em_rgb pixel, struct em_rgb color, double alpha);

#endif
