/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/rise.h"

#include <math.h>

#define SIGMA 1.2      /* eV, or channels */
#define PLAIN 5        /* standard errors */
#define LOWEST 100     /* eV: below lie plasmons */
#define BEHIND_LINES 8 /* eV behind another edge's last onset its lines have risen */
#define BEFORE_LINES 4

static bool is_sharp(const struct em_edge *e)
{
	switch (e->shell) {
	case EM_SHELL_K: return e->first >= LOWEST;
	case EM_SHELL_L2:
	case EM_SHELL_L3:
	case EM_SHELL_L23: return e->z >= 19 && e->z <= 29;
	case EM_SHELL_M4:
	case EM_SHELL_M5:
	case EM_SHELL_M45: return e->z >= 55 && e->z <= 70;
	default: return false;
	}
}

bool em_rise_window(const struct em_edge *edge, const struct em_edge *all, size_t count, const struct em_energy *e,
                    struct em_energy_window *within)
{
	double from = fmax(edge->first - EM_RISE_FAR, em_energy_at(e, 0));
	double to = fmin(edge->first + EM_RISE_FAR, em_energy_at(e, (double)e->channels));

	for (size_t i = 0; i < count; i++) {
		if (all[i].first < edge->first)
			from = fmax(from, all[i].last + BEHIND_LINES);
		else if (all[i].first > edge->first)
			to = fmin(to, all[i].first - BEFORE_LINES);
	}
	*within = (struct em_energy_window){from, to};
	return is_sharp(edge) && from < edge->first && to > edge->first;
}

/* ---- steepness ---- */

struct slope {
	const float *y;
	const struct em_energy *e;
	double sigma; /* channels */
	double gain, r;
};

struct steep {
	double value, error;
};

/* NAN where a channel is no number or there are no counts. */
static struct steep steep_at(const struct slope *s, long at)
{
	const long reach = (long)ceil(3 * s->sigma), last = (long)s->e->channels - 1;
	const long first = at > reach ? at - reach : 0, end = at + reach < last ? at + reach : last;
	double norm = 0, middle = 0, spread = 0, level = 0, slope = 0, variance = 0, ev;

	for (long k = first; k <= end; k++) {
		double g = exp(-0.5 * pow((double)(k - at) / s->sigma, 2));
		norm += g;
		middle += g * (double)k;
		level += g * (double)s->y[k];
	}
	middle /= norm;
	level /= norm;
	for (long k = first; k <= end; k++)
		spread += exp(-0.5 * pow((double)(k - at) / s->sigma, 2)) * pow((double)k - middle, 2);
	for (long k = first; k <= end; k++) {
		double w = exp(-0.5 * pow((double)(k - at) / s->sigma, 2)) * ((double)k - middle) / spread;
		slope += w * (double)s->y[k];
		variance += w * w * s->gain * fmax((double)s->y[k], 1);
	}
	if (!(level > 0))
		return (struct steep){NAN, NAN};
	ev = em_energy_at(s->e, (double)at) / (level * s->e->scale);
	return (struct steep){slope * ev + s->r, sqrt(variance) * ev};
}

static bool is_plain(const struct steep *s)
{
	return s->value > EM_RISE_LEAST && s->value > PLAIN * s->error;
}

/* The first maximum of at least so much; or, with 0, the greatest of all. */
static bool look(const struct slope *s, const struct em_energy_span *span, double least, double *greatest, long *where)
{
	const size_t step = (size_t)fmax(1, s->sigma / 4); /* however fine the axis, no more work */
	struct steep before = {NAN, NAN}, here = steep_at(s, (long)span->first), next;

	*greatest = 0;
	for (size_t k = step; k < span->count; k += step) {
		next = steep_at(s, (long)(span->first + k));
		if (here.value > before.value && here.value >= next.value && is_plain(&here) &&
		    here.value > *greatest) {
			*greatest = here.value;
			*where = (long)(span->first + k - step);
			if (least > 0 && here.value >= least)
				return true;
		}
		before = here;
		here = next;
	}
	return *greatest > 0;
}

bool em_rise_find(const float *spectrum, const struct em_energy *e, const struct em_energy_window *within, double gain,
                  double r, double *ev)
{
	const struct slope s = {spectrum, e, SIGMA * fmax(1, 1 / e->scale), gain, r};
	struct em_energy_span span;
	double greatest;
	long where = 0;

	if (!(within->from > 0) || em_energy_span(e, within, &span, NULL) || !look(&s, &span, 0, &greatest, &where))
		return false;
	look(&s, &span, greatest / 2, &greatest, &where);
	*ev = em_energy_at(e, (double)where);
	return true;
}
