/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/bytes.h"
#include "io/ser.h"

#include <string.h>

#define VERSION_4_BYTES 0x210
#define VERSION_8_BYTES 0x220
#define KIND_SPECTRA 0x4120
#define KIND_IMAGES 0x4122
#define SPECTRUM_HEAD ((size_t)26)
#define IMAGE_HEAD ((size_t)50)

/* ---- the header ---- */

bool em_ser_probe(const unsigned char *head, size_t n)
{
	return n >= 4 && !memcmp(head, "\x49\x49\x97\x01", 4);
}

struct cursor {
	const unsigned char *p;
	size_t left;
};

/* The next n bytes, NULL where there are fewer. */
static const unsigned char *take(struct cursor *c, size_t n)
{
	const unsigned char *p = c->p;

	if (c->left < n)
		return NULL;
	c->p += n;
	c->left -= n;
	return p;
}

/* A length of 4 bytes and as many bytes of text. */
static int take_text(struct cursor *c, struct em_ser_text *text)
{
	const unsigned char *p = take(c, 4);

	if (!p)
		return -1;
	text->n = em_bytes_u32(p, false);
	text->bytes = take(c, text->n);
	return text->bytes ? 0 : -1;
}

static struct em_ser_calibration get_calibration(const unsigned char *p)
{
	return (struct em_ser_calibration){em_bytes_f64(p, false), em_bytes_f64(p + 8, false),
	                            (int32_t)em_bytes_u32(p + 16, false)};
}

static int take_dimension(struct cursor *c, struct em_ser_dimension *d)
{
	const unsigned char *p = take(c, 24);

	if (!p || take_text(c, &d->description) || take_text(c, &d->units))
		return -1;
	d->size = em_bytes_u32(p, false);
	d->calibration = get_calibration(p + 4);
	return 0;
}

static int take_dimensions(struct em_ser *s, struct cursor *c, size_t count, struct em_error *err)
{
	if (count > EM_SER_MAX_DIMS)
		return em_error_set(err, EM_ERROR_DATA, "SER: a series of %zu dimensions is not supported", count);
	s->dims = count;
	for (size_t i = 0; i < count; i++)
		if (take_dimension(c, &s->dim[i]))
			return em_error_set(err, EM_ERROR_DATA, "SER: the file is cut within dimension %zu", i);
	return 0;
}

/* The first words, up to the offset array's place and the number of dimensions. */
static int take_start(struct em_ser *s, struct cursor *c, uint64_t *offsets_at, size_t *dims, struct em_error *err)
{
	const unsigned char *p = take(c, 22), *rest;
	unsigned version, kind;

	if (!em_ser_probe(s->blob.data, s->blob.size))
		return em_error_set(err, EM_ERROR_DATA, "SER: this is no SER file");
	if (!p)
		return em_error_set(err, EM_ERROR_DATA, "SER: the file is cut within its header");
	version = em_bytes_u16(p + 4, false);
	kind = em_bytes_u32(p + 6, false);
	if (version != VERSION_4_BYTES && version != VERSION_8_BYTES)
		return em_error_set(err, EM_ERROR_DATA, "SER: version 0x%x is not supported", version);
	if (kind != KIND_SPECTRA && kind != KIND_IMAGES)
		return em_error_set(err, EM_ERROR_DATA, "SER: data of kind 0x%x are neither spectra nor images", kind);
	s->wide = version == VERSION_8_BYTES;
	s->images = kind == KIND_IMAGES;
	s->tags = em_bytes_u32(p + 10, false);
	s->total = em_bytes_u32(p + 14, false);
	s->valid = em_bytes_u32(p + 18, false);
	rest = take(c, s->wide ? 12 : 8);
	if (!rest)
		return em_error_set(err, EM_ERROR_DATA, "SER: the file is cut within its header");
	*offsets_at = s->wide ? em_bytes_u64(rest, false) : em_bytes_u32(rest, false);
	*dims = em_bytes_u32(rest + (s->wide ? 8 : 4), false);
	return 0;
}

static int find_offsets(struct em_ser *s, uint64_t at, struct em_error *err)
{
	size_t bytes = s->wide ? 16 : 8;

	if (!s->valid)
		return em_error_set(err, EM_ERROR_DATA,
		                    "SER: none of the %zu elements has been acquired: there is nothing in it",
		                    s->total);
	if (s->valid > s->total)
		return em_error_set(err, EM_ERROR_DATA, "SER: %zu elements of %zu are there: the file is damaged",
		                    s->valid, s->total);
	if (at > s->blob.size || (s->blob.size - (size_t)at) / bytes < s->total)
		return em_error_set(err, EM_ERROR_DATA, "SER: the file is cut within the offsets of its %zu elements",
		                    s->total);
	s->offsets = s->blob.data + at;
	return 0;
}

/* ---- elements ---- */

/* The bytes that entry i of the offset array points at: of n at least, NULL where they are not there. */
static const unsigned char *find_bytes(const struct em_ser *s, size_t i, size_t n, size_t *left)
{
	uint64_t at = s->wide ? em_bytes_u64(s->offsets + 8 * i, false) : em_bytes_u32(s->offsets + 4 * i, false);

	if (at > s->blob.size || s->blob.size - (size_t)at < n)
		return NULL;
	*left = s->blob.size - (size_t)at;
	return s->blob.data + at;
}

static int set_type(struct em_ser_element *e, struct em_error *err)
{
	static const struct {
		enum em_dtype dtype;
		size_t part;
	} types[] = {{EM_U8, 1},  {EM_U16, 2}, {EM_U32, 4}, {EM_I8, 1},  {EM_I16, 2},
	             {EM_I32, 4}, {EM_F32, 4}, {EM_F64, 8}, {EM_C64, 4}, {EM_C128, 8}};

	if (!e->type || e->type > sizeof(types) / sizeof(types[0]))
		return em_error_set(err, EM_ERROR_DATA, "SER: values of type %u are not supported", e->type);
	e->dtype = types[e->type - 1].dtype;
	e->part = types[e->type - 1].part;
	return 0;
}

int em_ser_find_element(const struct em_ser *s, size_t i, struct em_ser_element *e, struct em_error *err)
{
	size_t head = s->images ? IMAGE_HEAD : SPECTRUM_HEAD, left, item;
	const unsigned char *p = find_bytes(s, i, head, &left), *type;

	if (!p)
		return em_error_set(err, EM_ERROR_DATA, "SER: the file is cut before element %zu of %zu", i, s->valid);
	type = p + (s->images ? 40 : 20);
	e->x = get_calibration(p);
	e->y = s->images ? get_calibration(p + 20) : e->x;
	e->type = em_bytes_u16(type, false);
	if (set_type(e, err))
		return -1;
	item = em_dtype_size(e->dtype);
	e->width = em_bytes_u32(type + 2, false);
	e->height = s->images ? em_bytes_u32(type + 6, false) : 1;
	if (!e->width || !e->height)
		return em_error_set(err, EM_ERROR_DATA, "SER: element %zu is %zu x %zu values: there is nothing in it",
		                    i, e->width, e->height);
	if ((left - head) / item / e->width < e->height)
		return em_error_set(err, EM_ERROR_DATA,
		                    "SER: the file is cut: element %zu has %zu x %zu values, %zu bytes are there", i,
		                    e->width, e->height, left - head);
	e->values = p + head;
	return 0;
}

const unsigned char *em_ser_find_tag(const struct em_ser *s, size_t i)
{
	size_t left;
	const unsigned char *p = find_bytes(s, s->total + i, s->tags == EM_SER_POSITIONS ? 24 : 8, &left);

	return p && em_bytes_u16(p, false) == s->tags ? p : NULL;
}

/* ---- the series ---- */

static bool is_complete(const struct em_ser *s)
{
	size_t count = 1;

	if (s->valid != s->total || !s->dims)
		return false;
	for (size_t i = 0; i < s->dims; i++) {
		if (!s->dim[i].size || s->dim[i].size > s->total / count)
			return false;
		count *= s->dim[i].size;
	}
	return count == s->total;
}

/* The spectra of a scan that the file could hold side by side. */
static bool is_cube(const struct em_ser *s, const struct em_ser_element *first)
{
	size_t bytes = first->width * em_dtype_size(first->dtype);

	return !s->images && s->tags == EM_SER_POSITIONS && s->is_complete && s->total > 1 &&
	       s->blob.size / bytes >= s->total;
}

static int open_series(struct em_ser *s, struct em_error *err)
{
	struct cursor c = {s->blob.data, s->blob.size};
	struct em_ser_element first, last;
	uint64_t offsets_at = 0;
	size_t dims = 0, left;

	if (take_start(s, &c, &offsets_at, &dims, err) || take_dimensions(s, &c, dims, err) ||
	    find_offsets(s, offsets_at, err))
		return -1;
	/* Both ends, so that a cut file is refused at once; what is between them when it is read. */
	if (em_ser_find_element(s, 0, &first, err) || em_ser_find_element(s, s->valid - 1, &last, err))
		return -1;
	if (!find_bytes(s, s->total + s->valid - 1, s->tags == EM_SER_POSITIONS ? 24 : 8, &left))
		return em_error_set(err, EM_ERROR_DATA, "SER: the file is cut before the tag of element %zu of %zu",
		                    s->valid - 1, s->valid);
	s->is_complete = is_complete(s);
	s->cube = is_cube(s, &first);
	return 0;
}

int em_ser_open(struct em_ser *s, struct em_blob blob, struct em_error *err)
{
	struct em_ser fresh = {.blob = blob};

	if (open_series(&fresh, err))
		return -1;
	em_meta_init(&fresh.known);
	*s = fresh;
	return 0;
}

size_t em_ser_frames(const struct em_ser *s)
{
	return s->cube ? 1 : s->valid;
}
