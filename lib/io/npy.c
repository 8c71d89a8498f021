/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/npy.h"

#include "io/half.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

bool em_npy_probe(const unsigned char *head, size_t n)
{
	return n >= sizeof(magic) && !memcmp(head, magic, sizeof(magic));
}

/* ---- the header: a Python literal of a dict with exactly three known keys ---- */

struct cursor {
	const char *p, *end;
};

static void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r'))
		c->p++;
}

/* This character, with blanks before it. */
static bool take(struct cursor *c, char wanted)
{
	skip_blanks(c);
	if (c->p == c->end || *c->p != wanted)
		return false;
	c->p++;
	return true;
}

/* 'text' or "text", at most n - 1 bytes, without escapes. */
static bool take_string(struct cursor *c, char *buf, size_t n)
{
	size_t len = 0;
	char quote;

	skip_blanks(c);
	if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
		return false;
	quote = *c->p++;
	while (c->p < c->end && *c->p != quote && *c->p != '\\' && len + 1 < n)
		buf[len++] = *c->p++;
	buf[len] = '\0';
	return take(c, quote);
}

static bool take_word(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(c);
	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n))
		return false;
	c->p += n;
	return true;
}

/* An optional L is what Python 2 wrote. */
static bool take_size(struct cursor *c, size_t *v)
{
	const char *start;

	skip_blanks(c);
	*v = 0;
	for (start = c->p; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++) {
		size_t digit = (size_t)(*c->p - '0');

		if (*v > (SIZE_MAX - digit) / 10)
			return false;
		*v = 10 * *v + digit;
	}
	if (c->p == start)
		return false;
	if (c->p < c->end && *c->p == 'L')
		c->p++;
	return true;
}

/* () (3,) (3, 4) (3, 4,) */
static int parse_shape(struct cursor *c, struct em_npy_header *h, struct em_error *err)
{
	size_t v;

	if (!take(c, '('))
		return em_error_set(err, EM_ERROR_DATA, "NPY: the header's shape is not a tuple");
	h->ndim = 0;
	while (!take(c, ')')) {
		bool comma;

		if (!take_size(c, &v))
			return em_error_set(err, EM_ERROR_DATA, "NPY: the header's shape holds something not a size");
		if (h->ndim == EM_MAX_NDIM)
			return em_error_set(err, EM_ERROR_DATA, "NPY: more than %d dimensions", EM_MAX_NDIM);
		h->shape[h->ndim++] = v;
		comma = take(c, ',');
		if (!comma && (h->ndim == 1 || !take(c, ')')))
			return em_error_set(err, EM_ERROR_DATA, "NPY: the header's shape is not a tuple of sizes");
		if (!comma)
			return 0;
	}
	return 0;
}

static int parse_type(struct cursor *c, struct em_npy_header *h, struct em_error *err)
{
	static const struct {
		const char *name;
		enum em_dtype dtype;
	} types[] = {
		{"b1", EM_U8},  {"u1", EM_U8},  {"i1", EM_I8},  {"u2", EM_U16}, {"i2", EM_I16},  {"u4", EM_U32},
		{"i4", EM_I32}, {"u8", EM_U64}, {"i8", EM_I64}, {"f2", EM_F32}, {"f4", EM_F32},  {"f8", EM_F64},
		{"c8", EM_C64}, {"c16", EM_C128},
	};
	char name[24];

	if (!take_string(c, name, sizeof(name)))
		return em_error_set(err, EM_ERROR_DATA, "NPY: structured types are not supported: save plain numbers");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strchr("<>|=", name[0]) && !strcmp(name + (name[0] != '\0'), types[i].name)) {
			h->kind = name[1];
			h->item = (size_t)strtoul(name + 2, NULL, 10);
			h->swap = name[0] == '>' && h->item > 1;
			h->dtype = types[i].dtype;
			return 0;
		}
	return em_error_set(err, EM_ERROR_DATA, "NPY: type '%s' is not supported: save plain numbers", name);
}

static int parse_flag(struct cursor *c, struct em_npy_header *h, struct em_error *err)
{
	h->fortran = take_word(c, "True");
	if (h->fortran || take_word(c, "False"))
		return 0;
	return em_error_set(err, EM_ERROR_DATA, "NPY: the header's fortran_order is neither True nor False");
}

static int parse_dict(struct cursor *c, struct em_npy_header *h, struct em_error *err)
{
	static const struct {
		const char *name;
		int (*parse)(struct cursor *, struct em_npy_header *, struct em_error *);
	} keys[] = {{"descr", parse_type}, {"fortran_order", parse_flag}, {"shape", parse_shape}};
	unsigned seen = 0;
	char name[24];

	if (!take(c, '{'))
		goto bad;
	while (!take(c, '}')) {
		unsigned k = 0;

		if (!take_string(c, name, sizeof(name)) || !take(c, ':'))
			goto bad;
		while (k < 3 && strcmp(name, keys[k].name))
			k++;
		if (k == 3 || seen & 1u << k)
			goto bad;
		seen |= 1u << k;
		if (keys[k].parse(c, h, err))
			return -1;
		if (!take(c, ',')) {
			if (!take(c, '}'))
				goto bad;
			break;
		}
	}
	skip_blanks(c);
	if (seen == 7 && c->p == c->end)
		return 0;
bad:
	return em_error_set(err, EM_ERROR_DATA,
	                    "NPY: the header is not a dictionary of descr, fortran_order and shape");
}

int em_npy_parse_header(const unsigned char *head, size_t n, struct em_npy_header *h, struct em_error *err)
{
	struct em_npy_header fresh = {0};
	size_t start, length;
	struct cursor c;

	if (!em_npy_probe(head, n) || n < 10)
		return em_error_set(err, EM_ERROR_DATA, "NPY: the file is cut within its header, or not an NPY file");
	if (head[6] < 1 || head[6] > 3 || head[7])
		return em_error_set(err, EM_ERROR_DATA, "NPY: version %d.%d is not supported", head[6], head[7]);
	start = head[6] == 1 ? 10 : 12;
	length = (size_t)head[8] | (size_t)head[9] << 8;
	if (start == 12 && n >= 12)
		length |= (size_t)head[10] << 16 | (size_t)head[11] << 24;
	if (length > EM_NPY_HEADER_MAX - 12)
		return em_error_set(err, EM_ERROR_DATA, "NPY: a header of %zu bytes is not sensible", length);
	if (n < start || n - start < length)
		return em_error_set(err, EM_ERROR_DATA, "NPY: the file is cut within its header");
	c.p = (const char *)head + start;
	c.end = c.p + length;
	if (parse_dict(&c, &fresh, err))
		return -1;
	fresh.stack = fresh.ndim == 3;
	fresh.offset = start + length;
	/* The array we give may take more than the file's elements (half becomes float): both must be countable. */
	if (em_array_measure(fresh.dtype, fresh.ndim, fresh.shape, &fresh.bytes))
		return em_error_set(err, EM_ERROR_DATA, "NPY: the header claims more elements than could exist");
	fresh.bytes = fresh.bytes / em_dtype_size(fresh.dtype) * fresh.item;
	*h = fresh;
	return 0;
}

/* ---- elements ---- */

static void swap_parts(unsigned char *p, size_t bytes, size_t part)
{
	for (; bytes; bytes -= part, p += part)
		for (size_t i = 0; i < part / 2; i++) {
			unsigned char t = p[i];

			p[i] = p[part - 1 - i];
			p[part - 1 - i] = t;
		}
}

/* One element of the file to one of the array. */
static void convert_element(const struct em_npy_header *h, const unsigned char *from, unsigned char *to)
{
	unsigned char raw[16];

	memcpy(raw, from, h->item);
	if (h->swap)
		swap_parts(raw, h->item, h->kind == 'c' ? h->item / 2 : h->item);
	if (h->kind == 'f' && h->item == 2) {
		uint16_t half;
		float f;

		memcpy(&half, raw, 2);
		f = em_half_to_float(half);
		memcpy(to, &f, sizeof(f));
		return;
	}
	if (h->kind == 'b')
		raw[0] = raw[0] != 0;
	memcpy(to, raw, h->item);
}

static bool is_verbatim(const struct em_npy_header *h)
{
	return !h->swap && !(h->fortran && h->ndim > 1) && h->kind != 'b' && !(h->kind == 'f' && h->item == 2);
}

/*
 * Fill a, whose axes are those of the file from `first` on, from the file's element number `base` on.  Goes through a
 * in C order with an odometer, `at` being the place in the file: stride[k] elements on for a step along axis k.
 */
static void gather(const struct em_npy_header *h, const unsigned char *elements, int first, size_t base,
                   const size_t *stride, struct em_array *a)
{
	size_t index[EM_MAX_NDIM] = {0}, n = em_array_count(a), item = em_dtype_size(a->dtype), at = base;
	unsigned char *to = a->data;

	for (size_t i = 0; i < n; i++) {
		convert_element(h, elements + at * h->item, to + i * item);
		for (int k = a->ndim - 1; k >= 0; k--) {
			at += stride[first + k];
			if (++index[k] < a->shape[k])
				break;
			at -= stride[first + k] * a->shape[k];
			index[k] = 0;
		}
	}
}

int em_npy_read_part(const struct em_npy_header *h, const unsigned char *elements, int leading, size_t index,
                     struct em_array *a, struct em_error *err)
{
	size_t stride[EM_MAX_NDIM] = {0}, step = 1, base = 0;
	struct em_array fresh;

	for (int i = 0; i < h->ndim; i++) {
		int k = h->fortran ? i : h->ndim - 1 - i;

		stride[k] = step;
		step *= h->shape[k];
	}
	for (int k = leading - 1; k >= 0; k--) {
		base += index % h->shape[k] * stride[k];
		index /= h->shape[k];
	}
	if (em_array_alloc(&fresh, h->dtype, h->ndim - leading, h->shape + leading, err))
		return -1;
	if (is_verbatim(h))
		memcpy(fresh.data, elements + base * h->item, em_array_bytes(&fresh));
	else
		gather(h, elements, leading, base, stride, &fresh);
	*a = fresh;
	return 0;
}

int em_npy_count_frames(const struct em_npy_header *h, size_t *frames, struct em_error *err)
{
	if (!h->ndim)
		return em_error_set(err, EM_ERROR_DATA, "NPY: a single number, not an image or a spectrum");
	if (!h->bytes)
		return em_error_set(err, EM_ERROR_DATA, "NPY: the array is empty: there is nothing in it");
	*frames = h->stack ? h->shape[0] : 1;
	return 0;
}

int em_npy_read_frame(const struct em_npy_header *h, const unsigned char *elements, size_t frame, struct em_array *a,
                      struct em_error *err)
{
	return em_npy_read_part(h, elements, h->stack, frame, a, err);
}

int em_npy_parse_file(struct em_blob blob, struct em_npy_header *h, struct em_error *err)
{
	size_t n;

	if (em_npy_parse_header(blob.data, blob.size, h, err))
		return -1;
	n = blob.size - h->offset;
	if (n < h->bytes)
		return em_error_set(err, EM_ERROR_DATA,
		                    "NPY: the file is cut: %zu of %zu bytes of the array are there", n, h->bytes);
	if (n > h->bytes)
		return em_error_set(err, EM_ERROR_DATA, "NPY: %zu bytes follow the array that do not belong to it",
		                    n - h->bytes);
	return 0;
}

int em_npy_decode(struct em_blob blob, struct em_array *a, struct em_error *err)
{
	struct em_npy_header h;

	if (em_npy_parse_file(blob, &h, err))
		return -1;
	return em_npy_read_part(&h, blob.data + h.offset, 0, 0, a, err);
}

bool em_npy_view(struct em_blob blob, struct em_array *view)
{
	struct em_npy_header h;

	if (em_npy_parse_file(blob, &h, NULL) || !is_verbatim(&h) || (uintptr_t)(blob.data + h.offset) % h.item)
		return false;
	*view = (struct em_array){.dtype = h.dtype, .ndim = h.ndim, .data = (void *)(uintptr_t)(blob.data + h.offset)};
	memcpy(view->shape, h.shape, sizeof(h.shape));
	em_array_name_axes(view);
	return true;
}

size_t em_npy_put_header(const struct em_array *a, size_t frames, size_t bytes, struct em_text *out)
{
	static const char *const names[EM_DTYPES] = {
		[EM_U8] = "|u1",  [EM_I8] = "|i1",  [EM_U16] = "<u2", [EM_I16] = "<i2",
		[EM_U32] = "<u4", [EM_I32] = "<i4", [EM_U64] = "<u8", [EM_I64] = "<i8",
		[EM_F32] = "<f4", [EM_F64] = "<f8", [EM_C64] = "<c8", [EM_C128] = "<c16",
	};
	bool alone = a->ndim + (frames > 0) == 1;
	struct em_text dict = {0};
	unsigned char start[10];
	size_t length;

	em_text_printf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", names[a->dtype]);
	if (frames)
		em_text_printf(&dict, alone ? "%zu," : "%zu", frames);
	for (int i = 0; i < a->ndim; i++)
		em_text_printf(&dict, alone ? "%zu," : i || frames ? ", %zu" : "%zu", a->shape[i]);
	em_text_append(&dict, "), }");
	/* numpy pads with blanks and a newline so that the elements begin at a multiple of 64. */
	while (((sizeof(start) + dict.len + 1) % 64 || sizeof(start) + dict.len + 1 < bytes) && !dict.failed)
		em_text_append(&dict, " ");
	em_text_append(&dict, "\n");
	length = dict.len;
	memcpy(start, magic, sizeof(magic));
	start[6] = 1;
	start[7] = 0;
	start[8] = (unsigned char)length;
	start[9] = (unsigned char)(length >> 8);
	if (dict.failed)
		out->failed = true;
	em_text_append_bytes(out, start, sizeof(start));
	em_text_append_bytes(out, em_text_get(&dict), dict.len);
	em_text_release(&dict);
	return sizeof(start) + length;
}

int em_npy_encode(const struct em_array *a, struct em_text *out, struct em_error *err)
{
	em_npy_put_header(a, 0, 0, out);
	em_text_append_bytes(out, a->data, em_array_bytes(a));
	return em_text_check(out, err);
}

/* ---- the codec ---- */

struct npy_state {
	struct em_npy_header header;
	const unsigned char *elements;
};

static int npy_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct npy_state s;

	if (em_npy_parse_file(file->blob, &s.header, err))
		return -1;
	s.header.stack = s.header.stack && !file->whole;
	if (em_npy_count_frames(&s.header, frames, err))
		return -1;
	s.elements = file->blob.data + s.header.offset;
	*state = malloc(sizeof(s));
	if (!*state)
		return em_error_memory(err, sizeof(s));
	memcpy(*state, &s, sizeof(s));
	return 0;
}

static int npy_read_frame(void *state, size_t frame, struct em_array *a, struct em_meta *meta,
                          struct em_error *err)
{
	const struct npy_state *s = state;

	(void)meta;
	return em_npy_read_frame(&s->header, s->elements, frame, a, err);
}

static void npy_close(void *state)
{
	free(state);
}

const struct em_codec em_codec_npy = {
	.name = "npy",
	.extensions = "npy",
	.probe = em_npy_probe,
	.open = npy_open,
	.read = npy_read_frame,
	.close = npy_close,
	.encode = em_npy_encode,
	.writer = &em_npy_writer,
};
