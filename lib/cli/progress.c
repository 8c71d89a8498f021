/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUIET_SECONDS 1.0
#define REDRAW_SECONDS 0.2

/* Signals and the terminal are the process's, not a tool's: so is this state. */
static volatile sig_atomic_t asked;
static double started, drawn;
static bool terminal, line_shown;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void on_usr1(int sig)
{
	(void)sig;
	asked = 1;
}

void em_progress_begin(void)
{
	struct sigaction action;

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
	if (asked) {
		asked = 0;
		em_progress_clear();
		draw(cli, now(), "", "\n");
	}
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
	if (line_shown && !cli->quiet) {
		draw(cli, now(), "\r", "\033[K\n");
		line_shown = false;
	}
}
