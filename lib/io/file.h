/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of one input, and of the files beside it that belong to it: some programs keep the pixels in one file and
 * what is known of them in another.
 */
#ifndef EM_IO_FILE_H
#define EM_IO_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct em_blob {
	const unsigned char *data;
	size_t size;
};

/* All of a regular file, mapped.  EM_ERROR_IO where it cannot be; an empty one is {NULL, 0}. */
int em_blob_map(const char *path, struct em_blob *blob, struct em_error *err);
void em_blob_unmap(struct em_blob *blob);
/* The pages of a mapped file count as ours once they were read: give them back.  Who reads there again gets them. */
void em_blob_give_back(const struct em_blob *blob);

/* On the stack: a literal {.blob = bytes} is a file that has no name and none beside it. */
struct em_file {
	struct em_blob blob;          /* the caller's */
	const char *path;             /* as given, borrowed; NULL for standard input and bytes in memory */
	struct em_file_beside *beside; /* owned */
};

/* The file's name without its folders, "" where it has none. */
const char *em_file_name(const struct em_file *file);
/*
 * The bytes of the file of this name in the same folder, mapped until em_file_release; the same ones when asked twice.
 * False where there is none, it is empty or cannot be read, or `name` leads out of the folder.
 */
bool em_file_beside(struct em_file *file, const char *name, struct em_blob *blob);
/* Unmaps what was found beside it; the blob stays the caller's. */
void em_file_release(struct em_file *file);

#endif
