/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SerialEM's wire: messages, and images in pieces. */
#include "scope/serialem_parts.h"

#include "io/bytes.h"
#include "scope/serve_socket.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX 65536
#define HEAD 8 /* length and function */
#define COMMAND_HEAD 20
#define IMAGE_REQUEST 16
#define LONG 4
#define DOUBLE 8

/* ---- numbers ---- */

int32_t em_serialem_get_long(const char *p)
{
	return (int32_t)em_bytes_u32((const unsigned char *)p, false);
}

void em_serialem_put_long(struct em_text *t, int32_t v)
{
	uint32_t u = (uint32_t)v;
	unsigned char bytes[LONG];

	for (size_t i = 0; i < LONG; i++)
		bytes[i] = (unsigned char)(u >> 8 * i & 0xff);
	em_text_append_bytes(t, bytes, LONG);
}

void em_serialem_put_double(struct em_text *t, double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof(u));
	em_serialem_put_long(t, (int32_t)(uint32_t)(u & 0xffffffff));
	em_serialem_put_long(t, (int32_t)(uint32_t)(u >> 32));
}

static void put_longs(struct em_text *t, const int32_t *v, size_t n)
{
	em_serialem_put_long(t, (int32_t)((n + 1) * LONG));
	for (size_t i = 0; i < n; i++)
		em_serialem_put_long(t, v[i]);
}

/* ---- commands ---- */

/* With last = 0 there are none, whatever the array holds. */
bool em_serialem_read_items(struct em_serialem_items *items, int last, const char *bytes, size_t n)
{
	size_t count, at;

	*items = (struct em_serialem_items){0};
	if (last == 0)
		return true;
	if (last < 0 || last >= EM_SERIALEM_ITEMS)
		return false;
	count = (size_t)last + 1;
	at = count * (LONG + DOUBLE);
	for (size_t i = 0; i < count; i++) {
		const char *end = at < n ? memchr(bytes + at, '\0', n - at) : NULL;

		if (!end)
			return false;
		items->number[i] = em_bytes_f64((const unsigned char *)bytes + count * LONG + i * DOUBLE, false);
		items->text[i] = bytes + at;
		at = (size_t)(end - bytes) + 1;
	}
	items->count = (int)count;
	return true;
}

/* The array is a whole number of longs, with at least a byte behind what it holds, as SerialEM's is. */
void em_serialem_put_reports(struct em_text *out, const struct em_serialem_reports *r)
{
	size_t count = (size_t)r->count, text = r->text && count ? strlen(r->text) + 1 : 0;
	size_t bytes = count * (LONG + DOUBLE) + text, longs = (bytes + 5) / LONG;

	em_serialem_put_long(out, (int32_t)(COMMAND_HEAD + longs * LONG));
	em_serialem_put_long(out, 0);
	em_serialem_put_long(out, r->count - 1);
	em_serialem_put_long(out, r->error);
	em_serialem_put_long(out, (int32_t)longs);
	for (size_t i = 0; i < count; i++)
		em_serialem_put_long(out, i == 0 && text > 0);
	for (size_t i = 0; i < count; i++)
		em_serialem_put_double(out, r->number[i]);
	em_text_append_bytes(out, r->text, text);
	em_text_append_bytes(out, "\0\0\0\0\0", longs * LONG - bytes);
}

static void refuse(struct em_text *out, int code)
{
	put_longs(out, (const int32_t[]){code}, 1);
}

static void answer_command(struct em_serialem *s, const char *in, size_t total, struct em_text *out)
{
	struct em_serialem_reports r = {0};
	struct em_serialem_items items;

	if (total < COMMAND_HEAD || em_serialem_get_long(in + 16) < 0 ||
	    total - COMMAND_HEAD != (size_t)em_serialem_get_long(in + 16) * LONG) {
		refuse(out, EM_SERIALEM_WRONG_LENGTH);
	} else if (!em_serialem_read_items(&items, em_serialem_get_long(in + 12), in + COMMAND_HEAD,
	                                   total - COMMAND_HEAD)) {
		refuse(out, EM_SERIALEM_WRONG_LENGTH);
	} else {
		em_serialem_run(s, em_serialem_get_long(in + 8), &items, &r);
		em_serialem_put_reports(out, &r);
	}
}

/* ---- images ---- */

static enum em_serialem_mode mode_of(enum em_dtype type)
{
	switch (type) {
	case EM_U8: return EM_MRC_BYTE;
	case EM_I16: return EM_MRC_SHORT;
	case EM_U16: return EM_MRC_USHORT;
	default: return EM_MRC_FLOAT;
	}
}

/* What the buffer holds in a type that SerialEM has, and in the wire's order of bytes. */
static int copy_image(const struct em_array *from, struct em_array *to)
{
	struct em_array f = {0};
	int rc = 0;

	if (mode_of(from->dtype) == EM_MRC_FLOAT) {
		rc = em_array_to_f32(&f, from, NULL);
		from = &f;
	}
	if (!rc)
		rc = em_array_alloc_image(to, from->dtype, from->shape[0], from->shape[1], NULL);
	if (!rc)
		em_bytes_copy(to->data, from->data, em_array_count(from), em_dtype_size(from->dtype), false);
	em_array_release(&f);
	return rc;
}

/* The next piece of what is being sent. */
static void put_chunk(struct em_serialem *s, struct em_text *out)
{
	size_t all = s->sending.data ? em_array_bytes(&s->sending) : 0, n;

	if (!all)
		return;
	n = all - s->sent < s->chunk ? all - s->sent : s->chunk;
	em_text_append_bytes(out, (const char *)s->sending.data + s->sent, n);
	s->sent += n;
	if (s->sent == all)
		em_array_release(&s->sending);
}

static void begin_image(struct em_serialem *s, struct em_text *out)
{
	const struct em_array *a = &s->sending;
	size_t bytes = em_array_bytes(a), size = em_dtype_size(a->dtype);
	size_t chunks = (bytes + EM_SERIALEM_CHUNK - 1) / EM_SERIALEM_CHUNK;
	const int32_t head[] = {0,
	                        (int32_t)mode_of(a->dtype),
	                        (int32_t)(a->shape[1] * size),
	                        (int32_t)a->shape[1],
	                        (int32_t)a->shape[0],
	                        (int32_t)bytes,
	                        (int32_t)chunks};

	put_longs(out, head, 7);
	s->sent = 0;
	s->chunk = (bytes + chunks - 1) / chunks;
	put_chunk(s, out);
}

/* An empty buffer is an image of no bytes. */
static void answer_image(struct em_serialem *s, const char *in, size_t total, struct em_text *out)
{
	const struct em_array *from;
	int32_t which;

	if (total != IMAGE_REQUEST) {
		refuse(out, EM_SERIALEM_WRONG_LENGTH);
		return;
	}
	which = em_serialem_get_long(in + 8);
	from =
	    which >= 0 && which < EM_SERIALEM_BUFFERS && em_serialem_get_long(in + 12) == 0 ? &s->buffer[which] : NULL;
	em_array_release(&s->sending);
	if (!from || !from->data)
		put_longs(out, (const int32_t[7]){0}, 7);
	else if (em_array_bytes(from) > INT32_MAX / 2 || copy_image(from, &s->sending))
		refuse(out, EM_SERIALEM_NO_MEMORY);
	else
		begin_image(s, out);
}

/* ---- the wire ---- */

int em_serialem_answer(void *ctx, const char *in, size_t n, size_t *used, struct em_text *out)
{
	struct em_serialem *s = ctx;
	int32_t total;

	if (n < LONG)
		return 0;
	total = em_serialem_get_long(in);
	if (total < HEAD || total > REQUEST_MAX) { /* where the next one begins cannot be told */
		refuse(out, total < HEAD ? EM_SERIALEM_TOO_SHORT : EM_SERIALEM_TOO_LONG);
		return -1;
	}
	if (n < (size_t)total)
		return 0;
	*used = (size_t)total;
	switch (em_serialem_get_long(in + LONG)) {
	case EM_SERIALEM_COMMAND: answer_command(s, in, (size_t)total, out); break;
	case EM_SERIALEM_HANDSHAKE: put_chunk(s, out); break;
	case EM_SERIALEM_OK_TO_RUN:
		if (total == HEAD)
			put_longs(out, (const int32_t[]){0, 1}, 2);
		else
			refuse(out, EM_SERIALEM_WRONG_LENGTH);
		break;
	case EM_SERIALEM_GET_IMAGE: answer_image(s, in, (size_t)total, out); break;
	default: refuse(out, EM_SERIALEM_BAD_FUNCTION);
	}
	return 1;
}

/* A client that went in the middle of an image leaves nothing to the next one. */
static void greet(void *ctx)
{
	struct em_serialem *s = ctx;

	em_array_release(&s->sending);
}

int em_serialem_init(struct em_serialem *s, struct em_scope *scope, struct em_error *err)
{
	*s = (struct em_serialem){.scope = scope};
	return em_scope_capabilities(scope, &s->cap, err);
}

void em_serialem_release(struct em_serialem *s)
{
	for (size_t i = 0; i < EM_SERIALEM_BUFFERS; i++)
		em_array_release(&s->buffer[i]);
	em_array_release(&s->sending);
}

int em_serve_serialem(struct em_scope *scope, const struct em_serve_settings *settings, struct em_error *err)
{
	static const struct em_serve_wire wire = {true, greet, em_serialem_answer};
	struct em_serialem s;
	int rc;

	if (em_serialem_init(&s, scope, err))
		return -1;
	rc = em_serve_sockets(&wire, &s, settings, err);
	em_serialem_release(&s);
	return rc;
}

const struct em_server_kind em_server_serialem = {
    .name = "serialem",
    .purpose = "SerialEM's external control, for scripts that use its Python module",
    .port = EM_SERIALEM_PORT,
    .run = em_serve_serialem,
};
