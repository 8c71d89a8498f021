/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the simulator's pictures count: electrons, scattering, the lens. */
#include "specimen_help.h"

#include "crystal/spectrum.h"

#define FILM "{\"film\":{\"material\":\"C\",\"thickness_nm\":20}}"

static double variance_of(const struct em_array *a, double mean)
{
	const uint16_t *p = a->data;
	double sum = 0;
	size_t n = em_array_count(a);

	for (size_t i = 0; i < n; i++)
		sum += (p[i] - mean) * (p[i] - mean);
	return sum / (double)n;
}

static double mean_counts(const struct em_array *a)
{
	const uint16_t *p = a->data;
	double sum = 0;
	size_t n = em_array_count(a);

	for (size_t i = 0; i < n; i++)
		sum += p[i];
	return sum / (double)n;
}

/* Nothing but vacuum: the mean is electrons times dqe, and the variance is the mean, each to four standard errors. */
static void counts_are_poissons(void **state)
{
	static const double electrons[] = {0.5, 7, 150, 4000};
	struct em_sim_world *w = world_of("{}");

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct em_sim_view v = view_of(i % 2 ? EM_SIM_IMAGE : EM_SIM_SCAN, 256, 1e-6, 0, 0);
		double n = 256 * 256, want = electrons[i] * 0.8, mean;
		struct em_array a;

		v.inner = 0; /* a bright field that takes the whole disc */
		v.outer = 30e-3;
		v.electrons = electrons[i];
		v.dqe = 0.8;
		assert_int_equal(em_sim_form(w, &v, &a, NULL), 0);
		assert_true(a.dtype == EM_U16 && a.ndim == 2);
		mean = mean_counts(&a);
		assert_true(fabs(mean - want) < 4 * sqrt(want / n));
		/* variance of the variance of Poisson's: (2 m^2 + m) / n */
		assert_true(fabs(variance_of(&a, mean) - want) < 4 * sqrt((2 * want * want + want) / n));
		em_array_release(&a);
	}
	em_sim_world_free(w);
}

/* The default specimen: of each pixel (counts - expected)^2 / expected is 1 on average. */
static void noise_is_about_what_is_expected(void **state)
{
	struct em_sim_world *w = world_default();
	struct em_sim_view v = view_of(EM_SIM_SCAN, 256, 3e-6, 0, 0);
	struct em_array a, e;
	const uint16_t *p;
	float *q;
	double chi = 0, slack = 0;

	(void)state;
	v.electrons = 20000;
	q = expected(w, &v, &e);
	assert_int_equal(em_sim_form(w, &v, &a, NULL), 0);
	p = a.data;
	for (size_t i = 0; i < 256 * 256; i++) {
		chi += (p[i] - (double)q[i]) * (p[i] - (double)q[i]) / ((double)q[i] + 1e-9);
		slack += 2 + 1 / ((double)q[i] + 1e-9);
	}
	assert_true(fabs(chi - 256 * 256) < 4 * sqrt(slack));
	em_array_release(&a);
	em_array_release(&e);
	em_sim_world_free(w);
}

static void an_amplifier_and_its_limits(void **state)
{
	struct em_sim_world *w = world_of("{}");
	struct em_sim_view v = view_of(EM_SIM_IMAGE, 256, 1e-6, 0, 0);
	double n = 256 * 256, mean, var, flat;
	struct em_array a, b;

	(void)state;
	v.electrons = 100;
	v.gain = 3;
	v.offset = 50;
	v.read_noise = 12;
	assert_int_equal(em_sim_form(w, &v, &a, NULL), 0);
	mean = mean_counts(&a);
	var = 9 * 100 + 144 + 1. / 12;
	assert_true(fabs(mean - 350) < 4 * sqrt(var / n));
	assert_true(fabs(variance_of(&a, mean) / var - 1) < 4 * sqrt(2.2 / n));
	em_array_release(&a);
	v.saturation = 340;
	assert_int_equal(em_sim_form(w, &v, &a, NULL), 0);
	for (size_t i = 0; i < 256 * 256; i++)
		assert_true(((uint16_t *)a.data)[i] <= 340);
	em_array_release(&a);
	/* a fixed pattern is in two exposures alike */
	v.saturation = 65535;
	v.flat = 0.05;
	v.read_noise = v.offset = 0;
	v.gain = 1;
	v.electrons = 10000;
	v.detector_seed = 5;
	assert_int_equal(em_sim_form(w, &v, &a, NULL), 0);
	v.seed++;
	assert_int_equal(em_sim_form(w, &v, &b, NULL), 0);
	flat = 0;
	for (size_t i = 0; i < 256 * 256; i++)
		flat += (((uint16_t *)a.data)[i] - 1e4) * (((uint16_t *)b.data)[i] - 1e4) / n;
	assert_true(fabs(sqrt(flat) / 500 - 1) < 0.02);
	em_array_release(&a);
	em_array_release(&b);
	em_sim_world_free(w);
}

static void the_same_bits_on_any_number_of_threads(void **state)
{
	static const double field[] = {1.5e-3, 3e-6, 15e-9};
	struct em_sim_world *w = world_default();

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct em_sim_view v =
		    view_of(i % 2 ? EM_SIM_IMAGE : EM_SIM_SCAN, 192, field[i / 2], 20.12e-6, -13.39e-6);
		struct em_array one, three, again;

		v.row_jitter = 0.3 * v.pixel;
		assert_int_equal(em_sim_expect(w, &v, 1, &one, NULL), 0);
		assert_int_equal(em_sim_expect(w, &v, 3, &three, NULL), 0);
		assert_memory_equal(one.data, three.data, em_array_bytes(&one));
		em_array_release(&three);
		assert_int_equal(em_sim_detect(&v, &one, 1, &three, NULL), 0);
		assert_int_equal(em_sim_form(w, &v, &again, NULL), 0);
		assert_memory_equal(again.data, three.data, em_array_bytes(&again));
		em_array_release(&one);
		em_array_release(&three);
		em_array_release(&again);
	}
	em_sim_world_free(w);
}

/* The share on the ring: 7.1e-26 Z^1.7 n t, and twice that at 60 degrees. */
/* How many of 48 coins and a uniform number are farther than k rms from the mean. */
static double far_coins(double k)
{
	double p = pow(0.5, 48), sum = 0, far = k * sqrt(145. / 12);

	for (int s = 0; s <= 48; s++, p *= (49. - s) / s) {
		double lo = s - 24.5, hi = s - 23.5; /* the uniform number goes over this */

		sum += p * (fmax(0, fmin(hi, -far) - lo) + fmax(0, hi - fmax(lo, far)));
	}
	return sum;
}

/* Readout noise is normal, but for its tails, which are as coins have them, near to normal: its third and fourth
 * moments, and how many are beyond 1, 2 and 3 of its rms. */
static void readout_is_normal(void **state)
{
	static const double beyond[] = {0.317311, 0.0455003, 0.0026998}, within[] = {0.01, 0.02, 0.15};
	struct em_sim_world *w = world_of("{}");
	struct em_sim_view v = view_of(EM_SIM_IMAGE, 1024, 1e-6, 0, 0);
	double n = 1024 * 1024, third = 0, fourth = 0, found[3] = {0};
	struct em_array a;

	(void)state;
	v.electrons = 0;
	v.offset = 5000;
	v.read_noise = 100;
	assert_int_equal(em_sim_form(w, &v, &a, NULL), 0);
	for (size_t i = 0; i < 1024 * 1024; i++) {
		double x = (((uint16_t *)a.data)[i] - 5000.) / 100;

		third += x * x * x / n;
		fourth += x * x * x * x / n;
		for (int k = 0; k < 3; k++)
			found[k] += fabs(x) > k + 1 ? 1 / n : 0;
	}
	assert_true(fabs(third) < 4 * sqrt(15 / n));
	assert_true(fabs(fourth - 3) < 0.04 + 4 * sqrt(96 / n)); /* 3 - 2 / 48 */
	for (int k = 0; k < 3; k++) {                            /* counts are whole: beyond k + 0.005 */
		double want = far_coins(k + 1.005);

		assert_true(fabs(found[k] / want - 1) < 4 / sqrt(n * want));
		assert_true(fabs(far_coins(k + 1) / beyond[k] - 1) < within[k]);
	}
	em_array_release(&a);
	em_sim_world_free(w);
}

static void haadf_counts_atoms(void **state)
{
	struct em_sim_world *w = world_of(FILM);
	struct em_sim_view v = view_of(EM_SIM_SCAN, 128, 400e-6, 0, 0);
	double want = 1000 * 7.1e-26 * pow(6, 1.7) / pow(.2154e-9, 3) * 20e-9, flat;
	struct em_array a;

	(void)state;
	flat = mean_of(expected(w, &v, &a), 128 * 128); /* the film is uneven, but on average */
	em_array_release(&a);
	assert_true(fabs(flat / want - 1) < 0.02);
	v.a = PI / 3;
	assert_true(fabs(mean_of(expected(w, &v, &a), 128 * 128) / flat - 2) < 0.04);
	em_array_release(&a);
	v.a = 0; /* and by the ring: 1 / in^2 - 1 / out^2 */
	v.inner = 90e-3;
	assert_true(fabs(mean_of(expected(w, &v, &a), 128 * 128) / flat -
	                 (1 / .0081 - 1 / .04) / (1 / .0036 - 1 / .04)) < 1e-3);
	em_array_release(&a);
	em_sim_world_free(w);
}

/* exp(-Z^1.3 n t / ...) through a 10 mrad aperture. */
static void bright_field_weakens_exponentially(void **state)
{
	struct em_sim_world *w = world_of(FILM);
	struct em_sim_view v = view_of(EM_SIM_IMAGE, 128, 400e-6, 0, 0);
	struct em_array a;
	double t;

	(void)state;
	v.outer = 10e-3;
	t = mean_of(expected(w, &v, &a), 128 * 128) / 1000;
	em_array_release(&a);
	assert_true(fabs(-log(t) / (20. / 180) - 1) < 0.03);
	em_sim_world_free(w);
}

/* Rings of a carbon film: no contrast where sin(chi) is 0, k^2 = n / (lambda |Df|), and much between. */
static void the_lens_makes_thons_rings(void **state)
{
	enum { N = 512 };
	struct em_sim_world *w = world_of(FILM);
	struct em_sim_view v = view_of(EM_SIM_IMAGE, N, 51.2e-9, 0, 0);
	struct em_spectrum_plan *plan = em_spectrum_plan_new(N, N, NULL);
	double *sum = calloc(N * (N / 2 + 1), sizeof(*sum)), lambda = em_sim_wavelength(v.voltage), at[4] = {0};
	struct em_spectrum f;
	struct em_array a;
	size_t count[4] = {0};

	(void)state;
	assert_true(fabs(lambda / 2.5079e-12 - 1) < 1e-4); /* Williams and Carter, table 1.2 */
	v.defocus = -400e-9;
	expected(w, &v, &a);
	assert_int_equal(em_spectrum_init(&f, plan, &a, NULL), 0);
	em_spectrum_add_power(&f, sum);
	for (size_t j = 0; j < N; j++)
		for (size_t i = 0; i <= N / 2; i++) {
			double y = (double)j - (j > N / 2 ? N : 0), k = hypot(y, (double)i) / 51.2e-9;
			double chi = lambda * 400e-9 * k * k; /* in pi */

			for (int q = 0; q < 4; q++)
				if (fabs(chi - (0.5 + 0.5 * q)) < 0.03) {
					at[q] += sum[j * (N / 2 + 1) + i];
					count[q]++;
				}
		}
	for (int q = 0; q < 4; q++)
		at[q] /= (double)count[q];
	assert_true(at[1] < 0.06 * at[0] && at[1] < 0.06 * at[2] && at[3] < 0.06 * at[2]);
	em_spectrum_release(&f);
	em_spectrum_plan_free(plan);
	free(sum);
	em_array_release(&a);
	em_sim_world_free(w);
}

/* Astigmatism: under focus along x, in focus along y. */
static void astigmatism_has_its_direction(void **state)
{
	struct em_sim_world *w = world_of("{\"film\":{\"material\":\"C\",\"thickness_nm\":20,\"holes_at\":"
	                                  "[{\"x_um\":0,\"y_um\":0,\"radius_um\":1}]}}");
	struct em_sim_view v = view_of(EM_SIM_SCAN, 256, 40e-9, 20e-9, 0);
	struct em_sim_frame f;
	double c[2][2];

	(void)state;
	v.defocus = 100e-9;
	v.astigmatism[0] = 100e-9; /* cos 2p: + along x, - along y */
	assert_int_equal(em_sim_frame_init(&f, w, &v, 0, NULL), 0);
	em_sim_frame_blur(&f, 0, c);
	/* rms of a disc of radius alpha Df is half of that */
	assert_true(fabs(sqrt(c[0][0]) / (25e-3 * 200e-9 / 2) - 1) < 0.01);
	assert_true(c[1][1] < 0.01 * c[0][0] && fabs(c[0][1]) < 1e-6 * c[0][0]);
	em_sim_frame_blur(&f, -100e-9, c); /* what is lower by 100 nm: -, along y */
	assert_true(fabs(c[1][1] / c[0][0] - 1) < 1e-9);
	em_sim_frame_release(&f);
	em_sim_world_free(w);
}

static void the_beam_may_be_smaller_than_the_picture(void **state)
{
	struct em_sim_world *w = world_of("{}");
	struct em_sim_view v = view_of(EM_SIM_IMAGE, 256, 1e-6, 0, 0);
	struct em_array a;
	double at[2], sum;

	(void)state;
	v.beam_radius = 200e-9;
	v.beam[0] = 100e-9;
	v.beam[1] = -50e-9;
	centroid(expected(w, &v, &a), 256, 0, at);
	sum = mean_of(a.data, 256 * 256);
	assert_true(fabs((at[0] - 127.5) * v.pixel - 100e-9) < 0.3e-9 &&
	            fabs((at[1] - 127.5) * v.pixel + 50e-9) < 0.3e-9);
	assert_true(fabs(sum / 1000 / (PI * 0.04) - 1) < 0.01);
	em_array_release(&a);
	em_sim_world_free(w);
}

/* Far from anything that a microscope is used for, but finite: all end, with finite counts. */
static void strange_views_end(void **state)
{
	struct em_sim_world *w = world_default();

	(void)state;
	for (int i = 0; i < 9; i++) {
		struct em_sim_view v = view_of(i % 2 ? EM_SIM_IMAGE : EM_SIM_SCAN, 64, 1e-6, 30e-6, -20e-6);
		struct em_array a;
		float *p;

		switch (i) {
		case 0: v.defocus = 0.05; break;
		case 1: v.defocus = -0.05; break;
		case 2: v.a = v.b = 1.4; break;
		case 3: v.a = v.b = -1.4; break;
		case 4: v.plane[0][0] = v.plane[1][1] = 1; break;
		case 5: v.plane[0][0] = 1e-12; break;
		case 6: v.row_jitter = 900 * v.pixel; break;
		case 7: v.x = 0.09; break;
		case 8: v.drift[0] = 1e-2; break;
		}
		p = expected(w, &v, &a);
		for (size_t k = 0; k < 64 * 64; k++)
			assert_true(isfinite(p[k]) && p[k] >= 0);
		em_array_release(&a);
	}
	em_sim_world_free(w);
}

static void views_that_are_refused(void **state)
{
	struct em_sim_world *w = world_of("{}");
	struct em_error err;

	(void)state;
	for (int i = 0; i < 17; i++) {
		struct em_sim_view v = view_of(EM_SIM_SCAN, 16, 1e-6, 0, 0);
		struct em_array a = {0};

		switch (i) {
		case 0: v.width = 0; break;
		case 1: v.height = 20000; break;
		case 2: v.x = NAN; break;
		case 3: v.plane[0][0] = 0; break;
		case 4: v.electrons = -1; break;
		case 5: v.a = 2; break;
		case 6: v.defocus = INFINITY; break;
		case 7: v.voltage = 0; break;
		case 8: v.x = 1e300; break;
		case 9: v.outer = v.inner; break;
		case 10: v.convergence = 0; break;
		case 11: v.row_jitter = 1; break;
		case 12: v.saturation = NAN; break;
		case 13: v.beam_radius = NAN; break;
		case 14: v.plane[0][0] = v.plane[1][1] = 1e-20; break;
		case 15: v.signal = EM_SIM_PATTERN; break; /* of nanometres a pixel */
		case 16: v.pattern[0] = NAN; break;
		}
		err = (struct em_error){0};
		assert_int_equal(em_sim_form(w, &v, &a, &err), -1);
		assert_int_equal(err.kind, EM_ERROR_USAGE);
		assert_null(a.data);
	}
	em_sim_world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_are_poissons),
	    cmocka_unit_test(noise_is_about_what_is_expected),
	    cmocka_unit_test(an_amplifier_and_its_limits),
	    cmocka_unit_test(the_same_bits_on_any_number_of_threads),
	    cmocka_unit_test(readout_is_normal),
	    cmocka_unit_test(haadf_counts_atoms),
	    cmocka_unit_test(bright_field_weakens_exponentially),
	    cmocka_unit_test(the_lens_makes_thons_rings),
	    cmocka_unit_test(astigmatism_has_its_direction),
	    cmocka_unit_test(the_beam_may_be_smaller_than_the_picture),
	    cmocka_unit_test(strange_views_end),
	    cmocka_unit_test(views_that_are_refused),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
