/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where an edge's windows lie by default, and what is wrong with them. */
#include "eels/edges.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SIGNAL 50 /* eV */
#define FAR 4     /* times the background's width */

static bool is_zeroed(const struct em_energy_window *w)
{
	return w->from == 0 && w->to == 0;
}

/* Parts of one shell of one element share a background: that before the first of them. */
static bool same_shell(const struct em_edge *a, const struct em_edge *b)
{
	return a->z == b->z && a->first == b->first;
}

static double gap(double onset)
{
	return fmin(fmax(0.01 * onset, 2), 8);
}

/* ---- placing ---- */

static int place_background(struct em_edge *edge, const struct em_edge *all, size_t count, double begin,
                            struct em_error *err)
{
	double to = edge->first - gap(edge->first), from = to - fmin(fmax(0.11 * edge->first, 20), 100), most;

	most = to - EM_EDGE_NARROWEST;
	for (size_t i = 0; i < count; i++)
		if (!same_shell(&all[i], edge) && all[i].first < edge->first)
			from = fmax(from, fmin(all[i].last + EM_EDGE_TAIL, most));
	from = fmax(from, begin);
	if (!(from <= most))
		return em_error_set(err, EM_ERROR_DATA,
		                    "no room for the background of %s: its onset is at %g eV, the spectrum begins at "
		                    "%.6g eV; give a window for it or leave the edge out",
		                    edge->name, edge->onset, begin);
	edge->background = (struct em_energy_window){from, to};
	return 0;
}

static int place_signal(struct em_edge *edge, const struct em_edge *all, size_t count, double end, struct em_error *err)
{
	double from = edge->onset, to = from + fmin(SIGNAL, from / 3), least = from + EM_EDGE_NARROWEST / 2.0;

	for (size_t i = 0; i < count; i++)
		if (!same_shell(&all[i], edge) && all[i].first > from)
			to = fmin(to, fmax(all[i].first - gap(all[i].first), least));
	if ((edge->shell == EM_SHELL_L3 || edge->shell == EM_SHELL_M3 || edge->shell == EM_SHELL_M5) &&
	    edge->last > from)
		to = fmin(to, edge->last);
	to = fmin(to, end);
	if (!(to > from) || (to == end && to < least))
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "no room for the signal of %s: its onset is at %g eV, the spectrum ends at %.6g eV; "
		    "give a window for it or leave the edge out",
		    edge->name, edge->onset, end);
	edge->signal = (struct em_energy_window){from, to};
	return 0;
}

int em_edges_place(struct em_edge *edge, size_t count, const struct em_energy *e, struct em_error *err)
{
	double begin = em_energy_at(e, 0), end = em_energy_at(e, (double)e->channels);
	struct em_edge placed[EM_EDGES_MAX];

	if (count > EM_EDGES_MAX)
		return em_error_set(err, EM_ERROR_USAGE, "more than %d edges", EM_EDGES_MAX);
	memcpy(placed, edge, count * sizeof(*edge));
	for (size_t i = 0; i < count; i++) {
		if (is_zeroed(&placed[i].background) &&
		    place_background(&placed[i], edge, count, fmax(begin, e->scale), err))
			return -1;
		if (is_zeroed(&placed[i].signal) && place_signal(&placed[i], edge, count, end, err))
			return -1;
	}
	memcpy(edge, placed, count * sizeof(*edge));
	return 0;
}

/* ---- checking ---- */

struct report {
	void (*warn)(void *ctx, const char *text);
	void *ctx;
};

EM_PRINTF(2, 3) static void tell(const struct report *r, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	r->warn(r->ctx, text);
}

static bool holds(const struct em_energy_window *w, double ev)
{
	return ev > w->from && ev < w->to;
}

static bool overlap(const struct em_energy_window *a, const struct em_energy_window *b)
{
	return a->from < b->to && b->from < a->to;
}

static void check_alone(const struct em_edge *a, const struct report *r)
{
	const struct em_energy_window *b = &a->background, *s = &a->signal;

	if (overlap(b, s))
		tell(r, "%s: the background %g-%g eV and the signal %g-%g eV overlap", a->name, b->from, b->to, s->from,
		     s->to);
	else if (holds(b, a->first))
		tell(r, "%s: the background %g-%g eV holds the edge itself, at %g eV", a->name, b->from, b->to,
		     a->first);
	else if (s->to - b->to > FAR * (b->to - b->from))
		tell(r, "%s: the background is fitted over %g eV and extrapolated over %g", a->name, b->to - b->from,
		     s->to - b->to);
}

static void check_pair(const struct em_edge *a, const struct em_edge *other, const struct report *r)
{
	const struct em_energy_window *b = &a->background, *s = &a->signal;

	if (holds(s, other->onset))
		tell(r, "%s: the signal %g-%g eV holds the edge %s at %g eV", a->name, s->from, s->to, other->name,
		     other->onset);
	else if (overlap(s, &other->signal) && s->from <= other->signal.from)
		tell(r, "%s: the signal %g-%g eV overlaps that of %s from %g eV", a->name, s->from, s->to, other->name,
		     other->signal.from);
	if (holds(b, other->onset))
		tell(r, "%s: the background %g-%g eV holds the edge %s at %g eV", a->name, b->from, b->to, other->name,
		     other->onset);
	else if (b->from >= other->onset && b->from < other->last + EM_EDGE_TAIL)
		tell(r, "%s: the background %g-%g eV begins on the tail of %s at %g eV", a->name, b->from, b->to,
		     other->name, other->onset);
}

void em_edges_check(const struct em_edge *edge, size_t count, void (*warn)(void *ctx, const char *text), void *ctx)
{
	const struct report r = {warn, ctx};

	for (size_t i = 0; i < count; i++) {
		check_alone(&edge[i], &r);
		for (size_t k = 0; k < count; k++)
			if (k != i && !same_shell(&edge[i], &edge[k]))
				check_pair(&edge[i], &edge[k], &r);
	}
}
