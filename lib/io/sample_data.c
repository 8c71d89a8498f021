/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures, spectra and data cubes alike: what a sample is about. */
#include "io/npy.h"
#include "io/stream.h"

#include <stdint.h>
#include <string.h>

static bool is_image_type(enum em_dtype dtype)
{
	return dtype == EM_U8 || dtype == EM_U16 || dtype == EM_I16 || dtype == EM_I32 || dtype == EM_F32;
}

/* A line of spectra is no picture, though it has two dimensions. */
static bool is_image(const struct em_array *a)
{
	return a->ndim == 2 && strcmp(a->axis[1].name, "energy") && strcmp(a->axis[1].name, "wavelength");
}

int em_sample_set_spectra(struct em_sample *s, const struct em_array *a, struct em_error *err)
{
	const struct em_member *m = em_sample_member(s, a->ndim == 1 ? "spectrum.npy" : "data.npy");
	uintptr_t bytes = (uintptr_t)(m ? m->data : NULL), data = (uintptr_t)a->data;
	struct em_text axes = {0};
	int status;

	em_record_put_axes(&axes, a);
	status = em_record_set_text(&s->record, "axes", &axes, err);
	em_text_release(&axes);
	if (status)
		return -1;
	if (!(m && data > bytes && data < bytes + m->size) && /* it lies there already */
	    em_sample_set_array(s, a->ndim == 1 ? "spectrum" : "data", a, err))
		return -1;
	em_sample_remove_member(s, "tif");
	em_record_remove(&s->record, "image");
	return 0;
}

int em_sample_take_data(struct em_sample *s, struct em_array *a, struct em_error *err)
{
	struct em_array image;
	int status;

	if (is_image(a) && is_image_type(a->dtype))
		return em_sample_take_image(s, a, err);
	if (is_image(a))
		status = em_array_to_image_type(&image, a, err) ? -1 : em_sample_take_image(s, &image, err);
	else
		status = em_sample_set_spectra(s, a, err);
	em_array_release(a);
	return status;
}

int em_sample_data(const struct em_sample *s, struct em_array *view, struct em_array *owned, struct em_error *err)
{
	static const char *const names[][2] = {{"spectrum", "spectrum.npy"}, {"data", "data.npy"}};

	if (em_sample_has_image(s))
		return em_sample_image_view(s, view, owned, err);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct em_member *m = em_sample_member(s, names[i][1]);

		if (!m)
			continue;
		*owned = (struct em_array){0};
		if (!em_npy_view((struct em_blob){m->data, m->size}, view)) {
			if (em_sample_array(s, names[i][0], owned, err))
				return -1;
			*view = *owned;
		}
		em_record_get_axes(&s->record, view);
		return 0;
	}
	return em_error_set(err, EM_ERROR_DATA, "neither an image nor a spectrum in this sample");
}
