/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/order.h"

#include "base/fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REACH 0.03F /* of the window: nearer to the border, too little is left to divide by */
#define EDGE 0.4    /* of the blur: nearer, what the mask mixes in from beyond the border (periodic) is 3 % and more */
#define DARK 0.05F  /* of the mean: there is no matter to be in order */
#define ANGLES 36   /* around half a turn, at which discs without spots are looked for */
#define APART 2.0   /* radii from the middle of a disc to the next spot, at least */
#define SMALL 2.0   /* radius of a disc, coefficients, at least */

static const double PI = 3.14159265358979323846;

/* A spot's mask, and those of the discs beside it. */
struct masks {
	struct em_mask *spot, *disc[EM_ORDER_DISCS];
	size_t discs;
};

struct em_order_plan {
	size_t height, width, phases, spots; /* spots: of all phases */
	double (*others)[2];                 /* [n_others] */
	size_t n_others;
	struct em_order_phase phase[EM_ORDER_PHASES];
	struct masks *masks;   /* [spots] */
	struct em_spot middle; /* the local mean */
	struct em_mask *middle_mask;
	float *window; /* the window's own cut-out around it */
	double window_power;
	struct em_map_grid *grid;
};

/* ---- the plan: masks ---- */

/* Spectra repeat every cycle a pixel: beyond Nyquist's frequency the opposite of a fine spot lies next to it. */
static double distance(double y0, double x0, double y1, double x1)
{
	return hypot(remainder(y0 - y1, 1), remainder(x0 - x1, 1));
}

/* From (y, x) to the nearest of any spots but `but`, of their opposites, and of the middle. */
static double clearance(const struct em_order_plan *p, double y, double x, const struct em_spot *but)
{
	double least = hypot(y, x);

	for (size_t k = 0; k < p->n_others; k++) {
		const double *at = p->others[k];

		least = fmin(least, fmin(distance(y, x, at[0], at[1]), distance(y, x, -at[0], -at[1])));
	}
	for (size_t i = 0; i < p->phases; i++)
		for (size_t k = 0; k < p->phase[i].count; k++) {
			const struct em_spot *s = &p->phase[i].spot[k];

			if (s != but)
				least = fmin(least, distance(y, x, s->y, s->x));
			least = fmin(least, distance(y, x, -s->y, -s->x));
		}
	return least;
}

static int set_radius(struct em_order_plan *p, struct em_spot *s, const char *name, double ratio, struct em_error *err)
{
	double g = hypot(s->y, s->x), most = clearance(p, s->y, s->x, s) / 2;
	double least = EM_ORDER_LEAST / (double)(p->height < p->width ? p->height : p->width);

	if (!(fabs(s->y) < 0.5 && fabs(s->x) < 0.5))
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "%s: a spot at (%.4g, %.4g) cycles a pixel lies beyond Nyquist's frequency: no frame "
		    "of this pixel size can hold it",
		    name, s->y, s->x);
	s->radius = fmin(fmin(ratio * g, most), EM_MASK_MOST);
	if (s->radius < least)
		return em_error_set(err, EM_ERROR_DATA,
		                    "%s: the spot at (%.4g, %.4g) cycles a pixel cannot be told from its neighbour or "
		                    "from the middle of the spectrum: leave one out, or take larger frames",
		                    name, s->y, s->x);
	return 0;
}

/* Discs at |g| as far from any spot as can be, the clearest first; smaller than the mask where spots are dense. */
static int find_discs(const struct em_order_plan *p, const struct em_spot *s, struct masks *out, struct em_error *err)
{
	double g = hypot(s->y, s->x), angle = atan2(s->y, s->x), room[ANGLES];
	double least = SMALL / (double)(p->height < p->width ? p->height : p->width);

	for (size_t k = 0; k < ANGLES; k++) {
		double a = angle + PI * ((double)k + 0.5) / ANGLES;
		double y = g * sin(a), x = g * cos(a);

		room[k] = fabs(y) < 0.5 && fabs(x) < 0.5 ? clearance(p, y, x, NULL) : 0;
	}
	while (out->discs < EM_ORDER_DISCS) {
		size_t best = 0;
		struct em_spot disc;
		double a, radius;

		for (size_t k = 1; k < ANGLES; k++)
			if (room[k] > room[best])
				best = k;
		radius = fmin(s->radius, room[best] / APART);
		if (radius < least)
			break;
		a = angle + PI * ((double)best + 0.5) / ANGLES;
		disc = (struct em_spot){g * sin(a), g * cos(a), radius};
		out->disc[out->discs] = em_mask_new(p->height, p->width, &disc, err);
		if (!out->disc[out->discs++])
			return -1;
		for (size_t k = 0; k < ANGLES; k++) { /* those that share half of it have been seen */
			double b = PI * fabs((double)k - (double)best) / ANGLES;

			if (2 * g * sin(fmin(b, PI - b) / 2) < radius)
				room[k] = 0;
		}
	}
	return 0;
}

static int make_masks(struct em_order_plan *p, struct em_error *err)
{
	struct masks *at = p->masks = calloc(p->spots, sizeof(*p->masks));

	if (!at)
		return em_error_memory(err, p->spots * sizeof(*p->masks));
	for (size_t i = 0; i < p->phases; i++)
		for (size_t k = 0; k < p->phase[i].count; k++, at++) {
			at->spot = em_mask_new(p->height, p->width, &p->phase[i].spot[k], err);
			if (!at->spot || find_discs(p, &p->phase[i].spot[k], at, err))
				return -1;
		}
	p->middle_mask = em_mask_new(p->height, p->width, &p->middle, err);
	return p->middle_mask ? 0 : -1;
}

static void free_masks(struct em_order_plan *p)
{
	for (size_t i = 0; p->masks && i < p->spots; i++) {
		em_mask_free(p->masks[i].spot);
		for (size_t k = 0; k < p->masks[i].discs; k++)
			em_mask_free(p->masks[i].disc[k]);
	}
	free(p->masks);
	em_mask_free(p->middle_mask);
}

/* One radius for all, so that all blur alike: the least that any spot has room for. */
static int set_radii(struct em_order_plan *p, double ratio, struct em_error *err)
{
	double least = 1;

	for (size_t i = 0; i < p->phases; i++)
		for (size_t k = 0; k < p->phase[i].count; k++) {
			if (set_radius(p, &p->phase[i].spot[k], p->phase[i].name, ratio, err))
				return -1;
			least = fmin(least, p->phase[i].spot[k].radius);
		}
	for (size_t i = 0; i < p->phases; i++)
		for (size_t k = 0; k < p->phase[i].count; k++)
			p->phase[i].spot[k].radius = least;
	p->middle.radius = least;
	return 0;
}

/* What a frame of 1 everywhere has around the middle of its spectrum. */
static int cut_window(struct em_order_plan *p, struct em_error *err)
{
	struct em_spectrum s = {.height = p->height, .width = p->width, .columns = p->width / 2 + 1};
	struct em_fft_plan *fft = em_fft_plan_new(p->height, p->width, err);
	float *image = fft ? em_fft_alloc(p->height * p->width, err) : NULL;

	s.value = image ? em_fft_alloc(2 * p->height * s.columns, err) : NULL;
	p->window = s.value ? em_fft_alloc(2 * em_map_grid_rows(p->grid) * em_map_grid_columns(p->grid), err) : NULL;
	if (p->window) {
		for (size_t y = 0; y < p->height; y++)
			for (size_t x = 0; x < p->width; x++)
				image[y * p->width + x] = (float)(em_spectrum_window((double)y, p->height) *
				                                  em_spectrum_window((double)x, p->width));
		em_fft_forward(fft, image, s.value);
		em_component_cut(p->grid, p->middle_mask, &s, p->window);
	}
	em_spectrum_release(&s);
	em_fft_free(image);
	em_fft_plan_free(fft);
	return p->window ? 0 : -1;
}

static int set_up(struct em_order_plan *p, double ratio, struct em_error *err)
{
	for (size_t i = 0; i < p->phases; i++) {
		if (p->phase[i].count < 1 || p->phase[i].count > EM_ORDER_SPOTS)
			return em_error_set(err, EM_ERROR_DATA, "%s: %zu spots: 1 to %d are needed", p->phase[i].name,
			                    p->phase[i].count, EM_ORDER_SPOTS);
		p->spots += p->phase[i].count;
	}
	if (set_radii(p, ratio, err) || make_masks(p, err))
		return -1;
	p->window_power = em_spectrum_window_power(p->height, p->width);
	p->grid = em_map_grid_new(p->height, p->width, p->middle.radius, err);
	return p->grid ? cut_window(p, err) : -1;
}

struct em_order_plan *em_order_plan_new(size_t height, size_t width, const struct em_order_phase *phases, size_t count,
                                        double radius, const double (*others)[2], size_t n, struct em_error *err)
{
	struct em_order_plan *p;

	if (count < 1 || count > EM_ORDER_PHASES || !(radius > 0 && radius <= 0.5)) {
		em_error_set(err, EM_ERROR_USAGE, "%zu phases, masks of %g |g|: 1 to %d, up to 0.5", count, radius,
		             EM_ORDER_PHASES);
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		em_error_memory(err, sizeof(*p));
		return NULL;
	}
	p->height = height;
	p->width = width;
	p->phases = count;
	memcpy(p->phase, phases, count * sizeof(*phases));
	p->others = n ? malloc(n * sizeof(*others)) : NULL;
	if (p->others)
		memcpy(p->others, others, n * sizeof(*others));
	p->n_others = n;
	if (n && !p->others)
		em_error_memory(err, n * sizeof(*others));
	else if (!set_up(p, radius, err))
		return p;
	em_order_plan_free(p);
	return NULL;
}

void em_order_plan_free(struct em_order_plan *plan)
{
	if (!plan)
		return;
	em_map_grid_free(plan->grid);
	em_fft_free(plan->window);
	free_masks(plan);
	free(plan->others);
	free(plan);
}

const struct em_map_grid *em_order_plan_grid(const struct em_order_plan *plan)
{
	return plan->grid;
}

size_t em_order_plan_phases(const struct em_order_plan *plan)
{
	return plan->phases;
}

const struct em_order_phase *em_order_plan_phase(const struct em_order_plan *plan, size_t phase)
{
	return &plan->phase[phase];
}

double em_order_plan_blur(const struct em_order_plan *plan)
{
	return 1 / plan->middle.radius;
}

void em_order_want(const struct em_order_plan *plan, bool *wanted)
{
	em_mask_want(plan->middle_mask, plan->width, wanted);
	for (size_t i = 0; i < plan->spots; i++) {
		em_mask_want(plan->masks[i].spot, plan->width, wanted);
		for (size_t k = 0; k < plan->masks[i].discs; k++)
			em_mask_want(plan->masks[i].disc[k], plan->width, wanted);
	}
}

/* ---- a frame ---- */

static size_t points(const struct em_order_plan *p)
{
	return em_map_grid_rows(p->grid) * em_map_grid_columns(p->grid);
}

/* Floats from one cut-out to the next: each begins as aligned as the first, which transforms rely on. */
static size_t band_floats(const struct em_order_plan *p)
{
	return (2 * points(p) + 15) / 16 * 16;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What of |psi|^2 is noise, where the window is 1: see order.h.  0 where spots are everywhere. */
static double noise_of(const struct em_order_plan *p, const struct em_spectrum *s, const struct masks *m)
{
	double v[EM_ORDER_DISCS], density;

	if (!m->discs)
		return 0;
	for (size_t k = 0; k < m->discs; k++)
		v[k] = em_component_power(m->disc[k], s) / em_mask_power(m->disc[k]);
	qsort(v, m->discs, sizeof(*v), compare_doubles);
	density = 0.5 * (v[(m->discs - 1) / 2] + v[m->discs / 2]);
	return density / p->window_power * em_mask_power(m->spot) / ((double)p->height * (double)p->width);
}

int em_order_cut(const struct em_order_plan *plan, const struct em_spectrum *s, struct em_order_frame *f,
                 struct em_error *err)
{
	size_t n = band_floats(plan), k = 0;
	float *band = em_fft_alloc((plan->spots + 1) * n, err);
	double *noise = band ? malloc(plan->spots * sizeof(*noise)) : NULL;

	if (!noise) {
		em_fft_free(band);
		return band ? em_error_memory(err, plan->spots * sizeof(*noise)) : -1;
	}
	for (; k < plan->spots; k++) {
		em_component_cut(plan->grid, plan->masks[k].spot, s, band + k * n);
		noise[k] = noise_of(plan, s, &plan->masks[k]);
	}
	em_component_cut(plan->grid, plan->middle_mask, s, band + k * n);
	for (size_t i = 0; i < 2 * points(plan) && s->mean > 0; i++)
		band[k * n + i] += (float)s->mean * plan->window[i];
	em_order_frame_release(f);
	f->band = band;
	f->noise = noise;
	f->mean = s->mean;
	return 0;
}

void em_order_frame_release(struct em_order_frame *f)
{
	for (size_t i = 0; i < EM_ORDER_PHASES; i++) {
		free(f->map[i].contrast2);
		free(f->map[i].noise2);
		free(f->map[i].psi);
	}
	em_fft_free(f->band);
	free(f->noise);
	*f = (struct em_order_frame){0};
}

/* The window along one direction, at n points over `side` pixels, moved; 0 within `edge` of the border. */
static void set_window(float *out, size_t n, size_t side, double drift, double edge)
{
	for (size_t i = 0; i < n; i++) {
		double x = (double)i * (double)side / (double)n + drift, depth = fmin(x + 0.5, (double)side - 0.5 - x);

		out[i] = depth > edge ? (float)em_spectrum_window(x, side) : 0;
	}
}

/* 1 / I at each point, and the window's share of it, w / I; NaN where the frame does not reach or is dark.  lines[rows
 * + columns] is room. */
static void divide(const struct em_order_plan *p, const struct em_order_frame *f, const double drift[2],
                   const float *middle, float *restrict inverse, float *restrict share, float *lines)
{
	size_t rows = em_map_grid_rows(p->grid), columns = em_map_grid_columns(p->grid);
	const float whole = (float)f->mean, *across = lines + rows;
	const double edge = EDGE * em_order_plan_blur(p);

	set_window(lines, rows, p->height, drift[0], edge);
	set_window(lines + rows, columns, p->width, drift[1], edge);
	for (size_t y = 0; y < rows; y++, middle += 2 * columns, inverse += columns, share += columns)
		for (size_t x = 0; x < columns; x++) {
			float w = lines[y] * across[x], mean = whole > 0 ? middle[2 * x] : w;

			inverse[x] = w > REACH && mean > DARK * w * whole ? 1 / mean : NAN;
			share[x] = w * inverse[x];
		}
}

/* psi = image / I; contrast2 += |psi|^2. */
static void take_image(const float *restrict image, const float *restrict inverse, size_t n, float *restrict psi,
                       float *restrict contrast2)
{
	for (size_t k = 0; k < n; k++) {
		float re = image[2 * k] * inverse[k], im = image[2 * k + 1] * inverse[k];

		psi[k] = re;
		psi[n + k] = im;
		contrast2[k] += re * re + im * im;
	}
}

/* The maps of a phase, whose spots begin with the `first` of all.  image is room. */
static int form_phase(const struct em_order_plan *p, size_t first, size_t spots, const double drift[2],
                      const struct em_order_frame *f, const float *inverse, const float *share, float *image,
                      struct em_order_map *m, struct em_error *err)
{
	size_t n = points(p);
	float noise = 0;

	m->contrast2 = malloc(n * sizeof(*m->contrast2));
	m->noise2 = malloc(n * sizeof(*m->noise2));
	m->psi = malloc(2 * n * spots * sizeof(*m->psi));
	if (!m->contrast2 || !m->noise2 || !m->psi)
		return em_error_memory(err, 2 * n * spots * sizeof(float));
	for (size_t s = 0; s < spots; s++)
		noise += (float)f->noise[first + s];
	for (size_t k = 0; k < n; k++) {
		m->noise2[k] = noise * share[k] * share[k];
		m->contrast2[k] = -m->noise2[k];
	}
	for (size_t s = 0; s < spots; s++) {
		em_component_image(p->grid, p->masks[first + s].spot, drift, f->band + band_floats(p) * (first + s),
		                   image);
		take_image(image, inverse, n, m->psi + 2 * n * s, m->contrast2);
	}
	return 0;
}

int em_order_form(const struct em_order_plan *plan, const double drift[2], struct em_order_frame *f,
                  struct em_error *err)
{
	size_t n = points(plan), lines = em_map_grid_rows(plan->grid) + em_map_grid_columns(plan->grid), first = 0;
	float *image = em_fft_alloc(2 * n, err), *inverse = malloc((2 * n + lines) * sizeof(*inverse));
	int status = image && inverse ? 0 : em_error_memory(err, 2 * n * sizeof(*inverse));

	if (!status) {
		em_component_image(plan->grid, plan->middle_mask, drift, f->band + band_floats(plan) * plan->spots,
		                   image);
		divide(plan, f, drift, image, inverse, inverse + n, inverse + 2 * n);
	}
	for (size_t i = 0; i < plan->phases && !status; first += plan->phase[i++].count)
		status = form_phase(plan, first, plan->phase[i].count, drift, f, inverse, inverse + n, image,
		                    &f->map[i], err);
	em_fft_free(image);
	free(inverse);
	em_fft_free(f->band);
	f->band = NULL;
	return status;
}
