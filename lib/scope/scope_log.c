/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal's lines. */
#include "scope/scope_parts.h"

#include "scope/clock.h"

#include <unistd.h>

const char *em_scope_error_name(enum em_error_kind kind)
{
	switch (kind) {
	case EM_ERROR_REFUSED: return "refused";
	case EM_ERROR_UNREACHABLE: return "unreachable";
	case EM_ERROR_MISSED: return "missed";
	case EM_ERROR_UNSUPPORTED: return "unsupported";
	case EM_ERROR_USAGE: return "usage";
	case EM_ERROR_DATA: return "data";
	case EM_ERROR_MEMORY: return "memory";
	default: return "io";
	}
}

static void put_controls(struct em_text *t, const char *name, const struct em_controls *c)
{
	if (!c)
		return;
	em_json_put_name(t, name);
	em_controls_put_json(t, c);
}

/* Which line it is: that of a command's begin and its end have the same id. */
static void put_head(const struct em_scope *s, struct em_text *t, const char *phase, const char *what)
{
	char when[40];

	em_clock_stamp(when, sizeof(when));
	em_text_printf(t, "{\"em\":1,\"time\":\"%s\",\"id\":\"%ld-%ld-%lu\",\"phase\":\"%s\",\"do\":\"%s\"", when,
	               s->opened, (long)getpid(), s->commands, phase, what);
	em_json_put_name(t, "command");
	em_json_put_string(t, s->set.command ? s->set.command : "");
	em_json_put_name(t, "scope");
	em_json_put_string(t, s->name);
}

static void put_args(struct em_text *t, const char *args)
{
	if (args && *args)
		em_text_printf(t, ",\"args\":%s", args);
}

int em_scope_log_begin(struct em_scope *s, const char *what, const char *args, const struct em_controls *before,
                       struct em_error *err)
{
	struct em_text t = {0};
	int status;

	if (s->set.dry_run)
		return 0;
	put_head(s, &t, "begin", what);
	put_args(&t, args);
	put_controls(&t, "before", before);
	em_text_append(&t, "}");
	status = em_journal_put(&s->journal, &t, false, err);
	em_text_release(&t);
	return status;
}

static void put_error(struct em_text *t, const struct em_error *err)
{
	em_json_put_name(t, "error");
	em_text_append(t, "{");
	em_json_put_name(t, "kind");
	em_json_put_string(t, em_scope_error_name(err->kind));
	em_json_put_name(t, "text");
	em_json_put_string(t, err->text);
	em_text_append(t, "}");
}

int em_scope_log_end(struct em_scope *s, const struct em_scope_end *end, int status, struct em_error *err)
{
	struct em_error none = {.kind = EM_ERROR_IO}, why = {0};
	struct em_text t = {0};

	if (s->set.dry_run || (end->reads && !s->set.log_reads))
		return status;
	put_head(s, &t, end->alone ? "whole" : "end", end->what);
	put_args(&t, end->args);
	put_controls(&t, "before", end->before);
	put_controls(&t, "after", end->after);
	if (end->result && *end->result)
		em_text_printf(&t, ",\"result\":%s", end->result);
	em_json_put_name(&t, "seconds");
	em_json_put_number(&t, em_scope_now(s) - s->begun);
	if (status)
		put_error(&t, err ? err : &none);
	em_text_append(&t, "}");
	s->commands++;
	/* What was done is done, and the first error is the one to be told. */
	if (em_journal_put(&s->journal, &t, end->lasting, &why) && !status) {
		status = -1;
		if (err)
			*err = why;
	}
	em_text_release(&t);
	return status;
}
