/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/edges.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Which parts a shell's edge begins and ends with, and how it is written in one word. */
static const struct {
	const char *name, *written; /* with a comma, where it has one */
	enum em_shell first, last;
} shells[EM_SHELLS] = {
    [EM_SHELL_K] = {"K", "K", EM_SHELL_K, EM_SHELL_K},
    [EM_SHELL_L1] = {"L1", "L1", EM_SHELL_L1, EM_SHELL_L1},
    [EM_SHELL_L2] = {"L2", "L2", EM_SHELL_L3, EM_SHELL_L2},
    [EM_SHELL_L3] = {"L3", "L3", EM_SHELL_L3, EM_SHELL_L2},
    [EM_SHELL_L23] = {"L23", "L2,3", EM_SHELL_L3, EM_SHELL_L2},
    [EM_SHELL_M2] = {"M2", "M2", EM_SHELL_M3, EM_SHELL_M2},
    [EM_SHELL_M3] = {"M3", "M3", EM_SHELL_M3, EM_SHELL_M2},
    [EM_SHELL_M23] = {"M23", "M2,3", EM_SHELL_M3, EM_SHELL_M2},
    [EM_SHELL_M4] = {"M4", "M4", EM_SHELL_M5, EM_SHELL_M4},
    [EM_SHELL_M5] = {"M5", "M5", EM_SHELL_M5, EM_SHELL_M4},
    [EM_SHELL_M45] = {"M45", "M4,5", EM_SHELL_M5, EM_SHELL_M4},
    [EM_SHELL_N45] = {"N45", "N4,5", EM_SHELL_N45, EM_SHELL_N45},
    [EM_SHELL_O45] = {"O45", "O4,5", EM_SHELL_O45, EM_SHELL_O45},
};

const char *em_shell_name(enum em_shell shell)
{
	return shell < EM_SHELLS ? shells[shell].name : "";
}

/* ---- reading a name ---- */

static bool is(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !strncmp(text, word, length);
}

/* "L" alone is what people measure of it. */
static enum em_shell usual(unsigned z, char letter)
{
	switch (letter) {
	case 'L': return EM_SHELL_L23;
	case 'M': return em_edge_onset(z, EM_SHELL_M45) > 0 ? EM_SHELL_M45 : EM_SHELL_M23;
	case 'N': return EM_SHELL_N45;
	case 'O': return EM_SHELL_O45;
	default: return EM_SHELLS;
	}
}

static enum em_shell parse_shell(unsigned z, const char *text, size_t length)
{
	for (enum em_shell s = 0; s < EM_SHELLS; s++)
		if (is(text, length, shells[s].name) || is(text, length, shells[s].written))
			return s;
	return length == 1 ? usual(z, *text) : EM_SHELLS;
}

/* "K, L1, L2" */
static void list_shells(unsigned z, char *text, size_t size)
{
	size_t n = 0;

	snprintf(text, size, "none");
	for (enum em_shell s = 0; s < EM_SHELLS; s++)
		if (em_edge_onset(z, s) > 0 && n + 8 < size)
			n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", shells[s].name);
}

static int no_edge(const char *text, size_t length, unsigned z, struct em_error *err)
{
	char known[96];
	int shown = length < 40 ? (int)length : 40;

	if (!z)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "'%.*s' is no edge: write an element and a shell, as in Ti-L23", shown, text);
	list_shells(z, known, sizeof(known));
	return em_error_set(err, EM_ERROR_USAGE, "'%.*s': no such edge is known of %s; there are: %s", shown, text,
	                    em_element_symbol(z), known);
}

static int parse_one(const char *text, size_t length, struct em_edge *edge, struct em_error *err)
{
	size_t symbol = length > 1 && islower((unsigned char)text[1]) ? 2 : 1, skip;
	unsigned z = em_element_z(text, symbol);
	enum em_shell shell;

	skip = symbol < length && strchr("-_ ", text[symbol]) ? symbol + 1 : symbol;
	shell = z && skip < length ? parse_shell(z, text + skip, length - skip) : EM_SHELLS;
	if (shell == EM_SHELLS || !(em_edge_onset(z, shell) > 0))
		return no_edge(text, length, z, err);
	*edge = (struct em_edge){.element = em_element_symbol(z), .z = z, .shell = shell};
	edge->onset = em_edge_onset(z, shell);
	edge->first = em_edge_onset(z, shells[shell].first);
	edge->last = em_edge_onset(z, shells[shell].last);
	snprintf(edge->name, sizeof(edge->name), "%s-%s", edge->element, shells[shell].name);
	return 0;
}

/* Up to the next comma that does not belong to a name such as L2,3. */
static size_t word_length(const char *text)
{
	size_t n = strcspn(text, ",");

	if (n && text[n] == ',' && isdigit((unsigned char)text[n - 1]) && isdigit((unsigned char)text[n + 1]))
		n += 1 + strcspn(text + n + 1, ",");
	return n;
}

int em_edges_parse(const char *text, struct em_edge *edge, size_t *count, struct em_error *err)
{
	struct em_edge found[EM_EDGES_MAX];
	size_t n = 0;

	for (;;) {
		text += strspn(text, " ");
		size_t length = word_length(text), word = length;

		while (word && text[word - 1] == ' ')
			word--;
		if (n == EM_EDGES_MAX)
			return em_error_set(err, EM_ERROR_USAGE, "more than %d edges", EM_EDGES_MAX);
		if (parse_one(text, word, &found[n], err))
			return -1;
		for (size_t i = 0; i < n; i++)
			if (!strcmp(found[i].name, found[n].name))
				return em_error_set(err, EM_ERROR_USAGE, "edge %s is named twice", found[n].name);
		n++;
		text += length;
		if (!*text++)
			break;
	}
	memcpy(edge, found, n * sizeof(*edge));
	*count = n;
	return 0;
}
