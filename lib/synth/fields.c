/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families that are random fields: nothing, amorphous matter, two phases, lamellae, rough surfaces, contours. */
#include "synth/texture.h"

#include <math.h>

#define PI 3.14159265358979323846
#define ALL EM_SYNTH_EVERY_BEAM
#define NANO (1u << EM_SYNTH_NANO)
#define SOFT (1u << EM_SYNTH_SOFT)
#define SURFACE (1u << EM_SYNTH_SURFACE)

/* Matter of thickness 1 is this bright, or this dense. */
static double even(enum em_synth_contrast contrast)
{
	return contrast == EM_SYNTH_HAADF || contrast == EM_SYNTH_SEM ? 0.8 : 0.4;
}

/* ---- nothing to see, and its first degree ---- */

static const struct em_synth_parameter flat_parameters[] = {
    {"mottle", EM_SYNTH_RARE, 0.02, 0.1, NULL}, {"mottle_nm", EM_SYNTH_LENGTH, 20, 120, NULL}, {NULL}};

static bool flat_idle(const struct em_synth_texture *t, size_t i)
{
	return i == 1 && t->p[0] == 0;
}

static int draw_flat(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                     enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	(void)err;
	if (t->p[0] > 0)
		em_synth_smooth_noise(c, r, t->p[1] * pose->scale, c->layer);
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++)
		c->layer[i] = (float)(even(contrast) * (1 + t->p[0] * (double)c->layer[i]));
	return 0;
}

const struct em_synth_family em_synth_flat = {
    .name = "flat",
    .what = "nothing but the detector: vacuum, a film without structure",
    .contrasts = ALL,
    .domains = EM_SYNTH_EVERYWHERE,
    .parameter = flat_parameters,
    .isotropic = true,
    .idle = flat_idle,
    .draw = draw_flat,
};

enum { PERIOD, RING, PINK, STRENGTH };
static const struct em_synth_parameter amorphous_parameters[] = {{"period_nm", EM_SYNTH_LENGTH, 2.8, 14, NULL},
                                                                 {"ring_width", EM_SYNTH_LOG, 0.12, 0.6, NULL},
                                                                 {"pink", EM_SYNTH_LOG, 0.1, 3, NULL},
                                                                 {"strength", EM_SYNTH_LOG, 0.05, 0.4, NULL},
                                                                 {NULL}};

static int draw_amorphous(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                          enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	(void)err;
	em_synth_amorphous_noise(c, r, t->p[PERIOD] * pose->scale, t->p[RING], t->p[PINK], c->layer);
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++)
		c->layer[i] = (float)(even(contrast) * (1 + t->p[STRENGTH] * (double)c->layer[i]));
	return 0;
}

const struct em_synth_family em_synth_amorphous = {
    .name = "amorphous",
    .what = "amorphous matter: a ring of frequencies over 1/f",
    .contrasts = EM_SYNTH_BEAMS,
    .domains = 1u << EM_SYNTH_ATOMIC | NANO | SOFT,
    .parameter = amorphous_parameters,
    .isotropic = true,
    .draw = draw_amorphous,
};

/* ---- two phases ---- */

enum { SIZE, ORDER, FRACTION, SHARPNESS, SECOND, STRETCH, CRACKS, GRAIN };
static const struct em_synth_parameter phases_parameters[] = {{"size_nm", EM_SYNTH_LENGTH, 5, 45, NULL},
                                                              {"order", EM_SYNTH_LOG, 0.15, 1.2, NULL},
                                                              {"fraction", EM_SYNTH_LINEAR, 0.12, 0.88, NULL},
                                                              {"softness", EM_SYNTH_LOG, 0.03, 0.8, NULL},
                                                              {"second", EM_SYNTH_LOG, 0.25, 0.8, NULL},
                                                              {"stretch", EM_SYNTH_RARE, 1.5, 5, NULL},
                                                              {"cracks", EM_SYNTH_RARE, 0.02, 0.08, NULL},
                                                              {"grain", EM_SYNTH_RARE, 0.02, 0.12, NULL},
                                                              {NULL}};

static double band(const void *ctx, double k)
{
	const double *p = ctx; /* frequency, relative width */
	double q = (k - p[0]) / (p[0] * p[1]);

	return exp(-q * q / 2);
}

/* x of which the normal distribution's share `below` lies below (Tocher's logistic approximation, within 0.02). */
static double normal_quantile(double below)
{
	return log(below / (1 - below)) / 1.702;
}

static bool phases_idle(const struct em_synth_texture *t, size_t i)
{
	return i == EM_SYNTH_DIRECTION && t->p[STRETCH] == 0;
}

static int draw_phases(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                       enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, wave[2] = {0.5 / (p[SIZE] * pose->scale), p[ORDER]};
	const struct em_synth_spectrum s = {band, wave, p[STRETCH] > 1 ? p[STRETCH] : 1, pose->angle};
	double level = normal_quantile(p[FRACTION]), bright = 1.4 * even(contrast);
	size_t n = em_synth_canvas_pixels(c);

	(void)err;
	em_synth_noise(c, r, &s, c->layer);
	for (size_t i = 0; i < n; i++) {
		double q = ((double)c->layer[i] - level) / p[SHARPNESS];

		q = q > 1 ? 1 : q < -1 ? -1 : q * (1.5 - 0.5 * q * q);
		c->layer[i] = (float)(bright * (1 + p[SECOND] + q * (1 - p[SECOND])) / 2);
	}
	if (p[GRAIN] > 0) {
		em_synth_amorphous_noise(c, r, 4 * pose->scale, 0.5, 1, c->work);
		for (size_t i = 0; i < n; i++)
			c->layer[i] *= (float)(1 + p[GRAIN] * (double)c->work[i]);
	}
	if (p[CRACKS] > 0) { /* cracks run where a smooth field passes through zero */
		em_synth_smooth_noise(c, r, 40 * pose->scale, c->work);
		for (size_t i = 0; i < n; i++)
			c->layer[i] *= fabs((double)c->work[i]) < p[CRACKS] ? 0.15f : 1;
	}
	return 0;
}

const struct em_synth_family em_synth_phases = {
    .name = "phases",
    .what = "two phases: spinodal, islands, a polished section; cracks",
    .contrasts = ALL,
    .domains = NANO | SURFACE | SOFT,
    .parameter = phases_parameters,
    .idle = phases_idle,
    .draw = draw_phases,
};

/* ---- lamellae ---- */

enum { LAMELLA, DUTY, WARP, WARP_LENGTH, STEEPNESS, LOW };
static const struct em_synth_parameter lamellae_parameters[] = {{"period_nm", EM_SYNTH_LENGTH, 4.5, 30, NULL},
                                                                {"duty", EM_SYNTH_LINEAR, 0.2, 0.8, NULL},
                                                                {"warp", EM_SYNTH_LOG, 0.02, 0.6, NULL},
                                                                {"warp_nm", EM_SYNTH_LENGTH, 20, 90, NULL},
                                                                {"steepness", EM_SYNTH_LOG, 0.7, 6, NULL},
                                                                {"second", EM_SYNTH_LOG, 0.25, 0.8, NULL},
                                                                {NULL}};

/* The phase of waves that run along `angle`, in periods, bent by a smooth field; into the layer. */
static void draw_waves(struct em_synth_canvas *c, const struct em_synth_pose *pose, double period, double warp,
                       double warp_length, struct em_random *r)
{
	double kx = cos(pose->angle) / (period * pose->scale), ky = sin(pose->angle) / (period * pose->scale);
	double phase = em_random_uniform(r);

	em_synth_smooth_noise(c, r, warp_length * pose->scale, c->layer);
	for (size_t j = 0; j < c->frame->height; j++)
		for (size_t i = 0; i < c->frame->width; i++) {
			float *at = &c->layer[j * c->frame->width + i];

			*at = (float)(phase + kx * (double)i + ky * (double)j + warp * (double)*at);
		}
}

static int draw_lamellae(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                         enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, bright = 1.4 * even(contrast);
	const float edge = (float)cos(PI * p[DUTY]), steepness = (float)p[STEEPNESS];

	(void)err;
	draw_waves(c, pose, p[LAMELLA], p[WARP], p[WARP_LENGTH], r);
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++) {
		double q = (double)tanhf(steepness * (cosf((float)(2 * PI) * c->layer[i]) - edge));

		c->layer[i] = (float)(bright * (1 + p[LOW] + q * (1 - p[LOW])) / 2);
	}
	return 0;
}

const struct em_synth_family em_synth_lamellae = {
    .name = "lamellae",
    .what = "layers seen edge on: a multilayer, a eutectic, stripes",
    .contrasts = ALL,
    .domains = NANO | SURFACE | SOFT,
    .parameter = lamellae_parameters,
    .draw = draw_lamellae,
};

/* ---- rough surfaces ---- */

enum { CORNER, EXPONENT, SLOPE, GROOVES };
static const struct em_synth_parameter rough_parameters[] = {{"corner_nm", EM_SYNTH_LENGTH, 5, 60, NULL},
                                                             {"exponent", EM_SYNTH_LINEAR, 1.3, 3, NULL},
                                                             {"slope", EM_SYNTH_LOG, 0.2, 1.6, NULL},
                                                             {"stretch", EM_SYNTH_RARE, 1.5, 7, NULL},
                                                             {NULL}};

static double power_law(const void *ctx, double k)
{
	const double *p = ctx; /* corner, exponent of the amplitude */

	return pow(1 + k * k / (p[0] * p[0]), -p[1] / 2);
}

/* Scale heights so that their slopes are so steep, root mean square. */
static void set_slope(struct em_synth_canvas *c, double slope)
{
	size_t w = c->frame->width, n = em_synth_canvas_pixels(c);
	double sum = 0, scale;

	for (size_t i = w; i < n; i++) {
		double gy = (double)(c->layer[i] - c->layer[i - w]), gx = (double)(c->layer[i] - c->layer[i - 1]);

		sum += i % w ? gx * gx + gy * gy : 0;
	}
	scale = sum > 0 ? slope / sqrt(sum / (double)n) : 0;
	for (size_t i = 0; i < n; i++)
		c->layer[i] *= (float)scale;
}

static bool rough_idle(const struct em_synth_texture *t, size_t i)
{
	return i == EM_SYNTH_DIRECTION && t->p[GROOVES] == 0;
}

static int draw_rough(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                      enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p, law[2] = {1 / (p[CORNER] * pose->scale), p[EXPONENT] + 1};
	const struct em_synth_spectrum s = {power_law, law, p[GROOVES] > 1 ? p[GROOVES] : 1, pose->angle};

	(void)contrast;
	(void)err;
	em_synth_noise(c, r, &s, c->layer);
	set_slope(c, p[SLOPE]);
	em_synth_shade(c, EM_SYNTH_DETECTOR);
	return 0;
}

const struct em_synth_family em_synth_rough = {
    .name = "rough",
    .what = "a rough surface: fractured, etched, ground",
    .contrasts = 1u << EM_SYNTH_SEM,
    .domains = SURFACE,
    .parameter = rough_parameters,
    .idle = rough_idle,
    .draw = draw_rough,
};

/* ---- contours and dislocations ---- */

enum { BEND, ORDERS, FINESSE, DEPTH, LINES, LINE };
static const struct em_synth_parameter contours_parameters[] = {{"bend_nm", EM_SYNTH_LENGTH, 35, 160, NULL},
                                                                {"orders", EM_SYNTH_LINEAR, 0.3, 2, NULL},
                                                                {"finesse", EM_SYNTH_LOG, 0.7, 8, NULL},
                                                                {"depth", EM_SYNTH_LOG, 0.1, 0.8, NULL},
                                                                {"dislocations", EM_SYNTH_RARE, 2, 12, NULL},
                                                                {"line_nm", EM_SYNTH_LENGTH, 0.8, 2.5, NULL},
                                                                {NULL}};

static bool contours_idle(const struct em_synth_texture *t, size_t i)
{
	return (i == LINE || i == EM_SYNTH_DIRECTION) && t->p[LINES] == 0;
}

/* `LINES` of them cross a square of 64 pixels. */
static void draw_dislocations(struct em_synth_canvas *c, const struct em_synth_texture *t,
                              const struct em_synth_pose *pose, struct em_random *r)
{
	double width = (double)c->frame->width, height = (double)c->frame->height;
	double count = t->p[LINES] * width * height / (64 * 64 * pose->scale * pose->scale) / 1.5;
	struct em_synth_shape dot = {.rx = t->p[LINE] * pose->scale, .ry = t->p[LINE] * pose->scale, .height = 0.9};

	dot.highest = true;
	for (uint32_t i = em_random_poisson(r, count); i > 0; i--) {
		double direction = pose->angle + (em_random_chance(r, 0.3) ? PI / 3 : 0) + 0.1 * em_random_normal(r);

		dot.x = em_random_uniform(r) * width;
		dot.y = em_random_uniform(r) * height;
		em_synth_thread(c, r, &dot, direction, 0.15, 64 * pose->scale * em_random_between(r, 0.3, 1.2));
	}
}

static int draw_contours(struct em_synth_canvas *c, const struct em_synth_texture *t, const struct em_synth_pose *pose,
                         enum em_synth_contrast contrast, struct em_random *r, struct em_error *err)
{
	const double *p = t->p;

	(void)contrast;
	(void)err;
	em_synth_smooth_noise(c, r, p[BEND] * pose->scale, c->layer);
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++) {
		float wave = 0.5f + 0.5f * cosf((float)(2 * PI * p[ORDERS]) * c->layer[i]);

		c->layer[i] = (float)(0.2 + p[DEPTH] * (double)powf(wave, (float)p[FINESSE]));
	}
	draw_dislocations(c, t, pose, r);
	return 0;
}

const struct em_synth_family em_synth_contours = {
    .name = "contours",
    .what = "a bent foil: bend contours, thickness fringes, dislocations",
    .contrasts = 1u << EM_SYNTH_BF | 1u << EM_SYNTH_ABF,
    .domains = NANO,
    .parameter = contours_parameters,
    .idle = contours_idle,
    .draw = draw_contours,
};
