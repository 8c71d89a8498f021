/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lattices from Bragg peaks.
 *
 * A lattice is a pair of reciprocal vectors a*, b* (y, x in cycles per pixel): its peaks are at h a* + k b*.  In real
 * space, r = (y, x) in pixels or, with the pixel's size, nm:  a.a* = b.b* = 1, a.b* = b.a* = 0.  The planes (h k) are
 * d = 1 / |h a* + k b*| apart.  Angles of vectors are atan2(y, x) in degrees, y down: clockwise as one sees them.
 *
 * A size of a pixel, scale = (y, x), is what lengths are given in (nm); {1, 1} leaves pixels.
 */
#ifndef EM_CRYSTAL_LATTICE_H
#define EM_CRYSTAL_LATTICE_H

#include "base/error.h"
#include "crystal/bragg.h"

#include <stdbool.h>
#include <stddef.h>

struct em_lattice {
	double a[2],
	    b[2]; /* a*, b*: y, x in cycles per pixel; the shortest two, a* to the right, 60 to 90 degrees apart */
	double covariance[4][4]; /* of a_y, a_x, b_y, b_x */
	bool row;                /* peaks in one direction only: b is zero */
	size_t count;            /* peaks that it explains; two (in a row: one) are always explained */
	double rms;              /* of their misses, pixels of the spectrum */
};

/* What a peak is. */
struct em_lattice_index {
	int lattice; /* -1: left over */
	int h, k;
};

struct em_lattice_options {
	size_t height,
	    width;        /* of the frames that the peaks are from: a pixel of the spectrum is 1 / height, 1 / width */
	double tolerance; /* pixels of the spectrum that a peak may miss its place by; 0: 1 */
	double scale[2];  /* the pixel's size, for which basis is shortest; 0: 1 */
	size_t most;      /* lattices; 0: 2 (film and substrate) */
	size_t least;     /* peaks that a further one must explain in two dimensions; 0: 3; one less in a row */
};

#define EM_LATTICE_ORDER 12 /* |h| and |k| at most */

/*
 * Split peaks into lattices; index[i] says what peak[i] is.  *count of lattice[options->most] are made, the one with
 * the most evidence first.
 *
 * Any two of the strongest peaks propose a lattice.  A peak near a node of it counts as evidence, by the logarithm of
 * how unlikely that is by chance (the tolerance's area over the cell's): so a lattice finer than it must be loses, and
 * harmonics, missing orders and peaks that are no part of it do no harm.  Peaks that are all in line make a row.  The
 * first lattice may be of two peaks, or a row of one, the strongest, where nothing confirms them.  Further ones need
 * options->least peaks, and where that is 3 or more no single peak alone may give the second direction.  The vectors
 * are fitted to all peaks explained, by least squares weighted with their uncertainties (a twentieth of a pixel at
 * least); a misfit beyond them widens the covariance.
 *
 * EM_ERROR_USAGE for sizes or a scale without meaning; EM_ERROR_MEMORY.  No peaks make no lattice, which is no error.
 */
int em_lattice_split(struct em_lattice *lattice, size_t *count, struct em_lattice_index *index,
                     const struct em_bragg_peak *peak, size_t n, const struct em_lattice_options *options,
                     struct em_error *err);

/*
 * Fit one lattice to the peaks whose index[i].lattice is `which`, as they are indexed; `reduced`: then change to the
 * reduced basis, indices too.  Peaks in one line make a row and become (m 0).  Peaks of index (0 0) are left out, -1.
 * EM_ERROR_DATA where that leaves none, or for an index beyond EM_LATTICE_GREATEST.
 */
#define EM_LATTICE_GREATEST 1000
int em_lattice_fit(struct em_lattice *lattice, struct em_lattice_index *index, int which,
                   const struct em_bragg_peak *peak, size_t n, const struct em_lattice_options *options, bool reduced,
                   struct em_error *err);

/* ---- what a lattice is in real space ---- */

struct em_lattice_value {
	double value, sigma; /* standard uncertainty */
};

/* Of the reduced cell: |a|, |b|, the angle between them, and the direction of a; d of (1 0) and (0 1), and the angle
 * between these planes' normals.  Of a row: d_a and angle_a (that of a*), the rest NaN. */
struct em_lattice_cell {
	struct em_lattice_value a, b, gamma, angle;
	struct em_lattice_value d_a, d_b, gamma_star, angle_star;
};
struct em_lattice_cell em_lattice_cell(const struct em_lattice *lattice, const double scale[2]);

/* d and the direction of the planes' normal, -90 < angle <= 90. */
struct em_lattice_spacing {
	struct em_lattice_value d, angle;
};
struct em_lattice_spacing em_lattice_spacing(const struct em_lattice *lattice, int h, int k, const double scale[2]);

/*
 * What turns and stretches lattice A into B, both two-dimensional: r_B = R U r_A, U = 1 + eps symmetric (Biot's strain,
 * in the frame of the picture, before the rotation R).  Of B's bases the one is taken that asks for the least strain,
 * and of nearly equal ones for the least rotation.
 */
struct em_lattice_strain {
	struct em_lattice_value yy, xx, xy;
	struct em_lattice_value rotation; /* degrees */
};
/* EM_ERROR_DATA where one is a row. */
int em_lattice_strain(struct em_lattice_strain *strain, const struct em_lattice *a, const struct em_lattice *b,
                      const double scale[2], struct em_error *err);

/* ---- a crystal that is known ---- */

/* A lattice by spacings of (1 0) and (0 1), and the angle between their normals, degrees. */
struct em_lattice_known {
	double d_a, d_b, gamma_star;
	double tolerance; /* of |g|, relative; 0: 0.05, since calibrations are a few per cent off */
};

/*
 * Find how it lies: the rotation, the hand, and a factor common to all lengths (the calibration's error), for which the
 * greatest weight of peaks (log of 1 + snr) falls on the n_hk indices hk, each within half the tolerance.  The lattice
 * is then fitted to these peaks; its basis is the known one, not reduced.  Where peaks fix one direction only, the rest
 * of the basis is as known, scaled alike. EM_ERROR_DATA where no peak fits, or the known lattice has no meaning.
 */
int em_lattice_orient(struct em_lattice *lattice, struct em_lattice_index *index, const struct em_bragg_peak *peak,
                      size_t n, const struct em_lattice_known *known, const int (*hk)[2], size_t n_hk,
                      const struct em_lattice_options *options, struct em_error *err);

/* The peaks whose spacing is one of d[n_d], within a relative tolerance: which[i] is the nearest d's number, or -1.
 * Returns how many peaks match. */
size_t em_lattice_match(int *which, const struct em_bragg_peak *peak, size_t n, const double *d, size_t n_d,
                        double tolerance, const double scale[2]);

#endif
