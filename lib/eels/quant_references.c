/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/quant.h"

#include "io/input.h"

#include <stdlib.h>
#include <string.h>

void em_quant_references_release(struct em_quant_references *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->at[i].name);
		free(r->at[i].counts);
	}
	free(r->at);
	memset(r, 0, sizeof(*r));
}

static int load(struct em_quant_reference *r, const struct em_array *a, struct em_error *err)
{
	struct em_array f;

	if (a->ndim != 1)
		return em_error_set(err, EM_ERROR_DATA, "a reference is one spectrum, not %d dimensions", a->ndim);
	if (em_energy_of_array(&r->energy, a, err) || em_array_to_f32(&f, a, err))
		return -1;
	r->counts = malloc(em_array_bytes(&f));
	if (r->counts)
		memcpy(r->counts, f.data, em_array_bytes(&f));
	em_array_release(&f);
	return r->counts ? 0 : em_error_memory(err, em_array_bytes(a));
}

static int add(struct em_quant_references *list, const struct em_sample *s, struct em_error *err)
{
	const char *slash = strrchr(s->key, '/'), *name = slash ? slash + 1 : s->key;
	struct em_quant_reference *grown, *r;
	struct em_array view, owned = {0};
	int status;

	if (list->count == EM_UNMIX_REFERENCES_MAX)
		return em_error_set(err, EM_ERROR_DATA, "more than %d references", EM_UNMIX_REFERENCES_MAX);
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->at[i].name, name))
			return em_error_set(err, EM_ERROR_DATA, "two references are named %.200s", name);
	grown = realloc(list->at, (list->count + 1) * sizeof(*grown));
	if (!grown)
		return em_error_memory(err, (list->count + 1) * sizeof(*grown));
	list->at = grown;
	r = memset(&grown[list->count++], 0, sizeof(*r));
	r->name = strdup(name);
	if (!r->name)
		return em_error_memory(err, strlen(s->key));
	status = em_sample_data(s, &view, &owned, err) || load(r, &view, err) ? -1 : 0;
	em_array_release(&owned);
	return status ? em_error_prefix(err, "sample %.200s: ", s->key) : 0;
}

int em_quant_references_read(struct em_quant_references *r, const char *path, struct em_error *err)
{
	const struct em_input_options how = {0};
	struct em_input *in = em_input_open(path, &how, err);
	struct em_sample s = {0};
	int got;

	memset(r, 0, sizeof(*r));
	if (!in)
		return em_error_prefix(err, "%.200s: ", path);
	while ((got = em_input_next(in, &s, err)) > 0) {
		int status = add(r, &s, err);

		em_sample_release(&s);
		if (status) {
			got = -1;
			break;
		}
	}
	em_input_close(in);
	if (!got && !r->count)
		got = em_error_set(err, EM_ERROR_DATA, "no spectrum in it");
	if (got) {
		em_quant_references_release(r);
		return em_error_prefix(err, "%.200s: ", path);
	}
	return 0;
}
