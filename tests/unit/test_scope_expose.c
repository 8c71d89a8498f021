/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exposures: what is told of them, the budget of dose, and settling. */
#include "scope_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct em_scope *scope;

static void open_with_budget(double max_dose)
{
	struct em_scope_settings s = {.command = "test", .state_dir = fake_folder, .max_dose = max_dose};
	struct em_error err = {0};

	em_scope_limits_init(&s.limits);
	em_scope_close(scope);
	scope = NULL;
	if (em_scope_open_kind(&fake_kind, "fake:", &s, &scope, &err))
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	(void)state;
	fake_init();
	open_with_budget(0);
	return em_scope_dose_reset(scope, NULL);
}

static int teardown(void **state)
{
	(void)state;
	em_scope_close(scope);
	scope = NULL;
	return 0;
}

static double number(const struct em_sample *s, const char *path)
{
	double v = NAN;

	em_record_number(&s->record, path, &v);
	return v;
}

/* ---- the sample ---- */

static void a_sample_says_where_it_is(void **state)
{
	struct em_exposure e = {.detector = "CCD", .seconds = 0.5};
	struct em_sample s = {0};
	struct em_array a, owned;
	struct em_error err = {0};

	(void)state;
	fake.value[EM_STAGE_X] = fake.to[EM_STAGE_X] = 12.5e-6;
	fake.value[EM_STAGE_A] = fake.to[EM_STAGE_A] = 0.5;
	assert_int_equal(em_scope_acquire(scope, &e, "a/b", &s, &err), 0);
	assert_string_equal(s.key, "a/b");
	assert_true(fabs(number(&s, "stage.x_um") - 12.5) < 1e-9);
	assert_true(fabs(number(&s, "stage.a_deg") - 28.6478898) < 1e-6);
	assert_true(number(&s, "microscope.beam_kev") == 200 && number(&s, "microscope.magnification") == 50000);
	assert_true(fabs(number(&s, "microscope.beam_current_na") - 0.1) < 1e-12);
	assert_true(number(&s, "acquisition.exposure_s") == 0.5);
	assert_true(fabs(number(&s, "dose.e_per_A2") - 1) < 1e-9 && number(&s, "dose.counts_per_electron") == 2);
	assert_string_equal(em_record_get(&s.record, "to_stage"),
	                    "{\"um_per_px\":[[-0.001,0],[0,0.001]],\"centre_px\":[31.5,23.5]}");
	assert_int_equal(em_sample_image_view(&s, &a, &owned, NULL), 0);
	assert_true(a.shape[0] == 48 && a.shape[1] == 64 && !strcmp(a.axis[1].units, "nm") && a.axis[0].scale == 1);
	em_array_release(&owned);
	em_sample_release(&s);
}

static void patterns_and_spectra_have_their_axes(void **state)
{
	struct em_exposure e = {.detector = "CCD"};
	struct em_sample s = {0};
	struct em_array a, owned;

	(void)state;
	fake.value[EM_PROJECTION] = 1;
	assert_int_equal(em_scope_acquire(scope, &e, "a", &s, NULL), 0);
	assert_int_equal(em_sample_image_view(&s, &a, &owned, NULL), 0);
	assert_true(!strcmp(a.axis[0].units, "1/nm") && a.axis[0].scale == 1e-18);
	assert_true(a.axis[1].offset == -31.5 * a.axis[1].scale);
	assert_null(em_record_get(&s.record, "to_stage"));
	em_array_release(&owned);
	em_sample_release(&s);

	snprintf(e.detector, sizeof(e.detector), "EELS");
	assert_int_equal(em_scope_acquire(scope, &e, "a", &s, NULL), 0);
	assert_int_equal(em_sample_array(&s, "spectrum", &a, NULL), 0);
	em_record_get_axes(&s.record, &a);
	assert_true(a.ndim == 1 && a.shape[0] == 128 && a.axis[0].scale == 0.25 && a.axis[0].offset == -10);
	assert_string_equal(a.axis[0].units, "eV");
	em_array_release(&a);
	em_sample_release(&s);
}

/* 24 um at 0.8 m and 200 kV, whose wavelength is 2.5079 pm: 0.011962 1/nm a pixel. */
static void a_camera_in_a_stem_sees_a_pattern(void **state)
{
	struct em_exposure e = {.detector = "CCD", .binning = 1};
	struct em_sample s = {0};
	struct em_array a, owned;

	(void)state;
	fake.value[EM_MODE] = 1;
	fake.value[EM_CAMERA_LENGTH] = 0.8;
	fake.no_expect = true;
	assert_int_equal(em_scope_acquire(scope, &e, "a", &s, NULL), 0);
	assert_int_equal(em_sample_image_view(&s, &a, &owned, NULL), 0);
	assert_string_equal(a.axis[0].units, "1/nm");
	assert_true(fabs(a.axis[1].scale - 0.011962) < 1e-6 && a.axis[0].scale == a.axis[1].scale);
	assert_true(number(&s, "microscope.camera_length_mm") == 800);
	assert_null(em_record_get(&s.record, "to_stage"));
	em_array_release(&owned);
	em_sample_release(&s);
}

/* Where neither the instrument nor the optics tell, there is no number; 0 would be one. */
static void an_unknown_dose_is_none(void **state)
{
	struct em_exposure e = {.detector = "HAADF"};
	struct em_sample s = {0};

	(void)state;
	fake.no_expect = true;
	fake.dose = NAN;
	assert_int_equal(em_scope_acquire(scope, &e, "a", &s, NULL), 0);
	assert_null(em_record_get(&s.record, "dose"));
	em_sample_release(&s);
	fake.value[EM_BLANKED] = 1;
	assert_int_equal(em_scope_acquire(scope, &e, "a", &s, NULL), 0);
	assert_true(number(&s, "dose.e_per_A2") == 0);
	em_sample_release(&s);
}

static void the_detector_suits_the_mode(void **state)
{
	struct em_exposure e = {.binning = 1};
	struct em_scope_shot shot;
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_scope_expose(scope, &e, &shot, NULL), 0);
	assert_string_equal(shot.exposure.detector, "CCD");
	em_scope_shot_release(&shot);
	fake.value[EM_MODE] = 1;
	assert_int_equal(em_scope_expose(scope, &e, &shot, NULL), 0);
	assert_string_equal(shot.exposure.detector, "HAADF");
	em_scope_shot_release(&shot);
	snprintf(e.detector, sizeof(e.detector), "none");
	assert_int_equal(em_scope_expose(scope, &e, &shot, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	assert_non_null(strstr(err.text, "there are: CCD HAADF EELS"));
}

/* ---- the budget: 1 e/A^2 an exposure ---- */

static int expose_at(double x, struct em_error *err)
{
	struct em_exposure e = {.detector = "CCD"};
	struct em_scope_shot shot;

	fake.value[EM_STAGE_X] = fake.to[EM_STAGE_X] = x;
	if (em_scope_expose(scope, &e, &shot, err))
		return -1;
	em_scope_shot_release(&shot);
	return 0;
}

static double dose_at(double x)
{
	double most, field[4] = {x, 0, x + 1e-12, 1e-12};

	assert_int_equal(em_scope_dose(scope, field, &most, NULL), 0);
	return most * 1e-20;
}

static void doses_add_up_over_commands(void **state)
{
	struct em_error err = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		open_with_budget(3e20);
		assert_int_equal(expose_at(0, &err), 0);
	}
	open_with_budget(3e20);
	assert_int_equal(expose_at(0, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	assert_int_equal(fake.exposures, 3);
	/* 64 px of 1 nm: beside it there is budget, where they overlap by a part there is none */
	assert_int_equal(expose_at(65e-9, &err), 0);
	assert_int_equal(expose_at(-10e-9, &err), -1);
	assert_true(fabs(dose_at(0) - 3) < 1e-9 && fabs(dose_at(65e-9) - 1) < 1e-9 && dose_at(1e-6) == 0);
	fake.value[EM_BLANKED] = 1;
	assert_int_equal(expose_at(0, &err), 0);
	assert_true(fabs(dose_at(0) - 4) < 1e-9); /* the fake's shutter leaks: it says that it gave a dose */
	assert_int_equal(em_scope_dose_reset(scope, NULL), 0);
	assert_true(dose_at(0) == 0);
}

static void what_cannot_be_told_is_no_budget(void **state)
{
	struct em_error err = {0};

	(void)state;
	fake.no_expect =
	    true; /* then by the camera's pixels, the magnification, the current and the time as it is set */
	open_with_budget(3e20);
	assert_int_equal(expose_at(0, &err), -1);
	assert_non_null(strstr(err.text, "cannot be told"));
	open_with_budget(0);
	assert_int_equal(expose_at(0, &err), 0);
	assert_true(fabs(dose_at(0) - 1) < 1e-9);
}

/* Without a word of the instrument's: I t / (e A), A the field of 64 x 48 px of 24 um / 50000. */
static void a_camera_tells_by_its_pixels(void **state)
{
	struct em_exposure e = {.detector = "CCD", .seconds = 2};
	double expected = 1e-10 * 2 / 1.602176634e-19 / (64 * 48 * 480e-12 * 480e-12);
	struct em_scope_shot shot;

	(void)state;
	fake.no_expect = true;
	fake.dose = NAN;
	assert_int_equal(em_scope_expose(scope, &e, &shot, NULL), 0);
	assert_true(fabs(shot.dose / expected - 1) < 1e-9);
	em_scope_shot_release(&shot);
	/* a meter that does not see the beam shows 0: that is no dose of 0, nor within any budget */
	open_with_budget(1e25);
	assert_int_equal(em_scope_expose(scope, &e, &shot, NULL), 0);
	em_scope_shot_release(&shot);
	fake.value[EM_BEAM_CURRENT] = 0;
	assert_int_equal(em_scope_expose(scope, &e, &shot, NULL), -1);
}

/* An instrument that says so takes nothing away from what the place has had. */
static void a_dose_below_nothing_is_none(void **state)
{
	struct em_exposure e = {.detector = "CCD", .seconds = 2};
	struct em_scope_shot shot;
	double expected, before;

	(void)state;
	fake.no_expect = true;
	fake.dose = NAN;
	assert_int_equal(em_scope_expose(scope, &e, &shot, NULL), 0);
	expected = shot.dose;
	em_scope_shot_release(&shot);
	before = dose_at(0);
	fake.dose = -9e25;
	assert_int_equal(em_scope_expose(scope, &e, &shot, NULL), 0);
	assert_true(shot.dose == expected && before > 0 && fabs(dose_at(0) / before - 2) < 1e-9);
	em_scope_shot_release(&shot);
}

static void a_refused_exposure_gives_no_dose_and_a_lost_one_does(void **state)
{
	struct em_error err = {0};

	(void)state;
	fake.fault = FAKE_NO_DETECTOR;
	assert_int_equal(expose_at(0, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	assert_true(dose_at(0) == 0);
	fake.fault = FAKE_LOST_FRAME;
	assert_int_equal(expose_at(0, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNREACHABLE);
	assert_true(fabs(dose_at(0) - 1) < 1e-9);
}

/* ---- the greatest sum of rectangles, against counting on a grid ---- */

static void most_of_many(void **state)
{
	struct em_dose_field f[40];
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 50; round++) {
		double grid[20][20] = {{0}}, most = 0;

		for (int i = 0; i < 40; i++) {
			unsigned n[5];

			for (int k = 0; k < 5; k++)
				n[k] = (seed = seed * 1664525u + 1013904223u) >> 16;
			f[i].x0 = n[0] % 15;
			f[i].y0 = n[1] % 15;
			f[i].x1 = f[i].x0 + 1 + n[2] % 5;
			f[i].y1 = f[i].y0 + 1 + n[3] % 5;
			f[i].dose = 1 + n[4] % 7;
			for (int y = (int)f[i].y0; y < (int)f[i].y1; y++)
				for (int x = (int)f[i].x0; x < (int)f[i].x1; x++)
					grid[y][x] += f[i].dose;
		}
		for (int i = 0; i < 400; i++)
			most = fmax(most, grid[i / 20][i % 20]);
		assert_true(em_dose_most_of(f, 40) == most);
	}
	assert_true(em_dose_most_of(f, 0) == 0);
}

/* Exposures of one place, as often as one likes, are few fields; many places become greater fields.  No place ever has
 * less than it was given. */
static void the_list_of_doses_stays_short(void **state)
{
	static struct em_dose_meter m;
	unsigned seed = 7;
	double most;

	(void)state;
	em_dose_open(&m, "dose-of-many", NULL);
	assert_int_equal(em_dose_reset(&m, NULL), 0);
	for (int i = 0; i < 300; i++) { /* readings with 2 nm of noise, at a field of 1 um */
		double x = 5e-6 + 2e-12 * ((seed = seed * 1664525u + 1013904223u) >> 22),
		       y = 2e-12 * ((seed = seed * 1664525u + 1013904223u) >> 22);
		struct em_dose_field f = {x, y, x + 1e-6, y + 1e-6, 1};

		assert_int_equal(em_dose_add(&m, &f, NULL), 0);
	}
	assert_in_range(m.count, 1, 16);
	assert_int_equal(em_dose_most(&m, &(struct em_dose_field){5.5e-6, 0.5e-6, 5.6e-6, 0.6e-6, 0}, &most, NULL), 0);
	assert_true(most == 300);
	for (int i = 0; i < 30 * 30; i++) { /* a montage, and a walk at another magnification */
		double x = 1e-6 * (i % 30), y = 10e-6 + 1e-6 * (i / 30.0);
		struct em_dose_field f = {x, y, x + 1.1e-6, y + 1.1e-6, 2}, g = {x, -y, x + 5e-9, -y + 5e-9, 3};

		assert_int_equal(em_dose_add(&m, &f, NULL), 0);
		assert_int_equal(em_dose_add(&m, &g, NULL), 0);
		assert_true(m.count <= EM_DOSE_FIELDS);
	}
	em_dose_close(&m);
	em_dose_open(&m, "dose-of-many", NULL); /* as the next process reads it */
	for (int i = 0; i < 30 * 30; i += 7) {
		double x = 1e-6 * (i % 30), y = 10e-6 + 1e-6 * (i / 30.0);

		em_dose_most(&m, &(struct em_dose_field){x, y, x + 1e-12, y + 1e-12, 0}, &most, NULL);
		assert_true(most >= 2);
		em_dose_most(&m, &(struct em_dose_field){x, -y, x + 1e-12, -y + 1e-12, 0}, &most, NULL);
		assert_true(most >= 3);
	}
	em_dose_most(&m, &(struct em_dose_field){5.5e-6, 0.5e-6, 5.6e-6, 0.6e-6, 0}, &most, NULL);
	assert_true(most >= 300 && most < 310);
	em_dose_most(&m, &(struct em_dose_field){-1e-3, -1e-3, -9e-4, -9e-4, 0}, &most, NULL);
	assert_true(most == 0);
	/* nothing of it is more than what all of the places around it had */
	em_dose_most(&m, &(struct em_dose_field){0, 10e-6, 50e-6, 60e-6, 0}, &most, NULL);
	assert_in_range(most, 8, 64);
	em_dose_close(&m);
	unlink("dose-of-many");
}

static void a_broken_dose_file_is_told_of(void **state)
{
	static const char *const bad[] = {"",
	                                  "nonsense\n",
	                                  "fields 1\n",
	                                  "fields 1\n0 0 1 1\n",
	                                  "fields 1\n0 0 1 1 nan\n",
	                                  "fields 1\n0 0 1 1 -5\n",
	                                  "fields 1\n0 0 1 1 5",
	                                  "fields 1\n0 0 1 1 5 6\n",
	                                  "fields -1\n",
	                                  "fields 1\n0 0 1 1 5\n0 0 1 1 5\n",
	                                  "fields 1025\n",
	                                  "fields 1"};
	char *path = em_scope_file(fake_folder, "fake:", "dose"),
	     *cut = em_scope_file(fake_folder, "fake:", "dose.new");
	FILE *f;

	(void)state;
	assert_int_equal(expose_at(0, NULL), 0);
	/* a writer that was killed leaves this, and the old file as it was */
	f = fopen(cut, "w");
	fputs("+1.000000000e-06 +1.0", f);
	fclose(f);
	open_with_budget(0);
	assert_int_equal(expose_at(0, NULL), 0);
	open_with_budget(0);
	assert_true(fabs(dose_at(0) - 2) < 1e-9);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_error err = {0};

		f = fopen(path, "w");
		fputs(bad[i], f);
		fclose(f);
		open_with_budget(0);
		assert_int_equal(em_scope_dose(scope, (double[]){0, 0, 1, 1}, &(double){0}, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_int_equal(expose_at(0, &err), -1);
	}
	assert_int_equal(em_scope_dose_reset(scope, NULL), 0);
	assert_int_equal(expose_at(0, NULL), 0);
	unlink(cut);
	free(cut);
	free(path);
}

/* ---- settling ---- */

/* v(t) = v0 2^-t: under 1 nm/s after log2(8) s; the measured one is that of the last pause. */
static void it_settles_when_the_drift_has_gone(void **state)
{
	struct em_exposure e = {.detector = "CCD"};
	struct em_error err = {0};
	double drift = NAN;

	(void)state;
	fake.drift = 8e-9;
	if (em_scope_settle(scope, &e, 1e-9, 30, &drift, &err))
		fail_msg("%s", err.text);
	assert_true(drift <= 1e-9 && drift > 0.2e-9);
	assert_true(fake.now > 2.5 && fake.now < 6);
	assert_true(fabs(drift - 8e-9 * exp2(-(fake.now - 0.6))) < 0.35e-9);
}

static void what_goes_on_drifting_is_missed(void **state)
{
	struct em_exposure e = {.detector = "CCD"};
	struct em_error err = {0};
	double drift;

	(void)state;
	fake.drift = 60e-9;
	assert_int_equal(em_scope_settle(scope, &e, 0.1e-9, 3, &drift, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_MISSED);
	assert_non_null(strstr(err.text, "still drifts at"));
	snprintf(e.detector, sizeof(e.detector), "EELS");
	assert_int_equal(em_scope_settle(scope, &e, 1e-9, 3, &drift, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_sample_says_where_it_is),
	    TEST(patterns_and_spectra_have_their_axes),
	    TEST(a_camera_in_a_stem_sees_a_pattern),
	    TEST(an_unknown_dose_is_none),
	    TEST(the_detector_suits_the_mode),
	    TEST(doses_add_up_over_commands),
	    TEST(what_cannot_be_told_is_no_budget),
	    TEST(a_camera_tells_by_its_pixels),
	    TEST(a_dose_below_nothing_is_none),
	    TEST(a_refused_exposure_gives_no_dose_and_a_lost_one_does),
	    TEST(most_of_many),
	    TEST(the_list_of_doses_stays_short),
	    TEST(a_broken_dose_file_is_told_of),
	    TEST(it_settles_when_the_drift_has_gone),
	    TEST(what_goes_on_drifting_is_missed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, fake_make_folder, fake_remove_folder);
}
