/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of the temscript wire: Python's JSON, and images in it. */
#include "scope/temscript_reply.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static int parse(struct em_temscript_reply *r, const char *text, struct em_error *err)
{
	return em_temscript_reply_parse(r, text, strlen(text), err);
}

/* NaN and infinities are null, but not within texts and names. */
static void bare_words(void **state)
{
	static const char text[] =
	    "{\"NaN\": NaN, \"a\": [1.5, Infinity, -Infinity, -2], \"s\": \"NaN -Infinity\\\"NaN\"}";
	struct em_temscript_reply r;
	const struct em_json *a;
	double v = 7;

	(void)state;
	assert_int_equal(parse(&r, text, NULL), 0);
	assert_non_null(em_json_get(r.tree, "NaN"));
	assert_false(em_json_number(em_json_get(r.tree, "NaN"), &v));
	assert_false(em_json_is_bool(em_json_get(r.tree, "NaN")));
	assert_string_equal(em_json_string(em_json_get(r.tree, "s")), "NaN -Infinity\"NaN");
	a = em_json_first(em_json_get(r.tree, "a"));
	assert_true(em_json_number(a, &v) && v == 1.5);
	a = em_json_next(a);
	assert_false(em_json_number(a, &v));
	a = em_json_next(a);
	assert_false(em_json_number(a, &v));
	a = em_json_next(a);
	assert_true(em_json_number(a, &v) && v == -2);
	em_temscript_reply_release(&r);
}

static void no_json(void **state)
{
	static const char *const bad[] = {"",  "{",   "NaNNaN",  "{\"a\"", "\"abc", "\"abc\\\"", "Inf",
	                                  "-", "nan", "{NaN:1}", "<html>", "1 2",   "[1,]",      "tru"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct em_temscript_reply r;
		struct em_error err = {0};

		assert_int_equal(parse(&r, bad[i], &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
	}
}

static void image_text(char *to, size_t room, const char *w, const char *h, const char *type, const char *order,
                       const char *data)
{
	snprintf(to, room,
	         "{\"CCD\": {\"width\": %s, \"height\": %s, \"type\": \"%s\", \"endianness\": \"%s\", "
	         "\"encoding\": \"BASE64\", \"data\": \"%s\"}}",
	         w, h, type, order, data);
}

static int image(const char *text, struct em_array *a, struct em_error *err)
{
	struct em_temscript_reply r;
	int rc;

	if (parse(&r, text, err))
		return -1;
	rc = em_temscript_reply_image(&r, em_json_get(r.tree, "CCD"), a, err);
	em_temscript_reply_release(&r);
	return rc;
}

/* Two numbers of each type in both orders, and their base64 written by hand (python3: base64.b64encode(struct.pack)).
 */
static void types(void **state)
{
	static const struct {
		const char *type, *little, *big;
		double first, second;
	} cases[] = {
	    {"INT8", "/wI=", "/wI=", -1, 2},
	    {"UINT8", "/wI=", "/wI=", 255, 2},
	    {"INT16", "/v8BAg==", "//4CAQ==", -2, 513},
	    {"UINT16", "/v8BAg==", "//4CAQ==", 65534, 513},
	    {"INT32", "/v///wECAwQ=", "/////gQDAgE=", -2, 67305985},
	    {"UINT32", "/v///wECAwQ=", "/////gQDAgE=", 4294967294.0, 67305985},
	    {"INT64", "/v////////8BAAAAAAAAAA==", "//////////4AAAAAAAAAAQ==", -2, 1},
	    {"UINT64", "AAAAAAABAAABAAAAAAAAAA==", "AAABAAAAAAAAAAAAAAAAAQ==", 1099511627776.0, 1},
	    {"FLOAT32", "AADAvwAAgD4=", "v8AAAD6AAAA=", -1.5, 0.25},
	    {"FLOAT64", "AAAAAAAA+L8AAAAAAADQPw==", "v/gAAAAAAAA/0AAAAAAAAA==", -1.5, 0.25},
	};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(cases); i++) {
		bool big = i % 2;
		struct em_array a;
		char text[256];

		image_text(text, sizeof(text), "2", "1", cases[i / 2].type, big ? "BIG" : "LITTLE",
		           big ? cases[i / 2].big : cases[i / 2].little);
		assert_int_equal(image(text, &a, NULL), 0);
		assert_true(a.ndim == 2 && a.shape[0] == 1 && a.shape[1] == 2);
		assert_true(em_array_get(&a, 0) == cases[i / 2].first);
		assert_true(em_array_get(&a, 1) == cases[i / 2].second);
		em_array_release(&a);
	}
}

static void lies(void **state)
{
	static const struct {
		const char *w, *h, *type, *order, *data;
	} bad[] = {
	    {"2", "1", "INT8", "LITTLE", "/w=="},
	    {"1", "1", "INT8", "LITTLE", "/wI="},
	    {"2", "1", "INT9", "LITTLE", "/wI="},
	    {"2", "1", "INT8", "MIDDLE", "/wI="},
	    {"2", "1", "INT8", "LITTLE", "/wI"},
	    {"2", "1", "INT8", "LITTLE", "/*I="},
	    {"2", "1", "INT8", "LITTLE", "#0"},
	    {"2", "1", "INT8", "LITTLE", "#-1"},
	    {"2", "1", "INT8", "LITTLE", "#999999999999999999999"},
	    {"0", "1", "INT8", "LITTLE", ""},
	    {"-2", "-1", "INT8", "LITTLE", "/wI="},
	    {"65536", "65536", "FLOAT64", "LITTLE", ""},
	    {"4294967296", "4294967296", "INT8", "LITTLE", ""},
	    {"1e300", "1", "INT8", "LITTLE", "/wI="},
	    {"NaN", "1", "INT8", "LITTLE", "/wI="},
	    {"1.5", "1", "INT8", "LITTLE", "/wI="},
	    {"\"2\"", "1", "INT8", "LITTLE", "/wI="},
	    {"[2]", "1", "INT8", "LITTLE", "/wI="},
	    {"2", "null", "INT8", "LITTLE", "/wI="},
	};
	static const char *const shapeless[] = {"{\"CCD\": 1}", "{\"CCD\": []}", "{}", "[]", "{\"CCD\": {\"data\": 5}}",
	                                        "null"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad) + COUNT(shapeless); i++) {
		struct em_array a;
		struct em_error err = {0};
		char text[256];

		if (i < COUNT(bad))
			image_text(text, sizeof(text), bad[i].w, bad[i].h, bad[i].type, bad[i].order, bad[i].data);
		else
			snprintf(text, sizeof(text), "%s", shapeless[i - COUNT(bad)]);
		assert_int_equal(image(text, &a, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
	}
}

/* Longer than base/json.h reads, and there and back: 5000 x 4000 x 2 bytes are 53 MB of text. */
static void large_images(void **state)
{
	struct em_array a, b;
	struct em_text t = {0};
	uint16_t *p;

	(void)state;
	assert_int_equal(em_array_alloc_image(&a, EM_U16, 4000, 5000, NULL), 0);
	p = a.data;
	for (size_t i = 0; i < 20000000; i++)
		p[i] = (uint16_t)(i * 40503);
	em_text_append(&t, "{\"CCD\":");
	em_temscript_put_image(&t, &a);
	em_text_append(&t, "}}");
	assert_int_equal(image(t.s, &b, NULL), 0);
	assert_true(b.dtype == EM_U16 && b.shape[0] == 4000 && b.shape[1] == 5000);
	assert_memory_equal(a.data, b.data, 40000000);
	t.s[t.len - 30000000] = '*';
	em_array_release(&b);
	assert_int_equal(image(t.s, &b, NULL), -1);
	em_array_release(&a);
	em_text_release(&t);
}

static void several_images(void **state)
{
	static char text[64 * 2048];
	struct em_temscript_reply r;
	size_t n = 0;

	(void)state;
	text[n++] = '[';
	for (size_t i = 0; i < EM_TEMSCRIPT_HELD_MAX + 1; i++) {
		text[n++] = '"';
		memset(text + n, 'A', 2000);
		n += 2000;
		text[n++] = '"';
		text[n++] = ',';
	}
	text[n - 1] = ']';
	assert_int_equal(em_temscript_reply_parse(&r, text, n, NULL), -1);
	n -= 2003;
	text[n - 1] = ']';
	assert_int_equal(em_temscript_reply_parse(&r, text, n, NULL), 0);
	assert_int_equal(r.count, EM_TEMSCRIPT_HELD_MAX);
	em_temscript_reply_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bare_words), cmocka_unit_test(no_json),      cmocka_unit_test(types),
	    cmocka_unit_test(lies),       cmocka_unit_test(large_images), cmocka_unit_test(several_images),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
