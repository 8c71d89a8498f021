/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HyperSpy's HSPY (and .hdf5 before version 1.2 of HyperSpy).  Layout: the documentation of RosettaSciIO, and files of
 * versions 1.0 to 3.3.
 *
 *	/Experiments/TITLE/data         the array; dimensions of navigation come first
 *	/Experiments/TITLE/axis-0 ...   a group a dimension: name, units, scale, offset, navigate
 *	/Experiments/TITLE/metadata     groups of attributes
 */
#include "base/units.h"
#include "io/hdf_json.h"
#include "io/hdf_signal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The node at a path below the signal's group, NULL where absent. */
static const struct em_hdf_node *find(const struct em_hdf_signals *s, const struct em_hdf_signal *signal,
                                      const char *path)
{
	return em_hdf_tree_find(&s->tree, signal->group, path);
}

/* In what was "mapped_parameters" before version 1.2. */
static const struct em_hdf_node *find_metadata(const struct em_hdf_signals *s, const struct em_hdf_signal *signal,
                                               const char *path)
{
	const struct em_hdf_node *all = find(s, signal, "metadata");

	return em_hdf_tree_find(&s->tree, all ? all : find(s, signal, "mapped_parameters"), path);
}

/* HyperSpy writes "_None_" for Python's None. */
static void get_text(struct em_hdf_tree *tree, const struct em_hdf_node *node, const char *name, char *field)
{
	struct em_text text = {0};

	if (em_hdf_attribute_text(tree, node, name, &text) && strcmp(em_text_get(&text), "_None_") &&
	    strcmp(em_text_get(&text), "<undefined>") && strcmp(em_text_get(&text), "None"))
		em_meta_set_text(field, em_text_get(&text));
	em_text_release(&text);
}

/* ---- axes ---- */

static void set_axes(struct em_hdf_signals *s, struct em_hdf_signal *signal, int *signal_axes)
{
	int known = 0, navigation = 0;

	for (int i = 0; i < signal->data.what.ndim; i++) {
		char path[16], name[EM_META_TEXT] = "", units[EM_META_TEXT] = "";
		double scale = 1, offset = 0, navigate = 0;
		const struct em_hdf_node *axis;

		snprintf(path, sizeof(path), "axis-%d", i);
		axis = find(s, signal, path);
		get_text(&s->tree, axis, "name", name);
		get_text(&s->tree, axis, "units", units);
		em_hdf_attribute_number(&s->tree, axis, "scale", &scale);
		em_hdf_attribute_number(&s->tree, axis, "offset", &offset);
		known += em_hdf_attribute_number(&s->tree, axis, "navigate", &navigate);
		navigation += navigate > 0;
		em_hdf_axis_set(&signal->axis[i], name, scale, offset, units);
	}
	*signal_axes = known == signal->data.what.ndim ? known - navigation : -1;
}

/* Old files say what a signal is instead of which of its axes are its own. */
static int count_signal_axes(struct em_hdf_signals *s, const struct em_hdf_signal *signal, int signal_axes)
{
	char record_by[EM_META_TEXT] = "";

	get_text(&s->tree, signal->group, "record_by", record_by);
	get_text(&s->tree, find_metadata(s, signal, "Signal"), "record_by", record_by);
	get_text(&s->tree, find(s, signal, "mapped_parameters"), "record_by", record_by);
	if (signal->data.what.ndim == 1 || (signal_axes < 0 && !strcmp(record_by, "spectrum")))
		return 1;
	return signal_axes < 0 ? 2 : signal_axes;
}

/* A signal of one dimension is a spectrum unless its unit is none of a spectrum's. */
static const char *spectral_name(struct em_hdf_signals *s, const struct em_hdf_signal *signal,
                                 const struct em_axis *axis)
{
	char type[EM_META_TEXT] = "";

	get_text(&s->tree, find_metadata(s, signal, "Signal"), "signal_type", type);
	if (!strncasecmp(axis->name, "wavelength", 10) || !strncmp(type, "CL", 2) || !strcmp(type, "Luminescence"))
		return em_units_is_energy(axis->units) ? "energy" : "wavelength";
	if (em_units_is_energy(axis->units) || !axis->units[0] || !strncasecmp(axis->name, "energy", 6) ||
	    !strncmp(type, "EELS", 4) || !strncmp(type, "EDS", 3))
		return "energy";
	return axis->name[0] ? axis->name : "x";
}

static void find_layout(struct em_hdf_signals *s, struct em_hdf_signal *signal, int signal_axes)
{
	int n = signal->data.what.ndim, last = n - 1;

	if (signal_axes == 1) {
		struct em_axis keep = signal->axis[last];

		em_hdf_signal_set_spectral(signal, last);
		em_axis_set(&signal->axis[last], spectral_name(s, signal, &keep), keep.scale, keep.offset, keep.units);
		return;
	}
	em_hdf_signal_split(signal, signal_axes < 2 ? 2 : signal_axes);
	for (int k = 0; k < 2 && signal->ndim == 2; k++) {
		struct em_axis *axis = &signal->axis[signal->order[k]];

		em_axis_set(axis, k ? "x" : "y", axis->scale, axis->offset, axis->units);
	}
}

/* ---- what is known of all frames ---- */

static void get_number(struct em_hdf_tree *tree, const struct em_hdf_node *node, const char *name, double factor,
                       double *field)
{
	double v;

	if (em_hdf_attribute_number(tree, node, name, &v) && isfinite(v))
		*field = v * factor;
}

/* HyperSpy's units: keV, mm, mrad, nA, s; the stage in mm and degrees. */
static void put_instrument(struct em_hdf_tree *tree, const struct em_hdf_node *tem, struct em_meta *m)
{
	const struct em_hdf_node *stage = em_hdf_tree_find(tree, tem, "Stage");
	const struct em_hdf_node *eels = em_hdf_tree_find(tree, tem, "Detector/EELS");

	get_number(tree, tem, "beam_energy", 1, &m->beam_kev);
	get_number(tree, tem, "camera_length", 1, &m->camera_length_mm);
	get_number(tree, tem, "magnification", 1, &m->magnification);
	get_number(tree, tem, "beam_current", 1, &m->beam_current_na);
	get_number(tree, tem, "convergence_angle", 1, &m->convergence_mrad);
	get_number(tree, tem, "dwell_time", 1, &m->dwell_s);
	get_text(tree, tem, "microscope", m->instrument);
	get_text(tree, tem, "acquisition_mode", m->mode);
	get_number(tree, tem, "tilt_stage", 1, &m->a_deg);
	get_number(tree, stage, "tilt_alpha", 1, &m->a_deg);
	get_number(tree, stage, "tilt_beta", 1, &m->b_deg);
	get_number(tree, stage, "x", 1e3, &m->x_um);
	get_number(tree, stage, "y", 1e3, &m->y_um);
	get_number(tree, stage, "z", 1e3, &m->z_um);
	get_number(tree, em_hdf_tree_find(tree, tem, "Detector/Camera"), "exposure", 1, &m->exposure_s);
	get_number(tree, eels, "collection_angle", 1, &m->collection_mrad);
	get_number(tree, eels, "dwell_time", 1, &m->dwell_s);
	get_number(tree, eels, "exposure", 1, &m->exposure_s);
	get_text(tree, em_hdf_tree_find(tree, tem, "Detector"), "detector_type", m->detector);
}

/* "2016-02-22" and "18:50:02" in attributes of their own, the time zone in another. */
static void put_date(struct em_hdf_tree *tree, const struct em_hdf_node *general, struct em_meta *m)
{
	char date[EM_META_TEXT] = "", time[EM_META_TEXT] = "", zone[EM_META_TEXT] = "", both[2 * EM_META_TEXT + 4];

	get_text(tree, general, "date", date);
	get_text(tree, general, "time", time);
	get_text(tree, general, "time_zone", zone);
	snprintf(both, sizeof(both), "%s%s%s%s", date, date[0] && time[0] ? "T" : "", date[0] ? time : "",
	         date[0] && time[0] && !strcmp(zone, "UTC") ? "Z" : "");
	em_meta_set_text(m->date, both);
}

/* What hspy_write.c had no place for in HyperSpy's tree. */
static void put_ours(struct em_hdf_tree *tree, const struct em_hdf_node *ours, struct em_meta *m)
{
	const struct em_hdf_node *microscope = em_hdf_tree_find(tree, ours, "microscope");
	const struct em_hdf_node *acquisition = em_hdf_tree_find(tree, ours, "acquisition");
	const struct em_hdf_node *scan = em_hdf_tree_find(tree, ours, "scan");

	get_text(tree, microscope, "holder", m->holder);
	get_number(tree, microscope, "defocus_nm", 1, &m->defocus_nm);
	get_number(tree, acquisition, "collection_mrad", 1, &m->collection_mrad);
	get_number(tree, scan, "x_nm", 1, &m->scan_x_nm);
	get_number(tree, scan, "y_nm", 1, &m->scan_y_nm);
	if (!m->date[0])
		get_text(tree, acquisition, "date", m->date);
}

static void describe(struct em_hdf_signals *s, struct em_hdf_signal *signal)
{
	put_instrument(&s->tree, find_metadata(s, signal, "Acquisition_instrument/SEM"), &signal->meta);
	put_instrument(&s->tree, find_metadata(s, signal, "Acquisition_instrument/TEM"), &signal->meta);
	put_date(&s->tree, find_metadata(s, signal, "General"), &signal->meta);
	put_ours(&s->tree, find(s, signal, "original_metadata/emfilters"), &signal->meta);
}

/* ---- finding the signals ---- */

static int hspy_find(struct em_hdf_signals *s, struct em_error *err)
{
	const struct em_hdf_node *all = em_hdf_tree_find(&s->tree, s->tree.node, "/Experiments");
	const struct em_hdf_node *group = em_hdf_tree_first(&s->tree, all);

	for (; group; group = em_hdf_tree_next(&s->tree, all, group)) {
		const struct em_hdf_node *node = em_hdf_tree_find(&s->tree, group, "data");
		struct em_hdf_signal *signal;
		int signal_axes;

		if (!node)
			continue;
		signal = em_hdf_signals_add(s, group, node, err);
		if (!signal)
			return -1;
		get_text(&s->tree, find(s, signal, "mapped_parameters"), "title", signal->name);
		get_text(&s->tree, find_metadata(s, signal, "General"), "title", signal->name);
		if (!signal->name[0] && !em_hdf_node_is(group, "__unnamed__"))
			em_meta_set_bytes(signal->name, (const unsigned char *)group->name, group->name_len);
		describe(s, signal);
		if (!signal->readable)
			continue;
		set_axes(s, signal, &signal_axes);
		find_layout(s, signal, count_signal_axes(s, signal, signal_axes));
	}
	return 0;
}

/* ---- tags ---- */

static int hspy_tags(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, size_t frame,
                     struct em_text *json, struct em_error *err)
{
	static const char *const names[] = {"metadata", "original_metadata", "mapped_parameters",
	                                    "original_parameters"};

	(void)frame;
	em_text_append(json, "{");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct em_hdf_node *node = find(s, signal, names[i]);

		if (!node)
			continue;
		em_json_put_name(json, names[i]);
		if (em_hdf_json_put(&s->tree, node, json, err))
			return -1;
	}
	em_text_append(json, "}");
	return em_text_check(json, err);
}

const struct em_hdf_format em_hdf_hspy = {hspy_find, NULL, NULL, hspy_tags};
