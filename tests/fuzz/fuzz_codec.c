/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a file: what a codec recognises it must decode whole, or refuse with a reason. */
#include "io/codec.h"

#include <stdint.h>
#include <stdlib.h>

#define MAX_FRAMES 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every element exists (the sanitizers look), and what we write ourselves we can read. */
static void use_array(const struct em_array *a)
{
	struct em_text out = {0};
	struct em_array back;

	em_array_range(a, NULL, NULL, NULL);
	if (em_array_bytes(a) < 4096 && !em_npy_encode(a, &out, NULL)) {
		if (em_npy_decode((struct em_blob){(const unsigned char *)out.s, out.len}, &back, NULL))
			abort();
		em_array_release(&back);
	}
	em_text_release(&out);
}

static void read_frame(const struct em_codec *codec, void *state, size_t i)
{
	struct em_error err = {0};
	struct em_meta meta;
	struct em_array a = {0};

	em_meta_init(&meta);
	if (codec->read(state, i, &a, &meta, &err)) {
		if (err.kind == EM_ERROR_NONE || a.data)
			abort();
	} else {
		use_array(&a);
		em_array_release(&a);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct em_codec *codec = em_codec_detect(data, size);
	struct em_error err = {0};
	size_t frames = 0;
	void *state;

	if (!codec)
		return 0;
	if (codec->open(&(struct em_file){.blob = {data, size}}, &state, &frames, &err)) {
		if (err.kind == EM_ERROR_NONE)
			abort();
		return 0;
	}
	if (!frames)
		abort();
	for (size_t i = 0; i < frames && i < MAX_FRAMES; i++)
		read_frame(codec, state, i);
	if (frames > MAX_FRAMES)
		read_frame(codec, state, frames - 1);
	codec->close(state);
	return 0;
}
