/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/fine_model.h"
#include "base/fit.h"
#include "base/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS (3 * EM_FINE_PEAKS_MAX + 2)
#define LN16 2.772588722239781
#define STEP 0.01 /* standard errors of a parameter: over so much the curvature of a least sum is measured */

/*
 * Of a model: position, width and area of each peak, the step's height if there is one, the Lorentzian share of Voigt.
 * Those fitted are fewer where some are the same: place[] says which of them each is.
 */
struct task {
	const struct em_fine_model *m;
	size_t all, params;   /* how many of the model, how many fitted */
	size_t height, share; /* places in the former; 0: there is none */
	size_t place[PARAMS];
};

double em_fine_gauss(double d, double width)
{
	double x = d / width;

	return sqrt(LN16 / M_PI) / width * exp(-LN16 * x * x);
}

double em_fine_lorentz(double d, double width)
{
	double x = d / width;

	return 2 / (M_PI * width * (1 + 4 * x * x));
}

static double share_of(const struct task *t, const double *p)
{
	return t->share ? p[t->share] : t->m->shape == EM_FINE_LORENTZ;
}

/* A peak at d from its middle; to[3] (NULL: not wanted) its derivatives by position, width and area; *mix by share. */
static double peak(const struct task *t, const double *p, double share, double d, double *to, double *mix)
{
	double width = p[1], area = p[2] * t->m->channel, x2 = d * d / (width * width);
	double g = em_fine_gauss(d, width), l = em_fine_lorentz(d, width), unit = (1 - share) * g + share * l;

	if (to) {
		double inside = 1 / (1 + 4 * x2);

		to[0] = area * d / (width * width) * ((1 - share) * g * 2 * LN16 + share * l * 8 * inside);
		to[1] = area / width * ((1 - share) * g * (2 * LN16 * x2 - 1) + share * l * (8 * x2 * inside - 1));
		to[2] = t->m->channel * unit;
		*mix += area * (l - g);
	}
	return area * unit;
}

/* One rise of the step, its middle and width the means of its peaks'; derivatives are added to j. */
static double rise(const struct task *t, const double *p, size_t first, double share, double ev, double *j)
{
	size_t half = t->m->peaks / 2;
	double middle = 0, width = 0, height = p[t->height], d, part, slope;
	bool erf_like = t->m->step == EM_FINE_ERF;

	for (size_t i = first; i < first + half; i++) {
		middle += p[3 * i] / (double)half;
		width += p[3 * i + 1] / (double)half;
	}
	d = ev - middle;
	part = erf_like ? 0.5 * erfc(-sqrt(LN16) * d / width) : 0.5 + atan(2 * d / width) / M_PI;
	if (j) {
		slope =
		    share * height * (erf_like ? em_fine_gauss(d, width) : em_fine_lorentz(d, width)) / (double)half;
		for (size_t i = first; i < first + half; i++) {
			j[3 * i] -= slope;
			j[3 * i + 1] -= slope * d / width;
		}
		j[t->height] += share * part;
	}
	return share * height * part;
}

static double evaluate(const struct task *t, const double *p, double ev, double *j)
{
	const struct em_fine_model *m = t->m;
	double sum = 0, share = share_of(t, p), mix = 0;

	for (size_t i = 0; i < m->peaks; i++)
		sum += peak(t, p + 3 * i, share, ev - p[3 * i], j ? j + 3 * i : NULL, &mix);
	if (j && t->height)
		j[t->height] = 0;
	if (j && t->share)
		j[t->share] = mix;
	if (m->stepped)
		sum += rise(t, p, 0, m->first_share, ev, j) + rise(t, p, m->peaks / 2, 1 - m->first_share, ev, j);
	return sum;
}

/* Peaks that are no peaks any more: a step too far. */
static bool possible(const struct task *t, const double *p)
{
	const struct em_fine_model *m = t->m;
	double span = m->ev[m->points - 1] - m->ev[0];

	for (size_t i = 0; i < m->peaks; i++)
		if (!(p[3 * i + 1] > 0.25 * m->channel && p[3 * i + 1] < 2 * span) || p[3 * i] < m->ev[0] - span ||
		    p[3 * i] > m->ev[m->points - 1] + span)
			return false;
	return true;
}

static void expand(const struct task *t, const double *fitted, double *p)
{
	for (size_t k = 0; k < t->all; k++)
		p[k] = fitted[t->place[k]];
}

static void residuals(void *ctx, const double *fitted, double *r)
{
	const struct task *t = ctx;
	double p[PARAMS];
	bool good;

	expand(t, fitted, p);
	good = possible(t, p);
	for (size_t i = 0; i < t->m->points; i++)
		r[i] = good ? (evaluate(t, p, t->m->ev[i], NULL) - t->m->counts[i]) / sqrt(t->m->variance[i]) : NAN;
}

static void jacobian(void *ctx, const double *fitted, double *j)
{
	const struct task *t = ctx;
	double p[PARAMS], full[PARAMS];

	expand(t, fitted, p);
	memset(j, 0, t->m->points * t->params * sizeof(*j));
	for (size_t i = 0; i < t->m->points; i++, j += t->params) {
		evaluate(t, p, t->m->ev[i], full);
		for (size_t k = 0; k < t->all; k++)
			j[t->place[k]] += full[k] / sqrt(t->m->variance[i]);
	}
}

static struct task plan(const struct em_fine_model *m)
{
	struct task t = {.m = m, .all = 3 * m->peaks};

	if (m->stepped)
		t.height = t.all++;
	if (m->shape == EM_FINE_VOIGT)
		t.share = t.all++;
	for (size_t k = 0; k < t.all; k++) {
		size_t peak = k / 3;
		bool second = k % 3 == 1 && peak < m->peaks && peak % (m->peaks > 1 ? m->peaks / 2 : 1);

		t.place[k] = m->same_width && second ? t.place[k - 3] : t.params++;
	}
	return t;
}

static struct em_fine_value value_of(const double *p, const double *covariance, const struct task *t, size_t k)
{
	size_t at = t->place[k];

	return (struct em_fine_value){p[at], sqrt(covariance[at * t->params + at])};
}

static void give(const struct task *t, const double *p, double *c, double chi2, struct em_fine_fit *fit)
{
	size_t n = t->m->peaks;
	double freedom = (double)(t->m->points - t->params);
	double scale = chi2 > freedom + 3 * sqrt(2 * freedom) ? chi2 / fmax(freedom, 1) : 1;

	for (size_t k = 0; k < t->params * t->params; k++)
		c[k] *= scale;
	*fit = (struct em_fine_fit){.peaks = n, .chi2 = chi2, .freedom = t->m->points - t->params};
	for (size_t i = 0; i < n; i++) {
		fit->peak[i] = (struct em_fine_peak){value_of(p, c, t, 3 * i), value_of(p, c, t, 3 * i + 1),
		                                     value_of(p, c, t, 3 * i + 2)};
		for (size_t k = 0; k < n; k++) {
			fit->position_covariance[i * n + k] = c[t->place[3 * i] * t->params + t->place[3 * k]];
			fit->area_covariance[i * n + k] = c[t->place[3 * i + 2] * t->params + t->place[3 * k + 2]];
		}
	}
	if (t->height)
		fit->step = value_of(p, c, t, t->height);
	fit->lorentzian = t->share ? p[t->place[t->share]] : t->m->shape == EM_FINE_LORENTZ;
}

/* All parameters of the model, as a fit has them. */
static void gather(const struct task *t, const struct em_fine_fit *fit, double *p)
{
	for (size_t i = 0; i < t->m->peaks; i++) {
		p[3 * i] = fit->peak[i].position.value;
		p[3 * i + 1] = fit->peak[i].width.value;
		p[3 * i + 2] = fit->peak[i].area.value;
	}
	if (t->height)
		p[t->height] = fit->step.value;
	if (t->share)
		p[t->share] = fit->lorentzian;
}

static void contract(const struct task *t, const double *p, double *fitted)
{
	for (size_t k = 0; k < t->all; k++)
		fitted[t->place[k]] = p[k];
}

int em_fine_model_fit(const struct em_fine_model *model, struct em_fine_fit *fit, struct em_error *err)
{
	const struct task t = plan(model);
	const struct em_fit f = {model->points, t.params, residuals, jacobian, (void *)&t, 0};
	double all[PARAMS], p[PARAMS], covariance[PARAMS * PARAMS], chi2;

	gather(&t, fit, all);
	if (t.share)
		all[t.share] = 0.5;
	contract(&t, all, p);
	if (em_fit_run(&f, p, covariance, &chi2, err))
		return -1;
	double lorentzian = t.share ? p[t.place[t.share]] : 0;
	if (!(lorentzian >= 0 && lorentzian <= 1)) { /* purely the one that it leans to, then */
		struct em_fine_model pure = *model;

		pure.shape = lorentzian > 1 ? EM_FINE_LORENTZ : EM_FINE_GAUSS;
		return em_fine_model_fit(&pure, fit, err);
	}
	give(&t, p, covariance, chi2, fit);
	return 0;
}

/* g[params]: half the gradient of the sum of squares.  work[points][params + 1] */
static void gradient(const struct task *t, const double *p, double *work, double *g)
{
	double *r = work, *j = work + t->m->points;

	residuals((void *)t, p, r);
	jacobian((void *)t, p, j);
	memset(g, 0, t->params * sizeof(*g));
	for (size_t i = 0; i < t->m->points; i++)
		for (size_t k = 0; k < t->params; k++)
			g[k] += r[i] * j[i * t->params + k];
}

/* Half the second derivatives of the sum of squares, what the residuals are bent by included; h[params][params] */
static void curvature(const struct task *t, const double *p, double *work, double *h)
{
	double up[PARAMS], down[PARAMS], at[PARAMS], step[PARAMS] = {0};
	const double *j = work + t->m->points;
	size_t n = t->params;

	gradient(t, p, work, up);
	for (size_t i = 0; i < t->m->points; i++)
		for (size_t k = 0; k < n; k++)
			step[k] += j[i * n + k] * j[i * n + k];
	for (size_t k = 0; k < n; k++) {
		step[k] = STEP / sqrt(step[k]);
		memcpy(at, p, n * sizeof(*at));
		at[k] = p[k] + step[k];
		gradient(t, at, work, up);
		at[k] = p[k] - step[k];
		gradient(t, at, work, down);
		for (size_t l = 0; l < n; l++)
			h[k * n + l] = (up[l] - down[l]) / (2 * step[k]);
	}
	for (size_t k = 0; k < n; k++)
		for (size_t l = 0; l < k; l++)
			h[k * n + l] = (h[k * n + l] + h[l * n + k]) / 2;
}

int em_fine_model_distance_slopes(const struct em_fine_model *model, const struct em_fine_fit *fit, size_t from,
                                  size_t to, double *slope, struct em_error *err)
{
	struct em_fine_model m = *model;
	double p[PARAMS], all[PARAMS], h[PARAMS * PARAMS], x[PARAMS] = {0};

	if (m.shape == EM_FINE_VOIGT && (fit->lorentzian == 0 || fit->lorentzian == 1))
		m.shape = fit->lorentzian > 0 ? EM_FINE_LORENTZ : EM_FINE_GAUSS;
	const struct task t = plan(&m);
	size_t n = t.params;
	double *work = malloc(m.points * (n + 1) * sizeof(*work)), *j = work + m.points;
	if (!work)
		return em_error_memory(err, m.points * (n + 1) * sizeof(*work));
	gather(&t, fit, all);
	contract(&t, all, p);
	curvature(&t, p, work, h);
	x[t.place[3 * from]] = -1;
	x[t.place[3 * to]] = 1;
	int status = em_cholesky_factor(h, n, err);
	if (!status) {
		em_cholesky_solve(h, n, x);
		jacobian((void *)&t, p, j);
		for (size_t i = 0; i < m.points; i++) {
			slope[i] = 0;
			for (size_t k = 0; k < n; k++)
				slope[i] += x[k] * j[i * n + k] / sqrt(m.variance[i]);
		}
	}
	free(work);
	return status;
}

double em_fine_model_at(const struct em_fine_model *model, const struct em_fine_fit *fit, double ev)
{
	const struct task t = plan(model);
	double p[PARAMS];

	gather(&t, fit, p);
	return evaluate(&t, p, ev, NULL);
}

int em_fine_check(const struct em_energy *e, const double *counts, const double *variance,
                  const struct em_energy_span *span, struct em_error *err)
{
	for (size_t j = span->first; j < span->first + span->count; j++)
		if (!isfinite(counts[j]) || !isfinite(variance[j]) || !(variance[j] > 0))
			return em_error_set(err, EM_ERROR_DATA, "at %.9g eV: %g counts, variance %g",
			                    em_energy_at(e, (double)j), counts[j], variance[j]);
	return 0;
}
