/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HyperSpy's HSPY out, version 3.1 of the format: HyperSpy 1.7 and later and RosettaSciIO read it.  Where things are
 * and in which units: HyperSpy's documentation, "Metadata structure".  What that has no place for is in
 * original_metadata, in the words and units of emstream(5).
 */
#include "io/hdf_frames.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Unless there is nothing in it. */
static void put_filled(struct em_hdf_out *out, struct em_text *group, const char *name, struct em_text *object)
{
	if (object->len || object->failed)
		em_hdf_put_group(out, group, name, object);
}

static bool says_eels(const char *text)
{
	return strstr(text, "EELS") != NULL;
}

/* An energy axis may be one of X-rays: only a spectrometer has an angle of collection. */
static bool is_eels(const struct em_hdf_frames *f)
{
	const struct em_meta *m = &f->meta;
	const struct em_axis *last = &f->first.axis[f->first.ndim - 1];

	return em_hdf_frames_are_spectra(f) && !strcmp(last->units, "eV") &&
	       (isfinite(m->collection_mrad) || says_eels(m->detector) || says_eels(m->mode) || says_eels(m->title));
}

/* ---- axes ---- */

static void put_axis(struct em_hdf_out *out, struct em_text *signal, int k, const struct em_axis *axis, size_t size,
                     bool navigate, bool is_binned)
{
	struct em_text group = {0};
	char name[16];

	snprintf(name, sizeof(name), "axis-%d", k);
	em_hdf_put_text(out, &group, "_type", "UniformDataAxis");
	em_hdf_put_known(out, &group, "name", axis->name);
	em_hdf_put_known(out, &group, "units", axis->units);
	em_hdf_put_number(&group, "scale", axis->scale);
	em_hdf_put_number(&group, "offset", axis->offset);
	em_hdf_put_integer(&group, "size", (int64_t)size);
	em_hdf_put_bool(&group, "navigate", navigate);
	em_hdf_put_bool(&group, "is_binned", is_binned);
	em_hdf_put_group(out, signal, name, &group);
}

/* A signal is the last axis of spectra, the last two of pictures; HyperSpy moves through the others. */
static void put_data(struct em_hdf_frames *f, struct em_text *signal)
{
	bool spectra = em_hdf_frames_are_spectra(f) || f->first.ndim == 1;
	struct em_axis axis[EM_MAX_NDIM];
	size_t shape[EM_MAX_NDIM];
	int n = em_hdf_frames_shape(f, shape, axis), own = spectra ? 1 : 2;
	struct em_text data = {0};

	for (int k = 0; k < n; k++)
		put_axis(&f->out, signal, k, &axis[k], shape[k], k < n - own, k == n - 1 && is_eels(f));
	em_hdf_begin_pixels(&data, f->first.dtype, n, shape);
	em_hdf_put_dataset(&f->out, signal, "data", &data);
}

/* ---- metadata ---- */

/* "2016-02-22T18:50:02Z" in parts; other spellings are only in the original metadata. */
static void put_date(struct em_hdf_out *out, struct em_text *general, const char *iso)
{
	char date[11], time[9], zone[8];
	int n = sscanf(iso, "%10[0-9-]T%8[0-9:]%7[Z0-9:+-]", date, time, zone);

	if (n < 1 || strlen(date) != 10 || date[4] != '-' || date[7] != '-')
		return;
	em_hdf_put_text(out, general, "date", date);
	if (n > 1 && strlen(time) == 8)
		em_hdf_put_text(out, general, "time", time);
	if (n > 2)
		em_hdf_put_text(out, general, "time_zone", strcmp(zone, "Z") ? zone : "UTC");
}

static void put_stage(struct em_hdf_out *out, struct em_text *tem, const struct em_meta *m)
{
	struct em_text stage = {0};

	em_hdf_put_number(&stage, "x", m->x_um * 1e-3);
	em_hdf_put_number(&stage, "y", m->y_um * 1e-3);
	em_hdf_put_number(&stage, "z", m->z_um * 1e-3);
	em_hdf_put_number(&stage, "tilt_alpha", m->a_deg);
	em_hdf_put_number(&stage, "tilt_beta", m->b_deg);
	put_filled(out, tem, "Stage", &stage);
}

static void put_detector(struct em_hdf_frames *f, struct em_text *tem)
{
	struct em_text detector = {0}, kind = {0};
	const struct em_meta *m = &f->meta;
	bool eels = is_eels(f);

	em_hdf_put_number(&kind, "exposure", m->exposure_s);
	if (eels) {
		em_hdf_put_number(&kind, "dwell_time", m->dwell_s);
		em_hdf_put_number(&kind, "collection_angle", m->collection_mrad);
	} else {
		em_hdf_put_number(tem, "dwell_time", m->dwell_s);
	}
	put_filled(&f->out, &detector, eels ? "EELS" : "Camera", &kind);
	em_hdf_put_known(&f->out, &detector, "detector_type", m->detector);
	put_filled(&f->out, tem, "Detector", &detector);
}

static void put_instrument(struct em_hdf_frames *f, struct em_text *metadata)
{
	struct em_text instrument = {0}, tem = {0};
	const struct em_meta *m = &f->meta;

	em_hdf_put_number(&tem, "beam_energy", m->beam_kev);
	em_hdf_put_number(&tem, "beam_current", m->beam_current_na);
	em_hdf_put_number(&tem, "magnification", m->magnification);
	em_hdf_put_number(&tem, "camera_length", m->camera_length_mm);
	em_hdf_put_number(&tem, "convergence_angle", m->convergence_mrad);
	em_hdf_put_known(&f->out, &tem, "microscope", m->instrument);
	em_hdf_put_known(&f->out, &tem, "acquisition_mode", m->mode);
	put_stage(&f->out, &tem, m);
	put_detector(f, &tem);
	put_filled(&f->out, &instrument, "TEM", &tem);
	put_filled(&f->out, metadata, "Acquisition_instrument", &instrument);
}

static void put_metadata(struct em_hdf_frames *f, struct em_text *signal)
{
	struct em_text metadata = {0}, general = {0}, kind = {0};

	em_hdf_put_text(&f->out, &general, "title", f->meta.title);
	put_date(&f->out, &general, f->meta.date);
	em_hdf_put_group(&f->out, &metadata, "General", &general);
	em_hdf_put_text(&f->out, &kind, "signal_type", is_eels(f) ? "EELS" : "");
	em_hdf_put_group(&f->out, &metadata, "Signal", &kind);
	put_instrument(f, &metadata);
	em_hdf_put_group(&f->out, signal, "metadata", &metadata);
}

/* ---- all that is known, in our words ---- */

static void put_json(struct em_hdf_out *out, struct em_text *group, const struct em_json *object)
{
	for (const struct em_json *n = em_json_first(object); n; n = em_json_next(n)) {
		double v;

		if (em_json_string(n))
			em_hdf_put_text(out, group, em_json_name(n), em_json_string(n));
		else if (em_json_number(n, &v))
			em_hdf_put_number(group, em_json_name(n), v);
	}
}

static int put_original(struct em_hdf_frames *f, struct em_text *signal, struct em_error *err)
{
	struct em_text original = {0}, ours = {0};
	struct em_record record = {0};
	int status;

	f->meta.nstack = 0;
	status = em_meta_put(&f->meta, &record, err);
	for (size_t i = 0; i < record.count && !status; i++) {
		struct em_json *tree = em_record_tree(&record, record.member[i].name);
		struct em_text member = {0};

		put_json(&f->out, &member, tree);
		put_filled(&f->out, &ours, record.member[i].name, &member);
		em_json_free(tree);
	}
	em_hdf_put_text(&f->out, &ours, "version", EM_VERSION);
	em_hdf_put_group(&f->out, &original, "emfilters", &ours);
	em_hdf_put_group(&f->out, signal, "original_metadata", &original);
	em_record_release(&record);
	return status;
}

/* ---- the file ---- */

static int hspy_finish(void *state, struct em_error *err)
{
	struct em_text root = {0}, experiments = {0}, signal = {0};
	struct em_hdf_frames *f = state;
	struct em_hdf_out *out = &f->out;
	int status;

	put_data(f, &signal);
	put_metadata(f, &signal);
	status = put_original(f, &signal, err);
	em_hdf_put_group(out, &experiments, f->meta.title[0] ? f->meta.title : "__unnamed__", &signal);
	em_hdf_put_group(out, &root, "Experiments", &experiments);
	em_hdf_put_text(out, &root, "file_format", "HyperSpy");
	em_hdf_put_text(out, &root, "file_format_version", "3.1");
	if (em_hdf_out_close(out, &root, status ? NULL : err))
		status = -1;
	free(f);
	return status;
}

const struct em_codec_writer em_hspy_writer = {
	.begin = em_hdf_frames_begin,
	.add = em_hdf_frames_add,
	.finish = hspy_finish,
	.abandon = em_hdf_frames_abandon,
};
