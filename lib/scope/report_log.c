/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A journal for people. */
#include "scope/report.h"

#include "scope/journal.h"

#include <string.h>

struct lines {
	size_t skip, seen; /* so many come before the last ones */
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
	size_t begin = t->len;
	double seconds;

	em_text_printf(t, "%s %s: %s", text_of(entry, "time"), text_of(entry, "command"), text_of(entry, "do"));
	put_args(t, em_json_get(entry, "args"));
	if (!strcmp(text_of(entry, "phase"), "begin"))
		em_text_append(t, " ...");
	else if (error)
		em_text_printf(t, ": %s: %s", text_of(error, "kind"), text_of(error, "text"));
	else if (em_json_number(em_json_get(entry, "seconds"), &seconds))
		em_text_printf(t, ": done in %.3g s", seconds);
	if (t->len > begin)
		em_make_printable(t->s + begin);
	em_text_append(t, "\n");
}

static int count(void *ctx, size_t number, const char *text, const struct em_json *entry, struct em_error *err)
{
	size_t *lines = ctx;

	(void)number, (void)text, (void)entry, (void)err;
	++*lines;
	return 0;
}

static int take(void *ctx, size_t number, const char *text, const struct em_json *entry, struct em_error *err)
{
	struct lines *l = ctx;

	(void)number;
	if (l->seen++ < l->skip)
		return 0;
	if (l->json)
		em_text_printf(l->out, "%s\n", text);
	else
		put_line(l->out, entry);
	return em_text_check(l->out, err);
}

int em_scope_report_log(const char *path, size_t last, bool json, struct em_text *out, struct em_text *note,
                        struct em_error *err)
{
	struct lines l = {.json = json, .out = out};
	struct em_journal_state state;
	size_t lines = 0;

	if (last && em_journal_read(path, count, &lines, &state, err))
		return -1;
	l.skip = lines > last ? lines - last : 0;
	if (em_journal_read(path, take, &l, &state, err))
		return -1;
	em_journal_tell(&state, note);
	return 0;
}
