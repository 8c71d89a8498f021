/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Non-linear least squares (GSL's trust region method inside: Levenberg-Marquardt steps, More's scaling): the
 * parameters p that make the sum of the squares of the residuals r_i(p) least.
 */
#ifndef EM_BASE_FIT_H
#define EM_BASE_FIT_H

#include "base/error.h"

#include <stddef.h>

struct em_fit {
	size_t points, params; /* points >= params >= 1 */
	/* r[points]: (model - measured) / standard error.  Where they are not finite a step went too far. */
	void (*residuals)(void *ctx, const double *p, double *r);
	/* j[points][params], dr_i/dp_k; NULL: by forward differences */
	void (*jacobian)(void *ctx, const double *p, double *j);
	void *ctx;
	size_t steps; /* at most so many; 0: 200 */
};

/*
 * p[params]: in the start, out the best.  covariance[params][params] is the inverse of J^T J at the best (NULL: not
 * wanted): where residuals are in units of true standard errors it is that of the parameters; where all of these are
 * wrong by one unknown factor, multiply by *chi2 / (points - params).  *chi2: the least sum of squares (NULL allowed).
 * EM_ERROR_DATA, and nothing is written: fewer points than parameters, a start that gives no finite residuals, no
 * minimum within `steps`, or a parameter that the points do not determine.
 */
int em_fit_run(const struct em_fit *fit, double *p, double *covariance, double *chi2, struct em_error *err);

#endif
