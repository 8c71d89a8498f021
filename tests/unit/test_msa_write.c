/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EMSA/MAS spectra that we write. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include "bytes_help.h"
#include "write_help.h"

static void text_of(const struct written *w, struct em_text *text)
{
	em_text_append_bytes(text, w->blob.data, w->blob.size);
}

static struct em_array spectrum_of(enum em_dtype dtype, size_t n, const void *values)
{
	struct em_array a;

	assert_int_equal(em_array_alloc(&a, dtype, 1, &n, NULL), 0);
	memcpy(a.data, values, em_array_bytes(&a));
	em_axis_set(&a.axis[0], "energy", 0.183238268, -17.6359857, "eV");
	return a;
}

static struct em_meta all_meta(void)
{
	struct em_meta m;

	em_meta_init(&m);
	em_meta_set_text(m.title,
	                 "Fe\u00b2\u207a, the low loss of a specimen with a name that is longer than a line of this");
	em_meta_set_text(m.date, "2016-02-09T18:50:02");
	m.beam_kev = 200;
	m.beam_current_na = 0.125;
	m.convergence_mrad = 15;
	m.collection_mrad = 30.5;
	m.exposure_s = 0.25;
	m.dwell_s = 0.001;
	m.a_deg = -12.5;
	m.b_deg = 3;
	m.x_um = 100;
	m.y_um = -1;
	m.z_um = 0.5;
	m.camera_length_mm = 20;
	return m;
}

static void the_header_is_the_standards(void **state)
{
	static const char want[] =
		"#FORMAT      : EMSA/MAS Spectral Data File\r\n#VERSION     : 1.0\r\n"
		"#TITLE       : Fe\xb2?, the low loss of a specimen with a name that is longer than\r\n"
		"#DATE        : 09-FEB-2016\r\n#TIME        : 18:50\r\n#OWNER       : \r\n#NPOINTS     : 2\r\n"
		"#NCOLUMNS    : 1\r\n#XUNITS      : eV\r\n#YUNITS      : Intensity\r\n#DATATYPE    : Y\r\n"
		"#XPERCHAN    : 0.183238268\r\n#OFFSET      : -17.6359857\r\n#XLABEL      : energy\r\n"
		"#BEAMKV   -kV: 200\r\n#PROBECUR -nA: 0.125\r\n#CONVANGLE-mR: 15\r\n#COLLANGLE-mR: 30.5\r\n"
		"#INTEGTIME-ms: 250\r\n#DWELLTIME-ms: 1\r\n#XTILTSTGE-dg: -12.5\r\n#YTILTSTGE-dg: 3\r\n"
		"#XPOSITION-um: 100\r\n#YPOSITION-um: -1\r\n#ZPOSITION-um: 0.5\r\n#MAGCAM      : 20\r\n"
		"#OPERMODE    : DIFF\r\n#SPECTRUM    : Spectral Data Starts Here\r\n1\r\n-2.5\r\n"
		"#ENDOFDATA   : End Of Data and File\r\n";
	struct em_array a = spectrum_of(EM_F32, 2, (const float[]){1, -2.5f});
	struct em_meta meta = all_meta();
	struct written w = write_frames("msa", &a, 1, &meta);

	(void)state;
	assert_int_equal(w.blob.size, sizeof(want) - 1);
	assert_memory_equal(w.blob.data, want, sizeof(want) - 1);
	em_array_release(&a);
	written_release(&w);
}

static void what_is_written_comes_back(void **state)
{
	static const float hard[] = {0.1f, 1e-38f, 1e-45f, 3.4028235e38f, -16777217.0f, 1.17549435e-38f,
	                             3.14159274f, 0};
	struct em_array a = spectrum_of(EM_F32, 8, hard), back;
	struct em_meta meta = all_meta();
	struct written w = write_frames("msa", &a, 1, &meta);
	struct em_text text = {0};
	struct em_record record;

	(void)state;
	text_of(&w, &text);
	frame_read(&text, 0, &back, &record);
	assert_true(same_array(&a, &back));
	check_axis(&back.axis[0], "energy", 0.183238268, -17.6359857, "eV");
	check_text(&record, "acquisition.date", "2016-02-09T18:50:00");
	check_number(&record, "microscope.beam_kev", 200);
	check_number(&record, "microscope.camera_length_mm", 20);
	check_number(&record, "acquisition.exposure_s", 0.25);
	check_json(&record, "stage", "{\"x_um\":100,\"y_um\":-1,\"z_um\":0.5,\"a_deg\":-12.5,\"b_deg\":3}");
	em_record_release(&record);
	em_text_release(&text);
	em_array_release(&a);
	em_array_release(&back);
	written_release(&w);
}

static void whole_and_long_numbers_come_back(void **state)
{
	struct em_array a[] = {
		spectrum_of(EM_U64, 2, (const uint64_t[]){UINT64_C(9007199254740993), 1}),
		spectrum_of(EM_I64, 2, (const int64_t[]){INT64_C(-9007199254740993), 1}),
		spectrum_of(EM_F64, 2, (const double[]){0.1234567890123456, 1e300}),
		spectrum_of(EM_U16, 2, (const uint16_t[]){65535, 1}),
	};
	static const char *const first[] = {"\n9007199254740993\r\n", "\n-9007199254740993\r\n", NULL, "\n65535\r\n"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct written w = write_frames("msa", &a[i], 1, NULL);
		struct em_text text = {0};
		struct em_record record;
		struct em_array back;

		text_of(&w, &text);
		if (first[i])
			assert_non_null(strstr(text.s, first[i]));
		frame_read(&text, 0, &back, &record);
		assert_true(em_array_get(&back, 0) == em_array_get(&a[i], 0));
		em_record_release(&record);
		em_array_release(&back);
		em_array_release(&a[i]);
		em_text_release(&text);
		written_release(&w);
	}
}

static void what_is_no_spectrum_is_not_written(void **state)
{
	struct em_array a[2] = {
		spectrum_of(EM_F32, 2, (const float[]){1, 2}), spectrum_of(EM_F32, 2, (const float[]){1, NAN})};
	struct em_array image, complex;

	(void)state;
	assert_int_equal(em_array_alloc_image(&image, EM_U8, 2, 2, NULL), 0);
	assert_int_equal(em_array_alloc(&complex, EM_C64, 1, (const size_t[]){2}, NULL), 0);
	expect_unwritten("msa", &image, 1, NULL, "one spectrum");
	expect_unwritten("emsa", &complex, 1, NULL, "real numbers");
	expect_unwritten("msa", &a[1], 1, NULL, "not finite");
	expect_unwritten("msa", a, 2, NULL, "-o DIR/");
	em_array_release(&a[0]);
	em_array_release(&a[1]);
	em_array_release(&image);
	em_array_release(&complex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_is_the_standards), cmocka_unit_test(what_is_written_comes_back),
		cmocka_unit_test(whole_and_long_numbers_come_back),
		cmocka_unit_test(what_is_no_spectrum_is_not_written),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("msa_write", tests, NULL, NULL);
}
