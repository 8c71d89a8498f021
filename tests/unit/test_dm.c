/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DigitalMicrograph: every type in both versions and both orders, axes, metadata; test_dm_lies.c has the rest. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dm_help.h"

static const uint16_t nm[] = {'n', 'm', 0}, um[] = {'u', 'm', 0}, ev[] = {'e', 'V', 0}, micro[] = {0xb5, 'm', 0},
                      reciprocal[] = {'1', '/', 'n', 'm', 0};

/* One frame of the file with this picture in it. */
static struct em_array read_one(struct style style, const struct picture *p)
{
	struct em_text file = make_dm(style, p, 1);
	struct em_error err = {0};
	struct em_array a = {0};
	struct frames f;

	if (frames_read(file.s, file.len, &f, &err))
		fail_msg("%s", err.text);
	assert_int_equal(f.count, 1);
	a = f.a[0];
	em_text_release(&file);
	return a;
}

static void expect_shape(const struct em_array *a, enum em_dtype dtype, int ndim, const size_t *shape)
{
	assert_int_equal(a->dtype, dtype);
	assert_int_equal(a->ndim, ndim);
	for (int i = 0; i < ndim; i++)
		assert_int_equal(a->shape[i], shape[i]);
}

static void expect_axis(const struct em_axis *axis, const char *name, double scale, double offset, const char *units)
{
	assert_string_equal(axis->name, name);
	assert_string_equal(axis->units, units);
	assert_true(axis->scale == scale && axis->offset == offset);
}

static void each_type_comes_back(void **state)
{
	static const struct {
		unsigned type, element;
		bool pairs;
		enum em_dtype dtype;
	} types[] = {
		{1, EM_DM_I16, false, EM_I16},   {2, EM_DM_F32, false, EM_F32},  {3, EM_DM_F32, true, EM_C64},
		{6, EM_DM_U8, false, EM_U8},     {7, EM_DM_I32, false, EM_I32},  {9, EM_DM_I8, false, EM_I8},
		{10, EM_DM_U16, false, EM_U16},  {11, EM_DM_U32, false, EM_U32}, {12, EM_DM_F64, false, EM_F64},
		{13, EM_DM_F64, true, EM_C128},  {39, EM_DM_I64, false, EM_I64}, {40, EM_DM_U64, false, EM_U64},
	};

	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++)
		for (size_t i = 0; i < COUNT(types); i++) {
			struct em_array want = picture(types[i].dtype, 2, 3, (unsigned)i + 1), got;
			struct picture p = {.type = types[i].type, .element = types[i].element, .pairs = types[i].pairs,
			                    .dim = {3, 2}, .values = want.data, .bytes = em_array_bytes(&want)};

			got = read_one(styles[s], &p);
			assert_true(same_array(&got, &want));
			em_array_release(&got);
			em_array_release(&want);
		}
}

static void bool_is_0_and_1(void **state)
{
	const struct picture p = {.type = 14, .element = EM_DM_BOOL, .dim = {4}, .values = "\0\1\7\0", .bytes = 4};
	struct em_array a;

	(void)state;
	a = read_one(styles[0], &p);
	expect_shape(&a, EM_U8, 1, (const size_t[]){4});
	assert_memory_equal(a.data, "\0\1\1\0", 4);
	em_array_release(&a);
}

/* BT.601: red 76, green 150, blue 29 of 255; alpha counts for nothing. */
static void colour_becomes_grey(void **state)
{
	static const uint32_t argb[] = {0x00ff0000, 0xff00ff00, 0x120000ff, 0x00ffffff};

	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++)
		for (unsigned type = 8; type <= 23; type += 15) {
			const struct picture p = {.type = type, .element = EM_DM_I32, .dim = {2, 2}, .values = argb,
			                          .bytes = 16};
			struct em_array a = read_one(styles[s], &p);

			expect_shape(&a, EM_U8, 2, (const size_t[]){2, 2});
			assert_memory_equal(a.data, "\x4c\x96\x1d\xff", 4);
			em_array_release(&a);
		}
}

/* The transform of a real picture by its definition, its middle at (ny / 2, nx / 2). */
static double complex transform(const double *real, int nx, int ny, int x, int y)
{
	double complex sum = 0;

	for (int v = 0; v < ny; v++)
		for (int u = 0; u < nx; u++)
			sum += real[v * nx + u] *
			       cexp(-2 * M_PI * I *
			            ((double)(u * (x - nx / 2)) / nx + (double)(v * (y - ny / 2)) / ny));
	return sum;
}

/* Only kx = 0, -1, .. -nx/2 are in the file; all of them come out. */
static void packed_transforms_unfold(void **state)
{
	static const int sizes[][2] = {{4, 4}, {5, 5}, {5, 4}, {6, 3}, {2, 2}, {1, 1}};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes) * COUNT(styles); i++) {
		int nx = sizes[i / COUNT(styles)][0], ny = sizes[i / COUNT(styles)][1], stored = nx / 2 + 1;
		double complex half[5 * 4];
		double real[25];
		struct em_array a;
		struct picture p = {.type = 28, .element = EM_DM_F64, .values = half,
		                    .bytes = sizeof(*half) * (size_t)(ny * stored)};

		for (int k = 0; k < nx * ny; k++)
			real[k] = (k * k * 7 + 3) % 11;
		for (int y = 0; y < ny; y++)
			for (int j = 0; j < stored; j++)
				half[y * stored + j] = transform(real, nx, ny, nx / 2 - j, y);
		p.dim[0] = (uint32_t)nx;
		p.dim[1] = (uint32_t)ny;
		a = read_one(styles[i % COUNT(styles)], &p);
		expect_shape(&a, EM_C128, 2, (const size_t[]){(size_t)ny, (size_t)nx});
		for (int y = 0; y < ny; y++)
			for (int x = 0; x < nx; x++)
				assert_true(cabs(((double complex *)a.data)[y * nx + x] -
				                 transform(real, nx, ny, x, y)) < 1e-9);
		em_array_release(&a);
	}
}

/* A spectrum image lies in the file one energy after the other; each value tells its place. */
static void spectra_have_energy_last(void **state)
{
	float values[4 * 3 * 2];
	const struct picture p = {.type = 2, .element = EM_DM_F32, .dim = {2, 3, 4}, .values = values,
	                          .bytes = sizeof(values),
	                          .axis = {{-2, 0.5, nm}, {0, 0.25, nm}, {-100, 2, ev}}, .axes = 3};

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++)
		values[i] = (float)(i / 6 * 100 + i / 2 % 3 * 10 + i % 2);
	for (size_t s = 0; s < COUNT(styles); s++) {
		struct em_array a = read_one(styles[s], &p);

		expect_shape(&a, EM_F32, 3, (const size_t[]){3, 2, 4});
		for (size_t i = 0; i < COUNT(values); i++)
			assert_true(((float *)a.data)[i] == (float)(i % 4 * 100 + i / 8 * 10 + i / 4 % 2));
		expect_axis(&a.axis[0], "y", 0.25, 0, "nm");
		expect_axis(&a.axis[1], "x", 0.5, 1, "nm");
		expect_axis(&a.axis[2], "energy", 2, 200, "eV");
		em_array_release(&a);
	}
}

/* Energy may be any dimension: here the middle one of a stack of lines, [y, E, n]. */
static void energy_in_the_middle(void **state)
{
	unsigned char values[2 * 3 * 2];
	const struct picture p = {.type = 6, .element = EM_DM_U8, .dim = {2, 3, 2}, .values = values,
	                          .bytes = sizeof(values),
	                          .axis = {{0, 1, nm}, {0, 2, ev}}, .axes = 2};
	struct em_array a;

	(void)state;
	for (size_t i = 0; i < sizeof(values); i++)
		values[i] = (unsigned char)i;
	a = read_one(styles[0], &p);
	expect_shape(&a, EM_U8, 3, (const size_t[]){2, 2, 3});
	assert_memory_equal(a.data, "\0\2\4\1\3\5\6\x8\xa\7\x9\xb", 12);
	em_array_release(&a);
}

static void lines_and_lone_spectra(void **state)
{
	static const short values[] = {1, 2, 3, 4, 5, 6};
	struct picture p = {.type = 1, .element = EM_DM_I16, .dim = {3, 2}, .values = values, .bytes = 12,
	                    .axis = {{0, 1, ev}, {0, 3, nm}}, .axes = 2};
	struct em_array a;

	(void)state;
	a = read_one(styles[0], &p);
	expect_shape(&a, EM_I16, 2, (const size_t[]){2, 3});
	expect_axis(&a.axis[1], "energy", 1, 0, "eV");
	expect_axis(&a.axis[0], "x", 3, 0, "nm");
	em_array_release(&a);
	p.dim[0] = 6;
	p.dim[1] = 1;
	a = read_one(styles[0], &p);
	expect_shape(&a, EM_I16, 1, (const size_t[]){6});
	expect_axis(&a.axis[0], "energy", 1, 0, "eV");
	em_array_release(&a);
	/* Light has no unit of energy: the metadata tell. */
	p.axis[0].units = nm;
	p.format = "Spectrum";
	p.signal = "CL";
	a = read_one(styles[0], &p);
	expect_shape(&a, EM_I16, 1, (const size_t[]){6});
	expect_axis(&a.axis[0], "wavelength", 1, 0, "nm");
	em_array_release(&a);
	/* A map of one pixel is still a map. */
	p.format = "Spectrum image";
	a = read_one(styles[0], &p);
	expect_shape(&a, EM_I16, 2, (const size_t[]){1, 6});
	em_array_release(&a);
	/* And without any of this it is a picture. */
	p.format = NULL;
	a = read_one(styles[0], &p);
	expect_shape(&a, EM_I16, 2, (const size_t[]){1, 6});
	expect_axis(&a.axis[1], "x", 1, 0, "nm");
	em_array_release(&a);
}

static void calibrations(void **state)
{
	static const uint16_t longer[] = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j',
	                                  'k', 'l', 'm', 'n', 0xb5, 0};
	struct picture p = {.type = 6, .element = EM_DM_U8, .dim = {2, 1}, .values = "ab", .bytes = 2,
	                    .axis = {{43, 0.5, um}, {-3, 0.1, reciprocal}}, .axes = 2};
	struct em_array a;

	(void)state;
	a = read_one(styles[0], &p);
	expect_axis(&a.axis[1], "x", 0.5, -21.5, "\xc2\xb5m");
	expect_axis(&a.axis[0], "y", 0.1, 3 * 0.1, "1/nm");
	em_array_release(&a);
	/* Fewer calibrations than dimensions; a unit cut, but not within a character; a scale of nothing. */
	p.axes = 1;
	p.axis[0].units = micro;
	a = read_one(styles[1], &p);
	expect_axis(&a.axis[1], "x", 0.5, -21.5, "\xc2\xb5m");
	expect_axis(&a.axis[0], "y", 1, 0, "");
	em_array_release(&a);
	p.axis[0].units = longer;
	a = read_one(styles[2], &p);
	expect_axis(&a.axis[1], "x", 0.5, -21.5, "abcdefghijklmn");
	em_array_release(&a);
	p.axis[0].scale = 0;
	a = read_one(styles[3], &p);
	expect_axis(&a.axis[1], "x", 1, 0, "");
	em_array_release(&a);
	p.axis[0].scale = NAN;
	a = read_one(styles[3], &p);
	expect_axis(&a.axis[1], "x", 1, 0, "");
	em_array_release(&a);
}

static void metadata(void **state)
{
	const struct picture p = {.type = 6, .element = EM_DM_U8, .dim = {1, 1}, .values = "a", .bytes = 1,
	                          .tags = put_tags};

	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++) {
		struct opened o = open_dm(styles[s], &p, 1);

		expect_meta(&o, 0, "{\"title\":\"a title\",\"stage\":{\"x_um\":-461.276,\"a_deg\":24.5},"
		                   "\"microscope\":{\"instrument\":\"A \\\"Titan\\\"\",\"mode\":\"SCANNING\","
		                   "\"beam_kev\":200,\"magnification\":225000,\"camera_length_mm\":135},"
		                   "\"acquisition\":{\"date\":\"2016-08-27T19:52:30Z\",\"detector\":\"DigiScan\","
		                   "\"dwell_s\":3.5e-06}}");
		close_dm(&o);
	}
}

static const char *date_text, *time_text;

static void put_date(struct group *tags)
{
	struct group bar = {.style = tags->style};

	put_string(&bar, "Acquisition Date", date_text);
	put_string(&bar, "Acquisition Time", time_text);
	put_group(tags, "DataBar", &bar);
}

static void put_epoch(struct group *tags)
{
	struct group acquisition = {.style = tags->style}, frame = acquisition, sequence = acquisition;

	put_f64(&sequence, "Acquisition Start Time (epoch)", 1404924994906);
	put_group(&frame, "Sequence", &sequence);
	put_group(&acquisition, "Frame", &frame);
	put_group(tags, "Acquisition", &acquisition);
}

/* Each country's spelling; the order of day and month where it can be known. */
static void dates(void **state)
{
	static const char *const cases[][3] = {
		{"14/05/2019", "20:50:13", "2019-05-14T20:50:13"}, {"12/14/2019", "3:14:24 PM", "2019-12-14T15:14:24"},
		{"10/26/2007, ", "12:05 AM", "2007-10-26T00:05:00"}, {"8/8/2016", "12:00:01 PM", "2016-08-08T12:00:01"},
		{"09/11/2020", "17:04:19", "09/11/2020 17:04:19"}, {"13/13/2019", "1:00:00", "13/13/2019 1:00:00"},
		{"14/05/2019", "25:00:00", "14/05/2019 25:00:00"}, {"14/05/2019", "13:00 PM", "14/05/2019 13:00 PM"},
		{"14.05.2019", "20:50:13", "14.05.2019 20:50:13"},
		{"14/05/2019", "1:00:00 CET", "14/05/2019 1:00:00 CET"},
	};
	struct picture p = {.type = 6, .element = EM_DM_U8, .dim = {1, 1}, .values = "a", .bytes = 1,
	                    .tags = put_date};
	struct opened o;
	char want[128];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		date_text = cases[i][0];
		time_text = cases[i][1];
		o = open_dm(styles[i % 4], &p, 1);
		snprintf(want, sizeof(want), "{\"title\":\"a title\",\"acquisition\":{\"date\":\"%s\"}}",
		         cases[i][2]);
		expect_meta(&o, 0, want);
		close_dm(&o);
	}
	p.tags = put_epoch;
	o = open_dm(styles[0], &p, 1);
	expect_meta(&o, 0, "{\"title\":\"a title\",\"acquisition\":{\"date\":\"2014-07-09T16:56:35Z\"}}");
	close_dm(&o);
}

/* A stack's planes are frames; data sets have names of their own as soon as there are two. */
static void stacks_and_sets(void **state)
{
	static const unsigned char values[] = {1, 2, 3, 4, 5, 6};
	const struct picture both[] = {
		{.type = 6, .element = EM_DM_U8, .dim = {2, 1, 3}, .values = values, .bytes = 6,
		 .axis = {{0, 1, nm}, {0, 1, nm}, {-2, 5, NULL}}, .axes = 3},
		{.type = 6, .element = EM_DM_U8, .dim = {2}, .values = values, .bytes = 2},
	};
	struct opened o = open_dm(styles[0], both, 1);

	(void)state;
	assert_int_equal(o.frames, 3);
	expect_place(&o, 2, "0/1 2/3");
	expect_meta(&o, 2, "{\"title\":\"a title\","
	                   "\"stack\":[{\"index\":2,\"size\":3,\"scale\":5,\"offset\":10,\"units\":\"\"}]}");
	close_dm(&o);
	o = open_dm(styles[3], both, 2);
	assert_int_equal(o.frames, 4);
	expect_place(&o, 1, "0/2 1/3");
	expect_place(&o, 3, "1/2 0/1");
	close_dm(&o);
	o = open_dm(styles[2], both + 1, 1);
	expect_place(&o, 0, "0/1 0/1");
	close_dm(&o);
	for (size_t s = 0; s < COUNT(styles); s++) {
		struct em_text file = make_dm(styles[s], both, 2);
		struct em_array want[4];

		for (size_t i = 0; i < 4; i++) {
			em_array_alloc(&want[i], EM_U8, i < 3 ? 2 : 1,
			               i < 3 ? (const size_t[]){1, 2} : (const size_t[]){2}, NULL);
			memcpy(want[i].data, values + 2 * (i % 3), 2);
		}
		expect_frames(file.s, file.len, want, 4);
		for (size_t i = 0; i < 4; i++)
			em_array_release(&want[i]);
		em_text_release(&file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_comes_back),
		cmocka_unit_test(bool_is_0_and_1),
		cmocka_unit_test(colour_becomes_grey),
		cmocka_unit_test(packed_transforms_unfold),
		cmocka_unit_test(spectra_have_energy_last),
		cmocka_unit_test(energy_in_the_middle),
		cmocka_unit_test(lines_and_lone_spectra),
		cmocka_unit_test(calibrations),
		cmocka_unit_test(metadata),
		cmocka_unit_test(dates),
		cmocka_unit_test(stacks_and_sets),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
