/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/mechanics.h"

#include "scope/control.h"

#include <math.h>

#define PI 3.14159265358979323846

/* ---- the drive ---- */

/* Where a move of `way` is after t seconds, and how fast: up to speed, along, down; short ones never reach it. */
static double trapezoid(const struct em_sim_axis_model *m, double way, double t, double *speed)
{
	double v = fmin(m->speed, sqrt(way * m->acceleration)), rise = v / m->acceleration, all = way / v + rise;

	if (t < rise) {
		*speed = m->acceleration * t;
		return *speed * t / 2;
	}
	if (t > all - rise) {
		*speed = m->acceleration * fmax(all - t, 0);
		return way - *speed * fmax(all - t, 0) / 2;
	}
	*speed = v;
	return v * (t - rise / 2);
}

static double duration(const struct em_sim_axis_model *m, const struct em_sim_axis *a)
{
	double way = fabs(a->to - a->from), v = fmin(m->speed, sqrt(way * m->acceleration));

	if (a->brake != 0)
		return fabs(a->brake) / m->acceleration;
	return way > 0 ? way / v + v / m->acceleration : 0;
}

double em_sim_axis_end(const struct em_sim_axis_model *m, const struct em_sim_axis *a)
{
	return a->start + duration(m, a);
}

static double drive(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double time, double *speed)
{
	double t = time - a->start, left = duration(m, a) - t, way;

	*speed = 0;
	if (left <= 0)
		return a->to;
	if (a->brake != 0) {
		*speed = copysign(m->acceleration * left, a->brake);
		return a->to - *speed * left / 2;
	}
	if (t <= 0)
		return a->from;
	way = trapezoid(m, fabs(a->to - a->from), t, speed);
	*speed = copysign(*speed, a->to - a->from);
	return a->from + copysign(way, a->to - a->from);
}

double em_sim_axis_drive(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double time)
{
	double speed;

	return drive(m, a, time, &speed);
}

double em_sim_axis_speed(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double time)
{
	double speed;

	drive(m, a, time, &speed);
	return speed;
}

double em_sim_axis_read(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double time,
                        struct em_random *r)
{
	double at = em_sim_axis_drive(m, a, time) + m->jitter * em_random_normal(r);

	return round(at / m->quantum) * m->quantum;
}

/* ---- the specimen ---- */

/* A drive that goes one way drags the specimen half the play behind it; within the play nothing moves. */
static double dragged(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double at)
{
	return fmax(at - m->play / 2, fmin(at + m->play / 2, a->dragged));
}

/* The error goes over from the last move's to this one's along the way. */
static double offset(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double at, double time)
{
	double since = time - em_sim_axis_end(m, a), way = a->to - a->from;

	if (since >= 0 || way == 0)
		return a->error + a->creep * exp(-fmax(since, 0) / m->tau);
	return a->offset + (a->error + a->creep - a->offset) * (at - a->from) / way;
}

double em_sim_axis_true(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double time)
{
	double at = em_sim_axis_drive(m, a, time), to = dragged(m, a, at);

	return to + m->cyclic * sin(2 * PI * to / m->period + m->phase) + offset(m, a, at, time);
}

double em_sim_axis_drift(const struct em_sim_axis_model *m, double time)
{
	double sum = 0;

	for (int i = 0; i < EM_SIM_WAVES; i++)
		sum += m->wave[i] * (sin(2 * PI * time / m->wave_period[i] + m->wave_phase[i]) - sin(m->wave_phase[i]));
	return sum;
}

/* ---- axes and their piezos ---- */

static bool has_piezo(int axis)
{
	return axis < EM_SIM_DRIVES - EM_SIM_PIEZO;
}

double em_sim_stage_drive(const struct em_sim_model *m, const struct em_sim_stage *s, int i, double time)
{
	int p = EM_SIM_PIEZO + i;

	return em_sim_axis_drive(&m->axis[i], &s->axis[i], time) +
	       (has_piezo(i) ? em_sim_axis_drive(&m->axis[p], &s->axis[p], time) : 0);
}

double em_sim_stage_read(const struct em_sim_model *m, const struct em_sim_stage *s, int i, double time,
                         struct em_random *r)
{
	int p = EM_SIM_PIEZO + i;

	return em_sim_axis_read(&m->axis[i], &s->axis[i], time, r) +
	       (has_piezo(i) ? em_sim_axis_read(&m->axis[p], &s->axis[p], time, r) : 0);
}

double em_sim_stage_true(const struct em_sim_model *m, const struct em_sim_stage *s, int i, double time)
{
	int p = EM_SIM_PIEZO + i;

	return em_sim_axis_true(&m->axis[i], &s->axis[i], time) + em_sim_axis_drift(&m->axis[i], time) +
	       (has_piezo(i) ? em_sim_axis_true(&m->axis[p], &s->axis[p], time) : 0);
}

/* ---- commands ---- */

/* From now on a's past is in `dragged` and `offset`. */
static void begin(const struct em_sim_axis_model *m, struct em_sim_axis *a, double time, double start)
{
	double at = em_sim_axis_drive(m, a, time), was = offset(m, a, at, time);

	a->dragged = dragged(m, a, at);
	a->offset = was;
	a->from = at;
	a->start = start;
	a->brake = 0;
}

/* Short moves share most of their error with the place before: an Ornstein-Uhlenbeck process along the way. */
static void move(const struct em_sim_axis_model *m, struct em_sim_axis *a, double time, double start, double to,
                 struct em_random *r)
{
	double keep, error = a->error, way;

	begin(m, a, time, start);
	a->to = to + m->aim * em_random_normal(r);
	way = a->to - a->from;
	keep = exp(-fabs(way) / m->repeat_length);
	a->error = keep * error + sqrt(1 - keep * keep) * m->repeat * em_random_normal(r);
	a->creep = -copysign(m->creep * (1 - keep), way);
}

double em_sim_stage_clip(const struct em_sim_model *m, const double at[EM_SIM_AXES], int axis, double to)
{
	double most = INFINITY, tilt = m->axis[EM_STAGE_A].hi;

	if (axis == EM_STAGE_X || axis == EM_STAGE_Y)
		most = sqrt(fmax(m->reach * m->reach - at[1 - axis] * at[1 - axis], 0));
	else if (axis == EM_STAGE_Z)
		most = m->free_height + fmax(tilt - fabs(at[EM_STAGE_A]), 0) / m->tilt_lost;
	else if (axis == EM_STAGE_A)
		most = tilt - m->tilt_lost * fmax(fabs(at[EM_STAGE_Z]) - m->free_height, 0);
	return fmin(fmax(to, -most), most);
}

/* One drive; when the next one may begin. */
static double go(const struct em_sim_model *m, struct em_sim_stage *s, int drive, double time, double start, double to,
                 struct em_random *r)
{
	move(&m->axis[drive], &s->axis[drive], time, start, to, r);
	return m->in_sequence ? em_sim_axis_end(&m->axis[drive], &s->axis[drive]) + m->latency : start;
}

static void told(const struct em_sim_model *m, struct em_sim_stage *s, double time, struct em_random *r)
{
	s->commanded = time;
	s->lag = em_random_between(r, m->lag_lo, m->lag_hi);
}

void em_sim_stage_move(const struct em_sim_model *m, struct em_sim_stage *s, double time, const double *want,
                       double fraction, struct em_random *r)
{
	double start = time + m->latency, at[EM_SIM_AXES];

	s->limited = 0;
	for (int i = 0; i < EM_SIM_AXES; i++)
		at[i] = em_sim_stage_drive(m, s, i, time);
	for (int i = 0; i < EM_SIM_AXES; i++) {
		double from = em_sim_axis_drive(&m->axis[i], &s->axis[i], time), to;

		if (isnan(want[i]) || fabs(want[i] - at[i]) < m->axis[i].quantum)
			continue;
		to = em_sim_stage_clip(m, at, i, at[i] + fraction * (want[i] - at[i]));
		if (fabs(to - want[i]) > 1e-9 && fraction >= 1)
			s->limited = 1;
		start = go(m, s, i, time, start, from + to - at[i], r);
		/* of axes that go at once the farther end counts: any of the two may be there first */
		at[i] = m->in_sequence ? to : fmax(fabs(at[i]), fabs(to));
	}
	told(m, s, time, r);
}

void em_sim_stage_nudge(const struct em_sim_model *m, struct em_sim_stage *s, double time, const double want[2],
                        double fraction, struct em_random *r)
{
	double start = time + m->latency;

	for (int i = 0; i < 2; i++) {
		int drive = EM_SIM_PIEZO + i;
		double at = em_sim_stage_drive(m, s, i, time);
		double from = em_sim_axis_drive(&m->axis[drive], &s->axis[drive], time);

		if (!isnan(want[i]) && fabs(want[i] - at) >= m->axis[drive].quantum)
			start = go(m, s, drive, time, start, from + fraction * (want[i] - at), r);
	}
	told(m, s, time, r);
}

/* An axis that goes brakes; one that waits for its turn stays.  Of the error it has what it had got. */
void em_sim_stage_stop(const struct em_sim_model *m, struct em_sim_stage *s, double time)
{
	for (int i = 0; i < EM_SIM_DRIVES; i++) {
		const struct em_sim_axis_model *model = &m->axis[i];
		struct em_sim_axis *a = &s->axis[i];
		double speed = em_sim_axis_speed(model, a, time);

		if (time >= em_sim_axis_end(model, a) || a->brake != 0)
			continue;
		begin(model, a, time, time);
		a->brake = speed;
		a->to = a->from + speed * fabs(speed) / (2 * model->acceleration);
		a->creep = speed != 0 ? a->creep / 2 : 0;
		a->error = a->offset - a->creep;
	}
}

bool em_sim_stage_moves(const struct em_sim_model *m, const struct em_sim_stage *s, double time)
{
	bool moves = false;

	for (int i = 0; i < EM_SIM_DRIVES; i++)
		moves |= time < em_sim_axis_end(&m->axis[i], &s->axis[i]);
	return moves;
}

bool em_sim_stage_tells(const struct em_sim_model *m, const struct em_sim_stage *s, double time)
{
	bool moves = false;

	time -= s->lag;
	for (int i = 0; i < EM_SIM_DRIVES; i++)
		moves |=
		    time >= fmax(s->axis[i].start, s->commanded) && time < em_sim_axis_end(&m->axis[i], &s->axis[i]);
	return moves;
}

/* ---- what is under the beam ---- */

void em_sim_stage_pose(const struct em_sim_model *m, const struct em_sim_stage *s, double time,
                       struct em_sim_pose *pose)
{
	double at[EM_SIM_AXES], sunk, high;

	for (int i = 0; i < EM_SIM_AXES; i++)
		at[i] = em_sim_stage_true(m, s, i, time);
	pose->a = at[3];
	pose->b = m->has_b ? at[4] : 0;
	pose->x = m->pivot + (at[0] - m->pivot - m->pivot_height * sin(pose->b)) / cos(pose->b);
	sunk = m->pivot_height * (cos(pose->b) - 1) - (pose->x - m->pivot) * sin(pose->b);
	high = at[2] + m->height + sunk;
	pose->y = at[1] + m->axis_offset * (1 - 1 / cos(pose->a)) + high * tan(pose->a);
	pose->height = high / cos(pose->a) - m->axis_offset * tan(pose->a) - m->height;
}
