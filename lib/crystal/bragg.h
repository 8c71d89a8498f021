/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bragg peaks in the power spectrum of a picture, or in the mean of a movie's.
 *
 * A peak must rise above what its surroundings do by chance.  The power is smoothed (1 2 1 in both directions, about
 * the width of a spot), and its background is the greatest of: the median of the ring of its |k| (amorphous rings,
 * noise); the medians of the row and of the column on its sides (scan-line streaks, also those through other spots);
 * the median of the box around it (uneven rings); and the medians of rings about stronger peaks (their feet).
 *
 * Speckle and noise about a mean follow a gamma distribution, whose shape comes from the quartiles of the rings: so a
 * ring that is patchy asks for more than an even one does, and frames need not be independent.  A peak is kept where
 * chance would make less than `false_alarms` such maxima in the whole spectrum.  Medians of few pixels scatter, and a
 * quarter is taken off each shape for that: white noise makes a third to a thirtieth of the false alarms stated.  A
 * peak's background is rather too high than too low.
 *
 * Its place is the least squares fit of the window's own spectrum (spectrum.h), broadened by a Gaussian, to the sums of
 * 5 x 5 pixels over rows and over columns: a plane wave's is exact, and a broad spot's its middle.
 */
#ifndef EM_CRYSTAL_BRAGG_H
#define EM_CRYSTAL_BRAGG_H

#include "base/error.h"

#include <stddef.h>

#define EM_BRAGG_FALSE_ALARMS 0.01
#define EM_BRAGG_PERIODS 4 /* in the frame, at least */
#define EM_BRAGG_MOST 100

/* Zeroed: the defaults. */
struct em_bragg_options {
	double false_alarms;    /* expected in a spectrum without spots; 0: EM_BRAGG_FALSE_ALARMS */
	double least_snr;       /* and no peak below this */
	double k_least, k_most; /* |k|, cycles per pixel; 0: EM_BRAGG_PERIODS in the frame, and no end */
	size_t most;            /* the strongest; 0: EM_BRAGG_MOST */
};

/* One of each pair +g, -g: x >= 0, but for its uncertainty. */
struct em_bragg_peak {
	double y, x;             /* g, cycles per pixel, y in [-1/2, 1/2], x in [0, 1/2] */
	double sigma_y, sigma_x; /* standard uncertainties of them */
	double power;            /* above the background, summed over the peak: of amplitude 2A of a plane wave,
	                            A^2 height width em_spectrum_window_power() */
	double sigma_power;
	double background; /* a pixel */
	double snr;        /* the smoothed power's greatest, above the background, over the background */
};

struct em_bragg_peaks {
	struct em_bragg_peak *peak; /* by falling height */
	size_t count;
};

/*
 * The peaks of sum[height][width / 2 + 1], the power of `frames` spectra (em_spectrum_add_power).  None is no error.
 * EM_ERROR_DATA where a power is no finite number or below 0, or the size is less than a spectrum's; EM_ERROR_MEMORY.
 */
int em_bragg_find(struct em_bragg_peaks *peaks, const double *sum, size_t height, size_t width, size_t frames,
                  const struct em_bragg_options *options, struct em_error *err);
void em_bragg_release(struct em_bragg_peaks *peaks);

/* Power against |k|: ring i has |k| from (i - 1/2) step to (i + 1/2) step, in cycles per pixel. */
struct em_bragg_radial {
	double step; /* 1 / sqrt(height width) */
	size_t count;
	size_t *pixels; /* in the ring, one of each pair; where it is 0 so are mean and median */
	double *mean, *median;
};

/* Of sum[height][width / 2 + 1] / frames.  Errors as above. */
int em_bragg_radial(struct em_bragg_radial *radial, const double *sum, size_t height, size_t width, size_t frames,
                    struct em_error *err);
void em_bragg_radial_release(struct em_bragg_radial *radial);

#endif
