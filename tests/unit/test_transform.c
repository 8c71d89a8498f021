/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/transform.h"

#include "base/linalg.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEAR(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static struct em_support support(const float *vectors, size_t n, size_t dim)
{
	struct em_encoder_id id = {"test-1", "abc", dim};
	struct em_support set = {0};

	assert_int_equal(em_support_add_class(&set, "a", NULL, NULL), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(em_support_add(&set, 0, &id, vectors + i * dim, NULL), 0);
	return set;
}

static struct em_unlabelled *unlabelled(const float *vectors, size_t n, size_t dim)
{
	struct em_encoder_id id = {"test-1", "abc", dim};
	struct em_unlabelled *chips = em_unlabelled_new(".", NULL);

	assert_non_null(chips);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(em_unlabelled_add(chips, &id, vectors + i * dim, NULL), 0);
	return chips;
}

/* ---- linear algebra ---- */

static void test_symmetric_power(void **state)
{
	/* Eigenvalues 3 and 1 along (1, 1) and (1, -1). */
	const double exponents[] = {-1, -0.5, 0.5, 1};
	double bad[4] = {1, 2, 2, 1};
	struct em_error err = {0};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		double a[4] = {2, 99, 1, 2}, w = pow(3, exponents[i]); /* the upper triangle is not read */

		assert_int_equal(em_symmetric_power(a, 2, exponents[i], NULL), 0);
		NEAR(a[0], (w + 1) / 2, 1e-14);
		NEAR(a[1], (w - 1) / 2, 1e-14);
		assert_true(a[1] == a[2]);
		NEAR(a[3], (w + 1) / 2, 1e-14);
	}
	assert_int_equal(em_symmetric_power(bad, 2, -0.5, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
}

static void test_shrinkage(void **state)
{
	/* p = 2, so that r = tr^2 / ((n + 1 - 1) (tr W^2 - tr^2 / 2)), of any scale. */
	const double identity[4] = {1, 0, 0, 1}, nothing[4] = {0};

	(void)state;
	NEAR(em_shrinkage((const double[]){80, 99, 7, 20}, 2, 38), 10000. / (38 * (1800 + 2 * 49)), 1e-15);
	NEAR(em_shrinkage((const double[]){80, 0, 0, 20}, 2, 38), 10000. / (38 * 1800), 1e-15);
	NEAR(em_shrinkage((const double[]){8e8, 0, 0, 2e8}, 2, 38), 10000. / (38 * 1800), 1e-15);
	NEAR(em_shrinkage(identity, 2, 1000), 1, 0);
	NEAR(em_shrinkage(nothing, 2, 5), 1, 0);
}

/* ---- the transform ---- */

static void test_power(void **state)
{
	struct em_support set = support((const float[]){1, 2, 3}, 1, 3);
	struct em_transform t;
	float out[3];
	double work[6];

	(void)state;
	assert_int_equal(em_transform_fit(&t, 0.5, -1, &set, NULL, NULL), 0);
	em_transform_apply(&t, (const float[]){-4, 0, 9}, out, work);
	assert_true(out[0] == -2 && out[1] == 0 && out[2] == 3);
	em_transform_release(&t);
	em_support_release(&set);
}

/* With one class the mean is that of supports and chips, after the power; what is left has unit length. */
static void test_centre(void **state)
{
	struct em_support set = support((const float[]){16, 0, 0, 0}, 2, 2);
	struct em_unlabelled *chips = unlabelled((const float[]){4, 9, 4, -9}, 2, 2);
	struct em_transform t;
	float out[2] = {25, 16};
	double work[4];

	(void)state;
	assert_int_equal(em_transform_fit(&t, 0.5, 0, &set, chips, NULL), 0);
	NEAR(t.mean[0], 2, 0);
	NEAR(t.mean[1], 0, 0);
	em_transform_apply(&t, out, out, work); /* (5, 4) - (2, 0) */
	NEAR(out[0], 0.6, 1e-7);
	NEAR(out[1], 0.8, 1e-7);
	em_transform_apply(&t, (const float[]){4, 0}, out, work); /* the mean itself has no direction */
	assert_true(out[0] == 0 && out[1] == 0);
	em_transform_release(&t);
	em_unlabelled_free(chips);
	em_support_release(&set);
}

/* Supports at (0,0) and (10,0); three chips nearer to the first, one to the second: class means (1.5,0) and (9,2). */
static void test_unequal_classes(void **state)
{
	const float v[4] = {0, 0, 10, 0};
	struct em_encoder_id id = {"test-1", "abc", 2};
	struct em_support set = support(v, 1, 2);
	struct em_unlabelled *chips = unlabelled((const float[]){2, 0, 2, 0, 2, 0, 8, 4}, 4, 2);
	struct em_transform t;

	(void)state;
	assert_int_equal(em_support_add_class(&set, "b", NULL, NULL), 0);
	assert_int_equal(em_support_add(&set, 1, &id, v + 2, NULL), 0);
	assert_int_equal(em_transform_fit(&t, 0, 0, &set, chips, NULL), 0);
	NEAR(t.mean[0], 5.25, 0);
	NEAR(t.mean[1], 1, 0);
	em_transform_release(&t);
	em_unlabelled_free(chips);
	em_support_release(&set);
}

/* Chips at (1 +- 4, 1) and (1, 1 +- 2), ten of each: S = diag(320, 80) / 39, and r as above with n = 39. */
static void test_whiten(void **state)
{
	struct em_support set = support((const float[]){5, 1, -3, 1, 1, 3, 1, -1}, 4, 2);
	struct em_unlabelled *chips = unlabelled(NULL, 0, 2);
	const double r = 400. * 400 / (39 * (320. * 320 + 80 * 80 - 400. * 400 / 2));
	const double big = (1 - r) * 1.6 + r, small = (1 - r) * 0.4 + r;
	struct em_transform t;
	float out[2];
	double work[4];

	(void)state;
	for (int i = 0; i < 36; i++) {
		struct em_encoder_id id = {"test-1", "abc", 2};

		assert_int_equal(em_unlabelled_add(chips, &id, set.vectors + i % 4 * 2, NULL), 0);
	}
	for (double a = 0.25; a <= 1; a += 0.25) {
		assert_int_equal(em_transform_fit(&t, 0, a, &set, chips, NULL), 0);
		NEAR(t.mean[0], 1, 0);
		NEAR(t.matrix[0], pow(big, -a / 2), 1e-7);
		NEAR(t.matrix[1], 0, 1e-7);
		NEAR(t.matrix[3], pow(small, -a / 2), 1e-7);
		em_transform_apply(&t, (const float[]){2, 2}, out, work);
		NEAR(out[1] / out[0], pow(big / small, a / 2), 1e-6);
		NEAR(hypot(out[0], out[1]), 1, 1e-7);
		em_transform_release(&t);
	}
	em_unlabelled_free(chips);
	em_support_release(&set);
}

/* Fewer chips than dimensions: S is shrunk enough to have a power. */
static void test_few_chips(void **state)
{
	float v[3 * 40], out[40];
	struct em_support set;
	struct em_transform t;
	double work[80], norm = 0;

	(void)state;
	for (size_t i = 0; i < 120; i++)
		v[i] = (float)sin((double)(i * i));
	set = support(v, 3, 40);
	assert_int_equal(em_transform_fit(&t, 0, 1, &set, NULL, NULL), 0);
	em_transform_apply(&t, v, out, work);
	for (size_t i = 0; i < 40; i++)
		norm += (double)out[i] * (double)out[i];
	NEAR(norm, 1, 1e-6);
	em_transform_release(&t);
	em_support_release(&set);
}

static void test_errors(void **state)
{
	struct em_support same = support((const float[]){1, 2, 1, 2, 1, 2}, 3, 2);
	struct em_support one = support((const float[]){1, 2}, 1, 2);
	struct em_unlabelled *longer = unlabelled((const float[]){1, 2, 3}, 1, 3);
	float *wide = calloc(2 * (EM_TRANSFORM_MAX_DIM + 1), sizeof(*wide));
	struct em_support two;
	struct em_transform t = {.power = 7};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_transform_fit(&t, 0, 0.5, &same, NULL, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, "differ"));
	assert_int_equal(em_transform_fit(&t, 0, 0.5, &one, NULL, &err), -1);
	assert_non_null(strstr(err.text, "differ"));
	assert_int_equal(em_transform_fit(&t, 0, 0.5, &same, longer, &err), -1);
	assert_non_null(strstr(err.text, "3 numbers"));
	wide[0] = 1;
	two = support(wide, 2, EM_TRANSFORM_MAX_DIM + 1);
	assert_int_equal(em_transform_fit(&t, 0, 0.5, &two, NULL, &err), -1);
	assert_non_null(strstr(err.text, "limit"));
	assert_true(t.power == 7); /* untouched so far */
	assert_int_equal(em_transform_fit(&t, 0, 0, &two, NULL, &err), 0);
	em_transform_release(&t);
	free(wide);
	em_unlabelled_free(longer);
	em_support_release(&same);
	em_support_release(&one);
	em_support_release(&two);
}

/* ---- the chips ---- */

static void test_unlabelled(void **state)
{
	struct em_encoder_id other = {"test-2", "abc", 2};
	struct em_unlabelled *chips = em_unlabelled_new(".", NULL), *nowhere = em_unlabelled_new("./no/such", NULL);
	struct em_encoder_id id = {"test-1", "abc", 2};
	struct em_error err = {0};
	float v[2];

	(void)state;
	assert_int_equal(em_unlabelled_dim(chips), 0);
	assert_int_equal(em_unlabelled_rewind(chips, NULL), 0);
	assert_int_equal(em_unlabelled_next(chips, v, NULL), 0);
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(em_unlabelled_add(chips, &id, (const float[]){(float)i, 1}, NULL), 0);
		assert_int_equal(em_unlabelled_add(chips, &other, (const float[]){-1, -1}, NULL), 0);
	}
	assert_int_equal(em_unlabelled_count(chips), 3000);
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(em_unlabelled_rewind(chips, NULL), 0);
		for (int i = 0; i < 3000; i++) {
			assert_int_equal(em_unlabelled_next(chips, v, NULL), 1);
			assert_true(v[0] == (float)i && v[1] == 1);
		}
		assert_int_equal(em_unlabelled_next(chips, v, NULL), 0);
	}
	assert_int_equal(em_unlabelled_add(nowhere, &id, v, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_IO);
	em_unlabelled_free(nowhere);
	em_unlabelled_free(chips);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symmetric_power),
		cmocka_unit_test(test_shrinkage),
		cmocka_unit_test(test_power),
		cmocka_unit_test(test_centre),
		cmocka_unit_test(test_unequal_classes),
		cmocka_unit_test(test_whiten),
		cmocka_unit_test(test_few_chips),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_unlabelled),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
