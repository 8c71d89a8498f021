/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DigitalMicrograph files that are cut, changed or made to harm: refused, or read right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dm_help.h"

static void cut_files(void **state)
{
	static const short values[] = {1, 2, 3, 4, 5, 6};
	const struct picture p = {.type = 1, .element = EM_DM_I16, .dim = {3, 2}, .values = values, .bytes = 12,
	                          .axis = {{0, 1, (const uint16_t[]){'n', 'm', 0}}}, .axes = 1, .tags = put_tags};

	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++) {
		struct em_text file = make_dm(styles[s], &p, 1);

		/* All but the 8 bytes at the end are needed. */
		assert_int_equal(cut_everywhere(file.s, file.len), file.len - 8);
		flip_everywhere(file.s, file.len);
		em_text_release(&file);
	}
}

static void expect_bad(const struct picture *p, const char *part)
{
	for (size_t s = 0; s < COUNT(styles); s++) {
		struct em_text file = make_dm(styles[s], p, 1);

		expect_refused(file.s, file.len, part);
		em_text_release(&file);
	}
}

static void images_that_lie(void **state)
{
	struct picture p = {.type = 6, .element = EM_DM_U8, .dim = {2, 2}, .values = "abcd", .bytes = 4};

	(void)state;
	p.dim[1] = 3;
	expect_bad(&p, "4 bytes of data where its dimensions need 6");
	p.dim[1] = 1;
	expect_bad(&p, "4 bytes of data where its dimensions need 2");
	p.dim[0] = p.dim[1] = p.dim[2] = p.dim[3] = UINT32_MAX;
	expect_bad(&p, "claim more than could exist");
	p.dim[0] = 0;
	expect_bad(&p, "without dimensions");
	p.dim[0] = 1;
	p.dim[1] = 0;
	p.type = 2;
	expect_bad(&p, "of another type than its DataType 2");
	p.element = EM_DM_I32;
	expect_bad(&p, "of another type than its DataType 2");
	p.type = 5;
	expect_bad(&p, "DataType 5 are not supported");
	p.type = 0;
	expect_bad(&p, "DataType 0 are not supported");
}

/* What cannot be read does not keep its neighbour from being read. */
static void one_bad_image_of_two(void **state)
{
	const struct picture both[] = {{.type = 4, .element = EM_DM_U8, .dim = {1}, .values = "a", .bytes = 1},
	                               {.type = 6, .element = EM_DM_U8, .dim = {1}, .values = "a", .bytes = 1}};
	struct opened o = open_dm(styles[0], both, 2);
	struct em_meta meta;
	struct em_error err = {0};
	struct em_array a = {0};

	(void)state;
	assert_int_equal(o.frames, 2);
	assert_int_equal(em_codec_of_extension("dm3")->read(o.state, 0, &a, &meta, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	expect_meta(&o, 1, "{\"title\":\"a title\"}");
	expect_place(&o, 1, "1/2 0/1");
	close_dm(&o);
}

static void only_a_thumbnail(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++) {
		struct em_text file = make_dm(styles[s], NULL, 0);

		expect_refused(file.s, file.len, "no image in the file beside its thumbnail");
		em_text_release(&file);
	}
}

/* The depth is the file's to choose, but not beyond reason; and it takes no stack of ours. */
static void depth_bombs(void **state)
{
	(void)state;
	for (size_t s = 0; s < COUNT(styles); s++)
		for (int depth = 46; depth <= 200; depth += 154) {
			struct group g = {.style = styles[s]};
			struct em_text file;

			for (int i = 0; i < depth; i++) {
				struct group outer = {.style = styles[s]};

				put_group(&outer, "", &g);
				g = outer;
			}
			file = finish_file(&g);
			expect_refused(file.s, file.len, depth > 48 ? "nested too deep" : "no image in the file");
			em_text_release(&file);
		}
}

/* One value in a file of its own. */
static void expect_bad_value(const uint64_t *info, size_t k, size_t bytes, const char *part)
{
	static const unsigned char values[64];

	for (size_t s = 0; s < COUNT(styles); s++) {
		struct group root = {.style = styles[s]};
		struct em_text file;

		put_data(&root, "value", info, k, values, bytes, 1);
		file = finish_file(&root);
		expect_refused(file.s, file.len, part);
		em_text_release(&file);
	}
}

static void values_that_lie(void **state)
{
	(void)state;
	expect_bad_value((const uint64_t[]){1}, 1, 8, "a type of value that is not known");
	expect_bad_value((const uint64_t[]){13}, 1, 8, "a type of value that is not known");
	expect_bad_value((const uint64_t[]){EM_DM_U8}, 0, 8, "a type of value that is not known");
	expect_bad_value((const uint64_t[]){20, 20, 5, 1}, 4, 8, "a type of value that is not known");
	expect_bad_value((const uint64_t[]){15, 0, 2, 0, 5}, 5, 8, "a type of value that is not known");
	expect_bad_value((const uint64_t[]){15, 0, 0}, 3, 8, "a type of value that is not known");
	expect_bad_value((const uint64_t[]){15, 0, 1, 0, 15}, 5, 8, "a type of value that is not known");
	expect_bad_value((const uint64_t[]){20, 7, 0xfffffff0}, 3, 8, "the file is cut, or a length in it is wrong");
	expect_bad_value((const uint64_t[]){20, 7, 0x20000000fffffff0}, 3, 8,
	                 "the file is cut, or a length in it is wrong");
	expect_bad_value((const uint64_t[]){18, 0xfffffff0}, 2, 8, "in or after the tag 'value'");
	/* Known, but no image. */
	expect_bad_value((const uint64_t[]){18, 5}, 2, 5, "no image in the file");
	expect_bad_value((const uint64_t[]){15, 0, 2, 0, 5, 0, 6}, 7, 8, "no image in the file");
	expect_bad_value((const uint64_t[]){20, 15, 0, 2, 0, 5, 0, 6, 3}, 9, 24, "no image in the file");
}

/* Version 4 says each length twice. */
static void lengths_that_differ(void **state)
{
	const struct picture p = {.type = 6, .element = EM_DM_U8, .dim = {1, 1}, .values = "a", .bytes = 1};
	struct em_text file = make_dm(styles[2], &p, 1);
	size_t at = 26 + 3 + strlen("ImageList") + 7;

	(void)state;
	file.s[at]--;
	expect_refused(file.s, file.len, "a group has another length than it says");
	file.s[at - 7] = 1;
	expect_refused(file.s, file.len, "a group has another length than it says");
	file.s[at - 7] = (char)0xff;
	expect_refused(file.s, file.len, "a length in it is wrong");
	em_text_release(&file);
}

static void more_entries_than_bytes(void **state)
{
	const struct picture p = {.type = 6, .element = EM_DM_U8, .dim = {1, 1}, .values = "a", .bytes = 1};
	struct em_text file = make_dm(styles[0], &p, 1);

	(void)state;
	file.s[15] = '\x7f';
	expect_refused(file.s, file.len, "more entries than there are bytes");
	em_text_release(&file);
}

static void other_files_are_not_ours(void **state)
{
	static const unsigned char mangled[32] = {0x0a, 0x0a, 0x0a, 0x0a}, pointer[32] = "version https://git-lfs";

	(void)state;
	assert_null(em_codec_detect(mangled, sizeof(mangled)));
	assert_null(em_codec_detect(pointer, sizeof(pointer)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_files),
		cmocka_unit_test(images_that_lie),
		cmocka_unit_test(one_bad_image_of_two),
		cmocka_unit_test(only_a_thumbnail),
		cmocka_unit_test(depth_bombs),
		cmocka_unit_test(values_that_lie),
		cmocka_unit_test(lengths_that_differ),
		cmocka_unit_test(more_entries_than_bytes),
		cmocka_unit_test(other_files_are_not_ours),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
