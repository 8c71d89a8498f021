/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two-dimensional crystals as projected columns of atoms, with their faults.  Lengths in pixels at scale 1. */
#ifndef EM_SYNTH_CRYSTAL_H
#define EM_SYNTH_CRYSTAL_H

#include "synth/texture.h"

#define EM_SYNTH_ATOMS 12

enum em_synth_fault {
	EM_SYNTH_NO_FAULT,
	EM_SYNTH_STACKING,    /* behind each plane the crystal is shifted along it */
	EM_SYNTH_TWIN,        /* mirrored at each plane */
	EM_SYNTH_ANTIPHASE,   /* the two kinds of atoms change places */
	EM_SYNTH_DISLOCATION, /* one, of edge type (Hirth and Lothe, Theory of Dislocations, 3.4); Poisson's ratio 0.3
	                       */
};

struct em_synth_atom {
	double u, v;      /* in the cell: fractions of a and b */
	double dx, dy;    /* and from there */
	double weight[2]; /* of its kind, and of the other kind that may stand in its place */
};

struct em_synth_crystal {
	double a[2], b[2]; /* of the cell */
	double origin[2];  /* the place that the canvas's centre shows; planes of faults pass through (0, 0) */
	struct em_synth_atom atom[EM_SYNTH_ATOMS];
	size_t atoms;
	double sigma;        /* of a column */
	double vacancy;      /* the share of columns that miss atoms ... */
	double occupancy;    /* ... and how full these are, 0 .. 1 */
	double interstitial; /* columns more, a cell; each of half the first atom's weight */
	double mixing;       /* 0 .. 1: how far columns go at random from their kind towards the other */
	double disorder;     /* standard deviation of displacements, pixels */
	enum em_synth_fault fault;
	double plane[2]; /* along the planes of faults: a lattice vector */
	double shift;    /* stacking: of it */
	long every;      /* lattice planes from one fault to the next */
};

/* A part of the canvas: within `reach` pixels of (x, y), and where keep says so. */
struct em_synth_part {
	double x, y, reach;
	bool (*keep)(void *ctx, double x, double y);
	void *ctx;
};

/* Each column as a Gaussian onto the image; part NULL: everywhere (within the canvas's label). */
void em_synth_crystal_put(struct em_synth_canvas *c, const struct em_synth_crystal *k, const struct em_synth_pose *pose,
                          const struct em_synth_part *part, struct em_random *r);

/* The exponent of Z that a column's strength follows. */
double em_synth_z_power(enum em_synth_contrast contrast);

#endif
