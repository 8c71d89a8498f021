/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HDF5 files that were made to hurt: what they claim is small in the file and large to read. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include "bytes_help.h"

#include "hdf_help.h"

#include "io/hdf_cache.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- chunks ---- */

/* n x n bytes in one shuffled chunk, of which `stored` bytes are at an address. */
static uint64_t put_shuffled(struct em_text *file, size_t n, uint64_t at, size_t stored)
{
	struct em_text type = make_type((struct kind){0, false, false, 1}), filters = {0}, layout = {0};
	struct em_text messages = begin_dataset(&type, 2, (size_t[]){n, n});

	em_text_append_bytes(&filters, "\2\1\2\0\0\0\0\0", 8);
	put_message(&messages, 11, &filters);
	em_text_append_bytes(&layout, "\4\2\2\3\10", 5);
	put(&layout, n, 8, false);
	put(&layout, n, 8, false);
	put(&layout, 1, 8, false);
	put(&layout, 1, 1, false);
	put(&layout, stored, 8, false);
	put(&layout, 0, 4, false);
	put(&layout, at, 8, false);
	put_message(&messages, 8, &layout);
	return put_object(file, &messages);
}

static uint64_t put_array_group(struct em_text *file, uint64_t data)
{
	struct em_text group = {0};

	put_number_attribute(&group, "emd_group_type", 1);
	put_link(&group, "data", data);
	return put_object(file, &group);
}

/* What was unpacked for the small one is not the large one's. */
static void two_data_sets_at_one_address(void **state)
{
	struct em_text file = begin_file(), root = {0};
	uint64_t at = file.len;

	(void)state;
	em_text_append_bytes(&file, "\1\2\3\4", 4);
	put_link(&root, "a", put_array_group(&file, put_shuffled(&file, 2, at, 4)));
	put_link(&root, "b", put_array_group(&file, put_shuffled(&file, 64, at, 4)));
	finish_file(&file, &root);
	expect_refused(file.s, file.len, "a chunk has 4 bytes, not 4096");
	em_text_release(&file);
}

static size_t unpacked;

static unsigned char *unpack_one(const struct em_hdf_dataset *d, const struct em_hdf_chunk *c, struct em_error *err)
{
	unsigned char *byte = malloc(1);

	(void)d;
	(void)err;
	assert_non_null(byte);
	*byte = (unsigned char)c->address;
	unpacked++;
	return byte;
}

static void take(struct em_hdf_cache *cache, uint64_t object, uint64_t address, size_t bytes, size_t want)
{
	const struct em_hdf_dataset d = {.object = object, .chunk_bytes = bytes};
	const struct em_hdf_chunk c = {.address = address, .bytes = 7};
	const unsigned char *byte = em_hdf_cache_take(cache, &d, &c, unpack_one, NULL);

	assert_int_equal(*byte, (unsigned char)address);
	assert_int_equal(unpacked, want);
	em_hdf_cache_give_back(cache, byte);
}

static void one_chunk_is_kept_whatever_its_size(void **state)
{
	struct em_hdf_cache *cache = em_hdf_cache_new(NULL);

	(void)state;
	unpacked = 0;
	take(cache, 1, 1, SIZE_MAX / 8, 1);
	take(cache, 1, 1, SIZE_MAX / 8, 1);
	take(cache, 1, 2, SIZE_MAX / 8, 2);
	take(cache, 1, 1, SIZE_MAX / 8, 3);
	take(cache, 2, 1, 1, 4);
	take(cache, 2, 2, 1, 5);
	take(cache, 2, 1, 1, 5);
	for (uint64_t i = 0; i < 1000; i++)
		take(cache, 3, i, 1, 6 + (size_t)i);
	take(cache, 3, 999, 1, 1005);
	take(cache, 2, 1, 1, 1006);
	take(NULL, 3, 999, 1, 1007);
	em_hdf_cache_free(cache);
}

static unsigned char *refuse_to_unpack(const struct em_hdf_dataset *d, const struct em_hdf_chunk *c,
                                       struct em_error *err)
{
	(void)d;
	(void)c;
	em_error_set(err, EM_ERROR_DATA, "no");
	return NULL;
}

static void a_refused_chunk_is_not_kept(void **state)
{
	const struct em_hdf_dataset d = {.object = 1, .chunk_bytes = 1};
	const struct em_hdf_chunk c = {.address = 1, .bytes = 7};
	struct em_hdf_cache *cache = em_hdf_cache_new(NULL);

	(void)state;
	unpacked = 0;
	for (int i = 0; i < 300; i++)
		assert_null(em_hdf_cache_take(cache, &d, &c, refuse_to_unpack, NULL));
	take(cache, 1, 1, 1, 1);
	em_hdf_cache_free(cache);
}

static void *take_often(void *cache)
{
	const struct em_hdf_dataset d = {.object = 1, .chunk_bytes = (size_t)1 << 30};
	const struct em_hdf_chunk c = {.address = 1, .bytes = 7};

	for (int i = 0; i < 1000; i++)
		em_hdf_cache_give_back(cache, em_hdf_cache_take(cache, &d, &c, unpack_one, NULL));
	return NULL;
}

static void threads_share_a_chunk(void **state)
{
	struct em_hdf_cache *cache = em_hdf_cache_new(NULL);
	pthread_t thread[4];

	(void)state;
	unpacked = 0;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, take_often, cache), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(unpacked, 1);
	em_hdf_cache_free(cache);
}

/* ---- the superblock ---- */

/* Version 1 needs four bytes more than version 0 before the address of the file's end. */
static void superblocks_that_end_early(void **state)
{
	(void)state;
	for (size_t n = 9; n < 100; n++) {
		unsigned char *bytes = calloc(1, n);

		assert_non_null(bytes);
		memcpy(bytes, "\x89HDF\r\n\x1a\n\1", 9);
		if (n > 14)
			bytes[13] = bytes[14] = 8;
		assert_int_equal(em_codec_decode((struct em_blob){bytes, n}, &(struct em_array){0}, NULL), -1);
		free(bytes);
	}
}

/* ---- claims ---- */

/* A million million pictures of which none was ever written. */
static void frames_without_end(void **state)
{
	struct em_text file = begin_file(), root = {0}, type = make_type((struct kind){0, false, false, 1});
	struct em_text messages = begin_dataset(&type, 3, (size_t[]){(size_t)1 << 40, 2, 2}), layout = {0};

	(void)state;
	em_text_append_bytes(&layout, "\3\1", 2);
	put(&layout, UNDEFINED, 8, false);
	put(&layout, 0, 8, false);
	put_message(&messages, 8, &layout);
	put_link(&root, "a", put_array_group(&file, put_object(&file, &messages)));
	finish_file(&file, &root);
	expect_refused(file.s, file.len, "the data sets claim 4398046511104 bytes");
	em_text_release(&file);
}

static void put_velox(struct em_text *file, struct em_text *images, struct em_text *root)
{
	put_link(root, "Version", put_text_dataset(file, "{\"format\":\"Velox\"}"));
	put_link(root, "Data", put_parent(file, "Image", put_object(file, images)));
}

/* A group of the old kind: a B-tree of one symbol node of one member, its name in a local heap. */
static void put_old_group(struct em_text *file, const char *name, uint64_t member, struct em_text *messages)
{
	uint64_t at = file->len, heap = at + 40, symbols = heap + 32;
	struct em_text body = {0};

	em_text_append_bytes(file, "TREE\0\0\1\0", 8);
	for (size_t i = 0; i < 4; i++)
		put(file, i < 2 ? UNDEFINED : i == 2 ? 0 : symbols, 8, false);
	em_text_append_bytes(file, "HEAP\0\0\0\0", 8);
	put(file, strlen(name) + 1, 8, false);
	put(file, UNDEFINED, 8, false);
	put(file, symbols + 48, 8, false);
	em_text_append_bytes(file, "SNOD\1\0\1\0", 8);
	put(file, 0, 8, false);
	put(file, member, 8, false);
	for (int i = 0; i < 3; i++)
		put(file, 0, 8, false);
	em_text_append_bytes(file, name, strlen(name) + 1);
	put(&body, at, 8, false);
	put(&body, heap, 8, false);
	put_message(messages, 17, &body);
}

static void names_have_an_end(void **state)
{
	static char name[4097];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	for (size_t i = 0; i < 2; i++) {
		struct em_text file = begin_file(), root = {0};

		name[4096 - i] = '\0';
		put_old_group(&file, name, put_text_dataset(&file, "abc"), &root);
		finish_file(&file, &root);
		expect_refused(file.s, file.len, i ? "neither EMD (Velox, Berkeley) nor HyperSpy: 1 data sets: /aaa"
		                                   : "the name of a member");
		em_text_release(&file);
	}
}

/* ---- metadata ---- */

static void expect_too_much(struct em_text *file, struct em_text *root)
{
	finish_file(file, root);
	expect_refused(file->s, file->len, "more metadata than a file of measurements has");
	em_text_release(file);
}

static void attributes_of_a_node_are_read_once(void **state)
{
	struct em_text file = begin_file(), group = {0}, root = {0};
	struct em_hdf_tree tree = {0};
	double v = 0;
	size_t steps;

	(void)state;
	for (int i = 0; i < 100; i++)
		put_number_attribute(&group, i == 50 ? "b" : "a", i);
	put_link(&root, "g", put_parent(&file, "h", put_object(&file, &group)));
	finish_file(&file, &root);
	assert_int_equal(em_hdf_tree_read(&tree, (struct em_blob){(const unsigned char *)file.s, file.len}, NULL), 0);
	assert_true(em_hdf_attribute_number(&tree, &tree.node[2], "a", &v) && v <= 0);
	steps = tree.steps;
	assert_int_equal(steps, 101);
	assert_true(em_hdf_attribute_number(&tree, &tree.node[2], "b", &v) && v >= 50 && v <= 50);
	assert_false(em_hdf_attribute_number(&tree, &tree.node[2], "c", &v));
	assert_false(em_hdf_attribute_number(&tree, NULL, "a", &v));
	assert_int_equal(tree.steps, steps);
	assert_false(em_hdf_attribute_number(&tree, &tree.node[1], "a", &v));
	assert_true(tree.steps > steps && !em_hdf_tree_is_exhausted(&tree));
	em_hdf_tree_release(&tree);
	em_text_release(&file);
}

/* A heap of one direct block of 1024 bytes, in which one attribute, "q", lies at 64; its address. */
static uint64_t put_heap(struct em_text *file, size_t *n)
{
	static const char attribute[] = "\1\0\2\0\10\0\10\0q\0\0\0\0\0\0\0\20\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\7";
	unsigned char head[158] = "FRHP", block[1024] = "FHDB";
	uint64_t at = file->len;

	*n = sizeof(attribute) - 1;
	memcpy(block + 64, attribute, *n);
	em_text_append_bytes(file, block, sizeof(block));
	store(head + 5, 8, 2, false); /* of an ID */
	store(head + 10, 1024, 4, false);
	store(head + 110, 4, 2, false);
	store(head + 112, 1024, 8, false);
	store(head + 120, 1024, 8, false);
	store(head + 128, 16, 2, false);
	store(head + 132, at, 8, false);
	em_text_append_bytes(file, head, sizeof(head));
	return at + sizeof(block);
}

/* A B-tree whose children are all the same leaf of 2000 records, all of the same attribute. */
static uint64_t put_tree(struct em_text *file, size_t children, size_t n)
{
	uint64_t leaf = file->len, root, at;

	em_text_append_bytes(file, "BTLF\0\10", 6);
	for (size_t i = 0; i < 2000; i++)
		put(file, 64 << 8 | (uint64_t)n << 24, 8, false);
	root = file->len;
	em_text_append_bytes(file, "BTIN\0\10", 6);
	for (size_t i = 1; i < children; i++)
		put(file, 64 << 8 | (uint64_t)n << 24, 8, false);
	for (size_t i = 0; i < children; i++) {
		put(file, leaf, 8, false);
		put(file, 2000, 2, false);
	}
	at = file->len;
	em_text_append_bytes(file, "BTHD\0\10", 6);
	put(file, 10 + 8 * 2000, 4, false);
	put(file, 8, 2, false);
	put(file, 1, 4, false);
	put(file, root, 8, false);
	put(file, children - 1, 2, false);
	put(file, 0, 8, false);
	put(file, 0, 4, false);
	return at;
}

static void attributes_have_an_end(void **state)
{
	static const size_t children[] = {2, 32, 33};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct em_text file = begin_file(), body = {0}, root = {0};
		struct em_hdf_attributes list = {0};
		struct em_hdf_tree tree = {0};
		size_t steps = 0, n;

		put(&body, 0, 2, false);
		put(&body, put_heap(&file, &n), 8, false);
		put(&body, put_tree(&file, children[i], n), 8, false);
		put_message(&root, 21, &body);
		finish_file(&file, &root);
		assert_int_equal(em_hdf_tree_read(&tree, (struct em_blob){(unsigned char *)file.s, file.len}, NULL), 0);
		assert_int_equal(em_hdf_attributes_read(&tree.file, tree.node->address, &list, &steps, NULL),
		                 i < 2 ? 0 : -1);
		/* The records of the root count too. */
		assert_int_equal(list.count, i < 2 ? 2001 * children[i] - 1 : 0);
		em_hdf_attributes_release(&list);
		em_hdf_tree_release(&tree);
		em_text_release(&file);
	}
}

/* A long text that many groups share. */
static void texts_without_end(void **state)
{
	static char text[60001];
	struct em_text file = begin_file(), group = {0}, root = {0};
	uint64_t at;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	put_text_attribute(&group, "emd_group_type", text);
	put_group_mark(&group);
	at = put_object(&file, &group);
	for (int i = 0; i < 1200; i++)
		put_link(&root, "g", at);
	expect_too_much(&file, &root);
}

/* JSON that many pictures of Velox share. */
static void json_without_end(void **state)
{
	static char json[1 << 20];
	struct em_text file = begin_file(), group = {0}, images = {0}, root = {0};
	struct em_text type = make_type((struct kind){0, false, false, 1});
	struct em_text messages = begin_dataset(&type, 2, (size_t[]){1, 1});
	uint64_t at;

	(void)state;
	memset(json, ' ', sizeof(json) - 1);
	json[0] = '{';
	json[sizeof(json) - 2] = '}';
	put_link(&group, "Data", put_dataset(&file, &messages, "a", 1));
	put_link(&group, "Metadata", put_column(&file, json));
	at = put_object(&file, &group);
	for (int i = 0; i < 70; i++)
		put_link(&images, "i", at);
	put_velox(&file, &images, &root);
	expect_too_much(&file, &root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_data_sets_at_one_address),
		cmocka_unit_test(one_chunk_is_kept_whatever_its_size),
		cmocka_unit_test(a_refused_chunk_is_not_kept),
		cmocka_unit_test(threads_share_a_chunk),
		cmocka_unit_test(superblocks_that_end_early),
		cmocka_unit_test(frames_without_end),
		cmocka_unit_test(names_have_an_end),
		cmocka_unit_test(attributes_of_a_node_are_read_once),
		cmocka_unit_test(attributes_have_an_end),
		cmocka_unit_test(texts_without_end),
		cmocka_unit_test(json_without_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hdf_hostile", tests, NULL, NULL);
}
