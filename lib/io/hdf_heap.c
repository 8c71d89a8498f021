/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/hdf_heap.h"

#include "io/bytes.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAME 4096 /* bytes: as many links as a file likes may have the same name, and each is measured */

/* "HEAP", u8 version, 3 bytes, the size of the data, a free list, the data's address. */
const char *em_hdf_local_name(const struct em_hdf_file *f, uint64_t heap, uint64_t offset, size_t *n)
{
	const unsigned char *p = em_hdf_at(f, heap, 8 + 2 * f->length + f->offset), *end;
	uint64_t size, data;

	if (!p || memcmp(p, "HEAP", 4))
		return NULL;
	size = em_hdf_number(p + 8, f->length);
	data = em_hdf_address(f, p + 8 + 2 * f->length);
	p = em_hdf_at(f, data, size);
	if (!p || offset >= size)
		return NULL;
	p += offset;
	end = memchr(p, '\0', size - offset < MAX_NAME ? (size_t)(size - offset) : MAX_NAME);
	*n = end ? (size_t)(end - p) : 0;
	return end ? (const char *)p : NULL;
}

/* "GCOL", u8 version, 3 bytes, the size; then objects: u16 index, u16 references, 4 bytes, the size, data to eights. */
const unsigned char *em_hdf_global_object(const struct em_hdf_file *f, uint64_t collection, unsigned index, size_t *n)
{
	size_t head = 8 + f->length, left;
	const unsigned char *p = em_hdf_at(f, collection, head);

	if (!p || memcmp(p, "GCOL", 4))
		return NULL;
	left = (size_t)em_hdf_number(p + 8, f->length);
	if (left < head || !em_hdf_at(f, collection, left))
		return NULL;
	left -= head;
	p += head;
	for (unsigned i = 0; i <= UINT16_MAX && left >= head; i++) {
		uint64_t size = em_hdf_number(p + 8, f->length), step;

		if (size > left - head || !em_bytes_u16(p, false))
			return NULL;
		if (em_bytes_u16(p, false) == index) {
			*n = (size_t)size;
			return p + head;
		}
		step = head + (size + 7) / 8 * 8;
		if (step > left)
			return NULL;
		p += step;
		left -= (size_t)step;
	}
	return NULL;
}

/* ---- fractal heaps ---- */

struct fractal {
	const struct em_hdf_file *f;
	size_t id_bytes, offset_bytes, length_bytes; /* of an ID, and of what it consists of */
	uint64_t width, start, max_direct, root;     /* of the doubling table; sizes of blocks */
	unsigned heap_bits, rows;                    /* rows: of the root; 0: it is a direct block */
};

static unsigned log2_of(uint64_t v)
{
	unsigned n = 0;

	while (v >>= 1)
		n++;
	return n;
}

static bool is_power(uint64_t v)
{
	return v && !(v & (v - 1));
}

static int open_fractal(const struct em_hdf_file *f, uint64_t address, struct fractal *h, struct em_error *err)
{
	size_t table = 14 + 10 * (size_t)f->length + 2 * (size_t)f->offset;
	const unsigned char *p = em_hdf_at(f, address, table + 8 + 2 * f->length + f->offset);
	unsigned direct, managed;

	if (!p || memcmp(p, "FRHP", 4))
		return em_hdf_refuse(err, "a fractal heap", address);
	if (em_bytes_u16(p + 7, false))
		return em_error_set(err, EM_ERROR_DATA, "HDF5: heaps that are compressed are not supported");
	h->f = f;
	h->id_bytes = em_bytes_u16(p + 5, false);
	managed = log2_of(em_bytes_u32(p + 10, false)) / 8 + 1;
	p += table;
	h->width = em_bytes_u16(p, false);
	h->start = em_hdf_number(p + 2, f->length);
	h->max_direct = em_hdf_number(p + 2 + f->length, f->length);
	p += 2 + 2 * f->length;
	h->heap_bits = em_bytes_u16(p, false);
	h->root = em_hdf_address(f, p + 4);
	h->rows = em_bytes_u16(p + 4 + f->offset, false);
	direct = (log2_of(h->max_direct) + 7) / 8;
	h->offset_bytes = (h->heap_bits + 7) / 8;
	h->length_bytes = direct < managed ? direct : managed;
	if (!is_power(h->width) || !is_power(h->start) || !is_power(h->max_direct) || h->max_direct >> 32 ||
	    h->start > h->max_direct || h->heap_bits > 63 || h->rows > 64 ||
	    1 + h->offset_bytes + h->length_bytes > h->id_bytes)
		return em_hdf_refuse(err, "a fractal heap", address);
	return 0;
}

/* The object that an ID of the managed kind names.  NULL: it is of another kind, or not there. */
static const unsigned char *find_managed(const struct fractal *h, const unsigned char *id, size_t *n)
{
	uint64_t at = em_hdf_number(id + 1, h->offset_bytes), size = h->start, block = h->root, rows = h->rows;
	uint64_t length = em_hdf_number(id + 1 + h->offset_bytes, h->length_bytes);
	const unsigned char *p;

	if (id[0] & 0x30)
		return NULL;
	while (rows) {
		unsigned row = at < h->width * h->start ? 0 : log2_of(at / (h->width * h->start)) + 1;
		uint64_t first = row ? h->width * h->start << (row - 1) : 0, column;

		if (row >= rows)
			return NULL;
		size = row ? h->start << (row - 1) : h->start;
		column = (at - first) / size;
		at = (at - first) % size;
		p = em_hdf_at(h->f, block, 5 + h->f->offset + h->offset_bytes);
		if (!p || memcmp(p, "FHIB", 4))
			return NULL;
		block += 5 + h->f->offset + h->offset_bytes + (row * h->width + column) * h->f->offset;
		p = em_hdf_at(h->f, block, h->f->offset);
		if (!p)
			return NULL;
		block = em_hdf_address(h->f, p);
		rows = size > h->max_direct ? log2_of(size / h->start / h->width) + 1 : 0;
	}
	*n = (size_t)length;
	p = em_hdf_at(h->f, block, 4);
	if (!p || memcmp(p, "FHDB", 4) || at >= size || length > size - at)
		return NULL;
	return em_hdf_at(h->f, block + at, length);
}

/* ---- B-trees, version 2 ---- */

struct node {
	uint64_t address;
	unsigned records, depth;
};

struct tree {
	const struct em_hdf_file *f;
	size_t node_bytes, record_bytes, count_bytes;
	size_t total_bytes[17]; /* of the sum of records under a child, by the depth of that child */
	struct node *stack;
	size_t open, capacity, *steps;
	struct em_error *err;
};

static size_t bytes_for(uint64_t v)
{
	return log2_of(v) / 8 + 1;
}

static size_t pointer_bytes(const struct tree *t, unsigned depth)
{
	return t->f->offset + t->count_bytes + (depth > 1 ? t->total_bytes[depth - 1] : 0);
}

static int push(struct tree *t, struct node node)
{
	if ((*t->steps)++ >= EM_HDF_MAX_STEPS)
		return em_hdf_refuse(t->err, "a B-tree", node.address);
	if (t->open == t->capacity) {
		size_t capacity = t->capacity ? 2 * t->capacity : 64;
		struct node *grown = realloc(t->stack, capacity * sizeof(*grown));

		if (!grown)
			return em_error_memory(t->err, capacity * sizeof(*grown));
		t->stack = grown;
		t->capacity = capacity;
	}
	t->stack[t->open++] = node;
	return 0;
}

/* "BTHD", u8 version, u8 type, u32 bytes of a node, u16 of a record, u16 depth, 2 bytes, root, u16 its records, ... */
static int open_tree(struct tree *t, uint64_t address)
{
	const unsigned char *p = em_hdf_at(t->f, address, 18 + t->f->offset + t->f->length);
	uint64_t most, sum;
	unsigned depth;

	if (!p || memcmp(p, "BTHD", 4))
		return em_hdf_refuse(t->err, "a B-tree", address);
	t->node_bytes = em_bytes_u32(p + 6, false);
	t->record_bytes = em_bytes_u16(p + 10, false);
	depth = em_bytes_u16(p + 12, false);
	if (depth > 16 || !t->record_bytes || t->node_bytes < 10 + t->record_bytes)
		return em_hdf_refuse(t->err, "a B-tree", address);
	most = sum = (t->node_bytes - 10) / t->record_bytes;
	t->count_bytes = bytes_for(most);
	for (unsigned i = 1; i <= depth; i++) {
		size_t pointer = pointer_bytes(t, i);

		if (t->node_bytes < 10 + pointer)
			return em_hdf_refuse(t->err, "a B-tree", address);
		most = (t->node_bytes - 10 - pointer) / (t->record_bytes + pointer);
		sum = sum > UINT64_MAX / (most + 1) - 1 ? UINT64_MAX : (most + 1) * sum + most;
		t->total_bytes[i] = bytes_for(sum);
	}
	p += 16;
	if (em_hdf_address(t->f, p) == EM_HDF_NOWHERE)
		return 0;
	return push(t, (struct node){em_hdf_address(t->f, p), em_bytes_u16(p + t->f->offset, false), depth});
}

/* The records of a node; its children go onto the stack.  NULL: refused. */
static const unsigned char *enter(struct tree *t, struct node node)
{
	size_t pointer = pointer_bytes(t, node.depth), records = node.records * t->record_bytes;
	size_t children = node.depth ? (node.records + 1) * pointer : 0;
	const unsigned char *p = em_hdf_at(t->f, node.address, 6 + records + children), *child;

	if (!p || memcmp(p, node.depth ? "BTIN" : "BTLF", 4)) {
		em_hdf_refuse(t->err, "a B-tree", node.address);
		return NULL;
	}
	child = p + 6 + records;
	for (unsigned i = 0; node.depth && i <= node.records; i++, child += pointer) {
		uint64_t n = em_hdf_number(child + t->f->offset, t->count_bytes);

		if (n > UINT16_MAX || push(t, (struct node){em_hdf_address(t->f, child), (unsigned)n, node.depth - 1}))
			return NULL;
	}
	return p + 6;
}

int em_hdf_dense_each(const struct em_hdf_file *f, uint64_t heap, uint64_t tree, size_t id_at,
                      int (*take)(void *closure, const unsigned char *object, size_t n), void *closure,
                      size_t *steps, struct em_error *err)
{
	struct tree t = {.f = f, .steps = steps, .err = err};
	struct fractal h = {0};
	int status = open_fractal(f, heap, &h, err) || open_tree(&t, tree) ? -1 : 0;

	if (!status && id_at + h.id_bytes > t.record_bytes && t.open)
		status = em_hdf_refuse(err, "a B-tree", tree);
	while (!status && t.open) {
		struct node node = t.stack[--t.open];
		const unsigned char *record = enter(&t, node), *object;
		size_t n;

		status = record ? 0 : -1;
		*steps += node.records;
		if (*steps > EM_HDF_MAX_STEPS)
			status = em_hdf_refuse(err, "a B-tree", node.address);
		for (unsigned i = 0; !status && i < node.records; i++, record += t.record_bytes) {
			object = find_managed(&h, record + id_at, &n);
			if (object)
				status = take(closure, object, n);
		}
	}
	free(t.stack);
	return status;
}
