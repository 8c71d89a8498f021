/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a kind of figure provides; internal to this room. */
#ifndef EM_PLOT_KIND_H
#define EM_PLOT_KIND_H

#include "plot/plot.h"

struct em_plot {
	const struct em_plot_kind *kind;
	struct em_plot_options opt;
	size_t seen, failed; /* samples that came; those marked with "error" among them */
	struct em_text note;
	void *state; /* the kind's own, state_size bytes, zeroed at first */
};

struct em_plot_kind {
	const char *name, *purpose;
	size_t state_size;
	double percentile[2]; /* the ends of the colours unless the user says otherwise; both 0: 0.5, 99.5 */
	int (*take)(struct em_plot *plot, const struct em_sample *s, struct em_error *err);
	/* Measure, em_canvas_begin, draw. */
	int (*draw)(struct em_plot *plot, struct em_canvas *c, struct em_error *err);
	void (*release)(void *state); /* what the state owns, not the state */
};

/* Of kinds that show one sample: is it this one that --key or --nth ask for, or is it the first? */
bool em_plot_wants(const struct em_plot *plot, const struct em_sample *s);
/* The error of such a kind when the sample did not come; -1. */
int em_plot_missing(const struct em_plot *plot, struct em_error *err);
/* And its note when one was drawn that was not asked for, with `passed` others. */
void em_plot_note_passed(struct em_plot *plot, const char *key, size_t passed);

/* The axes of a two-dimensional array: with the image's proportions, to a fifth (grids have sizes of their own), it
 * is a map of it: its pixels are as much larger as it is coarser, in the image's units or its pixels. */
void em_plot_map_axes(struct em_array *map, const struct em_sample *s);

extern const struct em_plot_kind em_plot_abundance, em_plot_bragg, em_plot_classmap, em_plot_curve, em_plot_frames,
    em_plot_image, em_plot_map, em_plot_profile, em_plot_spectrum;

#endif
