/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/spectrum.h"

#include "base/fft.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;

struct em_spectrum_plan {
	size_t height, width;
	struct em_fft_plan *fft;
	float *down, *across; /* the window: [height], [width] */
	double window_power;
};

double em_spectrum_window(double x, size_t n)
{
	double taper = EM_SPECTRUM_TAPER * (double)n;
	double depth = fmin(x + 0.5, (double)n - 0.5 - x); /* of the pixel's middle in the frame */

	if (!(depth > 0))
		return 0;
	return depth >= taper ? 1 : pow(sin(PI / 2 * depth / taper), 2);
}

static double squares(size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += pow(em_spectrum_window((double)i, n), 2);
	return sum;
}

double em_spectrum_window_power(size_t height, size_t width)
{
	return squares(height) * squares(width);
}

static float *new_window(size_t n, struct em_error *err)
{
	float *w = malloc(n * sizeof(*w));

	for (size_t i = 0; i < n && w; i++)
		w[i] = (float)em_spectrum_window((double)i, n);
	if (!w)
		em_error_memory(err, n * sizeof(*w));
	return w;
}

struct em_spectrum_plan *em_spectrum_plan_new(size_t height, size_t width, struct em_error *err)
{
	struct em_spectrum_plan *plan;

	if (height < EM_SPECTRUM_LEAST || width < EM_SPECTRUM_LEAST) {
		em_error_set(err, EM_ERROR_DATA, "%zu x %zu pixels are too few to see a lattice: at least %d a side",
		             width, height, EM_SPECTRUM_LEAST);
		return NULL;
	}
	plan = calloc(1, sizeof(*plan));
	if (!plan) {
		em_error_memory(err, sizeof(*plan));
		return NULL;
	}
	plan->height = height;
	plan->width = width;
	plan->fft = em_fft_plan_new_in_place(height, width, err);
	plan->down = plan->fft ? new_window(height, err) : NULL;
	plan->across = plan->down ? new_window(width, err) : NULL;
	if (!plan->across) {
		em_spectrum_plan_free(plan);
		return NULL;
	}
	plan->window_power = em_spectrum_window_power(height, width);
	return plan;
}

void em_spectrum_plan_free(struct em_spectrum_plan *plan)
{
	if (!plan)
		return;
	em_fft_plan_free(plan->fft);
	free(plan->down);
	free(plan->across);
	free(plan);
}

/* ---- one frame ---- */

#define LANES 8 /* sums side by side: a single one waits for itself */

static double sum_of(const float *v, size_t n)
{
	double lane[LANES] = {0}, sum = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lane[k] += (double)v[i + k];
	for (; i < n; i++)
		sum += (double)v[i];
	for (size_t k = 0; k < LANES; k++)
		sum += lane[k];
	return sum;
}

static float squares_of(const float *v, size_t n)
{
	float lane[LANES] = {0}, sum = 0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		for (size_t k = 0; k < LANES; k++)
			lane[k] += v[i + k] * v[i + k];
	for (; i < n; i++)
		sum += v[i] * v[i];
	for (size_t k = 0; k < LANES; k++)
		sum += lane[k];
	return sum;
}

/* The sum of what is finite in a row, and how many that is. */
static double sum_row(const float *v, size_t n, size_t *count)
{
	double sum = sum_of(v, n);

	*count = n;
	if (isfinite(sum)) /* doubles hold any sum of finite floats */
		return sum;
	sum = 0;
	*count = 0;
	for (size_t i = 0; i < n; i++)
		if (isfinite(v[i])) {
			sum += (double)v[i];
			++*count;
		}
	return sum;
}

/* What pixels that can take no more are at; NaN where that is not known. */
static float limit_of(enum em_dtype dtype)
{
	return dtype == EM_U8 ? UINT8_MAX : dtype == EM_U16 ? UINT16_MAX : dtype == EM_I16 ? INT16_MAX : NAN;
}

static size_t count_saturated(const float *v, size_t n, float limit)
{
	unsigned count = 0;

	for (size_t i = 0; i < n; i++)
		count += v[i] >= limit;
	return count;
}

static int measure(struct em_spectrum *s, const struct em_array *frame, struct em_error *err)
{
	const float limit = limit_of(frame->dtype);
	float *row = s->value; /* nothing is in it yet */
	double sum = 0;
	size_t count = 0, n;

	for (size_t y = 0; y < s->height; y++, count += n) {
		em_array_read_f32(frame, y * s->width, s->width, row);
		sum += sum_row(row, s->width, &n);
		s->saturated += count_saturated(row, s->width, limit);
	}
	if (!count)
		return em_error_set(err, EM_ERROR_DATA, "no pixel of the frame is a finite number");
	s->mean = sum / (double)count;
	s->gaps = s->height * s->width - count;
	return 0;
}

/* value = window (frame - mean); and the variance. */
static void apply(const struct em_spectrum_plan *plan, struct em_spectrum *s, const struct em_array *frame)
{
	const float mean = (float)s->mean, *restrict across = plan->across;
	double sum = 0;

	for (size_t y = 0; y < s->height; y++) {
		float *restrict to = s->value + 2 * y * s->columns, w = plan->down[y];

		em_array_read_f32(frame, y * s->width, s->width, to);
		for (size_t x = 0; x < s->width && s->gaps; x++)
			if (!isfinite(to[x]))
				to[x] = mean;
		for (size_t x = 0; x < s->width; x++)
			to[x] = w * across[x] * (to[x] - mean);
		sum += (double)squares_of(to, s->width);
	}
	s->variance = sum / plan->window_power;
}

int em_spectrum_init_part(struct em_spectrum *s, const struct em_spectrum_plan *plan, const struct em_array *frame,
                          const bool *wanted, struct em_error *err)
{
	struct em_spectrum made = {.height = plan->height, .width = plan->width, .columns = plan->width / 2 + 1};

	if (frame->ndim != 2 || frame->shape[0] != plan->height || frame->shape[1] != plan->width)
		return em_error_set(err, EM_ERROR_DATA, "a frame of %zu x %zu pixels among frames of %zu x %zu",
		                    frame->ndim == 2 ? frame->shape[1] : 0, frame->ndim == 2 ? frame->shape[0] : 0,
		                    plan->width, plan->height);
	made.value = em_fft_alloc(plan->height * made.columns * 2, err);
	if (!made.value || measure(&made, frame, err)) {
		em_spectrum_release(&made);
		return -1;
	}
	apply(plan, &made, frame);
	em_fft_forward_in_place(plan->fft, made.value, wanted);
	*s = made;
	return 0;
}

int em_spectrum_init(struct em_spectrum *s, const struct em_spectrum_plan *plan, const struct em_array *frame,
                     struct em_error *err)
{
	return em_spectrum_init_part(s, plan, frame, NULL, err);
}

size_t em_spectrum_pieces(size_t width)
{
	return width / 2 / EM_FFT_PIECE + 1;
}

void em_spectrum_want(bool *wanted, size_t from, size_t to)
{
	for (size_t i = from / EM_FFT_PIECE; i <= to / EM_FFT_PIECE; i++)
		wanted[i] = true;
}

void em_spectrum_release(struct em_spectrum *s)
{
	em_fft_free(s->value);
	*s = (struct em_spectrum){0};
}

void em_spectrum_add_power(const struct em_spectrum *s, double *sum)
{
	for (size_t i = 0; i < s->height * s->columns; i++) {
		double re = (double)s->value[2 * i], im = (double)s->value[2 * i + 1];

		sum[i] += re * re + im * im;
	}
}
