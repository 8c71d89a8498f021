/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the beam has left where it was: a dose, and carbon. */
#include "scope/sim/image.h"

#define SOFT 1e-9      /* m: half the width of a mark's edge, which is outside */
#define THICKEST 40e-9 /* m: of what grows */
#define SURFACE 1e-9   /* m: of carbon; on less nothing grows */
#define SPREAD 5e-9    /* m: radius of what grows about a probe that stands */
#define FAINT 1e-12    /* m: of carbon that nobody sees */
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

/* Molecules come along the surface from outside, and are caught at the rim. */
static double growth(double far)
{
	double q = far * far * far;

	return 0.9 + 0.3 * q * q;
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
			grown += v->contamination * p.dose * growth(far);
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

/* row[k] += p's dose there, of what grows with its rim. */
static void mark_row(const struct em_sim_band *b, const struct em_sim_place *p, size_t row, bool grows, float *to)
{
	const struct em_sim_frame *f = b->f;
	double at[2], soft = fmax(SOFT, f->pixel) / p->half[0], step = hypot(f->step[0][0], f->step[0][1]);
	double reach = (hypot(p->half[0], p->half[1]) * (1 + 2 * soft)) / step, middle;
	long lo = 0, hi = (long)f->width;

	em_sim_band_place(b, row, at);
	middle = ((p->x - at[0]) * f->step[0][0] + (p->y - at[1]) * f->step[0][1]) / (step * step);
	em_sim_narrow(-middle, 1, reach, &lo, &hi);
	for (long i = lo; i < hi; i++) {
		double x = at[0] + (double)i * f->step[0][0], y = at[1] + (double)i * f->step[0][1];
		double far = how_far(p, x, y), in = (double)em_sim_edge((float)((1 - far) / soft + 1));

		to[i] += (float)(p->dose * in * (grows ? growth(fmin(far, 1)) : 1));
	}
}

void em_sim_band_mark(struct em_sim_band *b)
{
	const struct em_sim_frame *f = b->f;
	size_t pixels = (b->last - b->first) * f->width;

	for (size_t i = 0; i < pixels; i++)
		b->dose[i] = b->deposit[i] = 0;
	for (size_t k = 0; k < EM_SIM_PLACES; k++) {
		const struct em_sim_place *p = &f->view->place[k], wide = widened(*p);

		for (size_t row = shows(f, p) ? b->first : b->last; row < b->last; row++) {
			size_t from = (row - b->first) * f->width;

			mark_row(b, p, row, false, b->dose + from);
			mark_row(b, &wide, row, true, b->deposit + from);
		}
	}
}

void em_sim_draw_deposit(struct em_sim_band *b)
{
	struct em_sim_frame *f = b->f;
	struct em_sim_weight w = em_sim_frame_weigh(f, em_sim_matter_find("C"));
	float least = (float)SURFACE * w.matter;

	for (size_t i = 0; i < (b->last - b->first) * f->width; i++) {
		size_t pixel = b->first * f->width + i;
		float there = fminf(1, f->matter[pixel] / least);
		float t =
		    (float)thickness((double)b->deposit[i] * f->view->contamination) * there / (float)f->turn[2][2];

		f->matter[pixel] += t * w.matter;
		if (f->phase)
			f->phase[pixel] += t * w.phase;
	}
}
