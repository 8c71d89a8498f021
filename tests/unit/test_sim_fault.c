/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each fault of the simulator: what it answers, and what has been done. */
#include "sim_help.h"

static enum em_error_kind get(struct scope s, double deadline, double *x)
{
	struct em_controls want = {.known = {false}}, got = {.known = {false}};
	struct em_error err = {EM_ERROR_NONE, ""};

	em_controls_set(&want, EM_STAGE_X, 0);
	if (s.d->get(s.self, deadline, &want, &got, &err))
		return err.kind;
	*x = got.value[EM_STAGE_X];
	return EM_ERROR_NONE;
}

static void refuse_and_busy_do_nothing(void **state)
{
	struct scope s = open_sim("?clock=virtual&fault=refuse@1,busy@2,busy@4", NULL);
	enum em_motion m;

	(void)state;
	assert_int_equal(set_one(s, EM_DEFOCUS, 1e-6), EM_ERROR_REFUSED);
	assert_int_equal(set_one(s, EM_DEFOCUS, 1e-6), EM_ERROR_REFUSED);
	assert_near(get_one(s, EM_DEFOCUS), 0, 0);
	assert_int_equal(motion(s, 1, &m), EM_ERROR_NONE);
	assert_int_equal(m, EM_NOT_READY);
	assert_int_equal(set_one(s, EM_DEFOCUS, 1e-6), EM_ERROR_NONE);
	assert_near(get_one(s, EM_DEFOCUS), 1e-6, 0);
	s.d->close(s.self);
}

static void drop_is_not_done_and_half_is(void **state)
{
	struct scope s = open_sim("?clock=virtual&fault=drop@1,half@3,half@5-6", NULL);
	struct em_acquired a = {.seconds = -1};
	enum em_motion m = EM_NOT_READY;

	(void)state;
	assert_int_equal(set_one(s, EM_DEFOCUS, 1e-6), EM_ERROR_UNREACHABLE);
	assert_near(get_one(s, EM_DEFOCUS), 0, 0);
	assert_int_equal(set_one(s, EM_DEFOCUS, 2e-6), EM_ERROR_UNREACHABLE);
	assert_near(get_one(s, EM_DEFOCUS), 2e-6, 0);
	assert_int_equal(expose(s, "CCD", 64, &a), EM_ERROR_UNREACHABLE);
	assert_near(a.seconds, -1, 0); /* outputs are left alone */
	assert_int_equal(motion(s, 1, &m), EM_ERROR_UNREACHABLE);
	assert_int_equal(m, EM_NOT_READY);
	s.d->close(s.self);
}

static void a_stall_is_late_or_too_late(void **state)
{
	struct scope s = open_sim("?clock=virtual&fault=stall@1:3,stall@2:30,stall@4", NULL);
	double now = s.d->now(s.self), x;

	(void)state;
	assert_int_equal(get(s, 5, &x), EM_ERROR_NONE);
	assert_near(s.d->now(s.self) - now, 3.001, 1e-9);
	now = s.d->now(s.self);
	assert_int_equal(set_one(s, EM_DEFOCUS, 1e-6), EM_ERROR_UNREACHABLE); /* its deadline is 10 s */
	assert_near(s.d->now(s.self) - now, 10.001, 1e-9);
	assert_near(get_one(s, EM_DEFOCUS), 1e-6, 0); /* it got there */
	now = s.d->now(s.self);
	assert_int_equal(get(s, 31, &x), EM_ERROR_NONE);
	assert_near(s.d->now(s.self) - now, 30.001, 1e-9);
	s.d->close(s.self);
}

static void sets_that_lie(void **state)
{
	struct scope s =
	    open_sim("?clock=virtual&mechanics=ideal&fault=ignore@1,clamp@3:0.25,short@5:0.75,clamp@7", NULL);

	(void)state;
	assert_int_equal(set_one(s, EM_STAGE_X, 100e-6), EM_ERROR_NONE);
	s.d->sleep(s.self, 10);
	assert_near(get_one(s, EM_STAGE_X), 0, 1e-12);
	assert_int_equal(set_one(s, EM_STAGE_X, 900e-6), EM_ERROR_NONE);
	s.d->sleep(s.self, 20);
	assert_near(get_one(s, EM_STAGE_X), 250e-6, 1e-12); /* a quarter of 1 mm */
	assert_int_equal(set_one(s, EM_STAGE_X, 210e-6), EM_ERROR_NONE);
	s.d->sleep(s.self, 20);
	assert_near(get_one(s, EM_STAGE_X), 220e-6, 1e-12); /* three quarters of the way */
	assert_int_equal(set_one(s, EM_IMAGE_SHIFT_X, -5e-6), EM_ERROR_NONE);
	assert_near(get_one(s, EM_IMAGE_SHIFT_X), -1e-6, 1e-12); /* a tenth of 10 um */
	s.d->close(s.self);
}

static void numbers_that_are_none(void **state)
{
	struct scope s = open_sim("?clock=virtual&fault=nan@1,nan@2,retracted@3,retracted@4", NULL);
	struct em_acquired a;
	double x = 0;

	(void)state;
	assert_int_equal(get(s, 1, &x), EM_ERROR_NONE);
	assert_true(isnan(x));
	assert_int_equal(expose(s, "CCD", 64, &a), EM_ERROR_NONE);
	assert_true(isnan(a.scale[0]) && isnan(a.to_stage[1][1]) && isnan(a.dose) && a.data.shape[0] == 64);
	em_array_release(&a.data);
	assert_int_equal(expose(s, "CCD", 64, &a), EM_ERROR_REFUSED);
	assert_int_equal(set_one(s, EM_DEFOCUS, 0), EM_ERROR_NONE); /* what a set cannot meet with */
	assert_int_equal(expose(s, "CCD", 64, &a), EM_ERROR_NONE);
	em_array_release(&a.data);
	s.d->close(s.self);
}

/* A deadline that is shorter than the exposure: it is over then, the dose was given. */
static void an_exposure_past_its_deadline(void **state)
{
	struct scope s = open_sim("?clock=virtual", NULL);
	struct em_exposure e = {.detector = "CCD", .seconds = 20, .binning = 8};
	struct em_error err = {EM_ERROR_NONE, ""};
	struct em_acquired a;
	double now = s.d->now(s.self);

	(void)state;
	assert_int_equal(s.d->acquire(s.self, 5, &e, &a, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_UNREACHABLE);
	assert_near(s.d->now(s.self) - now, 5.001, 1e-9);
	s.d->close(s.self);
}

/* One call in eight has a fault: by the schedule's seed and the call's number, whatever the process. */
static void schedules_are_drawn_again(void **state)
{
	struct em_sim_faults f = {.drawn = true, .seed = 3}, g = {.drawn = true, .seed = 4};
	size_t faults = 0, same = 0, kinds[EM_SIM_FAULTS] = {0};
	double v, w;

	(void)state;
	for (uint64_t call = 1; call <= 8000; call++) {
		enum em_sim_fault a = em_sim_fault_at(&f, call, &v), b = em_sim_fault_at(&f, call, &w);
		assert_true(a == b && (v == w || (isnan(v) && isnan(w))));
		kinds[a]++;
		faults += a != EM_SIM_NO_FAULT;
		same += a != EM_SIM_NO_FAULT && a == em_sim_fault_at(&g, call, &w);
	}
	assert_near((double)faults, 1000, 4 * sqrt(8000 * 0.125 * 0.875));
	for (int i = EM_SIM_REFUSE; i < EM_SIM_FAULTS; i++)
		assert_near((double)kinds[i], 100, 40);
	assert_true(same < 50);
}

static void schedules_as_text(void **state)
{
	static const char *const bad[] = {"",           "refuse",      "refuse@",   "refuse@0",
	                                  "refuse@-1",  "refuse@3-2",  "sleep@3",   "stall@3:",
	                                  "stall@3:-1", "stall@3:nan", "short@3:2", "refuse@3:1",
	                                  "refuse@1,",  "refuse@1 ,",  "none@1",    "refuse@99999999999999999999"};
	struct em_sim_faults f = {.n = 0};
	double v;

	(void)state;
	assert_int_equal(em_sim_faults_parse(&f, "refuse@3,stall@5:2.5,clamp@7-9,stall@11", NULL), 0);
	assert_int_equal(f.n, 4);
	assert_int_equal(em_sim_fault_at(&f, 3, &v), EM_SIM_REFUSE);
	assert_int_equal(em_sim_fault_at(&f, 4, &v), EM_SIM_NO_FAULT);
	assert_int_equal(em_sim_fault_at(&f, 5, &v), EM_SIM_STALL);
	assert_near(v, 2.5, 0);
	assert_int_equal(em_sim_fault_at(&f, 8, &v), EM_SIM_CLAMP);
	assert_near(v, 0.1, 0);
	assert_int_equal(em_sim_fault_at(&f, 11, &v), EM_SIM_STALL);
	assert_near(v, 30, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_error err = {EM_ERROR_NONE, ""};
		if (!em_sim_faults_parse(&f, bad[i], &err))
			fail_msg("'%s' is taken", bad[i]);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuse_and_busy_do_nothing),  cmocka_unit_test(drop_is_not_done_and_half_is),
	    cmocka_unit_test(a_stall_is_late_or_too_late), cmocka_unit_test(sets_that_lie),
	    cmocka_unit_test(numbers_that_are_none),       cmocka_unit_test(an_exposure_past_its_deadline),
	    cmocka_unit_test(schedules_are_drawn_again),   cmocka_unit_test(schedules_as_text),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
