/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Samples from anywhere: a stream, or a plain file or standard input that holds one picture, movie or array, each
 * frame of which becomes a sample.  Recognised by content.
 */
#ifndef EM_IO_INPUT_H
#define EM_IO_INPUT_H

#include "base/error.h"
#include "io/stream.h"

struct em_input;

/*
 * path "-" is standard input.  key_path: keys of plain files keep the folders of the path; else only the file's name
 * without extension.  A movie's frames are KEY/f000000, ..., a file's several data sets KEY/d00, ... (the codec names
 * them).  Never blocks past what it needs to recognise the format (a plain file is mapped; a picture from a pipe is
 * read whole).  A mapped file that another process cuts short raises SIGBUS when its pixels are read: lib/cli ends the
 * tool with a message.
 */
struct em_input *em_input_open(const char *path, bool key_path, struct em_error *err);
void em_input_close(struct em_input *in);
/* 1 and a sample, 0 at the end, -1 on error.  After an error in one frame of a plain file em_input_next may go on. */
int em_input_next(struct em_input *in, struct em_sample *s, struct em_error *err);
/* The key of the sample that em_input_next last tried, also when that failed; NULL before, and for streams. */
const char *em_input_last_key(const struct em_input *in);
/*
 * The key of a plain file's only sample; NULL for streams and for files of several frames.  Opening such a file has
 * read no more than its header: em_input_next, which does the work, may be left to another thread.
 */
const char *em_input_only_key(struct em_input *in);
/* The key that a plain file of this path would give its sample (malloc'ed; NULL: out of memory). */
char *em_input_key_of_path(const char *path, bool key_path);
/* Is it an emstream (or another WebDataset shard), not a plain file? */
bool em_input_is_stream(const struct em_input *in);

#endif
