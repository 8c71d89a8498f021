/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fit.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_multifit_nlinear.h>

#define STEPS 200
#define TOLERANCE 1e-10 /* of a step, relative to the parameters, and of the gradient */
#define TOO_FAR 1e150   /* a residual that turns any step back; its square is still finite */
#define SINGULAR 1e-12  /* a column of J that is so much a combination of the others is none of its own */

static void be_calm(void)
{
	gsl_set_error_handler_off();
}

static pthread_once_t calm = PTHREAD_ONCE_INIT;

/* What GSL knows of a vector's memory, we know too: ours are contiguous, GSL's may have a stride. */
struct bridge {
	const struct em_fit *fit;
	double *p, *j; /* [params], [points][params] */
	bool broken;   /* something was not finite */
};

static const double *gather(struct bridge *b, const gsl_vector *x)
{
	for (size_t k = 0; k < b->fit->params; k++)
		b->p[k] = gsl_vector_get(x, k);
	return b->p;
}

static int residuals(const gsl_vector *x, void *ctx, gsl_vector *f)
{
	struct bridge *b = ctx;
	double *r = b->j; /* as long as one column: room enough */

	b->fit->residuals(b->fit->ctx, gather(b, x), r);
	for (size_t i = 0; i < b->fit->points; i++) {
		bool good = fabs(r[i]) < TOO_FAR;

		b->broken = b->broken || !good;
		gsl_vector_set(f, i, good ? r[i] : TOO_FAR);
	}
	return GSL_SUCCESS;
}

static int jacobian(const gsl_vector *x, void *ctx, gsl_matrix *to)
{
	struct bridge *b = ctx;
	size_t n = b->fit->params;

	b->fit->jacobian(b->fit->ctx, gather(b, x), b->j);
	for (size_t i = 0; i < b->fit->points * n; i++) {
		if (!isfinite(b->j[i]))
			return GSL_EDOM;
		gsl_matrix_set(to, i / n, i % n, b->j[i]);
	}
	return GSL_SUCCESS;
}

/* Is every parameter determined?  GSL leaves zeros for one that is not. */
static int invert(const gsl_multifit_nlinear_workspace *w, gsl_matrix *covariance, struct em_error *err)
{
	int status = gsl_multifit_nlinear_covar(gsl_multifit_nlinear_jac(w), SINGULAR, covariance);

	for (size_t k = 0; k < covariance->size1; k++) {
		double v = gsl_matrix_get(covariance, k, k);

		if (status || !(v > 0) || !isfinite(v))
			return em_error_set(err, EM_ERROR_DATA, "the data do not determine parameter %zu of the fit",
			                    k + 1);
	}
	return 0;
}

static int minimise(gsl_multifit_nlinear_workspace *w, struct bridge *b, const double *start, gsl_matrix *covariance,
                    struct em_error *err)
{
	const struct em_fit *fit = b->fit;
	gsl_multifit_nlinear_fdf fdf = {
	    .f = residuals, .df = fit->jacobian ? jacobian : NULL, .n = fit->points, .p = fit->params, .params = b};
	gsl_vector_const_view x = gsl_vector_const_view_array(start, fit->params);
	int why = 0, status;

	if (gsl_multifit_nlinear_init(&x.vector, &fdf, w) || b->broken)
		return em_error_set(err, EM_ERROR_DATA, "a fit cannot begin: the model is not finite at its start");
	status =
	    gsl_multifit_nlinear_driver(fit->steps ? fit->steps : STEPS, TOLERANCE, TOLERANCE, 0, NULL, NULL, &why, w);
	/* "No progress" is what a minimum looks like where rounding ends it; at the start, the driver hides it. */
	if (status && status != GSL_ENOPROG && why != GSL_ENOPROG)
		return em_error_set(err, EM_ERROR_DATA, "a fit did not converge: %.100s", gsl_strerror(status));
	return invert(w, covariance, err);
}

static void give(const gsl_multifit_nlinear_workspace *w, const gsl_matrix *inverse, double *p, double *covariance,
                 double *chi2)
{
	const gsl_vector *x = gsl_multifit_nlinear_position(w), *f = gsl_multifit_nlinear_residual(w);
	double sum = 0;

	for (size_t k = 0; k < x->size; k++)
		p[k] = gsl_vector_get(x, k);
	for (size_t i = 0; covariance && i < x->size * x->size; i++)
		covariance[i] = gsl_matrix_get(inverse, i / x->size, i % x->size);
	for (size_t i = 0; i < f->size; i++)
		sum += gsl_vector_get(f, i) * gsl_vector_get(f, i);
	if (chi2)
		*chi2 = sum;
}

int em_fit_run(const struct em_fit *fit, double *p, double *covariance, double *chi2, struct em_error *err)
{
	size_t n = fit->points, k = fit->params;
	const gsl_multifit_nlinear_parameters how = gsl_multifit_nlinear_default_parameters();
	gsl_multifit_nlinear_workspace *w = NULL;
	gsl_matrix *inverse = NULL;
	struct bridge b = {.fit = fit};
	int status = -1;

	if (!k || n < k)
		return em_error_set(err, EM_ERROR_DATA, "%zu points are too few for a fit of %zu parameters", n, k);
	if (k > SIZE_MAX / sizeof(double) / n / 4)
		return em_error_set(err, EM_ERROR_MEMORY, "a fit of %zu points is too large", n);
	pthread_once(&calm, be_calm);
	b.p = malloc(k * sizeof(*b.p));
	b.j = malloc(n * k * sizeof(*b.j));
	w = gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &how, n, k);
	inverse = gsl_matrix_alloc(k, k);
	if (!b.p || !b.j || !w || !inverse)
		em_error_memory(err, n * k * sizeof(double));
	else
		status = minimise(w, &b, p, inverse, err);
	if (!status)
		give(w, inverse, p, covariance, chi2);
	if (w)
		gsl_multifit_nlinear_free(w);
	gsl_matrix_free(inverse);
	free(b.j);
	free(b.p);
	return status;
}
