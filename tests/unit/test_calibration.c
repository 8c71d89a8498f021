/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calibrations that are written down: what is read, what is refused, and what becomes of a picture by them. */
#include "scope/calibration.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH "calibration.json"

static struct em_calibration c;

static int read_text(const char *text, struct em_error *err)
{
	FILE *f = fopen(PATH, "w");

	fputs(text, f);
	fclose(f);
	return em_calibration_read(&c, PATH, err);
}

static struct em_acquired unknown(void)
{
	return (struct em_acquired){.scale = {NAN, NAN}, .to_stage = {{NAN, NAN}, {NAN, NAN}}};
}

/* The TEM emulator's: 20 um across 516 pixels at 5000, turned by 10 degrees. */
static void a_matrix_is_a_scale_and_a_turn(void **state)
{
	double px = 20000.0 / 516 * 1e-3, turn = 10 * 3.14159265358979323846 / 180;
	struct em_acquired a = unknown();
	char text[400];

	(void)state;
	c.count = 0;
	snprintf(text, sizeof(text),
	         "{\"camera\":[{\"mag\":5000,\"width\":516,\"um_per_px\":[[%.12g,%.12g],[%.12g,%.12g]]},"
	         "{\"mag\":10000,\"width\":516,\"nm_per_px\":19.4}],\"other\":[]}",
	         px * cos(turn), -px * sin(turn), px * sin(turn), px * cos(turn));
	assert_int_equal(read_text(text, NULL), 0);
	assert_true(em_calibration_apply(&c, "camera", 5000, 516, &a));
	assert_true(fabs(a.scale[0] / (px * 1e-6) - 1) < 1e-9 && fabs(a.scale[1] / (px * 1e-6) - 1) < 1e-9);
	assert_true(fabs(a.to_stage[1][0] - px * 1e-6 * sin(turn)) < 1e-16);
	/* of four pixels in one: twice as much each way */
	a = unknown();
	assert_true(em_calibration_apply(&c, "camera", 5010, 258, &a));
	assert_true(fabs(a.scale[1] / (2 * px * 1e-6) - 1) < 1e-9);
	assert_true(fabs(a.to_stage[0][0] - 2 * px * 1e-6 * cos(turn)) < 1e-15);
	a = unknown();
	assert_true(em_calibration_apply(&c, "camera", 10000, 516, &a));
	assert_true(fabs(a.scale[1] - 19.4e-9) < 1e-18 && isnan(a.to_stage[0][0]));
	/* what the wire tells stays */
	a = unknown();
	a.scale[0] = a.scale[1] = 1e-9;
	assert_true(em_calibration_apply(&c, "camera", 5000, 516, &a));
	assert_true(a.scale[0] == 1e-9 && isfinite(a.to_stage[0][0]));
}

static void what_is_not_known_stays_unknown(void **state)
{
	struct em_acquired a = unknown();

	(void)state;
	assert_false(em_calibration_apply(&c, "camera", 5100, 516, &a));
	assert_false(em_calibration_apply(&c, "CCD", 5000, 516, &a));
	assert_false(em_calibration_apply(&c, "camera", NAN, 516, &a));
	assert_false(em_calibration_apply(&c, "camera", 5000, 0, &a));
	assert_false(em_calibration_apply(NULL, "camera", 5000, 516, &a));
	assert_true(isnan(a.scale[0]) && isnan(a.to_stage[0][0]));
}

static void a_later_one_counts(void **state)
{
	struct em_acquired a = unknown();

	(void)state;
	assert_int_equal(read_text("{\"camera\":[{\"mag\":5000,\"width\":516,\"nm_per_px\":40}]}", NULL), 0);
	assert_true(em_calibration_apply(&c, "camera", 5000, 516, &a));
	assert_true(fabs(a.scale[1] - 40e-9) < 1e-18);
}

static void a_slip_of_the_pen_is_an_error(void **state)
{
	static const char *const bad[] = {
	    "",
	    "[]",
	    "{\"c\":5}",
	    "{\"c\":[5]}",
	    "{\"c\":[{}]}",
	    "{\"c\":[{\"mag\":5000,\"width\":516}]}",
	    "{\"c\":[{\"mag\":5000,\"nm_per_px\":1}]}",
	    "{\"c\":[{\"mag\":0,\"width\":516,\"nm_per_px\":1}]}",
	    "{\"c\":[{\"mag\":5000,\"width\":516,\"nm_per_px\":-1}]}",
	    "{\"c\":[{\"mag\":5000,\"width\":1e9,\"nm_per_px\":1}]}",
	    "{\"c\":[{\"mag\":5000,\"width\":516,\"nm_per_pixel\":1}]}",
	    "{\"c\":[{\"mag\":5000,\"width\":516,\"um_per_px\":[[1,0]]}]}",
	    "{\"c\":[{\"mag\":5000,\"width\":516,\"um_per_px\":[[1,0],[1]]}]}",
	    "{\"c\":[{\"mag\":5000,\"width\":516,\"um_per_px\":[[1,0],[1,0]]}]}",
	    "{\"a name of a detector that is longer than 31\":[{\"mag\":5000,\"width\":516,\"nm_per_px\":1}]}",
	};
	size_t before = c.count;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_error err = {0};

		if (!read_text(bad[i], &err))
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_int_equal(c.count, before);
	}
	assert_int_equal(em_calibration_read(&c, "nowhere.json", NULL), -1);
}

static char folder[] = "em-calibration-XXXXXX";

static int in_a_folder(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	if (chdir(base && *base ? base : P_tmpdir))
		return -1;
	return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int leave(void **state)
{
	(void)state;
	unlink(PATH);
	return chdir("..") ? -1 : rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_matrix_is_a_scale_and_a_turn),
	    cmocka_unit_test(what_is_not_known_stays_unknown),
	    cmocka_unit_test(a_later_one_counts),
	    cmocka_unit_test(a_slip_of_the_pen_is_an_error),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, in_a_folder, leave);
}
