/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as saved prototypes: refused with a reason, or they print, and what they print is read as the same. */
#include "vision/prototype.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What they say of the origin. */
static void classify(const struct em_prototypes *p)
{
	float *v = calloc(p->encoder.dim + 1, sizeof(*v));
	double *d = calloc(2 * p->count + 1, sizeof(*d));

	if (v && d)
		em_prototypes_measure(p, v, d, d + p->count, NULL);
	free(v);
	free(d);
}

static void check(const struct em_prototypes *p)
{
	struct em_text first = {0}, second = {0};
	struct em_prototypes again = {0};
	struct em_error err = {0};
	struct em_json *json;

	classify(p);
	if (em_prototypes_print(p, &first, &err) || em_text_check(&first, &err))
		abort();
	json = em_json_parse(em_text_get(&first), first.len, &err);
	if (!json || em_prototypes_parse(&again, json, &err) || em_prototypes_print(&again, &second, &err) ||
	    strcmp(em_text_get(&first), em_text_get(&second)) != 0)
		abort();
	em_json_free(json);
	em_prototypes_release(&again);
	em_text_release(&first);
	em_text_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_prototypes p = {0};
	struct em_error err = {0};
	struct em_json *json = em_json_parse((const char *)data, size, &err);

	if (!json)
		return 0;
	if (!em_prototypes_parse(&p, json, &err))
		check(&p);
	else if (err.kind == EM_ERROR_NONE)
		abort();
	em_json_free(json);
	em_prototypes_release(&p);
	return 0;
}
