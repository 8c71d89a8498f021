/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/transform.h"

#include "base/linalg.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void em_transform_release(struct em_transform *t)
{
	free(t->mean);
	free(t->matrix);
	memset(t, 0, sizeof(*t));
}

/* ---- apply ---- */

static void take_power(const struct em_transform *t, const float *in, double *out)
{
	for (size_t i = 0; i < t->dim; i++) {
		double v = (double)in[i];

		out[i] = t->power > 0 ? copysign(pow(fabs(v), t->power), v) : v;
	}
}

void em_transform_apply(const struct em_transform *t, const float *in, float *out, double *work)
{
	double *x = work, *y = work + t->dim, norm = 0;

	take_power(t, in, x);
	for (size_t i = 0; t->mean && i < t->dim; i++)
		x[i] -= t->mean[i];
	for (size_t i = 0; t->matrix && i < t->dim; i++) {
		const double *row = t->matrix + i * t->dim;

		y[i] = 0;
		for (size_t j = 0; j < t->dim; j++)
			y[i] += row[j] * x[j];
	}
	if (t->matrix)
		x = y;
	for (size_t i = 0; t->mean && i < t->dim; i++)
		norm += x[i] * x[i];
	for (size_t i = 0; i < t->dim; i++)
		out[i] = (float)(norm > 0 ? x[i] / sqrt(norm) : x[i]);
}

/* ---- fit ---- */

/* Goes through the supports, then the chips. */
struct walk {
	const struct em_transform *t;
	const struct em_support *set;
	struct em_unlabelled *chips;
	size_t at, n; /* supports so far; and all */
	float *vector;
	double *x;    /* the next one, its power taken */
	double *mean; /* of all */
};

static int walk_begin(struct walk *w, struct em_error *err)
{
	w->at = w->n = 0;
	return w->chips ? em_unlabelled_rewind(w->chips, err) : 0;
}

/* 1, 0 at the end, -1. */
static int walk_next(struct walk *w, struct em_error *err)
{
	const float *v = w->vector;
	int status = 1;

	if (w->at < w->set->count)
		v = w->set->vectors + w->at++ * w->t->dim;
	else
		status = w->chips ? em_unlabelled_next(w->chips, w->vector, err) : 0;
	if (status == 1) {
		take_power(w->t, v, w->x);
		w->n++;
	}
	return status;
}

/* sum[count][dim] and number[count] of each class, to which x is added. */
static void add_to_class(double *sum, double *number, size_t k, const double *x, size_t dim)
{
	number[k]++;
	for (size_t i = 0; i < dim; i++)
		sum[k * dim + i] += x[i];
}

/* The class whose supports have the nearest mean. */
static size_t nearest_class(const double *sum, const double *number, size_t count, const double *x, size_t dim)
{
	double least = INFINITY;
	size_t best = 0;

	for (size_t k = 0; k < count; k++) {
		double d = 0;

		for (size_t i = 0; i < dim; i++)
			d += pow(x[i] - sum[k * dim + i] / number[k], 2);
		if (d < least) {
			least = d;
			best = k;
		}
	}
	return best;
}

/* Sums of supports[count][dim], of supports and chips all[count][dim]; and the mean of all. */
static int sum_classes(struct walk *w, double *supports, double *all, double *number, double *number_all,
                       struct em_error *err)
{
	size_t dim = w->t->dim, count = w->set->nclasses;
	int status = walk_begin(w, err) ? -1 : 1;

	for (size_t i = 0; i < w->set->count; i++) {
		take_power(w->t, w->set->vectors + i * dim, w->x);
		add_to_class(supports, number, w->set->labels[i], w->x, dim);
	}
	while (status == 1 && (status = walk_next(w, err)) == 1) {
		size_t k = w->n <= w->set->count ? w->set->labels[w->n - 1]
		                                 : nearest_class(supports, number, count, w->x, dim);

		add_to_class(all, number_all, k, w->x, dim);
		for (size_t i = 0; i < dim; i++)
			w->mean[i] += w->x[i];
	}
	for (size_t i = 0; i < dim; i++)
		w->mean[i] /= (double)w->n;
	return status;
}

/* The mean of the class means. */
static int fit_mean(struct em_transform *t, struct walk *w, struct em_error *err)
{
	size_t count = w->set->nclasses, dim = t->dim;
	double *sums = calloc(2 * count * (dim + 1), sizeof(*sums));
	double *all = sums + count * dim, *number = sums + 2 * count * dim, *number_all = number + count;
	int status;

	if (!sums)
		return em_error_memory(err, 2 * count * (dim + 1) * sizeof(*sums));
	status = sum_classes(w, sums, all, number, number_all, err);
	for (size_t i = 0; !status && i < dim; i++) {
		for (size_t k = 0; k < count; k++)
			t->mean[i] += all[k * dim + i] / number_all[k] / (double)count;
		t->mean[i] = (double)(float)t->mean[i];
	}
	free(sums);
	return status;
}

/* The lower triangle of the covariance of all. */
static int fit_covariance(struct em_transform *t, struct walk *w, struct em_error *err)
{
	size_t dim = t->dim;
	int status = walk_begin(w, err) ? -1 : 1;

	while (status == 1 && (status = walk_next(w, err)) == 1) {
		for (size_t i = 0; i < dim; i++)
			w->x[i] -= w->mean[i];
		for (size_t i = 0; i < dim; i++)
			for (size_t j = 0; j <= i; j++)
				t->matrix[i * dim + j] += w->x[i] * w->x[j];
	}
	return status;
}

/* Shrunk, and divided by the mean eigenvalue: its trace is then dim.  Lower triangle. */
static int shrink(double *s, size_t dim, size_t n, struct em_error *err)
{
	double trace = 0, r = em_shrinkage(s, dim, (double)(n - 1));

	for (size_t i = 0; i < dim; i++)
		trace += s[i * dim + i];
	if (!(trace > 0) || !isfinite(trace))
		return em_error_set(err, EM_ERROR_DATA, "whitening needs chips that differ");
	for (size_t i = 0; i < dim; i++) {
		for (size_t j = 0; j <= i; j++)
			s[i * dim + j] *= (1 - r) * (double)dim / trace;
		s[i * dim + i] += r;
	}
	return 0;
}

static int fit_matrix(struct em_transform *t, struct walk *w, double whiten, struct em_error *err)
{
	if (t->dim > EM_TRANSFORM_MAX_DIM)
		return em_error_set(err, EM_ERROR_DATA, "whitening needs a covariance of %zu x %zu; the limit is %d",
		                    t->dim, t->dim, EM_TRANSFORM_MAX_DIM);
	t->matrix = calloc(t->dim * t->dim, sizeof(double));
	if (!t->matrix)
		return em_error_memory(err, t->dim * t->dim * sizeof(double));
	if (fit_covariance(t, w, err) || shrink(t->matrix, t->dim, w->n, err) ||
	    em_symmetric_power(t->matrix, t->dim, -whiten / 2, err))
		return -1;
	for (size_t i = 0; i < t->dim * t->dim; i++)
		t->matrix[i] = (double)(float)t->matrix[i];
	return 0;
}

static int whiten_by(struct em_transform *t, struct walk *w, double whiten, struct em_error *err)
{
	t->mean = calloc(t->dim, sizeof(double));
	w->vector = malloc(t->dim * sizeof(*w->vector));
	w->x = malloc(t->dim * sizeof(*w->x));
	w->mean = calloc(t->dim, sizeof(*w->mean));
	if (!t->mean || !w->vector || !w->x || !w->mean)
		return em_error_memory(err, t->dim * sizeof(double));
	if (fit_mean(t, w, err))
		return -1;
	return whiten > 0 ? fit_matrix(t, w, whiten, err) : 0;
}

int em_transform_fit(struct em_transform *t, double power, double whiten, const struct em_support *set,
                     struct em_unlabelled *chips, struct em_error *err)
{
	struct em_transform fresh = {.dim = set->encoder.dim, .power = (double)(float)power};
	struct walk w = {.t = &fresh, .set = set, .chips = chips};
	int status = 0;

	if (chips && em_unlabelled_count(chips) && em_unlabelled_dim(chips) != fresh.dim)
		return em_error_set(err, EM_ERROR_DATA,
		                    "the chips' embeddings have %zu numbers, the support set's %zu: use one encoder",
		                    em_unlabelled_dim(chips), fresh.dim);
	if (whiten >= 0)
		status = whiten_by(&fresh, &w, whiten, err);
	free(w.vector);
	free(w.x);
	free(w.mean);
	if (status) {
		em_transform_release(&fresh);
		return -1;
	}
	*t = fresh;
	return 0;
}

/* ---- out and in ---- */

void em_transform_print(const struct em_transform *t, struct em_text *out)
{
	em_text_append(out, "{");
	if (t->power > 0) {
		em_json_put_name(out, "power");
		em_json_put_number(out, t->power);
	}
	if (t->mean) {
		em_json_put_name(out, "mean");
		em_json_put_numbers(out, t->mean, t->dim);
	}
	if (t->matrix) {
		em_json_put_name(out, "matrix");
		em_text_append(out, "[");
		for (size_t i = 0; i < t->dim; i++)
			for (size_t j = 0; j <= i; j++) {
				em_json_put_comma(out);
				em_json_put_number(out, t->matrix[i * t->dim + j]);
			}
		em_text_append(out, "]");
	}
	em_text_append(out, "}");
}

/* Exactly n numbers of a float32's size, rounded to one: *v, owned by the caller. */
static int read_floats(const struct em_json *node, size_t n, double **v, const char *what, struct em_error *err)
{
	double *fresh = em_json_size(node) == n ? malloc(n * sizeof(*fresh)) : NULL;
	bool good = fresh && em_json_numbers(node, fresh, n) == n;

	for (size_t i = 0; good && i < n; i++) {
		good = fabs(fresh[i]) <= 3.4e38;
		fresh[i] = (double)(float)fresh[i];
	}
	if (!good) {
		free(fresh);
		return em_error_set(err, EM_ERROR_DATA, "saved prototypes: the transform's \"%s\" has not %zu numbers",
		                    what, n);
	}
	*v = fresh;
	return 0;
}

static int read_matrix(struct em_transform *t, const struct em_json *node, struct em_error *err)
{
	size_t dim = t->dim, k = 0;
	double *packed;

	if (dim > EM_TRANSFORM_MAX_DIM)
		return em_error_set(err, EM_ERROR_DATA, "saved prototypes: a transform of %zu dimensions", dim);
	if (read_floats(node, dim * (dim + 1) / 2, &packed, "matrix", err))
		return -1;
	t->matrix = malloc(dim * dim * sizeof(double));
	for (size_t i = 0; t->matrix && i < dim; i++)
		for (size_t j = 0; j <= i; j++)
			t->matrix[i * dim + j] = t->matrix[j * dim + i] = packed[k++];
	free(packed);
	return t->matrix ? 0 : em_error_memory(err, dim * dim * sizeof(double));
}

int em_transform_parse(struct em_transform *t, const struct em_json *json, size_t dim, struct em_error *err)
{
	const struct em_json *power = em_json_get(json, "power"), *mean = em_json_get(json, "mean");
	const struct em_json *matrix = em_json_get(json, "matrix");
	struct em_transform fresh = {.dim = dim};
	int status = 0;

	if (power && (!em_json_number(power, &fresh.power) || !(fresh.power > 0 && fresh.power <= 1)))
		return em_error_set(err, EM_ERROR_DATA, "saved prototypes: the transform's \"power\" is not in (0, 1]");
	fresh.power = (double)(float)fresh.power;
	if (mean)
		status = read_floats(mean, dim, &fresh.mean, "mean", err);
	if (!status && matrix)
		status = mean ? read_matrix(&fresh, matrix, err)
		              : em_error_set(err, EM_ERROR_DATA, "saved prototypes: a transform has no \"mean\"");
	if (status) {
		em_transform_release(&fresh);
		return -1;
	}
	*t = fresh;
	return 0;
}
