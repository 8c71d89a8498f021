/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fine structure of the edges, at each place and of the sum.  What is measured of an edge is a list of named numbers,
 * the same for all spectra of a sample: the record has those of the sum, and each is a map.
 */
#include "eels/quant_parts.h"

#include "base/parallel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum number { RATIO, RATIO_FIT, SPLITTING_1, SPLITTING_2, ONSET, STEEPEST, SHIFT, NUMBERS };

enum kind { K_EDGE, L_EDGE, M_EDGE, KINDS };

/* NULL: not of this kind. */
static const char *const names[KINDS][NUMBERS] = {
    [K_EDGE] = {"prepeak", "prepeak_fit", NULL, NULL, "onset_ev", "steepest_ev", "shift_ev"},
    [L_EDGE] = {"l3_l2", "l3_l2_fit", "splitting_l3_ev", "splitting_l2_ev", "onset_ev", "steepest_ev", "shift_ev"},
    [M_EDGE] = {"m5_m4", "m5_m4_fit", NULL, NULL, "onset_ev", "steepest_ev", "shift_ev"},
};

/* Where to look, eV from the first onset, and around the rise that was found there. */
static const struct em_energy_window rise = {-10, 8}, pre = {-1.5, 4}, main_peak = {4, 10}, second = {10.5, 19};
#define FARTHEST 3.0 /* eV: shifts that are looked for */

struct fine {
	struct em_quant *q;
	const struct em_quant_edge *edge;
	enum kind kind;
	struct em_net_plan *plan;
	const float *sum;  /* [channels] */
	double total;      /* of it */
	double *reference; /* [channels], net: what shifts are measured against */
	struct em_fine_lines_settings lines;
	struct em_fine_lines start; /* of the sum */
	bool started, fitted;
	double rise_at; /* eV, of the sum; NAN: none */
	float **map;    /* [NUMBERS][places] */
	_Atomic int memory;
};

/* ---- one spectrum ---- */

/*
 * net = spectrum - background, and its variance: that of the counts as the sum of all lets expect them, and that of the
 * background.  False without a background.
 */
static bool take_net(const struct fine *f, const float *spectrum, double *net, double *variance)
{
	const struct em_background_plan *p = em_net_plan_background(f->plan);
	size_t n = f->q->core.energy.channels, first = em_background_window(p).first;
	double gain, total = 0, below, error;
	struct em_background b;

	em_background_fit(p, spectrum, &b);
	if (b.state != EM_BACKGROUND_GOOD)
		return false;
	gain = f->q->gain > 0 ? f->q->gain : b.gain;
	for (size_t k = 0; k < n; k++)
		total += (double)spectrum[k];
	for (size_t k = 0; k < n; k++) {
		const struct em_energy_span one = {k, 1};

		below = error = 0;
		if (k >= first)
			em_background_sum(p, &b, &one, &below, &error);
		net[k] = k >= first ? (double)spectrum[k] - below : 0;
		variance[k] = gain * fmax((double)f->sum[k] * total / f->total, 1) + error * error;
	}
	return true;
}

static void set(double *value, double *error, enum number i, const struct em_fine_value *v)
{
	value[i] = v->value;
	error[i] = v->error;
}

static struct em_energy_window around(double at, const struct em_energy_window *w)
{
	return (struct em_energy_window){at + w->from, at + w->to};
}

static void measure_onset(const struct fine *f, const double *net, const double *variance, double *value, double *error)
{
	const struct em_energy *e = &f->q->core.energy;
	struct em_energy_window w = around(f->edge->edge.first, &rise);
	struct em_fine_onset onset;
	struct em_fine_value shift;

	if (!em_fine_onset(e, net, variance, &w, 0, &onset, NULL)) {
		set(value, error, ONSET, &onset.half);
		set(value, error, STEEPEST, &onset.steepest);
	}
	if (f->reference && !em_fine_shift(e, net, variance, f->reference, &w, FARTHEST, &shift, NULL))
		set(value, error, SHIFT, &shift);
}

static void measure_lines(struct fine *f, const double *net, const double *variance, double *value, double *error,
                          bool first)
{
	const struct em_energy *e = &f->q->core.energy;
	struct em_fine_lines_windows w;
	struct em_fine_lines lines;
	struct em_fine_value ratio;

	if (!em_fine_lines_place(e, net, variance, &f->lines, &w, NULL) &&
	    !em_fine_lines_ratio(e, net, variance, &w, f->lines.first_share, &ratio, NULL))
		set(value, error, RATIO, &ratio);
	if (em_fine_lines_fit(e, net, variance, &f->lines, f->fitted ? &f->start : NULL, &lines, NULL)) {
		/* not every line shows its crystal field */
		if (!first || !f->lines.split)
			return;
		f->lines.split = false;
		measure_lines(f, net, variance, value, error, true);
		return;
	}
	if (first) {
		f->start = lines;
		f->fitted = true;
	}
	set(value, error, RATIO_FIT, &lines.ratio);
	if (f->lines.split) {
		set(value, error, SPLITTING_1, &lines.splitting[0]);
		set(value, error, SPLITTING_2, &lines.splitting[1]);
	}
}

static void measure_prepeak(const struct fine *f, const double *net, const double *variance, double *value,
                            double *error)
{
	const struct em_energy *e = &f->q->core.energy;
	double at = isnan(f->rise_at) ? value[ONSET] : f->rise_at;
	struct em_energy_window w[3] = {around(at, &pre), around(at, &main_peak), around(at, &second)};
	struct em_fine_value ratio;
	struct em_fine_fit fit;

	if (isnan(at))
		return;
	if (!em_fine_windows_ratio(e, net, variance, &w[0], &w[1], &ratio, NULL))
		set(value, error, RATIO, &ratio);
	if (em_fine_peaks_fit(e, net, variance, w, 3, EM_FINE_GAUSS, &fit, NULL))
		return;
	ratio = em_fine_area_ratio(&fit, 0, 1, 1, 1);
	set(value, error, RATIO_FIT, &ratio);
}

/* value[NUMBERS], error[NUMBERS]; NAN where there is nothing to be measured. */
static int measure(struct fine *f, const float *spectrum, double *value, double *error, bool first, double *net,
                   double *variance)
{
	for (size_t i = 0; i < NUMBERS; i++)
		value[i] = error[i] = NAN;
	if (!take_net(f, spectrum, net, variance))
		return -1;
	measure_onset(f, net, variance, value, error);
	if (f->kind == K_EDGE)
		measure_prepeak(f, net, variance, value, error);
	else
		measure_lines(f, net, variance, value, error, first);
	return 0;
}

/* ---- all places ---- */

static void measure_at(void *ctx, size_t i)
{
	struct fine *f = ctx;
	size_t n = f->q->core.energy.channels;
	double value[NUMBERS], error[NUMBERS], *net = malloc(2 * n * sizeof(double));

	if (!net) {
		f->memory = 1;
		return;
	}
	measure(f, f->q->core.counts + i * n, value, error, false, net, net + n);
	for (size_t k = 0; k < NUMBERS; k++)
		if (f->map[k])
			f->map[k][i] = (float)value[k];
	free(net);
}

static void put_numbers(struct fine *f, const double *value, const double *error)
{
	struct em_text *t = &f->q->more;

	em_json_put_name(t, f->edge->edge.name);
	em_text_append(t, "{");
	for (size_t i = 0; i < NUMBERS; i++)
		if (names[f->kind][i] && (i != SHIFT || f->q->opt->nreferences))
			em_quant_put_with_error(t, names[f->kind][i], value[i], error[i]);
	em_text_append(t, "}");
}

/* Shifts are measured against the first reference, or else the sum. */
static int make_reference(struct fine *f, double *variance, struct em_error *err)
{
	const struct em_energy *e = &f->q->core.energy;
	float *one = malloc(e->channels * sizeof(float));

	f->reference = malloc(e->channels * sizeof(double));
	if (!one || !f->reference) {
		free(one);
		return em_error_memory(err, e->channels * sizeof(double));
	}
	if (f->q->opt->nreferences)
		em_quant_resample(&f->q->opt->reference[0], e, one);
	else
		memcpy(one, f->sum, e->channels * sizeof(float));
	if (!take_net(f, one, f->reference, variance)) {
		free(f->reference);
		f->reference = NULL;
	}
	free(one);
	return 0;
}

static int make_maps(struct fine *f, struct em_error *err)
{
	size_t n = em_quant_count(f->q);
	float **map = f->q->fine[f->edge - f->q->edge];

	for (size_t i = 0; i < NUMBERS; i++) {
		if (!names[f->kind][i])
			continue;
		map[i] = malloc(n * sizeof(float));
		if (!map[i])
			return em_error_memory(err, n * sizeof(float));
	}
	f->map = map;
	em_parallel_for(f->q->opt->threads, n, measure_at, f);
	return f->memory ? em_error_memory(err, f->q->core.energy.channels * sizeof(double)) : 0;
}

static void set_up(struct fine *f)
{
	const struct em_edge *edge = &f->edge->edge;
	double apart = edge->last - edge->first;

	f->kind = edge->shell == EM_SHELL_K ? K_EDGE : em_shell_name(edge->shell)[0] == 'M' ? M_EDGE : L_EDGE;
	f->rise_at = NAN;
	/* d0 and d1 metals in oxides show their crystal field */
	f->lines = (struct em_fine_lines_settings){.search = {edge->first - 10, edge->last + 15},
	                                           .apart = apart,
	                                           .split = f->kind == L_EDGE && edge->z >= 20 && edge->z <= 23,
	                                           .first_share = f->kind == M_EDGE ? 0.6 : 0,
	                                           .shape = EM_FINE_VOIGT};
}

static int measure_edge(struct em_quant *q, const struct em_quant_edge *edge, const float *sum, struct em_error *err)
{
	struct fine f = {.q = q, .edge = edge, .sum = sum};
	size_t n = q->core.energy.channels;
	double value[NUMBERS], error[NUMBERS], *net = malloc(2 * n * sizeof(double));
	int status = net ? 0 : em_error_memory(err, 2 * n * sizeof(double));

	set_up(&f);
	for (size_t k = 0; k < n; k++)
		f.total += (double)sum[k];
	f.plan = status ? NULL : em_quant_plan(q, &edge->edge, q->gain, err);
	if (f.plan && !status)
		status = make_reference(&f, net, err);
	if (f.plan && !status) {
		if (measure(&f, sum, value, error, true, net, net + n))
			em_quant_warn(q, "%s: no background, so no fine structure", edge->edge.name);
		f.rise_at = value[ONSET];
		put_numbers(&f, value, error);
		status = em_quant_count(q) > 1 ? make_maps(&f, err) : 0;
	}
	em_net_plan_free(f.plan);
	free(f.reference);
	free(net);
	return f.plan ? status : -1;
}

int em_quant_measure_fine(struct em_quant *q, struct em_error *err)
{
	float *sum = em_quant_sum_float(q, &q->core);
	int status = sum ? 0 : em_error_memory(err, q->core.energy.channels * sizeof(float));

	if (!status) {
		em_json_put_name(&q->more, "fine");
		em_text_append(&q->more, "{");
		for (size_t i = 0; i < q->opt->nedges && !status; i++)
			status = measure_edge(q, &q->edge[i], sum, err);
		em_text_append(&q->more, "}");
	}
	free(sum);
	return status;
}

/* "l3_l2" of Ti-L23 becomes "ti-l23-l3-l2". */
int em_quant_set_fine(const struct em_quant *q, struct em_sample *s, struct em_error *err)
{
	for (size_t i = 0; i < q->opt->nedges; i++) {
		const struct em_edge *edge = &q->edge[i].edge;
		enum kind kind = edge->shell == EM_SHELL_K              ? K_EDGE
		                 : em_shell_name(edge->shell)[0] == 'M' ? M_EDGE
		                                                        : L_EDGE;

		for (size_t k = 0; k < NUMBERS; k++) {
			char end[40];
			size_t n;

			if (!q->fine[i][k])
				continue;
			n = (size_t)snprintf(end, sizeof(end), "-%s", names[kind][k]);
			if (n > 3 && !strcmp(end + n - 3, "_ev"))
				end[n - 3] = '\0';
			for (char *c = end; *c; c++)
				*c = *c == '_' ? '-' : *c;
			if (em_quant_set_map(q, s, edge->name, end, q->fine[i][k], err))
				return -1;
		}
	}
	return 0;
}
