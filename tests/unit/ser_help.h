/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SER files put together.  Include after bytes_help.h. */
#ifndef EM_TESTS_SER_H
#define EM_TESTS_SER_H

#define SPECTRA 0x4120
#define IMAGES 0x4122
#define TIMES 0x4152
#define POSITIONS 0x4142
#define MAX_ELEMENTS 12

static const struct {
	enum em_dtype dtype;
	size_t part;
} types[] = {{EM_U8, 1},  {EM_U16, 2}, {EM_U32, 4}, {EM_I8, 1},  {EM_I16, 2},
             {EM_I32, 4}, {EM_F32, 4}, {EM_F64, 8}, {EM_C64, 4}, {EM_C128, 8}};

struct dimension {
	uint32_t size, element;
	double offset, delta;
	const char *units;
};

struct series {
	bool wide;
	uint32_t kind, tags, total, valid;
	unsigned type, width, height; /* type counts from 1 */
	double offset, delta;
	uint32_t element;
	size_t dims;
	struct dimension dim[4];
};

static const struct series one_image = {false, IMAGES, TIMES, 1, 1, 2, 3, 2, -2e-9, 1e-9, 0, 1, {{1, 0, 0, 1, ""}}};

/* The values of element i, top row first. */
static inline struct em_array values_of(const struct series *s, unsigned i)
{
	return picture(types[s->type - 1].dtype, s->kind == IMAGES ? s->height : 1, s->width, i + 1);
}

static inline void put_element(struct em_text *t, const struct series *s, unsigned i)
{
	struct em_array a = values_of(s, i);
	size_t row = s->width * em_dtype_size(a.dtype), part = types[s->type - 1].part;

	for (int axis = 0; axis < (s->kind == IMAGES ? 2 : 1); axis++) {
		put_f64(t, s->offset, false);
		put_f64(t, s->delta * (axis + 1), false); /* x, then y */
		put(t, s->element, 4, false);
	}
	put(t, s->type, 2, false);
	put(t, s->width, 4, false);
	if (s->kind == IMAGES)
		put(t, s->height, 4, false);
	for (size_t y = a.shape[0]; y-- > 0;)
		put_numbers(t, (unsigned char *)a.data + y * row, row / part, part, false);
	em_array_release(&a);
}

/* 2016-02-21T16:53:06Z and i seconds. */
static inline void put_tag(struct em_text *t, const struct series *s, unsigned i)
{
	put(t, s->tags, 4, false);
	put(t, 1456073586 + i, 4, false);
	if (s->tags == POSITIONS) {
		put_f64(t, 1e-9 * i, false);
		put_f64(t, -2e-9, false);
	}
}

static inline void put_start(struct em_text *t, const struct series *s)
{
	size_t word = s->wide ? 8 : 4, at;

	put(t, 0x4949, 2, false);
	put(t, 0x0197, 2, false);
	put(t, s->wide ? 0x220 : 0x210, 2, false);
	put(t, s->kind, 4, false);
	put(t, s->tags, 4, false);
	put(t, s->total, 4, false);
	put(t, s->valid, 4, false);
	at = t->len;
	put(t, 0, word, false);
	put(t, s->dims, 4, false);
	for (size_t i = 0; i < s->dims; i++) {
		const struct dimension *d = &s->dim[i];

		put(t, d->size, 4, false);
		put_f64(t, d->offset, false);
		put_f64(t, d->delta, false);
		put(t, d->element, 4, false);
		put(t, 8, 4, false);
		em_text_append(t, "Position");
		put(t, strlen(d->units), 4, false);
		em_text_append(t, d->units);
	}
	store((unsigned char *)t->s + at, t->len, word, false);
}

static inline void make(struct em_text *t, const struct series *s)
{
	size_t word = s->wide ? 8 : 4, offsets;

	em_text_clear(t);
	put_start(t, s);
	offsets = t->len;
	for (size_t i = 0; i < 2 * (size_t)s->total; i++)
		put(t, 0, word, false);
	for (unsigned i = 0; i < s->valid; i++) {
		store((unsigned char *)t->s + offsets + word * i, t->len, word, false);
		put_element(t, s, i);
		store((unsigned char *)t->s + offsets + word * (s->total + i), t->len, word, false);
		put_tag(t, s, i);
	}
}

#endif
