/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bragg spots as emfft-crystallinity leaves them in the records, and their marks on a picture of the spectrum. */
#ifndef EM_PLOT_MARKS_H
#define EM_PLOT_MARKS_H

#include "base/record.h"
#include "plot/canvas.h"

#define EM_SPOTS_MAX 1000       /* of all phases; more are left out */
#define EM_SPOTS_PHASES_MAX 21  /* as many colours can be told apart */

struct em_mark {
	double y, x;   /* cycles per pixel, each within -0.5..0.5; stands for the pair +g, -g */
	double d_nm;   /* spacing; 0: not known */
	size_t phase;
};

struct em_marks {
	struct em_mark *v; /* owned */
	size_t n, phases;
	struct {
		char name[64];
		struct em_rgb color; /* em_color_class, lighter: for dark ground */
		size_t spots;        /* those left out, too */
	} phase[EM_SPOTS_PHASES_MAX];
};

/* The member "bragg" of a record; what is no spot in it is passed by, and without any of it *spots is empty. */
int em_marks_read(struct em_marks *spots, const struct em_record *record, struct em_error *err);
void em_marks_release(struct em_marks *spots); /* a zeroed struct is empty */

/* The largest distance from the middle, cycles per pixel; 0 without spots. */
double em_marks_farthest(const struct em_marks *spots);
/* The axis of frequencies that belongs to an axis of n pixels: in 1 / its units, or in cycles per pixel. */
void em_marks_frequency_axis(struct em_axis *f, const struct em_axis *axis, size_t n);
/* "0.390 nm", or "0.0513 px⁻¹" of a spot whose spacing is not known. */
void em_mark_label(const struct em_mark *spot, char *buf, size_t n);

struct em_marks_view {
	const struct em_marks *spots;
	struct em_box picture;     /* on the page */
	double middle[2];          /* where frequency 0 lies on the page: y, x */
	double per_cycle[2];       /* px of the page for one cycle per pixel, in y and in x */
	double text;
	struct em_box taken;       /* keep labels off here */
};

/*
 * A circle about each spot of a pair and a label at one of the two, where it covers no circle, no other label, nor
 * view->taken; where there is no such place the spot has none.  Spots are marked in their order, so the first ones of a
 * phase get their labels first.
 */
int em_marks_draw(const struct em_marks_view *view, struct em_canvas *c, struct em_error *err);

/* The names of the phases in their colours; no size without phases. */
void em_marks_legend_measure(const struct em_marks *spots, struct em_canvas *c, double text, double *w, double *h);
void em_marks_legend_draw(const struct em_marks *spots, struct em_canvas *c, struct em_box box, double text);

#endif
