/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bragg peaks in frames whose truth is known. */
#include "base/random.h"
#include "crystal/bragg.h"
#include "crystal/spectrum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double TURN = 6.283185307179586;

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/* ---- frames ---- */

struct movie {
	size_t height, width, frames;
	struct em_spectrum_plan *plan;
	struct em_array frame;
	float *v;
	double *sum;
	struct em_random r;
	struct em_bragg_options o;
	struct em_bragg_peaks peaks;
};

static struct movie movie(size_t height, size_t width, uint64_t seed)
{
	struct movie m = {.height = height, .width = width};

	m.plan = em_spectrum_plan_new(height, width, NULL);
	assert_int_equal(em_array_alloc_image(&m.frame, EM_F32, height, width, NULL), 0);
	m.v = m.frame.data;
	m.sum = calloc(height * (width / 2 + 1), sizeof(*m.sum));
	em_random_seed(&m.r, seed, 0);
	return m;
}

static void release(struct movie *m)
{
	em_spectrum_plan_free(m->plan);
	em_array_release(&m->frame);
	em_bragg_release(&m->peaks);
	free(m->sum);
}

static void noise(struct movie *m, double sd)
{
	for (size_t i = 0; i < m->height * m->width; i++)
		m->v[i] = (float)(sd * em_random_normal(&m->r));
}

static void wave(struct movie *m, double ky, double kx, double amplitude, double phase)
{
	for (size_t i = 0; i < m->height * m->width; i++)
		m->v[i] += (float)(amplitude *
		                   cos(TURN * (ky * (double)(i / m->width) + kx * (double)(i % m->width)) + phase));
}

static void expose(struct movie *m)
{
	struct em_spectrum s;

	assert_int_equal(em_spectrum_init(&s, m->plan, &m->frame, NULL), 0);
	em_spectrum_add_power(&s, m->sum);
	em_spectrum_release(&s);
	m->frames++;
}

static size_t find(struct movie *m)
{
	em_bragg_release(&m->peaks);
	assert_int_equal(em_bragg_find(&m->peaks, m->sum, m->height, m->width, m->frames, &m->o, NULL), 0);
	return m->peaks.count;
}

/* ---- places and powers ---- */

/* A wave at any place between pixels: its place to a thousandth of a pixel, its power to a hundredth; no side lobe. */
static void check_wave(size_t h, size_t w, double ky, double kx)
{
	struct movie m = movie(h, w, 1);
	const struct em_bragg_peak *p;

	noise(&m, 1e-3);
	wave(&m, ky, kx, 2, 1.3);
	expose(&m);
	assert_int_equal(find(&m), 1);
	p = m.peaks.peak;
	if (kx < 0 || (kx == 0 && ky < 0)) {
		ky = -ky;
		kx = -kx;
	}
	assert_near(p->y * (double)h, ky * (double)h, 1e-3);
	assert_near(p->x * (double)w, kx * (double)w, 1e-3);
	assert_near(p->power / ((double)(h * w) * em_spectrum_window_power(h, w)), 1, 0.02);
	assert_true(p->snr > 100);
	assert_true(p->sigma_y * (double)h < 0.07 && p->sigma_x * (double)w < 0.07);
	release(&m);
}

static void test_wave(void **state)
{
	(void)state;
	for (double f = 0; f < 1; f += 0.09)
		check_wave(128, 192, (20 + f) / 128, (31 - 0.7 * f) / 192);
	for (double f = 0; f < 1; f += 0.13)
		check_wave(64, 64, -(10 + f) / 64, (7 + f) / 64);
	check_wave(200, 75, 0.11, -0.21);
	check_wave(64, 64, 0.201, 0);
	check_wave(64, 64, -0.201, 0.001);
	check_wave(64, 64, 0, 0.207);
}

/* In noise the stated uncertainty is that of many trials: pulls of unit variance. */
static void test_uncertainty(void **state)
{
	const double ky = 12.3 / 96, kx = 15.6 / 96;
	double pull = 0, spread = 0;
	size_t n = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct movie m = movie(96, 96, seed);

		noise(&m, 1);
		wave(&m, ky, kx, 0.22, em_random_between(&m.r, 0, TURN));
		expose(&m);
		m.o.k_least = 0.19;
		m.o.k_most = 0.23;
		if (find(&m) && m.peaks.count == 1) {
			const struct em_bragg_peak *p = m.peaks.peak;

			pull += (pow((p->y - ky) / p->sigma_y, 2) + pow((p->x - kx) / p->sigma_x, 2)) / 2;
			spread += pow((p->y - ky) * 96, 2);
			n++;
		}
		release(&m);
	}
	assert_true(n > 290);
	print_message("# pull %.3f, rms %.3f pixels, %zu found\n", sqrt(pull / (double)n), sqrt(spread / (double)n), n);
	assert_true(sqrt(spread / (double)n) < 0.2);
	assert_near(sqrt(pull / (double)n), 1, 0.35);
}

/* A broad spot of many domains: its middle. */
static void test_broad(void **state)
{
	struct movie m = movie(256, 256, 5);
	const double ky = 40.4 / 256, kx = 50.3 / 256;

	(void)state;
	for (int t = 0; t < 100; t++) {
		noise(&m, 0.5);
		for (int i = 0; i < 8; i++)
			wave(&m, ky + em_random_normal(&m.r) / 256, kx + em_random_normal(&m.r) / 256, 1,
			     em_random_between(&m.r, 0, TURN));
		expose(&m);
	}
	assert_int_equal(find(&m), 1);
	assert_near(m.peaks.peak->y * 256, 40.4, 0.15);
	assert_near(m.peaks.peak->x * 256, 50.3, 0.15);
	release(&m);
}

/* ---- what must not be found ---- */

/* White noise: no more false alarms than stated, of one frame, of many, of the same frame many times. */
static void test_noise(void **state)
{
	const double stated = 0.2;
	size_t found = 0, trials = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct movie m = movie(64, seed % 2 ? 64 : 112, seed);

		noise(&m, 3);
		expose(&m);
		for (int t = 1; t < (seed % 3 ? 1 : 10); t++) {
			if (seed % 3 == 1)
				noise(&m, 3);
			expose(&m);
		}
		m.o.false_alarms = stated;
		found += find(&m);
		trials++;
		release(&m);
	}
	print_message("# %zu false alarms, %g stated\n", found, stated * (double)trials);
	assert_true((double)found <= stated * (double)trials);
}

/* Noise through a band of |k|: an amorphous ring, a hundred times above what is outside. */
static void ring(struct movie *m, double k, double width, int waves)
{
	for (int i = 0; i < waves; i++) {
		double turn = em_random_between(&m->r, 0, TURN), q = k + width * em_random_normal(&m->r);

		wave(m, q * sin(turn), q * cos(turn), em_random_normal(&m->r), em_random_between(&m->r, 0, TURN));
	}
}

static void test_ring(void **state)
{
	size_t found = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 15; seed++) {
		struct movie m = movie(96, 96, seed);

		noise(&m, 1);
		ring(&m, 0.2, 0.01, 600);
		expose(&m);
		found += find(&m);
		if (!seed) { /* and a spot upon it is found */
			wave(&m, 0.12, 0.16, 30, 0);
			memset(m.sum, 0, 96 * 49 * sizeof(*m.sum));
			m.frames = 0;
			expose(&m);
			assert_int_equal(find(&m), 1);
			assert_near(m.peaks.peak->y, 0.12, 0.3 / 96);
			assert_near(m.peaks.peak->x, 0.16, 0.3 / 96);
		}
		release(&m);
	}
	print_message("# %zu spots in 15 rings\n", found);
	assert_true(found <= 1);
}

/* Lines of their own brightness, a drifting background, and an edge: streaks and the centre. */
static void test_streaks(void **state)
{
	size_t found = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		struct movie m = movie(128, 96, seed);

		noise(&m, 1);
		for (size_t y = 0; y < 128; y++) {
			double line = 3 * em_random_normal(&m.r);

			for (size_t x = 0; x < 96; x++)
				m.v[y * 96 + x] += (float)(line + 0.2 * (double)x + (seed % 2 && x > 40 ? 30 : 0));
		}
		expose(&m);
		found += find(&m);
		release(&m);
	}
	print_message("# %zu spots in 60 streaks\n", found);
	assert_true(found <= 2);
}

static void test_constant(void **state)
{
	struct movie m = movie(64, 64, 1);

	(void)state;
	expose(&m);
	assert_int_equal(find(&m), 0);
	for (size_t i = 0; i < 64 * 64; i++)
		m.v[i] = 1e6F;
	expose(&m);
	assert_int_equal(find(&m), 0);
	release(&m);
}

/* ---- options, errors ---- */

static void test_options(void **state)
{
	struct movie m = movie(128, 128, 4);

	(void)state;
	noise(&m, 0.5);
	wave(&m, 0.1, 0.1, 2, 0);
	wave(&m, -0.1, 0.1, 1.5, 1);
	wave(&m, 0.0, 0.3, 1, 2);
	expose(&m);
	assert_int_equal(find(&m), 3);
	assert_true(m.peaks.peak[0].y > 0 && m.peaks.peak[0].snr > m.peaks.peak[1].snr);
	m.o.most = 2;
	assert_int_equal(find(&m), 2);
	assert_near(m.peaks.peak[1].y, -0.1, 1e-3);
	m.o.k_least = 0.2;
	assert_int_equal(find(&m), 1);
	assert_near(m.peaks.peak[0].x, 0.3, 1e-3);
	m.o.k_least = 0;
	m.o.k_most = 0.2;
	m.o.most = 0;
	assert_int_equal(find(&m), 2);
	m.o.least_snr = (m.peaks.peak[0].snr + m.peaks.peak[1].snr) / 2;
	assert_int_equal(find(&m), 1);
	release(&m);
}

static void test_refused(void **state)
{
	struct movie m = movie(64, 64, 4);
	struct em_bragg_radial radial = {.count = 9};
	struct em_error err = {0};

	(void)state;
	noise(&m, 1);
	expose(&m);
	m.sum[77] = NAN;
	assert_int_equal(em_bragg_find(&m.peaks, m.sum, 64, 64, 1, &m.o, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	m.sum[77] = -1;
	assert_int_equal(em_bragg_radial(&radial, m.sum, 64, 64, 1, &err), -1);
	assert_int_equal(radial.count, 9);
	assert_int_equal(em_bragg_find(&m.peaks, m.sum, 8, 64, 1, &m.o, &err), -1);
	assert_int_equal(em_bragg_find(&m.peaks, m.sum, 64, 64, 0, &m.o, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	release(&m);
}

/* White noise is flat: mean and, by ln 2, median in every ring; each pair is counted once. */
static void test_radial(void **state)
{
	struct movie m = movie(128, 160, 8);
	struct em_bragg_radial radial;
	size_t pixels = 0;

	(void)state;
	noise(&m, 2);
	expose(&m);
	assert_int_equal(em_bragg_radial(&radial, m.sum, 128, 160, 1, NULL), 0);
	assert_near(radial.step, 1 / sqrt(128 * 160), 1e-12);
	for (size_t i = 0; i < radial.count; i++) {
		double level = 4 * em_spectrum_window_power(128, 160), n = (double)radial.pixels[i];

		pixels += radial.pixels[i];
		if (radial.pixels[i] < 60) /* the windows' correlation leaves about half of them */
			continue;
		assert_near(radial.mean[i] / level, 1, 6 / sqrt(n / 2));
		assert_near(radial.median[i] / level, log(2), 6 / sqrt(n / 2));
	}
	assert_int_equal(pixels, (128 * 160 - 4) / 2 + 3); /* pairs, and three of the four that are their own twins */
	em_bragg_radial_release(&radial);
	release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_wave),     cmocka_unit_test(test_uncertainty), cmocka_unit_test(test_broad),
	    cmocka_unit_test(test_noise),    cmocka_unit_test(test_ring),        cmocka_unit_test(test_streaks),
	    cmocka_unit_test(test_constant), cmocka_unit_test(test_options),     cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_radial),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
