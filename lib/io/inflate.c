/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/inflate.h"

#include <zlib.h>

#define PIECE ((size_t)1 << 30) /* zlib counts in unsigned int */

static int begin(z_stream *z, const unsigned char *in, unsigned char *out, enum em_inflate_wrap wrap)
{
	*z = (z_stream){.next_in = (z_const Bytef *)(uintptr_t)in, .next_out = out};
	return inflateInit2(z, wrap == EM_INFLATE_RAW ? -MAX_WBITS : MAX_WBITS);
}

static uInt piece_of(size_t n)
{
	return (uInt)(n < PIECE ? n : PIECE);
}

size_t em_inflate_start(const unsigned char *in, size_t n, unsigned char *out, size_t wanted, enum em_inflate_wrap wrap)
{
	z_stream z;

	if (begin(&z, in, out, wrap) != Z_OK)
		return 0;
	z.avail_in = piece_of(n);
	z.avail_out = (uInt)wanted;
	inflate(&z, Z_SYNC_FLUSH);
	wanted -= z.avail_out;
	inflateEnd(&z);
	return wanted;
}

int em_inflate(const unsigned char *in, size_t n, unsigned char *out, size_t out_bytes, enum em_inflate_wrap wrap,
               struct em_error *err)
{
	z_stream z;
	int rc;

	if (begin(&z, in, out, wrap) != Z_OK)
		return em_error_memory(err, sizeof(z));
	do {
		uInt in_piece = piece_of(n), out_piece = piece_of(out_bytes);

		z.avail_in = in_piece;
		z.avail_out = out_piece;
		rc = inflate(&z, Z_NO_FLUSH);
		n -= in_piece - z.avail_in;
		out_bytes -= out_piece - z.avail_out;
		if (in_piece == z.avail_in && out_piece == z.avail_out && rc != Z_STREAM_END)
			rc = Z_DATA_ERROR; /* no progress: one side has come to its end too early */
	} while (rc == Z_OK);
	inflateEnd(&z);
	if (rc != Z_STREAM_END || out_bytes)
		return em_error_set(err, EM_ERROR_DATA, "the compressed data are damaged");
	return 0;
}

uint32_t em_inflate_crc32(const unsigned char *bytes, size_t n)
{
	return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, n);
}
