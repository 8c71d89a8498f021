/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deflate, unpacked, for every format that packs with it.  RFC 1951 is the bare form, RFC 1950 the wrapped one. */
#ifndef EM_IO_INFLATE_H
#define EM_IO_INFLATE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum em_inflate_wrap {
	EM_INFLATE_RAW, /* as in a ZIP: the caller has a checksum of its own */
	EM_INFLATE_ZLIB /* with zlib's two bytes before it and its checksum, which is verified, behind */
};

/*
 * in[0..n) into exactly out_bytes bytes (out is never NULL), of any size.  EM_ERROR_DATA for data that are damaged or
 * hold more or less: what is in out is then of no use.  Bytes behind the end of the compressed data are left alone.
 */
int em_inflate(const unsigned char *in, size_t n, unsigned char *out, size_t out_bytes, enum em_inflate_wrap wrap,
               struct em_error *err);
/* The first `wanted` bytes (less than 4 GiB), or fewer where there are not so many or the data are broken: how many. */
size_t em_inflate_start(const unsigned char *in, size_t n, unsigned char *out, size_t wanted,
                        enum em_inflate_wrap wrap);

/* The checksum that a ZIP keeps of a member's bytes. */
uint32_t em_inflate_crc32(const unsigned char *bytes, size_t n);

#endif
