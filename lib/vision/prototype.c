/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/prototype.h"

#include "base/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *copy_string(const char *s)
{
	char *copy = malloc(strlen(s) + 1);

	return copy ? strcpy(copy, s) : NULL;
}

int em_prototype_init(struct em_prototype *c, const struct em_support_class *from, size_t dim, struct em_error *err)
{
	memset(c, 0, sizeof(*c));
	c->spread = NAN;
	c->name = copy_string(from->name);
	c->color = from->color ? copy_string(from->color) : NULL;
	c->vector = calloc(dim, sizeof(float));
	if (!c->name || (from->color && !c->color) || !c->vector)
		return em_error_memory(err, dim * sizeof(float));
	return 0;
}

void em_prototypes_release(struct em_prototypes *p)
{
	for (size_t k = 0; k < p->count; k++) {
		free(p->classes[k].name);
		free(p->classes[k].color);
		free(p->classes[k].vector);
	}
	free(p->classes);
	em_transform_release(&p->transform);
	free(p->factor);
	free(p->space);
	memset(p, 0, sizeof(*p));
}

/* Into the space where distances are euclidean: the unit sphere for cosine, whitened for mahalanobis. */
static void enter_space(const struct em_prototypes *p, const float *vector, double *out)
{
	size_t dim = p->encoder.dim;
	double norm = 0;

	for (size_t i = 0; i < dim; i++) {
		out[i] = (double)vector[i];
		norm += out[i] * out[i];
	}
	if (p->distance == EM_DISTANCE_COSINE && norm > 0)
		for (size_t i = 0; i < dim; i++)
			out[i] /= sqrt(norm);
	if (p->factor)
		em_cholesky_whiten(p->factor, dim, out);
}

int em_prototypes_prepare(struct em_prototypes *p, struct em_error *err)
{
	size_t dim = p->encoder.dim;
	double *space = calloc(p->count * dim, sizeof(*space));

	if (!space)
		return em_error_memory(err, p->count * dim * sizeof(*space));
	for (size_t k = 0; k < p->count; k++)
		enter_space(p, p->classes[k].vector, space + k * dim);
	free(p->space);
	p->space = space;
	return 0;
}

static double distance_in_space(const struct em_prototypes *p, const double *x, const double *c)
{
	double sum = 0;

	if (p->distance == EM_DISTANCE_COSINE) {
		for (size_t i = 0; i < p->encoder.dim; i++)
			sum += x[i] * c[i];
		return sum < 1 ? 1 - sum : 0;
	}
	for (size_t i = 0; i < p->encoder.dim; i++)
		sum += (x[i] - c[i]) * (x[i] - c[i]);
	return sqrt(sum);
}

static size_t nearest(const double *distance, size_t count)
{
	size_t best = 0;

	for (size_t k = 1; k < count; k++)
		if (distance[k] < distance[best])
			best = k;
	return best;
}

int em_prototypes_measure_plain(const struct em_prototypes *p, const float *vector, double *distance,
                                double *probability, struct em_error *err)
{
	size_t dim = p->encoder.dim;
	double *x = malloc(dim * sizeof(*x));
	double least, sum = 0;

	if (!x)
		return em_error_memory(err, dim * sizeof(*x));
	enter_space(p, vector, x);
	for (size_t k = 0; k < p->count; k++) {
		distance[k] = distance_in_space(p, x, p->space + k * dim);
		probability[k] = p->distance == EM_DISTANCE_COSINE ? distance[k] : distance[k] * distance[k];
	}
	free(x);
	for (size_t k = 0; k < p->count; k++)
		if (!isfinite(probability[k]))
			return em_error_set(err, EM_ERROR_DATA,
			                    "its distance from class \"%s\" is not finite: the prototypes are broken",
			                    p->classes[k].name);
	least = probability[nearest(probability, p->count)];
	for (size_t k = 0; k < p->count; k++) {
		probability[k] = exp((least - probability[k]) / p->temperature);
		sum += probability[k];
	}
	for (size_t k = 0; k < p->count; k++)
		probability[k] /= sum;
	return 0;
}

int em_prototypes_measure(const struct em_prototypes *p, const float *vector, double *distance, double *probability,
                          struct em_error *err)
{
	size_t dim = p->encoder.dim;
	float *plain;
	double *work;
	int status = -1;

	if (!p->transform.dim)
		return em_prototypes_measure_plain(p, vector, distance, probability, err);
	plain = malloc(dim * sizeof(*plain));
	work = malloc(2 * dim * sizeof(*work));
	if (plain && work) {
		em_transform_apply(&p->transform, vector, plain, work);
		status = em_prototypes_measure_plain(p, plain, distance, probability, err);
	} else {
		em_error_memory(err, 2 * dim * sizeof(*work));
	}
	free(plain);
	free(work);
	return status;
}

double em_prototypes_doubt(const struct em_prototypes *p, double q)
{
	return (1 - p->doubt) * q + p->doubt / (double)p->count;
}

double em_prototypes_typical(const struct em_prototypes *p, size_t k, double d)
{
	const struct em_prototype *c = &p->classes[k];
	double n = (double)c->supports;

	if (!(p->spread_dof > 0) || isnan(c->spread))
		return NAN;
	if (!(d > 0))
		return 1;
	/* The mean of n ln d is itself uncertain by sd / sqrt(n): hence a prediction, not a plain tail. */
	return em_student_tail((log(d) - c->spread) / (p->spread_sd * sqrt(1 + 1 / n)), p->spread_dof);
}

void em_prototypes_decide(const struct em_prototypes *p, const double *distance, const double *probability,
                          struct em_decision *decision)
{
	size_t best = nearest(distance, p->count);
	double second = INFINITY;

	for (size_t k = 0; k < p->count; k++)
		if (k != best && distance[k] < second)
			second = distance[k];
	decision->best = best;
	decision->p = em_prototypes_doubt(p, probability[best]);
	decision->margin = second - distance[best];
	decision->typical = em_prototypes_typical(p, best, distance[best]);
}
