/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tags of a TIFF or BigTIFF, straight from the bytes of a directory.  libtiff decodes pixels; what microscopes add
 * in tags of their own is read here, by any number of threads, and every value is checked to lie in the file.
 */
#ifndef EM_IO_TIFF_TAGS_H
#define EM_IO_TIFF_TAGS_H

#include "io/codec.h"
#include "io/lines.h"

#include <stdint.h>

#define EM_TIFF_TEXT_MAX ((size_t)1 << 18) /* longer texts are cut: they are looked through for each page */

enum {
	EM_TIFF_BYTE = 1,
	EM_TIFF_ASCII,
	EM_TIFF_SHORT,
	EM_TIFF_LONG,
	EM_TIFF_RATIONAL,
	EM_TIFF_UNDEFINED = 7,
	EM_TIFF_DOUBLE = 12
};

struct em_tiff_view {
	struct em_blob blob;
	bool big_endian, big; /* big: BigTIFF */
};

/* `count` values of a type; `bytes` borrowed from the file. */
struct em_tiff_value {
	unsigned tag, type;
	uint64_t count;
	const unsigned char *bytes;
	bool big_endian;
};

struct em_tiff_directory {
	struct em_tiff_view view;
	uint64_t place; /* of the first entry; 0: an empty directory, in which nothing is found */
	uint64_t entries, next;
};

bool em_tiff_view_has(const struct em_tiff_view *v, uint64_t at, uint64_t n);
/* The unsigned integer of n <= 8 bytes at `at`, which the caller has checked to be there. */
uint64_t em_tiff_view_get(const struct em_tiff_view *v, uint64_t at, int n);
/* False, *d untouched, where it is not wholly in the file. */
bool em_tiff_directory_at(const struct em_tiff_view *v, uint64_t at, struct em_tiff_directory *d);

/* Entry i; false for an unknown type and for values that are not wholly in the file. */
bool em_tiff_directory_value(const struct em_tiff_directory *d, uint64_t i, struct em_tiff_value *value);
bool em_tiff_find(const struct em_tiff_directory *d, unsigned tag, struct em_tiff_value *value);

size_t em_tiff_type_size(unsigned type); /* 0: unknown */
/* Value i < count as a number.  False for texts, for NaN and infinities, and for a rational with denominator 0. */
bool em_tiff_value_number(const struct em_tiff_value *value, uint64_t i, double *number);
/* The first number of a tag; false, *number untouched, where there is none. */
bool em_tiff_number(const struct em_tiff_directory *d, unsigned tag, double *number);
/* The bytes of ASCII, BYTE or UNDEFINED up to a NUL, at most EM_TIFF_TEXT_MAX; {NULL, 0} where there are none. */
struct em_span em_tiff_text(const struct em_tiff_directory *d, unsigned tag);

#endif
