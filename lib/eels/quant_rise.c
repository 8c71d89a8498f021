/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does each edge begin where its windows do?  Told of the sum; where it does not, a warning. */
#include "eels/quant_parts.h"

#include "eels/rise.h"

#include <math.h>
#include <stdio.h>

#define EARLY 4    /* eV: oxides' O K begins at 528 to 531, in the table at 532 */
#define LATE 10    /* eV: B K of oxides, Si K */
#define PLAIN 25   /* standard errors of counts whose rise would have been seen */
#define SHARE 0.1  /* the same, of the background below them */
#define COUPLING 4 /* as in integrate.c */

/* A gain found in a misfit would hide the rise that made it. */
static double gain_of(const struct em_quant *q, const struct em_background *b)
{
	double gain = q->gain > 0 ? q->gain : fmin(b->gain, COUPLING * b->roughness);

	return isfinite(gain) ? gain : 1;
}

static bool is_placed(const struct em_quant *q, size_t i)
{
	const struct em_energy_window *w = &q->opt->edge[i].signal;

	return w->from == 0 && w->to == 0;
}

/* Windows that the user has placed need not begin at the onset; but the background must end before the rise. */
static bool suits(const struct em_quant *q, size_t i, double ev)
{
	const struct em_edge *e = &q->edge[i].edge;

	return ev > e->background.to && (!is_placed(q, i) || ev > e->first - EARLY) &&
	       ev < fmax(e->signal.from, e->first) + LATE;
}

static bool should_rise(const struct em_net *n)
{
	return n->counts > PLAIN * n->error && n->counts > SHARE * n->below;
}

static void find(struct em_quant *q, size_t i)
{
	struct em_quant_edge *e = &q->edge[i];
	const struct em_background *b = &e->sum.background;
	double r = isfinite(b->r) ? b->r : 3, ev;
	struct em_energy_window within;

	e->rise = NAN;
	if (!em_rise_window(&e->edge, q->opt->edge, q->opt->nedges, &q->core.energy, &within))
		return;
	if (em_rise_find(q->core.sum, &q->core.energy, &within, gain_of(q, b), r, &ev)) {
		e->rise = ev;
		e->misplaced = !suits(q, i, ev);
	} else {
		e->misplaced = should_rise(&e->sum);
	}
}

char *em_quant_explain_rise(const struct em_quant_edge *e, char *text, size_t size)
{
	const struct em_edge *edge = &e->edge;
	int n = snprintf(text, size, "%s: the spectrum ", edge->name);

	if (isnan(e->rise))
		n += snprintf(text + n, size - (size_t)n, "rises nowhere near %g eV", edge->first);
	else if (e->rise > edge->first - EARLY && e->rise <= edge->background.to)
		n += snprintf(text + n, size - (size_t)n, "rises at %.5g eV, where the background is still fitted",
		              e->rise);
	else
		n += snprintf(text + n, size - (size_t)n, "rises at %.5g eV, not at %g eV", e->rise, edge->first);
	snprintf(text + n, size - (size_t)n,
	         ": the windows (%g-%g, %g-%g eV) do not fit it; is the axis off (--energy), or do they have to move "
	         "(--fit, --signal)?",
	         edge->background.from, edge->background.to, edge->signal.from, edge->signal.to);
	return text;
}

void em_quant_find_rises(struct em_quant *q)
{
	char text[400];

	for (size_t i = 0; i < q->opt->nedges; i++) {
		find(q, i);
		if (q->edge[i].misplaced)
			em_quant_warn(q, "%s", em_quant_explain_rise(&q->edge[i], text, sizeof(text)));
	}
}
