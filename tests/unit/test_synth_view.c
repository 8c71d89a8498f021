/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Optics, scan and dose against closed forms. */
#include "synth_help.h"

#include "synth/view.h"

#include <stdlib.h>
#include <string.h>

#define SIZE 96

/* A view without artefacts. */
static struct em_synth_view clean(enum em_synth_contrast contrast)
{
	return (struct em_synth_view){.contrast = contrast, .pixel_nm = 0.1, .dose = 100, .gain = 50, .black = 20};
}

/* image = mean + depth cos(2 pi n x / width), or down with `down` */
static void put_wave(struct easel *e, double mean, double depth, double n, bool down)
{
	size_t h = e->frame.height, w = e->frame.width;

	for (size_t i = 0; i < h * w; i++) {
		double phase = down ? (double)(i / w) / (double)h : (double)(i % w) / (double)w;

		e->c.image[i] = (float)(mean + depth * cos(TURN * n * phase));
	}
}

/* The amplitude of that wave in the image now. */
static double depth_of(const struct easel *e, double n, bool down)
{
	size_t h = e->frame.height, w = e->frame.width;
	double s = 0;

	for (size_t i = 0; i < h * w; i++)
		s += (double)e->c.image[i] *
		     cos(TURN * n * (down ? (double)(i / w) / (double)h : (double)(i % w) / (double)w));
	return 2 * s / (double)(h * w);
}

static void test_probe(void **state)
{
	struct easel e;
	struct em_synth_view v = clean(EM_SYNTH_HAADF);

	(void)state;
	set_up(&e, SIZE, SIZE);
	v.probe_px = 0.8;
	v.defocus_nm = 10; /* 20 mrad: 0.1 nm, one pixel */
	v.astigmatism_nm = 5;
	v.astigmatism_angle = TURN / 4; /* along y */
	for (double n = 3; n < 25; n += 7)
		for (int down = 0; down < 2; down++) {
			double k = n / (double)e.frame.width, defocus = down ? 1.5 : 0.5,
			       sigma2 = 0.64 + defocus * defocus;

			put_wave(&e, 2, 0.5, n, down);
			em_synth_view_form(&e.c, &v);
			assert_near(depth_of(&e, n, down), 0.5 * exp(-TURN * TURN / 2 * sigma2 * k * k), 1e-4);
			assert_near(sum(&e, e.c.image) / (double)em_synth_canvas_pixels(&e.c), 2, 1e-4);
		}
	clear_up(&e);
}

/* The same turned by an angle: a wave along the axis of the astigmatism sees the greater blur. */
static void test_probe_turned(void **state)
{
	struct easel e;
	struct em_synth_view v = clean(EM_SYNTH_SEM);
	size_t w, h;
	double want, got = 0, k, length;

	(void)state;
	set_up(&e, SIZE, SIZE);
	w = e.frame.width;
	h = e.frame.height;
	v.defocus_nm = 40; /* 5 mrad */
	v.astigmatism_nm = 20;
	v.astigmatism_angle = atan2(5, 8); /* of the wave (8, 5) */
	length = hypot(8, 5);
	k = length / (double)w;
	want = exp(-TURN * TURN / 2 * 1.5 * 1.5 * k * k);
	for (size_t i = 0; i < w * h; i++)
		e.c.image[i] = (float)cos(TURN * (8 * (double)(i % w) + 5 * (double)(i / w)) / (double)w);
	em_synth_view_form(&e.c, &v);
	for (size_t i = 0; i < w * h; i++)
		got += 2 * (double)e.c.image[i] * cos(TURN * (8 * (double)(i % w) + 5 * (double)(i / w)) / (double)w);
	assert_near(got / (double)(w * h), want, 1e-4);
	clear_up(&e);
}

/* A weak wave of density d: brightness 1 - d (1 + 2 phase sin chi E), chi as the header has it. */
static void test_transfer(void **state)
{
	struct easel e;
	struct em_synth_view v = clean(EM_SYNTH_BF);

	(void)state;
	set_up(&e, SIZE, SIZE);
	v.phase = 0.7;
	v.defocus_nm = 40;
	v.astigmatism_nm = 15;
	for (int pixel = 0; pixel < 2; pixel++)
		for (double n = 2; n < 40; n += 5)
			for (int down = 0; down < 2; down++) {
				double k, chi, cs, df = down ? 25 : 55, lambda = 0.0025079;

				v.pixel_nm = pixel ? 0.2 : 0.04;
				cs = pixel ? 1.2e6 : 0.01e6;
				k = n / (double)e.frame.width / v.pixel_nm;
				chi = TURN / 2 * lambda * df * k * k - TURN / 4 * cs * pow(lambda, 3) * pow(k, 4);
				put_wave(&e, 0, 1e-3, n, down);
				em_synth_view_form(&e.c, &v);
				assert_near(depth_of(&e, n, down) / 1e-3, -(1 + 1.4 * sin(chi) * exp(-k * k / 100)),
				            4e-3);
			}
	put_wave(&e, 0.7, 0, 0, false); /* even matter: Beer's law */
	em_synth_view_form(&e.c, &v);
	assert_near(e.c.image[1234], exp(-0.7), 1e-5);
	v.contrast = EM_SYNTH_ABF;
	put_wave(&e, 0.7, 0, 0, false);
	em_synth_view_form(&e.c, &v);
	assert_near(e.c.image[1234], exp(-0.7), 1e-5);
	clear_up(&e);
}

/* A flat field: mean and variance are the dose. */
static void test_dose(void **state)
{
	const double doses[] = {0.3, 5, 40, 2000};
	struct easel e;
	float *counts;

	(void)state;
	set_up(&e, 256, 256);
	em_synth_clear(&e.c, e.c.image, 1);
	counts = e.c.work;
	for (int k = 0; k < 4; k++) {
		struct em_synth_view v = clean(EM_SYNTH_HAADF);
		double mean = 0, square = 0, n = 256 * 256;

		v.dose = doses[k];
		em_synth_view_expose(&e.c, &v, 256, 256, counts, NULL, &e.r);
		for (size_t i = 0; i < 256 * 256; i++) {
			mean += (double)counts[i] / n;
			square += ((double)counts[i] - v.dose) * ((double)counts[i] - v.dose) / n;
		}
		assert_near(mean, v.dose, 5 * sqrt(v.dose / n));
		assert_near(square / v.dose, 1, 5 * sqrt((2 + 1 / v.dose) / n));
	}
	clear_up(&e);
}

static void test_slope(void **state)
{
	struct easel e;
	struct em_synth_view v = clean(EM_SYNTH_HAADF);
	double left = 0, right = 0, up = 0, down = 0;

	(void)state;
	set_up(&e, 128, 128);
	em_synth_clear(&e.c, e.c.image, 1);
	v.dose = 10000;
	v.slope[0] = 0.2;
	v.slope[1] = -0.1;
	em_synth_view_expose(&e.c, &v, 128, 128, e.c.work, NULL, &e.r);
	for (size_t i = 0; i < 128; i++) {
		left += (double)e.c.work[i * 128] / 128;
		right += (double)e.c.work[i * 128 + 127] / 128;
		up += (double)e.c.work[i] / 128;
		down += (double)e.c.work[127 * 128 + i] / 128;
	}
	assert_near((right - left) / 10000, 0.2, 0.01);
	assert_near((down - up) / 10000, -0.1, 0.01);
	clear_up(&e);
}

static void test_contamination(void **state)
{
	struct easel e;
	struct em_synth_view v = clean(EM_SYNTH_BF);

	(void)state;
	set_up(&e, 101, 101);
	em_synth_clear(&e.c, e.c.image, 1);
	v.dose = 1e6;
	v.contamination = 0.3;
	em_synth_view_expose(&e.c, &v, 101, 101, e.c.work, NULL, &e.r);
	assert_near(e.c.work[50 * 101 + 50] / 1e6, 0.7, 0.01);
	v.contrast = EM_SYNTH_HAADF;
	em_synth_view_expose(&e.c, &v, 101, 101, e.c.work, NULL, &e.r);
	assert_near(e.c.work[50 * 101 + 50] / 1e6, 1.3, 0.01);
	clear_up(&e);
}

/* Behind a bright square, and only behind, a line is darker. */
static void test_charging(void **state)
{
	struct easel e;
	struct em_synth_view v = clean(EM_SYNTH_SEM);
	size_t m;

	(void)state;
	set_up(&e, 100, 100);
	m = e.frame.margin;
	em_synth_clear(&e.c, e.c.image, 1);
	for (size_t y = 40; y < 60; y++)
		for (size_t x = 40; x < 60; x++)
			e.c.image[(y + m) * e.frame.width + x + m] = 4;
	v.dose = 1e6;
	v.charging = 0.2;
	em_synth_view_expose(&e.c, &v, 100, 100, e.c.work, NULL, &e.r);
	assert_near(e.c.work[50 * 100 + 30] / 1e6, 0.8, 0.01);
	assert_near(e.c.work[20 * 100 + 62] / 1e6, 0.8, 0.01);
	assert_true(e.c.work[50 * 100 + 62] / 1e6f < 0.5f);
	clear_up(&e);
}

/* Lines of a picture that is its own label: wherever a line goes, its labels go along, to the nearest pixel. */
static void test_jitter(void **state)
{
	static unsigned char labels[200 * 200], moved[128 * 128];
	struct easel e;
	struct em_synth_view v = clean(EM_SYNTH_HAADF);
	size_t w, away = 0, wrong = 0;

	(void)state;
	set_up(&e, 128, 128);
	w = e.frame.width;
	for (size_t i = 0; i < em_synth_canvas_pixels(&e.c); i++) {
		labels[i] = i % w / 9 % 2;
		e.c.image[i] = labels[i];
	}
	e.c.labels = labels;
	v.dose = 1e5;
	v.jitter = 0.9;
	em_synth_view_expose(&e.c, &v, 128, 128, e.c.work, moved, &e.r);
	for (size_t i = 0; i < 128 * 128; i++) {
		size_t still = (i / 128 + e.frame.margin) * w + i % 128 + e.frame.margin;

		/* half way between two pixels of different labels, either is as near */
		wrong += fabsf(e.c.work[i] - 0.5e5f) > 2e3f && (e.c.work[i] > 0.5e5f) != moved[i];
		away += labels[still] != moved[i];
	}
	assert_int_equal(wrong, 0);
	assert_true(away > 200); /* it does jitter */
	clear_up(&e);
}

static void test_amplify(void **state)
{
	const struct em_synth_view v = clean(EM_SYNTH_HAADF);
	const float counts[5] = {0, 100, 201, 1e6f, 3};
	const unsigned char want[5] = {20, 70, 121, 255, 22};
	struct em_synth_view low = v;
	unsigned char grey[5];

	(void)state;
	em_synth_view_amplify(&v, counts, 5, grey);
	assert_memory_equal(grey, want, 5);
	low.black = -30;
	em_synth_view_amplify(&low, counts, 5, grey);
	assert_int_equal(grey[0], 0);
	assert_int_equal(grey[1], 20);
}

/* Levels set on a picture of known mean and variance: its grey levels then have the session's mean. */
static void test_levels(void **state)
{
	struct easel e;
	struct em_synth_conditions c = {.contrasts = 1, .dose = {50, 50}, .dose_given = true};
	struct em_synth_session s = {.contrast = EM_SYNTH_HAADF, .dose = 50};
	struct em_synth_view v = {0};
	struct em_synth_levels seen[2];

	(void)state;
	set_up(&e, SIZE, SIZE);
	put_wave(&e, 2, 0.8, 10, false); /* eight periods of 12 pixels */
	assert_int_equal(e.frame.width, 120);
	seen[0] = em_synth_view_measure(&e.c, SIZE, SIZE);
	assert_near(seen[0].mean, 2, 1e-5);
	assert_near(seen[0].variance, 0.32, 1e-4);
	em_synth_session_set_levels(&s, &c, seen, 1, &e.r);
	assert_near(s.mean, 2, 1e-5);
	em_synth_view_set_levels(&v, &s, &c, 0, &e.r);
	assert_near(v.dose, 50, 0);
	assert_near(v.black + v.gain * 2, s.grey, 0.02 * v.gain);
	assert_true(v.gain * sqrt(0.32 + 2. / 50 + 0.04) > 21.9 && v.gain * sqrt(0.32 + 2. / 50 + 0.04) < 58.1);
	c.dose_given = false; /* of 1e-4 electrons nothing would be seen */
	s.dose = 1e-4;
	em_synth_session_set_levels(&s, &c, seen, 1, &e.r);
	assert_true(s.dose >= 0.15 * 2 / 0.33);
	seen[1] = (struct em_synth_levels){6, 0.32}; /* darker and brighter things: both within 255 levels */
	em_synth_session_set_levels(&s, &c, seen, 2, &e.r);
	assert_near(s.mean, 4, 1e-5);
	assert_true(s.gain * 2 < 58.1);
	clear_up(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_probe),  cmocka_unit_test(test_probe_turned), cmocka_unit_test(test_transfer),
	    cmocka_unit_test(test_dose),   cmocka_unit_test(test_slope),        cmocka_unit_test(test_contamination),
	    cmocka_unit_test(test_jitter), cmocka_unit_test(test_charging),     cmocka_unit_test(test_amplify),
	    cmocka_unit_test(test_levels),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
