/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/spool.h"

#include "io/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct em_spool {
	char *dir;
	int fd; /* -1: none yet */
	struct em_stream_writer *writer;
	struct em_stream_reader *reader; /* at most one of the two; neither while empty */
	unsigned char block[1 << 16];
};

struct em_spool *em_spool_new(const char *dir, struct em_error *err)
{
	struct em_spool *spool = calloc(1, sizeof(*spool));

	if (spool)
		spool->dir = malloc(strlen(dir) + 1);
	if (!spool || !spool->dir) {
		free(spool);
		em_error_memory(err, sizeof(*spool));
		return NULL;
	}
	strcpy(spool->dir, dir);
	spool->fd = -1;
	return spool;
}

void em_spool_free(struct em_spool *spool)
{
	if (!spool)
		return;
	em_stream_writer_abort(spool->writer);
	if (spool->reader)
		em_stream_reader_free(spool->reader);
	if (spool->fd >= 0)
		close(spool->fd);
	free(spool->dir);
	free(spool);
}

int em_spool_add(struct em_spool *spool, const struct em_sample *s, struct em_error *err)
{
	if (spool->fd < 0 && (spool->fd = em_file_nameless(spool->dir, err)) < 0)
		return -1;
	if (!spool->writer)
		spool->writer = em_stream_writer_new(spool->fd, false, err);
	if (!spool->writer || em_stream_write_sample(spool->writer, s, err))
		return em_error_prefix(err, "temporary file in %s: ", spool->dir);
	return 0;
}

static ptrdiff_t read_block(void *ctx, const void **bytes, struct em_error *err)
{
	struct em_spool *spool = ctx;
	ssize_t n;

	do
		n = read(spool->fd, spool->block, sizeof(spool->block));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return em_error_errno(err, "temporary file in %s", spool->dir);
	*bytes = spool->block;
	return n;
}

static int turn_to_reading(struct em_spool *spool, struct em_error *err)
{
	struct em_stream_writer *writer = spool->writer;

	spool->writer = NULL;
	if (em_stream_writer_close(writer, err))
		return em_error_prefix(err, "temporary file in %s: ", spool->dir);
	if (lseek(spool->fd, 0, SEEK_SET) < 0)
		return em_error_errno(err, "temporary file in %s", spool->dir);
	spool->reader = em_stream_reader_new((struct em_byte_source){spool, read_block}, err);
	return spool->reader ? 0 : -1;
}

int em_spool_next(struct em_spool *spool, struct em_sample *s, struct em_error *err)
{
	int status;

	if (spool->writer && turn_to_reading(spool, err))
		return -1;
	if (!spool->reader)
		return 0;
	status = em_stream_read_sample(spool->reader, s, err);
	if (status)
		return status;
	em_stream_reader_free(spool->reader);
	spool->reader = NULL;
	if (ftruncate(spool->fd, 0) || lseek(spool->fd, 0, SEEK_SET) < 0)
		return em_error_errno(err, "temporary file in %s", spool->dir);
	return 0;
}
