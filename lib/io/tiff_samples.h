/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a TIFF's decoded samples to the pixels we hand out.  Knows nothing of libtiff. */
#ifndef EM_IO_TIFF_SAMPLES_H
#define EM_IO_TIFF_SAMPLES_H

#include "io/codec.h"

#include <stdint.h>

struct em_tiff_layout {
	/* From the directory. */
	unsigned bits, format, samples; /* BitsPerSample, SampleFormat, SamplesPerPixel */
	bool separate;                  /* PlanarConfiguration 2: one plane a sample */
	bool white_is_zero, palette, color;
	bool extra_is_alpha; /* all samples beyond the first (grey) are declared to be alpha */
	/* What em_tiff_layout_plan makes of it. */
	enum em_dtype dtype;
	unsigned step; /* samples a pixel in the rows given to convert: 1 when separate and grey */
	/* One row of n pixels. */
	void (*convert)(const struct em_tiff_layout *layout, const unsigned char *row, size_t n, void *out);
	unsigned char lut[256]; /* for at most 8 bits */
};

/*
 * Choose dtype and convert.  Unsigned integers of 1 to 16, 32 and 64 bits, signed of 8, 16, 32 and 64, floats of 16
 * (given as float32), 32 and 64.  Fewer than 8 bits are stretched to 0..255; 9 to 15 are counts and stay.  Where white
 * is zero, unsigned values v become max - v: brighter is greater, as viewers show it.  `map`: the colour map's three
 * columns of 2^bits entries, or NULL.
 */
int em_tiff_layout_plan(struct em_tiff_layout *layout, const uint16_t *const map[3], struct em_error *err);

/* Does convert copy rows of one sample unchanged, so that strips may be decoded straight into the array? */
bool em_tiff_layout_is_direct(const struct em_tiff_layout *layout);

#endif
