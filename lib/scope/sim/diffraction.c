/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Diffraction patterns: the beams of every crystal that the beam falls on, each two-beam (em_sim_two_beams) with its
 * excitation error s = g_z - lambda g^2 / 2 in the whole of its reciprocal lattice, so that any tilt has its zone and
 * its Laue circles; halos of what is amorphous; and diffuse scattering about the middle.  Beams share what there is:
 * those of a crystal are weighed by 1 / (1 + their sum).  What is scattered past the camera is lost.
 */
#include "scope/sim/image.h"

#include <stdlib.h>

#define PI 3.14159265358979323846
#define PLACES 400
#define GRAINS 3000
#define FARTHEST 22e9   /* 1/m: no beam beyond */
#define NEAREST_S 0.3e9 /* 1/m: and none so far from the sphere */

struct pattern {
	const struct em_sim_view *v;
	float *out; /* of one electron */
	double turn[3][3], back[2][2], lambda, reach, pixel;
	double disc, sigma; /* 1/m: radius of a disc, 0: a spot of this rms */
};

/* ---- crystals ---- */

struct beam {
	double g[2], s,
	    xi; /* 1/m; excitation error, 1/m, for the middle of a convergent beam; extinction distance, m */
};
#define BEAMS 1024

/* What one crystal makes of its share of the beam. */
#define GRID 65
struct crystal {
	struct beam beam[BEAMS]; /* the first is the undiffracted one, whose xi is 0 */
	size_t beams;
	double thickness, share;
	float sum[GRID * GRID]; /* 1 + that of the beams' strengths, for directions in the convergent beam */
};

/* The beams of a crystal that are near the sphere. */
static void find_beams(const struct pattern *p, const struct em_sim_met *m, struct crystal *c)
{
	const double *tilt = p->v->tilt;
	double lab[3][3];
	long most[3];

	for (int i = 0; i < 3; i++) {
		most[i] = lround(floor(fmin(p->reach * m->cell[i], 40)));
		for (int k = 0; k < 3; k++)
			lab[i][k] = (p->turn[k][0] * m->axes[i][0] + p->turn[k][1] * m->axes[i][1] +
			             p->turn[k][2] * m->axes[i][2]) /
			            m->cell[i];
	}
	c->beam[0] = (struct beam){.xi = 0};
	c->beams = 1;
	for (long h = -most[0]; h <= most[0]; h++)
		for (long k = -most[1]; k <= most[1]; k++)
			for (long l = -most[2]; l <= most[2] && c->beams < BEAMS; l++) {
				double hkl[3] = {(double)h, (double)k, (double)l}, g[3], gg = 0, s;

				for (int i = 0; i < 3; i++) {
					g[i] = hkl[0] * lab[0][i] + hkl[1] * lab[1][i] + hkl[2] * lab[2][i];
					gg += g[i] * g[i];
				}
				s = g[2] - p->lambda * gg / 2 - tilt[0] * g[0] - tilt[1] * g[1];
				if (gg > p->reach * p->reach || fabs(s) > NEAREST_S || (!h && !k && !l))
					continue;
				c->beam[c->beams++] =
				    (struct beam){{g[0], g[1]}, s, em_sim_matter_extinction(m->matter, hkl, gg)};
			}
}

/* How strong a beam is for electrons that come from (x, y) rad beside the middle of a convergent beam. */
static double strength(const struct crystal *c, const struct beam *b, double x, double y)
{
	return b->xi > 0 ? em_sim_two_beams(b->s - x * b->g[0] - y * b->g[1], b->xi, c->thickness) : 1;
}

static double add_strengths(const struct crystal *c, double x, double y)
{
	double sum = 0;

	for (size_t i = 0; i < c->beams; i++)
		sum += strength(c, &c->beam[i], x, y);
	return sum;
}

/* The pixels that are within `reach` of pixel (c, r). */
static void window(const struct em_sim_view *v, double c, double r, double reach, long lo[2], long hi[2])
{
	lo[0] = lround(ceil(fmax(c - reach, 0)));
	lo[1] = lround(ceil(fmax(r - reach, 0)));
	hi[0] = lround(floor(fmin(c + reach, (double)v->width - 1)));
	hi[1] = lround(floor(fmin(r + reach, (double)v->height - 1)));
}

static void put_spot(struct pattern *p, double c, double r, double share)
{
	double s = p->sigma / p->pixel;
	long lo[2], hi[2];

	window(p->v, c, r, 4.5 * s, lo, hi);
	for (long j = lo[1]; j <= hi[1]; j++)
		for (long i = lo[0]; i <= hi[0]; i++) {
			double dd = ((double)i - c) * ((double)i - c) + ((double)j - r) * ((double)j - r);

			p->out[(size_t)j * p->v->width + (size_t)i] +=
			    (float)(share * exp(-dd / (2 * s * s)) / (2 * PI * s * s));
		}
}

/* The sum at a place of its grid, from its middle. */
static double sum_at(const struct crystal *k, double x, double y)
{
	double u = fmin(fmax(x + GRID / 2, 0), GRID - 1.001), v = fmin(fmax(y + GRID / 2, 0), GRID - 1.001);
	const float *s = k->sum + (size_t)v * GRID + (size_t)u;

	u -= floor(u);
	v -= floor(v);
	return (1 - v) * ((1 - u) * (double)s[0] + u * (double)s[1]) +
	       v * ((1 - u) * (double)s[GRID] + u * (double)s[GRID + 1]);
}

/* In a disc each pixel has electrons from one direction, which has its own excitation error. */
static void put_disc(struct pattern *p, double c, double r, const struct crystal *k, const struct beam *b)
{
	const struct em_sim_view *v = p->v;
	double rim = p->disc / p->pixel, soft = 1 + p->sigma / p->pixel;
	double to_grid = (GRID - 3) / (2 * (p->disc + 2 * p->pixel));
	long lo[2], hi[2];

	window(v, c, r, rim + 2, lo, hi);
	for (long j = lo[1]; j <= hi[1]; j++)
		for (long i = lo[0]; i <= hi[0]; i++) {
			double dc = (double)i - c, dr = (double)j - r, in = (rim - sqrt(dc * dc + dr * dr)) / soft;
			double x = v->plane[0][0] * dc + v->plane[0][1] * dr,
			       y = v->plane[1][0] * dc + v->plane[1][1] * dr;

			if (in > -1)
				p->out[(size_t)j * v->width + (size_t)i] +=
				    (float)(k->share * strength(k, b, p->lambda * x, p->lambda * y) /
				            sum_at(k, x * to_grid, y * to_grid) * (double)em_sim_edge((float)in) /
				            (PI * rim * rim));
		}
}

static void put_crystal(struct pattern *p, struct crystal *c)
{
	const struct em_sim_view *v = p->v;
	double middle = add_strengths(c, 0, 0), cell = 2 * (p->disc + 2 * p->pixel) / (GRID - 3) * p->lambda;

	for (int i = 0; i < GRID * GRID && p->disc > 0; i++)
		c->sum[i] = (float)add_strengths(c, cell * (i % GRID - GRID / 2), cell * (i / GRID - GRID / 2));
	for (size_t i = 0; i < c->beams; i++) {
		const struct beam *b = &c->beam[i];
		double x = b->g[0] + v->pattern[0], y = b->g[1] + v->pattern[1];
		double column = p->back[0][0] * x + p->back[0][1] * y + ((double)v->width - 1) / 2;
		double row = p->back[1][0] * x + p->back[1][1] * y + ((double)v->height - 1) / 2;

		if (p->disc > 0)
			put_disc(p, column, row, c, b);
		else if (strength(c, b, 0, 0) > 1e-7)
			put_spot(p, column, row, c->share * strength(c, b, 0, 0) / middle);
	}
}

/* ---- what has no lattice ---- */

struct diffuse {
	double middle;           /* share about the undiffracted beam */
	double ring[32], at[32]; /* share, 1/m */
	size_t rings;
};

static void add_ring(struct diffuse *d, double at, double share)
{
	size_t i = 0;

	while (i < d->rings && fabs(d->at[i] - at) > 1e6)
		i++;
	if (i == 32)
		return;
	d->rings += i == d->rings;
	d->at[i] = at;
	d->ring[i] += share;
}

static void put_diffuse(struct pattern *p, const struct diffuse *d)
{
	const struct em_sim_view *v = p->v;
	double px = fabs(v->plane[0][0] * v->plane[1][1] - v->plane[0][1] * v->plane[1][0]);

	for (size_t j = 0; j < v->height; j++)
		for (size_t i = 0; i < v->width; i++) {
			double c = (double)i - ((double)v->width - 1) / 2, r = (double)j - ((double)v->height - 1) / 2;
			double x = v->plane[0][0] * c + v->plane[0][1] * r - v->pattern[0];
			double y = v->plane[1][0] * c + v->plane[1][1] * r - v->pattern[1], k = hypot(x, y),
			       w = 0.8e9 + p->disc;
			double sum = d->middle * w * w / (PI * (k * k + w * w) * (k * k + w * w));

			for (size_t n = 0; n < d->rings; n++) { /* normalised over the plane */
				double broad = 0.13 * d->at[n], off = (k - d->at[n]) / broad;

				sum += d->ring[n] * exp(-off * off / 2) / (2 * PI * d->at[n] * broad * 2.5066);
			}
			p->out[j * v->width + i] += (float)(px * sum);
		}
}

/* ---- all that the beam falls on ---- */

/* A grain: what one crystal covers of the beam. */
struct grain {
	struct em_sim_met met;
	double share;
};
struct grains {
	struct grain grain[GRAINS];
	size_t count;
	struct diffuse diffuse;
	double straight; /* share that meets no crystal */
	struct crystal crystal;
};

static void add_grain(struct grains *g, const struct em_sim_met *m, double share)
{
	size_t i = 0;

	while (i < g->count && g->grain[i].met.id != m->id)
		i++;
	if (i == GRAINS)
		return;
	if (i == g->count)
		g->grain[g->count++] = (struct grain){.met = *m};
	g->grain[i].share += share;
}

/* One place of the beam, `part` of all: the thickest crystal there diffracts, what has no order makes halos. */
static void add_place(struct grains *g, const struct em_sim_met *met, size_t n, double slant, double part)
{
	const struct em_sim_met *crystal = NULL;
	double rest = part;

	for (size_t i = 0; i < n; i++) {
		const struct em_sim_matter *m = met[i].matter;
		double elastic = met[i].thickness * slant * em_sim_matter_density(m, 1.3) / (180e-9 * 1.0272e30);
		double out = rest * (1 - exp(-elastic)), ordered = met[i].order;

		if (ordered > 0.5 && (!crystal || met[i].thickness > crystal->thickness))
			crystal = &met[i];
		/* a crystal's atoms scatter into its beams, but for their vibration, which is diffuse */
		add_ring(&g->diffuse, m->halo[0], 0.5 * out * (1 - ordered));
		add_ring(&g->diffuse, m->halo[1], 0.25 * out * (1 - ordered));
		out *= 1 - 0.8 * ordered;
		g->diffuse.middle += out - 0.75 * out * (1 - ordered) / (1 - 0.8 * ordered);
		rest -= out;
	}
	if (crystal)
		add_grain(g, crystal, rest);
	else
		g->straight += rest;
}

/* Balls that are small beside the beam's disc: each of them, as places between them would miss most. */
static void add_balls(struct grains *g, const struct em_sim_world *w, const struct em_sim_scatter *s,
                      const double middle[2], double radius)
{
	long span = lround(ceil(radius / s->pitch)),
	     at[2] = {lround(middle[0] / s->pitch), lround(middle[1] / s->pitch)};
	struct em_sim_thing t;

	for (long n = 0; n < (2 * span + 1) * (2 * span + 1); n++) {
		struct em_sim_met m = {.matter = s->matter, .order = 1};

		if (!em_sim_scatter_thing(w, s, at[0] - span + n % (2 * span + 1), at[1] - span + n / (2 * span + 1),
		                          &t) ||
		    hypot(t.at[0] - middle[0], t.at[1] - middle[1]) > radius)
			continue;
		m.id = t.id;
		m.thickness = 4. / 3 * t.half[0];
		for (int i = 0; i < 3; i++)
			m.cell[i] = s->matter->cell[i];
		em_sim_thing_axes(&t, m.axes);
		add_grain(g, &m, t.half[0] * t.half[0] / (radius * radius));
		g->straight -= t.half[0] * t.half[0] / (radius * radius);
	}
}

static void set_pattern(struct pattern *p, const struct em_sim_view *v, float *out)
{
	double det = v->plane[0][0] * v->plane[1][1] - v->plane[0][1] * v->plane[1][0], px = sqrt(fabs(det));
	double corner = hypot((double)v->width, (double)v->height) / 2 * px + hypot(v->pattern[0], v->pattern[1]);

	*p = (struct pattern){.v = v, .out = out, .lambda = em_sim_wavelength(v->voltage), .pixel = px};
	em_sim_tilt_matrix(v->a, v->b, p->turn);
	p->back[0][0] = v->plane[1][1] / det;
	p->back[0][1] = -v->plane[0][1] / det;
	p->back[1][0] = -v->plane[1][0] / det;
	p->back[1][1] = v->plane[0][0] / det;
	p->reach = fmin(corner, FARTHEST);
	/* the camera's own point spread, and the width of a small crystal's or small beam's spots */
	p->sigma = px * hypot(0.8, v->blur);
	p->disc = v->convergence / p->lambda;
	if (p->disc < 1.5 * px) {
		p->sigma = hypot(p->sigma, p->disc / 2);
		p->disc = 0;
	}
}

static void put_grain(struct pattern *p, struct crystal *c, const struct grain *g)
{
	c->share = g->share;
	c->thickness = g->met.thickness / p->turn[2][2];
	find_beams(p, &g->met, c);
	put_crystal(p, c);
}

int em_sim_expect_pattern(const struct em_sim_world *w, const struct em_sim_view *v, float *expected,
                          struct em_error *err)
{
	struct grains *g = calloc(1, sizeof(*g));
	double place[PLACES][2], radius, fine;
	size_t n = em_sim_world_footprint(v, PLACES, place, &radius);
	struct pattern p;

	if (!g)
		return em_error_memory(err, sizeof(*g));
	set_pattern(&p, v, expected);
	fine = radius / 5;
	for (size_t i = 0; i < n; i++) {
		struct em_sim_met met[EM_SIM_MET];
		size_t found = em_sim_world_meet(w, v, place[i][0], place[i][1], fine, met);

		add_place(g, met, found, 1 / p.turn[2][2], 1 / (double)n);
	}
	for (size_t i = 0; i < w->scatters; i++)
		if (w->scatter[i].shape == EM_SIM_SPHERE && w->scatter[i].length.hi < fine &&
		    !w->scatter[i].matter->amorphous)
			add_balls(g, w, &w->scatter[i], place[0], radius);
	g->straight = fmax(g->straight, 0);
	for (size_t i = 0; i < g->count; i++)
		put_grain(&p, &g->crystal, &g->grain[i]);
	g->crystal = (struct crystal){.beams = 1, .share = g->straight};
	put_crystal(&p, &g->crystal); /* with the one beam that goes straight on */
	put_diffuse(&p, &g->diffuse);
	for (size_t i = 0; i < v->width * v->height; i++)
		expected[i] *= (float)(v->electrons * v->dqe);
	free(g);
	return 0;
}
