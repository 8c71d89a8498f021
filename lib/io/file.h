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
/* The same of one that is open; fd stays the caller's. */
int em_blob_map_open(int fd, struct em_blob *blob, struct em_error *err);
void em_blob_unmap(struct em_blob *blob);
/*
 * All that fd still has to give, after the n bytes at head that were read before: in memory, or from EM_BLOB_MEMORY on
 * in a nameless file of folder `scratch`, mapped.  *mapped says which: em_blob_unmap lets go of it, or free(data).
 */
#define EM_BLOB_MEMORY ((size_t)64 << 20)
int em_blob_read(int fd, const void *head, size_t n, const char *scratch, struct em_blob *blob, bool *mapped,
                 struct em_error *err);
/* A file that goes away by itself, open for reading and writing: its descriptor, or -1. */
int em_file_nameless(const char *folder, struct em_error *err);
/* The pages of a mapped file count as ours once they were read: give them back.  Who reads there again gets them. */
void em_blob_give_back(const struct em_blob *blob);

/* On the stack: a literal {.blob = bytes} is a file that has no name and none beside it. */
struct em_file {
	struct em_blob blob;          /* the caller's */
	const char *path;             /* as given, borrowed; NULL for standard input and bytes in memory */
	struct em_file_beside *beside; /* owned */
	bool whole;                    /* a bare array is one frame, of any number of dimensions */
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
