/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Maps of contrast against plane waves of known contrast, and of noise against what noise is. */
#include "crystal_help.h"

static const double still[2] = {0, 0};

/* Two spots at right angles, with room around them. */
static struct scene square(void)
{
	return (struct scene){.height = 200,
	                      .width = 180,
	                      .mean = 80,
	                      .waves = 2,
	                      .contrast = 0.2,
	                      .phase = 0.7,
	                      .g = {{0.021, 0.1032}, {0.1032, -0.021}},
	                      .seed = 1};
}

static size_t count_known(const struct em_order_plan *plan, const struct em_order_frame *f)
{
	size_t n = 0;

	for (size_t k = 0; k < grid_points(plan); k++)
		n += isnan(f->map[0].contrast2[k]) ? 0 : 1;
	return n;
}

/* c^2 is the sum of (a / 2 I)^2, and psi the wave that is there: its phase at each place. */
static void test_contrast(void **state)
{
	struct scene s = square();
	struct em_order_plan *plan = plan_for(&s, EM_ORDER_RADIUS);
	struct em_order_frame f = form_scene(plan, &s);
	size_t seen = 0, n = grid_points(plan);

	(void)state;
	for (size_t k = 0; k < n; k++) {
		const float *psi = f.map[0].psi + 2 * n + k; /* of the second spot */
		double y, x, phase, cy = round(s.g[1][0] * 200) / 200, cx = round(s.g[1][1] * 180) / 180;

		grid_place(plan, k, &y, &x);
		if (y < 50 || y > 150 || x < 50 || x > 130)
			continue;
		phase = TURN * ((s.g[1][0] - cy) * y + (s.g[1][1] - cx) * x) + s.phase;
		assert_near(f.map[0].contrast2[k], 2 * 0.1 * 0.1, 2e-5);
		assert_near(psi[0], 0.1 * cos(phase), 2e-4);
		assert_near(psi[n], 0.1 * sin(phase), 2e-4);
		seen++;
	}
	assert_true(seen > 100);
	em_order_frame_release(&f);
	em_order_plan_free(plan);
}

/*
 * Thickness, the window and the frame's border cancel: c is the same to 1 % where the window is half or more, and to 3
 * % wherever it is known, which is up to 0.4 blurs from the border; so it is in a specimen that moved.
 */
static void test_gradient(void **state)
{
	const double shifts[][2] = {{0, 0}, {13.3, -7.6}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scene s = square();
		struct em_order_plan *plan = plan_for(&s, EM_ORDER_RADIUS);
		struct em_order_frame f;

		s.slope = 0.3;
		memcpy(s.shift, shifts[i], sizeof(s.shift));
		f = form_scene(plan, &s);
		for (size_t k = 0; k < grid_points(plan); k++) {
			double v = (double)f.map[0].contrast2[k], y, x, w, depth;

			grid_place(plan, k, &y, &x);
			y += s.shift[0];
			x += s.shift[1];
			w = em_spectrum_window(y, 200) * em_spectrum_window(x, 180);
			depth = fmin(fmin(y + 0.5, 199.5 - y), fmin(x + 0.5, 179.5 - x));
			assert_true(isnan(v) == !(w > 0.03 && depth > 0.4 * em_order_plan_blur(plan)));
			if (!isnan(v))
				assert_near(sqrt(v / 0.02), 1, w > 0.5 ? 0.01 : 0.03);
		}
		em_order_frame_release(&f);
		em_order_plan_free(plan);
	}
}

/* A frame that is dark on one side, and one whose mean is below 0. */

static void test_dark(void **state)
{
	struct scene s = square();
	struct em_order_plan *plan = plan_for(&s, EM_ORDER_RADIUS);
	struct em_array a = draw(&s);
	struct em_order_frame f;

	(void)state;
	for (size_t i = 0; i < s.height * s.width; i++)
		((float *)a.data)[i] *= i % s.width < 90 ? 1.0F : 0.01F;
	f = form_array(plan, &a, still);
	for (size_t k = 0; k < grid_points(plan); k++) {
		double y, x;

		grid_place(plan, k, &y, &x);
		if (x > 130 && x < 165 && y > 50 && y < 150)
			assert_true(isnan(f.map[0].contrast2[k]));
		else if (x > 10 && x < 70 && y > 50 && y < 150)
			assert_near(f.map[0].contrast2[k], 0.02, 4e-4);
	}
	em_order_frame_release(&f);
	for (size_t i = 0; i < s.height * s.width; i++)
		((float *)a.data)[i] = (float)(80 * (i % s.width < 90 ? 1 : -2));
	f = form_array(plan, &a, still);
	assert_true(f.mean < 0 && count_known(plan, &f) > grid_points(plan) / 2);
	em_order_frame_release(&f);
	em_array_release(&a);
	em_order_plan_free(plan);
}

/* Of a mean not above 0 nothing is divided by: c is a / 2. */
static void test_processed(void **state)
{
	struct scene s = square();
	struct em_order_plan *plan = plan_for(&s, EM_ORDER_RADIUS);
	struct em_array a = draw(&s);
	struct em_order_frame f;

	(void)state;
	for (size_t i = 0; i < s.height * s.width; i++)
		((float *)a.data)[i] = ((float *)a.data)[i] - 80.5F;
	f = form_array(plan, &a, still);
	for (size_t k = 0; k < grid_points(plan); k++) {
		double y, x;

		grid_place(plan, k, &y, &x);
		if (y > 50 && y < 150 && x > 50 && x < 130)
			assert_near(f.map[0].contrast2[k], 2 * 8 * 8, 0.2);
	}
	em_order_frame_release(&f);
	em_array_release(&a);
	em_order_plan_free(plan);
}

/*
 * White noise of variance v: noise^2 = v sum M^2 / (height width) over I^2 for each spot, sum M^2 being
 * pi radius^2 height width (3/8 - 2/pi^2); and what is left of c^2 is 0 on average.  Medians of discs are a little
 * below their means.
 */
static void test_noise(void **state)
{
	const int runs = 40;
	struct scene s = square();
	struct em_order_plan *plan = plan_for(&s, EM_ORDER_RADIUS);
	double radius = em_order_plan_phase(plan, 0)->spot[0].radius, v = 80 + 25;
	double want = 2 * v * TURN / 2 * radius * radius * (3.0 / 8 - 8 / (TURN * TURN)) / (80 * 80);
	double sum = 0, square_sum = 0, noise = 0;

	(void)state;
	s.contrast = 0;
	s.poisson = true;
	for (int i = 0; i < runs; i++) {
		struct em_order_frame f;
		double mean = 0, own = 0;
		size_t n = 0;
		struct em_array a;
		struct em_random r;

		s.seed = 100 + (uint64_t)i;
		em_random_seed(&r, s.seed, 9);
		a = draw(&s);
		for (size_t k = 0; k < s.height * s.width; k++)
			((float *)a.data)[k] += (float)(5 * em_random_normal(&r));
		f = form_array(plan, &a, still);
		em_array_release(&a);
		for (size_t k = 0; k < grid_points(plan); k++) {
			double y, x;

			grid_place(plan, k, &y, &x);
			if (y < 30 || y > 170 || x < 30 || x > 150)
				continue;
			mean += (double)f.map[0].contrast2[k];
			own += (double)f.map[0].noise2[k];
			n++;
		}
		sum += mean / (double)n / want;
		square_sum += pow(mean / (double)n / want, 2);
		noise += own / (double)n / want;
		em_order_frame_release(&f);
	}
	assert_near(noise / runs, 1, 0.02);
	sum /= runs;
	assert_true(sqrt(square_sum / runs - sum * sum) < 0.25);
	assert_near(sum, 0, 3 * sqrt((square_sum / runs - sum * sum) / runs));
	em_order_plan_free(plan);
}

/* ---- masks ---- */

static double radius_of(const double (*g)[2], size_t n, double ratio, const double (*others)[2], size_t n_others)
{
	struct em_order_phase p = {.name = "film", .count = n};
	struct em_order_plan *plan;
	double radius;

	for (size_t k = 0; k < n; k++)
		p.spot[k] = (struct em_spot){.y = g[k][0], .x = g[k][1]};
	plan = em_order_plan_new(256, 300, &p, 1, ratio, others, n_others, NULL);
	assert_non_null(plan);
	radius = em_order_plan_phase(plan, 0)->spot[0].radius;
	for (size_t k = 1; k < n; k++)
		assert_true(!(fabs(em_order_plan_phase(plan, 0)->spot[k].radius - radius) > 0));
	assert_near(em_order_plan_blur(plan), 1 / radius, 1e-9);
	em_order_plan_free(plan);
	return radius;
}

static void test_radius(void **state)
{
	const double one[][2] = {{0, 0.1}}, two[][2] = {{0, 0.1}, {0.04, 0.1}},
	             opposite[][2] = {{0.1, 0.01}, {-0.1, 0.01}};
	const double longer[][2] = {{0, 0.1}, {0.2, 0}}, beside[][2] = {{0.03, 0.1}}, against[][2] = {{-0.03, -0.1}};

	(void)state;
	assert_near(radius_of(one, 1, 0.45, NULL, 0), 0.045, 1e-12);
	assert_near(radius_of(one, 1, 0.2, NULL, 0), 0.02, 1e-12);
	assert_near(radius_of(one, 1, 0.5, NULL, 0), 0.05, 1e-12); /* half of the way to the middle */
	assert_near(radius_of(two, 2, 0.45, NULL, 0), 0.02, 1e-12);
	assert_near(radius_of(opposite, 2, 0.45, NULL, 0), 0.01, 1e-12); /* from one to the other's opposite */
	assert_near(radius_of(longer, 2, 0.45, NULL, 0), 0.045, 1e-12);  /* one radius for all: the least */
	assert_near(radius_of(one, 1, 0.45, beside, 1), 0.015, 1e-12);
	assert_near(radius_of(one, 1, 0.45, against, 1), 0.015, 1e-12);
}

/* Spots repeat with a period of a cycle a pixel: one near Nyquist's frequency has its own opposite beside it. */
static void test_nyquist(void **state)
{
	const double high[][2] = {{0, 0.44}}, diagonal[][2] = {{0.25, 0.44}};
	struct scene s = {.height = 160, .width = 160, .mean = 50, .waves = 1, .contrast = 0.2, .g = {{0.013, 0.44}}};
	struct em_order_plan *plan = plan_for(&s, EM_ORDER_RADIUS);
	struct em_order_frame f = form_scene(plan, &s);

	(void)state;
	assert_near(radius_of(high, 1, 0.45, NULL, 0), 0.06, 1e-12);
	assert_near(radius_of(diagonal, 1, 0.5, NULL, 0), EM_MASK_MOST, 1e-12);
	for (size_t k = 0; k < grid_points(plan); k++) {
		double y, x;

		grid_place(plan, k, &y, &x);
		if (y > 40 && y < 120 && x > 40 && x < 120)
			assert_near(f.map[0].contrast2[k], 0.01, 1e-4);
	}
	em_order_frame_release(&f);
	em_order_plan_free(plan);
}

static int try_spots(const double (*g)[2], size_t n, double ratio, struct em_error *err)
{
	struct em_order_phase p = {.name = "film", .count = n};
	struct em_order_plan *plan;

	*err = (struct em_error){0};
	for (size_t k = 0; k < n; k++)
		p.spot[k] = (struct em_spot){.y = g[k][0], .x = g[k][1]};
	plan = em_order_plan_new(256, 256, &p, 1, ratio, NULL, 0, err);
	em_order_plan_free(plan);
	return plan ? 0 : -1;
}

static void test_refused(void **state)
{
	const double beyond[][2] = {{0.51, 0.1}}, below[][2] = {{0, -0.5}}, middle[][2] = {{0.004, 0.004}};
	const double twice[][2] = {{0, 0.1}, {0, 0.1}}, near[][2] = {{0, 0.1}, {0.01, 0.1}}, nan[][2] = {{NAN, 0.1}};
	const double fine[][2] = {{0, 0.1}}, finest[][2] = {{0, 0.4999}};
	struct em_error err;

	(void)state;
	assert_int_equal(try_spots(fine, 1, 0.45, &err), 0);
	assert_int_equal(try_spots(beyond, 1, 0.45, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, "Nyquist"));
	assert_int_equal(try_spots(below, 1, 0.45, &err), -1);
	assert_non_null(strstr(err.text, "Nyquist"));
	assert_int_equal(try_spots(finest, 1, 0.45, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(try_spots(middle, 1, 0.45, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(try_spots(twice, 2, 0.45, &err), -1);
	assert_int_equal(try_spots(near, 2, 0.45, &err), -1);
	assert_non_null(strstr(err.text, "film"));
	assert_int_equal(try_spots(nan, 1, 0.45, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(try_spots(fine, 0, 0.45, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(try_spots(fine, 1, 0, &err), -1);
	assert_int_equal(try_spots(fine, 1, 0.6, &err), -1);
	assert_int_equal(try_spots(fine, 1, NAN, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	em_order_plan_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_contrast), cmocka_unit_test(test_gradient),  cmocka_unit_test(test_dark),
	    cmocka_unit_test(test_noise),    cmocka_unit_test(test_processed), cmocka_unit_test(test_radius),
	    cmocka_unit_test(test_nyquist),  cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
