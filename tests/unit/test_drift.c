/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The drift of generated movies. */
#include "crystal/drift.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drift_help.h"
#include "spectrum_help.h"

/* cmocka's own casts the arguments to float without parentheses. */
static void assert_near(double got, double want, double within)
{
	if (!(fabs(got - want) <= within))
		fail_msg("%.9g, expected %.9g within %g", got, want, within);
}

/* ---- following them ---- */

struct follower {
	struct em_spectrum_plan *plan;
	struct em_drift *drift;
	double at[2], quality;
	bool wanted[16]; /* columns of spectra */
};

static struct follower new_follower(size_t height, size_t width)
{
	struct follower f = {.plan = em_spectrum_plan_new(height, width, NULL)};

	f.drift = em_drift_new(height, width, NULL);
	assert_true(f.plan && f.drift && em_spectrum_pieces(width) <= sizeof(f.wanted));
	em_drift_want(f.drift, f.wanted);
	return f;
}

static void drop_follower(struct follower *f)
{
	em_spectrum_plan_free(f->plan);
	em_drift_free(f->drift);
}

static void feed(struct follower *f, struct em_array *frame)
{
	struct em_spectrum s = spectrum_part(f->plan, frame, f->wanted);

	assert_int_equal(em_drift_next(f->drift, &s, f->at, &f->quality, NULL), 0);
	em_spectrum_release(&s);
	em_array_release(frame);
}

/* The next frame of a movie: the drift is its own within a bound, and the frame is found. */
static void feed_movie(struct follower *f, struct movie *m, double within)
{
	struct em_array frame;

	expose(m, &frame);
	feed(f, &frame);
	assert_near(f->at[0], m->drift[0], within);
	assert_near(f->at[1], m->drift[1], within);
	assert_true(f->quality > 0 && f->quality <= 1);
}

static void check_movie(struct scene scene, double within)
{
	struct movie *m = open_movie(scene);
	struct follower f = new_follower(scene.height, scene.width);

	while (m->frame < scene.frames)
		feed_movie(&f, m, within);
	drop_follower(&f);
	close_movie(m);
}

/* ---- tests ---- */

/* Counts no chance has: the same specimen, fractions of pixels away. */
static void test_clean(void **state)
{
	struct scene s = usual;

	(void)state;
	check_movie(s, 0.05);
	s.distance = 3;
	s.frames = 8;
	s.rough = 0;
	check_movie(s, 0.01);
}

/* The window lies on the frame: uncorrected, its pull takes 0.0004 of the way here. */
static void test_window(void **state)
{
	struct scene s = usual;

	(void)state;
	s.film = s.substrate = 0;
	s.finest = 0.3;
	check_movie(s, 0.005);
}

static void test_many_electrons(void **state)
{
	struct scene s = usual;

	(void)state;
	s.dose = 1000;
	check_movie(s, 0.05);
	s.slope = 0.3;
	s.seed = 2;
	check_movie(s, 0.05);
}

static void test_few_electrons(void **state)
{
	struct scene s = usual;

	(void)state;
	s.dose = 50;
	check_movie(s, 0.3);
	s.dose = 10;
	check_movie(s, 0.3);
}

/* Odd sides, unequal ones, small ones. */
static void test_sizes(void **state)
{
	static const size_t sizes[3][2] = {{203, 255}, {127, 301}, {384, 130}};
	struct scene s = usual;

	(void)state;
	s.dose = 1000;
	for (size_t i = 0; i < 3; i++) {
		s.height = sizes[i][0];
		s.width = sizes[i][1];
		check_movie(s, 0.1);
	}
	s.height = 64;
	s.width = 97;
	s.distance = 8;
	check_movie(s, 0.1);
	s.amorphous = 0;
	check_movie(s, 0.1);
}

/* Nothing but a lattice of 6 px, seven of its vectors passed in small steps: each frame takes the nearest place. */
static void test_lattice_alone(void **state)
{
	struct scene s = usual;

	(void)state;
	s.film = s.amorphous = 0;
	s.distance = 40;
	s.rough = 0.3;
	s.frames = 60;
	s.dose = 1000;
	check_movie(s, 0.2);
	for (s.seed = 1; s.seed <= 2; s.seed++) {
		s.dose = 50;
		check_movie(s, 0.3);
	}
}

/* Spots without any noise: what the window spreads around them is all that there is elsewhere. */
static void test_spots_alone(void **state)
{
	struct scene s = usual;

	(void)state;
	s.amorphous = 0;
	check_movie(s, 0.05);
}

/* Fringes do not show where they have gone along themselves: there the drift stays.  (With 50 electrons a pixel they
 * are lost at once: one spot is too little.) */
static void test_fringes(void **state)
{
	struct scene s = usual;
	struct movie *m;
	struct follower f = new_follower(s.height, s.width);

	(void)state;
	s.film = s.substrate = s.amorphous = 0;
	s.fringes = 0.2;
	s.dose = 1000;
	m = open_movie(s);
	while (m->frame < s.frames) {
		struct em_array frame;

		expose(m, &frame);
		feed(&f, &frame);
		assert_near(f.at[0], 0, 3);
		assert_near(f.at[1], m->drift[1], 0.3);
	}
	drop_follower(&f);
	close_movie(m);
}

/* 5 px at once are nearer to a wrong place of the lattice than to the last drift: a weak amorphous part decides. */
static void test_jump(void **state)
{
	struct scene s = usual;

	(void)state;
	s.film = 0;
	s.amorphous = 0.02;
	s.jump = 15;
	s.dose = 1000;
	check_movie(s, 0.05);
	s.dose = 50;
	check_movie(s, 0.3);
}

/* Errors do not add up. */
static void test_long(void **state)
{
	struct scene s = usual;

	(void)state;
	s.frames = 200;
	s.height = 160;
	s.width = 192;
	s.distance = 30;
	s.dose = 1000;
	check_movie(s, 0.15);
	s.dose = 50;
	check_movie(s, 0.3);
}

/* A film that turns amorphous, and one whose contrast reverses, beside a substrate that stays. */
static void test_change(void **state)
{
	struct scene s = usual;

	(void)state;
	s.dose = 1000;
	s.film_end = 0;
	check_movie(s, 0.05);
	s.film_end = -1;
	check_movie(s, 0.05);
	s.dose = 50;
	check_movie(s, 0.3);
}

/* Gains of the pixels that differ by 1 % stay on the frame and say that nothing moves: by less than 1 % of the way. */
static void test_fixed_pattern(void **state)
{
	struct scene s = usual;

	(void)state;
	s.fixed = 0.01;
	s.dose = 50;
	check_movie(s, 0.2);
	s.dose = 1000;
	check_movie(s, 0.2);
}

/* A specimen that stays where it is. */
static void test_still(void **state)
{
	struct scene s = usual;

	(void)state;
	s.distance = s.rough = 0;
	s.dose = 50;
	check_movie(s, 0.1);
}

enum blank { ZEROS, SATURATED, NOISE, OVERFLOWS, BLANKS };

static void feed_blank(struct follower *f, const struct scene *s, enum blank kind, struct em_random *random)
{
	struct em_array frame;

	assert_int_equal(em_array_alloc_image(&frame, EM_F32, s->height, s->width, NULL), 0);
	for (size_t i = 0; i < s->height * s->width; i++)
		((float *)frame.data)[i] = kind == ZEROS       ? 0
		                           : kind == SATURATED ? 65535
		                           : kind == OVERFLOWS ? (float)em_random_below(random, 2) * 3e38F
		                                               : (float)em_random_poisson(random, 50);
	feed(f, &frame);
	assert_near(f->quality, 0, 0);
}

/* Frames that show nothing, before the first and among the others, more of them than would begin anew. */
static void test_blank(void **state)
{
	struct scene s = usual;
	struct movie *m;
	struct follower f = new_follower(s.height, s.width);
	struct em_random random;

	(void)state;
	s.dose = 1000;
	m = open_movie(s);
	em_random_seed(&random, 7, 7);
	for (int kind = 0; kind < BLANKS; kind++)
		feed_blank(&f, &s, (enum blank)kind, &random);
	assert_near(f.at[0], 0, 0);
	assert_near(f.at[1], 0, 0);
	while (m->frame < s.frames) {
		double before[2];

		feed_movie(&f, m, 0.05);
		memcpy(before, f.at, sizeof(before));
		for (int i = 0; i < 4 * BLANKS && m->frame % 8 == 0; i++)
			feed_blank(&f, &s, (enum blank)(i % BLANKS), &random);
		assert_memory_equal(before, f.at, sizeof(before));
	}
	drop_follower(&f);
	close_movie(m);
}

/* Another place of the specimen: unknown for half a memory, then followed from the drift that was kept. */
static void test_anew(void **state)
{
	struct scene s = usual, other = usual;
	struct movie *m, *n;
	struct follower f = new_follower(s.height, s.width);
	struct em_array frame;
	double kept[2], begun[2];

	(void)state;
	s.dose = other.dose = 1000;
	s.film = s.substrate = other.film = other.substrate = 0;
	other.seed = 99;
	m = open_movie(s);
	n = open_movie(other);
	for (int i = 0; i < 10; i++)
		feed_movie(&f, m, 0.05);
	memcpy(kept, f.at, sizeof(kept));
	for (int i = 0; i < EM_DRIFT_MEMORY / 2; i++) {
		expose(n, &frame);
		feed(&f, &frame);
		assert_near(f.quality, 0, 0);
		assert_memory_equal(kept, f.at, sizeof(kept));
	}
	memcpy(begun, n->drift, sizeof(begun));
	for (int i = 0; i < 10; i++) {
		expose(n, &frame);
		feed(&f, &frame);
		assert_true(f.quality > 0);
		for (int a = 0; a < 2; a++)
			assert_near(f.at[a] - kept[a], n->drift[a] - begun[a], 0.05);
	}
	drop_follower(&f);
	close_movie(m);
	close_movie(n);
}

/* The least frames there are: whatever comes is a number. */
static void test_least(void **state)
{
	struct scene s = usual;
	struct movie *m;
	struct follower f = new_follower(16, 17);
	struct em_array frame;

	(void)state;
	s.height = 16;
	s.width = 17;
	m = open_movie(s);
	for (int i = 0; i < 20; i++) {
		expose(m, &frame);
		feed(&f, &frame);
		assert_true(fabs(f.at[0]) < 100 && fabs(f.at[1]) < 100 && f.quality >= 0 && f.quality <= 1);
	}
	drop_follower(&f);
	close_movie(m);
}

static void test_refused(void **state)
{
	struct em_drift *d = em_drift_new(64, 48, NULL);
	struct em_spectrum s = {.height = 48, .width = 64, .columns = 33};
	struct em_error err = {0};
	double drift[2] = {1, 2}, quality = 3;

	(void)state;
	assert_non_null(d);
	assert_int_equal(em_drift_next(d, &s, drift, &quality, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_near(drift[0] + drift[1] + quality, 6, 0);
	em_drift_free(d);
	assert_null(em_drift_new(15, 64, &err));
	assert_int_equal(err.kind, EM_ERROR_DATA);
	assert_null(em_drift_new(64, 15, &err));
	assert_null(em_drift_new(SIZE_MAX / 2, 64, &err));
	assert_null(em_drift_new(64, (size_t)1 << 40, &err));
	assert_int_equal(err.kind, EM_ERROR_DATA);
	em_drift_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean),         cmocka_unit_test(test_window),  cmocka_unit_test(test_many_electrons),
	    cmocka_unit_test(test_few_electrons), cmocka_unit_test(test_sizes),   cmocka_unit_test(test_lattice_alone),
	    cmocka_unit_test(test_spots_alone),   cmocka_unit_test(test_fringes), cmocka_unit_test(test_jump),
	    cmocka_unit_test(test_long),          cmocka_unit_test(test_change),  cmocka_unit_test(test_fixed_pattern),
	    cmocka_unit_test(test_still),         cmocka_unit_test(test_blank),   cmocka_unit_test(test_anew),
	    cmocka_unit_test(test_least),         cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
