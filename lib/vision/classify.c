/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/classify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *label_name(const struct em_prototypes *p, size_t label)
{
	return label < p->count ? p->classes[label].name : EM_LABEL_UNKNOWN;
}

static int set_class(const struct em_prototypes *p, struct em_sample *s, const struct em_verdict *v,
                     const struct em_decision *d, const double *distance, struct em_error *err)
{
	struct em_text t = {0};
	int status;

	em_text_append(&t, "{");
	em_json_put_name(&t, "label");
	em_json_put_string(&t, label_name(p, v->label));
	em_json_put_name(&t, "p");
	em_json_put_number(&t, d->p);
	em_json_put_name(&t, "scores");
	em_text_append(&t, "{");
	for (size_t k = 0; k < p->count; k++) {
		em_json_put_name(&t, p->classes[k].name);
		em_json_put_number(&t, 0 - distance[k]);
	}
	em_text_append(&t, "}");
	em_json_put_name(&t, "margin");
	em_json_put_number(&t, d->margin);
	if (!isnan(d->typical)) {
		em_json_put_name(&t, "typical");
		em_json_put_number(&t, d->typical);
	}
	em_text_append(&t, "}");
	status = em_record_set_text(&s->record, "class", &t, err);
	em_text_release(&t);
	return status;
}

static bool is_rejected(const struct em_classify_rules *rules, const struct em_decision *d)
{
	return d->typical < rules->min_typical || (!rules->smooth && d->p < rules->min_p);
}

static int judge(const struct em_prototypes *p, const struct em_classify_rules *rules, struct em_sample *s,
                 const float *vector, struct em_verdict *v, struct em_error *err)
{
	double *distance = malloc(p->count * sizeof(*distance));
	struct em_decision d;
	int status;

	if (!distance)
		return em_error_memory(err, p->count * sizeof(*distance));
	status = em_prototypes_measure(p, vector, distance, v->probability, err);
	if (!status) {
		em_prototypes_decide(p, distance, v->probability, &d);
		v->label = is_rejected(rules, &d) ? p->count : d.best;
		v->p = d.p;
		status = set_class(p, s, v, &d, distance, err);
	}
	free(distance);
	return status;
}

int em_classify(const struct em_prototypes *p, const struct em_classify_rules *rules, struct em_sample *s,
                struct em_verdict *verdict, struct em_error *err)
{
	struct em_encoder_id id;
	struct em_json *chip = p->chip_height > 0 ? em_record_tree(&s->record, "chip") : NULL;
	float *vector = NULL;
	int status = em_support_check_chip(p->chip_height, p->chip_width, chip, err);

	em_json_free(chip);
	if (status || em_embedding_get(s, &id, &vector, err))
		return -1;
	status = em_encoder_id_check(&id, "it", &p->encoder, "the support set", err);
	if (!status)
		status = judge(p, rules, s, vector, verdict, err);
	free(vector);
	return status;
}

int em_classify_smoothed(const struct em_prototypes *p, const struct em_classify_rules *rules, struct em_sample *s,
                         struct em_cell *cell, struct em_error *err)
{
	const char *json = em_record_get(&s->record, "class");
	struct em_record class = {0};
	struct em_text t = {0};
	char raw[300] = "";
	int status;

	if (!json || em_record_parse(&class, json, strlen(json), err))
		return em_error_set(err, EM_ERROR_DATA, "the record has lost its \"class\"");
	if (cell->label < p->count) { /* one that is unknown already took no part, its p is as it was */
		cell->p = em_prototypes_doubt(p, cell->p);
		cell->label = cell->p < rules->min_p ? p->count : cell->label;
	}
	em_record_string(&class, "label", raw, sizeof(raw));
	em_json_put_number(&t, cell->p);
	status = em_record_set_string(&class, "label", label_name(p, cell->label), err);
	if (!status)
		status = em_record_set_text(&class, "p", &t, err);
	if (!status)
		status = em_record_set_string(&class, "raw", raw, err);
	em_text_clear(&t);
	em_record_print(&class, &t);
	if (!status)
		status = em_record_set_text(&s->record, "class", &t, err);
	em_text_release(&t);
	em_record_release(&class);
	return status;
}
