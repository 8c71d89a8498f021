/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Named regions of a picture, and how much of each lies in the cells of a coarse map.
 *
 * Positions are in px of the reference frame, pixel centres at whole numbers, x to the right and y down.  A rectangle
 * x,y,w,h is the pixels x .. x + w - 1 of the rows y .. y + h - 1: it reaches from x - 1/2 to x + w - 1/2, and
 * 0,0,WIDTH,HEIGHT is the whole frame.  The corners of a polygon are points.  What of a region lies outside of the
 * frame does not count.
 */
#ifndef EM_CRYSTAL_AREA_H
#define EM_CRYSTAL_AREA_H

#include "base/array.h"
#include "base/error.h"

#include <stddef.h>

#define EM_AREA_NAME_MAX 200     /* bytes of a name */
#define EM_AREA_CORNERS_MAX 4096 /* of a polygon */
#define EM_AREA_CHIPS_MAX 65536  /* of a class map */
#define EM_AREAS_MAX 1024

/* A closed polygon; its inside is by the even-odd rule, so that one which crosses itself has holes. */
struct em_ring {
	double (*corner)[2]; /* x, y; owned */
	size_t corners;
};

/* The union of rings that do not overlap. */
struct em_area {
	char *name;           /* owned, UTF-8, unique in its set */
	struct em_ring *ring; /* owned */
	size_t rings, capacity;
};

/* A zeroed struct is an empty set. */
struct em_areas {
	struct em_area *area;
	size_t count, capacity;
	double height, width; /* of the frame that a class map belongs to; 0: no class map was read */
};

void em_areas_release(struct em_areas *set);

/*
 * Add the region of "NAME=x,y,w,h", px or, with axes ({y, x}, of the reference frame; NULL: px alone), lengths: a value
 * v of a length unit lies at pixel (v - offset) / scale.  A unit after the last number alone holds for all:
 * "film=0,2,20,5nm".  EM_ERROR_USAGE: cannot be read, w or h not above 0, a name that is taken, a length without a
 * calibrated axis.
 */
int em_areas_add_rectangle(struct em_areas *set, const char *text, const struct em_axis *axes, struct em_error *err);

/*
 * Add the regions of a file (bytes, or a path to a regular file), by its content either
 *   JSON     {"regions":[{"name":"film","polygon":[[x,y],[x,y],[x,y],...]},{"name":"gap","box":[y,x,h,w]}]}, in px
 *   stream   of emclassify's classified chips: each class.label is a region, the union of its chips' boxes; where boxes
 *            overlap the nearest chip's middle decides.  Samples that failed or have no class are passed over.
 * (A box is cut half way to every box that it overlaps: where those of a dense grid are missing, slivers are nobody's.)
 * EM_ERROR_DATA: neither, a polygon of fewer than three corners or no extent, a name that is taken, numbers beyond 1e9,
 * chips of two pictures, two chips at one place, more of anything than the limits above.  The set is then as before.
 */
int em_areas_parse(struct em_areas *set, const void *bytes, size_t n, struct em_error *err);
int em_areas_read(struct em_areas *set, const char *path, struct em_error *err);

/*
 * A map of rows x cols samples over a frame: sample (j, i) stands for the cell of height / rows x width / cols px with
 * its middle at pixel (j height / rows, i width / cols).  (So does a band-limited map that comes from a cropped
 * spectrum: the last half cell of the frame belongs to no sample.)
 */
struct em_area_grid {
	size_t rows, cols;
	size_t height, width;    /* of the frame, px */
	double shift_y, shift_x; /* where the reference frame's pixel (0, 0) lies in this frame: its drift */
};

/*
 * weight[rows][cols] = the share, 0 to 1, of each sample's cell that lies in the region and in the frame.  Exact, but
 * where edges of a polygon cross: there within 1e-3 (in a tangle of n > 64 edges side by side, n / 64 times that).
 * EM_ERROR_DATA where that is nothing: the region lies outside of the frame; and where a class map is of another frame
 * size.  EM_ERROR_USAGE: no samples, more than pixels.
 */
int em_area_weigh(const struct em_areas *set, size_t k, const struct em_area_grid *grid, float *weight,
                  struct em_error *err);

/* A directed line, px of the frame; "x0,y0,x1,y1", with units as for a rectangle.  EM_ERROR_USAGE: no length. */
struct em_line {
	double x0, y0, x1, y1;
};
int em_line_parse(struct em_line *line, const char *text, const struct em_axis *axes, struct em_error *err);

#endif
