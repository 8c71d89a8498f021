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
	double total;      /* of the sum's channels */
	double *reference; /* [channels], net: what shifts are measured against */
	struct em_fine_lines_settings lines;
	struct em_fine_lines start; /* of the sum */
	bool started, fitted;
	double rise_at; /* eV, of the sum; NAN: not known yet */
	float **map;    /* [NUMBERS][places] */
	_Atomic int memory;
};

/* ---- one spectrum ---- */

/* A hole outside of an edge's windows must not cost its numbers. */
static double total_of(const float *spectrum, size_t n)
{
	double total = 0;

	for (size_t k = 0; k < n; k++)
		total += isfinite(spectrum[k]) ? (double)spectrum[k] : 0;
	return total;
}

/* The variance of a channel's counts, by what the sum of all lets expect of them. */
static double expected(const struct fine *f, const struct em_background *b, size_t k, double total)
{
	double gain = f->q->gain > 0 ? f->q->gain : b->gain;

	return gain * fmax((double)f->q->core.sum[k] * total / f->total, 1);
}

/*
 * net = spectrum - background, and its variance: that of the counts as the sum of all lets expect them, and that of the
 * background.  False without a background.
 */
static bool take_net(const struct fine *f, const float *spectrum, double total, struct em_background *b, double *net,
                     double *variance)
{
	const struct em_background_plan *p = em_net_plan_background(f->plan);
	size_t n = f->q->core.energy.channels, first = em_background_window(p).first;
	const struct em_energy_span behind = {first, n - first};

	em_background_fit(p, spectrum, b);
	if (b->state != EM_BACKGROUND_GOOD)
		return false;
	memset(variance, 0, first * sizeof(*variance));
	em_background_channels(p, b, &behind, net + first, variance + first);
	for (size_t k = 0; k < n; k++) {
		net[k] = k < first ? 0 : (double)spectrum[k] - net[k];
		variance[k] *= variance[k];
		variance[k] += expected(f, b, k, total);
	}
	return true;
}

/* What was measured of one spectrum; NAN: nothing to be measured. */
struct numbers {
	double value[NUMBERS], error[NUMBERS];
	bool of_sum;  /* where people are told why there is no number */
	double total; /* of the spectrum */
	struct em_background background;
	double *slope; /* [channels] */
};

/*
 * The standard error of a number that changes by n->slope with the net counts of each channel: what their counts make
 * of it, each by its own, and the background, under all of them the same one.
 */
static double error_of(const struct fine *f, const struct numbers *n)
{
	double by[2], own = 0;

	for (size_t k = 0; k < f->q->core.energy.channels; k++)
		if (n->slope[k] != 0)
			own += n->slope[k] * n->slope[k] * expected(f, &n->background, k, n->total);
	em_background_leverage(em_net_plan_background(f->plan), &n->background, n->slope, by);
	return hypot(sqrt(own), em_background_error(&n->background, by));
}

static void set(struct numbers *n, enum number i, const struct em_fine_value *v)
{
	n->value[i] = v->value;
	n->error[i] = v->error;
}

static void miss(const struct fine *f, const struct numbers *n, enum number i, const struct em_error *why)
{
	if (n->of_sum)
		em_quant_warn(f->q, "%s: no %s: %s", f->edge->edge.name, names[f->kind][i], why->text);
}

static struct em_energy_window around(double at, const struct em_energy_window *w)
{
	return (struct em_energy_window){at + w->from, at + w->to};
}

static void measure_onset(const struct fine *f, const double *net, const double *variance, struct numbers *n)
{
	const struct em_energy *e = &f->q->core.energy;
	struct em_energy_window w = around(f->edge->edge.first, &rise);
	struct em_error why = {0};
	struct em_fine_onset onset;
	struct em_fine_value shift;

	if (em_fine_onset(e, net, variance, &w, 0, &onset, &why)) {
		miss(f, n, ONSET, &why);
	} else {
		set(n, ONSET, &onset.half);
		set(n, STEEPEST, &onset.steepest);
	}
	if (!f->reference)
		return;
	if (!em_fine_shift(e, net, variance, f->reference, &w, FARTHEST, &shift, &why))
		set(n, SHIFT, &shift);
	else if (f->q->opt->nreferences)
		miss(f, n, SHIFT, &why);
}

static void fit_lines(struct fine *f, const double *net, const double *variance, struct numbers *n)
{
	struct em_fine_lines lines;
	struct em_error why = {0};

	if (em_fine_lines_fit(&f->q->core.energy, net, variance, &f->lines, f->fitted ? &f->start : NULL, &lines,
	                      &why)) {
		/* not every line shows its crystal field */
		if (n->of_sum && f->lines.split) {
			f->lines.split = false;
			fit_lines(f, net, variance, n);
		} else {
			miss(f, n, RATIO_FIT, &why);
		}
		return;
	}
	if (n->of_sum) {
		f->start = lines;
		f->fitted = true;
	}
	set(n, RATIO_FIT, &lines.ratio);
	if (f->lines.split) {
		set(n, SPLITTING_1, &lines.splitting[0]);
		set(n, SPLITTING_2, &lines.splitting[1]);
	}
}

static void measure_lines(struct fine *f, const double *net, const double *variance, struct numbers *n)
{
	const struct em_energy *e = &f->q->core.energy;
	struct em_fine_lines_windows w;
	struct em_fine_value ratio;
	struct em_error why = {0};

	if (!em_fine_lines_place(e, net, variance, &f->lines, &w, &why) &&
	    !em_fine_lines_ratio(e, net, variance, &w, f->lines.first_share, &ratio, &why) &&
	    !em_fine_lines_ratio_slopes(e, net, variance, &w, f->lines.first_share, n->slope, &why)) {
		ratio.error = error_of(f, n);
		set(n, RATIO, &ratio);
	} else
		miss(f, n, RATIO, &why);
	fit_lines(f, net, variance, n);
}

static void measure_prepeak(const struct fine *f, const double *net, const double *variance, struct numbers *n)
{
	const struct em_energy *e = &f->q->core.energy;
	double at = isnan(f->rise_at) ? n->value[ONSET] : f->rise_at;
	struct em_energy_window w[3] = {around(at, &pre), around(at, &main_peak), around(at, &second)};
	struct em_error why = {0};
	struct em_fine_value ratio;
	struct em_fine_fit fit;

	if (isnan(at))
		return;
	if (!em_fine_windows_ratio(e, net, variance, &w[0], &w[1], &ratio, n->slope, &why)) {
		ratio.error = error_of(f, n);
		set(n, RATIO, &ratio);
	} else
		miss(f, n, RATIO, &why);
	if (em_fine_peaks_fit(e, net, variance, w, 3, EM_FINE_GAUSS, &fit, &why)) {
		miss(f, n, RATIO_FIT, &why);
		return;
	}
	ratio = em_fine_area_ratio(&fit, 0, 1, 1, 1);
	set(n, RATIO_FIT, &ratio);
}

/* scratch[3][channels] */
static int measure(struct fine *f, const float *spectrum, double *scratch, struct numbers *n)
{
	double *net = scratch, *variance = scratch + f->q->core.energy.channels;

	for (size_t i = 0; i < NUMBERS; i++)
		n->value[i] = n->error[i] = NAN;
	n->total = total_of(spectrum, f->q->core.energy.channels);
	n->slope = variance + f->q->core.energy.channels;
	if (!take_net(f, spectrum, n->total, &n->background, net, variance))
		return -1;
	measure_onset(f, net, variance, n);
	if (f->kind == K_EDGE)
		measure_prepeak(f, net, variance, n);
	else
		measure_lines(f, net, variance, n);
	return 0;
}

/* ---- all places ---- */

static void measure_at(void *ctx, size_t i)
{
	struct fine *f = ctx;
	size_t n = f->q->core.energy.channels;
	double *scratch = malloc(3 * n * sizeof(double));
	struct numbers found = {.of_sum = false};

	if (!scratch) {
		f->memory = 1;
		return;
	}
	measure(f, f->q->core.counts + i * n, scratch, &found);
	for (size_t k = 0; k < NUMBERS; k++)
		if (f->map[k])
			f->map[k][i] = (float)found.value[k];
	free(scratch);
}

static void put_numbers(struct fine *f, const struct numbers *n)
{
	struct em_text *t = &f->q->more;

	em_json_put_name(t, f->edge->edge.name);
	em_text_append(t, "{");
	for (size_t i = 0; i < NUMBERS; i++)
		if (names[f->kind][i] && (i != SHIFT || f->q->opt->nreferences))
			em_quant_put_with_error(t, names[f->kind][i], n->value[i], n->error[i]);
	em_text_append(t, "}");
}

/* Shifts are measured against the first reference, or else the sum. */
static int make_reference(struct fine *f, double *variance, struct em_error *err)
{
	const struct em_energy *e = &f->q->core.energy;
	float *one = malloc(e->channels * sizeof(float));
	struct em_background b;

	f->reference = malloc(e->channels * sizeof(double));
	if (!one || !f->reference) {
		free(one);
		return em_error_memory(err, e->channels * sizeof(double));
	}
	if (f->q->opt->nreferences)
		em_quant_resample(&f->q->opt->reference[0], e, one);
	else
		memcpy(one, f->q->core.sum, e->channels * sizeof(float));
	if (!take_net(f, one, total_of(one, e->channels), &b, f->reference, variance)) {
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
	f->rise_at = f->edge->rise; /* steadier than the onset, which leaves a pre-peak that wanes */
	/* d0 and d1 metals in oxides show their crystal field */
	f->lines = (struct em_fine_lines_settings){.search = {edge->first - 10, edge->last + 15},
	                                           .apart = apart,
	                                           .split = f->kind == L_EDGE && edge->z >= 20 && edge->z <= 23,
	                                           .first_share = f->kind == M_EDGE ? 0.6 : 0,
	                                           .shape = EM_FINE_VOIGT};
}

static int measure_edge(struct em_quant *q, const struct em_quant_edge *edge, struct em_error *err)
{
	struct fine f = {.q = q, .edge = edge};
	size_t n = q->core.energy.channels;
	struct numbers found = {.of_sum = true};
	double *scratch = malloc(3 * n * sizeof(double));
	int status = scratch ? 0 : em_error_memory(err, 3 * n * sizeof(double));

	set_up(&f);
	f.total = total_of(q->core.sum, n);
	f.plan = status ? NULL : em_quant_plan(q, &edge->edge, q->gain, err);
	if (f.plan && !status)
		status = make_reference(&f, scratch, err);
	if (f.plan && !status) {
		if (measure(&f, q->core.sum, scratch, &found))
			em_quant_warn(q, "%s: no background, so no fine structure", edge->edge.name);
		if (isnan(f.rise_at))
			f.rise_at = found.value[ONSET];
		put_numbers(&f, &found);
		status = em_quant_count(q) > 1 ? make_maps(&f, err) : 0;
	}
	em_net_plan_free(f.plan);
	free(f.reference);
	free(scratch);
	return f.plan ? status : -1;
}

int em_quant_measure_fine(struct em_quant *q, struct em_error *err)
{
	int status = 0;

	em_json_put_name(&q->more, "fine");
	em_text_append(&q->more, "{");
	for (size_t i = 0; i < q->opt->nedges && !status; i++)
		status = measure_edge(q, &q->edge[i], err);
	em_text_append(&q->more, "}");
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
