/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moves through scope.h over an instrument that goes wrong: never a "done" that is none, never a wait without an end.
 */
#include "scope_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct em_scope *scope;

static struct em_scope_settings settings(void)
{
	struct em_scope_settings s = {.command = "test", .state_dir = fake_folder};

	em_scope_limits_init(&s.limits);
	return s;
}

static void open_with(const struct em_scope_settings *s)
{
	struct em_error err = {0};

	if (em_scope_open_kind(&fake_kind, "fake:", s, &scope, &err))
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	const struct em_scope_settings s = settings();

	(void)state;
	fake_init();
	open_with(&s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	em_scope_close(scope);
	scope = NULL;
	return 0;
}

static void reopen(const struct em_scope_settings *s)
{
	em_scope_close(scope);
	open_with(s);
}

static struct em_controls want_of(enum em_control c, double v)
{
	struct em_controls want = {0};

	em_controls_set(&want, c, v);
	return want;
}

/* ---- what is done ---- */

static void a_move_arrives(void **state)
{
	struct em_controls want = want_of(EM_STAGE_X, 50e-6), got;
	struct em_error err = {0};

	(void)state;
	em_controls_set(&want, EM_MAGNIFICATION, 20000);
	assert_int_equal(em_scope_move(scope, &want, &got, &err), 0);
	assert_true(fabs(got.value[EM_STAGE_X] - 50e-6) < 1e-12 && got.value[EM_MAGNIFICATION] == 20000);
	/* 0.5 s of travel, and not much more of waiting */
	assert_true(fake.now > 0.5 && fake.now < 1.5);
	assert_false(fake_moves(fake.now));
}

/* The status says "at rest", and the readings stand still, though the stage has not begun to go: both are late. */
static void a_late_status_is_not_believed(void **state)
{
	struct em_controls want = want_of(EM_STAGE_X, 50e-6), got;

	(void)state;
	fake.lag = 0.45;
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	assert_true(fabs(got.value[EM_STAGE_X] - 50e-6) < 1e-12);
	assert_true(fake.now >= 0.5 + 0.45);
}

static void a_rest_between_axes_is_not_the_end(void **state)
{
	struct em_controls want = want_of(EM_STAGE_X, 10e-6), got;

	(void)state;
	fake.gap = 0.4;
	em_controls_set(&want, EM_STAGE_Y, -10e-6);
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	assert_true(fabs(got.value[EM_STAGE_Y] + 10e-6) < 1e-12);
}

/* Within the tolerance from the start on: it is there when it has moved, not before, and each axis. */
static void small_moves_are_waited_for(void **state)
{
	struct em_controls want = want_of(EM_STAGE_X, 0.15e-6), got;

	(void)state;
	fake.speed = 1e-6;
	fake.lag = 0.3;
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	assert_true(fabs(got.value[EM_STAGE_X] - 0.15e-6) < 1e-12);
	em_controls_set(&want, EM_STAGE_X, 10e-6);
	em_controls_set(&want, EM_STAGE_Y, 0.1e-6);
	fake.gap = 0.2;
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	assert_true(fabs(got.value[EM_STAGE_X] - 10e-6) < 1e-12 && fabs(got.value[EM_STAGE_Y] - 0.1e-6) < 1e-12);
}

/* An amount within the tolerance: the reading has to have gone that way, as it is within it from the start. */
static void amounts_are_seen_to_be_gone(void **state)
{
	static const struct {
		enum fake_fault fault;
		double by;
		int status;
	} cases[] = {{FAKE_FINE, 0.15e-6, 0},    {FAKE_IGNORE, 0.15e-6, -1}, {FAKE_IGNORE, -0.15e-6, -1},
	             {FAKE_IGNORE, 0.06e-6, -1}, {FAKE_FINE, -0.06e-6, 0},   {FAKE_IGNORE, 0.04e-6, 0},
	             {FAKE_IGNORE, 0.3e-6, -1},  {FAKE_SHORT, 0.1e-6, 0},    {FAKE_FINE, 5e-6, 0}};
	struct em_controls none = {0}, got;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct em_controls by = want_of(EM_STAGE_X, cases[i].by);
		struct em_error err = {0};
		double from = fake.value[EM_STAGE_X];

		fake.fault = cases[i].fault;
		assert_int_equal(em_scope_move_by(scope, &none, &by, &got, &err), cases[i].status);
		assert_int_equal(err.kind, cases[i].status ? EM_ERROR_MISSED : EM_ERROR_NONE);
		if (cases[i].fault == FAKE_FINE)
			assert_true(fabs(got.value[EM_STAGE_X] - from - cases[i].by) < 1e-12);
	}
	/* what is to be where besides is there, and a control that cannot be read has no amount */
	fake.fault = FAKE_FINE;
	fake.single_tilt = true;
	none = want_of(EM_STAGE_Y, 3e-6);
	struct em_controls by = want_of(EM_STAGE_X, 1e-6), tilt = want_of(EM_STAGE_B, 0.1);
	struct em_error err = {0};
	assert_int_equal(em_scope_move_by(scope, &none, &by, &got, &err), 0);
	assert_true(fabs(got.value[EM_STAGE_Y] - 3e-6) < 1e-12);
	assert_int_equal(em_scope_move_by(scope, &none, &tilt, &got, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNSUPPORTED);
}

/* Mean what you read: a tolerance of one's own. */
static void tolerances_are_the_settings(void **state)
{
	struct em_scope_settings s = settings();
	struct em_controls want = want_of(EM_STAGE_X, 10e-6), got;

	(void)state;
	fake.fault = FAKE_SHORT;
	s.tolerance[EM_STAGE_X] = 6e-6;
	reopen(&s);
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	assert_true(fabs(got.value[EM_STAGE_X] - 5e-6) < 1e-12);
}

/* ---- what is refused before the wire ---- */

static void check_refused(const struct em_controls *want, enum em_error_kind kind)
{
	struct em_controls got;
	struct em_error err = {0};

	assert_int_equal(em_scope_move(scope, want, &got, &err), -1);
	assert_int_equal(err.kind, kind);
	assert_int_equal(fake.sets, 0);
}

static void nonsense_is_refused(void **state)
{
	struct em_scope_settings s = settings();
	struct em_controls want;

	(void)state;
	s.limits.lo[EM_STAGE_Y] = -5e-6;
	s.limits.hi[EM_STAGE_Y] = 5e-6;
	reopen(&s);
	want = want_of(EM_STAGE_X, NAN);
	check_refused(&want, EM_ERROR_REFUSED);
	want = want_of(EM_DEFOCUS, INFINITY);
	check_refused(&want, EM_ERROR_REFUSED);
	want = want_of(EM_STAGE_Y, 5.01e-6); /* ours */
	check_refused(&want, EM_ERROR_REFUSED);
	want = want_of(EM_STAGE_X, -1.001e-3); /* the instrument's */
	check_refused(&want, EM_ERROR_REFUSED);
	want = want_of(EM_VOLTAGE, 100e3);
	check_refused(&want, EM_ERROR_UNSUPPORTED);
	/* one that is past a limit keeps all the others back */
	want = want_of(EM_STAGE_X, 1e-6);
	em_controls_set(&want, EM_STAGE_Y, 1);
	check_refused(&want, EM_ERROR_REFUSED);
}

static void the_limit_itself_is_within(void **state)
{
	struct em_controls want = want_of(EM_STAGE_X, 1000 * 1e-6), got;

	(void)state;
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
}

static void a_dry_run_moves_nothing(void **state)
{
	struct em_scope_settings s = settings();
	struct em_controls want = want_of(EM_STAGE_X, 50e-6), got;
	struct em_exposure e = {.detector = "CCD"};
	struct em_sample sample = {0};

	(void)state;
	s.dry_run = true;
	reopen(&s);
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	assert_int_equal(em_scope_acquire(scope, &e, "a", &sample, NULL), 0);
	assert_int_equal(em_scope_settle(scope, &e, 1e-9, 30, &(double){0}, NULL), 0);
	assert_int_equal(fake.sets + fake.exposures, 0);
	assert_null(sample.key);
	assert_non_null(strstr(em_scope_plan(scope), "stage.x 0um -> 50um"));
	assert_non_null(strstr(em_scope_plan(scope), "expose CCD; 0.5 s; 1 e/A^2"));
	want = want_of(EM_STAGE_X, 1);
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), -1);
}

/* ---- the order of a move ---- */

static void is_step(size_t i, enum em_control c, double v)
{
	assert_true(i < fake.sets && fake.set[i].known[c]);
	assert_true(fabs(fake.set[i].value[c] - v) < 1e-12);
}

static void a_high_move_goes_untilted(void **state)
{
	struct em_scope_settings s = settings();
	struct em_controls want = want_of(EM_STAGE_Z, 60e-6), got;

	(void)state;
	s.limits.clear_z = 20e-6;
	reopen(&s);
	fake.speed = 1;
	fake.value[EM_STAGE_A] = fake.to[EM_STAGE_A] = 0.3;
	em_controls_set(&want, EM_STAGE_B, 0.1);
	em_controls_set(&want, EM_STAGE_X, 5e-6);
	em_controls_set(&want, EM_BLANKED, 0);
	em_controls_set(&want, EM_SPOT_SIZE, 3);
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	assert_int_equal(fake.sets, 5);
	is_step(0, EM_SPOT_SIZE, 3);
	is_step(1, EM_STAGE_A, 0);
	is_step(2, EM_STAGE_Z, 60e-6);
	is_step(2, EM_STAGE_X, 5e-6);
	is_step(3, EM_STAGE_A, 0.3);
	is_step(3, EM_STAGE_B, 0.1);
	is_step(4, EM_BLANKED, 0);
	assert_false(fake.set[2].known[EM_STAGE_A] || fake.set[1].known[EM_STAGE_Z] || fake.set[0].known[EM_BLANKED]);
}

static void a_low_move_goes_at_once(void **state)
{
	struct em_scope_settings s = settings();
	struct em_controls want = want_of(EM_STAGE_Z, 19e-6), got;

	(void)state;
	s.limits.clear_z = 20e-6;
	reopen(&s);
	fake.value[EM_STAGE_A] = 0.3;
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
	assert_int_equal(fake.sets, 1);
}

static void an_unknown_tilt_is_no_clear_one(void **state)
{
	struct em_scope_settings s = settings();
	struct em_controls want = want_of(EM_STAGE_Z, 60e-6), got;

	(void)state;
	s.limits.clear_z = 20e-6;
	reopen(&s);
	assert_int_equal(em_scope_need_capabilities(scope, NULL), 0);
	scope->readable.known[EM_STAGE_A] = false;
	check_refused(&want, EM_ERROR_REFUSED);
	want = want_of(EM_STAGE_Z, 10e-6);
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), 0);
}

/* Where the tilt cannot be brought home the height is not touched. */
static void a_failed_step_ends_the_move(void **state)
{
	struct em_scope_settings s = settings();
	struct em_controls want = want_of(EM_STAGE_Z, 60e-6), got;
	struct em_error err = {0};

	(void)state;
	s.limits.clear_z = 20e-6;
	reopen(&s);
	fake.speed = 1;
	fake.value[EM_STAGE_A] = 0.3;
	fake.fault = FAKE_SHORT;
	assert_int_equal(em_scope_move(scope, &want, &got, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_MISSED);
	assert_int_equal(fake.sets, 1);
	assert_non_null(strstr(err.text, "step 1 of 3 (untilt"));
	assert_true(fake.stops > 0);
}

/* ---- faults ---- */

static const enum em_error_kind outcome[FAKE_FAULTS] = {
    [FAKE_FINE] = EM_ERROR_NONE,        [FAKE_REFUSE] = EM_ERROR_REFUSED,    [FAKE_IGNORE] = EM_ERROR_MISSED,
    [FAKE_SHORT] = EM_ERROR_MISSED,     [FAKE_CLAMP] = EM_ERROR_MISSED,      [FAKE_DROP] = EM_ERROR_UNREACHABLE,
    [FAKE_DEAF] = EM_ERROR_UNREACHABLE, [FAKE_STALL] = EM_ERROR_UNREACHABLE, [FAKE_ENDLESS] = EM_ERROR_MISSED,
    [FAKE_NOT_READY] = EM_ERROR_MISSED,
};

static void each_fault_has_its_error(void **state)
{
	(void)state;
	for (int fault = FAKE_FINE; fault <= FAKE_NOT_READY; fault++) {
		struct em_controls want = want_of(EM_STAGE_X, 50e-6), got;
		struct em_error err = {0};

		if (fault == FAKE_NAN || fault == FAKE_FLAKY)
			continue;
		fake_init();
		fake.fault = (enum fake_fault)fault;
		assert_int_equal(em_scope_move(scope, &want, &got, &err), fault == FAKE_FINE ? 0 : -1);
		assert_int_equal(err.kind, outcome[fault]);
		assert_true(fake.now < 30);
		/* whatever it is, nothing is left moving, and what is told is where it is */
		assert_false(fake_moves(fake.now));
		if (fault != FAKE_REFUSE)
			assert_true(fabs(got.value[EM_STAGE_X] - fake.value[EM_STAGE_X]) < 1e-9);
	}
}

static void readings_that_fail_are_repeated(void **state)
{
	struct em_controls want = want_of(EM_STAGE_X, 50e-6), got;
	struct em_error err = {0};

	(void)state;
	fake.fault = FAKE_FLAKY;
	fake.gets = 1; /* the reading before the move is a good one */
	assert_int_equal(em_scope_move(scope, &want, &got, &err), 0);
	assert_true(fabs(got.value[EM_STAGE_X] - 50e-6) < 1e-12);
}

/* Without numbers there is no "done", though it is. */
static void no_numbers_are_no_answer(void **state)
{
	struct em_controls want = want_of(EM_STAGE_X, 50e-6), got;
	struct em_error err = {0};

	(void)state;
	fake.fault = FAKE_NAN;
	assert_int_equal(em_scope_move(scope, &want, &got, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNREACHABLE);
	assert_true(fake.now < 60);
	assert_int_equal(em_scope_get(scope, &want, &got, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNREACHABLE);
}

static void a_timeout_is_kept(void **state)
{
	struct em_scope_settings s = settings();
	struct em_controls want = want_of(EM_STAGE_X, 900e-6), got; /* 9 s away */
	struct em_error err = {0};

	(void)state;
	s.timeout = 2;
	reopen(&s);
	assert_int_equal(em_scope_move(scope, &want, &got, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_MISSED);
	assert_true(fake.stops == 1 && fake.now > 2 && fake.now < 4);
	assert_true(got.value[EM_STAGE_X] > 150e-6 && got.value[EM_STAGE_X] < 250e-6);
}

static volatile int stop_flag;

static void stop_soon(void *self, double seconds)
{
	fake_sleep(self, seconds);
	if (fake.now > 1)
		stop_flag = 1;
}

static void a_signal_stops_the_stage(void **state)
{
	static struct em_driver driver;
	struct em_scope_settings s = settings();
	struct em_controls want = want_of(EM_STAGE_X, 900e-6), got;
	struct em_text t = {0};

	(void)state;
	stop_flag = 0;
	s.stop = &stop_flag;
	reopen(&s);
	driver = fake_driver;
	driver.sleep = stop_soon;
	scope->driver = &driver;
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), -1);
	assert_int_equal(fake.stops, 1);
	assert_true(fake.now < 3 && !fake_moves(fake.now));
	em_scope_tell(scope, &t);
	assert_non_null(strstr(em_text_get(&t), "at rest, at stage.x=1"));
	em_text_release(&t);
	/* and what comes next does not begin */
	assert_int_equal(em_scope_move(scope, &want, &got, NULL), -1);
	assert_int_equal(fake.sets, 1);
}

/* ---- readings ---- */

static void get_reads_what_it_is_asked(void **state)
{
	struct em_controls want = want_of(EM_VOLTAGE, 0), got;

	(void)state;
	em_controls_set(&want, EM_MAGNIFICATION, 0);
	assert_int_equal(em_scope_get(scope, &want, &got, NULL), 0);
	assert_true(got.value[EM_VOLTAGE] == 200e3 && got.value[EM_MAGNIFICATION] == 50000);
	assert_false(got.known[EM_STAGE_X]);
	assert_int_equal(em_scope_get(scope, NULL, &got, NULL), 0);
	for (int c = 0; c < EM_CONTROLS; c++)
		assert_true(got.known[c]);
}

static void wait_waits(void **state)
{
	struct em_controls want = want_of(EM_STAGE_X, 300e-6);

	(void)state;
	fake_set(&fake, 1, &want, NULL);
	assert_int_equal(em_scope_wait(scope, 60, NULL), 0);
	assert_true(fake.now > 3 && fake.now < 5);
	fake.fault = FAKE_ENDLESS;
	fake_set(&fake, 1, &(struct em_controls){.known[EM_STAGE_X] = true}, NULL);
	assert_int_equal(em_scope_wait(scope, 10, NULL), -1);
	assert_true(fake.now < 17);
	assert_int_equal(em_scope_stop(scope, NULL), 0);
	assert_false(fake_moves(fake.now));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_move_arrives),
	    TEST(a_late_status_is_not_believed),
	    TEST(a_rest_between_axes_is_not_the_end),
	    TEST(small_moves_are_waited_for),
	    TEST(amounts_are_seen_to_be_gone),
	    TEST(tolerances_are_the_settings),
	    TEST(nonsense_is_refused),
	    TEST(the_limit_itself_is_within),
	    TEST(a_dry_run_moves_nothing),
	    TEST(a_high_move_goes_untilted),
	    TEST(a_low_move_goes_at_once),
	    TEST(an_unknown_tilt_is_no_clear_one),
	    TEST(a_failed_step_ends_the_move),
	    TEST(each_fault_has_its_error),
	    TEST(readings_that_fail_are_repeated),
	    TEST(no_numbers_are_no_answer),
	    TEST(a_timeout_is_kept),
	    TEST(a_signal_stops_the_stage),
	    TEST(get_reads_what_it_is_asked),
	    TEST(wait_waits),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, fake_make_folder, fake_remove_folder);
}
