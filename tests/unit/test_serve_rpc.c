/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON-RPC 2.0 in netstrings as a server: requests as a twin's own client sends them, and our client against it. */
#include "scope/rpc.h"
#include "scope/serve_rpc.h"

#include "tcp_help.h"

/* ---- without a socket ---- */

/* The reply's JSON to a request's; at most 4 kB of it. */
static const char *ask(struct em_serve_rpc *s, const char *json)
{
	static char text[4096];
	struct em_text out = {0};
	size_t begin, len;

	em_serve_rpc_answer(s, json, strlen(json), &out);
	assert_int_equal(em_netstring_parse(em_text_get(&out), out.len, 1 << 20, &begin, &len, NULL), 1);
	assert_int_equal(begin + len + 1, out.len);
	snprintf(text, sizeof(text), "%.*s", (int)len, out.s + begin);
	em_text_release(&out);
	return text;
}

#define CALL(method, params) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\",\"params\":{" params "}}"
#define RESULT(result) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" result "}"

static void a_twins_client_is_answered(void **state)
{
	static const struct {
		const char *call, *reply;
	} seen[] = {
	    {CALL("is_ready", ""), RESULT("{\"ready\":true,\"error\":null,\"sample\":\"wire\"}")},
	    {CALL("get_stage", ""), RESULT("[0,0,0,0,0]")},
	    {CALL("get_detectors", ""), RESULT("[\"CCD\",\"HAADF\"]")},
	    {CALL("get_stage_limits", ""), RESULT("{\"x\":0.001,\"y\":0.001,\"z\":0.001,\"a\":30,\"b\":30}")},
	    {CALL("set_stage", "\"stage_positions\":{\"x\":1e-06,\"y\":-5e-07},\"relative\":false"),
	     RESULT("{\"new_stage\":[1e-06,-5e-07,0,0,0],\"relative\":false}")},
	    {CALL("set_stage", "\"stage_positions\":{\"x\":1e-06,\"a\":10}"),
	     RESULT("{\"new_stage\":[2e-06,-5e-07,0,10,0],\"relative\":true}")},
	    {CALL("set_stage", "\"stage_positions\":[1e-06,null,2e-06],\"relative\":true"),
	     RESULT("{\"new_stage\":[3e-06,-5e-07,2e-06,10,0],\"relative\":true}")},
	    {CALL("set_stage", "\"stage_positions\":{\"z\":0},\"relative\":false"), /* the others stay */
	     RESULT("{\"new_stage\":[3e-06,-5e-07,0,10,0],\"relative\":false}")},
	    {CALL("set_magnification", "\"magnification\":57000"),
	     RESULT("{\"magnification\":57000,\"field_of_view_um\":2}")},
	    {CALL("get_magnification", "\"device\":\"HAADF\""),
	     RESULT("{\"magnification\":57000,\"field_of_view_um\":2}")},
	    {CALL("set_resolution", "\"resolution_px\":512"),
	     RESULT("{\"resolution_px\":512,\"allowed\":[512,1024,2048]}")},
	    {CALL("device_settings", "\"device\":\"HAADF\",\"dwell_us\":10,\"size\":4"), RESULT("1")},
	    {CALL("device_settings", "\"device\":\"nothing\""), RESULT("0")},
	    {CALL("get_resolution", "\"device\":\"HAADF\""),
	     RESULT("{\"resolution_px\":4,\"allowed\":[512,1024,2048]}")},
	    {CALL("get_beam", ""), RESULT("{\"x\":0,\"y\":0,\"voltage_kV\":200,\"current_pA\":50}")},
	    {CALL("set_beam", "\"beam_settings\":{\"x\":1e-8},\"relative\":true"),
	     RESULT("{\"new_beam\":{\"x\":1e-08,\"y\":0,\"voltage_kV\":200,\"current_pA\":50},\"relative\":true}")},
	    {CALL("set_mode", "\"mode\":\"DIFF\""), RESULT("{\"mode\":\"DIFF\"}")},
	    {CALL("set_mode", "\"mode\":\"EELS\""), RESULT("{\"mode\":\"EELS\"}")},
	    {CALL("set_diffraction_settings", "\"camera_length_mm\":400"), RESULT("{\"camera_length_mm\":400}")},
	    {"{\"id\":\"x\\u00e9\",\"method\":\"get_mode\"}",
	     "{\"jsonrpc\":\"2.0\",\"id\":\"xé\",\"result\":{\"mode\":\"EELS\"}}"},
	};
	struct em_scope *scope = wire_scope();
	struct em_serve_rpc s;

	(void)state;
	assert_int_equal(em_serve_rpc_init(&s, scope, NULL), 0);
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++)
		assert_string_equal(ask(&s, seen[i].call), seen[i].reply);
	assert_true(wire_instrument.value[EM_PROJECTION] == 1 && wire_instrument.value[EM_CAMERA_LENGTH] == 0.4);
	wire_scope_close(scope);
}

static void what_is_wrong_with_a_request(void **state)
{
	static const struct {
		const char *call, *code, *kind;
	} bad[] = {
	    {"", "-32700", "data"},
	    {"[", "-32700", "data"},
	    {"{\"id\":1,\"params\":NaN}", "-32700", "data"},
	    {"[]", "-32600", "unsupported"},
	    {"{\"method\":7}", "-32600", "unsupported"},
	    {CALL("nope", ""), "-32601", "unsupported"},
	    {CALL("set_stage", "\"stage_positions\":7"), "-32602", "usage"},
	    {CALL("set_stage", "\"stage_positions\":{\"x\":1e-6},\"relative\":\"false\""), "-32602", "usage"},
	    {CALL("set_stage", "\"stage_positions\":{\"x\":1e-6},\"relativ\":false"), "-32602", "usage"},
	    {CALL("set_stage", "\"stage_positions\":{\"x\":\"1e-6\"},\"relative\":false"), "-32602", "usage"},
	    {CALL("set_stage", "\"stage_positions\":{\"X\":1e-6},\"relative\":false"), "-32602", "usage"},
	    {CALL("set_stage", "\"stage_positions\":[true],\"relative\":false"), "-32602", "usage"},
	    {CALL("set_stage", "\"stage_positions\":[0,0,0,0,0,0],\"relative\":false"), "-32602", "usage"},
	    {CALL("set_beam", "\"beam_settings\":{\"dose\":80}"), "-32602", "usage"},
	    {CALL("set_magnification", "\"magnification\":\"50k\""), "-32602", "usage"},
	    {"{\"id\":1e999,\"method\":\"nope\"}", "-32601", "unsupported"},
	    {CALL("set_stage", "\"stage_positions\":{\"x\":5e-3},\"relative\":false"), "-32000", "refused"},
	    {CALL("set_beam", "\"beam_settings\":{\"voltage_kV\":80}"), "-32000", "unsupported"},
	    {CALL("set_mode", "\"mode\":\"SPECT\""), "-32602", "usage"},
	    {CALL("acquire_image", "\"device\":\"nothing\""), "-32602", "usage"},
	    {CALL("acquire_image", "\"device\":7"), "-32602", "usage"},
	    {CALL("acquire_image", "\"device\":\"GIF\""), "-32602", "usage"},
	    {CALL("set_resolution", "\"resolution_px\":1e9"), "-32602", "usage"},
	    {CALL("set_resolution", "\"resolution_px\":0"), "-32602", "usage"},
	    {CALL("device_settings", "\"device\":\"HAADF\",\"dwell_us\":-1"), "-32602", "usage"},
	    {CALL("acquire_spectrum", "\"n_channels\":1e9"), "-32602", "usage"},
	    {CALL("acquire_spectrum", "\"ev_min\":5,\"ev_max\":5"), "-32602", "usage"},
	    {"{\"id\":1,\"method\":\"get_stage\",\"params\":[1]}", "-32602", "usage"},
	};
	struct em_scope *scope = wire_scope();
	struct em_serve_rpc s;

	(void)state;
	assert_int_equal(em_serve_rpc_init(&s, scope, NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *reply = ask(&s, bad[i].call);
		char want[64];
		snprintf(want, sizeof(want), "\"error\":{\"code\":%s,", bad[i].code);
		assert_non_null(strstr(reply, want));
		assert_null(strstr(reply, "\"id\":inf"));
		snprintf(want, sizeof(want), "\"data\":{\"kind\":\"%s\"}}}", bad[i].kind);
		assert_non_null(strstr(reply, want));
	}
	assert_true(wire_instrument.value[EM_STAGE_X] == 0 && wire_instrument.exposures == 0);
	wire_scope_close(scope);
}

/* ---- our client ---- */

static void client_and_server_agree(void **state)
{
	struct em_controls want = {0}, got = {0};
	struct em_error err = {0};
	struct em_capabilities c;
	struct wire_server s;
	struct wire_driver d;

	(void)state;
	wire_server_begin(&s, em_serve_rpc);
	if (wire_driver_open(&d, &em_driver_rpc, s.port, "", 5, &err))
		fail_msg("%s", err.text);
	assert_int_equal(d.is->capabilities(d.self, 5, &c, NULL), 0);
	assert_int_equal(c.detectors, 3);
	assert_true(c.detector[0].kind == EM_DETECTOR_CAMERA && c.detector[0].width == 64);
	assert_true(c.detector[2].kind == EM_DETECTOR_SPECTROMETER && c.detector[2].height == 1);
	em_controls_set(&want, EM_STAGE_X, 12.5e-6);
	em_controls_set(&want, EM_STAGE_B, -7 * WIRE_DEGREE);
	em_controls_set(&want, EM_MAGNIFICATION, 20000);
	em_controls_set(&want, EM_PROJECTION, 1);
	em_controls_set(&want, EM_CAMERA_LENGTH, 0.25);
	em_controls_set(&want, EM_BEAM_SHIFT_Y, 3e-9);
	em_controls_set(&want, EM_BEAM_CURRENT, 80e-12);
	assert_int_equal(d.is->set(d.self, 5, &want, NULL), 0);
	assert_int_equal(d.is->get(d.self, 5, &want, &got, NULL), 0);
	for (int i = 0; i < EM_CONTROLS; i++)
		if (want.known[i])
			assert_true(got.known[i] && fabs(got.value[i] - want.value[i]) <= 1e-8 * fabs(want.value[i]) &&
			            fabs(wire_instrument.value[i] - want.value[i]) <= 1e-8 * fabs(want.value[i]));
	wire_driver_close(&d);
	wire_server_end(&s);
}

static void errors_keep_their_kind(void **state)
{
	struct em_controls want = {0};
	struct em_error err = {0};
	struct wire_server s;
	struct wire_driver d;

	(void)state;
	wire_server_begin(&s, em_serve_rpc);
	assert_int_equal(wire_driver_open(&d, &em_driver_rpc, s.port, "", 5, NULL), 0);
	em_controls_set(&want, EM_STAGE_X, 5e-3);
	assert_int_equal(d.is->set(d.self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	wire_instrument.short_of_x = true;
	em_controls_set(&want, EM_STAGE_X, 5e-6);
	assert_int_equal(d.is->set(d.self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_MISSED);
	wire_instrument.fails = EM_ERROR_UNREACHABLE;
	assert_int_equal(d.is->set(d.self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNREACHABLE);
	want = (struct em_controls){0};
	em_controls_set(&want, EM_DEFOCUS, 1e-6);
	assert_int_equal(d.is->set(d.self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	wire_driver_close(&d);
	wire_server_end(&s);
}

/* 300 x 300 x 2 bytes: far more than one piece of a reply. */
static void pictures_and_spectra_arrive_whole(void **state)
{
	const struct em_exposure image = {.detector = "HAADF", .width = 300}, spectrum = {.detector = "GIF"};
	struct em_error err = {0};
	struct em_acquired a;
	struct wire_server s;
	struct wire_driver d;

	(void)state;
	wire_server_begin(&s, em_serve_rpc);
	assert_int_equal(wire_driver_open(&d, &em_driver_rpc, s.port, "", 5, NULL), 0);
	wire_instrument.value[EM_ENERGY_OFFSET] = -20;
	if (d.is->acquire(d.self, 10, &image, &a, &err))
		fail_msg("%s", err.text);
	assert_true(a.data.dtype == EM_U16 && a.data.shape[0] == 300 && a.data.shape[1] == 300);
	for (size_t i = 0; i < 300 * 300; i++)
		assert_int_equal(((uint16_t *)a.data.data)[i], (uint16_t)(7 * i + 3));
	assert_true(fabs(a.scale[1] - 2e-6 / 300) < 1e-17 && fabs(a.to_stage[0][0] + 2e-6 / 300) < 1e-17);
	assert_true(a.seconds == 0.5 && a.dose == 3e20 && a.electrons == 1);
	em_acquired_release(&a);
	if (d.is->acquire(d.self, 10, &spectrum, &a, &err))
		fail_msg("%s", err.text);
	assert_true(a.data.ndim == 1 && a.data.shape[0] == 100 && em_array_get(&a.data, 99) == 7 * 99 + 3);
	assert_true(fabs(a.offset + 20) < 1e-9 && fabs(a.scale[1] - 0.5) < 1e-9);
	em_acquired_release(&a);
	wire_driver_close(&d);
	wire_server_end(&s);
}

/* ---- clients that are none ---- */

/* Two requests in one piece, one in two, and garbage: each gets what it can, and the server goes on. */
static void requests_come_in_any_pieces(void **state)
{
	char got[4096];
	struct wire_server s;
	size_t n;
	int fd;

	(void)state;
	wire_server_begin(&s, em_serve_rpc);
	fd = wire_connect(s.port);
	assert_int_equal(send(fd, "15:{\"method\":\"no\"},15:{\"met", 27, MSG_NOSIGNAL), 27);
	wire_nap(0.02);
	assert_int_equal(send(fd, "hod\":\"no\"},GET", 14, MSG_NOSIGNAL), 14);
	n = 0;
	for (ssize_t piece; (piece = recv(fd, got + n, sizeof(got) - 1 - n, 0)) > 0;)
		n += (size_t)piece;
	got[n] = '\0';
	assert_non_null(strstr(got, "-32601"));
	assert_non_null(strstr(strstr(got, "-32601") + 1, "-32601"));
	close(fd);
	fd = wire_connect(s.port); /* it still lives */
	assert_int_equal(send(fd, "2:{},", 5, MSG_NOSIGNAL), 5);
	assert_true(recv(fd, got, sizeof(got), 0) > 0);
	close(fd);
	wire_server_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_twins_client_is_answered),        cmocka_unit_test(what_is_wrong_with_a_request),
	    cmocka_unit_test(client_and_server_agree),           cmocka_unit_test(errors_keep_their_kind),
	    cmocka_unit_test(pictures_and_spectra_arrive_whole), cmocka_unit_test(requests_come_in_any_pieces),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
