/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tag tree of a DigitalMicrograph file as JSON.  A loop, since the depth is the file's to choose. */
#include "io/bytes.h"
#include "io/dm_tags.h"
#include "io/keyset.h"
#include "io/lines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	const struct em_dm_tree *tree;
	struct em_text *out, name, key;
	struct em_keyset names;                          /* "index of the group.name" of all members so far */
	const struct em_dm_tag *group[EM_DM_MAX_DEPTH + 1]; /* those open, by the depth of their entries */
	size_t groups[EM_DM_MAX_DEPTH + 1], values[EM_DM_MAX_DEPTH + 1]; /* without a name, so far, in each */
	int depth;                                       /* of the entries of the innermost open group */
};

static bool is_named(const struct em_dm_tag *tag, const char *name)
{
	return tag->name_len == strlen(name) && !memcmp(tag->name, name, tag->name_len);
}

/* ---- values ---- */

/* All digits that tell this double from its neighbours. */
static void put_double(struct em_text *out, double v)
{
	char buf[32];

	if (!isfinite(v)) {
		em_text_append(out, "null");
		return;
	}
	snprintf(buf, sizeof(buf), "%.15g", v);
	if (strtod(buf, NULL) < v || strtod(buf, NULL) > v)
		snprintf(buf, sizeof(buf), "%.17g", v);
	em_text_append(out, buf);
}

static void put_scalar(struct writer *w, unsigned type, const unsigned char *p)
{
	struct em_dm_tag one = {.data = p, .bytes = em_dm_type_size(type), .count = 1, .kind = (uint8_t)type,
	                        .type = (uint8_t)type};
	double v = NAN;

	em_dm_tag_number(w->tree, &one, &v);
	if (type == EM_DM_BOOL)
		em_json_put_bool(w->out, *p != 0);
	else if (type == EM_DM_I64)
		em_text_printf(w->out, "%lld", (long long)em_bytes_u64(p, !w->tree->little));
	else if (type == EM_DM_U64)
		em_text_printf(w->out, "%llu", (unsigned long long)em_bytes_u64(p, !w->tree->little));
	else if (type == EM_DM_F32)
		em_json_put_number(w->out, v);
	else
		put_double(w->out, v);
}

/* [a,b,..]; where its bytes end. */
static const unsigned char *put_struct(struct writer *w, const struct em_dm_tag *tag, const unsigned char *p)
{
	em_text_append(w->out, "[");
	for (unsigned i = 0; i < tag->fields; i++) {
		unsigned type = em_dm_tag_field(w->tree, tag, i);

		em_json_put_comma(w->out);
		put_scalar(w, type, p);
		p += em_dm_type_size(type);
	}
	em_text_append(w->out, "]");
	return p;
}

static void put_array(struct writer *w, const struct em_dm_tag *tag)
{
	const unsigned char *p = tag->data;

	em_text_append(w->out, "[");
	for (size_t i = 0; i < tag->count; i++) {
		em_json_put_comma(w->out);
		if (tag->fields) {
			p = put_struct(w, tag, p);
		} else {
			put_scalar(w, tag->type, p);
			p += em_dm_type_size(tag->type);
		}
	}
	em_text_append(w->out, "]");
}

static void put_elided(struct writer *w, const struct em_dm_tag *tag)
{
	static const char *const names[] = {
		[EM_DM_I16] = "int16",   [EM_DM_I32] = "int32",  [EM_DM_U16] = "uint16", [EM_DM_U32] = "uint32",
		[EM_DM_F32] = "float32", [EM_DM_F64] = "float64", [EM_DM_BOOL] = "bool", [EM_DM_I8] = "int8",
		[EM_DM_U8] = "uint8",    [EM_DM_I64] = "int64",  [EM_DM_U64] = "uint64",
	};

	em_text_printf(w->out, "{\"array\":\"%s\",\"size\":%zu}", tag->fields ? "struct" : names[tag->type],
	               tag->count);
}

/* UTF-16 units or bytes; zeros only at the end, or they are numbers. */
static bool is_text(const struct em_dm_tag *tag)
{
	size_t n = tag->bytes, unit = tag->kind == EM_DM_STRING ? 1 : 2;

	if (tag->count > EM_DM_MAX_TEXT || tag->fields ||
	    (tag->kind != EM_DM_STRING && !(tag->kind == EM_DM_ARRAY && tag->type == EM_DM_U16)))
		return false;
	while (n && !tag->data[n - 1])
		n--;
	for (size_t i = 0; i + unit <= n; i += unit)
		if (!tag->data[i] && !tag->data[i + unit - 1])
			return false;
	return true;
}

static void put_value(struct writer *w, const struct em_dm_tag *tag)
{
	bool pixels = is_named(tag, "Data") && is_named(w->group[w->depth], "ImageData");

	if (!pixels && is_text(tag)) {
		em_text_clear(&w->name);
		em_dm_tag_text(w->tree, tag, &w->name);
		em_json_put_string(w->out, em_text_get(&w->name));
	} else if (pixels || tag->count > EM_TAGS_ARRAY / (tag->fields ? tag->fields : 1)) {
		put_elided(w, tag);
	} else if (tag->kind == EM_DM_ARRAY || tag->kind == EM_DM_STRING) {
		put_array(w, tag);
	} else if (tag->fields) {
		put_struct(w, tag, tag->data);
	} else {
		put_scalar(w, tag->type, tag->data);
	}
}

/* ---- names ---- */

static void put_name(struct writer *w, const struct em_dm_tag *tag)
{
	em_text_clear(&w->name);
	em_span_decode((struct em_span){tag->name, tag->name_len}, &w->name);
	if (!tag->name_len && tag->data)
		em_text_printf(&w->name, "Data%zu", w->values[w->depth]++);
	else if (!tag->name_len)
		em_text_printf(&w->name, "TagGroup%zu", w->groups[w->depth]++);
	em_text_clear(&w->key);
	em_text_printf(&w->key, "%zu.%s", (size_t)(w->group[w->depth] - w->tree->tag), em_text_get(&w->name));
	if (!em_keyset_add(&w->names, em_text_get(&w->key)))
		em_text_printf(&w->name, "#%u", (unsigned)tag->index);
	em_json_put_name(w->out, em_text_get(&w->name));
}

/* ---- the walk ---- */

static void open_group(struct writer *w, const struct em_dm_tag *tag)
{
	w->depth = tag->depth + 1;
	w->group[w->depth] = tag;
	w->groups[w->depth] = w->values[w->depth] = 0;
	em_text_append(w->out, "{");
}

static void close_groups(struct writer *w, int depth)
{
	for (; w->depth > depth; w->depth--)
		em_text_append(w->out, "}");
}

static void put_tree(struct writer *w, const struct em_dm_tag *image)
{
	const struct em_dm_tree *t = w->tree;
	const struct em_dm_tag *list = em_dm_tree_find(t, t->tag, "ImageList");
	size_t i = 1, start = w->out->len;

	open_group(w, t->tag);
	while (i < t->count && w->out->len - start < EM_DM_MAX_JSON) {
		const struct em_dm_tag *tag = t->tag + i;

		close_groups(w, tag->depth);
		if (w->group[w->depth] == list && tag != image) {
			i = tag->end;
			continue;
		}
		put_name(w, tag);
		if (tag->data)
			put_value(w, tag);
		else
			open_group(w, tag);
		i++;
	}
	close_groups(w, 1);
	if (i < t->count)
		em_text_printf(w->out, ",\"...\":\"%zu more tags are left out\"", t->count - i);
	close_groups(w, 0);
}

int em_dm_put_json(const struct em_dm_tree *tree, const struct em_dm_tag *image, struct em_text *out,
                   struct em_error *err)
{
	struct writer w = {.tree = tree, .out = out};

	if (em_keyset_init(&w.names, err))
		return -1;
	put_tree(&w, image);
	em_keyset_release(&w.names);
	em_text_release(&w.name);
	em_text_release(&w.key);
	return em_text_check(out, err);
}
