/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tiff_tags.h"

#include "io/bytes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- directories ---- */

bool em_tiff_view_has(const struct em_tiff_view *v, uint64_t at, uint64_t n)
{
	return at <= v->blob.size && n <= v->blob.size - at;
}

uint64_t em_tiff_view_get(const struct em_tiff_view *v, uint64_t at, int n)
{
	const unsigned char *p = v->blob.data + at;
	uint64_t number = 0;

	for (int i = 0; i < n; i++)
		number = number << 8 | p[v->big_endian ? i : n - 1 - i];
	return number;
}

bool em_tiff_directory_at(const struct em_tiff_view *v, uint64_t at, struct em_tiff_directory *d)
{
	uint64_t count_bytes = v->big ? 8 : 2, entry_bytes = v->big ? 20 : 12, next_bytes = v->big ? 8 : 4, entries;

	if (!em_tiff_view_has(v, at, count_bytes))
		return false;
	entries = em_tiff_view_get(v, at, (int)count_bytes);
	at += count_bytes;
	if (entries > v->blob.size / entry_bytes || !em_tiff_view_has(v, at, entries * entry_bytes + next_bytes))
		return false;
	*d = (struct em_tiff_directory){*v, at, entries,
	                                em_tiff_view_get(v, at + entries * entry_bytes, (int)next_bytes)};
	return true;
}

size_t em_tiff_type_size(unsigned type)
{
	static const unsigned char size[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};

	return type < sizeof(size) ? size[type] : 0;
}

bool em_tiff_directory_value(const struct em_tiff_directory *d, uint64_t i, struct em_tiff_value *value)
{
	const struct em_tiff_view *v = &d->view;
	uint64_t entry = d->place + i * (v->big ? 20 : 12), count, size, at;
	unsigned inside = v->big ? 8 : 4; /* bytes that an entry holds itself */
	unsigned type = (unsigned)em_tiff_view_get(v, entry + 2, 2);

	count = em_tiff_view_get(v, entry + 4, (int)inside);
	size = em_tiff_type_size(type);
	if (!size || count > v->blob.size / size)
		return false;
	at = entry + 4 + inside;
	if (count * size > inside)
		at = em_tiff_view_get(v, at, (int)inside);
	if (!em_tiff_view_has(v, at, count * size))
		return false;
	*value = (struct em_tiff_value){(unsigned)em_tiff_view_get(v, entry, 2), type, count, v->blob.data + at,
	                                v->big_endian};
	return true;
}

bool em_tiff_find(const struct em_tiff_directory *d, unsigned tag, struct em_tiff_value *value)
{
	for (uint64_t i = 0; i < d->entries; i++)
		if (em_tiff_view_get(&d->view, d->place + i * (d->view.big ? 20 : 12), 2) == tag)
			return em_tiff_directory_value(d, i, value);
	return false;
}

/* ---- values ---- */

static bool get_rational(const unsigned char *p, bool big, bool is_signed, double *number)
{
	uint32_t top = em_bytes_u32(p, big), below = em_bytes_u32(p + 4, big);

	if (!below)
		return false;
	*number = is_signed ? (double)(int32_t)top / (int32_t)below : (double)top / below;
	return true;
}

bool em_tiff_value_number(const struct em_tiff_value *value, uint64_t i, double *number)
{
	const unsigned char *p = value->bytes + i * em_tiff_type_size(value->type);
	bool big = value->big_endian;
	double v;

	switch (value->type) {
	case EM_TIFF_BYTE:
	case EM_TIFF_UNDEFINED: v = p[0]; break;
	case EM_TIFF_SHORT: v = em_bytes_u16(p, big); break;
	case EM_TIFF_LONG:
	case 13: v = em_bytes_u32(p, big); break;
	case EM_TIFF_RATIONAL:
	case 10: return get_rational(p, big, value->type == 10, number);
	case 6: v = (signed char)p[0]; break;
	case 8: v = (int16_t)em_bytes_u16(p, big); break;
	case 9: v = (int32_t)em_bytes_u32(p, big); break;
	case 11: v = em_bytes_f32(p, big); break;
	case EM_TIFF_DOUBLE: v = em_bytes_f64(p, big); break;
	case 16:
	case 18: v = (double)em_bytes_u64(p, big); break;
	case 17: v = (double)(int64_t)em_bytes_u64(p, big); break;
	default: return false;
	}
	if (!isfinite(v))
		return false;
	*number = v;
	return true;
}

bool em_tiff_number(const struct em_tiff_directory *d, unsigned tag, double *number)
{
	struct em_tiff_value value;

	return em_tiff_find(d, tag, &value) && value.count && em_tiff_value_number(&value, 0, number);
}

struct em_span em_tiff_text(const struct em_tiff_directory *d, unsigned tag)
{
	struct em_tiff_value value;
	const unsigned char *end;
	size_t n;

	if (!em_tiff_find(d, tag, &value) || em_tiff_type_size(value.type) != 1)
		return (struct em_span){NULL, 0};
	n = value.count < EM_TIFF_TEXT_MAX ? (size_t)value.count : EM_TIFF_TEXT_MAX;
	end = memchr(value.bytes, 0, n);
	return (struct em_span){(const char *)value.bytes, end ? (size_t)(end - value.bytes) : n};
}
