/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crystal/area.h"

#include "io/stream.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEAR(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))

/* The weights of region k times a cell's area, px. */
static double total(const struct em_areas *set, size_t k, const struct em_area_grid *g, float *w)
{
	double sum = 0;

	assert_int_equal(em_area_weigh(set, k, g, w, NULL), 0);
	for (size_t i = 0; i < g->rows * g->cols; i++) {
		assert_true(w[i] >= 0 && w[i] <= 1);
		sum += (double)w[i];
	}
	return sum * (double)g->height / (double)g->rows * (double)g->width / (double)g->cols;
}

/* A stream of records, in a file that is read back. */
static int read_stream(struct em_areas *set, const char *const *record, size_t n, struct em_error *err)
{
	FILE *f = tmpfile();
	struct em_stream_writer *w;
	static char bytes[1 << 16];
	size_t size;

	assert_non_null(f);
	w = em_stream_writer_new(fileno(f), true, NULL);
	assert_non_null(w);
	for (size_t i = 0; i < n; i++) {
		struct em_sample s = {0};
		char key[64];

		assert_int_equal(em_record_parse(&s.record, record[i], strlen(record[i]), NULL), 0);
		snprintf(key, sizeof(key), "%s/c%zu", strstr(record[i], "other") ? "other" : "pic", i);
		assert_int_equal(em_sample_set_key(&s, key, NULL), 0);
		assert_int_equal(em_stream_write_sample(w, &s, NULL), 0);
		em_sample_release(&s);
	}
	assert_int_equal(em_stream_writer_close(w, NULL), 0);
	rewind(f);
	size = fread(bytes, 1, sizeof(bytes), f);
	assert_true(size < sizeof(bytes));
	fclose(f);
	return em_areas_parse(set, bytes, size, err);
}

#define CHIP(y, x, h, w, label)                                                                                        \
	"{\"chip\":{\"box\":[" #y "," #x "," #h "," #w "],\"image\":[30,40]},\"class\":{\"label\":\"" label "\"}}"

/* Two rows of boxes of 20, steps of 10: they meet half way; the last one is moved inwards, one is missing. */
static void test_class_map(void **state)
{
	static const char *const records[] = {
	    CHIP(0, 0, 20, 20, "film"), CHIP(0, 10, 20, 20, "film"), CHIP(0, 20, 20, 20, "gap"),
	    CHIP(10, 0, 20, 20, "gap"), CHIP(10, 10, 20, 20, "gap"), "{\"error\":{\"tool\":\"a\",\"text\":\"b\"}}",
	    "{\"note\":\"no class\"}"};
	const struct em_area_grid g = {30, 40, 30, 40, 0, 0};
	struct em_areas set = {0};
	struct em_error err = {0};
	float film[1200], gap[1200];

	(void)state;
	assert_int_equal(read_stream(&set, records, 7, NULL), 0);
	assert_int_equal(set.count, 2);
	assert_true(set.height == 30 && set.width == 40);
	assert_string_equal(set.area[0].name, "film");
	NEAR(total(&set, 0, &g, film), 15 * 25, 1e-4);
	/* (0, 20) and (10, 10) meet in a diagonal: 12.5 px of each are the other's. */
	NEAR(total(&set, 1, &g, gap), (15 * 20 - 12.5) + 15 * 15 + (15 * 15 - 12.5), 1e-4);
	for (size_t i = 0; i < 1200; i++) {
		size_t y = i / 40, x = i % 40;

		assert_true(film[i] + gap[i] < 1 + 1e-6F);
		NEAR(film[i], y < 15 && x < 25, 1e-6);
		if (x < 25)
			NEAR(gap[i], y >= 15, 1e-6);
	}
	assert_int_equal(em_area_weigh(&set, 0, &(struct em_area_grid){3, 4, 30, 41, 0, 0}, film, &err), -1);
	assert_string_equal(err.text, "the class map is of a picture of 40 x 30 px, the frames have 41 x 30");
	em_areas_release(&set);
}

static void test_class_map_refused(void **state)
{
	static const struct {
		const char *record[2], *text;
	} bad[] = {
	    {{"{\"a\":1}", "{\"class\":{}}"}, "no classified chips"},
	    {{CHIP(0, 0, 9, 9, "a"), CHIP(0, 0, 9, 9, "b")}, "two chips at one place"},
	    {{CHIP(0, 0, 9, 9, "a"), CHIP(0, 0, 9, 9, "other")}, "chips of two pictures"},
	    {{CHIP(0, 0, 9, 9, "a"), "{\"class\":{\"label\":\"a\"}}"}, "no \"chip\" with a box"},
	    {{CHIP(0, 0, 9, 9, "a"), CHIP(0, 0.5, 9, 9, "a")}, "no \"chip\" with a box"},
	    {{CHIP(0, 0, 9, 9, "a"), CHIP(0, 1e300, 9, 9, "a")}, "no \"chip\" with a box"},
	    {{CHIP(0, 0, 9, 9, "a"), CHIP(0, 9, 9, 0, "a")}, "no \"chip\" with a box"},
	    {{CHIP(0, 0, 9, 9, "a"), "{\"chip\":{\"box\":[9,9,9,9],\"image\":[31,40]},\"class\":{\"label\":\"a\"}}"},
	     "another size"},
	    {{CHIP(0, 0, 9, 9, "a"), CHIP(9, 0, 9, 9, "")}, "name of a region"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_areas set = {0};
		struct em_error err = {0};

		assert_int_equal(read_stream(&set, bad[i].record, 2, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_DATA);
		assert_non_null(strstr(err.text, bad[i].text));
		assert_int_equal(set.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_class_map),
	    cmocka_unit_test(test_class_map_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
