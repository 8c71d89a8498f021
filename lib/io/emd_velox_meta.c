/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/emd_velox.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_METADATA ((size_t)4 << 20) /* bytes of a frame's: Velox makes room for 60000 */

/* Bytes by (bytes, frames). */
static bool open_texts(const struct em_hdf_signals *s, const struct em_hdf_node *group, const char *name,
                       struct em_hdf_dataset *d)
{
	const struct em_hdf_node *node = em_hdf_tree_find(&s->tree, group, name);

	return node && !em_hdf_dataset_open(&s->tree, node, d, NULL) && d->what.type.kind == EM_HDF_NUMBERS &&
	       em_hdf_type_size(&d->what.type) == 1 && d->what.ndim == 2 && d->what.count &&
	       d->what.shape[0] <= MAX_METADATA;
}

size_t em_velox_count_texts(const struct em_hdf_signals *s, const struct em_hdf_node *group, const char *name,
                            size_t *bytes)
{
	struct em_hdf_dataset d;

	*bytes = 0;
	if (!open_texts(s, group, name, &d))
		return 0;
	*bytes = d.filters && d.chunk_bytes > d.what.shape[0] ? d.chunk_bytes : d.what.shape[0];
	return d.what.shape[1];
}

bool em_velox_get_text(const struct em_hdf_signals *s, const struct em_hdf_node *group, const char *name, size_t i,
                       struct em_text *out)
{
	struct em_hdf_dataset d;
	size_t start[EM_MAX_NDIM] = {0}, count[EM_MAX_NDIM] = {0, 1};
	unsigned char *bytes;
	bool found;

	if (!open_texts(s, group, name, &d))
		return false;
	count[0] = d.what.shape[0];
	start[1] = i < d.what.shape[1] ? i : d.what.shape[1] - 1;
	bytes = malloc(count[0]);
	found = bytes && !em_hdf_dataset_read(&d, start, count, bytes, s->cache, NULL);
	if (found)
		em_text_append_bytes(out, bytes, strnlen((char *)bytes, count[0]));
	free(bytes);
	return found;
}

struct em_json *em_velox_parse(const struct em_hdf_signals *s, const struct em_hdf_node *group, const char *name,
                               size_t i)
{
	struct em_text text = {0};
	struct em_json *json = NULL;

	if (em_velox_get_text(s, group, name, i, &text))
		json = em_json_parse(em_text_get(&text), text.len, NULL);
	em_text_release(&text);
	return json;
}

struct em_json *em_velox_parse_string(const struct em_hdf_tree *tree, const struct em_hdf_node *node,
                                      size_t *bytes)
{
	struct em_text text = {0};
	struct em_json *json = NULL;

	if (em_hdf_dataset_text(tree, node, &text))
		json = em_json_parse(em_text_get(&text), text.len, NULL);
	if (bytes)
		*bytes = text.len;
	em_text_release(&text);
	return json;
}

bool em_velox_number(const struct em_json *json, const char *path, double *v)
{
	const struct em_json *node = em_json_find(json, path);
	const char *text = em_json_string(node);
	char *end;
	double found;

	if (!text)
		return em_json_number(node, v);
	found = strtod(text, &end);
	if (end == text || *end || !isfinite(found))
		return false;
	*v = found;
	return true;
}

static double get_number(const struct em_json *json, const char *path)
{
	double v = NAN;

	em_velox_number(json, path, &v);
	return v;
}

static const char *get_text(const struct em_json *json, const char *path)
{
	const char *text = em_json_string(em_json_find(json, path));

	return text ? text : "";
}

/* ---- calibration ---- */

void em_velox_set_pixels(const struct em_json *json, struct em_axis *y, struct em_axis *x)
{
	const struct em_json *result = em_json_get(json, "BinaryResult");
	double width = 1, height = 1, offset_x = 0, offset_y = 0;
	const char *units = get_text(result, "PixelUnitX");

	em_velox_number(result, "PixelSize.width", &width);
	em_velox_number(result, "PixelSize.height", &height);
	em_velox_number(result, "Offset.x", &offset_x);
	em_velox_number(result, "Offset.y", &offset_y);
	em_hdf_axis_set(x, "x", width, offset_x, units);
	em_hdf_axis_set(y, "y", height, offset_y, get_text(result, "PixelUnitY")[0] ? get_text(result, "PixelUnitY")
	                                                                            : units);
}

/* The detector that the pixels come from: by its number, else the first whose name begins with the one that is told. */
static const struct em_json *find_detector(const struct em_json *json)
{
	const struct em_json *all = em_json_get(json, "Detectors"), *one;
	const char *name = get_text(json, "BinaryResult.Detector");
	char key[32];

	snprintf(key, sizeof(key), "Detector-%.10s", get_text(json, "BinaryResult.DetectorIndex"));
	one = em_json_get(all, key);
	for (const struct em_json *d = em_json_first(all); d && !one && name[0]; d = em_json_next(d))
		if (!strncmp(get_text(d, "DetectorName"), name, strlen(name)))
			one = d;
	return one;
}

/* Dispersion and offset are in eV. */
void em_velox_set_energy(const struct em_json *json, struct em_axis *energy)
{
	const struct em_json *detector = find_detector(json);
	double dispersion = get_number(detector, "Dispersion"), offset = get_number(detector, "OffsetEnergy");

	em_hdf_axis_set(energy, "energy", dispersion / 1000, offset / 1000, "keV");
}

double em_velox_frame_time(const struct em_json *json)
{
	double v = get_number(json, "Scan.FrameTime");

	return v > 0 ? v : get_number(find_detector(json), "ExposureTime");
}

/* ---- the instrument ---- */

/* Zeros stand for what is not known. */
static void set_positive(double *field, double v, double factor)
{
	if (v > 0)
		*field = v * factor;
}

static void put_stage(const struct em_json *json, struct em_meta *m)
{
	const double degrees = 180 / acos(-1.0);

	m->x_um = get_number(json, "Stage.Position.x") * 1e6;
	m->y_um = get_number(json, "Stage.Position.y") * 1e6;
	m->z_um = get_number(json, "Stage.Position.z") * 1e6;
	m->a_deg = get_number(json, "Stage.AlphaTilt") * degrees;
	m->b_deg = get_number(json, "Stage.BetaTilt") * degrees;
	em_meta_set_text(m->holder, get_text(json, "Stage.HolderType"));
}

/* OperatingMode 1 is TEM, 2 STEM; ProjectorMode 1 is diffraction, where alone a camera length has a meaning. */
static void put_optics(const struct em_json *json, struct em_meta *m)
{
	const struct em_json *optics = em_json_get(json, "Optics");
	const char *mode = get_text(optics, "OperatingMode");
	bool stem = !strcmp(mode, "2"), tem = !strcmp(mode, "1");

	em_meta_set_text(m->instrument, get_text(json, "Instrument.InstrumentClass"));
	em_meta_set_text(m->instrument, get_text(json, "Instrument.InstrumentModel"));
	em_meta_set_text(m->mode, stem ? "STEM" : tem ? "TEM" : "");
	set_positive(&m->beam_kev, get_number(optics, "AccelerationVoltage"), 1e-3);
	set_positive(&m->convergence_mrad, get_number(optics, "BeamConvergence"), 1e3);
	set_positive(&m->beam_current_na, get_number(optics, "LastMeasuredScreenCurrent"), 1e9);
	if (!strcmp(get_text(optics, "ProjectorMode"), "1"))
		set_positive(&m->camera_length_mm, get_number(optics, "CameraLength"), 1e3);
	if (tem) {
		m->defocus_nm = get_number(optics, "Defocus") * 1e9;
		set_positive(&m->magnification, get_number(optics, "NominalMagnification"), 1);
	} else {
		set_positive(&m->magnification, get_number(json, "CustomProperties.StemMagnification.value"), 1);
	}
}

static void put_acquisition(const struct em_json *json, struct em_meta *m)
{
	const struct em_json *detector = find_detector(json);
	double start = get_number(json, "Acquisition.AcquisitionStartDatetime.DateTime"), begin, end;

	if (!(start > 0))
		start = get_number(json, "Acquisition.AcquisitionDatetime.DateTime");
	if (start > 0)
		em_meta_set_date(m, start, true);
	em_meta_set_text(m->detector, get_text(json, "BinaryResult.Detector"));
	em_meta_set_text(m->detector, get_text(detector, "DetectorName"));
	if (!strcmp(get_text(detector, "DetectorType"), "ImagingDetector"))
		set_positive(&m->exposure_s, get_number(detector, "ExposureTime"), 1);
	else {
		set_positive(&m->exposure_s, get_number(json, "Scan.FrameTime"), 1);
		set_positive(&m->dwell_s, get_number(json, "Scan.DwellTime"), 1);
	}
	/* Of an annular detector there is no one semi-angle. */
	begin = get_number(detector, "CollectionAngleRange.begin");
	end = get_number(detector, "CollectionAngleRange.end");
	if (begin <= 0)
		set_positive(&m->collection_mrad, end, 1e3);
}

void em_velox_put_meta(const struct em_json *json, struct em_meta *m)
{
	put_stage(json, m);
	put_optics(json, m);
	put_acquisition(json, m);
}
