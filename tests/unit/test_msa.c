/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EMSA/MAS spectra, with and without their header. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include "bytes_help.h"

#define FORMAT "#FORMAT      : EMSA/MAS Spectral Data File\r\n#VERSION     : 1.0\r\n"
#define Y4 \
	FORMAT "#NPOINTS     : 4.\r\n#DATATYPE    : Y\r\n#XPERCHAN    : 0.5\r\n#OFFSET      : -2.\r\n" \
	"#XUNITS      : eV\r\n"
#define START "#SPECTRUM    : Spectral Data Starts Here\r\n"
#define END "#ENDOFDATA   : \r\n"
#define XY FORMAT "#DATATYPE : XY\n" START

extern const struct em_codec em_codec_msa;

/* The spectrum of a text in a file of this name. */
static int read_text(const char *text, size_t n, const char *name, struct em_array *a, struct em_record *record,
                     struct em_error *err)
{
	unsigned char *copy = malloc(n ? n : 1);
	struct em_file file = {.blob = {copy, n}, .path = name};
	struct em_meta meta;
	size_t frames;
	void *state;
	int status = -1;

	memcpy(copy, text, n);
	em_meta_init(&meta);
	if (em_codec_detect(copy, n) != &em_codec_msa)
		em_error_set(err, EM_ERROR_DATA, "not recognised");
	else if (!em_codec_msa.open(&file, &state, &frames, err)) {
		assert_int_equal(frames, 1);
		status = em_codec_msa.read(state, 0, a, &meta, err);
		em_codec_msa.close(state);
	}
	if (!status && record) {
		memset(record, 0, sizeof(*record));
		assert_int_equal(em_meta_put(&meta, record, NULL), 0);
	}
	free(copy);
	return status;
}

static void expect(const char *text, const char *name, struct em_array *a, struct em_record *record)
{
	struct em_error err = {0};

	if (read_text(text, strlen(text), name, a, record, &err))
		fail_msg("%s", err.text);
}

static void refuse(const char *text, size_t n, const char *why)
{
	struct em_error err = {0};
	struct em_array a;

	if (!read_text(text, n, "a.msa", &a, NULL, &err))
		fail_msg("taken: %.*s", (int)n, text);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

/* Four values 1 2 3.5 4 on the axis of Y4. */
static void check_four(const char *text)
{
	static const float want[] = {1, 2, 3.5f, -4};
	struct em_array a;

	expect(text, NULL, &a, NULL);
	assert_int_equal(a.dtype, EM_F32);
	assert_int_equal(a.ndim, 1);
	assert_int_equal(a.shape[0], 4);
	assert_memory_equal(a.data, want, sizeof(want));
	check_axis(&a.axis[0], "energy", 0.5, -2, "eV");
	em_array_release(&a);
}

static void numbers_stand_in_any_columns(void **state)
{
	(void)state;
	check_four(Y4 START "1\r\n2\r\n3.5\r\n-4\r\n" END);
	check_four(Y4 START "1, \n2, \n3.5, \n-4, \n#ENDOFDATA   : ");
	check_four(Y4 START "1., 2.,3.5E0 ,\r\n -.4D+01\r\n" END);
	check_four(Y4 START "\n1 2\n\n# a note\n3.5 -4.00\n#endofdata");
	check_four(Y4 START "1\r2\r3.5\r-4\r" END);
	check_four(Y4 START "1 2 3.5 -4"); /* as many as there should be */
	check_four("\xef\xbb\xbf" Y4 START "1 2 3.5 -4\n" END);
}

static void pairs_bring_their_axis(void **state)
{
	static const char *const texts[] = {
		XY "520.1, 10\n523.2, 20\n526.3, 30\n529.4, 40\n" END,
		XY "520.1, 10, 523.2, 20\n526.3, 30, 529.4, 40\n" END,
		FORMAT "#DATATYPE : xy\n#XPERCHAN : 3.1\n#OFFSET : 520.1\n" START
		"520.1 10 523 20\n526 30 529 40\n" END,
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct em_array a;

		expect(texts[i], NULL, &a, NULL);
		assert_int_equal(a.shape[0], 4);
		assert_true(((float *)a.data)[3] == 40);
		check_axis(&a.axis[0], "energy", 3.1, 520.1, "");
		em_array_release(&a);
	}
}

/* Two channels are a tenth of a step off, one is missing, all are the same. */
static void channels_that_are_not_even_are_refused(void **state)
{
	static const char *const texts[] = {
		XY "1.00 1\n2.00 1\n3.10 1\n4.00 1\n5.00 1\n6.00 1\n" END,
		XY "1 1\n2 1\n3 1\n4 1\n6 1\n7 1\n8 1\n9 1\n10 1\n" END,
		XY "1 1\n1 1\n1 1\n" END,
	};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		refuse(texts[i], strlen(texts[i]), "not evenly spaced");
}

static void rounded_energies_are_even(void **state)
{
	struct em_text t = {0};
	struct em_array a;

	(void)state;
	em_text_append(&t, XY);
	for (int i = 0; i < 2000; i++)
		em_text_printf(&t, "%.2f\t%d\n", 186.3 + 0.0517 * i, i);
	em_text_append(&t, END);
	expect(t.s, NULL, &a, NULL);
	assert_int_equal(a.shape[0], 2000);
	assert_true(fabs(a.axis[0].scale - 0.0517) < 1e-6);
	assert_true(fabs(a.axis[0].offset - 186.3) < 1e-3);
	em_array_release(&a);
	em_text_release(&t);
}

static void units_are_found_in_what_people_write(void **state)
{
	static const struct {
		const char *theirs, *ours, *name;
	} cases[] = {
		{"KeV", "keV", "energy"}, {"Energy Loss (eV)", "eV", "energy"}, {"EV", "eV", "energy"},
		{"nm", "nm", "wavelength"}, {"\xb5m", "\u00b5m", "wavelength"}, {"MeV", "MeV", "x"}, {"", "", "energy"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_text t = {0};
		struct em_array a;

		em_text_printf(&t, FORMAT "#DATATYPE: Y\n#XUNITS:%s\n" START "1\n" END, cases[i].theirs);
		expect(t.s, NULL, &a, NULL);
		check_axis(&a.axis[0], cases[i].name, 1, 0, cases[i].ours);
		em_array_release(&a);
		em_text_release(&t);
	}
}

static void settings_of_the_microscope(void **state)
{
	struct em_record meta;
	struct em_array a;

	(void)state;
	expect(FORMAT "#TITLE       : Fe\xb2+ \r\n#DATE        : 01-OCT-1991 \r\n#TIME        : 12:05:30\r\n"
	       "#DATATYPE : Y\n"
	       "#beamkv   -kV: 120.0\n#PROBECUR -pA: 12.5\n#MAGCAM : 1.0 E+05\n#CONVANGLE-mR: 1.5\n"
	       "#COLLANGLE-rad: 0.0034\n#INTEGTIME-s: 2\n#DWELLTIME-ms: 100.\n#XTILTSTGE-dg: 45. 3\n#YTILTSTGE: 20\n"
	       "#XPOSITION -mm: 0.25\n#YPOSITION: 7\n#ZPOSITION-furlong: 1\n#OPERMODE : IMAG\n#ELSDET : SERIAL\n" START
	       "1\n" END, NULL, &a, &meta);
	check_text(&meta, "title", "Fe\u00b2+");
	check_text(&meta, "acquisition.date", "1991-10-01T12:05:30");
	check_number(&meta, "microscope.beam_kev", 120);
	check_number(&meta, "microscope.beam_current_na", 0.0125);
	check_number(&meta, "microscope.magnification", 1e5);
	check_number(&meta, "acquisition.convergence_mrad", 1.5);
	check_number(&meta, "acquisition.collection_mrad", 3.4);
	check_number(&meta, "acquisition.exposure_s", 2);
	check_number(&meta, "acquisition.dwell_s", 0.1);
	check_json(&meta, "stage", "{\"x_um\":250,\"a_deg\":45,\"b_deg\":20}"); /* others have no unit that we know */
	check_text(&meta, "microscope.mode", "IMAG");
	check_text(&meta, "acquisition.detector", "SERIAL");
	em_array_release(&a);
	em_record_release(&meta);
}

static void camera_length_and_half_a_date(void **state)
{
	struct em_record meta;
	struct em_array a;

	(void)state;
	expect(FORMAT "#DATE : 9-feb-2003\n#TIME : 12:100\n#DATATYPE : Y\n#MAGCAM : 196\n#OPERMODE : DIFF\n"
	       "#EDSDET : SDD\n"
	       "#REALTIME -s: 150\n" START "1\n" END, NULL, &a, &meta);
	check_text(&meta, "acquisition.date", "2003-02-09T12:10:00");
	check_number(&meta, "microscope.camera_length_mm", 196);
	check_number(&meta, "acquisition.exposure_s", 150);
	check_text(&meta, "acquisition.detector", "SDD");
	em_array_release(&a);
	em_record_release(&meta);
	expect(FORMAT "#DATE : 01-09-1991\n#TIME : 12:00\n#DATATYPE : Y\n" START "1\n" END, NULL, &a, &meta);
	assert_null(em_record_get(&meta, "acquisition"));
	em_array_release(&a);
	em_record_release(&meta);
}

static void values_are_float64_where_digits_need_it(void **state)
{
	static const struct {
		const char *text;
		enum em_dtype dtype;
		double value;
	} cases[] = {
		{"65.820", EM_F32, (double)65.820f}, {"770521.250000", EM_F32, 770521.25},
		{"16777216", EM_F32, 16777216},      {"16777217", EM_F64, 16777217},
		{"0.1234567891", EM_F64, 0.1234567891}, {"1e39", EM_F64, 1e39}, {"0.000000", EM_F32, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_text t = {0};
		struct em_array a;

		em_text_printf(&t, FORMAT "#DATATYPE: Y\n" START "%s\n" END, cases[i].text);
		expect(t.s, NULL, &a, NULL);
		assert_int_equal(a.dtype, cases[i].dtype);
		assert_true(em_array_get(&a, 0) == cases[i].value);
		em_array_release(&a);
		em_text_release(&t);
	}
}

/* ---- without a header ---- */

static struct em_text two_columns(int lines, const char *format)
{
	struct em_text t = {0};

	for (int i = 0; i < lines; i++)
		em_text_printf(&t, format, 100 + 0.5 * i, 1000.0 - i);
	return t;
}

static void two_columns_are_a_spectrum(void **state)
{
	static const char *const formats[] = {"%.1f\t%.3f\n", "%.1f, %.0f\r\n", "  %.3e   %.3e  \n\n"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct em_text t = two_columns(i == 1 ? 2000 : 8, formats[i]);
		struct em_array a;

		expect(t.s, "eels/Fe.MSA", &a, NULL);
		assert_int_equal(a.shape[0], i == 1 ? 2000 : 8);
		assert_true(em_array_get(&a, 7) == 993);
		check_axis(&a.axis[0], "energy", 0.5, 100, "eV");
		em_array_release(&a);
		expect(t.s, i == 1 ? NULL : "profile.txt", &a, NULL); /* nobody says what it is */
		check_axis(&a.axis[0], "x", 0.5, 100, "");
		em_array_release(&a);
		em_text_release(&t);
	}
}

static void other_texts_are_not_taken(void **state)
{
	static const char *const lines[] = {
		"100 1 2\n", "energy counts\n", "100;\n", "1 1\n", "100 nan\n", "2020-06-06 1\n", "200 0x10\n",
		"# 200 1\n",
	};
	struct em_text t;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		t = two_columns(20, "%g %g\n");
		em_text_append(&t, lines[i]);
		refuse(t.s, t.len, "not recognised");
		em_text_release(&t);
		t = two_columns(1000, "%g %g\n"); /* where nobody looked before */
		em_text_append(&t, lines[i]);
		refuse(t.s, t.len, "not two columns throughout");
		em_text_release(&t);
	}
	t = two_columns(7, "%g %g\n");
	refuse(t.s, t.len, "not recognised");
	em_text_release(&t);
}

/* ---- lies ---- */

static void what_lies_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} lies[] = {
		{Y4 START "1 2 3\n" END, "3 of 4 values"},
		{Y4 START "1 2 3\n", "3 of 4 values"},
		{Y4 START "1 2 3 4 5\n", "no end mark"},
		{Y4 START "1 2 x 4\n" END, "not finite numbers"},
		{Y4 START "1 2 1e999 4\n" END, "not finite numbers"},
		{Y4 START "1 2 inf 4\n" END, "not finite numbers"},
		{Y4 START END, "no values"},
		{Y4 "1 2 3 4\n" END, "#SPECTRUM"},
		{Y4, "#SPECTRUM"},
		{FORMAT START "1\n" END, "DATATYPE"},
		{FORMAT "#DATATYPE: Z\n" START "1\n" END, "DATATYPE"},
		{XY "1 2 3\n" END, "last value is missing"},
		{Y4 START "1 2 3 4\n" END Y4 START "1 2 3 4\n" END, "another file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		refuse(lies[i].text, strlen(lies[i].text), lies[i].why);
}

static void a_cut_file_is_refused_wherever(void **state)
{
	static const char text[] = Y4 START "11\n12\n13\n1.4e1\n" END;
	size_t last = (size_t)(strstr(text, "1.4e1") - text);

	(void)state;
	for (size_t n = 0; n < last; n++)
		refuse(text, n, n < 19 ? "not recognised" : "MSA");
	/* In the very last number nobody could see it, but that the exponent is there without its power. */
	refuse(text, last + 4, "not finite numbers");
}

static void an_endless_header_is_refused(void **state)
{
	struct em_text t = {0};

	(void)state;
	em_text_append(&t, FORMAT);
	for (int i = 0; i < 2000; i++)
		em_text_append(&t, "#A:1\n");
	refuse(t.s, t.len, "not sensible");
	em_text_release(&t);
}

static void tags_are_the_lines_of_the_header(void **state)
{
	static const char text[] = FORMAT "##MINE : 3:4\n#DATATYPE:Y\n#TITLE\n" START "1\n" END;
	struct em_file file = {.blob = {(const unsigned char *)text, sizeof(text) - 1}};
	struct em_text tags = {0};
	size_t frames;
	void *spectrum;

	(void)state;
	assert_int_equal(em_codec_msa.open(&file, &spectrum, &frames, NULL), 0);
	assert_int_equal(em_codec_msa.tags(spectrum, 0, &tags, NULL), 0);
	assert_string_equal(tags.s, "[[\"FORMAT\",\"EMSA/MAS Spectral Data File\"],[\"VERSION\",\"1.0\"],"
	                            "[\"#MINE\",\"3:4\"],[\"DATATYPE\",\"Y\"],[\"TITLE\",\"\"]]");
	em_codec_msa.close(spectrum);
	em_text_release(&tags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_stand_in_any_columns), cmocka_unit_test(pairs_bring_their_axis),
		cmocka_unit_test(channels_that_are_not_even_are_refused), cmocka_unit_test(rounded_energies_are_even),
		cmocka_unit_test(units_are_found_in_what_people_write), cmocka_unit_test(settings_of_the_microscope),
		cmocka_unit_test(camera_length_and_half_a_date),
		cmocka_unit_test(values_are_float64_where_digits_need_it), cmocka_unit_test(two_columns_are_a_spectrum),
		cmocka_unit_test(other_texts_are_not_taken), cmocka_unit_test(what_lies_is_refused),
		cmocka_unit_test(a_cut_file_is_refused_wherever), cmocka_unit_test(an_endless_header_is_refused),
		cmocka_unit_test(tags_are_the_lines_of_the_header),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("msa", tests, NULL, NULL);
}
