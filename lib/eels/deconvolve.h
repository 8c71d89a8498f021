/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plural scattering out of a core-loss edge by the Fourier-ratio method: Egerton, Electron Energy-Loss Spectroscopy in
 * the Electron Microscope, 3rd ed., section 4.3.2.
 */
#ifndef EM_EELS_DECONVOLVE_H
#define EM_EELS_DECONVOLVE_H

#include "base/error.h"
#include "eels/energy.h"
#include "eels/zeroloss.h"

#include <stddef.h>

struct em_deconvolve;

struct em_deconvolve_options {
	double gaussian; /* eV, full width at half maximum of the line that is left; 0: the zero-loss peak itself */
	enum em_zeroloss_model model;
	double reach; /* eV, of EM_ZEROLOSS_CUT; 0: em_zeroloss_reach */
};

/*
 * From the low loss of the same place, for edges of `channels` channels of the same width: EM_ERROR_USAGE where
 * core->scale differs by more than 1 % from low->scale, or the Gaussian is narrower than the zero-loss peak by more
 * than a third (it would amplify the noise); EM_ERROR_DATA as em_zeroloss_find has it, or where the peak has no counts.
 */
struct em_deconvolve *em_deconvolve_new(const float *spectrum, const struct em_energy *low,
                                        const struct em_energy *core, const struct em_deconvolve_options *options,
                                        struct em_error *err);
void em_deconvolve_free(struct em_deconvolve *d); /* NULL allowed */

/* I_0 / I_t = exp(-t / lambda): what is left of an edge's counts, all of its plural scattering taken for measured. */
double em_deconvolve_left(const struct em_deconvolve *d);

/*
 * edge[channels], its background taken off and zero before its onset's background, becomes I_0 R K / L in Fourier
 * space: R the line that is left (with area 1), K the edge and L the low loss.  To use with I_0 where the edge before
 * went with I_t; ratios of edges need neither.  variance[channels] of the counts, NULL or in and out: it becomes that
 * of the result, with the noise of the edge but not of the low loss (neighbours are correlated).
 *
 * Behind the last channel the edge goes on from the mean of its last twentieth as E^-3, faded to zero over the padding;
 * scattering only loses energy, so this changes nothing but the last few channels, within a line's width.
 * EM_ERROR_DATA: not finite.  From many threads at once.
 */
int em_deconvolve_run(const struct em_deconvolve *d, float *edge, float *variance, struct em_error *err);

#endif
