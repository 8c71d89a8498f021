/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NDATA: a data item of Nion Swift, a ZIP of the array data.npy and of metadata.json.  The dimensions are a sequence's,
 * those of a collection (where the beam stood), and those of a datum: a spectrum, which keeps its collection as one
 * array, or an image, which is a frame.  An NPZ whose first array is called "data" begins with the same bytes: without
 * metadata.json it is handed on.
 */
#include "base/json.h"
#include "base/units.h"
#include "io/npy.h"
#include "io/zip.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PI 3.14159265358979323846

extern const struct em_codec em_codec_npz;

struct ndata {
	void *npz;          /* the other codec's state where the file is an NPZ, and nothing of what follows */
	struct em_zip zip;
	struct em_text text; /* metadata.json, as JSON has it */
	struct em_json *tree;
	struct em_npy_header header;
	struct em_blob array;
	unsigned char *owned; /* the array, where it had to be unpacked */
	int leading;          /* dimensions before those of a frame */
	bool sequence, spectral; /* spectral: the last dimension is energy */
	struct em_axis axis[EM_MAX_NDIM];
	struct em_meta known; /* of all frames: the tree may be long, and they many */
};

static bool ndata_probe(const unsigned char *head, size_t n)
{
	static const char array[] = "data.npy", text[] = "metadata.json";
	size_t name;

	if (n < 30 || memcmp(head, "PK\3\4", 4))
		return false;
	name = (size_t)head[26] | (size_t)head[27] << 8;
	return name <= n - 30 && ((name == sizeof(array) - 1 && !memcmp(head + 30, array, name)) ||
	                          (name == sizeof(text) - 1 && !memcmp(head + 30, text, name)));
}

/* ---- metadata.json ---- */

/* Python writes NaN and Infinity, which JSON does not know: null.  How many bytes there are to replace at p, or 0. */
static size_t not_json(const char *p, const char *end)
{
	static const char *const words[] = {"NaN", "Infinity", "-Infinity"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i]);

		if ((size_t)(end - p) >= n && !memcmp(p, words[i], n))
			return n;
	}
	return 0;
}

static size_t string_length(const char *p, const char *end)
{
	const char *start = p++;

	while (p < end && *p != '"')
		p += *p == '\\' && end - p > 1 ? 2 : 1;
	return (size_t)(p - start) + (p < end);
}

/* The bytes of an array of nothing but numbers, and how many they are; 0 for any other. */
static size_t list_length(const char *p, const char *end, size_t *numbers)
{
	const char *start = p++;

	*numbers = 1;
	while (p < end && *p && strchr("0123456789+-.eE, \t\r\n", *p))
		*numbers += *p++ == ',';
	return p < end && *p == ']' ? (size_t)(p - start) + 1 : 0;
}

/* As JSON has it, and without arrays that are data. */
static void clean(const char *p, size_t n, struct em_text *out)
{
	const char *end = p + n;

	while (p < end) {
		size_t len, numbers = 0;

		if (*p == '"') {
			len = string_length(p, end);
			em_text_append_bytes(out, p, len);
		} else if (*p == '[' && (len = list_length(p, end, &numbers)) && numbers > EM_TAGS_ARRAY) {
			em_text_printf(out, "{\"array\":\"float64\",\"size\":%zu}", numbers);
		} else if ((len = not_json(p, end))) {
			em_text_append(out, "null");
		} else {
			em_text_append_bytes(out, p, len = 1);
		}
		p += len;
	}
}

static int read_text(struct ndata *s, struct em_error *err)
{
	const struct em_zip_member *m = em_zip_find(&s->zip, "metadata.json");
	unsigned char *owned;
	struct em_blob bytes;

	if (m->bytes > EM_JSON_MAX_BYTES)
		return em_error_set(err, EM_ERROR_DATA, "NDATA: metadata.json of %zu bytes is not sensible", m->bytes);
	if (em_zip_read(m, &bytes, &owned, err))
		return em_error_prefix(err, "NDATA: metadata.json: ");
	clean((const char *)bytes.data, bytes.size, &s->text);
	free(owned);
	if (em_text_check(&s->text, err))
		return -1;
	s->tree = em_json_parse(em_text_get(&s->text), s->text.len, err);
	return s->tree ? 0 : em_error_prefix(err, "NDATA: metadata.json: ");
}

/* ---- dimensions ---- */

/* A small whole number of this name; `otherwise` where there is none. */
static int count_of(const struct ndata *s, const char *name, int otherwise)
{
	double v = -1;

	em_json_number(em_json_get(s->tree, name), &v);
	return v >= 0 && v <= EM_MAX_NDIM && v == floor(v) ? (int)v : otherwise;
}

static void parse_axes(struct ndata *s)
{
	const struct em_json *list = em_json_get(s->tree, "dimensional_calibrations"), *c;

	if (!list) /* as versions before 2016 call it */
		list = em_json_get(s->tree, "spatial_calibrations");
	c = em_json_is_array(list) && em_json_size(list) == (size_t)s->header.ndim ? em_json_first(list) : NULL;
	for (int i = 0; i < s->header.ndim; i++, c = em_json_next(c)) {
		const char *theirs = em_json_string(em_json_get(c, "units"));
		double scale = 1, offset = 0;
		char units[sizeof(s->axis[i].units)] = "";

		em_json_number(em_json_get(c, "scale"), &scale);
		em_json_number(em_json_get(c, "offset"), &offset);
		em_units_spell(theirs ? theirs : "", units, sizeof(units));
		if (isfinite(scale) && scale != 0 && isfinite(offset))
			em_axis_set(&s->axis[i], "", scale, offset, units);
		else
			em_axis_set(&s->axis[i], "", 1, 0, "");
	}
}

/* The first dimensions are a sequence's and a collection's.  Old files do not tell them: then the unit does. */
static int parse_dimensions(struct ndata *s, struct em_error *err)
{
	int ndim = s->header.ndim, datum, collection;
	const char *signal = em_json_string(em_json_find(s->tree, "metadata.hardware_source.signal_type"));

	s->spectral = em_units_is_energy(s->axis[ndim - 1].units);
	datum = count_of(s, "datum_dimension_count", s->spectral || ndim == 1 ? 1 : 2);
	s->spectral = s->spectral || (datum == 1 && signal && !strcasecmp(signal, "eels"));
	s->sequence = em_json_is_true(em_json_get(s->tree, "is_sequence"));
	collection = count_of(s, "collection_dimension_count", ndim - datum - s->sequence);
	if (s->sequence + collection + datum != ndim)
		return em_error_set(err, EM_ERROR_DATA,
		                    "NDATA: the array has %d dimensions, and the metadata tell of %d: colour pictures "
		                    "and other structures are not supported", ndim,
		                    s->sequence + collection + datum);
	if (!datum) /* a map of single numbers */
		datum = collection < 2 ? collection : 2;
	s->leading = datum < 2 ? 0 : ndim - 2;
	return 0;
}

/* ---- axes ---- */

static void put_stack(const struct ndata *s, size_t frame, struct em_meta *meta)
{
	size_t step = 1;

	for (int k = 0; k < s->leading; k++)
		step *= s->header.shape[k];
	for (int k = 0; k < s->leading; k++) {
		step /= s->header.shape[k];
		em_meta_push_stack(meta, frame / step % s->header.shape[k], s->header.shape[k], &s->axis[k]);
	}
}

static void set_axes(const struct ndata *s, struct em_array *a)
{
	static const char *const names[] = {"energy", "x", "y"}; /* from the last; the others keep theirs */

	for (int i = 0; i < a->ndim; i++) {
		const struct em_axis *axis = &s->axis[s->leading + i];
		int from_last = a->ndim - 1 - i;
		const char *name = s->spectral && from_last < 3 ? names[from_last] : a->axis[i].name;

		em_axis_set(&a->axis[i], name, axis->scale, axis->offset, axis->units);
	}
	if (s->sequence && !s->leading)
		em_axis_set(&a->axis[0], "t", a->axis[0].scale, a->axis[0].offset, a->axis[0].units);
}

/* ---- metadata ---- */

/* A number at one of these paths, the first that is there, times `factor`. */
static void take_number(const struct em_json *tree, const char *const *paths, double factor, double *to)
{
	double v;

	for (; *paths; paths++)
		if (em_json_number(em_json_find(tree, *paths), &v)) {
			*to = v * factor;
			return;
		}
}

static void take_text(const struct em_json *tree, const char *const *paths, char *field)
{
	for (; *paths; paths++) {
		const char *text = em_json_string(em_json_find(tree, *paths));

		if (text && *text) {
			em_meta_set_text(field, text);
			return;
		}
	}
}

/* A control of the microscope ("EHT"), in SI units, as the versions of the program file it. */
static void take_control(const struct em_json *tree, const char *name, double factor, double *to)
{
	static const char *const groups[] = {
		"instrument.ImageScanned",           "instrument.ImageRonchigram", "hardware_source.ImageScanned",
		"hardware_source.ImageRonchigram",   "instrument",                 "hardware_source.autostem",
		"scan.scan_device_properties",       "hardware_source",
	};
	char scanned[64];
	double v;

	snprintf(scanned, sizeof(scanned), "ImageScanned:%s", name);
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		const struct em_json *group = em_json_find(tree, groups[i]);

		if (em_json_number(em_json_get(group, name), &v) || em_json_number(em_json_get(group, scanned), &v)) {
			*to = v * factor;
			return;
		}
	}
}

#define PATHS(...) (const char *const[]){__VA_ARGS__, NULL}

static void put_controls(const struct em_json *tree, struct em_meta *m)
{
	take_control(tree, "EHT", 1e-3, &m->beam_kev);
	take_control(tree, "C10", 1e9, &m->defocus_nm);
	take_control(tree, "StageOutX", 1e6, &m->x_um);
	take_control(tree, "StageOutY", 1e6, &m->y_um);
	take_control(tree, "StageOutZ", 1e6, &m->z_um);
	take_control(tree, "StageOutA", 180 / PI, &m->a_deg);
	take_control(tree, "StageOutB", 180 / PI, &m->b_deg);
	take_control(tree, "probe_ha", 1e3, &m->convergence_mrad);
	take_number(tree, PATHS("instrument.high_tension", "hardware_source.autostem.high_tension_v"), 1e-3,
	            &m->beam_kev);
	take_number(tree, PATHS("instrument.defocus", "hardware_source.autostem.defocus_m"), 1e9, &m->defocus_nm);
}

static void put_meta(const struct ndata *s, struct em_meta *m)
{
	const struct em_json *tree = em_json_get(s->tree, "metadata");
	const char *created = em_json_string(em_json_get(s->tree, "created"));

	take_text(s->tree, PATHS("title"), m->title);
	take_text(s->tree, PATHS("session.instrument"), m->instrument);
	/* 2020-06-06T11:05:57.405164, in UTC. */
	if (created && strlen(created) >= 19 && created[10] == 'T') {
		em_meta_set_bytes(m->date, (const unsigned char *)created, 19);
		snprintf(m->date + strlen(m->date), 2, "Z");
	}
	put_controls(tree, m);
	take_text(tree, PATHS("scan.channel_name", "hardware_source.channel_name",
	                      "hardware_source.hardware_source_name"), m->detector);
	take_number(tree, PATHS("hardware_source.exposure"), 1, &m->exposure_s);
	take_number(tree, PATHS("scan.scan_device_parameters.pixel_time_us", "scan.pixel_time_us",
	                        "hardware_source.pixel_time_us"), 1e-6, &m->dwell_s);
}

/* ---- the codec ---- */

static void ndata_close(void *state)
{
	struct ndata *s = state;

	if (s->npz)
		em_codec_npz.close(s->npz);
	em_zip_release(&s->zip);
	em_text_release(&s->text);
	em_json_free(s->tree);
	free(s->owned);
	free(s);
}

static int open_item(struct ndata *s, size_t *frames, struct em_error *err)
{
	const struct em_zip_member *m = em_zip_find(&s->zip, "data.npy");

	if (!m)
		return em_error_set(err, EM_ERROR_DATA, "NDATA: there is no data.npy in it");
	if (read_text(s, err))
		return -1;
	if (em_zip_read(m, &s->array, &s->owned, err) || em_npy_parse_file(s->array, &s->header, err) ||
	    em_npy_count_frames(&s->header, frames, err))
		return em_error_prefix(err, "NDATA: data.npy: ");
	parse_axes(s);
	if (parse_dimensions(s, err))
		return -1;
	em_meta_init(&s->known);
	put_meta(s, &s->known);
	*frames = 1;
	for (int k = 0; k < s->leading; k++)
		*frames *= s->header.shape[k];
	return 0;
}

static int open_any(struct ndata *s, struct em_file *file, size_t *frames, struct em_error *err)
{
	if (em_zip_open(file->blob, &s->zip, err))
		return -1;
	if (em_zip_find(&s->zip, "metadata.json"))
		return open_item(s, frames, err);
	return em_codec_npz.open(file, &s->npz, frames, err);
}

static int ndata_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct ndata *s = calloc(1, sizeof(*s));
	size_t count;

	if (!s)
		return em_error_memory(err, sizeof(*s));
	if (open_any(s, file, &count, err)) {
		ndata_close(s);
		return -1;
	}
	*state = s;
	*frames = count;
	return 0;
}

static int ndata_read(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const struct ndata *s = state;

	if (s->npz)
		return em_codec_npz.read(s->npz, frame, a, meta, err);
	if (em_npy_read_part(&s->header, s->array.data + s->header.offset, s->leading, frame, a, err))
		return -1;
	set_axes(s, a);
	*meta = s->known;
	put_stack(s, frame, meta);
	return 0;
}

static void ndata_locate(void *state, size_t frame, struct em_place *place)
{
	const struct ndata *s = state;

	if (s->npz) {
		em_codec_npz.locate(s->npz, frame, place);
		return;
	}
	*place = (struct em_place){0, 1, frame, 1, ""};
	for (int k = 0; k < s->leading; k++)
		place->count *= s->header.shape[k];
}

static int ndata_tags(void *state, size_t frame, struct em_text *json, struct em_error *err)
{
	const struct ndata *s = state;

	(void)frame;
	em_text_append(json, s->npz ? "null" : em_text_get(&s->text));
	return em_text_check(json, err);
}

const struct em_codec em_codec_ndata = {
	.name = "ndata",
	.extensions = "ndata",
	.probe = ndata_probe,
	.open = ndata_open,
	.read = ndata_read,
	.close = ndata_close,
	.locate = ndata_locate,
	.tags = ndata_tags,
};
