/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tags of a DigitalMicrograph file as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dm_help.h"

#include "base/json.h"

#include <math.h>

static const struct picture pixel = {.type = 6, .element = EM_DM_U8, .dim = {1, 1}, .values = "a", .bytes = 1};

/* What `tags` gives for frame i of a file of two pictures with these ImageTags, and it is JSON. */
static struct em_json *read_tags(struct style style, void (*tags)(struct group *), size_t frame)
{
	struct picture both[2] = {pixel, pixel};
	struct em_text json = {0};
	struct em_error err = {0};
	struct em_json *root;
	struct opened o;

	both[0].tags = both[1].tags = tags;
	both[1].type = 23;
	both[1].element = EM_DM_I32;
	both[1].values = "abcd";
	both[1].bytes = 4;
	o = open_dm(style, both, 2);
	assert_int_equal(em_codec_of_extension("dm3")->tags(o.state, frame, &json, &err), 0);
	root = em_json_parse(em_text_get(&json), json.len, &err);
	if (!root)
		fail_msg("%s: %s", err.text, em_text_get(&json));
	em_text_release(&json);
	close_dm(&o);
	return root;
}

static const struct em_json *image_tag(const struct em_json *root, const char *path)
{
	return em_json_find(em_json_find(root, "ImageList.TagGroup0"), path);
}

static void expect_number(const struct em_json *node, double want)
{
	double v;

	assert_true(em_json_number(node, &v));
	assert_true(v >= want && v <= want);
}

static void each_image_is_the_first_of_its_tree(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++)
		for (size_t frame = 0; frame < 2; frame++) {
			struct em_json *root = read_tags(styles[s], put_tags, frame);
			const struct em_json *data = image_tag(root, "ImageData.Data");

			assert_int_equal(em_json_size(em_json_get(root, "ImageList")), 1);
			expect_number(image_tag(root, "ImageData.DataType"), frame ? 23 : 6);
			assert_string_equal(em_json_string(em_json_get(data, "array")), frame ? "int32" : "uint8");
			expect_number(em_json_get(data, "size"), 1);
			expect_number(image_tag(root, "ImageData.Dimensions.Data1"), 1);
			expect_number(image_tag(root, "ImageTags.Microscope Info.Stage Position.Stage X"), -461.276);
			assert_string_equal(em_json_string(image_tag(root, "ImageTags.Session Info.Microscope")),
			                    "A \"Titan\"");
			expect_number(em_json_find(root, "Thumbnails.TagGroup0.ImageIndex"), 0);
			em_json_free(root);
		}
}

static void put_scalars(struct group *t)
{
	put_data(t, "i16", (const uint64_t[]){EM_DM_I16}, 1, &(int16_t){-32768}, 2, 2);
	put_data(t, "i32", (const uint64_t[]){EM_DM_I32}, 1, &(int32_t){INT32_MIN}, 4, 4);
	put_data(t, "u16", (const uint64_t[]){EM_DM_U16}, 1, &(uint16_t){65535}, 2, 2);
	put_data(t, "u32", (const uint64_t[]){EM_DM_U32}, 1, &(uint32_t){UINT32_MAX}, 4, 4);
	put_data(t, "f32", (const uint64_t[]){EM_DM_F32}, 1, &(float){0.1f}, 4, 4);
	put_data(t, "nan", (const uint64_t[]){EM_DM_F32}, 1, &(float){NAN}, 4, 4);
	put_data(t, "f64", (const uint64_t[]){EM_DM_F64}, 1, &(double){0.1 + 0.2}, 8, 8);
	put_data(t, "inf", (const uint64_t[]){EM_DM_F64}, 1, &(double){-INFINITY}, 8, 8);
	put_data(t, "yes", (const uint64_t[]){EM_DM_BOOL}, 1, &(uint8_t){2}, 1, 1);
	put_data(t, "i8", (const uint64_t[]){EM_DM_I8}, 1, &(int8_t){-1}, 1, 1);
	put_data(t, "u8", (const uint64_t[]){EM_DM_U8}, 1, &(uint8_t){255}, 1, 1);
	put_data(t, "i64", (const uint64_t[]){EM_DM_I64}, 1, &(int64_t){INT64_MIN}, 8, 8);
	put_data(t, "u64", (const uint64_t[]){EM_DM_U64}, 1, &(uint64_t){UINT64_MAX}, 8, 8);
}

/* Text from `{` of ImageTags on. */
static void expect_text(void (*tags)(struct group *), const char *want)
{
	for (size_t s = 0; s < COUNT(styles); s++) {
		struct picture p = pixel;
		struct em_text json = {0};
		const char *found;
		struct opened o;

		p.tags = tags;
		o = open_dm(styles[s], &p, 1);
		assert_int_equal(em_codec_of_extension("dm3")->tags(o.state, 0, &json, NULL), 0);
		found = strstr(em_text_get(&json), "\"ImageTags\":");
		assert_non_null(found);
		found += strlen("\"ImageTags\":");
		if (strncmp(found, want, strlen(want)))
			fail_msg("%s, not %s", found, want);
		em_text_release(&json);
		close_dm(&o);
	}
}

static void scalars_have_all_their_digits(void **state)
{
	(void)state;
	expect_text(put_scalars, "{\"i16\":-32768,\"i32\":-2147483648,\"u16\":65535,\"u32\":4294967295,"
	                         "\"f32\":0.100000001,\"nan\":null,\"f64\":0.30000000000000004,\"inf\":null,"
	                         "\"yes\":true,\"i8\":-1,\"u8\":255,\"i64\":-9223372036854775808,"
	                         "\"u64\":18446744073709551615}");
}

static void put_compounds(struct group *t)
{
	static const uint64_t pair[] = {EM_DM_STRUCT, 0, 2, 0, EM_DM_U8, 0, EM_DM_I8};
	static const uint64_t pairs[] = {EM_DM_ARRAY, EM_DM_STRUCT, 0, 2, 0, EM_DM_U8, 0, EM_DM_I8, 2};

	put_data(t, "pair", pair, 7, "\x05\xff", 2, 1);
	put_data(t, "pairs", pairs, 9, "\1\2\3\4", 4, 1);
	put_data(t, "list", (const uint64_t[]){EM_DM_ARRAY, EM_DM_I16, 3}, 3, (const int16_t[]){1, -2, 3}, 6, 2);
	put_data(t, "none", (const uint64_t[]){EM_DM_ARRAY, EM_DM_I16, 0}, 3, "", 0, 2);
	put_data(t, "bytes", (const uint64_t[]){EM_DM_STRING, 3}, 2, "a\xb5z", 3, 1);
	put_units(t, "wide", (const uint16_t[]){'a', 0xb5, 0x20ac, 0xd834, 0xdd1e, 0xd800, 0});
	put_data(t, "ends", (const uint64_t[]){EM_DM_ARRAY, EM_DM_U16, 3}, 3, (const uint16_t[]){'a', 0, 0}, 6, 2);
	put_data(t, "no text", (const uint64_t[]){EM_DM_ARRAY, EM_DM_U16, 3}, 3, (const uint16_t[]){7, 0, 9}, 6, 2);
}

static void compounds(void **state)
{
	(void)state;
	expect_text(put_compounds,
	            "{\"pair\":[5,-1],\"pairs\":[[1,2],[3,4]],\"list\":[1,-2,3],\"none\":[],\"bytes\":\"a\xc2\xb5z\","
	            "\"wide\":\"a\xc2\xb5\xe2\x82\xac\xf0\x9d\x84\x9e\xef\xbf\xbd\",\"ends\":\"a\","
	            "\"no text\":[7,0,9]}");
}

static void put_names(struct group *t)
{
	struct group inside = {.style = t->style}, empty = inside;

	put_u32(t, "same", 1);
	put_u32(t, "same", 2);
	put_u32(t, "", 3);
	put_group(t, "", &empty);
	put_u32(t, "", 4);
	put_u32(&inside, "same", 5);
	put_u32(&inside, "", 6);
	put_group(t, "", &inside);
	put_u32(t, "\xb5m \"", 7);
	put_u32(t, "\xc2\xb5m\\", 8);
}

static void names(void **state)
{
	(void)state;
	expect_text(put_names, "{\"same\":1,\"same#1\":2,\"Data0\":3,\"TagGroup0\":{},\"Data1\":4,"
	                       "\"TagGroup1\":{\"same\":5,\"Data0\":6},\"\xc2\xb5m \\\"\":7,\"\xc2\xb5m\\\\\":8}");
}

static void put_large(struct group *t)
{
	static const uint8_t zeros[2050];
	static const uint64_t pairs[] = {EM_DM_ARRAY, EM_DM_STRUCT, 0, 2, 0, EM_DM_U8, 0, EM_DM_I8, 513};

	put_data(t, "a", (const uint64_t[]){EM_DM_ARRAY, EM_DM_I16, 1025}, 3, zeros, 2050, 2);
	put_data(t, "b", pairs, 9, zeros, 1026, 1);
}

static void large_arrays_say_only_what_they_are(void **state)
{
	(void)state;
	expect_text(put_large, "{\"a\":{\"array\":\"int16\",\"size\":1025},\"b\":{\"array\":\"struct\",\"size\":513}}");
}

/* 2000 texts of 8000 characters: 16 MB. */
static void put_flood(struct group *t)
{
	static uint16_t page[8001];

	for (size_t i = 0; i < 8000; i++)
		page[i] = 'x';
	for (int i = 0; i < 2000; i++)
		put_units(t, "", page);
}

static void a_flood_is_cut_and_still_json(void **state)
{
	struct em_json *root = read_tags(styles[0], put_flood, 0);

	(void)state;
	assert_non_null(em_json_string(image_tag(root, "ImageTags.Data0")));
	assert_null(image_tag(root, "ImageTags.Data1999"));
	assert_non_null(strstr(em_json_string(em_json_get(root, "...")), "more tags are left out"));
	em_json_free(root);
}

/* As deep as the reader goes, with the record and its source around it, is not too deep for readers of JSON. */
static void depth_fits_into_a_record(void **state)
{
	struct style style = styles[2];
	struct group g = {.style = style};
	struct em_text file, json = {0};
	struct em_json *root;
	struct em_blob blob;
	size_t frames;
	void *codec;

	(void)state;
	for (int i = 0; i < EM_DM_MAX_DEPTH - 2; i++) {
		struct group outer = {.style = style};

		put_group(&outer, "", &g);
		g = outer;
	}
	{
		struct group list = {.style = style};

		put_picture(&list, &pixel);
		put_group(&g, "ImageList", &list);
	}
	file = finish_file(&g);
	blob = (struct em_blob){(const unsigned char *)file.s, file.len};
	assert_int_equal(em_codec_of_extension("dm3")->open(&(struct em_file){.blob = blob}, &codec, &frames, NULL), 0);
	em_text_append(&json, "{\"source\":{\"tags\":");
	assert_int_equal(em_codec_of_extension("dm3")->tags(codec, 0, &json, NULL), 0);
	em_text_append(&json, "}}");
	root = em_json_parse(em_text_get(&json), json.len, NULL);
	assert_non_null(root);
	em_json_free(root);
	em_codec_of_extension("dm3")->close(codec);
	em_text_release(&json);
	em_text_release(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_image_is_the_first_of_its_tree),
		cmocka_unit_test(scalars_have_all_their_digits),
		cmocka_unit_test(compounds),
		cmocka_unit_test(names),
		cmocka_unit_test(large_arrays_say_only_what_they_are),
		cmocka_unit_test(a_flood_is_cut_and_still_json),
		cmocka_unit_test(depth_fits_into_a_record),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
