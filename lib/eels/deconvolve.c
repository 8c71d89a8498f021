/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eels/deconvolve.h"

#include "base/fft.h"
#include "eels/thickness.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846
#define SAME_SCALE 0.01
#define NARROWEST (2.0 / 3) /* of the zero-loss peak's width: a line that may be left */
#define TAIL 20             /* a share of the channels, whose mean goes on behind the last */

struct em_deconvolve {
	struct em_energy core;
	size_t size; /* of the transforms: the edge, as long a tail, and nothing for as long as the low loss */
	struct em_fft_plan *forward, *inverse;
	float *filter;  /* size / 2 + 1 pairs: what an edge's transform is multiplied by */
	float *squares; /* the same for its variance: of the filter's response, squared */
	double left;
};

/* ---- padding ---- */

/* Not less than n, of factors 2, 3 and 5. */
static size_t next_smooth(size_t n)
{
	for (;; n++) {
		size_t rest = n;

		for (size_t p = 2; p <= 5; p += p == 2 ? 1 : 2)
			while (rest % p == 0)
				rest /= p;
		if (rest == 1)
			return n;
	}
}

/* From the mean of the last twentieth as E^-3, faded to nothing over `tail` channels, and zeros. */
static void pad(float *v, size_t size, const struct em_energy *e, size_t tail)
{
	size_t n = e->channels, last = n / TAIL ? n / TAIL : 1;
	double level = 0, end = fmax(em_energy_at(e, (double)n), 1);

	for (size_t i = n - last; i < n; i++)
		level += v[i] / (double)last;
	for (size_t i = n; i < size; i++) {
		double from = (double)(i - n), fade = from < (double)tail ? (1 + cos(PI * from / (double)tail)) / 2 : 0;

		v[i] = (float)(level * fade * pow(end / (end + from * e->scale), 3));
	}
}

/* ---- the filter ---- */

struct lines {
	struct em_zeroloss z;
	struct em_thickness t;
	float *low, *peak; /* [size] and their transforms [size + 2] */
	double sigma;      /* channels, of the Gaussian; 0: the peak itself */
};

/*
 * I_0 R / L.  Where the low loss is less than its own noise (of power I_t) so is the peak, and their ratio is taken
 * for 1, as plasmons have no such frequencies; a Gaussian is not there either, and taken for 0.
 */
static void divide(const struct em_deconvolve *d, const struct lines *l)
{
	for (size_t k = 0; k <= d->size / 2; k++) {
		double a = l->low[2 * k], b = l->low[2 * k + 1], u = l->peak[2 * k], v = l->peak[2 * k + 1];
		double cycles = (double)k / (double)d->size, noise = l->t.total, power = a * a + b * b + noise;

		if (l->sigma > 0) {
			double line = l->t.zero * exp(-2 * pow(PI * l->sigma * cycles, 2));
			u = line * cos(-2 * PI * cycles * l->z.channel);
			v = line * sin(-2 * PI * cycles * l->z.channel);
			noise = 0;
		}
		d->filter[2 * k] = (float)((u * a + v * b + noise) / power);
		d->filter[2 * k + 1] = (float)((v * a - u * b) / power);
	}
}

/* Independent counts that are filtered have a variance filtered by the squares of the response. */
static int square(const struct em_deconvolve *d, struct em_error *err)
{
	float *copy = em_fft_alloc(d->size + 2, err), *response = em_fft_alloc(d->size, err);
	double per = 1 / (double)d->size;

	if (copy && response) {
		memcpy(copy, d->filter, (d->size / 2 + 1) * 2 * sizeof(*copy));
		em_fft_inverse(d->inverse, copy, response);
		for (size_t i = 0; i < d->size; i++)
			response[i] = (float)(response[i] * per * response[i] * per);
		em_fft_forward(d->forward, response, d->squares);
	}
	em_fft_free(copy);
	em_fft_free(response);
	return copy && response ? 0 : -1;
}

static int transform(const struct em_deconvolve *d, float *v, float **to, struct em_error *err)
{
	*to = em_fft_alloc(d->size + 2, err);
	if (!*to)
		return -1;
	em_fft_forward(d->forward, v, *to);
	em_fft_free(v);
	return 0;
}

/* l->low and l->peak are freed or become their transforms. */
static int make_filter(struct em_deconvolve *d, struct lines *l, struct em_error *err)
{
	float *to;

	if (transform(d, l->low, &to, err))
		return -1;
	l->low = to;
	if (transform(d, l->peak, &to, err))
		return -1;
	l->peak = to;
	divide(d, l);
	return square(d, err);
}

static int take_low(struct em_deconvolve *d, const float *spectrum, const struct em_energy *low,
                    const struct em_deconvolve_options *o, struct lines *l, struct em_error *err)
{
	const struct em_thickness_options how = {o->model, o->reach};

	if (em_zeroloss_find(spectrum, low, &l->z, err) || em_thickness_measure(spectrum, low, &l->z, &how, &l->t, err))
		return -1;
	if (o->gaussian > 0 && o->gaussian < NARROWEST * l->z.width)
		return em_error_set(
		    err, EM_ERROR_USAGE,
		    "a line of %.6g eV is too narrow: the zero-loss peak has %.6g eV, and what is sharper "
		    "is noise",
		    o->gaussian, l->z.width);
	l->sigma = o->gaussian > 0 ? o->gaussian / low->scale / sqrt(8 * log(2)) : 0;
	d->left = l->t.zero / l->t.total;
	memset(l->peak, 0, d->size * sizeof(*l->peak));
	em_zeroloss_extract(spectrum, low, &l->z, o->model, l->t.reach, l->peak);
	for (size_t i = 0; i < low->channels; i++)
		l->low[i] =
		    o->model == EM_ZEROLOSS_CUT && (double)i < l->z.channel - l->t.reach / low->scale ? 0 : spectrum[i];
	pad(l->low, d->size, low, (d->size - low->channels) / 2);
	return make_filter(d, l, err);
}

static int allocate(struct em_deconvolve *d, size_t low, struct lines *l, struct em_error *err)
{
	if (d->core.channels > SIZE_MAX / 16 || low > SIZE_MAX / 16)
		return em_error_memory(err, SIZE_MAX);
	d->size = next_smooth(2 * d->core.channels + 2 * low);
	d->forward = em_fft_plan_new(1, d->size, err);
	d->inverse = d->forward ? em_fft_plan_new_inverse(1, d->size, err) : NULL;
	d->filter = d->inverse ? em_fft_alloc(d->size + 2, err) : NULL;
	d->squares = d->filter ? em_fft_alloc(d->size + 2, err) : NULL;
	l->low = d->squares ? em_fft_alloc(d->size, err) : NULL;
	l->peak = l->low ? em_fft_alloc(d->size, err) : NULL;
	return l->peak ? 0 : -1;
}

struct em_deconvolve *em_deconvolve_new(const float *spectrum, const struct em_energy *low,
                                        const struct em_energy *core, const struct em_deconvolve_options *options,
                                        struct em_error *err)
{
	struct em_deconvolve *d;
	struct lines l = {0};
	int status;

	if (fabs(core->scale / low->scale - 1) > SAME_SCALE) {
		em_error_set(err, EM_ERROR_USAGE, "the low loss has %.6g eV a channel, the edge %.6g: they must agree",
		             low->scale, core->scale);
		return NULL;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		em_error_memory(err, sizeof(*d));
		return NULL;
	}
	d->core = *core;
	status = allocate(d, low->channels, &l, err) || take_low(d, spectrum, low, options, &l, err);
	em_fft_free(l.low);
	em_fft_free(l.peak);
	if (status) {
		em_deconvolve_free(d);
		return NULL;
	}
	return d;
}

void em_deconvolve_free(struct em_deconvolve *d)
{
	if (!d)
		return;
	em_fft_plan_free(d->forward);
	em_fft_plan_free(d->inverse);
	em_fft_free(d->filter);
	em_fft_free(d->squares);
	free(d);
}

double em_deconvolve_left(const struct em_deconvolve *d)
{
	return d->left;
}

/* ---- edges ---- */

static void filter(const struct em_deconvolve *d, const float *by, float *v, float *real, float *pairs)
{
	const size_t n = d->core.channels;

	memcpy(real, v, n * sizeof(*v));
	pad(real, d->size, &d->core, n);
	em_fft_forward(d->forward, real, pairs);
	for (size_t k = 0; k <= d->size / 2; k++) {
		float a = pairs[2 * k], b = pairs[2 * k + 1], u = by[2 * k], w = by[2 * k + 1];

		pairs[2 * k] = a * u - b * w;
		pairs[2 * k + 1] = a * w + b * u;
	}
	em_fft_inverse(d->inverse, pairs, real);
	for (size_t i = 0; i < n; i++)
		v[i] = real[i] / (float)d->size;
}

int em_deconvolve_run(const struct em_deconvolve *d, float *edge, float *variance, struct em_error *err)
{
	float *real, *pairs;

	for (size_t i = 0; i < d->core.channels; i++)
		if (!isfinite(edge[i]) || (variance && !isfinite(variance[i])))
			return em_error_set(err, EM_ERROR_DATA, "channel %zu of the edge is not finite", i);
	real = em_fft_alloc(d->size, err);
	pairs = real ? em_fft_alloc(d->size + 2, err) : NULL;
	if (pairs) {
		filter(d, d->filter, edge, real, pairs);
		if (variance)
			filter(d, d->squares, variance, real, pairs);
	}
	em_fft_free(real);
	em_fft_free(pairs);
	return pairs ? 0 : -1;
}
