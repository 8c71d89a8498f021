/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/hdf_json.h"

#include "io/codec.h"
#include "io/hdf_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_JSON ((size_t)64 << 20) /* longer is no metadata */

struct writer {
	const struct em_hdf_tree *tree;
	struct em_text *out, text; /* text: a name or a string, for its NUL */
	size_t first;              /* bytes that were in `out` before */
	size_t steps;              /* of reading attributes */
	struct em_error *err;
};

static void put_name(struct writer *w, const char *name, size_t n)
{
	em_text_clear(&w->text);
	em_text_append_bytes(&w->text, name, n);
	em_json_put_name(w->out, em_text_get(&w->text));
}

/* All digits that tell this double from its neighbours. */
static void put_double(struct em_text *out, double v)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "%.15g", v);
	if (strtod(buf, NULL) < v || strtod(buf, NULL) > v)
		snprintf(buf, sizeof(buf), "%.17g", v);
	em_text_append(out, isfinite(v) ? buf : "null");
}

static void put_element(struct writer *w, const struct em_hdf_value *v, size_t i)
{
	double number = NAN;

	if (v->type.kind == EM_HDF_NUMBERS) {
		em_hdf_value_number(v, i, &number);
		if (v->type.is_bool)
			em_json_put_bool(w->out, number > 0 || number < 0);
		else if (v->type.dtype == EM_F32)
			em_json_put_number(w->out, number);
		else
			put_double(w->out, number);
		return;
	}
	em_text_clear(&w->text);
	if (em_hdf_value_text(&w->tree->file, v, i, &w->text))
		em_json_put_string(w->out, em_text_get(&w->text));
	else
		em_text_append(w->out, "null");
}

static void put_summary(struct writer *w, const struct em_hdf_value *v)
{
	const char *type = v->type.kind == EM_HDF_NUMBERS ? em_dtype_name(v->type.dtype)
	                   : v->type.kind == EM_HDF_OTHER ? "other"
	                                                  : "text";

	em_text_printf(w->out, "{\"array\":\"%s\",\"size\":%zu}", type, v->count);
}

/* A complex number has no spelling in JSON. */
static bool is_spelled_out(const struct em_hdf_value *v)
{
	return v->count <= EM_TAGS_ARRAY && v->type.kind != EM_HDF_OTHER &&
	       (v->type.kind != EM_HDF_NUMBERS || v->type.part == v->type.size);
}

static void put_value(struct writer *w, const struct em_hdf_value *v)
{
	if (!is_spelled_out(v)) {
		put_summary(w, v);
	} else if (!v->ndim && v->count == 1) {
		put_element(w, v, 0);
	} else {
		em_text_append(w->out, "[");
		for (size_t i = 0; i < v->count && w->out->len - w->first <= MAX_JSON; i++) {
			em_json_put_comma(w->out);
			put_element(w, v, i);
		}
		em_text_append(w->out, "]");
	}
}

static int put_attributes(struct writer *w, const struct em_hdf_attributes *list)
{
	for (size_t i = 0; i < list->count; i++) {
		put_name(w, list->value[i].name, list->value[i].name_len);
		put_value(w, &list->value[i]);
		if (w->out->len - w->first > MAX_JSON)
			return em_error_set(w->err, EM_ERROR_DATA, "HDF5: more than %zu bytes of tags", MAX_JSON);
	}
	return 0;
}

static void put_dataset_value(struct writer *w, const struct em_hdf_node *node)
{
	size_t zero[EM_MAX_NDIM] = {0};
	struct em_hdf_dataset d;
	unsigned char *bytes;

	if (em_hdf_dataset_open(w->tree, node, &d, NULL)) {
		em_text_append(w->out, "null");
		return;
	}
	if (!is_spelled_out(&d.what) || d.what.type.size > EM_HDF_MAX_TEXT / EM_TAGS_ARRAY) {
		put_summary(w, &d.what);
		return;
	}
	bytes = malloc(d.what.count * em_hdf_type_size(&d.what.type) + 1);
	if (!bytes || em_hdf_dataset_read(&d, zero, d.what.shape, bytes, NULL, NULL)) {
		em_text_append(w->out, "null");
	} else {
		const union {
			uint16_t number;
			unsigned char first;
		} one = {1};

		/* What was read is of this machine's order and our type. */
		d.what.data = bytes;
		d.what.type.big = !one.first;
		d.what.type.is_half = false;
		d.what.type.size = d.what.type.kind == EM_HDF_NUMBERS ? em_hdf_type_size(&d.what.type)
		                                                      : d.what.type.size;
		d.what.type.part = d.what.type.size;
		put_value(w, &d.what);
	}
	free(bytes);
}

/* The node and, of a group, all that comes before its members: what they go into stays open. */
static int put_node(struct writer *w, const struct em_hdf_node *node, bool named)
{
	struct em_hdf_attributes list;
	int status;

	if (named)
		put_name(w, node->name, node->name_len);
	if (em_hdf_attributes_read(&w->tree->file, node->address, &list, &w->steps, w->err))
		return -1;
	if (!node->is_group && !list.count) {
		put_dataset_value(w, node);
		return 0;
	}
	em_text_append(w->out, "{");
	status = put_attributes(w, &list);
	em_hdf_attributes_release(&list);
	if (!node->is_group) {
		em_json_put_name(w->out, "data");
		put_dataset_value(w, node);
		em_text_append(w->out, "}");
	}
	return status;
}

int em_hdf_json_put(const struct em_hdf_tree *tree, const struct em_hdf_node *node, struct em_text *out,
                    struct em_error *err)
{
	struct writer w = {.tree = tree, .out = out, .first = out->len, .err = err};
	uint32_t end[EM_HDF_MAX_DEPTH + 1], first = (uint32_t)(node - tree->node);
	int open = 0, status = 0;

	for (uint32_t i = first; i < node->end && !status; i++) {
		while (open && end[open - 1] <= i) {
			em_text_append(out, "}");
			open--;
		}
		status = put_node(&w, &tree->node[i], i > first);
		if (tree->node[i].is_group)
			end[open++] = tree->node[i].end;
		if (!status && out->len - w.first > MAX_JSON)
			status = em_error_set(err, EM_ERROR_DATA, "HDF5: more than %zu bytes of tags", MAX_JSON);
	}
	while (open-- > 0)
		em_text_append(out, "}");
	em_text_release(&w.text);
	return status ? -1 : em_text_check(out, err);
}
