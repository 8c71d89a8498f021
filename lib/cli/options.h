/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside lib/cli: the whole option table of a tool (its own and the common ones) and what is made from it. */
#ifndef EM_CLI_OPTIONS_H
#define EM_CLI_OPTIONS_H

#include "cli/cli.h"

#define EM_OPTIONS_MAX 64

/* What the options that end a tool at once have asked for. */
struct em_cli_asked {
	bool help, version;
	const char *completion; /* the shell's name */
};

/* Fill table (EM_OPTIONS_MAX entries, zeroed entry last) with the tool's options and then the common ones. */
void em_options_gather(struct em_cli *cli, struct em_cli_asked *asked, struct em_option *table);
/* Parse argv over it.  -1 to go on, else the exit status. */
int em_options_parse(struct em_cli *cli, const struct em_option *table, int argc, char **argv);

void em_help_print(const struct em_tool *tool, const struct em_option *table);
void em_version_print(const struct em_tool *tool);
/* False for a shell that is not known. */
bool em_completion_print(const struct em_tool *tool, const struct em_option *table, const char *shell);

#endif
