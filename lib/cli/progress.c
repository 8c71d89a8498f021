/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUIET_SECONDS 1.0
#define REDRAW_SECONDS 0.2

/* Signals and the terminal are the process's, not a tool's: so is this state. */
static const struct em_cli *volatile shown; /* whose numbers the signal asks for */
static double started, drawn;
static bool terminal, line_shown;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static char *put_text(char *p, const char *s)
{
	while (*s)
		*p++ = *s++;
	return p;
}

static char *put_whole(char *p, size_t v)
{
	char digits[24];
	int n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*p++ = digits[--n];
	return p;
}

/* Answers in the handler itself, for a tool that waits for its input is the one that is asked: so only with calls that
 * POSIX allows there, which printf is not. */
static void on_usr1(int sig)
{
	const struct em_cli *cli = shown;
	int saved = errno;
	char line[160], *p = line;

	(void)sig;
	p = put_text(p, cli->tool->name);
	p = put_text(p, ": ");
	p = put_whole(p, cli->done);
	p = put_text(p, " samples, ");
	p = put_whole(p, (size_t)(now() - started));
	p = put_text(p, " s");
	if (cli->failed) {
		p = put_text(p, ", ");
		p = put_whole(p, cli->failed);
		p = put_text(p, " failed");
	}
	*p++ = '\n';
	if (write(STDERR_FILENO, line, (size_t)(p - line)) < 0) {
		/* nobody listens */
	}
	errno = saved;
}

void em_progress_begin(const struct em_cli *cli)
{
	struct sigaction action;

	shown = cli;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_usr1;
	action.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	started = drawn = now();
	terminal = isatty(STDERR_FILENO);
}

void em_progress_clear(void)
{
	if (line_shown)
		fputs("\r\033[K", stderr);
	line_shown = false;
}

static void draw(const struct em_cli *cli, double t, const char *before, const char *after)
{
	double seconds = t - started;

	fprintf(stderr, "%s%s: %zu samples, %.3g/s, %.0f s", before, cli->tool->name, cli->done,
	        (double)cli->done / (seconds > 0 ? seconds : 1), seconds);
	if (cli->failed)
		fprintf(stderr, ", %zu failed", cli->failed);
	fputs(after, stderr);
	fflush(stderr);
}

void em_cli_progress(struct em_cli *cli)
{
	double t;

	cli->done++;
	if (!terminal || cli->quiet)
		return;
	t = now();
	if (t - started < QUIET_SECONDS || t - drawn < REDRAW_SECONDS)
		return;
	drawn = t;
	line_shown = true;
	draw(cli, t, "\r", "\033[K");
}

void em_progress_end(struct em_cli *cli)
{
	bool counts = cli->done || cli->tool->common == EM_COMMON_FILTER; /* one-off commands have no samples */

	signal(SIGUSR1, SIG_IGN);
	if (line_shown || (cli->verbose && counts))
		draw(cli, now(), line_shown ? "\r" : "", line_shown ? "\033[K\n" : "\n");
	line_shown = false;
}
