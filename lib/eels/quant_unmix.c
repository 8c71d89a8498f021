/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Spectra as sums of references, or of components that they show themselves. */
#include "eels/quant_parts.h"

#include "base/parallel.h"
#include "eels/basis.h"
#include "eels/nmf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCREE 32 /* singular values that the record keeps */

static int find_span(const struct em_quant *q, bool signal, struct em_energy_span *span, struct em_error *err)
{
	const struct em_quant_options *o = q->opt;
	const struct em_energy_window *w = o->within.from < o->within.to ? &o->within
	                                   : signal && o->nedges         ? &q->edge[0].edge.signal
	                                                                 : NULL;

	*span = (struct em_energy_span){0, q->core.energy.channels};
	if (!w || !em_energy_span(&q->core.energy, w, span, err))
		return 0;
	em_quant_blame_data(err);
	return em_error_prefix(err, "--within: ");
}

/* ---- references ---- */

struct unmixing {
	struct em_quant *q;
	struct em_net_plan *plan; /* of the first edge; NULL: nothing is taken off */
	struct em_energy_span span;
	double *reference; /* [count][span.count] */
	float *quality;    /* [places]: chi2 a degree of freedom */
	_Atomic int memory;
};

/* spectrum[span] less the background, and its variance, with the gain of the counts. */
static void take_off(const struct unmixing *w, const float *spectrum, double *net, double *variance)
{
	double gain = w->q->gain > 0 ? w->q->gain : 1, level = 0;
	const float *y = spectrum + w->span.first;
	struct em_background b;

	memset(net, 0, w->span.count * sizeof(*net));
	if (w->plan) {
		em_background_fit(em_net_plan_background(w->plan), spectrum, &b);
		em_background_channels(em_net_plan_background(w->plan), &b, &w->span, net, NULL);
	}
	for (size_t k = 0; k < w->span.count; k++)
		level += fmax((double)y[k], 0) / (double)w->span.count;
	for (size_t k = 0; k < w->span.count; k++) {
		net[k] = (double)y[k] - net[k];
		/* a channel of no counts is no more certain than one of few */
		variance[k] = gain * fmax((double)y[k], fmax(0.1 * level, 1e-30));
	}
}

void em_quant_resample(const struct em_quant_reference *r, const struct em_energy *e, float *out)
{
	for (size_t k = 0; k < e->channels; k++) {
		double c = em_energy_channel(&r->energy, em_energy_at(e, (double)k)), i = floor(c);

		out[k] = NAN;
		if (i >= 0 && i + 1 < (double)r->energy.channels)
			out[k] = (float)((double)r->counts[(size_t)i] * (1 - (c - i)) +
			                 (double)r->counts[(size_t)i + 1] * (c - i));
		else if (i == (double)r->energy.channels - 1 && c - i < 1e-6)
			out[k] = r->counts[(size_t)i];
	}
}

static int make_references(struct unmixing *w, struct em_error *err)
{
	const struct em_quant_options *o = w->q->opt;
	const struct em_energy *e = &w->q->core.energy;
	float *one = malloc(e->channels * sizeof(float));
	double *variance = malloc(w->span.count * sizeof(double));

	w->reference = calloc(o->nreferences * w->span.count, sizeof(double));
	if (!one || !variance || !w->reference) {
		free(one);
		free(variance);
		return em_error_memory(err, o->nreferences * w->span.count * sizeof(double));
	}
	for (size_t i = 0; i < o->nreferences; i++) {
		em_quant_resample(&o->reference[i], e, one);
		take_off(w, one, w->reference + i * w->span.count, variance);
	}
	free(one);
	free(variance);
	return 0;
}

static int fit(const struct unmixing *w, const float *spectrum, double *amount, double *covariance, double *quality,
               struct em_error *err)
{
	const struct em_unmix u = {w->reference, w->q->opt->nreferences, w->span.count};
	double *net = malloc(2 * w->span.count * sizeof(double));
	struct em_unmix_quality how;
	int status;

	if (!net)
		return em_error_memory(err, 2 * w->span.count * sizeof(double));
	take_off(w, spectrum, net, net + w->span.count);
	status = em_unmix_fit(&u, net, net + w->span.count, amount, covariance, &how, err);
	free(net);
	if (!status)
		*quality = how.chi2 / (double)how.freedom;
	return status;
}

static void fit_at(void *ctx, size_t i)
{
	struct unmixing *w = ctx;
	struct em_quant *q = w->q;
	struct em_error why = {0};
	double amount[EM_UNMIX_REFERENCES_MAX], quality;
	bool none = fit(w, q->core.counts + i * q->core.energy.channels, amount, NULL, &quality, &why) != 0;

	if (none && why.kind == EM_ERROR_MEMORY)
		w->memory = 1;
	for (size_t k = 0; k < q->namounts; k++)
		q->amount[k][i] = none ? NAN : (float)amount[k];
}

static int allocate_amounts(struct em_quant *q, size_t count, struct em_error *err)
{
	q->namounts = count;
	for (size_t k = 0; k < count && em_quant_count(q) > 1; k++) {
		q->amount[k] = malloc(em_quant_count(q) * sizeof(float));
		if (!q->amount[k])
			return em_error_memory(err, em_quant_count(q) * sizeof(float));
	}
	return 0;
}

static void put_references(struct em_quant *q, const double *amount, const double *covariance, double quality)
{
	size_t n = q->namounts;
	double fraction[EM_UNMIX_REFERENCES_MAX], error[EM_UNMIX_REFERENCES_MAX];
	struct em_error why = {0};
	bool any = !em_unmix_fractions(amount, covariance, n, fraction, error, &why);

	if (!any && !isnan(quality))
		em_quant_warn(q, "references: %s", why.text);
	em_json_put_name(&q->more, "references");
	em_text_append(&q->more, "{");
	for (size_t k = 0; k < n; k++) {
		em_json_put_name(&q->more, q->opt->reference[k].name);
		em_text_append(&q->more, "{");
		em_quant_put_with_error(&q->more, "amount", amount[k], sqrt(covariance[k * n + k]));
		em_quant_put_with_error(&q->more, "fraction", any ? fraction[k] : NAN, any ? error[k] : NAN);
		em_text_append(&q->more, "}");
	}
	em_text_append(&q->more, "}");
	em_quant_put(&q->more, "references_chi2", quality);
}

static int fit_sum(struct unmixing *w, struct em_error *err)
{
	struct em_quant *q = w->q;
	size_t n = q->namounts;
	double amount[EM_UNMIX_REFERENCES_MAX], quality, *covariance = malloc(n * n * sizeof(double));
	struct em_error why = {0};
	int status = covariance ? 0 : em_error_memory(err, n * n * sizeof(double));

	if (!status && fit(w, q->core.sum, amount, covariance, &quality, &why)) {
		for (size_t k = 0; k < n * n; k++)
			amount[k / n] = covariance[k] = quality = NAN;
		if (why.kind == EM_ERROR_MEMORY)
			status = em_error_set(err, why.kind, "%s", why.text);
		else
			em_quant_warn(q, "references: %s", why.text);
	}
	if (!status)
		put_references(q, amount, covariance, quality);
	free(covariance);
	return status;
}

static int unmix_with_references(struct em_quant *q, struct em_error *err)
{
	struct unmixing w = {.q = q};
	int status;

	if (find_span(q, true, &w.span, err) || allocate_amounts(q, q->opt->nreferences, err))
		return -1;
	w.plan = q->opt->nedges ? em_quant_plan(q, &q->edge[0].edge, q->gain, err) : NULL;
	if (q->opt->nedges && !w.plan)
		return -1;
	status = make_references(&w, err) || fit_sum(&w, err) ? -1 : 0;
	if (!status && em_quant_count(q) > 1)
		em_parallel_for(q->opt->threads, em_quant_count(q), fit_at, &w);
	if (!status && w.memory)
		status = em_error_memory(err, w.span.count * sizeof(double));
	em_net_plan_free(w.plan);
	free(w.reference);
	return status;
}

/* ---- components ---- */

/* The span of all spectra, side by side. */
static float *cut(const struct em_quant *q, const struct em_energy_span *span)
{
	size_t n = em_quant_count(q), m = q->core.energy.channels;
	float *out = malloc(n * span->count * sizeof(float));

	for (size_t i = 0; out && i < n; i++)
		memcpy(out + i * span->count, q->core.counts + i * m + span->first, span->count * sizeof(float));
	return out;
}

static void put_basis(struct em_quant *q, const struct em_basis *b)
{
	struct em_text *t = &q->more;

	em_json_put_name(t, "components");
	em_text_append(t, "{");
	em_json_put_name(t, "method");
	em_json_put_string(t, q->opt->components == EM_QUANT_NMF ? "nmf" : "svd");
	em_quant_put(t, "count", (double)b->rank);
	em_quant_put(t, "noise", b->noise);
	em_quant_put(t, "noise_edge", b->edge);
	em_quant_put(t, "threshold", b->threshold);
	em_json_put_name(t, "singular_values");
	em_json_put_numbers(t, b->value, b->values < SCREE ? b->values : SCREE);
}

/* scores[places][rank]; NAN of spectra that have none. */
static double *project_all(const struct em_quant *q, const struct em_basis *b, const float *spectra)
{
	size_t n = em_quant_count(q);
	double *scores = malloc(n * b->rank * sizeof(double));

	for (size_t i = 0; scores && i < n; i++)
		if (em_basis_project(b, spectra + i * b->channels, scores + i * b->rank, NULL))
			for (size_t k = 0; k < b->rank; k++)
				scores[i * b->rank + k] = NAN;
	return scores;
}

static void keep_svd(struct em_quant *q, const struct em_basis *b, const double *scores)
{
	for (size_t k = 0; k < b->rank; k++) {
		for (size_t j = 0; j < b->channels; j++)
			q->component[k * b->channels + j] =
			    b->weight[j] > 0 ? (float)(b->component[k * b->channels + j] / b->weight[j]) : 0;
		for (size_t i = 0; i < em_quant_count(q); i++)
			q->amount[k][i] = (float)scores[i * b->rank + k];
	}
}

static int keep_nmf(struct em_quant *q, const struct em_basis *b, const double *scores, struct em_error *err)
{
	struct em_nmf nmf;

	if (em_nmf_run(&nmf, b, scores, em_quant_count(q), b->rank, err))
		return -1;
	for (size_t k = 0; k < b->rank; k++) {
		for (size_t j = 0; j < b->channels; j++)
			q->component[k * b->channels + j] = (float)nmf.component[k * b->channels + j];
		for (size_t i = 0; i < em_quant_count(q); i++)
			q->amount[k][i] = (float)nmf.amount[i * b->rank + k];
	}
	em_quant_put(&q->more, "residual", nmf.residual);
	if (!nmf.converged)
		em_quant_warn(q, "the components had not settled after %zu sweeps", nmf.sweeps);
	em_nmf_release(&nmf);
	return 0;
}

static int keep_components(struct em_quant *q, const struct em_basis *b, const float *spectra, struct em_error *err)
{
	double *scores = project_all(q, b, spectra);
	int status;

	q->component = malloc(b->rank * b->channels * sizeof(float));
	if (!scores || !q->component)
		status = em_error_memory(err, b->rank * b->channels * sizeof(float));
	else
		status = allocate_amounts(q, b->rank, err);
	if (!status && q->opt->components == EM_QUANT_NMF)
		status = keep_nmf(q, b, scores, err);
	else if (!status)
		keep_svd(q, b, scores);
	free(scores);
	return status;
}

static int find_components(struct em_quant *q, struct em_error *err)
{
	const struct em_basis_settings settings = {.rank = q->opt->rank, .threads = q->opt->threads};
	struct em_basis b;
	float *spectra;
	int status;

	if (em_quant_count(q) < 2)
		return em_error_set(err, EM_ERROR_DATA, "components need several spectra in one sample: this has one");
	if (find_span(q, false, &q->component_span, err))
		return -1;
	spectra = cut(q, &q->component_span);
	if (!spectra)
		return em_error_memory(err, em_quant_count(q) * q->component_span.count * sizeof(float));
	status = em_basis_make(&b, spectra, em_quant_count(q), q->component_span.count, &settings, err);
	if (!status) {
		put_basis(q, &b);
		if (b.rank)
			status = keep_components(q, &b, spectra, err);
		em_text_append(&q->more, "}");
		em_basis_release(&b);
	}
	free(spectra);
	if (status)
		em_quant_blame_data(err);
	return status ? em_error_prefix(err, "components: ") : 0;
}

int em_quant_unmix(struct em_quant *q, struct em_error *err)
{
	if (q->opt->nreferences)
		return unmix_with_references(q, err);
	return q->opt->components != EM_QUANT_NONE ? find_components(q, err) : 0;
}
