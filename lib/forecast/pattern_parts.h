/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What pattern.c and pattern_doubt.c share. */
#ifndef EM_FORECAST_PATTERN_PARTS_H
#define EM_FORECAST_PATTERN_PARTS_H

#include "forecast/pattern.h"

#define EM_PATTERN_CHUNK 128 /* channels that are worked on together */

struct em_fft_plan;

struct em_pattern_fit {
	const struct em_pattern_spectra *s;
	size_t count, n, rank;
	size_t first, end; /* of the data that all spectra have */
	float *v;          /* [rank][n]: the components in these, orthonormal */
	float *u;          /* [rank][count]: the scores, made orthonormal */
	float *model;      /* [count][n]: by the noise; 0 where nothing was measured */
	float *slope;      /* [count][n]: its derivative, beside the components */
	float *x;          /* [count][n]: a residual, or what a pattern makes of the model */
	double *bend;      /* [count]: squares of slopes */
	double noise;      /* variance of a weighted datum, as long waves have it */
	double prior;      /* 1 / variance of g, by the noise */
	double *weight;    /* [n / 2 + 1]: what is known of each wave, by the noise */
	float *left;       /* [count][n]: the residual, where doubt is asked for; */
	double *said;      /* [count]: what each spectrum says of a wave */
	/* of one product; in: g[n], then a shift for each spectrum */
	const double *in;
	double *out;
	struct em_fft_plan *forward, *inverse;
	float *wave, *half; /* of the transforms; wave is g, too */
};

float em_pattern_dot(const float *a, const float *b, size_t n);
/* f->x = F f->in: what pattern and shifts change in each spectrum, less what scores take up. */
void em_pattern_expect(struct em_pattern_fit *f);
/* f->x, less what components take up in each channel. */
void em_pattern_leave_scores(struct em_pattern_fit *f);
/* out = (F^T F + prior) in; shifts that nothing is known of stay where they are. */
void em_pattern_multiply(struct em_pattern_fit *f, const double *in, double *out);
/*
 * What flat leaves open.  left: of the equations what was not solved, of channels and shifts, which is made up for
 * along what is known least, where the iteration is slow.  Where series disagree flat gives way, as their data are
 * worth less.
 */
int em_pattern_find_doubt(struct em_pattern_fit *f, const double *left, double *flat, struct em_pattern_doubt *doubt,
                          struct em_error *err);

#endif
