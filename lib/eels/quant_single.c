/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The edges of the sum without plural scattering, and those that stand on another's tail. */
#include "eels/quant_parts.h"

#include "eels/deconvolve.h"
#include "eels/tail.h"

#include <math.h>
#include <stdlib.h>

/* Room for what is left of the sum of all spectra. */
struct single {
	struct em_quant *q;
	struct em_deconvolve *d;
	struct em_sigma_beam beam;
	float *edge, *variance; /* [channels]; owned */
};

/* edge = the sum less the background of e, without plural scattering; zero before the background's window. */
static int clear_edge(struct single *s, const struct em_quant_edge *e, struct em_energy_span *signal,
                      struct em_error *err)
{
	struct em_net_plan *p = em_quant_plan(s->q, &e->edge, s->q->gain, err);
	size_t n = s->q->core.energy.channels, first;
	double gain = e->sum.background.gain;

	if (!p)
		return -1;
	first = em_background_window(em_net_plan_background(p)).first;
	*signal = em_net_plan_signal(p);
	em_background_curve(em_net_plan_background(p), &e->sum.background, &(struct em_energy_span){first, n - first},
	                    s->edge + first);
	for (size_t k = 0; k < n; k++) {
		s->edge[k] = k < first ? 0 : s->q->core.sum[k] - s->edge[k];
		s->variance[k] = k < first ? 0 : (float)gain * fmaxf(s->q->core.sum[k], 1);
	}
	em_net_plan_free(p);
	return em_deconvolve_run(s->d, s->edge, s->variance, err);
}

static int measure_single(struct single *s, struct em_quant_edge *e, struct em_error *err)
{
	struct em_energy_span signal;

	if (isnan(e->sum.counts))
		return 0;
	if (clear_edge(s, e, &signal, err))
		return em_error_prefix(err, "%s: ", e->edge.name);
	e->single = 0;
	for (size_t k = signal.first; k < signal.first + signal.count; k++)
		e->single += (double)s->edge[k];
	/* the background is what is uncertain, and it is scaled with the edge */
	e->single_error = fabs(e->sum.error * e->single / e->sum.counts);
	return 0;
}

/* The edge before e whose tail is its background: the next one below that has counts and a cross section; or NULL. */
static const struct em_quant_edge *edge_below(const struct em_quant *q, const struct em_quant_edge *e,
                                              struct em_sigma_edge *sigma)
{
	const struct em_quant_edge *best = NULL;

	for (size_t i = 0; i < q->opt->nedges; i++) {
		const struct em_quant_edge *o = &q->edge[i];

		if (o->edge.first < e->edge.first && (!best || o->edge.first > best->edge.first))
			best = o;
	}
	if (!best || isnan(best->sum.counts) || best->edge.z == e->edge.z ||
	    em_sigma_edge_set(sigma, (int)best->edge.z, em_shell_name(best->edge.shell), best->edge.first, NULL))
		return NULL;
	return best;
}

static int measure_above_tail(struct single *s, struct em_quant_edge *e, struct em_error *err)
{
	struct em_sigma_edge sigma;
	const struct em_quant_edge *below = edge_below(s->q, e, &sigma);
	struct em_energy_span signal;
	struct em_tail_net net;
	struct em_tail *t;

	if (!below)
		return 0;
	if (clear_edge(s, below, &signal, err))
		return em_error_prefix(err, "%s: ", below->edge.name);
	t = em_tail_new(&s->q->core.energy, &sigma, &s->beam, &e->edge.background, &e->edge.signal, err);
	if (!t) {
		em_quant_blame_data(err);
		return em_error_prefix(err, "%s over the tail of %s: ", e->edge.name, below->edge.name);
	}
	em_tail_measure(t, s->edge, s->variance, &net);
	em_tail_free(t);
	e->single = net.counts;
	e->single_error = net.error;
	e->below = below;
	return 0;
}

static int prepare(struct single *s, const struct em_record *record, struct em_error *err)
{
	struct em_quant *q = s->q;
	const struct em_quant_spectra *l = q->low.counts ? &q->low : &q->core;
	const struct em_deconvolve_options o = {0};
	size_t bytes = q->core.energy.channels * sizeof(float);

	s->edge = malloc(bytes);
	s->variance = malloc(bytes);
	if (s->edge && s->variance)
		s->d = em_deconvolve_new(l->sum, &l->energy, &q->core.energy, &o, err);
	else
		em_error_memory(err, bytes);
	if (!s->d)
		return em_quant_blame_data(err);
	return q->opt->tails ? em_quant_find_beam(q, record, &s->beam, err) : 0;
}

int em_quant_measure_single(struct em_quant *q, const struct em_record *record, struct em_error *err)
{
	struct single s = {.q = q};
	int status = prepare(&s, record, err);

	for (size_t i = 0; i < q->opt->nedges && !status; i++)
		status = measure_single(&s, &q->edge[i], err);
	for (size_t i = 0; i < q->opt->nedges && !status && q->opt->tails; i++)
		status = measure_above_tail(&s, &q->edge[i], err);
	em_deconvolve_free(s.d);
	free(s.edge);
	free(s.variance);
	return status;
}
