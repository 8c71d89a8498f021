/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/lowrank.h"

#include "eels/align.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 8
#define CLOSE 1e-3   /* channel: what noise leaves is several times more */
#define SMEAR 2      /* channels to each side for the slope of a noisy spectrum */
#define SURPRISE 1.5 /* a residual so much above the last one: look for the place anew */

/* ---- life cycle ---- */

void em_lowrank_release(struct em_lowrank *lr)
{
	em_basis_release(&lr->basis);
	free(lr->shape);
	free(lr->slope);
	free(lr->flat);
	free(lr->doubt.veil);
	*lr = (struct em_lowrank){0};
}

static void derive(const double *in, size_t channels, double *out)
{
	for (size_t i = 0; i < channels; i++)
		out[i] = (in[i + 1 < channels ? i + 1 : i] - in[i ? i - 1 : 0]) / 2;
}

int em_lowrank_init(struct em_lowrank *lr, struct em_basis *basis, const struct em_energy *energy,
                    const struct em_lowrank_settings *set, struct em_error *err)
{
	size_t n = basis->channels;
	struct em_lowrank made = {.energy = *energy, .reach = set->reach, .whole = set->whole, .window = {0, n}};

	if (n != energy->channels || set->reach > n / 4)
		return em_error_set(err, EM_ERROR_USAGE, "a drift of %zu channels, of %zu in all: at most a quarter",
		                    set->reach, n);
	if (set->window.to > set->window.from && em_energy_span(energy, &set->window, &made.window, err))
		return em_error_prefix(err, "alignment: ");
	made.shape = malloc((basis->rank * n + 1) * sizeof(double));
	made.slope = malloc((basis->rank * n + 1) * sizeof(double));
	made.flat = malloc(n * sizeof(double));
	if (!made.shape || !made.slope || !made.flat) {
		free(made.shape);
		free(made.slope);
		free(made.flat);
		return em_error_memory(err, 2 * basis->rank * n * sizeof(double));
	}
	for (size_t k = 0; k < basis->rank; k++) {
		for (size_t i = 0; i < n; i++)
			made.shape[k * n + i] =
			    basis->weight[i] > 0 ? basis->component[k * n + i] / basis->weight[i] : 0;
		derive(made.shape + k * n, n, made.slope + k * n);
	}
	for (size_t i = 0; i < n; i++)
		made.flat[i] = 1;
	made.basis = *basis;
	*basis = (struct em_basis){0};
	*lr = made;
	return 0;
}

int em_lowrank_set_doubt(struct em_lowrank *lr, const struct em_pattern_doubt *doubt, struct em_error *err)
{
	size_t n = lr->energy.channels, size = EM_PATTERN_VEILS * n;
	double *veil = malloc((size + 2 * n) * sizeof(*veil)), *rest;

	if (!veil)
		return em_error_memory(err, (size + 2 * n) * sizeof(*veil));
	rest = veil + size;
	memcpy(veil, doubt->veil, size * sizeof(*veil));
	memcpy(rest, doubt->rest, n * sizeof(*rest));
	free(lr->doubt.veil);
	lr->doubt = (struct em_pattern_doubt){veil, rest};
	lr->unknown = rest + n;
	for (size_t i = 0; i < n; i++) {
		lr->unknown[i] = rest[i];
		for (size_t k = 0; k < EM_PATTERN_VEILS; k++)
			lr->unknown[i] += veil[k * n + i] * veil[k * n + i];
	}
	return 0;
}

static double *copy(const double *src, size_t n)
{
	double *dst = src ? malloc(n * sizeof(*dst) + 1) : NULL;

	return dst ? memcpy(dst, src, n * sizeof(*dst)) : NULL;
}

int em_lowrank_copy(struct em_lowrank *dst, const struct em_lowrank *src, struct em_error *err)
{
	const struct em_basis *b = &src->basis;
	size_t n = b->channels, all = b->rank * n;
	struct em_lowrank made = *src;

	made.basis.mean = copy(b->mean, n);
	made.basis.weight = copy(b->weight, n);
	made.basis.component = copy(b->component, all);
	made.basis.value = copy(b->value, b->values);
	made.shape = copy(src->shape, all);
	made.slope = copy(src->slope, all);
	made.flat = copy(src->flat, n);
	made.doubt.veil = copy(src->doubt.veil, (EM_PATTERN_VEILS + 2) * n);
	made.doubt.rest = made.doubt.veil ? made.doubt.veil + EM_PATTERN_VEILS * n : NULL;
	made.unknown = made.doubt.veil ? made.doubt.rest + n : NULL;
	if (!made.basis.mean || !made.basis.weight || !made.basis.component || !made.shape || !made.slope ||
	    !made.flat || (src->doubt.veil && !made.doubt.veil)) {
		em_lowrank_release(&made);
		return em_error_memory(err, 3 * all * sizeof(double));
	}
	*dst = made;
	return 0;
}

int em_observation_init(struct em_observation *o, const struct em_lowrank *lr, struct em_error *err)
{
	size_t n = lr->energy.channels;

	*o = (struct em_observation){.missing = true, .gain = 1, .level = 1};
	o->score = calloc(lr->basis.rank + 1, sizeof(*o->score));
	o->aligned = calloc(n, sizeof(*o->aligned));
	o->frame = calloc(n, sizeof(*o->frame));
	o->model = calloc(n, sizeof(*o->model));
	o->work = calloc(2 * n, sizeof(*o->work));
	if (o->score && o->aligned && o->frame && o->model && o->work)
		return 0;
	em_observation_release(o);
	return em_error_memory(err, 3 * n * sizeof(double));
}

void em_observation_release(struct em_observation *o)
{
	free(o->score);
	free(o->aligned);
	free(o->frame);
	free(o->model);
	free(o->work);
	*o = (struct em_observation){0};
}

static void combine(const double *shape, const double *score, size_t rank, size_t n, double *out)
{
	memset(out, 0, n * sizeof(*out));
	for (size_t k = 0; k < rank; k++)
		for (size_t i = 0; i < n; i++)
			out[i] += score[k] * shape[k * n + i];
}

void em_lowrank_reconstruct(const struct em_lowrank *lr, const double *score, double *spectrum)
{
	combine(lr->shape, score, lr->basis.rank, lr->energy.channels, spectrum);
}

/* ---- one spectrum ---- */

/* The place to whole channels, by correlation of slopes with the first component's, which is nearly the mean. */
static double look_for(const struct em_lowrank *lr, const float *frame)
{
	size_t n = lr->energy.channels, first = lr->window.first, end = first + lr->window.count;
	ptrdiff_t reach = (ptrdiff_t)lr->reach;
	double best = -INFINITY, place = 0;

	for (ptrdiff_t s = -reach; s <= reach; s++) {
		double both = 0, own = 0, theirs = 0;

		for (size_t i = first; i < end; i++) {
			ptrdiff_t j = (ptrdiff_t)i + s;

			if (j < SMEAR || j + SMEAR >= (ptrdiff_t)n || i < SMEAR || i + SMEAR >= n)
				continue;
			double w = lr->basis.weight[i], d = w * ((double)frame[j + SMEAR] - (double)frame[j - SMEAR]),
			       m = w * (lr->shape[i + SMEAR] - lr->shape[i - SMEAR]);

			if (isfinite(d)) {
				both += d * m;
				own += d * d;
				theirs += m * m;
			}
		}
		double r = fabs(both) / sqrt(own * theirs);
		if (r > best) {
			best = r;
			place = (double)s;
		}
	}
	return place;
}

/* Channels of `aligned` that are not known become what the scores say. */
static void fill(const struct em_lowrank *lr, struct em_observation *o)
{
	double *model = o->work;

	em_lowrank_reconstruct(lr, o->score, model);
	for (size_t i = 0; i < lr->energy.channels; i++)
		if (!isfinite(o->aligned[i]))
			o->aligned[i] = (float)model[i];
}

/* Channels that lack a neighbour to be interpolated from are not known: extrapolated ones would have the greatest noise
 * of all. */
static void align(const struct em_lowrank *lr, struct em_observation *o)
{
	size_t n = lr->energy.channels;
	double whole = floor(o->shift), low = fmax(0, 1 - whole), high = fmax(0, whole + 2);

	em_shift_spectrum(o->frame, n, -o->shift, NAN, o->aligned);
	for (size_t i = 0; i < n && o->shift > whole; i++)
		if ((double)i < low || (double)i + high >= (double)n)
			o->aligned[i] = NAN;
}

static void project(const struct em_lowrank *lr, struct em_observation *o)
{
	const struct em_basis *b = &lr->basis;
	size_t n = b->channels;
	double *weighted = o->work;

	for (size_t i = 0; i < n; i++)
		weighted[i] = b->weight[i] * (double)o->aligned[i];
	for (size_t k = 0; k < b->rank; k++) {
		const double *c = b->component + k * n;
		double sum = 0;

		for (size_t i = 0; i < n; i++)
			sum += c[i] * weighted[i];
		o->score[k] = sum;
	}
}

/* Gauss-Newton for the shift: the slope of the reconstruction, without what the components have of it. */
static double step(const struct em_lowrank *lr, struct em_observation *o)
{
	const struct em_basis *b = &lr->basis;
	size_t n = b->channels, end = lr->window.first + lr->window.count;
	double *slope = o->work, *model = o->work + n, up = 0, down = 0;

	combine(lr->slope, o->score, b->rank, n, slope);
	for (size_t i = 0; i < n; i++)
		slope[i] *= b->weight[i];
	for (size_t k = 0; k < b->rank; k++) {
		const double *c = b->component + k * n;
		double share = 0;

		for (size_t i = 0; i < n; i++)
			share += c[i] * slope[i];
		for (size_t i = 0; i < n; i++)
			slope[i] -= share * c[i];
	}
	em_lowrank_reconstruct(lr, o->score, model);
	for (size_t i = lr->window.first; i < end; i++) {
		up += slope[i] * b->weight[i] * (model[i] - (double)o->aligned[i]);
		down += slope[i] * slope[i];
	}
	return down > 0 ? fmax(-2, fmin(2, up / down)) : 0;
}

static void register_frame(const struct em_lowrank *lr, struct em_observation *o)
{
	double reach = (double)lr->reach;

	for (int k = 0; k < STEPS; k++) {
		double by;

		align(lr, o);
		fill(lr, o);
		project(lr, o);
		by = lr->reach ? step(lr, o) : 0;
		o->shift = fmax(-reach, fmin(reach, o->shift + by));
		if (fabs(by) < CLOSE)
			break;
	}
	if (lr->whole)
		o->shift = round(o->shift);
}

/* The residual where the spectrum was measured: interpolation would make its noise smaller. */
static void measure(const struct em_lowrank *lr, struct em_observation *o)
{
	const struct em_basis *b = &lr->basis;
	size_t n = b->channels, known = 0;
	const float *frame = o->frame;
	double *model = o->work, *there = o->model, squares = 0, total = 0, mean = 0;

	em_lowrank_reconstruct(lr, o->score, model);
	em_shift_curve(model, n, o->shift, there);
	for (size_t i = 0; i < n; i++) {
		double d = (double)frame[i] - there[i];

		if (b->weight[i] > 0) {
			total += model[i];
			mean += 1 / (b->weight[i] * b->weight[i]);
		}
		if (isfinite(d) && b->weight[i] > 0 && there[i] > 0) {
			squares += d * d / there[i];
			known++;
		}
	}
	o->gain = known > b->rank + 1 ? squares / (double)(known - b->rank - 1) : o->gain;
	o->level = mean > 0 ? total / mean : 1;
	o->variance = o->gain * fmax(o->level, 0);
}

static bool is_missing(const struct em_lowrank *lr, const float *frame)
{
	size_t known = 0;

	for (size_t i = 0; i < lr->energy.channels; i++)
		known += isfinite(frame[i]) ? 1 : 0;
	return 2 * known < lr->energy.channels;
}

void em_lowrank_observe_at(const struct em_lowrank *lr, double shift, struct em_observation *o)
{
	double reach = (double)lr->reach;

	o->shift = fmax(-reach, fmin(reach, shift));
	align(lr, o);
	em_basis_project(&lr->basis, o->aligned, o->score, NULL);
	fill(lr, o);
	measure(lr, o);
}

static void see(const struct em_lowrank *lr, struct em_observation *o)
{
	register_frame(lr, o);
	em_lowrank_observe_at(lr, o->shift, o);
}

static void take(const struct em_lowrank *lr, const float *frame, bool flat, struct em_observation *o)
{
	for (size_t i = 0; i < lr->energy.channels; i++)
		o->frame[i] = flat ? (float)((double)frame[i] / lr->flat[i]) : frame[i];
	o->flat = flat;
}

/* A series' first spectrum: where it is, and whether its detector is the one whose pattern was learned. */
static void begin(const struct em_lowrank *lr, const float *frame, struct em_observation *o)
{
	double without;

	take(lr, frame, false, o);
	o->shift = lr->reach ? look_for(lr, frame) : 0;
	see(lr, o);
	without = o->gain;
	take(lr, frame, true, o);
	see(lr, o);
	if (o->gain <= without)
		return;
	take(lr, frame, false, o);
	see(lr, o);
}

void em_lowrank_observe(const struct em_lowrank *lr, const float *frame, struct em_observation *o)
{
	double last = o->gain;

	o->missing = !frame || is_missing(lr, frame);
	if (o->missing)
		return;
	if (!o->begun)
		begin(lr, frame, o);
	else {
		take(lr, frame, o->flat, o);
		see(lr, o);
		if (lr->reach && o->gain > SURPRISE * last) {
			o->shift = look_for(lr, o->frame);
			see(lr, o);
		}
	}
	o->begun = true;
}
