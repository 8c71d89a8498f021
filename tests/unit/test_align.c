/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Spectra moved by known shifts. */
#include "eels/align.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lowloss_help.h"

#define N 512
#define MANY 60

static const struct em_energy AXIS = {N, 400, 0.3};
static const struct em_energy_window TI = {450, 480};
static float spectra[MANY][N], out[N], back[N];

/* A power law, a step and two white lines, all moved up by `ev`. */
static void make_edge(float *y, double ev, double counts)
{
	for (size_t i = 0; i < N; i++) {
		double at = em_energy_at(&AXIS, (double)i) - ev, step = (1 + erf((at - 456) / 1.5)) / 2;
		double l3 = exp(-pow((at - 458) / 1.0, 2)), l2 = exp(-pow((at - 464) / 1.2, 2));

		y[i] = (float)(counts * (pow(at / 400, -3) + 0.3 * step * pow(at / 456, -3) + 0.5 * l3 + 0.4 * l2));
	}
}

/* ---- the shift ---- */

struct moments {
	double sum, mean, variance;
};

static struct moments moments_of(const float *y)
{
	struct moments m = {0};

	for (size_t i = 0; i < N; i++) {
		m.sum += y[i];
		m.mean += y[i] * (double)i;
	}
	m.mean /= m.sum;
	for (size_t i = 0; i < N; i++)
		m.variance += y[i] * ((double)i - m.mean) * ((double)i - m.mean) / m.sum;
	return m;
}

static void counts_mean_and_width_are_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++)
		spectra[0][i] = (float)(i == 200 || i == 231 ? 1000 : 0); /* as sharp as can be */
	struct moments before = moments_of(spectra[0]);
	for (double by = -7.9; by < 8; by += 0.3) {
		em_shift_spectrum(spectra[0], N, by, 0, out);
		struct moments after = moments_of(out);
		assert_true(fabs(after.sum / before.sum - 1) < 1e-6);
		assert_true(fabs(after.mean - before.mean - by) < 1e-4);
		assert_true(fabs(after.variance - before.variance) < 1e-3);
	}
}

static void whole_channels_are_exact(void **state)
{
	(void)state;
	make_edge(spectra[0], 0, 1000);
	em_shift_spectrum(spectra[0], N, 3, -1, out);
	assert_memory_equal(out + 3, spectra[0], (N - 3) * sizeof(*out));
	assert_true(out[0] == -1 && out[2] == -1);
	em_shift_spectrum(spectra[0], N, -3, NAN, out);
	assert_memory_equal(out, spectra[0] + 3, (N - 3) * sizeof(*out));
	assert_true(isnan(out[N - 1]) && !isnan(out[N - 4]));
	em_shift_spectrum(spectra[0], N, 1e30, 0, out);
	em_shift_spectrum(spectra[0], N, NAN, 0, out);
	for (size_t i = 0; i < N; i++)
		assert_true(out[i] == 0);
}

/* The same of curves, held beyond their ends. */
static void curves_are_held(void **state)
{
	double in[20], moved[20];

	(void)state;
	for (int i = 0; i < 20; i++)
		in[i] = 3 + 0.5 * i - 0.25 * i * i;
	em_shift_curve(in, 20, 1.3, moved);
	for (int i = 3; i < 18; i++) {
		double x = i - 1.3;

		assert_true(fabs(moved[i] - (3 + 0.5 * x - 0.25 * x * x)) < 1e-12);
	}
	assert_true(fabs(moved[0] - in[0]) < 1e-12);
	em_shift_curve(in, 20, 1e300, moved); /* all beyond */
	assert_true(fabs(moved[19] - in[0]) < 1e-12);
	em_shift_curve(in, 20, -7, moved);
	assert_true(fabs(moved[2] - in[9]) < 1e-12);
}

static void parabolas_are_exact_and_spectra_come_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < N; i++)
		spectra[0][i] = (float)(((double)i - 100) * ((double)i - 100));
	em_shift_spectrum(spectra[0], N, 0.3, 0, out);
	for (size_t i = 1; i < N; i++)
		assert_true(fabs(out[i] - ((double)i - 100.3) * ((double)i - 100.3)) < 0.02);
	make_edge(spectra[0], 0, 10000);
	em_shift_spectrum(spectra[0], N, 2.4, 0, out);
	em_shift_spectrum(out, N, -2.4, 0, back);
	for (size_t i = 8; i + 8 < N; i++) /* lines of 5 channels at half maximum: to half a per cent of their height */
		assert_true(fabs(back[i] - spectra[0][i]) < 50);
}

static void noise_is_as_the_header_says(void **state)
{
	static const double at[] = {0.5, 0.25}, says[] = {0.64, 0.82};
	struct em_random r;

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		double in = 0, after = 0;
		em_random_seed(&r, 1, k);
		for (int j = 0; j < MANY; j++) {
			for (size_t i = 0; i < N; i++)
				spectra[0][i] = (float)em_random_normal(&r);
			em_shift_spectrum(spectra[0], N, at[k], 0, out);
			for (size_t i = 4; i + 4 < N; i++) {
				in += spectra[0][i] * spectra[0][i];
				after += out[i] * out[i];
			}
		}
		assert_true(fabs(after / in - says[k]) < 0.03);
	}
}

static void what_all_have_in_common(void **state)
{
	const double some[] = {0, 2.5, -1.25, NAN}, none[] = {300, -300}, far[] = {INFINITY, 1};

	(void)state;
	struct em_energy_span s = em_shift_common(some, 4, N);
	assert_true(s.first == 3 && s.count == N - 3 - 2);
	for (size_t i = 0; i < 3; i++) {
		em_shift_spectrum(spectra[0], N, some[i], NAN, out);
		assert_true(!isnan(out[s.first]) && !isnan(out[s.first + s.count - 1]));
	}
	assert_true(em_shift_common(none, 2, N).count == 0);
	assert_true(em_shift_common(far, 2, N).count == N - 1);
}

/* ---- finding it ---- */

static void sets_are_aligned_by_their_zero_loss(void **state)
{
	const struct em_energy e = {N, -40.1, 0.3};
	struct low_loss l = {1e6, 0, 1.2, 0.5, 22, 3};
	struct em_shift shift[4];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		l.at = 0.13 * (double)i;
		make_low_loss(spectra[i], &e, &l);
	}
	memset(spectra[3], 0, sizeof(spectra[3]));
	assert_int_equal(em_align_zeroloss(spectra[0], 4, &e, 2, shift), 1);
	assert_true(isnan(shift[3].channels) && isnan(shift[3].error));
	for (size_t i = 0; i < 3; i++) {
		em_shift_spectrum(spectra[i], N, -shift[i].channels, 0, out);
		assert_true(out[134] > out[133] && out[134] > out[135]); /* 0.1 eV, the first at or above 0 */
		assert_true(fabs(shift[i].channels - (l.at = 0.13 * (double)i, (l.at - 0.1) / 0.3)) < 0.01);
	}
}

/* The error is that of Poisson's counts: what many scatter by. */
static void single_shifts_and_their_errors(void **state)
{
	double first = 0, second = 0, stated = 0;

	(void)state;
	make_edge(out, 0, 400);
	struct em_align *a = em_align_new(out, &AXIS, &TI, 6, NULL);
	assert_non_null(a);
	for (int i = 0; i < 300; i++) {
		double ev = -4 + 8 * i / 299.0;
		struct em_shift s;
		make_edge(spectra[0], ev, 250);
		count_electrons(spectra[0], N, (uint64_t)i);
		assert_int_equal(em_align_measure(a, spectra[0], &s, NULL), 0);
		double off = s.channels - ev / AXIS.scale;
		first += off / 300;
		second += off * off / 300;
		stated += s.error * s.error / 300;
	}
	em_align_free(a);
	assert_true(fabs(first) < 3 * sqrt(second / 300));
	assert_true(sqrt(second / stated) > 0.85 && sqrt(second / stated) < 1.15);
}

static double drift(size_t i)
{
	return 0.4 * sin((double)i / 7) + 1.5 * (double)i / MANY;
}

static void series_are_aligned_and_come_back(void **state)
{
	static struct em_shift shift[MANY];
	size_t lost = 7;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		make_edge(spectra[i], drift(i), 5000 * (1 - 0.3 * (double)i / MANY)); /* and it decays */
		count_electrons(spectra[i], N, i + 1);
	}
	spectra[20][200] = NAN; /* 460 eV */
	for (size_t i = 0; i < N; i++)
		spectra[21][i] = 0;
	assert_int_equal(em_align_series(spectra[0], MANY, &AXIS, &TI, 5, 2, shift, &lost, NULL), 0);
	assert_int_equal(lost, 2);
	assert_true(isnan(shift[20].channels) && isnan(shift[21].channels));
	assert_true(shift[0].channels == 0);
	double square = 0, stated = 0;
	for (size_t i = 1; i < MANY; i++)
		if (i != 20 && i != 21) {
			double off = shift[i].channels - (drift(i) - drift(0)) / AXIS.scale;
			square += off * off / (MANY - 3);
			stated += (shift[i].error * shift[i].error + shift[0].error * shift[0].error) / (MANY - 3);
			assert_true(fabs(off) < 0.2);
		}
	assert_true(sqrt(square / stated) < 1.6); /* the first's own error is in all */
}

static void what_cannot_be_aligned(void **state)
{
	const struct em_energy_window off = {380, 450}, narrow = {401, 406}, smooth = {402, 440};
	struct em_shift s = {7, 7};
	struct em_error err = {0};

	(void)state;
	make_edge(out, 0, 100);
	assert_null(em_align_new(out, &AXIS, &off, 6, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_null(em_align_new(out, &AXIS, &narrow, 6, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_null(em_align_new(out, &AXIS, &TI, 1e9, &err));
	assert_null(em_align_new(out, &AXIS, &TI, NAN, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	struct em_align *a = em_align_new(out, &AXIS, &smooth, 3, NULL); /* a power law looks like itself, scaled */
	assert_non_null(a);
	make_edge(spectra[0], 1, 100);
	count_electrons(spectra[0], N, 3);
	assert_int_equal(em_align_measure(a, spectra[0], &s, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_true(s.channels == 7);
	em_align_free(a);
	out[200] = INFINITY;
	assert_null(em_align_new(out, &AXIS, &TI, 6, &err));
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_align_series(spectra[0], 0, &AXIS, &TI, 5, 1, &s, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	for (size_t i = 0; i < MANY; i++)
		for (size_t k = 0; k < N; k++)
			spectra[i][k] = 3;
	assert_int_equal(em_align_series(spectra[0], MANY, &AXIS, &TI, 5, 1, &s, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_true(s.channels == 7);
}

/* In doubles 4.2 / 0.3 is 14 and two of its last bits. */
static void zero_is_the_channel_at_it(void **state)
{
	(void)state;
	assert_true(em_align_zero_channel(&(struct em_energy){100, -4.2, 0.3}) == 14);
	assert_true(em_align_zero_channel(&(struct em_energy){100, -4.1, 0.3}) == 14);
	assert_true(em_align_zero_channel(&(struct em_energy){100, -4.3, 0.3}) == 15);
	assert_true(em_align_zero_channel(&(struct em_energy){100, 0, 0.3}) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(zero_is_the_channel_at_it),
	    cmocka_unit_test(counts_mean_and_width_are_kept),
	    cmocka_unit_test(whole_channels_are_exact),
	    cmocka_unit_test(parabolas_are_exact_and_spectra_come_back),
	    cmocka_unit_test(curves_are_held),
	    cmocka_unit_test(noise_is_as_the_header_says),
	    cmocka_unit_test(what_all_have_in_common),
	    cmocka_unit_test(sets_are_aligned_by_their_zero_loss),
	    cmocka_unit_test(single_shifts_and_their_errors),
	    cmocka_unit_test(series_are_aligned_and_come_back),
	    cmocka_unit_test(what_cannot_be_aligned),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
