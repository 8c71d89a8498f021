/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The geometry of chips: where they lie and what pixels they hold. */
#include "vision/chip.h"

#include <math.h>
#include <string.h>

#define MAX_PIXELS 1e9 /* on a side; keeps every sum below in range */

/* A length along an axis, in pixels. */
static int to_pixels(const struct em_length *length, const struct em_axis *axis, const char *what, size_t *pixels,
                     struct em_error *err)
{
	double n = length->value, metres;

	if (length->unit_m > 0) {
		if (!em_axis_is_calibrated(axis) || em_units_length_in_m(axis->units, &metres))
			return em_error_set(err, EM_ERROR_DATA,
			                    "the picture's %s axis is not calibrated in a unit of length: give the %s "
			                    "in pixels, or calibrate it (emcat --pixel-size 0.02nm)", axis->name, what);
		n = round(n * length->unit_m / (fabs(axis->scale) * metres));
		if (n < 1)
			return em_error_set(err, EM_ERROR_DATA, "the %s is less than a pixel (%.4g %s): enlarge it",
			                    what, fabs(axis->scale), axis->units);
	}
	if (!(n >= 1 && n <= MAX_PIXELS))
		return em_error_set(err, EM_ERROR_DATA, "the %s, %.9g pixels, has no meaning here", what, n);
	*pixels = (size_t)n;
	return 0;
}

/* How many chips of n pixels, s apart, along N >= n pixels. */
static size_t count_along(size_t N, size_t n, size_t s, enum em_chip_edge edge)
{
	size_t whole = (N - n) / s + 1, covering = (N - n + s - 1) / s + 1, beginning_inside = (N - 1) / s + 1;

	if (edge == EM_CHIP_DROP)
		return whole;
	return edge == EM_CHIP_PAD && covering > beginning_inside ? beginning_inside : covering;
}

static int size_from_columns(struct em_chip_grid *g, size_t columns, struct em_error *err)
{
	if (columns > g->image_width)
		return em_error_set(err, EM_ERROR_DATA, "%zu columns do not fit in a picture %zu pixels wide", columns,
		                    g->image_width);
	g->width = g->height = g->image_width / columns;
	return 0;
}

int em_chip_grid_make(struct em_chip_grid *grid, const struct em_chip_plan *plan, const struct em_array *image,
                      struct em_error *err)
{
	struct em_chip_grid g = {.image_height = image->shape[0], .image_width = image->shape[1], .edge = plan->edge};
	const struct em_axis *y = &image->axis[0], *x = &image->axis[1];
	bool strides = plan->stride_x.value > 0;

	if (!g.image_height || !g.image_width)
		return em_error_set(err, EM_ERROR_DATA, "the picture is empty: no chip can be cut from it");
	if (plan->columns ? size_from_columns(&g, plan->columns, err)
	                  : to_pixels(&plan->width, x, "chip's width", &g.width, err) ||
	                            to_pixels(&plan->height, y, "chip's height", &g.height, err))
		return -1;
	g.stride_y = g.height;
	g.stride_x = g.width;
	if (strides && (to_pixels(&plan->stride_x, x, "stride", &g.stride_x, err) ||
	                to_pixels(&plan->stride_y, y, "stride", &g.stride_y, err)))
		return -1;
	if (g.height > g.image_height || g.width > g.image_width)
		return em_error_set(err, EM_ERROR_DATA,
		                    "a chip of %zu x %zu pixels is larger than the picture of %zu x %zu: take a "
		                    "smaller size", g.width, g.height, g.image_width, g.image_height);
	g.rows = count_along(g.image_height, g.height, g.stride_y, g.edge);
	g.cols = count_along(g.image_width, g.width, g.stride_x, g.edge);
	if (plan->columns && !strides && g.edge == EM_CHIP_DROP)
		g.cols = plan->columns; /* rounding the size down may have made room for more */
	*grid = g;
	return 0;
}

static size_t origin_along(size_t i, size_t N, size_t n, size_t s, enum em_chip_edge edge)
{
	size_t at = i * s;

	return edge == EM_CHIP_SHIFT && at > N - n ? N - n : at;
}

void em_chip_origin(const struct em_chip_grid *grid, size_t row, size_t col, size_t *y, size_t *x)
{
	*y = origin_along(row, grid->image_height, grid->height, grid->stride_y, grid->edge);
	*x = origin_along(col, grid->image_width, grid->width, grid->stride_x, grid->edge);
}

/* Pixel i of a line of n that goes on as its mirror image.  A chip is no larger than the picture and begins inside,
 * so that i < 2n - 1 and one reflection is enough. */
static size_t mirror(size_t i, size_t n)
{
	return i < n ? i : 2 * n - 2 - i;
}

void em_chip_copy(const struct em_chip_grid *grid, const struct em_array *image, size_t row, size_t col, void *out)
{
	size_t item = em_dtype_size(image->dtype), y0, x0, inside;
	unsigned char *to = out;

	em_chip_origin(grid, row, col, &y0, &x0);
	inside = grid->image_width - x0 < grid->width ? grid->image_width - x0 : grid->width;
	for (size_t y = y0; y < y0 + grid->height; y++) {
		const unsigned char *from = image->data;

		from += mirror(y, grid->image_height) * grid->image_width * item;
		memcpy(to, from + x0 * item, inside * item);
		for (size_t i = inside; i < grid->width; i++)
			memcpy(to + i * item, from + mirror(x0 + i, grid->image_width) * item, item);
		to += grid->width * item;
	}
}
