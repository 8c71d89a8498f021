/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lattices from peaks whose truth is known. */
#include "base/random.h"
#include "crystal/lattice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MOST 64
#define SIDE 512

static const double DEGREE = 0.017453292519943295;
static const double PIXELS[2] = {1, 1};

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/* ---- peaks ---- */

struct scene {
	struct em_bragg_peak peak[MOST];
	size_t n;
	struct em_lattice_options o;
	struct em_lattice lattice[4];
	size_t count;
	struct em_lattice_index index[MOST];
	struct em_random r;
};

static struct scene scene(uint64_t seed)
{
	struct scene s = {.o = {.height = SIDE, .width = SIDE}};

	em_random_seed(&s.r, seed, 0);
	return s;
}

/* A peak at g, off by sigma pixels of the spectrum. */
static void add(struct scene *s, double y, double x, double sigma, double snr)
{
	double sign = x < 0 || (x == 0 && y < 0) ? -1 : 1;

	assert_true(s->n < MOST);
	s->peak[s->n++] = (struct em_bragg_peak){
	    .y = sign * y + sigma * em_random_normal(&s->r) / SIDE,
	    .x = sign * x + sigma * em_random_normal(&s->r) / SIDE,
	    .sigma_y = sigma / SIDE,
	    .sigma_x = sigma / SIDE,
	    .snr = snr,
	};
}

/* All of |h|, |k| <= order. */
static void add_lattice(struct scene *s, const double a[2], const double b[2], int order, double sigma, double snr)
{
	for (int h = 0; h <= order; h++)
		for (int k = h ? -order : 1; k <= order; k++)
			add(s, h * a[0] + k * b[0], h * a[1] + k * b[1], sigma, snr / (h * h + k * k));
}

static void split(struct scene *s)
{
	assert_int_equal(em_lattice_split(s->lattice, &s->count, s->index, s->peak, s->n, &s->o, NULL), 0);
}

/* ---- one lattice ---- */

/* Of an oblique cell the closed forms, the indices with it; nothing is left over. */
static void test_oblique(void **state)
{
	struct scene s = scene(1);
	const double a[2] = {0.010, 0.040}, b[2] = {0.050, 0.002},
	             star = acos((0.010 * 0.050 + 0.040 * 0.002) / hypot(0.01, 0.04) / hypot(0.05, 0.002));
	const double det = fabs(0.010 * 0.002 - 0.040 * 0.050);
	struct em_lattice_cell c;

	(void)state;
	add_lattice(&s, a, b, 2, 0, 100);
	split(&s);
	assert_int_equal(s.count, 1);
	assert_false(s.lattice[0].row);
	assert_int_equal(s.lattice[0].count, s.n);
	for (size_t i = 0; i < s.n; i++) {
		assert_near(s.index[i].h * a[0] + s.index[i].k * b[0], s.peak[i].y, 1e-12);
		assert_near(s.index[i].h * a[1] + s.index[i].k * b[1], s.peak[i].x, 1e-12);
	}
	c = em_lattice_cell(&s.lattice[0], PIXELS);
	assert_near(c.a.value, hypot(0.050, 0.002) / det, 1e-9);
	assert_near(c.b.value, hypot(0.010, 0.040) / det, 1e-9);
	assert_near(c.gamma_star.value, star / DEGREE, 1e-9);
	assert_near(c.gamma.value, 180 - star / DEGREE, 1e-9);
	assert_near(c.d_a.value, 1 / hypot(0.010, 0.040), 1e-9);
	assert_near(c.angle_star.value, atan2(0.010, 0.040) / DEGREE, 1e-9);
	assert_near(c.angle.value, atan2(-0.002, 0.050) / DEGREE, 1e-9); /* across b* */
}

/* Of pixels that are not square lengths and angles are those of the crystal. */
static void test_scale(void **state)
{
	struct scene s = scene(2);
	const double scale[2] = {0.02, 0.01}, d = 0.39;
	/* square in nm, turned by 20 degrees */
	const double a[2] = {sin(20 * DEGREE) / d * scale[0], cos(20 * DEGREE) / d * scale[1]};
	const double b[2] = {cos(20 * DEGREE) / d * scale[0], -sin(20 * DEGREE) / d * scale[1]};
	struct em_lattice_cell c;

	(void)state;
	add_lattice(&s, a, b, 1, 0.01, 100);
	memcpy(s.o.scale, scale, sizeof(scale));
	split(&s);
	c = em_lattice_cell(&s.lattice[0], scale);
	assert_near(c.a.value, d, 5 * c.a.sigma);
	assert_near(c.b.value, d, 5 * c.b.sigma);
	assert_true(c.a.sigma > 0 && c.a.sigma < 0.002);
	assert_near(c.gamma.value, 90, 0.5);
	assert_near(em_lattice_spacing(&s.lattice[0], 1, 1, scale).d.value, d / sqrt(2), 0.002);
}

/* A basis of a skewed description is reduced; angles lie between 60 and 90 degrees. */
static void test_reduced(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct scene s = scene(seed);
		double turn = em_random_between(&s.r, 0, 6.28), ratio = em_random_between(&s.r, 1, 2);
		double gamma = em_random_between(&s.r, acos(0.5 / ratio), 1.5707);
		const double a[2] = {0.04 * sin(turn), 0.04 * cos(turn)};
		const double b[2] = {0.04 * ratio * sin(turn + gamma), 0.04 * ratio * cos(turn + gamma)};
		struct em_lattice_cell c;

		/* (1 0) and (0 1) are missing: (1 1), (2 1), (1 2) and (3 2) it is */
		add(&s, a[0] + b[0], a[1] + b[1], 0, 9);
		add(&s, 2 * a[0] + b[0], 2 * a[1] + b[1], 0, 8);
		add(&s, a[0] + 2 * b[0], a[1] + 2 * b[1], 0, 7);
		add(&s, 3 * a[0] + 2 * b[0], 3 * a[1] + 2 * b[1], 0, 6);
		split(&s);
		assert_int_equal(s.count, 1);
		assert_int_equal(s.lattice[0].count, 4);
		c = em_lattice_cell(&s.lattice[0], PIXELS);
		assert_near(c.d_a.value, 25, 1e-6);
		assert_near(c.d_b.value, 25 / ratio, 1e-6);
		assert_near(c.gamma_star.value, gamma / DEGREE, 1e-4);
	}
}

/* The uncertainties hold: pulls of unit variance over many noisy lattices. */
static void test_uncertainty(void **state)
{
	const double a[2] = {0.003, 0.06}, b[2] = {0.055, -0.002};
	double pull_d = 0, pull_angle = 0, pull_gamma = 0;
	const size_t trials = 1000;
	struct scene exact = scene(0);
	struct em_lattice_cell t;

	(void)state;
	add_lattice(&exact, a, b, 1, 0, 100);
	split(&exact);
	t = em_lattice_cell(&exact.lattice[0], PIXELS);
	for (size_t i = 1; i <= trials; i++) {
		struct scene s = scene(i);
		struct em_lattice_cell c;

		add_lattice(&s, a, b, 2, 0.2, 100);
		split(&s);
		assert_int_equal(s.count, 1);
		c = em_lattice_cell(&s.lattice[0], PIXELS);
		pull_d += pow((c.d_a.value - t.d_a.value) / c.d_a.sigma, 2);
		pull_angle += pow((c.angle_star.value - t.angle_star.value) / c.angle_star.sigma, 2);
		pull_gamma += pow((c.gamma.value - t.gamma.value) / c.gamma.sigma, 2);
	}
	/* chi squared of 1000: 1 +- 0.045; widening for chance misfits makes it a little less */
	assert_near(pull_d / (double)trials, 0.93, 0.13);
	assert_near(pull_angle / (double)trials, 0.93, 0.13);
	assert_near(pull_gamma / (double)trials, 0.93, 0.13);
}

/* Strangers, some of them strong, change nothing. */
static void test_outliers(void **state)
{
	const double a[2] = {0.01, 0.05}, b[2] = {0.05, -0.01};
	size_t wrong = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct scene s = scene(seed);
		struct em_lattice_cell c;

		for (int i = 0; i < 3; i++)
			add(&s, em_random_between(&s.r, -0.2, 0.2), em_random_between(&s.r, 0.02, 0.2), 0.1, 500);
		add_lattice(&s, a, b, 1, 0.1, 100);
		add(&s, 2 * a[0], 2 * a[1], 0.1, 20);
		for (int i = 0; i < 3; i++)
			add(&s, em_random_between(&s.r, -0.2, 0.2), em_random_between(&s.r, 0.02, 0.2), 0.1, 15);
		s.o.most = 1;
		split(&s);
		assert_int_equal(s.count, 1);
		c = em_lattice_cell(&s.lattice[0], PIXELS);
		wrong += fabs(c.a.value - 1 / hypot(0.01, 0.05)) > 4 * c.a.sigma || c.a.sigma > 0.2 ||
		         fabs(c.gamma.value - 90) > 1;
	}
	assert_int_equal(wrong, 0);
}

/* ---- more than one ---- */

/* Film on substrate: 2 % apart in one direction only, and a stranger. */
static void test_film(void **state)
{
	struct scene s = scene(5);
	const double a[2] = {0, 0.0625}, b[2] = {0.0625, 0}, f[2] = {0, 0.0625}, g[2] = {0.0575, 0};
	struct em_lattice_strain strain;

	(void)state;
	add_lattice(&s, a, b, 1, 0.02, 100);
	add(&s, 2 * b[0], 2 * b[1], 0.02, 20);
	add(&s, g[0], g[1], 0.02, 60);
	add(&s, f[0] + g[0], f[1] + g[1], 0.02, 60);
	add(&s, f[0] - g[0], f[1] - g[1], 0.02, 60);
	add(&s, 2 * g[0], 2 * g[1], 0.02, 10);
	add(&s, 0.031, 0.2, 0.02, 10);
	split(&s);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.lattice[0].count, 5);
	assert_int_equal(s.lattice[1].count, 4);
	assert_int_equal(s.index[s.n - 1].lattice, -1);
	assert_int_equal(em_lattice_strain(&strain, &s.lattice[0], &s.lattice[1], PIXELS, NULL), 0);
	assert_near(strain.yy.value, 0.0625 / 0.0575 - 1, 5 * strain.yy.sigma);
	assert_near(strain.xx.value, 0, 5 * strain.xx.sigma);
	assert_near(strain.xy.value, 0, 5 * strain.xy.sigma);
	assert_near(strain.rotation.value, 0, 5 * strain.rotation.sigma);
	assert_true(strain.yy.sigma > 0 && strain.yy.sigma < 0.01);
}

/* Of two peaks left over a lattice is made only on request. */
static void test_least(void **state)
{
	struct scene s = scene(6);
	const double a[2] = {0, 0.06}, b[2] = {0.06, 0};

	(void)state;
	add_lattice(&s, a, b, 1, 0, 100);
	add(&s, 0.0312, 0.0271, 0, 50);
	add(&s, -0.0287, 0.0333, 0, 50);
	split(&s);
	assert_int_equal(s.count, 1);
	s.o.least = 2;
	split(&s);
	assert_int_equal(s.count, 2);
	assert_int_equal(s.lattice[1].count, 2);
	assert_false(s.lattice[1].row);
}

static void test_row(void **state)
{
	struct scene s = scene(7);
	struct em_lattice_cell c;
	struct em_lattice_strain strain;
	struct em_error err = {0};

	(void)state;
	for (int h = 1; h <= 3; h++)
		add(&s, 0.03 * h, 0.04 * h, 0, 10. / h);
	split(&s);
	assert_int_equal(s.count, 1);
	assert_true(s.lattice[0].row);
	assert_int_equal(s.lattice[0].count, 3);
	assert_int_equal(s.index[2].h, 3);
	c = em_lattice_cell(&s.lattice[0], PIXELS);
	assert_near(c.d_a.value, 20, 1e-9);
	assert_near(c.angle_star.value, atan2(3, 4) / DEGREE, 1e-9);
	assert_true(isnan(c.gamma.value) && isnan(c.b.value));
	assert_int_equal(em_lattice_strain(&strain, &s.lattice[0], &s.lattice[0], PIXELS, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	/* one peak is a row, none is nothing */
	s.n = 1;
	split(&s);
	assert_int_equal(s.count, 1);
	assert_true(s.lattice[0].row && s.lattice[0].count == 1);
	s.n = 0;
	split(&s);
	assert_int_equal(s.count, 0);
}

/* ---- strain ---- */

static struct em_lattice lattice_of(double real[2][2])
{
	double det = real[0][0] * real[1][1] - real[0][1] * real[1][0];

	return (struct em_lattice){.a = {real[1][1] / det, -real[1][0] / det},
	                           .b = {-real[0][1] / det, real[0][0] / det}};
}

/* B is A, stretched, then turned; and described by another basis. */
static void test_strain(void **state)
{
	double a[2][2] = {{3, 20}, {24, -2}};
	const double yy = 0.03, xx = -0.02, xy = 0.01;

	(void)state;
	for (double turn = -25; turn <= 25; turn += 5) {
		double c = cos(turn * DEGREE), s = sin(turn * DEGREE), b[2][2];
		struct em_lattice from = lattice_of(a), to;
		struct em_lattice_strain strain;

		for (int i = 0; i < 2; i++) {
			double y = (1 + yy) * a[i][0] + xy * a[i][1], x = xy * a[i][0] + (1 + xx) * a[i][1];

			b[i][0] = c * y + s * x;
			b[i][1] = -s * y + c * x;
		}
		to = lattice_of(b);
		for (int j = 0; j < 2; j++) {
			double was = to.a[j];

			to.a[j] = -to.b[j];
			to.b[j] = was;
		}
		assert_int_equal(em_lattice_strain(&strain, &from, &to, PIXELS, NULL), 0);
		assert_near(strain.yy.value, yy, 1e-12);
		assert_near(strain.xx.value, xx, 1e-12);
		assert_near(strain.xy.value, xy, 1e-12);
		assert_near(strain.rotation.value, turn, 1e-9);
	}
}

/* ---- known crystals ---- */

/* Any rotation and hand is found, from a file whose scale is 3 % off, among strangers. */
static void test_orient(void **state)
{
	const int hk[5][2] = {{1, 0}, {0, 1}, {1, 1}, {2, 0}, {1, -1}};
	const struct em_lattice_known known = {20, 16, 75, 0};

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct scene s = scene(seed);
		double turn = em_random_between(&s.r, 0, 360), hand = seed % 2 ? 1 : -1, size = 1.03;
		const double a[2] = {size / 20 * sin(turn * DEGREE), size / 20 * cos(turn * DEGREE)};
		const double b[2] = {size / 16 * sin((turn + hand * 75) * DEGREE),
		                     size / 16 * cos((turn + hand * 75) * DEGREE)};
		struct em_lattice l;
		struct em_lattice_cell c;

		for (int i = 0; i < 5; i++)
			add(&s, hk[i][0] * a[0] + hk[i][1] * b[0], hk[i][0] * a[1] + hk[i][1] * b[1], 0.02, 50);
		for (int i = 0; i < 4; i++)
			add(&s, em_random_between(&s.r, -0.1, 0.1), em_random_between(&s.r, 0.01, 0.1), 0.02, 50);
		assert_int_equal(em_lattice_orient(&l, s.index, s.peak, s.n, &known, hk, 5, &s.o, NULL), 0);
		assert_int_equal(l.count, 5);
		c = em_lattice_cell(&l, PIXELS);
		assert_near(c.d_a.value, 20 / size, 0.05);
		assert_near(c.d_b.value, 16 / size, 0.05);
		assert_near(c.gamma_star.value, 75, 0.3);
		assert_near(remainder(c.angle_star.value - turn, 180), 0, 0.3);
		assert_near((l.a[1] * l.b[0] - l.a[0] * l.b[1] > 0 ? 1 : -1), hand, 0);
		for (size_t i = 5; i < s.n; i++)
			assert_int_equal(s.index[i].lattice, -1);
	}
}

/* One direction fixes the rest as it is known to lie to it. */
static void test_orient_row(void **state)
{
	const int hk[1][2] = {{1, 1}};
	const struct em_lattice_known known = {20, 20, 90, 0};
	struct scene s = scene(9);
	struct em_error err = {0};
	struct em_lattice_cell c;
	struct em_lattice l;

	(void)state;
	add(&s, 0, 0.98 * sqrt(2) / 20, 0, 10);
	assert_int_equal(em_lattice_orient(&l, s.index, s.peak, s.n, &known, hk, 1, &s.o, NULL), 0);
	c = em_lattice_cell(&l, PIXELS);
	assert_false(l.row);
	assert_near(c.d_a.value, 20 / 0.98, 1e-9);
	assert_near(c.d_b.value, 20 / 0.98, 1e-9);
	assert_near(c.gamma_star.value, 90, 1e-9);
	assert_near(l.a[0] + l.b[0], 0, 1e-12);
	assert_true(c.d_a.sigma > 0);
	s.peak[0].x *= 1.3;
	assert_int_equal(em_lattice_orient(&l, s.index, s.peak, s.n, &known, hk, 1, &s.o, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
}

static void test_match(void **state)
{
	struct scene s = scene(10);
	const double d[2] = {0.39, 0.276}, scale[2] = {0.01, 0.01};
	int which[4];

	(void)state;
	add(&s, 0, 0.01 / 0.395, 0, 1);
	add(&s, 0.01 / 0.2, 0, 0, 1);
	add(&s, 0.01 / 0.39, 0.01 / 0.39, 0, 1);
	assert_int_equal(em_lattice_match(which, s.peak, s.n, d, 2, 0.02, scale), 2);
	assert_int_equal(which[0], 0);
	assert_int_equal(which[1], -1);
	assert_int_equal(which[2], 1);
}

static void test_fit(void **state)
{
	struct scene s = scene(11);
	const double a[2] = {0.01, 0.05}, b[2] = {0.05, 0};
	struct em_error err = {0};
	struct em_lattice l;

	(void)state;
	add(&s, a[0] + b[0], a[1] + b[1], 0, 1);
	add(&s, 2 * (a[0] + b[0]), 2 * (a[1] + b[1]), 0, 1);
	for (int i = 0; i < 2; i++)
		s.index[i] = (struct em_lattice_index){3, 2 * (i + 1), 2 * (i + 1)};
	assert_int_equal(em_lattice_fit(&l, s.index, 3, s.peak, 2, &s.o, true, NULL), 0);
	assert_true(l.row);
	assert_int_equal(s.index[1].h, 2);
	assert_near(l.a[0], 0.06, 1e-12);
	s.index[0] = s.index[1] = (struct em_lattice_index){3, 0, 0};
	assert_int_equal(em_lattice_fit(&l, s.index, 3, s.peak, 2, &s.o, true, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	s.o.width = 0;
	assert_int_equal(em_lattice_split(s.lattice, &s.count, s.index, s.peak, 2, &s.o, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_oblique),     cmocka_unit_test(test_scale),      cmocka_unit_test(test_reduced),
	    cmocka_unit_test(test_uncertainty), cmocka_unit_test(test_outliers),   cmocka_unit_test(test_film),
	    cmocka_unit_test(test_least),       cmocka_unit_test(test_row),        cmocka_unit_test(test_strain),
	    cmocka_unit_test(test_orient),      cmocka_unit_test(test_orient_row), cmocka_unit_test(test_match),
	    cmocka_unit_test(test_fit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
