/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ImageDescriptions that are XML: JEOL's TemReporter, of each page, and OME, on the first page for all. */
#include "io/tiff_vendor.h"

#include "base/units.h"
#include "io/xml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EACH_PAGE ((size_t)4 << 20) /* bytes of a document that is read for each page, not once a file */

/* The document where the description holds `<root`, NULL where it does not, is broken or of more than `max` bytes. */
static struct em_xml *parse(const struct em_tiff_directory *page, const char *root, size_t max)
{
	struct em_span head = em_tiff_text(page, EM_TIFF_DESCRIPTION);
	struct em_tiff_value value;
	struct em_xml *x = NULL;
	size_t n = strlen(root), look = head.n < 1024 ? head.n : 1024;

	for (size_t i = 0; i + n <= look; i++)
		if (!memcmp(head.s + i, root, n)) {
			if (em_tiff_find(page, EM_TIFF_DESCRIPTION, &value) && value.count <= max &&
			    !em_xml_parse_padded(&x, value.bytes, (size_t)value.count, NULL) &&
			    !strcmp(em_xml_name(em_xml_find(x, NULL, "")), root + 1))
				return x;
			em_xml_free(x);
			return NULL;
		}
	return NULL;
}

static struct em_span as_text(const char *s)
{
	return (struct em_span){s, strlen(s)};
}

/* ---- JEOL ---- */

static double length_factor(const char *unit)
{
	return !strcmp(unit, "mm") ? 1e-3 : !strcmp(unit, "cm") ? 1e-2 : !strcmp(unit, "m") ? 1 : 0;
}

/* In TEM mode the picture's resolution is that of the camera: the magnification or the camera length is still on it.
 * When scanning, nothing says what size the scan has: no calibration. */
static void set_jeol_optics(const struct em_xml *x, const struct em_tiff_directory *page, struct em_array *a,
                            struct em_meta *meta)
{
	const char *eos = em_xml_text(x, NULL, "Eos/EosMode");
	const char *mode = em_xml_text(x, NULL, "ImageFormingSystem/ModeString");
	bool tem = !strcmp(eos, "eosTEM"), diffraction = !strcmp(mode, "DIFF");
	double selector = 0, volts = 0, camera_m = 0, pixel_x, pixel_y, factor;
	char words[EM_META_TEXT];

	snprintf(words, sizeof(words), "%s %.200s", tem ? "TEM" : !strcmp(eos, "eosASID") ? "STEM" : "", mode);
	em_meta_set_text(meta->mode, words);
	em_xml_number(x, NULL, "ElectronGun/AccelerationVoltage", &volts);
	if (!em_xml_number(x, NULL, "ImageFormingSystem/SelectorValue", &selector) || !(selector > 0))
		return;
	if (diffraction)
		camera_m = selector * length_factor(em_xml_text(x, NULL, "ImageFormingSystem/SelectorUnitString"));
	if (camera_m > 0)
		meta->camera_length_mm = camera_m * 1e3;
	else if (!diffraction)
		meta->magnification = selector;
	if (!tem || a->ndim != 2 || !em_tiff_resolution_m(page, &pixel_x, &pixel_y))
		return;
	if (!strcmp(mode, "MAG")) {
		em_tiff_set_pixel_m(a, pixel_x / selector, pixel_y / selector);
	} else if (camera_m > 0 && volts > 0) {
		factor = 1 / (camera_m * em_units_wavelength_m(volts)) * 1e-9;
		em_tiff_set_axis(&a->axis[0], "y", pixel_y * factor, 0, as_text("1/nm"));
		em_tiff_set_axis(&a->axis[1], "x", pixel_x * factor, 0, as_text("1/nm"));
	}
}

/* Motor and piezo, in nm. */
static void set_position(const struct em_xml *x, const char *motor, const char *piezo, double *field)
{
	double v, fine = 0;

	if (!em_xml_number(x, NULL, motor, &v))
		return;
	em_xml_number(x, NULL, piezo, &fine);
	*field = (v + fine) * 1e-3;
}

static void set_jeol_stage(const struct em_xml *x, struct em_meta *meta)
{
	const char *holder = em_xml_text(x, NULL, "GonioStage/HolderInformation/Name");

	set_position(x, "GonioStage/StagePosition/MX", "GonioStage/StagePosition/PX", &meta->x_um);
	set_position(x, "GonioStage/StagePosition/MY", "GonioStage/StagePosition/PY", &meta->y_um);
	set_position(x, "GonioStage/StagePosition/MZ", "", &meta->z_um);
	em_xml_number(x, NULL, "GonioStage/StagePosition/TX", &meta->a_deg);
	em_xml_number(x, NULL, "GonioStage/StagePosition/TY", &meta->b_deg);
	if (strcmp(holder, "Nothing") != 0)
		em_meta_set_text(meta->holder, holder);
}

/* "250.00 msec", in an element named after the camera. */
static void set_jeol_exposure(const struct em_xml *x, struct em_meta *meta)
{
	const struct em_xml_node *node = em_xml_first(em_xml_find(x, NULL, ""));
	struct em_span unit;
	double v;

	for (; node; node = em_xml_next(node)) {
		const char *text = em_xml_text(x, node, "Parameter/ExposureTimeString");

		if (!em_span_number(as_text(text), &v, &unit) || !(v > 0))
			continue;
		if (em_span_is(unit, "msec") || em_span_is(unit, "sec"))
			meta->exposure_s = em_span_is(unit, "sec") ? v : v * 1e-3;
		return;
	}
}

bool em_tiff_jeol_put(const struct em_tiff_directory *page, struct em_array *a, struct em_meta *meta)
{
	struct em_xml *x = parse(page, "<TemReporter", EACH_PAGE);
	double v;

	if (!x)
		return false;
	set_jeol_optics(x, page, a, meta);
	set_jeol_stage(x, meta);
	set_jeol_exposure(x, meta);
	if (em_xml_number(x, NULL, "ElectronGun/AccelerationVoltage", &v) && v > 0)
		meta->beam_kev = v * 1e-3;
	em_meta_set_text(meta->instrument, em_xml_text(x, NULL, "Instruments"));
	em_meta_set_text(meta->detector, em_xml_text(x, NULL, "ImageSourceDetector"));
	em_meta_set_text(meta->date, em_xml_text(x, NULL, "DateTime"));
	em_meta_set_text(meta->title, em_xml_text(x, NULL, "Comment"));
	em_xml_free(x);
	return true;
}

/* ---- OME ---- */

/* PhysicalSizeX="0.1" PhysicalSizeXUnit="nm"; micrometres where no unit is written.  `letter` X, Y or Z. */
static void set_ome_axis(const struct em_xml_node *pixels, char letter, const char *name, struct em_axis *axis)
{
	char key[] = "PhysicalSize?", unit_key[] = "PhysicalSize?Unit";
	const char *size, *unit;
	double v;

	key[12] = unit_key[12] = letter;
	size = em_xml_attribute(pixels, key);
	unit = em_xml_attribute(pixels, unit_key);
	if (size && em_span_number(as_text(size), &v, NULL) && v > 0)
		em_tiff_set_axis(axis, name, v, 0, as_text(unit ? unit : "um"));
}

static void set_ome_time(const struct em_xml_node *pixels, struct em_axis *axis)
{
	const char *step = em_xml_attribute(pixels, "TimeIncrement");
	const char *unit = em_xml_attribute(pixels, "TimeIncrementUnit");
	double v;

	if (step && em_span_number(as_text(step), &v, NULL) && v > 0)
		em_tiff_set_axis(axis, "t", v, 0, as_text(unit ? unit : "s"));
}

static size_t ome_size(const struct em_xml_node *pixels, char letter)
{
	char key[] = "Size?";
	const char *text;
	double v;

	key[4] = letter;
	text = em_xml_attribute(pixels, key);
	return text && em_span_number(as_text(text), &v, NULL) && v >= 1 && v < 1e9 ? (size_t)v : 1;
}

/* DimensionOrder "XYZCT" has the fastest first.  Left alone where the sizes do not give all the pages: several images,
 * or some of them in other files. */
static void set_ome_dimensions(const struct em_xml_node *pixels, size_t frames, struct em_tiff_series *s)
{
	const char *order = em_xml_attribute(pixels, "DimensionOrder");
	double product = 1;

	if (!order || strlen(order) != 5 || strspn(order + 2, "ZCT") != 3 || order[2] == order[3] ||
	    order[3] == order[4] || order[2] == order[4])
		return;
	for (int i = 2; i < 5; i++)
		product *= (double)ome_size(pixels, order[i]);
	if (product != (double)frames || frames < 2)
		return;
	for (int i = 4; i >= 2; i--) {
		struct em_meta_place *place = &s->dim[s->ndims];
		const char name[] = {(char)(order[i] | 32), '\0'};

		place->size = ome_size(pixels, order[i]);
		if (place->size < 2)
			continue;
		em_axis_set(&place->axis, name, 1, 0, "");
		if (order[i] == 'Z')
			set_ome_axis(pixels, 'Z', "z", &place->axis);
		else if (order[i] == 'T')
			set_ome_time(pixels, &place->axis);
		s->ndims++;
	}
}

bool em_tiff_ome_find(const struct em_tiff_directory *first, size_t frames, struct em_tiff_series *s)
{
	struct em_xml *x = parse(first, "<OME", EM_XML_MAX_BYTES);
	const struct em_xml_node *image, *pixels;
	const char *name;

	if (!x)
		return false;
	image = em_xml_find(x, NULL, "Image");
	pixels = em_xml_find(x, NULL, "Image/Pixels");
	if (pixels) {
		set_ome_axis(pixels, 'X', "x", &s->x);
		set_ome_axis(pixels, 'Y', "y", &s->y);
		set_ome_dimensions(pixels, frames, s);
		name = em_xml_attribute(image, "Name");
		em_meta_set_text(s->meta.title, name ? name : "");
		em_meta_set_text(s->meta.date, em_xml_text(x, image, "AcquisitionDate"));
	}
	em_xml_free(x);
	return pixels != NULL;
}

const char *em_tiff_xml_tags(const struct em_tiff_directory *page, struct em_text *json)
{
	struct em_xml *x = parse(page, "<TemReporter", EACH_PAGE);
	const char *program = x ? "JEOL" : "OME";

	if (!x)
		x = parse(page, "<OME", EACH_PAGE);
	if (!x)
		return NULL;
	em_json_put_name(json, program);
	em_xml_put_json(em_xml_find(x, NULL, ""), json);
	em_xml_free(x);
	return program;
}
