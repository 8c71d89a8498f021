/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of em_quant_run; internal. */
#ifndef EM_EELS_QUANT_PARTS_H
#define EM_EELS_QUANT_PARTS_H

#include "eels/quant.h"

/* One more line for people. */
void em_quant_warn(const struct em_quant *q, const char *fmt, ...) EM_PRINTF(2, 3);

/* A window off the axis, more components than spectra: faults of the request as much as of the data, and another sample
 * may suit.  Makes EM_ERROR_USAGE into EM_ERROR_DATA; -1. */
int em_quant_blame_data(struct em_error *err);

/* Fills q->edge, the windows placed, and q->gain. */
int em_quant_measure_edges(struct em_quant *q, struct em_error *err);
/* Where the sum's edges rise: rise and misplaced of each, and warnings. */
void em_quant_find_rises(struct em_quant *q);
/* What misplaced means, in one line.  Returns text. */
char *em_quant_explain_rise(const struct em_quant_edge *e, char *text, size_t size);
/* Of one place, as the maps have it; EM_ERROR_MEMORY alone. */
int em_quant_measure_at(const struct em_quant *q, const struct em_net_plan *plan, size_t place, struct em_net *net);
/* The edges' single, single_error and below, and the maps. */
int em_quant_measure_single(struct em_quant *q, const struct em_record *record, struct em_error *err);
/* What the options say of the beam, or else the record.  EM_ERROR_DATA: neither does. */
int em_quant_find_beam(const struct em_quant *q, const struct em_record *record, struct em_sigma_beam *beam,
                       struct em_error *err);
/* Fills q->element. */
int em_quant_compose(struct em_quant *q, const struct em_record *record, struct em_error *err);

/* q->amount, q->component and what the record says of them, in q->more. */
int em_quant_unmix(struct em_quant *q, struct em_error *err);

/* Fine structure of all edges: q->fine, and "fine" in q->more; and the maps of it into a sample. */
int em_quant_measure_fine(struct em_quant *q, struct em_error *err);
int em_quant_set_fine(const struct em_quant *q, struct em_sample *s, struct em_error *err);

/* A reference on another axis, out[e->channels]: between its channels on a straight line; NAN beyond them. */
void em_quant_resample(const struct em_quant_reference *r, const struct em_energy *e, float *out);

/* Into JSON: "NAME":v, and "NAME":v,"NAME_u":error. */
void em_quant_put(struct em_text *t, const char *name, double v);
void em_quant_put_with_error(struct em_text *t, const char *name, double v, double error);

/* The plan of an edge with q->gain, or another; a fault of the windows is one of the data (other samples may suit). */
struct em_net_plan *em_quant_plan(const struct em_quant *q, const struct em_edge *edge, double gain,
                                  struct em_error *err);

#endif
