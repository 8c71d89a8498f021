/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/prototype.h"

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

/* ---- simulated truth ---- */

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

static void add(struct em_support *set, size_t class, const float *v, size_t dim)
{
	struct em_encoder_id id = {"test-1", "abc", dim};

	assert_int_equal(em_support_add(set, class, &id, v, NULL), 0);
}

static void add_classes(struct em_support *set, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		char name[8] = {(char)('a' + k), 0};

		assert_int_equal(em_support_add_class(set, name, NULL, NULL), 0);
	}
}

/* Class k is a Gaussian about `apart` times the k-th unit vector; sd of dimension i is 1, or rises with i. */
static void draw(float *v, size_t dim, size_t class, double apart, bool skew)
{
	for (size_t i = 0; i < dim; i++)
		v[i] = (float)((i == class ? apart : 0) + normal() * (skew ? 0.3 + 2. * (double)i / (double)dim : 1));
}

struct score {
	double accuracy, confidence, ece, atypical; /* atypical: share with typical < 0.05 */
};

/* `rounds` support sets of n a class, 200 queries each; expected calibration error over ten bins. */
static struct score simulate(enum em_distance distance, size_t classes, size_t n, size_t dim, double apart, bool skew,
                             int rounds)
{
	struct score s = {0};
	double hits[10] = {0}, sums[10] = {0}, count[10] = {0}, total = 0;
	float *v = calloc(dim, sizeof(*v));

	for (int round = 0; round < rounds; round++) {
		struct em_support set = {0};
		struct em_prototypes p;

		add_classes(&set, classes);
		for (size_t i = 0; i < n * classes; i++) {
			draw(v, dim, i % classes, apart, skew);
			add(&set, i % classes, v, dim);
		}
		assert_int_equal(em_prototypes_fit(&p, &set, distance, NULL), 0);
		for (size_t q = 0; q < 200; q++) {
			double d[8], prob[8];
			struct em_decision is;
			int bin;

			draw(v, dim, q % classes, apart, skew);
			assert_int_equal(em_prototypes_measure(&p, v, d, prob, NULL), 0);
			em_prototypes_decide(&p, d, prob, &is);
			bin = is.p < 1 ? (int)(is.p * 10) : 9;
			hits[bin] += is.best == q % classes;
			sums[bin] += is.p;
			count[bin]++;
			total++;
			s.atypical += em_prototypes_typical(&p, q % classes, d[q % classes]) < 0.05;
		}
		em_prototypes_release(&p);
		em_support_release(&set);
	}
	free(v);
	for (int b = 0; b < 10; b++) {
		s.accuracy += hits[b] / total;
		s.confidence += sums[b] / total;
		s.ece += fabs(hits[b] - sums[b]) / total;
	}
	s.atypical /= total;
	print_message(
	    "# distance %d, %zu x %zu supports, dim %zu: accuracy %.3f, confidence %.3f, ECE %.3f, atypical %.3f\n",
	    distance, classes, n, dim, s.accuracy, s.confidence, s.ece, s.atypical);
	return s;
}

/* ---- linear algebra ---- */

static void test_cholesky(void **state)
{
	/* A = L L^T with L = [2; 1 3; -1 2 4] */
	double a[9] = {4, 2, -2, 2, 10, 5, -2, 5, 21}, x[3] = {2, 7, 7}, bad[4] = {1, 2, 2, 1};
	const double l[9] = {2, 0, 0, 1, 3, 0, -1, 2, 4};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_cholesky_factor(a, 3, &err), 0);
	for (int i = 0; i < 9; i++)
		NEAR(a[i], l[i], 1e-14);
	em_cholesky_whiten(a, 3, x);
	NEAR(x[0], 1, 1e-14);
	NEAR(x[1], 2, 1e-14);
	NEAR(x[2], 1, 1e-14);
	assert_int_equal(em_cholesky_factor(bad, 2, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
}

static void test_student(void **state)
{
	(void)state;
	NEAR(em_student_tail(0, 3), 0.5, 1e-14);
	NEAR(em_student_tail(1, 1), 0.25, 1e-12);            /* Cauchy: 1/2 - atan(t) / pi */
	NEAR(em_student_tail(2.228138852, 10), 0.025, 1e-9); /* any table */
}

/* ---- distances ---- */

static struct em_support two_classes(void)
{
	static const float a[2][2] = {{0, 0}, {2, 0}}, b[2][2] = {{10, 3}, {10, 5}};
	struct em_support set = {0};

	add_classes(&set, 2);
	for (int i = 0; i < 2; i++) {
		add(&set, 0, a[i], 2);
		add(&set, 1, b[i], 2);
	}
	return set;
}

static void test_euclidean(void **state)
{
	struct em_support set = two_classes();
	struct em_prototypes p;
	struct em_decision is;
	double d[2], prob[2];

	(void)state;
	assert_int_equal(em_prototypes_fit(&p, &set, EM_DISTANCE_EUCLIDEAN, NULL), 0);
	assert_true(p.calibrated);
	assert_int_equal(em_prototypes_measure(&p, (const float[]){4, 4}, d, prob, NULL), 0);
	NEAR(d[0], 5, 1e-12); /* prototypes (1,0) and (10,4) */
	NEAR(d[1], 6, 1e-12);
	NEAR(prob[0], 1 / (1 + exp((25. - 36.) / p.temperature)), 1e-12);
	NEAR(prob[0] + prob[1], 1, 1e-12);
	em_prototypes_decide(&p, d, prob, &is);
	assert_int_equal(is.best, 0);
	NEAR(is.margin, 1, 1e-12);
	assert_true(isnan(is.typical)); /* pairs say nothing about spread */
	em_prototypes_release(&p);
	em_support_release(&set);
}

static void test_cosine(void **state)
{
	struct em_support set = {0};
	struct em_prototypes p;
	double d[2], prob[2];

	(void)state;
	add_classes(&set, 2);
	add(&set, 0, (const float[]){100, 0}, 2); /* length does not weigh: the mean's direction is 45 degrees */
	add(&set, 0, (const float[]){0, 1}, 2);
	add(&set, 1, (const float[]){-1, 0}, 2);
	assert_int_equal(em_prototypes_fit(&p, &set, EM_DISTANCE_COSINE, NULL), 0);
	assert_int_equal(em_prototypes_measure(&p, (const float[]){0, 7}, d, prob, NULL), 0);
	NEAR(d[0], 1 - sqrt(0.5), 1e-7);
	NEAR(d[1], 1, 1e-7);
	NEAR(prob[0], 1 / (1 + exp((d[0] - d[1]) / p.temperature)), 1e-12);
	em_prototypes_release(&p);
	em_support_release(&set);
}

static void test_mahalanobis(void **state)
{
	/* W = diag(4, 1) from residuals (+-2, 0), (0, +-1) with n = 4 - 2: scatter diag(8, 2) / 2.  Then tr W = 5,
	 * tr W^2 = 17, p = 2: r = ((1 - 1) 17 + 25) / ((2 + 1 - 1) (17 - 12.5)) = 25/9 > 1: S = 2.5 I. */
	struct em_support set = {0};
	struct em_prototypes p;
	double d[2], prob[2];

	(void)state;
	add_classes(&set, 2);
	add(&set, 0, (const float[]){2, 0}, 2);
	add(&set, 0, (const float[]){-2, 0}, 2);
	add(&set, 1, (const float[]){0, 11}, 2);
	add(&set, 1, (const float[]){0, 9}, 2);
	assert_int_equal(em_prototypes_fit(&p, &set, EM_DISTANCE_MAHALANOBIS, NULL), 0);
	NEAR(p.shrinkage, 1, 0);
	assert_int_equal(em_prototypes_measure(&p, (const float[]){3, 4}, d, prob, NULL), 0);
	NEAR(d[0], 5 / sqrt(2.5), 1e-6);
	em_prototypes_release(&p);
	em_support_release(&set);

	/* Ten times each residual: n = 38, W = diag(80, 20) / 38; r = tr^2 / ((n + 1 - 1) (tr W^2 - tr^2 / 2))
	 * = (100/38)^2 / (38 (6800 - 5000) / 38^2) = 10000 / (38 * 1800). */
	add_classes(&set, 2);
	for (int i = 0; i < 10; i++) {
		add(&set, 0, (const float[]){2, 0}, 2);
		add(&set, 0, (const float[]){-2, 0}, 2);
		add(&set, 1, (const float[]){0, 11}, 2);
		add(&set, 1, (const float[]){0, 9}, 2);
	}
	assert_int_equal(em_prototypes_fit(&p, &set, EM_DISTANCE_MAHALANOBIS, NULL), 0);
	double r = 10000. / (38 * 1800), target = r * 100. / 38 / 2;
	NEAR(p.shrinkage, r, 1e-7);
	assert_int_equal(em_prototypes_measure(&p, (const float[]){3, 4}, d, prob, NULL), 0);
	NEAR(d[0], sqrt(9 / ((1 - r) * 80 / 38 + target) + 16 / ((1 - r) * 20 / 38 + target)), 1e-6);
	em_prototypes_release(&p);
	em_support_release(&set);
}

/* More dimensions than supports: S must be positive definite and the left-out distances those of new samples. */
static void test_mahalanobis_many_dimensions(void **state)
{
	struct score s;

	(void)state;
	seed = 11;
	s = simulate(EM_DISTANCE_MAHALANOBIS, 3, 5, 144, 9, true, 20);
	assert_true(s.accuracy > 0.9);
	assert_true(s.atypical > 0.01 && s.atypical < 0.12);
}

/* ---- calibration ---- */

static void test_calibration(void **state)
{
	struct score s;

	(void)state;
	seed = 2;
	s = simulate(EM_DISTANCE_EUCLIDEAN, 3, 20, 4, 1.5, false, 60);
	assert_true(s.ece < 0.03);
	NEAR(s.confidence, s.accuracy, 0.03);
	s = simulate(EM_DISTANCE_MAHALANOBIS, 3, 30, 6, 1.2, true, 40);
	assert_true(s.ece < 0.04);
	NEAR(s.confidence, s.accuracy, 0.04);
	/* Few supports, well apart: certainty stops at what 15 trials can give, 16/17. */
	s = simulate(EM_DISTANCE_EUCLIDEAN, 3, 5, 100, 9, false, 20);
	assert_true(s.accuracy > 0.98);
	assert_true(s.confidence > 0.85 && s.confidence < 0.99);
	/* Few supports that overlap: judged by prototypes of four, not five, they err towards doubt. */
	s = simulate(EM_DISTANCE_EUCLIDEAN, 3, 5, 4, 1.5, false, 200);
	assert_true(s.confidence < s.accuracy);
	NEAR(s.confidence, s.accuracy, 0.05);
}

/* A chip far beyond the supports is not surer than as many trials can make it; one support a class allows less. */
static void test_bounds(void **state)
{
	struct em_decision is;
	double d[3], prob[3], sum = 0;

	(void)state;
	for (size_t n = 1; n <= 5; n += 4) {
		struct em_support set = {0};
		struct em_prototypes p;

		add_classes(&set, 3);
		for (size_t i = 0; i < 3 * n; i++) {
			float x = (float)(i / 3) * 0.01F, v[3][2] = {{x, 9}, {x, -9}, {9, x}};

			add(&set, i % 3, v[i % 3], 2);
		}
		for (int distance = 0; distance < 3; distance++) {
			assert_int_equal(em_prototypes_fit(&p, &set, (enum em_distance)distance, NULL), 0);
			assert_int_equal(em_prototypes_measure(&p, (const float[]){0, 1e6F}, d, prob, NULL), 0);
			em_prototypes_decide(&p, d, prob, &is);
			assert_int_equal(is.best, 0);
			if (distance != EM_DISTANCE_COSINE && n > 1)
				NEAR(is.p, (15 + 0.5) / (15 + 1), 1e-6);
			assert_true(is.p <= (3 * (double)n + 0.5) / (3 * (double)n + 1) + 1e-6);
			sum = 0;
			for (size_t k = 0; k < 3; k++)
				sum += em_prototypes_doubt(&p, prob[k]);
			NEAR(sum, 1, 1e-9);
			em_prototypes_release(&p);
		}
		em_support_release(&set);
	}
}

static void test_typical(void **state)
{
	struct score s;

	(void)state;
	seed = 3;
	s = simulate(EM_DISTANCE_EUCLIDEAN, 3, 5, 100, 9, false, 60);
	NEAR(s.atypical, 0.05, 0.02);
	s = simulate(EM_DISTANCE_EUCLIDEAN, 3, 20, 30, 9, true, 20);
	NEAR(s.atypical, 0.05, 0.02);
	s = simulate(EM_DISTANCE_COSINE, 3, 8, 60, 9, false, 40);
	NEAR(s.atypical, 0.05, 0.025);
}

static void test_one_support(void **state)
{
	struct em_support set = {0};
	struct em_prototypes p;
	struct em_decision is;
	double d[2], prob[2];

	(void)state;
	add_classes(&set, 2);
	add(&set, 0, (const float[]){0, 0}, 2);
	add(&set, 1, (const float[]){4, 0}, 2);
	assert_int_equal(em_prototypes_fit(&p, &set, EM_DISTANCE_MAHALANOBIS, NULL), 0);
	assert_null(p.factor);
	assert_false(p.calibrated);
	NEAR(p.temperature, 8, 1e-6); /* half of 4^2 */
	assert_int_equal(em_prototypes_measure(&p, (const float[]){1, 0}, d, prob, NULL), 0);
	em_prototypes_decide(&p, d, prob, &is);
	NEAR(d[0], 1, 1e-12);
	NEAR(prob[0], 1 / (1 + exp(-1)), 1e-9); /* e = 1 and 9 */
	NEAR(is.p, 2. / 3 * prob[0] + 1. / 6, 1e-7); /* two supports: no surer than 5/6 */
	assert_true(isnan(is.typical));
	em_prototypes_release(&p);
	em_support_release(&set);
}

static void test_equal_supports(void **state)
{
	struct em_support set = {0};
	struct em_prototypes p;
	double d[2], prob[2];

	(void)state;
	add_classes(&set, 2);
	for (size_t i = 0; i < 6; i++)
		add(&set, i % 2, (const float[]){1, 1}, 2);
	for (int distance = 0; distance < 3; distance++) {
		assert_int_equal(em_prototypes_fit(&p, &set, (enum em_distance)distance, NULL), 0);
		assert_int_equal(em_prototypes_measure(&p, (const float[]){1, 1}, d, prob, NULL), 0);
		NEAR(prob[0], 0.5, 1e-9);
		em_prototypes_release(&p);
	}
	em_support_release(&set);
}

/* ---- the set ---- */

static void test_set_errors(void **state)
{
	struct em_support set = {0};
	struct em_prototypes p;
	struct em_encoder_id other = {"other-1", "abc", 2}, wider = {"test-1", "abc", 3};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_support_add_class(&set, "a", "#12345g", NULL), -1);
	assert_int_equal(em_support_add_class(&set, "", NULL, NULL), -1);
	assert_int_equal(em_support_add_class(&set, "unknown", NULL, NULL), -1);
	assert_int_equal(em_support_add_class(&set, "a", "#1b9e77", NULL), 0);
	assert_int_equal(em_support_add_class(&set, "a", NULL, &err), -1);
	assert_non_null(strstr(err.text, "twice"));
	add(&set, 0, (const float[]){1, 1}, 2);
	assert_int_equal(em_prototypes_fit(&p, &set, EM_DISTANCE_EUCLIDEAN, NULL), -1);
	assert_int_equal(em_support_add_class(&set, "b", NULL, NULL), 0);
	assert_int_equal(em_prototypes_fit(&p, &set, EM_DISTANCE_EUCLIDEAN, &err), -1);
	assert_non_null(strstr(err.text, "\"b\" has no chips"));
	assert_int_equal(em_support_add(&set, 1, &other, (const float[]){1, 1}, &err), -1);
	assert_non_null(strstr(err.text, "test-1"));
	assert_non_null(strstr(err.text, "other-1"));
	assert_int_equal(em_support_add(&set, 1, &wider, (const float[]){1, 1, 1}, NULL), -1);
	em_support_release(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_cholesky),       cmocka_unit_test(test_student),
	    cmocka_unit_test(test_euclidean),      cmocka_unit_test(test_cosine),
	    cmocka_unit_test(test_mahalanobis),    cmocka_unit_test(test_mahalanobis_many_dimensions),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_calibration),
	    cmocka_unit_test(test_typical),        cmocka_unit_test(test_one_support),
	    cmocka_unit_test(test_equal_supports), cmocka_unit_test(test_set_errors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
