/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/xml.h"

#include "base/json.h"

#include <expat.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"

/* A place among the strings while they grow, what is there afterwards. */
union string {
	size_t at;
	const char *s;
};

/* An element, or an attribute: a child whose name begins with '@'.  Distances are in nodes, 0 where there is none. */
struct em_xml_node {
	union string name, text;
	uint32_t first, next; /* child, sibling */
	uint32_t same;        /* the next sibling of the same name */
	bool is_repeat;       /* an earlier sibling has the same name */
};

struct em_xml {
	struct em_xml_node *node; /* in the order of the file, the root first */
	size_t count, capacity;
	struct em_text strings;
};

/* ---- parsing ---- */

struct level {
	size_t node, last; /* an open element and its last child so far; last == node: none yet */
	struct em_text text;
};

struct parsing {
	XML_Parser expat;
	struct em_xml *x;
	size_t depth; /* open elements */
	struct level level[EM_XML_MAX_DEPTH];
	int status; /* -1: err is set already */
	struct em_error *err;
};

static void stop(struct parsing *p, const char *why)
{
	unsigned long line = XML_GetCurrentLineNumber(p->expat);

	p->status = em_error_set(p->err, EM_ERROR_DATA, "XML: line %lu: %s", line, why);
	XML_StopParser(p->expat, XML_FALSE);
}

static void stop_for_memory(struct parsing *p, size_t bytes)
{
	p->status = em_error_memory(p->err, bytes);
	XML_StopParser(p->expat, XML_FALSE);
}

static size_t keep_string(struct em_xml *x, const char *prefix, const char *s, size_t n)
{
	size_t at = x->strings.len;

	em_text_append(&x->strings, prefix);
	em_text_append_bytes(&x->strings, s, n);
	em_text_append_bytes(&x->strings, "", 1);
	return at;
}

/* Room for one more node; false: the parser was told to stop. */
static bool make_room(struct parsing *p)
{
	struct em_xml *x = p->x;
	size_t capacity = x->capacity ? 2 * x->capacity : 64;
	struct em_xml_node *node;

	if (x->count >= EM_XML_MAX_NODES) {
		stop(p, "there are too many elements");
		return false;
	}
	if (x->count < x->capacity)
		return true;
	node = realloc(x->node, capacity * sizeof(*node));
	if (!node) {
		stop_for_memory(p, capacity * sizeof(*node));
		return false;
	}
	x->node = node;
	x->capacity = capacity;
	return true;
}

/* A child of the element that is open; false: no more of this. */
static bool add_node(struct parsing *p, const char *prefix, const char *name, const char *text)
{
	struct em_xml *x = p->x;
	struct level *parent = p->depth ? &p->level[p->depth - 1] : NULL;
	struct em_xml_node node = {.text.at = 0};

	if (!make_room(p))
		return false;
	node.name.at = keep_string(x, prefix, name, strlen(name));
	if (text)
		node.text.at = keep_string(x, "", text, strlen(text));
	if (parent && parent->last == parent->node)
		x->node[parent->node].first = (uint32_t)(x->count - parent->node);
	else if (parent)
		x->node[parent->last].next = (uint32_t)(x->count - parent->last);
	if (parent)
		parent->last = x->count;
	x->node[x->count++] = node;
	return true;
}

static void XMLCALL start_element(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct parsing *p = data;
	struct level *level = &p->level[p->depth];

	if (p->status)
		return;
	if (p->depth == EM_XML_MAX_DEPTH) {
		stop(p, "the elements are nested too deeply");
		return;
	}
	if (!add_node(p, "", name, NULL))
		return;
	level->node = level->last = p->x->count - 1;
	em_text_clear(&level->text);
	p->depth++;
	for (; *attributes; attributes += 2)
		if (!add_node(p, "@", attributes[0], attributes[1]))
			return;
}

static void XMLCALL end_element(void *data, const XML_Char *name)
{
	struct parsing *p = data;
	struct level *level;
	const char *s;
	size_t n;

	(void)name;
	if (p->status)
		return;
	level = &p->level[--p->depth];
	s = em_text_get(&level->text);
	s += strspn(s, BLANKS);
	n = strlen(s);
	while (n && strchr(BLANKS, s[n - 1]))
		n--;
	if (n)
		p->x->node[level->node].text.at = keep_string(p->x, "", s, n);
	if (level->text.failed || p->x->strings.failed)
		stop_for_memory(p, p->x->strings.len);
}

static void XMLCALL add_text(void *data, const XML_Char *s, int n)
{
	struct parsing *p = data;

	if (!p->status && p->depth)
		em_text_append_bytes(&p->level[p->depth - 1].text, s, (size_t)n);
}

/* Entities that stand for many others fill any memory: no microscope's file has a document type. */
static void XMLCALL refuse_doctype(void *data, const XML_Char *name, const XML_Char *system_id,
                                   const XML_Char *public_id, int has_subset)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_subset;
	stop(data, "a document type is not supported");
}

static int run_parser(struct parsing *p, const unsigned char *bytes, size_t n)
{
	enum XML_Error error;

	XML_SetUserData(p->expat, p);
	XML_SetElementHandler(p->expat, start_element, end_element);
	XML_SetCharacterDataHandler(p->expat, add_text);
	XML_SetStartDoctypeDeclHandler(p->expat, refuse_doctype);
	if (XML_Parse(p->expat, (const char *)bytes, (int)n, 1) == XML_STATUS_OK || p->status)
		return p->status;
	error = XML_GetErrorCode(p->expat);
	if (error == XML_ERROR_NO_MEMORY)
		return em_error_memory(p->err, n);
	stop(p, XML_ErrorString(error));
	return p->status;
}

/* ---- finishing the tree ---- */

/* Const is for the users of a finished tree. */
static struct em_xml_node *child_of(struct em_xml_node *node)
{
	return node->first ? node + node->first : NULL;
}

static int compare_names(const void *one, const void *two)
{
	const struct em_xml_node *a = *(struct em_xml_node *const *)one, *b = *(struct em_xml_node *const *)two;
	int order = strcmp(a->name.s, b->name.s);

	return order ? order : (a > b) - (a < b);
}

static void link_same(struct em_xml_node *parent, struct em_xml_node **children)
{
	size_t n = 0;

	for (struct em_xml_node *c = child_of(parent); c; c = c->next ? c + c->next : NULL)
		children[n++] = c;
	qsort(children, n, sizeof(*children), compare_names);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(children[i - 1]->name.s, children[i]->name.s)) {
			children[i - 1]->same = (uint32_t)(children[i] - children[i - 1]);
			children[i]->is_repeat = true;
		}
}

static int finish(struct em_xml *x, struct em_error *err)
{
	struct em_xml_node **scratch = malloc(x->count * sizeof(struct em_xml_node *));

	if (!scratch)
		return em_error_memory(err, x->count * sizeof(struct em_xml_node *));
	for (size_t i = 0; i < x->count; i++) {
		x->node[i].name.s = x->strings.s + x->node[i].name.at;
		x->node[i].text.s = x->strings.s + x->node[i].text.at;
	}
	for (size_t i = 0; i < x->count; i++)
		if (x->node[i].first)
			link_same(&x->node[i], scratch);
	free(scratch);
	return 0;
}

/* Without a declaration it is UTF-8 or UTF-16; programs of old write what is neither. */
static const char *guess_encoding(const unsigned char *bytes, size_t n)
{
	if (n < 5 || !memcmp(bytes, "<?xml", 5) || !bytes[0] || !bytes[1] || bytes[0] >= 0x80 ||
	    em_utf8_is_valid((const char *)bytes, n))
		return NULL;
	return "ISO-8859-1";
}

static int parse(struct em_xml *x, const unsigned char *bytes, size_t n, struct em_error *err)
{
	struct parsing p = {.x = x, .err = err};
	int status;

	p.expat = XML_ParserCreate(guess_encoding(bytes, n));
	if (!p.expat)
		return em_error_memory(err, n);
	em_text_append_bytes(&x->strings, "", 1); /* at 0: no text */
	status = run_parser(&p, bytes, n);
	for (size_t i = 0; i < EM_XML_MAX_DEPTH; i++)
		em_text_release(&p.level[i].text);
	XML_ParserFree(p.expat);
	return status ? -1 : finish(x, err);
}

int em_xml_parse(struct em_xml **x, const unsigned char *bytes, size_t n, struct em_error *err)
{
	struct em_xml *fresh;

	if (n > EM_XML_MAX_BYTES)
		return em_error_set(err, EM_ERROR_DATA, "XML: %zu bytes are too many: at most %zu are read", n,
		                    EM_XML_MAX_BYTES);
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return em_error_memory(err, sizeof(*fresh));
	if (parse(fresh, bytes, n, err)) {
		em_xml_free(fresh);
		return -1;
	}
	*x = fresh;
	return 0;
}

int em_xml_parse_padded(struct em_xml **x, const unsigned char *bytes, size_t n, struct em_error *err)
{
	const unsigned char *start = n ? memchr(bytes, '<', n) : NULL;

	if (!start)
		return em_error_set(err, EM_ERROR_DATA, "XML: there is no element");
	n -= (size_t)(start - bytes);
	while (n && start[n - 1] != '>')
		n--;
	return em_xml_parse(x, start, n, err);
}

void em_xml_free(struct em_xml *x)
{
	if (!x)
		return;
	free(x->node);
	em_text_release(&x->strings);
	free(x);
}

/* ---- asking it ---- */

static const struct em_xml_node *first_child(const struct em_xml_node *node)
{
	return node->first ? node + node->first : NULL;
}

static const struct em_xml_node *next_sibling(const struct em_xml_node *node)
{
	return node->next ? node + node->next : NULL;
}

static const struct em_xml_node *skip_attributes(const struct em_xml_node *node)
{
	while (node && *node->name.s == '@')
		node = next_sibling(node);
	return node;
}

const struct em_xml_node *em_xml_first(const struct em_xml_node *node)
{
	return skip_attributes(first_child(node));
}

const struct em_xml_node *em_xml_next(const struct em_xml_node *node)
{
	return next_sibling(node);
}

const char *em_xml_name(const struct em_xml_node *node)
{
	return node->name.s;
}

const char *em_xml_attribute(const struct em_xml_node *node, const char *name)
{
	node = first_child(node);
	while (node && *node->name.s == '@' && strcmp(node->name.s + 1, name) != 0)
		node = next_sibling(node);
	return node && *node->name.s == '@' ? node->text.s : NULL;
}

const struct em_xml_node *em_xml_find(const struct em_xml *x, const struct em_xml_node *from, const char *path)
{
	const struct em_xml_node *node = from ? from : x->node;

	while (node && *path) {
		size_t n = strcspn(path, "/");

		node = em_xml_first(node);
		while (node && (strncmp(node->name.s, path, n) != 0 || node->name.s[n]))
			node = em_xml_next(node);
		path += n + (path[n] == '/');
	}
	return node;
}

const char *em_xml_text(const struct em_xml *x, const struct em_xml_node *from, const char *path)
{
	const struct em_xml_node *node = em_xml_find(x, from, path);

	return node ? node->text.s : "";
}

bool em_xml_number(const struct em_xml *x, const struct em_xml_node *from, const char *path, double *v)
{
	const char *text = em_xml_text(x, from, path);
	char *end;
	double number;

	/* strtod takes hexadecimal numbers, infinities and NANs, too. */
	if (!*text || text[strspn(text, "+-.0123456789eE")])
		return false;
	number = strtod(text, &end);
	if (*end || !isfinite(number))
		return false;
	*v = number;
	return true;
}

/* ---- as JSON ---- */

/* On each level: the node that is being written, and the first one of its name. */
struct place {
	const struct em_xml_node *node, *head;
};

/* The next name on this level; false: there is none. */
static bool start_name(struct place *at, const struct em_xml_node *node, struct em_text *out)
{
	while (node && node->is_repeat)
		node = next_sibling(node);
	if (!node)
		return false;
	*at = (struct place){node, node};
	em_json_put_name(out, node->name.s);
	if (node->same)
		em_text_append(out, "[");
	return true;
}

/* What follows a node that is complete: its namesake, or the next name. */
static bool go_on(struct place *at, struct em_text *out)
{
	if (at->node->same) {
		at->node += at->node->same;
		em_text_append(out, ",");
		return true;
	}
	if (at->head->same)
		em_text_append(out, "]");
	return start_name(at, next_sibling(at->head), out);
}

void em_xml_put_json(const struct em_xml_node *node, struct em_text *out)
{
	struct place stack[EM_XML_MAX_DEPTH + 1] = {{node, node}}; /* of attributes one more */
	size_t depth = 0;

	for (;;) {
		node = stack[depth].node;
		if (node->first) {
			em_text_append(out, "{");
			if (*node->text.s) {
				em_json_put_name(out, "#text");
				em_json_put_string(out, node->text.s);
			}
			start_name(&stack[++depth], first_child(node), out);
			continue;
		}
		em_json_put_string(out, node->text.s);
		while (depth && !go_on(&stack[depth], out)) {
			em_text_append(out, "}");
			depth--;
		}
		if (!depth)
			return;
	}
}
