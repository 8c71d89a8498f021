/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a pattern that was found leaves open, and how much it is to be believed. */
#include "forecast/pattern_parts.h"

#include "base/linalg.h"
#include "base/parallel.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WAVES 41 /* the longest ones, by half turns: their errors go together, and those of areas come from them */
#define SIGNAL_LEAST 1e-4 /* of a direction of which anything is known */
#define EXCESS_MOST 1e4
#define EXCESS_STEP 1.05

/*
 * The patterns that spectra say least of, orthonormal, and what was learned of each.  They are the long waves; and
 * since spectra that a pattern changes in proportion to their drift by what a component adds to them cannot tell it,
 * also those whose slopes are components by counts, which have steps where components have lines.
 */
struct open {
	size_t base, n;    /* patterns; what is solved for: channels and shifts */
	size_t waves;      /* of them, half turns each */
	double *wave;      /* [base][n] */
	double *product;   /* [base][n] */
	double *direction; /* [base][base]: their precision, by the noise, shifts being free; then its eigenvectors, */
	double *known;     /* [base]: whose precisions, the prior's in them */
	double *heard;     /* [base][series] */
	double *more;      /* [base]: how much more series disagree than by noise */
	double *has;       /* [base]: of each pattern in flat; then what it lacks of it, or has too much */
	double *lack;      /* [base]: of the equations what is not solved */
	double *found;     /* [base]: of each direction in the solution */
	double *variance;  /* [base]: of what is left open of it */
};

static double product(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

/* ---- the patterns ---- */

static void make_wave(size_t k, size_t n, double *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = sqrt((k ? 2.0 : 1.0) / (double)n) * cos(M_PI * (double)k * ((double)i + 0.5) / (double)n);
}

/* What has the component's slope, by counts. */
static void integrate(const struct em_pattern_fit *f, size_t k, double *out)
{
	double sum = 0;

	for (size_t i = 0; i < f->n; i++) {
		double mean = 0;

		for (size_t t = 0; t < f->count; t++)
			mean += (double)f->model[t * f->n + i] / (double)f->count;
		sum += mean > 0 ? (double)f->v[k * f->n + i] / mean : 0;
		out[i] = sum;
	}
}

/* The last of those so far becomes orthogonal to all before and of length 1.  False: they have it already. */
static bool make_orthogonal(struct open *o, size_t channels)
{
	double *x = o->wave + o->base * o->n, before = product(x, x, channels), after;

	for (int again = 0; again < 2; again++)
		for (size_t a = 0; a < o->base; a++) {
			const double *y = o->wave + a * o->n;
			double share = product(x, y, channels);

			for (size_t i = 0; i < channels; i++)
				x[i] -= share * y[i];
		}
	after = product(x, x, channels);
	for (size_t i = 0; i < channels; i++)
		x[i] /= sqrt(after);
	return after > 1e-6 * before && before > 0;
}

static void make_base(const struct em_pattern_fit *f, struct open *o)
{
	memset(o->wave, 0, (o->waves + f->rank) * o->n * sizeof(*o->wave)); /* shifts stay at 0 */
	for (o->base = 0; o->base < o->waves; o->base++)
		make_wave(o->base, f->n, o->wave + o->base * o->n);
	for (size_t k = 0; k < f->rank && o->base < f->n; k++) {
		integrate(f, k, o->wave + o->base * o->n);
		o->base += make_orthogonal(o, f->n);
	}
}

/* ---- what spectra say of a wave ---- */

/* What row t says of the wave whose expectation x is, with its shift free. */
static void hear_row(void *ctx, size_t t)
{
	const struct em_pattern_fit *f = ctx;
	const float *x = f->x + t * f->n, *slope = f->slope + t * f->n, *left = f->left + t * f->n;
	double along = (double)em_pattern_dot(x, slope, f->n);

	f->said[t] = (double)em_pattern_dot(x, left, f->n) -
	             along * (double)em_pattern_dot(slope, left, f->n) / (f->bend[t] + f->noise);
}

static void hear(struct em_pattern_fit *f, const double *wave, double *heard)
{
	f->in = wave;
	em_pattern_expect(f);
	em_pattern_leave_scores(f);
	em_parallel_for(f->s->threads, f->count, hear_row, f);
	for (size_t s = 0; s < f->s->series; s++) {
		heard[s] = 0;
		for (size_t t = f->s->first[s]; t < f->s->first[s + 1]; t++)
			heard[s] += f->said[t];
	}
}

static void weigh(struct em_pattern_fit *f, struct open *o)
{
	for (size_t a = 0; a < o->base; a++) {
		hear(f, o->wave + a * o->n, o->heard + a * f->s->series);
		em_pattern_multiply(f, o->wave + a * o->n, o->product + a * o->n);
	}
	for (size_t a = 0; a < o->base; a++)
		for (size_t b = 0; b <= a; b++) {
			const double *pa = o->product + a * o->n, *pb = o->product + b * o->n;
			double sum = product(o->wave + a * o->n, pb, f->n);

			for (size_t t = f->n; t < o->n; t++)
				sum -= pa[t] * pb[t] / (f->bend[t - f->n] + f->noise);
			o->direction[a * o->base + b] = sum;
		}
}

/* How far along a pattern the solution was not found: of what was left, by precision, with shifts free. */
static double lack_of(const struct em_pattern_fit *f, const struct open *o, size_t a, const double *left)
{
	double lack = product(o->wave + a * o->n, left, f->n);

	for (size_t t = f->n; t < o->n; t++)
		lack -= o->product[a * o->n + t] * left[t] / (f->bend[t - f->n] + f->noise);
	return lack;
}

/* ---- how much that is worth ---- */

/* Variance of what series say of a direction, by what noise lets it be; at least 1. */
static double disagreement(const struct em_pattern_fit *f, const struct open *o, size_t i)
{
	const double *v = o->direction + i * o->base;
	size_t series = f->s->series;
	double sum = 0, square = 0, expected = f->noise * (o->known[i] - f->prior);

	if (series < EM_PATTERN_SERIES || !(expected > 0))
		return 1;
	for (size_t s = 0; s < series; s++) {
		double said = 0;

		for (size_t a = 0; a < o->base; a++)
			said += v[a] * o->heard[a * series + s];
		sum += said;
		square += said * said;
	}
	square = (square - sum * sum / (double)series) * (double)series / (double)(series - 1);
	return fmax(1, square / expected);
}

/* How much of each direction there is in the pattern, in flat and beyond it where that is not the solution yet. */
static void find_pattern(const struct em_pattern_fit *f, struct open *o, const double *left, const double *flat)
{
	for (size_t a = 0; a < o->base; a++) {
		const double *wave = o->wave + a * o->n;

		o->lack[a] = lack_of(f, o, a, left);
		o->has[a] = 0;
		for (size_t k = 0; k < f->n; k++)
			o->has[a] += wave[k] * (flat[k] - 1);
	}
	for (size_t i = 0; i < o->base; i++) {
		const double *v = o->direction + i * o->base;

		o->found[i] = product(v, o->has, o->base) + product(v, o->lack, o->base) / fmax(o->known[i], f->prior);
	}
}

/*
 * What components do not describe may be alike in all series, and then these agree.  But a pattern's variance is known
 * from its short waves: where those that are known least seem to have more, that is no pattern.  The factor, at least
 * 1, by which to raise all disagreements that makes what was found likeliest.
 */
static double find_excess(const struct em_pattern_fit *f, const struct open *o)
{
	double best = INFINITY, excess = 1;

	for (double factor = 1; factor < EXCESS_MOST; factor *= EXCESS_STEP) {
		double unlikely = 0;

		for (size_t i = 0; i < o->base; i++) {
			double data = o->known[i] - f->prior, signal = data / f->prior,
			       expected = signal + factor * o->more[i];

			if (signal > SIGNAL_LEAST)
				unlikely +=
				    log(expected) + pow(o->known[i] * o->found[i], 2) / (f->noise * data) / expected;
		}
		if (unlikely < best) {
			best = unlikely;
			excess = factor;
		}
	}
	return excess;
}

/* As if a direction's noise were greater by so much as series disagree in it, and by what is in excess in all. */
static void judge(const struct em_pattern_fit *f, struct open *o, double *flat)
{
	double excess;

	for (size_t i = 0; i < o->base; i++)
		o->more[i] = disagreement(f, o, i);
	excess = find_excess(f, o);
	for (size_t a = 0; a < o->base; a++)
		o->has[a] = -o->has[a];
	for (size_t i = 0; i < o->base; i++) {
		double more = excess * o->more[i], known = fmax(o->known[i] - f->prior, 0) + more * f->prior;

		o->variance[i] = more * f->noise / known;
		for (size_t a = 0; a < o->base; a++)
			o->has[a] += o->direction[i * o->base + a] * o->known[i] / known * o->found[i];
	}
	for (size_t a = 0; a < o->base; a++)
		for (size_t k = 0; k < f->n; k++)
			flat[k] += o->has[a] * o->wave[a * o->n + k];
}

/* out = the sum of the patterns along direction i, of this variance. */
static void put_veil(const struct em_pattern_fit *f, const struct open *o, size_t i, double *out)
{
	for (size_t a = 0; a < o->base; a++)
		for (size_t k = 0; k < f->n; k++)
			out[k] += sqrt(o->variance[i]) * o->direction[i * o->base + a] * o->wave[a * o->n + k];
}

/* Variance of the channels' rest: `all`, or where few data are of a channel what these leave open. */
static void put_rest(const struct em_pattern_fit *f, double all, double *data, double *rest)
{
	memset(data, 0, f->n * sizeof(*data));
	for (size_t t = 0; t < f->count; t++) {
		ptrdiff_t by = (ptrdiff_t)lround(f->s->shift[t]);

		for (size_t k = f->first; k < f->end; k++) {
			ptrdiff_t i = (ptrdiff_t)k + by;
			double m = (double)f->model[t * f->n + k];

			if (i >= 0 && i < (ptrdiff_t)f->n)
				data[i] += m * m;
		}
	}
	for (size_t i = 0; i < f->n; i++)
		rest[i] = fmax(all, f->noise / (data[i] + f->prior));
}

/* The most uncertain directions as patterns, and of all others, and of short waves, their sum. */
static void print(const struct em_pattern_fit *f, const struct open *o, struct em_pattern_doubt *doubt)
{
	double rest = 0;

	memset(doubt->veil, 0, EM_PATTERN_VEILS * f->n * sizeof(*doubt->veil));
	for (size_t n = 0; n < o->base; n++) {
		size_t most = 0;

		for (size_t i = 1; i < o->base; i++)
			if (o->variance[i] > o->variance[most])
				most = i;
		if (n < EM_PATTERN_VEILS)
			put_veil(f, o, most, doubt->veil + n * f->n);
		else
			rest += o->variance[most] / (double)f->n;
		o->variance[most] = 0;
	}
	for (size_t k = o->waves / 2 + 1; k <= f->n / 2; k++)
		rest += (2 * k == f->n ? 1 : 2) * f->noise / (f->weight[k] + f->prior) / (double)f->n;
	put_rest(f, rest, o->product, doubt->rest);
}

int em_pattern_find_doubt(struct em_pattern_fit *f, const double *left, double *flat, struct em_pattern_doubt *doubt,
                          struct em_error *err)
{
	struct open o = {.waves = f->n < WAVES ? f->n : WAVES, .n = f->n + f->count};
	size_t most = o.waves + f->rank, room = most * (2 * o.n + most + f->s->series + 6);
	int status;

	o.wave = malloc(room * sizeof(*o.wave));
	if (!o.wave)
		return em_error_memory(err, room * sizeof(*o.wave));
	o.product = o.wave + most * o.n;
	o.direction = o.product + most * o.n;
	o.known = o.direction + most * most;
	o.heard = o.known + most;
	o.variance = o.heard + most * f->s->series;
	o.more = o.variance + most;
	o.found = o.more + most;
	o.has = o.found + most;
	o.lack = o.has + most;
	make_base(f, &o);
	weigh(f, &o);
	status = em_symmetric_eigen(o.direction, o.base, o.known, err);
	if (!status) {
		find_pattern(f, &o, left, flat);
		judge(f, &o, flat);
		print(f, &o, doubt);
	}
	free(o.wave);
	return status;
}
