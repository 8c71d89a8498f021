/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/pattern_parts.h"

#include "base/fft.h"
#include "base/linalg.h"
#include "base/parallel.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TURN 6.28318530717958647692
#define TAPS 4
#define MARGIN 4
#define ITERATIONS 40
#define SOLVED 1e-6 /* of the square of what was to be explained */
#define LEAST 1e-12 /* of a variance */

/* Keys's weights for a value at a fraction f beyond the second of four. */
static void take_taps(double f, float tap[TAPS])
{
	tap[0] = (float)(((-0.5 * f + 1) * f - 0.5) * f);
	tap[1] = (float)((1.5 * f - 2.5) * f * f + 1);
	tap[2] = (float)(((-1.5 * f + 2) * f + 0.5) * f);
	tap[3] = (float)((0.5 * f - 0.5) * f * f);
}

/* Datum j of spectrum t is from channel j + this and the three after it. */
static ptrdiff_t first_tap(const struct em_pattern_fit *f, size_t t)
{
	return (ptrdiff_t)floor(f->s->shift[t]) - 1;
}

/*
 * Data first .. end - 1 are measured in all spectra, with MARGIN to spare, as each is the mean of some: what was filled
 * in at the ends would pass for a measurement that there is no pattern.  What has drifted too far for that is left out.
 */
static void find_span(struct em_pattern_fit *f)
{
	ptrdiff_t n = (ptrdiff_t)f->n, most = n / 8, low = 0, high = 0;

	for (size_t t = 0; t < f->count; t++) {
		ptrdiff_t below = MARGIN - first_tap(f, t), above = first_tap(f, t) + TAPS - 1 + MARGIN;

		low = below > low && below <= most ? below : low;
		high = above > high && above <= most ? above : high;
	}
	f->first = (size_t)low;
	f->end = (size_t)(n - high);
}

static bool is_inside(const struct em_pattern_fit *f, size_t t)
{
	ptrdiff_t from = first_tap(f, t);

	return (ptrdiff_t)f->first + from >= 0 && (ptrdiff_t)f->end + from + TAPS - 1 <= (ptrdiff_t)f->n;
}

float em_pattern_dot(const float *a, const float *b, size_t n)
{
	float s[8] = {0};
	size_t j = 0;

	for (; j + 8 <= n; j += 8)
		for (size_t k = 0; k < 8; k++)
			s[k] += a[j + k] * b[j + k];
	for (; j < n; j++)
		s[0] += a[j] * b[j];
	return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

static void subtract(float *x, float share, const float *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] -= share * from[i];
}

static void leave_components(const struct em_pattern_fit *f, float *x)
{
	for (size_t k = 0; k < f->rank; k++)
		subtract(x, em_pattern_dot(x, f->v + k * f->n, f->n), f->v + k * f->n, f->n);
}

/* ---- products: out = F^T F in ---- */

/* Row t of x: what pattern and shift change, less what scores take up. */
static void expect_row(void *ctx, size_t t)
{
	const struct em_pattern_fit *f = ctx;
	float *x = f->x + t * f->n, tap[TAPS];
	const float *m = f->model + t * f->n;
	ptrdiff_t from = first_tap(f, t);

	take_taps(f->s->shift[t] - floor(f->s->shift[t]), tap);
	memset(x, 0, f->n * sizeof(*x));
	for (size_t j = f->first; j < f->end && is_inside(f, t); j++) {
		const float *g = f->wave + (ptrdiff_t)j + from;

		x[j] = m[j] * (tap[0] * g[0] + tap[1] * g[1] + tap[2] * g[2] + tap[3] * g[3]);
	}
	subtract(x, (float)f->in[f->n + t], f->slope + t * f->n, f->n);
	leave_components(f, x);
}

void em_pattern_expect(struct em_pattern_fit *f)
{
	for (size_t i = 0; i < f->n; i++)
		f->wave[i] = (float)f->in[i];
	em_parallel_for(f->s->threads, f->count, expect_row, f);
}

/* Some columns of x, less what components take up. */
static void leave_scores_chunk(void *ctx, size_t chunk)
{
	const struct em_pattern_fit *f = ctx;
	size_t first = chunk * EM_PATTERN_CHUNK, n = f->n - first < EM_PATTERN_CHUNK ? f->n - first : EM_PATTERN_CHUNK;
	float sum[EM_PATTERN_CHUNK];

	for (size_t k = 0; k < f->rank; k++) {
		const float *u = f->u + k * f->count;

		memset(sum, 0, sizeof(sum));
		for (size_t t = 0; t < f->count; t++)
			subtract(sum, -u[t], f->x + t * f->n + first, n);
		for (size_t t = 0; t < f->count; t++)
			subtract(f->x + t * f->n + first, u[t], sum, n);
	}
}

void em_pattern_leave_scores(struct em_pattern_fit *f)
{
	em_parallel_for(f->s->threads, (f->n + EM_PATTERN_CHUNK - 1) / EM_PATTERN_CHUNK, leave_scores_chunk, f);
}

static void gather_row(void *ctx, size_t t)
{
	const struct em_pattern_fit *f = ctx;
	float *x = f->x + t * f->n;
	const float *m = f->model + t * f->n;

	f->out[f->n + t] = -(double)em_pattern_dot(x, f->slope + t * f->n, f->n);
	for (size_t j = 0; j < f->n; j++)
		x[j] *= m[j];
}

/* Some channels of what all spectra say of the pattern. */
static void gather_channels(void *ctx, size_t chunk)
{
	const struct em_pattern_fit *f = ctx;
	size_t low = chunk * EM_PATTERN_CHUNK, high = low + EM_PATTERN_CHUNK < f->n ? low + EM_PATTERN_CHUNK : f->n;

	memset(f->out + low, 0, (high - low) * sizeof(*f->out));
	for (size_t t = 0; t < f->count; t++) {
		const float *x = f->x + t * f->n;
		ptrdiff_t from = first_tap(f, t);
		float tap[TAPS];

		if (!is_inside(f, t))
			continue;
		take_taps(f->s->shift[t] - floor(f->s->shift[t]), tap);
		for (ptrdiff_t k = 0; k < TAPS; k++) {
			ptrdiff_t by = from + k, a = (ptrdiff_t)f->first + by, b = (ptrdiff_t)f->end + by;

			a = a > (ptrdiff_t)low ? a : (ptrdiff_t)low;
			b = b < (ptrdiff_t)high ? b : (ptrdiff_t)high;
			for (ptrdiff_t i = a; i < b; i++)
				f->out[i] += (double)(tap[k] * x[i - by]);
		}
	}
}

static void gather(struct em_pattern_fit *f, double *out)
{
	size_t chunks = (f->n + EM_PATTERN_CHUNK - 1) / EM_PATTERN_CHUNK;

	f->out = out;
	em_pattern_leave_scores(f);
	em_parallel_for(f->s->threads, f->count, gather_row, f);
	em_parallel_for(f->s->threads, chunks, gather_channels, f);
}

void em_pattern_multiply(struct em_pattern_fit *f, const double *in, double *out)
{
	f->in = in;
	em_pattern_expect(f);
	gather(f, out);
	for (size_t i = 0; i < f->n; i++)
		out[i] += f->prior * in[i];
	for (size_t t = 0; t < f->count; t++)
		out[f->n + t] += f->noise * in[f->n + t];
}

/* ---- what is known of each wave ---- */

/* sum over spectra of the model's square, of what is left of e^(i k shift) beside the scores. */
static void weigh_waves(struct em_pattern_fit *f, double *room)
{
	double *size = room, *re = room + f->count, *im = re + f->count;

	for (size_t t = 0; t < f->count; t++)
		size[t] = sqrt((double)em_pattern_dot(f->model + t * f->n, f->model + t * f->n, f->n) / (double)f->n);
	for (size_t k = 0; k <= f->n / 2; k++) {
		for (size_t t = 0; t < f->count; t++) {
			double turn = TURN * (double)k / (double)f->n * f->s->shift[t];

			re[t] = size[t] * cos(turn);
			im[t] = size[t] * sin(turn);
		}
		f->weight[k] = 0;
		for (size_t t = 0; t < f->count; t++)
			f->weight[k] += re[t] * re[t] + im[t] * im[t];
		for (size_t r = 0; r < f->rank; r++) {
			const float *u = f->u + r * f->count;
			double c = 0, s = 0;

			for (size_t t = 0; t < f->count; t++) {
				c += (double)u[t] * re[t];
				s += (double)u[t] * im[t];
			}
			f->weight[k] -= c * c + s * s;
		}
		f->weight[k] = fmax(f->weight[k], 0);
	}
}

/* out = in by what is known of each wave and each shift: nearly the solution. */
static void condition(struct em_pattern_fit *f, const double *in, double *out)
{
	for (size_t i = 0; i < f->n; i++)
		f->wave[i] = (float)in[i];
	em_fft_forward(f->forward, f->wave, f->half);
	for (size_t k = 0; k <= f->n / 2; k++) {
		float by = (float)(1 / (f->weight[k] + f->prior) / (double)f->n);

		f->half[2 * k] *= by;
		f->half[2 * k + 1] *= by;
	}
	em_fft_inverse(f->inverse, f->half, f->wave);
	for (size_t i = 0; i < f->n; i++)
		out[i] = f->wave[i];
	for (size_t t = 0; t < f->count; t++)
		out[f->n + t] = in[f->n + t] / (f->bend[t] + f->noise);
}

static double product(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* Conjugate gradients for x; b is spoiled.  room: three times as long. */
static void solve(struct em_pattern_fit *f, double *b, double *x, double *room)
{
	size_t n = f->n + f->count;
	double *z = room, *p = z + n, *q = p + n, rz, first;

	memset(x, 0, n * sizeof(*x));
	condition(f, b, z);
	memcpy(p, z, n * sizeof(*p));
	first = rz = product(b, z, n);
	for (int k = 0; k < ITERATIONS && rz > SOLVED * first; k++) {
		double step, last = rz;

		em_pattern_multiply(f, p, q);
		step = rz / product(p, q, n);
		for (size_t i = 0; i < n; i++) {
			x[i] += step * p[i];
			b[i] -= step * q[i];
		}
		condition(f, b, z);
		rz = product(b, z, n);
		for (size_t i = 0; i < n; i++)
			p[i] = z[i] + rz / last * p[i];
	}
}

/* ---- what there is ---- */

/* Row t: model, slope and residual. */
static void see_row(void *ctx, size_t t)
{
	struct em_pattern_fit *f = ctx;
	const float *y = f->s->aligned + t * f->n;
	const double *w = f->s->basis->weight;
	float *x = f->x + t * f->n, *m = f->model + t * f->n, *slope = f->slope + t * f->n;

	memset(x, 0, f->n * sizeof(*x));
	memset(m, 0, f->n * sizeof(*m));
	memset(slope, 0, f->n * sizeof(*slope));
	for (size_t i = f->first; i < f->end && is_inside(f, t); i++)
		x[i] = (float)w[i] * y[i];
	if (!isfinite(em_pattern_dot(x, x, f->n)))
		memset(x, 0, f->n * sizeof(*x));
	for (size_t k = 0; k < f->rank; k++) {
		f->u[k * f->count + t] = em_pattern_dot(x, f->v + k * f->n, f->n);
		subtract(m, -f->u[k * f->count + t], f->v + k * f->n, f->n);
	}
	subtract(x, 1, m, f->n);
	for (size_t i = f->first; i < f->end; i++) {
		size_t a = i > f->first ? i - 1 : i, b = i + 1 < f->end ? i + 1 : i;

		if (w[a] > 0 && w[b] > 0)
			slope[i] = (float)(w[i] * ((double)m[b] / w[b] - (double)m[a] / w[a]) / (double)(b - a));
	}
	leave_components(f, slope);
	f->bend[t] = (double)em_pattern_dot(slope, slope, f->n);
}

/* Rows x[rank][n] become orthonormal: by the power -1/2 of their products.  room: rank * (rank + 1). */
static int make_orthonormal(float *x, size_t rank, size_t n, double *room, struct em_error *err)
{
	double *products = room, *column = room + rank * rank;

	for (size_t a = 0; a < rank; a++)
		for (size_t b = 0; b <= a; b++) {
			products[a * rank + b] = 0;
			for (size_t i = 0; i < n; i++)
				products[a * rank + b] += (double)x[a * n + i] * (double)x[b * n + i];
		}
	if (em_symmetric_power(products, rank, -0.5, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		for (size_t a = 0; a < rank; a++) {
			column[a] = 0;
			for (size_t b = 0; b < rank; b++)
				column[a] += products[a * rank + b] * (double)x[b * n + i];
		}
		for (size_t a = 0; a < rank; a++)
			x[a * n + i] = (float)column[a];
	}
	return 0;
}

/* Interpolation has taken noise from short waves, but none from long ones. */
static double long_noise(const struct em_pattern_fit *f)
{
	double kept = 0;

	for (size_t t = 0; t < f->count; t++) {
		float tap[TAPS];

		take_taps(f->s->shift[t] - floor(f->s->shift[t]), tap);
		kept += (double)em_pattern_dot(tap, tap, TAPS) / (double)f->count;
	}
	return fmax(f->s->basis->noise * f->s->basis->noise / kept, LEAST);
}

/* The variance of g, of the short waves of flat - 1: their power, less what noise has of it, by the share that the
 * prior let through. */
static double measure_variance(struct em_pattern_fit *f, const double *flat)
{
	double found = 0, shares = 0;

	for (size_t i = 0; i < f->n; i++)
		f->wave[i] = (float)(flat[i] - 1);
	em_fft_forward(f->forward, f->wave, f->half);
	for (size_t k = f->n / 4 + 1; k <= f->n / 2; k++) {
		double re = (double)f->half[2 * k], im = (double)f->half[2 * k + 1], all = f->weight[k] + f->prior,
		       share = f->weight[k] / all;

		found += (re * re + im * im) / (double)f->n - share * f->noise / all;
		shares += share * share;
	}
	return shares > 0 ? fmax(0, found / shares) : 0;
}

/* ---- all ---- */

static void release(struct em_pattern_fit *f)
{
	free(f->v);
	free(f->u);
	free(f->model);
	free(f->bend);
	free(f->left);
	free(f->said);
	em_fft_plan_free(f->forward);
	em_fft_plan_free(f->inverse);
	em_fft_free(f->wave);
	em_fft_free(f->half);
}

static int prepare(struct em_pattern_fit *f, struct em_error *err)
{
	size_t size = f->count * f->n;

	f->v = calloc(f->rank * f->n, sizeof(*f->v));
	f->u = malloc(f->rank * f->count * sizeof(*f->u));
	f->model = malloc(3 * size * sizeof(*f->model));
	f->bend = malloc((f->count + f->n / 2 + 1) * sizeof(*f->bend));
	f->forward = em_fft_plan_new(1, f->n, err);
	f->inverse = em_fft_plan_new_inverse(1, f->n, err);
	f->wave = em_fft_alloc(f->n, err);
	f->half = em_fft_alloc(2 * (f->n / 2 + 1), err);
	if (!f->v || !f->u || !f->model || !f->bend)
		return em_error_memory(err, 3 * size * sizeof(*f->model));
	if (!f->forward || !f->inverse || !f->wave || !f->half)
		return -1;
	f->slope = f->model + size;
	f->x = f->slope + size;
	f->weight = f->bend + f->count;
	find_span(f);
	for (size_t k = 0; k < f->rank * f->n; k += f->n)
		for (size_t i = f->first; i < f->end; i++)
			f->v[k + i] = (float)f->s->basis->component[k + i];
	return 0;
}

/* Of a factor in all channels spectra say nothing. */
static void make_mean_one(double *flat, size_t n)
{
	double mean = 0;

	for (size_t i = 0; i < n; i++)
		mean += flat[i] / (double)n;
	for (size_t i = 0; i < n; i++)
		flat[i] /= mean;
}

/* room: five times what is solved for, and rank * (rank + 1). */
static int improve(struct em_pattern_fit *f, double *flat, double *variance, struct em_pattern_doubt *doubt,
                   double *room, struct em_error *err)
{
	size_t n = f->n + f->count;
	double *b = room, *x = room + n;

	if (make_orthonormal(f->v, f->rank, f->n, room, err))
		return -1;
	em_parallel_for(f->s->threads, f->count, see_row, f);
	if (make_orthonormal(f->u, f->rank, f->count, room, err))
		return -1;
	f->noise = long_noise(f);
	f->prior = f->noise / fmax(*variance, LEAST);
	weigh_waves(f, room);
	em_pattern_leave_scores(f);
	if (doubt)
		memcpy(f->left, f->x, f->count * f->n * sizeof(*f->left));
	gather(f, b); /* residuals have nothing of the components left */
	for (size_t i = 0; i < f->n; i++)
		b[i] -= f->prior * (flat[i] - 1);
	solve(f, b, x, x + n);
	for (size_t i = 0; i < f->n; i++)
		flat[i] = fmax(0.5, fmin(2, flat[i] * (1 + x[i])));
	if (doubt && em_pattern_find_doubt(f, b, flat, doubt, err))
		return -1;
	*variance = measure_variance(f, flat);
	make_mean_one(flat, f->n);
	for (size_t t = 0; t < f->count; t++)
		f->s->shift[t] += fmax(-1, fmin(1, x[f->n + t]));
	return 0;
}

int em_pattern_improve(const struct em_pattern_spectra *s, double *flat, double *variance,
                       struct em_pattern_doubt *doubt, struct em_error *err)
{
	struct em_pattern_fit f = {.s = s, .count = s->count, .n = s->basis->channels, .rank = s->basis->rank};
	double *room = malloc((5 * (f.n + f.count) + f.rank * (f.rank + 1)) * sizeof(*room));
	int status = room ? prepare(&f, err) : em_error_memory(err, 5 * f.n * sizeof(*room));

	if (!status && doubt) {
		f.left = malloc(f.count * f.n * sizeof(*f.left));
		f.said = malloc(f.count * sizeof(*f.said));
		status = f.left && f.said ? 0 : em_error_memory(err, f.count * f.n * sizeof(*f.left));
	}
	if (!status)
		status = improve(&f, flat, variance, doubt, room, err);
	release(&f);
	free(room);
	return status ? -1 : 0;
}
