/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DigitalMicrograph's TIFF: units, origins and scales of x, y and z in tags of its own, on the first page. */
#include "io/tiff_vendor.h"

enum { UNITS = 65003, ORIGINS = 65006, SCALES = 65009 }; /* of x; y and z follow */

/* The origin is the coordinate of pixel 0, in the unit: not, as in DM3, the pixel of coordinate 0. */
static void set_axis(const struct em_tiff_directory *first, unsigned k, const char *name, struct em_axis *axis)
{
	double scale = 0, origin = 0;

	em_tiff_number(first, SCALES + k, &scale);
	em_tiff_number(first, ORIGINS + k, &origin);
	em_tiff_set_axis(axis, name, scale, origin, em_tiff_text(first, UNITS + k));
}

bool em_tiff_gatan_find(const struct em_tiff_directory *first, size_t frames, struct em_tiff_series *s)
{
	struct em_tiff_value value;

	if (!em_tiff_find(first, SCALES, &value))
		return false;
	set_axis(first, 0, "x", &s->x);
	set_axis(first, 1, "y", &s->y);
	if (frames > 1 && !s->ndims) {
		s->dim[0].size = frames;
		em_axis_set(&s->dim[0].axis, "z", 1, 0, "");
		s->ndims = 1;
	}
	/* ImageJ's dimensions stay, but one alone is the z of these tags. */
	if (s->ndims == 1)
		set_axis(first, 2, "z", &s->dim[0].axis);
	return true;
}
