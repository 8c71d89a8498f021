/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "synth/crystal.h"

#include <math.h>

#define PI 3.14159265358979323846

double em_synth_z_power(enum em_synth_contrast contrast)
{
	return contrast == EM_SYNTH_HAADF ? 1.7 : 0.7; /* Pennycook and Jesson, Ultramicroscopy 37 (1991) 14 */
}

/* One drawing of one crystal. */
struct drawing {
	struct em_synth_canvas *c;
	const struct em_synth_crystal *k;
	const struct em_synth_pose *pose;
	const struct em_synth_part *part;
	struct em_random *r;
	double centre[2];    /* of the canvas */
	double lo[2], hi[2]; /* x and y between which columns still show */
	double normal[2];    /* unit, to the planes of faults */
	double lamella;      /* from one fault to the next, pixels */
	double s[2], t[2];   /* the canvas's extent across and along the planes */
};

static double across(const struct drawing *d, const double p[2])
{
	return d->normal[0] * p[0] + d->normal[1] * p[1];
}

static double along(const struct drawing *d, const double p[2])
{
	return d->normal[1] * p[0] - d->normal[0] * p[1];
}

/* From a pixel to the place in the crystal that it shows. */
static void to_crystal(const struct drawing *d, double x, double y, double p[2])
{
	const double(*m)[2] = d->pose->m;
	double det = m[0][0] * m[1][1] - m[0][1] * m[1][0];

	x -= d->centre[0];
	y -= d->centre[1];
	p[0] = d->k->origin[0] + (m[1][1] * x - m[0][1] * y) / det;
	p[1] = d->k->origin[1] + (m[0][0] * y - m[1][0] * x) / det;
}

static void corner(const struct drawing *d, int i, double p[2])
{
	to_crystal(d, i & 1 ? d->hi[0] : d->lo[0], i & 2 ? d->hi[1] : d->lo[1], p);
}

/* ---- one column ---- */

/* The displacement around an edge dislocation in (0, 0) whose Burgers vector is the cell's a. */
static void dislocate(const struct em_synth_crystal *k, double p[2])
{
	const double nu = 0.3, b = hypot(k->a[0], k->a[1]), cosine = k->a[0] / b, sine = k->a[1] / b;
	double x = cosine * p[0] + sine * p[1], y = cosine * p[1] - sine * p[0], rr = x * x + y * y + 0.05 * b * b;
	double ux = b / (2 * PI) * (atan2(y, x) + x * y / (2 * (1 - nu) * rr));
	double uy =
	    -b / (2 * PI) * ((1 - 2 * nu) / (4 * (1 - nu)) * log(rr / (b * b)) + (x * x - y * y) / (4 * (1 - nu) * rr));

	p[0] += cosine * ux - sine * uy;
	p[1] += sine * ux + cosine * uy;
}

static void put(const struct drawing *d, const double p[2], double weight)
{
	const struct em_synth_crystal *k = d->k;
	const double(*m)[2] = d->pose->m;
	double u = p[0] - k->origin[0], v = p[1] - k->origin[1], x, y;

	if (k->disorder > 0) {
		u += k->disorder * em_random_normal(d->r);
		v += k->disorder * em_random_normal(d->r);
	}
	x = d->centre[0] + m[0][0] * u + m[0][1] * v;
	y = d->centre[1] + m[1][0] * u + m[1][1] * v;
	if (!d->part || d->part->keep(d->part->ctx, x, y))
		em_synth_put_column(d->c, x, y, weight, k->sigma * d->pose->scale);
}

static void put_atom(const struct drawing *d, const struct em_synth_atom *atom, const double p[2], bool exchanged)
{
	const struct em_synth_crystal *k = d->k;
	double weight = atom->weight[exchanged];

	if (k->mixing > 0)
		weight += k->mixing * em_random_uniform(d->r) * (atom->weight[!exchanged] - weight);
	if (k->vacancy > 0 && em_random_chance(d->r, k->vacancy))
		weight *= k->occupancy;
	put(d, p, weight);
}

/* Of twins the first lamella and both its planes are drawn from the crystal; every second one is its mirror image,
 * which shares the planes, the others are the same again. */
static void place_twins(const struct drawing *d, const struct em_synth_atom *atom, const double p[2], double s)
{
	double eps = 1e-6 * d->lamella;

	if (s < -eps || s > d->lamella + eps)
		return;
	for (double i = floor(d->s[0] / d->lamella) - 1; i <= floor(d->s[1] / d->lamella); i++) {
		bool mirrored = fmod(i, 2) != 0;
		double to = mirrored ? (i + 1) * d->lamella - s : i * d->lamella + s;
		double q[2] = {p[0] + (to - s) * d->normal[0], p[1] + (to - s) * d->normal[1]};

		if (!mirrored || (s > eps && s < d->lamella - eps))
			put_atom(d, atom, q, false);
	}
}

/* Where the faults put an atom of the perfect crystal. */
static void place_atom(const struct drawing *d, const struct em_synth_atom *atom, double p[2])
{
	const struct em_synth_crystal *k = d->k;
	double s = across(d, p), slab = floor(s / d->lamella + 1e-6), shift = slab * k->shift - floor(slab * k->shift);

	if (k->fault == EM_SYNTH_TWIN) {
		place_twins(d, atom, p, s);
		return;
	}
	if (k->fault == EM_SYNTH_STACKING) {
		p[0] += shift * k->plane[0];
		p[1] += shift * k->plane[1];
	} else if (k->fault == EM_SYNTH_DISLOCATION) {
		dislocate(k, p);
	}
	put_atom(d, atom, p, k->fault == EM_SYNTH_ANTIPHASE && fmod(slab, 2) != 0);
}

/* ---- all of them ---- */

/* The cells that the canvas shows: [lo, hi] of i a + j b.  Of twins the first lamella, as long as the canvas. */
static void find_cells(const struct drawing *d, double lo[2], double hi[2])
{
	const struct em_synth_crystal *k = d->k;
	double det = k->a[0] * k->b[1] - k->a[1] * k->b[0];
	bool twin = k->fault == EM_SYNTH_TWIN;

	lo[0] = lo[1] = 1e30;
	hi[0] = hi[1] = -1e30;
	for (int i = 0; i < 4; i++) {
		double p[2], at[2];

		corner(d, i, p);
		if (twin) {
			double s = i & 1 ? d->lamella : 0, t = d->t[i >> 1];

			p[0] = d->normal[0] * s + d->normal[1] * t;
			p[1] = d->normal[1] * s - d->normal[0] * t;
		}
		at[0] = (k->b[1] * p[0] - k->b[0] * p[1]) / det;
		at[1] = (k->a[0] * p[1] - k->a[1] * p[0]) / det;
		for (int j = 0; j < 2; j++) {
			lo[j] = fmin(lo[j], floor(at[j]) - 2);
			hi[j] = fmax(hi[j], ceil(at[j]) + 1);
		}
	}
}

static void set_planes(struct drawing *d)
{
	const struct em_synth_crystal *k = d->k;
	double length = hypot(k->plane[0], k->plane[1]);

	d->normal[0] = -k->plane[1] / length;
	d->normal[1] = k->plane[0] / length;
	d->lamella = (double)k->every * fabs(k->a[0] * k->b[1] - k->a[1] * k->b[0]) / length;
	d->s[0] = d->t[0] = 1e30;
	d->s[1] = d->t[1] = -1e30;
	for (int i = 0; i < 4; i++) {
		double p[2];

		corner(d, i, p);
		d->s[0] = fmin(d->s[0], across(d, p));
		d->s[1] = fmax(d->s[1], across(d, p));
		d->t[0] = fmin(d->t[0], along(d, p));
		d->t[1] = fmax(d->t[1], along(d, p));
	}
}

/* Could a column of this cell show?  Most cells in the corners of the lattice's own parallelogram cannot. */
static bool visible(const struct drawing *d, const double p[2], double cell)
{
	const struct em_synth_crystal *k = d->k;
	const double(*m)[2] = d->pose->m;
	double u = p[0] - k->origin[0], v = p[1] - k->origin[1], more = cell * d->pose->scale;
	double x = d->centre[0] + m[0][0] * u + m[0][1] * v, y = d->centre[1] + m[1][0] * u + m[1][1] * v;

	return k->fault == EM_SYNTH_TWIN ||
	       (x > d->lo[0] - more && x < d->hi[0] + more && y > d->lo[1] - more && y < d->hi[1] + more);
}

static void set_window(struct drawing *d, double cell)
{
	const struct em_synth_crystal *k = d->k;
	double reach =
	    (4 * k->sigma + 4 * k->disorder + (k->fault == EM_SYNTH_NO_FAULT ? 0 : 2 * cell)) * d->pose->scale;

	for (int i = 0; i < 2; i++) {
		d->centre[i] = (double)(i ? d->c->frame->height : d->c->frame->width) / 2;
		d->lo[i] = -reach;
		d->hi[i] = 2 * d->centre[i] + reach;
		if (d->part) {
			double at = i ? d->part->y : d->part->x;

			d->lo[i] = fmax(d->lo[i], at - d->part->reach);
			d->hi[i] = fmin(d->hi[i], at + d->part->reach);
		}
	}
}

void em_synth_crystal_put(struct em_synth_canvas *c, const struct em_synth_crystal *k, const struct em_synth_pose *pose,
                          const struct em_synth_part *part, struct em_random *r)
{
	struct drawing d = {.c = c, .k = k, .pose = pose, .part = part, .r = r};
	double lo[2], hi[2], cell = hypot(k->a[0], k->a[1]) + hypot(k->b[0], k->b[1]);

	set_window(&d, cell);
	set_planes(&d);
	find_cells(&d, lo, hi);
	for (double j = lo[1]; j <= hi[1]; j++)
		for (double i = lo[0]; i <= hi[0]; i++) {
			double p[2] = {i * k->a[0] + j * k->b[0], i * k->a[1] + j * k->b[1]};

			if (!visible(&d, p, cell))
				continue;
			for (size_t n = 0; n < k->atoms; n++) {
				const struct em_synth_atom *atom = &k->atom[n];
				double q[2] = {p[0] + atom->u * k->a[0] + atom->v * k->b[0] + atom->dx,
				               p[1] + atom->u * k->a[1] + atom->v * k->b[1] + atom->dy};

				place_atom(&d, atom, q);
			}
			if (k->interstitial > 0 && em_random_chance(r, k->interstitial)) {
				double u = em_random_uniform(r), v = em_random_uniform(r);
				double q[2] = {p[0] + u * k->a[0] + v * k->b[0], p[1] + u * k->a[1] + v * k->b[1]};

				put(&d, q, k->atom[0].weight[0] / 2);
			}
		}
}
