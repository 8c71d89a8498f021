/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EMD as Berkeley (NCEM) defined it, https://emdatasets.com/format/, and as ncempy, Prismatic, py4DSTEM and HyperSpy
 * write it: any group whose attribute emd_group_type is 1 (or "array") has a data set, and for each of its dimensions
 * another, dim1, dim2, ... (or dim0, dim1, ...), of its coordinates, with the attributes "name" and "units".  dim1
 * is the slowest.  An axis has the mean step of its coordinates; where these are uneven (logarithmic), that would be
 * wrong everywhere, and it has none: scale 1, offset 0, no unit.
 */
#include "base/units.h"
#include "io/hdf_json.h"
#include "io/hdf_signal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_COORDINATES ((size_t)1 << 22)

static bool is_array_group(struct em_hdf_tree *tree, const struct em_hdf_node *node)
{
	struct em_text kind = {0};
	double type = 0;
	bool is_array;

	if (!node->is_group)
		return false;
	is_array = em_hdf_attribute_number(tree, node, "emd_group_type", &type) && type >= 1 && type <= 1;
	if (!is_array && em_hdf_attribute_text(tree, node, "emd_group_type", &kind))
		is_array = !strcmp(em_text_get(&kind), "array") || !strcmp(em_text_get(&kind), "1");
	em_text_release(&kind);
	return is_array;
}

/* "data", and what Prismatic and py4DSTEM call it. */
static bool is_data(const struct em_hdf_node *node)
{
	static const char *const names[] = {"data", "datacube", "counted_datacube", "diffractionslice", "realslice"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !node->is_group; i++)
		if (em_hdf_node_is(node, names[i]))
			return true;
	return false;
}

/* ---- axes ---- */

static void get_text(struct em_hdf_tree *tree, const struct em_hdf_node *node, const char *name, char *field)
{
	struct em_text text = {0};

	if (em_hdf_attribute_text(tree, node, name, &text))
		em_meta_set_text(field, em_text_get(&text));
	em_text_release(&text);
}

/* A tenth of a step, and what their type rounds to. */
static bool are_even(const double *v, size_t n, double step, const struct em_hdf_type *type)
{
	double ulp = type->is_half ? 0x1p-10 : type->dtype == EM_F32 ? 0x1p-23 : 0x1p-52;
	double tolerance = 0.1 * fabs(step) + ulp * fmax(fabs(v[0]), fabs(v[n - 1]));

	for (size_t i = 0; i < n; i++)
		if (!(fabs(v[i] - (v[0] + (double)i * step)) <= tolerance))
			return false;
	return true;
}

/*
 * The first coordinate and the mean step, whether all are stored or only the first two; NAN where they are uneven or
 * too many to look at.
 * As many sets of data as a file likes may share them: they are counted as steps.
 */
static void get_scale(struct em_hdf_tree *tree, const struct em_hdf_node *dim, double *scale, double *offset)
{
	struct em_hdf_dataset d;
	size_t n = 0;
	double *v;

	if (em_hdf_dataset_open(tree, dim, &d, NULL))
		return;
	if (d.what.count > MAX_COORDINATES) {
		*scale = NAN;
		return;
	}
	em_hdf_tree_spend(tree, d.what.count / 16 + 1);
	v = em_hdf_tree_is_exhausted(tree) ? NULL : calloc(d.what.count + 1, sizeof(*v));
	if (v)
		n = em_hdf_dataset_numbers(tree, dim, v, d.what.count);
	if (n)
		*offset = v[0];
	if (n > 1) {
		*scale = (v[n - 1] - v[0]) / (double)(n - 1);
		*scale = are_even(v, n, *scale, &d.what.type) ? *scale : NAN;
	}
	free(v);
}

static void set_axis(struct em_hdf_tree *tree, const struct em_hdf_node *dim, struct em_axis *axis)
{
	char name[EM_META_TEXT] = "", units[EM_META_TEXT] = "";
	double scale = 1, offset = 0;

	get_scale(tree, dim, &scale, &offset);
	get_text(tree, dim, "name", name);
	get_text(tree, dim, "units", units);
	/* What is not calibrated has no unit that would tell what it is. */
	if (isnan(scale) && em_units_is_energy(units))
		em_meta_set_text(name, "energy");
	em_hdf_axis_set(axis, name, scale, offset, units);
}

static void find_dims(const struct em_hdf_tree *tree, const struct em_hdf_node *group, const struct em_hdf_node **dim)
{
	bool from_zero = em_hdf_tree_find(tree, group, "dim0") != NULL;
	char name[16];

	for (int i = 0; i < EM_MAX_NDIM; i++) {
		snprintf(name, sizeof(name), "dim%d", from_zero ? i : i + 1);
		dim[i] = em_hdf_tree_find(tree, group, name);
	}
}

/* What a spectral axis is called; NULL where it is none. */
static const char *spectral_name(const struct em_axis *axis)
{
	if (em_units_is_energy(axis->units) || !strncasecmp(axis->name, "energy", 6))
		return "energy";
	return strncasecmp(axis->name, "wavelength", 10) ? NULL : "wavelength";
}

/* The last letter of "x", "R_x", "Qx". */
static char direction(const struct em_axis *axis)
{
	size_t n = strlen(axis->name);

	return n && (n == 1 || strchr("RQKrqk_", axis->name[n - 2])) ? (char)tolower((unsigned char)axis->name[n - 1])
	                                                             : '\0';
}

/* The last two neighbours of which one is x and the other y: the first of them; -1: there are none. */
static int find_plane(const struct em_hdf_signal *signal)
{
	for (int i = signal->data.what.ndim - 2; i >= 0; i--) {
		char a = direction(&signal->axis[i]), b = direction(&signal->axis[i + 1]);

		if ((a == 'x' && b == 'y') || (a == 'y' && b == 'x'))
			return i;
	}
	return -1;
}

/*
 * A picture is x and y, wherever they are, or else the last two dimensions.  Simulations store x before y: theirs are
 * turned, so that x runs to the right.
 */
static void set_plane(struct em_hdf_signal *signal)
{
	int n = signal->data.what.ndim, plane = find_plane(signal), stacked = 0;

	em_hdf_signal_split(signal, n > 2 ? 2 : 0);
	if (signal->ndim != 2)
		return;
	if (plane < 0)
		plane = n - 2;
	for (int i = 0; i < n; i++)
		if (i != plane && i != plane + 1)
			signal->stack[stacked++] = i;
	signal->frames = 1;
	for (int i = 0; i < stacked; i++)
		signal->frames *= signal->data.what.shape[signal->stack[i]];
	if (!signal->frames) {
		em_hdf_signal_split(signal, 0);
		return;
	}
	signal->order[0] = plane + (direction(&signal->axis[plane]) == 'x');
	signal->order[1] = 2 * plane + 1 - signal->order[0];
	for (int k = 0; k < 2; k++) {
		struct em_axis *axis = &signal->axis[signal->order[k]];

		em_axis_set(axis, k ? "x" : "y", axis->scale, axis->offset, axis->units);
	}
}

static void find_layout(struct em_hdf_signal *signal)
{
	for (int i = 0; i < signal->data.what.ndim; i++) {
		struct em_axis *axis = &signal->axis[i];
		const char *name = spectral_name(axis);

		if (name) {
			em_hdf_signal_set_spectral(signal, i);
			em_axis_set(axis, name, axis->scale, axis->offset, axis->units);
			return;
		}
	}
	set_plane(signal);
}

/* ---- what is known of all frames ---- */

/* Attributes of the group "microscope", with or without their unit, as ncempy and others spell them. */
struct spelling {
	const char *name;
	size_t field; /* of struct em_meta */
	double factor;
};

#define FIELD(f) offsetof(struct em_meta, f)

static const struct spelling spellings[] = {
	{"high tension", FIELD(beam_kev), 1e-3},
	{"voltage", FIELD(beam_kev), 1e-3},
	{"High tension [kV]", FIELD(beam_kev), 1},
	{"magnification", FIELD(magnification), 1},
	{"Magnification [x]", FIELD(magnification), 1},
	{"camera length", FIELD(camera_length_mm), 1e3},
	{"Camera length [m]", FIELD(camera_length_mm), 1e3},
	{"convergence angle", FIELD(convergence_mrad), 1e3},
	{"collection angle", FIELD(collection_mrad), 1e3},
	{"beam current", FIELD(beam_current_na), 1e9},
	{"defocus", FIELD(defocus_nm), 1e9},
	{"Defocus [um]", FIELD(defocus_nm), 1e3},
	{"dwell time", FIELD(dwell_s), 1},
	{"Dwell time path [s]", FIELD(dwell_s), 1},
	{"exposure time", FIELD(exposure_s), 1},
	{"Stage X [um]", FIELD(x_um), 1},
	{"Stage Y [um]", FIELD(y_um), 1},
	{"Stage Z [um]", FIELD(z_um), 1},
	{"Stage A [deg]", FIELD(a_deg), 1},
	{"Stage B [deg]", FIELD(b_deg), 1},
};

static void put_number(const struct em_hdf_value *value, struct em_meta *meta)
{
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		const struct spelling *s = &spellings[i];
		double v;

		if (strlen(s->name) == value->name_len && !memcmp(s->name, value->name, value->name_len) &&
		    em_hdf_value_number(value, 0, &v) && isfinite(v))
			*(double *)(void *)((char *)meta + s->field) = v * s->factor;
	}
}

/* "position" of the group "stage": x, y, z in micrometres, alpha and beta in degrees. */
static void put_position(const struct em_hdf_value *value, struct em_meta *meta)
{
	double *field[] = {&meta->x_um, &meta->y_um, &meta->z_um, &meta->a_deg, &meta->b_deg};

	for (size_t i = 0; i < 5 && value->name_len == 8 && !memcmp(value->name, "position", 8); i++)
		em_hdf_value_number(value, i, field[i]);
}

static void put_group(struct em_hdf_tree *tree, const struct em_hdf_node *group, struct em_meta *meta)
{
	struct em_hdf_attributes list;

	if (!group || em_hdf_attributes_read(&tree->file, group->address, &list, &tree->steps, NULL))
		return;
	for (size_t i = 0; i < list.count; i++) {
		put_number(&list.value[i], meta);
		put_position(&list.value[i], meta);
	}
	em_hdf_attributes_release(&list);
}

static void describe(struct em_hdf_tree *tree, struct em_meta *meta)
{
	const struct em_hdf_node *microscope = em_hdf_tree_find(tree, tree->node, "microscope");
	const struct em_hdf_node *stage = em_hdf_tree_find(tree, tree->node, "stage");

	em_meta_init(meta);
	put_group(tree, microscope, meta);
	put_group(tree, stage, meta);
	get_text(tree, microscope, "name", meta->instrument);
	get_text(tree, microscope, "mode", meta->mode);
	get_text(tree, microscope, "detector", meta->detector);
	get_text(tree, microscope, "date", meta->date);
	get_text(tree, microscope, "Microscope", meta->instrument);
	get_text(tree, stage, "type", meta->holder);
}

/* ---- finding the signals ---- */

static int add_group(struct em_hdf_signals *s, const struct em_hdf_node *group, const struct em_meta *meta,
                     struct em_error *err)
{
	const struct em_hdf_node *node = em_hdf_tree_first(&s->tree, group), *dim[EM_MAX_NDIM];

	find_dims(&s->tree, group, dim);
	for (; node; node = em_hdf_tree_next(&s->tree, group, node)) {
		struct em_hdf_signal *signal;

		if (!is_data(node))
			continue;
		signal = em_hdf_signals_add(s, group, node, err);
		if (!signal)
			return -1;
		if (!em_hdf_node_is(group, "__unnamed__"))
			em_meta_set_bytes(signal->name, (const unsigned char *)group->name, group->name_len);
		signal->meta = *meta;
		if (!signal->readable)
			continue;
		for (int i = 0; i < signal->data.what.ndim; i++)
			if (dim[i])
				set_axis(&s->tree, dim[i], &signal->axis[i]);
		find_layout(signal);
	}
	return 0;
}

static int ncem_find(struct em_hdf_signals *s, struct em_error *err)
{
	struct em_meta meta;

	describe(&s->tree, &meta);
	for (size_t i = 0; i < s->tree.count; i++)
		if (is_array_group(&s->tree, &s->tree.node[i]) && add_group(s, &s->tree.node[i], &meta, err))
			return -1;
	return 0;
}

/* ---- tags ---- */

static int ncem_tags(const struct em_hdf_signals *s, const struct em_hdf_signal *signal, size_t frame,
                     struct em_text *json, struct em_error *err)
{
	(void)signal;
	(void)frame;
	return em_hdf_json_put(&s->tree, s->tree.node, json, err);
}

const struct em_hdf_format em_hdf_ncem = {ncem_find, NULL, NULL, ncem_tags};
