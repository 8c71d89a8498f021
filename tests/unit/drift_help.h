/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Movies whose drift is known: two lattices and an amorphous part, counted in electrons.  For test_drift.c. */
#ifndef EM_TEST_DRIFT_HELP_H
#define EM_TEST_DRIFT_HELP_H

#include "base/array.h"
#include "base/fft.h"
#include "base/random.h"

#include <math.h>
#include <stdlib.h>

static const double TURN = 6.28318530717958647692;

/* What is on the frames. */
struct scene {
	size_t height, width, frames;
	double dose;      /* electrons a pixel; 0: 1000 without noise */
	double film;      /* amplitude of the waves of 16 and 13 px */
	double substrate; /* amplitude of those of 6 px at right angles */
	double fringes;   /* of one wave of 12.5 px, across */
	double amorphous; /* standard deviation */
	double finest;    /* its amplitudes fall as exp(-(k / finest)^2), cycles/px */
	double fixed;     /* standard deviation of the pixels' gains */
	double distance;  /* the drift in all, px down; 0.6 of it to the right */
	double rough;     /* standard deviation of each step about it, px */
	size_t jump;      /* from this frame on 4 px further down, 3 to the left; 0: none */
	double film_end;  /* the film's amplitude in the last frame, of that in the first; -1: reversed */
	double slope;     /* of the light across the frame */
	uint64_t seed;
};

static const struct scene usual = {.height = 256,
                                   .width = 256,
                                   .frames = 40,
                                   .film = 0.1,
                                   .substrate = 0.08,
                                   .amorphous = 0.05,
                                   .finest = 0.12,
                                   .distance = 20,
                                   .rough = 0.15,
                                   .film_end = 1,
                                   .seed = 1};

struct movie {
	struct scene scene;
	struct em_random random;
	struct em_fft_plan *back;
	float *waves, *turned, *canvas; /* the amorphous part, on twice the frame: it does not come round again */
	double *gain;
	double drift[2], wander[2];
	size_t frame;
};

static inline void make_waves(struct movie *m)
{
	const size_t h = 2 * m->scene.height, w = 2 * m->scene.width, columns = w / 2 + 1;
	double power = 0;

	for (size_t i = 0; i < h * columns; i++) {
		double ky = (double)(i / columns) / (double)h, kx = (double)(i % columns) / (double)w, k;

		ky -= ky > 0.5;
		k = hypot(ky, kx);
		for (size_t part = 2 * i; part < 2 * i + 2 && k > 0; part++) {
			double v = em_random_normal(&m->random) * exp(-pow(k / m->scene.finest, 2));

			m->waves[part] = (float)v;
			power += (i % columns ? 2 : 1) * v * v;
		}
	}
	for (size_t i = 0; i < 2 * h * columns; i++)
		m->waves[i] *= (float)(m->scene.amorphous / sqrt(power));
}

static inline struct movie *open_movie(struct scene scene)
{
	const size_t h = 2 * scene.height, w = 2 * scene.width, n = scene.height * scene.width;
	struct movie *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->scene = scene;
	em_random_seed(&m->random, scene.seed, 0);
	m->back = em_fft_plan_new_inverse(h, w, NULL);
	m->waves = calloc(h * (w + 2), sizeof(*m->waves));
	m->turned = em_fft_alloc(h * (w + 2), NULL);
	m->canvas = em_fft_alloc(h * w, NULL);
	m->gain = calloc(n, sizeof(*m->gain));
	assert_true(m->back && m->waves && m->turned && m->canvas && m->gain);
	make_waves(m);
	for (size_t i = 0; i < n; i++)
		m->gain[i] = 1 + scene.fixed * em_random_normal(&m->random);
	return m;
}

static inline void close_movie(struct movie *m)
{
	em_fft_plan_free(m->back);
	free(m->waves);
	em_fft_free(m->turned);
	em_fft_free(m->canvas);
	free(m->gain);
	free(m);
}

static inline void move(struct movie *m)
{
	const struct scene *s = &m->scene;
	double t = (double)m->frame / (double)(s->frames - 1);

	for (int a = 0; a < 2 && m->frame > 0; a++)
		m->wander[a] += s->rough * em_random_normal(&m->random);
	m->drift[0] = s->distance * pow(t, 1.3) + m->wander[0];
	m->drift[1] = 0.6 * s->distance * sin(1.4 * t) + m->wander[1];
	if (s->jump && m->frame >= s->jump) {
		m->drift[0] += 4;
		m->drift[1] -= 3;
	}
}

static inline void shift_waves(struct movie *m)
{
	const size_t h = 2 * m->scene.height, w = 2 * m->scene.width, columns = w / 2 + 1;

	for (size_t i = 0; i < h * columns; i++) {
		double ky = (double)(i / columns) / (double)h, kx = (double)(i % columns) / (double)w, phase;
		double re = (double)m->waves[2 * i], im = (double)m->waves[2 * i + 1];

		phase = -TURN * ((ky - (ky > 0.5)) * m->drift[0] + kx * m->drift[1]);
		m->turned[2 * i] = (float)(re * cos(phase) - im * sin(phase));
		m->turned[2 * i + 1] = (float)(re * sin(phase) + im * cos(phase));
	}
	em_fft_inverse(m->back, m->turned, m->canvas);
}

static inline double wave(double ky, double kx, double y, double x)
{
	return cos(TURN * (ky * y + kx * x) + 0.3);
}

/* The next frame, as counts; the true drift is in m. */
static inline void expose(struct movie *m, struct em_array *frame)
{
	const struct scene *s = &m->scene;
	const double dose = s->dose > 0 ? s->dose : 1000;
	double t = (double)m->frame / (double)(s->frames - 1), film = s->film * (1 + t * (s->film_end - 1));

	move(m);
	shift_waves(m);
	assert_int_equal(em_array_alloc_image(frame, EM_F32, s->height, s->width, NULL), 0);
	for (size_t i = 0; i < s->height * s->width; i++) {
		size_t row = i / s->width, column = i % s->width;
		double y = (double)row - m->drift[0], x = (double)column - m->drift[1], v = 1;

		v += film * (wave(0.061, 0.013, y, x) + wave(-0.02, 0.075, y, x));
		v += s->substrate * (wave(1 / 6., 0, y, x) + wave(0, 1 / 6., y, x));
		v += s->fringes * wave(0, 0.08, y, x);
		v += (double)m->canvas[row * 2 * s->width + column];
		v *= m->gain[i] * dose * (1 + s->slope * ((double)column / (double)s->width - 0.5));
		((float *)frame->data)[i] = (float)(s->dose > 0 ? em_random_poisson(&m->random, v) : v);
	}
	m->frame++;
}

#endif
