/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NPY, and NPZ around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"
#include "io/npy.h"
#include "zip_help.h"

/* A version 1, 2 or 3 file with this header text, unpadded as the format allows, and these elements. */
static void make_npy(struct em_text *t, unsigned version, const char *dict, const void *elements, size_t n)
{
	size_t len = strlen(dict) + 1;
	unsigned char start[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0, (unsigned char)len,
	                           (unsigned char)(len >> 8)};

	em_text_clear(t);
	em_text_append_bytes(t, start, version == 1 ? 10 : 12);
	em_text_append(t, dict);
	em_text_append(t, "\n");
	em_text_append_bytes(t, elements, n);
}

static struct em_array array(enum em_dtype dtype, int ndim, const size_t *shape, const void *elements)
{
	struct em_array a;

	assert_int_equal(em_array_alloc(&a, dtype, ndim, shape, NULL), 0);
	memcpy(a.data, elements, em_array_bytes(&a));
	return a;
}

static void bytes_are_numpys(void **state)
{
	static const char want[] = "\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }";
	struct em_array a = array(EM_F32, 2, (const size_t[]){2, 1}, (const float[]){1, -2});
	struct em_text t = {0};

	(void)state;
	assert_int_equal(em_npy_encode(&a, &t, NULL), 0);
	assert_int_equal(t.len, 128 + 8); /* elements begin at a multiple of 64 */
	assert_memory_equal(t.s, want, sizeof(want) - 1);
	for (size_t i = sizeof(want) - 1; i < 127; i++)
		assert_int_equal(t.s[i], ' ');
	assert_int_equal(t.s[127], '\n');
	assert_memory_equal(t.s + 128, a.data, 8);
	em_text_release(&t);
	em_array_release(&a);
}

static void every_type_and_shape_comes_back(void **state)
{
	static const size_t shape[EM_MAX_NDIM] = {2, 3, 1, 2, 1, 2, 1, 3};

	(void)state;
	for (int type = 0; type < EM_DTYPES; type++)
		for (int ndim = 0; ndim <= EM_MAX_NDIM; ndim++) {
			struct em_array a, back;
			struct em_text t = {0};
			struct em_error err = {0};

			em_array_alloc(&a, (enum em_dtype)type, ndim, shape, NULL);
			fill(&a, (unsigned)(type + ndim));
			assert_int_equal(em_npy_encode(&a, &t, NULL), 0);
			if (em_npy_decode((struct em_blob){(unsigned char *)t.s, t.len}, &back, &err))
				fail_msg("%s", err.text);
			assert_true(same_array(&a, &back));
			em_array_release(&back);
			em_text_release(&t);
			em_array_release(&a);
		}
}

static void expect_array(const struct em_text *t, enum em_dtype dtype, int ndim, const size_t *shape,
                         const void *elements)
{
	struct em_array want = array(dtype, ndim, shape, elements), got;
	struct em_error err = {0};

	if (em_npy_decode((struct em_blob){(unsigned char *)t->s, t->len}, &got, &err))
		fail_msg("%s", err.text);
	assert_true(same_array(&got, &want));
	em_array_release(&got);
	em_array_release(&want);
}

static void every_way_to_write_it_is_read(void **state)
{
	static const uint16_t words[] = {1, 2, 3, 4, 5, 6}, turned[] = {1, 3, 5, 2, 4, 6};
	static const size_t two[] = {2, 3};
	struct em_text t = {0};

	(void)state;
	for (unsigned v = 1; v <= 3; v++) {
		make_npy(&t, v, "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }   ", words, 12);
		expect_array(&t, EM_U16, 2, two, words);
	}
	make_npy(&t, 1, "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"=u2\"}", words, 12);
	expect_array(&t, EM_U16, 2, two, words);
	make_npy(&t, 1, "{'descr': '<u2', 'fortran_order': False, 'shape': (2L, 3L), }", words, 12);
	expect_array(&t, EM_U16, 2, two, words);
	make_npy(&t, 1, "{'descr': '>u2', 'fortran_order': False, 'shape': (2, 3), }", "\0\1\0\2\0\3\0\4\0\5\0\6", 12);
	expect_array(&t, EM_U16, 2, two, words);
	make_npy(&t, 1, "{'descr': '<u2', 'fortran_order': True, 'shape': (2, 3), }", words, 12);
	expect_array(&t, EM_U16, 2, two, turned);
	make_npy(&t, 1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", "\0\1\2", 3);
	expect_array(&t, EM_U8, 1, (const size_t[]){3}, "\0\1\1");
	make_npy(&t, 1, "{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }", "\0\x3c\1\0", 4);
	expect_array(&t, EM_F32, 1, (const size_t[]){2}, (const float[]){1, 0x1p-24f});
	make_npy(&t, 1, "{'descr': '>c8', 'fortran_order': False, 'shape': (1,), }", "\x3f\x80\0\0\xc0\0\0\0", 8);
	expect_array(&t, EM_C64, 1, (const size_t[]){1}, (const float[]){1, -2});
	em_text_release(&t);
}

static void broken_headers_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "{}", "[]", "{'descr': '<u2', 'fortran_order': False}",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3), }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), 'more': 1, }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (6), }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (-6,), }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (2 3), }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (,), }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 2, 3), }",
		"{'descr': '<u2', 'fortran_order': 0, 'shape': (2, 3), }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), } x",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3)",
		"{'descr': '<u2, 'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '', 'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '<U1', 'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (99999999999999999999999, 3), }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (9999999999, 9999999999), }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (0, 3), }",
		"{'descr': '<u2', 'fortran_order': False, 'shape': (1000000000, 1000000000), }",
	};
	struct em_text t = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_npy(&t, 1, bad[i], "abcdefghijkl", 12);
		expect_refused(t.s, t.len, "NPY");
	}
	make_npy(&t, 1, "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3), }", "abcdefghijklm", 13);
	expect_refused(t.s, t.len, "follow the array");
	make_npy(&t, 1, "{'descr': '<u2', 'fortran_order': False, 'shape': (), }", "ab", 2);
	expect_refused(t.s, t.len, "single number");
	t.s[6] = 4;
	expect_refused(t.s, t.len, "version 4.0");
	em_text_release(&t);
}

static void cut_anywhere_is_an_error(void **state)
{
	static const uint16_t words[] = {1, 2, 3, 4, 5, 6};
	struct em_text t = {0};

	(void)state;
	for (unsigned v = 1; v <= 2; v++) {
		make_npy(&t, v, "{'descr': '<u2', 'fortran_order': True, 'shape': (2, 3), }", words, 12);
		assert_int_equal(cut_everywhere(t.s, t.len), t.len);
		flip_everywhere(t.s, t.len);
	}
	em_text_release(&t);
}

/* A stack's frames are its images, in C and in Fortran order. */
static void a_stack_is_frames(void **state)
{
	static const uint8_t c[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; /* [2][3][2] */
	static const uint8_t f[] = {1, 7, 3, 9, 5, 11, 2, 8, 4, 10, 6, 12};
	struct em_array want[2] = {array(EM_U8, 2, (const size_t[]){3, 2}, c),
	                           array(EM_U8, 2, (const size_t[]){3, 2}, c + 6)};
	struct em_text t = {0};

	(void)state;
	make_npy(&t, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 2), }", c, 12);
	expect_frames(t.s, t.len, want, 2);
	make_npy(&t, 1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }", f, 12);
	expect_frames(t.s, t.len, want, 2);
	em_array_release(&want[0]);
	em_array_release(&want[1]);
	want[0] = array(EM_U8, 4, (const size_t[]){2, 3, 2, 1}, c);
	make_npy(&t, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 2, 1), }", c, 12);
	expect_frames(t.s, t.len, want, 1);
	em_array_release(&want[0]);
	em_text_release(&t);
}

/* ---- NPZ ---- */

static void arrays_of_an_npz_follow_each_other(void **state)
{
	static const uint8_t c[] = {1, 2, 3, 4, 5, 6};
	struct em_array want[3] = {array(EM_U8, 2, (const size_t[]){1, 3}, c),
	                           array(EM_U8, 2, (const size_t[]){1, 3}, c + 3),
	                           array(EM_U8, 1, (const size_t[]){6}, c)};
	struct em_text a = {0}, b = {0}, note = {0};

	(void)state;
	make_npy(&a, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 3), }", c, 6);
	make_npy(&b, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), }", c, 6);
	em_text_append(&note, "not an array");
	for (int deflated = 0; deflated < 2; deflated++) {
		struct zip z = {{0}, {0}, 0};

		zip_add(&z, "stack.npy", deflated, &a, 0);
		zip_add(&z, "note.txt", deflated, &note, 0);
		zip_add(&z, "line.npy", deflated, &b, 0);
		zip_end(&z);
		expect_frames(z.file.s, z.file.len, want, 3);
		assert_int_equal(cut_everywhere(z.file.s, z.file.len), z.file.len);
		flip_everywhere(z.file.s, z.file.len);
		z.file.s[60] ^= 1; /* inside the first array */
		expect_refused(z.file.s, z.file.len, "NP");
		em_text_release(&z.file);
	}
	for (int i = 0; i < 3; i++)
		em_array_release(&want[i]);
	em_text_release(&a);
	em_text_release(&b);
	em_text_release(&note);
}

static void npz_that_lies_is_refused(void **state)
{
	struct em_text a = {0};
	struct zip z = {{0}, {0}, 0};

	(void)state;
	make_npy(&a, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 60000), }", "abc", 3);
	zip_add(&z, "bomb.npy", true, &a, 3600000000u); /* more than deflate could hold in so few bytes */
	zip_end(&z);
	expect_refused(z.file.s, z.file.len, "claims more than its bytes");
	em_text_release(&z.file);
	z = (struct zip){{0}, {0}, 0};
	zip_add(&z, "short.npy", true, &a, 10000); /* possible, but not so; nor is the array's own claim */
	zip_end(&z);
	expect_refused(z.file.s, z.file.len, "size is not what its header says");
	em_text_release(&z.file);
	z = (struct zip){{0}, {0}, 0};
	make_npy(&a, 1, "{'descr': '<U3', 'fortran_order': False, 'shape': (1,), }", "abcdefghijkl", 12);
	zip_add(&z, "keys.npy", true, &a, 0);
	zip_end(&z);
	expect_refused(z.file.s, z.file.len, "array keys: NPY: type '<U3'");
	em_text_release(&z.file);
	em_text_release(&a);
}

/* The one sample of a file that is read whole is this array. */
static void expect_whole(const struct em_text *t, const struct em_array *want)
{
	const struct em_codec *codec = em_codec_detect((const unsigned char *)t->s, t->len);
	struct em_file file = {.blob = {(const unsigned char *)t->s, t->len}, .whole = true};
	struct em_array a;
	struct em_meta meta;
	size_t frames;
	void *state;

	em_meta_init(&meta);
	assert_int_equal(codec->open(&file, &state, &frames, NULL), 0);
	assert_int_equal(frames, 1);
	assert_int_equal(codec->read(state, 0, &a, &meta, NULL), 0);
	assert_true(same_array(&a, want));
	codec->close(state);
	em_array_release(&a);
	em_file_release(&file);
}

/* For who knows that it holds spectra over places. */
static void a_stack_may_be_one_array(void **state)
{
	static const uint8_t c[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
	struct em_array want = array(EM_U8, 3, (const size_t[]){2, 3, 2}, c);
	struct zip z = {{0}, {0}, 0};
	struct em_text t = {0};

	(void)state;
	make_npy(&t, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 2), }", c, 12);
	expect_whole(&t, &want);
	zip_add(&z, "cube.npy", 0, &t, 0);
	zip_end(&z);
	expect_whole(&z.file, &want);
	em_text_release(&z.file);
	em_text_release(&t);
	em_array_release(&want);
}

/* Bytes that lie as an array's are its; others are not, nor those that are not aligned. */
static void an_array_may_be_seen_where_it_lies(void **state)
{
	static const char *const others[] = {
		"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }",
		"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }",
		"{'descr': '<f2', 'fortran_order': False, 'shape': (2, 6), }",
		"{'descr': '|b1', 'fortran_order': False, 'shape': (4, 6), }",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }", /* more than there is */
	};
	const float v[] = {1, 2, 3, 4, 5, 6};
	struct em_array view;
	struct em_text t = {0};
	unsigned char *moved;

	(void)state;
	make_npy(&t, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }      ", v, sizeof(v));
	assert_int_equal((t.len - sizeof(v)) % 4, 0);
	assert_true(em_npy_view((struct em_blob){(unsigned char *)t.s, t.len}, &view));
	assert_true(view.dtype == EM_F32 && view.ndim == 2 && view.shape[0] == 2 && view.shape[1] == 3);
	assert_ptr_equal(view.data, t.s + t.len - sizeof(v));
	assert_string_equal(view.axis[1].name, "x");
	moved = malloc(t.len + 1);
	memcpy(moved + 1, t.s, t.len);
	assert_false(em_npy_view((struct em_blob){moved + 1, t.len}, &view));
	free(moved);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		make_npy(&t, 1, others[i], v, sizeof(v));
		assert_false(em_npy_view((struct em_blob){(unsigned char *)t.s, t.len}, &view));
	}
	em_text_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_numpys),
		cmocka_unit_test(every_type_and_shape_comes_back),
		cmocka_unit_test(every_way_to_write_it_is_read),
		cmocka_unit_test(broken_headers_are_refused),
		cmocka_unit_test(cut_anywhere_is_an_error),
		cmocka_unit_test(a_stack_is_frames),
		cmocka_unit_test(arrays_of_an_npz_follow_each_other),
		cmocka_unit_test(an_array_may_be_seen_where_it_lies),
		cmocka_unit_test(a_stack_may_be_one_array),
		cmocka_unit_test(npz_that_lies_is_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
