/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The strokes of lib/synth against closed forms: volumes, areas, variances, nearest points. */
#include "synth_help.h"

static void test_column(void **state)
{
	struct easel e;

	(void)state;
	set_up(&e, 64, 80);
	em_synth_put_column(&e.c, 40.3, 35.8, 3, 1.7);
	assert_near(sum(&e, e.c.image), 3 * TURN * 1.7 * 1.7,
	            3 * TURN * 1.7 * 1.7 * 2e-3); /* but for the tails beyond 4 sigma */
	assert_near(e.c.image[36 * e.frame.width + 40], 3 * exp(-(0.3 * 0.3 + 0.2 * 0.2) / (2 * 1.7 * 1.7)), 1e-5);
	clear_up(&e);
}

/* Columns whose middle is within the label are whole, others are not there; layers stop at the border. */
static void test_label(void **state)
{
	struct easel e;
	unsigned char labels[200 * 200] = {0};
	size_t n;

	(void)state;
	set_up(&e, 64, 64);
	n = em_synth_canvas_pixels(&e.c);
	for (size_t i = 0; i < n; i++)
		labels[i] = i % e.frame.width >= 40;
	e.c.labels = labels;
	e.c.label = 1;
	em_synth_put_column(&e.c, 39.4, 30, 1, 2);
	assert_near(sum(&e, e.c.image), 0, 0);
	em_synth_put_column(&e.c, 39.6, 30, 1, 2);
	assert_near(sum(&e, e.c.image), TURN * 4, 0.05);
	em_synth_clear(&e.c, e.c.image, 0);
	em_synth_clear(&e.c, e.c.layer, 1);
	em_synth_put_layer(&e.c);
	for (size_t i = 0; i < n; i++)
		assert_near(e.c.image[i], labels[i], 0);
	clear_up(&e);
}

static void test_noise(void **state)
{
	struct easel e;
	double power = 0, inside = 0, variance;

	(void)state;
	set_up(&e, 256, 256);
	em_synth_amorphous_noise(&e.c, &e.r, 8, 0.1, 0, e.c.layer);
	assert_near(sum(&e, e.c.layer), 0, 1);
	for (size_t i = 0; i < em_synth_canvas_pixels(&e.c); i++)
		power += (double)e.c.layer[i] * (double)e.c.layer[i];
	variance = power / (double)em_synth_canvas_pixels(&e.c);
	assert_near(variance, 1, 0.05);
	power = 0;
	em_fft_forward(e.frame.forward, e.c.layer, e.c.spectrum);
	for (size_t j = 0; j < e.frame.height; j++)
		for (size_t i = 0; i <= e.frame.width / 2; i++) {
			const float *f = e.c.spectrum + 2 * (j * (e.frame.width / 2 + 1) + i);
			double ky = (j <= e.frame.height / 2 ? (double)j : (double)j - (double)e.frame.height) /
			            (double)e.frame.height;
			double k = hypot(ky, (double)i / (double)e.frame.width),
			       p = (double)(f[0] * f[0] + f[1] * f[1]);

			power += p;
			inside += fabs(k - 1. / 8) < 2.5 * 0.1 / 8 ? p : 0;
		}
	assert_true(inside / power > 0.998); /* a Gaussian of amplitude: 2.5 sigma are 3.5 sigma of power */
	clear_up(&e);
}

static void test_shapes(void **state)
{
	struct easel e;
	struct em_synth_shape s = {60.2, 50.7, 20, 11, 0.7, .height = 2, .profile = EM_SYNTH_SLAB};

	(void)state;
	set_up(&e, 100, 120);
	em_synth_stamp(&e.c, &s);
	assert_near(sum(&e, e.c.layer), 2 * TURN / 2 * 20 * 11, 15);
	em_synth_clear(&e.c, e.c.layer, 0);
	s.profile = EM_SYNTH_BALL;
	em_synth_stamp(&e.c, &s); /* half an ellipsoid's volume, of half axes 20, 11, 2 */
	assert_near(sum(&e, e.c.layer), TURN / 3 * 20 * 11 * 2, 5);
	em_synth_clear(&e.c, e.c.layer, 0);
	s.profile = EM_SYNTH_SLAB;
	s.outline = EM_SYNTH_ROD;
	em_synth_stamp(&e.c, &s);
	assert_near(sum(&e, e.c.layer), 2 * (TURN / 2 * 11 * 11 + 2 * 9 * 22), 15);
	em_synth_clear(&e.c, e.c.layer, 0);
	s.outline = EM_SYNTH_POLYGON;
	s.ry = 20;
	s.sides = 6;
	em_synth_stamp(&e.c, &s); /* a regular hexagon whose corners are 20 from its middle */
	assert_near(sum(&e, e.c.layer), 2 * 1.5 * sqrt(3) * 20 * 20, 30);
	em_synth_stamp(&e.c, &(struct em_synth_shape){60.2, 50.7, 5, 5, 0, .height = 1, .highest = true});
	assert_near(sum(&e, e.c.layer), 2 * 1.5 * sqrt(3) * 20 * 20, 30); /* the lower one does not show */
	clear_up(&e);
}

/* Against all points, one by one: with little jitter the nearest is always among the nine cells around. */
static void test_cells(void **state)
{
	struct em_synth_cells cells;
	struct easel e;
	double d1, d2, x, y;

	(void)state;
	set_up(&e, 60, 90);
	assert_int_equal(em_synth_cells_init(&cells, &e.c, &e.r, 13, 0.5, 2, 0.4, NULL), 0);
	for (int k = 0; k < 500; k++) {
		double px = em_random_between(&e.r, 0, (double)e.frame.width),
		       py = em_random_between(&e.r, 0, (double)e.frame.height);
		double best = 1e9, second = 1e9;
		size_t nearest = 0;

		for (size_t i = 0; i < em_synth_cells_count(&cells); i++) {
			double u, v, d;

			em_synth_cells_point(&cells, i, &x, &y);
			u = (cos(0.4) * (x - px) + sin(0.4) * (y - py)) / 2;
			v = cos(0.4) * (y - py) - sin(0.4) * (x - px);
			d = hypot(u, v);
			second = d < best ? best : d < second ? d : second;
			nearest = d < best ? i : nearest;
			best = d < best ? d : best;
		}
		assert_int_equal(em_synth_cells_nearest(&cells, px, py, &d1, &d2), nearest);
		assert_near(d1, best, 1e-4);
		assert_near(d2, second, 1e-4);
	}
	em_synth_cells_release(&cells);
	clear_up(&e);
}

/* A plane of slope s: the secant law and what faces the detector, no hollow. */
static void test_shade(void **state)
{
	struct easel e;
	const double slope = 0.75, secant = sqrt(1 + slope * slope);
	size_t middle;

	(void)state;
	set_up(&e, 32, 32);
	middle = 20 * e.frame.width + 20;
	for (size_t i = 0; i < em_synth_canvas_pixels(&e.c); i++)
		e.c.layer[i] = (float)(slope * (double)(i % e.frame.width));
	em_synth_shade(&e.c, 0); /* rises to the right, where the detector is: turned away */
	assert_near(e.c.layer[middle], 0.25 + 0.35 * secant - 0.25 * slope / secant, 1e-5);
	em_synth_clear(&e.c, e.c.layer, 5);
	em_synth_shade(&e.c, 0);
	assert_near(e.c.layer[middle], 0.6, 1e-5);
	clear_up(&e);
}

static void test_frame(void **state)
{
	struct em_synth_frame f;
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_synth_frame_init(&f, 64, 64, NULL), 0);
	assert_true(f.margin == 8 && f.height == 80 && f.width == 80);
	em_synth_frame_release(&f);
	assert_int_equal(em_synth_frame_init(&f, 1, 97, NULL), 0);
	assert_true(f.margin == 12 && f.height >= 25 && f.width >= 121 && f.height % 2 == 0);
	em_synth_frame_release(&f);
	assert_int_equal(em_synth_frame_init(&f, 0, 64, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_synth_frame_init(&f, 64, 70000, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_column), cmocka_unit_test(test_label), cmocka_unit_test(test_noise),
	    cmocka_unit_test(test_shapes), cmocka_unit_test(test_cells), cmocka_unit_test(test_shade),
	    cmocka_unit_test(test_frame),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
