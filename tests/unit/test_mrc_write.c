/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MRC files that we write: what is in them, and that we read it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec_help.h"

#include <math.h>
#include <unistd.h>

#include "bytes_help.h"

/* The file of these frames, mapped; the caller unmaps it. */
static struct em_blob write_mrc(const struct em_array *a, size_t count)
{
	const struct em_codec_writer *w = em_codec_to_write("mrc")->writer;
	char path[] = P_tmpdir "/test_mrc_XXXXXX";
	struct em_error err = {0};
	struct em_blob blob;
	struct em_meta meta;
	void *state;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	em_meta_init(&meta);
	assert_int_equal(w->begin(path, &a[0], &meta, &state, &err), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(w->add(state, &a[i], &meta, &err), 0);
	assert_int_equal(w->finish(state, &err), 0);
	assert_int_equal(em_blob_map(path, &blob, &err), 0);
	unlink(path);
	return blob;
}

static uint32_t word(const struct em_blob *b, size_t at)
{
	return b->data[at] | (uint32_t)b->data[at + 1] << 8 | (uint32_t)b->data[at + 2] << 16 |
	       (uint32_t)b->data[at + 3] << 24;
}

static double number(const struct em_blob *b, size_t at)
{
	uint32_t bits = word(b, at);
	float f;

	memcpy(&f, &bits, sizeof(f));
	return (double)f;
}

static void expect_near(double found, double want)
{
	if (!(fabs(found - want) <= 1e-6 * (1 + fabs(want))))
		fail_msg("%.9g, not %.9g", found, want);
}

static void each_type_comes_back(void **state)
{
	static const struct {
		enum em_dtype dtype;
		unsigned mode;
		size_t item;
	} cases[] = {{EM_I8, 0, 1}, {EM_I16, 1, 2}, {EM_F32, 2, 4}, {EM_C64, 4, 8}, {EM_U16, 6, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct em_array a[3];
		struct em_blob blob;

		for (unsigned k = 0; k < 3; k++)
			a[k] = picture(cases[i].dtype, 3, 5, k);
		blob = write_mrc(a, 3);
		assert_int_equal(blob.size, 1024 + 45 * cases[i].item);
		assert_int_equal(word(&blob, 12), cases[i].mode);
		assert_memory_equal(blob.data + 208, "MAP DD", 6);
		expect_frames(blob.data, blob.size, a, 3);
		em_blob_unmap(&blob);
		for (unsigned k = 0; k < 3; k++)
			em_array_release(&a[k]);
	}
}

/* Mode 0 would be read as signed by most. */
static void unsigned_bytes_become_u16(void **state)
{
	struct em_array a = picture(EM_U8, 4, 4, 7), want = picture(EM_U16, 4, 4, 0);
	struct em_blob blob = write_mrc(&a, 1);

	(void)state;
	for (size_t i = 0; i < 16; i++)
		((uint16_t *)want.data)[i] = ((uint8_t *)a.data)[i];
	assert_int_equal(word(&blob, 12), 6);
	expect_frames(blob.data, blob.size, &want, 1);
	em_blob_unmap(&blob);
	em_array_release(&want);
	em_array_release(&a);
}

/* IMOD reads mode 0 as unsigned unless its own stamp says otherwise. */
static void signed_bytes_are_stamped(void **state)
{
	struct em_array a = picture(EM_I8, 2, 2, 7);
	struct em_blob blob = write_mrc(&a, 1);

	(void)state;
	assert_int_equal(word(&blob, 152), 1146047817);
	assert_int_equal(word(&blob, 156), 1);
	em_blob_unmap(&blob);
	em_array_release(&a);
}

static void the_header(void **state)
{
	struct em_array a[2] = {picture(EM_F32, 2, 2, 0), picture(EM_F32, 2, 2, 0)};
	struct em_record meta;
	struct em_array back;
	struct em_blob blob;
	struct em_text file = {0};

	(void)state;
	memcpy(a[0].data, (const float[]){1000, 1002, 1004, NAN}, 16);
	memcpy(a[1].data, (const float[]){1006, 1008, INFINITY, 1010}, 16);
	for (int i = 0; i < 2; i++) {
		em_axis_set(&a[i].axis[0], "y", 0.3, 5, "nm");
		em_axis_set(&a[i].axis[1], "x", 20, 0, "pm");
	}
	blob = write_mrc(a, 2);
	assert_int_equal(word(&blob, 0), 2);
	assert_int_equal(word(&blob, 8), 2);
	assert_int_equal(word(&blob, 36), 1);
	assert_int_equal(word(&blob, 88), 0);
	assert_int_equal(word(&blob, 92), 0);
	assert_int_equal(word(&blob, 108), 20140);
	expect_near(number(&blob, 40), 0.4);
	expect_near(number(&blob, 44), 6);
	expect_near(number(&blob, 76), 1000);
	expect_near(number(&blob, 80), 1010);
	expect_near(number(&blob, 84), 1005);
	expect_near(number(&blob, 216), sqrt(35. / 3)); /* of 0, 2, .. 10 */
	assert_int_equal(word(&blob, 220), 1);
	assert_memory_equal(blob.data + 224, "emfilters ", 10);
	assert_int_equal(blob.data[303], ' ');
	em_text_append_bytes(&file, blob.data, blob.size);
	frame_read(&file, 1, &back, &meta);
	check_axis(&back.axis[0], "y", 0.3, 0, "nm");
	check_axis(&back.axis[1], "x", 0.02, 0, "nm");
	em_record_release(&meta);
	em_array_release(&back);
	em_text_release(&file);
	em_blob_unmap(&blob);
	em_array_release(&a[0]);
	em_array_release(&a[1]);
}

/* No calibration, or one that is no length, leaves the cell 0; no finite value leaves the statistics unknown. */
static void what_is_not_known(void **state)
{
	struct em_array a = picture(EM_F32, 1, 1, 0);
	struct em_blob blob;

	(void)state;
	*(float *)a.data = NAN;
	for (int i = 0; i < 2; i++) {
		blob = write_mrc(&a, 1);
		for (size_t at = 40; at < 52; at += 4)
			assert_int_equal(word(&blob, at), 0);
		assert_true(number(&blob, 80) < number(&blob, 76) && number(&blob, 84) < number(&blob, 80));
		assert_true(number(&blob, 216) < 0);
		em_blob_unmap(&blob);
		em_axis_set(&a.axis[0], "y", 0.3, 0, "1/nm");
		em_axis_set(&a.axis[1], "x", 0.3, 0, "1/nm");
	}
	em_array_release(&a);
}

static void expect_no(enum em_dtype dtype, int ndim, const char *part)
{
	const struct em_codec_writer *w = em_codec_to_write("mrc")->writer;
	struct em_error err = {0};
	struct em_array a;
	struct em_meta meta;
	void *state = NULL;

	em_meta_init(&meta);
	assert_int_equal(em_array_alloc(&a, dtype, ndim, (const size_t[]){2, 2, 2}, NULL), 0);
	assert_int_equal(w->begin("/nonexistent/file", &a, &meta, &state, &err), -1);
	assert_null(state);
	if (!strstr(err.text, part))
		fail_msg("%s", err.text);
	em_array_release(&a);
}

static void what_it_cannot_hold(void **state)
{
	(void)state;
	expect_no(EM_I32, 2, "MRC: has no mode for int32");
	expect_no(EM_F64, 2, "write npy");
	expect_no(EM_U8, 1, "not arrays of 1 dimensions");
	expect_no(EM_F32, 3, "not arrays of 3 dimensions");
	expect_no(EM_F32, 2, "cannot write '/nonexistent/file'");
}

static void an_abandoned_file_leaves_nothing_open(void **state)
{
	const struct em_codec_writer *w = em_codec_to_write("mrcs")->writer;
	struct em_array a = picture(EM_U16, 2, 2, 0);
	char path[] = P_tmpdir "/test_mrc_XXXXXX";
	struct em_meta meta;
	void *codec;
	int fd = mkstemp(path);

	(void)state;
	em_meta_init(&meta);
	assert_int_equal(w->begin(path, &a, &meta, &codec, NULL), 0);
	assert_int_equal(w->add(codec, &a, &meta, NULL), 0);
	w->abandon(codec);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	unlink(path);
	em_array_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_comes_back),
		cmocka_unit_test(unsigned_bytes_become_u16),
		cmocka_unit_test(signed_bytes_are_stamped),
		cmocka_unit_test(the_header),
		cmocka_unit_test(what_is_not_known),
		cmocka_unit_test(what_it_cannot_hold),
		cmocka_unit_test(an_abandoned_file_leaves_nothing_open),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
