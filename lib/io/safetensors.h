/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Weights of neural networks as .safetensors: 8 bytes with the length of a header (little-endian), the header as JSON,
 * then the tensors' elements, one tensor after the other, little-endian, C order.  The header is
 *
 *     {"__metadata__":{"NAME":"TEXT",...},"TENSOR":{"dtype":"F32","shape":[64,3,7,7],"data_offsets":[BEGIN,END]},...}
 *
 * with offsets from the header's end.  Nothing of a file is believed: names are unique, each tensor has exactly the
 * bytes that its shape asks for, and they fill the file without gaps or overlaps.
 */
#ifndef EM_IO_SAFETENSORS_H
#define EM_IO_SAFETENSORS_H

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "io/file.h"

#include <stddef.h>

#define EM_SAFETENSORS_MAX_HEADER ((size_t)4 << 20) /* bytes; that of a ViT-g has 0.1 MB */

struct em_tensor {
	const char *name;  /* borrowed from the file, as all here */
	const char *dtype; /* as the file has it: "F32", "F16", "BF16" can be loaded, others only listed */
	int ndim;          /* 0: a scalar */
	size_t shape[EM_MAX_NDIM];
	size_t count; /* elements */
	const unsigned char *data;
	size_t size; /* bytes of data */
};

struct em_safetensors;

/* Bytes that stay the caller's and outlive what is made of them.  EM_ERROR_DATA says what is wrong with them. */
struct em_safetensors *em_safetensors_new(struct em_blob bytes, struct em_error *err);
/* A file, mapped until it is freed.  EM_ERROR_IO as well. */
struct em_safetensors *em_safetensors_open(const char *path, struct em_error *err);
void em_safetensors_free(struct em_safetensors *file); /* NULL allowed */

/* The whole file's bytes. */
struct em_blob em_safetensors_bytes(const struct em_safetensors *file);
/* A text of __metadata__; NULL where there is none of that name. */
const char *em_safetensors_metadata(const struct em_safetensors *file, const char *name);
/* The name of the i-th text of __metadata__ in the file's order, and the text (NULL where it is none); NULL past the
 * last. */
const char *em_safetensors_note_at(const struct em_safetensors *file, size_t i, const char **text);
/* The i-th tensor in the order of their names; NULL past the last. */
const struct em_tensor *em_safetensors_at(const struct em_safetensors *file, size_t i);
const struct em_tensor *em_safetensors_find(const struct em_safetensors *file, const char *name); /* NULL: none */

/* The elements as float32 into out[t->count].  EM_ERROR_DATA, naming the tensor: its dtype is none of F32, F16, BF16;
 * an element is NaN or infinite. */
int em_tensor_load(const struct em_tensor *t, float *out, struct em_error *err);

/* ---- out ---- */

struct em_safetensors_note {
	const char *name, *text; /* UTF-8 */
};

/* float32, to be written. */
struct em_tensor_out {
	const char *name; /* each another, none "__metadata__" */
	int ndim;
	size_t shape[EM_MAX_NDIM];
	const float *values; /* C order */
};

/*
 * Appends a whole file to out: tensors one after the other as given, notes as __metadata__, blanks behind the header so
 * that the elements start at a multiple of 8 bytes.  EM_ERROR_DATA, naming the tensor: an element is NaN or infinite;
 * EM_ERROR_MEMORY.
 */
int em_safetensors_print(const struct em_tensor_out *tensors, size_t count, const struct em_safetensors_note *notes,
                         size_t note_count, struct em_text *out, struct em_error *err);

#endif
