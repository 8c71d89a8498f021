/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Instamatic's wire as a client: its servers' own bytes, pictures in shared memory, and what is wrong with others. */
#include "scope/instamatic.h"
#include "scope/url_options.h"

#include "tcp_help.h"

#include <fcntl.h>
#include <sys/mman.h>

#define CALL(ask, answer)                                                                                              \
	{                                                                                                              \
		BYTES(ask), BYTES(answer), WIRE_CLOSES                                                                 \
	}
#define NAME CALL("{\"func_name\":\"name\"}", "[200, \"simulate\"]")

static void open_peer(struct wire_peer *p, struct wire_driver *d, const struct wire_step *steps, size_t n)
{
	struct em_error err = {0};

	wire_peer_begin(p, steps, n);
	if (wire_driver_open(d, &em_driver_instamatic, p->port, "?camera=none", 5, &err))
		fail_msg("%s", err.text);
}

/* ---- its words ---- */

static void what_is_read(void **state)
{
	const struct wire_step steps[] = {
	    NAME,
	    CALL("{\"func_name\":\"getStagePosition\"}", "[200, [33876, -1120, 5430, -19.0, 36.0]]"),
	    CALL("{\"func_name\":\"getFunctionMode\"}", "[200, \"mag1\"]"),
	    CALL("{\"func_name\":\"getMagnification\"}", "[200, 25000]"),
	    CALL("{\"func_name\":\"getHTValue\"}", "[200, 200000]"),
	    CALL("{\"func_name\":\"getBrightness\"}", "[200, 13107]"),
	    CALL("{\"func_name\":\"isBeamBlanked\"}", "[200, false]"),
	    CALL("{\"func_name\":\"getScreenPosition\"}", "[200, \"down\"]"),
	    CALL("{\"func_name\":\"isStageMoving\"}", "[200, true]"),
	    CALL("{\"func_name\":\"stopStage\"}", "[200, null]"),
	};
	static const enum em_control asked[] = {EM_STAGE_X, EM_STAGE_Y,    EM_STAGE_Z,       EM_STAGE_A,
	                                        EM_STAGE_B, EM_PROJECTION, EM_MAGNIFICATION, EM_CAMERA_LENGTH,
	                                        EM_VOLTAGE, EM_INTENSITY,  EM_BLANKED,       EM_SCREEN_DOWN};
	static const double value[] = {
	    33876e-9, -1120e-9, 5430e-9, -19 * WIRE_DEGREE, 36 * WIRE_DEGREE, 0, 25000, NAN, 200e3, 0.2, 0, 1};
	struct em_controls want = {0}, got;
	enum em_motion m = EM_AT_REST;
	struct em_error err = {0};
	struct wire_driver d;
	struct wire_peer p;

	(void)state;
	for (size_t i = 0; i < 12; i++)
		want.known[asked[i]] = true;
	open_peer(&p, &d, steps, sizeof(steps) / sizeof(*steps));
	if (d.is->get(d.self, 5, &want, &got, &err))
		fail_msg("%s; %s", err.text, p.wrong);
	for (size_t i = 0; i < 12; i++) {
		assert_int_equal(got.known[asked[i]], !isnan(value[i]));
		if (!isnan(value[i]))
			assert_true(fabs(got.value[asked[i]] - value[i]) <= 1e-12 * fabs(value[i]));
	}
	assert_int_equal(d.is->motion(d.self, 5, &m, NULL), 0);
	assert_int_equal(m, EM_MOVING);
	assert_int_equal(d.is->stop(d.self, 5, NULL), 0);
	wire_driver_close(&d);
	wire_peer_end(&p);
}

static void what_is_set(void **state)
{
	const struct wire_step steps[] = {
	    NAME,
	    CALL("{\"func_name\":\"setBeamBlank\",\"args\":[true]}", "[200, null]"),
	    CALL("{\"func_name\":\"getFunctionMode\"}", "[200, \"mag1\"]"),
	    CALL("{\"func_name\":\"setFunctionMode\",\"args\":[\"diff\"]}", "[200, null]"),
	    CALL("{\"func_name\":\"setMagnification\",\"args\":[800]}", "[200, null]"),
	    CALL("{\"func_name\":\"setStagePosition\",\"kwargs\":{\"x\":20000,\"y\":-5000,\"a\":10.000000,\"wait\":"
	         "false}}",
	         "[200, null]"),
	    CALL("{\"func_name\":\"getFunctionMode\"}", "[200, \"diff\"]"), /* a magnification is none here */
	};
	struct em_controls want = {0};
	struct em_error err = {0};
	struct wire_driver d;
	struct wire_peer p;

	(void)state;
	em_controls_set(&want, EM_STAGE_X, 20e-6);
	em_controls_set(&want, EM_STAGE_Y, -5e-6);
	em_controls_set(&want, EM_STAGE_A, 10 * WIRE_DEGREE);
	em_controls_set(&want, EM_BLANKED, 1);
	em_controls_set(&want, EM_PROJECTION, 1);
	em_controls_set(&want, EM_CAMERA_LENGTH, 0.8);
	open_peer(&p, &d, steps, sizeof(steps) / sizeof(*steps));
	if (d.is->set(d.self, 5, &want, &err))
		fail_msg("%s; %s", err.text, p.wrong);
	want = (struct em_controls){0};
	em_controls_set(&want, EM_MAGNIFICATION, 50000);
	assert_int_equal(d.is->set(d.self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	em_controls_set(&want, EM_BEAM_SHIFT_X, 0);
	assert_int_equal(d.is->set(d.self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	wire_driver_close(&d);
	wire_peer_end(&p);
}

static void errors_are_told_apart_by_their_names(void **state)
{
	static const struct {
		const char *reply, *text;
		enum em_error_kind kind;
	} seen[] = {
	    {"[500, [\"TEMValueError\", [\"No such camera length or magnification: 12345\"]]]",
	     "TEMValueError: No such camera length or magnification: 12345", EM_ERROR_REFUSED},
	    {"[500, [\"AttributeError\", [\"'SimuMicroscope' object has no attribute 'noSuchFunction'\"]]]",
	     "AttributeError: 'SimuMicroscope' object has no attribute 'noSuchFunction'", EM_ERROR_UNSUPPORTED},
	    {"[500, [\"TEMCommunicationError\", []]]", "TEMCommunicationError", EM_ERROR_UNREACHABLE},
	    {"[500, null]", "an error without a name", EM_ERROR_REFUSED},
	    {"[500, 7]", "an error without a name", EM_ERROR_REFUSED},
	    {"[200]", NULL, EM_ERROR_DATA},
	    {"[404, null]", NULL, EM_ERROR_DATA},
	    {"[\"200\", null]", NULL, EM_ERROR_DATA},
	    {"[200, null, null]", NULL, EM_ERROR_DATA},
	    {"[200, }]", NULL, EM_ERROR_DATA},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		struct em_temscript_reply r = {0};
		const struct em_json *value;
		struct em_error err = {0};
		assert_int_equal(em_instamatic_read_reply(&r, seen[i].reply, strlen(seen[i].reply), &value, &err), -1);
		assert_int_equal(err.kind, seen[i].kind);
		if (seen[i].text)
			assert_string_equal(err.text, seen[i].text);
		em_temscript_reply_release(&r);
	}
}

static void a_reply_ends_where_its_brackets_do(void **state)
{
	static const struct {
		const char *text;
		long extent;
	} seen[] = {{"", 0},         {" ", 0},          {"[", 0},          {"[200, null", 0}, {"[200]", 5},
	            {" [200] [", 6}, {"[\"]\"]", 5},    {"[\"\\\"]\"", 0}, {"[\"a\\", 0},     {"[{\"]\":[]}]x", 10},
	            {"x", -1},       {"{\"a\":1}", -1}, {"\x80\x04", -1},  {"null", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++)
		assert_int_equal(em_instamatic_extent(seen[i].text, strlen(seen[i].text), NULL), seen[i].extent);
}

static void a_reply_may_come_in_pieces_or_not_at_all(void **state)
{
	static const struct {
		struct wire_step step;
		enum em_error_kind kind;
	} seen[] = {{{NULL, 0, BYTES("[200, tru"), WIRE_CLOSES}, EM_ERROR_UNREACHABLE},
	            {{NULL, 0, BYTES("[200, tru"), WIRE_STALLS}, EM_ERROR_UNREACHABLE},
	            {{NULL, 0, "", 0, WIRE_CLOSES}, EM_ERROR_UNREACHABLE},
	            {{NULL, 0, BYTES("\x80\x04\x95"), WIRE_STALLS}, EM_ERROR_DATA}}; /* pickle */

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		const struct wire_step steps[] = {NAME, seen[i].step};
		struct em_error err = {0};
		struct wire_driver d;
		struct wire_peer p;
		enum em_motion m;
		open_peer(&p, &d, steps, 2);
		assert_int_equal(d.is->motion(d.self, seen[i].step.then == WIRE_STALLS ? 0.1 : 5, &m, &err), -1);
		assert_int_equal(err.kind, seen[i].kind);
		wire_driver_close(&d);
		wire_peer_end(&p);
	}
}

/* ---- pictures ---- */

static int read_picture(const char *json, struct em_array *a, enum em_error_kind *kind)
{
	struct em_json *node = em_json_parse(json, strlen(json), NULL);
	struct em_error err = {0};
	int rc;

	assert_non_null(node);
	rc = em_instamatic_picture(node, a, &err);
	*kind = err.kind;
	em_json_free(node);
	return rc;
}

/* The first numbers of the transcript's: ad, 54, bd, 22. */
static void pictures_come_through_shared_memory(void **state)
{
	static const int64_t pixels[6] = {0xad, 0x54, 0xbd, 0x22, -1, 7};
	char name[64], json[256];
	enum em_error_kind kind;
	struct em_array a;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "/em-test-%ld", (long)getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, pixels, sizeof(pixels)), sizeof(pixels));
	snprintf(json, sizeof(json), "{\"shape\":[2,3],\"dtype\":\"int64\",\"name\":\"%s\"}", name + 1);
	assert_int_equal(read_picture(json, &a, &kind), 0);
	assert_true(a.dtype == EM_I64 && a.shape[0] == 2 && a.shape[1] == 3);
	assert_memory_equal(a.data, pixels, sizeof(pixels));
	em_array_release(&a);
	snprintf(json, sizeof(json), "{\"shape\":[2,4],\"dtype\":\"int64\",\"name\":\"%s\"}", name + 1);
	assert_int_equal(read_picture(json, &a, &kind), -1);
	assert_int_equal(kind, EM_ERROR_DATA);
	shm_unlink(name);
	close(fd);
	assert_int_equal(read_picture(json, &a, &kind), -1);
	assert_int_equal(kind, EM_ERROR_UNSUPPORTED);
}

static void names_and_shapes_that_are_none(void **state)
{
	static const char *const bad[] = {
	    "null",
	    "{\"__generator__\":\"8c1156df84be4d51a8cd3ec86de7a9ec\"}",
	    "{\"shape\":[1,1],\"dtype\":\"uint8\",\"name\":\"../../etc/passwd\"}",
	    "{\"shape\":[1,1],\"dtype\":\"uint8\",\"name\":\"/psm\"}",
	    "{\"shape\":[1,1],\"dtype\":\"uint8\",\"name\":\".\"}",
	    "{\"shape\":[1,1],\"dtype\":\"uint8\",\"name\":\"\"}",
	    "{\"shape\":[1,1],\"dtype\":\"uint8\",\"name\":7}",
	    "{\"shape\":[1],\"dtype\":\"uint8\",\"name\":\"psm\"}",
	    "{\"shape\":[1,1,1],\"dtype\":\"uint8\",\"name\":\"psm\"}",
	    "{\"shape\":[0,1],\"dtype\":\"uint8\",\"name\":\"psm\"}",
	    "{\"shape\":[1e30,1e30],\"dtype\":\"uint8\",\"name\":\"psm\"}",
	    "{\"shape\":[1,1],\"dtype\":\"complex64\",\"name\":\"psm\"}",
	    "{\"shape\":[1,1],\"dtype\":\"object\",\"name\":\"psm\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		enum em_error_kind kind;
		struct em_array a = {0};
		assert_int_equal(read_picture(bad[i], &a, &kind), -1);
		assert_int_equal(kind, EM_ERROR_DATA);
		assert_null(a.data);
	}
}

static void a_camera_has_a_server_of_its_own(void **state)
{
	static const struct wire_step tem[] = {NAME, NAME};
	struct wire_step camera[] = {
	    CALL("{\"attr_name\":\"get_camera_dimensions\"}", "[200, [516, 516]]"),
	    CALL("{\"attr_name\":\"get_image\",\"kwargs\":{\"exposure\":0.1,\"binsize\":2}}",
	         "[200, {\"shape\": [1, 2], \"dtype\": \"uint16\", \"name\": \"em-test-none\"}]"),
	};
	const struct em_exposure e = {.detector = "camera", .binning = 2, .seconds = 0.1};
	struct em_error err = {0};
	struct em_capabilities c;
	struct wire_peer p, q;
	struct wire_driver d;
	struct em_acquired a;
	char options[64];

	(void)state;
	wire_peer_begin(&p, tem, 2);
	wire_peer_begin(&q, camera, 2);
	snprintf(options, sizeof(options), "?camera=127.0.0.1:%s", q.port);
	assert_int_equal(wire_driver_open(&d, &em_driver_instamatic, p.port, options, 5, &err), 0);
	assert_int_equal(d.is->capabilities(d.self, 5, &c, NULL), 0);
	assert_true(c.detectors == 1 && c.detector[0].width == 516 && c.can_stop);
	assert_string_equal(c.id, "simulate");
	assert_int_equal(d.is->acquire(d.self, 5, &e, &a, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED); /* not on this machine */
	wire_driver_close(&d);
	wire_peer_end(&p);
	wire_peer_end(&q);
}

static void options_of_a_url(void **state)
{
	struct em_url_option o[] = {{.name = "camera"}, {.name = "speed"}};
	static const char *const bad[] = {"x=1", "camera", "camera=", "camera=a&camera=b", "&", "=1", "cameras=1"};

	(void)state;
	assert_int_equal(em_url_options_read(o, 2, "", NULL), 0);
	assert_string_equal(o[0].value, "");
	assert_int_equal(em_url_options_read(o, 2, "speed=0.5&camera=pc:80", NULL), 0);
	assert_string_equal(o[0].value, "pc:80");
	assert_string_equal(o[1].value, "0.5");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(em_url_options_read(o, 2, bad[i], NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_read),
	    cmocka_unit_test(what_is_set),
	    cmocka_unit_test(errors_are_told_apart_by_their_names),
	    cmocka_unit_test(a_reply_ends_where_its_brackets_do),
	    cmocka_unit_test(a_reply_may_come_in_pieces_or_not_at_all),
	    cmocka_unit_test(pictures_come_through_shared_memory),
	    cmocka_unit_test(names_and_shapes_that_are_none),
	    cmocka_unit_test(a_camera_has_a_server_of_its_own),
	    cmocka_unit_test(options_of_a_url),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
