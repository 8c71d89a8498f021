/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/json.h"
#include "base/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_refused(const char *text, size_t n)
{
	struct em_error err = {0};
	struct em_json *tree = em_json_parse(text, n, &err);

	assert_null(tree);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_true(strlen(err.text) > 5);
}

static void what_is_not_json_is_refused(void **state)
{
	static const char *const bad[] = {"",
	                                  "{",
	                                  "nan",
	                                  "NaN",
	                                  "[1,]",
	                                  "{\"a\":}",
	                                  "[01]",
	                                  "[1.]",
	                                  "[.5]",
	                                  "[+1]",
	                                  "[1e]",
	                                  "[-]",
	                                  "[0x10]",
	                                  "1 2",
	                                  "{} x",
	                                  "{'a':1}",
	                                  "\"a\nb\"",
	                                  "\"\\u0000\"",
	                                  "[1 2]",
	                                  "\"\xff\"",
	                                  "\"\xc0\xaf\"",
	                                  "\"\xed\xa0\x80\"",
	                                  "[\"a]",
	                                  "Infinity",
	                                  "\"\xe2\x82\"",
	                                  "tru",
	                                  "[1]]",
	                                  "\"\xf4\x90\x80\x80\""};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(bad[i], strlen(bad[i]));
	assert_refused("[1\0]", 4);
}

static void strings_are_always_utf8(void **state)
{
	static const struct {
		const char *s, *json;
	} cases[] = {{"\xc3\xa9", "\"\xc3\xa9\""},
	             {"caf\xe9.tif", "\"caf\xef\xbf\xbd.tif\""},
	             {"cut \xe2\x84", "\"cut \xef\xbf\xbd\xef\xbf\xbd\""},
	             {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	             {"\x7f\"\n", "\"\\u007f\\\"\\u000a\""},
	             {"\xf0\x9f\x94\xac!", "\"\xf0\x9f\x94\xac!\""}};
	struct em_text t = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		em_text_clear(&t);
		em_json_put_string(&t, cases[i].s);
		assert_string_equal(em_text_get(&t), cases[i].json);
	}
	em_text_release(&t);
}

static void depth_is_bounded(void **state)
{
	char text[20002];
	struct em_json *tree;

	(void)state;
	memset(text, '[', 10000);
	memset(text + 10000, ']', 10000);
	assert_refused(text, 20000);
	assert_refused(text, 10000);
	memset(text + 64, ']', 64);
	tree = em_json_parse(text, 128, NULL);
	assert_non_null(tree);
	em_json_free(tree);
}

static void long_texts_are_refused_before_they_are_parsed(void **state)
{
	size_t n = EM_JSON_MAX_BYTES + 1;
	char *text = malloc(n);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', n);
	text[0] = '1';
	assert_refused(text, n);
	free(text);
}

static void values_are_reached_by_path(void **state)
{
	static const char text[] =
	    "{\"chip\":{\"row\":3,\"box\":[1,2.5,-3e2]},\"s\":\"\\u00b5m\",\"t\":true,\"n\":null}";
	struct em_json *tree = em_json_parse(text, strlen(text), NULL);
	double v = 0, box[4] = {0};

	(void)state;
	assert_non_null(tree);
	assert_true(em_json_number(em_json_find(tree, "chip.row"), &v));
	assert_float_equal(v, 3, 0);
	assert_int_equal(em_json_numbers(em_json_find(tree, "chip.box"), box, 4), 3);
	assert_float_equal(box[2], -300, 0);
	assert_string_equal(em_json_string(em_json_get(tree, "s")), "µm");
	assert_true(em_json_is_true(em_json_get(tree, "t")));
	assert_null(em_json_find(tree, "chip.row.deeper"));
	assert_null(em_json_find(tree, "none.at.all"));
	assert_null(em_json_string(NULL));
	assert_int_equal(em_json_size(em_json_get(tree, "chip")), 2);
	assert_string_equal(em_json_name(em_json_first(tree)), "chip");
	em_json_free(tree);
}

/* What nobody touches keeps its bytes: long numbers, escapes, blanks, order. */
static void unknown_members_pass_byte_for_byte(void **state)
{
	static const char text[] =
	    " {\"em\": 1 ,\"time\":1611097479.5613768,\"x\":{\"b\" : [1, 2],\"q\":\"a,}\\\"\"},\"\\u0041\":1e400}\n";
	struct em_record r;
	struct em_text out = {0};

	(void)state;
	assert_int_equal(em_record_parse(&r, text, strlen(text), NULL), 0);
	assert_int_equal(r.count, 4);
	assert_string_equal(em_record_get(&r, "time"), "1611097479.5613768");
	assert_string_equal(em_record_get(&r, "x"), "{\"b\" : [1, 2],\"q\":\"a,}\\\"\"}");
	assert_string_equal(em_record_get(&r, "A"), "1e400");
	assert_int_equal(em_record_set(&r, "em", "2", NULL), 0);
	assert_int_equal(em_record_set_string(&r, "new", "v", NULL), 0);
	em_record_remove(&r, "A");
	em_record_print(&r, &out);
	assert_string_equal(em_text_get(&out),
	                    "{\"em\":2,\"time\":1611097479.5613768,\"x\":{\"b\" : [1, 2],\"q\":\"a,}\\\"\"},"
	                    "\"new\":\"v\"}");
	em_text_release(&out);
	em_record_release(&r);
}

static void a_pretty_printed_record_becomes_one_line(void **state)
{
	static const char text[] = "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n";
	struct em_record r;
	struct em_text out = {0};
	struct em_json *tree;

	(void)state;
	assert_int_equal(em_record_parse(&r, text, strlen(text), NULL), 0);
	em_record_print(&r, &out);
	assert_null(strchr(em_text_get(&out), '\n'));
	tree = em_json_parse(out.s, out.len, NULL);
	assert_non_null(tree);
	em_json_free(tree);
	em_text_release(&out);
	em_record_release(&r);
}

/* Windows writes one before UTF-8. */
static void a_byte_order_mark_is_no_member(void **state)
{
	static const char *const texts[] = {"\xef\xbb\xbf{\"em\":1,\"a\":5}",
	                                    "\xef\xbb\xbf\xef\xbb\xbf{\"em\":1,\"a\":5}"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct em_record r;
		struct em_text out = {0};

		assert_int_equal(em_record_parse(&r, texts[i], strlen(texts[i]), NULL), 0);
		em_record_print(&r, &out);
		assert_string_equal(em_text_get(&out), "{\"em\":1,\"a\":5}");
		em_text_release(&out);
		em_record_release(&r);
	}
}

static void members_are_bounded(void **state)
{
	struct em_text text = {0};
	struct em_record r = {.count = 77};
	struct em_error err = {0};

	(void)state;
	em_text_append(&text, "{");
	for (int i = 0; i < EM_RECORD_MAX_MEMBERS; i++)
		em_text_printf(&text, "%s\"%d\":1", i ? "," : "", i);
	em_text_append(&text, ",\"one more\":1}");
	assert_int_equal(em_record_parse(&r, text.s, text.len, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_int_equal(r.count, 77);
	text.len -= strlen(",\"one more\":1}");
	em_text_append(&text, "}");
	assert_int_equal(em_record_parse(&r, text.s, text.len, &err), 0);
	assert_int_equal(r.count, EM_RECORD_MAX_MEMBERS);
	em_record_release(&r);
	em_text_release(&text);
}

static void records_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"[1]", "3", "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}"};
	struct em_record r = {.count = 77};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct em_error err = {0};

		assert_int_equal(em_record_parse(&r, bad[i], strlen(bad[i]), &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_int_equal(r.count, 77);
	}
}

static void axes_go_there_and_back(void **state)
{
	struct em_array a, b;
	struct em_record r = {0};

	(void)state;
	assert_int_equal(em_array_alloc_image(&a, EM_U16, 4, 6, NULL), 0);
	em_axis_set(&a.axis[0], "y", 0.0213, 6.07, "nm");
	em_axis_set(&a.axis[1], "x", 0.0213, 24.3, "nm");
	assert_int_equal(em_record_set_image(&r, &a, NULL), 0);
	assert_string_equal(em_record_get(&r, "image"), "{\"shape\":[4,6],\"dtype\":\"uint16\"}");
	assert_string_equal(em_record_get(&r, "axes"),
	                    "[{\"name\":\"y\",\"size\":4,\"scale\":0.0213,\"offset\":6.07,\"units\":\"nm\"},"
	                    "{\"name\":\"x\",\"size\":6,\"scale\":0.0213,\"offset\":24.3,\"units\":\"nm\"}]");
	assert_int_equal(em_array_alloc_image(&b, EM_U8, 4, 6, NULL), 0);
	em_record_get_axes(&r, &b);
	assert_float_equal(b.axis[1].offset, 24.3, 1e-12);
	assert_string_equal(b.axis[0].units, "nm");
	em_array_release(&a);
	em_array_release(&b);
	em_record_release(&r);
}

static void provenance_grows_at_its_end(void **state)
{
	struct em_record r = {0};

	(void)state;
	assert_int_equal(em_record_add_provenance(&r, "{\"tool\":\"a\"}", NULL), 0);
	assert_int_equal(em_record_add_provenance(&r, "{\"tool\":\"b\"}", NULL), 0);
	assert_string_equal(em_record_get(&r, "provenance"), "[{\"tool\":\"a\"},{\"tool\":\"b\"}]");
	assert_int_equal(em_record_set(&r, "provenance", "[ ]", NULL), 0);
	assert_int_equal(em_record_add_provenance(&r, "{\"tool\":\"c\"}", NULL), 0);
	assert_string_equal(em_record_get(&r, "provenance"), "[{\"tool\":\"c\"}]");
	em_record_release(&r);
}

static void a_new_first_member_goes_first(void **state)
{
	struct em_record r = {0};

	(void)state;
	assert_int_equal(em_record_set(&r, "a", "1", NULL), 0);
	assert_int_equal(em_record_set_first(&r, "em", "1", NULL), 0);
	assert_string_equal(r.member[0].name, "em");
	assert_int_equal(em_record_set_first(&r, "a", "2", NULL), 0);
	assert_string_equal(r.member[1].value, "2");
	assert_int_equal(r.count, 2);
	em_record_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_not_json_is_refused),
	    cmocka_unit_test(strings_are_always_utf8),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(long_texts_are_refused_before_they_are_parsed),
	    cmocka_unit_test(values_are_reached_by_path),
	    cmocka_unit_test(unknown_members_pass_byte_for_byte),
	    cmocka_unit_test(a_pretty_printed_record_becomes_one_line),
	    cmocka_unit_test(a_byte_order_mark_is_no_member),
	    cmocka_unit_test(members_are_bounded),
	    cmocka_unit_test(records_that_are_none_are_refused),
	    cmocka_unit_test(axes_go_there_and_back),
	    cmocka_unit_test(provenance_grows_at_its_end),
	    cmocka_unit_test(a_new_first_member_goes_first),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
