/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/trend.h"

#include <math.h>
#include <string.h>

/* fade; variances of the noise of level and slope, in units of the prior's */
static const struct {
	double fade, noise;
} member[EM_TREND_MEMBERS] = {
    {1.00, 1e-5}, {1.00, 1e-4}, {1.00, 1e-3}, {1.00, 1e-2}, /* em_trend_features */
    {0.98, 1e-5}, {0.98, 1e-4}, {0.98, 1e-3}, {0.98, 1e-2}, {0.95, 1e-5}, {0.95, 1e-4},
    {0.95, 1e-3}, {0.95, 1e-2}, {0.90, 1e-5}, {0.90, 1e-4}, {0.90, 1e-3}, {0.90, 1e-2},
    {0.00, 1e-3}, {0.00, 1e-1}, {0.00, 1e+1}, {0.00, 1e+3}, /* without a slope: it wanders */
};

void em_trend_prior_init(struct em_trend_prior *p, double level, double level_variance, double slope,
                         double slope_variance, double unit)
{
	*p = (struct em_trend_prior){level, level_variance, slope, slope_variance, 1, unit, {0}};
	for (int k = 0; k < EM_TREND_MEMBERS; k++)
		p->log_weight[k] = -log(EM_TREND_MEMBERS);
}

void em_trend_begin(struct em_trend *t, const struct em_trend_prior *prior)
{
	*t = (struct em_trend){.prior = prior, .forget = 1};
	for (int k = 0; k < EM_TREND_MEMBERS; k++) {
		t->level[k] = prior->level;
		t->slope[k] = prior->slope;
		t->p00[k] = prior->level_variance;
		t->p11[k] = prior->slope_variance;
		t->log_weight[k] = prior->log_weight[k];
	}
}

static void step(double fade, double noise, double *level, double *slope, double p[3])
{
	*slope *= fade;
	*level += *slope;
	p[2] *= fade * fade;
	p[1] *= fade;
	p[0] += 2 * p[1] + p[2] + noise;
	p[1] += p[2];
	p[2] += fade > 0 ? noise : 0;
}

static void advance(struct em_trend *t)
{
	for (int k = 0; k < EM_TREND_MEMBERS; k++) {
		double p[3] = {t->p00[k], t->p01[k], t->p11[k]};

		step(member[k].fade, member[k].noise * t->prior->unit, &t->level[k], &t->slope[k], p);
		t->p00[k] = p[0];
		t->p01[k] = p[1];
		t->p11[k] = p[2];
	}
}

void em_trend_weights(const struct em_trend *t, double weight[EM_TREND_MEMBERS])
{
	double most = -INFINITY, sum = 0;

	for (int k = 0; k < EM_TREND_MEMBERS; k++)
		most = fmax(most, t->log_weight[k]);
	for (int k = 0; k < EM_TREND_MEMBERS; k++)
		sum += weight[k] = exp(t->log_weight[k] - most);
	for (int k = 0; k < EM_TREND_MEMBERS; k++)
		weight[k] /= sum;
}

void em_trend_push(struct em_trend *t, double value, double variance)
{
	double most = -INFINITY;

	if (t->begun)
		advance(t);
	if (!isfinite(value) || !isfinite(variance) || !(variance > 0))
		return;
	t->begun = true;
	variance *= t->prior->noise;
	for (int k = 0; k < EM_TREND_MEMBERS; k++) {
		double s = t->p00[k] + variance, off = value - t->level[k], k0 = t->p00[k] / s, k1 = t->p01[k] / s;

		t->log_weight[k] = t->forget * t->log_weight[k] - 0.5 * (log(s) + off * off / s);
		most = fmax(most, t->log_weight[k]);
		t->level[k] += k0 * off;
		t->slope[k] += k1 * off;
		t->p11[k] -= k1 * t->p01[k];
		t->p01[k] -= k0 * t->p01[k];
		t->p00[k] -= k0 * t->p00[k];
	}
	for (int k = 0; k < EM_TREND_MEMBERS; k++)
		t->log_weight[k] -= most;
}

void em_trend_forecast(const struct em_trend *t, size_t steps, double *mean, double *variance)
{
	double w[EM_TREND_MEMBERS], sum = 0, squares = 0, within = 0;

	em_trend_weights(t, w);
	for (int k = 0; k < EM_TREND_MEMBERS; k++) {
		double level = t->level[k], slope = t->slope[k], p[3] = {t->p00[k], t->p01[k], t->p11[k]};

		if (w[k] < 1e-9)
			continue;
		for (size_t i = 0; i < steps; i++)
			step(member[k].fade, member[k].noise * t->prior->unit, &level, &slope, p);
		sum += w[k] * level;
		squares += w[k] * (level - t->level[0]) * (level - t->level[0]);
		within += w[k] * p[0];
	}
	*mean = sum;
	*variance = within + fmax(0, squares - (sum - t->level[0]) * (sum - t->level[0]));
}

void em_trend_features(const struct em_trend *t, double features[EM_TREND_FEATURES])
{
	memcpy(features, t->level, 4 * sizeof(*features));
	memcpy(features + 4, t->slope, 4 * sizeof(*features));
}
