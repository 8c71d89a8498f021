/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An in situ movie of lattice images whose truth is known: a perovskite film (LaMnO3) on a perovskite substrate
 * (SrTiO3), both along [001], that loses its order under irradiation.
 *
 * The specimen is a function of continuous places: lattices are Fourier series, random fields are trigonometric
 * polynomials, borders are straight.  A frame samples it where its pixels lie after the drift, and nothing is
 * interpolated: a shift of d multiplies the Fourier component g by exp(-2 pi i g d).
 *
 * Places are in pixels of the first frame, pixel (0, 0) in the middle of the upper left pixel, y before x; times are in
 * minutes.  Brightness 1 is the film's mean.
 */
#ifndef EM_SYNTH_MOVIE_H
#define EM_SYNTH_MOVIE_H

#include "base/random.h"
#include "io/stream.h"
#include "synth/texture.h"

/* ---- the history: which fraction of the film is disordered, and when ---- */

#define EM_SYNTH_HISTORY_POINTS 64

/* Straight lines between points, level before the first and after the last. */
struct em_synth_history {
	double minute[EM_SYNTH_HISTORY_POINTS], fraction[EM_SYNTH_HISTORY_POINTS];
	size_t points;
};

/* From "plateau" (0:0,5:0.05,9:0.15,19:0.15,40:0.4), "linear" (0 to 0.4 within `minutes`), or MINUTE:FRACTION,... with
 * minutes that increase and fractions of 0 .. 1 that do not fall: what is disordered stays so.  EM_ERROR_USAGE. */
int em_synth_history_set(struct em_synth_history *h, const char *text, double minutes, struct em_error *err);
/* "M,M,...": minutes, at most n, >= 0.  EM_ERROR_USAGE, and nothing is counted. */
int em_synth_times_parse(const char *text, double *minute, size_t n, size_t *count, struct em_error *err);
double em_synth_history_at(const struct em_synth_history *h, double minute);

/* ---- the drift ---- */

#define EM_SYNTH_WALK 8

/* d(tau), tau = 0 .. 1: a straight line from 0 to a place at a distance of `total`, and the first waves of a Brownian
 * bridge, a fifth of that strong (Karhunen and Loeve: sqrt(2) sin(pi k tau) / (pi k), normal coefficients). */
struct em_synth_drift {
	double end[2], wave[2][EM_SYNTH_WALK]; /* y, x */
};
void em_synth_drift_draw(struct em_synth_drift *d, double total, struct em_random *r);
void em_synth_drift_at(const struct em_synth_drift *d, double tau, double at[2]);

/* ---- a lattice ---- */

#define EM_SYNTH_ORDERS 5

/*
 * sum over h, k of amplitude[h][k] cos(2 pi h u) cos(2 pi k v), where (u, v) are the coordinates in a square cell that
 * has side `a`, is turned by `angle` (radians, from x towards y), and has a corner at the origin.
 */
struct em_synth_series {
	double a, angle, origin[2]; /* pixels; y, x */
	double amplitude[EM_SYNTH_ORDERS][EM_SYNTH_ORDERS];
};
enum em_synth_matter { EM_SYNTH_FILM, EM_SYNTH_SUBSTRATE };
/*
 * The amplitudes, relative to the mean, of ABO3 along [001]: A at the corners, B and O in the middle, O on the edges,
 * Gaussian columns of Z^1.7 (haadf) or Z (bf).  haadf: times the transform of a probe that the defocus widens.  bf:
 * times -2 sin(chi) of 200 kV electrons, spherical aberration 0.01 mm, and an envelope exp(-(0.16 nm g)^4).  What is
 * finer than two pixels is left out.
 */
void em_synth_series_set(struct em_synth_series *s, enum em_synth_matter matter, enum em_synth_contrast contrast,
                         double defocus_nm, double pixel_nm);
double em_synth_series_rms(const struct em_synth_series *s); /* over a cell */
/* out[i] = the value at (y, x + i). */
void em_synth_series_row(const struct em_synth_series *s, double y, double x, size_t n, float *out);
/* The defocus that shows a lattice of this constant well: 0.4 / (wavelength g^2) of its (110), 0 in haadf. */
double em_synth_series_defocus(enum em_synth_contrast contrast, double lattice_nm);
/* Brightness of the substrate and of the vacuum. */
double em_synth_series_brightness(bool vacuum, enum em_synth_contrast contrast);

/* ---- the movie ---- */

struct em_synth_movie_options {
	uint64_t seed;
	size_t height, width;
	double pixel_nm, minutes; /* of a pixel; of the whole movie */
	struct em_synth_history history;
	double flux;                     /* ions a cm^2 and second */
	enum em_synth_contrast contrast; /* EM_SYNTH_HAADF or EM_SYNTH_BF */
	double lattice_nm;               /* of the substrate; the film's is 1 + misfit times that, turned */
	double misfit, rotation_deg;
	double film_nm;   /* the film's thickness; 0: 0.6 of the picture's height */
	double vacuum_nm; /* above it; 0: the film goes on above the picture */
	double domain_nm; /* a disordered domain's size: half the wavelength, by root mean square, of the field */
	double middle;    /* how strongly disorder prefers the middle of the film; 0: not */
	double visibility; /* root mean square of the film's lattice at the start, relative to its mean */
	double dose;       /* electrons in a pixel of brightness 1 */
	double defocus_nm; /* NAN: as suits */
	double drift_px;   /* from the first frame to the last */
	double gradient;   /* of thickness, across the picture: of the brightness, and of the lattice's contrast */
	double contamination; /* an amorphous layer's, root mean square of the brightness */
	double change_contrast, change_dose, change_defocus_nm; /* over the movie: the first two relative */
	const double *minute; /* when frame i is taken; NULL: minutes * i / (frames - 1).  Borrowed */
	size_t frames;
};

/* Of one time. */
struct em_synth_moment {
	double minute;
	double fraction;  /* of the film's box that is ordered: exact, a number of pixels over all of them */
	double threshold; /* of the disorder's field: disordered is what is not below it */
	double drift[2];  /* where the specimen lies: y, x */
	double intensity, contrast, defocus_nm; /* the first two relative to the start */
};

struct em_synth_movie {
	struct em_synth_movie_options o;
	const struct em_synth_frame *frame; /* borrowed */
	struct em_synth_drift drift;
	size_t surface, interface; /* rows of the first frame where the film begins and the substrate begins */
	size_t film[4], substrate[4]; /* y, x, height, width: what every frame shows of them, in the first frame */
	double origin[2], scale; /* of the lattices; of their amplitudes */
	float *disorder, *texture, *dirt; /* spectra of fields; dirt: may be NULL.  Owned */
	float *rank;                      /* the disorder's field in the film's box, ascending.  Owned */
};

/* Check the options and draw what the frames have in common.  EM_ERROR_USAGE: numbers out of bounds, a lattice that the
 * pixels do not resolve, a film that leaves the picture. */
int em_synth_movie_init(struct em_synth_movie *m, const struct em_synth_movie_options *o,
                        const struct em_synth_frame *frame, struct em_error *err);
void em_synth_movie_release(struct em_synth_movie *m); /* zeroed: allowed */

double em_synth_movie_minute(const struct em_synth_movie *m, size_t i);
void em_synth_movie_moment(const struct em_synth_movie *m, double minute, struct em_synth_moment *at);
/* c->image: the expected brightness, row j from j * frame->width on; labels[height][width]: 0 vacuum, 1 substrate, 2
 * film, 3 film without order. */
void em_synth_movie_draw(const struct em_synth_movie *m, struct em_synth_canvas *c, const struct em_synth_moment *at,
                         unsigned char *labels);

/*
 * Frame i: KEY.tif, uint16, numbers of electrons (Poisson's); KEY.labels.npy; and a record with "labels", "axes" in nm,
 * "truth" and "synth".  The key is sSEED/movie-I.  Safe from many threads, each with a canvas of its own.  The caller
 * releases *s.
 */
int em_synth_movie_frame(const struct em_synth_movie *m, struct em_synth_canvas *c, size_t i, struct em_sample *s,
                         struct em_error *err);

/* ---- between the files of the movie ---- */

/* out = the field of this spectrum, its place (0, 0) moved to `at` (y, x); as the canvas, it repeats after its size. */
void em_synth_movie_shift(struct em_synth_canvas *c, const float *field, const double at[2], float *out);
/* The same of the disorder's field, with its preference for the film's middle; in the picture alone. */
void em_synth_movie_disorder(const struct em_synth_movie *m, struct em_synth_canvas *c, const double at[2], float *out);

#endif
