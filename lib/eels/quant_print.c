/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was measured, into the record and the arrays of a sample. */
#include "eels/quant_parts.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void em_quant_put(struct em_text *t, const char *name, double v)
{
	em_json_put_name(t, name);
	em_json_put_number(t, v);
}

/* NAME, NAME_u */
void em_quant_put_with_error(struct em_text *t, const char *name, double v, double error)
{
	char u[80];

	snprintf(u, sizeof(u), "%.60s_u", name);
	em_quant_put(t, name, v);
	em_quant_put(t, u, error);
}

static void put_window(struct em_text *t, const char *name, const struct em_energy_window *w)
{
	const double v[2] = {w->from, w->to};

	em_json_put_name(t, name);
	em_json_put_numbers(t, v, 2);
}

static void put_warning(struct em_text *t, const struct em_quant_edge *e)
{
	char text[800], *rest = text;

	if (!e->sum.flags && !e->misplaced)
		return;
	if (e->sum.flags) {
		em_net_explain(&e->sum, e->edge.name, text, sizeof(text) / 2);
		rest += strlen(text);
		rest += e->misplaced ? snprintf(rest, 3, "; ") : 0;
	}
	if (e->misplaced)
		em_quant_explain_rise(e, rest, sizeof(text) - (size_t)(rest - text));
	em_json_put_name(t, "warning");
	em_json_put_string(t, text);
}

static void put_edge(struct em_text *t, const struct em_quant_edge *e)
{
	const struct em_background *b = &e->sum.background;

	em_json_put_name(t, e->edge.name);
	em_text_append(t, "{");
	em_quant_put(t, "onset_ev", e->edge.onset);
	em_quant_put(t, "rise_ev", e->rise);
	put_window(t, "fit_ev", &e->edge.background);
	put_window(t, "signal_ev", &e->edge.signal);
	em_quant_put_with_error(t, "counts", e->sum.counts, e->sum.error);
	em_quant_put_with_error(t, "background", e->sum.below, e->sum.below_error);
	em_quant_put(t, "amplitude", e->amplitude);
	em_quant_put_with_error(t, "exponent", b->r, sqrt(b->covariance[2]));
	em_quant_put(t, "chi2", b->chi2);
	if (!isnan(e->single))
		em_quant_put_with_error(t, "single_counts", e->single, e->single_error);
	if (e->below) {
		em_json_put_name(t, "above_tail_of");
		em_json_put_string(t, e->below->edge.name);
	}
	if (e->profile.len) {
		em_json_put_name(t, "profile");
		em_text_append(t, em_text_get(&e->profile));
	}
	put_warning(t, e);
	em_text_append(t, "}");
}

static void put_element(struct em_text *t, const struct em_quant *q, size_t k)
{
	const struct em_quant_element *e = &q->element[k];
	char name[64];

	em_json_put_name(t, e->name);
	em_text_append(t, "{");
	em_quant_put_with_error(t, "fraction", e->fraction.value, e->fraction.error);
	em_quant_put(t, "fraction_model_u", e->fraction.model);
	if (k) {
		snprintf(name, sizeof(name), "per_%s", q->element[0].name);
		em_quant_put_with_error(t, name, e->ratio.value, e->ratio.error);
		snprintf(name, sizeof(name), "per_%s_model_u", q->element[0].name);
		em_quant_put(t, name, e->ratio.model);
	}
	em_text_append(t, "}");
}

static void put_record(struct em_text *t, const struct em_quant *q)
{
	em_text_append(t, "{");
	em_quant_put(t, "spectra", (double)em_quant_count(q));
	if (q->core.left_out)
		em_quant_put(t, "left_out", (double)q->core.left_out);
	if (!isnan(q->zero_loss))
		em_quant_put(t, "zero_loss_ev", q->zero_loss);
	if (!isnan(q->thickness.ratio))
		em_quant_put_with_error(t, "t_over_lambda", q->thickness.ratio, q->thickness.error);
	if (q->opt->despike)
		em_quant_put(t, "spikes", (double)q->spikes);
	if (q->gain > 0)
		em_quant_put(t, "gain", q->gain);
	if (q->opt->nedges) {
		em_json_put_name(t, "edges");
		em_text_append(t, "{");
		for (size_t i = 0; i < q->opt->nedges; i++)
			put_edge(t, &q->edge[i]);
		em_text_append(t, "}");
	}
	if (q->nelements) {
		em_json_put_name(t, "composition");
		em_text_append(t, "{");
		for (size_t k = 0; k < q->nelements; k++)
			put_element(t, q, k);
		em_text_append(t, "}");
	}
}

/* ---- arrays ---- */

int em_quant_set_map(const struct em_quant *q, struct em_sample *s, const char *name, const char *end, const float *map,
                     struct em_error *err)
{
	const size_t shape[2] = {q->rows, q->cols};
	struct em_array a;
	char lower[64];
	size_t n = 0;
	int status;

	if (!map)
		return 0;
	for (; name[n] && n < sizeof(lower) - 8; n++)
		lower[n] = (char)tolower((unsigned char)name[n]);
	snprintf(lower + n, sizeof(lower) - n, "%s", end);
	if (em_array_alloc(&a, EM_F32, q->ndim > 2 ? 2 : 1, q->ndim > 2 ? shape : shape + 1, err))
		return -1;
	memcpy(a.data, map, em_array_bytes(&a));
	status = em_sample_set_array(s, lower, &a, err);
	em_array_release(&a);
	return status;
}

static int set_maps(const struct em_quant *q, struct em_sample *s, struct em_error *err)
{
	char name[16];

	if (em_quant_set_map(q, s, "t-over-lambda", "", q->thickness_map, err))
		return -1;
	for (size_t i = 0; i < q->opt->nedges; i++)
		if (em_quant_set_map(q, s, q->edge[i].edge.name, "", q->edge[i].counts, err) ||
		    em_quant_set_map(q, s, q->edge[i].edge.name, "-u", q->edge[i].error, err) ||
		    em_quant_set_map(q, s, q->edge[i].edge.name, "-single", q->edge[i].single_map, err) ||
		    em_quant_set_map(q, s, q->edge[i].edge.name, "-single-u", q->edge[i].single_map_error, err))
			return -1;
	for (size_t k = 0; k < q->nelements; k++) {
		snprintf(name, sizeof(name), "fraction-%s", q->element[k].name);
		if (em_quant_set_map(q, s, name, "", q->element[k].map, err))
			return -1;
	}
	return 0;
}

/* amount-NAME of each reference, or amount-1 ... of components; and these themselves. */
static int set_amounts(const struct em_quant *q, struct em_sample *s, struct em_error *err)
{
	const size_t shape[2] = {q->namounts, q->component_span.count};
	struct em_array a;
	char name[64];
	int status;

	for (size_t k = 0; k < q->namounts; k++) {
		if (q->opt->nreferences)
			snprintf(name, sizeof(name), "amount-%.40s", q->opt->reference[k].name);
		else
			snprintf(name, sizeof(name), "amount-%zu", k + 1);
		if (em_quant_set_map(q, s, name, "", q->amount[k], err))
			return -1;
	}
	if (!q->component)
		return 0;
	if (em_array_alloc(&a, EM_F32, 2, shape, err))
		return -1;
	memcpy(a.data, q->component, em_array_bytes(&a));
	status = em_sample_set_array(s, "components", &a, err);
	em_array_release(&a);
	return status;
}

/* The axes of a bare array are named as a picture's, or a movie's. */
static void name_places(struct em_array *a)
{
	static const char *const names[] = {"x", "y"};

	for (int k = a->ndim - 2, i = 0; k >= 0 && i < 2; k--, i++)
		em_axis_set(&a->axis[k], names[i], a->axis[k].scale, a->axis[k].offset, a->axis[k].units);
}

/* The spectra as they are now; their axes are those of the record but for the energy. */
static int set_spectra(const struct em_quant *q, struct em_sample *s, struct em_error *err)
{
	const size_t shape[3] = {q->rows, q->cols, q->core.energy.channels};
	struct em_array a = {.dtype = EM_F32, .ndim = q->ndim, .data = (void *)(uintptr_t)q->core.counts};

	memcpy(a.shape, shape + 3 - q->ndim, (size_t)q->ndim * sizeof(*shape));
	em_array_name_axes(&a);
	em_record_get_axes(&s->record, &a);
	if (strcmp(a.axis[q->ndim - 1].name, "energy"))
		name_places(&a);
	em_axis_set(&a.axis[q->ndim - 1], "energy", q->core.energy.scale, q->core.energy.offset, "eV");
	return em_sample_set_spectra(s, &a, err);
}

int em_quant_describe(struct em_quant *q, struct em_sample *s, struct em_error *err)
{
	struct em_text t = {0};
	int status;

	put_record(&t, q);
	if (q->more.len) {
		em_json_put_comma(&t);
		em_text_append_bytes(&t, q->more.s, q->more.len);
	}
	em_text_append(&t, "}");
	status = em_record_set_text(&s->record, "eels", &t, err) || set_maps(q, s, err) ||
	                 em_quant_set_fine(q, s, err) || set_amounts(q, s, err) ||
	                 (q->changed && set_spectra(q, s, err))
	             ? -1
	             : 0;
	em_text_release(&t);
	return status;
}
