/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/integrate.h"

#include "eels/background_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNIFICANT 3 /* standard errors */
#define COUPLING 4    /* seen: 2 to 4, on scintillators */

struct em_net_plan {
	struct em_background_plan *background;
	struct em_energy_span signal;
	struct em_net_options options;
};

struct em_net_plan *em_net_plan_new(const struct em_energy *e, const struct em_energy_window *background,
                                    const struct em_energy_window *signal, const struct em_net_options *options,
                                    struct em_error *err)
{
	struct em_net_plan plan = {.options = *options}, *p;

	if (em_energy_span(e, signal, &plan.signal, err))
		return NULL;
	if (!(em_energy_at(e, (double)plan.signal.first) > 0)) {
		em_error_set(err, EM_ERROR_USAGE, "no edge begins at %.6g eV: the signal's window has to lie above 0",
		             signal->from);
		return NULL;
	}
	if (options->least_r == 0 && options->most_r == 0)
		plan.options.most_r = 6;
	if (options->most_chi2 == 0)
		plan.options.most_chi2 = 10;
	plan.background = em_background_plan_new(e, background, &options->background, err);
	if (!plan.background)
		return NULL;
	p = malloc(sizeof(*p));
	if (!p) {
		em_error_memory(err, sizeof(*p));
		em_background_plan_free(plan.background);
		return NULL;
	}
	*p = plan;
	return p;
}

void em_net_plan_free(struct em_net_plan *p)
{
	if (p)
		em_background_plan_free(p->background);
	free(p);
}

const struct em_background_plan *em_net_plan_background(const struct em_net_plan *p)
{
	return p->background;
}

struct em_energy_span em_net_plan_signal(const struct em_net_plan *p)
{
	return p->signal;
}

/*
 * The error of r by noise alone: a gain that was found in the residual of a misfit would excuse any exponent.  Steps
 * between channels see no misfit, but of coupled channels up to COUPLING times less than the noise of sums.
 */
static double noise_of_r(const struct em_net_options *o, const struct em_background *b)
{
	double noise = o->background.gain > 0 ? b->gain : fmin(b->gain, COUPLING * b->roughness);

	return b->gain > 0 ? sqrt(b->covariance[2] / b->gain * noise) : 0;
}

static unsigned judge(const struct em_net_options *o, const struct em_net *net)
{
	const struct em_background *b = &net->background;
	double below = (o->least > 0 ? o->least : SIGNIFICANT) * net->error;
	double r_error = SIGNIFICANT * noise_of_r(o, b);
	unsigned flags = 0;

	if (b->r + r_error <= o->least_r || b->r - r_error >= o->most_r)
		flags |= EM_NET_EXPONENT;
	if (net->counts < -below)
		flags |= EM_NET_NEGATIVE;
	if (net->total < 0 && net->total < -below)
		flags |= EM_NET_EMPTY;
	if (b->chi2 > o->most_chi2 * (o->background.gain > 0 ? 1 : b->roughness))
		flags |= EM_NET_MISFIT;
	return flags;
}

void em_net_measure_above(const struct em_net_plan *p, const float *spectrum, const struct em_background *b,
                          struct em_net *net)
{
	double total = em_background_total(spectrum + p->signal.first, p->signal.count);

	*net = (struct em_net){.counts = NAN, .error = NAN, .total = total, .background = *b};
	em_background_sum(p->background, b, &p->signal, &net->below, &net->below_error);
	if (!isfinite(total)) {
		net->flags = EM_NET_NOT_FINITE;
		net->total = NAN;
	}
	if (b->state != EM_BACKGROUND_GOOD)
		net->flags |= EM_NET_NO_BACKGROUND;
	if (net->flags)
		return;
	net->counts = total - net->below;
	net->error = sqrt(b->gain * fabs(total) + net->below_error * net->below_error);
	net->flags = judge(&p->options, net);
	if (net->flags & EM_NET_FATAL)
		net->counts = net->error = NAN;
}

void em_net_measure(const struct em_net_plan *p, const float *spectrum, struct em_net *net)
{
	struct em_background b;

	em_background_fit(p->background, spectrum, &b);
	em_net_measure_above(p, spectrum, &b, net);
}

void em_net_slopes(const struct em_net_plan *p, const struct em_net *net, double *slope)
{
	const struct em_background_plan *plan = p->background;
	struct em_background_moments m;

	memset(slope, 0, plan->e.channels * sizeof(*slope));
	if (net->flags & EM_NET_FATAL)
		return;
	m = em_background_moments(plan->x + p->signal.first, p->signal.count, net->background.r);
	em_background_slopes(plan, &net->background, -net->below, net->below * m.mean, slope);
	for (size_t i = p->signal.first; i < p->signal.first + p->signal.count; i++)
		slope[i] += 1;
}

bool em_net_ratio(const struct em_net *a, const struct em_net *b, double *ratio, double *error)
{
	*ratio = *error = NAN;
	if ((a->flags | b->flags) & EM_NET_FATAL || !(b->counts > SIGNIFICANT * b->error))
		return false;
	*ratio = a->counts / b->counts;
	*error = hypot(a->error, *ratio * b->error) / b->counts;
	return true;
}

/* ---- in words ---- */

static const char *why_no_background(enum em_background_state state)
{
	switch (state) {
	case EM_BACKGROUND_NOT_FINITE: return "its window holds a NaN or an infinity";
	case EM_BACKGROUND_NO_COUNTS: return "the counts of its window are not above 0 together";
	case EM_BACKGROUND_CONSTANT: return "its window is constant: no spectrum";
	default: return "its window holds no power law";
	}
}

char *em_net_explain(const struct em_net *net, const char *edge, char *text, size_t size)
{
	const struct em_background *b = &net->background;

	if (net->flags & EM_NET_NOT_FINITE)
		snprintf(text, size, "%s: no counts: the signal's window holds a NaN or an infinity", edge);
	else if (net->flags & EM_NET_NO_BACKGROUND)
		snprintf(text, size, "%s: no background: %s", edge, why_no_background(b->state));
	else if (net->flags & EM_NET_EXPONENT)
		snprintf(text, size,
		         "%s: no counts: the exponent before it is %.3g +- %.2g, which no background has; the tail of "
		         "another edge, or energies that are not calibrated?",
		         edge, b->r, sqrt(b->covariance[2]));
	else if (net->flags & (EM_NET_NEGATIVE | EM_NET_EMPTY))
		snprintf(text, size, "%s: no counts: the background (%.6g) runs above the spectrum (%.6g)", edge,
		         net->below, net->total);
	else if (net->flags & EM_NET_MISFIT)
		snprintf(text, size,
		         "%s: %.6g +- %.2g counts above a background that bends: chi2 is %.3g a channel, %.3g from one "
		         "to the next",
		         edge, net->counts, net->error, b->chi2, b->roughness);
	else
		snprintf(text, size, "%s: %.6g +- %.2g counts", edge, net->counts, net->error);
	return text;
}
