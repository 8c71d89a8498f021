/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/evaluate.h"

#include "forecast/alert.h"

#include "base/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums over one series' forecasts at one horizon. */
struct sums {
	double n, truth, truth_counts, seen, seen_counts, drifted, covered, seen_covered;
	struct {
		double n, squares, covered;
	} descriptor[EM_DESCRIPTORS];
};

struct judge {
	const struct em_forecast *f;
	const struct em_series *s;
	const struct em_evaluate_settings *set;
	struct em_prediction p;
	double *shift;       /* [spectra], channels: where the drift put each; NaN: missing */
	double *descriptor;  /* [spectra][count] of the truth, or of what was measured */
	bool flat;           /* measured spectra are divided by the model's gain pattern, as it does itself */
	double noise, width; /* of a channel by the root of its counts; of the interval, standard deviations */
	double *work;        /* [EM_DESCRIPTORS][channels] */
};

/* The square of a normal number is twice a gamma one of shape 1/2. */
double em_evaluate_width(double level)
{
	return sqrt(2 * em_gamma_point(1 - level, 0.5));
}

/* How far from the truth, or from what was measured, by the noise of a measurement. */
static void compare(struct judge *j, size_t t, bool truth, double *square, double *counts, double *covered)
{
	size_t n = j->p.channels, known = 0;
	const float *frame = j->s->frame + t * n, *real = truth ? j->s->truth + t * n : frame;
	const double *flat = !truth && j->flat ? j->f->lowrank.flat : NULL;

	*square = *counts = *covered = 0;
	for (size_t i = 0; i < n; i++) {
		double d = (double)real[i] / (flat ? flat[i] : 1) - j->p.spectrum[i],
		       noise = j->noise * j->noise * fmax((double)real[i], 1);

		if (!isfinite(d))
			continue;
		known++;
		*square += d * d / noise;
		*counts += d * d;
		*covered += d * d <= j->width * j->width * (j->p.variance[i] + (truth ? 0 : j->p.noise[i]));
	}
	*square /= (double)known;
	*counts /= (double)known;
	*covered /= (double)known;
}

static void judge_descriptors(struct judge *j, size_t t, struct sums *sums)
{
	const struct em_descriptors *d = j->set->descriptors;
	size_t count = em_descriptors_count(d);
	const double *real = j->descriptor + t * count;
	struct em_description said[EM_DESCRIPTORS];

	em_prediction_describe(&j->p, d, 0, count, said, j->work);
	for (size_t k = 0; k < count; k++) {
		double off = said[k].value - real[k], noise = j->s->truth ? 0 : said[k].noise;

		if (!isfinite(off))
			continue;
		sums->descriptor[k].n++;
		sums->descriptor[k].squares += off * off;
		sums->descriptor[k].covered +=
		    said[k].deviation >= 0 ? fabs(off) <= j->width * hypot(said[k].deviation, noise) : NAN;
	}
}

static int judge_one(struct judge *j, struct em_forecast_run *run, size_t steps, size_t to, struct sums *sums,
                     struct em_error *err)
{
	double square, counts, covered;
	bool truth = j->s->truth;

	if (em_forecast_predict_at(run, steps, j->shift[to], &j->p, err))
		return -1;
	sums->n++;
	compare(j, to, false, &square, &counts, &covered);
	sums->seen += square;
	sums->seen_counts += counts;
	sums->seen_covered += covered;
	if (truth) {
		compare(j, to, true, &square, &counts, &covered);
		sums->truth += square;
		sums->truth_counts += counts;
		sums->covered += covered;
	}
	if (to % 3 == 0) /* which takes the longest, and neighbours say the same */
		judge_descriptors(j, to, sums);
	if (em_forecast_predict(run, steps, &j->p, err))
		return -1;
	compare(j, to, truth, &square, &counts, &covered);
	sums->drifted += square;
	return 0;
}

static void add_up(struct em_evaluation *e, const struct sums *s, bool truth)
{
	if (!(s->n > 0))
		return;
	e->forecasts += (size_t)s->n;
	e->series++;
	e->truth += truth ? sqrt(s->truth / s->n) : NAN;
	e->truth_rmse += truth ? sqrt(s->truth_counts / s->n) : NAN;
	e->covered += truth ? s->covered / s->n : NAN;
	e->seen += sqrt(s->seen / s->n);
	e->seen_rmse += sqrt(s->seen_counts / s->n);
	e->seen_covered += s->seen_covered / s->n;
	e->drifted += sqrt(s->drifted / s->n);
	for (size_t k = 0; k < EM_DESCRIPTORS; k++) {
		double n = s->descriptor[k].n;

		if (!(n > 0))
			continue;
		e->descriptor[k].series++;
		e->descriptor[k].error += sqrt(s->descriptor[k].squares / n);
		e->descriptor[k].covered += s->descriptor[k].covered / n;
	}
}

int em_evaluate_finish(struct em_evaluation *e, size_t horizons, struct em_error *err)
{
	size_t forecasts = 0;

	for (size_t h = 0; h < horizons; h++) {
		double n = e[h].series > 0 ? (double)e[h].series : NAN;
		double *const mean[] = {&e[h].truth,   &e[h].truth_rmse, &e[h].seen,        &e[h].seen_rmse,
		                        &e[h].drifted, &e[h].covered,    &e[h].seen_covered};

		forecasts += e[h].forecasts;
		for (size_t i = 0; i < sizeof(mean) / sizeof(*mean); i++)
			*mean[i] /= n;
		for (size_t k = 0; k < EM_DESCRIPTORS; k++) {
			struct em_evaluation_descriptor *d = &e[h].descriptor[k];

			d->error /= d->series;
			d->covered /= d->series;
		}
	}
	return forecasts
	           ? 0
	           : em_error_set(err, EM_ERROR_DATA,
	                          "nothing to judge: no series is as long as the window and the shortest horizon");
}

/* Where the drift put each spectrum, and what that shows: in truth, or as measured, by the model's pattern where it is
 * the detector's. */
static void look(struct judge *j, struct em_observation *o)
{
	const struct em_descriptors *d = j->set->descriptors;
	size_t n = j->s->energy.channels, count = em_descriptors_count(d);

	for (size_t t = 0; t < j->s->count; t++) {
		const float *truth = j->s->truth ? j->s->truth + t * n : NULL;

		em_lowrank_observe(&j->f->lowrank, j->s->frame + t * n, o);
		j->shift[t] = o->missing ? NAN : o->shift;
		for (size_t i = 0; i < n; i++) {
			double y = truth ? (double)truth[i] : (double)o->frame[i];

			j->work[i] = isfinite(y) ? y : 0;
		}
		for (size_t k = 0; k < count; k++)
			j->descriptor[t * count + k] = NAN;
		if (count && !o->missing)
			em_descriptors_measure(d, 0, count, j->work, j->descriptor + t * count, NULL);
	}
}

static int walk(struct judge *j, const struct em_evaluate_part *part, struct sums *sums, struct em_error *err)
{
	const struct em_series *s = j->s;
	size_t end = part->to < s->count ? part->to : s->count;
	struct em_forecast_run run;
	int status = em_forecast_begin(&run, j->f, err);

	if (status)
		return -1;
	if (j->set->adapt)
		status = em_forecast_adapt(&run, err);
	for (size_t t = 0; t < end && !status; t++) {
		em_forecast_push(&run, s->frame + t * j->p.channels);
		j->flat = run.seen.flat;
		for (size_t h = 0;
		     h < j->set->horizons && t + 1 >= j->f->window && t >= part->from && run.known && !status; h++) {
			size_t to = t + j->set->horizon[h];

			if (to < s->count && isfinite(j->shift[to]))
				status = judge_one(j, &run, j->set->horizon[h], to, &sums[h], err);
		}
	}
	em_forecast_end(&run);
	return status;
}

int em_evaluate_judge(struct em_evaluation *result, const struct em_forecast *f, const struct em_evaluate_part *part,
                      const struct em_evaluate_settings *set, struct em_error *err)
{
	const struct em_series *s = part->series;
	struct judge j = {.f = f, .s = s, .set = set, .noise = em_series_noise(s)};
	struct sums sums[EM_EVALUATE_HORIZONS] = {{0}};
	size_t n = s->energy.channels, room = s->count * (1 + em_descriptors_count(set->descriptors));
	struct em_observation o = {0};
	int status = 0;

	if (em_series_same_axis(&f->lowrank.energy, &s->energy, err))
		return -1;
	if (!(j.noise > 0))
		return em_error_set(err, EM_ERROR_DATA,
		                    "series %.100s: no three spectra in a row: its noise is not known", s->name);
	j.width = em_evaluate_width(set->level);
	j.shift = malloc((room + 1) * sizeof(double));
	j.descriptor = j.shift + s->count;
	j.work = malloc(EM_DESCRIPTORS * n * sizeof(double));
	if (!j.shift || !j.work || em_observation_init(&o, &f->lowrank, err) || em_prediction_init(&j.p, f, err))
		status = em_error_memory(err, EM_DESCRIPTORS * n * sizeof(double));
	if (!status) {
		look(&j, &o);
		status = walk(&j, part, sums, err);
	}
	for (size_t h = 0; h < set->horizons && !status; h++)
		add_up(&result[h], &sums[h], s->truth);
	em_observation_release(&o);
	em_prediction_release(&j.p);
	free(j.shift);
	free(j.work);
	return status;
}
