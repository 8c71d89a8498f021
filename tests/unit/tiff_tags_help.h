/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small TIFFs put together tag by tag, classic or BigTIFF, in either byte order.  Include after bytes_help.h. */
#ifndef EM_TESTS_TIFF_TAGS_H
#define EM_TESTS_TIFF_TAGS_H

#include "base/json.h"
#include "bytes_help.h"

#include <stdio.h>

#define MAX_TAGS 48

struct tag {
	unsigned code, type;
	size_t count;
	struct em_text bytes;
};

struct page {
	bool big_endian, big;
	size_t width, height; /* of uint8 */
	struct tag tag[MAX_TAGS];
	size_t n;
};

static inline size_t size_of_type(unsigned type)
{
	static const size_t size[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};

	return size[type];
}

static inline struct tag *new_tag(struct page *p, unsigned code, unsigned type, size_t count)
{
	size_t at = p->n++;

	assert_true(p->n <= MAX_TAGS);
	for (; at && p->tag[at - 1].code > code; at--)
		p->tag[at] = p->tag[at - 1];
	p->tag[at] = (struct tag){.code = code, .type = type, .count = count};
	return &p->tag[at];
}

static inline void add_text(struct page *p, unsigned code, const char *text)
{
	em_text_append_bytes(&new_tag(p, code, 2, strlen(text) + 1)->bytes, text, strlen(text) + 1);
}

/* A number of any type but a rational. */
static inline void add_number(struct page *p, unsigned code, unsigned type, double v)
{
	struct tag *t = new_tag(p, code, type, 1);

	if (type == 12)
		put_f64(&t->bytes, v, p->big_endian);
	else
		put(&t->bytes, (uint64_t)v, size_of_type(type), p->big_endian);
}

static inline void add_rational(struct page *p, unsigned code, uint32_t top, uint32_t below)
{
	struct tag *t = new_tag(p, code, 5, 1);

	put(&t->bytes, top, 4, p->big_endian);
	put(&t->bytes, below, 4, p->big_endian);
}

static inline void add_resolution(struct page *p, uint32_t x, uint32_t y, uint32_t below, unsigned unit)
{
	add_rational(p, 282, x, below);
	add_rational(p, 283, y, below);
	add_number(p, 296, 3, unit);
}

static inline void set_number(struct page *p, unsigned code, uint64_t v)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->tag[i].code == code) {
			em_text_clear(&p->tag[i].bytes);
			put(&p->tag[i].bytes, v, 4, p->big_endian);
		}
}

static inline void start_page(struct page *p, size_t width, size_t height)
{
	static const unsigned ones[] = {259, 262, 277};

	p->width = width;
	p->height = height;
	add_number(p, 256, 4, (double)width);
	add_number(p, 257, 4, (double)height);
	add_number(p, 258, 3, 8);
	for (size_t i = 0; i < 3; i++)
		add_number(p, ones[i], 3, 1);
	add_number(p, 273, 4, 0);
	add_number(p, 278, 4, (double)height);
	add_number(p, 279, 4, (double)(width * height));
}

/* Append the directory with its values, and `images` pictures of bytes 0, 1, 2 ...; another page follows or not. */
static inline void put_page(struct em_text *t, struct page *p, size_t images, bool more)
{
	size_t inside = p->big ? 8 : 4, entry = p->big ? 20 : 12, bytes = p->width * p->height * images;
	size_t values = t->len + (p->big ? 8 : 2) + p->n * entry + inside, at = values, pixels = values;
	bool be = p->big_endian;

	for (size_t i = 0; i < p->n; i++)
		pixels += p->tag[i].bytes.len > inside ? p->tag[i].bytes.len : 0;
	set_number(p, 273, pixels);
	put(t, p->n, p->big ? 8 : 2, be);
	for (size_t i = 0; i < p->n; i++) {
		const struct tag *tag = &p->tag[i];

		put(t, tag->code, 2, be);
		put(t, tag->type, 2, be);
		put(t, tag->count, inside, be);
		if (tag->bytes.len > inside) {
			put(t, at, inside, be);
			at += tag->bytes.len;
		} else {
			em_text_append_bytes(t, tag->bytes.s, tag->bytes.len);
			em_text_append_bytes(t, "\0\0\0\0\0\0\0", inside - tag->bytes.len);
		}
	}
	put(t, more ? pixels + bytes : 0, inside, be);
	for (size_t i = 0; i < p->n; i++)
		if (p->tag[i].bytes.len > inside)
			em_text_append_bytes(t, p->tag[i].bytes.s, p->tag[i].bytes.len);
	for (size_t i = 0; i < bytes; i++)
		em_text_append_bytes(t, &(unsigned char){(unsigned char)i}, 1);
}

static inline void put_header(struct em_text *t, const struct page *p)
{
	em_text_clear(t);
	em_text_append_bytes(t, p->big_endian ? "MM" : "II", 2);
	put(t, p->big ? 43 : 42, 2, p->big_endian);
	if (p->big)
		put(t, 8, 4, p->big_endian); /* 8 bytes an offset, and 0; then the place of the directory */
	if (p->big && p->big_endian)
		memcpy(t->s + 4, "\0\10\0\0", 4);
	put(t, p->big ? 16 : 8, p->big ? 8 : 4, p->big_endian);
}

static inline void put_file(struct em_text *t, struct page *p)
{
	put_header(t, p);
	put_page(t, p, 1, false);
}

static inline void page_release(struct page *p)
{
	while (p->n)
		em_text_release(&p->tag[--p->n].bytes);
}

/* Both byte orders, classic and BigTIFF, for as long as a test repeats its body. */
#define FOR_EACH_KIND(p)                                                                                               \
	for (int kind = 0; kind < 4; kind++)                                                                           \
		for (struct page p = {.big_endian = kind & 1, .big = kind & 2}, *once_ = &p; once_; once_ = NULL)

static inline void check_first(const struct em_text *t, double y, double x, const char *units)
{
	struct em_array a;
	struct em_record meta;

	frame_read(t, 0, &a, &meta);
	check_axis(&a.axis[0], "y", y, 0, units);
	check_axis(&a.axis[1], "x", x, 0, units);
	em_array_release(&a);
	em_record_release(&meta);
}

static inline struct em_record meta_of(const struct em_text *t, size_t frame)
{
	struct em_array a;
	struct em_record meta;

	frame_read(t, frame, &a, &meta);
	em_array_release(&a);
	return meta;
}

/* The tags of the first frame, as a tree. */
static inline struct em_json *tags_of(const struct em_text *t)
{
	struct em_file file = {.blob = {(const unsigned char *)t->s, t->len}};
	const struct em_codec *codec = em_codec_of_extension("tif");
	struct em_text json = {0};
	struct em_json *tree;
	size_t frames;
	void *s;

	assert_int_equal(codec->open(&file, &s, &frames, NULL), 0);
	assert_int_equal(codec->tags(s, 0, &json, NULL), 0);
	codec->close(s);
	tree = em_json_parse(json.s, json.len, NULL);
	if (!tree)
		fail_msg("no JSON: %s", json.s);
	em_text_release(&json);
	return tree;
}

static inline void check_tag(const struct em_text *t, const char *path, const char *want)
{
	struct em_json *tree = tags_of(t);
	const char *text = em_json_string(em_json_find(tree, path));

	if (!text || strcmp(text, want) != 0)
		fail_msg("%s is %s", path, text ? text : "not there");
	em_json_free(tree);
}

#endif
