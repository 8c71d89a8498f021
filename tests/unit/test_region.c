/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/region.h"

#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEAR(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static const char *const names[] = {"a", "b", "c"};

/* A grid of chips, all alike, and what the records say of it. */
struct grid {
	size_t size, step, height, width; /* px; 0: the image is not mentioned */
	const char *extra;                /* more of the record, with a comma before it */
};

/* Letters are labels, '?' is unknown, '.' no chip at all, '!' a failed sample. */
static void build(struct em_region_map *map, const struct grid *g, const char *const *rows, size_t n)
{
	for (size_t r = 0; r < n; r++)
		for (size_t c = 0; rows[r][c]; c++) {
			struct em_sample s = {0};
			char text[600], key[64], ch = rows[r][c];
			size_t y = r * g->step, x = c * g->step;

			if (g->height && y + g->size > g->height) /* shifted inwards, as emchip --edge shift does */
				y = g->height - g->size;
			snprintf(text, sizeof(text),
			         "{\"chip\":{\"row\":%zu,\"col\":%zu,\"box\":[%zu,%zu,%zu,%zu],\"grid\":[%zu,%zu],"
			         "\"image\":[%zu,%zu]}%s}",
			         r, c, y, x, g->size, g->size, n, strlen(rows[0]), g->height, g->width, g->extra);
			if (ch == '.')
				continue;
			assert_int_equal(em_record_parse(&s.record, text, strlen(text), NULL), 0);
			snprintf(key, sizeof(key), "pic/r%zuc%zu", r, c);
			assert_int_equal(em_sample_set_key(&s, key, NULL), 0);
			assert_false(em_region_map_is_other(map, &s));
			if (ch == '!')
				assert_int_equal(em_region_map_add_failed(map, &s, NULL), 0);
			else
				assert_int_equal(
				    em_region_map_add(map, &s, ch == '?' ? 3 : (size_t)(ch - 'a'), 0.5, NULL), 0);
			em_sample_release(&s);
		}
	assert_int_equal(em_region_map_link(map, NULL), 0);
}

static struct em_json *report(struct em_region_map *map)
{
	struct em_text t = {0};
	struct em_json *json;

	assert_int_equal(em_region_map_print(map, names, 3, &t, NULL), 0);
	json = em_json_parse(t.s, t.len, NULL);
	assert_non_null(json);
	em_text_release(&t);
	return json;
}

static double number(const struct em_json *node, const char *path)
{
	double v = NAN;

	em_json_number(em_json_find(node, path), &v);
	return v;
}

static const struct em_json *at(const struct em_json *list, size_t i)
{
	const struct em_json *n = em_json_first(list);

	while (i--)
		n = em_json_next(n);
	return n;
}

static void check_numbers(const struct em_json *node, const double *expected, size_t n, double tolerance)
{
	double v[8];

	assert_int_equal(em_json_numbers(node, v, 8), n);
	for (size_t i = 0; i < n; i++)
		NEAR(v[i], expected[i], tolerance);
}

/* ---- areas, fractions, regions ---- */

static void test_regions(void **state)
{
	static const char *const rows[] = {"aabb", "abba", "cccc"};
	const struct grid g = {10, 10, 30, 40,
	                       ",\"axes\":[{\"name\":\"y\",\"size\":10,\"scale\":0.2,\"offset\":0,\"units\":\"nm\"},"
	                       "{\"name\":\"x\",\"size\":10,\"scale\":0.0005,\"offset\":0,\"units\":\"um\"}]"};
	struct em_region_map map = {0};
	struct em_json *json;
	const struct em_json *list, *r;

	(void)state;
	build(&map, &g, rows, 3);
	json = report(&map);
	assert_string_equal(em_json_string(em_json_get(json, "picture")), "pic");
	NEAR(number(json, "chips"), 12, 0);
	NEAR(number(json, "area_px"), 1200, 0);
	NEAR(number(json, "area_nm2"), 1200 * 0.2 * 0.5, 1e-6);
	list = em_json_get(json, "classes");
	assert_int_equal(em_json_size(list), 3);
	for (size_t k = 0; k < 3; k++) {
		NEAR(number(at(list, k), "chips"), 4, 0);
		NEAR(number(at(list, k), "fraction"), 1. / 3, 1e-8);
		NEAR(number(at(list, k), "area_fraction"), 1. / 3, 1e-8);
		NEAR(number(at(list, k), "area_nm2"), 40, 1e-6);
		NEAR(number(at(list, k), "mean_p"), 0.5, 0);
		NEAR(number(at(list, k), "regions"), k == 0 ? 2 : 1, 0);
	}
	list = em_json_get(json, "regions");
	assert_int_equal(em_json_size(list), 4);
	r = at(list, 0); /* three cells of a: centres (4.5,4.5), (4.5,14.5), (14.5,4.5) */
	assert_string_equal(em_json_string(em_json_get(r, "label")), "a");
	NEAR(number(r, "chips"), 3, 0);
	NEAR(number(r, "area_px"), 300, 0);
	NEAR(number(r, "centroid.y_px"), (4.5 + 4.5 + 14.5) / 3, 1e-7);
	NEAR(number(r, "centroid.x_px"), (4.5 + 14.5 + 4.5) / 3, 1e-7);
	check_numbers(em_json_get(r, "box"), (const double[]){0, 0, 20, 20}, 4, 0);
	assert_null(em_json_get(r, "stage"));
	r = at(list, 1); /* the lone a: touches b above and below, another a nowhere */
	NEAR(number(r, "chips"), 1, 0);
	NEAR(number(r, "centroid.y_px"), 14.5, 0);
	NEAR(number(r, "centroid.x_px"), 34.5, 0);
	check_numbers(em_json_get(r, "box"), (const double[]){10, 30, 10, 10}, 4, 0);
	r = at(list, 2);
	NEAR(number(r, "chips"), 4, 0);
	check_numbers(em_json_get(r, "box"), (const double[]){0, 10, 20, 30}, 4, 0);
	r = at(list, 3);
	NEAR(number(r, "centroid.y_px"), 24.5, 0);
	NEAR(number(r, "centroid.x_px"), 19.5, 0);
	em_json_free(json);
	em_region_map_release(&map);
}

/* Diagonal neighbours do not connect; a spiral does; unknown is counted and has regions. */
static void test_connectivity(void **state)
{
	static const char *const diagonal[] = {"ab", "ba"};
	static const char *const spiral[] = {"aaaaa", "bbbba", "aaaba", "abbba", "aaaaa"};
	static const char *const holes[] = {"a?!a", "a..a"};
	const struct grid g = {8, 8, 0, 0, ""};
	struct em_region_map map = {0};
	struct em_json *json;

	(void)state;
	build(&map, &g, diagonal, 2);
	json = report(&map);
	assert_int_equal(em_json_size(em_json_get(json, "regions")), 4);
	assert_null(em_json_get(json, "area_nm2"));
	em_json_free(json);
	em_region_map_release(&map);

	build(&map, &g, spiral, 5);
	json = report(&map);
	assert_int_equal(em_json_size(em_json_get(json, "regions")), 2);
	em_json_free(json);
	em_region_map_release(&map);

	build(&map, &g, holes, 2);
	json = report(&map);
	NEAR(number(json, "failed"), 1, 0);
	NEAR(number(json, "chips"), 5, 0);
	assert_int_equal(em_json_size(em_json_get(json, "classes")), 4);
	assert_string_equal(em_json_string(em_json_get(at(em_json_get(json, "classes"), 3), "label")), "unknown");
	assert_int_equal(em_json_size(em_json_get(json, "regions")), 3);
	em_json_free(json);
	em_region_map_release(&map);
}

/* Chips that overlap, are shifted inwards or padded: no pixel counts twice, none is lost. */
static void test_overlap(void **state)
{
	static const char *const rows[] = {"aab", "aab", "ccc", "ccc"};
	static const char *const gaps[] = {"a.a", "bbb"};
	const struct grid half = {16, 8, 0, 0, ""}, shifted = {10, 10, 34, 30, ""};
	struct em_region_map map = {0};
	struct em_json *json;

	(void)state;
	build(&map, &half, rows, 4);
	json = report(&map);
	NEAR(number(json, "area_px"), 40 * 32, 0); /* what they cover */
	check_numbers(em_json_get(json, "step"), (const double[]){8, 8}, 2, 0);
	/* It meets the next half way in 16..24. */
	NEAR(number(at(em_json_get(json, "regions"), 0), "area_px"), 20 * 20, 0);
	NEAR(number(at(em_json_get(json, "regions"), 0), "centroid.y_px"), 9.5, 0);
	NEAR(number(at(em_json_get(json, "regions"), 1), "area_px"), 20 * 12, 0);
	NEAR(number(at(em_json_get(json, "regions"), 1), "centroid.x_px"), 25.5, 0);
	NEAR(number(at(em_json_get(json, "regions"), 2), "area_px"), 20 * 32, 0);
	check_numbers(em_json_get(at(em_json_get(json, "regions"), 0), "box"), (const double[]){0, 0, 24, 24}, 4, 0);
	em_json_free(json);
	em_region_map_release(&map);

	build(&map, &shifted, rows, 4); /* rows at 0, 10, 20, 24 */
	json = report(&map);
	NEAR(number(json, "area_px"), 34 * 30, 0);
	NEAR(number(at(em_json_get(json, "regions"), 2), "area_px"), 30 * 14, 0);
	NEAR(number(at(em_json_get(json, "regions"), 2), "centroid.y_px"), 26.5, 0);
	em_json_free(json);
	em_region_map_release(&map);

	build(&map, &half, gaps, 2); /* a chip that is not there keeps its share */
	json = report(&map);
	NEAR(number(at(em_json_get(json, "regions"), 0), "area_px"), 12 * 12, 0);
	NEAR(number(at(em_json_get(json, "regions"), 1), "area_px"), 12 * 12, 0);
	NEAR(number(at(em_json_get(json, "regions"), 1), "centroid.x_px"), 25.5, 0);
	em_json_free(json);
	em_region_map_release(&map);
}

/* One class over a picture of 25 x 38 px whose last chips are padded: its middle and its size are the picture's. */
static void test_padded(void **state)
{
	struct em_region_map map = {0};
	struct em_json *json;
	const struct em_json *r;

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		struct em_sample s = {0};
		char text[400], key[16];
		size_t y = i / 4 * 10, x = i % 4 * 10;

		snprintf(text, sizeof(text),
		         "{\"chip\":{\"row\":%zu,\"col\":%zu,\"box\":[%zu,%zu,10,10],\"image\":[25,38]},"
		         "\"stage\":{\"x_um\":7,\"y_um\":-3},"
		         "\"to_stage\":{\"um_per_px\":[[0.5,0],[0,0.5]],\"centre_px\":[%g,%g]}}",
		         i / 4, i % 4, y, x, 18.5 - (double)x, 12 - (double)y);
		assert_int_equal(em_record_parse(&s.record, text, strlen(text), NULL), 0);
		snprintf(key, sizeof(key), "p/%zu", i);
		assert_int_equal(em_sample_set_key(&s, key, NULL), 0);
		assert_int_equal(em_region_map_add(&map, &s, 0, 1, NULL), 0);
		em_sample_release(&s);
	}
	assert_int_equal(em_region_map_link(&map, NULL), 0);
	json = report(&map);
	r = at(em_json_get(json, "regions"), 0);
	NEAR(number(r, "area_px"), 25 * 38, 0);
	NEAR(number(r, "centroid.y_px"), 12, 1e-6);
	NEAR(number(r, "centroid.x_px"), 18.5, 1e-6);
	check_numbers(em_json_get(r, "box"), (const double[]){0, 0, 25, 38}, 4, 0);
	NEAR(number(r, "stage.x_um"), 7, 1e-6);
	NEAR(number(r, "stage.y_um"), -3, 1e-6);
	check_numbers(em_json_find(r, "stage.box_um"), (const double[]){7 - 9.5, -3 - 6.25, 7 + 9.5, -3 + 6.25}, 4,
	              1e-6);
	em_json_free(json);
	em_region_map_release(&map);
}

static void test_stage(void **state)
{
	/* Each chip carries its own to_stage, as emchip writes: the picture's middle (19.5, 9.5) lies at (100, -50) um,
	 * the image is turned by 90 degrees, 0.5 um a pixel: dX = -0.5 dy, dY = 0.5 dx. */
	static const char *const one[] = {"ab", "aa"};
	struct em_region_map map = {0};
	struct em_json *json;
	const struct em_json *r;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct em_sample s = {0};
		char text[600], key[16];
		size_t row = i / 2, col = i % 2;

		snprintf(
		    text, sizeof(text),
		    "{\"chip\":{\"row\":%zu,\"col\":%zu,\"box\":[%zu,%zu,10,20]},\"stage\":{\"x_um\":100,\"y_um\":-50},"
		    "\"to_stage\":{\"um_per_px\":[[0,-0.5],[0.5,0]],\"centre_px\":[%g,%g]}}",
		    row, col, row * 10, col * 20, 19.5 - (double)col * 20, 9.5 - (double)row * 10);
		assert_int_equal(em_record_parse(&s.record, text, strlen(text), NULL), 0);
		snprintf(key, sizeof(key), "p/%zu", i);
		assert_int_equal(em_sample_set_key(&s, key, NULL), 0);
		assert_int_equal(em_region_map_add(&map, &s, one[row][col] == 'b', 1, NULL), 0);
		em_sample_release(&s);
	}
	assert_int_equal(em_region_map_link(&map, NULL), 0);
	json = report(&map);
	NEAR(number(json, "area_um2"), 800 * 0.25, 1e-6);
	r = at(em_json_get(json, "regions"), 1); /* b: box [0,20,10,20], middle (x 29.5, y 4.5): 10 right, 5 up */
	NEAR(number(r, "centroid.x_px"), 29.5, 0);
	NEAR(number(r, "centroid.y_px"), 4.5, 0);
	NEAR(number(r, "stage.x_um"), 100 + 2.5, 1e-6);
	NEAR(number(r, "stage.y_um"), -50 + 5, 1e-6);
	check_numbers(em_json_find(r, "stage.box_um"), (const double[]){100, -50, 105, -40}, 4, 1e-6);
	r = at(em_json_get(json, "regions"), 0); /* a: pixel centroid (x (9.5+9.5+29.5)/3, y (4.5+14.5+14.5)/3) */
	NEAR(number(r, "stage.x_um"), 100 - 0.5 * ((4.5 + 14.5 + 14.5) / 3 - 9.5), 1e-6);
	NEAR(number(r, "stage.y_um"), -50 + 0.5 * ((9.5 + 9.5 + 29.5) / 3 - 19.5), 1e-6);
	em_json_free(json);
	em_region_map_release(&map);
}

/* Without a place only counts; two chips in one place are refused; another picture is another map. */
static void test_places(void **state)
{
	struct em_region_map map = {0};
	struct em_sample s = {0};
	struct em_json *json;
	struct em_error err = {0};
	const char *twice = "{\"chip\":{\"row\":1,\"col\":2,\"box\":[0,0,5,5]}}";

	(void)state;
	assert_int_equal(em_sample_set_key(&s, "q/1", NULL), 0);
	assert_int_equal(em_region_map_add(&map, &s, 1, 1, NULL), 0);
	assert_int_equal(em_region_map_link(&map, NULL), 0);
	json = report(&map);
	NEAR(number(at(em_json_get(json, "classes"), 1), "chips"), 1, 0);
	assert_null(em_json_get(json, "area_px"));
	assert_null(em_json_get(at(em_json_get(json, "classes"), 1), "area_fraction"));
	assert_int_equal(em_json_size(em_json_get(json, "regions")), 0);
	em_json_free(json);
	assert_int_equal(em_sample_set_key(&s, "r/1", NULL), 0);
	assert_true(em_region_map_is_other(&map, &s));
	em_region_map_release(&map);
	em_sample_release(&s);

	assert_int_equal(em_record_parse(&s.record, twice, strlen(twice), NULL), 0);
	assert_int_equal(em_sample_set_key(&s, "q/1", NULL), 0);
	assert_int_equal(em_region_map_add(&map, &s, 1, 1, NULL), 0);
	assert_int_equal(em_region_map_add(&map, &s, 1, 1, NULL), 0);
	assert_int_equal(em_region_map_link(&map, &err), -1);
	assert_non_null(strstr(err.text, "row 1, column 2"));
	em_region_map_release(&map);
	em_sample_release(&s);
}

/* ---- smoothing ---- */

static void test_smooth(void **state)
{
	static const char *const rows[] = {"aaa", "aba", "aa?"};
	const struct grid g = {8, 8, 0, 0, ""};
	struct em_region_map map = {0};
	double p[27];
	size_t before[9];

	(void)state;
	build(&map, &g, rows, 3);
	for (size_t i = 0; i < 9; i++) {
		bool b = i == 4;

		p[3 * i] = b ? 0.3 : 0.8;
		p[3 * i + 1] = b ? 0.6 : 0.1;
		p[3 * i + 2] = 0.1;
		before[i] = map.cells[i].label;
	}
	/* The middle flips when 4 beta > ln 2: it says b twice as strongly as a, against four neighbours. */
	assert_int_equal(em_region_map_smooth(&map, p, 3, 0.17, NULL), 0);
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(map.cells[i].label, before[i]);
	assert_int_equal(em_region_map_smooth(&map, p, 3, 0.18, NULL), 0);
	assert_int_equal(map.cells[4].label, 0);
	assert_int_equal(map.cells[8].label, 3); /* unknown stays */
	/* p given the neighbours: 0.3 against 0.6 and 0.1, both weakened by exp(-4 beta) */
	NEAR(map.cells[4].p, 0.3 / (0.3 + 0.7 * exp(-4 * 0.18)), 1e-12);
	/* a corner has two neighbours; the last but one in the bottom row only two, for unknown does not count */
	NEAR(map.cells[0].p, 0.8 / (0.8 + 0.2 * exp(-2 * 0.18)), 1e-12);
	NEAR(map.cells[7].p, 0.8 / (0.8 + 0.2 * exp(-2 * 0.18)), 1e-12);
	NEAR(map.cells[8].p, 0.5, 0);
	em_region_map_release(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_regions), cmocka_unit_test(test_connectivity), cmocka_unit_test(test_overlap),
	    cmocka_unit_test(test_padded),
	    cmocka_unit_test(test_stage),   cmocka_unit_test(test_places),       cmocka_unit_test(test_smooth),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
