/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NPY in parts, for npy.c's codec and for the arrays inside an NPZ.  The format: numpy/lib/format.py, version 1-3. */
#ifndef EM_IO_NPY_H
#define EM_IO_NPY_H

#include "io/codec.h"

#include <stdint.h>

struct em_npy_header {
	char kind;       /* 'b' bool, 'i', 'u', 'f', 'c' */
	size_t item;     /* bytes an element in the file */
	bool swap;       /* big-endian */
	bool fortran;    /* first index fastest */
	int ndim;
	bool stack; /* the first dimension counts frames: of three, unless a caller knows better and says no */
	size_t shape[EM_MAX_NDIM];
	enum em_dtype dtype; /* of the array we give: bool as uint8, half as float32 */
	size_t offset;   /* of the elements, from the start of the file */
	size_t bytes;    /* all of them */
};

/* No more than so many bytes of a file are looked at for its header. */
#define EM_NPY_HEADER_MAX 65536

bool em_npy_probe(const unsigned char *head, size_t n);
/*
 * Append the header of an array of little-endian elements in C order; `frames` > 0: of so many of them, along one more
 * axis before the others.  It is padded to at least `bytes`, and its length is a multiple of 64 and returned.
 */
size_t em_npy_put_header(const struct em_array *a, size_t frames, size_t bytes, struct em_text *out);
extern const struct em_codec_writer em_npy_writer;
/* The first n bytes of a file.  Never looks past them. */
int em_npy_parse_header(const unsigned char *head, size_t n, struct em_npy_header *h, struct em_error *err);
/* A whole file: the array ends where the file does. */
int em_npy_parse_file(struct em_blob blob, struct em_npy_header *h, struct em_error *err);
/* As a file of frames: shape[0] of a stack, else 1.
 * EM_ERROR_DATA for an array without elements, and for a single number. */
int em_npy_count_frames(const struct em_npy_header *h, size_t *frames, struct em_error *err);
/* `elements`: h->bytes bytes. */
int em_npy_read_frame(const struct em_npy_header *h, const unsigned char *elements, size_t frame, struct em_array *a,
                      struct em_error *err);
/*
 * A whole file's array as its bytes lie, which outlive *view; false where they are in another order or type, or not
 * aligned: em_npy_decode copies them.
 */
bool em_npy_view(struct em_blob blob, struct em_array *view);
/* What is left when the first `leading` axes (less than all) are fixed at place `index` of them, counted in C order. */
int em_npy_read_part(const struct em_npy_header *h, const unsigned char *elements, int leading, size_t index,
                     struct em_array *a, struct em_error *err);

#endif
