/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A spectrum as a sum of others: how much of each reference it holds (multiple linear least squares, not negative).
 * Spectra are counts with their background taken off, or whole where the references are, too.
 */
#ifndef EM_EELS_UNMIX_H
#define EM_EELS_UNMIX_H

#include "base/error.h"

#include <stddef.h>

#define EM_UNMIX_REFERENCES_MAX 64

struct em_unmix {
	const double *reference; /* [count][channels] */
	size_t count, channels;
};

struct em_unmix_quality {
	double chi2;    /* at the best: sum of squares of residuals by their standard errors */
	size_t freedom; /* channels used - references with an amount above 0 */
};

/*
 * amount[count] >= 0 that makes sum_j (counts_j - sum_k amount_k reference_kj)^2 / variance_j least: the active set
 * method of Lawson & Hanson (Solving Least Squares Problems, 1974, ch. 23), on the normal equations (Bro & De Jong,
 * J. Chemometrics 11 (1997) 393).  Channels in which counts, variance or a reference is not finite, or the variance
 * not positive, do not count.  variance NULL: the same in all, and found from the residuals.
 *
 * covariance[count][count] (NULL: not wanted) is that of the amounts were they free to be negative: true where they
 * are well above 0, and for an amount of 0 the square of what could have been overlooked.  The references are taken as
 * free of noise.  quality NULL: not wanted.
 * EM_ERROR_USAGE: no reference or more than 64; EM_ERROR_DATA: not more channels than references, or references that
 * are (nearly) combinations of others: the text says which.
 */
int em_unmix_fit(const struct em_unmix *u, const double *counts, const double *variance, double *amount,
                 double *covariance, struct em_unmix_quality *quality, struct em_error *err);

/*
 * fraction[count] = amounts by their sum, and error[count] with their covariance.  Of references that hold as many
 * atoms each, fractions of atoms.  EM_ERROR_DATA where the sum is not above 3 of its standard errors: nothing is there.
 */
int em_unmix_fractions(const double *amount, const double *covariance, size_t count, double *fraction, double *error,
                       struct em_error *err);

#endif
