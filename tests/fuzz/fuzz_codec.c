/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a file: what a codec recognises it must decode whole, or refuse with a reason.  The Makefile builds this
 * once a format, FORMAT being its name: then that codec gets all bytes, recognised or not.
 */
#include "base/record.h"
#include "io/codec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FRAMES 8
#define WORD(x) #x
#define TEXT(x) WORD(x)

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

#ifdef FORMAT
static const struct em_codec *find_codec(const char *name)
{
	const struct em_codec *codec = NULL;

	for (size_t i = 0; (codec = em_codec_at(i)) && strcmp(codec->name, name) != 0; i++)
		;
	return codec;
}
#endif

/* They are a part of a record that every tool can read. */
static void use_tags(const struct em_codec *codec, void *state, size_t i)
{
	struct em_record record = {0};
	struct em_text json = {0};

	em_text_append(&json, "{\"source\":{\"tags\":");
	if (codec->tags && !codec->tags(state, i, &json, NULL)) {
		em_text_append(&json, "}}");
		if (!json.failed && json.len < EM_JSON_MAX_BYTES) {
			if (em_record_parse(&record, em_text_get(&json), json.len, NULL))
				abort();
			em_record_release(&record);
		}
	}
	em_text_release(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
#ifdef FORMAT
	const struct em_codec *codec = find_codec(TEXT(FORMAT));
#else
	const struct em_codec *codec = em_codec_detect(data, size);
#endif
	struct em_file file = {.blob = {data, size}};
	struct em_error err = {0};
	size_t frames = 0;
	void *state;

	if (!codec || !size)
		return 0;
	if (codec->open(&file, &state, &frames, &err)) {
		if (err.kind == EM_ERROR_NONE)
			abort();
		return 0;
	}
	if (!frames)
		abort();
	for (size_t i = 0; i < frames && i < MAX_FRAMES; i++)
		read_frame(codec, state, i);
	use_tags(codec, state, 0);
	if (frames > MAX_FRAMES)
		read_frame(codec, state, frames - 1);
	codec->close(state);
	em_file_release(&file);
	return 0;
}
