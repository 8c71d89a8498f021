/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/turn.h"

#include "scope/clock.h"

#include <math.h>

#define CALL_SECONDS 1e-3 /* of the virtual clock, that a call takes: who only asks sees time pass, too */

/* ---- turns ---- */

void em_sim_let_go(struct em_sim *s)
{
	em_sim_store_close(&s->store);
	pthread_mutex_unlock(&s->lock);
}

/* The state is locked and up to date when this returns 0. */
int em_sim_take(struct em_sim *s, double deadline, struct em_sim_state *state, struct em_error *err)
{
	double wall;
	bool fresh;

	pthread_mutex_lock(&s->lock);
	if (em_sim_store_open(&s->store, deadline, state, &fresh, err)) {
		pthread_mutex_unlock(&s->lock);
		return -1;
	}
	wall = em_sim_wall();
	if (fresh) {
		em_sim_state_init(state, s->m.seed, s->o.holder, s->o.ideal);
	} else if (em_sim_state_seed(state) != s->m.seed || (int)state->holder != (int)s->o.holder ||
	           (state->ideal != 0) != s->o.ideal) {
		em_sim_let_go(s);
		return em_error_set(err, EM_ERROR_USAGE,
		                    "sim: the state is of another microscope: its seed, holder or "
		                    "mechanics are not those of the URL");
	} else if (!s->o.virtual_clock) {
		em_sim_state_pass(state, wall - state->wall);
	}
	state->wall = wall;
	return 0;
}

int em_sim_give(struct em_sim *s, const struct em_sim_state *state, struct em_error *err)
{
	int status = em_sim_store_write(&s->store, state, err);

	em_sim_let_go(s);
	return status;
}

void em_sim_sleep(struct em_sim *s, double seconds)
{
	struct em_sim_state state;

	if (!s->o.virtual_clock) {
		em_clock_sleep(seconds);
	} else if (seconds > 0 && !em_sim_take(s, 60, &state, NULL)) {
		em_sim_state_pass(&state, seconds);
		em_sim_give(s, &state, NULL);
	}
}

double em_sim_now(struct em_sim *s)
{
	struct em_sim_state state = {.time = 0};

	if (s->o.virtual_clock) {
		if (!em_sim_take(s, 60, &state, NULL))
			em_sim_let_go(s);
		return state.time;
	}
	return em_clock_now();
}

int em_sim_fail(enum em_error_kind kind, enum em_sim_fault fault, struct em_error *err)
{
	static const char *const why[EM_SIM_FAULTS] = {
	    [EM_SIM_REFUSE] = "not allowed now",
	    [EM_SIM_BUSY] = "the instrument is busy",
	    [EM_SIM_DROP] = "the connection broke before the command was sent",
	    [EM_SIM_HALF] = "the connection broke in the middle of the reply",
	    [EM_SIM_STALL] = "no answer in time",
	    [EM_SIM_RETRACTED] = "the detector is retracted",
	};

	return em_error_set(err, kind, "sim: %s", why[fault]);
}

/* A fault that ends the call before anything is done. */
static int fail_before(enum em_sim_fault fault, struct em_error *err)
{
	switch (fault) {
	case EM_SIM_REFUSE:
	case EM_SIM_BUSY: return em_sim_fail(EM_ERROR_REFUSED, fault, err);
	case EM_SIM_DROP: return em_sim_fail(EM_ERROR_UNREACHABLE, fault, err);
	default: return 0;
	}
}

/* is_motion: busy is an answer then, and no fault. */
int em_sim_begin(struct em_sim *s, double deadline, bool is_motion, struct em_sim_turn *t, struct em_error *err)
{
	if (em_sim_take(s, deadline, &t->state, err))
		return -1;
	if (s->o.virtual_clock)
		em_sim_state_pass(&t->state, CALL_SECONDS);
	t->state.calls += 1;
	t->fault = em_sim_fault_at(&s->o.faults, (uint64_t)t->state.calls, &t->value);
	if (!(is_motion && t->fault == EM_SIM_BUSY) && fail_before(t->fault, err)) {
		em_sim_give(s, &t->state, NULL);
		return -1;
	}
	return 0;
}

/* A fault of the way back: the call has been done, and who asked may not hear of it. */
static int answer(struct em_sim *s, const struct em_sim_turn *t, double deadline, struct em_error *err)
{
	if (t->fault == EM_SIM_STALL) {
		em_sim_sleep(s, fmin(t->value, deadline));
		if (t->value > deadline)
			return em_sim_fail(EM_ERROR_UNREACHABLE, t->fault, err);
	}
	return t->fault == EM_SIM_HALF ? em_sim_fail(EM_ERROR_UNREACHABLE, t->fault, err) : 0;
}

int em_sim_end(struct em_sim *s, struct em_sim_turn *t, double deadline, struct em_error *err)
{
	return em_sim_give(s, &t->state, err) ? -1 : answer(s, t, deadline, err);
}

/* The state as it was before, but that the call was made: what was asked is refused. */
int em_sim_refuse(struct em_sim *s, const struct em_sim_turn *t)
{
	em_sim_give(s, &t->state, NULL);
	return -1;
}

/* ---- truth ---- */

int em_sim_tell_truth(struct em_sim *s, const struct em_sim_state *state, const struct em_sim_plan *plan,
                      struct em_error *err)
{
	struct em_text json = {0};
	bool log = plan && s->o.truth_log;
	int status = 0;

	if (!log && !s->truth_path)
		return 0;
	em_sim_truth_put(&json, &s->m, &s->o, state, plan, s->world);
	status = em_text_check(&json, err);
	if (!status && s->truth_path)
		status = em_sim_truth_write(s->truth_path, &json, err);
	if (!status && log)
		status = em_sim_truth_append(s->o.truth_log, &json, err);
	em_text_release(&json);
	return status;
}
