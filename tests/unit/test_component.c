/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bragg components against plane waves and against the sum that defines them. */
#include "base/fft.h"
#include "crystal/component.h"

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const double PI = 3.14159265358979323846;

struct wave {
	double y, x, amplitude, phase, at[2]; /* a cos(2 pi g.(r - at) + phase) */
};

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/* The spectrum of 100 + n waves. */
static void take(struct em_spectrum *s, size_t h, size_t w, const struct wave *wave, size_t n)
{
	struct em_spectrum_plan *plan = em_spectrum_plan_new(h, w, NULL);
	struct em_array a;

	assert_non_null(plan);
	assert_int_equal(em_array_alloc_image(&a, EM_F32, h, w, NULL), 0);
	for (size_t i = 0; i < h * w; i++) {
		double v = 100;

		for (size_t k = 0; k < n; k++)
			v += wave[k].amplitude * cos(2 * PI *
			                                 (wave[k].y * ((double)(i / w) - wave[k].at[0]) +
			                                  wave[k].x * ((double)(i % w) - wave[k].at[1])) +
			                             wave[k].phase);
		((float *)a.data)[i] = (float)v;
	}
	assert_int_equal(em_spectrum_init(s, plan, &a, NULL), 0);
	em_array_release(&a);
	em_spectrum_plan_free(plan);
}

/* psi on the grid; freed by em_fft_free. */
static float *image(const struct em_map_grid *grid, const struct em_spectrum *s, const struct em_spot *spot,
                    const double shift[2])
{
	size_t n = 2 * em_map_grid_rows(grid) * em_map_grid_columns(grid);
	float *band = em_fft_alloc(n, NULL), *psi = em_fft_alloc(n, NULL);
	struct em_mask *mask = em_mask_new(s->height, s->width, spot, NULL);

	assert_true(band && psi && mask);
	em_component_cut(grid, mask, s, band);
	em_component_image(grid, mask, shift, band, psi);
	em_fft_free(band);
	em_mask_free(mask);
	return psi;
}

static const double still[2] = {0, 0};

/* Half the amplitude where the window is 1, the phase of the wave; of either sign of k_x, and beside other waves. */
static void test_wave(void **state)
{
	const size_t h = 180, w = 160;
	const struct wave wave[] = {{0.1031, 0.0472, 7, 0.4, {0}}, {-0.1, 0.083, 20, 1, {0}}, {0.21, 0, 30, 2, {0}}};

	(void)state;
	for (int sign = -1; sign <= 1; sign += 2) {
		const struct em_spot spot = {sign * wave[0].y, sign * wave[0].x, 0.04};
		struct em_map_grid *grid = em_map_grid_new(h, w, spot.radius, NULL);
		size_t rows = em_map_grid_rows(grid), columns = em_map_grid_columns(grid);
		double cy = round(spot.y * (double)h) / (double)h, cx = round(spot.x * (double)w) / (double)w;
		struct em_spectrum s = {0};
		float *psi;

		take(&s, h, w, wave, 3);
		psi = image(grid, &s, &spot, still);
		for (size_t k = 0; k < rows * columns; k++) {
			double y = (double)(k / columns * h) / (double)rows,
			       x = (double)(k % columns * w) / (double)columns;
			double phase = 2 * PI * ((spot.y - cy) * y + (spot.x - cx) * x) + sign * wave[0].phase;

			if (y < 60 || y > 120 || x < 53 || x > 106)
				continue;
			assert_near(psi[2 * k], 3.5 * cos(phase), 0.02);
			assert_near(psi[2 * k + 1], 3.5 * sin(phase), 0.02);
		}
		em_fft_free(psi);
		em_spectrum_release(&s);
		em_map_grid_free(grid);
	}
}

/* Every point of the coarse grid is the sum over the whole plane, wherever the mask lies: across both borders too. */
static void test_definition(void **state)
{
	const size_t h = 24, w = 21;
	const struct wave wave[] = {{0.3, 0.1, 5, 1, {0}}, {0.43, 0.46, 9, 2, {0}}, {0.07, 0.02, 4, 0, {0}}};
	const struct em_spot spots[] = {{0.3, 0.1, 0.17}, {0.45, 0.46, 0.2}, {0, 0, 0.25}, {-0.2, 0.03, 0.11}};
	const double shift[2] = {1.3, -2.6};

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		struct em_map_grid *grid = em_map_grid_new(h, w, 0.25, NULL);
		size_t rows = em_map_grid_rows(grid), columns = em_map_grid_columns(grid);
		struct em_spectrum s = {0};
		float *psi;

		take(&s, h, w, wave, 3);
		psi = image(grid, &s, &spots[k], shift);
		for (size_t p = 0; p < rows * columns; p++) {
			double y = (double)(p / columns * h) / (double)rows,
			       x = (double)(p % columns * w) / (double)columns;
			double complex sum = 0;

			for (long j = -24; j <= 24; j++)
				for (long i = -21; i <= 21; i++) {
					double ky = (double)j / (double)h, kx = (double)i / (double)w;
					double q = hypot(ky - spots[k].y, kx - spots[k].x) / spots[k].radius;
					double cy = round(spots[k].y * (double)h) / (double)h;
					double cx = round(spots[k].x * (double)w) / (double)w;
					size_t jj = (size_t)((j + 48) % 24), ii = (size_t)((i + 42) % 21);
					bool low = ii <= w / 2;
					const float *f =
					    s.value + 2 * ((low ? jj : (h - jj) % h) * s.columns + (low ? ii : w - ii));

					if (q < 1)
						sum += 0.5 * (1 + cos(PI * q)) *
						       ((double)f[0] + I * (double)(low ? f[1] : -f[1])) *
						       cexp(2 * PI * I *
						            ((ky - cy) * y + (kx - cx) * x + ky * shift[0] +
						             kx * shift[1]));
				}
			assert_near(psi[2 * p], creal(sum) / (double)(h * w), 2e-5);
			assert_near(psi[2 * p + 1], cimag(sum) / (double)(h * w), 2e-5);
		}
		em_fft_free(psi);
		em_spectrum_release(&s);
		em_map_grid_free(grid);
	}
}

/* A specimen that moved, moved back, looks as it did: phases and all. */
static void test_shift(void **state)
{
	const size_t h = 128, w = 128;
	const struct em_spot spot = {0.11, -0.05, 0.03};
	const struct wave before = {0.11, -0.05, 6, 0.2, {0}}, after = {0.11, -0.05, 6, 0.2, {3.7, -2.2}};
	const double shift[2] = {3.7, -2.2};
	struct em_map_grid *grid = em_map_grid_new(h, w, spot.radius, NULL);
	size_t columns = em_map_grid_columns(grid), n = em_map_grid_rows(grid) * columns;
	struct em_spectrum s = {0}, t = {0};
	float *a, *b;

	(void)state;
	take(&s, h, w, &before, 1);
	take(&t, h, w, &after, 1);
	a = image(grid, &s, &spot, still);
	b = image(grid, &t, &spot, shift);
	for (size_t k = 0; k < n; k++) {
		size_t y = k / columns * h / em_map_grid_rows(grid), x = k % columns * w / columns;

		if (y < 50 || y > 78 || x < 50 || x > 78)
			continue;
		assert_near(a[2 * k], b[2 * k], 0.01);
		assert_near(a[2 * k + 1], b[2 * k + 1], 0.01);
	}
	em_fft_free(a);
	em_fft_free(b);
	em_spectrum_release(&s);
	em_spectrum_release(&t);
	em_map_grid_free(grid);
}

/* Parseval: the image's power is that under the mask. */
static void test_power(void **state)
{
	const size_t h = 96, w = 90;
	const struct wave wave = {0.14, 0.09, 12, 0.3, {0}};
	const struct em_spot spot = {0.14, 0.09, 0.05};
	struct em_map_grid *grid = em_map_grid_new(h, w, spot.radius, NULL);
	size_t n = em_map_grid_rows(grid) * em_map_grid_columns(grid);
	struct em_mask *mask = em_mask_new(h, w, &spot, NULL);
	double sum = 0, area = PI * 0.05 * 0.05 * (double)(h * w);
	struct em_spectrum s = {0};
	float *psi;

	(void)state;
	take(&s, h, w, &wave, 1);
	psi = image(grid, &s, &spot, still);
	for (size_t k = 0; k < 2 * n; k++)
		sum += (double)psi[k] * (double)psi[k];
	assert_near(sum / (double)n * pow((double)(h * w), 2) / em_component_power(mask, &s), 1, 1e-5);
	/* the mean of M^2 over a disc, 2 * integral of q M(q)^2 from 0 to 1 */
	assert_near(em_mask_power(mask) / area, 2 * (3.0 / 16 - 1 / (PI * PI)), 0.01);
	em_mask_free(mask);
	em_fft_free(psi);
	em_spectrum_release(&s);
	em_map_grid_free(grid);
}

static void test_refused(void **state)
{
	struct em_error err = {0};

	(void)state;
	assert_null(em_map_grid_new(64, 64, 0, &err));
	assert_null(em_map_grid_new(64, 64, 0.3, &err));
	assert_null(em_map_grid_new(64, 64, NAN, &err));
	assert_null(em_map_grid_new(8, 64, 0.1, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	em_map_grid_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wave),  cmocka_unit_test(test_definition), cmocka_unit_test(test_shift),
	    cmocka_unit_test(test_power), cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
