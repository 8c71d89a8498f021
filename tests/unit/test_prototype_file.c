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

/* Some vector of 24 numbers near its class. */
static void fill(float *v, size_t i, size_t class)
{
	for (size_t j = 0; j < 24; j++)
		v[j] = (float)sin((double)(i * 24 + j) * 1.7) + (j % 3 == class ? 3 : 0);
}

static int parse(struct em_prototypes *p, const char *text, struct em_error *err)
{
	struct em_json *json = em_json_parse(text, strlen(text), NULL);
	int status;

	assert_non_null(json);
	status = em_prototypes_parse(p, json, err);
	em_json_free(json);
	return status;
}

/* Print, parse, print: the same text; and the same bits for any vector. */
static void check_round_trip(const struct em_prototypes *p)
{
	struct em_text one = {0}, two = {0};
	struct em_prototypes q;
	float v[24];

	assert_int_equal(em_prototypes_print(p, &one, NULL), 0);
	assert_int_equal(parse(&q, one.s, NULL), 0);
	assert_int_equal(em_prototypes_print(&q, &two, NULL), 0);
	assert_string_equal(one.s, two.s);
	for (int i = 0; i < 50; i++) {
		double d[3], e[3], prob[3], probe[3];

		fill(v, 100 + (size_t)i, 0);
		em_prototypes_measure(p, v, d, prob, NULL);
		em_prototypes_measure(&q, v, e, probe, NULL);
		assert_memory_equal(d, e, sizeof(d));
		assert_memory_equal(prob, probe, sizeof(prob));
		assert_true(em_prototypes_typical(p, 0, d[0]) == em_prototypes_typical(&q, 0, d[0]));
		assert_true(isnan(em_prototypes_typical(&q, 2, d[2])));
	}
	em_text_release(&one);
	em_text_release(&two);
	em_prototypes_release(&q);
}

static void test_file(void **state)
{
	static const struct em_fit_options ways[] = {
	    {EM_DISTANCE_EUCLIDEAN, 0, -1, 0, NULL},  {EM_DISTANCE_COSINE, 0, -1, 0, NULL},
	    {EM_DISTANCE_MAHALANOBIS, 0, -1, 0, NULL}, {EM_DISTANCE_EUCLIDEAN, 0.7, -1, 0, NULL},
	    {EM_DISTANCE_EUCLIDEAN, 0, 0, 0, NULL},    {EM_DISTANCE_EUCLIDEAN, 0.5, 0.3, 0, NULL},
	    {EM_DISTANCE_MAHALANOBIS, 0, 0.3, 0, NULL},
	};
	struct em_support set = {0};
	float v[24];

	(void)state;
	add_classes(&set, 3);
	for (size_t i = 0; i < 13; i++) { /* class 3 has one support only */
		fill(v, i, i % 2);
		add(&set, i ? i % 2 : 2, v, 24);
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct em_prototypes p;

		assert_int_equal(em_prototypes_fit_with(&p, &set, &ways[i], NULL), 0);
		check_round_trip(&p);
		em_prototypes_release(&p);
	}
	em_support_release(&set);
}

#define HEAD                                                                                                           \
	"{\"em_prototypes\":1,\"encoder\":\"e\",\"sha256\":\"s\",\"dim\":2,\"distance\":\"mahalanobis\","              \
	"\"temperature\":1,\"doubt\":0.1,"
#define CLASS(name, vector) "{\"name\":\"" name "\",\"supports\":1,\"vector\":" vector "}"

#define MOVED(transform)                                                                                               \
	"{\"em_prototypes\":2,\"encoder\":\"e\",\"sha256\":\"s\",\"dim\":2,\"distance\":\"euclidean\","                \
	"\"temperature\":1,\"doubt\":0.1,\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,2]") "]," transform "}"

static void test_file_errors(void **state)
{
	static const char *const bad[] = {
	    "{\"em_prototypes\":3}",
	    "{\"em_prototypes\":1}",
	    HEAD "\"classes\":[]}",
	    HEAD "\"classes\":[" CLASS("a", "[1,2]") "]}",
	    HEAD "\"classes\":[" CLASS("a", "[1,2]") "," CLASS("a", "[1,2]") "]}",
	    HEAD "\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1]") "]}",
	    HEAD "\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,\"x\"]") "]}",
	    HEAD "\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,1e99]") "]}",
	    HEAD "\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,2]") "],\"factor\":[1,2]}",
	    HEAD "\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,2]") "],\"factor\":[1,2,0]}",
	    "{\"em_prototypes\":1,\"encoder\":\"e\",\"sha256\":\"s\",\"dim\":2,\"distance\":\"cosine\",\"temperature\":"
	    "0,\"doubt\":0.1,\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,2]") "]}",
	    "{\"em_prototypes\":1,\"encoder\":\"e\",\"sha256\":\"s\",\"dim\":1e12,\"distance\":\"cosine\","
	    "\"temperature\":1,\"doubt\":0.1}",
	    "{\"em_prototypes\":1,\"encoder\":\"e\",\"sha256\":\"s\",\"dim\":2,\"distance\":\"cosine\",\"temperature\":"
	    "1,\"doubt\":1.1,\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,2]") "]}",
	    "{\"em_prototypes\":1,\"encoder\":\"e\",\"sha256\":\"s\",\"dim\":2,\"distance\":\"cosine\",\"temperature\":"
	    "1e999,\"doubt\":0.1,\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,2]") "]}",
	    HEAD "\"spread\":{\"sd\":1,\"dof\":1e999},\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,2]") "]}",
	    HEAD "\"chip\":[1e999,32],\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,2]") "]}",
	    MOVED("\"other\":{}"),
	    MOVED("\"transform\":[]"),
	    MOVED("\"transform\":{\"power\":0}"),
	    MOVED("\"transform\":{\"power\":1.5}"),
	    MOVED("\"transform\":{\"mean\":[1]}"),
	    MOVED("\"transform\":{\"mean\":[1,1e99]}"),
	    MOVED("\"transform\":{\"mean\":[1,2],\"matrix\":[1,2]}"),
	    MOVED("\"transform\":{\"matrix\":[1,2,3]}"),
	};
	struct em_prototypes p;
	double d[2], prob[2];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct em_error err = {0};

		assert_int_equal(parse(&p, bad[i], &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
	}
	assert_int_equal(
	    parse(&p, HEAD "\"classes\":[" CLASS("a", "[1,2]") "," CLASS("b", "[1,2]") "],\"factor\":[1,2,1]}", NULL),
	    0);
	em_prototypes_release(&p);
	/* (4, 9) to (2, 3), less (1, 1), times ((2, 1), (1, 3)): (4, 7), of unit length. */
	assert_int_equal(
	    parse(&p, MOVED("\"transform\":{\"power\":0.5,\"mean\":[1,1],\"matrix\":[2,1,3]}"), NULL), 0);
	assert_int_equal(em_prototypes_measure(&p, (const float[]){4, 9}, d, prob, NULL), 0);
	assert_true(fabs(d[0] - hypot(1 - 4 / sqrt(65), 2 - 7 / sqrt(65))) < 1e-6);
	em_prototypes_release(&p);
}

/* Every number is allowed, and yet distances overflow: said of the sample, not a p of NaN. */
static void test_file_overflow(void **state)
{
	struct em_error err = {0};
	struct em_prototypes p;
	double d[2], prob[2];

	(void)state;
	assert_int_equal(parse(&p, "{\"em_prototypes\":1,\"encoder\":\"e\",\"sha256\":\"s\",\"dim\":3,\"distance\":"
	                           "\"mahalanobis\",\"temperature\":1,\"doubt\":0.1,\"classes\":["
	                           CLASS("a", "[1,2,3]") "," CLASS("b", "[3,2,1]") "],"
	                           "\"factor\":[1e-38,1e38,1e-38,1e38,1e38,1e-38]}", NULL), 0);
	assert_int_equal(em_prototypes_measure(&p, (const float[]){5, 6, 7}, d, prob, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	em_prototypes_release(&p);
	/* Tails of extreme arguments are numbers or NaN; they do not end the process. */
	assert_true(!(em_student_tail(1e300, 1e-300) > 1));
	assert_true(!(em_student_tail(-1e300, 1e300) > 1));
	assert_true(!(em_student_tail(1e8, 1e15) > 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_errors),
		cmocka_unit_test(test_file_overflow),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
