/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the beam leaves where it was, and nowhere else: carbon, and lattices without order. */
#include "sim_help.h"
#include "specimen_help.h"

#define FILM "{\"film\":{\"material\":\"C\",\"thickness_nm\":20}}"
#define FOIL                                                                                                           \
	"{\"sections\":[{\"x_um\":0,\"y_um\":0,\"width_um\":20,\"thickness_nm\":[40,40],\"layers\":["                  \
	"{\"material\":\"LaMnO3\",\"nm\":10000},{\"material\":\"SrTiO3\",\"nm\":1000}]}]}"

/* The mean of a square of pixels. */
static double square(const float *p, size_t n, size_t x, size_t y, size_t side)
{
	double sum = 0;

	for (size_t i = 0; i < side * side; i++)
		sum += (double)p[(y + i / side) * n + x + i % side];
	return sum / (double)(side * side);
}

/* A square of a 20 nm film that was scanned has 9/10 of c D of carbon more in its middle, and 12/10 at its rim: dark
 * fields of a thin film go as the thickness. */
static void carbon_grows_where_the_beam_was(void **state)
{
	struct em_sim_world *w = world_of(FILM);
	struct em_sim_view v = view_of(EM_SIM_SCAN, 256, 256e-9, 0, 0);
	double c = cos(0.5), s = sin(0.5), grown = 2e-9, middle, rim, outside, want;
	struct em_array before, a;
	float *q = expected(w, &v, &before), *p;

	(void)state;
	v.place[3] = (struct em_sim_place){.half = {50e-9, 40e-9}, .angle = 0.5, .dose = 1e25};
	v.contamination = grown / 1e25;
	p = expected(w, &v, &a);
	for (size_t i = 0; i < 256 * 256; i++) /* the same film, so that its unevenness goes out */
		p[i] /= q[i];
	middle = square(p, 256, 118, 118, 20);
	rim = square(p, 256, (size_t)(126 + 48 * c), (size_t)(126 + 48 * s), 3);
	outside = square(p, 256, (size_t)(126 + 57 * c), (size_t)(126 + 57 * s), 3);
	want = 0.9 * grown * 40 / (40 + 0.9e9 * grown);
	assert_near(middle - 1, want / 20e-9, 0.1 * want / 20e-9);
	assert_near(em_sim_view_deposit(&v, 0, 0), want, 1e-15);
	assert_true(rim > 1 + 1.15 * (middle - 1) && rim < 1 + 1.35 * (middle - 1));
	assert_near(outside, 1, 1e-3);
	assert_near(square(p, 256, 0, 0, 30), 1, 1e-6);
	assert_near(em_sim_view_deposit(&v, 52e-9 * c, 52e-9 * s), 0, 0);
	assert_near(em_sim_view_deposit(&v, -42e-9 * s, 42e-9 * c), 0, 0); /* the shorter side */
	assert_true(em_sim_view_deposit(&v, -38e-9 * s, 38e-9 * c) > want);
	em_array_release(&a);
	em_array_release(&before);
	em_sim_world_free(w);
}

/* It has an end, and needs something to grow on. */
static void it_stops_growing(void **state)
{
	struct em_sim_world *w = world_of("{}");
	struct em_sim_view v = view_of(EM_SIM_SCAN, 64, 64e-9, 0, 0);
	struct em_sim_met met[EM_SIM_MET];
	struct em_array a;

	(void)state;
	v.place[0] = (struct em_sim_place){.half = {10e-9, 0}, .dose = 1e30};
	v.contamination = 3e-34;
	assert_true(em_sim_view_deposit(&v, 0, 0) < 40e-9 && em_sim_view_deposit(&v, 0, 0) > 30e-9);
	assert_int_equal(em_sim_world_meet(w, &v, 0, 0, 0, met), 0);
	assert_near(mean_of(expected(w, &v, &a), 64 * 64), 0, 0);
	em_array_release(&a);
	em_sim_world_free(w);
	w = world_of(FILM); /* spectra and patterns meet it, too */
	assert_int_equal(em_sim_world_meet(w, &v, 5e-9, 5e-9, 0, met), 2);
	assert_near(met[1].thickness, em_sim_view_deposit(&v, 5e-9, 5e-9), 0);
	assert_int_equal(em_sim_world_meet(w, &v, 11e-9, 0, 0, met), 1);
	/* about a probe that stands as much over 5 nm, as a dome */
	v.place[0] = (struct em_sim_place){.half = {1e-9, 0}, .dose = 1e25};
	v.contamination = 1e-9 / 1e25;
	assert_near(em_sim_view_deposit(&v, 0, 0), 4e-9 / 3 / 25, 1e-13);
	assert_true(em_sim_view_deposit(&v, 4.5e-9, 0) < 0.8e-9 / 25 &&
	            em_sim_view_deposit(&v, 4.5e-9, 0) > 0.4e-9 / 25);
	assert_near(em_sim_view_deposit(&v, 5.1e-9, 0), 0, 0);
	em_sim_world_free(w);
}

/* The rms of a square over its mean: columns of atoms, or none. */
static double depth(const float *p, size_t n, size_t x, size_t y, size_t side)
{
	double mean = square(p, n, x, y, side), sum = 0;

	for (size_t i = 0; i < side * side; i++)
		sum += pow((double)p[(y + i / side) * n + x + i % side] / mean - 1, 2);
	return sqrt(sum / (double)(side * side));
}

/* A disc in the middle of a film has had four times the critical dose; beside it the columns are as they were. */
static void order_is_lost_where_the_beam_was(void **state)
{
	struct em_sim_world *w = world_of(FOIL);
	struct em_sim_view v = view_of(EM_SIM_SCAN, 256, 12e-9, 0, -0.5e-6);
	struct em_array before, a;
	float *q = expected(w, &v, &before), *p;

	(void)state;
	v.critical = 1e25;
	v.place[0] = (struct em_sim_place){.x = 2e-9, .y = -0.5e-6, .half = {2.5e-9, 0}, .dose = 4e25};
	p = expected(w, &v, &a);
	assert_true(depth(q, 256, 20, 100, 50) > 0.3 && depth(q, 256, 150, 100, 50) > 0.3);
	assert_near(depth(p, 256, 20, 100, 50), depth(q, 256, 20, 100, 50), 1e-6);
	assert_true(depth(p, 256, 150, 100, 50) < 0.3 * depth(q, 256, 150, 100, 50));
	assert_near(em_sim_view_disorder(&v, 2e-9, -0.5e-6), 1 - exp(-4), 1e-12);
	assert_near(em_sim_view_disorder(&v, -1e-9, -0.5e-6), 0, 0);
	em_array_release(&a);
	em_array_release(&before);
	em_sim_world_free(w);
}

/* By the instrument: a scan leaves a mark of its own field, turned as it was, and a look at more shows it there. */
static void a_scan_leaves_its_field(void **state)
{
	struct em_sim_model m = model_of("?mechanics=ideal");
	struct em_exposure e = {.width = 400, .height = 200, .dwell = 1e-3};
	struct em_sim_options o;
	struct em_sim_plan p, later;
	struct em_sim_state s;

	(void)state;
	assert_int_equal(em_sim_options_parse(&o, "?contamination=5&disorder=1e24", NULL), 0);
	em_sim_state_init(&s, 1, EM_SIM_DOUBLE_TILT, true);
	s.control[EM_MODE] = 1;
	s.control[EM_SCAN_ROTATION] = 0.4;
	strcpy(e.detector, "HAADF");
	assert_int_equal(em_sim_exposure_plan(&m, &o, &s, &e, &p, NULL), 0);
	assert_near(p.place.half[0], 200 * hypot(p.view.plane[0][0], p.view.plane[1][0]), 1e-15);
	assert_near(4 * p.place.half[0] * p.place.half[1], 400 * 200 * p.view.pixel * p.view.pixel, 1e-20);
	em_sim_exposure_done(&s, &p);
	em_sim_exposure_done(&s, &p);
	s.magnification[1] /= 10;
	assert_int_equal(em_sim_exposure_plan(&m, &o, &s, &e, &later, NULL), 0);
	assert_near(em_sim_places_dose(later.view.place, p.view.x, p.view.y), 2 * p.place.dose, 1e-9 * p.place.dose);
	for (int i = 0; i < 2; i++) { /* its right end, and past it */
		double column = i ? 201 : 199;
		double x = p.view.x + column * p.view.plane[0][0], y = p.view.y + column * p.view.plane[1][0];

		assert_near(em_sim_view_disorder(&later.view, x, y), i ? 0 : 1 - exp(-2 * p.place.dose / 1e24), 1e-9);
		assert_true(i ? em_sim_view_deposit(&later.view, x, y) == 0
		              : em_sim_view_deposit(&later.view, x, y) > 0);
	}
	em_sim_options_release(&o);
}

/* Of more places than are kept those with the least dose are forgotten. */
static void the_most_is_kept(void **state)
{
	struct em_sim_model m = model_of("?mechanics=ideal");
	struct em_exposure e = {.width = 64, .height = 64, .dwell = 1e-3};
	struct em_sim_options o;
	struct em_sim_plan p;
	struct em_sim_state s;

	(void)state;
	assert_int_equal(em_sim_options_parse(&o, "", NULL), 0);
	em_sim_state_init(&s, 1, EM_SIM_DOUBLE_TILT, true);
	s.control[EM_MODE] = 1;
	strcpy(e.detector, "HAADF");
	for (int i = 0; i < 3 * EM_SIM_PLACES; i++) {
		s.stage.axis[0].from = s.stage.axis[0].to = s.stage.axis[0].dragged = i * 1e-6;
		e.dwell = i == 7 ? 1e-2 : 1e-4 + 1e-6 * i;
		assert_int_equal(em_sim_exposure_plan(&m, &o, &s, &e, &p, NULL), 0);
		em_sim_exposure_done(&s, &p);
		assert_true(i < 7 || em_sim_places_dose(s.place, p.view.x - 1e-6 * (i - 7), p.view.y) > 0);
		assert_true(em_sim_places_dose(s.place, p.view.x, p.view.y) > 0);
	}
	assert_near(em_sim_places_dose(s.place, p.view.x - 1e-6 * (3 * EM_SIM_PLACES - 1), p.view.y), 0, 0);
	em_sim_options_release(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(carbon_grows_where_the_beam_was),
	    cmocka_unit_test(it_stops_growing),
	    cmocka_unit_test(order_is_lost_where_the_beam_was),
	    cmocka_unit_test(a_scan_leaves_its_field),
	    cmocka_unit_test(the_most_is_kept),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
