/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chips: the small pictures, on a regular grid, that a micrograph is cut into.  First the geometry, then the cutting of
 * one picture's sample into chips' samples that know where they lie on the specimen.
 */
#ifndef EM_VISION_CHIP_H
#define EM_VISION_CHIP_H

#include "base/array.h"
#include "base/error.h"
#include "base/units.h"
#include "io/stream.h"

#include <stddef.h>

/* What becomes of the right and lower border, where a whole chip does not fit any more. */
enum em_chip_edge {
	EM_CHIP_DROP,  /* no chip there: what remains is left out */
	EM_CHIP_SHIFT, /* the last chip of a row or column is moved inwards until it fits, overlapping its neighbour */
	EM_CHIP_PAD,   /* the picture goes on as its mirror image about the last pixel, which is not repeated */
};

/* What was asked for, before any picture is known. */
struct em_chip_plan {
	struct em_length width, height;      /* of a chip */
	struct em_length stride_x, stride_y; /* from one chip to the next; value 0: the chip's own size */
	size_t columns;                      /* not 0: width = height = floor(picture's width / columns) instead */
	enum em_chip_edge edge;
};

/* All in pixels.  Chip (row, col) covers [y, y + height) x [x, x + width) from the origin that em_chip_origin tells. */
struct em_chip_grid {
	size_t image_height, image_width;
	size_t height, width, stride_y, stride_x;
	size_t rows, cols; /* >= 1 */
	enum em_chip_edge edge;
};

/*
 * The grid on a picture.  Lengths become pixels by the picture's axes, to the nearest pixel.  In each direction, with N
 * pixels, chips of n, stride s:  drop 1 + floor((N - n) / s) chips;  shift 1 + ceil((N - n) / s);  pad the same, but
 * none that would begin behind the last pixel.  With `columns` and no stride of its own, drop cuts just that many.
 * EM_ERROR_DATA: a picture of no length unit while the plan has one, a chip under one pixel or larger than the picture.
 */
int em_chip_grid_make(struct em_chip_grid *grid, const struct em_chip_plan *plan, const struct em_array *image,
                      struct em_error *err);
/* The pixel of the picture that is the chip's first.  row < rows, col < cols. */
void em_chip_origin(const struct em_chip_grid *grid, size_t row, size_t col, size_t *y, size_t *x);
/* The pixels of a chip, height x width of the image's type, to `out`. */
void em_chip_copy(const struct em_chip_grid *grid, const struct em_array *image, size_t row, size_t col, void *out);

/* What all chips of one picture have in common, rendered once. */
struct em_chipper;

/*
 * `image` holds the pixels to cut (the picture's own, or what a filter made of them); it and grid are borrowed for the
 * chipper's life, `picture` is not.  A chip's record is the picture's, member by member, but for
 *
 *   key       PICTURE/rRRRcCCC, counted from 0, at least three digits each
 *   image     of the chip
 *   axes      offsets moved to the chip's origin
 *   chip      {"row","col","box":[y,x,h,w],"grid":[rows,cols],"image":[height,width of the picture]}
 *   to_stage  centre_px moved by the chip's origin, so that stage + um_per_px * (p - centre_px) is the same place
 *
 * Its one member is KEY.tif.  EM_ERROR_DATA: a key that grows too long, a to_stage without centre_px.
 */
struct em_chipper *em_chipper_new(const struct em_sample *picture, const struct em_array *image,
                                  const struct em_chip_grid *grid, struct em_error *err);
void em_chipper_free(struct em_chipper *c); /* NULL allowed */
/* Chip i < rows * cols, row by row.  Safe from many threads at once.  The caller releases *chip. */
int em_chipper_cut(const struct em_chipper *c, size_t i, struct em_sample *chip, struct em_error *err);

#endif
