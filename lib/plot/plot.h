/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Figures from samples.  A kind of figure is one .c in this folder and one line in the table of plot.c.  Samples are
 * taken one by one, so that memory follows the figure, not the stream:
 *
 *     plot = em_plot_new(em_plot_kind_find("classmap"), &options, &err);
 *     while (samples) em_plot_take(plot, &sample, &err);
 *     em_plot_draw(plot, &bytes, &err);
 *     em_plot_free(plot);
 */
#ifndef EM_PLOT_PLOT_H
#define EM_PLOT_PLOT_H

#include "base/error.h"
#include "base/text.h"
#include "io/stream.h"
#include "plot/canvas.h"

#include <stdbool.h>

enum em_plot_side { EM_PLOT_RIGHT, EM_PLOT_BELOW, EM_PLOT_NONE };
#define EM_PLOT_SIDE_NAMES "right below none"
enum em_plot_measure { EM_PLOT_COUNT, EM_PLOT_AREA };
#define EM_PLOT_MEASURE_NAMES "count area"

#define EM_PLOT_CURVES_MAX 21 /* as many colours can be told apart */
#define EM_PLOT_FRAMES_MAX 60 /* on a sheet */

/* What the user asked for.  Strings are borrowed; NULL: not given.  Start from EM_PLOT_DEFAULTS. */
struct em_plot_options {
	int format;        /* enum em_canvas_format */
	size_t width;      /* of the picture or the bars, px; 0: what suits it */
	const char *title; /* "": none; NULL: what the kind finds fit */
	/* classmap, abundance */
	const char *picture; /* only chips of the picture with this key */
	const char *colors;  /* file with {"classes":[{"name":..,"color":"#rrggbb"},...]} */
	int measure;         /* enum em_plot_measure */
	/* classmap */
	const char *image; /* the micrograph, a file of any known format */
	double alpha;      /* opacity of a class of probability 1, 0..1 */
	int legend;        /* enum em_plot_side */
	/* image, bragg, map, profile, spectrum */
	const char *key;      /* the sample of this key */
	size_t nth;           /* the n-th sample, from 1; 0: not given */
	const char *array;    /* the array KEY.NAME.npy, not the image (frames too); map: NAME,NAME... */
	double percentile[2]; /* shown as the ends of the colour map; both 0: what suits the kind */
	int colormap;         /* enum em_colormap */
	/* bragg */
	bool crop; /* show the spots' range, not the whole plane */
	/* frames */
	size_t at[EM_PLOT_FRAMES_MAX]; /* the samples of these numbers, from 1; which, if none: evenly spaced */
	size_t nat;
	/* curve */
	const char *y[EM_PLOT_CURVES_MAX]; /* PATH or PATH=LABEL, or several with commas between (plot/quantity.h) */
	size_t ny;                         /* none: the fractions of all phases */
	const char *x;     /* PATH or PATH=LABEL; NULL: the time where there is one, or the sample's number */
	double band;       /* half the height of bands, in standard uncertainties; 0: none */
	double y_range[2]; /* (also profile, spectrum) ends of the axis; equal: what the values need */
	/* profile, spectrum */
	double x_range[2]; /* likewise */
};
#define EM_PLOT_DEFAULTS                                                                                               \
	{                                                                                                              \
		.alpha = 0.5, .band = 1                                                                                \
	}

struct em_plot;
struct em_plot_kind;

/* The i-th kind of figure, NULL past the last; and the one of a name, NULL where there is none. */
const struct em_plot_kind *em_plot_kind_at(size_t i);
const struct em_plot_kind *em_plot_kind_find(const char *name);
const char *em_plot_kind_name(const struct em_plot_kind *kind);
const char *em_plot_kind_purpose(const struct em_plot_kind *kind); /* one line, no full stop */

/* The format that a file name's extension names (any case); -1, *format untouched, where it names none. */
int em_plot_format_of_name(const char *path, int *format);

/* EM_ERROR_USAGE for options that make no sense. */
struct em_plot *em_plot_new(const struct em_plot_kind *kind, const struct em_plot_options *opt, struct em_error *err);
void em_plot_free(struct em_plot *plot); /* NULL allowed */
/* Samples that the figure does not need, or that an earlier tool marked with "error", are passed by. */
int em_plot_take(struct em_plot *plot, const struct em_sample *s, struct em_error *err);
/* The whole file, appended.  EM_ERROR_DATA when nothing that came can be drawn: the text says what is missing. */
int em_plot_draw(struct em_plot *plot, struct em_text *out, struct em_error *err);
/* One line about what was left out, for a warning; "" for nothing.  Valid after em_plot_draw. */
const char *em_plot_note(const struct em_plot *plot);

#endif
