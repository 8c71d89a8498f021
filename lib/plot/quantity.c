/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plot/quantity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS EM_JSON_MAX_DEPTH

/* A name of the path, with the indices behind it. */
struct word {
	const char *s;
	size_t n;    /* of the name, its ending for the units left out */
	size_t full; /* of the name */
	size_t all;  /* with the indices: "drift_px.0" */
};

static const struct {
	const char *ending, *units;
} endings[] = {
	{"nm", "nm"}, {"um", "µm"},     {"pm", "pm"},     {"mm", "mm"},           {"s", "s"},   {"ms", "ms"},
	{"us", "µs"}, {"px", "px"},     {"deg", "°"},     {"mrad", "mrad"},       {"ev", "eV"}, {"kv", "kV"},
	{"k", "K"},   {"hz", "Hz"},     {"percent", "%"}, {"per_nm", "nm⁻¹"},     {"pa", "pA"},
};

static bool is_index(const char *s, size_t n)
{
	return n > 0 && strspn(s, "0123456789") >= n;
}

/* The ending of a name that says its units: its length with the "_" before it, or 0. */
static size_t units_of(const char *s, size_t n, const char **units)
{
	size_t longest = 0;

	*units = "";
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t m = strlen(endings[i].ending);

		if (n > m + 1 && m >= longest && s[n - m - 1] == '_' && !memcmp(s + n - m, endings[i].ending, m)) {
			*units = endings[i].units;
			longest = m + 1;
		}
	}
	return longest;
}

/* How many words; 0 where the path is none. */
static size_t split(const char *path, struct word *w)
{
	size_t n = 0;

	for (const char *s = path;; s++) {
		size_t length = strcspn(s, ".");
		const char *units;

		if (!length || n == WORDS)
			return 0;
		if (n && is_index(s, length)) {
			w[n - 1].all = (size_t)(s - w[n - 1].s) + length;
		} else {
			w[n].s = s;
			w[n].full = w[n].all = length;
			w[n++].n = length - units_of(s, length, &units);
		}
		s += length;
		if (!*s)
			return n;
	}
}

int em_quantity_parse(struct em_quantity *q, const char *text, size_t n, struct em_error *err)
{
	struct em_quantity made = {0};
	struct word w[WORDS];
	const char *equals = memchr(text, '=', n);
	size_t length = equals ? (size_t)(equals - text) : n, words;

	made.path = strndup(text, length);
	made.label = equals && equals + 1 < text + n ? strndup(equals + 1, n - length - 1) : NULL;
	if (!made.path || (equals && equals + 1 < text + n && !made.label)) {
		em_quantity_release(&made);
		return em_error_memory(err, n);
	}
	words = split(made.path, w);
	if (!words) {
		em_error_set(err, EM_ERROR_USAGE, "'%.100s' is no path of a number: give names with dots between them",
		             made.path);
		em_quantity_release(&made);
		return -1;
	}
	units_of(w[words - 1].s, w[words - 1].full, &made.units);
	*q = made;
	return 0;
}

void em_quantity_release(struct em_quantity *q)
{
	free(q->path);
	free(q->label);
	memset(q, 0, sizeof(*q));
}

/* ---- reading ---- */

/* The length of a name that the path begins with, else 0. */
static size_t begins_with(const char *path, const char *name)
{
	size_t n = name ? strlen(name) : 0;

	return n && !strncmp(path, name, n) && (path[n] == '.' || !path[n]) ? n : 0;
}

static const struct em_json *step(const struct em_json *node, const char **path)
{
	const struct em_json *found = NULL;
	size_t longest = 0, length = strcspn(*path, "."), k = 0;

	if (em_json_is_array(node) && is_index(*path, length)) {
		unsigned long index = strtoul(*path, NULL, 10);

		for (found = em_json_first(node); found && k < index; k++)
			found = em_json_next(found);
		longest = length;
	} else if (em_json_is_object(node)) {
		for (const struct em_json *child = em_json_first(node); child; child = em_json_next(child)) {
			size_t n = begins_with(*path, em_json_name(child));

			if (n > longest) {
				longest = n;
				found = child;
			}
		}
	}
	*path += longest + ((*path)[longest] == '.');
	return found;
}

static enum em_quantity_found value_of(const struct em_json *node, double *v)
{
	double number;

	if (!node)
		return EM_QUANTITY_ABSENT;
	if (em_json_number(node, &number)) {
		*v = fabs(number) <= EM_QUANTITY_LARGEST ? number : NAN;
		return EM_QUANTITY_NUMBER;
	}
	return em_json_string(node) || em_json_is_array(node) || em_json_is_object(node) || em_json_is_true(node)
	               ? EM_QUANTITY_OTHER : EM_QUANTITY_NULL;
}

static enum em_quantity_found walk(const struct em_json *node, const char *path, double *v)
{
	while (node && *path)
		node = step(node, &path);
	return value_of(node, v);
}

/* "a.b_px.0" -> "a.b_px_u.0" */
static void put_uncertain(const char *path, char *buf, size_t n)
{
	size_t end = strlen(path);

	for (size_t i = end; i > 0; i--)
		if (path[i - 1] == '.') {
			if (!is_index(path + i, strcspn(path + i, ".")))
				break;
			end = i - 1;
		}
	snprintf(buf, n, "%.*s_u%s", (int)end, path, path + end);
}

enum em_quantity_found em_quantity_read(const struct em_quantity *q, const struct em_record *r, double *v, double *u)
{
	const char *name = NULL;
	size_t longest = 0;
	enum em_quantity_found found;
	struct em_json *tree;
	char path[1024];

	*v = *u = NAN;
	for (size_t i = 0; i < r->count; i++) {
		size_t n = begins_with(q->path, r->member[i].name);

		if (n > longest) {
			longest = n;
			name = r->member[i].name;
		}
	}
	tree = name ? em_record_tree(r, name) : NULL;
	if (!tree)
		return EM_QUANTITY_ABSENT;
	put_uncertain(q->path, path, sizeof(path));
	found = walk(tree, q->path + longest + (q->path[longest] == '.'), v);
	/* a number that is a member of its own has its uncertainty elsewhere, at the top: not looked for */
	if (q->path[longest] && (walk(tree, path + longest + 1, u) != EM_QUANTITY_NUMBER || *u < 0))
		*u = NAN;
	em_json_free(tree);
	return found;
}

/* ---- names ---- */

/* "drift_px.0" -> "drift[0]", "mean_power" -> "mean power" */
static void put_word(struct em_text *t, const struct word *w)
{
	if (t->len)
		em_text_append(t, " ");
	for (size_t i = 0; i < w->n; i++)
		em_text_append_bytes(t, w->s[i] == '_' ? " " : w->s + i, 1);
	for (size_t i = w->full; i < w->all; i++)
		if (w->s[i] == '.')
			em_text_append(t, i > w->full ? "][" : "[");
		else
			em_text_append_bytes(t, w->s + i, 1);
	if (w->all > w->full)
		em_text_append(t, "]");
}

static void put_words(const struct word *w, size_t from, size_t to, const char *units, char name[EM_QUANTITY_NAME])
{
	struct em_text t = {0};

	for (size_t i = from; i < to; i++)
		put_word(&t, &w[i]);
	if (*units)
		em_text_printf(&t, "%s(%s)", t.len ? " " : "", units);
	snprintf(name, EM_QUANTITY_NAME, "%s", em_text_get(&t));
	em_text_release(&t);
}

void em_quantity_name(const struct em_quantity *q, char name[EM_QUANTITY_NAME])
{
	struct word w[WORDS];
	size_t n = split(q->path, w);

	if (q->label)
		snprintf(name, EM_QUANTITY_NAME, "%s", q->label);
	else
		put_words(w, n > 2 ? n - 2 : n - 1, n, "", name);
}

static bool same(const struct word *a, const struct word *b)
{
	return a->all == b->all && !memcmp(a->s, b->s, a->all);
}

/* How many words all paths have in common at their begin, or at their end; never all of one. */
static size_t common(const struct em_quantity *q, size_t n, bool at_end)
{
	struct word first[WORDS], w[WORDS];
	size_t words = split(q[0].path, first), most = words - 1;

	for (size_t i = 1; i < n; i++) {
		size_t m = split(q[i].path, w), k = 0;

		while (k < most && k + 1 < m &&
		       same(&first[at_end ? words - 1 - k : k], &w[at_end ? m - 1 - k : k]))
			k++;
		most = k;
	}
	return most;
}

void em_quantity_names(const struct em_quantity *q, size_t n, char (*name)[EM_QUANTITY_NAME],
                       char what[EM_QUANTITY_NAME])
{
	size_t head = common(q, n, false), tail = common(q, n, true);
	struct word w[WORDS];
	bool units = false;

	for (size_t i = 0; i < n; i++) {
		units = units || strcmp(q[i].units, q[0].units) != 0;
		if (head + tail >= split(q[i].path, w)) /* "a.b.b" beside "a.b" */
			tail = 0;
	}
	for (size_t i = 0; i < n; i++) {
		size_t words = split(q[i].path, w);
		struct word last = w[words - 1];
		char shown[EM_QUANTITY_NAME];

		if (q[i].label)
			snprintf(name[i], EM_QUANTITY_NAME, "%s", q[i].label);
		else
			put_words(w, head, words - tail, units ? q[i].units : "", name[i]);
		last.all = last.full;
		put_words(&last, 0, 1, "", shown);
		if (i == 0 || strcmp(what, shown) != 0)
			snprintf(what, EM_QUANTITY_NAME, "%s", i ? "" : shown);
	}
}
