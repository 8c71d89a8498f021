/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "synth/canvas.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

/* ---- sizes and memory ---- */

/* The least even 2^a 3^b 5^c that is not below n. */
static size_t fast_size(size_t n)
{
	for (;; n++) {
		size_t m = n;

		for (size_t p = 2; p <= 5; p++)
			while (m % p == 0)
				m /= p;
		if (m == 1 && n % 2 == 0)
			return n;
	}
}

int em_synth_frame_init(struct em_synth_frame *f, size_t height, size_t width, struct em_error *err)
{
	size_t margin = (height > width ? height : width) / 8;

	if (height < 1 || width < 1 || height > 65536 || width > 65536)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "pictures of %zu x %zu pixels cannot be drawn: 1 to 65536 a "
		                    "side",
		                    width, height);
	margin = margin < 8 ? 8 : margin > 96 ? 96 : margin;
	*f = (struct em_synth_frame){fast_size(height + 2 * margin), fast_size(width + 2 * margin), margin, NULL, NULL};
	f->forward = em_fft_plan_new(f->height, f->width, err);
	f->inverse = f->forward ? em_fft_plan_new_inverse(f->height, f->width, err) : NULL;
	if (f->inverse)
		return 0;
	em_synth_frame_release(f);
	return -1;
}

void em_synth_frame_release(struct em_synth_frame *f)
{
	em_fft_plan_free(f->forward);
	em_fft_plan_free(f->inverse);
	*f = (struct em_synth_frame){0};
}

int em_synth_canvas_init(struct em_synth_canvas *c, const struct em_synth_frame *frame, struct em_error *err)
{
	size_t n = frame->height * frame->width;

	*c = (struct em_synth_canvas){.frame = frame};
	c->image = em_fft_alloc(n, err);
	c->layer = c->image ? em_fft_alloc(n, err) : NULL;
	c->work = c->layer ? em_fft_alloc(n, err) : NULL;
	c->spectrum = c->work ? em_fft_alloc(frame->height * 2 * (frame->width / 2 + 1), err) : NULL;
	if (c->spectrum)
		return 0;
	em_synth_canvas_release(c);
	return -1;
}

void em_synth_canvas_release(struct em_synth_canvas *c)
{
	em_fft_free(c->image);
	em_fft_free(c->layer);
	em_fft_free(c->work);
	em_fft_free(c->spectrum);
	*c = (struct em_synth_canvas){0};
}

size_t em_synth_canvas_pixels(const struct em_synth_canvas *c)
{
	return c->frame->height * c->frame->width;
}

void em_synth_clear(const struct em_synth_canvas *c, float *v, double value)
{
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++)
		v[i] = (float)value;
}

/* ---- layers and columns ---- */

void em_synth_put_layer(struct em_synth_canvas *c)
{
	for (size_t i = 0; i < em_synth_canvas_pixels(c); i++)
		if (!c->labels || c->labels[i] == c->label)
			c->image[i] += c->layer[i];
}

/* Pixels [*begin, *end) within `reach` of `at`, of n. */
static void span(double at, double reach, size_t n, size_t *begin, size_t *end)
{
	double lo = ceil(at - reach), hi = floor(at + reach) + 1;

	*begin = lo > 0 ? lo < (double)n ? (size_t)lo : n : 0;
	*end = hi > 0 ? hi < (double)n ? (size_t)hi : n : 0;
}

static bool within_label(const struct em_synth_canvas *c, double x, double y)
{
	double w = (double)c->frame->width, h = (double)c->frame->height;

	if (!c->labels)
		return true;
	x = floor(x + 0.5);
	y = floor(y + 0.5);
	return x >= 0 && y >= 0 && x < w && y < h && c->labels[(size_t)y * c->frame->width + (size_t)x] == c->label;
}

#define COLUMN_MAX 128 /* pixels across */

void em_synth_put_column(struct em_synth_canvas *c, double x, double y, double weight, double sigma)
{
	double reach = 4 * sigma < COLUMN_MAX / 2 - 1 ? 4 * sigma : COLUMN_MAX / 2 - 1, s = -0.5 / (sigma * sigma);
	float across[COLUMN_MAX];
	size_t x0, x1, y0, y1;

	span(x, reach, c->frame->width, &x0, &x1);
	span(y, reach, c->frame->height, &y0, &y1);
	if (x0 >= x1 || y0 >= y1 || !within_label(c, x, y))
		return;
	for (size_t i = x0; i < x1; i++)
		across[i - x0] = (float)exp(s * ((double)i - x) * ((double)i - x));
	for (size_t j = y0; j < y1; j++) {
		float down = (float)(weight * exp(s * ((double)j - y) * ((double)j - y)));
		float *row = c->image + j * c->frame->width + x0;

		for (size_t i = 0; i < x1 - x0; i++)
			row[i] += down * across[i];
	}
}

/* ---- random fields ---- */

#define STEPS 512 /* of the table of amplitudes, for k from 0 to 0.75 */

/* Two numbers with mean 0 and variance 1/6, whose sum over many waves is normal whatever they are. */
static void draw_wave(struct em_random *r, float *re, float *im)
{
	uint64_t bits = em_random_bits(r);
	int a = (int)(bits & 0xffff), b = (int)(bits >> 16 & 0xffff);
	int d = (int)(bits >> 32 & 0xffff), e = (int)(bits >> 48);

	*re = (float)(a + b - 0xffff) * (1 / 65536.f);
	*im = (float)(d + e - 0xffff) * (1 / 65536.f);
}

static void fill_amplitudes(const struct em_synth_spectrum *s, float table[STEPS + 2])
{
	for (int i = 0; i < STEPS + 2; i++)
		table[i] = (float)s->amplitude(s->ctx, 0.75 * i / STEPS);
}

void em_synth_noise(struct em_synth_canvas *c, struct em_random *r, const struct em_synth_spectrum *s, float *out)
{
	size_t h = c->frame->height, w = c->frame->width, half = w / 2 + 1;
	float cosine = (float)cos(s->angle), sine = (float)sin(s->angle), stretch = (float)s->stretch;
	float table[STEPS + 2], scale;
	double power = 0;

	fill_amplitudes(s, table);
	for (size_t j = 0; j < h; j++) {
		float ky = (j <= h / 2 ? (float)j : (float)j - (float)h) / (float)h;
		float *row = c->spectrum + j * 2 * half;

		for (size_t i = 0; i < half; i++) {
			float kx = (float)i / (float)w, along = (cosine * kx + sine * ky) * stretch;
			float across = cosine * ky - sine * kx, at = sqrtf(along * along + across * across);
			float a;

			at *= STEPS / 0.75f;
			at = at < STEPS ? at : STEPS;
			a = table[(int)at];
			a += (at - (float)(int)at) * (table[(int)at + 1] - a);
			power += (i == 0 || i == half - 1 ? 1 : 2) * (double)a * (double)a;
			draw_wave(r, &row[2 * i], &row[2 * i + 1]);
			row[2 * i] *= a;
			row[2 * i + 1] *= a;
		}
	}
	power -= (double)table[0] * (double)table[0];
	c->spectrum[0] = c->spectrum[1] = 0;
	em_fft_inverse(c->frame->inverse, c->spectrum, out);
	scale = power > 0 ? (float)sqrt(3 / power) : 0; /* a wave's power is 2/6 of its amplitude's square */
	for (size_t i = 0; i < h * w; i++)
		out[i] *= scale;
}

struct ring {
	double k, width, pink;
};

static double ring_amplitude(const void *ctx, double k)
{
	const struct ring *at = ctx;
	double q = (k - at->k) / at->width;

	return exp(-q * q / 2) + at->pink / (1 + 8 * k / at->k);
}

void em_synth_amorphous_noise(struct em_synth_canvas *c, struct em_random *r, double period, double width, double pink,
                              float *out)
{
	const struct ring amplitude = {1 / period, width / period, pink};

	em_synth_noise(c, r, &(struct em_synth_spectrum){ring_amplitude, &amplitude, 1, 0}, out);
}

static double low_pass(const void *ctx, double k)
{
	double q = k * *(const double *)ctx;

	return exp(-q * q);
}

void em_synth_smooth_noise(struct em_synth_canvas *c, struct em_random *r, double length, float *out)
{
	em_synth_noise(c, r, &(struct em_synth_spectrum){low_pass, &length, 1, 0}, out);
}

/* ---- shapes ---- */

#define SIDES 12

/* A shape made ready for its pixels. */
struct stamp {
	const struct em_synth_shape *s;
	double cosine, sine, edge; /* edge: how much the relative radius grows within a pixel */
	double per_x, per_y;       /* 1 / rx, 1 / ry */
	double normal[SIDES][2];   /* of a polygon's sides, for coordinates relative to the half axes: their dot product
	                            * is 1   on the side */
	int sides;
};

static void prepare(struct stamp *p, const struct em_synth_shape *s)
{
	bool turned = s->angle < 0 || s->angle > 0;

	p->s = s;
	p->cosine = turned ? cos(s->angle) : 1;
	p->sine = turned ? sin(s->angle) : 0;
	p->per_x = 1 / s->rx;
	p->per_y = 1 / s->ry;
	p->edge = p->per_x > p->per_y ? p->per_x : p->per_y;
	p->sides = 0;
	if (s->outline != EM_SYNTH_POLYGON)
		return;
	p->sides = s->sides < 3 ? 3 : s->sides > SIDES ? SIDES : (int)s->sides;
	for (int i = 0; i < p->sides; i++) {
		double at = 2 * PI * (i + 0.5) / p->sides, apothem = cos(PI / p->sides);

		p->normal[i][0] = cos(at) / apothem;
		p->normal[i][1] = sin(at) / apothem;
	}
}

/* 0 in the middle, 1 on the outline; (u, v) along the half axes. */
static double relative_radius(const struct stamp *p, double u, double v)
{
	const struct em_synth_shape *s = p->s;
	double q = 0;

	if (s->outline == EM_SYNTH_ROD) {
		u = fabs(u) > s->rx - s->ry ? fabs(u) - (s->rx - s->ry) : 0;
		return sqrt(u * u + v * v) * p->per_y;
	}
	u *= p->per_x;
	v *= p->per_y;
	if (s->outline == EM_SYNTH_ELLIPSE)
		return sqrt(u * u + v * v);
	for (int i = 0; i < p->sides; i++) {
		double side = p->normal[i][0] * u + p->normal[i][1] * v;

		q = side > q ? side : q;
	}
	return q;
}

static double ball(double q)
{
	return q < 1 ? sqrt(1 - q * q) : 0;
}

static double value_at(const struct stamp *p, double q)
{
	double inner = 1 - p->s->wall;

	switch (p->s->profile) {
	case EM_SYNTH_BALL: return ball(q);
	case EM_SYNTH_SLAB: break;
	case EM_SYNTH_SHELL: return (ball(q) - inner * ball(q / inner)) / sqrt(1 - inner * inner);
	case EM_SYNTH_CORE: return (ball(q) + inner * ball(q / inner)) / (1 + inner);
	}
	q = (1 - q) / p->edge + 0.5;
	return q < 0 ? 0 : q > 1 ? 1 : q;
}

void em_synth_stamp(struct em_synth_canvas *c, const struct em_synth_shape *s)
{
	double longer = s->rx > s->ry ? s->rx : s->ry;
	size_t x0, x1, y0, y1;
	struct stamp p;

	prepare(&p, s);
	span(s->x, longer + 1, c->frame->width, &x0, &x1);
	span(s->y, longer + 1, c->frame->height, &y0, &y1);
	for (size_t j = y0; j < y1; j++) {
		float *row = c->layer + j * c->frame->width;
		double dy = (double)j - s->y;

		for (size_t i = x0; i < x1; i++) {
			double dx = (double)i - s->x;
			double q = relative_radius(&p, p.cosine * dx + p.sine * dy, p.cosine * dy - p.sine * dx);
			float v;

			if (q > 1 + p.edge)
				continue;
			v = (float)(s->height * value_at(&p, q));
			row[i] = !s->highest ? row[i] + v : row[i] > v ? row[i] : v;
		}
	}
}

void em_synth_thread(struct em_synth_canvas *c, struct em_random *r, const struct em_synth_shape *dot, double direction,
                     double curl, double length)
{
	struct em_synth_shape s = *dot;
	double step = 0.6 * s.rx > 0.7 ? 0.6 * s.rx : 0.7, bend = 0;

	for (double at = 0; at < length; at += step) {
		em_synth_stamp(c, &s);
		bend = 0.9 * bend + 0.1 * em_random_normal(r);
		direction += curl * step * bend;
		s.x += step * cos(direction);
		s.y += step * sin(direction);
	}
}

/* ---- a surface's brightness ---- */

static float at_edge(const float *v, size_t i, long step, bool inside)
{
	return inside ? v[(size_t)((long)i + step)] : v[i];
}

void em_synth_shade(struct em_synth_canvas *c, double towards)
{
	size_t h = c->frame->height, w = c->frame->width;
	float ux = (float)cos(towards), uy = (float)sin(towards);

	memcpy(c->work, c->layer, h * w * sizeof(*c->layer));
	for (size_t j = 0; j < h; j++)
		for (size_t i = 0; i < w; i++) {
			size_t k = j * w + i;
			const float *v = c->work;
			float left = at_edge(v, k, -1, i > 0), right = at_edge(v, k, 1, i + 1 < w);
			float up = at_edge(v, k, -(long)w, j > 0), down = at_edge(v, k, (long)w, j + 1 < h);
			float gx = (right - left) / 2, gy = (down - up) / 2;
			float secant = sqrtf(1 + gx * gx + gy * gy);
			float facing = (-gx * ux - gy * uy) / secant;
			float hollow = (left + right + up + down) / 4 - v[k];

			if (secant > 3)
				secant = 3;
			hollow = hollow > 1 ? 1 : hollow < -1 ? -1 : hollow;
			c->layer[k] = 0.25f + 0.35f * secant + 0.25f * facing - 0.15f * hollow;
		}
}
