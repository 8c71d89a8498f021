/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compositions, against arithmetic and against many noisy ones. */
#include "eels/composition.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

static const struct em_composition_part TI = {4000, 80, 2000, 0.2}, O = {3000, 60, 500, 0.1},
                                        SR = {1000, 200, 1000, 0.2}, NONE = {-30, 60, 500, 0.1};

static void a_ratio(void **state)
{
	struct em_composition_value r;

	(void)state;
	assert_int_equal(em_composition_ratio(&TI, &O, &r, NULL), 0);
	assert_true(fabs(r.value - 1.0 / 3) < 1e-12);
	assert_true(fabs(r.error - 1.0 / 3 * sqrt(2) * 0.02) < 1e-12);
	assert_true(fabs(r.model - 1.0 / 3 * sqrt(0.05)) < 1e-12);
	assert_int_equal(em_composition_ratio(&NONE, &TI, &r, NULL), 0); /* none of it is an answer */
	assert_true(fabs(r.value + 0.03) < 1e-12 && fabs(r.error - 0.06) < 1e-4);
}

static void fractions_and_their_errors(void **state)
{
	const struct em_composition_part part[] = {TI, O, SR};
	struct em_composition_value f[3];
	double sum[3] = {0}, square[3] = {0};
	const int many = 20000;
	struct em_random random;

	(void)state;
	assert_int_equal(em_composition_fractions(part, 3, f, NULL), 0);
	assert_true(fabs(f[0].value - 2.0 / 9) < 1e-12 && fabs(f[1].value - 6.0 / 9) < 1e-12);
	assert_true(fabs(f[0].value + f[1].value + f[2].value - 1) < 1e-12);
	em_random_seed(&random, 1, 0);
	for (int k = 0; k < many; k++) {
		struct em_composition_part noisy[3];
		struct em_composition_value g[3];
		for (int i = 0; i < 3; i++) {
			noisy[i] = part[i];
			noisy[i].counts += part[i].counts_error * em_random_normal(&random);
		}
		assert_int_equal(em_composition_fractions(noisy, 3, g, NULL), 0);
		for (int i = 0; i < 3; i++) {
			sum[i] += g[i].value - f[i].value;
			square[i] += pow(g[i].value - f[i].value, 2);
		}
	}
	for (int i = 0; i < 3; i++) {
		assert_true(fabs(sum[i] / many) < 0.05 * f[i].error);
		assert_true(fabs(sqrt(square[i] / many) / f[i].error - 1) < 0.03);
	}
}

/* Of two, f = r / (1 + r): the model's uncertainty is the ratio's over (1 + r)^2. */
static void the_models_uncertainty_of_two(void **state)
{
	const struct em_composition_part part[] = {TI, O};
	struct em_composition_value f[2], r;

	(void)state;
	assert_int_equal(em_composition_fractions(part, 2, f, NULL), 0);
	assert_int_equal(em_composition_ratio(&TI, &O, &r, NULL), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(fabs(f[i].model - r.model / pow(1 + r.value, 2)) < 1e-12);
		assert_true(fabs(f[i].error - r.error / pow(1 + r.value, 2)) < 1e-12);
	}
}

static void a_standard_gives_itself_back(void **state)
{
	struct em_composition_part a = {4000, 80, 1, 0}, b = {3000, 60, 1, 0};
	struct em_composition_value k, r;

	(void)state;
	assert_int_equal(em_composition_k_factor(&TI, &O, 1.0 / 3, 0.01, &k, NULL), 0);
	assert_true(fabs(k.value - 0.25) < 1e-12);
	assert_true(fabs(k.error - 0.25 * sqrt(2) * 0.02) < 1e-12 && fabs(k.model - 0.0025) < 1e-12);
	a.sigma = 1 / k.value;
	assert_int_equal(em_composition_ratio(&a, &b, &r, NULL), 0);
	assert_true(fabs(r.value - 1.0 / 3) < 1e-12);
}

static void what_gives_no_composition(void **state)
{
	struct em_composition_part odd = {NAN, 1, 1, 0}, zero = {10, 1, 0, 0}, nothing[] = {NONE, NONE};
	struct em_composition_value r = {7, 7, 7};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_composition_ratio(&TI, &NONE, &r, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, "no net signal"));
	assert_int_equal(em_composition_ratio(&odd, &TI, &r, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_composition_ratio(&zero, &TI, &r, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_int_equal(em_composition_fractions(nothing, 2, &r, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_composition_k_factor(&NONE, &O, 1, 0, &r, &err), -1);
	assert_int_equal(em_composition_k_factor(&O, &NONE, 1, 0, &r, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_composition_k_factor(&TI, &O, 0, 0, &r, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	assert_true(r.value == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_ratio),
	    cmocka_unit_test(fractions_and_their_errors),
	    cmocka_unit_test(the_models_uncertainty_of_two),
	    cmocka_unit_test(a_standard_gives_itself_back),
	    cmocka_unit_test(what_gives_no_composition),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
