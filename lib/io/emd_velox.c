/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EMD as Velox (Thermo Fisher, FEI) writes it, versions 4 to 13 seen.  Thermo Fisher publishes no specification.
 *
 *	/Version                         JSON: "format" is "Velox"
 *	/Data/Image/ID/Data              (y, x, frame)
 *	/Data/Spectrum/ID/Data           (channel, spectrum), of EDS
 *	/Data/EelsSpectrumImage/ID/Data  (x, channel, y), or (x, channel)
 *	/Data/SpectrumStream/ID/Data     (entry, 1) of 16 bits, a detector each: 65535 is the next pixel, else an X-ray
 *	                                 of that channel; the sum of all is a spectrum image
 *	/Data/KIND/ID/Metadata           (byte, frame), JSON
 *
 * /Data/SpectrumImage is packed in a way that nobody outside knows.
 */
#include "io/emd_velox.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEXT_PIXEL 65535
#define MAX_CHANNELS 8192
#define MAX_DISPLAYS 1024
#define STEP_BYTES 16 /* of JSON, that take as long as a step of HDF5 */
#define PIECE ((size_t)1 << 20) /* entries of a stream that are looked at at once */

enum kind { IMAGE, SPECTRUM, EELS, STREAM };

/* ---- names ---- */

/* "%20" in a label is a blank. */
static void set_label(char *field, const char *label)
{
	char text[EM_META_TEXT];
	size_t n = 0;

	while (*label && n < sizeof(text)) {
		unsigned c = (unsigned char)*label++;

		if (c == '%' && isxdigit((unsigned char)label[0]) && isxdigit((unsigned char)label[1])) {
			c = (unsigned)strtoul((char[]){label[0], label[1], '\0'}, NULL, 16);
			label += 2;
		}
		text[n++] = (char)c;
	}
	em_meta_set_bytes(field, (const unsigned char *)text, n);
}

static void name_signal(struct em_hdf_signals *s, const char *path, const char *label)
{
	const struct em_hdf_node *group = path ? em_hdf_tree_find(&s->tree, s->tree.node, path) : NULL;

	for (size_t i = 0; i < s->count && group && label; i++)
		if (s->signal[i].group == group)
			set_label(s->signal[i].name, label);
}

/* While the file is being opened: as many things as it likes may share one text. */
static struct em_json *parse_counted(struct em_hdf_signals *s, const struct em_hdf_node *node)
{
	struct em_json *json;
	size_t bytes;

	if (em_hdf_tree_is_exhausted(&s->tree))
		return NULL;
	json = em_velox_parse_string(&s->tree, node, &bytes);
	em_hdf_tree_spend(&s->tree, bytes / STEP_BYTES);
	return json;
}

/* From version 11 on a display refers to a reference to the data; what it is called alone may be in its "id". */
static void name_by_display(struct em_hdf_signals *s, const struct em_json *display)
{
	const char *data = em_json_string(em_json_get(display, "data"));
	const char *title = em_json_string(em_json_get(display, "title"));
	const char *id = em_json_string(em_json_get(display, "id"));
	const struct em_hdf_node *node = data ? em_hdf_tree_find(&s->tree, s->tree.node, data) : NULL;
	struct em_json *reference = parse_counted(s, node);

	if (title && id && !strncmp(id, title, strlen(title)))
		title = id;
	name_signal(s, em_json_string(em_json_get(reference, "dataPath")), title);
	em_json_free(reference);
	name_signal(s, em_json_string(em_json_get(display, "dataPath")),
	            em_json_string(em_json_find(display, "display.label")));
}

static void name_by_displays(struct em_hdf_signals *s, const char *path)
{
	const struct em_hdf_node *group = em_hdf_tree_find(&s->tree, s->tree.node, path);
	const struct em_hdf_node *node = em_hdf_tree_first(&s->tree, group);

	for (int i = 0; node && i < MAX_DISPLAYS; i++, node = em_hdf_tree_next(&s->tree, group, node)) {
		struct em_json *display = parse_counted(s, node);

		name_by_display(s, display);
		em_json_free(display);
	}
}

/* ---- what is known of a frame ---- */

static void set_eels_axes(const struct em_hdf_signals *s, const struct em_hdf_signal *signal,
                          const struct em_json *json, struct em_axis *axis)
{
	const struct em_hdf_node *map = em_hdf_tree_find(&s->tree, s->tree.node, "/Data/SpectrumImage");
	struct em_json *scan = em_velox_parse(s, em_hdf_tree_first(&s->tree, map), "Metadata", 0);
	struct em_json *own = em_velox_parse(s, signal->group, "AcquisitionMetadata", 0);
	double offset = 0, dispersion = NAN;
	struct em_axis unused;

	/* The scan's size stands beside the EDS spectrum image of the same scan. */
	em_velox_set_pixels(em_json_find(json, "BinaryResult.PixelSize") ? json : scan,
	                    signal->ndim == 3 ? &axis[2] : &unused, &axis[0]);
	em_velox_number(own, "Data.offset", &offset);
	em_velox_number(own, "Data.dispersion", &dispersion);
	em_hdf_axis_set(&axis[1], "energy", dispersion, offset, "eV");
	em_json_free(scan);
	em_json_free(own);
}

static void put_frame(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, const struct em_json *json,
                      struct em_axis *axis, struct em_meta *meta)
{
	em_velox_put_meta(json, meta);
	if (signal->kind == IMAGE) {
		em_velox_set_pixels(json, &axis[0], &axis[1]);
		em_hdf_axis_set(&axis[2], "t", em_velox_frame_time(json), 0, "s");
	} else if (signal->kind == SPECTRUM) {
		em_velox_set_energy(json, &axis[0]);
	} else if (signal->kind == EELS) {
		set_eels_axes(s, signal, json, axis);
	}
}

static void velox_describe(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, size_t frame,
                           struct em_axis *axis, struct em_meta *meta)
{
	struct em_json *json = em_velox_parse(s, signal->group, "Metadata", frame);

	put_frame(s, signal, json, axis, meta);
	em_json_free(json);
}

/* The last frame's metadata are those of all that have none of their own. */
static void set_kind(struct em_hdf_signals *s, struct em_hdf_signal *signal, enum kind kind)
{
	size_t bytes, texts = em_velox_count_texts(s, signal->group, "Metadata", &bytes);
	const char *detector;
	struct em_json *json;

	em_hdf_tree_spend(&s->tree, (kind == EELS ? 3 : 1) * (bytes / STEP_BYTES));
	if (em_hdf_tree_is_exhausted(&s->tree))
		return;
	json = em_velox_parse(s, signal->group, "Metadata", SIZE_MAX);
	detector = em_json_string(em_json_find(json, "BinaryResult.Detector"));
	signal->kind = (int)kind;
	signal->alike = texts ? texts - 1 : 0;
	put_frame(s, signal, json, signal->axis, &signal->meta);
	if (kind == EELS || kind == STREAM)
		detector = kind == EELS ? "EELS" : "EDS";
	em_meta_set_text(signal->name, detector ? detector : "");
	em_json_free(json);
}

/* ---- finding the signals ---- */

static bool is_velox(const struct em_hdf_tree *tree)
{
	struct em_json *version = em_velox_parse_string(tree, em_hdf_tree_find(tree, tree->node, "/Version"), NULL);
	const char *format = em_json_string(em_json_get(version, "format"));
	bool velox = format && !strcmp(format, "Velox");

	em_json_free(version);
	return velox;
}

/* Frames run fastest: they are the last dimension, not the first. */
static void set_dimensions(struct em_hdf_signal *signal, enum kind kind)
{
	int kept = kind == SPECTRUM ? 1 : 2;

	if (kind == EELS && signal->ndim == 3) {
		memcpy(signal->order, (const int[]){2, 0, 1}, 3 * sizeof(int));
	} else if (kind != EELS && signal->ndim == kept + 1) {
		signal->ndim = kept;
		signal->frames = signal->data.what.shape[kept] ? signal->data.what.shape[kept] : 1;
		signal->nstack = signal->frames > 1;
		signal->stack[0] = kept;
	}
}

static int add_kind(struct em_hdf_signals *s, const char *path, enum kind kind, struct em_error *err)
{
	const struct em_hdf_node *all = em_hdf_tree_find(&s->tree, s->tree.node, path);
	const struct em_hdf_node *group = em_hdf_tree_first(&s->tree, all);

	for (; group; group = em_hdf_tree_next(&s->tree, all, group)) {
		const struct em_hdf_node *node = em_hdf_tree_find(&s->tree, group, "Data");
		struct em_hdf_signal *signal;

		if (!node)
			continue;
		signal = em_hdf_signals_add(s, group, node, err);
		if (!signal)
			return -1;
		set_dimensions(signal, kind);
		set_kind(s, signal, kind);
	}
	return 0;
}

static int velox_find(struct em_hdf_signals *s, struct em_error *err)
{
	const struct em_hdf_node *streams;

	if (!is_velox(&s->tree))
		return 0;
	if (add_kind(s, "/Data/Spectrum", SPECTRUM, err) || add_kind(s, "/Data/Image", IMAGE, err) ||
	    add_kind(s, "/Data/EelsSpectrumImage", EELS, err))
		return -1;
	name_by_displays(s, "/Presentation/Displays/ImageDisplay");
	name_by_displays(s, "/Displays/ImageDisplay");
	streams = em_hdf_tree_find(&s->tree, s->tree.node, "/Data/SpectrumStream");
	if (em_hdf_tree_first(&s->tree, streams)) {
		struct em_hdf_signal *signal = em_hdf_signals_add(s, em_hdf_tree_first(&s->tree, streams), NULL, err);

		if (!signal)
			return -1;
		set_kind(s, signal, STREAM);
	}
	if (!s->count)
		return em_error_set(err, EM_ERROR_DATA,
		                    "EMD: Velox has left no image and no spectrum in this file (a spectrum image that "
		                    "was \"pruned\" has no stream: nobody but Velox can read it)");
	return 0;
}

/* ---- the stream ---- */

struct stream {
	const struct em_hdf_signals *s;
	size_t height, width, channels;
	size_t pixel; /* of the frame, where the stream has come to */
	struct em_error *err;
};

static int refuse_stream(const struct stream *st, const char *what)
{
	return em_error_set(st->err, EM_ERROR_DATA, "EMD: the stream of X-rays of the spectrum image %s", what);
}

static bool get_size(const struct em_json *json, const char *path, size_t most, size_t *size)
{
	double v = 0;

	if (!em_velox_number(json, path, &v) || !(v >= 1 && v <= (double)most))
		return false;
	*size = (size_t)v;
	return true;
}

/* The scan's size; versions before 11 do not tell it here, but all images of such a file have it. */
static int find_size(struct stream *st, const struct em_hdf_node *group)
{
	const struct em_hdf_node *node = em_hdf_tree_find(&st->s->tree, group, "AcquisitionSettings");
	struct em_json *json = em_velox_parse_string(&st->s->tree, node, NULL);
	bool known = get_size(json, "bincount", MAX_CHANNELS, &st->channels);
	bool sized = get_size(json, "RasterScanDefinition.Width", UINT16_MAX, &st->width) &&
	             get_size(json, "RasterScanDefinition.Height", UINT16_MAX, &st->height);

	em_json_free(json);
	for (size_t i = 0; i < st->s->count && !sized; i++) {
		const struct em_hdf_signal *signal = &st->s->signal[i];

		sized = signal->readable && signal->ndim == 2 && signal->kind == IMAGE;
		if (sized) {
			st->height = signal->data.what.shape[0];
			st->width = signal->data.what.shape[1];
		}
	}
	return known && sized ? 0 : refuse_stream(st, "does not say how large the picture is");
}

static int add_entries(struct stream *st, const uint16_t *entry, size_t n, struct em_array *a)
{
	uint16_t *counts = a->data, *spectrum = counts + st->pixel * st->channels;

	for (size_t i = 0; i < n; i++) {
		if (entry[i] == NEXT_PIXEL) {
			st->pixel = st->pixel + 1 < st->height * st->width ? st->pixel + 1 : 0;
			spectrum = counts + st->pixel * st->channels;
		} else if (entry[i] >= st->channels) {
			return refuse_stream(st, "has an entry beyond the last channel");
		} else if (++spectrum[entry[i]] == 0) {
			return refuse_stream(st, "has more than 65535 counts in one channel of a pixel");
		}
	}
	return 0;
}

static int open_stream(struct stream *st, const struct em_hdf_node *group, struct em_hdf_dataset *d)
{
	const struct em_hdf_node *node = em_hdf_tree_find(&st->s->tree, group, "Data");

	if (!node)
		return refuse_stream(st, "is not there");
	if (em_hdf_dataset_open(&st->s->tree, node, d, st->err))
		return -1;
	if (d->what.type.kind != EM_HDF_NUMBERS || d->what.type.dtype != EM_U16 || d->what.ndim != 2 ||
	    d->what.shape[1] != 1)
		return refuse_stream(st, "is not one of 16 bits");
	return em_codec_check_claim(EM_U16, 1, d->what.count ? d->what.count : 1, d->file->blob.size, st->err);
}

/* Add the stream of one detector; where a is NULL, count its pixels into st->pixel. */
static int add_stream(struct stream *st, const struct em_hdf_node *group, uint16_t *piece, struct em_array *a)
{
	struct em_hdf_dataset d;
	size_t start[EM_MAX_NDIM] = {0}, count[EM_MAX_NDIM] = {0, 1};

	if (open_stream(st, group, &d))
		return -1;
	for (st->pixel = 0; start[0] < d.what.shape[0]; start[0] += count[0]) {
		count[0] = d.what.shape[0] - start[0] < PIECE ? d.what.shape[0] - start[0] : PIECE;
		if (em_hdf_dataset_read(&d, start, count, piece, NULL, st->err))
			return -1;
		for (size_t i = 0; !a && i < count[0]; i++)
			st->pixel += piece[i] == NEXT_PIXEL;
		if (a && add_entries(st, piece, count[0], a))
			return -1;
	}
	return 0;
}

static const struct em_hdf_node *find_streams(const struct stream *st)
{
	return em_hdf_tree_find(&st->s->tree, st->s->tree.node, "/Data/SpectrumStream");
}

/* Whole frames of so many pixels, but for the mark of the last one? */
static bool is_whole(size_t marks, size_t pixels)
{
	return pixels && marks && (marks % pixels == 0 || (marks + 1) % pixels == 0);
}

/*
 * The settings tell the raster of the whole field.  A scan of a part of it, the "ScanArea" in fractions, has fewer
 * pixels: it is believed where the stream has as many of them and not those of the whole.
 */
static int fit_area(struct stream *st, const struct em_json *json)
{
	const struct em_hdf_node *first = em_hdf_tree_first(&st->s->tree, find_streams(st));
	double left = 0, top = 0, right = 0, bottom = 0, width, height;
	uint16_t *piece;
	int status;

	if (!first || !em_velox_number(json, "Scan.ScanArea.left", &left) ||
	    !em_velox_number(json, "Scan.ScanArea.top", &top) ||
	    !em_velox_number(json, "Scan.ScanArea.right", &right) ||
	    !em_velox_number(json, "Scan.ScanArea.bottom", &bottom))
		return 0;
	width = round((right - left) * (double)st->width);
	height = round((bottom - top) * (double)st->height);
	if (!(width >= 1 && width <= (double)st->width && height >= 1 && height <= (double)st->height))
		return 0;
	piece = malloc(PIECE * sizeof(*piece));
	if (!piece)
		return em_error_memory(st->err, PIECE * sizeof(*piece));
	status = add_stream(st, first, piece, NULL);
	free(piece);
	if (!status && !is_whole(st->pixel, st->width * st->height) &&
	    is_whole(st->pixel, (size_t)width * (size_t)height)) {
		st->width = (size_t)width;
		st->height = (size_t)height;
	}
	return status;
}

static int add_streams(struct stream *st, struct em_array *a)
{
	const struct em_hdf_tree *tree = &st->s->tree;
	const struct em_hdf_node *all = find_streams(st);
	uint16_t *piece = malloc(PIECE * sizeof(*piece));
	const struct em_hdf_node *group = em_hdf_tree_first(tree, all);
	int status = piece ? 0 : em_error_memory(st->err, PIECE * sizeof(*piece));

	for (; group && !status; group = em_hdf_tree_next(tree, all, group))
		status = add_stream(st, group, piece, a);
	free(piece);
	return status;
}

static int velox_read(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, struct em_array *a,
                      struct em_error *err)
{
	struct stream st = {.s = s, .err = err};
	struct em_array fresh;
	struct em_json *json;
	int status;

	if (find_size(&st, signal->group))
		return -1;
	json = em_velox_parse(s, signal->group, "Metadata", 0);
	status = fit_area(&st, json);
	em_json_free(json);
	if (status)
		return -1;
	/* A stream may end before the last pixel. */
	if (em_codec_check_claim(EM_U16, st.height * st.width, st.channels, s->tree.file.blob.size, err) ||
	    em_array_alloc(&fresh, EM_U16, 3, (const size_t[]){st.height, st.width, st.channels}, err))
		return -1;
	if (add_streams(&st, &fresh)) {
		em_array_release(&fresh);
		return -1;
	}
	json = em_velox_parse(s, signal->group, "Metadata", 0);
	em_velox_set_pixels(json, &fresh.axis[0], &fresh.axis[1]);
	em_velox_set_energy(json, &fresh.axis[2]);
	em_json_free(json);
	*a = fresh;
	return 0;
}

/* ---- tags ---- */

/* JSON is its own best copy, but for the blanks around its values. */
static void put_compact(const struct em_text *text, struct em_text *out)
{
	const char *s = em_text_get(text);
	bool quoted = false;

	for (size_t i = 0; i < text->len; i++) {
		size_t n = quoted && s[i] == '\\' && i + 1 < text->len ? 2 : 1;

		if (s[i] == '"')
			quoted = !quoted;
		if (quoted || !strchr(" \t\r\n", s[i]))
			em_text_append_bytes(out, s + i, n);
		i += n - 1;
	}
}

static int velox_tags(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, size_t frame,
                      struct em_text *json, struct em_error *err)
{
	struct em_text text = {0};
	struct em_json *parsed = NULL;

	if (em_velox_get_text(s, signal->group, "Metadata", frame, &text))
		parsed = em_json_parse(em_text_get(&text), text.len, NULL);
	if (parsed)
		put_compact(&text, json);
	else
		em_text_append(json, "null");
	em_json_free(parsed);
	em_text_release(&text);
	return em_text_check(json, err);
}

const struct em_hdf_format em_hdf_velox = {velox_find, velox_describe, velox_read, velox_tags};
