/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NPY files written frame by frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"
#include "write_help.h"

static struct em_array ramp(enum em_dtype dtype, int ndim, const size_t *shape, unsigned start)
{
	struct em_array a;

	assert_int_equal(em_array_alloc(&a, dtype, ndim, shape, NULL), 0);
	for (size_t i = 0; i < em_array_bytes(&a); i++)
		((unsigned char *)a.data)[i] = (unsigned char)(start + i);
	return a;
}

static void a_frame_is_its_own_array(void **state)
{
	static const size_t shape[EM_MAX_NDIM] = {2, 3, 1, 2, 1, 2, 1, 3};

	(void)state;
	for (int type = 0; type < EM_DTYPES; type++)
		for (int ndim = 1; ndim <= EM_MAX_NDIM; ndim++) {
			struct em_array a = ramp((enum em_dtype)type, ndim, shape, 7), back;
			struct written w = write_frames("npy", &a, 1, NULL);

			assert_int_equal(em_npy_decode(w.blob, &back, NULL), 0);
			assert_true(same_array(&a, &back));
			em_array_release(&back);
			em_array_release(&a);
			written_release(&w);
		}
}

static void frames_are_one_array_with_an_axis_more(void **state)
{
	static const size_t shape[] = {3, 5};

	(void)state;
	for (int type = 0; type < EM_DTYPES; type++)
		for (int ndim = 1; ndim <= 2; ndim++) {
			struct em_array a[11], back;
			struct written w;
			size_t bytes;

			for (unsigned i = 0; i < 11; i++)
				a[i] = ramp((enum em_dtype)type, ndim, shape, 20 * i);
			w = write_frames("npy", a, 11, NULL);
			assert_int_equal(em_npy_decode(w.blob, &back, NULL), 0);
			assert_int_equal(back.ndim, ndim + 1);
			assert_int_equal(back.shape[0], 11);
			bytes = em_array_bytes(&a[0]);
			for (size_t i = 0; i < 11; i++) {
				assert_memory_equal((char *)back.data + i * bytes, a[i].data, bytes);
				em_array_release(&a[i]);
			}
			em_array_release(&back);
			written_release(&w);
		}
}

static void more_dimensions_than_there_can_be_are_refused(void **state)
{
	static const size_t shape[EM_MAX_NDIM] = {1, 1, 1, 1, 1, 1, 1, 2};
	struct em_array a[2] = {ramp(EM_U8, EM_MAX_NDIM, shape, 0), ramp(EM_U8, EM_MAX_NDIM, shape, 0)};

	(void)state;
	expect_unwritten("npy", a, 2, NULL, "-o DIR/");
	em_array_release(&a[0]);
	em_array_release(&a[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_its_own_array), cmocka_unit_test(frames_are_one_array_with_an_axis_more),
		cmocka_unit_test(more_dimensions_than_there_can_be_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("npy_write", tests, NULL, NULL);
}
