/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/replay.h"

#include "scope/scope_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MEAN_APART 0.1 /* of the mean: noise and drift are not the same again */

struct replay {
	struct em_scope *scope;
	struct em_text *out;
	size_t line, done, different, skipped, unfinished;
	bool placed;
	char open[64]; /* the id of what began and has not ended yet */
};

static const char *text_of(const struct em_json *entry, const char *path)
{
	const char *s = em_json_string(em_json_find(entry, path));

	return s ? s : "";
}

static void differ(struct replay *r, const char *what, const char *text)
{
	struct em_text t = {0};

	em_text_printf(&t, "line %zu: %s: %s", r->line, what, text);
	if (t.len)
		em_make_printable(t.s);
	em_text_printf(r->out, "%s\n", em_text_get(&t));
	em_text_release(&t);
}

/* Was it an error then, and is it now?  False: there is nothing more to compare. */
static bool same_outcome(struct replay *r, const struct em_json *entry, int status, const struct em_error *err)
{
	const char *then = text_of(entry, "error.kind"), *now = status ? em_scope_error_name(err->kind) : "";
	struct em_text t = {0};

	if (strcmp(then, now)) {
		em_text_printf(&t, "%s now, %s then%s%s", *now ? now : "done", *then ? then : "done",
		               status ? ": " : "", status ? err->text : "");
		differ(r, text_of(entry, "do"), em_text_get(&t));
		em_text_release(&t);
		r->different++;
		return false;
	}
	return !status;
}

/* ---- moves ---- */

static int parse_args(const struct em_json *args, struct em_controls *want, struct em_error *err)
{
	for (const struct em_json *n = em_json_first(args); n; n = em_json_next(n)) {
		enum em_control c;
		bool relative;
		double v;

		if (em_control_parse(em_json_string(n) ? em_json_string(n) : "", &c, &v, &relative, err))
			return -1;
		em_controls_set(want, c, v);
	}
	return 0;
}

static void move(struct replay *r, const struct em_json *entry)
{
	struct em_controls want = {0}, then, now = {0};
	struct em_error err = {0};
	int status =
	    parse_args(em_json_get(entry, "args"), &want, &err) || em_scope_move(r->scope, &want, &now, &err) ? -1 : 0;

	if (!same_outcome(r, entry, status, &err))
		return;
	em_controls_get_json(&then, em_json_get(entry, "after"));
	for (int c = 0; c < EM_CONTROLS; c++)
		then.known[c] = then.known[c] && (want.known[c] || em_scope_is_axis(c));
	if (em_scope_compare(r->scope, &then, &now, &err)) {
		differ(r, "move", err.text);
		r->different++;
	}
}

/* ---- exposures ---- */

static size_t count_of(const struct em_json *args, const char *name)
{
	double v = 0;

	return em_json_number(em_json_get(args, name), &v) && v > 0 && v < 1e6 ? (size_t)v : 0;
}

static bool same_picture(const struct em_json *entry, const struct em_scope_shot *shot, struct em_text *why)
{
	double shape[EM_MAX_NDIM], mean = 0, sum = 0;
	const struct em_array *a = &shot->got.data;
	size_t n = em_json_numbers(em_json_find(entry, "result.shape"), shape, EM_MAX_NDIM), count = em_array_count(a);
	bool same = n == (size_t)a->ndim && em_json_number(em_json_find(entry, "result.mean"), &mean);

	for (size_t k = 0; same && k < n; k++)
		same = shape[k] == (double)a->shape[k];
	if (!same) {
		em_text_append(why, "another shape");
		return false;
	}
	for (size_t i = 0; i < count; i++)
		sum += em_array_get(a, i) / (double)count;
	if (fabs(sum - mean) <= MEAN_APART * fabs(mean))
		return true;
	em_text_printf(why, "its mean is %.6g now, %.6g then", sum, mean);
	return false;
}

static void acquire(struct replay *r, const struct em_json *entry)
{
	const struct em_json *args = em_json_get(entry, "args");
	const char *detector = text_of(args, "detector");
	struct em_exposure e = {
	    .width = count_of(args, "width"), .height = count_of(args, "height"), .binning = count_of(args, "binning")};
	struct em_scope_shot shot = {0};
	struct em_error err = {0};
	struct em_text why = {0};
	int status;

	strncpy(e.detector, detector, sizeof(e.detector) - 1);
	em_json_number(em_json_get(args, "exposure_s"), &e.seconds);
	em_json_number(em_json_get(args, "dwell_s"), &e.dwell);
	status = em_scope_expose(r->scope, &e, &shot, &err);
	if (same_outcome(r, entry, status, &err) && !same_picture(entry, &shot, &why)) {
		differ(r, e.detector, em_text_get(&why));
		r->different++;
	}
	em_text_release(&why);
	em_scope_shot_release(&shot);
}

/* ---- the journal ---- */

/* As it was found: what cannot be set here is left. */
static int place(struct replay *r, const struct em_json *entry, struct em_error *err)
{
	struct em_controls before, got;

	em_controls_get_json(&before, em_json_get(entry, "before"));
	if (r->placed || em_scope_need_capabilities(r->scope, err))
		return r->placed ? 0 : -1;
	r->placed = true;
	for (int c = 0; c < EM_CONTROLS; c++)
		before.known[c] = before.known[c] && r->scope->cap.writable.known[c];
	if (!em_scope_move(r->scope, &before, &got, err))
		return 0;
	return em_error_prefix(err, "cannot begin where the journal begins: ");
}

/* One at a time: what begins shows that what began before will have no end. */
static void begin(struct replay *r, const char *id)
{
	r->unfinished += *r->open != '\0';
	snprintf(r->open, sizeof(r->open), "%s", id);
}

static int take(void *ctx, size_t number, const char *text, const struct em_json *entry, struct em_error *err)
{
	const char *phase = text_of(entry, "phase"), *what = text_of(entry, "do");
	bool moves = !strcmp(what, "move"), exposes = !strcmp(what, "acquire");
	struct replay *r = ctx;

	(void)text;
	r->line = number;
	if (em_scope_check_stop(r->scope, err))
		return -1;
	if (!moves && !exposes)
		return 0;
	if (!strcmp(phase, "begin")) {
		begin(r, text_of(entry, "id"));
		return 0;
	}
	if (!strcmp(r->open, text_of(entry, "id")))
		*r->open = '\0';
	/* what was refused before anything was read has no place */
	if (!em_json_get(entry, "args")) {
		r->skipped++;
		return 0;
	}
	if (em_json_get(entry, "before") && place(r, entry, err))
		return -1;
	r->done++;
	if (moves)
		move(r, entry);
	else
		acquire(r, entry);
	return 0;
}

int em_scope_replay(struct em_scope *s, const char *journal, struct em_text *out, struct em_error *err)
{
	struct replay r = {.scope = s, .out = out};
	struct em_journal_state state;
	struct em_text note = {0};

	if (em_journal_read(journal, take, &r, &state, err))
		return -1;
	em_journal_tell(&state, &note);
	if (note.len)
		em_text_printf(out, "%s\n", em_text_get(&note));
	em_text_release(&note);
	begin(&r, "");
	em_text_printf(out, "%zu commands again, %zu differ", r.done, r.different);
	if (r.unfinished)
		em_text_printf(out, "; %zu left out that began and never ended", r.unfinished);
	if (r.skipped)
		em_text_printf(out, "; %zu left out that were refused at once", r.skipped);
	em_text_append(out, "\n");
	if (!r.done)
		return em_error_set(err, EM_ERROR_DATA, "'%.200s' holds no command to do again", journal);
	return r.different
	           ? em_error_set(err, EM_ERROR_MISSED, "%zu of %zu commands went otherwise", r.different, r.done)
	           : em_text_check(out, err);
}
