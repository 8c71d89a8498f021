/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Series of spectra whose truth is known: a power law and two edges of two lines each, of which a share x is another
 * compound, whose first edge is 1 eV down the axis; counted, on a detector that may have a pattern, drifting.
 */
#ifndef EM_TEST_SERIES_HELP_H
#define EM_TEST_SERIES_HELP_H

#include "base/random.h"
#include "forecast/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct course {
	size_t frames, channels;
	double counts; /* a channel before the first edge */
	double rate;   /* of x = most (1 - exp(-rate t)) */
	double most;
	double fade;    /* of all intensity, a frame */
	double drift;   /* channels a frame */
	double start;   /* channels, of the first frame */
	double walk;    /* standard deviation of each frame's step beside it */
	double pattern; /* standard deviation of the detector's */
	bool silent;    /* no noise */
	double fresh;   /* a line at 480 eV grows from the series' middle on, so much a frame by what is there */
	uint64_t seed;  /* of noise and walk; the pattern has its own */
};

static inline double course_line(double e, double at, double width)
{
	return exp(-0.5 * pow((e - at) / width, 2));
}

/* 0.2 eV a channel from 420 eV. */
/* Of the one compound, 0, and the other, 1. */
static inline double course_shape(double e, double x)
{
	double low = e - 458 + x, high = e - 500;

	return pow(e / 440, -3) + 0.25 * (1 + tanh(low / 0.8)) + (1 - 0.5 * x) * course_line(low, 1.5, 0.6) +
	       0.7 * course_line(low, 7, 0.8) + 0.15 * (1 + tanh(high)) + (0.5 - 0.2 * x) * course_line(high, 3, 1.2);
}

static inline double course_x(const struct course *c, size_t t)
{
	return c->most * (1 - exp(-c->rate * (double)t));
}

/* shift[frames] may be NULL. */
static inline struct em_series course_series(const struct course *c, double *shift)
{
	struct em_series s = {.name = strdup("course"), .energy = {c->channels, 420, 0.2}, .count = c->frames};
	struct em_random noise, detector;
	double wandered = 0;

	em_random_seed(&noise, c->seed, 1);
	s.frame = malloc(c->frames * c->channels * sizeof(float));
	s.truth = malloc(c->frames * c->channels * sizeof(float));
	for (size_t t = 0; t < c->frames; t++) {
		double at = c->start + c->drift * (double)t + wandered, bright = c->counts * exp(-c->fade * (double)t);

		em_random_seed(&detector, 77, 0);
		if (shift)
			shift[t] = at;
		for (size_t i = 0; i < c->channels; i++) {
			double e = em_energy_at(&s.energy, (double)i - at), x = course_x(c, t),
			       v = bright * ((1 - x) * course_shape(e, 0) + x * course_shape(e, 1)),
			       gain = 1 + c->pattern * em_random_normal(&detector),
			       grown = c->fresh * fmax(0, (double)t - (double)c->frames / 2);

			v *= 1 + grown * course_line(e, 480, 1);

			s.truth[t * c->channels + i] = (float)v;
			s.frame[t * c->channels + i] =
			    c->silent ? (float)(gain * v) : (float)(gain * em_random_poisson(&noise, v));
		}
		wandered += c->walk * em_random_normal(&noise);
	}
	return s;
}

#endif
