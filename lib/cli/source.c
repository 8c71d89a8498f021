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
static int failed_sample(struct em_source *src, const char *path, const char *key, struct em_sample *s,
                         struct em_error *err)
{
	struct em_sample fresh = {0};
	char *own = key ? NULL : em_input_key_of_path(path, src->cli->keep_path);
	struct em_error cause = *err;

	if (!src->cli->keep_going || (!key && !own) || cause.kind == EM_ERROR_MEMORY) {
		free(own);
		return -1;
	}
	if (em_record_set(&fresh.record, "em", "1", err) || em_sample_set_key(&fresh, key ? key : own, err) ||
	    em_sample_set_error(&fresh, src->cli->tool->name, cause.text, err)) {
		em_sample_release(&fresh);
		free(own);
		return -1;
	}
	free(own);
	src->cli->failed++;
	*err = (struct em_error){0};
	*s = fresh;
	return 1;
}

static int open_next(struct em_source *src, struct em_error *err)
{
	const char *path = path_of(src, src->next++);

	if (!strcmp(path, "-") && isatty(STDIN_FILENO))
		return em_error_set(err, EM_ERROR_USAGE,
		                    "nothing to read: name a file, or pipe a stream or picture in");
	src->input = em_input_open(path, src->cli->keep_path, err);
	return src->input ? 0 : em_error_prefix(err, "%s: ", shown_name(path));
}

static int check_unique(struct em_source *src, struct em_sample *s, struct em_error *err)
{
	if (file_count(src->cli) == 1 || em_keyset_add(&src->seen, s->key))
		return 1;
	em_error_set(err, EM_ERROR_DATA, "key '%.200s' comes twice: files of the same name in different folders need "
	                                 "`emcat --keep-path`", s->key);
	em_sample_release(s);
	return -1;
}

int em_source_next(struct em_source *src, struct em_sample *s, struct em_error *err)
{
	for (;;) {
		const char *path;
		int got;

		if (!src->input && src->next == file_count(src->cli))
			return 0;
		if (!src->input && open_next(src, err)) {
			got = failed_sample(src, path_of(src, src->next - 1), NULL, s, err);
			return got == 1 ? check_unique(src, s, err) : -1;
		}
		path = path_of(src, src->next - 1);
		got = em_input_next(src->input, s, err);
		if (got == 1)
			return check_unique(src, s, err);
		if (got < 0) {
			em_error_prefix(err, "%s: ", shown_name(path));
			if (em_input_is_stream(src->input))
				return -1; /* what follows a break cannot be trusted */
			got = failed_sample(src, path, em_input_last_key(src->input), s, err);
			return got == 1 ? check_unique(src, s, err) : -1;
		}
		em_input_close(src->input);
		src->input = NULL;
	}
}
