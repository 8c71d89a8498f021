/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The simulated microscope as a driver: "sim:" and what scope/sim/options.h has after it.
 *
 * It behaves as instruments do, not as one would wish: a set returns before the stage goes, the status is late by 0.1
 * to 0.5 s and at rest between two axes, a move while it moves is refused, magnifications go to the nearest of a table.
 * Numbers past a range are refused, and nothing of that set is done then.  One exposure at a time.
 */
#ifndef EM_SCOPE_SIM_DRIVER_H
#define EM_SCOPE_SIM_DRIVER_H

#include "scope/instrument.h"

extern const struct em_driver_kind em_driver_sim;

#endif
