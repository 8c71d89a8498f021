/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Components of spectra: the decomposition against its definition, rank and noise against simulated truth. */
#include "eels/basis.h"
#include "base/linalg.h"
#include "base/random.h"
#include "eels/svd.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.12g, expected %.12g within %g", got, want, within);
}

#define CHANNELS 200

/* A falling background, and two edges that go and come with t from 0 to 1: three components. */
static double truth(double t, size_t j, double dose)
{
	double x = (double)j / CHANNELS, first = exp(-pow((x - 0.4) / 0.05, 2)), second = exp(-pow((x - 0.7) / 0.1, 2));

	return dose * (2 * pow(1 + x, -3) + t * first + (1 + sin(2 * M_PI * t)) / 2 * second);
}

static float *simulate(size_t count, double dose, double contrast)
{
	float *s = malloc(count * CHANNELS * sizeof(*s));
	struct em_random r;

	em_random_seed(&r, 11, count);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < CHANNELS; j++)
			s[i * CHANNELS + j] = (float)em_random_poisson(
			    &r, truth(0.5 + contrast * ((double)i / (double)count - 0.5), j, dose));
	return s;
}

/* A^T A v = s^2 v, v orthonormal, and values as from the eigenvalues of A^T A, by both ways (300 and 1,000 rows). */
static void decomposition(void **state)
{
	enum { N = 60, COUNT = 5 };
	static const size_t rows[] = {300, 1000};

	(void)state;
	for (size_t way = 0; way < 2; way++) {
		size_t n = rows[way];
		float *data = malloc(n * N * sizeof(*data));
		double *row = malloc(n * sizeof(*row)), column[N], mean[N], value[COUNT], vector[COUNT * N], squares;
		double gram[N * N] = {0}, eigen[N], trace = 0;
		struct em_random r;

		em_random_seed(&r, 5, way);
		for (size_t j = 0; j < N; j++) {
			mean[j] = 1 + (double)j;
			column[j] = j == 7 ? 0 : 1 + 0.01 * (double)j;
		}
		for (size_t i = 0; i < n; i++) {
			double a = em_random_normal(&r), b = em_random_normal(&r);
			row[i] = i == 9 ? 0 : 1 + 0.001 * (double)i;
			for (size_t j = 0; j < N; j++)
				data[i * N + j] = (float)(mean[j] + 3 * a * cos(0.3 * (double)j) + b * (double)j / 20 +
				                          em_random_normal(&r));
			data[i * N + 7] = NAN;
		}
		for (size_t j = 0; j < N; j++)
			data[9 * N + j] = INFINITY;
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; row[i] > 0 && j < N; j++)
				for (size_t k = 0; k < N; k++)
					if (j != 7 && k != 7)
						gram[j * N + k] += row[i] * row[i] * column[j] * column[k] *
						                   (data[i * N + j] - mean[j]) *
						                   (data[i * N + k] - mean[k]);
		const struct em_svd_matrix m = {data, n, N, row, column, mean};
		assert_int_equal(em_svd_leading(&m, COUNT, value, vector, &squares, 1, NULL), 0);
		for (size_t k = 0; k < COUNT; k++)
			for (size_t l = 0; l < COUNT; l++) {
				double dot = 0;
				for (size_t j = 0; j < N; j++)
					dot += vector[k * N + j] * vector[l * N + j];
				assert_near(dot, k == l, 1e-12);
			}
		for (size_t k = 0; k < 2; k++)
			for (size_t j = 0; j < N; j++) {
				double product = 0;
				for (size_t i = 0; i < N; i++)
					product += gram[j * N + i] * vector[k * N + i];
				assert_near(product / (value[k] * value[k]), vector[k * N + j], 1e-5);
			}
		for (size_t j = 0; j < N; j++)
			trace += gram[j * N + j];
		assert_near(squares / trace, 1, 1e-12);
		assert_int_equal(em_symmetric_eigen(gram, N, eigen, NULL), 0);
		for (size_t k = 0; k < COUNT; k++) /* the two that stand out, exactly; those of noise, nearly */
			assert_near(value[k] / sqrt(eigen[k]), 1, k < 2 ? 1e-9 : way ? 0.02 : 1e-9);
		double many[COUNT * N];
		assert_int_equal(em_svd_leading(&m, COUNT, value, many, &squares, 3, NULL), 0);
		assert_memory_equal(many, vector, sizeof(many));
		row[0] = NAN;
		assert_int_equal(em_svd_leading(&m, COUNT, value, many, &squares, 1, NULL), -1);
		free(row);
		free(data);
	}
}

/* The rank is the truth's, noise that of Poisson, and the spectra come nearer to the truth than they were. */
static void rank_and_noise_of_poisson_counts(void **state)
{
	static const struct {
		size_t count;
		double dose;
		bool centred;
		size_t rank;
	} cases[] = {
	    {100, 20, false, 3}, {100, 200, true, 2}, {100, 2000, false, 3}, {900, 20, false, 3}, {900, 20, true, 2}};

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
		size_t n = cases[c].count;
		float *s = simulate(n, cases[c].dose, 1);
		const struct em_basis_settings set = {.centred = cases[c].centred, .threads = 2};
		struct em_basis b;
		double before = 0, after = 0;

		assert_int_equal(em_basis_make(&b, s, n, CHANNELS, &set, NULL), 0);
		assert_int_equal(b.rank, cases[c].rank);
		assert_int_equal(b.spectra, n);
		assert_near(b.noise, 1, 0.015);
		assert_true(b.value[b.rank - 1] > b.threshold && b.value[b.rank] < 1.02 * b.edge);
		for (size_t i = 0; i < n; i++) {
			double scores[3], again[CHANNELS];

			assert_int_equal(em_basis_project(&b, s + i * CHANNELS, scores, NULL), 0);
			em_basis_reconstruct(&b, scores, again);
			for (size_t j = 0; j < CHANNELS; j++) {
				double t = truth((double)i / (double)n, j, cases[c].dose);
				before += pow(s[i * CHANNELS + j] - t, 2) / t;
				after += pow(again[j] - t, 2) / t;
			}
		}
		/* Of n spectra and m channels' noise, rank r keeps r / m + r / n. */
		assert_true(after <
		            1.25 * before * (double)(b.rank + cases[c].centred) * (1.0 / CHANNELS + 1.0 / (double)n));
		em_basis_release(&b);
		free(s);
	}
}

static void noise_alone_has_no_rank(void **state)
{
	(void)state;
	for (size_t n = 50; n < 1000; n *= 4) {
		float *s = simulate(n, 50, 0);
		const struct em_basis_settings set = {.centred = true};
		struct em_basis b;

		assert_int_equal(em_basis_make(&b, s, n, CHANNELS, &set, NULL), 0);
		assert_int_equal(b.rank, 0);
		assert_near(b.noise, 1, 0.02);
		/* the edge of Marchenko and Pastur; what iterates does not wait for noise to converge */
		assert_near(b.value[0] / b.edge, n < 300 ? 1 : 0.92, n < 300 ? 0.03 : 0.07);
		em_basis_release(&b);
		free(s);
	}
}

/* Without noise three components say all, also where channels are missing of the spectrum that is projected. */
static void what_is_described_comes_back(void **state)
{
	enum { N = 30 };
	float s[N * CHANNELS];
	struct em_basis b;
	const struct em_basis_settings set = {.rank = 3};
	double scores[3], partial[3], again[CHANNELS];

	(void)state;
	for (size_t i = 0; i < N; i++)
		for (size_t j = 0; j < CHANNELS; j++)
			s[i * CHANNELS + j] = j < 5 ? 0 : (float)truth((double)i / N, j, 1000);
	assert_int_equal(em_basis_make(&b, s, N, CHANNELS, &set, NULL), 0);
	assert_true(b.rank == 3 && b.values >= 3 && b.weight[4] == 0 && b.weight[5] > 0);
	float *one = s + 17 * CHANNELS;
	assert_int_equal(em_basis_project(&b, one, scores, NULL), 0);
	em_basis_reconstruct(&b, scores, again);
	for (size_t j = 0; j < CHANNELS; j++)
		assert_near(again[j], one[j], 1e-3);
	one[1] = INFINITY;
	for (size_t j = 70; j < 100; j++)
		one[j] = NAN;
	assert_int_equal(em_basis_project(&b, one, partial, NULL), 0);
	for (size_t k = 0; k < 3; k++)
		assert_near(partial[k], scores[k], 1e-3);
	for (size_t j = 7; j < CHANNELS; j++)
		one[j] = NAN;
	struct em_error err = {0};
	assert_int_equal(em_basis_project(&b, one, partial, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_near(partial[0], scores[0], 1e-3);
	em_basis_release(&b);
}

/* Frames that are missing or black change nothing; a given variance counts. */
static void missing_spectra_and_given_variance(void **state)
{
	enum { N = 60 };
	float *s = simulate(N, 100, 1), *more = malloc((N + 2) * CHANNELS * sizeof(*more));
	struct em_basis a, b;
	double variance[CHANNELS];

	(void)state;
	memcpy(more, s, N * CHANNELS * sizeof(*s));
	memset(more + N * CHANNELS, 0, 2 * CHANNELS * sizeof(*s));
	more[(N + 1) * CHANNELS] = NAN;
	assert_int_equal(em_basis_make(&a, s, N, CHANNELS, NULL, NULL), 0);
	assert_int_equal(em_basis_make(&b, more, N + 2, CHANNELS, NULL, NULL), 0);
	assert_true(b.spectra == N && b.rank == a.rank);
	assert_near(b.value[2] / a.value[2], 1, 1e-9);
	em_basis_release(&b);
	for (size_t j = 0; j < CHANNELS; j++)
		variance[j] = 4 * a.mean[j] + (j == 3 ? 0 : 4 * truth(0.5, j, 100));
	const struct em_basis_settings set = {.variance = variance, .centred = true};
	assert_int_equal(em_basis_make(&b, s, N, CHANNELS, &set, NULL), 0);
	assert_near(b.noise, 0.5, 0.02);
	assert_true(b.weight[3] == 0);
	variance[0] = NAN;
	struct em_basis untouched = {.rank = 77};
	assert_int_equal(em_basis_make(&untouched, s, N, CHANNELS, &set, NULL), -1);
	assert_int_equal(untouched.rank, 77);
	em_basis_release(&b);
	em_basis_release(&a);
	free(more);
	free(s);
}

static void what_has_no_basis(void **state)
{
	float s[8 * 10] = {0}, one[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	struct em_basis b = {.rank = 77};
	const struct em_basis_settings eleven = {.rank = 9};
	struct em_error err;

	(void)state;
	assert_int_equal(em_basis_make(&b, s, 8, 10, NULL, &err), -1); /* black */
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_basis_make(&b, one, 1, 10, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_basis_make(&b, s, 0, 10, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_basis_make(&b, s, 8, 10, &eleven, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_basis_make(&b, s, 8, SIZE_MAX / 16, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_MEMORY);
	for (size_t i = 0; i < 80; i++) /* the same twice and more: one component, and no noise */
		s[i] = one[i % 10];
	assert_int_equal(b.rank, 77);
	assert_int_equal(em_basis_make(&b, s, 8, 10, NULL, &err), 0);
	assert_int_equal(b.rank, 1);
	em_basis_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(decomposition),
	    cmocka_unit_test(rank_and_noise_of_poisson_counts),
	    cmocka_unit_test(noise_alone_has_no_rank),
	    cmocka_unit_test(what_is_described_comes_back),
	    cmocka_unit_test(missing_spectra_and_given_variance),
	    cmocka_unit_test(what_has_no_basis),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
