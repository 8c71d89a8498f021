/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/json.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* struct em_json is never defined: a pointer to it is a pointer to cJSON's node under a name that does not leak. */
static const cJSON *inner(const struct em_json *node)
{
	return (const cJSON *)(const void *)node;
}

static const struct em_json *outer(const cJSON *node)
{
	return (const struct em_json *)(const void *)node;
}

/* RFC 3629, table 3-7 of the Unicode standard. */
size_t em_utf8_length(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	if (len < 2)
		return len;
	if (len > n)
		return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool em_utf8_is_valid(const char *s, size_t n)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		len = em_utf8_length(s + i, n - i);
		if (!len)
			return false;
	}
	return true;
}

/* What cJSON lets pass and JSON does not: control characters and \u0000 in strings (it would cut a C string short),
 * numbers like 01, 1. or +1, and deep nesting (cJSON recurses). */
static const char *find_fault(const char *s, size_t n)
{
	size_t depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (in_string) {
			if (c < 0x20)
				return "a control character inside a string";
			if (c == '\\') {
				if (n - i > 5 && !memcmp(s + i, "\\u0000", 6))
					return "\\u0000 inside a string";
				i++;
			} else if (c == '"') {
				in_string = false;
			}
			continue;
		}
		if (c == '"')
			in_string = true;
		else if (c == '{' || c == '[') {
			if (++depth > EM_JSON_MAX_DEPTH)
				return "nested too deeply (64 levels are the limit)";
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		} else if (c < 0x20 && c != '\n' && c != '\t' && c != '\r') {
			return "a control character between values";
		}
	}
	return NULL;
}

/* A token that begins like a number must be one by RFC 8259: -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static size_t number_length(const char *s, size_t n)
{
	size_t i = 0, digits;

#define SKIP_DIGITS for (digits = 0; i < n && s[i] >= '0' && s[i] <= '9'; i++, digits++) \
		;
	if (i < n && s[i] == '-')
		i++;
	if (i < n && s[i] == '0')
		i++;
	else {
		SKIP_DIGITS
		if (!digits)
			return 0;
	}
	if (i < n && s[i] == '.') {
		i++;
		SKIP_DIGITS
		if (!digits)
			return 0;
	}
	if (i < n && (s[i] == 'e' || s[i] == 'E')) {
		i++;
		if (i < n && (s[i] == '+' || s[i] == '-'))
			i++;
		SKIP_DIGITS
		if (!digits)
			return 0;
	}
#undef SKIP_DIGITS
	return i;
}

static bool numbers_are_strict(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"') {
			for (i++; i < n && s[i] != '"'; i++)
				if (s[i] == '\\')
					i++;
		} else if (s[i] == '-' || s[i] == '+' || (s[i] >= '0' && s[i] <= '9')) {
			size_t len = number_length(s + i, n - i);
			char after = i + len < n ? s[i + len] : ' ';

			if (!len || !strchr(",]} \t\r\n", after))
				return false;
			i += len - 1;
		}
	}
	return true;
}

struct em_json *em_json_parse(const char *text, size_t len, struct em_error *err)
{
	const char *stop = NULL, *fault;
	cJSON *root;
	size_t used;

	if (len > EM_JSON_MAX_BYTES) {
		em_error_set(err, EM_ERROR_DATA, "JSON of %zu bytes; %zu are the limit", len, EM_JSON_MAX_BYTES);
		return NULL;
	}
	if (!em_utf8_is_valid(text, len)) {
		em_error_set(err, EM_ERROR_DATA, "JSON is not valid UTF-8");
		return NULL;
	}
	fault = find_fault(text, len);
	if (fault) {
		em_error_set(err, EM_ERROR_DATA, "not JSON: %s", fault);
		return NULL;
	}
	root = cJSON_ParseWithLengthOpts(text, len, &stop, 0);
	used = stop ? (size_t)(stop - text) : 0;
	if (!root) {
		em_error_set(err, EM_ERROR_DATA, "not JSON: %s at byte %zu", len ? "syntax error" : "no value", used);
		return NULL;
	}
	while (used < len && strchr(" \t\r\n", text[used]))
		used++;
	if (used < len || !numbers_are_strict(text, used)) {
		cJSON_Delete(root);
		em_error_set(err, EM_ERROR_DATA, "not JSON: %s",
		             used < len ? "more follows the value" : "a number is not written as JSON has it");
		return NULL;
	}
	return (struct em_json *)(void *)root;
}

/* Up to EM_JSON_MAX_BYTES + 1 bytes of the file, so that an endless one is refused, not read. */
static char *read_file(FILE *f, size_t *len, struct em_error *err)
{
	char *text = NULL;
	size_t capacity = 1 << 14;

	*len = 0;
	for (;;) {
		char *grown = realloc(text, capacity);

		if (!grown) {
			em_error_memory(err, capacity);
			break;
		}
		text = grown;
		*len += fread(text + *len, 1, capacity - *len, f);
		if (ferror(f)) {
			em_error_errno(err, "cannot read");
			break;
		}
		if (*len < capacity || *len > EM_JSON_MAX_BYTES)
			return text;
		capacity *= 2;
	}
	free(text);
	return NULL;
}

struct em_json *em_json_parse_file(const char *path, struct em_error *err)
{
	FILE *f = fopen(path, "rb");
	struct em_json *root = NULL;
	size_t len;
	char *text;

	if (!f) {
		em_error_errno(err, "%s", path);
		return NULL;
	}
	text = read_file(f, &len, err);
	fclose(f);
	if (text)
		root = em_json_parse(text, len, err);
	if (!root)
		em_error_prefix(err, "%s: ", path);
	free(text);
	return root;
}

void em_json_free(struct em_json *root)
{
	cJSON_Delete((cJSON *)(void *)root);
}

const struct em_json *em_json_get(const struct em_json *node, const char *name)
{
	return cJSON_IsObject(inner(node)) ? outer(cJSON_GetObjectItemCaseSensitive(inner(node), name)) : NULL;
}

const struct em_json *em_json_find(const struct em_json *node, const char *path)
{
	char name[64];

	while (node && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(name))
			return NULL;
		memcpy(name, path, n);
		name[n] = '\0';
		node = em_json_get(node, name);
		path += n + (path[n] == '.');
	}
	return node;
}

const struct em_json *em_json_first(const struct em_json *node)
{
	return em_json_is_array(node) || em_json_is_object(node) ? outer(inner(node)->child) : NULL;
}

const struct em_json *em_json_next(const struct em_json *node)
{
	return node ? outer(inner(node)->next) : NULL;
}

size_t em_json_size(const struct em_json *node)
{
	size_t n = 0;

	for (const struct em_json *c = em_json_first(node); c; c = em_json_next(c))
		n++;
	return n;
}

const char *em_json_name(const struct em_json *node)
{
	return node ? inner(node)->string : NULL;
}

bool em_json_is_object(const struct em_json *node)
{
	return cJSON_IsObject(inner(node));
}

bool em_json_is_array(const struct em_json *node)
{
	return cJSON_IsArray(inner(node));
}

const char *em_json_string(const struct em_json *node)
{
	return cJSON_GetStringValue(inner(node));
}

bool em_json_number(const struct em_json *node, double *v)
{
	if (!cJSON_IsNumber(inner(node)))
		return false;
	*v = inner(node)->valuedouble;
	return true;
}

bool em_json_is_bool(const struct em_json *node)
{
	return cJSON_IsBool(inner(node));
}

bool em_json_is_true(const struct em_json *node)
{
	return cJSON_IsTrue(inner(node));
}

size_t em_json_numbers(const struct em_json *node, double *v, size_t n)
{
	size_t count = 0;

	if (!em_json_is_array(node))
		return 0;
	for (const struct em_json *c = em_json_first(node); c && count < n; c = em_json_next(c))
		if (!em_json_number(c, &v[count++]))
			return 0;
	return count;
}
