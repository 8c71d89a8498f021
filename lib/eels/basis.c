/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/basis.h"
#include "base/linalg.h"
#include "eels/svd.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LEFT 1e-3     /* of a component's length, where channels are missing */
#define ROUNDING 1e-6 /* of the greatest singular value: no component of its own */
#define RANK_MAX 16
#define DIMMEST 1e-3 /* of the mean total: a spectrum below counts as if it had that */

/* The total of a spectrum, NaN where one channel is not finite. */
static double total(const float *spectrum, size_t channels)
{
	double sum = 0;

	for (size_t j = 0; j < channels; j++)
		sum += spectrum[j];
	return isfinite(sum) ? sum : NAN;
}

/* row[count]: the totals, NaN for what is missing; mean[channels] of the others.  Their number. */
static size_t means(const float *spectra, size_t count, size_t channels, bool poisson, double *row, double *mean)
{
	size_t used = 0;

	memset(mean, 0, channels * sizeof(*mean));
	for (size_t i = 0; i < count; i++) {
		const float *s = spectra + i * channels;

		row[i] = total(s, channels);
		if (poisson && !(row[i] > 0))
			row[i] = NAN;
		if (isnan(row[i]))
			continue;
		used++;
		for (size_t j = 0; j < channels; j++)
			mean[j] += s[j];
	}
	for (size_t j = 0; used && j < channels; j++)
		mean[j] /= (double)used;
	return used;
}

/* Totals become the factors of the rows: a spectrum of twice the mean's counts has twice its variance. */
static void scale_rows(double *row, size_t count, const double *mean, size_t channels, bool poisson)
{
	double all = 0;

	for (size_t j = 0; j < channels; j++)
		all += mean[j];
	for (size_t i = 0; i < count; i++)
		row[i] = isnan(row[i]) ? 0 : poisson ? 1 / sqrt(fmax(row[i] / all, DIMMEST)) : 1;
}

static int weigh(const double *variance, size_t channels, double *weight, size_t *weighted, struct em_error *err)
{
	*weighted = 0;
	for (size_t j = 0; j < channels; j++) {
		weight[j] = variance[j] > 0 ? 1 / sqrt(variance[j]) : 0;
		if (!isfinite(variance[j]) || !isfinite(weight[j]))
			return em_error_set(err, EM_ERROR_USAGE, "the variance of channel %zu is %g", j, variance[j]);
		*weighted += weight[j] > 0;
	}
	return *weighted ? 0 : em_error_set(err, EM_ERROR_DATA, "no channel has counts");
}

/* Gavish & Donoho's eq. 11, in units of noise sqrt(max). */
static double lambda(double beta)
{
	return sqrt(2 * (beta + 1) + 8 * beta / (beta + 1 + sqrt(beta * beta + 14 * beta + 1)));
}

/* What is left after `rank` components, and what it makes of singular values. */
static void measure_noise(struct em_basis *b, double squares, double rows, double columns, size_t rank)
{
	double freedom = (rows - (double)rank) * (columns - (double)rank), least = fmin(rows, columns),
	       most = fmax(rows, columns);

	for (size_t k = 0; k < rank; k++)
		squares -= b->value[k] * b->value[k];
	b->noise = freedom > 0 && squares > 0 ? sqrt(squares / freedom) : 0;
	b->edge = b->noise * (sqrt(rows) + sqrt(columns));
	b->threshold = b->noise * sqrt(most) * lambda(least / most);
}

static size_t standing_out(struct em_basis *b, double squares, double rows, double columns)
{
	size_t rank = 0, more;

	for (;; rank = more) {
		measure_noise(b, squares, rows, columns, rank);
		for (more = rank; more < b->values && b->value[more] > fmax(b->threshold, ROUNDING * b->value[0]);
		     more++)
			;
		if (more == rank)
			return rank;
	}
}

static int allocate(struct em_basis *b, size_t count, double **row, struct em_error *err)
{
	if (b->channels > SIZE_MAX / sizeof(double) / (b->values + 2) || count > SIZE_MAX / sizeof(double))
		return em_error_set(err, EM_ERROR_MEMORY, "a basis of %zu channels is too large", b->channels);
	*row = malloc(count * sizeof(**row));
	b->mean = malloc(b->channels * sizeof(*b->mean));
	b->weight = malloc(b->channels * sizeof(*b->weight));
	b->component = malloc(b->values * b->channels * sizeof(*b->component));
	b->value = malloc(b->values * sizeof(*b->value));
	if (!*row || !b->mean || !b->weight || !b->component || !b->value)
		return em_error_memory(err, b->values * b->channels * sizeof(double));
	return 0;
}

static int find(struct em_basis *b, const float *spectra, size_t count, double *row,
                const struct em_basis_settings *set, struct em_error *err)
{
	const struct em_svd_matrix m = {spectra, count, b->channels, row, b->weight, b->mean};
	size_t weighted, least;
	double squares, rows;

	b->spectra = means(spectra, count, b->channels, !set->variance, row, b->mean);
	if (b->spectra < 2)
		return em_error_set(err, EM_ERROR_DATA, "%zu of %zu spectra are finite and have counts: too few",
		                    b->spectra, count);
	if (weigh(set->variance ? set->variance : b->mean, b->channels, b->weight, &weighted, err))
		return -1;
	scale_rows(row, count, b->mean, b->channels, !set->variance);
	if (!set->centred)
		memset(b->mean, 0, b->channels * sizeof(*b->mean));
	rows = (double)b->spectra - set->centred;
	least = fmin(rows, (double)weighted) < (double)b->values ? (size_t)fmin(rows, (double)weighted) : b->values;
	if (set->rank > least)
		return em_error_set(err, EM_ERROR_USAGE, "%zu components, but %zu spectra of %zu channels with counts",
		                    set->rank, b->spectra, weighted);
	b->values = least;
	if (em_svd_leading(&m, least, b->value, b->component, &squares, set->threads, err))
		return -1;
	b->rank = set->rank ? set->rank : standing_out(b, squares, rows, (double)weighted);
	measure_noise(b, squares, rows, (double)weighted, b->rank);
	return 0;
}

int em_basis_make(struct em_basis *basis, const float *spectra, size_t count, size_t channels,
                  const struct em_basis_settings *settings, struct em_error *err)
{
	const struct em_basis_settings *set = settings ? settings : &(struct em_basis_settings){0};
	size_t most = set->rank_max ? set->rank_max : RANK_MAX, least = count < channels ? count : channels;
	struct em_basis b = {.channels = channels, .centred = set->centred};
	double *row = NULL;
	int status;

	if (!least || set->rank > least)
		return em_error_set(err, EM_ERROR_USAGE, "%zu components of %zu spectra of %zu channels", set->rank,
		                    count, channels);
	most = most > set->rank ? most : set->rank;
	b.values = most < least ? most : least;
	status = allocate(&b, count, &row, err);
	if (!status)
		status = find(&b, spectra, count, row, set, err);
	free(row);
	if (status)
		em_basis_release(&b);
	else
		*basis = b;
	return status;
}

void em_basis_release(struct em_basis *b)
{
	free(b->mean);
	free(b->weight);
	free(b->component);
	free(b->value);
	*b = (struct em_basis){0};
}

/* Without all channels the components are not orthogonal: the normal equations g scores = scores. */
static int solve_partial(const struct em_basis *b, const float *spectrum, double *scores, struct em_error *err)
{
	size_t n = b->rank;
	double *g = calloc(n * n, sizeof(*g));
	int status = g ? 0 : em_error_memory(err, n * n * sizeof(*g));

	for (size_t k = 0; g && k < n; k++) {
		for (size_t l = 0; l <= k; l++)
			for (size_t j = 0; j < b->channels; j++)
				g[k * n + l] += isfinite(spectrum[j]) ? b->component[k * b->channels + j] *
				                                            b->component[l * b->channels + j]
				                                      : 0;
	}
	status = status ? status : em_cholesky_factor(g, n, NULL);
	for (size_t k = 0; !status && k < n; k++)
		status = g[k * n + k] < LEFT ? -1 : 0;
	if (g && status)
		status = em_error_set(err, EM_ERROR_DATA, "too few channels are finite for %zu components", n);
	if (!status)
		em_cholesky_solve(g, n, scores);
	free(g);
	return status;
}

int em_basis_project(const struct em_basis *b, const float *spectrum, double *scores, struct em_error *err)
{
	double *s = malloc((b->rank + 1) * sizeof(*s));
	bool all = true;
	int status = 0;

	if (!s)
		return em_error_memory(err, b->rank * sizeof(*s));
	for (size_t j = 0; j < b->channels; j++)
		all = all && (isfinite(spectrum[j]) || b->weight[j] == 0);
	for (size_t k = 0; k < b->rank; k++) {
		const double *v = b->component + k * b->channels;

		s[k] = 0;
		for (size_t j = 0; j < b->channels; j++)
			if (isfinite(spectrum[j]))
				s[k] += v[j] * b->weight[j] * (spectrum[j] - b->mean[j]);
	}
	if (!all && b->rank)
		status = solve_partial(b, spectrum, s, err);
	if (!status)
		memcpy(scores, s, b->rank * sizeof(*s));
	free(s);
	return status;
}

void em_basis_reconstruct(const struct em_basis *b, const double *scores, double *spectrum)
{
	memcpy(spectrum, b->mean, b->channels * sizeof(*spectrum));
	for (size_t k = 0; k < b->rank; k++)
		for (size_t j = 0; j < b->channels; j++)
			if (b->weight[j] > 0)
				spectrum[j] += scores[k] * b->component[k * b->channels + j] / b->weight[j];
}
