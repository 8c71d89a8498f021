/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON-RPC 2.0 in netstrings as a client: GridScope's server's own bytes, and what is wrong with others. */
#include "scope/rpc.h"

#include "tcp_help.h"

/* ---- its words ---- */

#define READY_ASK "56:{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"is_ready\",\"params\":{}},"
#define READY "75:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"ready\":true,\"error\":null,\"sample\":null}},"
#define LIMITS_ASK "64:{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"get_stage_limits\",\"params\":{}},"
#define LIMITS                                                                                                         \
	"85:{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"x\":0.0015,\"y\":0.0015,\"z\":0.001,\"a\":30.0,\"b\":30.0}},"

#define ASK(method, params) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":{" params "}}"
#define ANSWER(result) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" result "}"

/* Lengths are counted here, so that the steps can be read; the texts live as long as the test. */
static char *netstring(const char *text)
{
	struct em_text t = {0};

	em_text_printf(&t, "%zu:%s,", strlen(text), text);
	return t.s;
}

static struct wire_step call(const char *ask, const char *answer)
{
	const char *out = netstring(ask), *in = netstring(answer);

	return (struct wire_step){out, strlen(out), in, strlen(in), WIRE_CLOSES};
}

static void free_call(const struct wire_step *s)
{
	free((void *)(uintptr_t)s->expect);
	free((void *)(uintptr_t)s->reply);
}

static const struct wire_step ready = {BYTES(READY_ASK), BYTES(READY), WIRE_CLOSES};

#define STEP(ask, answer)                                                                                              \
	{                                                                                                              \
		BYTES(ask), BYTES(answer), WIRE_CLOSES                                                                 \
	}

static void open_peer(struct wire_peer *p, struct wire_driver *d, const struct wire_step *steps, size_t n)
{
	struct em_error err = {0};

	wire_peer_begin(p, steps, n);
	if (wire_driver_open(d, &em_driver_rpc, p->port, "", 5, &err))
		fail_msg("%s", err.text);
}

static void a_stage_is_read_in_metres_and_radians(void **state)
{
	const struct wire_step steps[] = {ready, call(ASK("get_stage", ""), ANSWER("[1e-06,-5e-07,2e-6,30.0,-7.5]")),
	                                  STEP(LIMITS_ASK, LIMITS)};
	struct em_controls want = {.known = {[EM_STAGE_X] = true, [EM_STAGE_A] = true, [EM_STAGE_B] = true}}, got;
	double lo[EM_CONTROLS], hi[EM_CONTROLS];
	struct wire_driver d;
	struct wire_peer p;

	(void)state;
	open_peer(&p, &d, steps, 3);
	assert_int_equal(d.is->get(d.self, 5, &want, &got, NULL), 0);
	assert_true(got.value[EM_STAGE_X] == 1e-6 && !got.known[EM_STAGE_Y]);
	assert_true(fabs(got.value[EM_STAGE_A] - 3.14159265358979323846 / 6) < 1e-15);
	assert_true(fabs(got.value[EM_STAGE_B] + 3.14159265358979323846 / 24) < 1e-15);
	assert_int_equal(d.is->limits(d.self, 5, lo, hi, NULL), 0);
	assert_true(lo[EM_STAGE_X] == -0.0015 && hi[EM_STAGE_Z] == 0.001);
	assert_true(fabs(hi[EM_STAGE_B] - 30 * WIRE_DEGREE) < 1e-15);
	wire_driver_close(&d);
	wire_peer_end(&p);
	free_call(&steps[1]);
}

/* The server takes an axis that it is not told as 0, also in an absolute move. */
static void axes_that_stay_are_sent_as_they_are(void **state)
{
	const struct wire_step steps[] = {
	    ready, call(ASK("get_stage", ""), ANSWER("[1e-06,-5e-07,2e-6,30.0,-7]")),
	    call(ASK("set_stage", "\"stage_positions\":{\"x\":1.25e-05,\"y\":-5e-07,\"z\":2e-06,\"a\":-10,\"b\":-7},"
	                          "\"relative\":false"),
	         ANSWER("{\"new_stage\":[1.25e-05,-5e-07,2e-06,-10.0,-7],\"relative\":false}"))};
	struct em_controls want = {0};
	enum em_motion m = EM_MOVING;
	struct em_error err = {0};
	struct wire_driver d;
	struct wire_peer p;

	(void)state;
	em_controls_set(&want, EM_STAGE_X, 12.5e-6);
	em_controls_set(&want, EM_STAGE_A, -10 * WIRE_DEGREE);
	open_peer(&p, &d, steps, 3);
	if (d.is->set(d.self, 5, &want, &err))
		fail_msg("%s; %s", err.text, p.wrong);
	assert_int_equal(d.is->motion(d.self, 5, &m, NULL), 0);
	assert_int_equal(m, EM_AT_REST);
	assert_int_equal(d.is->stop(d.self, 5, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	wire_driver_close(&d);
	wire_peer_end(&p);
	free_call(&steps[1]);
	free_call(&steps[2]);
}

/* ---- errors ---- */

static void errors_are_told_apart_by_their_words(void **state)
{
	static const struct {
		const char *error, *text;
		enum em_error_kind kind;
	} seen[] = {
	    {"\"[Failure instance: Traceback: <class 'ValueError'>: Stage move rejected by safety limits: x=+5.000 mm "
	     "exceeds +/-1.500 mm. Stage did not "
	     "move.\\n/usr/lib/python3/dist-packages/twisted/python/threadpool.py:1\"",
	     "<class 'ValueError'>: Stage move rejected by safety limits: x=+5.000 mm exceeds +/-1.500 mm. Stage did "
	     "not "
	     "move.",
	     EM_ERROR_REFUSED},
	    {"\"[Failure instance: Traceback: <class 'AttributeError'>: Method nope not implemented.\\n/usr\"",
	     "<class 'AttributeError'>: Method nope not implemented.", EM_ERROR_UNSUPPORTED},
	    {"\"Traceback (most recent call last):\\n  File \\\"a.py\\\", line 1\\nTimeoutError: timed out\\n\"",
	     "TimeoutError: timed out", EM_ERROR_UNREACHABLE},
	    {"{\"code\":-32601,\"message\":\"Method not found\"}", "Method not found", EM_ERROR_UNSUPPORTED},
	    {"{\"code\":-32000,\"message\":\"short\",\"data\":{\"kind\":\"missed\"}}", "short", EM_ERROR_MISSED},
	    {"{\"code\":-32000,\"message\":\"no\",\"data\":{\"kind\":\"none of ours\"}}", "no", EM_ERROR_REFUSED},
	    {"7", "an error without a text", EM_ERROR_REFUSED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		struct em_rpc_reply r = {0};
		struct em_error err = {0};
		em_text_printf(&r.text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":%s}", seen[i].error);
		assert_int_equal(em_rpc_read_reply(&r, 1, &err), -1);
		assert_string_equal(err.text, seen[i].text);
		assert_int_equal(err.kind, seen[i].kind);
		em_rpc_reply_release(&r);
	}
}

static void what_is_no_reply(void **state)
{
	static const char *const bad[] = {"",
	                                  "{",
	                                  "[]",
	                                  "7",
	                                  "{\"id\":1}",
	                                  "{\"id\":2,\"result\":1}",
	                                  "{\"result\":1}",
	                                  "{\"id\":\"1\",\"result\":1}",
	                                  "{\"id\":1,\"result\":\"\xff\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_rpc_reply r = {0};
		struct em_error err = {0};
		em_text_append(&r.text, bad[i]);
		assert_int_equal(em_rpc_read_reply(&r, 1, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		em_rpc_reply_release(&r);
	}
}

/* ---- netstrings ---- */

static void netstrings_are_whole_or_not(void **state)
{
	static const struct {
		const char *bytes;
		int rc;
		size_t begin, len;
	} seen[] = {{"", 0, 0, 0},
	            {"3", 0, 0, 0},
	            {"3:", 0, 0, 0},
	            {"3:abc", 0, 0, 0},
	            {"3:abc,", 1, 2, 3},
	            {"3:abc,4:", 1, 2, 3},
	            {"0:,", 1, 2, 0},
	            {"3:abcd", -1, 0, 0},
	            {":abc,", -1, 0, 0},
	            {"x", -1, 0, 0},
	            {"-3:abc,", -1, 0, 0},
	            {"3 :abc,", -1, 0, 0},
	            {"101:", -1, 0, 0},
	            {"100:", 0, 0, 0},
	            {"99999999999:", -1, 0, 0},
	            {"00000000003:abc,", -1, 0, 0},
	            {"{\"a", -1, 0, 0},
	            {"003:abc,", 1, 4, 3}};
	struct em_text t = {0}, payload = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		size_t begin = 0, len = 0;
		assert_int_equal(em_netstring_parse(seen[i].bytes, strlen(seen[i].bytes), 100, &begin, &len, NULL),
		                 seen[i].rc);
		assert_int_equal(begin, seen[i].begin);
		assert_int_equal(len, seen[i].len);
	}
	em_text_append(&payload, "abc");
	em_netstring_append(&t, &payload);
	assert_string_equal(em_text_get(&t), "3:abc,");
	em_text_release(&t);
	em_text_release(&payload);
}

/* ---- pictures ---- */

static int read_image(const char *json, struct em_array *a, struct em_error *err)
{
	struct em_rpc_reply r = {0};
	int rc;

	em_text_printf(&r.text, "{\"id\":1,\"result\":%s}", json);
	assert_int_equal(em_rpc_read_reply(&r, 1, NULL), 0);
	rc = em_rpc_image(&r, r.result, a, err);
	em_rpc_reply_release(&r);
	return rc;
}

/* The first pixels of the transcript: a2 2c, 5a 2c, 0b 2c. */
static void pictures_are_numpy_arrays(void **state)
{
	struct em_array a;

	(void)state;
	assert_int_equal(
	    read_image("{\"__ndarray_b64__\":\"oixaLAks\",\"shape\":[1,3],\"dtype\":\"uint16\"}", &a, NULL), 0);
	assert_int_equal(a.dtype, EM_U16);
	assert_true(a.shape[0] == 1 && a.shape[1] == 3);
	assert_true(em_array_get(&a, 0) == 0x2ca2 && em_array_get(&a, 1) == 0x2c5a && em_array_get(&a, 2) == 0x2c09);
	em_array_release(&a);
}

static void pictures_that_are_none(void **state)
{
	static const char *const bad[] = {
	    "null",
	    "[]",
	    "{}",
	    "{\"__ndarray_b64__\":7,\"shape\":[1,3],\"dtype\":\"uint16\"}",
	    "{\"__ndarray_b64__\":\"oixaLAks\",\"shape\":[1,4],\"dtype\":\"uint16\"}",
	    "{\"__ndarray_b64__\":\"oixaLAks\",\"shape\":[1,3],\"dtype\":\"object\"}",
	    "{\"__ndarray_b64__\":\"oixaLAks\",\"shape\":[1,3]}",
	    "{\"__ndarray_b64__\":\"oixaLAks\",\"shape\":[1e9,1e9],\"dtype\":\"uint16\"}",
	    "{\"__ndarray_b64__\":\"oixaLAks\",\"shape\":[1.5,2],\"dtype\":\"uint16\"}",
	    "{\"__ndarray_b64__\":\"oixaLAks\",\"shape\":[-1,-3],\"dtype\":\"uint16\"}",
	    "{\"__ndarray_b64__\":\"oixaLAks\",\"shape\":[1,1,3],\"dtype\":\"uint16\"}",
	    "{\"__ndarray_b64__\":\"oixaLA.s\",\"shape\":[1,3],\"dtype\":\"uint16\"}",
	    "{\"__ndarray_b64__\":\"#0\",\"shape\":[1,3],\"dtype\":\"uint16\"}",
	    "{\"__ndarray_b64__\":\"#99999999999999999999\",\"shape\":[1,3],\"dtype\":\"uint16\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_error err = {0};
		struct em_array a = {0};
		assert_int_equal(read_image(bad[i], &a, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_null(a.data);
	}
}

static int read_spectrum(const char *text, struct em_array *a, double *scale, double *offset)
{
	struct em_json *node = em_json_parse(text, strlen(text), NULL);
	int rc;

	assert_non_null(node);
	rc = em_rpc_spectrum(node, a, scale, offset, NULL);
	em_json_free(node);
	return rc;
}

static void spectra_have_even_channels(void **state)
{
	static const char *const bad[] = {"{}",
	                                  "[]",
	                                  "{\"energy_ev\":[0,1],\"intensity\":[1]}",
	                                  "{\"energy_ev\":[0],\"intensity\":[1]}",
	                                  "{\"energy_ev\":[0,1,3],\"intensity\":[1,2,3]}",
	                                  "{\"energy_ev\":[5,5],\"intensity\":[1,2]}",
	                                  "{\"energy_ev\":[0,1],\"intensity\":[1,null]}"};
	double scale, offset;
	struct em_array a;

	(void)state;
	assert_int_equal(
	    read_spectrum("{\"energy_ev\":[-2,4.451612903225806,10.903225806451612],\"intensity\":[1.5,2,0]}", &a,
	                  &scale, &offset),
	    0);
	assert_true(fabs(scale - 200.0 / 31) < 1e-12 && offset == -2 && em_array_get(&a, 0) == 1.5);
	em_array_release(&a);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(read_spectrum(bad[i], &a, &scale, &offset), -1);
}

static void a_picture_has_the_fields_scale(void **state)
{
	const struct wire_step steps[] = {
	    ready,
	    call(ASK("get_microscope_state", ""),
	         ANSWER("{\"detectors\":{\"haadf\":{\"size\":512}},\"sample\":{\"name\":\"au\"}}")),
	    call(ASK("set_resolution", "\"device\":\"haadf\",\"resolution_px\":4"),
	         ANSWER("{\"resolution_px\":4,\"allowed\":[4]}")),
	    call(ASK("device_settings", "\"device\":\"haadf\",\"dwell_us\":10"), ANSWER("1")),
	    call(ASK("acquire_image", "\"device\":\"haadf\""),
	         ANSWER("{\"__ndarray_b64__\":\"AAECAwQFBgcICQoLDA0ODw==\",\"shape\":[4,4],\"dtype\":\"uint8\"}")),
	    call(ASK("get_mode", ""), ANSWER("{\"mode\":\"IMG\"}")),
	    call(ASK("get_magnification", "\"device\":\"haadf\""),
	         ANSWER("{\"magnification\":57000.0,\"field_of_view_um\":1.6564523008}"))};
	struct em_exposure e = {.detector = "haadf", .width = 4, .dwell = 10e-6};
	struct em_error err = {0};
	struct em_capabilities c;
	struct em_acquired a;
	struct wire_driver d;
	struct wire_peer p;

	(void)state;
	open_peer(&p, &d, steps, sizeof(steps) / sizeof(*steps));
	if (d.is->acquire(d.self, 5, &e, &a, &err))
		fail_msg("%s; %s", err.text, p.wrong);
	assert_true(a.data.shape[0] == 4 && em_array_get(&a.data, 15) == 15);
	assert_true(fabs(a.scale[1] - 1.6564523008e-6 / 4) < 1e-18 && a.scale[0] == a.scale[1]);
	assert_true(isnan(a.to_stage[0][0]) && isnan(a.dose));
	em_acquired_release(&a);
	assert_int_equal(d.is->capabilities(d.self, 5, &c, NULL), 0);
	assert_int_equal(c.detectors, 2);
	assert_string_equal(c.id, "au");
	assert_int_equal(c.detector[0].width, 512);
	assert_int_equal(c.detector[1].kind, EM_DETECTOR_SPECTROMETER);
	wire_driver_close(&d);
	wire_peer_end(&p);
	for (size_t i = 1; i < sizeof(steps) / sizeof(*steps); i++)
		free_call(&steps[i]);
}

/* ---- when it does not answer ---- */

static void silence_and_garbage_have_an_end(void **state)
{
	static const struct {
		struct wire_step step;
		enum em_error_kind kind;
	} seen[] = {
	    {{NULL, 0, "", 0, WIRE_CLOSES}, EM_ERROR_UNREACHABLE},
	    {{NULL, 0, "", 0, WIRE_STALLS}, EM_ERROR_UNREACHABLE},
	    {{NULL, 0, BYTES("75:{\"jsonrpc\":\"2.0\""), WIRE_CLOSES}, EM_ERROR_UNREACHABLE},
	    {{NULL, 0, BYTES("75:{\"jsonrpc\":\"2.0\""), WIRE_STALLS}, EM_ERROR_UNREACHABLE},
	    {{NULL, 0, BYTES("9999999999:{"), WIRE_STALLS}, EM_ERROR_DATA},
	    {{NULL, 0, BYTES("HTTP/1.0 400 Bad Request\r\n\r\n"), WIRE_CLOSES}, EM_ERROR_DATA},
	    {{NULL, 0, BYTES("2:{},"), WIRE_CLOSES}, EM_ERROR_DATA},
	    {{NULL, 0, BYTES("22:{\"id\":1,\"result\":null},"), WIRE_CLOSES}, EM_ERROR_DATA},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		const struct wire_step steps[2] = {ready, seen[i].step};
		struct em_controls want = {.known = {[EM_STAGE_X] = true}}, got = {0};
		struct em_error err = {0};
		struct wire_driver d;
		struct wire_peer p;
		int rc;
		open_peer(&p, &d, steps, 2);
		rc = d.is->get(d.self, seen[i].step.then == WIRE_STALLS ? 0.1 : 5, &want, &got, &err);
		if (i == 7) { /* no list, but a reply: nothing is known by it */
			assert_int_equal(rc, 0);
			assert_false(got.known[EM_STAGE_X]);
		} else {
			assert_int_equal(rc, -1);
			assert_int_equal(err.kind, seen[i].kind);
		}
		wire_driver_close(&d);
		wire_peer_end(&p);
	}
}

static void nobody_is_there(void **state)
{
	struct em_error err = {0};
	struct wire_driver d;
	char port[8];

	(void)state;
	close(wire_listen(port));
	assert_int_equal(wire_driver_open(&d, &em_driver_rpc, port, "", 2, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNREACHABLE);
	assert_null(em_driver_rpc.open("nowhere", ".", 1, &d.self, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stage_is_read_in_metres_and_radians),
	    cmocka_unit_test(axes_that_stay_are_sent_as_they_are),
	    cmocka_unit_test(errors_are_told_apart_by_their_words),
	    cmocka_unit_test(what_is_no_reply),
	    cmocka_unit_test(netstrings_are_whole_or_not),
	    cmocka_unit_test(pictures_are_numpy_arrays),
	    cmocka_unit_test(pictures_that_are_none),
	    cmocka_unit_test(spectra_have_even_channels),
	    cmocka_unit_test(a_picture_has_the_fields_scale),
	    cmocka_unit_test(silence_and_garbage_have_an_end),
	    cmocka_unit_test(nobody_is_there),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
