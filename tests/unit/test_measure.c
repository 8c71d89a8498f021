/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a frame says of a region, against lattices that are strained, turned, weakened and lost by known amounts. */
#include "crystal_help.h"

#include "crystal/measure.h"

static struct scene square(void)
{
	return (struct scene){.height = 200,
	                      .width = 220,
	                      .mean = 80,
	                      .waves = 2,
	                      .contrast = 0.25,
	                      .phase = 0.7,
	                      .g = {{0.021, 0.1032}, {0.1032, -0.021}},
	                      .seed = 1,
	                      .glass = 3};
}

struct lab {
	struct em_order_plan *plan;
	struct em_reference ref;
	float *weight, *map;
	struct em_measure_view view;
};

/* A reference of `frames` frames that differ by noise; the region is x,y,w,h. */
static void begin(struct lab *l, const struct scene *s, size_t frames, const char *region)
{
	const struct em_map_grid *g;
	struct em_order_frame frame[8];
	const struct em_order_frame *f[8];
	struct em_areas areas = {0};
	struct scene own = *s;

	*l = (struct lab){.plan = plan_for(s, EM_ORDER_RADIUS)};
	g = em_order_plan_grid(l->plan);
	for (size_t i = 0; i < frames; i++) {
		own.seed = s->seed + 1000 + i;
		frame[i] = form_scene(l->plan, &own);
		f[i] = &frame[i];
	}
	assert_int_equal(em_reference_init(&l->ref, l->plan, f, frames, false, NULL), 0);
	for (size_t i = 0; i < frames; i++)
		em_order_frame_release(&frame[i]);
	l->weight = malloc(2 * grid_points(l->plan) * sizeof(float));
	assert_non_null(l->weight);
	l->map = l->weight + grid_points(l->plan);
	l->view = (struct em_measure_view){
	    .plan = l->plan,
	    .reference = &l->ref,
	    .weight = l->weight,
	    .grid = {
	        .rows = em_map_grid_rows(g), .cols = em_map_grid_columns(g), .height = s->height, .width = s->width}};
	assert_int_equal(em_areas_add_rectangle(&areas, region, NULL, NULL), 0);
	assert_int_equal(em_area_weigh(&areas, 0, &l->view.grid, l->weight, NULL), 0);
	em_areas_release(&areas);
}

static void end(struct lab *l)
{
	em_reference_release(&l->ref);
	em_order_plan_free(l->plan);
	free(l->weight);
}

static struct em_measure look(const struct lab *l, const struct scene *s)
{
	struct em_order_frame f = form_scene(l->plan, s);
	struct em_measure m;

	assert_int_equal(em_measure_frame(&l->view, &f, &m, l->map, NULL), 0);
	em_order_frame_release(&f);
	return m;
}

/* ---- strain ---- */

/* y is down: e_yy > 0 is stretched downwards; a lattice turned clockwise by w has u_y = w x, u_x = -w y. */
static void test_strain(void **state)
{
	static const double e[][2][2] = {{{0.005, 0}, {0, 0}},
	                                 {{0, 0}, {0, 0.005}},
	                                 {{0, 0.004}, {0.004, 0}},
	                                 {{0, 0.006}, {-0.006, 0}},
	                                 {{-0.003, 0.002}, {-0.004, 0.005}}};
	struct scene s = square();
	struct lab l;

	(void)state;
	begin(&l, &s, 1, "a=45,45,130,110");
	for (size_t i = 0; i < 5; i++) {
		struct em_measure m;

		memcpy(s.e, e[i], sizeof(s.e));
		m = look(&l, &s);
		assert_true(m.strained);
		/* the rest of second order, and of the border */
		assert_near(m.yy.value, e[i][0][0], 5e-5);
		assert_near(m.xx.value, e[i][1][1], 5e-5);
		assert_near(m.xy.value, (e[i][0][1] + e[i][1][0]) / 2, 5e-5);
		assert_near(m.rotation.value, (e[i][0][1] - e[i][1][0]) / 2 * 360 / TURN, 0.004);
		assert_true(m.yy.sigma >= 0 && m.rotation.sigma >= 0 && m.yy.sigma < 1e-3);
		assert_near(m.fraction.value, 1, 0.01);
	}
	end(&l);
}

/* The frame that is the reference is not strained, and says so; spots in one direction say nothing. */
static void test_unstrained(void **state)
{
	struct scene s = square();
	struct lab l;
	struct em_measure m;

	(void)state;
	s.seed += 1000; /* as begin() makes it */
	begin(&l,
	      &(struct scene){.height = 200,
	                      .width = 220,
	                      .mean = 80,
	                      .waves = 2,
	                      .contrast = 0.25,
	                      .phase = 0.7,
	                      .g = {{0.021, 0.1032}, {0.1032, -0.021}},
	                      .seed = 1,
	                      .noise = 8},
	      1, "a=0,0,220,200");
	s.glass = 0;
	s.noise = 8;
	m = look(&l, &s);
	assert_true(m.strained);
	assert_near(m.yy.value, 0, 1e-9);
	assert_near(m.rotation.value, 0, 1e-7);
	assert_near(m.fraction.value, 1, 0.02);
	end(&l);
	s.waves = 1;
	begin(&l, &s, 2, "a=0,0,220,200");
	m = look(&l, &s);
	assert_true(!m.strained && isnan(m.yy.value) && m.seen > 0.8);
	end(&l);
}

/* Over seeds of noise, strain and rotation lie as far from the truth as they say. */
static void test_strain_u(void **state)
{
	const int runs = 40;
	struct scene s = square();
	struct lab l;
	double ratio[4] = {0};

	(void)state;
	s.glass = 0;
	begin(&l, &s, 1, "a=45,45,130,110");
	s.noise = 60;
	memcpy(s.e, (const double[2][2]){{0.002, 0.001}, {-0.002, -0.001}}, sizeof(s.e));
	for (int i = 0; i < runs; i++) {
		struct em_measure m;

		s.seed = 300 + (uint64_t)i;
		m = look(&l, &s);
		ratio[0] += pow((m.yy.value - 0.002) / m.yy.sigma, 2) / runs;
		ratio[1] += pow((m.xx.value + 0.001) / m.xx.sigma, 2) / runs;
		ratio[2] += pow((m.xy.value + 0.0005) / m.xy.sigma, 2) / runs;
		ratio[3] += pow((m.rotation.value - 0.0015 * 360 / TURN) / m.rotation.sigma, 2) / runs;
	}
	/* chi^2 of 40: 0.5 to 1.75 holds 99.8 %; a sigma that is wrong by 1.5 is not in it */
	for (int i = 0; i < 4; i++)
		assert_true(ratio[i] > 0.5 && ratio[i] < 1.75);
	end(&l);
}

/* ---- power ---- */

/* Power goes as the contrast's square, the amplitude (and so the order) as the contrast. */
static void test_power(void **state)
{
	struct scene s = square();
	struct lab l;
	struct em_measure m;

	(void)state;
	begin(&l, &s, 2, "a=30,30,150,140");
	s.contrast *= 0.8;
	s.slope = 0.2;
	m = look(&l, &s);
	assert_near(m.power.value, 0.64, 0.005);
	assert_near(m.fraction.value, 0.8, 0.005);
	assert_near(m.seen, 1, 1e-6);
	assert_near(m.ordered, 1, 1e-6);
	assert_near(m.largest, 0, 0);
	assert_false(m.spans);
	end(&l);
}

/* Noise is taken off, and the uncertainty covers what is left of it, of four spots too. */
static void test_power_u(void **state)
{
	static const double noises[] = {15, 100};
	const int runs = 40;

	(void)state;
	for (size_t n = 0; n < 2; n++) {
		struct scene s = {.height = 200,
		                  .width = 200,
		                  .mean = 80,
		                  .waves = 4,
		                  .contrast = 0.12,
		                  .phase = 0.7,
		                  .g = {{0.021, 0.1332}, {0.1332, -0.021}, {0.1542, 0.1122}, {0.1122, -0.1542}}};
		struct lab l;
		double square_sum = 0, sum = 0, stated = 0;

		begin(&l, &s, 1, "a=30,30,140,140");
		s.noise = noises[n];
		for (int i = 0; i < runs; i++) {
			struct em_measure m;

			s.seed = 300 + (uint64_t)i;
			m = look(&l, &s);
			sum += m.power.value - 1;
			square_sum += pow(m.power.value - 1, 2);
			stated += pow(m.power.sigma, 2);
		}
		assert_near(sum / runs, 0, 3 * sqrt(square_sum) / runs);
		assert_true(square_sum / stated > 0.5 && square_sum / stated < 1.75);
		end(&l);
	}
}

/* ---- the fraction ---- */

static double upper, disc[2];

static double above(double y, double x)
{
	(void)x;
	return fmin(1, fmax(0, upper + 0.5 - y)); /* rows 0 to upper - 1, and a part of the next */
}

/* A band across all of the region is disorder: it spans from left to right, not from top to bottom. */
static void test_spans(void **state)
{
	const struct em_line down = {110, 30, 110, 170}, right = {30, 100, 190, 100};
	struct scene s = square();
	struct lab l;
	struct em_measure m;

	(void)state;
	s.glass = 0;
	begin(&l, &s, 1, "a=30,30,160,140");
	s.share = above;
	upper = 99;
	m = look(&l, &s); /* 30 to 169 in order up to 99: half */
	assert_near(m.fraction.value, (99 - 29.5) / 140, 0.01);
	assert_near(m.ordered, (99 - 29.5) / 140, 0.01);
	assert_near(m.largest, 0.5, 0.05);
	assert_false(m.spans);
	l.view.across = &down;
	assert_false(look(&l, &s).spans);
	l.view.across = &right;
	assert_true(look(&l, &s).spans);
	upper = 0;
	l.view.across = NULL;
	s.glass = 4;
	assert_true(look(&l, &s).fraction.value < 0.2);
	end(&l);
}

static double random_discs(double y, double x)
{
	/* one disc in every cell of 40 x 40, of area pi 12^2, its middle moved by `disc` */
	double dy = remainder(y - disc[0], 40), dx = remainder(x - disc[1], 40);

	return 1 - fmin(1, fmax(0, 12.5 - hypot(dy, dx)));
}

/*
 * The fraction lies as far from the truth as its uncertainty says, within it in 68 % of the seeds and within two in
 * 95 %: bounds are three standard deviations of the binomial, and of chi^2, for 120 seeds.  Amorphous matter, shot
 * noise, and where the discs lie change.
 */
static void test_coverage(void **state)
{
	const int runs = 120;
	struct scene s = square();
	struct lab l;
	int one = 0, two = 0;
	double sum = 0, square_sum = 0;

	(void)state;
	s.mean = 40;
	s.poisson = true;
	begin(&l, &s, 4, "a=30,30,160,140");
	s.share = random_discs;
	for (int i = 0; i < runs; i++) {
		struct em_measure m;
		struct em_random r;
		double share = 0, miss;

		s.seed = 300 + (uint64_t)i;
		s.glass = 700 + (uint64_t)i;
		em_random_seed(&r, s.seed, 1);
		disc[0] = em_random_between(&r, 0, 40);
		disc[1] = em_random_between(&r, 0, 40);
		for (int y = 30; y < 170; y++)
			for (int x = 30; x < 190; x++)
				share += random_discs(y, x) / (140 * 160);
		m = look(&l, &s);
		miss = (m.fraction.value - share) / m.fraction.sigma;
		sum += miss / runs;
		square_sum += miss * miss / runs;
		one += fabs(miss) < 1;
		two += fabs(miss) < 2;
	}
	assert_true(one >= 67 && one <= 97 && two >= 107);
	print_message("# %d within one, %d within two, mean square %.2f\n", one, two, square_sum);
	assert_true(square_sum > 0.62 && square_sum < 1.38);
	assert_near(sum, 0, 3 * sqrt(square_sum / runs));
	end(&l);
}

/* ---- pictures by themselves ---- */

/* Of a picture the area above half of the amplitude counts. */
static void test_single(void **state)
{
	struct scene s = square();
	struct lab l;
	struct em_order_frame f;
	const struct em_order_frame *one = &f;
	struct em_measure m;

	(void)state;
	s.glass = 0;
	begin(&l, &s, 1, "a=30,30,160,140");
	em_reference_release(&l.ref);
	s.share = above;
	upper = 120;
	f = form_scene(l.plan, &s);
	assert_int_equal(em_reference_init(&l.ref, l.plan, &one, 1, true, NULL), 0);
	l.view.single = true;
	assert_int_equal(em_measure_frame(&l.view, &f, &m, l.map, NULL), 0);
	assert_near(m.fraction.value, (120 - 29.5) / 140, 0.01);
	assert_near(m.ordered, m.fraction.value, 1e-9);
	assert_true(!m.strained && m.fraction.sigma >= 0 && m.fraction.sigma < 0.01);
	em_order_frame_release(&f);
	end(&l);
}

/* ---- nothing ---- */

/* A region that has left the frame: 0 of it is seen, and the rest is not known. */
static void test_gone(void **state)
{
	struct scene s = square();
	struct lab l;
	struct em_measure m;

	(void)state;
	begin(&l, &s, 1, "a=0,30,60,100");
	s.shift[1] = -40;
	m = look(&l, &s);
	assert_true(m.seen > 0.05 && m.seen < 0.4 && m.fraction.value > 0.9);
	s.shift[1] = -80;
	m = look(&l, &s);
	assert_near(m.seen, 0, 0);
	assert_true(isnan(m.fraction.value) && isnan(m.fraction.sigma) && isnan(m.ordered) && isnan(m.power.value) &&
	            isnan(m.largest) && isnan(m.yy.value) && isnan(m.rotation.sigma) && !m.strained && !m.spans);
	end(&l);
}

static void test_no_line(void **state)
{
	const struct em_line none = {5, 5, 5, 5};
	struct scene s = square();
	struct lab l;
	struct em_order_frame f;
	struct em_measure m;
	struct em_error err = {0};

	(void)state;
	begin(&l, &s, 1, "a=0,30,60,100");
	l.view.across = &none;
	f = form_scene(l.plan, &s);
	assert_int_equal(em_measure_frame(&l.view, &f, &m, l.map, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	em_order_frame_release(&f);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_strain),   cmocka_unit_test(test_unstrained), cmocka_unit_test(test_strain_u),
	    cmocka_unit_test(test_power),    cmocka_unit_test(test_power_u),    cmocka_unit_test(test_spans),
	    cmocka_unit_test(test_coverage), cmocka_unit_test(test_single),     cmocka_unit_test(test_gone),
	    cmocka_unit_test(test_no_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
