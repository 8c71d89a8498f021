/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Begin and end of every tool, and its messages. */
#include "cli/cli.h"

#include "cli/options.h"
#include "cli/outfile.h"
#include "cli/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* A filter allocates and frees samples of one size over and over: what is freed is kept for the next instead of going
 * back to the system and coming again as zeroed pages, which costs more than the work itself. */
static void keep_freed_memory(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}

static const char *tool_name = ""; /* for the handler below */

/* Input files are mapped.  One that is cut short while we read it raises SIGBUS where its pages are gone. */
static void on_bus_error(int sig)
{
	static const char text[] = ": an input file shrank while it was read; copy it aside, or wait for its writer\n";
	ssize_t ignored;

	(void)sig;
	em_outfile_remove_pending();
	ignored = write(STDERR_FILENO, tool_name, strlen(tool_name));
	ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)ignored;
	_exit(EM_EXIT_FAILURE);
}

static void catch_bus_error(const char *name)
{
	struct sigaction action = {.sa_handler = on_bus_error};

	tool_name = name;
	sigaction(SIGBUS, &action, NULL);
}

int em_cli_begin(struct em_cli *cli, const struct em_tool *tool, int argc, char **argv)
{
	struct em_option table[EM_OPTIONS_MAX];
	struct em_cli_asked asked = {0};
	int status;

	memset(cli, 0, sizeof(*cli));
	cli->tool = tool;
	cli->input.scratch = em_cli_scratch_folder();
	keep_freed_memory();
	catch_bus_error(tool->name);
	em_options_gather(cli, &asked, table);
	status = em_options_parse(cli, table, argc, argv);
	if (status >= 0) {
		free(cli->provenance);
		cli->provenance = NULL;
		return status;
	}
	em_progress_begin(cli);
	if (asked.help)
		em_help_print(tool, table);
	else if (asked.version)
		em_version_print(tool);
	else if (!asked.completion)
		return -1;
	else if (!em_completion_print(tool, table, asked.completion))
		return em_cli_end(cli, em_cli_usage(cli, "--completion %s: choose one of: bash zsh fish",
		                                    asked.completion));
	return em_cli_end(cli, EM_EXIT_OK);
}

int em_cli_end(struct em_cli *cli, int status)
{
	struct em_error err = {0};

	em_progress_end(cli);
	free(cli->provenance);
	cli->provenance = NULL;
	/* A full disk may show only now.  What stdio holds and what the system holds are two different things. */
	if (fflush(stdout) || ferror(stdout) || (close(STDOUT_FILENO) && errno != EBADF)) {
		em_error_errno(&err, "cannot write standard output");
		if (status == EM_EXIT_OK)
			status = em_cli_fail(cli, NULL, &err);
	}
	return status == EM_EXIT_OK && cli->failed ? EM_EXIT_PARTIAL : status;
}

/* As the tool would have died had the signal not been ignored or blocked: in silence, status 128 + SIGPIPE. */
static void die_of_pipe(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGPIPE);
	_exit(128 + SIGPIPE);
}

int em_cli_fail(struct em_cli *cli, const char *where, const struct em_error *err)
{
	if (err->kind == EM_ERROR_PIPE)
		die_of_pipe();
	em_progress_clear();
	fprintf(stderr, "%s: %s%s%s\n", cli->tool->name, where ? where : "", where ? ": " : "", err->text);
	switch (err->kind) {
	case EM_ERROR_USAGE:
		return EM_EXIT_USAGE;
	case EM_ERROR_REFUSED:
	case EM_ERROR_UNREACHABLE:
	case EM_ERROR_MISSED:
	case EM_ERROR_UNSUPPORTED:
		return EM_EXIT_INSTRUMENT;
	default:
		return EM_EXIT_FAILURE;
	}
}

static void say(struct em_cli *cli, const char *fmt, va_list ap, const char *tail)
{
	struct em_error e = {0};
	char text[sizeof(e.text)];

	vsnprintf(text, sizeof(text), fmt, ap);
	em_error_set(&e, EM_ERROR_USAGE, "%s", text); /* makes it one printable line */
	em_progress_clear();
	fprintf(stderr, "%s: %s%s\n", cli->tool->name, e.text, tail);
}

int em_cli_usage(struct em_cli *cli, const char *fmt, ...)
{
	char tail[80];
	va_list ap;

	snprintf(tail, sizeof(tail), "; see %s --help", cli->tool->name);
	va_start(ap, fmt);
	say(cli, fmt, ap, tail);
	va_end(ap);
	return EM_EXIT_USAGE;
}

void em_cli_warn(struct em_cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (cli->quiet)
		return;
	va_start(ap, fmt);
	say(cli, fmt, ap, "");
	va_end(ap);
}

void em_cli_say(struct em_cli *cli, const char *fmt, ...)
{
	va_list ap;

	if (!cli->verbose)
		return;
	va_start(ap, fmt);
	say(cli, fmt, ap, "");
	va_end(ap);
}

const char *em_cli_scratch_folder(void)
{
	const char *folder = getenv("TMPDIR");

	return folder && *folder ? folder : P_tmpdir;
}
