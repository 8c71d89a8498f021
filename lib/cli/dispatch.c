/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `emctl X` runs emctl-X. */
#include "cli/instrument.h"

#include "cli/options.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *w = words; *w; w += strspn(w, " ")) {
		size_t len = strcspn(w, " ");

		if (len == n && !strncmp(w, word, n))
			return true;
		w += len;
	}
	return false;
}

/* Does this option stand before its argument?  "--name" of an option that has one, "-x" likewise. */
static bool takes_next(const struct em_option *table, const char *arg)
{
	for (const struct em_option *o = table; o->name; o++)
		if (o->argument &&
		    ((arg[1] == '-' && !strcmp(arg + 2, o->name)) || (o->letter && arg[1] == o->letter && !arg[2])))
			return true;
	return false;
}

/* The place of the first operand; argc: there is none. */
static int first_operand(const struct em_option *table, int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		if (!strcmp(argv[i], "--"))
			return argc;
		i += takes_next(table, argv[i]) ? 2 : 1;
	}
	return i < argc ? i : argc;
}

/* From the folder that this tool was called from, if by a path, or else from PATH. */
static void run(char *name, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	char path[PATH_MAX];
	int n = slash ? snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - argv[0]), argv[0], name) : 0;

	argv[0] = name;
	if (n > 0 && (size_t)n < sizeof(path))
		execv(path, argv);
	execvp(name, argv);
}

int em_cli_dispatch(const struct em_tool *tool, const char *const *aliases, int argc, char **argv)
{
	struct em_option table[EM_OPTIONS_MAX];
	struct em_cli_asked asked = {0};
	struct em_cli cli = {.tool = tool};
	int at;
	bool keep = false;
	char name[100];

	em_options_gather(&cli, &asked, table);
	at = first_operand(table, argc, argv);
	if (at == argc || has_word(tool->first, argv[at]))
		return -1;
	snprintf(name, sizeof(name), "%s-%.60s", tool->name, argv[at]);
	for (const char *const *a = aliases; a && *a; a += 2)
		if (!strcmp(a[0], argv[at])) {
			snprintf(name, sizeof(name), "%s", a[1]);
			keep = true;
		}
	char *word = argv[at], **child = malloc(((size_t)argc + 1) * sizeof(*child));

	if (!child || strchr(word, '/'))
		return em_cli_usage(&cli, "there is no command '%s'", word);
	memcpy(child, argv, ((size_t)argc + 1) * sizeof(*child));
	if (!keep)
		memmove(child + at, child + at + 1, (size_t)(argc - at) * sizeof(*child));
	run(name, child);
	free(child);
	return em_cli_usage(&cli, "there is no command '%s' (no %s in PATH): its own are %s", word, name, tool->first);
}
