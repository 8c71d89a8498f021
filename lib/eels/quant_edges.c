/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Net counts of the edges, at each place and of the sum; composition from them. */
#include "eels/quant_parts.h"

#include "base/parallel.h"
#include "io/meta.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAP_LEAST 5 /* standard errors below zero */

int em_quant_blame_data(struct em_error *err)
{
	if (err && err->kind == EM_ERROR_USAGE)
		err->kind = EM_ERROR_DATA;
	return -1;
}

static void warn_line(void *ctx, const char *text)
{
	em_quant_warn(ctx, "%s", text);
}

static int place(struct em_quant *q, struct em_error *err)
{
	struct em_edge edge[EM_EDGES_MAX];

	memcpy(edge, q->opt->edge, q->opt->nedges * sizeof(*edge));
	if (em_edges_place(edge, q->opt->nedges, &q->core.energy, err))
		return em_quant_blame_data(err);
	em_edges_check(edge, q->opt->nedges, warn_line, q);
	for (size_t i = 0; i < q->opt->nedges; i++)
		q->edge[i].edge = edge[i];
	return 0;
}

struct em_net_plan *em_quant_plan(const struct em_quant *q, const struct em_edge *edge, double gain,
                                  struct em_error *err)
{
	/* a map of thousands of places without the element must not have holes */
	const struct em_net_options o = {.background = {.method = q->opt->method, .gain = gain},
	                                 .least = em_quant_count(q) > 1 ? MAP_LEAST : 0};
	struct em_net_plan *p = em_net_plan_new(&q->core.energy, &edge->background, &edge->signal, &o, err);

	if (!p) {
		em_error_prefix(err, "%s: ", edge->name);
		em_quant_blame_data(err);
	}
	return p;
}

/* ---- at each place ---- */

struct places {
	const struct em_quant *q;
	const struct em_net_plan *plan;
	float *counts, *error, *chi2; /* [places]; each may be NULL */
	_Atomic int memory;           /* ran out */
};

int em_quant_measure_at(const struct em_quant *q, const struct em_net_plan *plan, size_t place, struct em_net *net)
{
	const float *spectrum = q->core.counts + place * q->core.energy.channels;
	const struct em_background_image image = {q->core.counts, q->rows, q->cols, q->core.energy.channels};
	struct em_background b;

	if (!q->opt->kernel) {
		em_net_measure(plan, spectrum, net);
		return 0;
	}
	if (em_background_fit_local(em_net_plan_background(plan), &image, q->opt->kernel, place / q->cols,
	                            place % q->cols, &b, NULL))
		return -1;
	em_net_measure_above(plan, spectrum, &b, net);
	return 0;
}

static void measure_at(void *ctx, size_t i)
{
	struct places *w = ctx;
	struct em_net net;

	if (em_quant_measure_at(w->q, w->plan, i, &net)) {
		w->memory = 1;
		return;
	}
	if (w->counts)
		w->counts[i] = (float)net.counts;
	if (w->error)
		w->error[i] = (float)net.error;
	if (w->chi2)
		w->chi2[i] = (float)net.background.chi2;
}

static int measure_places(const struct em_quant *q, const struct em_net_plan *plan, float *counts, float *error,
                          float *chi2, struct em_error *err)
{
	struct places w = {q, plan, counts, error, chi2, 0};

	em_parallel_for(q->opt->threads, em_quant_count(q), measure_at, &w);
	return w.memory ? em_error_memory(err, q->core.energy.channels * sizeof(float)) : 0;
}

/* The median of the finite ones, or NAN. */
static double median(float *v, size_t n)
{
	const struct em_array a = {.dtype = EM_F32, .ndim = 1, .shape = {n}, .data = v};
	double middle, same;

	return em_array_percentiles(&a, 50, 50, &middle, &same, NULL) ? NAN : middle;
}

/*
 * The gain of many spectra, from how much their fit windows scatter: the least of the edges' medians, as a window that
 * is no power law has more.  A fit of few channels has a chi2 of its own whose median lies below 1: (1 - 2 / 9 f)^3
 * with f degrees of freedom (Wilson & Hilferty, Proc. Natl. Acad. Sci. 17 (1931) 684).
 */
static int find_gain(struct em_quant *q, struct em_error *err)
{
	size_t n = em_quant_count(q);
	float *chi2 = malloc(n * sizeof(float));
	double best = NAN;
	int status = chi2 ? 0 : em_error_memory(err, n * sizeof(float));

	for (size_t i = 0; i < q->opt->nedges && !status; i++) {
		struct em_net_plan *p = em_quant_plan(q, &q->edge[i].edge, 1, err);
		double f, m;

		status = p ? measure_places(q, p, NULL, NULL, chi2, err) : -1;
		if (!status) {
			f = (double)em_background_window(em_net_plan_background(p)).count - 2;
			m = median(chi2, n) / pow(1 - 2 / (9 * f), 3);
			best = isnan(best) || m < best ? m : best;
		}
		em_net_plan_free(p);
	}
	free(chi2);
	q->gain = best > 0 ? best : 0;
	return status;
}

static void tell_lost(struct em_quant *q, const struct em_quant_edge *e)
{
	size_t lost = 0, n = em_quant_count(q);

	for (size_t i = 0; i < n; i++)
		lost += isnan(e->counts[i]) ? 1 : 0;
	if (lost)
		em_quant_warn(q, "%s: %zu of %zu spectra give no number (no fit, or no power law before the edge)",
		              e->edge.name, lost, n);
}

static int measure_map(struct em_quant *q, struct em_quant_edge *e, struct em_error *err)
{
	size_t n = em_quant_count(q);
	struct em_net_plan *p = em_quant_plan(q, &e->edge, q->gain, err);
	int status = -1;

	if (!p)
		return -1;
	e->counts = malloc(n * sizeof(float));
	e->error = malloc(n * sizeof(float));
	if (e->counts && e->error)
		status = measure_places(q, p, e->counts, e->error, NULL, err);
	else
		em_error_memory(err, n * sizeof(float));
	em_net_plan_free(p);
	if (!status)
		tell_lost(q, e);
	return status;
}

/* ---- of the sum ---- */

static int measure_sum(struct em_quant *q, struct em_quant_edge *e, struct em_error *err)
{
	struct em_net_plan *p = em_quant_plan(q, &e->edge, q->gain, err);
	char text[400];

	if (!p)
		return -1;
	em_net_measure(p, q->core.sum, &e->sum);
	e->amplitude = em_background_amplitude(em_net_plan_background(p), &e->sum.background);
	if (e->sum.flags)
		em_quant_warn(q, "%s", em_net_explain(&e->sum, e->edge.name, text, sizeof(text)));
	em_net_plan_free(p);
	return 0;
}

int em_quant_measure_edges(struct em_quant *q, struct em_error *err)
{
	bool many = em_quant_count(q) > 1;

	if (!q->opt->nedges)
		return 0;
	if (place(q, err))
		return -1;
	for (size_t i = 0; i < q->opt->nedges; i++)
		q->edge[i].single = q->edge[i].single_error = NAN;
	q->gain = q->opt->gain;
	if (many && !(q->gain > 0) && find_gain(q, err))
		return -1;
	for (size_t i = 0; many && i < q->opt->nedges; i++)
		if (measure_map(q, &q->edge[i], err))
			return -1;
	for (size_t i = 0; i < q->opt->nedges; i++)
		if (measure_sum(q, &q->edge[i], err))
			return -1;
	em_quant_find_rises(q);
	return 0;
}

/* ---- composition ---- */

int em_quant_find_beam(const struct em_quant *q, const struct em_record *record, struct em_sigma_beam *beam,
                       struct em_error *err)
{
	struct em_meta m;

	em_meta_get(&m, record);
	*beam = q->opt->beam.kv > 0
	            ? q->opt->beam
	            : (struct em_sigma_beam){m.beam_kev, isnan(m.convergence_mrad) ? 0 : m.convergence_mrad,
	                                     m.collection_mrad};
	if (!(beam->kv > 0) || !(beam->collection > 0))
		return em_error_set(err, EM_ERROR_DATA,
		                    "cross sections need the beam's energy and the collection angle, and "
		                    "the record has not both: give --beam KV,CONVERGENCE,COLLECTION (mrad)");
	return 0;
}

/* What turns counts into atoms. */
static int find_sigma(const struct em_quant *q, size_t i, const struct em_sigma_beam *beam,
                      struct em_composition_part *part, struct em_error *err)
{
	const struct em_edge *e = &q->edge[i].edge;
	struct em_sigma_edge s;

	if (q->opt->k && !isnan(q->opt->k[i])) {
		part->sigma = 1 / q->opt->k[i];
		part->sigma_error = 0;
		return 0;
	}
	if (em_sigma_edge_set(&s, (int)e->z, em_shell_name(e->shell), e->first, err) ||
	    em_sigma_partial(&s, beam, &e->signal, &part->sigma, err)) {
		em_error_prefix(err, "%s: ", e->name);
		return em_quant_blame_data(err);
	}
	part->sigma_error = em_sigma_uncertainty(&s);
	return 0;
}

/* The first edge of each element. */
static size_t choose_edges(const struct em_quant *q, size_t *chosen)
{
	size_t n = 0;

	for (size_t i = 0; i < q->opt->nedges; i++) {
		size_t k = 0;

		while (k < n && q->edge[chosen[k]].edge.z != q->edge[i].edge.z)
			k++;
		if (k == n)
			chosen[n++] = i;
	}
	return n;
}

/* Of the sum; without plural scattering where that was taken out. */
static void set_sum(const struct em_quant_edge *e, struct em_composition_part *part)
{
	part->counts = isnan(e->single) ? e->sum.counts : e->single;
	part->counts_error = isnan(e->single) ? e->sum.error : e->single_error;
}

static void set_place(const struct em_quant_edge *e, size_t at, struct em_composition_part *part)
{
	part->counts = (double)(e->single_map ? e->single_map : e->counts)[at];
	part->counts_error = (double)(e->single_map ? e->single_map_error : e->error)[at];
}

static int map_fractions(struct em_quant *q, const size_t *chosen, struct em_composition_part *part,
                         struct em_error *err)
{
	struct em_composition_value fraction[EM_EDGES_MAX];
	size_t n = em_quant_count(q);

	for (size_t k = 0; k < q->nelements; k++) {
		q->element[k].map = malloc(n * sizeof(float));
		if (!q->element[k].map)
			return em_error_memory(err, n * sizeof(float));
	}
	for (size_t i = 0; i < n; i++) {
		bool none;

		for (size_t k = 0; k < q->nelements; k++)
			set_place(&q->edge[chosen[k]], i, &part[k]);
		none = em_composition_fractions(part, q->nelements, fraction, NULL) != 0;
		for (size_t k = 0; k < q->nelements; k++)
			q->element[k].map[i] = none ? NAN : (float)fraction[k].value;
	}
	return 0;
}

/* Without a number for one element there is none for any: the sum of all is not known. */
static void sum_fractions(struct em_quant *q, const size_t *chosen, struct em_composition_part *part)
{
	const struct em_composition_value none = {NAN, NAN, NAN};
	struct em_composition_value fraction[EM_EDGES_MAX];
	struct em_error why = {0};
	bool known;

	for (size_t k = 0; k < q->nelements; k++)
		set_sum(&q->edge[chosen[k]], &part[k]);
	known = !em_composition_fractions(part, q->nelements, fraction, &why);
	if (!known)
		em_quant_warn(q, "%s", why.text);
	for (size_t k = 0; k < q->nelements; k++) {
		struct em_quant_element *e = &q->element[k];

		e->fraction = known ? fraction[k] : none;
		e->ratio = none;
		if (known && k > 0 && em_composition_ratio(&part[k], &part[0], &e->ratio, NULL))
			e->ratio = none;
	}
}

int em_quant_compose(struct em_quant *q, const struct em_record *record, struct em_error *err)
{
	struct em_composition_part part[EM_EDGES_MAX] = {{0}};
	struct em_sigma_beam beam = {0};
	size_t chosen[EM_EDGES_MAX];
	size_t factors = 0;

	q->nelements = choose_edges(q, chosen);
	for (size_t k = 0; k < q->nelements; k++)
		factors += q->opt->k && !isnan(q->opt->k[chosen[k]]);
	if (factors < q->nelements && em_quant_find_beam(q, record, &beam, err))
		return -1;
	if (factors && factors < q->nelements)
		em_quant_warn(
		    q,
		    "%zu of %zu elements have a factor, the others cross sections: they go together only where "
		    "factors are 1 / barn",
		    factors, q->nelements);
	for (size_t k = 0; k < q->nelements; k++) {
		snprintf(q->element[k].name, sizeof(q->element[k].name), "%s", q->edge[chosen[k]].edge.element);
		if (find_sigma(q, chosen[k], &beam, &part[k], err))
			return -1;
	}
	sum_fractions(q, chosen, part);
	return em_quant_count(q) > 1 ? map_fractions(q, chosen, part, err) : 0;
}

/* k-factors from a standard: of each edge to the first one, for the counts that a composition is made of. */
int em_quant_factors(struct em_quant *q, const double *atoms, struct em_error *err)
{
	struct em_composition_part b = {.sigma = 1};
	struct em_text *t = &q->more;

	set_sum(&q->edge[0], &b);
	em_json_put_name(t, "factors");
	em_text_append(t, "{");
	for (size_t i = 0; i < q->opt->nedges; i++) {
		struct em_composition_part a = {.sigma = 1};
		struct em_composition_value k = {1, 0, 0};

		set_sum(&q->edge[i], &a);
		if (i && em_composition_k_factor(&a, &b, atoms[i] / atoms[0], 0, &k, err))
			return em_error_prefix(err, "--standard, %s: ", q->edge[i].edge.name);
		em_json_put_name(t, q->edge[i].edge.name);
		em_text_append(t, "{");
		em_quant_put_with_error(t, "k", k.value, k.error);
		em_text_append(t, "}");
	}
	em_text_append(t, "}");
	return 0;
}
