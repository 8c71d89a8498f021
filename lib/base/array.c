/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/array.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	size_t size;
} dtypes[EM_DTYPES] = {
	[EM_U8] = {"uint8", 1},     [EM_I8] = {"int8", 1},        [EM_U16] = {"uint16", 2},
	[EM_I16] = {"int16", 2},    [EM_U32] = {"uint32", 4},     [EM_I32] = {"int32", 4},
	[EM_U64] = {"uint64", 8},   [EM_I64] = {"int64", 8},      [EM_F32] = {"float32", 4},
	[EM_F64] = {"float64", 8},  [EM_C64] = {"complex64", 8},  [EM_C128] = {"complex128", 16},
};

size_t em_dtype_size(enum em_dtype dtype)
{
	return dtypes[dtype].size;
}

const char *em_dtype_name(enum em_dtype dtype)
{
	return dtypes[dtype].name;
}

int em_dtype_parse(const char *name, enum em_dtype *dtype)
{
	for (int i = 0; i < EM_DTYPES; i++)
		if (!strcmp(dtypes[i].name, name)) {
			*dtype = (enum em_dtype)i;
			return 0;
		}
	return -1;
}

int em_array_measure(enum em_dtype dtype, int ndim, const size_t *shape, size_t *bytes)
{
	size_t n = em_dtype_size(dtype);

	for (int i = 0; i < ndim; i++) {
		if (shape[i] && n > SIZE_MAX / 2 / shape[i])
			return -1;
		n *= shape[i];
	}
	*bytes = n;
	return 0;
}

void em_axis_set(struct em_axis *axis, const char *name, double scale, double offset, const char *units)
{
	struct em_axis fresh = {.scale = scale, .offset = offset}; /* name and units may be the axis's own */

	snprintf(fresh.name, sizeof(fresh.name), "%s", name);
	snprintf(fresh.units, sizeof(fresh.units), "%s", units);
	*axis = fresh;
}

void em_array_name_axes(struct em_array *a)
{
	static const char *const common[] = {"x", "y", "t"};

	for (int i = 0; i < a->ndim; i++) {
		int from_last = a->ndim - 1 - i;
		char name[sizeof(a->axis[i].name)];

		if (a->ndim <= 3)
			snprintf(name, sizeof(name), "%s", common[from_last]);
		else
			snprintf(name, sizeof(name), "axis-%u", (unsigned)i & 7);
		em_axis_set(&a->axis[i], name, 1, 0, "");
	}
}

int em_array_alloc(struct em_array *a, enum em_dtype dtype, int ndim, const size_t *shape, struct em_error *err)
{
	struct em_array fresh = {.dtype = dtype, .ndim = ndim};
	unsigned char *memory;
	size_t bytes;

	if (ndim < 0 || ndim > EM_MAX_NDIM)
		return em_error_set(err, EM_ERROR_DATA, "%d dimensions; at most %d are supported", ndim, EM_MAX_NDIM);
	if (em_array_measure(dtype, ndim, shape, &bytes))
		return em_error_set(err, EM_ERROR_MEMORY, "an array of this shape has too many elements");
	for (int i = 0; i < ndim; i++)
		fresh.shape[i] = shape[i];
	em_array_name_axes(&fresh);
	memory = bytes <= SIZE_MAX - EM_ARRAY_HEADROOM ? calloc(1, EM_ARRAY_HEADROOM + bytes) : NULL;
	if (!memory)
		return em_error_memory(err, bytes);
	fresh.data = memory + EM_ARRAY_HEADROOM;
	*a = fresh;
	return 0;
}

int em_array_alloc_image(struct em_array *a, enum em_dtype dtype, size_t height, size_t width, struct em_error *err)
{
	return em_array_alloc(a, dtype, 2, (const size_t[]){height, width}, err);
}

void em_array_release(struct em_array *a)
{
	free(em_array_take_memory(a));
}

void *em_array_take_memory(struct em_array *a)
{
	void *memory = a->data ? (unsigned char *)a->data - EM_ARRAY_HEADROOM : NULL;

	memset(a, 0, sizeof(*a));
	return memory;
}

static void copy_axes(struct em_array *dst, const struct em_array *src)
{
	memcpy(dst->axis, src->axis, sizeof(dst->axis));
}

int em_array_copy(struct em_array *dst, const struct em_array *src, struct em_error *err)
{
	struct em_array fresh;

	if (em_array_alloc(&fresh, src->dtype, src->ndim, src->shape, err))
		return -1;
	copy_axes(&fresh, src);
	memcpy(fresh.data, src->data, em_array_bytes(src));
	*dst = fresh;
	return 0;
}

size_t em_array_count(const struct em_array *a)
{
	size_t n = 1;

	for (int i = 0; i < a->ndim; i++)
		n *= a->shape[i];
	return n;
}

size_t em_array_bytes(const struct em_array *a)
{
	return em_array_count(a) * em_dtype_size(a->dtype);
}

bool em_axis_is_calibrated(const struct em_axis *axis)
{
	return axis->units[0] && isfinite(axis->scale) && axis->scale != 0;
}

double em_array_get(const struct em_array *a, size_t i)
{
	const void *d = a->data;

	switch (a->dtype) {
	case EM_U8: return ((const uint8_t *)d)[i];
	case EM_I8: return ((const int8_t *)d)[i];
	case EM_U16: return ((const uint16_t *)d)[i];
	case EM_I16: return ((const int16_t *)d)[i];
	case EM_U32: return ((const uint32_t *)d)[i];
	case EM_I32: return ((const int32_t *)d)[i];
	case EM_U64: return (double)((const uint64_t *)d)[i];
	case EM_I64: return (double)((const int64_t *)d)[i];
	case EM_F32: return (double)((const float *)d)[i];
	case EM_F64: return ((const double *)d)[i];
	case EM_C64: return hypot((double)((const float *)d)[2 * i], (double)((const float *)d)[2 * i + 1]);
	case EM_C128: return hypot(((const double *)d)[2 * i], ((const double *)d)[2 * i + 1]);
	case EM_DTYPES: break;
	}
	return NAN;
}

#define CONVERT_TO_F32(type)                                    \
	for (size_t i = 0; i < n; i++)                          \
		out[i] = (float)((const type *)a->data)[first + i]; \
	break

void em_array_read_f32(const struct em_array *a, size_t first, size_t n, float *out)
{
	switch (a->dtype) { /* the common types in loops that the compiler can vectorise */
	case EM_U8: CONVERT_TO_F32(uint8_t);
	case EM_U16: CONVERT_TO_F32(uint16_t);
	case EM_I16: CONVERT_TO_F32(int16_t);
	case EM_I32: CONVERT_TO_F32(int32_t);
	case EM_F32: CONVERT_TO_F32(float);
	case EM_F64: CONVERT_TO_F32(double);
	default:
		for (size_t i = 0; i < n; i++)
			out[i] = (float)em_array_get(a, first + i);
	}
}

int em_array_to_f32(struct em_array *dst, const struct em_array *src, struct em_error *err)
{
	struct em_array fresh;

	if (em_array_alloc(&fresh, EM_F32, src->ndim, src->shape, err))
		return -1;
	copy_axes(&fresh, src);
	em_array_read_f32(src, 0, em_array_count(src), fresh.data);
	*dst = fresh;
	return 0;
}

void em_array_range(const struct em_array *a, double *min, double *max, size_t *nonfinite)
{
	size_t n = em_array_count(a), bad = 0;
	double lo = INFINITY, hi = -INFINITY;

	for (size_t i = 0; i < n; i++) {
		double v = em_array_get(a, i);

		if (!isfinite(v)) {
			bad++;
			continue;
		}
		lo = v < lo ? v : lo;
		hi = v > hi ? v : hi;
	}
	if (bad == n)
		lo = hi = 0;
	if (min)
		*min = lo;
	if (max)
		*max = hi;
	if (nonfinite)
		*nonfinite = bad;
}

/* Hoare's selection: afterwards v[k] is the k-th smallest, nothing left of it is larger, nothing right is smaller. */
static void select_kth(float *v, size_t n, size_t k)
{
	ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1, at = (ptrdiff_t)k;

	while (lo < hi) {
		float pivot = v[lo + (hi - lo) / 2];
		ptrdiff_t i = lo, j = hi;

		while (i <= j) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i <= j) {
				float t = v[i];
				v[i++] = v[j];
				v[j--] = t;
			}
		}
		if (at <= j)
			hi = j;
		else if (at >= i)
			lo = i;
		else
			return;
	}
}

static double percentile(float *v, size_t n, double percent)
{
	double rank = percent / 100.0 * (double)(n - 1);
	size_t k = (size_t)floor(rank);
	double frac = rank - (double)k;
	double below, above;

	select_kth(v, n, k);
	below = (double)v[k];
	if (frac == 0 || k + 1 >= n)
		return below;
	above = INFINITY;
	for (size_t i = k + 1; i < n; i++)
		above = (double)v[i] < above ? (double)v[i] : above;
	return below + frac * (above - below);
}

/* Of small integers the order statistics are in their histogram, ten times as fast as selection. */
static double histogram_percentile(const size_t *count, size_t n, double percent)
{
	double rank = percent / 100.0 * (double)(n - 1), frac = rank - floor(rank);
	size_t k = (size_t)floor(rank), before = count[0], below = 0, above;

	while (before <= k)
		before += count[++below];
	above = below;
	while (before <= k + 1 && k + 1 < n)
		before += count[++above];
	return (double)below + frac * (double)(above - below);
}

static int histogram_percentiles(const struct em_array *a, const double percent[2], double *lo, double *hi,
                                 struct em_error *err)
{
	size_t n = em_array_count(a), bins = a->dtype == EM_U8 ? 256 : 65536;
	size_t *count = calloc(bins, sizeof(*count));

	if (!count)
		return em_error_memory(err, bins * sizeof(*count));
	for (size_t i = 0; i < n; i++)
		count[a->dtype == EM_U8 ? ((const uint8_t *)a->data)[i] : ((const uint16_t *)a->data)[i]]++;
	*lo = histogram_percentile(count, n, percent[0]);
	*hi = histogram_percentile(count, n, percent[1]);
	free(count);
	return 0;
}

int em_array_percentiles(const struct em_array *a, double lo_percent, double hi_percent, double *lo, double *hi,
                         struct em_error *err)
{
	struct em_array f;
	float *v;
	size_t n, kept = 0;

	if (!(lo_percent >= 0 && hi_percent <= 100 && lo_percent <= hi_percent))
		return em_error_set(err, EM_ERROR_USAGE, "percentiles %g,%g are not within 0..100, low before high",
		                    lo_percent, hi_percent);
	if ((a->dtype == EM_U8 || a->dtype == EM_U16) && em_array_count(a))
		return histogram_percentiles(a, (const double[2]){lo_percent, hi_percent}, lo, hi, err);
	if (em_array_to_f32(&f, a, err))
		return -1;
	n = em_array_count(&f);
	v = f.data;
	for (size_t i = 0; i < n; i++)
		if (isfinite(v[i]))
			v[kept++] = v[i];
	if (kept) {
		*lo = percentile(v, kept, lo_percent);
		*hi = percentile(v, kept, hi_percent);
	}
	em_array_release(&f);
	return kept ? 0 : em_error_set(err, EM_ERROR_DATA, "no finite pixel in the image");
}

static uint8_t scale_one(float v, float lo, float hi, float gain)
{
	float t;

	if (!(hi > lo))
		return v > lo ? 255 : 0;
	t = (v - lo) * gain;
	if (!(t > 0)) /* NaN too */
		return 0;
	return t >= 255 ? 255 : (uint8_t)lrintf(t);
}

int em_array_scale_to_u8(struct em_array *dst, const struct em_array *src, double lo, double hi, struct em_error *err)
{
	struct em_array f = {0}, fresh;
	size_t n = em_array_count(src);
	float gain = hi > lo ? (float)(255 / (hi - lo)) : 0;

	if (src->dtype != EM_F32 && em_array_to_f32(&f, src, err))
		return -1;
	if (em_array_alloc(&fresh, EM_U8, src->ndim, src->shape, err)) {
		em_array_release(&f);
		return -1;
	}
	copy_axes(&fresh, src);
	const float *in = f.data ? f.data : src->data;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)fresh.data)[i] = scale_one(in[i], (float)lo, (float)hi, gain);
	em_array_release(&f);
	*dst = fresh;
	return 0;
}

/* The image member type that holds every value of src. */
static enum em_dtype image_type(const struct em_array *src)
{
	double min, max;

	switch (src->dtype) {
	case EM_U8:
	case EM_U16:
	case EM_I16:
	case EM_I32:
	case EM_F32: return src->dtype;
	case EM_I8: return EM_I16;
	case EM_U32:
	case EM_U64:
	case EM_I64:
		em_array_range(src, &min, &max, NULL);
		return min >= INT32_MIN && max <= INT32_MAX ? EM_I32 : EM_F32;
	default: return EM_F32;
	}
}

int em_array_to_image_type(struct em_array *dst, const struct em_array *src, struct em_error *err)
{
	enum em_dtype type = image_type(src);
	struct em_array fresh;
	size_t n = em_array_count(src);

	if (type == src->dtype)
		return em_array_copy(dst, src, err);
	if (type == EM_F32)
		return em_array_to_f32(dst, src, err);
	if (em_array_alloc(&fresh, type, src->ndim, src->shape, err))
		return -1;
	copy_axes(&fresh, src);
	for (size_t i = 0; i < n; i++) {
		if (type == EM_I16)
			((int16_t *)fresh.data)[i] = (int16_t)em_array_get(src, i);
		else
			((int32_t *)fresh.data)[i] = (int32_t)em_array_get(src, i);
	}
	*dst = fresh;
	return 0;
}
