/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vision/prepare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct em_array floats(const float *v, size_t n)
{
	struct em_array a;

	assert_int_equal(em_array_alloc_image(&a, EM_F32, 1, n, NULL), 0);
	memcpy(a.data, v, n * sizeof(*v));
	return a;
}

static void unit_range(void **state)
{
	struct em_array a = floats((float[]){-2, NAN, 0, 6, INFINITY}, 5), b;
	struct em_array u8, u16;
	const float *v;

	(void)state;
	assert_int_equal(em_prepare_unit_range(&b, &a, NULL), 0);
	v = b.data;
	assert_true(v[0] == 0 && isnan(v[1]) && v[2] == 0.25f && v[3] == 1 && isinf(v[4]));
	em_array_release(&a);
	em_array_release(&b);
	a = floats((float[]){5, NAN, 5}, 3);
	assert_int_equal(em_prepare_unit_range(&b, &a, NULL), 0);
	v = b.data;
	assert_true(v[0] == 0 && isnan(v[1]) && v[2] == 0);
	em_array_release(&a);
	em_array_release(&b);
	assert_int_equal(em_array_alloc_image(&u8, EM_U8, 1, 3, NULL), 0);
	memcpy(u8.data, (uint8_t[]){0, 51, 255}, 3);
	assert_int_equal(em_prepare_unit_range(&b, &u8, NULL), 0);
	v = b.data;
	assert_true(v[0] == 0 && v[1] == 0.2f && v[2] == 1);
	em_array_release(&b);
	em_array_release(&u8);
	assert_int_equal(em_array_alloc_image(&u16, EM_U16, 1, 2, NULL), 0);
	memcpy(u16.data, (uint16_t[]){13107, 65535}, 4);
	assert_int_equal(em_prepare_unit_range(&b, &u16, NULL), 0);
	v = b.data;
	assert_true(v[0] == 0.2f && v[1] == 1);
	em_array_release(&b);
	em_array_release(&u16);
}

static void steps_in_order(void **state)
{
	/* the 0th and 100th percentiles of the finite pixels are -1 and 4: 51 grey levels a unit */
	struct em_array a = floats((float[]){-1, 0, NAN, 4, 1}, 5);
	struct em_prepare steps = {.clahe = true, .clip = 0, .tiles_x = 1, .tiles_y = 1};
	struct em_error err = {0};
	const void *before = a.data;

	(void)state;
	assert_int_equal(em_prepare_image(&a, &steps, 1, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, "--percentile"));
	assert_ptr_equal(a.data, before);

	steps = (struct em_prepare){.percentile = true, .lo = 0, .hi = 100};
	assert_int_equal(em_prepare_image(&a, &steps, 1, &err), 0);
	assert_int_equal(a.dtype, EM_U8);
	assert_memory_equal(a.data, ((uint8_t[]){0, 51, 0, 255, 102}), 5);

	/* then equalised (2, 3, 4, 5 of 5 pixels lie at or below 0, 51, 102, 255), then as float */
	steps = (struct em_prepare){.clahe = true, .tiles_x = 1, .tiles_y = 1, .to_float = true};
	assert_int_equal(em_prepare_image(&a, &steps, 1, &err), 0);
	assert_int_equal(a.dtype, EM_F32);
	assert_true(((float *)a.data)[0] == 0.4f && ((float *)a.data)[1] == 0.6f && ((float *)a.data)[4] == 0.8f);
	em_array_release(&a);

	a = floats((float[]){NAN, NAN}, 2); /* nothing to stretch between: said, and a left as it was */
	steps = (struct em_prepare){.percentile = true, .lo = 1, .hi = 99};
	assert_int_equal(em_prepare_image(&a, &steps, 1, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_true(a.dtype == EM_F32 && isnan(((float *)a.data)[0]));
	em_array_release(&a);
}

/* A foreign picture may come in a type that our member does not hold. */
static void other_types_become_image_types(void **state)
{
	struct em_prepare none = {0};
	struct em_array a;

	(void)state;
	assert_int_equal(em_array_alloc_image(&a, EM_F64, 1, 2, NULL), 0);
	((double *)a.data)[1] = 0.5;
	assert_int_equal(em_prepare_image(&a, &none, 1, NULL), 0);
	assert_true(a.dtype == EM_F32 && ((float *)a.data)[1] == 0.5f);
	em_array_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unit_range),
		cmocka_unit_test(steps_in_order),
		cmocka_unit_test(other_types_become_image_types),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("prepare", tests, NULL, NULL);
}
