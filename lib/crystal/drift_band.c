/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/drift_band.h"

#include "base/fft.h"
#include "crystal/drift.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double TURN = 6.28318530717958647692;

enum { LOW = 4 };
/* Of rows 0..3 the first column more than three bins from the middle: nearer, the window's own transform and
 * whatever light lies on the frame would say that nothing moves. */
static const size_t first[LOW] = {4, 3, 3, 1};

/* Blocks are the narrowest of an odd number of bins whose period is at most this, px, and which have a few bins each:
 * of one bin nobody can tell what is common. */
static const size_t PERIOD = 128, LEAST = 3;

/* Further blocks get nothing of a block's power: tails fall with the sixth power of the distance. */
enum { REACH = 8 };

/* Two complex numbers: the compiler alone makes nothing of sums over so short rows. */
typedef float pair __attribute__((vector_size(16)));

/* Sums over a block, in each lane of a vector. */
struct em_drift_sums {
	pair re, im, power;
};

static void set_axis(struct em_drift_band *b, int axis, size_t n)
{
	size_t width = (n + PERIOD - 1) / PERIOD;

	width = width < LEAST ? LEAST : width + (width % 2 == 0);
	b->size[axis] = n;
	b->width[axis] = width;
	b->reach[axis] = (size_t)(EM_DRIFT_BAND * (double)n / (double)width);
	b->bins[axis] = b->reach[axis] * width + width / 2;
}

/* tail[i] = the share of the power of the window's transform that lies in the i-th block from the middle. */
static double *new_tail(size_t n, size_t width, struct em_error *err)
{
	struct em_fft_plan *plan = em_fft_plan_new(1, n, err);
	float *window = plan ? em_fft_alloc(n, err) : NULL, *f = window ? em_fft_alloc(2 * (n / 2 + 1), err) : NULL;
	double *tail = f ? calloc(REACH + 1, sizeof(*tail)) : NULL, all = 0;

	for (size_t i = 0; i < n && tail; i++)
		window[i] = (float)em_spectrum_window((double)i, n);
	if (tail) {
		em_fft_forward(plan, window, f);
		em_fft_power(f, 1, n, f);
	}
	for (size_t i = 0; i <= n / 2 && tail; i++) {
		size_t block = (i + width / 2) / width;

		all += (i > 0 ? 2 : 1) * (double)f[i];
		if (block <= REACH)
			tail[block] += (i > 0 && block == 0 ? 2 : 1) * (double)f[i];
	}
	for (size_t i = 0; i <= REACH && tail; i++)
		tail[i] /= all;
	em_fft_free(f);
	em_fft_free(window);
	em_fft_plan_free(plan);
	return tail;
}

int em_drift_band_init(struct em_drift_band *b, size_t height, size_t width, struct em_error *err)
{
	size_t rows, columns;

	*b = (struct em_drift_band){0};
	set_axis(b, 0, height);
	set_axis(b, 1, width);
	rows = 2 * b->bins[0] + 1;
	columns = b->bins[1] + 1;
	b->blocks = (2 * b->reach[0] + 1) * (b->reach[1] + 1);
	b->ramp[0] = calloc(rows, 2 * sizeof(float));
	b->ramp[1] = calloc(columns, 4 * sizeof(float));
	b->reference = calloc(rows, columns * 2 * sizeof(float));
	b->cross = calloc(b->blocks, 2 * sizeof(double));
	b->power = calloc(b->blocks, sizeof(double));
	b->own = calloc(b->blocks, sizeof(double));
	b->line = calloc(2 * (b->reach[1] + 1 + REACH), sizeof(double));
	b->sums = calloc(b->reach[1] + 1, sizeof(*b->sums));
	b->tail[0] = new_tail(height, b->width[0], err);
	b->tail[1] = new_tail(width, b->width[1], err);
	if (b->ramp[0] && b->ramp[1] && b->tail[0] && b->tail[1] && b->reference && b->cross && b->power && b->own &&
	    b->line && b->sums)
		return 0;
	em_drift_band_release(b);
	return em_error_memory(err, rows * columns * 2 * sizeof(float));
}

void em_drift_band_release(struct em_drift_band *b)
{
	free(b->ramp[0]);
	free(b->ramp[1]);
	free(b->tail[0]);
	free(b->tail[1]);
	free(b->reference);
	free(b->cross);
	free(b->power);
	free(b->own);
	free(b->line);
	free(b->sums);
	*b = (struct em_drift_band){0};
}

double em_drift_band_frequency(const struct em_drift_band *b, int axis, size_t i)
{
	double block = axis == 0 ? (double)i - (double)b->reach[0] : (double)i;

	return block * (double)b->width[axis] / (double)b->size[axis];
}

/* ---- sums over blocks ---- */

static pair load(const float *p)
{
	pair v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static pair load_one(const float *p)
{
	return (pair){p[0], p[1], 0, 0};
}

static pair swap(pair v)
{
	return (pair){v[1], v[0], v[3], v[2]};
}

/* From one bin to the next the same turn: in double, a thousand of them err by less than a float shows. */
static void turn(struct em_drift_band *b, const double at[2])
{
	const double complex down = cexp(I * TURN * at[0] / (double)b->size[0]);
	const double complex across = cexp(I * TURN * at[1] / (double)b->size[1]);
	double complex e = cexp(-I * TURN * at[0] * (double)b->bins[0] / (double)b->size[0]);
	float *cosine = b->ramp[1], *sine = cosine + 2 * (b->bins[1] + 1);

	for (size_t j = 0; j <= 2 * b->bins[0]; j++, e *= down) {
		b->ramp[0][2 * j] = (float)creal(e);
		b->ramp[0][2 * j + 1] = (float)cimag(e);
	}
	e = 1;
	for (size_t i = 0; i <= 2 * b->bins[1]; i += 2, e *= across) {
		cosine[i] = cosine[i + 1] = (float)creal(e);
		sine[i] = (float)cimag(e);
		sine[i + 1] = -sine[i];
	}
}

/* Row j of the band, as it lies in the spectrum. */
static const float *find_row(const struct em_drift_band *b, const struct em_spectrum *s, size_t j)
{
	size_t row = j >= b->bins[0] ? j - b->bins[0] : s->height + j - b->bins[0];

	return s->value + 2 * row * s->columns;
}

static size_t find_first(const struct em_drift_band *b, size_t j)
{
	size_t row = j >= b->bins[0] ? j - b->bins[0] : b->bins[0] - j;

	return row < LOW ? first[row] : 0;
}

static void add_pair(struct em_drift_sums *s, pair f, pair r, pair cosine, pair sine)
{
	pair turned = r * cosine + swap(r) * sine;

	s->re += f * turned;
	s->im += swap(f) * turned; /* of lanes (x, y) what is x - y */
	s->power += f * f;
}

/* Over columns from..to - 1 of one row. */
static struct em_drift_sums add_up(const float *f, const float *r, const float *cosine, const float *sine, size_t from,
                                   size_t to)
{
	struct em_drift_sums s = {0};
	size_t i = 2 * from;

	for (; i + 2 < 2 * to; i += 4)
		add_pair(&s, load(f + i), load(r + i), load(cosine + i), load(sine + i));
	if (i < 2 * to)
		add_pair(&s, load_one(f + i), load_one(r + i), load_one(cosine + i), load_one(sine + i));
	return s;
}

/* Blocks of the first column had the half from the middle on, and the middle whole: from its mirror the other half. */
static void fold(const struct em_drift_band *b, double *cross, double *power)
{
	const size_t across = b->reach[1] + 1, rows = 2 * b->reach[0] + 1;

	for (size_t j = 0; j <= b->reach[0]; j++) {
		size_t here = j * across, there = (rows - 1 - j) * across;

		power[here] = power[there] = power[here] + power[there];
		if (!cross)
			continue;
		cross[2 * here] = cross[2 * there] = cross[2 * here] + cross[2 * there];
		cross[2 * here + 1] -= cross[2 * there + 1];
		cross[2 * there + 1] = -cross[2 * here + 1];
	}
}

/* Blocks of the first column need their mirror, and are few. */
static bool skips(const struct em_drift_band *b, size_t block, const double *only)
{
	return only && !(only[block] > 0) && block % (b->reach[1] + 1) > 0;
}

static void compare_row(struct em_drift_band *b, const float *f, size_t j, const double *only)
{
	const size_t width = b->width[1], across = b->reach[1] + 1, low = find_first(b, j);
	const float *r = b->reference + 2 * j * (b->bins[1] + 1);
	const float *cosine = b->ramp[1], *sine = cosine + 2 * (b->bins[1] + 1);
	const float er = b->ramp[0][2 * j], ei = b->ramp[0][2 * j + 1];
	const pair sign = {1, -1, 1, -1}, half = {0.5F, 0.5F, 0, 0};

	for (size_t c = 0; c < across; c++) {
		size_t to = c * width + width / 2 + 1, from = to > width ? to - width : 0;
		struct em_drift_sums s, *sums = b->sums + c;

		if (skips(b, j / b->width[0] * across + c, only))
			continue;
		s = add_up(f, r, cosine, sine, from < low ? low : from, to);
		if (c == 0 && low == 0) {
			s.re -= half * load_one(f) * load_one(r);
			s.im -= half * swap(load_one(f)) * load_one(r);
			s.power -= half * load_one(f) * load_one(f);
		}
		s.im *= sign;
		sums->re += s.re * er - s.im * ei;
		sums->im += s.re * ei + s.im * er;
		sums->power += s.power;
	}
}

static double total(pair v)
{
	return (double)(v[0] + v[1] + v[2] + v[3]);
}

/* A row of blocks. */
static void compare_blocks(struct em_drift_band *b, const struct em_spectrum *s, size_t row, const double *only)
{
	const size_t across = b->reach[1] + 1;

	memset(b->sums, 0, across * sizeof(*b->sums));
	for (size_t j = row * b->width[0]; j < (row + 1) * b->width[0]; j++)
		compare_row(b, find_row(b, s, j), j, only);
	for (size_t c = 0; c < across; c++) {
		size_t i = row * across + c;

		if (skips(b, i, only))
			continue;
		b->cross[2 * i] = total(b->sums[c].re);
		b->cross[2 * i + 1] = total(b->sums[c].im);
		b->power[i] = total(b->sums[c].power);
	}
}

void em_drift_band_compare(struct em_drift_band *b, const struct em_spectrum *s, const double at[2], const double *only)
{
	turn(b, at);
	for (size_t row = 0; row <= 2 * b->reach[0]; row++)
		compare_blocks(b, s, row, only);
	fold(b, b->cross, b->power);
}

/* ---- the reference ---- */

struct lesson {
	const float *cosine, *sine;
	pair keep, er, ei; /* 1 - share; share times the row's exp(2 pi i k.at), its imaginary part as (-, +) */
};

static pair learn_pair(const struct lesson *l, pair f, pair r, pair cosine, pair sine)
{
	pair turned = f * cosine - swap(f) * sine;

	return l->keep * r + l->er * turned + l->ei * swap(turned);
}

/* Columns from..to - 1 of one row; the sum of the squares of what they are then. */
static float learn_columns(const struct lesson *l, const float *f, float *r, size_t from, size_t to)
{
	pair sum = {0}, v;
	size_t i = 2 * from;

	for (; i + 2 < 2 * to; i += 4) {
		v = learn_pair(l, load(f + i), load(r + i), load(l->cosine + i), load(l->sine + i));
		memcpy(r + i, &v, sizeof(v));
		sum += v * v;
	}
	if (i < 2 * to) {
		v = learn_pair(l, load_one(f + i), load_one(r + i), load_one(l->cosine + i), load_one(l->sine + i));
		r[i] = v[0];
		r[i + 1] = v[1];
		sum += v * v;
	}
	return sum[0] + sum[1] + sum[2] + sum[3];
}

static void learn_row(struct em_drift_band *b, const float *f, size_t j, float share)
{
	const size_t width = b->width[1], across = b->reach[1] + 1, low = find_first(b, j);
	const float keep = 1 - share, er = share * b->ramp[0][2 * j], ei = share * b->ramp[0][2 * j + 1];
	const struct lesson lesson = {b->ramp[1],
	                              b->ramp[1] + 2 * (b->bins[1] + 1),
	                              {keep, keep, keep, keep},
	                              {er, er, er, er},
	                              {-ei, ei, -ei, ei}};
	float *r = b->reference + 2 * j * (b->bins[1] + 1);
	double *own = b->own + j / b->width[0] * across;

	for (size_t c = 0; c < across; c++) {
		size_t to = c * width + width / 2 + 1, from = to > width ? to - width : 0;
		float sum = learn_columns(&lesson, f, r, from < low ? low : from, to);

		if (c == 0 && low == 0)
			sum -= 0.5F * (r[0] * r[0] + r[1] * r[1]);
		own[c] += (double)sum;
	}
}

void em_drift_band_learn(struct em_drift_band *b, const struct em_spectrum *s, const double at[2], double share)
{
	turn(b, at);
	for (size_t i = 0; i < b->blocks; i++)
		b->own[i] = 0;
	for (size_t j = 0; j <= 2 * b->bins[0]; j++)
		learn_row(b, find_row(b, s, j), j, (float)share);
	fold(b, NULL, b->own);
}

/* ---- neighbours ---- */

/* The sum over row j's columns c - 1 to c + 1; *n how many.  Beyond the first column lies the mirror. */
static double add_across(const struct em_drift_band *b, const double *in, size_t j, size_t c, size_t *n)
{
	const size_t across = b->reach[1] + 1, mirror = 2 * b->reach[0] - j;
	double sum = in[j * across + c];

	*n += 1;
	if (across > 1) {
		sum += c > 0 ? in[j * across + c - 1] : in[mirror * across + 1];
		*n += 1;
	}
	if (c + 1 < across) {
		sum += in[j * across + c + 1];
		*n += 1;
	}
	return sum;
}

void em_drift_band_smooth(const struct em_drift_band *b, const double *in, double *out)
{
	const size_t across = b->reach[1] + 1, rows = 2 * b->reach[0] + 1;

	for (size_t j = 0; j < rows; j++)
		for (size_t c = 0; c < across; c++) {
			double sum = 0;
			size_t n = 0;

			for (size_t k = j > 0 ? j - 1 : 0; k <= j + 1 && k < rows; k++)
				sum += add_across(b, in, k, c, &n);
			out[j * across + c] = sum / (double)n;
		}
}

/* to[c] += sum over k of tail[|k|] from[c + k], k from -reach to reach. */
static void convolve(const double *tail, size_t reach, const double *from, size_t n, double *restrict to)
{
	for (size_t k = 0; k <= 2 * reach; k++) {
		const double share = tail[k > reach ? k - reach : reach - k], *at = from + k - reach;

		for (size_t c = 0; c < n; c++)
			to[c] += share * at[c];
	}
}

/* out += sign times in, spread over blocks up to `reach` away on both axes.  Beyond the first column lies the mirror.
 */
static void spread(const struct em_drift_band *b, const double *in, size_t reach, double sign, double *out)
{
	const size_t across = b->reach[1] + 1, rows = 2 * b->reach[0] + 1;
	double *row = b->line + REACH, *sum = b->line + across + 2 * REACH;

	for (size_t j = 0; j < rows; j++) {
		const double *mirror = in + (rows - 1 - j) * across;

		for (size_t k = 1; k <= reach; k++)
			*(row - k) = k < across ? mirror[k] : 0;
		memcpy(row, in + j * across, across * sizeof(*row));
		memset(sum, 0, across * sizeof(*sum));
		convolve(b->tail[1], reach, row, across, sum);
		for (size_t k = j > reach ? j - reach : 0; k <= j + reach && k < rows; k++) {
			const double share = sign * b->tail[0][k > j ? k - j : j - k];

			for (size_t c = 0; c < across; c++)
				out[k * across + c] += share * sum[c];
		}
	}
}

void em_drift_band_spread(const struct em_drift_band *b, const double *in, double *out)
{
	for (size_t i = 0; i < b->blocks; i++)
		out[i] = 0;
	spread(b, in, REACH, 1, out);
	spread(b, in, 1, -1, out);
}

size_t em_drift_band_noise_from(size_t columns)
{
	return columns * 4 / 5;
}

/* The mean of powers with an exponential distribution is exp(Euler's gamma) times their geometric mean, which a few
 * spots do not move. */
double em_drift_band_noise(const struct em_spectrum *s)
{
	const double gamma = 0.57721566490153286;
	const size_t rows = s->height / 2, from = em_drift_band_noise_from(s->columns),
	             step = 1 + rows * (s->columns - from) / 2048;
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < rows * (s->columns - from); i += step) {
		const float *f = s->value + 2 * (i / (s->columns - from) * s->columns + from + i % (s->columns - from));
		double power = (double)f[0] * (double)f[0] + (double)f[1] * (double)f[1];

		if (power > 0) {
			sum += log(power);
			n++;
		}
	}
	return n ? exp(sum / (double)n + gamma) : 0;
}
