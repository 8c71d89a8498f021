/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --help, --version and --completion, all from the one option table. */
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 30

static void print_option(const struct em_option *o)
{
	char left[80];
	int n;

	n = o->letter ? snprintf(left, sizeof(left), "  -%c, --%s", o->letter, o->name)
	              : snprintf(left, sizeof(left), "      --%s", o->name);
	if (o->argument && n > 0 && (size_t)n < sizeof(left))
		snprintf(left + n, sizeof(left) - (size_t)n, "=%s", o->argument);
	if (strlen(left) < HELP_COLUMN)
		printf("%-*s%s\n", HELP_COLUMN, left, o->help);
	else
		printf("%s\n%*s%s\n", left, HELP_COLUMN, "", o->help);
	if (o->choices)
		printf("%*s(%s)\n", HELP_COLUMN, "", o->choices);
}

/* Each line of the example, indented. */
static void print_indented(const char *text)
{
	while (*text) {
		int n = (int)strcspn(text, "\n");

		printf("  %.*s\n", n, text);
		text += n + (text[n] == '\n');
	}
}

void em_help_print(const struct em_tool *tool, const struct em_option *table)
{
	printf("Usage: %s [OPTION...] %s\n%s\n\nOptions:\n", tool->name, tool->operands, tool->purpose);
	for (const struct em_option *o = table; o->name; o++)
		print_option(o);
	printf("\nExample:\n");
	print_indented(tool->example);
	printf("\nExit status: 0 done, 1 failure, 2 usage%s.  The manual: man %s\n",
	       tool->common == EM_COMMON_FILTER ? ", 3 some samples failed (-k)" : "", tool->name);
}

static const char *cpu_features(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("avx512f") ? "x86 avx512f avx2"
	       : __builtin_cpu_supports("avx2")  ? "x86 avx2"
	                                         : "x86 sse2";
#elif defined(__aarch64__)
	return "arm64 neon";
#else
	return "none known";
#endif
}

void em_version_print(const struct em_tool *tool)
{
	printf("%s (emfilters) %s\n", tool->name, EM_VERSION);
	printf("libraries: %s\ncompiler: %s\ncpu: %s\n", EM_LIBRARIES, __VERSION__, cpu_features());
	printf("Licence GPL-3.0-or-later; there is no warranty.\n");
}

/* Bash splits words at '=', so that "--edge=pad" is three of them.  What is no option and no choice is left to the
 * shell's own completion of file names, which knows how to quote them. */
static void bash_completion(const struct em_tool *tool, const struct em_option *table)
{
	printf("_%s() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n", tool->name);
	printf("\tCOMPREPLY=()\n\tif [[ $cur == = ]]; then cur=\n"
	       "\telif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n\tcase $prev in\n");
	for (const struct em_option *o = table; o->name; o++)
		if (o->choices) {
			printf("\t--%s", o->name);
			if (o->letter)
				printf("|-%c", o->letter);
			printf(") words='%s' ;;\n", o->choices);
		}
	printf("\t*) if [[ $cur == -* ]]; then words='");
	for (const struct em_option *o = table; o->name; o++) {
		printf("--%s ", o->name);
		if (o->letter)
			printf("-%c ", o->letter);
	}
	printf("'; fi\n");
	if (tool->first)
		printf("\t\tif ((COMP_CWORD == 1)); then words+=' %s'; fi\n", tool->first);
	printf("\t\t;;\n\tesac\n\tif [[ $words ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); fi\n}\n");
	printf("complete -o default -F _%s %s\n", tool->name, tool->name);
}

/* Inside single quotes of a shell, with what zsh's _arguments gives a meaning to taken out. */
static void print_plain(const char *s)
{
	for (; *s; s++)
		putchar(strchr("'[]:\\", *s) ? ' ' : *s);
}

static void zsh_completion(const struct em_tool *tool, const struct em_option *table)
{
	printf("#compdef %s\n_arguments -s \\\n", tool->name);
	for (const struct em_option *o = table; o->name; o++)
		for (int spelling = o->letter ? 0 : 1; spelling < 2; spelling++) {
			if (spelling)
				printf("\t'--%s%s[", o->name, o->argument ? "=" : "");
			else
				printf("\t'-%c%s[", o->letter, o->argument ? "+" : "");
			print_plain(o->help);
			printf("]");
			if (o->choices)
				printf(":%s:(%s)", o->argument, o->choices);
			else if (o->argument)
				printf(":%s:_files", o->argument);
			printf("' \\\n");
		}
	if (tool->first)
		printf("\t'1:kind:(%s)' \\\n", tool->first);
	printf("\t'*:file:_files'\n");
}

static void fish_completion(const struct em_tool *tool, const struct em_option *table)
{
	if (tool->first)
		printf("complete -c %s -n __fish_is_first_token -a '%s'\n", tool->name, tool->first);
	for (const struct em_option *o = table; o->name; o++) {
		printf("complete -c %s -l %s", tool->name, o->name);
		if (o->letter)
			printf(" -s %c", o->letter);
		if (o->choices)
			printf(" -x -a '%s'", o->choices);
		else if (o->argument)
			printf(" -r");
		printf(" -d '");
		print_plain(o->help);
		printf("'\n");
	}
}

bool em_completion_print(const struct em_tool *tool, const struct em_option *table, const char *shell)
{
	if (!strcmp(shell, "bash"))
		bash_completion(tool, table);
	else if (!strcmp(shell, "zsh"))
		zsh_completion(tool, table);
	else if (!strcmp(shell, "fish"))
		fish_completion(tool, table);
	else
		return false;
	return true;
}
