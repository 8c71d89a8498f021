/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a data set is kept: the messages of its header. */
#include "io/hdf_read.h"

#include "io/bytes.h"

#include <string.h>

static int refuse(struct em_error *err, const char *what)
{
	return em_error_set(err, EM_ERROR_DATA, "HDF5: the file is cut or damaged: %s of a data set", what);
}

static int refuse_layout(struct em_error *err, const char *what)
{
	return em_error_set(err, EM_ERROR_DATA,
	                    "HDF5: %s cannot be read; h5repack writes a plainer file (--high=1 --low=0)", what);
}

/* ---- filters ---- */

static const char *filter_name(unsigned id)
{
	switch (id) {
	case 4:
		return "szip";
	case 5:
		return "n-bit";
	case 6:
		return "scale-offset";
	case 32000:
		return "LZF";
	case 32001:
		return "Blosc";
	case 32004:
		return "LZ4";
	case 32008:
		return "bitshuffle";
	case 32015:
		return "Zstandard";
	case 32026:
		return "Blosc 2";
	}
	return "unknown";
}

/* u16 filter, [u16 bytes of its name], u16 flags, u16 values, name, values of u32; 0 where that is not all there. */
static size_t filter_bytes(const unsigned char *p, size_t n, bool old)
{
	bool named = old || (n >= 2 && em_bytes_u16(p, false) >= 256);
	size_t head = named ? 8 : 6, name, values;

	if (n < head)
		return 0;
	name = named ? em_bytes_u16(p + 2, false) : 0;
	values = em_bytes_u16(p + head - 2, false);
	name = old ? (name + 7) / 8 * 8 : name;
	return head + name + 4 * (values + (old && values % 2));
}

static int parse_filters(struct em_hdf_dataset *d, const struct em_hdf_message *m, struct em_error *err)
{
	bool old = m->bytes && m->data[0] == 1;
	size_t at = old ? 8 : 2;

	if (m->bytes < at || m->data[1] > EM_HDF_MAX_FILTERS)
		return refuse(err, "the filters");
	for (unsigned i = 0; i < m->data[1]; i++) {
		size_t n = filter_bytes(m->data + at, m->bytes - at, old);
		unsigned id;

		if (!n || n > m->bytes - at)
			return refuse(err, "the filters");
		id = em_bytes_u16(m->data + at, false);
		if (id < 1 || id > 3)
			return em_error_set(err, EM_ERROR_DATA,
			                    "HDF5: compressed by filter %u (%s), which is not supported (deflate is): "
			                    "h5repack -f GZIP=1 writes such a file",
			                    id, filter_name(id));
		d->filter[d->filters++] = id;
		at += n;
	}
	return 0;
}

/* ---- where the elements are ---- */

/* The sizes of a chunk, n numbers of `width` bytes, of which the last is an element's. */
static int parse_chunk(struct em_hdf_dataset *d, const unsigned char *p, size_t n, size_t width, struct em_error *err)
{
	size_t bytes = d->what.type.size;

	if (n != (size_t)d->what.ndim + 1 || !d->what.ndim || em_hdf_number(p + (n - 1) * width, width) != bytes)
		return refuse(err, "the size of a chunk");
	for (size_t i = 0; i + 1 < n; i++) {
		d->chunk[i] = (size_t)em_hdf_number(p + i * width, width);
		if (!d->chunk[i] || bytes > SIZE_MAX / 4 / d->chunk[i])
			return refuse(err, "the size of a chunk");
		bytes *= d->chunk[i];
	}
	d->chunk_bytes = bytes;
	return 0;
}

static int set_whole(struct em_hdf_dataset *d, const unsigned char *p, uint64_t bytes, struct em_error *err)
{
	if (!p || bytes / d->what.type.size < d->what.count)
		return em_error_set(err, EM_ERROR_DATA,
		                    "HDF5: the file is cut or damaged: %zu elements of a data set are not there",
		                    d->what.count);
	d->what.data = p;
	return 0;
}

/* Version 3: u8 3, u8 class; 0: u16 bytes, them; 1: address, size; 2: u8 dimensions, address, u32 each. */
static int parse_layout_3(struct em_hdf_dataset *d, const unsigned char *p, size_t n, struct em_error *err)
{
	const struct em_hdf_file *f = d->file;

	if (p[1] == 0 && n >= 4 && em_bytes_u16(p + 2, false) <= n - 4)
		return set_whole(d, p + 4, em_bytes_u16(p + 2, false), err);
	if (p[1] == 1 && n >= 2 + f->offset + f->length) {
		uint64_t bytes = em_hdf_number(p + 2 + f->offset, f->length), at = em_hdf_address(f, p + 2);

		return at == EM_HDF_NOWHERE ? 0 : set_whole(d, em_hdf_at(f, at, bytes), bytes, err);
	}
	if (p[1] != 2 || n < 3 + f->offset || (n - 3 - f->offset) / 4 < p[2])
		return refuse(err, "the layout");
	d->layout = EM_HDF_TREE;
	d->address = em_hdf_address(f, p + 3);
	return parse_chunk(d, p + 3 + f->offset, p[2], 4, err);
}

/* Chunks of version 4: u8 4, u8 2, u8 flags, u8 dimensions, u8 width, sizes, u8 index, what it needs, its address. */
static int parse_layout_4(struct em_hdf_dataset *d, const unsigned char *p, size_t n, struct em_error *err)
{
	static const enum em_hdf_layout layouts[] = {EM_HDF_WHOLE, EM_HDF_SINGLE, EM_HDF_IN_ORDER, EM_HDF_FIXED_ARRAY};
	const struct em_hdf_file *f = d->file;
	size_t at, width = n > 5 ? p[4] : 0, more;

	if (!width || width > 8 || n < 6 + width * p[3])
		return refuse(err, "the layout");
	if (parse_chunk(d, p + 5, p[3], width, err))
		return -1;
	at = 5 + width * p[3];
	if (p[at] < 1 || p[at] > 3)
		return refuse_layout(err, "the index of a data set that can grow, as the newest HDF5 writes it,");
	if (d->what.resizable)
		return refuse_layout(err, "a data set that can grow, as the newest HDF5 writes it,");
	d->layout = layouts[p[at++]];
	more = d->layout == EM_HDF_FIXED_ARRAY ? 1 : d->layout == EM_HDF_SINGLE && p[2] & 2 ? f->length + 4 : 0;
	if (n - at < more + f->offset)
		return refuse(err, "the layout");
	d->stored = d->chunk_bytes;
	if (d->layout == EM_HDF_SINGLE && more) {
		d->stored = em_hdf_number(p + at, f->length);
		d->mask = em_bytes_u32(p + at + f->length, false);
	}
	d->address = em_hdf_address(f, p + at + more);
	return 0;
}

static int parse_layout(struct em_hdf_dataset *d, const struct em_hdf_message *m, struct em_error *err)
{
	if (m->bytes < 2)
		return refuse(err, "the layout");
	if (m->data[0] < 3 || m->data[0] > 5 || m->data[1] > 2)
		return refuse_layout(err, m->data[0] < 3 ? "a data set as HDF5 before 1.6.3 wrote it"
		                                         : "a data set made of others");
	if (m->data[0] >= 4 && m->data[1] == 2)
		return parse_layout_4(d, m->data, m->bytes, err);
	return parse_layout_3(d, m->data, m->bytes, err);
}

/* Version 1, 2: u8, u8, u8, u8 defined, u32 bytes, value.  Version 3: u8 3, u8 flags, u32 bytes, value. */
static void parse_fill(struct em_hdf_dataset *d, const struct em_hdf_message *m)
{
	size_t at = m->bytes > 3 && m->data[0] == 3 ? 2 : 4;
	bool defined = m->bytes > 3 && (at == 2 ? m->data[1] & 0x20 : m->data[3]);

	if (defined && m->bytes >= at + 4 + d->what.type.size &&
	    em_bytes_u32(m->data + at, false) == d->what.type.size)
		d->fill = m->data + at + 4;
}

static int parse_header(struct em_hdf_dataset *d, const struct em_hdf_object *o, struct em_error *err)
{
	const struct em_hdf_message *type = em_hdf_object_find(o, EM_HDF_DATATYPE);
	const struct em_hdf_message *shape = em_hdf_object_find(o, EM_HDF_DATASPACE);
	const struct em_hdf_message *layout = em_hdf_object_find(o, EM_HDF_LAYOUT);
	const struct em_hdf_message *filters = em_hdf_object_find(o, EM_HDF_FILTERS);
	const struct em_hdf_message *fill = em_hdf_object_find(o, EM_HDF_FILL);

	if (!type || !shape || !layout)
		return em_error_set(err, EM_ERROR_DATA, "HDF5: not a data set");
	if (type->shared || shape->shared || (filters && filters->shared))
		return refuse_layout(err, "a type or shape that data sets share");
	if (em_hdf_type_parse(d->file, type->data, type->bytes, &d->what.type) ||
	    em_hdf_shape_parse(d->file, shape->data, shape->bytes, &d->what))
		return refuse(err, "the type or shape (8 dimensions are the limit)");
	if (parse_layout(d, layout, err) || (filters && parse_filters(d, filters, err)))
		return -1;
	if (fill && !fill->shared)
		parse_fill(d, fill);
	if (d->layout == EM_HDF_WHOLE) {
		memcpy(d->chunk, d->what.shape, sizeof(d->chunk));
		d->filters = 0;
	}
	return 0;
}

int em_hdf_dataset_open(const struct em_hdf_tree *tree, const struct em_hdf_node *node, struct em_hdf_dataset *d,
                        struct em_error *err)
{
	struct em_hdf_dataset fresh = {.file = &tree->file, .object = node->address};
	struct em_hdf_object o;
	int status;

	if (em_hdf_object_read(&tree->file, node->address, &o, err))
		return -1;
	status = parse_header(&fresh, &o, err);
	em_hdf_object_release(&o);
	if (!status)
		*d = fresh;
	return status;
}
