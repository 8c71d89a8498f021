/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The temscript client against replies as the public null server gives them, and what is asked of it. */
#include "scope/temscript.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
#define FAULT(request, status, message)                                                                                \
	{                                                                                                              \
		request, status, "<html>\n <p>Error code: 5</p>\n <p>Message: " message ".</p>\n</html>", 0, NULL, 0,  \
		    0                                                                                                  \
	}

static const struct em_driver *driver;
static void *self;

static void open_to(struct wire_rule *rules, size_t n, const char *options)
{
	char url[64], rest[128];

	wire_start(rules, n, url);
	snprintf(rest, sizeof(rest), "%s%s", url, options);
	driver = em_driver_http.open(rest, NULL, 10, &self, NULL);
	assert_non_null(driver);
}

static void close_all(void)
{
	driver->close(self);
	wire_stop();
}

static struct em_controls wanted(const char *names)
{
	struct em_controls c = {0};

	while (*names) {
		size_t n = strcspn(names, " ");

		c.known[em_control_find(names, n)] = true;
		names += n + (names[n] == ' ');
	}
	return c;
}

static void parse(struct em_controls *c, const char *text)
{
	enum em_control which;
	double v;
	bool relative;

	assert_int_equal(em_control_parse(text, &which, &v, &relative, NULL), 0);
	em_controls_set(c, which, v);
}

static void requests_are(const char *const *lines, size_t n)
{
	assert_int_equal(wire.requests, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(wire.log[i], lines[i]);
}

/* ---- reading ---- */

static void few_are_read_one_by_one(void **state)
{
	struct wire_rule rules[] = {
	    OK("GET /v1/stage_position ", "{\"x\": 1.25e-05, \"y\": -4e-06, \"z\": 0.0, \"a\": 0.1745329, \"b\": 0.0}"),
	    OK("GET /v1/voltage ", "200.0"),
	};
	static const char *const asked[] = {"GET /v1/stage_position HTTP/1.0 ", "GET /v1/voltage HTTP/1.0 "};
	struct em_controls want = wanted("stage.y stage.a voltage"), got;

	(void)state;
	open_to(rules, COUNT(rules), "");
	assert_int_equal(driver->get(self, 5, &want, &got, NULL), 0);
	close_all();
	assert_true(got.value[EM_STAGE_Y] == -4e-6 && got.value[EM_STAGE_A] == 0.1745329);
	assert_true(got.value[EM_VOLTAGE] == 200e3);
	assert_false(got.known[EM_STAGE_X]); /* nobody wanted it */
	requests_are(asked, COUNT(asked));
}

/* What version 1 has is known without a question; of the rest the server says. */
static void what_can_be_done_costs_nothing(void **state)
{
	struct wire_rule rules[] = {OK("GET /em/v1/capabilities ", "{\"readable\":[\"energy.offset\"]}")};
	struct em_controls which = wanted("stage.x mag voltage"), r = {0}, w = {0};

	(void)state;
	open_to(rules, COUNT(rules), "");
	assert_int_equal(driver->can(self, 5, &which, &r, &w, NULL), 0);
	assert_true(r.known[EM_STAGE_X] && w.known[EM_STAGE_X] && r.known[EM_VOLTAGE] && !w.known[EM_VOLTAGE]);
	which = wanted("energy.offset");
	assert_int_equal(driver->can(self, 5, &which, &r, &w, NULL), 0);
	close_all();
	assert_true(r.known[EM_ENERGY_OFFSET] && !w.known[EM_ENERGY_OFFSET] && wire.requests == 1);
}

#define STATE                                                                                                          \
	"{\"family\": \"TITAN\", \"voltage(kV)\": 300.0, \"image_shift\": [1e-07, -2e-07], \"projection_mode\": "      \
	"\"IMAGING\", \"indicated_magnification\": 100000, \"indicated_camera_length\": 0, \"defocus\": NaN, "         \
	"\"screen_position\": \"DOWN\", \"beam_blanked\": false, \"screen_current\": 1e-09, \"instrument_mode\": "

static void many_are_read_at_once(void **state)
{
	struct wire_rule rules[] = {OK("GET /v1/state ", STATE "\"TEM\"}"), OK("GET /v1/column_valves_open ", "true"),
	                            OK("GET /v1/stage_position ", "{\"x\": 1e-6}")};
	struct em_controls want =
	                       wanted("mode projection mag camera_length defocus image_shift.x image_shift.y voltage "
	                              "screen.down beam.blanked beam.current valves.open stage.x stage.z"),
	                   got;

	(void)state;
	open_to(rules, COUNT(rules), "");
	assert_int_equal(driver->get(self, 5, &want, &got, NULL), 0);
	close_all();
	assert_true(got.known[EM_MODE] && got.value[EM_MODE] == 0);
	assert_true(got.known[EM_PROJECTION] && got.value[EM_PROJECTION] == 0);
	assert_true(got.value[EM_MAGNIFICATION] == 1e5 && got.value[EM_VOLTAGE] == 300e3);
	assert_true(got.value[EM_IMAGE_SHIFT_X] == 1e-7 && got.value[EM_IMAGE_SHIFT_Y] == -2e-7);
	assert_true(got.value[EM_SCREEN_DOWN] == 1 && got.known[EM_BLANKED] && got.value[EM_BLANKED] == 0);
	assert_true(got.value[EM_BEAM_CURRENT] == 1e-9 && got.value[EM_VALVES_OPEN] == 1);
	assert_true(got.value[EM_STAGE_X] == 1e-6);
	/* NaN is no number, 0 no camera length, and an axis may not be there */
	assert_false(got.known[EM_DEFOCUS] || got.known[EM_CAMERA_LENGTH] || got.known[EM_STAGE_Z]);
}

static void a_stem_has_its_own_magnification(void **state)
{
	struct wire_rule rules[] = {OK("GET /v1/state ", STATE "\"STEM\", \"stem_magnification\": 2.5e5}"),
	                            OK("GET /v1/instrument_mode ", "\"STEM\""),
	                            OK("GET /v1/stem_magnification ", "3e5")};
	struct em_controls want = wanted("mode mag projection"), only = wanted("mag"), got;

	(void)state;
	open_to(rules, COUNT(rules), "");
	assert_int_equal(driver->get(self, 5, &want, &got, NULL), 0);
	assert_true(got.value[EM_MAGNIFICATION] == 2.5e5);
	assert_int_equal(driver->get(self, 5, &only, &got, NULL), 0);
	assert_true(got.value[EM_MAGNIFICATION] == 3e5);
	close_all();
}

/* By what comes instead of a value. */
static void no_values(void **state)
{
	static const struct {
		const char *control, *status, *body;
		enum em_error_kind kind;
	} cases[] = {
	    {"defocus", "200 OK", "NaN", EM_ERROR_DATA},
	    {"defocus", "200 OK", "-Infinity", EM_ERROR_DATA},
	    {"defocus", "200 OK", "\"1e-6\"", EM_ERROR_DATA},
	    {"defocus", "200 OK", "[1e-6]", EM_ERROR_DATA},
	    {"defocus", "200 OK", "1e999", EM_ERROR_DATA},
	    {"defocus", "200 OK", "", EM_ERROR_DATA},
	    {"defocus", "200 OK", "<html>", EM_ERROR_DATA},
	    {"beam.blanked", "200 OK", "NaN", EM_ERROR_DATA},
	    {"beam.blanked", "200 OK", "1", EM_ERROR_DATA},
	    {"image_shift.y", "200 OK", "[1e-6]", EM_ERROR_DATA},
	    {"image_shift.x", "200 OK", "{\"x\":1}", EM_ERROR_DATA},
	    {"stage.x", "200 OK", "[1,2,3]", EM_ERROR_DATA},
	    {"screen.down", "200 OK", "\"UNKNOWN\"", EM_ERROR_DATA},
	    {"projection", "200 OK", "\"DIFFRACTIO\"", EM_ERROR_DATA},
	    {"defocus", "302 Found", "", EM_ERROR_DATA},
	    {"energy.offset", "404 none", "", EM_ERROR_UNSUPPORTED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wire_rule rule = {"GET ", cases[i].status, cases[i].body, 0, NULL, 0, 0};
		struct em_controls want = wanted(cases[i].control), got;
		struct em_error err = {0};

		open_to(&rule, 1, "");
		assert_int_equal(driver->get(self, 5, &want, &got, &err), -1);
		assert_int_equal(err.kind, cases[i].kind);
		close_all();
	}
}

/* ---- errors ---- */

static void faults(void **state)
{
	static const struct {
		struct wire_rule rule;
		enum em_error_kind kind;
		const char *text;
	} cases[] = {
	    {FAULT("PUT", "500 x", "Error handling request '/v1/defocus': a &lt; b &amp;amp; c"), EM_ERROR_REFUSED,
	     "a < b &amp; c (HTTP 500)"},
	    {{"PUT", "500 Only the phrase", NULL, 0, NULL, 0, 0}, EM_ERROR_REFUSED, "Only the phrase"},
	    {{"PUT", "500 ", "<p>Message: unfinished", 0, NULL, 0, 0}, EM_ERROR_REFUSED, "no reason given"},
	    {FAULT("PUT", "500 x", "[WinError -2147155970] clipped"), EM_ERROR_MISSED, "E_VALUE_CLIP: "},
	    {FAULT("PUT", "500 x", "COM error 0x8004FFFD"), EM_ERROR_REFUSED, "E_OUT_OF_RANGE: "},
	    {FAULT("PUT", "500 x", "E_NOT_IMPLEMENTED: no"), EM_ERROR_UNSUPPORTED, "E_NOT_IMPLEMENTED: no"},
	    {FAULT("PUT", "404 x", "Unknown endpoint: 'defocus'"), EM_ERROR_UNSUPPORTED, "Unknown endpoint"},
	    {FAULT("PUT", "404 x", "Unknown detector"), EM_ERROR_REFUSED, "Unknown detector"},
	    {FAULT("PUT", "401 x", "a token is needed"), EM_ERROR_REFUSED, "a token"},
	    {FAULT("PUT", "501 x", "Unsupported method"), EM_ERROR_UNSUPPORTED, "Unsupported"},
	    {FAULT("PUT", "504 x", "nobody behind it"), EM_ERROR_UNREACHABLE, "nobody"},
	    {{"PUT", NULL, NULL, 0, "HTTP/1.0 20", 0, 0}, EM_ERROR_UNREACHABLE, "closed"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wire_rule rule = cases[i].rule;
		struct em_controls want = {0};
		struct em_error err = {0};

		open_to(&rule, 1, "");
		parse(&want, "defocus=-1um");
		assert_int_equal(driver->set(self, 5, &want, &err), -1);
		assert_int_equal(err.kind, cases[i].kind);
		assert_non_null(strstr(err.text, cases[i].text));
		close_all();
	}
}

static void deadlines(void **state)
{
	struct wire_rule rule = {"GET", "200 OK", "1.0", 0, NULL, 0, 30};
	struct em_controls want = wanted("defocus intensity"), got;
	struct em_error err = {0};

	(void)state;
	open_to(&rule, 1, "");
	assert_int_equal(driver->get(self, 0.2, &want, &got, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNREACHABLE);
	close_all();
	assert_int_equal(wire.requests, 1); /* and not another one after the deadline */
}

/* ---- setting ---- */

static void order_of_a_move(void **state)
{
	struct wire_rule rules[] = {TAKEN("PUT"), OK("GET /v1/beam_tilt ", "[0.001, 0.002]")};
	static const char *const asked[] = {
	    "PUT /v1/instrument_mode HTTP/1.0 \"STEM\"",
	    "PUT /v1/projection_mode HTTP/1.0 \"IMAGING\"",
	    "PUT /v1/defocus HTTP/1.0 -9.9999999999999995e-07",
	    "PUT /v1/image_shift HTTP/1.0 [1e-08,2e-08]",
	    "GET /v1/beam_tilt HTTP/1.0 ",
	    "PUT /v1/beam_tilt HTTP/1.0 [0.001,0.0050000000000000001]",
	    "PUT /v1/spot_size_index HTTP/1.0 3",
	    "PUT /v1/screen_position HTTP/1.0 \"UP\"",
	    "PUT /v1/column_valves_open HTTP/1.0 true",
	    "PUT /v1/stage_position?method=GO HTTP/1.0 {\"x\":0.001953125,\"b\":-0.25}",
	    "PUT /v1/beam_blanked HTTP/1.0 false",
	};
	static const char *const texts[] = {
	    "beam.blanked=off",   "stage.b=-0.25rad", "stage.x=1.953125mm", "mode=stem",
	    "projection=imaging", "defocus=-1um",     "image_shift.x=10nm", "image_shift.y=20nm",
	    "beam_tilt.y=5mrad",  "spot=3",           "screen.down=off",    "valves.open=on"};
	struct em_controls want = {0};

	(void)state;
	open_to(rules, COUNT(rules), "");
	for (size_t i = 0; i < COUNT(texts); i++)
		parse(&want, texts[i]);
	assert_int_equal(driver->set(self, 5, &want, NULL), 0);
	close_all();
	requests_are(asked, COUNT(asked));
}

static void blanking_comes_first(void **state)
{
	struct wire_rule rules[] = {TAKEN("PUT")};
	static const char *const asked[] = {"PUT /v1/beam_blanked HTTP/1.0 true",
	                                    "PUT /v1/stage_position?method=GO&speed=0.25 HTTP/1.0 {\"x\":0.0009765625}",
	                                    "PUT /v1/stage_position?method=GO&speed=0.25 HTTP/1.0 {\"a\":0.5}"};
	struct em_controls want = {0};

	(void)state;
	open_to(rules, COUNT(rules), "?speed=0.25");
	parse(&want, "stage.a=0.5rad");
	parse(&want, "stage.x=0.9765625mm");
	parse(&want, "beam.blanked=on");
	assert_int_equal(driver->set(self, 5, &want, NULL), 0);
	close_all();
	requests_are(asked, COUNT(asked));
}

static void what_is_not_sent(void **state)
{
	struct wire_rule rules[] = {TAKEN("PUT")};
	struct em_controls want = {0};
	struct em_error err = {0};

	(void)state;
	open_to(rules, COUNT(rules), "");
	em_controls_set(&want, EM_DEFOCUS, 1e-6);
	em_controls_set(&want, EM_STAGE_X, NAN);
	assert_int_equal(driver->set(self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	want.value[EM_STAGE_X] = INFINITY;
	assert_int_equal(driver->set(self, 5, &want, &err), -1);
	want.value[EM_STAGE_X] = 0;
	em_controls_set(&want, EM_VOLTAGE, 200e3);
	assert_int_equal(driver->set(self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	assert_int_equal(wire.requests, 0);
	close_all();
}

/* A refusal after something was taken says so. */
static void half_a_move(void **state)
{
	struct wire_rule rules[] = {TAKEN("PUT /v1/defocus"), FAULT("PUT /v1/stage_position", "500 x", "holder")};
	struct em_controls want = {0};
	struct em_error err = {0};

	(void)state;
	open_to(rules, COUNT(rules), "");
	parse(&want, "defocus=0nm");
	parse(&want, "stage.x=0nm");
	assert_int_equal(driver->set(self, 5, &want, &err), -1);
	close_all();
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	assert_non_null(strstr(err.text, "after 1 request"));
}

static void no_stem(void **state)
{
	struct wire_rule rules[] = {FAULT("PUT", "500 x", "STEM not available."),
	                            OK("GET /v1/stem_available ", "false")};
	struct em_controls want = {0};
	struct em_error err = {0};

	(void)state;
	open_to(rules, COUNT(rules), "");
	parse(&want, "mode=stem");
	assert_int_equal(driver->set(self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	rules[1].body = "true"; /* then it is something else */
	assert_int_equal(driver->set(self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	close_all();
}

/* From 30000 at index 5 to the step nearest to 11000: 20000, 12000, 8000 is further, back. */
static void seeking_a_magnification(void **state)
{
	struct wire_rule rules[] = {
	    OK("GET /v1/instrument_mode ", "\"TEM\""),
	    OK("GET /v1/magnification_index ", "5"),
	    ONCE("GET /v1/indicated_magnification ", "30000"),
	    ONCE("GET /v1/indicated_magnification ", "20000"),
	    ONCE("GET /v1/indicated_magnification ", "12000"),
	    ONCE("GET /v1/indicated_magnification ", "8000"),
	    TAKEN("PUT /v1/magnification_index "),
	};
	static const int index[] = {4, 3, 2, 3};
	struct em_controls want = {0};
	size_t puts = 0;

	(void)state;
	open_to(rules, COUNT(rules), "");
	parse(&want, "mag=11000");
	assert_int_equal(driver->set(self, 5, &want, NULL), 0);
	close_all();
	for (size_t i = 0; i < wire.requests; i++)
		if (wire.log[i][0] == 'P') {
			assert_true(puts < COUNT(index));
			assert_int_equal(atoi(strstr(wire.log[i], "1.0 ") + 4), index[puts++]);
		}
	assert_int_equal(puts, COUNT(index));
}

static void a_table_has_ends(void **state)
{
	struct wire_rule rules[] = {
	    OK("GET /v1/instrument_mode ", "\"TEM\""),
	    OK("GET /v1/magnification_index ", "5"),
	    OK("GET /v1/indicated_magnification ", "30000"),
	    TAKEN("PUT /v1/magnification_index "),
	};
	struct em_controls want = {0};
	struct em_error err = {0};

	(void)state;
	parse(&want, "mag=1000000");
	open_to(rules, COUNT(rules), "");
	assert_int_equal(driver->set(self, 5, &want, NULL), 0); /* nothing changes; reading back tells */
	close_all();
	rules[2].body = "0"; /* as some instruments always say */
	open_to(rules, COUNT(rules), "");
	assert_int_equal(driver->set(self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	close_all();
}

/* ---- the stage ---- */

static void motions(void **state)
{
	static const struct {
		const char *word;
		enum em_motion motion;
	} cases[] = {{"\"READY\"", EM_AT_REST},   {"\"GOING\"", EM_MOVING},       {"\"MOVING\"", EM_MOVING},
	             {"\"WOBBLING\"", EM_MOVING}, {"\"DISABLED\"", EM_NOT_READY}, {"\"NOT_READY\"", EM_NOT_READY}};
	struct wire_rule rule = OK("GET /v1/stage_status ", NULL);
	enum em_motion motion;
	struct em_error err = {0};

	(void)state;
	open_to(&rule, 1, "");
	for (size_t i = 0; i < COUNT(cases); i++) {
		rule.body = cases[i].word;
		assert_int_equal(driver->motion(self, 5, &motion, NULL), 0);
		assert_int_equal(motion, cases[i].motion);
	}
	rule.body = "\"ASLEEP\"";
	assert_int_equal(driver->motion(self, 5, &motion, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(driver->stop(self, 5, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	close_all();
}

static void stage_limits(void **state)
{
	struct wire_rule rule =
	    OK("GET /v1/stage_limits ", "{\"x\": [-0.001, 0.002], \"y\": [NaN, 1], \"z\": 5, \"a\": "
	                                "[-0.5, 0.5]}");
	double lo[EM_CONTROLS], hi[EM_CONTROLS];

	(void)state;
	open_to(&rule, 1, "");
	assert_int_equal(driver->limits(self, 5, lo, hi, NULL), 0);
	close_all();
	assert_true(lo[EM_STAGE_X] == -0.001 && hi[EM_STAGE_X] == 0.002 && lo[EM_STAGE_A] == -0.5);
	assert_true(isnan(lo[EM_STAGE_Y]) && isnan(hi[EM_STAGE_Z]) && isnan(hi[EM_STAGE_B]) && isnan(lo[EM_DEFOCUS]));
}

/* ---- opening ---- */

static void options(void **state)
{
	static const char *const bad[] = {"//tem?speed=0",   "//tem?speed=2", "//tem?speed=", "//tem?speed=1x",
	                                  "//tem?speed=nan", "//tem?x=1",     "tem"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct em_error err = {0};

		assert_null(em_driver_http.open(bad[i], NULL, 10, &self, &err));
		assert_int_equal(err.kind, EM_ERROR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(few_are_read_one_by_one),
	    cmocka_unit_test(what_can_be_done_costs_nothing),
	    cmocka_unit_test(many_are_read_at_once),
	    cmocka_unit_test(a_stem_has_its_own_magnification),
	    cmocka_unit_test(no_values),
	    cmocka_unit_test(faults),
	    cmocka_unit_test(deadlines),
	    cmocka_unit_test(order_of_a_move),
	    cmocka_unit_test(blanking_comes_first),
	    cmocka_unit_test(what_is_not_sent),
	    cmocka_unit_test(half_a_move),
	    cmocka_unit_test(no_stem),
	    cmocka_unit_test(seeking_a_magnification),
	    cmocka_unit_test(a_table_has_ends),
	    cmocka_unit_test(motions),
	    cmocka_unit_test(stage_limits),
	    cmocka_unit_test(options),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
