/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames of a movie that show nothing, or cannot be read, and movies of nothing else. */
#include "film_help.h"

static struct em_array constant(const struct scene *s, enum em_dtype type, double value)
{
	struct em_array a;

	assert_int_equal(em_array_alloc_image(&a, type, s->height, s->width, NULL), 0);
	for (size_t i = 0; i < s->height * s->width; i++)
		if (type == EM_U16)
			((uint16_t *)a.data)[i] = (uint16_t)value;
		else
			((float *)a.data)[i] = (float)value;
	return a;
}

static void assert_note(struct cinema *k, size_t i, const char *word)
{
	struct em_json *tree = crystal(k, i, NULL);
	const char *note = em_json_string(em_json_get(tree, "note"));

	assert_true(note && strstr(note, word));
	assert_non_null(em_json_get(tree, "phases"));
	assert_int_equal(em_json_size(em_json_get(tree, "phases")), 0);
	assert_near(number(tree, "frame"), (double)i, 0);
	em_json_free(tree);
}

/* Blank frames before, among and after the reference: null with a word, and the others are as without them. */
static void test_blank(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_array zero = constant(&s, EM_F32, 0), full = constant(&s, EM_U16, 65535),
	                flat = constant(&s, EM_F32, 0.1);

	(void)state;
	for (size_t i = 0; i < s.height * s.width / 3; i++) /* two thirds remain saturated */
		((uint16_t *)full.data)[i] = (uint16_t)(1000 + i % 7);
	open_cinema(&k, 2);
	k.opt.still = false;
	assert_int_equal(take_array(&k, &zero), 0);
	assert_int_equal(take(&k, &s), 0);
	assert_int_equal(take_array(&k, &full), 0);
	assert_false(atomic_load(&k.m.settled)); /* one of two */
	s.seed = 2;
	assert_int_equal(take(&k, &s), 0);
	assert_true(atomic_load(&k.m.settled) && k.m.plan);
	assert_int_equal(take_array(&k, &flat), 0);
	s.seed = 3;
	assert_int_equal(take(&k, &s), 0);
	assert_note(&k, 0, "constant");
	assert_note(&k, 2, "saturated");
	assert_note(&k, 4, "constant");
	assert_near(number_of(&k, 2, "saturated"), 2.0 / 3, 0.01);
	assert_near(number_of(&k, 5, "phases.lattice1.fraction"), 1, 0.01);
	close_cinema(&k);
}

/* A movie of nothing else. */
static void test_all_blank(void **state)
{
	struct scene s = square();
	struct cinema k;

	(void)state;
	open_cinema(&k, 2);
	for (int i = 0; i < 4; i++) {
		struct em_array a = constant(&s, EM_F32, 7);

		assert_int_equal(take_array(&k, &a), 0);
		assert_null(k.frame[i].spectrum.value); /* it may take long until something shows */
	}
	assert_false(atomic_load(&k.m.settled));
	assert_int_equal(settle(&k), 0);
	assert_null(k.m.plan);
	assert_note(&k, 3, "constant");
	close_cinema(&k);
}

/* A movie without a lattice. */
static void test_no_spots(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_sample sample = {0};

	(void)state;
	s.contrast = 0;
	open_cinema(&k, 2);
	for (int i = 0; i < 3; i++) {
		s.seed = 10 + (uint64_t)i;
		assert_int_equal(take(&k, &s), 0);
	}
	assert_null(k.m.plan);
	assert_note(&k, 0, "no Bragg spots");
	assert_note(&k, 2, "no Bragg spots");
	assert_int_equal(em_sample_set_key(&sample, "a", NULL), 0);
	assert_int_equal(em_movie_describe(&k.m, &k.frame[2], NAN, NAN, &sample, NULL), 0);
	assert_string_equal(em_record_get(&sample.record, "bragg"), "null");
	em_sample_release(&sample);
	close_cinema(&k);
}

/* Pixels that are no numbers count as the mean: a few do no harm, all of them are an error. */
static void test_nan(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_array a;

	(void)state;
	open_cinema(&k, 1);
	assert_int_equal(take(&k, &s), 0);
	a = draw(&s);
	for (size_t i = 0; i < s.height * s.width; i += 97)
		((float *)a.data)[i] = i % 2 ? NAN : INFINITY;
	assert_int_equal(take_array(&k, &a), 0);
	assert_near(number_of(&k, 1, "phases.lattice1.fraction"), 1 - 1.0 / 97, 0.006);
	a = constant(&s, EM_F32, (double)NAN);
	assert_int_equal(take_array(&k, &a), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	/* greater than can be squared */
	a = draw(&s);
	for (size_t i = 0; i < s.height * s.width; i++)
		((float *)a.data)[i] *= 1e36F;
	assert_int_equal(take_array(&k, &a), 0);
	em_json_free(crystal(&k, 2, NULL));
	close_cinema(&k);
}

static void test_other_size(void **state)
{
	struct scene s = square();
	struct cinema k;
	struct em_array a;
	size_t shape[3] = {2, 160, 180};

	(void)state;
	open_cinema(&k, 1);
	assert_int_equal(take(&k, &s), 0);
	s.width = 181;
	assert_int_equal(take(&k, &s), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	assert_non_null(strstr(k.err.text, "181"));
	assert_int_equal(em_array_alloc(&a, EM_F32, 3, shape, NULL), 0);
	assert_int_equal(take_array(&k, &a), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	close_cinema(&k);
	open_cinema(&k, 1);
	assert_int_equal(em_array_alloc(&a, EM_F32, 3, shape, NULL), 0);
	assert_int_equal(take_array(&k, &a), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	k.m = (struct em_movie){0};
	assert_int_equal(em_array_alloc_image(&a, EM_F32, 15, 180, NULL), 0);
	assert_int_equal(take_array(&k, &a), -1);
	assert_int_equal(k.err.kind, EM_ERROR_DATA);
	close_cinema(&k);
}

/* More reference frames asked for than there are. */
static void test_short(void **state)
{
	struct scene s = square();
	struct cinema k;

	(void)state;
	open_cinema(&k, 100);
	for (int i = 0; i < 3; i++) {
		s.seed = 20 + (uint64_t)i;
		assert_int_equal(take(&k, &s), 0);
	}
	assert_false(atomic_load(&k.m.settled));
	assert_int_equal(settle(&k), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_near(number_of(&k, i, "phases.lattice1.fraction"), 1, 0.01);
		assert_near(number_of(&k, i, "phases.lattice1.relative"), 1, 0.01);
	}
	close_cinema(&k);
}

/* A frame that could not be read is a frame: those after it keep their numbers, and so their times. */
static void test_passed(void **state)
{
	struct scene s = square();
	struct cinema k;

	(void)state;
	open_cinema(&k, 2);
	assert_int_equal(take(&k, &s), 0);
	em_movie_pass(&k.m);
	s.seed = 2;
	assert_int_equal(take(&k, &s), 0);
	em_movie_pass(&k.m);
	em_movie_pass(&k.m);
	assert_int_equal(take(&k, &s), 0);
	assert_near(number_of(&k, 0, "frame"), 0, 0);
	assert_near(number_of(&k, 1, "frame"), 2, 0);
	assert_near(number_of(&k, 2, "frame"), 5, 0);
	close_cinema(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_blank),  cmocka_unit_test(test_all_blank),  cmocka_unit_test(test_no_spots),
	    cmocka_unit_test(test_nan),    cmocka_unit_test(test_other_size), cmocka_unit_test(test_short),
	    cmocka_unit_test(test_passed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
