/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/hdf_frames.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int em_hdf_frames_begin(const char *path, const struct em_array *first, const struct em_meta *meta, void **state,
                        struct em_error *err)
{
	struct em_hdf_frames *f;

	if (first->ndim < 1 || !em_array_count(first))
		return em_error_set(err, EM_ERROR_USAGE, "HDF5: there is nothing in an array of no elements");
	f = calloc(1, sizeof(*f));
	if (!f)
		return em_error_memory(err, sizeof(*f));
	if (em_hdf_out_open(&f->out, path, err)) {
		free(f);
		return -1;
	}
	f->first = *first;
	f->first.data = NULL;
	f->meta = *meta;
	f->ordered = meta->nstack > 0;
	*state = f;
	return 0;
}

void em_hdf_frames_abandon(void *state)
{
	struct em_hdf_frames *f = state;

	em_hdf_out_release(&f->out);
	free(f);
}

/* ---- places in the stack ---- */

static bool is_along(const struct em_meta *a, const struct em_meta *b)
{
	bool same = a->nstack == b->nstack;

	for (int k = 0; same && k < a->nstack; k++)
		same = a->stack[k].size == b->stack[k].size && a->stack[k].size > 0;
	return same;
}

/* Is this the place of frame `count`? */
static bool is_next(struct em_hdf_frames *f, const struct em_meta *meta)
{
	size_t rest = f->count;

	if (!is_along(&f->meta, meta))
		return false;
	if (meta->nstack == 1) {
		if (f->count == 1)
			f->step = meta->stack[0].index - f->meta.stack[0].index;
		return meta->stack[0].index == f->meta.stack[0].index + f->count * f->step &&
		       (!f->count || meta->stack[0].index > f->meta.stack[0].index);
	}
	for (int k = meta->nstack; k-- > 0; rest /= meta->stack[k].size)
		if (meta->stack[k].index != rest % meta->stack[k].size)
			return false;
	return !rest;
}

/* Do the frames, which came in order, reach the end of the stack? */
static bool is_full(const struct em_hdf_frames *f)
{
	size_t rest = f->count;

	if (!f->ordered || f->first.ndim + f->meta.nstack > EM_MAX_NDIM)
		return false;
	for (int k = f->meta.nstack; k-- > 0 && f->meta.nstack > 1; rest /= f->meta.stack[k].size)
		if (rest % f->meta.stack[k].size)
			return false;
	return f->meta.nstack == 1 || rest == 1;
}

int em_hdf_frames_add(void *state, const struct em_array *a, const struct em_meta *meta, struct em_error *err)
{
	struct em_hdf_frames *f = state;

	if (f->count && a->ndim == EM_MAX_NDIM)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "HDF5: arrays of %d dimensions in a stack have too many: write them into a folder, "
		                    "-o DIR/", a->ndim);
	if (em_hdf_out_append(&f->out, a->data, em_array_bytes(a), err))
		return -1;
	f->ordered = f->ordered && is_next(f, meta);
	em_meta_keep_common(&f->meta, meta);
	f->count++;
	return 0;
}

/* ---- the data set ---- */

bool em_hdf_frames_are_spectra(const struct em_hdf_frames *f)
{
	const char *name = f->first.axis[f->first.ndim - 1].name;

	return !strcmp(name, "energy") || !strcmp(name, "wavelength");
}

/* A stack does not name its axes: spectra were taken along a line or in an area, pictures in time or along z. */
static void set_stack_axis(const struct em_hdf_frames *f, int k, struct em_axis *axis)
{
	int n = f->meta.nstack, back = n - k;
	bool spectra = em_hdf_frames_are_spectra(f), length;
	char name[16];
	double metres;

	*axis = f->meta.stack[k].axis;
	length = !em_units_length_in_m(axis->units, &metres);
	snprintf(name, sizeof(name), "axis-%d", k);
	if (n == 1)
		snprintf(name, sizeof(name), "%s", !length ? "t" : spectra ? "x" : "z");
	else if (back <= 2)
		snprintf(name, sizeof(name), "%s%s", spectra ? "" : "scan_", back == 1 ? "x" : "y");
	em_axis_set(axis, name, axis->scale, axis->offset, axis->units);
}

int em_hdf_frames_shape(const struct em_hdf_frames *f, size_t *shape, struct em_axis *axis)
{
	bool full = is_full(f);
	int n = 0;

	for (; full && f->count > 1 && n < f->meta.nstack; n++) {
		set_stack_axis(f, n, &axis[n]);
		shape[n] = f->meta.stack[n].size;
	}
	if (!full && f->count > 1)
		em_axis_set(&axis[n++], "t", 1, 0, "");
	if (n == 1)
		shape[0] = f->count;
	if (n == 1 && full) {
		axis[0].offset += (double)f->meta.stack[0].index * axis[0].scale;
		axis[0].scale *= (double)f->step;
	}
	for (int k = 0; k < f->first.ndim; k++, n++) {
		axis[n] = f->first.axis[k];
		shape[n] = f->first.shape[k];
	}
	return n;
}
