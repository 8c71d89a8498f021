/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SerialEM as an instrument: the transcript's bytes from the other side, our own server, and replies of nobody. */
#include "scope/serialem.h"

#include "tcp_help.h"

static size_t bytes_of(const char *hex, char *to)
{
	size_t n = 0;
	unsigned v;

	for (; *hex; hex += 2) {
		hex += strspn(hex, " ");
		assert_int_equal(sscanf(hex, "%2x", &v), 1);
		to[n++] = (char)v;
	}
	return n;
}

/* "08000000 03000000"; ask NULL: whatever comes in one piece.  To be freed. */
static struct wire_step step(const char *ask, const char *reply, enum wire_then then)
{
	char *out = malloc(512), *in = malloc(512);
	size_t n = ask ? bytes_of(ask, out) : 0, m = bytes_of(reply, in);

	if (!ask) {
		free(out);
		out = NULL;
	}
	return (struct wire_step){out, n, in, m, then};
}

static void free_steps(struct wire_step *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((void *)(uintptr_t)s[i].expect);
		free((void *)(uintptr_t)s[i].reply);
	}
}

#define READY "08000000 03000000", "0c000000 00000000 01000000", WIRE_GOES_ON
#define DONE "18000000 00000000 ffffffff 00000000 01000000 00000000"

static void open_peer(struct wire_peer *p, struct wire_driver *d, const struct wire_step *steps, size_t n)
{
	struct em_error err = {0};

	wire_peer_begin(p, steps, n);
	if (wire_driver_open(d, &em_driver_serialem, p->port, "", 5, &err))
		fail_msg("%s; %s", err.text, p->wrong);
}

/* As the Python module sends them, but for the long that it leaves as it was. */
static void the_modules_bytes(void **state)
{
	struct wire_step steps[] = {
	    step(READY),
	    step("18000000 01000000 25010000 00000000 01000000 00000000",
	         "3c000000 00000000 02000000 00000000 0a000000 00000000 00000000 00000000 00000000 0000f83f 00000000 "
	         "000000c0 00000000 0000d03f 00000000",
	         WIRE_GOES_ON),
	    step("18000000 01000000 29010000 00000000 01000000 00000000",
	         "3c000000 00000000 02000000 00000000 0a000000 00000000 00000000 00000000 00000000 006ae840 00000000 "
	         "00000000 00000000 0000f03f 00000000",
	         WIRE_GOES_ON),
	    step("34000000 01000000 41000000 01000000 08000000 00000000 0c000000 00000000 00000000 00000000 00002940 "
	         "0031322e 35000000",
	         DONE, WIRE_GOES_ON),
	    step("48000000 01000000 1e010000 02000000 0d000000 00000000 0a000000 fdffffff 00000000 00000000 00000000 "
	         "00802440 00000000 00000cc0 0031302e 3235002d 332e3500 00000000",
	         DONE, WIRE_GOES_ON)};
	struct em_controls want = {.known = {[EM_STAGE_X] = true, [EM_STAGE_Z] = true, [EM_MAGNIFICATION] = true}}, got;
	struct em_error err = {0};
	struct wire_driver d;
	struct wire_peer p;

	(void)state;
	open_peer(&p, &d, steps, 5);
	if (d.is->get(d.self, 5, &want, &got, &err))
		fail_msg("%s; %s", err.text, p.wrong);
	assert_true(got.value[EM_STAGE_X] == 1.5e-6 && got.value[EM_STAGE_Z] == 0.25e-6 && !got.known[EM_STAGE_Y]);
	assert_true(got.value[EM_MAGNIFICATION] == 50000);
	want = (struct em_controls){0};
	em_controls_set(&want, EM_STAGE_A, 12.5 * WIRE_DEGREE);
	if (d.is->set(d.self, 5, &want, &err))
		fail_msg("%s; %s", err.text, p.wrong);
	want = (struct em_controls){0};
	em_controls_set(&want, EM_STAGE_X, 10.25e-6);
	em_controls_set(&want, EM_STAGE_Y, -3.5e-6);
	if (d.is->set(d.self, 5, &want, &err))
		fail_msg("%s; %s", err.text, p.wrong);
	wire_driver_close(&d);
	wire_peer_end(&p);
	free_steps(steps, 5);
}

static void client_and_server_agree(void **state)
{
	static const struct {
		enum em_control control;
		double value;
	} set[] = {{EM_STAGE_X, 12.5e-6},     {EM_STAGE_Z, -3e-6},   {EM_STAGE_B, 7 * WIRE_DEGREE},
	           {EM_MAGNIFICATION, 20000}, {EM_DEFOCUS, -1.5e-6}, {EM_IMAGE_SHIFT_Y, 40e-9},
	           {EM_BEAM_SHIFT_X, -30e-9}, {EM_SPOT_SIZE, 5},     {EM_INTENSITY, 0.42},
	           {EM_VALVES_OPEN, 1},       {EM_SCREEN_DOWN, 1},   {EM_BLANKED, 1}};
	const struct em_exposure e = {.detector = "Record", .seconds = 0.5, .binning = 2};
	struct em_controls want = {0}, got;
	struct em_capabilities c;
	struct em_error err = {0};
	struct em_acquired a;
	struct wire_server s;
	struct wire_driver d;

	(void)state;
	wire_server_begin(&s, em_serve_serialem);
	wire_instrument.value[EM_STAGE_Y] = 9e-6;
	wire_instrument.value[EM_MODE] = 1;
	assert_int_equal(wire_driver_open(&d, &em_driver_serialem, s.port, "", 5, &err), 0);
	for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++)
		em_controls_set(&want, set[i].control, set[i].value);
	if (d.is->set(d.self, 5, &want, &err))
		fail_msg("%s", err.text);
	assert_int_equal(d.is->capabilities(d.self, 5, &c, NULL), 0);
	if (d.is->get(d.self, 5, &c.readable, &got, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < sizeof(set) / sizeof(*set); i++) {
		double there = wire_instrument.value[set[i].control];
		assert_true(fabs(there - set[i].value) <= 1e-9 * fabs(set[i].value));
		if (set[i].control != EM_BLANKED)
			assert_true(fabs(got.value[set[i].control] - there) <= 1e-9 * fabs(there));
	}
	assert_true(fabs(got.value[EM_STAGE_Y] - 9e-6) < 1e-15 && got.value[EM_MODE] == 1);
	if (d.is->acquire(d.self, 5, &e, &a, &err))
		fail_msg("%s", err.text);
	assert_true(a.data.dtype == EM_U16 && a.data.shape[0] == 128);
	for (size_t i = 0; i < 128 * 128; i++)
		assert_int_equal(((uint16_t *)a.data.data)[i], (uint16_t)(7 * i + 3));
	em_acquired_release(&a);
	want = (struct em_controls){0};
	em_controls_set(&want, EM_STAGE_X, 5e-3);
	assert_int_equal(d.is->set(d.self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	assert_non_null(strstr(err.text, "limit"));
	em_controls_set(&want, EM_STIGMATOR_X, 0);
	assert_int_equal(d.is->set(d.self, 5, &want, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	wire_driver_close(&d);
	wire_server_end(&s);
}

/* Rows that are longer than they need be, in two pieces. */
static void pictures_come_in_pieces_and_with_room_behind_rows(void **state)
{
	struct wire_step steps[] = {step(READY),
	                            step("18000000 01000000 4b000000 00000000 01000000 00000000", DONE, WIRE_GOES_ON),
	                            step("10000000 04000000 00000000 00000000",
	                                 "20000000 00000000 00000000 04000000 03000000 02000000 08000000 02000000 "
	                                 "010203ff",
	                                 WIRE_GOES_ON),
	                            step("08000000 02000000", "040506ff", WIRE_GOES_ON)};
	const struct em_exposure e = {.detector = "Record"};
	struct em_error err = {0};
	struct wire_driver d;
	struct wire_peer p;
	struct em_acquired a;

	(void)state;
	open_peer(&p, &d, steps, 4);
	if (d.is->acquire(d.self, 5, &e, &a, &err))
		fail_msg("%s; %s", err.text, p.wrong);
	assert_true(a.data.dtype == EM_U8 && a.data.shape[0] == 2 && a.data.shape[1] == 3);
	assert_memory_equal(a.data.data, "\1\2\3\4\5\6", 6);
	em_acquired_release(&a);
	wire_driver_close(&d);
	wire_peer_end(&p);
	free_steps(steps, 4);
}

static void replies_that_are_none(void **state)
{
	static const struct {
		const char *reply;
		enum wire_then then;
		enum em_error_kind kind;
	} bad[] = {
	    {"", WIRE_CLOSES, EM_ERROR_UNREACHABLE},
	    {"18000000 0000", WIRE_CLOSES, EM_ERROR_UNREACHABLE},
	    {"18000000 00000000", WIRE_STALLS, EM_ERROR_UNREACHABLE},
	    {"04000000 00000000", WIRE_CLOSES, EM_ERROR_DATA},
	    {"ffffffff 00000000", WIRE_CLOSES, EM_ERROR_DATA},
	    {"ffffff7f 00000000", WIRE_STALLS, EM_ERROR_DATA},
	    {"08000000 f7ffffff", WIRE_CLOSES, EM_ERROR_REFUSED}, /* busy */
	    {"08000000 f6ffffff", WIRE_CLOSES, EM_ERROR_REFUSED}, /* STOP */
	    {"08000000 ffffffff", WIRE_CLOSES, EM_ERROR_DATA},
	    {"08000000 00000000", WIRE_CLOSES, EM_ERROR_DATA}, /* no reports at all */
	    {"18000000 00000000 05000000 00000000 01000000 00000000", WIRE_CLOSES, EM_ERROR_DATA},
	    {"18000000 00000000 ffffff7f 00000000 01000000 00000000", WIRE_CLOSES, EM_ERROR_DATA},
	    {"18000000 00000000 00000080 00000000 01000000 00000000", WIRE_CLOSES, EM_ERROR_DATA},
	    {"24000000 00000000 00000000 01000000 04000000 01000000 00000000 00000000 6e6f0000", WIRE_CLOSES,
	     EM_ERROR_REFUSED}, /* "no" */
	    {"24000000 00000000 00000000 01000000 04000000 01000000 00000000 00000000 6e6e6e6e", WIRE_CLOSES,
	     EM_ERROR_REFUSED}, /* a text without an end */
	    {"24000000 00000000 00000000 01000000 04000000 01000000 00000000 00000000 00000000", WIRE_CLOSES,
	     EM_ERROR_REFUSED}, /* a text of nothing */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct wire_step steps[] = {step(READY), step(NULL, bad[i].reply, bad[i].then)};
		struct em_controls want = {.known = {[EM_STAGE_A] = true}}, got;
		struct em_error err = {0};
		struct wire_driver d;
		struct wire_peer p;
		open_peer(&p, &d, steps, 2);
		assert_int_equal(d.is->get(d.self, bad[i].then == WIRE_STALLS ? 0.1 : 5, &want, &got, &err), -1);
		assert_true(err.kind == bad[i].kind && *err.text);
		wire_driver_close(&d);
		wire_peer_end(&p);
		free_steps(steps, 2);
	}
}

static void pictures_that_are_none(void **state)
{
	static const char *const bad[] = {
	    "20000000 00000000 00000000 04000000 03000000 02000000 00000000 00000000", /* empty */
	    "20000000 00000000 05000000 04000000 03000000 02000000 08000000 01000000", /* mode 5 */
	    "20000000 00000000 00000000 02000000 03000000 02000000 04000000 01000000", /* rows too short */
	    "20000000 00000000 00000000 04000000 03000000 02000000 09000000 01000000", /* another sum */
	    "20000000 00000000 00000000 04000000 03000000 ffffffff 08000000 01000000",
	    "20000000 00000000 00000000 00000040 00000040 01000000 00000040 01000000",
	    "20000000 00000000 00000000 04000000 03000000 02000000 08000000 00000000", /* no pieces */
	    "20000000 00000000 00000000 04000000 03000000 02000000 08000000 09000000",
	    "1c000000 00000000 00000000 04000000 03000000 02000000 08000000", /* a long too few */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct wire_step steps[] = {step(READY), step(NULL, DONE, WIRE_GOES_ON),
		                            step(NULL, bad[i], WIRE_CLOSES)};
		const struct em_exposure e = {.detector = "Record"};
		struct em_error err = {0};
		struct wire_driver d;
		struct wire_peer p;
		struct em_acquired a;
		open_peer(&p, &d, steps, 3);
		assert_int_equal(d.is->acquire(d.self, 5, &e, &a, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		wire_driver_close(&d);
		wire_peer_end(&p);
		free_steps(steps, 3);
	}
}

static void serialem_that_is_busy(void **state)
{
	struct wire_step steps[] = {step("08000000 03000000", "0c000000 00000000 00000000", WIRE_CLOSES)};
	struct em_error err = {0};
	struct wire_driver d;
	struct wire_peer p;

	(void)state;
	wire_peer_begin(&p, steps, 1);
	assert_int_equal(wire_driver_open(&d, &em_driver_serialem, p.port, "", 5, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_REFUSED);
	wire_peer_end(&p);
	free_steps(steps, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_modules_bytes),
	    cmocka_unit_test(client_and_server_agree),
	    cmocka_unit_test(pictures_come_in_pieces_and_with_room_behind_rows),
	    cmocka_unit_test(replies_that_are_none),
	    cmocka_unit_test(pictures_that_are_none),
	    cmocka_unit_test(serialem_that_is_busy),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
