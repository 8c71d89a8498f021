/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a stream: read every sample and its image. */
#include "io/stream.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *at;
	size_t left;
};

static ptrdiff_t read_some(void *ctx, const void **bytes, struct em_error *err)
{
	struct bytes *b = ctx;
	size_t n = b->left < 1000 ? b->left : 1000; /* no multiple of 512: members lie across runs */

	(void)err;
	*bytes = b->at;
	b->at += n;
	b->left -= n;
	return (ptrdiff_t)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes b = {data, size};
	struct em_error err = {0};
	struct em_stream_reader *r = em_stream_reader_new((struct em_byte_source){&b, read_some}, &err);
	struct em_sample s = {0};

	while (r && em_stream_read_sample(r, &s, &err) == 1) {
		struct em_array a = {0};

		if (em_sample_image(&s, &a, &err) == 0)
			em_array_release(&a);
		em_sample_release(&s);
	}
	em_stream_reader_free(r);
	return 0;
}
