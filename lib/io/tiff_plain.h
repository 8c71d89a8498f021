/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tiff.c needs of tiff_plain.c beyond io/codec.h. */
#ifndef EM_IO_TIFF_PLAIN_H
#define EM_IO_TIFF_PLAIN_H

#include "io/codec.h"

/* Is this, byte for byte, a file of em_tiff_plain_header and its rows?  Outputs have no meaning where it is not. */
bool em_tiff_plain_match(struct em_blob blob, enum em_dtype *dtype, size_t *height, size_t *width);

#endif
