/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/writer.h"

#include <stdio.h>
#include <stdlib.h>

void *em_writer_new(size_t size, const char *path, struct em_error *err)
{
	FILE **file = calloc(1, size);

	if (!file) {
		em_error_memory(err, size);
		return NULL;
	}
	*file = fopen(path, "wb");
	if (!*file) {
		em_error_errno(err, "cannot write '%s'", path);
		free(file);
		return NULL;
	}
	return file;
}

int em_writer_finish(void *state, int status, struct em_error *err)
{
	FILE **file = state;

	if (fclose(*file) && !status)
		status = em_error_errno(err, "cannot write");
	free(file);
	return status;
}

void em_writer_abandon(void *state)
{
	em_writer_finish(state, -1, NULL);
}
