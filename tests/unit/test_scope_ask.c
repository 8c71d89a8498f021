/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked of an instrument before it is told to do something. */
#include "scope_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct em_scope *scope;

static int setup(void **state)
{
	struct em_scope_settings s = {.command = "test", .state_dir = fake_folder};

	(void)state;
	fake_init();
	em_scope_limits_init(&s.limits);
	return em_scope_open_kind(&fake_kind, "fake:", &s, &scope, NULL);
}

static int teardown(void **state)
{
	(void)state;
	em_scope_close(scope);
	scope = NULL;
	return 0;
}

static struct em_controls want_of(enum em_control c, double v)
{
	struct em_controls want = {0};

	em_controls_set(&want, c, v);
	return want;
}

/* A command over a wire pays for its own questions. */
static void capabilities_are_asked_for_when_needed(void **state)
{
	struct em_controls want = want_of(EM_STAGE_X, 50e-6), got;
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	assert_int_equal(em_scope_get(scope, &want, &got, NULL), 0);
	want = want_of(EM_VOLTAGE, 2e5);
	assert_int_equal(em_scope_move(scope, &want, &got, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
	assert_int_equal(fake.questions, 0);
	assert_int_equal(em_scope_get(scope, NULL, &got, NULL), 0);
	assert_int_equal(fake.questions, 1);
}

static void a_holder_without_a_tilt_moves(void **state)
{
	struct em_controls want = want_of(EM_STAGE_X, 50e-6), got;
	struct em_error err = {0};

	(void)state;
	fake.single_tilt = true;
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	want = want_of(EM_STAGE_B, 0);
	assert_int_equal(em_scope_get(scope, &want, &got, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(capabilities_are_asked_for_when_needed),
	    TEST(a_holder_without_a_tilt_moves),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, fake_make_folder, fake_remove_folder);
}
