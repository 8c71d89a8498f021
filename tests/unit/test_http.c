/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP as an instrument's servers speak it: addresses, heads, lengths, gzip, and all that may break. */
#include "scope/http.h"

#include "scope/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire_help.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void addresses(void **state)
{
	static const struct {
		const char *rest, *host, *port, *token, *options;
	} good[] = {
	    {"//tem", "tem", "8080", "", ""},
	    {"//tem.example:81/", "tem.example", "81", "", ""},
	    {"//127.0.0.1:18080", "127.0.0.1", "18080", "", ""},
	    {"//[::1]:90?speed=0.1", "::1", "90", "", "speed=0.1"},
	    {"//[fe80::1%eth0]", "fe80::1%eth0", "8080", "", ""},
	    {"//s3cr:et@tem:81/?a=b", "tem", "81", "s3cr:et", "a=b"},
	};
	static const char *const bad[] = {
	    "",         "tem",           "//",       "//:80",        "//tem:",     "//tem:0",     "//tem:65536",
	    "//tem:8x", "//[::1",        "//[::1]x", "//te m",       "//tem/v1",   "//t\r\nX: y", "//a\tb@tem",
	    "//tem:-1", "//te\xc3\xa4m", "/tem",     "//tem:123456", "//[::1]:80x"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct em_http_peer p;
		const char *options;

		assert_int_equal(em_http_parse_peer(&p, good[i].rest, "8080", &options, NULL), 0);
		assert_string_equal(p.host, good[i].host);
		assert_string_equal(p.port, good[i].port);
		assert_string_equal(p.token, good[i].token);
		assert_string_equal(options, good[i].options);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct em_http_peer p;
		const char *options;
		struct em_error err = {0};

		assert_int_equal(em_http_parse_peer(&p, bad[i], "8080", &options, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
	}
}

/* Every beginning of a head is not all of it yet; the body behind it does not matter. */
static void heads(void **state)
{
	static const char head[] =
	    "HTTP/1.0 404 'Unknown detector'\r\nServer: BaseHTTP/0.6\r\ncontent-length:  348 \r\n"
	    "Content-Type: Text/HTML;charset=utf-8\r\nContent-Encoding: gzip\r\n\r\n<html>\r\n\r\n";
	size_t body = 8, n = sizeof(head) - 1 - body - 2;
	struct em_http_head h;

	(void)state;
	for (size_t i = 0; i < n; i++)
		assert_int_equal(em_http_parse_head(&h, head, i, NULL), 0);
	assert_int_equal(em_http_parse_head(&h, head, sizeof(head) - 1, NULL), 1);
	assert_int_equal(h.bytes, n);
	assert_int_equal(h.status, 404);
	assert_string_equal(h.reason, "'Unknown detector'");
	assert_string_equal(h.type, "text/html");
	assert_true(h.has_length && h.gzip);
	assert_int_equal(h.length, 348);
	assert_int_equal(em_http_parse_head(&h, "HTTP/1.1 204\r\n\r\n", 16, NULL), 1);
	assert_true(h.status == 204 && !h.has_length && !h.gzip && !*h.reason);
}

static void what_is_no_head(void **state)
{
	static const char *const bad[] = {
	    "SSH-2.0-OpenSSH\r\n",
	    "\r\n",
	    "HTTP/2 200\r\n\r\n",
	    "HTTP/1.0 2000\r\n\r\n",
	    "HTTP/1.0 2x0\r\n\r\n",
	    "HTTP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
	    "HTTP/1.0 200 OK\r\nContent-Length: 1e9\r\n\r\n",
	    "HTTP/1.0 200 OK\r\nContent-Length:\r\n\r\n",
	    "HTTP/1.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
	    "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	    "HTTP/1.0 200 OK\r\nContent-Encoding: br\r\n\r\n",
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	};
	static char endless[40000] = "HTTP/1.0 200 OK\r\nX: ";
	struct em_http_head h;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct em_error err = {0};

		assert_int_equal(em_http_parse_head(&h, bad[i], strlen(bad[i]), &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
	}
	memset(endless + 20, 'a', sizeof(endless) - 20);
	assert_int_equal(em_http_parse_head(&h, endless, sizeof(endless), NULL), -1);
}

/* "123456789", whose CRC-32 is cbf43926, in a stored block; behind a header with all that it may have. */
static void gzip(void **state)
{
	static const unsigned char packed[] = {
	    0x1f, 0x8b, 8,    0x1e, 0,   0,   0,   0,   0,   3,   2,   0,   'e', 'x',  'n',  0,    'c',  0, 1, 2, 1,
	    9,    0,    0xf6, 0xff, '1', '2', '3', '4', '5', '6', '7', '8', '9', 0x26, 0x39, 0xf4, 0xcb, 9, 0, 0, 0};

	(void)state;
	for (size_t damage = 0; damage <= sizeof(packed); damage++) {
		struct em_http_reply r = {.len = sizeof(packed)};
		struct em_error err = {0};
		/* what may be anything: time, system, the texts, the head's checksum */
		bool free_byte = (damage >= 4 && damage <= 9) || damage == 12 || damage == 13 || damage == 14 ||
		                 damage == 16 || damage == 18 || damage == 19;

		r.memory = r.body = malloc(sizeof(packed));
		memcpy(r.body, packed, sizeof(packed));
		if (damage < sizeof(packed))
			r.body[damage] = (char)(r.body[damage] ^ 1);
		if (damage == sizeof(packed) || free_byte) {
			assert_int_equal(em_http_unpack(&r, 100, &err), 0);
			assert_int_equal(r.len, 9);
			assert_string_equal(r.body, "123456789");
		} else if (damage != 3 && damage != 10) {
			assert_int_equal(em_http_unpack(&r, 100, &err), -1);
			assert_int_equal(err.kind, EM_ERROR_DATA);
		}
		em_http_reply_release(&r);
	}
}

static void bombs(void **state)
{
	static const unsigned char packed[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0x40};
	struct em_http_reply r = {.len = sizeof(packed)};
	struct em_error err = {0};

	(void)state;
	r.memory = r.body = malloc(sizeof(packed));
	memcpy(r.body, packed, sizeof(packed));
	assert_int_equal(em_http_unpack(&r, 1 << 20, &err), -1); /* it claims a gigabyte */
	assert_int_equal(err.kind, EM_ERROR_DATA);
	em_http_reply_release(&r);
}

static int ask(const char *url, double seconds, size_t max, struct em_http_reply *r, struct em_error *err)
{
	struct em_http_request request = {"GET", "/x", NULL, em_clock_now() + seconds, max};
	struct em_http_peer p;
	const char *options;

	assert_int_equal(em_http_parse_peer(&p, url, "80", &options, NULL), 0);
	return em_http_run(&p, &request, r, err);
}

/* With and without a length, with more than it says, and with nothing. */
static void whole_replies(void **state)
{
	struct wire_rule rules[] = {
	    {"GET /x", .raw = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", .times = 1},
	    {"GET /x", .raw = "HTTP/1.0 200 OK\r\n\r\nabc", .times = 1},
	    {"GET /x", .raw = "HTTP/1.1 500 no\r\nContent-Length: 3\r\n\r\nabcdef", .times = 1},
	    {"GET /x", .raw = "HTTP/1.0 204 No Content\r\nContent-Length: 9\r\n\r\n", .times = 1},
	};
	static const int status[] = {200, 200, 500, 204};
	char url[64];

	(void)state;
	wire_start(rules, COUNT(rules), url);
	for (size_t i = 0; i < COUNT(rules); i++) {
		struct em_http_reply r;

		assert_int_equal(ask(url, 10, 100, &r, NULL), 0);
		assert_int_equal(r.status, status[i]);
		assert_string_equal(r.body, status[i] == 204 ? "" : "abc");
		em_http_reply_release(&r);
	}
	wire_stop();
	assert_string_equal(wire.log[0], "GET /x HTTP/1.0 ");
}

static void broken_replies(void **state)
{
	static const struct {
		const char *raw;
		enum em_error_kind kind;
	} bad[] = {
	    {"", EM_ERROR_UNREACHABLE},
	    {"HTTP/1.0 200 OK\r\nContent-Le", EM_ERROR_UNREACHABLE},
	    {"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nabc", EM_ERROR_UNREACHABLE},
	    {"HTTP/1.0 200 OK\r\nContent-Length: 101\r\n\r\nabc", EM_ERROR_DATA},
	    {"HTTP/1.0 200 OK\r\nContent-Encoding: gzip\r\n\r\nabc", EM_ERROR_DATA},
	    {"220 smtp.example ESMTP\r\n", EM_ERROR_DATA},
	};
	struct wire_rule rule = {"GET /x"};
	char url[64];

	(void)state;
	wire_start(&rule, 1, url);
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct em_http_reply r;
		struct em_error err = {0};

		rule.raw = bad[i].raw;
		assert_int_equal(ask(url, 10, 100, &r, &err), -1);
		assert_int_equal(err.kind, bad[i].kind);
	}
	wire_stop();
}

/* More than the cap, without a word about its length. */
static void endless_replies(void **state)
{
	static char raw[300000] = "HTTP/1.0 200 OK\r\n\r\n";
	struct wire_rule rule = {"GET /x", .raw = raw};
	struct em_http_reply r;
	struct em_error err = {0};
	char url[64];

	(void)state;
	memset(raw + strlen(raw), ' ', sizeof(raw) - 1 - strlen(raw));
	wire_start(&rule, 1, url);
	assert_int_equal(ask(url, 10, 100000, &r, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(ask(url, 10, 300000, &r, &err), 0);
	em_http_reply_release(&r);
	wire_stop();
}

static void nobody_answers(void **state)
{
	struct wire_rule rule = {"GET /x", .raw = "HTTP/1.0 200 OK\r\n\r\n", .stall = 30};
	struct em_http_reply r;
	struct em_error err = {0};
	char url[64];

	(void)state;
	wire_start(&rule, 1, url);
	assert_int_equal(ask(url, 0.2, 100, &r, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNREACHABLE);
	wire_stop();
	assert_int_equal(ask(url, 10, 100, &r, &err), -1); /* now nobody listens there */
	assert_int_equal(err.kind, EM_ERROR_UNREACHABLE);
	assert_non_null(strstr(err.text, "refused"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses),      cmocka_unit_test(heads),           cmocka_unit_test(what_is_no_head),
	    cmocka_unit_test(gzip),           cmocka_unit_test(bombs),           cmocka_unit_test(whole_replies),
	    cmocka_unit_test(broken_replies), cmocka_unit_test(endless_replies), cmocka_unit_test(nobody_answers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
