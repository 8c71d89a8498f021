/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/bragg_plane.h"

#include "base/linalg.h"
#include "crystal/bragg.h"
#include "crystal/spectrum.h"

#include <math.h>
#include <stdlib.h>

#define NEAR 4       /* what is beside a pixel begins so far away, */
#define FAR 15       /* and ends here */
#define BOX 5        /* half the box about it */
#define CIRCLE 24    /* places on a circle */
#define FEWEST 96    /* pixels that quartiles are taken of */
#define SHAPES 72    /* of the table */
#define SMALLEST 0.2 /* shape */
#define LARGEST 300
#define QUIET 1e-5 /* of the strongest spot's power */
/* Quartiles of few pixels scatter, and the tail of a weighted mean is longer than gamma's: what is taken of a shape. */
#define CAUTION 0.75

bool em_bragg_plane_twin(const struct em_bragg_plane *p, size_t j, size_t i)
{
	bool own = i == 0 || 2 * i == p->width; /* this column holds its own pairs */

	return (own && 2 * j > p->height) || (!i && !j);
}

double em_bragg_plane_at(const struct em_bragg_plane *p, const double *value, long y, long x)
{
	const long h = (long)p->height, w = (long)p->width;

	x %= w;
	if (x < 0)
		x += w;
	if (x >= (long)p->columns) {
		x = w - x;
		y = -y;
	}
	y %= h;
	return value[(size_t)(y < 0 ? y + h : y) * p->columns + (size_t)x];
}

static double frequency(long j, size_t n)
{
	double f = (double)j / (double)n;

	return f - floor(f + 0.5);
}

size_t em_bragg_plane_ring(const struct em_bragg_plane *p, long y, long x)
{
	return (size_t)(hypot(frequency(y, p->height), frequency(x, p->width)) / p->step + 0.5);
}

double em_bragg_quantile(double *v, size_t n, double q)
{
	ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1, k = (ptrdiff_t)(q * (double)(n - 1) + 0.5);

	while (lo < hi) { /* Hoare's selection (Comm. ACM 4 (1961) 321) */
		ptrdiff_t i = lo, j = hi;
		double pivot = v[k];

		while (i <= j) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i <= j) {
				double t = v[i];

				v[i++] = v[j];
				v[j--] = t;
			}
		}
		if (j < k)
			lo = i;
		if (k < i)
			hi = j;
	}
	return v[k];
}

/* ---- the plane and its rings ---- */

static int check(const double *sum, size_t height, size_t width, size_t frames, struct em_error *err)
{
	if (height < EM_SPECTRUM_LEAST || width < EM_SPECTRUM_LEAST || height > 1U << 20 || width > 1U << 20)
		return em_error_set(err, EM_ERROR_DATA, "no spectrum has %zu x %zu pixels", width, height);
	if (!frames)
		return em_error_set(err, EM_ERROR_USAGE, "the mean of no spectrum");
	for (size_t i = 0; i < height * (width / 2 + 1); i++)
		if (!(sum[i] >= 0 && isfinite(sum[i])))
			return em_error_set(err, EM_ERROR_DATA, "a power of the spectrum is %g", sum[i]);
	return 0;
}

/* Pixels by ring: counted, then placed. */
static void sort_rings(struct em_bragg_plane *p)
{
	for (int pass = 0; pass < 2; pass++) {
		for (size_t j = 0; j < p->height; j++)
			for (size_t i = 0; i < p->columns; i++) {
				size_t ring = em_bragg_plane_ring(p, (long)j, (long)i);

				if (em_bragg_plane_twin(p, j, i))
					continue;
				if (pass)
					p->order[p->begin[ring]++] = j * p->columns + i;
				else
					p->begin[ring + 1]++;
			}
		for (size_t r = 0; r < p->rings && !pass; r++)
			p->begin[r + 1] += p->begin[r];
	}
	for (size_t r = p->rings; r; r--)
		p->begin[r] = p->begin[r - 1];
	p->begin[0] = 0;
	p->pixels = p->begin[p->rings];
}

int em_bragg_plane_init(struct em_bragg_plane *plane, const double *sum, size_t height, size_t width, size_t frames,
                        struct em_error *err)
{
	struct em_bragg_plane p = {.height = height, .width = width, .columns = width / 2 + 1};
	size_t n = height * p.columns;

	if (check(sum, height, width, frames, err))
		return -1;
	p.step = 1 / sqrt((double)height * (double)width);
	p.rings = (size_t)(sqrt(0.5) / p.step) + 2;
	p.power = malloc(n * sizeof(*p.power));
	p.begin = calloc(p.rings + 2, sizeof(*p.begin));
	p.order = malloc(n * sizeof(*p.order));
	p.scratch = malloc(n * sizeof(*p.scratch));
	if (!p.power || !p.begin || !p.order || !p.scratch) {
		em_bragg_plane_release(&p);
		return em_error_memory(err, 3 * n * sizeof(double));
	}
	for (size_t i = 0; i < n; i++)
		p.power[i] = sum[i] / (double)frames;
	sort_rings(&p);
	*plane = p;
	return 0;
}

void em_bragg_plane_release(struct em_bragg_plane *p)
{
	free(p->power);
	free(p->smooth);
	free(p->begin);
	free(p->order);
	free(p->scratch);
	free(p->median);
	free(p->shape);
	*p = (struct em_bragg_plane){0};
}

/* ---- what is usual in a ring ---- */

static void smooth(struct em_bragg_plane *p)
{
	static const double weight[3] = {0.25, 0.5, 0.25};

	for (long j = 0; j < (long)p->height; j++)
		for (long i = 0; i < (long)p->columns; i++) {
			double sum = 0;

			for (int b = -1; b <= 1; b++)
				for (int a = -1; a <= 1; a++)
					sum += weight[b + 1] * weight[a + 1] *
					       em_bragg_plane_at(p, p->power, j + b, i + a);
			p->smooth[(size_t)j * p->columns + (size_t)i] = sum;
		}
}

/* White noise's F of neighbours are correlated as the spectrum of the window squared: so many independent values is the
 * smoothed power the mean of, in one direction. */
static double gain(size_t n)
{
	double rho[3] = {0};

	for (int d = 0; d < 3; d++) {
		double re = 0, im = 0, sum = 0;

		for (size_t i = 0; i < n; i++) {
			double w2 = pow(em_spectrum_window((double)i, n), 2);
			double turn = 8 * atan(1) * d * (double)i / (double)n;

			re += w2 * cos(turn);
			im += w2 * sin(turn);
			sum += w2;
		}
		rho[d] = (re * re + im * im) / (sum * sum);
	}
	return 1 / (6. / 16 * rho[0] + 8. / 16 * rho[1] + 2. / 16 * rho[2]);
}

double em_bragg_mean_of_median(double shape)
{
	return shape / em_gamma_point(0.5, shape);
}

/* The shape whose upper quartile is exp(spread) times the lower. */
static double shape_of(const double *table, double spread)
{
	const double stride = log(LARGEST / SMALLEST) / (SHAPES - 1);
	int i = 0;

	while (i < SHAPES - 2 && table[i + 1] > spread)
		i++;
	double f = (table[i] - spread) / (table[i] - table[i + 1]);

	return SMALLEST * exp(stride * (i + fmin(fmax(f, 0), 1)));
}

/* Median and log ratio of the quartiles of ring r, with its neighbours where it has few pixels. */
static void measure_ring(struct em_bragg_plane *p, size_t r, double *spread)
{
	size_t lo = r, hi = r, n = 0;
	double q1, q3;

	while (p->begin[hi + 1] - p->begin[lo] < FEWEST && (lo > 0 || hi + 1 < p->rings)) {
		lo -= lo > 0;
		hi += hi + 1 < p->rings;
	}
	for (size_t i = p->begin[lo]; i < p->begin[hi + 1]; i++)
		p->scratch[n++] = p->smooth[p->order[i]];
	p->median[r] = em_bragg_quantile(p->scratch, n, 0.5);
	q1 = em_bragg_quantile(p->scratch, n, 0.25);
	q3 = em_bragg_quantile(p->scratch, n, 0.75);
	*spread = q1 > 0 ? log(q3 / q1) : q3 > 0 ? HUGE_VAL : 0;
}

/* The spreads' mean over about a fifth of |k| to either side gives the shape; noise's is the largest possible. */
static void find_shapes(struct em_bragg_plane *p, const double *spread, size_t frames)
{
	const double stride = log(LARGEST / SMALLEST) / (SHAPES - 1);
	double table[SHAPES];

	for (int i = 0; i < SHAPES; i++) {
		double s = SMALLEST * exp(stride * i);

		table[i] = log(em_gamma_point(0.25, s) / em_gamma_point(0.75, s));
	}
	for (size_t r = 0; r < p->rings; r++) {
		size_t half = r / 5 > 4 ? r / 5 : 4, lo = r > half ? r - half : 0;
		double sum = 0, weight = 0;

		for (size_t i = lo; i <= r + half && i < p->rings; i++) {
			double w = (double)(p->begin[i + 1] - p->begin[i]);

			sum += w > 0 ? w * spread[i] : 0;
			weight += w;
		}
		p->shape[r] = shape_of(table, weight > 0 ? sum / weight : 0);
		p->shape[r] = CAUTION * fmin(p->shape[r], p->gain * (double)frames);
	}
}

/* As much white noise as a camera of QUIET's dynamic range has: in a picture without any, rings hold nothing but the
 * window's side lobes, next to which no spot is out of the ordinary. */
static void add_noise(struct em_bragg_plane *p)
{
	double most = 0;

	for (size_t i = p->begin[EM_BRAGG_PERIODS]; i < p->pixels; i++)
		most = fmax(most, p->power[p->order[i]]);
	for (size_t i = 0; i < p->height * p->columns; i++)
		p->power[i] += QUIET * most;
}

int em_bragg_plane_measure(struct em_bragg_plane *p, size_t frames, struct em_error *err)
{
	size_t n = p->height * p->columns;
	double *spread = malloc(p->rings * sizeof(*spread));

	p->smooth = malloc(n * sizeof(*p->smooth));
	p->median = malloc(p->rings * sizeof(*p->median));
	p->shape = malloc(p->rings * sizeof(*p->shape));
	if (!spread || !p->smooth || !p->median || !p->shape) {
		free(spread);
		return em_error_memory(err, n * sizeof(double));
	}
	add_noise(p);
	smooth(p);
	p->gain = gain(p->height) * gain(p->width);
	p->streak = CAUTION * fmin(gain(p->height), gain(p->width)) * (double)frames;
	for (size_t r = 0; r < p->rings; r++)
		measure_ring(p, r, &spread[r]);
	find_shapes(p, spread, frames);
	free(spread);
	return 0;
}

/* ---- what is usual about a pixel ---- */

static double beside(const struct em_bragg_plane *p, long y, long x, long dy, long dx)
{
	double v[2 * (FAR - NEAR + 1)];
	size_t n = 0;

	for (long i = NEAR; i <= FAR; i++) {
		v[n++] = em_bragg_plane_at(p, p->smooth, y + i * dy, x + i * dx);
		v[n++] = em_bragg_plane_at(p, p->smooth, y - i * dy, x - i * dx);
	}
	return em_bragg_quantile(v, n, 0.5);
}

double em_bragg_beside_row(const struct em_bragg_plane *p, long y, long x)
{
	return beside(p, y, x, 0, 1);
}

double em_bragg_beside_column(const struct em_bragg_plane *p, long y, long x)
{
	return beside(p, y, x, 1, 0);
}

double em_bragg_about(const struct em_bragg_plane *p, long y, long x)
{
	double v[(2 * BOX + 1) * (2 * BOX + 1)];
	size_t n = 0;

	for (long b = -BOX; b <= BOX; b++)
		for (long a = -BOX; a <= BOX; a++)
			v[n++] = em_bragg_plane_at(p, p->smooth, y + b, x + a);
	return em_bragg_quantile(v, n, 0.5);
}

double em_bragg_around(const struct em_bragg_plane *p, long cy, long cx, long y, long x)
{
	double v[CIRCLE], radius = hypot((double)(y - cy), (double)(x - cx));

	for (int i = 0; i < CIRCLE; i++) {
		double turn = 8 * atan(1) * i / CIRCLE;

		v[i] =
		    em_bragg_plane_at(p, p->smooth, cy + lround(radius * sin(turn)), cx + lround(radius * cos(turn)));
	}
	return em_bragg_quantile(v, CIRCLE, 0.5);
}

/* ---- the mean and median against |k|, for everybody ---- */

static int fill_radial(struct em_bragg_radial *r, const struct em_bragg_plane *p, struct em_error *err)
{
	r->pixels = calloc(p->rings, sizeof(*r->pixels));
	r->mean = calloc(p->rings, sizeof(*r->mean));
	r->median = calloc(p->rings, sizeof(*r->median));
	if (!r->pixels || !r->mean || !r->median)
		return em_error_memory(err, p->rings * sizeof(double));
	for (size_t i = 0; i < p->rings; i++) {
		size_t n = 0;

		for (size_t k = p->begin[i]; k < p->begin[i + 1]; k++)
			p->scratch[n++] = p->power[p->order[k]];
		r->pixels[i] = n;
		for (size_t k = 0; k < n; k++)
			r->mean[i] += p->scratch[k] / (double)n;
		r->median[i] = n ? em_bragg_quantile(p->scratch, n, 0.5) : 0;
	}
	return 0;
}

int em_bragg_radial(struct em_bragg_radial *radial, const double *sum, size_t height, size_t width, size_t frames,
                    struct em_error *err)
{
	struct em_bragg_plane p;
	struct em_bragg_radial made = {0};
	int status;

	if (em_bragg_plane_init(&p, sum, height, width, frames, err))
		return -1;
	made.step = p.step;
	made.count = p.rings;
	status = fill_radial(&made, &p, err);
	em_bragg_plane_release(&p);
	if (status)
		em_bragg_radial_release(&made);
	else
		*radial = made;
	return status;
}

void em_bragg_radial_release(struct em_bragg_radial *radial)
{
	free(radial->pixels);
	free(radial->mean);
	free(radial->median);
	*radial = (struct em_bragg_radial){0};
}
