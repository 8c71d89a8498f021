/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/bragg_lobe.h"

#include "crystal/spectrum.h"

#include <math.h>

#define SAMPLES 256 /* of the window */

static const double PI = 3.14159265358979323846;
static const double GREATEST = 6; /* variance: broader peaks than that reach out of the box */

void em_bragg_lobe_init(struct em_bragg_lobe *lobe)
{
	double w[SAMPLES], sum = 0, squares = 0;

	for (int i = 0; i < SAMPLES; i++) {
		w[i] = em_spectrum_window(i, SAMPLES);
		squares += w[i] * w[i] / SAMPLES;
	}
	for (int u = 0; u < EM_BRAGG_LAGS; u++) {
		int lag = (2 * u + 1) * SAMPLES / (2 * EM_BRAGG_LAGS);
		double c = 0;

		for (int i = 0; i + lag < SAMPLES; i++)
			c += w[i] * w[i + lag] / SAMPLES;
		lobe->lag[u] = (double)lag / SAMPLES;
		lobe->correlation[u] = c;
		sum += c;
	}
	for (int u = 0; u < EM_BRAGG_LAGS; u++)
		lobe->correlation[u] /= sum;
	lobe->total = squares * EM_BRAGG_LAGS / (2 * sum);
}

double em_bragg_lobe_at(const struct em_bragg_lobe *lobe, double k, double variance, double slope[2])
{
	double value = 0;

	slope[0] = slope[1] = 0;
	for (int i = 0; i < EM_BRAGG_LAGS; i++) {
		double u = 2 * PI * lobe->lag[i], c = lobe->correlation[i] * exp(-u * u * variance / 2);

		value += c * cos(k * u);
		slope[0] -= c * u * sin(k * u);
		slope[1] -= c * u * u / 2 * cos(k * u);
	}
	return value;
}

/* The window is a box of 1 - TAPER convolved with half a cosine of TAPER. */
double em_bragg_lobe_envelope(double k)
{
	const double box = PI * (1 - EM_SPECTRUM_TAPER) * fabs(k), cosine = 1 - pow(2 * EM_SPECTRUM_TAPER * k, 2);

	return pow(fmin(1, 1 / box) * fmin(1, 1 / fabs(cosine)), 2);
}

/* ---- the fit: Levenberg and Marquardt's, in height, middle and variance ---- */

struct normal {
	double a[3][3], b[3], chi;
};

static void add(struct normal *n, const double row[3], double miss, double sigma)
{
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++)
			n->a[i][j] += row[i] * row[j] / (sigma * sigma);
		n->b[i] += row[i] * miss / (sigma * sigma);
	}
	n->chi += miss * miss / (sigma * sigma);
}

static struct normal linearise(const struct em_bragg_lobe *lobe, const double *v, const double *sigma,
                               const struct em_bragg_fit *f)
{
	struct normal n = {0};

	for (int k = 0; k < EM_BRAGG_BOX; k++) {
		double slope[2], m = em_bragg_lobe_at(lobe, k - EM_BRAGG_REACH - f->middle, f->variance, slope);
		const double row[3] = {m, -f->height * slope[0], f->height * slope[1]};

		add(&n, row, v[k] - f->height * m, sigma[k]);
	}
	return n;
}

/* x = a^-1 b of the first n unknowns, by elimination; a is positive definite with its damped diagonal. */
static void solve(double a[3][3], const double b[3], int n, double x[3])
{
	double y[3] = {b[0], b[1], b[2]};

	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < n; j++) {
			double f = a[j][i] / a[i][i];

			for (int k = i; k < n; k++)
				a[j][k] -= f * a[i][k];
			y[j] -= f * y[i];
		}
	for (int i = n - 1; i >= 0; i--) {
		x[i] = y[i];
		for (int k = i + 1; k < n; k++)
			x[i] -= a[i][k] * x[k];
		x[i] /= a[i][i];
	}
}

static struct em_bragg_fit step(const struct em_bragg_fit *f, const struct normal *n, double damp)
{
	struct normal m = *n;
	struct em_bragg_fit next = *f;
	double x[3];

	for (int i = 0; i < 3; i++)
		m.a[i][i] *= 1 + damp;
	struct normal edge = m;

	solve(m.a, m.b, 3, x);
	if (f->variance + x[2] < 0 || f->variance + x[2] > GREATEST) { /* to the edge, the others along it */
		x[2] = (x[2] < 0 ? 0 : GREATEST) - f->variance;
		for (int i = 0; i < 2; i++)
			edge.b[i] -= edge.a[i][2] * x[2];
		solve(edge.a, edge.b, 2, x);
	}
	next.height += x[0];
	next.middle += x[1];
	next.variance += x[2];
	return next;
}

/* Standard uncertainties, from the curvature; a misfit beyond what sigma allows counts as more noise. */
static void judge(struct em_bragg_fit *f, const struct normal *n)
{
	double scale = fmax(1, n->chi / (EM_BRAGG_BOX - 3));

	for (int i = 0; i < 2; i++) {
		struct normal m = *n;
		double unit[3] = {0}, x[3] = {0};

		unit[i] = 1;
		solve(m.a, unit, f->variance > 0 && f->variance < GREATEST ? 3 : 2, x);
		*(i ? &f->sigma_middle : &f->sigma_height) = sqrt(scale * x[i]);
	}
}

/* From a start to where it does not get better. */
static struct normal descend(const struct em_bragg_lobe *lobe, const double *v, const double *sigma,
                             struct em_bragg_fit *f)
{
	struct normal n = linearise(lobe, v, sigma, f);
	double damp = 1e-3;

	for (int i = 0; i < 40 && damp < 1e9; i++) {
		struct em_bragg_fit next = step(f, &n, damp);
		struct normal m = linearise(lobe, v, sigma, &next);

		if (!(m.chi < n.chi)) {
			damp *= 10;
			continue;
		}
		damp = fmax(damp / 10, 1e-9);
		*f = next;
		n = m;
	}
	return n;
}

bool em_bragg_lobe_fit(const struct em_bragg_lobe *lobe, const double v[EM_BRAGG_BOX], const double sigma[EM_BRAGG_BOX],
                       struct em_bragg_fit *fit)
{
	/* a narrow lobe between two pixels and a broad one upon one are two minima */
	static const double starts[3][2] = {{0, 0.25}, {-0.4, 0}, {0.4, 0}};
	struct em_bragg_fit best = {0};
	struct normal least = {.chi = HUGE_VAL};
	int top = 0;

	for (int k = 1; k < EM_BRAGG_BOX; k++)
		top = v[k] > v[top] ? k : top;
	if (!(v[top] > 0))
		return false;
	for (int i = 0; i < 3; i++) {
		struct em_bragg_fit f = {v[top], top - EM_BRAGG_REACH + starts[i][0], starts[i][1], 0, 0};
		struct normal n = descend(lobe, v, sigma, &f);

		if (n.chi < least.chi) {
			least = n;
			best = f;
		}
	}
	judge(&best, &least);
	if (!(best.height > 0 && fabs(best.middle) < EM_BRAGG_REACH && isfinite(best.sigma_middle)))
		return false;
	*fit = best;
	return true;
}

double em_bragg_lobe_share(const struct em_bragg_lobe *lobe, const struct em_bragg_fit *fit)
{
	double sum = 0, slope[2];

	for (int k = -EM_BRAGG_REACH; k <= EM_BRAGG_REACH; k++)
		sum += em_bragg_lobe_at(lobe, k - fit->middle, fit->variance, slope);
	return sum / lobe->total;
}
