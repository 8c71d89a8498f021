/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The little linear algebra and statistics that classification and spectra need (GSL inside).  Matrices are dense,
 * row-major, double.
 */
#ifndef EM_BASE_LINALG_H
#define EM_BASE_LINALG_H

#include "base/error.h"

#include <stddef.h>

/*
 * In place, the Cholesky factor L of a symmetric positive definite matrix a[n][n] = L L^T.  Only the lower triangle
 * is read; the upper one becomes zero.  EM_ERROR_DATA where a is not positive definite or not finite: it is then
 * spoiled.
 */
int em_cholesky_factor(double *a, size_t n, struct em_error *err);

/* x = L^-1 x by forward substitution: afterwards |x|^2 is x^T A^-1 x of the x before. */
void em_cholesky_whiten(const double *l, size_t n, double *x);

/* x = (L L^T)^-1 x: the solution of a x = b from the factor of a. */
void em_cholesky_solve(const double *l, size_t n, double *x);

/* In place, the power of a symmetric positive definite matrix a[n][n]: V diag(w^exponent) V^T from its eigenvectors.
 * Only the lower triangle is read; both are written.  EM_ERROR_DATA where an eigenvalue is not positive or not finite:
 * it is then spoiled. */
int em_symmetric_power(double *a, size_t n, double exponent, struct em_error *err);

/* In place, the eigenvectors of a symmetric matrix a[n][n], one a row, of length 1, by falling value[n].  Only the
 * lower triangle is read.  EM_ERROR_DATA where an element is not finite: a is then spoiled. */
int em_symmetric_eigen(double *a, size_t n, double *value, struct em_error *err);

/*
 * How far the covariance s[p][p] of n samples should be shrunk, from 0 to 1, towards the multiple of the identity with
 * its trace: the oracle approximating shrinkage of Chen, Wiesel, Eldar & Hero, IEEE Trans. Signal Process. 58 (2010)
 * 5016, eq. 23.  It does not depend on the scale of s; only the lower triangle is read.
 */
double em_shrinkage(const double *s, size_t p, double n);

/* P(T >= t) of Student's t distribution with nu > 0 degrees of freedom; NaN where that cannot be computed. */
double em_student_tail(double t, double nu);

/* Of the gamma distribution of a shape > 0 and scale 1 (mean = shape): P(X >= x), and the x that has P(X >= x) = p. */
double em_gamma_tail(double x, double shape);
double em_gamma_point(double p, double shape);

#endif
