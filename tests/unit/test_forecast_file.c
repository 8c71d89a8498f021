/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Models' files that have been tampered with: numbers that no model has are refused, and nothing is made of them. */
#include "forecast/forecast.h"

#include "series_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SERIES 3

static struct em_series series[SERIES];

static int make(void **state)
{
	(void)state;
	for (int k = 0; k < SERIES; k++) {
		const struct course c = {.frames = 30,
		                         .channels = 80,
		                         .counts = 2000,
		                         .rate = 0.02 * (k + 1),
		                         .most = 0.8,
		                         .seed = (uint64_t)k + 1};

		series[k] = course_series(&c, NULL);
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

static void print_model(const char *method, struct em_text *out)
{
	const struct em_series *all[SERIES] = {&series[0], &series[1], &series[2]};
	const struct em_forecast_settings set = {
	    .lowrank = {.reach = 4}, .furthest = 9, .window = 8, .seed = 1, .threads = 1};
	struct em_forecast_school school;
	struct em_forecast f;

	assert_int_equal(em_forecast_school_open(&school, all, SERIES, true, &set, NULL), 0);
	assert_int_equal(em_forecast_learn(&f, em_forecast_method_find(method), &school, &set, NULL), 0);
	assert_int_equal(em_forecast_print(&f, NULL, out, NULL), 0);
	em_forecast_school_close(&school);
	em_forecast_release(&f);
}

/* What is said of a model whose tensor begins with this number; "" where it is taken. */
static void tamper(const char *method, const char *tensor, float with, struct em_error *err)
{
	struct em_text out = {0};
	struct em_safetensors *file;
	const struct em_tensor *t;
	struct em_forecast f;

	*err = (struct em_error){0};
	print_model(method, &out);
	file = em_safetensors_new((struct em_blob){(unsigned char *)out.s, out.len}, NULL);
	t = em_safetensors_find(file, tensor);
	assert_non_null(t);
	memcpy(out.s + (t->data - (unsigned char *)out.s), &with, sizeof(with));
	if (!em_forecast_parse(&f, file, err))
		em_forecast_release(&f);
	em_safetensors_free(file);
	em_text_release(&out);
}

static void no_model_has_these(void **state)
{
	static const struct {
		const char *method, *tensor;
		float with;
		const char *why; /* "": it is a model */
	} seen[] = {{"mean", "interval.horizon", 1, ""},
	            {"mean", "interval.horizon", 0.5F, "horizons"}, /* no step at all, to divide by */
	            {"mean", "interval.horizon", 1.5F, "horizons"},
	            {"mean", "interval.horizon", -1, "horizons"},
	            {"mean", "interval.excess", 0, ""},
	            {"mean", "interval.excess", -0.1F, "negative"},
	            {"lowrank", "dynamics.horizon", 0.5F, "horizons"},
	            {"lowrank", "basis.weight", -1, "negative"},
	            {"lowrank", "detector.flat", 0, "not positive"},
	            {"lowrank", "detector.rest", 1, "no variance"}};

	(void)state;
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		struct em_error err;

		tamper(seen[i].method, seen[i].tensor, seen[i].with, &err);
		assert_int_equal(err.kind, *seen[i].why ? EM_ERROR_DATA : EM_ERROR_NONE);
		assert_non_null(strstr(err.text, seen[i].why));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_model_has_these),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make, drop);
}
