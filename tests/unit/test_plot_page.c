/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where figures put things, and what they read from records: layout, legend, classes, the overlay's pixels. */
#include "plot/chips.h"
#include "plot/legend.h"
#include "plot/overlay.h"
#include "plot/page.h"
#include "plot/plot.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void assert_color(struct em_rgb c, int r, int g, int b)
{
	assert_int_equal(c.r, r);
	assert_int_equal(c.g, g);
	assert_int_equal(c.b, b);
}

/* ---- page.h, legend.h: everything within the page, nothing over anything else ---- */

static void assert_within(const struct em_page *page, struct em_box box)
{
	if (box.w <= 0)
		return;
	assert_true(box.x >= page->gap && box.y >= page->gap);
	assert_true(box.x + box.w <= page->width - page->gap && box.y + box.h <= page->height - page->gap);
	assert_true(floor(box.x) == box.x && floor(box.y) == box.y);
}

static void assert_apart(struct em_box a, struct em_box b)
{
	if (a.w > 0 && b.w > 0)
		assert_true(a.x + a.w < b.x || b.x + b.w < a.x || a.y + a.h < b.y || b.y + b.h < a.y);
}

static void layouts(void **state)
{
	static const double size[][2] = {{1600, 1600}, {1, 1600}, {1600, 1}, {640, 640}, {50, 20}};
	static const enum em_plot_side sides[] = {EM_PLOT_RIGHT, EM_PLOT_BELOW, EM_PLOT_NONE};

	(void)state;
	for (size_t i = 0; i < COUNT(size); i++)
		for (size_t k = 0; k < 2 * COUNT(sides); k++) {
			struct em_page p;

			em_page_layout(&p, size[i][0], size[i][1], k % 2, 200.5, 333.3, sides[k / 2]);
			assert_true(p.picture.w == size[i][0] && p.picture.h == size[i][1]);
			assert_true((p.title.w > 0) == (k % 2 == 1));
			assert_true((p.side.w > 0) == (sides[k / 2] != EM_PLOT_NONE));
			assert_within(&p, p.title);
			assert_within(&p, p.picture);
			assert_within(&p, p.side);
			assert_apart(p.title, p.picture);
			assert_apart(p.title, p.side);
			assert_apart(p.picture, p.side);
			assert_true(p.text >= 12);
		}
}

static void add_class(struct em_classes *classes, const char *name, size_t chips)
{
	classes->v = realloc(classes->v, (classes->n + 1) * sizeof(*classes->v));
	assert_non_null(classes->v);
	classes->v[classes->n++] = (struct em_class){.name = strdup(name), .chips = chips, .area = (double)chips * 9,
	                                             .unknown = !strcmp(name, "unknown")};
	classes->chips += chips;
	classes->area += (double)chips * 9;
}

static void legends(void **state)
{
	struct em_canvas *c = em_canvas_new(EM_CANVAS_PNG, NULL);
	struct em_classes classes = {0};
	double right_h;

	(void)state;
	assert_non_null(c);
	for (int n = 1; n <= 7; n++) {
		struct em_legend l = {.classes = &classes, .probability = true};
		char name[200];

		snprintf(name, sizeof(name), "%*d", n == 7 ? 150 : 1, n); /* the last one is far too long */
		add_class(&classes, name, (size_t)n * 1000);
		em_legend_measure(&l, c, 1600, 900);
		right_h = l.h;
		assert_true(l.w < 1600 && l.w > l.name_w + l.count_w + l.percent_w);
		assert_true(l.h > n * l.row && l.key_y + 2 * l.row < l.h);
		l.side = EM_PLOT_BELOW;
		em_legend_measure(&l, c, 1600, 900);
		assert_true(l.w <= 1600 && l.h <= right_h && l.columns <= (size_t)n);
		em_legend_measure(&l, c, 10, 10); /* narrower than one entry */
		assert_int_equal(l.columns, 1);
		l.side = EM_PLOT_NONE;
		em_legend_measure(&l, c, 1600, 900);
		assert_true(l.w == 0 && l.h == 0);
	}
	em_classes_release(&classes);
	em_canvas_free(c);
}

static void shortened_text(void **state)
{
	struct em_canvas *c = em_canvas_new(EM_CANVAS_PNG, NULL);
	char buf[64], tiny[8];

	(void)state;
	assert_non_null(c);
	em_canvas_shorten(c, 20, false, "short", 1000, buf, sizeof(buf));
	assert_string_equal(buf, "short");
	em_canvas_shorten(c, 20, false, "a name that is longer", 100, buf, sizeof(buf));
	assert_true(em_canvas_measure(c, 20, false, buf) <= 100);
	assert_true(strlen(buf) > 6 && !strcmp(buf + strlen(buf) - 3, "…") && !strncmp(buf, "a name", 6));
	em_canvas_shorten(c, 20, false, "ÄÖÜäöüÄÖÜ", 1000, tiny, sizeof(tiny)); /* by bytes, between characters */
	assert_string_equal(tiny, "ÄÖ…");
	em_canvas_shorten(c, 20, false, "nothing fits", 0, buf, sizeof(buf));
	assert_string_equal(buf, "…");
	em_canvas_shorten(c, 20, false, "not \xff UTF-8", 1000, buf, sizeof(buf));
	assert_string_equal(buf, "not ? UTF-8");
	em_canvas_free(c);
}

/* ---- chips.h, overlay.h ---- */

static void take(struct em_classes *classes, struct em_chip *chip, int expected, const char *json)
{
	struct em_sample s = {.key = (char *)"k"};
	struct em_error err = {0};

	assert_int_equal(em_record_parse(&s.record, json, strlen(json), NULL), 0);
	assert_int_equal(em_chip_read(chip, classes, &s, &err), expected);
	if (expected < 0)
		assert_int_equal(err.kind, EM_ERROR_DATA);
	em_record_release(&s.record);
}

static void records(void **state)
{
	static const char *const bad[] = {
		"{\"class\":{}}",
		"{\"class\":{\"label\":\"\"}}",
		"{\"class\":{\"label\":7}}",
		"{\"class\":{\"label\":\"a\",\"p\":1.5}}",
		"{\"class\":{\"label\":\"a\",\"p\":-1}}",
		"{\"class\":{\"label\":\"a\"},\"chip\":{}}",
		"{\"class\":{\"label\":\"a\"},\"chip\":{\"row\":0,\"col\":0,\"box\":[0,0,1]}}",
		"{\"class\":{\"label\":\"a\"},\"chip\":{\"row\":-1,\"col\":0,\"box\":[0,0,1,1]}}",
		"{\"class\":{\"label\":\"a\"},\"chip\":{\"row\":0,\"col\":1e300,\"box\":[0,0,1,1]}}",
		"{\"class\":{\"label\":\"a\"},\"chip\":{\"row\":0,\"col\":0,\"box\":[0,0.5,1,1]}}",
		"{\"class\":{\"label\":\"a\"},\"chip\":{\"row\":0,\"col\":0,\"box\":[0,0,0,1]}}",
		"{\"class\":{\"label\":\"a\"},\"chip\":{\"row\":0,\"col\":0,\"box\":[0,0,1,1],\"image\":[-4,1e99]}}",
	};
	struct em_classes classes = {0};
	struct em_chip chip = {.row = 77};
	struct em_text text = {0};
	size_t rank[EM_CLASSES_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		take(&classes, &chip, -1, bad[i]);
	take(&classes, &chip, 0, "{\"label\":\"a\"}");
	assert_true(chip.row == 77 && classes.chips == 0);
	em_classes_release(&classes);

	take(&classes, &chip, 1, "{\"class\":{\"label\":\"Ge\",\"p\":0.25,\"scores\":{\"STO\":-1,\"Ge\":-2,\"Pt\":0}},"
	                         "\"chip\":{\"row\":3,\"col\":12,\"box\":[-5,1140,95,90],\"image\":[3044,3042]}}");
	assert_true(chip.row == 3 && chip.col == 12 && chip.y == -5 && chip.x == 1140 && chip.h == 95 && chip.w == 90);
	assert_true(chip.placed && chip.has_p && chip.p == 0.25 && chip.picture_h == 3044 && chip.picture_w == 3042);
	take(&classes, &chip, 1, "{\"class\":{\"label\":\"unknown\"},\"image\":{\"shape\":[19,50]}}");
	assert_true(!chip.placed && !chip.has_p && chip.p == 1);
	take(&classes, &chip, 1, "{\"class\":{\"label\":\"Zr\"},\"chip\":{\"row\":0,\"col\":0,\"box\":[0,0,95,190]}}");
	assert_int_equal(classes.n, 5);
	assert_int_equal(em_classes_arrange(&classes, NULL, rank, NULL), 0);
	em_classes_describe(&classes, true, &text); /* Ge: 5 of 95 rows lie above the picture and do not count */
	assert_string_equal(em_text_get(&text),
	                    "class Ge: 1 chips, 29.9 % of the area; class Pt: 0 chips, 0.0 % of the area; "
	                    "class STO: 0 chips, 0.0 % of the area; class Zr: 1 chips, 66.6 % of the area; "
	                    "class unknown: 1 chips, 3.5 % of the area");
	assert_int_equal(rank[chip.class], 3); /* Zr */
	assert_true(fabs(em_class_share(&classes, 0, false) - 1 / 3.0) < 1e-12);
	em_text_release(&text);
	em_classes_release(&classes);
}

/* Numbers in names go by their value, names equal but for zeros stay apart, unknown is last. */
static void test_order(void **state)
{
	static const char *const given[] = {"unknown", "phase 10", "phase 2", "b", "phase 02", "phase 105", "phase 12a",
	                                    "phase", "phase 12"};
	static const char *const sorted[] = {"b", "phase", "phase 02", "phase 2", "phase 10", "phase 12", "phase 12a",
	                                     "phase 105", "unknown"};
	size_t rank[EM_CLASSES_MAX];
	struct em_classes classes = {0};
	struct em_chip chip;
	char text[100];

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		snprintf(text, sizeof(text), "{\"class\":{\"label\":\"%s\"}}", given[i]);
		take(&classes, &chip, 1, text);
	}
	assert_int_equal(em_classes_arrange(&classes, NULL, rank, NULL), 0);
	for (size_t i = 0; i < 9; i++)
		assert_string_equal(classes.v[i].name, sorted[i]);
	assert_int_equal(rank[1], 4);
	em_classes_release(&classes);
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* The file's colours; then the palette in order of names, but never a colour that the file has used. */
static void class_colors(void **state)
{
	char path[] = P_tmpdir "/test_plot_XXXXXX";
	struct em_classes classes = {0};
	struct em_error err = {0};
	size_t rank[EM_CLASSES_MAX];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	add_class(&classes, "unknown", 1);
	add_class(&classes, "zinc", 1);
	add_class(&classes, "b", 1);
	add_class(&classes, "a", 1);
	write_text(path, "{\"classes\":[{\"name\":\"zinc\",\"color\":\"#0072b2\"},"
	                 "{\"name\":\"other\",\"color\":\"#000\"}]}");
	assert_int_equal(em_classes_arrange(&classes, path, rank, &err), 0);
	assert_string_equal(classes.v[0].name, "a");
	assert_string_equal(classes.v[2].name, "zinc");
	assert_string_equal(classes.v[3].name, "unknown");
	assert_true(rank[0] == 3 && rank[1] == 2 && rank[2] == 1 && rank[3] == 0);
	assert_color(classes.v[2].color, 0, 114, 178);
	assert_color(classes.v[0].color, 230, 159, 0); /* the palette's first is zinc's */
	assert_color(classes.v[1].color, 0, 158, 115);
	assert_color(classes.v[3].color, 128, 128, 128);
	write_text(path, "{\"classes\":[{\"name\":\"zinc\",\"color\":\"blue\"}]}");
	assert_int_equal(em_classes_arrange(&classes, path, rank, &err), -1);
	assert_non_null(strstr(err.text, "blue"));
	write_text(path, "[1]");
	assert_int_equal(em_classes_arrange(&classes, path, rank, &err), -1);
	remove(path);
	assert_int_equal(em_classes_arrange(&classes, path, rank, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_IO);
	em_classes_release(&classes);
}

static void percents(void **state)
{
	char buf[16];

	(void)state;
	em_class_percent(buf, sizeof(buf), 0.369);
	assert_string_equal(buf, "36.9 %");
	em_class_percent(buf, sizeof(buf), 0);
	assert_string_equal(buf, "0.0 %");
	em_class_percent(buf, sizeof(buf), 1e-6);
	assert_string_equal(buf, "<0.1 %");
}

static uint32_t tinted(int gray, struct em_rgb c, double alpha)
{
	const double v[3] = {c.r, c.g, c.b};
	uint32_t out = 0xff;

	for (int i = 0; i < 3; i++)
		out = out << 8 | (uint32_t)lround((1 - alpha) * gray + alpha * v[i] * (0.6 + 0.4 * gray / 255));
	return out;
}

/* Two chips of 40 px that overlap by 10, a third class beside nothing: tints, outlines, what no chip covers. */
static void overlay_pixels(void **state)
{
	struct em_classes classes = {0};
	struct em_chip chips[] = {{.class = 0, .p = 1, .h = 40, .w = 40},
	                          {.class = 1, .p = 0.5, .col = 1, .x = 30, .h = 40, .w = 40}};
	struct em_overlay o = {.classes = &classes, .chips = chips, .n = 2, .src_h = 50, .src_w = 100, .alpha = 0.4,
	                       .line = 2};
	struct em_rgb gray = {90, 90, 90};
	struct em_error err = {0};
	struct em_pixels p;

	(void)state;
	add_class(&classes, "a", 1);
	add_class(&classes, "b", 1);
	classes.v[0].color = (struct em_rgb){255, 0, 0};
	classes.v[1].color = (struct em_rgb){0, 0, 255};
	assert_int_equal(em_pixels_init(&p, 100, 200, gray, NULL), 0); /* twice the picture */
	assert_int_equal(em_overlay_paint(&p, &o, NULL), 0);
	assert_int_equal(p.argb[20 * 200 + 20], tinted(90, classes.v[0].color, 0.4));
	assert_int_equal(p.argb[20 * 200 + 100], tinted(90, classes.v[1].color, 0.2));
	/* the overlap, 60..80, is parted at 70: outlines of two pixels on both sides */
	assert_int_equal(p.argb[20 * 200 + 67], tinted(90, classes.v[0].color, 0.4));
	assert_int_equal(p.argb[20 * 200 + 68], 0xffff0000);
	assert_int_equal(p.argb[20 * 200 + 69], 0xffff0000);
	assert_int_equal(p.argb[20 * 200 + 70], 0xff0000ff);
	assert_int_equal(p.argb[20 * 200 + 71], 0xff0000ff);
	assert_int_equal(p.argb[20 * 200 + 72], tinted(90, classes.v[1].color, 0.2));
	assert_int_equal(p.argb[0], 0xffff0000);
	assert_int_equal(p.argb[79 * 200 + 139], 0xff0000ff);
	assert_int_equal(p.argb[80 * 200 + 20], 0xff5a5a5a);  /* below all chips */
	assert_int_equal(p.argb[20 * 200 + 140], 0xff5a5a5a); /* right of them */
	chips[1].row = chips[1].col = (size_t)1 << 24;
	assert_int_equal(em_overlay_paint(&p, &o, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	em_pixels_release(&p);
	em_classes_release(&classes);
}

/* ---- plot.h ---- */

static void kinds_and_formats(void **state)
{
	struct em_plot_options opt = EM_PLOT_DEFAULTS;
	const struct em_plot_kind *kind;
	struct em_error err = {0};
	int format = 9;

	(void)state;
	for (size_t i = 0; (kind = em_plot_kind_at(i)); i++) {
		assert_ptr_equal(em_plot_kind_find(em_plot_kind_name(kind)), kind);
		assert_true(strlen(em_plot_kind_purpose(kind)) > 10);
	}
	assert_null(em_plot_kind_find("pie"));
	assert_int_equal(em_plot_format_of_name("a.b/c.PDF", &format), 0);
	assert_int_equal(format, EM_CANVAS_PDF);
	assert_int_equal(em_plot_format_of_name("svg", &format), -1);
	assert_int_equal(em_plot_format_of_name("a.svg.gz", &format), -1);
	opt.alpha = NAN;
	assert_null(em_plot_new(em_plot_kind_at(0), &opt, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts),
		cmocka_unit_test(legends),
		cmocka_unit_test(shortened_text),
		cmocka_unit_test(records),
		cmocka_unit_test(class_colors),
		cmocka_unit_test(percents),
		cmocka_unit_test(overlay_pixels),
		cmocka_unit_test(test_order),
		cmocka_unit_test(kinds_and_formats),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
