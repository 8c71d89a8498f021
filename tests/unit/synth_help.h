/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A canvas for the tests of lib/synth, and sums over it. */
#ifndef EM_TEST_SYNTH_HELP_H
#define EM_TEST_SYNTH_HELP_H

#include "synth/canvas.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TURN 6.283185307179586

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

struct easel {
	struct em_synth_frame frame;
	struct em_synth_canvas c;
	struct em_random r;
};

static void set_up(struct easel *e, size_t height, size_t width)
{
	assert_int_equal(em_synth_frame_init(&e->frame, height, width, NULL), 0);
	assert_int_equal(em_synth_canvas_init(&e->c, &e->frame, NULL), 0);
	em_synth_clear(&e->c, e->c.image, 0);
	em_synth_clear(&e->c, e->c.layer, 0);
	em_random_seed(&e->r, 1, 2);
}

static void clear_up(struct easel *e)
{
	em_synth_canvas_release(&e->c);
	em_synth_frame_release(&e->frame);
}

static inline double sum(const struct easel *e, const float *v)
{
	double s = 0;

	for (size_t i = 0; i < em_synth_canvas_pixels(&e->c); i++)
		s += (double)v[i];
	return s;
}

/* The power at frequency (kx, ky), cycles a pixel, under a Hann window over the canvas, of v less its mean. */
static inline double power_at(const struct easel *e, const float *v, double kx, double ky)
{
	size_t h = e->frame.height, w = e->frame.width;
	double re = 0, im = 0, mean = sum(e, v) / (double)(h * w);

	for (size_t j = 0; j < h; j++)
		for (size_t i = 0; i < w; i++) {
			double wx = sin(TURN / 2 * ((double)i + 0.5) / (double)w),
			       wy = sin(TURN / 2 * ((double)j + 0.5) / (double)h);
			double a = ((double)v[j * w + i] - mean) * wx * wx * wy * wy;
			double phase = TURN * (kx * (double)i + ky * (double)j);

			re += a * cos(phase);
			im += a * sin(phase);
		}
	return re * re + im * im;
}

/* Move (kx, ky) to the peak near it, to `within` of the frequency. */
static inline void find_peak(const struct easel *e, const float *v, double *kx, double *ky, double within)
{
	double step = 0.05 * hypot(*kx, *ky), best = power_at(e, v, *kx, *ky);

	while (step > within * hypot(*kx, *ky)) {
		double x = *kx, y = *ky;

		for (int i = 0; i < 4; i++) {
			double nx = x + (i == 0   ? step
			                 : i == 1 ? -step
			                          : 0),
			       ny = y + (i == 2   ? step
			                 : i == 3 ? -step
			                          : 0);
			double p = power_at(e, v, nx, ny);

			if (p > best) {
				best = p;
				*kx = nx;
				*ky = ny;
			}
		}
		if (*kx == x && *ky == y)
			step /= 2;
	}
}

#endif
