/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside lib/cli: output that appears whole or not at all.  A regular FILE is written under a temporary name beside it
 * and renamed once it is complete and on the disk; a signal that ends the tool takes the temporary file with it.
 * Standard output, devices and named pipes are written as they are.
 */
#ifndef EM_CLI_OUTFILE_H
#define EM_CLI_OUTFILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct em_outfile {
	int fd;
	char *path;      /* the place it will have; NULL: standard output */
	char *temporary; /* its name until then; NULL: written in place */
};

/* path NULL or "-": standard output. */
int em_outfile_open(struct em_outfile *f, const char *path, struct em_error *err);
/* Complete: onto the disk, to its place.  Releases f in every case; a failure leaves no file. */
int em_outfile_commit(struct em_outfile *f, struct em_error *err);
void em_outfile_abort(struct em_outfile *f);
/* Is it a regular file (blocks), not a pipe or terminal (each sample at once)? */
bool em_outfile_is_regular(const struct em_outfile *f);
/* Terminals are for text: EM_ERROR_USAGE where it is one. */
int em_outfile_refuse_terminal(const struct em_outfile *f, struct em_error *err);
/* Remove every temporary file: for a signal handler of a tool that ends. */
void em_outfile_remove_pending(void);
int em_outfile_write(struct em_outfile *f, const void *bytes, size_t n, struct em_error *err);

#endif
