/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A journal for people. */
#include "scope/report.h"

#include "scope/journal.h"

#include <stdlib.h>
#include <string.h>

/* The last lines, in a ring. */
struct lines {
	char **line;
	size_t room, next, count;
	bool json;
	struct em_text *out;
};

static const char *text_of(const struct em_json *entry, const char *path)
{
	const char *s = em_json_string(em_json_find(entry, path));

	return s ? s : "";
}

static void put_args(struct em_text *t, const struct em_json *args)
{
	for (const struct em_json *n = em_json_first(args); n; n = em_json_next(n)) {
		double v;

		em_text_append(t, " ");
		if (em_json_is_object(args))
			em_text_printf(t, "%s=", em_json_name(n));
		if (em_json_string(n))
			em_text_append(t, em_json_string(n));
		else if (em_json_number(n, &v))
			em_text_printf(t, "%.6g", v);
	}
}

/* "2026-11-27T05:22:17.123Z emctl set: move stage.x=12.5um: missed: ..." */
static void put_line(struct em_text *t, const struct em_json *entry)
{
	const struct em_json *error = em_json_get(entry, "error");
	double seconds;

	em_text_printf(t, "%s %s: %s", text_of(entry, "time"), text_of(entry, "command"), text_of(entry, "do"));
	put_args(t, em_json_get(entry, "args"));
	if (!strcmp(text_of(entry, "phase"), "begin"))
		em_text_append(t, " ...");
	else if (error)
		em_text_printf(t, ": %s: %s", text_of(error, "kind"), text_of(error, "text"));
	else if (em_json_number(em_json_get(entry, "seconds"), &seconds))
		em_text_printf(t, ": done in %.3g s", seconds);
	if (t->len)
		em_make_printable(t->s);
	em_text_append(t, "\n");
}

static void keep(struct lines *l, const char *text)
{
	if (!l->room) {
		em_text_append(l->out, text);
		return;
	}
	free(l->line[l->next]);
	l->line[l->next] = strdup(text);
	l->next = (l->next + 1) % l->room;
	l->count++;
}

static int take(void *ctx, size_t number, const char *text, const struct em_json *entry, struct em_error *err)
{
	struct em_text t = {0};
	struct lines *l = ctx;
	int status;

	(void)number;
	if (l->json)
		em_text_printf(&t, "%s\n", text);
	else
		put_line(&t, entry);
	status = em_text_check(&t, err);
	if (!status)
		keep(l, em_text_get(&t));
	em_text_release(&t);
	return status;
}

int em_scope_report_log(const char *path, size_t last, bool json, struct em_text *out, struct em_text *note,
                        struct em_error *err)
{
	struct lines l = {.room = last, .json = json, .out = out};
	struct em_journal_state state;
	int status;

	l.line = last ? calloc(last, sizeof(*l.line)) : NULL;
	if (last && !l.line)
		return em_error_memory(err, last * sizeof(*l.line));
	status = em_journal_read(path, take, &l, &state, err);
	for (size_t i = 0; i < last; i++) {
		const char *line = l.line[(l.next + i) % last];

		if (line && !status)
			em_text_append(out, line);
	}
	for (size_t i = 0; i < last; i++)
		free(l.line[i]);
	free(l.line);
	if (!status)
		em_journal_tell(&state, note);
	return status ? status : em_text_check(out, err);
}
