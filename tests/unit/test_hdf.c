/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HDF5 below the formats: types, chunks, places, and structures that lie. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include "bytes_help.h"

#include "hdf_help.h"

/* /Experiments/s/data with this data set. */
static void finish_hspy(struct em_text *file, uint64_t data)
{
	struct em_text root = {0};

	put_link(&root, "Experiments", put_parent(file, "s", put_parent(file, "data", data)));
	finish_file(file, &root);
}

static struct em_text make_hspy(struct em_text *type, int ndim, const size_t *shape, const void *bytes, size_t n)
{
	struct em_text file = begin_file(), messages = begin_dataset(type, ndim, shape);

	finish_hspy(&file, put_dataset(&file, &messages, bytes, n));
	return file;
}

static void types_of_both_orders(void **state)
{
	static const struct {
		enum em_dtype dtype;
		struct kind kind;
		bool pair;
	} cases[] = {
		{EM_U8, {0, false, false, 1}, false},  {EM_I8, {0, true, false, 1}, false},
		{EM_U16, {0, false, false, 2}, false}, {EM_I16, {0, true, false, 2}, false},
		{EM_U32, {0, false, false, 4}, false}, {EM_I32, {0, true, false, 4}, false},
		{EM_U64, {0, false, false, 8}, false}, {EM_I64, {0, true, false, 8}, false},
		{EM_F32, {1, true, false, 4}, false},  {EM_F64, {1, true, false, 8}, false},
		{EM_C64, {1, true, false, 4}, true},   {EM_C128, {1, true, false, 8}, true},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct kind kind = cases[i / 2].kind;
		struct em_array want = picture(cases[i / 2].dtype, 3, 5, 7);
		struct em_text type, bytes = {0}, file;

		kind.big = i % 2;
		type = cases[i / 2].pair ? make_pair(kind) : make_type(kind);
		put_numbers(&bytes, want.data, em_array_bytes(&want) / kind.size, kind.size, kind.big);
		file = make_hspy(&type, 2, want.shape, bytes.s, bytes.len);
		expect_frames(file.s, file.len, &want, 1);
		em_text_release(&bytes);
		em_text_release(&file);
		em_array_release(&want);
	}
}

static void half_floats(void **state)
{
	static const unsigned char halves[] = {0x00, 0x3c, 0x00, 0xc0, 0xff, 0x7b, 0x01, 0x00};
	static const float numbers[] = {1, -2, 65504, 0x1p-24f};
	struct em_text type = make_type((struct kind){1, true, false, 2});
	struct em_text file = make_hspy(&type, 2, (size_t[]){2, 2}, halves, sizeof(halves));
	struct em_array want;

	(void)state;
	assert_int_equal(em_array_alloc_image(&want, EM_F32, 2, 2, NULL), 0);
	memcpy(want.data, numbers, sizeof(numbers));
	expect_frames(file.s, file.len, &want, 1);
	em_array_release(&want);
	em_text_release(&file);
}

static void a_stack_gives_its_planes(void **state)
{
	struct em_text type = make_type((struct kind){0, false, false, 2}), file;
	struct em_array all, want[3];

	(void)state;
	assert_int_equal(em_array_alloc(&all, EM_U16, 3, (size_t[]){3, 4, 5}, NULL), 0);
	fill(&all, 3);
	file = make_hspy(&type, 3, all.shape, all.data, em_array_bytes(&all));
	for (size_t i = 0; i < 3; i++) {
		want[i] = picture(EM_U16, 4, 5, 1);
		memcpy(want[i].data, (unsigned char *)all.data + i * 40, 40);
	}
	expect_frames(file.s, file.len, want, 3);
	for (size_t i = 0; i < 3; i++)
		em_array_release(&want[i]);
	em_array_release(&all);
	em_text_release(&file);
}

/* ---- chunks ---- */

/* Two chunks of 2 x 2 bytes of a picture 3 x 3, the others were never written: fill value 9. */
static struct em_text make_chunked(uint64_t *tree)
{
	static const size_t shape[] = {3, 3};
	static const unsigned places[2][2] = {{0, 2}, {2, 0}};
	struct em_text type = make_type((struct kind){0, false, false, 1}), file = begin_file();
	struct em_text messages = begin_dataset(&type, 2, shape), layout = {0}, value = {0};
	uint64_t chunks = file.len;

	em_text_append_bytes(&file, "\1\2\3\4\5\6\7\10", 8);
	*tree = file.len;
	em_text_append_bytes(&file, "TREE\1\0\2\0", 8);
	put(&file, UNDEFINED, 8, false);
	put(&file, UNDEFINED, 8, false);
	for (unsigned i = 0; i < 3; i++) {
		put(&file, 4, 8, false);
		put(&file, i < 2 ? places[i][0] : 4, 8, false);
		put(&file, i < 2 ? places[i][1] : 0, 8, false);
		put(&file, 0, 8, false);
		if (i < 2)
			put(&file, chunks + 4 * i, 8, false);
	}
	em_text_append_bytes(&layout, "\3\2\3", 3);
	put(&layout, *tree, 8, false);
	for (int i = 0; i < 3; i++)
		put(&layout, i < 2 ? 2 : 1, 4, false);
	put_message(&messages, 8, &layout);
	em_text_append_bytes(&value, "\3\x20\1\0\0\0\11", 7);
	put_message(&messages, 5, &value);
	finish_hspy(&file, put_object(&file, &messages));
	return file;
}

static void chunks_that_are_missing_are_filled(void **state)
{
	static const unsigned char numbers[] = {9, 9, 1, 9, 9, 3, 5, 6, 9};
	struct em_array want = picture(EM_U8, 3, 3, 1);
	uint64_t tree;
	struct em_text file = make_chunked(&tree);

	(void)state;
	memcpy(want.data, numbers, 9);
	expect_frames(file.s, file.len, &want, 1);
	em_array_release(&want);
	em_text_release(&file);
}

static void a_tree_that_is_its_own_child_is_refused(void **state)
{
	uint64_t tree;
	struct em_text file = make_chunked(&tree);

	(void)state;
	file.s[tree + 5] = 1; /* not a leaf; both children are the tree */
	store((unsigned char *)file.s + tree + 24 + 32, tree, 8, false);
	store((unsigned char *)file.s + tree + 24 + 72, tree, 8, false);
	expect_refused(file.s, file.len, "the index of a data set's chunks");
	em_text_release(&file);
}

static void a_chunk_outside_the_file_is_refused(void **state)
{
	uint64_t tree;
	struct em_text file = make_chunked(&tree);

	(void)state;
	store((unsigned char *)file.s + tree + 24 + 32, file.len - 1, 8, false);
	expect_refused(file.s, file.len, "a chunk that is not all there");
	em_text_release(&file);
}

/* ---- structures that lie ---- */

static void cut_anywhere(void **state)
{
	struct em_array a = picture(EM_U16, 3, 4, 5);
	struct em_text type = make_type((struct kind){0, false, false, 2});
	struct em_text file = make_hspy(&type, 2, a.shape, a.data, em_array_bytes(&a));
	uint64_t tree;
	struct em_text chunked = make_chunked(&tree);

	(void)state;
	assert_int_equal(cut_everywhere(file.s, file.len), file.len);
	assert_int_equal(cut_everywhere(chunked.s, chunked.len), chunked.len);
	em_array_release(&a);
	em_text_release(&file);
	em_text_release(&chunked);
}

static void any_byte_changed(void **state)
{
	uint64_t tree;
	struct em_text file = make_chunked(&tree);

	(void)state;
	flip_everywhere(file.s, file.len);
	em_text_release(&file);
}

static void a_signature_behind_something_else(void **state)
{
	struct em_array a = picture(EM_U8, 3, 4, 5);
	struct em_text type = make_type((struct kind){0, false, false, 1}), moved = {0};
	struct em_text file = make_hspy(&type, 2, a.shape, a.data, em_array_bytes(&a));

	(void)state;
	for (int i = 0; i < 512; i++)
		em_text_append_bytes(&moved, "#", 1);
	em_text_append_bytes(&moved, file.s, file.len);
	expect_frames(moved.s, moved.len, &a, 1);
	em_array_release(&a);
	em_text_release(&moved);
	em_text_release(&file);
}

/* The root has itself as a member, under a name that is looked for. */
static void a_group_within_itself(void **state)
{
	struct em_text file = begin_file(), root = {0};

	(void)state;
	put_link(&root, "Experiments", file.len);
	finish_file(&file, &root);
	expect_refused(file.s, file.len, "neither EMD (Velox, Berkeley) nor HyperSpy: 0 data sets");
	em_text_release(&file);
}

static void other_files_are_named(void **state)
{
	struct em_text type = make_type((struct kind){0, false, false, 1}), file = begin_file(), root = {0};
	struct em_text messages = begin_dataset(&type, 1, (size_t[]){3});

	(void)state;
	put_link(&root, "table", put_parent(&file, "values", put_dataset(&file, &messages, "abc", 3)));
	finish_file(&file, &root);
	expect_refused(file.s, file.len, "1 data sets: /table/values");
	em_text_release(&file);
}

static void text_is_no_picture(void **state)
{
	struct em_text file = begin_file();

	(void)state;
	finish_hspy(&file, put_text_dataset(&file, "abc"));
	expect_refused(file.s, file.len, "/Experiments/s/data: HDF5: the elements are neither numbers");
	em_text_release(&file);
}

/* A header that claims more than its file could hold: nothing is allocated. */
static void a_claim_is_checked(void **state)
{
	struct em_text file = begin_file(), type = make_type((struct kind){1, true, false, 8});
	struct em_text messages = begin_dataset(&type, 2, (size_t[]){1u << 30, 1u << 28}), layout = {0};

	(void)state;
	em_text_append_bytes(&layout, "\3\1", 2);
	put(&layout, UNDEFINED, 8, false);
	put(&layout, 0, 8, false);
	put_message(&messages, 8, &layout);
	finish_hspy(&file, put_object(&file, &messages));
	expect_refused(file.s, file.len, "cannot hold");
	em_text_release(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_of_both_orders),
		cmocka_unit_test(half_floats),
		cmocka_unit_test(a_stack_gives_its_planes),
		cmocka_unit_test(chunks_that_are_missing_are_filled),
		cmocka_unit_test(a_tree_that_is_its_own_child_is_refused),
		cmocka_unit_test(a_chunk_outside_the_file_is_refused),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(any_byte_changed),
		cmocka_unit_test(a_signature_behind_something_else),
		cmocka_unit_test(a_group_within_itself),
		cmocka_unit_test(other_files_are_named),
		cmocka_unit_test(text_is_no_picture),
		cmocka_unit_test(a_claim_is_checked),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hdf", tests, NULL, NULL);
}
