/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/options.h"

#include "base/parallel.h"
#include "base/text.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_drop(const char *value, void *target, struct em_error *err)
{
	struct em_cli *cli = target;

	if (!strcmp(value, "json"))
		return em_error_set(err, EM_ERROR_USAGE, "--drop json: a sample cannot do without its record");
	if (cli->ndrop == sizeof(cli->drop) / sizeof(cli->drop[0]))
		return em_error_set(err, EM_ERROR_USAGE, "--drop: at most 16 names");
	cli->drop[cli->ndrop++] = value;
	return 0;
}

void em_options_gather(struct em_cli *cli, struct em_cli_asked *asked, struct em_option *table)
{
	const struct em_option filter[] = {
		{'j', "json", NULL, "write the records as JSON Lines instead of the stream",
		 EM_OPTION_FLAG, &cli->json, .silent = true},
		{'k', "keep-going", NULL, "mark a sample that fails and go on; exit 3 at the end",
		 EM_OPTION_FLAG, &cli->keep_going, .silent = true},
		{0, "drop", "NAME", "leave member NAME out of the output; may be repeated",
		 EM_OPTION_PARSE, cli, .parse = parse_drop, .silent = true},
		{0, "no-provenance", NULL, "do not add this run to the records' provenance",
		 EM_OPTION_FLAG, &cli->no_provenance, .silent = true},
		{0}};
	const struct em_option every[] = {
		{'o', "output", "FILE", "write to FILE, whole or not at all, instead of standard output",
		 EM_OPTION_STRING, &cli->output, .silent = true},
		{'q', "quiet", NULL, "no warnings and no progress",
		 EM_OPTION_FLAG, &cli->quiet, .silent = true},
		{'v', "verbose", NULL, "say more",
		 EM_OPTION_FLAG, &cli->verbose, .silent = true},
		{'t', "threads", "N", "work on N samples at a time (default: the processors)",
		 EM_OPTION_SIZE, &cli->threads, .silent = true},
		{'h', "help", NULL, "show this help",
		 EM_OPTION_FLAG, &asked->help, .silent = true},
		{'V', "version", NULL, "show the version, the libraries and the CPU's features",
		 EM_OPTION_FLAG, &asked->version, .silent = true},
		{0, "completion", "SHELL", "print the completion of these options for SHELL",
		 EM_OPTION_STRING, &asked->completion, .choices = "bash zsh fish", .silent = true},
		{0}};
	const struct em_option *const parts[] = {cli->tool->options, cli->tool->more,
	                                         cli->tool->common == EM_COMMON_FILTER ? filter : NULL, every};
	size_t n = 0;

	for (size_t p = 0; p < sizeof(parts) / sizeof(*parts); p++)
		for (const struct em_option *o = parts[p]; o && o->name && n < EM_OPTIONS_MAX - 1; o++)
			table[n++] = *o;
	table[n] = (struct em_option){0};
}

static int parse_whole(const struct em_option *o, const char *value, struct em_error *err)
{
	size_t least = o->type == EM_OPTION_SIZE ? 1 : 0;
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || errno || v < least || v > SIZE_MAX / 2)
		return em_error_set(err, EM_ERROR_USAGE, "--%s %.60s: expected a whole number, %zu or more", o->name,
		                    value, least);
	*(size_t *)o->target = (size_t)v;
	return 0;
}

static int parse_number(const struct em_option *o, const char *value, struct em_error *err)
{
	char *end;
	double v = strtod(value, &end);

	if (end == value || *end || !isfinite(v))
		return em_error_set(err, EM_ERROR_USAGE, "--%s %.60s: expected a number", o->name, value);
	*(double *)o->target = v;
	return 0;
}

static int parse_choice(const struct em_option *o, const char *value, struct em_error *err)
{
	size_t n = strlen(value);
	int index = 0;

	for (const char *c = o->choices; *c; index++) {
		size_t len = strcspn(c, " ");

		if (len == n && !strncmp(c, value, n)) {
			*(int *)o->target = index;
			return 0;
		}
		c += len + (c[len] == ' ');
	}
	return em_error_set(err, EM_ERROR_USAGE, "--%s %.60s: choose one of: %s", o->name, value, o->choices);
}

static int apply(const struct em_option *o, const char *value, struct em_error *err)
{
	switch (o->type) {
	case EM_OPTION_FLAG: *(bool *)o->target = true; return 0;
	case EM_OPTION_STRING: *(const char **)o->target = value; return 0;
	case EM_OPTION_SIZE:
	case EM_OPTION_COUNT: return parse_whole(o, value, err);
	case EM_OPTION_NUMBER: return parse_number(o, value, err);
	case EM_OPTION_CHOICE: return parse_choice(o, value, err);
	case EM_OPTION_PARSE: return o->parse(value, o->target, err);
	}
	return 0;
}

/* getopt's own forms of the table: "s:k..." and struct option, whose val is an index beyond all letters. */
struct getopt_form {
	char letters[2 * EM_OPTIONS_MAX + 2];
	struct option longs[EM_OPTIONS_MAX];
};

#define LONG_BASE 256

static void make_getopt_form(struct getopt_form *form, const struct em_option *table)
{
	size_t n = 0;

	form->letters[n++] = ':'; /* tell a missing argument from an unknown option */
	for (int i = 0; table[i].name; i++) {
		form->longs[i] = (struct option){table[i].name, table[i].argument ? required_argument : no_argument,
		                                 NULL, LONG_BASE + i};
		if (table[i].letter)
			form->letters[n++] = table[i].letter;
		if (table[i].letter && table[i].argument)
			form->letters[n++] = ':';
	}
	form->letters[n] = '\0';
}

static int find_option(const struct em_option *table, int c)
{
	for (int i = 0; table[i].name; i++)
		if (c == LONG_BASE + i || (table[i].letter && c == table[i].letter))
			return i;
	return -1;
}

/* Options that shape the result, in one canonical spelling, so that a run can be repeated from its provenance. */
static void note(struct em_text *argv_json, const struct em_option *o, const char *value)
{
	char spelled[64];

	if (o->silent)
		return;
	if (o->letter)
		snprintf(spelled, sizeof(spelled), "-%c", o->letter);
	else
		snprintf(spelled, sizeof(spelled), "--%s", o->name);
	em_json_put_comma(argv_json);
	em_json_put_string(argv_json, spelled);
	if (o->argument) {
		em_json_put_comma(argv_json);
		em_json_put_string(argv_json, em_utf8_is_valid(value, strlen(value)) ? value : "?");
	}
}

static int make_provenance(struct em_cli *cli, const char *argv_json)
{
	struct em_text t = {0};

	em_text_append(&t, "{");
	em_json_put_name(&t, "tool");
	em_json_put_string(&t, cli->tool->name);
	em_json_put_name(&t, "version");
	em_json_put_string(&t, EM_VERSION);
	em_json_put_name(&t, "argv");
	em_text_append(&t, argv_json);
	em_text_append(&t, "]}");
	cli->provenance = t.s;
	return em_text_check(&t, NULL);
}

int em_options_parse(struct em_cli *cli, const struct em_option *table, int argc, char **argv)
{
	struct getopt_form form = {0};
	struct em_text argv_json = {0};
	struct em_error err = {0};
	int c, status = -1;

	make_getopt_form(&form, table);
	em_text_append(&argv_json, "[");
	opterr = 0;
	while (status < 0 && (c = getopt_long(argc, argv, form.letters, form.longs, NULL)) != -1) {
		int i = c == '?' || c == ':' ? -1 : find_option(table, c);

		if (c == ':')
			status = em_cli_usage(cli, "option '%s' needs an argument", argv[optind - 1]);
		else if (i < 0 && optopt && optopt < LONG_BASE)
			status = em_cli_usage(cli, "unknown option '-%c'", optopt);
		else if (i < 0)
			status = em_cli_usage(cli, "option '%s' is unknown, ambiguous or takes no argument",
			                      argv[optind - 1]);
		else if (apply(&table[i], optarg, &err))
			status = em_cli_usage(cli, "%s", err.text);
		else
			note(&argv_json, &table[i], optarg);
	}
	cli->files = argv + optind;
	cli->nfiles = argc - optind;
	if (make_provenance(cli, em_text_get(&argv_json)))
		status = em_cli_usage(cli, "out of memory");
	em_text_release(&argv_json);
	if (!cli->threads)
		cli->threads = (size_t)em_parallel_cpus();
	if (cli->threads > INT_MAX)
		cli->threads = INT_MAX;
	return status;
}
