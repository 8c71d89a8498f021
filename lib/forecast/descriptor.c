/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/descriptor.h"

#include "eels/edges.h"
#include "eels/fine.h"
#include "eels/integrate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USUAL "Ti-L23,O-K"
#define ENDS 8 /* channels */

enum kind { NET, RATIO, SPLITTING };

struct edge {
	struct em_edge edge;
	struct em_net_plan *net;
	bool lines;
	struct em_fine_lines_settings settings;
};

struct em_descriptors {
	struct em_energy energy;
	struct edge *edge;
	size_t edges, count;
	struct {
		char name[24];
		enum kind kind;
		size_t edge;
	} item[EM_DESCRIPTORS];
};

/* ---- making ---- */

static bool has_lines(const struct em_edge *e)
{
	return e->shell == EM_SHELL_L23 || e->shell == EM_SHELL_M45;
}

static void add(struct em_descriptors *d, enum kind kind, size_t edge, bool several)
{
	const struct em_edge *e = &d->edge[edge].edge;
	const char *text = kind == NET                ? e->name
	                   : kind == SPLITTING        ? "t2g/eg"
	                   : e->shell == EM_SHELL_L23 ? "L3/L2"
	                                              : "M5/M4";

	if (d->count == EM_DESCRIPTORS)
		return;
	snprintf(d->item[d->count].name, sizeof(d->item[0].name), "%s%s%s", several && kind != NET ? e->element : "",
	         several && kind != NET ? "-" : "", text);
	d->item[d->count].kind = kind;
	d->item[d->count++].edge = edge;
}

/* Edges of the usual list that the axis has room for. */
static size_t usual_edges(const struct em_energy *e, struct em_edge *out)
{
	struct em_edge all[EM_EDGES_MAX];
	size_t count = 0, n = 0;

	if (em_edges_parse(USUAL, all, &count, NULL))
		return 0;
	for (size_t i = 0; i < count; i++) {
		struct em_edge one = all[i];

		if (!em_edges_place(&one, 1, e, NULL))
			out[n++] = all[i];
	}
	return n && !em_edges_place(out, n, e, NULL) ? n : 0;
}

/* Drift carries the spectra's ends out of sight: there a model of aligned spectra knows least, and a background's
 * window that begins with the axis has its longest arm there. */
static struct em_energy_window inside(const struct em_energy *e, const struct em_energy_window *w)
{
	double low = em_energy_at(e, ENDS), high = em_energy_at(e, (double)e->channels - ENDS);

	if (e->channels <= 8 * ENDS)
		return *w;
	return (struct em_energy_window){fmax(w->from, low), fmin(w->to, high)};
}

static int set_edge(struct em_descriptors *d, size_t i, struct em_error *err)
{
	struct edge *g = &d->edge[i];
	const struct em_net_options how = {.background = {.method = EM_BACKGROUND_LINEAR, .gain = 1}};
	const struct em_energy *e = &d->energy;
	double apart = g->edge.last - g->edge.first, low = em_energy_at(e, 0),
	       high = em_energy_at(e, (double)e->channels - 1);
	const struct em_energy_window background = inside(e, &g->edge.background), signal = inside(e, &g->edge.signal);

	g->net = em_net_plan_new(e, &background, &signal, &how, err);
	if (!g->net)
		return em_error_prefix(err, "%s: ", g->edge.name);
	g->lines = has_lines(&g->edge) && apart > 4 * e->scale;
	g->settings =
	    (struct em_fine_lines_settings){.search = {fmax(low, g->edge.first - 10), fmin(high, g->edge.last + 15)},
	                                    .apart = apart,
	                                    .split = true,
	                                    .first_share = g->edge.shell == EM_SHELL_M45 ? 0.6 : 0,
	                                    .shape = EM_FINE_VOIGT};
	return 0;
}

struct em_descriptors *em_descriptors_new(const struct em_energy *e, const char *edges, bool splitting,
                                          struct em_error *err)
{
	struct em_descriptors *d = calloc(1, sizeof(*d));
	struct em_edge edge[EM_EDGES_MAX];
	size_t lines = 0;
	int status = d ? 0 : em_error_memory(err, sizeof(*d));

	if (!status) {
		d->energy = *e;
		if (!edges)
			d->edges = usual_edges(e, edge);
		else if (strcmp(edges, "none") != 0)
			status = em_edges_parse(edges, edge, &d->edges, err) || em_edges_place(edge, d->edges, e, err);
	}
	if (!status && !(d->edge = calloc(d->edges + 1, sizeof(*d->edge))))
		status = em_error_memory(err, d->edges * sizeof(*d->edge));
	for (size_t i = 0; i < (status ? 0 : d->edges); i++)
		d->edge[i].edge = edge[i];
	for (size_t i = 0; !status && i < d->edges; i++) {
		status = set_edge(d, i, err);
		lines += d->edge[i].lines ? 1 : 0;
	}
	if (status) {
		em_descriptors_free(d);
		return NULL;
	}
	for (size_t i = 0; i < d->edges; i++) {
		if (d->edge[i].lines) {
			add(d, RATIO, i, lines > 1);
			if (splitting)
				add(d, SPLITTING, i, lines > 1);
		}
		add(d, NET, i, false);
	}
	return d;
}

void em_descriptors_free(struct em_descriptors *d)
{
	if (!d)
		return;
	for (size_t i = 0; d->edge && i < d->edges; i++)
		em_net_plan_free(d->edge[i].net);
	free(d->edge);
	free(d);
}

size_t em_descriptors_count(const struct em_descriptors *d)
{
	return d ? d->count : 0;
}

const char *em_descriptors_name(const struct em_descriptors *d, size_t i)
{
	return d->item[i].name;
}

int em_descriptors_find(const struct em_descriptors *d, const char *name)
{
	for (size_t i = 0; d && i < d->count; i++)
		if (!strcmp(d->item[i].name, name))
			return (int)i;
	return -1;
}

/* ---- measuring ---- */

/* A spectrum above an edge's background where its lines may be, 0 elsewhere; and the variance of its counts. */
struct above {
	struct em_energy_span span;
	double *counts, *variance;
	float *curve; /* [span.count]: the background */
};

/* With room for what follows the lines. */
static struct em_energy_span reach_of(const struct em_descriptors *d, const struct edge *g)
{
	size_t first = em_background_window(em_net_plan_background(g->net)).first;
	double end = em_energy_channel(&d->energy, g->settings.search.to + 3 * g->settings.apart);

	end = fmin(ceil(end), (double)d->energy.channels);
	return (struct em_energy_span){first, (size_t)end - first};
}

static void subtract(const struct em_descriptors *d, const struct edge *g, const double *spectrum,
                     const struct em_background *b, struct above *out)
{
	out->span = reach_of(d, g);
	em_background_curve(em_net_plan_background(g->net), b, &out->span, out->curve);
	for (size_t i = 0; i < d->energy.channels; i++) {
		out->counts[i] = 0;
		out->variance[i] = fmax(spectrum[i], 1);
	}
	for (size_t i = 0; i < out->span.count; i++)
		out->counts[out->span.first + i] = spectrum[out->span.first + i] - (double)out->curve[i];
}

/* The background lies under the lines and goes with its own channels. */
static void add_background(const struct edge *g, const struct em_background *b, double *slope)
{
	const struct em_background_plan *plan = em_net_plan_background(g->net);
	double by[2];

	em_background_leverage(plan, b, slope, by);
	em_background_slopes(plan, b, -by[0], -by[1], slope);
}

static double ratio_of(const struct em_descriptors *d, const struct edge *g, const struct em_background *b,
                       const struct above *above, double *slope)
{
	struct em_fine_lines_windows w;
	struct em_fine_value ratio;

	if (em_fine_lines_place(&d->energy, above->counts, above->variance, &g->settings, &w, NULL))
		return NAN;
	/* where a reaction smears the lines there is no valley between them, or one that jumps */
	w.first.to = w.second.from = (w.position[0] + w.position[1]) / 2;
	if (em_fine_lines_ratio(&d->energy, above->counts, above->variance, &w, g->settings.first_share, &ratio, NULL))
		return NAN;
	if (slope && !em_fine_lines_ratio_slopes(&d->energy, above->counts, above->variance, &w,
	                                         g->settings.first_share, slope, NULL))
		add_background(g, b, slope);
	return ratio.value;
}

static double splitting_of(const struct em_descriptors *d, const struct edge *g, const struct em_background *b,
                           const struct above *above, double *slope)
{
	struct em_fine_lines lines;

	if (em_fine_lines_fit(&d->energy, above->counts, above->variance, &g->settings, NULL, &lines, NULL) ||
	    (slope && em_fine_lines_splitting_slopes(&d->energy, above->counts, above->variance, &g->settings, &lines,
	                                             slope, NULL)))
		return NAN;
	if (slope)
		add_background(g, b, slope);
	return lines.splitting[0].value;
}

/* net: of the item's edge. */
static double measure_item(const struct em_descriptors *d, size_t i, const double *spectrum, const struct em_net *net,
                           struct above *above, double *slope)
{
	const struct edge *g = &d->edge[d->item[i].edge];

	if (d->item[i].kind == NET) {
		if (slope)
			em_net_slopes(g->net, net, slope);
		return net->counts;
	}
	if (net->background.state != EM_BACKGROUND_GOOD)
		return NAN;
	subtract(d, g, spectrum, &net->background, above);
	return (d->item[i].kind == RATIO ? ratio_of : splitting_of)(d, g, &net->background, above, slope);
}

void em_descriptors_measure(const struct em_descriptors *d, size_t first, size_t count, const double *spectrum,
                            double *value, double *slope)
{
	size_t n = d->energy.channels, edge = d->edges;
	double *room = malloc(2 * n * sizeof(double) + 2 * n * sizeof(float));
	float *narrow = (float *)(room + 2 * n);
	struct above above = {.counts = room, .variance = room + n, .curve = narrow + n};
	struct em_net net;

	if (slope)
		memset(slope, 0, count * n * sizeof(*slope));
	for (size_t k = 0; room && k < n; k++)
		narrow[k] = (float)spectrum[k];
	for (size_t i = 0; i < count; i++) {
		if (room && d->item[first + i].edge != edge) {
			edge = d->item[first + i].edge;
			em_net_measure(d->edge[edge].net, narrow, &net);
		}
		value[i] =
		    room ? measure_item(d, first + i, spectrum, &net, &above, slope ? slope + i * n : NULL) : NAN;
	}
	free(room);
}
