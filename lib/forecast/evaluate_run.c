/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "forecast/evaluate.h"

#include "base/parallel.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ORIGINS 4

struct work {
	struct em_evaluation *result;
	const struct em_evaluate_plan *plan;
	const struct em_series_set *set;
	size_t done, all;
};

struct judging {
	const struct em_forecast *f;
	const struct em_evaluate_part *part;
	const struct em_evaluate_settings *settings;
	struct em_evaluation (*result)[EM_EVALUATE_HORIZONS];
	struct em_error *error;
	int *status;
};

static void judge(void *ctx, size_t i)
{
	struct judging *j = ctx;

	j->status[i] = em_evaluate_judge(j->result[i], j->f, &j->part[i], j->settings, &j->error[i]);
}

/* a += b, sums of series. */
static void add(struct em_evaluation *a, const struct em_evaluation *b)
{
	a->forecasts += b->forecasts;
	a->series += b->series;
	a->truth += b->truth;
	a->truth_rmse += b->truth_rmse;
	a->seen += b->seen;
	a->seen_rmse += b->seen_rmse;
	a->drifted += b->drifted;
	a->covered += b->covered;
	a->seen_covered += b->seen_covered;
	for (size_t k = 0; k < EM_DESCRIPTORS; k++) {
		a->descriptor[k].error += b->descriptor[k].error;
		a->descriptor[k].covered += b->descriptor[k].covered;
		a->descriptor[k].series += b->descriptor[k].series;
	}
}

int em_evaluate_add(struct em_evaluation *result, const struct em_forecast *f, const struct em_evaluate_part *part,
                    size_t count, const struct em_evaluate_settings *settings, int threads, struct em_error *err)
{
	struct judging j = {.f = f, .part = part, .settings = settings};
	int status = 0;

	j.result = calloc(count + 1, sizeof(*j.result));
	j.error = calloc(count + 1, sizeof(*j.error));
	j.status = calloc(count + 1, sizeof(*j.status));
	if (!j.result || !j.error || !j.status)
		status = em_error_memory(err, count * sizeof(*j.result));
	else
		em_parallel_for(threads, count, judge, &j);
	for (size_t i = 0; i < count && !status; i++) {
		status = j.status[i];
		if (status && err)
			*err = j.error[i];
	}
	for (size_t i = 0; i < count && !status; i++)
		for (size_t h = 0; h < settings->horizons; h++)
			add(&result[h], &j.result[i][h]);
	free(j.result);
	free(j.error);
	free(j.status);
	return status;
}

/* All methods learn from some series and are judged on others. */
static int one_split(struct work *w, const struct em_series **learn, size_t nlearn, const struct em_evaluate_part *test,
                     size_t ntest, struct em_error *err)
{
	const struct em_evaluate_plan *p = w->plan;
	struct em_forecast_school school;
	bool spectra = false;
	int status;

	for (size_t m = 0; m < p->methods; m++)
		spectra = spectra || p->method[m]->wants_aligned;
	if (em_forecast_school_open(&school, learn, nlearn, spectra, &p->forecast, err))
		return -1;
	status = 0;
	for (size_t m = 0; m < p->methods && !status; m++) {
		struct em_forecast f = {0};

		status = em_forecast_learn(&f, p->method[m], &school, &p->forecast, err);
		if (status)
			em_error_prefix(err, "%s: ", p->method[m]->name);
		else
			status = em_evaluate_add(w->result + m * EM_EVALUATE_HORIZONS, &f, test, ntest, &p->evaluate,
			                         p->forecast.threads, err);
		em_forecast_release(&f);
		if (!status && p->done)
			p->done(p->ctx, ++w->done, w->all);
	}
	em_forecast_school_close(&school);
	return status;
}

/* room[series] and part[series] are there to be filled. */
static int by_series(struct work *w, const struct em_series **room, struct em_evaluate_part *part, struct em_error *err)
{
	size_t n = w->set->count, groups = w->plan->groups;

	groups = groups && groups < n ? groups : n;
	if (groups < 2)
		return em_error_set(err, EM_ERROR_USAGE,
		                    "one series: there is no other to learn from; --split forward learns from what of "
		                    "it came before");
	w->all = groups * w->plan->methods;
	for (size_t g = 0; g < groups; g++) {
		size_t learn = 0, test = 0;

		for (size_t s = 0; s < n; s++)
			if (s % groups == g)
				part[test++] = (struct em_evaluate_part){&w->set->series[s], 0, SIZE_MAX};
			else
				room[learn++] = &w->set->series[s];
		if (one_split(w, room, learn, part, test, err))
			return -1;
	}
	return 0;
}

/* Origin k of `origins`; past the last the series' end. */
static size_t origin(size_t count, size_t k, size_t origins)
{
	return count / 3 + (count - count / 3) * k / origins;
}

/* A model of all that came before an origin is judged up to the next one. */
static int by_origins(struct work *w, const struct em_series **room, struct em_evaluate_part *part,
                      struct em_error *err)
{
	size_t n = w->set->count, origins = w->plan->origins ? w->plan->origins : ORIGINS;
	struct em_series *past = calloc(n, sizeof(*past));
	int status = past ? 0 : em_error_memory(err, n * sizeof(*past));

	w->all = origins * w->plan->methods;
	for (size_t k = 0; k < origins && !status; k++) {
		for (size_t s = 0; s < n; s++) {
			const struct em_series *whole = &w->set->series[s];

			past[s] = *whole;
			past[s].count = origin(whole->count, k, origins);
			room[s] = &past[s];
			/* the last spectrum that was learned from is the first to go on from */
			part[s] = (struct em_evaluate_part){whole, past[s].count ? past[s].count - 1 : 0,
			                                    origin(whole->count, k + 1, origins) - 1};
		}
		status = one_split(w, room, n, part, n, err);
	}
	free(past);
	return status;
}

static int by_all(struct work *w, const struct em_series **room, struct em_evaluate_part *part, struct em_error *err)
{
	w->all = w->plan->methods;
	for (size_t s = 0; s < w->set->count; s++) {
		room[s] = &w->set->series[s];
		part[s] = (struct em_evaluate_part){room[s], 0, SIZE_MAX};
	}
	return one_split(w, room, w->set->count, part, w->set->count, err);
}

int em_evaluate_run(struct em_evaluation *result, const struct em_evaluate_plan *plan, const struct em_series_set *set,
                    struct em_error *err)
{
	size_t n = set->count;
	const struct em_series **room = calloc(n + 1, sizeof(*room));
	struct em_evaluate_part *part = calloc(n + 1, sizeof(*part));
	struct work w = {.result = result, .plan = plan, .set = set};
	int status;

	memset(result, 0, plan->methods * EM_EVALUATE_HORIZONS * sizeof(*result));
	if (!room || !part)
		status = em_error_memory(err, n * sizeof(*part));
	else if (!n)
		status = em_error_set(err, EM_ERROR_DATA, "no series");
	else
		status = plan->split == EM_EVALUATE_SERIES    ? by_series(&w, room, part, err)
		         : plan->split == EM_EVALUATE_FORWARD ? by_origins(&w, room, part, err)
		                                              : by_all(&w, room, part, err);
	for (size_t m = 0; m < plan->methods && !status; m++)
		status = em_evaluate_finish(result + m * EM_EVALUATE_HORIZONS, plan->evaluate.horizons, err);
	free(room);
	free(part);
	return status;
}

/* ---- printing ---- */

static void cell(struct em_text *out, double v, int width, int digits)
{
	if (v != v)
		em_text_printf(out, " %*s", width, "-");
	else
		em_text_printf(out, " %*.*f", width, digits, v);
}

void em_evaluate_print_table(const struct em_evaluation *result, const char *const *names, size_t models,
                             const struct em_evaluate_settings *set, struct em_text *out)
{
	size_t count = em_descriptors_count(set->descriptors);

	em_text_printf(out, "%5s %-12s %9s %7s %7s %7s %7s %7s %10s", "steps", "model", "forecasts", "truth", "inside",
	               "seen", "inside", "drifted", "rmse");
	for (size_t k = 0; k < count; k++)
		em_text_printf(out, " %11s %7s", em_descriptors_name(set->descriptors, k), "inside");
	em_text_append(out, "\n");
	for (size_t h = 0; h < set->horizons; h++)
		for (size_t m = 0; m < models; m++) {
			const struct em_evaluation *e = &result[m * EM_EVALUATE_HORIZONS + h];

			em_text_printf(out, "%5zu %-12s %9zu", set->horizon[h], names[m], e->forecasts);
			cell(out, e->truth, 7, 3);
			cell(out, e->covered, 7, 3);
			cell(out, e->seen, 7, 3);
			cell(out, e->seen_covered, 7, 3);
			cell(out, e->drifted, 7, 3);
			cell(out, e->truth == e->truth ? e->truth_rmse : e->seen_rmse, 10, 2);
			for (size_t k = 0; k < count; k++) {
				if (isnan(e->descriptor[k].error))
					em_text_printf(out, " %11s", "-");
				else
					em_text_printf(out, " %11.4g", e->descriptor[k].error);
				cell(out, e->descriptor[k].covered, 7, 3);
			}
			em_text_append(out, "\n");
		}
}

static void put(struct em_text *out, const char *name, double v)
{
	em_json_put_name(out, name);
	em_json_put_number(out, v);
}

void em_evaluate_print_record(const struct em_evaluation *e, const char *name, size_t steps,
                              const struct em_evaluate_settings *set, struct em_text *out)
{
	em_text_append(out, "{");
	em_json_put_name(out, "model");
	em_json_put_string(out, name);
	put(out, "steps", (double)steps);
	put(out, "forecasts", (double)e->forecasts);
	put(out, "series", (double)e->series);
	put(out, "truth", e->truth);
	put(out, "truth_rmse", e->truth_rmse);
	put(out, "truth_inside", e->covered);
	put(out, "seen", e->seen);
	put(out, "seen_rmse", e->seen_rmse);
	put(out, "seen_inside", e->seen_covered);
	put(out, "drifted", e->drifted);
	put(out, "level", set->level);
	em_json_put_name(out, "descriptors");
	em_text_append(out, "{");
	for (size_t k = 0; k < em_descriptors_count(set->descriptors); k++) {
		em_json_put_name(out, em_descriptors_name(set->descriptors, k));
		em_text_append(out, "{");
		put(out, "rmse", e->descriptor[k].error);
		put(out, "inside", e->descriptor[k].covered);
		em_text_append(out, "}");
	}
	em_text_append(out, "}}");
}
