/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/sim/image.h"
int em_sim_expect_loss(const struct em_sim_world *world, const struct em_sim_view *view, float *expected,
                       struct em_error *err)
{
	(void)world;
	(void)view;
	(void)expected;
	(void)err;
	return 0;
}
int em_sim_expect_pattern(const struct em_sim_world *world, const struct em_sim_view *view, float *expected,
                          struct em_error *err)
{
	(void)world;
	(void)view;
	(void)expected;
	(void)err;
	return 0;
}
void em_sim_world_describe(const struct em_sim_world *world, const struct em_sim_view *v, struct em_text *json)
{
	(void)world;
	(void)v;
	em_text_append(json, "{}");
}
