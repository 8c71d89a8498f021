/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One frame is its own array; several are one array with an axis more in front.  How many there are is known at the
 * end: the header then takes the place of the one that was written first, which has room for any number.
 */
#include "io/npy.h"
#include "io/writer.h"

#include <stdio.h>

struct writer {
	FILE *file;
	struct em_array first; /* without data */
	size_t header, frames; /* header: its bytes */
};

static int put_header(struct writer *w, size_t frames, struct em_error *err)
{
	struct em_text t = {0};
	int status;

	w->header = em_npy_put_header(&w->first, frames, w->header, &t);
	status = em_text_check(&t, err);
	if (!status && fwrite(t.s, 1, t.len, w->file) != t.len)
		status = em_error_errno(err, "cannot write");
	em_text_release(&t);
	return status;
}

static int begin(const char *path, const struct em_array *first, const struct em_meta *meta, void **state,
                 struct em_error *err)
{
	struct writer *w = em_writer_new(sizeof(*w), path, err);

	(void)meta;
	if (!w)
		return -1;
	w->first = *first;
	w->first.data = NULL;
	if (put_header(w, SIZE_MAX, err)) {
		em_writer_abandon(w);
		return -1;
	}
	*state = w;
	return 0;
}

static int add(void *state, const struct em_array *a, const struct em_meta *meta, struct em_error *err)
{
	struct writer *w = state;
	size_t n = em_array_bytes(a);

	(void)meta;
	if (w->frames && a->ndim == EM_MAX_NDIM)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "NPY: several arrays of %d dimensions cannot be one file: write into a folder, "
		                    "-o DIR/", EM_MAX_NDIM);
	if (fwrite(a->data, 1, n, w->file) != n)
		return em_error_errno(err, "cannot write");
	w->frames++;
	return 0;
}

static int finish(void *state, struct em_error *err)
{
	struct writer *w = state;
	int status = fseek(w->file, 0, SEEK_SET) ? em_error_errno(err, "cannot write") : 0;

	if (!status)
		status = put_header(w, w->frames > 1 ? w->frames : 0, err);
	return em_writer_finish(w, status, err);
}

const struct em_codec_writer em_npy_writer = {begin, add, finish, em_writer_abandon};
