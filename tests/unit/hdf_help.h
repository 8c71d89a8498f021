/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HDF5 files put together byte by byte: superblock and object headers of version 2, links in the headers.  Members come
 * before their group.  Include after bytes_help.h.
 */
#ifndef EM_TESTS_HDF_HELP_H
#define EM_TESTS_HDF_HELP_H

#include "base/text.h"

#include <stdint.h>
#include <string.h>

#define UNDEFINED UINT64_MAX

/* A type of numbers: its message, and what of it the file's values need. */
struct kind {
	unsigned class; /* 0 whole, 1 float */
	bool is_signed, big;
	size_t size;
};

static inline struct em_text begin_file(void)
{
	struct em_text file = {0};

	em_text_append_bytes(&file, "\x89HDF\r\n\x1a\n\2\10\10\0", 12);
	for (int i = 0; i < 4; i++)
		put(&file, i == 1 ? UNDEFINED : 0, 8, false);
	put(&file, 0, 4, false);
	return file;
}

static inline void put_message(struct em_text *messages, unsigned type, struct em_text *body)
{
	put(messages, type, 1, false);
	put(messages, body->len, 2, false);
	put(messages, 0, 1, false);
	em_text_append_bytes(messages, body->s, body->len);
	em_text_release(body);
}

/* Where the object with these messages is; they are released. */
static inline uint64_t put_object(struct em_text *file, struct em_text *messages)
{
	uint64_t at = file->len;

	em_text_append_bytes(file, "OHDR\2\2", 6);
	put(file, messages->len, 4, false);
	em_text_append_bytes(file, messages->s, messages->len);
	put(file, 0, 4, false);
	em_text_release(messages);
	return at;
}

static inline void finish_file(struct em_text *file, struct em_text *root)
{
	uint64_t at = put_object(file, root);

	store((unsigned char *)file->s + 12 + 24, at, 8, false);
	store((unsigned char *)file->s + 12 + 16, file->len, 8, false);
}

static inline void put_link(struct em_text *messages, const char *name, uint64_t at)
{
	struct em_text body = {0};

	em_text_append_bytes(&body, "\1\0", 2);
	put(&body, strlen(name), 1, false);
	em_text_append(&body, name);
	put(&body, at, 8, false);
	put_message(messages, 6, &body);
}

/* What makes an object a group that has no members (in its header, nor elsewhere). */
static inline void put_group_mark(struct em_text *messages)
{
	struct em_text body = {0};

	put(&body, 0, 2, false);
	put(&body, UNDEFINED, 8, false);
	put(&body, UNDEFINED, 8, false);
	put_message(messages, 2, &body);
}

/* A group of one member. */
static inline uint64_t put_parent(struct em_text *file, const char *name, uint64_t member)
{
	struct em_text messages = {0};

	put_link(&messages, name, member);
	return put_object(file, &messages);
}

static inline struct em_text make_type(struct kind k)
{
	struct em_text t = {0};

	put(&t, 0x10 | k.class, 1, false);
	put(&t, (uint64_t)(k.big | (k.is_signed && !k.class) << 3 | (k.class ? 0x20 : 0)), 1, false);
	put(&t, k.class ? 8 * k.size - 1 : 0, 2, false);
	put(&t, k.size, 4, false);
	put(&t, 0, 2, false);
	put(&t, 8 * k.size, 2, false);
	if (k.class) {
		unsigned exponent = k.size == 2 ? 5 : k.size == 4 ? 8 : 11;
		unsigned mantissa = (unsigned)(8 * k.size) - 1 - exponent;

		put(&t, mantissa, 1, false);
		put(&t, exponent, 1, false);
		put(&t, 0, 1, false);
		put(&t, mantissa, 1, false);
		put(&t, (1u << (exponent - 1)) - 1, 4, false);
	}
	return t;
}

/* Two of them, one behind the other. */
static inline struct em_text make_pair(struct kind k)
{
	struct em_text t = {0};

	put(&t, 0x36, 1, false);
	put(&t, 2, 3, false);
	put(&t, 2 * k.size, 4, false);
	for (size_t i = 0; i < 2; i++) {
		struct em_text part = make_type(k);

		em_text_append_bytes(&t, i ? "imag\0" : "real\0", 5);
		put(&t, i * k.size, 1, false);
		em_text_append_bytes(&t, part.s, part.len);
		em_text_release(&part);
	}
	return t;
}

static inline struct em_text make_shape(int ndim, const size_t *shape)
{
	struct em_text t = {0};

	put(&t, 2, 1, false);
	put(&t, (uint64_t)ndim, 1, false);
	put(&t, 0, 1, false);
	put(&t, ndim ? 1 : 0, 1, false);
	for (int i = 0; i < ndim; i++)
		put(&t, shape[i], 8, false);
	return t;
}

/* Type and shape of a data set; the type is released. */
static inline struct em_text begin_dataset(struct em_text *type, int ndim, const size_t *shape)
{
	struct em_text messages = {0}, space = make_shape(ndim, shape);

	put_message(&messages, 3, type);
	put_message(&messages, 1, &space);
	return messages;
}

/* In one piece, as the bytes are. */
static inline uint64_t put_dataset(struct em_text *file, struct em_text *messages, const void *bytes, size_t n)
{
	struct em_text layout = {0};

	em_text_append_bytes(&layout, "\3\1", 2);
	put(&layout, file->len, 8, false);
	put(&layout, n, 8, false);
	em_text_append_bytes(file, bytes, n);
	put_message(messages, 8, &layout);
	return put_object(file, messages);
}

static inline uint64_t put_f64_dataset(struct em_text *file, const double *v, size_t n, struct em_text *attributes)
{
	struct em_text type = make_type((struct kind){1, true, false, 8}), messages = begin_dataset(&type, 1, &n);
	struct em_text bytes = {0};
	uint64_t at;

	em_text_append_bytes(&messages, attributes->s, attributes->len);
	em_text_release(attributes);
	for (size_t i = 0; i < n; i++)
		put_f64(&bytes, v[i], false);
	at = put_dataset(file, &messages, bytes.s, bytes.len);
	em_text_release(&bytes);
	return at;
}

static inline void put_attribute(struct em_text *messages, const char *name, struct em_text *type,
                                 struct em_text *space, const void *bytes, size_t n)
{
	struct em_text body = {0};

	em_text_append_bytes(&body, "\3\0", 2);
	put(&body, strlen(name) + 1, 2, false);
	put(&body, type->len, 2, false);
	put(&body, space->len, 2, false);
	put(&body, 0, 1, false);
	em_text_append_bytes(&body, name, strlen(name) + 1);
	em_text_append_bytes(&body, type->s, type->len);
	em_text_append_bytes(&body, space->s, space->len);
	em_text_append_bytes(&body, bytes, n);
	em_text_release(type);
	em_text_release(space);
	put_message(messages, 12, &body);
}

static inline void put_number_attribute(struct em_text *messages, const char *name, double v)
{
	struct em_text type = make_type((struct kind){1, true, false, 8}), space = make_shape(0, NULL), bytes = {0};

	put_f64(&bytes, v, false);
	put_attribute(messages, name, &type, &space, bytes.s, bytes.len);
	em_text_release(&bytes);
}

static inline struct em_text make_text_type(size_t n)
{
	struct em_text type = {0};

	put(&type, 0x13, 4, false);
	put(&type, n, 4, false);
	return type;
}

static inline void put_text_attribute(struct em_text *messages, const char *name, const char *text)
{
	struct em_text type = make_text_type(strlen(text) + 1), space = make_shape(0, NULL);

	put_attribute(messages, name, &type, &space, text, strlen(text) + 1);
}

static inline uint64_t put_text_dataset(struct em_text *file, const char *text)
{
	struct em_text type = make_text_type(strlen(text)), messages = begin_dataset(&type, 1, (size_t[]){1});

	return put_dataset(file, &messages, text, strlen(text));
}

/* JSON in a column of bytes, as Velox has its metadata. */
static inline uint64_t put_column(struct em_text *file, const char *json)
{
	struct em_text type = make_type((struct kind){0, false, false, 1});
	struct em_text messages = begin_dataset(&type, 2, (size_t[]){strlen(json), 1});

	return put_dataset(file, &messages, json, strlen(json));
}

#endif
