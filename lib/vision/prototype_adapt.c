/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/prototype.h"
#include "vision/temperature.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the supports, transformed ---- */

/* *moved borrows all of the set but its vectors, which the caller frees. */
static int move_supports(struct em_support *moved, const struct em_support *set, const struct em_transform *t,
                         struct em_error *err)
{
	size_t dim = set->encoder.dim, bytes = set->count * dim * sizeof(float);
	double *work = malloc(2 * dim * sizeof(*work));

	*moved = *set;
	moved->vectors = malloc(bytes);
	if (!work || !moved->vectors) {
		free(work);
		free(moved->vectors);
		return em_error_memory(err, bytes);
	}
	for (size_t i = 0; i < set->count; i++)
		em_transform_apply(t, set->vectors + i * dim, moved->vectors + i * dim, work);
	free(work);
	return 0;
}

/* ---- a walk through the chips ---- */

struct walk {
	const struct em_prototypes *p;
	struct em_unlabelled *chips;
	float *raw, *plain;             /* [dim] the chip at hand, and in the space of the class vectors */
	double *work;                   /* [2][dim] */
	double *distance, *probability; /* [count] */
};

static void walk_release(struct walk *w)
{
	free(w->raw);
	free(w->plain);
	free(w->work);
	free(w->distance);
	free(w->probability);
}

static int walk_init(struct walk *w, const struct em_prototypes *p, struct em_unlabelled *chips, struct em_error *err)
{
	size_t dim = p->encoder.dim;

	*w = (struct walk){p, chips, malloc(dim * sizeof(float)), malloc(dim * sizeof(float)),
	                   malloc(2 * dim * sizeof(double)), malloc(p->count * sizeof(double)),
	                   malloc(p->count * sizeof(double))};
	if (w->raw && w->plain && w->work && w->distance && w->probability)
		return em_unlabelled_rewind(chips, err);
	return em_error_memory(err, dim * sizeof(double));
}

/* 1, 0 at the end, -1. */
static int walk_next(struct walk *w, struct em_error *err)
{
	size_t dim = w->p->encoder.dim;
	int status = em_unlabelled_next(w->chips, w->raw, err);

	if (status != 1)
		return status;
	if (w->p->transform.dim)
		em_transform_apply(&w->p->transform, w->raw, w->plain, w->work);
	else
		memcpy(w->plain, w->raw, dim * sizeof(float));
	return em_prototypes_measure_plain(w->p, w->plain, w->distance, w->probability, err) ? -1 : 1;
}

/* ---- calibration ---- */

#define NUMBERS 65536 /* exponents kept, of chips spread over all: bounds memory whatever the stream */

static int calibrate(struct em_prototypes *p, struct em_unlabelled *chips, struct em_error *err)
{
	size_t count = p->count, every = em_unlabelled_count(chips) * count / NUMBERS + 1, n = 0, i = 0;
	double *e = malloc((em_unlabelled_count(chips) / every + 1) * count * sizeof(*e)), t = 0;
	struct walk w;
	int status = walk_init(&w, p, chips, err) ? -1 : 1;

	if (!e)
		status = em_error_memory(err, NUMBERS * sizeof(*e));
	for (; status == 1 && (status = walk_next(&w, err)) == 1; i++)
		for (size_t k = 0; i % every == 0 && k < count; k++)
			e[n++] = p->distance == EM_DISTANCE_COSINE ? w.distance[k] : w.distance[k] * w.distance[k];
	if (!status)
		status = em_temperature_of_chips(e, n / count, count, &t, err);
	if (!status && t > 0)
		p->temperature = (double)(float)(p->calibrated ? fmax(p->temperature, t) : t);
	walk_release(&w);
	free(e);
	return status;
}

/* ---- refinement ---- */

/* sum[count][dim] of the chips, and their number, by their probabilities. */
static int share_out(const struct em_prototypes *p, struct em_unlabelled *chips, double *sum, double *number,
                     struct em_error *err)
{
	size_t dim = p->encoder.dim;
	struct walk w;
	int status = walk_init(&w, p, chips, err) ? -1 : 1;

	while (status == 1 && (status = walk_next(&w, err)) == 1) {
		double norm = 0, scale = 1;

		for (size_t j = 0; p->distance == EM_DISTANCE_COSINE && j < dim; j++)
			norm += (double)w.plain[j] * (double)w.plain[j];
		if (norm > 0)
			scale = 1 / sqrt(norm);
		for (size_t k = 0; k < p->count; k++) {
			number[k] += w.probability[k];
			for (size_t j = 0; j < dim; j++)
				sum[k * dim + j] += w.probability[k] * scale * (double)w.plain[j];
		}
	}
	walk_release(&w);
	return status;
}

/* One step from the means of the supports, first[count][dim]: the chips of a class together weigh no more than its
 * supports. */
static int refine(struct em_prototypes *p, struct em_unlabelled *chips, const float *first, double *sum, double *number,
                  struct em_error *err)
{
	size_t dim = p->encoder.dim;

	memset(sum, 0, p->count * dim * sizeof(*sum));
	memset(number, 0, p->count * sizeof(*number));
	if (share_out(p, chips, sum, number, err))
		return -1;
	for (size_t k = 0; k < p->count; k++) {
		double n = (double)p->classes[k].supports, weight = number[k] > n ? n / number[k] : 1;

		for (size_t j = 0; j < dim; j++)
			p->classes[k].vector[j] = (float)((n * (double)first[k * dim + j] + weight * sum[k * dim + j]) /
			                                  (n + weight * number[k]));
	}
	return em_prototypes_prepare(p, err);
}

static int refine_all(struct em_prototypes *p, const struct em_fit_options *o, struct em_error *err)
{
	size_t dim = p->encoder.dim, bytes = p->count * dim * sizeof(double);
	float *first = malloc(p->count * dim * sizeof(*first));
	double *sum = malloc(bytes), *number = malloc(p->count * sizeof(*number));
	int status = first && sum && number ? 0 : em_error_memory(err, bytes);

	for (size_t k = 0; !status && k < p->count; k++)
		memcpy(first + k * dim, p->classes[k].vector, dim * sizeof(*first));
	for (size_t i = 0; !status && i < o->refine; i++)
		status = refine(p, o->chips, first, sum, number, err);
	free(first);
	free(sum);
	free(number);
	return status;
}

/* ---- all together ---- */

static int adapt(struct em_prototypes *p, const struct em_fit_options *o, struct em_error *err)
{
	if (!o->chips || !em_unlabelled_count(o->chips))
		return 0;
	if (em_unlabelled_dim(o->chips) != p->encoder.dim)
		return em_error_set(err, EM_ERROR_DATA,
		                    "the chips' embeddings have %zu numbers, the support set's %zu: use one encoder",
		                    em_unlabelled_dim(o->chips), p->encoder.dim);
	return calibrate(p, o->chips, err) || refine_all(p, o, err) ? -1 : 0;
}

int em_prototypes_fit_with(struct em_prototypes *p, const struct em_support *set, const struct em_fit_options *o,
                           struct em_error *err)
{
	struct em_prototypes fresh = {0};
	struct em_transform t = {0};
	struct em_support moved;
	int status;

	if (em_support_check(set, err))
		return -1;
	if ((o->power > 0 || o->whiten >= 0) && em_transform_fit(&t, o->power, o->whiten, set, o->chips, err))
		return -1;
	status = t.dim ? move_supports(&moved, set, &t, err) : 0;
	if (!status) {
		status = em_prototypes_fit(&fresh, t.dim ? &moved : set, o->distance, err);
		if (t.dim)
			free(moved.vectors);
	}
	if (status) {
		em_transform_release(&t);
		return -1;
	}
	fresh.transform = t;
	if (adapt(&fresh, o, err)) {
		em_prototypes_release(&fresh);
		return -1;
	}
	*p = fresh;
	return 0;
}
