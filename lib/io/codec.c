/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/codec.h"

#include "io/stream.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* The table: one line a format, in the order in which they are asked. */
#define EM_CODECS(X) \
	X(tiff)      \
	X(png)       \
	X(jpeg)      \
	X(npy)       \
	X(ndata)     \
	X(npz)       \
	X(dm)        \
	X(ser)       \
	X(emi)       \
	X(emd)       \
	X(hspy)      \
	X(mib)       \
	X(blo)       \
	X(mrc)       \
	X(msa)

#define DECLARE(name) extern const struct em_codec em_codec_##name;
EM_CODECS(DECLARE)

#define ADDRESS(name) &em_codec_##name,
static const struct em_codec *const codecs[] = {EM_CODECS(ADDRESS)};

#define CODECS (sizeof(codecs) / sizeof(codecs[0]))

const struct em_codec *em_codec_at(size_t i)
{
	return i < CODECS ? codecs[i] : NULL;
}

const struct em_codec *em_codec_detect(const unsigned char *head, size_t n)
{
	if (n > EM_PROBE_BYTES)
		n = EM_PROBE_BYTES;
	for (size_t i = 0; i < CODECS; i++)
		if (n && codecs[i]->probe(head, n))
			return codecs[i];
	return NULL;
}

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	while (n && *words) {
		size_t len = strcspn(words, " ");

		if (len == n && !strncasecmp(words, word, n))
			return true;
		words += len + strspn(words + len, " ");
	}
	return false;
}

const struct em_codec *em_codec_of_extension(const char *extension)
{
	for (size_t i = 0; i < CODECS; i++)
		if (has_word(codecs[i]->extensions, extension))
			return codecs[i];
	return NULL;
}

const struct em_codec *em_codec_to_write(const char *name)
{
	for (size_t i = 0; i < CODECS; i++)
		if (codecs[i]->writer && (!strcasecmp(codecs[i]->name, name) || has_word(codecs[i]->extensions, name)))
			return codecs[i];
	return NULL;
}

static int refuse_unknown(struct em_blob blob, struct em_error *err)
{
	struct em_text names = {0};

	if (!blob.size)
		return em_error_set(err, EM_ERROR_DATA, "the input is empty");
	for (size_t i = 0; i < CODECS; i++)
		em_text_printf(&names, "%s%s", i ? ", " : "", codecs[i]->name);
	em_error_set(err, EM_ERROR_DATA, "not a file of a known format (%s)", em_text_get(&names));
	em_text_release(&names);
	return -1;
}

int em_codec_decode(struct em_blob blob, struct em_array *a, struct em_error *err)
{
	const struct em_codec *codec = blob.size ? em_codec_detect(blob.data, blob.size) : NULL;
	struct em_file file = {.blob = blob};
	struct em_meta meta;
	size_t frames;
	void *state;
	int rc;

	if (!codec)
		return refuse_unknown(blob, err);
	if (codec->open(&file, &state, &frames, err))
		return -1;
	em_meta_init(&meta);
	rc = codec->read(state, 0, a, &meta, err);
	codec->close(state);
	return rc;
}

int em_codec_check_rest(struct em_blob blob, size_t used, struct em_error *err)
{
	const unsigned char *rest = blob.data + used;
	size_t n = used < blob.size ? blob.size - used : 0;
	const struct em_codec *next = n ? em_codec_detect(rest, n) : NULL;

	if (next || (n && em_stream_probe(rest, n < EM_PROBE_BYTES ? n : EM_PROBE_BYTES)))
		return em_error_set(err, EM_ERROR_DATA,
		                    "another file (%s) follows this one: name files one by one instead of joining them",
		                    next ? next->name : "a stream");
	return 0;
}

void em_place_set_name(struct em_place *place, const char *name, size_t n)
{
	char clean[EM_META_TEXT] = "";
	size_t len;

	em_meta_set_bytes(clean, (const unsigned char *)name, n);
	len = strlen(clean);
	if (len >= sizeof(place->name))
		for (len = sizeof(place->name) - 1; len && ((unsigned char)clean[len] & 0xc0) == 0x80;)
			len--;
	memcpy(place->name, clean, len);
	place->name[len] = '\0';
}

#define CLAIM_RATIO 2000
#define CLAIM_SLACK (1u << 20)

int em_codec_check_claim(enum em_dtype dtype, size_t height, size_t width, size_t input_bytes, struct em_error *err)
{
	size_t limit = SIZE_MAX, bytes;

	if (!height || !width)
		return em_error_set(err, EM_ERROR_DATA, "the image is %zu x %zu pixels: there is nothing in it",
		                    width, height);
	if (input_bytes <= (SIZE_MAX - CLAIM_SLACK) / CLAIM_RATIO)
		limit = input_bytes * CLAIM_RATIO + CLAIM_SLACK;
	if (em_array_measure(dtype, 2, (const size_t[]){height, width}, &bytes) || bytes > limit)
		return em_error_set(err, EM_ERROR_DATA,
		                    "the header claims %zu x %zu pixels of %s, which %zu bytes of input cannot hold: "
		                    "the file is damaged or hostile",
		                    width, height, em_dtype_name(dtype), input_bytes);
	return 0;
}

void em_rgb_to_gray_u8(const unsigned char *rgb, size_t step, size_t n, unsigned char *gray)
{
	for (size_t i = 0; i < n; i++, rgb += step)
		gray[i] = (unsigned char)((4899u * rgb[0] + 9617u * rgb[1] + 1868u * rgb[2] + 8192u) >> 14);
}

void em_rgb_to_gray_u16(const unsigned short *rgb, size_t step, size_t n, unsigned short *gray)
{
	for (size_t i = 0; i < n; i++, rgb += step)
		gray[i] = (unsigned short)((4899u * rgb[0] + 9617u * rgb[1] + 1868u * rgb[2] + 8192u) >> 14);
}
