/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/told.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* How long the number at text[i] is; 0: none begins there, as in L23. */
static size_t number_at(const char *text, size_t i)
{
	char *end;

	if (!isdigit((unsigned char)text[i]) || (i && isalpha((unsigned char)text[i - 1])))
		return 0;
	(void)strtod(text + i, &end);
	return (size_t)(end - text) - i;
}

bool em_told_alike(const char *a, const char *b, size_t n)
{
	size_t i = 0, k = 0;

	while (a[i] && k < n) {
		size_t here = number_at(a, i), there = number_at(b, k);

		if (!here != !there || (!here && a[i] != b[k]))
			return false;
		i += here ? here : 1;
		k += there ? there : 1;
	}
	return !a[i] && k >= n;
}

void em_told_tell(struct em_told *told, struct em_cli *cli, const char *key, const char *lines)
{
	for (size_t n; *lines; lines += n + (lines[n] != '\0')) {
		size_t i = 0;

		n = strcspn(lines, "\n");
		while (i < told->count && !em_told_alike(told->line[i], lines, n))
			i++;
		if (i < told->count || told->count == EM_TOLD_MOST)
			continue;
		told->line[told->count] = strndup(lines, n);
		if (!told->line[told->count])
			continue;
		told->count++;
		em_cli_warn(cli, "sample %.200s: %.*s", key, (int)n, lines);
	}
}

void em_told_release(struct em_told *told)
{
	for (size_t i = 0; i < told->count; i++)
		free(told->line[i]);
	*told = (struct em_told){0};
}
