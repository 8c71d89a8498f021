/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stands after "sim:" in the URL of a simulator: [SPECIMEN.json][?KEY=VALUE[&KEY=VALUE...]], with %XX for bytes
 * that would end a part.
 *
 *     clock=real|virtual      virtual: time goes on only by what is asked of the instrument (sleep, exposures, 1 ms a
 *                             call), so that tests run fast and again
 *     seed=N                  which of all such microscopes: its errors, and its specimen.  1
 *     state=FILE              where it lives; else in the state folder, a file for each specimen, seed, holder and
 *                             mechanics
 *     holder=double|single|tomography      the tilts that it has
 *     sequence=on|off         a move's axes one after the other, as on some stages.  on
 *     mechanics=real|ideal    ideal: no backlash, noise, cyclic error, creep and drift
 *     drift=NM_PER_S          thermal drift, rms along an axis.  0.15
 *     reaction=SECONDS        time constant of the reaction; 0: none goes on.  0
 *     disorder=E_PER_M2       dose that leaves 1/e of the order; 0: none is harmed.  1e25 (1e5 a square angstrom)
 *     contamination=NM        carbon that this dose of 1e25 leaves where the beam was; 0: none.  3
 *     truth=on|off|FILE       on: the ground truth, STATE.truth.json, with each set, stop and exposure; FILE: and a
 *                             line of JSON for each exposure.  on
 *     fault=..., faults=SEED  scope/sim/fault.h
 */
#ifndef EM_SCOPE_SIM_OPTIONS_H
#define EM_SCOPE_SIM_OPTIONS_H

#include "scope/sim/fault.h"

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum em_sim_holder { EM_SIM_DOUBLE_TILT, EM_SIM_SINGLE_TILT, EM_SIM_TOMOGRAPHY };

struct em_sim_options {
	char *specimen;  /* owned; NULL: the default one */
	char *state;     /* owned; NULL: by name in the state folder */
	char *truth_log; /* owned; NULL: none */
	bool truth, virtual_clock, ideal, at_once;
	bool has_seed;
	uint64_t seed;
	enum em_sim_holder holder;
	double drift, reaction, disorder, contamination; /* m/s, s, 1/m^2, m^3 */
	struct em_sim_faults faults;
};

/* EM_ERROR_USAGE with a word on what is wrong. */
int em_sim_options_parse(struct em_sim_options *o, const char *rest, struct em_error *err);
/*
 * Which simulator it is, in the same words whichever way the URL is written: no words for the usual one, "/DIR/s.json?
 * seed=2&holder=single" for one that lives in the state folder, and "?state=/DIR/FILE" alone for one that has its file.
 */
void em_sim_options_put_identity(const struct em_sim_options *o, struct em_text *t);
void em_sim_options_release(struct em_sim_options *o);

#endif
