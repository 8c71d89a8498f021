/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool alike(const char *a, const char *b)
{
	return em_told_alike(a, b, strlen(b));
}

static void numbers_do_not_tell_apart(void **state)
{
	(void)state;
	assert_true(alike("O-K: 3 of 40 spectra", "O-K: 12 of 40 spectra"));
	assert_true(alike("exponent is 0.732 +- 0.0039", "exponent is 4e+02 +- 12"));
	assert_true(alike("at 5", "at 61.5"));
}

static void words_and_names_do(void **state)
{
	(void)state;
	assert_false(alike("Ti-L2: no counts", "Ti-L3: no counts"));
	assert_false(alike("O-K: no counts", "N-K: no counts"));
	assert_false(alike("no counts", "no counts in 5"));
	assert_false(alike("no counts in 5", "no counts"));
	assert_false(alike("no counts in 5", "no counts in 5 eV"));
	assert_false(alike("no counts in x", "no counts in 5"));
}

static void no_more_than_n_bytes(void **state)
{
	(void)state;
	assert_true(em_told_alike("at 5 eV", "at 7 eV\nmore", 7));
	assert_false(em_told_alike("at 5 eV\nmore", "at 7 eV\nmore", 7));
	assert_true(em_told_alike("", "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_do_not_tell_apart),
	    cmocka_unit_test(words_and_names_do),
	    cmocka_unit_test(no_more_than_n_bytes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
