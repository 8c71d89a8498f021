/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many atoms of one element for those of another, from the counts of their edges. */
#ifndef EM_EELS_COMPOSITION_H
#define EM_EELS_COMPOSITION_H

#include "base/error.h"

#include <stddef.h>

/* n is proportional to counts / sigma.  With k-factors, sigma is 1 / k. */
struct em_composition_part {
	double counts, counts_error;
	double sigma;       /* barn, or any unit that all share; > 0 */
	double sigma_error; /* its relative standard uncertainty, >= 0 (em_sigma_uncertainty; a k-factor's) */
};

struct em_composition_value {
	double value;
	double error; /* standard error, from the counts alone: how well two spectra compare */
	double model; /* standard uncertainty from the cross sections alone, which all spectra share */
};

/*
 * n_a / n_b = (I_a / sigma_a) / (I_b / sigma_b).  EM_ERROR_DATA: b has no counts by three standard errors, or is not
 * finite (an edge without a net signal gives no ratio; a may be none); EM_ERROR_USAGE: a cross section not above 0.
 */
int em_composition_ratio(const struct em_composition_part *a, const struct em_composition_part *b,
                         struct em_composition_value *ratio, struct em_error *err);

/* Atomic fractions of n elements, their sum 1; a negative one means noise about none.  Errors as above, of the sum. */
int em_composition_fractions(const struct em_composition_part *part, size_t n, struct em_composition_value *fraction,
                             struct em_error *err);

/*
 * k of a against b from a standard where n_a / n_b = ratio (relative standard uncertainty ratio_error): n_a / n_b = k
 * I_a / I_b.  What it gives is for windows and angles as those.  k->model is from ratio_error; EM_ERROR_DATA: a or b
 * has no counts by three standard errors.
 */
int em_composition_k_factor(const struct em_composition_part *a, const struct em_composition_part *b, double ratio,
                            double ratio_error, struct em_composition_value *k, struct em_error *err);

#endif
