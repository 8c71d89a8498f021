/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of weights: what they hold, and what they may not claim. */
#include "io/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TWO                                                                                                            \
	"{\"__metadata__\":{\"input_size\":\"64\",\"layer\":\"fc\"},"                                                  \
	"\"z\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"                                            \
	"\"a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[8,14]}}"

/* A file in memory of exactly its size, so that the sanitizers see a byte too far. */
static struct em_blob file_of(uint64_t length, const char *header, const void *data, size_t size)
{
	size_t n = strlen(header), total = 8 + n + size;
	unsigned char *bytes = malloc(total);

	assert_non_null(bytes);
	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(length >> 8 * i);
	memcpy(bytes + 8, header, n);
	if (size)
		memcpy(bytes + 8 + n, data, size);
	return (struct em_blob){bytes, total};
}

static struct em_safetensors *open_file(struct em_blob *blob, const char *header, const void *data, size_t size)
{
	struct em_error err = {0};
	struct em_safetensors *f;

	*blob = file_of(strlen(header), header, data, size);
	f = em_safetensors_new(*blob, &err);
	if (!f)
		fail_msg("%s", err.text);
	return f;
}

static void refuse(struct em_blob blob, const char *why)
{
	struct em_error err = {0};

	assert_null(em_safetensors_new(blob, &err));
	assert_int_equal(err.kind, EM_ERROR_DATA);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
	free((void *)(uintptr_t)blob.data);
}

/* 1.5 and -2; 1, 0.5 and -0 in bfloat16 */
static const unsigned char values[14] = {0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0, 0x80, 0x3f, 0, 0x3f, 0, 0x80};

static void test_values(void **state)
{
	struct em_blob blob;
	struct em_safetensors *f = open_file(&blob, TWO, values, sizeof(values));
	const struct em_tensor *a = em_safetensors_at(f, 0), *z = em_safetensors_find(f, "z");
	float v[3] = {0};

	(void)state;
	assert_string_equal(a->name, "a");
	assert_ptr_equal(em_safetensors_at(f, 1), z);
	assert_null(em_safetensors_at(f, 2));
	assert_null(em_safetensors_find(f, "__metadata__"));
	assert_int_equal(z->ndim, 2);
	assert_int_equal(z->shape[0], 2);
	assert_int_equal(z->count, 2);
	assert_int_equal(em_tensor_load(z, v, NULL), 0);
	assert_true(v[0] == 1.5f && v[1] == -2);
	assert_int_equal(em_tensor_load(a, v, NULL), 0);
	assert_true(v[0] == 1 && v[1] == 0.5f && v[2] == 0 && signbit(v[2]));
	assert_string_equal(em_safetensors_metadata(f, "layer"), "fc");
	assert_null(em_safetensors_metadata(f, "mean"));
	em_safetensors_free(f);
	free((void *)(uintptr_t)blob.data);
}

static void test_half_and_scalar(void **state)
{
	static const unsigned char bytes[4] = {0, 0x3c, 1, 0}; /* 1 and the least subnormal */
	struct em_blob blob;
	struct em_safetensors *f = open_file(&blob,
	                                     "{\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
	                                     "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[4,4]}}",
	                                     bytes, sizeof(bytes));
	float v[2];

	(void)state;
	assert_int_equal(em_tensor_load(em_safetensors_find(f, "h"), v, NULL), 0);
	assert_true(v[0] == 1 && v[1] == 0x1p-24f);
	assert_int_equal(em_safetensors_find(f, "none")->count, 0);
	em_safetensors_free(f);
	free((void *)(uintptr_t)blob.data);
}

static void check_weights(const char *dtype, size_t size, const unsigned char *bytes, const char *why)
{
	char header[128];
	struct em_error err = {0};
	struct em_blob blob;
	struct em_safetensors *f;
	float v;

	snprintf(header, sizeof(header), "{\"w\":{\"dtype\":\"%s\",\"shape\":[],\"data_offsets\":[0,%zu]}}", dtype,
	         size);
	f = open_file(&blob, header, bytes, size);
	assert_int_equal(em_tensor_load(em_safetensors_at(f, 0), &v, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(err.text, why));
	em_safetensors_free(f);
	free((void *)(uintptr_t)blob.data);
}

static void test_weights_that_are_none(void **state)
{
	(void)state;
	check_weights("F32", 4, (const unsigned char[]){0, 0, 0xc0, 0x7f}, "NaN");
	check_weights("F16", 2, (const unsigned char[]){0, 0xfc}, "infinite");
	check_weights("BF16", 2, (const unsigned char[]){0x80, 0x7f}, "infinite");
	check_weights("I64", 8, (const unsigned char[8]){0}, "of type I64");
}

/* At every length that is not the whole. */
static void test_cut(void **state)
{
	struct em_blob whole = file_of(strlen(TWO), TWO, values, sizeof(values));

	(void)state;
	for (size_t n = 0; n < whole.size; n++) {
		unsigned char *part = malloc(n + 1);

		assert_non_null(part);
		memcpy(part, whole.data, n);
		refuse((struct em_blob){part, n}, "safetensors: ");
	}
	free((void *)(uintptr_t)whole.data);
}

static void lie(const char *header, size_t size, const char *why)
{
	static const unsigned char zero[64];

	refuse(file_of(strlen(header), header, zero, size), why);
}

#define W(dtype, shape, offsets) "{\"w\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define V(name, offsets) "\"" name "\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":" offsets "}"

static void test_lies(void **state)
{
	(void)state;
	refuse(file_of(100ull << 30, "{}", NULL, 0), "a header of 107374182400 bytes");
	refuse(file_of(UINT64_MAX, "{}", NULL, 0), "this is no .safetensors file");
	refuse(file_of(3, "{}", NULL, 0), "cut within its header");
	lie("[]", 0, "no JSON object");
	lie("{\"w\":", 0, "header: ");
	lie("{}", 1, "1 bytes after the last tensor");
	lie("{\"w\":7}", 0, "no dtype");
	lie(W("F32", "7", "[0,4]"), 4, "no shape");
	lie(W("F32", "[1.5]", "[0,4]"), 4, "whole numbers");
	lie(W("F32", "[-1]", "[0,4]"), 4, "whole numbers");
	lie(W("F32", "[1e300]", "[0,4]"), 4, "whole numbers");
	lie(W("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "more than 8 dimensions");
	lie(W("F32", "[9007199254740992,9007199254740992]", "[0,4]"), 4, "larger than any memory");
	lie(W("F32", "[4611686018427387904,4]", "[0,0]"), 0, "whole numbers");
	lie(W("F32", "[2]", "[0,4]"), 4, "disagree");
	lie(W("F32", "[1]", "[0,5]"), 5, "disagree");
	lie(W("F32", "[1]", "[4,0]"), 4, "cut or broken");
	lie(W("F32", "[1]", "[0,8]"), 4, "cut or broken");
	lie(W("F32", "[1]", "[0]"), 4, "two whole numbers");
	lie(W("F32", "[1]", "\"0,4\""), 4, "two whole numbers");
	lie(W("Q7", "[1]", "[0,4]"), 4, "unknown type 'Q7'");
	lie("{" V("a", "[0,2]") "," V("b", "[1,3]") "}", 3, "overlaps");
	lie("{" V("a", "[0,2]") "," V("b", "[0,2]") "}", 2, "overlaps");
	lie("{" V("a", "[0,2]") "," V("b", "[3,5]") "}", 5, "gap");
	lie("{" V("a", "[1,3]") "}", 3, "gap");
	lie("{" V("a", "[0,2]") "," V("a", "[2,4]") "}", 4, "twice");
}

static void test_what_was_written(void **state)
{
	static const float big[2][700] = {{1, 2, -0.f}, {[699] = 0x1p-149f}}, one = 7;
	const struct em_tensor_out out[] = {
	    {"z \"big\"", 2, {2, 700}, &big[0][0]}, {"a", 0, {0}, &one}, {"none", 1, {0}, NULL}};
	const struct em_safetensors_note notes[] = {{"from", "a \"test\"\n"}, {"n", ""}};
	struct em_text t = {0};
	struct em_safetensors *f;
	float v[1400];

	(void)state;
	assert_int_equal(em_safetensors_print(out, 3, notes, 2, &t, NULL), 0);
	f = em_safetensors_new((struct em_blob){(const unsigned char *)t.s, t.len}, NULL);
	assert_non_null(f);
	assert_string_equal(em_safetensors_metadata(f, "from"), "a \"test\"\n");
	assert_string_equal(em_safetensors_metadata(f, "n"), "");
	assert_int_equal(em_safetensors_find(f, "z \"big\"")->shape[1], 700);
	assert_int_equal(em_tensor_load(em_safetensors_find(f, "z \"big\""), v, NULL), 0);
	assert_memory_equal(v, big, sizeof(big));
	assert_int_equal((em_safetensors_at(f, 2)->data - em_safetensors_bytes(f).data) % 8, 0);
	assert_int_equal(em_safetensors_find(f, "a")->ndim, 0);
	assert_int_equal(em_tensor_load(em_safetensors_find(f, "a"), v, NULL), 0);
	assert_true(v[0] == 7);
	assert_int_equal(em_safetensors_find(f, "none")->size, 0);
	em_safetensors_free(f);
	em_text_release(&t);
}

static void test_nothing_is_written_of_nan(void **state)
{
	static const float v[3] = {1, 2, NAN};
	const struct em_tensor_out out = {"w", 1, {3}, v};
	struct em_error err = {0};
	struct em_text t = {0};

	(void)state;
	assert_int_equal(em_safetensors_print(&out, 1, NULL, 0, &t, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(t.len, 0);
}

static void test_no_file(void **state)
{
	struct em_error err = {0};

	(void)state;
	assert_null(em_safetensors_open("/nowhere/at.all", &err));
	assert_int_equal(err.kind, EM_ERROR_IO);
	em_safetensors_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
	                                   cmocka_unit_test(test_half_and_scalar),
	                                   cmocka_unit_test(test_weights_that_are_none),
	                                   cmocka_unit_test(test_cut),
	                                   cmocka_unit_test(test_lies),
	                                   cmocka_unit_test(test_what_was_written),
	                                   cmocka_unit_test(test_nothing_is_written_of_nan),
	                                   cmocka_unit_test(test_no_file)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
