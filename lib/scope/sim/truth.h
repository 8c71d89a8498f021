/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ground truth, apart from the control path: for tests and for scoring what tools found, never for tools.
 *
 *     {"time_s":..,"stage":{"x_m":..,..},     where the drives dragged the specimen, drift in it
 *      "drive":{"x_m":..,..},                 what a perfect encoder would read
 *      "drift":{"x_m":..,..},"moving":false,"limited":false,
 *      "under_beam":{"x_m":..,"y_m":..,"a_rad":..,"b_rad":..,"height_m":..},   mechanics.h's pose
 *      "reaction":0,"electrons":..,"exposures":..,"calls":..,
 *      "exposure":{..}}                       the last one, view.h's numbers by their names, and "specimen"
 */
#ifndef EM_SCOPE_SIM_TRUTH_H
#define EM_SCOPE_SIM_TRUTH_H

#include "scope/sim/exposure.h"

#include "base/text.h"

/* plan: NULL where there was no exposure; world: for what the specimen is there. */
void em_sim_truth_put(struct em_text *json, const struct em_sim_model *m, const struct em_sim_options *o,
                      const struct em_sim_state *s, const struct em_sim_plan *plan, const struct em_sim_world *world);
/* Over what the file says, or a line more.  EM_ERROR_IO. */
int em_sim_truth_write(const char *path, const struct em_text *json, struct em_error *err);
int em_sim_truth_append(const char *path, const struct em_text *json, struct em_error *err);

#endif
