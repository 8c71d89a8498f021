/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families of solid matter that is not whole: pores, powders, fibres. */
#include "synth/texture.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846
#define ALL EM_SYNTH_EVERY_BEAM
#define NANO (1u << EM_SYNTH_NANO)
#define SOFT (1u << EM_SYNTH_SOFT)
#define SURFACE (1u << EM_SYNTH_SURFACE)

/* A point anywhere on the canvas or near it. */
static void anywhere(const struct em_synth_canvas *c, struct em_random *r, double reach, double *x, double *y)
{
	*x = em_random_between(r, -reach, (double)c->frame->width + reach);
	*y = em_random_between(r, -reach, (double)c->frame->height + reach);
}

/* How many shapes of this area cover so much of the canvas and what is near it. */
static uint32_t draw_number(const struct em_synth_canvas *c, struct em_random *r, double area, double coverage,
                            double reach)
{
	double all = ((double)c->frame->width + 2 * reach) * ((double)c->frame->height + 2 * reach);

	return 1 + em_random_poisson(r, coverage * all / area);
}

/* ---- pores ---- */

enum { RADIUS, SPREAD, COVERAGE, ASPECT, SOFTNESS, GRAIN };
static const struct em_synth_parameter pores_parameters[] = {{"radius_nm", EM_SYNTH_LENGTH, 2.5, 18, NULL},
                                                             {"spread", EM_SYNTH_LOG, 0.05, 0.7, NULL},
                                                             {"coverage", EM_SYNTH_LOG, 0.06, 0.7, NULL},
                                                             {"aspect", EM_SYNTH_LINEAR, 1, 3, NULL},
                                                             {"depth", EM_SYNTH_LINEAR, 0.35, 1, NULL},
                                                             {"grain", EM_SYNTH_LOG, 0.02, 0.2, NULL},
                                                             {NULL}};

static bool pores_idle(const struct em_synth_texture *t, size_t i)
{
	return i == EM_SYNTH_DIRECTION && t->p[ASPECT] < 1.5;
}

static void stamp_pores(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                        struct em_random *r)
{
	double radius = t->p[RADIUS] * pose->scale, aspect = sqrt(t->p[ASPECT]);

	for (uint32_t n = draw_number(c, r, PI * radius * radius, t->p[COVERAGE], radius); n > 0; n--) {
		double size = radius * exp(t->p[SPREAD] * em_random_normal(r) - t->p[SPREAD] * t->p[SPREAD]);
		struct em_synth_shape s = {0, 0, size * aspect, size / aspect, 0, EM_SYNTH_ELLIPSE, EM_SYNTH_BALL};

		anywhere(c, r, radius, &s.x, &s.y);
		s.angle = pose->angle + 0.15 * em_random_normal(r);
		s.height = 1;
		s.highest = true;
		em_synth_stamp(c, &s);
	}
}

/* Of a surface a pore is a dark hole with a bright rim; through a foil it is what is missing. */
static int draw_pores(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                      enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	double bright = contrast == EM_SYNTH_HAADF || contrast == EM_SYNTH_SEM ? 1 : 0.7, depth = t->p[SOFTNESS];

	(void)err;
	stamp_pores(c, t, pose, r);
	em_synth_amorphous_noise(c, r, 4 * pose->scale, 0.5, 1.5, c->work);
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++) {
		double hole = (double)c->layer[i], grain = 1 + t->p[GRAIN] * (double)c->work[i];

		if (contrast == EM_SYNTH_SEM)
			c->layer[i] =
			    (float)(bright * (hole > 0.05 ? 1 - depth * hole + (hole < 0.4 ? 0.35 : 0) : 0.75 * grain));
		else
			c->layer[i] = (float)(bright * grain * (1 - depth * hole));
	}
	return 0;
}

const struct em_synth_family em_synth_pores = {
    .name = "pores",
    .what = "solid matter with pores",
    .contrasts = ALL,
    .domains = NANO | SURFACE | SOFT,
    .parameter = pores_parameters,
    .idle = pores_idle,
    .draw = draw_pores,
};

/* ---- powders ---- */

enum { P_RADIUS, P_SPREAD, P_FILLING, P_SIDES, P_ROUGH };
static const struct em_synth_parameter powder_parameters[] = {
    {"radius_nm", EM_SYNTH_LENGTH, 3, 26, NULL},   {"spread", EM_SYNTH_LOG, 0.03, 0.6, NULL},
    {"filling", EM_SYNTH_LOG, 0.7, 4, NULL},       {"shape", EM_SYNTH_CHOICE, 0, 0, "balls grits"},
    {"roughness", EM_SYNTH_RARE, 0.02, 0.1, NULL}, {NULL}};

static int draw_powder(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                       enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, radius = p[P_RADIUS] * pose->scale;
	size_t n = em_synth_canvas_pixels(c);

	(void)contrast;
	(void)err;
	for (uint32_t i = draw_number(c, r, PI * radius * radius, p[P_FILLING], radius); i > 0; i--) {
		double size = radius * exp(p[P_SPREAD] * em_random_normal(r) - p[P_SPREAD] * p[P_SPREAD]);
		struct em_synth_shape s = {0, 0, size, size, 0, EM_SYNTH_ELLIPSE, EM_SYNTH_BALL};

		anywhere(c, r, radius, &s.x, &s.y);
		s.highest = true;
		s.height = size * em_random_between(r, 0.8, 1.3);
		s.angle = em_random_between(r, 0, 2 * PI);
		if (p[P_SIDES] > 0) {
			s.outline = EM_SYNTH_POLYGON;
			s.sides = 4 + (double)em_random_below(r, 3);
			s.ry *= em_random_between(r, 0.6, 1);
		}
		em_synth_stamp(c, &s);
	}
	if (p[P_ROUGH] > 0) {
		em_synth_amorphous_noise(c, r, 5 * pose->scale, 0.5, 1, c->work);
		for (size_t i = 0; i < n; i++)
			c->layer[i] += (float)(p[P_ROUGH] * 5 * (double)c->work[i]);
	}
	em_synth_shade(c, EM_SYNTH_DETECTOR);
	return 0;
}

const struct em_synth_family em_synth_powder = {
    .name = "powder",
    .what = "a heap of balls or grits",
    .contrasts = 1u << EM_SYNTH_SEM,
    .domains = SURFACE,
    .parameter = powder_parameters,
    .isotropic = true,
    .draw = draw_powder,
};

/* ---- fibres ---- */

enum { F_WIDTH, F_COVERAGE, F_CURL, F_ORDER, F_SPREAD };
static const struct em_synth_parameter fibres_parameters[] = {
    {"width_nm", EM_SYNTH_LENGTH, 1.8, 9, NULL}, {"coverage", EM_SYNTH_LOG, 0.15, 1.8, NULL},
    {"curl", EM_SYNTH_LOG, 0.05, 1.5, NULL},     {"order", EM_SYNTH_LINEAR, 0, 1, NULL},
    {"spread", EM_SYNTH_LOG, 0.03, 0.5, NULL},   {NULL}};

static bool fibres_idle(const struct em_synth_texture *t, size_t i)
{
	return i == EM_SYNTH_DIRECTION && t->p[F_ORDER] < 0.5;
}

static int draw_fibres(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                       enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, width = p[F_WIDTH] * pose->scale, length = 80 * pose->scale;
	double free = (1 - p[F_ORDER]) * PI / 2, ground = contrast == EM_SYNTH_HAADF ? 0.15 : 0.1;

	(void)err;
	for (uint32_t i = draw_number(c, r, width * length, p[F_COVERAGE], length / 3); i > 0; i--) {
		double half = width / 2 * exp(p[F_SPREAD] * em_random_normal(r));
		struct em_synth_shape dot = {0, 0, half, half, 0, EM_SYNTH_ELLIPSE, EM_SYNTH_BALL};
		double direction =
		    pose->angle + em_random_between(r, -free, free) + (em_random_chance(r, 0.5) ? PI : 0);

		anywhere(c, r, length / 3, &dot.x, &dot.y);
		dot.highest = true;
		dot.height =
		    contrast == EM_SYNTH_SEM ? half * em_random_between(r, 0.8, 1.6) : em_random_between(r, 0.5, 1);
		em_synth_thread(c, r, &dot, direction, p[F_CURL] * 0.4, length);
	}
	if (contrast == EM_SYNTH_SEM) {
		em_synth_shade(c, EM_SYNTH_DETECTOR);
		return 0;
	}
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++)
		c->layer[i] = (float)(0.9 * (double)c->layer[i] + ground);
	return 0;
}

const struct em_synth_family em_synth_fibres = {
    .name = "fibres",
    .what = "fibres, tubes and wires: felts and bundles",
    .contrasts = ALL,
    .domains = NANO | SURFACE | SOFT,
    .parameter = fibres_parameters,
    .idle = fibres_idle,
    .draw = draw_fibres,
};
