/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns of atoms and planes in the simulator's pictures. */
#include "specimen_help.h"

#include "crystal/bragg.h"
#include "crystal/spectrum.h"

/* |g| and direction of the peak that is nearest to an expected one. */
static void nearest_peak(const struct em_bragg_peaks *p, double pixel, double g, double angle, double got[2])
{
	double best = 1e30;

	for (size_t i = 0; i < p->count; i++) {
		double x = p->peak[i].x / pixel, y = p->peak[i].y / pixel;

		for (int s = -1; s <= 1; s += 2) {
			double d = hypot(s * x - g * cos(angle), s * y - g * sin(angle));

			if (d < best) {
				best = d;
				got[0] = hypot(x, y);
				got[1] = atan2(s * y, s * x);
			}
		}
	}
}

static void columns_are_as_far_apart_as_in_the_crystal(void **state)
{
	struct em_sim_world *w = world_default();
	const struct em_sim_section *s = &w->section[0];
	static const enum em_sim_signal signal[] = {EM_SIM_SCAN, EM_SIM_IMAGE};
	static const double depth[] = {0.83e-6, 0.78e-6};

	(void)state;
	for (int i = 0; i < 4; i++) {
		double down = depth[i / 2] - s->depth / 2, c = cos(s->angle), n = sin(s->angle), got[2] = {0};
		double want[2] = {1 / s->layer[i < 2 ? 4 : 3].cell[0], 1 / s->layer[i < 2 ? 4 : 3].cell[1]};
		struct em_sim_view v = view_of(signal[i % 2], 512, 20e-9, s->at[0] + c * 60e-9 - n * down,
		                               s->at[1] + n * 60e-9 + c * down);
		struct em_spectrum_plan *plan = em_spectrum_plan_new(512, 512, NULL);
		double *sum = calloc(512 * 257, sizeof(*sum));
		struct em_bragg_peaks peaks;
		struct em_spectrum f;
		struct em_array a;

		v.defocus = i % 2 ? -60e-9 : -em_sim_world_height(w, v.x, v.y);
		v.spherical = 1e-6;
		expected(w, &v, &a);
		assert_non_null(plan);
		assert_non_null(sum);
		assert_int_equal(em_spectrum_init(&f, plan, &a, NULL), 0);
		em_spectrum_add_power(&f, sum);
		assert_int_equal(em_bragg_find(&peaks, sum, 512, 512, 1, &(struct em_bragg_options){0}, NULL), 0);
		for (int k = 0; k < 2; k++) { /* (20) and (02), which are strong: along the interface, and across */
			nearest_peak(&peaks, v.pixel, 2 * want[k], s->angle + k * PI / 2, got);
			assert_true(fabs(got[0] / (2 * want[k]) - 1) < 2e-3);
			assert_true(fabs(got[1] - s->angle - k * PI / 2) < 2e-3);
		}
		em_bragg_release(&peaks);
		em_spectrum_release(&f);
		em_spectrum_plan_free(plan);
		free(sum);
		em_array_release(&a);
	}
	em_sim_world_free(w);
}

/* Depth of the lattice in a picture: its standard deviation over its mean. */
static double depth_of(const struct em_sim_world *w, const struct em_sim_view *v)
{
	struct em_array a;
	float *p = expected(w, v, &a);
	size_t n = v->width * v->height;
	double mean = mean_of(p, n), sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += ((double)p[i] - mean) * ((double)p[i] - mean) / (double)n;
	em_array_release(&a);
	return sqrt(sum) / mean;
}

/* A ball that lies anyhow shows planes of gold, where some are near the beam. */
static void balls_show_planes_of_gold(void **state)
{
	static const double known[] = {0.23545e-9, 0.20391e-9, 0.14419e-9}; /* 111, 200, 220 */
	struct em_sim_world *w = world_of("{\"scatter\":[{\"kind\":\"particles\",\"material\":\"Au\",\"pitch_um\":20,"
	                                  "\"share\":1,\"radius_nm\":[4,4]}]}");
	size_t seen = 0, right = 0;

	(void)state;
	for (long i = 0; i < 40; i++) {
		struct em_sim_thing t;
		struct em_bragg_peaks peaks;
		struct em_spectrum f;
		struct em_array a;

		assert_true(em_sim_scatter_thing(w, &w->scatter[0], i % 8, i / 8, &t));
		if (t.on_axis)
			continue;
		struct em_sim_view v = view_of(EM_SIM_SCAN, 256, 10e-9, t.at[0], t.at[1]);
		struct em_spectrum_plan *plan = em_spectrum_plan_new(256, 256, NULL);
		double *sum = calloc(256 * 129, sizeof(*sum));

		v.convergence = 30e-3;
		expected(w, &v, &a);
		assert_int_equal(em_spectrum_init(&f, plan, &a, NULL), 0);
		em_spectrum_add_power(&f, sum);
		assert_int_equal(em_bragg_find(&peaks, sum, 256, 256, 1,
		                               &(struct em_bragg_options){.k_least = 2.5e9 * v.pixel}, NULL),
		                 0);
		if (peaks.count) {
			double g = hypot(peaks.peak[0].x, peaks.peak[0].y) / v.pixel;

			seen++;
			for (int k = 0; k < 3; k++)
				right += fabs(g * known[k] - 1) < 0.01;
		}
		em_bragg_release(&peaks);
		em_spectrum_release(&f);
		em_spectrum_plan_free(plan);
		free(sum);
		em_array_release(&a);
	}
	assert_true(seen >= 5 && right == seen);
	em_sim_world_free(w);
}

static void columns_fade_with_tilt_focus_and_disorder(void **state)
{
	struct em_sim_world *w = world_default();
	const struct em_sim_section *s = &w->section[0];
	double down = 0.7815e-6 - s->depth / 2, c = cos(s->angle), n = sin(s->angle), sharp;
	struct em_sim_view v =
	    view_of(EM_SIM_SCAN, 128, 4e-9, s->at[0] + c * 60e-9 - n * down, s->at[1] + n * 60e-9 + c * down);

	(void)state;
	v.defocus = -em_sim_world_height(w, v.x, v.y);
	sharp = depth_of(w, &v);
	assert_true(sharp > 0.5);
	v.disorder = 0.5;
	assert_true(depth_of(w, &v) < 0.2 * sharp);
	v.disorder = 0;
	v.defocus += 25e-9;
	assert_true(depth_of(w, &v) < 0.2 * sharp);
	v.defocus -= 25e-9;
	v.a = 3 * PI / 180;
	v.b = 3 * PI / 180;
	assert_true(depth_of(w, &v) < 0.2 * sharp);
	em_sim_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(columns_are_as_far_apart_as_in_the_crystal),
	    cmocka_unit_test(balls_show_planes_of_gold),
	    cmocka_unit_test(columns_fade_with_tilt_focus_and_disorder),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
