/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Movies of plane waves from their first frame to their records. */
#include "film_help.h"

/* ---- movies ---- */

static double lower(double y, double x)
{
	(void)x;
	return y >= 80 ? 1 : 0;
}

static double most(double y, double x)
{
	(void)x;
	return y >= 30 ? 1 : 0;
}

/* A strip of it is lost, and all of it has drifted: found, with spacings, strain and drift. */
static void test_movie(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_json *tree;

	(void)state;
	open_cinema(&k, 2);
	k.opt.still = false;
	assert_int_equal(take(&k, &s), 0);
	s.seed = 2;
	assert_int_equal(take(&k, &s), 0);
	assert_true(atomic_load(&k.m.settled) && k.m.plan);
	assert_int_equal(k.m.spots.count, 1);
	s.seed = 3;
	s.share = most;
	s.glass = 5;
	s.shift[0] = 1.4;
	s.shift[1] = -0.8;
	assert_int_equal(take(&k, &s), 0);
	assert_near(k.frame[2].drift[0], 1.4, 0.1);
	assert_near(k.frame[2].drift[1], -0.8, 0.1);
	tree = crystal(&k, 2, NULL);
	assert_near(number(tree, "frame"), 2, 0);
	assert_near(number(tree, "time_s"), 3.5, 0);
	assert_null(em_json_get(tree, "dose"));
	assert_near(number(tree, "phases.lattice1.fraction"), 1 - (30 - 8.5) / (160 - 17),
	            0.04); /* but 0.4 blurs of border */
	assert_near(number(tree, "phases.lattice1.relative"), number(tree, "phases.lattice1.fraction"), 0.01);
	assert_near(number(tree, "phases.lattice1.d_a_px"), 1 / hypot(0.021, 0.1032), 0.02);
	assert_near(number(tree, "phases.lattice1.d_b_px"), 1 / hypot(0.021, 0.1032), 0.02);
	assert_true(number(tree, "phases.lattice1.fraction_u") > 0 && number(tree, "drift_quality") > 0);
	assert_true(em_json_size(em_json_get(tree, "drift_px")) == 2);
	em_json_free(tree);
	tree = crystal(&k, 0, NULL);
	assert_near(number(tree, "phases.lattice1.relative"), 1, 0.005);
	assert_near(number(tree, "phases.lattice1.strain_yy"), 0, 1e-3);
	em_json_free(tree);
	close_cinema(&k);
}

/* The axes' unit of length, and what maps are. */
static void test_units(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_array a = draw(&s), map;
	struct em_sample sample;
	struct em_json *tree;
	size_t ones = 0;

	(void)state;
	em_axis_set(&a.axis[0], "y", 0.4, 0, "A");
	em_axis_set(&a.axis[1], "x", 0.4, 0, "A");
	open_cinema(&k, 1);
	k.opt.maps = true;
	assert_int_equal(take_array(&k, &a), 0);
	tree = crystal(&k, 0, &sample);
	assert_near(number(tree, "phases.lattice1.d_a_nm"), 0.04 / hypot(0.021, 0.1032), 0.0003);
	assert_near(number(tree, "phases.lattice1.strain_xx"), 0, 1e-9);
	assert_int_equal(em_sample_array(&sample, "lattice1-order", &map, NULL), 0);
	assert_true(map.dtype == EM_F32 && map.shape[0] == k.m.grid.rows && map.shape[1] == k.m.grid.cols);
	em_array_release(&map);
	assert_int_equal(em_sample_array(&sample, "lattice1-amplitude", &map, NULL), 0);
	em_array_release(&map);
	assert_int_equal(em_sample_array(&sample, "lattice1-disorder", &map, NULL), 0);
	assert_int_equal(map.dtype, EM_U8);
	for (size_t i = 0; i < em_array_count(&map); i++) {
		assert_true(em_array_get(&map, i) < 1.5);
		ones += em_array_get(&map, i) > 0.5;
	}
	assert_true(ones > em_array_count(&map) / 2);
	em_array_release(&map);
	em_sample_release(&sample);
	em_json_free(tree);
	close_cinema(&k);
}

/* ---- regions and control ---- */

static void test_regions(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_areas areas = {0};
	struct em_json *tree;

	(void)state;
	assert_int_equal(em_areas_add_rectangle(&areas, "top=20,15,140,50", NULL, NULL), 0);
	assert_int_equal(em_areas_add_rectangle(&areas, "low \"end\"=20,95,140,50", NULL, NULL), 0);
	open_cinema(&k, 1);
	k.opt.areas = &areas;
	k.opt.control = "lattice1/low \"end\"";
	assert_int_equal(take(&k, &s), 0);
	s.share = lower;
	s.contrast *= 0.8; /* of focus: everywhere, the control too */
	assert_int_equal(take(&k, &s), 0);
	tree = crystal(&k, 1, NULL);
	assert_near(number(tree, "phases.lattice1.regions.top.fraction"), 0, 0.03);
	assert_near(number(tree, "phases.lattice1.regions.low \"end\".fraction"), 1, 0.02);
	assert_near(number(tree, "phases.lattice1.regions.low \"end\".relative"), 1, 0.02);
	assert_near(number(tree, "phases.lattice1.regions.low \"end\".power"), 0.64, 0.03);
	assert_near(number(tree, "phases.lattice1.fraction"), 0.5, 0.03);
	em_json_free(tree);
	close_cinema(&k);
	for (int i = 0; i < 4; i++) {
		static const char *const wrong[] = {"lattice1/nowhere", "film", "lattice1/", "/top"};

		open_cinema(&k, 1);
		k.opt.areas = &areas;
		k.opt.control = wrong[i];
		assert_int_equal(take(&k, &s), -1);
		assert_int_equal(k.err.kind, EM_ERROR_DATA);
		close_cinema(&k);
	}
	em_areas_release(&areas);
	assert_int_equal(em_areas_add_rectangle(&areas, "out=300,10,20,20", NULL, NULL), 0);
	open_cinema(&k, 1);
	k.opt.areas = &areas;
	assert_int_equal(take(&k, &s), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	close_cinema(&k);
	em_areas_release(&areas);
}

/* A line from face to face: a profile with the step in it. */
static void test_profile(void **state)
{
	const struct em_line down = {90, 15, 90, 145};
	struct scene s = square();
	struct cinema k;
	struct em_json *tree;

	(void)state;
	open_cinema(&k, 1);
	k.opt.across = &down;
	k.opt.breadth = 100;
	assert_int_equal(take(&k, &s), 0);
	s.share = lower;
	assert_int_equal(take(&k, &s), 0);
	tree = crystal(&k, 1, NULL);
	assert_near(number(tree, "phases.lattice1.profile.step_px"), 79.5 - 15, 1.5);
	assert_true(number(tree, "phases.lattice1.profile.width_px") > 2);
	assert_true(fabs(number(tree, "phases.lattice1.profile.before") -
	                 number(tree, "phases.lattice1.profile.after")) > 0.5);
	assert_true(em_json_size(em_json_find(tree, "phases.lattice1.profile.order")) ==
	            em_json_size(em_json_find(tree, "phases.lattice1.profile.distance_px")));
	em_json_free(tree);
	close_cinema(&k);
}

/* The profile of a frame with this much noise, beside one with hardly any. */
static struct em_json *noisy_profile(const struct scene *s, double noise)
{
	const struct em_line down = {90, 35, 90, 125};
	struct scene own = *s;
	struct em_json *tree;
	struct cinema k;

	open_cinema(&k, 1);
	k.opt.across = &down;
	k.opt.breadth = 100;
	own.share = NULL;
	own.noise = 0.5; /* a little, or rounding makes spots */
	assert_int_equal(take(&k, &own), 0);
	own.share = s->share;
	own.noise = noise;
	assert_int_equal(take(&k, &own), 0);
	tree = crystal(&k, 1, NULL);
	close_cinema(&k);
	return tree;
}

/* The profile's bins scatter over seeds of noise as they say, though points of a map share it; so does the step. */
static void test_profile_u(void **state)
{
	const int runs = 40;
	struct scene s = square();
	double scatter = 0, stated = 0, sum = 0, square_sum = 0, step_u = 0;

	(void)state;
	for (int i = 0; i < runs; i++) {
		double v[100], u[100], step;
		struct em_json *tree;
		size_t n;

		s.seed = 50 + (uint64_t)i;
		s.share = NULL;
		tree = noisy_profile(&s, 120);
		n = em_json_numbers(em_json_find(tree, "phases.lattice1.profile.order"), v, 100);
		assert_true(n > 10 &&
		            em_json_numbers(em_json_find(tree, "phases.lattice1.profile.order_u"), u, 100) == n);
		for (size_t b = 0; b < n; b++) {
			scatter += pow(v[b] - 1, 2);
			stated += u[b] * u[b];
		}
		em_json_free(tree);
		s.share = lower;
		tree = noisy_profile(&s, 120);
		step = number(tree, "phases.lattice1.profile.step_px");
		sum += step;
		square_sum += step * step;
		step_u += pow(number(tree, "phases.lattice1.profile.step_px_u"), 2);
		em_json_free(tree);
	}
	assert_near(sqrt(scatter / stated), 1, 0.25);
	assert_near(sqrt((square_sum - sum * sum / runs) / step_u), 1, 0.35); /* 40 numbers: to 11 % */
	assert_near(sum / runs, 79.5 - 35, 1);
}

/* A request that nothing answers, and one that names what is there. */
static void test_requests(void **state)
{
	struct scene s = square();
	struct cinema k;

	(void)state;
	open_cinema(&k, 1);
	assert_int_equal(em_spots_request_parse(&k.request, "d:30", NULL), 0);
	assert_int_equal(take(&k, &s), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	close_cinema(&k);
	open_cinema(&k, 1);
	assert_int_equal(em_spots_request_parse(&k.request, "film=d:9.5", NULL), 0);
	assert_int_equal(take(&k, &s), 0);
	assert_near(number_of(&k, 0, "phases.film.fraction"), 1, 0.01);
	close_cinema(&k);
}

/* A picture by itself: no relative, no power, no strain. */
static void test_single(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_json *tree;

	(void)state;
	s.share = lower;
	open_cinema(&k, 1);
	k.opt.single = true;
	assert_int_equal(take(&k, &s), 0);
	tree = crystal(&k, 0, NULL);
	assert_near(number(tree, "phases.lattice1.fraction"), 0.5, 0.01); /* of all that is seen */
	assert_null(em_json_find(tree, "phases.lattice1.relative"));
	assert_null(em_json_find(tree, "phases.lattice1.power"));
	assert_null(em_json_find(tree, "phases.lattice1.strain_yy"));
	assert_null(em_json_get(tree, "drift_px"));
	em_json_free(tree);
	close_cinema(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_movie),   cmocka_unit_test(test_units),     cmocka_unit_test(test_regions),
	    cmocka_unit_test(test_profile), cmocka_unit_test(test_profile_u), cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_single),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
