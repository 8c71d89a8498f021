/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Movies: where the specimen is after its drift, and its lattices, against closed forms. */
#include "movie_help.h"

#include <stdlib.h>
#include <string.h>

/* ---- drift ---- */

/* Its ends; and in the middle the variance of the bridge's first waves, of which the even ones vanish. */
static void test_drift(void **state)
{
	const double want = 0.2 * 0.2 * 2 / (TURN * TURN / 4) * (1 + 1. / 9 + 1. / 25 + 1. / 49);
	struct em_random r;
	double sum = 0, at[2];

	(void)state;
	em_random_seed(&r, 5, 0);
	for (int i = 0; i < 2000; i++) {
		struct em_synth_drift d;

		em_synth_drift_draw(&d, 20, &r);
		em_synth_drift_at(&d, 0, at);
		assert_near(hypot(at[0], at[1]), 0, 0);
		em_synth_drift_at(&d, 1, at);
		assert_near(hypot(at[0], at[1]), 20, 1e-9);
		em_synth_drift_at(&d, 0.5, at);
		for (int k = 0; k < 2; k++)
			sum += pow((at[k] - d.end[k] / 2) / 20, 2) / 4000;
	}
	assert_near(sum / want, 1, 5 * sqrt(2. / 4000));
}

/* One wave, moved: cos(2 pi k (r - d) + phase), of any d. */
static void test_shift(void **state)
{
	const double d[2] = {3.21, -17.46}, phase = 0.9;
	const size_t ky = 5, kx = 7;
	struct easel e;
	size_t half;
	float *field;

	(void)state;
	set_up(&e, 60, 90);
	half = e.frame.width / 2 + 1;
	field = calloc(e.frame.height * half * 2, sizeof(*field));
	assert_non_null(field);
	for (int sign = 0; sign < 2; sign++) { /* down to the right, and up */
		size_t row = sign ? e.frame.height - ky : ky;
		double fy = (sign ? -(double)ky : (double)ky) / (double)e.frame.height,
		       fx = (double)kx / (double)e.frame.width;

		field[2 * (row * half + kx)] = (float)(0.5 * cos(phase));
		field[2 * (row * half + kx) + 1] = (float)(0.5 * sin(phase));
		em_synth_movie_shift(&e.c, field, d, e.c.layer);
		for (size_t j = 0; j < e.frame.height; j++)
			for (size_t i = 0; i < e.frame.width; i++)
				assert_near((double)e.c.layer[j * e.frame.width + i],
				            cos(TURN * (fy * ((double)j - d[0]) + fx * ((double)i - d[1])) + phase),
				            2e-5);
		memset(field, 0, e.frame.height * half * 2 * sizeof(*field));
	}
	free(field);
	clear_up(&e);
}

/* The specimen's whole image, disorder and dirt, moved by whole pixels. */
static void test_moved_whole(void **state)
{
	struct em_synth_movie_options o = plain();
	static struct cinema k;
	static double before[PIXELS];
	struct em_synth_moment at;

	(void)state;
	o.contamination = 0.1;
	o.gradient = 0.3;
	o.vacuum_nm = 1;
	o.misfit = 0.03;
	o.rotation_deg = 5;
	open_cinema(&k, &o);
	at = show(&k, 40);
	for (size_t i = 0; i < PIXELS; i++)
		before[i] = pixel(&k, i / SIDE, i % SIDE);
	at.drift[0] = 7;
	at.drift[1] = -12;
	em_synth_movie_draw(&k.m, &k.e.c, &at, k.labels);
	for (size_t y = 7; y < SIDE; y++)
		for (size_t x = 0; x < SIDE - 12; x++)
			assert_near(pixel(&k, y, x), before[(y - 7) * SIDE + x + 12], 2e-4);
	close_cinema(&k);
}

/* The Fourier component at g (y, x; cycles a pixel) under a Hann window over the box. */
static void component(const struct cinema *k, const size_t box[4], const double g[2], double *re, double *im)
{
	double mean = 0;

	*re = *im = 0;
	for (size_t i = 0; i < box[2] * box[3]; i++)
		mean += pixel(k, box[0] + i / box[3], box[1] + i % box[3]) / (double)(box[2] * box[3]);
	for (size_t y = 0; y < box[2]; y++)
		for (size_t x = 0; x < box[3]; x++) {
			double wy = sin(TURN / 2 * ((double)y + 0.5) / (double)box[2]),
			       wx = sin(TURN / 2 * ((double)x + 0.5) / (double)box[3]);
			double v = (pixel(k, box[0] + y, box[1] + x) - mean) * wy * wy * wx * wx;
			double turn = TURN * (g[0] * (double)(box[0] + y) + g[1] * (double)(box[1] + x));

			*re += v * cos(turn);
			*im -= v * sin(turn);
		}
}

/* Drift moves the phase of every Bragg component by -2 pi g d: of the film, misfit and turned, and of its substrate. */
static void check_phases(bool film)
{
	struct em_synth_movie_options o = plain();
	static struct cinema k;
	double a = 0.39 / 0.05 * (film ? 1.04 : 1), turn = film ? 6 * TURN / 360 : 0;
	size_t box[4];

	o.drift_px = 9;
	o.misfit = 0.04;
	o.rotation_deg = 6;
	o.film_nm = 5;
	o.history = (struct em_synth_history){.points = 0};
	open_cinema(&k, &o);
	memcpy(box, film ? k.m.film : k.m.substrate, sizeof(box));
	box[0] += 10; /* clear of the border, wherever it goes */
	box[2] -= 20;
	for (int h = 0; h < 3; h++) {
		double u = h < 2 ? 1 : 0, v = h > 0 ? 1 : 0;
		double g[2] = {(u * sin(turn) + v * cos(turn)) / a, (u * cos(turn) - v * sin(turn)) / a};
		double re, im, re0, im0;

		show(&k, 0);
		component(&k, box, g, &re0, &im0);
		assert_true(hypot(re0, im0) / (double)(box[2] * box[3]) > 0.001);
		for (double minute = 7; minute <= 40; minute += 11) {
			struct em_synth_moment at = show(&k, minute);
			double want = -TURN * (g[0] * at.drift[0] + g[1] * at.drift[1]), got;

			component(&k, box, g, &re, &im);
			got = atan2(im * re0 - re * im0, re * re0 + im * im0);
			assert_near(remainder(got - want, TURN), 0, 2e-3);
		}
	}
	close_cinema(&k);
}

static void test_phases(void **state)
{
	(void)state;
	check_phases(true);
	check_phases(false);
}

/* What every frame shows is in every frame. */
static void test_boxes(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct em_synth_movie_options o = plain();
		static struct cinema k;

		o.seed = seed;
		o.drift_px = 25;
		o.vacuum_nm = 1;
		open_cinema(&k, &o);
		for (double minute = 0; minute <= 40; minute += 0.5) {
			struct em_synth_moment at;

			em_synth_movie_moment(&k.m, minute, &at);
			for (int s = 0; s < 2; s++) {
				const size_t *box = s ? k.m.substrate : k.m.film;

				assert_true((double)box[0] + at.drift[0] >= 0 && (double)box[1] + at.drift[1] >= 0);
				assert_true((double)(box[0] + box[2]) + at.drift[0] <= SIDE);
				assert_true((double)(box[1] + box[3]) + at.drift[1] <= SIDE);
			}
		}
		assert_true(k.m.film[0] >= 20 && k.m.film[0] + k.m.film[2] == 140 && k.m.substrate[0] == 140);
		close_cinema(&k);
	}
}

/* ---- lattices ---- */

static void test_row(void **state)
{
	struct em_synth_series s = {.a = 8.3, .angle = 0.2, .origin = {11.5, -3.25}};
	float row[50];
	double square = 0;

	(void)state;
	for (int h = 0; h < EM_SYNTH_ORDERS; h++)
		for (int k = 0; k < EM_SYNTH_ORDERS; k++)
			s.amplitude[h][k] = h + k ? 1. / (1 + h + 2 * k) : 0;
	em_synth_series_row(&s, 4.75, 0.5, 50, row);
	for (int i = 0; i < 50; i++) {
		double y = 4.75 - 11.5, x = 0.5 + i + 3.25, want = 0;
		double u = (x * cos(0.2) + y * sin(0.2)) / 8.3, v = (y * cos(0.2) - x * sin(0.2)) / 8.3;

		for (int h = 0; h < EM_SYNTH_ORDERS; h++)
			for (int k = 0; k < EM_SYNTH_ORDERS; k++)
				want += s.amplitude[h][k] * cos(TURN * h * u) * cos(TURN * k * v);
		assert_near((double)row[i], want, 1e-6);
	}
	s.a = 20; /* over a whole cell, on places enough */
	s.angle = 0;
	for (int j = 0; j < 20; j++) {
		em_synth_series_row(&s, j, 0, 20, row);
		for (int i = 0; i < 20; i++)
			square += (double)row[i] * (double)row[i] / 400;
	}
	assert_near(em_synth_series_rms(&s), sqrt(square), 1e-6);
}

/* Columns are where they belong, bright in haadf and dark in bf: A, then B, then O. */
static void test_columns(void **state)
{
	(void)state;
	for (int matter = 0; matter < 2; matter++)
		for (int k = 0; k < 2; k++) {
			struct em_synth_series s = {.a = 0.39 / 0.02};
			enum em_synth_contrast contrast = k ? EM_SYNTH_BF : EM_SYNTH_HAADF;
			double defocus = em_synth_series_defocus(contrast, 0.39), sign = k ? -1 : 1;
			float a, b, o;

			em_synth_series_set(&s, (enum em_synth_matter)matter, contrast, defocus, 0.02);
			em_synth_series_row(&s, 0, 0, 1, &a);
			em_synth_series_row(&s, s.a / 2, s.a / 2, 1, &b);
			em_synth_series_row(&s, 0, s.a / 2, 1, &o);
			assert_true(sign * (double)a > sign * (double)b && sign * (double)b > sign * (double)o);
			assert_true(sign * (double)a > 0 && sign * (double)o < 0);
		}
}

/* F(110) / F(100) of SrTiO3 with Z^1.7, four waves to two, damped by Gaussians of 0.035 and 0.045 nm. */
static void test_amplitudes(void **state)
{
	const double sr = pow(38, 1.7), ti = pow(22, 1.7), o = pow(8, 1.7), l = 0.0025079;
	struct em_synth_series s = {.a = 0.39 / 0.05}, t = s;
	double ratio = 2 * (sr + ti + o - 2 * o) / (sr - ti - o), gg = 1 / (0.39 * 0.39);
	double damp = exp(-TURN * TURN / 2 * (0.035 * 0.035 + 0.045 * 0.045) * gg);

	(void)state;
	em_synth_series_set(&s, EM_SYNTH_SUBSTRATE, EM_SYNTH_HAADF, 0, 0.05);
	assert_near(s.amplitude[1][1] / s.amplitude[1][0], ratio * damp, 1e-9);
	assert_near(s.amplitude[1][0], 2 * (sr - ti - o) / (sr + ti + 3 * o) * damp, 1e-9);
	assert_near(s.amplitude[0][0], 0, 0);
	assert_near(s.amplitude[0][4], 0, 0); /* 3.9 / 2 pixels */
	assert_true(s.amplitude[0][3] > 0);
	/* bf: only sin chi changes */
	em_synth_series_set(&s, EM_SYNTH_SUBSTRATE, EM_SYNTH_BF, 10, 0.05);
	em_synth_series_set(&t, EM_SYNTH_SUBSTRATE, EM_SYNTH_BF, 14, 0.05);
	for (int n = 1; n <= 2; n++) {
		double at = TURN / 2 * l * n * gg, bent = 5000 * l * l * n * gg;

		assert_near(t.amplitude[1][n - 1] / s.amplitude[1][n - 1],
		            sin(at * (14 - bent)) / sin(at * (10 - bent)), 1e-9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_drift),   cmocka_unit_test(test_shift),      cmocka_unit_test(test_moved_whole),
	    cmocka_unit_test(test_phases),  cmocka_unit_test(test_boxes),      cmocka_unit_test(test_row),
	    cmocka_unit_test(test_columns), cmocka_unit_test(test_amplitudes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
