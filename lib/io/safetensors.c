/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/safetensors.h"

#include "base/json.h"
#include "io/bytes.h"
#include "io/half.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX 8 /* bytes of the header's length */

struct em_safetensors {
	struct em_blob bytes;
	bool mapped; /* by us */
	struct em_json *header;
	const struct em_json *metadata;
	const unsigned char *data;
	size_t data_size, count;
	struct em_tensor *tensor; /* [count], in the order of their names */
};

static const struct {
	const char *name;
	size_t size;
} dtypes[] = {{"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F64", 8}, {"I64", 8},  {"I32", 4},     {"I16", 2},    {"I8", 1},
              {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}, {"F8_E5M2", 1}, {"F8_E4M3", 1}};

static int fail(const struct em_tensor *t, const char *what, struct em_error *err)
{
	return em_error_set(err, EM_ERROR_DATA, "safetensors: tensor '%.100s': %s", t->name, what);
}

/* A whole number that a double holds exactly. */
static bool whole(const struct em_json *node, size_t *v)
{
	double number;

	if (!em_json_number(node, &number) || !(number >= 0 && number <= 0x1p53) || number != floor(number))
		return false;
	*v = (size_t)number;
	return true;
}

static int read_shape(const struct em_json *node, struct em_tensor *t, struct em_error *err)
{
	if (!em_json_is_array(node))
		return fail(t, "it has no shape", err);
	t->count = 1;
	for (const struct em_json *n = em_json_first(node); n; n = em_json_next(n)) {
		size_t *edge = &t->shape[t->ndim];

		if (t->ndim == EM_MAX_NDIM)
			return fail(t, "it has more than 8 dimensions", err);
		if (!whole(n, edge))
			return fail(t, "its shape is not made of whole numbers", err);
		if (*edge > 0 && t->count > SIZE_MAX / *edge)
			return fail(t, "its shape is larger than any memory", err);
		t->count *= *edge;
		t->ndim++;
	}
	return 0;
}

static int read_place(const struct em_safetensors *f, const struct em_json *node, struct em_tensor *t,
                      struct em_error *err)
{
	const struct em_json *first = em_json_is_array(node) ? em_json_first(node) : NULL;
	const struct em_json *second = first ? em_json_next(first) : NULL;
	size_t begin, end;

	if (em_json_size(node) != 2 || !whole(first, &begin) || !whole(second, &end))
		return fail(t, "its data_offsets are not two whole numbers", err);
	if (begin > end || end > f->data_size)
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "safetensors: tensor '%.100s' claims bytes %zu to %zu of %zu: the file is cut or broken", t->name,
		    begin, end, f->data_size);
	t->data = f->data + begin;
	t->size = end - begin;
	return 0;
}

static int check_size(const struct em_tensor *t, struct em_error *err)
{
	for (size_t i = 0; i < sizeof(dtypes) / sizeof(dtypes[0]); i++)
		if (!strcmp(dtypes[i].name, t->dtype)) {
			if (t->size % dtypes[i].size || t->size / dtypes[i].size != t->count)
				return fail(t, "its shape and its number of bytes disagree", err);
			return 0;
		}
	return em_error_set(err, EM_ERROR_DATA, "safetensors: tensor '%.100s' is of unknown type '%.20s'", t->name,
	                    t->dtype);
}

static int read_tensor(const struct em_safetensors *f, const struct em_json *node, struct em_tensor *t,
                       struct em_error *err)
{
	t->name = em_json_name(node);
	t->dtype = em_json_string(em_json_get(node, "dtype"));
	if (!t->dtype)
		return fail(t, "it has no dtype", err);
	if (read_shape(em_json_get(node, "shape"), t, err) || read_place(f, em_json_get(node, "data_offsets"), t, err))
		return -1;
	return check_size(t, err);
}

static int by_place(const void *a, const void *b)
{
	const struct em_tensor *x = a, *y = b;

	if (x->data != y->data)
		return x->data < y->data ? -1 : 1;
	return (x->size > y->size) - (x->size < y->size); /* empty ones first */
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct em_tensor *)a)->name, ((const struct em_tensor *)b)->name);
}

/* Every byte belongs to one tensor. */
static int check_cover(struct em_safetensors *f, struct em_error *err)
{
	size_t at = 0;

	qsort(f->tensor, f->count, sizeof(*f->tensor), by_place);
	for (size_t i = 0; i < f->count; i++) {
		const struct em_tensor *t = &f->tensor[i];
		size_t begin = (size_t)(t->data - f->data);

		if (begin != at)
			return fail(t, begin < at ? "it overlaps another" : "there is a gap before it", err);
		at += t->size;
	}
	if (at != f->data_size)
		return em_error_set(err, EM_ERROR_DATA, "safetensors: %zu bytes after the last tensor",
		                    f->data_size - at);
	return 0;
}

static int check_names(struct em_safetensors *f, struct em_error *err)
{
	qsort(f->tensor, f->count, sizeof(*f->tensor), by_name);
	for (size_t i = 1; i < f->count; i++)
		if (!by_name(&f->tensor[i - 1], &f->tensor[i]))
			return fail(&f->tensor[i], "it is there twice", err);
	return 0;
}

static int read_tensors(struct em_safetensors *f, struct em_error *err)
{
	size_t most = em_json_size(f->header);

	f->tensor = calloc(most + 1, sizeof(*f->tensor));
	if (!f->tensor)
		return em_error_memory(err, (most + 1) * sizeof(*f->tensor));
	for (const struct em_json *n = em_json_first(f->header); n; n = em_json_next(n)) {
		if (!strcmp(em_json_name(n), "__metadata__"))
			f->metadata = n;
		else if (read_tensor(f, n, &f->tensor[f->count], err))
			return -1;
		else
			f->count++;
	}
	return check_cover(f, err) || check_names(f, err) ? -1 : 0;
}

static int read_header(struct em_safetensors *f, struct em_error *err)
{
	uint64_t length;

	if (f->bytes.size < PREFIX)
		return em_error_set(err, EM_ERROR_DATA, "safetensors: %zu bytes are no file of tensors", f->bytes.size);
	length = em_bytes_u64(f->bytes.data, false);
	if (length > EM_SAFETENSORS_MAX_HEADER)
		return em_error_set(err, EM_ERROR_DATA,
		                    "safetensors: a header of %llu bytes (at most %zu): this is no .safetensors file",
		                    (unsigned long long)length, EM_SAFETENSORS_MAX_HEADER);
	if (length > f->bytes.size - PREFIX)
		return em_error_set(err, EM_ERROR_DATA, "safetensors: the file is cut within its header");
	f->data = f->bytes.data + PREFIX + length;
	f->data_size = f->bytes.size - PREFIX - (size_t)length;
	f->header = em_json_parse((const char *)f->bytes.data + PREFIX, (size_t)length, err);
	if (!f->header)
		return em_error_prefix(err, "safetensors: header: ");
	if (!em_json_is_object(f->header))
		return em_error_set(err, EM_ERROR_DATA, "safetensors: the header is no JSON object");
	return 0;
}

struct em_safetensors *em_safetensors_new(struct em_blob bytes, struct em_error *err)
{
	struct em_safetensors *f = calloc(1, sizeof(*f));

	if (!f) {
		em_error_memory(err, sizeof(*f));
		return NULL;
	}
	f->bytes = bytes;
	if (read_header(f, err) || read_tensors(f, err)) {
		em_safetensors_free(f);
		return NULL;
	}
	return f;
}

struct em_safetensors *em_safetensors_open(const char *path, struct em_error *err)
{
	struct em_safetensors *f;
	struct em_blob bytes;

	if (em_blob_map(path, &bytes, err)) {
		em_error_prefix(err, "%.200s: ", path);
		return NULL;
	}
	f = em_safetensors_new(bytes, err);
	if (!f) {
		em_error_prefix(err, "%.200s: ", path);
		em_blob_unmap(&bytes);
		return NULL;
	}
	f->mapped = true;
	return f;
}

void em_safetensors_free(struct em_safetensors *f)
{
	if (!f)
		return;
	if (f->mapped)
		em_blob_unmap(&f->bytes);
	em_json_free(f->header);
	free(f->tensor);
	free(f);
}

struct em_blob em_safetensors_bytes(const struct em_safetensors *f)
{
	return f->bytes;
}

const char *em_safetensors_metadata(const struct em_safetensors *f, const char *name)
{
	return em_json_string(em_json_get(f->metadata, name));
}

const char *em_safetensors_note_at(const struct em_safetensors *f, size_t i, const char **text)
{
	const struct em_json *n = em_json_first(f->metadata);

	while (n && i-- > 0)
		n = em_json_next(n);
	*text = em_json_string(n);
	return em_json_name(n);
}

const struct em_tensor *em_safetensors_at(const struct em_safetensors *f, size_t i)
{
	return i < f->count ? &f->tensor[i] : NULL;
}

const struct em_tensor *em_safetensors_find(const struct em_safetensors *f, const char *name)
{
	struct em_tensor wanted = {.name = name};

	return bsearch(&wanted, f->tensor, f->count, sizeof(*f->tensor), by_name);
}

static float from_bfloat(uint16_t v)
{
	uint32_t bits = (uint32_t)v << 16;
	float f;

	memcpy(&f, &bits, sizeof(f));
	return f;
}

int em_tensor_load(const struct em_tensor *t, float *out, struct em_error *err)
{
	bool half = !strcmp(t->dtype, "F16");

	if (!strcmp(t->dtype, "F32"))
		em_bytes_copy(out, t->data, t->count, sizeof(*out), false);
	else if (half || !strcmp(t->dtype, "BF16"))
		for (size_t i = 0; i < t->count; i++) {
			uint16_t v = em_bytes_u16(t->data + 2 * i, false);

			out[i] = half ? em_half_to_float(v) : from_bfloat(v);
		}
	else
		return em_error_set(err, EM_ERROR_DATA,
		                    "safetensors: tensor '%.100s' is of type %s: weights are F32, F16 or BF16", t->name,
		                    t->dtype);
	for (size_t i = 0; i < t->count; i++)
		if (!isfinite(out[i]))
			return fail(t, "there are NaN or infinite weights in it", err);
	return 0;
}

/* ---- out ---- */

static size_t count_of(const struct em_tensor_out *t)
{
	size_t n = 1;

	for (int i = 0; i < t->ndim; i++)
		n *= t->shape[i];
	return n;
}

static void put_notes(struct em_text *header, const struct em_safetensors_note *notes, size_t count)
{
	em_json_put_name(header, "__metadata__");
	em_text_append(header, "{");
	for (size_t i = 0; i < count; i++) {
		em_json_put_name(header, notes[i].name);
		em_json_put_string(header, notes[i].text);
	}
	em_text_append(header, "}");
}

/* Its entry in the header; *at: where its bytes begin, then where they end. */
static void put_entry(struct em_text *header, const struct em_tensor_out *t, size_t *at)
{
	size_t end = *at + count_of(t) * sizeof(*t->values);

	em_json_put_name(header, t->name);
	em_text_append(header, "{\"dtype\":\"F32\",\"shape\":[");
	for (int i = 0; i < t->ndim; i++)
		em_text_printf(header, "%s%zu", i ? "," : "", t->shape[i]);
	em_text_printf(header, "],\"data_offsets\":[%zu,%zu]}", *at, end);
	*at = end;
}

static int check_values(const struct em_tensor_out *t, struct em_error *err)
{
	for (size_t i = 0, n = count_of(t); i < n; i++)
		if (!isfinite(t->values[i]))
			return em_error_set(err, EM_ERROR_DATA,
			                    "safetensors: tensor '%.100s': there are NaN or infinite weights in it",
			                    t->name);
	return 0;
}

static void put_values(struct em_text *out, const struct em_tensor_out *t)
{
	unsigned char bytes[4096];
	const size_t size = sizeof(*t->values), most = sizeof(bytes) / size;

	for (size_t i = 0, n = count_of(t), k; i < n; i += k) {
		k = n - i < most ? n - i : most;
		em_bytes_copy(bytes, (const unsigned char *)(t->values + i), k, size, false);
		em_text_append_bytes(out, bytes, k * size);
	}
}

int em_safetensors_print(const struct em_tensor_out *tensors, size_t count, const struct em_safetensors_note *notes,
                         size_t note_count, struct em_text *out, struct em_error *err)
{
	struct em_text header = {0};
	unsigned char length[PREFIX];
	size_t at = 0;
	int status;

	for (size_t i = 0; i < count; i++)
		if (check_values(&tensors[i], err))
			return -1;
	em_text_append(&header, "{");
	put_notes(&header, notes, note_count);
	for (size_t i = 0; i < count; i++)
		put_entry(&header, &tensors[i], &at);
	em_text_append(&header, "}");
	while (header.len % PREFIX && !header.failed)
		em_text_append(&header, " ");
	for (int i = 0; i < PREFIX; i++)
		length[i] = (unsigned char)((uint64_t)header.len >> 8 * i);
	em_text_append_bytes(out, length, PREFIX);
	em_text_append_bytes(out, em_text_get(&header), header.len);
	status = em_text_check(&header, err);
	em_text_release(&header);
	for (size_t i = 0; i < count && !status; i++)
		put_values(out, &tensors[i]);
	return status ? -1 : em_text_check(out, err);
}
