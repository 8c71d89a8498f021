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

static int set_edge(struct em_descriptors *d, size_t i, struct em_error *err)
{
	struct edge *g = &d->edge[i];
	const struct em_net_options how = {.background = {.method = EM_BACKGROUND_LINEAR, .gain = 1}};
	const struct em_energy *e = &d->energy;
	double apart = g->edge.last - g->edge.first, low = em_energy_at(e, 0),
	       high = em_energy_at(e, (double)e->channels - 1);

	g->net = em_net_plan_new(e, &g->edge.background, &g->edge.signal, &how, err);
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

bool em_descriptors_spreads(const struct em_descriptors *d, size_t i)
{
	return d->item[i].kind != SPLITTING;
}

int em_descriptors_find(const struct em_descriptors *d, const char *name)
{
	for (size_t i = 0; d && i < d->count; i++)
		if (!strcmp(d->item[i].name, name))
			return (int)i;
	return -1;
}

/* ---- measuring ---- */

/* A spectrum above its background, and the variance that counting gives it. */
struct net {
	double *counts, *variance;
};

static void subtract(const struct em_descriptors *d, const struct edge *g, const double *spectrum, const float *narrow,
                     float *curve, struct net *out)
{
	const struct em_background_plan *plan = em_net_plan_background(g->net);
	const struct em_energy_span from = em_background_window(plan);
	const struct em_energy_span span = {from.first, d->energy.channels - from.first};
	struct em_background b;

	em_background_fit(plan, narrow, &b);
	em_background_curve(plan, &b, &span, curve);
	for (size_t i = 0; i < d->energy.channels; i++) {
		out->counts[i] = i < span.first ? 0 : spectrum[i] - (double)curve[i - span.first];
		out->variance[i] = fmax(spectrum[i], 1);
	}
}

static double lines_of(const struct em_descriptors *d, const struct edge *g, enum kind kind, const struct net *net)
{
	struct em_fine_lines_windows w;
	struct em_fine_lines lines;
	struct em_fine_value ratio;

	if (kind == RATIO)
		return em_fine_lines_place(&d->energy, net->counts, net->variance, &g->settings, &w, NULL) ||
		               em_fine_lines_ratio(&d->energy, net->counts, net->variance, &w, g->settings.first_share,
		                                   &ratio, NULL)
		           ? NAN
		           : ratio.value;
	return em_fine_lines_fit(&d->energy, net->counts, net->variance, &g->settings, NULL, &lines, NULL)
	           ? NAN
	           : lines.splitting[0].value;
}

double em_descriptors_measure_one(const struct em_descriptors *d, size_t i, const double *spectrum)
{
	const struct edge *g = &d->edge[d->item[i].edge];
	size_t n = d->energy.channels;
	double *room = malloc(2 * n * sizeof(double) + 2 * n * sizeof(float)), value = NAN;
	float *narrow;

	if (!room)
		return NAN;
	narrow = (float *)(room + 2 * n);
	for (size_t k = 0; k < n; k++)
		narrow[k] = (float)spectrum[k];
	if (d->item[i].kind == NET) {
		struct em_net net;

		em_net_measure(g->net, narrow, &net);
		value = net.counts;
	} else {
		struct net net = {room, room + n};

		subtract(d, g, spectrum, narrow, narrow + n, &net);
		value = lines_of(d, g, d->item[i].kind, &net);
	}
	free(room);
	return value;
}

void em_descriptors_measure(const struct em_descriptors *d, const double *spectrum, double *value)
{
	for (size_t i = 0; i < d->count; i++)
		value[i] = em_descriptors_measure_one(d, i, spectrum);
}
