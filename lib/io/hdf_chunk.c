/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a chunk lies, in a time that hardly grows with their number: the last frame of a movie comes at once. */
#include "io/hdf_read.h"

#include "io/bytes.h"

#include <string.h>

#define CHECKSUM_BYTES 4

static int refuse_index(uint64_t address, struct em_error *err)
{
	return em_hdf_refuse(err, "the index of a data set's chunks", address);
}

/* Does the chunk of the key (u32, u32, u64 an axis) begin behind this place? */
static int compare_key(const struct em_hdf_dataset *d, const unsigned char *key, const size_t *place)
{
	for (int i = 0; i < d->what.ndim; i++) {
		uint64_t v = em_bytes_u64(key + 8 + 8 * i, false);

		if (v != place[i])
			return v < place[i] ? -1 : 1;
	}
	return 0;
}

/* "TREE", u8 1: of chunks, u8 level, u16 children, two siblings; then key, child, key, ... child, key. */
static int find_in_tree(const struct em_hdf_dataset *d, const size_t *place, struct em_hdf_chunk *c,
                        struct em_error *err)
{
	const struct em_hdf_file *f = d->file;
	size_t head = 8 + 2 * f->offset, key = 8 + 8 * ((size_t)d->what.ndim + 1), entry = key + f->offset;
	uint64_t address = d->address;
	int above = 256;

	while (address != EM_HDF_NOWHERE) {
		const unsigned char *p = em_hdf_at(f, address, head);
		size_t low = 0, high = p ? em_bytes_u16(p + 6, false) : 0;
		int level = p ? p[5] : 0, order;

		if (!p || memcmp(p, "TREE", 4) || p[4] != 1 || level >= above ||
		    !em_hdf_at(f, address, head + high * entry))
			return refuse_index(address, err);
		p += head;
		if (!high)
			break;
		/* The last child whose first chunk is not behind the place. */
		while (high - low > 1) {
			size_t middle = low + (high - low) / 2;

			*(compare_key(d, p + middle * entry, place) <= 0 ? &low : &high) = middle;
		}
		p += low * entry;
		order = compare_key(d, p, place);
		if (order > 0 || (!level && order))
			break;
		address = em_hdf_address(f, p + key);
		if (!level) {
			*c = (struct em_hdf_chunk){address, em_bytes_u32(p, false), em_bytes_u32(p + 4, false)};
			return 0;
		}
		above = level;
	}
	c->address = EM_HDF_NOWHERE;
	return 0;
}

/* The place of a chunk among all, the last axis fastest. */
static size_t chunk_number(const struct em_hdf_dataset *d, const size_t *place)
{
	size_t number = 0;

	for (int i = 0; i < d->what.ndim; i++)
		number = number * ((d->what.shape[i] - 1) / d->chunk[i] + 1) + place[i] / d->chunk[i];
	return number;
}

/*
 * "FAHD", u8 0, u8 client, u8 bytes an entry, u8 pages' bits, the number of entries, the block: "FADB", u8 0, u8
 * client, back to the header, [a bit a page, a checksum], entries, of each page a checksum behind them.
 */
static int find_in_array(const struct em_hdf_dataset *d, size_t number, struct em_hdf_chunk *c, struct em_error *err)
{
	const struct em_hdf_file *f = d->file;
	const unsigned char *p = em_hdf_at(f, d->address, 8 + f->length + f->offset);
	uint64_t entries, block, page;
	size_t entry;

	if (!p || memcmp(p, "FAHD", 4) || p[6] < f->offset || p[6] > f->offset + 12 || p[7] > 32)
		return refuse_index(d->address, err);
	entry = p[6];
	page = (uint64_t)1 << p[7];
	entries = em_hdf_number(p + 8, f->length);
	block = em_hdf_address(f, p + 8 + f->length);
	if (number >= entries || entries > f->blob.size)
		return refuse_index(d->address, err);
	p = em_hdf_at(f, block, 6 + f->offset);
	if (!p || memcmp(p, "FADB", 4))
		return refuse_index(block, err);
	block += 6 + f->offset;
	if (entries > page)
		block += ((entries + page - 1) / page + 7) / 8 + CHECKSUM_BYTES +
		         number / page * (page * entry + CHECKSUM_BYTES) + number % page * entry;
	else
		block += number * entry;
	p = em_hdf_at(f, block, entry);
	if (!p || (d->filters && entry < f->offset + 5))
		return refuse_index(block, err);
	*c = (struct em_hdf_chunk){em_hdf_address(f, p), d->chunk_bytes, 0};
	if (d->filters) {
		c->bytes = em_hdf_number(p + f->offset, entry - f->offset - 4);
		c->mask = em_bytes_u32(p + entry - 4, false);
	}
	return 0;
}

int em_hdf_chunk_find(const struct em_hdf_dataset *d, const size_t *place, struct em_hdf_chunk *c,
                      struct em_error *err)
{
	*c = (struct em_hdf_chunk){d->address, d->stored, d->mask};
	if (d->layout == EM_HDF_TREE)
		return find_in_tree(d, place, c, err);
	if (d->address == EM_HDF_NOWHERE || d->layout == EM_HDF_SINGLE)
		return 0;
	if (d->layout == EM_HDF_FIXED_ARRAY)
		return find_in_array(d, chunk_number(d, place), c, err);
	if (chunk_number(d, place) > (UINT64_MAX - d->address) / d->chunk_bytes)
		return refuse_index(d->address, err);
	c->address += chunk_number(d, place) * d->chunk_bytes;
	return 0;
}
