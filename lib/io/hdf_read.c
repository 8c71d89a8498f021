/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/hdf_read.h"

#include "io/bytes.h"
#include "io/codec.h"
#include "io/half.h"
#include "io/hdf_cache.h"
#include "io/inflate.h"

#include <stdlib.h>
#include <string.h>

enum filter { FILTER_DEFLATE = 1, FILTER_SHUFFLE = 2, FILTER_CHECKSUM = 3 };

#define CHECKSUM_BYTES 4

/* ---- unpacking it ---- */

/* First bytes of all elements, second bytes, ...; what is left over behind them stays as it is. */
static void unshuffle(const unsigned char *in, size_t bytes, size_t size, unsigned char *out)
{
	size_t n = bytes / size;

	for (size_t k = 0; k < size; k++)
		for (size_t i = 0; i < n; i++)
			out[i * size + k] = in[k * n + i];
	memcpy(out + n * size, in + n * size, bytes - n * size);
}

struct unpacking {
	const unsigned char *in;
	size_t n;
	unsigned char *spare[2]; /* of capacity bytes; `in` is the file's, or one of them */
	size_t capacity;
};

/* What came out of filter i has this many bytes: checksums of filters before it are in it. */
static size_t bytes_after(const struct em_hdf_dataset *d, uint32_t mask, unsigned i)
{
	size_t n = d->chunk_bytes;

	while (i--)
		if (d->filter[i] == FILTER_CHECKSUM && !(mask >> i & 1))
			n += CHECKSUM_BYTES;
	return n;
}

static int undo_filter(const struct em_hdf_dataset *d, unsigned i, uint32_t mask, struct unpacking *u,
                       struct em_error *err)
{
	unsigned char *out = u->spare[u->in == u->spare[0]];
	size_t n = bytes_after(d, mask, i);

	if (d->filter[i] == FILTER_CHECKSUM) {
		if (u->n < CHECKSUM_BYTES)
			return em_error_set(err, EM_ERROR_DATA, "HDF5: the file is damaged: a chunk is too short");
		u->n -= CHECKSUM_BYTES;
		return 0;
	}
	if (d->filter[i] == FILTER_DEFLATE) {
		if (em_inflate(u->in, u->n, out, n, EM_INFLATE_ZLIB, err))
			return em_error_prefix(err, "HDF5: a chunk cannot be unpacked: ");
		u->n = n;
	} else if (u->n > u->capacity) {
		return em_error_set(err, EM_ERROR_DATA, "HDF5: the file is damaged: a chunk is too long");
	} else {
		unshuffle(u->in, u->n, d->what.type.size, out);
	}
	u->in = out;
	return 0;
}

/* A fresh copy of the chunk's elements; NULL: refused. */
static unsigned char *unpack(const struct em_hdf_dataset *d, const struct em_hdf_chunk *c, struct em_error *err)
{
	const unsigned char *stored = em_hdf_at(d->file, c->address, c->bytes);
	struct unpacking u = {stored, (size_t)c->bytes, {NULL, NULL},
	                      d->chunk_bytes + EM_HDF_MAX_FILTERS * CHECKSUM_BYTES};
	unsigned char *whole = NULL;
	int status = em_codec_check_claim(EM_U8, 1, d->chunk_bytes, u.n, err);

	u.spare[0] = status ? NULL : malloc(u.capacity);
	u.spare[1] = status ? NULL : malloc(u.capacity);
	if (!status && !(u.spare[0] && u.spare[1]))
		status = em_error_memory(err, u.capacity);
	for (unsigned i = d->filters; i-- > 0 && !status;)
		if (!(c->mask >> i & 1))
			status = undo_filter(d, i, c->mask, &u, err);
	if (!status && u.n != d->chunk_bytes)
		status = em_error_set(err, EM_ERROR_DATA, "HDF5: the file is damaged: a chunk has %zu bytes, not %zu",
		                      u.n, d->chunk_bytes);
	if (!status && u.in == stored)
		memcpy(u.spare[0], stored, d->chunk_bytes);
	if (!status)
		whole = u.spare[u.in == u.spare[1]];
	for (int i = 0; i < 2; i++)
		if (u.spare[i] != whole)
			free(u.spare[i]);
	return whole;
}

/* ---- a box out of its chunks ---- */

struct box {
	const struct em_hdf_dataset *d;
	const size_t *start, *count;
	unsigned char *out;
};

static void convert(const struct em_hdf_type *t, const unsigned char *from, size_t n, unsigned char *to)
{
	if (t->kind != EM_HDF_NUMBERS)
		memcpy(to, from, n * t->size);
	else if (t->is_half)
		for (size_t i = 0; i < n; i++) {
			float v = em_half_to_float(em_bytes_u16(from + 2 * i, t->big));

			memcpy(to + 4 * i, &v, sizeof(v));
		}
	else
		em_bytes_copy(to, from, n * (t->size / t->part), t->part, t->big);
}

static void put_fill(const struct em_hdf_dataset *d, unsigned char *to, size_t n)
{
	size_t item = em_hdf_type_size(&d->what.type);

	if (!d->fill)
		memset(to, 0, n * item);
	else
		for (size_t i = 0; i < n; i++)
			convert(&d->what.type, d->fill, 1, to + i * item);
}

/*
 * What of the chunk at `place` lies in the box, as runs: over as many of the last axes as are whole in both.  `from` is
 * the chunk's elements, or NULL where it was never written.
 */
static void copy_chunk(const struct box *b, const size_t *place, const unsigned char *from)
{
	const struct em_hdf_dataset *d = b->d;
	size_t lo[EM_MAX_NDIM], n[EM_MAX_NDIM], i[EM_MAX_NDIM] = {0}, run = 1;
	size_t item = em_hdf_type_size(&d->what.type);
	int outer = d->what.ndim, k;

	for (k = 0; k < d->what.ndim; k++) {
		size_t end = b->start[k] + b->count[k];

		lo[k] = place[k] > b->start[k] ? place[k] : b->start[k];
		n[k] = (end - place[k] < d->chunk[k] ? end - place[k] : d->chunk[k]) - (lo[k] - place[k]);
	}
	while (outer > 0) {
		outer--;
		run *= n[outer];
		if (n[outer] != d->chunk[outer] || n[outer] != b->count[outer])
			break;
	}
	do {
		size_t in = 0, out = 0;

		for (k = 0; k < d->what.ndim; k++) {
			in = in * d->chunk[k] + lo[k] - place[k] + i[k];
			out = out * b->count[k] + lo[k] - b->start[k] + i[k];
		}
		if (from)
			convert(&d->what.type, from + in * d->what.type.size, run, b->out + out * item);
		else
			put_fill(d, b->out + out * item, run);
		for (k = outer; k-- > 0 && ++i[k] == n[k];)
			i[k] = 0;
	} while (k >= 0);
}

static int read_chunk(const struct box *b, const size_t *place, struct em_hdf_cache *cache, struct em_error *err)
{
	const struct em_hdf_dataset *d = b->d;
	const unsigned char *stored;
	const unsigned char *whole;
	struct em_hdf_chunk c;

	if (em_hdf_chunk_find(d, place, &c, err))
		return -1;
	if (c.address == EM_HDF_NOWHERE) {
		copy_chunk(b, place, NULL);
		return 0;
	}
	stored = em_hdf_at(d->file, c.address, c.bytes);
	if (!stored || (!d->filters && c.bytes < d->chunk_bytes))
		return em_hdf_refuse(err, "a chunk that is not all there", c.address);
	if (!d->filters) {
		copy_chunk(b, place, stored);
		return 0;
	}
	whole = em_hdf_cache_take(cache, d, &c, unpack, err);
	if (!whole)
		return -1;
	copy_chunk(b, place, whole);
	em_hdf_cache_give_back(cache, whole);
	return 0;
}

int em_hdf_dataset_read(const struct em_hdf_dataset *d, const size_t *start, const size_t *count, void *out,
                        struct em_hdf_cache *cache, struct em_error *err)
{
	struct box b = {d, start, count, out};
	size_t place[EM_MAX_NDIM];
	int k;

	for (k = 0; k < d->what.ndim; k++) {
		if (start[k] > d->what.shape[k] || count[k] > d->what.shape[k] - start[k])
			return em_error_set(err, EM_ERROR_DATA, "HDF5: a data set is smaller than it has to be");
		if (!count[k])
			return 0;
		place[k] = start[k] / d->chunk[k] * d->chunk[k];
	}
	if (!d->what.count)
		return 0;
	if (d->layout == EM_HDF_WHOLE) {
		memset(place, 0, sizeof(place));
		copy_chunk(&b, place, d->what.data);
		return 0;
	}
	do {
		if (read_chunk(&b, place, cache, err))
			return -1;
		for (k = d->what.ndim; k-- > 0;) {
			place[k] += d->chunk[k];
			if (place[k] < start[k] + count[k])
				break;
			place[k] = start[k] / d->chunk[k] * d->chunk[k];
		}
	} while (k >= 0);
	return 0;
}

/* ---- arrays ---- */

/* to in the order of its n axes, whose steps in `from` are `step` elements. */
static void permute(const unsigned char *from, const size_t *shape, const size_t *step, int n, size_t item,
                    unsigned char *to)
{
	size_t i[EM_MAX_NDIM] = {0}, at = 0;
	int k;

	do {
		for (size_t j = 0; j < shape[n - 1]; j++, to += item)
			memcpy(to, from + (at + j * step[n - 1]) * item, item);
		for (k = n - 1; k-- > 0;) {
			at += step[k];
			if (++i[k] < shape[k])
				break;
			at -= i[k] * step[k];
			i[k] = 0;
		}
	} while (k >= 0);
}

/* The box, and its axes turned where they are not in the file's order. */
static int read_turned(const struct em_hdf_dataset *d, const size_t *start, const size_t *count, const int *order,
                       int ndim, struct em_hdf_cache *cache, unsigned char *to, struct em_error *err)
{
	size_t step[EM_MAX_NDIM], shape[EM_MAX_NDIM], all = 1, item = em_hdf_type_size(&d->what.type);
	size_t stride[EM_MAX_NDIM];
	bool turned = false;
	unsigned char *box;
	int status;

	for (int k = d->what.ndim - 1; k >= 0; k--) {
		stride[k] = all;
		all *= count[k];
	}
	for (int k = 0; k < ndim; k++) {
		shape[k] = count[order[k]];
		step[k] = stride[order[k]];
		turned |= k && order[k] < order[k - 1];
	}
	if (!turned)
		return em_hdf_dataset_read(d, start, count, to, cache, err);
	box = malloc(all * item + 1);
	if (!box)
		return em_error_memory(err, all * item);
	status = em_hdf_dataset_read(d, start, count, box, cache, err);
	if (!status && all)
		permute(box, shape, step, ndim, item, to);
	free(box);
	return status;
}

/* A turned array of which each chunk belongs to one place along the first axis is read place by place. */
static int read_all(const struct em_hdf_dataset *d, const size_t *start, const size_t *count, const int *order,
                    struct em_hdf_cache *cache, struct em_array *a, struct em_error *err)
{
	size_t at[EM_MAX_NDIM], n[EM_MAX_NDIM], places = a->ndim ? a->shape[0] : 0;
	size_t bytes = places ? em_array_bytes(a) / places : 0;

	if (a->ndim < 2 || d->layout == EM_HDF_WHOLE || d->chunk[order[0]] != 1)
		return read_turned(d, start, count, order, a->ndim, cache, a->data, err);
	memcpy(at, start, (size_t)d->what.ndim * sizeof(*at));
	memcpy(n, count, (size_t)d->what.ndim * sizeof(*n));
	n[order[0]] = 1;
	for (size_t i = 0; i < places; i++) {
		at[order[0]] = start[order[0]] + i;
		if (read_turned(d, at, n, order + 1, a->ndim - 1, cache, (unsigned char *)a->data + i * bytes, err))
			return -1;
	}
	return 0;
}

int em_hdf_dataset_read_array(const struct em_hdf_dataset *d, const size_t *start, const size_t *count,
                              const int *order, int ndim, struct em_hdf_cache *cache, struct em_array *a,
                              struct em_error *err)
{
	size_t shape[EM_MAX_NDIM], all = 1;
	struct em_array fresh;

	if (d->what.type.kind != EM_HDF_NUMBERS)
		return em_error_set(err, EM_ERROR_DATA,
		                    "HDF5: the elements are neither numbers nor pairs of them: not a picture");
	/* All of the file's dimensions: an empty one that is none of the array's leaves nothing to read either. */
	for (int k = 0; k < d->what.ndim; k++) {
		if (count[k] && all > SIZE_MAX / count[k])
			return em_error_set(err, EM_ERROR_DATA, "HDF5: a data set of more elements than can be");
		all *= count[k];
	}
	for (int k = 0; k < ndim; k++)
		shape[k] = count[order[k]];
	if (em_codec_check_claim(d->what.type.dtype, 1, all, d->file->blob.size, err) ||
	    em_array_alloc(&fresh, d->what.type.dtype, ndim, shape, err))
		return -1;
	if (read_all(d, start, count, order, cache, &fresh, err)) {
		em_array_release(&fresh);
		return -1;
	}
	*a = fresh;
	return 0;
}

/* ---- small things ---- */

bool em_hdf_dataset_text(const struct em_hdf_tree *tree, const struct em_hdf_node *node, struct em_text *out)
{
	size_t zero[EM_MAX_NDIM] = {0}, one[EM_MAX_NDIM];
	struct em_hdf_dataset d;
	unsigned char *element;
	bool found = false;

	for (int i = 0; i < EM_MAX_NDIM; i++)
		one[i] = 1;
	if (!node || em_hdf_dataset_open(tree, node, &d, NULL) || !d.what.count ||
	    d.what.type.size > EM_HDF_MAX_TEXT)
		return false;
	element = malloc(d.what.type.size);
	if (element && d.what.type.kind != EM_HDF_NUMBERS && !em_hdf_dataset_read(&d, zero, one, element, NULL, NULL)) {
		d.what.data = element;
		found = em_hdf_value_text(&tree->file, &d.what, 0, out);
	}
	free(element);
	return found;
}

size_t em_hdf_dataset_numbers(const struct em_hdf_tree *tree, const struct em_hdf_node *node, double *v, size_t n)
{
	size_t zero[EM_MAX_NDIM] = {0}, count[EM_MAX_NDIM];
	struct em_hdf_dataset d;
	struct em_array a;

	if (!node || em_hdf_dataset_open(tree, node, &d, NULL) || d.what.ndim > 1)
		return 0;
	count[0] = d.what.ndim && d.what.shape[0] < n ? d.what.shape[0] : n;
	if (em_hdf_dataset_read_array(&d, zero, count, (const int[]){0}, d.what.ndim, NULL, &a, NULL))
		return 0;
	n = em_array_count(&a) < n ? em_array_count(&a) : n;
	for (size_t i = 0; i < n; i++)
		v[i] = em_array_get(&a, i);
	em_array_release(&a);
	return n;
}
