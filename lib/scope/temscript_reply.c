/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/temscript_reply.h"

#include "base/base64.h"
#include "io/bytes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LONG_TEXT 1024

/* ---- what JSON does not allow, or only in small amounts ---- */

/* Bytes of the text that begins at s[0] == '"', its quotes included; 0 where it has no end. */
static size_t text_length(const char *s, size_t n, bool *escaped)
{
	*escaped = false;
	for (size_t i = 1; i < n; i++) {
		if (s[i] == '"')
			return i + 1;
		if (s[i] == '\\') {
			*escaped = true;
			i++;
		}
	}
	return 0;
}

/* "#3" stands for a text that is held apart: # is no character of base64. */
static int hold(struct em_temscript_reply *r, struct em_text *t, const char *s, size_t n, struct em_error *err)
{
	if (r->count == EM_TEMSCRIPT_HELD_MAX)
		return em_error_set(err, EM_ERROR_DATA, "more than %d images in a reply", EM_TEMSCRIPT_HELD_MAX);
	em_text_printf(t, "\"#%zu\"", r->count);
	r->held[r->count].s = s + 1;
	r->held[r->count++].n = n - 2;
	return 0;
}

/* Bytes of NaN, Infinity or -Infinity at s; 0: it is none of them. */
static size_t no_number(const char *s, size_t n)
{
	static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i]) <= n && !memcmp(s, words[i], strlen(words[i])))
			return strlen(words[i]);
	return 0;
}

/* The text at s that needs a look: a quote, or where a word may begin. */
static size_t plain(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] != '"' && s[i] != 'N' && s[i] != 'I' && s[i] != '-')
		i++;
	return i;
}

static int make_strict(struct em_temscript_reply *r, struct em_text *t, const char *s, size_t n, struct em_error *err)
{
	for (size_t at = 0, len; at < n; at += len) {
		bool escaped;

		len = plain(s + at, n - at);
		if (len) {
			em_text_append_bytes(t, s + at, len);
		} else if (s[at] == '"') {
			len = text_length(s + at, n - at, &escaped);
			if (!len)
				return em_error_set(err, EM_ERROR_DATA, "a text without an end in a reply");
			if (len <= LONG_TEXT || escaped)
				em_text_append_bytes(t, s + at, len);
			else if (hold(r, t, s + at, len, err))
				return -1;
		} else {
			len = no_number(s + at, n - at);
			if (len)
				em_text_append(t, "null");
			else
				em_text_append_bytes(t, s + at, len = 1);
		}
	}
	return em_text_check(t, err);
}

int em_temscript_reply_parse(struct em_temscript_reply *r, const char *body, size_t n, struct em_error *err)
{
	struct em_temscript_reply got = {0};
	struct em_text t = {0};

	if (!make_strict(&got, &t, body, n, err))
		got.tree = em_json_parse(em_text_get(&t), t.len, err);
	em_text_release(&t);
	if (!got.tree)
		return -1;
	*r = got;
	return 0;
}

void em_temscript_reply_release(struct em_temscript_reply *r)
{
	em_json_free(r->tree);
	memset(r, 0, sizeof(*r));
}

/* ---- images ---- */

static const struct {
	const char *name;
	enum em_dtype dtype;
} types[] = {
    {"INT8", EM_I8},    {"UINT8", EM_U8},  {"INT16", EM_I16},  {"UINT16", EM_U16},  {"INT32", EM_I32},
    {"UINT32", EM_U32}, {"INT64", EM_I64}, {"UINT64", EM_U64}, {"FLOAT32", EM_F32}, {"FLOAT64", EM_F64},
};

static const char *word(const struct em_json *node, const char *name)
{
	const char *s = em_json_string(em_json_get(node, name));

	return s ? s : "";
}

static bool side(const struct em_json *node, const char *name, size_t *n)
{
	double v;

	if (!em_json_number(em_json_get(node, name), &v) || !(v >= 1 && v <= EM_TEMSCRIPT_SIDE_MAX) || v != floor(v))
		return false;
	*n = (size_t)v;
	return true;
}

static bool find_data(const struct em_temscript_reply *r, const char *s, const char **data, size_t *n)
{
	*data = s;
	*n = strlen(s);
	if (*s == '#') {
		size_t k = strtoul(s + 1, NULL, 10);

		if (k >= r->count)
			return false;
		*data = r->held[k].s;
		*n = r->held[k].n;
	}
	return true;
}

static int decode(const char *data, size_t n, bool big, struct em_array *a, struct em_error *err)
{
	size_t bytes = em_array_bytes(a), part = em_dtype_size(a->dtype);
	unsigned char *raw = malloc(bytes);
	int rc;

	if (!raw)
		return em_error_memory(err, bytes);
	rc = em_base64_decode(data, n, raw, bytes, err);
	if (!rc)
		em_bytes_copy(a->data, raw, bytes / part, part, big);
	free(raw);
	return rc;
}

int em_temscript_reply_image(const struct em_temscript_reply *r, const struct em_json *node, struct em_array *a,
                             struct em_error *err)
{
	const char *order = word(node, "endianness"), *data;
	size_t shape[2], n, bytes, held;
	bool big = !strcmp(order, "BIG");
	int type = 0;

	while (type < (int)(sizeof(types) / sizeof(*types)) && strcmp(types[type].name, word(node, "type")))
		type++;
	if (type == (int)(sizeof(types) / sizeof(*types)) || (!big && strcmp(order, "LITTLE")) ||
	    strcmp(word(node, "encoding"), "BASE64"))
		return em_error_set(err, EM_ERROR_DATA,
		                    "an image of type '%.20s', endianness '%.20s', encoding '%.20s'",
		                    word(node, "type"), order, word(node, "encoding"));
	if (!side(node, "height", &shape[0]) || !side(node, "width", &shape[1]))
		return em_error_set(err, EM_ERROR_DATA, "an image without a sensible width and height");
	if (!find_data(r, word(node, "data"), &data, &n) || em_base64_measure(data, n, &held) ||
	    em_array_measure(types[type].dtype, 2, shape, &bytes) || bytes != held)
		return em_error_set(err, EM_ERROR_DATA, "an image of %zu x %zu px, %s, in other than its %zu bytes",
		                    shape[1], shape[0], types[type].name,
		                    shape[0] * shape[1] * em_dtype_size(types[type].dtype));
	if (em_array_alloc_image(a, types[type].dtype, shape[0], shape[1], err))
		return -1;
	if (decode(data, n, big, a, err)) {
		em_array_release(a);
		return -1;
	}
	return 0;
}

static bool is_big_endian(void)
{
	const uint16_t one = 1;

	return *(const unsigned char *)&one == 0;
}

void em_temscript_put_image(struct em_text *t, const struct em_array *a)
{
	const char *name = "";

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (types[i].dtype == a->dtype)
			name = types[i].name;
	em_text_printf(t, "{\"width\":%zu,\"height\":%zu,\"type\":\"%s\",\"endianness\":\"%s\",\"encoding\":\"BASE64\"",
	               a->shape[a->ndim - 1], a->ndim > 1 ? a->shape[0] : 1, name, is_big_endian() ? "BIG" : "LITTLE");
	em_text_append(t, ",\"data\":\"");
	em_base64_append(t, a->data, em_array_bytes(a));
	em_text_append(t, "\"");
}
