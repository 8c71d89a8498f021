/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is shared out in batches, and resampling. */
#include "base/parallel.h"
#include "vision/batch.h"
#include "vision/resample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/* ---- batches ---- */

enum { JOBS = 200, MOST = 4 };

struct errand {
	struct em_batch *batch;
	int in[JOBS], out[JOBS], status[JOBS];
};

static _Atomic int running, most_running, largest;

static int square(void *ctx, size_t n, const void *const *in, void *const *out, struct em_error *err)
{
	int now = ++running;

	(void)ctx;
	if (now > most_running)
		most_running = now;
	if ((int)n > largest)
		largest = (int)n;
	for (size_t i = 0; i < n; i++)
		*(int *)out[i] = *(const int *)in[i] * *(const int *)in[i];
	running--;
	return n == 1 && *(const int *)in[0] < 0 ? em_error_set(err, EM_ERROR_DATA, "below zero") : 0;
}

static void errand(void *ctx, size_t i)
{
	struct errand *e = ctx;

	e->in[i] = (int)i;
	e->status[i] = em_batch_run(e->batch, &e->in[i], &e->out[i], NULL);
}

static void test_batches(void **state)
{
	struct errand e = {0};
	struct em_error err = {0};
	int in = -1, out;

	(void)state;
	e.batch = em_batch_new(MOST, 2, square, NULL, NULL);
	assert_non_null(e.batch);
	em_parallel_for(16, JOBS, errand, &e);
	for (int i = 0; i < JOBS; i++)
		assert_true(e.status[i] == 0 && e.out[i] == i * i);
	assert_true(most_running <= 2);
	assert_int_equal(largest, MOST); /* sixteen callers: some wait while others run */
	assert_int_equal(em_batch_run(e.batch, &in, &out, &err), -1);
	assert_string_equal(err.text, "below zero");
	em_batch_free(e.batch);
}

/* ---- resampling ---- */

static void test_resample(void **state)
{
	static const float ramp[4] = {0, 1, 2, 3}, steps[8] = {0, 0.25f, 0.75f, 1.25f, 1.75f, 2.25f, 2.75f, 3};
	float out[12 * 8], in[30];

	(void)state;
	assert_int_equal(em_resample(ramp, 1, 4, out, 3, 8, NULL), 0);
	for (size_t i = 0; i < 24; i++)
		assert_near(out[i], steps[i % 8], 1e-6);
	/* To a half: the triangle reaches over four pixels, three at the ends: 1 3 3 1 and 3 3 1. */
	assert_int_equal(em_resample(ramp, 4, 1, out, 2, 1, NULL), 0);
	assert_near(out[0], (3. * 0 + 3 * 1 + 1 * 2) / 7, 1e-6);
	assert_near(out[1], (1. * 1 + 3 * 2 + 3 * 3) / 7, 1e-6);
	for (int i = 0; i < 30; i++)
		in[i] = (float)(i * i % 7);
	assert_int_equal(em_resample(in, 5, 6, out, 5, 6, NULL), 0);
	assert_memory_equal(in, out, sizeof(in));
	for (int i = 0; i < 30; i++)
		in[i] = 2.5f;
	assert_int_equal(em_resample(in, 30, 1, out, 7, 11, NULL), 0);
	for (size_t i = 0; i < 77; i++)
		assert_near(out[i], 2.5, 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_batches), cmocka_unit_test(test_resample)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
