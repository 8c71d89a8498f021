/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Images, patterns and spectra from the instrument into the stream. */
#include "cli/cli.h"

#include "base/units.h"
#include "cli/instrument.h"

#include <math.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum what { IMAGE, SPECTRUM, DIFFRACTION, WATCH, WHATS };
static const char *const what_name[WHATS] = {"image", "spectrum", "diffraction", "watch"};
static const char *const command_name[WHATS] = {"emctl acquire", "emctl spectrum", "emctl diffraction", "emctl watch"};

static struct options {
	const char *detector, *key;
	size_t width, height, binning, count;
	double seconds, dwell_us, interval;
	bool spectrum;
	enum what what;
} opt = {.interval = 1};

static struct em_instrument instrument;

static int parse_size(const char *value, void *target, struct em_error *err)
{
	struct em_length w, h;

	(void)target;
	if (em_units_parse_extent(value, &w, &h, err))
		return -1;
	if (w.unit_m > 0 || h.unit_m > 0 || w.value > 65536 || h.value > 65536)
		return em_error_set(err, EM_ERROR_USAGE, "--size %.60s: expected pixels, at most 65536 a side", value);
	opt.width = (size_t)w.value;
	opt.height = (size_t)h.value;
	return 0;
}

/* ---- what to expose ---- */

static const char *first_of(const struct em_capabilities *cap, enum em_detector_kind kind)
{
	for (size_t i = 0; i < cap->detectors; i++)
		if (cap->detector[i].kind == kind)
			return cap->detector[i].name;
	return NULL;
}

/* Another kind of detector would expose the specimen for something else than was meant, and an exposure that it passes
 * over for another time. */
static int check_kind(const struct em_detector *d, struct em_error *err)
{
	static const char *const is[] = {"camera", "scan detector", "spectrometer"};
	const char *fault = NULL;

	if ((opt.what == SPECTRUM || opt.spectrum) && d->kind != EM_DETECTOR_SPECTROMETER)
		fault = "gives no spectra";
	else if (opt.what == DIFFRACTION && d->kind != EM_DETECTOR_CAMERA)
		fault = "sees no diffraction patterns";
	else if (opt.dwell_us > 0 && d->kind != EM_DETECTOR_SCAN)
		fault = "has no --dwell, but an --exposure";
	else if (opt.seconds > 0 && d->kind == EM_DETECTOR_SCAN)
		fault = "has no --exposure, but a --dwell";
	return fault ? em_error_set(err, EM_ERROR_USAGE, "%s is a %s: it %s", d->name, is[d->kind], fault) : 0;
}

/* By its name, its kind, or the mode; left to the exposure where nothing hangs on it. */
static int choose(struct em_exposure *e, struct em_error *err)
{
	bool spectrum = opt.what == SPECTRUM || opt.spectrum, pattern = opt.what == DIFFRACTION;
	const char *name = opt.detector;
	const struct em_detector *d;
	struct em_capabilities cap;

	*e = (struct em_exposure){.width = opt.width,
	                          .height = opt.height,
	                          .binning = opt.binning,
	                          .seconds = opt.seconds,
	                          .dwell = opt.dwell_us * 1e-6};
	if (!name && (spectrum || pattern)) {
		if (em_scope_capabilities(instrument.scope, &cap, err))
			return -1;
		name = first_of(&cap, spectrum ? EM_DETECTOR_SPECTROMETER : EM_DETECTOR_CAMERA);
		if (!name)
			return em_error_set(err, EM_ERROR_UNSUPPORTED, "%s: it has no %s", instrument.url,
			                    spectrum ? "spectrometer" : "camera");
	}
	if (name && (!*name || strlen(name) >= sizeof(e->detector)))
		return em_error_set(err, EM_ERROR_USAGE, "-d '%.60s': no detector has such a name", name);
	if ((name || opt.seconds > 0 || opt.dwell_us > 0) &&
	    (em_scope_detector(instrument.scope, name ? name : "", &d, err) || check_kind(d, err)))
		return -1;
	snprintf(e->detector, sizeof(e->detector), "%s", name ? name : "");
	return 0;
}

/* For a pattern the projection is changed, and changed back. */
static int project(double to, double *was, struct em_error *err)
{
	struct em_controls want = {0}, got = {0};

	want.known[EM_PROJECTION] = true;
	if (em_scope_get(instrument.scope, &want, &got, err))
		return -1;
	if (was)
		*was = got.value[EM_PROJECTION];
	if (got.value[EM_PROJECTION] == to)
		return 0;
	em_controls_set(&want, EM_PROJECTION, to);
	return em_scope_move(instrument.scope, &want, &got, err);
}

/* ---- keys ---- */

/* Keys of several commands are to be told apart, as their streams may be put together. */
static void make_key(const struct em_exposure *e, size_t i, char *key, size_t room)
{
	char when[40], kind[EM_DETECTOR_NAME + 1];
	struct timespec t;
	struct tm day;

	if (opt.key) {
		if (opt.count == 1)
			snprintf(key, room, "%s", opt.key);
		else
			snprintf(key, room, "%s-%06zu", opt.key, i + 1);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &day);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &day);
	snprintf(kind, sizeof(kind), "%s", *e->detector ? e->detector : what_name[opt.what]);
	for (char *c = kind; *c; c++)
		if (*c == '.' || *c == '/' || *c == ' ')
			*c = '-';
	snprintf(key, room, "%s-%s%06ld-%06zu", kind, when, t.tv_nsec / 1000, i + 1);
}

/* ---- exposures ---- */

static int one(struct em_cli *cli, struct em_sink *sink, const struct em_exposure *e, size_t i, struct em_error *err)
{
	struct em_sample sample = {0};
	char key[300];
	int status;

	make_key(e, i, key, sizeof(key));
	if (em_scope_acquire(instrument.scope, e, key, &sample, err))
		return -1;
	status = instrument.settings.dry_run ? 0 : em_sink_write(sink, &sample, err);
	em_sample_release(&sample);
	em_cli_progress(cli);
	return status;
}

static int several(struct em_cli *cli, struct em_sink *sink, struct em_error *err)
{
	bool pattern = opt.what == DIFFRACTION;
	struct em_exposure e;
	struct em_error after = {0};
	double was = 1;
	int status = choose(&e, err) || (pattern && project(1, &was, err)) ||
	                     (!opt.spectrum && opt.what == IMAGE && em_instrument_settle(cli, &instrument, &e, err))
	                 ? -1
	                 : 0;

	for (size_t i = 0; i < opt.count && !status; i++)
		status = one(cli, sink, &e, i, err);
	if (pattern && was != 1 && project(was, NULL, status ? &after : err) && !status)
		status = -1;
	return status;
}

static int expose(struct em_cli *cli, struct em_sink *sink, struct em_error *err, int *code)
{
	int failed;

	*code = em_instrument_open(cli, &instrument, command_name[opt.what]);
	if (*code)
		return -1;
	failed = several(cli, sink, err);
	*code = em_instrument_close(cli, &instrument, failed, err);
	return *code ? -1 : 0;
}

/* ---- watching: the instrument is free for others between samples ---- */

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Nobody reads any more: the specimen is not exposed for that. */
static bool is_unread(const struct em_cli *cli)
{
	struct pollfd p = {.fd = STDOUT_FILENO};

	return !cli->output && poll(&p, 1, 0) == 1 && p.revents & POLLERR;
}

static void sleep_until(const struct em_cli *cli, double when)
{
	while (!em_instrument_stopped() && !is_unread(cli) && seconds_now() < when) {
		double left = fmin(when - seconds_now(), 0.05);
		const struct timespec t = {0, left > 0 ? (long)(left * 1e9) : 0};

		nanosleep(&t, NULL);
	}
}

static int look(struct em_cli *cli, struct em_sink *sink, size_t i, int *code)
{
	struct em_error err = {0};
	struct em_exposure e;
	int failed;

	*code = em_instrument_open(cli, &instrument, command_name[WATCH]);
	if (*code)
		return -1;
	failed = choose(&e, &err) || one(cli, sink, &e, i, &err) ? -1 : 0;
	*code = em_instrument_close(cli, &instrument, failed, &err);
	return *code ? -1 : 0;
}

/* The end of a watch is a signal, or the number of samples. */
static int watch(struct em_cli *cli, struct em_sink *sink, int *code)
{
	double next = seconds_now();
	struct em_error pipe = {0};

	for (size_t i = 0; i < opt.count && !em_instrument_stopped(); i++) {
		if (look(cli, sink, i, code))
			return -1;
		next = fmax(next + opt.interval, seconds_now());
		if (i + 1 < opt.count)
			sleep_until(cli, next);
		if (is_unread(cli)) {
			em_error_set(&pipe, EM_ERROR_PIPE, "nobody reads");
			*code = em_cli_fail(cli, NULL, &pipe);
			return -1;
		}
	}
	return 0;
}

/* ---- the tool ---- */

static int run(struct em_cli *cli)
{
	struct em_error err = {0};
	struct em_sink *sink = instrument.settings.dry_run ? NULL : em_sink_open(cli, &err);
	int code = 0, failed;

	if (!sink && !instrument.settings.dry_run)
		return em_cli_fail(cli, NULL, &err);
	failed = opt.what == WATCH ? watch(cli, sink, &code) : expose(cli, sink, &err, &code);
	/* What was exposed before a failure is whole: only the end mark is missing, which tells the next tool. */
	if (failed || instrument.settings.dry_run) {
		em_sink_abort(sink);
		return code;
	}
	if (em_sink_close(sink, &err))
		code = em_cli_fail(cli, NULL, &err);
	return opt.what == WATCH && em_instrument_stopped() && !code ? EM_EXIT_INTERRUPTED : code;
}

static int start(struct em_cli *cli)
{
	int what = IMAGE;

	if (cli->nfiles > 1)
		return em_cli_usage(cli, "one thing at a time, not '%s' as well", cli->files[1]);
	while (cli->nfiles && what < WHATS && strcmp(what_name[what], cli->files[0]))
		what++;
	if (what == WHATS)
		return em_cli_usage(cli, "'%s' is none of: %s", cli->files[0], cli->tool->first);
	opt.what = (enum what)what;
	if (!opt.count)
		opt.count = opt.what == WATCH && !instrument.settings.dry_run ? SIZE_MAX : 1;
	if (opt.seconds < 0 || opt.dwell_us < 0 || opt.interval < 0)
		return em_cli_usage(cli, "--exposure, --dwell and --interval are 0 or more");
	return run(cli);
}

int main(int argc, char **argv)
{
	static const struct em_option table[] = {
	    {'d', "detector", "NAME", "which one (default: by the mode)", EM_OPTION_STRING, &opt.detector},
	    {0, "size", "WxH", "pixels of the picture (default: the detector's)", EM_OPTION_PARSE, NULL,
	     .parse = parse_size},
	    {0, "binning", "N", "detector pixels to one, each way", EM_OPTION_SIZE, &opt.binning},
	    {0, "exposure", "S", "seconds (default: as it is set)", EM_OPTION_NUMBER, &opt.seconds},
	    {0, "dwell", "US", "microseconds a pixel of a scan (default: as it is set)", EM_OPTION_NUMBER,
	     &opt.dwell_us},
	    {'n', "count", "N", "so many (default: 1; watch: without end)", EM_OPTION_SIZE, &opt.count},
	    {0, "interval", "S", "watch: from one to the next (default 1)", EM_OPTION_NUMBER, &opt.interval},
	    {0, "spectrum", NULL, "watch: spectra, not images", EM_OPTION_FLAG, &opt.spectrum},
	    {0, "key", "KEY", "of the samples (default: detector and time)", EM_OPTION_STRING, &opt.key,
	     .silent = true},
	    {0}};
	const struct em_tool tool = {.name = "emctl-acquire",
	                             .purpose = "Expose images, diffraction patterns or spectra into the stream.",
	                             .operands = "[image|spectrum|diffraction|watch]",
	                             .first = "image spectrum diffraction watch",
	                             .example = "emctl acquire -d HAADF --size 512 --dwell 5 -n 3 >three.tar\n"
	                                        "emctl watch --interval 2 -n 10 | emfft-crystallinity -j",
	                             .options = table,
	                             .common = EM_COMMON_FILTER,
	                             .more = em_instrument_options(&instrument)};
	struct em_cli cli;
	int code = em_cli_begin(&cli, &tool, argc, argv);

	return code >= 0 ? code : em_cli_end(&cli, start(&cli));
}
