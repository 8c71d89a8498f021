/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/align.h"

#include "base/parallel.h"
#include "eels/zeroloss.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Cubic convolution, a = -1/2: weights of in[j - 1] .. in[j + 2] for channel j + f. */
static void weigh(double f, double h[4])
{
	h[0] = f * (-0.5 + f * (1 - 0.5 * f));
	h[1] = 1 + f * f * (-2.5 + 1.5 * f);
	h[2] = f * (0.5 + f * (2 - 1.5 * f));
	h[3] = f * f * (-0.5 + 0.5 * f);
}

/* Channel i comes from i + the whole number returned + f. */
static ptrdiff_t split(double channels, double *f)
{
	double below = floor(-channels);

	*f = -channels - below;
	return (ptrdiff_t)below;
}

/* A channel of in, and one beyond either end on the parabola through the last three, as Keys has it. */
static double tap(const float *in, size_t n, ptrdiff_t i)
{
	if (i >= 0 && i < (ptrdiff_t)n)
		return in[i];
	if (n < 3)
		return in[i < 0 ? 0 : n - 1];
	return i < 0 ? 3.0 * in[0] - 3.0 * in[1] + in[2] : 3.0 * in[n - 1] - 3.0 * in[n - 2] + in[n - 3];
}

void em_shift_spectrum(const float *in, size_t n, double channels, float fill, float *out)
{
	bool within = fabs(channels) <= (double)n;
	double f = 0, h[4];
	ptrdiff_t by = within ? split(channels, &f) : 0, last = (ptrdiff_t)n - (f > 0 ? 1 : 0);

	weigh(f, h);
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t j = (ptrdiff_t)i + by;

		if (!within || j < 0 || j >= last)
			out[i] = fill;
		else if (f == 0)
			out[i] = in[j];
		else if (j >= 1 && j + 2 < (ptrdiff_t)n)
			out[i] = (float)(h[0] * in[j - 1] + h[1] * in[j] + h[2] * in[j + 1] + h[3] * in[j + 2]);
		else
			out[i] = (float)(h[0] * tap(in, n, j - 1) + h[1] * in[j] + h[2] * tap(in, n, j + 1) +
			                 h[3] * tap(in, n, j + 2));
	}
}

static double held(const double *in, size_t n, ptrdiff_t i)
{
	return in[i < 0 ? 0 : (size_t)i < n ? (size_t)i : n - 1];
}

void em_shift_curve(const double *in, size_t n, double channels, double *out)
{
	double limit = (double)n, f, h[4];
	ptrdiff_t by = split(fmin(fmax(channels, -limit), limit), &f);

	weigh(f, h);
	for (size_t i = 0; i < n; i++) {
		ptrdiff_t j = (ptrdiff_t)i + by;

		if (j >= 1 && j + 2 < (ptrdiff_t)n)
			out[i] = h[0] * in[j - 1] + h[1] * in[j] + h[2] * in[j + 1] + h[3] * in[j + 2];
		else
			out[i] = h[0] * held(in, n, j - 1) + h[1] * held(in, n, j) + h[2] * held(in, n, j + 1) +
			         h[3] * held(in, n, j + 2);
	}
}

struct em_energy_span em_shift_common(const double *channels, size_t count, size_t n)
{
	double first = 0, last = (double)n - 1;

	for (size_t i = 0; i < count; i++)
		if (isfinite(channels[i])) {
			first = fmax(first, ceil(channels[i]));
			last = fmin(last, floor((double)n - 1 + channels[i]));
		}
	return last >= first ? (struct em_energy_span){(size_t)first, (size_t)(last - first) + 1}
	                     : (struct em_energy_span){0, 0};
}

/* ---- by the zero loss ---- */

double em_align_zero_channel(const struct em_energy *e)
{
	return ceil(em_energy_channel(e, 0) - 1e-6);
}

struct zeros {
	const float *spectra;
	const struct em_energy *e;
	struct em_shift *shift;
	double zero;
};

static void find_one(void *ctx, size_t i)
{
	const struct zeros *a = ctx;
	struct em_zeroloss z = {.channel = NAN, .error = NAN};

	/* where it fails z stays */
	(void)em_zeroloss_find(a->spectra + i * a->e->channels, a->e, &z, NULL);
	a->shift[i] = (struct em_shift){z.channel - a->zero, z.error};
}

size_t em_align_zeroloss(const float *spectra, size_t count, const struct em_energy *e, int threads,
                         struct em_shift *shift)
{
	struct zeros a = {spectra, e, shift, em_align_zero_channel(e)};
	size_t lost = 0;

	em_parallel_for(threads, count, find_one, &a);
	for (size_t i = 0; i < count; i++)
		lost += isfinite(shift[i].channels) ? 0 : 1;
	return lost;
}
