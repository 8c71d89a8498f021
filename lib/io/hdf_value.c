/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/hdf.h"

#include "io/bytes.h"
#include "io/half.h"
#include "io/hdf_heap.h"

#include <stdlib.h>
#include <string.h>

/* ---- types ---- */

enum class { CLASS_FIXED = 0, CLASS_FLOAT = 1, CLASS_STRING = 3, CLASS_COMPOUND = 6, CLASS_ENUM = 8, CLASS_VLEN = 9 };

size_t em_hdf_type_size(const struct em_hdf_type *type)
{
	return type->kind == EM_HDF_NUMBERS ? em_dtype_size(type->dtype) : type->size;
}

/* Bits that fill the element: u16 first, u16 how many. */
static bool is_whole(const unsigned char *p, size_t n, size_t size)
{
	return n >= 12 && !em_bytes_u16(p + 8, false) && em_bytes_u16(p + 10, false) == 8 * size;
}

static void parse_fixed(const unsigned char *p, size_t n, struct em_hdf_type *t)
{
	static const enum em_dtype types[2][4] = {{EM_U8, EM_U16, EM_U32, EM_U64}, {EM_I8, EM_I16, EM_I32, EM_I64}};
	int k = t->size == 1 ? 0 : t->size == 2 ? 1 : t->size == 4 ? 2 : t->size == 8 ? 3 : -1;

	if (k < 0 || !is_whole(p, n, t->size))
		return;
	t->kind = EM_HDF_NUMBERS;
	t->dtype = types[p[1] >> 3 & 1][k];
	t->big = p[1] & 1;
	t->part = t->size;
}

/* IEEE 754 of 2, 4 or 8 bytes, as the exponent's width tells. */
static void parse_float(const unsigned char *p, size_t n, struct em_hdf_type *t)
{
	unsigned exponent = t->size == 2 ? 5 : t->size == 4 ? 8 : t->size == 8 ? 11 : 0;

	if (!exponent || n < 20 || !is_whole(p, n, t->size) || p[13] != exponent || p[1] & 0x40)
		return;
	t->kind = EM_HDF_NUMBERS;
	t->dtype = t->size == 8 ? EM_F64 : EM_F32;
	t->big = p[1] & 1;
	t->is_half = t->size == 2;
	t->part = t->size;
}

/* The bytes before the type of a member of a compound whose name is at p: the name, where it begins, more. */
static size_t member_head(const unsigned char *p, size_t n, unsigned version, size_t size, size_t *offset)
{
	const unsigned char *end = memchr(p, '\0', n);
	size_t at = end ? (size_t)(end - p) + 1 : 0, width = 4, more = version == 1 ? 28 : 0;

	if (version >= 3)
		for (width = 1; width < 4 && size >> 8 * width; width++)
			;
	else
		at = (at + 7) / 8 * 8;
	if (!end || at + width + more > n)
		return 0;
	*offset = (size_t)em_hdf_number(p + at, width);
	return at + width + more;
}

/* Two floats, one behind the other, are a complex number whatever they are called.  Their types are 20 bytes each. */
static void parse_compound(const unsigned char *p, size_t n, struct em_hdf_type *t)
{
	struct em_hdf_type part[2];
	size_t at = 8, offset = 0;

	if (em_bytes_u16(p + 1, false) != 2)
		return;
	for (size_t i = 0; i < 2; i++) {
		size_t head = member_head(p + at, n - at, p[0] >> 4, t->size, &offset);

		at += head;
		if (!head || n - at < 20 || (p[at] & 15) != CLASS_FLOAT)
			return;
		memset(&part[i], 0, sizeof(part[i]));
		part[i].kind = EM_HDF_OTHER;
		part[i].size = em_bytes_u32(p + at + 4, false);
		parse_float(p + at, 20, &part[i]);
		if (part[i].kind != EM_HDF_NUMBERS || part[i].is_half || offset != i * part[0].size)
			return;
		at += 20;
	}
	if (part[0].dtype != part[1].dtype || part[0].big != part[1].big || t->size != 2 * part[0].size)
		return;
	*t = part[0];
	t->dtype = t->dtype == EM_F64 ? EM_C128 : EM_C64;
	t->size *= 2;
}

/* Whole numbers with names; FALSE and TRUE are how h5py writes a bool. */
static void parse_enum(const unsigned char *p, size_t n, struct em_hdf_type *t)
{
	if (n < 20 || (p[8] & 15) != CLASS_FIXED)
		return;
	parse_fixed(p + 8, n - 8, t);
	t->is_bool = t->size == 1 && n >= 26 && !memcmp(p + 20, "FALSE", 6);
	if (t->is_bool && t->kind == EM_HDF_NUMBERS)
		t->dtype = EM_U8;
}

/* u8 version and class, 3 bytes of flags, u32 bytes an element, and what the class needs. */
int em_hdf_type_parse(const struct em_hdf_file *f, const unsigned char *p, size_t n, struct em_hdf_type *type)
{
	struct em_hdf_type t = {.kind = EM_HDF_OTHER, .part = 1};

	if (n < 8)
		return -1;
	t.size = em_bytes_u32(p + 4, false);
	if (!t.size)
		return -1;
	switch (p[0] & 15) {
	case CLASS_FIXED:
		parse_fixed(p, n, &t);
		break;
	case CLASS_FLOAT:
		parse_float(p, n, &t);
		break;
	case CLASS_STRING:
		t.kind = EM_HDF_TEXT;
		break;
	case CLASS_COMPOUND:
		parse_compound(p, n, &t);
		break;
	case CLASS_ENUM:
		parse_enum(p, n, &t);
		break;
	case CLASS_VLEN:
		if ((p[1] & 15) == 1 && t.size == 8 + f->offset)
			t.kind = EM_HDF_TEXT_ELSEWHERE;
		break;
	}
	*type = t;
	return 0;
}

/* Version 1: u8 version, u8 dimensions, 6 bytes, sizes.  Version 2: u8, u8, u8, u8 kind (2: nothing at all), sizes. */
int em_hdf_shape_parse(const struct em_hdf_file *f, const unsigned char *p, size_t n, struct em_hdf_value *value)
{
	size_t at = n && p[0] == 1 ? 8 : 4, count = 1, ndim;

	if (n < at || p[0] < 1 || p[0] > 2 || p[1] > EM_MAX_NDIM || (n - at) / f->length < p[1])
		return -1;
	ndim = p[1];
	if (p[0] == 2 && p[3] == 2)
		count = 0;
	value->resizable = false;
	for (size_t i = 0; i < ndim; i++) {
		uint64_t size = em_hdf_number(p + at + i * f->length, f->length);

		if (p[2] & 1 && (n - at) / f->length >= 2 * ndim)
			value->resizable |= em_hdf_number(p + at + (ndim + i) * f->length, f->length) != size;

		if (size > SIZE_MAX / 4 || (size && count > SIZE_MAX / size))
			return -1;
		value->shape[i] = (size_t)size;
		count *= (size_t)size;
	}
	value->ndim = (int)ndim;
	value->count = count;
	return 0;
}

/* ---- values ---- */

bool em_hdf_value_number(const struct em_hdf_value *value, size_t i, double *v)
{
	const struct em_hdf_type *t = &value->type;
	unsigned char bytes[8];
	struct em_array one = {.dtype = t->dtype, .ndim = 0, .data = bytes};

	if (i >= value->count || t->kind != EM_HDF_NUMBERS || t->size > sizeof(bytes) || t->part != t->size)
		return false;
	em_bytes_copy(bytes, value->data + i * t->size, 1, t->part, t->big);
	if (t->is_half)
		*v = (double)em_half_to_float(em_bytes_u16(value->data + i * t->size, t->big));
	else
		*v = em_array_get(&one, 0);
	return true;
}

bool em_hdf_value_text(const struct em_hdf_file *f, const struct em_hdf_value *value, size_t i, struct em_text *out)
{
	const unsigned char *p = value->data + i * value->type.size, *end;
	size_t n = value->type.size, stored = n;

	if (i >= value->count || (value->type.kind != EM_HDF_TEXT && value->type.kind != EM_HDF_TEXT_ELSEWHERE))
		return false;
	/* u32 bytes, the collection, u32 which object of it. */
	if (value->type.kind == EM_HDF_TEXT_ELSEWHERE) {
		n = em_bytes_u32(p, false);
		if (n)
			p = em_hdf_global_object(f, em_hdf_address(f, p + 4), em_bytes_u32(p + 4 + f->offset, false),
			                         &stored);
	}
	if (!p || n > EM_HDF_MAX_TEXT || (n && n > stored))
		return false;
	end = n ? memchr(p, '\0', n) : NULL;
	em_text_append_bytes(out, p, end ? (size_t)(end - p) : n);
	return true;
}

/* ---- attributes ---- */

#define MAX_ATTRIBUTES 65536 /* HDF5 counts them in 16 bits */
#define TEXT_STEPS 8         /* what it takes to find one in the global heap */

struct reading {
	const struct em_hdf_file *f;
	struct em_hdf_attributes list;
	size_t *steps;
	struct em_error *err;
};

static size_t pad(size_t n, unsigned version)
{
	return version == 1 ? (n + 7) / 8 * 8 : n;
}

/* u8 version, u8 flags, u16 bytes of name, type and shape, in version 3 u8 character set; name, type, shape, data. */
static bool parse_attribute(const struct em_hdf_file *f, const unsigned char *p, size_t n, struct em_hdf_value *v)
{
	size_t head = n && p[0] == 3 ? 9 : 8, name, type, shape, type_bytes, shape_bytes;

	if (n < head || p[0] < 1 || p[0] > 3 || (p[0] > 1 && p[1] & 3))
		return false;
	name = pad(em_bytes_u16(p + 2, false), p[0]);
	type_bytes = em_bytes_u16(p + 4, false);
	type = pad(type_bytes, p[0]);
	shape_bytes = em_bytes_u16(p + 6, false);
	shape = pad(shape_bytes, p[0]);
	if (!name || name + type + shape > n - head)
		return false;
	v->name = (const char *)p + head;
	v->name_len = strnlen(v->name, name);
	p += head + name;
	if (em_hdf_type_parse(f, p, type_bytes, &v->type) || em_hdf_shape_parse(f, p + type, shape_bytes, v))
		return false;
	v->data = p + type + shape;
	return v->count <= (n - head - name - type - shape) / v->type.size;
}

static int take_attribute(void *closure, const unsigned char *p, size_t n)
{
	struct reading *r = closure;
	struct em_hdf_value v;

	memset(&v, 0, sizeof(v));
	if (!parse_attribute(r->f, p, n, &v))
		return 0;
	if (r->list.count == MAX_ATTRIBUTES)
		return em_error_set(r->err, EM_ERROR_DATA, "HDF5: more than %d attributes of one object: the file is "
		                    "damaged or hostile", MAX_ATTRIBUTES);
	if (r->list.count == r->list.capacity) {
		size_t capacity = r->list.capacity ? 2 * r->list.capacity : 16;
		struct em_hdf_value *grown = realloc(r->list.value, capacity * sizeof(*grown));

		if (!grown)
			return em_error_memory(r->err, capacity * sizeof(*grown));
		r->list.value = grown;
		r->list.capacity = capacity;
	}
	r->list.value[r->list.count++] = v;
	return 0;
}

/* u8 0, u8 flags, [u16 order], heap, B-tree by name. */
static int take_dense(struct reading *r, const struct em_hdf_message *m)
{
	const struct em_hdf_file *f = r->f;
	size_t at = 2 + (m->bytes > 1 && m->data[1] & 1 ? 2u : 0);
	uint64_t heap;

	if (m->bytes < at + 2 * f->offset)
		return em_hdf_refuse(r->err, "the list of attributes", (uint64_t)(m->data - f->blob.data));
	heap = em_hdf_address(f, m->data + at);
	if (heap == EM_HDF_NOWHERE)
		return 0;
	return em_hdf_dense_each(f, heap, em_hdf_address(f, m->data + at + f->offset), 0, take_attribute, r,
	                         r->steps, r->err);
}

int em_hdf_attributes_read(const struct em_hdf_file *f, uint64_t address, struct em_hdf_attributes *list,
                           size_t *steps, struct em_error *err)
{
	struct reading r = {.f = f, .steps = steps, .err = err};
	struct em_hdf_object o;
	int status = 0;

	if (*steps > EM_HDF_MAX_STEPS)
		return em_hdf_refuse(err, "attributes without end", address);
	if (em_hdf_object_read(f, address, &o, err))
		return -1;
	*steps += 1 + o.count;
	for (size_t i = 0; i < o.count && !status; i++) {
		if (o.message[i].type == EM_HDF_ATTRIBUTE && !o.message[i].shared)
			status = take_attribute(&r, o.message[i].data, o.message[i].bytes);
		else if (o.message[i].type == EM_HDF_ATTRIBUTE_INFO)
			status = take_dense(&r, &o.message[i]);
	}
	em_hdf_object_release(&o);
	if (status)
		em_hdf_attributes_release(&r.list);
	else
		*list = r.list;
	return status;
}

void em_hdf_attributes_release(struct em_hdf_attributes *list)
{
	free(list->value);
	memset(list, 0, sizeof(*list));
}

/* NULL where there is none. */
static const struct em_hdf_value *find_attribute(struct em_hdf_tree *tree, const struct em_hdf_node *node,
                                                 const char *name)
{
	size_t n = strlen(name);

	if (node && node != tree->kept_of) {
		em_hdf_attributes_release(&tree->kept);
		tree->kept_of = node;
		em_hdf_attributes_read(&tree->file, node->address, &tree->kept, &tree->steps, NULL);
	}
	for (size_t i = 0; node && i < tree->kept.count; i++)
		if (tree->kept.value[i].name_len == n && !memcmp(tree->kept.value[i].name, name, n))
			return &tree->kept.value[i];
	return NULL;
}

bool em_hdf_attribute_number(struct em_hdf_tree *tree, const struct em_hdf_node *node, const char *name, double *v)
{
	const struct em_hdf_value *value = find_attribute(tree, node, name);

	return value && em_hdf_value_number(value, 0, v);
}

bool em_hdf_attribute_text(struct em_hdf_tree *tree, const struct em_hdf_node *node, const char *name,
                           struct em_text *out)
{
	const struct em_hdf_value *value = find_attribute(tree, node, name);
	size_t before = out->len;
	bool found = value && !em_hdf_tree_is_exhausted(tree) && em_hdf_value_text(&tree->file, value, 0, out);

	if (value)
		em_hdf_tree_spend(tree, TEXT_STEPS + (out->len - before) / 16);
	return found;
}

void em_hdf_tree_spend(struct em_hdf_tree *tree, size_t steps)
{
	tree->steps += steps;
}

bool em_hdf_tree_is_exhausted(const struct em_hdf_tree *tree)
{
	return tree->steps > EM_HDF_MAX_STEPS;
}
