/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A layer beside its equations in double precision, and its gradients beside differences of those. */
#include "forecast/lstm.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 3
#define STEPS 4
#define INPUTS 5
#define UNITS 6

static const struct em_lstm_size size = {ROWS, STEPS, INPUTS, UNITS};

enum { KERNEL, RECURRENT, BIAS, SOURCE, ARRAYS };
static const size_t count[ARRAYS] = {INPUTS * 4 * UNITS, UNITS * 4 * UNITS, 4 * UNITS, STEPS *ROWS *INPUTS};

#define MOST 256
#define RESULT (STEPS * ROWS * UNITS)

static float value[ARRAYS][MOST], weight[RESULT]; /* the loss is the sum of weight h */

static void fill(void)
{
	struct em_random r;

	em_random_seed(&r, 5, 0);
	for (int k = 0; k < ARRAYS; k++)
		for (size_t i = 0; i < count[k]; i++)
			value[k][i] = (float)em_random_between(&r, -1, 1);
	for (size_t i = 0; i < RESULT; i++)
		weight[i] = (float)em_random_between(&r, -1, 1);
}

static double sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

/* By the header's equations: h[STEPS][ROWS][UNITS], and the loss; array `k` has `more` added to its element i. */
static double run(double *h, int k, size_t i, double more)
{
	double v[ARRAYS][MOST], state[ROWS][2][UNITS] = {0}, loss = 0;

	for (int a = 0; a < ARRAYS; a++)
		for (size_t j = 0; j < count[a]; j++)
			v[a][j] = (double)value[a][j];
	v[k][i] += more;
	for (size_t t = 0; t < STEPS; t++)
		for (size_t r = 0; r < ROWS; r++) {
			double gate[4][UNITS], *was = state[r][0], *cell = state[r][1];
			for (size_t g = 0; g < 4; g++)
				for (size_t u = 0; u < UNITS; u++) {
					double z = v[BIAS][g * UNITS + u];
					for (size_t x = 0; x < INPUTS; x++)
						z += v[SOURCE][(t * ROWS + r) * INPUTS + x] *
						     v[KERNEL][(x * 4 + g) * UNITS + u];
					for (size_t x = 0; x < UNITS; x++)
						z += was[x] * v[RECURRENT][(x * 4 + g) * UNITS + u];
					gate[g][u] = g == 2 ? tanh(z) : sigmoid(z);
				}
			for (size_t u = 0; u < UNITS; u++) {
				cell[u] = gate[1][u] * cell[u] + gate[0][u] * gate[2][u];
				was[u] = gate[3][u] * tanh(cell[u]);
				h[(t * ROWS + r) * UNITS + u] = was[u];
				loss += (double)weight[(t * ROWS + r) * UNITS + u] * was[u];
			}
		}
	return loss;
}

static void turn(const float *from, size_t rows, size_t columns, float *to)
{
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < columns; c++)
			to[c * rows + r] = from[r * columns + c];
}

static void forward_and_backward(void **state)
{
	float kernel_turned[MOST], recurrent_turned[MOST], result[RESULT], gradient[ARRAYS][MOST];
	const struct em_lstm_weights w = {value[KERNEL], value[RECURRENT], value[BIAS], kernel_turned,
	                                  recurrent_turned};
	const struct em_lstm_gradient g = {gradient[KERNEL], gradient[RECURRENT], gradient[BIAS]};
	struct em_lstm *l = em_lstm_new(&size, true, NULL);
	double h[RESULT], step = 1e-5;
	void *workspace;

	(void)state;
	fill();
	turn(value[KERNEL], INPUTS, 4 * UNITS, kernel_turned);
	turn(value[RECURRENT], UNITS, 4 * UNITS, recurrent_turned);
	memset(gradient, 0x42, sizeof(gradient)); /* is overwritten, not added to */
	assert_non_null(l);
	workspace = em_lstm_alloc(1, em_lstm_workspace(l), NULL);
	assert_non_null(workspace);
	memset(workspace, 0x42, em_lstm_workspace(l));
	assert_int_equal(em_lstm_forward(l, &w, value[SOURCE], result, workspace, NULL), 0);
	run(h, 0, 0, 0);
	for (size_t i = 0; i < RESULT; i++)
		assert_true(fabs((double)result[i] - h[i]) < 1e-6);
	assert_int_equal(em_lstm_backward(l, &w, value[SOURCE], result, weight, workspace, &g, gradient[SOURCE], NULL),
	                 0);
	for (int k = 0; k < ARRAYS; k++)
		for (size_t i = 0; i < count[k]; i++) {
			double slope = (run(h, k, i, step) - run(h, k, i, -step)) / (2 * step);
			if (!(fabs((double)gradient[k][i] - slope) < 2e-6))
				fail_msg("array %d, element %zu: %g, not %g", k, i, (double)gradient[k][i], slope);
		}
	free(workspace);
	em_lstm_free(l);
}

static void inference_is_the_same(void **state)
{
	const struct em_lstm_weights w = {value[KERNEL], value[RECURRENT], value[BIAS], NULL, NULL};
	struct em_lstm *l = em_lstm_new(&size, false, NULL);
	float result[RESULT];
	double h[RESULT];
	void *workspace;

	(void)state;
	fill();
	assert_non_null(l);
	workspace = em_lstm_alloc(1, em_lstm_workspace(l), NULL);
	assert_int_equal(em_lstm_forward(l, &w, value[SOURCE], result, workspace, NULL), 0);
	run(h, 0, 0, 0);
	for (size_t i = 0; i < RESULT; i++)
		assert_true(fabs((double)result[i] - h[i]) < 1e-6);
	free(workspace);
	em_lstm_free(l);
}

static void products(void **state)
{
	static const float a[6] = {1, 2, 3, 4, 5, 6}, at[6] = {1, 4, 2, 5, 3, 6}; /* 2 x 3 */
	static const float b[12] = {1, 0, 2, 0, 0, 1, 0, 3, 1, 1, 1, 1}, bt[12] = {1, 0, 1, 0, 1, 1, 2, 0, 1, 0, 3, 1};
	static const float want[8] = {4, 5, 5, 9, 10, 11, 14, 21};

	(void)state;
	for (int i = 0; i < 8; i++) {
		const struct em_lstm_product p = {
		    .m = 2, .n = 4, .k = 3, .a_turned = i & 1, .b_turned = i & 2, .keep = i & 4 ? 1.f : 0};
		float c[8];
		for (int j = 0; j < 8; j++)
			c[j] = 100;
		assert_int_equal(em_lstm_multiply(&p, i & 1 ? at : a, i & 2 ? bt : b, c, NULL), 0);
		for (int j = 0; j < 8; j++)
			assert_true(c[j] == want[j] + (i & 4 ? 100.f : 0));
	}
}

static void too_much_memory(void **state)
{
	struct em_error err = {0};

	(void)state;
	assert_null(em_lstm_alloc(SIZE_MAX / 2, 4, &err));
	assert_int_equal(err.kind, EM_ERROR_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(forward_and_backward),
	                                   cmocka_unit_test(inference_is_the_same), cmocka_unit_test(products),
	                                   cmocka_unit_test(too_much_memory)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
