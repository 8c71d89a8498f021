/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of the simulated microscope, all that outlives a process, and the file it lives in.
 *
 * The file has two slots, each with a version, a number that counts the writes, and a SHA-256; a write goes to the
 * older one.  Whoever is killed while writing leaves one slot that fits its digest: the state before.  A command locks
 * the file, reads, works, writes and unlocks, so that no two of them mix, and the kernel drops a dead process's lock.
 * (Nothing is forced to the disc: that is against kills, not against a failing machine.)
 */
#ifndef EM_SCOPE_SIM_STATE_H
#define EM_SCOPE_SIM_STATE_H

#include "scope/control.h"
#include "scope/sim/mechanics.h"
#include "scope/sim/view.h"

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole numbers in a state are doubles, too: all of it is checked alike. */
struct em_sim_state {
	double seed_high, seed_low, holder, ideal; /* which microscope it is; the seed in halves of 32 bits */
	double time, wall;                         /* s: its clock, and the system's when it was written */
	double calls, draws, exposures;            /* so far: counts for faults and random numbers */
	double busy;                               /* s: an exposure goes on until then */
	struct em_sim_stage stage;
	double control[EM_CONTROLS];               /* as set; the stage's are not used */
	double magnification[2], camera_length[2]; /* of tem and stem */
	double left_shift[2], left_focus;          /* m: what the last change of mode left behind */
	double electrons;                          /* on the specimen, ever */
	struct em_sim_place place[EM_SIM_PLACES];  /* those with the most dose */
};

/* As it is when it was just made: at rest at 0, tem, beam on. */
void em_sim_state_init(struct em_sim_state *s, uint64_t seed, enum em_sim_holder holder, bool ideal);
uint64_t em_sim_state_seed(const struct em_sim_state *s);
void em_sim_state_pass(struct em_sim_state *s, double seconds); /* the clock goes on, if seconds > 0 */
/* A stream of random numbers of its own for each that asks. */
struct em_random em_sim_state_draw(struct em_sim_state *s);
/* EM_ERROR_DATA where a number is none or senseless: a digest proves no good will. */
int em_sim_state_check(const struct em_sim_state *s, struct em_error *err);

/* The file, or with path NULL a state of the process's own. */
struct em_sim_store {
	const char *path; /* borrowed */
	int fd;           /* locked while it is not -1 */
	uint64_t count;   /* of the newest slot; 0: none is there yet */
	struct em_sim_state own;
	bool has_own;
};

/*
 * Locks and reads.  *fresh: there was no state yet (no file, or whoever made it was killed over it), *s is untouched.
 * EM_ERROR_UNREACHABLE: locked by another for `deadline` seconds of the system's clock; EM_ERROR_DATA: not a state, one
 * of another version, a senseless one; IO.
 */
int em_sim_store_open(struct em_sim_store *st, double deadline, struct em_sim_state *s, bool *fresh,
                      struct em_error *err);
int em_sim_store_write(struct em_sim_store *st, const struct em_sim_state *s, struct em_error *err);
void em_sim_store_close(struct em_sim_store *st); /* unlocks */

double em_sim_wall(void); /* seconds of the system's calendar */

#endif
