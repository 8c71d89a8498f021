/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Base64 against the vectors of RFC 4648, section 10, and against itself. */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *bytes, *text;
} vectors[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"},
               {"\xfb\xff\xbf", "+/+/"}};

static void published(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		struct em_text t = {0};
		unsigned char out[8];
		size_t n = strlen(vectors[i].text), bytes;

		em_base64_append(&t, (const unsigned char *)vectors[i].bytes, strlen(vectors[i].bytes));
		assert_string_equal(em_text_get(&t), vectors[i].text);
		assert_int_equal(em_base64_measure(vectors[i].text, n, &bytes), 0);
		assert_int_equal(bytes, strlen(vectors[i].bytes));
		assert_int_equal(em_base64_decode(vectors[i].text, n, out, bytes, NULL), 0);
		assert_memory_equal(out, vectors[i].bytes, bytes);
		em_text_release(&t);
	}
}

/* Longer than the part that is appended at once, every length modulo 3. */
static void there_and_back(void **state)
{
	static unsigned char bytes[10000], back[10000];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 167 + i / 256);
	for (size_t n = sizeof(bytes) - 7; n <= sizeof(bytes); n++) {
		struct em_text t = {0};

		em_base64_append(&t, bytes, n);
		assert_int_equal(t.len, (n + 2) / 3 * 4);
		assert_int_equal(em_base64_decode(t.s, t.len, back, n, NULL), 0);
		assert_memory_equal(back, bytes, n);
		em_text_release(&t);
	}
}

static void what_is_none(void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
	} bad[] = {{"Zg=", 1},  {"Z", 0},    {"Zg==", 2}, {"Zh==", 1}, {"Zm9=", 2},     {"Z===", 1},
	           {"====", 1}, {"Zm-v", 3}, {"Z=9v", 3}, {"Zm9v", 2}, {"Zg==Zm9v", 4}, {"Zm 9", 3}};
	unsigned char out[8];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_error err = {0};

		assert_int_equal(em_base64_decode(bad[i].text, strlen(bad[i].text), out, bad[i].bytes, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published),
	    cmocka_unit_test(there_and_back),
	    cmocka_unit_test(what_is_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
