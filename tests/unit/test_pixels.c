/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pixels encoder against box averages counted in whole numbers. */
#include "vision/encoder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct em_array picture(size_t h, size_t w)
{
	struct em_array a;

	assert_int_equal(em_array_alloc_image(&a, EM_U8, h, w, NULL), 0);
	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++)
			((uint8_t *)a.data)[y * w + x] = (uint8_t)((x * x * 3 + y * y * 5 + x * y + 20 * x) % 251);
	return a;
}

/* Box (i, j) of h x w pixels, each cut into 16 x 16 equal parts, of which the box holds h x w whole ones. */
static double box_mean(const struct em_array *a, size_t i, size_t j)
{
	size_t h = a->shape[0], w = a->shape[1];
	double sum = 0;

	for (size_t y = i * h; y < (i + 1) * h; y++)
		for (size_t x = j * w; x < (j + 1) * w; x++)
			sum += em_array_get(a, y / EM_PIXELS_SIDE * w + x / EM_PIXELS_SIDE);
	return sum / (double)(h * w);
}

static void check_boxes(size_t h, size_t w)
{
	struct em_array a = picture(h, w);
	struct em_encoder *pixels = em_encoder_new("pixels", EM_PRECISION_AUTO, NULL);
	double want[EM_PIXELS_DIM], mean = 0, var = 0;
	float out[EM_PIXELS_DIM];

	assert_non_null(pixels);
	for (size_t k = 0; k < EM_PIXELS_DIM; k++) {
		want[k] = box_mean(&a, k / EM_PIXELS_SIDE, k % EM_PIXELS_SIDE);
		mean += want[k] / EM_PIXELS_DIM;
	}
	for (size_t k = 0; k < EM_PIXELS_DIM; k++)
		var += (want[k] - mean) * (want[k] - mean) / EM_PIXELS_DIM;
	assert_int_equal(pixels->encode(pixels, &a, out, NULL), 0);
	for (size_t k = 0; k < EM_PIXELS_DIM; k++)
		assert_true(fabs(out[k] - (want[k] - mean) / sqrt(var)) < 1e-5);
	em_array_release(&a);
	em_encoder_free(pixels);
}

static void test_boxes(void **state)
{
	(void)state;
	check_boxes(32, 48);
	check_boxes(16, 16);
	check_boxes(95, 95);
	check_boxes(24, 17);
	check_boxes(5, 7);
	check_boxes(1, 2);
	check_boxes(100, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_boxes)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
