/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The spectrum of a frame against closed forms. */
#include "base/random.h"
#include "crystal/spectrum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const double TURN = 6.283185307179586;

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

static struct em_array frame(size_t h, size_t w)
{
	struct em_array a;

	assert_int_equal(em_array_alloc_image(&a, EM_F32, h, w, NULL), 0);
	return a;
}

static struct em_spectrum spectrum_of(const struct em_array *a)
{
	struct em_spectrum_plan *plan = em_spectrum_plan_new(a->shape[0], a->shape[1], NULL);
	struct em_spectrum s = {0};

	assert_non_null(plan);
	assert_int_equal(em_spectrum_init(&s, plan, a, NULL), 0);
	em_spectrum_plan_free(plan);
	return s;
}

/* One direction's share of a wave of f cycles a pixel: the sum of the window times exp(2 pi i (f - k) r). */
static void share(double f, double k, size_t n, double *re, double *im)
{
	*re = *im = 0;
	for (size_t r = 0; r < n; r++) {
		double phase = TURN * (f - k) * (double)r;

		*re += em_spectrum_window((double)r, n) * cos(phase);
		*im += em_spectrum_window((double)r, n) * sin(phase);
	}
}

/* cos = (e^i + e^-i) / 2, and each is a product of two sums. */
static void expect_wave(double fy, double fx, double phase, double ky, double kx, size_t h, size_t w, double out[2])
{
	out[0] = out[1] = 0;
	for (int sign = -1; sign <= 1; sign += 2) {
		double a, b, c, d, re, im, p = sign * phase;

		share(sign * fy, ky, h, &a, &b);
		share(sign * fx, kx, w, &c, &d);
		re = a * c - b * d;
		im = a * d + b * c;
		out[0] += (re * cos(p) - im * sin(p)) / 2;
		out[1] += (re * sin(p) + im * cos(p)) / 2;
	}
}

static void check_wave(size_t h, size_t w)
{
	const double fy = -0.17, fx = 0.213, phase = 0.6;
	struct em_array a = frame(h, w);
	float *v = a.data;
	double mean = 0;
	struct em_spectrum s;

	for (size_t i = 0; i < h * w; i++) {
		v[i] = (float)(7 + cos(TURN * (fy * (double)(i / w) + fx * (double)(i % w)) + phase));
		mean += (double)v[i] / (double)(h * w);
	}
	s = spectrum_of(&a);
	assert_near(s.mean, mean, 1e-6);
	for (size_t j = 0; j < h; j++)
		for (size_t i = 0; i < s.columns; i++) {
			double ky = (double)j / (double)h, kx = (double)i / (double)w, want[2];

			expect_wave(fy, fx, phase, ky, kx, h, w, want);
			double zy, zx, iy, ix; /* what is left of the constant */

			share(0, ky, h, &zy, &iy);
			share(0, kx, w, &zx, &ix);
			want[0] += (7 - s.mean) * (zy * zx - iy * ix);
			want[1] += (7 - s.mean) * (zy * ix + iy * zx);
			assert_near(s.value[2 * (j * s.columns + i)], want[0], 1e-3);
			assert_near(s.value[2 * (j * s.columns + i) + 1], want[1], 1e-3);
		}
	em_spectrum_release(&s);
	em_array_release(&a);
}

static void test_wave(void **state)
{
	(void)state;
	check_wave(32, 48);
	check_wave(33, 17);
}

/* 1 in the middle, sin^2 in an eighth of the side, 0 beyond the border. */
static void test_window(void **state)
{
	(void)state;
	assert_near(em_spectrum_window(31.5, 64), 1, 0);
	assert_near(em_spectrum_window(7.5, 64), 1, 0);
	assert_near(em_spectrum_window(3.5, 64), 0.5, 1e-12);
	assert_near(em_spectrum_window(59.5, 64), 0.5, 1e-12);
	assert_near(em_spectrum_window(-0.5, 64), 0, 0);
	assert_near(em_spectrum_window(70, 64), 0, 0);
	assert_near(em_spectrum_window(NAN, 64), 0, 0);
	/* the integral of sin^4 over a taper is 3/8 of it */
	assert_near(em_spectrum_window_power(800, 1600) / 800 / 1600, pow(0.75 + 2 * 0.125 * 3 / 8, 2), 1e-9);
}

/* White noise of variance v has v times the window's power in every place; and Parseval's sum is exact. */
static void test_noise(void **state)
{
	const size_t h = 40, w = 56, frames = 60, columns = w / 2 + 1;
	struct em_array a = frame(h, w);
	double *sum = calloc(h * columns, sizeof(*sum)), level = 0, space = 0, plane = 0;
	struct em_random r;
	float *v = a.data;

	(void)state;
	em_random_seed(&r, 3, 0);
	for (size_t t = 0; t < frames; t++) {
		struct em_spectrum s;

		for (size_t i = 0; i < h * w; i++)
			v[i] = (float)(100 + 3 * em_random_normal(&r));
		s = spectrum_of(&a);
		assert_near(s.variance, 9, 1.5);
		for (size_t i = 0; i < h * w; i++)
			space += pow(em_spectrum_window((double)(i / w), h) * em_spectrum_window((double)(i % w), w) *
			                 ((double)v[i] - s.mean),
			             2);
		em_spectrum_add_power(&s, sum);
		em_spectrum_release(&s);
	}
	for (size_t i = 0; i < h * columns; i++) {
		bool once = i % columns == 0 || i % columns == w / 2;

		plane += (once ? 1 : 2) * sum[i];
	}
	assert_near(plane / (double)(h * w) / space, 1, 1e-5);
	level = plane / (double)(h * w * frames) / em_spectrum_window_power(h, w);
	assert_near(level, 9, 9 * 5 * sqrt(2. / (double)(h * w * frames)));
	free(sum);
	em_array_release(&a);
}

/* Gaps count as the mean: the same frame with the mean there has the same spectrum. */
static void test_gaps(void **state)
{
	struct em_array a = frame(20, 24), b = frame(20, 24);
	float *v = a.data, *u = b.data;
	struct em_spectrum s, t;
	double mean = 0;

	(void)state;
	for (size_t i = 0; i < 480; i++)
		v[i] = u[i] = (float)((i * i) % 97);
	v[5] = NAN;
	v[77] = INFINITY;
	v[300] = -INFINITY;
	for (size_t i = 0; i < 480; i++)
		mean += isfinite(v[i]) ? (double)v[i] / 477 : 0;
	u[5] = u[77] = u[300] = (float)mean;
	s = spectrum_of(&a);
	t = spectrum_of(&b);
	assert_int_equal(s.gaps, 3);
	assert_int_equal(t.gaps, 0);
	assert_near(s.mean, mean, 1e-6);
	for (size_t i = 0; i < 2 * s.height * s.columns; i++)
		assert_near(s.value[i], t.value[i], 2e-2);
	em_spectrum_release(&s);
	em_spectrum_release(&t);
	em_array_release(&a);
	em_array_release(&b);
}

/* Pixels of every type come to the same; what they cannot exceed is counted of the cameras' own. */
static void test_types(void **state)
{
	const struct {
		enum em_dtype type;
		double most;
	} is[] = {{EM_F32, 255}, {EM_U8, 255}, {EM_U16, 65535}, {EM_I16, 32767}, {EM_I32, 65535}, {EM_F64, 255}};
	const size_t shape[2] = {20, 24};

	(void)state;
	for (size_t k = 0; k < sizeof(is) / sizeof(is[0]); k++) {
		struct em_array a, f = frame(20, 24);
		struct em_spectrum s, t;

		assert_int_equal(em_array_alloc(&a, is[k].type, 2, shape, NULL), 0);
		for (size_t i = 0; i < 480; i++) {
			double v = i % 97 == 96 ? is[k].most : (double)(i * i % 61);

			((float *)f.data)[i] = (float)v;
			switch (is[k].type) {
			case EM_U8: ((uint8_t *)a.data)[i] = (uint8_t)v; break;
			case EM_U16: ((uint16_t *)a.data)[i] = (uint16_t)v; break;
			case EM_I16: ((int16_t *)a.data)[i] = (int16_t)v; break;
			case EM_I32: ((int32_t *)a.data)[i] = (int32_t)v; break;
			case EM_F64: ((double *)a.data)[i] = v; break;
			default: ((float *)a.data)[i] = (float)v;
			}
		}
		s = spectrum_of(&a);
		t = spectrum_of(&f);
		assert_int_equal(s.saturated, is[k].type >= EM_U8 && is[k].type <= EM_I16 ? 4 : 0);
		assert_int_equal(t.saturated, 0);
		assert_true(s.mean == t.mean && s.variance == t.variance);
		assert_memory_equal(s.value, t.value, 2 * s.height * s.columns * sizeof(float));
		em_spectrum_release(&s);
		em_spectrum_release(&t);
		em_array_release(&a);
		em_array_release(&f);
	}
}

static void test_refused(void **state)
{
	struct em_spectrum_plan *plan = em_spectrum_plan_new(16, 16, NULL);
	struct em_array a = frame(16, 17), b = frame(16, 16);
	struct em_spectrum s = {.gaps = 9};
	struct em_error err = {0};

	(void)state;
	assert_null(em_spectrum_plan_new(15, 64, &err));
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_null(em_spectrum_plan_new(64, SIZE_MAX, &err));
	assert_int_equal(em_spectrum_init(&s, plan, &a, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	for (size_t i = 0; i < 256; i++)
		((float *)b.data)[i] = NAN;
	assert_int_equal(em_spectrum_init(&s, plan, &b, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(s.gaps, 9);
	em_spectrum_plan_free(plan);
	em_spectrum_plan_free(NULL);
	em_array_release(&a);
	em_array_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wave), cmocka_unit_test(test_window), cmocka_unit_test(test_noise),
	    cmocka_unit_test(test_gaps), cmocka_unit_test(test_types),  cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
