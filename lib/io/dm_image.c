/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/dm_image.h"

#include "base/units.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* 39 and 40 are from the enumeration of Gatan's SDK; we have seen no file of them. */
static const struct em_dm_pixel pixels[] = {
	{1, EM_I16, 2, 2, EM_DM_PLAIN},   {2, EM_F32, 4, 4, EM_DM_PLAIN},     {3, EM_C64, 8, 4, EM_DM_PLAIN},
	{6, EM_U8, 1, 1, EM_DM_PLAIN},    {7, EM_I32, 4, 4, EM_DM_PLAIN},     {8, EM_U8, 4, 4, EM_DM_COLOUR},
	{9, EM_I8, 1, 1, EM_DM_PLAIN},    {10, EM_U16, 2, 2, EM_DM_PLAIN},    {11, EM_U32, 4, 4, EM_DM_PLAIN},
	{12, EM_F64, 8, 8, EM_DM_PLAIN},  {13, EM_C128, 16, 8, EM_DM_PLAIN},  {14, EM_U8, 1, 1, EM_DM_BOOLEAN},
	{23, EM_U8, 4, 4, EM_DM_COLOUR},  {27, EM_C64, 8, 4, EM_DM_PACKED},   {28, EM_C128, 16, 8, EM_DM_PACKED},
	{39, EM_I64, 8, 8, EM_DM_PLAIN},  {40, EM_U64, 8, 8, EM_DM_PLAIN},
};

static int parse_pixel(const struct em_dm_tree *t, const struct em_dm_tag *data, struct em_dm_image *im,
                       struct em_error *err)
{
	double code;

	if (!em_dm_tag_number(t, em_dm_tree_find(t, data, "DataType"), &code))
		return em_error_set(err, EM_ERROR_DATA, "DM: an image without a DataType");
	for (size_t i = 0; i < sizeof(pixels) / sizeof(pixels[0]); i++)
		if (code == (double)pixels[i].code) {
			im->pixel = &pixels[i];
			return 0;
		}
	return em_error_set(err, EM_ERROR_DATA,
	                    "DM: pixels of DataType %.9g are not supported: convert the image to real or complex "
	                    "numbers in DigitalMicrograph", code);
}

static int parse_dimensions(const struct em_dm_tree *t, const struct em_dm_tag *data, struct em_dm_image *im,
                            struct em_error *err)
{
	const struct em_dm_tag *group = em_dm_tree_find(t, data, "Dimensions"), *d = em_dm_tree_first(t, group);
	double v;

	for (; d; d = em_dm_tree_next(t, group, d)) {
		if (im->ndim == EM_MAX_NDIM)
			return em_error_set(err, EM_ERROR_DATA, "DM: an image of more than %d dimensions", EM_MAX_NDIM);
		if (!em_dm_tag_number(t, d, &v) || !(v >= 1 && v <= 4294967295.0) || v != floor(v))
			return em_error_set(err, EM_ERROR_DATA, "DM: an image with a dimension that is no size");
		im->dim[im->ndim++] = (size_t)v;
	}
	if (!im->ndim)
		return em_error_set(err, EM_ERROR_DATA, "DM: an image without dimensions");
	return 0;
}

/* The values must be of the very number type that DataType promises, and exactly as many as the dimensions say. */
static int parse_values(const struct em_dm_tree *t, const struct em_dm_tag *data, struct em_dm_image *im,
                        struct em_error *err)
{
	const struct em_dm_tag *values = em_dm_tree_find(t, data, "Data");
	bool real = im->pixel->dtype >= EM_F32;
	size_t want = im->pixel->item;

	if (!values || values->kind != EM_DM_ARRAY)
		return em_error_set(err, EM_ERROR_DATA, "DM: an image without data");
	for (int i = 0; i < im->ndim; i++) {
		/* A packed transform holds the columns 0 .. n/2 only. */
		size_t n = im->pixel->layout == EM_DM_PACKED && !i ? im->dim[0] / 2 + 1 : im->dim[i];

		if (n > SIZE_MAX / 4 / want)
			return em_error_set(err, EM_ERROR_DATA, "DM: the dimensions claim more than could exist");
		want *= n;
	}
	if (values->bytes != want)
		return em_error_set(err, EM_ERROR_DATA,
		                    "DM: an image has %zu bytes of data where its dimensions need %zu", values->bytes,
		                    want);
	if (em_dm_type_size(values->type) != im->pixel->part ||
	    real != (values->type == EM_DM_F32 || values->type == EM_DM_F64))
		return em_error_set(err, EM_ERROR_DATA,
		                    "DM: an image's data are of another type than its DataType %u says",
		                    im->pixel->code);
	im->data = values->data;
	im->bytes = values->bytes;
	return 0;
}

/* ---- calibration ---- */

static void parse_axis(const struct em_dm_tree *t, const struct em_dm_tag *calibration, const char *name,
                       struct em_axis *axis)
{
	struct em_text text = {0};
	double origin = 0, scale = 1;
	char units[sizeof(axis->units)];

	em_dm_tag_number(t, em_dm_tree_find(t, calibration, "Origin"), &origin);
	em_dm_tag_number(t, em_dm_tree_find(t, calibration, "Scale"), &scale);
	em_dm_tag_text(t, em_dm_tree_find(t, calibration, "Units"), &text);
	em_units_spell(em_text_get(&text), units, sizeof(units));
	em_text_release(&text);
	if (!isfinite(origin) || !isfinite(scale) || scale == 0 || !isfinite(origin * scale))
		em_axis_set(axis, name, 1, 0, "");
	else
		em_axis_set(axis, name, scale, origin != 0 ? -origin * scale : 0, units);
}

/* Some files calibrate fewer dimensions than there are: the rest stays as pixels. */
static void parse_axes(const struct em_dm_tree *t, const struct em_dm_tag *data, struct em_dm_image *im)
{
	const struct em_dm_tag *group = em_dm_tree_find(t, data, "Calibrations.Dimension");
	const struct em_dm_tag *calibration = em_dm_tree_first(t, group);
	static const char *const names[] = {"x", "y", "z"};
	char name[16];

	for (int i = 0; i < im->ndim; i++) {
		snprintf(name, sizeof(name), i < 3 ? "%s" : "axis-%s%d", i < 3 ? names[i] : "", i);
		parse_axis(t, calibration, name, &im->axis[i]);
		if (calibration)
			calibration = em_dm_tree_next(t, group, calibration);
	}
}

static bool has_text(const struct em_dm_tree *t, const struct em_dm_tag *tag, const char *path, const char *wanted)
{
	struct em_text text = {0};
	bool same;

	em_dm_tag_text(t, em_dm_tree_find(t, tag, path), &text);
	same = !strcmp(em_text_get(&text), wanted);
	em_text_release(&text);
	return same;
}

/*
 * The unit tells, or else the metadata (cathodoluminescence has nm): a single spectrum and a line of them run along
 * dimension 0, a spectrum image is stored plane by plane of one energy.  A lone spectrum may be [E] or [E,1].
 */
static void find_spectral(const struct em_dm_tree *t, struct em_dm_image *im)
{
	bool map = has_text(t, im->tag, "ImageTags.Meta Data.Format", "Spectrum image");
	bool optical = has_text(t, im->tag, "ImageTags.Meta Data.Signal", "CL");

	im->spectral = -1;
	if (im->pixel->layout == EM_DM_COLOUR || im->pixel->layout == EM_DM_PACKED)
		return;
	for (int i = 0; i < im->ndim && im->spectral < 0; i++)
		if (em_units_is_energy(im->axis[i].units))
			im->spectral = i;
	if (im->spectral < 0 && (map || has_text(t, im->tag, "ImageTags.Meta Data.Format", "Spectrum")))
		im->spectral = map && im->ndim > 2 ? im->ndim - 1 : 0;
	if (im->spectral < 0)
		return;
	if (!map && im->ndim == 2 && im->dim[1 - im->spectral] == 1) {
		im->dim[0] = im->dim[im->spectral];
		im->axis[0] = im->axis[im->spectral];
		im->ndim = 1;
		im->spectral = 0;
	}
	snprintf(im->axis[im->spectral].name, sizeof(im->axis[0].name), "%s",
	         optical && !em_units_is_energy(im->axis[im->spectral].units) ? "wavelength" : "energy");
	/* What is left of x, y, z keeps the order of the names. */
	for (int i = 0, k = 0; i < im->ndim; i++)
		if (i != im->spectral && im->ndim <= 4)
			snprintf(im->axis[i].name, sizeof(im->axis[0].name), "%c", "xyz"[k++]);
}

int em_dm_image_describe(const struct em_dm_tree *t, const struct em_dm_tag *tag, struct em_dm_image *im,
                         struct em_error *err)
{
	const struct em_dm_tag *data = em_dm_tree_find(t, tag, "ImageData");

	memset(im, 0, sizeof(*im));
	im->tag = tag;
	im->frames = 1;
	if (parse_pixel(t, data, im, err) || parse_dimensions(t, data, im, err) || parse_values(t, data, im, err)) {
		im->pixel = NULL;
		return -1;
	}
	parse_axes(t, data, im);
	find_spectral(t, im);
	if (im->spectral < 0)
		for (int i = 2; i < im->ndim; i++)
			im->frames *= im->dim[i];
	return 0;
}
