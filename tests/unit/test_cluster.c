/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/cluster.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SIDE 128
#define PI 3.14159265358979323846
#define NEAR(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))

static float map[SIDE * SIDE], weight[SIDE * SIDE];

static void fill(size_t rows, size_t cols, double (*f)(double y, double x))
{
	for (size_t i = 0; i < rows * cols; i++) {
		map[i] = (float)f((double)(i / cols), (double)(i % cols));
		weight[i] = 1;
	}
}

/* ---- clusters of pictures: '#' is disordered, '?' is not finite ---- */

static struct em_clusters find_in(size_t rows, size_t cols, const struct em_line *across)
{
	const struct em_area_grid g = {rows, cols, 4 * rows, 4 * cols, 0, 0};
	struct em_clusters c;

	assert_int_equal(em_clusters_find(&c, map, weight, &g, 0.5, across, NULL), 0);
	return c;
}

static void draw(const char *const *row, size_t rows)
{
	size_t cols = strlen(row[0]);

	for (size_t i = 0; i < rows * cols; i++) {
		char c = row[i / cols][i % cols];

		map[i] = c == '#' ? 0 : c == '?' ? NAN : 1;
		weight[i] = 1;
	}
}

static void test_stripes(void **state)
{
	const struct em_line right = {0, 8, 28, 8}, left = {28, 3, 0, 3}, part = {8, 0, 16, 0};
	struct em_clusters c;

	(void)state;
	draw((const char *const[]){"#.##.#..", "#.##.#..", "#.##.#..", "#.##...."}, 4);
	c = find_in(4, 8, NULL);
	assert_int_equal(c.count, 3);
	assert_true(c.cluster[0].area == 8 && c.cluster[1].area == 4 && c.cluster[2].area == 3);
	assert_true(c.cluster[0].spans && c.cluster[1].spans && !c.cluster[2].spans);
	assert_int_equal(c.cluster[2].samples, 3);
	assert_true(c.region == 32 && em_clusters_largest(&c) == 0.25 && em_clusters_span(&c));
	em_clusters_release(&c);
	c = find_in(4, 8, &right);
	assert_false(em_clusters_span(&c));
	em_clusters_release(&c);
	draw((const char *const[]){"........", "########", "........", "..###..."}, 4);
	for (int k = 0; k < 3; k++) {
		c = find_in(4, 8, k == 0 ? &right : k == 1 ? &left : &part);
		assert_int_equal(c.count, 2);
		assert_true(c.cluster[0].spans && c.cluster[1].spans == (k == 2));
		em_clusters_release(&c);
	}
	c = find_in(4, 8, NULL);
	assert_false(em_clusters_span(&c));
	em_clusters_release(&c);
}

/* Corners do not connect. */
static void test_checkerboard(void **state)
{
	struct em_clusters c;

	(void)state;
	for (size_t i = 0; i < 64 * 64; i++) {
		map[i] = (float)((i / 64 + i % 64) % 2);
		weight[i] = 1;
	}
	c = find_in(64, 64, NULL);
	assert_int_equal(c.count, 64 * 64 / 2);
	assert_true(c.cluster[0].area == 1 && !em_clusters_span(&c));
	NEAR(em_clusters_largest(&c), 1. / 4096, 1e-12);
	em_clusters_release(&c);
	map[64] = 0; /* joins (0, 0), (1, 1) and (2, 0) */
	c = find_in(64, 64, NULL);
	assert_true(c.count == 64 * 64 / 2 - 2 && c.cluster[0].area == 4);
	em_clusters_release(&c);
}

/* A path inwards and the wall beside it: one cluster each, however they wind. */
static void test_spiral(void **state)
{
	const int dy[4] = {0, 1, 0, -1}, dx[4] = {1, 0, -1, 0};
	int y = 0, x = 0, way = 0, length = 1, stuck = 0;
	struct em_clusters c;

	(void)state;
	for (size_t i = 0; i < 65 * 65; i++)
		map[i] = weight[i] = 1;
	map[0] = 0;
	while (stuck < 2) {
		int ny = y + dy[way], nx = x + dx[way], fy = ny + dy[way], fx = nx + dx[way];
		int inside = ny >= 0 && ny < 65 && nx >= 0 && nx < 65;
		int hits = fy >= 0 && fy < 65 && fx >= 0 && fx < 65 && map[fy * 65 + fx] < 0.5F;

		if (!inside || hits) {
			way = (way + 1) % 4;
			stuck++;
			continue;
		}
		stuck = 0;
		y = ny;
		x = nx;
		map[y * 65 + x] = 0;
		length++;
	}
	c = find_in(65, 65, NULL);
	assert_int_equal(c.count, 1);
	assert_true(length > 2000 && c.cluster[0].area == length && em_clusters_span(&c));
	em_clusters_release(&c);
	for (size_t i = 0; i < 65 * 65; i++)
		map[i] = 1 - map[i];
	c = find_in(65, 65, NULL);
	assert_int_equal(c.count, 1);
	assert_true(c.cluster[0].area == 65 * 65 - length && !em_clusters_span(&c));
	em_clusters_release(&c);
}

/* A film in rows 1 to 3; of row 0, all vacuum, a little is the film's: it neither connects nor is a face. */
static void test_weights(void **state)
{
	struct em_clusters c;

	(void)state;
	draw((const char *const[]){"######", "#...#.", "#...?.", "#..#..", "######"}, 5);
	for (size_t i = 0; i < 30; i++)
		weight[i] = i < 6 ? 0.2F : i < 12 ? 0.8F : i < 24 ? 1 : 0;
	c = find_in(5, 6, NULL);
	assert_int_equal(c.count, 3);
	NEAR(c.region, 6 * 2.8 - 1, 1e-6);
	NEAR(c.cluster[0].area, 2.8, 1e-6);
	NEAR(c.cluster[1].area, 1, 1e-6);
	NEAR(c.cluster[2].area, 0.8, 1e-6);
	assert_true(c.cluster[0].spans && !c.cluster[1].spans && !c.cluster[2].spans);
	em_clusters_release(&c);
	memset(weight, 0, sizeof(weight));
	c = find_in(5, 6, NULL);
	assert_true(c.count == 0 && c.region == 0 && isnan(em_clusters_largest(&c)) && !em_clusters_span(&c));
	em_clusters_release(&c);
}

/* A film that is tilted by 30 degrees and a crack through it along its normal: it spans along that, and no more when it
 * ends half way. */
static void test_tilted(void **state)
{
	const double s = 0.5, k = sqrt(0.75);
	const struct em_line normal = {4 * (64 - 20 * s), 4 * (64 - 20 * k), 4 * (64 + 20 * s), 4 * (64 + 20 * k)};

	(void)state;
	for (int cut = 0; cut < 2; cut++) {
		struct em_clusters c;

		for (size_t i = 0; i < SIDE * SIDE; i++) {
			double y = (double)(i / SIDE) - 64, x = (double)(i % SIDE) - 64;
			double t = y * k + x * s, across = x * k - y * s;

			weight[i] = fabs(t) <= 20 && fabs(across) < 40;
			map[i] = fabs(across) < 1.5 && (!cut || t < 3) ? 0 : 1;
		}
		c = find_in(SIDE, SIDE, &normal);
		assert_int_equal(c.count, 1);
		assert_true(em_clusters_span(&c) == !cut);
		NEAR(em_clusters_largest(&c), 3. * (cut ? 23 : 40) / (40 * 80), 0.003);
		em_clusters_release(&c);
	}
}

static size_t spanning(double p, size_t runs, size_t seed)
{
	size_t n = 0;

	for (size_t run = 0; run < runs; run++) {
		struct em_random random;
		struct em_clusters c;

		em_random_seed(&random, seed, run);
		for (size_t i = 0; i < 64 * 64; i++) {
			map[i] = em_random_uniform(&random) < p ? 0.0F : 1.0F;
			weight[i] = 1;
		}
		c = find_in(64, 64, NULL);
		n += em_clusters_span(&c);
		em_clusters_release(&c);
	}
	return n;
}

/* Site percolation on the square lattice sets in at 0.592746 (Newman and Ziff, Phys. Rev. Lett. 85 (2000) 4104); there
 * one half of all squares are spanned (Cardy, J. Phys. A 25 (1992) L201). */
static void test_percolation(void **state)
{
	size_t half = spanning(0.592746, 600, 1);

	(void)state;
	assert_true(spanning(0.53, 100, 2) <= 2);
	assert_true(spanning(0.65, 100, 3) >= 98);
	assert_true(half > 240 && half < 360);
}

static void test_refused(void **state)
{
	const struct em_line none = {3, 3, 3, 3}, endless = {3, 3, INFINITY, 3};
	const struct em_area_grid g = {4, 8, 4, 8, 0, 0};
	struct em_clusters c = {.count = 7};
	struct em_error err;

	(void)state;
	assert_int_equal(em_clusters_find(&c, map, weight, &g, 0.5, &none, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_clusters_find(&c, map, weight, &g, 0.5, &endless, &err), -1);
	assert_int_equal(c.count, 7);
}

/* ---- areas ---- */

static double slope_y, slope_x, offset;

static double plane(double y, double x)
{
	return slope_y * y + slope_x * x - offset;
}

/* Of a linear map: what of 16 x 12 cells, from -1/2 to 15.5 and 11.5, lies beyond a straight line.  By the closed form
 * in each column's infinitesimal strip, summed finely. */
static void test_half_plane(void **state)
{
	struct em_random random;

	(void)state;
	em_random_seed(&random, 5, 0);
	for (int run = 0; run < 200; run++) {
		double truth = 0, known;

		slope_y = em_random_between(&random, -1, 1);
		slope_x = em_random_between(&random, -1, 1);
		offset = em_random_between(&random, 0, 5 * slope_y + 7 * slope_x);
		fill(16, 12, plane);
		for (size_t i = 0; i < 12000; i++) {
			double x = ((double)i + 0.5) / 1000 - 0.5, y = (offset + 0.3 - slope_x * x) / slope_y;

			y = fmin(fmax(y + 0.5, 0), 16);
			truth += (slope_y > 0 ? 16 - y : y) / 1000;
		}
		NEAR(em_area_above(map, weight, 16, 12, 0.3, &known), truth, 2e-3);
		NEAR(known, 192, 0);
	}
}

/* Whole numbers: a line through the middle of the cells, one between them, none at all. */
static void test_half_plane_exact(void **state)
{
	double known;

	(void)state;
	slope_y = 1;
	slope_x = 0;
	offset = 0;
	fill(10, 7, plane);
	NEAR(em_area_above(map, weight, 10, 7, 4, NULL), 5.5 * 7, 1e-9);
	NEAR(em_area_above(map, weight, 10, 7, 4.5, NULL), 5 * 7, 1e-9);
	NEAR(em_area_above(map, weight, 10, 7, 4.125, NULL), 5.375 * 7, 1e-9);
	NEAR(em_area_above(map, weight, 10, 7, 9.25, NULL), 0.25 * 7, 1e-9);
	NEAR(em_area_above(map, weight, 10, 7, 9.5, NULL), 0, 0);
	NEAR(em_area_above(map, weight, 10, 7, -0.5, NULL), 70, 1e-9);
	for (size_t i = 0; i < 70; i++)
		weight[i] = i / 7 < 5 ? 0 : 0.5;
	NEAR(em_area_above(map, weight, 10, 7, 6.25, &known), 3.25 * 7 / 2, 1e-9);
	NEAR(known, 5 * 7 * 0.5, 0);
	/* A hole: its neighbours are as if it were linear there, and nothing is known of it. */
	map[6 * 7 + 3] = NAN;
	map[7 * 7 + 3] = INFINITY;
	NEAR(em_area_above(map, weight, 10, 7, 6.25, &known), (3.25 * 7 - 0.25 - 1) / 2, 1e-9);
	NEAR(known, (5 * 7 - 2) * 0.5, 0);
}

static double cy, cx, radius;

static double cone(double y, double x)
{
	return radius - hypot(y - cy, x - cx);
}

/* Discs of 5 cells and more, wherever they lie: within 1 % (a count of samples is up to 8 % off); an ordered one in
 * disorder is seen like the reverse. */
static void test_disc(void **state)
{
	struct em_random random;

	(void)state;
	em_random_seed(&random, 8, 0);
	for (int run = 0; run < 100; run++) {
		double area;

		radius = em_random_between(&random, 5, 20);
		cy = em_random_between(&random, 22, 28);
		cx = em_random_between(&random, 22, 28);
		fill(50, 50, cone);
		area = em_area_above(map, weight, 50, 50, 0, NULL);
		NEAR(area / (PI * radius * radius), 1, 0.01);
		for (size_t i = 0; i < 2500; i++)
			map[i] = -map[i];
		NEAR(em_area_above(map, weight, 50, 50, 0, NULL), 2500 - area, 1e-6);
	}
}

/* One row, one column, one sample. */
static void test_thin(void **state)
{
	const float ramp[4] = {0, 1, 2, 3}, ones[4] = {1, 1, 1, 1};

	(void)state;
	NEAR(em_area_above(ramp, ones, 1, 4, 1.25, NULL), 2.25, 1e-12);
	NEAR(em_area_above(ramp, ones, 4, 1, 1.25, NULL), 2.25, 1e-12);
	NEAR(em_area_above(ramp + 2, ones, 1, 1, 1.25, NULL), 1, 0);
	NEAR(em_area_above(ramp + 2, ones, 1, 1, 2, NULL), 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stripes), cmocka_unit_test(test_checkerboard),
	    cmocka_unit_test(test_spiral),  cmocka_unit_test(test_weights),
	    cmocka_unit_test(test_tilted),  cmocka_unit_test(test_percolation),
	    cmocka_unit_test(test_refused), cmocka_unit_test(test_half_plane),
	    cmocka_unit_test(test_disc),    cmocka_unit_test(test_half_plane_exact),
	    cmocka_unit_test(test_thin),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
