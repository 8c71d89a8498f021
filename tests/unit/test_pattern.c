/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Patterns of detectors over which spectra drift: found, and as uncertain as is said. */
#include "forecast/pattern.h"

#include "base/random.h"
#include "eels/align.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N 400
#define SERIES 12
#define FRAMES 20
#define COUNT ((size_t)SERIES * FRAMES)
#define TURNS 5
#define COUNTS 1e4
#define SD 0.01
#define DETECTORS 16

static double shape(size_t k, size_t i)
{
	double e = (double)i / N, line = exp(-0.5 * pow((e - 0.4) / 0.01, 2)), step = tanh((e - 0.4) / 0.01);

	return k ? line - 0.2 * step : 1 + 0.3 * step + 0.3 * line - 0.4 * e;
}

/* model[COUNT][N], which goes on in each series, and where its spectra have drifted. */
static void make_spectra(struct em_random *r, double *model, double *shift)
{
	for (size_t s = 0; s < SERIES; s++) {
		double at = 2 * em_random_normal(r), rate = 0.02 + 0.1 * em_random_uniform(r);

		for (size_t f = 0; f < FRAMES; f++) {
			size_t t = s * FRAMES + f;
			double x = 1 - exp(-rate * (double)f), fade = exp(-0.02 * (double)(f * (s % 3)));

			at += 0.5 * em_random_normal(r);
			shift[t] = fmax(-6, fmin(6, at));
			for (size_t i = 0; i < N; i++)
				model[t * N + i] = COUNTS * fade * (shape(0, i) + x * shape(1, i));
		}
	}
}

/* Counts of a detector with the pattern g. */
static void measure(struct em_random *r, const double *model, const double *shift, const double *g, double *frame)
{
	for (size_t t = 0; t < COUNT; t++) {
		double *y = frame + t * N;

		em_shift_curve(model + t * N, N, shift[t], y);
		for (size_t i = 0; i < N; i++)
			y[i] = y[i] * (1 + g[i]) + sqrt(y[i]) * em_random_normal(r);
	}
}

/* Without the pattern so far, where they would be without drift. */
static void align(const double *frame, const double *shift, const double *flat, float *out)
{
	for (size_t t = 0; t < COUNT; t++) {
		double flattened[N], there[N];

		for (size_t i = 0; i < N; i++)
			flattened[i] = frame[t * N + i] / flat[i];
		em_shift_curve(flattened, N, -shift[t], there);
		for (size_t i = 0; i < N; i++)
			out[t * N + i] = (float)there[i];
	}
}

/* What is left of g in flat, without its mean, of which drift says nothing; said[N]: its variance. */
static void find(uint64_t seed, double g[N], double hidden[N], double said[N])
{
	double *model = malloc(COUNT * N * sizeof(*model)), *veil = malloc((EM_PATTERN_VEILS + 1) * N * sizeof(*veil));
	double *frame = malloc(COUNT * N * sizeof(*frame));
	float *aligned = malloc(COUNT * N * sizeof(*aligned));
	struct em_pattern_doubt doubt = {veil, veil + EM_PATTERN_VEILS * N};
	double shift[COUNT], flat[N], variance = 1e-4, mean = 0;
	size_t first[SERIES + 1];
	struct em_random r;

	assert_true(model && veil && frame && aligned);
	em_random_seed(&r, seed, 0);
	for (size_t s = 0; s <= SERIES; s++)
		first[s] = s * FRAMES;
	for (size_t i = 0; i < N; i++) {
		g[i] = SD * em_random_normal(&r);
		flat[i] = 1;
	}
	make_spectra(&r, model, shift);
	measure(&r, model, shift, g, frame);
	for (int k = 0; k < TURNS; k++) {
		const struct em_basis_settings how = {.rank = 2, .threads = 1};
		struct em_basis basis = {0};
		const struct em_pattern_spectra s = {COUNT, aligned, shift, &basis, first, SERIES, 1};

		align(frame, shift, flat, aligned);
		assert_int_equal(em_basis_make(&basis, aligned, COUNT, N, &how, NULL), 0);
		assert_int_equal(em_pattern_improve(&s, flat, &variance, k + 1 == TURNS ? &doubt : NULL, NULL), 0);
		em_basis_release(&basis);
	}
	assert_true(variance > 0.7 * SD * SD && variance < 1.4 * SD * SD);
	for (size_t i = 0; i < N; i++) {
		hidden[i] = (1 + g[i]) / flat[i] - 1;
		mean += hidden[i] / N;
		said[i] = doubt.rest[i];
		for (size_t k = 0; k < EM_PATTERN_VEILS; k++)
			said[i] += pow(doubt.veil[k * N + i], 2);
	}
	for (size_t i = 0; i < N; i++)
		hidden[i] -= mean;
	free(model);
	free(veil);
	free(frame);
	free(aligned);
}

static void what_is_hidden_is_as_much_as_is_said(void **state)
{
	double inside = 0, squares = 0, said_all = 0, ends = 0, said_ends = 0;

	(void)state;
	for (uint64_t d = 0; d < DETECTORS; d++) {
		double g[N], hidden[N], said[N], all = 0, left = 0;

		find(100 + d, g, hidden, said);
		for (size_t i = 0; i < N; i++) {
			all += g[i] * g[i];
			left += hidden[i] * hidden[i];
			inside += (fabs(hidden[i]) < 1.645 * sqrt(said[i])) / (double)(N * DETECTORS);
			said_all += said[i];
			if (i < 40 || i >= N - 40) {
				ends += hidden[i] * hidden[i];
				said_ends += said[i];
			}
		}
		squares += left;
		assert_true(left < 0.3 * all);
	}
	print_message("# inside %.3f, variance %.2f of what is said, at the ends %.2f\n", inside, squares / said_all,
	              ends / said_ends);
	assert_true(inside > 0.85 && inside < 0.95);
	assert_true(squares / said_all > 0.6 && squares / said_all < 1.5);
	assert_true(ends / said_ends > 0.6 && ends / said_ends < 1.6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_hidden_is_as_much_as_is_said)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
