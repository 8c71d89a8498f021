/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/align.h"

#include "base/parallel.h"
#include "eels/zeroloss.h"

#include <math.h>
#include <string.h>

/* A channel of in, and one beyond either end on the parabola through the last three, as Keys has it. */
static double tap(const float *in, size_t n, ptrdiff_t i)
{
	if (i >= 0 && i < (ptrdiff_t)n)
		return in[i];
	if (n < 3)
		return in[i < 0 ? 0 : n - 1];
	return i < 0 ? 3.0 * in[0] - 3.0 * in[1] + in[2] : 3.0 * in[n - 1] - 3.0 * in[n - 2] + in[n - 3];
}

/* Cubic convolution, a = -1/2, at channel i + f. */
static double interpolate(const float *in, size_t n, ptrdiff_t i, double f)
{
	double a = tap(in, n, i - 1), b = tap(in, n, i), c = tap(in, n, i + 1), d = tap(in, n, i + 2);

	return b + f / 2 * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)));
}

void em_shift_spectrum(const float *in, size_t n, double channels, float fill, float *out)
{
	for (size_t i = 0; i < n; i++) {
		double from = (double)i - channels, whole = floor(from), f = from - whole;

		if (!(from >= 0 && from <= (double)(n - 1)))
			out[i] = fill;
		else if (f == 0)
			out[i] = in[(size_t)whole];
		else
			out[i] = (float)interpolate(in, n, (ptrdiff_t)whole, f);
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
