/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes through a pipe, as bytes that can be looked at anywhere. */
#include "io/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FIRST_BYTES ((size_t)1 << 20)

int em_file_nameless(const char *folder, struct em_error *err)
{
	size_t n = strlen(folder) + sizeof("/emfilters.XXXXXX");
	char *path = malloc(n);
	int fd;

	if (!path)
		return em_error_memory(err, n);
	snprintf(path, n, "%s/emfilters.XXXXXX", folder);
	fd = mkstemp(path);
	if (fd < 0)
		em_error_errno(err, "cannot make a temporary file in %s", folder);
	else
		unlink(path);
	free(path);
	return fd;
}

/* Up to n bytes; fewer only at the end. */
static ssize_t read_full(int fd, unsigned char *to, size_t n, struct em_error *err)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = read(fd, to + have, n - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return em_error_errno(err, "cannot read");
		if (!got)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

static int write_full(int fd, const unsigned char *from, size_t n, const char *folder, struct em_error *err)
{
	while (n) {
		ssize_t done = write(fd, from, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return em_error_errno(err, "cannot write a temporary file in %s", folder);
		from += done;
		n -= (size_t)done;
	}
	return 0;
}

/* The n bytes at data and all that follows, through the same memory, into a file that is then mapped. */
static int read_to_disk(int fd, unsigned char *data, size_t n, const char *scratch, struct em_blob *blob,
                        struct em_error *err)
{
	int file = em_file_nameless(scratch, err), status;
	ssize_t got = (ssize_t)n;

	if (file < 0)
		return -1;
	status = write_full(file, data, n, scratch, err);
	while (!status && got) {
		got = read_full(fd, data, n, err);
		status = got < 0 ? -1 : write_full(file, data, (size_t)got, scratch, err);
	}
	if (!status)
		status = em_blob_map_open(file, blob, err);
	close(file);
	return status;
}

int em_blob_read(int fd, const void *head, size_t n, const char *scratch, struct em_blob *blob, bool *mapped,
                 struct em_error *err)
{
	size_t capacity = n > FIRST_BYTES ? n : FIRST_BYTES, have = n;
	unsigned char *data = malloc(capacity), *grown;
	int status = 0;

	if (!data)
		return em_error_memory(err, capacity);
	memcpy(data, head, n);
	for (;;) {
		ssize_t got = read_full(fd, data + have, capacity - have, err);

		if (got < 0)
			status = -1;
		if (got < 0 || (have += (size_t)got) < capacity)
			break;
		if (capacity >= EM_BLOB_MEMORY) {
			status = read_to_disk(fd, data, have, scratch, blob, err);
			free(data);
			*mapped = !status;
			return status;
		}
		grown = realloc(data, 2 * capacity);
		if (!grown) {
			status = em_error_memory(err, 2 * capacity);
			break;
		}
		data = grown;
		capacity *= 2;
	}
	if (status) {
		free(data);
		return -1;
	}
	*blob = (struct em_blob){data, have};
	*mapped = false;
	return 0;
}
