/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/prototype.h"

#include "base/linalg.h"
#include "vision/temperature.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * What fitting works on.  x are the supports (unit vectors for cosine), c the class means, both in double and in the
 * plain space of the embedding.
 */
struct fit {
	size_t n, dim, count;
	enum em_distance distance;
	const size_t *label;
	double *x, *c;            /* [n][dim], [count][dim] */
	size_t *size;             /* [count] supports of each class */
	double *scatter;          /* [dim][dim] of the supports about their means; NULL: no mahalanobis, or no spread */
	double shrinkage, target; /* r, and r tr W / p */
	double *left_factor;      /* of the S that leave-one-out downdates; NULL: identity */
	double left_weight;       /* what one scatter term weighs in it: (1 - r) / (n - classes - 1) */
	double *e, *own;          /* [n][count] leave-one-out exponents; [n] distance to the own prototype */
	size_t *judged;           /* [n] labels of the judgements, packed like the rows of e */
	size_t judgements;
};

static void fit_release(struct fit *f)
{
	free(f->x);
	free(f->c);
	free(f->size);
	free(f->scatter);
	free(f->left_factor);
	free(f->e);
	free(f->own);
	free(f->judged);
}

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static void normalise(double *x, size_t dim)
{
	double norm = sqrt(dot(x, x, dim));

	for (size_t i = 0; norm > 0 && i < dim; i++)
		x[i] /= norm;
}

static int fit_init(struct fit *f, const struct em_support *set, enum em_distance distance, struct em_error *err)
{
	size_t n = set->count, dim = set->encoder.dim, count = set->nclasses;

	*f = (struct fit){.n = n, .dim = dim, .count = count, .distance = distance, .label = set->labels};
	f->x = calloc(n * dim, sizeof(double));
	f->c = calloc(count * dim, sizeof(double));
	f->size = calloc(count, sizeof(*f->size));
	f->e = calloc(n * count, sizeof(double));
	f->own = calloc(n, sizeof(double));
	f->judged = calloc(n, sizeof(*f->judged));
	if (!f->x || !f->c || !f->size || !f->e || !f->own || !f->judged)
		return em_error_memory(err, n * dim * sizeof(double));
	for (size_t i = 0; i < n * dim; i++)
		f->x[i] = (double)set->vectors[i];
	for (size_t i = 0; i < n; i++) {
		double *x = f->x + i * dim, *c = f->c + f->label[i] * dim;

		if (distance == EM_DISTANCE_COSINE)
			normalise(x, dim);
		for (size_t j = 0; j < dim; j++)
			c[j] += x[j];
		f->size[f->label[i]]++;
	}
	for (size_t i = 0; i < count * dim; i++)
		f->c[i] /= (double)f->size[i / dim];
	return 0;
}

/* ---- the shrunk covariance ---- */

static int sum_scatter(struct fit *f, struct em_error *err)
{
	size_t dim = f->dim;
	double *r = malloc(dim * sizeof(*r));

	f->scatter = calloc(dim * dim, sizeof(double));
	if (!f->scatter || !r) {
		free(r);
		return em_error_memory(err, dim * dim * sizeof(double));
	}
	for (size_t s = 0; s < f->n; s++) {
		for (size_t i = 0; i < dim; i++)
			r[i] = f->x[s * dim + i] - f->c[f->label[s] * dim + i];
		for (size_t i = 0; i < dim; i++)
			for (size_t j = 0; j <= i; j++)
				f->scatter[i * dim + j] += r[i] * r[j];
	}
	free(r);
	return 0;
}

/* The factor of weight * scatter + target * I. */
static double *factor_of(const struct fit *f, double weight, double target, struct em_error *err)
{
	size_t n = f->dim * f->dim;
	double *s = malloc(n * sizeof(*s));

	if (!s) {
		em_error_memory(err, n * sizeof(*s));
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		s[i] = weight * f->scatter[i];
	for (size_t i = 0; i < f->dim; i++)
		s[i * f->dim + i] += target;
	if (em_cholesky_factor(s, f->dim, err)) {
		free(s);
		return NULL;
	}
	return s;
}

/* *factor stays NULL (identity) where the supports have no spread about their prototypes. */
static int fit_metric(struct fit *f, double **factor, struct em_error *err)
{
	double freedom = (double)(f->n - f->count), trace = 0;

	f->shrinkage = 1;
	if (f->distance != EM_DISTANCE_MAHALANOBIS || f->n == f->count)
		return 0;
	if (f->dim > EM_MAHALANOBIS_MAX_DIM)
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "mahalanobis distance needs a covariance of %zu x %zu; the limit is %d: use euclidean", f->dim,
		    f->dim, EM_MAHALANOBIS_MAX_DIM);
	if (sum_scatter(f, err))
		return -1;
	f->shrinkage = em_shrinkage(f->scatter, f->dim, freedom);
	for (size_t i = 0; i < f->dim; i++)
		trace += f->scatter[i * f->dim + i];
	f->target = f->shrinkage * trace / freedom / (double)f->dim;
	if (!(f->target > 0))
		return 0;
	*factor = factor_of(f, (1 - f->shrinkage) / freedom, f->target, err);
	if (!*factor)
		return -1;
	/* One degree of freedom less when one support is left out; with none left S is the target alone. */
	f->left_weight = freedom > 1 ? (1 - f->shrinkage) / (freedom - 1) : 0;
	f->left_factor = factor_of(f, f->left_weight, f->target, err);
	return f->left_factor ? 0 : -1;
}

/* ---- leave one out ---- */

/*
 * e of the difference z = x - c when support x, with residual r about its class' full mean, is left out of S as well:
 * its scatter term was g r r^T, and by Sherman and Morrison
 *     z^T (A - g r r^T)^-1 z = z^T A^-1 z + g (z^T A^-1 r)^2 / (1 - g r^T A^-1 r).
 * z and r come whitened by A's factor.
 */
static double downdated(const double *z, const double *r, double g, size_t dim)
{
	double zr = dot(z, r, dim), left = 1 - g * dot(r, r, dim);

	return dot(z, z, dim) + g * zr * zr / (left > 1e-12 ? left : 1e-12);
}

static double exponent(const struct fit *f, const double *x, const double *c, const double *r, double g, double *z)
{
	if (f->distance == EM_DISTANCE_COSINE) {
		double norm = sqrt(dot(c, c, f->dim)), d = 1 - (norm > 0 ? dot(x, c, f->dim) / norm : 0);

		return d > 0 ? d : 0;
	}
	for (size_t i = 0; i < f->dim; i++)
		z[i] = x[i] - c[i];
	if (!f->left_factor)
		return dot(z, z, f->dim);
	em_cholesky_whiten(f->left_factor, f->dim, z);
	return downdated(z, r, g, f->dim);
}

/*
 * One row of e: support s judged by prototypes made without it.  `work` is [3][dim].  The prototype without it is a
 * mean of one support less than the one that chips will be compared with, and lies farther off: E e is in proportion to
 * 1 + 1/(n-1) there, to 1 + 1/n here.  Two supports would otherwise look a third farther from their class than they
 * are.
 */
static void judge(struct fit *f, size_t s, double *work)
{
	size_t dim = f->dim, own = f->label[s];
	double n = (double)f->size[own], *left = work, *r = work + dim, *z = work + 2 * dim;
	const double *x = f->x + s * dim, *c = f->c + own * dim;
	double *e = f->e + f->judgements * f->count;
	double g = f->left_weight * n / (n - 1);

	for (size_t i = 0; i < dim; i++) {
		r[i] = x[i] - c[i];
		left[i] = (n * c[i] - x[i]) / (n - 1);
	}
	if (f->left_factor)
		em_cholesky_whiten(f->left_factor, dim, r);
	for (size_t k = 0; k < f->count; k++)
		e[k] = exponent(f, x, k == own ? left : f->c + k * dim, r, g, z);
	e[own] *= (1 + 1 / n) / (1 + 1 / (n - 1));
	f->own[f->judgements] = f->distance == EM_DISTANCE_COSINE ? e[own] : sqrt(e[own]);
	f->judged[f->judgements++] = own;
}

static int leave_one_out(struct fit *f, struct em_error *err)
{
	double *work = malloc(3 * f->dim * sizeof(*work));

	if (!work)
		return em_error_memory(err, 3 * f->dim * sizeof(*work));
	for (size_t s = 0; s < f->n; s++)
		if (f->size[f->label[s]] > 1)
			judge(f, s, work);
	free(work);
	return 0;
}

/* ---- temperature ---- */

/* What is left of certainty for a chip that no distance can settle: the header has the formula. */
static double doubt_of(const struct fit *f)
{
	double trials = (double)(f->judgements ? f->judgements : f->n), count = (double)f->count;

	return count / (count - 1) / (2 * (trials + 1));
}

/* Without judgements: half the mean e between two prototypes. */
static double guess_temperature(const struct em_prototypes *p)
{
	size_t dim = p->encoder.dim, pairs = p->count * (p->count - 1) / 2;
	double sum = 0;

	for (size_t j = 1; j < p->count; j++)
		for (size_t k = 0; k < j; k++) {
			const double *a = p->space + j * dim, *b = p->space + k * dim;

			if (p->distance == EM_DISTANCE_COSINE)
				sum += 1 - dot(a, b, dim);
			else
				sum += dot(a, a, dim) + dot(b, b, dim) - 2 * dot(a, b, dim);
		}
	return sum > 0 ? sum / (double)pairs / 2 : 1;
}

/* As sure as the judgements were right; and where they were right throughout, as their margins allow. */
static double fit_temperature(const struct em_prototypes *p, const struct fit *f)
{
	double likely, least;

	if (!f->judgements)
		return guess_temperature(p);
	likely = em_temperature_fit(f->e, f->judged, f->judgements, f->count, p->doubt, 0);
	least = fmin(em_temperature_fit(f->e, f->judged, f->judgements, f->count, p->doubt, 1),
	             em_temperature_of_margins(f->e, f->judged, f->judgements, f->count));
	return fmax(likely, least);
}

/* ---- typicality ---- */

static void fit_spread(struct em_prototypes *p, const struct fit *f)
{
	double squares = 0, freedom = 0;

	for (size_t k = 0; k < p->count; k++) {
		double n = (double)f->size[k], sum = 0, about = 0;

		p->classes[k].spread = NAN;
		if (n < 2)
			continue;
		for (size_t i = 0; i < f->judgements; i++)
			sum += f->judged[i] == k ? log(fmax(f->own[i], 1e-30)) : 0;
		for (size_t i = 0; i < f->judgements; i++)
			if (f->judged[i] == k)
				about += pow(log(fmax(f->own[i], 1e-30)) - sum / n, 2);
		p->classes[k].spread = (double)(float)(sum / n);
		if (n > 2) { /* the two distances of a pair are one and the same */
			squares += about;
			freedom += n - 1;
		}
	}
	p->spread_dof = freedom;
	p->spread_sd = freedom > 0 ? (double)(float)fmax(sqrt(squares / freedom), 1e-6) : 0;
}

/* ---- all together ---- */

static int take_classes(struct em_prototypes *p, const struct em_support *set, const struct fit *f,
                        struct em_error *err)
{
	p->classes = calloc(f->count, sizeof(*p->classes));
	if (!p->classes)
		return em_error_memory(err, f->count * sizeof(*p->classes));
	for (size_t k = 0; k < f->count; k++) {
		p->count++;
		if (em_prototype_init(&p->classes[k], &set->classes[k], f->dim, err))
			return -1;
		p->classes[k].supports = f->size[k];
		for (size_t i = 0; i < f->dim; i++)
			p->classes[k].vector[i] = (float)f->c[k * f->dim + i];
	}
	return 0;
}

static int fit_prototypes(struct em_prototypes *p, const struct em_support *set, struct fit *f, struct em_error *err)
{
	p->encoder = set->encoder;
	p->distance = f->distance;
	if (take_classes(p, set, f, err) || fit_metric(f, &p->factor, err))
		return -1;
	for (size_t i = 0; p->factor && i < f->dim * f->dim; i++)
		p->factor[i] = (double)(float)p->factor[i];
	p->shrinkage = (double)(float)f->shrinkage;
	if (em_prototypes_prepare(p, err) || leave_one_out(f, err))
		return -1;
	p->calibrated = f->judgements > 0;
	p->doubt = (double)(float)doubt_of(f);
	p->temperature = fmax((double)(float)fit_temperature(p, f), 1e-30);
	fit_spread(p, f);
	return 0;
}

int em_prototypes_fit(struct em_prototypes *p, const struct em_support *set, enum em_distance distance,
                      struct em_error *err)
{
	struct em_prototypes fresh = {0};
	struct fit f;
	int status;

	if (em_support_check(set, err))
		return -1;
	status = fit_init(&f, set, distance, err);
	if (!status)
		status = fit_prototypes(&fresh, set, &f, err);
	fit_release(&f);
	if (status) {
		em_prototypes_release(&fresh);
		return -1;
	}
	fresh.chip_height = set->chip_height;
	fresh.chip_width = set->chip_width;
	*p = fresh;
	return 0;
}
