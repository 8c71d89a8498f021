/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fuzz programs share: what has to hold, and any bytes as a text or as a file. */
#ifndef EM_TESTS_FUZZ_HELP_H
#define EM_TESTS_FUZZ_HELP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define check(holds) check_that(holds, #holds, __FILE__, __LINE__)
static inline void check_that(bool holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

/* With a NUL behind it; to be freed. */
static inline char *text_of(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);

	check(text != NULL);
	memcpy(text, data, size);
	return text;
}

/* The path of the one file that there is, which holds these bytes now and has no name in any folder. */
static inline const char *file_of(const void *bytes, size_t n)
{
	static char path[40];
	static FILE *file;

	if (!file) {
		file = tmpfile();
		check(file != NULL);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));
	}
	check(!ftruncate(fileno(file), 0) && pwrite(fileno(file), bytes, n, 0) == (ssize_t)n);
	return path;
}

#endif
