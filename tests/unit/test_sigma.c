/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Oscillator strengths against sum rules and closed forms of hydrogen, cross sections against the dipole limit. */
#include "eels/sigma.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define R 13.605693
#define A02 2.8002852e7
#define MC2 510998.95
static const double PI = 3.14159265358979323846;

typedef double strength(double zs, double ev, double qa0_squared);

/* From the ionisation of hydrogen on, x = E / threshold - 1, in steps of ln (1 + x). */
static double continuum(strength *f, double zs, double threshold_ry, double q)
{
	const double from = threshold_ry * R * zs * zs, step = 5e-4;
	double sum = 0;

	for (double u = step / 2; u < 16; u += step) {
		double x = exp(u) - 1;
		sum += f(zs, from * (1 + x), q * zs * zs) * from * (1 + x) * step;
	}
	return sum;
}

/* To the level n, of one 1s electron: M. Inokuti, Rev. Mod. Phys. 43 (1971) 297, eq. 3.12. */
static double discrete(double q)
{
	double sum = 0;

	for (int i = 2; i < 4000; i++) {
		double n = i, n2 = n * n, a = (n - 1) * (n - 1) + n2 * q, b = (n + 1) * (n + 1) + n2 * q;
		sum += 256 * pow(n, 5) * (n2 - 1) * ((n2 - 1) / 3 + n2 * q) * exp((n - 3) * log(a / b)) / pow(b, 6);
	}
	return sum;
}

static void the_sum_rule_of_bethe(void **state)
{
	(void)state;
	assert_true(fabs(discrete(0) - 0.5650) < 1e-4); /* known; the continuum has 0.4350 */
	for (double q = 1e-6; q < 50; q *= 7)
		assert_true(fabs(continuum(em_sigma_gos_1s, 4.5, 1, q) / 2 + discrete(q) - 1) < 2e-4);
	assert_true(fabs(continuum(em_sigma_gos_1s, 1, 1, 0) / 2 - 0.4350) < 1e-4);
}

/* Bethe and Salpeter, Quantum Mechanics of One- and Two-Electron Atoms, table 13: in the continuum 2p has 0.008 (to s)
 * and 0.183 (to d), 2s 0.351.  Far from the dipole, all electrons are in it. */
static void the_sums_of_l_shells(void **state)
{
	(void)state;
	assert_true(fabs(continuum(em_sigma_gos_2p, 10, 0.25, 0) / 6 - 0.191) < 0.001);
	assert_true(fabs(continuum(em_sigma_gos_2s2p, 10, 0.25, 0) - 6 * 0.191 - 2 * 0.351) < 0.006);
	assert_true(fabs(continuum(em_sigma_gos_2p, 10, 0.25, 30) - 6) < 0.001);
	assert_true(fabs(continuum(em_sigma_gos_2s2p, 10, 0.25, 30) - 8) < 0.001);
}

/* Photo-ionisation of 1s: df/dE = (2^7 / 3) / R (R / E)^4 exp(-4 arctan(k) / k) / (1 - exp(-2 pi / k)) an electron. */
static void the_dipole_limit_of_1s(void **state)
{
	(void)state;
	for (double e = 1.0001; e < 100; e *= 1.4) {
		double k = sqrt(e - 1);
		double says = 128.0 / 3 / R * pow(e, -4) * exp(-4 * atan(k) / k) / (1 - exp(-2 * PI / k));
		assert_true(fabs(em_sigma_gos_1s(1, e * R, 1e-12) / 2 / says - 1) < 1e-6);
	}
	assert_true(fabs(em_sigma_gos_1s(1, R, 0) / 2 * R - 128.0 / 3 * exp(-4)) < 1e-9);
}

static void all_scale_and_go_on_below_the_threshold(void **state)
{
	static strength *const f[] = {em_sigma_gos_1s, em_sigma_gos_2p, em_sigma_gos_2s2p};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		double threshold = i ? R / 4 : R;
		for (double q = 1e-4; q < 10; q *= 10) {
			double here = f[i](1, 1.7 * threshold, q);
			assert_true(fabs(f[i](7, 49 * 1.7 * threshold, 49 * q) * 49 / here - 1) < 1e-12);
			double at = f[i](1, threshold, q);
			for (double off = -1e-3; off < 1.1e-3; off += 2e-4)
				assert_true(fabs(f[i](1, threshold * (1 + off), q) / at - 1) < 0.01);
			assert_true(f[i](1, threshold * 0.6, q) > 0);
		}
	}
}

static struct em_sigma_edge edge(int z, const char *shell, double onset)
{
	struct em_sigma_edge e;

	assert_int_equal(em_sigma_edge_set(&e, z, shell, onset, NULL), 0);
	return e;
}

/* (theta_E)^2 and T of a beam, eV. */
static double theta2(double kv, double ev, double *t)
{
	double gamma = 1 + kv * 1e3 / MC2;

	*t = MC2 * (1 - 1 / gamma / gamma) / 2;
	return pow(ev / (2 * gamma * *t), 2);
}

/* 4 pi a0^2 R^2 / (E T) f ln(1 + beta^2 / theta_E^2) at small angles. */
static void small_angles_are_dipole(void **state)
{
	const struct em_sigma_edge all[] = {edge(5, "K", 188), edge(8, "K", 532), edge(22, "L23", 456)};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (double kv = 80; kv < 310; kv += 110) {
			const struct em_sigma_beam beam = {kv, 0, 0.5};
			double ev = all[i].onset + 40, t, th2 = theta2(kv, ev, &t);
			double says =
			    4 * PI * A02 * R * R / ev / t * em_sigma_gos(&all[i], ev, 0) * log(1 + 0.25e-6 / th2);
			/* of the order of E / T, as the beam slows down */
			assert_true(fabs(em_sigma_density(&all[i], &beam, ev) / says - 1) < 2.5 * ev / t);
		}
}

/* Egerton, eq. 4.65 (after Scheinfein and Isaacson): what a cone loses or gains for the dipole. */
static double cone(double a2, double b2, double t2)
{
	double eta = sqrt(pow(a2 + b2 + t2, 2) - 4 * a2 * b2) - a2 - b2 - t2;

	eta += 2 * b2 * log((sqrt(pow(a2 + t2 - b2, 2) + 4 * b2 * t2) + a2 + t2 - b2) / 2 / t2);
	eta += 2 * a2 * log((sqrt(pow(b2 + t2 - a2, 2) + 4 * a2 * t2) + b2 + t2 - a2) / 2 / t2);
	return eta / 2 / a2 / log(1 + b2 / t2);
}

static void cones_are_those_of_scheinfein_and_isaacson(void **state)
{
	const struct em_sigma_edge boron = edge(5, "K", 188);

	(void)state;
	for (double a = 0.1; a < 3; a *= 1.6)
		for (double b = 0.3; b < 3; b *= 1.7) {
			const struct em_sigma_beam beam = {200, a, b}, flat = {200, 0, b};
			double t, th2 = theta2(200, 200, &t);
			double ratio = em_sigma_density(&boron, &beam, 200) / em_sigma_density(&boron, &flat, 200);
			assert_true(fabs(ratio / cone(a * a * 1e-6, b * b * 1e-6, th2) - 1) < 0.005);
		}
}

static double barns(const struct em_sigma_edge *e, double kv, double a, double b, double from, double to)
{
	const struct em_sigma_beam beam = {kv, a, b};
	const struct em_energy_window w = {from, to};
	double s;

	assert_int_equal(em_sigma_partial(e, &beam, &w, &s, NULL), 0);
	return s;
}

static void windows_add_up(void **state)
{
	const struct em_sigma_edge all[] = {edge(8, "K", 532), edge(22, "L", 456), edge(13, "L", 73),
	                                    edge(38, "L", 1940)};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		double on = all[i].onset, whole = barns(&all[i], 300, 5, 10, on, on + 130), sum = 0;
		sum = barns(&all[i], 300, 5, 10, on - 30, on + 17) + barns(&all[i], 300, 5, 10, on + 17, on + 130);
		assert_true(fabs(sum / whole - 1) < 2e-4);
		sum = 0;
		const struct em_sigma_beam beam = {300, 5, 10};
		for (double ev = on + 0.005; ev < on + 130; ev += 0.01)
			sum += 0.01 * em_sigma_density(&all[i], &beam, ev);
		assert_true(fabs(sum / whole - 1) < 5e-4);
		/* more angle is more, and the cone's limit is a parallel beam */
		assert_true(barns(&all[i], 300, 0, 20, on, on + 50) > barns(&all[i], 300, 0, 10, on, on + 50));
		assert_true(fabs(barns(&all[i], 300, 1e-3, 10, on, on + 50) / barns(&all[i], 300, 0, 10, on, on + 50) -
		                 1) < 1e-4);
	}
}

/* All angles and all losses, without retardation: 4 pi a0^2 R^2 / (E T) falls as 1 / T; at least the order is so. */
static void faster_electrons_ionise_less(void **state)
{
	const struct em_sigma_edge carbon = edge(6, "K", 284);

	(void)state;
	double slow = barns(&carbon, 100, 0, 100, 284, 334), fast = barns(&carbon, 300, 0, 100, 284, 334), t, t2;
	theta2(100, 300, &t);
	theta2(300, 300, &t2);
	assert_true(slow / fast > 0.75 * t2 / t && slow / fast < t2 / t);
}

static void what_has_no_cross_section(void **state)
{
	static const struct {
		int z;
		const char *shell;
		double onset;
	} bad[] = {{57, "M45", 832}, {22, "L1", 561}, {22, "", 456},   {41, "K", 19000}, {10, "L", 20},
	           {57, "L", 5483},  {22, "L3", 0},   {22, "L3", NAN}, {8, "K", 1e6}};
	struct em_sigma_edge e = {.z = 7};
	struct em_error err = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(em_sigma_edge_set(&e, bad[i].z, bad[i].shell, bad[i].onset, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		assert_int_equal(e.z, 7);
	}
	em_sigma_edge_set(&e, 57, "M45", 832, &err);
	assert_non_null(strstr(err.text, "k-factor"));
	e = edge(8, "K", 532);
	const struct em_energy_window below = {400, 500}, good = {532, 582}, far = {532, 2e5};
	const struct em_sigma_beam fine = {300, 1, 4}, no[] = {{0, 1, 4}, {300, -1, 4}, {300, 1, 0}, {NAN, 1, 4}};
	double s = 7;
	assert_int_equal(em_sigma_partial(&e, &fine, &below, &s, &err), -1);
	assert_int_equal(em_sigma_partial(&e, &fine, &far, &s, &err), -1);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(em_sigma_partial(&e, &no[i], &good, &s, &err), -1);
	assert_true(s == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_sum_rule_of_bethe),
	    cmocka_unit_test(the_sums_of_l_shells),
	    cmocka_unit_test(the_dipole_limit_of_1s),
	    cmocka_unit_test(all_scale_and_go_on_below_the_threshold),
	    cmocka_unit_test(small_angles_are_dipole),
	    cmocka_unit_test(cones_are_those_of_scheinfein_and_isaacson),
	    cmocka_unit_test(windows_add_up),
	    cmocka_unit_test(faster_electrons_ionise_less),
	    cmocka_unit_test(what_has_no_cross_section),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
