/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * File formats.  One .c a format, one line in the table of codec.c.  A codec sees the whole input as bytes in memory
 * (a mapped file, or what came through a pipe) and hands out frames one by one, so that a long movie is never decoded
 * at once.  All bytes are hostile: sizes are checked against the input's length before anything is allocated.
 */
#ifndef EM_IO_CODEC_H
#define EM_IO_CODEC_H

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "io/file.h"
#include "io/meta.h"

#include <stdbool.h>
#include <stddef.h>

#define EM_TAGS_ARRAY 1024   /* numbers in an array that is still spelled out among the tags */
#define EM_PROBE_BYTES 4096  /* how much of an input a codec may look at to recognise it */

/* Where a frame lies in a file of one or several data sets (signals), the frames of each following one another. */
struct em_place {
	size_t set, sets;    /* which data set, of how many */
	size_t index, count; /* which frame of that set, of how many */
	char name[64];       /* of the data set, UTF-8, cut; "" where it has none */
};

/* Set the name: as em_meta_set_bytes does, cut to what fits. */
void em_place_set_name(struct em_place *place, const char *name, size_t n);

/*
 * A file being written, frame by frame; all frames have the shape and type of the first.  The caller has made sure of
 * that, and owns the file's name: `path` is there already, empty, for the writer to open.
 */
struct em_codec_writer {
	/* EM_ERROR_USAGE, with what to do, for a shape or type that the format cannot hold.  Does not write `first`. */
	int (*begin)(const char *path, const struct em_array *first, const struct em_meta *meta, void **state,
	             struct em_error *err);
	int (*add)(void *state, const struct em_array *a, const struct em_meta *meta, struct em_error *err);
	/* Complete the file (its size is what fsync will find) and free the state, whatever happens. */
	int (*finish)(void *state, struct em_error *err);
	void (*abandon)(void *state); /* free the state; the file is the caller's to remove */
};

struct em_codec {
	const char *name;       /* "tiff": for messages and --version */
	const char *extensions; /* "tif tiff": without dots, separated by a blank, the usual one first */
	/* Are these the first n <= EM_PROBE_BYTES bytes of such a file? */
	bool (*probe)(const unsigned char *head, size_t n);
	/* *state is the codec's own, freed by close; *frames >= 1.  The file outlives the state. */
	int (*open)(struct em_file *file, void **state, size_t *frames, struct em_error *err);
	/*
	 * Frame i as an array: 2-D (one channel) for images, 1-D for spectra, n-D for others; spectra in any number of
	 * dimensions have their axis last and name it "energy" or "wavelength".  Colour becomes grey by em_rgb_to_gray.
	 * What the file says beyond the pixels goes into *meta (the caller has initialised it), calibration into the
	 * array's axes.  May be called from several threads at once.
	 */
	int (*read)(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err);
	void (*close)(void *state);
	/* Append the file that holds *a; NULL where we only read.  EM_ERROR_USAGE for a type that it cannot hold. */
	int (*encode)(const struct em_array *a, struct em_text *out, struct em_error *err);
	/* Cannot fail.  NULL: one nameless data set of all frames. */
	void (*locate)(void *state, size_t frame, struct em_place *place);
	/*
	 * Append the native metadata of frame i as one JSON value, complete but for arrays of more than EM_TAGS_ARRAY
	 * numbers, which say only what they are: {"array":"float32","size":262144}.  NULL: the format has none.
	 */
	int (*tags)(void *state, size_t frame, struct em_text *json, struct em_error *err);
	const struct em_codec_writer *writer; /* NULL: read only */
};

/* The codec that knows these bytes, or NULL.  n may be less than EM_PROBE_BYTES at the end of a short file. */
const struct em_codec *em_codec_detect(const unsigned char *head, size_t n);
/* The codec of "KEY.tif"'s extension ("tif", any case), or NULL. */
const struct em_codec *em_codec_of_extension(const char *extension);
/* The i-th codec of the table, NULL past its end: for lists of formats. */
const struct em_codec *em_codec_at(size_t i);
/* The codec that writes and is called `name`, or has it among its extensions; NULL. */
const struct em_codec *em_codec_to_write(const char *name);
/* Decode frame 0 of an input of any known format. */
int em_codec_decode(struct em_blob blob, struct em_array *a, struct em_error *err);

/*
 * Refuse a header that claims more than its bytes could ever unpack to: no format here packs better than 1:2000
 * (deflate reaches 1032, LZW 1365), so a claim beyond that, plus a megabyte for tiny files, is a bomb.
 */
int em_codec_check_claim(enum em_dtype dtype, size_t height, size_t width, size_t input_bytes, struct em_error *err);

/*
 * Refuse a file that ends after `used` bytes and has another file or a stream behind it (`cat a.png b.png`): it would
 * be lost in silence.  Rubbish that some writers leave behind a picture passes.
 */
int em_codec_check_rest(struct em_blob blob, size_t used, struct em_error *err);

/* Y = (4899 R + 9617 G + 1868 B + 8192) >> 14: ITU-R BT.601 in the fixed point that OpenCV uses, exact for neutral
 * pixels.  `step` is the number of samples a pixel (3 or 4; alpha is ignored), n pixels.  16-bit likewise. */
void em_rgb_to_gray_u8(const unsigned char *rgb, size_t step, size_t n, unsigned char *gray);
void em_rgb_to_gray_u16(const unsigned short *rgb, size_t step, size_t n, unsigned short *gray);

/* NPY version 1.0 bytes of any array (C order, little-endian), appended; and back (1.0, 2.0, 3.0, both byte orders,
 * C or Fortran order, all types of enum em_dtype plus bool as u8 and f2 as f32).  Axes are not in the format. */
int em_npy_encode(const struct em_array *a, struct em_text *out, struct em_error *err);
int em_npy_decode(struct em_blob blob, struct em_array *a, struct em_error *err);

/*
 * The stream's image member: baseline little-endian TIFF, one uncompressed strip.  Writes
 * em_tiff_plain_size(dtype, h, w) bytes to `out`.  dtype is one of u8, u16, i16, i32, f32.  The size is 0 where there
 * is no such file: another dtype, no pixels, or more than a TIFF's 4 GiB.
 */
size_t em_tiff_plain_size(enum em_dtype dtype, size_t height, size_t width);
/* Header and directory only (the first EM_TIFF_PLAIN_HEADER bytes); the pixel rows follow them without gaps. */
#define EM_TIFF_PLAIN_HEADER 192
void em_tiff_plain_header(unsigned char *out, enum em_dtype dtype, size_t height, size_t width);

#endif
