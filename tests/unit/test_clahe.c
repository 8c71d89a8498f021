/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two witnesses: digests of what OpenCV 4.6's createCLAHE makes of pictures that a formula generates, and a second
 * implementation here, slow and to the letter of the description in clahe.h.
 */
#include "vision/clahe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

static void put(struct em_array *a, size_t i, size_t v)
{
	if (a->dtype == EM_U8)
		((uint8_t *)a->data)[i] = (uint8_t)v;
	else
		((uint16_t *)a->data)[i] = (uint16_t)v;
}

/* A slope with a quadratic residue pattern on it: v = L/4 + ((3xx + 5yy + xy) mod 97) L/512 + xL/4w + yL/8h. */
static struct em_array picture(enum em_dtype dtype, size_t h, size_t w)
{
	size_t levels = dtype == EM_U8 ? 256 : 65536;
	struct em_array a;

	assert_int_equal(em_array_alloc_image(&a, dtype, h, w, NULL), 0);
	for (size_t y = 0; y < h; y++)
		for (size_t x = 0; x < w; x++)
			put(&a, y * w + x, levels / 4 + (x * x * 3 + y * y * 5 + x * y) % 97 * (levels / 512) +
			                           x * levels / (4 * w) + y * levels / (8 * h));
	return a;
}

/* FNV-1a over pixels (not bytes), 64 bits. */
static uint64_t digest(const struct em_array *a)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < em_array_count(a); i++)
		h = (h ^ (uint64_t)em_array_get(a, i)) * 0x100000001b3u;
	return h;
}

static void equals_opencv(void **state)
{
	static const struct {
		size_t h, w;
		enum em_dtype dtype;
		size_t tiles_x, tiles_y;
		double clip;
		uint64_t digest; /* of cv2.createCLAHE(clip, (tiles_x, tiles_y)).apply(picture), cv2 4.6.0 */
	} golden[] = {
		{1, 1, EM_U8, 8, 8, 2.0, 0xaf64724c8602eb6eu},
		{5, 3, EM_U8, 8, 8, 1.0, 0x556aae8f9db21928u},
		{64, 64, EM_U8, 8, 8, 2.0, 0x822511e7435ecd8du},
		{95, 130, EM_U8, 8, 8, 2.0, 0x7520432c501f6189u},
		{130, 95, EM_U8, 16, 4, 1.0, 0xb8a9e001a2ee4715u},
		{101, 57, EM_U8, 1, 1, 3.5, 0x6415ed069ad065d3u},
		{96, 64, EM_U8, 4, 16, 0.0, 0xc6c94a44dfa2b7f3u},
		{77, 40, EM_U8, 3, 5, 500.0, 0xd69901743aa3beddu},
		{64, 64, EM_U16, 8, 8, 2.0, 0x60dcbcb26961d108u},
		{61, 83, EM_U16, 3, 2, 40.0, 0xbc39dd4e6e58d845u},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(*golden); i++) {
		struct em_array src = picture(golden[i].dtype, golden[i].h, golden[i].w), dst;

		assert_int_equal(em_clahe_apply(&src, golden[i].clip, golden[i].tiles_x, golden[i].tiles_y, 1, &dst,
		                                NULL), 0);
		if (digest(&dst) != golden[i].digest)
			fail_msg("picture %zu differs", i);
		em_array_release(&src);
		em_array_release(&dst);
	}
}

/* ---- the second implementation: the picture really extended, every pixel on its own ---- */

/* Reflected at both ends until it is inside. */
static long inside(long i, long n)
{
	while (n > 1 && (i < 0 || i >= n))
		i = i < 0 ? -i : 2 * n - 2 - i;
	return n > 1 ? i : 0;
}

static void curve_of(const struct em_array *a, long y0, long x0, long th, long tw, double clip, float *curve)
{
	long levels = a->dtype == EM_U8 ? 256 : 65536, h = (long)a->shape[0], w = (long)a->shape[1];
	long *hist = calloc((size_t)levels, sizeof(long)), excess = 0, sum = 0;
	double limit = fmax(1, floor(clip * (double)(th * tw) / (double)levels));

	assert_non_null(hist);
	for (long y = y0; y < y0 + th; y++)
		for (long x = x0; x < x0 + tw; x++)
			hist[(long)em_array_get(a, (size_t)(inside(y, h) * w + inside(x, w)))]++;
	if (clip > 0)
		for (long i = 0; i < levels; i++)
			if ((double)hist[i] > limit) {
				excess += hist[i] - (long)limit;
				hist[i] = (long)limit;
			}
	for (long i = 0; i < levels; i++)
		hist[i] += excess / levels;
	if (excess % levels)
		for (long i = 0; i < excess % levels; i++)
			hist[i * (levels / (excess % levels))]++;
	for (long i = 0; i < levels; i++) {
		float gain = (float)(levels - 1) / (float)(th * tw);

		sum += hist[i];
		curve[i] = nearbyintf((float)sum * gain);
		curve[i] = curve[i] > (float)(levels - 1) ? (float)(levels - 1) : curve[i];
	}
	free(hist);
}

static long clamp(long i, long n)
{
	return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static struct em_array reference(const struct em_array *a, double clip, long tx, long ty)
{
	long levels = a->dtype == EM_U8 ? 256 : 65536, h = (long)a->shape[0], w = (long)a->shape[1];
	long extend = h % ty != 0 || w % tx != 0;
	long th = (h + extend * (ty - h % ty)) / ty, tw = (w + extend * (tx - w % tx)) / tx;
	float *curve = malloc((size_t)(tx * ty * levels) * sizeof(float));
	struct em_array out;

	assert_non_null(curve);
	assert_int_equal(em_array_alloc_image(&out, a->dtype, a->shape[0], a->shape[1], NULL), 0);
	for (long t = 0; t < tx * ty; t++)
		curve_of(a, t / tx * th, t % tx * tw, th, tw, clip, curve + t * levels);
	for (long i = 0; i < h * w; i++) {
		float inverse_h = 1.0f / (float)th, inverse_w = 1.0f / (float)tw;
		float qy = (float)(i / w) * inverse_h - 0.5f, qx = (float)(i % w) * inverse_w - 0.5f;
		long y = (long)floorf(qy), x = (long)floorf(qx), v = (long)em_array_get(a, (size_t)i);
		float fy = qy - (float)y, fx = qx - (float)x, gy = 1.0f - fy, gx = 1.0f - fx;
		float *up = curve + clamp(y, ty) * tx * levels + v, *low = curve + clamp(y + 1, ty) * tx * levels + v;
		long l = clamp(x, tx) * levels, r = clamp(x + 1, tx) * levels;

		put(&out, (size_t)i,
		    (size_t)nearbyintf((up[l] * gx + up[r] * fx) * gy + (low[l] * gx + low[r] * fx) * fy));
	}
	free(curve);
	return out;
}

static void assert_same(const struct em_array *a, const struct em_array *b)
{
	assert_int_equal(a->dtype, b->dtype);
	assert_int_equal(em_array_bytes(a), em_array_bytes(b));
	assert_memory_equal(a->data, b->data, em_array_bytes(a));
}

static void equals_reference(void **state)
{
	static const size_t sizes[][2] = {{1, 1}, {1, 40}, {40, 1},  {2, 3},    {8, 8},
	                                  {9, 8}, {48, 64}, {61, 33}, {300, 250}};
	static const size_t tiles[][2] = {{8, 8}, {1, 1}, {16, 4}, {3, 5}, {20, 1}};
	static const double clips[] = {0, 0.001, 1, 2, 40, 1e6};

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		struct em_array src = picture(EM_U8, sizes[s][0], sizes[s][1]);

		for (size_t k = 0; k < 30; k++) {
			size_t tx = tiles[k / 6][0], ty = tiles[k / 6][1];
			struct em_array want = reference(&src, clips[k % 6], (long)tx, (long)ty), got;

			assert_int_equal(em_clahe_apply(&src, clips[k % 6], tx, ty, 1, &got, NULL), 0);
			assert_same(&want, &got);
			em_array_release(&want);
			em_array_release(&got);
		}
		em_array_release(&src);
	}
}

/* 300 x 250 = 75000 pixels is worth two threads; whoever works, the bytes are the same. */
static void equals_itself_over_threads(void **state)
{
	static const enum em_dtype types[] = {EM_U8, EM_U16};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct em_array src = picture(types[i], 300, 250), one, three;

		em_axis_set(&src.axis[1], "x", 0.25, 7, "nm");
		assert_int_equal(em_clahe_apply(&src, 2, 3, 4, 1, &one, NULL), 0);
		assert_int_equal(em_clahe_apply(&src, 2, 3, 4, 3, &three, NULL), 0);
		assert_same(&one, &three);
		assert_true(one.axis[1].scale == 0.25 && one.axis[1].offset == 7);
		em_array_release(&src);
		em_array_release(&one);
		em_array_release(&three);
	}
}

/* With one tile and no clipping the curve is the cumulated histogram: v -> round(255 * share of pixels <= v). */
static void one_tile_is_plain_equalisation(void **state)
{
	struct em_array src, dst;

	(void)state;
	assert_int_equal(em_array_alloc_image(&src, EM_U8, 2, 4, NULL), 0);
	memcpy(src.data, (uint8_t[]){10, 10, 10, 10, 20, 20, 200, 255}, 8);
	assert_int_equal(em_clahe_apply(&src, 0, 1, 1, 1, &dst, NULL), 0);
	assert_memory_equal(dst.data, ((uint8_t[]){128, 128, 128, 128, 191, 191, 223, 255}), 8);
	em_array_release(&src);
	em_array_release(&dst);
}

static void refuses(void **state)
{
	struct em_array src = picture(EM_U8, 8, 8), f, line, dst = {.ndim = 77};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_array_to_f32(&f, &src, NULL), 0);
	assert_int_equal(em_clahe_apply(&f, 2, 8, 8, 1, &dst, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_array_alloc(&line, EM_U8, 1, (size_t[]){5}, NULL), 0);
	assert_int_equal(em_clahe_apply(&line, 2, 8, 8, 1, &dst, &err), -1);
	assert_int_equal(em_clahe_apply(&src, -1, 8, 8, 1, &dst, &err), -1);
	assert_int_equal(em_clahe_apply(&src, (double)NAN, 8, 8, 1, &dst, &err), -1);
	assert_int_equal(em_clahe_apply(&src, 2, 0, 8, 1, &dst, &err), -1);
	assert_int_equal(em_clahe_apply(&src, 2, 8, 0, 1, &dst, &err), -1);
	assert_int_equal(em_clahe_apply(&src, 2, SIZE_MAX, 2, 1, &dst, &err), -1);
	assert_int_equal(em_clahe_apply(&src, 2, (size_t)1 << 32, (size_t)1 << 32, 1, &dst, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	em_array_release(&src);
	assert_int_equal(em_array_alloc_image(&src, EM_U8, 0, 8, NULL), 0);
	assert_int_equal(em_clahe_apply(&src, 2, 8, 8, 1, &dst, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(dst.ndim, 77);
	em_array_release(&src);
	em_array_release(&f);
	em_array_release(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_opencv),
		cmocka_unit_test(equals_reference),
		cmocka_unit_test(equals_itself_over_threads),
		cmocka_unit_test(one_tile_is_plain_equalisation),
		cmocka_unit_test(refuses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("clahe", tests, NULL, NULL);
}
