/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tiff_meta.h"

#include "base/units.h"
#include "io/tiff_vendor.h"

#include <math.h>
#include <string.h>

/* ---- for all programs ---- */

void em_tiff_set_meta_text(char *field, struct em_span text)
{
	em_meta_set_bytes(field, (const unsigned char *)text.s, text.n);
}

void em_tiff_set_pixel_m(struct em_array *a, double x, double y)
{
	if (!(x > 0 && y > 0 && x < 1 && y < 1) || a->ndim != 2)
		return;
	em_axis_set(&a->axis[0], "y", y * 1e9, 0, "nm");
	em_axis_set(&a->axis[1], "x", x * 1e9, 0, "nm");
}

/* What ImageJ and DigitalMicrograph write out, and words for "not calibrated": so are units of paper, which pixels have
 * from a resolution for printers. */
static const char *short_unit(const char *unit)
{
	static const char *const words[][2] = {
	    {"micron", "um"}, {"microns", "um"}, {"micrometer", "um"}, {"nanometer", "nm"},
	    {"pixel", ""},    {"pixels", ""},    {"px", ""},           {"inch", ""},
	    {"inches", ""},   {"in", ""},        {"cm", ""},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(unit, words[i][0]))
			return words[i][1];
	return unit;
}

void em_tiff_set_axis(struct em_axis *axis, const char *name, double scale, double offset, struct em_span units)
{
	char words[EM_META_TEXT] = "";
	const char *unit;

	em_tiff_set_meta_text(words, units);
	unit = short_unit(words);
	if (!unit[0] || !isfinite(scale) || scale == 0 || !isfinite(offset))
		return;
	em_axis_set(axis, name, scale, offset + 0.0, unit); /* no -0 */
	em_units_axis_to_nm(axis);
}

bool em_tiff_resolution_m(const struct em_tiff_directory *page, double *x, double *y)
{
	double unit = 2, per_x, per_y;

	em_tiff_number(page, EM_TIFF_RESOLUTION_UNIT, &unit);
	if (!em_tiff_number(page, EM_TIFF_X_RESOLUTION, &per_x) ||
	    !em_tiff_number(page, EM_TIFF_Y_RESOLUTION, &per_y) || !(per_x > 0 && per_y > 0) ||
	    (unit != 2 && unit != 3))
		return false;
	*x = (unit == 2 ? 0.0254 : 0.01) / per_x;
	*y = (unit == 2 ? 0.0254 : 0.01) / per_y;
	return true;
}

/* ---- one page ---- */

/* SerialEM gives its pixel in the unit of the standard, pixels in a centimetre. */
static void put_resolution(const struct em_tiff_directory *page, struct em_array *a)
{
	double unit = 0, x, y;

	if (!em_span_begins(em_tiff_text(page, EM_TIFF_DESCRIPTION), "SerialEM"))
		return;
	if (em_tiff_number(page, EM_TIFF_RESOLUTION_UNIT, &unit) && unit == 3 && em_tiff_resolution_m(page, &x, &y))
		em_tiff_set_pixel_m(a, x, y);
}

/* "2018:11:15 19:42:31", which the standard asks for, becomes ISO 8601; another spelling stays. */
static void put_date(const struct em_tiff_directory *page, struct em_meta *meta)
{
	struct em_span text = em_tiff_text(page, EM_TIFF_DATE_TIME);
	static const char pattern[] = "0000:00:00 00:00:00";
	unsigned char iso[sizeof(pattern)];

	if (!text.n || meta->date[0])
		return;
	for (size_t i = 0; i < sizeof(pattern) - 1; i++) {
		bool digit = i < text.n && text.s[i] >= '0' && text.s[i] <= '9';

		if (i >= text.n || (pattern[i] == '0' ? !digit : text.s[i] != pattern[i])) {
			em_tiff_set_meta_text(meta->date, text);
			return;
		}
		iso[i] = (unsigned char)(i == 4 || i == 7 ? '-' : i == 10 ? 'T' : text.s[i]);
	}
	if (memcmp(iso, "0000", 4) != 0)
		em_meta_set_bytes(meta->date, iso, sizeof(pattern) - 1);
}

static bool put_vendor(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta)
{
	return em_tiff_fei_put(page, a, meta) || em_tiff_zeiss_put(page, a, meta) || em_tiff_tvips_put(page, a, meta) ||
	       em_tiff_sis_put(page, a, meta) || em_tiff_jeol_put(page, a, meta);
}

static void put_page(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta)
{
	if (!put_vendor(page, a, meta))
		put_resolution(page, a);
	put_date(page, meta);
}

/* ---- all pages ---- */

void em_tiff_series_find(const struct em_tiff_directory *first, size_t frames, struct em_tiff_series *s)
{
	double width = 0, height = 0;

	memset(s, 0, sizeof(*s));
	em_meta_init(&s->meta);
	em_axis_set(&s->y, "y", 1, 0, "");
	em_axis_set(&s->x, "x", 1, 0, "");
	em_tiff_number(first, 256, &width);
	em_tiff_number(first, 257, &height);
	if (!(width > 0 && height > 0 && width <= UINT32_MAX && height <= UINT32_MAX))
		return;
	s->width = (size_t)width;
	s->height = (size_t)height;
	/* ImageJ's description knows the dimensions, DigitalMicrograph's tags have all digits of the scales. */
	if (em_tiff_ome_find(first, frames, s))
		return;
	em_tiff_imagej_find(first, frames, s);
	em_tiff_gatan_find(first, frames, s);
}

void em_tiff_series_add_page(struct em_tiff_series *s, const struct em_tiff_directory *page)
{
	struct em_array picture = {.ndim = 2, .shape = {s->height, s->width}, .axis = {s->y, s->x}};

	put_page(page, &picture, &s->meta);
	s->y = picture.axis[0];
	s->x = picture.axis[1];
	s->one_page = true;
}

static void put_series(const struct em_tiff_series *s, size_t frame, struct em_array *a, struct em_meta *meta)
{
	size_t rest = 1;

	*meta = s->meta;
	a->axis[0] = s->y;
	a->axis[1] = s->x;
	for (int i = 0; i < s->ndims; i++)
		rest *= s->dim[i].size;
	for (int i = 0; i < s->ndims; i++) {
		rest /= s->dim[i].size;
		em_meta_push_stack(meta, frame / rest % s->dim[i].size, s->dim[i].size, &s->dim[i].axis);
	}
}

void em_tiff_put_meta(const struct em_tiff_series *s, const struct em_tiff_directory *page, size_t frame,
                      struct em_array *a, struct em_meta *meta)
{
	if (a->ndim == 2 && a->shape[0] == s->height && a->shape[1] == s->width)
		put_series(s, frame, a, meta);
	if (!s->one_page)
		put_page(page, a, meta);
}
