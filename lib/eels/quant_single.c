/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The edges without plural scattering, and those that stand on another's tail: of the sum and at each place. */
#include "eels/quant_parts.h"

#include "base/parallel.h"
#include "eels/deconvolve.h"
#include "eels/tail.h"

#include <math.h>
#include <stdlib.h>

/* What serves all spectra. */
struct single {
	struct em_quant *q;
	const struct em_quant_spectra *low;
	struct em_net_plan *plan[EM_EDGES_MAX]; /* of each edge; owned */
	struct em_tail *tail[EM_EDGES_MAX];     /* of the edge below it; owned, NULL: none */
	size_t below[EM_EDGES_MAX];             /* which that is */
	double left[EM_EDGES_MAX];              /* of the sum's counts, without plural scattering; NAN: not known */
	_Atomic int memory;
};

/* One spectrum. */
struct place {
	const float *spectrum;
	struct em_deconvolve *d;
	struct em_net net[EM_EDGES_MAX]; /* with plural scattering */
	float *edge, *variance;          /* [channels]: room */
};

struct value {
	double counts, error;
};

/* p->edge = the spectrum less the background of edge i, without plural scattering; zero before that's window. */
static int clear_edge(const struct single *s, const struct place *p, size_t i, struct em_error *err)
{
	const struct em_background_plan *b = em_net_plan_background(s->plan[i]);
	size_t n = s->q->core.energy.channels, first = em_background_window(b).first;
	double gain = p->net[i].background.gain;

	em_background_curve(b, &p->net[i].background, &(struct em_energy_span){first, n - first}, p->edge + first);
	for (size_t k = 0; k < n; k++) {
		p->edge[k] = k < first ? 0 : p->spectrum[k] - p->edge[k];
		p->variance[k] = k < first ? 0 : (float)gain * fmaxf(p->spectrum[k], 1);
	}
	if (em_deconvolve_run(p->d, p->edge, p->variance, err))
		return em_error_prefix(err, "%s: ", s->q->edge[i].edge.name);
	return 0;
}

static int measure_plain(const struct single *s, const struct place *p, size_t i, struct value *v, struct em_error *err)
{
	struct em_energy_span signal = em_net_plan_signal(s->plan[i]);
	double sum = 0, left;

	if (isnan(p->net[i].counts))
		return 0;
	if (clear_edge(s, p, i, err))
		return -1;
	for (size_t k = signal.first; k < signal.first + signal.count; k++)
		sum += (double)p->edge[k];
	/* the background is what is uncertain, and it is scaled with the edge; a place may have hardly any counts */
	left = isfinite(s->left[i]) ? s->left[i] : fabs(sum / p->net[i].counts);
	*v = (struct value){sum, p->net[i].error * left};
	return 0;
}

static int measure_above_tail(const struct single *s, const struct place *p, size_t i, struct value *v,
                              struct em_error *err)
{
	struct em_tail_net net;

	if (isnan(p->net[s->below[i]].counts))
		return 0;
	if (clear_edge(s, p, s->below[i], err))
		return -1;
	em_tail_measure(s->tail[i], p->edge, p->variance, &net);
	*v = (struct value){net.counts, net.error};
	return 0;
}

/* value[edges] of a spectrum whose p->net is known; NAN: no number. */
static int measure(const struct single *s, struct place *p, const float *low, struct value *value, struct em_error *err)
{
	const struct em_deconvolve_options o = {0};
	const struct em_energy *e = &s->q->core.energy;
	size_t n = s->q->opt->nedges;
	int status = 0;

	for (size_t i = 0; i < n; i++)
		value[i] = (struct value){NAN, NAN};
	p->edge = malloc(2 * e->channels * sizeof(float));
	if (!p->edge)
		return em_error_memory(err, 2 * e->channels * sizeof(float));
	p->variance = p->edge + e->channels;
	p->d = em_deconvolve_new(low, &s->low->energy, e, &o, err);
	if (!p->d)
		status = -1;
	for (size_t i = 0; i < n && !status; i++)
		status =
		    s->tail[i] ? measure_above_tail(s, p, i, &value[i], err) : measure_plain(s, p, i, &value[i], err);
	em_deconvolve_free(p->d);
	free(p->edge);
	return status;
}

/* ---- tails ---- */

/* The edge before e whose tail is its background: the next one below that has counts and a cross section; or nedges. */
static size_t edge_below(const struct em_quant *q, const struct em_quant_edge *e, struct em_sigma_edge *sigma)
{
	const struct em_quant_edge *best = NULL;

	for (size_t i = 0; i < q->opt->nedges; i++) {
		const struct em_quant_edge *o = &q->edge[i];

		if (o->edge.first < e->edge.first && (!best || o->edge.first > best->edge.first))
			best = o;
	}
	if (!best || isnan(best->sum.counts) || best->edge.z == e->edge.z ||
	    em_sigma_edge_set(sigma, (int)best->edge.z, em_shell_name(best->edge.shell), best->edge.first, NULL))
		return q->opt->nedges;
	return (size_t)(best - q->edge);
}

static int find_tails(struct single *s, const struct em_record *record, struct em_error *err)
{
	struct em_quant *q = s->q;
	struct em_sigma_beam beam;
	struct em_sigma_edge sigma;

	if (em_quant_find_beam(q, record, &beam, err))
		return -1;
	for (size_t i = 0; i < q->opt->nedges; i++) {
		struct em_quant_edge *e = &q->edge[i];

		s->below[i] = edge_below(q, e, &sigma);
		if (s->below[i] == q->opt->nedges)
			continue;
		e->below = &q->edge[s->below[i]];
		s->tail[i] = em_tail_new(&q->core.energy, &sigma, &beam, &e->edge.background, &e->edge.signal, err);
		if (!s->tail[i]) {
			em_quant_blame_data(err);
			return em_error_prefix(err, "%s over the tail of %s: ", e->edge.name, e->below->edge.name);
		}
	}
	return 0;
}

/* ---- the sum, the places ---- */

static int measure_sum(struct single *s, struct em_error *err)
{
	struct em_quant *q = s->q;
	struct value value[EM_EDGES_MAX];
	struct place p = {.spectrum = q->core.sum};

	for (size_t i = 0; i < q->opt->nedges; i++)
		p.net[i] = q->edge[i].sum;
	if (measure(s, &p, s->low->sum, value, err))
		return em_quant_blame_data(err);
	for (size_t i = 0; i < q->opt->nedges; i++) {
		q->edge[i].single = value[i].counts;
		q->edge[i].single_error = value[i].error;
		s->left[i] = fabs(value[i].counts / q->edge[i].sum.counts);
	}
	return 0;
}

static void measure_at(void *ctx, size_t at)
{
	struct single *s = ctx;
	struct em_quant *q = s->q;
	struct value value[EM_EDGES_MAX];
	struct em_error why = {0};
	struct place p = {.spectrum = q->core.counts + at * q->core.energy.channels};

	for (size_t i = 0; i < q->opt->nedges; i++)
		if (em_quant_measure_at(q, s->plan[i], at, &p.net[i])) {
			s->memory = 1;
			return;
		}
	/* a place without a low loss has no number */
	if (measure(s, &p, s->low->counts + at * s->low->energy.channels, value, &why) && why.kind == EM_ERROR_MEMORY)
		s->memory = 1;
	for (size_t i = 0; i < q->opt->nedges; i++) {
		q->edge[i].single_map[at] = (float)value[i].counts;
		q->edge[i].single_map_error[at] = (float)value[i].error;
	}
}

static int measure_maps(struct single *s, struct em_error *err)
{
	struct em_quant *q = s->q;
	size_t bytes = em_quant_count(q) * sizeof(float);

	for (size_t i = 0; i < q->opt->nedges; i++) {
		q->edge[i].single_map = malloc(bytes);
		q->edge[i].single_map_error = malloc(bytes);
		if (!q->edge[i].single_map || !q->edge[i].single_map_error)
			return em_error_memory(err, bytes);
	}
	em_parallel_for(q->opt->threads, em_quant_count(q), measure_at, s);
	return s->memory ? em_error_memory(err, q->core.energy.channels * sizeof(float)) : 0;
}

static int make_plans(struct single *s, struct em_error *err)
{
	for (size_t i = 0; i < s->q->opt->nedges; i++) {
		s->left[i] = NAN;
		s->plan[i] = em_quant_plan(s->q, &s->q->edge[i].edge, s->q->gain, err);
		if (!s->plan[i])
			return -1;
	}
	return 0;
}

int em_quant_measure_single(struct em_quant *q, const struct em_record *record, struct em_error *err)
{
	struct single s = {.q = q, .low = q->low.counts ? &q->low : &q->core};
	int status = make_plans(&s, err);

	if (!status && q->opt->tails)
		status = find_tails(&s, record, err);
	if (!status)
		status = measure_sum(&s, err);
	if (!status && em_quant_count(q) > 1)
		status = measure_maps(&s, err);
	for (size_t i = 0; i < q->opt->nedges; i++) {
		em_net_plan_free(s.plan[i]);
		em_tail_free(s.tail[i]);
	}
	return status;
}
