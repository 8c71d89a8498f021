/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inputs in two steps: what take leaves to load. */
#include "cli/cli.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct em_tool tool = {.name = "emtest"};
static char folder[] = "emtest.XXXXXX";
static char good[64], bad[64];

/* A picture of an odd type, so that it has to be decoded, and one that is cut. */
static int make_files(void **state)
{
	struct em_array a, gray;
	struct em_text npy = {0};
	int fd;

	(void)state;
	if (!mkdtemp(folder) || em_array_alloc_image(&a, EM_I8, 5, 7, NULL) || em_npy_encode(&a, &npy, NULL))
		return -1;
	snprintf(good, sizeof(good), "%s/good.npy", folder);
	snprintf(bad, sizeof(bad), "%s/bad.png", folder);
	fd = open(good, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, npy.s, npy.len) != (ssize_t)npy.len || close(fd))
		return -1;
	em_text_clear(&npy);
	if (em_array_scale_to_u8(&gray, &a, 0, 1, NULL) || em_codec_of_extension("png")->encode(&gray, &npy, NULL))
		return -1;
	fd = open(bad, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, npy.s, 40) != 40 || close(fd))
		return -1;
	em_text_release(&npy);
	em_array_release(&gray);
	em_array_release(&a);
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	return unlink(good) || unlink(bad) || rmdir(folder);
}

static void a_picture_is_decoded_by_load(void **state)
{
	char *files[] = {good, bad};
	struct em_cli cli = {.tool = &tool, .files = files, .nfiles = 2};
	struct em_source *source = em_source_open(&cli);
	struct em_arrival a = {0}, b = {0};
	struct em_error err = {0};

	(void)state;
	assert_int_equal(em_source_take(source, &a, &err), 1);
	assert_int_equal(em_source_take(source, &b, &err), 1);
	assert_int_equal(em_source_take(source, &(struct em_arrival){0}, &err), 0);
	em_source_close(source); /* what was taken stands by itself */
	assert_null(a.sample.key);
	assert_int_equal(em_source_load(&cli, &a, &err), 0);
	assert_string_equal(a.sample.key, "good");
	assert_true(em_sample_has_image(&a.sample));
	assert_int_equal(em_source_load(&cli, &b, &err), -1);
	assert_non_null(strstr(err.text, "bad.png: PNG: "));
	em_arrival_release(&a);
	em_arrival_release(&b);
}

static void what_cannot_be_decoded_is_marked(void **state)
{
	char *files[] = {bad};
	struct em_cli cli = {.tool = &tool, .files = files, .nfiles = 1, .keep_going = true};
	struct em_source *source = em_source_open(&cli);
	struct em_arrival a = {0};

	(void)state;
	assert_int_equal(em_source_take(source, &a, NULL), 1);
	assert_int_equal(em_source_load(&cli, &a, &(struct em_error){0}), 0);
	assert_string_equal(a.sample.key, "bad");
	assert_true(em_sample_has_error(&a.sample));
	assert_int_equal(cli.failed, 1);
	em_arrival_release(&a);
	em_source_close(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_picture_is_decoded_by_load),
		cmocka_unit_test(what_cannot_be_decoded_is_marked),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
