/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples from anywhere: a stream, or a plain file or standard input that holds pictures, movies, spectra or arrays,
 * each frame of which becomes a sample.  Recognised by content.
 */
#ifndef EM_IO_INPUT_H
#define EM_IO_INPUT_H

#include "base/error.h"
#include "base/slice.h"
#include "io/stream.h"

struct em_input;

/* Zeroed: everything, and no more than every record has. */
struct em_input_options {
	bool keep_path;         /* keys of plain files keep the folders of the path */
	bool tags;              /* "source" gets "tags": the file's own metadata, whole */
	bool digest;            /* "source" gets "sha256" also of files above EM_INPUT_DIGEST_BYTES */
	struct em_slice frames; /* of each data set of a plain file; of a stream, its samples */
	const char *scratch;    /* folder for what is too long for memory; NULL: the system's */
	bool follow;            /* a stream in a file that another process still writes: wait for its end mark */
	bool whole;             /* a bare array (NPY, NPZ) of three dimensions is one sample, not a stack of pictures */
	const char *signal;     /* only this data set of a plain file: its name, or else "1", "d01"; NULL: all */
};

/* Files beyond this are movies and data cubes, whose first frame cannot wait until all of them has been read. */
#define EM_INPUT_DIGEST_BYTES ((size_t)64 << 20)

/*
 * path "-" is standard input.  Keys of plain files are the file's name without extension; a movie's frames are
 * KEY/f000000, ..., a file's several data sets KEY/d00, ..., or KEY/d00/f000000.  Never blocks past what it needs to
 * recognise the format (a plain file is mapped; one from a pipe is read whole, into memory or a temporary file).  A
 * mapped file that another process cuts short raises SIGBUS when its pixels are read: lib/cli ends the tool with a
 * message.
 */
struct em_input *em_input_open(const char *path, const struct em_input_options *options, struct em_error *err);
/* One more holder: each calls em_input_close. */
struct em_input *em_input_hold(struct em_input *in);
void em_input_close(struct em_input *in);
/* Is it an emstream (or another WebDataset shard), not a plain file? */
bool em_input_is_stream(const struct em_input *in);
/* 1 and a sample, 0 at the end, -1 on error.  After an error in one frame of a plain file em_input_next may go on. */
int em_input_next(struct em_input *in, struct em_sample *s, struct em_error *err);

/*
 * The same in two steps, for plain files: which frame comes next is known at once; the work may be left to another
 * thread, any number of frames at a time.  em_input_reserve: 1, or 0 at the end.
 */
int em_input_reserve(struct em_input *in, size_t *frame);
int em_input_load(struct em_input *in, size_t frame, struct em_sample *s, struct em_error *err);
/* The key of a frame of a plain file, into key[EM_INPUT_KEY]. */
#define EM_INPUT_KEY (EM_KEY_MAX + 64)
void em_input_key(struct em_input *in, size_t frame, char *key);

/* The key that a plain file of this path would give its sample (malloc'ed; NULL: out of memory). */
char *em_input_key_of_path(const char *path, bool keep_path);

#endif
