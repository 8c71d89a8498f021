/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real low losses and series: the thickness that the list of the data gives, and the drift.  Files that are not there
 * are skipped, and it is said. */
#include "eels/align.h"
#include "eels/spikes.h"
#include "eels/thickness.h"
#include "io/input.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct series {
	struct em_array a;
	struct em_energy e;
	size_t count;
};

/* False where the file is not there. */
static bool read_series(struct series *s, const char *name)
{
	const struct em_input_options whole = {0};
	const char *named = getenv("EM_DATA");
	struct em_array view, owned = {0};
	struct em_error err = {0};
	struct em_sample sample;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", named ? named : "../shared/data", name);
	if (access(path, R_OK)) {
		print_message("# skipped: no %s (set EM_DATA)\n", path);
		return false;
	}
	struct em_input *in = em_input_open(path, &whole, &err);
	assert_non_null(in);
	assert_int_equal(em_input_next(in, &sample, &err), 1);
	assert_int_equal(em_sample_data(&sample, &view, &owned, &err), 0);
	assert_int_equal(em_array_to_f32(&s->a, &view, &err), 0);
	assert_int_equal(em_energy_of_array(&s->e, &s->a, &err), 0);
	s->count = em_array_count(&s->a) / s->e.channels;
	em_array_release(&owned);
	em_sample_release(&sample);
	em_input_close(in);
	return true;
}

/* The mean over a series of t / lambda with five eV to either side of the top. */
static void has_thickness(const char *name, double listed)
{
	const struct em_thickness_options five = {EM_ZEROLOSS_CUT, 5}, found = {EM_ZEROLOSS_CUT, 0};
	double ratio = 0, free_one = 0;
	struct series s;

	if (!read_series(&s, name))
		return;
	for (size_t i = 0; i < s.count; i++) {
		const float *y = (const float *)s.a.data + i * s.e.channels;
		struct em_zeroloss z;
		struct em_thickness t;
		assert_int_equal(em_zeroloss_find(y, &s.e, &z, NULL), 0);
		assert_int_equal(z.saturated, 0);
		assert_int_equal(em_thickness_measure(y, &s.e, &z, &five, &t, NULL), 0);
		ratio += t.ratio / (double)s.count;
		assert_int_equal(em_thickness_measure(y, &s.e, &z, &found, &t, NULL), 0);
		free_one += t.ratio / (double)s.count;
	}
	print_message("# t/lambda %.4f, with the reach found %.4f; listed %.3f\n", ratio, free_one, listed);
	assert_true(fabs(ratio / listed - 1) < 0.03);
	assert_true(fabs(free_one / listed - 1) < 0.03);
	em_array_release(&s.a);
}

static void titania(void **state)
{
	(void)state;
	has_thickness("10_dm3_TiO2_quant_B3r1/SI_LL.dm3", 0.891);
}

static void titanate(void **state)
{
	(void)state;
	has_thickness("09_dm3_STO_EELS_with_model/ll.dm3", 0.499);
}

static void titanate_of_another(void **state)
{
	(void)state;
	has_thickness("08_dm_STO_EELS/SrTiO3 EELS low loss spectra.dm3", 0.649);
}

/* The drift that is listed, over the series, to 0.15 eV. */
static void drifts(const char *name, double from, double to, double listed)
{
	const struct em_energy_window window = {from, to};
	struct em_shift *shift;
	struct series s;
	size_t lost;

	if (!read_series(&s, name))
		return;
	shift = calloc(s.count, sizeof(*shift));
	assert_non_null(shift);
	assert_int_equal(em_align_series(s.a.data, s.count, &s.e, &window, 5, 2, shift, &lost, NULL), 0);
	assert_int_equal(lost, 0);
	double all = shift[s.count - 1].channels * s.e.scale;
	print_message("# drift %.3f eV; listed %.2f\n", all, listed);
	assert_true(fabs(all - listed) < 0.15);
	for (size_t i = 0; i < s.count; i++)
		assert_true(shift[i].error * s.e.scale < 0.03);
	free(shift);
	em_array_release(&s.a);
}

static void a_series_of_boron_nitride(void **state)
{
	(void)state;
	drifts("11_dm3_BN_timeseries_A3r1/HL_SI.dm3", 180, 215, -0.95);
}

static void a_series_of_titanate(void **state)
{
	(void)state;
	drifts("12_dm3_STO_timeseries_D3r1/SI_HL.dm3", 445, 480, 1.1);
}

/* Nothing within 30 eV of the white lines is taken for a spike. */
static void white_lines_are_no_spikes(void **state)
{
	const struct em_spikes_options o = {.threads = 2};
	struct em_spikes found;
	struct series s;

	(void)state;
	if (!read_series(&s, "12_dm3_STO_timeseries_D3r1/SI_HL.dm3"))
		return;
	assert_int_equal(em_spikes_remove(s.a.data, s.count, 1, &s.e, &o, &found, NULL), 0);
	for (size_t k = 0; k < found.count; k++)
		assert_true(fabs(em_energy_at(&s.e, (double)found.at[k].first) - 460) > 30);
	assert_true(found.count < s.count / 10);
	em_spikes_release(&found);
	em_array_release(&s.a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(titania),
	    cmocka_unit_test(titanate),
	    cmocka_unit_test(titanate_of_another),
	    cmocka_unit_test(a_series_of_boron_nitride),
	    cmocka_unit_test(a_series_of_titanate),
	    cmocka_unit_test(white_lines_are_no_spikes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
