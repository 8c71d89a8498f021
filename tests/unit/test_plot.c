/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What figures are made of: numbers for people, colours, averages. */
#include "plot/color.h"
#include "plot/legend.h"
#include "plot/raster.h"
#include "plot/scale.h"

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

/* ---- scale.h ---- */

static void nice_numbers(void **state)
{
	static const struct {
		double x, floor, ceil;
	} known[] = {
		{1, 1, 1},          {1.99, 1, 2},       {2, 2, 2},          {4.9, 2, 5},         {5, 5, 5},
		{9.99, 5, 10},      {0.1, 0.1, 0.1},    {0.3, 0.2, 0.5},    {1e-9, 1e-9, 1e-9},  {7e-5, 5e-5, 1e-4},
		{123456, 1e5, 2e5}, {1e21, 1e21, 1e21}, {0.051, 0.05, 0.1}, {0.0199, 0.01, 0.02},
	};
	static const double none[] = {0, -1, NAN, INFINITY, -INFINITY};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		assert_true(em_scale_nice_floor(known[i].x) == known[i].floor);
		assert_true(em_scale_nice_ceil(known[i].x) == known[i].ceil);
	}
	for (size_t i = 0; i < COUNT(none); i++)
		assert_true(em_scale_nice_floor(none[i]) == 0 && em_scale_nice_ceil(none[i]) == 0);
}

static void assert_labels(double lo, double hi, size_t most, const char *expected, int exponent)
{
	struct em_ticks t;
	char got[400] = "";

	em_scale_ticks(&t, lo, hi, most);
	for (size_t i = 0; i < t.n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? " " : "", t.label[i]);
	assert_string_equal(got, expected);
	assert_int_equal(t.exponent, exponent);
}

static void ticks(void **state)
{
	(void)state;
	assert_labels(0, 10, 6, "0 2 4 6 8 10", 0);
	assert_labels(0, 10, 5, "0 5 10", 0);
	assert_labels(0.1, 0.9, 5, "0.2 0.4 0.6 0.8", 0);
	assert_labels(-1, 1, 5, "−1.0 −0.5 0.0 0.5 1.0", 0);
	assert_labels(0, 255, 8, "0 50 100 150 200 250", 0);
	assert_labels(0, 0.3, 4, "0.0 0.1 0.2 0.3", 0); /* 3 * 0.1 is a bit above 0.3 */
	assert_labels(9664, 65504, 4, "20000 40000 60000", 0);
	assert_labels(0, 4e6, 5, "0 1 2 3 4", 6);
	assert_labels(0, 2e5, 3, "0 100 200", 3);
	assert_labels(0, 2e-5, 3, "0 10 20", -6);
	assert_labels(1e9, 1e9 + 2, 3, "1.000000000 1.000000001 1.000000002", 9);
	assert_labels(3, 3, 5, "", 0);
	assert_labels(4, 3, 5, "", 0);
	assert_labels(NAN, 1, 5, "", 0);
	assert_labels(0, INFINITY, 5, "", 0);
	assert_labels(-1e308, 1e308, 5, "", 0);
	assert_labels(1, nextafter(1, 2), 5, "", 0);
}

/* Whatever the range: never more than asked for, within it, ascending, evenly spaced. */
static void ticks_of_any_range(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct em_ticks t;
		double a, b;
		size_t most = 2 + (size_t)i % 11;

		seed = seed * 1103515245U + 12345;
		a = ((double)(seed >> 8) / 8388608 - 1) * pow(10, (int)(seed >> 4 & 31) - 15);
		seed = seed * 1103515245U + 12345;
		b = a + (double)(1 + (seed >> 8)) / 16777216 * fabs(a) * pow(10, (int)(seed >> 4 & 7) - 4);
		em_scale_ticks(&t, a, b, most);
		assert_true(t.n <= most);
		for (size_t k = 0; k < t.n; k++) {
			assert_true(t.at[k] >= a && t.at[k] <= b);
			if (k)
				assert_true(fabs(t.at[k] - t.at[k - 1] - t.step) < 1e-6 * t.step + 1e-15 * fabs(b));
		}
		if (most >= 4) /* a finer step of the 1-2-5 ladder would give more than `most` */
			assert_true(t.n >= 1);
	}
}

static void powers(void **state)
{
	char buf[40];

	(void)state;
	em_scale_power(buf, sizeof(buf), 0);
	assert_string_equal(buf, "");
	em_scale_power(buf, sizeof(buf), 12);
	assert_string_equal(buf, "×10¹²");
	em_scale_power(buf, sizeof(buf), -9);
	assert_string_equal(buf, "×10⁻⁹");
}

static void scale_bars(void **state)
{
	static const struct {
		double scale;
		const char *units;
		size_t size;
		double pixels;
		const char *label;
	} known[] = {
		/* a quarter of the axis is at hand */
		{1, "", 512, 100, "100 px"},          {1, "", 3, 1, "1 px"},
		{0.0125, "nm", 3042, 400, "5 nm"},    {0.0125, "nm", 1600, 400, "5 nm"},
		{0.0001, "nm", 1000, 200, "20 pm"},   {0.001, "nm", 1000, 200, "2 Å"},
		{0.1, "A", 1000, 200, "2 nm"},        {19.53125, "nm", 512, 102.4, "2 µm"},
		{0.02, "um", 100, 25, "500 nm"},      {10, "µm", 1000, 200, "2 mm"},
		{0.5e-9, "m", 400, 100, "50 nm"},     {-0.02, "nm", 1000, 250, "5 nm"},
		{0.01, "1/nm", 2048, 500, "5 nm⁻¹"},  {0.001, "1/A", 2048, 500, "5 nm⁻¹"},
		{1, "1/nm", 1024, 200, "20 Å⁻¹"},     {1e-5, "nm^-1", 1000, 200, "2 µm⁻¹"},
		{0.02, "mrad", 1000, 250, "5 mrad"},  {1e-5, "rad", 400, 100, "1 mrad"},
		{0.1, "eV", 2048, 500, "50 eV"},      {2, "furlong", 100, 25, "50 furlong"},
		{0, "nm", 512, 100, "100 px"},        {NAN, "nm", 512, 100, "100 px"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		struct em_axis axis = {0};
		struct em_scale_bar bar;

		em_axis_set(&axis, "x", known[i].scale, 0, known[i].units);
		em_scale_bar_choose(&bar, &axis, known[i].size, 0.25);
		assert_string_equal(bar.label, known[i].label);
		assert_true(fabs(bar.pixels - known[i].pixels) < 1e-9 * known[i].pixels);
	}
}

/* ---- color.h ---- */

static double luminance(struct em_rgb c)
{
	const unsigned char v[3] = {c.r, c.g, c.b};
	const double share[3] = {0.2126, 0.7152, 0.0722};
	double y = 0;

	for (int i = 0; i < 3; i++)
		y += share[i] * (v[i] <= 10 ? v[i] / 255.0 / 12.92 : pow((v[i] / 255.0 + 0.055) / 1.055, 2.4));
	return y;
}

static void assert_color(struct em_rgb c, int r, int g, int b)
{
	assert_int_equal(c.r, r);
	assert_int_equal(c.g, g);
	assert_int_equal(c.b, b);
}

static void colors(void **state)
{
	static const char *const bad[] = {"", "#", "1b9e77", "#1b9e7", "#1b9e777", "#1b9e7g", "red", "# 12345"};
	struct em_rgb c = {1, 2, 3}, lut[256];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(em_color_parse(bad[i], &c), -1);
	assert_color(c, 1, 2, 3);
	assert_int_equal(em_color_parse("#1b9E77", &c), 0);
	assert_color(c, 27, 158, 119);
	assert_int_equal(em_color_parse("#f0a", &c), 0);
	assert_color(c, 255, 0, 170);
	assert_color(em_color_class(0), 0, 114, 178);
	assert_color(em_color_class(5), 213, 94, 0);
	/* 21 classes are 21 colours, none of them black or white */
	for (size_t i = 0; i < 21; i++) {
		struct em_rgb a = em_color_class(i);

		assert_true(luminance(a) > 0.005 && luminance(a) < 0.95);
		for (size_t k = 0; k < i; k++) {
			struct em_rgb b = em_color_class(k);

			assert_true(a.r != b.r || a.g != b.g || a.b != b.b);
		}
	}
	em_color_map(EM_COLORMAP_VIRIDIS, lut);
	assert_color(lut[0], 68, 1, 84);
	assert_color(lut[255], 253, 231, 37);
	em_color_map(EM_COLORMAP_GRAY, lut);
	assert_color(lut[100], 100, 100, 100);
}

/* A colour map must not fold brightness, and NaN must not look like a value. */
static void color_maps(void **state)
{
	(void)state;
	for (int map = 0; map < EM_COLORMAPS; map++) {
		struct em_rgb lut[256], nan = em_color_of_nan((enum em_colormap)map);

		em_color_map((enum em_colormap)map, lut);
		for (int i = 1; i < 256; i++)
			assert_true(luminance(lut[i]) > luminance(lut[i - 1]) - 1e-3);
		for (int i = 0; i < 256; i++)
			assert_true(abs(lut[i].r - nan.r) + abs(lut[i].g - nan.g) + abs(lut[i].b - nan.b) > 60);
	}
}

/* Between tint and bare pixel: bright stays brighter than dark, whatever the colour, so the lattice shows. */
static void tint_keeps_contrast(void **state)
{
	(void)state;
	for (size_t i = 0; i < 7; i++)
		for (int v = 0; v + 32 < 256; v += 8) {
			unsigned char d = (unsigned char)v, l = (unsigned char)(v + 32);
			struct em_rgb dark = {d, d, d}, bright = {l, l, l};
			double step = luminance(bright) - luminance(dark);
			struct em_rgb a = em_legend_tint(dark, em_color_class(i), 0.5);
			struct em_rgb b = em_legend_tint(bright, em_color_class(i), 0.5);

			assert_true(luminance(b) - luminance(a) > 0.25 * step);
		}
}

/* ---- raster.h ---- */

static void assert_fit(size_t h, size_t w, size_t width, size_t fit_h, size_t fit_w)
{
	size_t got_h = 0, got_w = 0;

	assert_int_equal(em_raster_fit(h, w, width, &got_h, &got_w, NULL), 0);
	assert_int_equal(got_h, fit_h);
	assert_int_equal(got_w, fit_w);
}

static void fits(void **state)
{
	struct em_error err = {0};
	size_t h = 7, w = 7;

	(void)state;
	assert_fit(3044, 3042, 0, 1600, 1599);
	assert_fit(700, 800, 0, 700, 800);
	assert_fit(512, 512, 0, 1024, 1024);
	assert_fit(1, 1, 0, 640, 640);
	assert_fit(4, 100000, 0, 1, 1600);
	assert_fit(3044, 3042, 1521, 1522, 1521);
	assert_int_equal(em_raster_fit(100000, 1, 100, &h, &w, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_raster_fit(0, 5, 0, &h, &w, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_true(h == 7 && w == 7);
}

static void fill_image(struct em_array *a, enum em_dtype dtype, size_t h, size_t w)
{
	assert_int_equal(em_array_alloc_image(a, dtype, h, w, NULL), 0);
	for (size_t i = 0; i < h * w; i++) {
		unsigned v = (unsigned)(i * 2654435761U >> 7) % 251;

		if (dtype == EM_U8)
			((uint8_t *)a->data)[i] = (uint8_t)v;
		else
			((float *)a->data)[i] = (float)v;
	}
}

/* The box filter from its definition: the mean of the picture over each output pixel's square. */
static double box_mean(const struct em_array *a, size_t out_h, size_t out_w, size_t y, size_t x)
{
	double sy = (double)a->shape[0] / (double)out_h, sx = (double)a->shape[1] / (double)out_w, sum = 0, all = 0;

	for (size_t i = 0; i < a->shape[0]; i++)
		for (size_t k = 0; k < a->shape[1]; k++) {
			double h = fmin((double)i + 1, (double)(y + 1) * sy) - fmax((double)i, (double)y * sy);
			double w = fmin((double)k + 1, (double)(x + 1) * sx) - fmax((double)k, (double)x * sx);

			if (h > 0 && w > 0) {
				sum += h * w * em_array_get(a, i * a->shape[1] + k);
				all += h * w;
			}
		}
	return sum / all;
}

static void assert_raster(const struct em_array *a, size_t h, size_t w, size_t piece)
{
	struct em_raster r;
	struct em_array mean;

	assert_int_equal(em_raster_init(&r, a->shape[0], a->shape[1], h, w, NULL), 0);
	for (size_t y = 0; y < a->shape[0]; y += piece)
		for (size_t x = 0; x < a->shape[1]; x += piece) {
			size_t ph = y + piece < a->shape[0] ? piece : a->shape[0] - y;
			size_t pw = x + piece < a->shape[1] ? piece : a->shape[1] - x;
			struct em_array part;

			assert_int_equal(em_array_alloc_image(&part, a->dtype, ph, pw, NULL), 0);
			for (size_t i = 0; i < ph; i++)
				memcpy((char *)part.data + i * pw * em_dtype_size(a->dtype),
				       (char *)a->data + ((y + i) * a->shape[1] + x) * em_dtype_size(a->dtype),
				       pw * em_dtype_size(a->dtype));
			assert_int_equal(em_raster_add(&r, &part, (ptrdiff_t)y, (ptrdiff_t)x, NULL), 0);
			em_array_release(&part);
		}
	assert_int_equal(em_raster_mean(&r, &mean, NULL), 0);
	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++)
			assert_true(fabs(((float *)mean.data)[y * w + x] - box_mean(a, h, w, y, x)) < 2e-3);
	em_array_release(&mean);
	em_raster_release(&r);
}

/* Down and up, whole factors and others, in one piece and in many that fall between output pixels. */
static void averages(void **state)
{
	static const size_t size[][2] = {{37, 53}, {12, 17}, {13, 20}, {1, 1}, {36, 1}, {74, 106}, {50, 90}};

	(void)state;
	for (int type = 0; type < 2; type++) {
		struct em_array a;

		fill_image(&a, type ? EM_F32 : EM_U8, 37, 53);
		for (size_t i = 0; i < COUNT(size); i++) {
			assert_raster(&a, size[i][0], size[i][1], 100);
			assert_raster(&a, size[i][0], size[i][1], 5);
		}
		em_array_release(&a);
	}
}

static void averages_of_odd_pieces(void **state)
{
	struct em_array a, mean;
	struct em_raster r;
	float *v;

	(void)state;
	assert_int_equal(em_raster_init(&r, 4, 4, 2, 2, NULL), 0);
	assert_int_equal(em_array_alloc_image(&a, EM_F32, 4, 4, NULL), 0);
	v = a.data;
	for (int i = 0; i < 16; i++)
		v[i] = 6;
	v[0] = NAN; /* has no weight */
	v[1] = INFINITY;
	v[4] = 9;
	/* half of it beyond the right edge, two rows above the top; twice over the same place: averaged */
	assert_int_equal(em_raster_add(&r, &a, -2, 2, NULL), 0);
	v[8] = v[9] = v[12] = v[13] = 8;
	assert_int_equal(em_raster_add(&r, &a, -2, 2, NULL), 0);
	assert_int_equal(em_raster_add(&r, &a, 100, 0, NULL), 0); /* beside the picture */
	assert_int_equal(em_raster_add(&r, &a, -4, 0, NULL), 0);
	assert_int_equal(em_raster_mean(&r, &mean, NULL), 0);
	v = mean.data;
	assert_true(isnan(v[0]) && isnan(v[2]) && isnan(v[3]));
	assert_true(fabsf(v[1] - 7) < 1e-6F);
	em_array_release(&mean);
	assert_int_equal(em_raster_add(&r, &a, 0, 0, NULL), 0);
	assert_int_equal(em_raster_mean(&r, &mean, NULL), 0);
	v = mean.data;
	assert_true(fabsf(v[0] - (9 + 6) / 2.0F) < 1e-6F); /* two of four pixels are numbers */
	em_array_release(&mean);
	em_array_release(&a);
	em_raster_release(&r);
}

static void pixels_of_values(void **state)
{
	struct em_rgb nan = {1, 2, 3};
	struct em_pixels p;
	struct em_array a;

	(void)state;
	assert_int_equal(em_array_alloc_image(&a, EM_F32, 1, 5, NULL), 0);
	memcpy(a.data, (float[5]){-5, 0, 50, 200, NAN}, sizeof(float[5]));
	assert_int_equal(em_pixels_from_values(&p, &a, 0, 100, EM_COLORMAP_GRAY, nan, NULL), 0);
	assert_int_equal(p.argb[0], 0xff000000);
	assert_int_equal(p.argb[1], 0xff000000);
	assert_int_equal(p.argb[2], 0xff808080); /* 127.5 */
	assert_int_equal(p.argb[3], 0xffffffff);
	assert_int_equal(p.argb[4], 0xff010203);
	em_pixels_release(&p);
	assert_int_equal(em_pixels_from_values(&p, &a, 50, 50, EM_COLORMAP_GRAY, nan, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(p.argb[i], 0xff7f7f7f);
	em_pixels_release(&p);
	em_array_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nice_numbers),
		cmocka_unit_test(ticks),
		cmocka_unit_test(ticks_of_any_range),
		cmocka_unit_test(powers),
		cmocka_unit_test(scale_bars),
		cmocka_unit_test(colors),
		cmocka_unit_test(color_maps),
		cmocka_unit_test(tint_keeps_contrast),
		cmocka_unit_test(fits),
		cmocka_unit_test(averages),
		cmocka_unit_test(averages_of_odd_pieces),
		cmocka_unit_test(pixels_of_values),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
