/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The spectrum of a frame: what every method of this room begins with, made once a frame.
 *
 *     F(k) = sum over r of w(r) (I(r) - mean) exp(-2 pi i k.r),    k = (j / height, i / width)
 *
 * Pixels are at whole numbers r = (y, x).  The window w is Tukey's in each direction: 1 in the middle, a quarter of the
 * frame falling to 0 as sin^2 at its borders.  A frame has no borders then that could pass for spots, and three
 * quarters of it keep their full weight, so that maps reach almost to the edge.
 */
#ifndef EM_CRYSTAL_SPECTRUM_H
#define EM_CRYSTAL_SPECTRUM_H

#include "base/array.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_SPECTRUM_LEAST 16    /* pixels a side: below, there is no lattice to be seen */
#define EM_SPECTRUM_TAPER 0.125 /* of the side, at either border */

/* The window and the transform of one size; many threads may use one. */
struct em_spectrum_plan;

/* EM_ERROR_DATA for fewer than EM_SPECTRUM_LEAST pixels a side, or too many. */
struct em_spectrum_plan *em_spectrum_plan_new(size_t height, size_t width, struct em_error *err);
void em_spectrum_plan_free(struct em_spectrum_plan *plan); /* NULL allowed */

/* A frame's; a zeroed struct may be released. */
struct em_spectrum {
	size_t height, width;
	size_t columns;  /* width / 2 + 1: the half plane of k_x >= 0 */
	float *value;    /* [height][columns] (re, im); row j has k_y = j / height, beyond half (j - height) / height */
	double mean;     /* of the finite pixels */
	double variance; /* under the window: infinite where its square is beyond a float */
	size_t gaps;     /* pixels that are no finite numbers: they count as the mean */
	size_t saturated; /* pixels at the greatest value that uint8, uint16 or int16 hold; of other types 0 */
};

/* The spectrum of a frame of the plan's size.  EM_ERROR_DATA for another size, more than two dimensions, or no finite
 * pixel; EM_ERROR_MEMORY. */
int em_spectrum_init(struct em_spectrum *s, const struct em_spectrum_plan *plan, const struct em_array *frame,
                     struct em_error *err);
/* The same, of columns that nobody wants anything: see em_fft_forward_in_place; NULL: all are wanted. */
int em_spectrum_init_part(struct em_spectrum *s, const struct em_spectrum_plan *plan, const struct em_array *frame,
                          const bool *wanted, struct em_error *err);
void em_spectrum_release(struct em_spectrum *s);
/* Columns from..to of frames so wide are wanted too; of nobody yet: `wanted` is of em_spectrum_pieces falses. */
size_t em_spectrum_pieces(size_t width);
void em_spectrum_want(bool *wanted, size_t from, size_t to);

/* The window at pixel x of n; x may lie between pixels, and outside, where it is 0. */
double em_spectrum_window(double x, size_t n);
/* The sum of its squares over both directions: white noise of variance v has |F|^2 = v times that on average. */
double em_spectrum_window_power(size_t height, size_t width);

/* sum[height][columns] += |F|^2 */
void em_spectrum_add_power(const struct em_spectrum *s, double *sum);

#endif
