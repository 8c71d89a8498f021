/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/inflate.h"

#include <zlib.h>

#define BYTES 5000

/* The packed form of `n` bytes, in memory of exactly its size. */
static unsigned char *pack(const unsigned char *bytes, size_t n, int window, size_t *packed)
{
	unsigned char *out = malloc(n + 100);
	z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)bytes, .avail_in = (uInt)n, .next_out = out,
	              .avail_out = (uInt)n + 100};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	*packed = z.total_out;
	deflateEnd(&z);
	return realloc(out, *packed);
}

static void fill(unsigned char *bytes)
{
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (unsigned char)(i * i / 7);
}

static void try_both(void (*check)(const unsigned char *packed, size_t n, const unsigned char *want,
                                   enum em_inflate_wrap wrap))
{
	static const int windows[] = {[EM_INFLATE_RAW] = -15, [EM_INFLATE_ZLIB] = 15};
	unsigned char bytes[BYTES];

	fill(bytes);
	for (int wrap = EM_INFLATE_RAW; wrap <= EM_INFLATE_ZLIB; wrap++) {
		size_t n;
		unsigned char *packed = pack(bytes, BYTES, windows[wrap], &n);

		check(packed, n, bytes, (enum em_inflate_wrap)wrap);
		free(packed);
	}
}

static void check_whole(const unsigned char *packed, size_t n, const unsigned char *want, enum em_inflate_wrap wrap)
{
	unsigned char *out = malloc(BYTES);

	assert_int_equal(em_inflate(packed, n, out, BYTES, wrap, NULL), 0);
	assert_memory_equal(out, want, BYTES);
	free(out);
}

static void what_was_packed_comes_out(void **state)
{
	(void)state;
	try_both(check_whole);
}

static void check_lies(const unsigned char *packed, size_t n, const unsigned char *want, enum em_inflate_wrap wrap)
{
	unsigned char *out = malloc(BYTES + 1);
	struct em_error err = {0};

	(void)want;
	assert_int_equal(em_inflate(packed, n, out, BYTES + 1, wrap, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_inflate(packed, n, out, BYTES - 1, wrap, NULL), -1);
	assert_int_equal(em_inflate(packed, n, out, 0, wrap, NULL), -1);
	for (size_t cut = 0; cut < n; cut++)
		assert_int_equal(em_inflate(packed, cut, out, BYTES, wrap, NULL), -1);
	free(out);
}

static void exactly_so_many_bytes_come_out_or_none(void **state)
{
	(void)state;
	try_both(check_lies);
}

static void check_start(const unsigned char *packed, size_t n, const unsigned char *want, enum em_inflate_wrap wrap)
{
	unsigned char *out = malloc(2 * BYTES);

	assert_int_equal(em_inflate_start(packed, n, out, 100, wrap), 100);
	assert_memory_equal(out, want, 100);
	assert_int_equal(em_inflate_start(packed, n, out, 2 * BYTES, wrap), BYTES);
	assert_memory_equal(out, want, BYTES);
	assert_true(em_inflate_start(packed, n / 2, out, BYTES, wrap) < BYTES);
	assert_int_equal(em_inflate_start((const unsigned char *)"\xff\xff\xff\xff", 4, out, BYTES, wrap), 0);
	free(out);
}

static void the_beginning_comes_alone(void **state)
{
	(void)state;
	try_both(check_start);
}

static void zlib_verifies_its_checksum(void **state)
{
	unsigned char bytes[BYTES], *packed, out[BYTES];
	size_t n;

	(void)state;
	fill(bytes);
	packed = pack(bytes, BYTES, 15, &n);
	packed[n - 1] ^= 1;
	assert_int_equal(em_inflate(packed, n, out, BYTES, EM_INFLATE_ZLIB, NULL), -1);
	/* The bare data are whole, and what follows them is not looked at. */
	assert_int_equal(em_inflate(packed + 2, n - 2, out, BYTES, EM_INFLATE_RAW, NULL), 0);
	free(packed);
}

/* The check value of CRC-32 in every table of checksums. */
static void crc_is_the_published_one(void **state)
{
	(void)state;
	assert_int_equal(em_inflate_crc32((const unsigned char *)"123456789", 9), 0xcbf43926);
	assert_int_equal(em_inflate_crc32((const unsigned char *)"", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_packed_comes_out), cmocka_unit_test(exactly_so_many_bytes_come_out_or_none),
		cmocka_unit_test(the_beginning_comes_alone), cmocka_unit_test(zlib_verifies_its_checksum),
		cmocka_unit_test(crc_is_the_published_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("inflate", tests, NULL, NULL);
}
