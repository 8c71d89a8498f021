/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The simulator as a driver: what each call does in its turn. */
#include "scope/sim/driver.h"

#include "scope/clock.h"
#include "scope/sim/turn.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define POLL_SECONDS 0.02 /* of the virtual clock: who asks a server until the stage rests sees it come to rest */

/* ---- reading ---- */

static void know(struct em_controls *c, const struct em_sim *s, bool writable)
{
	for (int i = 0; i < EM_CONTROLS; i++)
		c->known[i] = writable ? em_sim_can_set(&s->m, (enum em_control)i) : i != EM_STAGE_B || s->m.has_b;
}

static int sim_capabilities(void *self, double deadline, struct em_capabilities *c, struct em_error *err)
{
	const struct em_sim *s = self;

	(void)deadline;
	(void)err;
	memset(c, 0, sizeof(*c));
	strcpy(c->family, "simulator");
	strcpy(c->version, EM_VERSION);
	snprintf(c->id, sizeof(c->id), "seed %llu", (unsigned long long)s->m.seed);
	know(&c->readable, s, false);
	know(&c->writable, s, true);
	c->can_stop = true;
	for (const struct em_sim_detector *d; (d = em_sim_detector_at(c->detectors)); c->detectors++) {
		struct em_detector *to = &c->detector[c->detectors];

		strcpy(to->name, d->name);
		to->kind = d->kind;
		to->width = d->width;
		to->height = d->height;
		to->pixel_m = d->pixel;
		to->inserted = true;
	}
	return 0;
}

static int sim_get(void *self, double deadline, const struct em_controls *want, struct em_controls *got,
                   struct em_error *err)
{
	struct em_sim *s = self;
	struct em_controls c = {.known = {false}};
	struct em_random r;
	struct em_sim_turn t;

	if (em_sim_begin(s, deadline, false, &t, err))
		return -1;
	r = em_sim_state_draw(&t.state);
	for (int i = 0; i < EM_CONTROLS; i++) {
		const struct em_sim_stage *stage = &t.state.stage;
		double v;

		if (!want->known[i] || (i == EM_STAGE_B && !s->m.has_b))
			continue;
		v = i < EM_SIM_AXES ? em_sim_stage_read(&s->m, stage, i, t.state.time, &r)
		                    : em_sim_optics_get(&s->m, &t.state, (enum em_control)i, &r);
		em_controls_set(&c, (enum em_control)i, t.fault == EM_SIM_NAN ? NAN : v);
	}
	if (em_sim_end(s, &t, deadline, err))
		return -1;
	*got = c;
	return 0;
}

static int sim_motion(void *self, double deadline, enum em_motion *motion, struct em_error *err)
{
	struct em_sim *s = self;
	enum em_motion m;
	struct em_sim_turn t;

	if (em_sim_begin(s, deadline, true, &t, err))
		return -1;
	m = em_sim_stage_tells(&s->m, &t.state.stage, t.state.time) ? EM_MOVING
	    : t.state.stage.limited != 0                            ? EM_AT_LIMIT
	                                                            : EM_AT_REST;
	if (m == EM_MOVING && s->o.virtual_clock)
		em_sim_state_pass(&t.state, POLL_SECONDS);
	if (t.fault == EM_SIM_BUSY)
		m = EM_NOT_READY;
	if (em_sim_end(s, &t, deadline, err))
		return -1;
	*motion = m;
	return 0;
}

static int sim_limits(void *self, double deadline, double *lo, double *hi, struct em_error *err)
{
	struct em_sim *s = self;
	struct em_sim_turn t;

	if (em_sim_begin(s, deadline, false, &t, err) || em_sim_end(s, &t, deadline, err))
		return -1;
	em_sim_limits(&s->m, lo, hi);
	return 0;
}

/* ---- setting ---- */

/* Clamped: cut to a part of the range, where the range has a middle at 0. */
static void clamp(const struct em_sim *s, double part, struct em_controls *want)
{
	double lo[EM_CONTROLS], hi[EM_CONTROLS];

	em_sim_limits(&s->m, lo, hi);
	for (int i = 0; i < EM_CONTROLS; i++)
		if (lo[i] < 0 && hi[i] > 0)
			want->value[i] = fmin(fmax(want->value[i], part * lo[i]), part * hi[i]);
}

/* A piezo goes so far either way of where its motor stands. */
static int check_piezo(const struct em_sim *s, const struct em_sim_state *state, int i, double v, struct em_error *err)
{
	const struct em_sim_axis_model *m = &s->m.axis[EM_SIM_PIEZO + i];
	double at = em_sim_axis_drive(&s->m.axis[i], &state->stage.axis[i], state->time);

	if (v - at >= m->lo && v - at <= m->hi)
		return 0;
	return em_control_refuse("sim: the piezo", (enum em_control)i, v, at + m->lo, at + m->hi, err);
}

static bool is_by_piezo(const struct em_sim_state *state, const struct em_controls *want, int axis)
{
	double drive = want->known[EM_STAGE_DRIVE] ? want->value[EM_STAGE_DRIVE] : state->control[EM_STAGE_DRIVE];

	return axis < EM_SIM_DRIVES - EM_SIM_PIEZO && drive != 0;
}

static int check_stage(const struct em_sim *s, const struct em_sim_state *state, const struct em_controls *want,
                       bool *any, struct em_error *err)
{
	*any = false;
	for (int i = 0; i < EM_SIM_AXES; i++) {
		double v = want->value[i], lo = s->m.axis[i].lo, hi = s->m.axis[i].hi;

		if (!want->known[i])
			continue;
		if (!em_sim_can_set(&s->m, (enum em_control)i))
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "sim: this holder has no %s",
			                    em_control_info((enum em_control)i)->name);
		if (!(v >= lo && v <= hi))
			return em_control_refuse("sim", (enum em_control)i, v, lo, hi, err);
		if (is_by_piezo(state, want, i) && check_piezo(s, state, i, v, err))
			return -1;
		*any = true;
	}
	if (*any && em_sim_stage_moves(&s->m, &state->stage, state->time))
		return em_error_set(err, EM_ERROR_REFUSED, "sim: the stage is moving");
	return 0;
}

static void send_stage(const struct em_sim *s, struct em_sim_turn *t, const struct em_controls *want)
{
	double by_motor[EM_SIM_AXES], by_piezo[2] = {NAN, NAN};
	double fraction = t->fault == EM_SIM_SHORT || t->fault == EM_SIM_LIMITER ? t->value : 1;
	struct em_sim_stage *stage = &t->state.stage;
	struct em_random r = em_sim_state_draw(&t->state);

	for (int i = 0; i < EM_SIM_AXES; i++) {
		by_motor[i] = want->known[i] ? want->value[i] : NAN;
		if (is_by_piezo(&t->state, want, i)) {
			by_piezo[i] = by_motor[i];
			by_motor[i] = NAN;
		}
	}
	em_sim_stage_move(&s->m, stage, t->state.time, by_motor, fraction, &r);
	if (!isnan(by_piezo[0]) || !isnan(by_piezo[1]))
		em_sim_stage_nudge(&s->m, stage, t->state.time, by_piezo, fraction, &r);
	if (t->fault == EM_SIM_LIMITER)
		stage->limited = 1;
}

static int apply(struct em_sim *s, struct em_sim_turn *t, const struct em_controls *asked, struct em_error *err)
{
	struct em_controls want = *asked;
	bool stage;

	if (t->fault == EM_SIM_CLAMP)
		clamp(s, t->value, &want);
	if (check_stage(s, &t->state, &want, &stage, err) || em_sim_optics_set(&s->m, &t->state, &want, err))
		return -1;
	if (stage)
		send_stage(s, t, &want);
	return 0;
}

static int sim_set(void *self, double deadline, const struct em_controls *want, struct em_error *err)
{
	struct em_sim *s = self;
	struct em_sim_turn t, before;

	if (em_sim_begin(s, deadline, false, &t, err))
		return -1;
	before = t;
	if (apply(s, &t, want, err))
		return em_sim_refuse(s, &before);
	if (t.fault == EM_SIM_IGNORE)
		t.state = before.state;
	if (em_sim_tell_truth(s, &t.state, NULL, err))
		return em_sim_refuse(s, &before);
	return em_sim_end(s, &t, deadline, err);
}

static int sim_stop(void *self, double deadline, struct em_error *err)
{
	struct em_sim *s = self;
	struct em_sim_turn t;

	if (em_sim_begin(s, deadline, false, &t, err))
		return -1;
	if (t.fault != EM_SIM_IGNORE)
		em_sim_stage_stop(&s->m, &t.state.stage, t.state.time);
	if (em_sim_tell_truth(s, &t.state, NULL, err))
		return em_sim_refuse(s, &t);
	return em_sim_end(s, &t, deadline, err);
}

/* ---- exposures ---- */

static int need_world(struct em_sim *s, struct em_error *err)
{
	return s->world ? 0 : em_sim_world_open(s->o.specimen, s->m.seed, &s->world, err);
}

static int expose(struct em_sim *s, struct em_sim_turn *t, const struct em_exposure *e, double deadline,
                  struct em_sim_plan *plan, struct em_error *err)
{
	struct em_sim_state *state = &t->state;
	struct em_random r;

	if (t->fault == EM_SIM_RETRACTED)
		return em_sim_fail(EM_ERROR_REFUSED, t->fault, err);
	if (state->busy > state->time + 1e-3) /* a double has microseconds of the calendar */
		return em_error_set(err, EM_ERROR_REFUSED, "sim: another exposure goes on");
	if (em_sim_exposure_plan(&s->m, &s->o, state, e, plan, err))
		return -1;
	r = em_sim_state_draw(state);
	plan->view.seed = em_random_bits(&r);
	em_sim_exposure_done(state, plan);
	if (em_sim_tell_truth(s, state, plan, err))
		return -1;
	if (s->o.virtual_clock) {
		em_sim_state_pass(state, fmin(plan->acquired.seconds, deadline));
		state->busy = state->time;
	}
	return 0;
}

/* By the real clock an exposure takes its time, or until a signal comes. */
static void wait_for_exposure(const struct em_sim *s, double begun, double seconds)
{
	if (!s->o.virtual_clock)
		em_clock_sleep(begun + seconds - em_clock_now());
}

static void forget_numbers(struct em_acquired *a)
{
	a->scale[0] = a->scale[1] = a->offset = a->dose = a->electrons = NAN;
	a->to_stage[0][0] = a->to_stage[0][1] = a->to_stage[1][0] = a->to_stage[1][1] = NAN;
}

static int sim_acquire(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                       struct em_error *err)
{
	struct em_sim *s = self;
	struct em_sim_plan plan;
	struct em_array data;
	struct em_sim_turn t, before;
	double begun;

	if (need_world(s, err) || em_sim_begin(s, deadline, false, &t, err))
		return -1;
	begun = em_clock_now();
	before = t;
	if (expose(s, &t, e, deadline, &plan, err))
		return em_sim_refuse(s, &before);
	if (em_sim_end(s, &t, deadline, err))
		return -1;
	if (plan.acquired.seconds > deadline) {
		wait_for_exposure(s, begun, deadline);
		return em_sim_fail(EM_ERROR_UNREACHABLE, EM_SIM_STALL, err);
	}
	if (em_sim_form(s->world, &plan.view, &data, err))
		return -1;
	wait_for_exposure(s, begun, plan.acquired.seconds);
	if (t.fault == EM_SIM_NAN)
		forget_numbers(&plan.acquired);
	*a = plan.acquired;
	a->data = data;
	return 0;
}

static int sim_expect(void *self, double deadline, const struct em_exposure *e, struct em_acquired *a,
                      struct em_error *err)
{
	struct em_sim *s = self;
	struct em_sim_state state;
	struct em_sim_plan plan;

	if (em_sim_take(s, deadline, &state, err))
		return -1;
	em_sim_let_go(s);
	if (em_sim_exposure_plan(&s->m, &s->o, &state, e, &plan, err))
		return -1;
	*a = plan.acquired;
	return 0;
}

/* ---- the driver ---- */

static void sim_sleep(void *self, double seconds)
{
	em_sim_sleep(self, seconds);
}

static double sim_now(void *self)
{
	return em_sim_now(self);
}

static void sim_close(void *self)
{
	em_sim_free(self);
}

static const struct em_driver driver = {
    .name = "sim",
    .capabilities = sim_capabilities,
    .get = sim_get,
    .set = sim_set,
    .motion = sim_motion,
    .stop = sim_stop,
    .acquire = sim_acquire,
    .expect = sim_expect,
    .limits = sim_limits,
    .now = sim_now,
    .sleep = sim_sleep,
    .close = sim_close,
};

static const struct em_driver *sim_open(const char *rest, const char *state_dir, double deadline, void **self,
                                        struct em_error *err)
{
	struct em_sim *s = em_sim_open(rest, state_dir, deadline, err);

	if (!s)
		return NULL;
	*self = s;
	return &driver;
}

static char *sim_canonical(const char *rest)
{
	struct em_sim_options o;
	struct em_text t = {0};

	if (em_sim_options_parse(&o, rest, NULL))
		return NULL;
	em_text_append(&t, ""); /* the usual one has no words */
	em_sim_options_put_identity(&o, &t);
	em_sim_options_release(&o);
	if (em_text_check(&t, NULL))
		em_text_release(&t);
	return t.s;
}

const struct em_driver_kind em_driver_sim = {
    .scheme = "sim",
    .purpose = "the simulator in this process: sim:[SPECIMEN.json][?clock=virtual&seed=N&...]",
    .open = sim_open,
    .canonical = sim_canonical,
};
