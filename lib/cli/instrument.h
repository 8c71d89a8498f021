/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The instrument of a tool that drives one: the options that all such tools share, where its files are, and what a
 * signal does.  Read are $EM_SCOPE, $XDG_STATE_HOME, $XDG_CONFIG_HOME (emfilters/limits.json and
 * calibration.json there hold for every command) and $HOME.
 *
 *     static struct em_instrument instrument;
 *     tool.more = em_instrument_options(&instrument);
 *     ... em_cli_begin ...
 *     status = em_instrument_open(&cli, &instrument, "emctl set");
 *     if (!status)
 *             failed = em_scope_move(instrument.scope, ..., &err);
 *     return em_cli_end(&cli, em_instrument_close(&cli, &instrument, failed, &err));
 *
 * From open to close SIGINT, SIGTERM and SIGHUP set settings.stop: what runs stops the stage and fails, and close says
 * in which state the instrument was left.  Where the instrument does not answer, the stage is stopped beside the call
 * that waits, and the tool ends.
 */
#ifndef EM_CLI_INSTRUMENT_H
#define EM_CLI_INSTRUMENT_H

#include "cli/cli.h"
#include "scope/scope.h"

struct em_instrument {
	/* options */
	const char *url; /* after em_instrument_prepare never NULL */
	double max_dose; /* e/A^2; 0: none */
	double settle;   /* nm/s; 0: not asked for */
	struct em_scope_settings settings;
	struct em_calibration calibration;
	/* between open and close */
	struct em_scope *scope;
	bool prepared;
	char state_dir[1024];
	struct em_option options[16];
};

/* The table, whose targets are in *in; *in gets its defaults. */
const struct em_option *em_instrument_options(struct em_instrument *in);
/* URL and folder, from the options or the environment; open does it.  0, or the exit status of a failure that has been
 * reported. */
int em_instrument_prepare(struct em_cli *cli, struct em_instrument *in);
/* The same, and opens in->scope.  `command` is for lock and journal, and stays. */
int em_instrument_open(struct em_cli *cli, struct em_instrument *in, const char *command);
/* Prints *err where status is not 0, the plan of a dry run, and how a signal left the instrument; closes it.  Returns
 * the exit status. */
int em_instrument_close(struct em_cli *cli, struct em_instrument *in, int status, const struct em_error *err);
/* Has a signal come? */
bool em_instrument_stopped(void);
/* --settle: waits until the picture stands still; at once where it was not asked for. */
int em_instrument_settle(struct em_cli *cli, struct em_instrument *in, const struct em_exposure *e,
                         struct em_error *err);

/*
 * `emctl X ...` runs emctl-X, from beside this tool or from PATH, where X is none of tool->first; those in `aliases`, a
 * NULL-terminated list of pairs, run the tool of the second name with the word kept.  Comes back with -1 where the word
 * is the tool's own or there is none, else with the exit status of a failure that has been reported.
 */
int em_cli_dispatch(const struct em_tool *tool, const char *const *aliases, int argc, char **argv);

#endif
