/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Spectrum images and series of a reduction: profiles, laws and what is told of them. */
#include "synth/reduction.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

static struct em_synth_recording recording(void)
{
	return (struct em_synth_recording){.resolution = NAN, .spread = NAN, .gain = NAN, .readout = NAN, .dose = NAN};
}

static struct em_synth_eels_options scan(size_t rows, size_t columns)
{
	return (struct em_synth_eels_options){.seed = 3,
	                                      .rows = rows,
	                                      .columns = columns,
	                                      .recording = recording(),
	                                      .pixel_nm = NAN,
	                                      .width_nm = NAN,
	                                      .position_nm = NAN,
	                                      .thickness = NAN,
	                                      .exponent = NAN,
	                                      .conversion = NAN,
	                                      .drift = NAN};
}

static struct em_synth_reduction_options course(size_t series, size_t frames)
{
	return (struct em_synth_reduction_options){.seed = 5,
	                                           .series = series,
	                                           .frames = frames,
	                                           .recording = recording(),
	                                           .frame_s = NAN,
	                                           .law = EM_SYNTH_LAWS,
	                                           .conversion = NAN,
	                                           .thickness = NAN,
	                                           .exponent = NAN,
	                                           .thinning = NAN,
	                                           .current = NAN,
	                                           .drift = NAN,
	                                           .walk = NAN};
}

/* ---- interfaces ---- */

static void profile_is_an_error_function(void **state)
{
	struct em_synth_eels_options o = scan(1, 41);
	struct em_synth_eels m;
	double whole;

	(void)state;
	o.pixel_nm = 0.25;
	o.width_nm = 1.25;
	o.position_nm = 5;
	o.conversion = 0.4;
	o.recording.axis = (struct em_synth_axis){440, 1, 64};
	assert_int_equal(em_synth_eels_init(&m, &o, NULL), 0);
	whole = m.side[1].atoms[EM_SYNTH_TI];
	assert_near(em_synth_eels_specimen(&m, 20).atoms[EM_SYNTH_TI], whole / 2, 1e-9 * whole);
	assert_near(em_synth_eels_specimen(&m, 25).atoms[EM_SYNTH_TI], 0.841344746068543 * whole, 1e-9 * whole);
	assert_near(em_synth_eels_specimen(&m, 10).atoms[EM_SYNTH_TI], 0.022750131948179 * whole, 1e-9 * whole);
	assert_near(em_synth_eels_specimen(&m, 10).atoms[EM_SYNTH_FE],
	            (1 - 0.022750131948179) * m.side[0].atoms[EM_SYNTH_FE], 1e-6);
	assert_near(em_synth_eels_specimen(&m, 20).valence[EM_SYNTH_TI], 3.6, 1e-12);
	assert_near(em_synth_eels_specimen(&m, 25).valence[EM_SYNTH_TI], 4 - 0.4 * exp(-0.5), 1e-12);
	em_synth_eels_release(&m);

	o.width_nm = 0;
	assert_int_equal(em_synth_eels_init(&m, &o, NULL), 0);
	assert_true(em_synth_eels_specimen(&m, 19).atoms[EM_SYNTH_TI] == 0);
	assert_near(em_synth_eels_specimen(&m, 21).atoms[EM_SYNTH_TI], whole, 0);
	em_synth_eels_release(&m);
}

/* The maps of net counts, the spectra and their expectation belong together; the threads do not matter. */
static void image_and_truth(void **state)
{
	struct em_synth_eels_options o = scan(3, 8);
	struct em_synth_eels m;
	struct em_sample s[2];
	struct em_array data[2] = {{0}}, truth = {0}, net = {0};
	double chi = 0, n = 0;

	(void)state;
	o.recording.axis = (struct em_synth_axis){430, 0.5, 200};
	o.drift = 0.6;
	assert_int_equal(em_synth_eels_init(&m, &o, NULL), 0);
	for (int k = 0; k < 2; k++) {
		assert_int_equal(em_synth_eels_image(&m, 2, false, k ? 3 : 1, &s[k], NULL), 0);
		assert_int_equal(em_sample_array(&s[k], "data", &data[k], NULL), 0);
	}
	assert_memory_equal(data[0].data, data[1].data, em_array_bytes(&data[0]));
	assert_int_equal(data[0].ndim, 3);
	assert_int_equal(em_sample_array(&s[0], "truth", &truth, NULL), 0);
	for (size_t i = 0; i < em_array_count(&truth); i++) {
		double want = em_array_get(&truth, i), d = em_array_get(&data[0], i) - want;

		chi += d * d / want;
		n += 1;
	}
	assert_near(chi / n, 1, 5 * sqrt(2 / n));
	assert_int_equal(em_sample_array(&s[0], "truth-ti-l23", &net, NULL), 0);
	assert_int_equal(net.ndim, 2);
	for (size_t i = 0; i < 24; i++) {
		struct em_synth_specimen p = em_synth_eels_specimen(&m, i % 8);
		double window[2];

		assert_true(em_synth_edge_window(&o.recording.axis, EM_SYNTH_TI, &p, 1, window));
		assert_near(
		    em_array_get(&net, i),
		    em_synth_loss_net(&m.core, &p, 1e9, 0.6 * (double)i / 23, EM_SYNTH_TI, window[0], window[1]),
		    1e-6 * em_array_get(&net, i));
	}
	assert_null(em_sample_member(&s[0], "truth-fe-l23.npy")); /* beyond the axis */
	assert_null(em_sample_member(&s[0], "truth-mn-l23.npy")); /* there is none */
	for (int k = 0; k < 2; k++) {
		em_sample_release(&s[k]);
		em_array_release(&data[k]);
	}
	em_array_release(&truth);
	em_array_release(&net);
	em_synth_eels_release(&m);
}

/* The record tells the interface; the pair of a low and a core loss. */
static void record_of_an_image(void **state)
{
	struct em_synth_eels_options o = scan(1, 5);
	struct em_synth_eels m;
	struct em_sample s;
	struct em_array low = {0};
	double v;

	(void)state;
	o.recording.axis = (struct em_synth_axis){430, 0.5, 800};
	o.low = true;
	o.thickness = 0.7;
	assert_int_equal(em_synth_eels_init(&m, &o, NULL), 0);
	assert_int_equal(em_synth_eels_image(&m, 0, true, 1, &s, NULL), 0);
	assert_string_equal(s.key, "s3/eels-000000/low");
	assert_true(em_record_number(&s.record, "truth.thickness", &v));
	assert_near(v, 0.7, 1e-9);
	assert_int_equal(em_sample_array(&s, "truth", &low, NULL), 0);
	assert_int_equal(low.ndim, 2);
	assert_int_equal(low.shape[0], 5);
	for (size_t pixel = 0; pixel < 5; pixel++) {
		double total = 0, peak = 0;

		for (size_t i = 0; i < 800; i++) {
			total += em_array_get(&low, pixel * 800 + i);
			peak += i < 44 ? em_array_get(&low, pixel * 800 + i) : 0; /* up to 2 eV: losses begin there */
		}
		assert_near(total, 1e6, 0.001e6); /* up to 380 eV */
		assert_near(log(total / peak), 0.7, 0.01);
	}
	em_array_release(&low);
	em_sample_release(&s);
	assert_int_equal(em_synth_eels_image(&m, 0, false, 1, &s, NULL), 0);
	assert_string_equal(s.key, "s3/eels-000000/core");
	em_sample_release(&s);
	em_synth_eels_release(&m);
}

static void words(void **state)
{
	const char *pairs[] = {"", "/", "SrTiO3", "SrTiO3/", "/SrTiO3", "SrTiO3/Gold", "SrTiO3/TiO2/TiO2"};
	const char *axes[] = {"",         "400",        "400:1",     "400:1:",      "400:1:0",
	                      "400:1:1",  "400:1:2.5",  "400:1:1e9", "400:1:100x",  "nan:1:100",
	                      "400,1,20", "400:inf:20", ":1:20",     "400:1:20:30", "400:1:-5"};
	const struct em_synth_compound *pair[2];
	struct em_synth_axis axis;

	(void)state;
	assert_int_equal(em_synth_eels_pair("La2Ti2O7/SrTiO3", pair, NULL), 0);
	assert_string_equal(pair[0]->name, "La2Ti2O7");
	assert_int_equal(em_synth_axis_parse("-20:0.05:4096", &axis, NULL), 0);
	assert_near(axis.offset, -20, 0);
	assert_int_equal(axis.channels, 4096);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		assert_int_equal(em_synth_eels_pair(pairs[i], pair, NULL), -1);
	for (size_t i = 0; i < sizeof(axes) / sizeof(*axes); i++)
		assert_int_equal(em_synth_axis_parse(axes[i], &axis, NULL), -1);
}

/* ---- kinetics ---- */

static void laws(void **state)
{
	struct em_synth_kinetics k = {EM_SYNTH_ZERO_ORDER, 0.1, 2, 0};

	(void)state;
	assert_near(em_synth_kinetics_at(&k, 3), 0.3, 1e-12);
	assert_near(em_synth_kinetics_at(&k, 30), 1, 0);
	k.law = EM_SYNTH_FIRST_ORDER;
	assert_near(em_synth_kinetics_at(&k, 10), 0.632120558828558, 1e-12);
	k.law = EM_SYNTH_PARABOLIC;
	assert_near(em_synth_kinetics_at(&k, 2.5), 0.5, 1e-12);
	k.law = EM_SYNTH_AVRAMI;
	assert_near(em_synth_kinetics_at(&k, 5), 0.221199216928595, 1e-12); /* 1 - exp(-1/4) */
	k = (struct em_synth_kinetics){EM_SYNTH_SIGMOID, 2, 0, 10};
	assert_near(em_synth_kinetics_at(&k, 10), 0.5, 1e-8);
	assert_near(em_synth_kinetics_at(&k, 11), 0.880797077977882, 1e-8);
}

static void laws_climb_and_fit(void **state)
{
	(void)state;
	for (int law = 0; law < EM_SYNTH_LAWS; law++) {
		struct em_synth_kinetics k = {(enum em_synth_kinetic_law)law, 0.5, 2.5, 20};
		double before = 0;

		em_synth_kinetics_fit(&k, 50, 0.8);
		if (law != EM_SYNTH_SIGMOID)
			assert_near(em_synth_kinetics_at(&k, 50), 0.8, 1e-12);
		assert_near(em_synth_kinetics_at(&k, 0), 0, 0);
		assert_near(em_synth_kinetics_at(&k, -1), 0, 0);
		for (double t = 0; t < 200; t += 0.5) {
			double now = em_synth_kinetics_at(&k, t);

			assert_true(now >= before && now <= 1);
			before = now;
		}
	}
}

/* ---- series ---- */

/* A series does not depend on how many there are, nor an option on another. */
static void series_are_their_own(void **state)
{
	struct em_synth_reduction_options o = course(7, 0);
	struct em_synth_reduction many, few, other;
	size_t seen[EM_SYNTH_LAWS] = {0}, longest = 0, shortest = SIZE_MAX;

	(void)state;
	o.recording.axis = (struct em_synth_axis){440, 1, 64};
	assert_int_equal(em_synth_reduction_init(&few, &o, NULL), 0);
	o.series = 200;
	assert_int_equal(em_synth_reduction_init(&many, &o, NULL), 0);
	assert_memory_equal(few.plan, many.plan, 7 * sizeof(*few.plan));
	o.drift = 0.125;
	assert_int_equal(em_synth_reduction_init(&other, &o, NULL), 0);
	assert_near(other.plan[3].drift, 0.125, 0);
	assert_near(other.plan[3].thinning, many.plan[3].thinning, 0);
	for (size_t j = 0; j < 200; j++) {
		seen[many.plan[j].valence.law]++;
		longest = many.plan[j].frames > longest ? many.plan[j].frames : longest;
		shortest = many.plan[j].frames < shortest ? many.plan[j].frames : shortest;
		assert_int_equal(em_synth_reduction_series(&many, many.plan[j].first), j);
		assert_int_equal(em_synth_reduction_series(&many, many.plan[j].first + many.plan[j].frames - 1), j);
	}
	for (int law = 0; law < EM_SYNTH_LAWS; law++)
		assert_in_range(seen[law], 20, 60); /* 40 of each, +- 3.5 standard deviations */
	assert_true(shortest >= 120 && shortest < 125 && longest <= 160 && longest > 155);
	em_synth_reduction_release(&few);
	em_synth_reduction_release(&many);
	em_synth_reduction_release(&other);
}

/* The walk's end has the standard deviation that was asked for, and half of the variance comes in the first half. */
static void walks(void **state)
{
	struct em_synth_reduction_options o = course(2000, 101);
	struct em_synth_reduction m;
	double middle = 0, end = 0;

	(void)state;
	o.recording.axis = (struct em_synth_axis){440, 1, 8};
	o.drift = 0;
	o.walk = 0.2;
	assert_int_equal(em_synth_reduction_init(&m, &o, NULL), 0);
	for (size_t j = 0; j < 2000; j++) {
		double a = em_synth_reduction_at(&m, j, 50).shift, b = em_synth_reduction_at(&m, j, 100).shift;

		middle += a * a / 2000;
		end += b * b / 2000;
	}
	/* 32 waves lack 1/(32 pi^2) of the variance; 2000 walks tell it to 3 % */
	assert_near(end / 0.04, 1, 0.15);
	assert_near(middle / 0.02, 1, 0.15);
	em_synth_reduction_release(&m);
}

/* What a frame tells, and what it shows: counts of the published order, the drift, the descriptors. */
static void frames(void **state)
{
	struct em_synth_reduction_options o = course(1, 41);
	struct em_synth_reduction m;
	struct em_sample s;
	struct em_array truth = {0};
	struct em_synth_instant last;
	double v, *still = calloc(1900, sizeof(*still)), *moved = calloc(1900, sizeof(*moved));

	(void)state;
	o.conversion = 0.8;
	o.thinning = 0.1;
	o.current = -0.05;
	o.drift = 0.31;
	o.walk = 0;
	assert_int_equal(em_synth_reduction_init(&m, &o, NULL), 0);
	last = em_synth_reduction_at(&m, 0, 40);
	assert_near(last.ti3, 0.8, 1e-12);
	assert_near(last.shift, 0.31, 1e-12);
	assert_near(last.intensity, 0.95, 1e-12);
	assert_near(last.specimen.thickness, 0.9 * em_synth_reduction_at(&m, 0, 0).specimen.thickness, 1e-12);
	assert_true(last.vacancy > 0.05 && last.vacancy <= 0.8 / 6 + 1e-12);

	assert_int_equal(em_synth_reduction_frame(&m, 40, &s, NULL), 0);
	assert_string_equal(s.key, "s5/reduction-000000/f000040");
	assert_true(em_record_number(&s.record, "truth.time_s", &v));
	assert_near(v, 16, 1e-9);
	assert_true(em_record_number(&s.record, "truth.shift_ev", &v));
	assert_near(v, 0.31, 1e-9);
	assert_true(em_record_number(&s.record, "truth.l3_l2", &v));
	assert_near(v, (0.8 * 300 + 0.2 * 260) / (0.8 * 340 + 0.2 * 390), 1e-8);
	assert_int_equal(em_sample_array(&s, "truth", &truth, NULL), 0);
	for (size_t i = 0; i < 1900; i++)
		assert_true(em_array_get(&truth, i) > 3000 && em_array_get(&truth, i) < 25000);

	/* the drift is there: the frame is its own spectrum, moved */
	assert_int_equal(em_synth_loss_expect(&m.loss, &last.specimen, 1.1e10 * last.intensity, 0, still, NULL), 0);
	assert_int_equal(em_synth_loss_expect(&m.loss, &last.specimen, 1.1e10 * last.intensity, 0.3, moved, NULL), 0);
	for (size_t i = 100; i < 1800; i++)
		assert_near(moved[i], still[i - 3], 1e-3 * still[i - 3]);
	em_array_release(&truth);
	em_sample_release(&s);
	em_synth_reduction_release(&m);
	free(still);
	free(moved);
}

/* ---- what is refused ---- */

static void refused_images(void **state)
{
	struct em_synth_eels m;

	(void)state;
	for (int k = 0; k < 12; k++) {
		struct em_synth_eels_options o = scan(2, 2);
		struct em_error err = {0};

		o.rows = k == 0 ? 0 : k == 1 ? 65536 : 2;
		o.columns = k == 1 ? 65536 : k == 2 ? SIZE_MAX : 2;
		o.recording.dose = k == 3 ? 0 : k == 4 ? INFINITY : 1e9;
		o.recording.gain = k == 5 ? 1 : NAN;
		o.recording.axis = k == 6 ? (struct em_synth_axis){20, 1, 100} : (struct em_synth_axis){440, 1, 100};
		o.pixel_nm = k == 7 ? 0 : 1;
		o.width_nm = k == 8 ? -1 : 1;
		o.thickness = k == 9 ? 6 : 0.5;
		o.conversion = k == 10 ? 1.5 : 0;
		o.drift = k == 11 ? -21 : 0;
		assert_int_equal(em_synth_eels_init(&m, &o, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		em_synth_eels_release(&m);
	}
}

static void refused_series(void **state)
{
	struct em_synth_reduction m;

	(void)state;
	for (int k = 0; k < 10; k++) {
		struct em_synth_reduction_options o = course(2, 10);
		struct em_error err = {0};

		o.series = k == 0 ? 0 : k == 1 ? SIZE_MAX : 2;
		o.frames = k == 2 ? 1 : k == 3 ? SIZE_MAX : 10;
		o.frame_s = k == 4 ? 0 : 1;
		o.conversion = k == 5 ? -0.1 : NAN;
		o.thinning = k == 6 ? 1 : NAN;
		o.current = k == 7 ? -1 : NAN;
		o.walk = k == 8 ? 2 : NAN;
		o.recording.spread = k == 9 ? 30 : NAN;
		assert_int_equal(em_synth_reduction_init(&m, &o, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		em_synth_reduction_release(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(profile_is_an_error_function),
	    cmocka_unit_test(image_and_truth),
	    cmocka_unit_test(record_of_an_image),
	    cmocka_unit_test(words),
	    cmocka_unit_test(laws),
	    cmocka_unit_test(laws_climb_and_fit),
	    cmocka_unit_test(series_are_their_own),
	    cmocka_unit_test(walks),
	    cmocka_unit_test(frames),
	    cmocka_unit_test(refused_images),
	    cmocka_unit_test(refused_series),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
