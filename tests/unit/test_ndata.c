/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nion Swift's data items. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include "bytes_help.h"
#include "zip_help.h"

#define COUNTS(sequence, collection, datum) \
	"\"is_sequence\":" #sequence ",\"collection_dimension_count\":" #collection ",\"datum_dimension_count\":" #datum
#define NM "{\"scale\":0.5,\"offset\":-3,\"units\":\"nm\"}"
#define UM "{\"scale\":2,\"offset\":0,\"units\":\"um\"}"
#define EV "{\"scale\":0.25,\"offset\":-10,\"units\":\"eV\"}"
#define SECONDS "{\"scale\":0.1,\"offset\":1,\"units\":\"s\"}"

extern const struct em_codec em_codec_ndata;

/* u16 values 0, 1, 2 ... in this shape, as numpy has them. */
static void make_array(int ndim, const size_t *shape, struct em_text *npy)
{
	struct em_array a;

	assert_int_equal(em_array_alloc(&a, EM_U16, ndim, shape, NULL), 0);
	for (size_t i = 0; i < em_array_count(&a); i++)
		((uint16_t *)a.data)[i] = (uint16_t)i;
	assert_int_equal(em_npy_encode(&a, npy, NULL), 0);
	em_array_release(&a);
}

static struct em_text make_item(int ndim, const size_t *shape, const char *json, bool deflated)
{
	struct em_text npy = {0}, text = {0};
	struct zip z = {{0}, {0}, 0};

	make_array(ndim, shape, &npy);
	em_text_append(&text, json);
	zip_add(&z, "data.npy", deflated, &npy, 0);
	zip_add(&z, "metadata.json", deflated, &text, 0);
	zip_end(&z);
	em_text_release(&npy);
	em_text_release(&text);
	return z.file;
}

static void an_image_with_its_scales(void **state)
{
	static const char json[] = "{\"title\":\"HAADF\",\"created\":\"2020-06-06T11:05:57.405164\","
		"\"session\":{\"instrument\":\"UltraSTEM\"},\"metadata\":{},"
		COUNTS(false, 0, 2) ",\"dimensional_calibrations\":[" UM "," NM "]}";

	(void)state;
	for (int deflated = 0; deflated < 2; deflated++) {
		struct em_text file = make_item(2, (const size_t[]){3, 4}, json, deflated);
		struct em_record meta;
		struct em_array a;

		frame_read(&file, 0, &a, &meta);
		assert_int_equal(a.ndim, 2);
		assert_int_equal(a.shape[0], 3);
		assert_int_equal(((uint16_t *)a.data)[11], 11);
		check_axis(&a.axis[0], "y", 2, 0, "\u00b5m");
		check_axis(&a.axis[1], "x", 0.5, -3, "nm");
		check_text(&meta, "title", "HAADF");
		check_text(&meta, "acquisition.date", "2020-06-06T11:05:57Z");
		check_text(&meta, "microscope.instrument", "UltraSTEM");
		em_array_release(&a);
		em_record_release(&meta);
		em_text_release(&file);
	}
}

static void a_collection_of_spectra_is_one_array(void **state)
{
	static const char json[] = "{" COUNTS(true, 1, 1) ",\"dimensional_calibrations\":[" SECONDS "," NM "," EV "]}";
	struct em_text file = make_item(3, (const size_t[]){2, 3, 5}, json, false);
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 0, &a, &meta);
	assert_int_equal(a.ndim, 3);
	assert_int_equal(((uint16_t *)a.data)[29], 29);
	check_axis(&a.axis[0], "t", 0.1, 1, "s");
	check_axis(&a.axis[1], "x", 0.5, -3, "nm");
	check_axis(&a.axis[2], "energy", 0.25, -10, "eV");
	assert_null(em_record_get(&meta, "stack"));
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

static void a_collection_of_images_is_frames(void **state)
{
	static const char json[] = "{" COUNTS(true, 1, 2) ",\"dimensional_calibrations\":["
		SECONDS "," UM "," NM "," NM "]}";
	struct em_text file = make_item(4, (const size_t[]){2, 3, 2, 2}, json, false);
	struct em_record meta;
	struct em_array a;

	(void)state;
	frame_read(&file, 4, &a, &meta);
	assert_int_equal(a.ndim, 2);
	assert_int_equal(((uint16_t *)a.data)[0], 16);
	check_axis(&a.axis[0], "y", 0.5, -3, "nm");
	check_json(&meta, "stack", "[{\"index\":1,\"size\":2,\"scale\":0.1,\"offset\":1,\"units\":\"s\"},"
	                           "{\"index\":1,\"size\":3,\"scale\":2,\"offset\":0,\"units\":\"\u00b5m\"}]");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

static void what_an_old_file_does_not_say_the_units_do(void **state)
{
	static const struct {
		const char *json;
		int ndim;
		const char *last;
	} cases[] = {
		{"{\"spatial_calibrations\":[" NM "," NM "," EV "]}", 3, "energy"},
		{"{\"spatial_calibrations\":[" NM "," NM "," NM "]}", 2, "x"},
		{"{}", 2, "x"},
		{"{" COUNTS(false, 2, 1) ",\"metadata\":{\"hardware_source\":{\"signal_type\":\"EELS\"}}}", 3,
		 "energy"},
		{"{" COUNTS(true, 2, 0) "}", 2, "x"},
		{"{" COUNTS(false, 2, 1) "}", 3, "x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_text file = make_item(3, (const size_t[]){2, 3, 5}, cases[i].json, false);
		struct em_record meta;
		struct em_array a;

		frame_read(&file, 0, &a, &meta);
		assert_int_equal(a.ndim, cases[i].ndim);
		assert_string_equal(a.axis[a.ndim - 1].name, cases[i].last);
		em_array_release(&a);
		em_record_release(&meta);
		em_text_release(&file);
	}
}

static void check_settings(const char *json)
{
	struct em_text file = make_item(2, (const size_t[]){2, 2}, json, false);
	struct em_record meta;
	struct em_array a;

	frame_read(&file, 0, &a, &meta);
	check_number(&meta, "microscope.beam_kev", 100);
	check_number(&meta, "microscope.defocus_nm", -4);
	check_number(&meta, "stage.x_um", 12);
	check_number(&meta, "stage.y_um", -3);
	check_number(&meta, "stage.z_um", 0.5);
	check_number(&meta, "stage.a_deg", 90);
	check_number(&meta, "stage.b_deg", -45);
	check_number(&meta, "acquisition.convergence_mrad", 31);
	check_number(&meta, "acquisition.dwell_s", 16e-6);
	check_number(&meta, "acquisition.exposure_s", 4.2);
	check_text(&meta, "acquisition.detector", "HAADF");
	em_array_release(&a);
	em_record_release(&meta);
	em_text_release(&file);
}

#define STAGE(p) \
	"\"" p "StageOutX\":12e-6,\"" p "StageOutY\":-3e-6,\"" p "StageOutZ\":5e-7,\"" p \
	"StageOutA\":1.5707963267948966,\"" p "StageOutB\":-0.7853981633974483,\"" p "probe_ha\":0.031"

static void settings_of_the_microscope(void **state)
{
	(void)state;
	/* as versions of today have it */
	check_settings("{\"metadata\":{\"instrument\":{\"high_tension\":100000.0,\"defocus\":-4e-9,"
	               "\"ImageScanned\":{\"EHT\":1,\"C10\":1," STAGE("") "}},"
	               "\"hardware_source\":{\"exposure\":4.2},\"scan\":{\"channel_name\":\"HAADF\","
	               "\"scan_device_parameters\":{\"pixel_time_us\":16}}}}");
	/* as older ones had it */
	check_settings("{\"metadata\":{\"hardware_source\":{\"channel_name\":\"HAADF\",\"exposure\":4.2,"
	               "\"pixel_time_us\":16,\"autostem\":{\"high_tension_v\":100000,\"defocus_m\":-4e-9,"
	               STAGE("ImageScanned:") "}}}}");
	check_settings("{\"metadata\":{\"hardware_source\":{\"hardware_source_name\":\"HAADF\",\"exposure\":4.2,"
	               "\"pixel_time_us\":16,\"ImageRonchigram\":{\"EHT\":100000,\"C10\":-4e-9," STAGE("") "}}}}");
}

static void tags_are_json_without_data(void **state)
{
	struct em_text json = {0}, file, tags = {0};
	size_t frames;
	void *item;

	(void)state;
	em_text_append(&json, "{\"a\":NaN,\"b\":[-Infinity,\"NaN \\\" [1,2\"],\"c\":[1");
	for (int i = 1; i <= EM_TAGS_ARRAY; i++)
		em_text_append(&json, ", -1.5e3");
	em_text_append(&json, "],\"d\":[1,2]}");
	file = make_item(2, (const size_t[]){2, 2}, em_text_get(&json), false);
	assert_int_equal(em_codec_ndata.open(&(struct em_file){.blob = {(unsigned char *)file.s, file.len}}, &item,
	                                     &frames, NULL), 0);
	assert_int_equal(em_codec_ndata.tags(item, 0, &tags, NULL), 0);
	assert_string_equal(tags.s, "{\"a\":null,\"b\":[null,\"NaN \\\" [1,2\"],"
	                            "\"c\":{\"array\":\"float64\",\"size\":1025},\"d\":[1,2]}");
	em_codec_ndata.close(item);
	em_text_release(&tags);
	em_text_release(&file);
	em_text_release(&json);
}

static void refuse(const struct em_text *file, size_t n, const char *why)
{
	struct em_error err = {0};
	struct frames f;

	if (!frames_read(file->s, n, &f, &err))
		fail_msg("%zu of %zu bytes were taken", n, file->len);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

/* Looked through for each of the frames, it would take minutes. */
static void long_metadata_of_many_frames_are_read_once(void **state)
{
	struct em_text json = {0}, item;
	size_t frames;
	void *codec;

	(void)state;
	em_text_append(&json, "{\"metadata\":{\"instrument\":{");
	for (int i = 0; i < 200000; i++)
		em_text_printf(&json, "\"k%d\":0,", i);
	em_text_append(&json, "\"EHT\":60000}}," COUNTS(true, 0, 2) "}");
	item = make_item(3, (const size_t[]){30000, 1, 1}, em_text_get(&json), false);
	assert_int_equal(em_codec_ndata.open(&(struct em_file){.blob = {(unsigned char *)item.s, item.len}}, &codec,
	                                     &frames, NULL), 0);
	assert_int_equal(frames, 30000);
	for (size_t i = 0; i < frames; i++) {
		struct em_meta meta;
		struct em_array a;

		em_meta_init(&meta);
		assert_int_equal(em_codec_ndata.read(codec, i, &a, &meta, NULL), 0);
		assert_true(*(uint16_t *)a.data == i && meta.stack[0].index == i && meta.beam_kev == 60);
		em_array_release(&a);
	}
	em_codec_ndata.close(codec);
	em_text_release(&item);
	em_text_release(&json);
}

static void what_lies_is_refused(void **state)
{
	static const struct {
		const char *json, *why;
	} lies[] = {
		{"{" COUNTS(false, 0, 2) "}", "tell of 2"}, /* colour has one more */
		{"{" COUNTS(true, 1, 2) "}", "tell of 4"},
		{"{", "metadata.json"},
		{"[1,", "metadata.json"},
		{"\"\\", "metadata.json"},
		{"", "metadata.json"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct em_text file = make_item(3, (const size_t[]){2, 2, 3}, lies[i].json, false);

		refuse(&file, file.len, lies[i].why);
		em_text_release(&file);
	}
}

static void a_cut_file_is_refused_wherever(void **state)
{
	struct em_text file = make_item(2, (const size_t[]){2, 2}, "{" COUNTS(false, 0, 2) "}", false);
	struct frames f;

	(void)state;
	for (size_t n = 0; n < file.len; n++)
		refuse(&file, n, n < 38 ? "not recognised" : "ZIP");
	file.s[200] ^= 1; /* in the array */
	refuse(&file, file.len, "checksum");
	file.s[200] ^= 1;
	assert_int_equal(frames_read(file.s, file.len, &f, NULL), 0);
	frames_release(&f);
	em_text_release(&file);
}

static void an_npz_that_begins_alike_is_one(void **state)
{
	struct em_text npy = {0};
	struct zip z = {{0}, {0}, 0};
	struct em_place place;
	size_t frames;
	void *item;

	(void)state;
	make_array(3, (const size_t[]){2, 3, 4}, &npy);
	zip_add(&z, "data.npy", false, &npy, 0);
	zip_add(&z, "more.npy", false, &npy, 0);
	zip_end(&z);
	assert_int_equal(em_codec_ndata.open(&(struct em_file){.blob = {(unsigned char *)z.file.s, z.file.len}}, &item,
	                                     &frames, NULL), 0);
	assert_int_equal(frames, 4);
	em_codec_ndata.locate(item, 3, &place);
	assert_int_equal(place.set, 1);
	assert_string_equal(place.name, "more");
	em_codec_ndata.close(item);
	em_text_release(&z.file);
	em_text_release(&npy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_with_its_scales), cmocka_unit_test(a_collection_of_spectra_is_one_array),
		cmocka_unit_test(a_collection_of_images_is_frames),
		cmocka_unit_test(what_an_old_file_does_not_say_the_units_do),
		cmocka_unit_test(settings_of_the_microscope),
		cmocka_unit_test(long_metadata_of_many_frames_are_read_once),
		cmocka_unit_test(tags_are_json_without_data),
		cmocka_unit_test(what_lies_is_refused), cmocka_unit_test(a_cut_file_is_refused_wherever),
		cmocka_unit_test(an_npz_that_begins_alike_is_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("ndata", tests, NULL, NULL);
}
