/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one image of a DigitalMicrograph file is: type, dimensions, axes, where its values lie. */
#ifndef EM_IO_DM_IMAGE_H
#define EM_IO_DM_IMAGE_H

#include "base/array.h"
#include "io/dm_tags.h"

enum em_dm_layout {
	EM_DM_PLAIN,
	EM_DM_BOOLEAN,
	EM_DM_COLOUR, /* 32-bit 0xAARRGGBB */
	EM_DM_PACKED, /* half of a Hermitian transform */
};

struct em_dm_pixel {
	unsigned code;       /* ImageData.DataType */
	enum em_dtype dtype; /* of our array */
	size_t item, part;   /* bytes of an element in the file, and of the numbers it is made of */
	enum em_dm_layout layout;
};

struct em_dm_image {
	const struct em_dm_tag *tag;      /* the entry of ImageList */
	const struct em_dm_pixel *pixel;  /* NULL: cannot be read */
	int ndim;
	size_t dim[EM_MAX_NDIM];          /* the fastest first */
	struct em_axis axis[EM_MAX_NDIM]; /* likewise */
	int spectral;                     /* which dimension is energy or wavelength; -1: none */
	const unsigned char *data;
	size_t bytes, frames, first;      /* first: the file's frame that is our frame 0; the caller's */
};

/* im is overwritten; when this fails, im->pixel is NULL and im->frames 1.  Bytes and dimensions agree. */
int em_dm_image_describe(const struct em_dm_tree *t, const struct em_dm_tag *tag, struct em_dm_image *im,
                         struct em_error *err);

#endif
