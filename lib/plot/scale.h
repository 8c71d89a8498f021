/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers for people: ticks of an axis, the length of a scale bar, and what to write beside them.  Steps are 1, 2 or 5
 * times a power of ten.  Labels are UTF-8 with a real minus sign.
 */
#ifndef EM_PLOT_SCALE_H
#define EM_PLOT_SCALE_H

#include "base/array.h"

#include <stddef.h>

#define EM_TICKS_MAX 12

struct em_ticks {
	size_t n;
	double at[EM_TICKS_MAX];       /* ascending, within the range asked for */
	char label[EM_TICKS_MAX][32];  /* at / 10^exponent, all with the same number of decimals */
	double step;
	int exponent;                  /* 0, or a multiple of 3 that keeps the labels short: write "×10ⁿ" once */
};

/* The greatest of 1, 2, 5 times a power of ten that is <= x; 0 where x is not finite and positive. */
double em_scale_nice_floor(double x);
/* The least such number that is >= x. */
double em_scale_nice_ceil(double x);

/* Multiples of a nice step within [lo, hi], at most `most` (2..EM_TICKS_MAX) of them and as many as that allows.
 * No ticks where lo < hi does not hold or either is not finite. */
void em_scale_ticks(struct em_ticks *t, double lo, double hi, size_t most);

/* "×10³" of an exponent, into buf; "" for 0. */
void em_scale_power(char *buf, size_t n, int exponent);

/* The unit that suits times up to `longest` seconds ("s", from 5 min on "min", from 6 h on "h"), and how many seconds
 * it has. */
double em_scale_time(double longest, const char **units);

struct em_scale_bar {
	double pixels;   /* its length in pixels of the picture */
	char label[40];  /* "20 nm", "5 nm⁻¹", "200 px" */
};

/*
 * A bar at most `share` (0..1) of an axis of `size` pixels.  Lengths are written in the unit that suits them (pm, Å,
 * nm, µm, mm, m), reciprocal lengths in 1/Å, 1/nm, 1/µm, angles in µrad, mrad, rad, other units as they are; an axis
 * that is not calibrated is measured in px.
 */
void em_scale_bar_choose(struct em_scale_bar *bar, const struct em_axis *axis, size_t size, double share);

#endif
