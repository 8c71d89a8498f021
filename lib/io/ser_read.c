/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The elements of a SER as arrays.  Lengths are metres there, and no text says whether those of an image are of a
 * diffraction pattern, 1/m.  But no image has pixels of a kilometre and no pattern has them closer than 1000 1/m, so
 * the calibration itself tells: what is between a millimetre and that is left uncalibrated, and so are lengths where
 * the EMI knows that it is a pattern.
 */
#include "io/bytes.h"
#include "io/emi.h"
#include "io/ser.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define LENGTH_MAX 1e-3    /* m a pixel */
#define RECIPROCAL_MIN 1e3 /* 1/m a pixel */

static void put_tag(const struct em_ser *s, size_t i, struct em_meta *meta)
{
	const unsigned char *tag = em_ser_find_tag(s, i);

	if (!tag || (s->tags != EM_SER_TIMES && s->tags != EM_SER_POSITIONS))
		return;
	if (em_bytes_u32(tag + 4, false))
		em_meta_set_date(meta, (double)em_bytes_u32(tag + 4, false), true);
	if (s->tags == EM_SER_POSITIONS && !s->cube) {
		meta->scan_x_nm = em_bytes_f64(tag + 8, false) * 1e9;
		meta->scan_y_nm = em_bytes_f64(tag + 16, false) * 1e9;
	}
}

/* ---- axes ---- */

static bool is_metres(const struct em_ser_text *units)
{
	static const char *const names[] = {"meters", "metres", "m"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (units->n == strlen(names[i]) && !strncasecmp((const char *)units->bytes, names[i], units->n))
			return true;
	return false;
}

static void set_axis(struct em_axis *axis, const char *name, const struct em_ser_calibration *c, double factor,
                     const char *units)
{
	double first = c->offset - c->element * c->delta;

	if (isfinite(first) && isfinite(c->delta) && c->delta != 0 && isfinite(first * factor) &&
	    c->delta * factor != 0)
		em_axis_set(axis, name, c->delta * factor, first * factor, units);
}

static void set_length_axis(struct em_axis *axis, const char *name, const struct em_ser_calibration *c, bool pattern)
{
	if (fabs(c->delta) < LENGTH_MAX && !pattern)
		set_axis(axis, name, c, 1e9, "nm");
	else if (fabs(c->delta) > RECIPROCAL_MIN)
		set_axis(axis, name, c, 1e-9, "1/nm");
}

/* Of dimension i of the series. */
static void set_scan_axis(const struct em_ser *s, size_t i, struct em_axis *axis)
{
	static const char *const names[EM_SER_MAX_DIMS] = {"x", "y", "z"};
	const struct em_ser_dimension *d = &s->dim[i];

	em_axis_set(axis, names[i], 1, 0, "");
	if (is_metres(&d->units) && fabs(d->calibration.delta) < LENGTH_MAX)
		set_axis(axis, names[i], &d->calibration, 1e9, "nm");
}

/* Where a frame lies in its series: a scan that is complete has its dimensions, another only an order. */
static void put_stack(const struct em_ser *s, size_t frame, struct em_meta *meta)
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

/* ---- values ---- */

static int read_image(const struct em_ser_element *e, bool pattern, struct em_array *a, struct em_error *err)
{
	size_t row = e->width * em_dtype_size(e->dtype);

	if (em_array_alloc_image(a, e->dtype, e->height, e->width, err))
		return -1;
	for (size_t y = 0; y < e->height; y++)
		em_bytes_copy((unsigned char *)a->data + y * row, e->values + (e->height - 1 - y) * row, row / e->part,
		              e->part, false);
	set_length_axis(&a->axis[0], "y", &e->y, pattern);
	set_length_axis(&a->axis[1], "x", &e->x, pattern);
	return 0;
}

static void copy_spectrum(const struct em_ser_element *e, unsigned char *to)
{
	em_bytes_copy(to, e->values, e->width * em_dtype_size(e->dtype) / e->part, e->part, false);
}

static int read_spectrum(const struct em_ser_element *e, struct em_array *a, struct em_error *err)
{
	if (em_array_alloc(a, e->dtype, 1, &e->width, err))
		return -1;
	copy_spectrum(e, a->data);
	em_axis_set(&a->axis[0], "energy", 1, 0, "");
	set_axis(&a->axis[0], "energy", &e->x, 1, "eV");
	return 0;
}

/* Spectrum i into its place: of the kind that the first one is. */
static int fill_place(const struct em_ser *s, size_t i, const struct em_ser_element *first, struct em_array *a,
                      struct em_error *err)
{
	struct em_ser_element e;

	if (em_ser_find_element(s, i, &e, err))
		return -1;
	if (e.width != first->width || e.dtype != first->dtype)
		return em_error_set(err, EM_ERROR_DATA,
		                    "SER: spectrum %zu of the scan is not of the first one's size and type", i);
	copy_spectrum(&e, (unsigned char *)a->data + i * e.width * em_dtype_size(e.dtype));
	return 0;
}

static int read_cube(const struct em_ser *s, const struct em_ser_element *first, struct em_array *a,
                     struct em_error *err)
{
	int dims = (int)s->dims;
	size_t shape[EM_SER_MAX_DIMS + 1];

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

void em_ser_describe(struct em_ser *s, const struct em_xml *about)
{
	em_emi_put_meta(about, &s->known);
	s->pattern = em_emi_is_pattern(about);
}

int em_ser_read(const struct em_ser *s, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	struct em_array fresh;
	struct em_ser_element e;
	int status;

	if (em_ser_find_element(s, frame, &e, err))
		return -1;
	*meta = s->known;
	put_tag(s, frame, meta); /* its time is UTC, and of each frame */
	if (!s->cube && s->valid > 1)
		put_stack(s, frame, meta);
	if (s->cube)
		status = read_cube(s, &e, &fresh, err);
	else if (s->images)
		status = read_image(&e, s->pattern, &fresh, err);
	else
		status = read_spectrum(&e, &fresh, err);
	if (!status)
		*a = fresh;
	return status;
}
