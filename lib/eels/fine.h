/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fine structure of ionisation edges: white lines, crystal-field splitting, pre-peaks, onsets.
 *
 * Everywhere: counts[e->channels] with the background taken off, and variance[e->channels] of each, > 0, that of the
 * subtraction included.  A variance that is expected (smooth) is better than the channel's own count: with that, a fit
 * is drawn down by about a count a channel.  Channels of the windows in use must be finite: EM_ERROR_DATA.
 *
 * Where nothing is there to be measured, there is no number: EM_ERROR_DATA with the reason, outputs left alone.  Errors
 * are standard errors from the variances; those of fits are multiplied by the root of chi2 a degree of freedom where
 * this is improbable (above 1 + 3 sqrt(2 / freedom)): the model's shapes are then not those of the spectrum.
 */
#ifndef EM_EELS_FINE_H
#define EM_EELS_FINE_H

#include "base/error.h"
#include "eels/energy.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_FINE_PEAKS_MAX 8

struct em_fine_value {
	double value, error;
};

enum em_fine_shape {
	EM_FINE_GAUSS,
	EM_FINE_LORENTZ,
	EM_FINE_VOIGT, /* the sum of both of one width, in a ratio that is fitted, one for all peaks (pseudo-Voigt) */
};

enum em_fine_step {
	EM_FINE_ERF,    /* the integral of a Gaussian of the lines' width */
	EM_FINE_ARCTAN, /* of a Lorentzian: reaches below the onset, as far as a background fitted there allows */
};

struct em_fine_peak {
	struct em_fine_value position, width, area; /* eV; eV, full at half maximum; counts (a sum over channels) */
};

struct em_fine_fit {
	struct em_fine_peak peak[EM_FINE_PEAKS_MAX];
	size_t peaks;
	double area_covariance[EM_FINE_PEAKS_MAX * EM_FINE_PEAKS_MAX]; /* [peaks][peaks] */
	double position_covariance[EM_FINE_PEAKS_MAX * EM_FINE_PEAKS_MAX];
	struct em_fine_value step; /* counts a channel after the edge; 0 without one */
	double lorentzian;         /* share in the peaks: 0 Gaussian, 1 Lorentzian */
	double chi2;
	size_t freedom;
};

/* Two white lines, L3 and L2, or M5 and M4. */
struct em_fine_lines_settings {
	/* where the lines are, with room: say from 10 eV before the onset to 15 eV behind the second */
	struct em_energy_window search;
	double apart;       /* eV, of the two lines, about: spin-orbit splitting of the core level */
	bool split;         /* each line is two: t2g and eg */
	bool same_width;    /* of the two of a split line: for spectra that hardly resolve them */
	double first_share; /* of the step that is under the first line; 0: 2/3, by the number of electrons; M5: 3/5 */
	enum em_fine_shape shape;
	enum em_fine_step step;
};

struct em_fine_lines {
	struct em_fine_fit fit;            /* of two peaks, or four: L3 t2g, L3 eg, L2 t2g, L2 eg */
	struct em_fine_value ratio;        /* L3 / L2 */
	struct em_fine_value splitting[2]; /* eV, eg - t2g of L3 and of L2; NaN where not split */
};

struct em_fine_lines_windows {
	struct em_energy_window first, second, after;
	double position[2]; /* eV, of the lines */
};

/*
 * Where the lines are: the pair of energies `apart` from each other, within the search window, at which the counts
 * smoothed over half of that are greatest in sum.  first: from `apart` before the first line to where the counts,
 * smoothed over a quarter of `apart`, are least around the middle between them; second: on to `apart` behind the
 * second; after: 2 `apart` more, or what the axis has of them.  The borders between may lie within a channel.  For a
 * series: once, on its mean.
 *
 * EM_ERROR_USAGE: a search window outside the axis or too short, `apart` less than 4 channels; EM_ERROR_DATA: no room
 * around the lines, or no channel rises out of the noise by 5 standard errors.
 */
int em_fine_lines_place(const struct em_energy *e, const double *counts, const double *variance,
                        const struct em_fine_lines_settings *settings, struct em_fine_lines_windows *windows,
                        struct em_error *err);

/*
 * L3 / L2 by the step method of Pearson, Ahn & Fultz, Phys. Rev. B 47 (1993) 8471: what windows `first` and `second`
 * hold above a double step with its rises at the lines' positions and the height that `after` has on average (flat:
 * robust where they draw a sloping line).  Linear in the counts, so the errors are exact.
 * EM_ERROR_DATA: one of the lines is not above 3 standard errors.
 */
int em_fine_lines_ratio(const struct em_energy *e, const double *counts, const double *variance,
                        const struct em_fine_lines_windows *windows, double first_share, struct em_fine_value *ratio,
                        struct em_error *err);

/* slope[e->channels]: how that ratio changes with the counts of each channel, the windows staying where they are. */
int em_fine_lines_ratio_slopes(const struct em_energy *e, const double *counts, const double *variance,
                               const struct em_fine_lines_windows *windows, double first_share, double *slope,
                               struct em_error *err);

/*
 * Peaks and a double step, flat behind, between the ends of windows first and second: least squares in the peaks'
 * positions, widths and areas and the step's height.  The step rises at each line (the middle of a split one) with the
 * width of its peaks.  start: a fit of the same kind, as of the mean of a series; NULL: one is found in the windows.
 * EM_ERROR_DATA: as em_fine_lines_place; no minimum; a peak that is not above 3 of its standard errors, left its line
 * or is narrower than a channel; a splitting that is not above 3 of its own.
 */
int em_fine_lines_fit(const struct em_energy *e, const double *counts, const double *variance,
                      const struct em_fine_lines_settings *settings, const struct em_fine_lines *start,
                      struct em_fine_lines *lines, struct em_error *err);

/* slope[e->channels]: how the first line's splitting changes with the counts of each channel, to first order, the
 * variance and the channels that are fitted staying as they are.  lines: the fit of the same.  EM_ERROR_USAGE: it is of
 * lines that are not split; EM_ERROR_DATA: it is at no minimum. */
int em_fine_lines_splitting_slopes(const struct em_energy *e, const double *counts, const double *variance,
                                   const struct em_fine_lines_settings *settings, const struct em_fine_lines *lines,
                                   double *slope, struct em_error *err);

/* curve[e->channels]: the counts that a fit with these settings describes, to look at. */
void em_fine_lines_curve(const struct em_energy *e, const struct em_fine_lines_settings *settings,
                         const struct em_fine_lines *lines, double *curve);

/*
 * Counts of window `a` by those of window `b`, as of O K's pre-peak and main peak.  Where they share channels the error
 * knows it.  slope[e->channels] (NULL: not wanted): how it changes with the counts of each channel.  EM_ERROR_USAGE:
 * em_energy_span's; EM_ERROR_DATA: b not above 3 standard errors.
 */
int em_fine_windows_ratio(const struct em_energy *e, const double *counts, const double *variance,
                          const struct em_energy_window *a, const struct em_energy_window *b,
                          struct em_fine_value *ratio, double *slope, struct em_error *err);

/*
 * A peak in each of windows[count], fitted together in the channels of all of them (as eXSpy's tutorial does with O K's
 * pre-peak, main and second peak; nothing else is there: what is under the peaks counts as theirs).
 * EM_ERROR_USAGE: em_energy_span's, no window or more than 8; EM_ERROR_DATA: no minimum, or a peak that is not above 3
 * of its standard errors or left its window.
 */
int em_fine_peaks_fit(const struct em_energy *e, const double *counts, const double *variance,
                      const struct em_energy_window *windows, size_t count, enum em_fine_shape shape,
                      struct em_fine_fit *fit, struct em_error *err);

/* The summed areas of `na` peaks from the a-th on by those of `nb` from the b-th on; with their covariance. */
struct em_fine_value em_fine_area_ratio(const struct em_fine_fit *fit, size_t a, size_t na, size_t b, size_t nb);

/* eV, from peak a to peak b. */
struct em_fine_value em_fine_distance(const struct em_fine_fit *fit, size_t a, size_t b);

struct em_fine_onset {
	struct em_fine_value half;     /* eV: where the counts rise through half of the edge's first maximum */
	struct em_fine_value steepest; /* eV: where they rise the most */
};

/*
 * Both within a window that holds the rise and its first maximum, of counts smoothed with a Gaussian of `smooth` eV
 * (full at half maximum; 0: 3 channels), between channels.  Noise in the maximum counts, that of its choice among
 * others does not: compare spectra of like noise, or use em_fine_shift.  Of two rises in the window, like those of a
 * split line, `steepest` may be either.  The first maximum, for `half`, is a fifth of the greatest or more (O K's
 * pre-peak, not the next one) and followed by a dip of 3 standard errors or more; else it is the greatest.
 *
 * EM_ERROR_USAGE: em_energy_span's, a window of less than 5 channels; EM_ERROR_DATA: the maximum not above 5 standard
 * errors, or no rise through half of it in the window.
 */
int em_fine_onset(const struct em_energy *e, const double *counts, const double *variance,
                  const struct em_energy_window *window, double smooth, struct em_fine_onset *onset,
                  struct em_error *err);

/*
 * How far, in eV, the spectrum is shifted upwards from a reference[e->channels] (that is taken as free of noise): the
 * maximum of the cross-correlation over the window, up to `most` eV either way, then the shift and factor of least
 * squares, the reference interpolated by cubic convolution.
 * EM_ERROR_USAGE: em_energy_span's, `most` not above 0; EM_ERROR_DATA: the reference fits nowhere: its factor not above
 * 5 standard errors, a shift at the end of its range, or one that the spectra do not determine (no structure).
 */
int em_fine_shift(const struct em_energy *e, const double *counts, const double *variance, const double *reference,
                  const struct em_energy_window *window, double most, struct em_fine_value *shift,
                  struct em_error *err);

#endif
