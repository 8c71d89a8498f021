/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/chip.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct em_chip_plan plan_of(size_t w, size_t h, size_t sx, size_t sy, enum em_chip_edge edge)
{
	return (struct em_chip_plan){{(double)w, 0}, {(double)h, 0}, {(double)sx, 0}, {(double)sy, 0}, 0, edge};
}

/* A picture without pixels is enough for geometry. */
static struct em_array canvas(size_t h, size_t w)
{
	struct em_array a = {.dtype = EM_U8, .ndim = 2, .shape = {h, w}};

	em_axis_set(&a.axis[0], "y", 1, 0, "");
	em_axis_set(&a.axis[1], "x", 1, 0, "");
	return a;
}

static void grid_of(struct em_chip_grid *g, const struct em_chip_plan *plan, const struct em_array *a)
{
	struct em_error err = {0};

	if (em_chip_grid_make(g, plan, a, &err))
		fail_msg("%s", err.text);
}

/* What each policy promises, counted out by hand over every small case along x, one row along y. */
static void check_line(size_t N, size_t n, size_t s)
{
	struct em_array a = canvas(5, N);
	struct em_chip_plan plan;
	struct em_chip_grid g;
	size_t fitting = 0, beginning = 0, y, x, last = 0;

	while (fitting * s + n <= N)
		fitting++;
	while (beginning * s < N)
		beginning++;

	plan = plan_of(n, 5, s, 5, EM_CHIP_DROP);
	grid_of(&g, &plan, &a);
	assert_int_equal(g.cols, fitting);
	assert_int_equal(g.rows, 1);

	/* shift: one more where the fitting ones do not end at the border, and that one ends there */
	plan.edge = EM_CHIP_SHIFT;
	grid_of(&g, &plan, &a);
	assert_int_equal(g.cols, fitting + ((fitting - 1) * s + n < N));
	for (size_t i = 0; i < g.cols; i++) {
		em_chip_origin(&g, 0, i, &y, &x);
		assert_true(x == (i < fitting ? i * s : N - n) && y == 0);
	}
	assert_true(x + n == N);

	/* pad: origins as if the picture went on; it ends once the border is covered, and none begins outside */
	plan.edge = EM_CHIP_PAD;
	grid_of(&g, &plan, &a);
	for (size_t i = 0; i < g.cols; i++) {
		em_chip_origin(&g, 0, i, &y, &x);
		assert_true(x == i * s && x < N && (i == 0 || last + n < N));
		last = x;
	}
	assert_true(last + n >= N || g.cols == beginning);
}

static void grids_in_closed_form(void **state)
{
	struct em_array a = canvas(3044, 3042);
	struct em_chip_plan plan = plan_of(95, 95, 0, 0, EM_CHIP_DROP);
	struct em_chip_grid g;

	(void)state;
	for (size_t N = 1; N <= 24; N++)
		for (size_t n = 1; n <= N; n++)
			for (size_t s = 1; s <= 26; s++)
				check_line(N, n, s);
	grid_of(&g, &plan, &a); /* the published grids: 32 x 32 of 95 px, 22 rows x 23 columns of 34 x 35 */
	assert_true(g.rows == 32 && g.cols == 32 && g.stride_y == 95 && g.stride_x == 95);
	a = canvas(790, 787);
	plan = plan_of(34, 35, 0, 0, EM_CHIP_DROP);
	grid_of(&g, &plan, &a);
	assert_true(g.rows == 22 && g.cols == 23 && g.height == 35 && g.width == 34);
}

static void grid_by_columns(void **state)
{
	struct em_array a = canvas(50, 100);
	struct em_chip_plan plan = {.columns = 30};
	struct em_chip_grid g;
	struct em_error err = {0};

	(void)state;
	grid_of(&g, &plan, &a); /* floor(100 / 30) = 3, floor(50 / 3) = 16; 33 would fit, 30 were asked for */
	assert_true(g.width == 3 && g.height == 3 && g.cols == 30 && g.rows == 16);
	plan.edge = EM_CHIP_SHIFT;
	grid_of(&g, &plan, &a);
	assert_true(g.cols == 34 && g.rows == 17);
	plan.edge = EM_CHIP_DROP;
	plan.columns = 100;
	grid_of(&g, &plan, &a);
	assert_true(g.width == 1 && g.cols == 100 && g.rows == 50);
	plan.columns = 101;
	assert_int_equal(em_chip_grid_make(&g, &plan, &a, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	plan.columns = 1; /* 100 wide, but only 50 high */
	assert_int_equal(em_chip_grid_make(&g, &plan, &a, &err), -1);
}

static void grid_by_lengths(void **state)
{
	struct em_array a = canvas(400, 400);
	struct em_chip_plan plan = {.width = {2.5, 1e-9}, .height = {25, 1e-10}};
	struct em_chip_grid g = {.rows = 77};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_chip_grid_make(&g, &plan, &a, &err), -1); /* not calibrated */
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(g.rows, 77);
	em_axis_set(&a.axis[0], "y", 1, 0, "eV");
	em_axis_set(&a.axis[1], "x", 1, 0, "eV");
	assert_int_equal(em_chip_grid_make(&g, &plan, &a, &err), -1); /* calibrated, but no length */

	em_axis_set(&a.axis[0], "y", 2.5e-5, 0, "\u00b5m"); /* 25 pm */
	em_axis_set(&a.axis[1], "x", -0.05, 0, "nm");       /* a direction says nothing about size */
	grid_of(&g, &plan, &a);
	assert_true(g.height == 100 && g.width == 50 && g.stride_y == 100 && g.stride_x == 50);
	plan.stride_x = (struct em_length){1.27, 1e-9}; /* 25.4 px */
	plan.stride_y = (struct em_length){40, 0};
	grid_of(&g, &plan, &a);
	assert_true(g.stride_x == 25 && g.stride_y == 40);
	plan.width.value = 0.02; /* 0.4 px */
	assert_int_equal(em_chip_grid_make(&g, &plan, &a, &err), -1);
	plan.width.value = 1e300;
	assert_int_equal(em_chip_grid_make(&g, &plan, &a, &err), -1);
}

static void too_large_or_empty(void **state)
{
	static const enum em_chip_edge edges[] = {EM_CHIP_DROP, EM_CHIP_SHIFT, EM_CHIP_PAD};
	struct em_array a = canvas(10, 20), empty = canvas(0, 20);
	struct em_chip_grid g = {.rows = 77};
	struct em_error err = {0};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct em_chip_plan high = plan_of(5, 11, 0, 0, edges[i]), wide = plan_of(21, 5, 0, 0, edges[i]);
		struct em_chip_plan fits = plan_of(20, 10, 0, 0, edges[i]);

		assert_int_equal(em_chip_grid_make(&g, &high, &a, &err), -1);
		assert_non_null(strstr(err.text, "larger than the picture"));
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_int_equal(em_chip_grid_make(&g, &wide, &a, &err), -1);
		assert_int_equal(em_chip_grid_make(&g, &fits, &empty, &err), -1);
		assert_int_equal(g.rows, 77);
		grid_of(&g, &fits, &a);
		assert_true(g.rows == 1 && g.cols == 1);
		g.rows = 77;
	}
}

static struct em_array numbered(enum em_dtype dtype, size_t h, size_t w)
{
	struct em_array a;

	assert_int_equal(em_array_alloc_image(&a, dtype, h, w, NULL), 0);
	for (size_t i = 0; i < h * w; i++)
		if (dtype == EM_U8)
			((uint8_t *)a.data)[i] = (uint8_t)(i * 7 + i / w);
		else
			((float *)a.data)[i] = (float)i;
	return a;
}

/* numpy.pad(mode="reflect"), walked step by step. */
static size_t walk(size_t steps, size_t n)
{
	size_t at = 0;
	bool back = false;

	for (; steps; steps--) {
		if (at == n - 1)
			back = true;
		at = back ? at - 1 : at + 1;
	}
	return at;
}

static void every_pixel_is_the_pictures(void **state)
{
	static const size_t cases[][6] = {{13, 17, 4, 5, 4, 5}, {13, 17, 5, 4, 2, 3}, {9, 9, 9, 9, 1, 1},
	                                  {8, 7, 7, 8, 5, 6},   {1, 1, 1, 1, 1, 1},   {20, 3, 2, 5, 9, 9}};

	(void)state;
	for (size_t k = 0; k < 36; k++) {
		const size_t *c = cases[k % 6]; /* height, width, chip's width, height, strides x, y */
		struct em_array a = numbered(k < 18 ? EM_U8 : EM_F32, c[0], c[1]), chip;
		struct em_chip_plan plan = plan_of(c[2], c[3], c[4], c[5], (enum em_chip_edge)(k / 6 % 3));
		struct em_chip_grid g;
		size_t y, x;

		grid_of(&g, &plan, &a);
		assert_int_equal(em_array_alloc_image(&chip, a.dtype, g.height, g.width, NULL), 0);
		for (size_t i = 0; i < g.rows * g.cols; i++) {
			em_chip_copy(&g, &a, i / g.cols, i % g.cols, chip.data);
			em_chip_origin(&g, i / g.cols, i % g.cols, &y, &x);
			for (size_t p = 0; p < g.height * g.width; p++) {
				size_t from = walk(y + p / g.width, c[0]) * c[1] + walk(x + p % g.width, c[1]);

				assert_true(em_array_get(&chip, p) == em_array_get(&a, from));
			}
		}
		em_array_release(&a);
		em_array_release(&chip);
	}
}

/* ---- samples ---- */

static const char picture_json[] =
	"{\"em\":1,\"key\":\"run/a\",\"strange\" : { \"x\":[1 ,2.50000000000000001e+5]},"
	"\"axes\":[{\"name\":\"y\",\"size\":40,\"scale\":0.5,\"offset\":3,\"units\":\"nm\"},"
	"{\"name\":\"x\",\"size\":50,\"scale\":0.25,\"offset\":-7,\"units\":\"nm\"}],"
	"\"source\":{\"file\":\"a.tif\",\"sha256\":\"00\"},"
	"\"stage\":{\"x_um\":12.5,\"y_um\":-40.25},"
	"\"to_stage\":{\"um_per_px\":[[0.0195,0.001],[-0.002,0.0185]],\"centre_px\":[24.5,19.5],\"by\":\"hand\"},"
	"\"chip\":{\"row\":3,\"col\":4}}";

static struct em_sample picture_of(const char *json)
{
	struct em_sample s = {0};

	assert_int_equal(em_record_parse(&s.record, json, strlen(json), NULL), 0);
	assert_int_equal(em_sample_set_key(&s, "run/a", NULL), 0);
	return s;
}

static double number(const struct em_record *r, const char *path)
{
	double v = (double)NAN;

	em_record_number(r, path, &v);
	return v;
}

static void numbers_at(const struct em_record *r, const char *member, const char *path, double *v, size_t n)
{
	struct em_json *tree = em_record_tree(r, member);

	assert_int_equal(em_json_numbers(em_json_find(tree, path), v, n), n);
	em_json_free(tree);
}

/* Where the stage has to stand for pixel p (x, y): stage + um_per_px * (p - centre_px). */
static void place_of(const struct em_record *r, double px, double py, double *X, double *Y)
{
	struct em_json *tree = em_record_tree(r, "to_stage");
	const struct em_json *rows = em_json_get(tree, "um_per_px");
	double centre[2], mx[2], my[2];

	assert_int_equal(em_json_numbers(em_json_get(tree, "centre_px"), centre, 2), 2);
	assert_int_equal(em_json_numbers(em_json_first(rows), mx, 2), 2);
	assert_int_equal(em_json_numbers(em_json_next(em_json_first(rows)), my, 2), 2);
	em_json_free(tree);
	*X = number(r, "stage.x_um") + mx[0] * (px - centre[0]) + mx[1] * (py - centre[1]);
	*Y = number(r, "stage.y_um") + my[0] * (px - centre[0]) + my[1] * (py - centre[1]);
}

/* A point of the specimen that lies at pixel (11.25, 2) of a chip. */
static void check_places(const struct em_sample *picture, const struct em_sample *chip, const struct em_array *whole,
                         const struct em_array *cut, const double box[4])
{
	double X, Y, x, y;

	place_of(&picture->record, box[1] + 11.25, box[0] + 2, &X, &Y);
	place_of(&chip->record, 11.25, 2, &x, &y);
	assert_true(fabs(X - x) < 1e-9 && fabs(Y - y) < 1e-9);
	assert_true(fabs(whole->axis[1].offset + (box[1] + 11.25) * whole->axis[1].scale -
	                 (cut->axis[1].offset + 11.25 * cut->axis[1].scale)) < 1e-9);
	assert_true(fabs(whole->axis[0].offset + (box[0] + 2) * whole->axis[0].scale -
	                 (cut->axis[0].offset + 2 * cut->axis[0].scale)) < 1e-9);
	assert_string_equal(cut->axis[1].units, "nm");
}

static void check_chip(const struct em_sample *picture, const struct em_array *a, const struct em_chip_grid *g,
                       const struct em_sample *chip, size_t i)
{
	static const char *const untouched[] = {"em", "strange", "source", "stage"};
	const struct em_record *r = &chip->record;
	struct em_array cut;
	double box[4], pair[2];
	size_t y, x;
	char key[64];

	em_chip_origin(g, i / g->cols, i % g->cols, &y, &x);
	snprintf(key, sizeof(key), "run/a/r%03zuc%03zu", i / g->cols, i % g->cols);
	assert_string_equal(chip->key, key);
	assert_int_equal(r->count, picture->record.count + 1); /* "image" is new */
	for (size_t k = 0; k < 4; k++)
		assert_string_equal(em_record_get(r, untouched[k]), em_record_get(&picture->record, untouched[k]));
	assert_true(number(r, "chip.row") == (double)(i / g->cols) && number(r, "chip.col") == (double)(i % g->cols));
	numbers_at(r, "chip", "box", box, 4);
	assert_true(box[0] == (double)y && box[1] == (double)x);
	assert_true(box[2] == (double)g->height && box[3] == (double)g->width);
	numbers_at(r, "chip", "grid", pair, 2);
	assert_true(pair[0] == (double)g->rows && pair[1] == (double)g->cols);
	numbers_at(r, "chip", "image", pair, 2);
	assert_true(pair[0] == (double)a->shape[0] && pair[1] == (double)a->shape[1]);
	assert_non_null(strstr(em_record_get(r, "to_stage"), ",\"by\":\"hand\"}"));

	assert_int_equal(em_sample_image(chip, &cut, NULL), 0);
	assert_true(cut.dtype == a->dtype && cut.shape[0] == g->height && cut.shape[1] == g->width);
	numbers_at(r, "image", "shape", pair, 2);
	assert_true(pair[0] == (double)g->height && pair[1] == (double)g->width);
	for (size_t p = 0; p < g->height * g->width; p++) {
		size_t from = walk(y + p / g->width, a->shape[0]) * a->shape[1] + walk(x + p % g->width, a->shape[1]);

		assert_true(em_array_get(&cut, p) == em_array_get(a, from));
	}
	check_places(picture, chip, a, &cut, box);
	em_array_release(&cut);
}

static void chips_know_their_place(void **state)
{
	(void)state;
	for (int edge = EM_CHIP_DROP; edge <= EM_CHIP_PAD; edge++) {
		struct em_array a = numbered(EM_F32, 40, 50);
		struct em_sample picture = picture_of(picture_json), chip;
		struct em_chip_plan plan = plan_of(12, 15, 9, 15, (enum em_chip_edge)edge);
		struct em_chip_grid g;
		struct em_chipper *c;

		em_record_get_axes(&picture.record, &a);
		grid_of(&g, &plan, &a);
		c = em_chipper_new(&picture, &a, &g, NULL);
		assert_non_null(c);
		for (size_t i = 0; i < g.rows * g.cols; i++) {
			assert_int_equal(em_chipper_cut(c, i, &chip, NULL), 0);
			check_chip(&picture, &a, &g, &chip, i);
			em_sample_release(&chip);
		}
		em_chipper_free(c);
		em_sample_release(&picture);
		em_array_release(&a);
	}
}

/* A chip's record is a picture's again: cut twice, a point still has the same place. */
static void chips_of_chips(void **state)
{
	struct em_array a = numbered(EM_F32, 40, 50), half;
	struct em_sample picture = picture_of(picture_json), big, small;
	struct em_chip_plan plan = plan_of(20, 20, 0, 0, EM_CHIP_DROP), again = plan_of(5, 6, 0, 0, EM_CHIP_DROP);
	struct em_chip_grid g, h;
	struct em_chipper *c;
	double X, Y, x, y;

	(void)state;
	grid_of(&g, &plan, &a);
	c = em_chipper_new(&picture, &a, &g, NULL);
	assert_int_equal(em_chipper_cut(c, 3, &big, NULL), 0); /* row 1, column 1: from (20, 20) */
	em_chipper_free(c);
	assert_int_equal(em_sample_image(&big, &half, NULL), 0);
	grid_of(&h, &again, &half);
	c = em_chipper_new(&big, &half, &h, NULL);
	assert_int_equal(em_chipper_cut(c, 6, &small, NULL), 0); /* row 1, column 2: from (6, 10) */
	em_chipper_free(c);
	assert_string_equal(small.key, "run/a/r001c001/r001c002");
	assert_true(number(&small.record, "chip.row") == 1 && number(&small.record, "chip.col") == 2);
	place_of(&picture.record, 20 + 10 + 1, 20 + 6 + 2, &X, &Y);
	place_of(&small.record, 1, 2, &x, &y);
	assert_true(fabs(X - x) < 1e-9 && fabs(Y - y) < 1e-9);
	em_array_release(&a);
	em_array_release(&half);
	em_sample_release(&picture);
	em_sample_release(&big);
	em_sample_release(&small);
}

static bool accepts(const char *json, const char *key)
{
	struct em_array a = numbered(EM_U8, 10, 10);
	struct em_sample picture = picture_of(json);
	struct em_chip_plan plan = plan_of(5, 5, 0, 0, EM_CHIP_DROP);
	struct em_chip_grid g;
	struct em_error err = {0};
	struct em_chipper *c;
	bool made;

	if (key) {
		free(picture.key);
		picture.key = strdup(key);
	}
	grid_of(&g, &plan, &a);
	c = em_chipper_new(&picture, &a, &g, &err);
	made = c != NULL;
	assert_true(made || err.kind == EM_ERROR_DATA);
	em_chipper_free(c);
	em_sample_release(&picture);
	em_array_release(&a);
	return made;
}

static void refuses_what_would_mislead(void **state)
{
	char longest[EM_KEY_MAX + 1] = "";

	(void)state;
	memset(longest, 'k', EM_KEY_MAX - 9);
	assert_true(accepts("{}", NULL));
	assert_true(accepts("{\"to_stage\":null}", NULL));
	assert_false(accepts("{\"to_stage\":{}}", NULL));
	assert_false(accepts("{\"to_stage\":{\"um_per_px\":[[1,0],[0,1]]}}", NULL));
	assert_false(accepts("{\"to_stage\":{\"centre_px\":[1,2,3]}}", NULL));
	assert_false(accepts("{\"to_stage\":{\"centre_px\":[1,\"2\"]}}", NULL));
	assert_true(accepts("{}", longest)); /* "/r001c001" is 9 more */
	longest[EM_KEY_MAX - 9] = 'k';
	assert_false(accepts("{}", longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grids_in_closed_form),
		cmocka_unit_test(grid_by_columns),
		cmocka_unit_test(grid_by_lengths),
		cmocka_unit_test(too_large_or_empty),
		cmocka_unit_test(every_pixel_is_the_pictures),
		cmocka_unit_test(chips_know_their_place),
		cmocka_unit_test(chips_of_chips),
		cmocka_unit_test(refuses_what_would_mislead),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("chip", tests, NULL, NULL);
}
