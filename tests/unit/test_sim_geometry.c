/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the simulator's pictures show things: magnification, rotation, tilt, height, drift. */
#include "specimen_help.h"

/* Gold balls of 5 nm radius, one in each square of 20 um, and nothing else. */
#define BALLS                                                                                                          \
	"{\"scatter\":[{\"kind\":\"particles\",\"material\":\"Au\",\"pitch_um\":20,\"share\":1,\"radius_nm\":[5,5]}]}"
/* Two given holes in a film. */
#define HOLES                                                                                                          \
	"{\"film\":{\"material\":\"C\",\"thickness_nm\":20,\"holes_at\":[{\"x_um\":-3,\"y_um\":-2,\"radius_um\":0.5}," \
	"{\"x_um\":3,\"y_um\":2,\"radius_um\":0.5}]}}"

static struct em_sim_thing ball_of(const struct em_sim_world *w)
{
	struct em_sim_thing t;

	assert_true(em_sim_scatter_thing(w, &w->scatter[0], 1, -1, &t));
	return t;
}

/* Where pixel (column, row) looks, untilted. */
static void place_of(const struct em_sim_view *v, const double pixel[2], double at[2])
{
	double c = pixel[0] - ((double)v->width - 1) / 2, r = pixel[1] - ((double)v->height - 1) / 2;

	at[0] = v->x + v->plane[0][0] * c + v->plane[0][1] * r;
	at[1] = v->y + v->plane[1][0] * c + v->plane[1][1] * r;
}

static void find(const struct em_sim_world *w, const struct em_sim_view *v, double at[2])
{
	struct em_array a;
	double pixel[2];

	centroid(expected(w, v, &a), v->width, 0, pixel);
	place_of(v, pixel, at);
	em_array_release(&a);
}

/* From 50 pm to 200 nm a pixel; the ball is between 200 pixels and a twentieth of one. */
static void a_ball_is_at_one_place_at_every_magnification(void **state)
{
	static const double field[] = {25.6e-9, 256e-9, 2.56e-6, 8e-6, 14e-6};
	struct em_sim_world *w = world_of(BALLS);
	struct em_sim_thing t = ball_of(w);

	(void)state;
	for (size_t i = 0; i < sizeof(field) / sizeof(*field); i++) {
		struct em_sim_view v =
		    view_of(EM_SIM_SCAN, 256, field[i], t.at[0] + field[i] / 9, t.at[1] - field[i] / 7);
		double at[2];

		find(w, &v, at);
		assert_true(hypot(at[0] - t.at[0], at[1] - t.at[1]) < 0.12 * v.pixel);
	}
	em_sim_world_free(w);
}

/* What a ball scatters is its volume's, however large it is on the screen: share = 7.1e-26 sum Z^1.7 n t. */
static void a_ball_scatters_as_much_at_every_magnification(void **state)
{
	static const double field[] = {25.6e-9, 128e-9, 512e-9, 2.56e-6};
	struct em_sim_world *w = world_of(BALLS);
	struct em_sim_thing t = ball_of(w);
	double volume = 4 * PI / 3 * pow(t.half[0], 3),
	       density = pow(79, 1.7) * 2 / (.28837e-9 * .40782e-9 * .28837e-9);

	(void)state;
	for (size_t i = 0; i < sizeof(field) / sizeof(*field); i++) {
		struct em_sim_view v = view_of(EM_SIM_SCAN, 256, field[i], t.at[0], t.at[1]);
		struct em_sim_frame f;
		double sum = 0;

		assert_int_equal(em_sim_frame_init(&f, w, &v, 0, NULL), 0);
		assert_int_equal(em_sim_frame_draw(&f, 2, NULL), 0);
		for (size_t k = 0; k < f.width * f.height; k++)
			sum += (double)f.matter[k] * v.pixel * v.pixel;
		assert_true(fabs(sum / (7.1e-26 * density * volume) - 1) < 0.02);
		em_sim_frame_release(&f);
	}
	em_sim_world_free(w);
}

/* A camera with rotation, shear and error: the matrix comes back from two moves of the stage. */
static void two_moves_give_magnification_and_rotation(void **state)
{
	struct em_sim_world *w = world_of(BALLS);
	struct em_sim_thing t = ball_of(w);
	struct em_sim_view v = view_of(EM_SIM_IMAGE, 256, 256e-9, t.at[0], t.at[1]);
	double there[3][2], move = 60e-9, c = cos(0.6), s = sin(0.6);
	const double plane[2][2] = {{1.02e-9 * c, 0.98e-9 * s}, {1.02e-9 * s, -0.98e-9 * c}};

	(void)state;
	memcpy(v.plane, plane, sizeof(plane));
	for (int i = 0; i < 3; i++) {
		struct em_array a;

		v.x = t.at[0] + (i == 1 ? move : 0);
		v.y = t.at[1] + (i == 2 ? move : 0);
		centroid(expected(w, &v, &a), 256, v.electrons, there[i]);
		em_array_release(&a);
	}
	/* the thing went back by the move: plane (there[i] - there[0]) = -move */
	for (int i = 1; i < 3; i++)
		for (int k = 0; k < 2; k++) {
			double got =
			    plane[k][0] * (there[i][0] - there[0][0]) + plane[k][1] * (there[i][1] - there[0][1]);

			assert_true(fabs(got + (k == i - 1 ? move : 0)) < 1e-3 * move);
		}
	em_sim_world_free(w);
}

static void holes_of(const struct em_sim_world *w, const struct em_sim_view *v, double apart[2])
{
	struct em_array a;
	float *p = expected(w, v, &a);
	double at[2][2] = {{0}}, sum[2] = {0};

	for (size_t i = 0; i < v->width * v->height; i++) { /* dark in HAADF; one hole a half */
		double weight = p[i] < 0.5F * p[0] ? 1 - (double)p[i] / (double)p[0] : 0;
		int half = i / v->width >= v->height / 2;

		at[half][0] += weight * (double)(i % v->width);
		at[half][1] += weight * (double)(i / v->width);
		sum[half] += weight;
	}
	for (int k = 0; k < 2; k++)
		apart[k] = (at[1][k] / sum[1] - at[0][k] / sum[0]) * v->pixel;
	em_array_release(&a);
}

static void tilt_foreshortens(void **state)
{
	struct em_sim_world *w = world_of(HOLES);
	struct em_sim_view v = view_of(EM_SIM_SCAN, 512, 10e-6, 0, 0);
	double flat[2], tilted[2];

	(void)state;
	holes_of(w, &v, flat);
	assert_true(fabs(flat[0] / 6e-6 - 1) < 1e-3 && fabs(flat[1] / 4e-6 - 1) < 1e-3);
	v.a = 35 * PI / 180;
	holes_of(w, &v, tilted);
	assert_true(fabs(tilted[1] / flat[1] / cos(v.a) - 1) < 2e-3 && fabs(tilted[0] / flat[0] - 1) < 1e-3);
	v.a = 0;
	v.b = -25 * PI / 180;
	holes_of(w, &v, tilted);
	assert_true(fabs(tilted[0] / flat[0] / cos(v.b) - 1) < 2e-3 && fabs(tilted[1] / flat[1] - 1) < 1e-3);
	v.a = 20 * PI / 180; /* both: R = Rx(a) Ry(b) */
	holes_of(w, &v, tilted);
	assert_true(fabs(tilted[1] / (4e-6 * cos(v.a) + 6e-6 * sin(v.a) * sin(v.b)) - 1) < 3e-3);
	em_sim_world_free(w);
}

/* What is high moves when the stage is tilted about the plane z = 0. */
static void height_moves_with_tilt(void **state)
{
	struct em_sim_world *w = world_of("{\"grid\":{\"material\":\"Cu\",\"pitch_um\":125,\"bar_um\":0},"
	                                  "\"film\":{\"material\":\"C\",\"thickness_nm\":0,\"height_um\":3},"
	                                  "\"scatter\":[{\"kind\":\"particles\",\"material\":\"Au\",\"pitch_um\":20,"
	                                  "\"share\":1,\"radius_nm\":[30,30]}]}");
	struct em_sim_thing t;

	(void)state;
	for (long i = 8; i < 12; i++) {
		assert_true(em_sim_scatter_thing(w, &w->scatter[0], i, 7, &t));
		if (fabs(t.at[2]) < 0.3e-6)
			continue;
		struct em_sim_view v = view_of(EM_SIM_IMAGE, 256, 4e-6, t.at[0], t.at[1]);
		struct em_array a;
		double pixel[2];

		v.a = 0.25;
		v.b = -0.15;
		centroid(expected(w, &v, &a), 256, v.electrons, pixel);
		em_array_release(&a);
		assert_true(fabs((pixel[0] - 127.5) * v.pixel - sin(v.b) * t.at[2]) < 0.1 * v.pixel);
		assert_true(fabs((pixel[1] - 127.5) * v.pixel + sin(v.a) * cos(v.b) * t.at[2]) < 0.1 * v.pixel);
		em_sim_world_free(w);
		return;
	}
	fail_msg("no ball is high enough");
}

/* The stage goes by 20 nm a second under a scan of 1.1 s: the ball is met where the probe and it are together. */
static void a_scan_sees_drift(void **state)
{
	struct em_sim_world *w = world_of(BALLS);
	struct em_sim_thing t = ball_of(w);
	struct em_sim_view v = view_of(EM_SIM_SCAN, 256, 256e-9, t.at[0], t.at[1] - 50e-9);
	struct em_array a;
	double pixel[2], time;

	(void)state;
	v.dwell = 16e-6;
	v.line_seconds = 2e-4;
	v.drift[0] = 20e-9;
	v.drift[1] = -7e-9;
	centroid(expected(w, &v, &a), 256, 0, pixel);
	em_array_release(&a);
	time = pixel[1] * (256 * v.dwell + v.line_seconds) + pixel[0] * v.dwell;
	assert_true(time > 0.6);
	assert_true(fabs(v.x + v.drift[0] * time + (pixel[0] - 127.5) * 1e-9 - t.at[0]) < 0.1e-9);
	assert_true(fabs(v.y + v.drift[1] * time + (pixel[1] - 127.5) * 1e-9 - t.at[1]) < 0.1e-9);
	em_sim_world_free(w);
}

/* A camera has it at the middle of its exposure. */
static void a_camera_sees_drift(void **state)
{
	struct em_sim_world *w = world_of(BALLS);
	struct em_sim_thing t = ball_of(w);
	struct em_sim_view v = view_of(EM_SIM_IMAGE, 256, 256e-9, t.at[0], t.at[1]);
	struct em_array a;
	double pixel[2];

	(void)state;
	v.seconds = 2;
	v.drift[0] = 10e-9;
	centroid(expected(w, &v, &a), 256, v.electrons, pixel);
	em_array_release(&a);
	assert_true(fabs(pixel[0] - (127.5 - 10)) < 0.1 && fabs(pixel[1] - 127.5) < 0.1);
	em_sim_world_free(w);
}

/* Out of focus a tilted beam moves the picture by defocus times tilt. */
static void a_tilted_beam_shifts_what_is_out_of_focus(void **state)
{
	struct em_sim_world *w = world_of(BALLS);
	struct em_sim_thing t = ball_of(w);
	struct em_sim_view v = view_of(EM_SIM_IMAGE, 256, 256e-9, t.at[0], t.at[1]);
	struct em_array a;
	double there[2][2];

	(void)state;
	v.defocus = -3e-6;
	for (int i = 0; i < 2; i++) {
		v.tilt[0] = i * 5e-3;
		centroid(expected(w, &v, &a), 256, v.electrons, there[i]);
		em_array_release(&a);
	}
	assert_true(fabs(there[1][0] - there[0][0] - 15) < 0.5 && fabs(there[1][1] - there[0][1]) < 0.5);
	em_sim_world_free(w);
}

static void rows_jump_by_what_was_asked(void **state)
{
	struct em_sim_world *w = world_of("{\"film\":{\"material\":\"C\",\"thickness_nm\":20,\"holes_at\":"
	                                  "[{\"x_um\":0,\"y_um\":0,\"radius_um\":1}]}}");
	struct em_sim_view v = view_of(EM_SIM_SCAN, 512, 2.8e-6, 0, 0);
	struct em_array a, still;
	float *p, *q;
	double squares = 0;
	size_t rows = 0;

	(void)state;
	q = expected(w, &v, &still);
	v.row_jitter = 1.5 * v.pixel;
	p = expected(w, &v, &a);
	for (size_t j = 120; j < 392; j++) { /* how far the hole's left edge has gone, by what is missing left of it */
		double now = 0, before = 0;

		for (size_t i = 0; i < 256; i++) {
			now += (double)p[j * 512 + i];
			before += (double)q[j * 512 + i];
		}
		now = (now - before) / (double)q[0];
		squares += now * now;
		rows++;
	}
	assert_true(fabs(sqrt(squares / (double)rows) / 1.5 - 1) < 0.15);
	em_array_release(&a);
	em_array_release(&still);
	em_sim_world_free(w);
}

/* An edge at column x is seen at c, where c + A exp(-c dwell / tau) is x: rows begin too far to the right. */
static void rows_begin_before_the_probe_is_back(void **state)
{
	struct em_sim_world *w = world_of("{\"film\":{\"material\":\"C\",\"thickness_nm\":20,\"holes_at\":"
	                                  "[{\"x_um\":0,\"y_um\":0,\"radius_um\":1.3}]}}");
	struct em_sim_view v = view_of(EM_SIM_SCAN, 512, 2.8e-6, 0, 0);
	double moved[2] = {0, 0}, seen = 20, edge = 0;
	struct em_array a, still;
	float *p, *q;

	(void)state;
	q = expected(w, &v, &still);
	while (q[256 * 512 + (int)edge] > q[256 * 512] / 2)
		edge++;
	v.flyback = 6 * v.pixel;
	v.flyback_seconds = 40e-6; /* of 1 us a pixel */
	p = expected(w, &v, &a);
	for (size_t i = 0; i < 512; i++) /* by what is missing beside the hole */
		moved[i / 256] += ((double)q[256 * 512 + i] - (double)p[256 * 512 + i]) / (double)q[256 * 512];
	for (int i = 0; i < 50; i++)
		seen = edge - 6 * exp(-seen / 40);
	assert_true(fabs(moved[0] - 6 * exp(-seen / 40)) < 0.15); /* the film is uneven */
	assert_true(moved[0] > 3 && fabs(moved[1]) < 0.01);
	em_array_release(&a);
	em_array_release(&still);
	em_sim_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_ball_is_at_one_place_at_every_magnification),
	    cmocka_unit_test(a_ball_scatters_as_much_at_every_magnification),
	    cmocka_unit_test(two_moves_give_magnification_and_rotation),
	    cmocka_unit_test(tilt_foreshortens),
	    cmocka_unit_test(height_moves_with_tilt),
	    cmocka_unit_test(a_scan_sees_drift),
	    cmocka_unit_test(a_camera_sees_drift),
	    cmocka_unit_test(a_tilted_beam_shifts_what_is_out_of_focus),
	    cmocka_unit_test(rows_jump_by_what_was_asked),
	    cmocka_unit_test(rows_begin_before_the_probe_is_back),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
