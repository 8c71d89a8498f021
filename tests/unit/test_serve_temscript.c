/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the temscript server answers, without the network: every endpoint, over an instrument in memory. */
#include "scope_fake.h"

#include "scope/serve_temscript.h"
#include "scope/temscript.h"
#include "scope/temscript_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static struct em_scope *scope;
static struct em_temscript_site site;
static struct em_serve_answer got;

static int setup(void **state)
{
	struct em_scope_settings s = {.command = "test", .state_dir = fake_folder};
	struct em_error err = {0};

	(void)state;
	fake_init();
	em_scope_limits_init(&s.limits);
	if (em_scope_open_kind(&fake_kind, "fake:", &s, &scope, &err) || em_temscript_site_init(&site, scope, &err))
		fail_msg("%s", err.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	em_text_release(&got.text);
	em_temscript_site_release(&site);
	em_scope_close(scope);
	return 0;
}

/* "/v1/x?a=b&c=d", undecoded; the answer is in `got`. */
static int ask(const char *method, const char *target, const char *body)
{
	static char copy[512];
	struct em_serve_question q = {
	    .method = method, .path = copy, .body = body ? body : "", .len = body ? strlen(body) : 0};
	char *at = copy;

	snprintf(copy, sizeof(copy), "%s", target);
	while ((at = strpbrk(at, "?&"))) {
		*at++ = '\0';
		q.arg[q.args].name = at;
		at += strcspn(at, "=");
		if (*at)
			*at++ = '\0';
		q.arg[q.args++].value = at;
	}
	em_text_release(&got.text);
	got = (struct em_serve_answer){0};
	em_temscript_answer(&site, &q, &got);
	return got.status;
}

#define GET(target) ask("GET", target, NULL)
#define PUT(target, body) ask("PUT", target, body)

static void says(const char *target, const char *text)
{
	assert_int_equal(GET(target), 200);
	assert_string_equal(em_text_get(&got.text), text);
}

/* ---- reading ---- */

static void every_endpoint_is_read(void **state)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
	    {"family", "\"fake\""},
	    {"microscope_id", "\"\""},
	    {"version", "\"2.1.1\""},
	    {"voltage", "200.0"},
	    {"vacuum", "{\"status\":\"READY\",\"column_valves_open\":true,\"pvp_running\":false,\"gauges(Pa)\":{}}"},
	    {"stage_holder", "\"DOUBLE_TILT\""},
	    {"stage_status", "\"READY\""},
	    {"stage_position", "{\"x\":1.25e-05,\"y\":0.0,\"z\":0.0,\"a\":-0.5,\"b\":0.0}"},
	    {"stage_limits",
	     "{\"x\":[-0.001,0.001],\"y\":[null,null],\"z\":[null,null],\"a\":[null,null],\"b\":[null,null]}"},
	    {"cameras",
	     "{\"CCD\":{\"type\":\"CAMERA\",\"width\":64,\"height\":48,\"binnings\":[1,2,4,8],\"pixel_size(um)\":[24,"
	     "24],\"shutter_modes\":[\"POST_SPECIMEN\"],\"pre_exposure_limits(s)\":[0.0,0.0],"
	     "\"pre_exposure_pause_limits(s)\":[0.0,0.0]}}"},
	    {"stem_detectors",
	     "{\"HAADF\":{\"type\":\"STEM_DETECTOR\",\"width\":64,\"height\":64,\"binnings\":[1,2,4,8]}}"},
	    {"stem_acquisition_param", "{\"image_size\":\"FULL\",\"binning\":1,\"dwell_time(s)\":1e-06}"},
	    {"camera_param/CCD",
	     "{\"image_size\":\"FULL\",\"binning\":1,\"exposure(s)\":1.0,\"correction\":\"DEFAULT\",\"exposure_mode\":"
	     "\"NONE\","
	     "\"shutter_mode\":\"POST_SPECIMEN\",\"pre_exposure(s)\":0.0,\"pre_exposure_pause(s)\":0.0}"},
	    {"stem_detector_param/HAADF", "{\"brightness\":0.5,\"contrast\":0.5}"},
	    {"detector_param/HAADF", "{\"brightness\":0.5,\"contrast\":0.5}"},
	    {"image_shift", "[1e-08,-2e-08]"},
	    {"beam_shift", "[0.0,0.0]"},
	    {"beam_tilt", "[0.0,0.0]"},
	    {"diffraction_shift", "[0.0,0.0]"},
	    {"objective_stigmator", "[0.0,0.0]"},
	    {"condenser_stigmator", "[0.0,0.0]"},
	    {"projection_mode", "\"IMAGING\""},
	    {"projection_sub_mode", "\"SA\""},
	    {"projection_mode_string", "\"SA\""},
	    {"magnification_index", "23"},
	    {"indicated_magnification", "50000.0"},
	    {"indicated_camera_length", "0.0"},
	    {"stem_magnification", "50000.0"},
	    {"stem_rotation", "0.0"},
	    {"stem_available", "true"},
	    {"defocus", "-1e-06"},
	    {"objective_excitation", "-1e-06"},
	    {"intensity", "0.0"},
	    {"convergence_angle", "0.0"},
	    {"screen_current", "1e-10"},
	    {"screen_position", "\"UP\""},
	    {"spot_size_index", "3"},
	    {"beam_blanked", "false"},
	    {"column_valves_open", "true"},
	    {"instrument_mode", "\"TEM\""},
	    {"illumination_mode", "\"MICROPROBE\""},
	    {"condenser_mode", "\"PARALLEL\""},
	    {"illuminated_area", "0.0"},
	    {"probe_defocus", "0.0"},
	    {"dark_field_mode", "\"OFF\""},
	    {"acquire", "{}"},
	    {"acquire?detectors=NOPE", "{}"},
	};

	(void)state;
	fake.value[EM_STAGE_X] = 1.25e-5;
	fake.value[EM_STAGE_A] = -0.5;
	fake.value[EM_VALVES_OPEN] = 1;
	fake.value[EM_IMAGE_SHIFT_X] = 1e-8;
	fake.value[EM_IMAGE_SHIFT_Y] = -2e-8;
	fake.value[EM_DEFOCUS] = -1e-6;
	fake.value[EM_SPOT_SIZE] = 3;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char target[80];

		snprintf(target, sizeof(target), "/v1/%s", cases[i].name);
		says(target, cases[i].text);
	}
}

static void modes_decide(void **state)
{
	(void)state;
	fake.value[EM_PROJECTION] = 1;
	fake.value[EM_CAMERA_LENGTH] = 0.79;
	says("/v1/projection_sub_mode", "\"D\"");
	says("/v1/indicated_magnification", "0.0");
	says("/v1/indicated_camera_length", "0.79");
	says("/v1/magnification_index", "15");
	fake.value[EM_PROJECTION] = 0;
	fake.value[EM_MODE] = 1;
	says("/v1/instrument_mode", "\"STEM\"");
	says("/v1/indicated_magnification", "0.0");
	says("/v1/illumination_mode", "\"NANOPROBE\"");
}

static void the_state_is_whole(void **state)
{
	static const char *const names[] = {"family",
	                                    "microscope_id",
	                                    "temscript_version",
	                                    "voltage(kV)",
	                                    "stage_holder",
	                                    "stage_position",
	                                    "image_shift",
	                                    "beam_shift",
	                                    "beam_tilt",
	                                    "projection_sub_mode",
	                                    "projection_mode",
	                                    "projection_mode_string",
	                                    "magnification_index",
	                                    "indicated_camera_length",
	                                    "indicated_magnification",
	                                    "defocus",
	                                    "objective_excitation",
	                                    "intensity",
	                                    "condenser_stigmator",
	                                    "objective_stigmator",
	                                    "diffraction_shift",
	                                    "screen_current",
	                                    "screen_position",
	                                    "spot_size_index",
	                                    "illumination_mode",
	                                    "beam_blanked",
	                                    "stem_available",
	                                    "instrument_mode"};
	struct em_json *tree;
	double v;

	(void)state;
	assert_int_equal(GET("/v1/state"), 200);
	tree = em_json_parse(got.text.s, got.text.len, NULL);
	assert_non_null(tree);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_non_null(em_json_get(tree, names[i]));
	assert_null(em_json_get(tree, "stem_magnification"));
	assert_true(em_json_number(em_json_get(tree, "voltage(kV)"), &v) && v == 200);
	em_json_free(tree);
	fake.value[EM_MODE] = 1;
	assert_int_equal(GET("/v1/optics_state"), 200);
	assert_non_null(strstr(got.text.s, "\"stem_magnification\":50000.0,\"stem_rotation\":0.0}"));
}

/* ---- setting ---- */

static void every_endpoint_is_set(void **state)
{
	static const struct {
		const char *name, *body;
		enum em_control c;
		double value;
	} cases[] = {
	    {"image_shift", "[1e-8,2e-8]", EM_IMAGE_SHIFT_Y, 2e-8},
	    {"beam_shift", "[1e-8,2e-8]", EM_BEAM_SHIFT_X, 1e-8},
	    {"beam_tilt", "[1e-3,2e-3]", EM_BEAM_TILT_Y, 2e-3},
	    {"diffraction_shift", "[1e-3,2e-3]", EM_DIFFRACTION_SHIFT_X, 1e-3},
	    {"objective_stigmator", "[0.1,-0.1]", EM_STIGMATOR_Y, -0.1},
	    {"projection_mode", "\"DIFFRACTION\"", EM_PROJECTION, 1},
	    {"projection_mode", "1", EM_PROJECTION, 0},
	    {"instrument_mode", "\"STEM\"", EM_MODE, 1},
	    {"instrument_mode", "0", EM_MODE, 0},
	    {"screen_position", "\"DOWN\"", EM_SCREEN_DOWN, 1},
	    {"screen_position", "2", EM_SCREEN_DOWN, 0},
	    {"magnification_index", "26", EM_MAGNIFICATION, 1e5},
	    {"stem_magnification", "2e5", EM_MAGNIFICATION, 2e5},
	    {"stem_rotation", "0.5", EM_SCAN_ROTATION, 0.5},
	    {"defocus", "-2e-6", EM_DEFOCUS, -2e-6},
	    {"intensity", "0.25", EM_INTENSITY, 0.25},
	    {"convergence_angle", "0.02", EM_CONVERGENCE, 0.02},
	    {"spot_size_index", "5", EM_SPOT_SIZE, 5},
	    {"beam_blanked", "true", EM_BLANKED, 1},
	    {"beam_blanked", "0", EM_BLANKED, 0},
	    {"column_valves_open", "true", EM_VALVES_OPEN, 1},
	    {"stage_position", "{\"x\":1e-5,\"q\":7}", EM_STAGE_X, 1e-5},
	    {"stage_position?method=MOVE", "{\"a\":0.25}", EM_STAGE_A, 0.25},
	    {"stage_position?method=GO&speed=0.5", "{\"x\":2e-5}", EM_STAGE_X, 2e-5},
	    {"stage_position", "{}", EM_STAGE_X, 2e-5},
	};

	(void)state;
	fake.speed = 1;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char target[80];

		snprintf(target, sizeof(target), "/v1/%s", cases[i].name);
		if (PUT(target, cases[i].body) != 204)
			fail_msg("%s %s: %s", target, cases[i].body, em_text_get(&got.text));
		assert_int_equal(got.text.len, 0);
		assert_true(fake.value[cases[i].c] == cases[i].value);
	}
	assert_int_equal(PUT("/v1/projection_mode", "\"DIFFRACTION\""), 204);
	assert_int_equal(PUT("/v1/magnification_index", "6"), 204);
	assert_true(fake.value[EM_CAMERA_LENGTH] == 0.1 && fake.value[EM_MAGNIFICATION] == 2e5);
}

/* Stays where it is, and says so. */
static void what_is_not_modelled(void **state)
{
	static const struct {
		const char *name, *same, *other;
	} cases[] = {
	    {"condenser_stigmator", "[0,0]", "[0,0.1]"},
	    {"illuminated_area", "0.0", "1e-8"},
	    {"probe_defocus", "0", "1e-9"},
	    {"dark_field_mode", "\"OFF\"", "\"CONICAL\""},
	    {"illumination_mode", "\"MICROPROBE\"", "\"NANOPROBE\""},
	    {"condenser_mode", "\"PARALLEL\"", "\"PROBE\""},
	    {"normalize", "\"ALL\"", NULL},
	    {"stem_detector_param/HAADF", "{\"contrast\":0.5}", "{\"contrast\":1}"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char target[80];

		snprintf(target, sizeof(target), "/v1/%s", cases[i].name);
		assert_int_equal(PUT(target, cases[i].same), 204);
		if (!cases[i].other)
			continue;
		assert_int_equal(PUT(target, cases[i].other), 500);
		assert_non_null(strstr(got.text.s, "E_NOT_IMPLEMENTED"));
	}
	assert_int_equal(fake.sets, 0);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *method, *target, *body;
		int status;
		const char *text;
	} cases[] = {
	    {"PUT", "/v1/stage_position", "{\"x\":0.5}", 500, "limit"},
	    {"PUT", "/v1/stage_position?method=FLY", "{\"x\":0}", 500, "method"},
	    {"PUT", "/v1/stage_position?speed=nan", "{\"x\":0}", 500, "speed"},
	    {"PUT", "/v1/stage_position?speed=0", "{\"x\":0}", 500, "speed"},
	    {"PUT", "/v1/stage_position", "{\"x\":\"0\"}", 500, "not a value"},
	    {"PUT", "/v1/stage_position", "[0]", 500, "not a value"},
	    {"PUT", "/v1/defocus", "NaN", 500, ""},
	    {"PUT", "/v1/defocus", "Infinity", 500, ""},
	    {"PUT", "/v1/defocus", "1e999", 500, ""},
	    {"PUT", "/v1/defocus", "{bad", 500, ""},
	    {"PUT", "/v1/defocus", "", 500, ""},
	    {"PUT", "/v1/defocus", "\"1\"", 500, "not a value"},
	    {"PUT", "/v1/image_shift", "[1e-8]", 500, "not a value"},
	    {"PUT", "/v1/image_shift", "[1e-8,0,0]", 500, "not a value"},
	    {"PUT", "/v1/projection_mode", "\"BOGUS\"", 500, "not a value"},
	    {"PUT", "/v1/projection_mode", "3", 500, "not a value"},
	    {"PUT", "/v1/projection_mode", "0", 500, "not a value"},
	    {"PUT", "/v1/projection_mode", "1.5", 500, "not a value"},
	    {"PUT", "/v1/projection_mode", "1e300", 500, "not a value"},
	    {"PUT", "/v1/beam_blanked", "null", 500, "not a value"},
	    {"PUT", "/v1/magnification_index", "0", 500, "E_OUT_OF_RANGE"},
	    {"PUT", "/v1/magnification_index", "1e300", 500, "E_OUT_OF_RANGE"},
	    {"PUT", "/v1/magnification_index", "2.5", 500, "E_OUT_OF_RANGE"},
	    {"PUT", "/v1/normalize", "\"NOTHING\"", 500, "not a value"},
	    {"PUT", "/v1/camera_param/CCD", "{\"binning\":3}", 500, "binning"},
	    {"PUT", "/v1/camera_param/CCD", "{\"exposure(s)\":-1}", 500, "exposure"},
	    {"PUT", "/v1/camera_param/CCD", "{\"exposure(s)\":1e9}", 500, "exposure"},
	    {"PUT", "/v1/camera_param/CCD", "{\"colour\":1}", 500, "colour"},
	    {"PUT", "/v1/camera_param/CCD", "{\"correction\":\"NONE\"}", 500, "correction"},
	    {"PUT", "/v1/camera_param/CCD", "5", 500, "object"},
	    {"PUT", "/v1/voltage", "200", 404, "Unknown endpoint"},
	    {"PUT", "/v1/indicated_magnification", "1000", 404, "Unknown endpoint"},
	    {"PUT", "/v1/screen_current", "1e-9", 404, "Unknown endpoint"},
	    {"GET", "/v1/bogus", NULL, 404, "Unknown endpoint: /v1/bogus"},
	    {"GET", "/v1/", NULL, 404, "Unknown endpoint"},
	    {"GET", "/v2/version", NULL, 404, "Unknown API version"},
	    {"GET", "/", NULL, 404, "Unknown API version"},
	    {"GET", "/v1/camera_param/NOPE", NULL, 404, ""},
	    {"GET", "/v1/camera_param/HAADF", NULL, 404, ""},
	    {"GET", "/v1/camera_param/EELS", NULL, 404, ""},
	    {"GET", "/v1/stem_detector_param/CCD", NULL, 404, ""},
	    {"GET", "/v1/normalize", NULL, 404, ""},
	    {"POST", "/v1/defocus", "1", 501, "Unsupported method"},
	    {"DELETE", "/v1/defocus", NULL, 501, "Unsupported method"},
	    {"GET", "/em/v1/truth", NULL, 404, ""},
	    {"GET", "/em/v1/../../etc/passwd", NULL, 404, ""},
	    {"GET", "/em/v1/acquire", NULL, 500, "E_NOT_IMPLEMENTED"},
	    {"GET", "/em/v1/acquire?detector=CCD&width=1e9", NULL, 500, "width"},
	    {"GET", "/em/v1/acquire?detector=CCD&seconds=nan", NULL, 500, "seconds"},
	    {"GET", "/em/v1/acquire?detector=CCD&seconds=", NULL, 500, "seconds"},
	    {"GET", "/em/v1/acquire?detector=CCD&seconds=-1", NULL, 500, "seconds"},
	    {"PUT", "/em/v1/controls", "{\"stage.q\":1}", 500, "stage.q"},
	    {"PUT", "/em/v1/controls", "{\"mode\":1}", 500, "mode"},
	    {"PUT", "/em/v1/controls", "{\"beam.blanked\":1}", 500, "beam.blanked"},
	    {"PUT", "/em/v1/controls", "{\"voltage\":1}", 500, "E_NOT_IMPLEMENTED"},
	    {"PUT", "/em/v1/acquire", "1", 404, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int status = ask(cases[i].method, cases[i].target, cases[i].body);

		if (status != cases[i].status || !strstr(em_text_get(&got.text), cases[i].text))
			fail_msg("%s %s %s: %d %s", cases[i].method, cases[i].target,
			         cases[i].body ? cases[i].body : "", status, em_text_get(&got.text));
	}
	assert_int_equal(fake.sets, 0);
	assert_int_equal(fake.exposures, 0);
}

/* 204 means that it is there. */
static void moves_are_read_back(void **state)
{
	static const struct {
		enum fake_fault fault;
		int status;
		const char *text;
	} cases[] = {{FAKE_CLAMP, 500, "E_VALUE_CLIP"},
	             {FAKE_SHORT, 500, "E_VALUE_CLIP"},
	             {FAKE_IGNORE, 500, "E_VALUE_CLIP"},
	             {FAKE_REFUSE, 500, "it will not"},
	             {FAKE_FINE, 204, ""}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		fake.fault = cases[i].fault;
		assert_int_equal(PUT("/v1/stage_position", "{\"x\":5e-5}"), cases[i].status);
		assert_non_null(strstr(em_text_get(&got.text), cases[i].text));
	}
	fake.fault = FAKE_DROP;
	assert_int_equal(PUT("/v1/defocus", "1e-6"), 504);
}

/* ---- detectors ---- */

static void settings_are_kept(void **state)
{
	(void)state;
	assert_int_equal(PUT("/v1/camera_param/CCD", "{\"binning\":2,\"exposure(s)\":0.25,\"image_size\":\"HALF\"}"),
	                 204);
	assert_int_equal(PUT("/v1/camera_param/CCD", "{\"binning\":4,\"colour\":1}"), 500); /* all or nothing */
	assert_int_equal(GET("/v1/camera_param/CCD"), 200);
	assert_non_null(strstr(got.text.s, "{\"image_size\":\"HALF\",\"binning\":2,\"exposure(s)\":0.25,"));
	/* any text is true, as Python's bool has it: 0 too */
	assert_int_equal(PUT("/v1/camera_param/CCD?ignore_errors=0", "{\"binning\":4,\"colour\":1}"), 204);
	assert_int_equal(PUT("/v1/stem_acquisition_param", "{\"dwell_time(s)\":5e-6,\"image_size\":2}"), 204);
	says("/v1/stem_acquisition_param", "{\"image_size\":\"QUARTER\",\"binning\":1,\"dwell_time(s)\":5e-06}");
}

static void image_of(const char *name, struct em_array *a)
{
	struct em_temscript_reply r;
	struct em_error err = {0};

	assert_int_equal(em_temscript_reply_parse(&r, em_text_get(&got.text), got.text.len, NULL), 0);
	if (em_temscript_reply_image(&r, em_json_get(r.tree, name), a, &err))
		fail_msg("%s", err.text);
	em_temscript_reply_release(&r);
}

static void images_arrive(void **state)
{
	struct em_array a, want;

	(void)state;
	assert_int_equal(PUT("/v1/camera_param/CCD", "{\"binning\":2,\"image_size\":\"HALF\"}"), 204);
	assert_int_equal(GET("/v1/acquire?detectors=CCD&detectors=EELS&detectors=NOPE&detectors=CCD"), 200);
	assert_int_equal(fake.exposures, 1);
	image_of("CCD", &a);
	assert_true(a.dtype == EM_U16 && a.shape[0] == 12 && a.shape[1] == 16);
	assert_int_equal(em_array_alloc_image(&want, EM_U16, 12, 16, NULL), 0);
	fake_picture(&want, 0);
	assert_memory_equal(a.data, want.data, em_array_bytes(&want));
	em_array_release(&a);
	em_array_release(&want);
	assert_int_equal(GET("/v1/acquire?detectors=HAADF&detectors=CCD"), 200);
	assert_int_equal(fake.exposures, 3);
	image_of("HAADF", &a);
	em_array_release(&a);
	image_of("CCD", &a);
	em_array_release(&a);
	fake.fault = FAKE_NO_DETECTOR;
	assert_int_equal(GET("/v1/acquire?detectors=HAADF"), 500);
	assert_non_null(strstr(got.text.s, "retracted"));
}

/* ---- under our own prefix ---- */

static void our_own(void **state)
{
	struct em_array a;
	struct em_json *tree;

	(void)state;
	says("/em/v1/version", "\"1\"");
	assert_int_equal(GET("/em/v1/capabilities"), 200);
	tree = em_json_parse(got.text.s, got.text.len, NULL);
	assert_int_equal(em_json_size(em_json_get(tree, "readable")), EM_CONTROLS);
	assert_int_equal(em_json_size(em_json_get(tree, "writable")), EM_CONTROLS - 2);
	assert_string_equal(em_json_string(em_json_find(tree, "detectors.EELS.kind")), "spectrometer");
	em_json_free(tree);
	assert_int_equal(PUT("/em/v1/controls", "{\"mag\":12345,\"mode\":\"stem\",\"beam.blanked\":true,"
	                                        "\"energy.offset\":-20}"),
	                 204);
	assert_true(fake.value[EM_MAGNIFICATION] == 12345 && fake.value[EM_MODE] == 1 && fake.value[EM_BLANKED] == 1);
	assert_int_equal(GET("/em/v1/controls"), 200);
	assert_non_null(strstr(got.text.s, "\"mode\":\"stem\",\"projection\":\"imaging\",\"mag\":12345.0"));
	assert_non_null(strstr(got.text.s, "\"beam.blanked\":true"));
	assert_non_null(strstr(got.text.s, "\"energy.offset\":-20.0"));
	assert_int_equal(GET("/em/v1/acquire?detector=EELS&seconds=0.1"), 200);
	image_of("EELS", &a);
	assert_true(a.dtype == EM_I32 && a.shape[0] == 1 && a.shape[1] == 128);
	em_array_release(&a);
	assert_non_null(strstr(got.text.s, "\"spectrum\":true,\"scale\":[0.25,0.25]"));
	assert_non_null(strstr(got.text.s, "\"offset\":-10.0,\"seconds\":0.5,\"dose\":null,\"electrons\":2.0}}"));
	atomic_store(&site.waiting, 32);
	assert_int_equal(GET("/em/v1/version"), 504);
	assert_int_equal(PUT("/em/v1/stop", "true"), 204);
	assert_int_equal(fake.stops, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_endpoint_is_read), TEST(modes_decide),    TEST(the_state_is_whole),  TEST(every_endpoint_is_set),
	    TEST(what_is_not_modelled),   TEST(what_is_refused), TEST(moves_are_read_back), TEST(settings_are_kept),
	    TEST(images_arrive),          TEST(our_own),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, fake_make_folder, fake_remove_folder);
}
