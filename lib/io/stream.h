/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * emstream 1: samples in a tar stream (man emstream).  A sample is a KEY, the members KEY.EXT that carry its arrays,
 * and one record, KEY.json.  The reader is strict: it accepts members in any order within a sample, concatenated
 * archives and gz/zstd/xz around them; it refuses a missing end mark, a duplicate member, a key that comes back, a
 * sample without a record, and anything but regular files (folders are passed over).
 */
#ifndef EM_IO_STREAM_H
#define EM_IO_STREAM_H

#include "base/array.h"
#include "base/error.h"
#include "base/record.h"
#include "io/codec.h"

#include <stdbool.h>
#include <stddef.h>

struct em_member {
	char *ext;           /* "tif", "embedding.npy": what follows the key and its dot; owned */
	unsigned char *data; /* owned */
	size_t size;
};

struct em_sample {
	char *key;                /* owned */
	struct em_record record;  /* KEY.json */
	struct em_member *member; /* in stream order, without the record; owned */
	size_t count;
};

/* A zeroed struct is an empty sample. */
void em_sample_release(struct em_sample *s);
/* dst, which is overwritten, becomes a copy of src. */
int em_sample_copy(struct em_sample *dst, const struct em_sample *src, struct em_error *err);
/* Set the key here and in the record.  EM_ERROR_DATA for a key that is empty, absolute, holds "..", a dot in its last
 * part, a control character or bytes that are not UTF-8, or is longer than EM_KEY_MAX. */
int em_sample_set_key(struct em_sample *s, const char *key, struct em_error *err);
#define EM_KEY_MAX 1024
int em_key_check(const char *key, struct em_error *err);

const struct em_member *em_sample_member(const struct em_sample *s, const char *ext); /* NULL: none */
/* Add or replace.  Takes over `data` (malloc'ed), also when it fails. */
int em_sample_set_member(struct em_sample *s, const char *ext, unsigned char *data, size_t size,
                         struct em_error *err);
void em_sample_remove_member(struct em_sample *s, const char *ext);

/* Does the sample hold an image: KEY.tif, or in a foreign shard KEY.png, KEY.jpg, ...? */
bool em_sample_has_image(const struct em_sample *s);
/* The image, axes from the record.  EM_ERROR_DATA where there is none or it is broken. */
int em_sample_image(const struct em_sample *s, struct em_array *a, struct em_error *err);
/*
 * The same without a copy where the member's bytes can be used as they lie (all that our tools write): *view borrows
 * from the sample or from *owned, which the caller releases in the end; view itself is not released.
 */
int em_sample_image_view(const struct em_sample *s, struct em_array *view, struct em_array *owned,
                         struct em_error *err);
/* KEY.tif from a 2-D array of an image type (u8, u16, i16, i32, f32); sets "image" and "axes" in the record. */
int em_sample_set_image(struct em_sample *s, const struct em_array *a, struct em_error *err);
/* The same, but takes over the array's memory, also when it fails; *a is released. */
int em_sample_take_image(struct em_sample *s, struct em_array *a, struct em_error *err);
/* The array KEY.NAME.npy; EM_ERROR_DATA where there is none or it is broken.  And setting it. */
int em_sample_array(const struct em_sample *s, const char *name, struct em_array *a, struct em_error *err);
int em_sample_set_array(struct em_sample *s, const char *name, const struct em_array *a, struct em_error *err);

/*
 * What a sample is about: its image, or where it has none its array "spectrum" (1-D) or "data" (any other), with axes
 * from the record.  *view borrows from the sample (until that member is replaced) or, where its bytes cannot be used as
 * they lie, from *owned, which the caller releases in the end.
 */
int em_sample_data(const struct em_sample *s, struct em_array *view, struct em_array *owned, struct em_error *err);
/* Make it the array: a 2-D one that is no line of spectra (last axis "energy" or "wavelength") is the image, widened or
 * narrowed to an image type.  Takes over the array's memory, also when it fails; *a is released. */
int em_sample_take_data(struct em_sample *s, struct em_array *a, struct em_error *err);
/* Make it these spectra (or another array that is no image), which stay the caller's; an image that was there goes.
 * Where *a is em_sample_data's view of the sample and only its axes are others, nothing is copied. */
int em_sample_set_spectra(struct em_sample *s, const struct em_array *a, struct em_error *err);

/* The part of the key before its last '/': the picture that a chip was cut from.  "" where there is none.  Copied,
 * cut to n - 1 bytes. */
void em_sample_picture(const struct em_sample *s, char *buf, size_t n);

/* Has an earlier tool marked the sample as failed (-k)?  And mark it: "error":{"tool":..,"text":..}. */
bool em_sample_has_error(const struct em_sample *s);
int em_sample_set_error(struct em_sample *s, const char *tool, const char *text, struct em_error *err);

/* ---- reading ---- */

struct em_stream_reader;

/* Bytes from where they come: up to n into buf; 0 at the end, -1 on error.  *buf may also be pointed elsewhere. */
struct em_byte_source {
	void *ctx;
	/* Sets *bytes to the next run of bytes (valid until the next call) and returns its length; 0 end; -1 error. */
	ptrdiff_t (*read)(void *ctx, const void **bytes, struct em_error *err);
};

struct em_stream_reader *em_stream_reader_new(struct em_byte_source source, struct em_error *err);
void em_stream_reader_free(struct em_stream_reader *r);
/* 1 and a sample (released by the caller), 0 at the end mark, -1 on a broken stream. */
int em_stream_read_sample(struct em_stream_reader *r, struct em_sample *s, struct em_error *err);
/* Do these bytes begin a tar archive, or a gz, zstd or xz file that may hold one? */
bool em_stream_probe(const unsigned char *head, size_t n);

/* ---- writing ---- */

struct em_stream_writer;

/* write(2)s to fd; the fd stays the caller's.  flush_each: hand every sample on at once (pipes); otherwise 64 KiB
 * blocks. */
struct em_stream_writer *em_stream_writer_new(int fd, bool flush_each, struct em_error *err);
int em_stream_write_sample(struct em_stream_writer *w, const struct em_sample *s, struct em_error *err);
/* The end mark and the last bytes.  Frees w whatever happens. */
int em_stream_writer_close(struct em_stream_writer *w, struct em_error *err);
/* Give up: free w without writing the end mark, so that every reader sees the stream cut.  NULL is allowed. */
void em_stream_writer_abort(struct em_stream_writer *w);

#endif
