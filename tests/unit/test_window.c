/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* v(i, j, k) = 100 i + 10 j + k */
static struct em_array make(enum em_dtype dtype, size_t n0, size_t n1, size_t n2)
{
	struct em_array a, f;

	assert_int_equal(em_array_alloc(&f, EM_F32, 3, (const size_t[]){n0, n1, n2}, NULL), 0);
	for (size_t i = 0; i < n0 * n1 * n2; i++)
		((float *)f.data)[i] = (float)(100 * (i / (n1 * n2)) + 10 * (i / n2 % n1) + i % n2);
	if (dtype == EM_F32)
		return f;
	assert_int_equal(em_array_alloc(&a, dtype, 3, f.shape, NULL), 0);
	for (size_t i = 0; i < n0 * n1 * n2; i++)
		switch (dtype) {
		case EM_U8:
			((uint8_t *)a.data)[i] = (uint8_t)((float *)f.data)[i];
			break;
		case EM_I16:
			((int16_t *)a.data)[i] = (int16_t)-((float *)f.data)[i];
			break;
		default:
			((uint16_t *)a.data)[i] = (uint16_t)((float *)f.data)[i];
			break;
		}
	em_array_release(&f);
	return a;
}

static void crop(void **state)
{
	struct em_array a = make(EM_U16, 3, 4, 5), part;
	size_t begin[3] = {1, 2, 1}, size[3] = {2, 1, 3};

	(void)state;
	em_axis_set(&a.axis[2], "x", 0.5, 10, "nm");
	assert_int_equal(em_array_crop(&part, &a, begin, size, NULL), 0);
	assert_int_equal(em_array_count(&part), 6);
	for (size_t i = 0; i < 6; i++)
		assert_true(em_array_get(&part, i) == (double)(100 * (1 + i / 3) + 20 + 1 + i % 3));
	assert_true(part.axis[2].offset == 10.5 && part.axis[2].scale == 0.5);
	assert_string_equal(part.axis[2].units, "nm");
	em_array_release(&part);
	size[1] = 3;
	assert_int_equal(em_array_crop(&part, &a, begin, size, NULL), -1);
	size[1] = 0;
	assert_int_equal(em_array_crop(&part, &a, begin, size, NULL), -1);
	size[1] = SIZE_MAX;
	assert_int_equal(em_array_crop(&part, &a, begin, size, NULL), -1);
	em_array_release(&a);
}

/* The sum of a block of a linear function is its value in the middle, times the number of elements. */
static void bin(void **state)
{
	static const enum em_dtype types[][2] = {
		{EM_U16, EM_I32}, {EM_I16, EM_I32}, {EM_F32, EM_F32}, {EM_U8, EM_U16}};
	const size_t factor[3] = {1, 2, 3};

	(void)state;
	for (size_t t = 0; t < 4; t++) {
		struct em_array a = make(types[t][0], 2, 5, 7), b;

		em_axis_set(&a.axis[2], "x", 0.5, 10, "nm");
		assert_int_equal(em_array_bin(&b, &a, factor, NULL), 0);
		assert_int_equal(b.dtype, types[t][1]);
		assert_true(b.shape[0] == 2 && b.shape[1] == 2 && b.shape[2] == 2);
		for (size_t i = 0; i < 8; i++) {
			double middle = 100.0 * (double)(i / 4) + 10 * ((double)(i / 2 % 2) * 2 + 0.5) +
			                (double)(i % 2) * 3 + 1;

			assert_true(em_array_get(&b, i) == middle * (types[t][0] == EM_I16 ? -6 : 6));
		}
		assert_true(b.axis[2].scale == 1.5 && b.axis[2].offset == 10.5);
		assert_true(b.axis[0].scale == 1 && b.axis[0].offset == 0);
		em_array_release(&a);
		em_array_release(&b);
	}
}

/* No sum overflows its type. */
static void sums_fit(void **state)
{
	static const struct {
		enum em_dtype from, to;
		size_t n, factor;
	} cases[] = {{EM_U8, EM_U16, 257, 257},     {EM_U8, EM_I32, 258, 258},    {EM_U16, EM_I32, 2, 2},
	             {EM_U16, EM_F64, 32769, 32769}, {EM_U16, EM_U16, 4, 1}};

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct em_array a, b;
		double largest = cases[c].from == EM_U8 ? 255 : 65535;

		assert_int_equal(em_array_alloc(&a, cases[c].from, 1, &cases[c].n, NULL), 0);
		memset(a.data, 0xff, em_array_bytes(&a));
		assert_int_equal(em_array_bin(&b, &a, &cases[c].factor, NULL), 0);
		assert_int_equal(b.dtype, cases[c].to);
		assert_true(em_array_get(&b, 0) == largest * (double)cases[c].factor);
		em_array_release(&a);
		em_array_release(&b);
	}
}

static void not_binned(void **state)
{
	struct em_array a, b;

	(void)state;
	assert_int_equal(em_array_alloc_image(&a, EM_C64, 4, 4, NULL), 0);
	assert_int_equal(em_array_bin(&b, &a, (const size_t[]){2, 2}, NULL), -1);
	em_array_release(&a);
	a = make(EM_F32, 1, 2, 3);
	assert_int_equal(em_array_bin(&b, &a, (const size_t[]){1, 3, 1}, NULL), -1);
	assert_int_equal(em_array_bin(&b, &a, (const size_t[]){1, 0, 1}, NULL), -1);
	em_array_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crop),
		cmocka_unit_test(bin),
		cmocka_unit_test(sums_fit),
		cmocka_unit_test(not_binned),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
