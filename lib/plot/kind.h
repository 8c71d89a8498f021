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
	void *state;         /* the kind's own, state_size bytes, zeroed at first */
};

struct em_plot_kind {
	const char *name, *purpose;
	size_t state_size;
	int (*take)(struct em_plot *plot, const struct em_sample *s, struct em_error *err);
	/* Measure, em_canvas_begin, draw. */
	int (*draw)(struct em_plot *plot, struct em_canvas *c, struct em_error *err);
	void (*release)(void *state); /* what the state owns, not the state */
};

extern const struct em_plot_kind em_plot_abundance, em_plot_classmap, em_plot_image;

#endif
