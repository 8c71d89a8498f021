/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The power law of one window, by each of the methods. */
#include "eels/background_parts.h"

#include <math.h>

#define MOST_R 100
#define STEPS 50
#define CLOSE 1e-11 /* of r */
/* Channels whose residuals are added up: more than a detector's point spread couples, but as many groups as this. */
#define GROUP 8
#define LEAST_GROUPS 8

void em_background_fail(struct em_background *b, enum em_background_state state)
{
	*b = (struct em_background){state, NAN, NAN, {NAN, NAN, NAN}, NAN, NAN, NAN, NAN};
}

double em_background_total(const float *y, size_t n)
{
	double s[4] = {0};
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		for (size_t k = 0; k < 4; k++)
			s[k] += (double)y[i + k];
	for (; i < n; i++)
		s[0] += (double)y[i];
	return s[0] + s[1] + (s[2] + s[3]);
}

/* sum y x */
static double product(const float *y, const double *x, size_t n)
{
	double s[4] = {0};
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		for (size_t k = 0; k < 4; k++)
			s[k] += (double)y[i + k] * x[i + k];
	for (; i < n; i++)
		s[0] += (double)y[i] * x[i];
	return s[0] + s[1] + (s[2] + s[3]);
}

/* ---- the methods: level, r, and their covariance for a gain of 1 ---- */

/*
 * The integral of (E / reference)^-r over the upper half, over the reference: (e^(k end) - e^(k middle)) / k with
 * k = 1 - r, well behaved where that is 0; and the derivative of its logarithm by k.
 */
static double upper_half(const struct em_background_plan *p, double k, double *slope)
{
	double d = p->end - p->middle, kd = k * d;

	if (fabs(kd) < 1e-4) {
		*slope = p->middle + d / 2;
		return exp(k * p->middle) * d * (1 + kd / 2 + kd * kd / 6);
	}
	*slope = p->middle - d / expm1(-kd) - 1 / k;
	return exp(k * p->middle) * expm1(kd) / k;
}

static enum em_background_state two_area(const struct em_background_plan *p, const float *y, struct em_background *b)
{
	size_t half = p->fit.count / 2;
	double lower = em_background_total(y, half), upper = em_background_total(y + half, half), slope,
	       c = 2 / p->span;

	if (!isfinite(lower + upper))
		return EM_BACKGROUND_NOT_FINITE;
	if (!(lower > 0 && upper > 0))
		return EM_BACKGROUND_NO_COUNTS;
	b->r = c * log(lower / upper);
	b->level = upper * p->e.scale / (p->reference * upper_half(p, 1 - b->r, &slope));
	/* Both sums are uncertain by their square roots: ln level goes with ln upper + slope r. */
	b->covariance[2] = c * c * (1 / lower + 1 / upper);
	b->covariance[1] = slope * b->covariance[2] - c / upper;
	b->covariance[0] = 1 / upper + slope * (b->covariance[1] - c / upper);
	return EM_BACKGROUND_GOOD;
}

/*
 * A line through the logarithms: weights w, and q = w^2 / y, which is what errors of y^-1/2 make of them.  With w = y
 * both are the same; with w = 1 the errors are those of an estimate that does not use its data as well as it could.
 */
struct line {
	double w, wx, wxx, wz, wxz, q, qx, qxx;
	size_t used;
};

static void add_point(struct line *l, double x, double y, int weighted, double shift)
{
	double w = weighted ? y : 1, q = weighted ? y : 1 / y, z = weighted ? y * log(y) - shift : log(y);

	l->w += w;
	l->wx += w * x;
	l->wxx += w * x * x;
	l->wz += z;
	l->wxz += x * z;
	l->q += q;
	l->qx += q * x;
	l->qxx += q * x * x;
	l->used++;
}

static void solve_line(const struct line *l, struct em_background *b)
{
	double mean = l->wx / l->w, variance = l->wxx / l->w - mean * mean, scale = 1 / (l->w * variance);
	double height = l->q / (l->w * l->w), tilt = -(l->qx - mean * l->q) * scale / l->w;

	b->r = -(l->wxz - mean * l->wz) * scale;
	b->level = exp(l->wz / l->w + b->r * mean);
	b->covariance[2] = (l->qxx - 2 * mean * l->qx + mean * mean * l->q) * scale * scale;
	b->covariance[1] = tilt + mean * b->covariance[2];
	b->covariance[0] = height + mean * (tilt + b->covariance[1]);
}

static enum em_background_state logarithms(const struct em_background_plan *p, const float *y, struct em_background *b)
{
	const double *x = p->x + p->fit.first, shift = (p->options.gain > 0 ? p->options.gain : 1) / 2;
	int weighted = p->options.method == EM_BACKGROUND_LOG;
	struct line l = {0};

	if (!isfinite(em_background_total(y, p->fit.count)))
		return EM_BACKGROUND_NOT_FINITE;
	for (size_t i = 0; i < p->fit.count; i++)
		if (y[i] > 0)
			add_point(&l, x[i], (double)y[i], weighted, shift);
	if (l.used < 3)
		return EM_BACKGROUND_NO_COUNTS;
	solve_line(&l, b);
	return EM_BACKGROUND_GOOD;
}

/* The r at which the power law's mean x is this one, by Newton's method: the mean falls with r as -variance. */
static enum em_background_state solve_mean(const struct em_background_plan *p, double mean, double *r,
                                           struct em_background_moments *m)
{
	const double *x = p->x + p->fit.first;

	*r = (p->mean - mean) / p->variance;
	for (int step = 0; step < STEPS; step++) {
		if (!(fabs(*r) <= MOST_R))
			return EM_BACKGROUND_NO_FIT;
		*m = em_background_moments(x, p->fit.count, *r);
		double change = (m->mean - mean) / m->variance;
		*r += change;
		if (fabs(change) <= CLOSE * (1 + fabs(*r)))
			return EM_BACKGROUND_GOOD;
	}
	return EM_BACKGROUND_NO_FIT;
}

static enum em_background_state linear(const struct em_background_plan *p, const float *y, struct em_background *b)
{
	size_t n = p->fit.count;
	double total = em_background_total(y, n), mean = product(y, p->x + p->fit.first, n) / total;
	struct em_background_moments m;

	if (!isfinite(total))
		return EM_BACKGROUND_NOT_FINITE;
	if (!(total > 0))
		return EM_BACKGROUND_NO_COUNTS;
	if (solve_mean(p, mean, &b->r, &m))
		return EM_BACKGROUND_NO_FIT;
	b->level = total / m.sum;
	b->covariance[2] = 1 / (total * m.variance);
	b->covariance[1] = m.mean * b->covariance[2];
	b->covariance[0] = 1 / total + m.mean * b->covariance[1];
	return EM_BACKGROUND_GOOD;
}

/* ---- all of it ---- */

static int is_constant(const float *y, size_t n)
{
	size_t i = 1;

	while (i < n && y[i] == y[0])
		i++;
	return i == n;
}

static double over(double sum, double freedom)
{
	return freedom > 0 ? sum / freedom : NAN;
}

static void measure_residual(const struct em_background_plan *p, const float *y, double variance,
                             struct em_background *b)
{
	const double *x = p->x + p->fit.first;
	size_t n = p->fit.count, width = n / LEAST_GROUPS < 1 ? 1 : n / LEAST_GROUPS > GROUP ? GROUP : n / LEAST_GROUPS;
	double sum = 0, steps = 0, coarse = 0, group = 0, group_expected = 0, before = 0;

	for (size_t i = 0; i < n; i++) {
		double expected = b->level * exp(-b->r * x[i]), off = (double)y[i] - expected, step = off - before;
		sum += off * off / expected;
		steps += i ? step * step / expected : 0;
		before = off;
		group += off;
		group_expected += expected;
		if ((i + 1) % width == 0) {
			coarse += group * group / group_expected;
			group = group_expected = 0;
		}
	}
	b->chi2 = over(sum, ((double)n - 2) * variance);
	b->chi2_groups = over(coarse, ((double)(n / width) - 2) * variance);
	b->roughness = over(steps, 2 * ((double)n - 1) * variance);
}

void em_background_fit_window(const struct em_background_plan *p, const float *y, double share, struct em_background *b)
{
	enum em_background_state state;

	*b = (struct em_background){.state = EM_BACKGROUND_GOOD};
	switch (p->options.method) {
	case EM_BACKGROUND_TWO_AREA: state = two_area(p, y, b); break;
	case EM_BACKGROUND_LOG:
	case EM_BACKGROUND_LOG_UNWEIGHTED: state = logarithms(p, y, b); break;
	default: state = linear(p, y, b);
	}
	if (state != EM_BACKGROUND_NOT_FINITE && state != EM_BACKGROUND_NO_COUNTS && is_constant(y, p->fit.count))
		state = EM_BACKGROUND_CONSTANT;
	if (state == EM_BACKGROUND_GOOD && !(fabs(b->r) <= MOST_R && b->level > 0 && isfinite(b->level)))
		state = EM_BACKGROUND_NO_FIT;
	if (state) {
		em_background_fail(b, state);
		return;
	}
	measure_residual(p, y, share * (p->options.gain > 0 ? p->options.gain : 1), b);
	b->gain = p->options.gain > 0 ? p->options.gain : fmax(b->chi2, b->chi2_groups);
	for (int i = 0; i < 3; i++)
		b->covariance[i] *= b->gain * share;
}

void em_background_fit(const struct em_background_plan *p, const float *spectrum, struct em_background *b)
{
	em_background_fit_window(p, spectrum + p->fit.first, 1, b);
}
