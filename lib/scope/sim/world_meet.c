/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the beam goes through at a place. */
#include "scope/sim/image.h"

#define PI 3.14159265358979323846

struct meeting {
	const struct em_sim_world *w;
	const struct em_sim_view *v;
	double x, y;
	struct em_sim_met *met;
	size_t count;
};

static struct em_sim_met *add(struct meeting *m, const struct em_sim_matter *matter, double thickness)
{
	struct em_sim_met *met = &m->met[m->count];

	if (m->count == EM_SIM_MET || !(thickness > 0))
		return NULL;
	*met = (struct em_sim_met){.matter = matter, .thickness = thickness};
	for (int i = 0; i < 3; i++) {
		met->axes[i][i] = 1;
		met->cell[i] = matter->cell[i];
	}
	m->count++;
	return met;
}

/* Lean the axes by small angles about themselves. */
static void lean_axes(struct em_sim_met *met, const double lean[2])
{
	double(*axes)[3] = met->axes;

	for (int i = 0; i < 3; i++) {
		double up = axes[2][i];

		axes[2][i] += lean[0] * axes[0][i] + lean[1] * axes[1][i];
		axes[0][i] -= lean[0] * up;
		axes[1][i] -= lean[1] * up;
	}
}

static void meet_thing(struct meeting *m, const struct em_sim_thing *t)
{
	double dx = m->x - t->at[0], dy = m->y - t->at[1], c = cos(t->angle), s = sin(t->angle), lean[2];
	double u = c * dx + s * dy, v = c * dy - s * dx;
	struct em_sim_met *met = add(m, t->matter, em_sim_thing_thickness(t, u, v));

	if (!met)
		return;
	met->id = t->id;
	if (t->shape == EM_SIM_SLAB)
		met->reacted = em_sim_thing_reacted(t, u / t->half[0], m->v->reaction);
	if (t->matter->amorphous)
		return;
	met->order = 1 - 0.6 * met->reacted;
	em_sim_thing_axes(t, met->axes);
	em_sim_thing_bend(t, u, v, lean);
	lean_axes(met, lean);
}

static void meet_scatter(struct meeting *m, const struct em_sim_scatter *s)
{
	long lo[2] = {lround(ceil((m->x - s->reach) / s->pitch)), lround(ceil((m->y - s->reach) / s->pitch))};
	long hi[2] = {lround(floor((m->x + s->reach) / s->pitch)), lround(floor((m->y + s->reach) / s->pitch))};
	struct em_sim_thing t;

	for (long j = lo[1]; j <= hi[1]; j++)
		for (long i = lo[0]; i <= hi[0]; i++)
			if (em_sim_scatter_thing(m->w, s, i, j, &t))
				meet_thing(m, &t);
}

static void meet_section(struct meeting *m, const struct em_sim_section *s)
{
	double p[2], lean[2], c = cos(s->angle), n = sin(s->angle);
	struct em_sim_met *met;
	size_t k = 0;

	em_sim_section_local(s, m->x, m->y, p);
	if (!(fabs(p[0]) < s->width / 2 && p[1] > 0 && p[1] < s->depth))
		return;
	p[1] -= em_sim_section_shift(s, p[0]);
	while (k + 1 < s->layers && p[1] > s->layer[k].bottom)
		k++;
	met = add(m, s->layer[k].matter, em_sim_section_thickness(s, p[0], p[1]));
	if (!met)
		return;
	met->id = s->seed + k;
	met->order = em_sim_section_order(s, &s->layer[k], p[0], p[1], em_sim_view_disorder(m->v, m->x, m->y));
	met->reacted = m->v->reaction;
	met->cell[0] = met->cell[2] = s->layer[k].cell[0];
	met->cell[1] = s->layer[k].cell[1];
	met->axes[0][0] = met->axes[1][1] = c;
	met->axes[0][1] = n;
	met->axes[1][0] = -n;
	em_sim_section_bend(s, p[0], p[1], lean);
	lean_axes(met, lean);
}

size_t em_sim_world_meet(const struct em_sim_world *w, const struct em_sim_view *v, double x, double y, double fine,
                         struct em_sim_met met[EM_SIM_MET])
{
	struct meeting m = {.w = w, .v = v, .x = x, .y = y, .met = met};

	if (w->grid.matter && em_sim_world_window(w, x, y) < 0)
		add(&m, w->grid.matter, w->grid.thickness);
	else if (w->film.matter && em_sim_world_on_film(w, x, y, 0))
		add(&m, w->film.matter, w->film.thickness);
	for (size_t i = 0; i < w->sections; i++)
		meet_section(&m, &w->section[i]);
	for (size_t i = 0; i < w->scatters; i++)
		if (w->scatter[i].shape != EM_SIM_SPHERE || w->scatter[i].length.hi >= fine)
			meet_scatter(&m, &w->scatter[i]);
	if (m.count)
		add(&m, em_sim_matter_find("C"), em_sim_view_deposit(v, x, y));
	return m.count;
}

#define WIDE 2e-6 /* m: what a broad beam without an end is taken for */

size_t em_sim_world_footprint(const struct em_sim_view *v, size_t most, double place[][2], double *size)
{
	double alpha = v->convergence, spread = v->defocus * alpha / 2;
	double radius = isfinite(v->beam_radius) ? v->beam_radius : WIDE;

	/* a probe's disc of the same rms; else the illuminated one.  Sunflower seeds: evenly over a disc */
	if (alpha > 1e-3)
		radius = 2 * sqrt(v->probe * v->probe + spread * spread +
		                  pow(0.21 * em_sim_wavelength(v->voltage) / alpha, 2));
	for (size_t i = 0; i < most; i++) {
		double r = radius * sqrt((double)i / (double)most), p = 2.39996322973 * (double)i;
		double x = r * cos(p), y = r * sin(p), ca = cos(v->a), cb = cos(v->b);

		if (!(alpha > 1e-3)) {
			x += v->beam[0];
			y += v->beam[1];
		}
		x /= cb;
		place[i][0] = v->x + x;
		place[i][1] = v->y + (y - sin(v->a) * sin(v->b) * x) / ca;
	}
	*size = radius;
	return most;
}

/* ---- the ground truth ---- */

static void put(struct em_text *json, const char *name, double value)
{
	em_json_put_name(json, name);
	em_json_put_number(json, value);
}

static void describe(const struct em_sim_met *m, const double turn[3][3], struct em_text *json)
{
	const double *up = m->axes[2];
	double z = turn[2][0] * up[0] + turn[2][1] * up[1] + turn[2][2] * up[2];

	em_json_put_comma(json);
	em_text_append(json, "{");
	em_json_put_name(json, "material");
	em_json_put_string(json, m->matter->name);
	put(json, "thickness_nm", m->thickness * 1e9);
	if (m->order > 0) {
		put(json, "order", m->order);
		put(json, "angle_deg", atan2(m->axes[0][1], m->axes[0][0]) * 180 / PI);
		put(json, "axis_off_beam_deg", acos(fmin(fabs(z), 1)) * 180 / PI);
	}
	if (m->reacted > 0)
		put(json, "reacted", m->reacted);
	em_text_append(json, "}");
}

void em_sim_world_describe(const struct em_sim_world *w, const struct em_sim_view *v, struct em_text *json)
{
	struct em_sim_met met[EM_SIM_MET];
	size_t n = em_sim_world_meet(w, v, v->x, v->y, 0, met);
	double turn[3][3], t = 0;

	em_sim_tilt_matrix(v->a, v->b, turn);
	for (size_t i = 0; i < n; i++)
		t += met[i].thickness / turn[2][2] / em_sim_matter_lambda(met[i].matter, v->voltage);
	em_text_append(json, "{");
	put(json, "x_um", v->x * 1e6);
	put(json, "y_um", v->y * 1e6);
	put(json, "height_um", em_sim_world_height(w, v->x, v->y) * 1e6);
	put(json, "t_over_lambda", t);
	em_json_put_name(json, "matter");
	em_text_append(json, "[");
	for (size_t i = 0; i < n; i++)
		describe(&met[i], (const double(*)[3])turn, json);
	em_text_append(json, "]}");
}
