/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/drift_peak.h"

#include <complex.h>
#include <math.h>
#include <string.h>

static const double TURN = 6.28318530717958647692;

enum { SIDE = EM_DRIFT_SIDE, CANDIDATES = 6 };

int em_drift_search_init(struct em_drift_search *s, struct em_error *err)
{
	*s = (struct em_drift_search){.plan = em_fft_plan_new_inverse(SIDE, SIDE, err)};
	s->box = s->plan ? em_fft_alloc((size_t)SIDE * (SIDE / 2 + 1) * 2, err) : NULL;
	s->grid = s->box ? em_fft_alloc((size_t)SIDE * SIDE, err) : NULL;
	if (s->grid)
		return 0;
	em_drift_search_release(s);
	return -1;
}

void em_drift_search_release(struct em_drift_search *s)
{
	em_fft_plan_free(s->plan);
	em_fft_free(s->box);
	em_fft_free(s->grid);
	*s = (struct em_drift_search){0};
}

/* ---- at one place ---- */

struct hill {
	double value, slope[2], curve[3]; /* yy, yx, xx */
};

/* out[i] = exp(i at (first + i step)), from one to the next the same turn. */
static void set_turns(double complex *out, size_t n, double at, double first, double step)
{
	const double complex turn = cexp(I * at * step);
	double complex e = cexp(I * at * first);

	for (size_t i = 0; i < n; i++, e *= turn)
		out[i] = e;
}

static struct hill survey(const struct em_drift_likelihood *l, const double r[2])
{
	const struct em_drift_band *b = l->band;
	const double step[2] = {TURN / (double)b->size[0] * (double)b->width[0],
	                        TURN / (double)b->size[1] * (double)b->width[1]};
	double complex down[SIDE], across[SIDE]; /* more rows than a period has points there cannot be */
	struct hill h = {0};

	set_turns(down, 2 * b->reach[0] + 1, r[0], -step[0] * (double)b->reach[0], step[0]);
	set_turns(across, b->reach[1] + 1, r[1], 0, step[1]);
	for (const struct em_drift_term *t = l->term; t < l->term + l->terms; t++) {
		const double complex z = (t->re + I * t->im) * down[t->row] * across[t->column];

		h.value += creal(z);
		h.slope[0] -= t->y * cimag(z);
		h.slope[1] -= t->x * cimag(z);
		h.curve[0] -= t->y * t->y * creal(z);
		h.curve[1] -= t->y * t->x * creal(z);
		h.curve[2] -= t->x * t->x * creal(z);
	}
	return h;
}

double em_drift_likelihood(const struct em_drift_likelihood *l, const double r[2])
{
	return survey(l, r).value;
}

/* Holds a climb where it began on the axis along which fringes look all the same; a pixel's doubt. */
static const double SPRING = 2;

/* How far the frames are apart on an axis, as far as the window's part is known and small. */
static double part(const struct em_drift_likelihood *l, const double r[2], int a)
{
	return fmin(fmax(l->away[a] + r[a], -l->limit[a]), l->limit[a]);
}

/* Newton's step to the top of the hill without the window's pull; false where it has none. */
static bool find_step(const struct em_drift_likelihood *l, const double start[2], const double r[2], double step[2])
{
	struct hill h = survey(l, r);
	double det;

	for (int a = 0; a < 2; a++) {
		h.slope[a] += 2 * l->pull[a] * part(l, r, a) * h.value - SPRING * (r[a] - start[a]);
		h.curve[2 * a] += 2 * l->pull[a] * h.value - SPRING;
	}
	det = h.curve[0] * h.curve[2] - h.curve[1] * h.curve[1];
	if (!(det > 0) || !(h.curve[0] < 0))
		return false;
	step[0] = -(h.curve[2] * h.slope[0] - h.curve[1] * h.slope[1]) / det;
	step[1] = -(h.curve[0] * h.slope[1] - h.curve[1] * h.slope[0]) / det;
	return true;
}

void em_drift_climb(const struct em_drift_likelihood *l, double r[2])
{
	double at[2] = {r[0], r[1]}, step[2];

	for (int i = 0; i < 8 && find_step(l, r, at, step); i++) {
		for (int a = 0; a < 2; a++)
			at[a] = fmin(fmax(at[a] + step[a], r[a] - 1), r[a] + 1);
		if (hypot(step[0], step[1]) < 1e-3)
			break;
	}
	r[0] = at[0];
	r[1] = at[1];
}

/* ---- everywhere ---- */

/* A block that is not its own mirror has two terms, which the inverse transform of a half plane knows. */
static void fill_grid(struct em_drift_search *s, const struct em_drift_likelihood *l)
{
	memset(s->box, 0, sizeof(*s->box) * SIDE * (SIDE / 2 + 1) * 2);
	for (const struct em_drift_term *t = l->term; t < l->term + l->terms; t++) {
		float *to = s->box + 2 * ((t->row + SIDE - l->band->reach[0]) % SIDE * (SIDE / 2 + 1) + t->column);
		const double times = t->column > 0 ? 2 : 1;

		to[0] = (float)(t->re / times);
		to[1] = (float)(t->im / times);
	}
	em_fft_inverse(s->plan, s->box, s->grid);
}

static float at_point(const struct em_drift_search *s, int y, int x)
{
	return s->grid[(y & (SIDE - 1)) * SIDE + (x & (SIDE - 1))];
}

static bool is_top(const struct em_drift_search *s, int y, int x)
{
	const float v = at_point(s, y, x);

	for (int j = -1; j <= 1; j++)
		for (int i = -1; i <= 1; i++)
			if ((j || i) && at_point(s, y + j, x + i) > v)
				return false;
	return true;
}

/* ln of the density of Student's t with two degrees of freedom in the plane, width one pixel. */
static double prior(const double r[2], const double expected[2])
{
	double away = hypot(r[0] - expected[0], r[1] - expected[1]);

	return -2 * log1p(away * away / 2);
}

struct candidate {
	double r[2], worth;
};

/* Spots' blocks claim to be more certain than they are, of the places that they cannot tell apart above all: of the
 * likelihood this share is boast, by which the prior counts more. */
static const double BOAST = 0.01;

/* Keep the best, sorted. */
static void enter(struct candidate *list, struct candidate new)
{
	for (int i = 0; i < CANDIDATES; i++)
		if (new.worth > list[i].worth) {
			struct candidate old = list[i];

			list[i] = new;
			new = old;
		}
}

/* Of all points, at least 0; lane by lane, as one comparison waits for the one before. */
static float greatest(const float *grid)
{
	enum { LANES = 16 };
	float lane[LANES] = {0}, most = 0;

	for (size_t i = 0; i < SIDE * SIDE; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lane[k] = grid[i + k] > lane[k] ? grid[i + k] : lane[k];
	for (size_t k = 0; k < LANES; k++)
		most = lane[k] > most ? lane[k] : most;
	return most;
}

/*
 * Tops of the grid.  Between its points a top may stand higher, by a fifth of what is finest: those within a fifth of
 * the greatest go by the prior alone until they have been climbed.
 */
static void list_tops(const struct em_drift_search *s, const struct em_drift_likelihood *l, const double expected[2],
                      struct candidate *list)
{
	const struct em_drift_band *b = l->band;
	const float most = greatest(s->grid);

	for (int y = -SIDE / 2; y < SIDE / 2; y++)
		for (int x = -SIDE / 2; x < SIDE / 2; x++) {
			float value = at_point(s, y, x);
			struct candidate c;

			if (!(value > 0.5F * most) || !is_top(s, y, x))
				continue;
			c.r[0] = y * (double)b->size[0] / (double)b->width[0] / SIDE;
			c.r[1] = x * (double)b->size[1] / (double)b->width[1] / SIDE;
			c.worth = fmin((double)value, 0.8 * (double)most) + prior(c.r, expected);
			enter(list, c);
			if (value >= most) /* climbed in any case */
				list[CANDIDATES] = c;
		}
}

void em_drift_search(struct em_drift_search *s, const struct em_drift_likelihood *l, const double expected[2],
                     double r[2])
{
	struct candidate list[CANDIDATES + 1], *best = NULL;

	for (int i = 0; i <= CANDIDATES; i++)
		list[i] = (struct candidate){.worth = -INFINITY};
	fill_grid(s, l);
	list_tops(s, l, expected, list);
	for (int i = 0; i <= CANDIDATES; i++) {
		if (!(list[i].worth > -INFINITY))
			continue;
		em_drift_climb(l, list[i].r);
		list[i].worth = em_drift_likelihood(l, list[i].r);
		list[i].worth += (1 + BOAST * list[i].worth) * prior(list[i].r, expected);
		if (!best || list[i].worth > best->worth)
			best = &list[i];
	}
	r[0] = best ? best->r[0] : expected[0];
	r[1] = best ? best->r[1] : expected[1];
}
