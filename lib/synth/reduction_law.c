/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Laws of kinetics. */
#include "synth/reduction.h"

#include <math.h>

const char *const em_synth_kinetics_name[EM_SYNTH_LAWS] = {"zero-order", "first-order", "parabolic", "avrami",
                                                           "sigmoid"};

static double logistic(double x)
{
	return 1 / (1 + exp(-x));
}

double em_synth_kinetics_at(const struct em_synth_kinetics *k, double seconds)
{
	double x = k->rate * seconds, start;

	if (!(x > 0))
		return 0;
	switch (k->law) {
	case EM_SYNTH_ZERO_ORDER: return fmin(1, x);
	case EM_SYNTH_FIRST_ORDER: return -expm1(-x);
	case EM_SYNTH_PARABOLIC: return fmin(1, sqrt(x));
	case EM_SYNTH_AVRAMI: return -expm1(-pow(x, k->shape));
	default:
		start = logistic(-k->rate * k->induction);
		return (logistic(k->rate * (seconds - k->induction)) - start) / (1 - start);
	}
}

void em_synth_kinetics_fit(struct em_synth_kinetics *k, double seconds, double extent)
{
	switch (k->law) {
	case EM_SYNTH_ZERO_ORDER: k->rate = extent / seconds; return;
	case EM_SYNTH_FIRST_ORDER: k->rate = -log1p(-extent) / seconds; return;
	case EM_SYNTH_PARABOLIC: k->rate = extent * extent / seconds; return;
	case EM_SYNTH_AVRAMI: k->rate = pow(-log1p(-extent), 1 / k->shape) / seconds; return;
	default: return;
	}
}
