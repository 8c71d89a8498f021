/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SER, the data files of TIA (Tecnai and Titan Imaging and Analysis), little-endian:
 *
 *	header        49 49 97 01, version (0x210: 4-byte file offsets, 0x220: 8-byte), kind of data, kind of tags,
 *	              number of elements foreseen and of those there, where the offset array is
 *	dimensions    of the series: size, calibration, description, units
 *	offset array  of the data of each element, then of each tag
 *	elements      calibration, type, sizes, values; each with a tag: time, and position where scanned
 *
 * Images are stored from the bottom row up and are turned here.  A series is one frame an element, but the spectra of
 * a complete scan are one array, line or rectangle, since the scan's axes belong to it.
 *
 * Lengths are metres.  Only the EMI file beside a SER says whether an image is a diffraction pattern, but no image has
 * pixels of a kilometre and no pattern has them closer than 1000 1/m, so the calibration itself tells: what is between
 * a millimetre and that is left uncalibrated.
 */
#include "io/bytes.h"
#include "io/codec.h"
#include "io/meta.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VERSION_4_BYTES 0x210
#define VERSION_8_BYTES 0x220
#define KIND_SPECTRA 0x4120
#define KIND_IMAGES 0x4122
#define TAG_TIME 0x4152
#define TAG_POSITION 0x4142
#define SPECTRUM_HEAD ((size_t)26)
#define IMAGE_HEAD ((size_t)50)
#define MAX_SERIES_DIMS 3
#define LENGTH_MAX 1e-3    /* m a pixel */
#define RECIPROCAL_MIN 1e3 /* 1/m a pixel */

struct calibration {
	double offset, delta; /* value(i) = offset + (i - element) * delta */
	int32_t element;
};

struct dimension {
	size_t size;
	struct calibration calibration;
	bool is_length;
};

struct ser {
	struct em_blob blob;
	bool wide, images; /* 8-byte offsets; images, not spectra */
	bool is_complete;  /* the elements fill the dimensions */
	bool cube;         /* the spectra of a complete scan */
	uint32_t tags;     /* TAG_... */
	size_t total, valid;
	const unsigned char *offsets;
	size_t dims;
	struct dimension dim[MAX_SERIES_DIMS]; /* the fastest first */
};

struct element {
	struct calibration x, y;
	enum em_dtype dtype;
	size_t part; /* bytes of one number: of complex values, of their half */
	size_t width, height;
	const unsigned char *values;
};

/* ---- the header ---- */

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
static const unsigned char *take_text(struct cursor *c, size_t *n)
{
	const unsigned char *p = take(c, 4);

	if (!p)
		return NULL;
	*n = em_bytes_u32(p, false);
	return take(c, *n);
}

static struct calibration get_calibration(const unsigned char *p)
{
	return (struct calibration){em_bytes_f64(p, false), em_bytes_f64(p + 8, false),
	                            (int32_t)em_bytes_u32(p + 16, false)};
}

static bool is_metres(const unsigned char *text, size_t n)
{
	static const char *const names[] = {"meters", "metres", "m"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (n == strlen(names[i]) && !strncasecmp((const char *)text, names[i], n))
			return true;
	return false;
}

static int take_dimension(struct cursor *c, struct dimension *d)
{
	const unsigned char *p = take(c, 24), *text;
	size_t n;

	if (!p || !take_text(c, &n))
		return -1;
	text = take_text(c, &n);
	if (!text)
		return -1;
	d->size = em_bytes_u32(p, false);
	d->calibration = get_calibration(p + 4);
	d->is_length = is_metres(text, n);
	return 0;
}

static int take_dimensions(struct ser *s, struct cursor *c, size_t count, struct em_error *err)
{
	if (count > MAX_SERIES_DIMS)
		return em_error_set(err, EM_ERROR_DATA, "SER: a series of %zu dimensions is not supported", count);
	s->dims = count;
	for (size_t i = 0; i < count; i++)
		if (take_dimension(c, &s->dim[i]))
			return em_error_set(err, EM_ERROR_DATA, "SER: the file is cut within dimension %zu", i);
	return 0;
}

/* The first words, up to the offset array's place and the number of dimensions. */
static int take_start(struct ser *s, struct cursor *c, uint64_t *offsets_at, size_t *dims, struct em_error *err)
{
	const unsigned char *p = take(c, 22), *rest;
	unsigned version, kind;

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

static int find_offsets(struct ser *s, uint64_t at, struct em_error *err)
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
static const unsigned char *find_bytes(const struct ser *s, size_t i, size_t n, size_t *left)
{
	uint64_t at = s->wide ? em_bytes_u64(s->offsets + 8 * i, false) : em_bytes_u32(s->offsets + 4 * i, false);

	if (at > s->blob.size || s->blob.size - (size_t)at < n)
		return NULL;
	*left = s->blob.size - (size_t)at;
	return s->blob.data + at;
}

static int set_type(struct element *e, unsigned number, struct em_error *err)
{
	static const struct {
		enum em_dtype dtype;
		size_t part;
	} types[] = {{EM_U8, 1},  {EM_U16, 2}, {EM_U32, 4}, {EM_I8, 1},  {EM_I16, 2},
	             {EM_I32, 4}, {EM_F32, 4}, {EM_F64, 8}, {EM_C64, 4}, {EM_C128, 8}};

	if (!number || number > sizeof(types) / sizeof(types[0]))
		return em_error_set(err, EM_ERROR_DATA, "SER: values of type %u are not supported", number);
	e->dtype = types[number - 1].dtype;
	e->part = types[number - 1].part;
	return 0;
}

static int find_element(const struct ser *s, size_t i, struct element *e, struct em_error *err)
{
	size_t head = s->images ? IMAGE_HEAD : SPECTRUM_HEAD, left, item;
	const unsigned char *p = find_bytes(s, i, head, &left), *type;

	if (!p)
		return em_error_set(err, EM_ERROR_DATA, "SER: the file is cut before element %zu of %zu", i, s->valid);
	type = p + (s->images ? 40 : 20);
	e->x = get_calibration(p);
	e->y = s->images ? get_calibration(p + 20) : e->x;
	if (set_type(e, em_bytes_u16(type, false), err))
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

/* The tag of an element: 8 bytes, and 16 of a position; NULL where there is none of the kind that the header says. */
static const unsigned char *find_tag(const struct ser *s, size_t i)
{
	size_t left;
	const unsigned char *p = find_bytes(s, s->total + i, s->tags == TAG_POSITION ? 24 : 8, &left);

	return p && em_bytes_u16(p, false) == s->tags ? p : NULL;
}

static void put_tag(const struct ser *s, size_t i, struct em_meta *meta)
{
	const unsigned char *tag = find_tag(s, i);

	if (!tag || (s->tags != TAG_TIME && s->tags != TAG_POSITION))
		return;
	em_meta_set_date(meta, (double)em_bytes_u32(tag + 4, false), true);
	if (s->tags == TAG_POSITION && !s->cube) {
		meta->scan_x_nm = em_bytes_f64(tag + 8, false) * 1e9;
		meta->scan_y_nm = em_bytes_f64(tag + 16, false) * 1e9;
	}
}

/* ---- open ---- */

static bool is_complete(const struct ser *s)
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
static bool is_cube(const struct ser *s, const struct element *first)
{
	size_t bytes = first->width * em_dtype_size(first->dtype);

	return !s->images && s->tags == TAG_POSITION && s->is_complete && s->total > 1 &&
	       s->blob.size / bytes >= s->total;
}

static int open_series(struct ser *s, struct em_error *err)
{
	struct cursor c = {s->blob.data, s->blob.size};
	struct element first, last;
	uint64_t offsets_at = 0;
	size_t dims = 0, left;

	if (take_start(s, &c, &offsets_at, &dims, err) || take_dimensions(s, &c, dims, err) ||
	    find_offsets(s, offsets_at, err))
		return -1;
	/* Both ends, so that a cut file is refused at once; what is between them when it is read. */
	if (find_element(s, 0, &first, err) || find_element(s, s->valid - 1, &last, err))
		return -1;
	if (!find_bytes(s, s->total + s->valid - 1, s->tags == TAG_POSITION ? 24 : 8, &left))
		return em_error_set(err, EM_ERROR_DATA, "SER: the file is cut before the tag of element %zu of %zu",
		                    s->valid - 1, s->valid);
	s->is_complete = is_complete(s);
	s->cube = is_cube(s, &first);
	return 0;
}

static bool ser_probe(const unsigned char *head, size_t n)
{
	return n >= 4 && !memcmp(head, "\x49\x49\x97\x01", 4);
}

static int ser_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct ser s = {.blob = file->blob};

	if (open_series(&s, err))
		return -1;
	*state = malloc(sizeof(s));
	if (!*state)
		return em_error_memory(err, sizeof(s));
	memcpy(*state, &s, sizeof(s));
	*frames = s.cube ? 1 : s.valid;
	return 0;
}

/* ---- read ---- */

static void set_axis(struct em_axis *axis, const char *name, const struct calibration *c, double factor,
                     const char *units)
{
	double first = c->offset - c->element * c->delta;

	if (isfinite(first) && isfinite(c->delta) && c->delta != 0 && isfinite(first * factor) &&
	    c->delta * factor != 0)
		em_axis_set(axis, name, c->delta * factor, first * factor, units);
}

static void set_length_axis(struct em_axis *axis, const char *name, const struct calibration *c)
{
	if (fabs(c->delta) < LENGTH_MAX)
		set_axis(axis, name, c, 1e9, "nm");
	else if (fabs(c->delta) > RECIPROCAL_MIN)
		set_axis(axis, name, c, 1e-9, "1/nm");
}

/* Of dimension i of the series. */
static void set_scan_axis(const struct ser *s, size_t i, struct em_axis *axis)
{
	static const char *const names[MAX_SERIES_DIMS] = {"x", "y", "z"};
	const struct dimension *d = &s->dim[i];

	em_axis_set(axis, names[i], 1, 0, "");
	if (d->is_length && fabs(d->calibration.delta) < LENGTH_MAX)
		set_axis(axis, names[i], &d->calibration, 1e9, "nm");
}

/* Where a frame lies in its series: a scan that is complete has its dimensions, another only an order. */
static void put_stack(const struct ser *s, size_t frame, struct em_meta *meta)
{
	struct em_axis axis;
	size_t rest = s->valid;

	em_axis_set(&axis, "t", 1, 0, "");
	for (size_t i = s->dims; s->is_complete && i-- > 0;) {
		rest /= s->dim[i].size;
		set_scan_axis(s, i, &axis);
		em_meta_push_stack(meta, frame / rest % s->dim[i].size, s->dim[i].size, &axis);
	}
	if (!s->is_complete) {
		if (s->dims == 1)
			set_scan_axis(s, 0, &axis);
		em_meta_push_stack(meta, frame, s->valid, &axis);
	}
}

static int read_image(const struct element *e, struct em_array *a, struct em_error *err)
{
	size_t row = e->width * em_dtype_size(e->dtype);

	if (em_array_alloc_image(a, e->dtype, e->height, e->width, err))
		return -1;
	for (size_t y = 0; y < e->height; y++)
		em_bytes_copy((unsigned char *)a->data + y * row, e->values + (e->height - 1 - y) * row, row / e->part,
		              e->part, false);
	set_length_axis(&a->axis[0], "y", &e->y);
	set_length_axis(&a->axis[1], "x", &e->x);
	return 0;
}

static void copy_spectrum(const struct element *e, unsigned char *to)
{
	em_bytes_copy(to, e->values, e->width * em_dtype_size(e->dtype) / e->part, e->part, false);
}

static int read_spectrum(const struct element *e, struct em_array *a, struct em_error *err)
{
	if (em_array_alloc(a, e->dtype, 1, &e->width, err))
		return -1;
	copy_spectrum(e, a->data);
	em_axis_set(&a->axis[0], "energy", 1, 0, "");
	set_axis(&a->axis[0], "energy", &e->x, 1, "eV");
	return 0;
}

/* Spectrum i into its place: of the kind that the first one is. */
static int fill_place(const struct ser *s, size_t i, const struct element *first, struct em_array *a,
                      struct em_error *err)
{
	struct element e;

	if (find_element(s, i, &e, err))
		return -1;
	if (e.width != first->width || e.dtype != first->dtype)
		return em_error_set(err, EM_ERROR_DATA,
		                    "SER: spectrum %zu of the scan is not of the first one's size and type", i);
	copy_spectrum(&e, (unsigned char *)a->data + i * e.width * em_dtype_size(e.dtype));
	return 0;
}

static int read_cube(const struct ser *s, const struct element *first, struct em_array *a, struct em_error *err)
{
	int dims = (int)s->dims;
	size_t shape[MAX_SERIES_DIMS + 1];

	for (int i = 0; i < dims; i++)
		shape[i] = s->dim[dims - 1 - i].size;
	shape[dims] = first->width;
	if (em_array_alloc(a, first->dtype, dims + 1, shape, err))
		return -1;
	for (size_t i = 0; i < s->total; i++)
		if (fill_place(s, i, first, a, err)) {
			em_array_release(a);
			return -1;
		}
	for (int i = 0; i < dims; i++)
		set_scan_axis(s, (size_t)i, &a->axis[dims - 1 - i]);
	em_axis_set(&a->axis[dims], "energy", 1, 0, "");
	set_axis(&a->axis[dims], "energy", &first->x, 1, "eV");
	return 0;
}

static int ser_read(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const struct ser *s = state;
	struct em_array fresh;
	struct element e;
	int status;

	if (find_element(s, frame, &e, err))
		return -1;
	put_tag(s, frame, meta);
	if (!s->cube && s->valid > 1)
		put_stack(s, frame, meta);
	if (s->cube)
		status = read_cube(s, &e, &fresh, err);
	else if (s->images)
		status = read_image(&e, &fresh, err);
	else
		status = read_spectrum(&e, &fresh, err);
	if (!status)
		*a = fresh;
	return status;
}

static void ser_close(void *state)
{
	free(state);
}

const struct em_codec em_codec_ser = {
	.name = "ser",
	.extensions = "ser",
	.probe = ser_probe,
	.open = ser_open,
	.read = ser_read,
	.close = ser_close,
};
