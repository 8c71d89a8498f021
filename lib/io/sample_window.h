/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another scale for what a sample is about, a part of it, sums of its pixels: the record goes along. */
#ifndef EM_IO_SAMPLE_WINDOW_H
#define EM_IO_SAMPLE_WINDOW_H

#include "io/stream.h"

struct em_sample_window {
	size_t roi[4];     /* width, height, x, y in pixels; width 0: all of it */
	size_t bin[2];     /* sum blocks of so many pixels, width and height, of the region; >= 1 */
	size_t bin_energy; /* sum so many channels of spectra; >= 1 */
};

/* The axes y and x get the size of a pixel, in nanometres, and keep where they begin in pixels. */
int em_sample_set_pixel_size(struct em_sample *s, double height_nm, double width_nm, struct em_error *err);
/* Axes and "to_stage" keep each place.  EM_ERROR_DATA where the data have no such axes or the region leaves them. */
int em_sample_take_window(struct em_sample *s, const struct em_sample_window *w, struct em_error *err);

#endif
