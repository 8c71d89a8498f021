/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A lattice movie from its first frame to its last.  Frames are looked at in any order and by many threads, and then
 * learned or placed one after the other:
 *
 *     em_movie_look(m, &frame, &f)          each frame, side by side
 *     em_movie_learn(m, &f)                 in order, until it says that this was the last reference frame, or there
 *                                           are no more
 *     em_movie_settle(m, fs, n)             the n frames learned: finds the spots, makes the reference
 *     em_movie_place(m, &f)                 in order, the frames after them
 *     em_movie_describe(m, &f, .., &sample) any of them, side by side, once settled
 *
 * A picture by itself (options.single) is a movie of one frame.
 */
#ifndef EM_CRYSTAL_MOVIE_H
#define EM_CRYSTAL_MOVIE_H

#include "base/array.h"
#include "crystal/area.h"
#include "crystal/drift.h"
#include "crystal/measure.h"
#include "crystal/order.h"
#include "crystal/reference.h"
#include "crystal/spots.h"
#include "io/stream.h"

#include <stdatomic.h>
#include <stdbool.h>

/* What the user asked for; all borrowed. */
struct em_movie_options {
	const struct em_spots_request *spots;
	size_t nspots;
	size_t reference; /* frames, >= 1 */
	double radius;    /* of masks, of |g| */
	bool single;
	bool still;                   /* no registration */
	const struct em_areas *areas; /* regions of the reference frame; may be NULL */
	const struct em_line *across; /* from one face of the film to the other; may be NULL */
	double breadth;               /* px beside that line that its profile takes in; 0: a quarter of its length */
	const char *control;          /* "PHASE" or "PHASE/REGION": what stays in order; may be NULL */
	bool maps;                    /* are wanted */
};

struct em_movie_frame {   /* a zeroed one may be released */
	size_t number;    /* from 0 */
	bool blank;       /* constant, dark or most of it saturated: nothing can be seen */
	bool dark;        /* next to the reference: the beam was off */
	double saturated; /* share of the pixels */
	double drift[2], quality;
	struct em_spectrum spectrum; /* until the maps are made */
	struct em_order_frame order;
};
void em_movie_frame_release(struct em_movie_frame *f);

struct em_movie {
	const struct em_movie_options *opt;
	size_t height, width;
	double scale[2];   /* of a pixel, in `units` */
	const char *units; /* "nm" or "px" */
	struct em_spectrum_plan *transform;
	bool *wanted;           /* columns of spectra, once settled */
	struct em_drift *drift; /* NULL: still */
	double *power;          /* [height][columns] of the reference frames, added up */
	size_t learned;         /* frames that are in it */
	double brightness;      /* mean of the brightest of them; 0: their pixels are no counts */
	size_t seen;            /* all frames so far, blank ones too */
	atomic_bool settled;
	size_t peaks; /* Bragg peaks found */
	struct em_spots spots;
	struct em_order_plan *plan; /* NULL once settled: there are no spots */
	struct em_reference reference;
	struct em_area_grid grid;
	float **weight;    /* [areas][rows * columns] */
	double *baseline;  /* [phases][1 + areas]: fractions of the reference; first of the phase's own area */
	size_t control[2]; /* phase, region; SIZE_MAX: none */
};

/* For frames like this one.  EM_ERROR_DATA where it is no image, or too small. */
int em_movie_init(struct em_movie *m, const struct em_movie_options *opt, const struct em_array *first,
                  struct em_error *err);
void em_movie_release(struct em_movie *m); /* of a zeroed one too */

/* EM_ERROR_DATA for another size, or pixels none of which is a number. */
int em_movie_look(const struct em_movie *m, const struct em_array *frame, struct em_movie_frame *f,
                  struct em_error *err);
/* 1: that was the last one needed; 0: more; -1. */
int em_movie_learn(struct em_movie *m, struct em_movie_frame *f, struct em_error *err);
/* The frames learned, in order.  EM_ERROR_DATA: a request for spots that nothing answers, regions outside of the frame,
 * a control that there is not.  Without any Bragg spot m->plan is NULL, which is no error. */
int em_movie_settle(struct em_movie *m, struct em_movie_frame *const *frames, size_t n, struct em_error *err);
int em_movie_place(struct em_movie *m, struct em_movie_frame *f, struct em_error *err);
/* Instead of learning or placing: a frame that could not be read.  Those after it keep their numbers. */
void em_movie_pass(struct em_movie *m);

/*
 * Set "bragg" and "crystal" in the sample's record, and with options.maps the arrays PHASE-order (float32; of a picture
 * by itself the amplitude), PHASE-amplitude (float32; of movies) and PHASE-disorder (uint8: 0 not the phase's area, 1
 * in order, 2 not), [rows][columns] over the first frame as em_area_grid has it.  seconds, dose: NaN where not known.
 */
int em_movie_describe(const struct em_movie *m, struct em_movie_frame *f, double seconds, double dose,
                      struct em_sample *s, struct em_error *err);

/* The maps of a frame that has been placed, where they are not made yet: em_movie_describe does. */
int em_movie_form(const struct em_movie *m, struct em_movie_frame *f, struct em_error *err);

/* Of one phase and region, 0: the phase's own area: what em_movie_describe prints, of a frame formed.  map:
 * [rows][columns]. */
int em_movie_measure(const struct em_movie *m, const struct em_movie_frame *f, size_t phase, size_t region,
                     struct em_measure *out, float *map, struct em_error *err);

#endif
