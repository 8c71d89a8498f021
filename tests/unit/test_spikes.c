/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Spikes that were put into spectra, and sharp lines that were not. */
#include "eels/spikes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lowloss_help.h"

#define N 600
#define ROWS 8
#define COLS 9

static const struct em_energy CORE = {N, 400, 0.3}, LOW = {N, -40, 0.3};
static float spectra[ROWS * COLS][N], clean[ROWS * COLS][N];

/* A power law, an edge and two lines of so many channels at half maximum, `at` channels in. */
static void make_edge(float *y, double counts, double line, double width, double at)
{
	for (size_t i = 0; i < N; i++) {
		double x = (double)i - at, s = width / FWHM_OF_SIGMA;

		y[i] = (float)(counts * (pow(1 + (double)i / 1300, -3) + (x > 0 ? 0.3 : 0)) +
		               line * (exp(-x * x / 2 / s / s) + 0.8 * exp(-(x - 18) * (x - 18) / 2 / s / s)));
	}
}

static size_t remove_all(size_t rows, size_t cols, const struct em_energy *e, struct em_spikes *found)
{
	struct em_spikes_options o = {.threads = 2};

	assert_int_equal(em_spikes_remove(spectra[0], rows, cols, e, &o, found, NULL), 0);
	return found->count;
}

static size_t count_all(size_t rows, size_t cols, const struct em_energy *e)
{
	struct em_spikes found;
	size_t n = remove_all(rows, cols, e, &found);

	em_spikes_release(&found);
	return n;
}

/* ---- what is none ---- */

static void sharp_lines_stay(void **state)
{
	(void)state;
	for (double width = 2; width < 6; width *= 1.2)
		for (double at = 200; at < 201; at += 0.1)
			for (int k = 0; k < 3; k++) {
				make_edge(spectra[0], 1000, k ? 1e5 : 2000, width, at);
				if (k < 2)
					count_electrons(spectra[0], N, (uint64_t)(at * 1000));
				memcpy(clean[0], spectra[0], sizeof(clean[0]));
				assert_int_equal(count_all(1, 1, &CORE), 0);
				assert_memory_equal(spectra[0], clean[0], sizeof(clean[0]));
			}
}

static void the_zero_loss_stays_however_sharp(void **state)
{
	(void)state;
	for (double width = 0.05; width < 3; width *= 1.5)
		for (double at = -0.3; at < 0.31; at += 0.05) {
			struct low_loss l = {1e6, at, width, 0.5, 20, 3};
			make_low_loss(spectra[0], &LOW, &l);
			count_electrons(spectra[0], N, 5);
			spectra[0][500] = NAN; /* elsewhere */
			memcpy(clean[0], spectra[0], sizeof(clean[0]));
			assert_int_equal(count_all(1, 1, &LOW), 0);
			assert_memory_equal(spectra[0], clean[0], sizeof(clean[0]));
		}
}

static void noise_stays(void **state)
{
	static const double means[] = {0.01, 0.3, 3, 100, 1e5};

	(void)state;
	for (size_t k = 0; k < 5; k++) {
		for (size_t s = 0; s < ROWS * COLS; s++) {
			for (size_t i = 0; i < N; i++)
				spectra[s][i] = (float)means[k];
			count_electrons(spectra[s], N, 100 * k + s);
		}
		for (size_t s = 0; s < ROWS * COLS; s++) { /* each by itself: the first of the array */
			memcpy(clean[0], spectra[0], sizeof(clean[0]));
			memcpy(spectra[0], spectra[s], sizeof(clean[0]));
			assert_int_equal(count_all(1, 1, &CORE), 0);
			memcpy(spectra[0], clean[0], sizeof(clean[0]));
		}
		assert_int_equal(count_all(ROWS, COLS, &CORE), 0);
		assert_int_equal(count_all(ROWS * COLS, 1, &CORE), 0);
	}
}

/* A white line in one pixel alone; sharper ones that all have, at drifting places; and the zero loss of all. */
static void lines_stay_beside_neighbours(void **state)
{
	(void)state;
	for (double width = 2.5; width < 5; width *= 1.2)
		for (double at = 200; at < 201; at += 0.2) {
			for (size_t s = 0; s < ROWS * COLS; s++) {
				make_edge(spectra[s], 1000, s == 30 ? 20000 : 0, width, at);
				count_electrons(spectra[s], N, s);
			}
			assert_int_equal(count_all(ROWS, COLS, &CORE), 0);
		}
	for (double width = 1; width < 5; width *= 1.2) {
		for (size_t s = 0; s < ROWS * COLS; s++) {
			make_edge(spectra[s], 1000 + 5 * (double)s, 30000, width, 200 + 0.037 * (double)(s * s % 19));
			count_electrons(spectra[s], N, s);
		}
		memcpy(clean, spectra, sizeof(clean));
		assert_int_equal(count_all(ROWS, COLS, &CORE), 0);
		assert_int_equal(count_all(ROWS * COLS, 1, &CORE), 0);
		for (size_t s = 0; s < ROWS * COLS; s++) {
			struct low_loss l = {1e6, 0.1 * (double)(s * s % 19), 0.3 * width, 0.5, 20, 3};
			make_low_loss(spectra[s], &LOW, &l);
			count_electrons(spectra[s], N, s);
		}
		assert_int_equal(count_all(ROWS, COLS, &LOW), 0);
	}
	assert_true(clean[0][200] > 0);
}

/* ---- what is one ---- */

static void spikes_of_one_channel_or_two_go(void **state)
{
	(void)state;
	for (size_t width = 1; width <= 2; width++)
		for (size_t at = 20; at < N - 20; at += 7) {
			struct em_spikes found;
			make_edge(spectra[0], 1000, 0, 3, 300.5);
			count_electrons(spectra[0], N, at);
			memcpy(clean[0], spectra[0], sizeof(clean[0]));
			spectra[0][at] += 3000;
			if (width == 2)
				spectra[0][at + 1] += 1500;
			assert_int_equal(remove_all(1, 1, &CORE, &found), 1);
			assert_true(found.at[0].spectrum == 0 && found.at[0].first == at && found.at[0].count == width);
			assert_true(fabs(found.at[0].excess - (width == 2 ? 4500 : 3000)) < 600);
			for (size_t i = 0; i < N; i++)
				assert_true(fabsf(spectra[0][i] - clean[0][i]) <
				            (i >= at && i < at + width ? 350 : 1e-9F));
			em_spikes_release(&found);
		}
}

/* On three channels, on a white line that all have: the neighbours say what was there. */
static void neighbours_show_wider_ones(void **state)
{
	static const size_t hit[] = {0, 13, 40, ROWS * COLS - 1};

	(void)state;
	for (int series = 0; series < 2; series++)
		for (size_t at = 150; at < 230; at += 3) {
			struct em_spikes found;
			for (size_t s = 0; s < ROWS * COLS; s++) {
				make_edge(spectra[s], 1000 + 10 * (double)s, 1500, 4, 200);
				memcpy(clean[s], spectra[s], sizeof(clean[s]));
				count_electrons(spectra[s], N, s);
			}
			for (size_t k = 0; k < 4; k++) {
				spectra[hit[k]][at - 1] += 3000;
				spectra[hit[k]][at] += 6000;
				spectra[hit[k]][at + 1] += 2500;
			}
			assert_int_equal(remove_all(series ? ROWS * COLS : ROWS, series ? 1 : COLS, &CORE, &found), 4);
			for (size_t k = 0; k < 4; k++) {
				assert_int_equal(found.at[k].spectrum, hit[k]);
				assert_true(found.at[k].first == at - 1 && found.at[k].count == 3);
				for (size_t i = at - 1; i <= at + 1; i++)
					assert_true(fabsf(spectra[hit[k]][i] - clean[hit[k]][i]) <
					            0.12F * clean[hit[k]][i]);
			}
			em_spikes_release(&found);
		}
}

/* At the ends of the axis one side tells: of a spectrum alone one channel, beside neighbours three. */
static void spikes_at_the_ends_go(void **state)
{
	struct em_spikes found;

	(void)state;
	for (size_t width = 1; width <= EM_SPIKE_CHANNELS; width++)
		for (int last = 0; last < 2; last++)
			for (int alone = 0; alone < 2; alone++) {
				size_t rows = alone ? 1 : ROWS, cols = alone ? 1 : COLS, at = alone ? 0 : 3 * COLS + 4;
				size_t first = last ? N - width : 0;

				for (size_t s = 0; s < rows * cols; s++) {
					make_edge(spectra[s], 1000, 5000, 8, 200);
					count_electrons(spectra[s], N, s + 1);
				}
				memcpy(clean, spectra, sizeof(clean));
				for (size_t k = 0; k < width; k++)
					spectra[at][first + k] += 4000;
				assert_int_equal(remove_all(rows, cols, &CORE, &found), !alone || width == 1);
				if (found.count) {
					assert_int_equal(found.at[0].spectrum, at);
					assert_int_equal(found.at[0].first, first);
					assert_int_equal(found.at[0].count, width);
					for (size_t k = 0; k < width; k++)
						assert_true(fabsf(spectra[at][first + k] - clean[at][first + k]) < 200);
				}
				em_spikes_release(&found);
			}
}

static void what_is_not_finite_stays(void **state)
{
	(void)state;
	make_edge(spectra[0], 1000, 0, 3, 300);
	count_electrons(spectra[0], N, 9);
	spectra[0][100] = NAN;
	spectra[0][103] = 1e6F; /* near it: nothing can be said */
	spectra[0][200] = INFINITY;
	spectra[0][400] = 1e5F;
	assert_int_equal(count_all(1, 1, &CORE), 1);
	assert_true(isnan(spectra[0][100]) && isinf(spectra[0][200]) && spectra[0][400] < 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sharp_lines_stay),
	    cmocka_unit_test(the_zero_loss_stays_however_sharp),
	    cmocka_unit_test(noise_stays),
	    cmocka_unit_test(lines_stay_beside_neighbours),
	    cmocka_unit_test(spikes_of_one_channel_or_two_go),
	    cmocka_unit_test(neighbours_show_wider_ones),
	    cmocka_unit_test(spikes_at_the_ends_go),
	    cmocka_unit_test(what_is_not_finite_stays),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
