/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 *       0  header, the directory of the first picture and its values, in HEAD bytes: written last, when it is known how
 *          many pictures there are
 *    HEAD  pictures, not compressed, one after the other: ImageJ finds them by their number, whatever directories say
 *          directories of the other pictures, for all other readers
 *
 * Directories cannot reach beyond 4 GiB: of a longer file only the first is written, as ImageJ does it.  The
 * description is ImageJ's; the tags of DigitalMicrograph beside it have all digits of the scales.
 */
#include "io/tiff_write.h"

#include "io/tiff_pages.h"
#include "io/tiff_vendor.h"
#include "io/writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HEAD 4096
#define MAX_ENTRIES 32
#define RATIONAL_MAX 2147483647.0 /* ImageJ's numbers have a sign */

struct tiff_out {
	FILE *f;
	enum em_dtype dtype;
	size_t height, width, frames;
	uint64_t image_bytes;
	struct em_axis y, x;
	struct em_meta_place dim[3]; /* of the stack, slowest first; `index`: of the first picture */
	int ndims;
	bool in_order; /* so far, the pictures came in the order of these dimensions */
};

/* ---- begin and add ---- */

static bool is_known(enum em_dtype dtype)
{
	return dtype == EM_U8 || dtype == EM_U16 || dtype == EM_I16 || dtype == EM_I32 || dtype == EM_F32;
}

static int check(const struct em_array *a, struct em_error *err)
{
	if (a->ndim != 2)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "TIFF: holds pictures, not arrays of %d dimensions: write those as npy", a->ndim);
	if (!is_known(a->dtype))
		return em_error_set(
		    err, EM_ERROR_USAGE,
		    "TIFF: uint8, uint16, int16, int32 and float32 can be written, not %s: convert it, or "
		    "write npy",
		    em_dtype_name(a->dtype));
	if (!a->shape[0] || !a->shape[1] || a->shape[0] > INT32_MAX || a->shape[1] > INT32_MAX ||
	    em_array_bytes(a) > UINT32_MAX - HEAD)
		return em_error_set(err, EM_ERROR_USAGE, "TIFF: cannot hold a picture of %zu x %zu %s: write npy",
		                    a->shape[1], a->shape[0], em_dtype_name(a->dtype));
	return 0;
}

static int tiff_begin(const char *path, const struct em_array *first, const struct em_meta *meta, void **state,
                      struct em_error *err)
{
	static const unsigned char nothing[HEAD];
	struct tiff_out *w;

	if (check(first, err))
		return -1;
	w = em_writer_new(sizeof(*w), path, err);
	if (!w)
		return -1;
	w->dtype = first->dtype;
	w->height = first->shape[0];
	w->width = first->shape[1];
	w->image_bytes = em_array_bytes(first);
	w->y = first->axis[0];
	w->x = first->axis[1];
	w->ndims = meta->nstack <= 3 ? meta->nstack : 0;
	w->in_order = w->ndims > 0;
	memcpy(w->dim, meta->stack, (size_t)w->ndims * sizeof(w->dim[0]));
	if (fwrite(nothing, 1, HEAD, w->f) != HEAD)
		return em_writer_finish(w, em_error_errno(err, "cannot write '%s'", path), err);
	*state = w;
	return 0;
}

/* Along one dimension any run of neighbours is a stack; of several dimensions all places must be there. */
static bool is_next(const struct tiff_out *w, const struct em_meta *meta)
{
	size_t rest = 1;

	if (meta->nstack != w->ndims)
		return false;
	if (w->ndims == 1)
		return meta->stack[0].index == w->dim[0].index + w->frames;
	for (int i = w->ndims - 1; i >= 0; i--) {
		if (meta->stack[i].size != w->dim[i].size || meta->stack[i].index != w->frames / rest % w->dim[i].size)
			return false;
		rest *= w->dim[i].size;
	}
	return w->frames < rest;
}

static int tiff_add(void *state, const struct em_array *a, const struct em_meta *meta, struct em_error *err)
{
	struct tiff_out *w = state;

	if (fwrite(a->data, 1, w->image_bytes, w->f) != w->image_bytes)
		return em_error_errno(err, "cannot write the TIFF");
	w->in_order = w->in_order && is_next(w, meta);
	w->frames++;
	return 0;
}

/* ---- the description ---- */

/* ASCII for a Java properties file; ImageJ's own word for the micrometre, which HyperSpy knows too. */
static void put_unit(struct em_text *t, const char *key, const char *unit)
{
	em_text_printf(t, "%s=", key);
	if (!strcmp(unit, "\xc2\xb5m") || !strcmp(unit, "um")) {
		em_text_append(t, "micron\n");
		return;
	}
	for (const unsigned char *p = (const unsigned char *)unit; *p; p++) {
		if (*p >= 0xe0 && p[1] && p[2]) {
			em_text_printf(t, "\\u%04X", (unsigned)((*p & 15) << 12 | (p[1] & 63) << 6 | (p[2] & 63)));
			p += 2;
		} else if (*p >= 0xc0 && p[1]) {
			em_text_printf(t, "\\u%04X", (unsigned)((*p & 31) << 6 | (p[1] & 63)));
			p++;
		} else if (*p > ' ' && *p < 127 && *p != '\\') {
			em_text_append_bytes(t, p, 1);
		}
	}
	em_text_append(t, "\n");
}

static void put_origin(struct em_text *t, const char *key, const struct em_axis *axis)
{
	if (em_axis_is_calibrated(axis) && axis->scale > 0 && axis->offset != 0)
		em_text_printf(t, "%s=%.17g\n", key, -axis->offset / axis->scale);
}

static bool is_time(const struct em_axis *axis)
{
	static const char *const units[] = {"s", "sec", "ms", "us", "\xc2\xb5s", "ns", "min", "h"};

	for (size_t i = 0; em_axis_is_calibrated(axis) && i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(axis->units, units[i]))
			return true;
	return false;
}

/* Slices have a thickness in ImageJ, 1 where none is said: what has no length is better a frame. */
static void put_dimension(struct em_text *t, const struct em_meta_place *d, const char *kind, const char *xy_units)
{
	em_text_printf(t, "%s=%zu\n", kind, d->size);
	if (!strcmp(kind, "slices") && em_axis_is_calibrated(&d->axis)) {
		em_text_printf(t, "spacing=%.17g\n", d->axis.scale);
		put_origin(t, "zorigin", &d->axis);
		if (strcmp(d->axis.units, xy_units) != 0)
			put_unit(t, "zunit", d->axis.units);
	} else if (!strcmp(kind, "frames") && is_time(&d->axis)) {
		em_text_printf(t, "finterval=%.17g\n", d->axis.scale);
		if (strcmp(d->axis.units, "s") != 0 && strcmp(d->axis.units, "sec") != 0)
			put_unit(t, "tunit", d->axis.units);
	}
}

static void put_dimensions(struct em_text *t, const struct tiff_out *w, const char *xy_units)
{
	static const char *const kinds[] = {"frames", "slices", "channels"};

	if (w->ndims == 1) {
		bool depth = em_axis_is_calibrated(&w->dim[0].axis) && !is_time(&w->dim[0].axis);

		put_dimension(t, &w->dim[0], kinds[depth], xy_units);
		return;
	}
	em_text_append(t, "hyperstack=true\n");
	for (int i = 0; i < w->ndims; i++)
		put_dimension(t, &w->dim[i], kinds[i], xy_units);
}

static void put_description(struct em_text *t, const struct tiff_out *w)
{
	const struct em_axis *first = em_axis_is_calibrated(&w->x) ? &w->x : &w->y;
	const char *units = em_axis_is_calibrated(first) ? first->units : "";

	em_text_append(t, "ImageJ=1.54f\n");
	if (w->frames > 1) {
		em_text_printf(t, "images=%zu\n", w->frames);
		put_dimensions(t, w, units);
	}
	if (units[0])
		put_unit(t, "unit", units);
	if (em_axis_is_calibrated(&w->y) && strcmp(w->y.units, units) != 0)
		put_unit(t, "yunit", w->y.units);
	put_origin(t, "xorigin", &w->x);
	put_origin(t, "yorigin", &w->y);
	em_text_append_bytes(t, "", 1);
}

/* ---- directories ---- */

bool em_tiff_find_rational(double v, uint32_t *p, uint32_t *q)
{
	double before_p = 0, before_q = 1, now_p = 1, now_q = 0, rest = v;

	if (!(v > 0 && v <= RATIONAL_MAX))
		return false;
	for (int i = 0; i < 64; i++) {
		double whole = floor(rest), next_p = whole * now_p + before_p, next_q = whole * now_q + before_q;

		if (next_p > RATIONAL_MAX || next_q > RATIONAL_MAX)
			break;
		before_p = now_p;
		before_q = now_q;
		now_p = next_p;
		now_q = next_q;
		if (!(rest - whole > 0) || fabs(now_p / now_q - v) <= 1e-15 * v)
			break;
		rest = 1 / (rest - whole);
	}
	if (now_p < 1 || now_q < 1)
		return false;
	*p = (uint32_t)now_p;
	*q = (uint32_t)now_q;
	return true;
}

/* Entries in the order of their tags, and the values that do not fit into them. */
struct directory {
	unsigned char entry[MAX_ENTRIES][12];
	size_t n;
	struct em_text values;
	size_t values_at[MAX_ENTRIES]; /* 1 + place among the values; 0: the entry has its value itself */
};

static void store(unsigned char *to, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)(v >> 8 * i);
}

static void put_entry(struct directory *d, unsigned tag, unsigned type, size_t count, const void *bytes)
{
	size_t size = count * em_tiff_type_size(type);
	unsigned char *e = d->entry[d->n];

	memset(e, 0, 12);
	store(e, tag, 2);
	store(e + 2, type, 2);
	store(e + 4, count, 4);
	d->values_at[d->n] = 0;
	if (size <= 4) {
		memcpy(e + 8, bytes, size);
	} else {
		d->values_at[d->n] = d->values.len + 1;
		em_text_append_bytes(&d->values, bytes, size);
		em_text_append_bytes(&d->values, "", size % 2);
	}
	d->n++;
}

static void put_number(struct directory *d, unsigned tag, unsigned type, uint64_t v)
{
	unsigned char bytes[4];

	store(bytes, v, sizeof(bytes));
	put_entry(d, tag, type, 1, bytes);
}

static void put_double(struct directory *d, unsigned tag, double v)
{
	put_entry(d, tag, EM_TIFF_DOUBLE, 1, &v);
}

/* Pixels in a unit. */
static void put_resolution(struct directory *d, unsigned tag, const struct em_axis *axis)
{
	unsigned char bytes[8];
	uint32_t p = 1, q = 1;

	if (em_axis_is_calibrated(axis))
		em_tiff_find_rational(1 / fabs(axis->scale), &p, &q);
	store(bytes, p, 4);
	store(bytes + 4, q, 4);
	put_entry(d, tag, EM_TIFF_RATIONAL, 1, bytes);
}

/* DigitalMicrograph writes Latin-1; what that does not have stays as it is. */
static void put_gatan_unit(struct directory *d, unsigned tag, const char *unit)
{
	char latin[sizeof(((struct em_axis *)NULL)->units)];
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)unit; *p; p++) {
		bool two = (*p == 0xc2 || *p == 0xc3) && p[1];

		latin[n++] = (char)(two ? (p[0] & 3) << 6 | (p[1] & 63) : *p);
		p += two;
	}
	latin[n++] = '\0';
	put_entry(d, tag, EM_TIFF_ASCII, n, latin);
}

static void put_gatan(struct directory *d, const struct tiff_out *w)
{
	const struct em_axis *axis[] = {&w->x, &w->y, &w->dim[0].axis};
	unsigned n = w->frames > 1 && w->ndims == 1 ? 3 : 2, k;

	for (k = 0; k < n; k++)
		if (em_axis_is_calibrated(axis[k]))
			put_gatan_unit(d, 65003 + k, axis[k]->units);
	for (k = 0; k < n; k++)
		if (em_axis_is_calibrated(axis[k]))
			put_double(d, 65006 + k, axis[k]->offset);
	for (k = 0; k < n; k++)
		if (em_axis_is_calibrated(axis[k]))
			put_double(d, 65009 + k, axis[k]->scale);
}

static void fill_directory(struct directory *d, const struct tiff_out *w, size_t i)
{
	struct em_text description = {0};

	if (i == 0)
		put_description(&description, w);
	put_number(d, 254, EM_TIFF_LONG, 0);
	put_number(d, 256, EM_TIFF_LONG, w->width);
	put_number(d, 257, EM_TIFF_LONG, w->height);
	put_number(d, 258, EM_TIFF_SHORT, 8 * em_dtype_size(w->dtype));
	put_number(d, 259, EM_TIFF_SHORT, 1); /* not compressed */
	put_number(d, 262, EM_TIFF_SHORT, 1); /* black is zero */
	if (i == 0 && description.len)
		put_entry(d, EM_TIFF_DESCRIPTION, EM_TIFF_ASCII, description.len, description.s);
	put_number(d, 273, EM_TIFF_LONG, HEAD + i * w->image_bytes);
	put_number(d, 277, EM_TIFF_SHORT, 1);
	put_number(d, 278, EM_TIFF_LONG, w->height);
	put_number(d, 279, EM_TIFF_LONG, w->image_bytes);
	put_resolution(d, EM_TIFF_X_RESOLUTION, &w->x);
	put_resolution(d, EM_TIFF_Y_RESOLUTION, &w->y);
	put_number(d, EM_TIFF_RESOLUTION_UNIT, EM_TIFF_SHORT, 1);
	put_number(d, 339, EM_TIFF_SHORT, w->dtype == EM_F32 ? 3 : w->dtype == EM_I16 || w->dtype == EM_I32 ? 2 : 1);
	if (i == 0)
		put_gatan(d, w);
	d->values.failed = d->values.failed || description.failed;
	em_text_release(&description);
}

/* Append directory i, which will lie at `at`, to out; another follows it where `more`, or at *next. */
static void put_directory(struct em_text *out, const struct tiff_out *w, size_t i, uint64_t at, bool more,
                          uint64_t next)
{
	struct directory d = {.n = 0};
	unsigned char word[4];
	uint64_t values_at;

	fill_directory(&d, w, i);
	values_at = at + 2 + 12 * d.n + 4;
	store(word, d.n, 2);
	em_text_append_bytes(out, word, 2);
	for (size_t k = 0; k < d.n; k++) {
		if (d.values_at[k])
			store(d.entry[k] + 8, values_at + d.values_at[k] - 1, 4);
		em_text_append_bytes(out, d.entry[k], 12);
	}
	store(word, next ? next : more ? values_at + d.values.len : 0, 4);
	em_text_append_bytes(out, word, 4);
	em_text_append_bytes(out, em_text_get(&d.values), d.values.len);
	out->failed = out->failed || d.values.failed;
	em_text_release(&d.values);
}

/* ---- finish ---- */

/* Of a stack whose places are not all there, or in another order, only the number is left. */
static void settle_dimensions(struct tiff_out *w)
{
	size_t all = 1;

	for (int i = 0; i < w->ndims; i++)
		all *= w->dim[i].size;
	if (w->in_order && w->ndims == 1)
		w->dim[0].axis.offset += (double)w->dim[0].index * w->dim[0].axis.scale;
	if (!w->in_order || (w->ndims > 1 && all != w->frames)) {
		w->ndims = 1;
		em_axis_set(&w->dim[0].axis, "", 1, 0, "");
	}
	if (w->ndims == 1)
		w->dim[0].size = w->frames;
}

static int write_all(struct tiff_out *w, const struct em_text *t, off_t at)
{
	return t->failed || fseeko(w->f, at, SEEK_SET) || fwrite(em_text_get(t), 1, t->len, w->f) != t->len ? -1 : 0;
}

/* Directories of all pictures but the first, where a file of 4 GiB has room for them; *start: of the first of them. */
static int write_directories(struct tiff_out *w, uint64_t *start)
{
	uint64_t at = HEAD + w->frames * w->image_bytes, room = 2 + 12 * 16 + 4 + 2 * 8;
	struct em_text t = {0};
	int status = 0;

	at += at % 2;
	*start = 0;
	if (w->frames < 2 || w->frames > EM_TIFF_MAX_PAGES || at + w->frames * room > UINT32_MAX)
		return 0;
	*start = at;
	for (size_t i = 1; i < w->frames && !status; i++) {
		em_text_clear(&t);
		put_directory(&t, w, i, at, i + 1 < w->frames, 0);
		status = write_all(w, &t, (off_t)at);
		at += t.len;
	}
	em_text_release(&t);
	return status;
}

static int write_head(struct tiff_out *w, uint64_t next)
{
	struct em_text t = {0};
	int status;

	em_text_append_bytes(&t, "II*\0\10\0\0\0", 8);
	put_directory(&t, w, 0, 8, false, next);
	status = t.len <= HEAD ? write_all(w, &t, 0) : -1;
	em_text_release(&t);
	return status;
}

static int tiff_finish(void *state, struct em_error *err)
{
	struct tiff_out *w = state;
	uint64_t start;
	int status;

	settle_dimensions(w);
	status =
	    write_directories(w, &start) || write_head(w, start) ? em_error_errno(err, "cannot write the TIFF") : 0;
	return em_writer_finish(w, status, err);
}

const struct em_codec_writer em_tiff_writer = {
    .begin = tiff_begin,
    .add = tiff_add,
    .finish = tiff_finish,
    .abandon = em_writer_abandon,
};
