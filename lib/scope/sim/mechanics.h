/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stage.  A drive goes along a trapezoid of speed from where it is to where it was told; its encoder is what the
 * instrument reads.  The specimen is where the drive drags it: through play, with an error that differs from move to
 * move, a cyclic error of the screw, a creep after the move, and thermal drift.  All of it is a closed form of the time
 * since the last command, so that nothing has to be stepped.
 */
#ifndef EM_SCOPE_SIM_MECHANICS_H
#define EM_SCOPE_SIM_MECHANICS_H

#include "scope/sim/model.h"

#include "base/random.h"

#include <stdbool.h>

/* The state of an axis: its last move.  A zeroed one rests at 0. */
struct em_sim_axis {
	double from, to;     /* of the drive */
	double start;        /* s; may be to come, where the axes go in sequence */
	double brake;        /* 0; or the speed, signed, from which it brakes: a move that was stopped */
	double dragged;      /* where the specimen was dragged to when the move began */
	double offset;       /* its error when the move began */
	double error, creep; /* its error after the move, and at its end that much more, which decays */
};

struct em_sim_stage {
	struct em_sim_axis axis[EM_SIM_DRIVES];
	double commanded, lag; /* s: when it was told to move last; of the status, this time */
	double limited;        /* 1: a limiter cut the last move short */
};

double em_sim_axis_end(const struct em_sim_axis_model *m, const struct em_sim_axis *a); /* when the drive rests, s */
double em_sim_axis_drive(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double time);
double em_sim_axis_speed(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double time);
/* Where the specimen is, without and with drift. */
double em_sim_axis_true(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double time);
double em_sim_axis_drift(const struct em_sim_axis_model *m, double time); /* 0 at time 0 */
/* What the encoder says: the drive's place, in quanta, with its jitter. */
double em_sim_axis_read(const struct em_sim_axis_model *m, const struct em_sim_axis *a, double time,
                        struct em_random *r);

/* The stage's own axes, x to b, their piezos in them: what the drives have, what the encoders say, and where the
 * specimen is, drift and all. */
double em_sim_stage_drive(const struct em_sim_model *m, const struct em_sim_stage *s, int axis, double time);
double em_sim_stage_read(const struct em_sim_model *m, const struct em_sim_stage *s, int axis, double time,
                         struct em_random *r);
double em_sim_stage_true(const struct em_sim_model *m, const struct em_sim_stage *s, int axis, double time);

/*
 * How far towards `to` limiters let an axis go from where it and the others will be: x and y keep within a circle, and
 * a high or low stage does not tilt as far.
 */
double em_sim_stage_clip(const struct em_sim_model *m, const double at[EM_SIM_AXES], int axis, double to);

/* To want[i], NAN: stays.  The stage has to be at rest.  fraction: of its way, 1. */
void em_sim_stage_move(const struct em_sim_model *m, struct em_sim_stage *s, double time, const double *want,
                       double fraction, struct em_random *r);
/* The same with the piezos of x and y, from where the motors stand. */
void em_sim_stage_nudge(const struct em_sim_model *m, struct em_sim_stage *s, double time, const double want[2],
                        double fraction, struct em_random *r);
void em_sim_stage_stop(const struct em_sim_model *m, struct em_sim_stage *s, double time);
/* Does it move, or wait for an axis's turn? */
bool em_sim_stage_moves(const struct em_sim_model *m, const struct em_sim_stage *s, double time);
/* What the status says of that: late by the lag, and at rest between two axes. */
bool em_sim_stage_tells(const struct em_sim_model *m, const struct em_sim_stage *s, double time);

/* The place under the beam and how the specimen lies there. */
struct em_sim_pose {
	double x, y, a, b; /* as in view.h */
	double height;     /* of that place above the plane in focus at defocus 0, m */
};
/*
 * The outer tilt turns about an axis along x at the model's way from the optical axis; the inner one about its pivot.
 * A point of the specimen at p along the rod, h above the inner pivot, is at the rod's pivot + (p - pivot) cos b +
 * h sin b, and h cos b - (p - pivot) sin b high; likewise for a.  On the optical axis:
 *     p = pivot + (x - pivot - h sin b) / cos b,    q = y + Y (1 - 1 / cos a) + H tan a,
 * and it is H / cos a - Y tan a high, where Y is the axis's offset and H its height above the axis when a is 0.
 */
void em_sim_stage_pose(const struct em_sim_model *m, const struct em_sim_stage *s, double time,
                       struct em_sim_pose *pose);

#endif
