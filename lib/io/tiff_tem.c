/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cameras of transmission microscopes that leave a block of numbers: TVIPS (EM-MENU) and Olympus SIS (iTEM). */
#include "io/tiff_vendor.h"

#include "io/bytes.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- TVIPS ---- */

enum {
	TVIPS_BYTES = 6312, /* version 1 is the first 244 of them */
	TVIPS_DATE = 584,
	TVIPS_TIME = 588,
	TVIPS_COMMENT = 592,
	TVIPS_PIXEL = 2968,
	TVIPS_MICROSCOPE = 3112, /* texts are UTF-16 */
	TVIPS_VOLTAGE = 3272,
	TVIPS_MODE = 3532,
	TVIPS_MAGNIFICATION = 3536,
	TVIPS_STAGE = 3552, /* x, y, z in metres, two tilts in degrees */
	TVIPS_CAMERA = 3768,
	TVIPS_EXPOSURE = 3952, /* ms */
	TVIPS_MAGIC = 6308,
	TVIPS_DIFFRACTION = 3, /* of modes */
};

/* The tag holds the place of the block in the file. */
static const unsigned char *find_block(const struct em_tiff_directory *page, unsigned tag, size_t bytes)
{
	struct em_tiff_value value;
	double at;

	if (!em_tiff_find(page, tag, &value) || value.type != EM_TIFF_LONG || !em_tiff_number(page, tag, &at) ||
	    !em_tiff_view_has(&page->view, (uint64_t)at, bytes))
		return NULL;
	return page->view.blob.data + (uint64_t)at;
}

/* Version 2 of the block; the older one has only numbers whose units are not known. */
static const unsigned char *find_tvips(const struct em_tiff_directory *page)
{
	const unsigned char *p = find_block(page, EM_TIFF_TVIPS, TVIPS_BYTES);
	bool big = page->view.big_endian;

	return p && em_bytes_u32(p, big) == 2 && em_bytes_u32(p + TVIPS_MAGIC, big) == 0xaaaaaaaa ? p : NULL;
}

/* Characters beyond Latin-1 do not occur in names of devices. */
static void get_utf16(const unsigned char *p, size_t characters, bool big, char text[EM_META_TEXT])
{
	unsigned char latin[EM_META_TEXT];
	size_t n = 0;

	for (; n < characters && n < sizeof(latin); n++) {
		unsigned c = em_bytes_u16(p + 2 * n, big);

		if (!c)
			break;
		latin[n] = c < 256 ? (unsigned char)c : '?';
	}
	em_meta_set_bytes(text, latin, n);
}

/* Year, month and day in two, one and one bytes; seconds since midnight. */
static void set_tvips_date(const unsigned char *p, bool big, struct em_meta *meta)
{
	unsigned date = em_bytes_u32(p + TVIPS_DATE, big), time = em_bytes_u32(p + TVIPS_TIME, big);
	unsigned year = date >> 16, month = date >> 8 & 255, day = date & 255;
	char text[32];

	if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || time >= 86400)
		return;
	snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02u", year, month, day, time / 3600, time / 60 % 60,
	         time % 60);
	em_meta_set_text(meta->date, text);
}

static void set_positive(double *field, double v)
{
	if (v > 0 && isfinite(v))
		*field = v;
}

/* In diffraction neither the unit of the pixels nor that of the camera length is known. */
static void set_tvips_optics(const unsigned char *p, const struct em_tiff_directory *page, struct em_array *a,
                             struct em_meta *meta)
{
	bool big = page->view.big_endian;
	double x = em_bytes_f32(p + TVIPS_PIXEL, big) * 1e-9, y = em_bytes_f32(p + TVIPS_PIXEL + 4, big) * 1e-9;

	if (em_bytes_u32(p + TVIPS_MODE, big) == TVIPS_DIFFRACTION) {
		em_meta_set_text(meta->mode, "DIFFRACTION");
		return;
	}
	set_positive(&meta->magnification, em_bytes_f32(p + TVIPS_MAGNIFICATION, big));
	if ((x > 0 && y > 0) || em_tiff_resolution_m(page, &x, &y))
		em_tiff_set_pixel_m(a, x, y);
}

static void set_tvips_stage(const unsigned char *p, bool big, struct em_meta *meta)
{
	double v[5];

	for (int i = 0; i < 5; i++) {
		v[i] = em_bytes_f32(p + TVIPS_STAGE + 4 * i, big);
		if (!isfinite(v[i]))
			return;
	}
	meta->x_um = v[0] * 1e6;
	meta->y_um = v[1] * 1e6;
	meta->z_um = v[2] * 1e6;
	meta->a_deg = v[3];
	meta->b_deg = v[4];
}

bool em_tiff_tvips_put(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta)
{
	const unsigned char *p = find_tvips(page);
	bool big = page->view.big_endian;
	double x, y;

	if (!p) {
		if (!find_block(page, EM_TIFF_TVIPS, 244) || !em_tiff_resolution_m(page, &x, &y))
			return false;
		em_tiff_set_pixel_m(a, x, y);
		return true;
	}
	set_tvips_optics(p, page, a, meta);
	set_tvips_stage(p, big, meta);
	set_tvips_date(p, big, meta);
	set_positive(&meta->beam_kev, em_bytes_f32(p + TVIPS_VOLTAGE, big) * 1e-3);
	set_positive(&meta->exposure_s, em_bytes_f32(p + TVIPS_EXPOSURE, big) * 1e-3);
	get_utf16(p + TVIPS_MICROSCOPE, 80, big, meta->instrument);
	get_utf16(p + TVIPS_CAMERA, 80, big, meta->detector);
	return true;
}

static void put_text(struct em_text *json, const char *name, const unsigned char *p, size_t characters, bool big)
{
	char text[EM_META_TEXT] = "";

	get_utf16(p, characters, big, text);
	em_json_put_name(json, name);
	em_json_put_string(json, text);
}

bool em_tiff_tvips_tags(const struct em_tiff_directory *page, struct em_text *json)
{
	static const struct {
		const char *name;
		unsigned at, count; /* of float32 */
	} numbers[] = {
	    {"PixelSize", TVIPS_PIXEL, 2},
	    {"TemHighTension", TVIPS_VOLTAGE, 1},
	    {"TemMagnification", TVIPS_MAGNIFICATION, 1},
	    {"TemMagnificationCorrection", TVIPS_MAGNIFICATION + 4, 1},
	    {"TemStagePosition", TVIPS_STAGE, 5},
	    {"TemImageShift", 3572, 2},
	    {"TemBeamShift", 3580, 2},
	    {"TemBeamTilt", 3588, 2},
	    {"ExposureTime", TVIPS_EXPOSURE, 1},
	};
	const unsigned char *p = find_tvips(page);
	bool big = page->view.big_endian;
	double v[5];

	if (!p)
		return false;
	em_text_append(json, "{");
	put_text(json, "ImageName", p + 244, 80, big);
	put_text(json, "Comment", p + TVIPS_COMMENT, 255, big);
	put_text(json, "TemType", p + TVIPS_MICROSCOPE, 80, big);
	put_text(json, "CameraType", p + TVIPS_CAMERA, 80, big);
	em_json_put_name(json, "TemMode");
	em_json_put_number(json, em_bytes_u32(p + TVIPS_MODE, big));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		for (unsigned k = 0; k < numbers[i].count; k++)
			v[k] = em_bytes_f32(p + numbers[i].at + 4 * k, big);
		em_json_put_name(json, numbers[i].name);
		if (numbers[i].count == 1)
			em_json_put_number(json, v[0]);
		else
			em_json_put_numbers(json, v, numbers[i].count);
	}
	em_text_append(json, "}");
	return true;
}

/* ---- Olympus SIS: little-endian in every file ---- */

enum { SIS_BYTES = 60, SIS_CALIBRATION = 1, SIS_CALIBRATION_BYTES = 112 };

static const unsigned char *find_sis(const struct em_tiff_directory *page)
{
	const unsigned char *p = find_block(page, EM_TIFF_SIS, SIS_BYTES);

	return p && !memcmp(p, "SIS0", 4) ? p : NULL;
}

/* Of the entries after the head (type, count, place) the one of the calibration. */
static const unsigned char *find_calibration(const struct em_tiff_directory *page, const unsigned char *head)
{
	const struct em_tiff_view *v = &page->view;
	uint64_t at = (uint64_t)(head - v->blob.data) + SIS_BYTES;
	unsigned n = em_bytes_u16(head + 58, false);

	if (!em_tiff_view_has(v, at, 8 * (uint64_t)n))
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		const unsigned char *entry = head + SIS_BYTES + 8 * i;
		uint64_t place = em_bytes_u32(entry + 4, false);

		if (em_bytes_u16(entry, false) == SIS_CALIBRATION && em_tiff_view_has(v, place, SIS_CALIBRATION_BYTES))
			return v->blob.data + place;
	}
	return NULL;
}

struct calibration {
	double x, y, magnification; /* metres a pixel */
	struct em_span camera;
};

static bool get_calibration(const struct em_tiff_directory *page, struct calibration *c)
{
	const unsigned char *head = find_sis(page), *p = head ? find_calibration(page, head) : NULL;
	double factor;

	if (!p)
		return false;
	factor = pow(10, (int16_t)em_bytes_u16(p + 10, false));
	*c = (struct calibration){em_bytes_f64(p + 12, false) * factor,
	                          em_bytes_f64(p + 20, false) * factor,
	                          em_bytes_f64(p + 36, false),
	                          {(const char *)p + 46, 34}};
	return true;
}

/* The block's own, to the minute; the year counts from 1900 and the month from 0. */
static void set_sis_date(const unsigned char *head, struct em_meta *meta)
{
	unsigned v[5];
	char text[32];

	for (unsigned i = 0; i < 5; i++)
		v[i] = em_bytes_u16(head + 10 + 2 * i, false);
	if (v[0] > 59 || v[1] > 23 || v[2] < 1 || v[2] > 31 || v[3] > 11 || v[4] > 300)
		return;
	snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u", 1900 + v[4], v[3] + 1, v[2], v[1], v[0]);
	em_meta_set_text(meta->date, text);
}

static void set_exposure(const struct em_tiff_directory *page, struct em_meta *meta)
{
	struct em_tiff_directory exif;
	double at, seconds;

	if (em_tiff_number(page, EM_TIFF_EXIF, &at) && at > 0 && at < 1e18 &&
	    em_tiff_directory_at(&page->view, (uint64_t)at, &exif) && em_tiff_number(&exif, 33434, &seconds))
		set_positive(&meta->exposure_s, seconds);
}

bool em_tiff_sis_put(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta)
{
	const unsigned char *head = find_sis(page);
	struct em_tiff_value date;
	struct calibration c;

	if (!head)
		return false;
	if (get_calibration(page, &c)) {
		em_tiff_set_pixel_m(a, c.x, c.y);
		set_positive(&meta->magnification, c.magnification);
	}
	if (!em_tiff_find(page, EM_TIFF_DATE_TIME, &date))
		set_sis_date(head, meta);
	set_exposure(page, meta);
	em_tiff_set_meta_text(meta->detector, em_tiff_text(page, EM_TIFF_MODEL));
	return true;
}

bool em_tiff_sis_tags(const struct em_tiff_directory *page, struct em_text *json)
{
	struct calibration c;
	char camera[EM_META_TEXT] = "";

	if (!get_calibration(page, &c))
		return false;
	em_tiff_set_meta_text(camera, c.camera);
	em_text_append(json, "{");
	em_json_put_name(json, "PixelSize");
	em_json_put_numbers(json, (const double[]){c.x, c.y}, 2);
	em_json_put_name(json, "Magnification");
	em_json_put_number(json, c.magnification);
	em_json_put_name(json, "Camera");
	em_json_put_string(json, camera);
	em_text_append(json, "}");
	return true;
}
