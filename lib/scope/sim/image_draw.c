/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of pictures, and the things in them: balls and slabs. */
#include "scope/sim/image.h"

#include "base/parallel.h"

#include <stdlib.h>

#define PI 3.14159265358979323846
#define ROWS 32      /* of a band */
#define ATOMS 0.2e-9 /* m a pixel: at coarser ones no columns are drawn */

/* ---- bands ---- */

void em_sim_band_place(const struct em_sim_band *b, size_t row, double at[2])
{
	const struct em_sim_frame *f = b->f;
	double jitter = f->jitter ? f->jitter[row] : 0;

	at[0] = f->view->x + (f->origin[0] + (double)row * f->step[1][0] + jitter * f->step[0][0]);
	at[1] = f->view->y + (f->origin[1] + (double)row * f->step[1][1] + jitter * f->step[0][1]);
}

void em_sim_band_cells(const struct em_sim_band *b, const struct em_sim_scatter *s, long lo[2], long hi[2])
{
	const struct em_sim_frame *f = b->f;
	const struct em_sim_world *w = f->world;
	double middle[2], half[2], extent, height, rise;

	for (int i = 0; i < 2; i++) {
		double wide = (double)f->width / 2, high = (double)(b->last - b->first) / 2;

		middle[i] = (i ? f->view->y : f->view->x) + f->origin[i] + wide * f->step[0][i] +
		            ((double)b->first + high) * f->step[1][i];
		half[i] = (wide + f->jump) * fabs(f->step[0][i]) + high * fabs(f->step[1][i]);
	}
	extent = half[0] + half[1] + s->reach;
	height = em_sim_world_height(w, middle[0], middle[1]);
	/* of the waves of em_sim_world_height */
	rise = w->film.height * fmin(2, 3.3 * extent / w->grid.pitch);
	for (int i = 0; i < 2; i++) {
		double at = middle[i] - f->lift[i] * height;
		double slack = half[i] + s->reach + 4 * f->pixel + f->reach + fabs(f->lift[i]) * rise;

		lo[i] = lround(ceil((at - slack) / s->pitch));
		hi[i] = lround(floor((at + slack) / s->pitch));
	}
}

void em_sim_band_each(struct em_sim_band *b, const struct em_sim_scatter *s,
                      void (*draw)(struct em_sim_band *b, const struct em_sim_thing *t))
{
	struct em_sim_thing t;
	long lo[2], hi[2];

	em_sim_band_cells(b, s, lo, hi);
	for (long j = lo[1]; j <= hi[1]; j++)
		for (long i = lo[0]; i <= hi[0]; i++)
			if (em_sim_scatter_thing(b->f->world, s, i, j, &t))
				draw(b, &t);
}

/* ---- balls ---- */

/* How thick a ball of radius r is at a distance whose square is dd, seen through a blur of variance var. */
static float ball(double r, double dd, double var, bool small)
{
	double s = r * r / 5 + var;

	if (small) /* its second moment is kept, and its volume */
		return (float)(2. / 3 * r * r * r / s * exp(-dd / (2 * s)));
	r = r * r - dd;
	return r > 0 ? 2 * sqrtf((float)r) : 0;
}

struct stroke {
	double across[2]; /* direction that a ball's facets go by */
	const struct em_sim_thing *t;
	struct em_sim_weight w;
	const struct em_sim_lattice *lattice;
	struct em_sim_beams beams;
	double axes[3][3], lean[2]; /* of the third axis from the beam: along the crystal's first and second */
	double soft[2];             /* m: half the width of edges across the first and second axis */
	double blur[2][2];
	float strength; /* of diffraction */
};

static void set_stroke(struct stroke *s, struct em_sim_band *b, const struct em_sim_thing *t)
{
	const struct em_sim_frame *f = b->f;
	double across[2], first[2], n;

	*s = (struct stroke){.t = t, .w = em_sim_frame_weigh(f, t->matter), .across = {cos(t->angle), sin(t->angle)}};
	em_sim_frame_local_blur(f, t->at[2], t->angle, s->blur);
	for (int i = 0; i < 2; i++)
		s->soft[i] = 1.7 * sqrt(s->blur[i][i]);
	if (t->matter->amorphous)
		return;
	em_sim_thing_axes(t, s->axes);
	em_sim_frame_lean(f, s->axes[2], across);
	across[0] += f->view->tilt[0]; /* leaning from a tilted beam */
	across[1] += f->view->tilt[1];
	em_sim_frame_lean(f, s->axes[0], first);
	n = hypot(first[0], first[1]) + 1e-12;
	s->lean[0] = (across[0] * first[0] + across[1] * first[1]) / n;
	s->lean[1] = (across[1] * first[0] - across[0] * first[1]) / n;
	if (f->pixel < ATOMS && f->lattices)
		s->lattice = em_sim_frame_lattice(f, t->id);
	if (!f->dark)
		em_sim_beams_find(&s->beams, t->matter);
}

/* Add what is t thick (m along the beam) at a pixel, at (u, v) of the crystal, of which `order` is whole. */
static void put(struct em_sim_frame *f, const struct stroke *s, size_t pixel, float t, float order, double u, double v)
{
	float matter = t * s->w.matter, phase = t * s->w.phase;

	if (s->lattice) {
		double p = u / s->lattice->period[0], q = v / s->lattice->period[1];

		matter *= 1 + order * (em_sim_table(s->lattice->matter, p, q) - 1);
		/* a wave that has been shifted far is no longer a weak phase object: what is seen of it levels off */
		phase /= 1 + phase;
		phase *= f->phase ? 1 + order * (em_sim_table(s->lattice->phase, p, q) - 1) : 0;
	} else {
		phase /= 1 + phase;
	}
	f->matter[pixel] += matter;
	if (f->phase)
		f->phase[pixel] += phase;
}

/* The square of a distance at which a ball with facets looks like a round one. */
static double facetted(const struct stroke *k, double x, double y)
{
	double dd = x * x + y * y, u = fabs(k->across[0] * x + k->across[1] * y);
	double v = fabs(k->across[0] * y - k->across[1] * x), hexagon = fmax(v, 0.5 * v + 0.8660254 * u);
	double flat = k->t->matter->amorphous ? 0 : 0.2 + 0.4 * (double)(k->t->id & 255) / 255;

	return (1 - flat) * dd + 1.095 * flat * hexagon * hexagon;
}

static void draw_ball(struct em_sim_band *b, const struct em_sim_thing *t)
{
	struct em_sim_frame *f = b->f;
	double r = t->half[0], x0 = t->at[0] - f->view->x + f->lift[0] * t->at[2] - f->origin[0];
	double y0 = t->at[1] - f->view->y + f->lift[1] * t->at[2] - f->origin[1], var, reach, px, c, s;
	double column = f->back[0][0] * x0 + f->back[0][1] * y0, row = f->back[1][0] * x0 + f->back[1][1] * y0;
	struct stroke k;
	float extra = 0;
	bool small;

	set_stroke(&k, b, t);
	var = (k.blur[0][0] + k.blur[1][1]) / 2;
	small = r < 2.6 * f->pixel || var > 0.16 * r * r;
	if (small) /* a wider Gaussian, so that its sum does not depend on where between pixels it lies */
		var = fmax(var, 0.22 * f->pixel * f->pixel);
	reach = fmax(1.1 * r, 3 * sqrt(r * r / 5 + var));
	px = sqrt(fabs(f->view->plane[0][0] * f->view->plane[1][1] - f->view->plane[0][1] * f->view->plane[1][0]));
	if (!f->dark && k.beams.count) /* one shade for each: the beat's mean over what is not flat */
		extra = (float)em_sim_beams_density(&k.beams, k.lean, 1.3 * r, f->lambda) * (t->on_axis ? .5F : .15F);
	c = cos(k.lattice ? k.lattice->angle : t->angle);
	s = sin(k.lattice ? k.lattice->angle : t->angle);
	for (long j = lround(fmax(ceil(row - reach / px), (double)b->first));
	     j < (long)b->last && (double)j <= row + reach / px; j++) {
		double jitter = f->jitter ? f->jitter[j] : 0, middle = column - jitter;

		for (long i = lround(fmax(ceil(middle - reach / px), 0));
		     i < (long)f->width && (double)i <= middle + reach / px; i++) {
			double di = (double)i - middle, dj = (double)j - row;
			double x = f->view->plane[0][0] * di + f->view->plane[0][1] * dj;
			double y =
			    f->view->plane[1][0] * di + f->view->plane[1][1] * dj; /* in the plane: balls stay round */
			float thick = ball(r, small ? x * x + y * y : facetted(&k, x, y), var, small);

			if (thick > 0) {
				put(f, &k, (size_t)j * f->width + (size_t)i, thick, 1, c * x + s * y, c * y - s * x);
				f->matter[(size_t)j * f->width + (size_t)i] += extra * thick / (float)(2 * r);
			}
		}
	}
}

/* ---- slabs ---- */

static float profile(double u, double half, double soft)
{
	return em_sim_edge((float)((half + u) / soft)) * em_sim_edge((float)((half - u) / soft));
}

/* The convolution of a box with the edge's kernel: its area is kept where it is narrower than the blur. */
static float box(double u, double half, double soft)
{
	return em_sim_edge((float)((u + half) / soft)) - em_sim_edge((float)((u - half) / soft));
}

struct slab {
	struct stroke k;
	double at[2], step[2][2]; /* local coordinates, along and across, of the frame's pixel (0, 0); and a pixel's */
	double soft[2], thick;
};

static void set_slab(struct slab *s, struct em_sim_band *b, const struct em_sim_thing *t)
{
	const struct em_sim_frame *f = b->f;
	double c = cos(t->angle), n = sin(t->angle);
	double x = f->view->x - t->at[0] - f->lift[0] * t->at[2] + f->origin[0];
	double y = f->view->y - t->at[1] - f->lift[1] * t->at[2] + f->origin[1];

	set_stroke(&s->k, b, t);
	s->at[0] = c * x + n * y;
	s->at[1] = c * y - n * x;
	for (int i = 0; i < 2; i++) {
		s->step[i][0] = c * f->step[i][0] + n * f->step[i][1];
		s->step[i][1] = c * f->step[i][1] - n * f->step[i][0];
		s->soft[i] = fmax(s->k.soft[i], t->bevel / 2);
	}
	s->thick = t->thickness / f->turn[2][2];
}

static void put_slab_pixel(struct em_sim_frame *f, const struct slab *s, size_t pixel, double u, double v)
{
	const struct em_sim_thing *t = s->k.t;
	float (*side)(double, double, double) = t->half[1] > s->soft[1] ? profile : box;
	float thick = (float)s->thick * side(u + t->skew * v, t->half[0], s->soft[0]) * side(v, t->half[1], s->soft[1]);
	float done = (float)em_sim_thing_reacted(t, u / t->half[0], f->view->reaction);

	if (!(thick > 0))
		return;
	if (done > 0) /* denser, and in grains */
		thick *= 1 + done * (0.1F + 0.35F * (float)em_sim_noise(t->id, u / 7e-9, v / 7e-9));
	put(f, &s->k, pixel, thick, 1 - done, u, v);
	if (!f->dark && s->k.beams.count) {
		double lean[2];

		em_sim_thing_bend(t, u, v, lean);
		lean[0] += s->k.lean[0];
		lean[1] += s->k.lean[1];
		f->matter[pixel] += (1 - done) * (float)em_sim_beams_density(&s->k.beams, lean, thick, f->lambda) *
		                    fminf(1, thick / (float)s->thick);
	}
}

static void draw_slab(struct em_sim_band *b, const struct em_sim_thing *t)
{
	struct em_sim_frame *f = b->f;
	struct slab s;

	set_slab(&s, b, t);
	for (size_t row = b->first; row < b->last; row++) {
		double j = (double)row, jitter = f->jitter ? f->jitter[row] : 0;
		double u = s.at[0] + j * s.step[1][0] + jitter * s.step[0][0];
		double v = s.at[1] + j * s.step[1][1] + jitter * s.step[0][1];
		long lo = 0, hi = (long)f->width;

		em_sim_narrow(u, s.step[0][0], t->half[0] + fabs(t->skew) * t->half[1] + s.soft[0], &lo, &hi);
		em_sim_narrow(v, s.step[0][1], t->half[1] + s.soft[1], &lo, &hi);
		for (long i = lo; i < hi; i++)
			put_slab_pixel(f, &s, row * f->width + (size_t)i, u + (double)i * s.step[0][0],
			               v + (double)i * s.step[0][1]);
	}
}

void em_sim_draw_thing(struct em_sim_band *b, const struct em_sim_thing *t)
{
	if (t->shape == EM_SIM_SPHERE)
		draw_ball(b, t);
	else if (t->shape == EM_SIM_SLAB)
		draw_slab(b, t);
	else
		em_sim_draw_hole(b, t);
}

/* ---- everything ---- */

struct drawing {
	struct em_sim_frame *f;
	float *scratch; /* [bands][rows][width] */
	size_t rows;    /* of a band: one more than ROWS, and where the beam has been three times ROWS */
};

static void draw_band(void *ctx, size_t i)
{
	struct drawing *d = ctx;
	struct em_sim_frame *f = d->f;
	struct em_sim_band b = {.f = f, .first = i * ROWS, .last = (i + 1) * ROWS};

	b.last = b.last < f->height ? b.last : f->height;
	b.row = d->scratch + i * d->rows * f->width;
	b.cover = b.row + f->width;
	if (d->rows > ROWS + 1) {
		b.dose = b.cover + ROWS * f->width;
		b.deposit = b.dose + ROWS * f->width;
		em_sim_band_mark(&b);
	}
	em_sim_draw_film(&b);
	for (size_t k = 0; k < f->world->sections; k++)
		em_sim_draw_section(&b, &f->world->section[k]);
	if (b.deposit)
		em_sim_draw_deposit(&b);
}

/* How far a column of atoms walks across the beam over the thickness, in the crystal's own axes. */
static int add_thing_lattice(struct em_sim_frame *f, const struct em_sim_thing *t, struct em_error *err)
{
	double thickness = t->shape == EM_SIM_SPHERE ? 1.3 * t->half[0] : t->thickness, smear[2];
	struct em_sim_band b = {.f = f};
	struct stroke s;

	if (t->matter->amorphous)
		return 0;
	set_stroke(&s, &b, t);
	if (!t->on_axis)
		return em_sim_frame_add_fringes(f, t->id, t->matter, (const double(*)[3])s.axes, thickness, err);
	for (int i = 0; i < 2; i++)
		smear[i] = s.lean[i] * thickness;
	return em_sim_frame_add_lattice(f, t->id, t->matter, t->matter->cell, t->angle, (const double(*)[2])s.blur,
	                                smear, err);
}

static int add_lattices(struct em_sim_frame *f, struct em_error *err)
{
	struct em_sim_band whole = {.f = f, .first = 0, .last = f->height - 1};

	for (size_t k = 0; k < f->world->scatters; k++) {
		const struct em_sim_scatter *s = &f->world->scatter[k];
		struct em_sim_thing t;
		long lo[2], hi[2];

		em_sim_band_cells(&whole, s, lo, hi);
		for (long j = lo[1]; j <= hi[1]; j++)
			for (long i = lo[0]; i <= hi[0]; i++)
				if (em_sim_scatter_thing(f->world, s, i, j, &t) && add_thing_lattice(f, &t, err))
					return -1;
	}
	for (size_t k = 0; k < f->world->sections; k++)
		if (em_sim_section_lattices(f, &f->world->section[k], err))
			return -1;
	return 0;
}

int em_sim_frame_draw(struct em_sim_frame *f, int threads, struct em_error *err)
{
	size_t bands = (f->height + ROWS - 1) / ROWS, rows = (em_sim_frame_is_marked(f) ? 3 * ROWS : ROWS) + 1;
	size_t floats = bands * rows * f->width;
	struct drawing d = {f, NULL, rows};

	if (f->pixel < ATOMS && add_lattices(f, err))
		return -1;
	d.scratch = malloc(floats * sizeof(float));
	if (!d.scratch)
		return em_error_memory(err, floats * sizeof(float));
	em_parallel_for(threads, bands, draw_band, &d);
	free(d.scratch);
	return 0;
}
