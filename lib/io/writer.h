/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What writers of a single file share: their state is a struct whose first member is the FILE *. */
#ifndef EM_IO_WRITER_H
#define EM_IO_WRITER_H

#include "base/error.h"

#include <stddef.h>

/* A state of `size` bytes, zeroed, with `path` open; NULL: EM_ERROR_IO or EM_ERROR_MEMORY. */
void *em_writer_new(size_t size, const char *path, struct em_error *err);
/* Close the file and free the state; `status` is that of what was written last, with its error in err. */
int em_writer_finish(void *state, int status, struct em_error *err);
/* The same where the file is given up. */
void em_writer_abandon(void *state);

#endif
