/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Samples from all operands of a tool, one after the other. */
#include "cli/cli.h"

#include "io/input.h"
#include "io/keyset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct em_source {
	struct em_cli *cli;
	struct em_input *input; /* the open one, NULL between files */
	int next;               /* operand to open next; with none, 0 stands for standard input */
	bool twice;             /* the last error was a key that came twice */
	struct em_keyset seen;  /* over several files; a single stream's reader looks after itself */
};

static int file_count(const struct em_cli *cli)
{
	return cli->nfiles ? cli->nfiles : 1;
}

static const char *path_of(const struct em_source *src, int i)
{
	return src->cli->nfiles ? src->cli->files[i] : "-";
}

static const char *shown_name(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

struct em_source *em_source_open(struct em_cli *cli)
{
	struct em_source *src = calloc(1, sizeof(*src));

	if (!src || em_keyset_init(&src->seen, NULL)) {
		free(src);
		return NULL;
	}
	src->cli = cli;
	return src;
}

void em_source_close(struct em_source *src)
{
	if (!src)
		return;
	em_input_close(src->input);
	em_keyset_release(&src->seen);
	free(src);
}

/* With -k a file that cannot be read is a sample too: its key and why. */
static int failed_sample(struct em_cli *cli, const char *path, const char *key, struct em_sample *s,
                         struct em_error *err)
{
	struct em_sample fresh = {0};
	char *own = key ? NULL : em_input_key_of_path(path, cli->input.keep_path);
	struct em_error cause = *err;
	int status;

	if (!cli->keep_going || (!key && !own) || cause.kind == EM_ERROR_MEMORY || cause.kind == EM_ERROR_USAGE) {
		free(own);
		return -1;
	}
	status = em_record_set(&fresh.record, "em", "1", err) || em_sample_set_key(&fresh, key ? key : own, err) ||
	         em_sample_set_error(&fresh, cli->tool->name, cause.text, err);
	free(own);
	if (status) {
		em_sample_release(&fresh);
		return -1;
	}
	cli->failed++;
	*err = (struct em_error){0};
	*s = fresh;
	return 0;
}

static int open_next(struct em_source *src, struct em_error *err)
{
	const char *path = path_of(src, src->next++);

	if (!strcmp(path, "-") && isatty(STDIN_FILENO))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "nothing to read: name a file, or pipe a stream or picture in");
	src->input = em_input_open(path, &src->cli->input, err);
	return src->input ? 0 : em_error_prefix(err, "%s: ", shown_name(path));
}

static int check_unique(struct em_source *src, const char *key, struct em_error *err)
{
	if (file_count(src->cli) == 1 || em_keyset_add(&src->seen, key))
		return 0;
	src->twice = true;
	return em_error_set(err, EM_ERROR_DATA, "key '%.200s' comes twice: files of one name in different folders need "
	                                        "`emcat --keep-path`, those that differ only in their extension "
	                                        "a run each", key);
}

static void close_input(struct em_source *src)
{
	em_input_close(src->input);
	src->input = NULL;
}

/* From the open input: 1, 0 at its end, or -1.  A plain file's frame is left for another thread to read. */
static int take_sample(struct em_source *src, struct em_arrival *a, struct em_error *err)
{
	const char *path = path_of(src, src->next - 1);
	int got;

	if (em_input_is_stream(src->input)) {
		got = em_input_next(src->input, &a->sample, err);
		/* What follows a break cannot be trusted. */
		return got < 0 ? em_error_prefix(err, "%s: ", shown_name(path)) : got;
	}
	got = em_input_reserve(src->input, &a->frame);
	if (got == 1) {
		a->file = em_input_hold(src->input);
		a->path = path;
	}
	return got;
}

/* From wherever the next one is, into *a, which the caller releases whatever happens. */
static int take_any(struct em_source *src, struct em_arrival *a, struct em_error *err)
{
	for (;;) {
		int got;

		if (!src->input && src->next == file_count(src->cli))
			return 0;
		if (!src->input && open_next(src, err))
			return failed_sample(src->cli, path_of(src, src->next - 1), NULL, &a->sample, err) ? -1 : 1;
		got = take_sample(src, a, err);
		if (got)
			return got;
		close_input(src);
	}
}

static int take_unique(struct em_source *src, struct em_arrival *a, struct em_error *err)
{
	char key[EM_INPUT_KEY];
	int got = take_any(src, a, err);

	if (got == 1 && a->file)
		em_input_key(a->file, a->frame, key);
	if (got == 1 && check_unique(src, a->file ? key : a->sample.key, err)) {
		em_arrival_release(a);
		return -1;
	}
	return got;
}

int em_source_take(struct em_source *src, struct em_arrival *a, struct em_error *err)
{
	for (;;) {
		struct em_arrival fresh = {0};
		struct em_error why = {0};
		int got = take_unique(src, &fresh, &why);

		if (got >= 0) {
			*a = fresh;
			return got;
		}
		/* No stream can hold a key twice: with -k the second one is left out, aloud. */
		if (!src->cli->keep_going || !src->twice) {
			if (err)
				*err = why;
			return -1;
		}
		src->twice = false;
		src->cli->failed++;
		em_cli_warn(src->cli, "%s", why.text);
	}
}

int em_source_load(struct em_cli *cli, struct em_arrival *a, struct em_error *err)
{
	char key[EM_INPUT_KEY];
	int status = 0;

	if (!a->file)
		return 0;
	if (em_input_load(a->file, a->frame, &a->sample, err)) {
		em_error_prefix(err, "%s: ", shown_name(a->path));
		em_input_key(a->file, a->frame, key);
		status = failed_sample(cli, a->path, key, &a->sample, err);
	}
	em_input_close(a->file);
	a->file = NULL;
	return status;
}

void em_arrival_release(struct em_arrival *a)
{
	em_sample_release(&a->sample);
	em_input_close(a->file);
	memset(a, 0, sizeof(*a));
}

int em_source_next(struct em_source *src, struct em_sample *s, struct em_error *err)
{
	struct em_arrival a = {0};
	int got = em_source_take(src, &a, err);

	if (got != 1)
		return got;
	if (em_source_load(src->cli, &a, err))
		return -1;
	*s = a.sample;
	return 1;
}
