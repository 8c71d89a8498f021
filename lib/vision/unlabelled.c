/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/unlabelled.h"

#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct em_unlabelled {
	char *dir;
	FILE *file; /* NULL: none yet */
	struct em_encoder_id encoder;
	size_t count, at;
};

struct em_unlabelled *em_unlabelled_new(const char *dir, struct em_error *err)
{
	struct em_unlabelled *u = calloc(1, sizeof(*u));

	if (u)
		u->dir = malloc(strlen(dir) + 1);
	if (!u || !u->dir) {
		free(u);
		em_error_memory(err, sizeof(*u));
		return NULL;
	}
	strcpy(u->dir, dir);
	return u;
}

void em_unlabelled_free(struct em_unlabelled *u)
{
	if (!u)
		return;
	if (u->file)
		fclose(u->file);
	free(u->dir);
	free(u);
}

static int open_file(struct em_unlabelled *u, struct em_error *err)
{
	int fd = em_file_nameless(u->dir, err);

	if (fd < 0)
		return -1;
	u->file = fdopen(fd, "w+b");
	if (u->file)
		return 0;
	close(fd);
	return em_error_errno(err, "temporary file in %s", u->dir);
}

int em_unlabelled_add(struct em_unlabelled *u, const struct em_encoder_id *id, const float *vector,
                      struct em_error *err)
{
	if (!u->file) {
		if (open_file(u, err))
			return -1;
		u->encoder = *id;
	}
	if (em_encoder_id_check(id, "", &u->encoder, "", NULL))
		return 0;
	if (fwrite(vector, sizeof(*vector), id->dim, u->file) != id->dim)
		return em_error_errno(err, "temporary file in %s", u->dir);
	u->count++;
	return 0;
}

size_t em_unlabelled_count(const struct em_unlabelled *u)
{
	return u->count;
}

size_t em_unlabelled_dim(const struct em_unlabelled *u)
{
	return u->encoder.dim;
}

int em_unlabelled_rewind(struct em_unlabelled *u, struct em_error *err)
{
	u->at = 0;
	if (u->file && (fflush(u->file) || fseek(u->file, 0, SEEK_SET)))
		return em_error_errno(err, "temporary file in %s", u->dir);
	return 0;
}

int em_unlabelled_next(struct em_unlabelled *u, float *vector, struct em_error *err)
{
	if (u->at == u->count)
		return 0;
	u->at++;
	if (fread(vector, sizeof(*vector), u->encoder.dim, u->file) != u->encoder.dim)
		return em_error_errno(err, "temporary file in %s", u->dir);
	return 1;
}
