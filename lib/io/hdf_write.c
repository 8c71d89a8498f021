/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/hdf_write.h"

#include "io/bytes.h"

#include <math.h>
#include <string.h>

#define SUPERBLOCK_BYTES 48
#define PIXELS_AT ((uint64_t)64) /* aligned for whoever maps the file */
#define NOWHERE UINT64_MAX
#define MESSAGE_MAX 65535

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian machine needs byte swaps in lib/io");

enum message { DATASPACE = 1, LINK_INFO = 2, DATATYPE = 3, FILL = 5, LINK = 6, LAYOUT = 8, ATTRIBUTE = 12 };

/* A little-endian number of n bytes. */
static void put(struct em_text *t, uint64_t v, size_t n)
{
	em_text_append_bytes(t, &v, n);
}

static void put_zeros(struct em_text *t, size_t n)
{
	static const char zeros[256];

	for (; n > sizeof(zeros); n -= sizeof(zeros))
		em_text_append_bytes(t, zeros, sizeof(zeros));
	em_text_append_bytes(t, zeros, n);
}

static size_t round_up(size_t n)
{
	return (n + 7) / 8 * 8;
}

/* ---- the checksum ---- */

static uint32_t rotate(uint32_t v, unsigned by)
{
	return v << by | v >> (32 - by);
}

uint32_t em_hdf_checksum(const void *bytes, size_t n)
{
	static const unsigned mixing[] = {4, 6, 8, 16, 19, 4}, closing[] = {14, 11, 25, 16, 4, 14, 24};
	uint32_t start = 0xdeadbeef + (uint32_t)n, s[3] = {start, start, start};
	const unsigned char *p = bytes;
	unsigned char last[12] = {0};

	if (!n)
		return start;
	for (; n > 12; n -= 12, p += 12) {
		for (size_t i = 0; i < 3; i++)
			s[i] += em_bytes_u32(p + 4 * i, false);
		for (size_t i = 0; i < 6; i++) {
			uint32_t *a = &s[i % 3], *b = &s[(i + 1) % 3], *c = &s[(i + 2) % 3];

			*a = (*a - *c) ^ rotate(*c, mixing[i]);
			*c += *b;
		}
	}
	memcpy(last, p, n);
	for (size_t i = 0; i < 3; i++)
		s[i] += em_bytes_u32(last + 4 * i, false);
	for (size_t i = 0; i < 7; i++) {
		uint32_t *to = &s[(i + 2) % 3], from = s[(i + 1) % 3];

		*to = (*to ^ from) - rotate(from, closing[i]);
	}
	return s[2];
}

/* ---- the file ---- */

/* Where the tail begins in the file: the same from the last pixel on. */
static uint64_t tail_at(const struct em_hdf_out *out)
{
	return (PIXELS_AT + out->bytes + 7) / 8 * 8;
}

static int put_bytes(struct em_hdf_out *out, const void *bytes, size_t n, struct em_error *err)
{
	if (n && fwrite(bytes, 1, n, out->f) != n)
		return em_error_errno(err, "cannot write the HDF5 file");
	return 0;
}

int em_hdf_out_open(struct em_hdf_out *out, const char *path, struct em_error *err)
{
	static const char room[PIXELS_AT];

	memset(out, 0, sizeof(*out));
	out->f = fopen(path, "wb");
	if (!out->f)
		return em_error_errno(err, "cannot write '%s'", path);
	if (put_bytes(out, room, sizeof(room), err)) {
		em_hdf_out_release(out);
		return -1;
	}
	return 0;
}

int em_hdf_out_append(struct em_hdf_out *out, const void *bytes, size_t n, struct em_error *err)
{
	if (put_bytes(out, bytes, n, err))
		return -1;
	out->bytes += n;
	return 0;
}

void em_hdf_out_release(struct em_hdf_out *out)
{
	if (out->f)
		fclose(out->f);
	em_text_release(&out->tail);
	memset(out, 0, sizeof(*out));
}

/* Signature, version 2, addresses and sizes of 8 bytes; base, no extension, end of the file, root group, checksum. */
static void put_superblock(const struct em_hdf_out *out, uint64_t root, struct em_text *t)
{
	em_text_append_bytes(t, "\211HDF\r\n\032\n\002\010\010", 12);
	put(t, 0, 8);
	put(t, NOWHERE, 8);
	put(t, tail_at(out) + out->tail.len, 8);
	put(t, root, 8);
	put(t, em_hdf_checksum(em_text_get(t), t->len), 4);
}

static int write_rest(struct em_hdf_out *out, uint64_t root, struct em_error *err)
{
	static const char gap[8];
	struct em_text superblock = {0};
	int status;

	put_superblock(out, root, &superblock);
	status = em_text_check(&out->tail, err) || em_text_check(&superblock, err) ||
	         put_bytes(out, gap, (size_t)(tail_at(out) - PIXELS_AT - out->bytes), err) ||
	         put_bytes(out, out->tail.s, out->tail.len, err);
	if (!status && fseeko(out->f, 0, SEEK_SET))
		status = em_error_errno(err, "cannot write the HDF5 file");
	status = status || put_bytes(out, superblock.s, superblock.len, err);
	em_text_release(&superblock);
	return status ? -1 : 0;
}

/* ---- objects ---- */

/* Type, bytes, flags; then the message itself. */
static void put_message(struct em_text *object, enum message type, const struct em_text *message)
{
	if (message->failed || message->len > MESSAGE_MAX)
		object->failed = true;
	put(object, type, 1);
	put(object, message->len, 2);
	put(object, 0, 1);
	em_text_append_bytes(object, em_text_get(message), message->len);
}

/* Where it is.  The text is released. */
static uint64_t put_object(struct em_hdf_out *out, struct em_text *object)
{
	uint64_t address = tail_at(out) + out->tail.len;
	struct em_text *t = &out->tail;
	size_t at = t->len;

	if (object->failed)
		t->failed = true;
	/* Signature, version 2, flags: the size of what follows is told in 4 bytes. */
	em_text_append_bytes(t, "OHDR\002\002", 6);
	put(t, object->len, 4);
	em_text_append_bytes(t, em_text_get(object), object->len);
	if (!t->failed)
		put(t, em_hdf_checksum(t->s + at, t->len - at), 4);
	put_zeros(t, round_up(t->len) - t->len);
	em_text_release(object);
	return address;
}

static void put_link(struct em_text *group, const char *name, uint64_t address)
{
	char clean[EM_HDF_NAME_MAX + 1];
	size_t n = strlen(name);
	struct em_text m = {0};

	if (n > EM_HDF_NAME_MAX)
		for (n = EM_HDF_NAME_MAX; n && ((unsigned char)name[n] & 0xc0) == 0x80;)
			n--;
	for (size_t i = 0; i < n; i++)
		clean[i] = name[i] == '/' || (n == 1 && name[i] == '.') ? '-' : name[i];
	/* Version, flags: there is a character set; UTF-8. */
	em_text_append_bytes(&m, "\001\020\001", 3);
	put(&m, n, 1);
	em_text_append_bytes(&m, clean, n);
	put(&m, address, 8);
	put_message(group, LINK, &m);
	em_text_release(&m);
}

void em_hdf_put_dataset(struct em_hdf_out *out, struct em_text *group, const char *name, struct em_text *object)
{
	put_link(group, name, put_object(out, object));
}

/* Members stand in the group itself, not in a heap with a B-tree: version, flags, where those would be. */
static uint64_t put_group(struct em_hdf_out *out, struct em_text *object)
{
	struct em_text m = {0};

	put(&m, 0, 2);
	put(&m, NOWHERE, 8);
	put(&m, NOWHERE, 8);
	put_message(object, LINK_INFO, &m);
	em_text_release(&m);
	return put_object(out, object);
}

void em_hdf_put_group(struct em_hdf_out *out, struct em_text *group, const char *name, struct em_text *object)
{
	put_link(group, name, put_group(out, object));
}

int em_hdf_out_close(struct em_hdf_out *out, struct em_text *root, struct em_error *err)
{
	int status = write_rest(out, put_group(out, root), err);

	if (fclose(out->f) && !status)
		status = em_error_errno(err, "cannot write the HDF5 file");
	out->f = NULL;
	em_hdf_out_release(out);
	return status;
}

/* ---- shapes and types ---- */

static void put_shape(struct em_text *t, int ndim, const size_t *shape)
{
	put(t, 2, 1); /* version */
	put(t, (uint64_t)ndim, 1);
	put(t, 0, 1);
	put(t, ndim ? 1 : 0, 1); /* an array, a single element */
	for (int k = 0; k < ndim; k++)
		put(t, shape[k], 8);
}

/* Class and version, three bytes of flags, bytes an element. */
static void put_type(struct em_text *t, unsigned kind, unsigned flags, size_t size)
{
	put(t, kind, 1);
	put(t, flags, 3);
	put(t, size, 4);
}

static void put_fixed(struct em_text *t, size_t size, bool is_signed)
{
	put_type(t, 0x10, is_signed ? 8 : 0, size);
	put(t, 0, 2);
	put(t, 8 * size, 2);
}

/* The sign's place is in the flags; then the bits' place and number, those of exponent and mantissa, and the bias. */
static void put_float(struct em_text *t, size_t size)
{
	unsigned bits = (unsigned)(8 * size), mantissa = size == 4 ? 23 : 52;

	put_type(t, 0x11, 0x20 | (bits - 1) << 8, size);
	put(t, 0, 2);
	put(t, bits, 2);
	put(t, mantissa, 1);
	put(t, bits - 1 - mantissa, 1);
	put(t, 0, 1);
	put(t, mantissa, 1);
	put(t, size == 4 ? 127 : 1023, 4);
}

static void put_complex(struct em_text *t, size_t size)
{
	put_type(t, 0x36, 2, 2 * size);
	em_text_append_bytes(t, "r\0", 3);
	put_float(t, size);
	em_text_append_bytes(t, "i", 2);
	put(t, size, 1);
	put_float(t, size);
}

static void put_dtype(struct em_text *t, enum em_dtype dtype)
{
	size_t size = em_dtype_size(dtype);

	if (dtype == EM_C64 || dtype == EM_C128)
		put_complex(t, size / 2);
	else if (dtype == EM_F32 || dtype == EM_F64)
		put_float(t, size);
	else
		put_fixed(t, size, dtype == EM_I8 || dtype == EM_I16 || dtype == EM_I32 || dtype == EM_I64);
}

/* ---- data sets ---- */

static void begin_data(struct em_text *object, enum em_dtype dtype, int ndim, const size_t *shape, uint64_t address,
                       uint64_t bytes)
{
	struct em_text m = {0};

	put_shape(&m, ndim, shape);
	put_message(object, DATASPACE, &m);
	em_text_clear(&m);
	put_dtype(&m, dtype);
	put_message(object, DATATYPE, &m);
	em_text_clear(&m);
	/* Version 3; flags: space is made late, a value written only if there is one, and there is none. */
	em_text_append_bytes(&m, "\003\012", 2);
	put_message(object, FILL, &m);
	em_text_clear(&m);
	/* Version 3, in one piece. */
	em_text_append_bytes(&m, "\003\001", 2);
	put(&m, bytes ? address : NOWHERE, 8);
	put(&m, bytes, 8);
	put_message(object, LAYOUT, &m);
	em_text_release(&m);
}

void em_hdf_begin_pixels(struct em_text *object, enum em_dtype dtype, int ndim, const size_t *shape)
{
	uint64_t bytes = em_dtype_size(dtype);

	for (int k = 0; k < ndim; k++)
		bytes *= shape[k];
	begin_data(object, dtype, ndim, shape, PIXELS_AT, bytes);
}

void em_hdf_begin_numbers(struct em_hdf_out *out, struct em_text *object, const double *v, size_t n)
{
	begin_data(object, EM_F64, 1, &n, tail_at(out) + out->tail.len, n * sizeof(*v));
	em_text_append_bytes(&out->tail, v, n * sizeof(*v));
}

/* ---- attributes ---- */

/* Version, flags, bytes of the name, the type and the shape, UTF-8; then these, and one element. */
static void put_attribute(struct em_text *object, const char *name, const struct em_text *type, const void *value,
                          size_t size)
{
	struct em_text m = {0}, shape = {0};

	put_shape(&shape, 0, NULL);
	put(&m, 3, 2);
	put(&m, strlen(name) + 1, 2);
	put(&m, type->len, 2);
	put(&m, shape.len, 2);
	put(&m, 1, 1);
	em_text_append_bytes(&m, name, strlen(name) + 1);
	em_text_append_bytes(&m, em_text_get(type), type->len);
	em_text_append_bytes(&m, em_text_get(&shape), shape.len);
	em_text_append_bytes(&m, value, size);
	m.failed |= type->failed || shape.failed;
	put_message(object, ATTRIBUTE, &m);
	em_text_release(&shape);
	em_text_release(&m);
}

void em_hdf_put_number(struct em_text *object, const char *name, double value)
{
	struct em_text type = {0};

	if (!isfinite(value))
		return;
	put_float(&type, sizeof(value));
	put_attribute(object, name, &type, &value, sizeof(value));
	em_text_release(&type);
}

void em_hdf_put_integer(struct em_text *object, const char *name, int64_t value)
{
	struct em_text type = {0};

	put_fixed(&type, sizeof(value), true);
	put_attribute(object, name, &type, &value, sizeof(value));
	em_text_release(&type);
}

void em_hdf_put_bool(struct em_text *object, const char *name, bool value)
{
	struct em_text type = {0};

	put_type(&type, 0x38, 2, 1);
	put_fixed(&type, 1, true);
	em_text_append_bytes(&type, "FALSE\0TRUE\0\0\001", 13);
	put_attribute(object, name, &type, &value, 1);
	em_text_release(&type);
}

/* ---- texts ---- */

#define HEAP_BYTES 4096 /* of a collection, at least: HDF5 reads no less */
#define HEAP_HEADER 16  /* of a collection, and of a text in it */

static void begin_heap(struct em_hdf_out *out, size_t text)
{
	size_t need = 2 * HEAP_HEADER + round_up(text), bytes = need > HEAP_BYTES ? need : HEAP_BYTES;
	struct em_text *t = &out->tail;

	out->heap.begin = t->len;
	out->heap.at = t->len + HEAP_HEADER;
	out->heap.end = t->len + bytes;
	out->heap.texts = 0;
	em_text_append_bytes(t, "GCOL\001\0\0", 8);
	put(t, bytes, 8);
	put_zeros(t, bytes - HEAP_HEADER);
}

/* Number, references, bytes.  What is left is number 0, and its bytes include its header; less than one is nobody's. */
static void put_header(struct em_text *t, size_t at, uint64_t number, uint64_t bytes)
{
	memcpy(t->s + at, &number, 8);
	memcpy(t->s + at + 8, &bytes, 8);
}

static void fill_heap(struct em_hdf_out *out, const char *text, size_t n)
{
	struct em_text *t = &out->tail;

	if (out->heap.end - out->heap.at < HEAP_HEADER + round_up(n))
		begin_heap(out, n);
	if (t->failed)
		return;
	put_header(t, out->heap.at, ++out->heap.texts, n);
	memcpy(t->s + out->heap.at + HEAP_HEADER, text, n);
	out->heap.at += HEAP_HEADER + round_up(n);
	if (out->heap.end - out->heap.at >= HEAP_HEADER)
		put_header(t, out->heap.at, 0, out->heap.end - out->heap.at);
}

void em_hdf_put_text(struct em_hdf_out *out, struct em_text *object, const char *name, const char *value)
{
	struct em_text type = {0}, reference = {0};
	size_t n = strlen(value);

	if (n)
		fill_heap(out, value, n);
	/* Of variable length: text, ends with a NUL in memory, UTF-8; made of bytes. */
	put_type(&type, 0x19, 0x101, 16);
	put_fixed(&type, 1, false);
	put(&reference, n, 4);
	put(&reference, n ? tail_at(out) + out->heap.begin : 0, 8);
	put(&reference, n ? out->heap.texts : 0, 4);
	type.failed |= reference.failed;
	put_attribute(object, name, &type, em_text_get(&reference), reference.len);
	em_text_release(&type);
	em_text_release(&reference);
}

void em_hdf_put_known(struct em_hdf_out *out, struct em_text *object, const char *name, const char *value)
{
	if (value[0])
		em_hdf_put_text(out, object, name, value);
}
