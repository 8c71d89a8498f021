/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One-off commands to a microscope, or to its simulator. */
#include "cli/cli.h"

#include "cli/instrument.h"
#include "scope/replay.h"
#include "scope/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct options {
	bool json;
	size_t last;
} opt;

static struct em_instrument instrument;

/* A word's work is done with the instrument open: 0, or -1 with *err set. */
struct word {
	const char *name;
	const char *command; /* for lock and journal */
	int operands;        /* at most; -1: any number */
	int (*run)(struct em_cli *cli, struct em_text *out, struct em_error *err);
};

/* ---- reading ---- */

static int status(struct em_cli *cli, struct em_text *out, struct em_error *err)
{
	(void)cli;
	return em_scope_report_status(instrument.scope, opt.json, out, err);
}

/* Of a group, what there is: not every stage has a choice of drives. */
static int need_some(const char *name, const struct em_controls *got, struct em_error *err)
{
	struct em_controls group = {0}, named = {0};

	if (em_scope_report_select(name, &group, &named, err))
		return -1;
	for (int c = 0; c < EM_CONTROLS; c++)
		if (group.known[c] && got->known[c])
			return 0;
	return em_error_set(err, EM_ERROR_UNSUPPORTED, "nothing of %.40s can be read there", name);
}

static int get(struct em_cli *cli, struct em_text *out, struct em_error *err)
{
	struct em_controls want = {0}, need = {0}, got = {0};

	for (int i = 0; i < cli->nfiles; i++)
		if (em_scope_report_select(cli->files[i], &want, &need, err))
			return -1;
	if (em_scope_get_some(instrument.scope, cli->nfiles ? &want : NULL, &need, &got, err))
		return -1;
	for (int i = 0; i < cli->nfiles; i++)
		if (need_some(cli->files[i], &got, err))
			return -1;
	em_scope_report_controls(&got, opt.json, out);
	return 0;
}

static int limits(struct em_cli *cli, struct em_text *out, struct em_error *err)
{
	(void)cli;
	return em_scope_report_limits(instrument.scope, instrument.settings.limits.clear_z, opt.json, out, err);
}

static int peers(struct em_cli *cli, struct em_text *out, struct em_error *err)
{
	(void)cli;
	return em_scope_report_peer(instrument.scope, out, err);
}

/* ---- doing ---- */

static int parse_wanted(const struct em_cli *cli, struct em_controls *want, struct em_controls *by,
                        struct em_error *err)
{
	for (int i = 0; i < cli->nfiles; i++) {
		enum em_control c;
		bool sum;
		double v;

		if (em_control_parse(cli->files[i], &c, &v, &sum, err))
			return -1;
		if (want->known[c] || by->known[c])
			return em_error_set(err, EM_ERROR_USAGE, "%s is given twice", em_control_info(c)->name);
		em_controls_set(sum ? by : want, c, v);
	}
	return 0;
}

static int move(struct em_cli *cli, const struct em_controls *want, const struct em_controls *by, struct em_error *err)
{
	const struct em_exposure any = {.binning = 1};
	struct em_controls got = {0};
	struct em_text t = {0};

	if ((by ? em_scope_move_by(instrument.scope, want, by, &got, err)
	        : em_scope_move(instrument.scope, want, &got, err)) ||
	    em_instrument_settle(cli, &instrument, &any, err))
		return -1;
	em_scope_report_controls(&got, opt.json, &t);
	if (cli->verbose)
		fputs(em_text_get(&t), stderr);
	em_text_release(&t);
	return 0;
}

static int set(struct em_cli *cli, struct em_text *out, struct em_error *err)
{
	struct em_controls want = {0}, by = {0};

	(void)out;
	if (!cli->nfiles)
		return em_error_set(err, EM_ERROR_USAGE, "set what?  As in: emctl set stage.x=12.5um mag=50k");
	if (parse_wanted(cli, &want, &by, err))
		return -1;
	return move(cli, &want, memchr(by.known, true, sizeof(by.known)) ? &by : NULL, err);
}

static int blank(struct em_cli *cli, struct em_text *out, struct em_error *err)
{
	const char *word = cli->nfiles ? cli->files[0] : "on";
	struct em_controls want = {0};

	(void)out;
	if (strcmp(word, "on") && strcmp(word, "off"))
		return em_error_set(err, EM_ERROR_USAGE, "blank on, or off: not '%.40s'", word);
	em_controls_set(&want, EM_BLANKED, !strcmp(word, "on"));
	return move(cli, &want, NULL, err);
}

static int wait_rest(struct em_cli *cli, struct em_text *out, struct em_error *err)
{
	double seconds = instrument.settings.timeout > 0 ? instrument.settings.timeout : 120;

	(void)out;
	(void)cli;
	return em_scope_wait(instrument.scope, seconds, err);
}

static int stop(struct em_cli *cli, struct em_text *out, struct em_error *err)
{
	(void)cli;
	(void)out;
	return em_scope_stop(instrument.scope, err);
}

static int dose(struct em_cli *cli, struct em_text *out, struct em_error *err)
{
	if (cli->nfiles && strcmp(cli->files[0], "reset"))
		return em_error_set(err, EM_ERROR_USAGE, "dose, or dose reset: not '%.40s'", cli->files[0]);
	if (cli->nfiles)
		return em_scope_dose_reset(instrument.scope, err);
	return em_scope_report_dose(instrument.scope, out, err);
}

static int replay(struct em_cli *cli, struct em_text *out, struct em_error *err)
{
	if (cli->nfiles != 1)
		return em_error_set(err, EM_ERROR_USAGE, "replay which journal?");
	return em_scope_replay(instrument.scope, cli->files[0], out, err);
}

static const struct word words[] = {
    {"status", "emctl status", 0, status}, {"get", "emctl get", -1, get},      {"set", "emctl set", -1, set},
    {"wait", "emctl wait", 0, wait_rest},  {"blank", "emctl blank", 1, blank}, {"stop", "emctl stop", 0, stop},
    {"limits", "emctl limits", 0, limits}, {"dose", "emctl dose", 1, dose},    {"peers", "emctl peers", 0, peers},
    {"replay", "emctl replay", 1, replay},
};

/* ---- the journal, without the instrument ---- */

static int print_log(struct em_cli *cli)
{
	struct em_text out = {0}, note = {0};
	struct em_error err = {0};
	char *own = NULL;
	const char *path = instrument.settings.journal;
	int code = em_instrument_prepare(cli, &instrument);

	if (code)
		return code;
	if (!path)
		path = own = em_scope_file(instrument.state_dir, instrument.url, "jsonl");
	if (!path)
		em_error_memory(&err, 0);
	if (!path || em_scope_report_log(path, opt.last, opt.json, &out, &note, &err) ||
	    em_cli_write_file(cli, cli->output, em_text_get(&out), out.len, false, &err))
		code = em_cli_fail(cli, NULL, &err);
	else if (note.len)
		em_cli_warn(cli, "%s", em_text_get(&note));
	em_text_release(&out);
	em_text_release(&note);
	free(own);
	return code;
}

/* ---- the tool ---- */

/* What was done to an instrument is done again to the simulator only, and not into the journal that is being read. */
static int prepare_replay(struct em_cli *cli)
{
	if (!instrument.url)
		instrument.url = "sim:";
	if (instrument.settings.dry_run)
		return em_cli_usage(cli, "replay: --dry-run: each command goes on from where the one before it ended");
	if (strncmp(instrument.url, "sim:", 4))
		return em_cli_usage(cli, "replay runs on the simulator: --scope sim:..., not %s", instrument.url);
	if (!instrument.settings.journal)
		instrument.settings.journal = "";
	return 0;
}

static int run(struct em_cli *cli, const struct word *word)
{
	struct em_error err = {0};
	struct em_text out = {0};
	int code, failed;

	if (word->operands >= 0 && cli->nfiles > word->operands)
		return em_cli_usage(cli, "%s takes no '%s'", word->name, cli->files[word->operands]);
	if (word->run == replay && prepare_replay(cli))
		return EM_EXIT_USAGE;
	/* an emergency does not wait for the command that made it */
	instrument.settings.aside = word->run == stop;
	code = em_instrument_open(cli, &instrument, word->command);
	if (code)
		return code;
	failed = word->run(cli, &out, &err);
	if (out.len && em_cli_write_file(cli, cli->output, out.s, out.len, false, failed ? NULL : &err))
		failed = -1;
	em_text_release(&out);
	return em_instrument_close(cli, &instrument, failed, &err);
}

static int start(struct em_cli *cli)
{
	const char *name = cli->nfiles ? cli->files[0] : NULL;

	if (!name)
		return em_cli_usage(cli, "a command comes first: %s", cli->tool->first);
	cli->files++;
	cli->nfiles--;
	if (!strcmp(name, "log"))
		return cli->nfiles ? em_cli_usage(cli, "log takes no '%s': see --journal", cli->files[0])
		                   : print_log(cli);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(words[i].name, name))
			return run(cli, &words[i]);
	return em_cli_usage(cli, "there is no command '%s': %s", name, cli->tool->first);
}

int main(int argc, char **argv)
{
	static const struct em_option table[] = {
	    {'j', "json", NULL, "print JSON, a line each", EM_OPTION_FLAG, &opt.json},
	    {'n', "last", "N", "log: only the last N commands", EM_OPTION_SIZE, &opt.last},
	    {0}};
	static const char *const aliases[] = {"spectrum", "emctl-acquire", "diffraction", "emctl-acquire",
	                                      "watch",    "emctl-acquire", NULL};
	const struct em_tool tool = {
	    .name = "emctl",
	    .purpose = "Drive a microscope, or its simulator: one command at a time, checked and read back.",
	    .operands = "COMMAND [ARGUMENT...]",
	    .first = "status get set wait blank stop limits dose log replay peers",
	    .example = "emctl set stage.x=12.5um stage.a=-10deg mag=50k\n"
	               "emctl set stage.x+=1um && emctl get stage\n"
	               "emctl acquire -d HAADF --size 512 | emchip -s 64 >chips.tar\n"
	               "emctl --scope http://127.0.0.1:8080 status",
	    .options = table,
	    .common = EM_COMMON_SINK,
	    .more = em_instrument_options(&instrument)};
	struct em_cli cli;
	int code = em_cli_dispatch(&tool, aliases, argc, argv);

	if (code >= 0)
		return code;
	code = em_cli_begin(&cli, &tool, argc, argv);
	return code >= 0 ? code : em_cli_end(&cli, start(&cli));
}
