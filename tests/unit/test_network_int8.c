/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Convolutions of whole numbers against the sums that they stand for. */
#include "network_help.h"

/* Weights that are whole numbers already, 127 the largest, over 2 for each second channel: nothing is rounded but the
 * source. */
static float *whole_weights(const struct shape *s)
{
	size_t each = s->in * s->window * s->window;
	float *weights = numbers(s->out * each, 2);

	for (size_t i = 0; i < s->out * each; i++)
		weights[i] = (i % each == 0 ? 127 : rintf(weights[i] * 127)) / (i / each % 2 ? 2 : 1);
	return weights;
}

static void check_whole(const struct shape *s, bool add)
{
	size_t side = side_of_result(s), pixels = side * side, count = s->in * s->side * s->side;
	float *x = numbers(count, 1), *whole = malloc(count * sizeof(*whole)), *bias = numbers(s->out, 3);
	float *weights = whole_weights(s), *out = malloc(s->out * sizeof(*out));
	struct em_network *n = em_network_new(EM_PRECISION_INT8, NULL);
	struct em_convolution c = layer_of(s, weights, bias, true);
	int in = em_network_pictures(n, 1, s->in, s->side, s->side);

	for (size_t i = 0; i < count; i++) {
		x[i] = 200 * x[i] + 100; /* -100 to 300 */
		whole[i] = fminf(fmaxf(rintf(x[i]), 0), 255);
	}
	c.whole = true;
	c.add = add ? in : 0;
	finish(n, em_network_mean(n, em_network_convolution(n, in, &c)));
	run(n, x, count, out, s->out);
	for (size_t o = 0; o < s->out; o++) {
		double want = 0;

		for (size_t p = 0; p < pixels; p++)
			want += fmax(0, convolved(s, whole, weights, o, p / side, p % side) + (double)bias[o] +
			                    (add ? (double)x[o * pixels + p] : 0));
		/* A sum of 256 float32. */
		assert_near(out[o], want / (double)pixels, 1e-5 * want / (double)pixels);
	}
	em_network_free(n);
	free(x);
	free(whole);
	free(bias);
	free(weights);
	free(out);
}

static void test_whole(void **state)
{
	static const struct shape shapes[] = {{48, 64, 16, 3, 1, 1},
	                                      {64, 96, 16, 3, 2, 1},
	                                      {96, 96, 8, 3, 1, 1},
	                                      {20, 24, 9, 5, 2, 1},
	                                      {3, 10, 7, 3, 1, 1}};

	(void)state;
	if (!em_network_can(EM_PRECISION_INT8)) {
		print_message("# this processor has no int8\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		check_whole(&shapes[i], false);
	check_whole(&shapes[2], true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
