/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- writing ---- */

/* Does the file end within a line? */
static bool is_cut(int fd)
{
	struct stat st;
	char last = '\n';

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 &&
	       last != '\n';
}

int em_journal_open(struct em_journal *j, const char *path, struct em_error *err)
{
	struct em_journal fresh = {.fd = -1};

	if (path) {
		fresh.fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
		if (fresh.fd < 0)
			return em_error_errno(err, "cannot open the journal '%s'", path);
		fresh.cut = is_cut(fresh.fd);
	}
	*j = fresh;
	return 0;
}

/* A write that the disk's end cuts short leaves a broken line, which the next one ends. */
static int write_line(struct em_journal *j, const struct em_text *line, struct em_error *err)
{
	ssize_t n;

	do
		n = write(j->fd, line->s, line->len);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)line->len) {
		j->cut = false;
		return 0;
	}
	if (n >= 0) {
		j->cut = n > 0;
		errno = ENOSPC;
	}
	return em_error_errno(err, "cannot write the journal");
}

int em_journal_put(struct em_journal *j, const struct em_text *json, bool lasting, struct em_error *err)
{
	struct em_text line = {0};
	int status;

	if (j->fd < 0)
		return 0;
	if (em_text_check(json, err))
		return -1;
	if (j->cut)
		em_text_append(&line, "\n");
	em_text_append_bytes(&line, em_text_get(json), json->len);
	em_text_append(&line, "\n");
	status = em_text_check(&line, err) ? -1 : write_line(j, &line, err);
	em_text_release(&line);
	j->dirty |= lasting && !status;
	return status;
}

int em_journal_close(struct em_journal *j, struct em_error *err)
{
	int status = 0;

	if (j->fd < 0)
		return 0;
	if (j->dirty && fdatasync(j->fd) && errno != EINVAL && errno != EROFS)
		status = em_error_errno(err, "cannot write the journal");
	if (close(j->fd) && !status)
		status = em_error_errno(err, "cannot write the journal");
	*j = (struct em_journal){.fd = -1};
	return status;
}

/* ---- reading ---- */

static int read_line(const char *text, size_t n, size_t number, em_journal_fn *each, void *ctx,
                     struct em_journal_state *state, struct em_error *err)
{
	struct em_json *entry = em_json_parse(text, n, NULL);
	int status = 0;

	if (em_json_is_object(entry)) {
		state->lines++;
		status = each(ctx, number, text, entry, err);
	} else {
		state->broken++;
		state->last = number;
	}
	em_json_free(entry);
	return status;
}

int em_journal_read(const char *path, em_journal_fn *each, void *ctx, struct em_journal_state *state,
                    struct em_error *err)
{
	struct em_journal_state seen = {0};
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t room = 0, number = 0;
	int status = 0;
	ssize_t n;

	if (!f)
		return em_error_errno(err, "cannot read the journal '%s'", path);
	while (!status && (n = getline(&line, &room, f)) >= 0) {
		number++;
		seen.cut = n > 0 && line[n - 1] != '\n';
		if (!seen.cut)
			line[--n] = '\0';
		if (strspn(line, " \t\r") < (size_t)n)
			status = read_line(line, (size_t)n, number, each, ctx, &seen, err);
	}
	if (!status && ferror(f))
		status = em_error_errno(err, "cannot read the journal '%s'", path);
	free(line);
	fclose(f);
	*state = seen;
	return status;
}

void em_journal_tell(const struct em_journal_state *state, struct em_text *t)
{
	if (state->broken)
		em_text_printf(t, "%zu %s of the journal %s incomplete (the last is line %zu): a writer was killed",
		               state->broken, state->broken == 1 ? "line" : "lines", state->broken == 1 ? "is" : "are",
		               state->last);
	else if (state->cut)
		em_text_append(t, "the last line of the journal has no end: its writer was killed, or is at it");
}
