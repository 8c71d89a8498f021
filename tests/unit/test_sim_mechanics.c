/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulated stage against closed forms and against what a measurement of it would find. */
#include "sim_help.h"

static struct em_random stream(uint64_t seed)
{
	struct em_random r;

	em_random_seed(&r, seed, 0);
	return r;
}

/* ---- the drive ---- */

static void moves_take_way_over_speed(void **state)
{
	struct em_sim_model m = model_of("?mechanics=ideal");
	const struct em_sim_axis_model *x = &m.axis[0];
	struct em_sim_stage s = {.lag = 0};
	struct em_random r = stream(1);
	double time = 10, rise = x->speed / x->acceleration, fastest = 0;

	(void)state;
	move_to(&m, &s, &time, 0, 100e-6, &r);
	assert_near(time, 10 + m.latency + 100e-6 / x->speed + rise, 1e-9);
	for (double t = 10; t < time; t += 1e-3) {
		double v = (em_sim_axis_drive(x, s.axis, t + 5e-4) - em_sim_axis_drive(x, s.axis, t - 5e-4)) / 1e-3;
		assert_near(em_sim_axis_speed(x, s.axis, t), v, 0.2e-6);
		fastest = fmax(fastest, v);
	}
	assert_near(fastest, x->speed, 1e-12);
	assert_near(em_sim_axis_drive(x, s.axis, 10 + m.latency + rise), x->speed * rise / 2, 1e-12);
	/* Too short to get up to speed: twice the square root of way / acceleration; the same back. */
	move_to(&m, &s, &time, 0, 99e-6, &r);
	assert_near(em_sim_axis_end(x, s.axis) - s.axis[0].start, 2 * sqrt(1e-6 / x->acceleration), 1e-9);
	assert_near(em_sim_axis_drive(x, s.axis, time), 99e-6, 1e-18);
}

static void axes_go_one_after_the_other(void **state)
{
	static const double want[EM_SIM_AXES] = {10e-6, NAN, 5e-6, 0.1, NAN};
	static const int order[] = {0, 2, 3};

	(void)state;
	for (int at_once = 0; at_once < 2; at_once++) {
		struct em_sim_model m = model_of(at_once ? "?sequence=off" : "");
		struct em_sim_stage s = {.lag = 0};
		struct em_random r = stream(2);
		double start = 3 + m.latency;

		em_sim_stage_move(&m, &s, 3, want, 1, &r);
		for (int i = 0; i < 3; i++) {
			assert_near(s.axis[order[i]].start, start, 1e-12);
			start = at_once ? start : em_sim_axis_end(&m.axis[order[i]], &s.axis[order[i]]) + m.latency;
		}
		assert_near(em_sim_axis_end(&m.axis[1], &s.axis[1]), 0, 0);
	}
}

static void stop_brakes_and_forgets_who_waits(void **state)
{
	struct em_sim_model m = model_of("?mechanics=ideal");
	static const double want[EM_SIM_AXES] = {200e-6, 50e-6, NAN, NAN, NAN};
	struct em_sim_stage s = {.lag = 0};
	struct em_random r = stream(3);
	double before, v = m.axis[0].speed;

	(void)state;
	em_sim_stage_move(&m, &s, 0, want, 1, &r);
	before = em_sim_axis_drive(&m.axis[0], &s.axis[0], 1);
	em_sim_stage_stop(&m, &s, 1);
	assert_near(em_sim_axis_drive(&m.axis[0], &s.axis[0], 1), before, 1e-15);
	assert_near(em_sim_axis_speed(&m.axis[0], &s.axis[0], 1), v, 1e-12);
	assert_near(em_sim_axis_end(&m.axis[0], &s.axis[0]), 1 + v / m.axis[0].acceleration, 1e-9);
	assert_near(em_sim_axis_drive(&m.axis[0], &s.axis[0], 9), before + v * v / (2 * m.axis[0].acceleration), 1e-12);
	assert_near(em_sim_axis_drive(&m.axis[1], &s.axis[1], 9), 0, 0);
	assert_false(em_sim_stage_moves(&m, &s, 1.5));
}

static void what_is_under_the_beam_never_jumps(void **state)
{
	struct em_sim_model m = model_of("?seed=5");
	struct em_sim_stage s = {.lag = 0};
	struct em_random r = stream(4);
	double last = em_sim_axis_true(&m.axis[1], &s.axis[1], 0), time = 0, most = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		double want[EM_SIM_AXES] = {NAN, em_random_between(&r, -40e-6, 40e-6), NAN, NAN, NAN};

		em_sim_stage_move(&m, &s, time, want, 1, &r);
		for (int k = 0; k < 700; k++, time += 1e-3) {
			double at = em_sim_axis_true(&m.axis[1], &s.axis[1], time);
			most = fmax(most, fabs(at - last));
			last = at;
			if (k == 400 && i % 2)
				em_sim_stage_stop(&m, &s, time);
		}
		if (em_sim_stage_moves(&m, &s, time))
			time = em_sim_axis_end(&m.axis[1], &s.axis[1]);
		last = em_sim_axis_true(&m.axis[1], &s.axis[1], time);
	}
	/* 1 ms at full speed, faster by the slope of the cyclic error, 2 pi amplitude / period, and some of the others.
	 */
	assert_true(most > 0.1e-6);
	assert_true(most < 1e-3 * m.axis[1].speed * (1 + 2 * PI * m.axis[1].cyclic / m.axis[1].period) + 5e-9);
}

/* ---- errors ---- */

/* Mean difference between coming from above and from below. */
static double approach_difference(const struct em_sim_model *m, int axis, int n, struct em_random *r)
{
	struct em_sim_stage s = {.lag = 0};
	double time = 0, sum = 0;

	for (int i = 0; i < n; i++) {
		double at[2];
		for (int side = 0; side < 2; side++) {
			move_to(m, &s, &time, axis, side ? -40e-6 : 40e-6, r);
			move_to(m, &s, &time, axis, 3e-6, r);
			at[side] = em_sim_axis_true(&m->axis[axis], &s.axis[axis], time + 100);
		}
		sum += at[0] - at[1];
	}
	return sum / n;
}

static void play_is_found_from_two_approaches(void **state)
{
	struct em_sim_model m = model_of(""), quiet = m;
	struct em_random r = stream(5);

	(void)state;
	for (int axis = 0; axis < 2; axis++) {
		struct em_sim_axis_model *a = &quiet.axis[axis];
		double sigma = a->repeat * sqrt(2. / 200);

		a->cyclic = m.axis[axis].cyclic = 0;
		assert_near(approach_difference(&m, axis, 200, &r), a->play, 4 * sigma);
		a->repeat = a->aim = 0;
		assert_near(approach_difference(&quiet, axis, 1, &r), a->play, 1e-15);
	}
	assert_true(m.axis[1].play > 2 * m.axis[0].play);
}

static void within_the_play_nothing_moves(void **state)
{
	struct em_sim_model m = model_of("?mechanics=ideal");
	struct em_sim_stage s = {.lag = 0};
	struct em_random r = stream(6);
	double time = 0;

	(void)state;
	m.axis[0].play = 2e-6;
	move_to(&m, &s, &time, 0, 20e-6, &r);
	assert_near(em_sim_axis_true(&m.axis[0], &s.axis[0], time), 19e-6, 1e-15);
	move_to(&m, &s, &time, 0, 18.5e-6, &r);
	assert_near(em_sim_axis_true(&m.axis[0], &s.axis[0], time), 19e-6, 1e-15);
	move_to(&m, &s, &time, 0, 15e-6, &r);
	assert_near(em_sim_axis_true(&m.axis[0], &s.axis[0], time), 16e-6, 1e-15);
}

/* Of n visits to one place, from the same side: the standard deviation; of each visit and one 0.5 um on: that of the
 * step. */
static void visit(const struct em_sim_model *m, int axis, int n, double *spread, double *step)
{
	struct em_sim_stage s = {.lag = 0};
	struct em_random r = stream(7);
	double time = 0, sum = 0, square = 0, steps = 0;

	for (int i = 0; i < n; i++) {
		double at, on;
		move_to(m, &s, &time, axis, -20e-6, &r);
		move_to(m, &s, &time, axis, 10e-6, &r);
		at = em_sim_axis_true(&m->axis[axis], &s.axis[axis], time + 100);
		move_to(m, &s, &time, axis, 10.5e-6, &r);
		on = em_sim_axis_true(&m->axis[axis], &s.axis[axis], time + 100) - at - 0.5e-6;
		sum += at;
		square += at * at;
		steps += on * on;
	}
	*spread = sqrt(square / n - sum / n * sum / n);
	*step = sqrt(steps / n);
}

static void visits_scatter_by_the_repeatability(void **state)
{
	struct em_sim_model m = model_of("");
	double spread, step;

	(void)state;
	for (int axis = 0; axis < 3; axis++) {
		struct em_sim_axis_model *a = &m.axis[axis];
		double keep = exp(-0.5e-6 / a->repeat_length), one;

		a->cyclic = 0;
		visit(&m, axis, 1000, &spread, &step);
		one = hypot(a->repeat, a->aim);
		assert_near(spread, one, 4 * one / sqrt(2 * 1000));
		/* an error that is kept in part, and two places that are aimed at */
		one = sqrt(2 * (1 - keep) * a->repeat * a->repeat + 2 * a->aim * a->aim);
		assert_near(step, one, 4 * one / sqrt(2 * 1000));
	}
}

static void the_cyclic_error_has_its_period(void **state)
{
	struct em_sim_model m = model_of("?seed=3&mechanics=ideal"), real = model_of("?seed=3");

	(void)state;
	for (int axis = 0; axis < 2; axis++) {
		struct em_sim_axis_model *a = &m.axis[axis];
		struct em_sim_stage s = {.lag = 0};
		struct em_random r = stream(8);
		double time = 0, re = 0, im = 0, other = 0;

		a->cyclic = real.axis[axis].cyclic;
		for (int i = 0; i < 400; i++) {
			double to = i * 10 * a->period / 400, off;
			move_to(&m, &s, &time, axis, to, &r);
			off = em_sim_axis_true(a, &s.axis[axis], time) - to;
			re += off * cos(2 * PI * to / a->period) / 200;
			im += off * sin(2 * PI * to / a->period) / 200;
			other += off * cos(4 * PI * to / a->period) / 200;
		}
		assert_near(hypot(re, im), a->cyclic, 1e-12);
		assert_near(other, 0, 1e-12);
		assert_true(a->period > 3.8e-6 && a->period < 4.2e-6);
	}
}

static void creep_decays_by_e_in_tau(void **state)
{
	struct em_sim_model m = model_of("");

	(void)state;
	for (int axis = 0; axis < EM_SIM_AXES; axis++) {
		const struct em_sim_axis_model *a = &m.axis[axis];
		double to = axis < 3 ? -30e-6 : -0.2, time = 5, at[3], rest, all;
		struct em_sim_stage s = {.lag = 0};
		struct em_random r = stream(9);

		move_to(&m, &s, &time, axis, to, &r);
		rest = em_sim_axis_true(a, &s.axis[axis], time + 60 * a->tau);
		for (int i = 0; i < 3; i++)
			at[i] = em_sim_axis_true(a, &s.axis[axis], time + i * a->tau) - rest;
		all = a->creep * (1 - exp(to / a->repeat_length));
		assert_near(at[0], all, 1e-3 * all); /* short of a place below: above it */
		assert_near(at[1] / at[0], exp(-1), 1e-6);
		assert_near(at[2] / at[0], exp(-2), 1e-6);
	}
}

static void drift_has_its_rms_speed(void **state)
{
	struct em_sim_model m = model_of("?drift=2"), still = model_of("?drift=0");
	double square[3] = {0};
	int n = 0;

	(void)state;
	for (double t = 0; t < 5e6; t += 37, n++)
		for (int axis = 0; axis < 3; axis++) {
			double v =
			    em_sim_axis_drift(&m.axis[axis], t + 0.5) - em_sim_axis_drift(&m.axis[axis], t - 0.5);
			square[axis] += v * v;
			assert_near(em_sim_axis_drift(&still.axis[axis], t), 0, 0);
		}
	assert_near(sqrt(square[0] / n), 2e-9, 0.01 * 2e-9);
	assert_near(sqrt(square[1] / n), 2e-9, 0.01 * 2e-9);
	assert_near(sqrt(square[2] / n), 1e-9, 0.01 * 1e-9);
	assert_near(em_sim_axis_drift(&m.axis[0], 0), 0, 0);
	assert_near(em_sim_axis_drift(&m.axis[3], 1234), 0, 0);
}

static void the_encoder_has_quanta_and_jitter(void **state)
{
	struct em_sim_model m = model_of("");
	struct em_sim_axis a = {.to = 10.3e-9, .from = 10.3e-9};
	struct em_random r = stream(10);
	double sum = 0, square = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		double v = em_sim_axis_read(&m.axis[0], &a, 5, &r) * 1e9;
		assert_near(v, round(v), 1e-6);
		sum += v - 10.3;
		square += (v - 10.3) * (v - 10.3);
	}
	/* Jitter of 1 nm, and rounding's 1 / 12. */
	assert_near(sum / 20000, 0, 4 * 1.041 / sqrt(20000));
	assert_near(square / 20000, 1 + 1. / 12, 0.05);
}

/* ---- status ---- */

static void the_status_is_late(void **state)
{
	static const double want[EM_SIM_AXES] = {60e-6, 60e-6, NAN, NAN, NAN};
	double least = 1, most = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct em_sim_model m = model_of("");
		struct em_sim_stage s = {.lag = 0};
		struct em_random r = stream(seed);
		double end, gap;

		em_sim_stage_move(&m, &s, 7, want, 1, &r);
		end = em_sim_axis_end(&m.axis[1], &s.axis[1]);
		gap = em_sim_axis_end(&m.axis[0], &s.axis[0]) + m.latency / 2;
		least = fmin(least, s.lag);
		most = fmax(most, s.lag);
		assert_false(em_sim_stage_tells(&m, &s, 7 + m.latency + s.lag - 1e-6));
		assert_true(em_sim_stage_tells(&m, &s, 7 + m.latency + s.lag + 1e-6));
		assert_true(em_sim_stage_tells(&m, &s, end + s.lag - 1e-6));
		assert_false(em_sim_stage_tells(&m, &s, end + s.lag + 1e-6));
		assert_false(em_sim_stage_tells(&m, &s, gap + s.lag)); /* between two axes */
		assert_true(em_sim_stage_moves(&m, &s, gap));
	}
	assert_true(least >= 0.1 && least < 0.11 && most <= 0.5 && most > 0.49);
}

/* ---- tilts ---- */

/* The specimen's point (p, q, 0) in the laboratory, by rotations one after the other: the pivot of the inner tilt is
 * fixed to the rod, the outer axis to the goniometer. */
static void forward(const struct em_sim_model *m, const double *at, double p, double q, double *lab)
{
	double height = at[2] + m->height, c = cos(at[4]), s = sin(at[4]), u, w;

	lab[0] = m->pivot - at[0] + (p - m->pivot) * c + m->pivot_height * s;
	w = height - m->pivot_height - (p - m->pivot) * s + m->pivot_height * c;
	u = q - at[1] - m->axis_offset;
	lab[1] = m->axis_offset + u * cos(at[3]) - w * sin(at[3]);
	lab[2] = u * sin(at[3]) + w * cos(at[3]);
}

static void the_pose_is_on_the_optical_axis(void **state)
{
	struct em_random r = stream(11);

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct em_sim_model m = model_of("?mechanics=ideal");
		double at[EM_SIM_AXES], lab[3];
		struct em_sim_stage s = {.lag = 0};
		struct em_sim_pose pose;

		for (int k = 0; k < EM_SIM_AXES; k++)
			s.axis[k].to = s.axis[k].from = s.axis[k].dragged = at[k] =
			    k < 3 ? em_random_between(&r, -300e-6, 300e-6) : em_random_between(&r, -0.5, 0.5);
		em_sim_stage_pose(&m, &s, 50, &pose);
		forward(&m, at, pose.x, pose.y, lab);
		assert_near(lab[0], 0, 1e-15);
		assert_near(lab[1], 0, 1e-15);
		assert_near(lab[2] - m.height, pose.height, 1e-15);
	}
}

/* y(a) moves by -h tan a and -Y (1 - 1 / cos a): the height error's part is odd, the axis offset's even. */
static void tilting_tells_the_height_error(void **state)
{
	struct em_sim_model m = model_of("?mechanics=ideal&seed=9");
	struct em_sim_stage s = {.lag = 0};
	struct em_sim_pose zero, plus, minus;
	const double tilt = 0.3;

	(void)state;
	em_sim_stage_pose(&m, &s, 0, &zero);
	s.axis[3].to = s.axis[3].from = s.axis[3].dragged = tilt;
	em_sim_stage_pose(&m, &s, 0, &plus);
	s.axis[3].to = s.axis[3].from = s.axis[3].dragged = -tilt;
	em_sim_stage_pose(&m, &s, 0, &minus);
	assert_near((plus.y - minus.y) / (2 * tan(tilt)), m.height, 1e-15);
	assert_near(((plus.y + minus.y) / 2 - zero.y) / (1 - 1 / cos(tilt)), m.axis_offset, 1e-15);
	s.axis[2].to = s.axis[2].from = s.axis[2].dragged = -m.height; /* eucentric */
	em_sim_stage_pose(&m, &s, 0, &minus);
	assert_near(minus.y, m.axis_offset * (1 - 1 / cos(tilt)), 1e-15);
}

static void holders_have_their_tilts(void **state)
{
	struct em_sim_model two = model_of(""), one = model_of("?holder=single"), far = model_of("?holder=tomography");
	double lo[EM_CONTROLS], hi[EM_CONTROLS];

	(void)state;
	em_sim_limits(&two, lo, hi);
	assert_near(hi[EM_STAGE_A], 35 * DEG, 1e-12);
	assert_near(lo[EM_STAGE_B], -30 * DEG, 1e-12);
	assert_near(hi[EM_STAGE_X], 1e-3, 1e-12);
	em_sim_limits(&one, lo, hi);
	assert_near(hi[EM_STAGE_A], 45 * DEG, 1e-12);
	assert_true(isnan(lo[EM_STAGE_B]) && !em_sim_can_set(&one, EM_STAGE_B));
	em_sim_limits(&far, lo, hi);
	assert_near(lo[EM_STAGE_A], -80 * DEG, 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(moves_take_way_over_speed),
	    cmocka_unit_test(axes_go_one_after_the_other),
	    cmocka_unit_test(stop_brakes_and_forgets_who_waits),
	    cmocka_unit_test(what_is_under_the_beam_never_jumps),
	    cmocka_unit_test(play_is_found_from_two_approaches),
	    cmocka_unit_test(within_the_play_nothing_moves),
	    cmocka_unit_test(visits_scatter_by_the_repeatability),
	    cmocka_unit_test(the_cyclic_error_has_its_period),
	    cmocka_unit_test(creep_decays_by_e_in_tau),
	    cmocka_unit_test(drift_has_its_rms_speed),
	    cmocka_unit_test(the_encoder_has_quanta_and_jitter),
	    cmocka_unit_test(the_status_is_late),
	    cmocka_unit_test(the_pose_is_on_the_optical_axis),
	    cmocka_unit_test(tilting_tells_the_height_error),
	    cmocka_unit_test(holders_have_their_tilts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
