/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families of stained soft matter: membranes, vesicles, cristae. */
#include "synth/texture.h"

#include <math.h>

#define PI 3.14159265358979323846
#define STAINED (1u << EM_SYNTH_BF | 1u << EM_SYNTH_HAADF)
#define SOFT (1u << EM_SYNTH_SOFT)

/* Two leaflets, `thickness` apart, seen edge on from the distance d: 0 .. 1. */
static double bilayer(double d, double thickness)
{
	double q = (fabs(d) - thickness / 2) / (thickness > 3 ? thickness / 5 : 0.6);

	return q * q < 40 ? (double)expf((float)(-q * q / 2)) : 0;
}

/* Stain in grains: ribosomes, proteins.  Adds to the layer. */
static void put_granules(struct em_synth_canvas *c, const struct em_synth_pose *pose, double radius, double coverage,
                         double height, struct em_random *r)
{
	double w = (double)c->frame->width, h = (double)c->frame->height;
	struct em_synth_shape s = {.rx = radius * pose->scale, .ry = radius * pose->scale, .height = height};

	for (uint32_t n = em_random_poisson(r, coverage * w * h / (PI * s.rx * s.rx)); n > 0; n--) {
		s.x = em_random_uniform(r) * w;
		s.y = em_random_uniform(r) * h;
		em_synth_stamp(c, &s);
	}
}

/* Plasma between the membranes: a mottle of proteins. */
static void put_plasma(struct em_synth_canvas *c, const struct em_synth_pose *pose, double base, double mottle,
                       struct em_random *r)
{
	em_synth_amorphous_noise(c, r, 5 * pose->scale, 0.5, 3, c->work);
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++)
		c->layer[i] += (float)(base * (1 + mottle * (double)c->work[i]));
}

/* ---- membranes ---- */

enum { THICKNESS, SPACING, LENGTH, STAIN, MOTTLE, GRANULES, GRANULE };
static const struct em_synth_parameter membranes_parameters[] = {
    {"thickness_nm", EM_SYNTH_LENGTH, 2.5, 8, NULL}, {"sheets", EM_SYNTH_LOG, 0.25, 1.4, NULL},
    {"bend_nm", EM_SYNTH_LENGTH, 24, 100, NULL},     {"stain", EM_SYNTH_LOG, 0.4, 1.2, NULL},
    {"mottle", EM_SYNTH_LOG, 0.05, 0.4, NULL},       {"granules", EM_SYNTH_RARE, 0.05, 0.3, NULL},
    {"granule_nm", EM_SYNTH_LENGTH, 1.2, 3.5, NULL}, {NULL}};

static bool membranes_idle(const struct em_synth_texture *t, size_t i)
{
	return i == GRANULE && t->p[GRANULES] == 0;
}

/* Sheets lie where a smooth field, `sheets` to its standard deviation, is a whole number; how far away the nearest is,
 * the field's slope tells. */
static int draw_membranes(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                          enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, thickness = p[THICKNESS] * pose->scale;
	size_t h = c->frame->height, w = c->frame->width;

	(void)contrast;
	(void)err;
	em_synth_smooth_noise(c, r, p[LENGTH] * pose->scale, c->work);
	for (size_t j = 0; j < h; j++)
		for (size_t i = 0; i < w; i++) {
			const float *f = c->work + j * w + i;
			double gx = (double)(i + 1 < w ? f[1] - f[0] : f[0] - f[-1]);
			double gy = (double)(j + 1 < h ? f[w] - f[0] : f[0] - f[-(long)w]);
			double at = p[SPACING] * (double)f[0], slope = p[SPACING] * hypot(gx, gy) + 1e-3;

			c->layer[j * w + i] = (float)(p[STAIN] * bilayer((at - floor(at + 0.5)) / slope, thickness));
		}
	put_granules(c, pose, p[GRANULE], p[GRANULES], 0.7 * p[STAIN], r);
	put_plasma(c, pose, 0.25, p[MOTTLE], r);
	return 0;
}

const struct em_synth_family em_synth_membranes = {
    .name = "membranes",
    .what = "stained membranes: cisternae, myelin, ribosomes",
    .contrasts = STAINED,
    .domains = SOFT,
    .parameter = membranes_parameters,
    .isotropic = true,
    .idle = membranes_idle,
    .draw = draw_membranes,
};

/* ---- vesicles ---- */

enum { V_RADIUS, V_SPREAD, V_THICKNESS, V_COVERAGE, V_FILLING, V_WOBBLE, V_MOTTLE };
static const struct em_synth_parameter vesicles_parameters[] = {
    {"radius_nm", EM_SYNTH_LENGTH, 5, 26, NULL},   {"spread", EM_SYNTH_LOG, 0.03, 0.4, NULL},
    {"thickness_nm", EM_SYNTH_LENGTH, 2, 6, NULL}, {"coverage", EM_SYNTH_LOG, 0.1, 0.6, NULL},
    {"filling", EM_SYNTH_LINEAR, -0.2, 0.6, NULL}, {"wobble", EM_SYNTH_LOG, 0.01, 0.2, NULL},
    {"mottle", EM_SYNTH_LOG, 0.05, 0.4, NULL},     {NULL}};

static void put_vesicle(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                        double x, double y, struct em_random *r)
{
	const double *p = t->p, radius = p[V_RADIUS] * pose->scale * exp(p[V_SPREAD] * em_random_normal(r));
	double thickness = fmin(p[V_THICKNESS] * pose->scale, radius / 2),
	       reach = radius * (1 + 2 * p[V_WOBBLE]) + 2 * thickness;
	double two = em_random_between(r, 0, 2 * PI), three = em_random_between(r, 0, 2 * PI);
	double c2 = cos(two), s2 = sin(two), c3 = cos(three), s3 = sin(three);

	for (size_t j = y > reach ? (size_t)(y - reach) : 0; j < c->frame->height && (double)j < y + reach; j++)
		for (size_t i = x > reach ? (size_t)(x - reach) : 0; i < c->frame->width && (double)i < x + reach;
		     i++) {
			double dx = (double)i - x, dy = (double)j - y, distance = sqrt(dx * dx + dy * dy) + 1e-9;
			double u = dx / distance, w = dy / distance, cos2 = u * u - w * w, sin2 = 2 * u * w;
			double wave = cos2 * c2 + sin2 * s2 + (u * cos2 - w * sin2) * c3 + (w * cos2 + u * sin2) * s3;
			double d = distance - radius * (1 + p[V_WOBBLE] * wave);
			float *v = &c->layer[j * c->frame->width + i];

			*v += d < 0 ? (float)(0.3 * p[V_FILLING]) : 0;
			if (fabs(d) < 2 * thickness)
				*v += (float)(0.8 * bilayer(d, thickness));
		}
}

static int draw_vesicles(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                         enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, radius = p[V_RADIUS] * pose->scale, reach = 2 * radius;
	struct em_synth_cells cells;

	(void)contrast;
	if (em_synth_cells_init(&cells, c, r, radius * sqrt(PI / p[V_COVERAGE]), 0.7, 1, 0, err))
		return -1;
	for (size_t i = 0; i < em_synth_cells_count(&cells); i++) {
		double x, y;

		em_synth_cells_point(&cells, i, &x, &y);
		if (x > -reach && y > -reach && x < (double)c->frame->width + reach &&
		    y < (double)c->frame->height + reach)
			put_vesicle(c, t, pose, x, y, r);
	}
	em_synth_cells_release(&cells);
	put_plasma(c, pose, 0.25, p[V_MOTTLE], r);
	return 0;
}

const struct em_synth_family em_synth_vesicles = {
    .name = "vesicles",
    .what = "vesicles, liposomes, virus-like rings",
    .contrasts = STAINED,
    .domains = SOFT,
    .parameter = vesicles_parameters,
    .isotropic = true,
    .draw = draw_vesicles,
};

/* ---- cristae ---- */

enum { PERIOD, WARP, WARP_LENGTH, GAPS, C_THICKNESS, C_STAIN, C_MATRIX, C_MOTTLE };
static const struct em_synth_parameter cristae_parameters[] = {{"period_nm", EM_SYNTH_LENGTH, 7, 24, NULL},
                                                               {"warp", EM_SYNTH_LOG, 0.1, 1.2, NULL},
                                                               {"warp_nm", EM_SYNTH_LENGTH, 20, 80, NULL},
                                                               {"gaps", EM_SYNTH_LINEAR, -1.2, 0.6, NULL},
                                                               {"thickness", EM_SYNTH_LINEAR, 0.25, 0.5, NULL},
                                                               {"stain", EM_SYNTH_LOG, 0.4, 1.2, NULL},
                                                               {"matrix", EM_SYNTH_LINEAR, 0.1, 0.6, NULL},
                                                               {"mottle", EM_SYNTH_LOG, 0.05, 0.4, NULL},
                                                               {NULL}};

/* Folded sheets: waves bent by a smooth field, with gaps where another one is low. */
static int draw_cristae(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                        enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, period = p[PERIOD] * pose->scale, thickness = p[C_THICKNESS] * period;
	double kx = cos(pose->angle) / period, ky = sin(pose->angle) / period;
	size_t w = c->frame->width;

	(void)contrast;
	(void)err;
	em_synth_smooth_noise(c, r, p[WARP_LENGTH] * pose->scale, c->layer);
	em_synth_smooth_noise(c, r, p[WARP_LENGTH] * pose->scale, c->work);
	for (size_t j = 0; j < c->frame->height; j++)
		for (size_t i = 0; i < w; i++) {
			float *v = &c->layer[j * w + i];
			double phase = kx * (double)i + ky * (double)j + p[WARP] * (double)*v;
			double d = (phase - floor(phase) - 0.5) * period;
			double there = 0.5 + 3 * ((double)c->work[j * w + i] - p[GAPS]);

			there = there < 0 ? 0 : there > 1 ? 1 : there;
			*v = (float)(p[C_STAIN] * there * bilayer(d, thickness) -
			             0.15 * there * (fabs(d) < thickness / 2));
		}
	put_plasma(c, pose, p[C_MATRIX], p[C_MOTTLE], r);
	return 0;
}

const struct em_synth_family em_synth_cristae = {
    .name = "cristae",
    .what = "packed folds of membrane: mitochondria, thylakoids",
    .contrasts = STAINED,
    .domains = SOFT,
    .parameter = cristae_parameters,
    .draw = draw_cristae,
};
