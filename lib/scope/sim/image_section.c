/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Layers in section: lattices that follow the substrate's, interfaces, what has lost its order. */
#include "scope/sim/image.h"

#include <string.h>

#define STRIDE 8      /* pixels from one place where slow things are worked out to the next */
#define ROUGH 0.12e-9 /* m: half the width of an interface between crystals */
#define UNEVEN 0.4e-9 /* and of one to something amorphous */

static uint64_t lattice_id(const struct em_sim_section *s, size_t layer)
{
	return s->seed + 0x1a7 + layer;
}

/* Is any of it in the frame?  Local coordinates of the frame's corners. */
bool em_sim_section_in_frame(const struct em_sim_frame *f, const struct em_sim_section *s)
{
	double lo[2] = {1e9, 1e9}, hi[2] = {-1e9, -1e9};

	for (int i = 0; i < 4; i++) {
		double c = i & 1 ? (double)f->width : 0, r = i & 2 ? (double)f->height : 0, p[2], at[2];

		for (int k = 0; k < 2; k++)
			at[k] = (k ? f->view->y : f->view->x) + f->origin[k] + c * f->step[0][k] + r * f->step[1][k] -
			        f->lift[k] * s->at[2];
		em_sim_section_local(s, at[0], at[1], p);
		for (int k = 0; k < 2; k++) {
			lo[k] = fmin(lo[k], p[k]);
			hi[k] = fmax(hi[k], p[k]);
		}
	}
	return lo[0] < s->width / 2 && hi[0] > -s->width / 2 && lo[1] < s->depth && hi[1] > 0;
}

/* How the third axis leans from the beam, in the section's own axes. */
static void lean_of(const struct em_sim_frame *f, const struct em_sim_section *s, double lean[2])
{
	double up[3] = {0, 0, 1}, first[3] = {cos(s->angle), sin(s->angle), 0}, a[2], b[2], n;

	em_sim_frame_lean(f, up, a);
	a[0] += f->view->tilt[0]; /* leaning from a tilted beam */
	a[1] += f->view->tilt[1];
	em_sim_frame_lean(f, first, b);
	n = hypot(b[0], b[1]) + 1e-12;
	lean[0] = (a[0] * b[0] + a[1] * b[1]) / n;
	lean[1] = (a[1] * b[0] - a[0] * b[1]) / n;
}

int em_sim_section_lattices(struct em_sim_frame *f, const struct em_sim_section *s, struct em_error *err)
{
	double blur[2][2], lean[2], smear[2], middle[2], t;

	if (!em_sim_section_in_frame(f, s))
		return 0;
	em_sim_frame_local_blur(f, s->at[2], s->angle, blur);
	lean_of(f, s, lean);
	em_sim_section_local(s, f->view->x, f->view->y, middle);
	t = em_sim_section_thickness(s, middle[0], fmin(fmax(middle[1], 0), s->depth));
	for (int i = 0; i < 2; i++)
		smear[i] = lean[i] * t;
	for (size_t k = 0; k < s->layers; k++)
		if (!s->layer[k].amorphous && !s->layer[k].matter->amorphous &&
		    em_sim_frame_add_lattice(f, lattice_id(s, k), s->layer[k].matter, s->layer[k].cell, s->angle,
		                             (const double(*)[2])blur, smear, err))
			return -1;
	return 0;
}

/* ---- a row ---- */

struct cut {
	struct em_sim_band *b;
	const struct em_sim_section *s;
	struct em_sim_weight weight[EM_SIM_LAYERS];
	const struct em_sim_lattice *lattice[EM_SIM_LAYERS];
	struct em_sim_beams beams[EM_SIM_LAYERS];
	double lean[2], soft[2], slant;
	/* of a place in a row */
	double along, down, shift, thickness;
	double disorder;
	float texture, bent[EM_SIM_LAYERS]; /* known: `bent` has been worked out hereabouts */
	bool known[EM_SIM_LAYERS];
};

static void set_cut(struct cut *c, struct em_sim_band *b, const struct em_sim_section *s)
{
	const struct em_sim_frame *f = b->f;
	double blur[2][2];

	*c = (struct cut){.b = b, .s = s, .slant = 1 / f->turn[2][2]};
	em_sim_frame_local_blur(f, s->at[2], s->angle, blur);
	lean_of(f, s, c->lean);
	for (int i = 0; i < 2; i++)
		c->soft[i] = 1.7 * sqrt(blur[i][i]);
	for (size_t k = 0; k < s->layers; k++) {
		c->weight[k] = em_sim_frame_weigh(f, s->layer[k].matter);
		c->lattice[k] = em_sim_frame_lattice(f, lattice_id(s, k));
		if (!f->dark && !s->layer[k].matter->amorphous && !s->layer[k].amorphous)
			em_sim_beams_find(&c->beams[k], s->layer[k].matter);
	}
}

/* Bright images: density that diffraction adds where the foil is bent a little. */
static float bent(const struct cut *c, size_t layer)
{
	const struct em_sim_section *s = c->s;
	double lean[2];

	if (!c->beams[layer].count)
		return 0;
	em_sim_section_bend(s, c->along, c->down, lean);
	lean[0] += c->lean[0];
	lean[1] += c->lean[1];
	return (float)em_sim_beams_density(&c->beams[layer], lean, c->thickness, c->b->f->lambda);
}

/* A share of a pixel's beam goes through this layer. */
static void put_layer(struct cut *c, size_t layer, float share, size_t pixel)
{
	const struct em_sim_section *s = c->s;
	const struct em_sim_lattice *l = c->lattice[layer];
	struct em_sim_frame *f = c->b->f;
	float order = (float)em_sim_section_order(s, &s->layer[layer], c->along, c->down, c->disorder);
	float t = (float)c->thickness, matter = c->weight[layer].matter * t, phase = c->weight[layer].phase * t;
	float columns = 0, waves = 0, rest = (1 - order) * (c->texture - 1);

	if (l && order > 0) {
		double u = c->along / l->period[0], top = s->substrate < s->layers ? s->layer[s->substrate].top : 0;
		double v = (c->down + (layer == s->substrate ? c->shift : 0) - top) / l->period[1];

		columns = order * (em_sim_table(l->matter, u, v) - 1);
		waves = f->phase ? order * (em_sim_table(l->phase, u, v) - 1) : 0;
	}
	if (!c->known[layer]) {
		c->bent[layer] = bent(c, layer);
		c->known[layer] = true;
	}
	f->matter[pixel] += share * (matter * (1 + columns + rest) + order * c->bent[layer]);
	if (f->phase)
		f->phase[pixel] += share * phase / (1 + phase) * (1 + waves + 2 * rest);
}

/* The layers at a place; near a border its neighbour has the rest. */
static void put_place(struct cut *c, float share, size_t pixel)
{
	const struct em_sim_section *s = c->s;
	size_t k = 0;
	double to_top, to_bottom, rough;
	float mine;

	while (k + 1 < s->layers && c->down > s->layer[k].bottom)
		k++;
	to_top = c->down - s->layer[k].top;
	to_bottom = s->layer[k].bottom - c->down;
	if (to_bottom < to_top && k + 1 < s->layers) {
		rough = c->soft[1] + (s->layer[k].amorphous || s->layer[k + 1].amorphous ? UNEVEN : ROUGH);
		mine = em_sim_edge((float)(to_bottom / rough));
		if (mine < 1)
			put_layer(c, k + 1, share * (1 - mine), pixel);
	} else {
		rough = c->soft[1] + (k && (s->layer[k].amorphous || s->layer[k - 1].amorphous) ? UNEVEN : ROUGH);
		mine = k ? em_sim_edge((float)(to_top / rough)) : 1;
		if (mine < 1)
			put_layer(c, k - 1, share * (1 - mine), pixel);
	}
	put_layer(c, k, share * mine, pixel);
}

/* Is anything without a lattice in a row, between two depths? */
static bool has_texture(const struct cut *c, double a, double b)
{
	const struct em_sim_section *s = c->s;

	for (size_t k = 0; k < s->layers; k++) {
		const struct em_sim_layer *l = &s->layer[k];

		if (fmin(a, b) < l->bottom + 2e-9 && fmax(a, b) > l->top - 2e-9 &&
		    (l->amorphous || l->matter->amorphous ||
		     ((c->b->f->view->disorder > 0 || c->b->dose) && k < s->substrate)))
			return true;
	}
	return false;
}

/* at, step: the section's own coordinates of column 0, and of a column. */
static void draw_row(struct cut *c, size_t row, const double at[2], const double step[2])
{
	struct em_sim_frame *f = c->b->f;
	const struct em_sim_section *s = c->s;
	long lo = 0, hi = (long)f->width;
	const float *dose = c->b->dose && f->view->critical > 0 ? c->b->dose + (row - c->b->first) * f->width : NULL;
	double now = 0, next = 0;
	bool texture;

	em_sim_narrow(at[0], step[0], s->width / 2 + c->soft[0], &lo, &hi);
	em_sim_narrow(at[1] - s->depth / 2, step[1], s->depth / 2 + c->soft[1], &lo, &hi);
	if (lo >= hi)
		return;
	texture = has_texture(c, at[1] + (double)lo * step[1], at[1] + (double)hi * step[1]);
	if (texture)
		em_sim_texture_row(f, c->b->row + lo, (size_t)(hi - lo), s->seed,
		                   (double[2]){at[0] + (double)lo * step[0], at[1] + (double)lo * step[1]}, step,
		                   c->soft[0] / 1.7);
	for (long i = lo; i < hi; i++) {
		double u = at[0] + (double)i * step[0], v = at[1] + (double)i * step[1];
		float edge = em_sim_edge((float)((s->width / 2 - fabs(u)) / c->soft[0])) *
		             em_sim_edge((float)(fmin(v, s->depth - v) / c->soft[1]));

		if ((i - lo) % STRIDE == 0) {
			now = i > lo ? next : em_sim_section_thickness(s, u, v);
			next = em_sim_section_thickness(s, u + STRIDE * step[0], v + STRIDE * step[1]);
			memset(c->known, 0, sizeof(c->known));
		}
		c->thickness = c->slant * (now + (next - now) * (double)((i - lo) % STRIDE) / STRIDE);
		c->along = u;
		c->shift = em_sim_section_shift(s, u);
		c->down = v - c->shift;
		c->texture = texture ? c->b->row[i] : 1;
		c->disorder = f->view->disorder;
		if (dose)
			c->disorder = 1 - (1 - c->disorder) * (double)expf(-dose[i] / (float)f->view->critical);
		put_place(c, edge, row * f->width + (size_t)i);
	}
}

void em_sim_draw_section(struct em_sim_band *b, const struct em_sim_section *s)
{
	struct em_sim_frame *f = b->f;
	double cosine = cos(s->angle), sine = sin(s->angle), step[2];
	struct cut c;

	if (!em_sim_section_in_frame(f, s))
		return;
	set_cut(&c, b, s);
	step[0] = cosine * f->step[0][0] + sine * f->step[0][1];
	step[1] = cosine * f->step[0][1] - sine * f->step[0][0];
	for (size_t row = b->first; row < b->last; row++) {
		double at[2], local[2];

		em_sim_band_place(b, row, at);
		em_sim_section_local(s, at[0] - f->lift[0] * s->at[2], at[1] - f->lift[1] * s->at[2], local);
		draw_row(&c, row, local, step);
	}
}
