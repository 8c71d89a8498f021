/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scope/calibration.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SAME_MAG 0.005
#define SIDE_MAX 65536

/* ---- the file ---- */

static bool read_matrix(const struct em_json *node, double m[2][2])
{
	const struct em_json *row = em_json_first(node);

	if (!em_json_is_array(node) || em_json_size(node) != 2)
		return false;
	for (int k = 0; k < 2; k++, row = em_json_next(row)) {
		if (em_json_size(row) != 2 || em_json_numbers(row, m[k], 2) != 2)
			return false;
		m[k][0] *= 1e-6;
		m[k][1] *= 1e-6;
	}
	return fabs(m[0][0] * m[1][1] - m[0][1] * m[1][0]) > 0;
}

static int read_member(struct em_calibration_entry *e, const struct em_json *node, struct em_error *err)
{
	const char *name = em_json_name(node);
	bool good = false;

	if (!strcmp(name, "mag")) {
		good = em_json_number(node, &e->mag) && e->mag > 0;
	} else if (!strcmp(name, "width")) {
		good = em_json_number(node, &e->width) && e->width >= 1 && e->width <= SIDE_MAX;
	} else if (!strcmp(name, "nm_per_px")) {
		good = em_json_number(node, &e->scale[1]) && e->scale[1] > 0;
		e->scale[0] = e->scale[1] *= 1e-9;
	} else if (!strcmp(name, "um_per_px")) {
		good = read_matrix(node, e->to_stage);
		for (int k = 0; k < 2; k++)
			e->scale[1 - k] = hypot(e->to_stage[0][k], e->to_stage[1][k]);
	}
	return good ? 0 : em_error_set(err, EM_ERROR_DATA, "'%.40s' is not understood, or no value for it", name);
}

static int read_entry(struct em_calibration *c, const char *detector, const struct em_json *node, struct em_error *err)
{
	struct em_calibration_entry e = {.scale = {NAN, NAN}, .to_stage = {{NAN, NAN}, {NAN, NAN}}};

	if (c->count == EM_CALIBRATIONS_MAX)
		return em_error_set(err, EM_ERROR_DATA, "more than %d calibrations", EM_CALIBRATIONS_MAX);
	if (strlen(detector) >= sizeof(e.detector) || !em_json_is_object(node))
		return em_error_set(err, EM_ERROR_DATA,
		                    "%.40s: a list of {\"mag\":...,\"width\":...,\"nm_per_px\":...}", detector);
	snprintf(e.detector, sizeof(e.detector), "%s", detector);
	for (const struct em_json *n = em_json_first(node); n; n = em_json_next(n))
		if (read_member(&e, n, err))
			return -1;
	if (!(e.mag > 0 && e.width > 0 && isfinite(e.scale[0]) && isfinite(e.scale[1])))
		return em_error_set(err, EM_ERROR_DATA,
		                    "%.40s: a calibration has mag, width, and nm_per_px or um_per_px", detector);
	c->entry[c->count++] = e;
	return 0;
}

static int read_all(struct em_calibration *c, const struct em_json *root, struct em_error *err)
{
	if (!em_json_is_object(root))
		return em_error_set(err, EM_ERROR_DATA, "it is no JSON object");
	for (const struct em_json *d = em_json_first(root); d; d = em_json_next(d)) {
		if (!em_json_is_array(d))
			return em_error_set(err, EM_ERROR_DATA, "%.40s: a list of calibrations", em_json_name(d));
		for (const struct em_json *n = em_json_first(d); n; n = em_json_next(n))
			if (read_entry(c, em_json_name(d), n, err))
				return -1;
	}
	return 0;
}

int em_calibration_read(struct em_calibration *c, const char *path, struct em_error *err)
{
	struct em_json *root = em_json_parse_file(path, err);
	size_t before = c->count;
	int status = root ? read_all(c, root, err) : -1;

	em_json_free(root);
	if (status && root) {
		c->count = before;
		em_error_prefix(err, "calibration '%.200s': ", path);
	}
	return status;
}

/* ---- what it says ---- */

/* The last one counts: a command's own comes after those of the place. */
static const struct em_calibration_entry *find(const struct em_calibration *c, const char *detector, double mag)
{
	for (size_t i = c->count; i-- > 0;)
		if (!strcmp(c->entry[i].detector, detector) && fabs(c->entry[i].mag / mag - 1) <= SAME_MAG)
			return &c->entry[i];
	return NULL;
}

bool em_calibration_apply(const struct em_calibration *c, const char *detector, double mag, double width,
                          struct em_acquired *a)
{
	const struct em_calibration_entry *e = c ? find(c, detector, mag) : NULL;
	double(*m)[2] = a->to_stage;
	double binned = e ? e->width / width : NAN;

	if (!(binned > 0) || !isfinite(binned))
		return false;
	if (!isfinite(a->scale[0] + a->scale[1])) {
		a->scale[0] = binned * e->scale[0];
		a->scale[1] = binned * e->scale[1];
	}
	if (isfinite(m[0][0] + m[0][1] + m[1][0] + m[1][1]))
		return true;
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < 2; i++)
			a->to_stage[k][i] = binned * e->to_stage[k][i];
	return true;
}
