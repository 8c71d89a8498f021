/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/encoder.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

static const struct em_encoder_kind kinds[] = {
    {"em-small", "trained on synthetic micrographs: a small network beside the power spectrum", em_small_new},
    {"spectral", "texture: intensity moments and the power spectrum by frequency and direction", em_spectral_new},
    {"pixels", "the picture itself at 16 x 16 pixels: a baseline", em_pixels_new},
};

const struct em_encoder_kind *em_encoder_kind_at(size_t i)
{
	return i < sizeof(kinds) / sizeof(kinds[0]) ? &kinds[i] : NULL;
}

static struct em_encoder *create(const struct em_encoder_kind *kind, enum em_precision precision, struct em_error *err)
{
	struct em_encoder *e = kind->create(precision, err);

	if (!e || e->precision || precision == EM_PRECISION_AUTO)
		return e;
	em_encoder_free(e);
	em_error_set(err, EM_ERROR_USAGE, "%s is no network: it has no precision", kind->name);
	return NULL;
}

struct em_encoder *em_encoder_new(const char *name, enum em_precision precision, struct em_error *err)
{
	struct em_text known = {0};

	for (size_t i = 0; em_encoder_kind_at(i) != NULL; i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			em_text_release(&known);
			return create(&kinds[i], precision, err);
		}
		em_text_printf(&known, "%s%s", i > 0 ? ", " : "", kinds[i].name);
	}
	em_error_set(err, EM_ERROR_USAGE, "no encoder is called '%s'; there are: %s, and files *.safetensors", name,
	             em_text_get(&known));
	em_text_release(&known);
	return NULL;
}

void em_encoder_free(struct em_encoder *encoder)
{
	if (encoder != NULL)
		encoder->free(encoder);
}

static double unit_of(enum em_dtype dtype)
{
	switch (dtype) {
	case EM_U8: return 1. / 255.;
	case EM_I8: return 1. / 127.;
	case EM_U16: return 1. / 65535.;
	case EM_I16: return 1. / 32767.;
	case EM_U32: return 1. / 4294967295.;
	case EM_I32: return 1. / 2147483647.;
	case EM_U64: return 1. / 18446744073709551615.;
	case EM_I64: return 1. / 9223372036854775807.;
	default: return 1.;
	}
}

/* Four running sums: one alone waits for each addition before the next. The order is fixed, so are the bits. */
double em_encoder_sum(const float *v, size_t n)
{
	double s[4] = {0};
	size_t i;

	for (i = 0; i + 4 <= n; i += 4)
		for (size_t k = 0; k < 4; k++)
			s[k] += (double)v[i + k];
	for (; i < n; i++)
		s[0] += (double)v[i];
	return (s[0] + s[1]) + (s[2] + s[3]);
}

double em_encoder_squares(const float *v, size_t n, double mean)
{
	double s[4] = {0};
	size_t i;

	for (i = 0; i + 4 <= n; i += 4)
		for (size_t k = 0; k < 4; k++)
			s[k] += ((double)v[i + k] - mean) * ((double)v[i + k] - mean);
	for (; i < n; i++)
		s[0] += ((double)v[i] - mean) * ((double)v[i] - mean);
	return (s[0] + s[1]) + (s[2] + s[3]);
}

static double fill_gaps(float *v, size_t n)
{
	double sum = 0, mean;
	size_t good = 0;

	for (size_t i = 0; i < n; i++)
		if (isfinite(v[i])) {
			sum += (double)v[i];
			good++;
		}
	mean = good > 0 ? sum / (double)good : 0;
	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			v[i] = (float)mean;
	return mean;
}

int em_encoder_load(const struct em_array *image, struct em_array *pixels, double *mean, double *unit,
                    struct em_error *err)
{
	size_t n = em_array_count(image);
	double sum;

	if (image->ndim != 2 || n == 0)
		return em_error_set(err, EM_ERROR_DATA, "an encoder needs a 2-D image with at least one pixel");
	if (em_array_to_f32(pixels, image, err) < 0)
		return -1;
	sum = em_encoder_sum(pixels->data, n);
	/* A double cannot overflow here: the sum is finite exactly when all pixels are. */
	*mean = isfinite(sum) ? sum / (double)n : fill_gaps(pixels->data, n);
	*unit = unit_of(image->dtype);
	return 0;
}
