/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Berkeley's EMD out, version 0.2, https://emdatasets.com/format/: one group with the data and the coordinates along
 * each of its dimensions.  What is known of the microscope stands in the attributes that ncempy's files have, in SI
 * units or with the unit in the name.  The format does not say in which order dimensions come: here, as ncempy has it,
 * dim1 is the slowest.  HyperSpy takes it for the fastest and turns what it reads.
 */
#include "io/hdf_frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the data and its coordinates ---- */

/* In brackets, with a '_' behind a prefix and exponents. */
static void put_units(struct em_hdf_out *out, struct em_text *dim, const char *units)
{
	char spelling[sizeof(((struct em_axis *)0)->units) + 2];

	if (!strcmp(units, "nm"))
		units = "n_m";
	else if (!strcmp(units, "1/nm"))
		units = "n_m^-1";
	snprintf(spelling, sizeof(spelling), "[%s]", units);
	em_hdf_put_text(out, dim, "units", units[0] ? spelling : "");
}

/* All of them, and of a single one a second, which tells the step. */
static int put_dim(struct em_hdf_out *out, struct em_text *group, int k, const struct em_axis *axis, size_t size,
                   struct em_error *err)
{
	size_t n = size > 1 ? size : 2;
	double *v = n <= SIZE_MAX / sizeof(*v) ? malloc(n * sizeof(*v)) : NULL;
	struct em_text dim = {0};
	char name[16];

	if (!v)
		return em_error_memory(err, n);
	for (size_t i = 0; i < n; i++)
		v[i] = axis->offset + (double)i * axis->scale;
	snprintf(name, sizeof(name), "dim%d", k + 1);
	em_hdf_begin_numbers(out, &dim, v, n);
	em_hdf_put_text(out, &dim, "name", axis->name);
	put_units(out, &dim, axis->units);
	em_hdf_put_dataset(out, group, name, &dim);
	free(v);
	return 0;
}

static int put_signal(struct em_hdf_frames *f, struct em_text *all, struct em_error *err)
{
	struct em_text group = {0}, data = {0};
	struct em_axis axis[EM_MAX_NDIM];
	size_t shape[EM_MAX_NDIM];
	int n = em_hdf_frames_shape(f, shape, axis), status = 0;

	em_hdf_begin_pixels(&data, f->first.dtype, n, shape);
	em_hdf_put_dataset(&f->out, &group, "data", &data);
	for (int k = 0; k < n && !status; k++)
		status = put_dim(&f->out, &group, k, &axis[k], shape[k], err);
	em_hdf_put_integer(&group, "emd_group_type", 1);
	em_hdf_put_group(&f->out, all, f->meta.title[0] ? f->meta.title : "__unnamed__", &group);
	return status;
}

/* ---- metadata ---- */

static void put_microscope(struct em_hdf_out *out, struct em_text *root, const struct em_meta *m)
{
	struct em_text group = {0};

	em_hdf_put_known(out, &group, "name", m->instrument);
	em_hdf_put_known(out, &group, "mode", m->mode);
	em_hdf_put_known(out, &group, "detector", m->detector);
	em_hdf_put_known(out, &group, "date", m->date);
	em_hdf_put_number(&group, "high tension", m->beam_kev * 1e3);
	em_hdf_put_number(&group, "magnification", m->magnification);
	em_hdf_put_number(&group, "camera length", m->camera_length_mm * 1e-3);
	em_hdf_put_number(&group, "convergence angle", m->convergence_mrad * 1e-3);
	em_hdf_put_number(&group, "collection angle", m->collection_mrad * 1e-3);
	em_hdf_put_number(&group, "defocus", m->defocus_nm * 1e-9);
	em_hdf_put_number(&group, "beam current", m->beam_current_na * 1e-9);
	em_hdf_put_number(&group, "dwell time", m->dwell_s);
	em_hdf_put_number(&group, "exposure time", m->exposure_s);
	em_hdf_put_number(&group, "Stage X [um]", m->x_um);
	em_hdf_put_number(&group, "Stage Y [um]", m->y_um);
	em_hdf_put_number(&group, "Stage Z [um]", m->z_um);
	em_hdf_put_number(&group, "Stage A [deg]", m->a_deg);
	em_hdf_put_number(&group, "Stage B [deg]", m->b_deg);
	em_hdf_put_group(out, root, "microscope", &group);
}

static void put_stage(struct em_hdf_out *out, struct em_text *root, const struct em_meta *m)
{
	struct em_text group = {0};

	em_hdf_put_known(out, &group, "type", m->holder);
	if (group.len || group.failed)
		em_hdf_put_group(out, root, "stage", &group);
}

/* The format wants these groups; a comment has a name, which elsewhere is the time it was made. */
static void put_others(struct em_hdf_out *out, struct em_text *root)
{
	struct em_text sample = {0}, user = {0}, comments = {0};

	em_hdf_put_group(out, root, "sample", &sample);
	em_hdf_put_group(out, root, "user", &user);
	em_hdf_put_text(out, &comments, "software", "emfilters " EM_VERSION);
	em_hdf_put_group(out, root, "comments", &comments);
}

static int emd_finish(void *state, struct em_error *err)
{
	struct em_text root = {0}, all = {0};
	struct em_hdf_frames *f = state;
	int status = put_signal(f, &all, err);

	em_hdf_put_group(&f->out, &root, "data", &all);
	put_microscope(&f->out, &root, &f->meta);
	put_stage(&f->out, &root, &f->meta);
	put_others(&f->out, &root);
	em_hdf_put_integer(&root, "version_major", 0);
	em_hdf_put_integer(&root, "version_minor", 2);
	if (em_hdf_out_close(&f->out, &root, status ? NULL : err))
		status = -1;
	free(f);
	return status;
}

const struct em_codec_writer em_emd_writer = {
	.begin = em_hdf_frames_begin,
	.add = em_hdf_frames_add,
	.finish = emd_finish,
	.abandon = em_hdf_frames_abandon,
};
