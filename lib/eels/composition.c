/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/composition.h"

#include <math.h>

#define SURE 3 /* standard errors */

static int check(const struct em_composition_part *p, struct em_error *err)
{
	if (!isfinite(p->counts) || !(p->counts_error >= 0))
		return em_error_set(err, EM_ERROR_DATA, "no composition: one of the edges has no counts");
	if (!(p->sigma > 0) || !isfinite(p->sigma) || !(p->sigma_error >= 0))
		return em_error_set(err, EM_ERROR_USAGE, "no composition with a cross section of %.6g", p->sigma);
	return 0;
}

static int check_signal(const struct em_composition_part *p, struct em_error *err)
{
	if (!(p->counts > SURE * p->counts_error) || !(p->counts > 0))
		return em_error_set(err, EM_ERROR_DATA,
		                    "no ratio: the edge it is to has no net signal (%.6g +- %.6g counts): does its "
		                    "background's window hold the edge before it?",
		                    p->counts, p->counts_error);
	return 0;
}

static double atoms(const struct em_composition_part *p)
{
	return p->counts / p->sigma;
}

int em_composition_ratio(const struct em_composition_part *a, const struct em_composition_part *b,
                         struct em_composition_value *ratio, struct em_error *err)
{
	double value, to;

	if (check(a, err) || check(b, err) || check_signal(b, err))
		return -1;
	value = atoms(a) / atoms(b);
	to = b->counts_error / b->counts;
	ratio->value = value;
	/* a may have no counts: its error is not relative */
	ratio->error = hypot(a->counts_error / a->sigma / atoms(b), value * to);
	ratio->model = fabs(value) * hypot(a->sigma_error, b->sigma_error);
	return 0;
}

/* f_i = x_i / S, so that df_i / dx_j = (delta_ij - f_i) / S. */
static struct em_composition_value fraction_of(const struct em_composition_part *part, size_t n, size_t i, double sum)
{
	struct em_composition_value f = {.value = atoms(&part[i]) / sum};

	for (size_t j = 0; j < n; j++) {
		double slope = ((i == j) - f.value) / sum;

		f.error = hypot(f.error, slope * part[j].counts_error / part[j].sigma);
		f.model = hypot(f.model, slope * atoms(&part[j]) * part[j].sigma_error);
	}
	return f;
}

int em_composition_fractions(const struct em_composition_part *part, size_t n, struct em_composition_value *fraction,
                             struct em_error *err)
{
	double sum = 0, error = 0;

	for (size_t i = 0; i < n; i++) {
		if (check(&part[i], err))
			return -1;
		sum += atoms(&part[i]);
		error = hypot(error, part[i].counts_error / part[i].sigma);
	}
	if (!(sum > SURE * error) || !(sum > 0))
		return em_error_set(err, EM_ERROR_DATA, "no composition: the edges have no net signal together");
	for (size_t i = 0; i < n; i++)
		fraction[i] = fraction_of(part, n, i, sum);
	return 0;
}

int em_composition_k_factor(const struct em_composition_part *a, const struct em_composition_part *b, double ratio,
                            double ratio_error, struct em_composition_value *k, struct em_error *err)
{
	struct em_composition_part one = *a, other = *b;
	struct em_composition_value inverse;

	one.sigma = other.sigma = 1;
	one.sigma_error = other.sigma_error = 0;
	if (!(ratio > 0) || !isfinite(ratio) || !(ratio_error >= 0))
		return em_error_set(err, EM_ERROR_USAGE, "a standard cannot have %.6g atoms for one", ratio);
	if (check(&one, err) || check_signal(&one, err) || em_composition_ratio(&other, &one, &inverse, err) ||
	    check_signal(&other, err))
		return -1;
	*k = (struct em_composition_value){ratio * inverse.value, ratio * inverse.error,
	                                   ratio * inverse.value * ratio_error};
	return 0;
}
