/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Low-loss spectra with a truth: a Gaussian zero-loss peak and its plasmons, each the convolution of the one before
 * with the same Gaussian, and as many as Poisson's law has. */
#ifndef EM_TESTS_LOWLOSS_HELP_H
#define EM_TESTS_LOWLOSS_HELP_H

#include "base/random.h"
#include "eels/energy.h"

#include <math.h>

#define FWHM_OF_SIGMA 2.35482004503094938202

struct low_loss {
	double counts;             /* in all */
	double at, width;          /* of the zero loss, eV; full width at half maximum */
	double thickness;          /* t / lambda */
	double plasmon, plasmon_s; /* eV; standard deviation */
};

/* What a Gaussian of area 1 has in a channel of `scale` about `from`. */
static inline double in_channel(double from, double scale, double sigma)
{
	double s = sigma * sqrt(2);

	return (erf((from + scale / 2) / s) - erf((from - scale / 2) / s)) / 2;
}

static inline void make_low_loss(float *y, const struct em_energy *e, const struct low_loss *l)
{
	for (size_t i = 0; i < e->channels; i++) {
		double sum = 0, share = exp(-l->thickness), zero = l->width / FWHM_OF_SIGMA;

		for (int n = 0; n < 30; n++) {
			double sigma = sqrt(zero * zero + n * l->plasmon_s * l->plasmon_s);
			sum += share * in_channel(em_energy_at(e, (double)i) - l->at - n * l->plasmon, e->scale, sigma);
			share *= l->thickness / (n + 1);
		}
		y[i] = (float)(l->counts * sum);
	}
}

static inline void count_electrons(float *y, size_t n, uint64_t seed)
{
	struct em_random r;

	em_random_seed(&r, seed, 0);
	for (size_t i = 0; i < n; i++)
		y[i] = (float)em_random_poisson(&r, y[i]);
}

#endif
