/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/component.h"

#include "base/fft.h"

#include <math.h>
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
	g->fft = em_fft_plan_new_complex(g->rows, g->columns, err);
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

/* The coefficients under a spot's mask: rows top..bottom, columns left..right around the middle, all of them signed. */
struct disc {
	double y, x, ry, rx; /* middle and half axes, in coefficients */
	long top, bottom, left, right;
};

static struct disc disc_of(const struct em_spot *spot, size_t height, size_t width)
{
	struct disc d = {.y = spot->y * (double)height, .x = spot->x * (double)width,
	                 .ry = spot->radius * (double)height, .rx = spot->radius * (double)width};

	d.top = (long)ceil(d.y - d.ry);
	d.bottom = (long)floor(d.y + d.ry);
	d.left = (long)ceil(d.x - d.rx);
	d.right = (long)floor(d.x + d.rx);
	return d;
}

static double mask_at(const struct disc *d, long j, long i)
{
	double q = hypot(((double)j - d->y) / d->ry, ((double)i - d->x) / d->rx);

	return q < 1 ? 0.5 * (1 + cos(PI * q)) : 0;
}

static size_t wrap(long i, size_t n)
{
	long m = i % (long)n;

	return (size_t)(m < 0 ? m + (long)n : m);
}

/* Coefficient (j, i) of the whole plane from the half that is stored: F(-k) is the conjugate of F(k). */
static void coefficient(const struct em_spectrum *s, long j, long i, float out[2])
{
	size_t x = wrap(i, s->width), stored = x < s->columns ? x : s->width - x;
	size_t y = x < s->columns ? wrap(j, s->height) : wrap(-j, s->height);
	const float *f = s->value + 2 * (y * s->columns + stored);

	out[0] = f[0];
	out[1] = x < s->columns ? f[1] : -f[1];
}

void em_component_power(const struct em_spectrum *s, const struct em_spot *spot, double *power, double *mask)
{
	struct disc d = disc_of(spot, s->height, s->width);

	*power = *mask = 0;
	for (long j = d.top; j <= d.bottom; j++)
		for (long i = d.left; i <= d.right; i++) {
			double m = mask_at(&d, j, i);
			float f[2];

			coefficient(s, j, i, f);
			*power += m * m * ((double)f[0] * (double)f[0] + (double)f[1] * (double)f[1]);
			*mask += m * m;
		}
}

/* ---- the image ---- */

void em_component_cut(const struct em_map_grid *grid, const struct em_spectrum *s, const struct em_spot *spot,
                      float *band)
{
	struct disc d = disc_of(spot, s->height, s->width);
	long cy = lround(d.y), cx = lround(d.x);
	double unit = 1 / ((double)s->height * (double)s->width);

	memset(band, 0, 2 * grid->rows * grid->columns * sizeof(*band));
	for (long j = d.top; j <= d.bottom; j++)
		for (long i = d.left; i <= d.right; i++) {
			float m = (float)(mask_at(&d, j, i) * unit), f[2];
			float *to = band + 2 * (wrap(j - cy, grid->rows) * grid->columns + wrap(i - cx, grid->columns));

			coefficient(s, j, i, f);
			to[0] = m * f[0];
			to[1] = m * f[1];
		}
}

/* v *= exp(i angle) */
static void turn(float v[2], const float by[2])
{
	float re = v[0] * by[0] - v[1] * by[1];

	v[1] = v[0] * by[1] + v[1] * by[0];
	v[0] = re;
}

static void unit_of(double turns, float out[2])
{
	out[0] = (float)cos(2 * PI * turns);
	out[1] = (float)sin(2 * PI * turns);
}

void em_component_image(const struct em_map_grid *grid, const struct em_spot *spot, const double shift[2], float *band,
                        float *psi)
{
	struct disc d = disc_of(spot, grid->height, grid->width);
	long cy = lround(d.y), cx = lround(d.x);

	/* A specimen that moved has its phases turned by its whole wave vector, not by the cut-out's. */
	for (long j = d.top; j <= d.bottom; j++)
		for (long i = d.left; i <= d.right; i++) {
			size_t y = wrap(j - cy, grid->rows), x = wrap(i - cx, grid->columns);
			float by[2];

			unit_of((double)j * shift[0] / (double)grid->height + (double)i * shift[1] / (double)grid->width, by);
			turn(band + 2 * (y * grid->columns + x), by);
		}
	em_fft_complex_inverse(grid->fft, band, psi);
}
