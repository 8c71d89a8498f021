/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two-dimensional Fourier transforms in single precision (FFTW inside).  A plan belongs to one size; making it
 * is serialised inside, executing it is safe from many threads at once.  Plans are FFTW_ESTIMATE: the same input
 * gives the same bits on every run of a machine.
 */
#ifndef EM_BASE_FFT_H
#define EM_BASE_FFT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct em_fft_plan;

/* For height x width images, >= 1 each.  */
struct em_fft_plan *em_fft_plan_new(size_t height, size_t width, struct em_error *err);
void em_fft_plan_free(struct em_fft_plan *plan); /* NULL allowed */
/* The same for em_fft_forward_in_place. */
struct em_fft_plan *em_fft_plan_new_in_place(size_t height, size_t width, struct em_error *err);
/* For em_fft_inverse: a plan transforms one way only. */
struct em_fft_plan *em_fft_plan_new_inverse(size_t height, size_t width, struct em_error *err);
/* And for em_fft_complex_inverse, of arrays that hold nothing but in their first `reach` and last `reach` columns,
 * which saves transforms of zeros; reach >= (width + 1) / 2: anywhere. */
struct em_fft_plan *em_fft_plan_new_complex(size_t height, size_t width, size_t reach, struct em_error *err);

/* SIMD-aligned floats for the transforms' in- and outputs; freed by em_fft_free. */
float *em_fft_alloc(size_t floats, struct em_error *err);
void em_fft_free(float *p);

/* Forward: in[height][width] -> out[height][width/2+1] as (re, im) pairs, unnormalised.  `in` is overwritten. Both from
 * em_fft_alloc. */
void em_fft_forward(const struct em_fft_plan *plan, float *in, float *out);
/* The same without a second array: of data[height][width/2+1] pairs each row begins with the image's.  Of every
 * EM_FFT_PIECE columns wanted[column / EM_FFT_PIECE] says whether they are (NULL: all); the others are left in between.
 */
#define EM_FFT_PIECE 32
void em_fft_forward_in_place(const struct em_fft_plan *plan, float *data, const bool *wanted);
/* Back: in[height][width/2+1] pairs -> out[height][width], unnormalised: height * width times what went forward.  `in`
 * is overwritten.  Both from em_fft_alloc. */
void em_fft_inverse(const struct em_fft_plan *plan, float *in, float *out);
/* Back, of complex numbers: in[height][width] pairs -> out[height][width] pairs, unnormalised.  `in` is overwritten.
 * Both from em_fft_alloc. */
void em_fft_complex_inverse(const struct em_fft_plan *plan, float *in, float *out);

/* The power spectrum |F|^2 of the half plane, [height][width/2+1], from em_fft_forward's output; may
 * overwrite it (power == spectrum). */
void em_fft_power(const float *spectrum, size_t height, size_t width, float *power);

/* The Hann window of n samples, symmetric about its middle, never zero at its ends:
 * w(i) = sin^2(pi (i + 1/2) / n). */
void em_fft_hann(float *w, size_t n);

#endif
