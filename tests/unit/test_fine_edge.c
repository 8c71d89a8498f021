/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pre-peaks and onsets: closed forms, coverage in simulated counts, and where there is nothing. */
#include "base/random.h"
#include "eels/fine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CHANNELS 240

static const struct em_energy axis = {CHANNELS, 510, 0.25};

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.12g, expected %.12g within %g", got, want, within);
}

/* How far off a number is in units of its error, and how often within one. */
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

static void assert_honest(const struct tally *t, double bias)
{
	assert_near(t->sum / t->n, 0, bias);
	assert_near(sqrt(t->square / t->n), 1, 0.1);
	assert_near(t->inside / (double)t->n, 0.683, 0.05);
}

/* O K: a pre-peak and two more, as Gaussians of standard deviation s and area a. */
static const double middle[3] = {530, 535.5, 541}, deviation[3] = {0.9, 1.4, 1.8}, area[3] = {40, 100, 90};
static const struct em_energy_window windows[3] = {{527.5, 532}, {532, 538}, {538, 545}};

static double oxygen(size_t j)
{
	double sum = 0;

	for (size_t i = 0; i < 3; i++) {
		double d = (em_energy_at(&axis, (double)j) - middle[i]) / deviation[i];
		sum += area[i] * axis.scale / (sqrt(2 * M_PI) * deviation[i]) * exp(-d * d / 2);
	}
	return sum;
}

static void simulate(double (*shape)(size_t), double dose, double under, struct em_random *r, double *counts,
                     double *variance)
{
	for (size_t j = 0; j < CHANNELS; j++) {
		variance[j] = dose * (shape(j) + under);
		counts[j] = em_random_poisson(r, variance[j]) - dose * under;
	}
}

static void windows_by_windows(void **state)
{
	const struct em_energy e = {10, 0, 1};
	const double counts[10] = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90},
	             variance[10] = {1, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	const struct em_energy_window a = {1, 4}, b = {5, 8}, over = {3, 8}, none = {0, 1}, out = {5, 20};
	struct em_fine_value v = {77, 77};
	struct em_error err;
	double slope[10];

	(void)state;
	assert_int_equal(em_fine_windows_ratio(&e, counts, variance, &a, &b, &v, NULL, NULL), 0);
	assert_near(v.value, 60.0 / 180, 1e-15);
	assert_near(v.error, sqrt(6 + 18 / 9.0) / 180, 1e-15);
	/* channel 3 is in both: (c1 + c2 + c3) / (c3 + ... + c7) by the rule of small errors, by hand */
	assert_int_equal(em_fine_windows_ratio(&e, counts, variance, &a, &over, &v, slope, NULL), 0);
	double r = 60.0 / 250;
	for (size_t j = 0; j < 10; j++)
		assert_near(slope[j], ((j >= 1 && j < 4) - r * (j >= 3 && j < 8)) / 250, 1e-15);
	assert_near(v.value, r, 1e-15);
	assert_near(v.error, sqrt(1 + 2 + 3 * (1 - r) * (1 - r) + r * r * 22) / 250, 1e-15);
	assert_int_equal(em_fine_windows_ratio(&e, counts, variance, &a, &a, &v, NULL, NULL), 0);
	assert_true(v.value == 1 && fabs(v.error) < 1e-9);
	v.value = 77;
	assert_int_equal(em_fine_windows_ratio(&e, counts, variance, &a, &none, &v, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_fine_windows_ratio(&e, counts, variance, &a, &out, &v, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_true(v.value == 77);
}

static void pre_peak_by_gaussians(void **state)
{
	double counts[CHANNELS], variance[CHANNELS];
	struct em_fine_fit f;

	(void)state;
	for (size_t j = 0; j < CHANNELS; j++) {
		counts[j] = oxygen(j);
		variance[j] = 0.01;
	}
	assert_int_equal(em_fine_peaks_fit(&axis, counts, variance, windows, 3, EM_FINE_GAUSS, &f, NULL), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_near(f.peak[i].position.value, middle[i], 1e-6);
		assert_near(f.peak[i].width.value, sqrt(8 * log(2)) * deviation[i], 1e-6);
		assert_near(f.peak[i].area.value, area[i], 1e-4);
	}
	assert_true(f.freedom == 70 - 9 && f.step.value == 0 && f.chi2 < 1e-6);
	for (double dose = 30; dose < 1e4; dose *= 10) {
		struct tally ratio = {0}, distance = {0};
		struct em_random r;

		em_random_seed(&r, 31, (uint64_t)dose);
		for (int turn = 0; turn < 600; turn++) {
			simulate(oxygen, dose, 3, &r, counts, variance);
			assert_int_equal(
			    em_fine_peaks_fit(&axis, counts, variance, windows, 3, EM_FINE_GAUSS, &f, NULL), 0);
			count(&ratio, em_fine_area_ratio(&f, 0, 1, 1, 1), 0.4);
			count(&distance, em_fine_distance(&f, 0, 1), 5.5);
		}
		assert_honest(&ratio, 0.2);
		assert_honest(&distance, 0.2);
	}
}

static void no_peaks(void **state)
{
	double counts[CHANNELS] = {0}, variance[CHANNELS];
	struct em_fine_fit f = {.chi2 = 77};
	struct em_error err;
	struct em_random r;

	(void)state;
	em_random_seed(&r, 32, 0);
	for (size_t j = 0; j < CHANNELS; j++)
		variance[j] = 1;
	assert_int_equal(em_fine_peaks_fit(&axis, counts, variance, windows, 3, EM_FINE_GAUSS, &f, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	int passed = 0;
	for (int turn = 0; turn < 200; turn++) {
		struct em_fine_fit noise;
		for (size_t j = 0; j < CHANNELS; j++)
			counts[j] = em_random_normal(&r);
		passed += !em_fine_peaks_fit(&axis, counts, variance, windows, 3, EM_FINE_GAUSS, &noise, &err);
	}
	assert_in_range(passed, 0, 1);
	assert_int_equal(em_fine_peaks_fit(&axis, counts, variance, windows, 0, EM_FINE_GAUSS, &f, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_fine_peaks_fit(&axis, counts, variance, windows, 9, EM_FINE_GAUSS, &f, &err), -1);
	counts[80] = NAN;
	assert_int_equal(em_fine_peaks_fit(&axis, counts, variance, windows, 3, EM_FINE_GAUSS, &f, &err), -1);
	assert_true(f.chi2 == 77);
}

/* Rises to 1 at 530.1 eV, width 0.8 eV, and stays. */
static double edge(size_t j)
{
	return 0.5 * erfc(-(em_energy_at(&axis, (double)j) - 530.1) / 0.8);
}

static double edge_with_peak(size_t j)
{
	double d = em_energy_at(&axis, (double)j) - 532;

	return edge(j) * (1 + 2 * exp(-d * d / 2));
}

static double shifted_by_one(size_t j)
{
	return edge_with_peak(j - 1);
}

/* Of a symmetric rise half way and steepest are one place, smoothed or not. */
static void onset_of_a_symmetric_rise(void **state)
{
	const struct em_energy_window window = {520, 540};
	double counts[CHANNELS], variance[CHANNELS];
	struct em_fine_onset o;

	(void)state;
	for (size_t j = 0; j < CHANNELS; j++) {
		counts[j] = 1e4 * edge(j);
		variance[j] = 1;
	}
	for (double smooth = 0; smooth < 2; smooth += 0.5) {
		assert_int_equal(em_fine_onset(&axis, counts, variance, &window, smooth, &o, NULL), 0);
		assert_near(o.half.value, 530.1, 0.004);
		assert_near(o.steepest.value, 530.1, 0.004);
	}
	struct tally half = {0}, steepest = {0};
	struct em_random r;
	em_random_seed(&r, 33, 0);
	for (int turn = 0; turn < 600; turn++) {
		double clean[CHANNELS];
		struct em_fine_onset truth;
		simulate(edge_with_peak, 3000, 1, &r, counts, variance);
		for (size_t j = 0; j < CHANNELS; j++)
			clean[j] = 3000 * edge_with_peak(j);
		assert_int_equal(em_fine_onset(&axis, clean, variance, &window, 1, &truth, NULL), 0);
		assert_int_equal(em_fine_onset(&axis, counts, variance, &window, 1, &o, NULL), 0);
		count(&half, o.half, truth.half.value);
		count(&steepest, o.steepest, truth.steepest.value);
	}
	assert_honest(&half, 0.3);
	assert_honest(&steepest, 0.3);
}

/* A peak before a greater one, deep between them: the onset is its, and of one that is too small the other's. */
static void onset_of_the_first_peak(void **state)
{
	const struct em_energy_window window = {520, 540};
	double counts[CHANNELS], variance[CHANNELS];
	struct em_fine_onset o;

	(void)state;
	for (double height = 0.05; height < 2; height += 0.3) {
		double half = height > 0.2 ? 530.2 : 535.7;

		for (size_t j = 0; j < CHANNELS; j++) {
			double ev = em_energy_at(&axis, (double)j), a = (ev - 531) / 0.8, b = (ev - 536.5) / 0.8;

			counts[j] = 1e4 * (height * exp(-log(2) * a * a) + exp(-log(2) * b * b));
			variance[j] = counts[j] + 100;
		}
		assert_int_equal(em_fine_onset(&axis, counts, variance, &window, 0, &o, NULL), 0);
		assert_near(o.half.value, half, 0.1); /* smoothed over 3 channels */
	}
}

static void shift_against_a_reference(void **state)
{
	const struct em_energy_window window = {522, 550};
	double counts[CHANNELS], variance[CHANNELS], reference[CHANNELS];
	struct em_fine_value v;

	(void)state;
	for (size_t j = 0; j < CHANNELS; j++) {
		reference[j] = 3 * edge_with_peak(j);
		variance[j] = 1e-6;
	}
	for (double by = -2.1; by < 2.2; by += 0.35) { /* between channels */
		for (size_t j = 0; j < CHANNELS; j++) {
			double ev = em_energy_at(&axis, (double)j) - by, d = ev - 532;
			counts[j] = 0.5 * erfc(-(ev - 530.1) / 0.8) * (1 + 2 * exp(-d * d / 2));
		}
		assert_int_equal(em_fine_shift(&axis, counts, variance, reference, &window, 3, &v, NULL), 0);
		assert_near(v.value, by, 0.003);
	}
	for (double dose = 30; dose < 5000; dose *= 10) {
		struct tally t = {0};
		struct em_random r;
		em_random_seed(&r, 34, (uint64_t)dose);
		for (int turn = 0; turn < 600; turn++) {
			simulate(shifted_by_one, dose, 2, &r, counts, variance);
			assert_int_equal(em_fine_shift(&axis, counts, variance, reference, &window, 3, &v, NULL), 0);
			count(&t, v, 0.25);
		}
		assert_honest(&t, 0.2);
	}
}

static void no_onset(void **state)
{
	const struct em_energy_window window = {522, 550}, few = {530, 531}, outside = {500, 540};
	double counts[CHANNELS], variance[CHANNELS], reference[CHANNELS];
	struct em_fine_onset o = {{77, 77}, {77, 77}};
	struct em_fine_value v = {77, 77};
	struct em_error err;
	struct em_random r;
	int passed = 0;

	(void)state;
	em_random_seed(&r, 35, 0);
	for (size_t j = 0; j < CHANNELS; j++) {
		reference[j] = edge_with_peak(j);
		variance[j] = 1;
	}
	for (int turn = 0; turn < 300; turn++) { /* noise */
		struct em_fine_onset noise;
		struct em_fine_value nowhere;
		for (size_t j = 0; j < CHANNELS; j++)
			counts[j] = em_random_normal(&r);
		passed += !em_fine_onset(&axis, counts, variance, &window, 0, &noise, &err);
		passed += !em_fine_shift(&axis, counts, variance, reference, &window, 3, &nowhere, &err);
	}
	assert_in_range(passed, 0, 1);
	for (size_t j = 0; j < CHANNELS; j++) /* no rise, and no structure */
		counts[j] = 1e3;
	assert_int_equal(em_fine_onset(&axis, counts, variance, &window, 0, &o, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_fine_shift(&axis, counts, variance, counts, &window, 3, &v, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	for (size_t j = 0; j < CHANNELS; j++) /* further than allowed */
		counts[j] = 1e3 * edge_with_peak(j < 10 ? 0 : j - 10);
	assert_int_equal(em_fine_shift(&axis, counts, variance, reference, &window, 1, &v, &err), -1);
	assert_int_equal(em_fine_onset(&axis, counts, variance, &few, 0, &o, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_fine_onset(&axis, counts, variance, &outside, 0, &o, &err), -1);
	assert_int_equal(em_fine_shift(&axis, counts, variance, reference, &window, 13, &v, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_fine_shift(&axis, counts, variance, reference, &window, NAN, &v, &err), -1);
	reference[100] = NAN;
	assert_int_equal(em_fine_shift(&axis, counts, variance, reference, &window, 3, &v, &err), -1);
	counts[100] = INFINITY;
	assert_int_equal(em_fine_onset(&axis, counts, variance, &window, 0, &o, &err), -1);
	assert_true(o.half.value == 77 && v.value == 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(windows_by_windows),
	    cmocka_unit_test(pre_peak_by_gaussians),
	    cmocka_unit_test(no_peaks),
	    cmocka_unit_test(onset_of_a_symmetric_rise),
	    cmocka_unit_test(onset_of_the_first_peak),
	    cmocka_unit_test(shift_against_a_reference),
	    cmocka_unit_test(no_onset),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
