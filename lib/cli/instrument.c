/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/instrument.h"

#include "base/text.h"
#include "cli/outfile.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PER_SQUARE_ANGSTROM 1e20
#define PATIENCE 30 /* s for the lock */
#define WAKE_SECONDS 0.1
#define SETTLE_SECONDS 60 /* s for the drift to fall */

/* ---- options ---- */

static int parse_tolerance(const char *value, void *target, struct em_error *err)
{
	struct em_scope_settings *set = target;
	enum em_control which;
	bool relative;
	double v;

	if (em_control_parse(value, &which, &v, &relative, err))
		return -1;
	if (relative || !(v > 0))
		return em_error_set(err, EM_ERROR_USAGE, "--tol %.60s: a tolerance is above 0", value);
	set->tolerance[which] = v;
	return 0;
}

/* "stage.x=-10um,10um" */
static int parse_within(const char *value, void *target, struct em_error *err)
{
	struct em_scope_settings *set = target;
	char name[40], lo[60], hi[60];
	int end = 0;

	if (sscanf(value, "%39[^=]=%59[^,],%59s%n", name, lo, hi, &end) != 3 || value[end])
		return em_error_set(err, EM_ERROR_USAGE,
		                    "--within %.60s: write CONTROL=LO,HI, as in stage.x=-10um,10um", value);
	return em_scope_limits_add(&set->limits, name, lo, hi, err);
}

static int parse_limits(const char *value, void *target, struct em_error *err)
{
	struct em_scope_settings *set = target;

	return em_scope_limits_read(&set->limits, value, err);
}

static int parse_calibration(const char *value, void *target, struct em_error *err)
{
	return em_calibration_read(target, value, err);
}

static int parse_amount(const char *option, const char *value, bool zero, double *to, struct em_error *err)
{
	char *end;
	double v = strtod(value, &end);

	if (end == value || *end || !isfinite(v) || v < 0 || (v == 0 && !zero))
		return em_error_set(err, EM_ERROR_USAGE, "--%s %.60s: a number %s", option, value,
		                    zero ? "that is 0 or more" : "above 0");
	*to = v;
	return 0;
}

/* 0 stands for "not given" inside: who writes it means something else. */
static int parse_timeout(const char *value, void *target, struct em_error *err)
{
	return parse_amount("timeout", value, false, target, err);
}

static int parse_settle(const char *value, void *target, struct em_error *err)
{
	return parse_amount("settle", value, false, target, err);
}

static int parse_dose(const char *value, void *target, struct em_error *err)
{
	return parse_amount("max-dose", value, false, target, err);
}

static int parse_patience(const char *value, void *target, struct em_error *err)
{
	return parse_amount("patience", value, true, target, err);
}

const struct em_option *em_instrument_options(struct em_instrument *in)
{
	struct em_scope_settings *set = &in->settings;
	const struct em_option table[] = {
	    {0, "scope", "URL", "the instrument (default: $EM_SCOPE, or sim:)", EM_OPTION_STRING, &in->url},
	    {0, "dry-run", NULL, "say what would be done, and do nothing", EM_OPTION_FLAG, &set->dry_run},
	    {0, "tol", "CONTROL=VALUE", "read back within this of what was set; may be repeated", EM_OPTION_PARSE, set,
	     .parse = parse_tolerance},
	    {0, "timeout", "S", "seconds a command may take (default: by what it is)", EM_OPTION_PARSE, &set->timeout,
	     .parse = parse_timeout},
	    {0, "settle", "NM_PER_S", "expose until the picture drifts less than this", EM_OPTION_PARSE, &in->settle,
	     .parse = parse_settle},
	    {0, "limits", "FILE", "limits that no command may pass", EM_OPTION_PARSE, set, .parse = parse_limits},
	    {0, "within", "CONTROL=LO,HI", "one such limit; may be repeated", EM_OPTION_PARSE, set,
	     .parse = parse_within},
	    {0, "calibration", "FILE", "scales of pictures that the instrument does not tell", EM_OPTION_PARSE,
	     &in->calibration, .parse = parse_calibration},
	    {0, "max-dose", "E_PER_A2", "most electrons that any place may get", EM_OPTION_PARSE, &in->max_dose,
	     .parse = parse_dose},
	    {0, "patience", "S", "seconds to wait while another command runs (default 30)", EM_OPTION_PARSE,
	     &set->patience, .parse = parse_patience, .silent = true},
	    {0, "journal", "FILE", "append to this journal; '' for none (default: the instrument's own)",
	     EM_OPTION_STRING, &set->journal, .silent = true},
	    {0, "log-reads", NULL, "what only reads is in the journal, too", EM_OPTION_FLAG, &set->log_reads,
	     .silent = true},
	    {0}};

	_Static_assert(sizeof(table) <= sizeof(in->options), "room for the options");
	em_scope_limits_init(&set->limits);
	set->patience = PATIENCE;
	set->calibration = &in->calibration;
	memcpy(in->options, table, sizeof(table));
	return in->options;
}

/* $NAME/emfilters/TAIL, or HOME/INSTEAD/emfilters/TAIL; an XDG base directory has to be absolute. */
static bool find_place(const char *name, const char *instead, const char *tail, char *path, size_t room)
{
	const char *base = getenv(name), *home = getenv("HOME");
	int n;

	if (base && *base == '/')
		n = snprintf(path, room, "%s/emfilters%s", base, tail);
	else if (home && *home == '/')
		n = snprintf(path, room, "%s/%s/emfilters%s", home, instead, tail);
	else
		n = snprintf(path, room, "%s/emfilters-%ld%s", em_cli_scratch_folder(), (long)getuid(), tail);
	return n > 0 && (size_t)n < room;
}

/* One that there may be and that cannot be read is an error: limits that are passed over do not hold. */
static bool may_be_there(const char *path)
{
	struct stat st;

	return !lstat(path, &st) || (errno != ENOENT && errno != ENOTDIR);
}

/* Those of this place; of limits the narrowest count, of calibrations the command's. */
static int read_own_files(struct em_instrument *in, struct em_error *err)
{
	struct em_calibration own = {.count = 0}, *all = &in->calibration;
	char path[1100];

	if (in->prepared)
		return 0;
	in->prepared = true;
	if (find_place("XDG_CONFIG_HOME", ".config", "/limits.json", path, sizeof(path)) && may_be_there(path) &&
	    em_scope_limits_read(&in->settings.limits, path, err))
		return -1;
	if (!find_place("XDG_CONFIG_HOME", ".config", "/calibration.json", path, sizeof(path)) || !may_be_there(path))
		return 0;
	if (em_calibration_read(&own, path, err))
		return -1;
	if (all->count > EM_CALIBRATIONS_MAX - own.count)
		return em_error_set(err, EM_ERROR_DATA, "'%.200s' and --calibration hold more than %d calibrations",
		                    path, EM_CALIBRATIONS_MAX);
	for (size_t i = 0; i < all->count; i++)
		own.entry[own.count++] = all->entry[i];
	*all = own;
	return 0;
}

int em_instrument_prepare(struct em_cli *cli, struct em_instrument *in)
{
	const char *url = getenv("EM_SCOPE");
	struct em_error err = {0};

	if (!in->url)
		in->url = url && *url ? url : "sim:";
	if (read_own_files(in, &err))
		return em_cli_fail(cli, NULL, &err);
	in->settings.max_dose = in->max_dose * PER_SQUARE_ANGSTROM;
	in->settings.state_dir = in->state_dir;
	return find_place("XDG_STATE_HOME", ".local/state", "", in->state_dir, sizeof(in->state_dir))
	           ? 0
	           : em_cli_usage(cli, "$XDG_STATE_HOME or $HOME is too long for a folder");
}

/* ---- signals ---- */

static volatile int stop;                                 /* a signal came */
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER; /* of `busy`, against closing it */
static _Atomic(struct em_scope *) busy;                   /* open, for the thread below */
static const char *tool_name;
static pthread_t main_thread;

/* For its coming alone: a call that waits in the main thread comes back. */
static void wake(int sig)
{
	(void)sig;
}

static void say(const char *text)
{
	ssize_t ignored = write(STDERR_FILENO, tool_name, strlen(tool_name));

	ignored = write(STDERR_FILENO, text, strlen(text));
	(void)ignored;
}

/* So many seconds, in which the main thread may well end the process; true: another signal came. */
static bool linger(const sigset_t *set, double seconds)
{
	const struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - floor(seconds)))};

	return sigtimedwait(set, NULL, &t) > 0;
}

/* Tells what is open to stop; false: that cannot be told. */
static bool halt(void)
{
	bool told;

	pthread_mutex_lock(&guard);
	told = !busy || !em_scope_halt(busy, NULL);
	pthread_mutex_unlock(&guard);
	return told;
}

/* So long, or until another signal comes; and the main thread does not sleep on, as it may after it was woken up. */
static bool wake_until_heard(const sigset_t *set, double seconds)
{
	bool again = false, heard;

	for (double left = seconds; left > 0 && !again; left -= WAKE_SECONDS) {
		pthread_mutex_lock(&guard);
		heard = !busy || em_scope_heard(busy);
		pthread_mutex_unlock(&guard);
		if (!heard)
			pthread_kill(main_thread, SIGURG);
		again = linger(set, WAKE_SECONDS);
	}
	return again;
}

/*
 * The main thread sees `stop` and cleans up, woken up where it waits for an exposure or an answer; unless it is past
 * being woken: then the stage is stopped from here.  One signal may come twice (timeout(1) tells the process and its
 * group): what follows at once is the same one.
 */
static void *signal_thread(void *arg)
{
	const sigset_t *set = arg;
	int sig;
	bool again, told;

	sigwait(set, &sig);
	stop = 1;
	wake_until_heard(set, 0.2);
	told = halt();
	wake_until_heard(set, 0.3);
	again = wake_until_heard(set, 2);
	if (!again)
		wake_until_heard(set, 15);
	if (busy)
		say(told ? ": stopped by the user: the instrument does not answer; it was told to stop: look at it\n"
		         : ": stopped by the user: the instrument does not answer, nor can be told to stop: look at "
		           "it\n");
	em_outfile_remove_pending();
	_exit(EM_EXIT_INTERRUPTED);
}

static void catch_signals(const char *name)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	static sigset_t set;
	static bool caught;
	struct sigaction old, waking = {.sa_handler = wake};
	pthread_t thread;

	if (caught)
		return;
	caught = true;
	tool_name = name;
	main_thread = pthread_self();
	sigaction(SIGURG, &waking, NULL);
	sigemptyset(&set);
	/* what the caller ignores (nohup) stays ignored */
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaddset(&set, signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&thread, NULL, signal_thread, &set))
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	else
		pthread_detach(thread);
}

bool em_instrument_stopped(void)
{
	return stop;
}

/* ---- open and close ---- */

int em_instrument_open(struct em_cli *cli, struct em_instrument *in, const char *command)
{
	struct em_error err = {0};
	int status = em_instrument_prepare(cli, in);

	if (status)
		return status;
	in->settings.command = command;
	in->settings.stop = &stop;
	catch_signals(cli->tool->name);
	if (em_scope_open(in->url, &in->settings, &in->scope, &err)) {
		status = em_cli_fail(cli, NULL, &err);
		return stop ? EM_EXIT_INTERRUPTED : status;
	}
	busy = in->scope;
	return 0;
}

static void tell_state(struct em_cli *cli, struct em_instrument *in)
{
	struct em_error left = {0};
	struct em_text t = {0};

	em_scope_tell(in->scope, &t);
	em_error_set(&left, EM_ERROR_REFUSED, "stopped by the user: %s", em_text_get(&t));
	em_cli_fail(cli, NULL, &left);
	em_text_release(&t);
}

int em_instrument_close(struct em_cli *cli, struct em_instrument *in, int status, const struct em_error *err)
{
	int code = EM_EXIT_INTERRUPTED;

	if (stop)
		tell_state(cli, in);
	else
		code = status ? em_cli_fail(cli, NULL, err) : EM_EXIT_OK;
	if (in->settings.dry_run)
		fputs(em_scope_plan(in->scope), stdout);
	pthread_mutex_lock(&guard);
	busy = NULL;
	pthread_mutex_unlock(&guard);
	em_scope_close(in->scope);
	in->scope = NULL;
	return code;
}

int em_instrument_settle(struct em_cli *cli, struct em_instrument *in, const struct em_exposure *e,
                         struct em_error *err)
{
	double seconds = in->settings.timeout > 0 ? in->settings.timeout : SETTLE_SECONDS, drift = NAN;

	if (!(in->settle > 0))
		return 0;
	if (em_scope_settle(in->scope, e, in->settle * 1e-9, seconds, &drift, err))
		return -1;
	em_cli_say(cli, "drift %.3g nm/s", drift * 1e9);
	return 0;
}
