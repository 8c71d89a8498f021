/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one exposure of the simulated microscope depends on, and all of it: the seam between the instrument (state,
 * mechanics, optics: sim.h), which fills a view, and the specimen with its images (world, image, diffraction, loss),
 * which turns a view into an array and knows nothing else.  The same view gives the same array, bit for bit.
 *
 * Places.  The specimen has coordinates of its own, those of the untilted stage: x along the rod, y across it, z up,
 * against the beam; m.  The point (x, y, 0) of the specimen is in the middle of the picture when the exposure begins.
 * The specimen is turned about that point by R = Rx(a) Ry(b), as the inner tilt is carried by the outer: what is at
 * the specimen's (x + dx, y + dy, dz) is seen at the first two of R (dx, dy, dz), in the plane across the beam, and
 * the third is its height h there.
 * Pixel (column, row) shows the place plane [column - (width - 1) / 2, row - (height - 1) / 2] of that plane: `plane`
 * has pixel size, rotation and handedness, and the magnification's error.  The untilted specimen's place is therefore
 * (x, y) + plane [..].
 *
 * Times.  A camera sees all pixels from 0 to `seconds`.  Of a scan pixel (column, row) is hit at
 * row (width dwell + line_seconds) + column dwell, for `dwell`, and shows what is at plane [..] + row_jitter there, a
 * normal number a row of this rms (m, along the fast direction), from the seed, + flyback exp(-column dwell /
 * flyback_seconds) in the fast direction: a row begins before the probe has come back quite.  Meanwhile the specimen
 * goes: the point in the middle at time t is (x, y) + drift t.
 *
 * Focus.  `defocus` is that of the point (x, y, 0), below 0 under focus; what is higher by h has defocus + h.
 *
 * Electrons.  `electrons` come to the specimen: of an image on each pixel, where nothing weakens the beam; of a pattern
 * or a spectrum all of them.  A detector makes of n that it meets: a Poisson number of mean n dqe (dqe multiplies the
 * mean, so that the counts of an empty place have mean = variance before the gain), times gain, plus offset, plus
 * normal read noise; rounded, cut to 0 .. saturation.
 */
#ifndef EM_SCOPE_SIM_VIEW_H
#define EM_SCOPE_SIM_VIEW_H

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

enum em_sim_signal {
	EM_SIM_IMAGE,   /* of the broad beam, on a camera */
	EM_SIM_PATTERN, /* diffraction on a camera: of the broad beam, or of the probe where it stands (convergence) */
	EM_SIM_SCAN,    /* of the probe, on a ring detector from inner to outer rad: HAADF, ABF, BF */
	EM_SIM_LOSS,    /* a spectrum of energy losses at the middle; height is 1 */
};

/* Where the beam has been: a rectangle of the specimen's plane that was scanned, or a disc. */
#define EM_SIM_PLACES 48
struct em_sim_place {
	double x, y;    /* m: its middle */
	double half[2]; /* m: half the lengths of its sides; the second one 0: the radius of a disc */
	double angle;   /* of the first side, from x */
	double dose;    /* electrons a square metre; 0: nothing has been there */
};

struct em_sim_view {
	enum em_sim_signal signal;
	size_t width, height; /* pixels, or channels and 1 */

	/* the specimen under the beam */
	double x, y;        /* m: the truth, drift and every error in it */
	double a, b;        /* rad */
	double drift[2];    /* m/s in the specimen's x and y, constant while it is exposed */
	double plane[2][2]; /* [x, y][column, row]: m a pixel; of a pattern 1/m a pixel; of a spectrum not used */
	double pixel;       /* sqrt(|det plane|): m, or 1/m */

	/* optics */
	double voltage;        /* V */
	double defocus;        /* m */
	double astigmatism[2]; /* m: A1 = [0] + i [1], defocus along angle p of the plane: + [0] cos 2p + [1] sin 2p */
	double spherical;      /* m: C3 (Cs) of the objective or of the probe */
	double convergence;    /* rad, half angle: of the probe, or of the broad beam */
	double tilt[2];        /* rad, of the incident beam, in the plane's x and y */
	double beam[2];        /* m: middle of the illuminated disc in the plane, from the middle of the picture */
	double beam_radius;    /* m, of the broad beam's disc; INFINITY: wider than anything */
	double probe;          /* m, rms of the probe's source image; 0: none */
	double camera_length;  /* m, true; of patterns, for what is told of it (plane has the scale) */
	double inner, outer;   /* rad: the ring of a scan detector; outer of the objective aperture (image, 0: none) or
	                          the   spectrometer's entrance */
	double pattern[2];     /* 1/m: where the undiffracted beam is in the plane, from the middle of the pattern */

	/* times */
	double seconds;             /* of a camera or spectrum */
	double dwell, line_seconds; /* s a pixel, and between rows */
	double row_jitter;          /* m rms */
	double flyback;             /* m: how far a row begins from where it should */
	double flyback_seconds;     /* of its decay; 0: there is none */

	/* electrons and detector */
	double electrons;
	double dqe, gain, offset, read_noise, saturation; /* 1, counts an electron, counts, counts rms, counts */
	double blur;                                      /* pixels (channels) rms: the detector's point spread */
	double flat; /* rms of what gain correction leaves over, fixed by detector_seed */
	uint64_t detector_seed;

	/* spectrometer */
	double energy_offset, dispersion; /* true: eV of channel 0, eV a channel */
	double energy_fwhm;               /* eV, of the zero-loss peak */

	/* what has become of the specimen: 0 as it was to 1 */
	double reaction; /* of the gas and heat: a front through the particles, a new phase */
	double disorder; /* order lost everywhere, beside what the beam has done */
	double time;     /* s, of the in situ clock: for what moves by itself */
	/* and of the beam, where it has been before this exposure */
	struct em_sim_place place[EM_SIM_PLACES];
	double critical;      /* m^-2: dose that leaves 1/e of the order; 0: none is harmed */
	double contamination; /* m of carbon for a dose of one electron a square metre */

	uint64_t seed; /* of this exposure's noise */
};

/* The dose at a place of the specimen; the order that is lost there, 0 to 1; and the carbon, m thick, that grew on it:
 * a third more at the rim, where its molecules come from, and never more than 40 nm. */
double em_sim_places_dose(const struct em_sim_place place[EM_SIM_PLACES], double x, double y);
double em_sim_view_disorder(const struct em_sim_view *v, double x, double y);
double em_sim_view_deposit(const struct em_sim_view *v, double x, double y);

/* A specimen. */
struct em_sim_world;

/* From a JSON file, or with path NULL the default one.  EM_ERROR_DATA and IO as usual. */
int em_sim_world_open(const char *path, uint64_t seed, struct em_sim_world **world, struct em_error *err);
void em_sim_world_free(struct em_sim_world *world); /* NULL allowed */
/*
 * The exposure: EM_U16 [height][width], of a spectrum EM_I32 [channels].  Axes are the caller's affair.
 * EM_ERROR_MEMORY; EM_ERROR_USAGE where a size is 0 or past 16384, or a number is none that it can use.
 */
int em_sim_form(const struct em_sim_world *world, const struct em_sim_view *view, struct em_array *out,
                struct em_error *err);
/* For the ground truth: a JSON object of what is at the middle of the view (phase, orientation, thickness_m, ...). */
void em_sim_world_describe(const struct em_sim_world *world, const struct em_sim_view *view, struct em_text *json);

#endif
