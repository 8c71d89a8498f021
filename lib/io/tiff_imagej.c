/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ImageJ's TIFF: lines of "key=value" in the first page's ImageDescription, and X/YResolution in pixels a unit.  A
 * hyperstack goes through channels fastest, then slices, then frames.  Beyond 4 GiB ImageJ writes one directory, and
 * the other images after the first without any.
 */
#include "io/tiff_vendor.h"

#include <string.h>

struct description {
	double images, channels, slices, frames;
	double spacing, interval, x_origin, y_origin, z_origin;
	char unit[EM_META_TEXT], y_unit[EM_META_TEXT], z_unit[EM_META_TEXT], time_unit[EM_META_TEXT];
};

static unsigned hex_digit(unsigned char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (unsigned)(found - digits) % 16 : 16;
}

/* The character of "\\u00B5" at p; 0 where there is none that stands alone. */
static unsigned unescape(const unsigned char *p, size_t n)
{
	unsigned c = 0;

	if (n < 6 || p[0] != '\\' || p[1] != 'u')
		return 0;
	for (int i = 2; i < 6; i++) {
		if (hex_digit(p[i]) > 15)
			return 0;
		c = c << 4 | hex_digit(p[i]);
	}
	return c < ' ' || (c >= 0xd800 && c < 0xe000) ? 0 : c;
}

/* Java's way to write what is not ASCII; a unit is short. */
static void set_unit(char unit[EM_META_TEXT], struct em_span text)
{
	unsigned char clean[64];
	size_t n = 0;

	for (size_t i = 0; i < text.n && n + 3 < sizeof(clean); i++) {
		unsigned c = unescape((const unsigned char *)text.s + i, text.n - i);

		if (!c) {
			clean[n++] = (unsigned char)text.s[i];
			continue;
		}
		i += 5;
		if (c >= 0x800)
			clean[n++] = (unsigned char)(0xe0 | c >> 12);
		if (c >= 0x80)
			clean[n++] = (unsigned char)(c >= 0x800 ? 0x80 | (c >> 6 & 63) : 0xc0 | c >> 6);
		clean[n++] = (unsigned char)(c >= 0x80 ? 0x80 | (c & 63) : c);
	}
	em_meta_set_bytes(unit, clean, n);
}

static struct em_span text_of(const char *unit)
{
	return (struct em_span){unit, strlen(unit)};
}

static bool take_number(struct em_span key, struct em_span value, struct description *d)
{
	const struct {
		const char *key;
		double *number;
	} numbers[] = {
	    {"images", &d->images},    {"channels", &d->channels}, {"slices", &d->slices},
	    {"frames", &d->frames},    {"spacing", &d->spacing},   {"finterval", &d->interval},
	    {"xorigin", &d->x_origin}, {"yorigin", &d->y_origin},  {"zorigin", &d->z_origin},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (em_span_is(key, numbers[i].key)) {
			em_span_number(value, numbers[i].number, NULL);
			return true;
		}
	return false;
}

static void take_text(struct em_span key, struct em_span value, struct description *d)
{
	if (em_span_is(key, "unit"))
		set_unit(d->unit, value);
	else if (em_span_is(key, "yunit"))
		set_unit(d->y_unit, value);
	else if (em_span_is(key, "zunit"))
		set_unit(d->z_unit, value);
	else if (em_span_is(key, "tunit"))
		set_unit(d->time_unit, value);
}

static bool find_description(const struct em_tiff_directory *first, struct description *d)
{
	struct em_span rest = em_tiff_text(first, EM_TIFF_DESCRIPTION), line, key, value;

	if (!em_span_begins(rest, "ImageJ="))
		return false;
	memset(d, 0, sizeof(*d));
	d->images = d->channels = d->slices = d->frames = 1;
	em_meta_set_text(d->time_unit, "s");
	while (em_span_next_line(&rest, &line))
		if (em_span_split(line, "=", &key, &value) && !take_number(key, value, d))
			take_text(key, value, d);
	if (!d->y_unit[0])
		em_meta_set_text(d->y_unit, d->unit);
	if (!d->z_unit[0])
		em_meta_set_text(d->z_unit, d->unit);
	if (!strcmp(d->time_unit, "sec"))
		em_meta_set_text(d->time_unit, "s");
	return true;
}

static void set_pixel(const struct em_tiff_directory *first, unsigned tag, const char *name, double origin,
                      const char *unit, struct em_axis *axis)
{
	double per_unit = 0;

	if (em_tiff_number(first, tag, &per_unit) && per_unit > 0)
		em_tiff_set_axis(axis, name, 1 / per_unit, -origin / per_unit, text_of(unit));
}

static void push_dimension(struct em_tiff_series *s, double size, const char *name)
{
	s->dim[s->ndims].size = (size_t)size;
	em_axis_set(&s->dim[s->ndims].axis, name, 1, 0, "");
	s->ndims++;
}

static void set_dimensions(const struct description *d, size_t frames, struct em_tiff_series *s)
{
	double t = d->frames, z = d->slices, c = d->channels;

	if (!(t >= 1 && z >= 1 && c >= 1 && t * z * c == (double)frames)) {
		t = c = 1;
		z = (double)frames;
	}
	if (t > 1) {
		push_dimension(s, t, "t");
		em_tiff_set_axis(&s->dim[s->ndims - 1].axis, "t", d->interval, 0, text_of(d->time_unit));
	}
	if (z > 1) {
		push_dimension(s, z, "z");
		em_tiff_set_axis(&s->dim[s->ndims - 1].axis, "z", d->spacing, -d->z_origin * d->spacing,
		                 text_of(d->z_unit));
	}
	if (c > 1)
		push_dimension(s, c, "c");
}

bool em_tiff_imagej_find(const struct em_tiff_directory *first, size_t frames, struct em_tiff_series *s)
{
	struct description d;

	if (!find_description(first, &d))
		return false;
	set_pixel(first, EM_TIFF_X_RESOLUTION, "x", d.x_origin, d.unit, &s->x);
	set_pixel(first, EM_TIFF_Y_RESOLUTION, "y", d.y_origin, d.y_unit, &s->y);
	if (frames > 1)
		set_dimensions(&d, frames, s);
	return true;
}

/* ---- images without directories ---- */

/* Do the strips follow one another, so that they are one block of `bytes`? */
static bool find_block(const struct em_tiff_directory *page, uint64_t bytes, uint64_t *data)
{
	struct em_tiff_value offsets, counts;
	double at = 0, next = 0, n = 0;

	if (!em_tiff_find(page, 273, &offsets) || !em_tiff_find(page, 279, &counts) || !offsets.count ||
	    offsets.count != counts.count || !em_tiff_value_number(&offsets, 0, &next))
		return false;
	*data = (uint64_t)next;
	for (uint64_t i = 0; i < offsets.count; i++) {
		if (!em_tiff_value_number(&offsets, i, &at) || at != next || !em_tiff_value_number(&counts, i, &n))
			return false;
		next += n;
	}
	return offsets.count == 1 || next - (double)*data == (double)bytes;
}

/* Bytes of one image; 0 where they cannot be told or the image is compressed. */
static uint64_t measure(const struct em_tiff_directory *page)
{
	double width = 0, height = 0, bits = 1, samples = 1, compression = 1, bytes;

	em_tiff_number(page, 256, &width);
	em_tiff_number(page, 257, &height);
	em_tiff_number(page, 258, &bits);
	em_tiff_number(page, 259, &compression);
	em_tiff_number(page, 277, &samples);
	bytes = width * samples * bits / 8 * height;
	return compression == 1 && width >= 1 && height >= 1 && bits >= 8 && bytes >= 1 && bytes < 1e18
	           ? (uint64_t)bytes
	           : 0;
}

int em_tiff_imagej_hidden(const struct em_tiff_directory *page, size_t *images, uint64_t *data, uint64_t *image_bytes,
                          struct em_error *err)
{
	uint64_t bytes = measure(page), at = 0, there, size = page->view.blob.size;
	struct description d;

	*images = 1;
	if (!find_description(page, &d) || !(d.images >= 2 && d.images < 1e15) || !bytes ||
	    !find_block(page, bytes, &at) || at > size)
		return 0;
	there = (size - at) / bytes;
	/* The description of a stack of which one image was taken out, or the rest is no images: tags lie there. */
	if (there < 2 && (page->place > at || (size - at) % bytes == 0))
		return 0;
	if (there < (uint64_t)d.images && page->place > at)
		return 0;
	if (there < (uint64_t)d.images)
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "TIFF: the file is cut: an ImageJ stack of %.0f images in one page, %llu of them are there",
		    d.images, (unsigned long long)there);
	*images = (size_t)d.images;
	*data = at;
	*image_bytes = bytes;
	return 0;
}
