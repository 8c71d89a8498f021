/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XML: elements, attributes, texts and numbers found; as JSON; what is hostile refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "io/xml.h"

#include <stdlib.h>
#include <string.h>

static struct em_xml *parse(const char *text)
{
	struct em_error err = {0};
	struct em_xml *x = NULL;

	if (em_xml_parse(&x, (const unsigned char *)text, strlen(text), &err))
		fail_msg("%s: %s", text, err.text);
	return x;
}

static void refuse(const char *text, size_t n, const char *part)
{
	struct em_error err = {0};
	struct em_xml *x = NULL;

	assert_int_equal(em_xml_parse(&x, (const unsigned char *)text, n, &err), -1);
	assert_null(x);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	if (!strstr(err.text, part))
		fail_msg("'%s' does not say '%s'", err.text, part);
}

static void elements_are_found_by_path(void **state)
{
	struct em_xml *x = parse("<?xml version=\"1.0\"?><a k=\"v\"> own <b><c>1</c><c>2</c></b>"
	                         "<bb/><b><d>3</d></b>text <e f='g' h=''>\n5 &lt;&#181;<!-- no -->m\t</e></a>");
	const struct em_xml_node *root = em_xml_find(x, NULL, ""), *b = em_xml_find(x, NULL, "b");

	(void)state;
	assert_string_equal(em_xml_name(root), "a");
	assert_string_equal(em_xml_text(x, NULL, ""), "own text");
	assert_string_equal(em_xml_text(x, NULL, "b/c"), "1");
	assert_string_equal(em_xml_text(x, b, "c"), "1");
	assert_string_equal(em_xml_text(x, NULL, "bb"), "");
	assert_string_equal(em_xml_text(x, NULL, "e"), "5 <\xc2\xb5m");
	assert_null(em_xml_find(x, NULL, "b/d")); /* the first b has none */
	assert_null(em_xml_find(x, NULL, "x/y"));
	assert_null(em_xml_find(x, NULL, "bbb"));
	assert_null(em_xml_find(x, NULL, "@k"));
	assert_ptr_equal(em_xml_first(root), b);
	assert_string_equal(em_xml_name(em_xml_next(b)), "bb");
	assert_null(em_xml_first(em_xml_next(b)));
	assert_string_equal(em_xml_text(x, em_xml_next(em_xml_next(b)), "d"), "3");
	assert_string_equal(em_xml_attribute(root, "k"), "v");
	assert_string_equal(em_xml_attribute(em_xml_find(x, NULL, "e"), "h"), "");
	assert_null(em_xml_attribute(root, "b"));
	assert_null(em_xml_attribute(b, "k"));
	em_xml_free(x);
	em_xml_free(NULL);
}

static void numbers_are_whole_texts(void **state)
{
	static const struct {
		const char *text;
		bool good;
		double v;
	} cases[] = {
		{"1", true, 1},         {" -2.5e-3\n", true, -2.5e-3}, {"+.5", true, 0.5}, {"", false, 0},
		{"1 2", false, 0},      {"1,5", false, 0},             {"1 nm", false, 0}, {"0x10", false, 0},
		{"inf", false, 0},      {"nan", false, 0},             {"1e999", false, 0}, {"1.5.2", false, 0},
		{"e", false, 0},        {"Expected decimal", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64] = "<a><n>";
		double v = 77;
		struct em_xml *x = parse(strcat(strcat(text, cases[i].text), "</n></a>"));

		assert_int_equal(em_xml_number(x, NULL, "n", &v), cases[i].good);
		assert_true(v == (cases[i].good ? cases[i].v : 77));
		assert_false(em_xml_number(x, NULL, "m", &v));
		em_xml_free(x);
	}
}

static void encodings_become_utf8(void **state)
{
	static const char wide[] = "\xff\xfe<\0a\0>\0\xb5\0m\0<\0/\0a\0>\0";
	struct em_xml *x = parse("<?xml version='1.0' encoding='ISO-8859-1'?><a>\xb5m</a>");

	(void)state;
	assert_string_equal(em_xml_text(x, NULL, ""), "\xc2\xb5m");
	em_xml_free(x);
	x = NULL;
	assert_int_equal(em_xml_parse(&x, (const unsigned char *)wide, sizeof(wide) - 1, NULL), 0);
	assert_string_equal(em_xml_text(x, NULL, ""), "\xc2\xb5m");
	em_xml_free(x);
	x = parse("<a>\xb5m</a>");
	assert_string_equal(em_xml_text(x, NULL, ""), "\xc2\xb5m");
	em_xml_free(x);
	x = parse("<a>\xc2\xb5m</a>");
	assert_string_equal(em_xml_text(x, NULL, ""), "\xc2\xb5m");
	em_xml_free(x);
	refuse("<?xml version='1.0' encoding='utf-8'?><a>\xb5</a>", 47, "line 1: ");
}

static void trees_become_json(void **state)
{
	static const struct {
		const char *xml, *json;
	} cases[] = {
		{"<a/>", "\"\""},
		{"<a> 1.50 </a>", "\"1.50\""},
		{"<a k='v'/>", "{\"@k\":\"v\"}"},
		{"<a k='v'>\"t\"</a>", "{\"#text\":\"\\\"t\\\"\",\"@k\":\"v\"}"},
		{"<a><b>1</b><c>2</c></a>", "{\"b\":\"1\",\"c\":\"2\"}"},
		{"<a><b>1</b><c/><b>2</b><d/><b>3</b></a>", "{\"b\":[\"1\",\"2\",\"3\"],\"c\":\"\",\"d\":\"\"}"},
		{"<a><b><c>1</c><c>2</c></b><b><c>3</c></b></a>",
		 "{\"b\":[{\"c\":[\"1\",\"2\"]},{\"c\":\"3\"}]}"},
		{"<a><b><c><d>1</d></c></b><e><f/></e></a>",
		 "{\"b\":{\"c\":{\"d\":\"1\"}},\"e\":{\"f\":\"\"}}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_xml *x = parse(cases[i].xml);
		struct em_text out = {0};

		em_xml_put_json(em_xml_find(x, NULL, ""), &out);
		assert_string_equal(em_text_get(&out), cases[i].json);
		em_text_release(&out);
		em_xml_free(x);
	}
}

static void parts_become_json_alone(void **state)
{
	struct em_xml *x = parse("<a><b>1</b><c><d>2</d></c><b>3</b></a>");
	struct em_text out = {0};

	(void)state;
	em_xml_put_json(em_xml_find(x, NULL, "b"), &out);
	assert_string_equal(em_text_get(&out), "\"1\"");
	em_text_clear(&out);
	em_xml_put_json(em_xml_find(x, NULL, "c"), &out);
	assert_string_equal(em_text_get(&out), "{\"d\":\"2\"}");
	em_text_release(&out);
	em_xml_free(x);
}

static void what_is_no_document_is_refused(void **state)
{
	static const char whole[] = "<a k='v'><b>1</b><!-- c --><c>&amp;</c></a>";
	static const struct {
		const char *text, *part;
	} cases[] = {
		{"", "line 1: no element found"},
		{"text", "line 1: "},
		{"<a>\n<b></a>", "line 2: mismatched tag"},
		{"<a k='1' k='2'/>", "duplicate attribute"},
		{"<a/><b/>", "junk after document element"},
		{"<a>&nothing;</a>", "undefined entity"},
		{"<?xml version='1.0' encoding='klingon'?><a/>", "unknown encoding"},
		{"<!DOCTYPE a><a/>", "a document type is not supported"},
		{"<!DOCTYPE a [<!ENTITY b 'bb'><!ENTITY c '&b;&b;'>]><a>&c;</a>", "a document type is not supported"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refuse(cases[i].text, strlen(cases[i].text), cases[i].part);
	for (size_t n = 0; n < sizeof(whole) - 1; n++)
		refuse(whole, n, "XML: ");
}

/* `depth` elements, one inside the other, each but the outermost with a twin, so that it is part of an array. */
static char *nest(size_t depth)
{
	char *text = calloc(depth, 12), *end = text;

	for (size_t i = 0; i < depth; i++)
		end = strcpy(end, i ? "<a/><a>" : "<a>") + (i ? 7 : 3);
	for (size_t i = 0; i < depth; i++)
		end = strcpy(end, "</a>") + 4;
	return text;
}

static void depth_is_bounded(void **state)
{
	char *text = nest(EM_XML_MAX_DEPTH);
	struct em_xml *x = parse(text);
	struct em_text out = {0};
	struct em_json *json;

	(void)state;
	em_xml_put_json(em_xml_find(x, NULL, ""), &out);
	json = em_json_parse(out.s, out.len, NULL);
	assert_non_null(json);
	em_json_free(json);
	em_text_release(&out);
	em_xml_free(x);
	free(text);
	text = nest(EM_XML_MAX_DEPTH + 1);
	refuse(text, strlen(text), "nested too deeply");
	free(text);
	text = nest(10000);
	refuse(text, strlen(text), "nested too deeply");
	free(text);
}

/* As many elements as there may be, all of one name: linear, or the test would not end. */
static void nodes_and_bytes_are_bounded(void **state)
{
	size_t n = EM_XML_MAX_NODES - 1;
	char *text = malloc(4 * n + 16);
	struct em_text out = {0};
	struct em_xml *x;

	(void)state;
	memcpy(text, "<r>", 3);
	for (size_t i = 0; i < n; i++)
		memcpy(text + 3 + 4 * i, "<a/>", 4);
	memcpy(text + 3 + 4 * n, "</r>", 5);
	x = parse(text);
	em_xml_put_json(em_xml_find(x, NULL, ""), &out);
	assert_int_equal(out.len, strlen("{\"a\":[") + 3 * n - 1 + strlen("]}"));
	em_text_release(&out);
	em_xml_free(x);
	memcpy(text + 3 + 4 * n, "<a/></r>", 9);
	refuse(text, strlen(text), "too many elements");
	refuse(text, EM_XML_MAX_BYTES + 1, "too many: at most");
	free(text);
}

static void padding_is_left_out_where_asked(void **state)
{
	static const char padded[] = "\0\0junk<a>1</a>\0\0\0";
	struct em_xml *x = NULL;

	(void)state;
	refuse(padded, sizeof(padded), "XML: line 1");
	refuse(padded + 6, sizeof(padded) - 6, "XML: line 1");
	assert_int_equal(em_xml_parse_padded(&x, (const unsigned char *)padded, sizeof(padded), NULL), 0);
	assert_string_equal(em_xml_text(x, NULL, ""), "1");
	em_xml_free(x);
	assert_int_equal(em_xml_parse_padded(&x, (const unsigned char *)padded, 5, NULL), -1);
	assert_int_equal(em_xml_parse_padded(&x, (const unsigned char *)padded, 7, NULL), -1);
	assert_int_equal(em_xml_parse_padded(&x, NULL, 0, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_are_found_by_path),
		cmocka_unit_test(numbers_are_whole_texts),
		cmocka_unit_test(encodings_become_utf8),
		cmocka_unit_test(trees_become_json),
		cmocka_unit_test(parts_become_json_alone),
		cmocka_unit_test(what_is_no_document_is_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(nodes_and_bytes_are_bounded),
		cmocka_unit_test(padding_is_left_out_where_asked),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
