/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Thickness in units of the mean free path of inelastic scattering, from a low-loss spectrum. */
#ifndef EM_EELS_THICKNESS_H
#define EM_EELS_THICKNESS_H

#include "base/error.h"
#include "eels/zeroloss.h"

struct em_thickness_options {
	enum em_zeroloss_model model;
	double reach; /* eV, of EM_ZEROLOSS_CUT; 0: em_zeroloss_reach */
};

struct em_thickness {
	double ratio; /* t / lambda */
	double error; /* standard error, from counting statistics at one count an electron; times sqrt(gain) else */
	double zero, total; /* counts */
	double reach;       /* eV, that was used */
};

/*
 * ln(I_t / I_0), Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd ed., eq. 5.1: I_t from
 * `reach` before the peak to the end of the axis (of a mirrored peak, from its start), I_0 in the peak.  What lies
 * beyond the axis is missing.  As I_0 and the rest are independent, error^2 = 1/I_0 - 1/I_t (of a mirrored peak, of
 * which only one half is counted, 2/I_0 - 1/I_t).  A saturated peak makes it too great: see em_zeroloss.saturated.
 * EM_ERROR_DATA: no counts in the peak or fewer in all than in it.
 */
int em_thickness_measure(const float *spectrum, const struct em_energy *e, const struct em_zeroloss *z,
                         const struct em_thickness_options *options, struct em_thickness *out, struct em_error *err);

#endif
