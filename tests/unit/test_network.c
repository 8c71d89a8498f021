/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layers against the plain sums that they stand for, in float32 and, where the processor has it, in bfloat16. */
#include "network_help.h"

/* Of the networks that the tests make. */
static enum em_precision precision = EM_PRECISION_FP32;

static struct em_network *new_network(void)
{
	struct em_network *n = em_network_new(precision, NULL);

	assert_non_null(n);
	assert_int_equal(em_network_precision(n), precision);
	return n;
}

/* bfloat16 has 8 bits: what a sum of some dozens of its products may be off by. */
static double slack(double fp32)
{
	return precision == EM_PRECISION_BF16 ? 0.03 : fp32;
}

struct variant {
	void (*test)(void **state);
};

static void in_bf16(void **state)
{
	const struct variant *v = *state;
	struct em_error err = {0};
	struct em_network *n = em_network_new(EM_PRECISION_BF16, &err);

	if (!n && err.kind == EM_ERROR_USAGE) {
		print_message("# this processor has no bf16\n");
		skip();
	}
	em_network_free(n);
	precision = EM_PRECISION_BF16;
	v->test(state);
	precision = EM_PRECISION_FP32;
}
#define IN_BF16(f) {#f " in bf16", in_bf16, NULL, NULL, &(struct variant){f}}

/* ---- pictures ---- */

enum { IN = 3, OUT = 10, GROUPED = 5 };

/* A sum over all pixels of relu(W x + b), each with its own weight, so that each has to be where it belongs. */
static void check_convolution(const struct shape *s)
{
	enum { BATCH = 2 };
	size_t side = side_of_result(s), pixels = side * side, each = s->in * s->side * s->side;
	float *x = numbers(BATCH * each, 1), *bias = numbers(s->out, 3), *sum = numbers(s->out * pixels, 4);
	float *weights = numbers(s->out * s->in / s->groups * s->window * s->window, 2), zero = 0, out[BATCH];
	struct em_network *n = new_network();
	struct em_convolution c = layer_of(s, weights, bias, true);
	int r = em_network_convolution(n, em_network_pictures(n, BATCH, s->in, s->side, s->side), &c);

	r = em_network_convolution(n, r, &(struct em_convolution){1, side, 1, 0, 1, sum, &zero, false, 0});
	finish(n, em_network_mean(n, r));
	run(n, x, BATCH * each, out, BATCH);
	for (size_t b = 0; b < BATCH; b++) {
		double want = 0, square = 0;

		for (size_t o = 0; o < s->out; o++)
			for (size_t p = 0; p < pixels; p++) {
				double v = convolved(s, x + b * each, weights, o, p / side, p % side) + (double)bias[o];

				v = fmax(0, v) * (double)sum[o * pixels + p];
				want += v;
				square += v * v;
			}
		assert_near(out[b], want, slack(1e-5) * sqrt(square));
	}
	em_network_free(n);
	free(x);
	free(weights);
	free(bias);
	free(sum);
}

/* Each of the ways to convolve: Winograd's (3 x 3, multiples of 16 channels, whole tiles and others), in blocks of 16
 * channels, few channels, each channel for itself, and what fits nothing. */
static void test_convolution(void **state)
{
	static const struct shape shapes[] = {
	    {3, 10, 9, 3, 2, 1},   {1, 32, 16, 5, 2, 1},  {3, 16, 15, 7, 2, 1},  {16, 16, 12, 3, 1, 1},
	    {32, 48, 11, 3, 1, 1}, {16, 16, 1, 3, 1, 1},  {32, 64, 10, 3, 2, 1}, {64, 32, 6, 1, 1, 1},
	    {32, 32, 7, 1, 2, 1},  {32, 32, 9, 3, 1, 32}, {48, 48, 8, 5, 1, 48}, {32, 32, 9, 3, 2, 32},
	    {24, 24, 8, 3, 1, 1},  {64, 64, 5, 3, 1, 2},  {20, 20, 5, 3, 1, 20}, {5, 7, 6, 3, 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		check_convolution(&shapes[i]);
}

/* relu(W x + V x), V in small groups, W of 3 x 3 pixels: what is added lies in another order than the sum wants. */
static void test_sum_of_two_orders(void **state)
{
	const struct shape w = {16, 16, 8, 3, 1, 1}, v = {16, 16, 8, 1, 1, 8};
	float *x = numbers(16 * 64, 1), *of_w = numbers(16 * 16 * 9, 2), *of_v = numbers(16 * 2, 3), zero[16] = {0};
	struct em_network *n = new_network();
	struct em_convolution c = layer_of(&w, of_w, zero, true), d = layer_of(&v, of_v, zero, false);
	int in = em_network_pictures(n, 1, 16, 8, 8);
	float out[16];

	(void)state;
	c.add = em_network_convolution(n, in, &d);
	finish(n, em_network_mean(n, em_network_convolution(n, in, &c)));
	run(n, x, 16 * 64, out, 16);
	for (size_t o = 0; o < 16; o++) {
		double want = 0;

		for (size_t p = 0; p < 64; p++)
			want +=
			    fmax(0, convolved(&w, x, of_w, o, p / 8, p % 8) + convolved(&v, x, of_v, o, p / 8, p % 8)) /
			    64;
		assert_near(out[o], want, slack(1e-5));
	}
	em_network_free(n);
	free(x);
	free(of_w);
	free(of_v);
}

/* x + x moved by a pixel: what is added to is what is read, and is needed after others were written. */
static void test_sum_with_the_source(void **state)
{
	float x[16 * 64], w[16 * 16 * 9] = {0}, zero[16] = {0}, out[16];

	(void)state;
	for (size_t i = 0; i < 16 * 64; i++) {
		x[i] = (float)(i / 64 + i % 8);
		w[i / 64 * 17 * 9 + 3] = 1;
	}
	for (int direct = 0; direct < 2; direct++) {
		struct em_network *n = new_network();
		int in = em_network_pictures(n, 1, 16, 8, 8);
		struct em_convolution c = {16, 3, 1, 1, 1, w, zero, true, in, direct};

		finish(n, em_network_mean(n, em_network_convolution(n, in, &c)));
		run(n, x, 16 * 64, out, 16);
		em_network_free(n);
		for (size_t o = 0; o < 16; o++)
			assert_near(out[o], 2 * (double)o + 3.5 - ((double)o + 7) / 8 + 3.5, 1e-4);
	}
}

/* The means of a picture and of what a layer makes of it, side by side; and parts that cannot be. */
static void test_join(void **state)
{
	float x[2 * 16 * 4], w[16 * 16] = {0}, ten[16], out[2 * 48];
	struct em_network *n = new_network();
	int in = em_network_pictures(n, 2, 16, 2, 2), parts[3], odd[2];
	struct em_error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(x) / sizeof(x[0]); i++)
		x[i] = (float)(i / 4) + (float)(i % 4) - 1.5f;
	for (size_t i = 0; i < 16; i++) {
		w[i * 16 + 15 - i] = 2;
		ten[i] = 10;
	}
	parts[0] = em_network_mean(n, in);
	parts[1] = em_network_mean(
	    n, em_network_convolution(n, in, &(struct em_convolution){16, 1, 1, 0, 1, w, ten, false, 0}));
	parts[2] = parts[0];
	finish(n, em_network_join(n, parts, 3));
	assert_int_equal(em_network_dim(n), 48);
	run(n, x, sizeof(x) / sizeof(x[0]), out, 2 * 48);
	for (size_t b = 0; b < 2; b++)
		for (size_t c = 0; c < 16; c++) {
			size_t mean = b * 16 + c, turned = b * 16 + 15 - c;

			assert_near(out[b * 48 + c], (double)mean, 1e-5); /* small whole numbers are exact in bf16 */
			assert_near(out[b * 48 + 32 + c], (double)mean, 1e-5);
			assert_near(out[b * 48 + 16 + c], 2 * (double)turned + 10, slack(1e-5) * 4);
		}
	em_network_free(n);
	n = new_network();
	odd[0] = em_network_rows(n, 2, 3);
	odd[1] = em_network_room(n, 3, 3);
	assert_int_equal(em_network_finish(n, em_network_join(n, odd, 2), &err), -1);
	assert_string_equal(err.text, "different numbers of rows are to be joined");
	em_network_free(n);
}

/* x -> a = W x, then relu(V a + a) with V in groups; before the sum `a` is read once more, by a pool nobody reads. */
static void test_groups_and_sum(void **state)
{
	float *x = numbers(IN, 1), *w = numbers(OUT * IN, 2), *v = numbers(OUT * OUT / GROUPED, 3), zero[OUT] = {0};
	struct em_network *n = new_network();
	double a[OUT] = {0};
	float out[OUT];
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
		            slack(1e-5));
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
		assert_near(out[c], sum / 16, slack(1e-6));
	}
	em_network_free(n);
	free(x);
}

/* A picture's result is the same bits wherever in the batch it stands and whoever stands beside it. */
static void test_places_in_a_batch(void **state)
{
	enum { BATCH = 5, PIXELS = 3 * 32 * 32, WIDE = 32 };
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
			assert_near(out[o], mean, slack(1e-5));
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
		assert_near(out[i], want, slack(1e-5));
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
		assert_near(out[i], ((double)x[i] - 3) / 2, slack(1e-6));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_convolution),
	    IN_BF16(test_convolution),
	    cmocka_unit_test(test_groups_and_sum),
	    IN_BF16(test_groups_and_sum),
	    cmocka_unit_test(test_sum_of_two_orders),
	    IN_BF16(test_sum_of_two_orders),
	    cmocka_unit_test(test_sum_with_the_source),
	    cmocka_unit_test(test_max_pool),
	    IN_BF16(test_max_pool),
	    cmocka_unit_test(test_places_in_a_batch),
	    IN_BF16(test_places_in_a_batch),
	    cmocka_unit_test(test_product),
	    IN_BF16(test_product),
	    cmocka_unit_test(test_attention),
	    IN_BF16(test_attention),
	    cmocka_unit_test(test_normalise),
	    IN_BF16(test_normalise),
	    cmocka_unit_test(test_join),
	    IN_BF16(test_join),
	    cmocka_unit_test(test_sticky_failure),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
