/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peaks, and a double step under them, fitted to channels: what white lines and pre-peaks share. */
#ifndef EM_EELS_FINE_MODEL_H
#define EM_EELS_FINE_MODEL_H

#include "base/error.h"
#include "eels/fine.h"

#include <stdbool.h>
#include <stddef.h>

struct em_fine_model {
	size_t peaks; /* of a double step, the first half of them belongs to its first rise */
	bool stepped;
	bool same_width; /* of the peaks of one half */
	double first_share;
	enum em_fine_shape shape;
	enum em_fine_step step;
	double channel; /* eV: areas are sums over channels, and no peak is narrower */
	size_t points;
	const double *ev, *counts, *variance; /* [points] */
};

/* A Gaussian or a Lorentzian of area 1 and full width at half maximum `width`, d off its middle. */
double em_fine_gauss(double d, double width);
double em_fine_lorentz(double d, double width);

/* Least squares from the start in fit->peak[].{position,width,area}.value and fit->step.value; out the whole. */
int em_fine_model_fit(const struct em_fine_model *model, struct em_fine_fit *fit, struct em_error *err);

/*
 * slope[points]: how the distance of two peaks of a fit, that of `to` less that of `from`, changes with the counts of
 * each point, the variance staying as it is: by the implicit function theorem, from the curvature of the sum of squares
 * at its least.  EM_ERROR_DATA: it is at no minimum.
 */
int em_fine_model_distance_slopes(const struct em_fine_model *model, const struct em_fine_fit *fit, size_t from,
                                  size_t to, double *slope, struct em_error *err);

/* What a fit of the model has at an energy; of the model, points and data are not needed. */
double em_fine_model_at(const struct em_fine_model *model, const struct em_fine_fit *fit, double ev);

/* The channels of a span must be finite, their variance > 0. */
int em_fine_check(const struct em_energy *e, const double *counts, const double *variance,
                  const struct em_energy_span *span, struct em_error *err);

#endif
