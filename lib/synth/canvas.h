/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What specimens are drawn on, and the few strokes that they are drawn with.  A canvas is larger than the picture by a
 * margin on every side: transforms wrap around, and scans look over the edge.
 */
#ifndef EM_SYNTH_CANVAS_H
#define EM_SYNTH_CANVAS_H

#include "base/error.h"
#include "base/fft.h"
#include "base/random.h"

#include <stdbool.h>
#include <stddef.h>

/* The size of canvases and their transforms: made once, used by the canvases of all threads. */
struct em_synth_frame {
	size_t height, width; /* with margins */
	size_t margin;
	struct em_fft_plan *forward, *inverse;
};

/* For pictures of height x width pixels.  The margin is an eighth of the longer side, 8 to 96 pixels, and what is
 * needed to reach sizes that transform fast. */
int em_synth_frame_init(struct em_synth_frame *f, size_t height, size_t width, struct em_error *err);
void em_synth_frame_release(struct em_synth_frame *f);

/* One thread's.  All arrays are [height][width] of the frame. */
struct em_synth_canvas {
	const struct em_synth_frame *frame;
	float *image;                /* the specimen: what all textures have added up to; then what the detector sees */
	float *layer;                /* one texture on its way */
	float *work;                 /* scratch of the functions below */
	float *spectrum;             /* the same: the half plane */
	const unsigned char *labels; /* textures go only where labels == label; NULL: everywhere.  Borrowed */
	unsigned char label;
};

int em_synth_canvas_init(struct em_synth_canvas *c, const struct em_synth_frame *frame, struct em_error *err);
void em_synth_canvas_release(struct em_synth_canvas *c); /* zeroed: allowed */
size_t em_synth_canvas_pixels(const struct em_synth_canvas *c);

void em_synth_clear(const struct em_synth_canvas *c, float *v, double value); /* v = value */
/* image += layer, within the label. */
void em_synth_put_layer(struct em_synth_canvas *c);
/* image += weight exp(-r^2 / 2 sigma^2) around (x, y), up to 4 sigma, if (x, y) is within the label; whole or not at
 * all: a column of atoms at a border is not cut.  sigma in pixels. */
void em_synth_put_column(struct em_synth_canvas *c, double x, double y, double weight, double sigma);

/*
 * A random field by its spectrum: Gaussian, mean 0, expected variance 1.  amplitude(ctx, k) is the square root of the
 * power at frequency k in cycles a pixel, 0 .. 0.71.  Along `angle` (radians, from x towards y) structures are
 * `stretch` times as long as across.  out: image, layer or work.
 */
struct em_synth_spectrum {
	double (*amplitude)(const void *ctx, double k);
	const void *ctx;
	double stretch, angle;
};
void em_synth_noise(struct em_synth_canvas *c, struct em_random *r, const struct em_synth_spectrum *s, float *out);

/* The grain of amorphous matter: a ring of frequencies around 1 / period (pixels), `width` of that wide (standard
 * deviation), and `pink` as much amplitude at low frequencies, falling as 1 / f. */
void em_synth_amorphous_noise(struct em_synth_canvas *c, struct em_random *r, double period, double width, double pink,
                              float *out);
/* The same of a common kind: all frequencies up to 1 / length alike, none above (a Gaussian's decline). */
void em_synth_smooth_noise(struct em_synth_canvas *c, struct em_random *r, double length, float *out);

enum em_synth_outline {
	EM_SYNTH_ELLIPSE,
	EM_SYNTH_ROD,     /* half an ellipse's circle at either end: a capsule */
	EM_SYNTH_POLYGON, /* `sides` of them (3 to 12), its corners on the ellipse, one at rx */
};
enum em_synth_profile {
	EM_SYNTH_BALL,  /* sqrt(1 - q^2): the thickness of a ball */
	EM_SYNTH_SLAB,  /* 1 inside, its edge one pixel wide */
	EM_SYNTH_SHELL, /* a hollow ball, its wall `wall` of the radius thick */
	EM_SYNTH_CORE,  /* a ball; its inner part, of radius 1 - wall, counts twice */
};

struct em_synth_shape {
	double x, y, rx, ry, angle; /* centre and half axes in pixels; rx along the angle, radians */
	enum em_synth_outline outline;
	enum em_synth_profile profile;
	double sides, wall;
	double height; /* the greatest value */
	bool highest;  /* layer = max(layer, shape) instead of layer += shape */
};
/* Onto the layer. */
void em_synth_stamp(struct em_synth_canvas *c, const struct em_synth_shape *shape);

/* A line of dots of that shape that begins there, goes on for `length` pixels and turns at random: by about curl / 5
 * radians a pixel, now left, now right. */
void em_synth_thread(struct em_synth_canvas *c, struct em_random *r, const struct em_synth_shape *dot, double direction,
                     double curl, double length);

/*
 * Points scattered one a cell over a square grid of `pitch` pixels, `jitter` (0 .. 1) of the cell around its middle,
 * and which two of them lie nearest.  Distances are measured after a stretch along an angle.
 */
struct em_synth_cells {
	double pitch, cosine, sine, stretch;
	long rows, cols;
	float *xy; /* owned */
};
int em_synth_cells_init(struct em_synth_cells *cells, const struct em_synth_canvas *c, struct em_random *r,
                        double pitch, double jitter, double stretch, double angle, struct em_error *err);
void em_synth_cells_release(struct em_synth_cells *cells);
/* The number of the nearest point; its distance and that of the second nearest, in pixels across the stretch. */
size_t em_synth_cells_nearest(const struct em_synth_cells *cells, double x, double y, double *d1, double *d2);
/* Where point i lies on the canvas, pixels. */
void em_synth_cells_point(const struct em_synth_cells *cells, size_t i, double *x, double *y);
size_t em_synth_cells_count(const struct em_synth_cells *cells);

/* Where the detector of secondary electrons is: upper left. */
#define EM_SYNTH_DETECTOR (-2.4)
/* layer = a surface's brightness under a scanning beam, from its height in pixels: the secant law of secondary
 * electrons (Seiler, J. Appl. Phys. 54 (1983) R1), bounded; more from slopes that face the detector (in direction
 * `towards`); less from hollows. */
void em_synth_shade(struct em_synth_canvas *c, double towards);

#endif
