/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Which of 0..9 are in it, as a text of digits: Python's list(range(10)[text]). */
static void expect(const char *text, const char *want)
{
	struct em_slice s;
	char got[16];
	size_t n = 0;

	assert_int_equal(em_slice_parse(text, &s, NULL), 0);
	for (size_t i = 0; i < 10; i++)
		if (em_slice_holds(&s, i, 10))
			got[n++] = (char)('0' + i);
	got[n] = '\0';
	assert_string_equal(got, want);
}

static void as_in_python(void **state)
{
	(void)state;
	expect(":", "0123456789");
	expect("::", "0123456789");
	expect("3", "3");
	expect("-1", "9");
	expect("-10", "0");
	expect("2:5", "234");
	expect("2:8:3", "25");
	expect("1::4", "159");
	expect(":-7", "012");
	expect("-3:", "789");
	expect("-30:2", "01");
	expect("7:3", "");
	expect("10", "");
	expect("5:1000000000000", "56789");
	expect("-9223372036854775808:2", "01");
}

static void not_a_range(void **state)
{
	static const char *const bad[] = {"", "a", "1:2:3:4", "1:2:0", "1:2:-1", "1-2", "1.5", " 1", "--1", "1:2x",
	                                  "99999999999999999999"};
	struct em_slice s = {.begin = 7};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct em_error err = {0};

		assert_int_equal(em_slice_parse(bad[i], &s, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		assert_int_equal(s.begin, 7);
	}
}

static void everything(void **state)
{
	const struct em_slice all = {0};
	struct em_slice s;

	(void)state;
	assert_true(em_slice_holds(&all, 0, 1) && em_slice_holds(&all, 123456, SIZE_MAX));
	assert_false(em_slice_needs_size(&all));
	assert_int_equal(em_slice_parse("5:9:2", &s, NULL), 0);
	assert_false(em_slice_needs_size(&s));
	assert_int_equal(em_slice_parse(":-1", &s, NULL), 0);
	assert_true(em_slice_needs_size(&s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_in_python),
		cmocka_unit_test(not_a_range),
		cmocka_unit_test(everything),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("slice", tests, NULL, NULL);
}
