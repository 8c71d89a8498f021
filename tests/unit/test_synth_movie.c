/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Movies: histories, brightness, counts and disorder against closed forms. */
#include "movie_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t count(const struct cinema *k, unsigned char label, const size_t box[4])
{
	size_t n = 0;

	for (size_t y = box[0]; y < box[0] + box[2]; y++)
		for (size_t x = box[1]; x < box[1] + box[3]; x++)
			n += k->labels[y * SIDE + x] == label;
	return n;
}

static void measure(const struct cinema *k, const size_t box[4], double *mean, double *rms)
{
	double sum = 0, squares = 0, n = (double)(box[2] * box[3]);

	for (size_t y = box[0]; y < box[0] + box[2]; y++)
		for (size_t x = box[1]; x < box[1] + box[3]; x++) {
			sum += pixel(k, y, x);
			squares += pixel(k, y, x) * pixel(k, y, x);
		}
	*mean = sum / n;
	*rms = sqrt(squares / n - *mean * *mean);
}

/* ---- histories ---- */

static void test_history(void **state)
{
	const double plateau[][2] = {{0, 0},     {2.5, 0.025}, {5, 0.05},     {7, 0.1},  {9, 0.15},
	                             {14, 0.15}, {19, 0.15},   {29.5, 0.275}, {40, 0.4}, {90, 0.4}};
	struct em_synth_history h;

	(void)state;
	assert_int_equal(em_synth_history_set(&h, "plateau", 7, NULL), 0);
	for (size_t i = 0; i < sizeof(plateau) / sizeof(*plateau); i++)
		assert_near(em_synth_history_at(&h, plateau[i][0]), plateau[i][1], 1e-12);
	assert_int_equal(em_synth_history_set(&h, "linear", 10, NULL), 0);
	assert_near(em_synth_history_at(&h, 2.5), 0.1, 1e-12);
	assert_int_equal(em_synth_history_set(&h, "2:0.1,4:1", 10, NULL), 0);
	assert_near(em_synth_history_at(&h, 0), 0.1, 1e-12);
	assert_near(em_synth_history_at(&h, 3), 0.55, 1e-12);
	assert_near(em_synth_history_at(&h, 5), 1, 1e-12);
}

static void test_history_refused(void **state)
{
	const char *bad[] = {"",          "0",     "0:",     "0:0,", ",0:0",  "0:0;1:1", "0:0.2,1:0.1", "1:0,1:0.1",
	                     "2:0,1:0.1", "0:1.1", "0:-0.1", "-1:0", "nan:0", "0:nan",   "steps"};
	struct em_synth_history h = {.points = 7};
	char many[65 * 8] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct em_error err = {0};

		assert_int_equal(em_synth_history_set(&h, bad[i], 40, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
	}
	for (int i = 0; i < 65; i++)
		sprintf(many + strlen(many), "%s%d:0", i ? "," : "", i);
	assert_int_equal(em_synth_history_set(&h, many, 40, NULL), -1);
	assert_int_equal(h.points, 7);
	*strrchr(many, ',') = '\0';
	assert_int_equal(em_synth_history_set(&h, many, 40, NULL), 0);
	assert_int_equal(h.points, 64);
}

/* ---- brightness ---- */

/* The film's mean is 1 with order and without; its lattice is as visible as asked for, and less with time; the gradient
 * and the dose do what they say. */
static void test_brightness(void **state)
{
	struct em_synth_movie_options o = plain();
	static struct cinema k;
	double mean, rms;

	(void)state;
	o.film_nm = 7.8; /* 20 cells; and 25 across are 195 pixels */
	o.change_contrast = -0.4;
	o.change_dose = -0.2;
	o.history = (struct em_synth_history){{10, 20}, {0, 1}, 2};
	open_cinema(&k, &o);
	show(&k, 0);
	measure(&k, (size_t[4]){0, 0, 156, 195}, &mean, &rms);
	assert_near(mean, 1, 0.002);
	assert_near(rms, 0.2, 0.001);
	show(&k, 10);
	measure(&k, (size_t[4]){0, 0, 156, 195}, &mean, &rms);
	assert_near(mean, 0.95, 0.002);
	assert_near(rms / mean, 0.2 * 0.9, 0.001);
	show(&k, 40);
	measure(&k, (size_t[4]){0, 0, 156, 195}, &mean, &rms);
	assert_near(mean, 0.8, 0.01);
	assert_near(rms / mean, 0.2 * 0.6 * 0.6, 0.1 * 0.2 * 0.6 * 0.6);
	close_cinema(&k);
}

static void test_gradient(void **state)
{
	struct em_synth_movie_options o = plain();
	static struct cinema k;
	double mean, rms;

	(void)state;
	o.film_nm = 7.8;
	o.gradient = 0.4;
	open_cinema(&k, &o);
	show(&k, 0);
	for (size_t x = 0; x + 39 < SIDE; x += 39) { /* five cells; the middle of 39 pixels is the twentieth */
		double thick = 1 + 0.4 * ((double)x + 19.5 - SIDE / 2.) / SIDE;

		measure(&k, (size_t[4]){0, x, 156, 39}, &mean, &rms);
		assert_near(mean, thick, 0.01);
		assert_near(rms, thick * thick * 0.2, 0.01);
	}
	close_cinema(&k);
}

/* Counts in the vacuum: mean and variance are the dose times its brightness, 0.03 (haadf) or e^0.25 (bf). */
static void test_counts(void **state)
{
	(void)state;
	for (int bf = 0; bf < 2; bf++) {
		struct em_synth_movie_options o = plain();
		static struct cinema k;
		double want = 200 * (bf ? exp(0.25) : 0.03), sum = 0, squares = 0, n = 100 * SIDE;
		struct em_sample s;
		struct em_array a = {0};

		o.contrast = bf ? EM_SYNTH_BF : EM_SYNTH_HAADF;
		o.dose = 200;
		o.vacuum_nm = 5;
		o.film_nm = 2;
		open_cinema(&k, &o);
		assert_int_equal(em_synth_movie_frame(&k.m, &k.e.c, 1, &s, NULL), 0);
		assert_int_equal(em_sample_image(&s, &a, NULL), 0);
		assert_int_equal(a.dtype, EM_U16);
		for (size_t i = 0; i < 100 * SIDE; i++) {
			sum += em_array_get(&a, i) / n;
			squares += em_array_get(&a, i) * em_array_get(&a, i) / n;
		}
		assert_near(sum, want, 5 * sqrt(want / n));
		assert_near((squares - sum * sum) / sum, 1, 5 * sqrt((2 + 1 / want) / n));
		em_array_release(&a);
		em_sample_release(&s);
		close_cinema(&k);
	}
}

/* ---- disorder ---- */

/* As many pixels as the history says, to one; the truth is their number; and what is disordered stays so. */
static void test_fraction(void **state)
{
	struct em_synth_movie_options o = plain();
	static struct cinema k;
	static unsigned char before[PIXELS];

	(void)state;
	o.vacuum_nm = 1;
	assert_int_equal(em_synth_history_set(&o.history, "0:0,5:0.05,19:0.05,30:0.5,40:1", 40, NULL), 0);
	open_cinema(&k, &o);
	memset(before, 2, sizeof(before));
	for (double minute = 0; minute <= 40; minute += 2) {
		struct em_synth_moment at = show(&k, minute);
		double all = (double)(k.m.film[2] * k.m.film[3]), asked = em_synth_history_at(&o.history, minute);
		double got = (double)count(&k, 3, k.m.film) / all;

		assert_near(at.fraction, 1 - got, 1e-12);
		assert_near(got, asked, 0.51 / all);
		for (size_t i = 0; i < PIXELS; i++)
			assert_false(before[i] == 3 && k.labels[i] != 3);
		memcpy(before, k.labels, sizeof(before));
	}
	assert_int_equal(count(&k, 2, (size_t[4]){0, 0, SIDE, SIDE}), 0);
	assert_int_equal(count(&k, 0, (size_t[4]){0, 0, SIDE, SIDE}), 20 * SIDE);
	assert_int_equal(count(&k, 1, (size_t[4]){0, 0, SIDE, SIDE}), 60 * SIDE);
	close_cinema(&k);
}

/* With all preference for the middle a fraction f is the band |q| < f; without any, it is everywhere. */
static void test_middle(void **state)
{
	const double middle[2] = {100, 0}, want[2] = {0.2 * 0.2 / 3, 1. / 3};

	(void)state;
	for (int i = 0; i < 2; i++) {
		double sum = 0, n = 0;

		for (uint64_t seed = 0; seed < 4; seed++) {
			struct em_synth_movie_options o = plain();
			static struct cinema k;

			o.seed = seed;
			o.middle = middle[i];
			o.domain_nm = 0.5;
			o.history = (struct em_synth_history){{0}, {0.2}, 1};
			open_cinema(&k, &o);
			show(&k, 40);
			for (size_t j = 0; j < 120 * SIDE; j++) {
				double q = 2 * ((double)(j / SIDE) + 0.5) / 120 - 1;

				sum += k.labels[j] == 3 ? q * q : 0;
				n += k.labels[j] == 3;
			}
			close_cinema(&k);
		}
		assert_near(sum / n / want[i], 1, 0.1);
	}
}

/* The field's correlation: exp(-(pi r / 2 domain)^2). */
static void test_domain(void **state)
{
	double at[3] = {0};

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct em_synth_movie_options o = plain();
		static struct cinema k;

		o.seed = seed;
		o.middle = 0;
		o.domain_nm = 0.4; /* 8 pixels */
		open_cinema(&k, &o);
		em_synth_movie_disorder(&k.m, &k.e.c, (double[2]){0, 0}, k.e.c.layer);
		for (size_t y = 0; y < SIDE; y++)
			for (size_t x = 0; x + 8 < SIDE; x++) {
				const float *v = k.e.c.layer + y * k.e.frame.width + x;

				for (size_t i = 0; i < 3; i++)
					at[i] += (double)v[0] * (double)v[4 * i];
			}
		close_cinema(&k);
	}
	assert_near(at[1] / at[0], exp(-TURN * TURN / 64), 0.03);
	assert_near(at[2] / at[0], exp(-TURN * TURN / 16), 0.03);
}

/* ---- refusals ---- */

static void refuse(const struct em_synth_movie_options *o)
{
	struct em_synth_frame frame;
	struct em_synth_movie m;
	struct em_error err = {0};

	assert_int_equal(em_synth_frame_init(&frame, o->height, o->width, NULL), 0);
	assert_int_equal(em_synth_movie_init(&m, o, &frame, &err), -1);
	assert_int_equal(err.kind, EM_ERROR_USAGE);
	em_synth_frame_release(&frame);
}

#define REFUSE(field, value)                                                                                           \
	do {                                                                                                           \
		struct em_synth_movie_options with = plain();                                                          \
		with.field = value;                                                                                    \
		refuse(&with);                                                                                         \
	} while (0)

static void test_refused(void **state)
{
	const double late[1] = {41};
	struct em_synth_movie_options o = plain();

	(void)state;
	REFUSE(pixel_nm, 0);
	REFUSE(pixel_nm, (double)NAN);
	REFUSE(pixel_nm, 0.2); /* less than two pixels for 0.39 nm */
	REFUSE(misfit, -0.9);
	REFUSE(minutes, 0);
	REFUSE(contrast, EM_SYNTH_SEM);
	REFUSE(dose, 0);
	REFUSE(dose, 1e6);
	REFUSE(drift_px, -1);
	REFUSE(drift_px, 300);
	REFUSE(gradient, 1.5);
	REFUSE(visibility, -1);
	REFUSE(domain_nm, 0.05);
	REFUSE(domain_nm, 6);
	REFUSE(film_nm, 10);
	REFUSE(vacuum_nm, 4);
	REFUSE(change_contrast, -1.5);
	REFUSE(change_dose, (double)INFINITY);
	REFUSE(middle, -1);
	o.minute = late;
	o.frames = 1;
	refuse(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_history),  cmocka_unit_test(test_history_refused), cmocka_unit_test(test_brightness),
	    cmocka_unit_test(test_gradient), cmocka_unit_test(test_counts),          cmocka_unit_test(test_fraction),
	    cmocka_unit_test(test_middle),   cmocka_unit_test(test_domain),          cmocka_unit_test(test_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
