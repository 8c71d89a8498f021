/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a file that lies beside an instrument, by the first one: its journal, which is read, printed, done again
 * and gone on with; its limits; its dose meter.
 */
#include "../unit/instrument_help.h"
#include "fuzz_help.h"
#include "scope/replay.h"
#include "scope/report.h"

#define SIZE_MOST 8192

static struct em_scope *scope;

static void leave(void)
{
	wire_scope_close(scope);
}

static void begin(void)
{
	if (scope)
		return;
	scope = wire_scope();
	scope->set.timeout = 1; /* of a clock that runs by being looked at */
	wire_instrument.most = 64;
	atexit(leave);
}

/* ---- the journal ---- */

static int count_entry(void *ctx, size_t line, const char *text, const struct em_json *entry, struct em_error *err)
{
	(void)err;
	check(line > 0 && *text && em_json_is_object(entry));
	++*(size_t *)ctx;
	return 0;
}

static struct em_journal_state read_journal(const char *path)
{
	struct em_journal_state state;
	size_t lines = 0;

	check(!em_journal_read(path, count_entry, &lines, &state, NULL));
	check(lines == state.lines && (state.broken > 0) == (state.last > 0));
	return state;
}

/* Whatever is there, a line that is appended is read. */
static void go_on(const char *path)
{
	struct em_journal_state before = read_journal(path), after;
	struct em_text line = {0};
	struct em_journal j;

	em_text_append(&line, "{\"em\":1}");
	check(!em_journal_open(&j, path, NULL) && !em_journal_put(&j, &line, false, NULL) &&
	      !em_journal_close(&j, NULL));
	after = read_journal(path);
	check(after.lines == before.lines + 1 && after.broken == before.broken && !after.cut);
	em_text_release(&line);
}

/* Whole lines, and nothing that drives a terminal; how many. */
static size_t lines_of(const struct em_text *t)
{
	size_t lines = 0;

	for (const char *s = em_text_get(t); *s; s++) {
		check((unsigned char)*s >= 0x20 || *s == '\n');
		lines += *s == '\n' ? 1 : 0;
	}
	check(strlen(em_text_get(t)) == t->len && (!t->len || t->s[t->len - 1] == '\n'));
	return lines;
}

static void print_journal(const char *path)
{
	struct em_journal_state state = read_journal(path);
	struct em_text out = {0}, note = {0};

	check(!em_scope_report_log(path, 0, false, &out, &note, NULL) && lines_of(&out) == state.lines);
	em_text_clear(&out);
	check(!em_scope_report_log(path, 3, true, &out, &note, NULL));
	em_text_release(&note);
	em_text_release(&out);
}

static void do_again(const char *path)
{
	struct em_text out = {0};
	struct em_error err = {0};

	if (em_scope_replay(scope, path, &out, &err))
		check(err.kind != EM_ERROR_NONE && *err.text);
	lines_of(&out);
	em_text_release(&out);
	wire_forget_dose(scope);
}

static void as_journal(const uint8_t *data, size_t size)
{
	const char *path = file_of(data, size);

	print_journal(path);
	do_again(path);
	go_on(path);
}

/* ---- limits ---- */

/* What is printed of them is the same limits. */
static void repeat(const struct em_scope_limits *l)
{
	struct em_scope_limits again;
	struct em_text out = {0};
	double lo[EM_CONTROLS], hi[EM_CONTROLS];

	scope->set.limits = *l;
	check(!em_scope_limits(scope, lo, hi, NULL) && !em_scope_report_limits(scope, l->clear_z, true, &out, NULL));
	em_scope_limits_init(&again);
	for (int c = 0; c < EM_CONTROLS; c++)
		if (lo[c] > hi[c]) { /* two that leave nothing */
			em_text_release(&out);
			return;
		}
	check(!em_scope_limits_read(&again, file_of(em_text_get(&out), out.len), NULL));
	for (int c = 0; c < EM_CONTROLS; c++)
		check(isnan(lo[c]) == isnan(again.lo[c]) && !(fabs(lo[c] - again.lo[c]) > 1e-8 * fabs(lo[c])) &&
		      !(fabs(hi[c] - again.hi[c]) > 1e-8 * fabs(hi[c])));
	em_text_release(&out);
}

static void as_limits(const uint8_t *data, size_t size)
{
	struct em_scope_limits l;
	struct em_error err = {0};

	em_scope_limits_init(&l);
	if (em_scope_limits_read(&l, file_of(data, size), &err)) {
		check(err.kind == EM_ERROR_DATA);
		for (int c = 0; c < EM_CONTROLS; c++)
			check(isnan(l.lo[c]) && isnan(l.hi[c]));
		return;
	}
	check(isnan(l.clear_z) || l.clear_z >= 0);
	for (int c = 0; c < EM_CONTROLS; c++)
		check(isnan(l.lo[c]) == isnan(l.hi[c]) && !isinf(l.lo[c]) && !isinf(l.hi[c]));
	repeat(&l);
}

/* ---- the dose meter ---- */

/* It replaces its file by a new one, which has to have a name in a folder. */
static const char *place_dose(const uint8_t *data, size_t size)
{
	static char path[sizeof(wire_folder) + 8];
	FILE *f;

	snprintf(path, sizeof(path), "%s/fuzzed", wire_folder);
	f = fopen(path, "w");
	check(f && fwrite(data, 1, size, f) == size && !fclose(f));
	return path;
}

static void as_dose(const uint8_t *data, size_t size)
{
	struct em_dose_field field = {-1e-6, -1e-6, 1e-6, 1e-6, 5e20};
	struct em_dose_meter m;
	struct em_error err = {0};
	double before, after = 0;

	check(!em_dose_open(&m, place_dose(data, size), NULL));
	if (em_dose_most(&m, &field, &before, &err)) {
		check(err.kind == EM_ERROR_DATA);
	} else {
		check(before >= 0);
		check(!em_dose_add(&m, &field, NULL) && !em_dose_most(&m, &field, &after, NULL) && after >= before);
		check(after >= field.dose);
	}
	check(!em_dose_reset(&m, NULL) && !em_dose_most(&m, &field, &after, NULL) && after == 0);
	em_dose_close(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	begin();
	if (!size || size > SIZE_MOST)
		return 0;
	switch (data[0] % 3) {
	case 0: as_journal(data + 1, size - 1); break;
	case 1: as_limits(data + 1, size - 1); break;
	default: as_dose(data + 1, size - 1);
	}
	return 0;
}
