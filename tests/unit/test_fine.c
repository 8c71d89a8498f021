/* SPDX-License-Identifier: GPL-3.0-or-later */
/* White lines: the fit and the windows against what was simulated, at three doses, and where there is nothing. */
#include "eels/fine.h"
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CHANNELS 300

static const struct em_energy axis = {CHANNELS, 430, 0.25};

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.12g, expected %.12g within %g", got, want, within);
}

struct truth {
	size_t peaks;
	double position[4], width[4], area[4], step, lorentzian;
	enum em_fine_step kind;
};

/* Ti L2,3 of an octahedron, and two lines of one peak each. */
static const struct truth titanium = {4, {457.1, 459.3, 462.4, 464.7}, {1.1, 1.5, 1.6, 2.0}, {3, 5, 5, 7}, 0.25, 0, 0},
                          pair = {2, {457.6, 463.2}, {1.8, 2.2}, {9, 5}, 0.3, 0, 0};

/* Its own formulas: shapes by half width at half maximum. */
static double model(const struct truth *t, double ev)
{
	double sum = 0;
	size_t each = t->peaks / 2;

	for (size_t i = 0; i < t->peaks; i++) {
		double h = t->width[i] / 2, d = (ev - t->position[i]) / h;
		sum += t->area[i] * axis.scale * (1 - t->lorentzian) * sqrt(log(2) / M_PI) / h * pow(2, -d * d);
		sum += t->area[i] * axis.scale * t->lorentzian / (M_PI * h * (1 + d * d));
	}
	for (size_t line = 0; line < 2; line++) {
		double middle = (t->position[line * each] + t->position[line * each + each - 1]) / 2;
		double half = (t->width[line * each] + t->width[line * each + each - 1]) / 4, d = (ev - middle) / half;
		double part = t->kind == EM_FINE_ERF ? (1 + erf(sqrt(log(2)) * d)) / 2 : 0.5 + atan(d) / M_PI;
		sum += part * t->step * (line ? 1 / 3.0 : 2 / 3.0);
	}
	return sum;
}

static double background(double ev)
{
	return pow(ev / 450, -3);
}

/* Counts of dose (of the background's height at 450 eV), the background taken off; its exact variance. */
static void simulate(const struct truth *t, double dose, struct em_random *r, double *counts, double *variance)
{
	for (size_t j = 0; j < CHANNELS; j++) {
		double ev = em_energy_at(&axis, (double)j), b = dose * background(ev);

		variance[j] = b + (t ? dose * model(t, ev) : 0);
		counts[j] = em_random_poisson(r, variance[j]) - b;
	}
}

static const struct em_fine_lines_settings split = {.search = {447, 480}, .apart = 5.6, .split = true},
                                           unsplit = {.search = {447, 480}, .apart = 5.6};

static void assert_found(const struct em_fine_fit *f, const struct truth *t, double within)
{
	assert_int_equal(f->peaks, t->peaks);
	for (size_t i = 0; i < t->peaks; i++) {
		assert_near(f->peak[i].position.value, t->position[i], within);
		assert_near(f->peak[i].width.value, t->width[i], within);
		assert_near(f->peak[i].area.value, t->area[i], within * 10);
	}
	assert_near(f->step.value, t->step, within);
	assert_near(f->lorentzian, t->lorentzian, within);
}

/* Without noise, the truth: all shapes and steps, split and not. */
static void the_fit_finds_its_own_model(void **state)
{
	double counts[CHANNELS], variance[CHANNELS];
	struct em_fine_lines l;

	(void)state;
	for (int n = 0; n < 12; n++) {
		struct truth t = n % 2 ? titanium : pair;
		struct em_fine_lines_settings s = n % 2 ? split : unsplit;

		s.shape = (enum em_fine_shape)(n / 2 % 3);
		s.step = t.kind = n / 6 ? EM_FINE_ARCTAN : EM_FINE_ERF;
		t.lorentzian = s.shape == EM_FINE_VOIGT ? 0.35 : s.shape == EM_FINE_LORENTZ;
		for (size_t j = 0; j < CHANNELS; j++) {
			counts[j] = model(&t, em_energy_at(&axis, (double)j));
			variance[j] = 1e-4 * (1 + counts[j]);
		}
		assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &s, NULL, &l, NULL), 0);
		double curve[CHANNELS];
		em_fine_lines_curve(&axis, &s, &l, curve);
		for (size_t j = 0; j < CHANNELS; j++)
			assert_near(curve[j], counts[j], 1e-4);
		assert_found(&l.fit, &t, 1e-4);
		assert_near(l.ratio.value, n % 2 ? 8.0 / 12 : 9.0 / 5, 1e-4);
		if (n % 2) {
			assert_near(l.splitting[0].value, 2.2, 1e-4);
			assert_near(l.splitting[1].value, 2.3, 1e-4);
		} else {
			assert_true(isnan(l.splitting[0].value));
		}
	}
	/* one width for both of a line, where that is so */
	struct truth t = titanium;
	struct em_fine_lines_settings s = split;
	t.width[1] = t.width[0];
	t.width[3] = t.width[2];
	s.same_width = true;
	for (size_t j = 0; j < CHANNELS; j++) {
		counts[j] = model(&t, em_energy_at(&axis, (double)j));
		variance[j] = 1e-4;
	}
	assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &s, NULL, &l, NULL), 0);
	assert_found(&l.fit, &t, 1e-4);
	assert_true(l.fit.peak[0].width.value == l.fit.peak[1].width.value);
	struct em_fine_lines again;
	assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &s, &l, &again, NULL), 0);
	assert_found(&again.fit, &t, 1e-4);
}

/* How far off a number is on average, and how often within one of its standard errors. */
struct tally {
	int n, inside;
	double sum, square;
};

static void count(struct tally *t, struct em_fine_value v, double truth)
{
	t->n++;
	t->inside += fabs(v.value - truth) < v.error;
	t->sum += (v.value - truth) / v.error;
	t->square += pow((v.value - truth) / v.error, 2);
}

/* Off by less than `bias` standard errors of one measurement, 68 % within one. */
static void assert_honest(const struct tally *t, double bias)
{
	assert_near(t->sum / t->n, 0, bias);
	assert_near(sqrt(t->square / t->n), 1, 0.12);
	assert_near(t->inside / (double)t->n, 0.683, 0.06);
}

/* As of the mean of a series. */
static struct em_fine_lines start_of(const struct truth *t, const struct em_fine_lines_settings *s)
{
	double counts[CHANNELS], variance[CHANNELS];
	struct em_fine_lines l;
	struct em_random r;

	em_random_seed(&r, 20, 0);
	simulate(t, 1e6, &r, counts, variance);
	assert_int_equal(em_fine_lines_fit(&axis, counts, variance, s, NULL, &l, NULL), 0);
	return l;
}

static void numbers_are_honest_at_three_doses(void **state)
{
	enum { TURNS = 500 };
	const struct em_fine_lines four = start_of(&titanium, &split), two = start_of(&pair, &unsplit);
	double counts[CHANNELS], variance[CHANNELS];

	(void)state;
	for (double dose = 1e3; dose < 2e5; dose *= 10) {
		struct tally ratio[2] = {{0}}, splitting[2] = {{0}}, width = {0}, position = {0};
		struct em_random r;
		struct em_fine_lines l;
		int failed = 0;

		em_random_seed(&r, 21, (uint64_t)dose);
		for (int turn = 0; turn < TURNS; turn++) {
			simulate(&titanium, dose, &r, counts, variance);
			if (em_fine_lines_fit(&axis, counts, variance, &split, &four, &l, NULL)) {
				failed++;
			} else {
				count(&ratio[0], l.ratio, 8.0 / 12);
				count(&splitting[0], l.splitting[0], 2.2);
				count(&splitting[1], l.splitting[1], 2.3);
			}
			simulate(&pair, dose, &r, counts, variance);
			assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &unsplit, &two, &l, NULL), 0);
			count(&ratio[1], l.ratio, 1.8);
			count(&width, l.fit.peak[0].width, 1.8);
			count(&position, l.fit.peak[1].position, 463.2);
		}
		assert_in_range(failed, 0, dose < 1e4 ? TURNS / 5 : 0);
		if (!failed) {
			assert_honest(&ratio[0], 0.2);
			assert_honest(&splitting[0], 0.2);
			assert_honest(&splitting[1], 0.2);
		}
		assert_honest(&ratio[1], 0.2);
		assert_honest(&width, 0.2);
		assert_honest(&position, 0.2);
	}
}

/* Boxes on steps: the areas are known to the count.  And its errors. */
static void windows_above_a_double_step(void **state)
{
	const struct em_energy e = {100, 0, 1};
	const struct em_fine_lines_windows w = {{20, 40}, {40, 60}, {60, 90}, {29.5, 49.5}};
	double clean[100] = {0}, counts[100], variance[100];
	struct em_fine_value v;
	struct tally t = {0};
	struct em_random r;

	(void)state;
	for (size_t j = 30; j < 100; j++)
		clean[j] = j < 50 ? 60 : 90;
	for (size_t j = 0; j < 4; j++) {
		clean[28 + j] += 500;
		clean[48 + j] += 200 + 50 * (double)j;
	}
	for (size_t j = 0; j < 100; j++)
		variance[j] = clean[j] + 200;
	assert_int_equal(em_fine_lines_ratio(&e, clean, variance, &w, 0, &v, NULL), 0);
	assert_near(v.value, 2000.0 / 1100, 1e-12);
	em_random_seed(&r, 22, 0);
	for (int turn = 0; turn < 3000; turn++) {
		for (size_t j = 0; j < 100; j++)
			counts[j] = em_random_poisson(&r, variance[j]) - 200.0;
		assert_int_equal(em_fine_lines_ratio(&e, counts, variance, &w, 0, &v, NULL), 0);
		count(&t, v, 2000.0 / 1100);
	}
	assert_honest(&t, 0.15);
	assert_near(t.square / t.n, 1, 0.08);
	for (size_t j = 48; j < 52; j++)
		clean[j] = 60;
	struct em_error err;
	assert_int_equal(em_fine_lines_ratio(&e, clean, variance, &w, 0, &v, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
}

/* The lines are placed where they are, by any start of the search window. */
static void lines_are_placed(void **state)
{
	double counts[CHANNELS], variance[CHANNELS];
	struct em_fine_lines_windows w;
	struct em_random r;

	(void)state;
	em_random_seed(&r, 23, 0);
	simulate(&pair, 1e4, &r, counts, variance);
	for (double from = 440; from < 455; from += 2.1) {
		struct em_fine_lines_settings s = unsplit;
		s.search.from = from;
		assert_int_equal(em_fine_lines_place(&axis, counts, variance, &s, &w, NULL), 0);
		assert_near(w.position[0], 457.6, 0.5);
		assert_near(w.position[1], 463.2, 0.5);
		assert_near(w.first.to, 460.5, 0.7);
		assert_true(w.second.from == w.first.to && w.after.from == w.second.to);
	}
}

/* No number where there is nothing: each with a text, the output as it was. */
static void nothing_to_measure(void **state)
{
	double counts[CHANNELS], variance[CHANNELS];
	struct em_fine_lines l = {.ratio.value = 77};
	struct em_error err;
	struct em_random r;
	int passed = 0;

	(void)state;
	em_random_seed(&r, 24, 0);
	for (int turn = 0; turn < 30; turn++) { /* noise */
		simulate(NULL, 1e4, &r, counts, variance);
		passed += !em_fine_lines_fit(&axis, counts, variance, turn % 2 ? &split : &unsplit, NULL, &l, &err);
		if (!passed)
			assert_int_equal(err.kind, EM_ERROR_DATA);
	}
	assert_int_equal(passed, 0);
	const struct truth step = {2, {457.6, 463.2}, {1.8, 2.2}, {0, 0}, 0.3, 0, 0},
	                   single = {2, {457.6, 463.2}, {1.8, 2.2}, {9, 0}, 0, 0, 0};
	for (int turn = 0; turn < 30; turn++) { /* an edge without lines, and with one */
		simulate(turn % 2 ? &step : &single, 1e4, &r, counts, variance);
		passed += !em_fine_lines_fit(&axis, counts, variance, &unsplit, NULL, &l, &err);
	}
	assert_in_range(passed, 0, 1);
	passed = 0;
	for (int turn = 0; turn < 30; turn++) { /* lines that are not split */
		simulate(&pair, 1e4, &r, counts, variance);
		passed += !em_fine_lines_fit(&axis, counts, variance, &split, NULL, &l, &err);
	}
	assert_in_range(passed, 0, 2);
	l.ratio.value = 77;
	for (size_t j = 0; j < CHANNELS; j++) {
		counts[j] = 0;
		variance[j] = 1;
	}
	assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &split, NULL, &l, &err), -1);
	for (size_t j = 0; j < CHANNELS; j++)
		counts[j] = 1e5;
	assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &split, NULL, &l, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	counts[100] = NAN;
	assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &split, NULL, &l, &err), -1);
	counts[100] = 0;
	variance[100] = 0;
	assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &split, NULL, &l, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	struct em_fine_lines_settings bad = split;
	bad.apart = 0.5;
	assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &bad, NULL, &l, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	bad.apart = 30;
	assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &bad, NULL, &l, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	bad = split;
	bad.search.from = 400;
	assert_int_equal(em_fine_lines_fit(&axis, counts, variance, &bad, NULL, &l, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_true(l.ratio.value == 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_fit_finds_its_own_model), cmocka_unit_test(numbers_are_honest_at_three_doses),
	    cmocka_unit_test(windows_above_a_double_step), cmocka_unit_test(lines_are_placed),
	    cmocka_unit_test(nothing_to_measure),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
