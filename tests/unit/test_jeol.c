/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JEOL's detector service and the bridge beside it, as a server plays them: no instrument has answered yet. */
#include "scope/jeol.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire_help.h"

#define B "/DetectorRESTService/Detector"
#define SETTING                                                                                                        \
	"{\"ExposureTimeValue\":100,\"GainIndex\":8,\"OutputImageInformation\":{\"DataBits\":16,\"EffectBits\":16,"    \
	"\"ImageSize\":{\"Height\":2,\"Width\":3},\"PixelsPerMeter\":{\"Horizontal\":1,\"Vertical\":1}}}"

static struct wire_rule attached = {.request = "GET " B "/GetAttachedDetector ",
                                    .status = "200 OK",
                                    .body = "[\"TVCAM_U\",\"STEM DF\"]"},
                        channels = {.request = "GET " B "/GetAssignChannels ",
                                    .status = "200 OK",
                                    .body = "{\"0\":\"BF\",\"1\":\"STEM DF\",\"2\":\"None\"}"},
                        camera = {.request = "GET " B "/TVCAM_U/Setting ", .status = "200 OK", .body = SETTING},
                        scan = {.request = "GET " B "/STEM%20DF/Setting ", .status = "200 OK", .body = SETTING};

struct driver {
	const struct em_driver *is;
	void *self;
};

static int open_driver(struct driver *d, struct wire_rule *rules, size_t n, bool bridge, struct em_error *err)
{
	char url[64], rest[160];

	wire_start(rules, n, url);
	snprintf(rest, sizeof(rest), bridge ? "%s?bridge=%s" : "%s", url, url + 2);
	d->is = em_driver_jeol.open(rest, ".", 5, &d->self, err);
	return d->is ? 0 : -1;
}

static void close_driver(struct driver *d)
{
	d->is->close(d->self);
	wire_stop();
}

static int asked(const char *line)
{
	int n = 0;

	for (size_t i = 0; i < wire.requests && i < WIRE_LOG; i++)
		n += !strcmp(wire.log[i], line);
	return n;
}

static void detectors_are_cameras_or_scan(void **state)
{
	struct wire_rule rules[] = {attached, channels, camera, scan};
	struct em_controls want = {.known = {[EM_STAGE_X] = true}}, got;
	struct em_error err = {0};
	struct em_capabilities c;
	struct driver d;

	(void)state;
	assert_int_equal(open_driver(&d, rules, 4, false, &err), 0);
	if (d.is->capabilities(d.self, 5, &c, &err))
		fail_msg("%s", err.text);
	assert_int_equal(c.detectors, 2);
	assert_true(!strcmp(c.detector[0].name, "TVCAM_U") && c.detector[0].kind == EM_DETECTOR_CAMERA);
	assert_true(!strcmp(c.detector[1].name, "STEM DF") && c.detector[1].kind == EM_DETECTOR_SCAN);
	assert_true(c.detector[0].width == 3 && c.detector[0].height == 2);
	assert_false(c.readable.known[EM_STAGE_X]);
	assert_int_equal(d.is->get(d.self, 5, &want, &got, &err), -1); /* there is no bridge */
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	assert_int_equal(d.is->stop(d.self, 5, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	close_driver(&d);
}

#define RAW_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 12\r\n\r\n"

static void pictures_are_raw(void **state)
{
	static const char raw[] = RAW_HEAD "\x01\x00\x02\x00\x00\x01\xff\xff\x05\x00\x06\x00";
	struct wire_rule rules[] = {
	    attached,
	    channels,
	    camera,
	    scan,
	    {.request = "POST " B "/STEM%20DF/Setting ", .status = "200 OK", .body = "{\"ExposureTimeValue\":20}"},
	    {.request = "GET " B "/STEM%20DF/CreateRawData ", .raw = raw, .cut = sizeof(raw) - 1}};
	const struct em_exposure e = {.detector = "STEM DF", .dwell = 20e-6};
	static const double pixels[6] = {1, 2, 256, 65535, 5, 6};
	struct em_error err = {0};
	struct em_acquired a;
	struct driver d;

	(void)state;
	assert_int_equal(open_driver(&d, rules, 6, false, &err), 0);
	if (d.is->acquire(d.self, 5, &e, &a, &err))
		fail_msg("%s", err.text);
	assert_true(a.data.dtype == EM_U16 && a.data.shape[0] == 2 && a.data.shape[1] == 3);
	for (size_t i = 0; i < 6; i++)
		assert_true(em_array_get(&a.data, i) == pixels[i]);
	assert_true(isnan(a.scale[0]) && fabs(a.seconds - 6 * 100e-6) < 1e-15); /* by what the settings say then */
	assert_int_equal(asked("POST " B "/STEM%20DF/Setting HTTP/1.0 {\"ExposureTimeValue\":20}"), 1);
	em_acquired_release(&a);
	close_driver(&d);
}

/* A camera's time is in milliseconds; the service may make something else of it. */
static void what_goes_wrong(void **state)
{
	static const char short_raw[] = "HTTP/1.0 200 OK\r\nContent-Length: 11\r\n\r\n01234567890";
	static const struct {
		const char *post, *raw;
		struct em_exposure e;
		enum em_error_kind kind;
	} seen[] = {
	    {"{\"ExposureTimeValue\":100}", short_raw, {.detector = "TVCAM_U", .seconds = 0.05}, EM_ERROR_MISSED},
	    {"{}", short_raw, {.detector = "TVCAM_U", .seconds = 0.05}, EM_ERROR_MISSED},
	    {"[", short_raw, {.detector = "TVCAM_U", .seconds = 0.05}, EM_ERROR_DATA},
	    {"{\"ExposureTimeValue\":50}", short_raw, {.detector = "TVCAM_U", .seconds = 0.05}, EM_ERROR_DATA},
	    {"{}", "HTTP/1.0 404 Not Found\r\n\r\n", {.detector = "TVCAM_U"}, EM_ERROR_UNSUPPORTED},
	    {"{}", "HTTP/1.0 500 Internal\r\n\r\n", {.detector = "TVCAM_U"}, EM_ERROR_REFUSED},
	    {"{}",
	     "HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\n012345",
	     {.detector = "TVCAM_U"},
	     EM_ERROR_UNREACHABLE},
	    {"{}", short_raw, {.detector = "none"}, EM_ERROR_REFUSED},
	    {"{}", short_raw, {.detector = "TVCAM_U", .width = 100}, EM_ERROR_UNSUPPORTED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		struct wire_rule rules[] = {
		    attached,
		    channels,
		    camera,
		    scan,
		    {.request = "POST " B "/TVCAM_U/Setting ", .status = "200 OK", .body = seen[i].post},
		    {.request = "GET " B "/TVCAM_U/CreateRawData ", .raw = seen[i].raw}};
		struct em_error err = {0};
		struct em_acquired a;
		struct driver d;
		assert_int_equal(open_driver(&d, rules, 6, false, &err), 0);
		assert_int_equal(d.is->acquire(d.self, 5, &seen[i].e, &a, &err), -1);
		assert_int_equal(err.kind, seen[i].kind);
		if (seen[i].e.seconds > 0)
			assert_int_equal(asked("POST " B "/TVCAM_U/Setting HTTP/1.0 {\"ExposureTimeValue\":50}"), 1);
		close_driver(&d);
	}
}

static void the_bridge_moves_the_stage(void **state)
{
	struct wire_rule rules[] = {attached,
	                            channels,
	                            camera,
	                            scan,
	                            {.request = "GET /v1/stage_position ",
	                             .status = "200 OK",
	                             .body = "{\"x\":1e-6,\"y\":0,\"z\":0,\"a\":0.5,\"b\":0}"},
	                            {.request = "GET /v1/stage_status ", .status = "200 OK", .body = "\"MOVING\""},
	                            {.request = "PUT /v1/stage_position", .status = "204 No Content"},
	                            {.request = "GET /v1/family ", .status = "200 OK", .body = "\"GRANDARM\""},
	                            {.request = "GET /v1/microscope_id ", .status = "200 OK", .body = "\"1\""},
	                            {.request = "GET /v1/version ", .status = "200 OK", .body = "\"1.0\""}};
	struct em_controls want = {.known = {[EM_STAGE_X] = true, [EM_STAGE_A] = true}}, got;
	struct em_error err = {0};
	struct em_capabilities c;
	enum em_motion m;
	struct driver d;

	(void)state;
	assert_int_equal(open_driver(&d, rules, 10, true, &err), 0);
	if (d.is->get(d.self, 5, &want, &got, &err))
		fail_msg("%s", err.text);
	assert_true(got.value[EM_STAGE_X] == 1e-6 && got.value[EM_STAGE_A] == 0.5);
	want = (struct em_controls){0};
	em_controls_set(&want, EM_STAGE_X, 2e-6);
	assert_int_equal(d.is->set(d.self, 5, &want, &err), 0);
	assert_int_equal(d.is->motion(d.self, 5, &m, &err), 0);
	assert_int_equal(m, EM_MOVING);
	if (d.is->capabilities(d.self, 5, &c, &err))
		fail_msg("%s", err.text);
	assert_string_equal(c.family, "GRANDARM");
	assert_true(c.readable.known[EM_STAGE_X] && c.detectors == 2);
	close_driver(&d);
}

static void urls(void **state)
{
	struct em_error err = {0};
	void *self;

	(void)state;
	assert_null(em_driver_jeol.open("//pc?brige=x", ".", 1, &self, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_null(em_driver_jeol.open("//pc?bridge=x:y", ".", 1, &self, &err));
	assert_int_equal(err.kind, EM_ERROR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(detectors_are_cameras_or_scan),
	    cmocka_unit_test(pictures_are_raw),
	    cmocka_unit_test(what_goes_wrong),
	    cmocka_unit_test(the_bridge_moves_the_stage),
	    cmocka_unit_test(urls),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
