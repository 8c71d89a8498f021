/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/optics.h"

#include <math.h>
#include <string.h>

#define MOST_SECONDS 1e12

void em_sim_state_init(struct em_sim_state *s, uint64_t seed, enum em_sim_holder holder, bool ideal)
{
	memset(s, 0, sizeof(*s));
	s->seed_high = (double)(seed >> 32);
	s->seed_low = (double)(seed & 0xffffffff);
	s->holder = holder;
	s->ideal = ideal;
	s->magnification[0] = 50000;
	s->magnification[1] = 500000;
	s->camera_length[0] = 0.8;
	s->camera_length[1] = 0.08;
	s->control[EM_SPOT_SIZE] = 5;
	s->control[EM_INTENSITY] = 0.5;
	s->control[EM_CONVERGENCE] = 0.025;
	s->control[EM_VOLTAGE] = 300e3;
	s->control[EM_VALVES_OPEN] = 1;
	s->control[EM_ENERGY_OFFSET] = -20;
	s->control[EM_DISPERSION] = 0.25;
}

uint64_t em_sim_state_seed(const struct em_sim_state *s)
{
	return (uint64_t)s->seed_high << 32 | (uint64_t)s->seed_low;
}

void em_sim_state_pass(struct em_sim_state *s, double seconds)
{
	s->time = fmin(s->time + fmax(seconds, 0), MOST_SECONDS);
}

struct em_random em_sim_state_draw(struct em_sim_state *s)
{
	struct em_random r;

	em_random_seed(&r, em_sim_state_seed(s), (uint64_t)s->draws);
	s->draws += 1;
	return r;
}

/* ---- trust nothing ---- */

static bool between(double v, double lo, double hi)
{
	return v >= lo && v <= hi;
}

static bool is_count(double v, double most)
{
	return between(v, 0, most) && v == floor(v);
}

/* Lengths within a centimetre, tilts below a right angle: what follows from them is finite. */
static bool axis_makes_sense(const struct em_sim_axis *a, bool tilt)
{
	double most = tilt ? 1.5 : 1e-2;

	return between(a->from, -most, most) && between(a->to, -most, most) && between(a->dragged, -most, most) &&
	       between(a->offset, -0.01 * most, 0.01 * most) && between(a->error, -0.01 * most, 0.01 * most) &&
	       between(a->creep, -0.01 * most, 0.01 * most) && between(a->brake, -most, most) &&
	       between(a->start, -MOST_SECONDS, 2 * MOST_SECONDS);
}

static bool places_make_sense(const struct em_sim_state *s)
{
	for (size_t i = 0; i < EM_SIM_PLACES; i++) {
		const struct em_sim_place *p = &s->place[i];

		if (!between(p->x, -1, 1) || !between(p->y, -1, 1) || !between(p->half[0], 0, 1) ||
		    !between(p->half[1], 0, 1) || !between(p->angle, -10, 10) || !between(p->dose, 0, 1e40))
			return false;
	}
	return true;
}

int em_sim_state_check(const struct em_sim_state *s, struct em_error *err)
{
	bool good = is_count(s->seed_high, UINT32_MAX) && is_count(s->seed_low, UINT32_MAX) &&
	            is_count(s->holder, EM_SIM_TOMOGRAPHY) && is_count(s->ideal, 1) &&
	            between(s->time, 0, MOST_SECONDS) && between(s->wall, -1e12, 1e12) && is_count(s->calls, 0x1p52) &&
	            is_count(s->draws, 0x1p52) && is_count(s->exposures, 0x1p52) &&
	            between(s->busy, 0, 2 * MOST_SECONDS) && between(s->electrons, 0, 1e40) &&
	            between(s->stage.lag, 0, 10) && between(s->stage.commanded, 0, 1e12) &&
	            is_count(s->stage.limited, 1) && em_sim_optics_are_possible(s) && places_make_sense(s);

	for (int i = 0; i < EM_SIM_DRIVES; i++)
		good = good && axis_makes_sense(&s->stage.axis[i], i == EM_STAGE_A || i == EM_STAGE_B);
	return good ? 0 : em_error_set(err, EM_ERROR_DATA, "the state has numbers that no microscope has");
}
