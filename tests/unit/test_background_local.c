/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Backgrounds of noisy maps: the exponent from the neighbours, the level from the pixel. */
#include "background_help.h"
#include "eels/integrate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 40
#define COLS 50

static float image_data[ROWS * COLS * CHANNELS];
static const struct em_background_image image = {image_data, ROWS, COLS, CHANNELS};

static float *pixel(size_t row, size_t col)
{
	return image_data + (row * COLS + col) * CHANNELS;
}

/* Levels that grow from left to right by half; the exponent is 3 everywhere. */
static double level_at(double dose, size_t col)
{
	return dose * (0.75 + 0.5 * (double)col / (COLS - 1));
}

static void count_image(double dose, double step)
{
	double expected[CHANNELS];

	for (size_t i = 0; i < ROWS; i++)
		for (size_t j = 0; j < COLS; j++) {
			struct em_random random;
			em_random_seed(&random, 3, i * COLS + j);
			help_expect(expected, level_at(dose, j), 3, step);
			help_count(pixel(i, j), expected, 1, &random);
		}
}

static struct em_net_plan *plan_of(enum em_background_method method)
{
	const struct em_net_options o = {.background = {method, 1}, .least_r = -50, .most_r = 50};
	struct em_net_plan *p = em_net_plan_new(&help_axis, &help_fit, &help_signal, &o, NULL);

	assert_non_null(p);
	return p;
}

static struct em_background local(const struct em_net_plan *p, const struct em_background_kernel *k, size_t row,
                                  size_t col)
{
	struct em_background b;
	struct em_error err = {0};

	if (em_background_fit_local(em_net_plan_background(p), &image, k, row, col, &b, &err))
		fail_msg("%s", err.text);
	return b;
}

static void no_neighbours_are_the_pixel_alone(void **state)
{
	struct em_net_plan *p = plan_of(EM_BACKGROUND_LINEAR);
	struct em_background_kernel k;
	struct em_background one, alone;

	(void)state;
	count_image(20, 0.3);
	assert_int_equal(em_background_kernel_box(&k, 0, NULL), 0);
	one = local(p, &k, 5, 7);
	em_background_fit(em_net_plan_background(p), pixel(5, 7), &alone);
	assert_true(fabs(one.r - alone.r) < 1e-9 && fabs(one.level / alone.level - 1) < 1e-9);
	for (size_t i = 0; i < 3; i++)
		assert_true(fabs(one.covariance[i] - alone.covariance[i]) < 1e-9 * sqrt(alone.covariance[2]));
	em_net_plan_free(p);
}

/* The exponent is that of the sum of the neighbours that exist, and its variance that of so many counts. */
static void a_box_is_the_sum_of_its_pixels(void **state)
{
	static const struct {
		size_t row, col, row0, row1, col0, col1;
	} at[] = {{10, 20, 8, 12, 18, 22}, {0, 0, 0, 2, 0, 2}, {ROWS - 1, 3, ROWS - 3, ROWS - 1, 1, 5}};
	struct em_net_plan *p = plan_of(EM_BACKGROUND_LINEAR);
	struct em_background_kernel k;
	float sum[CHANNELS];

	(void)state;
	count_image(20, 0.3);
	assert_int_equal(em_background_kernel_box(&k, 2, NULL), 0);
	for (size_t n = 0; n < 3; n++) {
		struct em_background b = local(p, &k, at[n].row, at[n].col), whole;
		double own = 0, counts;
		struct em_energy_span window = em_background_window(em_net_plan_background(p));
		memset(sum, 0, sizeof(sum));
		for (size_t i = at[n].row0; i <= at[n].row1; i++)
			for (size_t j = at[n].col0; j <= at[n].col1; j++)
				for (size_t c = 0; c < CHANNELS; c++)
					sum[c] += pixel(i, j)[c];
		em_background_fit(em_net_plan_background(p), sum, &whole);
		assert_true(fabs(b.r - whole.r) < 1e-5);
		assert_true(fabs(b.covariance[2] / whole.covariance[2] - 1) < 1e-5);
		assert_true(fabs(b.chi2 / whole.chi2 - 1) < 1e-4);
		for (size_t c = 100; c < 200; c++)
			own += (double)pixel(at[n].row, at[n].col)[c];
		em_background_sum(em_net_plan_background(p), &b, &window, &counts, NULL);
		assert_true(fabs(counts / own - 1) < 1e-4);
	}
	em_net_plan_free(p);
}

/* On the counts of 2000 pixels of two electrons a channel: right on average, as uncertain as said, and less than alone.
 */
static void counts_hold(const struct em_background_kernel *k, enum em_background_method method, double bias)
{
	struct em_net_plan *p = plan_of(method);
	double sum = 0, squares = 0, alone = 0, stated = 0, within = 0, n = 0;

	for (size_t i = 0; i < ROWS; i++)
		for (size_t j = 0; j < COLS; j++) {
			struct em_background b = local(p, k, i, j);
			struct em_net net, by_itself;
			double truth = help_net(level_at(2, j), 3, 0.3);
			em_net_measure_above(p, pixel(i, j), &b, &net);
			em_net_measure(p, pixel(i, j), &by_itself);
			assert_int_equal(net.flags & EM_NET_FATAL, 0);
			sum += net.counts - truth;
			squares += (net.counts - truth) * (net.counts - truth);
			alone += (by_itself.counts - truth) * (by_itself.counts - truth);
			within += fabs(net.counts - truth) < net.error;
			stated += net.error;
			n++;
		}
	double scatter = sqrt(squares / n);
	assert_true(fabs(sum / n) < bias * scatter);
	assert_true(fabs(stated / n / scatter - 1) < 0.06);
	assert_true(fabs(within / n - 0.6827) < 0.04);
	assert_true(scatter < 0.6 * sqrt(alone / n));
	em_net_plan_free(p);
}

static void errors_hold_and_are_smaller(void **state)
{
	struct em_background_kernel k;

	(void)state;
	count_image(2, 0.3);
	assert_int_equal(em_background_kernel_box(&k, 2, NULL), 0);
	counts_hold(&k, EM_BACKGROUND_LINEAR, 0.1);
	counts_hold(&k, EM_BACKGROUND_TWO_AREA, 0.1);
	assert_int_equal(em_background_kernel_gauss(&k, 1.5, NULL), 0);
	counts_hold(&k, EM_BACKGROUND_LINEAR, 0.1);
}

static void bad_pixels_stay_alone(void **state)
{
	struct em_net_plan *p = plan_of(EM_BACKGROUND_LINEAR);
	struct em_background_kernel k;
	struct em_background before, b;

	(void)state;
	count_image(20, 0.3);
	assert_int_equal(em_background_kernel_gauss(&k, 1, NULL), 0);
	before = local(p, &k, 5, 5);
	pixel(5, 6)[150] = NAN;
	b = local(p, &k, 5, 5);
	assert_true(b.state == EM_BACKGROUND_GOOD && b.r != before.r && b.covariance[2] > before.covariance[2]);
	assert_int_equal(local(p, &k, 5, 6).state, EM_BACKGROUND_NOT_FINITE);
	memset(pixel(8, 8), 0, CHANNELS * sizeof(float));
	assert_int_equal(local(p, &k, 8, 8).state, EM_BACKGROUND_NO_COUNTS);
	assert_int_equal(local(p, &k, 8, 9).state, EM_BACKGROUND_GOOD);
	em_net_plan_free(p);
}

static void kernels_that_cannot_be(void **state)
{
	struct em_background_kernel k = {.reach = 9};

	(void)state;
	assert_int_equal(em_background_kernel_box(&k, EM_BACKGROUND_REACH_MAX + 1, NULL), -1);
	assert_int_equal(em_background_kernel_gauss(&k, 0, NULL), -1);
	assert_int_equal(em_background_kernel_gauss(&k, NAN, NULL), -1);
	assert_int_equal(em_background_kernel_gauss(&k, 11, NULL), -1);
	assert_int_equal(k.reach, 9);
	/* nor pixels */
	const struct em_background_image other = {image_data, ROWS, COLS, CHANNELS - 1};
	struct em_net_plan *p = plan_of(EM_BACKGROUND_LINEAR);
	const struct em_background_plan *b = em_net_plan_background(p);
	struct em_background found;
	assert_int_equal(em_background_fit_local(b, &image, &k, ROWS, 0, &found, NULL), -1);
	assert_int_equal(em_background_fit_local(b, &image, &k, 0, COLS, &found, NULL), -1);
	assert_int_equal(em_background_fit_local(b, &other, &k, 0, 0, &found, NULL), -1);
	em_net_plan_free(p);
	assert_int_equal(em_background_kernel_gauss(&k, 2, NULL), 0);
	assert_true(k.reach == 6 && k.weight[0] == 1 && fabs(k.weight[2] - exp(-0.5)) < 1e-15);
	assert_int_equal(em_background_kernel_box(&k, EM_BACKGROUND_REACH_MAX, NULL), 0);
	assert_true(k.weight[EM_BACKGROUND_REACH_MAX] == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_neighbours_are_the_pixel_alone),
	    cmocka_unit_test(a_box_is_the_sum_of_its_pixels),
	    cmocka_unit_test(errors_hold_and_are_smaller),
	    cmocka_unit_test(bad_pixels_stay_alone),
	    cmocka_unit_test(kernels_that_cannot_be),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
