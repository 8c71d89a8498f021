/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/linalg.h"

#include <math.h>
#include <pthread.h>

#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

/* GSL would otherwise end the process at a matrix that is not positive definite or a function out of range. */
static void be_calm(void)
{
	gsl_set_error_handler_off();
}

static pthread_once_t calm = PTHREAD_ONCE_INIT;

int em_cholesky_factor(double *a, size_t n, struct em_error *err)
{
	gsl_matrix_view m;
	int status;

	if (!n)
		return 0;
	pthread_once(&calm, be_calm);
	m = gsl_matrix_view_array(a, n, n);
	status = gsl_linalg_cholesky_decomp1(&m.matrix);
	for (size_t i = 0; i < n; i++) {
		if (status || !isfinite(a[i * n + i]) || a[i * n + i] <= 0)
			return em_error_set(err, EM_ERROR_DATA, "a covariance matrix is not positive definite");
		for (size_t j = i + 1; j < n; j++)
			a[i * n + j] = 0;
	}
	return 0;
}

void em_cholesky_whiten(const double *l, size_t n, double *x)
{
	if (n) {
		gsl_matrix_const_view m = gsl_matrix_const_view_array(l, n, n);
		gsl_vector_view v = gsl_vector_view_array(x, n);

		gsl_blas_dtrsv(CblasLower, CblasNoTrans, CblasNonUnit, &m.matrix, &v.vector);
	}
}

double em_student_tail(double t, double nu)
{
	pthread_once(&calm, be_calm);
	return gsl_cdf_tdist_Q(t, nu);
}
