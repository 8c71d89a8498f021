/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SerialEM's external control as a server: the real Python module's bytes, and those of nobody. */
#include "scope/serialem.h"

#include "tcp_help.h"

/* "08000000 03000000" */
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

struct server {
	struct em_scope *scope;
	struct em_serialem s;
};

static void begin(struct server *s)
{
	s->scope = wire_scope();
	assert_int_equal(em_serialem_init(&s->s, s->scope, NULL), 0);
}

static void end(struct server *s)
{
	em_serialem_release(&s->s);
	wire_scope_close(s->scope);
}

/* The reply to a whole request is these bytes. */
static void check(struct server *s, const char *ask, const char *reply)
{
	char in[256], want[256];
	size_t n = bytes_of(ask, in), m = bytes_of(reply, want), used = 0;
	struct em_text out = {0};

	assert_int_equal(em_serialem_answer(&s->s, in, n, &used, &out), 1);
	assert_int_equal(used, n);
	assert_int_equal(out.len, m);
	if (m)
		assert_memory_equal(out.s, want, m);
	em_text_release(&out);
}

#define DONE "18000000 00000000 ffffffff 00000000 01000000 00000000"

/* A session of the real module (its version of July 2026), with the replies that it understood.  The long behind a
 * command without items is what happened to be in its memory.  The third number of ReportMag is 0 in a TEM. */
static void a_session_of_the_python_module(void **state)
{
	struct server s;

	(void)state;
	begin(&s);
	wire_instrument.value[EM_STAGE_X] = 1.5e-6;
	wire_instrument.value[EM_STAGE_Y] = -2e-6;
	wire_instrument.value[EM_STAGE_Z] = 0.25e-6;
	check(&s, "08000000 03000000", "0c000000 00000000 01000000");
	check(&s, "18000000 01000000 25010000 00000000 01000000 00c62afd",
	      "3c000000 00000000 02000000 00000000 0a000000 00000000 00000000 00000000 00000000 0000f83f 00000000 "
	      "000000c0 "
	      "00000000 0000d03f 00000000");
	check(&s,
	      "48000000 01000000 1e010000 02000000 0d000000 00000000 00000000 00000000 00000000 00000000 00000000 "
	      "00802440 "
	      "00000000 00000cc0 0031302e 3235002d 332e3500 00000000",
	      DONE);
	check(&s, "18000000 01000000 25010000 00000000 01000000 00c62afd",
	      "3c000000 00000000 02000000 00000000 0a000000 00000000 00000000 00000000 00000000 00802440 00000000 "
	      "00000cc0 "
	      "00000000 0000d03f 00000000");
	check(&s,
	      "34000000 01000000 41000000 01000000 08000000 00000000 00000000 00000000 00000000 00000000 00002940 "
	      "0031322e "
	      "35000000",
	      DONE);
	check(&s, "18000000 01000000 26010000 00000000 01000000 00c62afd",
	      "24000000 00000000 00000000 00000000 04000000 00000000 00000000 00002940 00000000");
	check(&s, "18000000 01000000 29010000 00000000 01000000 00c62afd",
	      "3c000000 00000000 02000000 00000000 0a000000 00000000 00000000 00000000 00000000 006ae840 00000000 "
	      "00000000 "
	      "00000000 00000000 00000000");
	check(&s, "18000000 01000000 ab000000 00000000 01000000 00c62afd",
	      "2c000000 00000000 00000000 00000000 06000000 01000000 00000000 00000000 433a5c64 61746100 00000000");
	check(&s, "18000000 01000000 4b000000 00000000 01000000 00c62afd", DONE);
	assert_true(fabs(wire_instrument.value[EM_STAGE_Y] + 3.5e-6) < 1e-18);
	assert_true(fabs(wire_instrument.value[EM_STAGE_Z] - 0.25e-6) < 1e-18); /* was not told */
	assert_true(fabs(wire_instrument.value[EM_STAGE_A] - 12.5 * WIRE_DEGREE) < 1e-15);
	assert_int_equal(wire_instrument.exposures, 1);
	end(&s);
}

/* ---- requests that are built here ---- */

static void put(char *to, size_t at, int32_t v)
{
	for (int i = 0; i < 4; i++)
		to[at + (size_t)i] = (char)((uint32_t)v >> 8 * i & 0xff);
}

static int32_t get(const char *from, size_t at)
{
	uint32_t v = 0;

	for (int i = 3; i >= 0; i--)
		v = v << 8 | (unsigned char)from[at + (size_t)i];
	return (int32_t)v;
}

/* A command with up to three numbers (NAN: left out), as the module packs them. */
static size_t command(char *to, int code, double a, double b, double c)
{
	const double number[4] = {0, a, b, c};
	size_t at = 20, last = 3, strings;

	while (last && isnan(number[last]))
		last--;
	memset(to, 0, 256);
	if (!last) {
		put(to, at, -1);
		at += 4;
	} else {
		strings = at + (last + 1) * 12;
		for (size_t i = 0; i <= last; i++) {
			double v = isnan(number[i]) ? 0 : number[i];
			memcpy(to + at + (last + 1) * 4 + i * 8, &v, 8); /* tests run on little-endian machines */
			if (i && !isnan(number[i]))
				strings += (size_t)sprintf(to + strings, "%g", number[i]);
			strings++;
		}
		at = (strings + 4) / 4 * 4;
	}
	put(to, 0, (int32_t)at);
	put(to, 4, 1);
	put(to, 8, code);
	put(to, 12, (int32_t)last);
	put(to, 16, (int32_t)(at - 20) / 4);
	return at;
}

/* Runs it; the error flag, the first number and the text. */
static int run(struct server *s, int code, double a, double b, double c, double *first, char *text)
{
	struct em_text out = {0};
	char in[256];
	size_t n = command(in, code, a, b, c), used, count;
	int error;

	assert_int_equal(em_serialem_answer(&s->s, in, n, &used, &out), 1);
	assert_int_equal(get(out.s, 0), out.len);
	assert_int_equal(get(out.s, 4), 0);
	assert_int_equal(get(out.s, 16) * 4 + 20, out.len);
	count = (size_t)(get(out.s, 8) + 1);
	error = get(out.s, 12);
	if (count && first)
		memcpy(first, out.s + 20 + 4 * count, 8);
	if (count && get(out.s, 20) && text)
		snprintf(text, 512, "%s", out.s + 20 + 12 * count);
	em_text_release(&out);
	return error;
}

static void units_are_micrometres_and_degrees(void **state)
{
	static const struct {
		int code, report;
		double a, b, c, first;
		enum em_control control;
		double value;
	} seen[] = {
	    {65, 294, -30, NAN, NAN, -30, EM_STAGE_A, -30 * WIRE_DEGREE},
	    {66, 294, 5, NAN, NAN, -25, EM_STAGE_A, -25 * WIRE_DEGREE},
	    {67, 296, 7, NAN, NAN, 7, EM_STAGE_B, 7 * WIRE_DEGREE},
	    {286, 293, 10, -20, 30, 10, EM_STAGE_Z, 30e-6},
	    {285, 293, 1, 2, NAN, 11, EM_STAGE_Y, -18e-6},
	    {200, 300, -2, NAN, NAN, -2, EM_DEFOCUS, -2e-6},
	    {199, 300, 0.5, NAN, NAN, -1.5, EM_DEFOCUS, -1.5e-6},
	    {212, 297, 20000, NAN, NAN, 20000, EM_MAGNIFICATION, 20000},
	    {219, 308, 5, NAN, NAN, 5, EM_SPOT_SIZE, 5},
	    {241, 245, 0.1, -0.2, NAN, 0.1, EM_BEAM_SHIFT_Y, -0.2e-6},
	    {247, 249, 0.3, 0.4, NAN, 0.3, EM_IMAGE_SHIFT_Y, 0.4e-6},
	    {396, 303, 42, NAN, NAN, 42, EM_INTENSITY, 0.42},
	    {455, 454, 7, NAN, NAN, 1, EM_VALVES_OPEN, 1},
	    {459, 412, 1, NAN, NAN, 200, EM_BLANKED, 1},
	    {225, 226, NAN, NAN, NAN, 1, EM_SCREEN_DOWN, 1},
	    {224, 226, NAN, NAN, NAN, 0, EM_SCREEN_DOWN, 0},
	    {43, 295, NAN, NAN, NAN, 0, EM_SCREEN_DOWN, 0},
	    {349, 227, NAN, NAN, NAN, 0.05, EM_SCREEN_DOWN, 0},
	    {349, 299, NAN, NAN, NAN, 0.8, EM_SCREEN_DOWN, 0},
	};
	struct server s;

	(void)state;
	begin(&s);
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		double first = NAN;
		assert_int_equal(run(&s, seen[i].code, seen[i].a, seen[i].b, seen[i].c, NULL, NULL), 0);
		assert_true(fabs(wire_instrument.value[seen[i].control] - seen[i].value) <=
		            1e-12 * fabs(seen[i].value));
		assert_int_equal(run(&s, seen[i].report, NAN, NAN, NAN, &first, NULL), 0);
		assert_true(fabs(first - seen[i].first) <= 1e-9 * fabs(seen[i].first));
	}
	end(&s);
}

static void a_command_that_fails_says_why(void **state)
{
	struct server s;
	char text[512];

	(void)state;
	begin(&s);
	assert_int_equal(run(&s, 286, 5000, 0, NAN, NULL, text), 1);
	assert_non_null(strstr(text, "limit"));
	assert_int_equal(run(&s, 286, 5, NAN, NAN, NULL, text), 1);
	assert_string_equal(text, "the command needs 2 numbers");
	assert_int_equal(run(&s, 700, NAN, NAN, NAN, NULL, text), 1);
	assert_string_equal(text, "command 700 is none of those that are served here");
	assert_int_equal(run(&s, -1, NAN, NAN, NAN, NULL, text), 1);
	assert_int_equal(run(&s, 65, INFINITY, NAN, NAN, NULL, text), 1);
	assert_int_equal(run(&s, 8, NAN, NAN, NAN, NULL, text), -123456);
	wire_instrument.short_of_x = true;
	assert_int_equal(run(&s, 286, 5, 0, NAN, NULL, text), 1);
	assert_non_null(strstr(text, "stage.x"));
	assert_true(wire_instrument.value[EM_STAGE_A] == 0);
	end(&s);
}

/* ---- images ---- */

static void images_are_kept_in_buffers(void **state)
{
	struct em_text out = {0};
	struct server s;
	char in[16];
	size_t used;

	(void)state;
	begin(&s);
	/* an empty buffer, a Fourier transform, and buffers that there are not: no bytes */
	for (int which = -1; which <= 21; which++) {
		put(in, 0, 16);
		put(in, 4, 4);
		put(in, 8, which);
		put(in, 12, which == 0);
		em_text_clear(&out);
		assert_int_equal(em_serialem_answer(&s.s, in, 16, &used, &out), 1);
		assert_int_equal(out.len, 32);
		assert_int_equal(get(out.s, 24), 0);
	}
	assert_int_equal(run(&s, 75, NAN, NAN, NAN, NULL, NULL), 0);
	assert_int_equal(run(&s, 69, NAN, NAN, NAN, NULL, NULL), 0);
	for (int which = 0; which < 3; which++) { /* A and B */
		put(in, 8, which);
		put(in, 12, 0);
		em_text_clear(&out);
		assert_int_equal(em_serialem_answer(&s.s, in, 16, &used, &out), 1);
		assert_int_equal(out.len, which < 2 ? 32 + 64 * 64 * 2 : 32);
		if (which == 2)
			continue;
		static const int32_t head[8] = {32, 0, 6, 128, 64, 64, 8192, 1};
		for (size_t i = 0; i < 8; i++)
			assert_int_equal(get(out.s, 4 * i), head[i]);
		for (size_t i = 0; i < 64 * 64; i++)
			assert_int_equal((unsigned char)out.s[32 + 2 * i] | (unsigned char)out.s[33 + 2 * i] << 8,
			                 (7 * i + 3) & 0xffff);
	}
	em_text_release(&out);
	end(&s);
}

/* More than a chunk: the rest comes after handshakes, and all of it once. */
static void big_images_come_in_pieces(void **state)
{
	const size_t side = 3000, bytes = side * side * 4;
	struct em_text out = {0};
	struct server s;
	size_t used, got;
	char in[16];

	(void)state;
	begin(&s);
	assert_int_equal(em_array_alloc_image(&s.s.buffer[3], EM_F32, side, side, NULL), 0);
	for (size_t i = 0; i < side * side; i++)
		((float *)s.s.buffer[3].data)[i] = (float)i;
	put(in, 0, 16);
	put(in, 4, 4);
	put(in, 8, 3);
	put(in, 12, 0);
	assert_int_equal(em_serialem_answer(&s.s, in, 16, &used, &out), 1);
	assert_int_equal(get(out.s, 8), 2);      /* float */
	assert_int_equal(get(out.s, 24), bytes); /* 36 000 000 */
	assert_int_equal(get(out.s, 28), 2);     /* pieces of 18 000 000 */
	assert_int_equal(out.len, 32 + bytes / 2);
	got = out.len - 32;
	put(in, 0, 8);
	put(in, 4, 2);
	for (int piece = 1; piece < 3; piece++) {
		float first;
		em_text_clear(&out);
		assert_int_equal(em_serialem_answer(&s.s, in, 8, &used, &out), 1);
		assert_int_equal(out.len, piece < 2 ? bytes / 2 : 0);
		if (piece == 2)
			break;
		memcpy(&first, out.s, 4);
		assert_true(first == (float)(got / 4));
		got += out.len;
	}
	assert_int_equal(got, bytes);
	em_text_release(&out);
	end(&s);
}

/* ---- what is no request ---- */

static void requests_that_are_none(void **state)
{
	static const struct {
		const char *ask;
		int rc, code;
	} bad[] = {
	    {"", 0, 0},
	    {"08000000 0300", 0, 0},
	    {"00000000", -1, -4},
	    {"ffffffff", -1, -4},
	    {"07000000", -1, -4},
	    {"ffffff7f", -1, -5},
	    {"00010100", -1, -5},
	    {"08000000 00000000", 1, -1},
	    {"08000000 05000000", 1, -1},
	    {"08000000 ffffff7f", 1, -1},
	    {"0c000000 03000000 00000000", 1, -6},
	    {"08000000 01000000", 1, -6},
	    {"08000000 04000000", 1, -6},
	    {"18000000 01000000 25010000 00000000 02000000 00000000", 1, -6}, /* the array is shorter */
	    {"18000000 01000000 25010000 00000000 ffffffff 00000000", 1, -6},
	    {"18000000 01000000 25010000 01000000 01000000 00000000", 1, -6}, /* two items need more */
	    {"18000000 01000000 25010000 ffffffff 01000000 00000000", 1, -6},
	    {"18000000 01000000 25010000 ffffff7f 01000000 00000000", 1, -6},
	    /* two items whose second text has no end */
	    {"30000000 01000000 41000000 01000000 07000000 00000000 00000000 00000000 00000000 00000000 00002940 "
	     "00313233",
	     1, -6},
	};
	struct server s;

	(void)state;
	begin(&s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_text out = {0};
		char in[256];
		size_t used = 0, n = bytes_of(bad[i].ask, in);
		assert_int_equal(em_serialem_answer(&s.s, in, n, &used, &out), bad[i].rc);
		assert_int_equal(used, bad[i].rc > 0 ? n : 0);
		if (bad[i].rc)
			assert_int_equal(get(out.s, 4), bad[i].code);
		em_text_release(&out);
	}
	end(&s);
}

/* ---- over a socket ---- */

static void expect(int fd, const char *hex)
{
	char want[64], got[64];
	size_t n = bytes_of(hex, want), at = 0;

	while (at < n) {
		ssize_t piece = recv(fd, got + at, n - at, 0);
		assert_true(piece > 0);
		at += (size_t)piece;
	}
	assert_memory_equal(got, want, n);
}

static void tell(int fd, const char *hex, size_t from, size_t to)
{
	char bytes[64];
	size_t n = bytes_of(hex, bytes);

	n = n < to ? n : to;
	assert_int_equal(send(fd, bytes + from, n - from, MSG_NOSIGNAL), n - from);
}

/* A request in two pieces; then a second client takes the first one's place. */
static void one_client_at_a_time(void **state)
{
	static const char ask[] = "08000000 03000000", reply[] = "0c000000 00000000 01000000";
	struct wire_server s;
	char byte;
	int first, second;

	(void)state;
	wire_server_begin(&s, em_serve_serialem);
	first = wire_connect(s.port);
	tell(first, ask, 0, 5);
	wire_nap(0.02);
	tell(first, ask, 5, 8);
	expect(first, reply);
	second = wire_connect(s.port);
	tell(second, ask, 0, 8);
	expect(second, reply);
	assert_true(recv(first, &byte, 1, 0) <= 0);
	tell(second, "00000000", 0, 4); /* garbage: told so, and dropped */
	expect(second, "08000000 fcffffff");
	assert_true(recv(second, &byte, 1, 0) <= 0);
	close(first);
	close(second);
	wire_server_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_session_of_the_python_module), cmocka_unit_test(units_are_micrometres_and_degrees),
	    cmocka_unit_test(a_command_that_fails_says_why),  cmocka_unit_test(images_are_kept_in_buffers),
	    cmocka_unit_test(big_images_come_in_pieces),      cmocka_unit_test(requests_that_are_none),
	    cmocka_unit_test(one_client_at_a_time),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
