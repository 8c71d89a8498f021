/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layers against the plain sums that they stand for, what is shared between threads, and resampling. */
#include "base/parallel.h"
#include "vision/batch.h"
#include "vision/network.h"
#include "vision/resample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/* Numbers in [-1, 1) that look random. */
static float noise(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (float)(*seed >> 8) / 8388608 - 1;
}

static float *numbers(size_t n, uint32_t seed)
{
	float *v = malloc(n * sizeof(*v));

	assert_non_null(v);
	for (size_t i = 0; i < n; i++)
		v[i] = noise(&seed);
	return v;
}

static struct em_network *new_network(void)
{
	struct em_network *n = em_network_new(EM_PRECISION_FP32, NULL);

	assert_non_null(n);
	assert_int_equal(em_network_precision(n), EM_PRECISION_FP32);
	return n;
}

/* The result for this input, `count` numbers of it. */
static void run(const struct em_network *n, const float *in, size_t size, float *out, size_t count)
{
	struct em_workspace *w = em_network_take(n, NULL);
	const float *result;

	assert_non_null(w);
	memcpy(em_workspace_input(w), in, size * sizeof(*in));
	result = em_workspace_run(w, NULL);
	assert_non_null(result);
	memcpy(out, result, count * sizeof(*out));
	em_network_give(n, w);
}

static void finish(struct em_network *n, int result)
{
	struct em_error err = {0};

	if (em_network_finish(n, result, &err))
		fail_msg("%s", err.text);
}

/* ---- pictures ---- */

enum { IN = 3, OUT = 10, SIDE = 9, K = 3, GROUPED = 5 };

/* One output of a convolution with stride 2 and padding 1, by its definition. */
static double convolved(const float *x, const float *weights, size_t in, size_t first, size_t o, size_t side,
                        size_t row, size_t col)
{
	double sum = 0;

	for (size_t c = 0; c < in; c++)
		for (size_t j = 0; j < K; j++)
			for (size_t i = 0; i < K; i++) {
				size_t y = 2 * row + j, z = 2 * col + i; /* of the padded picture */

				if (y >= 1 && z >= 1 && y <= side && z <= side)
					sum += (double)weights[((o * in + c) * K + j) * K + i] *
					       (double)x[((first + c) * side + y - 1) * side + z - 1];
			}
	return sum;
}

/* Mean over 5 x 5 of relu(W x + b) */
static void test_convolution(void **state)
{
	float *x = numbers(2 * IN * SIDE * SIDE, 1), *weights = numbers(OUT * IN * K * K, 2), *bias = numbers(OUT, 3);
	struct em_network *n = new_network();
	struct em_convolution c = {OUT, K, 2, 1, 1, weights, bias, true, 0};
	float out[2 * OUT];
	int r = em_network_convolution(n, em_network_pictures(n, 2, IN, SIDE, SIDE), &c);

	(void)state;
	finish(n, em_network_mean(n, r));
	assert_int_equal(em_network_dim(n), OUT);
	run(n, x, 2 * IN * SIDE * SIDE, out, 2 * OUT);
	for (size_t b = 0; b < 2; b++)
		for (size_t o = 0; o < OUT; o++) {
			double sum = 0;

			for (size_t p = 0; p < 25; p++)
				sum +=
				    fmax(0, convolved(x + b * IN * SIDE * SIDE, weights, IN, 0, o, SIDE, p / 5, p % 5) +
				                (double)bias[o]);
			assert_near(out[b * OUT + o], sum / 25, 1e-5);
		}
	em_network_free(n);
	free(x);
	free(weights);
	free(bias);
}

/* x -> a = W x, then relu(V a + a) with V in groups; before the sum `a` is read once more, by a pool that is dropped.
 */
static void test_groups_and_sum(void **state)
{
	float *x = numbers(IN, 1), *w = numbers(OUT * IN, 2), *v = numbers(OUT * OUT / GROUPED, 3), zero[OUT] = {0};
	struct em_network *n = new_network();
	float out[OUT];
	double a[OUT] = {0};
	int first = em_network_convolution(n, em_network_pictures(n, 1, IN, 1, 1),
	                                   &(struct em_convolution){OUT, 1, 1, 0, 1, w, zero, false, 0});

	(void)state;
	em_network_max_pool(n, first, 1, 1, 0);
	finish(n, em_network_mean(
	              n, em_network_convolution(
	                     n, first, &(struct em_convolution){OUT, 1, 1, 0, GROUPED, v, zero, true, first})));
	run(n, x, IN, out, OUT);
	for (size_t o = 0; o < OUT; o++)
		for (size_t c = 0; c < IN; c++)
			a[o] += (double)w[o * IN + c] * (double)x[c];
	for (size_t o = 0; o < OUT; o++) {
		size_t pair = o / 2 * 2;

		assert_near(out[o], fmax(0, a[o] + (double)v[2 * o] * a[pair] + (double)v[2 * o + 1] * a[pair + 1]),
		            1e-5);
	}
	em_network_free(n);
	free(x);
	free(w);
	free(v);
}

static void test_max_pool(void **state)
{
	struct em_network *n = new_network();
	float *x = numbers(8 * 7 * 7, 5), out[8];

	(void)state;
	finish(n, em_network_mean(n, em_network_max_pool(n, em_network_pictures(n, 1, 8, 7, 7), 3, 2, 1)));
	run(n, x, 8 * 7 * 7, out, 8);
	for (size_t c = 0; c < 8; c++) {
		double sum = 0;

		for (size_t p = 0; p < 16; p++) {
			double most = -9;

			for (size_t k = 0; k < 9; k++) {
				size_t y = 2 * (p / 4) + k / 3, z = 2 * (p % 4) + k % 3;

				if (y >= 1 && z >= 1 && y <= 7 && z <= 7)
					most = fmax(most, (double)x[c * 49 + (y - 1) * 7 + z - 1]);
			}
			sum += most;
		}
		assert_near(out[c], sum / 16, 1e-6);
	}
	em_network_free(n);
	free(x);
}

/* A picture's result is the same bits wherever in the batch it stands and whoever stands beside it. */
static void test_places_in_a_batch(void **state)
{
	enum { BATCH = 5, PIXELS = 3 * 32 * 32, WIDE = 24 };
	float *x = numbers(BATCH * PIXELS, 1), *w = numbers(WIDE * 3 * 49, 2), *v = numbers(WIDE * WIDE * 9, 3);
	float bias[WIDE] = {0}, first[BATCH * WIDE], second[BATCH * WIDE];
	struct em_network *n = new_network();
	int r = em_network_convolution(n, em_network_pictures(n, BATCH, 3, 32, 32),
	                               &(struct em_convolution){WIDE, 7, 2, 3, 1, w, bias, true, 0});

	(void)state;
	finish(n, em_network_mean(
	              n, em_network_convolution(n, r, &(struct em_convolution){WIDE, 3, 1, 1, 1, v, bias, true, 0})));
	run(n, x, BATCH * PIXELS, first, BATCH * WIDE);
	memmove(x, x + 3 * PIXELS, PIXELS * sizeof(*x)); /* the fourth to the first place */
	memset(x + PIXELS, 0, (BATCH - 1) * PIXELS * sizeof(*x));
	run(n, x, BATCH * PIXELS, second, BATCH * WIDE);
	assert_memory_equal(first + 3 * WIDE, second, WIDE * sizeof(*first));
	em_network_free(n);
	free(x);
	free(w);
	free(v);
}

/* ---- rows ---- */

enum { ROWS = 5, COLUMNS = 6 };

static double gelu(double x)
{
	return x * (1 + erf(x / sqrt(2))) / 2;
}

/* constant + gelu(W x + b), row by row; of that the rows' mean */
static void test_product(void **state)
{
	float *x = numbers(ROWS * COLUMNS, 1), *w = numbers(COLUMNS * COLUMNS, 2), *b = numbers(COLUMNS, 3);
	float *start = numbers(ROWS * COLUMNS, 4), one[COLUMNS * COLUMNS] = {0}, zero[COLUMNS] = {0}, out[COLUMNS];
	struct em_network *n = new_network();
	int in = em_network_rows(n, ROWS, COLUMNS), sum = em_network_constant(n, ROWS, COLUMNS, start), r;

	(void)state;
	for (size_t i = 0; i < COLUMNS; i++)
		one[i * COLUMNS + i] = 1;
	r = em_network_product(n, in, &(struct em_product){COLUMNS, w, b, true, 0});
	r = em_network_product(n, r, &(struct em_product){COLUMNS, one, zero, false, sum});
	assert_int_equal(r, sum);
	finish(n, em_network_mean_rows(n, r));
	for (int again = 0; again < 2; again++) { /* the constant is there each time */
		run(n, x, ROWS * COLUMNS, out, COLUMNS);
		for (size_t o = 0; o < COLUMNS; o++) {
			double mean = 0;

			for (size_t row = 0; row < ROWS; row++) {
				double y = (double)b[o];

				for (size_t c = 0; c < COLUMNS; c++)
					y += (double)w[o * COLUMNS + c] * (double)x[row * COLUMNS + c];
				mean += ((double)start[row * COLUMNS + o] + gelu(y)) / ROWS;
			}
			assert_near(out[o], mean, 1e-5);
		}
	}
	em_network_free(n);
	free(x);
	free(w);
	free(b);
	free(start);
}

/* Queries, keys and values are thirds of the columns; the last row's answer. */
static void test_attention(void **state)
{
	enum { WIDTH = COLUMNS / 3 };
	float *x = numbers(ROWS * COLUMNS, 9), out[WIDTH];
	struct em_network *n = new_network();
	int in = em_network_rows(n, ROWS, COLUMNS), to = em_network_room(n, ROWS, WIDTH);
	const float *q = x + (ROWS - 1) * COLUMNS;
	double share[ROWS], sum = 0;

	(void)state;
	em_network_attend(n, em_network_part(n, in, 0, ROWS, 0, WIDTH), em_network_part(n, in, 0, ROWS, WIDTH, WIDTH),
	                  em_network_part(n, in, 0, ROWS, 2 * WIDTH, WIDTH), em_network_part(n, to, 0, ROWS, 0, WIDTH));
	finish(n, em_network_part(n, to, ROWS - 1, 1, 0, WIDTH));
	run(n, x, ROWS * COLUMNS, out, WIDTH);
	for (size_t r = 0; r < ROWS; r++) {
		const float *k = x + r * COLUMNS + WIDTH;

		share[r] = exp((double)q[0] * (double)k[0] + (double)q[1] * (double)k[1]);
		sum += share[r];
	}
	for (size_t i = 0; i < WIDTH; i++) {
		double want = 0;

		for (size_t r = 0; r < ROWS; r++)
			want += share[r] / sum * (double)x[r * COLUMNS + 2 * WIDTH + i];
		assert_near(out[i], want, 1e-5);
	}
	em_network_free(n);
	free(x);
}

static void test_normalise(void **state)
{
	float x[4] = {1, 2, 3, 6}, out[4]; /* mean 3, variance 3.5 */
	struct em_network *n = new_network();

	(void)state;
	finish(n, em_network_normalise(n, em_network_rows(n, 1, 4), 0.5f));
	run(n, x, 4, out, 4);
	for (int i = 0; i < 4; i++)
		assert_near(out[i], ((double)x[i] - 3) / 2, 1e-6);
	em_network_free(n);
}

/* The first failure is kept and told at the end. */
static void test_sticky_failure(void **state)
{
	struct em_network *n = new_network();
	struct em_error err = {0};
	float w[25] = {0}, b[1] = {0};
	int r = em_network_convolution(n, em_network_pictures(n, 1, 1, 3, 3),
	                               &(struct em_convolution){1, 5, 1, 0, 1, w, b, false, 0});

	(void)state;
	r = em_network_mean(n, em_network_max_pool(n, r, 3, 2, 1));
	r = em_network_product(n, r, &(struct em_product){1, w, b, true, 0});
	assert_int_equal(em_network_finish(n, r, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_string_equal(err.text, "a convolution does not fit its input");
	em_network_free(n);
	em_network_free(NULL);
}

/* ---- batches ---- */

enum { JOBS = 200, MOST = 4 };

struct errand {
	struct em_batch *batch;
	int in[JOBS], out[JOBS], status[JOBS];
};

static _Atomic int running, most_running, largest;

static int square(void *ctx, size_t n, const void *const *in, void *const *out, struct em_error *err)
{
	int now = ++running;

	(void)ctx;
	if (now > most_running)
		most_running = now;
	if ((int)n > largest)
		largest = (int)n;
	for (size_t i = 0; i < n; i++)
		*(int *)out[i] = *(const int *)in[i] * *(const int *)in[i];
	running--;
	return n == 1 && *(const int *)in[0] < 0 ? em_error_set(err, EM_ERROR_DATA, "below zero") : 0;
}

static void errand(void *ctx, size_t i)
{
	struct errand *e = ctx;

	e->in[i] = (int)i;
	e->status[i] = em_batch_run(e->batch, &e->in[i], &e->out[i], NULL);
}

static void test_batches(void **state)
{
	struct errand e = {0};
	struct em_error err = {0};
	int in = -1, out;

	(void)state;
	e.batch = em_batch_new(MOST, 2, square, NULL, NULL);
	assert_non_null(e.batch);
	em_parallel_for(16, JOBS, errand, &e);
	for (int i = 0; i < JOBS; i++)
		assert_true(e.status[i] == 0 && e.out[i] == i * i);
	assert_true(most_running <= 2 && largest <= MOST);
	assert_int_equal(em_batch_run(e.batch, &in, &out, &err), -1);
	assert_string_equal(err.text, "below zero");
	em_batch_free(e.batch);
}

/* ---- resampling ---- */

static void test_resample(void **state)
{
	static const float ramp[4] = {0, 1, 2, 3}, steps[8] = {0, 0.25f, 0.75f, 1.25f, 1.75f, 2.25f, 2.75f, 3};
	float out[12 * 8], in[30];

	(void)state;
	assert_int_equal(em_resample(ramp, 1, 4, out, 3, 8, NULL), 0);
	for (size_t i = 0; i < 24; i++)
		assert_near(out[i], steps[i % 8], 1e-6);
	/* To a half: the triangle reaches over four pixels, three at the ends: 1 3 3 1 and 3 3 1. */
	assert_int_equal(em_resample(ramp, 4, 1, out, 2, 1, NULL), 0);
	assert_near(out[0], (3. * 0 + 3 * 1 + 1 * 2) / 7, 1e-6);
	assert_near(out[1], (1. * 1 + 3 * 2 + 3 * 3) / 7, 1e-6);
	for (int i = 0; i < 30; i++)
		in[i] = (float)(i * i % 7);
	assert_int_equal(em_resample(in, 5, 6, out, 5, 6, NULL), 0);
	assert_memory_equal(in, out, sizeof(in));
	for (int i = 0; i < 30; i++)
		in[i] = 2.5f;
	assert_int_equal(em_resample(in, 30, 1, out, 7, 11, NULL), 0);
	for (size_t i = 0; i < 77; i++)
		assert_near(out[i], 2.5, 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_convolution), cmocka_unit_test(test_groups_and_sum),
	                                   cmocka_unit_test(test_max_pool),    cmocka_unit_test(test_places_in_a_batch),
	                                   cmocka_unit_test(test_product),     cmocka_unit_test(test_attention),
	                                   cmocka_unit_test(test_normalise),   cmocka_unit_test(test_sticky_failure),
	                                   cmocka_unit_test(test_batches),     cmocka_unit_test(test_resample)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
