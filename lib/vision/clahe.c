/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every float operation below is in OpenCV's order and type; the result is equal bit by bit only so.  Hence no fused
 * multiply-add (gcc keeps from it under -std=c11; clang has to be told) and no excess precision.
 */
#include "vision/clahe.h"

#include "base/parallel.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

_Static_assert(FLT_EVAL_METHOD == 0, "float32 arithmetic must not be carried out in a wider type");

#define MAX_BINS ((size_t)1 << 28) /* of all tiles together: a gigabyte */
#define BAND 32                    /* rows that a thread interpolates in one go */
#define WORTH_A_THREAD 65536       /* pixels: below, starting a thread costs more than it saves */

/* First the count of a grey level, then, in its place, what the level becomes. */
union bin {
	uint32_t count;
	float level;
};

/* Pixels x0 <= x < x1 of every row lie between the centres of the same two columns of tiles. */
struct span {
	size_t x0, x1, left, right;
};

struct clahe {
	const struct em_array *src;
	struct em_array *dst;
	size_t height, width, tiles_y, tiles_x, tile_h, tile_w;
	size_t levels;     /* 256 or 65536 */
	uint32_t limit;    /* counts a bin keeps; 0: all */
	float scale;       /* from cumulated counts to levels */
	union bin *curve;  /* [tiles_y][tiles_x][levels] */
	float *weight;     /* [width]: of the right one of a span's columns of tiles */
	struct span *span; /* [spans] */
	size_t spans;
};

/* Index i of a line of n pixels that is mirrored at its ends without repeating them: 0 1 2 3 2 1 0 1 ... */
static size_t mirror(size_t i, size_t n)
{
	size_t period = 2 * (n - 1);

	if (i < n)
		return i;
	if (n == 1)
		return 0;
	i %= period;
	return i < n ? i : period - i;
}

/* Four histograms in turn: neighbours are often equal, and adding to one counter twice in a row makes the processor
 * wait for its own store. */
static void count_u8(uint32_t count[4][256], const uint8_t *pixel, size_t n)
{
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		count[0][pixel[i]]++;
		count[1][pixel[i + 1]]++;
		count[2][pixel[i + 2]]++;
		count[3][pixel[i + 3]]++;
	}
	for (; i < n; i++)
		count[0][pixel[i]]++;
}

static void count_tile_u8(const struct clahe *c, size_t y0, size_t x0, union bin *bin)
{
	uint32_t count[4][256] = {{0}};
	size_t x1 = x0 + c->tile_w, inside = x1 < c->width ? x1 : c->width;

	for (size_t y = y0; y < y0 + c->tile_h; y++) {
		const uint8_t *row = (const uint8_t *)c->src->data + mirror(y, c->height) * c->width;

		if (x0 < inside)
			count_u8(count, row + x0, inside - x0);
		for (size_t x = x0 > inside ? x0 : inside; x < x1; x++)
			count[0][row[mirror(x, c->width)]]++;
	}
	for (size_t i = 0; i < 256; i++)
		bin[i].count = count[0][i] + count[1][i] + count[2][i] + count[3][i];
}

static void count_tile_u16(const struct clahe *c, size_t y0, size_t x0, union bin *bin)
{
	size_t x1 = x0 + c->tile_w, inside = x1 < c->width ? x1 : c->width;

	memset(bin, 0, c->levels * sizeof(*bin));
	for (size_t y = y0; y < y0 + c->tile_h; y++) {
		const uint16_t *row = (const uint16_t *)c->src->data + mirror(y, c->height) * c->width;

		for (size_t x = x0; x < inside; x++)
			bin[row[x]].count++;
		for (size_t x = x0 > inside ? x0 : inside; x < x1; x++)
			bin[row[mirror(x, c->width)]].count++;
	}
}

/* Cut the histogram at the limit.  What was cut off goes to all bins alike, and the remainder, fewer counts than there
 * are bins, to every step-th bin from the darkest on. */
static void clip_histogram(union bin *bin, size_t levels, uint32_t limit)
{
	size_t excess = 0, remainder, step;

	for (size_t i = 0; i < levels; i++)
		if (bin[i].count > limit) {
			excess += bin[i].count - limit;
			bin[i].count = limit;
		}
	for (size_t i = 0; i < levels; i++)
		bin[i].count += (uint32_t)(excess / levels);
	remainder = excess % levels;
	if (!remainder)
		return;
	step = levels / remainder;
	for (size_t i = 0; i < levels && remainder; i += step, remainder--)
		bin[i].count++;
}

static void equalise(union bin *bin, size_t levels, float scale)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < levels; i++) {
		float level;

		sum += bin[i].count;
		level = rintf((float)sum * scale);
		bin[i].level = level < (float)(levels - 1) ? level : (float)(levels - 1);
	}
}

static void make_curve(void *ctx, size_t tile)
{
	const struct clahe *c = ctx;
	union bin *bin = c->curve + tile * c->levels;
	size_t y0 = tile / c->tiles_x * c->tile_h, x0 = tile % c->tiles_x * c->tile_w;

	if (c->levels == 256)
		count_tile_u8(c, y0, x0, bin);
	else
		count_tile_u16(c, y0, x0, bin);
	if (c->limit)
		clip_histogram(bin, c->levels, c->limit);
	equalise(bin, c->levels, c->scale);
}

/*
 * Where a row or column lies among the centres of `tiles` tiles: between tiles *first and *second, with the weight of
 * the second.  Before the first centre and behind the last one both are the same tile.
 */
static float place(size_t at, float inverse_size, size_t tiles, size_t *first, size_t *second)
{
	float q = (float)at * inverse_size - 0.5f, below = floorf(q);
	long i = (long)below;

	*first = i < 0 ? 0 : (size_t)i;
	*second = (size_t)(i + 1) < tiles ? (size_t)(i + 1) : tiles - 1;
	return q - below;
}

static void plan_columns(struct clahe *c)
{
	float inverse = 1.0f / (float)c->tile_w;
	struct span *s = NULL;

	for (size_t x = 0; x < c->width; x++) {
		size_t left, right;

		c->weight[x] = place(x, inverse, c->tiles_x, &left, &right);
		if (!s || s->left != left || s->right != right) {
			s = &c->span[c->spans++];
			*s = (struct span){x, x, left, right};
		}
		s->x1 = x + 1;
	}
}

/* Round half to even by adding 1.5 * 2^23, whose ulp is 1: right for |v| < 2^22, and lrintf would be a call. */
static inline uint32_t round_even(float v)
{
	union {
		float f;
		uint32_t u;
	} sum = {.f = v + 12582912.0f};

	return sum.u - 0x4b400000u;
}

/* The four curves around the pixels of one span, and the weight of the lower two. */
struct corners {
	const union bin *upper_left, *upper_right, *lower_left, *lower_right;
	float weight;
};

/* Two convex combinations of levels: never below 0, never above the top level by as much as the half that would
 * round up. */
#define BLEND(type)                                                                                           \
	do {                                                                                                  \
		const type *in = src;                                                                         \
		type *out = dst;                                                                              \
		const float lower = k->weight, upper = 1.0f - lower;                                          \
                                                                                                              \
		for (size_t x = 0; x < n; x++) {                                                              \
			size_t v = in[x];                                                                     \
			float right = weight[x], left = 1.0f - right;                                         \
			float above = k->upper_left[v].level * left + k->upper_right[v].level * right;        \
			float below = k->lower_left[v].level * left + k->lower_right[v].level * right;        \
                                                                                                              \
			out[x] = (type)round_even(above * upper + below * lower);                             \
		}                                                                                             \
	} while (0)

static void blend_u8(const struct corners *k, const void *src, void *dst, const float *weight, size_t n)
{
	BLEND(uint8_t);
}

static void blend_u16(const struct corners *k, const void *src, void *dst, const float *weight, size_t n)
{
	BLEND(uint16_t);
}

static void interpolate_row(const struct clahe *c, size_t y)
{
	size_t upper, lower, size = em_dtype_size(c->src->dtype);
	float weight = place(y, 1.0f / (float)c->tile_h, c->tiles_y, &upper, &lower);
	const union bin *above = c->curve + upper * c->tiles_x * c->levels;
	const union bin *below = c->curve + lower * c->tiles_x * c->levels;

	for (size_t i = 0; i < c->spans; i++) {
		const struct span *s = &c->span[i];
		size_t at = (y * c->width + s->x0) * size, l = s->left * c->levels, r = s->right * c->levels;
		struct corners k = {above + l, above + r, below + l, below + r, weight};

		(c->levels == 256 ? blend_u8 : blend_u16)(&k, (const unsigned char *)c->src->data + at,
		                                          (unsigned char *)c->dst->data + at, c->weight + s->x0,
		                                          s->x1 - s->x0);
	}
}

static void interpolate_band(void *ctx, size_t band)
{
	const struct clahe *c = ctx;
	size_t end = (band + 1) * BAND;

	for (size_t y = band * BAND; y < end && y < c->height; y++)
		interpolate_row(c, y);
}

/* The size of the tiles, and from it the limit and the scale. */
static int plan_tiles(struct clahe *c, double clip, struct em_error *err)
{
	bool divides = c->height % c->tiles_y == 0 && c->width % c->tiles_x == 0;
	size_t area;
	double limit;

	c->tile_h = c->height / c->tiles_y + !divides;
	c->tile_w = c->width / c->tiles_x + !divides;
	if (c->tile_h > INT32_MAX / c->tile_w)
		return em_error_set(err, EM_ERROR_DATA, "CLAHE tiles of %zu x %zu pixels are too large: use more tiles",
		                    c->tile_w, c->tile_h);
	area = c->tile_h * c->tile_w;
	limit = clip * (double)area / (double)c->levels;
	if (clip > 0 && limit < (double)area)
		c->limit = limit < 1 ? 1 : (uint32_t)limit;
	c->scale = (float)(c->levels - 1) / (float)area;
	return 0;
}

static int check(const struct em_array *src, double clip, size_t tiles_x, size_t tiles_y, struct em_error *err)
{
	size_t levels = src->dtype == EM_U8 ? 256 : 65536;

	if (src->ndim != 2 || (src->dtype != EM_U8 && src->dtype != EM_U16))
		return em_error_set(err, EM_ERROR_USAGE, "CLAHE needs a uint8 or uint16 image, not %d-D %s", src->ndim,
		                    em_dtype_name(src->dtype));
	if (!(clip >= 0))
		return em_error_set(err, EM_ERROR_USAGE, "the CLAHE clip limit is 0 (none) or more, not %g", clip);
	if (!tiles_x || !tiles_y || tiles_x > MAX_BINS / levels || tiles_y > MAX_BINS / levels / tiles_x)
		return em_error_set(err, EM_ERROR_USAGE, "%zu x %zu CLAHE tiles: take 1 to %zu in all", tiles_x,
		                    tiles_y, MAX_BINS / levels);
	if (!src->shape[0] || !src->shape[1])
		return em_error_set(err, EM_ERROR_DATA, "CLAHE of an empty image");
	return 0;
}

static int allocate(struct clahe *c, struct em_error *err)
{
	size_t bins = c->tiles_y * c->tiles_x * c->levels;

	c->curve = malloc(bins * sizeof(*c->curve));
	c->weight = malloc(c->width * sizeof(*c->weight));
	c->span = malloc((c->tiles_x + 1) * sizeof(*c->span));
	if (!c->curve || !c->weight || !c->span)
		return em_error_memory(err, bins * sizeof(*c->curve));
	return em_array_alloc_image(c->dst, c->src->dtype, c->height, c->width, err);
}

int em_clahe_apply(const struct em_array *src, double clip, size_t tiles_x, size_t tiles_y, int threads,
                   struct em_array *dst, struct em_error *err)
{
	struct em_array fresh = {0};
	struct clahe c = {.src = src, .dst = &fresh, .tiles_y = tiles_y, .tiles_x = tiles_x};
	int status;

	if (check(src, clip, tiles_x, tiles_y, err))
		return -1;
	c.height = src->shape[0];
	c.width = src->shape[1];
	c.levels = src->dtype == EM_U8 ? 256 : 65536;
	status = plan_tiles(&c, clip, err);
	if (!status)
		status = allocate(&c, err);
	if (c.height * c.width < WORTH_A_THREAD)
		threads = 1;
	if (!status) {
		memcpy(fresh.axis, src->axis, sizeof(fresh.axis));
		plan_columns(&c);
		em_parallel_for(threads, tiles_y * tiles_x, make_curve, &c);
		em_parallel_for(threads, (c.height + BAND - 1) / BAND, interpolate_band, &c);
		*dst = fresh;
	}
	free(c.curve);
	free(c.weight);
	free(c.span);
	return status;
}
