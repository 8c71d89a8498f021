/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as em-small's weights: refused with a reason, or a picture gets finite numbers from them or none. */
#include "vision/small.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define SIDE 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void embed(const struct em_encoder *e)
{
	float *out = malloc(e->dim * sizeof(*out));
	struct em_error err = {0};
	struct em_array image;

	if (!out || em_array_alloc_image(&image, EM_U8, SIDE, SIDE, NULL))
		abort();
	for (size_t i = 0; i < SIDE * SIDE; i++)
		((uint8_t *)image.data)[i] = (uint8_t)(i * i % 251);
	if (!e->encode(e, &image, out, &err)) {
		for (size_t i = 0; i < e->dim; i++)
			if (!isfinite(out[i]))
				abort();
	} else if (err.kind == EM_ERROR_NONE) {
		abort();
	}
	em_array_release(&image);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct em_error err = {0};
	struct em_safetensors *file = em_safetensors_new((struct em_blob){data, size}, &err);
	struct em_encoder *e = file ? em_small_open(file, EM_PRECISION_AUTO, &err) : NULL;

	if (e)
		embed(e);
	else if (err.kind == EM_ERROR_NONE)
		abort();
	em_encoder_free(e);
	em_safetensors_free(file);
	return 0;
}
