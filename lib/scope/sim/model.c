/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/model.h"

#include "base/random.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
#define DEG (PI / 180)

/* Of each axis: speed, acceleration, quantum, play, repeatability and its length, cyclic error and its period, creep
 * and its time, aim, jitter. */
static const struct em_sim_axis_model axes[EM_SIM_DRIVES] = {
    {-1e-3, 1e-3, 120e-6, 400e-6, 1e-9, 1.6e-6, 60e-9, 2e-6, 120e-9, 4.1e-6, 0, 40e-9, 2.5, 8e-9, 1e-9, {0}, {0}, {0}},
    {-1e-3, 1e-3, 120e-6, 400e-6, 1e-9, 4.2e-6, 110e-9, 2e-6, 180e-9, 3.9e-6, 0, 70e-9, 4, 8e-9, 1e-9, {0}, {0}, {0}},
    {-200e-6, 200e-6, 20e-6, 80e-6, 1e-9, 0.8e-6, 80e-9, 2e-6, 50e-9, 5e-6, 0, 30e-9, 3, 10e-9, 1e-9, {0}, {0}, {0}},
    {-35 * DEG,
     35 * DEG,
     6 * DEG,
     20 * DEG,
     1e-6,
     0.08 * DEG,
     0.015 * DEG,
     0.5 * DEG,
     0,
     1,
     0,
     0.005 * DEG,
     2,
     0.002 * DEG,
     2e-6,
     {0},
     {0},
     {0}},
    {-30 * DEG,
     30 * DEG,
     3 * DEG,
     10 * DEG,
     1e-6,
     0.2 * DEG,
     0.04 * DEG,
     0.5 * DEG,
     0,
     1,
     0,
     0.01 * DEG,
     2,
     0.005 * DEG,
     2e-6,
     {0},
     {0},
     {0}},
    {-10e-6, 10e-6, 20e-6, 2e-3, 1e-10, 0, 3e-10, 1e-6, 0, 1, 0, 8e-9, 15, 1e-10, 1e-10, {0}, {0}, {0}},
    {-10e-6, 10e-6, 20e-6, 2e-3, 1e-10, 0, 3e-10, 1e-6, 0, 1, 0, 8e-9, 15, 1e-10, 1e-10, {0}, {0}, {0}},
};

/* Sums of slow waves, so that the drift at any time is known without the times before it.  Each has a third of the
 * variance of the speed; tilts do not drift. */
static void make_drift(struct em_sim_axis_model *a, double rms, struct em_random *r)
{
	static const double periods[EM_SIM_WAVES] = {5400, 1700, 500};

	for (int i = 0; i < EM_SIM_WAVES; i++) {
		a->wave_period[i] = periods[i] * em_random_between(r, 0.8, 1.25);
		a->wave_phase[i] = em_random_between(r, 0, 2 * PI);
		a->wave[i] = rms * sqrt(2. / EM_SIM_WAVES) * a->wave_period[i] / (2 * PI);
	}
}

static void make_ideal(struct em_sim_axis_model *a)
{
	a->play = a->repeat = a->cyclic = a->creep = a->aim = a->jitter = 0;
}

static void make_axes(struct em_sim_model *m, const struct em_sim_options *o, struct em_random *r)
{
	memcpy(m->axis, axes, sizeof(axes));
	for (int i = 0; i < EM_SIM_AXES; i++) {
		m->axis[i].phase = em_random_between(r, 0, 2 * PI);
		make_drift(&m->axis[i], i < 3 && !o->ideal ? o->drift * (i == 2 ? 0.5 : 1) : 0, r);
		if (o->ideal)
			make_ideal(&m->axis[i]);
	}
	if (o->holder != EM_SIM_DOUBLE_TILT)
		m->axis[3].hi = -(m->axis[3].lo = (o->holder == EM_SIM_TOMOGRAPHY ? -80 : -45) * DEG);
	for (int i = EM_SIM_PIEZO; i < EM_SIM_DRIVES; i++) {
		for (int k = 0; k < EM_SIM_WAVES; k++)
			m->axis[i].wave_period[k] = 1; /* the motors' drift is all there is */
		if (o->ideal)
			make_ideal(&m->axis[i]);
	}
	m->reach = 1.25e-3;
	m->free_height = 100e-6;
	m->tilt_lost = 15 * DEG / 100e-6;
	m->has_b = o->holder == EM_SIM_DOUBLE_TILT;
	m->in_sequence = !o->at_once;
	m->latency = 0.04;
	m->lag_lo = 0.1;
	m->lag_hi = 0.5;
	m->height = em_random_between(r, -15e-6, 15e-6);
	m->axis_offset = em_random_between(r, -3e-6, 3e-6);
	m->pivot = em_random_between(r, -20e-6, 20e-6);
	m->pivot_height = em_random_between(r, -5e-6, 5e-6);
}

/* [[1 + e, e], [e, 1 + e]] turned by `angle`, each e of this rms. */
static void make_matrix(double m[2][2], double angle, double rms, struct em_random *r)
{
	double c = cos(angle), s = sin(angle), e[4];

	for (int i = 0; i < 4; i++)
		e[i] = rms * em_random_normal(r);
	m[0][0] = c * (1 + e[0]) - s * e[2];
	m[0][1] = c * e[1] - s * (1 + e[3]);
	m[1][0] = s * (1 + e[0]) + c * e[2];
	m[1][1] = s * e[1] + c * (1 + e[3]);
}

static void make_optics(struct em_sim_model *m, struct em_random *r)
{
	m->camera_scale = 1 + em_random_between(r, -0.02, 0.02);
	m->camera_rotation = em_random_between(r, -PI, PI);
	m->camera_rotation_low = em_random_between(r, -PI, PI);
	m->camera_rotation_error = em_random_between(r, -1, 1) * DEG;
	m->scan_scale[0] = 1 + em_random_between(r, -0.01, 0.01);
	m->scan_scale[1] = m->scan_scale[0] * (1 + em_random_between(r, -0.004, 0.004));
	m->scan_shear = em_random_between(r, -0.3, 0.3) * DEG;
	m->scan_rotation_error = em_random_between(r, -0.8, 0.8) * DEG;
	m->length_scale = 1 + em_random_between(r, -0.015, 0.015);
	m->pattern_rotation = em_random_between(r, -PI, PI);
	make_matrix(m->shift, em_random_between(r, -0.3, 0.3), 0.01, r);
	make_matrix(m->beam_shift, em_random_between(r, -0.3, 0.3), 0.02, r);
	m->beam_crosstalk = em_random_between(r, 0.005, 0.02);
	m->mode_shift = 40e-9;
	m->mode_focus = 100e-9;
	m->astigmatism[0] = 10e-9 * em_random_normal(r);
	m->astigmatism[1] = 10e-9 * em_random_normal(r);
	m->stigmator = 2e-6;
	m->current_scale = 1 + em_random_between(r, -0.05, 0.05);
	m->energy_error = em_random_between(r, -1, 1);
	m->energy_scale = 1 + em_random_between(r, -0.004, 0.004);
	m->energy_drift = 0.3;
}

void em_sim_model_make(struct em_sim_model *m, const struct em_sim_options *o, uint64_t seed)
{
	struct em_random r;

	memset(m, 0, sizeof(*m));
	m->seed = seed;
	em_random_seed(&r, seed, 0x6d6f64656c); /* "model": no stream of the state's draws */
	make_axes(m, o, &r);
	make_optics(m, &r);
}
