/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside bragg.c: the half plane of powers, and what is usual in it. */
#ifndef EM_CRYSTAL_BRAGG_PLANE_H
#define EM_CRYSTAL_BRAGG_PLANE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct em_bragg_plane {
	size_t height, width, columns;
	double *power;  /* [height][columns], the mean of the frames */
	double *smooth; /* 1 2 1 in both directions */
	size_t pixels;  /* one of each pair */
	double step;    /* of |k|, a ring */
	size_t rings;
	size_t *begin;   /* [rings + 1], in order */
	size_t *order;   /* [pixels] places, by ring; one of each pair */
	double *scratch; /* [pixels] */
	/* of the smoothed power, by ring */
	double *median;
	double *shape; /* of its gamma distribution */
	double gain;   /* shape of one frame's white noise, smoothed */
	double streak; /* and at most of a streak in the mean */
};

/* The mean power and the rings' pixels; the rest is zero. */
int em_bragg_plane_init(struct em_bragg_plane *p, const double *sum, size_t height, size_t width, size_t frames,
                        struct em_error *err);
/* Smoothed power, median and shape too. */
int em_bragg_plane_measure(struct em_bragg_plane *p, size_t frames, struct em_error *err);
void em_bragg_plane_release(struct em_bragg_plane *p);

/* The value at k = (y / height, x / width), any whole y and x. */
double em_bragg_plane_at(const struct em_bragg_plane *p, const double *value, long y, long x);
size_t em_bragg_plane_ring(const struct em_bragg_plane *p, long y, long x);
/* Is row j, column i the second of a pair +-k, or k = 0? */
bool em_bragg_plane_twin(const struct em_bragg_plane *p, size_t j, size_t i);

/* The value that has a share q of v[n] below it; v is reordered.  n > 0. */
double em_bragg_quantile(double *v, size_t n, double q);

/* Medians of the smoothed power: beside (y, x) in its row, its column, and in the box about it. */
double em_bragg_beside_row(const struct em_bragg_plane *p, long y, long x);
double em_bragg_beside_column(const struct em_bragg_plane *p, long y, long x);
double em_bragg_about(const struct em_bragg_plane *p, long y, long x);
/* On the circle about (cy, cx) through (y, x), in pixels. */
double em_bragg_around(const struct em_bragg_plane *p, long cy, long cx, long y, long x);

/* A gamma distribution's mean over its median. */
double em_bragg_mean_of_median(double shape);

#endif
