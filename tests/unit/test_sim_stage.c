/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated stage's limiters and its piezos. */
#include "sim_help.h"

/* The corners of the ranges cannot be had: x and y keep within a circle, and tilt is lost with height. */
static void limiters_cut_moves_short(void **state)
{
	static const double corner[EM_SIM_AXES] = {1e-3, 1e-3, NAN, NAN, NAN};
	static const double high[EM_SIM_AXES] = {NAN, NAN, 180e-6, 30 * DEG, NAN};
	static const double back[EM_SIM_AXES] = {NAN, -0.5e-3, NAN, 5 * DEG, NAN};
	struct em_sim_model m = model_of("?mechanics=ideal");
	struct em_sim_stage s = {0};
	struct em_random r;

	(void)state;
	em_random_seed(&r, 1, 1);
	em_sim_stage_move(&m, &s, 0, corner, 1, &r);
	assert_near(s.limited, 1, 0);
	assert_near(em_sim_stage_drive(&m, &s, 0, 1000), 1e-3, 1e-12);
	assert_near(em_sim_stage_drive(&m, &s, 1, 1000), 0.75e-3, 1e-12); /* 1.25^2 = 1 + 0.75^2 */
	em_sim_stage_move(&m, &s, 1000, high, 1, &r);
	assert_near(s.limited, 1, 0);
	assert_near(em_sim_stage_drive(&m, &s, 2, 2000), 180e-6, 1e-12);
	assert_near(em_sim_stage_drive(&m, &s, 3, 2000), (35 - 0.8 * 15) * DEG, 1e-9);
	em_sim_stage_move(&m, &s, 2000, back, 1, &r);
	assert_near(s.limited, 0, 0);
	assert_near(em_sim_stage_drive(&m, &s, 1, 3000), -0.5e-3, 1e-12);
	assert_near(em_sim_stage_drive(&m, &s, 3, 3000), 5 * DEG, 1e-9);
}

/* Whatever is asked for, the stage stays where it may be, on its way as well. */
static void no_way_leads_past_a_limiter(void **state)
{
	static const char *const options[] = {"", "?sequence=off", "?holder=tomography"};
	struct em_random r;

	(void)state;
	em_random_seed(&r, 4, 4);
	for (size_t o = 0; o < 3; o++) {
		struct em_sim_model m = model_of(options[o]);
		struct em_sim_stage s = {0};
		double time = 0;
		int limited = 0;

		for (int i = 0; i < 300; i++) {
			double want[EM_SIM_AXES];

			for (int k = 0; k < EM_SIM_AXES; k++)
				want[k] =
				    em_random_chance(&r, 0.3) ? NAN : em_random_between(&r, m.axis[k].lo, m.axis[k].hi);
			em_sim_stage_move(&m, &s, time, want, 1, &r);
			limited += s.limited != 0;
			if (i % 7 == 0)
				em_sim_stage_stop(&m, &s, time += 3);
			for (int step = 0; step < 40; step++, time += 2) {
				double z = em_sim_stage_drive(&m, &s, 2, time), a = em_sim_stage_drive(&m, &s, 3, time);

				assert_true(hypot(em_sim_stage_drive(&m, &s, 0, time),
				                  em_sim_stage_drive(&m, &s, 1, time)) < 1.25e-3 + 1e-6);
				assert_true(fabs(a) <
				            m.axis[3].hi + 0.1 * DEG - fmax(fabs(z) - 100e-6, 0) * 15 * DEG / 100e-6);
			}
			while (em_sim_stage_moves(&m, &s, time))
				time += 10;
		}
		assert_true(limited > 20 && limited < 280);
	}
}

/* What has no play moves by what it is told, where a motor moves nothing. */
static void a_piezo_has_no_play(void **state)
{
	struct em_sim_model m = model_of("?drift=0");
	struct em_sim_stage s = {0};
	double time = 0, before, by_motor[EM_SIM_AXES] = {20e-6, NAN, NAN, NAN, NAN}, want[2] = {NAN, NAN};
	struct em_random r;

	(void)state;
	em_random_seed(&r, 2, 2);
	em_sim_stage_move(&m, &s, time, by_motor, 1, &r);
	time = 100;
	before = em_sim_stage_true(&m, &s, 0, time);
	by_motor[0] = em_sim_stage_drive(&m, &s, 0, time) - 0.4e-6; /* within the play */
	em_sim_stage_move(&m, &s, time, by_motor, 1, &r);
	time = 200;
	assert_near(em_sim_stage_true(&m, &s, 0, time), before, 120e-9); /* its repeatability */
	before = em_sim_stage_true(&m, &s, 0, time);
	for (int i = 1; i <= 8; i++) {
		want[0] = em_sim_stage_drive(&m, &s, 0, time) + (i % 2 ? -300e-9 : 100e-9);
		em_sim_stage_nudge(&m, &s, time, want, 1, &r);
		time += 200;
		assert_near(em_sim_stage_drive(&m, &s, 0, time), want[0], 1e-9);
		before += i % 2 ? -300e-9 : 100e-9;
		assert_near(em_sim_stage_true(&m, &s, 0, time), before, 2e-9);
	}
}

/* ---- the driver ---- */

static void wait_for(struct scope s)
{
	s.d->sleep(s.self, 200);
}

static void the_status_tells_of_a_limiter(void **state)
{
	struct scope s = open_sim("?clock=virtual&fault=limiter@8:0.5", NULL);
	enum em_motion m;

	(void)state;
	assert_int_equal(set_one(s, EM_STAGE_X, 0.9e-3), EM_ERROR_NONE);
	wait_for(s);
	assert_int_equal(motion(s, 1, &m), EM_ERROR_NONE);
	assert_int_equal(m, EM_AT_REST);
	assert_int_equal(set_one(s, EM_STAGE_Y, 0.95e-3), EM_ERROR_NONE);
	wait_for(s);
	assert_int_equal(motion(s, 1, &m), EM_ERROR_NONE);
	assert_int_equal(m, EM_AT_LIMIT);
	assert_near(get_one(s, EM_STAGE_Y), sqrt(1.25 * 1.25 - 0.9 * 0.9) * 1e-3, 1e-7);
	assert_int_equal(set_one(s, EM_STAGE_Y, 0.5e-3), EM_ERROR_NONE); /* call 6 */
	wait_for(s);
	assert_int_equal(motion(s, 1, &m), EM_ERROR_NONE);
	assert_int_equal(m, EM_AT_REST);
	assert_int_equal(set_one(s, EM_STAGE_Y, 0.3e-3), EM_ERROR_NONE); /* call 8: on request */
	wait_for(s);
	assert_int_equal(motion(s, 1, &m), EM_ERROR_NONE);
	assert_int_equal(m, EM_AT_LIMIT);
	assert_near(get_one(s, EM_STAGE_Y), 0.4e-3, 1e-7);
	s.d->close(s.self);
}

static void a_piezo_goes_ten_micrometres(void **state)
{
	struct scope s = open_sim("?clock=virtual&mechanics=ideal", NULL);
	struct em_controls both = {.known = {false}};

	(void)state;
	assert_int_equal(set_one(s, EM_STAGE_X, 50e-6), EM_ERROR_NONE);
	wait_for(s);
	em_controls_set(&both, EM_STAGE_DRIVE, 1); /* together with the move it is meant for */
	em_controls_set(&both, EM_STAGE_X, 59e-6);
	assert_int_equal(s.d->set(s.self, 10, &both, NULL), 0);
	wait_for(s);
	assert_near(get_one(s, EM_STAGE_X), 59e-6, 1e-9);
	assert_int_equal(set_one(s, EM_STAGE_X, 60.5e-6), EM_ERROR_REFUSED);
	assert_int_equal(set_one(s, EM_STAGE_X, 39e-6), EM_ERROR_REFUSED);
	assert_int_equal(set_one(s, EM_STAGE_X, 41e-6), EM_ERROR_NONE);
	wait_for(s);
	assert_near(get_one(s, EM_STAGE_X), 41e-6, 1e-9);
	assert_int_equal(set_one(s, EM_STAGE_A, 0.1), EM_ERROR_NONE); /* has none, and goes */
	wait_for(s);
	assert_near(get_one(s, EM_STAGE_A), 0.1, 1e-6);
	assert_int_equal(set_one(s, EM_STAGE_DRIVE, 0), EM_ERROR_NONE);
	assert_int_equal(set_one(s, EM_STAGE_X, 300e-6), EM_ERROR_NONE); /* what the piezo has stays in it */
	wait_for(s);
	assert_near(get_one(s, EM_STAGE_X), 300e-6, 1e-9);
	assert_int_equal(set_one(s, EM_STAGE_DRIVE, 1), EM_ERROR_NONE);
	assert_int_equal(set_one(s, EM_STAGE_X, 298e-6), EM_ERROR_REFUSED); /* the motor is at 309 */
	assert_int_equal(set_one(s, EM_STAGE_X, 318e-6), EM_ERROR_NONE);
	s.d->close(s.self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(limiters_cut_moves_short),     cmocka_unit_test(no_way_leads_past_a_limiter),
	    cmocka_unit_test(a_piezo_has_no_play),          cmocka_unit_test(the_status_tells_of_a_limiter),
	    cmocka_unit_test(a_piezo_goes_ten_micrometres),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
