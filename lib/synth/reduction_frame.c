/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A frame of a series, and what the record says of it. */
#include "synth/reduction.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the record ---- */

static void print_truth(const struct em_synth_reduction *m, size_t series, const struct em_synth_instant *at,
                        struct em_text *out)
{
	const struct em_synth_series_plan *p = &m->plan[series];
	struct em_synth_lines lines = em_synth_edge_lines(EM_SYNTH_TI, at->specimen.valence[EM_SYNTH_TI]);
	double electrons = m->o.recording.dose * at->intensity;

	em_text_append(out, "{");
	em_synth_put(out, "time_s", at->time_s);
	em_synth_put(out, "ti3", at->ti3);
	em_synth_put(out, "vacancy", at->vacancy);
	em_synth_put(out, "l3_l2", lines.upper / lines.lower);
	em_synth_put(out, "splitting_ev", lines.splitting);
	em_synth_put(out, "l3_ev", lines.centroid);
	em_synth_put(out, "shift_ev", at->shift);
	em_synth_put(out, "intensity", at->intensity);
	em_synth_put(out, "thickness", at->specimen.thickness);
	em_synth_put(out, "exponent", p->exponent);
	em_synth_windows_print(&m->o.recording.axis, &m->foil, 1, out);
	em_json_put_name(out, "net");
	em_text_append(out, "{");
	for (int e = EM_SYNTH_O; e <= EM_SYNTH_TI; e++) {
		double window[2];

		if (em_synth_edge_window(&m->o.recording.axis, (enum em_synth_element)e, &m->foil, 1, window))
			em_synth_put(out, em_synth_edge[e].name,
			             em_synth_loss_net(&m->loss, &at->specimen, electrons, at->shift,
			                               (enum em_synth_element)e, window[0], window[1]));
	}
	em_text_append(out, "}}");
}

static void put_kinetics(struct em_text *out, const char *name, const struct em_synth_kinetics *k)
{
	em_json_put_name(out, name);
	em_text_append(out, "{");
	em_synth_put(out, "rate_per_s", k->rate);
	if (k->law == EM_SYNTH_AVRAMI)
		em_synth_put(out, "n", k->shape);
	if (k->law == EM_SYNTH_SIGMOID)
		em_synth_put(out, "induction_s", k->induction);
	em_text_append(out, "}");
}

static void print_synth(const struct em_synth_reduction *m, size_t series, size_t frame, struct em_text *out)
{
	const struct em_synth_series_plan *p = &m->plan[series];

	em_text_printf(out, "{\"seed\":%llu,\"kind\":\"reduction\",\"series\":%zu,\"frame\":%zu,\"frames\":%zu",
	               (unsigned long long)m->o.seed, series, frame, p->frames);
	em_json_put_name(out, "law");
	em_json_put_string(out, em_synth_kinetics_name[p->valence.law]);
	put_kinetics(out, "valence", &p->valence);
	put_kinetics(out, "vacancy", &p->vacancy);
	em_synth_put(out, "conversion", p->conversion);
	em_synth_put(out, "thickness", p->thickness);
	em_synth_put(out, "thinning", p->thinning);
	em_synth_put(out, "change_dose", p->current);
	em_synth_put(out, "drift_ev", p->drift);
	em_synth_recording_print(&m->o.recording, out);
	em_text_append(out, "}");
}

/* The time is an axis that the frames stand on. */
static void print_time(const struct em_synth_reduction *m, size_t series, size_t frame, struct em_text *acquisition,
                       struct em_text *stack)
{
	em_text_append(acquisition, "{");
	em_synth_put(acquisition, "exposure_s", m->o.frame_s);
	em_text_append(acquisition, "}");
	em_text_printf(stack, "[{\"index\":%zu,\"size\":%zu", frame, m->plan[series].frames);
	em_synth_put(stack, "scale", m->o.frame_s);
	em_text_append(stack, ",\"offset\":0,\"units\":\"s\"}]");
}

static int describe(const struct em_synth_reduction *m, size_t series, size_t frame, const struct em_synth_instant *at,
                    struct em_sample *s, struct em_error *err)
{
	struct em_text part[4] = {{0}};
	static const char *const name[4] = {"acquisition", "stack", "truth", "synth"};
	char key[80];
	int status;

	snprintf(key, sizeof(key), "s%llu/reduction-%06zu/f%06zu", (unsigned long long)m->o.seed, series, frame);
	print_time(m, series, frame, &part[0], &part[1]);
	print_truth(m, series, at, &part[2]);
	print_synth(m, series, frame, &part[3]);
	status = em_sample_set_key(s, key, err);
	for (int i = 0; i < 4; i++) {
		status = status || em_record_set_text(&s->record, name[i], &part[i], err);
		em_text_release(&part[i]);
	}
	return status ? -1 : 0;
}

/* ---- the spectrum ---- */

static int expose(const struct em_synth_reduction *m, size_t i, const double *expected, struct em_sample *s,
                  struct em_error *err)
{
	const struct em_synth_axis *axis = &m->o.recording.axis;
	struct em_array counts = {0}, truth = {0};
	struct em_random r;
	int status = -1;

	if (em_array_alloc(&counts, EM_F32, 1, &axis->channels, err) == 0 &&
	    em_array_alloc(&truth, EM_F32, 1, &axis->channels, err) == 0) {
		em_random_seed(&r, m->o.seed, i);
		em_synth_detector_expose(&m->detector, expected, &r, counts.data);
		for (size_t k = 0; k < axis->channels; k++)
			((float *)truth.data)[k] = (float)expected[k];
		em_axis_set(&counts.axis[0], "energy", axis->scale, axis->offset, "eV");
		status = em_sample_take_data(s, &counts, err) || em_sample_set_array(s, "truth", &truth, err) ? -1 : 0;
	}
	em_array_release(&counts);
	em_array_release(&truth);
	return status;
}

int em_synth_reduction_frame(const struct em_synth_reduction *m, size_t i, struct em_sample *s, struct em_error *err)
{
	size_t series = em_synth_reduction_series(m, i), frame = i - m->plan[series].first;
	struct em_synth_instant at = em_synth_reduction_at(m, series, frame);
	double *expected = malloc(m->o.recording.axis.channels * sizeof(*expected));
	int status = -1;

	*s = (struct em_sample){0};
	if (!expected)
		return em_error_memory(err, m->o.recording.axis.channels * sizeof(*expected));
	if (em_synth_loss_expect(&m->loss, &at.specimen, m->o.recording.dose * at.intensity, at.shift, expected, err) ==
	        0 &&
	    describe(m, series, frame, &at, s, err) == 0)
		status = expose(m, i, expected, s, err);
	free(expected);
	if (status)
		em_sample_release(s);
	return status;
}
