/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles of the edges along a line across an interface, for the record. */
#include "eels/quant_parts.h"

#include "crystal/profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_numbers(struct em_text *t, const char *name, const char *units, const double *v, size_t n)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s%s", name, *units ? "_" : "", units);
	em_json_put_name(t, full);
	em_json_put_numbers(t, v, n);
}

static void put_step(struct em_text *t, const struct em_step *s, const char *units, double per_px)
{
	char name[32];

	snprintf(name, sizeof(name), "step_%.20s", units);
	em_quant_put_with_error(t, name, s->position * per_px, s->position_error * per_px);
	snprintf(name, sizeof(name), "width_%.20s", units);
	em_quant_put_with_error(t, name, s->width * per_px, s->width_error * per_px);
	em_quant_put_with_error(t, "before", s->before, s->before_error);
	em_quant_put_with_error(t, "after", s->after, s->after_error);
	em_quant_put(t, "step_chi2", s->chi2);
}

/* Distances in the unit of the axes where both are the same, else in pixels. */
struct ruler {
	double per_px;
	const char *units;
};

#define MISFIT 4 /* of chi2: the counts scatter twice as much as their noise explains */

/* A bin of one or two spectra shows no scatter to speak of: it has the error of their counts. */
static int fill_errors(struct em_profile *p, const float *error, const struct em_area_grid *grid,
                       const struct em_line *line, double breadth, struct em_error *err)
{
	struct em_profile errors;

	if (em_profile_make(&errors, error, NULL, grid, line, breadth, p->count, err))
		return -1;
	for (size_t i = 0; i < p->count; i++)
		if (p->bin[i].samples < 3)
			p->bin[i].error = errors.bin[i].mean / sqrt(fmax((double)errors.bin[i].samples, 1));
	em_profile_release(&errors);
	return 0;
}

static int print_profile(struct em_quant *q, struct em_quant_edge *e, const struct em_profile *p,
                         const struct ruler *ruler, struct em_error *err)
{
	struct em_text *t = &e->profile;
	struct em_error why = {0};
	double *v = malloc(3 * p->count * sizeof(double));
	struct em_step step;

	if (!v)
		return em_error_memory(err, 3 * p->count * sizeof(double));
	for (size_t i = 0; i < p->count; i++) {
		v[i] = p->bin[i].distance * ruler->per_px;
		v[p->count + i] = p->bin[i].mean;
		v[2 * p->count + i] = p->bin[i].error;
	}
	em_text_append(t, "{");
	put_numbers(t, "distance", ruler->units, v, p->count);
	put_numbers(t, "counts", "", v + p->count, p->count);
	put_numbers(t, "counts_u", "", v + 2 * p->count, p->count);
	if (em_profile_fit_step(p, &step, &why))
		em_quant_warn(q, "--across, %s: %s", e->edge.name, why.text);
	else {
		put_step(t, &step, ruler->units, ruler->per_px);
		if (step.chi2 > MISFIT)
			em_quant_warn(q,
			              "--across, %s: the counts scatter about the step by %.3g times what their noise "
			              "explains; does the line cross one interface, and just one?",
			              e->edge.name, sqrt(step.chi2));
	}
	em_text_append(t, "}");
	free(v);
	return 0;
}

/* A line of spectra is a map of one row. */
static void find_axes(const struct em_quant *q, const struct em_record *record, struct em_axis axes[2])
{
	struct em_array a = {.ndim = q->ndim, .shape = {q->rows, q->cols, q->core.energy.channels}};

	for (int i = 0; i < 3; i++)
		em_axis_set(&a.axis[i], "", 1, 0, "");
	em_record_get_axes(record, &a);
	axes[1] = a.axis[q->ndim - 2];
	axes[0] = q->ndim > 2 ? a.axis[q->ndim - 3] : axes[1];
}

static void check_line(struct em_quant *q, const struct em_line *l)
{
	double right = (double)q->cols - 0.5, bottom = (double)q->rows - 0.5;

	if (fmin(l->x0, l->x1) < -0.5 || fmax(l->x0, l->x1) > right || fmin(l->y0, l->y1) < -0.5 ||
	    fmax(l->y0, l->y1) > bottom)
		em_quant_warn(q,
		              "--across: the line from (%.6g, %.6g) to (%.6g, %.6g) px leaves the image, %zu x %zu px",
		              l->x0, l->y0, l->x1, l->y1, q->cols, q->rows);
}

int em_quant_profile(struct em_quant *q, const struct em_record *record, const char *across, double breadth,
                     struct em_error *err)
{
	struct em_area_grid grid = {.height = q->rows, .width = q->cols, .rows = q->rows, .cols = q->cols};
	struct em_axis axes[2];
	struct ruler ruler = {1, "px"};
	struct em_line line;
	int status = 0;

	if (q->ndim < 2)
		return em_error_set(err, EM_ERROR_DATA, "--across: one spectrum has no profile");
	find_axes(q, record, axes);
	if (em_axis_is_calibrated(&axes[0]) && em_axis_is_calibrated(&axes[1]) &&
	    !strcmp(axes[0].units, axes[1].units) &&
	    fabs(fabs(axes[0].scale) - fabs(axes[1].scale)) < 1e-6 * fabs(axes[1].scale))
		ruler = (struct ruler){fabs(axes[1].scale), axes[1].units};
	if (em_line_parse(&line, across, axes, err))
		return em_error_prefix(err, "--across: ");
	check_line(q, &line);
	if (!(breadth > 0))
		breadth = hypot(line.x1 - line.x0, line.y1 - line.y0);
	for (size_t i = 0; i < q->opt->nedges && !status; i++) {
		struct em_profile p;

		if (em_profile_make(&p, q->edge[i].counts, NULL, &grid, &line, breadth, 0, err))
			return em_error_prefix(err, "--across, %s: ", q->edge[i].edge.name);
		status = fill_errors(&p, q->edge[i].error, &grid, &line, breadth, err);
		if (!status)
			status = print_profile(q, &q->edge[i], &p, &ruler, err);
		em_profile_release(&p);
	}
	return status;
}
