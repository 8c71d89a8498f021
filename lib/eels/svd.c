/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/svd.h"
#include "base/linalg.h"
#include "base/parallel.h"
#include "base/random.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GRAM_ROWS 320 /* up to here the eigenvectors of A A^T cost less than iterating */
#define MORE 8        /* vectors that are iterated beyond those wanted */
#define WIDE 8        /* vectors that one loop over the channels takes along */
#define PARTS 8       /* of the rows, each with its own sum: not by threads, so that the bits are the same */
#define ITERATIONS 24
#define STANDS 1e-9
#define ABOVE_NOISE 1.1 /* a squared singular value beyond so many of noise's greatest has to converge */

static double dot(const double *a, const double *b, size_t n)
{
	double s[4] = {0};
	size_t j = 0;

	for (; j + 4 <= n; j += 4)
		for (size_t k = 0; k < 4; k++)
			s[k] += a[j + k] * b[j + k];
	for (; j < n; j++)
		s[0] += a[j] * b[j];
	return s[0] + s[1] + (s[2] + s[3]);
}

static void scaled_row(const struct em_svd_matrix *a, size_t i, double *out)
{
	const float *d = a->data + i * a->columns;

	if (a->row[i] == 0) {
		memset(out, 0, a->columns * sizeof(*out));
		return;
	}
	for (size_t j = 0; j < a->columns; j++)
		out[j] = a->column[j] == 0 ? 0 : a->row[i] * (d[j] - a->mean[j]) * a->column[j];
}

static void largest_positive(double *v, size_t n)
{
	size_t at = 0;

	for (size_t j = 1; j < n; j++)
		if (fabs(v[j]) > fabs(v[at]))
			at = j;
	const double sign = v[at] < 0 ? -1 : 1;

	for (size_t j = 0; j < n; j++)
		v[j] = sign * v[j] + 0.0; /* and no -0 */
}

/* v made orthogonal to q[count][n] and of length 1; twice is enough (Kahan).  0 where nothing is left of it. */
static void orthonormalise(const double *q, size_t count, double *v, size_t n)
{
	double before = sqrt(dot(v, v, n)), length;

	for (int twice = 0; twice < 2; twice++)
		for (size_t k = 0; k < count; k++) {
			double s = dot(q + k * n, v, n);

			for (size_t j = 0; j < n; j++)
				v[j] -= s * q[k * n + j];
		}
	length = sqrt(dot(v, v, n));
	for (size_t j = 0; j < n; j++)
		v[j] = length > 1e-13 * before ? v[j] / length : 0;
}

/* v_k = A^T u_k / s_k, from the eigenvectors u of A A^T. */
static void right_vectors(const double *a, const double *u, size_t rows, size_t columns, size_t count, double *vector)
{
	memset(vector, 0, count * columns * sizeof(*vector));
	for (size_t k = 0; k < count; k++) {
		double *v = vector + k * columns;

		for (size_t i = 0; i < rows; i++)
			for (size_t j = 0; j < columns; j++)
				v[j] += u[k * rows + i] * a[i * columns + j];
		orthonormalise(vector, k, v, columns);
	}
}

static int by_gram(const struct em_svd_matrix *m, size_t count, double *value, double *vector, double *squares,
                   struct em_error *err)
{
	size_t n = m->rows, columns = m->columns;
	double *a = malloc(n * columns * sizeof(*a)), *g = malloc(n * n * sizeof(*g)), *w = malloc(n * sizeof(*w));
	double sum = 0;
	int status = -1;

	if (!a || !g || !w) {
		em_error_memory(err, n * columns * sizeof(*a));
	} else {
		for (size_t i = 0; i < n; i++) {
			scaled_row(m, i, a + i * columns);
			for (size_t k = 0; k <= i; k++)
				g[i * n + k] = dot(a + i * columns, a + k * columns, columns);
			sum += g[i * n + i];
		}
		status = em_symmetric_eigen(g, n, w, err);
	}
	if (!status) {
		right_vectors(a, g, n, columns, count, vector);
		for (size_t k = 0; k < count; k++)
			value[k] = w[k] > 0 ? sqrt(w[k]) : 0;
		*squares = sum;
	}
	free(w);
	free(g);
	free(a);
	return status;
}

struct pass {
	const struct em_svd_matrix *m;
	size_t k;        /* vectors, a multiple of WIDE */
	const double *x; /* [k / WIDE][columns][WIDE] */
	double *z;       /* [PARTS][k / WIDE][columns][WIDE] */
	double *row;     /* [PARTS][2][columns] */
	double squares[PARTS];
};

/* z += a^T (a x) for two rows a at once and WIDE vectors x. */
static void add_rows(const double *a0, const double *a1, size_t columns, const double *x, double *z)
{
	double y0[WIDE] = {0}, y1[WIDE] = {0};

	for (size_t j = 0; j < columns; j++)
		for (size_t c = 0; c < WIDE; c++) {
			y0[c] += a0[j] * x[j * WIDE + c];
			y1[c] += a1[j] * x[j * WIDE + c];
		}
	for (size_t j = 0; j < columns; j++)
		for (size_t c = 0; c < WIDE; c++)
			z[j * WIDE + c] += a0[j] * y0[c] + a1[j] * y1[c];
}

static void multiply_part(void *ctx, size_t part)
{
	struct pass *p = ctx;
	size_t columns = p->m->columns, size = p->k * columns;
	size_t from = p->m->rows * part / PARTS, to = p->m->rows * (part + 1) / PARTS;
	double *a0 = p->row + 2 * part * columns, *a1 = a0 + columns, *z = p->z + part * size;

	p->squares[part] = 0;
	memset(z, 0, size * sizeof(*z));
	for (size_t i = from; i < to; i += 2) {
		scaled_row(p->m, i, a0);
		if (i + 1 < to)
			scaled_row(p->m, i + 1, a1);
		else
			memset(a1, 0, columns * sizeof(*a1));
		p->squares[part] += dot(a0, a0, columns) + dot(a1, a1, columns);
		for (size_t c = 0; c < p->k; c += WIDE)
			add_rows(a0, a1, columns, p->x + c * columns, z + c * columns);
	}
}

/* w[k][columns] = A^T A q, through x and z with WIDE vectors side by side. */
static double multiply(struct pass *p, const double *q, double *x, double *w, int threads)
{
	size_t columns = p->m->columns, size = p->k * columns;
	double squares = 0;

	for (size_t k = 0; k < p->k; k++)
		for (size_t j = 0; j < columns; j++)
			x[(k / WIDE * columns + j) * WIDE + k % WIDE] = q[k * columns + j];
	p->x = x;
	em_parallel_for(threads, PARTS, multiply_part, p);
	for (size_t part = 0; part < PARTS; part++)
		squares += p->squares[part];
	for (size_t k = 0; k < p->k; k++)
		for (size_t j = 0; j < columns; j++) {
			double sum = 0;

			for (size_t part = 0; part < PARTS; part++)
				sum += p->z[part * size + (k / WIDE * columns + j) * WIDE + k % WIDE];
			w[k * columns + j] = sum;
		}
	return squares;
}

/* out[k][columns] = u[k][k] in[k][columns] */
static void rotate(const double *u, const double *in, size_t k, size_t columns, double *out)
{
	memset(out, 0, k * columns * sizeof(*out));
	for (size_t i = 0; i < k; i++)
		for (size_t l = 0; l < k; l++)
			for (size_t j = 0; j < columns; j++)
				out[i * columns + j] += u[i * k + l] * in[l * columns + j];
}

/* Do the values that stand out of the noise stand still? */
static int stands(const double *now, const double *before, size_t count, size_t k, double squares,
                  const struct em_svd_matrix *m)
{
	double n = (double)m->rows, columns = (double)m->columns, rest = squares, edge = 0;
	double freedom = fmax(n - (double)k, 0) * fmax(columns - (double)k, 0);

	for (size_t i = 0; i < k; i++)
		rest -= now[i];
	if (freedom > 0)
		edge = fmax(rest, 0) / freedom * pow(sqrt(n) + sqrt(columns), 2) * ABOVE_NOISE;
	for (size_t i = 0; i < count; i++)
		if (now[i] > edge && now[i] > 1e-12 * now[0] && !(fabs(now[i] - before[i]) <= STANDS * now[i]))
			return 0;
	return 1;
}

/* Rayleigh-Ritz: q[k][columns] in the subspace become its best vectors, theta[k] their squared singular values. */
static int iterate(struct pass *p, double *q, double *x, double *w, double *t, double *theta, size_t count,
                   double *squares, int threads, struct em_error *err)
{
	size_t k = p->k, columns = p->m->columns;
	double *before = t + k * k;

	for (int turn = 0; turn < ITERATIONS; turn++) {
		for (size_t i = 0; i < k; i++)
			orthonormalise(q, i, q + i * columns, columns);
		*squares = multiply(p, q, x, w, threads);
		for (size_t i = 0; i < k; i++)
			for (size_t l = 0; l <= i; l++)
				t[i * k + l] = dot(q + i * columns, w + l * columns, columns);
		memcpy(before, theta, k * sizeof(*theta));
		if (em_symmetric_eigen(t, k, theta, err))
			return -1;
		if (turn + 1 == ITERATIONS || (turn && stands(theta, before, count, k, *squares, p->m)))
			break;
		rotate(t, w, k, columns, q);
	}
	rotate(t, q, k, columns, w);
	memcpy(q, w, k * columns * sizeof(*q));
	for (size_t i = 0; i < count; i++)
		orthonormalise(q, i, q + i * columns, columns);
	return 0;
}

static int by_subspace(const struct em_svd_matrix *m, size_t count, double *value, double *vector, double *squares,
                       int threads, struct em_error *err)
{
	size_t k = (count + MORE + WIDE - 1) / WIDE * WIDE, columns = m->columns, size = k * columns;
	double *q = malloc(size * sizeof(*q)), *x = malloc(size * sizeof(*x)), *w = malloc(size * sizeof(*w));
	double *t = calloc(k * k + 2 * k, sizeof(*t)), *theta = t ? t + k * k + k : NULL, sum;
	struct pass p = {.m = m, .k = k};
	int status = -1;

	p.z = malloc(PARTS * size * sizeof(*p.z));
	p.row = malloc(2 * PARTS * columns * sizeof(*p.row));
	if (!q || !x || !w || !t || !p.z || !p.row) {
		em_error_memory(err, (PARTS + 3) * size * sizeof(*q));
	} else {
		struct em_random random;

		em_random_seed(&random, 0, 0);
		for (size_t i = 0; i < size; i++)
			q[i] = em_random_normal(&random);
		status = iterate(&p, q, x, w, t, theta, count, &sum, threads, err);
	}
	if (!status) {
		memcpy(vector, q, count * columns * sizeof(*q));
		for (size_t i = 0; i < count; i++)
			value[i] = theta[i] > 0 ? sqrt(theta[i]) : 0;
		*squares = sum;
	}
	free(p.row);
	free(p.z);
	free(t);
	free(w);
	free(x);
	free(q);
	return status;
}

int em_svd_leading(const struct em_svd_matrix *a, size_t count, double *value, double *vector, double *squares,
                   int threads, struct em_error *err)
{
	int status;

	if (!count || count > a->rows || count > a->columns)
		return em_error_set(err, EM_ERROR_USAGE, "%zu components of %zu spectra of %zu channels", count,
		                    a->rows, a->columns);
	if (count > GRAM_ROWS || a->columns > SIZE_MAX / sizeof(double) / GRAM_ROWS / (2 * PARTS))
		return em_error_set(err, EM_ERROR_MEMORY, "%zu components of %zu channels are too many", count,
		                    a->columns);
	status = a->rows <= GRAM_ROWS ? by_gram(a, count, value, vector, squares, err)
	                              : by_subspace(a, count, value, vector, squares, threads, err);
	for (size_t k = 0; !status && k < count; k++)
		largest_positive(vector + k * a->columns, a->columns);
	return status;
}
