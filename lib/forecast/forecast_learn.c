/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/forecast.h"

#include "base/parallel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const size_t horizons[EM_FORECAST_HORIZONS] = {1, 2, 3, 5, 9, 14, 20, 30, 45, 68, 102, 153};

static void see_frame(struct em_forecast_school *l, size_t s, size_t t, struct em_observation *o)
{
	struct em_forecast_track *track = &l->track[s];
	size_t rank = l->lowrank.basis.rank, channels = l->lowrank.energy.channels;
	bool known;

	em_lowrank_observe(&l->lowrank, l->series[s]->frame + t * channels, o);
	known = !o->missing && o->level > 0;
	if (known && track->scale == 0)
		track->scale = o->level;
	l->shift[s][t] = known ? o->shift : NAN;
	track->variance[t] = known ? o->variance / track->scale / track->scale : NAN;
	for (size_t k = 0; k < rank; k++)
		track->score[t * rank + k] = known ? o->score[k] / track->scale : NAN;
	for (size_t i = 0; track->aligned && i < channels; i++)
		track->aligned[t * channels + i] = known ? o->aligned[i] : NAN;
}

/* track->aligned is there already where it is wanted. */
static void see_series(void *ctx, size_t s)
{
	struct em_forecast_school *l = ctx;
	struct em_forecast_track *track = &l->track[s];
	size_t n = l->series[s]->count;
	struct em_observation o = {0};

	track->count = n;
	track->score = malloc((n * l->lowrank.basis.rank + 1) * sizeof(double));
	track->variance = malloc((n + 1) * sizeof(double));
	l->shift[s] = malloc((n + 1) * sizeof(double));
	l->failed[s] = !track->score || !track->variance || !l->shift[s] || em_observation_init(&o, &l->lowrank, NULL);
	for (size_t t = 0; t < n && !l->failed[s]; t++)
		see_frame(l, s, t, &o);
	em_observation_release(&o);
}

/* Where drift begins and how fast it is at first; noise from second differences. */
static void learn_shift(struct em_forecast *f, const struct em_forecast_school *l)
{
	double n = 0, sum = 0, square = 0, steps = 0, moved = 0, bends = 0, bent = 0, unit;

	for (size_t s = 0; s < l->count; s++) {
		const double *x = l->shift[s];
		bool begun = false;

		for (size_t t = 0; t < l->series[s]->count; t++) {
			if (isfinite(x[t]) && !begun) {
				begun = true;
				n++;
				sum += x[t];
				square += x[t] * x[t];
			}
			if (t >= 1 && isfinite(x[t] - x[t - 1])) {
				steps++;
				moved += (x[t] - x[t - 1]) * (x[t] - x[t - 1]);
			}
			if (t >= 2 && isfinite(x[t] - 2 * x[t - 1] + x[t - 2])) {
				bends++;
				bent += pow(x[t] - 2 * x[t - 1] + x[t - 2], 2) / 6;
			}
		}
	}
	unit = fmax(bends > 0 ? bent / bends : 0, 1e-6);
	f->shift_noise = unit;
	em_trend_prior_init(&f->shift, n > 0 ? sum / n : 0, (n > 0 ? 2 * square / n : 0) + 1, 0,
	                    fmax(steps > 0 ? moved / steps : 0, unit), unit);
}

/* ---- intervals of methods that have none of their own ---- */

struct tally {
	double squares[EM_FORECAST_HORIZONS], n[EM_FORECAST_HORIZONS];
};

/* Mean squares of (forecast - seen) / seen's noise. */
static double compare(const struct em_prediction *p, const struct em_series *s, size_t t,
                      const struct em_forecast_run *run)
{
	const float *frame = s->frame + t * p->channels;
	double sum = 0, n = 0;

	for (size_t i = 0; i < p->channels; i++)
		if (isfinite(frame[i]) && p->spectrum[i] > 0) {
			double d = (double)frame[i] / (run->seen.flat ? run->f->lowrank.flat[i] : 1) - p->spectrum[i];

			sum += d * d / (run->gain * p->spectrum[i]);
			n++;
		}
	return n > 0 ? sum / n : NAN;
}

static int tally_series(const struct em_forecast *f, const struct em_forecast_school *l, size_t s, struct tally *tally,
                        struct em_prediction *p, struct em_error *err)
{
	const struct em_series *series = l->series[s];
	struct em_forecast_run run;
	int status = em_forecast_begin(&run, f, err);

	if (status)
		return -1;
	for (size_t t = 0; t < series->count && !status; t++) {
		em_forecast_push(&run, series->frame + t * p->channels);
		/* neighbours say much the same: every third is enough */
		for (size_t h = 0; h < f->horizons && t + 1 >= f->window && run.known && t % 3 == 0 && !status; h++) {
			size_t to = t + f->horizon[h];
			double v;

			if (to >= series->count || !isfinite(l->shift[s][to]))
				continue;
			status = em_forecast_predict_at(&run, f->horizon[h], l->shift[s][to], p, err);
			v = status ? NAN : compare(p, series, to, &run);
			if (isfinite(v)) {
				tally->squares[h] += v - 1;
				tally->n[h]++;
			}
		}
	}
	em_forecast_end(&run);
	return status;
}

static int learn_intervals(struct em_forecast *f, const struct em_forecast_school *l, size_t furthest,
                           struct em_error *err)
{
	struct tally tally = {0};
	struct em_prediction p;
	size_t longest = 0, first = f->method->validates ? l->count - em_forecast_kept(l->count) : 0;
	int status = em_prediction_init(&p, f, err);

	if (status)
		return -1;
	for (size_t s = 0; s < l->count; s++)
		longest = l->series[s]->count > longest ? l->series[s]->count : longest;
	while (f->horizons < EM_FORECAST_HORIZONS && horizons[f->horizons] <= furthest &&
	       horizons[f->horizons] + f->window < longest) {
		f->horizon[f->horizons] = horizons[f->horizons];
		f->horizons++;
	}
	for (size_t s = first < l->count ? first : 0; s < l->count && !status; s++)
		status = tally_series(f, l, s, &tally, &p, err);
	for (size_t h = 0; h < f->horizons; h++) /* never less than a hundredth of the noise: it is not known better */
		f->excess[h] = fmax(tally.n[h] > 0 ? tally.squares[h] / tally.n[h] : 1, 0.01);
	em_prediction_release(&p);
	return status;
}

/* ---- all ---- */

static int check(const struct em_series *const *series, size_t count, const struct em_forecast_settings *set,
                 struct em_error *err)
{
	if (!count)
		return em_error_set(err, EM_ERROR_USAGE, "no series to learn from");
	for (size_t s = 0; s < count; s++) {
		if (em_series_same_axis(&series[0]->energy, &series[s]->energy, err))
			return em_error_prefix(err, "series %.100s: ", series[s]->name);
		if (series[s]->count < set->window + 2)
			return em_error_set(
			    err, EM_ERROR_DATA,
			    "series %.100s: %zu spectra are shorter than the window of %zu and two more",
			    series[s]->name, series[s]->count, set->window);
	}
	return 0;
}

static int look(struct em_forecast_school *l, bool with_spectra, const struct em_forecast_settings *set,
                struct em_error *err)
{
	size_t channels = l->series[0]->energy.channels;

	l->track = calloc(l->count, sizeof(*l->track));
	l->shift = calloc(l->count, sizeof(*l->shift));
	l->failed = calloc(l->count, sizeof(*l->failed));
	if (!l->track || !l->shift || !l->failed)
		return em_error_memory(err, l->count * sizeof(*l->track));
	for (size_t s = 0; s < l->count && with_spectra; s++) {
		l->track[s].aligned = malloc((l->series[s]->count * channels + 1) * sizeof(float));
		if (!l->track[s].aligned)
			return em_error_memory(err, l->series[s]->count * channels * sizeof(float));
	}
	if (em_lowrank_learn(&l->lowrank, l->series, l->count, &set->lowrank, err))
		return -1;
	em_parallel_for(set->threads, l->count, see_series, l);
	for (size_t s = 0; s < l->count; s++)
		if (l->failed[s])
			return em_error_memory(err, l->series[s]->count * l->lowrank.basis.rank * sizeof(double));
	return 0;
}

int em_forecast_school_open(struct em_forecast_school *school, const struct em_series *const *series, size_t count,
                            bool with_spectra, const struct em_forecast_settings *set, struct em_error *err)
{
	struct em_forecast_school l = {.series = series, .count = count};

	if (check(series, count, set, err))
		return -1;
	if (look(&l, with_spectra, set, err)) {
		em_forecast_school_close(&l);
		return -1;
	}
	*school = l;
	return 0;
}

void em_forecast_school_close(struct em_forecast_school *l)
{
	for (size_t s = 0; s < l->count && l->track; s++) {
		free(l->track[s].score);
		free(l->track[s].variance);
		free(l->track[s].aligned);
	}
	for (size_t s = 0; s < l->count && l->shift; s++)
		free(l->shift[s]);
	free(l->track);
	free(l->shift);
	free(l->failed);
	em_lowrank_release(&l->lowrank);
	*l = (struct em_forecast_school){0};
}

int em_forecast_learn(struct em_forecast *out, const struct em_forecast_method *method,
                      const struct em_forecast_school *school, const struct em_forecast_settings *set,
                      struct em_error *err)
{
	struct em_forecast f = {.method = method, .window = set->window};
	int status = em_lowrank_copy(&f.lowrank, &school->lowrank, err);

	if (!status) {
		learn_shift(&f, school);
		status = method->learn ? method->learn(&f, school->track, school->count, set, err) : 0;
	}
	if (!status && !method->has_interval)
		status = learn_intervals(&f, school, set->furthest, err);
	if (status)
		em_forecast_release(&f);
	else
		*out = f;
	return status;
}
