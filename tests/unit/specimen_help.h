/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Specimens and views for tests of the simulator's images. */
#ifndef SPECIMEN_HELP_H
#define SPECIMEN_HELP_H

#include "scope/sim/image.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PI 3.14159265358979323846

static inline struct em_sim_world *world_of(const char *json)
{
	struct em_json *root = em_json_parse(json, strlen(json), NULL);
	struct em_sim_world *w = malloc(sizeof(*w));
	struct em_error err = {0};

	assert_non_null(root);
	assert_non_null(w);
	if (em_sim_world_parse(w, root, 1, &err))
		fail_msg("%s", err.text);
	em_json_free(root);
	w->cache = em_sim_loss_cache_new(NULL);
	assert_non_null(w->cache);
	return w;
}

static inline struct em_sim_world *world_default(void)
{
	struct em_sim_world *w;

	assert_int_equal(em_sim_world_open(NULL, 1, &w, NULL), 0);
	return w;
}

/* An ideal microscope on n x n pixels of a field in m about (x, y). */
static inline struct em_sim_view view_of(enum em_sim_signal signal, size_t n, double field, double x, double y)
{
	struct em_sim_view v = {.signal = signal,
	                        .width = n,
	                        .height = n,
	                        .x = x,
	                        .y = y,
	                        .plane = {{field / (double)n, 0}, {0, field / (double)n}},
	                        .pixel = field / (double)n,
	                        .voltage = 200e3,
	                        .beam_radius = INFINITY,
	                        .electrons = 1000,
	                        .dqe = 1,
	                        .gain = 1,
	                        .saturation = 65535,
	                        .seed = 7};

	if (signal == EM_SIM_SCAN) {
		v.convergence = 25e-3;
		v.inner = 60e-3;
		v.outer = 200e-3;
		v.dwell = 1e-6;
		v.line_seconds = 1e-4;
	}
	return v;
}

static inline float *expected(const struct em_sim_world *w, const struct em_sim_view *v, struct em_array *a)
{
	struct em_error err = {0};

	if (em_sim_expect(w, v, 2, a, &err))
		fail_msg("%s", err.text);
	return a->data;
}

/* Pixel (column, row) of the centroid of |value - base|. */
static inline void centroid(const float *p, size_t n, double base, double at[2])
{
	double sum = 0;

	at[0] = at[1] = 0;
	for (size_t i = 0; i < n * n; i++) {
		double w = fabs(p[i] - base);

		sum += w;
		at[0] += w * (double)(i % n);
		at[1] += w * (double)(i / n);
	}
	assert_true(sum > 0);
	at[0] /= sum;
	at[1] /= sum;
}

static inline double mean_of(const float *p, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)p[i];
	return sum / (double)n;
}

#endif
