/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Detectors and exposures of the temscript client: what it asks, and what it believes. */
#include "scope/temscript.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire_help.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define OK(request, body)                                                                                              \
	{                                                                                                              \
		request, "200 OK", body, 0, NULL, 0, 0                                                                 \
	}
#define ONCE(request, body)                                                                                            \
	{                                                                                                              \
		request, "200 OK", body, 1, NULL, 0, 0                                                                 \
	}
#define TAKEN(request)                                                                                                 \
	{                                                                                                              \
		request, "204 No Content", NULL, 0, NULL, 0, 0                                                         \
	}

#define CAMERAS "{\"CCD 1\": {\"type\": \"CAMERA\", \"width\": 8, \"height\": 4, \"pixel_size(um)\": 24}}"
#define SCANS "{\"HAADF\": {\"type\": \"STEM_DETECTOR\", \"binnings\": [1, 2]}}"
#define SETTING(size, binning, time) "{\"image_size\": \"" size "\", \"binning\": " binning ", " time "}"
#define IMAGE(w, h, data)                                                                                              \
	"\"width\": " w ", \"height\": " h ", \"type\": \"UINT8\", \"endianness\": \"LITTLE\", \"encoding\": "         \
	"\"BASE64\", \"data\": \"" data "\""

static const struct em_driver *driver;
static void *self;

static void open_to(struct wire_rule *rules, size_t n)
{
	char url[64];

	wire_start(rules, n, url);
	driver = em_driver_http.open(url, NULL, 10, &self, NULL);
	assert_non_null(driver);
}

static void close_all(void)
{
	driver->close(self);
	wire_stop();
}

static int acquire(struct wire_rule *rules, size_t n, const struct em_exposure *e, struct em_acquired *a,
                   struct em_error *err)
{
	int rc;

	open_to(rules, n);
	rc = driver->acquire(self, 5, e, a, err);
	close_all();
	return rc;
}

/* One that says nothing of itself, and one that is as emctl serve. */
static void capabilities(void **state)
{
	struct wire_rule plain[] = {OK("GET /v1/family ", "\"TITAN\""), OK("GET /v1/microscope_id ", "\"tem-pc\""),
	                            OK("GET /v1/version ", "\"2.1.1\""),
	                            OK("GET /v1/cameras ",
	                               "{\"CCD\": {\"width\": 2048, \"height\": 1024, \"pixel_size(um)\": "
	                               "[14.0, 14.0]}, \"a name that is longer than thirty-two "
	                               "characters\": {}, \"K2\": 5}"),
	                            OK("GET /v1/stem_detectors ", SCANS)};
	struct wire_rule ours =
	    OK("GET /em/v1/capabilities ",
	       "{\"family\": \"simulator\", \"id\": \"a\", \"version\": \"1\", \"can_stop\": true, "
	       "\"readable\": [\"stage.x\", \"energy.offset\", \"later.on\", 5], \"writable\": "
	       "[\"stage.x\"], \"detectors\": {\"EELS\": {\"kind\": \"spectrometer\", \"width\": 2048, "
	       "\"height\": 1, \"pixel_m\": 0, \"inserted\": false}}}");
	struct em_capabilities c;

	(void)state;
	open_to(plain, COUNT(plain));
	assert_int_equal(driver->capabilities(self, 5, &c, NULL), 0);
	close_all();
	assert_string_equal(c.family, "TITAN");
	assert_string_equal(c.id, "tem-pc");
	assert_int_equal(c.detectors, 3);
	assert_true(c.detector[0].width == 2048 && c.detector[0].height == 1024 && c.detector[0].pixel_m == 14e-6);
	assert_true(c.detector[1].width == 0 && c.detector[1].pixel_m == 0);
	assert_string_equal(c.detector[2].name, "HAADF");
	assert_int_equal(c.detector[2].kind, EM_DETECTOR_SCAN);
	assert_true(c.readable.known[EM_VOLTAGE] && !c.writable.known[EM_VOLTAGE] && c.writable.known[EM_STAGE_B]);
	assert_false(c.readable.known[EM_ENERGY_OFFSET] || c.can_stop);
	open_to(&ours, 1);
	assert_int_equal(driver->capabilities(self, 5, &c, NULL), 0);
	close_all();
	assert_true(c.can_stop && c.readable.known[EM_ENERGY_OFFSET] && !c.writable.known[EM_ENERGY_OFFSET]);
	assert_true(c.readable.known[EM_STAGE_X] && !c.readable.known[EM_STAGE_Y]);
	assert_true(c.detectors == 1 && c.detector[0].kind == EM_DETECTOR_SPECTROMETER && !c.detector[0].inserted);
}

/* What is asked in which order: settings only where they differ, and read again. */
static void a_camera(void **state)
{
	struct wire_rule rules[] = {
	    OK("GET /v1/cameras ", CAMERAS),
	    ONCE("GET /v1/camera_param/CCD%201 ", SETTING("QUARTER", "1", "\"exposure(s)\": 1.0")),
	    OK("GET /v1/camera_param/CCD%201 ", SETTING("HALF", "2", "\"exposure(s)\": 0.5")),
	    TAKEN("PUT /v1/camera_param/CCD%201 "),
	    OK("GET /v1/acquire?detectors=CCD%201 ", "{\"CCD 1\": {" IMAGE("2", "1", "/wI=") "}}"),
	};
	const struct em_exposure e = {.detector = "CCD 1", .binning = 2, .width = 2, .height = 1, .seconds = 0.5};
	struct em_acquired a;

	(void)state;
	assert_int_equal(acquire(rules, COUNT(rules), &e, &a, NULL), 0);
	assert_true(a.data.shape[0] == 1 && a.data.shape[1] == 2 && em_array_get(&a.data, 0) == 255);
	assert_true(isnan(a.dose) && isnan(a.scale[0]) && isnan(a.to_stage[1][0]) && isnan(a.electrons) &&
	            a.seconds >= 0);
	em_array_release(&a.data);
	assert_string_equal(wire.log[3], "PUT /v1/camera_param/CCD%201 HTTP/1.0 "
	                                 "{\"image_size\":\"HALF\",\"binning\":2,\"exposure(s)\":0.5}");
	assert_int_equal(wire.requests, 6);
	rules[1].times = -1; /* as it is to be: nothing is set */
	assert_int_equal(acquire(rules, COUNT(rules), &e, &a, NULL), 0);
	em_array_release(&a.data);
	assert_int_equal(wire.requests, 4);
}

static void a_scan(void **state)
{
	struct wire_rule rules[] = {
	    OK("GET /v1/cameras ", CAMERAS),
	    OK("GET /v1/stem_detectors ", SCANS),
	    ONCE("GET /v1/stem_acquisition_param ", SETTING("FULL", "1", "\"dwell_time(s)\": 1e-06")),
	    OK("GET /v1/stem_acquisition_param ", SETTING("FULL", "4", "\"dwell_time(s)\": 5.0001e-06")),
	    TAKEN("PUT /v1/stem_acquisition_param "),
	    OK("GET /v1/acquire?detectors=HAADF ", "{\"HAADF\": {" IMAGE("2", "1", "/wI=") "}}"),
	};
	struct em_exposure e = {.detector = "HAADF", .binning = 4, .dwell = 5e-6};
	struct em_acquired a;
	struct em_error err = {0};

	(void)state;
	assert_int_equal(acquire(rules, COUNT(rules), &e, &a, NULL), 0);
	em_array_release(&a.data);
	e.width = e.height = 2; /* it does not say what it has, and gives something else */
	assert_int_equal(acquire(rules, COUNT(rules), &e, &a, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_MISSED);
}

static void what_it_will_not_take(void **state)
{
	struct wire_rule rules[] = {
	    OK("GET /v1/cameras ", CAMERAS),
	    OK("GET /v1/stem_detectors ", "{}"),
	    OK("GET /v1/camera_param/CCD%201 ", SETTING("FULL", "1", "\"exposure(s)\": 1.0")),
	    TAKEN("PUT /v1/camera_param/CCD%201 "),
	    OK("GET /v1/acquire", "{}"),
	};
	static const struct {
		struct em_exposure e;
		enum em_error_kind kind;
	} cases[] = {
	    {{.detector = "CCD 1", .seconds = 0.5}, EM_ERROR_MISSED}, /* 204, and then as it was */
	    {{.detector = "CCD 1", .binning = 2}, EM_ERROR_MISSED},
	    {{.detector = "CCD 1", .width = 4, .height = 2}, EM_ERROR_MISSED},
	    {{.detector = "CCD 1", .width = 3, .height = 2}, EM_ERROR_UNSUPPORTED},
	    {{.detector = "CCD 1", .width = 8, .height = 4, .binning = 9}, EM_ERROR_UNSUPPORTED},
	    {{.detector = "HAADF"}, EM_ERROR_UNSUPPORTED},
	    {{.detector = "CCD 1"}, EM_ERROR_REFUSED}, /* {} */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct em_acquired a;
		struct em_error err = {0};

		assert_int_equal(acquire(rules, COUNT(rules), &cases[i].e, &a, &err), -1);
		assert_int_equal(err.kind, cases[i].kind);
	}
}

static void broken_images(void **state)
{
	static const struct {
		const char *body;
		size_t cut;
		enum em_error_kind kind;
	} cases[] = {
	    {"{\"CCD 1\": {" IMAGE("8", "4", "/wI=") "}}", 0, EM_ERROR_DATA},
	    {"{\"CCD 1\": {" IMAGE("1e9", "1e9", "/wI=") "}}", 0, EM_ERROR_DATA},
	    {"{\"CCD 1\": {" IMAGE("2", "1", "/w!=") "}}", 0, EM_ERROR_DATA},
	    {"{\"CCD 1\": {" IMAGE("2", "1", "/wI=") "}}", 40, EM_ERROR_UNREACHABLE},
	    {"{\"CCD 1\": \"no\"}", 0, EM_ERROR_DATA},
	    {"[]", 0, EM_ERROR_REFUSED},
	};
	const struct em_exposure e = {.detector = "CCD 1"};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wire_rule rules[] = {
		    OK("GET /v1/cameras ", CAMERAS),
		    OK("GET /v1/camera_param/CCD%201 ", SETTING("FULL", "1", "\"exposure(s)\": 1.0")),
		    OK("GET /v1/acquire", NULL),
		};
		struct em_acquired a;
		struct em_error err = {0};

		rules[2].body = cases[i].body;
		rules[2].cut = cases[i].cut;
		assert_int_equal(acquire(rules, COUNT(rules), &e, &a, &err), -1);
		assert_int_equal(err.kind, cases[i].kind);
	}
}

/* Of emctl's server: one request, and all that an image knows. */
static void our_own(void **state)
{
	struct wire_rule rules[] = {
	    OK("GET /em/v1/version ", "\"1\""),
	    OK("GET /em/v1/acquire?detector=CCD%201&width=2&height=1&binning=4&seconds=0.5 ",
	       "{\"CCD 1\": {" IMAGE("2", "1",
	                             "/wI=") ", \"spectrum\": false, \"scale\": [2e-9, 1e-9], \"offset\": null, "
	                                     "\"to_stage\": [[1e-9, 0], [null, -1e-9]], \"seconds\": 0.75, "
	                                     "\"dose\": 1e20, \"electrons\": NaN}}"),
	    OK("GET /em/v1/acquire?detector=EELS ",
	       "{\"EELS\": {" IMAGE("2", "1",
	                            "/wI=") ", \"spectrum\": true, \"scale\": [0.25, 0.25], \"offset\": -20}}"),
	};
	const struct em_exposure e = {.detector = "CCD 1", .binning = 4, .width = 2, .height = 1, .seconds = 0.5};
	const struct em_exposure loss = {.detector = "EELS"};
	struct em_acquired a;

	(void)state;
	assert_int_equal(acquire(rules, COUNT(rules), &e, &a, NULL), 0);
	assert_int_equal(wire.requests, 2);
	assert_true(a.data.ndim == 2 && a.scale[0] == 2e-9 && a.scale[1] == 1e-9 && isnan(a.offset));
	assert_true(a.to_stage[0][0] == 1e-9 && a.to_stage[0][1] == 0 && isnan(a.to_stage[1][1]));
	assert_true(a.seconds == 0.75 && a.dose == 1e20 && isnan(a.electrons));
	em_array_release(&a.data);
	assert_int_equal(acquire(rules, COUNT(rules), &loss, &a, NULL), 0);
	assert_true(a.data.ndim == 1 && a.data.shape[0] == 2 && a.scale[1] == 0.25 && a.offset == -20);
	em_array_release(&a.data);
}

static int expect(struct wire_rule *rules, size_t n, const struct em_exposure *e, struct em_acquired *a)
{
	int rc;

	*a = (struct em_acquired){.scale = {NAN, NAN}, .seconds = NAN, .dose = NAN};
	open_to(rules, n);
	rc = driver->expect(self, 5, e, a, NULL);
	close_all();
	return rc;
}

/* Before: of emctl's server all of it, of others the time that is set there; and nothing is set nor exposed. */
static void what_is_to_come(void **state)
{
	struct wire_rule ours[] = {
	    OK("GET /em/v1/version ", "\"1\""),
	    OK("GET /em/v1/expect?detector=CCD%201&binning=4 ",
	       "{\"CCD 1\": {\"scale\": [2e-9, 1e-9], \"seconds\": 0.75, \"dose\": 1e20, \"electrons\": null}}"),
	};
	struct wire_rule plain[] = {
	    OK("GET /v1/cameras ", CAMERAS),
	    OK("GET /v1/camera_param/CCD%201 ", SETTING("FULL", "1", "\"exposure(s)\": 2.5")),
	    OK("GET /v1/stem_detectors ", "{\"HAADF\": {\"width\": 100, \"height\": 50}}"),
	    OK("GET /v1/stem_acquisition_param ", SETTING("FULL", "1", "\"dwell_time(s)\": 1e-06")),
	};
	struct em_exposure ccd = {.detector = "CCD 1", .binning = 4}, scan = {.detector = "HAADF", .binning = 2};
	struct em_acquired a;

	(void)state;
	assert_int_equal(expect(ours, COUNT(ours), &ccd, &a), 0);
	assert_true(a.dose == 1e20 && a.seconds == 0.75 && a.scale[1] == 1e-9 && isnan(a.electrons));
	assert_int_equal(expect(plain, COUNT(plain), &ccd, &a), 0);
	assert_true(a.seconds == 2.5 && isnan(a.dose));
	assert_int_equal(expect(plain, COUNT(plain), &scan, &a), 0);
	assert_true(fabs(a.seconds - 50 * 25 * 1e-6) < 1e-12 && isnan(a.dose));
	ccd.seconds = 1; /* asked for: nothing to look up */
	assert_int_equal(expect(plain, COUNT(plain), &ccd, &a), 0);
	assert_int_equal(wire.requests, 1);
}

/* Only an image may be large. */
static void a_number_is_not_a_gigabyte(void **state)
{
	struct em_controls want = {.known = {[EM_STAGE_X] = true}}, got;
	size_t n = (size_t)2 << 20;
	char *body = malloc(n + 1);
	struct wire_rule rules[] = {OK("GET /v1/stage_position ", body)};
	struct em_error err = {0};

	(void)state;
	memset(body, ' ', n);
	memcpy(body, "{\"x\":1}", 7);
	body[n] = '\0';
	open_to(rules, 1);
	assert_int_equal(driver->get(self, 5, &want, &got, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	body[1000] = '\0';
	assert_int_equal(driver->get(self, 5, &want, &got, NULL), 0);
	assert_true(got.value[EM_STAGE_X] == 1);
	close_all();
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(capabilities),    cmocka_unit_test(a_camera),
	    cmocka_unit_test(a_scan),          cmocka_unit_test(what_it_will_not_take),
	    cmocka_unit_test(broken_images),   cmocka_unit_test(our_own),
	    cmocka_unit_test(what_is_to_come), cmocka_unit_test(a_number_is_not_a_gigabyte),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
