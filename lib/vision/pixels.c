/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The picture at 16 x 16: each component is the mean of its sixteenth by sixteenth of the image, pixels that lie across
 * a border counted by the part of their area that lies inside.  Small images are enlarged by the same rule. */
#include "vision/encoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE EM_PIXELS_SIDE

/* The parts of pixels first..last that lie in box i of SIDE over n pixels: all whole but the two at the ends. */
struct span {
	size_t first, last;
	double head, tail; /* of pixel `first`, of pixel `last` (when another) */
};

/* In units of 1 / SIDE of a pixel box i is [i n, (i + 1) n) and pixel p is [p SIDE, (p + 1) SIDE): exact integers. */
static struct span span_of(size_t i, size_t n)
{
	size_t begin = i * n, end = (i + 1) * n;
	struct span s = {.first = begin / SIDE, .last = (end - 1) / SIDE};

	if (s.first == s.last) {
		s.head = (double)n / SIDE;
	} else {
		s.head = (double)((s.first + 1) * SIDE - begin) / SIDE;
		s.tail = (double)(end - s.last * SIDE) / SIDE;
	}
	return s;
}

static void shrink_row(const float *row, size_t width, double out[SIDE])
{
	for (size_t i = 0; i < SIDE; i++) {
		struct span s = span_of(i, width);
		double sum = s.head * (double)row[s.first];

		for (size_t x = s.first + 1; x < s.last; x++)
			sum += (double)row[x];
		if (s.last > s.first)
			sum += s.tail * (double)row[s.last];
		out[i] = sum * SIDE / (double)width;
	}
}

static void shrink(const float *v, size_t height, size_t width, double out[EM_PIXELS_DIM])
{
	double row[SIDE];

	memset(out, 0, EM_PIXELS_DIM * sizeof(out[0]));
	for (size_t i = 0; i < SIDE; i++) {
		struct span s = span_of(i, height);

		for (size_t y = s.first; y <= s.last; y++) {
			double part = y == s.first ? s.head : y == s.last ? s.tail : 1;

			shrink_row(v + y * width, width, row);
			for (size_t k = 0; k < SIDE; k++)
				out[i * SIDE + k] += part * row[k] * SIDE / (double)height;
		}
	}
}

/* Differences below float32's resolution of the values are rounding, not picture. */
static void standardise(const double in[EM_PIXELS_DIM], float out[EM_PIXELS_DIM])
{
	double mean = 0, var = 0, sd;

	for (size_t i = 0; i < EM_PIXELS_DIM; i++)
		mean += in[i] / EM_PIXELS_DIM;
	for (size_t i = 0; i < EM_PIXELS_DIM; i++)
		var += (in[i] - mean) * (in[i] - mean) / EM_PIXELS_DIM;
	sd = sqrt(var);
	for (size_t i = 0; i < EM_PIXELS_DIM; i++)
		out[i] = sd > 1e-7 * fabs(mean) ? (float)((in[i] - mean) / sd) : 0;
}

static int encode(const struct em_encoder *encoder, const struct em_array *image, float *out, struct em_error *err)
{
	struct em_array pixels = {0};
	double mean, unit, small[EM_PIXELS_DIM];

	(void)encoder;
	if (em_encoder_load(image, &pixels, &mean, &unit, err) < 0)
		return -1;
	shrink(pixels.data, pixels.shape[0], pixels.shape[1], small);
	standardise(small, out);
	em_array_release(&pixels);
	return 0;
}

static void release(struct em_encoder *encoder)
{
	free(encoder);
}

struct em_encoder *em_pixels_new(enum em_precision precision, struct em_error *err)
{
	static const char parameters[] = "pixels-1 side=16 filter=area mean=0 sd=1 gaps=mean";
	struct em_encoder *e = malloc(sizeof(*e));

	(void)precision;
	if (e == NULL) {
		em_error_memory(err, sizeof(*e));
		return NULL;
	}
	*e = (struct em_encoder){
		.name = "pixels-1", .dim = EM_PIXELS_DIM, .batch = 1, .encode = encode, .free = release};
	em_digest_sha256_hex(parameters, strlen(parameters), e->digest);
	return e;
}
