/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/array.h"
#include "base/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void sizes_that_overflow_are_refused(void **state)
{
	size_t bytes = 7;
	struct em_array a = {.ndim = 99};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_array_measure(EM_F32, 2, (const size_t[]){1000, 1000}, &bytes), 0);
	assert_int_equal(bytes, 4000000);
	assert_int_equal(em_array_measure(EM_U8, 3, (const size_t[]){SIZE_MAX / 4, 3, 2}, &bytes), -1);
	assert_int_equal(bytes, 4000000);
	assert_int_equal(em_array_alloc(&a, EM_F64, 2, (const size_t[]){SIZE_MAX / 4, 4}, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_MEMORY);
	assert_int_equal(a.ndim, 99);
	assert_int_equal(em_array_alloc(&a, EM_U8, EM_MAX_NDIM + 1, (const size_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, &err),
	                 -1);
	assert_int_equal(em_array_measure(EM_U8, 2, (const size_t[]){0, SIZE_MAX / 2}, &bytes), 0);
	assert_int_equal(bytes, 0);
}

static void dtypes_have_numpys_names(void **state)
{
	enum em_dtype dtype;

	(void)state;
	for (int i = 0; i < EM_DTYPES; i++) {
		assert_int_equal(em_dtype_parse(em_dtype_name((enum em_dtype)i), &dtype), 0);
		assert_int_equal(dtype, i);
	}
	assert_int_equal(em_dtype_parse("float99", &dtype), -1);
	assert_int_equal(em_dtype_size(EM_C128), 16);
}

/* numpy.percentile([1, 2, 3, 4, 10], [0, 25, 40, 50, 90, 100]) = 1, 2, 2.6, 3, 7.6, 10 */
static void percentiles_are_numpys(void **state)
{
	static const float values[] = {10, 3, NAN, 1, 4, INFINITY, 2};
	static const double want[][2] = {{0, 1}, {25, 2}, {40, 2.6}, {50, 3}, {90, 7.6}, {100, 10}};
	struct em_array a;
	double lo, hi;

	(void)state;
	assert_int_equal(em_array_alloc(&a, EM_F32, 1, (const size_t[]){7}, NULL), 0);
	memcpy(a.data, values, sizeof(values));
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(em_array_percentiles(&a, want[i][0], 100, &lo, &hi, NULL), 0);
		assert_float_equal(lo, want[i][1], 1e-6);
		assert_float_equal(hi, 10, 0);
	}
	assert_int_equal(em_array_percentiles(&a, 50, 10, &lo, &hi, NULL), -1);
	for (size_t i = 0; i < 7; i++)
		((float *)a.data)[i] = NAN;
	assert_int_equal(em_array_percentiles(&a, 0, 100, &lo, &hi, NULL), -1);
	em_array_release(&a);
}

static int compare_floats(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* Selection against a full sort, with many ties and with none. */
static void percentiles_agree_with_a_sort(void **state)
{
	(void)state;
	for (unsigned mod = 2; mod < 4000; mod += 331) {
		struct em_array a;
		float sorted[1001];
		uint32_t x = 12345;
		double lo, hi;

		assert_int_equal(em_array_alloc(&a, EM_F32, 1, (const size_t[]){1001}, NULL), 0);
		for (int i = 0; i < 1001; i++) {
			x = x * 1664525u + 1013904223u;
			sorted[i] = ((float *)a.data)[i] = (float)((x >> 8) % mod);
		}
		qsort(sorted, 1001, sizeof(float), compare_floats);
		for (int p = 0; p <= 100; p++) {
			assert_int_equal(em_array_percentiles(&a, p, p, &lo, &hi, NULL), 0);
			assert_float_equal(lo, (double)sorted[10 * p], 0);
			assert_float_equal(hi, (double)sorted[10 * p], 0);
		}
		em_array_release(&a);
	}
}

static void scaling_to_u8_rounds_half_to_even(void **state)
{
	static const float values[] = {-1, 0, 0.5f, 1.5f, 2.5f, 254.5f, 255, 300, NAN};
	static const uint8_t want[] = {0, 0, 0, 2, 2, 254, 255, 255, 0};
	struct em_array a, b;

	(void)state;
	assert_int_equal(em_array_alloc(&a, EM_F32, 1, (const size_t[]){9}, NULL), 0);
	memcpy(a.data, values, sizeof(values));
	assert_int_equal(em_array_scale_to_u8(&b, &a, 0, 255, NULL), 0);
	assert_memory_equal(b.data, want, sizeof(want));
	em_array_release(&b);
	assert_int_equal(em_array_scale_to_u8(&b, &a, 1, 1, NULL), 0); /* an all-equal image has no range */
	assert_int_equal(((uint8_t *)b.data)[1], 0);
	assert_int_equal(((uint8_t *)b.data)[6], 255);
	em_array_release(&b);
	em_array_release(&a);
}

static void image_types_keep_every_value(void **state)
{
	struct em_array a, b;

	(void)state;
	assert_int_equal(em_array_alloc_image(&a, EM_U32, 1, 2, NULL), 0);
	((uint32_t *)a.data)[1] = 2147483647u;
	em_axis_set(&a.axis[1], "x", 0.5, 3, "nm");
	assert_int_equal(em_array_to_image_type(&b, &a, NULL), 0);
	assert_int_equal(b.dtype, EM_I32);
	assert_int_equal(((int32_t *)b.data)[1], 2147483647);
	assert_string_equal(b.axis[1].units, "nm");
	em_array_release(&b);
	((uint32_t *)a.data)[1] = 4294967295u;
	assert_int_equal(em_array_to_image_type(&b, &a, NULL), 0);
	assert_int_equal(b.dtype, EM_F32);
	em_array_release(&b);
	em_array_release(&a);
	assert_int_equal(em_array_alloc_image(&a, EM_C64, 1, 1, NULL), 0);
	((float *)a.data)[0] = 3;
	((float *)a.data)[1] = -4;
	assert_int_equal(em_array_to_image_type(&b, &a, NULL), 0);
	assert_float_equal(((float *)b.data)[0], 5, 0);
	em_array_release(&b);
	em_array_release(&a);
}

static void an_axis_may_keep_its_name(void **state)
{
	struct em_axis axis;

	(void)state;
	em_axis_set(&axis, "y", 1, 0, "nm");
	em_axis_set(&axis, axis.name, 2, 3, axis.units);
	assert_string_equal(axis.name, "y");
	assert_string_equal(axis.units, "nm");
	assert_float_equal(axis.scale, 2, 0);
}

static void range_passes_over_what_is_not_finite(void **state)
{
	static const float values[] = {NAN, 2, -INFINITY, -7};
	struct em_array a;
	double min, max;
	size_t bad;

	(void)state;
	assert_int_equal(em_array_alloc_image(&a, EM_F32, 2, 2, NULL), 0);
	memcpy(a.data, values, sizeof(values));
	em_array_range(&a, &min, &max, &bad);
	assert_float_equal(min, -7, 0);
	assert_float_equal(max, 2, 0);
	assert_int_equal(bad, 2);
	em_array_release(&a);
}

static void json_numbers_have_nine_digits(void **state)
{
	static const struct {
		double v;
		const char *text;
	} want[] = {{0, "0"},
	            {-3, "-3"},
	            {0.1, "0.1"},
	            {1.0 / 3, "0.333333333"},
	            {99999999, "99999999"},
	            {1e8, "100000000"},
	            {1e20, "1e+20"},
	            {-0.0, "-0"},
	            {NAN, "null"},
	            {INFINITY, "null"},
	            {1e-300, "1e-300"},
	            {1234567890, "1.23456789e+09"}};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct em_text t = {0};

		em_json_put_number(&t, want[i].v);
		assert_string_equal(em_text_get(&t), want[i].text);
		em_text_release(&t);
	}
}

static void json_strings_are_escaped(void **state)
{
	struct em_text t = {0};

	(void)state;
	em_json_put_string(&t, "a\"b\\c\nd\x7f µ");
	assert_string_equal(em_text_get(&t), "\"a\\\"b\\\\c\\u000ad\\u007f µ\"");
	em_text_clear(&t);
	em_text_append(&t, "{");
	em_json_put_name(&t, "a");
	em_json_put_numbers(&t, (const double[]){1, 2.5}, 2);
	em_json_put_name(&t, "b");
	em_json_put_bool(&t, true);
	em_text_append(&t, "}");
	assert_string_equal(em_text_get(&t), "{\"a\":[1,2.5],\"b\":true}");
	assert_int_equal(em_text_check(&t, NULL), 0);
	em_text_release(&t);
}

static void errors_are_one_printable_line(void **state)
{
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_error_set(&err, EM_ERROR_DATA, "bad name '%s'", "a\nb\x1b[2J"), -1);
	assert_string_equal(err.text, "bad name 'a?b?[2J'");
	em_error_prefix(&err, "sample %s: ", "k");
	assert_string_equal(err.text, "sample k: bad name 'a?b?[2J'");
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(em_error_set(NULL, EM_ERROR_DATA, "nobody asks"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes_that_overflow_are_refused),
	    cmocka_unit_test(dtypes_have_numpys_names),
	    cmocka_unit_test(percentiles_are_numpys),
	    cmocka_unit_test(percentiles_agree_with_a_sort),
	    cmocka_unit_test(scaling_to_u8_rounds_half_to_even),
	    cmocka_unit_test(image_types_keep_every_value),
	    cmocka_unit_test(an_axis_may_keep_its_name),
	    cmocka_unit_test(range_passes_over_what_is_not_finite),
	    cmocka_unit_test(json_numbers_have_nine_digits),
	    cmocka_unit_test(json_strings_are_escaped),
	    cmocka_unit_test(errors_are_one_printable_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
