/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/zeroloss.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SHARE 0.2 /* of the highest value, that the first peak has */
#define FALL 0.7
#define BEFORE_SHARE 0.05
#define NOISE 8          /* standard deviations of it, that a peak has */
#define LEAST_CHANNELS 8 /* that tell noise from none */
#define FLAT 0.995       /* of the highest: the top is flat */
#define REACH_MOST 5     /* eV */

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* ---- which peak ---- */

/* The first that is high enough and falls again by more than noise; else the highest channel. */
static size_t first_top(const float *y, size_t n)
{
	size_t highest = 0, top = 0;

	for (size_t i = 1; i < n; i++)
		if (y[i] > y[highest])
			highest = i;
	for (size_t i = 0; i < n; i++) {
		if (y[i] > y[top])
			top = i;
		if (y[top] >= FIRST_SHARE * y[highest] && y[i] < FALL * y[top] - 3 * sqrt(y[top]))
			return top;
	}
	return highest;
}

/* Where the flank from `top` towards `step` crosses a level, in channels; NaN where the axis ends before. */
static double crossing(const float *y, size_t n, size_t top, int step, double level)
{
	for (size_t i = top; step > 0 ? i + 1 < n : i > 0; i += (size_t)step) {
		double next = y[i + (size_t)step];

		if (next <= level)
			return (double)i + step * (y[i] - level) / (y[i] - next);
	}
	return NAN;
}

/* Of noise, from second differences: the half of them that are least has no peak in it. */
static int measure_noise(const float *y, size_t n, double *noise, struct em_error *err)
{
	float *sorted;

	*noise = 0;
	if (n < LEAST_CHANNELS + 2)
		return 0;
	sorted = malloc(n * sizeof(*sorted));
	if (!sorted)
		return em_error_memory(err, n * sizeof(*sorted));
	for (size_t i = 0; i + 2 < n; i++)
		sorted[i] = fabsf(y[i] - 2 * y[i + 1] + y[i + 2]);
	qsort(sorted, n - 2, sizeof(*sorted), compare);
	*noise = 1.4826 / sqrt(6) * sorted[(n - 2) / 2];
	free(sorted);
	return 0;
}

/* Nothing loses less than nothing: what is well before the peak is about zero. */
static int check_before(const float *y, size_t before, double height, struct em_error *err)
{
	float *sorted;
	double middle;

	if (before < LEAST_CHANNELS)
		return 0;
	sorted = malloc(before * sizeof(*sorted));
	if (!sorted)
		return em_error_memory(err, before * sizeof(*sorted));
	memcpy(sorted, y, before * sizeof(*sorted));
	qsort(sorted, before, sizeof(*sorted), compare);
	middle = sorted[before / 2];
	free(sorted);
	if (middle > BEFORE_SHARE * height)
		return em_error_set(
		    err, EM_ERROR_DATA,
		    "no zero-loss peak: before the first peak (%.6g counts) there are %.6g, not none; is "
		    "this a low loss?",
		    height, middle);
	return 0;
}

/* ---- its top ---- */

struct top {
	const float *y;
	size_t peak, first, end;     /* the highest channel; those that are fitted */
	size_t flat_first, flat_end; /* and of these not the ones that are flat */
};

static bool is_fitted(const struct top *t, size_t i)
{
	return i < t->flat_first || i >= t->flat_end;
}

/* The channels about the peak that have at least `share` of it. */
static void widen(const float *y, size_t n, size_t peak, double share, size_t *first, size_t *end)
{
	*first = peak;
	*end = peak + 1;
	while (*first > 0 && y[*first - 1] >= share * y[peak])
		(*first)--;
	while (*end < n && y[*end] >= share * y[peak])
		(*end)++;
}

/* A top is flat where it is a quarter of the width at half maximum: a Gaussian's is a twelfth, to half a per cent. */
static void choose_channels(struct top *t, size_t n)
{
	size_t flat;

	widen(t->y, n, t->peak, FLAT, &t->flat_first, &t->flat_end);
	widen(t->y, n, t->peak, 0.5, &t->first, &t->end);
	flat = t->flat_end - t->flat_first;
	if (flat >= 3 && 4 * flat >= t->end - t->first)
		widen(t->y, n, t->peak, FIRST_SHARE, &t->first, &t->end);
	else
		t->flat_end = t->flat_first;
	if (t->end - t->first < 3) {
		t->first = t->peak - 1;
		t->end = t->peak + 2;
	}
}

static void fit_centroid(const struct top *t, struct em_zeroloss *z)
{
	double n = 0, first = 0, second = 0;

	for (size_t i = t->first; i < t->end; i++) {
		double w = fmax(t->y[i], 0), x = (double)i - (double)t->peak;
		n += w;
		first += w * x;
		second += w * x * x;
	}
	z->channel = (double)t->peak + first / n;
	z->error = sqrt(fmax(second - first * first / n, 0)) / n;
}

/*
 * ln y = a + b u + c q(u), u from the weighted mean, q = u^2 - u S3 / S2 - S2 / S0: orthogonal, so that b and c are
 * independent, with variances 1 / S2 and 1 / N.  The top is at S3 / (2 S2) - b / (2 c).
 */
static bool fit_parabola(const struct top *t, struct em_zeroloss *z)
{
	double s[5] = {0}, b = 0, c = 0, norm = 0, mean, at;

	for (size_t i = t->first; i < t->end; i++) {
		if (!(t->y[i] > 0))
			return false;
		if (is_fitted(t, i)) {
			s[0] += t->y[i];
			s[1] += t->y[i] * ((double)i - (double)t->peak);
		}
	}
	mean = (double)t->peak + s[1] / s[0];
	for (size_t i = t->first; i < t->end; i++)
		for (int k = 2; k < 5 && is_fitted(t, i); k++)
			s[k] += t->y[i] * pow((double)i - mean, k);
	for (size_t i = t->first; i < t->end; i++) {
		double u = (double)i - mean, q = u * u - u * s[3] / s[2] - s[2] / s[0], w = t->y[i];

		if (is_fitted(t, i)) {
			b += w * u * log(w) / s[2];
			c += w * q * log(w);
			norm += w * q * q;
		}
	}
	c /= norm;
	at = mean + s[3] / (2 * s[2]) - b / (2 * c);
	if (!(c < 0) || !(at > (double)t->first - 1) || !(at < (double)t->end))
		return false;
	z->channel = at;
	z->error = sqrt(1 / s[2] + b * b / (c * c * norm)) / (2 * -c);
	return true;
}

int em_zeroloss_find(const float *spectrum, const struct em_energy *e, struct em_zeroloss *z, struct em_error *err)
{
	const size_t n = e->channels;
	struct em_zeroloss found = {0};
	struct top t = {.y = spectrum};
	double left, right, before, noise;

	for (size_t i = 0; i < n; i++)
		if (!isfinite(spectrum[i]))
			return em_error_set(err, EM_ERROR_DATA, "channel %zu of the low loss is not finite", i);
	t.peak = first_top(spectrum, n);
	found.height = spectrum[t.peak];
	if (!(found.height > 0))
		return em_error_set(err, EM_ERROR_DATA, "no zero-loss peak: nothing is above 0");
	if (measure_noise(spectrum, n, &noise, err))
		return -1;
	if (found.height < NOISE * noise)
		return em_error_set(err, EM_ERROR_DATA, "no zero-loss peak: nothing is above the noise (%.6g of %.6g)",
		                    found.height, noise);
	left = crossing(spectrum, n, t.peak, -1, found.height / 2);
	right = crossing(spectrum, n, t.peak, 1, found.height / 2);
	if (!isfinite(left) || !isfinite(right))
		return em_error_set(err, EM_ERROR_DATA,
		                    "no zero-loss peak: the first (at %.6g eV) does not fall to half on both sides",
		                    em_energy_at(e, (double)t.peak));
	before = left - 2 * (right - left);
	if (before > 0 && check_before(spectrum, (size_t)before, found.height, err))
		return -1;
	choose_channels(&t, n);
	if (!fit_parabola(&t, &found))
		fit_centroid(&t, &found);
	found.saturated = t.flat_end - t.flat_first;
	found.width = (right - left) * e->scale;
	found.ev = em_energy_at(e, found.channel);
	*z = found;
	return 0;
}

/* ---- its counts ---- */

double em_zeroloss_reach(const float *spectrum, const struct em_energy *e, const struct em_zeroloss *z)
{
	double from = z->channel + z->width / e->scale / 2, most = REACH_MOST / e->scale, least = INFINITY;
	size_t at = 0;

	for (size_t i = (size_t)fmax(ceil(from), 1); i + 1 < e->channels && (double)i <= z->channel + most; i++) {
		double three = (double)spectrum[i - 1] + spectrum[i] + spectrum[i + 1];

		if (three > least + 3 * sqrt(2 * fmax(least, 1)))
			return ((double)at - z->channel) * e->scale;
		if (three < least) {
			least = three;
			at = i;
		}
	}
	return REACH_MOST;
}

/* At a fraction of a channel: Keys's cubic through the logarithms, which has a Gaussian as it is; a line where one of
 * the four is not above zero. */
static double value_at(const float *y, size_t n, double channel)
{
	size_t i = (size_t)channel;
	double f = channel - (double)i, v[4];

	if (f == 0)
		return y[i];
	for (size_t k = 0; k < 4; k++) {
		float at = i + k >= 1 && i + k - 1 < n ? y[i + k - 1] : 0;

		if (!(at > 0))
			return y[i] + f * ((double)y[i + 1] - y[i]);
		v[k] = log(at);
	}
	return exp(v[1] + f / 2 *
	                      (v[2] - v[0] +
	                       f * (2 * v[0] - 5 * v[1] + 4 * v[2] - v[3] + f * (3 * (v[1] - v[2]) + v[3] - v[0]))));
}

static void mirror(const float *spectrum, size_t n, double top, float *peak)
{
	for (size_t i = 0; i < n; i++)
		if ((double)i > top)
			peak[i] = 2 * top >= (double)i ? (float)value_at(spectrum, n, 2 * top - (double)i) : 0;
		else
			peak[i] = spectrum[i];
}

void em_zeroloss_extract(const float *spectrum, const struct em_energy *e, const struct em_zeroloss *z,
                         enum em_zeroloss_model model, double reach, float *peak)
{
	double most = reach / e->scale;

	if (model == EM_ZEROLOSS_MIRROR)
		mirror(spectrum, e->channels, z->channel, peak);
	else
		for (size_t i = 0; i < e->channels; i++)
			peak[i] = fabs((double)i - z->channel) <= most ? spectrum[i] : 0;
}
