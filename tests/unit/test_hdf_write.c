/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HDF5 files that we write, byte for byte against the specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"
#include "hdf_walk.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

/* What Jenkins's lookup3.c says of itself, and a superblock that HDF5 1.10 wrote. */
static void checksum_has_its_published_values(void **state)
{
	static const char superblock[] = "\211HDF\r\n\032\n\003\010\010\0\0\0\0\0\0\0\0\0"
	                                 "\377\377\377\377\377\377\377\377\010\030\0\0\0\0\0\0\060\0\0\0\0\0\0\0";

	(void)state;
	assert_int_equal(em_hdf_checksum("", 0), 0xdeadbeef);
	assert_int_equal(em_hdf_checksum("Four score and seven years ago", 30), 0x17770551);
	assert_int_equal(em_hdf_checksum(superblock, 44), 0x79ba5f96);
}

static char path[64];

static void start(struct em_hdf_out *out)
{
	struct em_error err = {0};

	snprintf(path, sizeof(path), "%s", P_tmpdir "/test_hdf_XXXXXX");
	make_empty(path);
	assert_int_equal(em_hdf_out_open(out, path, &err), 0);
}

static struct em_blob end(struct em_hdf_out *out, struct em_text *root)
{
	struct em_error err = {0};
	struct em_blob blob;

	if (em_hdf_out_close(out, root, &err))
		fail_msg("%s", err.text);
	assert_int_equal(em_blob_map(path, &blob, &err), 0);
	unlink(path);
	return blob;
}

static void smallest_file_is_a_root(void **state)
{
	struct em_hdf_out out;
	struct em_text root = {0};
	struct em_blob b;

	(void)state;
	start(&out);
	b = end(&out, &root);
	assert_true(find_object(&b, "") != 0);
	assert_int_equal(find_object(&b, "absent"), 0);
	em_blob_unmap(&b);
}

static void attributes_are_what_h5py_writes(void **state)
{
	struct em_hdf_out out;
	struct em_text root = {0}, group = {0};
	struct em_blob b;

	(void)state;
	start(&out);
	em_hdf_put_text(&out, &group, "text", "\xc2\xb5m");
	em_hdf_put_text(&out, &group, "empty", "");
	em_hdf_put_known(&out, &group, "absent", "");
	em_hdf_put_number(&group, "number", -0.1);
	em_hdf_put_number(&group, "not finite", (double)NAN);
	em_hdf_put_integer(&group, "integer", INT64_MIN);
	em_hdf_put_bool(&group, "yes", true);
	em_hdf_put_bool(&group, "no", false);
	em_hdf_put_group(&out, &root, "a group", &group);
	b = end(&out, &root);
	expect_text(&b, "a group", "text", "\xc2\xb5m");
	expect_text(&b, "a group", "empty", "");
	assert_false(has_attribute(&b, "a group", "absent"));
	assert_false(has_attribute(&b, "a group", "not finite"));
	assert_true(fabs(get_number(&b, "a group", "number") + 0.1) <= 0);
	assert_true(fabs(get_number(&b, "a group", "integer") + 0x1p63) <= 0);
	assert_true(get_bool(&b, "a group", "yes"));
	assert_false(get_bool(&b, "a group", "no"));
	em_blob_unmap(&b);
}

static void data_sets_have_their_types(void **state)
{
	static const char f32[] = "\021\040\037\0\004\0\0\0\0\0\040\0\027\010\0\027\177\0\0\0";
	static const char f64[] = "\021\040\077\0\010\0\0\0\0\0\100\0\064\013\0\064\377\003\0\0";
	size_t shape[] = {3, 1, 7};

	(void)state;
	for (int t = 0; t < EM_DTYPES; t++) {
		enum em_dtype dtype = (enum em_dtype)t;
		size_t size = em_dtype_size(dtype), bytes = 21 * size, n;
		const char *real = size == 4 || dtype == EM_C64 ? f32 : f64;
		unsigned char pixels[21 * 16];
		struct em_text root = {0}, data = {0};
		struct em_hdf_out out;
		struct em_blob b;
		uint64_t at;

		for (size_t i = 0; i < bytes; i++)
			pixels[i] = (unsigned char)(i * 31 + size);
		start(&out);
		assert_int_equal(em_hdf_out_append(&out, pixels, 7, NULL), 0);
		assert_int_equal(em_hdf_out_append(&out, pixels + 7, bytes - 7, NULL), 0);
		em_hdf_begin_pixels(&data, dtype, 3, shape);
		em_hdf_put_dataset(&out, &root, "data", &data);
		b = end(&out, &root);
		at = get_data(&b, "data", 3, shape, bytes);
		assert_memory_equal(b.data + at, pixels, bytes);
		at = message(&b, find_object(&b, "data"), 3, 0, &n);
		assert_int_equal(word(&b, at + 4, 4), size);
		if (dtype == EM_C64 || dtype == EM_C128) {
			assert_int_equal(n, 8 + 3 + 20 + 3 + 20);
			assert_memory_equal(b.data + at, "\066\002\0\0", 4);
			assert_memory_equal(b.data + at + 8, "r\0\0", 3);
			assert_memory_equal(b.data + at + 11, real, 20);
			assert_memory_equal(b.data + at + 31, size == 8 ? "i\0\004" : "i\0\010", 3);
			assert_memory_equal(b.data + at + 34, real, 20);
		} else if (dtype == EM_F32 || dtype == EM_F64) {
			assert_int_equal(n, 20);
			assert_memory_equal(b.data + at, real, 20);
		} else {
			assert_int_equal(n, 12);
			assert_int_equal(b.data[at], 0x10);
			assert_int_equal(word(&b, at + 1, 3), em_dtype_name(dtype)[0] == 'i' ? 8 : 0);
			assert_int_equal(word(&b, at + 8, 4), 8 * size << 16);
		}
		em_blob_unmap(&b);
	}
}

static void small_data_sets_stand_behind_the_large_one(void **state)
{
	const double v[] = {1, -2.5, 1e300};
	size_t three = 3, five = 5;
	struct em_text root = {0}, numbers = {0}, pixels = {0};
	struct em_hdf_out out;
	struct em_blob b;

	(void)state;
	start(&out);
	assert_int_equal(em_hdf_out_append(&out, "pixel", 5, NULL), 0);
	em_hdf_begin_numbers(&out, &numbers, v, 3);
	em_hdf_put_text(&out, &numbers, "name", "x");
	em_hdf_put_dataset(&out, &root, "dim1", &numbers);
	em_hdf_begin_pixels(&pixels, EM_U8, 1, &five);
	em_hdf_put_dataset(&out, &root, "data", &pixels);
	b = end(&out, &root);
	assert_memory_equal(b.data + get_data(&b, "dim1", 1, &three, sizeof(v)), v, sizeof(v));
	assert_memory_equal(b.data + get_data(&b, "data", 1, &five, 5), "pixel", 5);
	expect_text(&b, "dim1", "name", "x");
	em_blob_unmap(&b);
}

static void names_are_no_paths(void **state)
{
	struct em_text root = {0}, group[3] = {{0}, {0}, {0}};
	char name[300], cut[300];
	struct em_hdf_out out;
	struct em_blob b;

	(void)state;
	/* Byte 255 is the second of a character of two. */
	memset(name, 'n', 254);
	strcpy(name + 254, "\xc2\xb5m");
	snprintf(cut, sizeof(cut), "%.254s", name);
	start(&out);
	em_hdf_put_group(&out, &root, "a/b", &group[0]);
	em_hdf_put_group(&out, &root, ".", &group[1]);
	em_hdf_put_group(&out, &root, name, &group[2]);
	b = end(&out, &root);
	assert_true(find_object(&b, "a-b") != 0);
	assert_true(find_object(&b, "-") != 0);
	assert_true(find_object(&b, cut) != 0);
	em_blob_unmap(&b);
}

/* Lengths around those that fill a collection, so that nothing, 8 bytes, or more are left at its end. */
static void texts_fill_as_many_collections_as_they_need(void **state)
{
	struct em_text root = {0};
	struct em_hdf_out out;
	char text[6000], name[16];
	struct em_blob b;

	(void)state;
	start(&out);
	memset(text, 't', sizeof(text));
	for (size_t i = 0; i < 400; i++) {
		size_t n = i % 5 ? i % 7 * 11 + 1 : i % 3 ? 4000 + i : 5000 + i;
		struct em_text group = {0};

		snprintf(name, sizeof(name), "g%zu", i);
		text[n] = '\0';
		em_hdf_put_text(&out, &group, "text", text);
		em_hdf_put_group(&out, &root, name, &group);
		text[n] = 't';
	}
	b = end(&out, &root);
	for (size_t i = 0; i < 400; i++) {
		size_t n = i % 5 ? i % 7 * 11 + 1 : i % 3 ? 4000 + i : 5000 + i;

		snprintf(name, sizeof(name), "g%zu", i);
		text[n] = '\0';
		expect_text(&b, name, "text", text);
		text[n] = 't';
	}
	em_blob_unmap(&b);
}

/* 0, or -1 with err. */
static int write_some(struct em_error *err)
{
	struct em_text root = {0}, data = {0};
	size_t shape = 20000;
	unsigned char pixels[1000] = {1};
	struct em_hdf_out out;

	if (em_hdf_out_open(&out, path, err))
		return -1;
	for (int i = 0; i < 20; i++)
		if (em_hdf_out_append(&out, pixels, sizeof(pixels), err)) {
			em_hdf_out_release(&out);
			return -1;
		}
	em_hdf_begin_pixels(&data, EM_U8, 1, &shape);
	em_hdf_put_dataset(&out, &root, "data", &data);
	em_hdf_put_text(&out, &root, "text", "t");
	return em_hdf_out_close(&out, &root, err);
}

static void full_disk_is_told(void **state)
{
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	struct em_error err = {0};
	struct rlimit old, limit;
	struct em_blob b;
	size_t size;

	(void)state;
	snprintf(path, sizeof(path), "%s", P_tmpdir "/test_hdf_XXXXXX");
	make_empty(path);
	assert_int_equal(write_some(&err), 0);
	assert_int_equal(em_blob_map(path, &b, &err), 0);
	size = b.size;
	assert_true(size > 20000 + 4096);
	em_blob_unmap(&b);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (size_t room = 0; room < size; room += room + 100 < size ? 100 : 1) {
		limit = old;
		limit.rlim_cur = (rlim_t)room;
		err.kind = EM_ERROR_NONE;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(write_some(&err), -1);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(err.kind, EM_ERROR_IO);
		assert_true(strstr(err.text, "cannot write") != NULL);
	}
	assert_int_equal(write_some(&err), 0);
	unlink(path);
	signal(SIGXFSZ, before);
}

static void folder_that_is_not_there_is_told(void **state)
{
	struct em_error err = {0};
	struct em_hdf_out out;

	(void)state;
	assert_int_equal(em_hdf_out_open(&out, P_tmpdir "/no such folder/x.h5", &err), -1);
	assert_int_equal(err.kind, EM_ERROR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_has_its_published_values),
		cmocka_unit_test(smallest_file_is_a_root),
		cmocka_unit_test(attributes_are_what_h5py_writes),
		cmocka_unit_test(data_sets_have_their_types),
		cmocka_unit_test(small_data_sets_stand_behind_the_large_one),
		cmocka_unit_test(names_are_no_paths),
		cmocka_unit_test(texts_fill_as_many_collections_as_they_need),
		cmocka_unit_test(full_disk_is_told),
		cmocka_unit_test(folder_that_is_not_there_is_told),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hdf_write", tests, NULL, NULL);
}
