/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * NPZ: a ZIP of NPY arrays, as numpy.savez and savez_compressed write it, read only.  The frames of each array follow
 * one another.  An array that is not numbers (names, objects) counts as one frame that cannot be read: better an error
 * for it than silence.  One array at a time is unpacked and kept, for the frames that will be asked for next.
 */
#include "io/inflate.h"
#include "io/npy.h"
#include "io/zip.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct npz_array {
	const struct em_zip_member *member;
	size_t first; /* number of its first frame */
};

struct npz_state {
	struct em_zip zip;
	struct npz_array *array; /* owned */
	size_t count, frames;
	bool whole; /* a three-dimensional one is no stack */
	pthread_mutex_t lock; /* over what follows */
	const struct npz_array *current;
	const unsigned char *bytes; /* of the current one */
	unsigned char *unpacked;    /* owned; NULL where the member is stored */
};

static const char suffix[4] = {'.', 'n', 'p', 'y'};

static bool ends_in_npy(const char *name, size_t n)
{
	return n > sizeof(suffix) && !memcmp(name + n - sizeof(suffix), suffix, sizeof(suffix));
}

/* Many formats are ZIPs: this one's first member is an array. */
static bool npz_probe(const unsigned char *head, size_t n)
{
	size_t name;

	if (n < 30 || memcmp(head, "PK\3\4", 4))
		return false;
	name = (size_t)head[26] | (size_t)head[27] << 8;
	return name <= n - 30 && ends_in_npy((const char *)head + 30, name);
}

/* Header only, from as few bytes as hold it. */
static int read_header(const struct npz_state *s, const struct em_zip_member *m, struct em_npy_header *h,
                       struct em_error *err)
{
	const unsigned char *head = m->packed;
	unsigned char *buf = NULL;
	size_t n = m->bytes < EM_NPY_HEADER_MAX ? m->bytes : EM_NPY_HEADER_MAX;
	int rc;

	if (m->deflated) {
		buf = malloc(n ? n : 1);
		if (!buf)
			return em_error_memory(err, n);
		n = em_inflate_start(m->packed, m->packed_bytes, buf, n, EM_INFLATE_RAW);
		head = buf;
	}
	rc = em_npy_parse_header(head, n, h, err);
	free(buf);
	if (!rc && (h->offset > m->bytes || h->bytes != m->bytes - h->offset))
		rc = em_error_set(err, EM_ERROR_DATA, "NPY: the array's size is not what its header says");
	if (!rc)
		h->stack = h->stack && !s->whole;
	return rc;
}

static size_t count_frames(const struct npz_state *s, const struct em_zip_member *m)
{
	struct em_npy_header h;
	size_t n;

	return read_header(s, m, &h, NULL) || em_npy_count_frames(&h, &n, NULL) ? 1 : n;
}

static int list_arrays(struct npz_state *s, size_t *frames, struct em_error *err)
{
	size_t total = 0;

	s->array = calloc(s->zip.count ? s->zip.count : 1, sizeof(*s->array));
	if (!s->array)
		return em_error_memory(err, s->zip.count * sizeof(*s->array));
	for (size_t i = 0; i < s->zip.count; i++) {
		const struct em_zip_member *m = &s->zip.member[i];

		if (!ends_in_npy(m->name, m->name_length))
			continue;
		s->array[s->count++] = (struct npz_array){m, total};
		total += count_frames(s, m);
	}
	if (!total)
		return em_error_set(err, EM_ERROR_DATA, "NPZ: there is no array in it");
	*frames = s->frames = total;
	return 0;
}

static void npz_close(void *state)
{
	struct npz_state *s = state;

	pthread_mutex_destroy(&s->lock);
	em_zip_release(&s->zip);
	free(s->array);
	free(s->unpacked);
	free(s);
}

static int npz_open(struct em_file *file, void **state, size_t *frames, struct em_error *err)
{
	struct npz_state *s = calloc(1, sizeof(*s));

	if (!s)
		return em_error_memory(err, sizeof(*s));
	s->whole = file->whole;
	pthread_mutex_init(&s->lock, NULL);
	if (em_zip_open(file->blob, &s->zip, err) || list_arrays(s, frames, err)) {
		npz_close(s);
		return -1;
	}
	*state = s;
	return 0;
}

/* Make `array` the current one. */
static int unpack(struct npz_state *s, const struct npz_array *array, struct em_error *err)
{
	struct em_blob bytes;
	unsigned char *fresh;

	if (s->current == array)
		return 0;
	if (em_zip_read(array->member, &bytes, &fresh, err))
		return em_error_prefix(err, "NPZ: ");
	free(s->unpacked);
	s->unpacked = fresh;
	s->bytes = bytes.data;
	s->current = array;
	return 0;
}

static int read_locked(struct npz_state *s, const struct npz_array *array, size_t frame, struct em_array *a,
                       struct em_error *err)
{
	struct em_npy_header h;
	size_t frames;

	if (read_header(s, array->member, &h, err) || em_npy_count_frames(&h, &frames, err) ||
	    unpack(s, array, err))
		return em_error_prefix(err, "array %.*s: ", (int)(array->member->name_length - sizeof(suffix)),
		                       array->member->name);
	return em_npy_read_frame(&h, s->bytes + h.offset, frame - array->first, a, err);
}

static const struct npz_array *find_array(const struct npz_state *s, size_t frame)
{
	size_t lo = 0, hi = s->count;

	while (hi - lo > 1) {
		size_t middle = lo + (hi - lo) / 2;

		if (s->array[middle].first <= frame)
			lo = middle;
		else
			hi = middle;
	}
	return &s->array[lo];
}

static int npz_read_frame(void *state, size_t frame, struct em_array *a, struct em_meta *meta,
                          struct em_error *err)
{
	struct npz_state *s = state;
	int rc;

	(void)meta;
	pthread_mutex_lock(&s->lock);
	rc = read_locked(s, find_array(s, frame), frame, a, err);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static void npz_locate(void *state, size_t frame, struct em_place *place)
{
	const struct npz_state *s = state;
	const struct npz_array *array = find_array(s, frame);
	size_t i = (size_t)(array - s->array), end = i + 1 < s->count ? array[1].first : s->frames;

	*place = (struct em_place){i, s->count, frame - array->first, end - array->first, ""};
	em_place_set_name(place, array->member->name, array->member->name_length - sizeof(suffix));
}

const struct em_codec em_codec_npz = {
	.name = "npz",
	.extensions = "npz",
	.probe = npz_probe,
	.open = npz_open,
	.read = npz_read_frame,
	.close = npz_close,
	.locate = npz_locate,
};
