/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/tail.h"

#include <math.h>
#include <stdlib.h>

struct em_tail {
	struct em_energy_span between, signal;
	double sigma_between, sigma_signal; /* barn, of the first edge */
};

/* The cross section in the channels of a window, and these. */
static int take(const struct em_energy *e, const struct em_sigma_edge *first, const struct em_sigma_beam *beam,
                const struct em_energy_window *window, struct em_energy_span *span, double *sigma, struct em_error *err)
{
	struct em_energy_window edges;

	if (em_energy_span(e, window, span, err))
		return -1;
	edges.from = em_energy_at(e, (double)span->first - 0.5);
	edges.to = em_energy_at(e, (double)(span->first + span->count) - 0.5);
	if (edges.from < first->onset)
		return em_error_set(err, EM_ERROR_USAGE, "no tail at %.9g eV: the edge begins at %.9g eV", window->from,
		                    first->onset);
	return em_sigma_partial(first, beam, &edges, sigma, err);
}

struct em_tail *em_tail_new(const struct em_energy *e, const struct em_sigma_edge *first,
                            const struct em_sigma_beam *beam, const struct em_energy_window *between,
                            const struct em_energy_window *signal, struct em_error *err)
{
	struct em_tail t, *made;

	if (take(e, first, beam, between, &t.between, &t.sigma_between, err) ||
	    take(e, first, beam, signal, &t.signal, &t.sigma_signal, err))
		return NULL;
	if (t.signal.first < t.between.first + t.between.count) {
		em_error_set(err, EM_ERROR_USAGE,
		             "the signal from %.9g eV begins before the tail's window ends, at %.9g eV", signal->from,
		             between->to);
		return NULL;
	}
	made = malloc(sizeof(*made));
	if (made)
		*made = t;
	else
		em_error_memory(err, sizeof(*made));
	return made;
}

void em_tail_free(struct em_tail *t)
{
	free(t);
}

static double sum(const float *v, const struct em_energy_span *s)
{
	double all = 0;

	for (size_t i = 0; i < s->count; i++)
		all += v[s->first + i];
	return all;
}

void em_tail_measure(const struct em_tail *t, const float *spectrum, const float *variance, struct em_tail_net *net)
{
	double share = t->sigma_signal / t->sigma_between, before = sum(spectrum, &t->between);

	net->below = share * before;
	net->counts = sum(spectrum, &t->signal) - net->below;
	net->error = sqrt(sum(variance, &t->signal) + share * share * sum(variance, &t->between));
	net->atoms = before / t->sigma_between;
}
