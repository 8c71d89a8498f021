/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/prepare.h"

#include "io/codec.h"
#include "vision/clahe.h"

#include <math.h>

static void scale_by(float *v, size_t n, float full)
{
	for (size_t i = 0; i < n; i++)
		v[i] /= full;
}

/* In double: the difference of two floats may overflow one. */
static void scale_between(float *v, const struct em_array *src, size_t n)
{
	double lo, hi;

	em_array_range(src, &lo, &hi, NULL);
	for (size_t i = 0; i < n; i++) {
		double value = em_array_get(src, i);

		if (isfinite(value))
			v[i] = hi > lo ? (float)((value - lo) / (hi - lo)) : 0;
	}
}

int em_prepare_unit_range(struct em_array *dst, const struct em_array *src, struct em_error *err)
{
	size_t n = em_array_count(src);

	if (em_array_to_f32(dst, src, err))
		return -1;
	if (src->dtype == EM_U8)
		scale_by(dst->data, n, 255);
	else if (src->dtype == EM_U16)
		scale_by(dst->data, n, 65535);
	else
		scale_between(dst->data, src, n);
	return 0;
}

static int stretch(struct em_array *dst, const struct em_array *src, const struct em_prepare *steps,
                   struct em_error *err)
{
	double lo, hi;

	if (em_array_percentiles(src, steps->lo, steps->hi, &lo, &hi, err))
		return -1;
	return em_array_scale_to_u8(dst, src, lo, hi, err);
}

static int equalise(struct em_array *dst, const struct em_array *src, const struct em_prepare *steps, int threads,
                    struct em_error *err)
{
	if (src->dtype != EM_U8 && src->dtype != EM_U16)
		return em_error_set(err, EM_ERROR_DATA,
		                    "CLAHE works on uint8 and uint16, not on %s: add --percentile 0,100, or 1,99",
		                    em_dtype_name(src->dtype));
	return em_clahe_apply(src, steps->clip, steps->tiles_x, steps->tiles_y, threads, dst, err);
}

/* The picture on its way: the caller's own until the first step has made another of it. */
struct stage {
	const struct em_array *own;
	struct em_array now;
};

static void release(struct stage *s)
{
	if (s->now.data != s->own->data)
		em_array_release(&s->now);
}

static void step_on(struct stage *s, const struct em_array *next)
{
	release(s);
	s->now = *next;
}

static int run_steps(struct stage *s, const struct em_prepare *steps, int threads, struct em_error *err)
{
	struct em_array next;

	if (steps->percentile) {
		if (stretch(&next, &s->now, steps, err))
			return -1;
		step_on(s, &next);
	}
	if (steps->clahe) {
		if (equalise(&next, &s->now, steps, threads, err))
			return -1;
		step_on(s, &next);
	}
	if (steps->to_float) {
		if (em_prepare_unit_range(&next, &s->now, err))
			return -1;
		step_on(s, &next);
	}
	if (!em_tiff_plain_size(s->now.dtype, 1, 1)) {
		if (em_array_to_image_type(&next, &s->now, err))
			return -1;
		step_on(s, &next);
	}
	return 0;
}

int em_prepare_image(struct em_array *image, const struct em_prepare *steps, int threads, struct em_error *err)
{
	struct stage s = {image, *image};

	if (run_steps(&s, steps, threads, err)) {
		release(&s);
		return -1;
	}
	if (s.now.data != image->data) {
		em_array_release(image);
		*image = s.now;
	}
	return 0;
}
