/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The little linear algebra and statistics that classification needs (GSL inside).  Matrices are dense, row-major,
 * double.
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

/* P(T >= t) of Student's t distribution with nu > 0 degrees of freedom; NaN where that cannot be computed. */
double em_student_tail(double t, double nu);

#endif
