/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

/* Bytes in memory, handed out in pieces of `step`. */
struct bytes {
	unsigned char *data;
	size_t size, at, step;
};

static ptrdiff_t give_bytes(void *ctx, const void **out, struct em_error *err)
{
	struct bytes *b = ctx;
	size_t n = b->size - b->at < b->step ? b->size - b->at : b->step;

	(void)err;
	*out = b->data + b->at;
	b->at += n;
	return (ptrdiff_t)n;
}

/* Samples read until the end (0) or a fault (-1, *err). */
static int read_all(const unsigned char *data, size_t size, size_t step, int *samples, struct em_error *err)
{
	struct bytes b = {malloc(size + 1), size, 0, step};
	struct em_stream_reader *r;
	struct em_sample s;
	int got;

	assert_non_null(b.data);
	memcpy(b.data, data, size);
	r = em_stream_reader_new((struct em_byte_source){&b, give_bytes}, err);
	*samples = 0;
	got = -1;
	while (r && (got = em_stream_read_sample(r, &s, err)) == 1) {
		(*samples)++;
		em_sample_release(&s);
	}
	em_stream_reader_free(r);
	free(b.data);
	return got;
}

static unsigned char *slurp(FILE *f, size_t *size)
{
	unsigned char *data;
	long n;

	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	data = malloc((size_t)n + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, (size_t)n, f), n);
	*size = (size_t)n;
	return data;
}

static void fill_sample(struct em_sample *s, const char *key, size_t payload)
{
	unsigned char *data = malloc(payload + 1);

	assert_non_null(data);
	memset(data, 'p', payload);
	memset(s, 0, sizeof(*s));
	assert_int_equal(em_record_set(&s->record, "em", "1", NULL), 0);
	assert_int_equal(em_sample_set_key(s, key, NULL), 0);
	assert_int_equal(em_sample_set_member(s, "bin", data, payload, NULL), 0);
}

static unsigned char *write_samples(int n, size_t payload, bool whole, size_t *size)
{
	FILE *f = tmpfile();
	struct em_stream_writer *w;
	unsigned char *data;

	assert_non_null(f);
	w = em_stream_writer_new(fileno(f), false, NULL);
	assert_non_null(w);
	for (int i = 0; i < n; i++) {
		struct em_sample s;
		char key[32];

		snprintf(key, sizeof(key), "pic/k%d", i);
		fill_sample(&s, key, payload);
		assert_int_equal(em_stream_write_sample(w, &s, NULL), 0);
		em_sample_release(&s);
	}
	if (whole)
		assert_int_equal(em_stream_writer_close(w, NULL), 0);
	else
		em_stream_writer_abort(w);
	data = slurp(f, size);
	fclose(f);
	return data;
}

static void samples_go_there_and_back(void **state)
{
	size_t size;
	unsigned char *data = write_samples(3, 1000, true, &size);
	struct bytes b = {data, size, 0, 333};
	struct em_stream_reader *r = em_stream_reader_new((struct em_byte_source){&b, give_bytes}, NULL);
	struct em_sample s;
	char picture[16];

	(void)state;
	assert_int_equal(size % 512, 0);
	assert_int_equal(size, 3 * (512 + 1024 + 512 + 512) + 1024);
	assert_true(em_stream_probe(data, size));
	assert_int_equal(em_stream_read_sample(r, &s, NULL), 1);
	assert_string_equal(s.key, "pic/k0");
	assert_int_equal(s.count, 1);
	assert_string_equal(s.member[0].ext, "bin");
	assert_int_equal(s.member[0].size, 1000);
	assert_int_equal(s.member[0].data[999], 'p');
	assert_string_equal(em_record_get(&s.record, "key"), "\"pic/k0\"");
	em_sample_picture(&s, picture, sizeof(picture));
	assert_string_equal(picture, "pic");
	em_sample_release(&s);
	em_stream_reader_free(r);
	free(data);
}

/* Members of every size around the writer's buffer come out in order and whole. */
static void sizes_around_the_buffer_keep_their_order(void **state)
{
	(void)state;
	for (size_t payload = 65536 - 2048; payload <= 65536 + 1024; payload += 256) {
		size_t size;
		unsigned char *data = write_samples(4, payload, true, &size);
		struct bytes b = {data, size, 0, 100000};
		struct em_stream_reader *r = em_stream_reader_new((struct em_byte_source){&b, give_bytes}, NULL);
		struct em_sample s;

		for (int i = 0; i < 4; i++) {
			assert_int_equal(em_stream_read_sample(r, &s, NULL), 1);
			assert_int_equal(s.member[0].size, payload);
			em_sample_release(&s);
		}
		assert_int_equal(em_stream_read_sample(r, &s, NULL), 0);
		em_stream_reader_free(r);
		free(data);
	}
}

/* The mission of the end mark: no cut, wherever it falls, is taken for the end. */
static void every_cut_is_seen(void **state)
{
	size_t size;
	unsigned char *data = write_samples(3, 700, true, &size);
	int samples;

	(void)state;
	assert_int_equal(read_all(data, size, 4096, &samples, NULL), 0);
	assert_int_equal(samples, 3);
	for (size_t cut = 0; cut < size; cut += cut % 512 == 0 || cut % 512 == 511 ? 1 : 85) {
		struct em_error err = {0};

		if (cut == 0)
			continue; /* no bytes at all are em_input's business */
		assert_int_equal(read_all(data, cut, 1 + cut % 777, &samples, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
	}
	free(data);
}

static void a_writer_that_gives_up_leaves_no_end_mark(void **state)
{
	size_t size;
	unsigned char *data = write_samples(2, 100, false, &size);
	struct em_error err = {0};
	int samples;

	(void)state;
	assert_int_equal(read_all(data, size, 4096, &samples, &err), -1);
	assert_non_null(strstr(err.text, "end mark"));
	free(data);
}

static void archives_without_samples_and_joined_ones_are_streams(void **state)
{
	size_t n0, n1;
	unsigned char *empty = write_samples(0, 0, true, &n0), *one = write_samples(1, 5, true, &n1);
	unsigned char *joined = calloc(1, 2 * n0 + n1 + 10240);
	int samples;

	(void)state;
	assert_int_equal(n0, 1024);
	assert_true(em_stream_probe(empty, n0));
	assert_int_equal(read_all(empty, n0, 512, &samples, NULL), 0);
	assert_int_equal(samples, 0);
	memcpy(joined, empty, n0);
	memcpy(joined + n0, one, n1);
	memcpy(joined + n0 + n1, empty, n0);
	assert_int_equal(read_all(joined, 2 * n0 + n1, 700, &samples, NULL), 0);
	assert_int_equal(samples, 1);
	assert_int_equal(read_all(joined, 2 * n0 + n1 + 9216, 700, &samples, NULL), 0); /* tar's padding to 20 blocks */
	joined[2 * n0 + n1 + 100] = 'x';                                                /* rubbish after the end */
	assert_int_equal(read_all(joined, 2 * n0 + n1 + 512, 700, &samples, NULL), -1);
	free(empty);
	free(one);
	free(joined);
}

/* A foreign archive of (name, content) pairs; content NULL makes a folder, "@x" a symbolic link to x. */
static unsigned char *make_tar(const char *const *pairs, const char *filter, size_t *size)
{
	struct archive *a = archive_write_new();
	unsigned char *data = malloc(1 << 16);

	archive_write_set_format_pax(a);
	if (filter)
		archive_write_add_filter_by_name(a, filter);
	archive_write_open_memory(a, data, 1 << 16, size);
	for (; pairs[0]; pairs += 2) {
		struct archive_entry *e = archive_entry_new();
		size_t n = pairs[1] && pairs[1][0] != '@' ? strlen(pairs[1]) : 0;

		archive_entry_set_pathname(e, pairs[0]);
		archive_entry_set_filetype(e, !pairs[1] ? AE_IFDIR : pairs[1][0] == '@' ? AE_IFLNK : AE_IFREG);
		if (pairs[1] && pairs[1][0] == '@')
			archive_entry_set_symlink(e, pairs[1] + 1);
		archive_entry_set_perm(e, 0755);
		archive_entry_set_size(e, (la_int64_t)n);
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
		if (n)
			assert_int_equal(archive_write_data(a, pairs[1], n), n);
		archive_entry_free(e);
	}
	archive_write_close(a);
	archive_write_free(a);
	return data;
}

static int read_tar(const char *const *pairs, const char *filter, int *samples, struct em_error *err)
{
	size_t size;
	unsigned char *data = make_tar(pairs, filter, &size);
	int status = read_all(data, size, 600, samples, err);

	free(data);
	return status;
}

static void members_may_come_in_any_order_and_compressed(void **state)
{
	static const char *const tar[] = {"./",        NULL,        "./a/",   NULL,          "./a/x.json",
	                                  "{\"k\":1}", "./a/x.tif", "T",      "./a/x.y.npy", "N",
	                                  "b.tif",     "T",         "b.json", "{}",          NULL};
	static const char *const filters[] = {NULL, "gzip", "xz", "zstd"};
	int samples;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct em_error err = {0};
		int status = read_tar(tar, filters[i], &samples, &err);

		if (status)
			fail_msg("filter %d: %s", i, err.text);
		assert_int_equal(samples, 2);
	}
}

static void what_breaks_the_rules_is_refused(void **state)
{
	static const struct {
		const char *tar[12], *text;
	} bad[] = {
	    {{"a.tif", "1", "a.tif", "2", "a.json", "{}"}, "twice"},
	    {{"a.json", "{}", "a.json", "{}"}, "twice"},
	    {{"a.json", "{}", "b.json", "{}", "a.tif", "1"}, "comes twice"},
	    {{"a.tif", "1", "b.json", "{}"}, "no record"},
	    {{"a.tif", "1"}, "no record"},
	    {{"a.json", "{"}, "not JSON"},
	    {{"a.json", "[]"}, "not a JSON object"},
	    {{"a.json", "{\"em\":2}"}, "version 2"},
	    {{"a.json", "{\"em\":\"x\"}"}, "version"},
	    {{"a.json", "{\"x\":NaN}"}, "not JSON"},
	    {{"a.json", "{\"x\":\"\xff\"}"}, "UTF-8"},
	    {{"a", "1"}, "not named KEY.EXT"},
	    {{"a.", "1"}, "not named KEY.EXT"},
	    {{".json", "{}"}, "no name"},
	    {{"a/.json", "{}"}, "no name"},
	    {{"../a.json", "{}"}, "leads out"},
	    {{"x/../a.json", "{}"}, "leads out"},
	    {{"/a.json", "{}"}, "leads out"},
	    {{"a\nb.json", "{}"}, "control character"},
	    {{"a.json", "@elsewhere"}, "not a regular file"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct em_error err = {0};
		int samples;

		if (read_tar(bad[i].tar, NULL, &samples, &err) != -1 || !strstr(err.text, bad[i].text))
			fail_msg("case %zu, wanted '%s': '%s'", i, bad[i].text, err.text);
		assert_int_equal(err.kind, EM_ERROR_DATA);
	}
}

/* Bytes whose end is not the end: who asks for more would wait for the next sample. */
static ptrdiff_t give_or_wait(void *ctx, const void **out, struct em_error *err)
{
	struct bytes *b = ctx;

	if (b->at == b->size)
		return em_error_set(err, EM_ERROR_IO, "asked for more");
	return give_bytes(ctx, out, err);
}

static void a_live_sample_is_handed_on_at_once(void **state)
{
	size_t size;
	unsigned char *data = write_samples(2, 3000, false, &size);
	struct bytes b = {data, size, 0, 512};
	struct em_stream_reader *r = em_stream_reader_new((struct em_byte_source){&b, give_or_wait}, NULL);
	struct em_error err = {0};
	struct em_sample s;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(em_stream_read_sample(r, &s, &err), 1);
		em_sample_release(&s);
	}
	assert_int_equal(em_stream_read_sample(r, &s, &err), -1);
	assert_string_equal(err.text, "asked for more");
	em_stream_reader_free(r);
	free(data);
}

static void a_renamed_member_renames_its_record(void **state)
{
	static const char *const tar[] = {"new.json", "{\"em\":1,\"key\":\"old\"}", NULL};
	size_t size;
	unsigned char *data = make_tar(tar, NULL, &size);
	struct bytes b = {data, size, 0, 512};
	struct em_stream_reader *r = em_stream_reader_new((struct em_byte_source){&b, give_bytes}, NULL);
	struct em_sample s;

	(void)state;
	assert_int_equal(em_stream_read_sample(r, &s, NULL), 1);
	assert_string_equal(em_record_get(&s.record, "key"), "\"new\"");
	em_sample_release(&s);
	em_stream_reader_free(r);
	free(data);
}

/* Long and non-ASCII keys survive in the C locale that these tests run in. */
static void any_key_survives(void **state)
{
	char long_key[EM_KEY_MAX + 1];
	const char *keys[] = {"\xc3\xa9t\xc3\xa9/\xe2\x84\xab", long_key, "a b/c'd\"e"};

	(void)state;
	memset(long_key, 'k', EM_KEY_MAX);
	for (int i = 50; i < EM_KEY_MAX; i += 97)
		long_key[i] = '/';
	long_key[EM_KEY_MAX] = '\0';
	for (int i = 0; i < 3; i++) {
		FILE *f = tmpfile();
		struct em_stream_writer *w = em_stream_writer_new(fileno(f), true, NULL);
		struct em_stream_reader *r;
		struct em_sample s, back;
		struct bytes b = {.step = 1000};
		struct em_error err = {0};

		fill_sample(&s, keys[i], 10);
		assert_int_equal(em_stream_write_sample(w, &s, NULL), 0);
		assert_int_equal(em_stream_writer_close(w, NULL), 0);
		b.data = slurp(f, &b.size);
		fclose(f);
		r = em_stream_reader_new((struct em_byte_source){&b, give_bytes}, NULL);
		if (em_stream_read_sample(r, &back, &err) != 1)
			fail_msg("%s", err.text);
		assert_string_equal(back.key, keys[i]);
		assert_int_equal(em_stream_read_sample(r, &s, NULL), 0);
		em_sample_release(&s);
		em_sample_release(&back);
		em_stream_reader_free(r);
		free(b.data);
	}
}

static void images_and_arrays_go_there_and_back(void **state)
{
	struct em_sample s = {0};
	struct em_array a, b, view;
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_sample_set_key(&s, "k", NULL), 0);
	assert_int_equal(em_array_alloc_image(&a, EM_F32, 3, 5, NULL), 0);
	for (int i = 0; i < 15; i++)
		((float *)a.data)[i] = (float)i / 7;
	em_axis_set(&a.axis[1], "x", 2, 10, "nm");
	assert_false(em_sample_has_image(&s));
	assert_int_equal(em_sample_image(&s, &b, &err), -1);
	assert_int_equal(em_sample_set_image(&s, &a, NULL), 0);
	assert_int_equal(em_sample_image(&s, &b, NULL), 0);
	assert_memory_equal(a.data, b.data, 60);
	assert_string_equal(b.axis[1].units, "nm");
	em_array_release(&b);
	assert_int_equal(em_sample_image_view(&s, &view, &b, NULL), 0);
	assert_null(b.data); /* nothing was copied */
	assert_memory_equal(a.data, view.data, 60);
	assert_float_equal(view.axis[1].offset, 10, 0);
	assert_int_equal(em_array_copy(&b, &a, NULL), 0);
	assert_int_equal(em_sample_take_image(&s, &b, NULL), 0);
	assert_null(b.data);
	assert_int_equal(em_sample_image(&s, &b, NULL), 0);
	assert_memory_equal(a.data, b.data, 60);
	em_array_release(&b);
	assert_int_equal(em_sample_set_array(&s, "map", &a, NULL), 0);
	assert_non_null(em_sample_member(&s, "map.npy"));
	assert_int_equal(em_sample_array(&s, "map", &b, NULL), 0);
	assert_memory_equal(a.data, b.data, 60);
	em_array_release(&b);
	assert_int_equal(em_sample_array(&s, "none", &b, &err), -1);
	assert_false(em_sample_has_error(&s));
	assert_int_equal(em_sample_set_error(&s, "tool", "why \"so\"", NULL), 0);
	assert_true(em_sample_has_error(&s));
	assert_string_equal(em_record_get(&s.record, "error"), "{\"tool\":\"tool\",\"text\":\"why \\\"so\\\"\"}");
	em_array_release(&a);
	em_sample_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(samples_go_there_and_back),
	    cmocka_unit_test(sizes_around_the_buffer_keep_their_order),
	    cmocka_unit_test(every_cut_is_seen),
	    cmocka_unit_test(a_writer_that_gives_up_leaves_no_end_mark),
	    cmocka_unit_test(archives_without_samples_and_joined_ones_are_streams),
	    cmocka_unit_test(members_may_come_in_any_order_and_compressed),
	    cmocka_unit_test(what_breaks_the_rules_is_refused),
	    cmocka_unit_test(a_live_sample_is_handed_on_at_once),
	    cmocka_unit_test(a_renamed_member_renames_its_record),
	    cmocka_unit_test(any_key_survives),
	    cmocka_unit_test(images_and_arrays_go_there_and_back),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
