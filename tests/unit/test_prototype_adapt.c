/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prototypes fitted with more than supports: transforms, and chips that nobody labelled. */
#include "vision/prototype.h"
#include "vision/temperature.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEAR(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static uint64_t seed = 1;

static double uniform(void) /* splitmix64 */
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.;
}

static double normal(void)
{
	double r = sqrt(-2 * log(uniform()));

	return r * cos(6.283185307179586 * uniform());
}

static const struct em_fit_options plain = {.whiten = -1};

/* Class 0 from the first half of n vectors, class 1 from the rest. */
static struct em_support two_classes(const float *vectors, size_t n, size_t dim)
{
	struct em_encoder_id id = {"test-1", "abc", dim};
	struct em_support set = {0};

	assert_int_equal(em_support_add_class(&set, "a", NULL, NULL), 0);
	assert_int_equal(em_support_add_class(&set, "b", NULL, NULL), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(em_support_add(&set, 2 * i / n, &id, vectors + i * dim, NULL), 0);
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

static void test_nothing_asked(void **state)
{
	const float v[12] = {0, 1, 2, 0, 1, 1, 9, 3, 8, 5, 9, 9};
	struct em_support set = two_classes(v, 6, 2);
	struct em_text one = {0}, two = {0};
	struct em_prototypes p, q;

	(void)state;
	for (int distance = 0; distance < 3; distance++) {
		struct em_fit_options how = {.distance = (enum em_distance)distance, .whiten = -1, .refine = 3};

		assert_int_equal(em_prototypes_fit(&p, &set, how.distance, NULL), 0);
		assert_int_equal(em_prototypes_fit_with(&q, &set, &how, NULL), 0); /* no chips to refine by */
		assert_int_equal(em_prototypes_print(&p, &one, NULL), 0);
		assert_int_equal(em_prototypes_print(&q, &two, NULL), 0);
		assert_string_equal(one.s, two.s);
		em_text_clear(&one);
		em_text_clear(&two);
		em_prototypes_release(&p);
		em_prototypes_release(&q);
	}
	em_text_release(&one);
	em_text_release(&two);
	em_support_release(&set);
}

/* The distances of transformed vectors, which the prototypes are means of. */
static void test_transformed(void **state)
{
	struct em_support set = two_classes((const float[]){0, 0, 0, 16, 25, 0, 25, 16}, 4, 2);
	struct em_fit_options how = {.power = 0.5, .whiten = -1};
	struct em_prototypes p;
	double d[2], prob[2];

	(void)state;
	assert_int_equal(em_prototypes_fit_with(&p, &set, &how, NULL), 0);
	assert_int_equal(em_prototypes_measure(&p, (const float[]){9, 36}, d, prob, NULL), 0);
	NEAR(d[0], 5, 1e-6); /* (3, 6) from (0, 2) */
	NEAR(d[1], sqrt(4 + 16), 1e-6);
	em_prototypes_release(&p);
	/* Centred at (12.5, 8) and of unit length: the left corners, the right corners. */
	how = (struct em_fit_options){.whiten = 0};
	assert_int_equal(em_prototypes_fit_with(&p, &set, &how, NULL), 0);
	assert_int_equal(em_prototypes_measure(&p, (const float[]){2.5F, 8}, d, prob, NULL), 0);
	NEAR(d[0], 1 - 12.5 / hypot(12.5, 8), 1e-6);
	NEAR(d[1], 1 + 12.5 / hypot(12.5, 8), 1e-6);
	em_prototypes_release(&p);
	em_support_release(&set);
}

/*
 * Supports at 0 and 10, so that T is guessed as 50, and chips at 2 and 8: q of the nearer class is
 * s = 1 / (1 + exp(-(64 - 4) / 50)).  The chips of a class weigh 1 together, like its support.
 */
static void test_refine(void **state)
{
	const double s = 1 / (1 + exp(-1.2));
	struct em_support set = two_classes((const float[]){0, 10}, 2, 1);
	struct em_fit_options how = plain;
	struct em_prototypes p;

	(void)state;
	how.chips = unlabelled((const float[]){2, 8}, 2, 1);
	how.refine = 1;
	assert_int_equal(em_prototypes_fit_with(&p, &set, &how, NULL), 0);
	NEAR(p.temperature, 50, 1e-5);
	NEAR(p.classes[0].vector[0], (2 * s + 8 * (1 - s)) / 2, 1e-6);
	NEAR(p.classes[1].vector[0], (10 + 8 * s + 2 * (1 - s)) / 2, 1e-6);
	NEAR(p.space[0], p.classes[0].vector[0], 0);
	em_prototypes_release(&p);
	em_unlabelled_free(how.chips);
	/* Many chips at 2 only: 5 s for class 0, held to 1; 5 (1 - s) = 1.16 for class 1, held to 1. */
	how.chips = unlabelled((const float[]){2, 2, 2, 2, 2}, 5, 1);
	assert_int_equal(em_prototypes_fit_with(&p, &set, &how, NULL), 0);
	NEAR(p.classes[0].vector[0], 1, 1e-6);
	NEAR(p.classes[1].vector[0], 6, 1e-6);
	em_prototypes_release(&p);
	em_unlabelled_free(how.chips);
	/* One: it weighs what it is. */
	how.chips = unlabelled((const float[]){2}, 1, 1);
	assert_int_equal(em_prototypes_fit_with(&p, &set, &how, NULL), 0);
	NEAR(p.classes[0].vector[0], 2 * s / (1 + s), 1e-6);
	NEAR(p.classes[1].vector[0], (10 + 2 * (1 - s)) / (2 - s), 1e-6);
	em_prototypes_release(&p);
	em_unlabelled_free(how.chips);
	em_support_release(&set);
}

/* Directions only: chips count as unit vectors.  Supports (1,0) and (0,1), T guessed as 1/2. */
static void test_refine_cosine(void **state)
{
	const double s = 1 / (1 + exp(-0.4)); /* chip (40,30): e = 0.2 and 0.4 */
	struct em_support set = two_classes((const float[]){5, 0, 0, 3}, 2, 2);
	struct em_fit_options how = {.distance = EM_DISTANCE_COSINE, .whiten = -1, .refine = 1};
	struct em_prototypes p;

	(void)state;
	how.chips = unlabelled((const float[]){40, 30}, 1, 2);
	assert_int_equal(em_prototypes_fit_with(&p, &set, &how, NULL), 0);
	NEAR(p.classes[0].vector[0], (1 + 0.8 * s) / (1 + s), 1e-6);
	NEAR(p.classes[0].vector[1], 0.6 * s / (1 + s), 1e-6);
	NEAR(p.classes[1].vector[1], (1 + 0.6 * (1 - s)) / (2 - s), 1e-6);
	em_prototypes_release(&p);
	em_unlabelled_free(how.chips);
	em_support_release(&set);
}

/* One support a class: T comes from the chips, unit Gaussians at 0 and 4, and is 2. */
static void test_chips_calibrate(void **state)
{
	enum { N = 4000 };
	float *v = malloc(N * sizeof(*v));
	struct em_support set = two_classes((const float[]){0, 4}, 2, 1), more;
	struct em_fit_options how = plain;
	struct em_prototypes p, q;
	double *e = malloc(2 * N * sizeof(*e)), t = 0;

	(void)state;
	seed = 21;
	for (size_t i = 0; i < N; i++)
		v[i] = (float)(normal() + (i % 2 ? 4 : 0));
	how.chips = unlabelled(v, N, 1);
	assert_int_equal(em_prototypes_fit_with(&p, &set, &how, NULL), 0);
	assert_false(p.calibrated);
	NEAR(p.temperature, 2, 0.2);
	em_prototypes_release(&p);
	/* Supports far from a mistake: the chips, of which some lie between the classes, hold T up. */
	more = two_classes((const float[]){0, 0.1F, -0.1F, 4, 4.1F, 3.9F}, 6, 1);
	assert_int_equal(em_prototypes_fit_with(&p, &more, &plain, NULL), 0);
	assert_int_equal(em_prototypes_fit_with(&q, &more, &how, NULL), 0);
	for (size_t i = 0; i < N; i++) {
		e[2 * i] = (double)v[i] * (double)v[i];
		e[2 * i + 1] = pow((double)v[i] - 4, 2);
	}
	assert_int_equal(em_temperature_of_chips(e, N, 2, &t, NULL), 0);
	assert_true(p.temperature < 0.5 * t);
	NEAR(q.temperature, t, 1e-4 * t);
	em_prototypes_release(&p);
	em_prototypes_release(&q);
	em_support_release(&more);
	/* Supports that overlap: chips that do not make nobody surer. */
	more = two_classes((const float[]){0, 3, -2, 4, 1, 6}, 6, 1);
	assert_int_equal(em_prototypes_fit_with(&p, &more, &plain, NULL), 0);
	assert_int_equal(em_prototypes_fit_with(&q, &more, &how, NULL), 0);
	assert_true(p.temperature > t && q.temperature == p.temperature);
	em_prototypes_release(&p);
	em_prototypes_release(&q);
	em_support_release(&more);
	em_unlabelled_free(how.chips);
	em_support_release(&set);
	free(v);
	free(e);
}

/* More chips than exponents are kept of: every second is as good, and nothing else changes. */
static void test_many_chips(void **state)
{
	enum { N = 70000 };
	float *v = malloc(N * sizeof(*v));
	struct em_support set = two_classes((const float[]){0, 4}, 2, 1);
	struct em_fit_options how = plain;
	struct em_prototypes p;

	(void)state;
	seed = 22;
	for (size_t i = 0; i < N; i++)
		v[i] = (float)(normal() + (i / 2 % 2 ? 4 : 0));
	how.chips = unlabelled(v, N, 1);
	assert_int_equal(em_prototypes_fit_with(&p, &set, &how, NULL), 0);
	NEAR(p.temperature, 2, 0.1);
	em_prototypes_release(&p);
	em_unlabelled_free(how.chips);
	em_support_release(&set);
	free(v);
}

static void test_errors(void **state)
{
	struct em_support set = two_classes((const float[]){0, 0, 0, 0}, 2, 2);
	struct em_fit_options how = {.whiten = 0.5};
	struct em_error err = {0};
	struct em_prototypes p;

	(void)state;
	assert_int_equal(em_prototypes_fit_with(&p, &set, &how, &err), -1);
	assert_non_null(strstr(err.text, "differ"));
	how = plain;
	how.chips = unlabelled((const float[]){1, 2, 3}, 1, 3);
	assert_int_equal(em_prototypes_fit_with(&p, &set, &how, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, "3 numbers"));
	em_unlabelled_free(how.chips);
	em_support_release(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_asked),   cmocka_unit_test(test_transformed),
		cmocka_unit_test(test_refine),          cmocka_unit_test(test_refine_cosine),
		cmocka_unit_test(test_chips_calibrate), cmocka_unit_test(test_many_chips),
		cmocka_unit_test(test_errors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
