/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal: what is appended is read, what was cut is told of; the scope's own lines; and doing it all again. */
#include "scope_fake.h"

#include "scope/replay.h"
#include "scope/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PATH "journal.jsonl"

static void write_text(const char *mode, const char *text)
{
	FILE *f = fopen(PATH, mode);

	fputs(text, f);
	fclose(f);
}

static void put(const char *json)
{
	struct em_text t = {0};
	struct em_journal j;

	em_text_append(&t, json);
	assert_int_equal(em_journal_open(&j, PATH, NULL), 0);
	assert_int_equal(em_journal_put(&j, &t, true, NULL), 0);
	assert_int_equal(em_journal_close(&j, NULL), 0);
	em_text_release(&t);
}

static int sum(void *ctx, size_t line, const char *text, const struct em_json *entry, struct em_error *err)
{
	double v = 0;

	(void)err;
	assert_true(strlen(text) > 0 && line > 0);
	em_json_number(em_json_get(entry, "n"), &v);
	*(double *)ctx += v;
	return v == 7 ? 7 : 0;
}

static struct em_journal_state check_read(double expected)
{
	struct em_journal_state state;
	double total = 0;

	assert_int_equal(em_journal_read(PATH, sum, &total, &state, NULL), 0);
	assert_true(total == expected);
	return state;
}

static void lines_are_appended_and_read(void **state)
{
	struct em_journal_state seen;
	double total = 0;

	(void)state;
	unlink(PATH);
	put("{\"n\":1}");
	put("{\"n\":2}");
	seen = check_read(3);
	assert_true(seen.lines == 2 && !seen.broken && !seen.cut);
	put("{\"n\":7}");
	put("{\"n\":8}");
	assert_int_equal(em_journal_read(PATH, sum, &total, &seen, NULL), 7);
	assert_int_equal(em_journal_read("not-there", sum, &total, &seen, NULL), -1);
}

static void a_cut_line_is_told_of(void **state)
{
	struct em_journal_state seen;
	struct em_text t = {0};

	(void)state;
	write_text("w", "{\"n\":1}\n{\"n\":2");
	seen = check_read(1);
	assert_true(seen.lines == 1 && seen.broken == 1 && seen.last == 2 && seen.cut);
	em_journal_tell(&seen, &t);
	assert_non_null(strstr(em_text_get(&t), "line 2"));
	em_text_release(&t);
	/* the next one begins a new line */
	put("{\"n\":4}");
	seen = check_read(5);
	assert_true(seen.lines == 2 && seen.broken == 1 && seen.last == 2 && !seen.cut);
}

static void every_cut_of_a_journal_reads(void **state)
{
	static const char text[] = "{\"n\":1,\"s\":\"\\u00e9\"}\n{\"n\":2,\"a\":[1,2]}\n{\"n\":4}\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct em_journal_state seen;
		double total = 0;
		FILE *f = fopen(PATH, "w");

		fwrite(text, 1, n, f);
		fclose(f);
		assert_int_equal(em_journal_read(PATH, sum, &total, &seen, NULL), 0);
		assert_true(seen.broken <= 1);
		put("{\"n\":100}");
		total = 0;
		assert_int_equal(em_journal_read(PATH, sum, &total, &seen, NULL), 0);
		assert_true(total >= 100 && seen.broken <= 1 && !seen.cut);
	}
}

/* ---- what the scope writes ---- */

static struct em_scope *open_fake(void)
{
	struct em_scope_settings s = {.command = "emctl test", .state_dir = fake_folder, .journal = PATH};
	struct em_scope *scope = NULL;

	em_scope_limits_init(&s.limits);
	assert_int_equal(em_scope_open_kind(&fake_kind, "fake:", &s, &scope, NULL), 0);
	return scope;
}

static void move_to(struct em_scope *s, double x)
{
	struct em_controls want = {0}, got;

	em_controls_set(&want, EM_STAGE_X, x);
	em_scope_move(s, &want, &got, NULL);
}

static int keep(void *ctx, size_t line, const char *text, const struct em_json *entry, struct em_error *err)
{
	struct em_text *t = ctx;
	const char *phase = em_json_string(em_json_get(entry, "phase")),
	           *what = em_json_string(em_json_get(entry, "do"));
	const char *error = em_json_string(em_json_find(entry, "error.kind"));

	(void)line;
	(void)text;
	(void)err;
	em_text_printf(t, "%s %s%s%s\n", phase, what, error ? " " : "", error ? error : "");
	return 0;
}

static void every_command_is_in_it(void **state)
{
	struct em_journal_state seen;
	struct em_text t = {0};
	struct em_exposure e = {.detector = "CCD"};
	struct em_scope_shot shot;
	struct em_controls got;
	struct em_scope *s;

	(void)state;
	unlink(PATH);
	fake_init();
	s = open_fake();
	move_to(s, 10 * 1e-6);
	move_to(s, 1); /* past a limit */
	fake.fault = FAKE_SHORT;
	move_to(s, 20 * 1e-6);
	fake.fault = FAKE_FINE;
	s->set.log_reads = true;
	em_scope_get(s, NULL, &got, NULL);
	s->set.log_reads = false; /* as it is unless asked for: who serves an instrument is asked all day */
	em_scope_get(s, NULL, &got, NULL);
	em_scope_wait(s, 10, NULL);
	em_scope_expose(s, &e, &shot, NULL);
	em_scope_shot_release(&shot);
	em_scope_stop(s, NULL);
	em_scope_dose_reset(s, NULL);
	em_scope_close(s);
	assert_int_equal(em_journal_read(PATH, keep, &t, &seen, NULL), 0);
	assert_string_equal(em_text_get(&t), "begin move\nend move\nwhole move refused\nbegin move\nend move missed\n"
	                                     "whole get\nbegin acquire\nend acquire\nbegin stop\nend stop\n"
	                                     "whole dose reset\n");
	em_text_release(&t);
}

/* Position before and after, to the last digit that counts. */
static int check_positions(void *ctx, size_t line, const char *text, const struct em_json *entry, struct em_error *err)
{
	struct em_controls before, after;
	size_t *seen = ctx;

	(void)text;
	(void)err;
	if (line != 2)
		return 0;
	em_controls_get_json(&before, em_json_get(entry, "before"));
	em_controls_get_json(&after, em_json_get(entry, "after"));
	assert_true(before.known[EM_STAGE_X] && before.value[EM_STAGE_X] == 0);
	assert_true(fabs(after.value[EM_STAGE_X] - 10e-6) < 1e-14);
	assert_string_equal(em_json_string(em_json_first(em_json_get(entry, "args"))), "stage.x=10um");
	++*seen;
	return 0;
}

static void positions_are_in_it(void **state)
{
	struct em_journal_state seen;
	size_t n = 0;

	(void)state;
	assert_int_equal(em_journal_read(PATH, check_positions, &n, &seen, NULL), 0);
	assert_int_equal(n, 1);
}

static void the_log_is_for_people(void **state)
{
	struct em_text out = {0}, note = {0};

	(void)state;
	assert_int_equal(em_scope_report_log(PATH, 0, false, &out, &note, NULL), 0);
	assert_non_null(strstr(em_text_get(&out), "emctl test: move stage.x=10um: done in"));
	assert_non_null(strstr(em_text_get(&out), ": refused: fake: stage.x=1e+06um is past the instrument's limit"));
	assert_int_equal(note.len, 0);
	em_text_clear(&out);
	assert_int_equal(em_scope_report_log(PATH, 3, true, &out, &note, NULL), 0);
	assert_non_null(strstr(em_text_get(&out), "\"phase\":\"begin\",\"do\":\"stop\""));
	assert_null(strstr(em_text_get(&out), "acquire"));
	em_text_clear(&out);
	assert_int_equal(em_scope_report_log(PATH, SIZE_MAX, false, &out, &note, NULL), 0);
	assert_non_null(strstr(em_text_get(&out), "move stage.x=10um ...\n"));
	em_text_release(&out);
	em_text_release(&note);
}

/* ---- again ---- */

static int replay(struct em_text *out)
{
	struct em_scope_settings s = {.command = "emctl replay", .state_dir = fake_folder, .journal = ""};
	struct em_scope *scope = NULL;
	struct em_error err = {0};
	int status;

	em_scope_limits_init(&s.limits);
	assert_int_equal(em_scope_open_kind(&fake_kind, "fake:", &s, &scope, NULL), 0);
	status = em_scope_replay(scope, PATH, out, &err);
	assert_int_equal(status ? err.kind : EM_ERROR_MISSED, EM_ERROR_MISSED);
	em_scope_close(scope);
	return status;
}

static void the_same_again(void **state)
{
	struct em_text out = {0};
	struct em_scope *s;

	(void)state;
	unlink(PATH);
	fake_init();
	fake.value[EM_STAGE_X] = fake.to[EM_STAGE_X] = 3e-6;
	s = open_fake();
	move_to(s, 10 * 1e-6);
	move_to(s, 1);
	move_to(s, -10e-6);
	em_scope_close(s);
	fake_init();
	fake.value[EM_STAGE_X] = fake.to[EM_STAGE_X] = -500e-6;
	assert_int_equal(replay(&out), 0);
	assert_non_null(strstr(em_text_get(&out), "3 commands again, 0 differ"));
	/* it began where the journal does: there, there, and twice on */
	assert_int_equal(fake.sets, 3);
	assert_true(fake.set[0].value[EM_STAGE_X] == 3e-6);
	em_text_release(&out);
}

static void what_differs_is_told(void **state)
{
	struct em_text out = {0};
	struct em_scope *s;
	struct em_exposure e = {.detector = "CCD"};
	struct em_scope_shot shot;

	(void)state;
	unlink(PATH);
	fake_init();
	s = open_fake();
	fake.fault = FAKE_SHORT;
	move_to(s, 10 * 1e-6); /* missed */
	fake.fault = FAKE_FINE;
	move_to(s, 20 * 1e-6);
	e.width = 32;
	em_scope_expose(s, &e, &shot, NULL);
	em_scope_shot_release(&shot);
	em_scope_close(s);
	write_text("a", "{\"em\":1,\"time\":");
	fake_init();
	assert_int_equal(replay(&out), -1);
	assert_non_null(strstr(em_text_get(&out), "line 2: move: done now, missed then"));
	assert_non_null(strstr(em_text_get(&out), "3 commands again, 1 differ"));
	assert_non_null(strstr(em_text_get(&out), "incomplete"));
	em_text_release(&out);
}

static int remove_all(void **state)
{
	unlink(PATH);
	return fake_remove_folder(state);
}

/* Who wrote it may have quoted an instrument that wants to drive the terminal. */
static void what_is_quoted_stays_on_its_line(void **state)
{
	struct em_text out = {0}, note = {0};

	(void)state;
	write_text("w", "{\"do\":\"move\",\"phase\":\"end\",\"args\":[\"stage.x=1um\"],"
	                "\"error\":{\"kind\":\"a\\u001b[2J\\nb\",\"text\":\"c\\rd\\u007f\"}}\n");
	assert_int_equal(em_scope_report_log(PATH, 0, false, &out, &note, NULL), 0);
	assert_string_equal(em_text_get(&out), " : move stage.x=1um: a?[2J?b: c?d?\n");
	em_text_clear(&out);
	fake_init();
	assert_int_equal(replay(&out), -1);
	assert_string_equal(em_text_get(&out), "line 1: move: done now, a?[2J?b then\n1 commands again, 1 differ\n");
	em_text_release(&out);
	em_text_release(&note);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_appended_and_read),
	    cmocka_unit_test(a_cut_line_is_told_of),
	    cmocka_unit_test(every_cut_of_a_journal_reads),
	    cmocka_unit_test(every_command_is_in_it),
	    cmocka_unit_test(positions_are_in_it),
	    cmocka_unit_test(the_log_is_for_people),
	    cmocka_unit_test(the_same_again),
	    cmocka_unit_test(what_differs_is_told),
	    cmocka_unit_test(what_is_quoted_stays_on_its_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, fake_make_folder, remove_all);
}
