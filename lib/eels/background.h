/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The background before an edge, A E^-r, fitted in one window and extrapolated into others, with what counting
 * statistics leave uncertain of it.
 *
 * Inside, the power law is level * (E / reference)^-r, in counts a channel, the reference amid the fit window: level
 * and r are then nearly independent and no power of E overflows.
 */
#ifndef EM_EELS_BACKGROUND_H
#define EM_EELS_BACKGROUND_H

#include "base/error.h"
#include "eels/energy.h"

#include <stddef.h>

enum em_background_method {
	/*
	 * From the sums over the window's halves (Egerton, Electron Energy-Loss Spectroscopy in the Electron
	 * Microscope, 3rd ed., 4.4): equal to HyperSpy's PowerLaw.estimate_parameters, that is an even number of
	 * channels, the last one dropped if need be, energies those of the channels' middles, and r from the limits'
	 * logarithms.  That is an approximation: of a background at 456-506 eV, fitted at 400-450, it makes 0.15 % too
	 * much.
	 */
	EM_BACKGROUND_TWO_AREA,
	/*
	 * Least squares of the logarithms, each channel with its counts as the weight, which is what Poisson's
	 * distribution gives.  ln y - gain / (2 y) stands for ln y: with that weight it has no bias in the first order.
	 * Channels of no counts drop out, so below about ten electrons a channel it is biased.
	 */
	EM_BACKGROUND_LOG,
	/* The straight line through the logarithms, all channels alike, as many scripts have it: to compare with. */
	EM_BACKGROUND_LOG_UNWEIGHTED,
	/*
	 * Least squares of the counts, weighted by the inverse of what the fit itself expects, until both agree.  These
	 * equations are those of the greatest likelihood of Poisson counts, and for a power law they ask no more of the
	 * data than sum y and sum y ln E: exact down to single counts, no start values, no iteration over the data.
	 */
	EM_BACKGROUND_LINEAR,
	EM_BACKGROUND_METHODS
};

/* "two-area", "log", "log-unweighted", "linear" */
const char *em_background_method_name(enum em_background_method method);
int em_background_method_parse(const char *text, enum em_background_method *method, struct em_error *err);

/*
 * gain is the variance of counts over the counts: 1 for counted electrons; of a scintillator and camera, counts an
 * electron times the excess of their noise, in sums of channels, as single ones are smoothed by the point spread.  0:
 * not known, and each fit takes what its residual tells, the greater of chi2 and chi2_groups: right to a fifth of the
 * error or so, and misfit counts as noise.  Of many spectra alike, better take the mean of their chi2_groups with a
 * gain of 1 for that of a second plan.
 */
struct em_background_options {
	enum em_background_method method;
	double gain; /* >= 0 */
};

/* Constant after it was made: any number of threads may use it. */
struct em_background_plan;

/* EM_ERROR_USAGE: the window lies outside the axis or holds less than four channels, or one at or below 0 eV, or the
 * gain is negative or not finite. */
struct em_background_plan *em_background_plan_new(const struct em_energy *e, const struct em_energy_window *window,
                                                  const struct em_background_options *options, struct em_error *err);
void em_background_plan_free(struct em_background_plan *p);

enum em_background_state {
	EM_BACKGROUND_GOOD,
	EM_BACKGROUND_NOT_FINITE, /* a NaN or infinity in the window */
	EM_BACKGROUND_NO_COUNTS,  /* the window, or a half that two-area needs, sums up to nothing or less; or for
	                            logarithms, less than three channels hold any */
	EM_BACKGROUND_CONSTANT,   /* every channel of the window is the same: no spectrum */
	EM_BACKGROUND_NO_FIT,     /* no exponent within +-100 */
};

struct em_background {
	enum em_background_state state;
	double level; /* counts a channel at em_background_reference; NaN unless the state is good, as the rest */
	double r;     /* exponent */
	double covariance[3]; /* of (ln level, r): the first's variance, theirs, the second's; times the gain */
	/*
	 * Squares of the window's residual over its expected counts, a degree of freedom; over the gain too where that
	 * is known.  Of the channels; of the sums of up to eight neighbours, which a detector's point spread couples no
	 * more and which therefore tell how uncertain sums are; and of the steps from channel to channel, which see
	 * noise but no misfit.  All are 1 of independent electrons on a power law.
	 */
	double chi2, chi2_groups, roughness;
	double gain; /* what the covariance was multiplied with */
};

/* Of spectrum[channels]; whether there is one is told in b->state. */
void em_background_fit(const struct em_background_plan *p, const float *spectrum, struct em_background *b);

/* ---- what the fit says ---- */

double em_background_reference(const struct em_background_plan *p); /* eV */
/* A of A E^-r in counts per eV at 1 eV, as HyperSpy has it of EELS spectra; may be infinite for a great r. */
double em_background_amplitude(const struct em_background_plan *p, const struct em_background *b);
struct em_energy_span em_background_window(const struct em_background_plan *p); /* that of the fit */

/*
 * The background's counts in a span of the axis, all above 0 eV, and their standard error: level and r are uncertain
 * together, so is every channel, and so the error of the sum is not that of independent ones.  Either pointer may be
 * NULL.  NaN where there is no fit.  By the methods LOG and LINEAR the counts are right on average: an extrapolation
 * with an r that is as often too small as too great is not, by half of its relative variance, and that is taken off.
 * The other two give what other programs do.
 */
void em_background_sum(const struct em_background_plan *p, const struct em_background *b,
                       const struct em_energy_span *span, double *sum, double *error);
/* counts[span->count]: the background, channel by channel. */
void em_background_curve(const struct em_background_plan *p, const struct em_background *b,
                         const struct em_energy_span *span, float *counts);
/* The same, with the standard error of each (NULL: not wanted). */
void em_background_channels(const struct em_background_plan *p, const struct em_background *b,
                            const struct em_energy_span *span, double *counts, double *error);

/*
 * Of a number that changes by weight[channels] with the background's counts in each (0: not at all): by[2], how it
 * changes with ln level and with r; and of a number that changes so, the standard error by those of both.
 */
void em_background_leverage(const struct em_background_plan *p, const struct em_background *b, const double *weight,
                            double by[2]);
double em_background_error(const struct em_background *b, const double by[2]);

/*
 * Adds to slope[channels] how `by_level` ln level + `by_r` r changes with the counts of each channel in the fit's
 * window. For the method LINEAR.
 */
void em_background_slopes(const struct em_background_plan *p, const struct em_background *b, double by_level,
                          double by_r, double *slope);

/* ---- noisy maps ---- */

#define EM_BACKGROUND_REACH_MAX 32

struct em_background_kernel {
	size_t reach;                               /* neighbours up to so far, along each axis */
	double weight[EM_BACKGROUND_REACH_MAX + 1]; /* of the distance 0, 1, ..., reach along an axis */
};

/* All (2 reach + 1)^2 pixels alike, or a Gaussian of this standard deviation (px) up to three of them.  EM_ERROR_USAGE
 * beyond EM_BACKGROUND_REACH_MAX, or where sigma is not above 0. */
int em_background_kernel_box(struct em_background_kernel *k, size_t reach, struct em_error *err);
int em_background_kernel_gauss(struct em_background_kernel *k, double sigma, struct em_error *err);

/* A spectrum image, borrowed: data[rows][cols][channels]. */
struct em_background_image {
	const float *data;
	size_t rows, cols, channels;
};

/*
 * The background of one pixel: the exponent from its neighbours' average, the level from its own counts in the window
 * (local background averaging: Cueva et al., Microsc. Microanal. 18 (2012) 667).  Neighbours that are not finite in the
 * window do not count, and beyond the border there are none; what they differ in their exponents is a bias that the
 * errors do not tell.  chi2 is that of the average.  EM_ERROR_USAGE: no such pixel, or of another axis's channels;
 * EM_ERROR_MEMORY.
 */
int em_background_fit_local(const struct em_background_plan *p, const struct em_background_image *image,
                            const struct em_background_kernel *k, size_t row, size_t col, struct em_background *b,
                            struct em_error *err);

#endif
