/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tiff.c needs of tiff_plain.c beyond io/codec.h. */
#ifndef EM_IO_TIFF_PLAIN_H
#define EM_IO_TIFF_PLAIN_H

#include "io/codec.h"

/* Is this, byte for byte, a file of em_tiff_plain_header and its rows?  Outputs have no meaning where it is not. */
bool em_tiff_plain_match(struct em_blob blob, enum em_dtype *dtype, size_t *height, size_t *width);
/* Append such a file.  EM_ERROR_USAGE where there is none of this shape and type. */
int em_tiff_plain_encode(const struct em_array *a, struct em_text *out, struct em_error *err);

#endif
