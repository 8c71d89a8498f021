/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the beam has left where it was: a dose, and carbon. */
#include "scope/sim/image.h"

#define SOFT 1e-9      /* m: half the width of a mark's edge, which is outside */
#define THICKEST 40e-9 /* m: of what grows */
#define SURFACE 1e-9   /* m: of carbon; on less nothing grows */
#define SPREAD 5e-9    /* m: radius of what grows about a probe that stands */
#define FAINT 1e-12    /* m: of carbon that nobody sees */
#define MOST 1e35      /* m^-2: of one place; a float has them all */
#define HARMLESS 1e-4  /* of the dose that leaves 1/e */

/* Of a disc and of a rectangle: how far out (x, y) is, 1 at its edge; far where nothing has been. */
static double how_far(const struct em_sim_place *p, double x, double y)
{
	double c = cos(p->angle), s = sin(p->angle), u, v;

	if (!(p->dose > 0 && p->half[0] > 0))
		return 1e9;
	x -= p->x;
	y -= p->y;
	if (!(p->half[1] > 0))
		return sqrt(x * x + y * y) / p->half[0];
	u = fabs(c * x + s * y) / p->half[0];
	v = fabs(c * y - s * x) / p->half[1];
	return u > v ? u : v;
}

/* Of what grows about a probe that stands, the place is never small. */
static struct em_sim_place widened(struct em_sim_place p)
{
	if (p.half[1] > 0 || p.half[0] >= SPREAD)
		return p;
	p.dose *= p.half[0] * p.half[0] / (SPREAD * SPREAD);
	p.half[0] = SPREAD;
	return p;
}

/* What grows goes as rest + rim far^6, of mean 1 over a disc.  Molecules come along the surface from outside and are
 * caught at the rim of what is scanned; about a probe that stands a dome grows. */
static void profile_of(const struct em_sim_place *p, double *rest, double *rim)
{
	bool stands = !(p->half[1] > 0) && p->half[0] <= SPREAD;

	*rest = stands ? 4. / 3 : 0.9;
	*rim = stands ? -4. / 3 : 0.3;
}

static double growth(const struct em_sim_place *p, double far)
{
	double rest, rim;

	profile_of(p, &rest, &rim);
	return rest + rim * pow(far, 6);
}

static double thickness(double grown)
{
	return grown * THICKEST / (grown + THICKEST);
}

double em_sim_places_dose(const struct em_sim_place p[EM_SIM_PLACES], double x, double y)
{
	double dose = 0;

	for (size_t i = 0; i < EM_SIM_PLACES; i++)
		if (how_far(&p[i], x, y) <= 1)
			dose += p[i].dose;
	return dose;
}

double em_sim_view_disorder(const struct em_sim_view *v, double x, double y)
{
	double dose = v->critical > 0 ? em_sim_places_dose(v->place, x, y) / v->critical : 0;

	return 1 - (1 - v->disorder) * exp(-dose);
}

double em_sim_view_deposit(const struct em_sim_view *v, double x, double y)
{
	double grown = 0;

	for (size_t i = 0; i < EM_SIM_PLACES && v->contamination > 0; i++) {
		struct em_sim_place p = widened(v->place[i]);
		double far = how_far(&p, x, y);

		if (far <= 1)
			grown += v->contamination * p.dose * growth(&p, far);
	}
	return thickness(grown);
}

/* ---- rows of pictures ---- */

/* Is it in the frame, and would anyone see it? */
static bool shows(const struct em_sim_frame *f, const struct em_sim_place *p)
{
	double half = (hypot(f->step[0][0], f->step[0][1]) + f->jump / (double)f->width) * (double)f->width / 2 +
	              hypot(f->step[1][0], f->step[1][1]) * (double)f->height / 2;
	double middle[2], reach = hypot(p->half[0], p->half[1]) + SPREAD;

	if (!(p->half[0] > 0) || !(p->dose * f->view->contamination > FAINT ||
	                           (f->view->critical > 0 && p->dose > HARMLESS * f->view->critical)))
		return false;
	for (int i = 0; i < 2; i++)
		middle[i] = (i ? f->view->y : f->view->x) + f->origin[i] + (double)f->width / 2 * f->step[0][i] +
		            (double)f->height / 2 * f->step[1][i];
	return hypot(p->x - middle[0], p->y - middle[1]) < reach + half;
}

bool em_sim_frame_is_marked(const struct em_sim_frame *f)
{
	for (size_t i = 0; i < EM_SIM_PLACES; i++)
		if (shows(f, &f->view->place[i]))
			return true;
	return false;
}

/* A place along a row: u and v of how_far, at column k from at, by step. */
struct stripe {
	double at[2], step[2];
	float dose, softness; /* 1 / soft */
	double rest, rim;     /* of what grows */
	bool round;
};

static struct stripe stripe_of(const struct em_sim_band *b, const struct em_sim_place *p, size_t row)
{
	const struct em_sim_frame *f = b->f;
	double c = cos(p->angle), s = sin(p->angle), at[2], high = p->half[1] > 0 ? p->half[1] : p->half[0];
	struct stripe t = {.dose = (float)fmin(p->dose, MOST), .round = !(p->half[1] > 0)};

	em_sim_band_place(b, row, at);
	at[0] -= p->x;
	at[1] -= p->y;
	t.at[0] = (c * at[0] + s * at[1]) / p->half[0];
	t.at[1] = (c * at[1] - s * at[0]) / high;
	t.step[0] = (c * f->step[0][0] + s * f->step[0][1]) / p->half[0];
	t.step[1] = (c * f->step[0][1] - s * f->step[0][0]) / high;
	t.softness = (float)(p->half[0] / fmax(SOFT, f->pixel));
	profile_of(p, &t.rest, &t.rim);
	return t;
}

/* to[k] += the dose there; with `grows` what grows by it.  Plain numbers, so that processors do many at a time. */
static void mark_row(const struct stripe *t, size_t width, bool grows, float *restrict to)
{
	double reach = 1 + 2 / (double)t->softness;
	float rim = grows ? (float)t->rim : 0, rest = grows ? (float)t->rest : 1, softness = t->softness,
	      dose = t->dose;
	float u0, v0, du = (float)t->step[0], dv = (float)t->step[1];
	bool round = t->round;
	long lo = 0, hi = (long)width;

	em_sim_narrow(t->at[0], t->step[0], reach, &lo, &hi);
	em_sim_narrow(t->at[1], t->step[1], reach, &lo, &hi);
	u0 = (float)(t->at[0] + (double)lo * t->step[0]);
	v0 = (float)(t->at[1] + (double)lo * t->step[1]);
	to += lo;
	for (int i = 0, n = (int)(hi - lo); i < n; i++) {
		float u = fabsf(u0 + du * (float)i), v = fabsf(v0 + dv * (float)i), near, in;

		near = round ? sqrtf(u * u + v * v) : u > v ? u : v;
		in = (1 - near) * softness + 1;
		in = in < -1 ? -1 : in;
		in = in > 1 ? 1 : in;
		near = near > 1 ? 1 : near;
		near *= near * near;
		to[i] += dose * (0.5F + in * (0.75F - 0.25F * in * in)) * (rest + rim * near * near);
	}
}

void em_sim_band_mark(struct em_sim_band *b)
{
	const struct em_sim_frame *f = b->f;
	size_t pixels = (b->last - b->first) * f->width;
	bool harms = false;

	for (size_t k = 0; k < f->world->sections && f->view->critical > 0; k++)
		harms |= em_sim_section_in_frame(f, &f->world->section[k]);
	for (size_t i = 0; i < pixels; i++)
		b->dose[i] = b->deposit[i] = 0;
	for (size_t k = 0; k < EM_SIM_PLACES; k++) {
		const struct em_sim_place *p = &f->view->place[k], wide = widened(*p);

		for (size_t row = shows(f, p) ? b->first : b->last; row < b->last; row++) {
			struct stripe harm = stripe_of(b, p, row), grow = stripe_of(b, &wide, row);
			size_t from = (row - b->first) * f->width;

			if (harms)
				mark_row(&harm, f->width, false, b->dose + from);
			if (f->view->contamination > 0)
				mark_row(&grow, f->width, true, b->deposit + from);
		}
	}
}

void em_sim_draw_deposit(struct em_sim_band *b)
{
	struct em_sim_frame *f = b->f;
	struct em_sim_weight w = em_sim_frame_weigh(f, em_sim_matter_find("C"));
	size_t pixels = (b->last - b->first) * f->width;
	float rate = (float)f->view->contamination, most = (float)THICKEST, per_least = 1 / ((float)SURFACE * w.matter);
	float slant = 1 / (float)f->turn[2][2], *matter = f->matter + b->first * f->width;

	for (size_t i = 0; i < pixels; i++) {
		float grown = rate * b->deposit[i], there = matter[i] * per_least;

		b->deposit[i] = slant * grown * most / (grown + most) * (there < 1 ? there : 1);
		matter[i] += b->deposit[i] * w.matter;
	}
	for (size_t i = 0; f->phase && i < pixels; i++)
		f->phase[b->first * f->width + i] += b->deposit[i] * w.phase;
}
