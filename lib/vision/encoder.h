/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Encoders: from a picture to a vector whose plain Euclidean distances tell textures apart.  One table of kinds, one
 * interface; an encoder is made once and then used by any number of threads.
 */
#ifndef EM_VISION_ENCODER_H
#define EM_VISION_ENCODER_H

#include "base/array.h"
#include "base/digest.h"
#include "base/error.h"
#include "vision/network.h"

#include <stddef.h>

struct em_encoder {
	const char *name;           /* of this version of it, as the record has it: "spectral-1" */
	size_t dim;                 /* floats in an embedding */
	/* Of everything that changes the numbers so that they cannot be compared: parameters, weights. */
	char digest[EM_DIGEST_HEX];
	const char *weights; /* digest of the file they come from; NULL: from none */
	/* Pictures that it takes at a time; 1: each by itself.  Its batches are full where for each thread that is to
	 * compute so many threads call encode() twice over: for the batch that runs, and for the one that fills. */
	size_t batch;
	const char *precision; /* of a network: "fp32", "bf16" or "int8"; NULL: it is none */
	/* The embedding of one 2-D image of any type, 1 x 1 and up, into out[dim]; always finite.  Safe to call from
	 * many threads.  EM_ERROR_DATA: not an image, or an empty one; EM_ERROR_MEMORY. */
	int (*encode)(const struct em_encoder *encoder, const struct em_array *image, float *out,
	              struct em_error *err);
	void (*free)(struct em_encoder *encoder);
};

struct em_encoder_kind {
	const char *name; /* what -e takes: "spectral" */
	const char *help; /* one line */
	struct em_encoder *(*create)(enum em_precision precision, struct em_error *err);
};

/* The i-th kind, the default first; NULL past the end. */
const struct em_encoder_kind *em_encoder_kind_at(size_t i);
/* EM_ERROR_USAGE: one that is not known, with the names there are; a precision that this one has not. */
struct em_encoder *em_encoder_new(const char *name, enum em_precision precision, struct em_error *err);
void em_encoder_free(struct em_encoder *encoder); /* NULL allowed */

/*
 * What the encoders share: an image as float32, every pixel that is not finite replaced by the mean of those that are
 * (0 where none is), and that mean.  *unit is what makes values comparable between types: 1 / the greatest value of an
 * integer type, 1 for floating point; the pixels are not multiplied by it.
 */
int em_encoder_load(const struct em_array *image, struct em_array *pixels, double *mean, double *unit,
                    struct em_error *err);

/* Of v, and of (v - mean)^2; in one order. */
double em_encoder_sum(const float *v, size_t n);
double em_encoder_squares(const float *v, size_t n, double mean);

/* The table's entries: small.c, spectral.c, pixels.c */
struct em_encoder *em_small_new(enum em_precision precision, struct em_error *err);
struct em_encoder *em_spectral_new(enum em_precision precision, struct em_error *err);
struct em_encoder *em_pixels_new(enum em_precision precision, struct em_error *err);

/*
 * spectral: EM_SPECTRAL_RINGS x EM_SPECTRAL_SECTORS components of unit length together, ring by ring, that describe
 * the power spectrum, then EM_SPECTRAL_MOMENTS of intensity.
 *
 * Ring i is centred on the frequency EM_SPECTRAL_LOWEST^(1 - i / (rings - 1)) of Nyquist's (0.5 a pixel); sector j on
 * the direction j * 180 / sectors degrees of the wave vector, from +x towards +y (down).
 * The moments are mean, 2 sd, and over a grid of 4 x 4 tiles: 2 mean of the tiles' sd, 2 sd of the tiles' sd, 2 sd of
 * the tiles' mean; each is asinh(value * unit) before it is weighted.
 */
#define EM_SPECTRAL_RINGS   12
#define EM_SPECTRAL_SECTORS 12
#define EM_SPECTRAL_LOWEST  0.03
#define EM_SPECTRAL_MOMENTS 5
#define EM_SPECTRAL_DIM     (EM_SPECTRAL_RINGS * EM_SPECTRAL_SECTORS + EM_SPECTRAL_MOMENTS)

/* pixels: 16 x 16 area averages, mean 0 and standard deviation 1 (all 0 for an all-equal image). */
#define EM_PIXELS_SIDE 16
#define EM_PIXELS_DIM  (EM_PIXELS_SIDE * EM_PIXELS_SIDE)

#endif
