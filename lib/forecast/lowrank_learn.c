/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/lowrank.h"

#include "base/parallel.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/*
 * Shifts and components are found by turns.  Left to itself this stops where a chemical shift is taken for drift, with
 * more components in its stead.  So few components are allowed first, as many as a reaction needs; and since the turns
 * then go down a long valley, every second one goes on beyond where it would end.
 */
#define LEAST 2    /* components: how much there is, and how far the reaction has gone; */
#define FEW 3      /* or one more where a third stands out */
#define SETTLED 16 /* turns with each, until the shifts are right: with half as many it is luck */
#define TURNS 6    /* then, to find the detector's pattern, too; */
#define FREE 4     /* of these so many with all components that stand out */
#define USUAL 1e-4 /* variance of a pattern, to begin with */
#define BEYOND 6.0
#define SAMPLE 256 /* data of all turns but the last, */
#define BIN 12     /* each the mean of at most so many spectra, */
#define MOST 4096  /* and of the last */
#define RANK_MAX 8
#define FIRST 8 /* spectra of the first series that make the first reference */

struct learner {
	const struct em_series *const *series;
	size_t count, channels;
	const struct em_lowrank *lr;
	size_t stride; /* every so many-th spectrum of each series begins a datum, */
	size_t bin;    /* the mean of so many */
	size_t *first; /* [count + 1]: place of each series in `pool` */
	double *scale; /* [count]: that makes series equally bright */
	float *pool;
	double *shift; /* of each in it, of the last turn */
	bool known;    /* there was one */
	double beyond; /* shifts go so many times as far as measured */
	double *flat;  /* [channels]: the detector's pattern; survives the components */
	struct em_pattern_doubt doubt;
	atomic_bool memory; /* ran out */
};

static bool is_known(const float *frame, size_t channels, double *total)
{
	size_t known = 0;
	double sum = 0;

	for (size_t i = 0; i < channels; i++)
		if (isfinite(frame[i])) {
			known++;
			sum += (double)frame[i];
		}
	*total = known ? sum * (double)channels / (double)known : 0;
	return 2 * known >= channels && *total > 0;
}

/* Mean total of each series, and of all. */
static int measure(struct learner *l, size_t *spectra, struct em_error *err)
{
	double all = 0;
	size_t series = 0;

	*spectra = 0;
	for (size_t s = 0; s < l->count; s++) {
		double sum = 0, total;
		size_t n = 0;

		for (size_t t = 0; t < l->series[s]->count; t++)
			if (is_known(l->series[s]->frame + t * l->channels, l->channels, &total)) {
				sum += total;
				n++;
			}
		l->scale[s] = n ? sum / (double)n : 0;
		all += l->scale[s];
		series += n > 0;
		*spectra += n;
	}
	if (*spectra < 2)
		return em_error_set(err, EM_ERROR_DATA, "%zu spectra with counts: too few to learn from", *spectra);
	for (size_t s = 0; s < l->count; s++)
		l->scale[s] = l->scale[s] > 0 ? all / (double)series / l->scale[s] : 1;
	return 0;
}

/* The mean of the spectra from t on that make one datum; missing where all of them are. */
static void take_mean(const struct learner *l, const struct em_series *series, size_t t, float *out)
{
	size_t end = t + l->bin < series->count ? t + l->bin : series->count, n = 0;
	double total;

	memset(out, 0, l->channels * sizeof(*out));
	for (; t < end; t++) {
		const float *frame = series->frame + t * l->channels;

		if (!is_known(frame, l->channels, &total))
			continue;
		n++;
		for (size_t i = 0; i < l->channels; i++)
			out[i] += frame[i];
	}
	for (size_t i = 0; i < l->channels; i++)
		out[i] = n ? out[i] / (float)n : NAN;
}

static void align_series(void *ctx, size_t s)
{
	struct learner *l = ctx;
	const struct em_series *series = l->series[s];
	float *out = l->pool + l->first[s] * l->channels;
	struct em_observation o = {0};
	float *frame = malloc(l->channels * sizeof(*frame));

	if (!frame || em_observation_init(&o, l->lr, NULL)) {
		free(frame);
		l->memory = true;
		return;
	}
	for (size_t t = 0, at = l->first[s]; t < series->count; t += l->stride, at++, out += l->channels) {
		take_mean(l, series, t, frame);
		if (l->known) {
			o.shift = l->shift[at];
			o.begun = o.flat = true;
		}
		em_lowrank_observe(l->lr, frame, &o);
		if (l->known && l->beyond > 1 && !o.missing)
			em_lowrank_observe_at(l->lr, l->shift[at] + l->beyond * (o.shift - l->shift[at]), &o);
		l->shift[at] = o.begun ? o.shift : 0;
		for (size_t i = 0; i < l->channels; i++)
			out[i] = o.missing ? NAN : (float)(l->scale[s] * (double)o.aligned[i]);
	}
	em_observation_release(&o);
	free(frame);
}

static int place(struct learner *l, size_t most, struct em_error *err)
{
	size_t all = 0, n = 0;
	double *shift;
	float *pool;

	for (size_t s = 0; s < l->count; s++)
		all += l->series[s]->count;
	l->stride = (all + most - 1) / most;
	l->bin = l->stride < BIN ? l->stride : BIN;
	for (size_t s = 0; s < l->count; s++) {
		l->first[s] = n;
		n += (l->series[s]->count + l->stride - 1) / l->stride;
	}
	l->first[l->count] = n;
	pool = realloc(l->pool, n * l->channels * sizeof(*pool));
	if (!pool)
		return em_error_memory(err, n * l->channels * sizeof(*pool));
	l->pool = pool;
	shift = realloc(l->shift, n * sizeof(*shift));
	if (!shift)
		return em_error_memory(err, n * sizeof(*shift));
	l->shift = shift;
	l->known = false;
	return 0;
}

/* lr becomes what the pool's spectra say. */
static int take_components(struct em_lowrank *lr, const struct learner *l, size_t spectra, size_t rank,
                           const struct em_lowrank_settings *set, struct em_error *err)
{
	struct em_basis_settings how = {
	    .rank = rank, .rank_max = set->rank_max ? set->rank_max : RANK_MAX, .threads = set->threads};
	struct em_basis basis = {0};
	struct em_lowrank made = {0};

	if (em_basis_make(&basis, l->pool, spectra, l->channels, &how, err))
		return -1;
	if (!basis.rank) { /* nothing stands out: the mean is all there is */
		em_basis_release(&basis);
		how.rank = 1;
		if (em_basis_make(&basis, l->pool, spectra, l->channels, &how, err))
			return -1;
	}
	if (em_lowrank_init(&made, &basis, &l->series[0]->energy, set, err)) {
		em_basis_release(&basis);
		return -1;
	}
	em_lowrank_release(lr);
	*lr = made;
	memcpy(lr->flat, l->flat, l->channels * sizeof(*lr->flat));
	return 0;
}

/* One component of the first spectra: a reference to align to. */
static int begin(struct em_lowrank *lr, struct learner *l, const struct em_lowrank_settings *set, struct em_error *err)
{
	size_t n = 0;
	double total;

	if (place(l, SAMPLE, err))
		return -1;
	for (size_t s = 0; s < l->count && n < FIRST; s++)
		for (size_t t = 0; t < l->series[s]->count && n < FIRST && n < l->first[l->count]; t++) {
			const float *f = l->series[s]->frame + t * l->channels;
			bool whole = is_known(f, l->channels, &total);

			for (size_t i = 0; whole && i < l->channels; i++)
				whole = isfinite(f[i]);
			if (whole)
				memcpy(l->pool + n++ * l->channels, f, l->channels * sizeof(*f));
		}
	if (n < 2)
		return em_error_set(err, EM_ERROR_DATA, "less than two spectra without gaps: nothing to align to");
	return take_components(lr, l, n, 1, set, err);
}

static int turn(struct em_lowrank *lr, struct learner *l, size_t rank, double beyond,
                const struct em_lowrank_settings *set, struct em_error *err)
{
	l->lr = lr;
	l->beyond = beyond;
	em_parallel_for(set->threads, l->count, align_series, l);
	if (l->memory)
		return em_error_memory(err, l->channels * sizeof(double));
	l->known = true;
	return take_components(lr, l, l->first[l->count], rank, set, err);
}

/* Shifts, with few components. */
static int settle(struct em_lowrank *lr, struct learner *l, const struct em_lowrank_settings *set, struct em_error *err)
{
	size_t most = l->first[l->count] < FEW ? l->first[l->count] : FEW, few;

	most = set->rank && set->rank < most ? set->rank : most;
	few = most < LEAST ? most : LEAST;
	for (int k = 0; k < SETTLED; k++)
		if (turn(lr, l, few, k % 2 ? BEYOND : 1, set, err))
			return -1;
	if (few < most && lr->basis.values > few && lr->basis.value[few] > lr->basis.threshold) {
		few = most;
		for (int k = 0; k < SETTLED; k++)
			if (turn(lr, l, few, k % 2 ? BEYOND : 1, set, err))
				return -1;
	}
	return 0;
}

/* The detector's pattern, by turns with the components: few, lest they take it up; then all that stand out. */
static int find_pattern(struct em_lowrank *lr, struct learner *l, const struct em_lowrank_settings *set,
                        struct em_error *err)
{
	const struct em_pattern_spectra s = {l->first[l->count], l->pool,  l->shift,    &lr->basis,
	                                     l->first,           l->count, set->threads};
	double variance = USUAL;

	if (l->count < EM_PATTERN_SERIES)
		return 0;
	for (int k = 0; k < TURNS; k++) {
		if (turn(lr, l, k < TURNS - FREE ? lr->basis.rank : set->rank, 1, set, err) ||
		    em_pattern_improve(&s, l->flat, &variance, k + 1 == TURNS ? &l->doubt : NULL, err))
			return -1;
		memcpy(lr->flat, l->flat, l->channels * sizeof(*lr->flat));
	}
	return 0;
}

static int learn(struct em_lowrank *lr, struct learner *l, const struct em_lowrank_settings *set, struct em_error *err)
{
	size_t spectra;

	if (measure(l, &spectra, err) || begin(lr, l, set, err) ||
	    (set->reach && (settle(lr, l, set, err) || find_pattern(lr, l, set, err))))
		return -1;
	if (place(l, MOST, err) || turn(lr, l, set->rank, 1, set, err))
		return -1;
	return em_lowrank_set_doubt(lr, &l->doubt, err);
}

int em_lowrank_learn(struct em_lowrank *out, const struct em_series *const *series, size_t count,
                     const struct em_lowrank_settings *settings, struct em_error *err)
{
	struct learner l = {.series = series, .count = count};
	struct em_lowrank lr = {0};
	int status;

	if (!count)
		return em_error_set(err, EM_ERROR_USAGE, "no series to learn from");
	l.channels = series[0]->energy.channels;
	l.first = calloc(count + 1, sizeof(*l.first));
	l.scale = calloc(count + 1, sizeof(*l.scale));
	l.flat = malloc(l.channels * sizeof(*l.flat));
	l.doubt.veil = calloc((EM_PATTERN_VEILS + 1) * l.channels, sizeof(double));
	l.doubt.rest = l.doubt.veil ? l.doubt.veil + EM_PATTERN_VEILS * l.channels : NULL;
	for (size_t i = 0; l.flat && i < l.channels; i++)
		l.flat[i] = 1;
	status = l.first && l.scale && l.flat && l.doubt.veil ? learn(&lr, &l, settings, err)
	                                                      : em_error_memory(err, 2 * count * sizeof(*l.first));
	free(l.first);
	free(l.scale);
	free(l.pool);
	free(l.shift);
	free(l.flat);
	free(l.doubt.veil);
	if (status)
		em_lowrank_release(&lr);
	else
		*out = lr;
	return status;
}
