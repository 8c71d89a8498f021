/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/nmf.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SWEEPS 2000
#define STANDS 1e-5 /* of the squared residual, in a sweep */
#define NOISE 1e-2  /* of what noise has in the basis: as good as nothing */

/* X = s c, to become w h.  A "side" is a matrix by columns: s as [rank][rows], w as [count][rows]; so c and h. */
struct work {
	size_t rank, count, rows, channels;
	double *s, *w, *h;
	const double *c;
	double *gram, *cross; /* [count][count], [count][rank] */
};

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* The part of v with a sign, and its length. */
static double part(const double *v, size_t n, double sign, double *out)
{
	for (size_t i = 0; out && i < n; i++)
		out[i] = fmax(sign * v[i], 0);
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += sign * v[i] > 0 ? v[i] * v[i] : 0;
	return sqrt(sum);
}

/* NNDSVD: of each singular pair, the positive or the negative parts, whichever is more. */
static void start(struct work *k)
{
	for (size_t i = 0; i < k->count; i++) {
		const double *u = k->s + i * k->rows, *v = k->c + i * k->channels;
		double plus = part(u, k->rows, 1, NULL) * part(v, k->channels, 1, NULL);
		double minus = part(u, k->rows, -1, NULL) * part(v, k->channels, -1, NULL);
		double sign = plus >= minus ? 1 : -1;

		part(u, k->rows, sign, k->w + i * k->rows);
		part(v, k->channels, sign, k->h + i * k->channels);
	}
}

/*
 * One side's turn: y_i = max(0, (sum_l x_il d_l - sum_{j != i} g_ij y_j) / g_ii); of the other side e, g_ij = e_i . e_j
 * and x_il = e_i . b_l, where b is the data's other side, and d its this side.
 */
static void turn(struct work *k, double *y, const double *d, size_t n, const double *e, const double *b, size_t m)
{
	for (size_t i = 0; i < k->count; i++) {
		for (size_t j = 0; j < k->count; j++)
			k->gram[i * k->count + j] = dot(e + i * m, e + j * m, m);
		for (size_t l = 0; l < k->rank; l++)
			k->cross[i * k->rank + l] = dot(e + i * m, b + l * m, m);
	}
	for (size_t i = 0; i < k->count; i++) {
		double *to = y + i * n, own = k->gram[i * k->count + i];

		if (!(own > 0))
			continue;
		memset(to, 0, n * sizeof(*to));
		for (size_t l = 0; l < k->rank; l++)
			for (size_t p = 0; p < n; p++)
				to[p] += k->cross[i * k->rank + l] / own * d[l * n + p];
		for (size_t j = 0; j < k->count; j++)
			for (size_t p = 0; p < n && j != i; p++)
				to[p] -= k->gram[i * k->count + j] / own * y[j * n + p];
		for (size_t p = 0; p < n; p++)
			to[p] = fmax(to[p], 0);
	}
}

/* |s c - w h|^2, from the products of the last turn, which was h's; c is orthonormal. */
static double residual(const struct work *k)
{
	double sum = dot(k->s, k->s, k->rank * k->rows);

	for (size_t i = 0; i < k->count; i++) {
		for (size_t l = 0; l < k->rank; l++)
			sum -= 2 * k->cross[i * k->rank + l] *
			       dot(k->h + i * k->channels, k->c + l * k->channels, k->channels);
		for (size_t j = 0; j < k->count; j++)
			sum += k->gram[i * k->count + j] *
			       dot(k->h + i * k->channels, k->h + j * k->channels, k->channels);
	}
	return fmax(sum, 0);
}

/* nothing: a residual not worth another sweep. */
static void sweep(struct work *k, double nothing, struct em_nmf *nmf)
{
	double all = dot(k->s, k->s, k->rank * k->rows), before = INFINITY, now = INFINITY;

	start(k);
	nmf->converged = false;
	for (nmf->sweeps = 0; nmf->sweeps < SWEEPS && !nmf->converged; nmf->sweeps++, before = now) {
		turn(k, k->w, k->s, k->rows, k->h, k->c, k->channels);
		turn(k, k->h, k->c, k->channels, k->w, k->s, k->rows);
		now = residual(k);
		nmf->converged = now <= fmax(nothing, 1e-14 * all) || before - now < STANDS * now;
	}
	nmf->residual = sqrt(now / all);
}

/* Back to counts, each component to a total of 1. */
static int scale(struct work *k, const struct em_basis *b, struct em_error *err)
{
	for (size_t i = 0; i < k->count; i++) {
		double *h = k->h + i * k->channels, *w = k->w + i * k->rows, total = 0;

		for (size_t j = 0; j < k->channels; j++)
			total += h[j] = b->weight[j] > 0 ? h[j] / b->weight[j] : 0;
		if (!(total > 0) || !isfinite(total) || !(dot(w, w, k->rows) > 0))
			return em_error_set(err, EM_ERROR_DATA, "component %zu of %zu is nothing: ask for fewer", i + 1,
			                    k->count);
		for (size_t j = 0; j < k->channels; j++)
			h[j] /= total;
		for (size_t r = 0; r < k->rows; r++)
			w[r] *= total;
	}
	return 0;
}

/* In the order of falling amounts. */
static void give(const struct work *k, struct em_nmf *nmf)
{
	for (size_t i = 0; i < k->count; i++) {
		size_t place = 0;

		for (size_t j = 0; j < k->count; j++) {
			double mine = 0, other = 0;

			for (size_t r = 0; r < k->rows; r++) {
				mine += k->w[i * k->rows + r];
				other += k->w[j * k->rows + r];
			}
			place += other > mine || (j < i && other >= mine);
		}
		memcpy(nmf->component + place * k->channels, k->h + i * k->channels, k->channels * sizeof(*k->h));
		for (size_t r = 0; r < k->rows; r++)
			nmf->amount[r * k->count + place] = k->w[i * k->rows + r];
	}
}

static int allocate(struct work *k, struct em_nmf *nmf, struct em_error *err)
{
	if (k->rows > SIZE_MAX / sizeof(double) / k->rank)
		return em_error_set(err, EM_ERROR_MEMORY, "%zu spectra are too many", k->rows);
	k->s = malloc(k->rank * k->rows * sizeof(*k->s));
	k->w = malloc(k->count * k->rows * sizeof(*k->w));
	k->h = malloc(k->count * k->channels * sizeof(*k->h));
	k->gram = malloc(k->count * (k->count + k->rank) * sizeof(*k->gram));
	nmf->component = malloc(k->count * k->channels * sizeof(*nmf->component));
	nmf->amount = malloc(k->count * k->rows * sizeof(*nmf->amount));
	if (!k->s || !k->w || !k->h || !k->gram || !nmf->component || !nmf->amount)
		return em_error_memory(err, (k->rank + 2 * k->count) * k->rows * sizeof(double));
	k->cross = k->gram + k->count * k->count;
	return 0;
}

static int factorise(struct work *k, struct em_nmf *nmf, const struct em_basis *basis, const double *scores,
                     struct em_error *err)
{
	double sum = 0;

	for (size_t r = 0; r < k->rows; r++)
		for (size_t l = 0; l < k->rank; l++) {
			k->s[l * k->rows + r] = scores[r * k->rank + l];
			sum += pow(scores[r * k->rank + l], 2);
		}
	if (!isfinite(sum) || !(sum > 0))
		return em_error_set(err, EM_ERROR_DATA, "the scores of the spectra are zero or not finite");
	sweep(k, NOISE * basis->noise * basis->noise * (double)(k->rank * (k->rows + k->channels)), nmf);
	if (scale(k, basis, err))
		return -1;
	give(k, nmf);
	return 0;
}

int em_nmf_run(struct em_nmf *nmf, const struct em_basis *basis, const double *scores, size_t spectra, size_t count,
               struct em_error *err)
{
	struct work k = {
	    .rank = basis->rank, .count = count, .rows = spectra, .channels = basis->channels, .c = basis->component};
	struct em_nmf n = {.count = count, .spectra = spectra, .channels = basis->channels};
	int status;

	if (!count || count > basis->rank || !spectra)
		return em_error_set(err, EM_ERROR_USAGE, "%zu components of %zu spectra, in a basis of rank %zu", count,
		                    spectra, basis->rank);
	if (basis->centred)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "a basis without the mean spectrum: what is not negative needs it");
	status = allocate(&k, &n, err);
	if (!status)
		status = factorise(&k, &n, basis, scores, err);
	free(k.s);
	free(k.w);
	free(k.h);
	free(k.gram);
	if (status)
		em_nmf_release(&n);
	else
		*nmf = n;
	return status;
}

void em_nmf_release(struct em_nmf *n)
{
	free(n->component);
	free(n->amount);
	*n = (struct em_nmf){0};
}
