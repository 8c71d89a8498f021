/* SPDX-License-Identifier: GPL-3.0-or-later */
/* No specimen: every exposure is flat.  In place of the world and its images until they are here. */
#include "scope/sim/view.h"

#include "base/random.h"

#include <math.h>
#include <stdlib.h>

struct em_sim_world {
	uint64_t seed;
};

int em_sim_world_open(const char *path, uint64_t seed, struct em_sim_world **world, struct em_error *err)
{
	struct em_sim_world *w = calloc(1, sizeof(*w));

	(void)path;
	if (!w)
		return em_error_memory(err, sizeof(*w));
	w->seed = seed;
	*world = w;
	return 0;
}

void em_sim_world_free(struct em_sim_world *world)
{
	free(world);
}

static double detect(const struct em_sim_view *v, struct em_random *r, double electrons)
{
	double counts = em_random_poisson(r, electrons * v->dqe) * v->gain + v->offset;

	counts = round(counts + v->read_noise * em_random_normal(r));
	return fmin(fmax(counts, 0), v->saturation);
}

int em_sim_form(const struct em_sim_world *world, const struct em_sim_view *v, struct em_array *out,
                struct em_error *err)
{
	bool loss = v->signal == EM_SIM_LOSS;
	size_t n = v->width * v->height, shape[2] = {v->height, v->width};
	double electrons =
	    v->signal == EM_SIM_IMAGE || v->signal == EM_SIM_SCAN ? v->electrons : v->electrons / (double)n;
	struct em_random r;

	if (em_array_alloc(out, loss ? EM_I32 : EM_U16, loss ? 1 : 2, loss ? shape + 1 : shape, err))
		return -1;
	em_random_seed(&r, v->seed, world->seed);
	for (size_t i = 0; i < n; i++) {
		double counts = detect(v, &r, electrons);

		if (loss)
			((int32_t *)out->data)[i] = (int32_t)counts;
		else
			((uint16_t *)out->data)[i] = (uint16_t)counts;
	}
	return 0;
}

void em_sim_world_describe(const struct em_sim_world *world, const struct em_sim_view *v, struct em_text *json)
{
	(void)world;
	(void)v;
	em_text_append(json, "{}");
}
