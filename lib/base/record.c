/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void em_record_release(struct em_record *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->member[i].name);
		free(r->member[i].value);
	}
	free(r->member);
	memset(r, 0, sizeof(*r));
}

static struct em_record_member *find(const struct em_record *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (!strcmp(r->member[i].name, name))
			return &r->member[i];
	return NULL;
}

static char *duplicate(const char *s, size_t n)
{
	char *copy = malloc(n + 1);

	if (copy) {
		memcpy(copy, s, n);
		copy[n] = '\0';
	}
	return copy;
}

static int append(struct em_record *r, const char *name, const char *value, size_t len, struct em_error *err)
{
	struct em_record_member m;

	if (r->count == r->capacity) {
		size_t capacity = r->capacity ? 2 * r->capacity : 12;
		struct em_record_member *grown = realloc(r->member, capacity * sizeof(*grown));

		if (!grown)
			return em_error_memory(err, capacity * sizeof(*grown));
		r->member = grown;
		r->capacity = capacity;
	}
	m.name = duplicate(name, strlen(name));
	m.value = duplicate(value, len);
	if (!m.name || !m.value) {
		free(m.name);
		free(m.value);
		return em_error_memory(err, len);
	}
	r->member[r->count++] = m;
	return 0;
}

int em_record_copy(struct em_record *dst, const struct em_record *src, struct em_error *err)
{
	struct em_record fresh = {0};

	for (size_t i = 0; i < src->count; i++)
		if (append(&fresh, src->member[i].name, src->member[i].value, strlen(src->member[i].value), err)) {
			em_record_release(&fresh);
			return -1;
		}
	*dst = fresh;
	return 0;
}

/* A place in the text of an object whose syntax em_json_parse has already passed. */
struct cursor {
	const char *s, *end;
};

static void skip_blanks(struct cursor *c)
{
	while (c->s < c->end && strchr(" \t\r\n", *c->s))
		c->s++;
}

static void skip_string(struct cursor *c)
{
	for (c->s++; c->s < c->end && *c->s != '"'; c->s++)
		if (*c->s == '\\')
			c->s++;
	c->s++;
}

/* Past one value: to the comma or closing brace that follows it, blanks before that excluded. */
static const char *skip_value(struct cursor *c)
{
	int depth = 0;
	const char *last = c->s;

	while (c->s < c->end) {
		char ch = *c->s;

		if (depth == 0 && (ch == ',' || ch == '}'))
			break;
		if (ch == '"') {
			skip_string(c);
			last = c->s;
			continue;
		}
		depth += (ch == '{' || ch == '[') - (ch == '}' || ch == ']');
		c->s++;
		if (!strchr(" \t\r\n", ch))
			last = c->s;
	}
	return last;
}

/* The members' names come from the tree, where escapes are decoded; their values from the text, untouched. */
static int split(struct em_record *r, struct cursor c, const struct em_json *tree, struct em_error *err)
{
	skip_blanks(&c);
	c.s++; /* { */
	for (const struct em_json *m = em_json_first(tree); m; m = em_json_next(m)) {
		const char *value, *end;

		skip_blanks(&c);
		skip_string(&c);
		skip_blanks(&c);
		c.s++; /* : */
		skip_blanks(&c);
		value = c.s;
		end = skip_value(&c);
		c.s++; /* , or } */
		if (r->count == EM_RECORD_MAX_MEMBERS)
			return em_error_set(err, EM_ERROR_DATA, "record of more than %d members",
			                    EM_RECORD_MAX_MEMBERS);
		if (find(r, em_json_name(m)))
			return em_error_set(err, EM_ERROR_DATA, "record has \"%s\" twice", em_json_name(m));
		if (append(r, em_json_name(m), value, (size_t)(end - value), err))
			return -1;
	}
	return 0;
}

int em_record_parse(struct em_record *r, const char *text, size_t len, struct em_error *err)
{
	struct em_record fresh = {0};
	struct em_json *tree;
	int status;

	while (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* cJSON would, and split must see the same text */
		text += 3;
		len -= 3;
	}
	tree = em_json_parse(text, len, err);
	if (!tree)
		return -1;
	if (!em_json_is_object(tree))
		status = em_error_set(err, EM_ERROR_DATA, "record is not a JSON object");
	else
		status = split(&fresh, (struct cursor){text, text + len}, tree, err);
	em_json_free(tree);
	if (status) {
		em_record_release(&fresh);
		return -1;
	}
	*r = fresh;
	return 0;
}

void em_record_print(const struct em_record *r, struct em_text *out)
{
	em_text_append(out, "{");
	for (size_t i = 0; i < r->count; i++) {
		em_json_put_name(out, r->member[i].name);
		/* One record is one line: a newline between tokens of a pretty-printed record becomes a blank. */
		for (const char *s = r->member[i].value; *s;) {
			size_t n = strcspn(s, "\r\n");

			em_text_append_bytes(out, s, n);
			s += n;
			if (*s) {
				em_text_append(out, " ");
				s++;
			}
		}
	}
	em_text_append(out, "}");
}

const char *em_record_get(const struct em_record *r, const char *name)
{
	const struct em_record_member *m = find(r, name);

	return m ? m->value : NULL;
}

int em_record_set(struct em_record *r, const char *name, const char *json, struct em_error *err)
{
	struct em_record_member *m = find(r, name);
	char *value;

	if (!m)
		return append(r, name, json, strlen(json), err);
	value = duplicate(json, strlen(json));
	if (!value)
		return em_error_memory(err, strlen(json));
	free(m->value);
	m->value = value;
	return 0;
}

int em_record_set_first(struct em_record *r, const char *name, const char *json, struct em_error *err)
{
	size_t before = r->count;
	struct em_record_member last;

	if (em_record_set(r, name, json, err))
		return -1;
	if (r->count == before)
		return 0;
	last = r->member[before];
	memmove(r->member + 1, r->member, before * sizeof(last));
	r->member[0] = last;
	return 0;
}

int em_record_set_text(struct em_record *r, const char *name, const struct em_text *json, struct em_error *err)
{
	if (em_text_check(json, err))
		return -1;
	return em_record_set(r, name, em_text_get(json), err);
}

int em_record_set_string(struct em_record *r, const char *name, const char *value, struct em_error *err)
{
	struct em_text t = {0};
	int status;

	em_json_put_string(&t, value);
	status = em_record_set_text(r, name, &t, err);
	em_text_release(&t);
	return status;
}

void em_record_remove(struct em_record *r, const char *name)
{
	struct em_record_member *m = find(r, name);

	if (!m)
		return;
	free(m->name);
	free(m->value);
	memmove(m, m + 1, (size_t)(r->member + r->count - (m + 1)) * sizeof(*m));
	r->count--;
}

struct em_json *em_record_tree(const struct em_record *r, const char *name)
{
	const char *text = em_record_get(r, name);

	return text ? em_json_parse(text, strlen(text), NULL) : NULL;
}

/* The tree of the member that a path begins with; *rest is the path inside it. */
static struct em_json *tree_of_path(const struct em_record *r, const char *path, const char **rest)
{
	char name[64];
	size_t n = strcspn(path, ".");

	if (n >= sizeof(name))
		return NULL;
	memcpy(name, path, n);
	name[n] = '\0';
	*rest = path + n + (path[n] == '.');
	return em_record_tree(r, name);
}

bool em_record_number(const struct em_record *r, const char *path, double *v)
{
	const char *rest = "";
	struct em_json *tree = tree_of_path(r, path, &rest);
	bool found = em_json_number(em_json_find(tree, rest), v);

	em_json_free(tree);
	return found;
}

bool em_record_string(const struct em_record *r, const char *path, char *buf, size_t n)
{
	const char *rest = "";
	struct em_json *tree = tree_of_path(r, path, &rest);
	const char *s = em_json_string(em_json_find(tree, rest));

	if (s)
		snprintf(buf, n, "%s", s);
	em_json_free(tree);
	return s != NULL;
}

void em_record_put_axes(struct em_text *out, const struct em_array *a)
{
	em_text_append(out, "[");
	for (int i = 0; i < a->ndim; i++) {
		em_json_put_comma(out);
		em_text_append(out, "{");
		em_json_put_name(out, "name");
		em_json_put_string(out, a->axis[i].name);
		em_json_put_name(out, "size");
		em_json_put_number(out, (double)a->shape[i]);
		em_json_put_name(out, "scale");
		em_json_put_number(out, a->axis[i].scale);
		em_json_put_name(out, "offset");
		em_json_put_number(out, a->axis[i].offset);
		em_json_put_name(out, "units");
		em_json_put_string(out, a->axis[i].units);
		em_text_append(out, "}");
	}
	em_text_append(out, "]");
}

int em_record_set_image(struct em_record *r, const struct em_array *a, struct em_error *err)
{
	struct em_text image = {0}, axes = {0};
	int status;

	em_text_append(&image, "{\"shape\":[");
	for (int i = 0; i < a->ndim; i++) {
		em_json_put_comma(&image);
		em_json_put_number(&image, (double)a->shape[i]);
	}
	em_text_append(&image, "],\"dtype\":");
	em_json_put_string(&image, em_dtype_name(a->dtype));
	em_text_append(&image, "}");
	em_record_put_axes(&axes, a);
	status = em_record_set_text(r, "image", &image, err);
	if (!status)
		status = em_record_set_text(r, "axes", &axes, err);
	em_text_release(&image);
	em_text_release(&axes);
	return status;
}

void em_record_get_axes(const struct em_record *r, struct em_array *a)
{
	struct em_json *tree = em_record_tree(r, "axes");
	const struct em_json *node = em_json_first(tree);

	if (em_json_is_array(tree) && em_json_size(tree) == (size_t)a->ndim)
		for (int i = 0; i < a->ndim; i++, node = em_json_next(node)) {
			double scale = 1, offset = 0;
			const char *name = em_json_string(em_json_get(node, "name"));
			const char *units = em_json_string(em_json_get(node, "units"));

			em_json_number(em_json_get(node, "scale"), &scale);
			em_json_number(em_json_get(node, "offset"), &offset);
			em_axis_set(&a->axis[i], name ? name : a->axis[i].name, scale, offset, units ? units : "");
		}
	em_json_free(tree);
}

int em_record_add_provenance(struct em_record *r, const char *entry_json, struct em_error *err)
{
	const char *old = em_record_get(r, "provenance");
	struct em_text t = {0};
	size_t n = old ? strlen(old) : 0;
	int status;

	if (n >= 2 && old[0] == '[' && old[n - 1] == ']') {
		for (n--; strchr(" \t\r\n", old[n - 1]); n--)
			;
		em_text_append_bytes(&t, old, n);
	} else
		em_text_append(&t, "[");
	em_json_put_comma(&t);
	em_text_append(&t, entry_json);
	em_text_append(&t, "]");
	status = em_record_set_text(r, "provenance", &t, err);
	em_text_release(&t);
	return status;
}
