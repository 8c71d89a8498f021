/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fft.h"

#include <fftw3.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct em_fft_plan {
	fftwf_plan plan;  /* in place and complex: of the rows */
	fftwf_plan piece; /* in place: of EM_FFT_PIECE columns; complex: of the first ones */
	fftwf_plan rest;  /* in place: of the columns left over; complex: of the last ones */
	size_t columns;   /* in place: all; complex: before the last ones */
};

static const double PI = 3.14159265358979323846;

/* FFTW's planner keeps state of its own: one thread in it at a time. Executing a plan needs no lock. */
static pthread_mutex_t planner = PTHREAD_MUTEX_INITIALIZER;

/* FFTW counts in int, and the floats of the half plane must be addressable. */
static int check_size(size_t height, size_t width, struct em_error *err)
{
	size_t row;

	if (height < 1 || width < 1)
		return em_error_set(err, EM_ERROR_USAGE, "a Fourier transform needs at least one row and one column");
	row = 4 * width + 4;
	if (height > INT_MAX || width > INT_MAX - 2 || row > SIZE_MAX / sizeof(float) / height)
		return em_error_set(err, EM_ERROR_DATA, "%zu x %zu is too large for a Fourier transform", height,
		                    width);
	return 0;
}

enum way { FORWARD, INVERSE };

/* a: the image; b: the half plane. */
static fftwf_plan make_plan(size_t height, size_t width, enum way way, float *a, float *b)
{
	fftwf_complex *half = (fftwf_complex *)(void *)b;
	const unsigned how = FFTW_ESTIMATE | FFTW_DESTROY_INPUT;
	const int h = (int)height, w = (int)width;
	fftwf_plan plan;

	pthread_mutex_lock(&planner);
	plan = way == FORWARD ? fftwf_plan_dft_r2c_2d(h, w, a, half, how) : fftwf_plan_dft_c2r_2d(h, w, half, a, how);
	pthread_mutex_unlock(&planner);
	return plan;
}

static struct em_fft_plan *new_plan(size_t height, size_t width, enum way way, struct em_error *err)
{
	struct em_fft_plan *plan;
	float *in = NULL, *out = NULL;

	if (check_size(height, width, err) < 0)
		return NULL;
	plan = calloc(1, sizeof(*plan));
	if (plan == NULL) {
		em_error_memory(err, sizeof(*plan));
		return NULL;
	}
	/* The planner looks at the arrays' alignment only: FFTW_ESTIMATE neither reads nor writes them. */
	in = em_fft_alloc(height * width, err);
	if (in != NULL)
		out = em_fft_alloc(height * 2 * (width / 2 + 1), err);
	if (out != NULL) {
		plan->plan = make_plan(height, width, way, in, out);
		if (plan->plan == NULL)
			em_error_memory(err, height * width * sizeof(float));
	}
	em_fft_free(in);
	em_fft_free(out);
	if (plan->plan == NULL) {
		free(plan);
		return NULL;
	}
	return plan;
}

struct em_fft_plan *em_fft_plan_new(size_t height, size_t width, struct em_error *err)
{
	return new_plan(height, width, FORWARD, err);
}

/* Of n columns, in place, of arrays so wide. */
static fftwf_plan plan_columns(fftwf_complex *first, size_t height, size_t n, size_t width, int sign)
{
	const int h = (int)height, stride = (int)width;

	return fftwf_plan_many_dft(1, &h, (int)n, first, NULL, stride, 1, first, NULL, stride, 1, sign, FFTW_ESTIMATE);
}

static bool plan_in_place(struct em_fft_plan *plan, size_t height, size_t width, float *data)
{
	const size_t n = width / 2 + 1, rest = n % EM_FFT_PIECE;
	const int w = (int)width;
	fftwf_complex *f = (fftwf_complex *)(void *)data;

	plan->columns = n;
	plan->plan =
	    fftwf_plan_many_dft_r2c(1, &w, (int)height, data, NULL, 1, 2 * (int)n, f, NULL, 1, (int)n, FFTW_ESTIMATE);
	plan->piece = plan_columns(f, height, n < EM_FFT_PIECE ? n : EM_FFT_PIECE, n, FFTW_FORWARD);
	plan->rest = rest ? plan_columns(f, height, rest, n, FFTW_FORWARD) : NULL;
	return plan->plan && plan->piece && (plan->rest || !rest);
}

static bool plan_complex(struct em_fft_plan *plan, size_t height, size_t width, size_t reach, float *data)
{
	const bool apart = reach < (width + 1) / 2;
	const int w = (int)width;
	fftwf_complex *in = (fftwf_complex *)(void *)data, *out = in + height * width;

	plan->columns = apart ? width - reach : width;
	plan->plan =
	    fftwf_plan_many_dft(1, &w, (int)height, in, NULL, 1, w, out, NULL, 1, w, FFTW_BACKWARD, FFTW_ESTIMATE);
	plan->piece = plan_columns(in, height, apart ? reach : width, width, FFTW_BACKWARD);
	plan->rest = apart ? plan_columns(in + plan->columns, height, reach, width, FFTW_BACKWARD) : NULL;
	return plan->plan && plan->piece && (plan->rest || !apart);
}

/* A plan in parts, of rows and of columns; reach 0: in place. */
static struct em_fft_plan *new_parts(size_t height, size_t width, size_t reach, struct em_error *err)
{
	struct em_fft_plan *plan = check_size(height, width, err) ? NULL : calloc(1, sizeof(*plan));
	const size_t floats = 4 * height * width + 4 * height;
	float *data = plan ? em_fft_alloc(floats, err) : NULL;
	bool whole = false;

	if (data) {
		pthread_mutex_lock(&planner);
		whole =
		    reach ? plan_complex(plan, height, width, reach, data) : plan_in_place(plan, height, width, data);
		pthread_mutex_unlock(&planner);
	}
	em_fft_free(data);
	if (whole)
		return plan;
	if (data)
		em_error_memory(err, floats * sizeof(float));
	em_fft_plan_free(plan);
	return NULL;
}

struct em_fft_plan *em_fft_plan_new_in_place(size_t height, size_t width, struct em_error *err)
{
	return new_parts(height, width, 0, err);
}

struct em_fft_plan *em_fft_plan_new_complex(size_t height, size_t width, size_t reach, struct em_error *err)
{
	return new_parts(height, width, reach ? reach : width, err);
}

struct em_fft_plan *em_fft_plan_new_inverse(size_t height, size_t width, struct em_error *err)
{
	return new_plan(height, width, INVERSE, err);
}

void em_fft_plan_free(struct em_fft_plan *plan)
{
	if (plan == NULL)
		return;
	pthread_mutex_lock(&planner);
	fftwf_destroy_plan(plan->plan);
	fftwf_destroy_plan(plan->piece);
	fftwf_destroy_plan(plan->rest);
	pthread_mutex_unlock(&planner);
	free(plan);
}

float *em_fft_alloc(size_t floats, struct em_error *err)
{
	float *p = floats > SIZE_MAX / sizeof(*p) ? NULL : fftwf_malloc((floats > 0 ? floats : 1) * sizeof(*p));

	if (p == NULL)
		em_error_memory(err, (unsigned long long)floats * sizeof(*p));
	return p;
}

void em_fft_free(float *p)
{
	fftwf_free(p);
}

void em_fft_forward(const struct em_fft_plan *plan, float *in, float *out)
{
	fftwf_execute_dft_r2c(plan->plan, in, (fftwf_complex *)(void *)out);
}

void em_fft_forward_in_place(const struct em_fft_plan *plan, float *data, const bool *wanted)
{
	fftwf_execute_dft_r2c(plan->plan, data, (fftwf_complex *)(void *)data);
	for (size_t i = 0; i < plan->columns; i += EM_FFT_PIECE) {
		fftwf_complex *at = (fftwf_complex *)(void *)(data + 2 * i);

		if (!wanted || wanted[i / EM_FFT_PIECE])
			fftwf_execute_dft(plan->columns - i < EM_FFT_PIECE ? plan->rest : plan->piece, at, at);
	}
}

void em_fft_inverse(const struct em_fft_plan *plan, float *in, float *out)
{
	fftwf_execute_dft_c2r(plan->plan, (fftwf_complex *)(void *)in, out);
}

void em_fft_complex_inverse(const struct em_fft_plan *plan, float *in, float *out)
{
	fftwf_complex *from = (fftwf_complex *)(void *)in, *last = from + plan->columns;

	fftwf_execute_dft(plan->piece, from, from);
	if (plan->rest)
		fftwf_execute_dft(plan->rest, last, last);
	fftwf_execute_dft(plan->plan, from, (fftwf_complex *)(void *)out);
}

void em_fft_power(const float *spectrum, size_t height, size_t width, float *power)
{
	size_t n = height * (width / 2 + 1);

	for (size_t i = 0; i < n; i++)
		power[i] = spectrum[2 * i] * spectrum[2 * i] + spectrum[2 * i + 1] * spectrum[2 * i + 1];
}

void em_fft_hann(float *w, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double s = sin(PI * ((double)i + 0.5) / (double)n);

		w[i] = (float)(s * s);
	}
}
