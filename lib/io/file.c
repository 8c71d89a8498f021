/* SPDX-License-Identifier: GPL-3.0-or-later */
#define _DEFAULT_SOURCE /* madvise: glibc's posix_madvise does nothing for DONTNEED */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct em_file_beside {
	struct em_file_beside *next;
	struct em_blob blob;
	char name[];
};

int em_blob_map_open(int fd, struct em_blob *blob, struct em_error *err)
{
	struct stat st;
	void *bytes;

	if (fstat(fd, &st))
		return em_error_errno(err, "cannot read");
	if (!S_ISREG(st.st_mode) || (uintmax_t)st.st_size >= SIZE_MAX / 2)
		return em_error_set(err, EM_ERROR_IO, "no file that can be mapped");
	*blob = (struct em_blob){NULL, 0};
	if (!st.st_size)
		return 0;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return em_error_errno(err, "cannot map");
	*blob = (struct em_blob){bytes, (size_t)st.st_size};
	return 0;
}

int em_blob_map(const char *path, struct em_blob *blob, struct em_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), status;

	if (fd < 0)
		return em_error_errno(err, "cannot open");
	status = em_blob_map_open(fd, blob, err);
	close(fd);
	return status;
}

void em_blob_unmap(struct em_blob *blob)
{
	if (blob->data)
		munmap((void *)(uintptr_t)blob->data, blob->size);
	*blob = (struct em_blob){NULL, 0};
}

void em_blob_give_back(const struct em_blob *blob)
{
	if (blob->data)
		madvise((void *)(uintptr_t)blob->data, blob->size, MADV_DONTNEED);
}

const char *em_file_name(const struct em_file *file)
{
	const char *slash = file->path ? strrchr(file->path, '/') : NULL;

	return slash ? slash + 1 : file->path ? file->path : "";
}

/* The folder of the file and a name in it, malloc'ed; NULL: no such place. */
static char *path_beside(const struct em_file *file, const char *name)
{
	size_t folder = (size_t)(em_file_name(file) - file->path), n = strlen(name);
	char *path;

	if (!n || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return NULL;
	path = malloc(folder + n + 1);
	if (!path)
		return NULL;
	memcpy(path, file->path, folder);
	memcpy(path + folder, name, n + 1);
	return path;
}

bool em_file_beside(struct em_file *file, const char *name, struct em_blob *blob)
{
	struct em_file_beside *b = file->beside;
	char *path;

	if (!file->path)
		return false;
	while (b && strcmp(b->name, name) != 0)
		b = b->next;
	if (!b) {
		b = calloc(1, sizeof(*b) + strlen(name) + 1);
		path = b ? path_beside(file, name) : NULL;
		if (!path || em_blob_map(path, &b->blob, NULL) || !b->blob.size) {
			free(path);
			free(b);
			return false;
		}
		free(path);
		memcpy(b->name, name, strlen(name) + 1);
		b->next = file->beside;
		file->beside = b;
	}
	*blob = b->blob;
	return true;
}

void em_file_release(struct em_file *file)
{
	while (file->beside) {
		struct em_file_beside *b = file->beside;

		file->beside = b->next;
		em_blob_unmap(&b->blob);
		free(b);
	}
}
