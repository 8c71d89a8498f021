/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The transform against closed forms and against the sum that defines it. */
#include "base/fft.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const double TURN = 6.283185307179586;

/* cmocka's own casts the arguments to float without parentheses. */
static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/* What is transformed: a function of y and x. */
typedef double image_fn(size_t y, size_t x, size_t h, size_t w);

static double constant(size_t y, size_t x, size_t h, size_t w)
{
	(void)y, (void)x, (void)h, (void)w;
	return 3.5;
}

/* Three periods down, two to the right, phase 0.7. */
static double cosine(size_t y, size_t x, size_t h, size_t w)
{
	return cos(TURN * (3 * (double)y / (double)h + 2 * (double)x / (double)w) + 0.7);
}

static double residues(size_t y, size_t x, size_t h, size_t w)
{
	(void)h, (void)w;
	return (double)((x * x * 3 + y * y * 5 + x * y + 7 * x) % 97) / 97 - 0.5;
}

/* F of the image, freed by em_fft_free. */
static float *transform(image_fn *f, size_t h, size_t w)
{
	struct em_fft_plan *plan = em_fft_plan_new(h, w, NULL);
	float *in = em_fft_alloc(h * w, NULL), *out = em_fft_alloc(h * 2 * (w / 2 + 1), NULL);

	assert_true(plan && in && out);
	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++)
			in[y * w + x] = (float)f(y, x, h, w);
	em_fft_forward(plan, in, out);
	em_fft_free(in);
	em_fft_plan_free(plan);
	return out;
}

/* In place comes the same, of odd and even widths; of columns that nobody wants nothing is done after the rows. */
static void test_in_place(void **state)
{
	const size_t widths[] = {11, 12, 62, 63, 64, 150}, h = 9;

	(void)state;
	for (size_t k = 0; k < sizeof(widths) / sizeof(widths[0]); k++) {
		const size_t w = widths[k], row = 2 * (w / 2 + 1);
		struct em_fft_plan *plan = em_fft_plan_new_in_place(h, w, NULL);
		float *data = em_fft_alloc(h * row, NULL), *part = em_fft_alloc(h * row, NULL);
		float *f = transform(residues, h, w);
		const bool wanted[] = {w != 150, true, false};

		assert_true(plan && data && part);
		for (size_t y = 0; y < h; y++)
			for (size_t x = 0; x < w; x++)
				data[y * row + x] = part[y * row + x] = (float)residues(y, x, h, w);
		em_fft_forward_in_place(plan, data, NULL);
		em_fft_forward_in_place(plan, part, wanted);
		for (size_t i = 0; i < h * row; i++) {
			assert_near(data[i], f[i], 1e-4);
			assert_true((part[i] == data[i]) == wanted[i % row / 2 / EM_FFT_PIECE] || data[i] == 0);
		}
		em_fft_free(data);
		em_fft_free(part);
		em_fft_free(f);
		em_fft_plan_free(plan);
	}
}

static void test_constant(void **state)
{
	float *f = transform(constant, 5, 7);

	(void)state;
	assert_near(f[0], 3.5 * 35, 1e-4);
	for (size_t i = 1; i < 5 * 2 * 4; i++)
		assert_near(f[i], 0, 1e-4);
	em_fft_free(f);
}

static void test_cosine(void **state)
{
	float *f = transform(cosine, 16, 20);
	const size_t at = 3 * 11 + 2;

	(void)state;
	for (size_t i = 0; i < 16 * 11; i++) {
		assert_near(f[2 * i], i == at ? 160 * cos(0.7) : 0, 1e-3);
		assert_near(f[2 * i + 1], i == at ? 160 * sin(0.7) : 0, 1e-3);
	}
	em_fft_free(f);
}

static void test_definition(void **state)
{
	const size_t h = 6, w = 5, half = w / 2 + 1;
	float *f = transform(residues, h, w);

	(void)state;
	for (size_t ky = 0; ky < h; ky++)
		for (size_t kx = 0; kx < half; kx++) {
			double re = 0, im = 0;

			for (size_t y = 0; y < h; y++)
				for (size_t x = 0; x < w; x++) {
					double turns = (double)(ky * y) / (double)h + (double)(kx * x) / (double)w;

					re += residues(y, x, h, w) * cos(TURN * turns);
					im -= residues(y, x, h, w) * sin(TURN * turns);
				}
			assert_near(f[2 * (ky * half + kx)], re, 1e-5);
			assert_near(f[2 * (ky * half + kx) + 1], im, 1e-5);
		}
	em_fft_free(f);
}

static void check_parseval(size_t h, size_t w)
{
	size_t half = w / 2 + 1;
	float *f = transform(residues, h, w);
	double space = 0, plane = 0;

	em_fft_power(f, h, w, f);
	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++)
			space += residues(y, x, h, w) * residues(y, x, h, w);
	for (size_t i = 0; i < h * half; i++) {
		bool once = i % half == 0 || (w % 2 == 0 && i % half == half - 1);

		plane += (once ? 1 : 2) * (double)f[i];
	}
	assert_near(plane / (double)(h * w) / space, 1, 1e-5);
	em_fft_free(f);
}

static void test_parseval(void **state)
{
	(void)state;
	check_parseval(96, 96);
	check_parseval(31, 33);
	check_parseval(1, 1);
	check_parseval(1, 8);
	check_parseval(9, 1);
}

static void test_power(void **state)
{
	const float f[] = {3, 4, 0, -2, -5, 12, 1, 0};
	float p[4];

	(void)state;
	em_fft_power(f, 2, 3, p);
	assert_near(p[0], 25, 0);
	assert_near(p[1], 4, 0);
	assert_near(p[2], 169, 0);
	assert_near(p[3], 1, 0);
}

static void test_hann(void **state)
{
	float w[95];

	(void)state;
	for (size_t n = 3; n <= 95; n++) {
		double sum = 0, squares = 0;

		em_fft_hann(w, n);
		for (size_t i = 0; i < n; i++) {
			assert_near(w[i], 0.5 - 0.5 * cos(TURN * ((double)i + 0.5) / (double)n), 1e-6);
			assert_near(w[i], w[n - 1 - i], 1e-6);
			assert_true(w[i] > 0);
			sum += (double)w[i];
			squares += (double)w[i] * (double)w[i];
		}
		assert_near(sum, (double)n / 2, 1e-5 * (double)n);
		assert_near(squares, 3 * (double)n / 8, 1e-5 * (double)n);
	}
	em_fft_hann(w, 1);
	assert_near(w[0], 1, 0);
	em_fft_hann(w, 2);
	assert_near(w[1], 0.5, 1e-6);
}

/* There and back: height * width times what it was, of odd and even sizes. */
static void test_inverse(void **state)
{
	const size_t sizes[3][2] = {{12, 20}, {9, 15}, {7, 8}};

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		size_t h = sizes[k][0], w = sizes[k][1];
		struct em_fft_plan *plan = em_fft_plan_new_inverse(h, w, NULL);
		float *spectrum = transform(residues, h, w), *back = em_fft_alloc(h * w, NULL);

		assert_true(plan && back);
		em_fft_inverse(plan, spectrum, back);
		for (size_t i = 0; i < h * w; i++)
			assert_near(back[i] / (float)(h * w), residues(i / w, i % w, h, w), 1e-5);
		em_fft_free(spectrum);
		em_fft_free(back);
		em_fft_plan_free(plan);
	}
}

/* One coefficient is a plane wave, wherever it is in the columns that may hold anything. */
static void check_wave(size_t w, size_t reach, size_t kx)
{
	const size_t h = 6, ky = 4;
	struct em_fft_plan *plan = em_fft_plan_new_complex(h, w, reach, NULL);
	float *in = em_fft_alloc(2 * h * w, NULL), *out = em_fft_alloc(2 * h * w, NULL);

	assert_true(plan && in && out);
	memset(in, 0, 2 * h * w * sizeof(*in));
	in[2 * (ky * w + kx)] = 1.5F;
	em_fft_complex_inverse(plan, in, out);
	for (size_t i = 0; i < h * w; i++) {
		double phase = TURN * ((double)(ky * (i / w)) / (double)h + (double)(kx * (i % w)) / (double)w);

		assert_near(out[2 * i], 1.5 * cos(phase), 1e-5);
		assert_near(out[2 * i + 1], 1.5 * sin(phase), 1e-5);
	}
	em_fft_free(in);
	em_fft_free(out);
	em_fft_plan_free(plan);
}

static void test_complex(void **state)
{
	(void)state;
	for (size_t w = 5; w < 9; w++)
		for (size_t reach = 1; reach <= w; reach++)
			for (size_t kx = 0; kx < w; kx++)
				if (kx < reach || kx >= w - reach)
					check_wave(w, reach, kx);
}

static void test_refused(void **state)
{
	struct em_error err = {0};

	(void)state;
	assert_null(em_fft_plan_new(0, 4, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_null(em_fft_plan_new(4, 0, &err));
	assert_null(em_fft_plan_new_inverse(0, 4, &err));
	assert_null(em_fft_plan_new((size_t)1 << 40, 4, &err));
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_null(em_fft_plan_new(4, SIZE_MAX, &err));
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_null(em_fft_alloc(SIZE_MAX / 2, &err));
	assert_int_equal(err.kind, EM_ERROR_MEMORY);
	em_fft_plan_free(NULL);
	em_fft_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_constant),   cmocka_unit_test(test_in_place), cmocka_unit_test(test_cosine),
	    cmocka_unit_test(test_definition), cmocka_unit_test(test_parseval), cmocka_unit_test(test_power),
	    cmocka_unit_test(test_hann),       cmocka_unit_test(test_inverse),  cmocka_unit_test(test_complex),
	    cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
