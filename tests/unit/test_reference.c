/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Order beside the reference, for lattices whose share at each place is known. */
#include "reference_help.h"

/* ---- order ---- */

/* 1 for the lattice of the reference, moved back by a drift too; across is 0, and the amplitude 1. */
static void test_same(void **state)
{
	struct scene s = square();
	struct lab l;

	(void)state;
	begin(&l, &s);
	add(&l, &s);
	s.shift[0] = 2.3;
	s.shift[1] = -1.4;
	add(&l, &s);
	settle(&l, false);
	assert_near(l.ref.phase[0].typical, 0.125 * sqrt(2), 1e-3);
	s.shift[0] = -11.7;
	s.shift[1] = 9.1;
	look(&l, &s);
	for (size_t k = 0; k < l.points; k++)
		if (inside(&l, k, 35)) {
			assert_near(l.order[k], 1, 0.01);
			assert_near(l.across[k], 0, 0.01);
			assert_near(l.amplitude[k], 1, 0.01);
			assert_true(l.ref.phase[0].there[k] > 0 && l.ref.phase[0].count[k] > 1.5F);
		}
	for (size_t i = 0; i < 2; i++) {
		assert_near(l.planes[i].coherence, 1, 1e-3);
		assert_near(l.planes[i].slope[0], 0, 1e-4);
		assert_near(l.planes[i].slope[1], 0, 1e-4);
	}
	/* what has left the frame is not known: rows above 11.7, columns beyond 239 - 9.1 */
	for (size_t k = 0; k < l.points; k++) {
		double y, x;

		grid_place(l.plan, k, &y, &x);
		if (y < 11 || x > 231)
			assert_true(isnan(l.order[k]) && isnan(l.amplitude[k]));
	}
	end(&l);
}

/* A drift that was not moved back, half a lattice's or what it may be: theta takes it, and order is 1. */
static void test_phase(void **state)
{
	struct scene s = square();
	struct lab l;

	(void)state;
	begin(&l, &s);
	add(&l, &s);
	settle(&l, false);
	s.phase += 2.5;
	look(&l, &s);
	for (size_t i = 0; i < 2; i++)
		assert_near(l.planes[i].angle, 2.5, 0.01);
	for (size_t k = 0; k < l.points; k++)
		if (inside(&l, k, 35))
			assert_near(l.order[k], 1, 0.005);
	end(&l);
}

static double left(double y, double x)
{
	(void)y;
	return x < 100 ? 1 : 0;
}

static double nowhere(double y, double x)
{
	(void)y;
	(void)x;
	return 0;
}

/* Matter of random phases: its share is 0 on average over seeds, 1/2 along the border, 1 beyond. */
static void test_border(void **state)
{
	const int runs = 12;
	struct scene s = square();
	struct lab l;
	double matter = 0, square_sum = 0, border = 0, n = 0;

	(void)state;
	begin(&l, &s);
	add(&l, &s);
	settle(&l, false);
	s.share = left;
	for (int i = 0; i < runs; i++) {
		double sum = 0, count = 0;

		s.glass = 10 + (uint64_t)i;
		look(&l, &s);
		for (size_t k = 0; k < l.points; k++) {
			double y, x;

			grid_place(l.plan, k, &y, &x);
			if (y < 30 || y > 190)
				continue;
			if (x > 30 && x < 75)
				assert_near(l.order[k], 1, 0.15);
			if (x > 125 && x < 210) {
				sum += (double)l.order[k];
				count++;
			}
			if (fabs(x - 99.5) < 3) { /* the border lies between pixels 99 and 100 */
				border += (double)l.order[k] +
				          (x - 99.5) * 2 * 0.5 / (1 / em_order_plan_phase(l.plan, 0)->spot[0].radius);
				n++;
			}
		}
		matter += sum / count;
		square_sum += pow(sum / count, 2);
	}
	matter /= runs;
	square_sum = sqrt(square_sum / runs - matter * matter);
	assert_true(square_sum < 0.1);
	assert_near(matter, 0, 3 * square_sum / sqrt(runs));
	assert_near(border / n, 0.5, 0.03);
	end(&l);
}

/* Matter everywhere: what the planes find by chance is small, and order stays within it. */
static void test_amorphous(void **state)
{
	const int runs = 12;
	struct scene s = square();
	struct lab l;
	double sum = 0;

	(void)state;
	begin(&l, &s);
	add(&l, &s);
	settle(&l, false);
	s.share = nowhere;
	for (int i = 0; i < runs; i++) {
		s.glass = 40 + (uint64_t)i;
		look(&l, &s);
		assert_true(fabs(mean(&l, l.order)) < 0.25 && l.planes[0].coherence < 0.6);
		sum += mean(&l, l.order) / runs;
	}
	assert_true(sum < 0.15);
	end(&l);
}

/* ---- areas ---- */

/* Discs of nothing in the lattice, smaller than the masks blur: each a region's middle. */
#define DISCS 12
static const double discs[DISCS][3] = {{60, 50, 4},  {60, 85, 5},  {60, 120, 6},   {60, 155, 7},
                                       {60, 190, 4}, {95, 60, 8},  {95, 105, 3},   {95, 150, 9},
                                       {130, 60, 5}, {130, 90, 2}, {130, 140, 10}, {150, 185, 6}};

static double holes(double y, double x)
{
	double share = 1;

	for (size_t i = 0; i < DISCS; i++)
		share -= fmin(1, fmax(0, discs[i][2] + 0.5 - hypot(y - discs[i][0], x - discs[i][1])));
	return share;
}

/* order's mean over a region is the share of the area that is lattice, whatever the mask: the header's claim. */
static void test_share(void **state)
{
	static const double radii[] = {0.45, 0.3, 0.2};
	double true_share = 0;

	(void)state;
	for (int y = 30; y < 180; y++)
		for (int x = 30; x < 210; x++)
			true_share += holes(y, x) / (150 * 180);
	assert_true(true_share < 0.96);
	for (size_t i = 0; i < 3; i++) {
		struct scene s = square();
		struct lab l;

		s.glass = 0;
		begin(&l, &s);
		em_order_plan_free(l.plan);
		free(l.weight);
		l.plan = plan_for(&s, radii[i]);
		l.points = grid_points(l.plan);
		l.weight = malloc(4 * l.points * sizeof(float));
		assert_non_null(l.weight);
		l.order = l.weight + l.points;
		l.across = l.order + l.points;
		l.amplitude = l.across + l.points;
		weigh(&l, &s, "a=30,30,180,150");
		add(&l, &s);
		settle(&l, false);
		s.share = holes;
		look(&l, &s);
		assert_near(mean(&l, l.order), true_share, 0.003);
		end(&l);
	}
}

/* ---- the reference frames ---- */

static double right_side(double y, double x)
{
	(void)y;
	return x >= 100 ? 1 : 0;
}

/* What loses its order while the reference is taken counts as in order, at its place. */
static void test_losing(void **state)
{
	struct scene s = square();
	struct lab l;

	(void)state;
	s.glass = 0;
	begin(&l, &s);
	add(&l, &s);
	s.share = left;
	for (int i = 0; i < 3; i++)
		add(&l, &s);
	settle(&l, false);
	for (size_t k = 0; k < l.points; k++) {
		double y, x;

		grid_place(l.plan, k, &y, &x);
		if (!inside(&l, k, 35))
			continue;
		assert_true(l.ref.phase[0].there[k] > 0);
		assert_near(l.ref.phase[0].level2[k], 2 * 0.125 * 0.125, 0.0075);
		if (x < 75)
			assert_near(l.ref.phase[0].count[k], 4, 0);
		if (x > 125)
			assert_near(l.ref.phase[0].count[k], 1, 0);
	}
	look(&l, &s); /* the last one again: half of it is disorder */
	for (size_t k = 0; k < l.points; k++) {
		double y, x;

		grid_place(l.plan, k, &y, &x);
		if (inside(&l, k, 35) && (x < 75 || x > 125))
			assert_near(l.order[k], x < 75, 0.03);
	}
	end(&l);
}

/* What has no order in the reference is measured by what the phase has where it is. */
static void test_part(void **state)
{
	struct scene s = square();
	struct lab l;

	(void)state;
	s.share = right_side;
	s.glass = 0;
	begin(&l, &s);
	add(&l, &s);
	settle(&l, false);
	assert_near(l.ref.phase[0].typical, 0.125 * sqrt(2), 0.003);
	look(&l, &s);
	for (size_t k = 0; k < l.points; k++) {
		double y, x;

		grid_place(l.plan, k, &y, &x);
		if (inside(&l, k, 35) && (x < 75 || x > 125)) {
			assert_near(l.ref.phase[0].there[k], x > 125, 0);
			assert_near(l.order[k], x > 125, 0.01);
		}
	}
	end(&l);
}

/* A picture by itself: its level is one all over. */
static void test_single(void **state)
{
	struct scene s = square();
	struct lab l;

	(void)state;
	s.share = right_side;
	s.glass = 0;
	begin(&l, &s);
	add(&l, &s);
	settle(&l, true);
	look(&l, &s);
	for (size_t k = 0; k < l.points; k++) {
		double y, x;

		grid_place(l.plan, k, &y, &x);
		if (!isnan(l.amplitude[k]))
			assert_near(l.ref.phase[0].level2[k], pow(l.ref.phase[0].typical, 2), 1e-6);
		if (inside(&l, k, 35) && fabs(x - 99.5) > 25)
			assert_near(l.amplitude[k], x > 100, 0.03);
	}
	end(&l);
}

/* Where a frame does not reach, noise is still allowed for as the others have it: maps made up, 4 of c^2 about 1 with
 * noise 0.04, and a fifth that shows half of the places. */
static void test_reach(void **state)
{
	static const float contrast2[] = {1, 0.8F, 0.7F, 0.6F};
	struct scene s = square();
	struct lab l;

	(void)state;
	begin(&l, &s);
	for (int i = 0; i < 5; i++)
		add(&l, &s);
	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < l.points; k++) {
			bool gone = i == 4 && k % 2;

			l.frame[i].map[0].contrast2[k] = gone ? NAN : i < 4 ? contrast2[i] : 0.1F;
			l.frame[i].map[0].noise2[k] = gone ? NAN : 0.04F;
		}
	settle(&l, false);
	/* three standard deviations of 0.14 are 0.42 of the contrast: c^2 above 0.33 counts */
	for (size_t k = 0; k < l.points; k++)
		assert_near(l.ref.phase[0].count[k], 4, 0);
	end(&l);
}

/* No lattice in the reference, no frame that shows anything: nothing is known, and nothing breaks. */
static void test_nothing(void **state)
{
	struct scene s = square();
	struct lab l;

	(void)state;
	s.contrast = 0;
	begin(&l, &s);
	settle(&l, false); /* of no frames */
	look(&l, &s);
	for (size_t k = 0; k < l.points; k++)
		assert_true(isnan(l.order[k]) && isnan(l.amplitude[k]) && !(l.ref.phase[0].there[k] > 0));
	assert_near(l.ref.phase[0].typical, 0, 0);
	em_reference_release(&l.ref);
	add(&l, &s);
	settle(&l, false);
	look(&l, &s);
	for (size_t k = 0; k < l.points; k++)
		assert_true(!isfinite(l.order[k]) || fabs((double)l.order[k]) < 100);
	memset(l.weight, 0, l.points * sizeof(float)); /* a region of nothing */
	look(&l, &s);
	assert_near(l.planes[0].coherence, 0, 0);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same),      cmocka_unit_test(test_phase),  cmocka_unit_test(test_border),
	    cmocka_unit_test(test_amorphous), cmocka_unit_test(test_share),  cmocka_unit_test(test_losing),
	    cmocka_unit_test(test_part),      cmocka_unit_test(test_single), cmocka_unit_test(test_reach),
	    cmocka_unit_test(test_nothing),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
