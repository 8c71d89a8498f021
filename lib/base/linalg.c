/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/linalg.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>

#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_eigen.h>
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

void em_cholesky_solve(const double *l, size_t n, double *x)
{
	em_cholesky_whiten(l, n, x);
	if (n) {
		gsl_matrix_const_view m = gsl_matrix_const_view_array(l, n, n);
		gsl_vector_view v = gsl_vector_view_array(x, n);

		gsl_blas_dtrsv(CblasLower, CblasTrans, CblasNonUnit, &m.matrix, &v.vector);
	}
}

/* a = V diag(w^exponent) V^T; half the exponent to each side keeps the result symmetric to the bit. */
static int rebuild(double *a, const gsl_vector *w, gsl_matrix *v, double exponent, struct em_error *err)
{
	size_t n = w->size;
	gsl_matrix_view m = gsl_matrix_view_array(a, n, n);

	for (size_t i = 0; i < n; i++) {
		gsl_vector_view column = gsl_matrix_column(v, i);
		double value = gsl_vector_get(w, i);

		if (!(value > 0) || !isfinite(value))
			return em_error_set(err, EM_ERROR_DATA, "a covariance matrix is not positive definite");
		gsl_vector_scale(&column.vector, pow(value, exponent / 2));
	}
	gsl_blas_dsyrk(CblasLower, CblasNoTrans, 1, v, 0, &m.matrix);
	for (size_t i = 0; i < n; i++)
		for (size_t j = i + 1; j < n; j++)
			a[i * n + j] = a[j * n + i];
	return 0;
}

/* A sum of |a| that is not finite: one of its elements is not. */
static bool finite_lower(const double *a, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j <= i; j++)
			sum += fabs(a[i * n + j]);
	return isfinite(sum);
}

/* Eigenvalues, in no order, and vectors as columns, n > 0; a is spoiled.  The caller frees both, even after failure. */
static int decompose(double *a, size_t n, gsl_vector **w, gsl_matrix **v, struct em_error *err)
{
	gsl_matrix_view m = gsl_matrix_view_array(a, n, n);
	gsl_eigen_symmv_workspace *work;
	int status = 0;

	*w = NULL;
	*v = NULL;
	if (!finite_lower(a, n)) /* GSL's iteration would not end */
		return em_error_set(err, EM_ERROR_DATA, "a matrix has elements that are not finite");
	pthread_once(&calm, be_calm);
	work = gsl_eigen_symmv_alloc(n);
	*w = gsl_vector_alloc(n);
	*v = gsl_matrix_alloc(n, n);
	if (work && *w && *v)
		gsl_eigen_symmv(&m.matrix, *w, *v, work);
	else
		status = em_error_memory(err, n * n * sizeof(double));
	gsl_eigen_symmv_free(work);
	return status;
}

int em_symmetric_power(double *a, size_t n, double exponent, struct em_error *err)
{
	gsl_vector *w;
	gsl_matrix *v;
	int status;

	if (!n)
		return 0;
	status = decompose(a, n, &w, &v, err);
	if (!status)
		status = rebuild(a, w, v, exponent, err);
	gsl_vector_free(w);
	gsl_matrix_free(v);
	return status;
}

int em_symmetric_eigen(double *a, size_t n, double *value, struct em_error *err)
{
	gsl_vector *w;
	gsl_matrix *v;
	int status;

	if (!n)
		return 0;
	status = decompose(a, n, &w, &v, err);
	if (!status) {
		gsl_matrix_view m = gsl_matrix_view_array(a, n, n);

		gsl_eigen_symmv_sort(w, v, GSL_EIGEN_SORT_VAL_DESC);
		gsl_matrix_transpose_memcpy(&m.matrix, v);
		for (size_t i = 0; i < n; i++)
			value[i] = gsl_vector_get(w, i);
	}
	gsl_vector_free(w);
	gsl_matrix_free(v);
	return status;
}

double em_shrinkage(const double *s, size_t size, double n)
{
	double p = (double)size, trace = 0, squares = 0, above, below;

	for (size_t i = 0; i < size; i++) {
		const double *row = s + i * size;
		double sum = 0;

		for (size_t j = 0; j < i; j++)
			sum += row[j] * row[j];
		trace += row[i];
		squares += row[i] * row[i] + 2 * sum;
	}
	above = (1 - 2 / p) * squares + trace * trace;
	below = (n + 1 - 2 / p) * (squares - trace * trace / p);
	return above < below ? above / below : 1;
}

double em_student_tail(double t, double nu)
{
	pthread_once(&calm, be_calm);
	return gsl_cdf_tdist_Q(t, nu);
}

double em_gamma_tail(double x, double shape)
{
	pthread_once(&calm, be_calm);
	return gsl_cdf_gamma_Q(x, shape, 1);
}

double em_gamma_point(double p, double shape)
{
	double lo = 0, hi = shape + 1;

	/* GSL's own inverse is wrong far out in the tail of some shapes */
	while (em_gamma_tail(hi, shape) > p && isfinite(hi))
		hi *= 2;
	for (int i = 0; i < 100 && hi - lo > 1e-14 * hi; i++) {
		double mid = (lo + hi) / 2;

		*(em_gamma_tail(mid, shape) > p ? &lo : &hi) = mid;
	}
	return hi;
}
