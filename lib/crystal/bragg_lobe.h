/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside bragg.c: the power spectrum of spectrum.h's window, what a plane wave looks like, in one direction. */
#ifndef EM_CRYSTAL_BRAGG_LOBE_H
#define EM_CRYSTAL_BRAGG_LOBE_H

#include <stdbool.h>

#define EM_BRAGG_LAGS 64
#define EM_BRAGG_REACH 2 /* a peak is fitted so far to either side */
#define EM_BRAGG_BOX (2 * EM_BRAGG_REACH + 1)

/* M(k) = sum over the lags u of correlation(u) cos(2 pi k u), k in pixels of the spectrum; M(0) = 1. */
struct em_bragg_lobe {
	double correlation[EM_BRAGG_LAGS], lag[EM_BRAGG_LAGS];
	double total; /* the sum of M over whole numbers, from any start */
};
void em_bragg_lobe_init(struct em_bragg_lobe *lobe);

/* M broadened by a Gaussian of this variance, and its derivatives by k and by the variance. */
double em_bragg_lobe_at(const struct em_bragg_lobe *lobe, double k, double variance, double slope[2]);
/* Never below M, and without its zeros. */
double em_bragg_lobe_envelope(double k);

struct em_bragg_fit {
	double height, middle, variance; /* pixels */
	double sigma_height, sigma_middle;
};
/* height M(k - middle; variance) to v(k), k = -REACH..REACH, of standard deviation sigma(k).  False where no peak is
 * found with its middle within. */
bool em_bragg_lobe_fit(const struct em_bragg_lobe *lobe, const double v[EM_BRAGG_BOX], const double sigma[EM_BRAGG_BOX],
                       struct em_bragg_fit *fit);
/* The share of a peak that lies within. */
double em_bragg_lobe_share(const struct em_bragg_lobe *lobe, const struct em_bragg_fit *fit);

#endif
