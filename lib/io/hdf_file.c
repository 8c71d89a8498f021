/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/hdf_file.h"

#include "io/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MESSAGES ((size_t)65536) /* a header of the old kind cannot count further */

bool em_hdf_find_signature(const unsigned char *head, size_t n, size_t *at)
{
	static const size_t places[] = {0, 512, 1024, 2048};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (n >= places[i] + 8 && !memcmp(head + places[i], "\x89HDF\r\n\x1a\n", 8)) {
			*at = places[i];
			return true;
		}
	return false;
}

const unsigned char *em_hdf_at(const struct em_hdf_file *f, uint64_t address, uint64_t n)
{
	return address <= f->blob.size && n <= f->blob.size - address ? f->blob.data + address : NULL;
}

uint64_t em_hdf_number(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

uint64_t em_hdf_address(const struct em_hdf_file *f, const unsigned char *p)
{
	uint64_t v = em_hdf_number(p, f->offset);

	return f->offset == 4 && v == UINT32_MAX ? EM_HDF_NOWHERE : v;
}

int em_hdf_refuse(struct em_error *err, const char *what, uint64_t address)
{
	return em_error_set(err, EM_ERROR_DATA, "HDF5: the file is cut or damaged: %s at byte %" PRIu64, what,
	                    address);
}

/* ---- the superblock ---- */

static bool is_width(unsigned n)
{
	return n == 4 || n == 8;
}

/* A file that was cut says how long it should be. */
static int check_end(const struct em_hdf_file *f, const unsigned char *p, size_t whole, struct em_error *err)
{
	size_t at = (p[8] < 2 ? 24 + (p[8] ? 4u : 0) : 12) + 2 * (size_t)f->offset;
	uint64_t end;

	if (!em_hdf_at(f, 0, at + f->offset))
		return em_hdf_refuse(err, "the superblock", 0);
	end = em_hdf_address(f, p + at);
	if (end != EM_HDF_NOWHERE && end > whole)
		return em_error_set(err, EM_ERROR_DATA, "HDF5: the file is cut: %zu bytes of %" PRIu64 " are there",
		                    whole, end);
	return 0;
}

/* Versions 0 and 1: the root is an entry of a symbol table, behind four addresses. */
static int open_old(struct em_hdf_file *f, const unsigned char *p, struct em_error *err)
{
	size_t entry = (p[8] ? 28 : 24) + 4 * (size_t)f->offset;

	if (!em_hdf_at(f, 0, entry + 2 * f->offset))
		return em_hdf_refuse(err, "the superblock", 0);
	f->root = em_hdf_address(f, p + entry + f->offset);
	return 0;
}

int em_hdf_file_open(struct em_hdf_file *f, struct em_blob blob, struct em_error *err)
{
	struct em_hdf_file fresh = {.blob = blob};
	const unsigned char *p;
	size_t at;

	if (!em_hdf_find_signature(blob.data, blob.size, &at))
		return em_error_set(err, EM_ERROR_DATA, "HDF5: there is no signature: not such a file");
	fresh.blob.data += at;
	fresh.blob.size -= at;
	p = em_hdf_at(&fresh, 0, 48);
	if (!p)
		return em_hdf_refuse(err, "the superblock", 0);
	if (p[8] > 3)
		return em_error_set(err, EM_ERROR_DATA, "HDF5: version %d of the superblock is not known", p[8]);
	fresh.offset = p[p[8] < 2 ? 13 : 9];
	fresh.length = p[p[8] < 2 ? 14 : 10];
	if (!is_width(fresh.offset) || !is_width(fresh.length))
		return em_error_set(err, EM_ERROR_DATA, "HDF5: addresses of %u and sizes of %u bytes are not supported",
		                    fresh.offset, fresh.length);
	if (check_end(&fresh, p, blob.size, err) || (p[8] < 2 && open_old(&fresh, p, err)))
		return -1;
	if (p[8] >= 2)
		fresh.root = em_hdf_address(&fresh, p + 12 + 3 * fresh.offset);
	*f = fresh;
	return 0;
}

/* ---- object headers ---- */

struct block {
	const unsigned char *p, *end;
};

struct reading {
	const struct em_hdf_file *f;
	struct em_hdf_object o;
	struct block *block; /* of messages: the header's own, and what continues it */
	size_t blocks, capacity;
	bool old;
	size_t head;         /* bytes before a message's data */
	size_t limit;        /* of messages */
	uint64_t address;
	struct em_error *err;
};

static int refuse_header(struct reading *r)
{
	return em_hdf_refuse(r->err, "an object's header", r->address);
}

static int add_block(struct reading *r, const unsigned char *p, size_t n)
{
	if (r->blocks == r->capacity) {
		size_t capacity = r->capacity ? 2 * r->capacity : 8;
		struct block *grown = realloc(r->block, capacity * sizeof(*grown));

		if (!grown)
			return em_error_memory(r->err, capacity * sizeof(*grown));
		r->block = grown;
		r->capacity = capacity;
	}
	r->block[r->blocks++] = (struct block){p, p + n};
	return 0;
}

static int add_message(struct reading *r, const struct em_hdf_message *m)
{
	if (r->o.count == r->limit)
		return refuse_header(r);
	if (r->o.count == r->o.capacity) {
		size_t capacity = r->o.capacity ? 2 * r->o.capacity : 16;
		struct em_hdf_message *grown = realloc(r->o.message, capacity * sizeof(*grown));

		if (!grown)
			return em_error_memory(r->err, capacity * sizeof(*grown));
		r->o.message = grown;
		r->o.capacity = capacity;
	}
	r->o.message[r->o.count++] = *m;
	return 0;
}

/* A block that the newer headers continue in begins with "OCHK" and ends with a checksum, which we do not look at. */
static int continue_at(struct reading *r, const struct em_hdf_message *m)
{
	const struct em_hdf_file *f = r->f;
	const unsigned char *p;
	uint64_t n;

	if (m->bytes < f->offset + f->length)
		return refuse_header(r);
	n = em_hdf_number(m->data + f->offset, f->length);
	p = em_hdf_at(f, em_hdf_address(f, m->data), n);
	if (!p || (!r->old && (n < 8 || memcmp(p, "OCHK", 4))))
		return refuse_header(r);
	return r->old ? add_block(r, p, (size_t)n) : add_block(r, p + 4, (size_t)n - 8);
}

static int take_messages(struct reading *r, struct block b)
{
	while ((size_t)(b.end - b.p) >= r->head) {
		struct em_hdf_message m = {.data = b.p + r->head};

		m.type = r->old ? em_bytes_u16(b.p, false) : b.p[0];
		m.bytes = em_bytes_u16(b.p + (r->old ? 2 : 1), false);
		m.shared = b.p[r->old ? 4 : 3] & 2;
		if (m.bytes > (size_t)(b.end - m.data))
			return refuse_header(r);
		if (add_message(r, &m) || (m.type == EM_HDF_CONTINUATION && continue_at(r, &m)))
			return -1;
		b.p = m.data + m.bytes;
	}
	return 0;
}

/* Version 1: u8 version, a byte, u16 messages, u32 references, u32 bytes, 4 bytes; messages of 8 bytes and data. */
static int start_old(struct reading *r, const unsigned char *p)
{
	uint32_t n = em_bytes_u32(p + 8, false);
	const unsigned char *messages = em_hdf_at(r->f, r->address + 16, n);

	r->old = true;
	r->head = 8;
	r->limit = em_bytes_u16(p + 2, false);
	return messages ? add_block(r, messages, n) : refuse_header(r);
}

/* Version 2: "OHDR", u8 version, u8 flags, times, limits of attributes, the size of what follows. */
static int start_new(struct reading *r, const unsigned char *p)
{
	size_t width = (size_t)1 << (p[5] & 3), at = 6 + (p[5] & 0x20 ? 16u : 0) + (p[5] & 0x10 ? 4u : 0);
	const unsigned char *size = em_hdf_at(r->f, r->address + at, width), *messages;
	uint64_t n = size ? em_hdf_number(size, width) : 0;

	r->head = p[5] & 4 ? 6 : 4;
	r->limit = MAX_MESSAGES;
	messages = em_hdf_at(r->f, r->address + at + width, n);
	return size && messages && p[4] == 2 ? add_block(r, messages, (size_t)n) : refuse_header(r);
}

int em_hdf_object_read(const struct em_hdf_file *f, uint64_t address, struct em_hdf_object *o, struct em_error *err)
{
	struct reading r = {.f = f, .address = address, .err = err};
	const unsigned char *p = em_hdf_at(f, address, 16);
	int status;

	if (p && !memcmp(p, "OHDR", 4))
		status = start_new(&r, p);
	else
		status = p && p[0] == 1 ? start_old(&r, p) : refuse_header(&r);
	for (size_t i = 0; !status && i < r.blocks; i++)
		status = take_messages(&r, r.block[i]);
	free(r.block);
	if (status)
		em_hdf_object_release(&r.o);
	else
		*o = r.o;
	return status;
}

void em_hdf_object_release(struct em_hdf_object *o)
{
	free(o->message);
	memset(o, 0, sizeof(*o));
}

const struct em_hdf_message *em_hdf_object_find(const struct em_hdf_object *o, unsigned type)
{
	for (size_t i = 0; i < o->count; i++)
		if (o->message[i].type == type)
			return &o->message[i];
	return NULL;
}
