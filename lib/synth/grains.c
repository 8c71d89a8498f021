/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families of cells: grains and their boundaries, crystals' facets, foams. */
#include "synth/texture.h"

#include <math.h>

#define PI 3.14159265358979323846
#define ALL EM_SYNTH_EVERY_BEAM
#define NANO (1u << EM_SYNTH_NANO)
#define SOFT (1u << EM_SYNTH_SOFT)
#define SURFACE (1u << EM_SYNTH_SURFACE)

/* A number in [0, 1) that belongs to cell i: the same for all its pixels. */
static double own(const struct em_synth_cells *cells, size_t i, int which)
{
	double v =
	    (double)cells->xy[2 * i] * 7919.13 + (double)cells->xy[2 * i + 1] * 104729.7 + which * 0.618033988749895;

	return v - floor(v);
}

/* ---- grains ---- */

enum { GRAIN, STRETCH, SPREAD, SKEW, BOUNDARY, WIDTH, LAMELLAE, MOTTLE };
static const struct em_synth_parameter grains_parameters[] = {{"grain_nm", EM_SYNTH_LENGTH, 8, 55, NULL},
                                                              {"stretch", EM_SYNTH_RARE, 1.5, 5, NULL},
                                                              {"spread", EM_SYNTH_LOG, 0.08, 0.8, NULL},
                                                              {"skew", EM_SYNTH_LOG, 0.6, 5, NULL},
                                                              {"boundary", EM_SYNTH_LINEAR, -0.6, 0.6, NULL},
                                                              {"boundary_nm", EM_SYNTH_LENGTH, 0.8, 3, NULL},
                                                              {"twins", EM_SYNTH_RARE, 0.2, 0.8, NULL},
                                                              {"mottle", EM_SYNTH_RARE, 0.03, 0.15, NULL},
                                                              {NULL}};

static bool grains_idle(const struct em_synth_texture *t, size_t i)
{
	return i == EM_SYNTH_DIRECTION && t->p[STRETCH] == 0;
}

/* Some grains are crossed by bands that are as another grain. */
static bool in_band(const struct em_synth_cells *cells, size_t i, double x, double y, double share, double period)
{
	double at = own(cells, i, 2) * 2 * PI, phase = (x * cos(at) + y * sin(at)) / period;

	return own(cells, i, 3) < share && phase - floor(phase) < 0.4;
}

static int draw_grains(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                       enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, pitch = p[GRAIN] * pose->scale, width = p[WIDTH] * pose->scale;
	double base = contrast == EM_SYNTH_HAADF || contrast == EM_SYNTH_SEM ? 0.9 : 0.5, d1, d2;
	struct em_synth_cells cells;

	if (em_synth_cells_init(&cells, c, r, pitch, 0.85, p[STRETCH] > 1 ? p[STRETCH] : 1, pose->angle, err))
		return -1;
	if (p[MOTTLE] > 0)
		em_synth_amorphous_noise(c, r, 4 * pose->scale, 0.5, 2, c->layer);
	for (size_t j = 0; j < c->frame->height; j++)
		for (size_t i = 0; i < c->frame->width; i++) {
			float *at = &c->layer[j * c->frame->width + i];
			double x = (double)i, y = (double)j, v, edge;
			size_t k = em_synth_cells_nearest(&cells, x, y, &d1, &d2);

			v = pow(own(&cells, k, in_band(&cells, k, x, y, p[LAMELLAE], pitch / 3)), p[SKEW]);
			edge = 1 - (d2 - d1) / (2 * width);
			v = 1 + p[SPREAD] * (v - 1 / (1 + p[SKEW])) + (edge > 0 ? p[BOUNDARY] * edge : 0);
			*at = (float)(base * v * (1 + p[MOTTLE] * (double)*at));
		}
	em_synth_cells_release(&cells);
	return 0;
}

const struct em_synth_family em_synth_grains = {
	.name = "grains",
	.what = "grains: channelling, diffraction or chemical contrast, boundaries, twins",
	.contrasts = ALL,
	.domains = NANO | SURFACE,
	.parameter = grains_parameters,
	.idle = grains_idle,
	.draw = draw_grains,
};

/* ---- facets ---- */

enum { F_SIZE, F_STRETCH, F_SLOPE, F_JITTER, F_ROUGH };
static const struct em_synth_parameter facets_parameters[] = {
    {"facet_nm", EM_SYNTH_LENGTH, 6, 45, NULL}, {"stretch", EM_SYNTH_RARE, 1.5, 6, NULL},
    {"slope", EM_SYNTH_LOG, 0.25, 2, NULL},     {"jitter", EM_SYNTH_LINEAR, 0.3, 1, NULL},
    {"peaks", EM_SYNTH_LINEAR, 0, 1, NULL},     {NULL}};

static bool facets_idle(const struct em_synth_texture *t, size_t i)
{
	return i == EM_SYNTH_DIRECTION && t->p[F_STRETCH] == 0;
}

static int draw_facets(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                       enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p;
	struct em_synth_cells cells;
	double d1, d2, px, py;

	(void)contrast;
	if (em_synth_cells_init(&cells, c, r, p[F_SIZE] * pose->scale, p[F_JITTER], p[F_STRETCH] > 1 ? p[F_STRETCH] : 1,
	                        pose->angle, err))
		return -1;
	for (size_t j = 0; j < c->frame->height; j++)
		for (size_t i = 0; i < c->frame->width; i++) {
			double x = (double)i, y = (double)j, at;
			size_t k = em_synth_cells_nearest(&cells, x, y, &d1, &d2);

			em_synth_cells_point(&cells, k, &px, &py);
			at = own(&cells, k, 0) * 2 * PI;
			at = (1 - p[F_ROUGH]) * ((x - px) * cos(at) + (y - py) * sin(at)) - p[F_ROUGH] * d1;
			c->layer[j * c->frame->width + i] = (float)(p[F_SLOPE] * at);
		}
	em_synth_cells_release(&cells);
	em_synth_shade(c, EM_SYNTH_DETECTOR);
	return 0;
}

const struct em_synth_family em_synth_facets = {
	.name = "facets",
	.what = "a surface of crystals: facets, cones, columns",
	.contrasts = 1u << EM_SYNTH_SEM,
	.domains = SURFACE,
	.parameter = facets_parameters,
	.idle = facets_idle,
	.draw = draw_facets,
};

/* ---- foams ---- */

enum { CELL, WALL, W_STRETCH, W_JITTER, INSIDE };
static const struct em_synth_parameter foam_parameters[] = {
    {"cell_nm", EM_SYNTH_LENGTH, 7, 40, NULL}, {"wall", EM_SYNTH_LOG, 0.08, 0.4, NULL},
    {"stretch", EM_SYNTH_RARE, 1.5, 4, NULL},  {"jitter", EM_SYNTH_LINEAR, 0.1, 1, NULL},
    {"inside", EM_SYNTH_LOG, 0.1, 0.6, NULL},  {NULL}};

static bool foam_idle(const struct em_synth_texture *t, size_t i)
{
	return i == EM_SYNTH_DIRECTION && t->p[W_STRETCH] == 0;
}

static int draw_foam(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                     enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, pitch = p[CELL] * pose->scale, half = p[WALL] * pitch / 2;
	double bright = contrast == EM_SYNTH_HAADF || contrast == EM_SYNTH_SEM ? 1.1 : 0.8, d1, d2;
	struct em_synth_cells cells;

	if (em_synth_cells_init(&cells, c, r, pitch, p[W_JITTER], p[W_STRETCH] > 1 ? p[W_STRETCH] : 1, pose->angle,
	                        err))
		return -1;
	for (size_t j = 0; j < c->frame->height; j++)
		for (size_t i = 0; i < c->frame->width; i++) {
			double q, deep;

			em_synth_cells_nearest(&cells, (double)i, (double)j, &d1, &d2);
			q = (half - (d2 - d1) / 2) / 1.2 + 0.5; /* the wall's edge is soft over a pixel */
			q = q < 0 ? 0 : q > 1 ? 1 : q;
			deep = contrast == EM_SYNTH_SEM ? exp(-(d2 - d1) / (0.4 * pitch)) : 1;
			c->layer[j * c->frame->width + i] = (float)(bright * (q + (1 - q) * p[INSIDE] * deep));
		}
	em_synth_cells_release(&cells);
	return 0;
}

const struct em_synth_family em_synth_foam = {
	.name = "foam",
	.what = "cells with walls: foams, networks, eroded boundaries",
	.contrasts = ALL,
	.domains = NANO | SURFACE | SOFT,
	.parameter = foam_parameters,
	.idle = foam_idle,
	.draw = draw_foam,
};
