/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/drift_peak.h"

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

/* Of one row of blocks at frequency ky: sums of z, kx z and kx^2 z, z = weight cross exp(2 pi i k.r). */
static void add_row(const struct em_drift_likelihood *l, size_t row, const double r[2], struct hill *h)
{
	const struct em_drift_band *b = l->band;
	const size_t across = b->reach[1] + 1;
	const double ky = em_drift_band_frequency(b, 0, row), step = em_drift_band_frequency(b, 1, 1);
	const double *w = l->weight + row * across, *x = b->cross + 2 * row * across;
	const double cs = cos(TURN * step * r[1]), sn = sin(TURN * step * r[1]);
	double er = cos(TURN * ky * r[0]), ei = sin(TURN * ky * r[0]), sum[3] = {0}, odd[2] = {0};

	for (size_t c = 0; c < across; c++) {
		double g = (c > 0 ? 2 : 1) * w[c], kx = step * (double)c, next = er * cs - ei * sn;
		double re = g * (x[2 * c] * er - x[2 * c + 1] * ei), im = g * (x[2 * c] * ei + x[2 * c + 1] * er);

		sum[0] += re;
		sum[1] += re * kx;
		sum[2] += re * kx * kx;
		odd[0] += im;
		odd[1] += im * kx;
		ei = er * sn + ei * cs;
		er = next;
	}
	h->value += sum[0];
	h->slope[0] -= TURN * ky * odd[0];
	h->slope[1] -= TURN * odd[1];
	h->curve[0] -= TURN * TURN * ky * ky * sum[0];
	h->curve[1] -= TURN * TURN * ky * sum[1];
	h->curve[2] -= TURN * TURN * sum[2];
}

static struct hill survey(const struct em_drift_likelihood *l, const double r[2])
{
	struct hill h = {0};

	for (size_t j = 0; j <= 2 * l->band->reach[0]; j++)
		add_row(l, j, r, &h);
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

static void fill_grid(struct em_drift_search *s, const struct em_drift_likelihood *l)
{
	const struct em_drift_band *b = l->band;
	const size_t across = b->reach[1] + 1;

	memset(s->box, 0, sizeof(*s->box) * SIDE * (SIDE / 2 + 1) * 2);
	for (size_t i = 0; i < b->blocks; i++) {
		size_t row = (i / across + SIDE - b->reach[0]) % SIDE;
		float *to = s->box + 2 * (row * (SIDE / 2 + 1) + i % across);

		to[0] = (float)(l->weight[i] * b->cross[2 * i]);
		to[1] = (float)(l->weight[i] * b->cross[2 * i + 1]);
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

/*
 * Tops of the grid.  Between its points a top may stand higher, by a fifth of what is finest: those within a fifth of
 * the greatest go by the prior alone until they have been climbed.
 */
static void list_tops(const struct em_drift_search *s, const struct em_drift_likelihood *l, const double expected[2],
                      struct candidate *list)
{
	const struct em_drift_band *b = l->band;
	float most = 0;

	for (int i = 0; i < SIDE * SIDE; i++)
		most = s->grid[i] > most ? s->grid[i] : most;
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
