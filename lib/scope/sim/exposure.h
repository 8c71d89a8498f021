/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the state of the microscope to what an exposure shows (view.h), costs, and says of itself. */
#ifndef EM_SCOPE_SIM_EXPOSURE_H
#define EM_SCOPE_SIM_EXPOSURE_H

#include "scope/sim/optics.h"
#include "scope/sim/view.h"

struct em_sim_plan {
	const struct em_sim_detector *detector;
	struct em_sim_view view;     /* seed 0 */
	struct em_acquired acquired; /* as the instrument tells it, by its calibration; no data yet */
	double electrons;            /* all that come to the specimen */
	struct em_sim_place place;   /* where, and the dose there */
};

/* EM_ERROR_REFUSED: no such detector, not in this mode, a size, binning or time that it does not have. */
int em_sim_exposure_plan(const struct em_sim_model *m, const struct em_sim_options *o, const struct em_sim_state *s,
                         const struct em_exposure *e, struct em_sim_plan *plan, struct em_error *err);
/* It has been done: the dose, the time that it took. */
void em_sim_exposure_done(struct em_sim_state *s, const struct em_sim_plan *plan);
/* How much of the specimen has reacted, 0 to 1. */
double em_sim_reaction(const struct em_sim_options *o, double time);

#endif
