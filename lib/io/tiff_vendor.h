/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the TIFF reader: one function a program that leaves its own tags.  Each is false, and touches nothing, where
 * the page is not of that program; what it does not find it leaves alone.
 */
#ifndef EM_IO_TIFF_VENDOR_H
#define EM_IO_TIFF_VENDOR_H

#include "io/tiff_meta.h"

enum {
	EM_TIFF_DESCRIPTION = 270,
	EM_TIFF_MAKE = 271,
	EM_TIFF_MODEL = 272,
	EM_TIFF_X_RESOLUTION = 282,
	EM_TIFF_Y_RESOLUTION = 283,
	EM_TIFF_RESOLUTION_UNIT = 296,
	EM_TIFF_SOFTWARE = 305,
	EM_TIFF_DATE_TIME = 306,
	EM_TIFF_SIS_INI = 33471,
	EM_TIFF_SIS = 33560,
	EM_TIFF_ZEISS = 34118,
	EM_TIFF_EXIF = 34665,
	EM_TIFF_FEI_SFEG = 34680,
	EM_TIFF_FEI_HELIOS = 34682,
	EM_TIFF_TVIPS = 37706,
	EM_TIFF_GATAN = 65000, /* and the 27 after it */
	EM_TIFF_GATAN_END = 65028,
};

/* Of all pages. */
bool em_tiff_imagej_find(const struct em_tiff_directory *first, size_t frames, struct em_tiff_series *s);
bool em_tiff_gatan_find(const struct em_tiff_directory *first, size_t frames, struct em_tiff_series *s);
bool em_tiff_ome_find(const struct em_tiff_directory *first, size_t frames, struct em_tiff_series *s);

/* Of one page; a is its picture. */
bool em_tiff_fei_put(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta);
bool em_tiff_zeiss_put(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta);
bool em_tiff_tvips_put(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta);
bool em_tiff_sis_put(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta);
bool em_tiff_jeol_put(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta);

/* Binary blocks as JSON objects, or nothing: false. */
bool em_tiff_tvips_tags(const struct em_tiff_directory *page, struct em_text *json);
bool em_tiff_sis_tags(const struct em_tiff_directory *page, struct em_text *json);
/* An ImageDescription that is XML, by the name of its program ("JEOL", "OME"), or nothing: NULL. */
const char *em_tiff_xml_tags(const struct em_tiff_directory *page, struct em_text *json);

/* How many images lie one after the other behind the only directory of an ImageJ file (see tiff_imagej.c): 1 for any
 * other file, and -1 with EM_ERROR_DATA where they are cut off or not laid out so. */
int em_tiff_imagej_hidden(const struct em_tiff_directory *page, size_t *images, uint64_t *data, uint64_t *image_bytes,
                          struct em_error *err);

/* Pixels of both axes in metres; left alone unless both are above 0 and below 1 m. */
void em_tiff_set_pixel_m(struct em_array *a, double x, double y);
/* An axis in a unit as programs spell it: lengths become nm and 1/lengths 1/nm; another unit stays; "pixel" is none.
 * Left alone where the scale is 0 or something is not finite. */
void em_tiff_set_axis(struct em_axis *axis, const char *name, double scale, double offset, struct em_span units);
/* Metres a pixel on the paper or the camera, of X/YResolution and its unit; false where there is none. */
bool em_tiff_resolution_m(const struct em_tiff_directory *page, double *x, double *y);
void em_tiff_set_meta_text(char *field, struct em_span text);

#endif
