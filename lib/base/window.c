/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/window.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* ---- rows: runs of elements along the last axis, in the order of memory ---- */

struct rows {
	int ndim;
	size_t at[EM_MAX_NDIM];          /* index of the row; the last entry is not used */
	const size_t *shape;             /* of what is walked */
};

/* The next row; false after the last. */
static bool next_row(struct rows *r)
{
	for (int k = r->ndim - 2; k >= 0; k--) {
		if (++r->at[k] < r->shape[k])
			return true;
		r->at[k] = 0;
	}
	return false;
}

int em_array_crop(struct em_array *dst, const struct em_array *src, const size_t *begin, const size_t *size,
                  struct em_error *err)
{
	struct rows r = {.ndim = src->ndim, .shape = size};
	size_t item = em_dtype_size(src->dtype), last = src->ndim ? (size_t)src->ndim - 1 : 0;
	struct em_array fresh;
	unsigned char *to;

	for (int k = 0; k < src->ndim; k++)
		if (!size[k] || begin[k] >= src->shape[k] || size[k] > src->shape[k] - begin[k])
			return em_error_set(err, EM_ERROR_DATA, "%zu elements from %zu on leave an axis of %zu",
			                    size[k], begin[k], src->shape[k]);
	if (em_array_alloc(&fresh, src->dtype, src->ndim, size, err))
		return -1;
	to = fresh.data;
	do {
		size_t from = 0, run = src->ndim ? size[last] * item : item;

		for (int k = 0; k < src->ndim; k++)
			from = from * src->shape[k] + begin[k] + r.at[k];
		memcpy(to, (const unsigned char *)src->data + from * item, run);
		to += run;
	} while (next_row(&r));
	for (int k = 0; k < src->ndim; k++) {
		fresh.axis[k] = src->axis[k];
		fresh.axis[k].offset += (double)begin[k] * src->axis[k].scale;
	}
	*dst = fresh;
	return 0;
}

/* ---- binning ---- */

#define ADD(type)                                                                    \
	do {                                                                         \
		const type *v = (const type *)from;                                  \
		for (size_t i = 0; i < n; i++, v += factor) {                        \
			double sum = 0;                                              \
			for (size_t j = 0; j < factor; j++)                          \
				sum += (double)v[j];                                 \
			to[i] += sum;                                                \
		}                                                                    \
	} while (0)

/* to[i] += the sum of `factor` elements; n blocks. */
static void add_row(enum em_dtype dtype, const void *from, size_t n, size_t factor, double *to)
{
	switch (dtype) {
	case EM_U8:
		ADD(uint8_t);
		break;
	case EM_I8:
		ADD(int8_t);
		break;
	case EM_U16:
		ADD(uint16_t);
		break;
	case EM_I16:
		ADD(int16_t);
		break;
	case EM_U32:
		ADD(uint32_t);
		break;
	case EM_I32:
		ADD(int32_t);
		break;
	case EM_U64:
		ADD(uint64_t);
		break;
	case EM_I64:
		ADD(int64_t);
		break;
	case EM_F32:
		ADD(float);
		break;
	case EM_F64:
		ADD(double);
		break;
	case EM_C64:
	case EM_C128:
	case EM_DTYPES:
		break;
	}
}

/* What holds the sum of `count` numbers of this type. */
static enum em_dtype type_of_sum(enum em_dtype dtype, double count)
{
	double largest = 0;

	switch (dtype) {
	case EM_U8:
	case EM_U16:
		largest = (dtype == EM_U8 ? 255.0 : 65535.0) * count;
		if (largest <= 65535)
			return EM_U16;
		break;
	case EM_I8:
	case EM_I16:
		largest = (dtype == EM_I8 ? 128.0 : 32768.0) * count;
		break;
	case EM_F32:
		return EM_F32;
	default:
		return count > 1 ? EM_F64 : dtype;
	}
	return largest <= 2147483647.0 ? EM_I32 : EM_F64;
}

static void narrow(const double *from, size_t n, struct em_array *to)
{
	for (size_t i = 0; i < n; i++)
		switch (to->dtype) {
		case EM_U16:
			((uint16_t *)to->data)[i] = (uint16_t)from[i];
			break;
		case EM_I32:
			((int32_t *)to->data)[i] = (int32_t)from[i];
			break;
		case EM_F32:
			((float *)to->data)[i] = (float)from[i];
			break;
		default:
			((double *)to->data)[i] = from[i];
			break;
		}
}

static int check_factors(const struct em_array *src, const size_t *factor, struct em_error *err)
{
	if (src->dtype == EM_C64 || src->dtype == EM_C128)
		return em_error_set(err, EM_ERROR_DATA, "complex numbers are not binned");
	for (int k = 0; k < src->ndim; k++)
		if (!factor[k] || factor[k] > src->shape[k])
			return em_error_set(err, EM_ERROR_DATA, "blocks of %zu do not fit into an axis of %zu",
			                    factor[k], src->shape[k]);
	return 0;
}

/* Sums of all blocks, in double; `sums` has the shape of the result. */
static void sum_blocks(const struct em_array *src, const size_t *factor, struct em_array *sums)
{
	int last = src->ndim - 1;
	size_t item = em_dtype_size(src->dtype), row = src->shape[last] * item;
	const unsigned char *from = src->data;
	struct rows r = {.ndim = src->ndim, .shape = src->shape};

	do {
		size_t to = 0;
		bool inside = true;

		for (int k = 0; k < last; k++) {
			size_t block = r.at[k] / factor[k];

			inside = inside && block < sums->shape[k];
			to = to * sums->shape[k] + block;
		}
		if (inside)
			add_row(src->dtype, from, sums->shape[last], factor[last],
			        (double *)sums->data + to * sums->shape[last]);
		from += row;
	} while (next_row(&r));
}

int em_array_bin(struct em_array *dst, const struct em_array *src, const size_t *factor, struct em_error *err)
{
	size_t shape[EM_MAX_NDIM] = {0};
	struct em_array sums, fresh;
	double count = 1;

	if (check_factors(src, factor, err))
		return -1;
	for (int k = 0; k < src->ndim; k++) {
		shape[k] = src->shape[k] / factor[k];
		count *= (double)factor[k];
	}
	if (!src->ndim || count == 1)
		return em_array_copy(dst, src, err);
	if (em_array_alloc(&sums, EM_F64, src->ndim, shape, err))
		return -1;
	if (em_array_alloc(&fresh, type_of_sum(src->dtype, count), src->ndim, shape, err)) {
		em_array_release(&sums);
		return -1;
	}
	sum_blocks(src, factor, &sums);
	narrow(sums.data, em_array_count(&sums), &fresh);
	em_array_release(&sums);
	for (int k = 0; k < src->ndim; k++) {
		fresh.axis[k] = src->axis[k];
		fresh.axis[k].scale *= (double)factor[k];
		fresh.axis[k].offset += src->axis[k].scale * (double)(factor[k] - 1) / 2;
	}
	*dst = fresh;
	return 0;
}
