/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a map changes across an interface: its mean over lines parallel to that, by the distance along a line that stands
 * on it; and where and how wide the step in it is.
 */
#ifndef EM_CRYSTAL_PROFILE_H
#define EM_CRYSTAL_PROFILE_H

#include "base/error.h"
#include "crystal/area.h"

#include <stddef.h>

struct em_profile_bin {
	double distance; /* of its samples on average, px from the line's first end; its middle where it has none */
	double mean;     /* NaN where it has none */
	double error;    /* standard error of the mean, samples taken for independent; NaN of one sample */
	double weight;   /* of its samples, added up */
	size_t samples;
	double spread; /* variance of their distances, px^2 */
};

struct em_profile {
	struct em_profile_bin *bin; /* owned */
	size_t count;
	double step; /* px a bin */
};

#define EM_PROFILE_BINS_MAX 65536

/*
 * The samples of map[rows][cols] that lie beside the line (px of the map's frame), up to width / 2 px to either side of
 * it, in `bins` bins of equal length along it; 0: as many as there are samples along the line.  Each sample counts with
 * weight[rows][cols] (em_area_weigh; NULL: one), and none that is not finite.  As a bin's distance is that of its
 * samples, a linear map has a linear profile, however few there are.
 *
 * error^2 = sum w (v - mean)^2 / ((n - 1) sum w), n = (sum w)^2 / sum w^2: what the map itself changes within a bin
 * counts as scatter.  Neighbours in a map that was made with a mask are not independent where samples are closer than
 * the mask resolves: multiply by the square root of how many there are to one that is.
 *
 * EM_ERROR_USAGE: a line or width of nothing, too many bins; EM_ERROR_DATA: no sample there.
 */
int em_profile_make(struct em_profile *profile, const float *map, const float *weight, const struct em_area_grid *grid,
                    const struct em_line *line, double width, size_t bins, struct em_error *err);
void em_profile_release(struct em_profile *p);

/*
 * before + (after - before) (1 + erf((t - position) / (sqrt 2 s))) / 2,  s^2 = width^2 + spread: a step blurred with a
 * Gaussian of standard deviation `width` px and by what a bin's samples are apart, which is nothing where all of them
 * are at one distance, about step^2 / 12 along a tilted line (10 to 90 % are 2.563 widths).  A map that was made with a
 * mask is blurred by that as well: it is part of the width.
 */
struct em_step {
	double position, position_error; /* px from the line's first end */
	double width, width_error;
	double before, before_error;
	double after, after_error;
	/* a degree of freedom, with the bins' own errors pooled: about 1 where the model holds; NaN: none */
	double chi2;
};

/*
 * Least squares over the bins, each by its weight; standard errors from the scatter of the bins about the step.  Where
 * the step is sharper than the bins show, s < step / sqrt 12, width is 0 and its error that of a bin, step / sqrt 12.
 * EM_ERROR_DATA: fewer than eight bins with samples; no step, which is when a constant describes the profile about as
 * well (Bayes's criterion gains less than 10, "very strong" in Kass and Raftery, J. Am. Stat. Assoc. 90 (1995) 773;
 * of 8 bins of noise 1.6 % pass, of 16 0.5 %, of 40 0.1 %); or a step whose middle lies beyond the bins.
 */
int em_profile_fit_step(const struct em_profile *profile, struct em_step *step, struct em_error *err);

#endif
