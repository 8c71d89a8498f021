/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All models behind their interface: what they say of simple series, their files, and their faults. */
#include "forecast/alert.h"
#include "forecast/evaluate.h"
#include "forecast/forecast.h"
#include "forecast/origin.h"

#include "series_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N 300
#define SERIES 5

static struct em_series series[SERIES];
static const struct em_series *all[SERIES];

static struct em_forecast_settings settings(void)
{
	return (struct em_forecast_settings){
	    .furthest = 9, .window = 8, .seed = 1, .threads = 1, .steps = {9}, .nsteps = 1, .epochs = 2, .rate = 1e-3};
}

/* Without drift or noise of the detector; the last one stands still. */
static int make(void **state)
{
	(void)state;
	for (int k = 0; k < SERIES; k++) {
		const struct course c = {.frames = 40,
		                         .channels = N,
		                         .counts = 2000,
		                         .rate = 0.02 * (k + 1),
		                         .most = k < SERIES - 1 ? 0.8 : 0,
		                         .seed = (uint64_t)k + 1};

		series[k] = course_series(&c, NULL);
		all[k] = &series[k];
	}
	return 0;
}

static int drop(void **state)
{
	(void)state;
	for (int k = 0; k < SERIES; k++)
		em_series_release(&series[k]);
	return 0;
}

static void learn(struct em_forecast *f, const char *name)
{
	const struct em_forecast_settings set = settings();
	struct em_forecast_school school;

	assert_int_equal(em_forecast_school_open(&school, all, SERIES - 1, true, &set, NULL), 0);
	assert_int_equal(em_forecast_learn(f, em_forecast_method_find(name), &school, &set, NULL), 0);
	em_forecast_school_close(&school);
}

static void follow(struct em_forecast_run *run, const struct em_forecast *f, const struct em_series *s, size_t frames)
{
	assert_int_equal(em_forecast_begin(run, f, NULL), 0);
	for (size_t t = 0; t < frames; t++)
		em_forecast_push(run, s->frame + t * N);
}

/* Every model's file gives the same model again, to what float32 keeps. */
static void files_hold_models(void **state)
{
	const struct em_forecast_method *m;

	(void)state;
	for (size_t i = 0; (m = em_forecast_method_at(i)); i++) {
		struct em_forecast f, again;
		struct em_text out = {0};
		struct em_safetensors *file;
		struct em_forecast_run a, b;
		struct em_prediction p, q;

		learn(&f, m->name);
		assert_int_equal(em_forecast_print(&f, "{\"series\":[]}", &out, NULL), 0);
		file = em_safetensors_new((struct em_blob){(unsigned char *)out.s, out.len}, NULL);
		assert_non_null(file);
		assert_int_equal(em_forecast_parse(&again, file, NULL), 0);
		assert_string_equal(again.provenance, "{\"series\":[]}");
		follow(&a, &f, &series[4], 20);
		follow(&b, &again, &series[4], 20);
		assert_int_equal(em_prediction_init(&p, &f, NULL), 0);
		assert_int_equal(em_prediction_init(&q, &again, NULL), 0);
		assert_int_equal(em_forecast_predict(&a, 9, &p, NULL), 0);
		assert_int_equal(em_forecast_predict(&b, 9, &q, NULL), 0);
		for (size_t k = 0; k < N; k++) {
			assert_true(fabs(p.spectrum[k] - q.spectrum[k]) < 0.02 * sqrt(p.noise[k]));
			assert_true(fabs(p.variance[k] - q.variance[k]) < 0.02 * p.noise[k]);
		}
		em_prediction_release(&p);
		em_prediction_release(&q);
		em_forecast_end(&a);
		em_forecast_end(&b);
		em_safetensors_free(file);
		em_text_release(&out);
		em_forecast_release(&f);
		em_forecast_release(&again);
	}
}

static void evaluate(const char *name, size_t which, struct em_evaluation *e)
{
	const struct em_evaluate_settings set = {.horizon = {1, 9}, .horizons = 2, .level = 0.9};
	struct em_forecast f;

	learn(&f, name);
	memset(e, 0, EM_EVALUATE_HORIZONS * sizeof(*e));
	const struct em_evaluate_part part = {&series[which], 0, SIZE_MAX};
	assert_int_equal(em_evaluate_add(e, &f, &part, 1, &set, 1, NULL), 0);
	assert_int_equal(em_evaluate_finish(e, 2, NULL), 0);
	em_forecast_release(&f);
}

/* What stands still, with noise 1: the last spectrum errs by 1, and by sqrt 2 from the next; the mean of 8 by 1/sqrt 8.
 */
static void errors_in_closed_form(void **state)
{
	struct em_evaluation e[EM_EVALUATE_HORIZONS];

	(void)state;
	for (int h = 0; h < 2; h++) {
		double last;

		evaluate("persistence", 4, e);
		last = e[h].truth;
		assert_true(fabs(last - 1) < 0.05); /* so well does one series tell its noise */
		assert_true(fabs(e[h].seen / last - sqrt(2)) < 0.02);
		evaluate("mean", 4, e);
		assert_true(fabs(e[h].truth / last - 1 / sqrt(8)) < 0.02);
		assert_true(fabs(e[h].seen / last - sqrt(1 + 1.0 / 8)) < 0.02);
	}
	evaluate("lowrank", 4, e);
	assert_true(e[0].truth < 1 / sqrt(8)); /* it knows more than the last 8 */
	assert_true(e[1].seen_covered > 0.87 && e[1].seen_covered < 0.93);
	assert_true(e[0].forecasts == 40 - 8 && e[1].forecasts == 40 - 8 - 8);
}

/* Gaps in a series: no model minds. */
static void missing_spectra(void **state)
{
	const struct em_forecast_method *m;
	float blind[N];

	(void)state;
	for (size_t i = 0; i < N; i++)
		blind[i] = NAN;
	for (size_t i = 0; (m = em_forecast_method_at(i)); i++) {
		struct em_forecast f;
		struct em_forecast_run run;
		struct em_prediction p;
		double off = 0;

		learn(&f, m->name);
		assert_int_equal(em_prediction_init(&p, &f, NULL), 0);
		assert_int_equal(em_forecast_begin(&run, &f, NULL), 0);
		for (size_t t = 0; t < 30; t++)
			em_forecast_push(&run, t < 2 || t % 5 == 0 || t > 27 ? blind : series[4].frame + t * N);
		assert_int_equal(em_forecast_predict(&run, 1, &p, NULL), 0);
		for (size_t k = 0; k < N; k++)
			off += pow(p.spectrum[k] - (double)series[4].truth[k], 2) / (double)series[4].truth[k] / N;
		assert_true(m->validates ? isfinite(off) : off < 1.2); /* two epochs make no network */
		em_prediction_release(&p);
		em_forecast_end(&run);
		em_forecast_release(&f);
	}
}

/* Error of forecasts 5 steps on in the second half, by the noise; `found` gets whether a component appeared. */
static double follow_to_the_end(const struct em_forecast *f, const struct em_series *s, bool adapt, size_t *spreads)
{
	struct em_forecast_run run;
	struct em_prediction p;
	double sum = 0, n = 0;

	assert_int_equal(em_prediction_init(&p, f, NULL), 0);
	assert_int_equal(em_forecast_begin(&run, f, NULL), 0);
	if (adapt)
		assert_int_equal(em_forecast_adapt(&run, NULL), 0);
	for (size_t t = 0; t + 5 < s->count; t++) {
		em_forecast_push(&run, s->frame + t * N);
		if (2 * t < s->count + 20)
			continue;
		assert_int_equal(em_forecast_predict(&run, 5, &p, NULL), 0);
		for (size_t k = 0; k < N; k++, n++)
			sum += pow(p.spectrum[k] - (double)s->truth[(t + 5) * N + k], 2) / p.noise[k];
	}
	*spreads = p.spreads;
	em_prediction_release(&p);
	em_forecast_end(&run);
	return sqrt(sum / n);
}

/* A line grows that no other series has: it is found and followed.  Without it nothing is found, and nothing lost. */
static void a_component_that_appears(void **state)
{
	struct course c = {
	    .frames = 80, .channels = N, .counts = 2000, .rate = 0.03, .most = 0.7, .seed = 99, .fresh = 0.02};
	struct em_series fresh = course_series(&c, NULL), usual;
	struct em_forecast f;
	size_t usual_spreads, spreads;
	double plain;

	(void)state;
	c.fresh = 0;
	usual = course_series(&c, NULL);
	learn(&f, "lowrank");
	plain = follow_to_the_end(&f, &fresh, false, &usual_spreads);
	assert_true(follow_to_the_end(&f, &fresh, true, &spreads) < 0.5 * plain);
	assert_int_equal(spreads, usual_spreads + 1);
	plain = follow_to_the_end(&f, &usual, false, &usual_spreads);
	assert_true(follow_to_the_end(&f, &usual, true, &spreads) < 1.1 * plain);
	assert_int_equal(spreads, usual_spreads);
	em_forecast_release(&f);
	em_series_release(&fresh);
	em_series_release(&usual);
}

static void faults(void **state)
{
	const struct em_forecast_settings set = settings();
	struct em_series few = series[0], other = series[1];
	const struct em_series *bad[2] = {&series[0], &few};
	struct em_forecast_school school;
	struct em_forecast f;
	struct em_forecast_run run;
	struct em_prediction p;
	struct em_evaluation e = {0};
	const struct em_evaluate_settings es = {.horizon = {1}, .horizons = 1, .level = 0.9};
	struct em_error err = {0};

	(void)state;
	few.count = 9; /* the window and one */
	assert_int_equal(em_forecast_school_open(&school, bad, 2, false, &set, &err), -1);
	assert_non_null(strstr(err.text, "shorter than the window"));
	other.energy.offset += 1;
	bad[1] = &other;
	assert_int_equal(em_forecast_school_open(&school, bad, 2, false, &set, &err), -1);
	assert_non_null(strstr(err.text, "another energy axis"));
	learn(&f, "persistence");
	const struct em_evaluate_part part = {&other, 0, SIZE_MAX};
	assert_int_equal(em_evaluate_add(&e, &f, &part, 1, &es, 1, &err), -1);
	assert_non_null(strstr(err.text, "another energy axis"));
	follow(&run, &f, &series[0], 7);
	assert_int_equal(em_prediction_init(&p, &f, NULL), 0);
	assert_int_equal(em_forecast_predict(&run, 1, &p, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	em_prediction_release(&p);
	em_forecast_end(&run);
	em_forecast_release(&f);
}

static void origins_are_known_again(void **state)
{
	struct em_series_set seen = {series, 2, 2}, unseen = {series + 2, 2, 2};
	struct em_text out = {0};
	struct em_forecast f = {0};
	struct em_error err = {0};

	(void)state;
	em_origin_put(&out, NULL, &seen);
	f.provenance = out.s;
	assert_int_equal(em_origin_check(&f, &unseen, &err), 0);
	assert_int_equal(em_origin_check(&f, &seen, &err), -1);
	em_text_release(&out);
}

static void conditions(void **state)
{
	static const char *const bad[] = {"",
	                                  "L3/L2",
	                                  "L3/L2 = 1",
	                                  "L3/L2 < x",
	                                  "no < 1",
	                                  "L3/L2 < 1 within",
	                                  "L3/L2 < 1 within 0",
	                                  "L3/L2 < 1 within 2.5",
	                                  "L3/L2 < 1 soon"};
	const struct em_energy e = {1900, 435, 0.1};
	struct em_descriptors *d = em_descriptors_new(&e, NULL, false, NULL);
	struct em_condition c;

	(void)state;
	assert_non_null(d);
	assert_int_equal(em_descriptors_count(d), 3);
	assert_int_equal(em_condition_parse(&c, "L3/L2 < 1.2 within 20", d, NULL), 0);
	assert_true(c.descriptor == em_descriptors_find(d, "L3/L2") && c.limit == 1.2 && c.within == 20 && !c.above);
	assert_true(em_condition_holds(&c, 1.19) && !em_condition_holds(&c, 1.2) && !em_condition_holds(&c, NAN));
	assert_int_equal(em_condition_parse(&c, "O-K>=2e5", d, NULL), 0);
	assert_true(c.above && c.within == 0 && em_condition_holds(&c, 2e5) && !em_condition_holds(&c, 1e5));
	assert_int_equal(em_condition_parse(&c, "change < 1e-4", d, NULL), 0);
	assert_int_equal(c.descriptor, -1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(em_condition_parse(&c, bad[i], d, NULL), -1);
	em_descriptors_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(files_hold_models),
	                                   cmocka_unit_test(errors_in_closed_form),
	                                   cmocka_unit_test(missing_spectra),
	                                   cmocka_unit_test(a_component_that_appears),
	                                   cmocka_unit_test(faults),
	                                   cmocka_unit_test(origins_are_known_again),
	                                   cmocka_unit_test(conditions)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make, drop);
}
