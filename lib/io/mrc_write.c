/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * MRC2014 out: pictures of one size one after the other, then the header, since only the end knows how many there are
 * and what their mean is.  Layout as in mrc.c.
 */
#include "io/mrc.h"

#include "base/units.h"
#include "io/bytes.h"
#include "io/writer.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mrc_out {
	FILE *f; /* the first: io/writer.h */
	enum em_dtype dtype;
	unsigned mode;
	size_t height, width, frames;
	double scale_y, scale_x; /* Angstrom; 0: not calibrated */
	unsigned char *row;      /* as the file has it */
	/* of the finite values: sums are of distances from the first, lest large numbers eat small differences */
	double first, least, greatest, sum, sum_squares, count;
};

static const struct {
	enum em_dtype dtype;
	unsigned mode;
	size_t item, part; /* bytes in the file of a pixel, and of the numbers it is made of */
} modes[] = {
	{EM_I8, 0, 1, 1},  {EM_I16, 1, 2, 2}, {EM_F32, 2, 4, 4},
	{EM_C64, 4, 8, 4}, {EM_U16, 6, 2, 2}, {EM_U8, 6, 2, 2}, /* mode 0 is signed for most readers */
};

#define MODES (sizeof(modes) / sizeof(modes[0]))

static size_t mode_of(enum em_dtype dtype)
{
	size_t i = 0;

	while (i < MODES && modes[i].dtype != dtype)
		i++;
	return i;
}

/* Angstrom a pixel, 0 where the axis is no length. */
static double scale_of(const struct em_axis *axis)
{
	double metres;

	if (!em_axis_is_calibrated(axis) || em_units_length_in_m(axis->units, &metres))
		return 0;
	return fabs(axis->scale) * metres * 1e10;
}

static int check(const struct em_array *a, struct em_error *err)
{
	if (a->ndim != 2)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "MRC: holds pictures, not arrays of %d dimensions: write those as npy", a->ndim);
	if (mode_of(a->dtype) == MODES)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "MRC: has no mode for %s (int8, int16, uint8, uint16, float32 and complex64 can be "
		                    "written): convert it, or write npy",
		                    em_dtype_name(a->dtype));
	if (!a->shape[0] || !a->shape[1] || a->shape[0] > INT32_MAX || a->shape[1] > INT32_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "MRC: cannot hold %zu x %zu pixels", a->shape[1], a->shape[0]);
	return 0;
}

static void mrc_abandon(void *state)
{
	struct mrc_out *w = state;

	free(w->row);
	em_writer_abandon(w);
}

static int mrc_begin(const char *path, const struct em_array *first, const struct em_meta *meta, void **state,
                     struct em_error *err)
{
	static const unsigned char header[EM_MRC_HEADER];
	struct mrc_out *w;

	(void)meta;
	if (check(first, err))
		return -1;
	w = em_writer_new(sizeof(*w), path, err);
	if (!w)
		return -1;
	w->row = malloc(first->shape[1] * modes[mode_of(first->dtype)].item);
	w->dtype = first->dtype;
	w->mode = modes[mode_of(first->dtype)].mode;
	w->height = first->shape[0];
	w->width = first->shape[1];
	w->scale_y = scale_of(&first->axis[0]);
	w->scale_x = scale_of(&first->axis[1]);
	if (!w->row || fwrite(header, 1, sizeof(header), w->f) != sizeof(header)) {
		if (w->row)
			em_error_errno(err, "cannot write '%s'", path);
		else
			em_error_memory(err, first->shape[1]);
		mrc_abandon(w);
		return -1;
	}
	*state = w;
	return 0;
}

/* ---- what the header says of the values ---- */

static void count_values(struct mrc_out *w, const struct em_array *a)
{
	size_t n = em_array_count(a);

	for (size_t i = 0; i < n; i++) {
		double v = em_array_get(a, i);

		if (!isfinite(v))
			continue;
		if (w->count < 1)
			w->first = w->least = w->greatest = v;
		w->least = v < w->least ? v : w->least;
		w->greatest = v > w->greatest ? v : w->greatest;
		v -= w->first;
		w->sum += v;
		w->sum_squares += v * v;
		w->count++;
	}
}

/* ---- pixels ---- */

static void pack_row(const struct mrc_out *w, const unsigned char *from)
{
	size_t kind = mode_of(w->dtype), part = modes[kind].part;

	if (w->dtype != EM_U8) {
		em_bytes_copy(w->row, from, w->width * modes[kind].item / part, part, false);
		return;
	}
	for (size_t x = 0; x < w->width; x++) {
		w->row[2 * x] = from[x];
		w->row[2 * x + 1] = 0;
	}
}

static int mrc_add(void *state, const struct em_array *a, const struct em_meta *meta, struct em_error *err)
{
	struct mrc_out *w = state;
	size_t row = w->width * modes[mode_of(w->dtype)].item;
	const unsigned char *from = a->data;

	(void)meta;
	if (w->frames == INT32_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "MRC: cannot hold more than %d pictures", INT32_MAX);
	for (size_t y = 0; y < w->height; y++, from += w->width * em_dtype_size(w->dtype)) {
		pack_row(w, from);
		if (fwrite(w->row, 1, row, w->f) != row)
			return em_error_errno(err, "cannot write the MRC file");
	}
	if (w->dtype != EM_C64)
		count_values(w, a);
	w->frames++;
	return 0;
}

/* ---- the header ---- */

static void put_i32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static void put_f32(unsigned char *p, double v)
{
	float f = (float)v;
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	put_i32(p, bits);
}

/* Not known (of complex numbers, of nothing but NaN): MRC2014 has a maximum below the minimum, a mean below both and a
 * negative rms say so. */
static void put_statistics(const struct mrc_out *w, unsigned char *head)
{
	double mean = w->count > 0 ? w->sum / w->count : 0;
	double variance = w->count > 0 ? w->sum_squares / w->count - mean * mean : 0;

	put_f32(head + 76, w->count > 0 ? w->least : 0);
	put_f32(head + 80, w->count > 0 ? w->greatest : -1);
	put_f32(head + 84, w->count > 0 ? w->first + mean : -2);
	put_f32(head + 216, w->count > 0 ? sqrt(variance > 0 ? variance : 0) : -1);
}

/* MZ is 1 and the space group 0: a pile of pictures, not a volume; so the cell is one pixel high. */
static void put_cell(const struct mrc_out *w, unsigned char *head)
{
	bool known = w->scale_x > 0 && w->scale_y > 0;

	put_i32(head + 28, (uint32_t)w->width);
	put_i32(head + 32, (uint32_t)w->height);
	put_i32(head + 36, 1);
	put_f32(head + 40, known ? w->scale_x * (double)w->width : 0);
	put_f32(head + 44, known ? w->scale_y * (double)w->height : 0);
	put_f32(head + 48, known ? w->scale_x : 0);
	for (unsigned i = 0; i < 3; i++) {
		put_f32(head + 52 + 4 * i, 90);
		put_i32(head + 64 + 4 * i, i + 1);
	}
}

static void put_header(const struct mrc_out *w, unsigned char *head)
{
	static const char label[] = "emfilters " EM_VERSION;

	put_i32(head, (uint32_t)w->width);
	put_i32(head + 4, (uint32_t)w->height);
	put_i32(head + 8, (uint32_t)w->frames);
	put_i32(head + 12, w->mode);
	put_cell(w, head);
	put_statistics(w, head);
	put_i32(head + 108, 20140); /* the year of the format, and its revision */
	if (w->dtype == EM_I8) {    /* IMOD would else take them for unsigned */
		put_i32(head + 152, EM_MRC_IMOD_STAMP);
		put_i32(head + 156, 1);
	}
	memcpy(head + 208, "MAP DD", 6);
	put_i32(head + 220, 1);
	memset(head + 224, ' ', 80);
	memcpy(head + 224, label, sizeof(label) - 1 < 80 ? sizeof(label) - 1 : 80);
}

static int mrc_finish(void *state, struct em_error *err)
{
	struct mrc_out *w = state;
	unsigned char head[EM_MRC_HEADER] = {0};
	int status = 0;

	put_header(w, head);
	if (fseek(w->f, 0, SEEK_SET) || fwrite(head, 1, sizeof(head), w->f) != sizeof(head))
		status = em_error_errno(err, "cannot write the MRC file");
	free(w->row);
	return em_writer_finish(w, status, err);
}

const struct em_codec_writer em_mrc_writer = {
	.begin = mrc_begin,
	.add = mrc_add,
	.finish = mrc_finish,
	.abandon = mrc_abandon,
};
