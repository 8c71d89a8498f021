/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as a file of weights: refused with a reason, or every tensor lies within them and no two share a byte. */
#include "io/safetensors.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_tensor(const struct em_tensor *t)
{
	float *v = malloc((t->count + 1) * sizeof(*v));
	struct em_error err = {0};

	if (!v)
		return;
	if (em_tensor_load(t, v, &err)) {
		if (err.kind != EM_ERROR_DATA)
			abort();
	} else {
		for (size_t i = 0; i < t->count; i++)
			if (!isfinite(v[i]))
				abort();
	}
	free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_error err = {0};
	struct em_safetensors *f = em_safetensors_new((struct em_blob){data, size}, &err);
	const struct em_tensor *t;
	size_t total = 0;

	if (!f) {
		if (err.kind == EM_ERROR_NONE)
			abort();
		return 0;
	}
	for (size_t i = 0; (t = em_safetensors_at(f, i)); i++) {
		if (t->data < data || t->size > (size_t)(data + size - t->data) || em_safetensors_find(f, t->name) != t)
			abort();
		total += t->size;
		use_tensor(t);
	}
	if (total > size)
		abort();
	em_safetensors_metadata(f, "input_size");
	em_safetensors_free(f);
	return 0;
}
