/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The drift of the frames of files, in the order named: `drift FILE...` prints y, x (px) and the quality, a line a
 * frame.  `drift -t FILE...` then also, on stderr, the milliseconds of processor time that a frame's drift took and the
 * forward transform of its size, the medians of all frames.
 */
#include "base/fft.h"
#include "crystal/drift.h"
#include "io/input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST 4096

static struct em_spectrum_plan *plan;
static struct em_drift *drift;
static struct em_fft_plan *fft;
static double took[2][MOST];
static size_t frames;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static double time_transform(const struct em_spectrum *s, struct em_error *err)
{
	float *in = em_fft_alloc(s->height * s->width, err), *out = em_fft_alloc(s->height * s->columns * 2, err);
	double begin = 0;

	if (in && out) {
		memset(in, 0, s->height * s->width * sizeof(*in));
		memset(out, 0, s->height * s->columns * 2 * sizeof(*out));
		begin = now();
		em_fft_forward(fft, in, out);
		begin = now() - begin;
	}
	em_fft_free(in);
	em_fft_free(out);
	return begin;
}

static int follow(const struct em_array *a, struct em_error *err)
{
	struct em_spectrum s;
	double at[2], quality, begin;

	if (!plan) {
		plan = em_spectrum_plan_new(a->shape[0], a->shape[1], err);
		drift = plan ? em_drift_new(a->shape[0], a->shape[1], err) : NULL;
		fft = drift ? em_fft_plan_new(a->shape[0], a->shape[1], err) : NULL;
	}
	if (!fft || em_spectrum_init(&s, plan, a, err))
		return -1;
	begin = now();
	if (em_drift_next(drift, &s, at, &quality, err))
		return -1;
	if (frames < MOST) {
		took[0][frames] = now() - begin;
		took[1][frames++] = time_transform(&s, err);
	}
	printf("%.4f %.4f %.4f\n", at[0], at[1], quality);
	em_spectrum_release(&s);
	return 0;
}

static int read_file(const char *path, struct em_error *err)
{
	struct em_input_options options = {0};
	struct em_input *in = em_input_open(path, &options, err);
	struct em_sample s = {0};
	int status = in ? 1 : -1;

	while (in && (status = em_input_next(in, &s, err)) > 0) {
		struct em_array a = {0};

		if (em_sample_image(&s, &a, err) || follow(&a, err))
			status = -1;
		em_array_release(&a);
		em_sample_release(&s);
		if (status < 0)
			break;
	}
	em_input_close(in);
	return status;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	bool timed = argc > 1 && !strcmp(argv[1], "-t");
	struct em_error err = {0};

	for (int i = timed ? 2 : 1; i < argc; i++)
		if (read_file(argv[i], &err) < 0) {
			fprintf(stderr, "%s: %s\n", argv[i], err.text);
			return 1;
		}
	for (int k = 0; k < 2; k++)
		qsort(took[k], frames, sizeof(double), compare);
	if (timed && frames > 0)
		fprintf(stderr, "%zu frames, drift %.3f ms, transform %.3f ms\n", frames, took[0][frames / 2],
		        took[1][frames / 2]);
	return 0;
}
