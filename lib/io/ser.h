/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SER, the data files of TIA (Tecnai and Titan Imaging and Analysis), little-endian:
 *
 *	header        49 49 97 01, version (0x210: 4-byte file offsets, 0x220: 8-byte), kind of data, kind of tags,
 *	              number of elements foreseen and of those there, where the offset array is
 *	dimensions    of the series: size, calibration, description, units
 *	offset array  of the data of each element, then of each tag
 *	elements      calibration, type, sizes, values; each with a tag: time, and position where scanned
 *
 * Images are stored from the bottom row up and are turned here.  A series is one frame an element, but the spectra of
 * a complete scan are one array, line or rectangle, since the scan's axes belong to it.  What else is known of a series
 * stands in an EMI file beside it (io/emi.h).
 */
#ifndef EM_IO_SER_H
#define EM_IO_SER_H

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "io/file.h"
#include "io/meta.h"
#include "io/xml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EM_SER_MAX_DIMS 3

enum em_ser_tags {
	EM_SER_TIMES = 0x4152,
	EM_SER_POSITIONS = 0x4142, /* and times */
};

struct em_ser_calibration {
	double offset, delta; /* value(i) = offset + (i - element) * delta, in metres, 1/m or eV */
	int32_t element;
};

struct em_ser_text {
	const unsigned char *bytes; /* in the file, not terminated */
	size_t n;
};

struct em_ser_dimension {
	size_t size;
	struct em_ser_calibration calibration;
	struct em_ser_text description, units;
};

/* A series; it points into the blob and owns nothing.  `known` and `pattern` are what an EMI says. */
struct em_ser {
	struct em_blob blob;
	bool wide, images; /* 8-byte offsets; images, not spectra */
	bool is_complete;  /* the elements fill the dimensions */
	bool cube;         /* the spectra of a complete scan */
	uint32_t tags;     /* EM_SER_..., or another */
	size_t total, valid;
	const unsigned char *offsets;
	size_t dims;
	struct em_ser_dimension dim[EM_SER_MAX_DIMS]; /* the fastest first */
	struct em_meta known; /* of all elements */
	bool pattern;         /* images are diffraction patterns */
};

struct em_ser_element {
	struct em_ser_calibration x, y; /* of spectra: x */
	unsigned type;                  /* as in the file */
	enum em_dtype dtype;
	size_t part; /* bytes of one number: of complex values, of their half */
	size_t width, height;
	const unsigned char *values;
};

bool em_ser_probe(const unsigned char *head, size_t n);
/* The header; both ends of the series are there.  Nothing else is known of it.  EM_ERROR_DATA. */
int em_ser_open(struct em_ser *s, struct em_blob blob, struct em_error *err);
/* Look up what an EMI says of the series; `about` may be NULL. */
void em_ser_describe(struct em_ser *s, const struct em_xml *about);
size_t em_ser_frames(const struct em_ser *s);
int em_ser_find_element(const struct em_ser *s, size_t i, struct em_ser_element *e, struct em_error *err);
/* The tag of an element: 8 bytes, and 16 of a position; NULL where there is none of the kind that the header says. */
const unsigned char *em_ser_find_tag(const struct em_ser *s, size_t i);

/* As em_codec.read and tags do.  `about` is all of what an EMI says, or NULL. */
int em_ser_read(const struct em_ser *s, size_t frame, struct em_array *a, struct em_meta *meta, struct em_error *err);
int em_ser_put_json(const struct em_ser *s, const struct em_xml *about, size_t frame, struct em_text *json,
                    struct em_error *err);

#endif
