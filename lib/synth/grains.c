/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families of cells: grains and their boundaries, crystals' facets, foams. */
#include "synth/texture.h"

#include <math.h>
#include <stdint.h>

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
	double at, phase;

	if (own(cells, i, 3) >= share)
		return false;
	at = own(cells, i, 2) * 2 * PI;
	phase = (x * cos(at) + y * sin(at)) / period;
	return phase - floor(phase) < 0.4;
}

/* The brightness of a grain, 1 on average, and of its bands. */
static void shine(const struct em_synth_cells *cells, size_t i, const double *p, double v[2])
{
	for (int k = 0; k < 2; k++)
		v[k] = 1 + p[SPREAD] * (pow(own(cells, i, k), p[SKEW]) - 1 / (1 + p[SKEW]));
}

static int draw_grains(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                       enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, pitch = p[GRAIN] * pose->scale, width = p[WIDTH] * pose->scale;
	double base = contrast == EM_SYNTH_HAADF || contrast == EM_SYNTH_SEM ? 0.9 : 0.5, d1, d2, v[2];
	struct em_synth_cells cells;
	size_t last = SIZE_MAX;

	if (em_synth_cells_init(&cells, c, r, pitch, 0.85, p[STRETCH] > 1 ? p[STRETCH] : 1, pose->angle, err))
		return -1;
	if (p[MOTTLE] > 0)
		em_synth_amorphous_noise(c, r, 4 * pose->scale, 0.5, 2, c->layer);
	for (size_t j = 0; j < c->frame->height; j++)
		for (size_t i = 0; i < c->frame->width; i++) {
			float *at = &c->layer[j * c->frame->width + i];
			double x = (double)i, y = (double)j, edge;
			size_t k = em_synth_cells_nearest(&cells, x, y, &d1, &d2);
			bool band = p[LAMELLAE] > 0 && in_band(&cells, k, x, y, p[LAMELLAE], pitch / 3);

			if (k != last) /* mostly the last pixel's */
				shine(&cells, k, p, v);
			last = k;
			edge = 1 - (d2 - d1) / (2 * width);
			*at = (float)(base * (v[band] + (edge > 0 ? p[BOUNDARY] * edge : 0)) *
			              (1 + p[MOTTLE] * (double)*at));
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

enum { F_SIZE, F_STRETCH, F_SLOPE, F_JITTER, F_PEAKS };
static const struct em_synth_parameter facets_parameters[] = {
    {"facet_nm", EM_SYNTH_LENGTH, 6, 45, NULL}, {"stretch", EM_SYNTH_RARE, 1.5, 6, NULL},
    {"slope", EM_SYNTH_LOG, 0.25, 2, NULL},     {"jitter", EM_SYNTH_LINEAR, 0.3, 1, NULL},
    {"peaks", EM_SYNTH_LINEAR, 0, 1, NULL},     {NULL}};

static bool facets_idle(const struct em_synth_texture *t, size_t i)
{
	return i == EM_SYNTH_DIRECTION && t->p[F_STRETCH] == 0;
}

/* Each cell a plane that falls in a direction of its own, or a cone, or between them. */
static int draw_facets(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                       enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, stretch = p[F_STRETCH] > 1 ? p[F_STRETCH] : 1;
	double d1, d2, px = 0, py = 0, gx = 0, gy = 0;
	struct em_synth_cells cells;
	size_t last = SIZE_MAX;

	(void)contrast;
	if (em_synth_cells_init(&cells, c, r, p[F_SIZE] * pose->scale, p[F_JITTER], stretch, pose->angle, err))
		return -1;
	for (size_t j = 0; j < c->frame->height; j++)
		for (size_t i = 0; i < c->frame->width; i++) {
			double x = (double)i, y = (double)j;
			size_t k = em_synth_cells_nearest(&cells, x, y, &d1, &d2);

			if (k != last) { /* mostly the last pixel's */
				double at = own(&cells, k, 0) * 2 * PI;

				em_synth_cells_point(&cells, k, &px, &py);
				gx = (1 - p[F_PEAKS]) * cos(at);
				gy = (1 - p[F_PEAKS]) * sin(at);
				last = k;
			}
			c->layer[j * c->frame->width + i] =
			    (float)(p[F_SLOPE] * ((x - px) * gx + (y - py) * gy - p[F_PEAKS] * d1));
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
