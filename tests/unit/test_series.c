/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Series of spectra: what is let in, and the noise. */
#include "forecast/series.h"

#include "series_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static int clean(float *f, size_t n, struct em_error *err)
{
	*err = (struct em_error){0};
	return em_series_clean(f, n, err);
}

static void missing_and_saturated(void **state)
{
	float zero[4] = {0}, nothing[4] = {NAN, INFINITY, NAN, -INFINITY},
	      full[8] = {3, 65535, 65535, 65535, 9, 65535, 8, NAN};
	struct em_error err;

	(void)state;
	assert_int_equal(clean(zero, 4, &err), 0);
	assert_int_equal(clean(nothing, 4, &err), 0);
	for (int i = 0; i < 4; i++)
		assert_true(isnan(zero[i]) && isnan(nothing[i]));
	assert_int_equal(clean(full, 8, &err), 0);
	assert_true(full[0] == 3 && isnan(full[1]) && isnan(full[2]) && isnan(full[3]) && full[4] == 9);
	assert_true(full[5] == 65535 && full[6] == 8 && isnan(full[7])); /* one alone is no plateau */
}

static void constant_and_negative(void **state)
{
	float constant[3] = {7, 7, 7}, negative[4] = {100, 50, -5, 3}, noise[4] = {100, 50, -1, 3};
	struct em_error err;

	(void)state;
	assert_int_equal(clean(constant, 3, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, "constant"));
	assert_int_equal(clean(negative, 4, &err), -1);
	assert_non_null(strstr(err.text, "negative"));
	assert_int_equal(clean(noise, 4, &err), 0);
	assert_true(noise[2] == -1);
}

static struct em_sample sample(const char *key, int ndim, const size_t *shape, double scale, const char *units)
{
	struct em_sample s = {0};
	struct em_array a;

	assert_int_equal(em_array_alloc(&a, EM_F32, ndim, shape, NULL), 0);
	for (size_t i = 0; i < em_array_count(&a); i++)
		((float *)a.data)[i] = (float)(i + 1);
	em_axis_set(&a.axis[ndim - 1], "energy", scale, 400, units);
	assert_int_equal(em_sample_set_key(&s, key, NULL), 0);
	assert_int_equal(em_sample_take_data(&s, &a, NULL), 0);
	return s;
}

static int add(struct em_series_set *set, const char *key, int ndim, const size_t *shape, double scale,
               const char *units, struct em_error *err)
{
	struct em_sample s = sample(key, ndim, shape, scale, units);
	int status = em_series_set_add(set, &s, err);

	em_sample_release(&s);
	return status;
}

static void samples_become_series(void **state)
{
	const size_t one[] = {16}, rows[] = {3, 16}, other[] = {17}, cube[] = {2, 2, 16};
	struct em_series_set set = {0};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(add(&set, "a/f0", 1, one, 0.5, "eV", &err), 0);
	assert_int_equal(add(&set, "a/f1", 1, one, 0.5, "eV", &err), 0);
	assert_int_equal(add(&set, "b/f0", 1, one, 0.5, "eV", &err), 0);
	assert_int_equal(add(&set, "c", 2, rows, 0.5e-3, "keV", NULL), -1); /* 0.5 eV, but from 400 keV */
	assert_int_equal(add(&set, "c", 2, rows, 0.5, "eV", &err), 0);
	assert_int_equal(set.count, 3);
	assert_int_equal(set.series[0].count, 2);
	assert_int_equal(set.series[2].count, 3);
	assert_string_equal(set.series[2].name, "c");
	assert_true(set.series[2].frame[16] == 17);
	assert_int_equal(add(&set, "d/f0", 1, one, 0.5, "", &err), -1);
	assert_non_null(strstr(err.text, "energy"));
	assert_int_equal(add(&set, "d/f0", 1, other, 0.5, "eV", &err), -1);
	assert_non_null(strstr(err.text, "another energy axis"));
	assert_int_equal(add(&set, "d/f0", 3, cube, 0.5, "eV", &err), -1);
	assert_int_equal(set.count, 3);
	em_series_set_release(&set);
}

/* Places in a stack tell what did not come: of each frame, or of every fifth. */
static void absent_spectra(void **state)
{
	const struct {
		double place;
		size_t absent;
	} come[] = {{4, 0},  {5, 0},  {6, 0},  {9, 2},  {10, 0}, {3, 0}, /* anew */
	            {13, 0}, {23, 0}, {53, 2}, {58, 0}, {63, 0}, {1068, 200}, {6073, 1000}};
	struct em_series_clock clock = {0};
	const size_t shape = 16;
	struct em_error err = {0};
	struct em_sample s = sample("a/f", 1, &shape, 0.5, "eV");
	struct em_series_set set = {0};
	char text[80];
	size_t absent;

	(void)state;
	for (size_t i = 0; i < sizeof(come) / sizeof(*come); i++) {
		snprintf(text, sizeof(text), "[{\"index\":%g,\"size\":9999}]", come[i].place);
		assert_int_equal(em_record_set(&s.record, "stack", text, NULL), 0);
		assert_int_equal(em_series_absent(&clock, &s, &absent, &err), 0);
		assert_int_equal(absent, come[i].absent);
		assert_int_equal(i < 5 ? em_series_set_add(&set, &s, &err) : 0, 0);
	}
	assert_int_equal(set.series[0].count, 7);
	assert_true(set.series[0].frame[2 * 16 + 3] == 4 && set.series[0].frame[5 * 16 + 3] == 4);
	for (size_t i = 3 * 16; i < 5 * 16; i++)
		assert_true(isnan(set.series[0].frame[i]));
	assert_int_equal(em_record_set(&s.record, "stack", "[{\"index\":0},{\"index\":3}]", NULL), 0);
	assert_int_equal(em_series_absent(&clock, &s, &absent, &err), 0);
	clock = (struct em_series_clock){7, 1, true};
	assert_int_equal(em_record_set(&s.record, "stack", "[{\"index\":1009}]", NULL), 0);
	assert_int_equal(em_series_absent(&clock, &s, &absent, &err), -1);
	assert_non_null(strstr(err.text, "1001 spectra are absent"));
	clock = (struct em_series_clock){7, 1, true};
	assert_int_equal(em_record_set(&s.record, "stack", "[{\"index\":1e300}]", NULL), 0);
	assert_int_equal(em_series_absent(&clock, &s, &absent, &err), -1);
	em_sample_release(&s);
	em_series_set_release(&set);
}

/* Poisson's noise is 1, with drift and fading too; a detector of gain 4 has twice that. */
static void noise_is_measured(void **state)
{
	struct course c = {.frames = 40, .channels = 500, .counts = 900, .fade = 0.005, .drift = 0.2, .seed = 3};
	struct em_series s = course_series(&c, NULL);

	(void)state;
	assert_true(fabs(em_series_noise(&s) - 1) < 0.01);
	for (size_t i = 0; i < s.count * c.channels; i++)
		s.frame[i] *= 4;
	assert_true(fabs(em_series_noise(&s) - 2) < 0.02);
	s.count = 2;
	assert_true(isnan(em_series_noise(&s)));
	s.count = 40;
	em_series_release(&s);
}

static void marks_tell_series_apart(void **state)
{
	struct course c = {.frames = 4, .channels = 100, .counts = 900, .seed = 3};
	struct em_series a = course_series(&c, NULL), b = course_series(&c, NULL), other;

	(void)state;
	c.seed = 4;
	other = course_series(&c, NULL);
	assert_true(em_series_mark(&a) == em_series_mark(&b));
	assert_true(fabs(em_series_mark(&a) / em_series_mark(&other) - 1) > 1e-6);
	em_series_release(&a);
	em_series_release(&b);
	em_series_release(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(missing_and_saturated), cmocka_unit_test(constant_and_negative),
	    cmocka_unit_test(samples_become_series), cmocka_unit_test(absent_spectra),
	    cmocka_unit_test(noise_is_measured),     cmocka_unit_test(marks_tell_series_apart)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
