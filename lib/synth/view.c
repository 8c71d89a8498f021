/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "synth/view.h"

#include <math.h>

#define PI 3.14159265358979323846
#define LAMBDA_NM 0.0025079 /* of 200 kV electrons: de Broglie's, relativistic */

/* ---- sessions ---- */

/* The contrasts, of those given, that a domain is seen in. */
static unsigned contrasts_in(size_t domain, unsigned contrasts)
{
	return contrasts & (domain == EM_SYNTH_SURFACE ? 1u << EM_SYNTH_SEM : (1u << EM_SYNTH_SEM) - 1);
}

/* One of the bits that are set. */
static size_t draw_bit(unsigned bits, size_t n, struct em_random *r)
{
	size_t k;

	do
		k = em_random_below(r, n);
	while (!(bits >> k & 1));
	return k;
}

bool em_synth_session_possible(unsigned contrasts, unsigned domains, unsigned asked)
{
	for (size_t k = 0; k < EM_SYNTH_DOMAINS; k++)
		if (domains >> k & 1 && contrasts_in(k, contrasts & asked))
			return true;
	return false;
}

static double draw_pixel(enum em_synth_domain domain, struct em_random *r)
{
	static const struct em_synth_range nm[EM_SYNTH_DOMAINS] = {{0.015, 0.055}, {0.12, 2}, {0.4, 2.5}, {2, 150}};

	return em_random_log_between(r, nm[domain].lo, nm[domain].hi);
}

static bool is_scanned(enum em_synth_contrast contrast)
{
	return contrast != EM_SYNTH_BF;
}

static double convergence(enum em_synth_contrast contrast)
{
	return contrast == EM_SYNTH_SEM ? 0.005 : 0.020;
}

/* Scanned: what makes the probe up to 1.2 pixels wider.  Broad beam: such that the contrast transfer first vanishes at
 * 0.35 to 1.6 times Nyquist's frequency. */
static double draw_defocus(const struct em_synth_session *s, struct em_random *r)
{
	double k;

	if (is_scanned(s->contrast))
		return 2 * s->pixel_nm * em_random_between(r, 0, 1.2) / convergence(s->contrast);
	k = em_random_log_between(r, 0.35, 1.6) * 0.5 / s->pixel_nm;
	return 1 / (LAMBDA_NM * k * k);
}

void em_synth_session_draw(struct em_synth_session *s, const struct em_synth_conditions *c, unsigned contrasts,
                           unsigned domains, struct em_random *r)
{
	unsigned possible = 0;

	contrasts &= c->contrasts;
	for (size_t k = 0; k < EM_SYNTH_DOMAINS; k++)
		possible |= contrasts_in(k, contrasts) ? domains & 1u << k : 0;
	*s = (struct em_synth_session){.domain = (enum em_synth_domain)draw_bit(possible, EM_SYNTH_DOMAINS, r)};
	s->contrast = (enum em_synth_contrast)draw_bit(contrasts_in(s->domain, contrasts), EM_SYNTH_CONTRASTS, r);
	s->pixel_nm = draw_pixel(s->domain, r);
	s->probe_px = em_random_between(r, 0.35, 0.9);
	s->defocus_nm = draw_defocus(s, r);
	s->phase = em_random_between(r, 0.3, 1.5);
	s->dose = em_random_log_between(r, c->dose.lo, c->dose.hi);
	s->varied = em_random_chance(r, 0.5);
	s->gain = 100;
	s->mean = 1;
	s->grey = 120;
}

void em_synth_session_focus(struct em_synth_session *s, const struct em_synth_texture *t, struct em_random *r)
{
	double k;

	if (s->contrast != EM_SYNTH_BF || !t->family->columns)
		return;
	k = em_random_between(r, 1.05, 2) / (t->p[0] * s->pixel_nm);
	s->defocus_nm = 1 / (LAMBDA_NM * k * k);
}

struct em_synth_levels em_synth_view_measure(const struct em_synth_canvas *c, size_t height, size_t width)
{
	double sum = 0, squares = 0, n = (double)height * (double)width, mean;

	for (size_t y = 0; y < height; y++)
		for (size_t x = 0; x < width; x++) {
			double b = (double)c->image[(y + c->frame->margin) * c->frame->width + x + c->frame->margin];

			sum += b;
			squares += b * b;
		}
	mean = sum / n;
	return (struct em_synth_levels){fmax(mean, 0.01), fmax(squares / n - mean * mean, 1e-6)};
}

void em_synth_session_set_levels(struct em_synth_session *s, const struct em_synth_conditions *c,
                                 const struct em_synth_levels *seen, size_t n, struct em_random *r)
{
	double mean = 0, square = 0, within = 0, spread;
	/* Signal over noise, of a pixel, by their variances: what makes a texture be seen. */
	double needed = em_random_log_between(r, 0.15, 20) * seen[0].mean / seen[0].variance;

	if (!c->dose_given && s->dose < needed && seen[0].variance > 0.02 * 0.02 * seen[0].mean * seen[0].mean)
		s->dose = fmin(needed, 3e4);
	for (size_t i = 0; i < n; i++) {
		mean += seen[i].mean / (double)n;
		square += seen[i].mean * seen[i].mean / (double)n;
		within += seen[i].variance / (double)n;
	}
	spread = sqrt(within + fmax(square - mean * mean, 0) + mean / s->dose + 0.1 * 0.1 * mean * mean);
	s->mean = mean;
	s->gain = em_random_between(r, 22, 58) / spread;
	s->grey = em_random_between(r, 75, 160);
}

/* ---- views ---- */

static double clamp(double v, const struct em_synth_range *range)
{
	return v < range->lo ? range->lo : v > range->hi ? range->hi : v;
}

/* 0 mostly, else up to `most`. */
static double seldom(struct em_random *r, double p, double most)
{
	return em_random_chance(r, p) ? most * em_random_uniform(r) : 0;
}

static void draw_artefacts(struct em_synth_view *v, double strength, struct em_random *r)
{
	bool scanned = is_scanned(v->contrast);

	v->astigmatism_nm = strength * seldom(r, 0.4, 0.4) * v->defocus_nm;
	v->astigmatism_angle = em_random_between(r, 0, PI);
	for (int i = 0; i < 2; i++) {
		v->drift[i] = strength * seldom(r, 0.5, 0.02) * (em_random_chance(r, 0.5) ? 1 : -1) * scanned;
		v->slope[i] = strength * 0.07 * em_random_normal(r);
	}
	v->jitter = strength * seldom(r, 0.4, 0.5) * scanned;
	v->contamination = strength * seldom(r, 0.15, 0.35);
	for (int i = 0; i < 2; i++)
		v->grown_at[i] = em_random_between(r, -1, 1);
	v->charging = strength * seldom(r, v->contrast == EM_SYNTH_SEM ? 0.3 : 0, 0.25);
}

void em_synth_view_set_levels(struct em_synth_view *v, const struct em_synth_session *s,
                              const struct em_synth_conditions *c, double vary, struct em_random *r)
{
	v->dose = s->dose * exp(vary * em_random_between(r, -1, 1));
	if (c->dose_given)
		v->dose = clamp(v->dose, &c->dose);
	v->gain = s->gain * exp(0.4 * vary * em_random_between(r, -1, 1));
	v->black = s->grey + 30 * vary * em_random_between(r, -1, 1) - v->gain * s->mean;
}

void em_synth_view_draw(struct em_synth_view *v, const struct em_synth_session *s, const struct em_synth_conditions *c,
                        const struct em_synth_texture *t, struct em_random *r)
{
	double vary = s->varied ? 1 : 0.2, free = t->turns ? PI : 3 * PI / 180;
	double scale = exp(0.22 * vary * em_random_between(r, -1, 1)),
	       angle = t->angle + em_random_between(r, -free, free);

	*v = (struct em_synth_view){.contrast = s->contrast, .pixel_nm = s->pixel_nm / scale, .phase = s->phase};
	v->probe_px = s->probe_px * exp(0.3 * vary * em_random_between(r, -1, 1));
	v->defocus_nm = s->defocus_nm * exp(0.4 * vary * em_random_between(r, -1, 1));
	if (c->defocus_given)
		v->defocus_nm = em_random_between(r, c->defocus.lo, c->defocus.hi);
	em_synth_view_set_levels(v, s, c, vary, r);
	draw_artefacts(v, c->artefacts, r);
	em_synth_pose_set(&v->pose, scale, angle, v->drift[0], v->drift[1]);
}

static void put_number(struct em_text *out, const char *name, double value)
{
	em_json_put_name(out, name);
	em_json_put_number(out, value);
}

void em_synth_view_print(const struct em_synth_view *v, struct em_text *out)
{
	em_json_put_name(out, "contrast");
	em_json_put_string(out, em_synth_contrast_name[v->contrast]);
	put_number(out, "dose", v->dose);
	put_number(out, "defocus_nm", v->defocus_nm);
	put_number(out, "astigmatism_nm", v->astigmatism_nm);
	put_number(out, "astigmatism_deg", v->astigmatism_angle * 180 / PI);
	if (is_scanned(v->contrast))
		put_number(out, "probe_px", v->probe_px);
	else
		put_number(out, "phase", v->phase);
	em_json_put_name(out, "drift_px");
	em_json_put_numbers(out, v->drift, 2);
	put_number(out, "jitter_px", v->jitter);
	em_json_put_name(out, "slope");
	em_json_put_numbers(out, v->slope, 2);
	put_number(out, "contamination", v->contamination);
	em_json_put_name(out, "contamination_at");
	em_json_put_numbers(out, v->grown_at, 2);
	put_number(out, "charging", v->charging);
	put_number(out, "black", v->black);
	put_number(out, "gain", v->gain);
}

/* ---- optics ---- */

/* exp(-2 pi^2 (a kx^2 + 2 b kx ky + c ky^2)): a Gaussian's transform; a, b, c its covariance in pixels^2. */
static void blur(struct em_synth_canvas *c, double xx, double xy, double yy)
{
	size_t h = c->frame->height, w = c->frame->width, half = w / 2 + 1;
	double step = 1 / (double)w;

	for (size_t j = 0; j < h; j++) {
		double ky = (j <= h / 2 ? (double)j : (double)j - (double)h) / (double)h;
		/* Along a row the exponent is quadratic: each value is the last one times a ratio that itself changes
		 * by a constant ratio. */
		double value = exp(-2 * PI * PI * yy * ky * ky) / ((double)h * (double)w);
		double ratio = exp(-2 * PI * PI * (xx * step * step + 2 * xy * step * ky));
		double second = exp(-4 * PI * PI * xx * step * step);
		float *row = c->spectrum + j * 2 * half;

		for (size_t i = 0; i < half; i++) {
			row[2 * i] *= (float)value;
			row[2 * i + 1] *= (float)value;
			value *= ratio;
			ratio *= second;
		}
	}
}

static void blur_by_probe(struct em_synth_canvas *c, const struct em_synth_view *v)
{
	double per = convergence(v->contrast) / (2 * v->pixel_nm), s = sin(v->astigmatism_angle),
	       k = cos(v->astigmatism_angle);
	double along = per * (v->defocus_nm + v->astigmatism_nm), across = per * (v->defocus_nm - v->astigmatism_nm);
	double base = v->probe_px * v->probe_px;

	along = base + along * along;
	across = base + across * across;
	blur(c, along * k * k + across * s * s, (along - across) * k * s, along * s * s + across * k * k);
}

/* sin(chi) at k^2 = kk. */
static double transfer(const struct em_synth_view *v, double kk, double cos2, double sin2)
{
	double cs = v->pixel_nm < 0.1 ? 0.01e6 : 1.2e6; /* mm in nm */
	double df = v->defocus_nm +
	            v->astigmatism_nm * (cos2 * cos(2 * v->astigmatism_angle) + sin2 * sin(2 * v->astigmatism_angle));

	return sin(PI * LAMBDA_NM * kk * (df - cs / 2 * LAMBDA_NM * LAMBDA_NM * kk));
}

static void transfer_phase(struct em_synth_canvas *c, const struct em_synth_view *v)
{
	size_t h = c->frame->height, w = c->frame->width, half = w / 2 + 1;
	double norm = 1 / ((double)h * (double)w);

	for (size_t j = 0; j < h; j++) {
		double ky = (j <= h / 2 ? (double)j : (double)j - (double)h) / (double)h / v->pixel_nm;
		float *row = c->spectrum + j * 2 * half;

		for (size_t i = 0; i < half; i++) {
			double kx = (double)i / (double)w / v->pixel_nm, kk = kx * kx + ky * ky;
			double cos2 = kk > 0 ? (kx * kx - ky * ky) / kk : 0, sin2 = kk > 0 ? 2 * kx * ky / kk : 0;
			float t = (float)(norm * (1 + 2 * v->phase * transfer(v, kk, cos2, sin2) * exp(-kk / 100)));

			row[2 * i] *= t;
			row[2 * i + 1] *= t;
		}
	}
}

void em_synth_view_form(struct em_synth_canvas *c, const struct em_synth_view *v)
{
	bool dark = v->contrast == EM_SYNTH_BF || v->contrast == EM_SYNTH_ABF;

	em_fft_forward(c->frame->forward, c->image, c->spectrum);
	if (is_scanned(v->contrast))
		blur_by_probe(c, v);
	else
		transfer_phase(c, v);
	em_fft_inverse(c->frame->inverse, c->spectrum, c->image);
	for (size_t i = 0; dark && i < em_synth_canvas_pixels(c); i++)
		c->image[i] = expf(-c->image[i]);
}

/* ---- exposure ---- */

/* Of four neighbours, at t in 0 .. 1 between the middle ones (Catmull and Rom). */
static double between(const float *p, double t)
{
	double a = (double)p[0], b = (double)p[1], d = (double)p[2], e = (double)p[3];

	return b + t / 2 * (d - a + t * (2 * a - 5 * b + 4 * d - e + t * (3 * (b - d) + e - a)));
}

/* What illumination and contamination make of brightness at (x, y) of -1 .. 1 within the picture. */
static double illuminate(const struct em_synth_view *v, double brightness, double x, double y)
{
	double dx = x - v->grown_at[0], dy = y - v->grown_at[1], grown = 0;

	/* It adds to what is bright and takes from what is dark: in both cases the contrast goes down. */
	if (v->contamination > 0)
		grown = v->contamination * exp(-2 * (dx * dx + dy * dy));
	brightness += grown * ((v->contrast == EM_SYNTH_HAADF) - brightness * (v->contrast != EM_SYNTH_HAADF));
	brightness *= 1 + (v->slope[0] * x + v->slope[1] * y) / 2;
	return brightness > 0 ? brightness : 0;
}

struct line {
	double shift;  /* of this line, pixels */
	double charge; /* along it: what bright places left behind */
};

static void expose_line(const struct em_synth_canvas *c, const struct em_synth_view *v, size_t y, size_t height,
                        size_t width, const struct line *line, float *counts, struct em_random *r)
{
	const float *row = c->image + (y + c->frame->margin) * c->frame->width + c->frame->margin;
	double whole = floor(line->shift), part = line->shift - whole, charge = line->charge;
	double down = 2 * ((double)y + 0.5) / (double)height - 1;

	row += (long)whole;
	for (size_t x = 0; x < width; x++) {
		double b = part > 0 ? between(row + x - 1, part) : (double)row[x];

		b = illuminate(v, b, 2 * ((double)x + 0.5) / (double)width - 1, down);
		if (v->charging > 0) {
			charge += 0.05 * (b - charge);
			b = b > v->charging * charge ? b - v->charging * charge : 0;
		}
		counts[x] = (float)em_random_poisson(r, v->dose * b);
	}
}

static void move_labels(const struct em_synth_canvas *c, size_t y, size_t width, double shift, unsigned char *labels)
{
	const unsigned char *row = c->labels + (y + c->frame->margin) * c->frame->width + c->frame->margin;

	row += (long)floor(shift + 0.5);
	for (size_t x = 0; x < width; x++)
		labels[x] = row[x];
}

void em_synth_view_expose(const struct em_synth_canvas *c, const struct em_synth_view *v, size_t height, size_t width,
                          float *counts, unsigned char *labels, struct em_random *r)
{
	const double most = (double)c->frame->margin - 3;
	struct line line = {0, 1};

	for (size_t y = 0; y < height; y++) {
		if (v->jitter > 0) { /* lines wander, and come back */
			line.shift = 0.6 * line.shift + 0.8 * v->jitter * em_random_normal(r);
			line.shift = line.shift < -most ? -most : line.shift > most ? most : line.shift;
		}
		expose_line(c, v, y, height, width, &line, counts + y * width, r);
		if (labels)
			move_labels(c, y, width, line.shift, labels + y * width);
	}
}

void em_synth_view_amplify(const struct em_synth_view *v, const float *counts, size_t n, unsigned char *grey)
{
	double per = v->gain / v->dose;

	for (size_t i = 0; i < n; i++) {
		double level = v->black + per * (double)counts[i] + 0.5;

		grey[i] = level < 0 ? 0 : level > 255 ? 255 : (unsigned char)level;
	}
}
