/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reference of frames whose lattice is known, and what another frame says beside it. */
#ifndef EM_TEST_REFERENCE_HELP_H
#define EM_TEST_REFERENCE_HELP_H

#include "crystal_help.h"

#include "crystal/area.h"
#include "crystal/reference.h"

static inline struct scene square(void)
{
	return (struct scene){.height = 220,
	                      .width = 240,
	                      .mean = 80,
	                      .waves = 2,
	                      .contrast = 0.25,
	                      .phase = 0.7,
	                      .g = {{0.021, 0.1032}, {0.1032, -0.021}},
	                      .seed = 1,
	                      .glass = 3};
}

/* A reference of frames, a frame, and what comes of it. */
struct lab {
	struct em_order_plan *plan;
	struct em_order_frame frame[8];
	size_t frames;
	struct em_reference ref;
	struct em_order_plane planes[EM_ORDER_SPOTS];
	float *weight, *order, *across, *amplitude;
	size_t points;
};

static inline void begin(struct lab *l, const struct scene *s)
{
	*l = (struct lab){.plan = plan_for(s, EM_ORDER_RADIUS)};
	l->points = grid_points(l->plan);
	l->weight = malloc(4 * l->points * sizeof(float));
	assert_non_null(l->weight);
	l->order = l->weight + l->points;
	l->across = l->order + l->points;
	l->amplitude = l->across + l->points;
	for (size_t k = 0; k < l->points; k++)
		l->weight[k] = 1;
}

static inline void add(struct lab *l, const struct scene *s)
{
	l->frame[l->frames++] = form_scene(l->plan, s);
}

static inline void settle(struct lab *l, bool single)
{
	const struct em_order_frame *f[8];

	for (size_t i = 0; i < l->frames; i++)
		f[i] = &l->frame[i];
	assert_int_equal(em_reference_init(&l->ref, l->plan, f, l->frames, single, NULL), 0);
}

static inline void look(struct lab *l, const struct scene *s)
{
	struct em_order_frame f = form_scene(l->plan, s);

	assert_int_equal(em_reference_fit(&l->ref, l->plan, &f, 0, l->weight, l->planes, NULL), 0);
	assert_int_equal(em_reference_order(&l->ref, l->plan, &f, 0, l->planes, l->order, l->across, NULL), 0);
	em_reference_amplitude(&l->ref, l->plan, &f, 0, l->amplitude);
	em_order_frame_release(&f);
}

static inline void end(struct lab *l)
{
	for (size_t i = 0; i < l->frames; i++)
		em_order_frame_release(&l->frame[i]);
	em_reference_release(&l->ref);
	em_order_plan_free(l->plan);
	free(l->weight);
}

/* The weights of a rectangle, exact. */
static inline void weigh(struct lab *l, const struct scene *s, const char *text)
{
	const struct em_map_grid *g = em_order_plan_grid(l->plan);
	const struct em_area_grid grid = {
	    .rows = em_map_grid_rows(g), .cols = em_map_grid_columns(g), .height = s->height, .width = s->width};
	struct em_areas areas = {0};

	assert_int_equal(em_areas_add_rectangle(&areas, text, NULL, NULL), 0);
	assert_int_equal(em_area_weigh(&areas, 0, &grid, l->weight, NULL), 0);
	em_areas_release(&areas);
}

static inline double mean(const struct lab *l, const float *map)
{
	double sum = 0, all = 0;

	for (size_t k = 0; k < l->points; k++)
		if (!isnan(map[k]) && l->weight[k] > 0) {
			sum += (double)l->weight[k] * (double)map[k];
			all += (double)l->weight[k];
		}
	return sum / all;
}

static inline bool inside(const struct lab *l, size_t k, double border)
{
	double y, x;

	grid_place(l->plan, k, &y, &x);
	return y >= border && y <= 219 - border && x >= border && x <= 239 - border;
}

#endif
