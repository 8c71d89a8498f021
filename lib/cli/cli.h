/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every tool shares: one option table from which parsing, --help and completion come; the common options;
 * messages; exit codes; input and output.  Only this room and cmd/ print or exit.
 *
 *     int main(int argc, char **argv)
 *     {
 *             struct options opt = {.size = 64};
 *             const struct em_option table[] = {
 *                     {'s', "size", "PX", "edge of a chip", EM_OPTION_SIZE, &opt.size}, {0}};
 *             const struct em_tool tool = {.name = "emchip", ..., .options = table, .common = EM_COMMON_FILTER};
 *             struct em_cli cli;
 *             int status = em_cli_begin(&cli, &tool, argc, argv);
 *
 *             return status >= 0 ? status : em_filter_run(&cli, work, &opt);
 *     }
 */
#ifndef EM_CLI_CLI_H
#define EM_CLI_CLI_H

#include "base/error.h"
#include "io/input.h"
#include "io/stream.h"

#include <stdbool.h>
#include <stddef.h>

enum em_exit {
	EM_EXIT_OK = 0,
	EM_EXIT_FAILURE = 1,     /* I/O, broken stream, bad file */
	EM_EXIT_USAGE = 2,       /* the command line */
	EM_EXIT_PARTIAL = 3,     /* finished, some samples failed (-k) */
	EM_EXIT_INSTRUMENT = 4,  /* the instrument refused or missed its target */
	EM_EXIT_INTERRUPTED = 130,
};

enum em_option_type {
	EM_OPTION_FLAG,   /* bool * */
	EM_OPTION_STRING, /* const char **, borrowed from argv */
	EM_OPTION_SIZE,   /* size_t *, whole number >= 1 */
	EM_OPTION_COUNT,  /* size_t *, whole number >= 0 */
	EM_OPTION_NUMBER, /* double *, finite */
	EM_OPTION_CHOICE, /* int *, index into `choices` */
	EM_OPTION_PARSE,  /* by the tool's own function `parse` */
};

/* A table ends with a zeroed entry. */
struct em_option {
	char letter;          /* 0: long name only */
	const char *name;     /* long name, without dashes */
	const char *argument; /* its placeholder in --help, NULL for flags */
	const char *help;     /* one line, no full stop */
	enum em_option_type type;
	void *target;
	const char *choices;  /* EM_OPTION_CHOICE: "euclidean cosine mahalanobis" */
	/* EM_OPTION_PARSE: 0, or -1 with *err set.  May be called several times (repeated options). */
	int (*parse)(const char *value, void *target, struct em_error *err);
	bool silent;          /* does not change the result: kept out of the provenance */
};

enum em_common { /* which common options a tool has */
	EM_COMMON_FILTER, /* stream in, stream out: all of them */
	EM_COMMON_SINK,   /* stream in, own output: no -j, -k, --drop, --no-provenance */
};

struct em_tool {
	const char *name;     /* "emchip" */
	const char *purpose;  /* one line for the top of --help */
	const char *operands; /* "[FILE...]" */
	const char *first;    /* the words that the first operand may be, separated by blanks; NULL: any */
	const char *example;  /* a command line, or several, with newlines */
	const struct em_option *options;
	enum em_common common;
	const struct em_option *more; /* a second table: what tools of a kind share (cli/instrument.h); NULL: none */
};

struct em_cli {
	const struct em_tool *tool;
	char **files; /* operands, borrowed from argv */
	int nfiles;
	/* common options */
	const char *output; /* -o; NULL: standard output */
	bool json;          /* -j */
	bool keep_going;    /* -k */
	bool quiet, verbose, no_provenance;
	size_t threads;     /* -t, >= 1 */
	const char *drop[16];
	size_t ndrop;
	const struct em_codec *format; /* write files of this format; NULL: the stream (emcat -O) */
	struct em_input_options input; /* how plain files are read: emcat has options for it */
	/* made by em_cli_begin */
	char *provenance; /* this run's entry, JSON; owned */
	_Atomic size_t failed; /* samples that failed (-k) */
	size_t done;      /* samples written or consumed: for progress */
};

/* Parse.  Returns the exit status when the tool is to end now (--help, --version, --completion, a usage error), else
 * -1.  Prepares signals: SIGPIPE is left as it is; SIGUSR1 asks for progress. */
int em_cli_begin(struct em_cli *cli, const struct em_tool *tool, int argc, char **argv);
/* The end of every tool: closes and checks standard output, returns the exit status (EM_EXIT_PARTIAL if samples
 * failed and `status` is 0). */
int em_cli_end(struct em_cli *cli, int status);

/* "TOOL: TEXT" on standard error.  em_cli_fail returns EM_EXIT_FAILURE (EM_EXIT_USAGE for EM_ERROR_USAGE); for
 * EM_ERROR_PIPE it is silent and dies as by SIGPIPE.  `where` may be NULL: a file, a sample. */
int em_cli_fail(struct em_cli *cli, const char *where, const struct em_error *err);
int em_cli_usage(struct em_cli *cli, const char *fmt, ...) EM_PRINTF(2, 3);
void em_cli_warn(struct em_cli *cli, const char *fmt, ...) EM_PRINTF(2, 3); /* silent with -q */
void em_cli_say(struct em_cli *cli, const char *fmt, ...) EM_PRINTF(2, 3);  /* only with -v */

/* ---- samples in: all operands one after the other, or standard input ---- */

struct em_source;

/* NULL: out of memory. Files are opened as their turn comes. */
struct em_source *em_source_open(struct em_cli *cli);
/* 1, 0 at the end of the last input, -1 broken (the text names the file). With -k a frame that cannot be decoded
 * becomes a sample marked with "error". Keys are unique over all inputs. */
int em_source_next(struct em_source *src, struct em_sample *s, struct em_error *err);
void em_source_close(struct em_source *src);

/*
 * The same in two steps, so that pictures and the frames of movies are decoded side by side: take, one thread at a
 * time, gives a sample of a stream, or a file that is open and which frame of it; load, in any thread, decodes it.  A
 * zeroed struct is taken into and may be released.
 */
struct em_arrival {
	struct em_sample sample; /* after load */
	struct em_input *file;   /* until load; NULL: nothing to decode */
	size_t frame;            /* of the file */
	const char *path;        /* of the file, borrowed */
};

int em_source_take(struct em_source *src, struct em_arrival *a, struct em_error *err);
/* 0 or -1; with -k what cannot be decoded is marked. */
int em_source_load(struct em_cli *cli, struct em_arrival *a, struct em_error *err);
void em_arrival_release(struct em_arrival *a);

/* ---- samples out: the stream, or JSON Lines with -j ---- */

struct em_sink;

/* -o FILE appears whole at em_sink_close or not at all; with cli->format, see cli/export.h.  Refuses binary on a
 * terminal (EM_ERROR_USAGE). */
struct em_sink *em_sink_open(struct em_cli *cli, struct em_error *err);
/* Adds provenance, applies --drop, writes.  Not re-entrant. */
int em_sink_write(struct em_sink *sink, struct em_sample *s, struct em_error *err);
/* Whole: end mark, fsync, rename.  Frees sink in every case. */
int em_sink_close(struct em_sink *sink, struct em_error *err);
void em_sink_abort(struct em_sink *sink); /* NULL allowed */

/* A text that grows as the tool goes (statistics, a log): whole or not at all, in memory no longer than it takes to
 * write it.  path "-": standard output.  close and abort free it; abort takes NULL. */
struct em_report;
struct em_report *em_report_open(const char *path, struct em_error *err);
int em_report_write(struct em_report *r, const void *bytes, size_t n, struct em_error *err);
int em_report_close(struct em_report *r, struct em_error *err);
void em_report_abort(struct em_report *r);

/* A file of the tool's own making (a picture): whole or not at all; path "-" or NULL: standard output. */
int em_cli_write_file(struct em_cli *cli, const char *path, const void *bytes, size_t n, bool binary,
                      struct em_error *err);

/* ---- the usual filter: one sample in, one sample out, in parallel, order kept ---- */

typedef int em_filter_fn(void *ctx, struct em_sample *s, struct em_error *err);

/* Runs `work` on every sample (not on those marked with "error"), ends the tool: returns its exit status. */
int em_filter_run(struct em_cli *cli, em_filter_fn *work, void *ctx);

/*
 * The frame of a filter with steps of its own: opens source and sink, runs the body, and leaves an output that is whole
 * or visibly cut.  Reports what failed; returns the exit status that em_cli_end takes.
 */
typedef int em_through_fn(void *ctx, struct em_source *source, struct em_sink *sink, struct em_error *err);
int em_cli_through(struct em_cli *cli, em_through_fn *body, void *ctx);

/* Where temporary files go that are not an output's: $TMPDIR, or the system's folder. */
const char *em_cli_scratch_folder(void);

/* Progress: one more sample done.  Shown on a terminal after 1 s, or once at SIGUSR1. */
void em_cli_progress(struct em_cli *cli);

#endif
