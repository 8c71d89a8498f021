/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edges of single scattering, blurred and scattered again by a low loss that is known. */
#include "eels/deconvolve.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lowloss_help.h"

#define N 700
#define ONSET 120 /* a channel */

static const struct em_energy LOW = {1024, -40, 0.3}, CORE = {N, 420, 0.3};
static float low[1024], edge[N], variance[N], clean[N];
static double truth[N];

/* An edge of single scattering as it is before the spectrometer: lines of 0.5 and 0.7 eV and a step. */
static double single(double ev)
{
	double from = ev - em_energy_at(&CORE, ONSET);

	return (from > 3 ? 300 * pow(ev / 456, -4) : 0) + 900 * in_channel(from - 2, 0.3, 0.5) +
	       700 * in_channel(from - 7, 0.3, 0.7);
}

/* `single` seen with plasmons of a share a^n / n! each, blurred by sigma: a sum over fine steps. */
static double seen(double ev, double t, double sigma, const struct low_loss *l, int plasmons)
{
	double sum = 0, share = 1;

	for (int n = 0; n <= plasmons; n++) {
		double s = sqrt(sigma * sigma + n * l->plasmon_s * l->plasmon_s), step = s / 8;
		for (double x = -5 * s; x <= 5 * s; x += step)
			sum += share * single(ev - n * l->plasmon - x) * exp(-x * x / 2 / s / s) * step /
			       (s * sqrt(2 * acos(-1)));
		share *= t / (n + 1);
	}
	return sum * exp(-t);
}

/* edge: with plural scattering; truth: without, blurred by a line of `width` eV */
static void make(double t, double at, double width)
{
	struct low_loss l = {2e6, at, 1.0, t, 21, 2.5};

	make_low_loss(low, &LOW, &l);
	for (size_t i = 0; i < N; i++) {
		double ev = em_energy_at(&CORE, (double)i);
		edge[i] = (float)seen(ev, t, l.width / FWHM_OF_SIGMA, &l, 9);
		truth[i] = seen(ev, 0, width / FWHM_OF_SIGMA, &l, 0) * exp(-t);
	}
}

static struct em_deconvolve *prepare(double gaussian, enum em_zeroloss_model model)
{
	struct em_deconvolve_options o = {gaussian, model, 5};
	struct em_error err = {0};
	struct em_deconvolve *d = em_deconvolve_new(low, &LOW, &CORE, &o, &err);

	if (!d)
		fail_msg("%s", err.text);
	return d;
}

static void compare(double bound)
{
	for (size_t i = 0; i + 12 < N; i++)
		if (fabs(edge[i] - truth[i]) > bound)
			fail_msg("channel %zu: %g, not %g", i, edge[i], truth[i]);
}

/* A per cent of the highest (about 500) and less, to the last channels. */
static void single_scattering_comes_back(void **state)
{
	(void)state;
	for (double t = 0.3; t < 1.6; t += 0.4)
		for (double at = -3.05; at < 0.5; at += 1.6) {
			make(t, at, 1.0);
			struct em_deconvolve *d = prepare(0, EM_ZEROLOSS_CUT);
			assert_true(fabs(em_deconvolve_left(d) - exp(-t)) < 0.002 * exp(-t));
			assert_int_equal(em_deconvolve_run(d, edge, NULL, NULL), 0);
			compare(3);
			em_deconvolve_free(d);
		}
}

static void mirrored_and_gaussian_lines_as_well(void **state)
{
	static const struct {
		double gaussian;
		enum em_zeroloss_model model;
		double bound;
	} how[] = {{0, EM_ZEROLOSS_MIRROR, 3},
	           {1.0, EM_ZEROLOSS_CUT, 3},
	           {1.6, EM_ZEROLOSS_CUT, 3},
	           {0.8, EM_ZEROLOSS_MIRROR, 8}}; /* sharper than it was seen */

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		make(0.9, -0.62, how[k].gaussian > 0 ? how[k].gaussian : 1.0);
		struct em_deconvolve *d = prepare(how[k].gaussian, how[k].model);
		assert_int_equal(em_deconvolve_run(d, edge, NULL, NULL), 0);
		compare(how[k].bound);
		em_deconvolve_free(d);
	}
}

/* Far from its ends, all counts of an edge are there, times I_0 / I_t. */
static void counts_are_kept(void **state)
{
	(void)state;
	for (double t = 0.3; t < 1.6; t += 0.6) {
		double before = 0, after = 0;
		make(t, 0.1, 1.0);
		struct em_deconvolve *d = prepare(0, EM_ZEROLOSS_CUT);
		memset(edge, 0, sizeof(edge));
		for (int i = 0; i < 40; i++)
			edge[100 + i] = (float)(1000 * pow(sin(acos(-1) * i / 40), 2));
		for (size_t i = 0; i < N; i++)
			before += edge[i];
		assert_int_equal(em_deconvolve_run(d, edge, NULL, NULL), 0);
		for (size_t i = 0; i < N; i++)
			after += edge[i];
		assert_true(fabs(after / before / em_deconvolve_left(d) - 1) < 0.002);
		em_deconvolve_free(d);
	}
}

/* On a background: the stated variance is what is seen, and there is no bias. */
static void noise_is_as_stated(void **state)
{
	(void)state;
	for (double t = 0.3; t < 1.6; t += 0.6)
		for (int line = 0; line < 2; line++) {
			double chi2 = 0, off = 0, used = 0;
			make(t, 0.07, line ? 1.5 : 1.0);
			memcpy(clean, edge, sizeof(clean));
			count_electrons(low, LOW.channels, 99);
			struct em_deconvolve *d = prepare(line ? 1.5 : 0, EM_ZEROLOSS_CUT);
			for (uint64_t seed = 1; seed <= 30; seed++) {
				for (size_t i = 0; i < N; i++)
					edge[i] = clean[i] + 400;
				count_electrons(edge, N, seed);
				for (size_t i = 0; i < N; i++) {
					variance[i] = clean[i] + 400;
					edge[i] -= 400;
				}
				assert_int_equal(em_deconvolve_run(d, edge, variance, NULL), 0);
				for (size_t i = 100; i + 20 < N; i++) {
					double z = (edge[i] - truth[i]) / sqrt(variance[i]);
					chi2 += z * z;
					off += z;
					used++;
				}
			}
			em_deconvolve_free(d);
			assert_true(fabs(chi2 / used - 1) < 0.06);
			assert_true(fabs(off / used) < 0.06);
		}
}

static void noise_is_bounded(void **state)
{
	double in = 0, out = 0;

	(void)state;
	make(1.5, 0, 1.0);
	count_electrons(low, LOW.channels, 7);
	struct em_deconvolve *d = prepare(0, EM_ZEROLOSS_CUT);
	struct em_random r;
	em_random_seed(&r, 3, 0);
	for (size_t i = 0; i < N; i++) {
		edge[i] = (float)em_random_normal(&r);
		in += edge[i] * edge[i];
	}
	assert_int_equal(em_deconvolve_run(d, edge, NULL, NULL), 0);
	for (size_t i = 0; i < N; i++)
		out += edge[i] * edge[i];
	assert_true(out < 1.3 * in);
	em_deconvolve_free(d);
}

static void what_cannot_be(void **state)
{
	const struct em_energy other = {N, 420, 0.5};
	struct em_deconvolve_options o = {0, EM_ZEROLOSS_CUT, 0};
	struct em_error err = {0};

	(void)state;
	make(0.5, 0, 1);
	assert_null(em_deconvolve_new(low, &LOW, &other, &o, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	o.gaussian = 0.3;
	assert_null(em_deconvolve_new(low, &LOW, &CORE, &o, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	o.gaussian = 0;
	struct em_deconvolve *d = em_deconvolve_new(low, &LOW, &CORE, &o, &err);
	assert_non_null(d);
	edge[3] = NAN;
	memcpy(clean, edge, sizeof(edge));
	assert_int_equal(em_deconvolve_run(d, edge, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_memory_equal(clean, edge, sizeof(edge));
	em_deconvolve_free(d);
	memset(low, 0, sizeof(low));
	assert_null(em_deconvolve_new(low, &LOW, &CORE, &o, &err));
	assert_int_equal(err.kind, EM_ERROR_DATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(single_scattering_comes_back),
	    cmocka_unit_test(mirrored_and_gaussian_lines_as_well),
	    cmocka_unit_test(counts_are_kept),
	    cmocka_unit_test(noise_is_as_stated),
	    cmocka_unit_test(noise_is_bounded),
	    cmocka_unit_test(what_cannot_be),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
