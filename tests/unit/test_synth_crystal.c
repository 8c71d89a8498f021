/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Crystals: spacings, directions, strain, faults, occupancies, atomic numbers. */
#include "synth_help.h"

#include "synth/crystal.h"

#include <stdlib.h>
#include <string.h>

/* A square lattice of one atom of weight 1. */
static struct em_synth_crystal square(double a)
{
	struct em_synth_crystal k = {.a = {a, 0}, .b = {0, a}, .atoms = 1, .sigma = a / 7, .plane = {a, 0}, .every = 1};

	k.atom[0] = (struct em_synth_atom){0, 0, 0, 0, {1, 0.5}};
	return k;
}

static struct em_synth_pose pose_of(double scale, double angle)
{
	struct em_synth_pose p;

	em_synth_pose_set(&p, scale, angle, 0, 0);
	return p;
}

static void draw(struct easel *e, const struct em_synth_crystal *k, double scale, double angle)
{
	const struct em_synth_pose pose = pose_of(scale, angle);

	em_synth_clear(&e->c, e->c.image, 0);
	em_synth_crystal_put(&e->c, k, &pose, NULL, &e->r);
}

/* The planes of b lie along a: their frequency is across a, a scale and an angle away from the crystal's own. */
static void test_spacing(void **state)
{
	const double spacings[] = {4.6, 7.33, 15.1}, angles[] = {0, 0.31, 1.2};
	struct easel e;

	(void)state;
	set_up(&e, 128, 128);
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++) {
			struct em_synth_crystal k = square(spacings[i]);
			double want = 1 / (1.1 * spacings[i]), kx = want * cos(angles[j]) * 1.03,
			       ky = want * sin(angles[j]) * 1.03;

			draw(&e, &k, 1.1, angles[j]);
			find_peak(&e, e.c.image, &kx, &ky, 2e-4);
			assert_near(hypot(kx, ky) / want, 1, 0.005);
			assert_near(atan2(ky, kx), angles[j], 0.003);
		}
	clear_up(&e);
}

/* As many columns as cells: the mean is a column's volume over the cell's area, whatever the lattice. */
static void test_density(void **state)
{
	struct easel e;
	struct em_synth_crystal k = square(9);
	double volume = TURN * k.sigma * k.sigma;

	(void)state;
	set_up(&e, 200, 200);
	k.b[0] = 3.5;
	k.b[1] = 8;
	k.origin[0] = 1000.3;
	k.origin[1] = -700;
	draw(&e, &k, 1, 0.5);
	assert_near(sum(&e, e.c.image) / (double)em_synth_canvas_pixels(&e.c) / (volume / 72), 1, 0.01);
	k.vacancy = 1;
	k.occupancy = 0.35;
	draw(&e, &k, 1, 0.5);
	assert_near(sum(&e, e.c.image) / (double)em_synth_canvas_pixels(&e.c) / (volume / 72), 0.35, 0.004);
	k.vacancy = 0.2;
	k.occupancy = 0;
	draw(&e, &k, 1, 0.5);
	assert_near(sum(&e, e.c.image) / (double)em_synth_canvas_pixels(&e.c) / (volume / 72), 0.8, 0.05);
	k.vacancy = 0;
	k.interstitial = 0.4; /* of half a column */
	draw(&e, &k, 1, 0.5);
	assert_near(sum(&e, e.c.image) / (double)em_synth_canvas_pixels(&e.c) / (volume / 72), 1.2, 0.04);
	k.interstitial = 0;
	k.mixing = 1; /* evenly between 1 and 0.5 */
	draw(&e, &k, 1, 0.5);
	assert_near(sum(&e, e.c.image) / (double)em_synth_canvas_pixels(&e.c) / (volume / 72), 0.75, 0.02);
	clear_up(&e);
}

static float at(const struct easel *e, double dx, double dy)
{
	size_t x = (size_t)((double)e->frame.width / 2 + dx), y = (size_t)((double)e->frame.height / 2 + dy);

	return e->c.image[y * e->frame.width + x];
}

/* Faults' planes run through the canvas's middle here, every sixth plane; lengths are whole pixels. */
static void test_stacking(void **state)
{
	struct easel e;
	struct em_synth_crystal k = square(8);

	(void)state;
	set_up(&e, 128, 128);
	k.fault = EM_SYNTH_STACKING;
	k.shift = 0.5;
	k.every = 6;
	draw(&e, &k, 1, 0);
	for (int row = -3; row < 9; row++) {
		bool shifted = row < 0 || row >= 6;

		assert_near(at(&e, 0, 8 * row), shifted ? 0 : 1, 0.01);
		assert_near(at(&e, 4, 8 * row), shifted ? 1 : 0, 0.01);
	}
	k.fault = EM_SYNTH_ANTIPHASE;
	draw(&e, &k, 1, 0);
	for (int row = -3; row < 9; row++)
		assert_near(at(&e, 8, 8 * row), row < 0 || row >= 6 ? 0.5 : 1, 0.01);
	clear_up(&e);
}

/* An oblique lattice: mirrored about the planes, and the same again after two. */
static void test_twin(void **state)
{
	struct easel e;
	struct em_synth_crystal k = square(8);

	(void)state;
	set_up(&e, 160, 128);
	k.b[0] = 3;
	k.fault = EM_SYNTH_TWIN;
	k.every = 4;
	draw(&e, &k, 1, 0);
	for (int dy = 0; dy < 60; dy++)
		for (int dx = -40; dx < 40; dx++) {
			assert_near(at(&e, dx, dy), at(&e, dx, -dy), 1e-4);
			assert_near(at(&e, dx, 32 + dy), at(&e, dx, 32 - dy), 1e-4);
		}
	assert_near(at(&e, 3, 8), 1, 0.02);
	assert_near(at(&e, 3, -8), 1, 0.02);
	assert_near(at(&e, 8, 0), 1, 0.02);
	assert_near(at(&e, 12, 32), 1, 0.02);
	assert_near(at(&e, 9, 40), 1, 0.02); /* as 8 rows before the plane; 15 were it not mirrored */
	assert_near(at(&e, 13, 40), 0, 0.02);
	clear_up(&e);
}

/* Around the core a circuit fails to close by a: there is one column more above than below. */
static void test_dislocation(void **state)
{
	struct easel e;
	struct em_synth_crystal k = square(10);
	double above = 0, below = 0;
	size_t w, h;

	(void)state;
	set_up(&e, 200, 200);
	k.fault = EM_SYNTH_DISLOCATION;
	draw(&e, &k, 1, 0);
	w = e.frame.width;
	h = e.frame.height;
	for (size_t j = 0; j < h / 2; j++)
		for (size_t i = 0; i < w; i++) {
			above += (double)e.c.image[(h - 1 - j) * w + i];
			below += (double)e.c.image[j * w + i];
		}
	/* All rows of the half plane with y > 0, or of that with y < 0, hold half a column more or less. */
	assert_true(fabs(above - below) > 0.25 * TURN * k.sigma * k.sigma * (double)h / 2 / 10);
	clear_up(&e);
}

/* ---- the family, by its parameters' names ---- */

static void set(struct em_synth_texture *t, const char *name, double v)
{
	size_t i = 0;

	while (t->family->parameter[i].name && strcmp(t->family->parameter[i].name, name) != 0)
		i++;
	assert_non_null(t->family->parameter[i].name);
	t->p[i] = v;
}

static struct em_synth_texture plain(double a, double motif)
{
	struct em_synth_texture t = {.family = &em_synth_lattice, .level = 1};

	set(&t, "a_nm", a);
	set(&t, "motif", motif);
	set(&t, "b_by_a", 1);
	set(&t, "z1", 60);
	set(&t, "z2", 30);
	set(&t, "width", 0.1);
	set(&t, "peak", 1);
	set(&t, "fault_every_nm", 30);
	return t;
}

static void put(struct easel *e, const struct em_synth_texture *t, enum em_synth_contrast contrast)
{
	const struct em_synth_pose pose = pose_of(1, 0);

	em_synth_clear(&e->c, e->c.image, 0);
	assert_int_equal(em_synth_texture_put(&e->c, t, &pose, contrast, &e->r, NULL), 0);
}

static void test_strain(void **state)
{
	struct easel e;
	struct em_synth_texture t = plain(10, 0);
	double kx = 0.1, ky = 0, qx = 0, qy = 0.1;

	(void)state;
	set_up(&e, 200, 200);
	set(&t, "strain", 0.04);
	put(&e, &t, EM_SYNTH_HAADF);
	find_peak(&e, e.c.image, &kx, &ky, 2e-4);
	find_peak(&e, e.c.image, &qx, &qy, 2e-4);
	assert_near(kx * 10, 1 / 1.04, 0.002);
	assert_near(qy * 10, 1 / (1 - 0.3 * 0.04), 0.002);
	set(&t, "strain", 0);
	set(&t, "shear", 0.03);
	put(&e, &t, EM_SYNTH_HAADF);
	find_peak(&e, e.c.image, &kx, &ky, 2e-4); /* reciprocal: a* = (1, -shear) / (1 - shear^2) */
	assert_near(ky / kx, -0.03, 0.003);
	clear_up(&e);
}

/* The sum over a body-centred cell less that over its ground: 1 + (30 / 60)^1.7, of columns of volume 2 pi sigma^2. */
static void test_numbers(void **state)
{
	struct easel e;
	struct em_synth_texture t = plain(20, 4);
	double n, ground, cells;

	(void)state;
	set_up(&e, 400, 400);
	n = (double)em_synth_canvas_pixels(&e.c);
	cells = n / 400;
	for (int k = 0; k < 2; k++) {
		enum em_synth_contrast contrast = k ? EM_SYNTH_ABF : EM_SYNTH_HAADF;
		double peak = k ? 0.6 : 1;

		ground = k ? 0.15 : 0.4;
		put(&e, &t, contrast);
		assert_near((sum(&e, e.c.image) - n * ground) / (cells * peak * TURN * 4), 1 + pow(0.5, k ? 0.7 : 1.7),
		            0.02);
	}
	t.level = 2;
	put(&e, &t, EM_SYNTH_HAADF);
	assert_near((sum(&e, e.c.image) - 2 * n * 0.4) / (cells * 2 * TURN * 4), 1 + pow(0.5, 1.7), 0.02);
	clear_up(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_spacing), cmocka_unit_test(test_density),     cmocka_unit_test(test_stacking),
	    cmocka_unit_test(test_twin),    cmocka_unit_test(test_dislocation), cmocka_unit_test(test_strain),
	    cmocka_unit_test(test_numbers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
