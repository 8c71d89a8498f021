/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What curves, spectra and contact sheets are made of: numbers by their paths, axes, spots, places on a sheet. */
#include "plot/axes.h"
#include "plot/quantity.h"
#include "plot/sheet.h"
#include "plot/marks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void parse_record(struct em_record *r, const char *json)
{
	assert_int_equal(em_record_parse(r, json, strlen(json), NULL), 0);
}

/* ---- quantity.h ---- */

static const char record[] =
	"{\"top\":4,\"top_u\":1,\"a.b\":{\"c\":5,\"c_u\":0.5},\"a\":{\"x\":1.5,\"x_u\":0.25,\"none\":null,\"no\":false,"
	"\"s\":\"t\",\"yes\":true,\"p.q\":{\"r\":7,\"r_u\":-1},\"p\":{\"q\":{\"r\":8}},\"d_px\":[3,[4,5]],"
	"\"d_px_u\":[0.1,[0.2,0.3]],\"huge\":1e200,\"x2\":2,\"x2_u\":\"u\"}}";

static void numbers_by_path(void **state)
{
	static const struct {
		const char *path;
		enum em_quantity_found found;
		double v, u;
	} known[] = {
		{"a.x", EM_QUANTITY_NUMBER, 1.5, 0.25},
		{"a.x2", EM_QUANTITY_NUMBER, 2, NAN}, /* an uncertainty that is none */
		{"top", EM_QUANTITY_NUMBER, 4, NAN},
		{"a.b.c", EM_QUANTITY_NUMBER, 5, 0.5}, /* "a.b" is longer than "a" */
		{"a.p.q.r", EM_QUANTITY_NUMBER, 7, NAN},
		{"a.d_px.0", EM_QUANTITY_NUMBER, 3, 0.1},
		{"a.d_px.1.1", EM_QUANTITY_NUMBER, 5, 0.3},
		{"a.huge", EM_QUANTITY_NUMBER, NAN, NAN},
		{"a.none", EM_QUANTITY_NULL, NAN, NAN},
		{"a.no", EM_QUANTITY_NULL, NAN, NAN},
		{"a.s", EM_QUANTITY_OTHER, NAN, NAN},
		{"a.yes", EM_QUANTITY_OTHER, NAN, NAN},
		{"a", EM_QUANTITY_OTHER, NAN, NAN},
		{"a.d_px", EM_QUANTITY_OTHER, NAN, NAN},
		{"a.d_px.2", EM_QUANTITY_ABSENT, NAN, NAN},
		{"a.d_px.99999999999999999999", EM_QUANTITY_ABSENT, NAN, NAN},
		{"a.d_px.x", EM_QUANTITY_ABSENT, NAN, NAN},
		{"a.x.y", EM_QUANTITY_ABSENT, NAN, NAN},
		{"a.none.y", EM_QUANTITY_ABSENT, NAN, NAN},
		{"b.x", EM_QUANTITY_ABSENT, NAN, NAN},
		{"to", EM_QUANTITY_ABSENT, NAN, NAN},
	};
	struct em_record r;

	(void)state;
	parse_record(&r, record);
	for (size_t i = 0; i < COUNT(known); i++) {
		struct em_quantity q;
		double v = 0, u = 0;

		assert_int_equal(em_quantity_parse(&q, known[i].path, strlen(known[i].path), NULL), 0);
		assert_int_equal(em_quantity_read(&q, &r, &v, &u), known[i].found);
		assert_true(isnan(known[i].v) ? isnan(v) : v == known[i].v);
		assert_true(isnan(known[i].u) ? isnan(u) : u == known[i].u);
		em_quantity_release(&q);
	}
	em_record_release(&r);
}

static void paths_that_are_none(void **state)
{
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "=x", "a.=x"};
	struct em_quantity q;
	char deep[200] = "a";

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct em_error err = {0};

		assert_int_equal(em_quantity_parse(&q, bad[i], strlen(bad[i]), &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
	}
	for (int i = 1; i < 65; i++)
		strcat(deep, ".a");
	assert_int_equal(em_quantity_parse(&q, deep, strlen(deep), NULL), -1);
	assert_int_equal(em_quantity_parse(&q, deep, strlen(deep) - 2, NULL), 0);
	em_quantity_release(&q);
}

/* `paths` and `names` parted by blanks. */
static void assert_names(const char *paths, const char *names, const char *what)
{
	struct em_quantity q[8] = {{0}};
	char name[8][EM_QUANTITY_NAME], got[EM_QUANTITY_NAME], all[8 * EM_QUANTITY_NAME] = "";
	size_t n = 0, length;

	for (const char *p = paths; *p; p += length + (p[length] == ' ')) {
		length = strcspn(p, " ");
		assert_int_equal(em_quantity_parse(&q[n++], p, length, NULL), 0);
	}
	em_quantity_names(q, n, name, got);
	for (size_t i = 0; i < n; i++) {
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? "|" : "", name[i]);
		em_quantity_release(&q[i]);
	}
	assert_string_equal(all, names);
	assert_string_equal(got, what);
}

static void assert_name(const char *path, const char *name, const char *units)
{
	struct em_quantity q;
	char got[EM_QUANTITY_NAME];

	assert_int_equal(em_quantity_parse(&q, path, strlen(path), NULL), 0);
	em_quantity_name(&q, got);
	assert_string_equal(got, name);
	assert_string_equal(q.units, units);
	em_quantity_release(&q);
}

static void names_of_quantities(void **state)
{
	(void)state;
	assert_name("crystal.phases.film.fraction", "film fraction", "");
	assert_name("crystal.time_s", "time", "s");
	assert_name("p", "p", "");
	assert_name("class.p", "p", "");
	assert_name("crystal.drift_px.1", "drift[1]", "px");
	assert_name("a.b.mean_power.0.12", "b mean power[0][12]", "");
	assert_name("stage.alpha_deg", "alpha", "°");
	assert_name("a.k_per_nm", "k", "nm⁻¹");
	assert_name("a.px", "px", ""); /* a name that is nothing but an ending */
	assert_name("a.b_nm=lattice of the film", "lattice of the film", "nm");
	assert_name("a.b=", "b", "");

	assert_names("c.phases.film.fraction c.phases.bulk.fraction", "film|bulk", "fraction");
	assert_names("c.film.fraction c.film.relative", "fraction|relative", "");
	assert_names("c.drift_px.0 c.drift_px.1", "drift[0]|drift[1]", "drift");
	assert_names("c.time_s c.d_nm c.e_nm", "time (s)|d (nm)|e (nm)", "");
	assert_names("c.a.x=first c.b.x", "first|b", "x");
	assert_names("a.a a.a.a", "a|a a", "a");
	assert_names("x", "x", "x");
}

/* ---- axes.h ---- */

static void assert_range(double lo, double hi, double margin, double from, double to)
{
	struct em_axis_range axis = {0};

	em_axis_range_of(&axis, lo, hi, margin);
	assert_true(fabs(axis.lo - from) <= 1e-12 * fmax(1, fabs(from)));
	assert_true(fabs(axis.hi - to) <= 1e-12 * fmax(1, fabs(to)));
	assert_true(axis.lo < axis.hi);
}

static void ranges_and_places(void **state)
{
	struct em_canvas *c = em_canvas_new(EM_CANVAS_PNG, NULL);
	struct em_axes axes = {.x = {.lo = 10, .hi = 20, .what = "", .units = ""},
	                       .y = {.lo = -1, .hi = 3, .what = "y", .units = ""}};

	(void)state;
	assert_range(1, 3, 0.05, 0.9, 3.1);
	assert_range(0, 2, 0.05, 0, 2.1);    /* nothing below 0: no room below it */
	assert_range(0.01, 1, 0.05, 0, 1.0495);
	assert_range(-1, 1, 0.05, -1.1, 1.1);
	assert_range(7, 7, 0.05, 6.65, 7.35);
	assert_range(-7, -7, 0.05, -7.35, -6.65);
	assert_range(0, 0, 0.05, -1, 1);
	assert_range(1, nextafter(1, 2), 0.05, 0.95, 1.05);
	assert_range(-1e100, 1e100, 0.05, -1.1e100, 1.1e100);
	assert_non_null(c);
	em_axes_layout(&axes, c, 800, 30);
	assert_true(axes.plane.w == 800 && axes.plane.h == 480 && axes.plane.y == 30);
	assert_true(em_axes_x(&axes, 10) == axes.plane.x && em_axes_x(&axes, 20) == axes.plane.x + 800);
	assert_true(em_axes_x(&axes, 15) == axes.plane.x + 400);
	assert_true(em_axes_y(&axes, -1) == 30 + 480 && em_axes_y(&axes, 3) == 30 && em_axes_y(&axes, 0) == 390);
	assert_true(em_axes_x(&axes, 1e308) == axes.plane.x + 3200 && em_axes_y(&axes, -1e308) == 30 + 4 * 480);
	assert_true(axes.plane.x + 800 < axes.width && 510 + 2 * axes.text < axes.height);
	axes.x = (struct em_axis_range){.lo = 0.9, .hi = 3.1, .whole = true, .what = "sample", .units = ""};
	em_axes_layout(&axes, c, 800, 30);
	assert_int_equal(axes.x.ticks.n, 3); /* no halves */
	assert_string_equal(axes.x.ticks.label[0], "1");
	assert_string_equal(axes.x.ticks.label[2], "3");
	em_canvas_free(c);
}

/* ---- spots.h ---- */

static void spots_of_records(void **state)
{
	struct em_mark spot = {.d_nm = 0.39};
	struct em_marks spots;
	struct em_record r;
	char label[40];

	(void)state;
	parse_record(&r, "{\"bragg\":{\"phases\":[{\"name\":\"film\",\"spots\":[{\"y\":-0.3,\"x\":0.4,\"d_nm\":0.2},"
	                 "{\"y\":0.1,\"x\":0.51},{\"y\":0,\"x\":0},{\"y\":\"1\",\"x\":0},3]},{\"spots\":[{\"y\":0.1,"
	                 "\"x\":0,\"d_nm\":-1}]},{\"name\":\"empty\"}]}}");
	assert_int_equal(em_marks_read(&spots, &r, NULL), 0);
	assert_int_equal(spots.n, 2);
	assert_int_equal(spots.phases, 3);
	assert_string_equal(spots.phase[0].name, "film");
	assert_true(spots.phase[0].spots == 1 && spots.phase[1].spots == 1 && spots.phase[2].spots == 0);
	assert_true(spots.v[0].d_nm == 0.2 && spots.v[1].d_nm == 0 && spots.v[1].phase == 1);
	assert_true(fabs(em_marks_farthest(&spots) - 0.5) < 1e-12);
	em_marks_release(&spots);
	em_record_release(&r);

	em_mark_label(&spot, label, sizeof(label));
	assert_string_equal(label, "0.390 nm");
	spot.d_nm = 12.3456;
	em_mark_label(&spot, label, sizeof(label));
	assert_string_equal(label, "12.3 nm");
	spot.d_nm = 1234;
	em_mark_label(&spot, label, sizeof(label));
	assert_string_equal(label, "1234 nm");
	spot = (struct em_mark){.y = 0.03, .x = -0.04};
	em_mark_label(&spot, label, sizeof(label));
	assert_string_equal(label, "0.0500 px⁻¹");
}

/* A record with more spots and phases than can be drawn: all counted, no more kept. */
static void endless_spots(void **state)
{
	struct em_text text = {0};
	struct em_marks spots;
	struct em_record r;

	(void)state;
	em_text_append(&text, "{\"bragg\":{\"phases\":[");
	for (int p = 0; p < 40; p++) {
		em_text_printf(&text, "%s{\"name\":\"a name of a phase that is longer than anyone wants to read, "
		                      "%d\",\"spots\":[", p ? "," : "", p);
		for (int i = 0; i < 60; i++)
			em_text_printf(&text, "%s{\"y\":0.1,\"x\":0.1}", i ? "," : "");
		em_text_append(&text, "]}");
	}
	em_text_append(&text, "]}}");
	parse_record(&r, em_text_get(&text));
	assert_int_equal(em_marks_read(&spots, &r, NULL), 0);
	assert_int_equal(spots.n, EM_SPOTS_MAX);
	assert_int_equal(spots.phases, EM_SPOTS_PHASES_MAX);
	assert_int_equal(spots.phase[20].spots, 60);
	em_marks_release(&spots);
	em_record_release(&r);
	em_text_release(&text);
}

static void frequency_axes(void **state)
{
	struct em_axis axis = {0}, f;

	(void)state;
	em_axis_set(&axis, "x", -0.02, 5, "nm");
	em_marks_frequency_axis(&f, &axis, 500);
	assert_true(fabs(f.scale - 0.1) < 1e-12);
	assert_string_equal(f.units, "1/nm");
	em_axis_set(&axis, "x", 1, 0, "");
	em_marks_frequency_axis(&f, &axis, 500);
	assert_true(fabs(f.scale - 0.002) < 1e-12);
	assert_string_equal(f.units, "px⁻¹");
}

/* ---- sheet.h, scale.h ---- */

static void sheets(void **state)
{
	static const struct {
		size_t n;
		double h, w;
		size_t columns;
	} known[] = {{1, 1, 1, 1}, {2, 1, 1, 2}, {3, 1, 1, 3}, {4, 1, 1, 2}, {6, 1, 1, 3}, {12, 1, 1, 4}, {8, 1, 1, 4},
	             {3, 200, 320, 3}, {12, 200, 320, 4}, {12, 320, 200, 6}, {2, 1, 20, 1}};
	static const struct {
		double times[3], unit;
		int decimals;
	} times[] = {{{0, 40, 80}, 1, 0}, {{0, 40, 80}, 60, 1},  {{0, 0.5, 1}, 1, 1}, {{0, 1800, 3600}, 3600, 1},
	             {{7, 7, 7}, 1, 0},   {{0, 1e-9, 2}, 1, 4}, {{0.25, 0.5, 0.75}, 1, 2}, {{1.26, 20, 40}, 1, 1}};
	const char *units;

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++)
		assert_int_equal(em_sheet_columns(known[i].n, known[i].h, known[i].w), known[i].columns);
	for (size_t i = 0; i < COUNT(times); i++) {
		struct em_tile tile[3] = {{.time = times[i].times[0]}, {.time = times[i].times[1]},
		                          {.time = times[i].times[2]}};
		const struct em_tile *all[3] = {&tile[0], &tile[1], &tile[2]};
		struct em_sheet sheet = {.tile = all, .n = 3};

		assert_int_equal(em_sheet_decimals(&sheet, times[i].unit), times[i].decimals);
	}
	assert_true(em_scale_time(299, &units) == 1 && !strcmp(units, "s"));
	assert_true(em_scale_time(300, &units) == 60 && !strcmp(units, "min"));
	assert_true(em_scale_time(21600, &units) == 3600 && !strcmp(units, "h"));
}

static void tiles(void **state)
{
	struct em_sample s = {.key = (char *)"movie/000012"};
	struct em_tile tile;
	struct em_array a;

	(void)state;
	parse_record(&s.record, "{\"crystal\":{\"time_s\":480,\"phases\":{\"film\":{\"fraction\":0.8449},"
	                        "\"bulk\":{\"fraction\":null},\"odd\":{\"fraction\":1e300},\"b\":{\"fraction\":1}}}}");
	assert_int_equal(em_array_alloc_image(&a, EM_U8, 1000, 2000, NULL), 0);
	assert_int_equal(em_tile_init(&tile, &a, 0, 320, NULL), 0);
	assert_true(tile.picture.shape[0] == 160 && tile.picture.shape[1] == 320 && tile.src_w == 2000);
	assert_int_equal(em_tile_read(&tile, &s, NULL), 0);
	assert_true(tile.time == 480);
	assert_string_equal(tile.key, "000012");
	assert_string_equal(tile.fractions, "film 0.84, b 1.00");
	em_tile_release(&tile);
	em_array_release(&a);
	em_record_release(&s.record);
	assert_int_equal(em_array_alloc_image(&a, EM_U8, 1000, 1, NULL), 0);
	assert_int_equal(em_tile_init(&tile, &a, 0, 320, NULL), 0);
	assert_int_equal(tile.picture.shape[1], 1);
	em_tile_release(&tile);
	em_array_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_by_path),
		cmocka_unit_test(paths_that_are_none),
		cmocka_unit_test(names_of_quantities),
		cmocka_unit_test(ranges_and_places),
		cmocka_unit_test(spots_of_records),
		cmocka_unit_test(endless_spots),
		cmocka_unit_test(frequency_axes),
		cmocka_unit_test(sheets),
		cmocka_unit_test(tiles),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
