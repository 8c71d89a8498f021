/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The n-dimensional typed array that every room works on: C order (last index fastest), contiguous, one axis a
 * dimension.  A 2-D image has shape {height, width}; axis 0 is y (down), axis 1 is x (right).
 *
 * Life cycle: em_array_alloc fills a struct on the stack (whatever was in it is overwritten), em_array_release frees
 * what it owns and zeroes it.  A zeroed struct is an empty array and may be released.
 */
#ifndef EM_BASE_ARRAY_H
#define EM_BASE_ARRAY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_MAX_NDIM 8

enum em_dtype {
	EM_U8,
	EM_I8,
	EM_U16,
	EM_I16,
	EM_U32,
	EM_I32,
	EM_U64,
	EM_I64,
	EM_F32,
	EM_F64,
	EM_C64,  /* complex of two float32 */
	EM_C128, /* complex of two float64 */
	EM_DTYPES
};

/* value(i) = offset + i * scale, in `units`.  Not calibrated: units "" and scale 1 (HyperSpy's convention). */
struct em_axis {
	char name[16];
	char units[16];
	double scale, offset;
};

struct em_array {
	enum em_dtype dtype;
	int ndim;
	size_t shape[EM_MAX_NDIM];
	struct em_axis axis[EM_MAX_NDIM];
	void *data; /* owned, from em_array_alloc; never NULL in an allocated array, even of zero elements */
};

size_t em_dtype_size(enum em_dtype dtype);      /* bytes an element */
const char *em_dtype_name(enum em_dtype dtype); /* numpy's name: "uint8", "float32", ... */
/* The dtype that numpy calls `name`; -1 where there is none (err untouched). */
int em_dtype_parse(const char *name, enum em_dtype *dtype);

/* Zeroed elements.  EM_ERROR_MEMORY when the size overflows or memory is short; EM_ERROR_DATA for a bad ndim.
 * Axes: the last is "x", then "y", then "t" for ndim <= 3, else "axis-N"; uncalibrated. */
int em_array_alloc(struct em_array *a, enum em_dtype dtype, int ndim, const size_t *shape, struct em_error *err);
/* Those axes, for an array made by hand. */
void em_array_name_axes(struct em_array *a);
/* The same for a 2-D image. */
int em_array_alloc_image(struct em_array *a, enum em_dtype dtype, size_t height, size_t width, struct em_error *err);
void em_array_release(struct em_array *a);
/*
 * The array's memory, for the caller to free: EM_ARRAY_HEADROOM bytes of anything, then the elements; *a is zeroed.  So
 * a file's header can stand before the pixels without moving them.
 */
#define EM_ARRAY_HEADROOM 192
void *em_array_take_memory(struct em_array *a);
/* dst becomes a copy of src, axes included. */
int em_array_copy(struct em_array *dst, const struct em_array *src, struct em_error *err);

/* The number of bytes an array of this type and shape takes; -1 when that overflows size_t (err untouched). */
int em_array_measure(enum em_dtype dtype, int ndim, const size_t *shape, size_t *bytes);
size_t em_array_count(const struct em_array *a); /* elements */
size_t em_array_bytes(const struct em_array *a); /* bytes of data */

/* Is axis k in a unit, with a finite non-zero scale? */
bool em_axis_is_calibrated(const struct em_axis *axis);
/* name and units are copied, cut to 15 bytes; they may be the axis's own. */
void em_axis_set(struct em_axis *axis, const char *name, double scale, double offset, const char *units);

/* The element at flat index i as a double; of a complex type, its modulus. */
double em_array_get(const struct em_array *a, size_t i);
/* dst = src as float32, axes kept; complex becomes its modulus.  NaN and infinities are kept. */
int em_array_to_f32(struct em_array *dst, const struct em_array *src, struct em_error *err);
/* The same of n elements from flat index `first` on, into out[n]. */
void em_array_read_f32(const struct em_array *a, size_t first, size_t n, float *out);

/* The least and greatest finite values and how many elements are not finite.  Without any finite value: min = max =
 * 0.  Any pointer may be NULL. */
void em_array_range(const struct em_array *a, double *min, double *max, size_t *nonfinite);

/*
 * The values below which lo_percent and hi_percent of the finite elements lie (0..100), with linear interpolation
 * between order statistics: numpy.percentile's default.  EM_ERROR_DATA when no element is finite.
 */
int em_array_percentiles(const struct em_array *a, double lo_percent, double hi_percent, double *lo, double *hi,
                         struct em_error *err);

/*
 * dst (uint8) = round-half-even(255 * (src - lo) / (hi - lo)), clamped to 0..255; NaN becomes 0.  Where hi <= lo
 * (an all-equal image) the result is 0 below or at lo and 255 above.  Axes kept.
 */
int em_array_scale_to_u8(struct em_array *dst, const struct em_array *src, double lo, double hi,
                         struct em_error *err);

/* Only what EM image members can hold: u8, u16, i16, i32, f32.  Others are widened or narrowed without loss of
 * range: i8 -> i16; u32, u64, i64 -> i32 where every value fits, else f32; f64 -> f32; complex -> modulus f32.
 * dst may not be src. */
int em_array_to_image_type(struct em_array *dst, const struct em_array *src, struct em_error *err);

#endif
