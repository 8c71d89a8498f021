/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/temperature.h"

#include <math.h>
#include <stdlib.h>

#define FOLD_STEPS 400 /* of expectation maximisation at most; slow where margins overlap */
#define FARTHEST   1e3 /* T of chips to either side of the mean e */

static double mean_of(const double *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += v[i] / (double)n;
	return sum;
}

/* ---- maximum likelihood ---- */

struct problem {
	const double *e;
	const size_t *label;
	size_t n, count;
	double doubt, unseen;
};

/* Minus the log likelihood at ln T of the judgements and of the unseen hits and misses. */
static double cross_entropy(const struct problem *f, double log_t)
{
	const size_t *label = f->label, n = f->n, count = f->count;
	double doubt = f->doubt, t = exp(log_t);
	double hits = 0, miss = 0, floor = doubt / (double)count;

	for (size_t i = 0; i < n; i++) {
		const double *row = f->e + i * count;
		double least = row[0], sum = 0, wrong = 0, right = 0;

		for (size_t k = 1; k < count; k++)
			least = row[k] < least ? row[k] : least;
		for (size_t k = 0; k < count; k++) {
			double weight = exp((least - row[k]) / t);

			sum += weight;
			*(k == label[i] ? &right : &wrong) += weight;
		}
		hits -= log(fmax((1 - doubt) * right / sum + floor, 1e-300));
		miss += (1 - doubt) * wrong / sum + doubt - floor;
	}
	if (!(f->unseen > 0))
		return hits;
	return hits * (1 + f->unseen / (double)n) - f->unseen * log(fmax(miss / (double)n, 1e-300));
}

#define TEMPERATURE_DECADES 10 /* to either side of the data's own scale: nothing that differs lies outside */
#define TEMPERATURE_STEPS 92   /* of half a unit of ln T */

/* The least value on a coarse grid of ln T: the minimum lies within a step of it. */
static double coarse_minimum(const struct problem *f, double from, double step)
{
	double best = INFINITY, where = from;

	for (int i = 0; i <= TEMPERATURE_STEPS; i++) {
		double value = cross_entropy(f, from + i * step);

		if (value < best) {
			best = value;
			where = from + i * step;
		}
	}
	return where;
}

/* By golden sections. */
static double fine_minimum(const struct problem *f, double lo, double hi)
{
	const double golden = 0.6180339887498949;
	double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
	double fa = cross_entropy(f, a), fb = cross_entropy(f, b);

	for (int i = 0; i < 60; i++) {
		if (fa <= fb) {
			hi = b;
			b = a;
			fb = fa;
			a = hi - golden * (hi - lo);
			fa = cross_entropy(f, a);
		} else {
			lo = a;
			a = b;
			fa = fb;
			b = lo + golden * (hi - lo);
			fb = cross_entropy(f, b);
		}
	}
	return (lo + hi) / 2;
}

double em_temperature_fit(const double *e, const size_t *label, size_t n, size_t count, double doubt, double unseen)
{
	const double half = TEMPERATURE_DECADES * 2.302585092994046, step = 2 * half / TEMPERATURE_STEPS;
	const struct problem f = {e, label, n, count, doubt, unseen};
	double scale = n ? mean_of(e, n * count) : 0, middle;

	if (!(scale > 0) || count < 2)
		return 1;
	middle = coarse_minimum(&f, log(scale) - half, step);
	return exp(fine_minimum(&f, middle - step, middle + step));
}

/* ---- margins with signs ---- */

/* How much farther the nearest wrong class is than the right one. */
static double signed_margin(const double *e, size_t count, size_t right)
{
	double wrong = INFINITY;

	for (size_t k = 0; k < count; k++)
		if (k != right)
			wrong = fmin(wrong, e[k]);
	return wrong - e[right];
}

/* Mean margin of class k and how many judgements it is of; their squares about it, relative to it, add to *squares. */
static double class_margin(const double *e, const size_t *label, size_t n, size_t count, size_t k, double *squares,
                           size_t *members)
{
	double mean = 0;

	*members = 0;
	for (size_t i = 0; i < n; i++)
		if (label[i] == k) {
			mean += signed_margin(e + i * count, count, k);
			++*members;
		}
	mean /= *members ? (double)*members : 1;
	for (size_t i = 0; i < n; i++)
		if (label[i] == k && mean > 0)
			*squares += pow(signed_margin(e + i * count, count, k) / mean - 1, 2);
	return mean;
}

double em_temperature_of_margins(const double *e, const size_t *label, size_t n, size_t count)
{
	double squares = 0, logs = 0, classes = 0;
	size_t freedom = 0, members;

	for (size_t k = 0; k < count; k++) {
		double mean = class_margin(e, label, n, count, k, &squares, &members);

		if (!members)
			continue;
		if (!(mean > 0))
			return INFINITY;
		logs += log(mean);
		classes++;
		freedom += members - 1;
	}
	return freedom ? squares / (double)freedom / 2 * exp(logs / classes) : INFINITY;
}

/* ---- margins without signs ---- */

struct margin {
	size_t a, b; /* the two nearest classes, a < b */
	double size;
};

static struct margin measure_margin(const double *e, size_t count)
{
	size_t first = e[1] < e[0], second = 1 - first;

	for (size_t k = 2; k < count; k++)
		if (e[k] < e[first]) {
			second = first;
			first = k;
		} else if (e[k] < e[second]) {
			second = k;
		}
	return (struct margin){first < second ? first : second, first < second ? second : first, e[second] - e[first]};
}

static int compare_margins(const void *x, const void *y)
{
	const struct margin *p = x, *q = y;

	if (p->a != q->a)
		return p->a < q->a ? -1 : 1;
	if (p->b != q->b)
		return p->b < q->b ? -1 : 1;
	return (p->size > q->size) - (p->size < q->size);
}

/* T, where the data's own scale is `scale`. */
static double margin_temperature(double m, double s2, double scale)
{
	double t = m > 0 ? s2 / (2 * m) : INFINITY;

	return fmin(fmax(t, scale / FARTHEST), scale * FARTHEST);
}

/* T of normal margins +-m whose signs were lost: tanh(m t / s^2) is the expected sign of |t|. */
static double folded_temperature(const struct margin *t, size_t n, double scale)
{
	double m = 0, square = 0, s2, last = 0;

	for (size_t i = 0; i < n; i++) {
		m += t[i].size / (double)n;
		square += t[i].size * t[i].size / (double)n;
	}
	for (int step = 0; step < FOLD_STEPS && fabs(last - m) > 1e-5 * m; step++) {
		s2 = fmax(square - m * m, 1e-12 * square);
		last = m;
		m = 0;
		for (size_t i = 0; i < n; i++)
			m += t[i].size * tanh(last * t[i].size / s2) / (double)n;
	}
	return margin_temperature(m, square - m * m, scale);
}

/* Over the pairs of classes that have enough chips; over all chips together where none has. */
static double pairs_temperature(struct margin *t, size_t n, double scale)
{
	double sum = 0, weight = 0;

	qsort(t, n, sizeof(*t), compare_margins);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && t[end].a == t[i].a && t[end].b == t[i].b;)
			end++;
		if (end - i < EM_TEMPERATURE_CHIPS)
			continue;
		sum += (double)(end - i) * log(folded_temperature(t + i, end - i, scale));
		weight += (double)(end - i);
	}
	return weight > 0 ? exp(sum / weight) : folded_temperature(t, n, scale);
}

int em_temperature_of_chips(const double *e, size_t n, size_t count, double *t, struct em_error *err)
{
	double scale = n ? mean_of(e, n * count) : 0;
	struct margin *margins;

	if (n < EM_TEMPERATURE_CHIPS || count < 2 || !(scale > 0))
		return 0;
	margins = malloc(n * sizeof(*margins));
	if (!margins)
		return em_error_memory(err, n * sizeof(*margins));
	for (size_t i = 0; i < n; i++)
		margins[i] = measure_margin(e + i * count, count);
	*t = pairs_temperature(margins, n, scale);
	free(margins);
	return 0;
}
