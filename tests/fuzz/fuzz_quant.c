/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as spectra to be quantified: a byte of what is done, one of the shape, a record's JSON up to a newline, and
 * counts.  Whatever the record says of axes and beam and whatever the counts are, it is refused with a reason or told
 * in a record that is JSON.  Or, where the first byte is odd, as a file of references.
 */
#include "eels/quant.h"
#include "fuzz_help.h"
#include "io/meta.h"

#include <math.h>

#define ROOM 4096 /* channels in all */

static struct em_edge edges[EM_EDGES_MAX];
static double factors[EM_EDGES_MAX];

static void as_references(const uint8_t *data, size_t size)
{
	struct em_quant_references r;
	struct em_error err = {0};

	if (em_quant_references_read(&r, file_of(data, size), &err)) {
		check(err.kind != EM_ERROR_NONE && !r.at && !r.count);
		return;
	}
	check(r.count > 0);
	for (size_t i = 0; i < r.count; i++)
		check(*r.at[i].name && r.at[i].counts && r.at[i].energy.channels >= 2 && r.at[i].energy.scale > 0);
	em_quant_references_release(&r);
}

static struct em_quant_options options_of(unsigned what)
{
	struct em_quant_options o = {.edge = edges, .k = factors, .threads = 1, .method = EM_BACKGROUND_LINEAR};

	o.nedges = what & 2 ? 2 : 1;
	o.despike = what & 4;
	o.align = what & 8;
	o.composition = what & 16;
	o.fine = what & 32;
	o.components = what & 64 ? EM_QUANT_SVD : what & 128 ? EM_QUANT_NMF : EM_QUANT_NONE;
	o.deconvolve = (what & 12) == 12;
	return o;
}

/* The record says where its axis lies, as any does. */
static int make_array(struct em_array *a, unsigned shape, const struct em_record *record, const uint8_t *data,
                      size_t size)
{
	const size_t cols = 1 + shape % 4, rows = 1 + (shape >> 2) % 3, channels = size / 2 / (rows * cols);
	const size_t dim[3] = {rows, cols, channels};
	int ndim = rows > 1 ? 3 : cols > 1 ? 2 : 1;

	if (channels < 2 || rows * cols * channels > ROOM || em_array_alloc(a, EM_I16, ndim, dim + 3 - ndim, NULL))
		return -1;
	memcpy(a->data, data, em_array_bytes(a));
	em_axis_set(&a->axis[ndim - 1], "energy", 0.5, 400, "eV");
	em_record_get_axes(record, a);
	return 0;
}

static void describe(struct em_quant *q, struct em_sample *s)
{
	struct em_error err = {0};
	struct em_text text = {0};
	struct em_json *json;

	if (em_quant_count(q) > 1 && em_quant_profile(q, &s->record, "0,0,2,0", 0, &err))
		check(err.kind != EM_ERROR_NONE && *err.text);
	check(!em_quant_describe(q, s, NULL));
	em_record_print(&s->record, &text);
	json = em_json_parse(em_text_get(&text), text.len, NULL);
	check(json && em_json_get(json, "eels"));
	em_json_free(json);
	em_text_release(&text);
}

static void quantify(struct em_sample *s, const struct em_array *a, unsigned what)
{
	const struct em_quant_options o = options_of(what);
	struct em_quant q = {0};
	struct em_error err = {0};

	if (em_quant_run(&q, &o, a, NULL, &s->record, &err))
		check(err.kind != EM_ERROR_NONE && *err.text);
	else
		describe(&q, s);
	em_quant_release(&q);
}

static void as_spectra(unsigned what, unsigned shape, const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	struct em_sample s = {0};
	struct em_array a = {0};

	if (!end || em_record_parse(&s.record, (const char *)data, (size_t)(end - data), NULL))
		return;
	check(!em_sample_set_key(&s, "one", NULL));
	if (!make_array(&a, shape, &s.record, end + 1, (size_t)(data + size - end - 1)))
		quantify(&s, &a, what);
	em_array_release(&a);
	em_sample_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count;

	if (!edges[0].z) {
		check(!em_edges_parse("Ti-L23,O-K", edges, &count, NULL) && count == 2);
		factors[0] = NAN; /* by the model */
		factors[1] = 1;
	}
	if (size < 2)
		return 0;
	if (data[0] & 1)
		as_references(data + 1, size - 1);
	else
		as_spectra(data[0], data[1], data + 2, size - 2);
	return 0;
}
