/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all frames of a movie have in common, and one time of it. */
#include "synth/movie.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846
#define PERIOD_NM 0.3 /* of amorphous matter's grain */

/* ---- what is asked for ---- */

static bool within(double v, double lo, double hi)
{
	return v >= lo && v <= hi; /* false for NaN */
}

static int check_numbers(const struct em_synth_movie_options *o, struct em_error *err)
{
	const struct {
		const char *name;
		double value, lo, hi;
	} bounds[] = {{"pixel", o->pixel_nm, 1e-3, 1},
	              {"minutes", o->minutes, 1e-6, 1e9},
	              {"flux", o->flux, 0, 1e30},
	              {"lattice", o->lattice_nm, 0.1, 5},
	              {"misfit", o->misfit, -0.5, 0.5},
	              {"rotation", o->rotation_deg, -180, 180},
	              {"film", o->film_nm, 0, 1e5},
	              {"vacuum", o->vacuum_nm, 0, 1e5},
	              {"middle", o->middle, 0, 100},
	              {"visibility", o->visibility, 0, 2},
	              {"dose", o->dose, 1e-3, 2e4},
	              {"drift", o->drift_px, 0, 1e4},
	              {"gradient", o->gradient, -1, 1},
	              {"contamination", o->contamination, 0, 1},
	              {"change-contrast", o->change_contrast, -1, 10},
	              {"change-dose", o->change_dose, -1, 2},
	              {"change-defocus", o->change_defocus_nm, -1e4, 1e4}};

	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++)
		if (!within(bounds[i].value, bounds[i].lo, bounds[i].hi))
			return em_error_set(err, EM_ERROR_USAGE, "--%s %g: expected %g to %g", bounds[i].name,
			                    bounds[i].value, bounds[i].lo, bounds[i].hi);
	return 0;
}

static int check(const struct em_synth_movie_options *o, struct em_error *err)
{
	double shorter = (double)(o->height < o->width ? o->height : o->width) * o->pixel_nm;

	if (o->contrast != EM_SYNTH_HAADF && o->contrast != EM_SYNTH_BF)
		return em_error_set(err, EM_ERROR_USAGE, "movies are seen in haadf or in bf contrast");
	if (check_numbers(o, err))
		return -1;
	if (o->lattice_nm * fmin(1, 1 + o->misfit) <= 2 * o->pixel_nm)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "pixels of %g nm do not resolve a lattice of %g nm: it needs more than two",
		                    o->pixel_nm, o->lattice_nm * fmin(1, 1 + o->misfit));
	if (!within(o->domain_nm, 2 * o->pixel_nm, shorter / 2))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "--domain %g: expected %g to %g nm, two pixels to half the picture", o->domain_nm,
		                    2 * o->pixel_nm, shorter / 2);
	for (size_t i = 0; o->minute && i < o->frames; i++)
		if (!within(o->minute[i], 0, o->minutes))
			return em_error_set(err, EM_ERROR_USAGE, "a frame at %g minutes: the movie has %g",
			                    o->minute[i], o->minutes);
	return 0;
}

/* ---- where things are ---- */

/* How far the specimen goes to each side: what is outside of that is shown by every frame. */
static void find_reach(const struct em_synth_drift *drift, double lo[2], double hi[2])
{
	lo[0] = lo[1] = hi[0] = hi[1] = 0;
	for (int i = 0; i <= 1000; i++) {
		double at[2];

		em_synth_drift_at(drift, i / 1000., at);
		for (int k = 0; k < 2; k++) {
			lo[k] = fmin(lo[k], at[k]);
			hi[k] = fmax(hi[k], at[k]);
		}
	}
	for (int k = 0; k < 2; k++) { /* a wave's turn between two steps: less than 10^-3 of the whole */
		lo[k] = floor(1.01 * lo[k]);
		hi[k] = ceil(1.01 * hi[k]);
	}
}

/* The part of rows y0 .. y1 that every frame shows. */
static int set_box(const struct em_synth_movie *m, double y0, double y1, size_t box[4], struct em_error *err)
{
	double lo[2], hi[2], x0, x1;

	find_reach(&m->drift, lo, hi);
	y0 = fmax(y0, -lo[0]);
	y1 = fmin(y1, (double)m->o.height - hi[0]);
	x0 = -lo[1];
	x1 = (double)m->o.width - hi[1];
	if (y0 >= y1 || x0 >= x1)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "nothing of the film or the substrate is shown by all frames: less drift, a "
		                    "thinner film or a larger picture");
	box[0] = (size_t)y0;
	box[1] = (size_t)x0;
	box[2] = (size_t)(y1 - y0);
	box[3] = (size_t)(x1 - x0);
	return 0;
}

static int set_places(struct em_synth_movie *m, struct em_random *r, struct em_error *err)
{
	const struct em_synth_movie_options *o = &m->o;
	double height = (double)o->height, surface = floor(o->vacuum_nm / o->pixel_nm + 0.5);
	double thick = floor((o->film_nm > 0 ? o->film_nm / o->pixel_nm : 0.6 * height) + 0.5);

	if (surface + thick >= height)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "a film of %g nm under %g nm of vacuum leaves nothing of the %g nm of the picture "
		                    "to the substrate",
		                    thick * o->pixel_nm, o->vacuum_nm, height * o->pixel_nm);
	m->surface = (size_t)surface;
	m->interface = (size_t)(surface + thick);
	m->origin[0] = (double)m->interface - 0.5;
	m->origin[1] = em_random_between(r, 0, (double)o->width);
	return set_box(m, surface, surface + thick, m->film, err) ||
	               set_box(m, surface + thick, height, m->substrate, err)
	           ? -1
	           : 0;
}

/* ---- fields ---- */

/* The spectrum of the field in c->layer, without the waves of two pixels: their shifts are not told apart. */
static float *take_spectrum(struct em_synth_canvas *c, struct em_error *err)
{
	size_t h = c->frame->height, w = c->frame->width, half = w / 2 + 1;
	float *s = em_fft_alloc(h * 2 * half, err), scale = 1 / (float)(h * w);

	if (!s)
		return NULL;
	em_fft_forward(c->frame->forward, c->layer, s);
	for (size_t j = 0; j < h; j++)
		for (size_t i = 0; i < half; i++)
			for (size_t k = 0; k < 2; k++)
				s[2 * (j * half + i) + k] *= 2 * j == h || i == half - 1 ? 0 : scale;
	return s;
}

void em_synth_movie_shift(struct em_synth_canvas *c, const float *field, const double at[2], float *out)
{
	size_t h = c->frame->height, w = c->frame->width, half = w / 2 + 1;
	double turn = -2 * PI * at[1] / (double)w, step_re = cos(turn), step_im = sin(turn);

	for (size_t j = 0; j < h; j++) {
		double ky = (j <= h / 2 ? (double)j : (double)j - (double)h) / (double)h;
		double re = cos(2 * PI * ky * at[0]), im = -sin(2 * PI * ky * at[0]);
		const float *from = field + j * 2 * half;
		float *to = c->spectrum + j * 2 * half;

		for (size_t i = 0; i < half; i++) {
			double now = re;

			to[2 * i] = from[2 * i] * (float)re - from[2 * i + 1] * (float)im;
			to[2 * i + 1] = from[2 * i] * (float)im + from[2 * i + 1] * (float)re;
			re = re * step_re - im * step_im;
			im = now * step_im + im * step_re;
		}
	}
	em_fft_inverse(c->frame->inverse, c->spectrum, out);
}

static int draw_fields(struct em_synth_movie *m, struct em_synth_canvas *c, struct em_random *r, struct em_error *err)
{
	double period = PERIOD_NM / m->o.pixel_nm;

	em_synth_smooth_noise(c, r, sqrt(2) * m->o.domain_nm / m->o.pixel_nm, c->layer);
	m->disorder = take_spectrum(c, err);
	if (!m->disorder)
		return -1;
	em_synth_amorphous_noise(c, r, period, 0.35, 0.3, c->layer);
	m->texture = take_spectrum(c, err);
	if (!m->texture)
		return -1;
	if (!(m->o.contamination > 0))
		return 0;
	em_synth_amorphous_noise(c, r, period, 0.35, 0.3, c->layer);
	m->dirt = take_spectrum(c, err);
	return m->dirt ? 0 : -1;
}

void em_synth_movie_disorder(const struct em_synth_movie *m, struct em_synth_canvas *c, const double at[2], float *out)
{
	double top = (double)m->surface - 0.5, deep = (double)(m->interface - m->surface);

	em_synth_movie_shift(c, m->disorder, at, out);
	for (size_t j = 0; j < m->o.height; j++) {
		double q = 2 * ((double)j - at[0] - top) / deep - 1; /* -1 at the surface, 1 at the interface */
		float *row = out + j * c->frame->width, more = (float)(-m->o.middle * q * q);

		for (size_t i = 0; i < m->o.width; i++)
			row[i] += more;
	}
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* The field's values in the film's box, in order. */
static int rank_disorder(struct em_synth_movie *m, struct em_synth_canvas *c, struct em_error *err)
{
	const size_t *box = m->film;
	size_t bytes = box[2] * box[3] * sizeof(*m->rank);

	m->rank = malloc(bytes);
	if (!m->rank)
		return em_error_memory(err, bytes);
	em_synth_movie_disorder(m, c, (double[2]){0, 0}, c->layer);
	for (size_t j = 0; j < box[2]; j++)
		memcpy(m->rank + j * box[3], c->layer + (box[0] + j) * c->frame->width + box[1],
		       box[3] * sizeof(*m->rank));
	qsort(m->rank, box[2] * box[3], sizeof(*m->rank), by_value);
	return 0;
}

/* ---- a movie ---- */

/* Such that the film's lattice has the visibility asked for, at the start. */
static int set_scale(struct em_synth_movie *m, struct em_error *err)
{
	struct em_synth_movie_options *o = &m->o;
	struct em_synth_series film = {.a = o->lattice_nm * (1 + o->misfit) / o->pixel_nm};
	double rms;

	if (isnan(o->defocus_nm))
		o->defocus_nm = em_synth_series_defocus(o->contrast, o->lattice_nm);
	em_synth_series_set(&film, EM_SYNTH_FILM, o->contrast, o->defocus_nm, o->pixel_nm);
	rms = em_synth_series_rms(&film);
	if (!(rms > 0.01))
		return em_error_set(err, EM_ERROR_USAGE, "a defocus of %g nm shows no lattice: take another",
		                    o->defocus_nm);
	m->scale = o->visibility / rms;
	return 0;
}

int em_synth_movie_init(struct em_synth_movie *m, const struct em_synth_movie_options *o,
                        const struct em_synth_frame *frame, struct em_error *err)
{
	struct em_synth_canvas c = {0};
	struct em_random r;
	int status;

	*m = (struct em_synth_movie){.o = *o, .frame = frame};
	if (check(o, err) || set_scale(m, err))
		return -1;
	em_random_seed(&r, o->seed, 0);
	em_synth_drift_draw(&m->drift, o->drift_px, &r);
	if (set_places(m, &r, err) || em_synth_canvas_init(&c, frame, err))
		return -1;
	status = draw_fields(m, &c, &r, err) || rank_disorder(m, &c, err) ? -1 : 0;
	em_synth_canvas_release(&c);
	if (status)
		em_synth_movie_release(m);
	return status;
}

void em_synth_movie_release(struct em_synth_movie *m)
{
	em_fft_free(m->disorder);
	em_fft_free(m->texture);
	em_fft_free(m->dirt);
	free(m->rank);
	*m = (struct em_synth_movie){0};
}

/* ---- one time of it ---- */

double em_synth_movie_minute(const struct em_synth_movie *m, size_t i)
{
	if (m->o.minute)
		return m->o.minute[i];
	return m->o.frames > 1 ? m->o.minutes * (double)i / (double)(m->o.frames - 1) : 0;
}

/* The threshold that makes this fraction disordered; the number of pixels that it does. */
static size_t cut_rank(const struct em_synth_movie *m, double fraction, double *threshold)
{
	size_t all = m->film[2] * m->film[3], n = (size_t)floor(fraction * (double)all + 0.5);

	*threshold = n == 0 ? (double)INFINITY : n >= all ? -(double)INFINITY : (double)m->rank[all - n];
	while (n > 0 && n < all && (double)m->rank[all - n - 1] >= *threshold) /* what is equal goes with it */
		n++;
	return n;
}

void em_synth_movie_moment(const struct em_synth_movie *m, double minute, struct em_synth_moment *at)
{
	const struct em_synth_movie_options *o = &m->o;
	double tau = minute / o->minutes, all = (double)(m->film[2] * m->film[3]);

	*at = (struct em_synth_moment){.minute = minute};
	at->fraction = 1 - (double)cut_rank(m, em_synth_history_at(&o->history, minute), &at->threshold) / all;
	em_synth_drift_at(&m->drift, tau, at->drift);
	at->intensity = 1 + tau * o->change_dose;
	at->contrast = 1 + tau * o->change_contrast;
	at->defocus_nm = o->defocus_nm + tau * o->change_defocus_nm;
}
