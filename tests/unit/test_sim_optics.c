/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated column: tables, shifts, planes, electrons and dose. */
#include "sim_help.h"

#include "base/units.h"

#define CHARGE 1.602176634e-19

static struct em_sim_state fresh(const struct em_sim_model *m)
{
	struct em_sim_state s;

	em_sim_state_init(&s, m->seed, EM_SIM_DOUBLE_TILT, false);
	return s;
}

static enum em_error_kind put(const struct em_sim_model *m, struct em_sim_state *s, enum em_control c, double v)
{
	struct em_controls want = {.known = {false}};
	struct em_error err = {EM_ERROR_NONE, ""};

	em_controls_set(&want, c, v);
	return em_sim_optics_set(m, s, &want, &err) ? err.kind : EM_ERROR_NONE;
}

static double get(const struct em_sim_model *m, const struct em_sim_state *s, enum em_control c)
{
	struct em_random r;

	em_random_seed(&r, 1, 1);
	return em_sim_optics_get(m, s, c, &r);
}

/* ---- tables ---- */

static void magnifications_are_those_of_the_table(void **state)
{
	static const double tem[] = {50,    60,    80,    100,   120, 150,   200, 250, 300,   400,  500,   600,
	                             800,   1e3,   1.2e3, 1.5e3, 2e3, 2.5e3, 3e3, 4e3, 5e3,   6e3,  8e3,   1e4,
	                             1.2e4, 1.5e4, 2e4,   2.5e4, 3e4, 4e4,   5e4, 6e4, 8e4,   1e5,  1.2e5, 1.5e5,
	                             2e5,   2.5e5, 3e5,   4e5,   5e5, 6e5,   8e5, 1e6, 1.2e6, 1.5e6};
	const size_t n = sizeof(tem) / sizeof(*tem);
	double to;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(em_sim_optics_snap(EM_SIM_TEM, EM_MAGNIFICATION, tem[i], &to, NULL), 0);
		assert_near(to, tem[i], 0);
		if (i + 1 == n)
			break;
		/* The nearer by ratio: the geometric mean parts two neighbours. */
		for (size_t up = 0; up < 2; up++) {
			double v = sqrt(tem[i] * tem[i + 1]) * (up ? 1.001 : 0.999);
			assert_int_equal(em_sim_optics_snap(EM_SIM_TEM, EM_MAGNIFICATION, v, &to, NULL), 0);
			assert_near(to, tem[i + up], 0);
		}
	}
	assert_int_equal(em_sim_optics_snap(EM_SIM_STEM, EM_MAGNIFICATION, 1e8, &to, NULL), 0);
	assert_near(to, 1e8, 0);
	assert_int_equal(em_sim_optics_snap(EM_SIM_TEM, EM_CAMERA_LENGTH, 0.29, &to, NULL), 0);
	assert_near(to, 0.3, 1e-15);
	assert_int_equal(em_sim_optics_snap(EM_SIM_STEM, EM_CAMERA_LENGTH, 0.021, &to, NULL), 0);
	assert_near(to, 0.02, 1e-15);
	assert_int_equal(em_sim_optics_snap(EM_SIM_STEM, EM_DISPERSION, 0.28, &to, NULL), 0);
	assert_near(to, 0.3, 0);
}

static void past_the_ends_is_refused(void **state)
{
	static const struct {
		enum em_control c;
		double v;
	} bad[] = {{EM_MAGNIFICATION, 49}, {EM_MAGNIFICATION, 2e6},     {EM_MAGNIFICATION, NAN},
	           {EM_CAMERA_LENGTH, 3},  {EM_IMAGE_SHIFT_X, 10.1e-6}, {EM_DEFOCUS, INFINITY},
	           {EM_SPOT_SIZE, 2.5},    {EM_SPOT_SIZE, 12},          {EM_BLANKED, 0.5},
	           {EM_MODE, 2},           {EM_CONVERGENCE, 0.02},      {EM_INTENSITY, -0.1},
	           {EM_BEAM_TILT_Y, -0.06}};
	struct em_sim_model m = model_of("");
	struct em_sim_state s = fresh(&m), was = s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(put(&m, &s, bad[i].c, bad[i].v), EM_ERROR_REFUSED);
		assert_memory_equal(&s, &was, sizeof(s));
	}
	assert_int_equal(put(&m, &s, EM_VOLTAGE, 200e3), EM_ERROR_UNSUPPORTED);
	assert_int_equal(put(&m, &s, EM_BEAM_CURRENT, 1e-9), EM_ERROR_UNSUPPORTED);
}

static void a_set_is_done_whole_or_not(void **state)
{
	struct em_sim_model m = model_of("");
	struct em_sim_state s = fresh(&m), was = s;
	struct em_controls want = {.known = {false}};

	(void)state;
	em_controls_set(&want, EM_MODE, 1);
	em_controls_set(&want, EM_DEFOCUS, 1e-7);
	em_controls_set(&want, EM_SPOT_SIZE, 99);
	assert_int_equal(em_sim_optics_set(&m, &s, &want, NULL), -1);
	assert_memory_equal(&s, &was, sizeof(s));
	em_controls_set(&want, EM_SPOT_SIZE, 3);
	em_controls_set(&want, EM_MAGNIFICATION, 2e6); /* of stem, where it goes */
	assert_int_equal(em_sim_optics_set(&m, &s, &want, NULL), 0);
	assert_near(get(&m, &s, EM_MAGNIFICATION), 2e6, 0);
	put(&m, &s, EM_MODE, 0);
	assert_near(get(&m, &s, EM_MAGNIFICATION), 50000, 0); /* each mode has its own */
	put(&m, &s, EM_MODE, 1);
	assert_near(get(&m, &s, EM_MAGNIFICATION), 2e6, 0);
	assert_near(get(&m, &s, EM_DEFOCUS), 1e-7, 0);
}

/* ---- where the picture is ---- */

static void shifts_have_crosstalk(void **state)
{
	struct em_sim_model m = model_of("?seed=4");
	struct em_sim_state s = fresh(&m);
	double shift[2];

	(void)state;
	put(&m, &s, EM_IMAGE_SHIFT_X, 1e-6);
	em_sim_optics_shift(&m, &s, shift);
	assert_near(shift[0], 1e-6 * m.shift[0][0], 1e-18);
	assert_near(shift[1], 1e-6 * m.shift[1][0], 1e-18);
	assert_true(fabs(m.shift[1][0]) > 1e-3); /* some crosstalk */
	assert_near(hypot(m.shift[0][0], m.shift[1][0]), 1, 0.05);
	put(&m, &s, EM_IMAGE_SHIFT_X, 0);
	put(&m, &s, EM_BEAM_SHIFT_Y, 1e-6);
	em_sim_optics_shift(&m, &s, shift);
	assert_near(shift[1], 1e-6 * m.beam_shift[1][1] * m.beam_crosstalk, 1e-18);
	put(&m, &s, EM_BEAM_SHIFT_Y, 0);
	put(&m, &s, EM_DEFOCUS, -2e-6); /* a tilted beam moves an image out of focus: by their product */
	put(&m, &s, EM_BEAM_TILT_X, 5e-3);
	em_sim_optics_shift(&m, &s, shift);
	assert_near(shift[0], -2e-6 * 5e-3, 1e-18);
}

static void a_change_of_mode_leaves_something(void **state)
{
	struct em_sim_model m = model_of("");
	struct em_sim_state s = fresh(&m);
	double sum = 0, focus = 0;

	(void)state;
	for (int i = 0; i < 500; i++) {
		put(&m, &s, EM_PROJECTION, 1);
		put(&m, &s, EM_PROJECTION, 0);
		sum += s.left_shift[0] * s.left_shift[0] + s.left_shift[1] * s.left_shift[1];
		focus += s.left_focus * s.left_focus;
		double was = s.left_focus;
		put(&m, &s, EM_MAGNIFICATION, i % 2 ? 4e4 : 5e4); /* the same lens */
		assert_near(s.left_focus, was, 0);
	}
	assert_near(sqrt(sum / 1000), m.mode_shift, 4 * m.mode_shift / sqrt(2 * 1000));
	assert_near(sqrt(focus / 500), m.mode_focus, 4 * m.mode_focus / sqrt(2 * 500));
}

static struct em_sim_plan plan_by(const struct em_sim_options *o, const struct em_sim_model *m,
                                  const struct em_sim_state *s, const char *detector, struct em_exposure e)
{
	struct em_sim_plan p;
	struct em_error err;

	snprintf(e.detector, sizeof(e.detector), "%s", detector);
	if (em_sim_exposure_plan(m, o, s, &e, &p, &err))
		fail_msg("%s", err.text);
	return p;
}

static struct em_sim_plan plan(const struct em_sim_model *m, const struct em_sim_state *s, const char *detector,
                               struct em_exposure e)
{
	struct em_sim_options o;
	struct em_sim_plan p;

	em_sim_options_parse(&o, "", NULL);
	p = plan_by(&o, m, s, detector, e);
	em_sim_options_release(&o);
	return p;
}

static double det(const double a[2][2])
{
	return a[0][0] * a[1][1] - a[0][1] * a[1][0];
}

/* The truth against what the instrument tells: the camera's error of scale and of rotation, and no other. */
static void the_camera_is_a_little_off_its_calibration(void **state)
{
	struct em_sim_model m = model_of("?seed=11");
	struct em_sim_state s = fresh(&m);
	struct em_sim_plan p = plan(&m, &s, "CCD", (struct em_exposure){.binning = 4});
	double told = 4 * 15e-6 / 50000;

	(void)state;
	assert_int_equal(p.view.signal, EM_SIM_IMAGE);
	assert_true(p.view.width == 512 && p.view.height == 512);
	assert_near(p.acquired.scale[0], told, 1e-20);
	assert_near(p.acquired.scale[1], told, 1e-20);
	assert_near(p.view.pixel, told * m.camera_scale, 1e-20);
	assert_near(det((const double(*)[2])p.view.plane), -p.view.pixel * p.view.pixel, 1e-28); /* y down, no shear */
	assert_near(remainder(atan2(p.view.plane[1][0], p.view.plane[0][0]) -
	                          atan2(p.acquired.to_stage[1][0], p.acquired.to_stage[0][0]) - m.camera_rotation_error,
	                      2 * PI),
	            0, 1e-12);
	assert_true(fabs(m.camera_scale - 1) < 0.02 && fabs(m.camera_rotation_error) < 1.0001 * DEG);
	put(&m, &s, EM_MAGNIFICATION, 1000); /* another lens turns the image otherwise */
	p = plan(&m, &s, "CCD", (struct em_exposure){.binning = 4});
	assert_near(atan2(p.acquired.to_stage[1][0], p.acquired.to_stage[0][0]), m.camera_rotation_low, 1e-12);
}

static void scans_have_a_field(void **state)
{
	struct em_sim_model m = model_of("?seed=12");
	struct em_sim_state s = fresh(&m);
	struct em_sim_plan p, turned;

	(void)state;
	put(&m, &s, EM_MODE, 1);
	p = plan(&m, &s, "HAADF", (struct em_exposure){.width = 400, .height = 200, .dwell = 2e-6});
	assert_near(p.acquired.scale[1], 0.1 / 500000 / 400, 1e-20);
	assert_near(p.view.seconds, 200 * (400 * 2e-6 + p.view.line_seconds), 1e-12);
	assert_near(hypot(p.view.plane[0][0], p.view.plane[1][0]), p.acquired.scale[1] * m.scan_scale[0], 1e-20);
	assert_near(det((const double(*)[2])p.view.plane),
	            -p.acquired.scale[1] * p.acquired.scale[1] * m.scan_scale[0] * m.scan_scale[1], 1e-28);
	put(&m, &s, EM_SCAN_ROTATION, 0.5);
	turned = plan(&m, &s, "HAADF", (struct em_exposure){.width = 400, .height = 200, .dwell = 2e-6});
	for (int k = 0; k < 2; k++)
		assert_near(remainder(atan2(turned.view.plane[1][k], turned.view.plane[0][k]) -
		                          atan2(p.view.plane[1][k], p.view.plane[0][k]) - 0.5,
		                      2 * PI),
		            0, 1e-12);
}

static void patterns_have_a_camera_length(void **state)
{
	struct em_sim_model m = model_of("");
	struct em_sim_state s = fresh(&m);
	struct em_sim_plan p;

	(void)state;
	put(&m, &s, EM_PROJECTION, 1);
	put(&m, &s, EM_CAMERA_LENGTH, 0.5);
	p = plan(&m, &s, "CCD", (struct em_exposure){.binning = 1});
	assert_int_equal(p.view.signal, EM_SIM_PATTERN);
	/* 1.9687 pm at 300 kV: de Graef, Introduction to Conventional TEM, table 2.2. */
	assert_near(p.acquired.scale[1], 15e-6 / (1.9687e-12 * 0.5), 1e-4 * p.acquired.scale[1]);
	assert_near(p.view.pixel * m.length_scale, p.acquired.scale[1], 1e-6);
	assert_true(isnan(p.acquired.to_stage[0][0]));
}

/* ---- electrons ---- */

static void counts_come_from_the_current(void **state)
{
	struct em_sim_model m = model_of("");
	struct em_sim_state s = fresh(&m);
	struct em_sim_plan p;
	double current, radius;

	(void)state;
	put(&m, &s, EM_SPOT_SIZE, 4);
	current = em_sim_current(&s);
	radius = em_sim_beam_radius(&s);
	put(&m, &s, EM_SPOT_SIZE, 3);
	assert_near(em_sim_current(&s), 2 * current, 1e-24);
	p = plan(&m, &s, "CCD", (struct em_exposure){.seconds = 0.5});
	assert_near(p.place.dose, 2 * current * 0.5 / CHARGE / (PI * radius * radius), 1e-9 * p.place.dose);
	assert_near(p.view.electrons, p.place.dose * p.view.pixel * p.view.pixel, 1e-9 * p.view.electrons);
	assert_near(p.acquired.dose, p.place.dose, 0);
	assert_near(get(&m, &s, EM_BEAM_CURRENT), 2 * current * m.current_scale, 0.02 * current);
	put(&m, &s, EM_SCREEN_DOWN, 1); /* dark, and still a dose */
	p = plan(&m, &s, "CCD", (struct em_exposure){.seconds = 0.5});
	assert_true(p.view.electrons == 0 && p.place.dose > 0);
	put(&m, &s, EM_SCREEN_DOWN, 0);
	put(&m, &s, EM_MODE, 1);
	p = plan(&m, &s, "ABF", (struct em_exposure){.dwell = 3e-6});
	assert_near(p.view.electrons, em_sim_current(&s) * 3e-6 / CHARGE, 1e-9 * p.view.electrons);
	assert_near(p.place.dose * p.view.pixel * p.view.pixel, p.view.electrons, 1e-9 * p.view.electrons);
	p = plan(&m, &s, "EELS", (struct em_exposure){.seconds = 2});
	assert_near(p.view.electrons, em_sim_current(&s) * 2 / CHARGE, 1e-9 * p.view.electrons);
	put(&m, &s, EM_BLANKED, 1);
	assert_near(plan(&m, &s, "EELS", (struct em_exposure){.seconds = 2}).electrons, 0, 0);
	put(&m, &s, EM_BLANKED, 0);
	put(&m, &s, EM_VALVES_OPEN, 0);
	assert_near(get(&m, &s, EM_BEAM_CURRENT), 0, 0);
}

/* exp(-dose / critical dose) of the order is left, where the beam was. */
static void dose_takes_order_where_it_was(void **state)
{
	struct em_sim_model m = model_of("?mechanics=ideal");
	struct em_sim_state s = fresh(&m);
	struct em_sim_options o;
	struct em_sim_plan p;

	(void)state;
	assert_int_equal(em_sim_options_parse(&o, "?disorder=1e21&reaction=100", NULL), 0);
	p = plan(&m, &s, "CCD", (struct em_exposure){.seconds = 1});
	for (int i = 0; i < 3; i++)
		em_sim_exposure_done(&s, &p);
	assert_true(p.place.dose > 1e19);
	assert_near(em_sim_places_dose(s.place, p.view.x, p.view.y), 3 * p.place.dose, 1e-9 * p.place.dose);
	assert_near(em_sim_places_dose(s.place, p.view.x + 1.01 * p.place.half[0], p.view.y), 0, 0);
	p = plan_by(&o, &m, &s, "CCD", (struct em_exposure){.seconds = 1});
	assert_near(em_sim_view_disorder(&p.view, p.view.x, p.view.y), 1 - exp(-3 * p.place.dose / 1e21), 1e-12);
	assert_near(em_sim_view_disorder(&p.view, p.view.x + 1.01 * p.place.half[0], p.view.y), 0, 0);
	assert_near(s.electrons, 3 * p.electrons, 1);
	assert_near(em_sim_reaction(&o, 0), 0, 0);
	assert_near(em_sim_reaction(&o, 100), 1 - exp(-1), 1e-12);
	assert_near(em_sim_reaction(&o, 200), 1 - exp(-4), 1e-12);
}

static void spectra_are_off_their_calibration(void **state)
{
	struct em_sim_model m = model_of("?seed=6");
	struct em_sim_state s = fresh(&m);
	struct em_sim_plan p;

	(void)state;
	put(&m, &s, EM_ENERGY_OFFSET, 400);
	put(&m, &s, EM_DISPERSION, 0.5);
	p = plan(&m, &s, "EELS", (struct em_exposure){.binning = 2});
	assert_true(p.view.width == 1024 && p.view.height == 1);
	assert_near(p.acquired.offset, 400, 0);
	assert_near(p.acquired.scale[0], 1, 0);
	assert_near(p.view.dispersion, m.energy_scale, 1e-12);
	assert_near(p.view.energy_offset, 400 + m.energy_error, 1e-12); /* at time 0 */
	s.time = 450;                                                   /* a quarter of the slow wave */
	p = plan(&m, &s, "EELS", (struct em_exposure){.binning = 2});
	assert_near(p.view.energy_offset, 400 + m.energy_error + m.energy_drift, 1e-9);
}

static void exposures_that_cannot_be(void **state)
{
	static const struct {
		const char *detector;
		struct em_exposure e;
	} bad[] = {{"HAADF", {.width = 0}},         {"OneView", {.width = 0}},
	           {"CCD", {.binning = 3}},         {"CCD", {.binning = 128}},
	           {"CCD", {.width = 2049}},        {"CCD", {.binning = 2, .height = 1025}},
	           {"CCD", {.seconds = 1e-9}},      {"CCD", {.seconds = NAN}},
	           {"CCD", {.seconds = -1}},        {"CCD", {.seconds = INFINITY}},
	           {"EELS", {.width = 4096}},       {"CCD", {.width = SIZE_MAX}},
	           {"EELS", {.binning = SIZE_MAX}}, {"CCD", {.binning = (size_t)1 << 63}}};
	struct em_sim_model m = model_of("");
	struct em_sim_state s = fresh(&m);
	struct em_sim_options o;

	(void)state;
	em_sim_options_parse(&o, "", NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_exposure e = bad[i].e;
		struct em_error err = {EM_ERROR_NONE, ""};
		struct em_sim_plan p;

		snprintf(e.detector, sizeof(e.detector), "%s", bad[i].detector);
		assert_int_equal(em_sim_exposure_plan(&m, &o, &s, &e, &p, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_REFUSED);
	}
}

/* The plane of a tilted specimen is seen foreshortened: a shift of the image by u is one of u / cos tilt on it. */
static void image_shift_on_a_tilted_specimen(void **state)
{
	struct em_sim_model m = model_of("?mechanics=ideal");
	struct em_sim_state s = fresh(&m);
	struct em_sim_view a, b;
	double shift[2];

	(void)state;
	s.stage.axis[3].to = s.stage.axis[3].from = 0.5;
	a = plan(&m, &s, "CCD", (struct em_exposure){.binning = 1}).view;
	put(&m, &s, EM_IMAGE_SHIFT_Y, 2e-6);
	em_sim_optics_shift(&m, &s, shift);
	b = plan(&m, &s, "CCD", (struct em_exposure){.binning = 1}).view;
	assert_near(b.x - a.x, shift[0], 1e-18);
	assert_near(b.y - a.y, shift[1] / cos(0.5), 1e-18);
	assert_near(b.defocus - a.defocus, shift[1] * tan(0.5), 1e-18);
}

/* Where the stage has to go for what a pixel shows, by the mechanics themselves: from the specimen's plane, as the view
 * foreshortens it, to the drives. */
static void pixels_of_a_tilted_specimen_are_places_of_the_stage(void **state)
{
	const double tilt[2] = {0.6, -0.4}, step = 1e-9;
	struct em_sim_model m = model_of("?mechanics=ideal");
	struct em_sim_state s = fresh(&m);
	struct em_sim_plan p;
	struct em_sim_pose at, next;

	(void)state;
	for (int i = 0; i < 2; i++)
		s.stage.axis[3 + i].to = s.stage.axis[3 + i].from = tilt[i];
	p = plan(&m, &s, "CCD", (struct em_exposure){.binning = 1});
	em_sim_stage_pose(&m, &s.stage, s.time, &at);
	for (int k = 0; k < 2; k++) {
		const double *t[2] = {p.acquired.to_stage[0], p.acquired.to_stage[1]};
		double u = t[0][k] / p.acquired.scale[0], v = t[1][k] / p.acquired.scale[0], dx, dy;
		struct em_sim_state there = s;

		there.stage.axis[0].to = there.stage.axis[0].from = s.stage.axis[0].to + step * u;
		there.stage.axis[1].to = there.stage.axis[1].from = s.stage.axis[1].to + step * v;
		em_sim_stage_pose(&m, &there.stage, there.time, &next);
		dx = (next.x - at.x) * cos(at.b);
		dy = (next.y - at.y) * cos(at.a) + (next.x - at.x) * sin(at.a) * sin(at.b);
		assert_near(hypot(dx, dy), step, 1e-4 * step); /* a pixel's side in the picture */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(magnifications_are_those_of_the_table),
	    cmocka_unit_test(past_the_ends_is_refused),
	    cmocka_unit_test(a_set_is_done_whole_or_not),
	    cmocka_unit_test(shifts_have_crosstalk),
	    cmocka_unit_test(a_change_of_mode_leaves_something),
	    cmocka_unit_test(the_camera_is_a_little_off_its_calibration),
	    cmocka_unit_test(scans_have_a_field),
	    cmocka_unit_test(patterns_have_a_camera_length),
	    cmocka_unit_test(counts_come_from_the_current),
	    cmocka_unit_test(dose_takes_order_where_it_was),
	    cmocka_unit_test(spectra_are_off_their_calibration),
	    cmocka_unit_test(exposures_that_cannot_be),
	    cmocka_unit_test(image_shift_on_a_tilted_specimen),
	    cmocka_unit_test(pixels_of_a_tilted_specimen_are_places_of_the_stage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
