/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Faults on request, to see what a client does about them: "refuse@3,stall@5:30,short@8-10:0.4".  The number is that of
 * the call, counted from 1 over the life of the simulator's state (get, set, motion, stop, acquire and limits count),
 * or a range of them; what follows the colon is the fault's own.  A fault that cannot befall a call leaves it alone.
 *
 *     refuse      EM_ERROR_REFUSED, nothing done
 *     busy        the same; to motion the answer EM_NOT_READY
 *     drop        EM_ERROR_UNREACHABLE, nothing done: the wire broke on the way there
 *     half        EM_ERROR_UNREACHABLE, done: the wire broke on the way back
 *     stall:S     done, and answered after S more seconds (30); past the deadline that is EM_ERROR_UNREACHABLE
 *     ignore      set, stop: answered as if done, and not done
 *     clamp:F     set: cut, without a word, to the fraction F (0.1) of each range
 *     short:F     set: the stage stops, without a word, at the fraction F (0.8) of its way
 *     limiter:F   set: the same, and the status says that a hardware limiter stopped it
 *     nan         get: every number is NAN; acquire: scales, matrix, dose are
 *     retracted   acquire: EM_ERROR_REFUSED, the detector is not in
 */
#ifndef EM_SCOPE_SIM_FAULT_H
#define EM_SCOPE_SIM_FAULT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum em_sim_fault {
	EM_SIM_NO_FAULT,
	EM_SIM_REFUSE,
	EM_SIM_BUSY,
	EM_SIM_DROP,
	EM_SIM_HALF,
	EM_SIM_STALL,
	EM_SIM_IGNORE,
	EM_SIM_CLAMP,
	EM_SIM_SHORT,
	EM_SIM_LIMITER,
	EM_SIM_NAN,
	EM_SIM_RETRACTED,
	EM_SIM_FAULTS
};

#define EM_SIM_FAULTS_MAX 64

struct em_sim_faults {
	struct {
		enum em_sim_fault kind;
		uint64_t from, to; /* calls, both in it */
		double value;
	} list[EM_SIM_FAULTS_MAX];
	size_t n;
	bool drawn; /* besides: one call in eight has a fault, which and where by this seed */
	uint64_t seed;
};

/* Adds to *f.  EM_ERROR_USAGE. */
int em_sim_faults_parse(struct em_sim_faults *f, const char *text, struct em_error *err);
/* Of this call; the first of the list that has it, else one drawn.  *value: what follows the colon, or the usual. */
enum em_sim_fault em_sim_fault_at(const struct em_sim_faults *f, uint64_t call, double *value);

#endif
