/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/component.h"

#include "base/fft.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 16 /* points a side of the grid */

static const double PI = 3.14159265358979323846;

struct em_map_grid {
	size_t height, width, rows, columns;
	struct em_fft_plan *fft;
};

/* ---- the grid ---- */

/* Has n no prime factors but 2, 3 and 5?  The others are slow to transform. */
static int is_fast(size_t n)
{
	for (size_t p = 2; p <= 5; p++)
		while (n % p == 0)
			n /= p;
	return n == 1;
}

static size_t points(size_t side, double radius)
{
	size_t n = (size_t)ceil(4 * radius * (double)side);

	if (n < LEAST)
		n = LEAST;
	while (!is_fast(n))
		n++;
	return n < side ? n : side;
}

struct em_map_grid *em_map_grid_new(size_t height, size_t width, double radius, struct em_error *err)
{
	struct em_map_grid *g;

	if (!(radius > 0 && radius <= EM_MASK_MOST) || height < EM_SPECTRUM_LEAST || width < EM_SPECTRUM_LEAST) {
		em_error_set(err, EM_ERROR_USAGE, "a mask of radius %g in the spectrum of %zu x %zu pixels", radius,
		             width, height);
		return NULL;
	}
	g = calloc(1, sizeof(*g));
	if (!g) {
		em_error_memory(err, sizeof(*g));
		return NULL;
	}
	g->height = height;
	g->width = width;
	g->rows = points(height, radius);
	g->columns = points(width, radius);
	/* A mask's coefficients lie within its radius from the middle, which is next to the spot. */
	g->fft = em_fft_plan_new_complex(g->rows, g->columns, (size_t)(radius * (double)width) + 2, err);
	if (g->fft)
		return g;
	free(g);
	return NULL;
}

void em_map_grid_free(struct em_map_grid *grid)
{
	if (grid)
		em_fft_plan_free(grid->fft);
	free(grid);
}

size_t em_map_grid_rows(const struct em_map_grid *grid)
{
	return grid->rows;
}

size_t em_map_grid_columns(const struct em_map_grid *grid)
{
	return grid->columns;
}

void em_map_grid_step(const struct em_map_grid *grid, double step[2])
{
	step[0] = (double)grid->height / (double)grid->rows;
	step[1] = (double)grid->width / (double)grid->columns;
}

/* ---- the mask ---- */

/* A coefficient: where it is stored, and where it lies from the middle.  Of the half plane that is not stored, F(-k) is
 * the conjugate of F(k). */
struct tap {
	size_t at;               /* row * columns + column of the spectrum */
	int y, x;                /* from the middle */
	float weight, conjugate; /* M; -1 where the conjugate is meant, else 1 */
};

struct em_mask {
	long y, x; /* the middle: the coefficient next to g */
	double power;
	size_t count;
	struct tap tap[]; /* row by row */
};

static size_t wrap(long i, size_t n)
{
	long m = i % (long)n;

	return (size_t)(m < 0 ? m + (long)n : m);
}

static struct tap tap_of(long j, long i, size_t height, size_t width)
{
	size_t columns = width / 2 + 1, x = wrap(i, width);
	bool stored = x < columns;

	return (struct tap){.at = wrap(stored ? j : -j, height) * columns + (stored ? x : width - x),
	                    .conjugate = stored ? 1 : -1};
}

struct em_mask *em_mask_new(size_t height, size_t width, const struct em_spot *spot, struct em_error *err)
{
	double y = spot->y * (double)height, x = spot->x * (double)width;
	double ry = spot->radius * (double)height, rx = spot->radius * (double)width;
	size_t most = (size_t)(2 * ry + 2) * (size_t)(2 * rx + 2);
	struct em_mask *m = malloc(sizeof(*m) + most * sizeof(struct tap));

	if (!m) {
		em_error_memory(err, most * sizeof(struct tap));
		return NULL;
	}
	*m = (struct em_mask){.y = lround(y), .x = lround(x)};
	for (long j = (long)ceil(y - ry); j <= (long)floor(y + ry); j++)
		for (long i = (long)ceil(x - rx); i <= (long)floor(x + rx); i++) {
			double q = hypot(((double)j - y) / ry, ((double)i - x) / rx), v = 0.5 * (1 + cos(PI * q));
			struct tap t = tap_of(j, i, height, width);

			if (q >= 1)
				continue;
			t.y = (int)(j - m->y);
			t.x = (int)(i - m->x);
			t.weight = (float)v;
			m->power += v * v;
			m->tap[m->count++] = t;
		}
	return m;
}

void em_mask_free(struct em_mask *mask)
{
	free(mask);
}

double em_mask_power(const struct em_mask *mask)
{
	return mask->power;
}

void em_mask_want(const struct em_mask *mask, size_t width, bool *wanted)
{
	for (size_t k = 0; k < mask->count; k++) {
		size_t column = mask->tap[k].at % (width / 2 + 1);

		em_spectrum_want(wanted, column, column);
	}
}

double em_component_power(const struct em_mask *mask, const struct em_spectrum *s)
{
	double sum = 0;

	for (size_t k = 0; k < mask->count; k++) {
		const struct tap *t = &mask->tap[k];
		const float *f = s->value + 2 * t->at;

		sum += (double)(t->weight * t->weight * (f[0] * f[0] + f[1] * f[1]));
	}
	return sum;
}

/* ---- the image ---- */

/* Where a coefficient goes in the cut-out. */
static float *place(const struct em_map_grid *grid, const struct tap *t, float *band)
{
	size_t y = t->y < 0 ? grid->rows - (size_t)-t->y : (size_t)t->y;
	size_t x = t->x < 0 ? grid->columns - (size_t)-t->x : (size_t)t->x;

	return band + 2 * (y * grid->columns + x);
}

void em_component_cut(const struct em_map_grid *grid, const struct em_mask *mask, const struct em_spectrum *s,
                      float *band)
{
	const float unit = (float)(1 / ((double)s->height * (double)s->width));

	memset(band, 0, 2 * grid->rows * grid->columns * sizeof(*band));
	for (size_t k = 0; k < mask->count; k++) {
		const struct tap *t = &mask->tap[k];
		const float *f = s->value + 2 * t->at;
		float *to = place(grid, t, band);

		to[0] = unit * t->weight * f[0];
		to[1] = unit * t->weight * t->conjugate * f[1];
	}
}

/* a *= b */
static void turn(double a[2], const double b[2])
{
	double re = a[0] * b[0] - a[1] * b[1];

	a[1] = a[0] * b[1] + a[1] * b[0];
	a[0] = re;
}

static void set_turn(double out[2], double turns)
{
	out[0] = cos(2 * PI * turns);
	out[1] = sin(2 * PI * turns);
}

/* Turn all back by the whole wave vector, not the cut-out's: that is what the specimen's move has turned. */
static void move(const struct em_map_grid *grid, const struct em_mask *mask, const double shift[2], float *band)
{
	const double down = shift[0] / (double)grid->height, across = shift[1] / (double)grid->width;
	double step[2], now[2] = {1, 0};

	set_turn(step, across);
	for (size_t k = 0; k < mask->count; k++) {
		const struct tap *t = &mask->tap[k];
		float *v = place(grid, t, band), re;

		if (k && t->y == t[-1].y && t->x == t[-1].x + 1)
			turn(now, step);
		else
			set_turn(now, (double)(mask->y + t->y) * down + (double)(mask->x + t->x) * across);
		re = v[0] * (float)now[0] - v[1] * (float)now[1];
		v[1] = v[0] * (float)now[1] + v[1] * (float)now[0];
		v[0] = re;
	}
}

void em_component_image(const struct em_map_grid *grid, const struct em_mask *mask, const double shift[2], float *band,
                        float *psi)
{
	if (fabs(shift[0]) + fabs(shift[1]) > 0)
		move(grid, mask, shift, band);
	em_fft_complex_inverse(grid->fft, band, psi);
}
