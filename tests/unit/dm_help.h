/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A writer of small DM3 and DM4 files, in every order of bytes; and its codec at work.  Include after cmocka.h. */
#ifndef EM_TESTS_DM_HELP_H
#define EM_TESTS_DM_HELP_H

#include "codec_help.h"

#include "io/dm_tags.h"

#include <stdint.h>
#include <string.h>

struct style {
	unsigned version;
	bool little;
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct style styles[] = {{3, true}, {3, false}, {4, true}, {4, false}};

/* The inside of a group that is being written. */
struct group {
	struct style style;
	struct em_text bytes;
	unsigned count;
};

static inline void put_big(struct em_text *t, uint64_t v, size_t n)
{
	while (n--)
		em_text_append_bytes(t, &(unsigned char){(unsigned char)(v >> (8 * n))}, 1);
}

static inline void put_wide(struct group *g, struct em_text *t, uint64_t v)
{
	put_big(t, v, g->style.version == 3 ? 4 : 8);
}

/* Numbers of `part` bytes each, of this (little-endian) machine, in the file's order. */
static inline void put_values(struct group *g, struct em_text *t, const void *values, size_t bytes, size_t part)
{
	const unsigned char *p = values;

	for (size_t at = 0; at < bytes; at += part)
		for (size_t i = 0; i < part; i++)
			em_text_append_bytes(t, p + at + (g->style.little ? i : part - 1 - i), 1);
}

static inline void put_entry(struct group *g, unsigned id, const char *name, struct em_text *body)
{
	put_big(&g->bytes, id, 1);
	put_big(&g->bytes, strlen(name), 2);
	em_text_append(&g->bytes, name);
	if (g->style.version == 4)
		put_big(&g->bytes, body->len, 8);
	em_text_append_bytes(&g->bytes, body->s, body->len);
	em_text_release(body);
	g->count++;
}

static inline void put_group(struct group *g, const char *name, struct group *inside)
{
	struct em_text body = {0};

	em_text_append_bytes(&body, "\1\0", 2);
	put_wide(g, &body, inside->count);
	em_text_append_bytes(&body, inside->bytes.s, inside->bytes.len);
	em_text_release(&inside->bytes);
	put_entry(g, 20, name, &body);
}

static inline void put_data(struct group *g, const char *name, const uint64_t *info, size_t k, const void *values,
                            size_t bytes, size_t part)
{
	struct em_text body = {0};

	em_text_append(&body, "%%%%");
	put_wide(g, &body, k);
	for (size_t i = 0; i < k; i++)
		put_wide(g, &body, info[i]);
	put_values(g, &body, values, bytes, part);
	put_entry(g, 21, name, &body);
}

static inline void put_u32(struct group *g, const char *name, uint32_t v)
{
	put_data(g, name, (const uint64_t[]){EM_DM_U32}, 1, &v, 4, 4);
}

static inline void put_f64(struct group *g, const char *name, double v)
{
	put_data(g, name, (const uint64_t[]){EM_DM_F64}, 1, &v, 8, 8);
}

/* UTF-16 units, ended by a 0 that is not written. */
static inline void put_units(struct group *g, const char *name, const uint16_t *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	put_data(g, name, (const uint64_t[]){EM_DM_ARRAY, EM_DM_U16, n}, 3, s, 2 * n, 2);
}

static inline void put_string(struct group *g, const char *name, const char *s)
{
	uint16_t wide[64] = {0};

	for (size_t i = 0; s[i] && i < 63; i++)
		wide[i] = (unsigned char)s[i];
	put_units(g, name, wide);
}

struct axis {
	double origin, scale;
	const uint16_t *units; /* NULL: none */
};

/* One entry of ImageList. */
struct picture {
	unsigned type;        /* DataType */
	unsigned element;     /* EM_DM_..; of complex numbers, of their parts */
	bool pairs;           /* the values are structs of two */
	uint32_t dim[5];      /* the fastest first; 0 ends */
	const void *values;
	size_t bytes;
	struct axis axis[4];
	unsigned axes;        /* how many calibrations are written */
	const char *format, *signal; /* of Meta Data; NULL: none */
	void (*tags)(struct group *); /* more ImageTags; NULL: none */
};

static inline void put_calibrations(struct group *data, const struct picture *p)
{
	struct group dimension = {.style = data->style}, calibrations = {.style = data->style};

	for (unsigned i = 0; i < p->axes; i++) {
		struct group one = {.style = data->style};

		put_f64(&one, "Origin", p->axis[i].origin);
		put_f64(&one, "Scale", p->axis[i].scale);
		put_units(&one, "Units", p->axis[i].units ? p->axis[i].units : (const uint16_t[]){0});
		put_group(&dimension, "", &one);
	}
	put_group(&calibrations, "Dimension", &dimension);
	put_group(data, "Calibrations", &calibrations);
}

static inline void put_picture(struct group *list, const struct picture *p)
{
	struct group image = {.style = list->style}, data = image, dimensions = image, tags = image, meta = image;
	size_t part = em_dm_type_size(p->element);

	put_calibrations(&data, p);
	if (p->pairs)
		put_data(&data, "Data",
		         (const uint64_t[]){EM_DM_ARRAY, EM_DM_STRUCT, 0, 2, 0, p->element, 0, p->element,
		                            p->bytes / part / 2},
		         9, p->values, p->bytes, part);
	else
		put_data(&data, "Data", (const uint64_t[]){EM_DM_ARRAY, p->element, p->bytes / part}, 3, p->values,
		         p->bytes, part);
	put_u32(&data, "DataType", p->type);
	for (int i = 0; p->dim[i]; i++)
		put_u32(&dimensions, "", p->dim[i]);
	put_group(&data, "Dimensions", &dimensions);
	put_group(&image, "ImageData", &data);
	if (p->format) {
		put_string(&meta, "Format", p->format);
		put_string(&meta, "Signal", p->signal);
		put_group(&tags, "Meta Data", &meta);
	}
	if (p->tags)
		p->tags(&tags);
	put_group(&image, "ImageTags", &tags);
	put_string(&image, "Name", "a title");
	put_group(list, "", &image);
}

/* Header, root, and the 8 bytes that all real files have at their end. */
static inline struct em_text finish_file(struct group *root)
{
	struct em_text file = {0};

	put_big(&file, root->style.version, 4);
	put_wide(root, &file, root->bytes.len);
	put_big(&file, root->style.little, 4);
	em_text_append_bytes(&file, "\1\0", 2);
	put_wide(root, &file, root->count);
	em_text_append_bytes(&file, root->bytes.s, root->bytes.len);
	put_big(&file, 0, 8);
	em_text_release(&root->bytes);
	return file;
}

/* A file of these pictures behind a thumbnail, as DigitalMicrograph writes it. */
static inline struct em_text make_dm(struct style style, const struct picture *p, size_t n)
{
	static const struct picture small = {
		.type = 23, .element = EM_DM_I32, .dim = {1, 1}, .values = "abcd", .bytes = 4};
	struct group root = {.style = style}, list = root, thumbnails = root, entry = root;

	put_picture(&list, &small);
	for (size_t i = 0; i < n; i++)
		put_picture(&list, &p[i]);
	put_group(&root, "ImageList", &list);
	put_u32(&entry, "ImageIndex", 0);
	put_group(&thumbnails, "", &entry);
	put_group(&root, "Thumbnails", &thumbnails);
	return finish_file(&root);
}

static inline void put_tags(struct group *tags)
{
	struct group info = {.style = tags->style}, stage = info, bar = info, scan = info, session = info;

	put_f64(&stage, "Stage X", -461.276);
	put_f64(&stage, "Stage Alpha", 24.5);
	put_group(&info, "Stage Position", &stage);
	put_f64(&info, "Voltage", 200000);
	put_f64(&info, "Indicated Magnification", 225000);
	put_f64(&info, "STEM Camera Length", 135);
	put_string(&info, "Operation Mode", "SCANNING");
	put_string(&info, "Name", "driver");
	put_group(tags, "Microscope Info", &info);
	put_string(&session, "Microscope", "A \"Titan\"");
	put_group(tags, "Session Info", &session);
	put_string(&bar, "Device Name", "DigiScan");
	put_f64(&bar, "Acquisition Time (OS)", 1.3116801150052632e17);
	put_group(tags, "DataBar", &bar);
	put_f64(&scan, "Sample Time", 3.5);
	put_group(tags, "DigiScan", &scan);
}

struct opened {
	struct em_text file;
	void *state;
	size_t frames;
};

static inline struct opened open_dm(struct style style, const struct picture *p, size_t n)
{
	const struct em_codec *codec = em_codec_of_extension("DM4");
	struct opened o = {.file = make_dm(style, p, n)};
	struct em_blob blob = {(unsigned char *)o.file.s, o.file.len};

	assert_int_equal(codec->open(&(struct em_file){.blob = blob}, &o.state, &o.frames, NULL), 0);
	return o;
}

static inline void close_dm(struct opened *o)
{
	em_codec_of_extension("dm3")->close(o->state);
	em_text_release(&o->file);
}

static inline void expect_meta(const struct opened *o, size_t frame, const char *want)
{
	struct em_meta found;
	struct em_record meta = {0};
	struct em_text json = {0};
	struct em_array a;

	em_meta_init(&found);
	assert_int_equal(em_codec_of_extension("dm3")->read(o->state, frame, &a, &found, NULL), 0);
	assert_int_equal(em_meta_put(&found, &meta, NULL), 0);
	em_record_print(&meta, &json);
	assert_string_equal(em_text_get(&json), want);
	em_text_release(&json);
	em_record_release(&meta);
	em_array_release(&a);
}

/* "set/sets index/count" */
static inline void expect_place(const struct opened *o, size_t frame, const char *want)
{
	struct em_place place;
	char buf[96];

	em_codec_of_extension("dm3")->locate(o->state, frame, &place);
	snprintf(buf, sizeof(buf), "%zu/%zu %zu/%zu", place.set, place.sets, place.index, place.count);
	assert_string_equal(buf, want);
	assert_string_equal(place.name, "a title");
}

#endif
