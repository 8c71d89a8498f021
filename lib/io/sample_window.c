/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/sample_window.h"

#include "base/json.h"
#include "base/window.h"

#include <math.h>
#include <string.h>

static int find_axis(const struct em_array *a, const char *name)
{
	for (int k = 0; k < a->ndim; k++)
		if (!strcmp(a->axis[k].name, name))
			return k;
	return -1;
}

int em_sample_set_pixel_size(struct em_sample *s, double height_nm, double width_nm, struct em_error *err)
{
	struct em_array a, owned;
	struct em_text axes = {0};
	int status;

	if (em_sample_data(s, &a, &owned, err))
		return -1;
	for (int i = 0; i < 2; i++) {
		int k = find_axis(&a, i ? "x" : "y");
		double scale = i ? width_nm : height_nm, begin;

		if (k < 0)
			continue;
		begin = a.axis[k].offset / a.axis[k].scale;
		em_axis_set(&a.axis[k], a.axis[k].name, scale, isfinite(begin) ? begin * scale : 0, "nm");
	}
	em_record_put_axes(&axes, &a);
	status = em_record_set_text(&s->record, "axes", &axes, err);
	em_text_release(&axes);
	em_array_release(&owned);
	return status;
}

/* What to take along each axis of this array, and how much of it goes into one element. */
static int plan_window(const struct em_sample_window *w, const struct em_array *a, size_t *begin, size_t *size,
                       size_t *factor, struct em_error *err)
{
	int x = find_axis(a, "x"), y = find_axis(a, "y"), energy = find_axis(a, "energy");

	for (int k = 0; k < a->ndim; k++) {
		begin[k] = 0;
		size[k] = a->shape[k];
		factor[k] = 1;
	}
	if ((w->roi[0] || w->bin[0] > 1 || w->bin[1] > 1) && (x < 0 || y < 0))
		return em_error_set(err, EM_ERROR_DATA, "--roi and --bin are for pictures and maps: these data have no "
		                                        "axes y and x");
	if (w->bin_energy > 1 && energy < 0)
		return em_error_set(err, EM_ERROR_DATA, "--energy-bin is for spectra: these data have no energy axis");
	if (w->roi[0]) {
		if (w->roi[2] >= a->shape[x] || w->roi[0] > a->shape[x] - w->roi[2] || w->roi[3] >= a->shape[y] ||
		    w->roi[1] > a->shape[y] - w->roi[3])
			return em_error_set(err, EM_ERROR_DATA,
			                    "--roi %zux%zu+%zu+%zu leaves the picture of %zu x %zu pixels",
			                    w->roi[0], w->roi[1], w->roi[2], w->roi[3], a->shape[x], a->shape[y]);
		begin[x] = w->roi[2];
		begin[y] = w->roi[3];
		size[x] = w->roi[0];
		size[y] = w->roi[1];
	}
	if (x >= 0 && y >= 0) {
		factor[x] = w->bin[0];
		factor[y] = w->bin[1];
	}
	if (energy >= 0)
		factor[energy] = w->bin_energy;
	return 0;
}

/*
 * "to_stage" tells which pixel stands where the stage was, and how far a step of a pixel leads: the same places after
 * pixels were cut off before (y, x) and summed by factors.
 */
static int move_to_stage(struct em_sample *s, const double begin[2], const double factor[2], struct em_error *err)
{
	struct em_json *tree = em_record_tree(&s->record, "to_stage");
	const struct em_json *matrix = em_json_get(tree, "um_per_px"), *row = em_json_first(matrix);
	double um[2][2], centre[2]; /* stage x and y by pixel x and y; pixel (x, y) */
	struct em_text t = {0};
	bool known = em_json_numbers(row, um[0], 2) == 2 && em_json_numbers(em_json_next(row), um[1], 2) == 2 &&
	             em_json_numbers(em_json_get(tree, "centre_px"), centre, 2) == 2;
	int status = 0;

	em_json_free(tree);
	if (!known)
		return 0;
	for (int k = 0; k < 2; k++) /* x is the second of (y, x) */
		centre[k] = (centre[k] - begin[1 - k] + 0.5) / factor[1 - k] - 0.5;
	em_text_printf(&t, "{\"um_per_px\":[[%.9g,%.9g],[%.9g,%.9g]],\"centre_px\":[%.9g,%.9g]}", um[0][0] * factor[1],
	               um[0][1] * factor[0], um[1][0] * factor[1], um[1][1] * factor[0], centre[0], centre[1]);
	status = em_record_set_text(&s->record, "to_stage", &t, err);
	em_text_release(&t);
	return status;
}

int em_sample_take_window(struct em_sample *s, const struct em_sample_window *w, struct em_error *err)
{
	size_t begin[EM_MAX_NDIM], size[EM_MAX_NDIM], factor[EM_MAX_NDIM];
	struct em_array a, owned, part, coarse;
	int status;

	if (em_sample_data(s, &a, &owned, err))
		return -1;
	status = plan_window(w, &a, begin, size, factor, err);
	if (!status)
		status = em_array_crop(&part, &a, begin, size, err);
	em_array_release(&owned);
	if (status)
		return -1;
	status = em_array_bin(&coarse, &part, factor, err);
	em_array_release(&part);
	if (status || em_sample_take_data(s, &coarse, err))
		return -1;
	return move_to_stage(s, (const double[]){(double)w->roi[3], (double)w->roi[2]},
	                     (const double[]){(double)w->bin[1], (double)w->bin[0]}, err);
}
