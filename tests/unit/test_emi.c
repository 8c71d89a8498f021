/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EMI: the series beside it, each with what is said of it; the same from the side of a SER. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include "io/emi.h"
#include "base/json.h"
#include <math.h>

#include "bytes_help.h"
#include "ser_help.h"
#include "emi_help.h"

static void check_stem(const struct em_meta *m)
{
	assert_string_equal(m->instrument, "Titan 300 kV");
	assert_string_equal(m->mode, "STEM nP SA Zoom Diffraction");
	assert_true(m->beam_kev == 80 && m->magnification == 13500000);
	assert_true(fabs(m->camera_length_mm - 116) < 1e-9 && fabs(m->defocus_nm + 2) < 1e-9);
	assert_true(m->x_um == -1.5 && m->y_um == 2.5 && m->z_um == 3.5 && m->a_deg == 15.61);
	assert_true(m->b_deg == 0 && !signbit(m->b_deg));
	assert_true(m->dwell_s == 0.000029 && m->exposure_s == 36.4904);
	assert_string_equal(m->detector, "");
	assert_string_equal(m->date, "2016-02-21T16:53:06Z"); /* the tag's, which knows its zone */
}

static void expect_first(struct opened *o, const struct series *s)
{
	struct em_array a, want = values_of(s, 0);
	struct em_meta m;

	read_well(o, 0, &a, &m);
	check_stem(&m);
	assert_true(same_array(&a, &want));
	em_array_release(&a);
	em_array_release(&want);
}

static void series_have_what_is_said_of_them(void **state)
{
	struct em_text emi = {0}, ser = {0};
	const char *of_emi, *of_ser;
	struct folder f;
	struct opened o;

	(void)state;
	folder_make(&f);
	put_start_of_emi(&emi);
	put_object(&emi, "Real Space", OBJECT(ENTRY("High tension", "1", "kV"), ""));
	put_object(&emi, "C:\\..\\../x/Old name_1.ser", stem);
	put_object(&emi, "no name", "<ObjectInfo><Uuid>1</Uuid></ObjectInfo>");
	make(&ser, &one_image);
	of_emi = put_file(&f, "a b_c.emi", &emi);
	of_ser = put_file(&f, "a b_c_1.ser", &ser);
	open_well(&o, of_emi);
	assert_string_equal(o.codec->name, "emi");
	assert_int_equal(o.frames, 1);
	expect_first(&o, &one_image);
	shut(&o);
	open_well(&o, of_ser);
	assert_string_equal(o.codec->name, "ser");
	expect_first(&o, &one_image);
	shut(&o);
	folder_remove(&f);
	em_text_release(&emi);
	em_text_release(&ser);
}

static void check_place(const struct opened *o, size_t frame, struct em_place want)
{
	struct em_place place = {0};

	o->codec->locate(o->state, frame, &place);
	assert_int_equal(place.set, want.set);
	assert_int_equal(place.sets, want.sets);
	assert_int_equal(place.index, want.index);
	assert_int_equal(place.count, want.count);
	assert_string_equal(place.name, want.name);
}

static void a_tag_without_time_leaves_the_date(void **state)
{
	struct em_text emi = {0}, ser = {0};
	struct em_array a;
	struct em_meta m;
	struct folder f;
	struct opened o;

	(void)state;
	folder_make(&f);
	put_start_of_emi(&emi);
	put_object(&emi, "x_1.ser", stem);
	put_file(&f, "x.emi", &emi);
	make(&ser, &one_image);
	store((unsigned char *)ser.s + ser.len - 4, 0, 4, false); /* the tag is last */
	open_well(&o, put_file(&f, "x_1.ser", &ser));
	read_well(&o, 0, &a, &m);
	assert_string_equal(m.date, "2011-10-18T18:18:46");
	em_array_release(&a);
	shut(&o);
	folder_remove(&f);
	em_text_release(&emi);
	em_text_release(&ser);
}

/* Images, spectra, and two scans; the second is named and not there, the last nobody knows of. */
static void each_series_is_a_data_set(void **state)
{
	static const struct series spectra = {true, SPECTRA, TIMES, 2, 2, 6, 5, 1, -20, 0.2, 0, 1, {{2, 0, 0, 1, ""}}};
	static const struct series cube = {true, SPECTRA, POSITIONS, 4, 4, 3, 5, 1, 0, 5, 0, 2,
	                                   {{2, 0, 0, 1e-9, "meters"}, {2, 0, 0, 1e-9, "meters"}}};
	struct series images = one_image;
	struct em_text emi = {0}, ser = {0};
	struct em_array a;
	struct em_meta m;
	struct folder f;
	struct opened o;

	(void)state;
	images.total = images.valid = 3;
	folder_make(&f);
	put_start_of_emi(&emi);
	put_object(&emi, "x_12.ser", OBJECT(ENTRY("High tension", "12", "kV"), ""));
	put_object(&emi, "x_2.ser", stem);
	put_object(&emi, "x_1.ser", OBJECT(ENTRY("High tension", "1", "kV"), ""));
	make(&ser, &images);
	put_file(&f, "x_1.ser", &ser);
	make(&ser, &spectra);
	put_file(&f, "x_3.ser", &ser);
	make(&ser, &cube);
	put_file(&f, "x_12.ser", &ser);
	put_file(&f, "x_13.ser", &ser);
	put_file(&f, "x_15.ser", &ser);
	open_well(&o, put_file(&f, "x.emi", &emi));
	assert_int_equal(o.frames, 3 + 2 + 1 + 1);
	check_place(&o, 0, (struct em_place){0, 4, 0, 3, "x_1.ser"});
	check_place(&o, 2, (struct em_place){0, 4, 2, 3, "x_1.ser"});
	check_place(&o, 4, (struct em_place){1, 4, 1, 2, "x_3.ser"});
	check_place(&o, 5, (struct em_place){2, 4, 0, 1, "x_12.ser"});
	check_place(&o, 6, (struct em_place){3, 4, 0, 1, "x_13.ser"});
	for (size_t i = 0; i < o.frames; i++) {
		read_well(&o, i, &a, &m);
		assert_int_equal(a.ndim, i < 3 ? 2 : i < 5 ? 1 : 3);
		if (i < 3 || i == 5)
			assert_true(m.beam_kev == (i < 3 ? 1 : 12));
		else
			assert_true(isnan(m.beam_kev));
		em_array_release(&a);
	}
	shut(&o);
	folder_remove(&f);
	em_text_release(&emi);
	em_text_release(&ser);
}

/* Looked through for each of the elements, it would take minutes. */
static void a_long_description_of_many_elements_is_read_once(void **state)
{
	struct em_text emi = {0}, ser = {0}, xml = {0};
	struct series s = one_image;
	struct folder f;
	struct opened o;

	(void)state;
	s.total = s.valid = s.dim[0].size = 30000;
	em_text_append(&xml, "<ObjectInfo><ExperimentalDescription><Root>");
	for (int i = 0; i < 100000; i++)
		em_text_append(&xml, "<Data/>");
	em_text_append(&xml, ENTRY("High tension", "80", "kV") "</Root></ExperimentalDescription></ObjectInfo>");
	folder_make(&f);
	put_start_of_emi(&emi);
	put_object(&emi, "x_1.ser", em_text_get(&xml));
	put_file(&f, "x.emi", &emi);
	make(&ser, &s);
	put_file(&f, "x_1.ser", &ser);
	for (size_t i = 0; i < f.files; i++) {
		open_well(&o, f.file[i]);
		assert_int_equal(o.frames, 30000);
		for (size_t frame = 0; frame < o.frames; frame++) {
			struct em_array a;
			struct em_meta m;

			read_well(&o, frame, &a, &m);
			assert_true(m.beam_kev == 80 && m.stack[0].index == frame);
			em_array_release(&a);
		}
		shut(&o);
	}
	folder_remove(&f);
	em_text_release(&emi);
	em_text_release(&ser);
	em_text_release(&xml);
}

/* ---- what is said ---- */

static struct em_xml *parse(const char *text)
{
	struct em_xml *x = NULL;

	assert_int_equal(em_xml_parse(&x, (const unsigned char *)text, strlen(text), NULL), 0);
	return x;
}

static void only_known_units_are_taken(void **state)
{
	struct em_xml *x = parse(OBJECT(
		ENTRY("High tension", "200000", "V") ENTRY("Defocus", "-3.218", "") ENTRY("Magnification", "10", "")
		ENTRY("Camera length", "260", "mm") ENTRY("Stage X", "Expected decimal", "um")
		ENTRY("Stage Y", "", "um") "<Data/><Data><Label>Stage Z</Label><Unit>um</Unit></Data>",
		"<AcquireDate>Expected date</AcquireDate>"
		"<AcquireInfo><DwellTimePath>Expected decimal</DwellTimePath></AcquireInfo>"));
	struct em_meta m;

	(void)state;
	em_meta_init(&m);
	em_emi_put_meta(x, &m);
	em_xml_free(x);
	assert_true(isnan(m.beam_kev) && isnan(m.defocus_nm) && isnan(m.magnification) && isnan(m.camera_length_mm));
	assert_true(isnan(m.x_um) && isnan(m.y_um) && isnan(m.z_um) && isnan(m.exposure_s) && isnan(m.dwell_s));
	assert_string_equal(m.date, "");
	em_emi_put_meta(NULL, &m);
	x = parse("<ObjectInfo/>");
	em_emi_put_meta(x, &m);
	assert_false(em_emi_is_pattern(x));
	assert_false(em_emi_is_pattern(NULL));
	em_xml_free(x);
	assert_string_equal(m.instrument, "");
	assert_true(isnan(m.beam_kev));
}

static void a_spectrum_is_exposed_while_it_is_integrated(void **state)
{
	struct em_xml *x = parse(OBJECT("", "<AcquireInfo><IntegrationTime>25.0000</IntegrationTime></AcquireInfo>"));
	struct em_meta m;

	(void)state;
	em_meta_init(&m);
	em_emi_put_meta(x, &m);
	assert_true(m.exposure_s == 25 && isnan(m.dwell_s));
	em_xml_free(x);
}

static void dates_become_iso(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"Tue Oct 18 18:18:46 2011", "2011-10-18T18:18:46"},
		{"Sun Feb 01 00:00:00 2016", "2016-02-01T00:00:00"},
		{"Sun Feb  1 00:00:00 2016", "2016-02-01T00:00:00"},
		{"Sun feb 01 00:00:00 2016", ""},
		{"Sun ebM 01 00:00:00 2016", ""},
		{"Sun Feb 32 00:00:00 2016", ""},
		{"Sun Feb 01 24:00:00 2016", ""},
		{"Sun Feb 01 00:00:00 201", ""},
		{"Sun Feb 01 00:00:00 2016 x", ""},
		{"Sun Feb 01 00:00 2016", ""},
		{"2016-02-01T00:00:00", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];
		struct em_xml *x;
		struct em_meta m;

		snprintf(text, sizeof(text), "<ObjectInfo><AcquireDate>%s</AcquireDate></ObjectInfo>", cases[i].text);
		x = parse(text);
		em_meta_init(&m);
		em_emi_put_meta(x, &m);
		assert_string_equal(m.date, cases[i].want);
		em_xml_free(x);
	}
}

/* What the calibration alone would take for lengths is none in a pattern; a scan's picture is no pattern. */
static void patterns_are_reciprocal(void **state)
{
	static const struct {
		const char *mode, *rest;
		double delta, scale;
		const char *units;
	} cases[] = {
		{"TEM uP SA Zoom Diffraction", CAMERA, 4e7, 0.04, "1/nm"},
		{"TEM uP SA Zoom Diffraction", CAMERA, 1e-5, 1, ""},
		{"STEM nP SA Zoom Diffraction", CAMERA, 1e-5, 1, ""},
		{"STEM nP SA Zoom Diffraction", SCAN, 1e-9, 1, "nm"},
		{"TEM uP SA Zoom Image", CAMERA, 1e-8, 10, "nm"},
	};
	struct em_text emi = {0}, ser = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct series s = one_image;
		char xml[512];
		struct em_array a;
		struct em_meta m;
		struct folder f;
		struct opened o;

		snprintf(xml, sizeof(xml), OBJECT(ENTRY("Mode", "%s", ""), "%s"), cases[i].mode, cases[i].rest);
		folder_make(&f);
		put_start_of_emi(&emi);
		put_object(&emi, "p_1.ser", xml);
		put_file(&f, "p.emi", &emi);
		s.offset = 0;
		s.delta = cases[i].delta;
		make(&ser, &s);
		open_well(&o, put_file(&f, "p_1.ser", &ser));
		read_well(&o, 0, &a, &m);
		check_axis(&a.axis[1], "x", cases[i].scale, 0, cases[i].units);
		if (!strcmp(cases[i].rest, CAMERA)) {
			assert_string_equal(m.detector, "Ceta");
			assert_true(m.exposure_s == 0.0125 && isnan(m.dwell_s));
		}
		em_array_release(&a);
		shut(&o);
		folder_remove(&f);
	}
	em_text_release(&emi);
	em_text_release(&ser);
}

static void check_path(const struct em_json *json, const char *path, double want)
{
	double v;

	assert_true(em_json_number(em_json_find(json, path), &v));
	assert_true(v == want);
}

static void tags_are_header_and_description(void **state)
{
	struct em_text emi = {0}, ser = {0}, out = {0};
	struct series s = one_image;
	struct em_json *json;
	const struct em_json *entry;
	struct folder f;
	struct opened o;

	(void)state;
	s.tags = POSITIONS;
	s.dim[0] = (struct dimension){1, 0, 0, 0.5, "meters"};
	folder_make(&f);
	put_start_of_emi(&emi);
	put_object(&emi, "t_1.ser", stem);
	put_file(&f, "t.emi", &emi);
	make(&ser, &s);
	open_well(&o, put_file(&f, "t_1.SER", &ser));
	assert_int_equal(o.codec->tags(o.state, 0, &out, NULL), 0);
	shut(&o);
	json = em_json_parse(out.s, out.len, NULL);
	assert_non_null(json);
	check_path(json, "Header.SeriesVersion", 0x210);
	check_path(json, "Header.TagTypeID", POSITIONS);
	check_path(json, "Tag.Time", 1456073586);
	check_path(json, "Tag.PositionY", -2e-9);
	check_path(json, "Element.DataType", 2);
	entry = em_json_first(em_json_find(json, "Header.Dimensions"));
	check_path(entry, "CalibrationDelta", 0.5);
	assert_string_equal(em_json_string(em_json_get(entry, "Description")), "Position");
	assert_string_equal(em_json_string(em_json_get(entry, "Units")), "meters");
	entry = em_json_first(em_json_find(json, "ObjectInfo.ExperimentalDescription.Root.Data"));
	assert_string_equal(em_json_string(em_json_get(entry, "Value")), "Microscope Titan 300 kV");
	em_json_free(json);
	em_text_clear(&out);
	unlink(f.file[0]); /* without the EMI */
	open_well(&o, f.file[1]);
	assert_int_equal(o.codec->tags(o.state, 0, &out, NULL), 0);
	shut(&o);
	json = em_json_parse(out.s, out.len, NULL);
	assert_null(em_json_find(json, "ObjectInfo"));
	check_path(json, "Header.ValidNumberElements", 1);
	em_json_free(json);
	folder_remove(&f);
	em_text_release(&emi);
	em_text_release(&ser);
	em_text_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(series_have_what_is_said_of_them),
		cmocka_unit_test(a_tag_without_time_leaves_the_date),
		cmocka_unit_test(each_series_is_a_data_set),
		cmocka_unit_test(a_long_description_of_many_elements_is_read_once),
		cmocka_unit_test(only_known_units_are_taken),
		cmocka_unit_test(a_spectrum_is_exposed_while_it_is_integrated),
		cmocka_unit_test(dates_become_iso),
		cmocka_unit_test(patterns_are_reciprocal),
		cmocka_unit_test(tags_are_header_and_description),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
