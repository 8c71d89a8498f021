/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files in HDF5: EMD of Velox and of Berkeley (NCEM), and HyperSpy's HSPY.  Which of them it is shows only inside, so
 * both codecs read them all; they differ in the extension.
 */
#include "io/hdf_frames.h"
#include "io/hdf_signal.h"

#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct em_hdf_format *const formats[] = {&em_hdf_velox, &em_hdf_ncem, &em_hdf_hspy};

struct opened {
	struct em_hdf_signals signals;
	const struct em_hdf_format *format;
};

/* ---- signals ---- */

struct em_hdf_signal *em_hdf_signals_add(struct em_hdf_signals *s, const struct em_hdf_node *group,
                                         const struct em_hdf_node *node, struct em_error *err)
{
	struct em_hdf_signal *signal;

	if (s->count == EM_HDF_MAX_SIGNALS) {
		em_error_set(err, EM_ERROR_DATA, "HDF5: more than %zu data sets with frames", EM_HDF_MAX_SIGNALS);
		return NULL;
	}
	if (s->count == s->capacity) {
		size_t capacity = s->capacity ? 2 * s->capacity : 8;
		struct em_hdf_signal *grown = realloc(s->signal, capacity * sizeof(*grown));

		if (!grown) {
			em_error_memory(err, capacity * sizeof(*grown));
			return NULL;
		}
		s->signal = grown;
		s->capacity = capacity;
	}
	signal = &s->signal[s->count++];
	memset(signal, 0, sizeof(*signal));
	signal->group = group;
	signal->node = node;
	em_meta_init(&signal->meta);
	signal->readable = node && !em_hdf_dataset_open(&s->tree, node, &signal->data, NULL) &&
	                   signal->data.what.type.kind == EM_HDF_NUMBERS && signal->data.what.ndim > 0;
	for (int i = 0; i < EM_MAX_NDIM; i++)
		em_axis_set(&signal->axis[i], "", 1, 0, "");
	em_hdf_signal_split(signal, 0);
	return signal;
}

void em_hdf_signal_split(struct em_hdf_signal *signal, int kept)
{
	int ndim = signal->readable ? signal->data.what.ndim : 0;
	int stacked = kept > 0 && kept < ndim ? ndim - kept : 0;

	signal->ndim = signal->nstack = 0;
	signal->frames = 1;
	for (int i = 0; i < ndim; i++) {
		if (i >= stacked) {
			signal->order[signal->ndim++] = i;
			continue;
		}
		signal->stack[signal->nstack++] = i;
		/* No overflow: the number of elements is none. */
		signal->frames *= signal->data.what.shape[i];
	}
	if (!signal->frames)
		em_hdf_signal_split(signal, 0);
}

void em_hdf_signal_set_spectral(struct em_hdf_signal *signal, int spectral)
{
	em_hdf_signal_split(signal, 0);
	if (spectral >= signal->ndim)
		return;
	for (int i = spectral; i + 1 < signal->ndim; i++)
		signal->order[i] = i + 1;
	signal->order[signal->ndim - 1] = spectral;
}

/* Units without these characters; n bytes are more than an axis can hold. */
static void clean_units(const char *units, const char *without, char *out, size_t n)
{
	size_t k = 0;

	for (; *units && k + 1 < n; units++)
		if (!strchr(without, *units))
			out[k++] = *units;
	out[k] = '\0';
}

/* Berkeley spells nm^-1 "[n_m^-1]". */
void em_hdf_axis_set(struct em_axis *axis, const char *name, double scale, double offset, const char *units)
{
	char clean[32], spelled[sizeof(clean) + 2], cut[sizeof(axis->units)];
	double metres;
	size_t n;

	clean_units(units, "[]_ ", clean, sizeof(clean));
	n = strlen(clean);
	if (n > 3 && !strcmp(clean + n - 3, "^-1"))
		snprintf(spelled, sizeof(spelled), "1/%.*s", (int)n - 3, clean);
	else
		snprintf(spelled, sizeof(spelled), "%s", clean);
	if (em_units_length_in_m(spelled + (strncmp(spelled, "1/", 2) ? 0 : 2), &metres))
		clean_units(units, "[]", spelled, sizeof(spelled));
	em_units_spell(spelled, cut, sizeof(cut));
	if (!isfinite(scale) || !isfinite(offset) || scale == 0)
		em_axis_set(axis, name ? name : axis->name, 1, 0, "");
	else
		em_axis_set(axis, name ? name : axis->name, scale, offset, cut);
	em_units_axis_to_nm(axis);
}

/* ---- the codec ---- */

static bool hdf_probe(const unsigned char *head, size_t n)
{
	size_t at;

	return em_hdf_find_signature(head, n, &at);
}

static void hdf_close(void *state)
{
	struct opened *o = state;

	em_hdf_tree_release(&o->signals.tree);
	em_hdf_cache_free(o->signals.cache);
	free(o->signals.signal);
	free(o);
}

/* Of a file of another kind, its data sets: so that its owner sees what there is. */
static int refuse_format(const struct em_hdf_tree *tree, struct em_error *err)
{
	struct em_text names = {0};
	size_t shown = 0, sets = 0;

	for (size_t i = 0; i < tree->count; i++) {
		if (tree->node[i].is_group)
			continue;
		if (sets++ < 5 && names.len < 200) {
			em_text_append(&names, shown++ ? ", " : "");
			em_hdf_tree_put_path(tree, &tree->node[i], &names);
		}
	}
	for (size_t i = 0; i < names.len; i++)
		if (names.s[i] < 0x20 || names.s[i] > 0x7e)
			names.s[i] = '?';
	em_error_set(err, EM_ERROR_DATA,
	             "HDF5: neither EMD (Velox, Berkeley) nor HyperSpy: %zu data sets%s%.300s%s; write one of these "
	             "with the program that made it, or a NumPy file",
	             sets, sets ? ": " : "", em_text_get(&names), sets > shown ? ", ..." : "");
	em_text_release(&names);
	return -1;
}

/*
 * Chunks that were never written make frames of nothing but fill: a file that has no end.  What all data sets unpack to
 * together must be within what deflate could make of the file's bytes.
 */
static int check_claims(const struct em_hdf_signals *s, struct em_error *err)
{
	size_t bytes = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct em_hdf_value *what = &s->signal[i].data.what;
		size_t item = em_hdf_type_size(&what->type);

		if (s->signal[i].readable)
			bytes = what->count > (SIZE_MAX - bytes) / item ? SIZE_MAX : bytes + what->count * item;
	}
	if (bytes && em_codec_check_claim(EM_U8, 1, bytes, s->tree.file.blob.size, NULL))
		return em_error_set(err, EM_ERROR_DATA,
		                    "HDF5: the data sets claim %zu bytes, which a file of %zu cannot hold: it "
		                    "is damaged or hostile, or nearly nothing of them was ever written",
		                    bytes, s->tree.file.blob.size);
	return 0;
}

static int find_signals(struct opened *o, struct em_error *err)
{
	struct em_hdf_signals *s = &o->signals;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]) && !s->count; i++) {
		o->format = formats[i];
		if (o->format->find(s, err))
			return -1;
	}
	if (em_hdf_tree_is_exhausted(&s->tree))
		return em_error_set(err, EM_ERROR_DATA,
		                    "HDF5: more metadata than a file of measurements has: it is damaged or hostile");
	if (!s->count)
		return refuse_format(&s->tree, err);
	if (check_claims(s, err))
		return -1;
	for (size_t i = 0; i < s->count; i++) {
		if (s->signal[i].frames > SIZE_MAX - s->frames)
			return em_error_set(err, EM_ERROR_DATA, "HDF5: more frames than could exist");
		s->signal[i].first = s->frames;
		s->frames += s->signal[i].frames;
	}
	return 0;
}

static int hdf_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct opened *o = calloc(1, sizeof(*o));

	if (!o)
		return em_error_memory(err, sizeof(*o));
	o->signals.cache = em_hdf_cache_new(err);
	if (!o->signals.cache || em_hdf_tree_read(&o->signals.tree, file->blob, err) || find_signals(o, err)) {
		hdf_close(o);
		return -1;
	}
	*state = o;
	*frames = o->signals.frames;
	return 0;
}

static const struct em_hdf_signal *find_signal(const struct em_hdf_signals *s, size_t frame)
{
	size_t low = 0, high = s->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		*(s->signal[middle].first <= frame ? &low : &high) = middle;
	}
	return &s->signal[low];
}

/* Why a signal cannot be read, said with its place in the file. */
static int refuse_signal(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, struct em_error *err)
{
	struct em_hdf_dataset again;
	struct em_text path = {0};

	if (!em_hdf_dataset_open(&s->tree, signal->node, &again, err))
		em_error_set(err, EM_ERROR_DATA, "HDF5: %s",
		             again.what.ndim ? "the elements are neither numbers nor pairs of them: not a picture"
		                             : "a single number, not a picture");
	em_hdf_tree_put_path(&s->tree, signal->node, &path);
	em_error_prefix(err, "%.200s: ", em_text_get(&path));
	em_text_release(&path);
	return -1;
}

static int read_signal(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, size_t index,
                       const struct em_axis *axis, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const size_t *shape = signal->data.what.shape;
	size_t start[EM_MAX_NDIM] = {0}, count[EM_MAX_NDIM], rest = signal->frames;

	memcpy(count, shape, sizeof(count));
	for (int i = 0; i < signal->nstack; i++) {
		int k = signal->stack[i];

		rest /= shape[k];
		start[k] = index / rest % shape[k];
		count[k] = 1;
	}
	if (em_hdf_dataset_read_array(&signal->data, start, count, signal->order, signal->ndim, s->cache, a, err))
		return -1;
	for (int i = 0; i < signal->ndim; i++)
		em_axis_set(&a->axis[i], axis[signal->order[i]].name[0] ? axis[signal->order[i]].name : a->axis[i].name,
		            axis[signal->order[i]].scale, axis[signal->order[i]].offset,
		            axis[signal->order[i]].units);
	for (int i = 0; i < signal->nstack; i++)
		em_meta_push_stack(meta, start[signal->stack[i]], shape[signal->stack[i]], &axis[signal->stack[i]]);
	return 0;
}

static int hdf_read(void *state, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err)
{
	const struct opened *o = state;
	const struct em_hdf_signal *signal = find_signal(&o->signals, frame);
	struct em_axis axis[EM_MAX_NDIM];

	if (!signal->readable && signal->node)
		return refuse_signal(&o->signals, signal, err);
	memcpy(axis, signal->axis, sizeof(axis));
	*meta = signal->meta;
	if (frame - signal->first < signal->alike) {
		em_meta_init(meta);
		o->format->describe(&o->signals, signal, frame - signal->first, axis, meta);
	}
	em_meta_set_text(meta->title, signal->name);
	if (!signal->node)
		return o->format->read(&o->signals, signal, a, err);
	return read_signal(&o->signals, signal, frame - signal->first, axis, a, meta, err);
}

static void hdf_locate(void *state, size_t frame, struct em_place *place)
{
	const struct em_hdf_signals *s = &((struct opened *)state)->signals;
	const struct em_hdf_signal *signal = find_signal(s, frame);

	*place = (struct em_place){(size_t)(signal - s->signal), s->count, frame - signal->first, signal->frames, ""};
	em_place_set_name(place, signal->name, strlen(signal->name));
}

static int hdf_tags(void *state, size_t frame, struct em_text *json, struct em_error *err)
{
	const struct opened *o = state;
	const struct em_hdf_signal *signal = find_signal(&o->signals, frame);

	return o->format->tags(&o->signals, signal, frame - signal->first, json, err);
}

/* One codec under two names: they differ in the extension and in what is written. */
#define CODEC(format, its_extensions, its_writer)                                                                  \
	{                                                                                                          \
		.name = format, .extensions = its_extensions, .probe = hdf_probe, .open = hdf_open,                \
		.read = hdf_read, .close = hdf_close, .locate = hdf_locate, .tags = hdf_tags, .writer = its_writer \
	}

const struct em_codec em_codec_emd = CODEC("emd", "emd", &em_emd_writer);
const struct em_codec em_codec_hspy = CODEC("hspy", "hspy hdf5", &em_hspy_writer);
