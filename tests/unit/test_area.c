/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/area.h"

#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEAR(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))

static int parse(struct em_areas *set, const char *json, struct em_error *err)
{
	return em_areas_parse(set, json, strlen(json), err);
}

/* The weights of region k times a cell's area, px. */
static double total(const struct em_areas *set, size_t k, const struct em_area_grid *g, float *w)
{
	double sum = 0;

	assert_int_equal(em_area_weigh(set, k, g, w, NULL), 0);
	for (size_t i = 0; i < g->rows * g->cols; i++) {
		assert_true(w[i] >= 0 && w[i] <= 1);
		sum += (double)w[i];
	}
	return sum * (double)g->height / (double)g->rows * (double)g->width / (double)g->cols;
}

static double overlap(double a0, double a1, double b0, double b1)
{
	return fmax(fmin(a1, b1) - fmax(a0, b0), 0);
}

/* Each weight of a rectangle is a product of two overlaps. */
static void test_rectangle(void **state)
{
	const struct em_area_grid grids[] = {
	    {9, 13, 90, 117, 0, 0}, {7, 5, 90, 117, 3.25, -8.5}, {90, 117, 90, 117, 0, 0}};
	static float w[90 * 117];
	struct em_areas set = {0};

	(void)state;
	assert_int_equal(em_areas_add_rectangle(&set, "film=17.5, 20px,60.25,31", NULL, NULL), 0);
	assert_string_equal(set.area[0].name, "film");
	for (size_t n = 0; n < 3; n++) {
		const struct em_area_grid *g = &grids[n];
		double cy = 90. / (double)g->rows, cx = 117. / (double)g->cols;

		assert_int_equal(em_area_weigh(&set, 0, g, w, NULL), 0);
		for (size_t i = 0; i < g->rows * g->cols; i++) {
			double y = (double)(i / g->cols) * cy, x = (double)(i % g->cols) * cx;
			double dy = overlap(y - cy / 2, y + cy / 2, 19.5 + g->shift_y, 50.5 + g->shift_y);
			double dx = overlap(x - cx / 2, x + cx / 2, 17 + g->shift_x, 77.25 + g->shift_x);

			NEAR(w[i], dy * dx / cy / cx, 1e-6);
		}
	}
	em_areas_release(&set);
}

/* Of the whole frame each sample of a full map has all, of a coarse one the first row and column have what is in. */
static void test_frame(void **state)
{
	struct em_areas set = {0};
	float w[48];

	(void)state;
	assert_int_equal(em_areas_add_rectangle(&set, "all=0,0,8,6", NULL, NULL), 0);
	NEAR(total(&set, 0, &(struct em_area_grid){6, 8, 6, 8, 0, 0}, w), 48, 1e-9);
	for (size_t i = 0; i < 48; i++)
		NEAR(w[i], 1, 0);
	NEAR(total(&set, 0, &(struct em_area_grid){3, 4, 6, 8, 0, 0}, w), 5.5 * 7.5, 1e-5);
	NEAR(w[0], 0.75 * 0.75, 1e-7);
	NEAR(w[1], 0.75, 1e-7);
	NEAR(w[5], 1, 0);
	em_areas_release(&set);
	assert_int_equal(em_areas_add_rectangle(&set, "more=-100,-50,1000,500", NULL, NULL), 0);
	NEAR(total(&set, 0, &(struct em_area_grid){3, 4, 6, 8, 0, 0}, w), 5.5 * 7.5, 1e-5);
	em_areas_release(&set);
}

static void test_units(void **state)
{
	struct em_axis axes[2] = {{"y", "nm", 0.5, 10}, {"x", "\xc2\xb5m", 2e-4, 0}};
	struct em_areas set = {0};
	struct em_line line;
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_areas_add_rectangle(&set, "a=2, 12, 20 ,5nm", axes, NULL), 0);
	assert_int_equal(em_areas_add_rectangle(&set, "b=2nm,4,0.02um,50A", axes, NULL), 0);
	for (size_t k = 0; k < 2; k++) {
		NEAR(set.area[k].ring[0].corner[0][0], 9.5, 1e-9);
		NEAR(set.area[k].ring[0].corner[0][1], 3.5, 1e-9);
		NEAR(set.area[k].ring[0].corner[2][0], 109.5, 1e-9);
		NEAR(set.area[k].ring[0].corner[2][1], 13.5, 1e-9);
	}
	em_areas_release(&set);
	assert_int_equal(em_line_parse(&line, "2,12,4,20nm", axes, NULL), 0);
	assert_true(fabs(line.x0 - 10) < 1e-9 && fabs(line.y0 - 4) < 1e-9 && fabs(line.x1 - 20) < 1e-9 &&
	            fabs(line.y1 - 20) < 1e-9);
	assert_int_equal(em_line_parse(&line, "1,2,-3.5,4e1", NULL, NULL), 0);
	assert_true(line.x0 == 1 && line.y0 == 2 && line.x1 == -3.5 && line.y1 == 40);
	assert_int_equal(em_line_parse(&line, "1,2,1,2", NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_line_parse(&line, "1,2,1,2,3", NULL, &err), -1);
	assert_int_equal(em_line_parse(&line, "1nm,2,1,2", NULL, &err), -1);
	assert_non_null(strstr(err.text, "size of its pixels"));
	axes[1] = (struct em_axis){"x", "s", 1, 0};
	assert_int_equal(em_line_parse(&line, "1nm,2,1,2", axes, &err), -1);
	assert_true(line.x0 == 1 && line.y1 == 40);
}

static void test_rectangle_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "film",
	    "film=",
	    "film=1,2,3",
	    "film=1,2,3,4,5",
	    "=1,2,3,4",
	    "a=1,2,0,4",
	    "a=1,2,3,-4",
	    "a=nan,2,3,4",
	    "a=1,inf,3,4",
	    "a=1e300,2,3,4",
	    "a=1,2,3e10,4",
	    "a=1,2,3,4s",
	    "a=1,2,3nmx,4",
	    "a=1,,3,4",
	    "a=0x10,2,3,4",
	    "a=1,2,3,4nm",
	    "\x01=1,2,3,4",
	    "\xff=1,2,3,4",
	    "a=1,2,3,4,",
	    "a=1e-30,2,1e-300,4",
	    "a=1 2,2,3,4",
	    "a=--1,2,3,4",
	};
	char longest[400];
	struct em_areas set = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_error err = {0};

		assert_int_equal(em_areas_add_rectangle(&set, bad[i], NULL, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		assert_int_equal(set.count, 0);
	}
	memset(longest, 'n', sizeof(longest));
	strcpy(longest + 201, "=1,2,3,4");
	assert_int_equal(em_areas_add_rectangle(&set, longest, NULL, NULL), -1);
	strcpy(longest + 200, "=1,2,3,4");
	assert_int_equal(em_areas_add_rectangle(&set, longest, NULL, NULL), 0);
	assert_int_equal(em_areas_add_rectangle(&set, "a=1,2,3,4", NULL, NULL), 0);
	assert_int_equal(em_areas_add_rectangle(&set, "a=1,2,3,5", NULL, NULL), -1);
	assert_int_equal(set.count, 2);
	em_areas_release(&set);
}

/* The area by Gauss's formula, whatever the grid; and single cells that an edge cuts. */
static void test_polygon(void **state)
{
	static float w[128 * 128];
	struct em_areas set = {0};

	(void)state;
	assert_int_equal(parse(&set,
	                       "{\"regions\":[{\"name\":\"triangle\",\"polygon\":[[1,2],[61,10],[20,55]]},"
	                       "{\"name\":\"diamond\",\"polygon\":[[32,16],[48,32],[32,48],[16,32]]},"
	                       "{\"name\":\"box\",\"box\":[8,4,16,24]}]}",
	                       NULL),
	                 0);
	for (size_t n = 2; n <= 128; n *= 2)
		NEAR(total(&set, 0, &(struct em_area_grid){n, 256 / n, 128, 128, 0, 0}, w), (60 * 53 - 8 * 19) / 2.,
		     1e-3);
	NEAR(total(&set, 1, &(struct em_area_grid){4, 4, 64, 64, 0, 0}, w), 512, 1e-6);
	NEAR(w[2 * 4 + 2], 1, 1e-7);
	NEAR(w[1 * 4 + 2], 0.25, 1e-7);
	NEAR(w[2 * 4 + 1], 0.25, 1e-7);
	NEAR(w[1 * 4 + 1], 0, 1e-7);
	NEAR(total(&set, 2, &(struct em_area_grid){64, 64, 64, 64, 0, 0}, w), 16 * 24, 1e-9);
	assert_true(w[8 * 64 + 4] == 1 && w[23 * 64 + 27] == 1 && w[24 * 64 + 27] == 0 && w[23 * 64 + 28] == 0);
	em_areas_release(&set);
}

/* A five-pointed star of circumradius 1 has the area 1.12257 (10 tan(18 deg) / (3 - tan(18 deg)^2)); even-odd leaves
 * out the pentagon in its middle, of circumradius (3 - sqrt 5) / 2. */
static void test_star(void **state)
{
	static float w[32 * 32];
	const double radius = 40, turn = 2 * acos(-1) / 5, t = tan(turn / 4), inner = (3 - sqrt(5)) / 2;
	struct em_areas set = {0};
	char text[400];
	int n = snprintf(text, sizeof(text), "{\"regions\":[{\"name\":\"star\",\"polygon\":[");

	(void)state;
	for (int i = 0; i < 5; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s[%.9f,%.9f]", i ? "," : "",
		              50 + radius * sin(2 * i * turn + 0.1), 51 + radius * cos(2 * i * turn + 0.1));
	snprintf(text + n, sizeof(text) - (size_t)n, "]}]}");
	assert_int_equal(parse(&set, text, NULL), 0);
	NEAR(total(&set, 0, &(struct em_area_grid){32, 32, 128, 128, 0, 0}, w),
	     radius * radius * (10 * t / (3 - t * t) - 2.5 * sin(turn) * inner * inner), 0.05);
	NEAR(w[13 * 32 + 12], 0, 0);
	em_areas_release(&set);
}

/* The same by 4096 lines a row: where they cross edges, every second interval is inside. */
static void by_lines(const double (*p)[2], size_t n, size_t cells, double *share)
{
	memset(share, 0, cells * cells * sizeof(*share));
	for (size_t l = 0; l < cells * 4096; l++) {
		double y = ((double)l + 0.5) / 4096 - 0.5, x[16];
		size_t k = 0;

		for (size_t i = 0; i < n; i++) {
			const double *a = p[i], *b = p[(i + 1) % n];

			if ((a[1] > y) != (b[1] > y))
				x[k++] = a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
		}
		for (size_t i = 0; i < k; i++)
			for (size_t j = i; j && x[j] < x[j - 1]; j--) {
				double swap = x[j];

				x[j] = x[j - 1];
				x[j - 1] = swap;
			}
		for (size_t i = 0; i < k; i += 2)
			for (size_t c = 0; c < cells; c++)
				share[l / 4096 * cells + c] +=
				    overlap(fmax(x[i], -0.5), fmin(x[i + 1], 5.5), (double)c - 0.5, (double)c + 0.5) /
				    4096;
	}
}

/* Polygons of any shape, that cross themselves and leave the frame. */
static void test_tangle(void **state)
{
	struct em_random random;
	int inside = 0;

	(void)state;
	em_random_seed(&random, 11, 0);
	for (size_t run = 0; run < 100; run++) {
		size_t n = 3 + run % 10;
		double corner[12][2], share[36];
		char text[900] = "{\"regions\":[{\"name\":\"a\",\"polygon\":[";
		struct em_areas set = {0};
		float w[36];

		for (size_t i = 0; i < n; i++) {
			corner[i][0] = round(em_random_between(&random, -2, 7) * 1e3) / 1e3;
			corner[i][1] = round(em_random_between(&random, -2, 7) * 1e3) / 1e3;
			if (run % 3 == 1 && i % 2) /* some level edges */
				corner[i][1] = corner[i - 1][1];
			sprintf(text + strlen(text), "%s[%.3f,%.3f]", i ? "," : "", corner[i][0], corner[i][1]);
		}
		strcat(text, "]}]}");
		assert_int_equal(parse(&set, text, NULL), 0);
		by_lines((const double(*)[2])corner, n, 6, share);
		memset(w, 0, sizeof(w));
		inside += !em_area_weigh(&set, 0, &(struct em_area_grid){6, 6, 6, 6, 0, 0}, w, NULL);
		for (size_t i = 0; i < 36; i++)
			NEAR(w[i], share[i], 1e-3);
		em_areas_release(&set);
	}
	assert_true(inside > 95);
}

static void test_json_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "{",
	    "[]",
	    "{}",
	    "{\"regions\":{}}",
	    "{\"regions\":[]}",
	    "{\"regions\":[1]}",
	    "{\"regions\":[{}]}",
	    "{\"regions\":[{\"name\":\"a\"}]}",
	    "{\"regions\":[{\"name\":1,\"box\":[1,2,3,4]}]}",
	    "{\"regions\":[{\"name\":\"\",\"box\":[1,2,3,4]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"box\":[1,2,3]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"box\":[1,2,3,4,5]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"box\":[1,2,0,4]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"box\":[1,2,3,-4]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"box\":[1,2,3,1e300]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"box\":[1,2,3,1e400]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"box\":[1,2,3,null]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"polygon\":3}]}",
	    "{\"regions\":[{\"name\":\"a\",\"polygon\":[]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"polygon\":[[1,2],[3,4]]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"polygon\":[[1,2],[3,4],[5,6]]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"polygon\":[[1,2],[1,2],[1,2]]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"polygon\":[[1,2],[3,4],[5,7,8]]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"polygon\":[[1,2],[3,4],[5,\"7\"]]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"polygon\":[[1,2],[3,4],[5,1e300]]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"polygon\":[[1,2],[3,4],[5,7]],\"box\":[1,2,3,4]}]}",
	    "{\"regions\":[{\"name\":\"a\",\"box\":[1,2,3,4]},{\"name\":\"a\",\"box\":[1,2,3,5]}]}",
	    "{\"regions\":[{\"name\":\"b\",\"box\":[1,2,3,4]},{\"name\":\"here\",\"box\":[1,2,3,5]}]}",
	};
	struct em_areas set = {0};
	struct em_error err;

	(void)state;
	assert_int_equal(em_areas_add_rectangle(&set, "here=1,2,3,4", NULL, NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		memset(&err, 0, sizeof(err));
		assert_int_equal(parse(&set, bad[i], &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_int_equal(set.count, 1);
	}
	assert_int_equal(parse(&set, "{\"regions\":[{\"name\":\"film\",\"polygon\":[[1,2],[3,4]]}]}", &err), -1);
	assert_string_equal(err.text, "region 1: \"film\": a polygon has 3 to 4096 corners, not 2");
	assert_int_equal(em_areas_read(&set, "no/such/file", &err), -1);
	assert_int_equal(err.kind, EM_ERROR_IO);
	assert_non_null(strstr(err.text, "regions of no/such/file: "));
	assert_int_equal(parse(&set, " \n\x89PNG", &err), -1);
	assert_string_equal(err.text, "neither JSON nor a stream of classified chips");
	em_areas_release(&set);
}

/* Too deep, too many corners, too many regions. */
static void test_json_large(void **state)
{
	static char text[200000];
	struct em_areas set = {0};
	struct em_error err = {0};
	size_t n;

	(void)state;
	memset(text, '[', 100000);
	assert_int_equal(parse(&set, text, &err), -1);
	strcpy(text, "{\"regions\":[{\"name\":\"a\",\"polygon\":[[0,0]");
	n = strlen(text);
	for (int i = 0; i < 4096; i++)
		n += (size_t)sprintf(text + n, ",[%d,%d]", i % 90, i % 7);
	strcpy(text + n, "]}]}");
	assert_int_equal(parse(&set, text, &err), -1);
	assert_non_null(strstr(err.text, "more than 4096 corners"));
	strcpy(text, "{\"regions\":[{\"name\":\"a\",\"box\":[1,1,1,1]}");
	n = strlen(text);
	for (int i = 0; i < 1024; i++)
		n += (size_t)sprintf(text + n, ",{\"name\":\"%d\",\"box\":[1,1,1,1]}", i);
	strcpy(text + n, "]}");
	assert_int_equal(parse(&set, text, &err), -1);
	assert_non_null(strstr(err.text, "more than 1024 regions"));
	assert_int_equal(set.count, 0);
}

static void test_outside(void **state)
{
	static const char *const out[] = {"a=64,3,5,5", "a=-5,3,5,5", "a=3,48,5,5", "a=3,-5.5,5,5", "a=62.5,3,1,5"};
	const struct em_area_grid g = {12, 16, 48, 64, 0, 0};
	float w[192];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct em_areas set = {0};
		struct em_error err = {0};

		w[7] = 5;
		assert_int_equal(em_areas_add_rectangle(&set, out[i], NULL, NULL), 0);
		assert_int_equal(em_area_weigh(&set, 0, &g, w, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_non_null(strstr(err.text, "region \"a\" lies outside of the frame of 64 x 48 px"));
		assert_true(w[7] == 5);
		em_areas_release(&set);
	}
}

static void test_grid_refused(void **state)
{
	const struct em_area_grid bad[] = {{0, 1, 4, 4, 0, 0},        {1, 0, 4, 4, 0, 0},
	                                   {5, 1, 4, 4, 0, 0},        {1, 5, 4, 4, 0, 0},
	                                   {1, 1, 0, 4, 0, 0},        {1, 1, 4, 4, NAN, 0},
	                                   {1, 1, 4, 4, 0, INFINITY}, {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, 0, 0}};
	struct em_areas set = {0};
	struct em_error err;
	float w[1];

	(void)state;
	assert_int_equal(em_areas_add_rectangle(&set, "a=0,0,1,1", NULL, NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(em_area_weigh(&set, 0, &bad[i], w, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
	}
	em_areas_release(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rectangle),    cmocka_unit_test(test_frame),
	    cmocka_unit_test(test_units),        cmocka_unit_test(test_rectangle_refused),
	    cmocka_unit_test(test_polygon),      cmocka_unit_test(test_star),
	    cmocka_unit_test(test_tangle),       cmocka_unit_test(test_json_refused),
	    cmocka_unit_test(test_json_large),   cmocka_unit_test(test_outside),
	    cmocka_unit_test(test_grid_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
