/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drift, the detector's pattern and scores of simulated series. */
#include "forecast/lowrank.h"

#include "series_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N 500
#define SERIES 6
#define FRAMES 50

/* Six series with reactions of their own, drift to and fro, on a detector whose pattern is as strong as the noise. */
static void make(struct em_series *s, double shift[SERIES][FRAMES], double pattern)
{
	for (int k = 0; k < SERIES; k++) {
		const struct course c = {.frames = FRAMES,
		                         .channels = N,
		                         .counts = 10000,
		                         .rate = 0.01 * (k + 1),
		                         .most = 0.5 + 0.1 * k,
		                         .fade = 0.001 * k,
		                         .drift = k % 2 ? 0.08 : -0.08,
		                         .start = 2 * (k % 3),
		                         .walk = 0.2,
		                         .pattern = pattern,
		                         .seed = (uint64_t)k + 10};

		s[k] = course_series(&c, shift[k]);
	}
}

static void learn(struct em_lowrank *lr, const struct em_series *s, size_t reach)
{
	const struct em_series *all[SERIES];
	const struct em_lowrank_settings set = {.reach = reach, .threads = 2};

	for (int k = 0; k < SERIES; k++)
		all[k] = &s[k];
	assert_int_equal(em_lowrank_learn(lr, all, SERIES, &set, NULL), 0);
}

/* The reaction makes lines 5 channels further down; drift by up to 10 is told from that. */
static void drift_is_no_chemical_shift(void **state)
{
	static double shift[SERIES][FRAMES];
	struct em_series s[SERIES];
	struct em_lowrank lr;
	double offset = 0, worst = 0;

	(void)state;
	make(s, shift, 0);
	learn(&lr, s, 12);
	assert_int_equal(lr.basis.rank, 2); /* of two compounds */
	for (int k = 0; k < SERIES; k++) {
		struct em_observation o;

		assert_int_equal(em_observation_init(&o, &lr, NULL), 0);
		for (size_t t = 0; t < FRAMES; t++) {
			em_lowrank_observe(&lr, s[k].frame + t * N, &o);
			if (k == 0 && t == 0)
				offset = o.shift - shift[0][0];
			worst = fmax(worst, fabs(o.shift - shift[k][t] - offset));
			assert_true(fabs(o.gain - 1) < 0.3);
		}
		em_observation_release(&o);
		em_series_release(&s[k]);
	}
	assert_true(worst < 0.35); /* the first frame's own error is in all */
	em_lowrank_release(&lr);
}

static double correlation(const double *a, const double *b, size_t n)
{
	double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;

	for (size_t i = 0; i < n; i++) {
		ma += a[i] / (double)n;
		mb += b[i] / (double)n;
	}
	for (size_t i = 0; i < n; i++) {
		ab += (a[i] - ma) * (b[i] - mb);
		aa += (a[i] - ma) * (a[i] - ma);
		bb += (b[i] - mb) * (b[i] - mb);
	}
	return ab / sqrt(aa * bb);
}

static void the_detectors_pattern_is_found(void **state)
{
	static double shift[SERIES][FRAMES];
	struct em_series s[SERIES];
	struct em_lowrank lr;
	struct em_random detector;
	double pattern[N], hidden = 0, said = 0;
	struct em_observation o;

	(void)state;
	em_random_seed(&detector, 77, 0);
	for (size_t i = 0; i < N; i++)
		pattern[i] = 1 + 0.01 * em_random_normal(&detector);
	make(s, shift, 0.01);
	learn(&lr, s, 12);
	assert_true(correlation(lr.flat, pattern, N) > 0.85);
	for (size_t i = 0; i < N; i++) {
		double d = pattern[i] / lr.flat[i] - 1;

		hidden += d * d / N;
		said += lr.unknown[i] / N;
	}
	assert_true(hidden < 0.006 * 0.006);
	assert_true(said > hidden / 2 && said < hidden * 2);
	/* a series of another detector does without */
	assert_int_equal(em_observation_init(&o, &lr, NULL), 0);
	em_lowrank_observe(&lr, s[0].frame, &o);
	assert_true(o.flat);
	em_observation_release(&o);
	for (size_t i = 0; i < N; i++)
		s[0].frame[i] = (float)((double)s[0].frame[i] / pattern[i]);
	assert_int_equal(em_observation_init(&o, &lr, NULL), 0);
	em_lowrank_observe(&lr, s[0].frame, &o);
	assert_false(o.flat);
	em_observation_release(&o);
	for (int k = 0; k < SERIES; k++)
		em_series_release(&s[k]);
	em_lowrank_release(&lr);
}

/* Without drift, and with a third of the channels gone: the scores are the same within their errors. */
static void missing_channels(void **state)
{
	static double shift[SERIES][FRAMES];
	struct em_series s[SERIES];
	struct em_lowrank lr;
	struct em_observation whole, part;
	float *frame;

	(void)state;
	make(s, shift, 0);
	for (int k = 0; k < SERIES; k++) { /* as if all drift were off */
		const struct course c = {.frames = FRAMES,
		                         .channels = N,
		                         .counts = 10000,
		                         .rate = 0.02 * (k + 1),
		                         .most = 0.8,
		                         .seed = (uint64_t)k};

		em_series_release(&s[k]);
		s[k] = course_series(&c, NULL);
	}
	learn(&lr, s, 0);
	assert_int_equal(em_observation_init(&whole, &lr, NULL), 0);
	assert_int_equal(em_observation_init(&part, &lr, NULL), 0);
	frame = s[0].frame + 20 * N;
	em_lowrank_observe(&lr, frame, &whole);
	for (size_t i = 300; i < 450; i++)
		frame[i] = NAN;
	em_lowrank_observe(&lr, frame, &part);
	assert_false(part.missing);
	for (size_t k = 0; k < lr.basis.rank; k++)
		assert_true(fabs(whole.score[k] - part.score[k]) < 8 * sqrt(whole.variance));
	for (size_t i = 0; i < N; i++)
		assert_true(isfinite(part.aligned[i]));
	for (size_t i = 0; i < 260; i++)
		frame[i] = NAN;
	em_lowrank_observe(&lr, frame, &part);
	assert_true(part.missing);
	em_observation_release(&whole);
	em_observation_release(&part);
	for (int k = 0; k < SERIES; k++)
		em_series_release(&s[k]);
	em_lowrank_release(&lr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(drift_is_no_chemical_shift),
	                                   cmocka_unit_test(the_detectors_pattern_is_found),
	                                   cmocka_unit_test(missing_channels)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
