/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families that are many shapes: particles, rods, plates, clusters on a support; pores; powders; fibres. */
#include "synth/texture.h"

#include <math.h>

#define PI 3.14159265358979323846
#define ALL EM_SYNTH_EVERY_BEAM
#define NANO (1u << EM_SYNTH_NANO)
#define SOFT (1u << EM_SYNTH_SOFT)
#define SURFACE (1u << EM_SYNTH_SURFACE)

/* ---- what all of them share ---- */

/* One shape of random size and direction at (x, y). */
typedef void place_fn(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                      enum em_synth_contrast contrast, struct em_random *r, double x, double y);

/* Shapes so dense that they cover `coverage` of the canvas if each takes `area` pixels; never one on the other's
 * middle, and always one that the picture shows. */
static int scatter(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                   enum em_synth_contrast contrast, struct em_random *r, double area, double coverage, place_fn *place,
                   struct em_error *err)
{
	double w = (double)c->frame->width, h = (double)c->frame->height, reach = 4 * sqrt(area);
	struct em_synth_cells cells;

	if (em_synth_cells_init(&cells, c, r, sqrt(0.8 * area / coverage), 0.85, 1, 0, err))
		return -1;
	for (size_t i = 0; i < em_synth_cells_count(&cells); i++) {
		double x, y;

		em_synth_cells_point(&cells, i, &x, &y);
		if (em_random_chance(r, 0.8) && x > -reach && y > -reach && x < w + reach && y < h + reach)
			place(c, t, pose, contrast, r, x, y);
	}
	em_synth_cells_release(&cells);
	if (coverage < 0.3)
		place(c, t, pose, contrast, r, w * em_random_between(r, 0.35, 0.65),
		      h * em_random_between(r, 0.35, 0.65));
	return 0;
}

/* A radius around `mean`, log-normal. */
static double spread(double mean, double sigma, struct em_random *r)
{
	return mean * exp(sigma * em_random_normal(r) - sigma * sigma / 2);
}

/* A surface: what stands out from the support is of other matter, and brighter. */
static void finish_surface(struct em_synth_canvas *c, double support, double grain)
{
	float *matter = c->spectrum; /* free meanwhile, while shading needs `work` */
	size_t n = em_synth_canvas_pixels(c);

	for (size_t i = 0; i < n; i++) {
		matter[i] = c->layer[i] > 0.4f ? 1.2f : (float)(0.45 + 0.7 * support);
		c->layer[i] += (float)grain * c->work[i];
	}
	em_synth_shade(c, EM_SYNTH_DETECTOR);
	for (size_t i = 0; i < n; i++)
		c->layer[i] *= matter[i];
}

/* Shapes are thickness 0 .. 1 (SEM: height in pixels); under them lies a support with a grain. */
static void finish(struct em_synth_canvas *c, const struct em_synth_pose *pose, enum em_synth_contrast contrast,
                   double support, double grain, struct em_random *r)
{
	double bright = contrast == EM_SYNTH_HAADF ? 1.1 : 0.8;

	em_synth_amorphous_noise(c, r, 4.5 * pose->scale, 0.5, 1.5, c->work);
	if (contrast == EM_SYNTH_SEM) {
		finish_surface(c, support, grain);
		return;
	}
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++)
		c->layer[i] = (float)(bright * ((double)c->layer[i] + support * (1 + grain * (double)c->work[i])));
}

/* What thickness 1 is: as much in every picture but of surfaces. */
static double height_of(double radius, enum em_synth_contrast contrast)
{
	return contrast == EM_SYNTH_SEM ? radius : 1;
}

/* ---- particles ---- */

enum { RADIUS, SPREAD, COVERAGE, SHAPE, ASPECT, SIDES, WALL, SUPPORT, GRAIN };
static const struct em_synth_parameter particles_parameters[] = {
    {"radius_nm", EM_SYNTH_LENGTH, 2.5, 20, NULL},
    {"spread", EM_SYNTH_LOG, 0.03, 0.5, NULL},
    {"coverage", EM_SYNTH_LOG, 0.06, 0.8, NULL},
    {"shape", EM_SYNTH_CHOICE, 0, 0, "ball ellipsoid polygon core-shell hollow disc"},
    {"aspect", EM_SYNTH_LINEAR, 1.3, 2.2, NULL},
    {"sides", EM_SYNTH_WHOLE, 3, 8, NULL},
    {"wall", EM_SYNTH_LINEAR, 0.15, 0.5, NULL},
    {"support", EM_SYNTH_LOG, 0.08, 0.6, NULL},
    {"grain", EM_SYNTH_LOG, 0.03, 0.3, NULL},
    {NULL}};

enum { BALL, ELLIPSOID, POLYGON, CORE, HOLLOW, DISC };

static bool particles_idle(const struct em_synth_texture *t, size_t i)
{
	int shape = (int)t->p[SHAPE];

	return (i == ASPECT && shape != ELLIPSOID) || (i == SIDES && shape != POLYGON) ||
	       (i == WALL && shape != CORE && shape != HOLLOW);
}

static void place_particle(struct em_synth_canvas *c, const struct em_synth_texture *t,
                           const struct em_synth_pose *pose, enum em_synth_contrast contrast, struct em_random *r,
                           double x, double y)
{
	static const enum em_synth_profile profile[] = {EM_SYNTH_BALL, EM_SYNTH_BALL,  EM_SYNTH_SLAB,
	                                                EM_SYNTH_CORE, EM_SYNTH_SHELL, EM_SYNTH_SLAB};
	double radius = spread(t->p[RADIUS], t->p[SPREAD], r) * pose->scale;
	int shape = (int)t->p[SHAPE];
	struct em_synth_shape s = {x, y, radius, radius, 0};

	s.angle = em_random_between(r, 0, 2 * PI);
	s.rx *= shape == ELLIPSOID ? t->p[ASPECT] : 1;
	s.outline = shape == POLYGON ? EM_SYNTH_POLYGON : EM_SYNTH_ELLIPSE;
	s.profile = profile[shape];
	s.sides = t->p[SIDES];
	s.wall = t->p[WALL];
	s.height = height_of(radius, contrast) * (s.profile == EM_SYNTH_SLAB ? em_random_between(r, 0.6, 1) : 1);
	if (contrast == EM_SYNTH_SEM) {
		s.highest = true;
		s.profile = s.profile == EM_SYNTH_SLAB ? EM_SYNTH_SLAB : EM_SYNTH_BALL;
	}
	em_synth_stamp(c, &s);
}

static int draw_particles(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                          enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	double radius = t->p[RADIUS] * pose->scale;

	if (scatter(c, t, pose, contrast, r, PI * radius * radius, t->p[COVERAGE], place_particle, err))
		return -1;
	finish(c, pose, contrast, t->p[SUPPORT], t->p[GRAIN], r);
	return 0;
}

const struct em_synth_family em_synth_particles = {
    .name = "particles",
    .what = "particles on a support: balls, polygons, core and shell, hollow",
    .contrasts = ALL,
    .domains = NANO | SURFACE | SOFT,
    .parameter = particles_parameters,
    .isotropic = true,
    .idle = particles_idle,
    .draw = draw_particles,
};

/* ---- rods ---- */

enum { R_WIDTH, R_ASPECT, R_COVERAGE, R_ORDER, R_SPREAD, R_SUPPORT, R_GRAIN };
static const struct em_synth_parameter rods_parameters[] = {
    {"width_nm", EM_SYNTH_LENGTH, 3, 14, NULL},  {"aspect", EM_SYNTH_LOG, 2.5, 14, NULL},
    {"coverage", EM_SYNTH_LOG, 0.08, 0.9, NULL}, {"order", EM_SYNTH_LINEAR, 0, 1, NULL},
    {"spread", EM_SYNTH_LOG, 0.03, 0.4, NULL},   {"support", EM_SYNTH_LOG, 0.08, 0.6, NULL},
    {"grain", EM_SYNTH_LOG, 0.03, 0.3, NULL},    {NULL}};

static bool rods_idle(const struct em_synth_texture *t, size_t i)
{
	return i == EM_SYNTH_DIRECTION && t->p[R_ORDER] < 0.5;
}

static void place_rod(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                      enum em_synth_contrast contrast, struct em_random *r, double x, double y)
{
	double half = spread(t->p[R_WIDTH], t->p[R_SPREAD], r) / 2 * pose->scale, free = (1 - t->p[R_ORDER]) * PI / 2;
	struct em_synth_shape s = {x, y, half * spread(t->p[R_ASPECT], t->p[R_SPREAD], r), half, 0, EM_SYNTH_ROD};

	s.rx = s.rx < half ? half : s.rx;
	s.angle = pose->angle + em_random_between(r, -free, free);
	s.height = height_of(half, contrast);
	s.highest = contrast == EM_SYNTH_SEM;
	em_synth_stamp(c, &s);
}

static int draw_rods(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                     enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	double width = t->p[R_WIDTH] * pose->scale;

	if (scatter(c, t, pose, contrast, r, width * width * t->p[R_ASPECT], t->p[R_COVERAGE], place_rod, err))
		return -1;
	finish(c, pose, contrast, t->p[R_SUPPORT], t->p[R_GRAIN], r);
	return 0;
}

const struct em_synth_family em_synth_rods = {
    .name = "rods",
    .what = "rods and tubes, in order or not",
    .contrasts = ALL,
    .domains = NANO | SURFACE | SOFT,
    .parameter = rods_parameters,
    .idle = rods_idle,
    .draw = draw_rods,
};

/* ---- plates ---- */

enum { P_RADIUS, P_SIDES, P_COVERAGE, P_SPREAD, P_THIN, P_SUPPORT, P_GRAIN };
static const struct em_synth_parameter plates_parameters[] = {
    {"radius_nm", EM_SYNTH_LENGTH, 6, 34, NULL}, {"sides", EM_SYNTH_WHOLE, 3, 7, NULL},
    {"coverage", EM_SYNTH_LOG, 0.15, 1.6, NULL}, {"spread", EM_SYNTH_LOG, 0.05, 0.5, NULL},
    {"thinness", EM_SYNTH_LOG, 0.2, 0.9, NULL},  {"support", EM_SYNTH_LOG, 0.08, 0.6, NULL},
    {"grain", EM_SYNTH_LOG, 0.03, 0.3, NULL},    {NULL}};

static void place_plate(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                        enum em_synth_contrast contrast, struct em_random *r, double x, double y)
{
	double radius = spread(t->p[P_RADIUS], t->p[P_SPREAD], r) * pose->scale;
	struct em_synth_shape s = {
	    x, y, radius, radius * em_random_between(r, 0.7, 1), 0, EM_SYNTH_POLYGON, EM_SYNTH_SLAB};

	s.angle = em_random_between(r, 0, 2 * PI);
	s.sides = t->p[P_SIDES];
	s.height = t->p[P_THIN] * em_random_between(r, 0.4, 1) * (contrast == EM_SYNTH_SEM ? 8 : 1);
	em_synth_stamp(c, &s);
}

static int draw_plates(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                       enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	double radius = t->p[P_RADIUS] * pose->scale;

	if (scatter(c, t, pose, contrast, r, 2.5 * radius * radius, t->p[P_COVERAGE], place_plate, err))
		return -1;
	finish(c, pose, contrast, t->p[P_SUPPORT], t->p[P_GRAIN], r);
	return 0;
}

const struct em_synth_family em_synth_plates = {
    .name = "plates",
    .what = "thin plates and flakes that overlap",
    .contrasts = ALL,
    .domains = NANO | SURFACE,
    .parameter = plates_parameters,
    .isotropic = true,
    .draw = draw_plates,
};

/* ---- clusters ---- */

enum { C_RADIUS, C_NUMBER, C_COMPACT, C_COVERAGE, C_SPREAD, C_SUPPORT, C_GRAIN };
static const struct em_synth_parameter clusters_parameters[] = {
    {"radius_nm", EM_SYNTH_LENGTH, 2, 8, NULL},   {"members", EM_SYNTH_LOG, 5, 60, NULL},
    {"compactness", EM_SYNTH_LINEAR, 0, 1, NULL}, {"coverage", EM_SYNTH_LOG, 0.1, 0.7, NULL},
    {"spread", EM_SYNTH_LOG, 0.03, 0.4, NULL},    {"support", EM_SYNTH_LOG, 0.08, 0.6, NULL},
    {"grain", EM_SYNTH_LOG, 0.03, 0.3, NULL},     {NULL}};

#define MEMBERS 64

/* Each member touches an earlier one: the last (a chain), or any (compact). */
static void place_cluster(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                          enum em_synth_contrast contrast, struct em_random *r, double x, double y)
{
	double px[MEMBERS], py[MEMBERS], radius[MEMBERS];
	size_t n = 1 + em_random_poisson(r, t->p[C_NUMBER] - 1);

	for (size_t i = 0; i < n && i < MEMBERS; i++) {
		size_t to = i == 0 ? 0 : em_random_chance(r, t->p[C_COMPACT]) ? em_random_below(r, i) : i - 1;
		double direction = em_random_between(r, 0, 2 * PI);

		radius[i] = spread(t->p[C_RADIUS], t->p[C_SPREAD], r) * pose->scale;
		px[i] = i == 0 ? x : px[to] + 0.9 * (radius[to] + radius[i]) * cos(direction);
		py[i] = i == 0 ? y : py[to] + 0.9 * (radius[to] + radius[i]) * sin(direction);
		em_synth_stamp(c, &(struct em_synth_shape){px[i], py[i], radius[i], radius[i], 0,
		                                           .height = height_of(radius[i], contrast) * 0.6,
		                                           .highest = contrast == EM_SYNTH_SEM});
	}
}

static int draw_clusters(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                         enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	double radius = t->p[C_RADIUS] * pose->scale;

	if (scatter(c, t, pose, contrast, r, 2 * t->p[C_NUMBER] * radius * radius, t->p[C_COVERAGE], place_cluster,
	            err))
		return -1;
	finish(c, pose, contrast, t->p[C_SUPPORT], t->p[C_GRAIN], r);
	return 0;
}

const struct em_synth_family em_synth_clusters = {
    .name = "clusters",
    .what = "aggregates and chains of small particles",
    .contrasts = ALL,
    .domains = NANO | SURFACE | SOFT,
    .parameter = clusters_parameters,
    .isotropic = true,
    .draw = draw_clusters,
};
