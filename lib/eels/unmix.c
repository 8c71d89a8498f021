/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/unmix.h"
#include "base/linalg.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define N EM_UNMIX_REFERENCES_MAX
#define TOLD_APART 1e-5 /* of a reference's length, what no other reference has */
#define GRADIENT 1e-10  /* relative to its terms: a gradient of rounding */

/* The normal equations of references scaled to length 1: what is not negative stays so. */
struct normal {
	size_t count, used;
	double b[N], length[N];
	double *weight;   /* [channels] */
	double *a, *free; /* [count][count]; the latter the Cholesky factor of those free */
};

/* n->weight[channels]: 1 / variance, 0 for channels that do not count. */
static void weigh(struct normal *n, const struct em_unmix *u, const double *counts, const double *variance)
{
	for (size_t j = 0; j < u->channels; j++) {
		double v = variance ? variance[j] : 1, sum = counts[j] + v;

		for (size_t k = 0; k < u->count; k++)
			sum += u->reference[k * u->channels + j];
		n->weight[j] = isfinite(sum) && v > 0 ? 1 / v : 0;
		n->used += n->weight[j] > 0;
	}
}

static double product(const struct normal *n, const double *a, const double *b, size_t channels)
{
	double sum = 0;

	for (size_t j = 0; j < channels; j++)
		if (n->weight[j] > 0) /* or it may be NaN */
			sum += n->weight[j] * a[j] * b[j];
	return sum;
}

static void gather(struct normal *n, const struct em_unmix *u, const double *counts)
{
	size_t count = n->count;

	for (size_t k = 0; k < count; k++) {
		const double *r = u->reference + k * u->channels;

		n->b[k] = product(n, r, counts, u->channels);
		for (size_t l = 0; l <= k; l++)
			n->a[k * count + l] = product(n, r, u->reference + l * u->channels, u->channels);
	}
	for (size_t k = 0; k < count; k++)
		n->length[k] = sqrt(n->a[k * count + k]);
	for (size_t k = 0; k < count; k++) {
		double by = n->length[k] > 0 ? n->length[k] : 1;

		n->b[k] /= by;
		for (size_t l = 0; l <= k; l++)
			n->a[l * count + k] = n->a[k * count + l] /= by * (n->length[l] > 0 ? n->length[l] : 1);
	}
}

/* Factor the equations of the references listed; -1 where one is a combination of those before it. */
static int factor(struct normal *n, const size_t *list, size_t size, size_t *culprit)
{
	for (size_t k = 0; k < size; k++)
		for (size_t l = 0; l < size; l++)
			n->free[k * size + l] = n->a[list[k] * n->count + list[l]];
	int failed = em_cholesky_factor(n->free, size, NULL);
	for (size_t k = 0; k < size; k++)
		if (!(n->free[k * size + k] > TOLD_APART)) {
			*culprit = list[k];
			return -1;
		}
	*culprit = list[size - 1];
	return failed;
}

/* x towards the free solution z, as far as none of those free becomes negative; those that become 0 are fixed. */
static bool step_back(double *x, const double *z, const size_t *list, size_t size, bool *is_free)
{
	double alpha = 1;
	size_t first = SIZE_MAX;

	for (size_t k = 0; k < size; k++)
		if (z[k] <= 0) {
			double a = x[list[k]] / (x[list[k]] - z[k]);
			if (first == SIZE_MAX || a < alpha) {
				alpha = a;
				first = list[k];
			}
		}
	for (size_t k = 0; k < size; k++)
		x[list[k]] += alpha * (z[k] - x[list[k]]);
	if (first == SIZE_MAX)
		return false;
	for (size_t k = 0; k < size; k++)
		if (x[list[k]] <= 0 || list[k] == first) {
			x[list[k]] = 0;
			is_free[list[k]] = false;
		}
	return true;
}

static void solve_free(struct normal *n, double *x, bool *is_free)
{
	size_t list[N], size, culprit;
	double z[N];

	do {
		size = 0;
		for (size_t k = 0; k < n->count; k++)
			if (is_free[k])
				list[size++] = k;
		if (!size || factor(n, list, size, &culprit))
			return;
		for (size_t k = 0; k < size; k++)
			z[k] = n->b[list[k]];
		em_cholesky_solve(n->free, size, z);
	} while (step_back(x, z, list, size, is_free));
}

/* The reference that would lessen the residual most; SIZE_MAX: none. */
static size_t steepest(const struct normal *n, const double *x, const bool *is_free)
{
	size_t best = SIZE_MAX;
	double most = 0;

	for (size_t k = 0; k < n->count; k++) {
		double g = n->b[k], size = fabs(g);

		for (size_t l = 0; l < n->count; l++) {
			g -= n->a[k * n->count + l] * x[l];
			size += fabs(n->a[k * n->count + l] * x[l]);
		}
		if (!is_free[k] && g > GRADIENT * size && g > most) {
			most = g;
			best = k;
		}
	}
	return best;
}

static void not_negative(struct normal *n, double *x)
{
	bool is_free[N] = {false};

	memset(x, 0, n->count * sizeof(*x));
	/* each turn lessens the residual; more than so many are rounding's */
	for (size_t turn = 0; turn < 3 * n->count; turn++) {
		size_t next = steepest(n, x, is_free);

		if (next == SIZE_MAX)
			return;
		is_free[next] = true;
		solve_free(n, x, is_free);
	}
}

static double chi2_of(const struct normal *n, const struct em_unmix *u, const double *counts, const double *amount)
{
	double chi2 = 0;

	for (size_t j = 0; j < u->channels; j++) {
		double rest = counts[j];

		if (n->weight[j] == 0)
			continue;
		for (size_t k = 0; k < u->count; k++)
			rest -= amount[k] * u->reference[k * u->channels + j];
		chi2 += n->weight[j] * rest * rest;
	}
	return chi2;
}

/* n->free holds the factor for all. */
static void invert(const struct normal *n, double unit, double *covariance)
{
	for (size_t k = 0; k < n->count; k++) {
		double x[N] = {0};

		x[k] = 1;
		em_cholesky_solve(n->free, n->count, x);
		for (size_t l = 0; l < n->count; l++)
			covariance[k * n->count + l] = unit * x[l] / (n->length[k] * n->length[l]);
	}
}

static int solve(struct normal *n, const struct em_unmix *u, const double *counts, const double *variance,
                 double *amount, double *covariance, struct em_unmix_quality *quality, struct em_error *err)
{
	size_t all[N], culprit;
	double x[N];
	struct em_unmix_quality q;

	weigh(n, u, counts, variance);
	gather(n, u, counts);
	if (!n->used)
		return em_error_set(err, EM_ERROR_DATA,
		                    "the spectrum and the references have no channel in common that is a number");
	if (n->used <= n->count)
		return em_error_set(err, EM_ERROR_DATA, "%zu channels are too few for %zu references", n->used,
		                    n->count);
	not_negative(n, x);
	for (size_t k = 0; k < n->count; k++)
		all[k] = k;
	if (factor(n, all, n->count, &culprit))
		return em_error_set(err, EM_ERROR_DATA, "reference %zu is empty or a mixture of those before it",
		                    culprit + 1);
	q.freedom = n->used;
	for (size_t k = 0; k < n->count; k++) {
		q.freedom -= x[k] > 0;
		x[k] /= n->length[k];
	}
	q.chi2 = chi2_of(n, u, counts, x);
	memcpy(amount, x, n->count * sizeof(*x));
	if (covariance)
		invert(n, variance ? 1 : q.chi2 / (double)q.freedom, covariance);
	if (quality)
		*quality = q;
	return 0;
}

int em_unmix_fit(const struct em_unmix *u, const double *counts, const double *variance, double *amount,
                 double *covariance, struct em_unmix_quality *quality, struct em_error *err)
{
	struct normal n = {.count = u->count};
	int status;

	if (!u->count || u->count > N)
		return em_error_set(err, EM_ERROR_USAGE, "%zu references: give 1 to %d", u->count, N);
	n.a = calloc(2 * u->count * u->count, sizeof(*n.a));
	n.weight = calloc(u->channels, sizeof(*n.weight));
	if (n.a && n.weight) {
		n.free = n.a + u->count * u->count;
		status = solve(&n, u, counts, variance, amount, covariance, quality, err);
	} else {
		status = em_error_memory(err, u->channels * sizeof(*n.weight));
	}
	free(n.weight);
	free(n.a);
	return status;
}

int em_unmix_fractions(const double *amount, const double *covariance, size_t count, double *fraction, double *error,
                       struct em_error *err)
{
	double sum = 0, square = 0, row[N];

	if (!count || count > N)
		return em_error_set(err, EM_ERROR_USAGE, "%zu references: give 1 to %d", count, N);
	for (size_t k = 0; k < count; k++) {
		row[k] = 0;
		for (size_t l = 0; l < count; l++)
			row[k] += covariance[k * count + l];
		sum += amount[k];
		square += row[k];
	}
	if (!(sum > 3 * sqrt(square)))
		return em_error_set(err, EM_ERROR_DATA, "nothing of the references is there: %.3g +- %.3g in all", sum,
		                    sqrt(square));
	for (size_t k = 0; k < count; k++) {
		double f = amount[k] / sum;

		fraction[k] = f;
		error[k] = sqrt(covariance[k * count + k] - 2 * f * row[k] + f * f * square) / sum;
	}
	return 0;
}
