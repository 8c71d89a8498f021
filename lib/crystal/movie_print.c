/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the record and the arrays of a frame say: see emfft-crystallinity(1). */
#include "crystal/movie.h"
#include "crystal/profile.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct em_text *t, const char *name, double v)
{
	em_json_put_name(t, name);
	em_json_put_number(t, v);
}

/* NAME and NAME_u. */
static void put_value(struct em_text *t, const char *name, struct em_lattice_value v)
{
	char with_u[64];

	snprintf(with_u, sizeof(with_u), "%s_u", name);
	put(t, name, v.value);
	put(t, with_u, v.sigma);
}

static void put_unless_unknown(struct em_text *t, const char *name, double v)
{
	if (!isnan(v))
		put(t, name, v);
}

static struct em_lattice_value over(struct em_lattice_value v, struct em_lattice_value by)
{
	double ratio = v.value / by.value;

	if (!(by.value > 0))
		return (struct em_lattice_value){NAN, NAN};
	return (struct em_lattice_value){ratio, hypot(v.sigma, ratio * by.sigma) / by.value};
}

static size_t areas(const struct em_movie *m)
{
	return m->opt->areas ? m->opt->areas->count : 0;
}

static struct em_lattice_value baseline_of(const struct em_movie *m, size_t phase, size_t region)
{
	return (struct em_lattice_value){m->baseline[phase * (1 + areas(m)) + region], 0};
}

/* ---- one region ---- */

/* The spacings of the phase's lattice, strained as measured: g' = g - e^T g, the rotation left out. */
static void put_spacings(struct em_text *t, const struct em_movie *m, size_t phase, const struct em_measure *v)
{
	const struct em_spots_phase *p = &m->spots.phase[phase];

	for (int i = 0; i < 2 && p->indexed && !p->lattice.row; i++) {
		const double *g = i ? p->lattice.b : p->lattice.a;
		double y = g[0] / m->scale[0], x = g[1] / m->scale[1], length = hypot(y, x);
		double cy = y / length, cx = x / length;
		double along = cy * cy * v->yy.value + cx * cx * v->xx.value + 2 * cy * cx * v->xy.value;
		double u = hypot(hypot(cy * cy * v->yy.sigma, cx * cx * v->xx.sigma), 2 * cy * cx * v->xy.sigma);
		char name[32];

		snprintf(name, sizeof(name), "d_%c_%s", i ? 'b' : 'a', m->units);
		put_value(t, name, (struct em_lattice_value){(1 + along) / length, u / length});
	}
}

static void put_measure(struct em_text *t, const struct em_movie *m, size_t phase, size_t region,
                        const struct em_measure *v)
{
	put_value(t, "fraction", v->fraction);
	if (!m->opt->single)
		put_value(t, "relative", over(v->fraction, baseline_of(m, phase, region)));
	put(t, "ordered", v->ordered);
	if (!m->opt->single)
		put_value(t, "power", v->power);
	put(t, "largest", v->largest);
	em_json_put_name(t, "spans");
	if (v->seen > 0)
		em_json_put_bool(t, v->spans);
	else
		em_text_append(t, "null");
	put(t, "seen", v->seen);
	if (!v->strained)
		return;
	put_spacings(t, m, phase, v);
	put_value(t, "strain_yy", v->yy);
	put_value(t, "strain_xx", v->xx);
	put_value(t, "strain_xy", v->xy);
	put_value(t, "rotation_deg", v->rotation);
}

static void put_column(struct em_text *t, const char *name, const struct em_profile *p, size_t field)
{
	em_json_put_name(t, name);
	em_text_append(t, "[");
	for (size_t i = 0; i < p->count; i++) {
		const struct em_profile_bin *b = &p->bin[i];

		em_json_put_comma(t);
		em_json_put_number(t, field == 0 ? b->distance : field == 1 ? b->mean : b->error);
	}
	em_text_append(t, "]");
}

/*
 * Points of a map share their noise: lines along which it is averaged are independent LINE blurs apart, which is the
 * integral of the noise's spectrum M^2 (component.h) over its integral along such a line, pi (3/8 - 2/pi^2) / (3/4).
 * A bin's own scatter misses what all of its points share.
 */
#define LINE 1.385

static void widen_errors(struct em_profile *p, const struct em_movie *m)
{
	double blur = em_order_plan_blur(m->plan);
	double cell = (double)(m->height * m->width) / (double)(m->grid.rows * m->grid.cols);
	double shared = fmax(1, LINE * blur * p->step / cell); /* samples of a bin that are like one */

	for (size_t i = 0; i < p->count; i++) {
		double n = (double)p->bin[i].samples;

		p->bin[i].error *= sqrt(shared * n / fmax(n - shared, n / 4));
	}
}

/* Order by depth; where the phase has a step in it, where and how wide. */
static int put_profile(struct em_text *t, const struct em_movie *m, const float *map, struct em_error *err)
{
	const struct em_line *line = m->opt->across;
	double length = hypot(line->x1 - line->x0, line->y1 - line->y0);
	struct em_profile p = {0};
	struct em_step step;
	struct em_error why = {0};
	double sharper;
	bool found;

	if (em_profile_make(&p, map, NULL, &m->grid, line, m->opt->breadth > 0 ? m->opt->breadth : length / 4, 0,
	                    &why)) {
		if (why.kind == EM_ERROR_MEMORY)
			return em_error_set(err, why.kind, "%s", why.text);
		em_json_put_name(t, "profile");
		em_text_append(t, "null");
		return 0;
	}
	/* The step looks sharper than it is known to be: bins share noise with their neighbours too. */
	sharper = sqrt(fmax(1, LINE * em_order_plan_blur(m->plan) / p.step));
	found = !em_profile_fit_step(&p, &step, NULL);
	widen_errors(&p, m);
	em_json_put_name(t, "profile");
	em_text_append(t, "{");
	put_column(t, "distance_px", &p, 0);
	put_column(t, "order", &p, 1);
	put_column(t, "order_u", &p, 2);
	if (found) {
		put_value(t, "step_px", (struct em_lattice_value){step.position, sharper * step.position_error});
		put_value(t, "width_px", (struct em_lattice_value){step.width, sharper * step.width_error});
		put_value(t, "before", (struct em_lattice_value){step.before, sharper * step.before_error});
		put_value(t, "after", (struct em_lattice_value){step.after, sharper * step.after_error});
	}
	em_text_append(t, "}");
	em_profile_release(&p);
	return 0;
}

/* ---- maps ---- */

static int set_map(const struct em_movie *m, struct em_sample *s, size_t phase, const char *what, enum em_dtype type,
                   const void *values, struct em_error *err)
{
	size_t shape[2] = {m->grid.rows, m->grid.cols};
	char name[EM_SPOTS_NAME + 16];
	struct em_array a;
	int status;

	snprintf(name, sizeof(name), "%s-%s", m->spots.phase[phase].name, what);
	if (em_array_alloc(&a, type, 2, shape, err))
		return -1;
	memcpy(a.data, values, em_array_bytes(&a));
	status = em_sample_set_array(s, name, &a, err);
	em_array_release(&a);
	return status;
}

static int set_maps(const struct em_movie *m, const struct em_movie_frame *f, size_t phase, const float *map,
                    struct em_sample *s, struct em_error *err)
{
	size_t n = m->grid.rows * m->grid.cols;
	float *amplitude = malloc(n * sizeof(*amplitude));
	unsigned char *disorder = malloc(n);
	int status = amplitude && disorder ? 0 : em_error_memory(err, n * sizeof(*amplitude));

	for (size_t k = 0; k < n && !status; k++)
		disorder[k] = isnan(map[k]) || !(m->reference.phase[phase].there[k] > 0) ? 0
		              : (double)map[k] > EM_ORDER_THRESHOLD                      ? 1
		                                                                         : 2;
	if (!status)
		status = set_map(m, s, phase, "order", EM_F32, map, err) ||
		         set_map(m, s, phase, "disorder", EM_U8, disorder, err);
	if (!status && !m->opt->single) {
		em_reference_amplitude(&m->reference, m->plan, &f->order, phase, amplitude);
		status = set_map(m, s, phase, "amplitude", EM_F32, amplitude, err);
	}
	free(amplitude);
	free(disorder);
	return status ? -1 : 0;
}

/* ---- the record ---- */

/* What stays in order, by definition: what is measured is divided by it. */
static int find_control(const struct em_movie *m, const struct em_movie_frame *f, float *map,
                        struct em_lattice_value *control, struct em_error *err)
{
	struct em_measure v;

	if (m->control[0] == SIZE_MAX)
		return 0;
	if (em_movie_measure(m, f, m->control[0], m->control[1], &v, map, err))
		return -1;
	*control = over(v.fraction, baseline_of(m, m->control[0], m->control[1]));
	return 0;
}

static int put_phase(struct em_text *t, const struct em_movie *m, const struct em_movie_frame *f, size_t phase,
                     struct em_lattice_value control, struct em_sample *s, float *map, struct em_error *err)
{
	struct em_measure v;

	if (em_movie_measure(m, f, phase, 0, &v, map, err))
		return -1;
	v.fraction = over(v.fraction, control);
	em_json_put_name(t, m->spots.phase[phase].name);
	em_text_append(t, "{");
	put_measure(t, m, phase, 0, &v);
	if (m->opt->across && put_profile(t, m, map, err))
		return -1;
	if (m->opt->maps && set_maps(m, f, phase, map, s, err))
		return -1;
	if (areas(m)) {
		em_json_put_name(t, "regions");
		em_text_append(t, "{");
	}
	for (size_t r = 1; r <= areas(m); r++) {
		if (em_movie_measure(m, f, phase, r, &v, map, err))
			return -1;
		v.fraction = over(v.fraction, control);
		em_json_put_name(t, m->opt->areas->area[r - 1].name);
		em_text_append(t, "{");
		put_measure(t, m, phase, r, &v);
		em_text_append(t, "}");
	}
	em_text_append(t, areas(m) ? "}}" : "}");
	return 0;
}

static int put_phases(struct em_text *t, const struct em_movie *m, const struct em_movie_frame *f, struct em_sample *s,
                      struct em_error *err)
{
	size_t n = m->grid.rows * m->grid.cols;
	struct em_lattice_value control = {1, 0};
	float *map = malloc(n * sizeof(*map));
	int status = map ? find_control(m, f, map, &control, err) : em_error_memory(err, n * sizeof(*map));

	em_text_append(t, "{");
	for (size_t p = 0; p < m->spots.count && !status; p++)
		status = put_phase(t, m, f, p, control, s, map, err);
	em_text_append(t, "}");
	free(map);
	return status;
}

static int put_crystal(struct em_text *t, const struct em_movie *m, const struct em_movie_frame *f, double seconds,
                       double dose, struct em_sample *s, struct em_error *err)
{
	const char *note = f->blank && f->saturated > 0 ? "the frame is saturated"
	                   : f->dark                    ? "the frame is dark"
	                   : f->blank                   ? "the frame is constant"
	                   : m->plan                    ? NULL
	                   : m->peaks                   ? "the Bragg spots are too near to one another or to the middle"
	                                                : "no Bragg spots";
	int status = 0;

	em_text_append(t, "{");
	put(t, "frame", (double)f->number);
	put_unless_unknown(t, "time_s", seconds);
	put_unless_unknown(t, "dose", dose);
	if (m->drift) {
		em_json_put_name(t, "drift_px");
		em_json_put_numbers(t, f->drift, 2);
		put(t, "drift_quality", f->quality);
	}
	if (f->saturated > 0)
		put(t, "saturated", f->saturated);
	if (note) {
		em_json_put_name(t, "note");
		em_json_put_string(t, note);
	}
	em_json_put_name(t, "phases");
	if (note)
		em_text_append(t, "null");
	else
		status = put_phases(t, m, f, s, err);
	em_text_append(t, "}");
	return status;
}

int em_movie_describe(const struct em_movie *m, struct em_movie_frame *f, double seconds, double dose,
                      struct em_sample *s, struct em_error *err)
{
	struct em_text t = {0};
	int status;

	if (em_movie_form(m, f, err))
		return -1;
	if (m->plan)
		em_spots_print(&m->spots, m->scale, m->units, &t);
	else
		em_text_append(&t, "null");
	status = em_record_set_text(&s->record, "bragg", &t, err);
	em_text_clear(&t);
	if (!status)
		status = put_crystal(&t, m, f, seconds, dose, s, err);
	if (!status)
		status = em_record_set_text(&s->record, "crystal", &t, err);
	em_text_release(&t);
	return status;
}
