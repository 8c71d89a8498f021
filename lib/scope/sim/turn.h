/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A simulator that is open, and its turns.  Each call of the driver is one: lock and read the state, let the clock go
 * on, see whether a fault falls on the call, work, write, unlock.  What takes time afterwards (a stall, an exposure by
 * the real clock) is waited for without the lock, so that others can read, and stop.
 */
#ifndef EM_SCOPE_SIM_TURN_H
#define EM_SCOPE_SIM_TURN_H

#include "scope/sim/truth.h"

#include <pthread.h>

struct em_sim {
	struct em_sim_options o;
	struct em_sim_model m;
	struct em_sim_store store;
	char *path, *truth_path;    /* NULL: in memory; none */
	struct em_sim_world *world; /* NULL: not needed yet */
	pthread_mutex_t lock;       /* of store: stop may come from another thread */
};

/* open.c.  NULL on failure. */
struct em_sim *em_sim_open(const char *rest, const char *state_dir, double deadline, struct em_error *err);
void em_sim_free(struct em_sim *s);

double em_sim_now(struct em_sim *s);
void em_sim_sleep(struct em_sim *s, double seconds);

/* ---- the state alone ---- */

/* It is locked and up to date when this returns 0. */
int em_sim_take(struct em_sim *s, double deadline, struct em_sim_state *state, struct em_error *err);
int em_sim_give(struct em_sim *s, const struct em_sim_state *state, struct em_error *err); /* write, unlock */
void em_sim_let_go(struct em_sim *s);                                                      /* unlock */

/* ---- a call ---- */

struct em_sim_turn {
	struct em_sim_state state;
	enum em_sim_fault fault;
	double value; /* the fault's */
};

/* is_motion: busy is an answer then, and no fault. */
int em_sim_begin(struct em_sim *s, double deadline, bool is_motion, struct em_sim_turn *t, struct em_error *err);
/* Writes.  -1 where that fails, or a fault of the way back falls on it: it was done, and who asked does not know. */
int em_sim_end(struct em_sim *s, struct em_sim_turn *t, double deadline, struct em_error *err);
/* Always -1: *t, the turn as it began, has only been counted. */
int em_sim_refuse(struct em_sim *s, const struct em_sim_turn *t);
int em_sim_fail(enum em_error_kind kind, enum em_sim_fault fault, struct em_error *err);
/* Writes the ground truth where it is asked for; before the state, so that no exposure goes without. */
int em_sim_tell_truth(struct em_sim *s, const struct em_sim_state *state, const struct em_sim_plan *plan,
                      struct em_error *err);

#endif
